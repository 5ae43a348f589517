"""Remembered answers: the same as the first time, never another's, and bounded."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from mocked import texts_of
from samples import CHAT, answerer, ask, bytes_of, uses_of

import mock_server as m


@pytest.mark.parametrize("stream", [False, True])
def test_a_remembered_answer_is_the_same_and_counts_as_a_use(stream: bool) -> None:
    answers = answerer({"name": "a", "response": {"text": "one two"}})
    first, second, third = (ask(answers, m.OpenAIChat, stream) for _ in range(3))
    assert first == second and second is third and bytes_of(first) == bytes_of(second)
    assert uses_of(answers.mocks) == 3


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
    for header in ("1", "2"):
        found = ask(answers, m.OpenAIChat, headers={"x-a": header})
        assert json.loads(found.body)["choices"][0]["message"]["content"] == header


def test_a_new_mock_is_seen_by_a_request_that_came_before() -> None:
    answers = answerer({"response": {"text": "old"}})
    assert texts_of(answers, 2) == ["old", "old"]
    answers.mocks.session("").add([{"response": {"text": "new"}}])
    assert texts_of(answers, 1) == ["new"]


def test_a_credential_is_asked_for_however_often_the_request_came() -> None:
    answers = answerer({"response": {"text": "x"}}, require_auth=True)
    key = {"authorization": "Bearer k"}
    found = [ask(answers, m.OpenAIChat, headers=headers).status for headers in (key, {}, key)]
    assert found == [200, 401, 200]


def test_a_refusal_is_not_remembered_for_the_next_use_may_be_none() -> None:
    huge = {"text": "{{user}}" * 1000}
    answers = answerer({"responses": [huge, {"text": "small"}], "cycle": True})
    message = {"role": "user", "content": "x" * 5000}
    body = json.dumps({"model": "m", "messages": [message]}).encode()
    request = m.Request("POST", "/v1/chat/completions", body=body)
    assert [answers.answer(request).response.status for _ in range(6)] == [400, 200] * 3


def test_memory_stays_within_its_room() -> None:
    answers = answerer(fallback="echo")
    text = "x" * 500_000
    tracemalloc.start()
    try:
        for number in range(48):  # each twice: what comes once is not kept
            more = {"seed": number // 2, "messages": [{"role": "user", "content": text}]}
            assert ask(answers, m.OpenAIChat, more=more).status == 200
        assert tracemalloc.get_traced_memory()[0] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("prefix", [False, True])
def test_what_is_remembered_and_journalled_of_dense_bodies_stays_within_its_room(
    prefix: bool,
) -> None:
    """Bodies of short lists take 27 bytes of memory a byte."""
    answers = answerer(fallback="echo")
    answers.memory.room = 1_000_000
    journal = m.Journal(room=1_000_000)
    head = m.parse_head(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n")
    lists = {"role": "user", "content": "x"}
    tracemalloc.start()
    try:
        for number in range(20):
            for _ in range(2):
                body = {**CHAT, "seed": number, "messages": [lists], "metadata": [[]] * 2500}
                session = str(number) if prefix else ""
                request = m.Request(
                    "POST", "/v1/chat/completions", {}, {}, json.dumps(body).encode(), 0, session
                )
                asked = m.asked_of(request, head, answers.answer(request))
                journal.add(m.Entry(str(number), 0.0, asked, m.Sent()))
        assert tracemalloc.get_traced_memory()[0] < 3_500_000
    finally:
        tracemalloc.stop()
