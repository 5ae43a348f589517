"""What may take long to write.  Pure."""

from __future__ import annotations

from .mocks.mock import Found
from .values import Call, Request

HEAVY = 16 * 1024  # characters that take long to write: each may be an event
ECHO_TEMPLATE = "{{user}}"  # what an echo is


def is_heavy(found: Found, call: Call) -> bool:
    """Whether it may take long to write the answer of a mock."""
    return found.answer.is_long or heavy(found.mock.canonical, call.request, call.choices)


def heavy(answer: str, request: Request, choices: int = 1) -> bool:
    """Whether it may take long to write an answer, of which this is the JSON: it says much itself,
    or its templates may ask for much of the request, and all of its choices say it."""
    return choices * (len(answer) + answer.count("{{") * len(request.body)) > HEAVY
