"""A mock: which calls it answers, with what, and how often it was used.  May touch threading."""

from __future__ import annotations

import functools
import itertools
import math
import threading
import time
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from ..errors import Because, shown
from ..formats.base import WireFormat
from ..jsons import fits, sorted_compact
from ..limits import Difference, Json
from ..values import Call, Embedding, Limit
from .answer import Answer, Neutral, ReadFile, parse_answer
from .match import Condition, TextMatcher, conditions, expect, fail, known_keys

MOCK_KEYS = ("name", "match", "response", "responses", "cycle", "times", "limit")


class Uses:
    """How often a mock has answered, and how often in the window of its rate limit; outlives a reload that leaves the mock
    as it was."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.window_end = 0.0  # of the monotonic clock
        self.in_window = 0

    def admit(self, requests: int, per: float) -> Limit:
        """Count one request against a limit: what is left after it, or -1 if there was nothing left for it.  The window is
        fixed, and begins with the first request."""
        now_ = time.monotonic()
        with self.lock:
            if now_ >= self.window_end:
                self.window_end, self.in_window = now_ + per, 0
            left = requests - self.in_window - 1
            self.in_window += left >= 0
            wait = self.window_end - now_
        return Limit(
            requests, max(left, -1), max(1, math.ceil(wait)), math.ceil(time.time_ns() / 1e9 + wait)
        )


@dataclass(frozen=True, eq=False)
class Mock:
    """Which calls it answers and with what.  `place` is file and position, `source` its JSON.  How often it was used
    is each session's own to know."""

    name: str
    place: str
    conditions: Tuple[Condition, ...]
    answers: Tuple[Answer, ...]
    cycle: bool = False
    times: Optional[int] = None
    source: str = ""
    limit: Optional[Tuple[int, float]] = (
        None  # requests, and the seconds in which there may be so many
    )

    @property
    def id(self) -> str:
        """What the control API calls it: its place, without a # if it was added at run time."""
        return self.place.replace("added#", "added-")

    @property
    def key(self) -> Tuple[str, str]:
        """What stays the same when it is read again and is as it was."""
        return self.place, self.source

    @functools.cached_property
    def steady(self) -> bool:
        """Whether equal calls get equal answers from it, however often and with whatever headers they come."""
        drawn = any(
            (answer.delivery.pace and answer.delivery.pace.jitter) or answer.delivery.fault
            for answer in self.answers
        )
        counted = self.limit or self.times or len(self.answers) > 1
        return not (drawn or counted or "{{" in self.source and "header." in self.source)

    def answer(self, used: int) -> Answer:
        """The answer after `used` uses: in turn, then the last again, or all over with `cycle`."""
        return self.answers[
            used % len(self.answers) if self.cycle else min(used, len(self.answers) - 1)
        ]

    def matches(self, call: Call) -> bool:
        """Whether all conditions hold."""
        for condition in self.conditions:  # not all(…): a generator costs as much as the conditions
            if not condition.holds(condition.get(call)):
                return False
        return True

    def differences(self, call: Call, wire: WireFormat, used: int = 0) -> List[Difference]:
        """Everything that keeps this mock from answering this call after `used` uses; empty for a match."""
        found = [condition.difference(call) for condition in self.conditions]
        spent = self.times is not None and used >= self.times
        found.append(("times", used, Because(f"fewer than {self.times} uses")) if spent else None)
        found.append(self.answer(used).lacks(wire, call))
        return [difference for difference in found if difference]

    def claim(self, call: Call, wire: WireFormat, uses: Uses) -> Optional[Tuple[Answer, int]]:
        """The answer for a call that matches and the number of the use, counted from 0; None if there is none for it."""
        with uses.lock:
            used = uses.count
            answer = self.answer(used)
            if (self.times is not None and used >= self.times) or answer.lacks(wire, call):
                return None
            uses.count = used + 1
        return answer, used

    def groups(self, call: Call) -> Dict[str, str]:
        """What the named groups of its regular expressions found."""
        return {
            name: text
            for condition in self.conditions
            for name, text in condition.groups(call).items()
        }

    def index_keys(self) -> List[Tuple[Optional[str], ...]]:
        """Where an index keeps it: exact provider (one key each), model and user text, None for any."""
        exact = {condition.key: condition.expected for condition in self.conditions}
        providers = exact.get("provider")
        model, user = (
            (exact.get(key) if isinstance(exact.get(key), str) else None)
            for key in ("model", "user")
        )
        return [
            (provider, model, user)
            for provider in (providers if isinstance(providers, list) else [providers])
        ]


def parse_mock(spec: Json, place: str, read: ReadFile) -> Mock:
    """A mock from its JSON; BadMock says what is wrong with it."""
    known_keys(spec, MOCK_KEYS, place, "")
    if ("response" in spec) == ("responses" in spec):
        fail(
            place,
            "",
            'expected either "response" or "responses", found '
            + ("both" if "response" in spec else "neither"),
        )
    name = expect(spec.get("name", place), "a string", place, "name")
    times = spec.get("times")
    if times is not None and (not fits(times, "an integer") or times < 1):
        fail(place, "times", f"expected a number of uses, at least 1, found {shown(times)}")
    match = expect(spec.get("match", {}), "an object", place, "match")
    asked = conditions(match, "generate", place)
    groups = [
        group
        for condition in asked
        if isinstance(condition.holds, TextMatcher)
        for found in condition.holds.patterns
        for group in found.groupindex
    ]
    specs = expect(spec.get("responses", [spec.get("response")]), "an array", place, "responses")
    if not specs:
        fail(place, "responses", "expected at least one response, found []")
    answers = tuple(
        parse_answer(
            one, groups, read, place if "response" in spec else f"{place}, responses[{index}]"
        )
        for index, one in enumerate(specs)
    )
    if any(
        isinstance(answer.form, Neutral) and Embedding in answer.form.kinds for answer in answers
    ):
        asked = conditions(match, "embed", place)
    cycle = expect(spec.get("cycle", False), "a boolean", place, "cycle")
    return Mock(
        name,
        place,
        asked,
        answers,
        cycle,
        times,
        sorted_compact(spec),
        parse_limit(spec.get("limit"), place),
    )


def parse_limit(value: Json, place: str) -> Optional[Tuple[int, float]]:
    """A rate limit from its JSON: requests, and the seconds in which there may be so many."""
    if value is None:
        return None
    known_keys(value, ("requests", "per"), place, "limit")
    requests, per = value.get("requests"), value.get("per", 60)
    if not fits(requests, "an integer") or requests < 0:
        fail(place, "limit.requests", f"expected a number of requests, found {shown(requests)}")
    if not fits(per, "a number") or not 0 < per <= 86400:
        fail(place, "limit.per", f"expected seconds, above 0 and up to a day, found {shown(per)}")
    return requests, float(per)


class Index:
    """Mocks in matching order, found without looking at those that name another provider, model or user text."""

    def __init__(self, mocks: Sequence[Mock]) -> None:
        self.mocks = mocks if isinstance(mocks, tuple) else tuple(mocks)
        self.buckets: Dict[Tuple[Optional[str], ...], List[Tuple[int, Mock]]] = {}
        for order, mock in enumerate(self.mocks):
            for key in mock.index_keys():
                self.buckets.setdefault(key, []).append((order, mock))
        keys = {condition.key for mock in self.mocks for condition in mock.conditions}
        self.headers = tuple(
            sorted(key.partition(".")[2] for key in keys if key.startswith("headers."))
        )

    def candidates(self, call: Call) -> Iterable[Mock]:
        """The mocks that may match, in order."""
        keys = itertools.product((call.provider, None), (call.model, None), (call.user, None))
        found = [self.buckets[key] for key in keys if key in self.buckets]
        if len(found) == 1:
            return [mock for _, mock in found[0]]
        return [
            mock
            for _, mock in sorted(itertools.chain.from_iterable(found), key=lambda entry: entry[0])
        ]
