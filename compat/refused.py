"""Requests of these tests that the real provider would refuse, each with the reason why it is sent:
a test that wants to be refused, or a bug of an SDK or a gateway.  A row that is no longer needed
fails (test_strict_requests.py)."""

from __future__ import annotations

from typing import NamedTuple, Tuple


class Refused(NamedTuple):
    """A test, by its file and name, the rules that its requests break, and why they do."""

    test: Tuple[str, str]
    rules: Tuple[str, ...]
    why: str


NO_MESSAGES = "a conversation without messages is to raise what the SDK has for a bad request"
REFUSED: Tuple[Refused, ...] = (
    Refused(
        ("test_openai", "test_a_request_that_the_api_refuses_is_a_bad_request"),
        ("openai/messages-empty",),
        NO_MESSAGES,
    ),
    Refused(
        ("test_mistral", "test_a_request_that_the_api_refuses_is_a_validation_error"),
        ("mistral/limits",),
        NO_MESSAGES,
    ),
    Refused(
        ("test_ollama", "test_a_request_without_a_model_is_a_bad_request"),
        ("ollama/body",),
        "no model is to raise what the SDK has for a bad request",
    ),
)
