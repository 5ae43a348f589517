"""Shapes of JSON that several providers have in common.  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, Sequence, Tuple

from ..limits import Json


def present(**members: Json) -> Dict[str, Json]:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def named_by_type(values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
    """Recorded values as events whose names are their types.

    Values without a type are no events of the API; they pass as they are, without a name."""
    for value in values:
        name = ""
        if isinstance(value, dict):
            name = value.get("type") or ""
        yield name, value
