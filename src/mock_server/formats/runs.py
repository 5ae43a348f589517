"""Runs: how a reply streams, in pieces of its parts, and events that are alike but for a text.

May touch os, for a mark that nobody knows.
"""

from __future__ import annotations

import functools
import os
import re
from typing import Callable, Iterable, Iterator, Tuple, TypeVar

from ..jsons import compact, utf8
from ..limits import Json
from ..records import record
from ..values import Embedding, Part, Reply, ToolCall

# --- pieces of a reply ---

WORDS = re.compile(r"\s*\S+(?:\s+\Z)?|\s+")  # with the space before each
KEPT_TEXT = 32 * 1024  # characters; its words take ten times as much memory
ARGUMENT_PIECES = re.compile(r"\w+|\W+")


def pieces(text: str, size: int, words: "re.Pattern[str]" = WORDS) -> Iterable[str]:
    """A text cut into `size` characters a piece, or into words; joined they are the text.

    False where there are none.  Those of a long text are cut as they are asked for: a hundred
    streams of it are not to hold a hundred times all its words."""
    if len(text) > KEPT_TEXT:
        return CutText(text, size, words)
    return known_pieces(text, size, words)


class CutText:
    """The pieces of a long text, cut as they are asked for."""

    def __init__(self, text: str, size: int, words: "re.Pattern[str]") -> None:
        self.text, self.size, self.words = text, size, words

    def __iter__(self) -> Iterator[str]:
        text, size = self.text, self.size
        if size:
            return (text[at : at + size] for at in range(0, len(text), size))
        return (match.group() for match in self.words.finditer(text))


# The same text of a mock streams over and over.
@functools.lru_cache(maxsize=32)
def known_pieces(text: str, size: int, words: "re.Pattern[str]") -> Tuple[str, ...]:
    """The pieces of a text that is not long."""
    return tuple(CutText(text, size, words))


Item = TypeVar("Item")


def with_last(items: Iterable[Item]) -> Iterator[Tuple[Item, bool]]:
    """Items, of which there is one at least, each with whether it is the last."""
    rest = iter(items)
    item = next(rest)
    for following in rest:
        yield item, False
        item = following
    yield item, True


@record
class Run:
    """The part at `index` of a reply, as it streams: its `text`, or a tool call's arguments as JSON
    text, in pieces of `size` characters."""

    index: int
    part: Part
    text: str
    size: int

    @property
    def texts(self) -> Iterable[str]:
        """The text in pieces, none of them empty."""
        if isinstance(self.part, ToolCall):
            return pieces(self.text, self.size, ARGUMENT_PIECES)
        return pieces(self.text, self.size)

    @property
    def pieces(self) -> Iterable[str]:
        """The same, but for one empty piece where there is no text."""
        if not self.text:
            return ONCE
        return self.texts


# What goes into the hole of an event of a stream, an event a text.  Where events are numbered, too,
# it is zip(texts, numbers): the other way round each run would cost a number more.
Texts = Iterable[str]
ONCE = ("",)  # for an event without a hole


def walk(reply: Reply, layout: Callable[[Json], str] = compact) -> Iterator[Run]:
    """A reply as a model streams it, part by part; `layout` writes arguments."""
    for index, part in enumerate(reply.parts):
        if isinstance(part, Embedding):
            continue
        if isinstance(part, ToolCall):
            text = layout(part.arguments) if part.input is None else part.input
        else:
            text = getattr(part, "text", "")
        yield Run(index, part, text, reply.chunk_size)


# --- filled in ---


@functools.lru_cache(maxsize=None)
def mark() -> str:
    """What nobody else can write into a value."""
    return os.urandom(16).hex()


def hole(number: int) -> str:
    """What stands in a value where a Stencil is filled with the value of this number, a digit."""
    return f"{mark()}{number}"


class Stencil:
    """JSON that is laid out once and filled often: an event of a stream is like the one before but
    for a piece of text."""

    def __init__(self, value: Json, layout: Callable[[Json], str] = compact) -> None:
        self.layout = layout
        begin, *rest = layout(value).split('"' + mark())
        self.begin = utf8(begin)
        # Each begins with the digit and the quote that end a hole.
        self.rest = [(int(part[0]), utf8(part[2:])) for part in rest]

    def filled(self, *values: Json) -> bytes:
        """The JSON with these values in its holes; one that it has no hole for is left out."""
        return self.joined(*[utf8(self.layout(value)) for value in values])

    def joined(self, *values: bytes) -> bytes:
        """The same with values that are laid out already."""
        data = self.begin
        for number, after in self.rest:
            data += values[number] + after
        return data


def filled_in(
    name: str, value: Json, texts: Iterable[str], layout: Callable[[Json], str] = compact
) -> Iterator[Tuple[str, bytes]]:
    """Events of one name that are alike but for the text in the one hole of `value`."""
    stencil = Stencil(value, layout)
    if len(stencil.rest) != 1:
        return ((name, stencil.filled(text)) for text in texts)
    begin, end = stencil.begin, stencil.rest[0][1]
    return ((name, begin + utf8(layout(text)) + end) for text in texts)
