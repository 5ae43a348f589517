"""Small shapes that several formats share.  Pure."""

from __future__ import annotations

import base64
import struct
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from ..jsons import compact, within
from ..limits import Json
from ..node import Field
from ..values import Refusal, Reply, ToolCall


def present(**members: Json) -> Dict[str, Json]:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def texts_of(texts: Field) -> List[str]:
    """An array of strings; BadField for anything else in it."""
    return [item.text() for item in texts.items()]


def stop_of(reply: Reply) -> str:
    """Why an answer stopped, where a refusal is text that a filter stopped."""
    # These formats have no field for a refusal.
    if reply.stop == "stop" and reply.text(Refusal) is not None:
        return "content_filter"
    return reply.stop


def is_blocked(reply: Reply) -> bool:
    """Whether a verdict on a text is no: a reply that refuses, or that a filter stopped."""
    return reply.stop == "content_filter" or reply.text(Refusal) is not None


def said_stop(words: Mapping[str, str], stop: str) -> str:
    """A provider's word for why an answer stopped; one of its own is said as it is."""
    return words.get(stop, stop)


def tool_input(part: ToolCall) -> str:
    """What a tool is called with, as text: plain for a custom tool, else JSON."""
    if part.input is not None:
        return part.input
    return compact(part.arguments)


def items_within(value: Json, *names: str) -> List[Json]:
    """The items of an array inside nested objects; a mock's own block may have anything in its
    place, into which nobody looks."""
    items = within(value, *names)
    if isinstance(items, list):
        return items
    return []


def packed_floats(vector: Sequence[float]) -> str:
    """A vector in base64 of little-endian float32."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


# Members that say what a piece is, and nothing that could be passed on.
MUTE_MEMBERS = frozenset(
    (
        *("type", "role", "index", "id", "thought", "thoughtSignature", "signature"),
        *("finish_reason", "stop_reason"),
    )
)


def has_words(value: Json) -> bool:
    """Whether there is something to pass on in a piece of an answer: text, or a tool's name."""
    if isinstance(value, dict):
        return any(has_words(value[key]) for key in value if key not in MUTE_MEMBERS)
    if isinstance(value, list):
        return any(map(has_words, value))
    return bool(value)


def named_by_type(values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
    """Recorded values as events whose names are their types."""
    for value in values:
        name = within(value, "type")
        # What has no type is no event of the API, and passes as it is; nor is what is none.
        if not isinstance(name, str) or not name.isprintable():
            name = ""
        yield name, value
