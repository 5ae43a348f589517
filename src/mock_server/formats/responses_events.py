"""The events in which an output item of OpenAI's Responses streams (wire formats, 5.5).  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, NamedTuple, Sequence, Tuple

from ..limits import Json
from ..values import Call, Delta, Reasoning, Refusal, Text, ToolCall
from .openai import wants_obfuscation
from .responses_items import content_part, opened_item

ItemEvents = Iterator[Tuple[str, Dict[str, Json]]]  # names and members, still without numbers


class PartNames(NamedTuple):
    """What the events of a part are called: what holds it, its text, the key of the whole text,
    and the key of its place in the item."""

    holder: str
    text: str
    key: str
    place: str


# All parts have the same events but for these names (5.5).
PART_NAMES: Mapping[type, PartNames] = {
    Text: PartNames("content_part", "output_text", "text", "content_index"),
    Refusal: PartNames("content_part", "refusal", "refusal", "content_index"),
    Reasoning: PartNames(
        "reasoning_summary_part", "reasoning_summary_text", "text", "summary_index"
    ),
}


def item_events(call: Call, deltas: Sequence[Delta], item: Mapping[str, Json]) -> ItemEvents:
    """The events of one output item, from added to done (5.5, recorded)."""
    part, index = deltas[0].part, deltas[0].index
    opened = opened_item(call, part, index)
    yield "response.output_item.added", {"item": opened, "output_index": index}
    if isinstance(part, ToolCall):
        yield from argument_events(call, deltas, item)
    elif not isinstance(part, Reasoning) or part.text:  # a thought without text has no parts
        yield from part_events(call, deltas, item)
    yield "response.output_item.done", {"item": item, "output_index": index}


def argument_events(call: Call, deltas: Sequence[Delta], item: Mapping[str, Json]) -> ItemEvents:
    """The events of a tool call's arguments."""
    place = {"item_id": item["id"], "output_index": deltas[0].index}
    for number, delta in enumerate(deltas):
        padding = obfuscation(call, delta, number)
        members = {"delta": delta.piece, **place, **padding}
        yield "response.function_call_arguments.delta", members
    yield "response.function_call_arguments.done", {"arguments": item["arguments"], **place}


def part_events(call: Call, deltas: Sequence[Delta], item: Mapping[str, Json]) -> ItemEvents:
    """The events of the one content or summary part of an item."""
    part = deltas[0].part
    text = "".join(delta.piece for delta in deltas)
    names = PART_NAMES[type(part)]
    place = {names.place: 0, "item_id": item["id"], "output_index": deltas[0].index}
    shared = dict(place)
    if isinstance(part, Text):
        shared["logprobs"] = []
    yield f"response.{names.holder}.added", {**place, "part": content_part(part, "")}
    for number, delta in enumerate(deltas):
        if delta.piece:
            padding = obfuscation(call, delta, number)
            yield f"response.{names.text}.delta", {**shared, "delta": delta.piece, **padding}
    yield f"response.{names.text}.done", {**shared, names.key: text}
    yield f"response.{names.holder}.done", {**place, "part": content_part(part, text)}


def obfuscation(call: Call, delta: Delta, number: int) -> Dict[str, Json]:
    """Padding of a delta up to a multiple of 16 characters, unless the request wants none (5.5,
    recorded)."""
    if not wants_obfuscation(call.body):
        return {}
    # 1,008 is a multiple of 16 that leaves a whole padding of the 1,024 pads.
    start = (delta.index + number) * 16 % 1008
    return {"obfuscation": call.pads[start : start + (-len(delta.piece)) % 16]}
