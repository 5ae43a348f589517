"""Requests that come again byte by byte, and the bytes of their answers.  Touches nothing."""

from __future__ import annotations

from email.utils import formatdate
from typing import Callable, Dict, Iterable, List, Optional, Tuple

from .answered import Answered
from .entries import Asked, Sent
from .kept import SIZE_OF_A_WRITE, Kept, WrittenOut
from .limits import JOINED, Headers
from .memory import CameBefore
from .mocks.mock import Uses
from .steps import Send, Step

REPEATS_ROOM = 8 * 1024 * 1024  # bytes of memory that all of them may take
REPEAT_SIZE = 1500  # about what the objects of one take

# What stands in a remembered answer for what is true of one alone.
DATE_MARK = "the-date-of-this-one-answer"
NUMBER_MARK = "the-number-of-this-one-answer"
MARKS: Headers = (("Date", DATE_MARK), ("X-Mock-Request-Id", NUMBER_MARK))
BETWEEN = b"\r\nX-Mock-Request-Id: "
MARKED = DATE_MARK.encode() + BETWEEN + NUMBER_MARK.encode()

PortAndBytes = Tuple[int, bytes]  # the port, and all bytes of the request


class Lent(Kept):
    """An answer that is kept to be repeated, and shown meanwhile; the journal counts it when it is
    kept for that no longer."""

    __slots__ = ("before", "after", "is_lent")

    def __init__(self, before: bytes, after: bytes) -> None:
        super().__init__()
        self.drop()  # nothing is added to it
        self.before, self.after = before, after
        self.most = len(before) + len(after) + SIZE_OF_A_WRITE
        self.is_lent = True

    def give(self) -> None:
        """Be kept by nobody else any more."""
        self.is_lent = False

    def drop(self) -> None:
        """Keep none of it any longer."""
        super().drop()
        self.before = self.after = b""

    def written(self, moment: float, number: str) -> WrittenOut:
        """What was written at this moment in answer to the request with this id."""
        if not self.most:
            return WrittenOut(b"", b"", [])
        date = formatdate(int(moment), usegmt=True).encode()
        data = b"%b%b%b%b%b" % (self.before, date, BETWEEN, number.encode(), self.after)
        head, end, body = data.partition(b"\r\n\r\n")
        return WrittenOut(head + end, body, [])


class Repeat:
    """The answer to the very same bytes: what goes before its date, and after its number; and what
    the journal says of it."""

    __slots__ = ("before", "after", "asked", "sent", "ends", "head", "uses", "keep_alive", "kept")

    def __init__(
        self, before: bytes, after: bytes, step: Send, asked: Asked, answered: Answered
    ) -> None:
        self.before = before
        self.after = after
        self.ends = step.ends
        self.head = len(after) - (len(step.data) - step.head)  # bytes of the head that follow
        self.asked = asked
        self.sent = Sent(len(step.data) - step.head, len(step.ends), has_begun=True)
        self.kept = self.sent.kept = Lent(before, after)
        self.uses: Optional[Uses] = answered.uses
        self.keep_alive = True

    def dated(self, date: bytes, number: int) -> bytes:
        """The whole answer, with a date and an id of its own."""
        return b"%b%b%b%d%b" % (self.before, date, BETWEEN, number, self.after)

    def step(self, data: bytes) -> Send:
        """The answer as one step, where its client does not take it at once."""
        head = len(data) - len(self.after) + self.head
        moved = len(data) - len(self.before) - len(MARKED) - len(self.after)
        return Send(data, tuple([end + moved for end in self.ends]), head, bool(self.ends))


def repeat_of(steps: Iterable[Step], asked: Asked, answered: Answered) -> Optional[Repeat]:
    """What is remembered of an answer, made of its steps with MARKS in its head.

    None if it does not leave in one write."""
    made: List[Step] = []
    for step in steps:
        made.append(step)
        if len(made) > 1:
            return None
    step = made[0]
    if not isinstance(step, Send) or len(step.data) > JOINED or step.data.count(MARKED) != 1:
        return None
    before, _, after = step.data.partition(MARKED)
    return Repeat(before, after, step, asked, answered)


class Repeats:
    """Answers by all bytes of their requests, which then need not even be parsed.

    They hold for one generation of mocks.  A request is remembered when it comes for the second
    time; `room` bytes are, then it starts over."""

    def __init__(self, room: int = REPEATS_ROOM) -> None:
        self.room = room
        self.seen = CameBefore()
        # Is told of answers that are not kept any more, but may be shown.
        self.forgot: Callable[[List[Kept]], None] = lambda kept: None
        self.known: Dict[PortAndBytes, Repeat] = {}
        self.forget(0)

    def forget(self, generation: int) -> None:
        """Start over, with mocks of this generation."""
        self.generation = generation
        self.used = 0
        known, self.known = self.known, {}
        if known:
            self.forgot([repeat.kept for repeat in known.values()])

    def find(self, port: int, data: bytes, generation: int) -> Optional[Repeat]:
        """The answer to these bytes."""
        if generation != self.generation:
            self.forget(generation)
        return self.known.get((port, data))

    def keep(self, port: int, data: bytes, generation: int, repeat: Repeat) -> None:
        """Remember an answer, if it was made with the mocks that there are now."""
        if generation != self.generation:
            return
        size = REPEAT_SIZE + len(data) + len(repeat.before) + len(repeat.after) + repeat.asked.size
        if self.used + size > self.room:
            self.forget(generation)
        if size <= self.room:
            self.known[port, data] = repeat
            self.used += size
