"""What is in a message whose tool results stand among its texts: Anthropic's, Google's.  Pure."""

from __future__ import annotations

from typing import Iterator, Tuple

from ..records import record
from ..values import Turn


@record
class MessageContent:
    """The text of a message, the texts of its tool results, and whether they are all there is."""

    text: str = ""
    results: Tuple[str, ...] = ()
    only_results: bool = False

    def turns(self, role: str) -> Iterator[Turn]:
        """The message as turns, a tool result each its own; of a user, only results are no turn."""
        if role != "user" or not self.only_results:
            yield Turn(role, self.text)
        for result in self.results:
            yield Turn("tool", result)
