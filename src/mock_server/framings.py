"""Framings: how events follow each other, frames out and `split` back in.

May touch struct and zlib.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Callable, Dict, Iterable, Iterator, List, Sequence, Tuple, Union, cast

from .jsons import compact, go_json, indented, laid_out, parse_json, sorted_compact, spaced, utf8
from .limits import Json


def read_data(text: str) -> Json:
    """The JSON value of an event's data, or the text itself if it is none, such as [DONE]."""
    try:
        return parse_json(utf8(text))
    except ValueError:
        return text


def between(data: bytes, cuts: Sequence[int]) -> List[bytes]:
    """The pieces of data from each cut to the next, and from the last to the end."""
    pieces = [data[start:end] for start, end in zip(cuts, [*cuts[1:], len(data)])]
    return [piece for piece in pieces if piece]


class SSE:
    """Server-sent events: `eol` ends each line, an empty line each event."""

    title = "an event stream"
    negotiated = False  # most providers never compress an event stream (wire formats, 4)
    streams = True  # whether the content type is the stream's, not that of a whole body

    # WHATWG HTML, 9.2: a line may end with CR LF, LF or CR, whatever the other lines end with.
    LINE_END = re.compile(rb"\r\n|\n|\r")
    EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))+")

    def __init__(self, eol: str = "\n", layout: Callable[[Json], str] = compact) -> None:
        self.eol = eol
        self.layout = layout

    def frame(self, data: str, event: str = "") -> bytes:
        """One event; each line of data gets a `data:` field of its own."""
        lines = ["event: " + event] if event else []
        lines += ["data: " + line for line in data.split("\n")]
        return utf8(self.eol.join(lines) + self.eol * 2)

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events, (name, JSON value), (name, its bytes) or (name, text as it is), as frames."""
        end = utf8(self.eol * 2)
        named, field = "", b"data: "
        for name, value in events:
            if isinstance(value, str):
                yield self.frame(value, name)
                continue
            # Most have the name of the one before.
            if name != named:
                named, field = name, b"data: "
                if name:
                    field = utf8(f"event: {name}{self.eol}data: ")
            # What is laid out has no line ends that would have to be cut at.
            data = value
            if not isinstance(value, bytes):
                data = utf8(self.layout(value))
            yield field + data + end

    @classmethod
    def split(cls, data: bytes) -> List[bytes]:
        """A recorded stream as its frames, byte for byte; the last may lack its empty line."""
        # Cut only where events end: what is sent again is what was recorded.
        return between(data, [0, *(match.end() for match in cls.EVENT_END.finditer(data))])

    @classmethod
    def tear(cls, frame: bytes) -> bytes:
        """The same event with its JSON cut off in the middle."""
        text = frame.rstrip(b"\r\n")
        start = text.find(b"data:")
        return text[: start + (len(text) - start + 6) // 2] + frame[len(text) :]

    @classmethod
    def data(cls, frame: bytes) -> str:
        """The data of one frame: its `data` fields joined with newlines."""
        return "\n".join(value for name, value in cls.fields(frame) if name == "data")

    @classmethod
    def decoded(cls, frame: bytes) -> Tuple[str, Json]:
        """The name of the event in a frame, and the value of its data."""
        names = [value for name, value in cls.fields(frame) if name == "event"]
        return "".join(names[-1:]), read_data(cls.data(frame))

    @staticmethod
    def fields(frame: bytes) -> Iterator[Tuple[str, str]]:
        """The fields of one frame, in order; a comment is one without a name."""
        for line in re.split(r"\r\n|\n|\r", frame.decode("utf-8", "replace")):
            name, _, value = line.partition(":")
            # One leading space is no part of the value (3.1).
            if value.startswith(" "):
                value = value[1:]
            yield name, value


class JsonArray:
    """One JSON array over the whole stream, as Google sends it.

    `[` element LF, then `,` CR LF element LF, then `]` (wire formats, 7, recorded)."""

    title = "a JSON array"
    negotiated = True  # Google flushes its gzip after each element (wire formats, 4)
    streams = False

    # What opens or closes something in JSON; brackets in strings do not, so that these are found,
    # too.  The line end behind an element is sent with it.
    BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}](?:\r?\n)?', re.DOTALL)

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events as elements, one a frame, and the closing bracket as one more."""
        before = b"["
        for _, value in events:
            yield before + laid_out(value, indented) + b"\n"
            before = b",\r\n"  # CR LF before, a bare LF behind (7)
        if before == b"[":
            yield b"[]"
        else:
            yield b"]"

    @staticmethod
    def tear(frame: bytes) -> bytes:
        """The same element, cut off in the middle."""
        return frame[: len(frame) // 2] + b"\n"

    @staticmethod
    def decoded(frame: bytes) -> Tuple[str, Json]:
        """The element in a frame, which has no name."""
        text = frame.decode("utf-8", "replace").strip()
        if text[:1] in ("[", ","):
            text = text[1:]
        return "", read_data(text)

    @staticmethod
    def split(data: bytes) -> List[Json]:
        """The elements of such a stream."""
        return cast(List[Json], parse_json(data))

    @classmethod
    def cut(cls, data: bytes) -> List[bytes]:
        """The text of such a stream as its frames, byte for byte, an array or object each; it may
        be cut off."""
        cuts, depth = [0], 0
        for match in cls.BRACKET.finditer(data):
            kind = match.group()[:1]
            if kind in b"[{":
                depth += 1
            elif kind in b"]}":
                depth -= 1
                if depth == 1:
                    cuts.append(match.end())
        return between(data, cuts)


class NDJSON:
    """One JSON value a line, as Ollama streams (wire formats, 13)."""

    title = "lines of JSON"
    negotiated = False
    streams = True

    def __init__(self, layout: Callable[[Json], str] = compact) -> None:
        self.layout = layout

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events as lines; names are not sent."""
        for _, value in events:
            # No blank line: ollama-python breaks on one (13, verified).
            yield laid_out(value, self.layout) + b"\n"

    @staticmethod
    def tear(frame: bytes) -> bytes:
        """The same line, cut off in the middle."""
        return frame[: len(frame) // 2] + b"\n"

    @staticmethod
    def decoded(frame: bytes) -> Tuple[str, Json]:
        """The value in a line, which has no name."""
        return "", read_data(frame.decode("utf-8", "replace").strip())

    @staticmethod
    def split(data: bytes) -> List[Json]:
        """The values of such a stream."""
        return [parse_json(line) for line in data.split(b"\n") if line.strip()]

    @staticmethod
    def cut(data: bytes) -> List[bytes]:
        """The text of such a stream as its lines, byte for byte, with empty ones behind them."""
        return re.findall(rb"[^\n]*\n(?:\r?\n)*|[^\n]+", data)


LONGEST_NAME = 5000  # characters of a header in a message, whose length has two bytes


class EventStream:
    """AWS's binary event stream, application/vnd.amazon.eventstream (wire formats, 10.1).

    A message is a prelude of two lengths and their CRC, headers, a payload, and a CRC of it all.
    An event whose name ends in Exception is an exception message."""

    title = "an AWS event stream"
    negotiated = False
    streams = True

    @staticmethod
    def headers_of(name: str) -> Tuple[Tuple[str, str], ...]:
        """The headers of an event or an exception."""
        kind = "exception" if name.endswith("Exception") else "event"
        return (
            (f":{kind}-type", name),
            (":content-type", "application/json"),
            (":message-type", kind),
        )

    @staticmethod
    def packed(headers: Sequence[Tuple[str, str]]) -> bytes:
        """Headers as bytes; all values are strings (type 7)."""
        packed = b""
        for header in headers:
            name, value = (utf8(text[:LONGEST_NAME]) for text in header)
            packed += struct.pack(">B", len(name)) + name
            packed += struct.pack(">BH", 7, len(value)) + value
        return packed

    @staticmethod
    def message(packed: bytes, payload: bytes) -> bytes:
        """One message with packed headers."""
        # The total counts all: two lengths and two CRCs make the 16 (10.1).
        prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
        data = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
        return data + struct.pack(">I", zlib.crc32(data))

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events as messages: name and payload, its keys sorted."""
        packed: Dict[str, bytes] = {}  # by name: a stream has many events of few names
        for name, value in events:
            if name not in packed:
                packed[name] = self.packed(self.headers_of(name))
            yield self.message(packed[name], laid_out(value, sorted_compact))

    @classmethod
    def split(cls, data: bytes) -> List[Tuple[Dict[str, str], bytes]]:
        """The messages of such a stream: headers and payload.

        ValueError for a wrong checksum or a message cut off."""
        messages = []
        start = 0
        while start < len(data):
            # No slice of all that is left: there may be thousands of messages.
            length = len(data) - start
            if length < 16 or length < struct.unpack_from(">I", data, start)[0]:
                raise ValueError("the last message is cut off")
            total, length = struct.unpack_from(">II", data, start)
            message = data[start : start + total]
            checksums = struct.pack(">II", zlib.crc32(message[:8]), zlib.crc32(message[:-4]))
            if total < 16 or checksums != message[8:12] + message[-4:]:
                raise ValueError("a checksum is wrong")
            messages.append((cls.headers(message[12 : 12 + length]), message[12 + length : -4]))
            start += total
        return messages

    @classmethod
    def cut(cls, data: bytes) -> List[bytes]:
        """The bytes of such a stream as its messages; the last may be cut off."""
        cuts = [0]
        while len(data) - cuts[-1] >= 16:  # the least that there can be of one
            length = max(16, struct.unpack_from(">I", data, cuts[-1])[0])
            cuts.append(min(len(data), cuts[-1] + length))
        return between(data, cuts)

    @classmethod
    def tear(cls, frame: bytes) -> bytes:
        """The same message, in order but for its payload, whose JSON is cut off in the middle."""
        try:
            ((headers, payload),) = cls.split(frame)
        except (ValueError, IndexError, struct.error):  # a recorded piece that is no one message
            return frame[: len(frame) // 2]
        return cls.message(cls.packed(tuple(headers.items())), payload[: len(payload) // 2])

    @classmethod
    def decoded(cls, frame: bytes) -> Tuple[str, Json]:
        """The name of an event and its payload; nothing of what is no message."""
        try:
            headers, payload = cls.split(frame)[0]
        except (ValueError, IndexError):
            return "", ""
        return headers.get(":event-type", ""), read_data(payload.decode("utf-8", "replace"))

    @staticmethod
    def headers(data: bytes) -> Dict[str, str]:
        """The headers of a message by name."""
        values: Dict[str, str] = {}
        while data:
            name_end = 1 + data[0]
            start = name_end + 3  # of the value: after the type, which is always 7, and its length
            end = start + struct.unpack(">H", data[name_end + 1 : start])[0]
            values[data[1:name_end].decode()] = data[start:end].decode()
            data = data[end:]
        return values


# Google alone ends lines with CR LF and has a space behind colons (wire formats, 3.2).
OPENAI_SSE = SSE()


GOOGLE_SSE = SSE("\r\n", spaced)


GOOGLE_ARRAY = JsonArray()


GO_LINES = NDJSON(go_json)


AWS_EVENTS = EventStream()


Framing = Union[SSE, JsonArray, NDJSON, EventStream]
