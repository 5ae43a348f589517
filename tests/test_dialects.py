"""Dialects of OpenAI's format: which one a request is in, and who answers in it."""

from __future__ import annotations

from typing import Any, Mapping

import pytest
from mocked import mock_of
from samples import answerer, request_of

import mock_server as m
from mock_server import BadMock

CHAT = "/v1/chat/completions"
MISTRAL_CLIENT = {"user-agent": "mistral-client-python/3.7.0"}


@pytest.mark.parametrize(
    "path, headers, port, found",
    [
        (CHAT, {}, 1, ""),
        (CHAT, {"host": "127.0.0.1:5001"}, 1, ""),
        (CHAT, {"host": "api.mistral.ai"}, 1, "mistral"),
        (CHAT, {"host": "API.Groq.com:443"}, 1, "groq"),
        (CHAT, {"host": "bedrock-runtime.us-east-1.amazonaws.com"}, 1, "bedrock"),
        (CHAT, {"host": "api.mistral.ai.example.com"}, 1, ""),
        (CHAT, MISTRAL_CLIENT, 1, "mistral"),
        (CHAT, {**MISTRAL_CLIENT, "host": "openrouter.ai"}, 1, "openrouter"),
        ("/vllm" + CHAT, {**MISTRAL_CLIENT, "host": "openrouter.ai"}, 1, "vllm"),
        ("/openai" + CHAT, {"host": "api.groq.com"}, 1, "groq"),
        ("/vllm" + CHAT, {"host": "openrouter.ai"}, 5001, "deepseek"),
    ],
)
def test_a_dialect_is_said_by_port_then_path_then_host_then_client(
    path: str, headers: Mapping[str, str], port: int, found: str
) -> None:
    request = m.Request("POST", path, headers=headers, port=port)
    assert m.dialect_of(request, {5001: "deepseek"}) == found


@pytest.mark.parametrize(
    "path, provider, dialect",
    [
        (CHAT, "openai", "mistral"),
        ("/any/prefix" + CHAT, "openai", "mistral"),
        ("/v1/embeddings", "openai", "mistral"),
        ("/v1/completions", "openai", "mistral"),
        ("/v1/fim/completions", "openai", "mistral"),
        ("/openai" + CHAT, "openai", "mistral"),
        ("/openai/deployments/d/chat/completions", "azure", ""),
        ("/v1beta/openai/chat/completions", "gemini", "gemini"),
        ("/v1/messages", "anthropic", ""),
    ],
)
def test_a_port_speaks_its_dialect_where_other_hosts_have_the_path(
    path: str, provider: str, dialect: str
) -> None:
    wire, _ = m.route(m.Request("POST", path, port=5001), {5001: "mistral"})
    assert (wire.provider, wire.dialect) == (provider, dialect)


def named(response: m.Response) -> bool:
    """Whether an answer has Mistral's headers."""
    return "mistral-correlation-id" in {name for name, _ in response.headers}


def test_a_mock_answers_in_its_own_dialect_and_others_in_that_of_the_request() -> None:
    mistrals = {"dialect": "mistral", "match": {"user": "Hi"}, "response": {"text": "x"}}
    answers = answerer(mistrals, {"response": {"text": "y"}})
    for path, expected in [(CHAT, True), ("/openai" + CHAT, True), ("/api/chat", False)]:
        request = m.replace(request_of(m.OpenAIChat), path=path)
        assert named(answers.answer(request).response) is expected


def test_a_request_is_matched_on_the_dialect_in_which_it_came_in() -> None:
    answers = answerer(
        {"match": {"dialect": ["mistral", "groq"]}, "response": {"text": "theirs"}},
        {"response": {"text": "plain"}},
    )
    for path, text in [
        (CHAT, b"plain"),
        ("/mistral" + CHAT, b"theirs"),
        ("/groq" + CHAT, b"theirs"),
    ]:
        request = m.replace(request_of(m.OpenAIChat), path=path)
        assert text in answers.answer(request).response.body


def test_errors_are_in_the_dialect_too_and_of_what_can_not_be_read() -> None:
    answers = answerer(dialect=["5001=mistral"])
    wrong = m.Request("POST", CHAT, body=b"[1]", port=5001)
    assert answers.answer(wrong).response.status == 422
    unknown = m.Request("POST", "/v1/chat/completion", body=b"{}", port=5001)
    assert named(answers.answer(unknown).response)


@pytest.mark.parametrize(
    "mock, message",
    [
        ({"dialect": "mistrel"}, 'did you mean "mistral"'),
        ({"dialect": "groq", "match": {"provider": "anthropic"}}, "dialect: has no effect"),
        ({"dialect": "groq", "match": {"path": "/x"}}, "dialect: has no effect"),
        ({"match": {"dialect": "groq", "provider": "azure"}}, "match.dialect: no request has"),
        ({"match": {"dialect": "groq", "api": "messages"}}, "no request has"),
    ],
)
def test_a_dialect_that_nothing_can_be_in_is_refused(mock: Any, message: str) -> None:
    with pytest.raises(BadMock) as caught:
        mock_of({"response": {"status": 500}, **mock})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "given, message",
    [
        (["5002=groq"], "5002=groq is for a port that is not listened on (5001)"),
        (["5001=groq", "5001=vllm"], "5001 has two, groq and vllm"),
    ],
)
def test_a_dialect_belongs_to_one_port_of_the_server(given: Any, message: str) -> None:
    with pytest.raises(m.BadOption) as caught:
        m.MockServer(5001, dialect=given)
    assert message in str(caught.value)
