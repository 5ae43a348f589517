"""Near misses: which mocks nearly matched, and what differs.  Pure."""

from __future__ import annotations

import itertools
import os
import re
from typing import Callable, Dict, Iterable, List, Sequence, Tuple

from ..errors import MISSING, Because, shown
from ..formats.all import OTHER
from ..formats.base import WireFormat
from ..jsons import compact
from ..limits import Difference, Json
from ..records import record
from ..secrets import unsecret
from ..values import Call
from .differences import explained, parting_of
from .match import MATCH_KEYS
from .mock import ParsedMock
from .reach import homes
from .silence import ELSEWHERE

NEAR_MISSES = 3  # how many are told

LOOKED_AT = 400  # of more mocks the first are looked at, and those that the index finds

EQUALLY_NEAR = 200  # of how many mocks with as many differences the texts are compared

LONG_TEXT = 200  # characters; of longer ones the JSON shows what is around the difference

ALIKE = 0.6  # from here on one text is a typo in the other, not another text

KEY_ORDER = {key: place for place, key in enumerate(MATCH_KEYS)}


@record
class NearMiss:
    """A mock that nearly matched, and everything that keeps it from it."""

    mock: ParsedMock
    differences: Tuple[Difference, ...]

    @property
    def sentence(self) -> str:
        """Name, place and the first difference in words."""
        place, difference = "", "nothing differs any more"
        if self.mock.name != self.mock.place:
            place = f" ({self.mock.place})"
        if self.differences:
            difference = explained(self.differences[0])
        return f'"{self.mock.name}"{place}: {difference}'

    def json(self) -> Dict[str, Json]:
        """The same as JSON, with every difference."""
        return {
            "mock": self.mock.name,
            "place": self.mock.place,
            "differences": [difference_json(*one) for one in self.differences],
        }

    @property
    def holding(self) -> int:
        """How many of its conditions hold."""
        return len(self.mock.conditions) - len(self.differences)

    @property
    def nearness(self) -> Tuple[float, int, int]:
        """More is nearer, among mocks with as many differences."""
        return nearness(self.differences, self.holding)


def nearness(differences: Sequence[Difference], holding: int) -> Tuple[float, int, int]:
    """More is nearer, among those with as many differences: a text much like the one that came,
    then how many conditions hold, then how late in MATCH_KEYS the first difference is."""
    if not differences:
        return 1.0, holding, len(KEY_ORDER)
    key, got, expected = differences[0]
    key = re.split(r"[.\[]", key)[0]
    if key == "operation" and got != OTHER:
        # All else that it asks for is there, and that is something; it only never said for what.
        only = isinstance(expected, Because) and len(differences) == 1 and holding
        return (ALIKE if only else 0.0), holding, KEY_ORDER[key]
    if key == "times" or isinstance(expected, Because):
        # All that it asks for is there; it can't answer, for another reason.
        return 2.0, holding, 0
    alike = likeness(differences[0])
    if alike <= ALIKE:
        alike = 0.0
    return alike, holding, KEY_ORDER.get(key, len(KEY_ORDER))


def difference_json(key: str, got: Json, expected: Json) -> Dict[str, Json]:
    """One difference: key, got, expected; of long texts what is around the place where they part,
    and that place."""
    key, got, expected = unsecret(key, got, expected)
    result: Dict[str, Json] = {"key": key}
    if is_text(got) and is_text(expected) and max(len(got), len(expected)) > LONG_TEXT:
        parting = parting_of(got, expected, min(len(got), len(expected)))
        around = slice(max(0, parting - 80), parting + 80)
        result["differs_at"] = parting
        got, expected = got[around], expected[around]
    result["got"] = bounded(got)
    result["expected"] = bounded(expected)
    return result


def is_text(value: Json) -> bool:
    """Whether a value is a text of its own, not a sentence about what was expected."""
    return isinstance(value, str) and not isinstance(value, Because)


def bounded(value: Json) -> Json:
    """A value for JSON: null for one that is missing, the beginning of a long one as text."""
    if len(shown(value, room=500)) >= 500:
        return shown(value, room=400)
    return None if value is MISSING else value


def looked_at(mocks: Sequence[ParsedMock], likely: Iterable[ParsedMock]) -> List[ParsedMock]:
    """The mocks to look at, in matching order: all, unless they are too many, and then the first
    and those that are `likely`, as they have in them what the call has."""
    first = list(mocks[:LOOKED_AT])
    if len(mocks) == len(first):
        return first
    seen = set(first)
    return first + list(itertools.islice((mock for mock in likely if mock not in seen), LOOKED_AT))


def near_misses(
    mocks: Iterable[ParsedMock], call: Call, wire: WireFormat, used: Callable[[ParsedMock], int]
) -> List[NearMiss]:
    """The mocks with the fewest differences, nearest first; `used` says how often one was used."""
    by_rank: Dict[Tuple[int, int], List[NearMiss]] = {}
    for mock in mocks:
        differences = mock.differences(call, wire, used(mock))
        # Among thousands of mocks only some are kept a rank, before their texts are compared.
        holding = len(mock.conditions) - len(differences)
        number = len(differences)
        if is_elsewhere(call, differences):
            number += len(MATCH_KEYS)
        equals = by_rank.setdefault((number, -holding), [])
        if len(equals) < EQUALLY_NEAR:
            equals.append(NearMiss(mock, tuple(differences)))
    nearest_first: List[NearMiss] = []
    for number in sorted({number for number, _ in by_rank}):
        if len(nearest_first) >= NEAR_MISSES:
            break
        equals = [miss for rank in sorted(by_rank) if rank[0] == number for miss in by_rank[rank]]
        nearest_first += sorted(equals, key=lambda miss: miss.nearness, reverse=True)
    return nearest_first[:NEAR_MISSES]


def is_elsewhere(call: Call, differences: Iterable[Difference]) -> bool:
    """Whether a mock answers on a path of no provider alone, to which a provider's is not near,
    though nothing else may differ."""
    if call.operation == OTHER:
        return False
    paths = [expected for key, _, expected in differences if key == "path"]
    return any(isinstance(path, str) and homes(path) == {ELSEWHERE} for path in paths)


def likeness(difference: Difference) -> float:
    """How alike the two texts of a difference are, from 0 to 1: the letters that they share."""
    # difflib's quick_ratio(), without what difflib prepares for its slow ratio().
    _, got, expected = difference
    one, other = as_text(got), as_text(expected)
    if not one and not other:
        return 1.0
    shared = sum(min(one.count(letter), other.count(letter)) for letter in set(one))
    return 2.0 * shared / (len(one) + len(other))


def as_text(value: Json) -> str:
    """The beginning of a value as text, to compare it; of numbers and the like nothing."""
    if isinstance(value, dict):
        value = compact(value)
    return value[:200] if isinstance(value, str) else ""


def not_reloaded(problems: Sequence[str]) -> str:
    """What is wrong with files that could not be read again, to be told behind a reason."""
    if not problems:
        return ""
    told = f"; mocks could not be reloaded: {problems[0]}"
    if len(problems) > 1:
        told += f" (and {len(problems) - 1} more)"
    return told


def closest(near: Sequence[NearMiss], directories: Iterable[str]) -> str:
    """The closest mock and the first thing that differs; if there is none, where it could be."""
    if near:
        return f"no mock matches; closest is {near[0].sentence}"
    folders = [os.path.join(os.path.basename(directory), "mocks") for directory in directories]
    origin = ""
    if folders:
        origin = " from " + " and ".join(folders)
    return f"no mock matches; none are loaded{origin}"
