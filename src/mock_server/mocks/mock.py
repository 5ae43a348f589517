"""A mock: which calls it answers, with what, how often it did.  May touch threading and time."""

from __future__ import annotations

import math
import sys
import threading
import time
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from ..deliveries import Delivery
from ..errors import Because
from ..formats.base import WireFormat
from ..formats.dialects import respoken
from ..jsons import sorted_compact
from ..limits import DIALECTS, Difference, Json
from ..node import Node
from ..option_kinds import ALL
from ..records import found_once, record, replace
from ..rules.judge import violations_of
from ..values import Call, Failure, Limit
from .answer import Answer
from .match import MATCH_KEYS, Condition, conditions
from .reach import check_reach
from .reading import MOCK_KEYS, RESPONSE_KEYS, parse_answer
from .recordings import MockNode
from .strictness import check_strictness
from .text_matchers import Groups, Verdict

FORM_OF_A_MOCK = 'a mock here is {"match": {…}, "response": {…}}'
OPERATION_OF_KEY = {"embedding": "embed", "scores": "rerank"}  # what answers nothing else
NOTE_KEYS = ("$schema", "$comment")  # passed over: they are for editors and for people

# Where keys belong that are put beside `match` and `response`.
ELSEWHERE_IN_A_MOCK: Mapping[str, str] = {
    **dict.fromkeys(MATCH_KEYS, 'belongs into "match"'),
    **dict.fromkeys(RESPONSE_KEYS, 'belongs into "response"'),
    **dict.fromkeys(MATCH_KEYS.keys() & set(RESPONSE_KEYS), 'belongs into "match" or "response"'),
    **dict.fromkeys(("request", "mappings"), "is of WireMock's form; " + FORM_OF_A_MOCK),
    "fixtures": "is of aimock's form; --import FILE makes mocks of it",
    "mocks": "a file or a body is a mock, or an array of them, without a name",
}


class Uses:
    """How often a mock has answered in a session, and in the window of its rate limit; outlives a
    reload that leaves the mock as it was.  `lock` is held while they are read and changed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.draws = 0
        self.window_end = 0.0  # of the monotonic clock
        self.in_window = 0

    def admit(self, requests: int, per: float) -> Limit:
        """Whether a limit has room for one request more, which it then counts, and what is left
        after it.  The window is fixed, and begins with the first request."""
        # The monotonic clock: a window must not move with the time of day.
        moment = time.monotonic()
        if moment >= self.window_end:
            self.window_end = moment + per
            self.in_window = 0
        is_exceeded = self.in_window >= requests
        if not is_exceeded:
            self.in_window += 1
        wait = self.window_end - moment
        reset = math.ceil(time.time_ns() / 1e9 + wait)  # what headers tell is the time of day
        left, seconds = requests - self.in_window, max(1, math.ceil(wait))
        return Limit(requests, left, seconds, reset, is_exceeded)


@record
class Found:
    """The mock that answers a call, its answer, the number of this use, counted from 0, what named
    groups of regular expressions found, the wire format in which it is written, and the call as it
    is judged by that."""

    mock: ParsedMock
    answer: Answer
    used: int
    uses: Uses
    groups: Groups
    wire: WireFormat
    call: Call
    limit: Optional[Limit] = None
    is_refusal: bool = False  # because the call breaks a rule of its provider; that is no use
    problem: str = ""  # of the function that was to answer


@record
class ParsedMock:
    """Which calls it answers and with what.  `place` is file and position, `canonical` its JSON
    with sorted keys.  How often it was used is each session's own to know."""

    name: str
    place: str
    conditions: Tuple[Condition, ...]
    answers: Tuple[Answer, ...]
    cycle: bool = False
    times: Optional[int] = None
    canonical: str = ""
    limit: Optional[Tuple[int, float]] = None  # requests, and in how many seconds
    dialect: str = ""  # of OpenAI's format, in which it answers; empty: that of the request
    strict: Optional[bool] = None  # whether what its provider would refuse is refused

    # Two that say the same are still two mocks.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def id(self) -> str:
        """What the control API calls it."""
        return self.place

    @found_once
    def key(self) -> Tuple[str, str]:
        """What stays the same when it is read again and is as it was."""
        return self.place, self.canonical

    @found_once
    def is_repeatable(self) -> bool:
        """Whether equal calls get equal answers, however often and with whatever headers."""
        if self.limit or self.times or len(self.answers) > 1:
            return False
        if "{{" in self.canonical and "header." in self.canonical:
            return False
        if self.answers[0].probability < 1 or self.answers[0].function:
            return False
        delivery = self.answers[0].delivery
        has_jitter = bool(delivery.pace and delivery.pace.jitter)
        return not has_jitter and not delivery.fault

    def answer(self, used: int) -> Answer:
        """The answer after `used` uses: in turn, then the last again, or all over with `cycle`."""
        if self.cycle:
            return self.answers[used % len(self.answers)]
        return self.answers[min(used, len(self.answers) - 1)]

    def matches(self, call: Call) -> Verdict:
        """Whether all conditions hold; if they do, with what their named groups found."""
        groups: Dict[str, str] = {}
        for condition in self.conditions:
            holds = condition.holds(condition.get(call))
            if not holds:
                return False
            if isinstance(holds, dict):
                groups.update(holds)
        return groups or True

    def is_spent(self, used: int) -> bool:
        """Whether it answers no more after `used` uses."""
        return self.times is not None and used >= self.times

    def written_in(self, wire: WireFormat, call: Call) -> WireFormat:
        """The wire format in which it answers a call that was read in another."""
        if not self.dialect:
            return wire
        return respoken(wire, call.request, self.dialect)

    def judging(
        self, wire: WireFormat, call: Call, strict: Union[bool, str]
    ) -> Tuple[WireFormat, Call]:
        """That wire format, and the call as its rules see it: another host has others."""
        own = self.written_in(wire, call)
        if own is wire:
            return wire, call
        broken, _ = violations_of(own, call, call.body, strict == ALL)
        return own, replace(call, violations=broken)

    def differences(self, call: Call, wire: WireFormat, used: int = 0) -> List[Difference]:
        """Everything that keeps it from answering a call after `used` uses; empty for a match."""
        wire = self.written_in(wire, call)
        differences = [condition.difference(call) for condition in self.conditions]
        if self.is_spent(used):
            differences.append(("times", used, Because(f"fewer than {self.times} uses")))
        differences.append(self.answer(used).lacks(wire, call))
        lacking = [difference for difference in differences if difference]
        chance = self.answer(used).probability
        if chance < 1 and not lacking:
            lacking.append(("probability", chance, Because("a draw that it wins")))
        return lacking

    def claim(
        self,
        call: Call,
        wire: WireFormat,
        uses: Uses,
        holds: Verdict,
        seed: int,
        strict: Union[bool, str] = False,
    ) -> Optional[Found]:
        """Its answer to a call that matches, which uses it; None if it has none for that call, or
        an error that loses its draw.  What exceeds its limit is answered with an error, and is no
        use; nor is what breaks a rule, where that is refused: `strict` says so, unless the mock
        does."""
        groups = holds if isinstance(holds, dict) else {}
        limit = None
        if self.is_spent(uses.count):  # as it stays: of many of these none is to be judged by
            return None
        wire, call = self.judging(wire, call, strict)
        # Two requests at once must not both get the last use.
        with uses.lock:
            used = uses.count
            answer = self.answer(used)
            if self.is_spent(used) or answer.lacks(wire, call):
                return None
            if not call.valid and (strict if self.strict is None else self.strict):
                return Found(self, answer, used, uses, groups, wire, call, is_refusal=True)
            if answer.probability < 1:
                uses.draws += 1
                if not answer.wins(f"{seed}/{self.place}/{uses.draws}"):
                    return None
            if self.limit:
                limit = uses.admit(*self.limit)
                if limit.is_exceeded:
                    failure = Failure(
                        0, "", kind="rate_limit", wait=limit.wait, most=limit.requests
                    )
                    refused = Answer(failure, 429, Delivery())
                    return Found(self, refused, used, uses, groups, wire, call, limit)
            uses.count = used + 1
        return Found(self, answer, used, uses, groups, wire, call, limit)


def parse_mock(node: MockNode) -> ParsedMock:
    """A mock from its JSON, at the place that is its source; BadMock says what is wrong with it."""
    spec = without_notes(node.only((*MOCK_KEYS, *NOTE_KEYS), ELSEWHERE_IN_A_MOCK).value)
    if ("response" in spec) == ("responses" in spec):
        found = "both" if "response" in spec else "neither"
        node.fail(f'expected either "response" or "responses", found {found}')
    responses = [node.get("response")]
    if "responses" in spec:
        responses = node.get("responses").items()
        if not responses:
            node.get("responses").fail("expected at least one response, found []")
    times = parse_times(node.get("times"), responses)
    asked = conditions(node.get("match"), usual_operation(responses))
    groups = [group for condition in asked for group in condition.group_names]
    answers = tuple(parse_answer(response, groups) for response in responses)
    if any(answer.function for answer in answers):
        spec = without_functions(spec, answers)
    dialect = ""
    if "dialect" in spec:
        dialect = node.get("dialect").choice(DIALECTS)
    strict = None
    if "strict" in spec:
        strict = bool(node.get("strict").a("a boolean"))
    check_reach(node, asked, responses, answers)
    check_strictness(node, asked)
    return ParsedMock(
        parse_name(node.get("name"), answers),
        node.source,
        asked,
        answers,
        parse_cycle(node.get("cycle"), responses, times),
        times,
        canonical_json(node, spec),
        parse_limit(node.get("limit")),
        dialect,
        strict,
    )


def parse_name(node: Node, answers: Sequence[Answer]) -> str:
    """What the log and the journal call a mock: if it says nothing, its function, or its place."""
    if node.value == "":
        node.fail("is empty, and so would tell nothing in the log and the journal")
    usual = node.source
    if len(answers) == 1 and answers[0].function:
        usual = answers[0].function.told
    name: str = node.text(usual)
    return name


def without_functions(spec: Dict[str, Json], answers: Sequence[Answer]) -> Dict[str, Json]:
    """A mock's JSON, which has functions by what is told of them."""
    told = [one.function.told if one.function else None for one in answers]
    if "response" in spec:
        return {**spec, "response": told[0]}
    responses = [name or one for name, one in zip(told, spec["responses"])]
    return {**spec, "responses": responses}


def canonical_json(node: Node, spec: Dict[str, Json]) -> str:
    """A mock's JSON with sorted keys; BadMock for what a Python program may put in and is none."""
    try:
        return sorted_compact(spec)
    except (TypeError, ValueError, RecursionError) as error:
        node.fail(f"holds what is no JSON: {error}")


def without_notes(spec: Dict[str, Json]) -> Dict[str, Json]:
    """A mock's JSON without what is no part of it."""
    if spec.keys().isdisjoint(NOTE_KEYS):
        return spec
    return {key: value for key, value in spec.items() if key not in NOTE_KEYS}


def parse_times(node: Node, responses: Sequence[Node]) -> Optional[int]:
    """After how many uses a mock no longer matches, if it does."""
    if node.is_null:
        return None
    times: int = node.integer("a number of uses, at least 1", 1, math.inf)
    if times < len(responses):
        responses[times].fail(f'can never be given, for "times" is {times}')
    return times


def parse_cycle(node: Node, responses: Sequence[Node], times: Optional[int]) -> bool:
    """Whether the responses start over after the last."""
    cycle = node.flag(False)
    if cycle and len(responses) == 1:
        node.fail("has no effect: there is one response")
    if cycle and times == len(responses):
        node.fail(f'has no effect, for "times" is {times}')
    return cycle


def usual_operation(responses: Iterable[Node]) -> str:
    """Which requests a mock means that does not say so: an embedding answers only embed, scores
    only rerank."""
    for response in responses:
        for key, operation in OPERATION_OF_KEY.items():
            if not response.get(key).is_absent:
                return operation
    return "generate"


def parse_limit(node: Node) -> Optional[Tuple[int, float]]:
    """A rate limit: requests, and the seconds in which there may be so many."""
    if node.is_null:
        return None
    node.only(("requests", "per"))
    requests = node.get("requests").integer("a number of requests", 0, math.inf)
    above_0 = sys.float_info.min  # a window of no time would have no end
    per = node.get("per").number("seconds, above 0 and up to a day", above_0, 86400, 60)
    return requests, float(per)
