"""What is written in frames and bodies: the texts in them, which are scrubbed together, so that a
key is found that is cut over several.  Pure."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import struct
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..framings import SSE, EventStream, JsonArray
from ..key_places import Span, is_secret_member
from ..keys import SCRUBBED
from .json_spans import JsonText, WayTo, letter_places
from .shapes import Shapes

LEAST_KEY = 6  # characters; in less there is none
Spans = Callable[[str], List[Span]]  # what must go of a text
Change = Tuple[int, int, str]


class Sheet(NamedTuple):
    """Something written, the texts in it, and how it becomes bytes again."""

    written: str
    texts: Sequence[JsonText]
    rebuilt: Callable[[str], bytes]


# --- scrubbing ---


class Looks:
    """Looks at texts, each for itself: most of a stream's come again and again."""

    def __init__(self, spans_of: Spans) -> None:
        self.spans_of = spans_of
        self.found: Dict[Tuple[str, str], List[Span]] = {}

    def alone(self, one: JsonText) -> List[Span]:
        """What must go of a text for itself."""
        known = self.found.get((one.name, one.text))
        if known is None:
            known = self.found[one.name, one.text] = self.look(one)
        return known

    def look(self, one: JsonText) -> List[Span]:
        """The same, found out."""
        if one.text == SCRUBBED:
            return []
        if one.name and is_secret_member(one.name, one.text):
            return [(0, len(one.text))]
        return self.spans_of(one.text) if len(one.text) >= LEAST_KEY else []


def scrubbed_sheets(sheets: Sequence[Sheet], spans_of: Spans) -> List[str]:
    """What is written, without what must go."""
    looks = Looks(spans_of)
    changes: List[List[Change]] = [[] for _ in sheets]
    channels: Dict[Optional[WayTo], List[Tuple[int, JsonText]]] = {}
    for number, sheet in enumerate(sheets):
        for one in sheet.texts:
            channels.setdefault(one.path, []).append((number, one))
    for piece in channels.pop(None, []):
        scrub_channel([piece], sheets, looks, changes)
    for pieces in channels.values():
        scrub_channel(pieces, sheets, looks, changes)
    return [changed(sheet.written, made) for sheet, made in zip(sheets, changes)]


def scrub_channel(
    pieces: Sequence[Tuple[int, JsonText]],
    sheets: Sequence[Sheet],
    looks: Looks,
    changes: List[List[Change]],
) -> None:
    """Take what must go out of the pieces of one text."""
    parts = [[(*span, SCRUBBED) for span in looks.alone(one)] for _, one in pieces]
    if len(pieces) > 1:
        joined_parts([one for _, one in pieces], looks.spans_of, parts)
    if not any(parts):
        return
    for (number, one), found in zip(pieces, parts):
        last = 0
        for start, end, instead in sorted(found):
            if start < last:  # it goes with the one before
                start, instead = last, ""
            if end > start:
                changes[number].append(change(sheets[number].written, one, (start, end), instead))
                last = end


def joined_parts(
    pieces: Sequence[JsonText], spans_of: Spans, parts: Sequence[List[Change]]
) -> None:
    """Add the parts of what must go of all pieces together: the first has a mark instead."""
    starts = [0, *itertools.accumulate(len(one.text) for one in pieces)]
    number = 0
    for begin, end in spans_of("".join(one.text for one in pieces)):
        while starts[number + 1] <= begin:
            number += 1
        found, at = [], number
        while at < len(pieces) and starts[at] < end:
            part = max(0, begin - starts[at]), min(starts[at + 1], end) - starts[at]
            found.append((at, part))
            at += 1
        # Keys that follow each other, as in a list, look like one.
        if all(is_gone(part, parts[at]) for at, part in found):
            continue
        instead = SCRUBBED
        for at, part in found:
            if part[0] < part[1]:
                parts[at].append((*part, instead))
                instead = ""


def is_gone(part: Span, parts: Sequence[Change]) -> bool:
    """Whether a part of a text goes anyway."""
    return any(start <= part[0] and part[1] <= end for start, end, _ in parts)


def change(written: str, one: JsonText, span: Span, instead: str) -> Change:
    """What stands instead of a piece of a text."""
    start, end = span
    piece = written[one.start : one.end]
    if "\\" in piece and not one.is_plain:
        units = letter_places(piece)
        start, end = units[start], units[end]
    return one.start + start, one.start + end, instead


def changed(written: str, changes: Sequence[Change]) -> str:
    """What is written, with something else in places that do not overlap."""
    if not changes:
        return written
    pieces, at = [], 0
    for start, end, instead in sorted(changes):
        pieces += [written[at:start], instead]
        at = end
    return "".join([*pieces, written[at:]])


# --- reading ---

LINE = re.compile(r"[^\r\n]+")


def text_coding(data: bytes) -> str:
    """How bytes are read, so that they can be written again."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def json_sheet(data: bytes, shapes: Shapes) -> Sheet:
    """A JSON value, or a text that is none."""
    coding = text_coding(data)
    written = data.decode(coding)
    texts = shapes.texts(written)
    if texts is None:
        texts = [JsonText(0, len(written), written, path=(), is_plain=True)]
    return Sheet(written, texts, lambda text: text.encode(coding))


def event_sheet(frame: bytes, shapes: Shapes) -> Sheet:
    """A frame of an event stream; what is not in its data stands for itself."""
    coding = text_coding(frame)
    written = frame.decode(coding)
    data: List["re.Match[str]"] = []
    others: List["re.Match[str]"] = []
    for line in LINE.finditer(written):
        which = data if line.group().startswith("data:") else others
        which.append(line)
    if len(data) == 1:  # as nearly always
        texts = shapes.texts(data[0].group()[5:], data[0].start() + 5)
    else:
        # The data alone, each character where it was.
        texts = shapes.texts(LINE.sub(data_alone, written))
    if texts is None:
        spans = [span_of_data(line) for line in data]
        texts = [
            JsonText(start, end, written[start:end], path=("data",), is_plain=True)
            for start, end in spans
        ]
    plain = [JsonText(*line.span(), line.group(), is_plain=True) for line in others]
    return Sheet(written, [*texts, *plain], lambda text: text.encode(coding))


def data_alone(line: "re.Match[str]") -> str:
    """The data of a line, with spaces for all else."""
    text = line.group()
    if not text.startswith("data:"):
        return " " * len(text)
    return " " * 5 + text[5:]


def span_of_data(line: "re.Match[str]") -> Span:
    """Where the data of a line is."""
    start = line.start() + 5
    if line.group()[5:6] == " ":
        start += 1
    return start, line.end()


def element_sheet(frame: bytes, shapes: Shapes) -> Sheet:
    """A frame of a JSON array: an element, with what is between it and others."""
    sheet = json_sheet(frame, shapes)
    opening = re.match(r"\s*[\[,]", sheet.written)
    start = opening.end() if opening else 0
    bare = " " * start + sheet.written[start:]
    for text in (bare, ended_early(bare)):
        texts = shapes.texts(text)
        if texts is not None:
            return sheet._replace(texts=texts)
    return sheet


def ended_early(text: str) -> str:
    """A text without the bracket at its end."""
    kept = text.rstrip()
    return kept[:-1] if kept.endswith("]") else text


def message_sheet(frame: bytes, shapes: Shapes) -> Sheet:
    """A message of AWS; where its payload holds another one, as InvokeModel's do, that."""
    try:
        ((_, payload),) = EventStream.split(frame)
    except (ValueError, IndexError, struct.error, UnicodeDecodeError):
        # A piece of none: what it says can't be changed without breaking it.
        return Sheet("", (), lambda text: frame)
    (length,) = struct.unpack_from(">I", frame, 4)
    headers = frame[12 : 12 + length]
    outer = json_sheet(payload, shapes)
    inner = next((one for one in outer.texts if one.name == "bytes"), None)
    held = decoded_payload(inner)
    if inner is None or held is None:
        return outer._replace(
            rebuilt=lambda text: EventStream.message(headers, outer.rebuilt(text))
        )
    sheet, place = json_sheet(held, shapes), inner

    def rebuilt(text: str) -> bytes:
        """The message with another payload in its payload."""
        packed = base64.b64encode(sheet.rebuilt(text)).decode()
        whole = outer.written[: place.start] + packed + outer.written[place.end :]
        return EventStream.message(headers, outer.rebuilt(whole))

    return sheet._replace(rebuilt=rebuilt)


def decoded_payload(one: Optional[JsonText]) -> Optional[bytes]:
    """The JSON that is encoded in a text; None if there is none."""
    if one is None:
        return None
    try:
        data = base64.b64decode(one.text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if data[:1] in (b"{", b"[") else None


SHEETS: Dict[str, Callable[[bytes, Shapes], Sheet]] = {
    SSE.title: event_sheet,
    JsonArray.title: element_sheet,
    EventStream.title: message_sheet,
}
