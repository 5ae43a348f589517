"""The events in which an output item of OpenAI's Responses streams (wire formats, 5.5).  Pure."""

from __future__ import annotations

import itertools
from typing import Dict, Iterable, Iterator, Mapping, NamedTuple, Tuple

from ..limits import Json
from ..values import Call, Reasoning, Refusal, Text, ToolCall
from .openai import wants_obfuscation
from .responses_items import content_part, opened_item
from .runs import Run, hole

# A piece of text and what pads it: what is filled into the holes of an event.
TextAndPad = Tuple[str, str]
ONE = (("", ""),)  # for an event without holes
# Names and members, still without numbers, of events that are alike but for what is filled in.
ItemEvents = Iterator[Tuple[str, Dict[str, Json], Iterable[TextAndPad]]]


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


def item_events(call: Call, run: Run, item: Mapping[str, Json]) -> ItemEvents:
    """The events of one output item, from added to done (5.5, recorded)."""
    part, index = run.part, run.index
    opened = opened_item(call, part, index)
    yield "response.output_item.added", {"item": opened, "output_index": index}, ONE
    if isinstance(part, ToolCall):
        yield from argument_events(call, run, item)
    elif not isinstance(part, Reasoning) or part.text:  # a thought without text has no parts
        yield from part_events(call, run, item)
    yield "response.output_item.done", {"item": item, "output_index": index}, ONE


def argument_events(call: Call, run: Run, item: Mapping[str, Json]) -> ItemEvents:
    """The events of a tool call's arguments."""
    place = {"item_id": item["id"], "output_index": run.index}
    members, filled = deltas(call, run, place)
    yield "response.function_call_arguments.delta", members, filled
    done = {"arguments": item["arguments"], **place}
    yield "response.function_call_arguments.done", done, ONE


def part_events(call: Call, run: Run, item: Mapping[str, Json]) -> ItemEvents:
    """The events of the one content or summary part of an item."""
    part, text = run.part, run.text
    names = PART_NAMES[type(part)]
    place = {names.place: 0, "item_id": item["id"], "output_index": run.index}
    shared = dict(place)
    if isinstance(part, Text):
        shared["logprobs"] = []
    yield f"response.{names.holder}.added", {**place, "part": content_part(part, "")}, ONE
    if text:
        members, filled = deltas(call, run, shared)
        yield f"response.{names.text}.delta", members, filled
    yield f"response.{names.text}.done", {**shared, names.key: text}, ONE
    yield f"response.{names.holder}.done", {**place, "part": content_part(part, text)}, ONE


def deltas(
    call: Call, run: Run, members: Mapping[str, Json]
) -> Tuple[Dict[str, Json], Iterable[TextAndPad]]:
    """The members of the deltas of a part, and what is filled into them."""
    delta = {**members, "delta": hole(0)}
    if not wants_obfuscation(call.body):
        return delta, zip(run.pieces, itertools.repeat(""))
    return {**delta, "obfuscation": hole(1)}, padded(call, run)


def padded(call: Call, run: Run) -> Iterator[TextAndPad]:
    """The pieces of a part, each with what makes it as long as a multiple of 16 characters (5.5,
    recorded)."""
    pads = call.pads
    for number, piece in enumerate(run.pieces, run.index):
        # 1,008 is a multiple of 16 that leaves a whole padding of the 1,024 pads.
        start = number * 16 % 1008
        yield piece, pads[start : start + (-len(piece)) % 16]
