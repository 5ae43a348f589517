"""What OpenAI's chat completions refuse (request rules, 2.1).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List

from .base import Book, Case, Finding, Rule
from .conversation import (
    PLAIN_TURN,
    TalkTurn,
    ToolMark,
    indexed_objects,
    text_at,
    unanswered,
    unasked,
)
from .openai_chat_fields import CHAT_BODY
from .openai_voice import OpenAIVoice


class ChatView:
    """A chat request as its rules look at it: the case, its body, its turns.  The run of `tool`
    messages behind an assistant's is one turn."""

    __slots__ = ("case", "body", "turns", "messages")

    def __init__(self, case: Case) -> None:
        self.case = case
        self.body: Dict[str, Any] = case.body
        self.messages = self.body.get("messages")
        self.turns: List[TalkTurn] = []
        if isinstance(self.messages, list):
            self.read(self.messages)

    def read(self, messages: List[Any]) -> None:
        """Find the turns."""
        turns, run = self.turns, None
        for index, message in enumerate(messages):
            role = message.get("role") if isinstance(message, dict) else None
            if role == "tool":
                if run is None:
                    run = TalkTurn("tool", index)
                    turns.append(run)
                run.last = index
                run.results.append(ToolMark(text_at(message, "tool_call_id"), index, 0))
                continue
            run = None
            calls = message.get("tool_calls") if role == "assistant" else None
            if not calls:
                turns.append(PLAIN_TURN)
                continue
            turn = TalkTurn("assistant", index)
            turns.append(turn)
            for at, call in indexed_objects(calls):
                turn.calls.append(ToolMark(text_at(call, "id"), index, at))


def calls_without_result(view: ChatView) -> Iterator[Finding]:
    """Calls of tools that no message right after answers."""
    for turn, missing, after in unanswered(view.turns):
        param = "messages"
        if after < len(view.messages):
            param = f"messages.[{after}].role"
        yield Finding(f"messages[{turn.first}]", {"ids": ", ".join(missing)}, param)


def results_without_call(view: ChatView) -> Iterator[Finding]:
    """Results of tools that nobody called right before."""
    for mark in unasked(view.turns):
        yield Finding(f"messages[{mark.message}]", {"i": mark.message})


def both_limits(view: ChatView) -> Iterator[Finding]:
    """Two names of one limit."""
    body = view.body
    if body["max_tokens"] is not None and body["max_completion_tokens"] is not None:
        yield Finding("max_tokens")


def old_limit(view: ChatView) -> Iterator[Finding]:
    """The older name of the limit, which no model that reasons takes."""
    if view.body["max_tokens"] is not None:
        yield Finding("max_tokens")


REASONING = r"^(?:o[1-9]|gpt-(?:[5-9]|[1-9]\d)(?!\d)(?!-chat))"

OPENAI_FIELD_RULES = (
    Rule(
        "openai/unknown-field",
        "Unknown parameter: '{path}'.",
        "teabranch/open-responses-server#41, songquanpeng/one-api#1319",
    ),
    Rule("openai/missing", "Missing required parameter: '{path}'.", "pattern"),
    Rule(
        "openai/types",
        "Invalid type for '{path}': expected {wanted}, but got {got} instead.",
        "pattern",
    ),
    Rule(
        "openai/role-unknown",
        "Invalid value: '{value}'. Supported values are: 'system', 'assistant', 'user', "
        "'function', 'tool', and 'developer'.",
        "pattern",
    ),
    Rule("openai/part-type", "Invalid value: '{value}'. Supported values are: {choices}.", "x"),
    Rule(
        "openai/messages-empty",
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
        "empty array instead.",
        "recorded",
    ),
    Rule("openai/tool-call-id-length", "Invalid '{path}': string too long.", "x"),
    Rule("openai/tool-args-string", "Invalid type for '{path}'", "x"),
    Rule("openai/tool-name-pattern", "Invalid '{path}'", "x"),
    Rule("openai/temperature-range", "Invalid 'temperature'", "x"),
    Rule("openai/limits", "Invalid '{path}'", "x"),
)

OPENAI_CHAT_RULES = (
    *OPENAI_FIELD_RULES,
    Rule(
        "openai/tool-calls-answered",
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: {ids}",
        "BerriAI/litellm#10083, BerriAI/litellm#28995, aliasrobotics/cai#111",
        calls_without_result,
        needs=("messages",),
    ),
    Rule(
        "openai/tool-after-tool-calls",
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
        "with 'tool_calls'.",
        "smarter-sh/smarter#264, miurla/morphic#136, run-llama/llama_index#10493",
        results_without_call,
        param="messages.[{i}].role",
    ),
    Rule(
        "openai/max-tokens-both",
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        "documentation",
        both_limits,
        needs=("max_tokens", "max_completion_tokens"),
        code="invalid_parameter_combination",
        param="max_tokens",
    ),
    Rule(
        "openai/max-tokens-reasoning",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "recorded",
        old_limit,
        default="mod",
        needs=("max_tokens",),
        models=REASONING,
        code="unsupported_parameter",
        param="max_tokens",
    ),
)

OPENAI_CHAT = Book("openai", "chat", OPENAI_CHAT_RULES, CHAT_BODY, OpenAIVoice("openai"), ChatView)

# What holds for the messages at whatever host: a conversation that lacks a result is none.
STRUCTURE_RULES = (
    "openai/messages-empty",
    "openai/role-unknown",
    "openai/tool-calls-answered",
    "openai/tool-after-tool-calls",
)
