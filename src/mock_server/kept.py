"""What is kept of an answer while it goes out: references to what was written, within bounds.

May ask the clock."""

from __future__ import annotations

import time
from collections import deque
from typing import Callable, Deque, List, Optional, Tuple

from .limits import JOURNAL_BODY
from .steps import Send

ANSWERS_ROOM = 16 * 1024 * 1024  # bytes of memory of all answers, of what the journal may take
MOST_PIECES = 256  # that are kept apart
PIECE_SIZE = 50  # about what the objects of one take
MOMENT_SIZE = 120  # and those of a moment
PORTION = 4096  # bytes by which an answer that is under way may be larger than was told
SAME_TIME = 0.001  # seconds; what follows sooner went out at the same time, for all who look

Moment = Tuple[int, float]  # so many bytes of an answer were out then, by the monotonic clock


class Kept:
    """What went out of one answer, head and body as they were written: the first 64 KiB.

    Nothing is copied but what is cut off there, or was written in many pieces.  `tell` is told
    when it has become larger; `holders` are the entries of the journal that show it."""

    __slots__ = (
        *("pieces", "room", "head", "since", "moments", "size", "told", "tell", "holders"),
        "is_lent",
    )

    def __init__(self, since: float = 0.0, tell: Optional[Callable[[Kept], None]] = None) -> None:
        self.pieces: List[bytes] = []
        self.room = JOURNAL_BODY
        self.head = 0  # bytes of what was written that are the answer's head
        self.since = since  # when the request came, by the monotonic clock
        self.moments: List[Moment] = []
        self.size = 0
        self.told = 0
        self.tell = tell
        self.holders = 0
        self.is_lent = False  # whether somebody else keeps it, too, and counts it

    def add(self, step: Send) -> None:
        """Keep what is about to be written, as far as there is room."""
        room = self.room
        if not room:
            return
        data = step.data
        self.head += step.head
        if len(data) > room:
            data = data[:room]
        pieces = self.pieces
        pieces.append(data)
        self.room = room - len(data)
        self.size += len(data) + PIECE_SIZE
        if step.ends or len(pieces) > 1:
            self.note()
        if self.size > self.told + PORTION and self.tell:
            self.tell(self)

    def note(self) -> None:
        """Note when this is written."""
        if len(self.pieces) > MOST_PIECES:
            self.size -= PIECE_SIZE * (len(self.pieces) - 1)
            self.pieces = [b"".join(self.pieces)]
        out, now, moments = JOURNAL_BODY - self.room, time.monotonic(), self.moments
        if moments and now - moments[-1][1] < SAME_TIME:
            moments[-1] = out, moments[-1][1]
            return
        moments.append((out, now))
        self.size += MOMENT_SIZE

    def drop(self) -> None:
        """Keep none of it any longer."""
        self.pieces, self.moments = [], []
        self.room = self.size = self.told = 0

    def written(self, moment: float, number: str) -> Tuple[bytes, bytes]:
        """Head and body that were written at this moment in answer to the request with this id, as
        far as they are kept."""
        data = b"".join(self.pieces)
        return data[: self.head], data[self.head :]


# Where an answer is shown to nobody.
NOTHING_KEPT = Kept()
NOTHING_KEPT.room = 0
NOTHING_KEPT.is_lent = True


class KeptAnswers:
    """All answers that are kept for the journal, within bounds: the oldest goes first.

    Its users hold the journal's lock."""

    def __init__(self) -> None:
        self.used = 0  # bytes of memory
        self.order: Deque[Kept] = deque()  # as they came; those that went may still be in it
        self.gone = 0  # of those

    def count(self, kept: Kept) -> None:
        """Count how large an answer has become, if an entry shows it."""
        if kept.is_lent or not kept.size:
            return
        if not kept.holders:
            kept.drop()
            return
        if not kept.told:
            self.order.append(kept)
        self.used += kept.size - kept.told
        kept.told = kept.size

    def let_go(self, kept: Kept) -> None:
        """Note that an entry that showed an answer is gone."""
        kept.holders -= 1
        if kept.holders or kept.is_lent:
            return
        self.drop(kept)
        # Seldom, so that it costs each request next to nothing.
        if self.gone > len(self.order) // 2 + 1000:
            self.order = deque(other for other in self.order if other.told)
            self.gone = 0

    def drop(self, kept: Kept) -> None:
        """Drop an answer, whoever shows it."""
        if kept.told:
            self.used -= kept.told
            self.gone += 1
        kept.drop()

    def trim(self, room: int) -> None:
        """Drop the oldest answers while all of them take more room than this."""
        while self.used > room and self.order:
            oldest = self.order.popleft()
            if oldest.told:
                self.drop(oldest)
            self.gone -= 1
