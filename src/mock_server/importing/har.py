"""HAR 1.2 files, as browsers, proxies and test tools write them, read as captures.  Pure."""

from __future__ import annotations

import itertools
import re
from typing import Iterator, List, Optional, Sequence, Tuple
from urllib.parse import urlencode

from ..codings import decoded
from ..errors import Refused
from ..framings import SSE
from ..http import NO_BODY
from ..jsons import parse_json, utf8, within
from ..limits import Headers, Json
from ..mocks.stream_texts import STREAM_TYPES, TEXT_CUTS, framing_of
from ..mocks.transcripts import is_utf8
from ..recording.captures import Arrival, Capture
from ..values import Request
from .asked import UNRELATED, request_of, wire_of
from .finds import LARGEST_FILE, TOLD_BY, Find, Unusable, as_utf8, told_url, unusable
from .texts import bytes_of_base64, bytes_of_text, posted_body

HAR_BEGINS = re.compile(rb'\s*\{.{0,4000}?"log"\s*:\s*\{', re.DOTALL)
HAR_HOLDS = re.compile(rb'"(?:entries|creator|browser)"\s*:')


GZIP_BEGINS = b"\x1f\x8b"
HUGE = 1e12  # no number of bytes, and no number of milliseconds
MARK_LENGTH = 3  # of a byte order mark, which browsers count and leave out of the text
NOT_DECODED = ("audio/", "image/", "video/", "application/octet-stream")


def is_har(data: bytes) -> bool:
    """Whether a file is a HAR, or the beginning of one."""
    begun = as_utf8(data[:TOLD_BY])
    return bool(HAR_BEGINS.match(begun) and HAR_HOLDS.search(begun))


def exchanges_in_har(data: bytes, name: str) -> Iterator[Find]:
    """What each entry of a HAR holds."""
    try:
        entries, tool = entries_in(data)
    except Unusable as why:
        yield unusable(name, why)
        return
    for number, entry in enumerate(entries, 1):
        place = f"{name}: entry {number}"
        method, url = text_within(entry, "request", "method"), text_within(entry, "request", "url")
        if method and url:
            place += f", {method} {told_url(url)}"
        try:
            yield Find(place, capture_of(entry, tool))
        except Unusable as why:
            yield unusable(place, why)
        except Refused as refused:
            yield unusable(place, Unusable(f"can't be decoded: {refused.message}"))


def entries_in(data: bytes) -> Tuple[List[Json], str]:
    """The entries of a HAR, and the name of the tool that wrote it."""
    if len(data) > LARGEST_FILE:
        raise Unusable(f"is larger than {LARGEST_FILE >> 20} MiB")
    try:
        value = parse_json(as_utf8(data))
    except ValueError as error:
        raise Unusable(f"is no HAR: {error}") from None
    entries = within(value, "log", "entries")
    if not isinstance(entries, list):
        raise Unusable("is no HAR: it has no array log.entries")
    if not entries:
        raise Unusable("holds no entry")
    return entries, text_within(value, "log", "creator", "name").lower()


def text_within(value: Json, *names: str) -> str:
    """A text inside nested objects; empty where there is none."""
    found = within(value, *names)
    if isinstance(found, str):
        return found
    return ""


def number_within(value: Json, *names: str) -> float:
    """A number inside nested objects; -1, as HAR says it, where there is none."""
    found = within(value, *names)
    if isinstance(found, (int, float)) and not isinstance(found, bool) and abs(found) < HUGE:
        return found
    return -1


def list_within(value: Json, *names: str) -> List[Json]:
    """An array inside nested objects; empty where there is none."""
    found = within(value, *names)
    if isinstance(found, list):
        return found
    return []


def capture_of(entry: Json, tool: str) -> Capture:
    """The exchange that an entry holds."""
    request = asked_in(entry, tool)
    check_answered(entry)
    status = int(number_within(entry, "response", "status"))
    headers = header_pairs(list_within(entry, "response", "headers"))
    content_type = text_within(entry, "response", "content", "mimeType")
    if content_type and not any(name.lower() == "content-type" for name, _ in headers):
        headers += (("Content-Type", content_type),)
    capture = Capture(request, status, headers, b"")
    body = answered_body(entry, capture, tool)
    if body is None:
        body = listed_events(entry)
    if body is None and status not in NO_BODY and request.method != "HEAD":
        raise Unusable(missing_body(entry))
    body = body or b""
    return Capture(request, status, headers, body, arrivals_of(entry, capture.content_type, body))


# --- what was asked ---


def asked_in(entry: Json, tool: str) -> Request:
    """The request of an entry, if it is for a provider."""
    asked = within(entry, "request")
    method, url = text_within(asked, "method"), text_within(asked, "url")
    if not method or not url:
        raise Unusable("has no request")
    if is_websocket(entry, url):
        raise Unusable("is a WebSocket, which is not played", is_other=True)
    if not url.lower().startswith(("http://", "https://", "/")):
        raise Unusable(UNRELATED, is_other=True)
    if "?" not in url:
        pairs = header_pairs(list_within(asked, "queryString"))
        url = url.partition("#")[0] + "?" * bool(pairs) + urlencode(pairs, errors="replace")
    lines = header_pairs(list_within(asked, "headers"))
    kind = text_within(asked, "postData", "mimeType")
    if kind and not any(name.lower() == "content-type" for name, _ in lines):
        lines += (("Content-Type", kind),)
    request = request_of(method, url, lines)
    try:
        body = posted_body(within(asked, "postData"), tool, request.headers.get("content-type", ""))
    except Unusable:
        wire_of(request)  # what is none of ours has no further reason
        raise
    request = request_of(method, url, lines, body)
    wire_of(request)
    if not body and number_within(asked, "bodySize") > 0:
        raise Unusable("has no body of its request in it")
    return request


def is_websocket(entry: Json, url: str) -> bool:
    """Whether an entry is a WebSocket, by its URL or by the members of Chrome and mitmproxy."""
    if url.lower().startswith(("ws:", "wss:")) or isinstance(
        within(entry, "_webSocketMessages"), list
    ):
        return True
    return text_within(entry, "_resourceType") == "websocket"


def header_pairs(listed: Sequence[Json]) -> Headers:
    """Header lines: objects with name and value or, as Slack's client has them, arrays of both.

    Playwright joins lines of one name with line feeds."""
    pairs: List[Tuple[str, str]] = []
    for one in listed:
        name, value = within(one, "name"), within(one, "value")
        if isinstance(one, list) and len(one) == 2:
            name, value = one
        if isinstance(name, str) and isinstance(value, str):
            pairs += [(name, line.strip()) for line in value.split("\n")]
    return tuple(pairs)


# --- what was answered ---


def check_answered(entry: Json) -> None:
    """Unusable, if there was no answer, or not all of it."""
    places = (("response", "_error"), ("response", "_failureText"), ("_error",))
    problem = next(filter(None, (text_within(entry, *place) for place in places)), "")
    if within(entry, "_wasAborted") is True:
        problem = problem or "aborted"
    told = problem[:200]
    status = number_within(entry, "response", "status")
    if status < 100:
        raise Unusable("had no answer" + f": {told}" * bool(told))
    if told:
        raise Unusable(f"was broken off: {told}")
    if not 200 <= status < 600:
        raise Unusable(f"has the status {status}, which is none from 200 to 599")


def answered_body(entry: Json, capture: Capture, tool: str) -> Optional[bytes]:
    """The body of an answer, its codings undone; None if it is not in the entry."""
    content = within(entry, "response", "content")
    text = text_within(content, "text")
    if not text:
        if capture.header("content-length") == "0":
            return b""
        return None
    coding = capture.header("content-encoding")
    if text_within(content, "encoding").lower() == "base64":
        body = bytes_of_base64(text)
    else:
        body = bytes_of_text(text, capture.header("content-type"), tool)
    # Tools undo codings and leave the header; mitmproxy keeps what it can't undo as it is.
    is_coded = body.startswith(GZIP_BEGINS) or not is_utf8(body)
    if coding and is_coded and not capture.content_type.startswith(NOT_DECODED):
        names = [name.strip().lower() for name in coding.split(",")]
        return decoded(body, names, LARGEST_FILE)
    check_uncut(content, body)
    return body


def check_uncut(content: Json, body: bytes) -> None:
    """Unusable, if a body is shorter than the tool has seen."""
    size, saved = number_within(content, "size"), number_within(content, "compression")
    # By the specification `size` is without coding; mitmproxy's is with it.
    if within(content, "compression") is not None:
        size = min(size, size + saved)
    if len(body) + MARK_LENGTH < size:
        raise Unusable(f"is cut off: the file has {len(body)} of {int(size)} bytes of the answer")


def missing_body(entry: Json) -> str:
    """Why the body of an answer is not there."""
    content = within(entry, "response", "content")
    for name in ("_file", "_sha1"):
        if text_within(content, name):
            return (
                "has its answer in another file, which is not read; Playwright's option "
                'content: "embed" keeps all in one'
            )
    comment = text_within(content, "comment")
    told = f" ({comment[:100]})" * bool(comment)
    return f"has no body of the answer in it{told}; browsers drop what is large or streamed"


def listed_events(entry: Json) -> Optional[bytes]:
    """A stream of the events that Chrome lists, where it has not kept their bytes."""
    frames: List[str] = []
    for message in list_within(entry, "_eventSourceMessages"):
        name, data = text_within(message, "eventName"), text_within(message, "data")
        lines = [f"data: {line}" for line in data.split("\n")]
        if name not in ("", "message"):
            lines.insert(0, f"event: {name}")
        frames.append("\n".join([*lines, "", ""]))
    if not frames:
        return None
    return utf8("".join(frames))


# --- when ---


def arrivals_of(entry: Json, content_type: str, body: bytes) -> Tuple[Arrival, ...]:
    """When an answer came: a HAR knows of its first and its last byte, and Chrome's of each event.
    What lies between is taken for even."""
    wait, receive = (
        number_within(entry, "timings", "wait"),
        number_within(entry, "timings", "receive"),
    )
    if wait < 0 or not body:
        return ()
    receive = max(receive, 0)
    frames = frames_of(content_type, body)
    times = event_seconds(entry, frames)
    if not times:
        gap = receive / max(1, len(frames) - 1)
        times = [gap * number / 1000 for number in range(len(frames))]
        if len(frames) == 1:
            times = [receive / 1000]
    sizes = itertools.accumulate(map(len, frames))
    return tuple(Arrival(wait / 1000 + time, size) for time, size in zip(times, sizes))


def frames_of(content_type: str, body: bytes) -> List[bytes]:
    """The events of a stream, or a whole body as one."""
    if content_type not in STREAM_TYPES:
        return [body]
    try:
        return TEXT_CUTS[framing_of(body)](body) or [body]
    except (KeyError, ValueError):
        return [body]


def event_seconds(entry: Json, frames: Sequence[bytes]) -> List[float]:
    """Seconds from the first event to each, where Chrome lists just these."""
    times = [number_within(one, "time") for one in list_within(entry, "_eventSourceMessages")]
    told = sum(1 for frame in frames if SSE.data(frame))
    if not times or not len(times) == told == len(frames) or times != sorted(times):
        return []
    return [time - times[0] for time in times]
