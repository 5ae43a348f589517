"""What the fields of Ollama's requests may be: Go's types, to which null is as good as nothing
and unknown members are nothing at all (request rules, 1.7).  Pure."""

from __future__ import annotations

from typing import Mapping

from .fields import ABoolean, AnArray, AnInteger, AnObject, Anything, AString, Shape

GO_STRING = AString(null=True)
GO_BOOL = ABoolean(null=True)
GO_INT = AnInteger(null=True)
GO_ANY = Anything()


def go_struct(members: Mapping[str, Shape], rule: str = "") -> AnObject:
    """An object of Go's."""
    return AnObject(members, closed=False, null=True, rule=rule)


def go_slice(item: Shape) -> AnArray:
    """An array of Go's."""
    return AnArray(item, null=True)


OLLAMA_MESSAGE = go_struct(
    {
        "role": GO_STRING,
        "content": AString(null=True, rule="ollama/content"),
        "thinking": GO_STRING,
        "images": go_slice(GO_STRING),
        "tool_name": GO_STRING,
        "tool_call_id": GO_STRING,
        "tool_calls": go_slice(
            go_struct({"function": go_struct({"name": GO_STRING, "arguments": go_struct({})})})
        ),
    }
)
OLLAMA_TOOL = go_struct(
    {"type": GO_STRING, "function": go_struct({"name": GO_STRING, "description": GO_STRING})}
)
OLLAMA_MEMBERS = {"model": GO_STRING, "options": go_struct({}), "keep_alive": GO_ANY}
OLLAMA_ANSWER_MEMBERS = {
    **OLLAMA_MEMBERS,
    "stream": GO_BOOL,
    "format": GO_ANY,
    "think": GO_ANY,  # a rule of its own tells what is wrong with it
    "truncate": GO_BOOL,
    "shift": GO_BOOL,
    "logprobs": GO_BOOL,
    "top_logprobs": GO_INT,
}
OLLAMA_CHAT_BODY = go_struct(
    {
        **OLLAMA_ANSWER_MEMBERS,
        "messages": go_slice(OLLAMA_MESSAGE),
        "tools": go_slice(OLLAMA_TOOL),
    }
)
OLLAMA_GENERATE_BODY = go_struct(
    {
        **OLLAMA_ANSWER_MEMBERS,
        "prompt": GO_STRING,
        "suffix": GO_STRING,
        "system": GO_STRING,
        "template": GO_STRING,
        "context": go_slice(GO_INT),
        "raw": GO_BOOL,
        "images": go_slice(GO_STRING),
    }
)
OLLAMA_EMBED_BODY = go_struct(
    {**OLLAMA_MEMBERS, "input": GO_ANY, "truncate": GO_BOOL, "dimensions": GO_INT}
)
OLLAMA_EMBEDDINGS_BODY = go_struct({**OLLAMA_MEMBERS, "prompt": GO_STRING})
# What Go calls these, which are no plain strings, numbers and maps.
GO_TYPES = {
    "messages": "[]api.Message",
    "tools": "api.Tools",
    "images": "[]api.ImageData",
    "context": "[]int",
    "tool_calls": "[]api.ToolCall",
    "arguments": "api.ToolCallFunctionArguments",
}
GO_ITEMS = {
    "messages": "api.Alias",
    "tools": "api.Tool",
    "images": "api.ImageData",
    "context": "int",
    "tool_calls": "api.ToolCall",
}
