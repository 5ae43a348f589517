"""Formats that have nothing to say of their own: what they answer is recorded.  Pure."""

from __future__ import annotations

from typing import Any, FrozenSet, Iterator, Tuple

from ..limits import Json
from ..values import Call, Reply
from .base import WireFormat


class Mute(WireFormat):
    """A format of which nobody knows how an answer looks; what it would say is broken before any
    of it is sent."""

    speaks: FrozenSet[Any] = frozenset()

    def whole(self, call: Call, reply: Reply) -> Json:
        """Nothing."""
        return {}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """None."""
        return iter(())
