"""Cohere: chat and embeddings (wire formats, section 11)."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from readers import derived, whole_of
from samples import CHAT, NEUTRAL, call_of, said

import mock_server as m

COUNTS = {"input_tokens": 9, "output_tokens": 2}
USAGE = {"billed_units": COUNTS, "tokens": COUNTS, "cached_tokens": 0}
WHOLE: Dict[type, Any] = {
    m.CohereChat: {
        "id": "@uuid",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "Hello world"}]},
        "finish_reason": "COMPLETE",
        "usage": USAGE,
    },
    m.CohereEmbed: {
        "id": "@uuid",
        "embeddings": {"float": [[0.25, -0.5, 1.0]]},
        "texts": ["Hi"],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 9}},
        "response_type": "embeddings_by_type",
    },
}
EMPTY = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
STREAM: Any = [
    {"id": "@uuid", "type": "message-start", "delta": {"message": EMPTY}},
    {
        "type": "content-start",
        "index": 0,
        "delta": {"message": {"content": {"type": "text", "text": ""}}},
    },
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hello"}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": " world"}}}},
    {"type": "content-end", "index": 0},
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}},
]


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_answer_is_sent_byte_for_byte(kind: type) -> None:
    sent = whole_of(kind)
    assert sent == derived(WHOLE[kind], sent)


def test_a_stream_is_sent_byte_for_byte() -> None:
    sent = said(m.CohereChat, NEUTRAL, True).decode()
    events = [f"event: {one['type']}\ndata: {derived(one, sent)}\n\n" for one in STREAM]
    assert sent == "".join(events) + "data: [DONE]\n\n"


@pytest.mark.parametrize("data, text", [("22 °C", "22 °C"), ({"degrees": 22}, '{"degrees":22}')])
def test_a_tool_result_may_be_a_document(data: Any, text: str) -> None:
    content = [{"type": "document", "document": {"data": data}}]
    messages = [*CHAT["messages"], {"role": "tool", "tool_call_id": "t", "content": content}]
    assert call_of(m.CohereChat, more={"messages": messages}).tool_result == text


@pytest.mark.parametrize(
    "name, vector, expected",
    [
        ("float", [0.25, -0.5], [0.25, -0.5]),
        ("base64", [0.25, -0.5, 1.0], "AACAPgAAAL8AAIA/"),
        ("int8", [1, -1, 0, 2], [127, -127, 0, 127]),
        ("uint8", [1, -1, 0, -2], [255, 1, 128, 0]),
        ("ubinary", [1, -1, 1, 1, 0, 0, 0, 0, 1], [176, 128]),
        ("binary", [1, -1, 1, 1, 0, 0, 0, 0, 1], [48, 0]),
    ],
)
def test_a_vector_comes_in_the_types_that_are_asked_for(
    name: str, vector: Any, expected: Any
) -> None:
    value = json.loads(said(m.CohereEmbed, {"embedding": vector}, more={"embedding_types": [name]}))
    assert value["embeddings"] == {name: [expected]}
