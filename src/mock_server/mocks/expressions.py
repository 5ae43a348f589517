"""Regular expressions of mocks, read without running them: what a text must contain, and how long
they may take.  Pure."""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from typing import Any, Callable, Iterator, List, NamedTuple, Tuple

# Python's own reader of regular expressions; sre_parse is its name before 3.11.
PARSER: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
NESTED = 100  # counts as so many that follow each other
SAFE_STEPS = 1_000_000.0  # of Python's engine, which take some milliseconds
SAFE_NESTED = 16  # letters, where each may double the steps

# The letters that are no ASCII, and equal ASCII ones where case does not matter to `re`.
ODD_CASES = str.maketrans({"\u0130": "i", "\u0131": "i", "\u017f": "s", "\u212a": "k"})


class Piece(NamedTuple):
    """What a text must contain so that a condition can hold, in lower case if that does not
    matter (`is_folded`); or what it must be as a whole."""

    text: str
    is_whole: bool = False
    is_folded: bool = False


class Expression:
    """A user's regular expression: how it finds something in a text (`search`, or `match` as a
    whole), and in texts of what length that can't take long, whatever they are."""

    def __init__(self, pattern: "re.Pattern[str]", find: Callable[[str], Any], text: str) -> None:
        self.pattern, self.find, self.text = pattern, find, text
        self.groups = tuple(pattern.groupindex)
        tree = parsed(pattern)
        self.pieces = required(tree, bool(pattern.flags & re.IGNORECASE))
        # So many steps at worst: the length to the power of how many repetitions follow each other,
        # and one more, as it begins anywhere; of those inside each other twice as many a letter.
        repetitions = repeated(tree)
        self.safe_length = SAFE_NESTED
        if repetitions < NESTED:
            self.safe_length = int(SAFE_STEPS ** (1 / (repetitions + 1)))


def folded(text: str) -> str:
    """A text in lower case, as `re` sees it: the ASCII letters that equal one of its own."""
    if not text.isascii():
        text = text.translate(ODD_CASES)
    return text.lower()


def parsed(pattern: "re.Pattern[str]") -> Any:
    """A regular expression as Python's own reader understands it."""
    with warnings.catch_warnings():
        # What may mean something else one day means what it does now.
        warnings.simplefilter("ignore")
        return PARSER.parse(pattern.pattern, pattern.flags)


def required(tree: Any, is_folded: bool) -> Tuple[Piece, ...]:
    """The pieces that each text has in which a regular expression finds something; `is_folded` if
    case does not matter to it."""
    reader = Reader(is_folded)
    reader.read(tree)
    reader.end()
    return tuple(reader.pieces)


def repeated(tree: Any) -> int:
    """How many repetitions and choices there are in a parsed regular expression; NESTED and more if
    there are some inside of a repetition."""
    found = 0
    for operation, value in tree:
        inner = sum(repeated(one) for one in trees_in(value))
        if operation.name in REPEATS:
            found += 1
            inner *= NESTED
        # Inside of a repetition it is each time a choice.
        elif operation.name in ("BRANCH", "GROUPREF"):
            found += 1
        found += inner
    return found


def trees_in(value: Any) -> Iterator[Any]:
    """The parsed pieces that an operation of a parsed regular expression holds."""
    if isinstance(value, PARSER.SubPattern):
        yield value
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from trees_in(inner)


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
    if name in REPEATS and value[0] > 0:
        yield value[2]
    elif name == "ASSERT":
        yield value[1]
