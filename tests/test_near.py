"""Near misses: what a request that no mock answers is told, and what it is never told."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from clients import chat
from mocked import requested
from samples import answerer, ask, complaint_of, request_of, wire_of

import mock_server as m
from mock_server import MockServer


def explained(*specs: Any, **more: Any) -> str:
    """Why none of these mocks answers the call; `more` of its request is changed."""
    mocks = m.Mocks()
    mocks.session("").add([{**spec, "response": {"text": "x"}} for spec in specs])
    return mocks.session("").explain(
        mocks.session("").near(requested(session="", **more), wire_of(m.OpenAIChat))
    )


@pytest.mark.parametrize(
    "match, message",
    [
        (
            {"model": "gpt-4o-mini", "user": "Hi there"},
            'no mock matches; closest is "recursion" (added-1): '
            'model is "gpt-4o", expected "gpt-4o-mini"',
        ),
        ({"user": "Hi where"}, 'user is "Hi there", expected "Hi where"'),
        ({"headers": {"x-a": "b"}}, 'headers.x-a is absent, expected "b"'),
        ({"headers": {"x-tenant": None}}, 'headers.x-tenant is "a", expected absent'),
        ({"body": {"n": 2}}, "body.n is 1, expected 2"),
        ({"user": {"regex": "^Ho"}}, 'user is "Hi there", expected {"regex": "^Ho"}'),
        ({"operation": "moderate"}, 'operation is "generate", expected "moderate"'),
        (
            {"provider": "ollama"},
            'provider is "openai", expected "ollama"; "dialect": "ollama" asks for its way of Open',
        ),
        ({"model": "x", "stream": True}, 'model is "gpt-4o", expected "x"'),
    ],
)
def test_a_miss_names_the_nearest_mock_and_the_first_difference(match: Any, message: str) -> None:
    assert message in explained({"name": "recursion", "match": match})


def test_the_nearest_mock_is_the_one_of_which_most_holds() -> None:
    near = {"provider": "openai", "model": "gpt-4o-mini", "user": "Hi there"}
    assert 'closest is "near"' in explained(
        {"name": "far", "match": {"user": "Something else"}},
        {"name": "near", "match": near},
        {"name": "farther", "match": {"user": "Other", "model": "z"}},
    )


def test_a_mock_on_a_path_of_no_provider_is_far_from_requests_to_a_provider() -> None:
    mocks = m.Mocks().session("")
    far = {"match": {"path": "/acme/parse"}, "response": {"body": 1}}
    near = {"match": {"model": "x", "user": "Hi"}, "response": {"text": "x"}}
    mocks.add([far, near])
    found = mocks.near(requested(session=""), wire_of(m.OpenAIChat))
    assert [miss.mock.place for miss in found] == ["added-2", "added-1"]


def test_of_equally_near_mocks_a_typo_away_is_nearest() -> None:
    assert 'closest is "typo"' in explained(
        {"name": "typo", "match": {"user": "Hi thera"}},
        {"name": "other", "match": {"tool_result": {"contains": "12 degrees"}}},
    )


def test_a_typo_away_is_nearer_than_a_mock_of_which_more_holds() -> None:
    mocks = m.Mocks()
    more = {"provider": "openai", "model": "gpt-4o", "user": "something else entirely"}
    mocks.session("").add([{"name": "more holds", "match": more, "response": {"text": "x"}}])
    mocks.session("").add(
        [{"name": "a typo away", "match": {"user": "Hi theer"}, "response": {"text": "x"}}]
    )
    near = mocks.session("").near(requested(session=""), wire_of(m.OpenAIChat))
    assert [miss.mock.name for miss in near] == ["a typo away", "more holds"]


def test_a_mock_that_never_said_its_operation_is_told_what_would_ask_for_the_requests() -> None:
    answers = answerer(
        {"name": "any chat", "response": {"text": "x"}},
        {
            "name": "picture",
            "match": {"operation": "image", "user": "a dog"},
            "response": {"raw": ""},
        },
        {"name": "said", "match": {"user": "a cat"}, "response": {"text": "x"}},
    )
    body = json.loads(ask(answers, m.OpenAIImages, more={"prompt": "a cat"}).body)
    assert (
        'closest is "said" (added-3): operation is "image", expected "generate", which a'
        in (body["error"]["message"])
    )
    assert '"operation": "image" asks for this one' in body["error"]["message"]
    assert [miss["mock"] for miss in body["near_misses"]] == ["said", "picture", "any chat"]
    chats = {"match": {"operation": "generate", "user": "a cat"}, "response": {"text": "x"}}
    missed = complaint_of(ask(answerer(chats), m.OpenAIImages, more={"prompt": "a cat"}).body)
    assert 'expected "generate"; ' in missed and "asks for this one" not in missed


def test_a_mock_that_only_can_not_answer_is_nearest() -> None:
    mocks = m.Mocks()
    for name in ("st1", "st3"):
        mocks.session("").add([{"name": name, "match": {"user": name}, "response": {"text": "x"}}])
    mocks.session("").add(
        [{"name": "right one", "match": {"user": "st2"}, "response": {"events": [{"a": 1}]}}]
    )
    near = mocks.session("").near(
        m.replace(requested(session=""), user="st2"), wire_of(m.OpenAIChat)
    )
    assert near[0].mock.name == "right one"


def test_a_miss_is_not_remembered_where_its_explanation_may_change() -> None:
    answers = answerer({"match": {"model": "a"}, "times": 1, "response": {"text": "x"}})
    assert b"times" not in ask(answers, m.OpenAIChat, more={"model": "b"}).body
    ask(answers, m.OpenAIChat, more={"model": "a"})
    assert b"fewer than 1 uses" in ask(answers, m.OpenAIChat, more={"model": "b"}).body


def test_a_long_text_is_shown_where_it_parts() -> None:
    text = m.explained(("user", "a" * 500 + "X" + "b" * 500, "a" * 500 + "Y" + "b" * 500))
    assert "X" in text and "Y" in text and len(text) < 500


def test_a_miss_never_shows_a_credential() -> None:
    headers = {"authorization": "Bearer sk-secret"}
    said_so = explained({"match": {"headers": {"authorization": "Bearer x"}}}, headers=headers)
    assert "sk-secret" not in said_so and hashlib.sha256(b"sk-secret").hexdigest()[:8] in said_so


def test_what_a_mock_expects_of_a_credential_is_not_told() -> None:
    headers, query = {"X-Api-Key": "SECRETKEY"}, {"Key": {"contains": "SECRETKEY"}}
    answers = answerer({"match": {"headers": headers, "query": query}, "response": {"text": "x"}})
    answered = answers.answer(
        request_of(m.OpenAIChat, headers={"x-api-key": "SECRETKEY2"}, query={"Key": "SECRET"})
    )
    assert b"SECRET" not in answered.response.body and "SECRET" not in answered.note


def test_what_only_sounds_like_a_credential_is_shown() -> None:
    assert m.masked("max-tokens", "1") == "1"
    assert m.masked("Idempotency-Key", "a") == m.masked("pageToken", "a") == "a"
    assert m.unsecret("body.tool.key", "a", "b") == ("body.tool.key", "a", "b")


def test_near_misses_hold_no_more_of_a_long_value_than_is_around_the_difference() -> None:
    answers = answerer(
        {"match": {"user": {"contains": "y"}}, "response": {"text": "x"}},
        {"match": {"body": {"messages": []}}, "response": {"text": "x"}},
    )
    answered = answers.answer(
        request_of(m.OpenAIChat, more={"messages": [{"role": "user", "content": "x" * 1_000_000}]})
    )
    assert len(answered.response.body) < 3000


def test_a_miss_tells_the_three_nearest_mocks_with_every_difference_everywhere() -> None:
    far = {"user": "a", "system": "b", "model": "c", "stream": True, "turn": 7}
    matches = {
        "far": far,
        "long": {"user": "x" * 300 + "y"},
        "near": {"model": "gpt-4o-mini", "user": "Ho"},
        "both": {"model": "gpt-4o", "user": "Ho"},
    }
    with MockServer(log="json") as server:
        for name, match in reversed(list(matches.items())):
            server.mock(name=name, match=match, response={"text": "x"})
        _, body = chat(server.port, user="x" * 300 + "z")
        misses = json.loads(body)["near_misses"]
        assert server.wait_for()[0]["near_misses"] == misses
    assert [miss["mock"] for miss in misses] == ["long", "near", "both"]
    found = {miss["mock"]: miss["differences"] for miss in misses}
    assert found["long"] == [
        {"key": "user", "differs_at": 300, "got": "x" * 80 + "z", "expected": "x" * 80 + "y"}
    ]
    model, user = found["both"]
    assert (model["key"], model["got"], model["expected"]) == ("model", "gpt-4o-mini", "gpt-4o")
    assert user["key"] == "user"


def test_the_log_names_the_near_misses(capfd: Any) -> None:
    with MockServer(log="text") as server:
        for name in ("one", "two"):
            server.mock(name=name, match={"user": name}, response={"text": "x"})
        chat(server.port, user="three")
    line = capfd.readouterr().err
    assert line.count('user is "three"') == 2
    assert re.search('closest is "(one|two)".+; then "(?!\\1)(one|two)"', line)
