"""Node: a JSON value that knows its place."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from cases import cases

import mock_server as m

WHOLE = {
    "a": {"b": [1, {"c": "x"}], "t": True, "n": None},
    "wait": 2,
    "word": "red",
    "long": "no number",
}


def node(*steps: Any) -> m.Node:
    """What lies inside WHOLE."""
    found = m.Node(WHOLE, "a.json#1")
    for step in steps:
        found = found.items()[step] if isinstance(step, int) else found.get(step)
    return found


@pytest.mark.parametrize(
    "steps, path, value",
    [
        ((), "", WHOLE),
        (("a",), "a", WHOLE["a"]),
        (("a", "b", 1, "c"), "a.b[1].c", "x"),
        (("a", "t", "deeper"), "a.t.deeper", m.MISSING),
        (("none", "deeper"), "none.deeper", m.MISSING),
    ],
)
def test_a_node_knows_the_way_that_leads_to_it(steps: Any, path: str, value: Any) -> None:
    found = node(*steps)
    assert (found.path, found.value) == (path, value)
    assert found.is_absent == (value is m.MISSING)


@cases(
    "read, expected",
    [
        (lambda: node("wait").seconds(), 2.0),
        (lambda: node("none").seconds(0), 0.0),
        (lambda: node("wait").integer("one", 1, 3), 2),
        (lambda: node("none").integer("one", 1, 3, 0), 0),
        (lambda: node("word").choice(("red", "blue")), "red"),
        (lambda: node("none").choice(("red", "blue"), "blue"), "blue"),
        (lambda: node("a", "t").flag(False), True),
        (lambda: node("none").text("usual"), "usual"),
        (lambda: node("none").items(), []),
        (lambda: [name for name, _ in node("a").members()], ["b", "t", "n"]),
        (lambda: list(node("none").members()), []),
        (lambda: node("a").within("b").path, "a.b"),
        (lambda: [one.is_null for one in (node("a", "n"), node("none"), node("wait"))],
         [True, True, False]),
    ],
)  # fmt: skip
def test_a_reader_gives_the_plain_value_or_the_default(
    read: Callable[[], Any], expected: Any
) -> None:
    assert read() == expected


@pytest.mark.parametrize(
    "read, problem",
    [
        (lambda: node("long").seconds(), 'expected seconds from 0 to 3600, found "no number"'),
        (lambda: node("none").seconds(), "expected seconds from 0 to 3600, found absent"),
        (lambda: node("wait").integer("one or none", 0, 1), "expected one or none, found 2"),
        (lambda: node("a", "t").number("a share", 0, 1), "expected a share, found true"),
        (lambda: node("word").flag(True), 'expected a boolean, found "red"'),
        (lambda: node("word").items(), 'expected an array, found "red"'),
        (lambda: list(node("a", "b").objects()), "expected an object, found 1"),
        (lambda: node("a").only(("b", "t")), "unknown key; known: b, t"),
        (lambda: node("a", "b", 1).check({"c": "a number"}), 'expected a number, found "x"'),
        (lambda: node("a").check({"n": "a string!"}), "expected a string, found null"),
    ],
)
def test_a_wrong_value_is_named_with_its_whole_path(read: Callable[[], Any], problem: str) -> None:
    with pytest.raises(m.BadMock) as caught:
        read()
    assert str(caught.value) == f"a.json#1: {caught.value.path}: {problem}"


def test_an_error_holds_path_expected_and_found_as_values() -> None:
    with pytest.raises(m.BadMock) as caught:
        node("a", "b", 1, "c").a("a number")
    error = caught.value
    assert (error.path, error.expected, error.found) == ("a.b[1].c", "a number", "x")
    with pytest.raises(m.BadMock) as caught:
        node("word").choice(("green", "blue"))
    error = caught.value
    assert (error.path, error.expected, error.found) == ("word", "green, blue", "red")


def test_a_value_put_in_the_same_place_keeps_the_path() -> None:
    assert node("a", "b", 1, "c").replaced({"d": 1}).get("d").path == "a.b[1].c.d"
