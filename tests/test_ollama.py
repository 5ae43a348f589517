"""Ollama: chat, generate, embeddings (wire formats, section 13)."""

from __future__ import annotations

import json
import re
from typing import Any, Dict

import pytest
from readers import derived, whole_of
from samples import NEUTRAL, answerer, ask, said

import mock_server as m

COUNTS = {
    "total_duration": "@total",
    "load_duration": "@load",
    "prompt_eval_count": 9,
    "prompt_eval_duration": "@prompt",
    "eval_count": 2,
    "eval_duration": "@eval",
}
WHOLE: Dict[type, Any] = {
    m.OllamaChat: {
        "model": "llama3.2",
        "created_at": "@when",
        "message": {"role": "assistant", "content": "Hello world"},
        "done": True,
        "done_reason": "stop",
        **COUNTS,
    },
    m.OllamaGenerate: {
        "model": "llama3.2",
        "created_at": "@when",
        "response": "Hello world",
        "done": True,
        "done_reason": "stop",
        "context": "@context",
        **COUNTS,
    },
    m.OllamaEmbeddings: {"embedding": [0.25, -0.5, 1.0]},
    m.OllamaEmbed: {
        "model": "nomic-embed-text",
        "embeddings": [[0.25, -0.5, 1.0]],
        "total_duration": "@total",
        "load_duration": "@load",
        "prompt_eval_count": 9,
    },
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_answer_is_sent_byte_for_byte(kind: type) -> None:
    sent = whole_of(kind)
    assert sent == derived(WHOLE[kind], sent)


def line(text: str, done: bool, **rest: Any) -> Any:
    message = {"role": "assistant", "content": text}
    return {"model": "llama3.2", "created_at": "", "message": message, "done": done, **rest}


def test_a_stream_is_sent_byte_for_byte_but_for_its_times() -> None:
    sent = said(m.OllamaChat, NEUTRAL, True).decode()
    lines = [
        line("Hello", False),
        line(" world", False),
        line("", True, done_reason="stop", **COUNTS),
    ]
    timeless, times = re.subn(r'"created_at":"[^"]+"', '"created_at":""', sent)
    assert timeless == "".join(derived(one, sent) + "\n" for one in lines) and times == 3


@pytest.mark.parametrize("stream", [False, True])
def test_json_is_written_as_go_does_it(stream: bool) -> None:
    usage = {"input_tokens": 0, "output_tokens": 0}
    sent = said(m.OllamaChat, {"text": "<a&b>\u2028", "usage": usage}, stream)
    assert rb"\u003ca\u0026b\u003e\u2028" in sent and b"eval_count" not in sent


@pytest.mark.parametrize("kind", [m.OllamaChat, m.OllamaGenerate])
@pytest.mark.parametrize("reason", ["load", "unload"])
def test_a_model_that_is_only_moved_counts_nothing(kind: type, reason: str) -> None:
    for stream in (False, True):
        value = json.loads(said(kind, {"finish_reason": reason}, stream))
        spoken = {"response": ""}
        if kind is m.OllamaChat:
            spoken = {"message": {"role": "assistant", "content": ""}}
        del value["created_at"]
        assert value == {"model": "llama3.2", **spoken, "done": True, "done_reason": reason}


def test_a_missing_body_is_asked_for() -> None:
    refused = ask(answerer(), m.OllamaChat, body=b"")
    assert refused.body == b'{"error":"missing request body"}'


def test_no_credential_is_asked_for() -> None:
    answers = answerer({"response": {"text": "x"}}, require_auth=True)
    assert ask(answers, m.OllamaChat).status == 200
