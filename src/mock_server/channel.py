"""A connection's socket: bytes in, bytes out, turns to write, waits that end with its client."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler
from typing import Optional, Protocol

from .answering import Answerer
from .http import malformed
from .journal import Gate, Journal
from .log import Log
from .pacer import Pacer, Turns
from .sockets import (
    DONT_WAIT,
    HUNG_UP,
    READABLE,
    WRITABLE,
    Bell,
    Vanished,
    packed_timeout,
    ready,
)


class CoreLike(Protocol):
    """What a connection needs of what all ports share."""

    answerer: Answerer
    journal: Journal
    log: Log
    max_body: int
    numbers: "itertools.count[int]"  # of requests
    turns: Turns


class ServerLike(Protocol):
    """What a connection needs of its server."""

    pacer: Optional[Pacer]
    port: int
    stopping: bool
    idle_seconds: float
    head_seconds: float
    body_seconds: float
    stall_seconds: float
    linger_seconds: float

    @property
    def core(self) -> CoreLike:
        """What all ports share."""

    def busy(self, connection: socket.socket, is_busy: bool) -> None:
        """Note whether a connection has a request under way."""

    def date(self) -> str:
        """The Date header."""


class Channel(BaseHTTPRequestHandler):
    """The socket of one connection."""

    server: ServerLike  # type: ignore[assignment]  # socketserver knows no more than BaseServer
    connection: socket.socket

    def setup(self) -> None:
        """Prepare the socket: writes go out at once, an idle connection ends by itself."""
        self.connection = self.request
        self.peer = str(self.client_address[0]) if self.client_address else ""
        self.unsent = b""  # what the client did not take at once
        self.bytes_sent = 0
        self.blocked = 0.0  # seconds in which the client took nothing
        self.has_turn = False
        if self.connection.family != getattr(socket, "AF_UNIX", None):
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        idle = packed_timeout(self.server.idle_seconds)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, idle)

    def finish(self) -> None:
        """Nothing is buffered."""

    # --- bytes in ---

    def first_bytes(self) -> bytes:
        """The first bytes of a request, or none if the connection ends or idles for too long."""
        self.server.busy(self.connection, False)
        try:
            return self.connection.recv(65536)
        except BlockingIOError:  # SO_RCVTIMEO has run out
            return b""

    def receive(self, deadline: float) -> bytes:
        """More bytes, or none at the end.  Refused once the deadline is over."""
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0 or not ready(self.connection, READABLE, seconds_left):
            raise malformed("the request was not complete in time", 408)
        return self.connection.recv(262144)

    # --- bytes out ---

    def write(self, data: bytes) -> None:
        """Write bytes as the client takes them; one that takes none for too long has vanished."""
        rest = memoryview(data)
        while rest:
            try:
                taken = self.connection.send(rest, DONT_WAIT)
            except BlockingIOError:
                self.give_turn_back()  # a slow reader must not keep others from writing
                since = time.monotonic()
                taken = ready(self.connection, WRITABLE, self.server.stall_seconds)
                self.blocked += time.monotonic() - since
                if not taken:
                    raise Vanished("client_closed") from None
                continue
            self.bytes_sent += taken
            rest = rest[taken:]

    def write_unsent(self) -> None:
        """Write what the client did not take at once."""
        self.write(self.unsent)
        self.unsent = b""

    def take_turn(self, number: int) -> None:
        """Have a turn among the writers; after every 64 events it is another's."""
        turns = self.server.core.turns
        if self.has_turn and number % 64 == 0 and turns.waiting:
            self.give_turn_back()
        if not self.has_turn:
            turns.take()
            self.has_turn = True

    def give_turn_back(self) -> None:
        """Let another stream write."""
        if self.has_turn:
            self.has_turn = False
            self.server.core.turns.give_back()

    # --- waits ---

    def wait_until(self, due: float) -> None:
        """Wait until a moment of the monotonic clock, unless the client leaves first."""
        seconds_left = due - time.monotonic()
        if 0 < seconds_left < 0.002:
            time.sleep(seconds_left)  # poll() counts in milliseconds
        elif seconds_left > 0 and ready(self.connection, HUNG_UP, seconds_left):
            raise Vanished(self.how_it_left())

    def wait_for(self, gate: Gate, timeout: Optional[float] = None) -> None:
        """Wait until a gate opens, or for so many seconds, unless the client leaves first."""
        with contextlib.closing(Bell()) as bell:
            gate.wake = bell.ring
            try:
                self.wait_beside(bell, gate, timeout)
            finally:
                gate.wake = lambda: None

    def wait_beside(self, bell: Bell, gate: Gate, timeout: Optional[float]) -> None:
        """Wait until a gate opens, which rings the bell, or for so many seconds."""
        started = time.monotonic()
        seconds_left = timeout
        while not gate.take() and (seconds_left is None or seconds_left > 0):
            if not bell.heard(self.connection, seconds_left):
                raise Vanished(self.how_it_left())
            if timeout is not None:
                seconds_left = started + timeout - time.monotonic()

    def how_it_left(self) -> str:
        """What the journal says of a client that left in a pause."""
        if self.server.stopping:
            return "shutdown"
        if self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return "client_reset"
        return "client_closed"

    # --- ends ---

    def end(self, how: str) -> None:
        """End the connection as a fault will have it."""
        try:
            if how == "reset":  # close() then sends RST (socket(7), SO_LINGER)
                at_once = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                self.connection.close()
            else:
                self.linger()
        except OSError:
            pass

    def linger(self) -> None:
        """Let the client read its answer: closing with bytes unread would reset the connection."""
        deadline = time.monotonic() + self.server.linger_seconds
        self.connection.shutdown(socket.SHUT_WR)
        while ready(self.connection, READABLE, deadline - time.monotonic()):
            if time.monotonic() > deadline or not self.connection.recv(262144):
                return
