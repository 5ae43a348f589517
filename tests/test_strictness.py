"""Strictness: what a mock says in vain of the rules of its provider is refused with why."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import pytest
from cases import cases
from mocked import mock_of
from rulebook import asked
from samples import answerer

from mock_server import BadMock

NO_RULES = "has no effect: there are no rules that a request to "
TEXT = {"text": "x"}

# What stands in a mock, and why it is refused; empty if it is not.
SAID: List[Tuple[Dict[str, Any], str]] = [
    ({"strict": True}, ""),
    ({"strict": False}, ""),
    ({"match": {"valid": True}}, ""),
    ({"match": {"valid": False}}, ""),
    ({"match": {"valid": False}, "strict": False}, ""),
    (
        {"match": {"valid": True}, "strict": True},
        'strict: has no effect: "valid" is true, so that nothing matches that breaks a rule',
    ),
    (
        {"match": {"valid": True}, "strict": False},
        'strict: has no effect: "valid" is true, so that nothing matches that breaks a rule',
    ),
    (
        {"match": {"valid": False}, "strict": True},
        'strict: refuses all that matches: "valid" is false, so that all of it breaks a rule',
    ),
    (
        {"match": {"path": "/v1/parse"}, "strict": True, "response": {"body": 1}},
        f"strict: {NO_RULES}paths of no provider could break",
    ),
    (
        {"match": {"path": "/v1/parse", "valid": True}, "response": {"body": 1}},
        f"match.valid: {NO_RULES}paths of no provider could break",
    ),
    (
        {"match": {"operation": "models", "valid": False}, "response": {"body": 1}},
        f"match.valid: {NO_RULES}",
    ),
]


@cases("spec, problem", SAID)
def test_what_a_mock_says_of_rules_changes_something_or_is_refused(
    spec: Dict[str, Any], problem: str
) -> None:
    spec = {"response": TEXT, **spec}
    if not problem:
        assert mock_of(spec)
        return
    with pytest.raises(BadMock) as raised:
        mock_of(spec)
    assert problem in str(raised.value)


def test_a_mock_that_answers_in_another_dialect_refuses_in_that_one() -> None:
    lonely = {"model": "gpt-4o", "messages": [{"role": "tool", "tool_call_id": "a", "content": ""}]}
    answers = answerer({"dialect": "groq", "strict": True, "response": TEXT})
    body = answers.answer(asked("/v1/chat/completions", lonely)).response.body
    assert body.startswith(b'{"error":{"message":"Invalid parameter: messages with role')
