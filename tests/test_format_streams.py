"""Streams of every format add up to the whole answer, and break off as the provider does it."""

from __future__ import annotations

import itertools
import json
from typing import Any, Dict, List, Tuple

import pytest
from cases import cases
from readers import both, events_of
from samples import (
    BLOCKS,
    FORMS,
    GENERATE,
    answerer,
    ask,
    bytes_of,
    complaint_of,
    expressible,
    request_of,
    said,
    with_blocks,
)

import mock_server as m


@cases("kind", GENERATE)
@cases("choices", [1, 2])
def test_a_stream_adds_up_to_the_whole_answer(kind: type, choices: int) -> None:
    several = issubclass(kind, (m.ChatRequest, m.OpenAICompletions, m.GeminiGenerate))
    more: Dict[str, Any] = {"n": choices}
    if issubclass(kind, m.GeminiRequest):
        more = {"generationConfig": {"candidateCount": choices}}
    for form in FORMS:
        if expressible(kind, form):
            whole, streamed = both(kind, FORMS[form], more)
            assert streamed == whole, form
            assert not several or len(whole[0]) == choices, form


def test_a_providers_own_blocks_are_in_the_answer_and_add_up_in_a_stream() -> None:
    for kind in BLOCKS:
        whole, streamed = both(kind, with_blocks(kind), {})
        assert streamed == whole, kind
        sent = bytes_of(ask(answerer({"response": with_blocks(kind)}), kind))
        assert all(holds(json.loads(sent), block) for block in BLOCKS[kind]), kind


def holds(value: Any, inner: Any) -> bool:
    """Whether something stands somewhere in a JSON value."""
    inside = list(value.values()) if isinstance(value, dict) else value
    return value == inner or (isinstance(inside, list) and any(holds(one, inner) for one in inside))


SURE: Dict[type, Any] = {  # how requests ask for log probabilities, where not as at OpenAI
    m.OpenAICompletions: {"logprobs": 1},
    m.GeminiRequest: {"generationConfig": {"responseLogprobs": True}},
}


def test_log_probabilities_are_of_the_same_pieces_whole_and_streamed() -> None:
    forms = {**FORMS, "both": {"text": "a b", "refusal": "no"}}
    for kind, (name, form) in itertools.product(GENERATE, forms.items()):
        if name in FORMS and not expressible(kind, name) or issubclass(kind, m.OpenAIResponses):
            continue  # which say each twice in a stream
        ways = [more for asked, more in SURE.items() if issubclass(kind, asked)]
        more = [*ways, {"logprobs": True}][0]
        whole, streamed = (said(kind, form, way, more=more) for way in (False, True))
        assert whole.count(b"-0.01") == streamed.count(b"-0.01"), (kind, name)


# The event that says an error in mid-stream, as (name, value); "@" is what is not looked at.
BREAKS: Dict[type, List[Tuple[str, Any]]] = {
    m.OpenAIChat: [
        ("", {"error": {"message": "boom", "type": "server_error", "param": None, "code": None}})
    ],
    m.OpenAICompletions: [
        ("", {"error": {"message": "boom", "type": "server_error", "param": None, "code": None}})
    ],
    m.OpenAIResponses: [
        (
            "error",
            {
                "type": "error",
                "error": {"type": "server_error", "code": None, "message": "boom", "param": None},
                "sequence_number": 2,
            },
        )
    ],
    m.GeminiGenerate: [("", {"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE"}})],
    m.VertexGenerate: [
        ("", {"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE", "details": []}})
    ],
    m.AnthropicMessages: [
        (
            "error",
            {
                "type": "error",
                "error": {"type": "overloaded_error", "message": "boom"},
                "request_id": "@",
            },
        )
    ],
    m.BedrockConverse: [("serviceUnavailableException", {"message": "boom"})],
    m.BedrockClaude: [("serviceUnavailableException", {"message": "boom"})],
    m.BedrockNova: [("serviceUnavailableException", {"message": "boom"})],
    m.CohereChat: [
        (
            "message-end",
            {"type": "message-end", "delta": {"error": "boom", "finish_reason": "ERROR"}},
        )
    ],
    m.MistralChat: [
        (
            "",
            {
                "error": {
                    "object": "error",
                    "message": "boom",
                    "type": "internal_server_error",
                    "param": None,
                    "code": "3505",
                    "raw_status_code": 503,
                }
            },
        )
    ],
    m.OllamaChat: [("", {"error": "boom"})],
}
HOST_ERROR: Dict[str, Any] = {"message": "boom", "param": None}
BREAKS[m.VLLMChat] = BREAKS[m.VLLMCompletions] = [
    ("", {"error": {**HOST_ERROR, "type": "ServiceUnavailableError", "code": 503}})
]
BREAKS[m.DeepSeekChat] = [
    (
        "",
        {
            "error": {
                **HOST_ERROR,
                "type": "service_unavailable_error",
                "code": "invalid_request_error",
            }
        },
    )
]
BREAKS[m.GroqChat] = [
    (
        "error",
        {"error": {"message": "boom", "type": "internal_server_error", "status_code": 503}},
    )
]
BREAKS[m.OllamaOpenAIChat] = BREAKS[m.OllamaOpenAICompletions] = [
    ("", {"error": {**HOST_ERROR, "type": "api_error", "code": None}})
]
BREAKS[m.BedrockOpenAIChat] = [
    ("", {"error": {**HOST_ERROR, "type": "server_error", "code": None}})
]
BREAKS[m.OpenRouterChat] = [
    (
        "",
        {
            "id": "@",
            "provider": "OpenAI",
            "model": "gpt-4o-mini",
            "object": "chat.completion.chunk",
            "created": "@",
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
            "error": {"message": "boom", "code": 503},
        },
    )
]
BREAKS[m.AzureChat] = BREAKS[m.AzureCompletions] = BREAKS[m.OpenAIChat]
BREAKS[m.AzureResponses] = BREAKS[m.OpenAIResponses]
BREAKS[m.GeminiChat] = BREAKS[m.GeminiDialectChat] = BREAKS[m.GeminiGenerate]
BREAKS[m.VertexChat] = BREAKS[m.VertexGenerate]
BREAKS[m.VertexMessages] = BREAKS[m.AnthropicMessages]
BREAKS[m.OllamaGenerate] = BREAKS[m.OllamaChat]
BREAKS[m.MistralFIM] = BREAKS[m.MistralChat]
BREAKS[m.VertexMistral] = BREAKS[m.VertexFIM] = BREAKS[m.MistralChat]
BREAKS[m.VertexOpenModels] = BREAKS[m.OpenAIChat]
BREAKS[m.MistralResponses] = [
    (
        "error",
        {"type": "error", "code": "3505", "message": "boom", "param": None, "sequence_number": 2},
    )
]


@cases("kind", GENERATE)
@cases("content", [{"text": "one two three four"}, {}])
def test_an_error_in_mid_stream_comes_as_the_provider_sends_it(kind: type, content: Any) -> None:
    response = {**content, "error": {"kind": "overloaded", "message": "boom"}, "after_events": 2}

    def asked(response: Any, stream: bool) -> m.HttpResponse:
        request = request_of(kind, stream)
        request = m.replace(request, body=request.body.replace(b'"Hi"', b'"one two three four"'))
        return answerer({"response": response}).answer(request).response

    whole, stream = asked(response, False), asked(response, True)
    assert whole.status in (503, 529) and complaint_of(whole.body) == "boom"
    assert stream.status == 200
    events = events_of(kind, bytes_of(stream))
    intact = events_of(kind, bytes_of(asked({"text": "one two three four"}, True)))
    for _, value in events[2:]:
        for name in ("request_id", "id", "created"):
            if name in value:
                value[name] = "@"
    assert events[:2] == intact[:2]
    assert kind in BREAKS, f"BREAKS does not say how {kind.__name__} breaks off"
    if issubclass(kind, m.OpenAIResponses):  # which says it twice
        name, value = events.pop()
        assert (name, value["response"]["status"]) == ("response.failed", "failed")
        assert value["response"]["error"] == {"code": "server_error", "message": "boom"}
    assert events[2:] == BREAKS[kind]
    ends = (m.CohereChat, m.VLLMChat, m.VLLMCompletions)
    assert not bytes_of(stream).endswith(b"[DONE]\n\n") or kind in ends


@pytest.mark.parametrize(
    "kind", [m.OpenAIEmbeddings, m.OpenAIModerations, m.GeminiCountTokens, m.VertexPredict]
)
def test_an_api_without_streams_ignores_that_one_is_asked_for(kind: type) -> None:
    response = ask(answerer(fallback="echo"), kind, more={"stream": True})
    assert response.status == 200 and response.frames is None
