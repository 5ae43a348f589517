"""A mock's own `type` in Google's shape: `status` is always a name of google.rpc.Code."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from cases import cases
from readers import events_of
from samples import answerer, ask, bytes_of

import mock_server as m

GOOGLES = [m.GeminiGenerate, m.VertexGenerate, m.GeminiChat, m.VertexChat, m.VertexMessages]
STREAMS = [kind for kind in GOOGLES if kind is not m.VertexMessages]  # in mid-stream Claude speaks
SERVICES = dict.fromkeys(GOOGLES, "aiplatform.googleapis.com")
SERVICES[m.GeminiGenerate] = SERVICES[m.GeminiChat] = "generativelanguage.googleapis.com"


def whole_error(kind: type, error: Dict[str, Any], status: int = 429, **more: Any) -> Any:
    """The error that a format answers with, out of the array that some put it in."""
    response = ask(answerer({"response": {"status": status, "error": error}}), kind, **more)
    assert response.status == status
    value = json.loads(response.body)
    return (value[0] if isinstance(value, list) else value)["error"]


def broken_off(kind: type, error: Dict[str, Any]) -> bytes:
    """A stream that breaks off with an error after its first event."""
    response = {"text": "one two three", "error": error, "after_events": 1}
    return bytes_of(ask(answerer({"response": response}), kind, True))


def stream_error(kind: type, error: Dict[str, Any]) -> Any:
    """The error that a stream breaks off with."""
    return events_of(kind, broken_off(kind, error))[-1][1]["error"]


def error_infos(error: Any) -> Any:
    """The details that say why, without their `@type`."""
    infos = [detail for detail in error["details"] if detail["@type"].endswith(".ErrorInfo")]
    return [{key: info[key] for key in info if key != "@type"} for info in infos]


def error_info(kind: type, reason: str, **metadata: str) -> Dict[str, Any]:
    return {
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": SERVICES[kind], **metadata},
    }


@pytest.mark.parametrize("kind", GOOGLES)
def test_a_type_that_is_no_canonical_name_is_the_reason_in_the_details(kind: type) -> None:
    for stream in (False, True):
        error = whole_error(kind, {"message": "mine", "type": "MY_TYPE"}, stream=stream)
        assert (error["status"], error["message"]) == ("RESOURCE_EXHAUSTED", "mine")
        assert error_infos(error) == [error_info(kind, "MY_TYPE")]


@pytest.mark.parametrize("kind", STREAMS)
def test_it_is_that_in_mid_stream_too(kind: type) -> None:
    error = stream_error(kind, {"kind": "overloaded", "type": "MY_TYPE"})
    assert error["status"] == "UNAVAILABLE"
    assert error_infos(error) == [error_info(kind, "MY_TYPE")]


@pytest.mark.parametrize("kind", GOOGLES)
def test_beside_a_code_it_stands_in_the_metadata_for_there_is_one_reason(kind: type) -> None:
    error = whole_error(kind, {"type": "my type", "code": "MY_CODE"})
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert error_infos(error) == [error_info(kind, "MY_CODE", type="my type")]


@pytest.mark.parametrize("kind", GOOGLES)
def test_a_type_that_is_a_canonical_name_is_the_status(kind: type) -> None:
    for name in sorted(m.GOOGLE_CODES):
        error = whole_error(kind, {"message": "mine", "type": name})
        assert error["status"] == name and error_infos(error) == []


@pytest.mark.parametrize("kind", STREAMS)
def test_a_canonical_name_is_the_status_in_mid_stream_too(kind: type) -> None:
    error = stream_error(kind, {"kind": "overloaded", "type": "DATA_LOSS"})
    assert error["status"] == "DATA_LOSS" and error_infos({"details": [], **error}) == []


@cases("kind", GOOGLES)
@cases("name", ["OK", "invalid_argument", "429"])
def test_what_only_looks_like_a_canonical_name_is_none(kind: type, name: str) -> None:
    error = whole_error(kind, {"type": name})
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert error_infos(error) == [error_info(kind, name)]


def test_what_claude_says_on_vertex_keeps_the_type_in_anthropics_shape() -> None:
    error = {"message": "mine", "type": "my_type"}
    for stream in (False, True):
        expected = {"type": "my_type", "message": "mine"}
        assert whole_error(m.VertexMessages, error, 409, stream=stream) == expected
    name, value = events_of(m.VertexMessages, broken_off(m.VertexMessages, error))[-1]
    assert (name, value["error"]) == ("error", expected)
