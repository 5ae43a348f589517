"""What the conversations of all providers have in common, and what they may break.

A body that could not be read is looked at, too: what is of another type than it should be is
passed over here, for the fields tell it.  Pure.
"""

from __future__ import annotations

from typing import Any, Container, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from ..limits import Json


class ToolMark(NamedTuple):
    """A call of a tool or a result in a conversation: its id (or its name, where there are no ids),
    and the indexes that lead to it from the messages: the message, then the part of it."""

    id: str
    message: int
    part: int


class TalkTurn:
    """One turn: messages that follow each other with one role, as its provider sees them.

    `first` and `last` are the indexes of its messages."""

    __slots__ = ("role", "first", "last", "calls", "results")

    def __init__(self, role: str, first: int) -> None:
        self.role, self.first, self.last = role, first, first
        self.calls: List[ToolMark] = []
        self.results: List[ToolMark] = []


PLAIN_TURN = TalkTurn("", -1)  # any without calls and results: there is no need to tell them apart


def indexed_objects(value: Json) -> Iterator[Tuple[int, Dict[str, Json]]]:
    """The objects of an array, with their indexes; none of what is no array."""
    if isinstance(value, list):
        for index, one in enumerate(value):
            if isinstance(one, dict):
                yield index, one


def text_at(value: Any, name: str) -> str:
    """A member that is a text; empty for any other."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def unanswered(
    turns: Sequence[TalkTurn], late: Container[ToolMark] = ()
) -> Iterator[Tuple[TalkTurn, List[str], int]]:
    """The turns whose calls have no result in the turn right after, but one that comes too `late`
    in it: turn, ids without one, and the index of the message after the results."""
    for index, turn in enumerate(turns):
        if not turn.calls:
            continue
        answered = set()
        after = turn.last + 1
        if index + 1 < len(turns) and turns[index + 1].results:
            following = turns[index + 1]
            answered = {mark.id for mark in following.results if mark not in late}
            after = following.last + 1
        missing = [mark.id for mark in turn.calls if mark.id not in answered]
        if missing:
            yield turn, missing, after


def unasked(turns: Sequence[TalkTurn]) -> Iterator[ToolMark]:
    """The results whose call is not in the turn right before."""
    calls: Iterable[str] = ()
    for turn in turns:
        for mark in turn.results:
            if mark.id not in calls:
                yield mark
        calls = {mark.id for mark in turn.calls}


def repeated_marks(marks: Iterable[ToolMark]) -> Iterator[ToolMark]:
    """Those whose id came before."""
    seen = set()
    for mark in marks:
        if mark.id in seen:
            yield mark
        seen.add(mark.id)
