"""Messages as turns: tool results stand among the texts of a user."""

from __future__ import annotations

from typing import Any, List

import pytest

import mock_server as m

TEXT = m.MessageContent("Hi")
BOTH = m.MessageContent("Hi", (m.Turn("tool", "12°"), m.Turn("tool", "rain")))
RESULTS = m.MessageContent("", (m.Turn("tool", "12°"),), only_results=True)


@pytest.mark.parametrize(
    "content, role, expected",
    [
        (TEXT, "user", [("user", "Hi")]),
        (m.MessageContent(), "user", [("user", "")]),
        (BOTH, "user", [("user", "Hi"), ("tool", "12°"), ("tool", "rain")]),
        (RESULTS, "user", [("tool", "12°")]),
        (RESULTS, "assistant", [("assistant", ""), ("tool", "12°")]),
    ],
)
def test_a_tool_result_is_a_turn_and_a_user_who_says_no_more_has_none(
    content: m.MessageContent, role: str, expected: List[Any]
) -> None:
    assert [(turn.role, turn.text) for turn in content.turns(role)] == expected
