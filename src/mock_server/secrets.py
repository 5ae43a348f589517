"""What is a credential, and how it is masked.  Touches nothing."""

from __future__ import annotations

import hashlib
import re
from typing import Sequence

from .errors import MISSING, Because
from .limits import Difference, Json

SECRET = re.compile(
    # Names of headers and query parameters, but for those of a place in a list, of a request that
    # is repeated, and of a WebSocket's handshake (RFC 6455, 11.3.1).
    r"(?!(?:(?:next|prev|previous)[-_]?(?:page[-_]?)?|page[-_]?)token\Z"
    r"|(?:x[-_])?idempotency[-_]?key\Z|sec-websocket-key\Z).*"
    r"(?:authorization|auth|key|token|secrets?|signature|sig|cookies?|credentials?|passwords?"
    r"|passwd|pwd|passphrase|jwt|assertion|identity-header)"  # the last is App Service's
    r"(?:[-_]?[0-9]+)?",  # a second key beside the first
    re.IGNORECASE | re.DOTALL,
)
USER = re.compile(r"(//|^(?=[^/?#\s@:]+:))[^/?#\s]*@")  # and password, of a URL or a host
PARAMETER = re.compile(r"([?&])([^?&=#\s]+)=([^&#\s]*)")
BEARER = re.compile(r"\b(bearer)\s+[^\s,;]+", re.IGNORECASE)  # wherever it stands
SCHEMES = ("bearer", "basic", "aws4-hmac-sha256", "digest", "negotiate")  # of Authorization


def unsecret(key: str, got: Json, expected: Json) -> Difference:
    """A difference that may be shown: of a header or a query parameter that is a credential both
    values are masked."""
    place, _, name = key.partition(".")
    if place not in ("headers", "query"):
        return key, got, expected
    if not SECRET.fullmatch(name):
        return key, shared(got), shared(expected)
    return key, hidden(name, got), hidden(name, expected)


def shared(value: Json) -> Json:
    """One side of a difference that is no credential, but may have one in it."""
    if not isinstance(value, str) or isinstance(value, Because):
        return value
    return unkeyed(value)


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
    scheme, key = "", value
    word, space, rest = value.partition(" ")
    if space and word.lower() in SCHEMES:  # which say it whatever the header is called
        scheme, key = word + space, rest
    elif not SECRET.fullmatch(name):
        return unkeyed(value)
    digest = hashlib.sha256(key.strip().encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{scheme}*** (sha256 {digest})"


def unkeyed(text: str) -> str:
    """A text with the users and keys masked that are in its URLs, or follow `Bearer` in it."""
    if "@" in text:
        text = USER.sub(r"\1***@", text)
    if "?" in text:
        text = PARAMETER.sub(masked_parameter, text)
    if "earer" in text or "EARER" in text:  # few have it
        text = BEARER.sub(r"\1 ***", text)
    return text


def masked_parameter(match: "re.Match[str]") -> str:
    """A parameter of a URL as it may be kept."""
    before, name, value = match.groups()
    if not SECRET.fullmatch(name):
        return match.group()
    return f"{before}{name}={masked(name, value)}"


def scheme_key(value: str, schemes: Sequence[str]) -> str:
    """The credential of an Authorization header; empty for another scheme, or if there is nothing
    after it."""
    scheme, _, key = value.strip().partition(" ")
    if scheme.lower() not in schemes:
        return ""
    return key.strip()
