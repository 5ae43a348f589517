"""An upstream's answer from bytes, fed in any pieces.  Knows no socket and no clock."""

from __future__ import annotations

import re
import sys
from typing import List, Optional, Tuple

from ..bodies import ChunkedBody
from ..errors import Refused, shown
from ..http import NO_BODY
from ..keys import without_keys
from ..limits import HEAD_LIMIT, Headers

HEAD_END = re.compile(rb"\r?\n\r?\n")
ANSWER_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?: .*)?")
HTTP_BEGINNING = b"HTTP/1."
SHOWN_BYTES = 16  # of what is no HTTP: it may repeat what was sent
BAD_ANSWER = 502


class Unanswered(Exception):
    """There is no answer, or only half of one: the status that its client gets, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Incoming:
    """An answer to a request with this method.

    `status` is 0 until its head is there; `length` is None where its head names none; `is_over`
    tells that its body is complete."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.status = 0
        self.headers: Headers = ()
        self.length: Optional[int] = None
        self.is_over = False
        self.received = 0  # bytes of the body
        self.rest = b""  # of a head that is not complete
        self.chunks: Optional[ChunkedBody] = None

    def feed(self, data: bytes) -> bytes:
        """Take more bytes; what of the body is in them, its chunks undone.  Unanswered says what is
        malformed."""
        if not self.status:
            data = self.begun(self.rest + data)
            if not self.status:
                return b""
        if self.is_over:
            return b""  # what follows an answer is none
        if self.chunks:
            data = self.unchunked(self.chunks, data)
        elif self.length is not None:
            data = data[: self.length - self.received]
            self.is_over = self.received + len(data) == self.length
        self.received += len(data)
        return data

    def end(self) -> None:
        """No more bytes come.  Unanswered says what is missing."""
        if not self.status:
            told = "an answer" if not self.rest else "the end of its answer's head"
            raise Unanswered(BAD_ANSWER, f"it closed the connection without {told}")
        if self.chunks and not self.is_over:
            raise Unanswered(BAD_ANSWER, "it closed the connection in the middle of its answer")
        if not self.is_over and self.length is not None:
            found = f"{self.received} of {self.length} bytes"
            raise Unanswered(BAD_ANSWER, f"it closed the connection after {found} of its answer")
        self.is_over = True

    # --- the head ---

    def begun(self, data: bytes) -> bytes:
        """Read the head, if it is complete; what follows it."""
        while True:
            if not data.startswith(HTTP_BEGINNING[: len(data)]):
                begun = shown(without_keys(data[:SHOWN_BYTES].decode("latin-1")))
                raise Unanswered(BAD_ANSWER, f"its answer is not HTTP/1: it begins with {begun}")
            found = HEAD_END.search(data)
            if (found.end() if found else len(data)) > HEAD_LIMIT:
                limit = f"longer than {HEAD_LIMIT} bytes"
                raise Unanswered(BAD_ANSWER, f"the head of its answer is {limit}")
            if not found:
                self.rest = data
                return b""
            status, headers = read_answer_head(data[: found.start()])
            data = data[found.end() :]
            if status >= 200:
                break
            if status == 101:
                raise Unanswered(BAD_ANSWER, "it changes to another protocol, unasked")
            if not data:  # an interim answer, which nobody waits for
                self.rest = b""
                return b""
        self.status, self.headers, self.rest = status, headers, b""
        self.frame()
        return data

    def frame(self) -> None:
        """Find where the body ends (RFC 9112, 6.3)."""
        codings = [one.lower() for one in self.values("transfer-encoding")]
        if self.method == "HEAD" or self.status in NO_BODY:
            self.length = 0
        elif codings:
            if codings != ["chunked"]:
                told = shown(", ".join(codings))
                raise Unanswered(BAD_ANSWER, f"its answer has Transfer-Encoding {told}")
            self.chunks = ChunkedBody(sys.maxsize)
        elif self.values("content-length"):
            lengths = set(self.values("content-length"))
            length = lengths.pop()
            if lengths or not re.fullmatch("[0-9]{1,18}", length):
                raise Unanswered(BAD_ANSWER, "the Content-Length of its answer is malformed")
            self.length = int(length)
        self.is_over = self.length == 0

    @property
    def content_type(self) -> str:
        """The media type, without parameters."""
        values = self.values("content-type")
        return values[0].partition(";")[0].strip().lower() if values else ""

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing but the end of the connection says where the body ends."""
        return self.length is None and not self.chunks

    def values(self, name: str) -> List[str]:
        """The items of a header, by its lower-case name."""
        lines = [value for one, value in self.headers if one.lower() == name]
        return [item.strip(" \t") for item in ",".join(lines).split(",") if item.strip(" \t")]

    # --- the body ---

    def unchunked(self, chunks: ChunkedBody, data: bytes) -> bytes:
        """What is in some bytes of a body in chunks."""
        try:
            self.is_over = chunks.feed(data)
        except Refused as wrong:
            raise Unanswered(BAD_ANSWER, f"its answer is malformed: {wrong.message}") from None
        found = bytes(chunks.pieces)
        chunks.pieces.clear()
        return found


def read_answer_head(data: bytes) -> Tuple[int, Headers]:
    """Status and headers of a head, without the empty line that ends it."""
    lines = re.split(rb"\r?\n", data)
    status_line = ANSWER_LINE.fullmatch(lines[0])
    if not status_line:
        begun = shown(without_keys(lines[0][:SHOWN_BYTES].decode("latin-1")))
        raise Unanswered(
            BAD_ANSWER, f"its answer begins with {begun}, which is no status of HTTP/1"
        )
    headers: List[Tuple[str, str]] = []
    for line in lines[1:]:
        text = line.decode("latin-1")
        name, colon, value = text.partition(":")
        if text[:1] in (" ", "\t") and headers:  # an old way to go on with a line (RFC 9112, 5.2)
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {text.strip()}")
        elif not colon:
            raise Unanswered(BAD_ANSWER, "the head of its answer has a line without a colon")
        else:
            headers.append((name.strip(" \t"), value.strip(" \t")))
    return int(status_line.group(1)), tuple(headers)
