"""Vertex AI: Gemini's format with what only Vertex says (wire formats, section 8)."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from readers import derived, indented, spaced, whole_of
from samples import NEUTRAL, call_of, said, wire_of

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
