"""What of mocks that can be used may not do what is meant, as --check tells it.  Pure.

Only what is sure: a mock that is said to be never reached is not."""

from __future__ import annotations

import itertools
from typing import Dict, FrozenSet, Iterable, List, Optional, Sequence, Set, Tuple

from ..errors import MISSING, shown
from ..formats.base import WIRE_FORMATS
from ..jsons import parse_json, sorted_compact, utf8
from ..limits import Json
from ..values import Call, Request
from .explosive import may_explode
from .match import Condition, TextMatcher, lacking
from .mock import Mock

KINDS_OF_CALL = ("provider", "operation", "api", "stream")  # of which there are few
MOST_LOOSE = 100  # mocks that each other one is compared with; of more the first
LONGEST_TRIED = 1000  # characters of a text, and of a pattern that is tried on it

Signature = Tuple[str, str]  # a key and what is expected of it, as JSON


def doubts_about(mocks: Sequence[Mock]) -> List[str]:
    """What may not be meant."""
    return [*slow_expressions(mocks), *equal_names(mocks), *never_reached(mocks)]


def slow_expressions(mocks: Iterable[Mock]) -> List[str]:
    """Regular expressions that explode."""
    return [
        f"{mock.place}: match.{condition.key}: regex {shown(expression.text)} may take for ever "
        "on some texts; it is then given up"
        for mock in mocks
        for condition in mock.conditions
        for expression in condition.expressions
        if may_explode(expression.pattern)
    ]


def equal_names(mocks: Iterable[Mock]) -> List[str]:
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


def never_reached(mocks: Iterable[Mock]) -> List[str]:
    """Mocks before which another one answers every time."""
    kinds, covers = KindsOfCall(), Covers()
    lines = []
    for mock in mocks:
        reach = Reach(mock, kinds)
        before = covers.covering(reach)
        if before:
            name = shown(before.name)
            if before.name != before.place:
                name += f" ({before.place})"
            lines.append(f"{mock.place}: is never reached: {name} matches all that it does first")
        elif is_sure(mock):  # what is covered itself covers nothing that its cover does not
            covers.add(reach)
    return lines


class Requirement:
    """A condition of a mock; what asks for the same has the same signature."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        expected = ""
        if condition.expected is not MISSING:
            expected = sorted_compact(condition.expected)
        self.signature: Signature = (condition.key, expected)


class KindsOfCall:
    """A call of each API, whole and streamed, as far as the kind of call goes."""

    def __init__(self) -> None:
        request = Request("POST", "/")
        self.all = [
            (wire, Call(request, wire.provider, wire.operation, wire.api, "", stream))
            for wire in WIRE_FORMATS
            for stream in (False, True)
        ]
        self.known: Dict[Tuple[Signature, ...], List[int]] = {}  # most mocks ask for the same

    def matching(self, asked: Sequence[Requirement]) -> List[int]:
        """The numbers of those for which all conditions hold."""
        key = tuple(one.signature for one in asked)
        if key not in self.known:
            conditions = [one.condition for one in asked]
            self.known[key] = [
                number
                for number, (_, call) in enumerate(self.all)
                if all(one.holds(one.get(call)) for one in conditions)
            ]
        return self.known[key]


def is_sure(mock: Mock) -> bool:
    """Whether a mock answers however often it is asked, and whatever is drawn."""
    if mock.times is not None:
        return False
    if '"probability"' not in mock.canonical:
        return True
    spec = parse_json(utf8(mock.canonical))
    responses = spec.get("responses", [spec.get("response")])
    # A fault that is not drawn leaves its answer; an error that is not drawn leaves none.
    return not any("probability" in one and "error" in one for one in responses)


class Reach:
    """Which calls a mock asks for: the numbers of those kinds of call that it matches and answers,
    always or sometimes, and its other conditions."""

    def __init__(self, mock: Mock, kinds: KindsOfCall) -> None:
        self.mock = mock
        asked = [Requirement(condition) for condition in mock.conditions]
        of_kind = [one for one in asked if one.condition.key in KINDS_OF_CALL]
        self.others = [one for one in asked if one.condition.key not in KINDS_OF_CALL]
        self.by_key = {one.condition.key: one for one in self.others}
        self.always: Set[int] = set()
        self.sometimes: Set[int] = set()
        for number in kinds.matching(of_kind):
            lacks = [answer.lacks(*kinds.all[number]) for answer in mock.answers]
            if not any(lacks):
                self.always.add(number)
            if not all(lacks):
                self.sometimes.add(number)

    def covers(self, other: Reach) -> bool:
        """Whether it answers all that another one would."""
        for asked in self.others:
            given = other.by_key.get(asked.condition.key)
            if given is None or not follows(asked, given):
                return False
        return bool(other.sometimes) and other.sometimes <= self.always


class Covers:
    """Mocks that always answer what they match, filed by what one must ask for to be covered."""

    def __init__(self) -> None:
        self.filed: Dict[Signature, List[Reach]] = {}
        self.loose: List[Reach] = []  # which also cover what asks for something else

    def add(self, reach: Reach) -> None:
        """File a mock where the fewest are, of the texts that it asks for as they are."""
        exact = [one for one in reach.others if isinstance(one.condition.expected, str)]
        if not exact:
            self.loose.append(reach)
            exact = reach.others  # if there are many, those that ask for the same are still found
        if exact:
            filed = [self.filed.setdefault(one.signature, []) for one in exact]
            min(filed, key=len).append(reach)

    def covering(self, reach: Reach) -> Optional[Mock]:
        """The first found that covers a mock."""
        filed = [self.filed.get(one.signature, []) for one in reach.others]
        for one in itertools.chain(self.loose[:MOST_LOOSE], *filed):
            if one.covers(reach):
                return one.mock
        return None


def follows(asked: Requirement, given: Requirement) -> bool:
    """Whether a condition holds wherever another one of the same key does."""
    if asked.signature == given.signature:
        return True
    condition = asked.condition
    wanted, known = condition.expected, given.condition.expected
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
