"""Bodies that a HAR holds as texts, lists of parameters or base64, as the bytes that they were.

Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Dict, List
from urllib.parse import urlencode

from ..forms import parameters
from ..jsons import utf8
from ..limits import Json
from .finds import Unusable

# What mitmproxy takes for Latin-1: all that names no charset and is not JSON (its room
# net/http/headers).
LATIN_TOOL = "mitmproxy"
UNREADABLE = "\ufffd"  # what stands for bytes that are no text
CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)


def bytes_of_text(text: str, content_type: str, tool: str) -> bytes:
    """The bytes that a tool has read as a text of a media type."""
    charset = "utf-8"
    named = CHARSET.search(content_type)
    if named:
        charset = named.group(1)
    elif tool == LATIN_TOOL and "json" not in content_type.lower():
        charset = "latin-1"
    for one in (charset, "utf-8"):
        try:
            # What was no text, mitmproxy keeps as surrogates.
            return text.encode(one, "surrogateescape")
        except (LookupError, UnicodeError):
            continue
    return utf8(text)


def bytes_of_base64(text: str) -> bytes:
    """The bytes that a text in base64 stands for."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unusable("says that a body is base64, and it is not") from None


def posted_body(posted: Json, tool: str, content_type: str) -> bytes:
    """The body of a request in its `postData`: a text, base64, or the fields of a form."""
    if not isinstance(posted, dict):
        return b""
    text = posted.get("text")
    if isinstance(text, str) and text:
        if "base64" in (posted.get("encoding"), posted.get("_encoding")):
            return bytes_of_base64(text)
        is_form = "multipart/" in content_type.lower()
        if is_form and UNREADABLE in text:
            raise Unusable("is a form with a file, of which the tool has lost bytes")
        return bytes_of_text(text, content_type, tool)
    for name in ("_file", "_sha1"):  # Playwright's
        if isinstance(posted.get(name), str):
            raise Unusable("has the body of its request in another file, which is not read")
    fields = listed_fields(posted.get("params"))
    if not fields:
        return b""
    if "multipart/" in content_type.lower():
        return multipart(fields, parameters(content_type).get("boundary", ""))
    pairs = [(one["name"], one["value"]) for one in fields]
    return urlencode(pairs, errors="replace").encode()


def listed_fields(params: Json) -> List[Dict[str, str]]:
    """The fields of a form: name and value, and of files what they are called and their type."""
    found = []
    for one in params if isinstance(params, list) else ():
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            continue
        field = {key: value for key, value in one.items() if isinstance(value, str)}
        if "fileName" in field and not field.get("value"):
            raise Unusable("is a form with a file, whose bytes are not in the HAR")
        field.setdefault("value", "")
        found.append(field)
    return found


def multipart(fields: List[Dict[str, str]], boundary: str) -> bytes:
    """A form of several parts, with the boundary that its request names."""
    if not boundary:
        raise Unusable("is a form whose boundary is not in the HAR")
    lines: List[str] = []
    for field in fields:
        told = f'Content-Disposition: form-data; name="{field["name"]}"'
        if "fileName" in field:
            told += f'; filename="{field["fileName"]}"'
        lines += [f"--{boundary}", told]
        if field.get("contentType"):
            lines.append(f"Content-Type: {field['contentType']}")
        lines += ["", field["value"]]
    return utf8("\r\n".join([*lines, f"--{boundary}--", ""]))
