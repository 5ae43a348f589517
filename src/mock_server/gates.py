"""Gates: one thread lets another go on, or fills the stream that it sends.  May touch threading."""

from __future__ import annotations

import threading
from collections import deque
from typing import Callable, Deque, Iterator, Optional

from .limits import LIVE_BACKLOG
from .values import Frame, Hold


class Gate:
    """Lets as many events of a stream out as were released; `wake` is called for more."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.free = 0  # events that may go out
        self.wake: Callable[[], None] = lambda: None

    def release(self, events: int = 1) -> None:
        """Let more events out."""
        with self.lock:
            self.free += events
        self.wake()

    def take(self) -> bool:
        """Let one event out, if one more may go."""
        with self.lock:
            if not self.free:
                return False
            self.free -= 1
            return True


Patience = Callable[[Gate, float], None]  # waits until a gate opens, for so many seconds


def in_a_thread(gate: Gate, timeout: float) -> None:
    """Waits in this thread, which nothing else interrupts."""
    opened = threading.Event()
    gate.wake = opened.set
    if not gate.take():
        opened.wait(timeout)


class Feed(Gate):
    """A stream that somebody fills while it runs: what is put in goes out in order."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: Deque[Optional[bytes]] = deque()
        self.size = 0  # bytes that wait
        self.dropped = 0

    def put(self, frame: Optional[bytes]) -> None:
        """Add a frame; None ends the stream.  Frames that a slow reader has not taken are dropped,
        past a bound."""
        if frame is not None and self.size + len(frame) > LIVE_BACKLOG:
            self.dropped += 1
            return
        self.size += len(frame or b"")
        self.waiting.append(frame)
        self.release()

    def frames(self) -> Iterator[Frame]:
        """A comment at once, then each frame as it is put in."""
        yield b": live\n\n"
        while True:
            yield Hold()
            frame = self.waiting.popleft()
            if frame is None:
                return
            self.size -= len(frame)
            if self.dropped:
                notice = f": {self.dropped} events dropped, they are read too slowly\n\n"
                frame = notice.encode() + frame
                self.dropped = 0
            yield frame
