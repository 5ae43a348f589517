"""What comes in on a connection: heads and bodies of requests."""

from __future__ import annotations

import functools
import time

from .bodies import Bodies, body_reader
from .channel import Channel, Waiting
from .codings import decoded
from .entries import Sent
from .errors import shown
from .http import Head, check_partial, malformed
from .loop import TURN


class Intake(Channel):
    """Reads requests from the socket of one connection."""

    buffer = b""  # what was read and belongs to no request yet
    raw = b""  # all of a request, as long as it came at once
    has_body = False  # whether a body was announced that is not read yet

    def read_head(self) -> Waiting[bytes]:
        """The next request's head, of which some is there."""
        deadline = time.monotonic() + self.server.head_seconds
        seen = 0
        while True:
            end = self.buffer.find(b"\r\n\r\n", max(0, seen - 3))
            if end >= 0:
                head = self.buffer[: end + 4]
                self.buffer = self.buffer[end + 4 :]
                return head
            check_partial(self.buffer, seen)
            seen = len(self.buffer)
            more = yield from self.receive(deadline)
            if not more:
                raise malformed("the connection was closed in the middle of the head")
            self.buffer += more
            self.raw += more

    def read_body(self, head: Head) -> Waiting[Bodies]:
        """The request's body, its content codings undone, and with them."""
        limit = self.server.core.max_body
        self.has_body = True  # as long as nothing else is known
        reader = body_reader(head, limit)
        self.has_body = bool(reader)
        expects = head.tokens("expect")
        # 417 for any other expectation (RFC 9110, 10.1.1).
        if expects and expects != ["100-continue"]:
            raise malformed(
                f"Expect is {shown(head.headers['expect'])}; only 100-continue is known", 417
            )
        if not reader:
            return b"", b""
        # Not to HTTP/1.0, and not where the body has begun to come (RFC 9110, 10.1.1).
        if expects and head.minor and not self.buffer:
            self.sent = Sent()  # the journal counts no answer's bytes with it
            yield from self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        deadline = time.monotonic() + self.server.body_seconds
        data, self.buffer = self.buffer, b""
        wanted = reader.wanted
        while not reader.feed(data[:wanted]):
            data = data[wanted:]
            wanted = reader.wanted
            if data:
                yield TURN, 0.0
                continue
            data = yield from self.receive(deadline, wanted)
            if not data:
                raise malformed("the connection was closed in the middle of the body")
            self.raw = b""  # it did not come at once, and will not the next time
        self.buffer = reader.rest + data[wanted:]
        self.has_body = False
        body = bytes(reader.pieces)
        codings = head.tokens("content-encoding")
        if codings:  # of few bytes they may make many
            return (yield from self.aside(functools.partial(decoded, body, codings, limit))), body
        return body, body
