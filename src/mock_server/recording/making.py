"""Of a capture a mock and the files that it names: what is recorded can be read back.  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Tuple, Union

from ..codings import content_type_in
from ..errors import BadMock, http_phrase
from ..formats.all import OTHER
from ..formats.base import WireFormat
from ..framings import SSE, JsonArray
from ..http import HEADER_NAME, NO_BODY
from ..jsons import indented, parse_json, utf8, within
from ..limits import Headers, Json
from ..mocks.answer import Form
from ..mocks.delivery import NOT_IN_A_HEADER, RECORDED
from ..mocks.differences import explained
from ..mocks.event_times import TIMES_EXTENSION
from ..mocks.mock import parse_mock
from ..mocks.recordings import MockNode, ReadFile
from ..mocks.stream_texts import STREAM_TYPES, TEXT_CUTS, framing_of_answer
from ..outcomes import Original, Raw, Recorded
from ..records import record
from ..values import ISSUING, Call
from .captures import Capture
from .matches import match_of
from .names import name_of
from .rhythm import times_file, times_of
from .scrubbing import Scrubber, TooManySigns, kept_headers, own_secrets

MOCKS_FOLDER, RECORDINGS_FOLDER = "mocks/recorded", "recordings"

JSON_TYPES = ("application/json", "text/json")

# What files are called that no form but `raw` sends.
EXTENSIONS: Mapping[str, str] = {
    "application/json": "txt",  # which can't be read as such
    "application/jsonl": "ndjson",
    "application/ndjson": "ndjson",
    "application/pdf": "pdf",
    "application/x-ndjson": "ndjson",
    "application/x-subrip": "srt",
    "application/xml": "xml",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/pcm": "pcm",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "text/csv": "csv",
    "text/html": "html",
    "text/vtt": "vtt",
    "text/xml": "xml",
}


# What is said of a response, a batch or a video until it is there.
UNDER_WAY = frozenset(
    (
        *("queued", "in_progress", "pending", "processing", "running", "validating"),
        *("finalizing", "starting", "cancelling"),
    )
)


@record
class Made:
    """A recording: `name`, the bytes of its `files` by their names in a data directory, and which
    of them is the `mock`, the last one; or the `reason` why there is nothing to save."""

    name: str
    files: Mapping[str, bytes] = {}
    mock: str = ""
    reason: str = ""


@record
class Keeping:
    """A way to keep an answer: the key of a response and the extension of the file that it names,
    the type that is sent without being said, the head with which the file begins, the body in it,
    and the times of its events, if they are known.  An empty body of `raw` needs no file."""

    key: str
    extension: str
    usual_type: str
    body: bytes
    head: bytes = b""
    times: Tuple[float, ...] = ()


def made_of(wire: WireFormat, call: Call, capture: Capture) -> Made:
    """The recording of an exchange, nothing secret in it."""
    scrubber = scrubber_of(capture)
    try:
        match = match_of(wire, call, scrubber)
        if call.method == "HEAD":  # of which the answer has no body, and none for GET
            match["method"] = call.method
        return made_with(match, wire, call, capture, scrubber)
    except TooManySigns as error:
        return Made("", reason=str(error))


def scrubber_of(capture: Capture) -> Scrubber:
    """What takes secrets out of an exchange: those of its request, if that is known, too."""
    return Scrubber(own_secrets(capture.request) if capture.request else ())


def made_with(
    match: Mapping[str, Json],
    wire: WireFormat,
    call: Call,
    capture: Capture,
    scrubber: Scrubber,
) -> Made:
    """The recording of an answer for whatever a `match` asks for, which a call does."""
    name = name_of(call, match, scrubber)
    reason = unsaved(call, capture.status) or unfinished(call, capture)
    if reason:
        return Made(name, reason=reason)
    headers = headers_of(capture, scrubber)
    # The first form that holds the answer: the last holds any bytes.
    for keeping in ways_to_keep(wire, call, capture, scrubber):
        made = written_as(keeping, name, match, capture.status, headers)
        reason = misread(made, keeping.body, wire, call)
        if not reason:
            return made
    return Made(name, reason=f"it could not be read back: {reason}")


def unsaved(call: Call, status: int) -> str:
    """Why an answer is never saved, whatever it says; empty for those that are."""
    if call.operation in ISSUING:
        return "what issues credentials is never saved"
    if status >= 500:
        return f"an answer of status {status} is never saved"
    if not 200 <= status < 300 and status < 400:
        return f"an answer of status {status}, which leads elsewhere, is never saved"
    return ""


def unfinished(call: Call, capture: Capture) -> str:
    """Why what tells how far something is can't be kept: who asks until it is done would be told
    the same for ever.  Empty for all else."""
    if call.method != "GET":
        return ""
    try:
        value = parse_json(capture.body)
    except ValueError:
        return ""
    status = within(value, "status")
    if isinstance(status, str) and status.lower() in UNDER_WAY:
        return f"what is {status} is saved when it is done"
    if within(value, "done") is False:
        return "what is not done is saved when it is"
    return ""


# --- headers ---


def headers_of(capture: Capture, scrubber: Scrubber) -> Headers:
    """The headers of an answer that are kept: its type, and what clients read."""
    told = [("Content-Type", capture.header("content-type"))] if has_type(capture) else []
    told += [one for one in kept_headers(capture.headers) if one[0].lower() != "content-type"]
    scrubbed = [(name, scrubber.text(value)) for name, value in told]
    return tuple(one for one in scrubbed if HEADER_NAME.fullmatch(one[0]) and is_sendable(one[1]))


def has_type(capture: Capture) -> bool:
    """Whether an answer says what it is."""
    return bool(capture.header("content-type").strip())


def is_sendable(value: str) -> bool:
    """Whether a mock may have this as the value of a header."""
    return not NOT_IN_A_HEADER.search(value)


def spelled(headers: Headers, usual_type: str) -> Dict[str, Json]:
    """The headers of a response as JSON, without the type that is sent without being said."""
    told: Dict[str, Json] = {}
    lines: Dict[str, List[str]] = {}
    for name, value in headers:
        values = lines.setdefault(name.lower(), [])
        values.append(value)
        if len(values) == 1:
            told[name] = value
        else:
            told[next(one for one in told if one.lower() == name.lower())] = values
    content_type = content_type_in(headers)
    if content_type == usual_type:
        told.pop("Content-Type", None)
    elif not content_type:
        told["Content-Type"] = None  # the server would say its own
    return told


def head_of(status: int, headers: Headers) -> bytes:
    """The head of a transcript."""
    lines = [f"HTTP/1.1 {status} {http_phrase(status)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "".join(line + "\r\n" for line in [*lines, ""]).encode("latin-1", "replace")


# --- forms ---


def ways_to_keep(
    wire: WireFormat, call: Call, capture: Capture, scrubber: Scrubber
) -> Iterator[Keeping]:
    """The ways to keep an answer, the most readable first; the last holds any bytes."""
    content_type, body = capture.header("content-type"), capture.body
    if capture.status in NO_BODY:
        yield Keeping("raw", "", "", b"")
        return
    kind = stream_kind(wire, call, capture)
    if kind:
        yield from ways_to_stream(wire, call, capture, scrubber, kind)
    if is_json_type(capture.content_type) and body:
        yield Keeping("body", "json", wire.json_type, scrubber.body(body, content_type))
    extension = EXTENSIONS.get(capture.content_type, "bin")
    if extension == "bin" and capture.content_type.startswith("text/"):
        extension = "txt"
    yield Keeping("raw", extension, "text/plain", scrubber.body(body, content_type))


def is_json_type(content_type: str) -> bool:
    """Whether a body of a type is JSON; one without a type may be."""
    return content_type in ("", *JSON_TYPES) or content_type.endswith("+json")


def stream_kind(wire: WireFormat, call: Call, capture: Capture) -> str:
    """The title of the framing that an answer's events are in; empty for a whole answer."""
    is_other = wire.operation == OTHER
    if not capture.body or not (call.stream or is_other):
        return ""
    if capture.content_type in STREAM_TYPES:
        return STREAM_TYPES[capture.content_type]
    # Of another type only what the API itself sends so is a stream.  Google's array is of JSON's
    # type, and is sent to whoever says no `alt`, too (recorded), where a mock sends events.
    kind = framing_of_answer(Original(capture.status, capture.headers, capture.body))
    if not is_other and kind in (wire.framing(call).title, JsonArray.title):
        return kind
    return ""


def ways_to_stream(
    wire: WireFormat, call: Call, capture: Capture, scrubber: Scrubber, kind: str
) -> Iterator[Keeping]:
    """The ways to keep a stream in the framing of this title: with the times of its events, if
    they are known, else without."""
    frames = TEXT_CUTS[kind](capture.body)
    body = b"".join(scrubber.frames(frames, kind))
    told: List[Tuple[float, ...]] = [()]
    if capture.arrivals:
        told = [tuple(times_of(frames, capture.arrivals)), ()]
    for times in told:
        if kind == SSE.title and wire.framing(call).title == kind:
            yield Keeping("events", "sse", wire.stream_type, body, times=times)
        head = head_of(capture.status, headers_of(capture, scrubber))
        yield Keeping("events", "http", "", body, head, times)


# --- files ---


def written_as(
    keeping: Keeping, name: str, match: Mapping[str, Json], status: int, headers: Headers
) -> Made:
    """A recording whose answer is kept in this way."""
    response: Dict[str, Json] = {}
    files: Dict[str, bytes] = {}
    if not keeping.head:  # which says them, too
        if status != 200:
            response["status"] = status
        told = spelled(headers, keeping.usual_type)
        if told:
            response["headers"] = told
    if keeping.body or keeping.head:
        file = f"{RECORDINGS_FOLDER}/{name}.{keeping.extension}"
        files[file] = keeping.head + keeping.body
        response[keeping.key] = f"@{file}"
    elif keeping.extension:
        response[keeping.key] = ""
    if keeping.times:
        files[f"{RECORDINGS_FOLDER}/{name}{TIMES_EXTENSION}"] = times_file(keeping.times)
        response["pace"] = RECORDED
    mock = f"{MOCKS_FOLDER}/{name}.json"
    spec = {"name": name, "match": dict(match), "response": response}
    files[mock] = mock_file(spec)
    return Made(name, files, mock)


def misread(made: Made, body: bytes, wire: WireFormat, call: Call) -> str:
    """What is wrong with a recording, once it is read as all mocks are: it can't be read, holds
    another body, or would not answer the call that it was made of; empty if nothing is."""
    spec = parse_json(made.files[made.mock])
    try:
        mock = parse_mock(MockNode.whole(spec, made.name, reader_of(made.files)))
    except BadMock as error:
        return str(error)
    (answer,) = mock.answers
    if body_in(answer.form) != body:
        return "the body is another one then"
    for difference in mock.differences(call, wire):
        # The history is of earlier answers as they are replayed, without the client's own key.
        if difference[0] != "history":
            return explained(difference)
    return ""


def reader_of(files: Mapping[str, bytes]) -> ReadFile:
    """Reads files that are not written yet."""

    def read(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(name)
        return files[name]

    return read


def body_in(form: Form) -> Union[bytes, Json]:
    """The body that a recorded or raw answer holds."""
    if isinstance(form, Raw):
        return form.body
    if not isinstance(form, Recorded):
        return None
    if form.stream:
        return form.stream.body
    if form.frames:
        return b"".join(form.frames)
    return form.body


def renamed(made: Made, name: str) -> Made:
    """The same recording under another name."""
    mock = f"{MOCKS_FOLDER}/{name}.json"
    files = {file.replace(f"/{made.name}.", f"/{name}."): made.files[file] for file in made.files}
    spec = parse_json(made.files[made.mock])
    spec["name"] = name
    for key, value in spec["response"].items():
        if isinstance(value, str) and value.startswith("@"):
            spec["response"][key] = value.replace(f"/{made.name}.", f"/{name}.")
    files[mock] = mock_file(spec)
    return Made(name, files, mock)


def mock_file(spec: Json) -> bytes:
    """A mock as the bytes of its file."""
    return utf8(indented(spec) + "\n")
