"""What was asked and how it ended; waiting for it, and watching.  May touch threading and time."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections import deque
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from .counters import Counters, Family, gauge
from .entries import Again, Ended, Entry, entry_of
from .framings import OPENAI_SSE
from .gates import ASIDE, Feed, Gate, Wanting, Work
from .jsons import compact
from .kept import NOTHING_KEPT, Kept
from .limits import JOURNAL, JOURNAL_ROOM
from .mocks.match import Condition
from .mocks.patterns import WATCHDOG, TooLong
from .recording.passages import Forwarded

EVERY_SESSION = "*"
ANSWERS_ROOM = 8 * 1024 * 1024  # bytes of memory that is kept of answers, of all it may take
MOST_UNMADE = 10_000  # entries that are not made yet
ALL_EVENTS = 10**9  # what a gate releases that is not to hold any more


class Wanted(NamedTuple):
    """Requests of a session, or of all for `*`: those that fulfil conditions and ended as asked."""

    session: str
    conditions: Sequence[Condition] = ()
    ended: Ended = None

    def holds(self, entry: Entry) -> bool:
        """Whether a request of the right session is one of them."""
        return entry.matches(self.conditions, self.ended)


class Waiter(Gate):
    """Somebody who waits for so many more requests; it opens when they are there."""

    def __init__(self, wanted: Wanted, missing: int) -> None:
        super().__init__()
        self.wanted = wanted
        self.missing = missing
        self.has_failed = False
        self.unsure: List[Entry] = []  # those of which it takes long to say whether they count

    def look(self, entry: Entry) -> None:
        """Look at a request that has just come, or ended."""
        wanted = self.wanted
        # Each is counted once: when it comes, or, if it matters how it ended, when it ends.
        if (entry.ended is None) != (wanted.ended is None):
            return
        try:
            if wanted.session in (EVERY_SESSION, entry.asked.session) and wanted.holds(entry):
                self.found(1)
        except TooLong:
            self.unsure.append(entry)
            self.release()
        except Exception:  # noqa: BLE001  it is not the fault of the request that is looked at
            self.has_failed = True
            self.release()  # who waits looks again, and is told

    @property
    def waits(self) -> bool:
        """Whether there is still something to wait for."""
        return self.missing > 0 and not self.has_failed

    def look_closer(self) -> None:
        """Look at those again, in a thread that has the time."""
        unsure, self.unsure = self.unsure, []
        for entry in unsure:
            if self.wanted.holds(entry):
                self.found(1)

    def found(self, more: int) -> None:
        """There are so many more of them."""
        was_open = self.missing <= 0
        self.missing -= more
        if self.missing <= 0 and not was_open:
            self.release()


class Journal:
    """The newest requests of each session, oldest first, and counts of all requests.

    What is remembered is bounded: `size` requests a session, `room` bytes in all.  Waiting costs
    nothing but a look at each request that comes or ends."""

    def __init__(self, size: int = JOURNAL, room: int = JOURNAL_ROOM) -> None:
        self.instance = os.urandom(8).hex()  # of this run of the server; another has another
        self.size = size
        self.room = room
        self.used = 0  # bytes of what is remembered
        self.remembered = 0
        self.sessions: Dict[str, Deque[Entry]] = {}
        self.order: Deque[Entry] = deque()  # of all sessions; dropped ones may still be in it
        self.gated: Dict[str, Entry] = {}  # streams under way that a test releases, journal or not
        self.lock = threading.RLock()
        self.waiters: List[Waiter] = []
        self.feeds: List[Tuple[str, Feed]] = []
        self.closed = False
        self.started = time.monotonic()
        self.counters = Counters()
        self.repeated: List[Again] = []  # requests whose entries are not made yet
        self.kept = 0  # bytes of what is kept of answers, which may be a part of the room
        self.kept_room = min(ANSWERS_ROOM, room // 4)
        self.freed: Callable[[int], None] = lambda size: None  # is told of the memory of what went

    # --- what the server tells ---

    def add(self, entry: Entry, since: float = 0.0) -> None:
        """Remember one request, which came then by the monotonic clock, unless it is a probe."""
        if entry.asked.is_probe:
            return
        if self.size and entry.sent.kept is NOTHING_KEPT:
            entry.sent.kept = Kept(since, self.has_grown)
        with self.lock:
            if self.repeated:
                self.make_entries()
            self.counters.running += 1
            if entry.gate:
                self.gated[entry.number] = entry
            if self.size:
                self.remember(entry)
            if self.waiters or self.feeds:
                self.tell(entry)

    def add_again(self, again: Again) -> None:
        """Remember one request that was answered at once as one before it was, for who holds the
        lock: its entry is made when somebody looks, or never."""
        self.repeated.append(again)
        if self.waiters or self.feeds or len(self.repeated) >= MOST_UNMADE:
            self.make_entries()

    def make_entries(self) -> None:
        """Make the entries of what was repeated, as if each had been made when it came."""
        repeated, self.repeated = self.repeated, []
        told = bool(self.waiters or self.feeds)
        if not told and self.used + sum(again[2].size for again in repeated) <= self.room:
            repeated = self.lasting(repeated)
        for again in repeated:
            entry = entry_of(again)
            self.counters.running += 1
            if self.size:
                self.remember(entry)
            if told:
                self.tell(entry)
            self.end(entry, "complete")

    def lasting(self, repeated: List[Again]) -> List[Again]:
        """Those of them that their sessions remember in the end; the others are only counted."""
        left: Dict[str, int] = {}
        lasting = []
        for again in reversed(repeated):
            session = again[2].session
            left.setdefault(session, self.size)
            if left[session] > 0:
                left[session] -= 1
                lasting.append(again)
            else:
                self.counters.again(again)
        return lasting[::-1]

    def remember(self, entry: Entry) -> None:
        """Put an entry behind those of its session, and drop what is too much then."""
        session = entry.asked.session
        entries = self.sessions.get(session)
        if entries is None:
            entries = self.sessions[session] = deque()
        entries.append(entry)
        self.order.append(entry)
        self.used += entry.asked.size
        self.remembered += 1
        entry.sent.kept.holders += 1
        if len(entries) > self.size:
            self.forget(entries.popleft())
        if self.used + self.kept > self.room or not self.order[0].is_remembered:
            self.trim()

    def trim(self) -> None:
        """Drop the oldest entries of all sessions while they take too much room."""
        while self.order:
            oldest = self.order[0]
            if oldest.is_remembered and self.used + self.kept <= self.room:
                break
            self.order.popleft()
            if oldest.is_remembered:
                self.sessions[oldest.asked.session].popleft()
                self.forget(oldest)

    def forget(self, entry: Entry) -> None:
        """Forget an entry that its session has dropped.  Its place in the order stays until it is
        first, or too many have gone."""
        entry.is_remembered = False
        self.used -= entry.asked.size
        self.remembered -= 1
        kept = entry.sent.kept
        kept.holders -= 1
        if not (kept.holders or kept.is_lent):
            self.kept -= kept.told
            entry.sent.kept = NOTHING_KEPT
        # Seldom, so that it costs each request next to nothing.
        if len(self.order) > 2 * self.remembered + 1000:
            self.order = deque(other for other in self.order if other.is_remembered)
        session = entry.asked.session
        if session and not self.sessions.get(session):
            self.sessions.pop(session, None)

    def end(self, entry: Entry, ended: str) -> None:
        """Say how a request ended."""
        if entry.asked.is_probe:
            entry.ended = ended
            return
        with self.lock:
            entry.ended = ended
            kept = entry.sent.kept
            if not kept.is_lent:
                self.keep(kept)
            self.counters.end(entry, ended)
            if entry.gate:
                self.gated.pop(entry.number, None)
            if self.waiters or self.feeds:
                self.tell(entry)

    def keep(self, kept: Kept) -> None:
        """Count what is kept of an answer, for who holds the lock."""
        if not kept.holders:  # its entry is forgotten
            kept.drop()
            return
        weight = kept.weight
        self.kept += weight - kept.told
        kept.told = weight
        if self.kept > self.kept_room:
            self.drop_answers()
        if self.used + self.kept > self.room:
            self.trim()

    def drop_answers(self) -> None:
        """Drop the oldest answers, so many that it has not to be done again soon."""
        for entry in self.order:
            kept = entry.sent.kept
            self.kept -= kept.told
            if kept.told:
                kept.drop()
            if self.kept <= self.kept_room * 3 // 4:
                break

    def has_grown(self, kept: Kept) -> None:
        """Count what is kept of an answer that is under way."""
        with self.lock:
            self.keep(kept)

    def take_over(self, lent: List[Kept]) -> None:
        """Count answers that were kept to be repeated, and are not any more."""
        with self.lock:
            self.make_entries()  # which may show some of them
            for kept in lent:
                kept.give()
                self.keep(kept)

    def tell(self, entry: Entry) -> None:
        """Have those who wait look at an entry, and send it to those who watch."""
        with WATCHDOG.hurried():
            for waiter in self.waiters:
                waiter.look(entry)
        sessions = (EVERY_SESSION, entry.asked.session)
        watching = [feed for session, feed in self.feeds if session in sessions]
        if watching:
            event = "request" if entry.ended is None else "ended"
            frame = OPENAI_SSE.frame(compact(entry.json()), event)
            for feed in watching:
                feed.put(frame)

    # --- what tests ask: of a session, or of all for `*` ---

    def entries(self, session: str = "") -> List[Entry]:
        """Requests, oldest first."""
        with self.lock:
            self.make_entries()
            if session == EVERY_SESSION:
                return [entry for entry in self.order if entry.is_remembered]
            return list(self.sessions.get(session, ()))

    def matching(self, wanted: Wanted) -> List[Entry]:
        """The requests that are wanted, oldest first."""
        return [entry for entry in self.entries(wanted.session) if wanted.holds(entry)]

    def find(self, number: str) -> Optional[Entry]:
        """A request of any session by its id."""
        with self.lock:
            self.make_entries()
            # A gated stream is there even without a journal, or once that has dropped it.
            gated = self.gated.get(number)
            if gated:
                return gated
            for entry in self.order:
                if entry.is_remembered and entry.number == number:
                    return entry
        return None

    def clear(self, session: str = "") -> int:
        """Forget requests; how many there were."""
        with self.lock:
            self.make_entries()
            names = [session]
            if session == EVERY_SESSION:
                names = list(self.sessions)
            dropped = [entry for name in names for entry in self.sessions.pop(name, ())]
            self.freed(sum(entry.asked.size for entry in dropped))
            for entry in dropped:
                self.forget(entry)
            self.tell_reset(session)
        return len(dropped)

    def tell_reset(self, session: str) -> None:
        """Tell those who watch that requests of a session, or of all for `*`, are forgotten."""
        frame = OPENAI_SSE.frame(compact({"session": session or None}), "reset")
        for watched, feed in self.feeds:
            if watched == session or EVERY_SESSION in (watched, session):
                feed.put(frame)

    def names(self) -> Set[str]:
        """The sessions of which there are requests."""
        with self.lock:
            self.make_entries()
            return set(self.sessions)

    def awaited(self) -> Set[str]:
        """The sessions of which somebody waits for requests, or may release a stream."""
        with self.lock:
            gated = {entry.asked.session for entry in self.gated.values()}
            return gated.union(waiter.wanted.session for waiter in self.waiters)

    def open_gates(self, session: str) -> None:
        """Let the gated streams of a session, or of all for `*`, run to their end."""
        with self.lock:
            gated = list(self.gated.values())
        for entry in gated:
            if entry.gate and session in (EVERY_SESSION, entry.asked.session):
                entry.gate.release(ALL_EVENTS)

    def waiting(self, wanted: Wanted, count: int, timeout: float) -> Work[Tuple[List[Entry], bool]]:
        """Work that gives the requests that are wanted, and whether there were `count` of them in
        time."""
        waiter = Waiter(wanted, count)
        deadline = time.monotonic() + timeout
        with self.lock:
            # Under one lock, so that each request is seen here or by the waiter, and not twice.
            entries = self.entries(wanted.session)
            if wanted.ended is not None:
                entries = [entry for entry in entries if entry.ended in wanted.ended]
            self.waiters.append(waiter)
        try:
            present = [entry for entry in entries if wanted.holds(entry)]
            with self.lock:
                waiter.found(len(present))
            while waiter.waits and not self.closed and time.monotonic() < deadline:
                yield Wanting(waiter, deadline - time.monotonic())
                if waiter.unsure:
                    yield ASIDE
                    waiter.look_closer()
        finally:
            with self.lock:
                self.waiters.remove(waiter)
        return self.matching(wanted), waiter.missing <= 0

    def watch(self, session: str) -> Feed:
        """A feed of what happens from now on."""
        feed = Feed()
        with self.lock:
            self.make_entries()
            if self.closed:  # the feed ends at once
                feed.put(None)
            feed.when_left = functools.partial(self.unwatch, feed)
            self.feeds.append((session, feed))
        return feed

    def unwatch(self, feed: Gate) -> None:
        """Nobody reads this feed any more."""
        with self.lock:
            self.feeds = [(session, other) for session, other in self.feeds if other is not feed]

    def count_forwarded(self, forwarded: Forwarded) -> None:
        """Count a request that was forwarded."""
        with self.lock:
            self.counters.forward(forwarded)

    def families(self) -> List[Family]:
        """What Prometheus is told: counts of all requests, and how many are remembered."""
        with self.lock:
            self.make_entries()
            kept = gauge("journal_entries", "Requests in the journal.", self.remembered)
            return [*self.counters.families(), kept]

    def uptime(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self.lock:
            self.closed = True
            for waiter in self.waiters:
                waiter.release()
            for _, feed in self.feeds:
                feed.put(None)
