"""Anthropic's messages (wire formats, section 9)."""

from __future__ import annotations

import re
from typing import Any, Dict

import pytest
from readers import derived, events_of, whole_of
from samples import NEUTRAL, answerer, ask, bytes_of, said

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
