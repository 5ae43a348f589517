"""Replies in pieces, and events that are alike but for a text."""

from __future__ import annotations

from typing import Any, Callable, List

import pytest
from cases import cases

import mock_server as m

PIECES = ["", "a", "\n<&", 'say "ü"', "\ud800"]


@cases("write", [m.compact, m.sorted_compact, m.spaced, m.loose, m.go_json])
@cases("piece", PIECES)
def test_a_filled_stencil_is_what_the_whole_value_would_be_written_as(
    piece: str, write: Callable[[Any], str]
) -> None:
    def value(text: Any, number: Any) -> Any:
        return {"number": number, "b": [{"text": text}], "a": number, "plain": '0 " [{0}]'}

    stencil = m.Stencil(value(m.hole(0), m.hole(1)), write)
    assert stencil.filled(piece, 7) == m.utf8(write(value(piece, 7)))


def test_a_stencil_without_holes_is_the_value_itself() -> None:
    assert m.Stencil({"a": [1]}).filled("unused") == b'{"a":[1]}'


def test_events_are_alike_but_for_their_texts() -> None:
    events = list(m.filled_in("delta", {"text": m.hole(0)}, ["a", "ü"]))
    assert events == [("delta", b'{"text":"a"}'), ("delta", '{"text":"ü"}'.encode())]


@pytest.mark.parametrize(
    "part, size, pieces",
    [
        (m.Text("one two  three "), 0, ["one", " two", "  three "]),
        (m.Text("one two"), 3, ["one", " tw", "o"]),
        (m.Text(""), 0, [""]),
        (m.ToolCall("f", {"a": 1}), 0, ['{"', "a", '":', "1", "}"]),
        (m.ToolCall("f", {}), 0, ["{}"]),
    ],
)
def test_a_part_streams_in_pieces(part: Any, size: int, pieces: List[str]) -> None:
    reply = m.Reply((part,), "stop", m.Usage(1, 1), "model", chunk_size=size)
    (run,) = m.walk(reply)
    assert list(run.pieces) == pieces
    assert list(run.texts) == [piece for piece in pieces if piece]


@pytest.mark.parametrize("size", [0, 5])
def test_a_long_text_is_cut_as_it_is_asked_for_and_a_short_one_once(size: int) -> None:
    text = "one two " * 5000
    cut = m.pieces(text, size)
    assert isinstance(cut, m.CutText) and "".join(cut) == text
    assert list(cut)[:3] == list(m.pieces(text[:100], size))[:3]
    assert m.pieces(text[:100], size) is m.pieces(text[:100], size)


def test_the_last_text_is_known() -> None:
    assert list(m.with_last("ab")) == [("a", False), ("b", True)]
