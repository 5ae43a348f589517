"""Near misses: which mock is named as the closest, and for how long."""

from __future__ import annotations

from dataclasses import replace

from samples import (
    answerer,
    ask,
    call_of,
    wire_of,
)

import mock_server as m

CALL = call_of(m.OpenAIChat, more={"model": "gpt-4o"})


def test_a_typo_away_is_nearer_than_a_mock_of_which_more_holds() -> None:
    mocks = m.Mocks()
    more = {"provider": "openai", "model": "gpt-4o", "user": "something else entirely"}
    mocks.add([{"name": "more holds", "match": more, "response": {"text": "x"}}])
    mocks.add([{"name": "a typo away", "match": {"user": "Hi theer"}, "response": {"text": "x"}}])
    near = mocks.near(replace(CALL, user="Hi there"), wire_of(m.OpenAIChat))
    assert [miss.mock.name for miss in near] == ["a typo away", "more holds"]


def test_a_mock_that_only_can_not_answer_is_nearest() -> None:
    mocks = m.Mocks()
    for name in ("st1", "st3"):
        mocks.add([{"name": name, "match": {"user": name}, "response": {"text": "x"}}])
    mocks.add([{"name": "right one", "match": {"user": "st2"}, "response": {"events": [{"a": 1}]}}])
    near = mocks.near(replace(CALL, user="st2"), wire_of(m.OpenAIChat))
    assert near[0].mock.name == "right one"


def test_a_miss_is_not_remembered_where_its_explanation_may_change() -> None:
    answers = answerer({"match": {"model": "a"}, "times": 1, "response": {"text": "x"}})
    assert b"times" not in ask(answers, m.OpenAIChat, more={"model": "b"}).body
    ask(answers, m.OpenAIChat, more={"model": "a"})
    assert b"fewer than 1 uses" in ask(answers, m.OpenAIChat, more={"model": "b"}).body
