"""Records: what a class of values does of its own accord."""

from __future__ import annotations

import copy
from typing import Any, Mapping

import pytest

import mock_server as m


@m.record
class Point:
    """A point, and what it is called."""

    x: int
    y: int = 2
    names: Mapping[str, str] = {}

    dimensions = 2  # no annotation, no field

    @m.found_once
    def calls(self) -> list:
        return []


@m.record
class Other:
    x: int
    y: int = 2
    names: Mapping[str, str] = {}


@m.record
class Nothing:
    pass


POINT: Any = Point


def test_a_record_is_made_of_its_values_in_order_or_by_name() -> None:
    for made in (POINT(1), POINT(1, 2), POINT(x=1, y=2), POINT(1, names={})):
        assert (made.x, made.y, made.names, made.dimensions) == (1, 2, {}, 2)


@pytest.mark.parametrize("given", [{}, {"x": 1, "z": 3}, {"x": 1, "calls": []}])
def test_a_record_takes_its_fields_and_no_others(given: Mapping[str, Any]) -> None:
    with pytest.raises(TypeError, match="argument"):
        POINT(**given)


def test_records_are_equal_if_kind_and_values_are() -> None:
    assert POINT(1) == POINT(1, 2) and Nothing() == Nothing()
    assert POINT(1) != POINT(2) and POINT(1) != Other(1) and POINT(1) != (1, 2, {})
    assert {m.Text("x"), m.Text("x"), m.Refusal("x")} == {m.Text("x"), m.Refusal("x")}


def test_a_record_shows_its_values() -> None:
    assert repr(POINT(1, names={"a": "b"})) == "Point(x=1, y=2, names={'a': 'b'})"
    assert m.field_names(Point) == ("x", "y", "names") and m.field_names(Nothing) == ()


def test_a_changed_copy_forgets_what_was_found_of_the_first() -> None:
    first = POINT(1)
    first.calls.append("looked")
    assert copy.copy(first).calls == ["looked"]
    changed = m.replace(first, y=5)
    assert (changed, first, changed.calls) == (POINT(1, 5), POINT(1), [])


def test_an_attribute_that_is_no_field_is_an_error() -> None:
    with pytest.raises(AttributeError):
        m.replace(m.Text("x"), txt="y")
