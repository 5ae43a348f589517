"""How events follow each other on the wire: frames out, and `split` back in.  May touch struct and zlib."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Callable, Dict, Iterable, Iterator, List, Sequence, Tuple, Union, cast

from .jsons import compact, go_json, indented, parse_json, sorted_compact, spaced, utf8
from .limits import Json
from .values import Plan


class SSE:
    """Server-sent events (WHATWG HTML, 9.2): `eol` ends each line, an empty line each event."""

    negotiated = (
        False  # no provider compresses an event stream by default (wire formats, section 4)
    )
    streams = True  # whether the content type is the stream's, not that of a whole body

    def __init__(self, eol: str = "\n", layout: Callable[[Json], str] = compact) -> None:
        self.eol, self.layout = eol, layout

    def frame(self, data: str, event: str = "") -> bytes:
        """One event; each line of data gets a `data:` field of its own."""
        lines = ["event: " + event] if event else []
        lines += ["data: " + line for line in data.split("\n")]
        return utf8(self.eol.join(lines) + self.eol * 2)

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events, (name, JSON value) or (name, text as it is), as frames."""
        for name, value in events:
            yield self.frame(value if isinstance(value, str) else self.layout(value), name)

    END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))+")

    @classmethod
    def split(cls, data: bytes) -> List[bytes]:
        """A recorded stream as its frames, byte for byte; what follows the last empty line is one too."""
        ends = [match.end() for match in cls.END.finditer(data)]
        cuts = [0] + ends + ([len(data)] if not ends or ends[-1] < len(data) else [])
        return [data[start:end] for start, end in zip(cuts, cuts[1:]) if end > start]

    LINE = re.compile(rb"\r\n|\n|\r")

    @classmethod
    def recut(cls, frame: bytes, plan: Plan) -> bytes:
        """The same event with other line ends, a comment before it, or no space after field names."""
        if plan.no_space:
            frame = re.sub(
                rb"(?m)^(data|event|id|retry): ",
                rb"\1:",
                cls.LINE.sub(b"\n", frame) if plan.eol else frame,
            )
        eol = plan.eol.encode() or (cls.LINE.search(frame) or cls.LINE.search(b"\n"))[0]  # type: ignore[index]
        frame = cls.LINE.sub(eol, frame) if plan.eol else frame
        return b": comment" + eol * 2 + frame if plan.comments else frame

    @classmethod
    def tear(cls, frame: bytes) -> bytes:
        """The same event with its JSON cut off in the middle."""
        text = frame.rstrip(b"\r\n")
        start = text.find(b"data:")
        return text[: start + (len(text) - start + 6) // 2] + frame[len(text) :]

    @classmethod
    def data(cls, frame: bytes) -> str:
        """The data of one frame: its `data` fields joined with newlines."""
        fields = (
            line.partition(":")
            for line in re.split(r"\r\n|\n|\r", frame.decode("utf-8", "replace"))
        )
        return "\n".join(
            value[1:] if value.startswith(" ") else value
            for name, _, value in fields
            if name == "data"
        )


class JsonArray:
    """One JSON array over the whole stream, as Google sends it: `[` element LF, `,` CR LF element LF, `]`
    (wire formats, section 7, recorded)."""

    negotiated = True  # Google flushes its gzip after each element (wire formats, section 4)
    streams = False

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events as elements, one a frame, and the closing bracket as one more."""
        mark = b"["
        for _, value in events:
            yield mark + utf8(indented(value)) + b"\n"
            mark = b",\r\n"
        yield b"]" if mark != b"[" else b"[]"

    @staticmethod
    def tear(frame: bytes) -> bytes:
        """The same element, cut off in the middle."""
        return frame[: len(frame) // 2] + b"\n"

    @staticmethod
    def split(data: bytes) -> List[Json]:
        """The elements of such a stream."""
        return cast(List[Json], parse_json(data))


class NDJSON:
    """One JSON value a line, as Ollama streams (wire formats, section 13)."""

    negotiated, streams = False, True

    def __init__(self, layout: Callable[[Json], str] = compact) -> None:
        self.layout = layout

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events as lines; names are not sent."""
        for _, value in events:
            yield utf8(self.layout(value) + "\n")

    @staticmethod
    def tear(frame: bytes) -> bytes:
        """The same line, cut off in the middle."""
        return frame[: len(frame) // 2] + b"\n"

    @staticmethod
    def split(data: bytes) -> List[Json]:
        """The values of such a stream."""
        return [parse_json(line) for line in data.split(b"\n") if line]


class EventStream:
    """AWS's binary event stream, application/vnd.amazon.eventstream (wire formats, 10.1): prelude with lengths and
    their CRC, headers, payload, CRC of all.  An event whose name ends in Exception is an exception message."""

    negotiated, streams = False, True

    @staticmethod
    def message(headers: Sequence[Tuple[str, str]], payload: bytes) -> bytes:
        """One message; all header values are strings (type 7)."""
        named = ((utf8(name), utf8(value)) for name, value in headers)
        packed = b"".join(
            struct.pack(">B", len(name)) + name + b"\x07" + struct.pack(">H", len(value)) + value
            for name, value in named
        )
        prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
        data = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
        return data + struct.pack(">I", zlib.crc32(data))

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events as messages: name and payload, its keys sorted."""
        for name, value in events:
            kind = "exception" if name.endswith("Exception") else "event"
            yield self.message(
                (
                    (f":{kind}-type", name),
                    (":content-type", "application/json"),
                    (":message-type", kind),
                ),
                utf8(sorted_compact(value)),
            )

    @staticmethod
    def split(data: bytes) -> List[Tuple[Dict[str, str], bytes]]:
        """The messages of such a stream: headers and payload.  ValueError for a wrong checksum or a message cut off."""
        found = []
        while data:
            if len(data) < 16 or len(data) < struct.unpack(">I", data[:4])[0]:
                raise ValueError("the last message is cut off")
            total, length, crc = struct.unpack(">III", data[:12])
            if (
                zlib.crc32(data[:8]) != crc
                or zlib.crc32(data[: total - 4]) != struct.unpack(">I", data[total - 4 : total])[0]
            ):
                raise ValueError("a checksum is wrong")
            found.append(
                (EventStream.headers(data[12 : 12 + length]), data[12 + length : total - 4])
            )
            data = data[total:]
        return found

    @classmethod
    def tear(cls, frame: bytes) -> bytes:
        """The same message, in order but for its payload, whose JSON is cut off in the middle."""
        headers, payload = cls.split(frame)[0]
        return cls.message(tuple(headers.items()), payload[: len(payload) // 2])

    @staticmethod
    def headers(data: bytes) -> Dict[str, str]:
        """The headers of a message by name."""
        found = {}
        while data:
            name, data = data[1 : 1 + data[0]], data[1 + data[0] :]
            size = 3 + struct.unpack(">H", data[1:3])[0]  # after the type, which is always 7
            found[name.decode()], data = data[3:size].decode(), data[size:]
        return found


OPENAI_SSE = SSE()


GOOGLE_SSE = SSE("\r\n", spaced)


GOOGLE_ARRAY = JsonArray()


GO_LINES = NDJSON(go_json)


AWS_EVENTS = EventStream()


Framing = Union[SSE, JsonArray, NDJSON, EventStream]
