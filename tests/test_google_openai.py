"""OpenAI's format at Gemini's and Vertex AI's own paths (wire formats, sections 7 and 8.3)."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from readers import derived, whole_of
from samples import NEUTRAL, OPENAPI, answerer, ask, said

import mock_server as m

TRAFFIC = {"extra_properties": {"google": {"traffic_type": "ON_DEMAND"}}}
TAILS: Dict[type, Any] = {m.GeminiChat: {}, m.VertexChat: {"system_fingerprint": ""}}


def chunk(kind: type, delta: Any, **more: str) -> Any:
    return {
        "choices": [{"delta": {**delta, "role": "assistant"}, **more, "index": 0}],
        "created": "@created",
        "id": "@id",
        "model": "gpt-4o-mini",
        "object": "chat.completion.chunk",
        **TAILS[kind],
    }


@pytest.mark.parametrize("kind", TAILS)
def test_a_stream_has_sorted_keys_and_the_role_in_every_delta(kind: type) -> None:
    sent = said(kind, NEUTRAL, True).decode()
    chunks = [
        chunk(kind, {"content": "Hello"}),
        chunk(kind, {"content": " world"}),
        chunk(kind, {}, finish_reason="stop"),
    ]
    framed = [f"data: {derived(one, sent)}\n\n" for one in chunks]
    assert sent == "".join(framed) + "data: [DONE]\n\n"


def test_vertex_says_the_traffic_type_in_its_usage() -> None:
    usage = json.loads(whole_of(m.VertexChat))["usage"]
    assert usage["extra_properties"] == TRAFFIC["extra_properties"]
    assert "extra_properties" not in json.loads(whole_of(m.GeminiChat))["usage"]
    sent = said(m.VertexChat, NEUTRAL, True, more={"stream_options": {"include_usage": True}})
    usages = [json.loads(m.SSE.data(frame))["usage"] for frame in m.SSE.split(sent)[:-1]]
    assert usages == [usage] * 3


@pytest.mark.parametrize(
    "kind, named",
    [
        (m.GeminiChat, "models/gpt-4o-mini is not found"),
        (m.VertexChat, f"`{OPENAPI[4:-18]}/publishers/google/models/gpt-4o-mini` not found"),
    ],
)
def test_an_error_is_googles_in_an_array_of_one(kind: type, named: str) -> None:
    response = ask(answerer({"response": {"error": {"kind": "not_found"}}}), kind)
    (value,) = json.loads(response.body)
    assert value["error"]["status"] == "NOT_FOUND" and named in value["error"]["message"]
    assert dict(response.headers)["Content-Type"] == "application/json"


def test_models_have_their_full_names_in_the_list() -> None:
    listed = json.loads(ask(answerer(), m.GeminiOpenAIModels).body)["data"]
    assert {"id": "models/gemini-2.5-flash", "object": "model", "owned_by": "google"} in listed
