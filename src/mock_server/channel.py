"""A connection's socket as a task sees it: bytes in, bytes out, waits that end with its client."""

from __future__ import annotations

import functools
import itertools
import socket
import struct
import time
from bisect import bisect_right
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Callable, Generator, Optional, Protocol, Set, TypeVar, Union

from .answering import Answerer
from .entries import Sent
from .gates import Gate
from .http import Head, malformed
from .journal import Journal
from .log import Log
from .loop import INFINITE, TIME, TURN, WOKEN, Loop, Member, Task, Wish
from .marks import Hold
from .mocks.sessions import Mocks
from .repeats import Repeats
from .sockets import DONT_WAIT, FAILED, GONE, OVER, READABLE, WRITABLE, TLSConnection, Vanished
from .steps import Send
from .trimming import Trimming
from .values import AsSent
from .workers import Workers

if TYPE_CHECKING:
    import ssl

READ_SIZE = 64 * 1024  # bytes that are read at once
Value = TypeVar("Value")
Waiting = Generator[Wish, int, Value]  # what yields what it waits for, and gives a value in the end


class CoreLike(Protocol):
    """What a connection needs of what all ports share."""

    answerer: Answerer
    journal: Journal
    log: Log
    loop: Loop
    mocks: Mocks
    repeats: Repeats
    max_body: int
    numbers: "itertools.count[int]"  # of requests
    connection_numbers: "itertools.count[int]"
    tls: "Optional[ssl.SSLContext]"
    workers: Workers
    functions: Workers
    trimming: Trimming

    def raw_of(self, head: Head, body: bytes) -> Optional[AsSent]:
        """What a signature of a request is held against, if one may be."""
        ...


class ServerLike(Protocol):
    """What a connection needs of its server."""

    port: int
    url: str
    stopping: bool
    idle_seconds: float
    head_seconds: float
    body_seconds: float
    stall_seconds: float
    linger_seconds: float
    connections: "Set[Any]"

    @property
    def core(self) -> CoreLike:
        """What all ports share."""

    def date(self) -> str:
        """The Date header."""

    def date_bytes(self, second: int) -> bytes:
        """The Date header of a second that is now, as bytes."""

    def left(self, connection: Any) -> None:
        """Note that a connection has ended."""


def moment_of(due: float) -> Wish:
    """What a task yields that waits for a moment, unless its client leaves first.  Who is late only
    gives way to others: a stream whose pauses are too short for this machine would always be due
    before them."""
    if due <= time.monotonic():
        return TURN, 0.0
    return GONE, due


class Channel(Member, BaseHTTPRequestHandler):
    """The socket of one connection, and the task that is done on it.

    A connection without a task is idle.  A task is a generator: it yields what it waits for, and
    the loop goes on with it then."""

    server: ServerLike  # type: ignore[assignment]  # socketserver knows no more than BaseServer
    connection: Union[socket.socket, TLSConnection]

    def setup(self) -> None:
        """Prepare the connection; nothing is read or written yet."""
        self.connection = self.request
        self.number = self.connection.fileno()
        self.count = next(self.server.core.connection_numbers)  # no other connection has the same
        self.peer = str(self.client_address[0]) if self.client_address else ""
        self.loop = self.server.core.loop
        self.task: Optional[Task] = None
        self.waits: Optional[int] = 0  # the events that the task waits for
        self.mark = 0  # counts the waits, so that nothing ends another than it was meant for
        self.sent = Sent()
        self.gate = Gate()
        if not DONT_WAIT:
            self.request.setblocking(False)
        self.server.connections.add(self)
        self.loop.members.add(self)

    def finish(self) -> None:
        """The connection is the loop's now."""

    # --- what the loop calls ---

    def happened(self, events: int) -> None:
        """Something has happened on the socket."""
        if self.task is None:
            self.look()
        elif events & ((self.waits or 0) | OVER):
            self.go(events)

    def on_time(self) -> None:
        """What was waited for has not come in time, or a pause is over."""
        if self.task is None:
            self.close()  # it has idled for too long
        else:
            self.go(TIME)

    def woken(self, mark: int) -> None:
        """What the wait of this number was for is there."""
        if self.task is not None and self.mark == mark:
            self.go(WOKEN)

    # --- the task ---

    def look(self) -> None:
        """Look at what has come while there is no task."""
        try:
            self.readable()
        except Exception as error:  # noqa: BLE001  it costs one connection, not all of them
            self.loop.complain(error)
            self.close()

    def readable(self) -> None:
        """There is something to read, or the client has closed, while there is no task."""
        raise NotImplementedError

    def begin(self, task: Task) -> None:
        """Start a task."""
        self.task = task
        self.go(None)

    def go(self, found: Optional[int]) -> None:
        """Go on with the task until it waits; tell it what has come of its last wait."""
        task = self.task
        assert task is not None
        self.due = INFINITE
        try:
            events, due = task.send(found)  # type: ignore[arg-type]  # None is for the beginning
        except StopIteration as stop:
            self.task = None
            if stop.value:
                self.rest()
            else:
                self.close()
            return
        except Exception as error:  # noqa: BLE001  it costs one connection, not all of them
            self.loop.complain(error)
            self.task = None
            self.close()
            return
        self.mark += 1
        if events == TURN:
            self.waits = 0
            self.loop.call(self.woken, self.mark)
            return
        self.waits = events
        if events != self.interest:
            self.loop.watch(self, events)
        if due < INFINITE:
            self.loop.set_due(self, due)

    def rest(self) -> None:
        """Wait for the next request."""
        if self.server.stopping:
            self.close()
            return
        self.mark += 1
        if self.interest != READABLE:
            self.loop.watch(self, READABLE)
        self.loop.set_due(self, time.monotonic() + self.server.idle_seconds)
        if isinstance(self.connection, TLSConnection) and self.connection.pending():
            self.loop.call(self.next_request, self.mark)

    def next_request(self, mark: int) -> None:
        """Go on with a request that was read by TLS already."""
        if self.task is None and self.mark == mark:
            self.look()

    def close(self, how: str = "client_closed") -> None:
        """End the connection; a task that is under way is told how."""
        if self.number < 0:
            return
        self.loop.forget(self)
        self.number = -1
        self.mark += 1
        task, self.task = self.task, None
        if task is not None:
            try:
                task.throw(Vanished(how))
            except (StopIteration, Vanished, OSError):
                pass
            except Exception as error:  # noqa: BLE001  the connection ends in any case
                self.loop.complain(error)
            task.close()
        self.gate = Gate()  # the loop's heap holds it for a while, but not what a feed holds
        try:
            self.connection.close()
        except OSError:
            pass
        self.server.left(self)

    # --- bytes in ---

    def receive(self, deadline: float, size: int = READ_SIZE) -> Waiting[bytes]:
        """More bytes, or none at the end.  Refused once the deadline is over."""
        while True:
            if (yield READABLE, deadline) == TIME:
                raise malformed("the request was not complete in time", 408)
            try:
                return self.connection.recv(size, DONT_WAIT)
            except BlockingIOError:
                pass  # TLS has read something that is no data

    # --- bytes out ---

    def write(self, data: bytes) -> Waiting[None]:
        """Write bytes that are no step of an answer."""
        yield from self.send_rest(Send(data), 0)

    def send_rest(self, step: Send, taken: int) -> Waiting[None]:
        """Write what the client did not take at once, as it takes it, and count the events that it
        has got; one that takes nothing for too long has vanished."""
        sent = self.sent
        before, events = sent.bytes - step.head, sent.events  # what is counted is the body
        while True:
            sent.bytes = before + taken
            sent.events = events + bisect_right(step.ends, taken)
            sent.has_begun = sent.has_begun or bool(taken and step.head)
            if taken == len(step.data):
                return
            try:
                taken += self.connection.send(memoryview(step.data)[taken:], DONT_WAIT)
            except BlockingIOError:
                yield from self.wait_for_room()

    def wait_for_room(self) -> Waiting[None]:
        """Wait until the client takes more."""
        sent = self.sent
        since = sent.blocked_since = time.monotonic()
        try:
            found = yield WRITABLE, since + self.server.stall_seconds
        finally:
            sent.blocked += time.monotonic() - since
            sent.blocked_since = None
        if found == TIME:
            raise Vanished("client_closed")

    # --- waits ---

    def wait_for(self, gate: Gate, timeout: Optional[float] = None) -> Waiting[bool]:
        """Wait until a gate opens, or for so many seconds, unless the client leaves first; whether
        it has opened."""
        deadline = INFINITE
        if timeout is not None:
            deadline = time.monotonic() + timeout
        # The next wait is this one: what comes before it begins is seen by take().
        gate.wake = functools.partial(self.loop.call, self.woken, self.mark + 1)
        try:
            while not gate.take():
                found = yield GONE, deadline
                if found == TIME:
                    return False
                if found != WOKEN:
                    raise Vanished(self.how_it_left(found))
                gate.wake = functools.partial(self.loop.call, self.woken, self.mark + 1)
            return True
        finally:
            gate.wake = lambda: None
            self.mark += 1  # it may have opened meanwhile, which is not to end the next wait

    def hold(self, hold: Hold) -> Waiting[None]:
        """Wait at a gate, as long as is wanted, and say how that went."""
        since = time.monotonic()
        hold.passed = yield from self.wait_for(self.gate, hold.seconds)
        hold.waited = time.monotonic() - since

    def aside(self, work: Callable[[], Value], workers: Optional[Workers] = None) -> Waiting[Value]:
        """Have something done in a thread of its own, for it takes long; the client's end is not
        looked for meanwhile."""
        outcome: Any = []
        mark = self.mark + 1

        def tell(value: Any, error: Optional[BaseException]) -> None:
            outcome[:] = [value, error]
            self.loop.call(self.woken, mark)

        (workers or self.server.core.workers).do(work, tell)
        yield None, INFINITE
        value, error = outcome
        if error is None:
            result: Value = value
            return result
        try:
            raise error
        finally:
            del error  # its traceback has this frame: neither is to keep the other
            outcome.clear()

    def how_it_left(self, found: int) -> str:
        """What the journal says of a client that left in a pause, with these events."""
        if self.server.stopping:
            return "shutdown"
        if found & FAILED or self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return "client_reset"
        return "client_closed"

    # --- ends ---

    def end(self, how: str) -> Waiting[None]:
        """End the connection as a fault will have it."""
        if how == "reset":  # close() then sends RST (socket(7), SO_LINGER)
            at_once = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        else:
            yield from self.linger()

    def linger(self) -> Waiting[None]:
        """Let the client read its answer: closing with bytes unread would reset the connection."""
        deadline = time.monotonic() + self.server.linger_seconds
        self.connection.shutdown(socket.SHUT_WR)
        while (yield READABLE, deadline) != TIME:
            try:
                if not self.connection.recv(READ_SIZE, DONT_WAIT):
                    return
            except BlockingIOError:
                pass
