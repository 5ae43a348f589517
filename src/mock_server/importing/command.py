"""What --import does: files become mocks in a data directory, and all of it is told.

May touch files."""

from __future__ import annotations

import os
from typing import Callable, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..jsons import indented, utf8
from ..keys import without_keys
from ..limits import Json
from ..mocks.event_times import TIMES_EXTENSION
from ..recording.folder import ALREADY, Folder, Outside, inside, turn, write_new
from ..recording.making import Made, renamed
from ..recording.names import slug
from ..records import record
from .aimock import EXACT_TURNS, FixtureMocks, fixture_mocks, is_fixtures
from .curl import exchanges_in_transcript, is_curl
from .finds import Find, Unusable
from .har import exchanges_in_har, is_har
from .makings import made_of_find
from .sources import READ_HERE, Source, content_of_source, document_of, sources_of, what_it_is

IMPORTED_FOLDER = "mocks/imported"
MOST_NAME = 80  # characters of what a file of mocks is called
MOST_SAME = 1000  # files of mocks that are called the same
MOST_LINES_TOLD = 50  # lines of a file, of a kind


# Files of exchanges: what they are called, how one is known, and what it holds.
EXCHANGES: Mapping[str, Tuple[Callable[[bytes], bool], Callable[[bytes, str], Iterable[Find]]]] = {
    "HAR": (is_har, exchanges_in_har),
    "transcript of curl": (is_curl, exchanges_in_transcript),
}


@record
class Imported:
    """What became of files: lines for people, whether one of them was bad, how many mocks are there
    now, and why no more could be written, if that is so."""

    lines: Tuple[str, ...]
    is_bad: bool
    count: int
    problem: str = ""


class Import:
    """Makes mocks of files in a data directory."""

    def __init__(self, root: str, keeps_errors: bool = False) -> None:
        self.root, self.keeps_errors = root, keeps_errors
        self.folder = Folder(root, lambda line: None)  # what is wrong is raised, not said
        self.lines: List[str] = []
        self.bad = self.unused = self.made = self.already = 0
        self.fixtures: List[Tuple[Source, FixtureMocks]] = []

    def run(self, words: Iterable[str]) -> None:
        """Import the files that words of the command line name."""
        for word in words:
            try:
                taken = sum([self.take(source) for source in list(sources_of(word))])
                if not taken and os.path.isdir(word):
                    raise Unusable("there is nothing in it that can be imported")
            except Unusable as error:
                self.bad += 1
                self.lines.append(f"{without_keys(word)}: {error}")
        self.save_fixtures()
        if any(found.has_turns for _, found in self.fixtures):
            self.lines.append(EXACT_TURNS)
        if self.bad:
            self.lines.append(READ_HERE)

    def take(self, source: Source) -> bool:
        """Import a file; false if nothing of it can be used."""
        try:
            is_used = self.take_content(source, content_of_source(source.path))
        except Unusable as error:
            self.lines.append(f"{without_keys(source.path)}: {error}")
            is_used = False
        self.bad += not (is_used or source.found)
        return is_used

    def take_content(self, source: Source, data: bytes) -> bool:
        """Import what is in a file; the mocks of fixtures are written later, all together."""
        for kind, (is_one, exchanges) in EXCHANGES.items():
            if is_one(data):
                return self.take_exchanges(source.path, kind, exchanges(data, source.path))
        document = document_of(data)
        if not is_fixtures(document):
            raise Unusable(what_it_is(document))
        found = fixture_mocks(document)
        self.fixtures.append((source, found))
        return bool(found.mocks)

    def take_exchanges(self, path: str, kind: str, finds: Iterable[Find]) -> bool:
        """Record the exchanges of a file."""
        saved: List[str] = []
        unused: List[str] = []
        others = 0
        for find in finds:
            made = made_of_find(find, self.keeps_errors)
            file, reason = "", made.reason
            if not reason:
                file, reason = self.folder.placed(made)
            place = find.place.partition(f"{path}: ")[2] or find.place
            if find.is_other:
                others += 1
            elif not reason:
                self.made += 1
                saved.append(f"{file} made, of {place}")
            elif reason == ALREADY and not self.is_there(made, file):
                unused.append(f"{place}: {file} answers the same with something else")
            elif reason == ALREADY:
                self.already += 1
                saved.append(f"{file} is there already, of {place}")
            else:
                unused.append(f"{place}: {reason}")
        count = len(saved) + len(unused)
        told = f"{without_keys(path)}: {len(saved)} of {counted_as(count, 'exchange')} of a {kind}"
        if others:
            told += f", and {counted_as(others, 'other')} that no provider has to do with"
        self.lines.append(told)
        self.unused += len(unused)
        self.tell("", saved)
        self.tell("not used: ", unused)
        return bool(saved)

    def is_there(self, made: Made, mock: str) -> bool:
        """Whether a recording is as it was saved before, but for when its events came."""
        name = mock.rpartition("/")[2][: -len(".json")]
        same = made if name == made.name else renamed(made, name)
        return all(
            has_content(os.path.join(self.root, file), data)
            for file, data in same.files.items()
            if not file.endswith(TIMES_EXTENSION)
        )

    def save_fixtures(self) -> None:
        """Write the mocks of fixtures, those of a file into one, so that their order stays."""
        names = ordered_names([source.name for source, _ in self.fixtures])
        for name, (source, found) in zip(names, self.fixtures):
            path = without_keys(source.path)
            count = found.used + len(found.unusable)
            self.lines.append(f"{path}: {found.used} of {counted_as(count, 'fixture')} of aimock")
            if found.mocks:
                self.lines.append(f"  {self.saved(name, found.mocks)}")
            self.unused += len(found.unusable)
            self.tell("not used: ", found.unusable)
            self.tell("", found.notes)

    def tell(self, before: str, lines: Sequence[str]) -> None:
        """Add lines below what they are about."""
        self.lines += [f"  {before}{without_keys(line)}" for line in lines[:MOST_LINES_TOLD]]
        if len(lines) > MOST_LINES_TOLD:
            self.lines.append(f"  {before}{len(lines) - MOST_LINES_TOLD} more")

    def saved(self, name: str, mocks: Sequence[Json]) -> str:
        """Write mocks into a file of their own, and tell which; OSError where that can't be."""
        data = utf8(indented(list(mocks)) + "\n")
        os.makedirs(self.root, exist_ok=True)
        folder = inside(os.path.realpath(self.root), IMPORTED_FOLDER)
        with turn(folder):
            for file in file_names(name):
                is_new = added_file(os.path.join(folder, file), data)
                if is_new is None:
                    continue
                told = f"{IMPORTED_FOLDER}/{file}"
                if not is_new:
                    self.already += len(mocks)
                    return f"{told} is there already"
                self.made += len(mocks)
                return f"{told} made, with {counted_as(len(mocks), 'mock')}"
        raise OSError(f"there are {MOST_SAME} files called {name}.json")

    def summary(self) -> str:
        """What was made, in a line."""
        told = f"{counted_as(self.made, 'mock')} made in {self.root}"
        if self.already:
            told += f", {self.already} there already"
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


def added_file(path: str, data: bytes) -> Optional[bool]:
    """Write a file: true if it is, false if there is one with these bytes already, None if there
    is another one of that name."""
    try:
        write_new(path, data)
        return True
    except FileExistsError:
        return False if has_content(path, data) else None


def has_content(path: str, data: bytes) -> bool:
    """Whether a file has these bytes."""
    try:
        with open(path, "rb") as file:
            return file.read(len(data) + 1) == data
    except OSError:
        return False


def ordered_names(names: Sequence[str]) -> List[str]:
    """What the files of mocks are called, in an order in which they are read as their fixtures
    were; a number is put before where the names are in another."""
    found = [slug(without_keys(name), MOST_NAME) or "fixtures" for name in names]
    if len(set(found)) == len(found) and sorted(found, key=lambda one: f"{one}.json") == found:
        return found
    digits = len(str(len(found)))
    return [f"{at:0{digits}}-{name}" for at, name in enumerate(found, 1)]


def import_files(words: Iterable[str], root: str, keeps_errors: bool = False) -> Imported:
    """Import files into a data directory; answers of 4xx are kept, too, if errors are."""
    run = Import(root, keeps_errors)
    problem = ""
    try:
        run.run(words)
    except (OSError, Outside) as error:
        reason = getattr(error, "strerror", "") or str(error)
        problem = f"can't write to {root}: {reason}"
    return Imported((*run.lines, run.summary()), run.bad > 0, run.made + run.already, problem)
