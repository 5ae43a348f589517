"""Retold: an answer as people read it, made of what is kept of its bytes.  Pure."""

from __future__ import annotations

import base64
import codecs
import functools
import re
import struct
import zlib
from bisect import bisect_left
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from .bodies import ChunkedBody
from .codings import GZIP, content_type_in
from .entries import Asked, Entry
from .errors import Refused
from .framings import EventStream, JsonArray
from .http import header_lines
from .jsons import parse_json, utf8
from .kept import Moment
from .key_lines import is_secret_parameter
from .keys import SCRUBBED, merged_spans, replaced
from .limits import JOURNAL_BODY, Headers, Json
from .mocks.stream_texts import STREAM_TYPES, TEXT_CUTS, framing_of
from .recording.scrubbing import Scrubber, TooManySigns, secrets_of_header
from .secrets import SECRET, masked
from .withheld import HIDDEN, kept_fields

LEAST_BEGUN = 4  # bytes of a credential that tell something of it
ANY_CHUNK = 1 << 60  # bytes that a chunk may say it has
ELEMENT = re.compile(r"<(\w+)>([^<]+)<")  # of XML, as AWS's Query protocol answers

Masking = Callable[[str], str]


class Unchunked(ChunkedBody):
    """A body in chunks, which may turn out to be none."""

    def __init__(self) -> None:
        self.begun = 0  # where in `rest` the head of a chunk begins
        super().__init__(ANY_CHUNK)

    def size(self) -> bool:
        """Read a chunk's head; whether there may be more to read."""
        self.begun = self.at
        return super().size()

    def taken(self, data: bytes) -> Tuple[bytes, bool]:
        """What is in some more bytes, and whether they are in chunks; from where they are not, as
        they are."""
        try:
            self.feed(data)
        except Refused:
            start = self.begun if self.state == self.size else self.at
            return bytes(self.pieces) + self.rest[start:], False
        found = bytes(self.pieces)
        self.pieces.clear()
        return found, True


class Undone:
    """A body as it was before its chunks and its coding, as far as they can be undone: a fault may
    have broken them.  Of what is longer than the journal keeps it is the beginning."""

    def __init__(self, headers: Headers) -> None:
        named = {name.lower(): value.lower() for name, value in headers}
        self.chunks: Optional[Unchunked] = None
        if named.get("transfer-encoding") == "chunked":
            self.chunks = Unchunked()
        self.is_packed = named.get("content-encoding") in ("gzip", "x-gzip")
        self.unpacker = zlib.decompressobj(GZIP)
        self.plain = bytearray()
        self.is_cut = False

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        if self.chunks:
            data, is_chunked = self.chunks.taken(data)
            if not is_chunked:
                self.chunks = None
        while data and self.is_packed and not self.is_cut:
            data = self.unpacked(data)
        self.plain += data
        if len(self.plain) > JOURNAL_BODY:
            del self.plain[JOURNAL_BODY:]
            self.is_cut = True

    def unpacked(self, data: bytes) -> bytes:
        """Take bytes in gzip; those that are left behind its end, or are none."""
        try:
            self.plain += self.unpacker.decompress(data, JOURNAL_BODY + 1 - len(self.plain))
        except zlib.error:
            self.is_packed = False
            return data
        if len(self.plain) > JOURNAL_BODY:
            self.is_cut = True
        if not self.unpacker.eof:
            return b""
        data, self.unpacker = self.unpacker.unused_data, zlib.decompressobj(GZIP)
        return data


def answer_json(entry: Entry) -> Optional[Dict[str, Json]]:
    """What is shown of the answer to a request, as far as it was sent; None as long as there is
    none."""
    sent, asked = entry.sent, entry.asked
    out = max(0, sent.bytes)
    head, body, moments = sent.kept.written(entry.moment, entry.number)
    body = body[:out]
    if not (sent.has_begun or body):
        return None
    headers = headers_in(head)
    undone = Undone(headers)
    moments = fed(undone, body, moments)
    scrubber = Scrubber(brought_by(asked))
    plain = without_begun(scrubber, bytes(undone.plain))
    is_cut = undone.is_cut or out > len(body)
    mask = functools.partial(without_own, scrubber)
    told: Dict[str, Json] = {
        "status": entry.status,
        "headers": [[name, masked(name, mask(value))] for name, value in headers],
    }
    if asked.forwarded:  # it may tell a key that is none of the client's
        mask = functools.partial(without_any, scrubber)
    kind = stream_kind_of(asked, headers, plain)
    if kind:
        events = TEXT_CUTS[kind](plain)
        told["events"] = [mask(told_event(kind, event)) for event in events]
        told["event_times"] = times_of_events(entry, events, moments)
    else:
        told["body"] = told_body(asked, plain, is_cut, mask)
    told["truncated"] = is_cut
    return told


def headers_in(head: bytes) -> Headers:
    """Names and values of the headers in a head."""
    pairs = [line.partition(":") for line in header_lines(head)[1:] if line]
    return tuple((name, value.strip(" \t")) for name, _, value in pairs)


def stream_kind_of(asked: Asked, headers: Headers, plain: bytes) -> str:
    """The title of the framing in which an answer is a stream; empty for a whole one."""
    if hides_answer(asked):  # of which fields are shown alone
        return ""
    content_type = content_type_in(headers).partition(";")[0].strip().lower()
    kind = STREAM_TYPES.get(content_type, "")
    if kind or asked.events_total == 0 or not (asked.call and asked.call.stream):
        return kind
    # Google's arrays have the type of a whole body (wire formats, 7).
    is_array = framing_of(plain) == JsonArray.title
    return JsonArray.title if is_array else ""


# --- when ---


def fed(undone: Undone, body: bytes, moments: Iterable[Moment]) -> List[Moment]:
    """Have a body undone, and tell how much of it, undone, was out when."""
    start, found = 0, []
    for end, at in moments:
        if end > start:
            undone.feed(body[start:end])
            start = end
        found.append((len(undone.plain), at))
    undone.feed(body[start:])
    return found


def times_of_events(
    entry: Entry, events: Sequence[bytes], moments: Sequence[Moment]
) -> List[Optional[float]]:
    """When each event was out, in seconds since the request came, as far as that is known."""
    ends = [out for out, _ in moments]
    end, found = 0, []
    for event in events:
        end += len(event)
        place = bisect_left(ends, end)
        at = entry.duration
        if place < len(moments):
            at = round(moments[place][1], 6)
        found.append(at)
    return found


# --- what ---


def told_event(kind: str, event: bytes) -> str:
    """One event as text; AWS's as its headers and its payload."""
    if kind != EventStream.title:
        return event.decode("utf-8", "replace")
    try:
        ((headers, payload),) = EventStream.split(event)
    except (ValueError, IndexError, struct.error):
        return f"({len(event)} bytes of a message that is broken, or not whole)"
    lines = [f"{name}: {value}" for name, value in headers.items()]
    text = payload.decode("utf-8", "replace")
    return "\n".join([*lines, "", text, *inner_event(text)])


def inner_event(text: str) -> List[str]:
    """What is in the bytes of a payload, as InvokeModel has them (wire formats, 10)."""
    try:
        return [base64.b64decode(parse_json(utf8(text))["bytes"]).decode()]
    except (ValueError, TypeError, LookupError):
        return []


def told_body(asked: Asked, plain: bytes, is_cut: bool, mask: Masking) -> Json:
    """A body as JSON, as text or, if it is neither, in base64; null for none."""
    if not plain:
        return None
    hides = hides_answer(asked)
    try:
        # What is cut off may end in the middle of a character.
        text = codecs.getincrementaldecoder("utf-8")().decode(plain, not is_cut)
    except ValueError:
        shown = base64.b64encode(mask(plain.decode("latin-1")).encode("latin-1")).decode()
        return masked("key", shown) if hides else {"base64": shown}
    text = mask(text)
    try:
        value = parse_json(utf8(text))
    except ValueError:
        return told_credentials(text) if hides else text
    if not hides:
        return value
    # What stands in no field may be the credential itself.
    return kept_fields(value) if isinstance(value, dict) else masked("key", text)


def hides_answer(asked: Asked) -> bool:
    """Whether an answer is full of credentials."""
    return asked.wire is not None and asked.wire.hides_body


def told_credentials(text: str) -> str:
    """What is told of an answer full of credentials that is no JSON: the elements of XML, with
    those masked."""
    if not text.lstrip().startswith("<"):
        return masked("key", text)
    return ELEMENT.sub(masked_element, text)


def masked_element(match: "re.Match[str]") -> str:
    """An element of XML as it may be shown."""
    name, text = match.groups()
    return f"<{name}>{masked(name, text)}<"


def brought_by(asked: Asked) -> List[str]:
    """The credentials that a request brought."""
    own: List[str] = []
    for name, value in asked.head.headers.items():
        if SECRET.fullmatch(name):
            own += secrets_of_header(name, value)
    return own + [value for name, value in asked.head.query.items() if is_secret_parameter(name)]


def without_own(scrubber: Scrubber, text: str) -> str:
    """A text without the credentials of its request."""
    return replaced(text, merged_spans(scrubber.own_spans(text)))


def without_begun(scrubber: Scrubber, data: bytes) -> bytes:
    """Bytes that may be cut off anywhere, without the beginning of such a credential at the end."""
    for form in scrubber.forms:
        secret = utf8(form)
        at = data.find(secret[:LEAST_BEGUN], max(0, len(data) - len(secret) + 1))
        while at >= 0:
            if secret.startswith(data[at:]):
                return data[:at] + utf8(SCRUBBED)
            at = data.find(secret[:LEAST_BEGUN], at + 1)
    return data


def without_any(scrubber: Scrubber, text: str) -> str:
    """A text without these, and without all that looks like one."""
    try:
        return scrubber.text(text)
    except TooManySigns:
        return HIDDEN
