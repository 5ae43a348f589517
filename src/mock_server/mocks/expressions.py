"""Regular expressions of mocks, read without running them: what a text must contain.  Pure."""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from typing import Any, Iterator, List, NamedTuple, Tuple

# Python's own reader of regular expressions; sre_parse is its name before 3.11.
PARSER: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

# The letters that are no ASCII, and equal ASCII ones where case does not matter to `re`.
ODD_CASES = str.maketrans({"\u0130": "i", "\u0131": "i", "\u017f": "s", "\u212a": "k"})


class Piece(NamedTuple):
    """What a text must contain so that a condition can hold, in lower case if that does not
    matter (`is_folded`); or what it must be as a whole."""

    text: str
    is_whole: bool = False
    is_folded: bool = False


def folded(text: str) -> str:
    """A text in lower case, as `re` sees it: the ASCII letters that equal one of its own."""
    if not text.isascii():
        text = text.translate(ODD_CASES)
    return text.lower()


def required(pattern: "re.Pattern[str]") -> Tuple[Piece, ...]:
    """The pieces that each text has in which a regular expression finds something."""
    reader = Reader(bool(pattern.flags & re.IGNORECASE))
    with warnings.catch_warnings():
        # What may mean something else one day means what it does now.
        warnings.simplefilter("ignore")
        reader.read(PARSER.parse(pattern.pattern, pattern.flags))
    reader.end()
    return tuple(reader.pieces)


class Reader:
    """Walks through a parsed regular expression and joins the letters that follow each other in
    whatever it finds.  What it does not know ends a piece."""

    def __init__(self, is_folded: bool) -> None:
        self.is_folded = is_folded  # where it is now: (?i:…) may change that
        self.letters: List[str] = []
        self.pieces: List[Piece] = []

    def end(self) -> None:
        """A piece ends here."""
        if self.letters:
            self.pieces.append(Piece("".join(self.letters), is_folded=self.is_folded))
            self.letters = []

    def read(self, tree: Any) -> None:
        """Read what follows each other."""
        for operation, value in tree:
            name = operation.name
            if name == "LITERAL":
                self.letter(chr(value))
            elif name == "SUBPATTERN":
                self.group(*value[1:])
            elif name == "ATOMIC_GROUP":
                self.read(value)
            # Where it stands takes no room: `foo\b bar` needs "foo bar".
            elif name != "AT":
                self.end()
                for inner in certain(name, value):
                    self.read(inner)
                    self.end()

    def letter(self, letter: str) -> None:
        """One letter more; one that has other cases than ASCII's ends the piece."""
        if not self.is_folded:
            self.letters.append(letter)
        elif letter.isascii():
            self.letters.append(letter.lower())
        else:
            self.end()

    def group(self, flags: int, without: int, tree: Any) -> None:
        """What stands in parentheses, which may change whether case matters."""
        before = self.is_folded
        after = (before or bool(flags & re.IGNORECASE)) and not without & re.IGNORECASE
        if after != before:
            self.end()
        self.is_folded = after
        self.read(tree)
        if after != before:
            self.end()
        self.is_folded = before


def certain(name: str, value: Any) -> Iterator[Any]:
    """What must be found inside of something that is more than letters: a repetition that is not
    left out, what is looked ahead or back for."""
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and value[0] > 0:
        yield value[2]
    elif name == "ASSERT":
        yield value[1]
