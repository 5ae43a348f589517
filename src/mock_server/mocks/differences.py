"""Differences in words: what keeps a call from being answered.  Pure."""

from __future__ import annotations

from ..errors import shown
from ..limits import DIALECTS, Difference, Json
from ..secrets import unsecret


def explained(difference: Difference) -> str:
    """One difference in words: `model is "gpt-4o", expected "gpt-4o-mini"`."""
    key, got, expected = unsecret(*difference)
    parting = 0
    if isinstance(got, str) and isinstance(expected, str):
        parting = parting_of(got, expected, 0)
    told = f"{key} is {shown(got, parting)}, expected {shown(expected, parting)}"
    if (key, got) == ("provider", "openai"):
        told += other_dialect(expected)
    if key == "history":
        told += ", the hash of what was said before the last user message"
    return told


def other_dialect(provider: Json) -> str:
    """What is said of a provider whose way of OpenAI's format may have been meant."""
    if provider == "openai" or provider not in DIALECTS:
        return ""
    return f'; "dialect": {shown(provider)} asks for its way of OpenAI\'s format'


def parting_of(one: str, other: str, default: int) -> int:
    """Where two texts begin to differ; `default` if one is the beginning of the other."""
    for index, pair in enumerate(zip(one, other)):
        if pair[0] != pair[1]:
            return index
    return default
