"""Requests that nearly were what a test looks for, and what differs.  Touches nothing."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

from .entries import Ended, Entry
from .errors import Because
from .limits import Difference, Json
from .mocks.differences import explained
from .mocks.match import Condition
from .mocks.near import LOOKED_AT, difference_json, nearness
from .records import record

TOLD = 3  # how many are told


@record
class Nearly:
    """A request that is not what was looked for, and everything that differs."""

    entry: Entry
    differences: Tuple[Difference, ...]
    holding: int  # how many of the conditions hold

    @property
    def sentence(self) -> str:
        """Which request it is, and the first difference in words."""
        return f"{named(self.entry)}: {explained(self.differences[0])}"

    def json(self) -> Dict[str, Json]:
        """The same as JSON, with every difference."""
        return {
            "request": self.entry.number,
            "differences": [difference_json(*one) for one in self.differences],
        }


def named(entry: Entry) -> str:
    """Which request it is, for people."""
    asked = entry.asked
    return f"{asked.method} {asked.path} ({entry.ended or 'running'})"


def differences_of(entry: Entry, conditions: Sequence[Condition], ended: Ended) -> List[Difference]:
    """Everything that keeps a request from fulfilling conditions and having ended as asked."""
    found = entry.asked.differences(conditions)
    if ended is not None and entry.ended not in ended:
        found.append(("ended", entry.ended, Because(" or ".join(sorted(ended)))))
    return found


def near_requests(
    entries: Sequence[Entry], conditions: Sequence[Condition], ended: Ended
) -> Tuple[Nearly, ...]:
    """The requests with the fewest differences, nearest first, of equally near ones the newest;
    those that have none are not among them."""
    found = []
    for entry in reversed(entries[-LOOKED_AT:]):
        differences = tuple(differences_of(entry, conditions, ended))
        if differences:
            found.append(Nearly(entry, differences, len(conditions) - len(differences)))
    found.sort(key=lambda one: nearness(one.differences, one.holding), reverse=True)
    found.sort(key=lambda one: len(one.differences))
    return tuple(found[:TOLD])
