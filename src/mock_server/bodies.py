"""Request bodies from bytes, fed in any pieces.  Knows no provider, no socket and no clock."""

from __future__ import annotations

import re
from typing import Optional, Tuple, Union

from .errors import Refused, shown
from .http import FIELD, Head, malformed
from .limits import HEAD_LIMIT

# RFC 9112, 7.1 and 7.1.1; 16 digits are enough for any size.
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")


BODY_PIECE = 64 * 1024  # bytes of a body that are read at once
CHUNKS_PIECE = 4 * 1024  # and of one in chunks, while they are small

Bodies = Tuple[bytes, bytes]  # a body without its content codings, and with them

CHUNK_LINE_LIMIT = 4096  # bytes of a chunk's head or of a trailer, for whom extensions mean nothing


class SizedBody:
    """A body of `length` bytes, fed in any pieces; `rest` is what follows it."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.pieces = bytearray()
        self.rest = b""
        self.wanted = BODY_PIECE

    def feed(self, data: bytes) -> bool:
        """Take more bytes; whether the body is complete."""
        need = self.length - len(self.pieces)
        self.pieces += data[:need]
        self.rest = data[need:]
        return len(self.pieces) == self.length


class ChunkedBody:
    """A chunked body, fed in any pieces: sizes, extensions and trailers are read and dropped."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pieces = bytearray()
        self.rest = b""
        self.at = 0  # up to where `rest` is read
        self.need = 0  # bytes left of a chunk
        self.trailers = 0  # bytes of trailers
        self.state = self.size

    @property
    def wanted(self) -> int:
        """How many bytes to read at once: chunks may be tiny, and each takes its time."""
        return max(CHUNKS_PIECE, min(self.need, BODY_PIECE))

    def feed(self, data: bytes) -> bool:
        """Take more bytes; whether the body is complete.

        Refused if it is malformed or too long."""
        self.rest = self.rest[self.at :] + data
        self.at = 0
        while self.state != self.done and self.state():
            pass
        if self.state != self.done:
            return False
        self.rest = self.rest[self.at :]
        self.at = 0
        return True

    def line(self) -> Optional[bytes]:
        """The next line, if it is complete."""
        end = self.rest.find(b"\n", self.at, self.at + CHUNK_LINE_LIMIT + len(b"\r\n"))
        if end < 0:
            if len(self.rest) - self.at > CHUNK_LINE_LIMIT:
                raise malformed(
                    f"a chunk's head or a trailer is longer than {CHUNK_LINE_LIMIT} bytes"
                )
            return None
        line = self.rest[self.at : end + 1]
        self.at = end + 1
        # Who takes a bare LF can be made to see another request than a proxy (RFC 9112, 11.2).
        if not line.endswith(b"\r\n"):
            raise malformed("a line of the chunked body ends with a bare LF; lines end with CR LF")
        return line[:-2]

    def size(self) -> bool:
        """Read a chunk's head; whether there may be more to read."""
        line = self.line()
        if line is None:
            return False
        match = CHUNK_SIZE.fullmatch(line)
        if not match:
            # Not all of it: it may be a header, or a body whose length was wrong.
            text = shown(line.decode("latin-1"), room=18)
            raise malformed(f"malformed chunk size {text}; expected hexadecimal digits")
        self.need = int(match.group(1), 16)
        if len(self.pieces) + self.need > self.limit:
            raise too_large(self.limit)
        self.state = self.data if self.need else self.trailer
        return True

    def data(self) -> bool:
        """Read a chunk and the line end behind it; whether there may be more to read."""
        piece = self.rest[self.at : self.at + self.need]
        self.pieces += piece
        self.at += len(piece)
        self.need -= len(piece)
        if self.need or len(self.rest) < self.at + 2:
            return False
        if self.rest[self.at : self.at + 2] != b"\r\n":
            raise malformed("a chunk is longer than its size says")
        self.at += 2
        self.state = self.size
        return True

    def trailer(self) -> bool:
        """Read a trailer or the empty line after the last; whether there may be more to read."""
        line = self.line()
        if line is None:
            return False
        if not line:
            self.state = self.done
            return False
        self.trailers += len(line)
        if not FIELD.fullmatch(line) or self.trailers > HEAD_LIMIT:
            raise malformed("malformed trailer after the chunked body")
        return True

    def done(self) -> bool:
        """There is nothing more to read."""
        return False


def too_large(limit: int) -> Refused:
    """The refusal of a body above --max-body."""
    return Refused(
        413,
        f"the body is larger than {limit} bytes (--max-body)",
        code="body_too_large",
        close=True,
    )


def body_reader(head: Head, limit: int) -> Optional[Union[SizedBody, ChunkedBody]]:
    """What reads the request's body; None if it has none.  Refused if it is too large."""
    if "transfer-encoding" in head.headers:
        return ChunkedBody(limit)
    # A request without a length has no body, whatever its method (RFC 9112, 6.3).
    length = head.headers.get("content-length", "0")
    # More digits are above any limit, and of thousands int() makes an error.
    if len(length) > 18 or int(length) > limit:
        raise too_large(limit)
    if int(length):
        return SizedBody(int(length))
    return None
