"""A chat completions request as its rules look at it, and what its messages may break (request
rules, 2.1).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

from ..jsons import within
from .base import Case, Finding
from .conversation import (
    PLAIN_TURN,
    TalkTurn,
    ToolMark,
    indexed_objects,
    text_at,
    unanswered,
    unasked,
)

# What an assistant may say instead of a content.
BESIDE_CONTENT = ("tool_calls", "function_call", "audio", "refusal")
SOUND_PARTS = ("input_audio", "audio", "file")


class ChatView:
    """A chat request: its case, its body, the turns with calls and results, of which the run of
    `tool` messages behind an assistant's is one, the indexes of messages that lack a content, and
    the results whose content has parts."""

    __slots__ = ("case", "body", "turns", "messages", "hollow", "in_parts")

    def __init__(self, case: Case) -> None:
        self.case = case
        self.body: Dict[str, Any] = case.body
        self.messages = self.body.get("messages")
        self.turns: List[TalkTurn] = []
        self.hollow: List[int] = []
        self.in_parts: List[Tuple[int, List[Any]]] = []
        if isinstance(self.messages, list):
            self.read(self.messages)

    def read(self, messages: List[Any]) -> None:
        """Look at each message once."""
        is_plain = True  # whether what came right before has neither calls nor results
        for index, message in enumerate(messages):
            if not isinstance(message, dict):
                continue
            role, content = message.get("role"), message.get("content")
            if content is None and not self.may_be_hollow(role, message):
                self.hollow.append(index)
            if role == "tool":
                self.add_result(index, message, content)
                is_plain = False
            elif role == "assistant" and message.get("tool_calls"):
                self.add_calls(index, message)
                is_plain = False
            elif not is_plain:
                self.turns.append(PLAIN_TURN)
                is_plain = True

    @staticmethod
    def may_be_hollow(role: Any, message: Dict[str, Any]) -> bool:
        """Whether a message needs no content; of what has an unknown role nothing is known."""
        if role == "assistant":
            return any(message.get(name) for name in BESIDE_CONTENT)
        return role not in ("user", "system", "developer", "tool")

    def add_result(self, index: int, message: Dict[str, Any], content: Any) -> None:
        """A message with the result of a tool."""
        turns = self.turns
        if not turns or turns[-1].role != "tool":
            turns.append(TalkTurn("tool", index))
        run = turns[-1]
        run.last = index
        run.results.append(ToolMark(text_at(message, "tool_call_id"), index, 0))
        if isinstance(content, list):
            self.in_parts.append((index, content))

    def add_calls(self, index: int, message: Dict[str, Any]) -> None:
        """A message with calls of tools."""
        turn = TalkTurn("assistant", index)
        self.turns.append(turn)
        for at, call in indexed_objects(message["tool_calls"]):
            turn.calls.append(ToolMark(text_at(call, "id"), index, at))


def calls_without_result(view: ChatView) -> Iterator[Finding]:
    """Calls of tools that no message right after answers."""
    for turn, missing, after in unanswered(view.turns):
        param = "messages"
        if after < len(view.messages):
            param = f"messages.[{after}].role"
        values = {"ids": ", ".join(missing), "param": param}
        yield Finding(f"messages[{turn.first}]", values)


def results_without_call(view: ChatView) -> Iterator[Finding]:
    """Results of tools that nobody called right before."""
    for mark in unasked(view.turns):
        yield Finding(f"messages[{mark.message}]", {"i": mark.message})


def null_contents(view: ChatView) -> Iterator[Finding]:
    """Messages that say nothing."""
    for index in view.hollow:
        yield Finding(f"messages[{index}].content", {"i": index})


def sounds_of_tools(view: ChatView) -> Iterator[Finding]:
    """Results that are no text and no picture."""
    for index, parts in view.in_parts:
        if any(text_at(part, "type") in SOUND_PARTS for part in parts):
            yield Finding(f"messages[{index}]", {"i": index})


def systems(view: ChatView) -> Iterator[Finding]:
    """Messages of the system, for models that know none."""
    for index, message in indexed_objects(view.messages):
        role = text_at(message, "role")
        if role in ("system", "developer"):
            yield Finding(f"messages[{index}].role", {"i": index, "role": role})


def texts_in(messages: Any) -> Iterator[str]:
    """All texts of messages."""
    for _, message in indexed_objects(messages):
        yield text_at(message, "content")
        for _, part in indexed_objects(message.get("content")):
            yield text_at(part, "text")


def json_unsaid(view: ChatView) -> Iterator[Finding]:
    """An answer in JSON that nobody speaks of."""
    if within(view.body, "response_format", "type") != "json_object":
        return
    if not any("json" in text.lower() for text in texts_in(view.messages)):
        yield Finding("messages")
