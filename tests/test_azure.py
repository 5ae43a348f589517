"""Azure OpenAI: sorted keys, content filters, deployments (wire formats, section 6)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from readers import derived, whole_of
from samples import NEUTRAL, answerer, ask, bytes_of, request_of, said

import mock_server as m

SAFE = {"filtered": False, "severity": "safe"}
UNDETECTED = {"detected": False, "filtered": False}
PROMPT_RESULTS = [
    {
        "prompt_index": 0,
        "content_filter_results": {
            "hate": SAFE,
            "jailbreak": UNDETECTED,
            "self_harm": SAFE,
            "sexual": SAFE,
            "violence": SAFE,
        },
    }
]
WHOLE = {
    "choices": [
        {
            "content_filter_results": {
                "hate": SAFE,
                "protected_material_code": UNDETECTED,
                "protected_material_text": UNDETECTED,
                "self_harm": SAFE,
                "sexual": SAFE,
                "violence": SAFE,
            },
            "finish_reason": "stop",
            "index": 0,
            "logprobs": None,
            "message": {
                "annotations": [],
                "content": "Hello world",
                "refusal": None,
                "role": "assistant",
            },
        }
    ],
    "created": "@created",
    "id": "@id",
    "model": "d",
    "object": "chat.completion",
    "prompt_filter_results": PROMPT_RESULTS,
    "system_fingerprint": "@fingerprint",
    "usage": {
        "completion_tokens": 2,
        "completion_tokens_details": {
            "accepted_prediction_tokens": 0,
            "audio_tokens": 0,
            "reasoning_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "prompt_tokens": 9,
        "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 0},
        "total_tokens": 11,
    },
}


def test_a_whole_answer_is_azures_byte_for_byte() -> None:
    sent = whole_of(m.AzureChat)
    assert sent == derived(WHOLE, sent) + "\n"


def chunk(filters: Any, delta: Any, finish: Any = None) -> Any:
    return {
        "choices": [
            {
                "content_filter_results": filters,
                "delta": delta,
                "finish_reason": finish,
                "index": 0,
                "logprobs": None,
            }
        ],
        "created": "@created",
        "id": "@id",
        "model": "d",
        "object": "chat.completion.chunk",
        "system_fingerprint": "@fingerprint",
    }


ALL_SAFE = {"hate": SAFE, "self_harm": SAFE, "sexual": SAFE, "violence": SAFE}
STREAM = [
    {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": PROMPT_RESULTS,
    },
    chunk({}, {"content": "", "refusal": None, "role": "assistant"}),
    chunk(ALL_SAFE, {"content": "Hello"}),
    chunk(ALL_SAFE, {"content": " world"}),
    chunk({}, {}, "stop"),
]


def test_a_stream_is_azures_byte_for_byte() -> None:
    more = {"stream_options": {"include_obfuscation": False}}
    sent = said(m.AzureChat, NEUTRAL, True, more=more).decode()
    chunks = [f"data: {derived(value, sent)}\n\n" for value in STREAM]
    assert sent == "".join(chunks) + "data: [DONE]\n\n"


def test_reasoning_deployments_have_empty_filter_results() -> None:
    path = "/openai/deployments/gpt-5-mini/chat/completions"
    request = m.replace(request_of(m.AzureChat, True), path=path)
    sent = bytes_of(answerer({"response": NEUTRAL}).answer(request).response)
    assert b'"prompt_filter_results":[{"content_filter_results":{},"prompt_index":0}]' in sent
    assert b"severity" not in sent


@pytest.mark.parametrize(
    "name, reasons",
    [
        ("gpt-35-turbo", False),  # Azure's own name of gpt-3.5
        ("gpt-4o", False),
        ("gpt-10", True),
        ("gpt-5-mini", True),
        ("gpt-5.1", True),
        ("o3", True),
    ],
)
def test_a_reasoning_model_is_told_by_its_name(name: str, reasons: bool) -> None:
    value = json.loads(said(m.OpenAIChat, NEUTRAL, more={"model": name}))
    assert (value["system_fingerprint"] is None) == reasons


def test_the_model_is_the_deployment_in_the_path() -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    response = ask(answerer({"response": {"text": "x"}}), m.AzureChat, body=body)
    assert json.loads(response.body)["model"] == "d"
