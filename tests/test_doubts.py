"""What --check finds doubtful: mocks that are never reached, equal names, slow expressions."""

from __future__ import annotations

import json
import random
from typing import Any, List, Tuple

from samples import call_of, wire_of

import mock_server as m

HI = {"text": "Hi"}
VECTOR = {"embedding": [1]}
BODY = {"body": {"id": "x"}}
EVENTS = {"events": [{"id": "x"}]}
BOTH = {**BODY, **EVENTS}


def mocks_of(*specs: Any) -> List[m.ParsedMock]:
    """Mocks as from the places of one file."""
    return [
        m.parse_mock(m.MockNode.whole(spec, f"a.json#{at}", lambda name: b"{}"))
        for at, spec in enumerate(specs, 1)
    ]


def pair(first: Any, second: Any) -> Tuple[Any, Any]:
    """Two mocks, each a match with or without a response."""
    return tuple(  # type: ignore[return-value]
        one if "response" in one or "responses" in one else {"match": one, "response": HI}
        for one in (first, second)
    )


# A mock, and one after it that it always answers for.
COVERED: List[Tuple[Any, Any]] = [
    ({}, {"user": "x"}),
    ({}, {}),
    ({"user": "x"}, {"user": "x"}),
    ({"user": "x"}, {"user": "x", "model": "m", "provider": "openai"}),
    ({"user": {"contains": "rain"}}, {"user": "will it rain?"}),
    ({"user": {"contains": "rain"}}, {"user": {"contains": "will it rain", "regex": "a+"}}),
    ({"user": {"regex": "(?i)RAIN"}}, {"user": "rain"}),
    ({"user": {"regex": "(a+)+$"}}, {"user": {"regex": "(a+)+$"}}),
    ({"user": {"not": "x"}}, {"user": "y"}),
    ({"model": {"glob": "gpt-*"}}, {"model": "gpt-4o", "stream": True}),
    ({"provider": ["openai", "azure"]}, {"provider": "azure"}),
    ({"provider": "openai"}, {"provider": ["openai"], "api": "chat"}),
    ({"operation": "generate"}, {"api": ["chat", "messages"]}),
    ({"tools": ["f"]}, {"tools": ["g", "f"]}),
    ({"tools": "f"}, {"tools": "f"}),
    ({"body": {"n": 1}}, {"body": {"n": 1, "seed": 2}}),
    ({"headers": {"X-A": "b"}}, {"headers": {"x-a": "b"}, "query": {"c": None}}),
    ({"query": {"c": None}}, {"query": {"c": None}}),
    ({"path": "/v1/chat/completions"}, {"path": "/v1/chat/completions", "user": "x"}),
    ({}, {"path": "/v1/chat/completions"}),
    (
        {"match": {"path": "/x"}, "response": {"error": "x"}},
        {"match": {"path": "/x", "query": {"a": "b"}}, "response": BODY},
    ),
    ({"response": {"error": "x"}}, {"response": BODY}),
    ({"response": BOTH}, {"response": BODY}),
    ({"response": {**BODY, "status": 404}}, {"response": EVENTS}),
    ({"response": BODY}, {"response": BODY}),
    ({"response": BODY}, {"match": {"stream": False}, "response": HI}),
    (
        {"match": {"provider": "openai"}, "response": HI},
        {"match": {"api": "responses", "provider": "openai"}, "response": BOTH},
    ),
    ({"response": HI, "limit": {"requests": 1}}, {"response": HI}),
    ({"response": {**HI, "fault": "reset", "probability": 0.5}}, {"response": HI}),
    ({"responses": [HI, {"error": "x"}]}, {"response": HI, "times": 1}),
    ({"response": VECTOR}, {"match": {"operation": "embed"}, "response": BODY}),
]

# A mock, and one after it that it does not always answer for.
OPEN: List[Tuple[Any, Any]] = [
    ({"user": "x"}, {}),
    ({"user": "x"}, {"user": "y"}),
    ({"user": "x"}, {"system": "x"}),
    ({"user": "x"}, {"user": {"contains": "x"}}),
    ({"user": {"contains": "rain"}}, {"user": {"contains": "rai"}}),
    ({"user": {"contains": "rain"}}, {"user": {"not": {"contains": "rain"}}}),
    ({"user": {"contains": "a", "regex": "b"}}, {"user": {"contains": "ab"}}),
    ({"user": {"regex": "^(a+)+$"}}, {"user": "aaaa"}),  # not tried
    ({"user": "1"}, {"turn": 1}),
    ({"turn": 1}, {"turn": 2}),
    ({"body": {"n": 1}}, {"body": {"n": True}}),
    ({"body": {"n": [1]}}, {"body": {"n": [1, 2]}}),
    ({"tools": ["f", "g"]}, {"tools": ["f"]}),
    ({"headers": {"a": "b"}}, {"query": {"a": "b"}}),
    ({"query": {"c": None}}, {"query": {"c": ""}}),
    ({"provider": ["openai", "azure"]}, {"provider": ["openai", "gemini"]}),
    ({"stream": True}, {}),
    ({"response": {"error": "x"}}, {"match": {"operation": "embed"}, "response": VECTOR}),
    (
        {"response": {"error": "x"}},
        {"match": {"path": "/v1/chat/completions"}, "response": BODY},  # no provider's with PUT
    ),
    ({}, {"match": {"path": "/v1/embeddings"}, "response": VECTOR}),
    ({"response": HI}, {"response": BODY}),  # on Bedrock there are makers that only bodies have
    ({"response": BODY}, {"response": BOTH}),
    ({"response": EVENTS}, {"response": BODY}),
    ({"response": HI, "times": 3}, {"response": HI}),
    ({"responses": [HI, BODY]}, {"response": HI}),
    ({"response": {"tool_calls": [{"name": "f", "arguments": "plain"}]}}, {"response": HI}),
]


def test_a_mock_that_another_one_always_answers_for_is_found() -> None:
    for first, second in COVERED:
        found = m.doubts_about(mocks_of(*pair(first, second)))
        wanted = 'a.json#2: is never reached: "a.json#1" matches all that it does first'
        assert wanted in found, (first, second)


def test_nothing_is_said_of_a_mock_that_may_be_reached() -> None:
    for first, second in OPEN:
        found = m.never_reached(mocks_of(*pair(first, second)))
        assert found == [], (first, second)


def test_the_mock_that_answers_is_named() -> None:
    named = {"name": "all", "response": HI}
    assert m.doubts_about(mocks_of(named, {"match": {"user": "x"}, "response": HI})) == [
        'a.json#2: is never reached: "all" (a.json#1) matches all that it does first'
    ]


def test_mocks_of_one_name_are_found() -> None:
    specs = [{"name": "x", "match": {"user": str(at)}, "response": HI} for at in range(3)]
    other = {"name": "y", "match": {"user": "y"}, "response": HI}
    assert m.doubts_about(mocks_of(*specs, other)) == [
        'a.json#3: name: "x" is the name of a.json#1, too; the log and the journal can\'t tell '
        "them apart"
    ]


PARTS = {
    "user": ["a", "ab", {"contains": "a"}, {"glob": "a*"}, {"regex": "b$"}, {"not": "a"}],
    "model": ["m", {"contains": "m"}, {"not": {"contains": "n"}}],
    "provider": ["openai", ["openai", "anthropic"]],
    "stream": [True, False],
    "body": [{}, {"seed": 1}],
    "tools": [[], ["f"]],
}
RESPONSES: List[Any] = [HI, HI, BODY, EVENTS, BOTH, {"error": "x"}, {"tool_calls": [{"name": "f"}]}]


def test_what_is_said_to_be_never_reached_is_not() -> None:
    draws = random.Random(11)
    asked = [
        {"user": user, "model": model, "body": body, "tools": tools}
        for user in ("a", "ab", "b", "")
        for model in ("m", "mn")
        for body in ({}, {"seed": 1})
        for tools in ((), ("f",))
    ]
    calls = [
        (m.replace(call_of(kind, stream), **changed), wire_of(kind))
        for kind in (m.OpenAIChat, m.AnthropicMessages, m.BedrockConverse)
        for stream in (False, True)
        for changed in asked
    ]
    said = 0
    for _ in range(60):
        specs = []
        for _ in range(6):
            keys = draws.sample(sorted(PARTS), draws.choice((0, 1, 1, 2, 3)))
            match = {key: draws.choice(PARTS[key]) for key in keys}
            spec = {"match": match, "response": draws.choice(RESPONSES)}
            if not m.problems_of(spec, "", lambda name: b""):
                specs.append(spec)
        session = m.Mocks().session("")
        places = [mock.place for mock in session.add(specs)]
        dead = {line.split(": ")[0] for line in m.never_reached(session.mocks)}
        assert dead <= set(places)
        said += len(dead)
        found = [session.find(call, wire)[0] for call, wire in calls]
        alive = {one.mock.place for one in found if one}
        assert not dead & alive, json.dumps(specs)
    assert said > 30


def test_thousands_of_mocks_are_looked_through() -> None:
    specs = [{"match": {"model": "m", "user": f"{at}"}, "response": HI} for at in range(600)]
    specs += [{"match": {"user": {"contains": f"-{at}-"}}, "response": HI} for at in range(600)]
    found = m.never_reached(mocks_of(*specs, specs[3], specs[700], specs[1199]))
    assert [line.split(": ")[0] for line in found] == ["a.json#1201", "a.json#1202", "a.json#1203"]
