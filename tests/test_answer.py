"""The response of a mock: recorded bodies and events, in every framing."""

from __future__ import annotations

from typing import Any

import pytest
from readers import CONVERSE_EVENTS, events_of
from samples import answerer, ask, bytes_of, complaint_of

import mock_server as m


@pytest.mark.parametrize("events", [[{"a": 1}, {"b": "ü"}], [{"a": 1}, {"b": "ü"}, "[DONE]"]])
def test_recorded_events_are_framed_as_the_provider_does_and_completed(events: Any) -> None:
    answers = answerer({"response": {"events": events}})
    assert (
        bytes_of(ask(answers, m.OpenAIChat, True))
        == 'data: {"a":1}\n\ndata: {"b":"ü"}\n\ndata: [DONE]\n\n'.encode()
    )


@pytest.mark.parametrize(
    "kind, events, names",
    [
        (
            m.OpenAIResponses,
            [{"type": "response.created"}, {"type": "response.completed"}],
            ["response.created", "response.completed"],
        ),
        (
            m.AnthropicMessages,
            [{"type": "message_start"}, {"type": "message_stop"}],
            ["message_start", "message_stop"],
        ),
        (
            m.BedrockClaude,
            [{"type": "message_start"}, {"type": "message_stop"}],
            ["chunk", "chunk"],
        ),
        (m.BedrockOther, [{"generation": "a"}, {"generation": "b"}], ["chunk", "chunk"]),
        (
            m.CohereChat,
            [{"type": "message-start"}, {"type": "message-end"}],
            ["message-start", "message-end"],
        ),
        (m.OllamaChat, [{"done": False}, {"done": True}], ["", ""]),
        (m.MistralChat, [{"id": "1"}, {"id": "2"}], ["", ""]),
    ],
)
def test_recorded_events_are_framed_under_their_names(kind: type, events: Any, names: Any) -> None:
    sent = bytes_of(ask(answerer({"response": {"events": events}}), kind, True))
    assert events_of(kind, sent) == list(zip(names, events))
    assert sent.endswith(b"data: [DONE]\n\n") == (kind in (m.CohereChat, m.MistralChat))


def test_recorded_converse_events_come_as_boto3_gives_them_or_bare() -> None:
    bare = [value for _, value in CONVERSE_EVENTS]
    for events in (bare, [{name: value} for name, value in CONVERSE_EVENTS]):
        sent = bytes_of(ask(answerer({"response": {"events": events}}), m.BedrockConverse, True))
        assert events_of(m.BedrockConverse, sent) == CONVERSE_EVENTS


def test_a_model_whose_maker_has_no_format_here_answers_recorded_bodies_alone() -> None:
    recorded = {"match": {"user": "Hi"}, "response": {"body": {"generation": "Hello"}}}
    assert ask(answerer(recorded), m.BedrockOther).body == b'{"generation":"Hello"}'
    assert ask(answerer(fallback="echo"), m.BedrockOther).status == 404
    found = ask(answerer({"response": {"text": "x"}}), m.BedrockOther)
    assert found.status == 404
    assert 'one with a form of its own; here "body"' in complaint_of(found.body)


def test_recorded_events_follow_googles_framings_too() -> None:
    answers = answerer({"response": {"events": [{"a": 1}, {"b": [1, 2]}]}})
    events = bytes_of(ask(answers, m.GeminiGenerate, True))
    assert events == b'data: {"a": 1}\r\n\r\ndata: {"b": [1,2]}\r\n\r\n'
    array = bytes_of(ask(answers, m.GeminiGenerate, True, query={"alt": "json"}))
    assert array.startswith(b'[{\n  "a": 1\n}\n,\r\n{')


@pytest.mark.parametrize("events", ["data: {}\n\ndata: [DONE]\n\n", [{"a": 1}, "[DONE]"]])
def test_a_recorded_stream_that_ends_with_done_is_only_sent_as_an_event_stream(events: Any) -> None:
    answers = answerer({"response": {"events": events}})
    for kind, query in (
        (m.GeminiGenerate, {"alt": "json"}),
        (m.OllamaChat, {}),
        (m.BedrockClaude, {}),
    ):
        refused = ask(answers, kind, True, query=query)
        assert refused.status == 404
        assert "an event stream, because its response holds an event" in str(refused.body)
    assert b"data: [DONE]" in bytes_of(ask(answers, m.GeminiGenerate, True))


def test_recorded_events_with_an_error_status_answer_streams_only() -> None:
    answers = answerer({"response": {"status": 429, "events": [{"error": 1}]}})
    assert [ask(answers, m.OpenAIChat, stream).status for stream in (False, True)] == [404, 429]


def test_a_recorded_error_answers_both_kinds_of_request() -> None:
    answers = answerer({"response": {"status": 503, "body": {"oops": True}}})
    assert [ask(answers, m.OpenAIChat, stream).body for stream in (False, True)] == [
        b'{\n  "oops": true\n}\n'
    ] * 2
