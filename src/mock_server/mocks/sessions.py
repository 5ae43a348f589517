"""All mocks in matching order, and what each session has of its own.  May touch threading and time."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from ..errors import BadMock
from ..formats.base import WireFormat
from ..limits import QUIET_SECONDS, SESSIONS, Json
from ..values import Call, Delivery, Failure, Limit
from .answer import Answer, ReadFile
from .files import Library, Stamp, reader, stamp
from .mock import Index, Mock, Uses, parse_mock
from .near import NearMiss, near_misses


@dataclass(frozen=True)
class Found:
    """The mock that answers a call, its answer, and the number of this use, counted from 0."""

    mock: Mock
    answer: Answer
    used: int
    uses: Uses
    limit: Optional[Limit] = None


class Session:
    """What one session has of its own: mocks added at run time, and how often each mock was used.  `memory` is the
    answerer's."""

    def __init__(self) -> None:
        self.specs: List[Tuple[Json, str]] = []  # JSON and place of the mocks added at run time
        self.mocks: Tuple[Mock, ...] = ()
        self.uses: Dict[Tuple[str, str], Uses] = {}
        self.memory: Any = None
        self.known_index: Optional[Index] = Index(())

    def uses_of(self, mock: Mock) -> Uses:
        """How often it has used a mock."""
        found = self.uses.get(mock.key)
        return found or self.uses.setdefault(
            mock.key, Uses()
        )  # setdefault: two threads get the same

    def hold(self, mocks: Sequence[Mock]) -> None:
        """Have these mocks of its own, from now on."""
        self.mocks, self.known_index = tuple(mocks), None

    @property
    def index(self) -> Index:
        """Its mocks, indexed when the first request after a change asks: a test may add thousands one by one."""
        found = self.known_index
        if found is None or found.mocks is not self.mocks:
            found = self.known_index = Index(self.mocks)
        return found


class Mocks:
    """All mocks in matching order: those that a session added at run time, newest first, then those from files, which
    are read again when they change.  `say` gets a line whenever that goes wrong or right."""

    def __init__(
        self, directories: Sequence[str] = (), say: Callable[[str], None] = lambda line: None
    ) -> None:
        self.directories, self.say = tuple(directories), say
        self.lock = threading.Lock()
        self.sessions: "OrderedDict[str, Session]" = OrderedDict({"": Session()})
        self.from_files: List[Mock] = []
        self.index = Index(())
        self.stamps: Dict[str, Stamp] = {}
        self.next_check = self.last_request = self.looked = 0.0
        self.fresh = (
            False  # whether a file is so new that a further change may leave its stamp the same
        )
        self.problems: List[str] = []
        self.numbers = itertools.count(1)

    def session(self, name: str) -> Session:
        """A session, which begins when it is first asked for."""
        if not name:
            return self.sessions[""]
        with self.lock:
            found = self.sessions.setdefault(name, Session())
            self.sessions.move_to_end(name)
            if len(self.sessions) > SESSIONS:
                del self.sessions[next(old for old in self.sessions if old)]
        return found

    def load(self) -> List[str]:
        """Read all files; what is wrong with them, if anything is, in which case the mocks stay as they were."""
        libraries = [Library(directory) for directory in self.directories]
        loaded: List[Mock] = []
        problems: List[str] = []
        for library in libraries:
            mocks, wrong = library.load()
            loaded, problems = loaded + mocks, problems + wrong
        sessions = list(self.sessions.values())
        added = [self.again(session, reader(libraries)) for session in sessions]
        self.watch(libraries)
        if not problems:
            self.from_files, self.index = loaded, Index(loaded)
            for session, mocks in zip(sessions, added):
                session.hold(mocks)
                known = {mock.key for mock in itertools.chain(mocks, loaded)}
                session.uses = {key: uses for key, uses in session.uses.items() if key in known}
        return problems

    def again(self, session: Session, read: ReadFile) -> List[Mock]:
        """A session's own mocks, read again for the files that they name; one whose file is gone stays as it was."""
        mocks = []
        before = {mock.place: mock for mock in session.mocks}
        for spec, place in session.specs:
            try:
                mocks.append(parse_mock(spec, place, read))
            except BadMock as error:
                self.say(f"a mock added at run time stays as it was: {error}")
                mocks.append(before[place])
        return mocks

    def watch(self, libraries: Sequence[Library]) -> None:
        """Look at exactly the files that these libraries have read."""
        self.stamps = {
            path: known for library in libraries for path, known in library.stamps.items()
        }
        age = time.time_ns() - max((known[0] for known in self.stamps.values() if known), default=0)
        self.fresh = 0 <= age < 50_000_000

    def refresh(self) -> None:
        """Read the files again if one has changed, at every request.  Looking costs a stat a file; while requests come
        faster than a client can change a file between two of them, that is kept to a tenth of the time."""
        arrived = time.monotonic()
        quiet = arrived - self.last_request > QUIET_SECONDS and self.looked < QUIET_SECONDS * 10
        self.last_request = arrived
        if not self.stamps or (arrived < self.next_check and not quiet):
            return
        with self.lock:
            changed = self.fresh or any(stamp(path) != known for path, known in self.stamps.items())
            done = time.monotonic()
            self.looked = done - arrived
            self.next_check = done + min(0.5, 10 * self.looked)
            if changed:
                before = [mock.source for mock in self.from_files]
                self.report(self.load(), before)

    def report(self, problems: List[str], before: List[str]) -> None:
        """Tell how a reload went, once a change."""
        if problems != self.problems:
            for problem in problems:
                self.say(f"mocks not reloaded, the previous ones stay: {problem}")
        if not problems and (self.problems or before != [mock.source for mock in self.from_files]):
            self.say(f"mocks reloaded: {len(self.from_files)}")
        self.problems = problems

    def add(self, specs: Sequence[Json], session: str = "") -> List[Mock]:
        """Add mocks in front of all others of a session, in their order.  BadMock, and none is added, if one is wrong."""
        libraries = [Library(directory) for directory in self.directories]
        holder = self.session(session)
        with self.lock:
            placed = [(spec, f"added#{next(self.numbers)}") for spec in specs]
            mocks = [parse_mock(spec, place, reader(libraries)) for spec, place in placed]
            holder.specs = [*placed, *holder.specs]
            holder.hold([*mocks, *holder.mocks])
            self.stamps.update(
                {path: known for library in libraries for path, known in library.stamps.items()}
            )
        return mocks

    def remove(self, ids: Iterable[str], session: str = "") -> int:
        """Take away mocks that a session added, by their ids; how many there were."""
        holder, wanted = self.session(session), set(ids)
        with self.lock:
            kept = [mock for mock in holder.mocks if mock.id not in wanted]
            gone = len(holder.mocks) - len(kept)
            places = {mock.place for mock in kept}
            holder.specs = [(spec, place) for spec, place in holder.specs if place in places]
            holder.hold(kept)
            known = {mock.key for mock in itertools.chain(kept, self.index.mocks)}
            holder.uses = {key: uses for key, uses in holder.uses.items() if key in known}
        return gone

    def reset(self, session: str = "") -> None:
        """Forget a session's mocks and how often it used any."""
        with self.lock:
            if session:
                self.sessions.pop(session, None)
            else:
                self.sessions[""] = Session()
                self.sessions.move_to_end("", last=False)

    def all(self, session: str = "") -> List[Mock]:
        """A session's mocks and those from files, in matching order."""
        return [*self.session(session).mocks, *self.index.mocks]

    def find(self, call: Call, wire: WireFormat) -> Tuple[Optional[Found], bool]:
        """The first mock that matches, which is used by that; and whether an equal call will find the same."""
        steady, session = True, self.session(call.session)
        own = session.index
        candidates = self.index.candidates(call)
        for mock in itertools.chain(own.candidates(call), candidates) if own.mocks else candidates:
            if not mock.matches(call):
                continue
            steady = steady and mock.steady
            uses = session.uses_of(mock)
            limit = (
                uses.admit(*mock.limit)
                if mock.limit and not mock.differences(call, wire, uses.count)
                else None
            )
            if limit and limit.left < 0:
                failure = Failure(0, "", kind="rate_limit", wait=limit.wait)
                return Found(
                    mock, Answer(failure, 429, Delivery()), uses.count, uses, replace(limit, left=0)
                ), steady
            claimed = mock.claim(call, wire, uses)
            if claimed:
                return Found(mock, *claimed, uses, limit), steady
        return None, steady

    def near(self, call: Call, wire: WireFormat) -> List[NearMiss]:
        """The three mocks that came nearest to matching."""
        session = self.session(call.session)
        return near_misses(
            self.all(call.session), call, wire, lambda mock: session.uses_of(mock).count
        )

    def explain(self, near: Sequence[NearMiss]) -> str:
        """Why no mock matches: the closest one and the first thing that differs."""
        if not near:
            where = " and ".join(
                os.path.join(name, "mocks") for name in map(os.path.basename, self.directories)
            )
            return f"no mock matches; none are loaded{' from ' + where if where else ''}"
        return f"no mock matches; closest is {near[0].said}"
