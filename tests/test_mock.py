"""Mocks: how specs are refused, sequences, uses, order and limits."""

from __future__ import annotations

import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Tuple

import pytest
from cases import cases
from clients import chat, control
from mocked import BASE, mock_of, texts_of
from samples import answerer, ask, complaint_of

import mock_server as m
from mock_server import BadMock, MockServer

BAD_MOCKS = [
    (
        {"response": {"text": "x", "error": {"kind": "content_filter"}, "after_events": 1}},
        "response.error.kind: a filter ends a stream with a finish reason",
    ),
    (
        {"response": {"error": {"kind": "overload"}}},
        'response.error.kind: found "overload"; did you mean "overloaded"?',
    ),
    (
        {"response": {"text": "x", "error": "boom"}},
        'has both "text" and "error"; a response has one form; with "after_events" the error',
    ),
    (
        {"response": {"text": "x", "after_events": 1}},
        "response.after_events: is when an error or a fault comes, but there is neither",
    ),
    (
        {"response": {"text": "x", "error": "boom", "after_events": -1}},
        "response.after_events: expected a number of events, found -1",
    ),
    (
        {"response": {"text": "x", "body": {}, "error": "boom", "after_events": 1}},
        'has both "text" and "body"',
    ),
    (
        {"response": {"status": 204, "error": "boom"}},
        "response.status: expected a status that has a body, beside error, found 204",
    ),
    ({}, 'mocks/a.json#1: expected either "response" or "responses", found neither'),
    (7, "expected an object, found 7"),
    ({"response": {"text": "x"}, "responses": []}, "found both"),
    ({"response": {"content": "x"}}, 'response.content: unknown key; did you mean "text"?'),
    ({"response": {"relevance_scores": [1]}}, 'relevance_scores: unknown key; did you mean "sc'),
    ({"response": {"flagged": True}}, 'response.flagged: unknown key; did you mean "refusal"?'),
    (
        {"response": {"text": "x", "usage": {"prompt_tokens": 1}}},
        'response.usage.prompt_tokens: unknown key; did you mean "input_tokens"?',
    ),
    ({"match": {}, "text": "x"}, 'text: belongs into "response"'),
    ({"user": "x", "response": {"text": "x"}}, 'user: belongs into "match"'),
    ({"model": "x", "response": {"text": "x"}}, 'model: belongs into "match" or "response"'),
    (
        {"response": {"text": "x", "times": 2}},
        "response.times: is a key of a mock, not of a response",
    ),
    (
        {"request": {"url": "/x"}, "response": {"status": 200}},
        'request: is of WireMock\'s form; a mock here is {"match": {…}, "response": {…}}',
    ),
    ({"fixtures": []}, "fixtures: is of aimock's form; --import FILE makes mocks of it"),
    ({"response": "x"}, 'response: expected an object such as {"text": "…"}, found "x"'),
    ({"mocks": []}, "mocks: a file or a body is a mock, or an array of them"),
    (
        {"response": {"text": "{{body.messages[0].content}}"}},
        'response.text: "body.messages[0].content" is written "body.messages.0.content" here',
    ),
    (
        {"response": {"text": "{{city}}"}},
        "known: body.PATH, header.NAME, model, system, turn, user, and named groups of a regex",
    ),
    ({"respnse": {"text": "x"}}, 'respnse: unknown key; did you mean "response"?'),
    ({"name": "", "response": {"text": "x"}}, "name: is empty, and so would tell nothing"),
    ({"mappings": []}, "mappings: is of WireMock's form; a mock here is"),
    (
        {"match": {"userMessage": "x"}, "response": {"content": "y"}},
        'match.userMessage: unknown key; did you mean "user"',
    ),
    (
        {"match": {"modle": "x"}, "response": {"text": "x"}},
        'match.modle: unknown key; did you mean "model"?',
    ),
    (
        {"match": {"provider": "opnai"}, "response": {"text": "x"}},
        'match.provider: found "opnai"; did you mean "openai"?',
    ),
    (
        {"match": {"user": {"regx": "x"}}, "response": {"text": "x"}},
        'match.user.regx: unknown key; did you mean "regex"?',
    ),
    (
        {"match": {"user": {"regex": "a("}}, "response": {"text": "x"}},
        "match.user.regex: not a regular expression: "
        "missing ), unterminated subpattern at character 2",
    ),
    (
        {"match": {"user": {"contains": ""}}, "response": {"text": "x"}},
        "match.user.contains: expected a pattern, found an empty string",
    ),
    (
        {"match": {"user": 3}, "response": {"text": "x"}},
        "match.user: expected a string or an object with contains, regex, glob or not, found 3",
    ),
    (
        {"match": {"turn": "1"}, "response": {"text": "x"}},
        'match.turn: expected an integer, found "1"',
    ),
    ({"match": {"stream": "no"}, "response": {"text": "x"}}, "match.stream: expected a boolean"),
    (
        {"match": {"body_sha256": "12"}, "response": {"text": "x"}},
        "match.body_sha256: expected 64 hex digits",
    ),
    ({"match": {"headers": ["x"]}, "response": {"text": "x"}}, "match.headers: expected an object"),
    ({"response": {"text": 5}}, "response.text: expected a string or an object, found 5"),
    ({"response": {}}, "response: says nothing; it needs text"),
    ({"response": {"txt": "x"}}, 'response.txt: unknown key; did you mean "text"?'),
    (
        {"response": {"text": "x", "body": {}}},
        'response: has both "text" and "body"; a response has one form',
    ),
    (
        {"response": {"text": "x", "status": 99}},
        "response.status: expected a status from 200 to 599, found 99",
    ),
    (
        {"response": {"text": "x", "finish_reason": ""}},
        "response.finish_reason: expected stop, length, tool_calls, content_filter, or the "
        'provider\'s own word, found ""',
    ),
    (
        {"response": {"text": "x", "gzip": "allways"}},
        'response.gzip: found "allways"; did you mean "always"?',
    ),
    (
        {"response": {"text": "x", "chunk_size": 0}},
        "response.chunk_size: expected characters an event, at least 1, found 0",
    ),
    (
        {"response": {"text": "x", "delay": -1}},
        "response.delay: expected seconds from 0 to 3600, found -1",
    ),
    (
        {"response": {"text": "x", "pace": {"betwen": 1}}},
        'response.pace.betwen: unknown key; did you mean "between"?',
    ),
    (
        {"response": {"text": "x", "pace": {"between": 1, "tokens_per_second": 1}}},
        "has both between and tokens_per_second",
    ),
    (
        {"response": {"text": "x", "headers": {"a b": "c"}}},
        "response.headers.a b: is not a header name",
    ),
    (
        {"response": {"text": "x", "headers": {"a": "b\r\nc: d"}}},
        "response.headers.a: holds a character that no header can carry",
    ),
    (
        {"response": {"text": "x", "headers": {"Content-Length": 3}}},
        "response.headers.Content-Length: is set by the server",
    ),
    (
        {"response": {"text": "x", "usage": {"output_token": 1}}},
        'response.usage.output_token: unknown key; did you mean "output_tokens"?',
    ),
    (
        {"response": {"text": "x", "usage": {"output_tokens": 1, "reasoning_tokens": 2}}},
        "response.usage.reasoning_tokens: is a share of output_tokens (1), found 2",
    ),
    ({"response": {"tool_calls": {"name": "f"}}}, "response.tool_calls: expected an array"),
    ({"response": {"tool_calls": [{}]}}, "response.tool_calls[0].name: expected the tool's name"),
    (
        {"response": {"parts": [{"text": "a", "refusal": "b"}]}},
        "response.parts[0]: expected one of text, reasoning, refusal, tool_calls",
    ),
    ({"response": {"parts": [], "text": "a"}}, 'response.parts: stands instead of "text"'),
    ({"response": {"embedding": [1, "2"]}}, "response.embedding: expected an array of numbers"),
    ({"response": {"embedding": [1], "text": "a"}}, "response.embedding: stands alone"),
    (
        {"response": {"status": 400, "error": {"massage": "x"}}},
        'response.error.massage: unknown key; did you mean "message"?',
    ),
    (
        {"response": {"text": "Hi {{usr}}"}},
        'response.text: unknown template {{usr}}; did you mean "user"?',
    ),
    (
        {"response": {"tool_calls": [{"name": "f", "arguments": {"a": ["{{nope}}"]}}]}},
        "response.tool_calls[0].arguments.a[0]: unknown template {{nope}}",
    ),
    ({"response": {"body": "@x.json"}}, 'response.body: no file "x.json" in the data directory'),
    (
        {"response": {"body": "@x.txt"}},
        'expected @file.json, @file.json.gz or @file.http; "raw" sends any other file, found',
    ),
    ({"response": {"events": "@x.txt"}}, "expected @file.sse, @file.jsonl or @file.http"),
    ({"response": {"events": []}}, "response.events: expected @file.sse"),
    (
        {"responses": [{"text": "a"}, {"txt": "b"}]},
        "mocks/a.json#1: responses[1].txt: unknown key",
    ),
    (
        {"response": {"text": "x"}, "times": 0},
        "times: expected a number of uses, at least 1, found 0",
    ),
    ({"response": {"text": "x"}, "cycle": 1}, "cycle: expected a boolean"),
    ({"response": {"text": "x"}, "limit": {"requests": -1}}, "limit.requests: expected a number"),
    ({"response": {"text": "x"}, "limit": {"requests": 1, "per": 0}}, "limit.per: expected secon"),
    ({"response": {"text": "x"}, "limit": {"request": 1}}, "limit.request: unknown key; did you"),
]


@cases("spec, message", BAD_MOCKS)
def test_a_bad_mock_is_refused_with_its_place_and_what_would_do(spec: Any, message: str) -> None:
    with pytest.raises(BadMock) as caught:
        mock_of(spec)
    assert message in str(caught.value) and str(caught.value).startswith("mocks/a.json#1")


@pytest.mark.parametrize(
    "more, expected",
    [
        ({}, [500, 429, "third", "third", "third"]),
        ({"cycle": True}, [500, 429, "third", 500, 429]),
    ],
)
def test_responses_are_served_in_turn_and_the_last_repeats_or_they_cycle(
    more: Any, expected: Any
) -> None:
    sequence = [{"status": 500, "error": "boom"}, {"status": 429}, {"text": "third"}]
    assert texts_of(answerer({"responses": sequence, **more}), 5) == expected


def test_a_mock_with_times_stops_matching_after_that_many_uses() -> None:
    answers = answerer({"response": {"text": "a"}, "times": 2}, {"response": {"text": "b"}})
    assert texts_of(answers, 4) == ["a", "a", "b", "b"]
    spent = answerer({"name": "one", "response": {"text": "a"}, "times": 1})
    assert texts_of(spent, 2) == ["a", 404]
    said_so = complaint_of(ask(spent, m.OpenAIChat).body)
    assert 'closest is "one" (added-1): times is 1, expected fewer than 1 uses' in said_so


def test_a_sequence_is_used_up_exactly_under_many_threads() -> None:
    answers = answerer({"responses": [{"text": str(number)} for number in range(200)]})
    with ThreadPoolExecutor(10) as threads:
        found = list(threads.map(lambda _: texts_of(answers, 20), range(10)))
    assert sorted(int(text) for texts in found for text in texts) == list(range(200))


def test_the_first_mock_that_matches_answers() -> None:
    mocks = [
        {"match": {"user": {"contains": "H"}}, "response": {"text": "first"}},
        {"match": {"user": "Hi", "model": "gpt-4o-mini"}, "response": {"text": "second"}},
    ]
    assert texts_of(answerer(*mocks), 1) == ["first"]
    assert texts_of(answerer(*reversed(mocks)), 1) == ["second"]


def test_the_index_finds_what_a_walk_over_all_mocks_finds() -> None:
    providers: List[Any] = [None, "openai", ["azure", "openai"]]
    texts: List[Any] = [None, "a", "b", {"contains": "a"}]
    mocks = []
    for parts in itertools.product(providers, texts, texts):
        match = dict(zip(("provider", "model", "user"), parts))
        match = {key: value for key, value in match.items() if value is not None}
        mocks.append(mock_of({"match": match, "response": {"text": "x"}}))
    index = m.Index(mocks)
    calls = itertools.product(("openai", "gemini"), ("a", "b", "ab", ""), ("a", "b", "ba", ""))
    for provider, model, user in calls:
        call = m.replace(BASE, provider=provider, model=model, user=user)
        found = [mock for mock in index.candidates(call) if mock.matches(call)]
        assert found == [mock for mock in mocks if mock.matches(call)]


def test_the_index_looks_only_at_mocks_that_may_match() -> None:
    many = []
    for number in range(100):
        match = {"provider": "openai", "model": f"m{number}", "user": f"u{number}"}
        many.append(mock_of({"match": match, "response": {"text": "x"}}))
    assert list(m.Index(many).candidates(m.replace(BASE, model="m7", user="u7"))) == [many[7]]


# format: headers of an answer, and of a refusal
LIMITS: Dict[type, Tuple[Dict[str, str], Dict[str, str]]] = {
    m.OpenAIChat: (
        {
            "x-ratelimit-limit-requests": "2",
            "x-ratelimit-remaining-requests": "1",
            "x-ratelimit-reset-requests": "1m30s",
        },
        {
            "retry-after": "90",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "1m30s",
        },
    ),
    m.AzureChat: (
        {
            "x-ratelimit-limit-requests": "2",
            "x-ratelimit-remaining-requests": "1",
            "x-ratelimit-reset-requests": "90",
        },
        {"retry-after": "90"},
    ),
    m.AnthropicMessages: (
        {"anthropic-ratelimit-requests-limit": "2", "anthropic-ratelimit-requests-remaining": "1"},
        {"retry-after": "90", "anthropic-ratelimit-requests-remaining": "0"},
    ),
    m.CohereChat: (
        {"x-trial-endpoint-call-limit": "2", "x-trial-endpoint-call-remaining": "1"},
        {"x-trial-endpoint-call-remaining": "0"},
    ),
    m.MistralChat: (
        {"x-ratelimit-limit-req-10-second": "2", "x-ratelimit-remaining-req-10-second": "1"},
        {"x-ratelimit-remaining-req-10-second": "0"},
    ),
    m.GeminiGenerate: ({}, {}),
    m.BedrockConverse: ({}, {}),
    m.GroqChat: (
        {"x-ratelimit-limit-requests": "2", "x-ratelimit-remaining-requests": "1"},
        {"retry-after": "90", "x-ratelimit-remaining-requests": "0"},
    ),
    m.OpenRouterChat: (
        {"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "1"},
        {"retry-after": "90", "X-RateLimit-Remaining": "0"},
    ),
}


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_limit_counts_and_says_the_truth_in_the_providers_way(
    clock: Any, kind: type, stream: bool
) -> None:
    answers = answerer({"limit": {"requests": 2, "per": 90}, "response": {"text": "x"}})
    first, second, third = (ask(answers, kind, stream) for _ in range(3))
    assert [first.status, second.status, third.status] == [200, 200, 429]
    of_answer, of_refusal = LIMITS[kind]
    assert {name: dict(first.headers)[name] for name in of_answer} == of_answer
    assert {name: dict(third.headers)[name] for name in of_refusal} == of_refusal
    if kind is m.GeminiGenerate:
        error = json.loads(third.body)["error"]
        assert error["details"][-1]["retryDelay"] == "90s" and "retry in 90s" in error["message"]
        assert error["details"][0]["violations"][0]["quotaValue"] == "2"
        assert "limit: 2\n" in error["message"]
    if kind is m.OpenAIChat:
        assert "Limit 2, Used 2, Requested 1. Please try again in 90s" in complaint_of(third.body)
    if kind is m.OpenRouterChat:
        assert re.fullmatch(r"\d{10}000", dict(third.headers)["X-RateLimit-Reset"])
    assert "retry-after" not in dict(second.headers)  # which is the last that is not refused
    clock.now += 89
    assert ask(answers, kind, stream).status == 429
    clock.now += 1
    assert ask(answers, kind, stream).status == 200


# Who has no headers for limits, and whether one says when to try again.
SILENT: Dict[type, bool] = {
    **dict.fromkeys((m.VLLMChat, m.DeepSeekChat, m.VllmRerank, m.VoyageRerank), True),
    **dict.fromkeys((m.JinaRerank, m.SafetyAnalyze), True),
    **dict.fromkeys((m.OllamaOpenAIChat, m.BedrockOpenAIChat, m.BedrockClaude), False),
    **dict.fromkeys((m.GeminiChat, m.VertexChat, m.GeminiDialectChat), False),
    **dict.fromkeys((m.VertexMistral, m.VertexMessages, m.VertexOpenModels), False),
}


def test_a_limit_adds_no_headers_that_the_provider_does_not_have() -> None:
    match = {"operation": ["generate", "rerank", "moderate"]}
    for kind, says_when in SILENT.items():
        answers = answerer(
            {"match": match, "limit": {"requests": 1, "per": 90}, "response": {"body": {}}}
        )
        first, second = ask(answers, kind), ask(answers, kind)
        assert (first.status, second.status) == (200, 429)
        assert not [
            name for name, _ in (*first.headers, *second.headers) if "limit" in name.lower()
        ]
        assert ("retry-after" in dict(second.headers)) == says_when, kind


def test_a_limit_counts_per_session_and_what_exceeds_it_is_no_use(server: MockServer) -> None:
    data = {"limit": {"requests": 1}, "responses": [{"text": "1"}, {"text": "2"}]}
    for prefix in ("", "/@a"):
        control(server.port, "POST", prefix + "/__mock__/mocks", data)
        assert [chat(server.port, prefix=prefix)[0] for _ in range(3)] == [200, 429, 429]
    listed = control(server.port, "GET", "mocks")[1]["mocks"][0]
    last = server.requests[-1]
    assert (listed["uses"], last["mock"], last["status"]) == (1, listed["name"], 429)


def test_plain_arguments_are_for_a_tool_that_the_request_declares_as_custom() -> None:
    (answer,) = mock_of({"response": {"tool_calls": [{"name": "f", "arguments": "1 + 1"}]}}).answers
    wire = m.WIRE_FORMATS[0]
    key, found, expected = answer.lacks(wire, BASE)
    assert (key, found) == ("tools", ["f", "g"])
    assert str(expected) == '"f" as a custom one, for its arguments are no JSON object'
    assert answer.lacks(wire, m.replace(BASE, custom_tools=("f",))) is None


def test_an_error_that_loses_its_draw_is_as_if_its_mock_were_not_there() -> None:
    faulty = {"response": {"status": 503, "error": "down", "probability": 0.3}, "times": 5}
    fine = {"response": {"text": "fine"}}
    runs = [texts_of(answerer(faulty, fine, seed=seed), 40) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]  # the same on every run with the same seed
    for found in runs:
        assert (found.count(503), found.count("fine")) == (5, 35)
        assert found[:5] != [503] * 5
    responder = answerer({**faulty, "name": "at times"})
    lost = next(
        answer
        for answer in (ask(responder, m.OpenAIChat) for _ in range(9))
        if answer.status == 404
    )
    assert "probability is 0.3, expected a draw that it wins" in complaint_of(lost.body)
    brought = {"x-mock-response": '{"status": 503, "probability": 1e-9}'}
    assert ask(answerer(fine), m.OpenAIChat, headers=brought).status == 200
