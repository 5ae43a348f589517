"""What is in a message whose tool results stand among its texts: Anthropic's, Google's.  Pure."""

from __future__ import annotations

from typing import Iterator, Tuple

from ..records import record
from ..values import Turn


@record
class MessageContent:
    """The text of a message, its tool results, and whether they are all there is."""

    text: str = ""
    results: Tuple[Turn, ...] = ()
    only_results: bool = False

    def turns(self, role: str) -> Iterator[Turn]:
        """The message as turns, a tool result each its own; of a user, only results are no turn."""
        if role != "user" or not self.only_results:
            yield Turn(role, self.text)
        yield from self.results
