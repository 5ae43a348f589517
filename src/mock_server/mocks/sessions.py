"""All mocks in matching order, and what each session has of its own.  May touch threading."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from ..errors import BadMock
from ..formats.base import WireFormat
from ..limits import SESSIONS, Json
from ..values import Call
from .files import MockFiles
from .index import Index
from .mock import Found, Mock, Uses, parse_mock, place_of
from .near import NearMiss, explanation, looked_at, near_misses
from .recordings import MockNode, ReadFile


class Session:
    """What one session has of its own, mocks added at run time and how often each mock was used,
    and all that can be done with its mocks.  `memory` is the answerer's."""

    def __init__(self, name: str, mocks: Mocks) -> None:
        self.name, self.all_mocks = name, mocks
        self.index = Index()  # of mocks that were added at run time
        self.specs: Dict[str, Json] = {}  # by place, the JSON of those that may name files
        self.uses: Dict[Tuple[str, str], Uses] = {}
        self.memory: Any = None

    @property
    def mocks(self) -> Tuple[Mock, ...]:
        """The mocks that were added at run time, in matching order."""
        return self.index.mocks

    def add(self, specs: Sequence[Json]) -> List[Mock]:
        """Add mocks in front of all others, in their order.  BadMock, and none is added, if one is
        wrong."""
        numbers, files = self.all_mocks.numbers, self.all_mocks.files
        placed = {f"added#{next(numbers)}": spec for spec in specs}
        # No reload may come between reading a mock's files and the mock's being here.
        with files.lock:
            mocks = files.parsed(placed)
            naming_files = {mock.place for mock in mocks if '"@' in mock.canonical}
            with self.all_mocks.lock:
                self.index = self.index.preceded(mocks)
                self.specs.update({place: placed[place] for place in naming_files})
        return mocks

    def remove(self, ids: Optional[Iterable[str]] = None) -> int:
        """Take away mocks that were added, all or those with these ids; how many there were."""
        with self.all_mocks.lock:
            gone = set(self.mocks)
            if ids is not None:
                places = {place_of(id) for id in ids if "#" not in id}
                gone = {mock for mock in self.mocks if mock.place in places}
            self.index = self.index.without(gone)
            for mock in gone:
                self.specs.pop(mock.place, None)
                self.uses.pop(mock.key, None)
        return len(gone)

    def reset(self) -> None:
        """Forget its mocks, what was remembered of answers, and how often it used any mock."""
        with self.all_mocks.lock:
            self.index = Index()
            self.specs, self.uses, self.memory = {}, {}, None
            if self.name:
                self.all_mocks.sessions.pop(self.name, None)

    def read_again(self, read: ReadFile) -> None:
        """Read the mocks that name files again; one that can't be used any more stays as it was."""
        changed: Dict[str, Mock] = {}
        for place, spec in list(self.specs.items()):
            try:
                changed[place] = parse_mock(MockNode.whole(spec, place, read))
            except BadMock as error:
                self.all_mocks.say(f"a mock added at run time stays as it was: {error}")
        with self.all_mocks.lock:
            if changed:
                self.index = Index(changed.get(mock.place, mock) for mock in self.mocks)
            known = {mock.key for mock in self.in_order()}
            self.uses = {key: uses for key, uses in self.uses.items() if key in known}

    # --- looking ---

    def in_order(self) -> List[Mock]:
        """Its mocks and those from files, in matching order."""
        return [*self.mocks, *self.all_mocks.from_files]

    def uses_of(self, mock: Mock) -> Uses:
        """How often it has used a mock, to be counted on."""
        uses = self.uses.get(mock.key)
        if uses is None:
            # Not an assignment: of two threads both get the same.
            uses = self.uses.setdefault(mock.key, Uses())
        return uses

    def count_of(self, mock: Mock) -> int:
        """How often it has used a mock."""
        uses = self.uses.get(mock.key)
        return uses.count if uses else 0

    def candidates(self, call: Call) -> List[Mock]:
        """The mocks that may match, in order."""
        return self.index.candidates(call) + self.all_mocks.files.index.candidates(call)

    def find(self, call: Call, wire: WireFormat) -> Tuple[Optional[Found], bool]:
        """The first mock that matches, which is used by that; and whether an equal call will find
        the same."""
        is_repeatable = True
        for mock in self.candidates(call):
            holds = mock.matches(call)
            if not holds:
                continue
            is_repeatable = is_repeatable and mock.is_repeatable
            found = mock.claim(call, wire, self.uses_of(mock), holds)
            if found:
                return found, is_repeatable
        return None, is_repeatable

    def near(self, call: Call, wire: WireFormat) -> List[NearMiss]:
        """The mocks that came nearest to matching."""
        mocks = looked_at(self.in_order(), self.candidates(call))
        return near_misses(mocks, call, wire, self.count_of)

    def explain(self, near: Sequence[NearMiss]) -> str:
        """Why no mock matches: the closest one and the first thing that differs."""
        return explanation(near, self.all_mocks.files.directories)


class Mocks:
    """All mocks in matching order: those that a session added at run time, newest first, then those
    from files.  `say` gets a line whenever reading those again goes wrong or right."""

    def __init__(
        self, directories: Sequence[str] = (), say: Callable[[str], None] = lambda line: None
    ) -> None:
        self.say = say
        self.lock = threading.Lock()  # of the sessions and what they hold
        self.sessions: "OrderedDict[str, Session]" = OrderedDict({"": Session("", self)})
        self.numbers = itertools.count(1)
        self.files = MockFiles(directories, say, self.read_again)

    def session(self, name: str) -> Session:
        """A session, which begins when it is first asked for."""
        if not name:
            return self.sessions[""]
        with self.lock:
            session = self.sessions.get(name)
            if session is None:
                session = self.sessions[name] = Session(name, self)
            self.sessions.move_to_end(name)
            if len(self.sessions) > SESSIONS:
                del self.sessions[next(old for old in self.sessions if old)]
        return session

    @property
    def from_files(self) -> Tuple[Mock, ...]:
        """The mocks from files, in matching order."""
        return self.files.index.mocks

    def read_again(self, read: ReadFile) -> None:
        """Read the mocks of all sessions that name files again."""
        with self.lock:
            sessions = list(self.sessions.values())
        for session in sessions:
            session.read_again(read)
