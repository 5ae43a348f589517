"""Regular expressions that may take for ever are seen without running them; harmless ones pass."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Iterator, Tuple

from cases import cases

import mock_server as m

EXPLOSIVE = [
    *("^(a+)+$", "^(a*)*$", "^(aa?)+$", "^(a|aa)+$", "^(a+a*)+$", "(x+x+)+y", "(.*,)*x"),
    *(r"^(\w+\s?)+$", r"(\w+)*x", r"^([a-z]+|\w)+$", r"(?:\s*\w+\s*)*$", "^(?:(?:a|b)+c?)*!"),
    *("^(?=(a+)+$)x", r"^\s*(.*?)\s*$", r"\{\{\s*([^{}]*?)\s*\}\}"),
]
HARMLESS = [
    *("a+b", "^(foo|fob)+$", "(?:a,)*b", "([^,]+,)*x", "^(ab|cd)*$", ".*foo.*bar", "(a+)+", "a*a*"),
    *(r"(?i)weather in (?P<city>\w+)", r"(\w+ )+$", r"(\w+\s?)+", r'(?:[^"\\]|\\.)*"'),
    *(r"(\d{1,3}\.){3}\d+", r"(a)?(?(1)b|c)\1", r"(?:!+:[^\r\n]*\r\n)*$", "[^a]+a(?!b)"),
]


@cases("text", EXPLOSIVE)
def test_a_regular_expression_that_may_take_for_ever_is_seen(text: str) -> None:
    assert m.may_explode(re.compile(text))


@cases("text", HARMLESS)
def test_a_harmless_regular_expression_is_no_doubt(text: str) -> None:
    assert not m.may_explode(re.compile(text))


def own() -> Iterator[Tuple[str, "re.Pattern[Any]"]]:
    """The regular expressions that the server itself uses."""
    for holder in [m, m.SSE]:
        for name, value in list(vars(holder).items()):  # what is lazy may come meanwhile
            if isinstance(value, re.Pattern):
                yield name, value
    for route in m.ROUTES:
        yield route.template, route.pattern


def test_no_regular_expression_of_the_servers_own_is_explosive() -> None:
    checked = []
    for name, pattern in own():
        text = pattern.pattern
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        assert not m.may_explode(re.compile(text, pattern.flags & re.I)), name
        checked.append(name)
    assert len(checked) > 50


def test_check_names_what_may_take_for_ever(tmp_path: Path, capsys: Any) -> None:
    match = {"user": {"not": {"regex": "^(a+)+$"}}, "headers": {"x-a": {"regex": "a+b"}}}
    (tmp_path / "mocks").mkdir()
    (tmp_path / "mocks" / "a.json").write_text(
        json.dumps({"match": match, "response": {"text": "x"}}), "utf-8"
    )
    assert m.main(["--check", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().err.splitlines() == [
        'mocks/a.json#1: match.user: regex "^(a+)+$" may take for ever on some texts; '
        "it is then given up",
        "1 mock, 1 doubtful",
    ]
