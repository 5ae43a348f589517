"""Vertex AI: Gemini's format with what only Vertex says (wire formats, section 8)."""

from __future__ import annotations

import json
import re
from typing import Any, Dict

import pytest
from readers import derived, indented, spaced, whole_of
from samples import NEUTRAL, answerer, ask, call_of, said, wire_of

import mock_server as m

WHOLE: Dict[type, Any] = {
    m.VertexGenerate: {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "Hello world"}]},
                "finishReason": "STOP",
                "avgLogprobs": -0.25,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 9,
            "candidatesTokenCount": 2,
            "totalTokenCount": 11,
            "trafficType": "ON_DEMAND",
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 2}],
        },
        "modelVersion": "gemini-2.5-flash",
        "createTime": "@time",
        "responseId": "@id",
    },
    m.VertexPredict: {
        "predictions": [
            {
                "embeddings": {
                    "values": [0.25, -0.5, 1.0],
                    "statistics": {"truncated": False, "token_count": 1},
                }
            }
        ]
    },
    m.VertexCountTokens: {
        "totalTokens": 9,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
    },
}
STREAM = [
    {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}}],
        "usageMetadata": {"trafficType": "ON_DEMAND"},
        "modelVersion": "gemini-2.5-flash",
        "createTime": "@time",
        "responseId": "@id",
    },
    {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": " world"}]}, "finishReason": "STOP"}
        ],
        "usageMetadata": WHOLE[m.VertexGenerate]["usageMetadata"],
        "modelVersion": "gemini-2.5-flash",
        "createTime": "@time",
        "responseId": "@id",
    },
]


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_answer_is_vertexs_byte_for_byte(kind: type) -> None:
    sent = whole_of(kind)
    assert sent == derived(WHOLE[kind], sent, indented) + "\n"


def test_a_stream_is_vertexs_byte_for_byte() -> None:
    sent = said(m.VertexGenerate, NEUTRAL, True).decode()
    assert sent == "".join(f"data: {derived(value, sent, spaced)}\r\n\r\n" for value in STREAM)


def test_safety_ratings_come_from_older_models_only() -> None:
    newer = json.loads(said(m.VertexGenerate, NEUTRAL))["candidates"][0]
    assert "safetyRatings" not in newer
    call = m.replace(call_of(m.VertexGenerate), model="gemini-1.5-flash-001")
    reply = m.Reply((m.Text("x"),), "stop", m.Usage(1, 1), "gemini-1.5-flash-001")
    older = wire_of(m.VertexGenerate).whole(call, reply)["candidates"][0]
    names = {"category", "probability", "probabilityScore", "severity", "severityScore"}
    assert set(older["safetyRatings"][0]) == names


def test_claude_here_has_ids_and_request_ids_of_its_own() -> None:
    value = json.loads(whole_of(m.VertexMessages))
    assert value["id"].startswith("msg_vrtx_01") and value["content"][0]["text"] == "Hello world"


# === Other publishers ========================================================

CHOICE = {
    "index": 0,
    "message": {"role": "assistant", "content": "Hello world", "refusal": None, "annotations": []},
    "finish_reason": "stop",
}
OPENAI_USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
NEUTRAL_MOCK = {"response": NEUTRAL}
OF_ITS_OWN = re.compile(rb'"[0-9a-f]{32}"|\d{10}|"p":"\w+"|"model":"[^"]+"')
CLOUD = "/v1/projects/p/locations/us/publishers/"


def test_a_model_of_another_publisher_answers_in_openais_format_without_what_is_openais() -> None:
    value = json.loads(whole_of(m.VertexOpenModels))
    assert value["choices"] == [CHOICE]
    assert list(value) == ["id", "object", "created", "model", "choices", "usage"]
    assert OPENAI_USAGE.items() <= value["usage"].items()
    events = said(m.VertexOpenModels, NEUTRAL, True).decode()
    assert events.endswith("data: [DONE]\n\n") and "obfuscation" not in events
    assert "fingerprint" not in events and "service_tier" not in events


@pytest.mark.parametrize(
    "kind, own", [(m.VertexMistral, m.MistralChat), (m.VertexFIM, m.MistralFIM)]
)
def test_a_model_of_mistrals_answers_as_at_mistral(kind: type, own: type) -> None:
    for stream in (False, True):
        here, there = [OF_ITS_OWN.sub(b"", said(one, NEUTRAL, stream)) for one in (kind, own)]
        assert here == there


def test_the_path_alone_says_whether_a_raw_prediction_streams() -> None:
    for kind in (m.VertexMistral, m.VertexFIM, m.VertexOpenModels):
        for stream in (False, True):
            call = call_of(kind, stream, more={"stream": not stream})
            assert (call.stream, call.provider) == (stream, "vertex_ai")


def test_mistrals_client_sends_both_of_its_apis_to_one_path_where_the_body_tells_them() -> None:
    messages = json.dumps({"messages": [{"role": "user", "content": "prompt"}]}).encode()
    for model, body, kind in (
        ("codestral-2", b'{"prompt": "def f(", "suffix": "messages"}', m.VertexFIM),
        ("codestral-2", messages, m.VertexMistral),
        ("codestral-2", b"no JSON", m.VertexMistral),
        ("mistral-small-2503", b'{"prompt": "x"}', m.VertexMistral),
    ):
        path = f"{CLOUD}mistralai/models/{model}:rawPredict"
        assert type(m.route(m.Request("POST", path, body=body))[0]) is kind


def test_googles_own_models_have_no_raw_predictions() -> None:
    path = CLOUD + "google/models/gemini-2.5-flash:rawPredict"
    assert answerer(NEUTRAL_MOCK).answer(m.Request("POST", path, body=b"{}")).response.status == 404


def test_errors_come_from_googles_front_or_from_the_model() -> None:
    for kind, own in (
        (m.VertexMistral, {"object": "error", "type": "internal_server_error"}),
        (m.VertexOpenModels, {"type": "server_error", "param": None}),
    ):
        for status in (401, 403, 404, 429):
            mock = {"response": {"status": status, "error": "no"}}
            found = ask(answerer(mock), kind)
            error = json.loads(found.body)["error"]
            assert (found.status, error["code"], error["message"]) == (status, status, "no")
        broken = json.loads(ask(answerer({"response": {"status": 500, "error": "no"}}), kind).body)
        assert own.items() <= broken.get("error", broken).items()
        locked = ask(answerer(NEUTRAL_MOCK, require_auth=True), kind)
        assert json.loads(locked.body)["error"]["status"] == "UNAUTHENTICATED"
