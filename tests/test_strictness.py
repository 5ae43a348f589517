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
DEEPSEEK_SENTENCE = (
    "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
)

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


def test_a_mock_that_answers_in_another_dialect_judges_by_the_rules_of_that_one() -> None:
    answers = answerer({"dialect": "deepseek", "strict": True, "response": TEXT})
    hi = {"role": "user", "content": "Hi"}
    stray = {"role": "tool", "tool_call_id": "a", "content": ""}
    for messages, status in (([hi], 200), ([hi, stray], 400)):
        body = {"model": "gpt-4o", "messages": messages, "top_k": 1}
        answered = answers.answer(asked("/v1/chat/completions", body))
        assert answered.response.status == status
        found = [(one.rule, one.message) for one in answered.call.violations]
        refused = [("openai/tool-after-tool-calls", DEEPSEEK_SENTENCE)]
        assert found == (refused if status == 400 else [])
