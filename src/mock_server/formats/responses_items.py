"""The output items of OpenAI's Responses, and what they hold (wire formats, 5.5).  Pure."""

from __future__ import annotations

from typing import Dict, List

from ..jsons import BASE64URL, HEX, compact
from ..limits import Json
from ..values import Call, Part, Reasoning, Refusal, Reply, Text, ToolCall


def response_id(call: Call, prefix: str, label: str) -> str:
    """An id: 16 digits that all of the response share, the second, and 24 of its own (2.4)."""
    shared = call.token("response", 16, HEX)
    digits = call.token(label, 24, HEX)
    # `819` stood in nearly all recorded ids.
    return f"{prefix}_{shared}00{call.second:08x}{digits[:4]}819{digits[7:]}"


def content_part(part: Part, text: str) -> Dict[str, Json]:
    """What an item holds: output text, a refusal, or a part of a summary."""
    if isinstance(part, Reasoning):
        return {"type": "summary_text", "text": text}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def opened_item(call: Call, part: Part, index: int) -> Dict[str, Json]:
    """An output item as a stream begins it, with nothing in it."""
    label = f"item {index}"
    # Keys in the order of 5.5; a thought alone has no status.
    if isinstance(part, ToolCall):
        return {
            "id": response_id(call, "fc", label),
            "type": "function_call",
            "status": "in_progress",
            "arguments": "",
            "call_id": part.id or "call_" + call.token(f"tool {index}", 24),
            "name": part.name,
        }
    if isinstance(part, Reasoning):
        return {"id": response_id(call, "rs", label), "type": "reasoning", "summary": []}
    return {
        "id": response_id(call, "msg", label),
        "type": "message",
        "status": "in_progress",
        "content": [],
        "role": "assistant",
    }


def output_item(call: Call, part: Part, index: int) -> Dict[str, Json]:
    """A whole output item."""
    item = opened_item(call, part, index)
    if isinstance(part, Reasoning):
        return {**item, **reasoning_members(call, part, index)}
    item["status"] = "completed"
    if isinstance(part, ToolCall):
        item["arguments"] = compact(part.arguments)
    elif isinstance(part, (Text, Refusal)):
        item["content"] = [content_part(part, part.text)]
    return item


def output_items(call: Call, reply: Reply, status: str) -> List[Json]:
    """All output items; the last one is as incomplete as the response, whose `status` it has."""
    items = [output_item(call, part, index) for index, part in enumerate(reply.parts)]
    if items and "status" in items[-1]:  # a thought has none
        items[-1]["status"] = status
    return items


def reasoning_members(call: Call, part: Reasoning, index: int) -> Dict[str, Json]:
    """The summary of a thought, and the thought itself for clients that carry it to the next
    request: encrypted, and only if asked for."""
    members: Dict[str, Json] = {"summary": []}
    if part.text:
        members["summary"] = [content_part(part, part.text)]
    if "reasoning.encrypted_content" in (call.body.get("include") or ()):
        secret = call.token(f"encrypted {index}", 121, BASE64URL)
        members["encrypted_content"] = "gAAAAAB" + secret  # which is how a Fernet token begins
    return members
