"""Tests of mock_server.py.  They need pytest and nothing else, use loopback and free ports only, and never sleep.

Most are tables of samples in memory; what a socket alone can show has one socket test a property.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
import http.client
import itertools
import json
import os
import queue
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import types
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

sys.dont_write_bytecode = True

import pytest  # noqa: E402
from program import PROGRAM  # noqa: E402
from readers import CONVERSE_EVENTS, events_of, merge_chat, read_google, whole_chat  # noqa: E402
from samples import (  # noqa: E402
    CALLS,
    CHAT,
    GEMINI,
    GENERATE,
    STREAMED,
    USAGE,
    VERTEX,
    answerer,
    ask,
    bytes_of,
    call_of,
    complaint_of,
    request_of,
    steps_of,
    uses_of,
    wire_of,
)

import mock_server as m  # noqa: E402
from mock_server import BadMock, MockServer  # noqa: E402

HERE = Path(__file__).resolve().parent
POEM = "Compose a poem that explains the concept of recursion in programming."
SYSTEM = "You are a poetic assistant, skilled in explaining complex programming concepts with creative flair."

# === Mocks ===================================================================

BASE_REQUEST = m.Request(
    "POST", "/v1/chat/completions", {"api-version": "1"}, {"x-tenant": "a"}, b"", 5001, "checkout"
)
BASE = m.Call(
    BASE_REQUEST,
    "openai",
    "generate",
    "chat",
    "gpt-4o",
    False,
    "Hi there",
    "Be brief.",
    "22",
    1,
    ("f", "g"),
    body={"model": "gpt-4o", "n": 1},
)


def asked(**changed: Any) -> m.Call:
    """The base call, its request changed."""
    return replace(BASE, request=replace(BASE_REQUEST, **changed))


VARIANTS = {
    "provider": replace(BASE, provider="azure"),
    "operation": replace(BASE, operation="embed"),
    "api": replace(BASE, api="completions"),
    "model": replace(BASE, model="gpt-4o-mini"),
    "stream": replace(BASE, stream=True),
    "user": replace(BASE, user="Ho there"),
    "system": replace(BASE, system="Be long."),
    "tool_result": replace(BASE, tool_result=None),
    "turn": replace(BASE, turn=2),
    "tools": replace(BASE, tools=("f",)),
    "path": asked(path="/v1/x"),
    "query": asked(query={}),
    "headers": asked(headers={"x-tenant": "b"}),
    "port": asked(port=5002),
    "session": asked(session="other"),
    "body": replace(BASE, body={"model": "gpt-4o", "n": 2}),
    "body_sha256": replace(BASE, body={"model": "gpt-4o", "n": 3}),
}
MATCHES = {key: getattr(BASE, key) for key in VARIANTS}
MATCHES.update(tools=["g"], body={"n": 1}, path="/v1/chat/completions")


def mock_of(spec: Any) -> m.Mock:
    def read_file(name: str) -> bytes:
        raise FileNotFoundError(name)

    return m.parse_mock(m.MockNode.whole(spec, "mocks/a.json#1", read_file))


def differences(match: Any, call: m.Call) -> List[str]:
    return [key for key, _, _ in mock_of({"match": match, "response": {"text": "x"}}).differences(call, wire_of(m.OpenAIChat))]


def test_every_match_key_has_a_variant() -> None:
    assert set(VARIANTS) == set(m.MATCH_KEYS)


@pytest.mark.parametrize("changed, matched", list(itertools.product(VARIANTS, VARIANTS)))
def test_a_matcher_sees_only_its_own_key(changed: str, matched: str) -> None:
    match = {"operation": sorted(m.OPERATIONS), matched: MATCHES[matched]}
    found = [re.split(r"[.\[]", key)[0] for key in differences(match, VARIANTS[changed])]
    body = {"body", "body_sha256"}
    expected = (
        [matched]
        if changed == matched
        or (matched == "body_sha256" and changed in body)
        or (matched == "body" and changed == "body_sha256")
        else []
    )
    assert found == expected


@pytest.mark.parametrize(
    "matcher, holds, fails",
    [
        ("a", ["a"], ["ab", "", None]),
        ("", [""], ["a", None]),
        ({"contains": "b"}, ["abc"], ["ac", None]),
        ({"regex": "^a.c$"}, ["abc", "a c"], ["xabc", None]),
        ({"regex": "b"}, ["abc"], ["ac"]),
        ({"glob": "a*c"}, ["abc", "a\nc"], ["abcd", "xabc", None]),
        ({"glob": "?[0-9]"}, ["a1"], ["a", "aa1"]),
        ({"not": "a"}, ["b", "", None], ["a"]),
        ({"not": {"contains": "a"}}, ["b", None], ["cat"]),
        ({"contains": "a", "not": {"contains": "b"}}, ["ca"], ["ab", "c", None]),
        ({"regex": "(?i)A", "glob": "*z"}, ["az"], ["a", "z"]),
    ],
)
def test_a_text_matcher_holds_when_all_of_its_keys_do(matcher: Any, holds: Any, fails: Any) -> None:
    compiled = m.text_matcher(m.Node(matcher))
    assert [compiled(text) for text in holds] == [True] * len(holds) and [compiled(text) for text in fails] == [False] * len(
        fails
    )


@pytest.mark.parametrize(
    "expected, body, path",
    [
        ({"a": 1}, {"a": 1, "b": 2}, None),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2, "d": 3}]}}, None),
        ({"a": 1}, {"a": 2}, "body.a"),
        ({"a": [1]}, {"a": [1, 2]}, "body.a"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "body.a[1].b"),
        ({"a": 1}, {}, "body.a"),
        ({"a": None}, {}, "body.a"),
        ({"a": True}, {"a": 1}, "body.a"),
        ({"a": 1}, {"a": True}, "body.a"),
        ({"a": 0}, {"a": False}, "body.a"),
        ({"a": 1}, {"a": 1.0}, None),
        ({}, {"a": 1}, None),
    ],
)
def test_a_body_matches_if_it_contains_the_json(expected: Any, body: Any, path: Optional[str]) -> None:
    found = m.lacking(body, expected, "body")
    assert (found and found[0]) == path


@pytest.mark.parametrize(
    "match, found",
    [
        ({"headers": {"X-Tenant": "a"}}, []),
        ({"headers": {"x-tenant": None}}, ["headers.x-tenant"]),
        ({"headers": {"x-other": None}}, []),
        ({"query": {"api-version": {"regex": r"\d"}}}, []),
        ({"query": {"API-VERSION": None}}, []),
        ({"provider": ["azure", "openai"]}, []),
        ({"tools": "f"}, []),
        ({"tools": ["f", "h"]}, ["tools"]),
        ({"api": ["chat"]}, []),
    ],
)
def test_named_and_listed_matchers(match: Any, found: List[str]) -> None:
    assert differences(match, BASE) == found


BAD_MOCKS = [
    (
        {"response": {"text": "x", "error": {"kind": "content_filter"}, "after_events": 1}},
        "response.error.kind: a filter ends a stream with a finish reason",
    ),
    ({"response": {"error": {"kind": "overload"}}}, "response.error.kind: found \"overload\"; did you mean 'overloaded'?"),
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
    ({"response": {"text": "x", "body": {}, "error": "boom", "after_events": 1}}, 'has both "text" and "body"'),
    (
        {"response": {"status": 200, "error": "boom"}},
        "response.status: expected a status of 400 or above beside error, found 200",
    ),
    ({}, 'mocks/a.json#1: expected either "response" or "responses", found neither'),
    (7, "expected an object, found 7"),
    ({"response": {"text": "x"}, "responses": []}, "found both"),
    ({"respnse": {"text": "x"}}, "respnse: unknown key; did you mean 'response'?"),
    ({"match": {"modle": "x"}, "response": {"text": "x"}}, "match.modle: unknown key; did you mean 'model'?"),
    ({"match": {"provider": "opnai"}, "response": {"text": "x"}}, "match.provider: found \"opnai\"; did you mean 'openai'?"),
    ({"match": {"user": {"regx": "x"}}, "response": {"text": "x"}}, "match.user.regx: unknown key; did you mean 'regex'?"),
    (
        {"match": {"user": {"regex": "a("}}, "response": {"text": "x"}},
        "match.user.regex: not a regular expression: missing ), unterminated subpattern at character 2",
    ),
    (
        {"match": {"user": {"contains": ""}}, "response": {"text": "x"}},
        "match.user.contains: expected a pattern, found an empty string",
    ),
    (
        {"match": {"user": 3}, "response": {"text": "x"}},
        "match.user: expected a string or an object with contains, regex, glob or not, found 3",
    ),
    ({"match": {"turn": "1"}, "response": {"text": "x"}}, 'match.turn: expected an integer, found "1"'),
    ({"match": {"stream": "no"}, "response": {"text": "x"}}, "match.stream: expected a boolean"),
    ({"match": {"body_sha256": "12"}, "response": {"text": "x"}}, "match.body_sha256: expected 64 hex digits"),
    ({"match": {"headers": ["x"]}, "response": {"text": "x"}}, "match.headers: expected an object"),
    ({"response": {"text": 5}}, "response.text: expected a string or an object, found 5"),
    ({"response": {}}, "response: says nothing; it needs text"),
    ({"response": {"txt": "x"}}, "response.txt: unknown key; did you mean 'text'?"),
    ({"response": {"text": "x", "body": {}}}, 'response: has both "text" and "body"; a response has one form'),
    ({"response": {"text": "x", "status": 99}}, "response.status: expected a status from 200 to 599, found 99"),
    ({"response": {"text": "x", "finish_reason": "end"}}, 'response.finish_reason: found "end"; known: content_filter'),
    ({"response": {"text": "x", "gzip": "allways"}}, "response.gzip: found \"allways\"; did you mean 'always'?"),
    ({"response": {"text": "x", "chunk_size": 0}}, "response.chunk_size: expected characters an event, at least 1, found 0"),
    ({"response": {"text": "x", "delay": -1}}, "response.delay: expected seconds from 0 to 3600, found -1"),
    ({"response": {"text": "x", "pace": {"betwen": 1}}}, "response.pace.betwen: unknown key; did you mean 'between'?"),
    ({"response": {"text": "x", "pace": {"between": 1, "tokens_per_second": 1}}}, "has both between and tokens_per_second"),
    ({"response": {"text": "x", "headers": {"a b": "c"}}}, "response.headers.a b: is not a header name"),
    (
        {"response": {"text": "x", "headers": {"a": "b\r\nc: d"}}},
        "response.headers.a: holds a character that no header can carry",
    ),
    ({"response": {"text": "x", "headers": {"Content-Length": 3}}}, "response.headers.Content-Length: is set by the server"),
    (
        {"response": {"text": "x", "usage": {"output_token": 1}}},
        "response.usage.output_token: unknown key; did you mean 'output_tokens'?",
    ),
    (
        {"response": {"text": "x", "usage": {"output_tokens": 1, "reasoning_tokens": 2}}},
        "response.usage.reasoning_tokens: is a share of output_tokens (1), found 2",
    ),
    ({"response": {"tool_calls": {"name": "f"}}}, "response.tool_calls: expected an array"),
    ({"response": {"tool_calls": [{}]}}, "response.tool_calls[0].name: expected the tool's name"),
    ({"response": {"tool_calls": [{"name": "f", "arguments": "{"}]}}, "response.tool_calls[0].arguments: not JSON"),
    (
        {"response": {"parts": [{"text": "a", "refusal": "b"}]}},
        "response.parts[0]: expected one of text, reasoning, refusal, tool_calls",
    ),
    ({"response": {"parts": [], "text": "a"}}, 'response.parts: stands instead of "text"'),
    ({"response": {"embedding": [1, "2"]}}, "response.embedding: expected an array of numbers"),
    ({"response": {"embedding": [1], "text": "a"}}, "response.embedding: stands alone"),
    ({"response": {"status": 400, "error": {"massage": "x"}}}, "response.error.massage: unknown key; did you mean 'message'?"),
    ({"response": {"text": "Hi {{usr}}"}}, "response.text: unknown template {{usr}}; did you mean 'user'?"),
    (
        {"response": {"tool_calls": [{"name": "f", "arguments": {"a": ["{{nope}}"]}}]}},
        "response.tool_calls[0].arguments.a[0]: unknown template {{nope}}",
    ),
    ({"response": {"body": "@x.json"}}, 'response.body: no file "x.json" in the data directory'),
    ({"response": {"body": "@x.txt"}}, 'expected @file.json or @file.json.gz, found "@x.txt"'),
    ({"response": {"events": "@x.txt"}}, "expected @file.sse or @file.jsonl"),
    ({"response": {"events": []}}, "response.events: expected @file.sse"),
    ({"responses": [{"text": "a"}, {"txt": "b"}]}, "mocks/a.json#1: responses[1].txt: unknown key"),
    ({"response": {"text": "x"}, "times": 0}, "times: expected a number of uses, at least 1, found 0"),
    ({"response": {"text": "x"}, "cycle": 1}, "cycle: expected a boolean"),
]


@pytest.mark.parametrize("spec, message", BAD_MOCKS)
def test_a_bad_mock_is_refused_with_its_place_and_what_would_do(spec: Any, message: str) -> None:
    with pytest.raises(BadMock) as caught:
        mock_of(spec)
    assert message in str(caught.value) and str(caught.value).startswith("mocks/a.json#1")


TEMPLATED = replace(
    BASE, body={"a": [{"b": "deep"}], "n": 1.5, "o": {"x": 1}, "t": True, "z": None}, user="weather in Oslo {{model}}"
)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{{user}}", "weather in Oslo {{model}}"),
        ("{{ model }}/{{turn}}", "gpt-4o/1"),
        ("{{system}}", "Be brief."),
        ("{{header.X-Tenant}}", "a"),
        ("{{header.none}}|", "|"),
        ("{{body.a.0.b}}", "deep"),
        ("{{body.a.7.b}}{{body.x}}|", "|"),
        ("{{body.n}} {{body.t}} {{body.z}}", "1.5 true "),
        ("{{body.o}}", '{"x":1}'),
        ("{{city}}!", "Oslo!"),
    ],
)
def test_templates_are_filled_once_from_the_request(text: str, expected: str) -> None:
    mock = mock_of(
        {
            "match": {"user": {"regex": r"in (?P<city>\w+)"}},
            "response": {"parts": [{"text": text}, {"tool_calls": [{"name": "f", "arguments": {"deep": [text, {"x": text}]}}]}]},
        }
    )
    reply = mock.answers[0].to(TEMPLATED, mock.matches(TEMPLATED))
    assert isinstance(reply, m.Reply) and reply.text(m.Text) == expected
    assert reply.tool_calls[0].arguments == {"deep": [expected, {"x": expected}]}


def texts_of(answers: m.Answerer, times: int, kind: type = m.OpenAIChat) -> List[Any]:
    """What a client reads from several answers: the text, or the status of an error."""
    found = []
    for _ in range(times):
        response = ask(answers, kind)
        value = json.loads(response.body)
        found.append(value["choices"][0]["message"]["content"] if response.status == 200 else response.status)
    return found


def test_responses_are_served_in_turn_and_the_last_repeats_or_they_cycle() -> None:
    sequence = [{"status": 500, "error": "boom"}, {"status": 429}, {"text": "third"}]
    assert texts_of(answerer({"responses": sequence}), 5) == [500, 429, "third", "third", "third"]
    assert texts_of(answerer({"responses": sequence, "cycle": True}), 5) == [500, 429, "third", 500, 429]


def test_a_mock_with_times_stops_matching_after_that_many_uses() -> None:
    assert texts_of(answerer({"response": {"text": "a"}, "times": 2}, {"response": {"text": "b"}}), 4) == ["a", "a", "b", "b"]
    spent = answerer({"name": "one", "response": {"text": "a"}, "times": 1})
    texts_of(spent, 1)
    assert (
        'closest is "one" (added#1): times is 1, expected fewer than 1 uses'
        in json.loads(ask(spent, m.OpenAIChat).body)["error"]["message"]
    )


def test_a_sequence_is_used_up_exactly_under_many_threads() -> None:
    answers = answerer({"responses": [{"text": str(number)} for number in range(200)]})
    found: List[Any] = []
    threads = [threading.Thread(target=lambda: found.extend(texts_of(answers, 20))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, found)) == list(range(200))


def test_the_first_mock_that_matches_answers() -> None:
    mocks = [
        {"match": {"user": {"contains": "H"}}, "response": {"text": "first"}},
        {"match": {"user": "Hi", "model": "gpt-4o-mini"}, "response": {"text": "second"}},
    ]
    assert texts_of(answerer(*mocks), 1) == ["first"] and texts_of(answerer(*reversed(mocks)), 1) == ["second"]


def test_the_index_finds_what_a_walk_over_all_mocks_finds() -> None:
    values: List[Any] = [None, "a", "b", {"contains": "a"}]
    mocks = [
        {key: value for key, value in (("provider", provider), ("model", model), ("user", user)) if value is not None}
        for provider in (None, "openai", ["azure", "openai"])
        for model in values
        for user in values
    ]
    compiled = [mock_of({"match": match, "response": {"text": "x"}}) for match in mocks]
    index = m.Index(compiled)
    for provider, model, user in itertools.product(("openai", "gemini"), ("a", "b", "ab", ""), ("a", "b", "ba", "")):
        call = replace(BASE, provider=provider, model=model, user=user)
        assert [mock for mock in index.candidates(call) if mock.matches(call)] == [
            mock for mock in compiled if mock.matches(call)
        ]


def test_the_index_looks_only_at_mocks_that_may_match() -> None:
    many = [
        mock_of({"match": {"provider": "openai", "model": f"m{number}", "user": f"u{number}"}, "response": {"text": "x"}})
        for number in range(1000)
    ]
    assert len(list(m.Index(many).candidates(replace(BASE, model="m7", user="u7")))) == 1


@pytest.mark.parametrize(
    "match, message",
    [
        (
            {"model": "gpt-4o-mini", "user": "Hi there"},
            'no mock matches; closest is "recursion" (added#1): model is "gpt-4o", expected "gpt-4o-mini"',
        ),
        ({"user": "Hi where"}, 'user is "Hi there", expected "Hi where"'),
        ({"headers": {"x-a": "b"}}, 'headers.x-a is absent, expected "b"'),
        ({"headers": {"x-tenant": None}}, 'headers.x-tenant is "a", expected absent'),
        ({"body": {"n": 2}}, "body.n is 1, expected 2"),
        ({"user": {"regex": "^Ho"}}, 'user is "Hi there", expected {"regex": "^Ho"}'),
        ({"operation": "embed"}, 'operation is "generate", expected "embed"'),
        ({"model": "x", "stream": True}, 'model is "gpt-4o", expected "x"'),
    ],
)
def test_a_miss_names_the_nearest_mock_and_the_first_difference(match: Any, message: str) -> None:
    mocks = m.Mocks()
    mocks.add([{"name": "recursion", "match": match, "response": {"text": "x"}}])
    assert message in mocks.explain(mocks.near(asked(session=""), wire_of(m.OpenAIChat)))


def test_the_nearest_mock_is_the_one_of_which_most_holds() -> None:
    mocks = m.Mocks()
    mocks.add(
        [
            {"name": "far", "match": {"user": "Something else"}, "response": {"text": "x"}},
            {
                "name": "near",
                "match": {"provider": "openai", "model": "gpt-4o-mini", "user": "Hi there"},
                "response": {"text": "x"},
            },
            {"name": "farther", "match": {"user": "Other", "model": "z"}, "response": {"text": "x"}},
        ]
    )
    assert 'closest is "near"' in mocks.explain(mocks.near(asked(session=""), wire_of(m.OpenAIChat)))


def test_of_equally_near_mocks_a_typo_away_is_nearest() -> None:
    mocks = m.Mocks()
    mocks.add(
        [
            {"name": "typo", "match": {"user": "Hi thera"}, "response": {"text": "x"}},
            {"name": "other", "match": {"tool_result": {"contains": "12 degrees"}}, "response": {"text": "x"}},
        ]
    )
    assert 'closest is "typo"' in mocks.explain(mocks.near(asked(session=""), wire_of(m.OpenAIChat)))


def test_a_long_text_is_shown_where_it_parts() -> None:
    text = m.explained(("user", "a" * 500 + "X" + "b" * 500, "a" * 500 + "Y" + "b" * 500))
    assert "X" in text and "Y" in text and len(text) < 500


def test_a_miss_never_shows_a_credential() -> None:
    mocks = m.Mocks()
    mocks.add([{"match": {"headers": {"authorization": "Bearer x"}}, "response": {"text": "x"}}])
    said_so = mocks.explain(
        mocks.near(asked(session="", headers={"authorization": "Bearer sk-secret"}), wire_of(m.OpenAIChat))
    )
    assert "sk-secret" not in said_so and hashlib.sha256(b"sk-secret").hexdigest()[:8] in said_so


def test_a_miss_is_a_404_in_the_providers_shape_or_an_echo() -> None:
    assert json.loads(ask(answerer(), m.OpenAIChat).body)["error"]["code"] == "mock_not_found"
    assert json.loads(ask(answerer(), m.GeminiGenerate).body)["error"]["status"] == "NOT_FOUND"
    assert json.loads(ask(answerer(fallback="echo"), m.OpenAIChat).body)["choices"][0]["message"]["content"] == "Hi"


@pytest.mark.parametrize(
    "kind, response, expected",
    [
        (m.OpenAICompletions, {"tool_calls": CALLS}, 'api is "completions", expected one that can say what its response holds'),
        (m.OpenAIEmbeddings, {"text": "x"}, 'api is "embeddings", expected one that can say what its response holds'),
        (m.OpenAIChat, {"events": [{"a": 1}]}, 'stream is false, expected true, because its response has "events" but no "body"'),
        (m.OpenAIChat, {"body": {"a": 1}}, 'stream is true, expected false, because its response has a "body" but no "events"'),
    ],
)
def test_a_response_that_can_not_answer_a_request_does_not_match_it_and_says_so(kind: type, response: Any, expected: str) -> None:
    answers = answerer({"match": {"operation": ["generate", "embed"]}, "response": response})
    found = ask(answers, kind, "body" in response)
    assert found.status == 404 and expected in json.loads(found.body)["error"]["message"]


def test_an_operation_is_generate_unless_the_mock_says_otherwise() -> None:
    assert ask(answerer({"response": {"status": 500}}), m.OpenAIEmbeddings).status == 404
    assert ask(answerer({"response": {"embedding": [1]}}), m.OpenAIEmbeddings).status == 200
    for match in ({"path": "/v1/embeddings"}, {"api": "embeddings"}, {"operation": ["embed", "generate"]}):
        assert ask(answerer({"match": match, "response": {"status": 500}}), m.OpenAIEmbeddings).status == 500
    assert ask(answerer({"match": {"path": {"contains": "/v1"}}, "response": {"status": 500}}), m.OpenAIEmbeddings).status == 404


# --- Recorded answers ---


@pytest.mark.parametrize("events", [[{"a": 1}, {"b": "ü"}], [{"a": 1}, {"b": "ü"}, "[DONE]"]])
def test_recorded_events_are_framed_as_the_provider_does_and_completed(events: Any) -> None:
    answers = answerer({"response": {"events": events}})
    assert bytes_of(ask(answers, m.OpenAIChat, True)) == 'data: {"a":1}\n\ndata: {"b":"ü"}\n\ndata: [DONE]\n\n'.encode()


@pytest.mark.parametrize(
    "kind, events, names",
    [
        (
            m.OpenAIResponses,
            [{"type": "response.created"}, {"type": "response.completed"}],
            ["response.created", "response.completed"],
        ),
        (m.AnthropicMessages, [{"type": "message_start"}, {"type": "message_stop"}], ["message_start", "message_stop"]),
        (m.BedrockClaude, [{"type": "message_start"}, {"type": "message_stop"}], ["chunk", "chunk"]),
        (m.BedrockOther, [{"generation": "a"}, {"generation": "b"}], ["chunk", "chunk"]),
        (m.CohereChat, [{"type": "message-start"}, {"type": "message-end"}], ["message-start", "message-end"]),
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


def test_a_model_whose_maker_has_no_format_here_answers_recorded_bodies_and_says_so_of_others() -> None:
    recorded = {"match": {"user": "Hi"}, "response": {"body": {"generation": "Hello"}}}
    assert ask(answerer(recorded), m.BedrockOther).body == b'{"generation":"Hello"}'
    for answers in (answerer({"response": {"text": "x"}}), answerer(fallback="echo")):
        assert ask(answers, m.BedrockOther).status == 404
    assert "one that can say what its response holds" in complaint_of(
        ask(answerer({"response": {"text": "x"}}), m.BedrockOther).body
    )


def test_recorded_events_follow_googles_framings_too() -> None:
    answers = answerer({"response": {"events": [{"a": 1}, {"b": [1, 2]}]}})
    assert bytes_of(ask(answers, m.GeminiGenerate, True)) == b'data: {"a": 1}\r\n\r\ndata: {"b": [1,2]}\r\n\r\n'
    assert bytes_of(ask(answers, m.GeminiGenerate, True, query={"alt": "json"})).startswith(b'[{\n  "a": 1\n}\n,\r\n{')


def test_a_recorded_stream_that_ends_with_done_can_be_a_json_array() -> None:
    answers = answerer({"response": {"events": [{"a": 1}]}})
    recorded = m.Recorded(frames=(b'data: {"a":1}\n\n', b"data: [DONE]\n\n"))
    assert m.recorded_values(recorded) == ({"a": 1}, "[DONE]")
    sent = list(m.GOOGLE_ARRAY.stream(wire_of(m.GeminiGenerate).recorded_events(m.recorded_values(recorded))))
    assert sent[0] == b'[{\n  "a": 1\n}\n'
    assert ask(answers, m.OpenAIChat).status == 404


def test_recorded_events_with_an_error_status_answer_streams_only() -> None:
    answers = answerer({"response": {"status": 429, "events": [{"error": 1}]}})
    assert [ask(answers, m.OpenAIChat, stream).status for stream in (False, True)] == [404, 429]


def test_a_recorded_error_answers_both_kinds_of_request() -> None:
    answers = answerer({"response": {"status": 503, "body": {"oops": True}}})
    assert [ask(answers, m.OpenAIChat, stream).body for stream in (False, True)] == [b'{\n  "oops": true\n}\n'] * 2


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., str]:
    """Makes a data directory from names and contents (bytes, text, or JSON)."""

    def make(**files: Any) -> str:
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(
                content
                if isinstance(content, bytes)
                else content.encode()
                if isinstance(content, str)
                else json.dumps(content).encode()
            )
        (tmp_path / "mocks").mkdir(exist_ok=True)
        return str(tmp_path)

    return make


def loaded(directory: str) -> m.Mocks:
    mocks = m.Mocks([directory])
    assert mocks.load() == []
    return mocks


def test_recordings_are_sent_byte_for_byte(folder: Any) -> None:
    sse = b'data: {"x":1}\r\n\r\n: odd \xff bytes\n\ndata: tail'
    body = b'{ "odd" :  "layout"}'
    mocks = loaded(
        folder(mocks__a_DOT_json={"response": {"body": "@r/b.json", "events": "@r/e.sse"}}, r__b_DOT_json=body, r__e_DOT_sse=sse)
    )
    answers = m.Answerer(mocks, m.Settings())
    assert ask(answers, m.OpenAIChat).body == body and bytes_of(ask(answers, m.OpenAIChat, True)) == sse


def test_a_gz_twin_is_sent_as_stored_and_a_stale_one_is_refused(folder: Any) -> None:
    body, twin = b'{"a": 1}', gzip.compress(b'{"a": 1}', 1)
    directory = folder(
        mocks__a_DOT_json=[
            {"match": {"model": "gpt-4o-mini"}, "response": {"body": "@b.json"}},
            {"match": {"model": "x"}, "response": {"body": "@b.json.gz"}},
        ],
        b_DOT_json=body,
    )
    Path(directory, "b.json.gz").write_bytes(twin)
    answers = m.Answerer(loaded(directory), m.Settings())
    for model in ("gpt-4o-mini", "x"):
        response = ask(answers, m.OpenAIChat, more={"model": model})
        sent = b"".join(step.data for step in steps_of(response, "gzip") if isinstance(step, m.Send))
        assert response.body == body and sent.endswith(b"\r\n\r\n" + twin)
    Path(directory, "b.json").write_bytes(b"[]")
    assert "b.json.gz is not the gzip of b.json; run convert_to_gzip.py on it" in m.Mocks([directory]).load()[0]


def test_a_jsonl_file_is_one_event_a_line(folder: Any) -> None:
    directory = folder(mocks__a_DOT_json={"response": {"events": "@e.jsonl"}}, e_DOT_jsonl='{"a": 1}\n\n{"b": 2}\n')
    assert (
        bytes_of(ask(m.Answerer(loaded(directory), m.Settings()), m.OpenAIChat, True))
        == b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'
    )
    assert "e.jsonl, line 2: Expecting" in m.Mocks([folder(e_DOT_jsonl='{"a": 1}\n{b\n')]).load()[0]


def test_mock_files_are_read_in_name_order_at_any_depth(folder: Any) -> None:
    one = {"response": {"text": "x"}}
    directory = folder(mocks__b_DOT_json=[one, one], mocks__a__z_DOT_json=one, mocks__note_DOT_txt="not a mock")
    for hidden in (".hidden.json", ".folder/y.json"):
        path = Path(directory, "mocks", hidden)
        path.parent.mkdir(exist_ok=True)
        path.write_text("{")
    mocks = loaded(directory)
    assert [mock.place for mock in mocks.from_files] == ["mocks/a/z.json#1", "mocks/b.json#1", "mocks/b.json#2"]


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "mocks/a.json: not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"\xff", "not JSON: invalid UTF-8 at byte 0"),
        ([{"response": {"text": "x"}}, {"response": {"txt": "x"}}], "mocks/a.json#2: response.txt: unknown key"),
        ({"response": {"body": "@../secret.json"}}, "@../secret.json lies outside the data directory"),
        ({"response": {"body": "@/etc/x.json"}}, "lies outside"),
        ({"response": {"body": "@none.json"}}, 'response.body: no file "none.json" in the data directory'),
    ],
)
def test_a_broken_mock_file_is_named_with_position_and_key(folder: Any, content: Any, message: str) -> None:
    assert message in "\n".join(m.Mocks([folder(mocks__a_DOT_json=content)]).load())


@pytest.mark.parametrize("name", ["a\0b.json", "\ud800.json", "x" * 5000 + ".json", "mocks/a.json/b.json", "loop.json"])
def test_a_file_name_that_leads_nowhere_is_a_bad_mock(folder: Any, tmp_path: Path, name: str) -> None:
    os.symlink("loop.json", str(tmp_path / "loop.json"))
    problems = m.Mocks([folder(mocks__a_DOT_json={"response": {"body": "@" + name}})]).load()
    assert len(problems) == 1 and problems[0].startswith("mocks/a.json#1")


@pytest.mark.parametrize("regex", ["a{99999999999999999999}", "(" * 5000 + ")" * 5000])
def test_a_regular_expression_that_is_too_large_is_a_bad_mock(regex: str) -> None:
    with pytest.raises(BadMock, match="match.user.regex"):
        mock_of({"match": {"user": {"regex": regex}}, "response": {"text": "x"}})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_among_the_mocks_hangs_nothing(folder: Any) -> None:
    directory = folder(mocks__a_DOT_json={"response": {"body": "@pipe.json"}})
    os.mkfifo(os.path.join(directory, "pipe.json"))
    os.mkfifo(os.path.join(directory, "mocks", "b.json"))
    problems = m.Mocks([directory]).load()
    assert len(problems) == 2 and all("is no regular file" in problem for problem in problems)


def test_a_folder_that_can_not_be_listed_keeps_the_mocks(folder: Any, monkeypatch: Any) -> None:
    mocks = loaded(folder(mocks__a_DOT_json={"response": {"text": "x"}}))
    walk = os.walk

    def failing(top: str, onerror: Any = None, **more: Any) -> Any:
        onerror(PermissionError(13, "Permission denied", top))
        return walk(top, onerror=onerror, **more)

    monkeypatch.setattr(os, "walk", failing)
    assert "mocks: can't read this folder: Permission denied" in mocks.load()[0] and len(mocks.from_files) == 1


def test_links_do_not_lead_out_of_the_data_directory(folder: Any, tmp_path: Path) -> None:
    directory = folder(mocks__a_DOT_json={"response": {"body": "@link.json"}})
    outside = tmp_path.parent / (tmp_path.name + "-outside.json")
    outside.write_text("{}")
    try:
        os.symlink(str(outside), str(tmp_path / "link.json"))
        assert "lies outside the data directory" in m.Mocks([directory]).load()[0]
    finally:
        outside.unlink()


def test_changed_mocks_and_their_files_count_at_the_next_request_and_a_broken_edit_does_not(folder: Any) -> None:
    lines: List[str] = []
    directory = folder(mocks__a_DOT_json={"response": {"text": "one"}})
    mocks = m.Mocks([directory], lines.append)
    mocks.load()
    answers = m.Answerer(mocks, m.Settings())

    def edited(content: Any) -> Any:
        folder(mocks__a_DOT_json=content)
        mocks.files.next_check = mocks.files.last_request = 0.0  # as if the request came a moment later
        return texts_of(answers, 1)[0]

    assert edited({"response": {"text": "two"}}) == "two" and edited({"response": {"text": "six"}}) == "six"
    assert edited("{") == "six" and "mocks not reloaded, the previous ones stay: mocks/a.json: not JSON" in lines[-1]
    said_so = len(lines)
    assert edited("{") == "six" and len(lines) == said_so
    assert edited({"response": {"body": "@b.json"}}) == "six"
    folder(b_DOT_json={"choices": [{"message": {"content": "from a file"}}]})
    assert edited({"response": {"body": "@b.json"}}) == "from a file"
    folder(b_DOT_json={"choices": [{"message": {"content": "changed"}}]})
    mocks.files.next_check = mocks.files.last_request = 0.0
    assert texts_of(answers, 1) == ["changed"]
    folder(mocks__b_DOT_json={"response": {"text": "x"}})
    mocks.files.next_check = mocks.files.last_request = 0.0
    texts_of(answers, 1)
    assert len(mocks.from_files) == 2 and "mocks reloaded: 2" in lines[-1]


def test_a_change_is_seen_at_the_very_next_request(folder: Any) -> None:
    with MockServer(data=folder(mocks__a_DOT_json={"response": {"text": "start"}})) as server:
        client = Raw(server)
        for number in range(30):
            folder(mocks__a_DOT_json={"response": {"text": f"text {number}"}})
            assert f'"text {number}"'.encode() in client.send(post()).response()[2]
        client.close()


def test_files_of_a_mock_added_at_run_time_are_watched_too(folder: Any) -> None:
    mocks = loaded(folder(b_DOT_json={"choices": [{"message": {"content": "one"}}]}))
    mocks.add([{"response": {"body": "@b.json"}}])
    answers = m.Answerer(mocks, m.Settings())
    assert texts_of(answers, 1) == ["one"]
    folder(b_DOT_json={"choices": [{"message": {"content": "three"}}]})
    mocks.files.next_check = mocks.files.last_request = 0.0
    assert texts_of(answers, 1) == ["three"] and uses_of(mocks) == 2


def test_a_reload_keeps_the_place_in_the_sequence_of_a_mock_that_stayed(folder: Any) -> None:
    kept = {"match": {"model": "gpt-4o-mini"}, "responses": [{"text": "1"}, {"text": "2"}, {"text": "3"}]}
    mocks = loaded(folder(mocks__a_DOT_json=[kept]))
    answers = m.Answerer(mocks, m.Settings())
    assert texts_of(answers, 1) == ["1"]
    folder(mocks__a_DOT_json=[kept, {"match": {"model": "y"}, "response": {"text": "new"}}])
    mocks.files.next_check = mocks.files.last_request = 0.0
    assert texts_of(answers, 2) == ["2", "3"] and len(mocks.from_files) == 2


# --- The mocks that come with it ---


def shipped(kind: type, stream: bool = False, **more: Any) -> bytes:
    response = ask(m.Answerer(loaded(str(HERE / "data")), m.Settings()), kind, stream, **more)
    assert response.status == 200, bytes_of(response)
    return bytes_of(response)


def poem_body(kind: type) -> Any:
    if issubclass(kind, m.OpenAI):
        return {"model": "gpt-4o-mini", "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": POEM}]}
    return {"contents": [{"role": "user", "parts": [{"text": POEM}]}]}


@pytest.mark.parametrize(
    "kind, name",
    [
        (m.OpenAIChat, "openai_chat"),
        (m.AzureChat, "azure_chat"),
        (m.GeminiGenerate, "gemini_generate"),
        (m.VertexGenerate, "vertex_generate"),
    ],
)
def test_a_recorded_poem_is_sent_as_stored_and_says_the_same_whole_and_streamed(kind: type, name: str) -> None:
    whole, stream = shipped(kind, body=poem_body(kind)), shipped(kind, True, body=poem_body(kind))
    assert (
        whole == (HERE / f"data/recordings/{name}.json").read_bytes()
        and stream == (HERE / f"data/recordings/{name}.sse").read_bytes()
    )
    data = [m.SSE.data(frame) for frame in m.SSE.split(stream)]
    if issubclass(kind, m.OpenAI):
        choices, _, ids, _ = merge_chat(data)
        assert whole_chat(json.loads(whole))[0] == choices and whole_chat(json.loads(whole))[2] == ids
    else:
        assert read_google([json.loads(whole)]) == read_google([json.loads(text) for text in data])
        assert b"\r\n\r\n" in stream and not re.search(rb"(?<!\r)\n", stream) and b"safetyRatings" in whole


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [{"parts": [{"text": POEM}], "role": "user"}]},
        {"contents": [{"parts": [{"text": POEM}]}]},
        {"contents": [{"parts": [{"text": POEM}], "role": "user"}], "generationConfig": {}},
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gemini-1.5-flash",
        "/v1beta/models/gemini-1.5-flash-001",
        *(
            f"/v1/projects/kgateway-project/locations/{place}/publishers/google/models/gemini-1.5-flash-001"
            for place in ("us", "us-central1")
        ),
    ],
)
def test_every_google_request_of_the_main_job_gets_the_poem(path: str, body: Any) -> None:
    answers = m.Answerer(loaded(str(HERE / "data")), m.Settings())
    for verb in (":generateContent", ":streamGenerateContent"):
        response = answers.answer(m.Request("POST", path + verb, body=json.dumps(body).encode())).response
        assert response.status == 200 and b"Stair" in bytes_of(response)


@pytest.mark.parametrize("kind", GENERATE)
@pytest.mark.parametrize("stream", [False, True])
def test_one_neutral_text_serves_every_provider(kind: type, stream: bool) -> None:
    request = request_of(kind, stream)
    request = replace(request, body=request.body.replace(b'"Hi"', b'"Explain recursion in one sentence."'))
    answered = m.Answerer(loaded(str(HERE / "data")), m.Settings()).answer(request)
    assert answered.mock == "one text for every provider" and answered.response.status == 200


# === Transport ===============================================================

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


def test_a_head_is_parsed() -> None:
    head = m.parse_head(b"POST /a?b=c HTTP/1.1\r\nHost: x:1\r\nX-A:1\r\nx-a:  2\t\r\nCookie: a\r\nCookie: b\r\nEmpty:\r\n\r\n")
    assert (head.method, head.target, head.minor) == ("POST", "/a?b=c", 1)
    assert head.headers == {"host": "x:1", "x-a": "1, 2", "cookie": "a; b", "empty": ""} and head.repeated == {"x-a", "cookie"}


BAD_HEADS = [
    (b"GET /\r\nHost: a\r\n\r\n", 400, "malformed request line"),
    (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request line"),
    (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request line"),
    (b"G\x00T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request line"),
    (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request line"),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "HTTP/2.0"),
    (b"PRI * HTTP/2.0\r\n\r\n", 505, "HTTP/2.0"),
    (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "TLS handshake"),
    (GET + b"X: a\r\n b\r\n\r\n", 400, "continues the one before it"),
    (GET + b"X : a\r\n\r\n", 400, "space before its colon"),
    (GET + b"Xa\r\n\r\n", 400, "has no colon"),
    (GET + b"X: a\x00\r\n\r\n", 400, "control character"),
    (GET + b"X: a\rb\r\n\r\n", 400, "control character"),
    (GET + b"(X): a\r\n\r\n", 400, "malformed name"),
    (GET + b"X: a\nY: b\r\n\r\n", 400, "bare LF"),
    (b"GET / HTTP/1.1\r\n\r\n", 400, "Host header is missing"),
    (GET + b"Host: a\r\n\r\n", 400, "Host header is malformed"),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "Host header is malformed"),
    (b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 501, 'method "FOO" is not implemented'),
    (GET + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, "Content-Length is"),
    (GET + b"Content-Length: 5, 5\r\n\r\n", 400, "Content-Length is"),
    (GET + b"Content-Length: +5\r\n\r\n", 400, "Content-Length is"),
    (GET + b"Content-Length: 0x5\r\n\r\n", 400, "Content-Length is"),
    (GET + b"Content-Length: \r\n\r\n", 400, "Content-Length is"),
    (GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "contradict each other"),
    (GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "only chunked"),
    (GET + b"Transfer-Encoding: xchunked\r\n\r\n", 501, "only chunked"),
    (GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "only chunked"),
    (GET + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400, "only chunked"),
    (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "does not exist in HTTP/1.0"),
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "request line is longer"),
    (GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431, "head is longer"),
    (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target"),
    (b"GET a?u=http://b/v1/models HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target"),
    (GET + b"Transfer-Encoding: chunked\xa0\r\n\r\n", 501, "only chunked"),
    (GET + b"Transfer-Encoding: chunked,\r\n\r\n", 400, "only chunked"),
]


@pytest.mark.parametrize("data, status, message", BAD_HEADS)
def test_a_malformed_head_is_refused_and_the_connection_with_it(data: bytes, status: int, message: str) -> None:
    with pytest.raises(m.Refused) as caught:
        m.parse_head(data)
    assert caught.value.status == status and message in caught.value.message and caught.value.close


@pytest.mark.parametrize(
    "method, headers, refused",
    [
        ("POST", {}, None),
        ("PUT", {}, None),
        ("GET", {}, None),
        ("POST", {"content-length": "11"}, 413),
        ("POST", {"content-length": "9" * 30}, 413),
        ("POST", {"content-length": "10"}, None),
    ],
)
def test_the_length_of_a_body_must_be_known_and_allowed(method: str, headers: Any, refused: Optional[int]) -> None:
    try:
        m.body_reader(m.Head(method, "/", 1, headers), 10)
        status = None
    except m.Refused as error:
        status = error.status
    assert status == refused


CHUNKED = b'4;ext="a"\r\nWiki\r\n5 \r\npedia\r\n0\r\nTrailer: x\r\n\r\nGET'


def test_a_chunked_body_reads_the_same_in_every_split() -> None:
    for one, two in itertools.combinations(range(len(CHUNKED) + 1), 2):
        reader = m.ChunkedBody(100)
        done = [reader.feed(data) for data in (CHUNKED[:one], CHUNKED[one:two], CHUNKED[two:])]
        assert (bytes(reader.pieces), reader.rest, done[-1]) == (b"Wikipedia", b"GET", True), (one, two)


@pytest.mark.parametrize(
    "data, status, message",
    [
        (b"x\r\n", 400, "malformed chunk size"),
        (b"-1\r\n", 400, "malformed chunk size"),
        (b"\r\n", 400, "malformed chunk size"),
        (b"0x4\r\n", 400, "malformed chunk size"),
        (b"4\nWiki", 400, "bare LF"),
        (b"4\r\nWikiX\r\n", 400, "longer than its size"),
        (b"65\r\n", 413, "larger than 100 bytes"),
        (b"ffffffffffffffff\r\n", 413, "larger"),
        (b"0\r\nbad trailer\r\n", 400, "malformed trailer"),
        (b"4" + b";" + b"a" * 5000, 400, "longer than 4096"),
    ],
)
def test_a_malformed_chunked_body_is_refused(data: bytes, status: int, message: str) -> None:
    with pytest.raises(m.Refused) as caught:
        m.ChunkedBody(100).feed(data)
    assert caught.value.status == status and message in caught.value.message and caught.value.close


RAW = zlib.compressobj(9, zlib.DEFLATED, -15)
RAW_DEFLATE = RAW.compress(b"hello") + RAW.flush()


@pytest.mark.parametrize(
    "codings, data",
    [
        (["gzip"], gzip.compress(b"hello")),
        (["x-gzip"], gzip.compress(b"hel") + gzip.compress(b"lo")),
        (["deflate"], zlib.compress(b"hello")),
        (["deflate"], RAW_DEFLATE),
        (["identity"], b"hello"),
        (["deflate", "gzip"], gzip.compress(zlib.compress(b"hello"))),
    ],
)
def test_content_codings_are_undone(codings: Any, data: bytes) -> None:
    assert m.decoded(data, codings, 100) == b"hello"


@pytest.mark.parametrize(
    "codings, data, status, message",
    [
        (["br"], b"x", 415, 'Content-Encoding "br" is not known; known: gzip, deflate'),
        (["gzip"], b"hello", 400, "the body is not gzip"),
        (["gzip"], gzip.compress(b"hello")[:-1], 400, "ends too early"),
        (["gzip"], gzip.compress(b"a" * 10_000), 413, "larger than 100 bytes once decompressed"),
        (["deflate"], zlib.compress(b"hi") + b"x", 400, "bytes follow"),
        (["gzip"], b"", 400, "ends too early"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(codings: Any, data: bytes, status: int, message: str) -> None:
    with pytest.raises(m.Refused) as caught:
        m.decoded(data, codings, 100)
    assert caught.value.status == status and message in caught.value.message


@pytest.mark.parametrize(
    "accept, coding",
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("br", "identity"),
        ("*", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.5", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=0.5, identity;q=0.4", "gzip"),
        ("gzip;q=1.0, *;q=0", "gzip"),
        ("identity;q=0", None),
        ("identity;q=0, gzip", "gzip"),
        ("*;q=0", None),
        ("*;q=0, identity", "identity"),
        ("gzip;q=0, identity;q=0", None),
        ("gzip;q=0, *", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;q=abc", "identity"),
        ("gzip ; q=0.001", "gzip"),
        ("gzip;q=0.000", "identity"),
        ("identity;q=0, *", "gzip"),
    ],
)
def test_gzip_is_negotiated_by_rfc_9110(accept: Optional[str], coding: Optional[str]) -> None:
    assert m.negotiated(accept) == coding


DATE = (("Date", "now"), ("X-Mock-Request-Id", "1"))
TEXT = (("Content-Type", "text/plain"),)


def performed(response: m.Response, **exchange: Any) -> List[Any]:
    """The steps of a response: bytes, or seconds."""
    return [step.data if isinstance(step, m.Send) else step.seconds for step in steps_of(response, extra=DATE, **exchange)]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: now\r\nX-Mock-Request-Id: 1\r\n"


@pytest.mark.parametrize(
    "response, exchange, expected",
    [
        (m.Response(200, TEXT, b"hi", delivery=m.Delivery(gzip="never")), {}, [HEAD + b"Content-Length: 2\r\n\r\nhi"]),
        (m.Response(200, TEXT, b"hi"), {}, [HEAD + b"Vary: Accept-Encoding\r\nContent-Length: 2\r\n\r\nhi"]),
        (m.Response(200, TEXT, b"hi", may_gzip=False), {"head_only": True}, [HEAD + b"Content-Length: 2\r\n\r\n"]),
        (
            m.Response(200, TEXT, b"hi", may_gzip=False),
            {"keep_alive": False},
            [HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi"],
        ),
        (
            m.Response(200, TEXT, b"hi", may_gzip=False),
            {"minor": 0},
            [HEAD + b"Content-Length: 2\r\nConnection: keep-alive\r\n\r\nhi"],
        ),
        (m.Response(204, (), b"", may_gzip=False), {}, [b"HTTP/1.1 204 No Content\r\nDate: now\r\nX-Mock-Request-Id: 1\r\n\r\n"]),
        (
            m.Response(200, TEXT, b"hi", may_gzip=False, delivery=m.Delivery(delay=2.0)),
            {},
            [2.0, HEAD + b"Content-Length: 2\r\n\r\nhi"],
        ),
        (
            m.Response(200, TEXT, b"hi", twin=b"TWIN"),
            {"accept": "gzip"},
            [HEAD + b"Vary: Accept-Encoding\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nTWIN"],
        ),
        (
            m.Response(200, TEXT, b"hi", twin=b"TWIN", delivery=m.Delivery(gzip="always")),
            {},
            [HEAD + b"Vary: Accept-Encoding\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nTWIN"],
        ),
        (
            m.Response(200, TEXT, b"hi", twin=b"TWIN", delivery=m.Delivery(gzip="never")),
            {"accept": "gzip"},
            [HEAD + b"Content-Length: 2\r\n\r\nhi"],
        ),
        (
            m.Response(200, TEXT, frames=[b"a\n\n", b"bc"], may_gzip=False),
            {"accept": "gzip"},
            [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"3\r\na\n\n\r\n", b"2\r\nbc\r\n", b"0\r\n\r\n"],
        ),
        (
            m.Response(200, TEXT, frames=[b"a", b"b"], may_gzip=False),
            {"minor": 0},
            [HEAD + b"Connection: close\r\n\r\n", b"a", b"b"],
        ),
        (
            m.Response(200, TEXT, frames=[b"a", b"b", b"c"], may_gzip=False, delivery=m.Delivery(pace=m.Pace(3.0, 0.5))),
            {},
            [
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
                3.0,
                b"1\r\na\r\n",
                0.5,
                b"1\r\nb\r\n",
                0.5,
                b"1\r\nc\r\n",
                b"0\r\n\r\n",
            ],
        ),
        (
            m.Response(200, TEXT, frames=[b"a"], may_gzip=False),
            {"head_only": True},
            [HEAD + b"Transfer-Encoding: chunked\r\n\r\n"],
        ),
    ],
)
def test_a_response_becomes_these_steps(response: m.Response, exchange: Any, expected: Any) -> None:
    assert performed(response, **exchange) == expected


def test_a_compressed_stream_is_one_member_that_is_flushed_after_every_event() -> None:
    frames = [b"data: %d\n\n" % number for number in range(5)]
    sent = performed(
        m.Response(200, TEXT, frames=frames, may_gzip=False, delivery=m.Delivery(gzip="always", pace=m.Pace(0.0, 1.0)))
    )
    assert [step for step in sent if isinstance(step, float)] == [1.0] * 4  # none before the gzip trailer
    unpacker = zlib.decompressobj(31)
    chunks = [step.partition(b"\r\n")[2][:-2] for step in sent[1:-1] if isinstance(step, bytes)]
    assert [unpacker.decompress(chunk) for chunk in chunks] == [*frames, b""] and unpacker.eof


def test_jitter_strays_by_its_share_and_is_the_same_for_the_same_seed() -> None:
    drawn = list(itertools.islice(m.gaps(m.Pace(1.0, 2.0, 0.5, "seed")), 200))
    assert drawn == list(itertools.islice(m.gaps(m.Pace(1.0, 2.0, 0.5, "seed")), 200)) and drawn[0] == 1.0
    assert all(1.0 <= gap <= 3.0 for gap in drawn[1:]) and max(drawn) > 2.7 and min(drawn[1:]) < 1.3
    assert drawn != list(itertools.islice(m.gaps(m.Pace(1.0, 2.0, 0.5, "other")), 200))


def test_jitter_depends_on_the_seed_of_the_server_and_is_drawn_anew_for_each_use() -> None:
    mock = {"response": {"text": "x", "pace": {"between": 1, "jitter": 1}}}

    def drawn(seed: int) -> List[Any]:
        known = answerer(mock, seed=seed)
        paces = [ask(known, m.OpenAIChat, True).delivery.pace for _ in range(3)]
        return [list(itertools.islice(m.gaps(pace), 5)) for pace in paces if pace]

    assert drawn(1) == drawn(1) != drawn(2) and drawn(1)[0] != drawn(1)[1] != drawn(1)[2]


def test_the_pace_of_a_mock_goes_before_that_of_the_server() -> None:
    answers = answerer(
        {"match": {"model": "own"}, "response": {"text": "x", "pace": {"first": 1, "tokens_per_second": 4}}},
        {"match": {"model": "zero"}, "response": {"text": "x", "pace": 0}},
        {"response": {"text": "x"}},
        pace=0.25,
    )
    paces = [ask(answers, m.OpenAIChat, True, more={"model": model}).delivery.pace for model in ("own", "zero", "none")]
    assert [(pace.first, pace.between) for pace in paces if pace] == [(1, 0.25), (0, 0), (0, 0.25)]


def test_headers_of_a_mock_replace_add_and_remove() -> None:
    headers = {"X-Request-Id": "mine", "server": None, "x-new": 5}
    sent = ask(answerer({"response": {"text": "x", "headers": headers}}), m.OpenAIChat).headers
    names = [name.lower() for name, _ in sent]
    assert (
        dict(sent)["X-Request-Id"] == "mine"
        and names.count("x-request-id") == 1
        and "server" not in names
        and ("x-new", "5") in sent
    )


def test_headers_of_a_mock_replace_those_of_the_connection_too_but_not_the_request_id() -> None:
    own = {"Date": "then", "vary": None, "X-Mock-Request-Id": None}
    response = ask(answerer({"response": {"text": "x", "headers": own}}), m.OpenAIChat)
    sent = performed(response)[0].decode().lower()
    assert sent.count("date: ") == 1 and "date: then" in sent and "vary" not in sent and "x-mock-request-id: 1" in sent


def test_event_streams_are_compressed_only_when_told_and_json_arrays_when_asked() -> None:
    answers = answerer({"match": {"model": "always"}, "response": {"text": "x", "gzip": "always"}}, {"response": {"text": "x"}})

    def coding(kind: type, accept: Optional[str], **more: Any) -> Optional[str]:
        return m.coding_of(ask(answers, kind, True, **more), accept)

    assert coding(m.OpenAIChat, "gzip") == "identity" and coding(m.OpenAIChat, None, more={"model": "always"}) == "gzip"
    assert coding(m.GeminiGenerate, "gzip") == "identity" and coding(m.GeminiGenerate, "gzip", query={"alt": "json"}) == "gzip"


# === Sockets =================================================================


class Raw:
    """A client that sends bytes as they are and reads responses one by one."""

    def __init__(self, server: MockServer) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port), 10)
        self.file = self.sock.makefile("rb")

    def send(self, data: bytes) -> "Raw":
        self.sock.sendall(data)
        return self

    def response(self, has_body: bool = True) -> Tuple[int, Dict[str, str], bytes]:
        status = int(self.file.readline().split()[1])
        headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if not has_body or status in (204, 100):
            return status, headers, b""
        if "chunked" in headers.get("transfer-encoding", ""):
            return status, headers, b"".join(self.chunks())
        return (
            status,
            headers,
            self.file.read(int(headers["content-length"])) if "content-length" in headers else self.file.read(),
        )

    def chunks(self) -> Iterator[bytes]:
        while True:
            size = int(self.file.readline(), 16)
            data = self.file.read(size)
            assert self.file.read(2) == b"\r\n"
            if not size:
                return
            yield data

    def close(self) -> None:
        self.file.close()
        self.sock.close()


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer() as running:
        running.mock(response={"text": "pong"})
        yield running


@pytest.fixture
def raw(server: MockServer) -> Iterator[Callable[[], Raw]]:
    opened: List[Raw] = []

    def connect() -> Raw:
        opened.append(Raw(server))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


def post(
    body: Any = CHAT, path: str = "/v1/chat/completions", version: str = "1.1", headers: Sequence[str] = (), length: bool = True
) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/{version}", "Host: x", *headers] + ([f"Content-Length: {len(data)}"] if length else [])
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


STREAM = {**CHAT, "stream": True}


def test_pipelined_requests_are_answered_in_order_on_one_connection(raw: Any) -> None:
    client = raw().send(
        b"\r\n" + b"".join(post({**CHAT, "model": f"m{number}", "stream": number % 2 == 1}) for number in range(10))
    )
    for number in range(10):
        status, _, body = client.response()
        assert status == 200 and f'"m{number}"'.encode() in body


def test_a_whole_answer_is_one_write_and_each_event_is_one_chunk_and_one_write(
    server: MockServer, raw: Any, monkeypatch: Any
) -> None:
    writes: List[bytes] = []
    setup = m.Handler.setup

    class Recording:
        """A socket that remembers what is written to it at once."""

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock

        def send(self, data: bytes, flags: int = 0) -> int:
            writes.append(data)
            return self.sock.send(data, flags)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.sock, name)

    def recording(handler: Any) -> None:
        setup(handler)
        handler.connection = Recording(handler.connection)

    monkeypatch.setattr(m.Handler, "setup", recording)
    client = raw().send(post())
    client.response()
    assert len(writes) == 1
    writes.clear()
    _, _, body = client.send(post(STREAM)).response()
    assert len(writes) == 1 + len(m.SSE.split(body)) + 1 and all(write.count(b"data: ") == 1 for write in writes[1:-1])


def test_http_1_0_gets_no_chunks_and_the_connection_is_closed_or_kept_as_it_asks(raw: Any) -> None:
    status, headers, body = raw().send(post(STREAM, version="1.0")).response()
    assert (
        status == 200
        and "transfer-encoding" not in headers
        and headers["connection"] == "close"
        and body.endswith(b"data: [DONE]\n\n")
    )
    assert raw().send(post(version="1.0")).response()[1]["connection"] == "close"
    kept = raw().send(post(version="1.0", headers=["Connection: keep-alive"]))
    assert kept.response()[1]["connection"] == "keep-alive" and kept.send(post(version="1.0")).response()[0] == 200


def test_connection_close_is_honoured(raw: Any) -> None:
    client = raw().send(post(headers=["Connection: close"]))
    assert client.response()[1]["connection"] == "close" and client.file.read() == b""


@pytest.mark.parametrize(
    "headers, encode",
    [
        (["Transfer-Encoding: chunked"], lambda data: b"".join(b"1\r\n%c\r\n" % byte for byte in data) + b"0\r\n\r\n"),
        (["Content-Encoding: gzip"], gzip.compress),
        (["Content-Encoding: deflate"], zlib.compress),
        (
            ["Content-Encoding: gzip", "Transfer-Encoding: chunked"],
            lambda data: b"%x\r\n%b\r\n0\r\n\r\n" % (len(gzip.compress(data)), gzip.compress(data)),
        ),
    ],
)
def test_request_bodies_may_be_chunked_and_compressed(raw: Any, headers: Any, encode: Any) -> None:
    data = encode(json.dumps(CHAT).encode())
    client = raw().send(post(data, headers=headers, length=headers[-1] != "Transfer-Encoding: chunked"))
    assert client.response()[0] == 200 and client.send(post()).response()[0] == 200


def test_expect_100_continue_is_answered_before_the_body_or_refused_without_it(server: MockServer, raw: Any) -> None:
    head, _, body = post(headers=["Expect: 100-continue"]).partition(b"\r\n\r\n")
    client = raw().send(head + b"\r\n\r\n")
    assert client.response()[0] == 100 and client.send(body).response()[0] == 200
    server.core.max_body = 10
    assert raw().send(head + b"\r\n\r\n").response()[0] == 413


def test_head_is_get_without_a_body(raw: Any) -> None:
    client = raw()
    for path in ("/", "/v1/models"):
        status, headers, _ = client.send(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).response(has_body=False)
        assert status == 200 and int(headers["content-length"]) > 10
    assert client.send(b"HEAD /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n").response(has_body=False)[0] == 405


def test_browsers_may_call_provider_paths(raw: Any) -> None:
    status, headers, _ = (
        raw()
        .send(
            b"OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\nAccess-Control-Request-Method: POST\r\n"
            b"Access-Control-Request-Headers: authorization\r\n\r\n"
        )
        .response()
    )
    assert (
        status == 204
        and headers["access-control-allow-origin"] == "*"
        and headers["access-control-allow-headers"] == "authorization"
    )
    assert "POST" in headers["access-control-allow-methods"]
    assert raw().send(post(headers=["Origin: http://a"])).response()[1]["access-control-allow-origin"] == "*"


def test_gzip_is_real_gzip_with_the_right_length_and_vary(raw: Any) -> None:
    status, headers, body = raw().send(post(headers=["Accept-Encoding: gzip"])).response()
    assert status == 200 and headers["content-encoding"] == "gzip" and headers["vary"] == "Accept-Encoding"
    assert body[:2] == b"\x1f\x8b" and json.loads(gzip.decompress(body))["choices"][0]["message"]["content"] == "pong"


def test_neither_gzip_nor_identity_is_406_and_the_connection_lives(raw: Any) -> None:
    client = raw().send(post(headers=["Accept-Encoding: *;q=0"]))
    assert client.response()[0] == 406 and client.send(post()).response()[0] == 200


@pytest.mark.parametrize(
    "data, status",
    [(data, status) for data, status, _ in BAD_HEADS if len(data) < 1000]
    + [
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (post(b"", length=False), 400),
        (post(headers=["Content-Encoding: br"]), 415),
        (post(b"{"), 400),
        (post(b"\xff"), 400),
        (post(headers=["Expect: miracles"]), 417),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_bad_input_gets_an_answer_in_json_and_never_a_dropped_connection(raw: Any, data: bytes, status: int) -> None:
    found, headers, body = raw().send(data).response(has_body=not data.startswith(b"HEAD"))
    assert found == status and json.loads(body)["error"]["message"] and headers["content-type"].startswith("application/json")


def test_a_malformed_request_is_answered_in_the_shape_of_the_provider_that_it_was_for(raw: Any) -> None:
    for target in (GEMINI + ":generateContent", VERTEX + ":generateContent"):
        _, _, body = raw().send(f"POST {target} HTTP/1.1\r\nHost: a\r\nBad header\r\n\r\n".encode()).response()
        assert json.loads(body)["error"]["status"] == "INVALID_ARGUMENT"


def test_a_body_of_very_many_chunks_is_read_in_time_that_grows_with_its_length() -> None:
    reader = m.ChunkedBody(10**6)
    assert reader.feed(b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n") and len(reader.pieces) == 200_000


@pytest.mark.parametrize(
    "data, status", [(b"GET /" + b"a" * 100_000, 414), (GET + b"X: " + b"a" * 100_000, 431), (GET + b"X: a\r\n" * 20_000, 431)]
)
def test_an_endless_head_is_refused_while_it_comes(raw: Any, data: bytes, status: int) -> None:
    client = raw()
    with contextlib.suppress(ConnectionError):
        client.send(data)
    assert client.response()[0] == status


def test_a_too_large_body_is_refused_and_the_client_can_read_why_while_it_still_sends(server: MockServer, raw: Any) -> None:
    server.core.max_body = 1000
    client = raw().send(post(b"x" * 300_000))
    status, _, body = client.response()
    assert status == 413 and "--max-body" in json.loads(body)["error"]["message"] and client.file.read() == b""


def test_slow_and_silent_clients_cost_a_thread_for_a_bounded_time(monkeypatch: Any) -> None:
    for name in ("idle_seconds", "head_seconds", "body_seconds"):
        monkeypatch.setattr(MockServer, name, 0.1)
    with MockServer() as server:
        idle, head, body = Raw(server), Raw(server).send(b"GET / HTT"), Raw(server).send(post()[:-5])
        assert idle.file.read() == b"" and head.response()[0] == 408 and body.response()[0] == 408
        for client in (idle, head, body):
            client.close()


def test_a_client_that_stops_reading_is_given_up_and_delays_nobody(monkeypatch: Any) -> None:
    monkeypatch.setattr(MockServer, "stall_seconds", 0.2)
    with MockServer() as server:
        server.mock(match={"model": "huge"}, response={"text": "x" * 30_000_000, "chunk_size": 100_000})
        server.mock(match={"model": "gpt-4o-mini"}, response={"text": "pong"})
        stuck = [Raw(server).send(post({**STREAM, "model": "huge"})) for _ in range(m.WRITERS + 2)]
        quick = Raw(server).send(post(STREAM))
        assert quick.response()[0] == 200
        wait_until(
            lambda: [entry["ended"] for entry in server.requests if entry["model"] == "huge"] == ["client_closed"] * len(stuck)
        )
        for client in [*stuck, quick]:
            client.close()


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Poll until something holds, or fail."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)


def test_a_client_that_vanishes_in_a_pause_frees_its_thread_at_once(server: MockServer) -> None:
    server.mock(match={"model": "slow"}, response={"text": "a b c", "pace": 60})
    client = Raw(server).send(post({**STREAM, "model": "slow"}))
    client.file.readline()
    client.close()
    wait_until(lambda: str(server.requests[-1]["ended"]).startswith("client_"))


def test_500_connections_at_once_are_served(server: MockServer) -> None:
    clients = [Raw(server) for _ in range(500)]
    for client in clients:
        client.send(post())
    assert [client.response()[0] for client in clients] == [200] * 500
    for client in clients:
        client.close()
    wait_until(lambda: not server.connections and server.waiting <= m.SPARE_THREADS + 1)


def test_pauses_are_kept_and_events_leave_when_they_are_due(server: MockServer) -> None:
    server.mock(match={"model": "paced"}, response={"text": "a b c", "delay": 0.05, "pace": {"first": 0.05, "between": 0.02}})
    started = time.monotonic()
    client = Raw(server).send(post({**STREAM, "model": "paced"}))
    client.response()
    assert time.monotonic() - started >= 0.05 + 0.05 + 5 * 0.02
    client.close()


def test_fast_readers_of_long_streams_leave_their_place_to_others(server: MockServer) -> None:
    server.mock(match={"model": "endless"}, response={"text": "word " * 20_000})
    readers = [Raw(server).send(post({**STREAM, "model": "endless", "n": 8})) for _ in range(m.WRITERS)]
    stop = threading.Event()

    def drain(client: Raw) -> None:
        with contextlib.suppress(OSError):
            while not stop.is_set() and client.sock.recv(1 << 20):
                pass

    threads = [threading.Thread(target=drain, args=(client,)) for client in readers]
    for thread in threads:
        thread.start()
    quick = Raw(server).send(post(STREAM))
    assert quick.response()[0] == 200
    assert not all(entry["ended"] for entry in server.requests if entry["model"] == "endless")
    stop.set()
    for client in [*readers, quick]:
        client.sock.close()
    for thread in threads:
        thread.join(10)


def test_a_burst_after_a_delay_does_not_hold_up_paced_streams(server: MockServer) -> None:
    server.mock(match={"model": "burst"}, response={"text": "word " * 30_000, "delay": 0.01})
    server.mock(match={"model": "paced"}, response={"text": "a b c", "pace": 0.01})
    burst = Raw(server).send(post({**STREAM, "model": "burst", "n": 4}))
    paced = Raw(server).send(post({**STREAM, "model": "paced"}))
    assert paced.response()[2].endswith(b"data: [DONE]\n\n")
    assert [entry["ended"] for entry in server.requests if entry["model"] == "burst"] == [None]
    for client in (burst, paced):
        client.close()


@pytest.mark.parametrize("extra", [b"\r\n", b"x" * 100_000])
@pytest.mark.parametrize("version, headers", [("1.1", ["Connection: close"]), ("1.0", [])])
def test_an_answer_is_not_lost_when_bytes_follow_the_last_request(
    server: MockServer, raw: Any, extra: bytes, version: str, headers: Any
) -> None:
    server.mock(match={"model": "large"}, response={"text": "x" * 500_000})
    client = raw().send(post({**CHAT, "model": "large"}, version=version, headers=headers) + extra)
    assert b"x" * 500_000 in client.response()[2]


def test_a_bug_is_a_500_in_the_providers_shape_and_the_connection_lives(server: MockServer, raw: Any, monkeypatch: Any) -> None:
    plain = m.Answerer.reply
    monkeypatch.setattr(m.Answerer, "reply", lambda self, *asked: 1 // 0)
    client = raw().send(post())
    status, _, body = client.response()
    assert status == 500 and "ZeroDivisionError" in json.loads(body)["error"]["message"]
    monkeypatch.setattr(m.Answerer, "reply", plain)
    assert client.send(post()).response()[0] == 200


def test_every_response_carries_a_request_id_and_a_date(raw: Any) -> None:
    client = raw()
    ids = [client.send(post()).response()[1]["x-mock-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3


def test_the_journal_of_a_python_test_holds_what_was_sent_without_credentials(server: MockServer, raw: Any) -> None:
    raw().send(
        post(headers=["Authorization: Bearer sk-secret", "X-Api-Key: sk-other"], path="/v1/chat/completions?key=sk-third")
    ).response()
    wait_until(lambda: server.requests[-1]["ended"] == "complete")
    entry = server.requests[-1]
    assert (entry["provider"], entry["api"], entry["model"], entry["user"], entry["status"], entry["mock"]) == (
        "openai",
        "chat",
        "gpt-4o-mini",
        "Hi",
        200,
        "added#1",
    )
    assert (
        entry["body"] == CHAT
        and "sk-" not in json.dumps(entry)
        and hashlib.sha256(b"sk-secret").hexdigest()[:8] in entry["headers"]["authorization"]
    )


def test_a_bad_mock_from_python_is_a_value_error() -> None:
    with MockServer() as server, pytest.raises(ValueError, match="unknown key; did you mean 'response'"):
        server.mock(match={"user": "x"}, respnse={"text": "x"})


@pytest.mark.parametrize(
    "options", [{"fallback": "eco"}, {"log": "txt"}, {"pace": -1}, {"max_body": 0}, {"data": "/nowhere-at-all"}, {"pace": "1"}]
)
def test_an_option_from_python_that_can_not_be_followed_is_a_value_error(options: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        MockServer(**options)


def test_the_log_holds_no_control_characters() -> None:
    class Stream:
        """Remembers what is written to it."""

        text = ""

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            pass

    stream: Any = Stream()
    log = m.Log("text", stream)
    log.say("model \x1b[31m\n\u2028 Grüße")
    log.close()
    assert stream.text == "model \\x1b[31m\\n\\u2028 Grüße\n"


def test_mocks_added_later_come_first() -> None:
    with MockServer() as server:
        for text in ("old", "new"):
            server.mock(match={"user": "Hi"}, response={"text": text})
        client = Raw(server).send(post())
        assert b'"new"' in client.response()[2]
        client.close()


def test_a_closed_server_leaves_no_thread_and_no_port_behind() -> None:
    with MockServer() as server:
        client = Raw(server)
        assert client.send(post()).response()[0] == 404
    assert server.threads == 0 and client.file.read() == b""
    client.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), 1)


# === Control API, journal, sessions, gates ===================================

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}


def chat(
    port: int, user: str = "Hi", prefix: str = "", headers: Optional[Mapping[str, str]] = None, **more: Any
) -> Tuple[int, Any]:
    """A chat completion over a socket: status, and the text of the answer or the whole error."""
    body = {**ASK, "messages": [{"role": "user", "content": user}], **more}
    status, data = fetch(port, "POST", prefix + "/v1/chat/completions", json.dumps(body).encode(), headers)
    if status != 200 or more.get("stream"):
        return status, data
    return status, json.loads(data)["choices"][0]["message"]["content"]


def control(port: int, method: str, path: str, body: Any = None, headers: Optional[Mapping[str, str]] = None) -> Tuple[int, Any]:
    """A control request: status and JSON."""
    prefix, _, rest = path.rpartition("/__mock__")
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    status, answer = fetch(port, method, f"{prefix}/__mock__/{rest.lstrip('/')}", data, headers)
    return status, json.loads(answer) if answer else None


JOURNAL_KEYS = [
    *("id", "time", "port", "session", "method", "path", "query", "headers", "body", "provider", "operation", "api", "model"),
    *("stream", "user", "mock", "fault", "status", "unmatched", "near_misses", "note", "duration", "bytes_sent", "events_sent"),
    *("events_total", "blocked", "ended"),
]


def test_the_journal_says_what_was_sent_and_what_became_of_the_answer(server: MockServer) -> None:
    chat(server.port, headers={"Authorization": "Bearer sk-secret", "Cookie": "a=b"})
    entry = server.wait_for(ended="complete")[0]
    assert list(entry) == JOURNAL_KEYS
    assert {key: entry[key] for key in JOURNAL_KEYS[3:14] if key not in ("headers", "body")} == {
        "method": "POST", "path": "/v1/chat/completions", "query": {}, "session": None, "provider": "openai",
        "operation": "generate", "api": "chat", "model": "gpt-4o-mini", "stream": False,
    }  # fmt: skip
    assert (entry["body"], entry["user"], entry["mock"], entry["status"], entry["unmatched"]) == (
        ASK,
        "Hi",
        "added#1",
        200,
        False,
    )
    assert entry["bytes_sent"] > 500 and (entry["events_sent"], entry["events_total"], entry["near_misses"]) == (0, 0, [])
    digest = hashlib.sha256(b"sk-secret").hexdigest()[:8]
    assert entry["headers"]["authorization"] == f"Bearer *** (sha256 {digest})" and "a=b" not in json.dumps(entry)


def test_credentials_are_masked_wherever_they_could_be_shown() -> None:
    with MockServer(log="json") as server:
        server.mock(match={"headers": {"authorization": "Bearer other"}}, response={"text": "x"})
        headers = {**dict.fromkeys({name for wire in m.WIRE_FORMATS for name in wire.credentials}, "sk-secret-1"), "authorization": "Bearer sk-secret-1"}
        answer = fetch(
            server.port,
            "POST",
            "/v1/chat/completions?key=sk-secret-1&access_token=sk-secret-1",
            json.dumps(ASK).encode(),
            headers,
        )
        _, journal = fetch(server.port, "GET", "/__mock__/requests")
        assert b"sk-secret" not in answer[1] + journal
        entry = server.core.journal.entries()[0]
        assert "sk-secret" not in json.dumps(entry.json()) + str(entry.kept)


def test_unmatched_refused_and_unread_requests_are_in_the_journal_too(server: MockServer, raw: Any) -> None:
    server.mock(match={"user": "Ho"}, response={"text": "x"})
    fetch(server.port, "POST", "/v1/embeddings", b'{"model": "m", "input": "x"}')
    fetch(server.port, "POST", "/v1/chat/completions", b"{")
    fetch(server.port, "POST", "/nowhere", b"{}")
    raw().send(b"NONSENSE\r\n\r\n").response()
    found = server.wait_for(count=4)
    assert [(entry["status"], entry["unmatched"], entry["mock"]) for entry in found] == [
        (404, True, None), (400, False, None), (404, False, None), (400, False, None)
    ]  # fmt: skip
    assert [entry["provider"] for entry in found[:3]] == ["openai"] * 3 and found[1]["body"] == "{"


def test_the_journal_is_bounded_by_number_and_its_bodies_by_size() -> None:
    with MockServer(journal=3) as server:
        server.mock(response={"text": "x"})
        for number in range(5):
            chat(server.port, user=str(number) + "x" * (number == 4) * 100_000)
        found = server.wait_for(count=3)
        assert [entry["user"][0] for entry in found] == ["2", "3", "4"]
        assert len(found[-1]["body"]) == m.JOURNAL_BODY and len(found[-1]["user"]) == m.JOURNAL_BODY
    with MockServer(journal=0) as server:
        chat(server.port)
        assert server.requests == [] and control(server.port, "GET", "requests")[1] == {"requests": []}


def entry_of(number: int, session: str = "", size: int = 100) -> m.Entry:
    request = m.Request("POST", "/v1/chat/completions", session=session)
    return m.Entry(str(number), 0.0, request, {"query": {}, "headers": {}}, {}, "openai", asked(session=session), size)


def test_the_journal_stays_flat_however_many_requests_and_sessions_come() -> None:
    journal = m.Journal(size=10, room=5000)
    journal.add(entry_of(0, "old"))
    for number in range(1, 30_000):
        journal.add(entry_of(number, f"s{number % 3}"))
        assert journal.used <= 5000 and journal.kept <= 31 and len(journal.order) <= 1100
    assert len(journal.entries("s0")) == 10 and [entry.number for entry in journal.entries("old")] == ["0"]
    for number in range(200):
        journal.add(entry_of(number, f"session {number}", size=500))
    assert journal.used <= 5000 and len(journal.sessions) <= 11 and len(journal.entries("*")) <= 10


@pytest.mark.parametrize(
    "end, ended",
    [
        (lambda client: client.sock.shutdown(socket.SHUT_RDWR), "client_closed"),
        (
            lambda client: (
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, m.struct.pack("ii", 1, 0)),
                client.file.close(),
                client.sock.close(),
            ),
            "client_reset",
        ),
    ],
)
def test_the_journal_says_when_a_client_left_and_how_much_it_got(server: MockServer, raw: Any, end: Any, ended: str) -> None:
    server.mock(response={"text": "one two three", "pace": {"first": 0, "between": 30}})
    client = raw().send(post(json.dumps({**ASK, "stream": True}).encode()))
    while not client.file.readline().startswith(b"data: "):
        pass
    end(client)
    entry = server.wait_for({"stream": True}, ended=ended)[0]
    assert entry["events_sent"] == 1 and entry["events_total"] == 6


def test_requests_can_be_filtered_counted_and_forgotten(server: MockServer) -> None:
    server.mock(name="ho", match={"user": "Ho"}, response={"text": "x"})
    for user in ("Hi", "Ho", "Ho"):
        chat(server.port, user=user)
    fetch(server.port, "POST", "/v1/embeddings", b'{"model": "m", "input": "x"}')
    server.wait_for(count=4, ended="complete")

    def users(query: str) -> List[str]:
        return [entry["user"] for entry in control(server.port, "GET", "requests" + query)[1]["requests"]]

    assert users("") == ["Hi", "Ho", "Ho", "x"] and users("?limit=2") == ["Ho", "x"] and users("?limit=0") == []
    assert users("?unmatched=1") == ["x"] and users("?mock=ho") == ["Ho", "Ho"] and users("?mock=ho&limit=1") == ["Ho"]

    def count(**match: Any) -> int:
        return control(server.port, "POST", "requests/count", {"match": match})[1]["count"]

    assert (count(), count(user="Ho"), count(operation="embed"), count(user={"regex": "^H"}, model="gpt-4o-mini")) == (4, 2, 1, 3)
    assert count(body={"messages": [{"content": "Hi"}]}) == 1 and count(headers={"host": {"contains": "127.0.0.1"}}) == 4
    assert control(server.port, "DELETE", "requests")[1] == {"deleted": 4} and count() == 0


def test_waiting_ends_as_soon_as_the_requests_are_there(server: MockServer) -> None:
    answers: "queue.Queue[Any]" = queue.Queue()
    wanted = {"match": {"user": "later"}, "count": 2, "ended": "complete", "timeout": 30}
    waiter = threading.Thread(target=lambda: answers.put(control(server.port, "POST", "requests/wait", wanted)))
    waiter.start()
    for user in ("later", "sooner", "later"):
        chat(server.port, user=user)
    status, found = answers.get(timeout=10)
    waiter.join()
    assert status == 200 and [entry["user"] for entry in found["requests"]] == ["later", "later"]


def test_waiting_in_vain_is_408_with_what_came_instead(server: MockServer) -> None:
    chat(server.port, user="other")
    status, found = control(server.port, "POST", "requests/wait", {"match": {"user": "never"}, "timeout": 0.01})
    assert status == 408 and found["error"]["message"].startswith("0 of 1 requests came within 0.01 seconds")
    assert [entry["user"] for entry in found["requests"]] == ["other"]
    with pytest.raises(TimeoutError, match=r"0 of 1 requests came within 0.01 seconds; there was POST /v1/chat/completions"):
        server.wait_for({"user": "never"}, timeout=0.01)


def test_who_waits_is_let_go_when_the_server_closes() -> None:
    answers: "queue.Queue[Any]" = queue.Queue()
    with MockServer() as server:
        waiter = threading.Thread(target=lambda: answers.put(control(server.port, "POST", "requests/wait", {"timeout": 500})))
        waiter.start()
        while not server.core.journal.waiters:
            threading.Event().wait(0.001)
    assert answers.get(timeout=10)[0] == 408
    waiter.join()


def test_mocks_are_added_listed_used_and_removed(server: MockServer) -> None:
    status, found = control(
        server.port,
        "POST",
        "mocks",
        [{"name": "b", "match": {"user": "Hi"}, "response": {"text": "B"}}, {"name": "c", "response": {"text": "C"}}],
    )
    assert status == 201 and len(found["ids"]) == 2
    assert (chat(server.port)[1], chat(server.port, user="x")[1], chat(server.port, user="y")[1]) == ("B", "C", "C")
    listed = control(server.port, "GET", "mocks")[1]["mocks"]
    assert [(mock["name"], mock["uses"]) for mock in listed] == [("b", 1), ("c", 2), ("added#1", 0)]
    assert [mock["id"] for mock in listed[:2]] == found["ids"] and listed[0]["source"]["match"] == {"user": "Hi"}
    assert control(server.port, "DELETE", "mocks/" + found["ids"][0])[0] == 200 and chat(server.port)[1] == "C"
    assert control(server.port, "DELETE", "mocks")[1] == {"deleted": 2} and chat(server.port)[0] == 404


def test_a_mock_from_a_file_is_listed_but_not_removed(folder: Any) -> None:
    with MockServer(data=str(folder(mocks__a_DOT_json=[{"name": "f", "response": {"text": "F"}}]))) as server:
        server.mock(response={"text": "added"})
        mocks = control(server.port, "GET", "mocks")[1]["mocks"]
        assert [mock["id"] for mock in mocks] == ["added-1", "mocks/a.json#1"]
        status, found = control(server.port, "DELETE", "mocks/mocks%2Fa.json%231")
        assert status == 409 and "comes from a file" in found["error"]["message"]
        control(server.port, "DELETE", "mocks")
        assert chat(server.port)[1] == "F"


def test_a_reset_forgets_journal_mocks_and_sequences(folder: Any) -> None:
    data = folder(mocks__a_DOT_json=[{"responses": [{"text": "1"}, {"text": "2"}], "times": 2}])
    with MockServer(data=str(data)) as server:
        server.mock(match={"user": "x"}, response={"text": "added"})
        assert [chat(server.port)[1], chat(server.port)[1], chat(server.port)[0], chat(server.port, user="x")[1]] == [
            "1",
            "2",
            404,
            "added",
        ]
        assert control(server.port, "POST", "reset")[0] == 200 and server.requests == []
        assert [chat(server.port)[1], chat(server.port)[1], chat(server.port, user="x")[0]] == ["1", "2", 404]


BAD_CONTROL = [
    ("POST", "mocks", b"{", 400, "not JSON"),
    (
        "POST",
        "mocks",
        {"match": {"modle": "x"}, "response": {"text": "x"}},
        400,
        "match.modle: unknown key; did you mean 'model'?",
    ),
    ("POST", "mocks", {"response": {}}, 400, "says nothing"),
    ("POST", "mocks", {"response": {"body": "@../x.json"}}, 400, "@../x.json"),
    ("POST", "mocks", 3, 400, "expected an object"),
    ("POST", "requests/count", {"match": {"user": {"regex": "("}}}, 400, "not a regular expression"),
    ("POST", "requests/count", {"mach": {}}, 400, "mach: unknown key; did you mean 'match'?"),
    ("POST", "requests/count", [], 400, "expected an object"),
    ("POST", "requests/wait", {"count": 0}, 400, "count: expected a whole number from 1"),
    ("POST", "requests/wait", {"timeout": "soon"}, 400, "timeout: expected seconds from 0 to 600"),
    ("POST", "requests/wait", {"ended": "completed"}, 400, "did you mean 'complete'?"),
    ("POST", "requests/1/release", {}, 404, "no request"),
    ("GET", "requests?limit=many", None, 400, "limit: expected a whole number"),
    ("GET", "requests?unmached=1", None, 400, "unmached: unknown key; did you mean 'unmatched'?"),
    ("DELETE", "mocks/nope", None, 404, "no mock"),
    ("GET", "request", None, 404, "did you mean '/__mock__/requests'?"),
    ("PUT", "mocks", {}, 405, "takes DELETE, GET, POST"),
    ("GET", "reset", None, 405, "takes POST"),
]


@pytest.mark.parametrize("method, path, body, status, said_so", BAD_CONTROL)
def test_a_bad_control_request_is_told_what_is_wrong(method: str, path: str, body: Any, status: int, said_so: str) -> None:
    with MockServer() as server:
        found, answer = control(server.port, method, path, body)
        assert found == status and said_so in answer["error"]["message"], answer
        assert server.requests == []


def test_a_bad_mock_is_refused_with_the_same_message_as_in_a_file(folder: Any) -> None:
    spec = {"match": {"modle": "x"}, "response": {"text": "x"}}
    problems = m.Mocks([str(folder(mocks__a_DOT_json=[spec]))]).load()
    with MockServer() as server:
        said_so = control(server.port, "POST", "mocks", spec)[1]["error"]["message"]
    assert said_so.replace("added#1", "mocks/a.json#1") == problems[0]


@pytest.mark.parametrize(
    "peer, headers, token, status, code",
    [
        ("127.0.0.1", {"host": "localhost:1"}, "", 200, None),
        ("::1", {"host": "[::1]:1"}, "", 200, None),
        ("127.0.0.1", {"host": "127.0.0.1:1", "origin": "http://127.0.0.1:1"}, "", 200, None),
        ("127.0.0.1", {"host": "mock.internal:1"}, "", 200, None),  # the name that it was told to listen on
        ("10.0.0.7", {"host": "10.0.0.1:1"}, "", 403, "not_loopback"),
        ("10.0.0.7", {"host": "10.0.0.1:1"}, "secret", 403, "not_loopback"),
        ("10.0.0.7", {"host": "10.0.0.1:1", "authorization": "Bearer wrong"}, "secret", 403, "not_loopback"),
        ("10.0.0.7", {"host": "any.name:1", "authorization": "Bearer secret"}, "secret", 200, None),
        ("10.0.0.7", {"host": "10.0.0.1:1", "authorization": "Bearer "}, "", 403, "not_loopback"),
        ("127.0.0.1", {"host": "evil.example:1"}, "", 403, "foreign_host"),
        ("127.0.0.1", {"host": "localhost.evil.example"}, "", 403, "foreign_host"),
        ("127.0.0.1", {"host": "localhost:1", "origin": "http://evil.example"}, "", 403, "foreign_origin"),
        ("127.0.0.1", {"host": "localhost:1", "origin": "http://localhost:3000"}, "", 403, "foreign_origin"),
        ("127.0.0.1", {"host": "localhost:1", "origin": "null"}, "", 403, "foreign_origin"),
    ],
)
def test_the_control_api_admits_loopback_or_a_token_and_no_foreign_page(
    peer: str, headers: Any, token: str, status: int, code: Any
) -> None:
    answers = m.Answerer(m.Mocks(), m.Settings(host="mock.internal", control_token=token))
    response = answers.answer(m.Request("GET", "/__mock__/health", headers=headers, peer=peer)).response
    assert response.status == status and json.loads(response.body).get("error", {}).get("code") == code


def test_no_web_page_may_read_what_the_control_api_says(server: MockServer, raw: Any) -> None:
    for origin, status in ((f"http://127.0.0.1:{server.port}", 200), ("http://evil.example", 403)):
        head = f"GET /__mock__/health HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {origin}\r\n\r\n"
        found, headers, _ = raw().send(head.encode()).response()
        assert found == status and "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path", ["/v1/__mock__/health", "/__mock__%2Fhealth", "/%5F_mock__/health", "/v1/../__mock__/health", "/openai/__mock__"]
)
def test_nothing_of_it_is_reachable_through_a_provider_path(path: str) -> None:
    response = answerer().answer(m.Request("GET", path, peer="127.0.0.1")).response
    assert response.status in (404, 405) and b"uptime" not in response.body


def test_the_health_says_what_is_wrong_with_mock_files(folder: Any) -> None:
    data = folder(mocks__a_DOT_json=[{"response": {"text": "x"}}])
    with MockServer(data=str(data)) as server:
        status, found = control(server.port, "GET", "health")
        assert status == 200 and (found["status"], found["version"], found["mocks"], found["load_errors"]) == (
            "ok",
            m.__version__,
            1,
            [],
        )
        folder(mocks__a_DOT_json=[{"response": {}}])
        found = control(server.port, "GET", "health")[1]
        assert "mocks/a.json#1" in found["load_errors"][0] and found["mocks"] == 1


def test_a_control_request_needs_no_body_and_no_length(server: MockServer, raw: Any) -> None:
    host = f"Host: localhost:{server.port}\r\n\r\n"
    assert raw().send(f"POST /__mock__/reset HTTP/1.1\r\n{host}".encode()).response()[0] == 200
    assert raw().send(f"POST /@x/__mock__/requests/count HTTP/1.1\r\n{host}".encode()).response()[2] == b'{"count":0}\n'


def test_control_requests_that_are_refused_early_are_control_requests_too(server: MockServer, raw: Any) -> None:
    head = f"POST /__mock__/mocks HTTP/1.1\r\nHost: localhost:{server.port}\r\nOrigin: http://evil.example\r\n"
    status, headers, body = raw().send((head + "Content-Length: 99999999\r\n\r\n").encode()).response()
    assert status == 413 and json.loads(body)["error"]["code"] and "access-control-allow-origin" not in headers
    assert server.requests == []


@pytest.mark.parametrize(
    "data",
    [
        b"GET /v1/models?key=SECRETKEY HTTP/1.1 \r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer SECRETKEY\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer SECRETKEY\x01\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nx-api-key: a\r\n SECRETKEY\r\n\r\n",
        b"GET http:/x?key=SECRETKEY HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/models?api_key=SECRETKEY&X-Amz-Signature=SECRETKEY HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nOcp-Apim-Subscription-Key: SECRETKEY\r\ncf-aig-authorization: SECRETKEY\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: SECRETKEY, Bearer x\r\nhelicone-auth: Bearer SECRETKEY\r\n\r\n",
    ],
)
def test_no_credential_reaches_journal_log_or_answer(capfd: Any, data: bytes) -> None:
    with MockServer(log="text") as server:
        client = Raw(server).send(data)
        _, _, body = client.response()
        client.close()
        assert "SECRETKEY" not in json.dumps(server.wait_for()) + body.decode()
    assert "SECRETKEY" not in capfd.readouterr().err


def test_what_a_mock_expects_of_a_credential_is_not_told() -> None:
    answers = answerer(
        {"match": {"headers": {"X-Api-Key": "SECRETKEY"}, "query": {"Key": {"contains": "SECRETKEY"}}}, "response": {"text": "x"}}
    )
    answered = answers.answer(request_of(m.OpenAIChat, headers={"x-api-key": "SECRETKEY2"}, query={"Key": "SECRET"}))
    assert b"SECRET" not in answered.response.body and "SECRET" not in answered.note
    assert m.masked("max-tokens", "1") == "1" and m.masked("Idempotency-Key", "a") == m.masked("pageToken", "a") == "a"
    assert m.unsecret("body.tool.key", "a", "b") == ("body.tool.key", "a", "b")


def test_near_misses_hold_no_more_of_a_long_value_than_is_around_the_difference() -> None:
    answers = answerer(
        {"match": {"user": {"contains": "y"}}, "response": {"text": "x"}},
        {"match": {"body": {"messages": []}}, "response": {"text": "x"}},
    )
    answered = answers.answer(request_of(m.OpenAIChat, more={"messages": [{"role": "user", "content": "x" * 1_000_000}]}))
    assert len(answered.response.body) < 3000


def test_a_hundred_who_wait_cost_a_look_each(server: MockServer) -> None:
    journal = server.core.journal
    waiters = [m.Waiter(f"s{number}", m.conditions(m.Node({"user": "never"}), ""), "complete", 1) for number in range(100)]
    looked: List[str] = []
    for waiter in waiters:
        waiter.wanted = [m.Condition("user", "", lambda call: looked.append(call.user), lambda got: False)]
    journal.waiters += waiters
    chat(server.port, prefix="/@s7")
    server.session("s7").wait_for(ended="complete")
    assert len(looked) == 1  # by the one of that session, at the end
    journal.waiters.clear()


def test_a_client_that_leaves_while_it_waits_is_noticed(server: MockServer) -> None:
    body = b'{"timeout": 500}'
    client = Raw(server).send(
        b"POST /__mock__/requests/wait HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    client.sock.shutdown(socket.SHUT_WR)
    assert client.file.read().startswith(b"HTTP/1.1 403")  # the host is not the server's own
    client.close()
    head = f"POST /__mock__/requests/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    client = Raw(server).send(head + body)
    while not server.core.journal.waiters:
        threading.Event().wait(0.001)
    client.close()
    for _ in range(5000):
        if not server.core.journal.waiters:
            break
        threading.Event().wait(0.001)
    assert server.core.journal.waiters == []


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
    assert response.status == 400 and "X-Mock-Response can't answer this request" in complaint_of(response.body)


@pytest.mark.parametrize("name", ["test_x[a/b]", "a b", "q?x", "h#y", "tést", "pct%41", "a.b~c-d"])
def test_any_name_of_a_test_is_a_session(server: MockServer, name: str) -> None:
    view = server.session(name)
    view.mock(response={"text": name})
    assert chat(server.port, prefix=view.url[len(server.url) :])[1] == name and len(view.requests) == 1
    assert chat(server.port, headers={"X-Mock-Session": name.encode().decode("latin-1")})[1] == name


def test_a_name_that_is_none_is_refused_everywhere(server: MockServer) -> None:
    for name in ("*", "x" * 101, "a\nb"):
        with pytest.raises(ValueError, match="expected a name of up to 100 printable characters"):
            server.session(name)
    assert control(server.port, "POST", "mocks?session=" + "x" * 300, {"response": {"text": "x"}})[0] == 400
    assert control(server.port, "POST", "mocks?session=*", {"response": {"text": "x"}})[0] == 400


def test_all_sessions_are_listed_and_emptied_with_a_star(server: MockServer) -> None:
    for name in ("a", "b"):
        server.session(name).mock(name=name, response={"text": name})
    assert [mock["name"] for mock in control(server.port, "GET", "mocks?session=*")[1]["mocks"]] == ["added#1", "a", "b"]
    assert control(server.port, "DELETE", "mocks?session=*")[1] == {"deleted": 3}
    assert [chat(server.port, prefix=prefix)[0] for prefix in ("", "/@a", "/@b")] == [404] * 3


def test_a_gated_stream_is_found_whatever_became_of_the_journal_and_a_reset_opens_it(raw: Any) -> None:
    with MockServer(journal=1) as server:
        server.mock(match={"stream": True}, response={"text": "one two", "gate": True})
        clients = [Raw(server).send(post(json.dumps(STREAMING).encode())) for _ in range(2)]
        first = server.core.journal
        while len(first.gated) < 2:
            threading.Event().wait(0.001)
        numbers = list(first.gated)
        server.core.journal.clear()
        for number in numbers[:1]:
            assert control(server.port, "POST", f"requests/{number}/release", {"events": 9})[0] == 200
        control(server.port, "POST", "reset")
        for client in clients:
            assert client.response()[2].endswith(b"data: [DONE]\n\n")
            client.close()


def test_what_a_test_does_to_a_journal_entry_changes_nothing_else(server: MockServer) -> None:
    chat(server.port)
    entry = server.wait_for()[0]
    entry["body"].clear()
    entry["headers"].clear()
    chat(server.port)
    assert [other["body"] for other in server.wait_for(count=2)] == [ASK, ASK] and server.requests[1]["headers"]


def test_a_mock_of_a_session_whose_file_is_gone_keeps_no_other_from_being_read_again(folder: Any) -> None:
    data = folder(mocks__a_DOT_json=[{"response": {"text": "old"}}], rec_DOT_json={"choices": []})
    with MockServer(data=str(data)) as server:
        server.session("s").mock(response={"body": "@rec.json"})
        os.remove(os.path.join(str(data), "rec.json"))
        folder(mocks__a_DOT_json=[{"response": {"text": "new"}}])
        assert chat(server.port)[1] == "new"
        assert fetch(server.port, "POST", "/@s/v1/chat/completions", json.dumps(ASK).encode()) == (200, b'{"choices": []}')


def test_a_mock_that_was_removed_leaves_nothing_behind(server: MockServer) -> None:
    for _ in range(3):
        ids = control(server.port, "POST", "mocks", {"response": {"text": "x"}})[1]["ids"]
        chat(server.port)
        control(server.port, "DELETE", "mocks/" + ids[0])
    assert len(server.core.mocks.session("").uses) <= 1


def test_the_inspector_is_at_the_path_with_a_slash(server: MockServer, raw: Any) -> None:
    head = f"GET /__mock__ HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n"
    status, headers, _ = raw().send(head.encode()).response()
    assert status == 308 and headers["location"] == "/__mock__/"


def test_metrics_count_in_prometheus_text_format(server: MockServer) -> None:
    chat(server.port)
    chat(server.port, stream=True)
    fetch(server.port, "POST", "/v1/embeddings", b'{"model": "m", "input": "x"}')
    server.wait_for(count=3, ended="complete")
    _, text = fetch(server.port, "GET", "/__mock__/metrics")
    lines = text.decode().splitlines()
    assert 'mock_server_requests_total{provider="openai",api="chat",status="200",matched="true"} 2' in lines
    assert 'mock_server_requests_total{provider="openai",api="embeddings",status="404",matched="false"} 1' in lines
    assert 'mock_server_requests_ended_total{ended="complete"} 3' in lines and "mock_server_requests_in_flight 0" in lines
    assert "# TYPE mock_server_requests_total counter" in lines and "mock_server_events_sent_total 4" in lines


def test_the_live_journal_tells_of_each_request_when_it_comes_and_when_it_ends(server: MockServer, raw: Any) -> None:
    host = f"Host: 127.0.0.1:{server.port}\r\n\r\n"
    watcher = raw().send(f"GET /__mock__/requests/live HTTP/1.1\r\n{host}".encode())
    while watcher.file.readline() != b"\r\n":
        pass
    chunks = watcher.chunks()
    assert next(chunks) == b": live\n\n"
    chat(server.port, user="Hi")
    chat(server.port, user="elsewhere", prefix="/@other")
    chat(server.port, user="Ho")
    frames = [next(chunks) for _ in range(4)]
    told = [(re.match(rb"event: (\w+)", frame).group(1), json.loads(m.SSE.data(frame))) for frame in frames]  # type: ignore[union-attr]
    assert [(name, entry["user"], entry["ended"]) for name, entry in told] == [
        (b"request", "Hi", None), (b"ended", "Hi", "complete"), (b"request", "Ho", None), (b"ended", "Ho", "complete")
    ]  # fmt: skip
    watcher.close()
    while server.core.journal.feeds:
        chat(server.port)


def test_a_live_journal_ends_with_the_server_and_delays_no_shutdown(raw: Any) -> None:
    with MockServer() as server:
        client = Raw(server)
        client.send(f"GET /__mock__/requests/live HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode())
        client.file.readline()
    assert client.file.read().endswith(b"0\r\n\r\n")
    client.close()


def test_a_slow_reader_of_the_live_journal_is_told_what_it_missed(monkeypatch: Any) -> None:
    monkeypatch.setattr(sys.modules[m.Journal.__module__], "LIVE_BACKLOG", 2)
    feed = m.Feed()
    for number in range(5):
        feed.put(b"%d" % number)
    feed.waiting.append(None)
    assert [frame for frame in feed.frames() if not isinstance(frame, m.Hold)] == [
        b": live\n\n", b": 3 events dropped, they are read too slowly\n\n0", b"1"
    ]  # fmt: skip


def test_the_inspector_is_a_page_that_needs_nothing_else(server: MockServer) -> None:
    status, page = fetch(server.port, "GET", "/__mock__/")
    assert status == 200 and b"requests/live" in page and not re.search(rb"(?:src|href)=", page)


# --- Near misses ---


def test_a_miss_tells_the_three_nearest_mocks_with_every_difference_everywhere() -> None:
    specs = [
        {
            "name": "far",
            "match": {"user": "a", "system": "b", "model": "c", "stream": True, "turn": 7},
            "response": {"text": "x"},
        },
        {"name": "long", "match": {"user": "x" * 300 + "y"}, "response": {"text": "x"}},
        {"name": "near", "match": {"model": "gpt-4o-mini", "user": "Ho"}, "response": {"text": "x"}},
        {"name": "both", "match": {"model": "gpt-4o", "user": "Ho"}, "response": {"text": "x"}},
    ]
    with MockServer(log="json") as server:
        server.core.mocks.add(specs)
        _, body = chat(server.port, user="x" * 300 + "z")
        misses = json.loads(body)["near_misses"]
        assert server.wait_for()[0]["near_misses"] == misses
    assert [miss["mock"] for miss in misses] == ["long", "near", "both"]
    found = {miss["mock"]: miss["differences"] for miss in misses}
    assert found["long"] == [{"key": "user", "differs_at": 300, "got": "x" * 80 + "z", "expected": "x" * 80 + "y"}]
    assert [(one["key"], one["got"], one["expected"]) for one in found["both"]][0] == ("model", "gpt-4o-mini", "gpt-4o")
    assert len(found["both"]) == 2


def test_the_log_names_the_near_misses(capfd: Any) -> None:
    with MockServer(log="text") as server:
        for name in ("one", "two"):
            server.mock(name=name, match={"user": name}, response={"text": "x"})
        chat(server.port, user="three")
    line = capfd.readouterr().err
    assert line.count('user is "three"') == 2 and re.search('closest is "(one|two)".+; then "(?!\\1)(one|two)"', line)


# --- Sessions ---


def test_a_session_is_named_by_a_path_prefix_or_by_a_header(server: MockServer) -> None:
    view = server.session("checkout")
    view.mock(match={"session": "checkout"}, response={"text": "its own"})
    assert chat(server.port)[1] == "pong"
    assert chat(server.port, prefix="/@checkout")[1] == chat(server.port, headers={"X-Mock-Session": "checkout"})[1] == "its own"
    assert (
        chat(server.port, prefix="/%40checkout")[1]
        == chat(server.port, prefix="/@checkout", headers={"X-Mock-Session": "x"})[1]
        == "its own"
    )
    entries = view.wait_for(count=4, ended="complete")
    assert {entry["path"] for entry in entries} == {"/v1/chat/completions"} and {entry["session"] for entry in entries} == {
        "checkout"
    }
    assert len(server.requests) == 1 and view.url == server.url + "/@checkout"
    assert control(server.port, "GET", "/@checkout/__mock__/requests") == control(server.port, "GET", "requests?session=checkout")
    assert len(control(server.port, "GET", "requests?session=*")[1]["requests"]) == 5
    assert control(server.port, "GET", "/@checkout/__mock__/mocks")[1]["mocks"][0]["uses"] == 4


def test_a_session_falls_back_to_the_mocks_from_files_with_a_sequence_of_its_own(folder: Any) -> None:
    data = folder(mocks__a_DOT_json=[{"responses": [{"text": "1"}, {"text": "2"}], "times": 2}])
    with MockServer(data=str(data)) as server:
        assert [chat(server.port, prefix=prefix)[1] for prefix in ("/@a", "/@b", "", "/@a", "/@b", "")] == [
            "1",
            "1",
            "1",
            "2",
            "2",
            "2",
        ]
        assert chat(server.port, prefix="/@a")[0] == 404
        server.session("a").reset()
        assert chat(server.port, prefix="/@a")[1] == "1" and chat(server.port, prefix="/@b")[0] == 404


def test_50_parallel_tests_share_a_server_without_seeing_each_other(server: MockServer) -> None:
    wrong: List[Any] = []

    def test(number: int) -> None:
        view = server.session(f"test {number}")
        prefix = view.url[len(server.url) :].replace(" ", "%20")
        control(
            server.port, "POST", prefix + "/__mock__/mocks", {"responses": [{"text": f"{number} {turn}"} for turn in range(3)]}
        )
        said_so = [chat(server.port, user=f"user {number}", prefix=prefix)[1] for _ in range(3)]
        users = {entry["user"] for entry in view.wait_for(count=3, ended="complete")}
        if said_so != [f"{number} {turn}" for turn in range(3)] or users != {f"user {number}"} or len(view.requests) != 3:
            wrong.append((number, said_so, users))

    threads = [threading.Thread(target=test, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and server.requests == []


@pytest.mark.parametrize("headers, prefix", [({"X-Mock-Session": "*"}, ""), ({}, "/@*"), ({}, "/@" + "x" * 101), ({}, "/@a%00b")])
def test_a_session_needs_a_name(server: MockServer, headers: Any, prefix: str) -> None:
    status, body = chat(server.port, prefix=prefix, headers=headers)
    assert status == 400 and "expected a name of up to 100 printable characters" in complaint_of(body)


def test_the_sessions_that_were_unused_for_longest_are_forgotten(monkeypatch: Any) -> None:
    monkeypatch.setattr(sys.modules[m.Mocks.__module__], "SESSIONS", 3)
    mocks = m.Mocks()
    for name in ("a", "b", "a", "c", "d"):
        mocks.session(name)
    assert list(mocks.sessions) == ["", "c", "d"]


# --- X-Mock-Response and several ports ---


@pytest.mark.parametrize(
    "header, status, said_so",
    [
        ('{"text": "mine"}', 200, "mine"),
        ('{"text": "to {{user}}"}', 200, "to Hi"),
        ('{"error": {"kind": "rate_limit"}}', 429, "Rate limit reached"),
        ('{"status": 503}', 503, "overloaded"),
        ('{"delay": 0, "headers": {"x-a": "b"}}', 200, "pong"),
        ("{", 400, "X-Mock-Response: not JSON"),
        ('{"txet": "x"}', 400, "did you mean 'text'?"),
        ('{"body": "@recordings/openai_chat.json"}', 400, "a header may name none"),
        ('{"gzip": "maybe"}', 400, "response.gzip"),
    ],
)
def test_a_request_may_bring_its_answer_along(server: MockServer, header: str, status: int, said_so: str) -> None:
    for _ in range(2):
        found, answer = chat(server.port, headers={"X-Mock-Response": header})
        assert found == status and said_so in (answer if found == 200 else complaint_of(answer))
    assert chat(server.port)[1] == "pong"


def test_what_a_header_says_of_the_delivery_goes_before_the_mock(server: MockServer, raw: Any) -> None:
    headers = ['X-Mock-Response: {"headers": {"x-a": "b"}, "gzip": "always"}']
    status, found, body = raw().send(post(json.dumps(ASK).encode(), headers=headers)).response()
    assert status == 200 and found["x-a"] == "b" and b"pong" in gzip.decompress(body)


def test_a_failover_is_asserted_from_one_journal() -> None:
    with MockServer() as first, MockServer(core=first.core) as second:
        first.mock(match={"port": first.port}, response={"status": 429})
        first.mock(match={"port": second.port}, response={"text": "from the second"})
        answers = [chat(port) for port in (first.port, second.port)]  # what a gateway does
        assert [status for status, _ in answers] == [429, 200]
        assert [(entry["port"], entry["status"]) for entry in first.wait_for(count=2)] == [(first.port, 429), (second.port, 200)]


# --- Gates ---


class Proxy:
    """A gateway: forwards one request, and passes the answer on as it comes, or buffered."""

    def __init__(self, port: int, buffering: bool) -> None:
        self.upstream, self.buffering = port, buffering
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        client, _ = self.listener.accept()
        with client, socket.create_connection(("127.0.0.1", self.upstream), 10) as upstream:
            upstream.sendall(client.recv(65536))
            held = b""
            while True:
                data = upstream.recv(65536)
                held += data
                if data and not self.buffering:
                    client.sendall(data)
                if not data or data.endswith(b"0\r\n\r\n"):
                    break
            if self.buffering:
                client.sendall(held)

    def close(self) -> None:
        self.thread.join()
        self.listener.close()


@pytest.mark.parametrize("buffering", [False, True])
def test_a_gate_tells_a_gateway_that_buffers_from_one_that_streams(server: MockServer, buffering: bool) -> None:
    server.mock(response={"text": "one two three", "gate": True})
    proxy = Proxy(server.port, buffering)
    client = socket.create_connection(("127.0.0.1", proxy.port), 10)
    client.sendall(post(json.dumps({**ASK, "stream": True}).encode()))
    entry = server.wait_for({"stream": True})[0]
    release = f"requests/{entry['id']}/release"
    client.settimeout(10 if not buffering else 0.2)
    try:
        early = client.recv(65536)
        while b"data: " not in early:
            early += client.recv(65536)
    except socket.timeout:
        early = b""
    assert (b"data: " in early) is not buffering and b"[DONE]" not in early and entry["ended"] is None
    assert entry["events_sent"] <= 1 and entry["events_total"] == 6
    assert control(server.port, "POST", release, {"events": 2})[1] == {"released": 2}
    assert control(server.port, "POST", release)[0] == control(server.port, "POST", release, {"events": 2})[0] == 200
    client.settimeout(10)
    rest = early
    while not rest.endswith(b"0\r\n\r\n"):
        rest += client.recv(65536)
    proxy.close()
    client.close()
    assert rest.count(b"data: ") == 6 and server.wait_for({"stream": True}, ended="complete")[0]["events_sent"] == 6
    assert control(server.port, "POST", release)[0] == 409


def test_a_gated_stream_ends_when_its_client_leaves_and_when_the_server_closes(raw: Any, server: MockServer) -> None:
    server.mock(response={"text": "one two three", "gate": True})
    client = raw().send(post(json.dumps({**ASK, "stream": True}).encode()))
    while not client.file.readline().startswith(b"data: "):
        pass
    client.sock.shutdown(socket.SHUT_RDWR)
    assert server.wait_for(ended="client_closed")[0]["events_sent"] == 1
    with MockServer() as other:
        other.mock(response={"text": "one two three", "gate": True})
        second = Raw(other).send(post(json.dumps({**ASK, "stream": True}).encode()))
        second.file.readline()
        journal = other.core.journal
    assert journal.entries()[0].ended == "shutdown"
    second.close()


@pytest.mark.parametrize("more", [{"pace": 0.001}, {"gzip": "always"}])
def test_a_gate_goes_with_pace_and_gzip(server: MockServer, raw: Any, more: Any) -> None:
    server.mock(response={"text": "one two three", "gate": True, **more})
    client = raw().send(post(json.dumps({**ASK, "stream": True}).encode()))
    entry = server.wait_for({"stream": True})[0]
    server.release(entry["id"], 5)
    _, headers, body = client.response()
    body = gzip.decompress(body) if headers.get("content-encoding") else body
    assert body.endswith(b"data: [DONE]\n\n") and server.wait_for({"stream": True}, ended="complete")


def test_a_whole_answer_has_no_gate(server: MockServer) -> None:
    server.mock(response={"text": "one", "gate": True})
    assert chat(server.port)[1] == "one"
    number = server.wait_for(ended="complete")[0]["id"]
    assert control(server.port, "POST", f"requests/{number}/release")[0] == 409
    with pytest.raises(KeyError):
        server.release(number)


# === Faults, wire plans, limits, TLS =========================================

SHORT = {"text": "Grüße an 東京", "usage": USAGE}
STREAMING = {**ASK, "stream": True}


def everything(server: MockServer, body: Any = ASK, headers: Sequence[str] = (), patience: float = 10) -> Tuple[bytes, str]:
    """All bytes that come back on a connection of its own, the date and the id left out, and how it ends: FIN, RST, kept (a
    second request is answered), or silent, with nothing for as long as patience lasts."""
    health = b'"service":"mock-provider"}'
    client = Raw(server).send(post(json.dumps(body).encode(), headers=list(headers)) + GET + b"\r\n")
    client.sock.settimeout(patience)
    data, end = b"", "FIN"
    try:
        while not data.endswith(health):
            piece = client.sock.recv(65536)
            if not piece:
                break
            data += piece
        else:
            data, end = data[: data.rindex(b"HTTP/1.1 200 OK")], "kept"
    except ConnectionResetError:
        end = "RST"
    except socket.timeout:
        end = "silent"
    client.close()
    return re.sub(rb"(Date|X-Mock-Request-Id): [^\r]+\r\n", b"", data), end


def parts_of(data: bytes) -> Tuple[bytes, List[bytes]]:
    """A head, and the chunks of the body with their framing."""
    head, _, body = data.partition(b"\r\n\r\n")
    chunks = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        end = len(size) + 2 + int(size.partition(b";")[0], 16) + 2
        chunks.append(body[:end])
        body = body[end:]
    return head + b"\r\n\r\n", chunks


INTACT: Dict[Any, bytes] = {}


def intact(stream: bool, **more: Any) -> bytes:
    if (stream, repr(more)) not in INTACT:
        with MockServer() as server:
            server.mock(response={**SHORT, **more})
            INTACT[stream, repr(more)] = everything(server, STREAMING if stream else ASK)[0]
    return INTACT[stream, repr(more)]


def test_every_fault_has_its_steps_and_every_plan_is_known_by_name() -> None:
    assert set(m.FAULTS) == {"reset", "close", "hang", "truncate", "malformed", "garbage", "bad_gzip", "drip"}
    assert list(m.WIRE_PLANS) == [
        *("whole", "event", "byte", "utf8", "eol", "crlf", "cr", "comments", "no_space", "extensions", "trailers", "gzip-event"),
        *("gzip-block", "gzip-members", "coalesce"),
    ]


Expect = Callable[[bytes, bytes, List[bytes]], bytes]  # of all intact bytes, the head, the chunks
NOTHING: Expect = lambda all_, head, chunks: b""  # noqa: E731
FAULT_BYTES: List[Tuple[Any, bool, Expect, str]] = [
    ({"fault": "reset"}, False, NOTHING, "RST"),
    ({"fault": "reset"}, True, NOTHING, "RST"),
    ({"fault": "reset", "after_events": 2}, True, lambda all_, head, chunks: head + b"".join(chunks[:2]), "RST"),
    ({"fault": "reset", "after_events": 0}, True, lambda all_, head, chunks: head, "RST"),
    ({"fault": "reset", "after_events": 99}, True, lambda all_, head, chunks: head + b"".join(chunks[:-1]), "RST"),
    ({"fault": "close"}, False, NOTHING, "FIN"),
    ({"fault": "close"}, True, NOTHING, "FIN"),
    ({"fault": "close", "after_events": 2}, True, lambda all_, head, chunks: head + b"".join(chunks[:2]), "FIN"),
    ({"fault": "close", "after_events": 2}, False, NOTHING, "FIN"),
    ({"fault": "garbage"}, False, lambda all_, head, chunks: m.GARBAGE, "FIN"),
    ({"fault": "garbage", "after_events": 1}, True, lambda all_, head, chunks: head + chunks[0] + m.GARBAGE, "FIN"),
    ({"fault": "hang"}, False, NOTHING, "silent"),
    ({"fault": "hang", "after_events": 1}, True, lambda all_, head, chunks: head + chunks[0], "silent"),
    ({"fault": "truncate"}, False, lambda all_, head, chunks: all_[: len(head) + (len(all_) - len(head)) // 2], "FIN"),
    ({"fault": "truncate"}, True, lambda all_, head, chunks: head + b"".join(chunks[:3]) + b"0\r\n\r\n", "kept"),
    ({"fault": "truncate", "after_events": 1}, True, lambda all_, head, chunks: head + chunks[0] + b"0\r\n\r\n", "kept"),
    ({"fault": "drip"}, False, lambda all_, head, chunks: all_, "kept"),
    ({"fault": "drip"}, True, lambda all_, head, chunks: all_, "kept"),
    ({"fault": "close", "probability": 0}, False, lambda all_, head, chunks: all_, "kept"),
    ({"fault": "close", "probability": 1}, False, NOTHING, "FIN"),
]


@pytest.mark.parametrize("fault, stream, expected, end", FAULT_BYTES)
def test_a_fault_sends_exactly_these_bytes_and_ends_the_connection_like_this(
    fault: Any, stream: bool, expected: Expect, end: str
) -> None:
    whole = intact(stream)
    head, chunks = parts_of(whole) if stream else (whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", [])
    with MockServer() as server:
        server.mock(match={"user": "Ho"}, response={"text": "fine"})
        server.mock(match={"user": "Hi"}, response={**SHORT, **fault})
        found = everything(server, STREAMING if stream else ASK, patience=0.2 if end == "silent" else 10)
        assert found == (expected(whole, head, chunks), end)
        assert chat(server.port, user="Ho") == (200, "fine")
        entry = server.requests[0]
        assert entry["fault"] == (None if fault.get("probability") == 0 else fault["fault"])
        ended = {"silent": "client_closed", "kept": "fault" if fault["fault"] == "truncate" else "complete"}.get(end, "fault")
        server.wait_for({"user": "Hi"}, ended=ended)


def test_a_dripping_answer_comes_a_byte_a_write() -> None:
    made = m.Response(200, (), b"hello")
    sends = steps_of(replace(made, delivery=m.Delivery(fault=m.Fault("drip"))))
    assert all(isinstance(step, m.Send) and len(step.data) == 1 for step in sends)
    whole = steps_of(made)[0]
    assert isinstance(whole, m.Send) and b"".join(step.data for step in sends if isinstance(step, m.Send)) == whole.data
    assert sum(step.head for step in sends if isinstance(step, m.Send)) == whole.head


@pytest.mark.parametrize("kind", STREAMED)
def test_a_malformed_answer_holds_broken_json_and_is_fine_otherwise(kind: type) -> None:
    events = [
        {"type": "message_start", "delta": {"a": 1}},
        {"type": "ping", "delta": {"b": 2}},
        {"type": "message_stop", "delta": {"c": 3}},
    ]
    base = {"body": {"a": {"b": 1}}, "events": events}
    whole = ask(answerer({"response": {**base, "fault": "malformed"}}), kind)
    with pytest.raises(ValueError):
        json.loads(whole.body)
    good = ask(answerer({"response": base}), kind, True)
    broken = ask(answerer({"response": {**base, "fault": "malformed", "after_events": 1}}), kind, True)
    frames, torn = list(good.frames or ()), list(broken.frames or ())
    assert len(frames) == len(torn) and [one for one in range(len(frames)) if frames[one] != torn[one]] == [1]
    framing = wire_of(kind).framing(call_of(kind, True))
    if isinstance(framing, m.EventStream):
        ((_, payload),) = framing.split(torn[1])  # its checksums are right
        with pytest.raises(ValueError):
            json.loads(payload)
    elif isinstance(framing, m.SSE):
        assert torn[1].endswith((b"\n\n", b"\r\n\r\n"))
        with pytest.raises(ValueError):
            json.loads(m.SSE.data(torn[1]))
    else:
        with pytest.raises(ValueError):
            json.loads(torn[1])


def test_recorded_frames_and_json_arrays_can_be_malformed_too() -> None:
    frame = b'event: x\ndata: {"a": {"b": [1, 2, 3]}}\n\n'
    torn = m.SSE.tear(frame)
    assert torn.startswith(b"event: x\ndata: ") and torn.endswith(b"\n\n") and len(torn) < len(frame)
    array = bytes_of(ask(answerer({"response": {**SHORT, "fault": "malformed"}}), m.GeminiGenerate, True, query={"alt": "json"}))
    with pytest.raises(ValueError):
        json.loads(array)


@pytest.mark.parametrize("stream", [False, True])
def test_bad_gzip_says_gzip_and_is_not(stream: bool) -> None:
    with MockServer() as server:
        server.mock(response={**SHORT, "fault": "bad_gzip"})
        data, _ = everything(server, STREAMING if stream else ASK)
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head and b"chatcmpl-" in body and b"\x1f\x8b" not in body


def test_bad_gzip_after_some_events_begins_as_gzip() -> None:
    response = ask(answerer({"response": {**SHORT, "fault": "bad_gzip", "after_events": 2}}), m.OpenAIChat, True)
    sends = [step.data for step in steps_of(response, minor=0) if isinstance(step, m.Send)]
    unpacker = zlib.decompressobj(31)
    assert unpacker.decompress(sends[1] + sends[2]).count(b"data: ") == 2 and sends[3].startswith(b"data: ")


@pytest.mark.parametrize("fault, cut", [("truncate", 3), ("close", 3), ("reset", 3)])
def test_faults_go_with_gzip(fault: str, cut: int) -> None:
    response = ask(answerer({"response": {**SHORT, "gzip": "always", "fault": fault, "after_events": cut}}), m.OpenAIChat, True)
    made = steps_of(response, minor=0)
    sends = [step for step in made if isinstance(step, m.Send) and step.events]
    unpacker = zlib.decompressobj(31)
    assert unpacker.decompress(b"".join(step.data for step in sends)).count(b"data: ") == cut and not unpacker.eof
    assert made[-1] == m.Cut("reset" if fault == "reset" else "close")


HTTP_CLIENT: List[Tuple[Any, bool, Any]] = [  # what Python's own client makes of a fault
    ({"fault": "reset"}, False, ConnectionResetError),
    ({"fault": "close"}, False, http.client.RemoteDisconnected),
    ({"fault": "garbage"}, False, http.client.BadStatusLine),
    ({"fault": "truncate"}, False, http.client.IncompleteRead),
    ({"fault": "malformed"}, False, ValueError),
    ({"fault": "bad_gzip"}, False, OSError),
    ({"fault": "close", "after_events": 1}, True, http.client.IncompleteRead),
    ({"fault": "reset", "after_events": 1}, True, ConnectionResetError),
    ({"fault": "garbage", "after_events": 1}, True, http.client.IncompleteRead),
    ({"fault": "hang"}, False, socket.timeout),
    ({"fault": "truncate"}, True, None),
    ({"fault": "drip"}, True, None),
]


@pytest.mark.parametrize("fault, stream, error", HTTP_CLIENT)
def test_pythons_http_client_sees_each_fault_as_what_it_is(server: MockServer, fault: Any, stream: bool, error: Any) -> None:
    server.mock(response={**SHORT, **fault})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=0.3 if fault["fault"] == "hang" else 10)

    def exchange() -> bytes:
        connection.request("POST", "/v1/chat/completions", json.dumps(STREAMING if stream else ASK).encode())
        answer = connection.getresponse()
        data = answer.read()
        data = gzip.decompress(data) if answer.headers.get("Content-Encoding") == "gzip" else data
        return data if stream else json.dumps(json.loads(data)).encode()

    if error:
        with pytest.raises(error):
            exchange()
    else:
        assert exchange().endswith(b"data: [DONE]\n\n") is (fault["fault"] == "drip")
    connection.close()


def test_a_fault_by_probability_is_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> List[Optional[str]]:
        answers = answerer({"response": {"text": "x", "fault": "close", "probability": 0.5}}, seed=seed)
        found = [ask(answers, m.OpenAIChat).delivery.fault for _ in range(60)]
        return [fault.kind if fault else None for fault in found]

    assert drawn(1) == drawn(1) != drawn(2) and 15 < drawn(1).count("close") < 45


def test_faults_come_from_responses_in_turn_and_from_a_header(server: MockServer) -> None:
    server.mock(responses=[{"fault": "close"}, {"fault": "reset"}, {"text": "third time lucky"}])
    assert [everything(server)[1] for _ in range(2)] == ["FIN", "RST"] and chat(server.port)[1] == "third time lucky"
    assert everything(server, headers=['X-Mock-Response: {"fault": "reset"}']) == (b"", "RST")
    assert (
        everything(server, headers=['X-Mock-Response: {"fault": "close", "after_events": 1}'], body=STREAMING)[0].count(b"data: ")
        == 1
    )
    with MockServer() as other:
        assert everything(other, headers=['X-Mock-Response: {"fault": "close"}']) == (b"", "FIN")


def test_faults_leave_no_thread_and_no_descriptor_behind(server: MockServer) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    for number, kind in enumerate(("reset", "close", "garbage", "truncate", "hang")):
        server.mock(match={"user": str(number)}, response={"text": "x", "fault": kind, "after_events": 1})
    chat(server.port)
    before, threads = descriptors(), server.threads
    for round_ in range(4):
        for number in range(5):
            client = Raw(server).send(
                post(json.dumps({**STREAMING, "messages": [{"role": "user", "content": str(number)}]}).encode())
            )
            with contextlib.suppress(OSError):
                client.sock.shutdown(socket.SHUT_WR)
                client.file.read()
            client.close()
        server.wait_for(count=1 + 5 * (round_ + 1))
    for _ in range(1000):
        if not server.connections and descriptors() <= before and all(entry["ended"] for entry in server.requests):
            break
        threading.Event().wait(0.005)
    assert descriptors() <= before and server.threads <= threads + 6 and not server.connections


def test_a_hanging_answer_delays_no_shutdown() -> None:
    with MockServer() as server:
        server.mock(response={"text": "x", "fault": "hang"})
        client = Raw(server).send(post(json.dumps(ASK).encode()))
        server.wait_for()
        while not any(is_busy is False for is_busy in server.connections.values()):
            threading.Event().wait(0.001)
        started = time.monotonic()
        server.close(30)
        assert time.monotonic() - started < 10 and server.core.journal.entries()[0].ended == "shutdown"
        client.close()


# --- Wire plans ---


def unplanned(sends: Sequence[bytes]) -> bytes:
    """The body of a chunked answer as a client reads it, whatever pieces it came in."""
    data = b"".join(sends)
    head, _, body = data.partition(b"\r\n\r\n")
    reader = m.ChunkedBody(10**9)
    assert reader.feed(body) and not reader.rest
    plain = bytes(reader.pieces)
    return gzip.decompress(plain) if b"Content-Encoding: gzip" in head else plain


def read_events(kind: type, body: bytes) -> Any:
    """The events of a stream, by the rules of its framing, whatever the line ends, comments and spaces."""
    framing = wire_of(kind).framing(call_of(kind, True))
    if not isinstance(framing, m.SSE):
        return framing.split(body)
    events: List[Any] = []
    name, data = "", []
    for line in re.split(rb"\r\n|\n|\r", body):
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if not line and data:
            events.append((name, b"\n".join(data)))
            name, data = "", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode()
    assert not data
    return events


@pytest.mark.parametrize("kind", GENERATE)
@pytest.mark.parametrize("plan", m.WIRE_PLANS)
def test_no_wire_plan_changes_what_is_read(kind: type, plan: str) -> None:
    usual = ask(answerer({"response": SHORT}), kind, True)
    planned = ask(answerer({"response": {**SHORT, "wire": plan}}), kind, True)
    for accept in ("gzip", None):
        sends = [step.data for step in steps_of(planned, accept) if isinstance(step, m.Send)]
        expected = [step.data for step in steps_of(usual, accept) if isinstance(step, m.Send)]
        assert read_events(kind, unplanned(sends)) == read_events(kind, unplanned(expected))
        idle = {"event", *(["crlf"] if issubclass(kind, m.GeminiGenerate) else [])}
        idle |= set() if accept else {"gzip-event", "gzip-block", "gzip-members"}
        if isinstance(wire_of(kind).framing(call_of(kind, True)), m.SSE):
            assert (sends[1:] == expected[1:]) == (plan in idle)
        assert sum(step.events for step in steps_of(planned, accept) if isinstance(step, m.Send)) == len(list(planned.frames or ()))


@pytest.mark.parametrize("plan", m.WIRE_PLANS)
def test_a_planned_stream_reads_the_same_in_every_split(plan: str) -> None:
    events = [{"type": "message_start", "a": "ü 東"}, {"type": "ping"}, {"type": "message_stop"}]
    response = ask(answerer({"response": {"events": events, "wire": plan}}), m.AnthropicMessages, True)
    data = b"".join(step.data for step in steps_of(response, "gzip") if isinstance(step, m.Send))
    body = data[data.index(b"\r\n\r\n") + 4 :]
    whole = m.ChunkedBody(10**9)
    assert whole.feed(body)
    for at in range(len(body)):
        reader = m.ChunkedBody(10**9)
        reader.feed(body[:at])
        assert reader.feed(body[at:]) and reader.pieces == whole.pieces, f"cut at {at}"


def pieces_of(plan: Any, frames: Sequence[bytes], accept: Optional[str] = None) -> List[bytes]:
    """What is written after the head."""
    parsed = m.parse_plan(m.Node(plan))
    made = m.Response(200, (), frames=tuple(frames), delivery=m.Delivery(plan=parsed), may_gzip=False)
    return [step.data for step in steps_of(made, accept) if isinstance(step, m.Send)][1:]


@pytest.mark.parametrize(
    "plan, frames, expected",
    [
        ("event", [b"a\n\n", b"b\n\n"], [b"3\r\na\n\n\r\n", b"3\r\nb\n\n\r\n", b"0\r\n\r\n"]),
        ("whole", [b"a\n\n", b"b\n\n"], [b"6\r\na\n\nb\n\n\r\n", b"0\r\n\r\n"]),
        ({"coalesce": 2}, [b"a", b"b", b"c"], [b"2\r\nab\r\n", b"1\r\nc\r\n", b"0\r\n\r\n"]),
        ({"split": 2}, [b"abc"], [b"2\r\nab\r\n", b"1\r\nc\r\n", b"0\r\n\r\n"]),
        ("byte", [b"ab"], [b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n"]),
        ("utf8", ["aü".encode()], [b"2\r\na\xc3\r\n", b"1\r\n\xbc\r\n", b"0\r\n\r\n"]),
        ("eol", [b"a\r\n\r\n"], [b"2\r\na\r\r\n", b"2\r\n\n\r\r\n", b"1\r\n\n\r\n", b"0\r\n\r\n"]),
        ("eol", [b"a\n\n"], [b"2\r\na\n\r\n", b"1\r\n\n\r\n", b"0\r\n\r\n"]),
        ("extensions", [b"a"], [b'1;wire="plan"\r\na\r\n', b'0;wire="plan"\r\n\r\n']),
        ("trailers", [b"a"], [b"1\r\na\r\n", b"0\r\nX-Mock-Trailer: the end\r\n\r\n"]),
        ({"split": 1, "trailers": True}, [b"ab"], [b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\nX-Mock-Trailer: the end\r\n\r\n"]),
    ],
)
def test_a_plan_cuts_the_stream_like_this(plan: Any, frames: Any, expected: Any) -> None:
    assert pieces_of(plan, frames) == expected


@pytest.mark.parametrize(
    "plan, frame, expected",
    [
        ({"eol": "\r\n"}, b"event: x\ndata: a\n\n", b"event: x\r\ndata: a\r\n\r\n"),
        ({"eol": "\r"}, b"data: a\r\n\r\n", b"data: a\r\r"),
        ({"eol": "\n"}, b"data: a\r\n\r\n", b"data: a\n\n"),
        ({"no_space": True}, b'event: x\ndata: {"a": 1}\n\n', b'event:x\ndata:{"a": 1}\n\n'),
        ({"no_space": True}, b"data: a\r\n\r\n", b"data:a\r\n\r\n"),
        ({"comments": True}, b"data: a\r\n\r\n", b": comment\r\n\r\ndata: a\r\n\r\n"),
        ({"comments": True, "eol": "\r", "no_space": True}, b"event: x\ndata: a\n\n", b": comment\r\revent:x\rdata:a\r\r"),
    ],
)
def test_a_plan_writes_an_event_like_this(plan: Any, frame: bytes, expected: bytes) -> None:
    assert m.relined_event(frame, m.parse_plan(m.Node(plan))) == expected


def test_gzip_plans_flush_each_event_or_none_or_begin_anew() -> None:
    frames = [b"data: %d\n\n" % number for number in range(20)]
    by_event, block, members = (pieces_of({"gzip": mode}, frames, "gzip") for mode in ("event", "block", "members"))
    assert len(by_event) == 22 and len(block) <= 3 and len(members) == 21
    for sends in (by_event, block, members):
        assert unplanned([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", *sends]) == b"".join(frames)
    assert sum(data.count(b"\x1f\x8b\x08") for data in members) == 20
    assert pieces_of({"gzip": "event"}, frames) == pieces_of("event", frames)  # not for a client that takes none


def test_a_whole_answer_can_be_split_too_and_a_plan_goes_with_pace_and_gate(server: MockServer, raw: Any) -> None:
    server.mock(response={**SHORT, "wire": "byte"})
    data, _ = everything(server)
    assert data.split(b"\r\n\r\n")[1] == intact(False).split(b"\r\n\r\n")[1]
    made = ask(answerer({"response": {**SHORT, "wire": {"coalesce": 2}, "pace": {"first": 1, "between": 2}}}), m.OpenAIChat, True)
    waits = [step.seconds for step in steps_of(made) if isinstance(step, m.Wait)]
    assert waits == [3.0, 4.0, 4.0]
    held = steps_of(replace(made, delivery=replace(made.delivery, gate=True)))
    assert sum(isinstance(step, m.Hold) for step in held) == 5
    assert chat(server.port, headers={"X-Mock-Response": '{"wire": "utf8"}'})[1] == SHORT["text"]


def test_the_named_plans_can_be_looped_over(server: MockServer) -> None:
    plans = control(server.port, "GET", "wire-plans")[1]
    assert list(plans) == list(m.WIRE_PLANS) and plans["event"] == {} and plans["utf8"] == {"split": "utf8"}
    for plan in plans.values():
        header = {"X-Mock-Response": json.dumps({"wire": plan})} if plan else {}
        assert chat(server.port, headers=header)[1] == "pong"


# --- Rate limits that count ---


LIMITS: Dict[type, Tuple[Dict[str, str], Dict[str, str]]] = {  # headers of an answer, and of a refusal
    m.OpenAIChat: (
        {"x-ratelimit-limit-requests": "2", "x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "1m30s"},
        {"retry-after": "90", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"},
    ),
    m.AzureChat: (
        {"x-ratelimit-limit-requests": "2", "x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "90"},
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
}


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_limit_counts_and_says_the_truth_in_the_providers_way(kind: type, stream: bool) -> None:
    answers = answerer({"limit": {"requests": 2, "per": 90}, "response": {"text": "x"}})
    first, second, third = (ask(answers, kind, stream) for _ in range(3))
    assert [first.status, second.status, third.status] == [200, 200, 429]
    of_answer, of_refusal = LIMITS[kind]
    assert {name: dict(first.headers)[name] for name in of_answer} == of_answer
    assert {name: dict(third.headers)[name] for name in of_refusal} == of_refusal
    if kind is m.GeminiGenerate:
        error = json.loads(third.body)["error"]
        assert error["details"][-1]["retryDelay"] == "90s" and "retry in 90s" in error["message"]
    if kind is m.OpenAIChat:
        assert "try again in 90s" in complaint_of(third.body)
    answers.mocks.session("").uses_of(answers.mocks.all()[0]).window_end = 0.0  # the window is over
    assert ask(answers, kind, stream).status == 200


def test_a_limit_counts_per_session_and_what_exceeds_it_is_no_use(server: MockServer) -> None:
    data = {"limit": {"requests": 1}, "responses": [{"text": "1"}, {"text": "2"}]}
    for prefix in ("", "/@a"):
        control(server.port, "POST", prefix + "/__mock__/mocks", data)
        assert [chat(server.port, prefix=prefix)[0] for _ in range(3)] == [200, 429, 429]
    listed = control(server.port, "GET", "mocks")[1]["mocks"][0]
    assert listed["uses"] == 1 and server.requests[-1]["mock"] == listed["name"] and server.requests[-1]["status"] == 429


# --- TLS ---


needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl program to make a certificate with")


@pytest.fixture(scope="module")
def sealed() -> Iterator[MockServer]:
    with MockServer(tls=True, tls_name=["mock.internal"]) as server:
        server.mock(response={"text": "one two three"})
        server.mock(match={"user": "slow"}, response={"text": "one two three", "pace": 0.01})
        for kind in ("reset", "close", "truncate", "hang"):
            server.mock(match={"user": kind}, response={"text": "one two", "fault": kind, "after_events": 1})
        yield server


def trusting(server: MockServer) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=server.tls_cert)


def secret(server: MockServer, body: Any, connection: Any = None) -> Tuple[int, bytes]:
    own = connection or http.client.HTTPSConnection("localhost", server.port, timeout=10, context=trusting(server))
    own.request("POST", "/v1/chat/completions", json.dumps(body).encode())
    answer = own.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        if not connection:
            own.close()


@needs_openssl
def test_a_client_that_trusts_the_certificate_gets_answers_and_streams_and_keeps_the_connection(sealed: MockServer) -> None:
    assert sealed.url == f"https://127.0.0.1:{sealed.port}"
    connection = http.client.HTTPSConnection("localhost", sealed.port, timeout=10, context=trusting(sealed))
    for _ in range(3):
        assert json.loads(secret(sealed, ASK, connection)[1])["choices"][0]["message"]["content"] == "one two three"
        assert secret(sealed, STREAMING, connection)[1].endswith(b"data: [DONE]\n\n")
    slow = {**STREAMING, "messages": [{"role": "user", "content": "slow"}]}
    assert secret(sealed, slow, connection)[1].endswith(b"data: [DONE]\n\n")
    big = {**ASK, "messages": [{"role": "user", "content": "x" * 3_000_000}]}
    assert secret(sealed, big, connection)[0] == 200
    connection.close()


@needs_openssl
@pytest.mark.parametrize(
    "name, trusted", [("localhost", True), ("127.0.0.1", True), ("mock.internal", True), ("other.internal", False)]
)
def test_the_certificate_names_the_server(sealed: MockServer, name: str, trusted: bool) -> None:
    expected: Any = contextlib.nullcontext() if trusted else pytest.raises(ssl.SSLCertVerificationError)
    plain = socket.create_connection(("127.0.0.1", sealed.port), 10)
    with plain, expected, trusting(sealed).wrap_socket(plain, server_hostname=name) as connection:
        assert connection.version() in ("TLSv1.2", "TLSv1.3")


@needs_openssl
def test_a_handshake_that_never_ends_blocks_no_one_and_plain_http_is_told(sealed: MockServer) -> None:
    silent = [socket.create_connection(("127.0.0.1", sealed.port), 10) for _ in range(5)]
    silent[0].sendall(b"\x16\x03\x01")
    assert secret(sealed, ASK)[0] == 200
    status, body = fetch(sealed.port, "POST", "/v1/chat/completions", json.dumps(ASK).encode())
    assert status == 400 and "this port speaks TLS; use https://" in complaint_of(body)
    garbage = socket.create_connection(("127.0.0.1", sealed.port), 10)
    garbage.sendall(b"\x16\x03\x01\x00\x04" + b"\xff" * 4)
    garbage.recv(100)
    for client in [*silent, garbage]:
        client.close()
    assert secret(sealed, ASK)[0] == 200


@needs_openssl
@pytest.mark.parametrize(
    "kind, error",
    [
        ("reset", (ConnectionResetError, http.client.IncompleteRead)),
        ("close", (http.client.IncompleteRead, ssl.SSLEOFError)),
        ("truncate", None),
    ],
)
def test_faults_do_over_tls_what_they_do_without(sealed: MockServer, kind: str, error: Any) -> None:
    body = {**STREAMING, "messages": [{"role": "user", "content": kind}]}
    if not error:
        assert secret(sealed, body)[1].count(b"data: ") == 1
        return
    with pytest.raises(error):
        secret(sealed, body)


@needs_openssl
def test_a_certificate_of_ones_own_is_served_and_a_wrong_one_is_one_line(tmp_path: Path) -> None:
    cert, key = m.make_certificate(["localhost"])
    (tmp_path / "cert.pem").write_text(cert)
    (tmp_path / "key.pem").write_text(key)
    with MockServer(tls=True, cert=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem")) as server:
        server.mock(response={"text": "x"})
        assert server.tls_cert == cert and secret(server, ASK)[0] == 200
    for pair, said_so in (
        (("cert.pem", "none.pem"), "can't read the key"),
        (("key.pem", "cert.pem"), "are no certificate and its key"),
    ):
        with pytest.raises(OSError, match=said_so):
            MockServer(tls=True, cert=str(tmp_path / pair[0]), key=str(tmp_path / pair[1]))


@needs_openssl
def test_the_certificate_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    with MockServer(tls=True, tls_cert_out=str(tmp_path / "out.pem")) as server:
        assert (tmp_path / "out.pem").read_text() == server.tls_cert and "PRIVATE" not in server.tls_cert
    with pytest.raises(OSError, match="can't write the certificate"):
        MockServer(tls=True, tls_cert_out=str(tmp_path / "no" / "out.pem"))


def test_without_an_openssl_program_the_message_says_what_to_do(monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(
        OSError, match="there is no openssl program to make a certificate with; install it, or give --cert and --key"
    ):
        MockServer(tls=True)


# === Command line ============================================================


@contextlib.contextmanager
def launched(
    *arguments: str, env: Optional[Mapping[str, str]] = None, stderr: Any = subprocess.PIPE
) -> Iterator[Tuple[Any, List[int]]]:
    """A server process and the ports that it listens on."""
    count = max(1, sum(argument.isdigit() for argument in arguments))
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, **(env or {})},
    )
    try:
        assert process.stdout
        lines = [process.stdout.readline().decode() for _ in range(count)]
        found = [re.fullmatch(r"listening on http://\S+:(\d+)\n", line) for line in lines]
        yield process, [int(match.group(1)) for match in found if match]
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()
        process.wait()


def run(*arguments: str, env: Optional[Mapping[str, str]] = None) -> Tuple[int, str, str]:
    done = subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )
    return done.returncode, done.stdout, done.stderr


def fetch(
    port: int, method: str, path: str, body: Optional[bytes] = None, headers: Optional[Mapping[str, str]] = None
) -> Tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_2_seconds_with_streams_under_way_and_exit_0(folder: Any, number: int) -> None:
    directory = folder(mocks__a_DOT_json={"response": {"text": "a b c", "pace": 30}})
    with launched("0", "0", "--data", directory, "--log", "off") as (process, ports):
        streams = [http.client.HTTPConnection("127.0.0.1", port) for port in ports]
        for stream in streams:
            stream.request("POST", "/v1/chat/completions", json.dumps(STREAM))
            assert stream.getresponse().status == 200
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(5) == 0 and time.monotonic() - started < 2.5
        for stream in streams:
            stream.close()


def test_a_response_under_way_is_finished_at_shutdown(folder: Any) -> None:
    directory = folder(mocks__a_DOT_json={"response": {"text": "a b c", "pace": 0.05}})
    with launched("0", "--data", directory) as (process, ports):
        connection = http.client.HTTPConnection("127.0.0.1", ports[0], timeout=10)
        connection.request("POST", "/v1/chat/completions", json.dumps(STREAM))
        response = connection.getresponse()
        response.readline()
        process.send_signal(signal.SIGTERM)
        assert response.read().endswith(b"data: [DONE]\n\n") and process.wait(5) == 0
        connection.close()


def test_a_signal_right_at_the_start_ends_it_too() -> None:
    for _ in range(5):
        with launched("0", "--log", "off") as (process, _):
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0


def test_several_ports_are_several_upstreams_of_one_process(folder: Any) -> None:
    first, second = (socket.socket() for _ in range(2))
    for sock in (first, second):
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in (first, second)]
    directory = folder(
        mocks__a_DOT_json=[
            {"match": {"port": ports[0]}, "response": {"status": 429}},
            {"match": {"port": ports[1]}, "response": {"text": "ok"}},
        ]
    )
    for sock in (first, second):
        sock.close()
    with launched(*map(str, ports), "--data", directory) as (_, listening):
        assert listening == ports
        assert [fetch(port, "POST", "/v1/chat/completions", json.dumps(CHAT).encode())[0] for port in ports] == [429, 200]


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_it_ends_at_once_when_standard_input_was_closed_from_the_start() -> None:
    command = f"exec {' '.join(map(shlex.quote, PROGRAM))} 0 --exit-on-stdin-close <&-"
    assert subprocess.run(["sh", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="needs a pipe that can be filled")
def test_a_full_standard_output_keeps_it_from_nothing() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x")
    os.set_blocking(writer, True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*PROGRAM, str(port), "--log", "off"], stdout=writer)
    try:
        wait_until(lambda: answers(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reader)
        os.close(writer)


def test_it_ends_when_standard_input_closes() -> None:
    with launched("0", "--exit-on-stdin-close") as (process, _):
        process.stdin.close()
        assert process.wait(5) == 0


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_closed_outputs_stop_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"exec {' '.join(map(shlex.quote, PROGRAM))} {port} >&- 2>&-"
    process = subprocess.Popen(["sh", "-c", command], stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    """Whether a server answers on a port."""
    try:
        return fetch(port, "GET", "/")[0] == 200
    except OSError:
        return False


def test_a_standard_error_that_nobody_reads_delays_no_answer() -> None:
    with launched("0") as (_, ports):
        path = "/v1/models/" + "x" * 900
        assert [fetch(ports[0], "GET", path)[0] for _ in range(200)] == [200] * 200  # far more than a pipe holds


@pytest.mark.parametrize("mode", ["text", "json"])
def test_a_request_is_a_line_in_the_log_without_its_credentials(mode: str) -> None:
    with launched("0", "--log", mode) as (process, ports):
        fetch(ports[0], "POST", "/v1/chat/completions?key=sk-a", json.dumps(CHAT).encode(), {"Authorization": "Bearer sk-b"})
        line = process.stderr.readline().decode()
    assert "/v1/chat/completions" in line and "404" in line and "closest is" in line and "sk-" not in line
    if mode == "json":
        assert json.loads(line)["status"] == 404 and json.loads(line)["model"] == "gpt-4o-mini"


@pytest.mark.parametrize(
    "arguments, env, status, message",
    [
        (["--fallbak", "echo"], {}, 2, "unknown argument '--fallbak'; did you mean '--fallback'?"),
        (["--fallback", "ecko"], {}, 2, "--fallback: found 'ecko'; did you mean 'echo'?"),
        (["70000"], {}, 2, "port: expected a port from 0 to 65535, found '70000'"),
        (["x"], {}, 2, "expected a port"),
        (["--pace", "-1"], {}, 2, "--pace"),
        (["--pace", "nan"], {}, 2, "--pace: expected seconds"),
        (["--data", "/nowhere-at-all"], {}, 2, "--data: no directory '/nowhere-at-all'"),
        (["--max-body", "0"], {}, 2, "--max-body: expected a number of bytes"),
        (["--log"], {}, 2, "--log"),
        ([], {"MOCK_SERVER_FALLBACK": "x"}, 2, "MOCK_SERVER_FALLBACK: found 'x'"),
        ([], {"MOCK_SERVER_PORT": "a"}, 2, "MOCK_SERVER_PORT"),
        ([], {"MOCK_SERVER_REQUIRE_AUTH": "yes"}, 2, "expected 1 or 0"),
        (["0", "--host", "192.0.2.1"], {}, 1, "can't listen on 192.0.2.1 port 0"),
        (["0", "--host", "no such host"], {}, 1, "can't listen on no such host"),
        (["0", "--host", "a..b"], {}, 1, "can't listen on a..b port 0"),
    ],
)
def test_a_usage_error_is_one_line_with_what_would_do(arguments: Any, env: Any, status: int, message: str) -> None:
    code, out, err = run(*arguments, env=env)
    assert code == status and message in err and err.count("\n") == 1 and out == "" and "Traceback" not in err


def test_a_port_in_use_is_one_line_and_exit_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, err = run(str(taken.getsockname()[1]))
    assert code == 1 and "port" in err and "in use" in err and err.count("\n") == 1 and out == ""


def test_invalid_mocks_are_exit_2_at_start_and_in_a_check(folder: Any) -> None:
    directory = folder(mocks__a_DOT_json=[{"response": {"txt": "x"}}, {"response": {"text": "x"}}])
    for arguments in (["0", "--data", directory], ["--check", "--data", directory]):
        code, out, err = run(*arguments)
        assert code == 2 and "mocks/a.json#1: response.txt: unknown key; did you mean 'text'?" in err and out == ""
    folder(mocks__a_DOT_json=[{"response": {"text": "x"}}])
    assert run("--check", "--data", directory)[0] == 0


def test_options_come_from_the_environment_unless_the_command_line_has_them(folder: Any) -> None:
    directory = folder(mocks__a_DOT_json={"response": {"text": "x"}})
    options = m.parse_arguments(
        ["--log", "json"],
        {
            "MOCK_SERVER_LOG": "off",
            "MOCK_SERVER_PORT": os.pathsep.join(["5005", "0"]),
            "MOCK_SERVER_PACE": "0.5",
            "MOCK_SERVER_DATA": os.pathsep.join([directory, directory]),
            "MOCK_SERVER_REQUIRE_AUTH": "1",
        },
    )
    assert (options["log"], options["port"], options["pace"], options["data"], options["require_auth"]) == (
        "json",
        [5005, 0],
        0.5,
        [directory] * 2,
        True,
    )
    assert m.parse_arguments([], {})["port"] == [5001]


def test_version_and_help_say_what_there_is() -> None:
    assert run("--version")[1].strip() == f"mock_server.py {m.__version__}"
    text = run("--help")[1]
    assert all(option.flag in text for option in m.OPTIONS if option.flag[0] == "-") and "MOCK_SERVER_" in text


def test_the_script_alone_starts_without_data(tmp_path: Path) -> None:
    shutil.copy(str(HERE / "mock_server.py"), str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-B", "-S", str(tmp_path / "mock_server.py"), "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout and process.stdout.readline().startswith(b"listening on http://127.0.0.1:")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_address_is_listened_on() -> None:
    try:
        with MockServer(host="::1") as server:
            assert server.url == f"http://[::1]:{server.port}"
            with socket.create_connection(("::1", server.port), 5) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n")
                assert sock.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        pytest.skip("no IPv6 here")


# === convert_to_gzip.py ======================================================


def convert(*arguments: str) -> Tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-B", str(HERE / "convert_to_gzip.py"), *arguments], capture_output=True, text=True, timeout=20
    )
    return done.returncode, done.stdout, done.stderr


def test_a_twin_is_made_deterministically_and_checked(tmp_path: Path) -> None:
    source, twin = tmp_path / "a.json", tmp_path / "a.json.gz"
    source.write_bytes(b'{"a": 1}\n' * 50)
    assert convert("--check", str(source))[0] == 1 and "is missing" in convert("--check", str(source))[2]
    assert convert(str(source))[0] == 0
    first = twin.read_bytes()
    os.utime(str(source), (1, 1))
    assert (
        convert(str(source))[0] == 0
        and twin.read_bytes() == first
        and gzip.decompress(first) == source.read_bytes()
        and first[4:8] == b"\0\0\0\0"
    )
    assert convert("--check", str(source))[0] == 0
    source.write_bytes(b"{}")
    assert convert("--check", str(source))[0] == 1 and "is stale" in convert("--check", str(source))[2]
    twin.write_bytes(b"not gzip")
    assert convert("--check", str(source))[0] == 1


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        ([], 2, "usage:"),
        (["--chek", "x"], 2, "unknown option --chek"),
        (["a.gz"], 2, "is a twin already"),
        (["/nowhere/x.json"], 1, "No such file"),
    ],
)
def test_a_wrong_call_of_convert_says_what_would_do(arguments: Any, status: int, message: str) -> None:
    code, _, err = convert(*arguments)
    assert code == status and message in err and "Traceback" not in err


def test_the_twins_that_come_with_it_are_fresh() -> None:
    twins = list((HERE / "data").rglob("*.json.gz"))
    assert twins and convert("--check", *(str(twin)[:-3] for twin in twins))[0] == 0


# === Memory ==================================================================


def test_a_remembered_answer_is_the_same_and_counts_as_a_use() -> None:
    answers = answerer({"name": "a", "response": {"text": "one two"}})
    for stream in (False, True):
        first, second = (bytes_of(ask(answers, m.OpenAIChat, stream)) for _ in range(2))
        assert first == second
    assert len(answers.mocks.session("").memory.answers) == 2 and uses_of(answers.mocks) == 4


@pytest.mark.parametrize(
    "mock",
    [
        {"response": {"text": "{{header.x-a}}"}},
        {"match": {"headers": {"x-a": "1"}}, "response": {"text": "1"}},
        {"responses": [{"text": "1"}, {"text": "2"}]},
        {"response": {"text": "1"}, "times": 1},
    ],
)
def test_what_an_answer_depends_on_is_never_forgotten(mock: Any) -> None:
    answers = answerer(mock, {"response": {"text": "2"}})
    found = []
    for header in ("1", "2"):
        found.append(json.loads(ask(answers, m.OpenAIChat, headers={"x-a": header}).body)["choices"][0]["message"]["content"])
    assert found == ["1", "2"]


def test_a_new_mock_is_seen_by_a_request_that_came_before() -> None:
    answers = answerer({"response": {"text": "old"}})
    assert texts_of(answers, 2) == ["old", "old"]
    answers.mocks.add([{"response": {"text": "new"}}])
    assert texts_of(answers, 1) == ["new"]


def test_a_credential_is_asked_for_however_often_the_request_came() -> None:
    answers = answerer({"response": {"text": "x"}}, require_auth=True)
    assert [
        ask(answers, m.OpenAIChat, headers=headers).status
        for headers in ({"authorization": "Bearer k"}, {}, {"authorization": "Bearer k"})
    ] == [200, 401, 200]


def test_memory_stays_within_its_room() -> None:
    answers = answerer(fallback="echo")
    answers.answer(m.Request("GET", "/"))
    answers.mocks.session("").memory.room = 100_000
    for number in range(200):
        ask(answers, m.OpenAIChat, more={"seed": number})
        assert answers.mocks.session("").memory.used <= 110_000 and len(answers.mocks.session("").memory.answers) < 60


# === README ==================================================================

README = (HERE / "README.md").read_text(encoding="utf-8")


def table(heading: str) -> List[List[str]]:
    """The rows of the README's table whose first heading is this, as the code words of each cell."""
    lines = README.split(f"\n| {heading} |")[1].split("\n")[2:]
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [re.split(r"(?<!\\)\|", row.strip("|")) for row in rows]


def words(cell: str) -> List[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_readme_lists_every_option_match_key_and_response_key() -> None:
    options = [(words(row[0])[0].split()[0], words(row[1])[0]) for row in table("option")]
    assert options == [("PORT" if option.flag == "port" else option.flag, option.variable) for option in m.OPTIONS]
    assert [words(row[0])[0] for row in table("match key")] == list(m.MATCH_KEYS)
    assert [words(row[0])[0] for row in table("mock key")] == list(m.MOCK_KEYS)
    assert [words(row[0])[0] for row in table("fault")] == list(m.FAULTS)
    assert [words(row[0])[0] for row in table("wire key")] == [one.name for one in dataclasses.fields(m.Plan)]
    assert words(README.split("Names for the common ones:")[1].split(".")[0]) == list(m.WIRE_PLANS)
    forms = {"neutral": m.NEUTRAL_KEYS, "recorded": m.RECORDED_KEYS, "error": m.ERROR_KEYS, "fault": m.FAULT_KEYS}
    forms["any"] = m.COMMON_KEYS
    assert [(words(row[0])[0], row[1].strip()) for row in table("response key")] == [
        (key, form) for form, keys in forms.items() for key in keys
    ]


def test_the_readme_lists_every_provider_and_api_and_its_paths_lead_there() -> None:
    rows = [(*(words(cell)[0] for cell in row[:3]), words(row[3])) for row in table("provider")]
    assert {row[:3] for row in rows} == {(wire.provider, wire.operation, wire.api) for wire in m.WIRE_FORMATS} and len(
        rows
    ) == len(m.WIRE_FORMATS)
    for provider, operation, api, paths in rows:
        for path in paths:
            if path.startswith("/") and path.count("/") > 1 and "…" not in path and path not in ("/v1", "/v1alpha", "/v1beta1"):
                method = "GET" if operation == "models" else "POST"
                headers = {"anthropic-version": "1"} if provider == "anthropic" else {}
                wire = m.route(m.Request(method, re.sub(r"\{\w+\}", "x", path), headers=headers))[0]
                assert (wire.provider, wire.operation, wire.api) == (provider, operation, api), path


BREAKING = README.split("## Break it on purpose")[1].split("### Rate limits")[0]


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_curl_sees_what_the_chapter_on_breaking_says() -> None:
    found = re.findall(r"```sh\n(curl .+?)\n```\n```text\n(.+?)\n```", BREAKING, re.S)
    assert len(found) == 10
    with MockServer() as server:
        for command, expected in found:
            words_ = shlex.split(command.replace("127.0.0.1:5001", f"127.0.0.1:{server.port}"))
            done = subprocess.run([words_[0], "--noproxy", "*", *words_[1:]], capture_output=True, timeout=20)
            if expected.startswith("curl: "):
                assert done.stderr.decode().startswith(expected), (command, done)
            else:
                assert done.stdout.decode().startswith(expected) and done.returncode == 0, (command, done)
        assert {entry["fault"] for entry in server.requests} >= set(m.FAULTS)


def test_the_readmes_rate_limit_and_errors_do_what_they_say(server: MockServer) -> None:
    for heading in ("### Rate limits", "### Errors"):
        block = re.findall(r"```json\n(.+?)\n```", README.split(heading)[1], re.S)[0]
        assert control(server.port, "POST", "mocks", block.encode())[0] == 201
    assert [chat(server.port, user="hurry")[0] for _ in range(4)] == [200, 200, 200, 429]
    assert [chat(server.port, user="too fast")[0] for _ in range(2)] == [429, 200] and chat(server.port, user="too much")[
        0
    ] == 400
    assert chat(server.port, user="breaks")[0] == 503 and b'"error"' in chat(server.port, user="breaks", stream=True)[1]


@needs_openssl
@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_readmes_tls_lines_work_as_printed(tmp_path: Path) -> None:
    start, ask_it = re.findall(r"```sh\n(.+?)\n```", README.split("### TLS")[1], re.S)[0].split("\n")
    arguments = [*shlex.split(start.replace("5443", "0"))[1:], "--log", "off", "--exit-on-stdin-close"]
    arguments[0] = str(HERE / arguments[0])
    process = subprocess.Popen(
        [sys.executable, "-B", *arguments], cwd=str(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    port = process.stdout.readline().strip().rpartition(":")[2]
    command = [*shlex.split(ask_it.replace("5443", port)), "-sS", "--noproxy", "*"]
    done = subprocess.run(command, cwd=str(tmp_path), capture_output=True, timeout=20)
    process.stdin.close()
    assert process.wait(10) == 0 and json.loads(done.stdout)["status"] == "healthy", done
    process.stdout.close()


def curl_lines() -> List[Tuple[List[str], str]]:
    """The README's curl commands with the beginnings of what comes back."""
    found = re.findall(r"```sh\n(curl .+?)\n```\n```text\n(.+?)\n```", README.replace(BREAKING, ""), re.S)
    return [(shlex.split(command), expected) for command, expected in found]


def run_curl(port: int, words_: List[str], query: str = "", credential: Optional[Mapping[str, str]] = None) -> bytes:
    """What a curl command gets from a server on this port."""
    url = next(word for word in words_ if word.startswith("http://127.0.0.1:5001/"))[len("http://127.0.0.1:5001") :]
    after = [(words_[index - 1], word) for index, word in enumerate(words_) if index]
    headers = dict(word.split(": ", 1) for flag, word in after if flag == "-H")
    body = next((word.encode() for flag, word in after if flag == "-d"), None)
    method = next((word for flag, word in after if flag == "-X"), "POST" if body else "GET")
    url += ("&" if "?" in url else "?") * bool(query) + query
    return fetch(port, method, url, body, {**headers, **(credential or {})})[1]


def test_the_readmes_curl_lines_work_as_printed() -> None:
    lines = curl_lines()
    assert len(lines) == 22
    with MockServer(data=str(HERE / "data")) as server:
        for words_, expected in lines:
            assert run_curl(server.port, words_).decode().startswith(expected), words_


def test_the_readmes_curl_lines_get_the_same_with_any_credential_or_none() -> None:
    with MockServer(data=str(HERE / "data")) as server:
        for words_, expected in curl_lines():
            if "__mock__" in " ".join(words_) or '"ping"' in " ".join(words_):
                continue
            credentials = [{"Authorization": "Bearer k"}, {"api-key": "k"}, {"x-goog-api-key": "k"}, {"x-api-key": "k"}]
            answers = {run_curl(server.port, words_, "", one) for one in credentials} | {run_curl(server.port, words_, "key=k")}
            assert len(answers) == 1 and answers.pop().decode().startswith(expected), words_


def test_the_readme_lists_every_control_route_and_journal_key() -> None:
    routes = [words(row[0])[0] for row in table("route")]
    assert routes == [
        f"{method} /__mock__{re.sub('[(][?]P<id>[^)]+[)]', 'ID', pattern)}" for method, pattern, _, _ in m.Control.ROUTES
    ]
    listed = set(words(README.split("A journal entry has")[1].split("Refused and unmatched")[0]))
    assert set(JOURNAL_KEYS) | set(m.ENDS) <= listed


def test_the_readmes_fixture_gives_each_test_a_session_of_its_own() -> None:
    code = re.findall(r"```python\n(.+?)\n```", README, re.S)[1]
    found: Dict[str, Any] = {"MockServer": MockServer, "pytest": types.SimpleNamespace(fixture=lambda function: function)}
    exec(code, found)  # noqa: S102
    request = types.SimpleNamespace(node=types.SimpleNamespace(name="test_one"))
    running = found["llm"](request)
    session = next(running)
    session.mock(response={"text": "pong"})
    assert chat(session.server.port, prefix="/@test_one")[1] == "pong" and len(session.requests) == 1
    assert next(running, None) is None and session.requests == []
    session.server.close()


def test_the_readme_lists_every_kind_of_error_with_its_status() -> None:
    kinds = [m.OpenAIChat, m.AzureChat, m.GeminiGenerate, m.VertexGenerate, m.AnthropicMessages, m.BedrockConverse]
    rows = table("kind")
    assert [words(row[0])[0] for row in rows] == list(m.ERROR_KINDS)
    for row in rows:
        error = words(row[0])[0]
        listed = [int(re.findall("[0-9]+", cell)[0]) for cell in row[1:7]]
        answers = answerer({"response": {"error": {"kind": error}}})
        assert listed == [ask(answers, kind).status for kind in kinds], error
        assert sorted(map(int, re.findall("[0-9]+", row[7]))) == sorted(m.ERROR_KINDS[error])


def test_the_readmes_mocks_are_valid_and_its_python_runs(monkeypatch: Any) -> None:
    for block in re.findall(r"```json\n(.+?)\n```", README, re.S):
        for spec in json.loads(block):
            mock_of(spec)

    class Client:
        """Just enough of the OpenAI SDK."""

        def __init__(self, base_url: str, api_key: str) -> None:
            self.chat = self.completions = self
            self.port = int(base_url.split(":")[2].split("/")[0])

        def create(self, **body: Any) -> Any:
            return json.loads(
                fetch(self.port, "POST", "/v1/chat/completions", json.dumps(body).encode())[1],
                object_hook=lambda found: type("O", (), found),
            )

    code = re.findall(r"```python\n(.+?)\n```", README, re.S)[0]
    exec(code, {"OpenAI": Client})  # noqa: S102
