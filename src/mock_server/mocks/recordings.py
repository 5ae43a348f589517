"""Recorded answers: bodies and events, in @files or not.  Pure: a mock's node says how to read."""

from __future__ import annotations

import zlib
from typing import Callable, List, Optional, Tuple, Union

from ..errors import shown
from ..framings import SSE
from ..jsons import parse_json
from ..limits import Json
from ..node import Node
from ..values import Recorded

UNPACKED_LIMIT = 256 * 1024 * 1024  # bytes of a body that is stored as gzip

RecordedBody = Tuple[Union[bytes, Json], Optional[bytes]]  # and its gzip twin, if there is one

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

    def stored(self, name: str) -> Optional[bytes]:
        """The bytes of a file that is named here, or None if there is none."""
        whole = self
        # A node deep inside a mock has no reader of its own.
        while whole.parent is not None:
            whole = whole.parent
        try:
            return whole.read_file(name)
        except FileNotFoundError:
            return None
        except Unreadable as error:
            self.fail(str(error))


def parse_recorded(node: MockNode) -> Recorded:
    """A recorded response; @files are read, and a gzip twin is found and compared."""
    body, twin = parse_body(node.get("body"))
    events = node.get("events")
    if events.is_absent:
        return Recorded(body, twin)
    if isinstance(events.value, str) and events.value.startswith("@"):
        frames, values = events_of_file(events, events.value[1:])
        return Recorded(body, twin, frames, values)
    if not isinstance(events.value, list) or not events.value:
        events.expected("@file.sse, @file.jsonl or an array of events")
    return Recorded(body, twin, values=tuple(events.value))


def parse_body(node: MockNode) -> RecordedBody:
    """A recorded body: a JSON value, or the bytes of a file and of its gzip twin."""
    if not isinstance(node.value, str) or not node.value.startswith("@"):
        return node.value, None
    name = node.value[1:]
    if not name.endswith((".json", ".json.gz")):
        node.expected("@file.json or @file.json.gz")
    plain_name = name
    if name.endswith(".gz"):
        plain_name = name[: -len(".gz")]
    twin_name = plain_name + ".gz"
    plain, twin = node.stored(plain_name), node.stored(twin_name)
    # The file that is named must be there; its other form may be.
    if (twin if name == twin_name else plain) is None:
        node.fail(f"no file {shown(name)} in the data directory")
    if twin is None:
        return plain, None
    unpacked = gunzipped(node, twin, twin_name)
    # Sent in place of each other, they would be two answers to one request.
    if plain is not None and unpacked != plain:
        node.fail(
            f"{twin_name} is not the gzip of {plain_name}; "
            "run convert_to_gzip.py on it, or remove it"
        )
    return unpacked, twin


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


def events_of_file(node: MockNode, name: str) -> Tuple[Tuple[bytes, ...], Tuple[Json, ...]]:
    """A recorded stream: the frames of an .sse file, or the JSON values of a .jsonl file."""
    if not name.endswith((".sse", ".jsonl")):
        node.expected("@file.sse or @file.jsonl")
    data = node.stored(name)
    if data is None:
        node.fail(f"no file {shown(name)} in the data directory")
    frames: Tuple[bytes, ...] = ()
    values: Tuple[Json, ...] = ()
    # The frames keep their bytes; values are framed as the provider of the request has it.
    if name.endswith(".sse"):
        frames = tuple(SSE.split(data))
    else:
        values = tuple(lines_of_json(node, name, data))
    if not frames and not values:
        node.fail(f"{name} holds no event")
    return frames, values


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
