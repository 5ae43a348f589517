"""What curl saves of exchanges, read as captures: `-i`, `--raw`, `-v`, `--trace`.  Pure."""

from __future__ import annotations

import contextlib
import re
from typing import Iterator, List, Optional, Tuple

from ..bodies import ChunkedBody
from ..codings import decoded
from ..errors import Refused
from ..framings import SSE
from ..http import NO_BODY
from ..jsons import parse_json
from ..limits import Headers
from ..mocks.stream_texts import framing_of
from ..mocks.transcripts import (
    CHUNK_HEAD,
    STATUS_LINE,
    NoTranscript,
    is_transcript,
    is_utf8,
    last_head,
    parse_transcript,
)
from ..recording.captures import Arrival, Capture
from ..records import replace
from ..values import Request
from .asked import request_of
from .dumps import DUMP_MARK, told_in_dumps, with_feeds
from .finds import LARGEST_FILE, TOLD_BY, Find, Unusable, as_utf8, told_url, unusable
from .told import ToldExchange, failure_in
from .verbose import METER, SENT_LINE, told_verbosely

CAME_ALONE = re.compile(rb"(?m)^< HTTP/[0-9.]+ [0-9]{3}\b")
BLANKS = re.compile(rb"\s*")
SMALL_PART = 16 * 1024  # bytes
# People paste what curl printed with its command line before it, and a fence around both.
PRINTED = re.compile(rb"(?m)^HTTP/[0-9.]+ [0-9]{3}\b")
FENCE = re.compile(rb"(?m)^```[ \t]*\r?\n?\Z")
LOST = "was written by --trace-ascii, which loses letters; --trace keeps every byte"


def is_curl(data: bytes) -> bool:
    """Whether a file is what curl saves."""
    begun = as_utf8(data[:TOLD_BY])
    marks = (DUMP_MARK, SENT_LINE, CAME_ALONE)
    if is_transcript(METER.sub(b"", begun)) or any(mark.search(begun) for mark in marks):
        return True
    printed = PRINTED.search(begun)
    return printed is not None and b"curl " in begun[: printed.start()]


def exchanges_in_transcript(data: bytes, name: str) -> Iterator[Find]:
    """What each exchange of a transcript holds."""
    if len(data) > LARGEST_FILE:
        yield Find(name, reason=f"is larger than {LARGEST_FILE >> 20} MiB")
        return
    data = as_utf8(data)
    line, seen = 1, -1
    for told in told_in(data):  # in the order of the file
        line += data.count(b"\n", max(seen, 0), told.at)
        seen = told.at
        place = f"{name}: line {line}"
        if told.method:
            place += f", {told.method} {told_url(told.target)}"
        try:
            yield find_of(told, place)
        except Unusable as why:
            yield unusable(place, why)
        except NoTranscript as wrong:
            yield unusable(place, Unusable(str(wrong)))
        except Refused as refused:
            yield unusable(place, Unusable(f"can't be decoded: {refused.message}"))
    if seen < 0:
        yield Find(name, reason="holds no answer with its head, as curl -is saves it")


def told_in(data: bytes) -> Iterator[ToldExchange]:
    """The exchanges in a transcript, whichever kind it is."""
    if DUMP_MARK.search(data):
        return told_in_dumps(data)
    if SENT_LINE.search(data):
        return told_verbosely(data)
    return told_alone(data)


def told_alone(data: bytes) -> Iterator[ToldExchange]:
    """The answers of `curl -i`, one after the other where it was given several URLs."""
    problem = failure_in(data)
    if not is_transcript(data):
        data = METER.sub(b"", data)
    at = behind_blanks(data, 0)
    if not is_transcript(data):
        data = FENCE.sub(b"", data)
        printed = PRINTED.search(data)
        at = printed.start() if printed else at
    while at < len(data):
        end = end_of_answer(data, at)
        yield ToldExchange(at, data[at:end], problem=problem)
        at = behind_blanks(data, end)
        # What else stands there, curl -w or a shell wrote.
        if not STATUS_LINE.match(data, at):
            return


def behind_blanks(data: bytes, at: int) -> int:
    """Where what follows empty lines begins."""
    found = BLANKS.match(data, at)
    return found.end() if found else at


def end_of_answer(data: bytes, at: int) -> int:
    """Where an answer ends that begins somewhere; at the end of all, if that is not told."""
    end = len(data)
    # Most end in a small part of what follows: who reads on for each takes quadratic time.  No
    # letter lies over the end of a line.
    parts = [data.rfind(b"\n", at, at + SMALL_PART) + 1, end] if end > at + SMALL_PART else [end]
    for part_end in parts:
        with contextlib.suppress(NoTranscript):  # which is told when it is read
            _, fields, body = last_head(data[at:part_end])
            length = extent(fields, body)
            if length and (length <= len(body) or part_end == end):
                return part_end - len(body) + length
    return end


# --- one exchange ---


def find_of(told: ToldExchange, place: str) -> Find:
    """What an exchange holds."""
    if told.problem:
        ending = "was broken off" if told.answer else "had no answer"
        raise Unusable(f"{ending}: {told.problem[:200]}")
    if told.method == "CONNECT":
        raise Unusable("is a proxy's tunnel", is_other=True)
    if not told.answer:
        raise Unusable("has no answer in it")
    capture = answer_of(told)
    if not told.method:
        return Find(place, capture)
    request, lacks_body = asked_in_transcript(told)
    return Find(place, replace(capture, request=request), lacks_body=lacks_body)


def asked_in_transcript(told: ToldExchange) -> Tuple[Request, bool]:
    """The request, and whether its body is not told."""
    request = request_of(told.method, told.target, told.headers)
    length = request.headers.get("content-length", "0")
    sends_body = length != "0" or "transfer-encoding" in request.headers
    if told.asked is None or not sends_body:
        return request, sends_body
    body = told.asked
    if "transfer-encoding" in request.headers:
        reader = ChunkedBody(LARGEST_FILE)
        if reader.feed(body):
            body = bytes(reader.pieces)
    elif length.isdigit() and len(body) < int(length):
        raise Unusable(f"is cut off: it has {len(body)} of {length} bytes of the request")
    if not told.is_exact:
        body = restored(body)
    return request_of(told.method, told.target, told.headers, body), False


def answer_of(told: ToldExchange) -> Capture:
    """The answer, its codings undone."""
    status, fields, body = last_head(told.answer.lstrip())
    length = extent(fields, body)
    if not body and length != 0 and told.method != "HEAD" and status not in NO_BODY:
        raise Unusable(
            "has no body of the answer in it: curl -o writes it elsewhere, -I asks for none"
        )
    if length is not None and length > len(body):
        raise Unusable(f"is cut off: it has {len(body)} of {length} bytes of the answer")
    if length is not None:
        told = replace(told, answer=told.answer[: len(told.answer) - len(body) + length])
    original = parse_transcript(told.answer)
    body = original.body
    if original.is_coded:
        codings = [value for name, value in fields if name.lower() == "content-encoding"]
        names = [one.strip().lower() for one in ",".join(codings).split(",")]
        body = decoded(body, names, LARGEST_FILE)
    if not told.is_exact and body:
        body = restored(body)
    headers = tuple(one for one in original.headers if one[0].lower() != "content-encoding")
    arrivals: Tuple[Arrival, ...] = ()
    if not original.is_coded:
        arrivals = arrivals_in(told, original.frames is not None, len(body))
    return Capture(None, original.status, headers, body, arrivals)


def extent(fields: Headers, body: bytes) -> Optional[int]:
    """How many bytes of what follows a head are its body, as far as its framing is there; more than
    there are, if some are missing."""
    values = {name.lower(): value.strip().lower() for name, value in fields}
    if values.get("transfer-encoding", "").endswith("chunked"):
        if not CHUNK_HEAD.match(body):
            return None  # curl has undone them
        reader = ChunkedBody(LARGEST_FILE)
        try:
            if not reader.feed(body):
                return len(body) + 1
        except Refused:
            return None
        return len(body) - len(reader.rest)
    length = values.get("content-length", "")
    # Of a coded body, which curl --compressed undoes.
    is_plain = values.get("content-encoding", "identity") == "identity"
    if length.isdigit() and len(length) < 12 and (is_plain or not is_utf8(body)):
        return int(length)
    return None


def restored(body: bytes) -> bytes:
    """A body of --trace-ascii, if nothing of it is lost."""
    found = with_feeds(body)
    if found is None:
        raise Unusable(LOST)
    if framing_of(found) != SSE.title:
        try:
            parse_json(found)
        except ValueError:
            raise Unusable(LOST) from None
    return found


def arrivals_in(told: ToldExchange, is_chunked: bool, size: int) -> Tuple[Arrival, ...]:
    """When the body came, where that is told; of chunks without what frames them."""
    arrivals: List[Arrival] = []
    if not told.blocks:
        return ()
    _, _, body = last_head(told.answer.lstrip())
    reader, at = ChunkedBody(LARGEST_FILE), 0
    for seconds, length in told.blocks:
        there = at + length
        if is_chunked:
            reader.feed(body[at:there])
            arrivals.append(Arrival(seconds, len(reader.pieces)))
        else:
            arrivals.append(Arrival(seconds, min(there, size)))
        at = there
    if arrivals[-1].size != size:
        return ()
    return tuple(arrivals)
