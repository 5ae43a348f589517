"""The socket that connections are accepted from.  May touch files and time."""

from __future__ import annotations

import os
import socket
import time
from typing import Any, Callable, Optional

from .loop import TURN_SECONDS, Loop, Member
from .sockets import DONT_WAIT, READABLE
from .workers import let_threads_end

AT_ONCE = 32  # connections that are accepted before it is another's turn
PAUSE = 0.1  # seconds without accepting, when even a refusal is more than can be had
QUIET = 60.0  # seconds after which a new shortage is said again

# What a client gets that there is no room for; it is told before its request is read.
SORRY = b'{"error":{"message":"the server has no room for another connection","code":"no_room"}}'
NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(SORRY), SORRY)
)


class Listener(Member):
    """Accepts connections, each given to `serve` with its client's address.

    One descriptor is held back, to tell those who come when there is no other left."""

    def __init__(
        self,
        loop: Loop,
        listening: socket.socket,
        serve: Callable[[Any, Any], None],
        say: Callable[[str], None],
    ) -> None:
        self.loop = loop
        self.listening = listening
        self.number = listening.fileno()
        self.serve = serve
        self.say = say
        self.spare: Optional[int] = None
        self.short_since = -QUIET  # when it last was short of descriptors or memory
        self.is_open = False

    def open(self) -> None:
        """Begin to accept."""
        let_threads_end()
        self.is_open = True
        self.listening.setblocking(False)
        self.hold_back()
        self.loop.members.add(self)
        self.loop.watch(self, READABLE)

    def close(self) -> None:
        """Accept no more; the socket is its owner's to close."""
        self.is_open = False
        self.loop.forget(self)
        self.give_up_spare()

    def happened(self, events: int) -> None:
        """Connections are waiting."""
        # What they ask may be asked after something that happened in this round.
        self.loop.rounds += 1
        until = time.monotonic() + TURN_SECONDS
        for _ in range(AT_ONCE):
            if time.monotonic() > until:
                return  # what they ask is answered at once, and may have taken its time
            try:
                connection, address = self.listening.accept()
            except BlockingIOError:
                return
            except (OSError, MemoryError) as error:
                self.refuse(error)
                return
            self.serve(connection, address)

    def refuse(self, error: BaseException) -> None:
        """Tell the next client that there is no room for it."""
        if isinstance(error, ConnectionError):
            return  # it has left again
        now = time.monotonic()
        if now - self.short_since > QUIET:
            self.say(f"connections are refused: {error}")
        self.short_since = now
        self.give_up_spare()
        try:
            connection, _ = self.listening.accept()
            connection.send(NO_ROOM, DONT_WAIT)
            connection.shutdown(socket.SHUT_WR)
            connection.close()
        except (OSError, MemoryError):
            self.loop.watch(self, None)
            self.loop.at(now + PAUSE, self.go_on)
        self.hold_back()

    def go_on(self) -> None:
        """Accept again."""
        if self.is_open:
            self.loop.watch(self, READABLE)

    def hold_back(self) -> None:
        """Take a descriptor that nothing else is to have."""
        if self.spare is None:
            try:
                self.spare = os.open(os.devnull, os.O_RDONLY)
            except OSError:
                pass  # next time

    def give_up_spare(self) -> None:
        """Give it back."""
        if self.spare is not None:
            os.close(self.spare)
            self.spare = None
