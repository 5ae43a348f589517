"""Sizes in memory: of JSON, headers, mocks and answers, as tracemalloc finds them."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any, Callable

import pytest
from samples import CHAT

import mock_server as m


def measured(make: Callable[[], Any]) -> Any:
    """A value, and the bytes of memory that it takes."""
    tracemalloc.start()
    try:
        value = make()
        return value, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"0," * 5000 + b"0]",
        b"[" + b"1000," * 5000 + b"0]",
        b"[" + b"0.125," * 5000 + b"0]",
        b"[" + b"[]," * 5000 + b"0]",
        b"[" + b"[0]," * 5000 + b"0]",
        b"[" + b"{}," * 5000 + b"0]",
        b"[" + b'{"a":0},' * 5000 + b"0]",
        b"[" + b'"a",' * 5000 + b"0]",
        b"[" + b'"abc",' * 5000 + b"0]",
        json.dumps({str(number): number for number in range(5000)}).encode(),
        json.dumps({"content": "x" * 60000}).encode(),
        json.dumps({"content": "Grüße" * 5000}).encode(),
        json.dumps({"content": "x" * 30000 + "😀"}, ensure_ascii=False).encode(),
        json.dumps({"messages": [{"role": "user", "content": "x" * 400}] * 100}).encode(),
    ],
)
def test_the_size_of_json_is_told_about_right(text: bytes) -> None:
    value, size = measured(lambda: json.loads(text))
    assert size / 1.3 < m.json_size(text, value) < 1.5 * size


def test_the_size_of_a_common_body_is_told_without_a_look_at_it() -> None:
    text = json.dumps(CHAT).encode()
    found = m.json_size(text, None)
    assert found == m.json_size(text, json.loads(text)) and found < 2000


def test_the_size_of_headers_is_that_of_their_objects() -> None:
    def make() -> Any:
        pairs = {f"a{number}": str(number) + "b" for number in range(3000)}
        return pairs, dict(pairs)

    (pairs, _), size = measured(make)
    assert size / 1.35 < m.pairs_size(pairs) < 1.35 * size


@pytest.mark.parametrize(
    "response",
    [
        {"text": "x" * 20000},
        {"body": [[]] * 5000},
        {"body": [1000] * 5000},
        {"tool_calls": [{"name": "f", "arguments": {"a": "b" * 50}}] * 100},
        {"events": [{"a": number} for number in range(2000)]},
    ],
)
def test_the_size_of_mocks_is_that_of_all_they_hold(response: Any) -> None:
    text = json.dumps([{"match": {"user": "x"}, "response": response}] * 3)
    session = m.Mocks().session("")
    session.add(json.loads(text))
    _, size = measured(lambda: session.add(json.loads(text)))
    assert size / 1.5 < sum(list(session.sizes.values())[3:]) < 1.5 * size
