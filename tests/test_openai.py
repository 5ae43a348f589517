"""OpenAI: chat and text completions, embeddings, moderations (wire formats, section 5)."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from readers import both, derived, indented, whole_of, without
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


# --- The provider's own words ---

OLDER = {"functions": [{"name": "f"}, {"name": "g"}]}


def test_a_finish_reason_of_the_providers_own_is_sent_as_it_is() -> None:
    for kind in (*COUNTING, m.MistralChat, m.MistralFIM):
        for word in ("error", "max_time", "function_call", "COMPLETE"):
            whole, streamed = both(kind, {"text": "a b", "finish_reason": word}, {})
            assert whole == streamed and f"'{word}'" in str(whole[0]), (kind, word)


def test_tokens_written_to_a_cache_are_told_where_there_are_some() -> None:
    usage = {"input_tokens": 9, "output_tokens": 2, "cache_write_tokens": 4}
    for kind in (*COUNTING, m.MistralChat, m.MistralFIM):
        whole, streamed = both(kind, {"text": "a b", "usage": usage}, {})
        assert whole == streamed
        assert whole[1]["prompt_tokens_details"]["cache_write_tokens"] == 4, kind
        assert b"cache_write" not in said(kind, NEUTRAL)


def test_a_custom_tool_is_called_as_custom_and_a_function_as_a_function() -> None:
    custom = {"type": "custom", "custom": {"name": "g"}}
    more = {"tools": [{"type": "function", "function": {"name": "f"}}, custom]}
    call = call_of(m.OpenAIChat, more=more)
    assert (call.tools, call.custom_tools) == (("f", "g"), ("g",))
    calls = [
        {"name": "g", "arguments": "SELECT 1;"},
        {"name": "f", "arguments": {"a": 1}},
        {"name": "g", "arguments": {"a": 1}, "id": "call_mine"},
        {"name": "g", "arguments": ""},
    ]
    expected = [
        {"name": "g", "input": "SELECT 1;"},
        {"name": "f", "arguments": '{"a":1}'},
        {"name": "g", "input": '{"a":1}'},
        {"name": "g", "input": ""},
    ]
    for kind in (m.OpenAIChat, m.AzureChat):
        for number in (1, len(calls)):
            whole, streamed = both(kind, {"tool_calls": calls[:number]}, {**more, "n": 2})
            assert whole == streamed
            tools = whole[0][1]["tools"].values()
            assert [without(tool, "id") for tool in tools] == expected[:number]
    heads = [
        tool
        for chunk in chunks_of({"tool_calls": calls}, **more)
        for tool in chunk["choices"][0]["delta"].get("tool_calls", ())
        if "id" in tool
    ]
    assert [list(tool) for tool in heads[:2]] == [
        ["index", "id", "type", "custom"],
        ["index", "id", "type", "function"],
    ]
    assert heads[0]["custom"] == {"name": "g", "input": ""} and heads[2]["id"] == "call_mine"


def test_plain_text_is_no_call_of_an_api_without_custom_tools() -> None:
    spec = {"response": {"tool_calls": [{"name": "g", "arguments": "plain"}]}}
    custom = {"tools": [{"type": "custom", "custom": {"name": "g"}}]}
    assert ask(answerer(spec), m.OpenAIChat, more=custom).status == 200
    for kind in (m.MistralChat, m.GeminiChat, m.CohereChat, m.OllamaChat):
        assert ask(answerer(spec), kind, more=custom).status == 404, kind


def test_the_older_functions_are_called_by_function_call() -> None:
    response = {"text": "Look.", "tool_calls": CALLS[:1]}
    whole, streamed = both(m.OpenAIChat, response, {**OLDER, "n": 2})
    assert whole == streamed and whole[0][1]["finish"] == "function_call"
    value = json.loads(said(m.OpenAIChat, {"tool_calls": CALLS[:1]}, more=OLDER))
    message = value["choices"][0]["message"]
    assert list(message) == ["role", "content", "function_call", "refusal", "annotations"]
    assert list(message["function_call"]) == ["name", "arguments"]
    first, second, *_, last = chunks_of({"tool_calls": CALLS[:1]}, **OLDER)
    assert first["choices"][0]["delta"]["function_call"] == {"name": "get_weather", "arguments": ""}
    assert second["choices"][0]["delta"] == {"function_call": {"arguments": '{"'}}
    assert last["choices"][0]["finish_reason"] == "function_call"
    words = {"tool_calls": CALLS[:1], "finish_reason": "stop"}
    assert (
        json.loads(said(m.OpenAIChat, words, more=OLDER))["choices"][0]["finish_reason"] == "stop"
    )


def test_of_the_older_functions_only_one_is_called() -> None:
    refused = ask(answerer({"response": {"tool_calls": CALLS}}), m.OpenAIChat, more=OLDER)
    assert refused.status == 404 and 'because of \\"functions\\" only one' in refused.body.decode()
    both_kinds = {**OLDER, "tools": [{"type": "function", "function": {"name": "f"}}]}
    value = json.loads(said(m.OpenAIChat, {"tool_calls": CALLS}, more=both_kinds))
    assert len(value["choices"][0]["message"]["tool_calls"]) == 2


def test_the_result_of_an_older_function_is_a_tool_result() -> None:
    called = {"role": "assistant", "content": None, "function_call": {"name": "f"}}
    result = {"role": "function", "name": "f", "content": "12 degrees"}
    messages = [{"role": "user", "content": "Hi"}, called, result]
    call = call_of(m.OpenAIChat, more={"messages": messages})
    assert (call.user, call.tool_result, call.turn) == ("Hi", "12 degrees", 1)


def test_chat_completions_have_no_blocks() -> None:
    spec = {"response": {"parts": [{"block": {"type": "reference", "reference_ids": [1]}}]}}
    for kind in (*COUNTING, m.MistralFIM):
        refused = ask(answerer(spec), kind)
        assert refused.status == 404 and b"one that can say a block" in refused.body, kind
