"""Memory is given back: now and then, once enough was freed."""

from __future__ import annotations

from typing import Any, Callable, List

import mock_server as m


def test_memory_is_given_back_once_much_was_freed_and_once_for_all(monkeypatch: Any) -> None:
    planned: List[Callable[[], None]] = []
    given: List[int] = []
    trimming = m.Trimming(planned.append)
    monkeypatch.setitem(m.Trimming.trim.__globals__, "give_back_memory", lambda: given.append(1))
    trimming.freed(m.TRIM_AT - 1)
    assert not planned
    trimming.freed(1)
    trimming.freed(m.TRIM_AT)
    assert len(planned) == 1 and not given
    planned.pop()()
    assert given == [1] and trimming.total == 0
    trimming.freed(m.TRIM_AT)
    assert len(planned) == 1


def test_giving_back_does_no_harm_anywhere() -> None:
    m.give_back_memory()
