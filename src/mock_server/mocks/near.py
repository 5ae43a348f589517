"""Near misses: which mocks nearly matched, and what differs.  Pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, Sequence, Tuple

from ..errors import MISSING, Because, shown
from ..formats.base import WireFormat
from ..jsons import compact
from ..limits import Difference, Json
from ..secrets import unsecret
from ..values import Call
from .match import MATCH_KEYS
from .mock import Mock


def explained(difference: Difference) -> str:
    """One difference in words: `model is "gpt-4o", expected "gpt-4o-mini"`."""
    key, got, expected = unsecret(*difference)
    part = 0
    if isinstance(got, str) and isinstance(expected, str):
        part = next(
            (index for index, pair in enumerate(zip(got, expected)) if pair[0] != pair[1]), 0
        )
    return f"{key} is {shown(got, part)}, expected {shown(expected, part)}"


@dataclass(frozen=True)
class NearMiss:
    """A mock that nearly matched, and everything that keeps it from it."""

    mock: Mock
    differences: Tuple[Difference, ...]

    @property
    def said(self) -> str:
        """Name, place and the first difference in words."""
        place = "" if self.mock.name == self.mock.place else f" ({self.mock.place})"
        said = explained(self.differences[0]) if self.differences else "nothing differs any more"
        return f'"{self.mock.name}"{place}: {said}'

    def json(self) -> Dict[str, Json]:
        """The same as JSON, with every difference."""
        return {
            "mock": self.mock.name,
            "place": self.mock.place,
            "differences": [difference_json(*one) for one in self.differences],
        }


def difference_json(key: str, got: Json, expected: Json) -> Dict[str, Json]:
    """One difference: key, got, expected; of long texts what is around the place where they part, and that place."""
    key, got, expected = unsecret(key, got, expected)
    values = {"got": got, "expected": expected}
    found: Dict[str, Json] = {"key": key}
    texts = [
        value
        for value in values.values()
        if isinstance(value, str) and not isinstance(value, Because)
    ]
    if len(texts) == 2 and max(map(len, texts)) > 200:
        part = next(
            (index for index, pair in enumerate(zip(*texts)) if pair[0] != pair[1]),
            min(map(len, texts)),
        )
        found["differs_at"] = part
        values = {name: text[max(0, part - 80) : part + 80] for name, text in values.items()}
    values = {
        name: value if len(shown(value, room=500)) < 500 else shown(value, room=400)
        for name, value in values.items()
    }
    found.update({name: None if value is MISSING else value for name, value in values.items()})
    return found


def near_misses(
    mocks: Iterable[Mock], call: Call, wire: WireFormat, used: Callable[[Mock], int], most: int = 3
) -> List[NearMiss]:
    """The mocks with the fewest differences, nearest first; of several those whose text is much like the one that came, then
    those of which most holds, then those that differ latest in the order of MATCH_KEYS."""
    ranked: Dict[Tuple[int, int], List[NearMiss]] = {}
    for mock in mocks:
        differences = mock.differences(call, wire, used(mock))
        ties = ranked.setdefault((len(differences), len(differences) - len(mock.conditions)), [])
        if len(ties) < 200:
            ties.append(NearMiss(mock, tuple(differences)))
    order = {key: index for index, key in enumerate(MATCH_KEYS)}

    def near(miss: NearMiss) -> Tuple[float, int, int]:
        holds = len(miss.mock.conditions) - len(miss.differences)
        first = re.split(r"[.\[]", miss.differences[0][0])[0] if miss.differences else ""
        if miss.differences and (first == "times" or isinstance(miss.differences[0][2], Because)):
            return (
                2.0,
                holds,
                0,
            )  # all that it asks for is there; it can't answer, for another reason
        alike = likeness(miss.differences)
        return alike if alike > 0.6 else 0.0, holds, order.get(first, len(order))

    found: List[NearMiss] = []
    for count in sorted({count for count, _ in ranked}):
        if len(found) < most:
            ties = [miss for rank in sorted(ranked) if rank[0] == count for miss in ranked[rank]]
            found += sorted(ties, key=near, reverse=True)[: most - len(found)]
    return found


def likeness(differences: Sequence[Difference]) -> float:
    """How alike the first difference's two texts are, from 0 to 1."""
    if not differences:
        return 1.0
    _, got, expected = differences[0]
    texts = [
        value if isinstance(value, str) else compact(value) if isinstance(value, dict) else ""
        for value in (got, expected)
    ]
    return difflib.SequenceMatcher(None, texts[0][:200], texts[1][:200]).quick_ratio()
