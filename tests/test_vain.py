"""Nothing is accepted in vain: each key of a mock shows in an answer, or the mock is refused."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Optional, Tuple

from samples import SAMPLES, answerer, request_of, wire_of

import mock_server as m
from mock_server import BadMock

TEXT = {"text": "one two three four"}
EMBEDDING = {"embedding": [0.5, 0.25]}
BODY = {"body": {"a": 1, "text": "three"}}
EVENTS = {"events": [{"a": 1}, {"b": 2}, {"c": 3}]}
ERROR = {"error": "boom"}
BROKEN = {**ERROR, "after_events": 2}
BASES = (
    TEXT,
    {**TEXT, "delay": 2},
    EMBEDDING,
    {"finish_reason": "stop"},
    BODY,
    {**BODY, **EVENTS},
    EVENTS,
    ERROR,
)
CALL = {"name": "f", "arguments": {"a": 1}}

# What is added to a response under each of its keys.
ADDED: Dict[str, List[Any]] = {
    "text": ["other words"],
    "tool_calls": [[CALL]],
    "reasoning": ["hm"],
    "refusal": ["no"],
    "parts": [[{"text": "a"}, {"reasoning": "b"}], [{"tool_calls": [CALL]}]],
    "embedding": [[1, 2]],
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
    "wire": [*m.WIRE_PLANS],
    "gate": [True, 2],
    "keepalive": [{"every": 1}, {"every": 1, "comment": "a"}],
}


class Api:
    """An API, how it is asked, and what a mock matches it by."""

    def __init__(self, kind: Optional[type]) -> None:
        self.name = "other"
        self.match: Dict[str, Any] = {"path": "/any"}
        self.requests = [
            m.Request("POST", "/any", body=json.dumps({"stream": stream}).encode())
            for stream in (False, True)
        ]
        if kind is None:
            return
        wire = wire_of(kind)
        self.name = kind.__name__
        self.match = {"provider": wire.provider, "operation": wire.operation, "api": wire.api}
        counted = {"stream_options": {"include_usage": True}}
        self.requests = [request_of(kind, more=counted if SAMPLES[kind][3] else None)]
        if SAMPLES[kind][2]:
            self.requests.append(request_of(kind, True, more=counted))

    def answers(self, response: Any) -> Optional[List[Any]]:
        """All that happens on the socket for each kind of request; None if the mock is refused."""
        try:
            responder = answerer({"match": self.match, "response": response})
        except BadMock:
            return None
        return [self.steps(responder, request) for request in self.requests]

    @staticmethod
    def steps(responder: m.Answerer, request: m.Request) -> List[Any]:
        response = responder.answer(request).response
        made: List[Any] = []
        for accept in ("gzip", None):
            coding = m.coding_of(response, accept) or "identity"
            made += m.answer_steps(response, m.Exchange(coding=coding))
        return ["held" if isinstance(step, m.Hold) else step for step in made]


APIS = [Api(None), *map(Api, SAMPLES)]


def laid_together(base: Any, key: str, added: Any) -> Any:
    """A response with one more key; what is an object in both has the members of both."""
    if isinstance(base.get(key), dict) and isinstance(added, dict):
        added = {**base[key], **added}
    return {**base, key: added}


def cases() -> Iterator[Tuple[Any, str, Any]]:
    """A response, and a key that may be added to it, with each of its values."""
    for base in BASES:
        for key, values in ADDED.items():
            for added in values:
                if base.get(key) != added:
                    yield base, key, added


def test_there_is_a_case_for_every_key_of_a_response() -> None:
    assert set(ADDED) == set(m.RESPONSE_KEYS)


def test_each_key_of_a_response_shows_or_its_mock_is_refused() -> None:
    vain = []
    accepted = set()
    for api in APIS:
        known = [(base, api.answers(base)) for base in BASES]
        for base, before in known:
            for key, values in ADDED.items():
                for added in values:
                    together = laid_together(base, key, added)
                    if together == base:
                        continue
                    after = api.answers(together)
                    if after is not None:
                        accepted.add(key)
                    if after is not None and after == before:
                        vain.append((api.name, base, key, added))
    assert not vain, "\n".join(map(str, vain[:40]))
    assert accepted == set(ADDED)
