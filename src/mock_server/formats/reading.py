"""Requests, as several formats read them.  Pure."""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Sequence

from ..node import Field
from ..values import Turn


class Content(NamedTuple):
    """What a message holds: its text, results of tools, and whether there is more than results."""

    text: str
    results: Sequence[str]
    has_more: bool

    def turns(self, role: str) -> Iterator[Turn]:
        """The turns of the message, each result as one of its own.

        A user message of nothing but results is no turn of the user."""
        # Else the last user text would be empty after every tool call (wire formats, 2.2).
        if role != "user" or self.has_more or not self.results:
            yield Turn(role, self.text)
        for result in self.results:
            yield Turn("tool", result)


def texts_of(texts: Field) -> List[str]:
    """An array of strings; BadField for anything else in it."""
    return [item.text() for item in texts.items()]
