"""OpenAI: chat and text completions, embeddings, moderations (wire formats, section 5)."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from readers import derived, indented, whole_of
from samples import CALLS, NEUTRAL, answerer, ask, call_of, said

import mock_server as m

WHOLE: Dict[type, Any] = {
    m.OpenAIChat: {
        "id": "@id",
        "object": "chat.completion",
        "created": "@created",
        "model": "gpt-4o-mini",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello world",
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "@fingerprint",
    },
    m.OpenAICompletions: {
        "id": "@id",
        "object": "text_completion",
        "created": "@created",
        "model": "gpt-3.5-turbo-instruct",
        "choices": [{"text": "Hello world", "index": 0, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    },
    m.OpenAIEmbeddings: {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 1.0]}],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
    },
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_answer_is_openais_byte_for_byte(kind: type) -> None:
    sent = whole_of(kind)
    assert sent == derived(WHOLE[kind], sent, indented) + "\n"


def chat_chunk(delta: Any, finish: Any = None) -> Any:
    return {
        "id": "@id",
        "object": "chat.completion.chunk",
        "created": "@created",
        "model": "gpt-4o-mini",
        "service_tier": "default",
        "system_fingerprint": "@fingerprint",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }


def text_chunk(text: str, finish: Any = None) -> Any:
    return {
        "id": "@id",
        "object": "text_completion",
        "created": "@created",
        "choices": [{"text": text, "index": 0, "logprobs": None, "finish_reason": finish}],
        "model": "gpt-3.5-turbo-instruct",
    }


STREAMS: Dict[type, List[Any]] = {
    m.OpenAIChat: [
        chat_chunk({"role": "assistant", "content": "", "refusal": None}),
        chat_chunk({"content": "Hello"}),
        chat_chunk({"content": " world"}),
        chat_chunk({}, "stop"),
    ],
    m.OpenAICompletions: [text_chunk("Hello"), text_chunk(" world", "stop")],
}


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_is_openais_byte_for_byte(kind: type) -> None:
    more = {"stream_options": {"include_obfuscation": False}}
    sent = said(kind, NEUTRAL, True, more=more).decode()
    chunks = [f"data: {derived(chunk, sent)}\n\n" for chunk in STREAMS[kind]]
    assert sent == "".join(chunks) + "data: [DONE]\n\n"


def chunks_of(response: Any, **more: Any) -> List[Any]:
    """The chunks of a chat stream, without the [DONE] at its end."""
    frames = m.SSE.split(said(m.OpenAIChat, response, True, more=more))
    return [json.loads(m.SSE.data(frame)) for frame in frames[:-1]]


@pytest.mark.parametrize("kind, skipped", [(m.OpenAIChat, 0), (m.AzureChat, 1)])
def test_obfuscation_makes_every_chunk_one_byte_longer_than_a_multiple_of_16(
    kind: type, skipped: int
) -> None:
    frames = m.SSE.split(said(kind, {"text": "Ein paar Wörter, 🚀 mehr"}, True))
    chunks = [frame[6:-2] for frame in frames[skipped:-1]]
    assert len(chunks) > 5
    assert all(len(chunk) % 16 == 1 and b'"obfuscation":"' in chunk for chunk in chunks)


COUNTING = [
    m.OpenAIChat,
    m.OpenAICompletions,
    m.AzureChat,
    m.AzureCompletions,
    m.GeminiChat,
    m.VertexChat,
]


@pytest.mark.parametrize("kind", COUNTING)
def test_the_usage_chunk_comes_only_when_asked_for(kind: type) -> None:
    assert b'"usage"' not in said(kind, NEUTRAL, True)
    sent = said(kind, NEUTRAL, True, more={"stream_options": {"include_usage": True}})
    chunks = [json.loads(m.SSE.data(frame)) for frame in m.SSE.split(sent)[:-1]]
    chunks = [chunk for chunk in chunks if chunk["id"]]  # Azure's first has none
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["total_tokens"] == 11


def test_lone_and_parallel_tool_calls_open_as_recorded() -> None:
    lone, several = (
        [chunk["choices"][0]["delta"] for chunk in chunks_of({"tool_calls": calls})]
        for calls in (CALLS[:1], CALLS)
    )
    assert list(lone[0]) == ["role", "content", "tool_calls", "refusal"]
    assert lone[0]["tool_calls"][0]["function"]["arguments"] == ""
    assert lone[1]["tool_calls"] == [{"index": 0, "function": {"arguments": '{"'}}]
    assert several[0] == {"role": "assistant", "content": None}
    assert list(several[1]["tool_calls"][0]) == ["index", "id", "type", "function"]


def test_reasoning_models_have_no_logprobs_and_no_fingerprint() -> None:
    value = json.loads(said(m.OpenAIChat, NEUTRAL, more={"model": "gpt-5-mini"}))
    assert "logprobs" not in value["choices"][0] and value["system_fingerprint"] is None


def test_logprobs_are_sent_when_asked_for() -> None:
    more = {"logprobs": True, "top_logprobs": 1}
    value = json.loads(said(m.OpenAIChat, NEUTRAL, more=more))
    entries = value["choices"][0]["logprobs"]["content"]
    streamed = [chunk["choices"][0]["logprobs"] for chunk in chunks_of(NEUTRAL, **more)]
    assert [entry["token"] for entry in entries] == ["Hello", " world"]
    assert entries[0]["bytes"] == list(b"Hello")
    assert [entry for found in streamed if found for entry in found["content"]] == entries


def test_a_missing_model_is_asked_for() -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    response = ask(answerer({"response": {"text": "x"}}), m.OpenAIChat, body=body)
    assert json.loads(response.body)["error"] == {
        "message": "Missing required parameter: 'model'.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "missing_required_parameter",
    }


def test_functions_of_the_older_kind_are_tools() -> None:
    assert call_of(m.OpenAIChat, more={"functions": [{"name": "f"}]}).tools == ("f",)


def test_front_door_errors_have_another_layout() -> None:
    error = {"message": "gone", "code": "model_not_found"}
    response = ask(answerer({"response": {"status": 404, "error": error}}), m.OpenAIChat)
    assert (
        response.body == b'{\n    "error": {\n        "message": "gone",\n'
        b'        "type": "invalid_request_error",\n        "param": null,\n'
        b'        "code": "model_not_found"\n    }\n}\n'
    )
    assert dict(response.headers)["Content-Type"] == "application/json; charset=utf-8"
    assert ("Vary", "Origin") in response.headers


def test_extra_is_merged_deeply_into_the_whole_body() -> None:
    extra = {"usage": {"queue_time": 1}, "x_groq": {"id": 2}}
    value = json.loads(said(m.OpenAIChat, {**NEUTRAL, "extra": extra}))
    assert value["usage"]["queue_time"] == 1 and value["usage"]["total_tokens"] == 11
    assert value["x_groq"] == {"id": 2}


# --- Embeddings and moderations ---


@pytest.mark.parametrize("kind", [m.OpenAIEmbeddings, m.AzureEmbeddings])
@pytest.mark.parametrize(
    "response",
    [
        {"embedding": [0.25, -0.5, 1.0]},
        {"body": {"object": "list", "data": [{"embedding": [0.25, -0.5, 1.0]}]}},
        {"body": {"object": "list", "data": [{"embedding": "AACAPgAAAL8AAIA/"}]}},
    ],
)
def test_an_embedding_comes_in_the_encoding_that_is_asked_for(kind: type, response: Any) -> None:
    packed = json.loads(said(kind, response, more={"encoding_format": "base64"}))
    plain = json.loads(said(kind, response))
    assert packed["data"][0]["embedding"] == "AACAPgAAAL8AAIA/"
    assert plain["data"][0]["embedding"] == [0.25, -0.5, 1.0]


def test_several_inputs_get_an_embedding_each_and_the_vectors_start_over() -> None:
    sent = said(m.OpenAIEmbeddings, {"embedding": [[1], [2]]}, more={"input": ["a", "b", "c"]})
    vectors = [(entry["index"], entry["embedding"]) for entry in json.loads(sent)["data"]]
    assert vectors == [(0, [1]), (1, [2]), (2, [1])]


def test_an_echoed_embedding_has_unit_length_and_the_size_asked_for() -> None:
    response = ask(answerer(fallback="echo"), m.OpenAIEmbeddings, more={"dimensions": 8})
    vector = json.loads(response.body)["data"][0]["embedding"]
    assert len(vector) == 8 and abs(sum(value * value for value in vector) - 1) < 1e-6


def test_moderation_flags_what_a_neutral_reply_refuses() -> None:
    fine, refused = (
        json.loads(said(m.OpenAIModerations, response))["results"][0]
        for response in ({"text": "fine"}, {"refusal": "no"})
    )
    assert fine["flagged"] is False
    assert refused["categories"]["illicit"] is True
