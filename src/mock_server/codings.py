"""Content codings: gzip and deflate undone, gzip negotiated and made.

May touch zlib; knows no provider, no socket and no clock.
"""

from __future__ import annotations

import functools
import re
import zlib
from typing import Dict, Iterable, Mapping, Optional, Sequence, Tuple

from .errors import Refused, shown
from .limits import MOST_CODINGS

MEMBER_LIMIT = 100  # gzip members in one body: empty ones cost time and add nothing to its length
ACCEPT_ROOM = 1000  # characters of an Accept-Encoding that are read, and remembered
KNOWN_GZIP = 64 * 1024  # bytes of a body that is remembered with its gzip
GZIP = 31  # zlib's window bits for gzip; 15 are zlib's own format, -15 bare deflate data


# --- requests ---


def decoded(body: bytes, codings: Sequence[str], limit: int) -> bytes:
    """A body of at most `limit` bytes with its content codings undone, the last one first.

    Refused if a coding is unknown, there are too many, or the data is not in one."""
    if len(codings) > MOST_CODINGS:
        raise Refused(
            415,
            f"Content-Encoding names {len(codings)} codings; at most {MOST_CODINGS} are undone",
            code="unsupported_encoding",
        )
    for coding in reversed(codings):
        if coding in ("gzip", "x-gzip"):
            body = inflated(body, GZIP, coding, limit)
        elif coding == "deflate":
            body = inflated(body, deflate_bits(body), coding, limit)
        elif coding != "identity":
            raise Refused(
                415,
                f"Content-Encoding {shown(coding)} is not known; known: gzip, deflate",
                code="unsupported_encoding",
                headers=(("Accept-Encoding", "gzip, deflate"),),
            )
    return body


def deflate_bits(data: bytes) -> int:
    """The window bits of data that is called deflate."""
    # RFC 9110 (8.4.1.2) means zlib's format, but some clients send bare deflate data.
    has_zlib_header = len(data) > 1 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0
    if has_zlib_header:
        return 15
    return -15


def inflated(data: bytes, bits: int, coding: str, limit: int) -> bytes:
    """Decompressed data, of several gzip members too; never more than `limit` bytes."""
    plain = bytearray()
    for _ in range(MEMBER_LIMIT):
        unpacker = zlib.decompressobj(bits)
        try:
            plain += unpacker.decompress(data, limit + 1 - len(plain))
        except zlib.error as error:
            raise bad_coding(f"the body is not {coding}: {error}") from None
        if len(plain) > limit:
            raise Refused(
                413,
                f"the body is larger than {limit} bytes once decompressed (--max-body)",
                code="body_too_large",
            )
        if not unpacker.eof:
            raise bad_coding(f"the body's {coding} data ends too early")
        data = unpacker.unused_data
        if not data:
            return bytes(plain)
        if bits != GZIP:
            raise bad_coding(f"bytes follow the body's {coding} data")
    raise bad_coding(f"the body has more than {MEMBER_LIMIT} {coding} members")


def bad_coding(message: str) -> Refused:
    """The refusal of a body whose data is not in its coding."""
    return Refused(400, message, code="invalid_encoding")


# --- responses ---

PACKED = ("audio/", "image/", "video/")  # types of what is compressed by its own format


def is_packed(content_type: str) -> bool:
    """Whether nobody compresses a body of a type, unless he is told to."""
    return content_type.startswith(PACKED)


def content_type_in(headers: Iterable[Tuple[str, Optional[str]]]) -> str:
    """The type that some headers say; empty if they don't."""
    return next((value or "" for name, value in headers if name.lower() == "content-type"), "")


# RFC 9110, 12.4.2: a weight has up to three decimals, and is 1 where there is none.
ITEM = re.compile(r"\s*([^\s;]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")


@functools.lru_cache(maxsize=256)
def qualities(accept: str) -> Mapping[str, float]:
    """The codings of an Accept-Encoding header with their weights; malformed ones are left out."""
    weights: Dict[str, float] = {}
    for item in accept.lower().split(","):
        match = ITEM.fullmatch(item)
        if match:
            coding = match.group(1)
            if coding == "x-gzip":
                coding = "gzip"
            weights[coding] = float(match.group(2) or 1)
    return weights


def negotiated(accept: Optional[str]) -> Optional[str]:
    """`gzip` or `identity`, whichever the client prefers; None if it takes neither."""
    if accept is None:
        return "identity"
    weights = qualities(accept[:ACCEPT_ROOM])
    others = weights.get("*", 0.0)
    gzip = weights.get("gzip", others)
    if gzip and gzip >= weights.get("identity", others):
        return "gzip"
    return "identity" if takes_identity(accept) else None


def takes_identity(accept: Optional[str]) -> bool:
    """Whether a client takes a body without a coding, as all do that don't refuse it."""
    weights = qualities((accept or "")[:ACCEPT_ROOM])
    return weights.get("identity", weights.get("*", 1.0)) > 0  # RFC 9110, 12.5.3


def gzipped(body: bytes) -> bytes:
    """A body as one gzip member; the same bytes every time."""
    if len(body) <= KNOWN_GZIP:
        return known_gzip(body)
    return new_gzip(body)


def new_gzip(body: bytes) -> bytes:
    """A body, compressed."""
    packer = zlib.compressobj(6, zlib.DEFLATED, GZIP)
    return packer.compress(body) + packer.flush()


known_gzip = functools.lru_cache(maxsize=64)(new_gzip)
