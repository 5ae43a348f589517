"""Texts of streams: in which framing they are, cut into frames, and the JSON in them.  Pure."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Callable, List, Mapping, Optional, Sequence, Tuple

from ..framings import (
    GOOGLE_ARRAY,
    NDJSON,
    OPENAI_SSE,
    SSE,
    EventStream,
    Framing,
    JsonArray,
    between,
)
from ..jsons import parse_json
from ..limits import Json
from ..outcomes import Original, Recorded
from ..records import replace

# By the title of a framing: how its text is cut, byte for byte.
TEXT_CUTS: Mapping[str, Callable[[bytes], List[bytes]]] = {
    SSE.title: SSE.split,
    NDJSON.title: NDJSON.cut,
    JsonArray.title: JsonArray.cut,
    EventStream.title: EventStream.cut,
}

# How texts are sent where no provider says it, and as what.
TEXT_FRAMINGS: Mapping[str, Tuple[Framing, str]] = {
    SSE.title: (OPENAI_SSE, "text/event-stream"),
    NDJSON.title: (NDJSON(), "application/x-ndjson"),
    JsonArray.title: (GOOGLE_ARRAY, "application/json"),
}

# Content types that only streams have.
STREAM_TYPES: Mapping[str, str] = {
    "text/event-stream": SSE.title,
    "application/x-ndjson": NDJSON.title,
    "application/ndjson": NDJSON.title,
    "application/jsonl": NDJSON.title,
    "application/vnd.amazon.eventstream": EventStream.title,
}

# A field that means something to a client, or a comment (WHATWG HTML, 9.2.6).
EVENT_LINE = re.compile(rb"(?:\A|[\r\n])(?:data|event|id|retry)?:")
FLUSHED = re.compile(rb"\x00\x00\xff\xff")
BLANK = b"\xef\xbb\xbf \t\r\n"  # what a text may begin with: a byte order mark, too


def framing_of(text: bytes) -> str:
    """The title of the framing that the text of a stream is in; empty for none."""
    begun = text.lstrip(BLANK)
    if begun.startswith(b"["):
        return JsonArray.title
    if begun.startswith(b"{"):
        return NDJSON.title
    # A message begins with two lengths and their checksum (wire formats, 10.1).
    if len(text) >= 12 and struct.unpack_from(">I", text, 8)[0] == zlib.crc32(text[:8]):
        return EventStream.title
    if EVENT_LINE.search(begun):
        return SSE.title
    return ""


def framing_of_answer(original: Original) -> str:
    """The same of an answer whose content type may say it; empty for a whole body, too."""
    content_type = type_of(original)
    if content_type in STREAM_TYPES:
        return STREAM_TYPES[content_type]
    if original.is_coded or content_type == "text/html":
        return ""
    kind = framing_of(original.body)
    # One object is a whole body: two lines at least are a stream.
    if kind == NDJSON.title and len(values_in(kind, [original.body]) or ()) < 2:
        return ""
    return kind


def type_of(original: Original) -> str:
    """The content type of an answer, without parameters; empty if it has none."""
    for name, value in original.headers:
        if name.lower() == "content-type":
            return value.partition(";")[0].strip().lower()
    return ""


def values_in(kind: str, frames: Sequence[bytes]) -> Optional[List[Json]]:
    """The JSON values of a text's events; None if one of them is no JSON, such as [DONE]."""
    try:
        if kind == NDJSON.title:
            return NDJSON.split(b"".join(frames))
        if kind == JsonArray.title:
            return JsonArray.split(b"".join(frames))
        texts = [SSE.data(frame) for frame in frames]
        return [parse_json(text.encode()) for text in texts if text]
    except ValueError:
        return None


def values_of(recorded: Recorded) -> Sequence[Json]:
    """The JSON values of a recorded stream, to be framed anew, with texts such as [DONE] that are
    none; none at all of a text in which there is something else."""
    if recorded.values:
        return recorded.values
    return values_in(recorded.kind, recorded.frames) or ()


def is_json(recorded: Recorded) -> bool:
    """Whether every event of a recorded stream is JSON, as only server-sent ones need not be."""
    values = values_of(recorded)
    return len(values) > 0 and not any(isinstance(value, str) for value in values)


def streaming(original: Original) -> Original:
    """An answer that is sent as a stream, if it is one: in chunks as it was, or in events."""
    if original.frames is not None:
        return original
    kind = framing_of_answer(original)
    frames: Optional[Tuple[bytes, ...]] = None
    if original.is_coded and kind:
        # Whoever compresses a stream flushes each event, which ends so (RFC 1951, 3.2.4).
        ends = [match.end() for match in FLUSHED.finditer(original.body)]
        frames = tuple(between(original.body, [0, *ends]))
    elif kind:
        frames = tuple(TEXT_CUTS[kind](original.body))
    return replace(original, frames=frames)
