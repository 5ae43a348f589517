"""Gates: a request lets another go on, or fills the stream that it sends; and work that waits.

May touch threading.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Callable, Deque, Generator, Iterator, NamedTuple, Optional, TypeVar

from .limits import LIVE_BACKLOG
from .marks import Frame, Hold


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

    def leave(self) -> None:
        """Whoever reads what it lets out does so no more."""


class Wanting(NamedTuple):
    """What work waits for: that a gate opens, for at most so many seconds; or, without a gate, that
    what comes next, which takes long, is done where it delays nobody."""

    gate: Optional[Gate] = None
    timeout: float = 0.0


class Abandoned(Exception):
    """Nobody waits for work any more: it ends, and may give what is told of that."""


ASIDE = Wanting()
# As that, but code of the user's, which may never come back: it delays only its like.
FOREIGN_CODE = Wanting(timeout=float("inf"))
Result = TypeVar("Result")
Work = Generator[Wanting, None, Result]  # it yields what it waits for


def done_here(work: Work[Result]) -> Result:
    """Do all of some work in this thread, which waits where the work does."""
    try:
        while True:
            wanting = next(work)
            if wanting.gate:
                wait_here(wanting.gate, wanting.timeout)
    except StopIteration as stop:
        result: Result = stop.value
        return result


def wait_here(gate: Gate, timeout: float) -> None:
    """Wait in this thread until a gate opens, for so many seconds."""
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
        self.when_left: Callable[[], None] = lambda: None

    def leave(self) -> None:
        """Nobody reads it any more."""
        self.when_left()

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
