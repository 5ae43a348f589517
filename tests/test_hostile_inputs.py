"""Inputs that would cost more time or memory than their size, or show what must not be shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from samples import answerer, call_of

import mock_server as m


def test_a_long_reference_is_read_a_bounded_number_of_times(monkeypatch: Any) -> None:
    read = []

    def within(root: Any, *names: str) -> Any:
        read.append(names)
        return root

    monkeypatch.setitem(m.SchemaCheck.check.__globals__, "within", within)
    schema = {"$ref": "#" + "/" * 1_000_000}
    m.SchemaCheck(schema).check(m.Node(1), schema)
    assert 0 < len(read) < 5


def test_every_query_parameter_counts_for_the_memory_that_it_takes() -> None:
    query = {f"a{number}": "" for number in range(1000)}
    key = m.key_of(m.Request("GET", "/v1/models", query), ())
    assert m.key_size(key) > 300_000


def test_what_is_larger_than_the_room_of_an_answer_is_not_remembered() -> None:
    answers = answerer(fallback="echo")
    body = call_of(m.OpenAIChat, more={"metadata": {"a": "x" * 1_100_000}}).request.body
    request = m.Request("POST", "/v1/chat/completions", body=body, session="s")
    for _ in range(3):
        assert answers.answer(request).response.status == 200
    assert answers.memory.answers == {}


def test_a_credential_without_a_colon_before_it_is_not_shown() -> None:
    with pytest.raises(m.Refused, match='header "Authorization" has a malformed name') as refused:
        m.parse_head(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization Bearer sk-SECRET:1\r\n\r\n")
    assert not re.search("sk-SECRET", refused.value.message)


@pytest.mark.parametrize("name", ["x-api-key-2", "api_key2", "passwd", "sig", "api\nkey", "token"])
def test_names_of_credentials_are_known(name: str) -> None:
    assert "abc" not in m.masked(name, "abc")


@pytest.mark.parametrize("name", ["nextpagetoken", "idempotency-key", "content-type", "sec-x-key"])
def test_names_that_only_look_alike_are_left_alone(name: str) -> None:
    assert m.masked(name, "abc") == "abc"
