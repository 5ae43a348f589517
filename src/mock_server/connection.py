"""One connection: reads requests, has them answered, performs the steps."""

from __future__ import annotations

import functools
import os
import socket
import struct
import time
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from typing import Any, Iterable, Iterator, Optional, cast

from .answered import Answered, journal_entry
from .errors import Refused, shown
from .http import Head, body_reader, check_partial, decoded, malformed, parse_head, path_of
from .journal import Entry, Gate
from .limits import CONTROL_PREFIX, Headers
from .sockets import DONT_WAIT, GONE, HELD, READABLE, WRITABLE, Broke, Vanished, ready, ring, rings
from .steps import Cut, Hang, Step, Wait, Wire
from .transport import coding_of, steps
from .values import Hold, Request


class Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, has them answered, performs the steps."""

    server: Any
    connection: socket.socket

    def setup(self) -> None:
        """Prepare the socket: writes go out at once, an idle connection ends by itself."""
        self.connection = self.request
        self.buffer = b""
        self.sent = self.events_sent = 0
        self.holds_place, self.unsent = False, b""
        self.blocked, self.peer = 0.0, str(self.client_address[0]) if self.client_address else ""
        self.gate, self.entry = Gate(), cast(Optional[Entry], None)
        self.hangs, self.broke = False, ""
        if self.connection.family != getattr(socket, "AF_UNIX", None):
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        idle = self.server.idle_seconds
        packed = (
            struct.pack("l", int(idle * 1000))
            if os.name == "nt"
            else struct.pack("ll", int(idle), int(idle % 1 * 1e6))
        )
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, packed)

    def handle(self) -> None:
        """Answer requests until one side has had enough."""
        try:
            while self.exchange():
                pass
        except (OSError, Vanished):
            pass  # the client is gone; there is nobody to tell
        except Broke as broke:
            self.end(str(broke))

    def end(self, how: str) -> None:
        """End the connection as a fault will have it."""
        try:
            if how == "reset":  # close() then sends RST (socket(7), SO_LINGER)
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.connection.close()
            else:
                self.linger()
        except OSError:
            pass

    def finish(self) -> None:
        """Nothing is buffered."""

    def exchange(self) -> bool:
        """Answer one request; whether the connection can be used again."""
        head: Optional[Head] = None
        request = Request("GET", "/", port=self.server.port)
        data: Optional[bytes] = None
        close = False
        started = time.monotonic()
        try:
            data = self.read_head()
            if data is None:
                return False
            started = time.monotonic()
            self.server.busy(self.connection, True)
            head = parse_head(data)
            request = Request(
                head.method, *head.where, head.headers, b"", self.server.port, "", self.peer
            )
            session, body = head.session, self.read_body(head)
            if body or session or head.where[0].startswith(CONTROL_PREFIX):
                request = Request(
                    head.method,
                    *head.where,
                    head.headers,
                    body,
                    self.server.port,
                    session,
                    self.peer,
                    self.wait_for,
                )
            answered = self.answered(request)
        except Refused as refused:
            request = request if head else replace(request, path=path_of(data or self.buffer))
            answered, close = self.server.core.answerer.refuse(request, refused), refused.close
        keep = head is not None and head.keeps_alive and not close and not self.server.stopping
        self.respond(request, head or Head("GET", "/", 1, {}), answered, keep, started)
        again = (
            keep
            and bool(head and (head.minor or answered.response.frames is None))
            and not self.server.stopping
        )
        if close or (not again and (self.buffer or ready(self.connection, READABLE, 0))):
            self.linger()
        self.server.busy(self.connection, False)
        return again

    def answered(self, request: Request) -> Answered:
        """The answer; a bug becomes a 500 in the provider's shape and a line in the log, never a traceback."""
        answerer = self.server.core.answerer
        try:
            answered: Answered = answerer.answer(request)
            if coding_of(answered.response, request.headers.get("accept-encoding")) is None:
                raise Refused(
                    406, "Accept-Encoding takes neither gzip nor identity", code="not_acceptable"
                )
            return answered
        except Refused as refused:
            answered = answerer.refuse(request, refused)
            return replace(answered, response=replace(answered.response, may_gzip=False))
        except Exception as error:  # noqa: BLE001  a bug must cost one answer, not the test run
            where = error.__traceback__
            while where and where.tb_next:
                where = where.tb_next
            self.server.core.log.say(
                f"internal error: {type(error).__name__}: {error} "
                f"(line {where.tb_lineno if where else 0}); please report it"
            )
            broken = Refused(500, f"internal error: {type(error).__name__}: {error}")
            answered = answerer.refuse(request, broken)
            return answered

    # --- reading ---

    def read_head(self) -> Optional[bytes]:
        """The next request's head; None when the client is done.  The first wait is for as long as a connection may idle."""
        self.buffer = self.buffer.lstrip(
            b"\r\n"
        )  # RFC 9112, 2.2: empty lines before a request are ignored
        deadline = time.monotonic() + (
            self.server.head_seconds if self.buffer else self.server.idle_seconds
        )
        seen = 0
        while True:
            end = self.buffer.find(b"\r\n\r\n", max(0, seen - 3))
            if end >= 0:
                head, self.buffer = self.buffer[: end + 4], self.buffer[end + 4 :]
                return head
            check_partial(self.buffer, seen)
            seen = len(self.buffer)
            if not seen and time.monotonic() > deadline:
                return None
            more = self.receive(deadline) if seen else self.first_bytes()
            if not more:
                if seen:
                    raise malformed("the connection was closed in the middle of the head")
                return None
            if not seen:
                deadline = time.monotonic() + self.server.head_seconds
            self.buffer = (self.buffer + more) if seen else more.lstrip(b"\r\n")

    def first_bytes(self) -> bytes:
        """The first bytes of a request, or none if the connection ends or idles for too long."""
        self.server.busy(self.connection, False)
        try:
            return self.connection.recv(65536)
        except BlockingIOError:  # SO_RCVTIMEO has run out
            return b""

    def receive(self, deadline: float) -> bytes:
        """More bytes, or none at the end.  Refused once the deadline is over."""
        left = deadline - time.monotonic()
        if left <= 0 or not ready(self.connection, READABLE, left):
            raise malformed("the request was not complete in time", 408)
        return self.connection.recv(262144)

    def read_body(self, head: Head) -> bytes:
        """The request's body, its codings undone."""
        reader = body_reader(head, self.server.core.max_body)
        expects = head.tokens("expect")
        if expects and expects != ["100-continue"]:
            raise malformed(
                f"Expect is {shown(head.headers['expect'])}; only 100-continue is known", 417
            )
        if not reader:
            return b""
        if expects and head.minor and not self.buffer:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        deadline = time.monotonic() + self.server.body_seconds
        data, self.buffer = self.buffer, b""
        while not reader.feed(data):
            data = self.receive(deadline)
            if not data:
                raise malformed("the connection was closed in the middle of the body")
        self.buffer = reader.rest
        codings = head.tokens("content-encoding")
        return (
            decoded(bytes(reader.pieces), codings, self.server.core.max_body)
            if codings
            else bytes(reader.pieces)
        )

    # --- writing ---

    def respond(
        self, request: Request, head: Head, answered: Answered, keep: bool, started: float
    ) -> None:
        """Write a response, with its entry in the journal and the log."""
        number, journal = str(next(self.server.core.numbers)), self.server.core.journal
        extra: Headers = (("Date", self.server.date()), ("X-Mock-Request-Id", number))
        if "origin" in request.headers and not answered.control:
            extra += (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "*"))
        wire = Wire(
            head.minor,
            keep,
            request.method == "HEAD",
            request.headers.get("accept-encoding"),
            extra,
        )
        entry = None if answered.control else journal_entry(number, request, head, answered)
        self.gate, self.entry = answered.feed or Gate(), entry
        if entry:
            entry.gate = (
                self.gate
                if answered.response.delivery.gate and answered.response.frames is not None
                else None
            )
            journal.add(entry)
        self.sent, self.events_sent, self.blocked = 0, 0, 0.0
        ended = "fault"
        try:
            pooled = answered.response.frames is not None
            ended = self.perform(steps(answered.response, wire), pooled)
        except Vanished as vanished:
            ended = str(vanished)
            raise
        except Broke as broke:
            if str(broke) != "kept":
                raise
        except OSError:
            ended = "shutdown" if self.server.stopping else "client_reset"
            raise
        finally:
            self.release()
            if entry:
                entry.duration, entry.blocked = (
                    round(time.monotonic() - started, 6),
                    round(self.blocked, 6),
                )
                entry.bytes_sent, entry.events_sent = max(0, self.sent), self.events_sent
                if entry.events_total is None and ended == "complete":
                    entry.events_total = self.events_sent
                journal.end(entry, ended)
                self.server.core.log.request(entry)
            elif answered.feed:
                journal.unwatch(answered.feed)

    def perform(self, wanted: Iterable[Step], pooled: bool) -> str:
        """Do the steps of a response.  `pooled`: it is one of many writes, for which only so many connections have a
        place at the same moment.  Pauses, and what follows them, are the pacer's as long as nothing blocks."""
        going, pacer = iter(wanted), self.server.pacer
        due = self.advance(going, pooled, 0.0)
        while due:
            self.release()
            if due == HELD:
                self.wait_released()
                due = self.advance(going, False, 0.0)
                continue
            if not pacer:
                self.wait_until(due)
                due = self.advance(going, False, due)
                continue
            due = pacer.go_on(self, going, due)
            if self.unsent:
                self.write(self.unsent)
                self.unsent = b""
                due = self.advance(going, False, due)
        return "complete"

    def advance(
        self, wanted: Iterator[Step], pooled: bool, due: float, blocks: bool = True
    ) -> float:
        """Do steps until a pause, and say when it is over, until a gate, which is HELD, or until the end, which is 0: the only
        loop that writes.

        Without `blocks` it also ends, with what is left in `unsent`, when the client takes no more for now, or when
        more follows without a pause."""
        send = self.connection.send
        for number, step in enumerate(wanted):
            if isinstance(step, Wait):
                return (due or time.monotonic()) + step.seconds
            if isinstance(step, Hold):
                if self.gate.take():
                    continue
                return HELD
            if isinstance(step, Hang):
                self.gate, self.hangs = Gate(), True
                return HELD
            if isinstance(step, Cut):
                raise Broke(step.how)
            if pooled and number:
                self.take_turn(number)
            data = step.data
            self.sent -= step.head
            if (
                number and not blocks
            ):  # a burst, which would keep all other streams from being on time
                self.unsent = data
                self.events_sent += step.events
                return due
            try:
                taken = send(data, DONT_WAIT)
            except BlockingIOError:
                taken = 0
            self.sent += taken
            self.events_sent += step.events
            if taken < len(data):
                self.unsent = data[taken:]
                if not blocks:
                    return due
                self.write(self.unsent)
                self.unsent = b""
        return 0.0

    def take_turn(self, number: int) -> None:
        """Have a place among the writers; after every 64 events it is another's turn."""
        places = self.server.core.places
        if self.holds_place and number % 64 == 0 and places.waiting:
            self.release()
        if not self.holds_place:
            places.take()
            self.holds_place = True

    def release(self) -> None:
        """Give the place among the writers to another stream."""
        if self.holds_place:
            self.holds_place = False
            self.server.core.places.give()

    def wait_until(self, due: float) -> None:
        """Wait until a moment of the monotonic clock, unless the client leaves first."""
        left = due - time.monotonic()
        if 0 < left < 0.002:
            time.sleep(left)  # poll() counts in milliseconds
        elif left > 0 and ready(self.connection, GONE, left):
            raise Vanished(self.left())

    def wait_released(self) -> None:
        """Wait until the gate lets an event out, unless the client leaves first."""
        if self.hangs:  # so that a shutdown need not wait for it
            self.server.busy(self.connection, False)
        if self.entry:  # a test may want to know how far it has come
            self.entry.events_sent, self.entry.bytes_sent = self.events_sent, max(0, self.sent)
        self.wait_for(self.gate)

    def wait_for(self, gate: Gate, timeout: Optional[float] = None) -> None:
        """Wait until a gate opens, or for so many seconds, unless the client leaves first."""
        bell, rope = socket.socketpair()
        rope.setblocking(False)
        gate.wake = functools.partial(ring, rope)
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while not gate.take():
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return
                if not rings(self.connection, bell, left):
                    raise Vanished(self.left())
                bell.setblocking(False)
                try:
                    bell.recv(4096)
                except BlockingIOError:
                    pass  # the time is over
        finally:
            gate.wake = lambda: None
            bell.close()
            rope.close()

    def left(self) -> str:
        """What the journal says of a client that left in a pause."""
        if self.server.stopping:
            return "shutdown"
        return (
            "client_reset"
            if self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            else "client_closed"
        )

    def write(self, data: bytes) -> None:
        """Write bytes as the client takes them; one that takes none for too long has vanished."""
        rest = memoryview(data)
        while rest:
            try:
                taken = self.connection.send(rest, DONT_WAIT)
            except BlockingIOError:
                self.release()  # a slow reader must not keep others from writing
                since = time.monotonic()
                taken = ready(self.connection, WRITABLE, self.server.stall_seconds)
                self.blocked += time.monotonic() - since
                if not taken:
                    raise Vanished("client_closed") from None
                continue
            self.sent += taken
            rest = rest[taken:]

    def linger(self) -> None:
        """Let the client read its answer: closing with bytes unread would reset the connection under it."""
        deadline = time.monotonic() + self.server.linger_seconds
        self.connection.shutdown(socket.SHUT_WR)
        while ready(self.connection, READABLE, deadline - time.monotonic()):
            if time.monotonic() > deadline or not self.connection.recv(262144):
                return


@dataclass
class Paused:
    """A stream in a pause: its next steps, when they are due, and a lock that is free once its own thread is to go on."""

    handler: Any
    wanted: Iterator[Step]
    due: float
    over: Any
    error: Optional[Exception] = None
