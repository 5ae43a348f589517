"""Pacing: the pauses between events, and what keeps a stream alive meanwhile.  Pure."""

from __future__ import annotations

import itertools
import re
from typing import Generator, Iterable, Iterator, List

from .deliveries import Pace
from .ids import share
from .marks import Hold, Mark
from .plans import Group
from .steps import Hang, Wait

NO_PACE = Pace()


def gaps(pace: Pace) -> Iterator[float]:
    """Seconds before each event.  Jitter is drawn from the seed, the same on every machine."""
    yield pace.first
    if pace.gaps:
        yield from pace.gaps
        yield from itertools.repeat(0.0)
    for number in itertools.count():
        if not pace.jitter:
            yield pace.between
            continue
        drawn = share(f"{pace.seed}/{number}")
        yield pace.between * (1 + pace.jitter * (2 * drawn - 1))


def paced(groups: Iterable[Group], pace: Pace) -> Iterator[Group]:
    """Groups of events, and before each the pause until it is due."""
    pauses = gaps(pace)
    marks: List[Group] = []
    for frame, events in groups:
        if isinstance(frame, Mark):  # what comes in place of an event comes when it would have come
            marks.append((frame, 0))
            continue
        if isinstance(frame, bytes):
            pause = sum(itertools.islice(pauses, events))
            if pause:
                yield Wait(pause), 0
            yield from marks
            marks = []
        yield frame, events
    yield from marks


# --- kept alive ---

NUMBERED_PLACE = re.compile(rb'("sequence_number": ?)([0-9]+)')


def kept_alive(groups: Iterable[Group], every: float, ping: bytes, hangs: bool) -> Iterator[Group]:
    """Groups of events, and a ping whenever there was nothing else for so many seconds.

    A ping counts as no event.  Behind the mark of a fault that `hangs` there is nothing else."""
    pinged = Pinged(ping)
    quiet = 0.0  # seconds for which nothing was sent
    for frame, events in groups:
        if isinstance(frame, Wait):
            left = frame.seconds
            while quiet + left > every:  # what is due at the same moment makes it needless
                yield Wait(every - quiet), 0
                yield pinged.ping(), 0
                left -= every - quiet
                quiet = 0.0
            quiet += left
            yield Wait(left), 0
        elif isinstance(frame, Hold):
            quiet = yield from held(every, quiet, pinged)
        elif isinstance(frame, Mark) and hangs:
            while True:
                yield Hang(every - quiet), 0
                yield pinged.ping(), 0
                quiet = 0.0
        elif isinstance(frame, bytes):
            yield pinged.behind(frame, events), events
            quiet = 0.0
        else:
            yield frame, events


def held(every: float, quiet: float, pinged: Pinged) -> Generator[Group, None, float]:
    """A place that is passed when its gate lets it, and pings until then; how long ago the last
    one was."""
    hold = Hold(every - quiet)
    yield hold, 0
    while not hold.passed:
        yield pinged.ping(), 0
        hold = Hold(every)
        quiet = 0.0
        yield hold, 0
    return min(every, quiet + hold.waited)


class Pinged:
    """The pings of a stream.  One that has a number takes it from the events behind it: such are
    OpenAI's (reported by SDKs: its `keepalive` is an event among the others)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.has_number = b"%d" in data and not data.startswith(b":")  # a comment is as it is
        self.events = self.pings = 0  # so far

    def ping(self) -> bytes:
        """The next ping."""
        if not self.has_number:
            return self.data
        self.pings += 1
        return self.data % (self.events + self.pings - 1)

    def behind(self, frame: bytes, events: int) -> bytes:
        """Events with the numbers that they have behind the pings so far."""
        self.events += events
        if not self.has_number or not self.pings:
            return frame
        return NUMBERED_PLACE.sub(self.moved, frame)

    def moved(self, number: "re.Match[bytes]") -> bytes:
        """A number that comes later by the pings so far."""
        return b"%b%d" % (number.group(1), int(number.group(2)) + self.pings)
