"""Bedrock: Converse, and InvokeModel for each maker's models (wire formats, section 10)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from readers import CONVERSE_EVENTS, compact, events_of, whole_of
from samples import NEUTRAL, USAGE, answerer, ask, call_of, said

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


def test_tokens_of_a_cache_have_names_of_their_own_in_each_api() -> None:
    usage = {"input_tokens": 9, "output_tokens": 2, "cached_tokens": 3, "cache_write_tokens": 4}
    response = {"text": "x", "usage": usage}
    for kind, ending in ((m.BedrockConverse, ""), (m.BedrockNova, "Count")):
        read, written = (f"cache{way}InputToken{ending or 's'}" for way in ("Read", "Write"))
        counts = {"inputTokens": 2, "outputTokens": 2, "totalTokens": 11, read: 3, written: 4}
        assert json.loads(said(kind, response))["usage"] == counts
        last = events_of(kind, said(kind, response, True))[-1][1]
        assert last.get("metadata", last)["usage"] == counts
    for kind in (m.BedrockClaude, m.BedrockNova):
        headers = dict(ask(answerer({"response": response}), kind).headers)
        found = {name[15:-12]: count for name, count in headers.items() if name[-5:] == "Count"}
        assert found == {
            "Input": "2",
            "Output": "2",
            "Cache-Read-Input": "3",
            "Cache-Write-Input": "4",
        }
    metrics = events_of(m.BedrockClaude, said(m.BedrockClaude, response, True))[-1][1][
        "amazon-bedrock-invocationMetrics"
    ]
    assert (metrics["cacheReadInputTokenCount"], metrics["cacheWriteInputTokenCount"]) == (3, 4)


def test_a_guardrail_that_intervened_is_said_by_both_apis() -> None:
    response = {"text": "No.", "finish_reason": "guardrail_intervened"}
    assert json.loads(said(m.BedrockConverse, response))["stopReason"] == "guardrail_intervened"
    stops = [
        value for _, value in events_of(m.BedrockConverse, said(m.BedrockConverse, response, True))
    ]
    assert {"stopReason": "guardrail_intervened"} in stops
    action = {"amazon-bedrock-guardrailAction": "INTERVENED"}
    invoked = json.loads(said(m.BedrockClaude, {"text": "No.", "extra": action}))
    assert invoked["amazon-bedrock-guardrailAction"] == "INTERVENED"


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


# The exception that a stream has for each kind of error: Converse's and InvokeModel's.
EXCEPTIONS = {
    "authentication": ("validationException", "validationException"),
    "permission": ("validationException", "validationException"),
    "not_found": ("validationException", "validationException"),
    "timeout": ("modelStreamErrorException", "modelTimeoutException"),
    "rate_limit": ("throttlingException", "throttlingException"),
    "server_error": ("internalServerException", "internalServerException"),
    "overloaded": ("serviceUnavailableException", "serviceUnavailableException"),
    "context_length": ("validationException", "validationException"),
}


def broken(kind: type, error: Any) -> Any:
    """The last event of a stream that breaks off with an error."""
    response = {"text": "one two three", "error": error, "after_events": 2}
    return events_of(kind, said(kind, response, True))[-1]


def test_a_stream_breaks_off_with_one_of_the_exceptions_that_its_operation_has() -> None:
    assert set(EXCEPTIONS) == set(m.ERROR_KINDS) - {"content_filter"}  # which is no error there
    for kind, (converse, invoke) in EXCEPTIONS.items():
        name, value = broken(m.BedrockConverse, {"kind": kind})
        assert (name, broken(m.BedrockClaude, {"kind": kind})[0]) == (converse, invoke), kind
        assert ("originalStatusCode" in value) == (kind == "timeout")
    # A type that no operation has is a mock's own, and sent as it is.
    assert broken(m.BedrockConverse, {"type": "NovelException"})[0] == "novelException"
