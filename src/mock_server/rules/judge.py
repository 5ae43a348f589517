"""What a request breaks of its provider's rules, and the error that it would get.  Pure."""

from __future__ import annotations

import functools
from typing import Dict, List, Mapping, Optional, Tuple

from ..formats.azure_chat import AzureChat
from ..formats.base import WireFormat
from ..formats.openai_chat import OpenAIChat
from ..formats.responses import OpenAIInputTokens, OpenAIResponses
from ..formats.responses_compact import OpenAICompact
from ..limits import Json
from ..state import State
from ..values import Call, Failure
from ..violations import Violations, that_count
from .azure_chat import AZURE_CHAT
from .base import Book, Case
from .openai_chat import OPENAI_CHAT
from .openai_hosts import ANY_HOST_CHAT, HOST_CHATS
from .openai_responses import OPENAI_RESPONSES, RESPONSES_COMPACT, RESPONSES_TOKENS

# By the class of the API; one that is made of another has that one's, unless it has its own.
BOOKS: Mapping[type, Book] = {
    OpenAIChat: OPENAI_CHAT,
    AzureChat: AZURE_CHAT,
    OpenAIResponses: OPENAI_RESPONSES,
    OpenAIInputTokens: RESPONSES_TOKENS,
    OpenAICompact: RESPONSES_COMPACT,
}
# The same at the hosts of OpenAI's dialects, which have other models and fields: by dialect, and
# of those that have no book of their own.  Of items nothing is known that all hosts refuse.
OF_HOSTS: Mapping[type, Tuple[Mapping[str, Book], Optional[Book]]] = {
    OpenAIChat: (HOST_CHATS, ANY_HOST_CHAT),
    OpenAIResponses: ({}, None),
    OpenAIInputTokens: ({}, None),
    OpenAICompact: ({}, None),
}


def is_a_host(wire: WireFormat) -> bool:
    """Whether an API is that of somebody else in a dialect of OpenAI's format."""
    return wire.dialect not in ("", "openai") or wire.provider not in ("openai", "azure")


@functools.lru_cache(maxsize=None)
def book_of(wire: WireFormat) -> Optional[Book]:
    """The rules that an API has, if there are any, and something comes that may break them."""
    if not wire.takes_body:
        return None
    for kind in type(wire).__mro__:
        if kind in OF_HOSTS and is_a_host(wire):
            books, usual = OF_HOSTS[kind]
            return books.get(wire.dialect, usual)
        if kind in BOOKS:
            return BOOKS[kind]
    return None


def violations_of(
    wire: WireFormat, call: Call, body: Json, every: bool, state: Optional[State] = None
) -> Tuple[Violations, bool]:
    """What a request breaks, first what is told first, and whether that depends on what its session
    remembers; `every` asks for the rules, too, that are off."""
    book = book_of(wire)
    if book is None:
        return (), False
    case = Case(wire, call, body, state)
    return book.broken(case, every), case.asks_state


def refusal(wire: WireFormat, violations: Violations) -> Failure:
    """The provider's error for what counts of these."""
    book = book_of(wire)
    assert book is not None  # else there were none
    return book.refusal(that_count(violations))


def rules_json() -> List[Json]:
    """All rules for people and tests to look at; one that several APIs have is told once."""
    found: Dict[str, Json] = {}
    for book in BOOKS.values():
        for rule in book.rules:
            found.setdefault(
                rule.id,
                {
                    "id": rule.id,
                    "provider": book.provider,
                    "api": book.api,
                    "sentence": rule.sentence,
                    "status": rule.status,
                    "default": rule.default,
                    "source": rule.source,
                },
            )
    return list(found.values())
