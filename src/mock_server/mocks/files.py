"""Mocks and recordings from data directories, read again when they change.  May touch files under
them, threading and time."""

from __future__ import annotations

import math
import os
import threading
import time
from typing import Callable, Dict, Iterable, List, Mapping, Sequence, Tuple

from ..errors import BadMock
from ..limits import QUIET_SECONDS, Json
from .index import Index
from .library import FromFile, Library, Seen, reader
from .mock import ParsedMock, parse_mock
from .recordings import MockNode, ReadFile

LOOK_SHARE = 10  # looking for changes may take a tenth of the time
LACK_SECONDS = 1.0  # until what could not be read for lack of something is read again


class MockFiles:
    """The mocks of all data directories, read again when one of the files that were read changes.

    The lock is their own: who asks for a session does not wait until files are read.  `say` gets a
    line when reading again goes wrong or right; `read_added` reads what was added at run time."""

    def __init__(
        self,
        directories: Sequence[str],
        say: Callable[[str], None],
        read_added: Callable[[ReadFile], None],
    ) -> None:
        self.directories = tuple(directories)
        self.say, self.read_added = say, read_added
        self.lock = threading.RLock()
        self.index = Index()
        self.counts: List[int] = []  # how many each directory has
        self.problems: List[str] = []
        self.seen: Dict[str, Seen] = {}
        # By directory and file: what is as it was is not read again, nor need it be.
        self.known: Dict[str, Dict[str, FromFile]] = {}
        self.roots = self.real_directories()  # when they were read
        self.retry_at = math.inf  # of the monotonic clock
        self.loads = 0  # how often they were read
        self.round = -1  # of the loop, in which they were looked at last
        self.is_stale = False  # as it was seen then
        self.is_expected = False  # whether somebody else has told what has changed
        self.next_look = 0.0  # of the monotonic clock
        self.last_request = 0.0
        self.look_work = 0.0  # seconds of the processor that the last look for changes took

    def real_directories(self) -> List[str]:
        """Where the directories are: each may be a link."""
        return [os.path.realpath(directory) for directory in self.directories]

    def libraries(self) -> List[Library]:
        """The directories, to be read."""
        return [Library(directory) for directory in self.directories]

    def load(self) -> List[str]:
        """Read all files; what is wrong with them, if anything is, in which case the mocks stay as
        they were."""
        with self.lock:
            self.loads += 1
            roots = self.real_directories()
            libraries = [Library(root, self.known.get(root)) for root in roots]
            self.roots = roots
            loaded: List[ParsedMock] = []
            problems: List[str] = []
            self.counts = []
            for library in libraries:
                try:
                    mocks, wrong = library.load()
                    loaded += mocks
                    self.counts.append(len(mocks))
                    problems += wrong
                except MemoryError:
                    library.lacked = True
                    problems.append("no memory to read them")
            self.known = {library.root: library.known for library in libraries}
            if not problems:
                self.index = Index(loaded)
            self.read_added(reader(libraries))
            # Of a broken edit, too: it is read once, and again when it is mended.
            self.seen = {}
            self.watch(libraries)
            self.retry_at = math.inf
            if any(library.lacked for library in libraries):
                self.retry_at = time.monotonic() + LACK_SECONDS
        return problems

    def parsed(self, placed: Mapping[str, Json]) -> Tuple[List[ParsedMock], List[Library]]:
        """Mocks of JSON, by place, and the libraries that their files were read from; BadMock if
        one is wrong."""
        libraries = self.libraries()
        read = reader(libraries)
        mocks = []
        for place, spec in placed.items():
            try:
                mocks.append(parse_mock(MockNode.whole(spec, place, read)))
            except BadMock as error:
                if len(placed) == 1:
                    raise
                which = f"mock {len(mocks) + 1} of {len(placed)}"
                raise BadMock(
                    f"{which}: {error}",
                    path=error.path,
                    expected=error.expected,
                    found=error.found,
                ) from None
        return mocks, libraries

    def watch(self, libraries: Iterable[Library]) -> None:
        """Look at the files that these libraries have read, too."""
        for library in libraries:
            self.seen.update(library.seen)

    def is_current(self, round: int) -> bool:
        """Whether no file has changed since all were read, for requests that came in before a round
        of the loop began.  False where only `refresh()`, which may take long, can tell.

        Looking costs a stat a file; while requests come faster than a client can change a file
        between two of them, that is kept to a tenth of the time."""
        if round == self.round or self.is_stale:
            return not self.is_stale
        now = time.monotonic()
        pause, self.last_request = now - self.last_request, now
        is_due = now >= self.next_look or pause > max(QUIET_SECONDS, self.look_work)
        if not self.seen or not is_due:
            self.round = round
            return True
        if not self.lock.acquire(blocking=False):
            return False
        try:
            self.is_stale = self.look()
        finally:
            self.lock.release()
        self.next_look = now + min(0.5, LOOK_SHARE * self.look_work)
        self.round = round
        return not self.is_stale

    def look_now(self) -> None:
        """Have the next request look for changes, however short ago somebody did; who has made them
        tells of them, too."""
        with self.lock:  # a look that is under way may have been too early
            self.is_stale = self.is_expected = True

    def refresh(self) -> None:
        """Read the files again if one has changed."""
        with self.lock:
            if self.seen and self.look():
                before = [mock.canonical for mock in self.index.mocks]
                self.report(self.load(), before)
            self.is_stale = self.is_expected = False

    def look(self) -> bool:
        """Whether a file has changed."""
        # What another process has interrupted is no slow look: its own time counts.
        began, work = time.monotonic(), time.thread_time()
        has_changed = began >= self.retry_at
        # A directory that is a link may lead elsewhere now.
        has_changed = has_changed or self.roots != self.real_directories()
        has_changed = has_changed or any(one.has_changed(path) for path, one in self.seen.items())
        self.look_work = time.thread_time() - work
        return has_changed

    def report(self, problems: List[str], before: List[str]) -> None:
        """Tell how a reload went, once a change."""
        if problems != self.problems:
            for problem in problems:
                self.say(f"mocks not reloaded, the previous ones stay: {problem}")
        is_new = before != [mock.canonical for mock in self.index.mocks]
        if not problems and (self.problems or (is_new and not self.is_expected)):
            self.say(f"mocks reloaded: {len(self.index.mocks)}")
        self.problems = problems
