"""Inputs that would cost more time or memory than their size, or break what is made of them."""

from __future__ import annotations

from typing import Any

import pytest
from samples import answerer, ask, call_of, steps_of

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


def test_what_is_larger_than_the_room_of_a_session_is_not_remembered() -> None:
    answers = answerer(fallback="echo")
    body = call_of(m.OpenAIChat, more={"metadata": {"a": "x" * 400_000}}).request.body
    request = m.Request("POST", "/v1/chat/completions", body=body, session="s")
    assert answers.answer(request).response.status == 200
    assert answers.mocks.session("s").memory.answers == {}


# A text that would end a header, from wherever; what of it is sent.
SPLITS = [
    ("a\r\nX-Injected: yes", "a  X-Injected: yes"),
    ("a\0\n\x1fb\tc", "a   b\tc"),
    ("né東", "né?"),
]


@pytest.mark.parametrize("text, sent", SPLITS)
def test_no_text_ends_a_line_of_a_head(text: str, sent: str) -> None:
    found = ask(
        answerer({"response": {"error": {"type": text, "message": "m"}}}), m.BedrockConverse
    )
    data = b"".join(step.data for step in steps_of(found) if isinstance(step, m.Send))
    head = data.partition(b"\r\n\r\n")[0].decode("latin-1")
    lines = head.split("\r\n")
    assert any(line.startswith(f"x-amzn-ErrorType: {sent}:http") for line in lines)
    assert not any(line.startswith("X-Injected") for line in lines)


def test_what_is_no_name_of_a_header_is_not_sent() -> None:
    assert m.field_lines((("a b", "c"), ("d\r\ne", "f"), ("", "g"), ("h", "i"))) == b"h: i\r\n"
