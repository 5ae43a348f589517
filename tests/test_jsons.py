"""JSON in and out."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from wrong_bodies import BAD_JSON

import mock_server as m


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        None,
        1.5,
        "a\nü",
        {"a": {}, "b": []},
        {"ü": [1, [2, {"x": True}], {}], "y": {"z": None}},
        [[[]]],
        [{"a": 1}],
    ],
)
def test_json_is_laid_out_as_the_json_module_does_it(value: Any) -> None:
    assert m.indented(value) == json.dumps(value, indent=2, ensure_ascii=False)
    assert m.indented(value, "    ") == json.dumps(value, indent=4, ensure_ascii=False)


@pytest.mark.parametrize("has_c_code", [True, False])
@pytest.mark.parametrize("value", ["a\nü", 1, {"b": [1.5, {}], "a": {"ü": None}}, [True]])
def test_json_is_written_as_the_json_module_does_it(
    value: Any, has_c_code: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_c_code:
        monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    for sort_keys in (False, True):
        written = m.layout(",", ": ", sort_keys)(value)
        rules: Any = {"separators": (",", ": "), "sort_keys": sort_keys, "ensure_ascii": False}
        assert written == json.dumps(value, **rules)


@pytest.mark.parametrize("data, said_so", BAD_JSON)
def test_what_is_no_json_is_said_to_be_so_and_where(data: bytes, said_so: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said_so)):
        m.parse_json(data)


def test_what_json_allows_is_read() -> None:
    data = b'\xef\xbb\xbf{"a": [1, 2.5, "\\ud83d\\ude80", null]}'
    assert m.parse_json(data) == {"a": [1, 2.5, "🚀", None]}
    assert m.parse_json(b"[" * 200 + b"]" * 200)


@pytest.mark.parametrize(
    "value", [{"b": [[1.5, 2], []], "a": {"ü<": "x"}}, [{"z": 1, "a": [[0]]}], [], 5]
)
def test_an_array_at_a_time_is_laid_out_as_all_at_once(value: Any) -> None:
    assert m.by_rows(m.compact)(value) == m.compact(value)
    assert m.by_rows(m.go_json)(value) == m.go_json(value)
    assert m.by_rows(m.sorted_compact, sorts=True)(value) == m.sorted_compact(value)


@pytest.mark.parametrize(
    "text, is_more",
    [
        ("[" + "[],[" * 9 + "]" * 10, True),
        ("[" + "1," * 11 + "1]", True),
        ("[" + '"[,{",' * 9 + "1]", False),
        ("[" + '"\\\\\\"[,{",' * 9 + "1]", False),
        ("[" + '"\\\\",[],' * 6 + "1]", True),
    ],
)
@pytest.mark.parametrize("block", [1, 7, 100])
def test_values_are_counted_before_they_are_made(
    text: str, is_more: bool, block: int, monkeypatch: Any
) -> None:
    monkeypatch.setitem(m.announces_more.__globals__, "BLOCK", block)
    assert m.announces_more(text.encode(), 10, 10) == is_more


def test_a_body_of_too_many_values_makes_none_of_them(monkeypatch: Any) -> None:
    monkeypatch.setitem(m.parse_request.__globals__, "MOST_VALUES", 10)
    monkeypatch.setitem(m.parse_request.__globals__, "parse_json", None)
    with pytest.raises(ValueError, match="more than 10 values"):
        m.parse_request(b"[" + b"1," * 20 + b"1]")
    with pytest.raises(ValueError, match="or 250000 arrays and objects"):
        m.parse_request(b"[" + b"[]," * 250_000 + b"1]")


@pytest.mark.parametrize(
    "data, takes_long",
    [
        (b"[" * 5000, False),
        (b"x" * 200_000, False),
        (b"[]," * 60_000, True),
        (b"x" * 300_000, True),
    ],
)
def test_how_long_it_takes_to_read_is_told_by_size_and_values(
    data: bytes, takes_long: bool
) -> None:
    assert m.takes_long(data) == takes_long


TWICE = [
    (b'{"a": 1, "a": 1}', '"a" stands twice'),
    (b'[{"b": 1}, {"match": {"user": "x", "y": 1, "user": "z"}}]', '"[1].match.user" stands twice'),
    (b'{"a": {"a": 1}, "b": [[{"a": 1}, {"\\u0061": 1, "a": 2}]]}', '"b[0][1].a" stands twice'),
]


def test_a_key_that_stands_twice_is_refused_where_that_is_asked_for() -> None:
    for data, said_so in TWICE:
        assert m.parse_json(data) == json.loads(data)
        for parse in (m.parse_json, m.parse_request):
            with pytest.raises(m.TwiceError, match=re.escape(said_so)):
                parse(data, unique=True)
    same = b'{"a": [{"a": {}}, {"a": {}}], "b": {"a": 1}}'
    assert m.parse_json(same, unique=True) == json.loads(same)


def test_a_text_that_is_read_in_pieces_is_the_same() -> None:
    for data in ("é🚀a".encode() * 100_000, b"\xff\xe2\x82a" * 100_000, b"", b"a\xf0\x9f"):
        assert m.text_of(data) == data.decode("utf-8", "replace")
