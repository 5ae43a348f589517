"""What was asked and how it ended; waiting, gates, feeds.  May touch threading and time."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace
from typing import (
    Callable,
    Deque,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
    cast,
)

from .framings import OPENAI_SSE
from .jsons import compact, copied, timestamp
from .limits import JOURNAL, JOURNAL_BODY, JOURNAL_ROOM, LIVE_BACKLOG, Json
from .mocks.match import Condition
from .mocks.near import NearMiss
from .values import Call, Hold, Request

ENDS = ("complete", "client_closed", "client_reset", "fault", "shutdown")


class Gate:
    """Lets so many events of a stream out as a test has released.  `wake` is called when there are more."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.free = 0
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


class Feed(Gate):
    """A stream that somebody fills while it runs: what is put in goes out in order."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: Deque[Optional[bytes]] = deque()
        self.dropped = self.size = 0

    def put(self, frame: Optional[bytes]) -> None:
        """Add a frame; None ends the stream.  Frames that a slow reader has not taken are dropped, past a bound."""
        if frame is not None and self.size + len(frame) > LIVE_BACKLOG:
            self.dropped += 1
            return
        self.size += len(frame or b"")
        self.waiting.append(frame)
        self.release()

    def frames(self) -> Iterator[Union[bytes, Hold]]:
        """A comment at once, then each frame as it is put in."""
        yield b": live\n\n"
        while True:
            yield Hold()
            frame = self.waiting.popleft()
            if frame is None:
                return
            self.size -= len(frame)
            if self.dropped:
                frame, self.dropped = (
                    f": {self.dropped} events dropped, they are read too slowly\n\n".encode()
                    + frame,
                    0,
                )
            yield frame


class Entry:
    """One request in the journal.  What is shown of it is made when somebody looks, for most are never looked at.

    `kept` is query and headers without credentials, `answered` the status, the mock's name, the fault, whether no mock
    matched, the near misses and a note; `call` is what was asked, as far as it could be read."""

    __slots__ = (
        "number",
        "moment",
        "method",
        "path",
        "port",
        "session",
        "kept",
        "body",
        "provider",
        "call",
        "status",
        "mock",
        "fault",
        "unmatched",
        "near",
        "note",
        "duration",
        "bytes_sent",
        "events_sent",
        "events_total",
        "blocked",
        "ended",
        "gate",
        "size",
        "here",
    )

    def __init__(
        self,
        number: str,
        moment: float,
        request: Request,
        kept: Mapping[str, Mapping[str, str]],
        body: Json,
        provider: Optional[str],
        call: Optional[Call],
        size: int,
    ) -> None:
        self.number, self.moment, self.method, self.path = (
            number,
            moment,
            request.method,
            request.path,
        )
        self.port, self.session, self.kept, self.body = request.port, request.session, kept, body
        self.provider, self.call, self.size = provider, call, size
        self.status, self.mock, self.fault, self.note = 0, "", "", ""
        self.unmatched, self.near = False, cast(Tuple[NearMiss, ...], ())
        self.duration, self.bytes_sent, self.events_sent, self.blocked = (
            cast(Optional[float], None),
            0,
            0,
            0.0,
        )
        self.events_total: Optional[int] = None
        self.ended: Optional[str] = None
        self.gate: Optional[Gate] = None
        self.here = True  # whether the journal still has it

    def json(self) -> Dict[str, Json]:
        """All that is shown of it; what is changed in there changes nothing here."""
        call = self.call
        asked: Tuple[Json, ...] = (None,) * 5
        if call:
            asked = (
                call.operation or None,
                call.api or None,
                call.model,
                call.stream,
                call.user[:JOURNAL_BODY],
            )
        return {
            "id": self.number,
            "time": timestamp(self.moment),
            "port": self.port,
            "session": self.session or None,
            "method": self.method,
            "path": self.path,
            "query": dict(self.kept["query"]),
            "headers": dict(self.kept["headers"]),
            "body": copied(self.body),
            "provider": self.provider,
            **dict(zip(("operation", "api", "model", "stream", "user"), asked)),
            "mock": self.mock or None,
            "fault": self.fault or None,
            "status": self.status,
            "unmatched": self.unmatched,
            "near_misses": [miss.json() for miss in self.near],
            "note": self.note,
            "duration": self.duration,
            "bytes_sent": self.bytes_sent,
            "events_sent": self.events_sent,
            "events_total": self.events_total,
            "blocked": self.blocked,
            "ended": self.ended,
        }

    def matches(self, wanted: Sequence[Condition], ended: Optional[str]) -> bool:
        """Whether it fulfils conditions, and has ended in the way that is asked for."""
        if ended is not None and self.ended != ended:
            return False
        if not wanted:
            return True
        query, headers = self.kept["query"], self.kept["headers"]
        request = Request(self.method, self.path, query, headers, b"", self.port, self.session)
        if self.call:
            seen = replace(self.call, request=request)
        else:
            seen = Call(request, self.provider or "", "", "", "", body=None)
        return all(one.holds(one.get(seen)) for one in wanted)


class Waiter(Gate):
    """Somebody who waits for so many more requests of a session that match."""

    def __init__(
        self, session: str, wanted: Sequence[Condition], ended: Optional[str], more: int
    ) -> None:
        super().__init__()
        self.session, self.wanted, self.ended, self.more = session, wanted, ended, more

    def look(self, entry: Entry) -> None:
        """Look at a request that has just come, or ended."""
        if (entry.ended is None) == (self.ended is None) and self.session in ("*", entry.session):
            self.more -= entry.matches(self.wanted, self.ended)
            if self.more == 0:
                self.release()


Patience = Callable[[Gate, float], None]  # waits until a gate opens, for so many seconds


def in_a_thread(gate: Gate, timeout: float) -> None:
    """Waits in this thread, which nothing else interrupts."""
    opened = threading.Event()
    gate.wake = opened.set
    if not gate.take():
        opened.wait(timeout)


class Journal:
    """The newest requests of each session, oldest first, and counts of all requests; what is kept is bounded by number and
    by bytes.  Waiting costs nothing but a look at each request that comes or ends."""

    def __init__(self, size: int = JOURNAL, room: int = JOURNAL_ROOM) -> None:
        self.size, self.room, self.used, self.kept = size, room, 0, 0
        self.sessions: Dict[str, Deque[Entry]] = {}
        self.order: Deque[Entry] = deque()
        self.gated: Dict[str, Entry] = {}  # streams under way that a test releases, journal or not
        self.lock = threading.RLock()
        self.waiters: List[Waiter] = []
        self.feeds: List[Tuple[str, Feed]] = []
        self.closed = False
        self.started = time.monotonic()
        self.running = 0
        self.requests: Dict[
            Tuple[Optional[str], Optional[str], int, bool], int
        ] = {}  # by provider, API, status, matched
        self.ends: Dict[str, int] = {}
        self.bytes_sent = self.events_sent = 0
        self.seconds = 0.0

    def add(self, entry: Entry) -> None:
        """Remember one request."""
        with self.lock:
            self.running += 1
            if entry.gate:
                self.gated[entry.number] = entry
            if self.size:
                own = self.sessions.get(entry.session)
                if own is None:
                    own = self.sessions[entry.session] = deque()
                own.append(entry)
                self.order.append(entry)
                self.used += entry.size
                self.kept += 1
                if len(own) > self.size:
                    self.forget(own.popleft())
                if self.used > self.room or not self.order[0].here:
                    self.trim()
            if self.waiters or self.feeds:
                self.tell(entry)

    def trim(self) -> None:
        """Drop the oldest entries of all sessions while they take too much room."""
        while self.order and (self.used > self.room or not self.order[0].here):
            oldest = self.order.popleft()
            if oldest.here:
                self.sessions[oldest.session].popleft()
                self.forget(oldest)

    def forget(self, entry: Entry) -> None:
        """What goes with an entry that is dropped.  Its place in the order stays until it is first, or too many have gone."""
        entry.here = False
        self.used -= entry.size
        self.kept -= 1
        if len(self.order) > 2 * self.kept + 1000:
            self.order = deque(other for other in self.order if other.here)
        if entry.session and not self.sessions.get(entry.session):
            self.sessions.pop(entry.session, None)

    def end(self, entry: Entry, ended: str) -> None:
        """Say how a request ended."""
        call = entry.call
        key = entry.provider, call.api if call else None, entry.status, bool(entry.mock)
        with self.lock:
            entry.ended = ended
            self.running -= 1
            self.requests[key] = self.requests.get(key, 0) + 1
            self.ends[ended] = self.ends.get(ended, 0) + 1
            self.bytes_sent += entry.bytes_sent
            self.events_sent += entry.events_sent
            self.seconds += entry.duration or 0.0
            if entry.gate:
                self.gated.pop(entry.number, None)
            if self.waiters or self.feeds:
                self.tell(entry)

    def tell(self, entry: Entry) -> None:
        """Have those who wait look at an entry, and send it to those who watch."""
        for waiter in self.waiters:
            waiter.look(entry)
        watching = [feed for session, feed in self.feeds if session in ("*", entry.session)]
        if watching:
            frame = OPENAI_SSE.frame(
                compact(entry.json()), "request" if entry.ended is None else "ended"
            )
            for feed in watching:
                feed.put(frame)

    def watch(self, session: str) -> Feed:
        """A feed of what happens from now on."""
        feed = Feed()
        with self.lock:
            if self.closed:
                feed.put(None)
            self.feeds.append((session, feed))
        return feed

    def unwatch(self, feed: Gate) -> None:
        """Nobody reads this feed any more."""
        with self.lock:
            self.feeds = [(session, other) for session, other in self.feeds if other is not feed]

    def entries(self, session: str = "") -> List[Entry]:
        """A session's requests, oldest first; of all sessions for `*`."""
        with self.lock:
            if session == "*":
                return [entry for entry in self.order if entry.here]
            return list(self.sessions.get(session, ()))

    def find(self, number: str) -> Optional[Entry]:
        """A request by its id."""
        with self.lock:
            return self.gated.get(number) or next(
                (entry for entry in self.order if entry.here and entry.number == number), None
            )

    def clear(self, session: str = "") -> int:
        """Forget a session's requests, or all for `*`; how many there were."""
        with self.lock:
            names = list(self.sessions) if session == "*" else [session]
            gone = [entry for name in names for entry in self.sessions.pop(name, ())]
            for entry in gone:
                self.forget(entry)
        return len(gone)

    def open_gates(self, session: str = "") -> None:
        """Let all gated streams of a session, or of all for `*`, run to their end."""
        with self.lock:
            held = [entry.gate for entry in self.gated.values() if session in ("*", entry.session)]
        for gate in held:
            if gate:
                gate.release(10**9)

    def wait(
        self,
        session: str,
        wanted: Sequence[Condition],
        count: int,
        ended: Optional[str],
        timeout: float,
        patience: Patience = in_a_thread,
    ) -> Tuple[List[Entry], bool]:
        """The requests that match, once there are `count` of them; and false if there were not in time."""
        with self.lock:
            found = self.matching(session, wanted, ended)
            if len(found) >= count or self.closed:
                return found, len(found) >= count
            waiter = Waiter(session, wanted, ended, count - len(found))
            self.waiters.append(waiter)
        try:
            patience(waiter, timeout)
        finally:
            with self.lock:
                self.waiters.remove(waiter)
        return self.matching(session, wanted, ended), waiter.more <= 0

    def matching(
        self, session: str, wanted: Sequence[Condition], ended: Optional[str] = None
    ) -> List[Entry]:
        """The requests of a session that match."""
        return [entry for entry in self.entries(session) if entry.matches(wanted, ended)]

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
