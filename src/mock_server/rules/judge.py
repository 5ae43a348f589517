"""What a request breaks of its provider's rules, and the error that it would get.  Pure."""

from __future__ import annotations

import functools
from typing import Dict, List, Mapping, Optional, Tuple

from ..formats.anthropic import AnthropicCountTokens, AnthropicMessages
from ..formats.azure import AzureEmbeddings
from ..formats.azure_chat import AzureChat
from ..formats.base import WireFormat
from ..formats.bedrock_converse import BedrockConverse
from ..formats.bedrock_count_tokens import BedrockCountTokens
from ..formats.bedrock_invoke import (
    BedrockClaude,
    BedrockCohereEmbed,
    BedrockNova,
    BedrockTitanEmbed,
)
from ..formats.cohere import CohereChat
from ..formats.cohere_embed import CohereEmbed
from ..formats.gemini_embeddings import GeminiBatchEmbed, GeminiEmbed
from ..formats.gemini_generate import GeminiCountTokens, GeminiGenerate
from ..formats.mistral import MistralEmbeddings
from ..formats.mistral_chat import MistralChat, MistralFIM
from ..formats.ollama import OllamaChat, OllamaEmbed, OllamaEmbeddings, OllamaGenerate
from ..formats.openai_chat import OpenAIChat
from ..formats.openai_embeddings import OpenAIEmbeddings
from ..formats.responses import OpenAIInputTokens, OpenAIResponses
from ..formats.responses_compact import OpenAICompact
from ..formats.vertex import (
    VertexBatchEmbed,
    VertexCountTokens,
    VertexEmbed,
    VertexGenerate,
    VertexPredict,
)
from ..formats.vertex_claude import VertexClaudeCount, VertexMessages
from ..formats.vertex_partners import VertexFIM, VertexMistral
from ..limits import DIALECTS, Json
from ..state import State
from ..values import Call, Failure
from ..violations import Violations, that_count
from .anthropic import (
    CLAUDE_COUNT,
    CLAUDE_COUNT_ON_VERTEX,
    CLAUDE_ELSEWHERE,
    CLAUDE_MESSAGES,
    CLAUDE_ON_BEDROCK,
    CLAUDE_ON_VERTEX,
)
from .azure_chat import AZURE_CHAT
from .base import Book, Case, first_alone
from .bedrock_converse import CONVERSE_BOOK, COUNT_TOKENS_BOOK
from .bedrock_invoke import COHERE_INVOKE_BOOK, NOVA_BOOK, TITAN_BOOK
from .cohere import COHERE_CHAT, COHERE_EMBED
from .gemini import GEMINI_BATCH, GEMINI_COUNT, GEMINI_EMBED, GEMINI_GENERATE
from .mistral import (
    MISTRAL_CHAT,
    MISTRAL_EMBEDDINGS,
    MISTRAL_FIM,
    VERTEX_MISTRAL_CHAT,
    VERTEX_MISTRAL_FIM,
)
from .ollama import OLLAMA_CHAT, OLLAMA_EMBED, OLLAMA_EMBEDDINGS, OLLAMA_GENERATE
from .openai_chat import OPENAI_CHAT
from .openai_embeddings import AZURE_EMBEDDINGS, OPENAI_EMBEDDINGS
from .openai_hosts import ANY_HOST_CHAT, HOST_CHATS
from .openai_responses import OPENAI_RESPONSES, RESPONSES_COMPACT, RESPONSES_TOKENS
from .vertex import VERTEX_BATCH, VERTEX_COUNT, VERTEX_EMBED, VERTEX_GENERATE, VERTEX_PREDICT

# By the class of the API; one that is made of another has that one's, unless it has its own.
BOOKS: Mapping[type, Book] = {
    OpenAIChat: OPENAI_CHAT,
    AzureChat: AZURE_CHAT,
    OpenAIResponses: OPENAI_RESPONSES,
    OpenAIInputTokens: RESPONSES_TOKENS,
    OpenAICompact: RESPONSES_COMPACT,
    OpenAIEmbeddings: OPENAI_EMBEDDINGS,
    AzureEmbeddings: AZURE_EMBEDDINGS,
    AnthropicMessages: CLAUDE_MESSAGES,
    AnthropicCountTokens: CLAUDE_COUNT,
    VertexMessages: CLAUDE_ON_VERTEX,
    VertexClaudeCount: CLAUDE_COUNT_ON_VERTEX,
    BedrockClaude: CLAUDE_ON_BEDROCK,
    GeminiGenerate: GEMINI_GENERATE,
    GeminiCountTokens: GEMINI_COUNT,
    GeminiEmbed: GEMINI_EMBED,
    GeminiBatchEmbed: GEMINI_BATCH,
    VertexGenerate: VERTEX_GENERATE,
    VertexCountTokens: VERTEX_COUNT,
    VertexEmbed: VERTEX_EMBED,
    VertexBatchEmbed: VERTEX_BATCH,
    VertexPredict: VERTEX_PREDICT,
    BedrockConverse: CONVERSE_BOOK,
    BedrockCountTokens: COUNT_TOKENS_BOOK,
    BedrockNova: NOVA_BOOK,
    BedrockTitanEmbed: TITAN_BOOK,
    BedrockCohereEmbed: COHERE_INVOKE_BOOK,
    MistralChat: MISTRAL_CHAT,
    MistralFIM: MISTRAL_FIM,
    MistralEmbeddings: MISTRAL_EMBEDDINGS,
    VertexMistral: VERTEX_MISTRAL_CHAT,
    VertexFIM: VERTEX_MISTRAL_FIM,
    CohereChat: COHERE_CHAT,
    CohereEmbed: COHERE_EMBED,
    OllamaChat: OLLAMA_CHAT,
    OllamaGenerate: OLLAMA_GENERATE,
    OllamaEmbed: OLLAMA_EMBED,
    OllamaEmbeddings: OLLAMA_EMBEDDINGS,
}
# The same at the hosts of OpenAI's dialects, which have other models and fields: by dialect, and
# of those that have no book of their own.  Of items and inputs nothing is known that all refuse.
OF_HOSTS: Mapping[type, Tuple[Mapping[str, Book], Optional[Book]]] = {
    OpenAIChat: (HOST_CHATS, ANY_HOST_CHAT),
    **dict.fromkeys(
        (OpenAIResponses, OpenAIInputTokens, OpenAICompact, OpenAIEmbeddings), ({}, None)
    ),
}
# Bedrock's messages are Anthropic's own, and OpenAI has none.
OTHER_HOSTS = frozenset(DIALECTS).difference(("bedrock", "openai"))


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


def book_for(wire: WireFormat, call: Call) -> Optional[Book]:
    """The rules that hold for a call: Anthropic's format has no dialects, but other hosts, which
    the first segment of its path names."""
    book = book_of(wire)
    if book is not CLAUDE_MESSAGES and book is not CLAUDE_COUNT:
        return book
    host = call.request.path[1:].partition("/")[0]
    return CLAUDE_ELSEWHERE if host in OTHER_HOSTS else book


def violations_of(
    wire: WireFormat, call: Call, body: Json, every: bool, state: Optional[State] = None
) -> Tuple[Violations, bool]:
    """What a request breaks, first what is told first, and whether that depends on what its session
    remembers; `every` asks for the rules, too, that are off."""
    book = book_for(wire, call)
    if book is None:
        return (), False
    case = Case(wire, call, body, state)
    return book.broken(case, every), case.asks_state


def refusal(wire: WireFormat, violations: Violations) -> Failure:
    """The provider's error for what counts of these."""
    book = book_of(wire)
    # A mock may answer in a dialect whose host has no rules.
    told_as = book.refusal if book else first_alone
    return told_as(that_count(violations))


def rules_json() -> List[Dict[str, Json]]:
    """All rules for people and tests to look at.  One that several APIs have is told once, and
    again where another says it otherwise.  One that is only noted in some cases has two rows, or a
    row elsewhere, of which the first says what it is."""
    found: Dict[Tuple[str, ...], Dict[str, Json]] = {}
    told: Dict[str, List[Json]] = {}
    books = [("", book) for book in BOOKS.values()]
    for dialect, book in [*books, *HOST_CHATS.items()]:
        for rule in book.rules:
            words: List[Json] = [rule.sentence, rule.status]
            if told.setdefault(rule.id, words) == words:
                key: Tuple[str, ...] = (rule.id,)
            else:
                key = rule.id, dialect or book.provider, book.api
            found.setdefault(
                key,
                {
                    "id": rule.id,
                    "provider": dialect or book.provider,
                    "api": book.api,
                    "sentence": rule.sentence,
                    "status": rule.status,
                    "default": rule.default,
                    "source": rule.source,
                },
            )
    return list(found.values())
