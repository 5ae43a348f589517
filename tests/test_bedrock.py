"""Bedrock: Converse, and InvokeModel for each maker's models (wire formats, section 10)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from readers import CONVERSE_EVENTS, compact, events_of, whole_of
from samples import NEUTRAL, USAGE, call_of, said

import mock_server as m

CONVERSE = {
    "metrics": {"latencyMs": 408},
    "output": {"message": {"content": [{"text": "Hello world"}], "role": "assistant"}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11},
}
TITAN = {
    "embedding": [0.25, -0.5, 1.0],
    "embeddingsByType": {"float": [0.25, -0.5, 1.0]},
    "inputTextTokenCount": 9,
}


@pytest.mark.parametrize(
    "kind, expected",
    [
        (m.BedrockConverse, CONVERSE),
        (m.BedrockCountTokens, {"inputTokens": 9}),
        (m.BedrockTitanEmbed, TITAN),
    ],
)
def test_a_whole_answer_is_sent_byte_for_byte(kind: type, expected: Any) -> None:
    assert whole_of(kind) == compact(expected)


def test_a_converse_stream_has_its_events_in_order() -> None:
    response = {
        "reasoning": "Hm.",
        "text": "Hello world",
        "tool_calls": [{"name": "now"}],
        "usage": USAGE,
    }
    events = events_of(m.BedrockConverse, said(m.BedrockConverse, response, True))
    hidden = re.sub(r'("signature"|"toolUseId"): "[^"]+"', r'\1: "@"', json.dumps(events))
    assert [tuple(event) for event in json.loads(hidden)] == CONVERSE_EVENTS
    nova = events_of(m.BedrockNova, said(m.BedrockNova, response, True))
    assert [next(iter(value)) for _, value in nova] == [name for name, _ in CONVERSE_EVENTS]


def test_claude_on_bedrock_streams_without_ping_and_with_metrics_at_the_end() -> None:
    events = events_of(m.BedrockClaude, said(m.BedrockClaude, NEUTRAL, True))
    values = [value for _, value in events]
    assert "ping" not in {value["type"] for value in values}
    assert values[-1] == {
        "type": "message_stop",
        "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": 9,
            "outputTokenCount": 2,
            "invocationLatency": 300,
            "firstByteLatency": 100,
        },
    }


@pytest.mark.parametrize(
    "body, user",
    [
        ({"prompt": "Hi"}, "Hi"),
        ({"inputText": "Hi"}, "Hi"),
        ({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}, "Hi"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "Hi"),
        ({"messages": [3]}, ""),
        ({"other": 1}, ""),
    ],
)
def test_a_prompt_is_found_in_whatever_body_a_maker_has(body: Any, user: str) -> None:
    assert call_of(m.BedrockOther, body=body).user == user
