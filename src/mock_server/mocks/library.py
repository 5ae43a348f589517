"""A data directory: its files, read as they lie there, and how each was then.  May touch files
under it, and time."""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ..errors import BadMock, shown
from ..jsons import TwiceError, parse_json
from ..limits import Json
from .mock import ParsedMock, parse_mock
from .problems import problems_of
from .recordings import MockNode, ReadFile, Unreadable

Stamp = Optional[Tuple[int, int, int]]  # time of change, size, inode; None if there is none

# Two changes that a file system gives the same time look like one.  Its clock may tick as seldom as
# every 10 ms; what is older than this is known by its stamp alone.
YOUNG_NS = 50_000_000

FILE_LIMIT = 256 * 1024 * 1024  # bytes of a file
LACKS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # nothing is wrong with the file itself

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


def leads_to(name: str, path: str, folders: Dict[str, str]) -> bool:
    """Whether a name leads to the file with this path without links; to find that out anew for each
    of thousands takes most of the time that to load them again does."""
    folder, file = os.path.split(name)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    real = os.path.join(folders[folder], file)
    if real == path and file not in ("", ".", "..") and not os.path.islink(real):
        return True
    return os.path.realpath(name) == path


class FromFile:
    """The mocks of one file, and how it and all that they name was when it was read: files by
    their paths without links, and to which of them their names led."""

    __slots__ = ("mocks", "seen", "paths")

    def __init__(
        self, mocks: List[ParsedMock], seen: Dict[str, Seen], paths: Dict[str, str]
    ) -> None:
        self.mocks, self.seen, self.paths = mocks, seen, paths

    def is_current(self, root: str, folders: Dict[str, str]) -> bool:
        """Whether all that was read is as it was, so that its mocks would be the same.  `folders`
        are the real paths of those that were looked at for others."""
        for name, path in self.paths.items():
            if not leads_to(os.path.join(root, name), path, folders):
                return False
        return not any(one.has_changed(path) for path, one in self.seen.items())


class Library:
    """The files of one data directory, and how each file and folder was when it was read."""

    def __init__(self, root: str, known: Optional[Dict[str, FromFile]] = None) -> None:
        self.root = os.path.realpath(root)
        self.known = known or {}  # by name, what was read before
        self.seen: Dict[str, Seen] = {}
        self.paths: Dict[str, str] = {}  # by name, what was read since it was emptied
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
            self.paths[name] = path
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

    def load(self) -> Tuple[List[ParsedMock], List[str]]:
        """All mocks, and what is wrong with those that can't be used."""
        mocks: List[ParsedMock] = []
        problems: List[str] = []
        try:
            names = self.files()
        except Unreadable as error:
            return [], [str(error)]
        known, self.known = self.known, {}
        folders: Dict[str, str] = {}
        for name in names:
            kept = known.get(name)
            if kept and kept.is_current(self.root, folders):
                self.seen.update(kept.seen)
            else:
                kept, wrong = self.read_mocks(name)
                problems += wrong
                if wrong:
                    continue
            self.known[name] = kept
            mocks += kept.mocks
        return mocks, problems

    def read_mocks(self, name: str) -> Tuple[FromFile, List[str]]:
        """The mocks in a file, and what is wrong with those that can't be used."""
        mocks: List[ParsedMock] = []
        problems: List[str] = []
        before, self.seen, self.paths = self.seen, {}, {}
        try:
            specs = self.parsed(name)
        except ValueError as error:
            specs = []
            problems.append(f"{name}: {error}")
        for position, spec in enumerate(specs, 1):
            place = f"{name}#{position}"
            try:
                mocks.append(parse_mock(MockNode.whole(spec, place, self.read)))
            except BadMock:
                problems += problems_of(spec, place, self.read)
        found = FromFile(mocks, self.seen, self.paths)
        self.seen = {**before, **self.seen}
        return found, problems

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
