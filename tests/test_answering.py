"""Answering: misses, what a response can answer, answers that a request brings along."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, List

import pytest
from cases import cases
from mocked import loaded, texts_of
from samples import GENERATE, answerer, ask, complaint_of, request_of

import mock_server as m

DATA = Path(__file__).resolve().parent.parent / "data"


def test_a_miss_is_a_404_in_the_providers_shape_or_an_echo() -> None:
    assert json.loads(ask(answerer(), m.OpenAIChat).body)["error"]["code"] == "mock_not_found"
    assert json.loads(ask(answerer(), m.GeminiGenerate).body)["error"]["status"] == "NOT_FOUND"
    assert texts_of(answerer(fallback="echo"), 1) == ["Hi"]


@pytest.mark.parametrize(
    "kind, response, expected",
    [
        (
            m.OpenAICompletions,
            {"tool_calls": [{"name": "now"}]},
            'api is "completions", expected one that can say tool_calls',
        ),
        (
            m.OpenAIEmbeddings,
            {"text": "x"},
            'api is "embeddings", expected one that can say a text',
        ),
        (
            m.OpenAIChat,
            {"events": [{"a": 1}]},
            'stream is false, expected true, because its response has "events" but no "body"',
        ),
        (
            m.OpenAIChat,
            {"body": {"a": 1}},
            'stream is true, expected false, because its response has a "body" but no "events"',
        ),
    ],
)
def test_a_response_that_can_not_answer_a_request_does_not_match_it_and_says_so(
    kind: type, response: Any, expected: str
) -> None:
    answers = answerer({"match": {"operation": ["generate", "embed"]}, "response": response})
    found = ask(answers, kind, "body" in response)
    assert found.status == 404 and expected in complaint_of(found.body)


@pytest.mark.parametrize(
    "match, response, status",
    [
        ({}, {"status": 500}, 404),
        ({}, {"embedding": [1]}, 200),
        ({"path": "/v1/embeddings"}, {"status": 500}, 500),
        ({"api": "embeddings"}, {"status": 500}, 500),
        ({"operation": ["embed", "generate"]}, {"status": 500}, 500),
        ({"path": {"contains": "/v1"}}, {"status": 500}, 404),
    ],
)
def test_an_operation_is_generate_unless_the_mock_says_otherwise(
    match: Any, response: Any, status: int
) -> None:
    answers = answerer({"match": match, "response": response})
    assert ask(answers, m.OpenAIEmbeddings).status == status


@pytest.mark.parametrize(
    "header, kind",
    [
        ('{"events": [{"a": 1}]}', m.OpenAIChat),
        ('{"text": "x"}', m.OpenAIEmbeddings),
        ('{"embedding": [1]}', m.OpenAIChat),
        ('{"tool_calls": [{"name": "f"}]}', m.OpenAICompletions),
        ('{"text": "x"}', m.BedrockOther),
    ],
)
def test_a_header_that_can_not_answer_the_request_is_told_so(header: str, kind: type) -> None:
    response = ask(answerer(), kind, headers={"x-mock-response": header})
    assert response.status == 400
    assert "X-Mock-Response can't answer this request" in complaint_of(response.body)


@pytest.mark.parametrize(
    "header, status, said_so",
    [
        ('{"text": "mine"}', 200, "mine"),
        ('{"text": "to {{user}}"}', 200, "to Hi"),
        ('{"error": {"kind": "rate_limit"}}', 429, "Rate limit reached"),
        ('{"status": 503}', 503, "overloaded"),
        ('{"delay": 0, "headers": {"x-a": "b"}}', 200, "pong"),
        ("{", 400, "X-Mock-Response: not JSON"),
        ('{"txet": "x"}', 400, 'did you mean \\"text\\"?'),
        ('{"body": "@recordings/openai_chat.json"}', 400, "a header may name none"),
        ('{"gzip": "maybe"}', 400, "response.gzip"),
    ],
)
def test_a_request_may_bring_its_answer_along(header: str, status: int, said_so: str) -> None:
    answers = answerer({"response": {"text": "pong"}})
    for _ in range(2):
        found = ask(answers, m.OpenAIChat, headers={"x-mock-response": header})
        assert found.status == status and said_so in found.body.decode()
    assert texts_of(answers, 1) == ["pong"]


def test_what_a_header_says_of_the_delivery_goes_before_the_mock() -> None:
    answers = answerer({"response": {"text": "pong", "delay": 5, "headers": {"x-a": "mock"}}})
    header = '{"delay": 1, "headers": {"x-a": "request"}, "gzip": "always"}'
    found = ask(answers, m.OpenAIChat, headers={"x-mock-response": header})
    assert dict(found.headers)["x-a"] == "request" and b"pong" in found.body
    assert (found.delivery.delay, found.delivery.gzip) == (1, "always")


def test_the_pace_of_a_mock_goes_before_that_of_the_server() -> None:
    own = {"first": 1, "tokens_per_second": 4}
    answers = answerer(
        {"match": {"model": "own"}, "response": {"text": "x", "pace": own}},
        {"match": {"model": "zero"}, "response": {"text": "x", "pace": 0}},
        {"response": {"text": "x"}},
        pace=0.25,
    )
    for model, expected in (("own", (1, 0.25)), ("zero", (0, 0)), ("none", (0, 0.25))):
        pace = ask(answers, m.OpenAIChat, True, more={"model": model}).delivery.pace
        assert pace and (pace.first, pace.between) == expected, model


def test_headers_of_a_mock_replace_add_and_remove() -> None:
    headers = {"X-Request-Id": "mine", "server": None, "x-new": 5}
    sent = ask(answerer({"response": {"text": "x", "headers": headers}}), m.OpenAIChat).headers
    names = [name.lower() for name, _ in sent]
    assert dict(sent)["X-Request-Id"] == "mine" and names.count("x-request-id") == 1
    assert "server" not in names and ("x-new", "5") in sent


def test_jitter_depends_on_the_seed_of_the_server_and_is_drawn_anew_for_each_use() -> None:
    mock = {"response": {"text": "x", "pace": {"between": 1, "jitter": 1}}}

    def drawn(seed: int) -> List[Any]:
        known = answerer(mock, seed=seed)
        paces = [ask(known, m.OpenAIChat, True).delivery.pace for _ in range(3)]
        return [list(itertools.islice(m.gaps(pace), 5)) for pace in paces if pace]

    first, second, third = drawn(1)
    assert first != second != third and drawn(1) == [first, second, third] != drawn(2)


@cases("kind", GENERATE)
@cases("stream", [False, True])
def test_one_neutral_text_serves_every_provider(kind: type, stream: bool) -> None:
    request = request_of(kind, stream)
    request = m.replace(
        request, body=request.body.replace(b'"Hi"', b'"Explain recursion in one sentence."')
    )
    answered = m.Answerer(loaded(str(DATA)), m.Settings()).answer(request)
    assert answered.mock == "one text for every provider" and answered.response.status == 200
