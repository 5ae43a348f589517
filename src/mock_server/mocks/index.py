"""Mocks by what the texts of a call must contain, so that few of many are tried.  Pure."""

from __future__ import annotations

import itertools
from operator import itemgetter
from typing import Any, Callable, Dict, Iterable, Iterator, List, Set, Tuple

from ..values import Call
from .expressions import Piece, folded
from .match import Condition
from .mock import ParsedMock

WIDTH = 6  # letters of a text by which a mock is filed; fewer are in too many texts

WINDOWS = 64  # of a long piece so many are looked at for the rarest

WORTH = 5  # so many letters are looked at in the time that one mock takes

FEW_MOCKS = 4  # are all tried in the time that the shelves take

# By these is filed what asks for nothing else.
FEW_VALUES = ("provider", "operation", "api", "method")

Filed = Tuple[int, ParsedMock]  # with its place in the matching order


class Shelf:
    """Mocks by some letters that one text of a call must contain, or by the whole of it.

    Readers hold no lock: a list only grows, and another takes its place when a mock goes."""

    def __init__(self, get: Callable[[Call], Any], width: int, is_folded: bool) -> None:
        self.get, self.width, self.is_folded = get, width, is_folded
        self.entries: Dict[str, List[Filed]] = {}
        self.size = 0

    def put(self, letters: str, entry: Filed) -> None:
        """File a mock."""
        self.entries.setdefault(letters, []).append(entry)
        self.size += 1

    def take(self, letters: str, gone: Set[ParsedMock]) -> None:
        """Take mocks away that are filed under the same letters."""
        left = [entry for entry in self.entries[letters] if entry[1] not in gone]
        self.size -= len(self.entries[letters]) - len(left)
        if left:
            self.entries[letters] = left
        else:
            del self.entries[letters]

    def found(self, call: Call) -> Iterable[List[Filed]]:
        """The mocks that may match."""
        text = self.get(call)
        if text is None:
            return ()
        if not self.width:
            return (self.entries.get(text, []),)
        # A few mocks are tried sooner than a long text is looked through.
        if self.size * WORTH < len(text):
            return list(self.entries.values())
        if self.is_folded:
            text = folded(text)
        there = self.windows(text)
        return [self.entries.get(letters, []) for letters in there if letters in self.entries]

    def windows(self, text: str) -> Set[str]:
        """All letters of a text that stand together, as many as count here."""
        width = self.width
        return {text[at : at + width] for at in range(len(text) - width + 1)}


class Shelves:
    """Mocks, each in one place: where the fewest others are of all that its conditions need."""

    def __init__(self) -> None:
        self.shelves: Dict[Tuple[str, int, bool], Shelf] = {}
        self.places: Dict[ParsedMock, Tuple[Shelf, str]] = {}
        self.elsewhere = Shelf(lambda call: "", 0, False)  # what has no such condition

    def put(self, order: int, mock: ParsedMock) -> None:
        """File a mock by its rarest piece."""
        best, fewest = (self.elsewhere, ""), len(self.places)
        for shelf, letters in self.choices(mock):
            others = len(shelf.entries.get(letters, ()))
            if others <= fewest:
                best, fewest = (shelf, letters), others
            if not others:
                break
        shelf, letters = best
        shelf.put(letters, (order, mock))
        self.places[mock] = best

    def take(self, gone: Set[ParsedMock]) -> None:
        """Take mocks away; thousands may lie in one place, which is looked through once."""
        places = {self.places.pop(mock) for mock in gone}
        for shelf, letters in places:
            shelf.take(letters, gone)

    def choices(self, mock: ParsedMock) -> Iterator[Tuple[Shelf, str]]:
        """Where a mock may be filed; whole texts first, as they are looked up at once."""
        needed = [(condition, piece) for condition in mock.conditions for piece in condition.pieces]
        telling = [one for one in needed if one[0].key not in FEW_VALUES]
        for condition, piece in sorted(telling or needed, key=lambda one: not one[1].is_whole):
            text = piece.text
            if piece.is_whole:
                yield self.shelf(condition, 0, piece), text
                continue
            width = min(WIDTH, len(text))
            last = len(text) - width
            shelf = self.shelf(condition, width, piece)
            for at in range(0, last + 1, last // WINDOWS + 1):
                yield shelf, text[at : at + width]

    def shelf(self, condition: Condition, width: int, piece: Piece) -> Shelf:
        """The shelf of one text of calls."""
        key = condition.key, width, piece.is_folded
        shelf = self.shelves.get(key)
        if shelf is None:
            shelf = self.shelves[key] = Shelf(condition.get, width, piece.is_folded)
        return shelf

    def found(self, call: Call) -> List[Filed]:
        """The mocks that may match, in order."""
        entries = list(self.elsewhere.entries.get("", ()))
        for shelf in list(self.shelves.values()):
            if shelf.size:
                for some in shelf.found(call):
                    entries += some
        entries.sort(key=itemgetter(0))
        return entries


class Index:
    """Mocks in matching order, found without a look at those of which a call lacks a piece.

    One that is changed is another one, which shares its shelves: a test may add thousands, one
    by one."""

    def __init__(self, mocks: Iterable[ParsedMock] = ()) -> None:
        self.mocks = tuple(mocks)
        self.first = 0  # the place of the first in the matching order
        self.shelves = Shelves()
        for order, mock in enumerate(self.mocks):
            self.shelves.put(order, mock)

    def changed(self, mocks: Tuple[ParsedMock, ...], first: int) -> Index:
        """The index of what is on the shelves by now."""
        index = Index()
        index.mocks, index.first, index.shelves = mocks, first, self.shelves
        return index

    def preceded(self, mocks: Iterable[ParsedMock]) -> Index:
        """The same with other mocks before them."""
        added = tuple(mocks)
        first = self.first - len(added)
        for order, mock in enumerate(added, first):
            self.shelves.put(order, mock)
        return self.changed((*added, *self.mocks), first)

    def without(self, gone: Set[ParsedMock]) -> Index:
        """The same without some mocks."""
        self.shelves.take(gone)
        left = tuple(itertools.filterfalse(gone.__contains__, self.mocks))
        return self.changed(left, self.first)

    def candidates(self, call: Call) -> List[ParsedMock]:
        """The mocks that may match, in order."""
        if len(self.mocks) <= FEW_MOCKS:
            return list(self.mocks)
        return [mock for _, mock in self.shelves.found(call)]
