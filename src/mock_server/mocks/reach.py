"""Reach: which answers a mock can give, and whether each of its keys shows in one of them.

Pure.
"""

from __future__ import annotations

import functools
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    NoReturn,
    Optional,
    Sequence,
    Tuple,
)

from ..codings import content_type_in, is_packed
from ..errors import MISSING, shown
from ..faults import is_before_all
from ..formats.all import DEFAULT_SHAPE, OTHER
from ..formats.base import WIRE_FORMATS, WireFormat, can_stream
from ..formats.dialects import dialects_of, in_dialect, shares_path, speaks_dialects
from ..framings import Framing
from ..http import METHODS
from ..limits import CONTROL_PREFIX, DIALECTS, Json
from ..node import Node
from ..outcomes import Raw, Recorded, Usual
from ..records import record, replace
from ..routing import owners
from ..values import Call, Failure, Request
from .answer import Answer, Neutral
from .delivery import AFTER_KEYS, DELIVERY_KEYS
from .differences import explained, other_dialect
from .effects import shows, shows_in_error, shows_stop
from .match import Condition
from .needless import Reached, vain_in_all
from .silence import ELSEWHERE, methods_of, unsaid
from .stream_texts import TEXT_FRAMINGS


@record
class Way:
    """A way to be answered: the API that is asked, whether it streams, and whether the stream is to
    be a JSON array, where there are such."""

    wire: WireFormat
    stream: bool
    array: bool = False

    @property
    def api(self) -> str:
        """The API in words: `openai chat`."""
        if self.wire is ELSEWHERE:
            return "paths of no provider"
        told = f"{self.wire.provider} {self.wire.api}"
        if self.wire.dialect in ("", self.wire.provider):
            return told
        return f"{told} ({self.wire.dialect})"


MOST_CHOICES = 2048  # more than these no API gives


@functools.lru_cache(maxsize=256)
def asked(way: Way, custom: Tuple[str, ...]) -> Call:
    """A request that comes this way and asks for all that it can: choices, custom tools."""
    wire = way.wire
    request = Request("POST", "/")
    if way.array:
        request = Request("POST", "/", {"alt": "json"})
    call = Call(request, wire.provider, wire.operation, wire.api, "", way.stream)
    call = replace(call, choices=MOST_CHOICES, body={})
    if custom and wire.has_custom_tools:
        return replace(call, custom_tools=custom)
    return call


def all_ways() -> Tuple[Way, ...]:
    """All ways, the most common API first."""
    wires = [DEFAULT_SHAPE, *WIRE_FORMATS, ELSEWHERE]
    found: Dict[Way, None] = {}  # a set in order
    for wire in wires:
        found[Way(wire, False)] = None
        if can_stream(wire) or wire.operation == OTHER:
            found[Way(wire, True)] = None
            array = Way(wire, True, True)
            if not wire.framing(asked(array, ())).streams:
                found[array] = None
    return tuple(found)


WAYS = all_ways()


# What a condition looks at that is the same for all requests of an API.
PLACES: Mapping[str, Callable[[Way], Sequence[Json]]] = {
    "provider": lambda way: [way.wire.provider],
    "dialect": lambda way: sorted(dialects_of(way.wire)),
    "operation": lambda way: [way.wire.operation],
    "api": lambda way: [way.wire.api],
    "stream": lambda way: [way.stream],
    "method": lambda way: methods_of(way.wire),
}

UNSAID_TO = {way.wire: unsaid(way.wire) for way in WAYS}
SILENT = Call(Request("GET", "/"), "", "", "", "", body=None)


@functools.lru_cache(maxsize=1024)
def homes(path: str) -> FrozenSet[WireFormat]:
    """The APIs that have a path, in all dialects that are spoken there, and what answers there in
    other methods."""
    request = Request("POST", path)
    found = {wire for method in METHODS for wire, _ in owners(method, path)}
    shared = [one for one in found if speaks_dialects(one) and shares_path(one, request)]
    found.update(in_dialect(wire, name) for wire in shared for name in DIALECTS)
    return frozenset([ELSEWHERE, *found])


def placed(conditions: Iterable[Condition]) -> Tuple[Way, ...]:
    """The ways in which all conditions on PLACES hold."""
    wanted = []
    for condition in conditions:
        values = condition.expected
        if not isinstance(values, list):
            values = [values]
        wanted.append((condition.key, tuple(values)))
    return ways_with(tuple(wanted))


@functools.lru_cache(maxsize=1024)  # thousands of mocks ask for the same
def ways_with(wanted: Tuple[Tuple[str, Tuple[Json, ...]], ...]) -> Tuple[Way, ...]:
    """The ways in which one of the values is found at each of some PLACES."""
    if not wanted:
        return WAYS
    key, values = wanted[-1]
    look, among = PLACES[key], set(values)
    # Many ask for the same provider or operation, and for some API of it.
    return tuple(way for way in ways_with(wanted[:-1]) if not among.isdisjoint(look(way)))


def ways_of(conditions: Sequence[Condition]) -> Tuple[Way, ...]:
    """The ways in which a request can come that fulfils all conditions, as far as can be told."""
    ways = placed(one for one in conditions if one.key in PLACES)
    for condition in conditions:
        if condition.key == "path" and isinstance(condition.expected, str):
            at_home = homes(condition.expected)
            ways = tuple(way for way in ways if way.wire in at_home)
    silent = {UNSAID_TO[way.wire] for way in ways}
    for condition in conditions:
        mute = {keys for keys in silent if condition.key in keys}
        if mute and not condition.holds(condition.get(SILENT)):
            ways = tuple(way for way in ways if UNSAID_TO[way.wire] not in mute)
    return ways


# --- whether a mock can answer ---


def check_reach(
    node: Node,
    conditions: Sequence[Condition],
    responses: Sequence[Node],
    answers: Sequence[Answer],
) -> None:
    """Raise BadMock for a mock that can never answer, or of which a part shows in no answer that it
    can give."""
    paths = [condition for condition in conditions if condition.key == "path"]
    check_path(paths, node)
    ways = ways_of(conditions)
    if not ways:
        refuse_contradiction(node.get("match"), conditions)
    if not node.get("dialect").is_absent:
        ways = ways_in_dialect(node.get("dialect"), ways, paths)
        # What a limit refuses is said in the dialect, whatever else is answered.
        if all(map(is_foreign, answers)) and node.get("limit").is_absent:
            told = "raw bytes, transcripts, and faults that come before all, are"
            node.get("dialect").fail(f"has no effect: {told} the same in every dialect")
    for response, answer in zip(responses, answers):
        check_answer(response, answer, ways)


def is_foreign(answer: Answer) -> bool:
    """Whether nothing of an answer is written in any API's way."""
    form, fault = answer.form, answer.delivery.fault
    if fault is not None and fault.probability >= 1 and is_before_all(fault):
        return True
    if isinstance(form, Recorded):
        return not (form.body is not MISSING or form.frames or form.values)
    return isinstance(form, Raw)


def ways_in_dialect(
    dialect: Node, ways: Sequence[Way], paths: Sequence[Condition]
) -> Tuple[Way, ...]:
    """The ways in which a mock answers that names a dialect, and may ask for a path; BadMock if
    none of them has one."""
    requests = [Request("POST", one.expected) for one in paths if isinstance(one.expected, str)]

    def has_dialects(wire: WireFormat) -> bool:
        """Whether hosts of other dialects have an API, and that at the path."""
        return speaks_dialects(wire) and all(shares_path(wire, one) for one in requests)

    if not any(has_dialects(way.wire) for way in ways):
        told = some(sorted({way.api for way in ways}))
        dialect.fail(f"has no effect: {told} is no API that hosts of other dialects have")
    found: Dict[Way, None] = {}  # a set in order
    for way in ways:
        wire = way.wire
        if has_dialects(wire):
            wire = in_dialect(wire, dialect.value)
        found[replace(way, wire=wire)] = None
    return tuple(found)


def check_path(asked_for: Sequence[Condition], node: Node) -> None:
    """Raise BadMock for a path that no request has."""
    for condition in asked_for:
        text = condition.expected
        path = node.within("match", "path")
        if not isinstance(text, str):
            continue
        if not text.startswith("/"):
            path.expected('a path, which begins with "/"')
        if "?" in text:
            path.fail('has a query, which is matched by "query"')
        if text.startswith(CONTROL_PREFIX):
            path.fail("is one of the control API, which no mock answers")


def refuse_contradiction(match: Node, conditions: Sequence[Condition]) -> NoReturn:
    """Raise BadMock for the condition that leaves none of the ways that those before it leave:
    beside which of them, and what would do."""
    # First what tells an API, then what is asked of its requests: of both the second is wrong.
    told = sorted(conditions, key=lambda one: one.key not in PLACES and one.key != "path")
    number = next(at for at in range(len(told)) if not ways_of(told[: at + 1]))
    before, last = told[:number], told[number]
    others = [one for one in before if not ways_of([one, last])]
    beside = "the rest"
    if others:
        beside = f"{others[0].key} {shown(others[0].expected)}"
        if match.get(others[0].key).is_absent:
            beside += ", which is meant where none is said"
    left = ways_of(before)
    known = sorted({str(value) for way in left for value in values_at(last.key, way)})
    hint = ""
    if known:
        hint = f"; that leaves {', '.join(known)}"
    elif last.key == "path":
        own = {way.api for way in ways_of([last])}
        hint = f": it is one of {some(sorted(own))}"
    if others and others[0].key == "provider":
        hint += other_dialect(others[0].expected)
    said = shown(last.expected)
    if match.get(last.key).is_absent:
        said += ", which is meant where none is said,"
    match.get(last.key).fail(f"no request has {said} beside {beside}{hint}")


def values_at(key: str, way: Way) -> Iterable[Json]:
    """What a condition on one of PLACES finds this way."""
    if key == "stream":
        return [str(way.stream).lower()]
    return PLACES[key](way) if key in PLACES else ()


def some(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    told = ", ".join(names[:3])
    if len(names) > 3:
        told += f" or {len(names) - 3} more"
    return told


def check_answer(response: Node, answer: Answer, ways: Sequence[Way]) -> None:
    """The same of one `response`; what a function makes of a call is looked at then."""
    if answer.function:
        return
    # Nearly all mocks have nothing to say that the most common API would not say, too: thousands
    # of them are read at start.
    wrong = what_is_vain(response, answer, ways[:2])
    # What takes long to find out of a long recording is known then, before anybody waits for it.
    if (wrong or answer.is_long) and len(ways) > 2:
        wrong = what_is_vain(response, answer, ways)
    if wrong:
        node, problem = wrong
        node.fail(problem)


Wrong = Tuple[Node, str]  # a part of a response, and what is wrong with it


def what_is_vain(response: Node, answer: Answer, ways: Sequence[Way]) -> Optional[Wrong]:
    """What shows in no answer that can be given in these ways, and why."""
    custom = answer.custom_calls
    lacking = [answer.lacks(way.wire, asked(way, custom)) for way in ways]
    if lacking[0] and None not in lacking:
        return response, f"can never be given: {explained(lacking[0])}"
    able = [way for way, difference in zip(ways, lacking) if difference is None]
    for check in (vain_kind, vain_delivery, vain_neutral, vain_error):
        wrong = check(response, answer, able)
        if wrong:
            return wrong
    return None


def vain_kind(response: Node, answer: Answer, ways: Sequence[Way]) -> Optional[Wrong]:
    """What is for a whole answer or a streamed one, if there never is one."""
    spec = response.value
    streams = any(way.stream or way.wire is ELSEWHERE for way in ways)
    wholes = any(not way.stream for way in ways)
    for key in ("events", "chunk_size"):
        if key in spec and not streams:
            return response.get(key), "has no effect: no answer of this mock is streamed"
    if "chunk_size" in spec and isinstance(answer.form, Neutral):
        cut = any(way.stream and shows(way.wire, True, "chunk_size") for way in ways)
        if not (cut and answer.form.parts):
            return response.get("chunk_size"), "has no effect: there is nothing to cut"
    if "body" in spec and "events" in spec and not wholes:
        return response.get("body"), "has no effect: all answers of this mock are streamed"
    return None


def vain_delivery(response: Node, answer: Answer, ways: Sequence[Way]) -> Optional[Wrong]:
    """What is said of how an answer travels that changes nothing there."""
    if response.value.keys().isdisjoint((*DELIVERY_KEYS, *AFTER_KEYS)):
        return None
    reached = (reached_by(answer, way) for way in ways)
    return vain_in_all(response, answer.delivery, reached)


def reached_by(answer: Answer, way: Way) -> Reached:
    """What answer is given this way, as far as it matters to how that travels."""
    framing = framing_of_answer_by(answer, way)
    if framing is not None:
        return framing, way.wire.ping, framing.negotiated
    content_type = ""
    if isinstance(answer.form, Raw):
        content_type = content_type_in(answer.delivery.headers)
    elif isinstance(answer.form, Recorded) and answer.form.whole:
        content_type = content_type_in(answer.form.whole.headers)
    elif isinstance(answer.form, (Neutral, Usual)):
        content_type = way.wire.whole_type(asked(way, ()))
    return None, way.wire.ping, not is_packed(content_type)


def framing_of_answer_by(answer: Answer, way: Way) -> Optional[Framing]:
    """How the events of an answer are framed that is given this way; None for a whole one."""
    form, streams = answer.form, way.stream
    if isinstance(form, Raw) or (isinstance(form, Failure) and form.kind != "content_filter"):
        return None
    if isinstance(form, Recorded):
        alone = way.wire is ELSEWHERE and not form.has_body
        streams = form.has_events and (streams or alone)
    if not streams:
        return None
    if way.wire is ELSEWHERE and isinstance(form, Recorded) and form.kind:
        return TEXT_FRAMINGS[form.kind][0]
    return way.wire.framing(asked(way, ()))


NEUTRAL_SHOWN = ("reasoning", "refusal", "tool_calls", "model", "id")


def vain_neutral(response: Node, answer: Answer, ways: Sequence[Way]) -> Optional[Wrong]:
    """What no API says of a neutral answer.  Where nothing is said in words, a text still says that
    there is an answer; what blocks an API has it knows itself."""
    if not isinstance(answer.form, Neutral):
        return None
    never = f"has no effect: {no_place(ways)} for it"
    spec = response.value
    stop = spec.get("finish_reason", "stop")
    if stop != "stop" and not any(shows_stop(way.wire, way.stream, stop) for way in ways):
        return response.get("finish_reason"), never
    nodes = [response.get(key) for key in NEUTRAL_SHOWN if key in spec]
    if "usage" in spec:
        nodes += counts_of(response.get("usage"))
    if "parts" in spec:
        parts = [node for item in response.get("parts").items() for _, node in item.members()]
        nodes += [node for node in parts if node.key in NEUTRAL_SHOWN]
    for node in nodes:
        if not any(shows(way.wire, way.stream, str(node.key)) for way in ways):
            return node, never
    return None


def counts_of(usage: Node) -> List[Node]:
    """The token counts that must show: of both ends of an exchange one is enough."""
    counts = [node for _, node in usage.members()]
    if "input_tokens" not in usage.value:
        return counts
    return [node for node in counts if node.key != "output_tokens"]


ERROR_SHOWN = ("type", "code", "param")


def vain_error(response: Node, answer: Answer, ways: Sequence[Way]) -> Optional[Wrong]:
    """What no API says of an error."""
    error, failure = response.get("error"), answer.failure or answer.form
    if not (isinstance(error.value, dict) and isinstance(failure, Failure)):
        return None
    # A stream is broken off; one that never begins is answered as whole ones are.
    usual, breaks = Failure(failure.status, "no", kind=failure.kind), failure is answer.failure
    for key in ERROR_SHOWN:
        places = ((way.wire, way.stream and breaks, key) for way in ways)
        if not (error.get(key).is_null or any(shows_in_error(*one, usual) for one in places)):
            return error.get(key), f"has no effect: {no_place(ways)} for it"
    return None


def no_place(ways: Sequence[Way]) -> str:
    """Which APIs do not say something."""
    return f"answers of {some(sorted({way.api for way in ways}))} have no place"
