"""Wire plans: the same bytes cut anew.  May touch zlib."""

from __future__ import annotations

import functools
import re
import zlib
from typing import Iterable, Iterator, List, Mapping, Optional, Tuple, Union

from .values import Frame, Hold, Plan

WIRE_PLANS: Mapping[str, Plan] = {
    "whole": Plan(coalesce=1_000_000),
    "event": Plan(),
    "byte": Plan(split=1),
    "utf8": Plan(split="utf8"),
    "eol": Plan(split="eol"),
    "crlf": Plan(eol="\r\n"),
    "cr": Plan(eol="\r"),
    "comments": Plan(comments=True),
    "no_space": Plan(no_space=True),
    "extensions": Plan(chunk_extensions=True),
    "trailers": Plan(trailers=True),
    "gzip-event": Plan(gzip="event"),
    "gzip-block": Plan(gzip="block"),
    "gzip-members": Plan(gzip="members"),
    "coalesce": Plan(coalesce=3),
}


def gzipped(body: bytes) -> bytes:
    """A body as one gzip member; the same bytes every time."""
    return known_gzip(body) if len(body) <= 256 * 1024 else new_gzip(body)


def new_gzip(body: bytes) -> bytes:
    """A body, compressed."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


known_gzip = functools.lru_cache(maxsize=64)(new_gzip)


Group = Tuple[Frame, int]  # bytes, and how many events lie in them


def coalesced(frames: Iterable[Frame], most: int) -> Iterator[Group]:
    """Frames, up to so many joined into one."""
    held: List[bytes] = []
    for frame in frames:
        if isinstance(frame, bytes):
            held.append(frame)
        if held and (isinstance(frame, Hold) or len(held) >= most):
            yield b"".join(held), len(held)
            held = []
        if isinstance(frame, Hold):
            yield frame, 0
    if held:
        yield b"".join(held), len(held)


def gzip_groups(
    groups: Iterable[Group], mode: str = "event", honest: Optional[int] = None
) -> Iterator[Group]:
    """Groups as gzip, whose trailer is a group without events.

    Flushed after each (`event`): without Z_SYNC_FLUSH an event waits until zlib's own buffer fills, and a client
    reading the stream sees nothing (zlib manual, deflate()); only when the buffer fills (`block`); or each a member of its
    own (`members`).  After `honest` events it is gzip no more."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    waiting = seen = 0
    for frame, events in groups:
        if isinstance(frame, Hold):
            yield frame, 0
            continue
        if honest is not None and seen + events > honest:
            yield frame, events
            continue
        seen += events
        data = new_gzip(frame) if mode == "members" else packer.compress(frame)
        data += packer.flush(zlib.Z_SYNC_FLUSH) if mode == "event" else b""
        waiting += events
        if data:
            yield data, waiting
            waiting = 0
    if mode != "members" and honest is None:
        yield packer.flush(), waiting


CUTS = {
    "utf8": re.compile(rb"[\xc2-\xf4](?=[\x80-\xbf])"),
    "eol": re.compile(rb"\r(?=\n)|\n(?=\n)|\r(?=\r)"),
}


def cut_up(data: bytes, split: Union[int, str]) -> List[bytes]:
    """Bytes in pieces: so many each, or cut inside every character or line end of several bytes."""
    if not split or not data:
        return [data]
    if isinstance(split, int):
        return [data[at : at + split] for at in range(0, len(data), split)]
    ends = [0, *(match.end() for match in CUTS[split].finditer(data)), len(data)]
    return [data[start:end] for start, end in zip(ends, ends[1:]) if end > start]


USUAL_PLAN = Plan()


TRAILER = "X-Mock-Trailer", "the end"
