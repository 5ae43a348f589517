"""X"""

from __future__ import annotations

import json
from typing import Any

import pytest
from mocked import texts_of
from samples import answerer, ask, bytes_of, uses_of

import mock_server as m


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
        found.append(
            json.loads(ask(answers, m.OpenAIChat, headers={"x-a": header}).body)["choices"][0][
                "message"
            ]["content"]
        )
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
        assert (
            answers.mocks.session("").memory.used <= 110_000
            and len(answers.mocks.session("").memory.answers) < 60
        )
