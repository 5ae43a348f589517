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


REFUSED: Tuple[Refused, ...] = ()
