"""The soak's client: one epoll, many connections, each polite or rude as its Talk says."""

from __future__ import annotations

import re
import select
import socket
import struct
import time
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional, Tuple

ENDING = b"\r\n0\r\n\r\n"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST
PATIENCE = 60.0  # seconds without any progress of anybody
LOOKS = 0.2  # seconds between looks at the server
LEFT = 0.15  # seconds that a half-read connection stays open


@dataclass
class Count:
    """How many answers came whole, and how many connections were broken where they should be."""

    answered: int = 0
    broken: int = 0


class Talk:
    """One connection: its requests, and where and how it is to be broken, if it is.

    `cut` is the number of bytes to read before; `how` is "fin", "rst" or "half": not reading on for
    a while with bytes left, which makes the system send RST at the close.
    """

    def __init__(
        self, requests: Iterator[bytes], cut: Optional[int] = None, how: str = "fin"
    ) -> None:
        self.requests, self.cut, self.how = requests, cut, how
        self.socket: socket.socket
        self.unsent = b""
        self.again()

    def again(self) -> None:
        self.got = 0
        self.last = b""
        self.total = 0


class Engine:
    """Runs talks, so many at once."""

    def __init__(
        self,
        address: Tuple[str, int],
        look: Callable[[], None],
        fail: Callable[[str], None],
    ) -> None:
        self.address, self.look, self.fail = address, look, fail
        self.poller = select.epoll()
        self.talks: Dict[int, Talk] = {}
        self.left: List[Tuple[float, Talk]] = []
        self.count = Count()

    def run(self, talks: Iterator[Talk], at_once: int) -> Count:
        self.moved = looked = time.monotonic()
        while True:
            while len(self.talks) < at_once and self.begin(next(talks, None)):
                pass
            if not self.talks and not self.left:
                break
            for number, events in self.poller.poll(0.05 if self.left else 0.2):
                self.serve(self.talks[number], events)
            now = time.monotonic()
            self.close_left(now)
            if now - looked > LOOKS:
                looked = now
                self.look()
            if now - self.moved > PATIENCE:
                self.give_up()
        self.poller.close()
        return self.count

    def begin(self, talk: Optional[Talk]) -> bool:
        """Connect; False if there is no more to begin."""
        if talk is None:
            return False
        talk.socket = socket.socket()
        talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if talk.how == "half" and talk.cut:
            talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        talk.socket.settimeout(20)
        try:
            talk.socket.connect(self.address)
        except OSError as error:
            self.fail(f"connecting: {error}")
            talk.socket.close()
            return True
        talk.socket.setblocking(False)
        talk.unsent = next(talk.requests)
        self.talks[talk.socket.fileno()] = talk
        self.poller.register(talk.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
        return True

    def serve(self, talk: Talk, events: int) -> None:
        self.moved = time.monotonic()
        try:
            if talk.unsent:
                self.send(talk)
            elif events & ~select.EPOLLOUT:
                self.read(talk)
        except BlockingIOError:
            pass
        except OSError as error:
            self.fail(f"{type(error).__name__} after {min(talk.got, 1)} or more bytes")
            self.end(talk)

    def send(self, talk: Talk) -> None:
        talk.unsent = talk.unsent[talk.socket.send(talk.unsent) :]
        if talk.unsent:
            return
        if talk.cut == 0:  # in the midst of its request
            self.break_off(talk)
            return
        self.poller.modify(talk.socket.fileno(), select.EPOLLIN)

    def read(self, talk: Talk) -> None:
        room = 65536 if talk.cut is None else talk.cut - talk.got
        data = talk.socket.recv(min(65536, room))
        if not data:
            self.fail("ended early")
            self.end(talk)
            return
        if not talk.got:
            self.begun(talk, data)
        talk.got += len(data)
        talk.last = (talk.last + data)[-len(ENDING) :]
        if talk.got >= talk.total if talk.total else talk.last == ENDING:
            self.answered(talk)
        elif talk.cut is not None and talk.got >= talk.cut:
            self.break_off(talk)

    def begun(self, talk: Talk, data: bytes) -> None:
        """Look at a head, which comes in one piece unless the talk is cut in it."""
        if talk.cut is None and not data.startswith(b"HTTP/1.1 200 "):
            self.fail(f"status {data[9:12].decode('latin-1')}")
        found = re.search(rb"(?i)\r\ncontent-length: *(\d+)\r\n", data)
        if found and b"\r\n\r\n" in data:
            talk.total = data.index(b"\r\n\r\n") + 4 + int(found.group(1))

    def answered(self, talk: Talk) -> None:
        self.count.answered += 1
        following = next(talk.requests, None)
        if following is None:
            self.end(talk)
            return
        talk.again()
        talk.unsent = following
        self.poller.modify(talk.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def break_off(self, talk: Talk) -> None:
        self.count.broken += 1
        if talk.how == "half":
            del self.talks[talk.socket.fileno()]
            self.poller.unregister(talk.socket.fileno())
            self.left.append((time.monotonic() + LEFT, talk))
            return
        if talk.how == "rst":
            talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.end(talk)

    def close_left(self, now: float) -> None:
        while self.left and self.left[0][0] <= now:
            self.left.pop(0)[1].socket.close()

    def end(self, talk: Talk) -> None:
        del self.talks[talk.socket.fileno()]
        talk.socket.close()

    def give_up(self) -> None:
        for talk in list(self.talks.values()):
            self.fail("no answer")
            self.end(talk)
        self.moved = time.monotonic()
