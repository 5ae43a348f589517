"""What is kept of bodies that bring credentials: their fields, with those masked.  Pure."""

from __future__ import annotations

import re

from .http import unquote
from .jsons import compact
from .limits import Json
from .records import replace
from .secrets import SECRET, masked
from .values import Call, Request

PLAIN_FORM = "application/x-www-form-urlencoded"
# A field is called so; anything else may be a body that is said to be a form, and is JSON.
PLAIN_NAME = re.compile(r"[\w.:-]{1,50}")
INNER_NAME = re.compile(r"[;\s]([^;\s=]+)=")
HIDDEN = "***"
# What a form exchanges for a token, where its name is no secret elsewhere (RFC 6749, 4.1.3;
# RFC 7636, 4.5; RFC 8628, 3.4; AWS's one-time passwords).
CODES = frozenset(("code", "code_verifier", "device_code", "tokencode"))


def is_plain_form(request: Request) -> bool:
    """Whether a body is written as a query is."""
    return request.headers.get("content-type", "").lower().startswith(PLAIN_FORM)


def kept_form(text: str, hides: bool) -> str:
    """A body that is written as a query is, as it may be kept; `hides` says that it is full of
    credentials, and may be anything but what it is said to be."""
    return "&".join([kept_pair(pair, hides) for pair in text.split("&")])


def kept_pair(pair: str, hides: bool) -> str:
    """A field of such a body as it may be kept."""
    written, equals, value = pair.partition("=")
    name, plain = [unquote(text.replace("+", " ")) for text in (written, value)]
    if hides and pair and not (equals and PLAIN_NAME.fullmatch(name)):
        return HIDDEN
    if not equals:
        return pair
    kept = kept_value(name.strip("[] "), plain)
    return pair if kept == plain else f"{written}={kept}"


def kept_value(name: str, value: str) -> str:
    """A field's text as it may be kept."""
    # Others part fields by semicolons or lines.
    inner = [found for found in INNER_NAME.findall(value) if SECRET.fullmatch(found)]
    if name.lower() in CODES or inner:
        name = "key"
    return masked(name, value)


def kept_fields(value: Json) -> Json:
    """A JSON value as it may be kept: the credentials in it are masked by their names, and what is
    no name of a field is masked itself."""
    if isinstance(value, list):
        return [kept_fields(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name if PLAIN_NAME.fullmatch(name) else HIDDEN: kept_field(name, inner)
        for name, inner in value.items()
    }


def kept_field(name: str, value: Json) -> Json:
    """One member of an object as it may be kept."""
    if isinstance(value, str):
        # Behind what is no name there may be anything.
        return kept_value(name if PLAIN_NAME.fullmatch(name) else "key", value)
    if value is None or not (SECRET.fullmatch(name) or name.lower() in CODES):
        return kept_fields(value)
    return masked("key", compact(value))


def kept_call(call: Call) -> Call:
    """What was read of such a body, as it may be kept."""
    return replace(call, request=replace(call.request, body=b""), body=kept_fields(call.body))


def kept_text(request: Request, text: str, hides: bool) -> str:
    """A body that was not read, or is too long to be kept, as it may be."""
    if is_plain_form(request):
        return kept_form(text, hides)
    return f"*** ({len(request.body)} bytes)" if text else ""
