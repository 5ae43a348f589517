"""What is kept of an answer while it goes out: references to what was written, within bounds.

May ask the clock, and touch threading."""

from __future__ import annotations

import threading
import time
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

from .limits import JOURNAL_BODY
from .steps import Send

PORTION_KEPT = 8 * 1024  # bytes of memory of an answer that are kept before they are counted
SIZE_OF_A_WRITE = 160  # about what the objects of one write take
MOMENT_SIZE = 120  # and those of a moment
MOST_WRITES = 256  # that are kept one by one
SAME_TIME = 0.001  # seconds; what follows sooner went out at the same time, for all who look
SETTLING = threading.Lock()  # while what is kept changes its form

Moment = Tuple[int, float]  # so many bytes of an answer were out then, by the monotonic clock


class Settled(NamedTuple):
    """Writes that are kept as their bytes: those, their number, how many are the answer's head, and
    when how many were out."""

    pieces: Tuple[bytes, ...] = ()
    out: int = 0
    head: int = 0
    moments: Sequence[Moment] = ()


class WrittenOut(NamedTuple):
    """What was written of an answer, as far as it is kept, and when how many bytes of its body were
    out, in seconds since the request came."""

    head: bytes
    body: bytes
    moments: List[Moment]


NONE_SETTLED = Settled()


class Kept:
    """What went out of one answer, head and body as they were written: the first 64 KiB.

    Most are never looked at: while it goes out it takes next to no time, and of what is small or in
    few pieces nothing is copied.  `tell` is told when more of it is kept; `holders` are the entries
    of the journal that show it."""

    # One is made for every request.
    __slots__ = ("since", "tell", "steps", "times", "left", "settled", "most", "told", "holders")

    is_lent = False  # whether somebody else keeps it, too, and counts it

    def __init__(self, since: float = 0.0, tell: Optional[Callable[[Kept], None]] = None) -> None:
        self.since = since  # when the request came, by the monotonic clock
        self.tell = tell
        self.steps: List[Send] = []  # that were written last, with the moments
        self.times: List[float] = []
        self.left = PORTION_KEPT  # what else may be kept uncounted; below 0 if nothing is kept
        self.settled = NONE_SETTLED  # what was written before them
        self.most = PORTION_KEPT  # bytes of memory that it takes with them
        self.told = 0  # of which somebody has been told
        self.holders = 0

    def add(self, step: Send) -> None:
        """Keep what is about to be written, as far as there is room."""
        left = self.left - len(step.data) - SIZE_OF_A_WRITE
        if left < 0:
            self.add_more(step)
            return
        self.left = left
        self.steps.append(step)
        self.times.append(time.monotonic())

    def add_more(self, step: Send) -> None:
        """Keep what fills a portion, and count it."""
        if self.left < 0:
            return
        self.steps.append(step)
        self.times.append(time.monotonic())
        taken = self.settled.out + sum([len(one.data) for one in self.steps])
        if taken >= JOURNAL_BODY or len(self.steps) > MOST_WRITES:
            self.settle()
        self.left = min(PORTION_KEPT, JOURNAL_BODY - taken) if taken < JOURNAL_BODY else -1
        objects = MOMENT_SIZE * len(self.settled.moments) + SIZE_OF_A_WRITE * len(self.steps)
        self.most = min(taken, JOURNAL_BODY) + objects + max(0, self.left)
        if self.tell:
            self.tell(self)

    def settle(self) -> None:
        """Make one piece of what was written last, of as much as there is room for."""
        before, steps = self.settled, self.steps
        room = JOURNAL_BODY - before.out
        data = [step.data for step in steps]
        piece = data[0] if len(data) == 1 else b"".join(data)
        if len(piece) > room:
            piece = piece[:room]
        head = before.head + sum([step.head for step in steps])
        moments = moments_of(before, steps, self.times)
        settled = Settled((*before.pieces, piece), before.out + len(piece), head, moments)
        with SETTLING:
            self.settled, self.steps, self.times = settled, [], []

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return self.most - max(0, self.left)

    def drop(self) -> None:
        """Keep none of it any longer."""
        self.left = -1
        self.most = self.told = 0
        with SETTLING:
            self.settled, self.steps, self.times = NONE_SETTLED, [], []

    def give(self) -> None:
        """Be kept by nobody else any more."""

    def written(self, moment: float, number: str) -> WrittenOut:
        """What was written at this moment in answer to the request with this id."""
        with SETTLING:
            settled, steps, times = self.settled, list(self.steps), list(self.times)
        data = b"".join([*settled.pieces, *[step.data for step in steps]])
        head = settled.head + sum([step.head for step in steps])
        moments = moments_of(settled, steps, times)
        since = [(out - head, max(0.0, at - self.since)) for out, at in moments]
        return WrittenOut(data[:head], data[head:], since)


def moments_of(before: Settled, steps: Sequence[Send], times: Sequence[float]) -> List[Moment]:
    """When how much was out: before, and then with writes at these times."""
    out, moments = before.out, list(before.moments)
    for step, now in zip(steps, times):
        out += len(step.data)
        if moments and now - moments[-1][1] < SAME_TIME:
            now = moments.pop()[1]
        moments.append((out, now))
    return moments


class NothingKept(Kept):
    """Of an answer that is shown to nobody."""

    __slots__ = ()
    is_lent = True


NOTHING_KEPT = NothingKept()
NOTHING_KEPT.drop()
