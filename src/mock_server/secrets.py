"""What is a credential, and how it is masked.  Touches nothing."""

from __future__ import annotations

import hashlib
import re
from typing import Sequence

from .errors import MISSING, Because
from .limits import Difference, Json

SECRET = re.compile(
    r"(?!next|page|prev|idempotency|sec-).*"  # names of headers and query parameters
    r"(?:authorization|auth|key|token|secret|signature|sig|cookie|credential|password|passwd)"
    r"(?:[-_]?[0-9]+)?",  # a second key beside the first
    re.IGNORECASE | re.DOTALL,
)
SCHEMES = ("bearer", "basic", "aws4-hmac-sha256", "digest", "negotiate")  # of Authorization


def unsecret(key: str, got: Json, expected: Json) -> Difference:
    """A difference that may be shown: of a header or a query parameter that is a credential both
    values are masked."""
    place, _, name = key.partition(".")
    if place not in ("headers", "query") or not SECRET.fullmatch(name):
        return key, got, expected
    return key, hidden(name, got), hidden(name, expected)


def hidden(name: str, value: Json) -> Json:
    """One side of such a difference: a text, a matcher, or no value."""
    if value is None or value is MISSING:
        return value
    # A matcher, or the sentence about one, may hold a piece of the credential.
    if isinstance(value, Because) or not isinstance(value, str):
        return Because("*** (a matcher)")
    return masked(name, value)


def masked(name: str, value: str) -> str:
    """A header or query value as it may be kept: a credential becomes its scheme and 8 hex of its
    SHA-256, so that two of them can be compared without being known."""
    if not SECRET.fullmatch(name):
        return value
    scheme, key = "", value
    if name.lower().endswith("authorization"):
        word, space, rest = value.partition(" ")
        if space and word.lower() in SCHEMES:
            scheme, key = word + space, rest
    digest = hashlib.sha256(key.strip().encode()).hexdigest()[:8]
    return f"{scheme}*** (sha256 {digest})"


def scheme_key(value: str, schemes: Sequence[str]) -> str:
    """The credential of an Authorization header; empty for another scheme, or if there is nothing
    after it."""
    scheme, _, key = value.strip().partition(" ")
    if scheme.lower() not in schemes:
        return ""
    return key.strip()
