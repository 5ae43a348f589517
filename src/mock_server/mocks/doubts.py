"""What of mocks that can be used may not do what is meant, as --check tells it.  Pure.

Only what is sure: a mock that is said to be never reached is not."""

from __future__ import annotations

import itertools
from typing import Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from ..errors import MISSING, shown
from ..jsons import sorted_compact
from ..limits import Json
from ..records import found_once
from .explosive import may_explode
from .match import Condition, lacking
from .mock import ParsedMock
from .reach import Way, asked, placed, ways_of
from .text_matchers import TextMatcher

WAY_KEYS = ("provider", "operation", "api", "stream")  # on which only the way has a say
MOST_LOOSE = 100  # mocks that each other one is compared with; of more the first
LONGEST_TRIED = 1000  # characters of a text, and of a pattern that is tried on it

Signature = Tuple[str, str]  # a key and what is expected of it, as JSON


def doubts_about(mocks: Sequence[ParsedMock]) -> List[str]:
    """What may not be meant."""
    return [*slow_expressions(mocks), *equal_names(mocks), *never_reached(mocks)]


def slow_expressions(mocks: Iterable[ParsedMock]) -> List[str]:
    """Regular expressions that explode."""
    return [
        f"{mock.place}: match.{condition.key}: regex {shown(expression.text)} may take for ever "
        "on some texts; it is then given up"
        for mock in mocks
        for condition in mock.conditions
        for expression in condition.expressions
        if may_explode(expression.pattern)
    ]


def refused_first(mocks: Iterable[ParsedMock]) -> List[str]:
    """Mocks that never answer where what breaks a rule is refused."""
    return [
        f"{mock.place}: never answers under --strict, which refuses all that breaks a rule first; "
        '"strict": false has it answer'
        for mock in mocks
        for condition in mock.conditions
        if condition.key == "valid" and condition.expected is False and mock.strict is None
    ]


def equal_names(mocks: Iterable[ParsedMock]) -> List[str]:
    """Mocks that were given the same name."""
    places: Dict[str, List[str]] = {}
    for mock in mocks:
        if mock.name != mock.place:
            places.setdefault(mock.name, []).append(mock.place)
    return [
        f"{found[-1]}: name: {shown(name)} is the name of {found[0]}, too; the log and the journal "
        "can't tell them apart"
        for name, found in places.items()
        if len(found) > 1
    ]


# --- mocks that never answer, because another one always does ---


def never_reached(mocks: Iterable[ParsedMock]) -> List[str]:
    """Mocks before which another one answers every time."""
    covers = Covers()
    lines = []
    for mock in mocks:
        coverage = Coverage(mock)
        before = covers.covering(coverage)
        if before:
            name = shown(before.name)
            if before.name != before.place:
                name += f" ({before.place})"
            lines.append(f"{mock.place}: is never reached: {name} matches all that it does first")
        elif coverage.is_sure:  # what is covered itself covers nothing that its cover does not
            covers.add(coverage)
    return lines


class Requirement:
    """A condition of a mock; what asks for the same has the same signature."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        expected = ""
        if condition.expected is not MISSING:
            expected = sorted_compact(condition.expected)
        self.signature: Signature = (condition.key, expected)


class Coverage:
    """Which calls a mock answers: in which ways they come, and what else it asks for."""

    def __init__(self, mock: ParsedMock) -> None:
        self.mock = mock
        self.others = [Requirement(one) for one in mock.conditions if one.key not in WAY_KEYS]
        self.by_key = {one.condition.key: one for one in self.others}

    @property
    def is_sure(self) -> bool:
        """Whether it answers however often it is asked, and whatever is drawn."""
        return self.mock.times is None and all(one.probability >= 1 for one in self.mock.answers)

    @found_once
    def always(self) -> FrozenSet[Way]:
        """The ways in which it answers whatever else holds."""
        of_way = [one for one in self.mock.conditions if one.key in WAY_KEYS]
        answers = self.mock.answers
        return frozenset(
            way
            for way in placed(of_way)
            if not any(one.lacks(way.wire, asked(way, ())) for one in answers)
        )

    @found_once
    def sometimes(self) -> FrozenSet[Way]:
        """The ways in which it may answer something."""
        answers = self.mock.answers
        return frozenset(
            way
            for way in ways_of(self.mock.conditions)
            if not all(one.lacks(way.wire, asked(way, one.custom_calls)) for one in answers)
        )

    def covers(self, other: Coverage) -> bool:
        """Whether it answers all that another one would."""
        for wanted in self.others:
            given = other.by_key.get(wanted.condition.key)
            if given is None or not follows(wanted, given):
                return False
        return bool(other.sometimes) and other.sometimes <= self.always


class Covers:
    """Mocks that always answer what they match, filed by what one must ask for to be covered."""

    def __init__(self) -> None:
        self.filed: Dict[Signature, List[Coverage]] = {}
        self.loose: List[Coverage] = []  # which also cover what asks for something else

    def add(self, coverage: Coverage) -> None:
        """File a mock where the fewest are, of the texts that it asks for as they are."""
        exact = [one for one in coverage.others if isinstance(one.condition.expected, str)]
        if not exact:
            self.loose.append(coverage)
            exact = coverage.others  # of very many those that ask for the same are still found
        if exact:
            filed = [self.filed.setdefault(one.signature, []) for one in exact]
            min(filed, key=len).append(coverage)

    def covering(self, coverage: Coverage) -> Optional[ParsedMock]:
        """The first found that covers a mock."""
        filed = [self.filed.get(one.signature, []) for one in coverage.others]
        for one in itertools.chain(self.loose[:MOST_LOOSE], *filed):
            if one.covers(coverage):
                return one.mock
        return None


def follows(wanted: Requirement, given: Requirement) -> bool:
    """Whether a condition holds wherever another one of the same key does."""
    if wanted.signature == given.signature:
        return True
    return holds_with(wanted.condition, given.condition.expected)


def holds_with(condition: Condition, known: Json) -> bool:
    """Whether a condition holds for all for which another one expects what is `known`."""
    wanted = condition.expected
    if condition.key == "body":
        return lacking(known, wanted, "body") is None
    if condition.key == "tools":
        return listed_names(wanted) <= listed_names(known)
    if not isinstance(condition.holds, TextMatcher):
        return False
    if isinstance(known, str):
        return is_quick(condition, known) and bool(condition.holds(known))
    if isinstance(known, dict) and isinstance(wanted, dict) and list(wanted) == ["contains"]:
        return wanted["contains"] in known.get("contains", "")
    return False


def listed_names(value: Json) -> FrozenSet[str]:
    """One name, or several."""
    return frozenset([value] if isinstance(value, str) else value)


def is_quick(condition: Condition, text: str) -> bool:
    """Whether it may be tried on a text: nobody gives up here what takes long."""
    if not condition.expressions:
        return True
    patterns = [one.pattern for one in condition.expressions]
    if max(len(text), *(len(one.pattern) for one in patterns)) > LONGEST_TRIED:
        return False
    return not any(may_explode(one) for one in patterns)
