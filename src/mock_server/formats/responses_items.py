"""The output items of OpenAI's Responses, and what they hold (wire formats, 5.5).  Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, Union

from ..errors import MISSING
from ..ids import BASE64URL, HEX
from ..limits import Json
from ..values import Block, Call, Part, Reasoning, Refusal, Reply, Text, ToolCall
from .likely import likely_tokens
from .runs import walk
from .shapes import tool_input

# What the ids of items begin with, by their type (2.4; that of custom calls is quoted).
ITEM_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "web_search_call": "ws",
    "file_search_call": "fs",
    "code_interpreter_call": "ci",
    "image_generation_call": "ig",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "compaction": "cmp",
}

# What is still empty of an item when its stream begins, by its type: MISSING is not there yet.
# Those of hosted tools are quoted from real streams.
OPENED: Mapping[str, Mapping[str, Json]] = {
    "message": {"content": []},
    "reasoning": {"summary": [], "content": MISSING, "encrypted_content": MISSING},
    "function_call": {"arguments": ""},
    "custom_tool_call": {"input": ""},
    "web_search_call": {"action": {"type": "search"}},  # openai-py's strict validation needs one
    "file_search_call": {"queries": [], "results": None},
    "code_interpreter_call": {"code": "", "outputs": None},
    "image_generation_call": dict.fromkeys(
        ("action", "background", "output_format", "quality", "result", "revised_prompt", "size"),
        MISSING,
    ),
    "mcp_call": {"arguments": "", "output": None, "error": None},
    "mcp_list_tools": {"tools": []},
    "compaction": {"encrypted_content": ""},
}

# The status of an item that a response ends with, by that of the response; else it is incomplete.
LAST_STATUSES = {"completed": "completed", "in_progress": "in_progress", "queued": "in_progress"}


def response_id(call: Call, prefix: str, label: str) -> str:
    """An id: 16 digits that all of the response share, the second, and 24 of its own (2.4)."""
    shared = call.token("response", 16, HEX)
    digits = call.token(label, 24, HEX)
    # `819` stood in nearly all recorded ids.
    return f"{prefix}_{shared}00{call.second:08x}{digits[:4]}819{digits[7:]}"


def content_part(part: Union[Text, Reasoning, Refusal]) -> Dict[str, Json]:
    """What an item holds: output text, a refusal, or a part of a summary."""
    if isinstance(part, Reasoning):
        return {"type": "summary_text", "text": part.text}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": part.text}


def opened_item(item: Mapping[str, Json]) -> Dict[str, Json]:
    """An output item as a stream begins it, with nothing in it."""
    empty = OPENED.get(item_type(item), {})
    opened = {key: empty.get(key, value) for key, value in item.items()}
    if "status" in opened:
        opened["status"] = "in_progress"
    return {key: value for key, value in opened.items() if value is not MISSING}


def item_type(item: Mapping[str, Json]) -> str:
    """The type of an item; that of a mock's own may be none."""
    return str(item.get("type", "item"))


def output_item(call: Call, part: Part, index: int) -> Dict[str, Json]:
    """A whole output item."""
    label = f"item {index}"
    if isinstance(part, Block):
        return native_item(call, part, label)
    # Keys in the order of 5.5; a thought alone has no status.
    if isinstance(part, ToolCall):
        return called_item(call, part, index)
    if isinstance(part, Reasoning):
        item = {"id": response_id(call, "rs", label), "type": "reasoning"}
        return {**item, **reasoning_members(call, part, index)}
    content = []
    if isinstance(part, (Text, Refusal)):
        content.append(content_part(part))
    return {
        "id": response_id(call, "msg", label),
        "type": "message",
        "status": "completed",
        "content": content,
        "role": "assistant",
    }


def called_item(call: Call, part: ToolCall, index: int) -> Dict[str, Json]:
    """A call of a function, whose arguments are JSON text, or of a custom tool."""
    kind = "function_call"
    if part.name in call.custom_tools:
        kind = "custom_tool_call"
    head = {
        "id": response_id(call, ITEM_PREFIXES[kind], f"item {index}"),
        "type": kind,
        "status": "completed",
    }
    called = {"call_id": part.id or "call_" + call.token(f"tool {index}", 24)}
    if kind == "custom_tool_call":
        return {**head, **called, "input": tool_input(part), "name": part.name}
    return {**head, "arguments": tool_input(part), **called, "name": part.name}


def native_item(call: Call, block: Block, label: str) -> Dict[str, Json]:
    """A mock's own item as it is; its events need an id, which it gets if it has none."""
    if block.value.get("id") is not None:
        return dict(block.value)
    prefix = ITEM_PREFIXES.get(item_type(block.value), "item")
    rest = {key: value for key, value in block.value.items() if key != "id"}
    return {"id": response_id(call, prefix, label), **rest}


def output_items(call: Call, reply: Reply, status: str) -> List[Json]:
    """All output items; the last one is as incomplete as the response, whose `status` it has."""
    items = [output_item(call, part, index) for index, part in enumerate(reply.parts)]
    if wants_text_logprobs(call):
        add_logprobs(call, reply, items)
    # A thought has no status, and a mock's own item the one that it says.
    if items and "status" in items[-1] and not isinstance(reply.parts[-1], Block):
        items[-1]["status"] = LAST_STATUSES.get(status, "incomplete")
    return items


def reasoning_members(call: Call, part: Reasoning, index: int) -> Dict[str, Json]:
    """The summary of a thought, and the thought itself for clients that carry it to the next
    request: encrypted, and only if asked for."""
    members: Dict[str, Json] = {"summary": []}
    if part.text:
        members["summary"] = [content_part(part)]
    if "reasoning.encrypted_content" in (call.body.get("include") or ()):
        secret = call.token(f"encrypted {index}", 121, BASE64URL)
        members["encrypted_content"] = "gAAAAAB" + secret  # which is how a Fernet token begins
    return members


def wants_text_logprobs(call: Call) -> bool:
    """Whether a request asks how likely the text was."""
    return "message.output_text.logprobs" in (call.body.get("include") or ())


def add_logprobs(call: Call, reply: Reply, items: List[Dict[str, Json]]) -> None:
    """How likely the texts of items were, piece by piece, if the request wants it; those of a
    mock's own items are as it says."""
    for run in walk(reply):
        if isinstance(run.part, Text):
            tokens = likely_tokens(run.texts, call.body.get("top_logprobs"))
            items[run.index]["content"][0]["logprobs"] = tokens
