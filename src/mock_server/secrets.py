"""What is a credential, and how it is masked.  Touches nothing."""

from __future__ import annotations

import hashlib
import re
from typing import Sequence

from .errors import MISSING, Because
from .limits import Difference, Json

SECRET = re.compile(
    r"(?!next|page|prev|idempotency|sec-).*"  # names of headers and query parameters
    r"(?:authorization|auth|key|token|secret|signature|cookie|credential|password)",
    re.IGNORECASE,
)


SCHEMES = ("bearer", "basic", "aws4-hmac-sha256", "digest", "negotiate")


def unsecret(key: str, got: Json, expected: Json) -> Difference:
    """A difference that may be shown: of a header or a query parameter that is a credential both values are masked."""
    place, _, name = key.partition(".")
    if place not in ("headers", "query") or not SECRET.fullmatch(name):
        return key, got, expected
    hidden = [
        masked(name, value)
        if isinstance(value, str) and not isinstance(value, Because)
        else value
        if value is None or value is MISSING
        else Because("*** (a matcher)")
        for value in (got, expected)
    ]
    return key, hidden[0], hidden[1]


def masked(name: str, value: str) -> str:
    """A header or query value as it may be kept: a credential becomes its scheme and 8 hex of its
    SHA-256, so that two of them can be compared without being known."""
    if not SECRET.fullmatch(name):
        return value
    scheme, space, key = (
        value.partition(" ") if name.lower().endswith("authorization") else ("", "", value)
    )
    if not space or scheme.lower() not in SCHEMES:
        scheme, space, key = "", "", value
    return f"{scheme}{space}*** (sha256 {hashlib.sha256(key.strip().encode()).hexdigest()[:8]})"


def scheme_key(value: str, schemes: Sequence[str]) -> str:
    """The credential of an Authorization header; empty for another scheme, or if there is nothing after it."""
    scheme, _, key = value.strip().partition(" ")
    return key.strip() if scheme.lower() in schemes else ""
