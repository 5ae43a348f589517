"""Anthropic's messages (wire formats, section 9)."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List

import pytest
from readers import derived, events_of, whole_of
from samples import NEUTRAL, answerer, ask, bytes_of, request_of, said

import mock_server as m

MESSAGE: Dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "id": "@claude",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hello world"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "stop_details": None,
    "usage": {
        "input_tokens": 9,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 2,
        "service_tier": "standard",
        "inference_geo": "not_available",
    },
}
BEGUN = {
    **MESSAGE,
    "content": [],
    "stop_reason": None,
    "usage": {**MESSAGE["usage"], "output_tokens": 1},
}
ENDED = {
    "delta": {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None},
    "usage": {
        "input_tokens": 9,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 2,
    },
}


@pytest.mark.parametrize(
    "kind, model",
    [
        (m.AnthropicMessages, "claude-sonnet-4-5"),
        (m.BedrockClaude, "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ],
)
def test_a_whole_message_is_sent_byte_for_byte(kind: type, model: str) -> None:
    sent = whole_of(kind)
    assert sent == derived({**MESSAGE, "model": model}, sent)


def test_tokens_written_to_a_cache_are_told_apart_from_the_others() -> None:
    usage = {"input_tokens": 9, "output_tokens": 2, "cached_tokens": 3, "cache_write_tokens": 4}
    counts = {
        "input_tokens": 2,
        "cache_creation_input_tokens": 4,
        "cache_read_input_tokens": 3,
    }
    kept = {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 0}
    for kind in (m.AnthropicMessages, m.VertexMessages, m.BedrockClaude):
        whole = json.loads(said(kind, {"text": "x", "usage": usage}))["usage"]
        streamed = [
            event for _, event in events_of(kind, said(kind, {"text": "x", "usage": usage}, True))
        ]
        begun, ended = streamed[0]["message"]["usage"], streamed[-2]["usage"]
        for found in (whole, begun, ended):
            assert {name: found[name] for name in counts} == counts, kind
        assert whole["cache_creation"] == begun["cache_creation"] == kept


def test_input_tokens_are_counted_byte_for_byte() -> None:
    assert whole_of(m.AnthropicCountTokens) == '{"input_tokens":9}'


def test_a_stream_is_sent_byte_for_byte_but_for_its_padding() -> None:
    sent = said(m.AnthropicMessages, NEUTRAL, True).decode()

    def event(name: str, **rest: Any) -> str:
        return f"event: {name}\ndata: {derived({'type': name, **rest}, sent)}\n\n"

    def delta(text: str) -> str:
        return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    events = [
        event("message_start", message=BEGUN),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        'event: ping\ndata: {"type": "ping"}\n\n',
        delta("Hello"),
        delta(" world"),
        event("content_block_stop", index=0),
        event("message_delta", **ENDED),
        event("message_stop"),
    ]
    bare, padded = re.subn(r" {1,15}}\n", "}\n", sent)
    assert bare == "".join(events) and padded


def test_a_tool_without_arguments_is_one_empty_delta() -> None:
    sent = said(m.AnthropicMessages, {"tool_calls": [{"name": "now"}]}, True)
    events = events_of(m.AnthropicMessages, sent)
    deltas = [value["delta"] for name, value in events if name == "content_block_delta"]
    assert deltas == [{"type": "input_json_delta", "partial_json": ""}]


def test_a_block_that_calls_a_tool_ends_the_answer_as_a_tool_call_does() -> None:
    cases: List[Any] = [
        (
            m.AnthropicMessages,
            {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            "tool_use",
        ),
        (m.AnthropicMessages, {"type": "server_tool_use", "name": "f", "input": {}}, "end_turn"),
        (m.BedrockConverse, {"toolUse": {"name": "f", "input": {}}}, "tool_use"),
        (m.BedrockConverse, {"toolUse": {"type": "server_tool_use"}}, "end_turn"),
    ]
    for kind, block, reason in cases:
        value = json.loads(said(kind, {"parts": [{"block": block}]}))
        assert value.get("stop_reason", value.get("stopReason")) == reason


@pytest.mark.parametrize("kind, unknown", [("continue", True), ("create", False)])
def test_a_thread_is_not_found_so_that_the_sdk_sends_all_of_it(kind: str, unknown: bool) -> None:
    answers = answerer({"response": {"text": "x"}})
    response = ask(answers, m.AnthropicMessages, more={"thread": {"type": kind}})
    assert (response.status == 404) == unknown
    assert (b'"details":{"error_code":"thread_not_found"}' in response.body) == unknown


def test_recorded_events_too_can_be_broken_off() -> None:
    events = [{"type": "message_start", "n": 1}, {"type": "ping"}, {"type": "message_stop"}]
    broken = {"events": events, "error": {"kind": "overloaded"}, "after_events": 1}
    answers = answerer({"response": broken})
    sent = bytes_of(ask(answers, m.AnthropicMessages, True))
    assert [name for name, _ in events_of(m.AnthropicMessages, sent)] == ["message_start", "error"]
    assert ask(answers, m.AnthropicMessages).status == 529


LINES = {
    "claude-sonnet-4-5-20250929": "sonnet",
    "claude-3-haiku-20240307": "haiku",
    "claude-opus-5-5": "opus",
    "claude-fable-5": "fable",
    "claude-mythos-5-1": "mythos",
    "claude-2.1": None,
    "opus": "opus",
    "my-opusculum": None,
}


def test_a_model_is_active_and_says_of_which_line_it_is_and_what_it_can_do() -> None:
    for name, line in LINES.items():
        request = m.replace(request_of(m.AnthropicModels), path="/v1/models/" + name)
        model = json.loads(answerer().answer(request).response.body)
        assert (model["lifecycle"], model["line"], model["id"]) == ("active", line, name)
        assert (model["deprecated_at"], model["retires_at"]) == (None, None)
        assert model["capabilities"]["thinking"]["types"]["adaptive"] == {"supported": True}
        assert model["capabilities"]["effort"]["supported"] is True


# A request's context_management, and what a whole answer, the end of a stream and a count say.
MANAGED: List[Any] = [
    ({"edits": []}, {"applied_edits": []}, {"original_input_tokens": 9}),
    ({}, None, None),
    (None, None, None),
]


def test_what_became_of_a_context_is_said_where_a_request_manages_it() -> None:
    for managed, applied, counted in MANAGED:
        more = {"context_management": managed}
        whole = json.loads(said(m.AnthropicMessages, NEUTRAL, more=more))
        assert whole.get("context_management") == applied
        events = events_of(m.AnthropicMessages, said(m.AnthropicMessages, NEUTRAL, True, more=more))
        told = [value.get("context_management") for _, value in events]
        assert told[-2] == applied and set(map(str, told[:-2])) == {"None"}
        spec = {"usage": {"input_tokens": 9}}
        count = json.loads(said(m.AnthropicCountTokens, spec, more=more))
        assert count.get("context_management") == counted


def test_a_mock_says_which_edits_of_a_context_were_applied() -> None:
    edits = [{"type": "clear_tool_uses_20250919", "cleared_tool_uses": 3}]
    response = {**NEUTRAL, "extra": {"context_management": {"applied_edits": edits}}}
    more = {"context_management": {"edits": []}}
    for stream in (False, True):
        sent = said(m.AnthropicMessages, response, stream, more=more).decode()
        assert sent.count('"applied_edits":' + json.dumps(edits, separators=(",", ":"))) == 1
        assert sent.count("applied_edits") == 1
