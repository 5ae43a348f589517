"""What --import does: files become mocks in a data directory, and all of it is told.

May touch files."""

from __future__ import annotations

import os
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

from ..jsons import indented, utf8
from ..keys import without_keys
from ..limits import Json
from ..recording.folder import Outside, inside, turn, write_new
from ..recording.names import slug
from ..records import record
from .aimock import FixtureMocks, fixture_mocks, is_fixtures
from .finds import Unusable
from .sources import READ_HERE, Source, content_of_source, document_of, sources_of, what_it_is

IMPORTED_FOLDER = "mocks/imported"
MOST_NAME = 80  # characters of what a file of mocks is called
MOST_SAME = 1000  # files of mocks that are called the same
MOST_LINES_TOLD = 50  # lines of a file, of a kind


@record
class Imported:
    """What became of files: lines for people, whether one of them was bad, and how many mocks were
    made."""

    lines: Tuple[str, ...]
    is_bad: bool
    made: int


class Import:
    """Makes mocks of files in a data directory."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.lines: List[str] = []
        self.bad = 0
        self.unused = 0
        self.made = 0
        self.fixtures: List[Tuple[Source, FixtureMocks]] = []

    def run(self, words: Iterable[str]) -> None:
        """Import the files that words of the command line name."""
        for word in words:
            taken = sum([self.take(source) for source in sources_of([word])])
            if not taken and os.path.isdir(word):
                self.bad += 1
                self.lines.append(f"{told_path(word)}: there is nothing in it that can be imported")
        self.save_fixtures()
        if self.bad:
            self.lines.append(READ_HERE)

    def take(self, source: Source) -> bool:
        """Import a file; false if it can't be."""
        try:
            document = document_of(content_of_source(source.path))
            if not is_fixtures(document):
                raise Unusable(what_it_is(document))
        except Unusable as error:
            self.lines.append(f"{told_path(source.path)}: {error}")
            self.bad += not source.found
            return False
        found = fixture_mocks(document)
        self.fixtures.append((source, found))
        self.bad += not (found.mocks or source.found)
        return bool(found.mocks)

    def save_fixtures(self) -> None:
        """Write the mocks of fixtures, those of a file into one, so that their order stays."""
        names = ordered_names([source.name for source, _ in self.fixtures])
        for name, (source, found) in zip(names, self.fixtures):
            path = told_path(source.path)
            count = found.used + len(found.unusable)
            self.lines.append(f"{path}: {found.used} of {counted_as(count, 'fixture')} of aimock")
            if found.mocks:
                self.lines.append(f"  {self.saved(name, found.mocks)}")
            self.unused += len(found.unusable)
            self.tell("not used: ", found.unusable)
            self.tell("", found.notes)

    def tell(self, before: str, lines: Sequence[str]) -> None:
        """Add lines below what they are about."""
        self.lines += [f"  {before}{line}" for line in lines[:MOST_LINES_TOLD]]
        if len(lines) > MOST_LINES_TOLD:
            self.lines.append(f"  {before}{len(lines) - MOST_LINES_TOLD} more")

    def saved(self, name: str, mocks: Sequence[Json]) -> str:
        """Write mocks into a file of their own, and tell which; OSError where that can't be."""
        data = utf8(indented(list(mocks)) + "\n")
        os.makedirs(self.root, exist_ok=True)
        folder = inside(os.path.realpath(self.root), IMPORTED_FOLDER)
        with turn(folder):
            for file in file_names(name):
                is_new = written(os.path.join(folder, file), data)
                if is_new is None:
                    continue
                told = f"{IMPORTED_FOLDER}/{file}"
                if not is_new:
                    return f"{told} has it all already"
                self.made += len(mocks)
                return f"{told} made, with {counted_as(len(mocks), 'mock')}"
        raise OSError(f"there are {MOST_SAME} files called {name}.json")

    def summary(self) -> str:
        """What was made, in a line."""
        told = f"{counted_as(self.made, 'mock')} made in {self.root}"
        if self.unused:
            told += f", {counted_as(self.unused, 'entry', 'entries')} not used"
        if self.bad:
            told += f", {counted_as(self.bad, 'bad file')}"
        return told


def counted_as(number: int, what: str, several: str = "") -> str:
    """A number of things in words."""
    return f"1 {what}" if number == 1 else f"{number} {several or what + 's'}"


def file_names(name: str) -> Iterator[str]:
    """What a file of mocks may be called, the best first."""
    yield f"{name}.json"
    for number in range(2, MOST_SAME):
        yield f"{name}-{number}.json"


def written(path: str, data: bytes) -> Optional[bool]:
    """Write a file: true if it is, false if there is one with these bytes already, None if there
    is another one of that name."""
    try:
        write_new(path, data)
        return True
    except FileExistsError:
        pass
    try:
        with open(path, "rb") as file:
            return False if file.read(len(data) + 1) == data else None
    except OSError:
        return None


def told_path(path: str) -> str:
    """A path for a message."""
    return without_keys(path)


def ordered_names(names: Sequence[str]) -> List[str]:
    """What the files of mocks are called, in an order in which they are read as their fixtures
    were; a number is put before where the names are in another."""
    found = [slug(without_keys(name), MOST_NAME) or "fixtures" for name in names]
    if len(set(found)) == len(found) and sorted(found, key=lambda one: f"{one}.json") == found:
        return found
    digits = len(str(len(found)))
    return [f"{at:0{digits}}-{name}" for at, name in enumerate(found, 1)]


def import_files(words: Iterable[str], root: str) -> Imported:
    """Import files into a data directory.  OSError if nothing can be written there."""
    run = Import(root)
    try:
        run.run(words)
    except Outside as error:
        raise OSError(str(error)) from None
    return Imported((*run.lines, run.summary()), run.bad > 0, run.made)
