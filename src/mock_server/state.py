"""What a session remembers beside its mocks, and answers from.  May touch threading."""

from __future__ import annotations

import threading
from typing import (
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from .issuing import Issuer
from .limits import STORED_ROOM, Json
from .values import Call

NO_STATUS = ""  # of a response of which nothing is still to come
CANCELLED = "cancelled"


class Stored:
    """A response that is asked for by its id, and what tells it once more: `whole` the object as it
    ends, `events` the events of its stream.

    One that is made in the background has statuses that it goes through before it ends: each poll
    finds the next, so that what a test sees does not depend on how fast it is."""

    def __init__(
        self,
        name: str,
        call: Call,
        whole: Callable[[], Json],
        events: Callable[[], Iterator[Json]],
        size: int,
        stages: Sequence[str] = (),
    ) -> None:
        self.name, self.call, self.whole, self.events, self.size = name, call, whole, events, size
        self.in_background = bool(call.body.get("background"))
        # The places of its items in the output by their ids, once they were asked for.
        self.items: Optional[Dict[str, int]] = None
        self.status, *self.ahead = *stages, NO_STATUS

    def poll(self) -> None:
        """Go on to the next status."""
        if self.ahead:
            self.status = self.ahead.pop(0)

    def end(self) -> None:
        """Be done, unless it was cancelled."""
        if self.ahead:
            self.status, self.ahead = NO_STATUS, []

    def cancel(self) -> None:
        """Be cancelled, unless it is done."""
        if self.ahead:
            self.status, self.ahead = CANCELLED, []


class Archive:
    """What was stored in all sessions: `room` bytes of memory; then the older half is forgotten, at
    once, for nothing that depends on it holds any more.  `forgot` is told of bytes that are
    free."""

    def __init__(
        self, room: int = STORED_ROOM, forgot: Callable[[int], None] = lambda size: None
    ) -> None:
        self.room, self.forgot = room, forgot
        self.lock = threading.Lock()
        self.used = 0
        self.kept: Dict[Tuple[State, str], int] = {}  # the bytes of each, the oldest first

    def put(self, state: State, stored: Stored) -> None:
        """Store a response in a session, in place of one with the same id."""
        freed = 0
        with self.lock:
            replaced = self.take(state, stored.name)
            if stored.size > self.room:
                freed, state.has_lost = replaced.size if replaced else 0, True
            else:
                if self.used + stored.size > self.room:
                    freed = self.make_room(stored.size)
                self.kept[state, stored.name] = stored.size
                self.used += stored.size
                state.responses[stored.name] = stored
        if freed:
            self.forgot(freed)

    def take(self, state: State, name: str) -> Optional[Stored]:
        """Take a response away, if it is there; for who holds the lock."""
        stored = state.responses.pop(name, None)
        self.used -= self.kept.pop((state, name), 0)
        return stored

    def make_room(self, size: int) -> int:
        """Forget the older half, and more if so many bytes need it; how many bytes that frees."""
        before = self.used
        most = min(self.room // 2, self.room - size)
        for state, name in list(self.kept):
            if self.used <= most:
                break
            self.take(state, name)
            state.has_lost = True
        return before - self.used


class Gauge(NamedTuple):
    """What a test has set a metric to, with the labels that it gave."""

    value: float
    labels: Mapping[str, str]


class State:
    """What answers of a session depend on that is in no request and in no mock.

    `lock` is held while it is read and changed; a reset begins with a new one."""

    def __init__(self, archive: Archive, issuer: Issuer) -> None:
        self.lock = threading.Lock()
        self.issuer = issuer  # of all sessions
        # Of a model server, by name and port; port 0 stands for all that have none of their own.
        self.gauges: Dict[Tuple[str, int], Gauge] = {}
        self.sleeps = False  # the model server
        self.adapters: Set[str] = set()  # that it has loaded
        self.archive = archive
        self.responses: Dict[str, Stored] = {}  # by id, as the archive has them
        self.has_lost = False  # whether there was no room for some that were issued

    @property
    def is_empty(self) -> bool:
        """Whether a test has set nothing; what clients of a provider did may be forgotten."""
        return not self.gauges

    def gauge_of(self, name: str, port: int) -> Optional[Gauge]:
        """What a metric is set to for who asks on a port, if it is."""
        with self.lock:
            return self.gauges.get((name, port)) or self.gauges.get((name, 0))

    def store(self, stored: Stored) -> None:
        """Store a response."""
        self.archive.put(self, stored)

    def forget(self, name: str) -> Optional[Stored]:
        """Forget a response, if it is there."""
        with self.archive.lock:
            stored = self.archive.take(self, name)
        # Its create is to store it anew, and not to be answered from memory.
        if stored:
            self.archive.forgot(stored.size)
        return stored

    def close(self) -> int:
        """Forget all of them, as nobody asks any more; how many bytes that frees."""
        with self.archive.lock:
            before = self.archive.used
            for name in list(self.responses):
                self.archive.take(self, name)
            return before - self.archive.used

    def chain(self, last: Stored) -> List[Stored]:
        """A response with those that it goes on from, as far as they are here; the first first."""
        found: Dict[str, Stored] = {}  # a mock's own ids may lead in a circle
        stored: Optional[Stored] = last
        while stored and stored.name not in found:
            found[stored.name] = stored
            stored = self.responses.get(stored.call.body.get("previous_response_id") or "")
        return list(found.values())[::-1]
