"""Where recordings go: each written whole or not at all, nothing overwritten, nothing outside.

May touch files, threading and time."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Any, Callable, Iterator, List, Mapping, Set, Tuple

from ..jsons import parse_json
from ..limits import Json
from .making import Made, renamed

MOST_OF_A_NAME = 1000  # recordings that are called the same
LONGEST_TURN_SECONDS = 2.0  # for which another process is waited for, and between two looks at it
EACH_LOOK_SECONDS = 0.01
ALREADY = "recorded already"
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
for own_flag in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):  # where there are such
    NEW_FILE |= getattr(os, own_flag, 0)


class Outside(Exception):
    """A folder that a link leads out of the data directory; the message names it."""


class Folder:
    """A data directory to which recordings are added.  `say` gets a line when they can't be."""

    def __init__(self, root: str, say: Callable[[str], None]) -> None:
        self.root, self.say = root, say
        self.lock = threading.Lock()  # of two that save the same the second finds it
        self.said: Set[str] = set()  # what is wrong, until it is not any more

    def keep(self, made: Made) -> Tuple[str, str]:
        """Write the files of a recording, the mock last: the name of the mock's file, and why
        there is none."""
        if made.reason:
            return "", made.reason
        with self.lock:
            try:
                found = self.placed(made)
            except Outside as error:
                return "", self.complain(self.root, str(error))
            except OSError as error:
                return "", self.complain(self.place_of(error), error.strerror or str(error))
            except (ValueError, MemoryError) as error:
                return "", self.complain(self.root, str(error) or "no memory")
            self.said.clear()
        file, reason = found
        return "" if reason else file, reason

    def place_of(self, error: OSError) -> str:
        """The folder in which something could not be done."""
        root = os.path.realpath(self.root)
        path = error.filename
        if not isinstance(path, str) or not path.startswith(root + os.sep):
            return self.root
        inner = os.path.relpath(os.path.dirname(path), root)
        return os.path.normpath(os.path.join(self.root, inner))

    def complain(self, place: str, problem: str) -> str:
        """What keeps recordings from being saved, said once in a line."""
        reason = f"recordings can't be saved in {place}: {problem}"
        if reason not in self.said:
            self.said.add(reason)
            self.say(f"{reason}; answers are passed on all the same")
        return reason

    def placed(self, made: Made) -> Tuple[str, str]:
        """The same, under the first name that is free; OSError or Outside where it can't be.  What
        is there already is named, too."""
        os.makedirs(self.root, exist_ok=True)
        root = os.path.realpath(self.root)
        folders = {name: inside(root, name) for name in sorted(map(folder_of, made.files))}
        with turn(folders[folder_of(made.mock)]):
            for number in range(1, MOST_OF_A_NAME):
                one = made
                if number > 1:
                    one = renamed(made, f"{made.name}-{number}")
                found = match_in(os.path.join(root, one.mock))
                if found == match_of_mock(one.files[one.mock]):
                    return one.mock, ALREADY
                if found is None and write_all(root, one.files):
                    return one.mock, ""
        return "", f"there are {MOST_OF_A_NAME} recordings with the name {made.name}"


def folder_of(file: str) -> str:
    """The folder of a file that is named relative to a data directory."""
    return file.rpartition("/")[0]


def inside(root: str, name: str) -> str:
    """A folder in a data directory, made if it is not there; Outside if a link leads elsewhere."""
    path = root
    for part in name.split("/"):
        path = os.path.join(path, part)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        if part in ("", ".", "..") or not os.path.realpath(path).startswith(root + os.sep):
            raise Outside(f"{name} leads out of the data directory")
    return path


def match_of_mock(data: bytes) -> Json:
    """What a recorded mock asks for; nothing that any asks for if it is none."""
    try:
        value = parse_json(data)
    except ValueError:
        return ()
    return value.get("match", ()) if isinstance(value, dict) else ()


def match_in(path: str) -> Json:
    """The same of a file that is there; None if there is none."""
    if not os.path.lexists(path):
        return None
    try:
        with open(path, "rb") as file:
            return match_of_mock(file.read())
    except OSError:
        return ()


def write_all(root: str, files: Mapping[str, bytes]) -> bool:
    """Write new files, in order, all or none of them; false if one of these names is taken."""
    written: List[str] = []
    try:
        for name, data in files.items():
            path = os.path.join(root, *name.split("/"))
            write_new(path, data)
            written.append(path)
    except FileExistsError:
        forget(written)
        return False
    except BaseException:
        forget(written)
        raise
    return True


def write_new(path: str, data: bytes) -> None:
    """Write a file that is there whole or not at all; FileExistsError if there is one already."""
    folder, name = os.path.split(path)
    hidden = os.path.join(folder, f".{name}.{os.getpid()}-{threading.get_ident()}.new")
    number = os.open(hidden, NEW_FILE, 0o666)  # as the umask will have it
    try:
        with open(number, "wb") as file:
            file.write(data)
        put_in_place(hidden, path)
    finally:
        forget([hidden])


def put_in_place(hidden: str, path: str) -> None:
    """Give a file that is written its name; FileExistsError if another one has it."""
    try:
        os.link(hidden, path)
        return
    except FileExistsError:
        raise
    except (AttributeError, NotImplementedError, OSError):
        pass  # a system or a file system without links
    # Elsewhere than on Windows this would take the place of a file that is there.
    if os.path.lexists(path):
        raise FileExistsError(path)
    os.rename(hidden, path)


def forget(paths: List[str]) -> None:
    """Remove files that may be there."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


@contextlib.contextmanager
def turn(folder: str) -> Iterator[None]:
    """Keeps other processes from saving to a folder meanwhile, where the system can: of two that
    save the same the second finds it.  One that never ends is not waited for."""
    try:
        import fcntl

        number = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):  # Windows
        yield
        return
    try:
        take_turn(lambda: fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB))
        yield
    finally:
        os.close(number)


def take_turn(lock: Callable[[], Any]) -> None:
    """Take a lock that another process may have; it may also be that there are none here."""
    end = time.monotonic() + LONGEST_TURN_SECONDS
    while time.monotonic() < end:
        try:
            lock()
            return
        except BlockingIOError:
            time.sleep(EACH_LOOK_SECONDS)
        except OSError:
            return
