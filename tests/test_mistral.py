"""Mistral, for its own client (wire formats, section 12)."""

from __future__ import annotations

import json
import re
from typing import Any, Optional

import pytest
from readers import both, derived, events_of, whole_of
from samples import CALLS, MISTRAL, NEUTRAL, answerer, ask, said

import mock_server as m

USAGE = {"prompt_tokens": 9, "total_tokens": 11, "completion_tokens": 2}
WHOLE = {
    "id": "@hex",
    "object": "chat.completion",
    "created": "@created",
    "model": "mistral-small-latest",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "tool_calls": None, "content": "Hello world"},
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}


def test_a_whole_answer_is_sent_byte_for_byte() -> None:
    sent = whole_of(m.MistralChat)
    assert sent == derived(WHOLE, sent)


def chunk(delta: Any, finish: Optional[str] = None, **rest: Any) -> Any:
    return {
        "id": "@hex",
        "object": "chat.completion.chunk",
        "created": "@created",
        "model": "mistral-small-latest",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **rest,
    }


def test_a_stream_is_sent_byte_for_byte_but_for_its_padding() -> None:
    sent = said(m.MistralChat, NEUTRAL, True).decode()
    chunks = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hello"}),
        chunk({"content": " world"}),
        chunk({"content": ""}, "stop", usage=USAGE),
    ]
    framed = [f"data: {derived(one, sent)}\n\n" for one in chunks]
    bare, padded = re.subn(r',"p":"[a-z0-9]{1,36}"', "", sent)
    assert bare == "".join(framed) + "data: [DONE]\n\n" and padded


def test_bad_json_gets_mistrals_shape() -> None:
    refused = ask(answerer(), m.MistralChat, body=b"{bad")
    assert json.loads(refused.body)["object"] == "error"


def test_content_is_a_list_where_it_holds_parts_of_ones_own() -> None:
    reference = {"type": "reference", "reference_ids": [1, 2]}
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True}
    parts = [{"block": thought}, {"text": "As said"}, {"block": reference}, {"tool_calls": CALLS}]
    text = {"type": "text", "text": "As said"}
    value = json.loads(said(m.MistralChat, {"parts": parts}))
    message = value["choices"][0]["message"]
    assert message["content"] == [thought, text, reference] and len(message["tool_calls"]) == 2
    whole, streamed = both(m.MistralChat, {"parts": parts}, {"n": 2})
    assert whole == streamed
    events = events_of(m.MistralChat, said(m.MistralChat, {"parts": parts}, True))
    deltas = [value["choices"][0]["delta"]["content"] for _, value in events]
    assert deltas == ["", [thought], "As", " said", [reference], ""]
    assert "p" in events[1][1]


def test_responses_stream_only_events_that_mistrals_client_knows() -> None:
    response = {"reasoning": "Hm.", "text": "So.", "refusal": "No.", "tool_calls": CALLS}
    events = events_of(m.MistralResponses, said(m.MistralResponses, response, True))
    assert {name for name, _ in events} <= m.MISTRAL_EVENTS
    assert not any("obfuscation" in value for _, value in events)
    whole = json.loads(said(m.MistralResponses, response))
    assert set(whole) <= m.MISTRAL_MEMBERS and whole["reasoning"] == {"effort": None}
    thought = whole["output"][0]
    assert thought["summary"] == []
    assert thought["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    deltas = [value["delta"] for name, value in events if name == "response.reasoning_text.delta"]
    assert "".join(deltas) == "Hm."


JUDGED = [
    ("/v1/moderations", {"input": ["a", "b"]}, ["a", "b"]),
    ("/v1/chat/moderations", {"input": [{"role": "user", "content": "a"}]}, ["a"]),
    (
        "/x/v1/chat/moderations",
        {"input": [[{"role": "user", "content": "a"}], [{"role": "user", "content": "b"}]]},
        ["a", "b"],
    ),
    ("/v1/classifications", {"input": "a"}, ["a"]),
    (
        "/v1/chat/classifications",
        {"input": {"messages": [{"role": "user", "content": "a"}]}},
        ["a"],
    ),
    (
        "/v1/chat/classifications",
        {"input": [{"messages": [{"role": "user", "content": "a"}]}]},
        ["a"],
    ),
]


@pytest.mark.parametrize("path, body, inputs", JUDGED)
def test_what_is_judged_gets_a_result_each(path: str, body: Any, inputs: Any) -> None:
    request = m.Request(
        "POST", path, headers=MISTRAL, body=json.dumps({"model": "m", **body}).encode()
    )
    wire, params = m.route(request)
    assert list(wire.read(request, params, json.loads(request.body)).inputs) == inputs
    mock = {"match": {"operation": "moderate"}, "response": {"text": "spam"}}
    found = json.loads(answerer(mock).answer(request).response.body)
    assert len(found["results"]) == len(inputs) and "flagged" not in found["results"][0]


@pytest.mark.parametrize(
    "path, body, place",
    [
        ("/v1/moderations", {"input": "a"}, ["body", "model"]),
        ("/v1/chat/moderations", {"model": "m", "input": "a"}, ["body", "input"]),
        ("/v1/chat/moderations", {"model": "m", "input": []}, ["body", "input"]),
        (
            "/v1/chat/moderations",
            {"model": "m", "input": [{"role": "x"}]},
            ["body", "input", 0, "role"],
        ),
        ("/v1/classifications", {"model": "m"}, ["body", "input"]),
        ("/v1/ocr", {"model": "m", "document": "a"}, ["body", "document"]),
    ],
)
def test_what_can_not_be_judged_gets_a_422_with_its_place(path: str, body: Any, place: Any) -> None:
    request = m.Request("POST", path, headers=MISTRAL, body=json.dumps(body).encode())
    refused = answerer().answer(request).response
    assert (refused.status, json.loads(refused.body)["detail"][0]["loc"]) == (422, place)


def test_a_refusal_flags_what_is_moderated() -> None:
    found = json.loads(said(m.MistralModerations, {"refusal": "no"}))["results"][0]
    assert [name for name, flag in found["categories"].items() if flag] == [m.FLAGGED]
    assert set(found) == {"categories", "category_scores"}


def test_a_document_is_read_as_one_page() -> None:
    body = {"model": "mistral-ocr-latest", "document": {"type": "image_url", "image_url": "u"}}
    mock = {"match": {"api": "ocr", "user": "u"}, "response": {"text": "# Title"}}
    found = json.loads(ask(answerer(mock), m.MistralOCR, body=json.dumps(body).encode()).body)
    assert [page["markdown"] for page in found["pages"]] == ["# Title"]
    assert found["document_annotation"] is None
