"""The input of a Responses request as the server lists it, and pages of lists.  Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping

from ..limits import Json
from ..node import Field
from ..values import Call
from .responses_items import ITEM_PREFIXES, response_id
from .responses_reading import item_kind

# What the ids of items begin with that only a client sends.
INPUT_PREFIXES = {
    **ITEM_PREFIXES,
    "function_call_output": "fco",
    "custom_tool_call_output": "ctco",
}
# Items that say how far they are; openai-py's strict validation needs it of these.
STATED = ("message", "function_call", "function_call_output", "custom_tool_call_output")
MOST_LISTED = 100
USUALLY_LISTED = 20


def input_items(call: Call) -> List[Dict[str, Json]]:
    """The items of a request's input, with ids; what only refers to another item is none."""
    given = call.body.get("input")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    kinds = [(item, item_kind(item)) for item in Field(given).objects()]
    items = [listed_item(call, item.value, kind, at) for at, (item, kind) in enumerate(kinds)]
    return [item for item in items if item["type"] != "item_reference"]


def listed_item(call: Call, item: Mapping[str, Json], kind: str, index: int) -> Dict[str, Json]:
    """One item with its id and all that it leaves out."""
    name = item.get("id") or response_id(call, INPUT_PREFIXES.get(kind, "item"), f"input {index}")
    listed: Dict[str, Json] = {"id": name, "type": kind}
    if kind in STATED:
        listed["status"] = "completed"
    if kind == "message":
        listed.update(role=item["role"], content=listed_content(item))
    listed.update((key, value) for key, value in item.items() if key not in ("id", "content"))
    if kind != "message" and "content" in item:
        listed["content"] = item["content"]
    return {**listed, "type": kind}


def listed_content(message: Mapping[str, Json]) -> Json:
    """The content of a message as parts."""
    content = message.get("content")
    if not isinstance(content, str):
        return [listed_part(part) for part in content or ()]
    if message["role"] == "assistant":
        return [listed_part({"type": "output_text", "text": content})]
    return [{"type": "input_text", "text": content}]


def listed_part(part: Json) -> Json:
    """A part with what it leaves out, as far as the SDKs need that."""
    usual: Dict[str, Json] = {}
    if part["type"] == "output_text":
        usual = {"annotations": [], "logprobs": []}
    elif part["type"] == "input_image":
        usual = {"detail": "auto"}
    return {"type": part["type"], **usual, **part}


def page(items: List[Dict[str, Json]], asked: Mapping[str, Json]) -> Dict[str, Json]:
    """The page of a list that a query asks for; the newest come first unless it says `asc`.

    ValueError if there is no item where it is to begin or to end."""
    found = items
    if asked.get("order") != "asc":
        found = found[::-1]
    names = [item.get("id") for item in found]
    start, end = 0, len(found)
    if "after" in asked:
        start = names.index(asked["after"]) + 1
    if "before" in asked:
        end = names.index(asked["before"])
    limit = asked.get("limit", USUALLY_LISTED)
    data = found[start:end][:limit]
    ids = [item.get("id") for item in data] or [None]
    return {
        "object": "list",
        "data": data,
        "first_id": ids[0],
        "last_id": ids[-1],
        "has_more": max(end - start, 0) > len(data),
    }
