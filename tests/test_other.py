"""Paths of no provider: what a mock that names one says there."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Tuple

import pytest
from samples import answerer

import mock_server as m


def asked(
    responder: m.Answerer, path: str, method: str = "GET", body: bytes = b"", **headers: str
) -> m.Answered:
    """What is answered to a request."""
    return responder.answer(m.Request(method, path, {}, headers, body, 5001))


EVENTS = "text/event-stream"
ANSWERS: List[Tuple[str, Dict[str, Any], int, str, bytes]] = [
    ("a JSON value", {"body": {"a": 1}}, 200, "application/json", b'{"a":1}'),
    ("an error", {"status": 502, "error": "bad"}, 502, "application/json", b"bad"),
    ("its status alone", {"status": 503}, 503, "application/json", b"overloaded"),
    ("a status without a body", {"status": 204}, 204, "", b""),
    ("events", {"events": [{"a": 1}]}, 200, EVENTS, b'data: {"a":1}\n\n'),
    ("their text", {"events": ": x\n\n"}, 200, EVENTS, b": x\n\n"),
    ("lines", {"events": '{"a":1}\n{\n'}, 200, "application/x-ndjson", b'{"a":1}\n{\n'),
    ("an array", {"events": '[{"a":1},'}, 200, "application/json", b'[{"a":1},'),
    ("a broken stream", {"events": [1], "error": "bad", "after_events": 1}, 200, EVENTS, b"bad"),
    ("bytes", {"status": 203, "raw": "x"}, 203, "text/plain", b"x"),
]


def test_an_error_on_a_path_of_no_provider_names_the_model_of_the_body() -> None:
    spec = {"match": {"path": "/v1/parse"}, "response": {"error": {"kind": "rate_limit"}}}
    answered = asked(answerer(spec), "/v1/parse", "POST", b'{"model": "parse-1"}')
    assert b"Rate limit reached for parse-1 in organization" in answered.response.body


@pytest.mark.parametrize(
    "what, response, status, kind, said", ANSWERS, ids=lambda value: str(value)
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "PUT", "OPTIONS"])
def test_a_mock_that_names_a_path_answers_there_with_any_method(
    method: str, what: str, response: Dict[str, Any], status: int, kind: str, said: bytes
) -> None:
    responder = answerer({"match": {"path": "/fal-ai/flux"}, "response": response})
    answered = asked(responder, "/fal-ai/flux", method)
    given = answered.response
    data = given.body + b"".join(given.frames or ())
    assert (given.status, dict(given.headers).get("Content-Type", "")) == (status, kind)
    assert said in data
    assert answered.call and (answered.call.operation, answered.call.provider) == ("other", "")


def test_matchers_of_the_path_and_the_body_hold_on_paths_of_no_provider() -> None:
    responder = answerer(
        {"match": {"path": {"glob": "/fal/*"}, "body": {"a": 1}}, "response": {"body": 1}},
        {"match": {"path": {"regex": "^/fal/"}, "body": "plain"}, "response": {"body": 2}},
        {"match": {"operation": "other"}, "response": {"body": 3}},
        {"response": {"status": 500}},
    )
    bodies = (b'{"a": 1, "b": 2}', b"plain", b"\xff", b"")
    found = [asked(responder, "/fal/x", "POST", body).response.body for body in bodies]
    assert found == [b"1", b"2", b"3", b"3"]


def test_a_known_path_with_a_method_of_its_own_can_be_mocked_too() -> None:
    responder = answerer({"match": {"path": "/v1/models"}, "response": {"body": {"deleted": 1}}})
    assert asked(responder, "/v1/models", "DELETE").response.body == b'{"deleted":1}'
    assert asked(responder, "/v1/chat/completions", "DELETE").response.status == 405


def test_the_root_is_healthy_unless_a_mock_names_it() -> None:
    assert b"healthy" in asked(answerer(), "/").response.body
    responder = answerer({"match": {"path": "/"}, "response": {"body": "root"}})
    assert asked(responder, "/").response.body == b'"root"'


def test_an_unknown_path_names_what_would_have_answered() -> None:
    responder = answerer({"name": "ranks", "match": {"path": "/v2/ranks"}, "response": {"body": 1}})
    cases = {
        "/v2/chats": "the nearest known one is POST /v2/chat",
        "/v2/rank": 'closest mock is "ranks" (added-1): path is "/v2/rank", expected "/v2/ranks"',
        "/zzz": "a mock whose match names this path would answer",
    }
    for path, said in cases.items():
        answered = asked(responder, path, "POST")
        assert answered.unmatched and answered.response.status == 404
        assert said in str(json.loads(answered.response.body))


def test_a_request_brings_its_answer_along_on_any_path() -> None:
    body = asked(answerer(), "/any", "PUT", **{"x-mock-response": '{"body": [1]}'}).response.body
    assert body == b"[1]"
    broken = asked(answerer(), "/any", **{"x-mock-response": '{"fault": "reset"}'}).response
    assert broken.delivery.fault == m.Fault("reset")
    mute = asked(answerer(), "/any", **{"x-mock-response": '{"text": "x"}'}).response
    assert mute.status == 400 and b"one of a provider" in mute.body


FAULTY = ("reset", "close", "hang", "garbage")


def test_a_fault_alone_breaks_what_would_be_answered_without_a_mock() -> None:
    for fault in FAULTY:
        responder = answerer(
            {"match": {"operation": "models"}, "response": {"fault": fault}},
            {"match": {"path": "/any"}, "response": {"fault": fault}},
            {"match": {"operation": "embed"}, "response": {"fault": fault}},
        )
        models = asked(responder, "/v1/models").response
        assert models.delivery.fault == m.Fault(fault) and b'"list"' in models.body
        assert asked(responder, "/any").response.delivery.fault == m.Fault(fault)
        embedded = asked(responder, "/v1/embeddings", "POST", b'{"model": "m", "input": "x"}')
        assert embedded.response.delivery.fault == m.Fault(fault)
