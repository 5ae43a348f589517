"""Events of the same shape: of those of a stream nearly all differ in a few texts and numbers only,
so that what is known of one need not be found out again.  Pure."""

from __future__ import annotations

import itertools
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from .json_spans import APART, MEMBERS_DECODER, WRITTEN_TEXT, JsonText, WayTo, json_texts

LONGEST_SHAPE = 8192  # characters; what is longer comes once
MOST_SHAPES = 500  # that are remembered; others are read like the first of them
WRITTEN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
QUOTES = '""'  # where a text was

ValueAt = Tuple[int, str, WayTo]  # which of the texts it is, the name of its member, its path


class Layout(NamedTuple):
    """Which texts and numbers of something written may say that a piece belongs to another text."""

    apart_texts: Sequence[int]
    apart_numbers: Sequence[int]


class Shapes:
    """Reads the texts in JSON, as `json_texts` does; names that are known to be harmless are left
    out.  `is_harmless` tells whether nothing in a text must go."""

    def __init__(self, is_harmless: Callable[[str], bool]) -> None:
        self.is_harmless = is_harmless
        self.names: Dict[str, Sequence[int]] = {}
        self.layouts: Dict[Tuple[str, ...], Layout] = {}
        self.values: Dict[Tuple[Tuple[str, ...], ...], List[ValueAt]] = {}

    def texts(self, text: str, offset: int = 0) -> Optional[List[JsonText]]:
        """The texts in JSON that begins there in something written; None if it is none."""
        if len(text) > LONGEST_SHAPE:
            return moved(json_texts(text), offset)
        # What is between the texts, and they, in turn.
        pieces = WRITTEN_TEXT.split(text)
        between, written = QUOTES.join(pieces[::2]), pieces[1::2]
        # The same shape, the same letters: it is JSON if the other was.
        bare = WRITTEN_NUMBER.sub("0", between)
        head = (bare, *[written[at] for at in self.names.get(bare, ())])
        layout = self.layouts.get(head)
        values = None
        if layout:
            values = self.values.get((head, *apart_in(layout, between, written)))
        found = None
        if values is not None:
            found = texts_at(values, pieces, offset)
        if found is None:
            return self.texts_anew(text, bare, between, written, offset)
        return found

    def texts_anew(
        self, text: str, bare: str, between: str, written: Sequence[str], offset: int
    ) -> Optional[List[JsonText]]:
        """The same of a shape that is not known, which is then."""
        texts = json_texts(text)
        if texts is None:
            return None
        names = [at for at, one in enumerate(texts) if one.path is None]
        told = [written[at] for at in names]
        # A name that is written otherwise, or that must go itself, is rare.
        if len(self.values) < MOST_SHAPES and all(map(self.is_plain, told)):
            head = (bare, *told)
            layout = layout_of(bare, names, written)
            self.names[bare], self.layouts[head] = names, layout
            self.values[(head, *apart_in(layout, between, written))] = [
                (at, one.name, one.path) for at, one in enumerate(texts) if one.path is not None
            ]
        return moved(texts, offset)

    def is_plain(self, name: str) -> bool:
        """Whether a name, as it is written, is what it says, and harmless."""
        return "\\" not in name and self.is_harmless(name)


def moved(texts: Optional[List[JsonText]], offset: int) -> Optional[List[JsonText]]:
    """Texts that stand so many characters later."""
    if not texts or not offset:
        return texts
    return [one._replace(start=one.start + offset, end=one.end + offset) for one in texts]


def layout_of(bare: str, names: Sequence[int], written: Sequence[str]) -> Layout:
    """The layout of something of which these texts are names."""
    pieces = bare.split(QUOTES)
    numbers = list(itertools.accumulate(piece.count("0") for piece in pieces))
    apart_texts: List[int] = []
    apart_numbers: List[int] = []
    for at in names:
        if written[at] not in APART:
            continue
        if pieces[at + 1].strip() == ":":
            apart_texts.append(at + 1)
        else:  # its number is the next one, if it has one
            apart_numbers.append(numbers[at])
    return Layout(apart_texts, apart_numbers)


def apart_in(layout: Layout, between: str, written: Sequence[str]) -> List[Tuple[str, ...]]:
    """What sets pieces of texts apart, as it is written."""
    found: List[Tuple[str, ...]] = []
    if layout.apart_texts:
        found.append(tuple([written[at] for at in layout.apart_texts]))
    if layout.apart_numbers:
        numbers = WRITTEN_NUMBER.findall(between)
        found.append(tuple([numbers[at] for at in layout.apart_numbers if at < len(numbers)]))
    return found


def texts_at(
    values: Sequence[ValueAt], pieces: Sequence[str], offset: int
) -> Optional[List[JsonText]]:
    """The texts of these values; None if one of them is none."""
    ends = list(itertools.accumulate(map(len, pieces)))
    found = []
    for at, name, path in values:
        text = pieces[2 * at + 1]
        # Two quotes stand around each.
        start = ends[2 * at] + 2 * at + 1 + offset
        end = start + len(text)
        if "\\" in text:
            try:
                text = MEMBERS_DECODER.decode(f'"{text}"')
            except ValueError:
                return None
        found.append(JsonText(start, end, text, name, path))
    return found
