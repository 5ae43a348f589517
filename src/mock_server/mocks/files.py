"""Mocks and recordings from data directories.  May touch files under them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ..errors import BadMock, shown
from ..jsons import parse_json
from .answer import ReadFile
from .match import fail
from .mock import Mock, parse_mock

Stamp = Optional[Tuple[int, int, int]]


def stamp(path: str) -> Stamp:
    """What changes when a file does: time of change, size, inode; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class Library:
    """The mocks of one data directory, and the stamps of every file and folder that they came from."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self.stamps: Dict[str, Stamp] = {}

    def read(self, name: str, place: str) -> bytes:
        """A file inside the directory; BadMock if the name or a link leads outside or it can't be read, FileNotFoundError
        if it's not there."""
        try:
            path = os.path.realpath(os.path.join(self.root, name))
            if os.path.isabs(name) or not path.startswith(self.root + os.sep):
                fail(
                    place,
                    "",
                    f"@{name} lies outside the data directory; files are named relative to it",
                )
            self.stamps[path] = stamp(path)
            if os.path.exists(path) and not os.path.isfile(path):
                fail(
                    place, "", f"@{name} is no regular file"
                )  # reading a pipe or a device might never end
            return Path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(name) from None
        except OSError as error:
            fail(place, "", f"can't read @{name[:200]}: {error.strerror}")
        except BadMock:
            raise
        except ValueError as error:  # a NUL or a lone surrogate in the name
            fail(place, "", f"can't read @{shown(name)}: {error}")

    def files(self) -> List[str]:
        """Mock files, relative and in name order; hidden ones and folders outside are passed over."""
        found, top = [], os.path.join(self.root, "mocks")
        self.stamps[top] = stamp(top)
        seen = {os.path.realpath(top)}
        for folder, folders, names in os.walk(top, onerror=self.unreadable, followlinks=True):
            folders[:] = [
                name
                for name in folders
                if not name.startswith(".") and self.enters(os.path.join(folder, name), seen)
            ]
            self.stamps.update(
                {os.path.join(folder, name): stamp(os.path.join(folder, name)) for name in folders}
            )
            found += [
                os.path.relpath(os.path.join(folder, name), self.root).replace(os.sep, "/")
                for name in names
                if name.endswith(".json") and not name.startswith(".")
            ]
        return sorted(found, key=lambda name: name.split("/"))

    def unreadable(self, error: OSError) -> None:
        """Raise BadMock for a folder that can't be listed, unless there is none."""
        if not isinstance(error, FileNotFoundError):
            name = os.path.relpath(str(error.filename), self.root)
            fail(name.replace(os.sep, "/"), "", f"can't read this folder: {error.strerror}")

    def enters(self, folder: str, seen: Set[str]) -> bool:
        """Whether a folder lies inside the directory and was not entered before, by whatever links."""
        real = os.path.realpath(folder)
        if real in seen or not real.startswith(self.root + os.sep):
            return False
        seen.add(real)
        return True

    def load(self) -> Tuple[List[Mock], List[str]]:
        """All mocks, and what is wrong with those that can't be used."""
        mocks: List[Mock] = []
        problems: List[str] = []
        try:
            names = self.files()
        except BadMock as error:
            return [], [str(error)]
        for name in names:
            try:
                value = parse_json(self.read(name, name))
            except FileNotFoundError:
                continue  # gone since the folder was listed
            except BadMock as error:
                problems.append(str(error))
                continue
            except ValueError as error:
                problems.append(f"{name}: not JSON: {error}")
                continue
            for position, spec in enumerate(value if isinstance(value, list) else [value], 1):
                try:
                    mocks.append(parse_mock(spec, f"{name}#{position}", self.read))
                except BadMock as error:
                    problems.append(str(error))
        return mocks, problems


def reader(libraries: Sequence[Library]) -> ReadFile:
    """Reads a file from the first data directory that has it."""

    def read(name: str, place: str) -> bytes:
        if not libraries:
            fail(place, "", f"@{name} needs a data directory")
        for library in libraries[:-1]:
            try:
                return library.read(name, place)
            except FileNotFoundError:
                pass
        return libraries[-1].read(name, place)

    return read
