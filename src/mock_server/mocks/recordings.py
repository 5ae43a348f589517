"""Recorded answers: bodies and events, in @files or not.  Pure: a mock's node says how to read."""

from __future__ import annotations

import base64
import zlib
from typing import Callable, List, NoReturn, Optional

from ..errors import shown
from ..framings import NDJSON, SSE
from ..http import NO_BODY
from ..jsons import parse_json, utf8
from ..limits import Json
from ..node import Node
from ..outcomes import Original, Raw, Recorded
from ..plans import WIRE_PLANS
from ..records import replace
from .stream_texts import (
    STREAM_TYPES,
    TEXT_CUTS,
    TEXT_FRAMINGS,
    framing_of,
    framing_of_answer,
    streaming,
    type_of,
    values_in,
)
from .transcripts import NoTranscript, is_transcript, parse_transcript

UNPACKED_LIMIT = 256 * 1024 * 1024  # bytes of a body that is stored as gzip

# Reads a file by its name in the data directory; raises FileNotFoundError, or Unreadable.
ReadFile = Callable[[str], bytes]


class Unreadable(Exception):
    """A file that is there, or outside, and can't be read; the message says why."""


class MockNode(Node):
    """A value in a mock, which may name files; the whole knows how those are read."""

    __slots__ = ("read_file",)
    read_file: ReadFile

    @classmethod
    def whole(cls, value: Json, source: str, read_file: ReadFile) -> "MockNode":
        """A mock, or whatever else holds an answer."""
        node = cls(value, source)
        node.read_file = read_file
        return node

    @property
    def root(self) -> "MockNode":
        """The whole that it lies in."""
        whole = self
        while whole.parent is not None:
            whole = whole.parent
        return whole

    def stored(self, name: str) -> Optional[bytes]:
        """The bytes of a file that is named here, or None if there is none."""
        try:
            # A node deep inside a mock has no reader of its own.
            return self.root.read_file(name)
        except FileNotFoundError:
            return None
        except Unreadable as error:
            self.fail(str(error))

    def file(self, name: str) -> bytes:
        """The bytes of a file that must be there."""
        data = self.stored(name)
        if data is None:
            self.no_file(name)
        return data

    def no_file(self, name: str) -> NoReturn:
        """Raise the error of a file that is not there."""
        self.fail(f"no file {shown(name)} in the data directory")


def parse_recorded(response: MockNode) -> Recorded:
    """A recorded response; files are read, and a gzip twin is found and compared."""
    body, events = response.get("body"), response.get("events")
    recorded = Recorded()
    if not body.is_absent:
        recorded = recorded_body(body)
    if not events.is_absent:
        recorded = with_events(recorded, events)
    if recorded.has_body and "error" in response.value:
        body.fail("is never sent: to who wants no stream, the answer is the error alone")
    for original in filter(None, (recorded.whole, recorded.stream)):
        check_original(response, original)
    if response.root.within("match", "stream").value is True:
        recorded = replace(recorded, to_streams=True)
    return recorded


def check_original(response: Node, original: Original) -> None:
    """Refuse what can't be done to an answer that is compressed already."""
    if "error" in response.value and original.frames is None:
        response.get("error").fail("breaks off a stream, and the transcript holds none")
    if not original.is_coded:
        return
    plan, problem = response.get("wire"), "has no effect: the transcript is compressed already"
    if response.get("gzip").value == "always":
        response.get("gzip").fail(problem)
    for key in ("gzip", "eol", "comments", "no_space"):
        if not plan.get(key).is_absent or getattr(WIRE_PLANS.get(str(plan.value)), key, None):
            plan.fail(problem)
    if response.get("fault").value == "bad_gzip":
        response.get("fault").fail(problem)
    if "error" in response.value:
        response.get("error").fail("can't be said in the transcript's stream, which is compressed")


# --- whole bodies ---


def recorded_body(node: MockNode) -> Recorded:
    """A recorded body: a JSON value, the bytes of a file and of its gzip twin, or a transcript."""
    value = node.value
    if isinstance(value, str) and value.startswith("@"):
        return body_of_file(node, value[1:])
    if isinstance(value, str) and value.lstrip().startswith(("<", "HTTP/")):
        node.fail(
            'would be sent as JSON, in quotes; "raw" sends text as it is, and an .http file an '
            "answer with its head"
        )
    return Recorded(value)


def body_of_file(node: MockNode, name: str) -> Recorded:
    """What a file holds, as a body."""
    if name.endswith(".http"):
        return Recorded(whole=original_of(node, name))
    if not name.endswith((".json", ".json.gz")):
        node.expected('@file.json, @file.json.gz or @file.http; "raw" sends any other file')
    plain_name = name
    if name.endswith(".gz"):
        plain_name = name[: -len(".gz")]
    twin_name = plain_name + ".gz"
    plain, twin = node.stored(plain_name), node.stored(twin_name)
    # The file that is named must be there; its other form may be.
    if (twin if name == twin_name else plain) is None:
        node.no_file(name)
    if twin is not None:
        unpacked = gunzipped(node, twin, twin_name)
        # Sent in place of each other, they would be two answers to one request.
        if plain is not None and unpacked != plain:
            node.fail(
                f"{twin_name} is not the gzip of {plain_name}; "
                "run convert_to_gzip.py on it, or remove it"
            )
        plain = unpacked
    data = plain or b""
    refuse_transcript(node, name, data)
    try:
        parse_json(data)
    except ValueError as error:
        node.fail(f'{name} is not JSON: {error}; "raw" sends a file of any kind')
    return Recorded(data, twin)


def gunzipped(node: Node, data: bytes, name: str) -> bytes:
    """The content of a gzip file, which may have several members (RFC 1952, 2.2)."""
    plain = bytearray()
    while data or not plain:
        unpacker = zlib.decompressobj(31)
        try:
            plain += unpacker.decompress(data, UNPACKED_LIMIT - len(plain))
        except zlib.error as error:
            node.fail(f"{name} is not gzip: {error}")
        if len(plain) >= UNPACKED_LIMIT:
            node.fail(f"{name} has {UNPACKED_LIMIT >> 20} MiB or more once unpacked")
        if not unpacker.eof:
            node.fail(f"{name} is gzip that ends too early")
        data = unpacker.unused_data
    return bytes(plain)


# --- streams ---


def with_events(recorded: Recorded, node: MockNode) -> Recorded:
    """A recorded answer with a stream: its text, JSON values, or a file."""
    value = node.value
    if isinstance(value, str) and value.startswith("@"):
        return with_file(recorded, node, value[1:])
    if isinstance(value, str):
        return with_text(recorded, node, utf8(value), "")
    if not isinstance(value, list) or not value:
        node.expected(
            "@file.sse, @file.jsonl, @file.http, an array of events or the text of a stream"
        )
    return replace(recorded, values=tuple(value))


def with_file(recorded: Recorded, node: MockNode, name: str) -> Recorded:
    """The same with the stream that a file holds."""
    if name.endswith(".http"):
        return replace(recorded, stream=original_of(node, name))
    if not name.endswith((".sse", ".jsonl")):
        node.expected("@file.sse, @file.jsonl or @file.http")
    data = node.file(name)
    if name.endswith(".sse"):
        return with_text(recorded, node, data, name)
    refuse_transcript(node, name, data)
    # These are framed as the provider of the request has it.
    values = lines_of_json(node, name, data)
    if not values:
        node.fail(f"{name} holds no event")
    return replace(recorded, values=tuple(values))


def with_text(recorded: Recorded, node: Node, text: bytes, name: str) -> Recorded:
    """The same with the text of a stream, kept byte for byte; `name` is that of its file."""
    refuse_transcript(node, name, text)
    kind = framing_of(text)
    if kind not in TEXT_FRAMINGS or name and kind != SSE.title:
        problem = "no line begins with data: or another field of an event, or with a colon"
        node.fail(f'{name or "it"} holds no event: {problem}; "raw" sends any text')
    frames = tuple(TEXT_CUTS[kind](text))
    if kind == NDJSON.title and not values_in(kind, frames[:1]):
        node.fail("its first line is not JSON, as each of a stream's is")
    return replace(recorded, frames=frames, kind=kind)


# --- transcripts ---


def original_of(node: MockNode, name: str) -> Original:
    """The answer in a transcript; a mock's own status goes before its status."""
    try:
        original = parse_transcript(node.file(name))
    except NoTranscript as error:
        node.fail(f"{name} {error}")
    response = node.parent
    # The status beside an error is the error's.
    if "status" in response.value and "error" not in response.value:
        original = replace(original, status=response.value["status"])
    kind = framing_of_answer(original)
    if original.status >= 400 or not original.body:
        return streaming(original) if node.key == "events" else original
    if node.key == "body" and type_of(original) in STREAM_TYPES:
        node.fail(f'{name} holds {kind}; it goes under "events"')
    if node.key == "events" and not kind and not original.is_coded:
        node.fail(
            f'{name} holds a whole body; it goes under "body", '
            'which answers streaming requests if the match says "stream": true'
        )
    if node.key == "events":
        return streaming(original)
    return original


def refuse_transcript(node: Node, name: str, data: bytes) -> None:
    """Refuse an answer with its head where there can be none."""
    if is_transcript(data):
        what = "it"
        hint = 'save it as a file, and name it "@file.http"'
        if name:
            what = name
            hint = f"name it {name.partition('.')[0]}.http, or save it without -i"
        node.fail(f"{what} begins with the head of an answer, as curl -i saves it; {hint}")


def lines_of_json(node: Node, name: str, data: bytes) -> List[Json]:
    """The JSON values of a .jsonl file, one a line; OpenAI's [DONE] stands for itself."""
    values: List[Json] = []
    for number, line in enumerate(data.splitlines(), 1):
        text = line.strip()
        if text == b"[DONE]":
            values.append("[DONE]")
        elif text:
            try:
                values.append(parse_json(line))
            except ValueError as error:
                node.fail(f"{name}, line {number}: {error}")
    return values


# --- raw answers ---


def parse_raw(response: MockNode) -> Raw:
    """A raw answer: text, base64, or the bytes of a file."""
    node = response.get("raw")
    value = node.value
    if node.is_absent:  # the status says all
        data = b""
    elif isinstance(value, dict):
        data = base64_data(node.only(("base64",)).get("base64"))
    elif not isinstance(value, str):
        node.expected('text, {"base64": text} or @file')
    elif value.startswith("@"):
        data = node.file(value[1:])
    else:
        data = utf8(value)
    status = response.value.get("status")
    if status in NO_BODY and data:
        response.get("status").fail(
            f"never has a body, so that nothing of {len(data)} bytes is sent"
        )
    return Raw(data)


def base64_data(node: Node) -> bytes:
    """The bytes that a text in base64 stands for; lines of it may be wrapped."""
    text = "".join(node.text().split())
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        node.fail(f"is not base64: {error}")
