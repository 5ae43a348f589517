"""Transcripts: an answer with its head, as `curl -i` saves it, from bytes.  Pure."""

from __future__ import annotations

import codecs
import re
from typing import List, Optional, Tuple

from ..errors import shown
from ..http import TOKEN
from ..limits import Headers
from ..outcomes import Original

# curl writes HTTP/2 where it spoke that, and nothing behind such a status.
STATUS_LINE = re.compile(rb"HTTP/[0-9](?:\.[0-9])? ([0-9]{3})(?: [^\r\n]*)?(?:\r?\n|\Z)")

# Files that were edited may have lost their CRs.
SAVED_HEADER = re.compile(rb"(" + TOKEN + rb")[ \t]*:[ \t]*([^\r\n]*)(?:\r?\n|\Z)")
EMPTY_LINE = re.compile(rb"\r?\n")
CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")

# What frames an answer, or is true of one alone, is the server's own when it is sent again; and
# Alt-Svc would send the client's next request to the provider itself.
OWN_HEADERS = frozenset(
    (
        *("connection", "content-length", "date", "keep-alive", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "alt-svc", "x-mock-request-id"),
    )
)


CHANGED = "; were its line ends changed?"


class NoTranscript(Exception):
    """Bytes that are no transcript; the message says what they are instead."""


def is_transcript(data: bytes) -> bool:
    """Whether data begins as a transcript does."""
    return STATUS_LINE.match(data.lstrip()) is not None


def parse_transcript(data: bytes) -> Original:
    """The answer in a transcript, with its chunks as frames if it has them; it may be cut off.

    `curl --raw` keeps the chunks and the content coding.  Without that curl undoes them, and leaves
    the headers that say so."""
    status, fields, body = last_head(data.lstrip())
    names = [name.lower() for name, _ in fields]
    values = {name: value.lower() for name, (_, value) in zip(names, fields)}
    chunks: Optional[Tuple[bytes, ...]] = None
    if values.get("transfer-encoding", "").endswith("chunked"):
        chunks = chunks_of(body)
    length = values.get("content-length", "")
    if chunks is not None:
        body = b"".join(chunks)
    elif length.isdigit() and STATUS_LINE.match(body, int(length)):
        raise NoTranscript("holds one answer after the other; a transcript has one")
    dropped = OWN_HEADERS
    coding = values.get("content-encoding", "identity")
    is_coded = coding != "identity" and not is_utf8(body)
    if not is_coded:
        dropped |= {"content-encoding"}
    kept = tuple(field for name, field in zip(names, fields) if name not in dropped)
    return Original(status, kept, body, chunks, is_coded)


def last_head(data: bytes) -> Tuple[int, Headers, bytes]:
    """Status and header lines of the last head, and what follows it.

    Before it there may be others: interim ones, a proxy's, those of redirects that were followed,
    whose bodies curl leaves out."""
    at = 0
    while True:
        match = STATUS_LINE.match(data, at)
        if not match:
            problem = "is no answer with its head, as curl -i saves it: it"
            if at:
                problem = "has no final answer: what follows the interim one"
            begun = shown(data[at : at + 60].partition(b"\n")[0].decode("utf-8", "replace"))
            raise NoTranscript(f"{problem} begins with {begun}, not with HTTP/1.1 200 OK")
        status = int(match.group(1))
        fields, at = fields_of(data, match.end())
        if STATUS_LINE.match(data, at) or 100 <= status < 200:
            continue
        if not 200 <= status < 600:
            raise NoTranscript(f"has the status {status}, which is none from 200 to 599")
        return status, tuple(fields), data[at:]


def fields_of(data: bytes, at: int) -> Tuple[List[Tuple[str, str]], int]:
    """The header lines from here on, and where what follows them begins."""
    fields: List[Tuple[str, str]] = []
    while at < len(data):
        end = EMPTY_LINE.match(data, at)
        if end:
            return fields, end.end()
        match = SAVED_HEADER.match(data, at)
        if not match:
            line = data[at : at + 60].partition(b"\n")[0].decode("utf-8", "replace")
            raise NoTranscript(f"has in its head what is no header: {shown(line)}")
        name, value = (part.decode("latin-1") for part in match.groups())
        fields.append((name, value.rstrip(" \t")))
        at = match.end()
    return fields, at


def chunks_of(data: bytes) -> Optional[Tuple[bytes, ...]]:
    """The chunks of a body, without extensions and trailers; None if curl has undone them."""
    chunks: List[bytes] = []
    at = 0
    while at < len(data):
        match = CHUNK_HEAD.match(data, at)
        if not match and not chunks:
            return None
        if not match:
            raise NoTranscript(f"has {len(chunks)} chunks, and then what is none{CHANGED}")
        size = int(match.group(1), 16)
        start = match.end()
        if not size:
            check_ending(data[start:])
            break
        at = start + size
        chunks.append(data[start:at])
        end = EMPTY_LINE.match(data, at)
        if end:
            at = end.end()
        elif at < len(data) and data[at:] != b"\r":
            length = f"that is not as long as it says{CHANGED}"
            raise NoTranscript(f"has a chunk, number {len(chunks)}, {length}")
    return tuple(chunks)


def check_ending(data: bytes) -> None:
    """Refuse another answer behind the trailers of the one before."""
    _, at = fields_of(data, 0)
    if STATUS_LINE.match(data, at):
        raise NoTranscript("holds one answer after the other; a transcript has one")


def is_utf8(data: bytes) -> bool:
    """Whether data is UTF-8, as far as it goes: nothing that is compressed is."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True
