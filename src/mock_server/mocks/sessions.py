"""All mocks in matching order, and what each session has of its own.

May touch threading and time."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import OrderedDict
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple, Union
from urllib.parse import quote

from ..errors import BadMock, Refused, shown
from ..formats.base import WireFormat
from ..issuing import Issuer
from ..limits import CONTROL_PREFIX, MOCKS_ROOM, SESSIONS, Json
from ..sizes import object_size, walked_size
from ..state import Archive, State
from ..values import Call
from .files import MockFiles
from .index import Index
from .mock import Found, ParsedMock, Uses, parse_mock
from .near import NearMiss, closest, looked_at, near_misses, not_reloaded
from .recordings import MockNode, ReadFile

MOCK_SIZE = 500  # what an index and a session keep of a mock beside it


class NoRoom(Refused, ValueError):
    """What would take more memory, or sessions, than there may be."""


MIB = 1024 * 1024


def names_files(mock: ParsedMock) -> bool:
    """Whether a mock may name files, and is read again when they change."""
    return '"@' in mock.canonical


def sizes_of(mocks: Iterable[ParsedMock]) -> Dict[str, int]:
    """By place, the bytes of memory that mocks take."""
    return {mock.place: MOCK_SIZE + object_size(mock) for mock in mocks}


class Session:
    """What one session has of its own, mocks added at run time and how often each mock was used,
    and all that can be done with its mocks."""

    def __init__(self, name: str, mocks: Mocks) -> None:
        self.name, self.all_mocks = name, mocks
        self.index = Index()  # of mocks that were added at run time
        self.specs: Dict[str, Json] = {}  # by place, the JSON of those that may name files
        self.problems: Dict[str, str] = {}  # by place, why one could not be read again
        self.sizes: Dict[str, int] = {}  # by place, the bytes of memory that each takes
        self.uses: Dict[Tuple[str, str], Uses] = {}
        self.state = State(mocks.archive, mocks.issuer)

    @property
    def mocks(self) -> Tuple[ParsedMock, ...]:
        """The mocks that were added at run time, in matching order."""
        return self.index.mocks

    def add(self, specs: Sequence[Json]) -> List[ParsedMock]:
        """Add mocks in front of all others, in their order.  BadMock, and none is added, if one is
        wrong; NoRoom if they take too much memory."""
        numbers, files = self.all_mocks.numbers, self.all_mocks.files
        # Their JSON is the least that they take: what is refused need not be read first.
        self.all_mocks.check_room(walked_size(list(specs)))
        placed = {f"added-{next(numbers)}": spec for spec in specs}
        loads = files.loads
        mocks, libraries = files.parsed(placed)
        for mock in mocks:
            self.check_session(mock)
        sizes = sizes_of(mocks)
        self.all_mocks.check_room(sum(sizes.values()))
        with files.lock:
            # No reload may come between reading a mock's files and the mock's being here.  Nobody
            # is to wait for thousands of mocks: they are read and weighed before, seldom again.
            if files.loads != loads and any(names_files(mock) for mock in mocks):
                mocks, libraries = files.parsed(placed)
                sizes = sizes_of(mocks)
            files.watch(libraries)
            self.hold(mocks, placed, sizes)
        self.all_mocks.has_changed()
        return mocks

    def check_session(self, mock: ParsedMock) -> None:
        """Raise BadMock for a mock that asks for another session, whose requests don't see it."""
        for condition in mock.conditions:
            if condition.key == "session" and condition.expected != self.name:
                asked, own = shown(condition.expected), shown(self.name)
                raise BadMock(f"{mock.place}: match.session: is {asked}, but it is added to {own}")

    def hold(
        self, mocks: List[ParsedMock], placed: Mapping[str, Json], sizes: Mapping[str, int]
    ) -> None:
        """Have mocks in front of all others, which were read from JSON by their places, and take
        so many bytes."""
        with self.all_mocks.lock:
            self.all_mocks.check_room(sum(sizes.values()))
            self.all_mocks.used += sum(sizes.values())
            # It may have been reset or forgotten since it was looked up.
            session = self.all_mocks.sessions.setdefault(self.name, self)
            session.index = session.index.preceded(mocks)
            naming_files = [mock.place for mock in mocks if names_files(mock)]
            session.specs.update({place: placed[place] for place in naming_files})
            session.sizes.update(sizes)

    def remove(self, ids: Optional[Iterable[str]] = None) -> int:
        """Take away mocks that were added, all or those with these ids; how many there were."""
        with self.all_mocks.lock:
            gone = set(self.mocks)
            if ids is not None:
                asked = set(ids)
                gone = {mock for mock in self.mocks if mock.id in asked}
            self.index = self.index.without(gone)
            for mock in gone:
                self.specs.pop(mock.place, None)
                self.uses.pop(mock.key, None)
                self.all_mocks.release(self.sizes.pop(mock.place))
        self.all_mocks.has_changed()
        return len(gone)

    def reset(self) -> None:
        """Forget its mocks, and how often it used any mock."""
        with self.all_mocks.lock:
            self.all_mocks.release(sum(self.sizes.values()))
            self.index = Index()
            self.specs, self.sizes, self.uses = {}, {}, {}
            self.all_mocks.freed(self.state.close())
            self.state = State(self.all_mocks.archive, self.all_mocks.issuer)
            if self.name and self.all_mocks.sessions.get(self.name) is self:
                del self.all_mocks.sessions[self.name]
        self.all_mocks.has_changed()

    def read_again(self, read: ReadFile) -> None:
        """Read the mocks that name files again; one that can't be used any more stays as it was."""
        changed: Dict[str, ParsedMock] = {}
        problems: Dict[str, str] = {}
        for place, spec in list(self.specs.items()):
            try:
                changed[place] = parse_mock(MockNode.whole(spec, place, read))
            except BadMock as error:
                problems[place] = str(error)
        for place, problem in problems.items():
            if self.problems.get(place) != problem:  # told once
                self.all_mocks.say(f"a mock added at run time stays as it was: {problem}")
        self.problems = problems
        with self.all_mocks.lock:
            if changed:
                self.index = Index(changed.get(mock.place, mock) for mock in self.mocks)
            # What has grown stays: there is nobody to whom it could be refused.
            for place in self.sizes.keys() & changed.keys():
                before, after = self.sizes[place], MOCK_SIZE + object_size(changed[place])
                self.sizes[place] = after
                self.all_mocks.used += after - before
            known = {mock.key for mock in self.in_order()}
            self.uses = {key: uses for key, uses in self.uses.items() if key in known}

    # --- looking ---

    def in_order(self) -> List[ParsedMock]:
        """Its mocks and those from files, in matching order."""
        return [*self.mocks, *self.all_mocks.from_files]

    def uses_of(self, mock: ParsedMock) -> Uses:
        """How often it has used a mock, to be counted on."""
        uses = self.uses.get(mock.key)
        if uses is None:
            # Of two threads both get the same, and nobody looks at all of them meanwhile.
            with self.all_mocks.lock:
                uses = self.uses.setdefault(mock.key, Uses())
        return uses

    def count_of(self, mock: ParsedMock) -> int:
        """How often it has used a mock."""
        uses = self.uses.get(mock.key)
        return uses.count if uses else 0

    def candidates(self, call: Call) -> List[ParsedMock]:
        """The mocks that may match, in order."""
        return self.index.candidates(call) + self.all_mocks.files.index.candidates(call)

    def find(
        self, call: Call, wire: WireFormat, seed: int = 0, strict: Union[bool, str] = False
    ) -> Tuple[Optional[Found], bool]:
        """The first mock that matches, which is used by that; and whether an equal call will find
        the same.  `seed` is that of draws, `strict` says that what breaks a rule is refused unless
        the mock says otherwise."""
        is_repeatable = True
        for mock in self.candidates(call):
            holds = mock.matches(call)
            if not holds:
                continue
            is_repeatable = is_repeatable and mock.is_repeatable
            found = mock.claim(call, wire, self.uses_of(mock), holds, seed, strict)
            if found:
                return found, is_repeatable
        return None, is_repeatable

    def near(self, call: Call, wire: WireFormat) -> List[NearMiss]:
        """The mocks that came nearest to matching."""
        mocks = looked_at(self.in_order(), self.candidates(call))
        return near_misses(mocks, call, wire, self.count_of)

    def explain(self, near: Sequence[NearMiss]) -> str:
        """Why no mock matches: the closest one and the first thing that differs, and what is wrong
        with those that could not be read again."""
        return closest(near, self.all_mocks.files.directories) + self.not_reloaded

    @property
    def not_reloaded(self) -> str:
        """What is wrong with mocks that could not be read again, to be told behind a reason."""
        return not_reloaded([*self.all_mocks.files.problems, *self.problems.values()])

    @property
    def hint(self) -> str:
        """How a mock is added."""
        prefix = ""
        if self.name:
            prefix = f"/@{quote(self.name, safe='')}"
        return f"POST {prefix}{CONTROL_PREFIX}/mocks adds one"


class Mocks:
    """All mocks in matching order: those that a session added at run time, newest first, then those
    from files.  `say` gets a line whenever reading those again goes wrong or right."""

    def __init__(
        self, directories: Sequence[str] = (), say: Callable[[str], None] = lambda line: None
    ) -> None:
        self.say = say
        self.lock = threading.Lock()  # of the sessions and what they hold
        self.used = 0  # bytes of memory of mocks that were added
        self.freed: Callable[[int], None] = lambda size: None  # is told of those that went
        # The sessions for whose requests somebody waits, or of whose streams one is at a gate.
        self.awaited: Callable[[], Set[str]] = set
        self.archive = Archive(forgot=self.has_forgotten)
        # A key of its own, so that what another server issued is none of its tokens.
        self.issuer = Issuer(os.urandom(32), time.time)
        self.sessions: "OrderedDict[str, Session]" = OrderedDict({"": Session("", self)})
        self.ports: Set[int] = set()  # that are listened on
        self.numbers = itertools.count(1)
        self.generations = itertools.count(1)
        self.generation = 0
        self.files = MockFiles(directories, say, self.read_again)

    def has_changed(self) -> None:
        """Say, once something has changed, that no answer from before holds any more."""
        self.generation = next(self.generations)

    def has_forgotten(self, size: int) -> None:
        """Say that so many bytes of what sessions remember are gone, and with them all answers that
        would have to be remembered anew."""
        self.freed(size)
        self.has_changed()

    def session(self, name: str) -> Session:
        """A session, which begins when it is first asked for.  NoRoom if there are too many."""
        if not name:
            return self.sessions[""]
        with self.lock:
            session = self.sessions.get(name)
            if session is None:
                if len(self.sessions) >= SESSIONS:
                    self.forget_one()
                session = self.sessions[name] = Session(name, self)
            self.sessions.move_to_end(name)
        return session

    def forget_one(self) -> None:
        """Forget the session that was unused for longest, of those with nothing of their own."""
        kept = {"", *self.awaited()}
        for name, session in self.sessions.items():
            if name not in kept and not session.mocks and session.state.is_empty:
                del self.sessions[name]
                session.state.close()
                self.has_changed()
                return
        raise NoRoom(
            400,  # clients try again after most others
            f"there are {SESSIONS} sessions, each with something of its own or somebody who waits; "
            "POST /__mock__/reset in one that is over, or with ?session=* for all, makes room",
            code="too_many_sessions",
        )

    def check_room(self, size: int) -> None:
        """NoRoom if mocks can't be added that take so many bytes."""
        if self.used + size > MOCKS_ROOM:
            raise NoRoom(
                413,
                f"these mocks take {size / MIB:.1f} MiB of memory, and those added before have "
                f"{self.used / MIB:.1f} of {MOCKS_ROOM / MIB:g} MiB; DELETE /__mock__/mocks, or "
                "POST /__mock__/reset, with ?session=* for all sessions, makes room",
                code="too_many_mocks",
            )

    def release(self, size: int) -> None:
        """Note that added mocks that took so many bytes are gone."""
        self.used -= size
        self.freed(size)

    def names(self) -> List[str]:
        """The names of all sessions."""
        with self.lock:
            return list(self.sessions)

    @property
    def from_files(self) -> Tuple[ParsedMock, ...]:
        """The mocks from files, in matching order."""
        return self.files.index.mocks

    def read_again(self, read: ReadFile) -> None:
        """Read the mocks of all sessions that name files again."""
        with self.lock:
            sessions = list(self.sessions.values())
        for session in sessions:
            session.read_again(read)
        self.has_changed()
