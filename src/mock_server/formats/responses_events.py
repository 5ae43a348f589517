"""The events in which an output item of OpenAI's Responses streams (wire formats, 5.5).  Pure."""

from __future__ import annotations

import itertools
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple, Union

from ..limits import Json
from ..values import Call
from .openai import wants_obfuscation
from .responses_items import item_type, opened_item
from .runs import ARGUMENT_PIECES, WORDS, hole, pieces
from .shapes import items_within

# A piece of text and what pads it: what is filled into the holes of an event.
TextAndPad = Tuple[str, str]
ONE = (("", ""),)  # for an event without holes
# Names and members, still without numbers, of events that are alike but for what is filled in.
ItemEvents = Iterator[Tuple[str, Dict[str, Json], Iterable[TextAndPad]]]


class Said(NamedTuple):
    """A step of an item: what a member of it says, in pieces, then whole."""

    name: str
    key: str


class Held(NamedTuple):
    """A step of an item: the parts that a member of it holds; what their events are called, and
    the key of a part's place."""

    key: str
    holder: str
    place: str


# What happens between `output_item.added` and `.done`, by the item's type; a word alone is an event
# of that name (5.5).  What is not here has no events of its own.
ITEM_STEPS: Mapping[str, Tuple[Union[str, Said, Held], ...]] = {
    "message": (Held("content", "content_part", "content_index"),),
    "reasoning": (
        Held("summary", "reasoning_summary_part", "summary_index"),
        Held("content", "content_part", "content_index"),
    ),
    "function_call": (Said("function_call_arguments", "arguments"),),
    "custom_tool_call": (Said("custom_tool_call_input", "input"),),
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": (
        "in_progress",
        Said("code_interpreter_call_code", "code"),
        "interpreting",
        "completed",
    ),
    "image_generation_call": ("in_progress", "generating", "partial_image", "completed"),
    "mcp_call": ("in_progress", Said("mcp_call_arguments", "arguments"), "completed"),
    "mcp_list_tools": ("in_progress", "completed"),
    "compaction": ("compacting",),
}

# The text of a part, by the part's type.
PART_TEXTS: Mapping[Json, Said] = {
    "output_text": Said("output_text", "text"),
    "refusal": Said("refusal", "refusal"),
    "summary_text": Said("reasoning_summary_text", "text"),
    "reasoning_text": Said("reasoning_text", "text"),
}

# What the event of a picture repeats of its item (read in the SDK's types).
PICTURE_MEMBERS = ("background", "output_format", "quality", "size")


def objects_in(value: Mapping[str, Json], name: str) -> List[Dict[str, Json]]:
    """The objects in an array of an item or a part."""
    return [item for item in items_within(value, name) if isinstance(item, dict)]


def likely_pieces(text: str, logprobs: Sequence[Mapping[str, Json]]) -> List[Dict[str, Json]]:
    """The log probabilities of a text as events have them, without bytes (typed in openai-py 3.57);
    none where they are not those of this very text."""
    if "".join(str(entry.get("token")) for entry in logprobs) != text:
        return []
    found = []
    for entry in logprobs:
        tops = [without_bytes(top) for top in objects_in(entry, "top_logprobs")]
        found.append({**without_bytes(entry), "top_logprobs": tops})
    return found


def without_bytes(entry: Mapping[str, Json]) -> Dict[str, Json]:
    """A log probability but for the bytes of its token."""
    return {name: value for name, value in entry.items() if name != "bytes"}


class ItemStream:
    """One output item as it streams, in pieces of `size` characters."""

    def __init__(self, call: Call, item: Mapping[str, Json], index: int, size: int) -> None:
        self.call, self.item, self.index, self.size = call, item, index, size
        self.kind = item_type(item)
        self.place: Dict[str, Json] = {"item_id": item["id"], "output_index": index}

    def events(self) -> ItemEvents:
        """Its events, from added to done (5.5, recorded)."""
        opened = opened_item(self.item)
        yield "response.output_item.added", {"item": opened, "output_index": self.index}, ONE
        for step in ITEM_STEPS.get(self.kind, ()):
            if isinstance(step, Held):
                yield from self.parts(step)
            elif isinstance(step, Said):
                yield from self.said(step, self.item.get(step.key), self.place, self.item)
            else:
                yield from self.progress(step)
        yield "response.output_item.done", {"item": self.item, "output_index": self.index}, ONE

    def progress(self, step: str) -> ItemEvents:
        """An event that says how far a tool is; one that has failed is not completed."""
        members = self.place
        item = self.item
        if step == "completed" and (item.get("error") or item.get("status") == "failed"):
            if not self.kind.startswith("mcp_"):
                return  # the others have no event for it
            step = "failed"
        if step == "partial_image":
            if not isinstance(item.get("result"), str):
                return
            about = {key: item[key] for key in PICTURE_MEMBERS if key in item}
            picture = {"partial_image_b64": item["result"], "partial_image_index": 0}
            members = {**members, **about, **picture}
        yield f"response.{self.kind}.{step}", members, ONE

    def parts(self, step: Held) -> ItemEvents:
        """The events of the parts of a message or of a thought."""
        for index, part in enumerate(objects_in(self.item, step.key)):
            place = {step.place: index, **self.place}
            said = PART_TEXTS.get(str(part.get("type")))
            opened = dict(part)
            if said:
                opened.update({said.key: ""})
            opened.update({key: [] for key in ("annotations", "logprobs") if part.get(key)})
            yield f"response.{step.holder}.added", {**place, "part": opened}, ONE
            if said:
                yield from self.said(said, part.get(said.key), place, part)
            yield f"response.{step.holder}.done", {**place, "part": part}, ONE

    def said(
        self, said: Said, text: Json, place: Dict[str, Json], of: Mapping[str, Json]
    ) -> ItemEvents:
        """A text in pieces, what is cited of it, and the text once more: that `of` a part, or of an
        item, of which the call of a function says its name again."""
        if not isinstance(text, str):
            return
        shared, likely, name = dict(place), [], {}
        if said.name == "output_text":
            likely = likely_pieces(text, objects_in(of, "logprobs"))
            shared["logprobs"] = likely
        elif said.name == "function_call_arguments" and "name" in of:
            name = {"name": of["name"]}
        if likely:
            yield from self.likely_deltas(said, place, likely)
        elif text:
            words = ARGUMENT_PIECES if said.key in ("arguments", "input") else WORDS
            members, texts = self.deltas(pieces(text, self.size, words), shared)
            yield f"response.{said.name}.delta", members, texts
        for number, annotation in enumerate(objects_in(of, "annotations")):
            members = {**place, "annotation": annotation, "annotation_index": number}
            yield "response.output_text.annotation.added", members, ONE
        yield f"response.{said.name}.done", {**shared, **name, said.key: text}, ONE

    def likely_deltas(
        self, said: Said, place: Dict[str, Json], likely: Sequence[Json]
    ) -> ItemEvents:
        """The pieces of a text, each with how likely it was."""
        for piece in likely:
            members, texts = self.deltas([piece["token"]], {**place, "logprobs": [piece]})
            yield f"response.{said.name}.delta", members, texts

    def deltas(
        self, texts: Iterable[str], members: Mapping[str, Json]
    ) -> Tuple[Dict[str, Json], Iterable[TextAndPad]]:
        """The members of the deltas of a text, and what is filled into them."""
        delta = {**members, "delta": hole(0)}
        if not wants_obfuscation(self.call.body):
            return delta, zip(texts, itertools.repeat(""))
        return {**delta, "obfuscation": hole(1)}, padded(self.call, texts, self.index)


def padded(call: Call, texts: Iterable[str], first: int) -> Iterator[TextAndPad]:
    """The pieces of a text, each with what makes it as long as a multiple of 16 characters (5.5,
    recorded)."""
    pads = call.pads
    for number, piece in enumerate(texts, first):
        # 1,008 is a multiple of 16 that leaves a whole padding of the 1,024 pads.
        start = number * 16 % 1008
        yield piece, pads[start : start + (-len(piece)) % 16]
