"""Forms: the fields of multipart bodies (RFC 7578).  Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Dict, Iterator, List, Mapping, Optional, Tuple
from urllib.parse import unquote_to_bytes

from .jsons import text_of
from .limits import Json

Fields = Dict[str, Json]  # by name: a text, what is told of a file, or a list of these

MOST_FORM_PARTS = 1000  # of one form; one with more is not read
PART_HEAD_LIMIT = 4096  # bytes of the head of a part

# A parameter of a header: quoted, with what is escaped in it, or a plain word.
HEADER_PARAMETER = re.compile(r';[ \t]*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;" \t]*))')
ESCAPED_BLOCK = 64 * 1024  # bytes of a text whose escapes are undone at once: each takes memory
ESCAPED_BYTES = re.compile(rb"(?:%[0-9A-Fa-f]{2}){1,1000}")
QUOTED_PAIR = re.compile(r"\\(.)")


def parameters(value: str) -> Dict[str, str]:
    """The parameters of a header such as Content-Disposition, by lower-case name."""
    found = {}
    for name, quoted_text, word in HEADER_PARAMETER.findall(value):
        found[name.lower()] = QUOTED_PAIR.sub(r"\1", quoted_text) or word
    return found


def form_of(content_type: str, data: bytes) -> Optional[Fields]:
    """The fields of a form by name, in order, and lists of them where a name stands several times.

    None for a body that is no form, or not one that can be read."""
    if not data or not content_type.lower().startswith("multipart/form-data"):
        return None
    boundary = parameters(content_type).get("boundary", "")
    parts = list(parts_of(boundary.encode("latin-1", "replace"), data))
    if not parts or len(parts) > MOST_FORM_PARTS:
        return None
    found: Dict[str, List[Json]] = {}
    for head, body in parts:
        name, value = field_of(head, body)
        found.setdefault(name, []).append(value)
    return by_name(found)


def plain_form_of(content_type: str, data: bytes) -> Optional[Fields]:
    """The fields of a body without files that is written as a query is; None for any other, and for
    one with too many."""
    if not content_type.lower().startswith("application/x-www-form-urlencoded"):
        return None
    if data.count(b"&") >= MOST_FORM_PARTS:
        return None
    found: Dict[str, List[Json]] = {}
    for pair in filter(None, data.split(b"&")):
        name, _, value = pair.partition(b"=")
        found.setdefault(plain_text(name), []).append(plain_text(value))
    return by_name(found)


def plain_text(data: bytes) -> str:
    """What a name or a value says in such a body."""
    # urllib takes 80 times the memory of what is escaped, and lets nobody else have a turn.
    found, at = [], 0
    data = data.replace(b"+", b" ")
    while at < len(data):
        end = at + ESCAPED_BLOCK
        cut = data.find(b"%", end - 2, end)
        if cut >= 0:  # what would be cut through belongs to the next block
            end = cut
        found.append(ESCAPED_BYTES.sub(escaped_bytes, data[at:end]))
        at = end
    return b"".join(found).decode("utf-8", "replace")


def escaped_bytes(match: "re.Match[bytes]") -> bytes:
    """The bytes that %41%42 stands for."""
    return bytes.fromhex(match.group().replace(b"%", b"").decode())


def form_problem(content_type: str, data: bytes, form: Optional[Fields]) -> str:
    """Why a body, in which this form was found, is not a whole one; empty if it is."""
    if not content_type.lower().startswith("multipart/form-data"):
        return f"expected multipart/form-data, found {content_type or 'no Content-Type'}"
    boundary = parameters(content_type).get("boundary", "")
    if not boundary:
        return "the Content-Type has no boundary"
    mark = b"--" + boundary.encode("latin-1", "replace")
    if mark not in data:
        return f"there is no part: nothing begins with the boundary --{boundary}"
    if mark + b"\n" in data and mark + b"\r\n" not in data:
        return "its lines end with LF alone, where a form's end with CRLF"
    if mark + b"--" not in data:
        return f"it is cut off: nothing ends with the boundary --{boundary}--"
    if form is None:
        return f"expected from 1 to {MOST_FORM_PARTS} parts"
    if "" in form:
        return "a part has no name in its Content-Disposition, or no empty line behind its head"
    return ""


def by_name(values: Mapping[str, List[Json]]) -> Fields:
    """Values by name, and lists of them only where there are several."""
    alone = {name: several[0] for name, several in values.items() if len(several) == 1}
    return {**values, **alone}


def parts_of(boundary: bytes, data: bytes) -> Iterator[Tuple[Dict[str, str], bytes]]:
    """Head and body of each part; no more than one above MOST_FORM_PARTS."""
    if not boundary:
        return
    # RFC 2046, 5.1.1: each begins with a line of the boundary, which the line end before belongs
    # to; what stands before the first and behind the last means nothing.
    pieces = (b"\r\n" + data).split(b"\r\n--" + boundary, MOST_FORM_PARTS + 2)
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        head, empty_line, body = piece.partition(b"\r\n\r\n")
        # A part may end behind its head: the line end after that is then the boundary's.
        if not empty_line and not head.endswith(b"\r\n"):
            head = b""  # cut off
        yield part_headers(head[:PART_HEAD_LIMIT]), body


def part_headers(head: bytes) -> Dict[str, str]:
    """The headers of a part by lower-case name."""
    lines = [line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n")]
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def field_of(headers: Mapping[str, str], body: bytes) -> Tuple[str, Json]:
    """Name and value of a part: a text, or of a file what it is called, how long it is, and its
    digest."""
    told = parameters(headers.get("content-disposition", ""))
    filename = told.get("filename")
    if "filename*" in told:  # with its character set and language (RFC 5987)
        filename = unquote_to_bytes(told["filename*"].rpartition("'")[2]).decode("utf-8", "replace")
    if filename is None:
        return told.get("name", ""), text_of(body)
    return told.get("name", ""), {
        "filename": filename,
        "content_type": headers.get("content-type"),
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }


def bounded_form(form: Fields, room: int) -> Fields:
    """A form with no more than so many characters of its texts."""
    kept: Dict[str, List[Json]] = {}
    for name, value in form.items():
        kept[name] = []
        for one in listed(value):
            if isinstance(one, str):
                one = one[:room]
                room -= len(one)
            kept[name].append(one)
    return by_name(kept)


def listed(value: Json) -> List[Json]:
    """What stands under a name, as a list in any case."""
    if isinstance(value, list):
        return value
    return [value]
