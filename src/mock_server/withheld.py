"""What is kept of bodies that bring credentials: their fields, with those masked.  Pure."""

from __future__ import annotations

import re

from .http import masked_pair, unquote
from .jsons import compact
from .limits import Json
from .records import replace
from .secrets import SECRET, masked
from .values import Call, Request

PLAIN_FORM = "application/x-www-form-urlencoded"
FORM_PAIR = re.compile(r"(&)([^&=]*)=([^&]*)")
# What a form exchanges for a token, where its name is no secret elsewhere (RFC 6749, 4.1.3;
# RFC 7636, 4.5; RFC 8628, 3.4; AWS's one-time passwords).
CODES = frozenset(("code", "code_verifier", "device_code", "tokencode"))


def is_plain_form(request: Request) -> bool:
    """Whether a body is written as a query is."""
    return request.headers.get("content-type", "").lower().startswith(PLAIN_FORM)


def kept_form(text: str) -> str:
    """A body that is written as a query is, as it may be kept."""
    return FORM_PAIR.sub(kept_pair, "&" + text)[1:]


def kept_pair(match: "re.Match[str]") -> str:
    """A field of such a body as it may be kept."""
    before, name, value = match.groups()
    if unquote(name).lower() in CODES:
        return f"{before}{name}={masked('key', unquote(value))}"
    return masked_pair(match)


def kept_fields(value: Json) -> Json:
    """A JSON value as it may be kept: the credentials in it are masked by their names."""
    if isinstance(value, list):
        return [kept_fields(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: kept_field(name, inner) for name, inner in value.items()}


def kept_field(name: str, value: Json) -> Json:
    """One member of an object as it may be kept."""
    if value is None or not (SECRET.fullmatch(name) or name.lower() in CODES):
        return kept_fields(value)
    return masked("key", value if isinstance(value, str) else compact(value))


def kept_call(call: Call) -> Call:
    """What was read of such a body, as it may be kept."""
    return replace(call, request=replace(call.request, body=b""), body=kept_fields(call.body))


def kept_text(request: Request, text: str) -> str:
    """A body that was not read, or is too long to be kept, as it may be."""
    if is_plain_form(request):
        return kept_form(text)
    return f"*** ({len(request.body)} bytes)" if text else ""
