"""Mocks and recordings from data directories, read again when they change.  May touch files under
them, threading and time."""

from __future__ import annotations

import errno
import math
import os
import stat
import threading
import time
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from ..errors import BadMock, shown
from ..jsons import TwiceError, parse_json
from ..limits import QUIET_SECONDS, Json
from .index import Index
from .mock import Mock, parse_mock
from .problems import problems_of
from .recordings import MockNode, ReadFile, Unreadable

Stamp = Optional[Tuple[int, int, int]]  # time of change, size, inode; None if there is none

# Two changes that a file system gives the same time look like one.  Its clock may tick as seldom as
# every 10 ms; what is older than this is known by its stamp alone.
YOUNG_NS = 50_000_000

LOOK_SHARE = 10  # looking for changes may take a tenth of the time
FILE_LIMIT = 256 * 1024 * 1024  # bytes of a file
LACKS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # nothing is wrong with the file itself
LACK_SECONDS = 1.0  # until it is read again after that

# What Windows lacks is 0 there.  A pipe is opened without waiting for who writes to it.
FILE_FLAGS = os.O_RDONLY
for flag in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
    FILE_FLAGS |= getattr(os, flag, 0)
FOLDER_FLAGS = FILE_FLAGS | getattr(os, "O_DIRECTORY", 0)


def stamp_of(path: str) -> Stamp:
    """What changes when a file does, mostly."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def content_of(path: str) -> int:
    """A hash of a file's bytes, or of the names in a folder.  OSError if they can't be read."""
    if os.path.isdir(path):
        return hash_of(os.listdir(path))
    return hash(content_inside(os.path.dirname(path), path, path))


def hash_of(names: Iterable[str]) -> int:
    """A hash of the names in a folder, in whatever order they come."""
    return hash(frozenset(names))


class Seen:
    """A file or folder as it was read: its stamp, and while it is young a hash of its content."""

    __slots__ = ("stamp", "content")

    def __init__(self, path: str) -> None:
        self.stamp = stamp_of(path)  # before its content: a change in between is then seen
        self.content: Optional[int] = None

    @property
    def is_young(self) -> bool:
        """Whether it may change once more without another stamp."""
        return self.stamp is not None and 0 <= time.time_ns() - self.stamp[0] < YOUNG_NS

    def note(self, content: int) -> None:
        """Keep the hash of its content for as long as the stamp alone does not tell of a change."""
        self.content = content if self.is_young else None

    def has_changed(self, path: str) -> bool:
        """Whether it is not any more as it was read."""
        if stamp_of(path) != self.stamp:
            return True
        if self.content is None:
            return False
        try:
            content = content_of(path)
        except (OSError, Unreadable):
            return True
        if content != self.content:
            return True
        self.note(content)
        return False


def content_inside(root: str, path: str, name: str) -> bytes:
    """The bytes of a file inside a folder; both paths are without links.

    What is read is what was looked at, whatever takes its place meanwhile: a pipe, which would
    never end, a link that leads elsewhere, a file that grows all the time."""
    number = opened_inside(root, path)
    with open(number, "rb", buffering=0) as file:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{name} is no regular file")
        if status.st_size > FILE_LIMIT:
            raise Unreadable(f"{name} has more than {FILE_LIMIT >> 20} MiB")
        pieces = []
        left = status.st_size
        while left > 0:
            piece = file.read(left)
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
    return b"".join(pieces)


def opened_inside(root: str, path: str) -> int:
    """A descriptor of a file inside a folder, to which no link has led."""
    if os.open not in os.supports_dir_fd:  # as on Windows
        number = os.open(path, FILE_FLAGS)
        if os.path.realpath(path) == path:
            return number
        os.close(number)
        raise FileNotFoundError(path)
    *folders, name = os.path.relpath(path, root).split(os.sep)
    folder = os.open(root, FOLDER_FLAGS)
    try:
        for inner_name in folders:
            inner = os.open(inner_name, FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(name, FILE_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)


def reason_of(error: BaseException) -> str:
    """Why something could not be read."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "no memory"


class Library:
    """The files of one data directory, and how each file and folder was when it was read."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self.seen: Dict[str, Seen] = {}
        self.lacked = False  # descriptors or memory, for something

    def read(self, name: str) -> bytes:
        """A file inside the directory; FileNotFoundError if it is not there, Unreadable if its name
        or a link leads outside or it can't be read."""
        try:
            path = os.path.realpath(os.path.join(self.root, name))
            if os.path.isabs(name) or not path.startswith(self.root + os.sep):
                raise Unreadable(
                    f"@{name} lies outside the data directory; files are named relative to it"
                )
            seen = self.seen[path] = Seen(path)
            data = content_inside(self.root, path, f"@{name}")
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(name) from None
        except (OSError, MemoryError) as error:
            self.note_lack(error)
            raise Unreadable(f"can't read @{name[:200]}: {reason_of(error)}") from None
        except ValueError as error:  # a NUL or a lone surrogate in the name
            raise Unreadable(f"can't read @{shown(name)}: {error}") from None
        seen.note(hash(data))
        return data

    def note_lack(self, error: BaseException) -> None:
        """Note that something could not be read that is as it was: the stamps will not tell when
        it can be."""
        self.lacked = self.lacked or not isinstance(error, OSError) or error.errno in LACKS

    def files(self) -> List[str]:
        """Mock files, relative and in name order; hidden ones and folders outside are passed over.
        Unreadable if a folder can't be listed."""
        found, top = [], os.path.join(self.root, "mocks")
        entered = {os.path.realpath(top)}
        self.seen[top] = Seen(top)
        for folder, folders, names in os.walk(top, onerror=self.unlisted, followlinks=True):
            self.seen[folder].note(hash_of([*folders, *names]))
            folders[:] = [
                name for name in folders if self.enters(os.path.join(folder, name), entered)
            ]
            for name in folders:
                inner = os.path.join(folder, name)
                self.seen[inner] = Seen(inner)
            for name in names:
                if name.endswith(".json") and not name.startswith("."):
                    path = os.path.relpath(os.path.join(folder, name), self.root)
                    found.append(path.replace(os.sep, "/"))
        return sorted(found, key=lambda name: name.split("/"))

    def unlisted(self, error: OSError) -> None:
        """Raise Unreadable for a folder that can't be listed, unless there is none."""
        if not isinstance(error, FileNotFoundError):
            self.note_lack(error)
            name = os.path.relpath(str(error.filename), self.root).replace(os.sep, "/")
            raise Unreadable(f"{name}: can't read this folder: {error.strerror}")

    def enters(self, folder: str, entered: Set[str]) -> bool:
        """Whether a folder is not hidden, lies inside the directory and was not entered before, by
        whatever links."""
        real = os.path.realpath(folder)
        if os.path.basename(folder).startswith(".") or real in entered:
            return False
        if not real.startswith(self.root + os.sep):
            return False
        entered.add(real)
        return True

    def load(self) -> Tuple[List[Mock], List[str]]:
        """All mocks, and what is wrong with those that can't be used."""
        mocks: List[Mock] = []
        problems: List[str] = []
        try:
            names = self.files()
        except Unreadable as error:
            return [], [str(error)]
        for name in names:
            try:
                specs = self.parsed(name)
            except ValueError as error:
                problems.append(f"{name}: {error}")
                continue
            for position, spec in enumerate(specs, 1):
                place = f"{name}#{position}"
                try:
                    mocks.append(parse_mock(MockNode.whole(spec, place, self.read)))
                except BadMock:
                    problems += problems_of(spec, place, self.read)
        return mocks, problems

    def parsed(self, name: str) -> List[Json]:
        """The mocks in a file, as JSON; ValueError says why it can't be used."""
        try:
            value = parse_json(self.read(name), unique=True)
        except FileNotFoundError:
            return []  # gone since the folder was listed
        except TwiceError:
            raise
        except Unreadable as error:
            raise ValueError(str(error)) from None
        except ValueError as error:
            raise ValueError(f"not JSON: {error}") from None
        return value if isinstance(value, list) else [value]


def reader(libraries: Sequence[Library]) -> ReadFile:
    """Reads a file from the first data directory that has it."""

    def read(name: str) -> bytes:
        if not libraries:
            raise Unreadable(f"@{name} needs a data directory")
        for library in libraries[:-1]:
            try:
                return library.read(name)
            except FileNotFoundError:
                pass
        return libraries[-1].read(name)

    return read


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
        self.roots = self.real_directories()  # when they were read
        self.retry_at = math.inf  # of the monotonic clock
        self.loads = 0  # how often they were read
        self.round = -1  # of the loop, in which they were looked at last
        self.is_stale = False  # as it was seen then
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
            libraries = self.libraries()
            self.roots = [library.root for library in libraries]
            loaded: List[Mock] = []
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

    def parsed(self, placed: Mapping[str, Json]) -> Tuple[List[Mock], List[Library]]:
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
        """Have the next request look for changes, however short ago somebody did."""
        with self.lock:  # a look that is under way may have been too early
            self.is_stale = True

    def refresh(self) -> None:
        """Read the files again if one has changed."""
        with self.lock:
            if self.seen and self.look():
                before = [mock.canonical for mock in self.index.mocks]
                self.report(self.load(), before)
            self.is_stale = False

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
        if not problems and (self.problems or is_new):
            self.say(f"mocks reloaded: {len(self.index.mocks)}")
        self.problems = problems
