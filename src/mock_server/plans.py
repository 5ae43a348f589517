"""Wire plans: all that cuts the same bytes anew, by line, by event, by write, by gzip block.

May touch zlib.
"""

from __future__ import annotations

import functools
import re
import zlib
from typing import Any, Generator, Iterable, Iterator, List, Mapping, Tuple, Union

from .codings import gzipped, new_gzip
from .deliveries import Plan
from .jsons import utf8
from .limits import LONG
from .marks import Breath, Frame, Hold, Mark
from .steps import Hang, Wait

USUAL_COMMENT = "comment"
WIRE_PLANS: Mapping[str, Plan] = {
    "whole": Plan(coalesce=1_000_000),
    "event": Plan(coalesce=1),
    "byte": Plan(split=1),
    "utf8": Plan(split="utf8"),
    "eol": Plan(split="eol"),
    "crlf": Plan(eol="\r\n"),
    "cr": Plan(eol="\r"),
    "comments": Plan(comments=USUAL_COMMENT),
    "no_space": Plan(no_space=True),
    "extensions": Plan(chunk_extensions=True),
    "trailers": Plan(trailers=True),
    "gzip-event": Plan(gzip="event"),
    "gzip-block": Plan(gzip="block"),
    "gzip-members": Plan(gzip="members"),
    "coalesce": Plan(coalesce=3),
    "chunked": Plan(chunked=True),
    "close": Plan(close=True),
}


USUAL_PLAN = Plan()


# --- lines of server-sent events ---

LINE_END = re.compile(rb"\r\n|\n|\r")
FIELD_SPACE = re.compile(rb"(?m)^(data|event|id|retry): ")


def relines(plan: Plan) -> bool:
    """Whether a plan changes the lines of server-sent events."""
    return bool(plan.eol or plan.no_space or plan.comments is not None)


def relined(frames: Iterable[bytes], plan: Plan) -> Iterable[bytes]:
    """Server-sent events with the line ends, comments and spaces of a plan."""
    if not relines(plan):
        return frames
    return (relined_event(frame, plan) for frame in frames)


def relined_event(frame: bytes, plan: Plan) -> bytes:
    """The same event with other line ends, a comment before it, or no space after field names."""
    if plan.comments is not None:
        frame = comment(plan.comments, line_end(frame)) + frame
    eol = plan.eol.encode()
    if eol:  # in a fraction of the time that LINE_END takes for millions of lines
        frame = frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if plan.no_space:
        frame = FIELD_SPACE.sub(rb"\1:", frame)
    if eol:
        frame = frame.replace(b"\n", eol)
    return frame


def line_end(frame: bytes) -> bytes:
    """How lines end in an event."""
    first = LINE_END.search(frame)
    if first:
        return first.group()
    return b"\n"


@functools.lru_cache(maxsize=16)
def comment(text: str, eol: bytes) -> bytes:
    """A comment of an event stream, a line of it for each line of a text; readers pass over it."""
    lines = [b":" + b" " * bool(line) + line for line in LINE_END.split(utf8(text))]
    return eol.join([*lines, b"", b""])


# --- events a write ---

Group = Tuple[Union[Frame, Wait, Hang], int]  # bytes, and how many events lie in them
BREATHS = 64  # frames after which others have their turn
GROUP_SIZE = 16 * 1024 * 1024  # bytes that are joined at most: all of them are kept until then


def frame_size(frame: Frame) -> int:
    """The bytes of a frame; a place where the stream waits has none."""
    return len(frame) if isinstance(frame, bytes) else 0


def coalesced(frames: Iterable[Frame], most: int) -> Iterator[Group]:
    """Frames, up to `most` of them joined into one; none waits for a gate."""
    held: List[bytes] = []
    size = 0
    for frame in frames:
        if isinstance(frame, bytes):
            held.append(frame)
            size += len(frame)
        ends = isinstance(frame, (Hold, Mark)) or len(held) >= most or size > GROUP_SIZE
        if held and ends:
            yield b"".join(held), len(held)
            held = []
            size = 0
        if not isinstance(frame, bytes):
            yield frame, 0
        elif len(held) % BREATHS == BREATHS - 1:
            yield Breath(), 0
    if held:
        yield b"".join(held), len(held)


# --- gzip ---


def gzip_body(body: bytes, mode: str) -> bytes:
    """A whole body as gzip: one member, or two with `members`."""
    if mode != "members":
        return gzipped(body)
    middle = len(body) // 2
    return new_gzip(body[:middle]) + new_gzip(body[middle:])


def compressed(packer: Any, frame: bytes) -> Generator[Group, None, bytes]:
    """What a compressor has to give after a frame; in a long one others have their turn."""
    data = b""
    for at in range(0, len(frame), LONG):
        if at:
            yield Breath(), 0
        data += packer.compress(frame[at : at + LONG])
    return data


def gzip_groups(
    groups: Iterable[Group], mode: str = "event", is_honest: bool = True
) -> Iterator[Group]:
    """Groups as gzip, whose trailer is a group without events.

    Flushed after each (`event`), only when zlib's buffer fills (`block`), or each a member of its
    own (`members`).  If it is not honest, it is gzip up to a mark alone, and has no trailer."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    waiting = 0  # events in zlib's buffer
    rest = iter(groups)
    for frame, events in rest:
        if isinstance(frame, Mark) and waiting:  # what is before the mark is sent before it
            yield packer.flush(zlib.Z_SYNC_FLUSH), waiting
            waiting = 0
        if isinstance(frame, Mark) and not is_honest:
            break
        if not isinstance(frame, bytes):
            yield frame, 0
            continue
        waiting += events
        if mode == "members":
            data = new_gzip(frame)
        else:
            data = yield from compressed(packer, frame)
        if mode == "event" or (mode == "block" and not events):
            # Without Z_SYNC_FLUSH an event waits until zlib's own buffer fills, and a client that
            # reads the stream sees nothing (zlib manual, deflate()).
            data += packer.flush(zlib.Z_SYNC_FLUSH)
        if data:
            yield data, waiting
            waiting = 0
    if mode != "members" and is_honest:
        yield packer.flush(), waiting
    yield from rest


# --- bytes a write, and chunks ---

CUTS = {
    "utf8": re.compile(rb"[\xc2-\xf4](?=[\x80-\xbf])"),
    "eol": re.compile(rb"\r(?=\n)|\n(?=\n)|\r(?=\r)"),
}


def cut_up(data: bytes, split: Union[int, str]) -> Iterator[bytes]:
    """Bytes in pieces: so many each, or cut inside every character or line end of several bytes."""
    if not split or not data:
        yield data
    elif isinstance(split, int):
        for at in range(0, len(data), split):
            yield data[at : at + split]
    else:
        start = 0
        for match in CUTS[split].finditer(data):
            yield data[start : match.end()]
            start = match.end()
        if start < len(data):
            yield data[start:]


TRAILER = "X-Mock-Trailer", "the end"


def chunk(data: bytes, plan: Plan) -> bytes:
    """Bytes as one chunk (RFC 9112, 7.1); none at all are the last, with the plan's trailer."""
    size = b"%x" % len(data)
    if plan.chunk_extensions:
        size += b';wire="plan"'
    if data or not plan.trailers:
        return b"%b\r\n%b\r\n" % (size, data)
    return b"%b\r\n%s: %s\r\n\r\n" % (size, *[text.encode() for text in TRAILER])
