"""Nothing is accepted in vain: each key of a mock shows in an answer, or the mock is refused."""

from __future__ import annotations

import itertools
import json
from typing import Any, Dict, Iterator, List, Optional, Tuple

from mocked import mock_of
from samples import COUNTS, GENERATE, SAMPLES, call_of, request_of, wire_of

import mock_server as m
from mock_server import BadMock

TEXT = {"text": "one two three four"}
EMBEDDING = {"embedding": [0.5, 0.25]}
SCORES = {"scores": [0.5, 0.25]}
BODY = {"body": {"a": 1, "text": "three"}}
EVENTS = {"events": [{"a": 1}, {"b": 2}, {"c": 3}]}
ERROR = {"error": "boom"}
RAW = {"raw": "plain"}
BASES = (
    {**TEXT, "delay": 2},
    EMBEDDING,
    SCORES,
    {"finish_reason": "stop"},
    BODY,
    EVENTS,
    ERROR,
    RAW,
)
MODERATES = [type(wire) for wire in m.WIRE_FORMATS if wire.operation == "moderate"]
Asked = Tuple[m.WireFormat, m.Call]
CALL = {"name": "f", "arguments": {"a": 1}}

# What is added to a response under each of its keys.
ADDED: Dict[str, List[Any]] = {
    "text": ["other words"],
    "tool_calls": [[CALL]],
    "reasoning": ["hm"],
    "refusal": ["no"],
    "parts": [[{"text": "a"}, {"reasoning": "b"}], [{"tool_calls": [CALL]}]],
    "embedding": [[1, 2]],
    "scores": [[1, 2]],
    "finish_reason": ["length", "of_its_own"],
    "usage": [
        {"input_tokens": 77},
        {"output_tokens": 77},
        {"reasoning_tokens": 7},
        {"cached_tokens": 7},
        {"cache_write_tokens": 7},
    ],
    "model": ["another"],
    "id": ["another"],
    "chunk_size": [1],
    "extra": [{"new": 1}, {"usage": {"new": 1}}, {"choices": [{"new": 1}]}, {"content": [{}, {}]}],
    "body": [{"b": 2}],
    "events": [[{"d": 4}], "data: 4\n\n"],
    "raw": ["bytes"],
    "error": ["other", {"kind": "overloaded"}, {"type": "x"}, {"code": "x"}, {"param": "x"}],
    "after_events": [1],
    "after_pieces": [1],
    "fault": list(m.FAULTS),
    "probability": [0.0],
    "status": [418, 201],
    "headers": [{"X-Mine": "1"}, {"X-Mine": ["1", "2"]}],
    "delay": [2],
    "pace": [1, [1], {"first": 1}, {"tokens_per_second": 9}],
    "gzip": ["always", "never"],
    "wire": [
        "byte",
        "crlf",
        "comments",
        "extensions",
        "gzip-event",
        "coalesce",
        "chunked",
        "close",
    ],
    "gate": [True, 2],
    "keepalive": [{"every": 1}, {"every": 1, "comment": "a"}],
}


class Api:
    """What a mock can tell apart by its match alone: one API, in the forms that different models
    have of it, or the paths of no provider."""

    def __init__(self, match: Dict[str, Any], asked: List[Asked]) -> None:
        self.match = match
        self.asked = list(itertools.product(asked, ("gzip", None)))

    def mock(self, response: Any) -> Optional[m.ParsedMock]:
        """A mock with this response, unless it is refused."""
        try:
            return mock_of({"match": self.match, "response": response})
        except BadMock:
            return None

    def answers(self, mock: m.ParsedMock) -> Iterator[Any]:
        """All that happens on the socket for each kind of request, as somebody asks for it; None
        for what the mock does not answer."""
        answer = mock.answer(0)
        for (wire, call), accept in self.asked:
            if not mock.matches(call) or answer.lacks(wire, call) or not answer.wins("0"):
                yield None
                continue
            outcome = answer.to(call, {})
            response = m.respond(wire, call, outcome, answer.status, answer.delivery)
            coding = m.coding_of(response, accept) or "identity"
            steps = m.answer_steps(response, m.Exchange(coding=coding))
            yield ["held" if isinstance(step, m.Hold) else step for step in steps]


def asked(kind: type) -> Iterator[Asked]:
    """An API asked in all ways."""
    counted: Any = None
    if SAMPLES[kind][3] and not wire_of(kind).takes_form:
        counted = {"stream_options": {"include_usage": True}}
    requests = [request_of(kind, more=counted)]
    if SAMPLES[kind][2]:
        requests.append(request_of(kind, True, more=counted))
    if kind in (m.GeminiGenerate, m.VertexGenerate):
        requests.append(request_of(kind, True, query={"alt": "json"}))
    if wire_of(kind).operation == "stored" and wire_of(kind).may_stream:
        requests.append(request_of(kind, query={"stream": "true"}))
    for request in requests:
        wire, params = m.route(request)
        yield wire, wire.read(request, params, m.Answerer.body(wire, request))


def apis() -> Iterator[Api]:
    """All of them."""
    bodies = (json.dumps({"stream": stream}).encode() for stream in (False, True))
    requests = [m.Request("POST", "/any", body=body) for body in bodies]
    other = m.other_like(m.DEFAULT_SHAPE)
    elsewhere = [(other, other.read(one, {}, other.body(one))) for one in requests]
    yield Api({"path": "/any"}, elsewhere)
    found: Dict[Tuple[str, ...], List[Asked]] = {}
    for kind in SAMPLES:
        wire = wire_of(kind)
        place = wire.provider, wire.operation, wire.api
        found.setdefault(place, []).extend(asked(kind))
    for place, calls in found.items():
        yield Api(dict(zip(("provider", "operation", "api"), place)), calls)


def laid_together(base: Any, key: str, added: Any) -> Any:
    """A response with one more key; what is an object in both has the members of both."""
    if isinstance(base.get(key), dict) and isinstance(added, dict):
        added = {**base[key], **added}
    return {**base, key: added}


def each(row: Tuple[str, List[Any]]) -> List[Tuple[str, Any]]:
    """A key with each of its values."""
    return [(row[0], added) for added in row[1]]


def needs_no_effect(base: Any, key: str) -> bool:
    """Whether a key may be there without an effect: it says what is so anyway, or there is nothing
    to pace in the one event of an answer of nothing, which depends on the request."""
    if key == "text":  # of what has no words: it says that there is an answer
        return True
    return key in ("pace", "gate", "keepalive") and base == {"finish_reason": "stop"}


def test_there_is_a_case_for_every_key_of_a_response() -> None:
    assert set(ADDED) == set(m.RESPONSE_KEYS)


def test_each_key_of_a_response_shows_or_its_mock_is_refused() -> None:
    vain = []
    accepted = set()
    for api, base in itertools.product(apis(), BASES):
        usual = api.mock(base)
        if usual is None:
            continue
        before = list(api.answers(usual))
        for key, added in itertools.chain.from_iterable(map(each, ADDED.items())):
            together = laid_together(base, key, added)
            mock = api.mock(together)
            if together == base or mock is None:
                continue
            accepted.add(key)
            shows = any(one != other for one, other in zip(before, api.answers(mock)))
            if not shows and not needs_no_effect(base, key):
                vain.append((api.match, base, key, added))
    assert not vain, "\n".join(map(str, vain[:40]))
    assert accepted == set(ADDED)


def test_no_key_is_refused_that_shows_in_the_answer_to_a_usual_request() -> None:
    usual, refused = m.USUAL_REPLY, []
    for kind in set(GENERATE + COUNTS + MODERATES):
        call, wire = call_of(kind), wire_of(kind)
        for key, change in m.CHANGES.items():
            parts = change.get("parts", ())
            if not all(type(part) in wire.speaks for part in parts) or m.shows(wire, False, key):
                continue
            if m.said(wire, call, m.replace(usual, **change)) != m.said(wire, call, usual):
                refused.append((kind.__name__, key))
    assert not refused


def test_a_match_is_taken_if_there_is_an_api_that_it_names_and_no_other() -> None:
    places = {(wire.provider, wire.operation, wire.api) for wire in m.WIRE_FORMATS}
    names = [sorted(set(column)) for column in zip(*places)]
    for provider, operation, api in itertools.product(*names):
        match = {"provider": provider, "operation": operation, "api": api}
        found = Api(match, []).mock({"status": 500})
        assert (found is not None) == ((provider, operation, api) in places), match
