"""How a chat completions request reads (wire formats, 2.2 and 5.2).  Pure."""

from __future__ import annotations

from typing import Iterator, List

from ..jsons import within
from ..limits import Json
from ..node import Field, Kinds
from ..values import Turn
from .base import call_id_of, choices_of
from .openai import OpenAIGeneration, openai_text

# What a role is in a conversation.  `developer` is what reasoning models call the system, and
# `function` what a tool was before there were several a message.
CHAT_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}

MESSAGE_FIELDS = Kinds({"role": "a string!"})


def chat_turns(messages: Field) -> Iterator[Turn]:
    """The turns of a conversation."""
    for message in messages.items():
        value = message.check(MESSAGE_FIELDS).value
        role = CHAT_ROLES.get(value["role"])
        if role is None:
            message.get("role").one_from(CHAT_ROLES)
        text = value.get("content")
        if not isinstance(text, str):
            text = openai_text(message.get("content"))
        if role == "tool":
            # A `function`, as a tool was called first, is known by its name alone.
            yield Turn(role, text, call_id_of(value, "tool_call_id", "name"))
        else:
            yield Turn(role, text)


class ChatRequest(OpenAIGeneration):
    """A request in the form that most other providers understand, too."""

    api = "chat"
    fields = {
        "model": "a string!",
        "messages": "an array!",
        "stream": "a boolean",
        "stream_options": "an object",
        "n": "an integer",
        "tools": "an array",
        "functions": "an array",
        "temperature": "a number",
        "top_p": "a number",
        "max_tokens": "an integer",
        "max_completion_tokens": "an integer",
        "logprobs": "a boolean",
        "response_format": "an object",
        "parallel_tool_calls": "a boolean",
        "tool_choice": "a string or an object",
        "stop": "a string or an array",
        "user": "a string",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """The messages, in order."""
        messages = body.get("messages")
        if not messages.value:
            messages.expected("an array")
        return chat_turns(messages)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of functions and custom tools, and of the older `functions`."""
        if body.value.keys().isdisjoint(("tools", "functions")):
            return
        for tool in body.get("tools").objects():
            kind = tool.value.get("type")
            # Both lie under their kind; what other vendors add has no name to call it by.
            if kind in ("function", "custom"):
                function = tool.check({kind: "an object!"}).get(kind)
                yield function.check({"name": "a string!"}).value["name"]
        for function in body.get("functions").objects():
            yield function.check({"name": "a string!"}).value["name"]

    def custom_tools(self, body: Json) -> List[str]:
        """Those of type `custom`."""
        tools = body.get("tools") or ()
        return [tool["custom"]["name"] for tool in tools if tool.get("type") == "custom"]

    def choices(self, body: Field) -> int:
        """`n`."""
        if "n" not in body.value:
            return 1
        return choices_of(body.get("n"), 128)  # the most that OpenAI takes

    def schema(self, body: Field) -> Json:
        """`response_format.json_schema.schema`."""
        return within(body.value, "response_format", "json_schema", "schema")
