"""Reach: a mock that can never answer, or of which a part never shows, is refused with why."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import pytest
from cases import cases
from mocked import mock_of
from samples import SAMPLES, call_of

import mock_server as m
from mock_server import BadMock

NEVER: List[Tuple[Any, Any, str]] = [
    # match, response, and why it is refused
    (
        {"provider": "openai", "api": "messages"},
        {"text": "x"},
        'match.api: no request has "messages" beside provider "openai"; that leaves cancel, chat',
    ),
    ({"provider": "gemini", "api": "chat", "stream": False}, {"text": "x"}, ""),
    (
        {"operation": "embed", "stream": True},
        {"embedding": [1]},
        'match.stream: no request has true beside operation "embed"; that leaves false',
    ),
    ({"path": "v1/parse"}, {"body": 1}, 'match.path: expected a path, which begins with "/"'),
    ({"path": "/x?y=1"}, {"body": 1}, 'match.path: has a query, which is matched by "query"'),
    ({"path": "/__mock__/mocks"}, {"body": 1}, "match.path: is one of the control API"),
    ({"path": "/v1/parse"}, {"text": "x"}, 'response: can never be given: operation is "other"'),
    ({"path": "/v1/parse"}, {"fault": "truncate"}, "one with an answer to break"),
    ({"path": "/v1/parse"}, {"fault": "reset"}, ""),
    ({"path": "/v1/parse", "user": "Hi"}, {"body": 1}, 'match.user: no request has "Hi" beside '),
    ({}, {"text": "x", "keepalive": {"every": 1}}, "keepalive: has no effect: nothing in it wai"),
    (
        {"provider": "bedrock"},
        {"text": "x", "delay": 2, "keepalive": {"every": 1}},
        "keepalive: has no effect: only event streams have comments and pings",
    ),
    (
        {"path": "/v1/parse", "provider": "openai"},
        {"body": 1},
        'no request has "/v1/parse" beside provider "openai": it is one of paths of no provider',
    ),
    (
        {"operation": "models", "user": "Hi"},
        {"body": 1},
        'match.user: no request has "Hi" beside operation "models"',
    ),
    ({"operation": "models", "user": {"not": "Hi"}}, {"body": 1}, ""),
    (
        {"operation": "embed", "turn": 1},
        {"embedding": [1]},
        'match.turn: no request has 1 beside operation "embed"',
    ),
    (
        {"method": "GET"},
        {"text": "x"},
        'match.method: no request has "GET" beside operation "generate", which is meant where none '
        "is said; that leaves POST",
    ),
    *(
        ({"api": api}, {"parts": [{"block": block}]}, "one whose answers have blocks such as {")
        for api, block in (
            ("guardrail", {"topicPolicy": {}, "x": 1}),
            ("text:analyze", {"category": "Hate"}),
            ("sanitizeUserPrompt", {"rai": {}, "x": {}}),
        )
    ),
    (
        {"provider": "vllm"},
        {"status": 503},
        'match.operation: no request has "generate", which is meant where none is said, beside '
        'provider "vllm"; that leaves server; "dialect": "vllm" asks for its way of OpenAI\'s form',
    ),
    (
        {"path": "/v1/parse", "method": "PUT"},
        {"text": "x"},
        'expected one of a provider; on other paths, and with other methods, "body", "events"',
    ),
    ({"operation": "generate"}, {"embedding": [1]}, 'api is "chat", expected one that can say an '),
    (
        {"provider": "bedrock"},
        {"text": "x", "delay": 1, "keepalive": {"every": 0.1}},
        "response.keepalive: has no effect: only event streams have comments and pings",
    ),
    (
        {"api": "generateContent"},
        {"text": "x", "delay": 1, "keepalive": {"every": 0.1}},
        'response.keepalive: has no effect: the provider sends no pings; give the text of a "com',
    ),
    ({"operation": "embed", "turn": 0}, {"embedding": [1]}, ""),
    ({"operation": "models"}, {"text": "x"}, "response: can never be given"),
    ({"operation": "embed"}, {"text": "x"}, "response: can never be given"),
    ({"stream": False}, {"text": "x", "chunk_size": 3}, "response.chunk_size: has no effect"),
    ({"stream": True}, {"text": "x", "chunk_size": 3}, ""),
    (
        {"provider": "ollama"},
        {"text": "x", "id": "abc"},
        "response.id: has no effect: answers of ollama chat, ollama generate have no place for it",
    ),
    ({"provider": ["ollama", "openai"]}, {"text": "x", "id": "abc"}, ""),
    (
        {"api": "completions"},
        {"text": "x", "usage": {"reasoning_tokens": 1}},
        "response.usage.reasoning_tokens: has no effect",
    ),
    (
        {"provider": "anthropic"},
        {"error": {"message": "no", "param": "x"}},
        "response.error.param: has no effect",
    ),
    ({}, {"error": {"message": "no", "param": "x"}}, ""),
    # What is said of an error may depend on its status, and on where it is said.
    (
        {"dialect": "vllm", "api": "chat"},
        {"status": 401, "error": {"type": "x"}},
        "response.error.type: has no effect",
    ),
    ({"dialect": "vllm", "api": "chat"}, {"status": 400, "error": {"type": "x"}}, ""),
    ({"dialect": "mistral", "api": "chat"}, {"status": 401, "error": {"code": "x"}}, ""),
    (
        {"dialect": "mistral", "provider": "openai", "api": "chat"},
        {"status": 401, "error": {"code": "x"}},
        "response.error.code: has no effect",
    ),
    (
        {"dialect": "mistral", "provider": "openai", "api": "chat"},
        {"status": 401, "error": {"code": "x"}, "text": "a", "after_events": 1},
        "",
    ),
    (
        {"provider": "gemini"},
        {"tool_calls": [{"name": "f", "arguments": "1 + 1"}]},
        'response: can never be given: tools is [], expected "f" as a custom one',
    ),
    ({}, {"tool_calls": [{"name": "f", "arguments": "1 + 1"}]}, ""),
]


@cases("match, response, problem", NEVER)
def test_a_mock_that_can_not_answer_or_of_which_a_part_never_shows_is_refused(
    match: Any, response: Any, problem: str
) -> None:
    spec: Dict[str, Any] = {"match": match, "response": response}
    if not problem:
        assert mock_of(spec)
        return
    with pytest.raises(BadMock) as caught:
        mock_of(spec)
    assert str(caught.value).startswith("mocks/a.json#1: ") and problem in str(caught.value)


def test_to_start_over_needs_several_responses() -> None:
    with pytest.raises(BadMock, match="cycle: has no effect: there is one response"):
        mock_of({"response": {"text": "x"}, "cycle": True})
    two = {"responses": [{"text": "x"}, {"text": "y"}], "cycle": True}
    assert mock_of(two) and mock_of({**two, "times": 3})
    with pytest.raises(BadMock, match='cycle: has no effect, for "times" is 2'):
        mock_of({**two, "times": 2})
    with pytest.raises(BadMock, match=r'responses\[1\]: can never be given, for "times" is 1'):
        mock_of({**two, "times": 1})


def test_a_mock_is_added_to_the_session_that_it_asks_for() -> None:
    session = m.Mocks().session("a")
    mock = {"match": {"session": "b"}, "response": {"text": "x"}}
    with pytest.raises(BadMock, match='match.session: is "b", but it is added to "a"'):
        session.add([mock])
    assert session.add([{**mock, "match": {"session": "a"}}])


def test_each_api_may_be_asked_for_by_its_path_in_the_dialect_that_it_is_asked_in() -> None:
    for kind in SAMPLES:
        call = call_of(kind)
        told = {key: getattr(call, key) for key in ("provider", "operation", "api", "dialect")}
        match = {key: value for key, value in {**told, "path": call.path}.items() if value}
        mock_of({"match": match, "response": {"raw": "x"}})
