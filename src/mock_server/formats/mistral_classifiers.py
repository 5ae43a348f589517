"""Mistral's moderations and classifications (short facts).  Pure."""

from __future__ import annotations

from typing import Dict, Iterable, List, Tuple

from ..ids import HEX
from ..limits import Json
from ..node import Field
from ..values import Call, Reply, Text, Turn
from .base import conversation
from .mistral import Mistral
from .openai import strings_of
from .openai_chat_reading import chat_turns
from .openai_moderations import OpenAIModerations
from .shapes import is_blocked

# As the thresholds of guardrails are called in the SDK's types (version 1 of the moderation).
MISTRAL_MODERATED = (
    "sexual",
    "hate_and_discrimination",
    "violence_and_threats",
    "dangerous_and_criminal_content",
    "selfharm",
    "health",
    "financial",
    "law",
    "pii",
)
FLAGGED = "dangerous_and_criminal_content"  # stands for all: a mock does not say what is wrong


def inputs_of(body: Field) -> Field:
    """What is judged, which is not nothing."""
    given = body.get("input")
    if given.value == []:
        given.expected("an array")
    return given


class MistralModerations(Mistral, OpenAIModerations):
    """Moderations; a neutral reply that refuses, or stops by content_filter, flags one category."""

    routes = OpenAIModerations.routes
    fields = {"model": "a string!", "input": "a string or an array!"}

    def inputs(self, body: Field) -> List[str]:
        """The texts to judge, one by one."""
        inputs_of(body)
        return super().inputs(body)

    def whole(self, call: Call, reply: Reply) -> Json:
        """A result an input, without a verdict over all categories; all are the same."""
        flagged = is_blocked(reply)
        categories = dict.fromkeys(MISTRAL_MODERATED, False)
        scores = dict.fromkeys(MISTRAL_MODERATED, 0.00001)
        if flagged:
            categories[FLAGGED], scores[FLAGGED] = True, 0.98
        result = {"categories": categories, "category_scores": scores}
        return {
            "id": reply.id or call.token("id", 32, HEX),
            "model": reply.model,
            "results": [result] * max(1, len(call.inputs)),
        }


def has_messages(value: List[Json]) -> bool:
    """Whether a list is one conversation, of which all messages have a role."""
    return all(isinstance(one, dict) and "role" in one for one in value)


def messages_of(given: Field) -> Field:
    """The messages of a conversation: a list, or an object that holds one."""
    if isinstance(given.value, dict):
        given = given.get("messages")
    if not given.a("an array"):
        given.expected("an array with a message")
    return given


class Conversations(Mistral):
    """What is judged is one conversation, or several."""

    def judged(self, body: Field) -> List[Field]:
        """The conversations: a list of messages is one, a list of lists are several."""
        given = body.get("input")
        several = [given]
        if isinstance(given.value, list) and not has_messages(given.value):
            several = self.counted(given).items()
        return [messages_of(one) for one in several]

    def turns(self, body: Field) -> Iterable[Turn]:
        """The last of them."""
        return chat_turns(self.judged(body)[-1])

    def inputs(self, body: Field) -> List[str]:
        """The last user message of each."""
        return [conversation(list(chat_turns(one)))["user"] for one in self.judged(body)]


class MistralChatModerations(Conversations, MistralModerations):
    """Moderations of conversations, as plain ones are answered."""

    api = "chat_moderations"
    routes: Tuple[str, ...] = ("POST /v1/chat/moderations", "POST {prefix*}/chat/moderations")
    fields = {"model": "a string!", "input": "an array or an object!"}


class MistralClassifications(Mistral):
    """Classifications: a neutral text is the class that each input is in."""

    operation, api = "moderate", "classifications"
    routes: Tuple[str, ...] = ("POST /v1/classifications", "POST {prefix*}/classifications")
    fields = {"model": "a string!", "input": "a string or an array!"}
    speaks = frozenset((Text,))

    def inputs(self, body: Field) -> List[str]:
        """The texts to classify, one by one."""
        node = inputs_of(body)
        if isinstance(node.value, str):
            return [node.value]
        return strings_of(self.counted(node))

    def tellings(self, call: Call) -> int:
        """Once for each input: the text is the class that all are in."""
        return max(1, len(call.inputs))

    def whole(self, call: Call, reply: Reply) -> Json:
        """A result an input; all are the same."""
        scores: Dict[str, float] = {reply.text(Text) or "": 0.98}
        return {
            "id": reply.id or call.token("id", 32, HEX),
            "model": reply.model,
            "results": [{"default": {"scores": scores}}] * self.tellings(call),
        }


class MistralChatClassifications(Conversations, MistralClassifications):
    """Classifications of conversations."""

    api = "chat_classifications"
    routes: Tuple[str, ...] = (
        "POST /v1/chat/classifications",
        "POST {prefix*}/chat/classifications",
    )
    fields = {"model": "a string!", "input": "an array or an object!"}
