#!/usr/bin/env python3
"""A mock LLM server in one file that needs nothing but Python 3.8 or newer.

    python3 mock_server.py 5001

answers HTTP requests the way OpenAI, Azure OpenAI, the Gemini API, Vertex AI, Anthropic, AWS
Bedrock, Cohere, Mistral and Ollama do, whole and streamed, from the mocks in `data/`.  From Python:

    from mock_server import MockServer

    with MockServer() as server:
        server.mock(match={"user": "ping"}, response={"text": "pong"})
        ...                                           # any client, with server.url as its host
        assert server.requests[-1]["model"] == "gpt-4o-mini"

The sources are rooms, a module each, in src/mock_server/; src/weld.py makes the one file of them:
change the rooms, not mock_server.py.  A room uses only what stands above it.
"""

from __future__ import annotations

import os
import signal
import sys

if sys.version_info < (3, 8):
    raise SystemExit(
        "mock_server.py needs Python 3.8 or newer; this is %d.%d" % sys.version_info[:2]
    )

if (
    __name__ == "__main__"
    or os.path.basename("".join(sys.argv[:1])) == "mock-llm-provider"
    or " -m mock_server " in " ".join([*getattr(sys, "orig_argv", []), ""])  # since 3.10
):
    # It is started, not imported.  Until there is a server to be closed, an interrupt ends it as
    # quietly as it does later; but one that only checks mocks has not found them good.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130 if "--check" in sys.argv else 0))

__all__ = ["BadMock", "MockServer", "SessionView", "__version__"]

import base64
import binascii
import codecs
import contextlib
import errno
import fnmatch
import functools
import gc
import hashlib
import heapq
import hmac
import importlib
import itertools
import json
import math
import operator
import queue
import re
import select
import socket
import stat
import struct
import threading
import time
import warnings
import zlib
from bisect import bisect_right
from collections import OrderedDict, deque
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import attrgetter, itemgetter
from pathlib import Path
from sys import getsizeof
from types import BuiltinFunctionType, FunctionType, MappingProxyType, ModuleType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Collection,
    Deque,
    Dict,
    FrozenSet,
    Generator,
    Hashable,
    Iterable,
    Iterator,
    List,
    Literal,
    Mapping,
    Match,
    NamedTuple,
    NoReturn,
    Optional,
    Pattern,
    Protocol,
    Sequence,
    Set,
    TextIO,
    Tuple,
    Type,
    TypeVar,
    Union,
    cast,
)
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    import argparse
    import ssl
    import tempfile


# === records =================================================================
# Records: classes of values, as dataclasses are, but quick to define and to make.  Touch nothing.

#     @record
#     class Usage:
#         input: int
#         cached: int = 0

# mypy holds a record to be frozen and checks what is made of it.  The program does not: attributes
# that are set the plain way take a quarter of the time, and requests make many.  It starts sooner,
# too: the dataclasses module takes ten times as long for each class.


Made = TypeVar("Made")

METHODS_OF_A_RECORD = """\
def __init__(self, {parameters}):
    {assignments}

def _values(self):
    return ({values})
"""


class Record:
    """What all records share: equal, and hashed, by kind and values."""

    __slots__ = ()
    _fields: Tuple[str, ...] = ()

    def _values(self) -> Tuple[Any, ...]:
        """The values of all fields, in order; each kind has its own."""
        return ()

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        pairs = zip(self._fields, self._values())
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"


class KeptValue:
    """What functools.cached_property is, without the lock that it takes before Python 3.12, which
    is slower than most of what is kept: two threads may both find the same value."""

    def __init__(self, find: Callable[[Any], Any]) -> None:
        self.find = find
        self.name = find.__name__
        self.__doc__ = find.__doc__

    def __get__(self, record: Any, kind: type) -> Any:
        if record is None:
            return self
        value = record.__dict__[self.name] = self.find(record)
        return value


def field_names(kind: type) -> Tuple[str, ...]:
    """The names of a record's fields, in order."""
    return kind._fields  # type: ignore[attr-defined, no-any-return]


def made_record(kind: Type[Made]) -> Type[Made]:
    """The class of records that a class describes by its annotations; its own values are defaults,
    which all records share."""
    names = tuple(getattr(kind, "__annotations__", ()))
    attributes: Dict[str, Any] = dict(vars(kind))
    del attributes["__dict__"], attributes["__weakref__"]
    defaults = {name: attributes.pop(name) for name in names if name in attributes}
    source = METHODS_OF_A_RECORD.format(
        parameters=", ".join(name + "=None" * (name in defaults) for name in names),
        assignments="; ".join(f"self.{name} = {name}" for name in names) or "pass",
        values="".join(f"self.{name}, " for name in names),
    )
    exec(source, {}, attributes)
    attributes["__init__"].__defaults__ = tuple(defaults.values())
    attributes["_fields"] = attributes["__slots__"] = names
    if any(isinstance(one, KeptValue) for one in attributes.values()):
        attributes["__slots__"] += ("__dict__",)  # where these keep what they found
    made: Any = type(kind.__name__, (Record,), attributes)
    return made  # type: ignore[no-any-return]


def changed_record(record: Made, **changes: Any) -> Made:
    """The same record with other values of some fields."""
    changed = type(record)(*record._values())  # type: ignore[attr-defined]
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


if TYPE_CHECKING:
    # What type checkers know by heart.
    from dataclasses import replace as replace
    from functools import cached_property
    from typing import dataclass_transform  # since Python 3.11

    found_once = cached_property

    @dataclass_transform(frozen_default=True)
    def record(kind: Type[Made]) -> Type[Made]:
        """The class of records that a class describes."""
        ...
else:
    record, replace, found_once = made_record, changed_record, KeptValue


# === marks ===================================================================
# Places in a stream, at which it waits, breaks or gives way, and how they are found.  Pure.


Thing = TypeVar("Thing")


@record
class After:
    """A place in a stream: after so many of its events, or of its pieces of content."""

    count: int
    pieces: bool = False


class Hold:
    """A place in a stream that is passed only when its gate lets it.

    With a number of `seconds` it is left after so many: whoever made it sees then whether it was
    `passed`, and after how long, and makes another one if not."""

    __slots__ = ("seconds", "passed", "waited")

    def __init__(self, seconds: Optional[float] = None) -> None:
        self.seconds = seconds
        self.passed = True
        self.waited = 0.0


class Breath:
    """A place in what takes long to make, at which others have their turn."""


class Mark:
    """The place that a fault, a gate or an error is meant for."""


Frame = Union[bytes, Hold, Breath, Mark]
NOTHING_SENT = (Hold, Breath, Mark)  # in a stream, beside its events
ITEM_WORK = 1024  # bytes that are read in about the time that it takes to look at an item at all
BREATH_WORK = 256 * 1024  # as many bytes are looked at before others have their turn


def always(item: object) -> bool:
    """Yes."""
    return True


def marked(
    items: Iterable[Thing],
    after: After,
    is_piece: Callable[[Any], bool],
    leaves_one: bool = False,
) -> Iterator[Union[Thing, Mark, Breath]]:
    """A stream with a mark at a place, just before what comes there.

    After no piece at all is before the first.  In a stream that has fewer of them than were asked
    for it is after the last, so that it is always somewhere; with `leaves_one` an event follows."""
    counts: Callable[[Any], bool] = always
    if after.pieces:
        counts = is_piece
    elif not after.count:
        yield Mark()
        yield from items
        return
    rest = with_ends(items)
    waiting: List[Thing] = []  # since the last that counts: the mark may belong before them
    found = work = 0
    for item, is_last in rest:
        if isinstance(item, NOTHING_SENT) or not counts(item):
            waiting.append(item)
            work += ITEM_WORK + (len(item) if isinstance(item, bytes) else 0)
            if work > BREATH_WORK:
                yield Breath()
                work = 0
            continue
        yield from waiting
        waiting = []
        if found == after.count or (leaves_one and is_last):  # the first piece, or the last event
            yield Mark()
            yield item
            break
        yield item
        found += 1
        if found == after.count:
            yield from before_next(rest)
            break
    else:
        rest = iter([(item, False) for item in waiting])
        yield from before_next(rest)
    for item, _ in rest:
        yield item


def before_next(items: Iterator[Tuple[Thing, bool]]) -> Iterator[Union[Thing, Mark]]:
    """A mark before the next event, or at the end; of the stream as much as that takes."""
    for item, _ in items:
        if not isinstance(item, NOTHING_SENT):
            yield Mark()
            yield item
            return
        yield item
    yield Mark()


def with_ends(items: Iterable[Thing]) -> Iterator[Tuple[Thing, bool]]:
    """What is in a stream, each with whether it is the last event."""
    held: List[Thing] = []
    for item in items:
        if held and not isinstance(item, NOTHING_SENT):
            yield from ((one, False) for one in held)
            held = []
        held.append(item)
    yield from ((one, not isinstance(one, NOTHING_SENT)) for one in held)


def until(items: Iterable[Thing], after: After, is_piece: Callable[[Any], bool]) -> Iterator[Thing]:
    """What comes before a place in a stream."""
    for item in marked(items, after, is_piece):
        if isinstance(item, Mark):
            return
        if not isinstance(item, Breath):
            yield item


def gated(
    frames: Iterable[Frame], after: After, is_piece: Callable[[Any], bool]
) -> Iterator[Frame]:
    """Frames of which each behind a place waits to be released."""
    is_open = True
    for frame in marked(frames, after, is_piece):
        if isinstance(frame, Mark):
            is_open = False
            continue
        if not is_open and not isinstance(frame, NOTHING_SENT):
            yield Hold()
        yield frame


# === limits ==================================================================
# Version, defaults, bounds, and names of types that all rooms use.  Touches nothing.


__version__ = "0.2.0"

DEFAULT_PORT = 5001
CONTROL_PREFIX = "/__mock__"

# --- what is read of a request ---

HEAD_LIMIT = 64 * 1024  # bytes of its head; above it 431
LINE_LIMIT = 16 * 1024  # bytes of its first line; above it 414
MAX_BODY = 16 * 1024 * 1024  # default of --max-body; above it 413
DEPTH_LIMIT = 200  # levels of nested JSON; json.loads itself gives up at about 1000
DIGIT_LIMIT = 1000  # digits of an integer; converting more takes quadratic time
MOST_INPUTS = 2048  # texts to embed or to judge, where the provider does not take fewer
MOST_CODINGS = 4  # content codings of one body; above it 415
MOST_FIELDS = 1000  # lines of headers; above it 431

# --- how long a client may take ---

IDLE_SECONDS = 75.0  # a connection without a request is closed after this
HEAD_SECONDS = 20.0  # from a request's first byte to the end of its head
BODY_SECONDS = 60.0  # and to the end of its body
STALL_SECONDS = 30.0  # a client that takes no byte for this long is given up
LINGER_SECONDS = 2.0  # how long a refused client may go on sending while it reads why

# --- how much is done at once ---

WORKERS = 4  # threads for what takes long
LONG = 256 * 1024  # bytes of a body or an answer that are too many for the loop's own thread
JOINED = 64 * 1024  # bytes of a stream that leave in one write; then it is another's turn
LOG_LINES = 10_000  # log lines that may wait for a slow standard error
LOG_ROOM = 32 * 1024 * 1024  # bytes of memory that they may take meanwhile
GRACE_SECONDS = 1.5  # how long responses under way may take at shutdown
QUIET_SECONDS = 0.0001  # no client answers, changes a file and asks again within this

# --- for tests: what they ask for and look at ---

RETRY_SECONDS = 1  # what a rate limit tells a client to wait: short, for tests do
WAIT_SECONDS = 600.0  # longest wait for a request that a test may ask for
SESSIONS = 1000  # sessions that are kept; then one goes that has nothing of its own
MOCKS_ROOM = 64 * 1024 * 1024  # bytes of memory of all mocks that are added at run time
JOURNAL = 1000  # default of --journal: requests that a session remembers
JOURNAL_BODY = 64 * 1024  # bytes of a request's body that the journal keeps
JOURNAL_ROOM = 64 * 1024 * 1024  # bytes of all that it keeps, about
LIVE_BACKLOG = 4 * 1024 * 1024  # bytes that may wait for a slow reader of the live journal

# Hosts with OpenAI's format, each with its own way of it (design: dialects); the first is plain.
DIALECTS = (
    *("openai", "mistral", "openrouter", "vllm", "deepseek", "groq", "gemini", "ollama"),
    "bedrock",
)

# --- types ---

Json = Any
Headers = Tuple[Tuple[str, str], ...]
Difference = Tuple[str, Any, Any]  # key, got, expected


# === errors ==================================================================
# Whose fault it is, what differed, what to do next.  Touches nothing.


class Missing:
    """What stands where there is no value: it is false, and shown as `absent`."""

    def __repr__(self) -> str:
        return "absent"

    def __bool__(self) -> bool:
        return False


MISSING = Missing()  # None can't stand for it: null is a JSON value


class WrongValue(ValueError):
    """A value that can't be used; its message says where it stands, and what would do.

    `path` leads to it from the whole (`messages[0].role`), `expected` is what would do, `found`
    what is there, and `sentence` what the provider itself says of it, where it has words of its
    own."""

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        expected: str = "",
        found: Json = MISSING,
        sentence: str = "",
    ) -> None:
        super().__init__(message)
        self.path, self.expected, self.found, self.sentence = path, expected, found, sentence


class BadMock(WrongValue):
    """A mock that can't be used."""


class BadField(WrongValue):
    """A field of a request's body with the wrong type or value, or none where one is needed."""


class Refused(Exception):
    """A request that the server itself answers with an error.

    `status` is the HTTP status, `code` a machine-readable reason, `param` the field of the body
    at fault; `headers` go out with the answer; `close` says that the connection can't be used
    any further, because what follows on it can't be told apart from this request."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: Optional[str] = None,
        param: Optional[str] = None,
        headers: Headers = (),
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers, self.close = headers, close


class Because(str):
    """An expectation that is a sentence, not a value."""


# In this order: to Python a boolean is an integer.
KIND_NAMES: Tuple[Tuple[Any, str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a number"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
)


def kind_of(value: Json) -> str:
    """What JSON calls a value, with its article: `a string`, `an array`, `null`."""
    if value is None:
        return "null"
    if value is MISSING:
        return "nothing"
    names = (name for kind, name in KIND_NAMES if isinstance(value, kind))
    return next(names, type(value).__name__)


# What providers and other mock servers call what is meant.
SYNONYMS = {
    "content": "text",
    "message": "text",
    "thinking": "reasoning",
    "stop_reason": "finish_reason",
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "cache_read_input_tokens": "cached_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
    "prompt": "user",
    "messages": "user",
    "userMessage": "user",
    "url": "path",
    "latency": "delay",
    "timeout": "delay",
    "chunks": "events",
    "input": "arguments",
    "--mocks": "--data",
    "mistral": "openai",
    "google": "gemini",
    "claude": "anthropic",
    "aws": "bedrock",
}

LONG_NAME = 100  # characters of a name that are compared with known ones
MANY_NAMES = 100  # known ones that it is compared with, and that are told


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint: the known word that was probably meant, or all there are."""
    import difflib

    names = sorted(known)  # so that the hint is the same every time
    if SYNONYMS.get(word) in names:
        return f'did you mean "{SYNONYMS[word]}"?'
    bare = {name.lower().lstrip("-"): name for name in names[:MANY_NAMES]}
    # difflib takes time for each letter of each name, whoever chose them.
    near = difflib.get_close_matches(word[:LONG_NAME].lower().lstrip("-"), list(bare), n=1)
    if near:
        return f'did you mean "{bare[near[0]]}"?'
    more = ""
    if len(names) > MANY_NAMES:
        more = f" and {len(names) - MANY_NAMES} more"
    return "known: " + ", ".join(names[:MANY_NAMES]) + more


def shown(value: Json, around: int = 0, room: int = 160) -> str:
    """A value as JSON for a message; a long one is cut to `room` characters near `around`."""
    if value is MISSING or isinstance(value, Because):
        return str(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    # The window lies around the place, but does not reach over either end.
    start = max(0, min(around - room // 2, len(text) - room))
    end = start + room
    piece = text[start:end]
    if start:
        piece = "…" + piece
    if end < len(text):
        piece += "…"
    return piece


# Where Python's versions differ, as in RFC 9110; and 529, which is not in it (wire formats, 9).
PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
    529: "Overloaded",
}


def http_phrase(status: int) -> str:
    """The standard reason phrase of a status."""
    if status in PHRASES:
        return PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def line_of(error: Exception) -> int:
    """The number of the line that raised an error, in whatever file; 0 if that is not known."""
    innermost = error.__traceback__
    while innermost and innermost.tb_next:
        innermost = innermost.tb_next
    if not innermost:
        return 0
    return innermost.tb_lineno


# === codings =================================================================
# Content codings: gzip and deflate undone, gzip negotiated and made.

# May touch zlib; knows no provider, no socket and no clock.


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


# === jsons ===================================================================
# JSON in and out, and kinds of JSON values.  May touch json.


# --- layouts ---

quoted = json.encoder.encode_basestring  # of one string

NUMBERS = frozenset((int, float))  # types; no boolean is of either


def layout(between: str, colon: str, sort_keys: bool = False) -> Callable[[Json], str]:
    """A function that writes JSON, with these separators."""
    usual = json.JSONEncoder(ensure_ascii=False, separators=(between, colon), sort_keys=sort_keys)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # a Python without json's C code
        return usual.encode
    # Made once: json.dumps makes one for every value, which takes longer than a small one does.
    encode = make(None, usual.default, quoted, None, colon, between, sort_keys, False, True)

    def write(value: Json) -> str:
        if isinstance(value, str):
            return quoted(value)
        return "".join(encode(value, 0))

    return write


compact = layout(",", ":")
sorted_compact = layout(",", ":", sort_keys=True)
loose = layout(", ", ": ")
spaced = layout(",", ": ")

GO_ESCAPES = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def go_json(value: Json) -> str:
    """Compact JSON as Go's json.Marshal writes it."""
    # Clients that cut lines at every kind of line end rely on the last two of the escapes.
    return compact(value).translate(GO_ESCAPES)


def by_rows(layout: Callable[[Json], str], sorts: bool = False) -> Callable[[Json], str]:
    """A compact layout of a value with thousands of vectors in it, an array at a time.

    json's C code lets no other thread go on until it is done, which takes half a second for
    them all."""

    def one_by_one(value: Json) -> str:
        if isinstance(value, dict):
            names = sorted(value) if sorts else value
            members = [f"{layout(name)}:{one_by_one(value[name])}" for name in names]
            return "{" + ",".join(members) + "}"
        if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
            return "[" + ",".join(map(one_by_one, value)) + "]"
        return layout(value)

    return one_by_one


def indented(value: Json, step: str = "  ", line: str = "\n") -> str:
    """JSON laid out as json.dumps(indent=2) does it."""
    # Several times as fast as that, which yields every token.
    written: List[str] = []
    indent(value, step, line, written.append)
    return "".join(written)


def indent(value: Json, step: str, line: str, write: Callable[[str], None]) -> None:
    """Write a value, indented, behind what is written already."""
    if not value or not isinstance(value, (dict, list)):
        write(compact(value))
        return
    inner = line + step
    between = "," + inner
    if isinstance(value, dict):
        indent_members(value, step, line, write)
    elif NUMBERS.issuperset(map(type, value)):  # a vector, of which there may be thousands
        write("[" + inner + compact(value)[1:-1].replace(",", between) + line + "]")
    else:
        before = "[" + inner
        for item in value:
            write(before)
            indent(item, step, inner, write)
            before = between
        write(line + "]")


def indent_members(
    value: Mapping[str, Json], step: str, line: str, write: Callable[[str], None]
) -> None:
    """Write an object that has members."""
    inner = line + step
    before = "{" + inner
    between = "," + inner
    for key, item in value.items():
        kind = type(item)
        if kind is str:  # with numbers and null most of what there is
            write(f"{before}{quoted(key)}: {quoted(item)}")
        elif kind is int:
            write(f"{before}{quoted(key)}: {item}")
        elif item is None:
            write(f"{before}{quoted(key)}: null")
        else:
            write(f"{before}{quoted(key)}: ")
            if kind is dict and item:
                indent_members(item, step, inner, write)
            else:
                indent(item, step, inner, write)
        before = between
    write(line + "}")


def utf8(text: str) -> bytes:
    """UTF-8; a lone surrogate, which UTF-8 can't hold, stays the JSON escape that it came as."""
    return text.encode("utf-8", "backslashreplace")


def text_of(data: bytes) -> str:
    """The text that bytes are, with replacements for what is no UTF-8.

    Other threads get on between its pieces: a wrong byte takes ten times as long as a right one."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pieces = [decoder.decode(data[at : at + LONG]) for at in range(0, len(data), LONG)]
    return "".join([*pieces, decoder.decode(b"", True)])


def laid_out(value: Json, layout: Callable[[Json], str]) -> bytes:
    """A value as UTF-8; bytes are JSON that is laid out already."""
    if isinstance(value, bytes):
        return value
    return utf8(layout(value))


# --- reading ---


def _integer(digits: str) -> int:
    """An integer of no more digits than there may be."""
    if len(digits) > DIGIT_LIMIT:
        raise ValueError(f"an integer of {len(digits)} digits; at most {DIGIT_LIMIT} are read")
    return int(digits)


LARGE_TEXT = 64 * 1024  # characters
MOST_VALUES = 1_000_000  # in a request's body
BLOCK = 64 * 1024  # bytes of it that are looked through at once
SHORT = 8 * 1024  # bytes of JSON that take no time worth mentioning, whatever it holds
MANY_VALUES = 2000


def _number(text: str) -> float:
    """A number that a float can hold."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def _constant(name: str) -> NoReturn:
    """Refuses NaN and Infinity, which Python would read."""
    raise ValueError(f"{name} is not JSON")


class TwiceError(ValueError):
    """A key that stands twice in an object, of which only one would count."""


class Doubled(Dict[str, Json]):
    """An object in which a key stands twice."""

    key = ""


def _object(pairs: List[Tuple[str, Json]]) -> Dict[str, Json]:
    """An object of its members, in whatever number each stands there."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled = Doubled(found)
    seen: Set[str] = set()
    for name, _ in pairs:
        if name in seen:
            doubled.key = name
            break
        seen.add(name)
    return doubled


def check_unique(value: Json) -> None:
    """TwiceError, with its place, for the first key that stands twice."""
    place = place_of_twice(value)
    if place:
        found = shown(place.lstrip("."))
        raise TwiceError(f"{found} stands twice, and only one of them would count")


def place_of_twice(value: Json) -> str:
    """The place of the first key that stands twice; empty if none does."""
    if isinstance(value, Doubled):
        return f".{value.key}"
    members: Iterable[Tuple[Any, Json]]
    if isinstance(value, dict):
        members, step = value.items(), ".{}"
    elif isinstance(value, list):
        members, step = enumerate(value), "[{}]"
    else:
        return ""
    for key, inner in members:
        found = place_of_twice(inner)
        if found:
            return step.format(key) + found
    return ""


NUMBER_READERS: Mapping[str, Any] = {
    "parse_int": _integer,
    "parse_float": _number,
    "parse_constant": _constant,
}
DECODER = json.JSONDecoder(**NUMBER_READERS)
UNIQUE_DECODER = json.JSONDecoder(**NUMBER_READERS, object_pairs_hook=_object)


def parse_json(data: bytes, unique: bool = False) -> Json:
    """The JSON value of UTF-8 bytes.  ValueError says what is wrong, at which line and column; if
    keys are to be `unique`, TwiceError names one that stands twice, and its place."""
    if data.startswith(codecs.BOM_UTF8):
        data = data[3:]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start}") from None
    try:
        value = decoded_json(text, UNIQUE_DECODER if unique else DECODER)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels") from None
    # Whoever opens no more brackets than there may be levels needs no closer look.
    if data.count(b"[") + data.count(b"{") > DEPTH_LIMIT and depth(value) > DEPTH_LIMIT:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels")
    if unique:
        check_unique(value)
    return value


def decoded_json(text: str, decoder: json.JSONDecoder) -> Json:
    """The JSON value of a text."""
    if len(text) < LARGE_TEXT or not gc.isenabled():
        return decoder.decode(text)
    # The collector would go through millions of new objects again and again, of which none can be
    # garbage yet, and nothing else runs meanwhile.
    gc.disable()
    try:
        return decoder.decode(text)
    finally:
        gc.enable()


def parse_request(data: bytes, unique: bool = False) -> Json:
    """The JSON value of a request's body, which may hold no more than MOST_VALUES values: no
    provider answers so many, and to look at them takes seconds."""
    commas_and_brackets = data.count(b",") + data.count(b"[") + data.count(b"{")
    if commas_and_brackets <= MOST_VALUES:
        return parse_json(data, unique)
    # To make millions of objects, and to free them, would stop everybody: they are counted before.
    value = None
    is_too_much = announces_more(data, MOST_VALUES)
    if not is_too_much:
        value = parse_json(data, unique)
        is_too_much = holds_more(value, MOST_VALUES)
    if is_too_much:
        raise ValueError(f"it holds more than {MOST_VALUES} values")
    return value


def takes_long(data: bytes) -> bool:
    """Whether it takes long to read JSON: it is long, or holds many values."""
    if not SHORT < len(data) <= LONG:
        return len(data) > LONG
    return data.count(b",") + data.count(b"[") + data.count(b"{") > MANY_VALUES


def announces_more(data: bytes, most: int) -> bool:
    """Whether more than so many values begin in JSON: as many arrays and objects, or commas, lie
    outside of its strings."""
    data = data.replace(b"\\\\", b"").replace(b'\\"', b"")  # no quote ends a string but its last
    commas = brackets = quotes = 0
    for at in range(0, len(data), BLOCK):
        pieces = data[at : at + BLOCK].split(b'"')
        outside = b"".join(pieces[quotes % 2 :: 2])
        quotes += len(pieces) - 1
        commas += outside.count(b",")
        brackets += outside.count(b"[") + outside.count(b"{")
        if max(commas, brackets) > most:
            return True
    return False


def holds_more(value: Json, most: int) -> bool:
    """Whether more than so many values lie in a value."""
    level = [value]
    while level and most >= 0:
        most -= len(level)
        level = [inner for outer in level for inner in inner_values(outer)]
    return most < 0


def depth(value: Json) -> int:
    """How many arrays and objects lie inside each other."""
    # Level by level: walking down recursively would meet Python's own limit.
    levels, level = 0, [value]
    while level:
        level = [inner for outer in level for inner in inner_values(outer)]
        levels += 1
    return levels - 1


def inner_values(value: Json) -> Iterable[Json]:
    """What lies in an array or an object; nothing lies in anything else."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list):
        return value
    return ()


def within(value: Json, *names: str) -> Json:
    """What lies inside nested objects, or None where one of them is missing or none."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


# --- kinds ---

KINDS: Mapping[str, Tuple[type, ...]] = {
    "a string": (str,),
    "a boolean": (bool,),
    "an integer": (int,),
    "a number": (int, float),
    "an array": (list,),
    "an object": (dict,),
    "a string or an array": (str, list),
    "a string or an object": (str, dict),
    "an array or an object": (list, dict),
}


def fits(value: Json, expected: str) -> bool:
    """Whether a value is of one of the KINDS; true and false are no numbers."""
    if isinstance(value, bool):
        return bool in KINDS[expected]
    return isinstance(value, KINDS[expected])


# --- values made from values ---


def merged(value: Json, extra: Json) -> Json:
    """`extra` laid over `value`: objects key by key, arrays item by item, anything else
    replaced."""
    if isinstance(value, list) and isinstance(extra, list):
        both = [merged(*pair) for pair in zip(value, extra)]
        return both + value[len(both) :] + extra[len(both) :]
    if not (isinstance(value, dict) and isinstance(extra, Mapping)):
        return extra
    result = dict(value)
    for name, above in extra.items():
        if name in value:
            above = merged(value[name], above)
        result[name] = above
    return result


def sorted_keys(value: Json) -> Json:
    """A JSON value with the keys of every object in order."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [sorted_keys(item) for item in value]
    return value


def copied(value: Json) -> Json:
    """A JSON value of its own."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [copied(inner) for inner in value]
    return value


# === steps ===================================================================
# Steps: what happens on the socket, as values.  Touch nothing.


@record
class Send:
    """Bytes that go out in one write, `head` of them before the body.

    `ends` says where in them events of a stream end, and `last` that the stream does.  What is
    `alone` is joined with nothing that is due at the same moment."""

    data: bytes
    ends: Tuple[int, ...] = ()
    head: int = 0
    last: bool = False
    alone: bool = False


@record
class Wait:
    """Seconds until the next step is due, counted from when this one was."""

    seconds: float


@record
class Hang:
    """Nothing more, until the client leaves, or for so many seconds."""

    seconds: Optional[float] = None


@record
class Cut:
    """The answer ends here, before its end.

    `how` is reset (RST), close (FIN), or kept, where the connection lives on."""

    how: str


Step = Union[Send, Wait, Hold, Breath, Mark, Hang, Cut]


@record
class Exchange:
    """What the connection and the request say about how a response is written.

    `coding` is identity, gzip, or smaller: gzip where that is smaller."""

    minor: int = 1
    keep_alive: bool = True
    head_only: bool = False
    coding: str = "identity"
    extra: Headers = ()  # headers of this one response: its date and id


# === forms ===================================================================
# Forms: the fields of multipart bodies (RFC 7578).  Pure.


Fields = Dict[str, Json]  # by name: a text, what is told of a file, or a list of these

MOST_FORM_PARTS = 1000  # of one form; one with more is not read
PART_HEAD_LIMIT = 4096  # bytes of the head of a part

# A parameter of a header: quoted, with what is escaped in it, or a plain word.
HEADER_PARAMETER = re.compile(r';[ \t]*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;" \t]*))')
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
    if mark + b"--" not in data:
        return f"it is cut off: nothing ends with the boundary --{boundary}--"
    if form is None:
        return f"expected from 1 to {MOST_FORM_PARTS} parts"
    if "" in form:
        return "a part has no name in its Content-Disposition"
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
        head, _, body = piece.partition(b"\r\n\r\n")
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


# === ids =====================================================================
# Ids and draws from nothing but a seed, moments as text, and about how many tokens a text has.

# Touches nothing.


# Alphabets of ids (wire formats, 2.4).
ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
LOWER = "abcdefghijklmnopqrstuvwxyz"
LOWER_ALNUM = LOWER + "0123456789"
HEX = "0123456789abcdef"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE64URL = ALNUM + "-_"


def share(seed: str) -> float:
    """A number from 0 to 1, but for 1, which a seed always gets."""
    # A digest, not random: the same seed draws the same on every machine.
    digest = hashlib.sha256(seed.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def token(seed: str, length: int, alphabet: str = ALNUM) -> str:
    """`length` characters of `alphabet` that depend on nothing but `seed`."""
    return hashlib.shake_256(utf8(seed)).digest(length).translate(spread(alphabet)).decode()


@functools.lru_cache(maxsize=None)
def spread(alphabet: str) -> bytes:
    """A character of the alphabet for each byte."""
    return bytes(ord(alphabet[byte % len(alphabet)]) for byte in range(256))


def rfc3339(second: float) -> str:
    """A Unix second as date and time in UTC, without the Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


this_second = functools.lru_cache(maxsize=2)(rfc3339)


def timestamp(moment: float) -> str:
    """A Unix time as RFC 3339 with milliseconds."""
    return f"{this_second(int(moment))}.{int(moment * 1000) % 1000:03d}Z"


def estimate(text: str) -> int:
    """About how many tokens a text has: a quarter of its characters, at least 1."""
    return max(1, (len(text) + 3) // 4)


# === values ==================================================================
# The values that the layers hand to each other: frozen records.  Touch nothing.


# --- what is asked ---


@record
class Request:
    """One HTTP request: `path` as sent (still percent-encoded, doubled slashes folded), `query`
    decoded, `headers` by lower-case name (repeated ones joined with ", "), `body` decoded from
    its transfer and content codings.  `path` is without the session's prefix."""

    method: str
    path: str
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""
    port: int = 0
    session: str = ""  # from the prefix /@NAME or the header X-Mock-Session
    peer: str = ""  # the client's address
    is_tls: bool = False

    @found_once
    def form(self) -> Optional[Fields]:
        """The fields of a multipart body; None for any other."""
        return form_of(self.headers.get("content-type", ""), self.body)

    def with_headers(self, headers: Mapping[str, str]) -> Request:
        """The same request with other headers; in half the time of `replace`."""
        where = self.port, self.session, self.peer, self.is_tls
        return Request(self.method, self.path, self.query, headers, self.body, *where)


@record
class Turn:
    """One message of a conversation: `role` is system, user, assistant or tool."""

    role: str
    text: str
    call_id: Optional[str] = None  # of the call that a tool's result answers


STREAM_FIELDS = ("stream", "stream_options")  # which change no id


@record
class Call:
    """What a request asks for, whoever the provider is: all that matching and answering need.

    There is one for every request; of one that could not be read, `body` is MISSING, and only what
    its path says is known."""

    request: Request
    provider: str
    operation: str
    api: str
    model: str
    stream: bool = False
    user: str = ""
    system: str = ""
    tool_result: Optional[str] = None
    turn: int = 0
    tools: Tuple[str, ...] = ()
    custom_tools: Tuple[str, ...] = ()  # those of them that take plain text
    inputs: Tuple[str, ...] = ()  # what is embedded, completed or moderated, one by one
    schema: Json = None  # JSON schema that the answer's text is to fit
    choices: int = 1
    prompt: str = ""  # all text of the conversation
    tool_call_id: Optional[str] = None  # of the call that `tool_result` answers
    blank: Tuple[str, ...] = ()  # those of user and system that are there and have no text
    params: Mapping[str, str] = {}  # what the route names
    body: Json = MISSING
    dialect: str = ""  # of OpenAI's format; empty where it is another

    @property
    def method(self) -> str:
        """GET and the like."""
        return self.request.method

    @property
    def path(self) -> str:
        """The path as sent, without the prefix of a session."""
        return self.request.path

    @property
    def query(self) -> Mapping[str, str]:
        """The decoded query."""
        return self.request.query

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by lower-case name."""
        return self.request.headers

    @property
    def port(self) -> int:
        """The port that it came in on."""
        return self.request.port

    @property
    def session(self) -> str:
        """The session that it belongs to; empty for none."""
        return self.request.session

    @property
    def was_read(self) -> bool:
        """Whether the request could be read as far as its body."""
        return self.body is not MISSING

    @found_once
    def said(self) -> Json:
        """The body, or the fields of the form that it is."""
        form = self.request.form
        return self.body if form is None else form

    @found_once
    def digest(self) -> str:
        """64 hex digits from provider, API, model and body, whether it streams or not."""
        body = self.body
        if body is MISSING:
            request = self.request
            return hashlib.sha256(request.path.encode() + request.body).hexdigest()
        if isinstance(body, dict) and not body.keys().isdisjoint(STREAM_FIELDS):
            body = {name: body[name] for name in body if name not in STREAM_FIELDS}
        seed = sorted_compact([self.provider, self.api, self.model, body])
        return hashlib.sha256(utf8(seed)).hexdigest()

    @found_once
    def body_sha256(self) -> str:
        """64 hex digits of the body as canonical JSON: sorted keys, no spaces, UTF-8."""
        return hashlib.sha256(utf8(sorted_compact(self.body))).hexdigest()

    @found_once
    def second(self) -> int:
        """A Unix second between October 2025 and October 2026, derived from the request."""
        return 1_760_000_000 + int(self.digest[:8], 16) % 31_536_000

    @found_once
    def pads(self) -> str:
        """1,024 letters and digits to pad events with."""
        return self.token("pads", 1024)

    def token(self, label: str, length: int, alphabet: str = ALNUM) -> str:
        """An id that this request always gets; `label` tells its ids apart."""
        return token(self.digest + label, length, alphabet)


# --- what is answered ---


@record
class Text:
    """What the model says."""

    text: str


@record
class Reasoning:
    """What the model thinks before it says it."""

    text: str


@record
class Refusal:
    """What the model says when it will not."""

    text: str


@record
class ToolCall:
    """A tool that the model wants called; without `id` the wire format makes one in its
    provider's shape.

    `input` is what a custom tool is called with where that is no JSON object; there are then no
    `arguments`, and only an API that has custom tools can say it."""

    name: str
    arguments: Mapping[str, Json]
    id: str = ""
    input: Optional[str] = None


@record
class Block:
    """A content block, part or item in its provider's own form, sent as it is."""

    value: Mapping[str, Json]


@record
class Embedding:
    """Vectors, one an input; they start over when there are more inputs."""

    vectors: Tuple[Tuple[float, ...], ...]

    def of(self, index: int) -> Tuple[float, ...]:
        """The vector of the input at `index`, counted from 0."""
        return self.vectors[index % len(self.vectors)]


@record
class Structure:
    """Text that is a JSON value, in a mock; a reply holds it as Text."""

    value: Json


Part = Union[Text, Reasoning, Refusal, ToolCall, Block, Embedding, Structure]


@record
class Usage:
    """Tokens; `reasoning` is a share of `output`, `cached` (read from a cache) and `cache_write`
    (written to it) are shares of `input`.  All are a guess where nobody gave one of them."""

    input: int
    output: int
    reasoning: int = 0
    cached: int = 0
    cache_write: int = 0
    is_guess: bool = False

    @property
    def uncached(self) -> int:
        """Input that no cache had, nor was given to one."""
        return self.input - self.cached - self.cache_write

    @property
    def total(self) -> int:
        """Input and output."""
        return self.input + self.output


STOPS = ("stop", "length", "tool_calls", "content_filter")  # why an answer ends, for anybody


@record
class Reply:
    """An answer in no provider's form.  `stop` is one of STOPS, or a provider's own word,
    which is sent as it is; `chunk_size` is characters an event, 0 for a word."""

    parts: Tuple[Part, ...]
    stop: str
    usage: Usage
    model: str
    id: str = ""
    chunk_size: int = 0
    extra: Mapping[str, Json] = {}

    def text(self, kind: Type[Any]) -> Optional[str]:
        """The parts of one kind joined, or None if there is none."""
        texts = [part.text for part in self.parts if isinstance(part, kind)]
        if not texts:
            return None
        return "".join(texts)

    def vectors(self, number: int) -> List[List[float]]:
        """The embeddings of so many inputs."""
        embedding = next(part for part in self.parts if isinstance(part, Embedding))
        return [list(embedding.of(index)) for index in range(number)]

    @found_once
    def tool_calls(self) -> List[ToolCall]:
        """The tool calls, in order."""
        return [part for part in self.parts if isinstance(part, ToolCall)]


# --- what goes wrong ---


@record
class Failure:
    """An error in no provider's form.  `kind` is one of ERROR_KINDS, or empty; a status of 0, an
    empty message and what is None are the provider's own for that kind, or for the kind that the
    status stands for."""

    status: int
    message: str
    type: Optional[str] = None
    code: Optional[str] = None
    param: Optional[str] = None
    kind: str = ""
    wait: int = RETRY_SECONDS  # what a rate limit tells a client to wait, in seconds
    most: int = 0  # requests that it allows, of a mock's own; 0 is the provider's usual number
    sent_as: int = 0  # the HTTP status, where that is not the error's own


@record
class ErrorBody:
    """An error in its provider's form, before it is written: `value` in `layout` and `ending`.

    A `content_type` of None leaves that header out, an empty one is the provider's usual."""

    value: Json
    layout: Callable[[Json], str] = compact
    ending: str = ""
    content_type: Optional[str] = ""
    headers: Headers = ()


# Kinds of errors that every provider has in some form, with the statuses that stand for them in a
# mock.  Those without one are a 400, which may stand for much else.
ERROR_KINDS: Mapping[str, Tuple[int, ...]] = {
    "authentication": (401,),
    "permission": (403,),
    "not_found": (404,),
    "timeout": (504, 408),
    "rate_limit": (429,),
    "server_error": (500,),
    "overloaded": (503, 529),
    "context_length": (),
    "content_filter": (),
}
STATUS_KINDS = {status: kind for kind, statuses in ERROR_KINDS.items() for status in statuses}


@record
class Limit:
    """A rate limit that was looked at."""

    requests: int  # in a window
    left: int
    wait: int  # seconds until the window starts anew
    reset: int  # the Unix second of that
    is_exceeded: bool = False  # whether this very request is refused


# --- how it travels ---


@record
class Pace:
    """Seconds before the first event and between events, and how far a gap may stray (0.5: by
    half), drawn from `seed`.

    `gaps` are the seconds after the first event, the second and so on, in place of `between`."""

    first: float = 0.0
    between: float = 0.0
    jitter: float = 0.0
    seed: str = ""
    gaps: Tuple[float, ...] = ()

    @property
    def has_pauses(self) -> bool:
        """Whether anything waits for it."""
        return bool(self.first or self.between or self.gaps)


@record
class Keepalive:
    """What is sent while nothing else was for `every` seconds: a comment, or without one (None)
    what the provider sends."""

    every: float
    comment: Optional[str] = None


@record
class Fault:
    """How an answer breaks: a fault's name, where in a stream, and how likely.

    Without a place it is where the fault would have it."""

    kind: str
    after: Optional[After] = None
    probability: float = 1.0


@record
class Plan:
    """How the same bytes are cut anew on the wire."""

    split: Union[int, str] = 0  # bytes a write; or inside each character (`utf8`), line end (`eol`)
    coalesce: int = 0  # events a write; 0 is as many as are due at the same moment
    eol: str = ""  # line ends of an event stream
    comments: Optional[str] = None  # before each of its events
    no_space: bool = False  # after its field names
    chunk_extensions: bool = False
    trailers: bool = False
    gzip: str = ""  # flushed for each `event`, for each full `block`, or ended (`members`)
    chunked: bool = False  # a whole body, too
    close: bool = False  # the connection, with the answer


@record
class Delivery:
    """How an answer travels: seconds before its first byte, its pace (None: the server's), gzip
    (auto, always, never), headers that replace the server's own (None removes one), where a gate
    begins at which a test releases each event, how it is cut on the wire, how it breaks, and what
    is sent while it waits."""

    delay: float = 0.0
    pace: Optional[Pace] = None
    gzip: str = "auto"
    headers: Tuple[Tuple[str, Optional[str]], ...] = ()
    gate: Optional[After] = None
    plan: Plan = Plan()
    fault: Optional[Fault] = None
    keepalive: Optional[Keepalive] = None


@record
class Response:
    """What goes to the socket, before any coding: either `body`, or `frames` (one an event, with a
    Hold where the stream waits).  `may_gzip` says whether the client's Accept-Encoding is asked.

    `ping` is what keeps the stream alive, with %d for a number among its events, or nothing;
    `is_piece` tells which frames hold content, where a place in the stream is counted by them."""

    status: int
    headers: Headers
    body: bytes = b""
    frames: Optional[Iterable[Frame]] = None
    twin: Optional[bytes] = None
    may_gzip: bool = True
    delivery: Delivery = Delivery()
    ping: bytes = b""
    is_piece: Callable[[Any], bool] = bool


# === plans ===================================================================
# Wire plans: all that cuts the same bytes anew, by line, by event, by write, by gzip block.

# May touch zlib.


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


# === faults ==================================================================
# Faults: how an answer breaks, by the names that mocks give them.  Pure.


MOST_COUNTED = 10_000  # frames of a stream that is made before its middle is known; else the first

GARBAGE = b"\x16\x03\x01\x00\xfaThis is not HTTP.\r\n\x00\xff\r\n"


Breaking = Callable[..., Any]


# How an answer is made, and so where it can break: the Response with its `content`, before any
# coding; the `coding` of its events; the `steps` on the socket.
Stage = Literal["content", "coding", "steps"]


# The faults there are, by the names that people write in mocks: what each breaks, and how.
FAULTS: Dict[str, Tuple[Stage, Breaking]] = {}


def a_fault(name: str, stage: Stage = "steps") -> Callable[[Breaking], Breaking]:
    """Registers what a fault makes of a stage of an answer.

    The function is given what the stage would be, the Fault, and what else the stage knows."""

    def register(function: Breaking) -> Breaking:
        FAULTS[name] = (stage, function)
        return function

    return register


def is_before_all(fault: Fault) -> bool:
    """Whether a fault leaves nothing of the answer that it breaks."""
    return fault.kind in FINAL_FAULTS and fault.after is None


def breaks(fault: Optional[Fault], stage: Stage) -> bool:
    """Whether there is a fault, and it breaks this stage."""
    return fault is not None and FAULTS[fault.kind][0] == stage


def broken(fault: Optional[Fault], stage: Stage, intact: Any, *context: Any) -> Any:
    """A stage of an answer as a fault leaves it, which is `intact` if it breaks another or none."""
    if fault is None or not breaks(fault, stage):
        return intact
    return FAULTS[fault.kind][1](intact, fault, *context)


# --- where ---

# Faults that end an answer: before all of it, unless it is said where, and at the latest behind the
# last event.
FINAL_FAULTS = ("reset", "close", "hang", "garbage")


def place_of_fault(
    fault: Optional[Fault], frames: Iterable[Frame], is_piece: Callable[[Any], bool]
) -> Iterable[Frame]:
    """The frames of a stream, marked where its fault comes, if that is not before all of it."""
    if fault is None or breaks(fault, "content"):
        return frames
    if fault.after is not None:
        return marked(frames, fault.after, is_piece, fault.kind not in FINAL_FAULTS)
    if fault.kind == "truncate":
        return halved(frames)
    return frames


def halved(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The frames of a stream, marked in the middle; of a long one in the middle of its beginning,
    for all of that is made before any of it is sent."""
    begun: List[Frame] = []
    places: List[int] = []
    rest = iter(frames)
    for frame in rest:
        if isinstance(frame, bytes):
            places.append(len(begun))
        begun.append(frame)
        if len(begun) % BREATHS == 0:
            yield Breath()
        if len(places) == MOST_COUNTED:
            break
    middle = len(begun)
    if places:
        middle = places[len(places) // 2]
    yield from begun[:middle]
    yield Mark()
    yield from begun[middle:]
    yield from rest


# --- over steps ---


# How a stream ends cleanly: with its last chunk; of HTTP/1.0 with the connection alone, which is
# no bytes.  None is for a whole answer.
Ending = Optional[bytes]


def steps_until(steps: Iterable[Step], fault: Fault) -> Iterator[Step]:
    """The steps up to the mark of a fault; if it has no place, no more than a delay."""
    if fault.after is None:
        yield from itertools.takewhile(lambda step: isinstance(step, Wait), steps)
    else:
        yield from steps_to_mark(steps)


def steps_to_mark(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps up to a mark."""
    for step in steps:
        if isinstance(step, Mark):
            return
        yield step


@a_fault("reset")
def resetting(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """The connection is reset."""
    yield from steps_until(steps, fault)
    yield Cut("reset")


@a_fault("close")
def closing(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """The connection is closed, in a stream without the last chunk."""
    yield from steps_until(steps, fault)
    yield Cut("close")


@a_fault("hang")
def hanging(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """Nothing more comes, until the client leaves, but for what keeps a stream alive."""
    yield from steps_until(steps, fault)
    yield Hang()


@a_fault("truncate")
def truncating(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """Of a whole answer half of the bytes that it promised; of a stream half of its events.

    A stream, of which `after` may say where, ends cleanly, only without the provider's last
    events."""
    if ending is None:
        yield from half_of(steps)
        yield Cut("close")
        return
    yield from steps_to_mark(steps)
    if not ending:
        yield Cut("close")
        return
    yield Send(ending, last=True)
    yield Cut("kept")


def half_of(steps: Iterable[Step]) -> Iterator[Step]:
    """The head of a whole answer and half of its body, or what is before a mark, in one write."""
    data = bytearray()
    head = 0
    for number, step in enumerate(steps, 1):
        if isinstance(step, Wait):
            yield step
        elif isinstance(step, Send):
            data += step.data
            head += step.head
        elif isinstance(step, Mark):
            yield Send(bytes(data), head=head)
            return
        if number % BREATHS == 0:  # a plan may cut it into millions
            yield Breath()
    yield Send(bytes(data[: head + (len(data) - head) // 2]), head=head)


@a_fault("malformed", "content")
def tearing(response: Response, fault: Fault, tear: Callable[[bytes], bytes]) -> Response:
    """Broken JSON: half of a whole body, or one event torn, which is fine but for its data.

    `tear` is how the stream's framing does that to a frame."""
    if response.frames is None:
        return replace(response, body=response.body[: len(response.body) // 2], twin=None)
    frames: Iterable[Frame]
    if fault.after is None:
        frames = halved(response.frames)
    else:
        frames = marked(response.frames, fault.after, response.is_piece, leaves_one=True)
    return replace(response, frames=torn(frames, tear))


def torn(frames: Iterable[Frame], tear: Callable[[bytes], bytes]) -> Iterator[Frame]:
    """The same frames, the one behind the mark torn."""
    is_next = False
    for frame in frames:
        if isinstance(frame, bytes) and is_next:
            yield tear(frame)
            is_next = False
        elif isinstance(frame, Mark):
            is_next = True
        else:
            yield frame


@a_fault("garbage")
def garbling(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """Bytes that are no HTTP, then the end of the connection."""
    yield from steps_until(steps, fault)
    yield Send(GARBAGE)
    yield Cut("close")


@a_fault("bad_gzip", "coding")
def dishonest(groups: Iterable[Group], fault: Fault) -> Iterable[Group]:
    """Events that say they are gzip, and behind their mark are not."""
    if fault.after is None:
        return groups
    return gzip_groups(groups, is_honest=False)


@a_fault("drip")
def dripping(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """The same bytes, one a write; in a stream behind its mark."""
    drips = fault.after is None
    for step in steps:
        if isinstance(step, Mark):
            drips = True
        elif isinstance(step, Send) and drips:
            yield from drops(step)
        else:
            yield step


def drops(step: Send) -> Iterator[Step]:
    """A write, a byte each."""
    last = len(step.data) - 1
    for at in range(len(step.data)):
        ends = tuple([1 for end in step.ends if end == at + 1])
        in_head = int(at < step.head)
        yield Send(step.data[at : at + 1], ends, in_head, step.last and at == last, alone=True)


# === gates ===================================================================
# Gates: a request lets another go on, or fills the stream that it sends; and work that waits.

# May touch threading.


class Gate:
    """Lets as many events of a stream out as were released; `wake` is called for more."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.free = 0  # events that may go out
        self.wake: Callable[[], None] = lambda: None

    def release(self, events: int = 1) -> None:
        """Let more events out."""
        with self.lock:
            self.free += events
        self.wake()

    def take(self) -> bool:
        """Let one event out, if one more may go."""
        with self.lock:
            if not self.free:
                return False
            self.free -= 1
            return True


class Wanting(NamedTuple):
    """What work waits for: that a gate opens, for at most so many seconds; or, without a gate, that
    what comes next, which takes long, is done where it delays nobody."""

    gate: Optional[Gate] = None
    timeout: float = 0.0


ASIDE = Wanting()
Result = TypeVar("Result")
Work = Generator[Wanting, None, Result]  # it yields what it waits for


def done_here(work: Work[Result]) -> Result:
    """Do all of some work in this thread, which waits where the work does."""
    try:
        while True:
            wanting = next(work)
            if wanting.gate:
                wait_here(wanting.gate, wanting.timeout)
    except StopIteration as stop:
        result: Result = stop.value
        return result


def wait_here(gate: Gate, timeout: float) -> None:
    """Wait in this thread until a gate opens, for so many seconds."""
    opened = threading.Event()
    gate.wake = opened.set
    if not gate.take():
        opened.wait(timeout)


class Feed(Gate):
    """A stream that somebody fills while it runs: what is put in goes out in order."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: Deque[Optional[bytes]] = deque()
        self.size = 0  # bytes that wait
        self.dropped = 0

    def put(self, frame: Optional[bytes]) -> None:
        """Add a frame; None ends the stream.  Frames that a slow reader has not taken are dropped,
        past a bound."""
        if frame is not None and self.size + len(frame) > LIVE_BACKLOG:
            self.dropped += 1
            return
        self.size += len(frame or b"")
        self.waiting.append(frame)
        self.release()

    def frames(self) -> Iterator[Frame]:
        """A comment at once, then each frame as it is put in."""
        yield b": live\n\n"
        while True:
            yield Hold()
            frame = self.waiting.popleft()
            if frame is None:
                return
            self.size -= len(frame)
            if self.dropped:
                notice = f": {self.dropped} events dropped, they are read too slowly\n\n"
                frame = notice.encode() + frame
                self.dropped = 0
            yield frame


# === secrets =================================================================
# What is a credential, and how it is masked.  Touches nothing.


SECRET = re.compile(
    # Names of headers and query parameters, but for those of a place in a list, of a request that
    # is repeated, and of a WebSocket's handshake (RFC 6455, 11.3.1).
    r"(?!(?:(?:next|prev|previous)[-_]?(?:page[-_]?)?|page[-_]?)token\Z"
    r"|(?:x[-_])?idempotency[-_]?key\Z|sec-websocket-key\Z).*"
    r"(?:authorization|auth|key|token|secrets?|signature|sig|cookies?|credentials?|passwords?"
    r"|passwd|pwd|passphrase|jwt|assertion)"
    r"(?:[-_]?[0-9]+)?",  # a second key beside the first
    re.IGNORECASE | re.DOTALL,
)
USER = re.compile(r"(//|^(?=[^/?#\s@:]+:))[^/?#\s]*@")  # and password, of a URL or a host
PARAMETER = re.compile(r"([?&])([^?&=#\s]+)=([^&#\s]*)")
BEARER = re.compile(r"\b(bearer)\s+[^\s,;]+", re.IGNORECASE)  # wherever it stands
SCHEMES = ("bearer", "basic", "aws4-hmac-sha256", "digest", "negotiate")  # of Authorization


def unsecret(key: str, got: Json, expected: Json) -> Difference:
    """A difference that may be shown: of a header or a query parameter that is a credential both
    values are masked."""
    place, _, name = key.partition(".")
    if place not in ("headers", "query"):
        return key, got, expected
    if not SECRET.fullmatch(name):
        return key, shared(got), shared(expected)
    return key, hidden(name, got), hidden(name, expected)


def shared(value: Json) -> Json:
    """One side of a difference that is no credential, but may have one in it."""
    if not isinstance(value, str) or isinstance(value, Because):
        return value
    return unkeyed(value)


def hidden(name: str, value: Json) -> Json:
    """One side of such a difference: a text, a matcher, or no value."""
    if value is None or value is MISSING:
        return value
    # A matcher, or the sentence about one, may hold a piece of the credential.
    if isinstance(value, Because) or not isinstance(value, str):
        return Because("*** (a matcher)")
    return masked(name, value)


def masked(name: str, value: str) -> str:
    """A header or query value as it may be kept: a credential becomes its scheme and 8 hex of its
    SHA-256, so that two of them can be compared without being known."""
    scheme, key = "", value
    word, space, rest = value.partition(" ")
    if space and word.lower() in SCHEMES:  # which say it whatever the header is called
        scheme, key = word + space, rest
    elif not SECRET.fullmatch(name):
        return unkeyed(value)
    digest = hashlib.sha256(key.strip().encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{scheme}*** (sha256 {digest})"


def unkeyed(text: str) -> str:
    """A text with the users and keys masked that are in its URLs, or follow `Bearer` in it."""
    if "@" in text:
        text = USER.sub(r"\1***@", text)
    if "?" in text:
        text = PARAMETER.sub(masked_parameter, text)
    if "earer" in text or "EARER" in text:  # few have it
        text = BEARER.sub(r"\1 ***", text)
    return text


def masked_parameter(match: "re.Match[str]") -> str:
    """A parameter of a URL as it may be kept."""
    before, name, value = match.groups()
    if not SECRET.fullmatch(name):
        return match.group()
    return f"{before}{name}={masked(name, value)}"


def scheme_key(value: str, schemes: Sequence[str]) -> str:
    """The credential of an Authorization header; empty for another scheme, or if there is nothing
    after it."""
    scheme, _, key = value.strip().partition(" ")
    if scheme.lower() not in schemes:
        return ""
    return key.strip()


# === sizes ===================================================================
# How many bytes of memory values take, in objects and not as text.  Touches nothing.


ROUNDING = 8  # malloc rounds up to 16 bytes, which are on average so many more
DICT_SIZE = 216  # of one with a few members, made by json.loads
LIST_SIZE = 96  # of one with a few items
QUOTE_SIZE = 16  # half of a short string
COMMA_SIZE = 24  # an item's place, and a part of a number
# What has more than this a byte of its text is made of small objects, which are looked at.
DENSE = 4
SMALL_BODY = 4096  # bytes of memory that make looking not worth its time
SHARED_INTEGERS = range(-5, 257)  # CPython makes each of them once
SINGLE = (None, True, False, "", b"", (), *SHARED_INTEGERS)
PLAIN = frozenset((str, bytes, int, float))
COLLECTIONS = frozenset((list, tuple, set, frozenset))
EVERYBODYS = (type, FunctionType, BuiltinFunctionType, ModuleType)


def json_size(text: bytes, value: Json) -> int:
    """About the bytes that a JSON value takes which came as this text.

    Most are told by the signs in the text, in less than a microsecond; only one that is made of
    many small objects is walked through, for of `[[],[],…` each sign is an object."""
    count = text.count
    size = len(text) + DICT_SIZE * count(b"{") + LIST_SIZE * count(b"[")
    size += COMMA_SIZE * count(b",") + QUOTE_SIZE * count(b'"')
    is_narrow = text.isascii() and b"\\u" not in text  # one wide character makes four bytes of each
    if is_narrow and size <= DENSE * len(text) + SMALL_BODY:
        return size
    return walked_size(value)


def walked_size(value: Json) -> int:
    """The bytes that a JSON value takes, from a look at all that is in it."""
    size = 0
    names: Set[str] = set()  # json.loads makes each name once a document
    parts: List[Json] = [value]
    for part in parts:  # which grows meanwhile
        kind = type(part)
        if kind is dict:
            names.update(part)
            parts.extend(part.values())
        elif kind is list:
            parts.extend(part)
        elif kind is int and part in SHARED_INTEGERS:
            continue
        elif kind is str and len(part) < 2:
            continue  # made once, too
        size += getsizeof(part) + ROUNDING
    return size + strings_size(names)


def strings_size(strings: Iterable[str]) -> int:
    """The bytes that strings take."""
    return sum(map(getsizeof, strings))


def pairs_size(pairs: Mapping[str, str]) -> int:
    """The bytes that headers or the parameters of a query take, and a dict of the same texts in
    which credentials are masked."""
    size = 2 * getsizeof(pairs) + 2 * ROUNDING * len(pairs)
    return size + strings_size(pairs) + strings_size(pairs.values())


def object_size(value: Any) -> int:
    """The bytes that an object takes with all that it holds, of whatever kinds that is.

    Each object counts once; classes, functions and modules are everybody's.  A look at every one
    of them takes its time: it is for what stays."""
    size = 0
    seen = set(map(id, SINGLE))
    parts = [value]
    for part in parts:  # which grows meanwhile
        if id(part) in seen:
            continue
        seen.add(id(part))
        size += getsizeof(part) + ROUNDING
        kind = type(part)
        if kind is dict:
            parts.extend(part)
            parts.extend(part.values())
        elif kind in COLLECTIONS:
            parts.extend(part)
        elif kind not in PLAIN and not isinstance(part, EVERYBODYS):
            attributes, values = attributes_of(part)
            size += attributes
            parts.extend(values)
    return size


def attributes_of(value: Any) -> Tuple[int, List[Any]]:
    """The bytes of the dict of an object, without the names, and what it holds."""
    held = []
    for kind in type(value).__mro__:
        held += [getattr(value, name, None) for name in getattr(kind, "__slots__", ())]
    if isinstance(value, tuple):  # a named one
        held.extend(value)
    if not hasattr(value, "__dict__"):
        return 0, held
    return getsizeof(vars(value)), [*held, *vars(value).values()]


# === http ====================================================================
# HTTP heads: a request's from bytes, a response's to bytes.

# Touches nothing; knows no provider, no socket and no clock.


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


FRAMING_HEADERS = ("content-length", "transfer-encoding", "connection")


NO_BODY = (204, 304)  # statuses


TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"


REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")


# RFC 9110, 5.5: of all control characters only a tab may be in a value.
FIELDS = re.compile(rb"(?:" + TOKEN + rb":[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*")


FIELD = re.compile(TOKEN + rb":[^\x00-\x08\x0a-\x1f\x7f]*")


HEADER_NAME = re.compile(TOKEN.decode())
short_name = functools.lru_cache(maxsize=512)(HEADER_NAME.fullmatch)  # there are few
NOT_IN_A_FIELD = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, 5.5


BARE_LF = re.compile(rb"(?<!\r)\n")


HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


# --- targets and sessions ---

ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
TARGET_PAIR = re.compile(r"([?&#])([^?&#=]*)=([^&#]*)")  # a parameter, of the fragment too


# A client may encode the @, though it need not (RFC 3986, 3.3).
SESSION_PREFIX = re.compile(r"/(?:@|%40)([^/]+)(/.*)?$")


SESSION_RULE = "expected a name of up to 100 printable characters, and not *"


def good_session(name: str) -> bool:
    """Whether a session may be called so; the empty name is none."""
    return name != "*" and len(name) <= 100 and name.isprintable()


def unquote(text: str) -> str:
    """A path segment or query value with its percent-encoding undone."""
    if "%" not in text:
        return text
    data = ESCAPE.sub(lambda match: binascii.unhexlify(match.group(1)), text.encode())
    return data.decode("utf-8", "replace")


def parse_target(target: str) -> Tuple[str, Dict[str, str]]:
    """The path, undecoded with doubled slashes folded, and the decoded query.

    Of several values of one name the last counts."""
    # What a client sends to a proxy (RFC 9112, 3.2.2).
    absolute = ABSOLUTE.match(target)
    if absolute:
        target = target[absolute.end() :]
        if not target.startswith("/"):
            target = "/" + target
    path, _, query_text = target.partition("#")[0].partition("?")
    query = {}
    for pair in query_text.split("&"):
        if pair:
            name, _, value = pair.replace("+", " ").partition("=")
            query[unquote(name)] = unquote(value)
    # Base URLs are joined with and without a slash (wire formats, 2.1).
    return re.sub("/{2,}", "/", path), query


def masked_target(target: str) -> str:
    """A target as it may be kept: the user of a full URL, and the credentials in its query, are
    masked; all else is as it was sent."""
    absolute = ABSOLUTE.match(target)
    end = 0
    if absolute:
        end = absolute.end()
    return unkeyed(target[:end]) + TARGET_PAIR.sub(masked_pair, target[end:])


def masked_pair(match: "Match[str]") -> str:
    """One parameter of a target as it may be kept."""
    before, name, value = match.groups()
    plain = unquote(value.replace("+", " "))
    kept = masked(unquote(name.replace("+", " ")), plain)
    if kept == plain:
        return match.group()
    return f"{before}{name}={kept}"


# --- request heads ---


@record
class Head:
    """A request's head: `minor` is the 1 of HTTP/1.1; headers by lower-case name.

    `repeated` are the names of headers that came more than once, `lines` all of them as they
    came."""

    method: str
    target: str
    minor: int
    headers: Mapping[str, str]
    repeated: FrozenSet[str] = frozenset()
    lines: bytes = b""

    def tokens(self, name: str) -> List[str]:
        """A header as a list of lower-case tokens."""
        if name not in self.headers:
            return []
        items = [item.strip(" \t") for item in self.headers[name].split(",")]
        return [item.lower() for item in items if item]

    @found_once
    def keeps_alive(self) -> bool:
        """Whether the client wants the connection kept."""
        if self.minor:
            return "close" not in self.tokens("connection")
        return "keep-alive" in self.tokens("connection")

    @found_once
    def parsed_target(self) -> Tuple[str, str, Dict[str, str]]:
        """The session in the prefix /@NAME, the path without that, and the decoded query."""
        path, query = parse_target(self.target)
        prefix = SESSION_PREFIX.match(path)
        if prefix:
            return unquote(prefix.group(1)), prefix.group(2) or "/", query
        return "", path, query

    @property
    def path(self) -> str:
        """The path as sent, without the prefix of a session."""
        return self.parsed_target[1]

    @property
    def query(self) -> Dict[str, str]:
        """The decoded query."""
        return self.parsed_target[2]

    @found_once
    def session(self) -> str:
        """The session: of the prefix /@NAME, else of the header X-Mock-Session.

        Refused for a name that is none."""
        name = self.parsed_target[0]
        if not name:
            header = self.headers.get("x-mock-session", "").strip()
            # Header bytes were read as Latin-1; a session may be called in any script.
            name = header.encode("latin-1").decode("utf-8", "replace")
        if not good_session(name):
            raise Refused(400, f"the session is {shown(name)}, {SESSION_RULE}", code="bad_session")
        return name

    @found_once
    def kept(self) -> Dict[str, Dict[str, str]]:
        """Query and headers as they may be kept, without credentials."""
        return {
            "query": {name: masked(name, value) for name, value in self.query.items()},
            "headers": {name: masked(name, value) for name, value in self.headers.items()},
        }

    def kept_target(self) -> str:
        """The target as it was sent, without credentials; made anew for each who looks."""
        return masked_target(self.target)

    def kept_lines(self) -> List[List[str]]:
        """Names and values of the header lines as they came, without credentials; made anew for
        each who looks."""
        pairs = [line.partition(":") for line in header_lines(self.lines)]
        return [[name, masked(name, value.strip(" \t"))] for name, _, value in pairs]

    @found_once
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        size = strings_size((self.target, self.path)) + len(self.lines)
        return size + pairs_size(self.query) + pairs_size(self.headers)


def malformed(message: str, status: int = 400) -> Refused:
    """A refusal after which nothing on the connection can be trusted."""
    return Refused(status, message, code="malformed_request", close=True)


def check_partial(data: bytes, since: int = 0) -> None:
    """Refuse the beginning of a head that can't become a good one.

    It may be too long, TLS, or have a bare line feed after `since`."""
    # The type of a TLS record that holds a handshake (RFC 8446, 5.1).
    if data[:1] == b"\x16":
        raise malformed(
            "this looks like a TLS handshake, but the port speaks plain HTTP; use http://"
        )
    if BARE_LF.search(data, max(0, since - 1)):
        raise malformed("a line of the head ends with a bare LF; lines end with CR LF")
    if len(data) > LINE_LIMIT and b"\r\n" not in data[: LINE_LIMIT + 2]:
        raise malformed(f"the request line is longer than {LINE_LIMIT} bytes", 414)
    if len(data) > HEAD_LIMIT:
        raise malformed(f"the head is longer than {HEAD_LIMIT} bytes", 431)


def parse_head(data: bytes) -> Head:
    """A head, from the request line to the empty line that ends it.

    Refused says what is malformed."""
    # Only short heads are kept, so that the cache stays small.
    return known_head(data) if len(data) <= 2048 else new_head(data)


def new_head(data: bytes) -> Head:
    """A head, parsed."""
    check_partial(data)
    line, _, rest = data.partition(b"\r\n")
    match = REQUEST_LINE.fullmatch(line)
    if not match:
        raise malformed(f"malformed request line{told(line)}; expected METHOD /path HTTP/1.1")
    method, target, major, minor = [part.decode() for part in match.groups()]
    if major != "1":
        raise malformed(f"HTTP/{major}.{minor} is not spoken here; use HTTP/1.1", 505)
    headers, repeated = parse_fields(rest[:-2])
    head = Head(method, target, min(1, int(minor)), headers, repeated, rest[:-2])
    check_head(head)
    return head


def told(line: bytes) -> str:
    """What may be said of a line that is no request line."""
    begun = line.partition(b"?")[0].decode("latin-1")  # without the query, which may hold a key
    # It may be a header, Authorization even, or the rest of a body.
    if begun.partition(" ")[0] not in METHODS:
        return f" of {len(line)} bytes that begins with no known method"
    return " " + shown(unkeyed(begun))


# A client sends the same head over and over.
known_head = functools.lru_cache(maxsize=256)(new_head)


def header_lines(fields: bytes) -> List[str]:
    """The lines of headers, each of which ends with CR LF."""
    return fields.decode("latin-1").split("\r\n")[:-1]


def parse_fields(fields: bytes) -> Tuple[Dict[str, str], FrozenSet[str]]:
    """Header lines by lower-case name, and the names that came more than once."""
    if not FIELDS.fullmatch(fields):
        raise malformed(bad_field(fields))
    headers: Dict[str, str] = {}
    repeated: Dict[str, List[str]] = {}
    lines = header_lines(fields)
    if len(lines) > MOST_FIELDS:
        raise malformed(f"the head has more than {MOST_FIELDS} lines of headers", 431)
    for field_line in lines:
        name, _, value = field_line.partition(":")
        name = name.lower()
        value = value.strip(" \t")
        if name in headers:
            repeated.setdefault(name, [headers[name]]).append(value)
        else:
            headers[name] = value
    for name, values in repeated.items():
        separator = "; " if name == "cookie" else ", "  # cookies as RFC 9113, 8.2.3 joins them
        headers[name] = separator.join(values)
    return headers, frozenset(repeated)


def begun_head(data: bytes) -> Head:
    """The head that the beginning of a malformed request seems to be: its method and its path.

    It is answered in the shape of the provider whose path that is; HEAD gets no body."""
    match = re.match(rb"(" + TOKEN + rb") (/[\x21-\x7e]*)?", data[:1024])
    if not match:
        return Head("GET", "/", 1, {})
    method, target = match.group(1).decode(), match.group(2) or b"/"
    if method not in METHODS:
        method = "GET"
    return Head(method, parse_target(target.decode())[0], 1, {})


def bad_field(fields: bytes) -> str:
    """What is wrong with the first malformed header line."""
    line = next(line for line in fields.split(b"\r\n") if not FIELD.fullmatch(line))
    if line[:1] in b" \t":
        return (
            "a header line continues the one before it, which HTTP/1.1 forbids; send it as one line"
        )
    name, colon, _ = line.partition(b":")
    if not colon:
        return "a header line has no colon"
    # Without the value, which may be a credential, also where the colon between them is missing.
    begun = re.match(TOKEN, name)
    text = shown(begun.group().decode() if begun else "", room=60)
    if name != name.rstrip(b" \t"):
        return f"header {text} has a space before its colon"
    if re.fullmatch(TOKEN, name):
        return f"header {text} holds a control character"
    return f"header {text} has a malformed name"


def check_head(head: Head) -> None:
    """Refuse what makes it doubtful whom a request is for or where it ends."""
    # RFC 9112, 3.2: 400 where it is missing, malformed or there twice.
    if head.minor and "host" not in head.headers:
        raise malformed("the Host header is missing")
    if "host" in head.repeated or not HOST.fullmatch(head.headers.get("host", "")):
        host = head.headers["host"].rpartition("@")[2]  # without a user, who is not told
        raise malformed(f"the Host header is malformed: {shown(host)}")
    if not good_target(head):
        begun = shown(unkeyed(head.target.partition("?")[0]))
        raise malformed(f"malformed request target {begun}; it begins with /")
    if head.method not in METHODS:
        known = ", ".join(METHODS)
        raise malformed(f"method {shown(head.method)} is not implemented; known: {known}", 501)
    length = head.headers.get("content-length")
    if length is not None and not re.fullmatch("[0-9]+", length):
        raise malformed(f"Content-Length is {shown(length)}, expected one number of bytes")
    if "content-length" in head.repeated:
        raise malformed("Content-Length is there twice")
    if "transfer-encoding" in head.headers:
        check_transfer(head)


def good_target(head: Head) -> bool:
    """Whether a target has one of the forms of RFC 9112, 3.2."""
    if head.target == "*" or head.method == "CONNECT":
        return True
    return head.target.startswith("/") or bool(ABSOLUTE.match(head.target))


def check_transfer(head: Head) -> None:
    """Refuse any transfer coding but one `chunked`."""
    # Whoever believes the other one sees another request behind this one (RFC 9112, 6.3).
    if "content-length" in head.headers:
        raise malformed(
            "Content-Length and Transfer-Encoding contradict each other; send one of them"
        )
    if not head.minor:
        raise malformed("Transfer-Encoding does not exist in HTTP/1.0")
    coding = head.headers["transfer-encoding"]
    if coding.lower() == "chunked":
        return
    # RFC 9112: 501 for a coding that is not known here (6.1), 400 for chunked out of place (6.3).
    others, last = head.tokens("transfer-encoding")[:-1], head.tokens("transfer-encoding")[-1:]
    status = 501
    if "chunked" in others or (last == ["chunked"] and not others):
        status = 400
    raise malformed(f"Transfer-Encoding is {shown(coding)}; only chunked is implemented", status)


# --- response heads ---


def is_header_name(name: str) -> bool:
    """Whether a header may be called so."""
    if len(name) > 100:
        return bool(HEADER_NAME.fullmatch(name))
    return bool(short_name(name))


def field_lines(headers: Headers) -> bytes:
    """Headers as the lines of a head: the one place where they become bytes.

    Their values may come from anywhere: a mock, a header of the request, a model's name.  RFC 9110,
    5.5: what would end a line or is a control character becomes a space, what Latin-1 lacks a
    question mark.  What is no name is no header."""
    lines = [f"{name}: {value}" for name, value in headers if is_header_name(name)]
    if not "".join(lines).isprintable():  # most are
        lines = [NOT_IN_A_FIELD.sub(" ", line) for line in lines]
    return "\r\n".join([*lines, ""]).encode("latin-1", "replace")


def head_bytes(status: int, headers: Headers) -> bytes:
    """Status line and headers, without the empty line."""
    return f"HTTP/1.1 {status} {http_phrase(status)}\r\n".encode() + field_lines(headers)


# === node ====================================================================
# A JSON value that knows its place: the one reader of mocks, control bodies and request fields.

# Pure.


Self = TypeVar("Self", bound="Node")


NOTHING_ELSEWHERE: Mapping[str, str] = {}


class Kinds(Dict[str, str]):
    """The KINDS of an object's members, as `Node.check` takes them; looked at in less time, for few
    of many members are there."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(fields)
        self.plain = {name: kind.rstrip("!") for name, kind in fields.items()}
        self.needed = [name for name, kind in fields.items() if kind[-1] == "!"]

    def hold(self, value: Mapping[str, Json]) -> bool:
        """Whether all members are as they must be."""
        for name in self.needed:
            if value.get(name) is None:
                return False
        for name, found in value.items():
            if name in self.plain and found is not None and not fits(found, self.plain[name]):
                return False
        return True


class Node:
    """A value, and the way to it from the whole that it lies in.

    `source` is what the whole is called in messages (`mocks/a.json#1`), `value` is MISSING where
    there is none.  A reader returns the plain value if it is as it must be, `default` if there is
    none, and else raises `error` with a message such as
    `mocks/a.json#1: response.pace: expected seconds from 0 to 3600, found "slow"`.
    """

    __slots__ = ("value", "source", "parent", "key")
    error: Type[WrongValue] = BadMock

    def __init__(
        self, value: Json, source: str = "", parent: "Any" = None, key: Union[str, int] = ""
    ) -> None:
        self.value, self.source, self.parent, self.key = value, source, parent, key

    @property
    def path(self) -> str:
        """The way from the whole: `responses[2].pace`; empty for the whole itself."""
        if self.parent is None:
            return ""
        before = cast(str, self.parent.path)
        if isinstance(self.key, int):
            return f"{before}[{self.key}]"
        return f"{before}.{self.key}" if before else self.key

    @property
    def is_absent(self) -> bool:
        """Whether there is no value."""
        return self.value is MISSING

    @property
    def is_null(self) -> bool:
        """Whether there is no value, or null."""
        return self.value is MISSING or self.value is None

    def is_a(self, kind: str) -> bool:
        """Whether the value is of one of the KINDS, `a string` and so on."""
        return fits(self.value, kind)

    # --- what is wrong ---

    def fail(self, problem: str, expected: str = "", sentence: str = "") -> NoReturn:
        """Raise the error: source, path and problem."""
        # The path is made only here, as most values are as they must be.
        path, found = self.path, self.value
        message = ": ".join(part for part in (self.source, path, problem) if part)
        raise self.error(message, path=path, expected=expected, found=found, sentence=sentence)

    def expected(self, what: str, sentence: str = "") -> NoReturn:
        """Raise the error of a value that is not `what` it must be."""
        self.fail(f"expected {what}, found {shown(self.value)}", what, sentence)

    def missing(self, what: str) -> NoReturn:
        """Raise the error of a value that must be there, and `what` it must be; null is none."""
        self.replaced(MISSING).expected(what)

    # --- what lies inside ---

    def get(self: Self, key: str) -> Self:
        """A member of an object; absent, too, where this is none."""
        value = self.value.get(key, MISSING) if isinstance(self.value, dict) else MISSING
        return type(self)(value, self.source, self, key)

    def within(self: Self, *keys: str) -> Self:
        """What lies inside nested objects."""
        found = self
        for key in keys:
            found = found.get(key)
        return found

    def replaced(self: Self, value: Json) -> Self:
        """Another value in the same place: what a text there holds, or stands for."""
        return type(self)(value, self.source, self.parent, self.key)

    def items(self: Self) -> List[Self]:
        """The items of an array; none where there is no value."""
        if self.is_absent:
            return []
        if not isinstance(self.value, list):
            self.expected("an array")
        return [type(self)(item, self.source, self, at) for at, item in enumerate(self.value)]

    def objects(self: Self) -> Iterator[Self]:
        """The items of an array, each of which must be an object."""
        for item in self.items():
            item.a("an object")
            yield item

    def members(self: Self) -> Iterator[Tuple[str, Self]]:
        """The members of an object with their names; none where there is no value."""
        for name in self.a("an object", {}):
            yield name, self.get(name)

    # --- plain values ---

    def a(self, kind: str, default: Json = MISSING) -> Any:
        """The value, if it is of one of the KINDS."""
        if self.is_absent and default is not MISSING:
            return default
        if not fits(self.value, kind):
            self.expected(kind)
        return self.value

    def text(self, default: Json = MISSING) -> Any:
        """A string."""
        return self.a("a string", default)

    def flag(self, default: bool) -> bool:
        """True or false."""
        return cast(bool, self.a("a boolean", default))

    def integer(self, what: str, least: float, most: float, default: Json = MISSING) -> Any:
        """A whole number from `least` to `most`; `what` says so in words."""
        return self.number(what, least, most, default, "an integer")

    def number(
        self, what: str, least: float, most: float, default: Json = MISSING, kind: str = "a number"
    ) -> Any:
        """A number from `least` to `most`; `what` says so in words."""
        if self.is_absent and default is not MISSING:
            return default
        if not fits(self.value, kind) or not least <= self.value <= most:
            self.expected(what)
        return self.value

    def seconds(self, default: Json = MISSING) -> float:
        """A pause from 0 to an hour."""
        return float(self.number("seconds from 0 to 3600", 0, 3600, default))

    def choice(self, names: Iterable[str], default: Json = MISSING) -> Any:
        """One of some words."""
        if self.is_absent and default is not MISSING:
            return default
        known = list(names)
        if not isinstance(self.value, str) or self.value not in known:
            # Nobody meant one of the words by a number or an object.
            word = ""
            if isinstance(self.value, str):
                word = self.value
            self.fail(f"found {shown(self.value)}; {nearest(word, known)}", ", ".join(known))
        return self.value

    # --- whole objects ---

    def only(
        self: Self, names: Iterable[str], elsewhere: Mapping[str, str] = NOTHING_ELSEWHERE
    ) -> Self:
        """This, if it is an object without other members than those named; `elsewhere` says where
        a key belongs that is often put here."""
        known = list(names)
        for name in self.a("an object"):
            if name not in known:
                problem = elsewhere.get(name) or f"unknown key; {nearest(name, known)}"
                self.get(name).fail(problem, ", ".join(known))
        return self

    def check(self: Self, fields: Mapping[str, str]) -> Self:
        """This, if it is an object whose members are of their KINDS; `!` after a kind means that
        the member must be there."""
        value = self.value
        if not isinstance(value, dict):
            self.expected("an object")
        if isinstance(fields, Kinds) and fields.hold(value):
            return self
        for name, kind in fields.items():
            found = value.get(name)
            if found is None:  # null is the same as none in a request
                if kind[-1] == "!":
                    self.get(name).expected(kind[:-1])
            elif not fits(found, kind.rstrip("!")):
                self.get(name).expected(kind.rstrip("!"))
        return self


class Field(Node):
    """A value in the body of a request, where null is the same as none."""

    __slots__ = ()
    error = BadField

    @property
    def is_absent(self) -> bool:
        """Whether there is no value, or null."""
        return self.value is MISSING or self.value is None


class Written(Node):
    """A value that may have been read from a text; messages show it as it was `written`."""

    __slots__ = ("written",)

    def __init__(
        self,
        value: Json,
        source: str = "",
        parent: Any = None,
        key: Union[str, int] = "",
        written: Json = MISSING,
    ) -> None:
        super().__init__(value, source, parent, key)
        self.written = written
        if written is MISSING:
            self.written = value

    def expected(self, what: str, sentence: str = "") -> NoReturn:
        """Raise the error of a value that is not `what` it must be."""
        self.fail(f"expected {what}, found {shown(self.written)}", what, sentence)


# === framings ================================================================
# Framings: how events follow each other, frames out and `split` back in.

# May touch struct and zlib.


def read_data(text: str) -> Json:
    """The JSON value of an event's data, or the text itself if it is none, such as [DONE]."""
    try:
        return parse_json(utf8(text))
    except ValueError:
        return text


def between(data: bytes, cuts: Sequence[int]) -> List[bytes]:
    """The pieces of data from each cut to the next, and from the last to the end."""
    pieces = [data[start:end] for start, end in zip(cuts, [*cuts[1:], len(data)])]
    return [piece for piece in pieces if piece]


class SSE:
    """Server-sent events: `eol` ends each line, an empty line each event."""

    title = "an event stream"
    negotiated = False  # most providers never compress an event stream (wire formats, 4)
    streams = True  # whether the content type is the stream's, not that of a whole body

    # WHATWG HTML, 9.2: a line may end with CR LF, LF or CR, whatever the other lines end with.
    LINE_END = re.compile(rb"\r\n|\n|\r")
    EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))+")

    def __init__(self, eol: str = "\n", layout: Callable[[Json], str] = compact) -> None:
        self.eol = eol
        self.layout = layout

    def frame(self, data: str, event: str = "") -> bytes:
        """One event; each line of data gets a `data:` field of its own."""
        lines = ["event: " + event] if event else []
        lines += ["data: " + line for line in data.split("\n")]
        return utf8(self.eol.join(lines) + self.eol * 2)

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events, (name, JSON value), (name, its bytes) or (name, text as it is), as frames."""
        end = utf8(self.eol * 2)
        named, field = "", b"data: "
        for name, value in events:
            if isinstance(value, str):
                yield self.frame(value, name)
                continue
            # Most have the name of the one before.
            if name != named:
                named, field = name, b"data: "
                if name:
                    field = utf8(f"event: {name}{self.eol}data: ")
            # What is laid out has no line ends that would have to be cut at.
            data = value
            if not isinstance(value, bytes):
                data = utf8(self.layout(value))
            yield field + data + end

    @classmethod
    def split(cls, data: bytes) -> List[bytes]:
        """A recorded stream as its frames, byte for byte; the last may lack its empty line."""
        # Cut only where events end: what is sent again is what was recorded.
        return between(data, [0, *(match.end() for match in cls.EVENT_END.finditer(data))])

    @classmethod
    def tear(cls, frame: bytes) -> bytes:
        """The same event with its JSON cut off in the middle."""
        text = frame.rstrip(b"\r\n")
        start = text.find(b"data:")
        return text[: start + (len(text) - start + 6) // 2] + frame[len(text) :]

    @classmethod
    def data(cls, frame: bytes) -> str:
        """The data of one frame: its `data` fields joined with newlines."""
        return "\n".join(value for name, value in cls.fields(frame) if name == "data")

    @classmethod
    def decoded(cls, frame: bytes) -> Tuple[str, Json]:
        """The name of the event in a frame, and the value of its data."""
        names = [value for name, value in cls.fields(frame) if name == "event"]
        return "".join(names[-1:]), read_data(cls.data(frame))

    @staticmethod
    def fields(frame: bytes) -> Iterator[Tuple[str, str]]:
        """The fields of one frame, in order; a comment is one without a name."""
        for line in re.split(r"\r\n|\n|\r", frame.decode("utf-8", "replace")):
            name, _, value = line.partition(":")
            # One leading space is no part of the value (3.1).
            if value.startswith(" "):
                value = value[1:]
            yield name, value


class JsonArray:
    """One JSON array over the whole stream, as Google sends it.

    `[` element LF, then `,` CR LF element LF, then `]` (wire formats, 7, recorded)."""

    title = "a JSON array"
    negotiated = True  # Google flushes its gzip after each element (wire formats, 4)
    streams = False

    # What opens or closes something in JSON; brackets in strings do not, so that these are found,
    # too.  The line end behind an element is sent with it.
    BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}](?:\r?\n)?', re.DOTALL)

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events as elements, one a frame, and the closing bracket as one more."""
        before = b"["
        for _, value in events:
            yield before + laid_out(value, indented) + b"\n"
            before = b",\r\n"  # CR LF before, a bare LF behind (7)
        if before == b"[":
            yield b"[]"
        else:
            yield b"]"

    @staticmethod
    def tear(frame: bytes) -> bytes:
        """The same element, cut off in the middle."""
        return frame[: len(frame) // 2] + b"\n"

    @staticmethod
    def decoded(frame: bytes) -> Tuple[str, Json]:
        """The element in a frame, which has no name."""
        text = frame.decode("utf-8", "replace").strip()
        if text[:1] in ("[", ","):
            text = text[1:]
        return "", read_data(text)

    @staticmethod
    def split(data: bytes) -> List[Json]:
        """The elements of such a stream."""
        return cast(List[Json], parse_json(data))

    @classmethod
    def cut(cls, data: bytes) -> List[bytes]:
        """The text of such a stream as its frames, byte for byte, an array or object each; it may
        be cut off."""
        cuts, depth = [0], 0
        for match in cls.BRACKET.finditer(data):
            kind = match.group()[:1]
            if kind in b"[{":
                depth += 1
            elif kind in b"]}":
                depth -= 1
                if depth == 1:
                    cuts.append(match.end())
        return between(data, cuts)


class NDJSON:
    """One JSON value a line, as Ollama streams (wire formats, 13)."""

    title = "lines of JSON"
    negotiated = False
    streams = True

    def __init__(self, layout: Callable[[Json], str] = compact) -> None:
        self.layout = layout

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events as lines; names are not sent."""
        for _, value in events:
            # No blank line: ollama-python breaks on one (13, verified).
            yield laid_out(value, self.layout) + b"\n"

    @staticmethod
    def tear(frame: bytes) -> bytes:
        """The same line, cut off in the middle."""
        return frame[: len(frame) // 2] + b"\n"

    @staticmethod
    def decoded(frame: bytes) -> Tuple[str, Json]:
        """The value in a line, which has no name."""
        return "", read_data(frame.decode("utf-8", "replace").strip())

    @staticmethod
    def split(data: bytes) -> List[Json]:
        """The values of such a stream."""
        return [parse_json(line) for line in data.split(b"\n") if line.strip()]

    @staticmethod
    def cut(data: bytes) -> List[bytes]:
        """The text of such a stream as its lines, byte for byte, with empty ones behind them."""
        return re.findall(rb"[^\n]*\n(?:\r?\n)*|[^\n]+", data)


LONGEST_NAME = 5000  # characters of a header in a message, whose length has two bytes


class EventStream:
    """AWS's binary event stream, application/vnd.amazon.eventstream (wire formats, 10.1).

    A message is a prelude of two lengths and their CRC, headers, a payload, and a CRC of it all.
    An event whose name ends in Exception is an exception message."""

    title = "an AWS event stream"
    negotiated = False
    streams = True

    @staticmethod
    def headers_of(name: str) -> Tuple[Tuple[str, str], ...]:
        """The headers of an event or an exception."""
        kind = "exception" if name.endswith("Exception") else "event"
        return (
            (f":{kind}-type", name),
            (":content-type", "application/json"),
            (":message-type", kind),
        )

    @staticmethod
    def packed(headers: Sequence[Tuple[str, str]]) -> bytes:
        """Headers as bytes; all values are strings (type 7)."""
        packed = b""
        for header in headers:
            name, value = (utf8(text[:LONGEST_NAME]) for text in header)
            packed += struct.pack(">B", len(name)) + name
            packed += struct.pack(">BH", 7, len(value)) + value
        return packed

    @staticmethod
    def message(packed: bytes, payload: bytes) -> bytes:
        """One message with packed headers."""
        # The total counts all: two lengths and two CRCs make the 16 (10.1).
        prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
        data = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
        return data + struct.pack(">I", zlib.crc32(data))

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """Events as messages: name and payload, its keys sorted."""
        packed: Dict[str, bytes] = {}  # by name: a stream has many events of few names
        for name, value in events:
            if name not in packed:
                packed[name] = self.packed(self.headers_of(name))
            yield self.message(packed[name], laid_out(value, sorted_compact))

    @classmethod
    def split(cls, data: bytes) -> List[Tuple[Dict[str, str], bytes]]:
        """The messages of such a stream: headers and payload.

        ValueError for a wrong checksum or a message cut off."""
        messages = []
        start = 0
        while start < len(data):
            # No slice of all that is left: there may be thousands of messages.
            length = len(data) - start
            if length < 16 or length < struct.unpack_from(">I", data, start)[0]:
                raise ValueError("the last message is cut off")
            total, length = struct.unpack_from(">II", data, start)
            message = data[start : start + total]
            checksums = struct.pack(">II", zlib.crc32(message[:8]), zlib.crc32(message[:-4]))
            if total < 16 or checksums != message[8:12] + message[-4:]:
                raise ValueError("a checksum is wrong")
            messages.append((cls.headers(message[12 : 12 + length]), message[12 + length : -4]))
            start += total
        return messages

    @classmethod
    def cut(cls, data: bytes) -> List[bytes]:
        """The bytes of such a stream as its messages; the last may be cut off."""
        cuts = [0]
        while len(data) - cuts[-1] >= 16:  # the least that there can be of one
            length = max(16, struct.unpack_from(">I", data, cuts[-1])[0])
            cuts.append(min(len(data), cuts[-1] + length))
        return between(data, cuts)

    @classmethod
    def tear(cls, frame: bytes) -> bytes:
        """The same message, in order but for its payload, whose JSON is cut off in the middle."""
        try:
            ((headers, payload),) = cls.split(frame)
        except (ValueError, IndexError, struct.error):  # a recorded piece that is no one message
            return frame[: len(frame) // 2]
        return cls.message(cls.packed(tuple(headers.items())), payload[: len(payload) // 2])

    @classmethod
    def decoded(cls, frame: bytes) -> Tuple[str, Json]:
        """The name of an event and its payload; nothing of what is no message."""
        try:
            headers, payload = cls.split(frame)[0]
        except (ValueError, IndexError):
            return "", ""
        return headers.get(":event-type", ""), read_data(payload.decode("utf-8", "replace"))

    @staticmethod
    def headers(data: bytes) -> Dict[str, str]:
        """The headers of a message by name."""
        values: Dict[str, str] = {}
        while data:
            name_end = 1 + data[0]
            start = name_end + 3  # of the value: after the type, which is always 7, and its length
            end = start + struct.unpack(">H", data[name_end + 1 : start])[0]
            values[data[1:name_end].decode()] = data[start:end].decode()
            data = data[end:]
        return values


# Google alone ends lines with CR LF and has a space behind colons (wire formats, 3.2).
OPENAI_SSE = SSE()


GOOGLE_SSE = SSE("\r\n", spaced)


GOOGLE_ARRAY = JsonArray()


GO_LINES = NDJSON(go_json)


AWS_EVENTS = EventStream()


Framing = Union[SSE, JsonArray, NDJSON, EventStream]


# === formats/credentials =====================================================
# Where a credential stands in a request, and what is said of one that is missing.  Pure.


class Credentialed:
    """What a wire format says of credentials."""

    # Headers, or `?name` for the query, that hold a credential; none where none is asked for.
    credentials: Tuple[str, ...] = ("authorization",)
    schemes: Tuple[str, ...] = ("bearer",)  # of an Authorization header
    refusals = ("no_key", "authentication")  # kinds for a missing and an unusable credential

    def unauthorized(self, request: Request) -> Failure:
        """What the provider says when the credential is missing or can't be one."""
        missing, unusable = self.refusals
        for name in self.credentials:
            if request.headers.get(name, "").strip().lower() not in ("", *self.schemes):
                return Failure(0, "", kind=unusable)
        return Failure(0, "", kind=missing)

    def credential(self, request: Request) -> str:
        """The credential that came with the request, or an empty string."""
        for name in self.credentials:
            if name[0] == "?":
                key = request.query.get(name[1:], "").strip()
            elif name == "authorization":
                key = scheme_key(request.headers.get(name, ""), self.schemes)
            else:
                key = request.headers.get(name, "").strip()
            if key:
                return key
        return ""


# === formats/runs ============================================================
# Runs: how a reply streams, in pieces of its parts, and events that are alike but for a text.

# May touch os, for a mark that nobody knows.


# --- pieces of a reply ---

WORDS = re.compile(r"\s*\S+(?:\s+\Z)?|\s+")  # with the space before each
KEPT_TEXT = 32 * 1024  # characters; its words take ten times as much memory
ARGUMENT_PIECES = re.compile(r"\w+|\W+")


def pieces(text: str, size: int, words: "re.Pattern[str]" = WORDS) -> Iterable[str]:
    """A text cut into `size` characters a piece, or into words; joined they are the text.

    False where there are none.  Those of a long text are cut as they are asked for: a hundred
    streams of it are not to hold a hundred times all its words."""
    if len(text) > KEPT_TEXT:
        return CutText(text, size, words)
    return known_pieces(text, size, words)


class CutText:
    """The pieces of a long text, cut as they are asked for."""

    def __init__(self, text: str, size: int, words: "re.Pattern[str]") -> None:
        self.text, self.size, self.words = text, size, words

    def __iter__(self) -> Iterator[str]:
        text, size = self.text, self.size
        if size:
            return (text[at : at + size] for at in range(0, len(text), size))
        return (match.group() for match in self.words.finditer(text))


# The same text of a mock streams over and over.
@functools.lru_cache(maxsize=32)
def known_pieces(text: str, size: int, words: "re.Pattern[str]") -> Tuple[str, ...]:
    """The pieces of a text that is not long."""
    return tuple(CutText(text, size, words))


Item = TypeVar("Item")


def with_last(items: Iterable[Item]) -> Iterator[Tuple[Item, bool]]:
    """Items, of which there is one at least, each with whether it is the last."""
    rest = iter(items)
    item = next(rest)
    for following in rest:
        yield item, False
        item = following
    yield item, True


@record
class Run:
    """The part at `index` of a reply, as it streams: its `text`, or a tool call's arguments as JSON
    text, in pieces of `size` characters."""

    index: int
    part: Part
    text: str
    size: int

    @property
    def texts(self) -> Iterable[str]:
        """The text in pieces, none of them empty."""
        if isinstance(self.part, ToolCall):
            return pieces(self.text, self.size, ARGUMENT_PIECES)
        return pieces(self.text, self.size)

    @property
    def pieces(self) -> Iterable[str]:
        """The same, but for one empty piece where there is no text."""
        if not self.text:
            return ONCE
        return self.texts


# What goes into the hole of an event of a stream, an event a text.  Where events are numbered, too,
# it is zip(texts, numbers): the other way round each run would cost a number more.
Texts = Iterable[str]
ONCE = ("",)  # for an event without a hole


def walk(reply: Reply, layout: Callable[[Json], str] = compact) -> Iterator[Run]:
    """A reply as a model streams it, part by part; `layout` writes arguments."""
    for index, part in enumerate(reply.parts):
        if isinstance(part, Embedding):
            continue
        if isinstance(part, ToolCall):
            text = layout(part.arguments) if part.input is None else part.input
        else:
            text = getattr(part, "text", "")
        yield Run(index, part, text, reply.chunk_size)


# --- filled in ---


@functools.lru_cache(maxsize=None)
def mark() -> str:
    """What nobody else can write into a value."""
    return os.urandom(16).hex()


def hole(number: int) -> str:
    """What stands in a value where a Stencil is filled with the value of this number, a digit."""
    return f"{mark()}{number}"


class Stencil:
    """JSON that is laid out once and filled often: an event of a stream is like the one before but
    for a piece of text."""

    def __init__(self, value: Json, layout: Callable[[Json], str] = compact) -> None:
        self.layout = layout
        begin, *rest = layout(value).split('"' + mark())
        self.begin = utf8(begin)
        # Each begins with the digit and the quote that end a hole.
        self.rest = [(int(part[0]), utf8(part[2:])) for part in rest]

    def filled(self, *values: Json) -> bytes:
        """The JSON with these values in its holes; one that it has no hole for is left out."""
        return self.joined(*[utf8(self.layout(value)) for value in values])

    def joined(self, *values: bytes) -> bytes:
        """The same with values that are laid out already."""
        data = self.begin
        for number, after in self.rest:
            data += values[number] + after
        return data


def filled_in(
    name: str, value: Json, texts: Iterable[str], layout: Callable[[Json], str] = compact
) -> Iterator[Tuple[str, bytes]]:
    """Events of one name that are alike but for the text in the one hole of `value`."""
    stencil = Stencil(value, layout)
    if len(stencil.rest) != 1:
        return ((name, stencil.filled(text)) for text in texts)
    begin, end = stencil.begin, stencil.rest[0][1]
    return ((name, begin + utf8(layout(text)) + end) for text in texts)


# === formats/extras ==========================================================
# Extra members of an answer: which events of a stream say what a mock lays over the whole.  Pure.

# `Places` tell for one wire format where its stream says what stands in its whole answer.  The
# nearest place that is named decides for all that is inside.  A spot is `TESTS -> PATH`: which
# events say it, and where in them; several stand between semicolons.  Tests are `PATH` (something
# is there), `PATH=WORD`, `first` and `last`; without any it is every event.  `{choice}` and the
# like stand for the index in an array, in tests also as `PATH~{choice}` where an absent one is 0,
# and say of what there must be one for each index (INDEXES).


TEST = re.compile("([^=~]+)([=~])?(.*)")
FIRST, LAST = ("first",), ("last",)  # tests of where an event stands in its stream
# What is said of a place that no event says, where its Places have no better advice.
ADVICE = 'give "body" and "events" instead'
Steps = Tuple[Union[str, int], ...]  # members of objects, and indexes of arrays


# --- what an answer has items of ---


@record
class Content:
    """What is known of an answer before it is written: how many choices, which parts, its end."""

    choices: int
    parts: Sequence[Part]
    stop: str


Numbers = Callable[[Content], Collection[int]]


def choice_numbers(content: Content) -> Collection[int]:
    """The numbers of the choices."""
    return range(content.choices)


def candidate_numbers(content: Content) -> Collection[int]:
    """The numbers of Google's candidates, of which a blocked prompt has none."""
    if not content.parts and content.stop == "content_filter":
        return ()
    return range(content.choices)


def part_numbers(content: Content) -> Collection[int]:
    """The numbers of the parts."""
    return range(len(content.parts))


def tool_numbers(content: Content) -> Collection[int]:
    """The numbers of those parts that are tool calls."""
    return {at for at, part in enumerate(content.parts) if isinstance(part, ToolCall)}


def call_numbers(content: Content) -> Collection[int]:
    """The numbers of the tool calls, counted apart from other parts."""
    return range(len(tool_numbers(content)))


def block_numbers(content: Content) -> Collection[int]:
    """The numbers of Cohere's content blocks: no tool calls, and no text beside those."""
    spoken = [part for part in content.parts if not isinstance(part, ToolCall)]
    if len(spoken) < len(content.parts):
        spoken = [part for part in spoken if not isinstance(part, (Text, Refusal))]
    return range(len(spoken))


# By the names in braces: which indexes an answer has, and what is said where it has not.
INDEXES: Mapping[str, Tuple[Numbers, str]] = {
    "choice": (choice_numbers, "one of the choices that are asked for"),
    "candidate": (candidate_numbers, "one of the candidates that are asked for"),
    "part": (part_numbers, 'one of its parts, to which "parts" may add'),
    "tool": (part_numbers, "one of its parts, and in a stream one that is a tool call"),
    "call": (call_numbers, 'one of its tool calls, to which "tool_calls" may add'),
    "block": (block_numbers, "one of its content blocks"),
}
# Those of which a stream has an event for some only.
STREAMED_INDEXES: Mapping[str, Numbers] = {"tool": tool_numbers}


# --- what is known of a wire format ---


def steps_of_place(place: str) -> Tuple[str, ...]:
    """A place as its steps; an empty one is the whole."""
    if not place:
        return ()
    return tuple(place.split("."))


def looked_up_in(value: Json, path: Iterable[str]) -> Json:
    """What a path leads to, through objects and arrays; MISSING where it leads nowhere."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


class Spot:
    """The events that say something, and where in them."""

    def __init__(self, text: str) -> None:
        asked, _, path = text.partition("->")
        matches = [TEST.fullmatch(test) for test in asked.split()]
        groups = [match.groups("") for match in matches if match]
        self.tests = [(steps_of_place(place), sign, word) for place, sign, word in groups]
        self.path = steps_of_place(path.strip())
        # Of the arrays whose indexes stand in these events.
        self.names = [word[1:-1] for _, _, word in self.tests if word.startswith("{")]

    def indexes_in(
        self, event: Json, ends: Collection[Tuple[str, ...]]
    ) -> Optional[Tuple[str, ...]]:
        """The indexes that stand in an event, which is at these ends of its stream; None if it is
        none of those that say this."""
        indexes = []
        for place, sign, word in self.tests:
            found = looked_up_in(event, place)
            if place in (FIRST, LAST):
                if place not in ends:
                    return None
            elif word.startswith("{"):
                if found is MISSING and sign == "~":
                    found = 0
                indexes.append(str(found))
            elif not is_as_asked(found, word):
                return None
        return tuple(indexes)

    def place_in_event(self, indexes: Mapping[str, int]) -> Steps:
        """Where in an event it stands, with indexes in place of their names."""
        steps = [step.format(**indexes) for step in self.path]
        return tuple(int(step) if step.isdigit() else step for step in steps)


def is_as_asked(found: Json, word: str) -> bool:
    """Whether what stands in an event is the word of a test; without one, whether it is there."""
    if word:
        return str(found) == word
    return found not in (MISSING, None, "") and found is not False


class Place:
    """A place of the whole answer, and those in it that are told apart: members, or items of an
    array under the name of their index."""

    def __init__(self) -> None:
        self.spots: List[Spot] = []
        self.advice = ""  # where nothing in a stream says it: what does
        self.inner: Dict[str, Place] = {}

    def at(self, steps: Iterable[str]) -> Place:
        """The place that steps lead to from here; it is there afterwards."""
        place = self
        for step in steps:
            place = place.inner.setdefault(step, Place())
        return place

    @property
    def index_name(self) -> str:
        """The name of the index, if it is an array whose items are told apart."""
        return next((step[1:-1] for step in self.inner if step.startswith("{")), "")


class Places:
    """Where the stream of a wire format says what stands in its whole answer: `said` names spots
    by place, `instead` what to write for places that it can't say."""

    def __init__(self, said: Mapping[str, str], instead: Mapping[str, str]) -> None:
        self.said, self.instead = said, instead

    @found_once
    def root(self) -> Place:
        """The whole answer; read when it is first asked for, as most mocks have no extras."""
        root = Place()
        for place, text in self.said.items():
            root.at(steps_of_place(place)).spots = [Spot(spot) for spot in text.split(";")]
        for place, advice in self.instead.items():
            root.at(steps_of_place(place)).advice = advice
        return root


NOWHERE = Places({}, {})  # of an API without streams, or of whose nothing is known


# --- what is laid over, spread over events ---


@record
class Unsaid:
    """A place that is not said, and what to write instead."""

    place: str
    advice: str


@record
class Scope:
    """Where the spreading is: in which place of the whole, by what it is said, how far it is
    inside of what that was said of, and which indexes led there."""

    place: str
    spots: Sequence[Spot]
    advice: str
    rest: Steps
    indexes: Mapping[str, int]

    def entered(self, key: str) -> Scope:
        """In a member of an object."""
        place = f"{self.place}.{key}".lstrip(".")
        return Scope(place, self.spots, self.advice, (*self.rest, key), self.indexes)

    def item(self, index: int, name: str) -> Scope:
        """In an item of an array, whose index has a name."""
        place, indexes = f"{self.place}[{index}]", {**self.indexes, name: index}
        return Scope(place, self.spots, self.advice, (*self.rest, index), indexes)

    def known_at(self, place: Place) -> Scope:
        """The same, where the place says of itself what says it."""
        if not place.spots and not place.advice:
            return self
        return Scope(self.place, place.spots, place.advice, (), self.indexes)


class Spread:
    """Extras of an answer spread over the events of its stream: what is laid over them, by spot
    and by the indexes in an event (`portions`); what can't be said (`unsaid`); and the items of
    arrays that they take for granted (`items`, with the name of the index, it, and the place)."""

    def __init__(self, places: Places, extra: Mapping[str, Json]) -> None:
        self.portions: Dict[Spot, Dict[Tuple[str, ...], Json]] = {}
        self.unsaid: List[Unsaid] = []
        self.items: List[Tuple[str, int, str]] = []
        self.enter(places.root, Scope("", (), "", (), {}), dict(extra))

    def enter(self, place: Place, scope: Scope, value: Json) -> None:
        """Spread what is laid over at one place."""
        scope, name = scope.known_at(place), place.index_name
        if not place.inner:
            self.say(scope, value)
        elif not isinstance(value, (dict, list)) or isinstance(value, list) != bool(name):
            # It would stand in place of what is said piece by piece.
            self.unsaid.append(Unsaid(scope.place, scope.advice or ADVICE))
        elif not value:
            # Nothing is laid over what is there; where nothing is, it is there then.
            self.portion(scope, value)
        elif isinstance(value, list):
            self.enter_items(place.inner[f"{{{name}}}"], scope, value, name)
        else:
            for key, member in value.items():
                if key in place.inner:
                    self.enter(place.inner[key], scope.entered(key), member)
                else:
                    self.say(scope.entered(key), member)

    def enter_items(self, place: Place, scope: Scope, items: List[Json], name: str) -> None:
        """The same in each item of an array."""
        for index, item in enumerate(items):
            # An empty one only leads to those behind it.
            if item != {}:
                inner = scope.item(index, name)
                self.items.append((name, index, inner.place))
                self.enter(place, inner, item)

    def say(self, scope: Scope, value: Json) -> None:
        """Have what is laid over at one place said, if there are events that do."""
        if scope.spots:
            self.portion(scope, value)
        else:
            self.unsaid.append(Unsaid(first_leaf(scope.place, value), scope.advice or ADVICE))

    def portion(self, scope: Scope, value: Json) -> None:
        """Give each spot of a place what it says of it."""
        for spot in scope.spots:
            path = (*spot.place_in_event(scope.indexes), *scope.rest)
            indexes = tuple(str(scope.indexes[name]) for name in spot.names)
            portions = self.portions.setdefault(spot, {})
            portions[indexes] = put(portions.get(indexes, {}), path, value)

    def lacking(self, content: Content, stream: bool) -> Optional[Unsaid]:
        """The first item that an answer does not have, and what would do; None if it has all."""
        known: Dict[str, Collection[int]] = {}
        for name, index, place in self.items:
            if name not in INDEXES:
                continue
            numbers, advice = INDEXES[name]
            if name not in known:
                if stream:
                    numbers = STREAMED_INDEXES.get(name, numbers)
                known[name] = numbers(content)
            if index not in known[name]:
                return Unsaid(place, advice)
        return None

    def laid_over(self, name: str, value: Json, ends: Collection[Tuple[str, ...]]) -> Json:
        """The value of an event, which is at these ends of its stream, with what is its own to
        say; the same bytes if that is nothing."""
        plain = value
        if isinstance(value, bytes):
            plain = parse_json(value)
        event = event_before = opened(name, plain)
        for spot, portions in self.portions.items():
            indexes = spot.indexes_in(event_before, ends)
            if indexes in portions:
                event = merged(event, portions[indexes])
        if event is event_before:
            return value
        return closed(name, plain, event, value)


def first_leaf(place: str, value: Json) -> str:
    """The place of the first value in a value that stands at a place."""
    while value and isinstance(value, (dict, list)):
        if isinstance(value, list):
            # Empty objects only lead to those behind them.
            index = next((at for at, item in enumerate(value) if item != {}), 0)
            place, value = f"{place}[{index}]", value[index]
        else:
            name, value = next(iter(value.items()))
            place = f"{place}.{name}".lstrip(".")
    return place


def put(tree: Json, path: Steps, value: Json) -> Json:
    """A tree with a value laid over what it has at a path; changed in place, as it may be long.

    Items before an index are empty objects, which leave those alone that they are laid over."""
    if not path:
        return merged(tree, value)
    step, *rest = path
    if isinstance(step, int):
        items: List[Json] = tree or []
        items += [{} for _ in range(step + 1 - len(items))]
        items[step] = put(items[step], tuple(rest), value)
        return items
    tree[step] = put(tree.get(step, {}), tuple(rest), value)
    return tree


# --- events ---


def with_extra(
    events: Iterable[Tuple[str, Json]], places: Places, extra: Mapping[str, Json]
) -> Iterator[Tuple[str, Json]]:
    """The events of a stream, with an answer's extras in those that say them."""
    spread = Spread(places, extra)
    ends = [FIRST]
    for (name, value), is_last in with_last(events):
        if is_last:
            ends.append(LAST)
        # What is no JSON says nothing: [DONE], a ping.
        if not isinstance(value, str):
            value = spread.laid_over(name, value, ends)
        yield name, value
        ends = []


def opened(name: str, value: Json) -> Json:
    """An event as its places name it: Bedrock's chunks without their wrapping, and an event that
    is known by its name alone as the member of that name (wire formats, 10.1)."""
    if name == "chunk":
        return parse_json(base64.b64decode(value["bytes"]))
    if name and "type" not in value:
        return {name: value}
    return value


def closed(name: str, plain: Mapping[str, Json], event: Json, before: Json) -> Json:
    """The reverse, of an event that is not as it was `before`, and was `plain` then."""
    if name == "chunk":
        return {**plain, "bytes": base64.b64encode(utf8(compact(event))).decode()}
    if name and "type" not in plain:
        return event[name]
    if isinstance(before, bytes):
        pads = len(before[:-1]) - len(before[:-1].rstrip(b" "))
        if pads:
            # Anthropic's events stay as padded as they were (wire formats, section 9).
            return laid_out(event, compact)[:-1] + b" " * pads + b"}"
    return event


# === formats/shapes ==========================================================
# Small shapes that several formats share.  Pure.


def present(**members: Json) -> Dict[str, Json]:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def texts_of(texts: Field) -> List[str]:
    """An array of strings; BadField for anything else in it."""
    return [item.text() for item in texts.items()]


def stop_of(reply: Reply) -> str:
    """Why an answer stopped, where a refusal is text that a filter stopped."""
    # These formats have no field for a refusal.
    if reply.stop == "stop" and reply.text(Refusal) is not None:
        return "content_filter"
    return reply.stop


def said_stop(words: Mapping[str, str], stop: str) -> str:
    """A provider's word for why an answer stopped; one of its own is said as it is."""
    return words.get(stop, stop)


def tool_input(part: ToolCall) -> str:
    """What a tool is called with, as text: plain for a custom tool, else JSON."""
    if part.input is not None:
        return part.input
    return compact(part.arguments)


def items_within(value: Json, *names: str) -> List[Json]:
    """The items of an array inside nested objects; a mock's own block may have anything in its
    place, into which nobody looks."""
    items = within(value, *names)
    if isinstance(items, list):
        return items
    return []


def packed_floats(vector: Sequence[float]) -> str:
    """A vector in base64 of little-endian float32."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


# Members that say what a piece is, and nothing that could be passed on.
MUTE_MEMBERS = frozenset(
    (
        *("type", "role", "index", "id", "thought", "thoughtSignature", "signature"),
        *("finish_reason", "stop_reason"),
    )
)


def has_words(value: Json) -> bool:
    """Whether there is something to pass on in a piece of an answer: text, or a tool's name."""
    if isinstance(value, dict):
        return any(has_words(value[key]) for key in value if key not in MUTE_MEMBERS)
    if isinstance(value, list):
        return any(map(has_words, value))
    return bool(value)


def named_by_type(values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
    """Recorded values as events whose names are their types."""
    for value in values:
        name = within(value, "type")
        # What has no type is no event of the API, and passes as it is; nor is what is none.
        if not isinstance(name, str) or not name.isprintable():
            name = ""
        yield name, value


# === outcomes ================================================================
# Outcomes: what a mock says, in all its forms, as frozen records.  Touch nothing.


@record
class Original:
    """An answer with its head, as a transcript has it: `headers` are those that are true of it
    whenever it is sent, `frames` its chunks or events (None: it is sent whole), and what
    `is_coded` is compressed."""

    status: int
    headers: Headers
    body: bytes
    frames: Optional[Tuple[bytes, ...]] = None
    is_coded: bool = False


@record
class Recorded:
    """An answer as a provider sent it.

    To who wants it whole: `body` (bytes of a file, or a JSON value to lay out) and its gzip `twin`,
    or `whole`.  `to_streams` says that it answers who wants a stream, too.  To who wants a stream:
    `frames` of a text that is in the framing called `kind`, or JSON `values` to frame, or
    `stream`."""

    body: Union[bytes, Json] = MISSING
    twin: Optional[bytes] = None
    frames: Tuple[bytes, ...] = ()
    kind: str = ""
    values: Tuple[Json, ...] = ()
    whole: Optional[Original] = None
    stream: Optional[Original] = None
    to_streams: bool = False

    @property
    def has_body(self) -> bool:
        """Whether there is an answer to who wants it whole."""
        return self.body is not MISSING or self.whole is not None

    @property
    def has_events(self) -> bool:
        """Whether there is one to who wants a stream."""
        return bool(self.frames or self.values or self.stream)


@record
class Raw:
    """An answer that is these bytes, whatever was asked for and however."""

    body: bytes


@record
class Usual:
    """What is answered where no mock does: an echo, or what needs no mock."""


@record
class Broken:
    """A stream that ends with an error somewhere in its content; a whole answer is the error
    alone."""

    content: Union[Reply, Recorded]
    failure: Failure
    after: After


Outcome = Union[Reply, Recorded, Raw, Failure, Broken]
Usually = Union[Reply, Recorded, Failure]  # of what an API answers without a mock


# === state ===================================================================
# What a session remembers beside its mocks, and answers from.  May touch threading.


class State:
    """What answers of a session depend on that is in no request and in no mock.

    `lock` is held while it is read and changed; a reset begins with a new one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.gauges: Dict[str, float] = {}  # of a model server, as a test has set them


# === formats/unmocked ========================================================
# What an API answers where no mock does.  Pure.


class Unmocked:
    """What a wire format answers by itself."""

    needs_mock = True  # else it answers by itself, unless a mock asks for it
    is_stateful = False  # whether that depends on more than the request

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """What is answered without a mock, from what the session remembers; None for an echo."""
        return None


# === formats/wholes ==========================================================
# Whole answers, in JSON or not, and how they are laid out.  Pure.


class WholeAnswers:
    """How a wire format writes an answer in one piece."""

    layout: Callable[..., str] = staticmethod(compact)
    ending = ""
    json_type = "application/json"

    def whole(self, call: Call, reply: Reply) -> Json:
        """The whole answer, or the bytes of one that is no JSON."""
        raise NotImplementedError

    def whole_type(self, call: Call) -> str:
        """The Content-Type of the whole answer to a call."""
        return self.json_type

    def encode(self, value: Json) -> bytes:
        """A whole body in the provider's layout; bytes have none."""
        if isinstance(value, bytes):
            return value
        return utf8(self.layout(value) + self.ending)

    def adapted(self, call: Call, body: bytes) -> bytes:
        """A recorded body in the encoding that this request asks for."""
        return body


# === formats/base ============================================================
# What all wire formats share: one class an API; a dialect is a subclass whose differences are
# data. Defining a class registers it.  Pure: no socket, clock, file or lock.


WIRE_FORMATS: List["WireFormat"] = []


NO_RESULT: Tuple[Optional[str], Optional[str]] = (None, None)


def conversation(turns: Sequence[Turn]) -> Dict[str, Any]:
    """What matching needs of a conversation: `user`, `system`, `tool_result` and the id of the call
    that it answers, `turn`, `prompt`, and which of the first two are `blank`.

    Only what came last counts: a tool result before the last user message is history.  Assistant
    messages that follow each other are one turn: google-genai's chats append a streamed answer
    as one `model` content a chunk."""
    user, result, turn, before = None, NO_RESULT, 0, ""
    instructions: List[str] = []
    texts: List[str] = []
    for said in turns:
        role, text = said.role, said.text
        texts.append(text)
        if role == "user":
            user, result = text, NO_RESULT
        elif role == "tool":
            result = said.text, said.call_id
        elif role == "system":
            instructions.append(text)
        elif role != before:
            turn += 1
        before = role
    system = "\n".join(instructions)
    blank: Tuple[str, ...] = ()
    if user == "":
        blank += ("user",)
    if instructions and not system:
        blank += ("system",)
    return {
        "user": user or "",
        "system": system,
        "tool_result": result[0],
        "tool_call_id": result[1],
        "turn": turn,
        "prompt": "\n".join(texts),
        "blank": blank,
    }


def call_id_of(value: Mapping[str, Json], *names: str) -> Optional[str]:
    """The id of the call that a tool's result answers, which has one of these names; the name of
    the tool, where its API has no ids."""
    ids = [value.get(name) for name in names]
    return next((found for found in ids if found and isinstance(found, str)), None)


def uuid(call: Call, label: str) -> str:
    """A UUID of version 4."""
    digits = call.token(label, 32, HEX)
    # The fixed digits are the version and the variant (RFC 9562, 4.2 and 4.1).
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class WireFormat(Credentialed, Unmocked, WholeAnswers):
    """One API: which paths are its own, how its requests read, how its answers are written.

    A subclass with `routes` is registered: `METHOD /path` with placeholders (see the room
    routing), matched against the undecoded path.  In paths that begin with one of `area` a
    catch-all is not at home whose API this provider has in a form of its own.  `fields` are
    checked before `turns` and the like read the body."""

    provider = ""
    dialect = ""  # of OpenAI's format, for what is in that
    operation = "generate"
    api = ""
    routes: Tuple[str, ...] = ()
    area: Tuple[str, ...] = ()
    fields: Mapping[str, str] = {}
    speaks: FrozenSet[Any] = frozenset((Text, Reasoning, Refusal, ToolCall))
    has_custom_tools = False  # whether a request may declare tools that take plain text
    silence = ""  # what is never said in its requests, by name; nothing: as in its operation's
    unstreamed_stops: FrozenSet[str] = frozenset()  # reasons to stop of which no stream tells
    may_stream: Optional[bool] = None  # whether an answer can be a stream; None: if it generates
    takes_form = False  # whether its body is a form, which then stands for the JSON
    errors: Mapping[str, Failure] = {}  # the provider's own, by kind; no_key: no credential
    stream_type = "text/event-stream"
    # What keeps a stream alive where a mock gives no text for that; nothing where there is no such
    # thing.  OpenAI's hosts send comments, DeepSeek this one (quoted).
    ping = b": keep-alive\n\n"
    most_inputs = MOST_INPUTS
    usual_limit = 10  # requests, of which an error speaks
    places = NOWHERE  # where its stream says what stands in its whole answer
    too_many = ""  # what the provider says of more: with {path}, {most} and {found}, or nothing
    no_body = "it is empty"
    bad_json = "{}"  # what is said of a body that is no JSON; {} is the reason
    bad_form = "Could not parse multipart form: {}."  # the same of a form

    def __init_subclass__(cls) -> None:
        if "fields" in cls.__dict__:
            cls.fields = Kinds(cls.fields)
        if "routes" in cls.__dict__:
            WIRE_FORMATS.append(cls())

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Whether a request on one of the routes, which found `params` in its path, is for this
        API; only shared paths ask more than that."""
        return True

    # --- a request, read ---

    def begun(self, request: Request, params: Mapping[str, str]) -> Call:
        """The call as far as the path alone tells."""
        model = params.get("model", "")
        names = self.provider, self.operation, self.api, model
        return Call(request, *names, params=params, dialect=self.dialect)

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The request in no provider's terms.  BadField names what can't be read."""
        fields = Field(body)
        turns: List[Turn] = []
        custom: Iterable[str] = ()
        schema = None
        if request.method == "POST":  # nothing else has a body
            fields.check(self.fields)
            turns = list(self.turns(fields))
            schema = self.schema(fields)
        tools = tuple(self.tools(fields))
        if tools and self.has_custom_tools:
            custom = self.custom_tools(body)
        return Call(
            request,
            self.provider,
            self.operation,
            self.api,
            self.model(params, fields),
            self.streams(params, fields),
            **conversation(turns),
            tools=tools,
            custom_tools=tuple(custom),
            inputs=tuple(self.inputs(fields)),
            schema=schema,
            choices=self.choices(fields),
            params=params,
            body=body,
            dialect=self.dialect,
        )

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The model or deployment that is asked."""
        return params.get("model") or str(within(body.value, "model") or "")

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """Whether the answer is to be streamed."""
        return False

    def turns(self, body: Field) -> Iterable[Turn]:
        """The conversation."""
        return [Turn("user", "\n".join(self.inputs(body)))]

    def tools(self, body: Field) -> Iterable[str]:
        """Names of the tools that the request offers."""
        return ()

    def custom_tools(self, body: Json) -> Iterable[str]:
        """Names of those that are called with plain text; `tools` has checked them."""
        return ()

    def inputs(self, body: Field) -> Iterable[str]:
        """Texts that are answered one by one."""
        return ()

    def counted(self, given: Field) -> Field:
        """An array of inputs, if it has no more of them than the provider takes in one request."""
        most, value = self.most_inputs, given.value
        if isinstance(value, list) and len(value) > most:
            sentence = self.too_many.format(path=given.path, most=most, found=len(value))
            given.expected(f"an array of at most {most} items", sentence)
        return given

    def choices(self, body: Field) -> int:
        """How many answers are asked for."""
        return 1

    def schema(self, body: Field) -> Json:
        """The JSON schema that the text of the answer is to fit, or None."""
        return None

    # --- an answer, written ---

    def lacks(self, call: Call, parts: Sequence[Part]) -> Optional[Difference]:
        """Why this API, which speaks such parts, can't say these to this call, if it can't."""
        return lacks_block(self, call, parts)

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """Whether an answer, streamed or not, may have a provider's own block of this form."""
        return True

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The streamed answer: event names and JSON values, text that is no JSON, or bytes of JSON
        that is laid out already."""
        raise NotImplementedError

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """What a stream says of an error after `sent` events."""
        raise NotImplementedError

    def broken_off(
        self, call: Call, reply: Reply, failure: Failure, sent: int
    ) -> Iterator[Tuple[str, Json]]:
        """The same where the stream is one of a reply, which some APIs repeat as far as it is."""
        return self.interruption(call, failure, sent)

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Recorded JSON values as events, completed with what ends every stream of this API."""
        return (("", value) for value in values)

    def is_content(self, name: str, value: Json) -> bool:
        """Whether an event of a stream says something of the answer itself, and not only that it
        begins, goes on or ends."""
        return value != "[DONE]" and has_words(value)

    def framing(self, call: Call) -> Framing:
        """How the events of this call are framed."""
        return OPENAI_SSE

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Response headers besides Content-Type that clients read."""
        return ()

    def usage_headers(self, reply: Reply) -> Headers:
        """Response headers that tell of the answer itself."""
        return ()

    def limit_headers(self, limit: Limit) -> Headers:
        """The rate-limit headers of a limit that counts, in place of those that only look like it;
        for what is refused also `retry-after`, where the provider sends it."""
        return ()

    # --- an error ---

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """An error in the provider's form."""
        raise NotImplementedError

    def complaint(self, wrong: BadField) -> Failure:
        """What the provider says of a field that is missing or wrong."""
        raise NotImplementedError

    def failed(
        self, call: Call, failure: Failure, more: Mapping[str, Json]
    ) -> Tuple[bytes, Headers]:
        """An error as bytes, with `more` members beside the provider's own, and its headers."""
        error = self.failure(call, failure)
        value = error.value
        if isinstance(value, list):  # Google's, where the stream would have been an array
            value = [{**value[0], **more}]
        elif more:
            value = {**value, **more}
        headers = error.headers
        # Azure's error of an unknown deployment has none (section 6, recorded).
        if error.content_type is not None:
            headers = (("Content-Type", error.content_type or self.json_type), *headers)
        return utf8(error.layout(value) + error.ending), headers

    def completed(self, call: Call, failure: Failure) -> Failure:
        """An error with what it leaves open: the provider's own for its kind."""
        kind = failure.kind or STATUS_KINDS.get(failure.status, "")
        usual = self.errors.get(kind, Failure(0, ""))
        status = failure.status or usual.status or next(iter(ERROR_KINDS.get(kind, ())), 400)
        message = failure.message or self.sentence(call, failure, usual.message)
        failure = replace(failure, status=status, kind="", message=message or http_phrase(status))
        if status != usual.status:  # another error than the usual one, which has no type of its own
            return failure
        blank = [name for name in ("type", "code", "param") if getattr(failure, name) is None]
        return replace(failure, **{name: getattr(usual, name) for name in blank})

    def sentence(self, call: Call, failure: Failure, usual: str) -> str:
        """The provider's usual sentence for an error, with what it says of this call."""
        usual = usual.replace("{most}", str(failure.most or self.usual_limit))
        return usual.replace("{model}", call.model).replace("{wait}", str(failure.wait))


def can_stream(wire: WireFormat) -> bool:
    """Whether an answer of an API can be a stream."""
    if wire.may_stream is None:
        return wire.operation == "generate"
    return wire.may_stream


def lacks_block(wire: WireFormat, call: Call, parts: Sequence[Part]) -> Optional[Difference]:
    """What is said of an API whose answers have no block such as one of these, or have it in whole
    ones alone."""
    for part in parts:
        if not isinstance(part, Block) or wire.holds(part.value, call.stream):
            continue
        block = shown(part.value)
        if call.stream and wire.holds(part.value, False):
            return "stream", True, Because(f"false, because no stream has {block}")
        return "api", call.api, Because(f"one whose answers have blocks such as {block}")
    return None


def caller(request: Request) -> str:
    """Whose client calls a path that several providers share (wire formats, section 2.1)."""
    if "anthropic-version" in request.headers:
        return "anthropic"
    if "x-goog-api-key" in request.headers or "key" in request.query:
        return "google"
    return "openai"


def choices_of(number: Field, most: int) -> int:
    """How many answers a field asks for, from 1 to `most`; 1 where it is left out."""
    return cast(int, number.integer(f"an integer from 1 to {most}", 1, most, 1))


def retry_after(limit: Limit) -> Headers:
    """`retry-after`, for what is refused."""
    if not limit.is_exceeded:
        return ()
    return (("retry-after", str(limit.wait)),)


# === formats/message_content =================================================
# What is in a message whose tool results stand among its texts: Anthropic's, Google's.  Pure.


@record
class MessageContent:
    """The text of a message, its tool results, and whether they are all there is."""

    text: str = ""
    results: Tuple[Turn, ...] = ()
    only_results: bool = False

    def turns(self, role: str) -> Iterator[Turn]:
        """The message as turns, a tool result each its own; of a user, only results are no turn."""
        if role != "user" or not self.only_results:
            yield Turn(role, self.text)
        yield from self.results


# === formats/anthropic_blocks ================================================
# Anthropic's content blocks: as they are read, and as they are written (wire formats, section 9).

# Pure.


def anthropic_content(content: Field) -> MessageContent:
    """What is in the content of a message, a system prompt or a tool result: text, or blocks."""
    if content.is_absent:
        return MessageContent()
    if isinstance(content.value, str):
        return MessageContent(content.value)
    texts: List[str] = []
    results: List[Turn] = []
    only_results = True
    for block in content.objects():
        value = block.check({"type": "a string!", "text": "a string"}).value
        if value["type"] == "tool_result":
            text = anthropic_content(block.get("content")).text
            results.append(Turn("tool", text, call_id_of(value, "tool_use_id")))
            continue
        only_results = False
        if value["type"] == "text" and value.get("text") is not None:
            texts.append(value["text"])
    return MessageContent("\n".join(texts), tuple(results), only_results and bool(results))


# What a stream brings of a block after its start, by the block's type: each member, and what it is
# until then (section 9).  All other blocks are whole at their start.
LATER_MEMBERS: Mapping[str, Mapping[str, Json]] = {
    "text": {"citations": [], "text": ""},  # a citation comes before the text that it proves
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
    "server_tool_use": {"input": {}},
    "mcp_tool_use": {"input": {}},
    "compaction": {"content": None, "encrypted_content": None},  # typed in anthropic-py 2.14
}
DIRECT = {"type": "direct"}  # who calls a tool: the model itself (since 2026)


def thought_signature(call: Call, index: int) -> str:
    """What proves a thought to be the model's own."""
    # Clients send it back as it is; nobody but Anthropic can read one.
    return base64.b64encode(call.token(f"signature {index}", 96).encode()).decode()


def anthropic_block(call: Call, part: Part, index: int) -> Mapping[str, Json]:
    """The block at `index` of a whole message."""
    if isinstance(part, Block):
        return part.value
    if isinstance(part, ToolCall):
        return {
            "type": "tool_use",
            "id": part.id or "toolu_01" + call.token(f"tool {index}", 22, BASE58),
            "name": part.name,
            "input": dict(part.arguments),
            "caller": DIRECT,
        }
    if isinstance(part, Reasoning):
        signature = thought_signature(call, index)
        return {"type": "thinking", "thinking": part.text, "signature": signature}
    return {"type": "text", "text": getattr(part, "text", "")}


def later_members(block: Mapping[str, Json]) -> Mapping[str, Json]:
    """What a stream brings of a block in deltas, in order: members, and what they begin as."""
    # A tool that the model's own code calls has its input at once (quoted from clients' fixtures).
    if within(block, "caller", "type") not in (None, DIRECT["type"]):
        return {}
    later = LATER_MEMBERS.get(block["type"], {})
    return {name: empty for name, empty in later.items() if is_like(block.get(name), empty)}


def is_like(value: Json, empty: Json) -> bool:
    """Whether a member can begin as this: one that a mock gives as something else is not cut."""
    return isinstance(value, str if empty is None else type(empty))


def anthropic_block_start(block: Mapping[str, Json]) -> Dict[str, Json]:
    """A block as a stream starts it: without what its deltas bring."""
    return {**block, **later_members(block)}


def anthropic_deltas(
    run: Run, block: Mapping[str, Json]
) -> Iterator[Tuple[Dict[str, Json], Texts]]:
    """What a stream says of a block between its start and its stop, and the texts that go into the
    hole of each, an event a text."""
    names = later_members(block)
    # Both members in one: a second delta would empty the first.
    if names and block["type"] == "compaction":
        yield {"type": "compaction_delta", **{name: block[name] for name in names}}, ONCE
        return
    for name in names:
        value = block[name]
        if name == "citations":
            for citation in value:
                yield {"type": "citations_delta", "citation": citation}, ONCE
        elif name == "input":
            yield {"type": "input_json_delta", "partial_json": hole(0)}, input_pieces(run, value)
        elif name == "signature":
            yield {"type": "signature_delta", "signature": value}, ONCE
        else:
            yield {"type": f"{name}_delta", name: hole(0)}, pieces(value, run.size)


def input_pieces(run: Run, value: Json) -> Texts:
    """A tool's input as JSON text, in pieces."""
    # The first one is empty, and the only one where there are no arguments (recorded).
    if not value:
        return ONCE
    return ["", *pieces(run.text or loose(value), run.size, ARGUMENT_PIECES)]


# === formats/places ==========================================================
# Where the streams of all wire formats say what stands in their whole answers: data.  Pure.


BY_PARTS = 'say it with "parts"'
BY_BLOCK = 'say it with a "block" in "parts"'
BY_TEXT = 'say it with "text"'
BY_THOUGHT = 'say it with "reasoning"'
BY_CALLS = 'say it with "tool_calls"'
NUMBERED = "it is numbered as it was asked for"

# --- OpenAI's chat completions, and those who borrow them ---

CHOICE = "choices.0.index={choice}"
CHAT_SAID = {
    # The first chunk at Azure, which has no id, is there for one thing alone (section 6).
    "": "id -> ",
    "prompt_filter_results": "prompt_filter_results -> prompt_filter_results",
    "usage": "usage -> usage",  # where a request asks for it
    "choices.{choice}": f"{CHOICE} choices.0.finish_reason -> choices.0",
    "choices.{choice}.message": f"{CHOICE} choices.0.delta.role -> choices.0.delta",
}
CHAT_INSTEAD = {
    "choices.{choice}.index": NUMBERED,
    "choices.{choice}.logprobs": 'ask for it with "logprobs"',
    "choices.{choice}.message.content": BY_TEXT,
    "choices.{choice}.message.reasoning_content": BY_THOUGHT,
    "choices.{choice}.message.refusal": 'say it with "refusal"',
    "choices.{choice}.message.function_call": BY_CALLS,
}
CHAT_CALL = "choices.{choice}.message.tool_calls.{call}"
CHAT_PLACES = Places(
    {
        **CHAT_SAID,
        CHAT_CALL: (
            f"{CHOICE} choices.0.delta.tool_calls.0.index={{call}} choices.0.delta.tool_calls.0.id"
            " -> choices.0.delta.tool_calls.0"
        ),
    },
    {
        **CHAT_INSTEAD,
        CHAT_CALL + ".index": NUMBERED,
        CHAT_CALL + ".function.arguments": BY_CALLS,
        CHAT_CALL + ".custom.input": BY_CALLS,
    },
)
# Tool calls come whole, in the last chunk of a choice (section 12).
MISTRAL_PLACES = Places(
    {
        **CHAT_SAID,
        "choices.{choice}.message.tool_calls": (
            f"{CHOICE} choices.0.finish_reason -> choices.0.delta.tool_calls"
        ),
    },
    CHAT_INSTEAD,
)
COMPLETION_PLACES = Places(
    {name: CHAT_SAID[name] for name in ("", "usage", "choices.{choice}")},
    {"choices.{choice}.index": NUMBERED, "choices.{choice}.text": BY_TEXT},
)

# --- OpenAI's Responses (wire formats, 5.5) ---

ITEM_ADDED = "type=response.output_item.added output_index={part} -> item"
ITEM_DONE = "type=response.output_item.done output_index={part} -> item"
PART_DONE = "type=response.{}.done output_index={{part}} {}={{at}} -> part"
ENDED = "last -> response"
OUTPUT = ENDED + ".output.{part}"
# What the response says of itself only in the end.
ENDED_MEMBERS = (
    *("status", "error", "incomplete_details", "completed_at", "usage", "output"),
    *("service_tier", "content_filters"),
)
RESPONSES_PLACES = Places(
    {
        "": "response -> response",
        **{name: f"{ENDED}.{name}" for name in ENDED_MEMBERS},
        "output.{part}": f"{ITEM_ADDED}; {ITEM_DONE}; {OUTPUT}",
        "output.{part}.status": f"{ITEM_DONE}.status; {OUTPUT}.status",
        "output.{part}.content": f"{ITEM_DONE}.content; {OUTPUT}.content",
        "output.{part}.content.{at}": (
            f"{ITEM_DONE}.content.{{at}}; {OUTPUT}.content.{{at}}; "
            + PART_DONE.format("content_part", "content_index")
        ),
        "output.{part}.summary": f"{ITEM_DONE}.summary; {OUTPUT}.summary",
        "output.{part}.summary.{at}": (
            f"{ITEM_DONE}.summary.{{at}}; {OUTPUT}.summary.{{at}}; "
            + PART_DONE.format("reasoning_summary_part", "summary_index")
        ),
    },
    {
        "output.{part}.id": BY_BLOCK,
        "output.{part}.type": BY_BLOCK,
        "output.{part}.arguments": BY_CALLS,
        "output.{part}.input": BY_CALLS,
        "output.{part}.content.{at}.type": BY_PARTS,
        "output.{part}.content.{at}.text": BY_TEXT,
        "output.{part}.content.{at}.refusal": 'say it with "refusal"',
        "output.{part}.summary.{at}.type": BY_PARTS,
        "output.{part}.summary.{at}.text": BY_THOUGHT,
    },
)

# --- OpenAI's images ---

IMAGE_PLACES = Places(
    {"": "->", "created": "-> created_at", "usage": "usage -> usage"},
    {"data": 'give "body" and "events" instead'},
)

# --- OpenAI's transcriptions, of which the last event is the whole in JSON ---

TRANSCRIPTION_PLACES = Places(
    {"": "last ->"},
    {"text": BY_TEXT, "segments": ADVICE, "logprobs": 'ask for it with "include"'},
)

# --- Gemini (wire formats, sections 7 and 8.1) ---

CANDIDATE = "candidates.0.index~{candidate}"
# Counts that grow from event to event: the last says the whole.
GROWING = (
    *("candidatesTokenCount", "totalTokenCount", "thoughtsTokenCount"),
    *("candidatesTokensDetails", "toolUsePromptTokenCount"),
)
GROWN = (
    "candidates.0.finishReason -> usageMetadata.{0}; "
    "promptFeedback.blockReason -> usageMetadata.{0}"
)
GEMINI_PLACES = Places(
    {
        "": "->",
        "promptFeedback": "first -> promptFeedback",
        # At Vertex AI only the last event has counts (8.1).
        "usageMetadata": "usageMetadata.promptTokenCount -> usageMetadata",
        "usageMetadata.trafficType": "usageMetadata -> usageMetadata.trafficType",
        **{f"usageMetadata.{name}": GROWN.format(name) for name in GROWING},
        "candidates.{candidate}": f"{CANDIDATE} candidates.0.finishReason -> candidates.0",
        "candidates.{candidate}.content": f"{CANDIDATE} -> candidates.0.content",
    },
    {
        "candidates.{candidate}.index": NUMBERED,
        "candidates.{candidate}.content.parts": BY_BLOCK,
    },
)

# --- Anthropic (wire formats, section 9) ---

MESSAGE_START = "type=message_start -> message"
MESSAGE_DELTA = "type=message_delta -> "
ANTHROPIC_SAID = {
    "": MESSAGE_START,
    **{
        name: f"{MESSAGE_DELTA}delta.{name}"
        for name in ("stop_reason", "stop_sequence", "stop_details", "container")
    },
    "context_management": MESSAGE_DELTA + "context_management",
    "usage": MESSAGE_DELTA + "usage",
    # What the whole costs is known in the end; of the prompt it is said at the start, too.
    **{
        f"usage.{name}": f"{MESSAGE_START}.usage.{name}; {MESSAGE_DELTA}usage.{name}"
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    },
    **{
        f"usage.{name}": f"{MESSAGE_START}.usage.{name}"
        for name in ("cache_creation", "service_tier", "inference_geo")
    },
    "content.{part}": "type=content_block_start index={part} -> content_block",
}
ANTHROPIC_INSTEAD = {
    "content.{part}.text": BY_TEXT,
    "content.{part}.thinking": BY_THOUGHT,
    "content.{part}.signature": BY_BLOCK,
    "content.{part}.input": BY_CALLS,
    "content.{part}.citations": BY_BLOCK,
    "content.{part}.content": BY_BLOCK,
}
ANTHROPIC_PLACES = Places(ANTHROPIC_SAID, ANTHROPIC_INSTEAD)

# --- AWS Bedrock (wire formats, sections 10 and 10.1) ---

# What Bedrock itself adds to what a model says stands beside the model's last event, as the
# metrics do (10.1); of a guardrail's this is unverified.
BEDROCK_MEMBERS = (
    *("amazon-bedrock-guardrailAction", "amazon-bedrock-trace"),
    "amazon-bedrock-invocationMetrics",
)
BEDROCK_CLAUDE_PLACES = Places(
    {**ANTHROPIC_SAID, **{name: f"type=message_stop -> {name}" for name in BEDROCK_MEMBERS}},
    ANTHROPIC_INSTEAD,
)
CONVERSE_SAID = {
    "": "metadata -> metadata",
    "stopReason": "messageStop -> messageStop.stopReason",
    "additionalModelResponseFields": "messageStop -> messageStop.additionalModelResponseFields",
    "output.message": "messageStart -> messageStart",
    "output.message.content.{tool}.toolUse": (
        "contentBlockStart.contentBlockIndex={tool} -> contentBlockStart.start.toolUse"
    ),
}
CONVERSE_INSTEAD = {
    "output": BY_BLOCK,
    "output.message.content.{tool}": BY_BLOCK,
    "output.message.content.{tool}.toolUse.input": BY_CALLS,
}
CONVERSE_PLACES = Places(CONVERSE_SAID, CONVERSE_INSTEAD)
NOVA_PLACES = Places(
    {**CONVERSE_SAID, **{name: f"metadata -> {name}" for name in BEDROCK_MEMBERS}},
    CONVERSE_INSTEAD,
)

# --- Cohere (wire formats, section 11) ---

COHERE_PLACES = Places(
    {
        "": "type=message-end -> delta",
        "id": "type=message-start -> id",
        "message": "type=message-start -> delta.message",
        "message.content.{block}": "type=content-start index={block} -> delta.message.content",
        "message.tool_calls.{call}": (
            "type=tool-call-start index={call} -> delta.message.tool_calls"
        ),
    },
    {
        "message.content.{block}.text": BY_TEXT,
        "message.content.{block}.thinking": BY_THOUGHT,
        "message.tool_plan": 'say it with "text" beside "tool_calls"',
        "message.tool_calls.{call}.function.arguments": BY_CALLS,
        "message.citations": BY_BLOCK,
    },
)

# --- Ollama (wire formats, section 13) ---

OLLAMA_PLACES = Places(
    {
        "": "done ->",
        "model": "model -> model",
        "created_at": "created_at -> created_at",
        "message": "done -> message",
        "message.role": "message -> message.role",
        "message.tool_calls.{call}": (
            "message.tool_calls.0.function.index={call} -> message.tool_calls.0"
        ),
    },
    {
        "response": BY_TEXT,
        "thinking": BY_THOUGHT,
        "message.content": BY_TEXT,
        "message.thinking": BY_THOUGHT,
    },
)


# === formats/pydantic ========================================================
# What pydantic says of a wrong field: Anthropic, Mistral and OpenAI's audio are written in it.

# Pure.


# What an error calls the kinds of JSON values, in its type and in its message.
PYDANTIC_NAMES = {
    "a string": ("string", "string"),
    "an integer": ("int", "integer"),
    "an array": ("list", "list"),
    "an object": ("dict", "dictionary"),
    "a boolean": ("bool", "boolean"),
    "a number": ("float", "number"),
}


def pydantic_error(wrong: BadField) -> Tuple[str, str]:
    """The type and the message of the error of a field."""
    if wrong.found is MISSING:
        return "missing", "Field required"
    if wrong.sentence:  # of an array, whose length is all that is asked for in pydantic's words
        return "too_long", wrong.sentence
    if wrong.expected in PYDANTIC_NAMES:
        kind, name = PYDANTIC_NAMES[wrong.expected]
        return f"{kind}_type", f"Input should be a valid {name}"
    if wrong.expected == "false":  # the one value that there is
        return "literal_error", "Input should be False"
    return "value_error", f"Input should be {wrong.expected}"


def location(path: str) -> List[Union[str, int]]:
    """`messages[0].role` as pydantic has it: ["messages", 0, "role"]."""
    steps: List[Union[str, int]] = []
    for name in re.findall(r"[^.\[\]]+", path):
        if name.isdigit():  # the index of an item
            steps.append(int(name))
        else:
            steps.append(name)
    return steps


# === formats/anthropic =======================================================
# Anthropic's messages and counts (wire formats, section 9).  Pure.


# Types of errors by status; any other is an api_error, or of the request.
ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# Of the sentences only that of not_found was recorded; section 9 says where the others are from.
ANTHROPIC_ERRORS = {
    "no_key": Failure(401, "x-api-key header is required"),
    "authentication": Failure(401, "invalid x-api-key"),
    "permission": Failure(
        403, "Your API key does not have permission to use the specified resource."
    ),
    "not_found": Failure(404, "model: {model}"),
    "timeout": Failure(504, "Request timed out"),
    "rate_limit": Failure(
        429,
        "This request would exceed your organization's rate limit of 50 requests per minute. For "
        "details, refer to: https://docs.claude.com/en/api/rate-limits.",
    ),
    "server_error": Failure(500, "Internal server error"),
    "overloaded": Failure(529, "Overloaded", "overloaded_error"),
    "context_length": Failure(400, "prompt is too long: 200001 tokens > 200000 maximum"),
}
# What an answer says of its rate limits: which, how many, how many are left.
ANTHROPIC_LIMITS = (
    ("requests", 50, 49),
    ("tokens", 480000, 479000),
    ("input-tokens", 400000, 399000),
    ("output-tokens", 80000, 80000),
)
ANTHROPIC_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


def anthropic_error_type(status: int) -> str:
    """The type of the errors of a status."""
    if status >= 500:
        return ANTHROPIC_TYPES.get(status, "api_error")
    return ANTHROPIC_TYPES.get(status, "invalid_request_error")


def anthropic_limit_headers(name: str, most: int, left: int, reset: str) -> Headers:
    """What is said of one rate limit; `reset` is the moment when there is all of it again."""
    prefix = f"anthropic-ratelimit-{name}-"
    return (
        (prefix + "limit", str(most)),
        (prefix + "remaining", str(left)),
        (prefix + "reset", reset),
    )


class Anthropic(WireFormat):
    """What all APIs of Anthropic share: headers, errors, two ways to send a key."""

    provider = "anthropic"
    # The same plain key comes in either, depending on the SDK and its version (2.3).
    credentials: Tuple[str, ...] = ("x-api-key", "authorization")
    errors: Mapping[str, Failure] = ANTHROPIC_ERRORS
    bad_json = "The request body is not valid JSON: {}"
    request_id_prefix = "req_011"

    def request_id(self, call: Call) -> str:
        """The id of a request, which its headers and its errors name."""
        return self.request_id_prefix + call.token("request", 21, BASE58)

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Request id, organisation and rate limits (recorded)."""
        headers: List[Tuple[str, str]] = []
        if stream:
            headers.append(("Cache-Control", "no-cache"))
        headers.append(("request-id", self.request_id(call)))
        if status == 429:
            headers.append(("retry-after", str(RETRY_SECONDS)))
        if self.operation == "generate":
            # The second is made from the request, so that equal requests get equal answers.
            reset = rfc3339(1_760_000_000 + int(call.token("reset", 6, HEX), 16)) + "Z"
            for name, most, left in ANTHROPIC_LIMITS:
                if status == 429 and name == "requests":
                    left = 0
                headers += anthropic_limit_headers(name, most, left, reset)
        headers.append(("anthropic-organization-id", uuid(call, "organization")))
        return (*headers, ("x-robots-tag", "none"), ("Server", "cloudflare"))

    def limit_headers(self, limit: Limit) -> Headers:
        """Requests, and the moment at which there are new ones."""
        reset = rfc3339(limit.reset) + "Z"
        headers = anthropic_limit_headers("requests", limit.requests, limit.left, reset)
        return (*headers, *retry_after(limit))

    def error(self, call: Call, failure: Failure) -> Dict[str, Json]:
        """`{"type": "error", "error": {"type", "message"}, "request_id"}`."""
        error: Dict[str, Json] = {
            "type": failure.type or anthropic_error_type(failure.status),
            "message": failure.message,
        }
        if failure.code:
            error["details"] = {"error_code": failure.code}
        return {"type": "error", "error": error, "request_id": self.request_id(call)}

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """The error, compact."""
        return ErrorBody(self.error(call, failure))

    def complaint(self, wrong: BadField) -> Failure:
        """The field and what pydantic says of it."""
        # It is written as a path with dots: messages.0.role.
        place = ".".join(map(str, location(wrong.path))) or "body"
        return Failure(400, f"{place}: {pydantic_error(wrong)[1]}", "invalid_request_error")


ANTHROPIC_MESSAGE = Kinds({"role": "a string!", "content": "a string or an array!"})


class AnthropicRequest(Anthropic):
    """How a messages request reads."""

    api = "messages"
    fields: Mapping[str, str] = {
        "model": "a string!",
        "messages": "an array!",
        # Unlike elsewhere this one is required (section 9).
        "max_tokens": "an integer!",
        "system": "a string or an array",
        "stream": "a boolean",
        "tools": "an array",
        "tool_choice": "an object",
        "temperature": "a number",
        "top_p": "a number",
        "top_k": "an integer",
        "stop_sequences": "an array",
        "metadata": "an object",
        "thinking": "an object",
        "context_management": "an object",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """System prompt and messages; a message of only tool results is no user message."""
        system = body.get("system")
        if not system.is_absent:
            yield Turn("system", anthropic_content(system).text)
        # The SDK then sends the whole conversation (anthropic-py 2.13).
        if within(body.value, "thread", "type") == "continue":
            raise Refused(404, "Thread not found: nothing is stored here", code="thread_not_found")
        messages = body.get("messages")
        if not messages.value:
            messages.expected("a list of at least one message")
        for message in messages.objects():
            message.check(ANTHROPIC_MESSAGE)
            content = anthropic_content(message.get("content"))
            role = message.get("role")
            if role.value not in ("user", "assistant", "system"):
                role.expected("'user' or 'assistant'")
            yield from content.turns(role.value)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of the tools."""
        for tool in body.get("tools").objects():
            name_kind = "a string"
            # A server tool is known by its type alone.
            if tool.value.get("type") in (None, "custom"):
                name_kind = "a string!"
            tool.check({"name": name_kind, "type": "a string"})
            yield tool.value.get("name") or tool.value.get("type") or ""

    def schema(self, body: Field) -> Json:
        """`output_config.format.schema`, or the older `output_format.schema`."""
        schema = within(body.value, "output_config", "format", "schema")
        return schema or within(body.value, "output_format", "schema")

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`."""
        return bool(body.value.get("stream"))


def anthropic_stop_reason(reply: Reply) -> str:
    """Why a message ends; a refusal has a reason of its own."""
    if reply.stop == "stop" and reply.text(Refusal) is not None:
        return ANTHROPIC_STOPS["content_filter"]
    return said_stop(ANTHROPIC_STOPS, reply.stop)


def anthropic_input_counts(usage: Usage) -> Dict[str, Json]:
    """Tokens of the prompt; those that the cache had or was given are not among the others."""
    return {
        "input_tokens": usage.uncached,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
    }


def anthropic_output_counts(usage: Usage) -> Dict[str, Json]:
    """Tokens of the answer."""
    counts: Dict[str, Json] = {"output_tokens": usage.output}
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts


def managed_context(call: Call) -> Dict[str, Json]:
    """What became of the context, where a request says how it is to be managed: nothing was to be
    cleared (typed in anthropic-py 2.14, beta; seen in public streams)."""
    if not call.body.get("context_management"):
        return {}
    return {"context_management": {"applied_edits": []}}


def typed(name: str, **members: Json) -> Tuple[str, Json]:
    """An event whose name is its type."""
    return name, {"type": name, **members}


class AnthropicMessages(AnthropicRequest):
    """Messages, whole and streamed."""

    routes: Tuple[str, ...] = ("POST /v1/messages", "POST {prefix*}/v1/messages")
    stream_type = "text/event-stream; charset=utf-8"
    places = ANTHROPIC_PLACES
    speaks = WireFormat.speaks | {Block}
    # As it comes of its own accord (section 9, recorded).
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    prefix = "msg_01"

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """Those that name their type."""
        return isinstance(block.get("type"), str)

    def message(
        self, call: Call, reply: Reply, content: List[Json], stop: Optional[str], usage: Usage
    ) -> Dict[str, Json]:
        """The message object, with the tokens that are used so far."""
        # Keys and their order are as recorded: stop_details and inference_geo came in 2026.
        return {
            "model": reply.model,
            "id": reply.id or self.prefix + call.token("id", 22, BASE58),
            "type": "message",
            "role": "assistant",
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "stop_details": None,
            "usage": {
                **anthropic_input_counts(usage),
                # Five minutes is how long one keeps where the request does not say it.
                "cache_creation": {
                    "ephemeral_5m_input_tokens": usage.cache_write,
                    "ephemeral_1h_input_tokens": 0,
                },
                **anthropic_output_counts(usage),
                "service_tier": "standard",
                "inference_geo": "not_available",
            },
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The message."""
        content = [anthropic_block(call, part, index) for index, part in enumerate(reply.parts)]
        message = self.message(call, reply, content, anthropic_stop_reason(reply), reply.usage)
        return {**message, **managed_context(call)}

    def values(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The events of a stream, as they are without a ping and padding."""
        # A small count comes first, the totals at the end; clients do not add them up.
        spent = replace(reply.usage, output=min(1, reply.usage.output), reasoning=0)
        message = self.message(call, reply, [], None, spent)
        yield typed("message_start", message=message)
        for run in walk(reply, loose):
            block = anthropic_block(call, run.part, run.index)
            begun = anthropic_block_start(block)
            yield typed("content_block_start", index=run.index, content_block=begun)
            for delta, texts in anthropic_deltas(run, block):
                name, value = typed("content_block_delta", index=run.index, delta=delta)
                yield from filled_in(name, value, texts)
            yield typed("content_block_stop", index=run.index)
        stop = {
            "stop_reason": anthropic_stop_reason(reply),
            "stop_sequence": None,
            "stop_details": None,
        }
        usage = {**anthropic_input_counts(reply.usage), **anthropic_output_counts(reply.usage)}
        yield typed("message_delta", delta=stop, usage=usage, **managed_context(call))
        yield typed("message_stop")

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events, padded by up to 15 spaces, and a ping after the first block's start."""
        # 77 of 85 recorded streams had exactly one ping.
        was_pinged = False
        pads = call.pads
        for number, (name, value) in enumerate(self.values(call, reply)):
            spaces = ord(pads[number % 1024]) % 16
            yield name, laid_out(value, compact)[:-1] + b" " * spaces + b"}"
            if name == "content_block_start" and not was_pinged:
                was_pinged = True
                # Unlike the others it has a space, and no padding (recorded).
                yield "ping", '{"type": "ping"}'

    def is_content(self, name: str, value: Json) -> bool:
        """A delta of a block, or a block that comes whole."""
        kind, block = within(value, "type"), within(value, "content_block")
        if kind == "content_block_start":
            return bool(within(block, "data") or within(block, "content"))
        return kind == "content_block_delta" and has_words(within(value, "delta"))

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The event `error`."""
        # Nothing follows it; the status was 200 (verified).
        yield "error", self.error(call, failure)

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type."""
        # SDKs skip an event without a name, and say nothing (3.3).
        return named_by_type(values)


class AnthropicCountTokens(AnthropicRequest):
    """The input tokens of a messages request."""

    operation, api = "count_tokens", "count_tokens"
    routes: Tuple[str, ...] = (
        "POST /v1/messages/count_tokens",
        "POST {prefix*}/v1/messages/count_tokens",
    )
    fields = {**AnthropicRequest.fields, "max_tokens": "an integer"}

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """Never."""
        return False

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count, which a managed context leaves as it is."""
        tokens = reply.usage.input
        if not call.body.get("context_management"):
            return {"input_tokens": tokens}
        return {
            "input_tokens": tokens,
            "context_management": {"original_input_tokens": tokens},
        }


# === formats/anthropic_models ================================================
# Anthropic's models (wire formats, section 9).  Pure.


# The families of models (typed in anthropic-py 2.14); one of no family has null.
MODEL_LINES = frozenset(("haiku", "sonnet", "opus", "fable", "mythos"))


def supported(*names: str) -> Dict[str, Json]:
    """What a model can do, by name."""
    return {name: {"supported": True} for name in names}


# All keys are always there (typed), and all is supported: a client may try any of it.
CAPABILITIES: Mapping[str, Json] = {
    **supported("batch", "citations", "code_execution"),
    **supported("image_input", "pdf_input", "structured_outputs"),
    "context_management": {
        "supported": True,
        **supported("clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112"),
    },
    "effort": {"supported": True, **supported("low", "medium", "high", "max", "xhigh")},
    "thinking": {
        "supported": True,
        "types": supported("adaptive", "between_tools", "disabled", "enabled"),
    },
    "server_tools": {"supported": True, **supported("code_execution", "web_search")},
}


def model_line(name: str) -> Optional[str]:
    """The family of a model, which is a word of its name."""
    return next((word for word in name.split("-") if word in MODEL_LINES), None)


class AnthropicModels(Anthropic):
    """Models, for clients that say `anthropic-version`."""

    operation = api = "models"
    routes = ("GET /v1/models[/{model:}]",)
    known = ("claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001")
    speaks = frozenset()
    needs_mock = False

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Shared with OpenAI, Google and Mistral."""
        return caller(request) == "anthropic"

    def entry(self, name: str) -> Dict[str, Json]:
        """One model, which nobody is about to retire."""
        # From `lifecycle` on typed in anthropic-py 2.14, where that one is required.
        return {
            "type": "model",
            "id": name,
            "display_name": name.replace("-", " ").title(),
            "created_at": "2025-09-29T00:00:00Z",
            "lifecycle": "active",
            "line": model_line(name),
            "max_input_tokens": 200000,
            "max_tokens": 64000,
            "deprecated_at": None,
            "retires_at": None,
            "capabilities": CAPABILITIES,
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list, or the one asked for."""
        if call.model:
            return self.entry(call.model)
        return {
            "data": [self.entry(name) for name in self.known],
            "has_more": False,
            "first_id": self.known[0],
            "last_id": self.known[-1],
        }


# === formats/openai ==========================================================
# What all APIs of OpenAI share: headers, errors, texts (wire formats, section 5).  Pure.


# With or without a vendor's prefix; Azure's gpt-35-turbo does not reason.
REASONING_MODEL = re.compile(r"(?:.*/)?(?:o\d|gpt-(?:[5-9](?!\d)|[12]\d))")

# Types of the parts of a content that hold text; those of the Responses API are the longer ones.
TEXT_PARTS = ("text", "input_text", "output_text")

# What the front door sends with every answer (5.1, recorded).  `alt-svc`, cookies and
# `strict-transport-security` are left out: clients would act on them.
OPENAI_EDGE_HEADERS: Headers = (
    ("access-control-expose-headers", "X-Request-ID"),
    ("x-content-type-options", "nosniff"),
    ("Server", "cloudflare"),
)

# Rate limits that only look like some; those of a mock that counts replace them (5.1, recorded).
OPENAI_RATE_HEADERS: Headers = (
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "200000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "199968"),
    ("x-ratelimit-reset-requests", "8.64s"),
    ("x-ratelimit-reset-tokens", "9ms"),
)

# The same with nothing left, which is what a 429 means (2.5).
OPENAI_SPENT_HEADERS: Headers = (
    ("retry-after", str(RETRY_SECONDS)),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "200000"),
    ("x-ratelimit-remaining-requests", "0"),
    ("x-ratelimit-remaining-tokens", "199968"),
    ("x-ratelimit-reset-requests", "1s"),
    ("x-ratelimit-reset-tokens", "9ms"),
)

# Which of the sentences were recorded, and which are only quoted, is in the table of 5.8.
OPENAI_ERRORS: Mapping[str, Failure] = {
    "no_key": Failure(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field "
        "(with blank username) if you're accessing the API from your browser and are prompted for "
        "a username and password. You can obtain an API key from "
        "https://platform.openai.com/account/api-keys.",
        # Sent as null; without it, it would be the code of a wrong key, which is 401 too.
        code="",
    ),
    "authentication": Failure(
        401,
        "Incorrect API key provided: sk-****. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    ),
    "permission": Failure(
        403,
        "Project `proj_mock` does not have access to model `{model}`",
        code="model_not_found",
    ),
    "not_found": Failure(
        404,
        "The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
    ),
    "rate_limit": Failure(
        429,
        "Rate limit reached for {model} in organization org-mock on requests per min (RPM): "
        "Limit {most}, Used {most}, Requested 1. Please try again in {wait}s. Visit "
        "https://platform.openai.com/account/rate-limits to learn more.",
        "requests",
        "rate_limit_exceeded",
    ),
    "server_error": Failure(
        500, "The server had an error while processing your request. Sorry about that!"
    ),
    "overloaded": Failure(
        503,
        "The server is currently overloaded with other requests. Sorry about that! Please retry "
        "your requests after a brief wait.",
    ),
    "context_length": Failure(
        400,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "128001 tokens. Please reduce the length of the messages.",
        code="context_length_exceeded",
        param="messages",
    ),
}


def is_reasoning_model(name: str) -> bool:
    """Whether a model thinks before it answers: its answers lack some keys (5.2)."""
    return REASONING_MODEL.match(name) is not None


def go_duration(seconds: int) -> str:
    """Whole seconds as Go writes a duration: `1m13s`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(f"{hours}h")
    # Go writes the minutes behind hours even if there are none: 1h0m5s.
    if hours or minutes:
        parts.append(f"{minutes}m")
    return "".join([*parts, f"{rest}s"])


def openai_text(content: Field) -> str:
    """The text of a message's content: a string, null, or parts of which those with text count."""
    if content.is_absent:
        return ""
    if isinstance(content.value, str):
        return content.value
    content.a("a string or an array")
    texts: List[str] = []
    for node in content.objects():
        part = node.check({"type": "a string!", "text": "a string"}).value
        if part["type"] in TEXT_PARTS and part.get("text") is not None:
            texts.append(part["text"])
        elif part["type"] == "document":
            texts.append(document_text(part))
    return "\n".join(texts)


def document_text(part: Json) -> str:
    """The text of a document, as which Cohere's clients send the result of a tool (section 11)."""
    data = within(part, "document", "data")
    if isinstance(data, str):
        return data
    return compact(data)


def plain_texts(items: Iterable[Json]) -> List[str]:
    """The strings among some items, and an empty text for any other."""
    return [item if isinstance(item, str) else "" for item in items]


def input_texts(value: Json) -> List[str]:
    """The texts that are to be answered one by one: a string, or a list of them.

    Token numbers have no text; a list of them is one input, or one of several (2.2)."""
    if isinstance(value, str):
        return [value]
    if is_tokens(value):
        return [""]
    return plain_texts(value or ())


def is_tokens(value: Json) -> bool:
    """Whether an input is a list of token numbers."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], int)


def wants_usage(body: Json) -> bool:
    """Whether a stream is to end with a chunk of token counts."""
    return bool(within(body, "stream_options", "include_usage"))


def wants_obfuscation(body: Json) -> bool:
    """Whether the events of a stream are to be padded, which is the default."""
    # Since August 2025 (5.3).
    return within(body, "stream_options", "include_obfuscation") is not False


def openai_sentence(wrong: BadField) -> Tuple[str, str]:
    """What OpenAI says of a field that is missing or wrong, and the code of that error (5.8)."""
    field, kind = wrong.path, kind_of(wrong.found)
    if not field:
        return f"Invalid body: expected {wrong.expected}, but got {kind} instead.", "invalid_body"
    if wrong.sentence:
        return wrong.sentence, "array_above_max_length"
    if wrong.found is MISSING:
        return f"Missing required parameter: '{field}'.", "missing_required_parameter"
    if wrong.found == [] and "array" in wrong.expected:
        text = "empty array. Expected an array with minimum length 1, but got an empty array"
        return f"Invalid '{field}': {text} instead.", "empty_array"
    if " from " in wrong.expected:
        text = f"expected {wrong.expected}, but got {shown(wrong.found)}"
        return f"Invalid '{field}': {text} instead.", "invalid_value"
    text = f"expected {wrong.expected}, but got {kind}"
    return f"Invalid type for '{field}': {text} instead.", "invalid_type"


class OpenAI(WireFormat):
    """What all APIs of OpenAI share: headers, errors, credential."""

    provider = "openai"
    dialect = "openai"
    layout: Callable[..., str] = staticmethod(indented)
    ending = "\n"
    too_many = (
        "Invalid '{path}': array too long. Expected an array with maximum length {most}, but got "
        "an array with length {found} instead."
    )
    bad_json = (
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't "
        "using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was "
        "sent was not valid JSON: {}.)"
    )
    errors: Mapping[str, Failure] = OPENAI_ERRORS
    # Errors that never reach the engine have another layout and other headers (5.8, recorded).
    front_door: Tuple[int, ...] = (401, 404)
    usual_limit = 10_000
    duration: Callable[[int], str] = staticmethod(go_duration)  # seconds in a header

    def has_rate_limits(self, stream: bool) -> bool:
        """Whether answers come with rate limits (5.1)."""
        return self.operation in ("generate", "embed")

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Request id, processing time, version and rate limits (5.1, recorded)."""
        request_id = ("x-request-id", "req_" + call.token("request", 32, HEX))
        if status in self.front_door:
            return (request_id, ("Vary", "Origin"), *OPENAI_EDGE_HEADERS)
        limits: Headers = ()
        if self.has_rate_limits(stream):
            limits = OPENAI_SPENT_HEADERS if status == 429 else OPENAI_RATE_HEADERS
        return (
            request_id,
            ("openai-organization", "mock-organization"),
            ("openai-processing-ms", str(100 + int(call.token("ms", 2, HEX), 16))),
            ("openai-version", "2020-10-01"),
            *limits,
            *OPENAI_EDGE_HEADERS,
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """Requests, and the time until there are new ones (5.1)."""
        return (
            ("x-ratelimit-limit-requests", str(limit.requests)),
            ("x-ratelimit-remaining-requests", str(limit.left)),
            ("x-ratelimit-reset-requests", self.duration(limit.wait)),
            *retry_after(limit),
        )

    def error(self, failure: Failure) -> Dict[str, Json]:
        """The inner object of an error; all four members are always there (5.8)."""
        usual = "server_error" if failure.status >= 500 else "invalid_request_error"
        return {
            "message": failure.message,
            "type": failure.type or usual,
            "param": failure.param,
            "code": failure.code or None,
        }

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error": {…}}` in one of two layouts."""
        value = {"error": self.error(failure)}
        # At the front door 4 spaces and a line end, from the engine 2 and none (5.8, recorded).
        if failure.status in self.front_door:
            wide = functools.partial(indented, step="    ")
            return ErrorBody(value, wide, "\n", "application/json; charset=utf-8")
        return ErrorBody(value, indented)

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """One event that holds an error (3.3); nothing follows it."""
        yield "", {"error": self.error(failure)}

    def complaint(self, wrong: BadField) -> Failure:
        """OpenAI's own sentences, with the field as `param`."""
        text, code = openai_sentence(wrong)
        return Failure(400, text, "invalid_request_error", code, wrong.path or None)


class OpenAIGeneration(OpenAI):
    """What the APIs share that answer a prompt and can stream the answer."""

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`."""
        return bool(body.value.get("stream"))

    def arranged(self, value: Dict[str, Json]) -> Dict[str, Json]:
        """An answer or a chunk with its keys ordered as a dialect has them."""
        return value

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """The values, and `[DONE]` if they don't end with it."""
        for value in values:
            yield "", value
        # A .jsonl file of what an SDK gave out lacks it: SDKs keep the terminator to themselves
        # (3.3).
        if not values or values[-1] != "[DONE]":
            yield "", "[DONE]"


# === formats/likely ==========================================================
# How likely each piece of an answer was, for requests that ask for log probabilities.  Pure.


MOST_LOGPROBS = 50_000  # of one answer: each takes a thousand bytes of memory
LOGPROB = -0.01  # of every piece (5.2)


def wants_likely(call: Call) -> bool:
    """Whether a request asks for log probabilities."""
    return call.body.get("logprobs") is True


def text_pieces(reply: Reply) -> Iterator[str]:
    """The pieces in which the text of an answer streams."""
    for run in walk(reply):
        if isinstance(run.part, Text):
            yield from run.texts


def bounded_pieces(pieces: Iterable[Optional[str]]) -> Iterator[str]:
    """Those of the pieces that have text; Refused where one answer has too many."""
    for number, piece in enumerate(filter(None, pieces)):
        if number >= MOST_LOGPROBS:
            message = f"the answer has logprobs for at most {MOST_LOGPROBS} tokens; ask for less"
            raise Refused(400, message, code="answer_too_large")
        yield piece


def token_number(piece: str) -> int:
    """The number of a token in a vocabulary, made from its text."""
    return int(token(piece, 4, HEX), 16)


def likely_token(piece: str) -> Dict[str, Json]:
    """A piece as OpenAI has it (5.2), and Ollama."""
    return {"token": piece, "logprob": LOGPROB, "bytes": list(utf8(piece))}


def likely_tokens(pieces: Iterable[Optional[str]], top: Json) -> List[Json]:
    """All pieces as OpenAI has them; there is no other than the one that was chosen, which is the
    most likely where a request asks for so many."""
    entries: List[Json] = []
    for piece in bounded_pieces(pieces):
        entry = likely_token(piece)
        alternatives = [entry] if top else []
        entries.append({**entry, "top_logprobs": alternatives})
    return entries


# === formats/openai_chat_reading =============================================
# How a chat completions request reads (wire formats, 2.2 and 5.2).  Pure.


# What a role is in a conversation.  `developer` is what reasoning models call the system, and
# `function` what a tool was before there were several a message.
CHAT_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}

MESSAGE_FIELDS = Kinds({"role": "a string!"})


def chat_turns(messages: Field) -> Iterator[Turn]:
    """The turns of a conversation."""
    for message in messages.items():
        value = message.check(MESSAGE_FIELDS).value
        role = CHAT_ROLES.get(value["role"])
        if role is None:
            message.get("role").expected("one from " + ", ".join(CHAT_ROLES))
        text = value.get("content")
        if not isinstance(text, str):
            text = openai_text(message.get("content"))
        if role == "tool":
            # A `function`, as a tool was called first, is known by its name alone.
            yield Turn(role, text, call_id_of(value, "tool_call_id", "name"))
        else:
            yield Turn(role, text)


class ChatRequest(OpenAIGeneration):
    """A request in the form that most other providers understand, too."""

    api = "chat"
    fields = {
        "model": "a string!",
        "messages": "an array!",
        "stream": "a boolean",
        "stream_options": "an object",
        "n": "an integer",
        "tools": "an array",
        "functions": "an array",
        "temperature": "a number",
        "top_p": "a number",
        "max_tokens": "an integer",
        "max_completion_tokens": "an integer",
        "logprobs": "a boolean",
        "response_format": "an object",
        "parallel_tool_calls": "a boolean",
        "tool_choice": "a string or an object",
        "stop": "a string or an array",
        "user": "a string",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """The messages, in order."""
        messages = body.get("messages")
        if not messages.value:
            messages.expected("an array")
        return chat_turns(messages)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of functions and custom tools, and of the older `functions`."""
        if body.value.keys().isdisjoint(("tools", "functions")):
            return
        for tool in body.get("tools").objects():
            kind = tool.value.get("type")
            # Both lie under their kind; what other vendors add has no name to call it by.
            if kind in ("function", "custom"):
                function = tool.check({kind: "an object!"}).get(kind)
                yield function.check({"name": "a string!"}).value["name"]
        for function in body.get("functions").objects():
            yield function.check({"name": "a string!"}).value["name"]

    def custom_tools(self, body: Json) -> List[str]:
        """Those of type `custom`."""
        tools = body.get("tools") or ()
        return [tool["custom"]["name"] for tool in tools if tool.get("type") == "custom"]

    def choices(self, body: Field) -> int:
        """`n`."""
        if "n" not in body.value:
            return 1
        return choices_of(body.get("n"), 128)  # the most that OpenAI takes

    def schema(self, body: Field) -> Json:
        """`response_format.json_schema.schema`."""
        return within(body.value, "response_format", "json_schema", "schema")


# === formats/openai_chat =====================================================
# OpenAI's chat completions, whole and streamed (wire formats, 5.2 and 5.3).  Pure.


# Where a delta holds the pieces of a part.  `reasoning_content` is other vendors' (5.2).
DELTA_KEYS = {Text: "content", Reasoning: "reasoning_content", Refusal: "refusal"}


def chat_usage(usage: Usage) -> Dict[str, Json]:
    """Token counts with their details."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "audio_tokens": 0,
            **written_tokens(usage),
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def written_tokens(usage: Usage) -> Dict[str, Json]:
    """Tokens that were written to a cache, which only some hosts tell (in the SDK's types)."""
    if not usage.cache_write:
        return {}
    return {"cache_write_tokens": usage.cache_write}


def logprobs(pieces: Iterable[Optional[str]], body: Json) -> Optional[Dict[str, Json]]:
    """Log probabilities, if the request asks for them and a piece has text (5.2)."""
    if body.get("logprobs") is not True:
        return None
    content = likely_tokens(pieces, body.get("top_logprobs"))
    if not content:
        return None
    return {"content": content, "refusal": None}


def padded_events(
    call: Call, stencil: Stencil, texts: Texts, numbers: Iterator[int]
) -> Iterator[Tuple[str, bytes]]:
    """Chunks with a text, where there is a hole for one, and behind it what makes their length 1
    modulo 16 (5.3, recorded)."""
    pads = utf8(call.pads)
    begin, (*of_text, (_, end)) = stencil.begin, stencil.rest
    middle, end = b'"', b'"' + end
    if of_text:
        middle = of_text[0][1] + middle
    length = len(begin + middle + end)
    for text, number in zip(texts, numbers):
        piece = b""
        if of_text:
            piece = utf8(quoted(text))
        room = (1 - length - len(piece)) % 16 or 16
        start = number * 16 % 1008  # the 1,024 pads start over before a padding could be cut off
        yield "", b"".join((begin, piece, middle, pads[start : start + room], end))


def is_lone_call(reply: Reply) -> bool:
    """Whether a call of a tool is all that is said; it streams together with the role (5.3)."""
    return len(reply.parts) == len(reply.tool_calls) == 1


def opening_delta(reply: Reply, heads: List[Dict[str, Json]]) -> Dict[str, Json]:
    """The first delta of a message; `heads` are those with which its tool calls begin (5.3,
    recorded).

    Several calls come after the role, and then the key `refusal` is missing."""
    delta: Dict[str, Json] = {"role": "assistant", "content": None}
    # Without a text it is null, not empty (5.3).
    if reply.text(Text) is not None:
        delta["content"] = ""
    if is_lone_call(reply):
        delta.update(heads[0])
    if len(heads) < 2 or len(heads) < len(reply.parts):
        delta["refusal"] = None
    return delta


def asks_for_functions(call: Call) -> bool:
    """Whether a request offers the older `functions`, of which an answer calls at most one."""
    return bool(within(call.body, "functions")) and not within(call.body, "tools")


# Where a call of a tool has what it is called with, by the type of the call.
CALL_INPUTS = {"function": "arguments", "custom": "input"}


def new_fingerprint(model: str) -> Optional[str]:
    """A model's fingerprint; reasoning models have none (2.4)."""
    if is_reasoning_model(model):
        return None
    return "fp_" + token(model, 10, HEX)


SHORT_NAME = 100  # characters of what is kept
known_fingerprint = functools.lru_cache(maxsize=256)(new_fingerprint)


class ChatCompletion(ChatRequest):
    """The objects of chat completions, which other providers borrow."""

    has_functions = True  # whether a request may offer those
    has_logprobs = True  # whether a choice has that key

    def head(self, call: Call, reply: Reply, kind: str) -> Dict[str, Json]:
        """What every object begins with."""
        return {
            "id": reply.id or "chatcmpl-" + call.token("id", 29),
            "object": kind,
            "created": call.second,
            "model": reply.model,
        }

    def tail(self, call: Call) -> Dict[str, Json]:
        """Tier and fingerprint."""
        fingerprint = known_fingerprint if len(call.model) < SHORT_NAME else new_fingerprint
        return {"service_tier": "default", "system_fingerprint": fingerprint(call.model)}

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts, of all choices together."""
        return chat_usage(reply.usage)

    def lacks(self, call: Call, parts: Sequence[Part]) -> Optional[Difference]:
        """That there are several calls, where the request knows only of one."""
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if len(calls) < 2 or not (self.has_functions and asks_for_functions(call)):
            return super().lacks(call, parts)
        expected = Because('in "tools", because of "functions" only one is called')
        return "tools", list(call.tools), expected

    def finish_reason(self, call: Call, reply: Reply) -> str:
        """Why the answer ends."""
        if reply.stop == "tool_calls" and asks_for_functions(call):
            return "function_call"
        return reply.stop

    def tool_call(self, call: Call, part: ToolCall, number: int, choice: int) -> Dict[str, Json]:
        """A whole tool call; arguments of a function are JSON text."""
        kind = "function"
        if part.name in call.custom_tools:
            kind = "custom"
        return {
            "id": part.id or "call_" + call.token(f"tool {choice} {number}", 24),
            "type": kind,
            kind: {"name": part.name, CALL_INPUTS[kind]: tool_input(part)},
        }

    def tool_calls(self, call: Call, reply: Reply, choice: int) -> List[Json]:
        """All tool calls of an answer, whole."""
        parts = enumerate(reply.tool_calls)
        return [self.tool_call(call, part, number, choice) for number, part in parts]

    def called(self, call: Call, reply: Reply, choice: int) -> Dict[str, Json]:
        """The member of a message that says what is called, if something is."""
        if not reply.tool_calls:
            return {}
        whole = self.tool_calls(call, reply, choice)
        if asks_for_functions(call):
            return {"function_call": whole[0]["function"]}
        return {"tool_calls": whole}

    def message(self, call: Call, reply: Reply, choice: int) -> Dict[str, Json]:
        """The assistant's message."""
        # The order is as recorded: calls before the refusal, `annotations` since March 2025 (5.2).
        return {
            "role": "assistant",
            "content": reply.text(Text),
            **present(reasoning_content=reply.text(Reasoning) or None),
            **self.called(call, reply, choice),
            "refusal": reply.text(Refusal) or None,
            "annotations": [],
        }

    def choice(
        self,
        call: Call,
        index: int,
        body: Dict[str, Json],
        finish: Optional[str],
        pieces: Iterable[Optional[str]] = (),
    ) -> Dict[str, Json]:
        """One choice; `body` is its message or delta, and `pieces` is the text that this holds."""
        choice = {"index": index, **body}
        # Reasoning models have no log probabilities, not even the key (5.2).
        if self.has_logprobs and not is_reasoning_model(call.model):
            choice["logprobs"] = logprobs(pieces, call.body)
        choice["finish_reason"] = finish
        return choice

    def is_content(self, name: str, value: Json) -> bool:
        """A delta that holds more than the role."""
        choices = within(value, "choices") or ()
        return any(has_words(within(choice, "delta")) for choice in choices)


class OpenAIChat(ChatCompletion):
    """Chat completions."""

    routes: Tuple[str, ...] = ("POST /v1/chat/completions", "POST {prefix*}/chat/completions")
    stream_type = "text/event-stream; charset=utf-8"
    places = CHAT_PLACES
    has_custom_tools = True

    def whole(self, call: Call, reply: Reply) -> Json:
        """The `chat.completion` object."""
        finish = self.finish_reason(call, reply)
        choices = []
        for index in range(call.choices):
            message = {"message": self.message(call, reply, index)}
            choices.append(self.choice(call, index, message, finish, text_pieces(reply)))
        # Tier and fingerprint come last here, and before the choices in a chunk (5.2, 5.3).
        return self.arranged(
            {
                **self.head(call, reply, "chat.completion"),
                "choices": choices,
                "usage": self.usage(reply),
                **self.tail(call),
            }
        )

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """`chat.completion.chunk` objects, then `[DONE]`."""
        numbers = itertools.count()
        for chunk, texts in self.chunks(call, reply):
            chunk = self.padded(call, chunk)
            if "obfuscation" in chunk:
                yield from padded_events(call, Stencil(chunk), texts, numbers)
            else:
                yield from filled_in("", chunk, texts)
        yield "", "[DONE]"

    def chunks(self, call: Call, reply: Reply) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """The chunks of all choices, choice by choice, and of the token counts if asked for."""
        shared = {**self.head(call, reply, "chat.completion.chunk"), **self.tail(call)}
        usage: Dict[str, Json] = {}
        if wants_usage(call.body):
            # Every chunk has the key then, and without being asked none has it (5.3).
            usage["usage"] = None
        for index in range(call.choices):
            for delta, texts in self.deltas(call, reply, index):
                choice = self.choice(call, index, {"delta": delta}, None, [delta.get("content")])
                yield {**shared, "choices": [choice], **usage}, texts
            # The finish reason comes alone (5.3).
            final = self.choice(call, index, {"delta": {}}, self.finish_reason(call, reply))
            yield {**shared, "choices": [final], **usage}, ONCE
        # One chunk more, without choices (5.3).
        if usage:
            yield {**shared, "choices": [], "usage": self.usage(reply)}, ONCE

    def deltas(
        self, call: Call, reply: Reply, choice: int
    ) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """A message in pieces (5.3, recorded)."""
        calls = enumerate(self.tool_calls(call, reply, choice))
        called = [self.call_deltas(call, whole, number) for number, whole in calls]
        yield opening_delta(reply, [head for head, _ in called]), ONCE
        rest = iter(called)
        for run in walk(reply):
            if not isinstance(run.part, ToolCall):
                yield from self.text_deltas(call, DELTA_KEYS[type(run.part)], run.texts)
                continue
            # A call is complete before the next one starts.
            head, piece = next(rest)
            if not is_lone_call(reply):
                yield head, ONCE
            yield piece, run.pieces

    def text_deltas(
        self, call: Call, key: str, texts: Texts
    ) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """What is said, piece by piece."""
        if not wants_likely(call):
            yield {key: hole(0)}, texts
            return
        for text in texts:  # each has probabilities of its own
            yield {key: text}, ONCE

    def call_deltas(
        self, call: Call, whole: Mapping[str, Json], number: int
    ) -> Tuple[Dict[str, Json], Dict[str, Json]]:
        """The first delta of a tool call, without what it is called with, and one with a hole for a
        piece of that alone."""
        kind = whole["type"]
        key = CALL_INPUTS[kind]
        head: Dict[str, Json] = {**whole, kind: {**whole[kind], key: ""}}
        piece: Dict[str, Json] = {kind: {key: hole(0)}}
        if asks_for_functions(call):
            return {"function_call": head[kind]}, {"function_call": piece[kind]}
        # The index must be in every delta: without it openai-py's helper dies (5.3, verified).
        place = {"index": number}
        return {"tool_calls": [{**place, **head}]}, {"tool_calls": [{**place, **piece}]}

    def padded(self, call: Call, chunk: Dict[str, Json]) -> Dict[str, Json]:
        """A chunk with a hole for its `obfuscation` (5.3, recorded)."""
        if wants_obfuscation(call.body):
            chunk = {**chunk, "obfuscation": hole(1)}
        return self.arranged(chunk)


# === formats/openai_completions ==============================================
# OpenAI's legacy completions (wire formats, 5.4).  Pure.


# Answers that one request may ask for: 128 choices of 16 prompts.
MOST_COMPLETIONS = 2048


# Finish reasons (5.4) by those of a reply; there are no tools.
COMPLETION_STOPS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",
    "content_filter": "content_filter",
}


def completion_text(reply: Reply) -> str:
    """All that the answer says."""
    return (reply.text(Text) or "") + (reply.text(Refusal) or "")


def likely_completion(call: Call, texts: Iterable[str], offset: int) -> Optional[Dict[str, Json]]:
    """How likely the pieces of a text were, where a request has the number of the most likely
    tokens that it wants of each; the first has so many characters before it."""
    most = call.body.get("logprobs")
    if most is None:
        return None
    tokens = list(bounded_pieces(texts))
    ends = list(itertools.accumulate(map(len, tokens), initial=offset))
    return {
        "tokens": tokens,
        "token_logprobs": [LOGPROB] * len(tokens),
        "top_logprobs": [{token: LOGPROB} for token in tokens] if most else None,
        "text_offset": ends[:-1],
    }


class CompletionRequest(OpenAIGeneration):
    """How a request for completions reads."""

    api = "completions"
    fields = {
        "model": "a string!",
        "prompt": "a string or an array!",
        "stream": "a boolean",
        "n": "an integer",
        "stream_options": "an object",
        "temperature": "a number",
        "max_tokens": "an integer",
        "suffix": "a string",
        "logprobs": "an integer",
    }

    def inputs(self, body: Field) -> List[str]:
        """The prompts; lists of token numbers have no text."""
        prompt = body.get("prompt")
        if prompt.value == []:
            prompt.expected("an array")
        if isinstance(prompt.value, list) and not isinstance(prompt.value[0], int):
            for item in prompt.items():
                item.a("a string or an array")
        if not is_tokens(prompt.value):
            self.counted(prompt)
        return input_texts(prompt.value)

    def choices(self, body: Field) -> int:
        """Prompts times `n`."""
        # Numbered prompt by prompt: of two prompts and two choices the first has 0 and 1 (5.4).
        choices = choices_of(body.get("n"), 128) * len(self.inputs(body))
        if choices > MOST_COMPLETIONS:
            most = f"an array with at most {MOST_COMPLETIONS} completions in all"
            body.get("prompt").expected(most)
        return choices


class OpenAICompletions(CompletionRequest):
    """Legacy completions: text only; each of several prompts gets `n` choices."""

    routes: Tuple[str, ...] = ("POST /v1/completions", "POST {prefix*}/completions")
    speaks = frozenset((Text, Reasoning, Refusal))
    places = COMPLETION_PLACES

    def head(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """What every object begins with."""
        return {
            "id": reply.id or "cmpl-" + call.token("id", 29),
            "object": "text_completion",
            "created": call.second,
        }

    def choice(
        self, index: int, text: str, finish: Optional[str], likely: Json = None
    ) -> Dict[str, Json]:
        """One choice, or a piece of one."""
        return {"text": text, "index": index, "logprobs": likely, "finish_reason": finish}

    def offset(self, call: Call, index: int) -> int:
        """The characters before the text of a choice, which are those of its prompt."""
        inputs = call.inputs
        return len(inputs[index * len(inputs) // call.choices])

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts, without details but for what was written to a cache."""
        return {
            "prompt_tokens": reply.usage.input,
            "completion_tokens": reply.usage.output,
            "total_tokens": reply.usage.total,
            **present(prompt_tokens_details=written_tokens(reply.usage) or None),
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The `text_completion` object."""
        text, finish = completion_text(reply), said_stop(COMPLETION_STOPS, stop_of(reply))
        texts = pieces(text, reply.chunk_size)
        choices = []
        for index in range(call.choices):
            likely = likely_completion(call, texts, self.offset(call, index))
            choices.append(self.choice(index, text, finish, likely))
        return self.arranged(
            {
                **self.head(call, reply),
                "model": reply.model,
                "choices": choices,
                "usage": self.usage(reply),
            }
        )

    def is_content(self, name: str, value: Json) -> bool:
        """A text."""
        return any(within(choice, "text") for choice in within(value, "choices") or ())

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Chunks; the finish reason rides on a choice's last text (5.4, recorded)."""
        text, finishes = completion_text(reply), (None, said_stop(COMPLETION_STOPS, stop_of(reply)))
        head, model = self.head(call, reply), {"model": reply.model}
        usage: Dict[str, Json] = {}
        if wants_usage(call.body):
            usage["usage"] = None
        likely = None
        if call.body.get("logprobs") is not None:
            likely = hole(1)
        for index in range(call.choices):
            stencils = []
            for finish in finishes:
                choices = [self.choice(index, hole(0), finish, likely)]
                chunk = self.arranged({**head, "choices": choices, **model, **usage})
                stencils.append(Stencil(chunk))
            offset = self.offset(call, index)
            # Without a text there is still a piece, for the finish reason to ride on.
            for piece, is_last in with_last(pieces(text, reply.chunk_size) or ONCE):
                if likely is None:
                    yield "", stencils[is_last].filled(piece)
                    continue
                chances = likely_completion(call, [piece], offset)
                yield "", stencils[is_last].filled(piece, chances)
                offset += len(piece)
        if usage:
            # Here the choices come last, and before the model everywhere else (5.4, recorded).
            counts = {"usage": self.usage(reply), "choices": []}
            yield "", self.arranged({**head, **model, **counts})
        yield "", "[DONE]"


# === formats/openai_embeddings ===============================================
# OpenAI's embeddings (wire formats, 5.6).  Pure.


def unpacked_floats(text: str) -> List[float]:
    """The vector in base64 of little-endian float32.  ValueError or struct.error: it is none."""
    data = base64.b64decode(text)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


class OpenAIEmbeddings(OpenAI):
    """Embeddings: floats, or base64 of little-endian float32."""

    operation, api = "embed", "embeddings"
    routes: Tuple[str, ...] = ("POST /v1/embeddings", "POST {prefix*}/embeddings")
    fields = {
        "model": "a string!",
        "input": "a string or an array!",
        "encoding_format": "a string",
        "dimensions": "an integer",
        "user": "a string",
    }
    speaks = frozenset((Embedding,))

    def inputs(self, body: Field) -> List[str]:
        """The texts to embed; token numbers have no text."""
        given = body.get("input")
        if not is_tokens(given.value):
            self.counted(given)
        return input_texts(given.value)

    def turns(self, body: Field) -> List[Turn]:
        """The input counts as the user's text."""
        texts, encoding = body.get("input"), body.get("encoding_format")
        if texts.value == []:
            texts.expected("an array")
        if not encoding.is_absent and encoding.value not in ("float", "base64"):
            encoding.expected("one from float, base64")
        return [Turn("user", "\n".join(self.inputs(body)))]

    @staticmethod
    def wants_base64(call: Call) -> bool:
        """Whether the request asks for packed vectors; openai-node does so by itself (5.6)."""
        return bool(call.body.get("encoding_format") == "base64")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list of embeddings."""
        vectors: List[Json] = list(reply.vectors(len(call.inputs)))
        if self.wants_base64(call):
            vectors = [packed_floats(vector) for vector in vectors]
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": vector}
                for index, vector in enumerate(vectors)
            ],
            "model": reply.model,
            "usage": {"prompt_tokens": reply.usage.input, "total_tokens": reply.usage.input},
        }

    def adapted(self, call: Call, body: bytes) -> bytes:
        """A recorded body with its vectors in the encoding asked for: openai-node reads floats,
        where it asked for base64, as an empty vector, and says nothing (5.6, verified)."""
        form: type = list
        convert: Callable[[Any], Json] = unpacked_floats
        if self.wants_base64(call):
            form = str
            convert = packed_floats
        try:
            value = parse_json(body)
            # The file may have been recorded by either client: what fits already stays as it is.
            entries = [entry for entry in value["data"] if not isinstance(entry["embedding"], form)]
            if not entries:
                return body
            for entry in entries:
                if not isinstance(entry["embedding"], (str, list)):
                    return body  # no vector in either encoding
                entry["embedding"] = convert(entry["embedding"])
        except (ValueError, KeyError, TypeError, OverflowError, struct.error):
            return body  # not an embeddings list: the recording is sent as it is
        return self.encode(value)


# === formats/openai_forms ====================================================
# Forms as OpenAI's APIs take them: pictures and sound come as files, all else as text.  Pure.


A_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
# Quoted, of several fields `image`: astrbot_plugin_omnidraw, pull request 58.
TWICE = (
    "Duplicate parameter: '{path}'. You provided multiple values for this parameter, whereas only "
    "one is allowed. If you are trying to provide a list of values, use the array syntax instead "
    "e.g. '{path}[]=<value>'."
)
ONE_VALUE = "one value"
A_FILE = "a file"


def meant(text: Json, kind: str) -> Json:
    """What the text of a field stands for where a value of this kind is wanted; itself, if for
    none."""
    if not isinstance(text, str):
        return text
    if "boolean" in kind:
        return {"true": True, "false": False}.get(text.lower(), text)
    if ("number" in kind or "integer" in kind) and A_NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def form_values(form: Fields, kinds: Mapping[str, str]) -> Dict[str, Json]:
    """The fields of a form as JSON would say them, whose members are of these kinds: `name[]` is an
    array."""
    values: Dict[str, Json] = {}
    for name, value in form.items():
        plain = name[:-2] if name.endswith("[]") else name
        kind = kinds.get(plain, "")
        values[plain] = meant(value, kind)
        if plain != name:
            values[plain] = [meant(one, kind) for one in listed(value)]
        elif isinstance(value, list):
            Field(values).get(plain).expected(ONE_VALUE)
    return values


def files_in(field: Field) -> List[Mapping[str, Json]]:
    """The files of a field, of which there may be several in an array."""
    nodes = [field]
    if isinstance(field.value, list):
        nodes = field.items()
    for node in nodes:
        # What a form tells of a file, which a text in its place has nothing of.
        if not isinstance(node.value, dict):
            node.expected(A_FILE)
    return [node.value for node in nodes]


class OpenAIForms(OpenAI):
    """What the APIs share whose bodies are forms.  `fields` are the kinds of what the texts stand
    for, as if they were JSON; `files` are the fields that hold files, and whether one must be
    there."""

    takes_form = True
    files: Mapping[str, bool] = {}

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The call, whose body are the fields as they came."""
        values = form_values(body, self.fields)
        call = super().read(request, params, values)
        fields = Field(values)
        for name, is_needed in self.files.items():
            if is_needed or not fields.get(name).is_absent:
                files_in(fields.get(name))
        return replace(call, body=body)

    def asked(self, call: Call) -> Mapping[str, Json]:
        """What a call asks for."""
        return form_values(call.body, self.fields)

    def complaint(self, wrong: BadField) -> Failure:
        """Also of a field that stands twice."""
        if wrong.expected == ONE_VALUE and wrong.found is not MISSING:
            text = TWICE.replace("{path}", wrong.path)
            return Failure(400, text, "invalid_request_error", "duplicate_parameter", wrong.path)
        return super().complaint(wrong)


# === formats/pictures ========================================================
# Pictures: one pixel in every format that pictures are asked for in.  Pure.


# Whole files that any viewer opens, in base64, always the same: nothing is drawn here.
PICTURES: Mapping[str, str] = {
    "png": (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mMwTpsJAAICATNoejH4AAAAAElFTkSu"
        "QmCC"
    ),
    "jpeg": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP////////////////////////////////////////////////////////"
        "//////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAf/EABQQAQAAAAAA"
        "AAAAAAAAAAAAAAD/2gAIAQEAAD8AH//Z"
    ),
    "webp": "UklGRh4AAABXRUJQVlA4TBEAAAAvAAAAAAdQs840s/+BiOh/AAA=",
    "gif": "R0lGODdhAQABAIEAADNmmQAAAAAAAAAAACwAAAAAAQABAAAIBAABBAQAOw==",
    "svg": (
        "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSIxIiBoZWlnaHQ9IjEiPjxyZWN0"
        "IHdpZHRoPSIxIiBoZWlnaHQ9IjEiIGZpbGw9IiMzNjkiLz48L3N2Zz4="
    ),
}
PNG_BYTES = base64.b64decode(PICTURES["png"])


def picture_of_type(media_type: str) -> str:
    """The picture of a media type such as image/jpeg in base64; a PNG for one that is not here."""
    return PICTURES.get(media_type.partition("/")[2], PICTURES["png"])


# === formats/openai_images_reading ===========================================
# What requests for pictures ask OpenAI for (openai-py 3.57's types).  Pure.


# Models that answer in base64 with all that there is to tell; without a model it is one of them.
# The others, all of them gone at OpenAI, live on in its clones.
GPT_IMAGE = re.compile(r"(?:.*/)?(?:chat)?gpt-image|$")
DALL_E_QUALITIES = ("standard", "hd")
# The words that a field may hold (read in openai-py's types).
PICTURE_WORDS: Mapping[str, Tuple[str, ...]] = {
    "quality": ("low", "medium", "high", "xhigh", "max", "auto", *DALL_E_QUALITIES),
    "background": ("transparent", "opaque", "auto"),
    "output_format": tuple(PICTURES),
    "response_format": ("url", "b64_json"),
    "moderation": ("low", "auto"),
    "style": ("vivid", "natural"),
    "input_fidelity": ("high", "low"),
}
# Newer models take any size (openai-py's documentation of `size`), and so do many clones.
SIZES: Mapping[str, Tuple[str, ...]] = {
    "dall-e-2": ("256x256", "512x512", "1024x1024"),
    "dall-e-3": ("1024x1024", "1792x1024", "1024x1792"),
    "gpt-image-1": ("1024x1024", "1024x1536", "1536x1024", "auto"),
}
ANY_SIZE = re.compile(r"auto|[1-9]\d{0,4}x[1-9]\d{0,4}")
USUAL_LOOKS = {"size": "1024x1024", "quality": "low", "background": "opaque"}
PATCHES = {"low": 16, "medium": 32}  # along the shorter edge; 64 at any other quality
# Quoted, of the sizes at openai-php/client, issue 641, and of numbers at many places.
NO_WORD = "Invalid value: {found}. Supported values are: {known}."
TOO_HIGH = (
    "Invalid '{path}': integer above maximum value. Expected a value <= {most}, but got {found} "
    "instead."
)
TOO_LOW = (
    "Invalid '{path}': integer below minimum value. Expected a value >= {least}, but got {found} "
    "instead."
)
SENTENCE_CODES = {
    "Invalid value": "invalid_value",
    "above maximum": "integer_above_max_value",
    "below minimum": "integer_below_min_value",
}

PICTURE_FIELDS = {
    "prompt": "a string!",
    "model": "a string",
    "n": "an integer",
    "size": "a string",
    **dict.fromkeys(PICTURE_WORDS, "a string"),
    "output_compression": "an integer",
    "partial_images": "an integer",
    "stream": "a boolean",
    "user": "a string",
}


def in_words(words: Sequence[str]) -> str:
    """Words as OpenAI lists them: `'a', 'b', and 'c'`."""
    *before, last = [f"'{word}'" for word in words]
    comma = "," * (len(before) > 1)
    return f"{', '.join(before)}{comma} and {last}"


def check_listed(field: Field, words: Sequence[str]) -> None:
    """BadField for a field that holds none of some words."""
    if not field.is_absent and field.value not in words:
        sentence = NO_WORD.format(found=f"'{field.value}'", known=in_words(words))
        field.expected("one from " + ", ".join(words), sentence)


def check_size(field: Field, model: str) -> None:
    """BadField for a size that a model does not have."""
    known = [sizes for name, sizes in SIZES.items() if model.startswith(name)]
    if known:
        check_listed(field, known[0])
    elif not field.is_absent and not ANY_SIZE.fullmatch(field.value):
        sentence = NO_WORD.format(found=f"'{field.value}'", known="'auto' and WIDTHxHEIGHT")
        field.expected("one from auto, WIDTHxHEIGHT", sentence)


def number_between(field: Field, least: int, most: int, default: int) -> int:
    """A number from `least` to `most`, of which OpenAI says on which side it is wrong."""
    if field.is_absent:
        return default
    number = int(field.value)
    told = {"path": field.path, "least": least, "most": most, "found": number}
    what = f"an integer from {least} to {most}"
    if number > most:
        field.expected(what, TOO_HIGH.format(**told))
    if number < least:
        field.expected(what, TOO_LOW.format(**told))
    return number


def patches(quality: str, size: str) -> int:
    """The tokens of a picture: one a patch, and one more a row of them."""
    # This gives all nine numbers that OpenAI documents of gpt-image-1.
    width, height = map(int, size.split("x"))
    along = PATCHES.get(quality, 64)
    edge = min(width, height)
    rows, columns = height * along // edge, width * along // edge
    return rows * (columns + 1)


def check_wishes(body: Field) -> None:
    """BadField for what is wrong with the looks of a picture that a request asks for."""
    model = body.value.get("model") or ""
    for name, words in PICTURE_WORDS.items():
        if name == "quality" and model and GPT_IMAGE.match(model):
            words = tuple(word for word in words if word not in DALL_E_QUALITIES)
        check_listed(body.get(name), words)
    check_size(body.get("size"), model)
    number_between(body.get("partial_images"), 0, 3, 0)
    number_between(body.get("output_compression"), 0, 100, 100)


def code_of(sentence: str) -> str:
    """The code of what was said of a number or a word; empty of anything else."""
    codes = [code for words, code in SENTENCE_CODES.items() if words in sentence]
    return next(iter(codes), "")


def settled(asked: Mapping[str, Json]) -> Dict[str, str]:
    """What a picture is like, where the request leaves it open, too."""
    found = {name: str(asked.get(name) or "auto") for name in USUAL_LOOKS}
    settings = {name: value.replace("auto", USUAL_LOOKS[name]) for name, value in found.items()}
    return {**settings, "output_format": str(asked.get("output_format") or "png")}


def picture_usage(reply: Reply, settings: Mapping[str, str]) -> Json:
    """Token counts: text came in, and a picture goes out."""
    usage = reply.usage
    if usage.is_guess:
        usage = replace(usage, output=patches(settings["quality"], settings["size"]))
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": usage.input},
        "output_tokens": usage.output,
        "output_tokens_details": {"image_tokens": usage.output, "text_tokens": 0},
        "total_tokens": usage.total,
    }


# === formats/openai_images ===================================================
# OpenAI's images: generations, edits, and the picture that a url leads to.  Pure.


# Quoted, of a blocked prompt: CarrotMangaTranslator, issue 122.
BLOCKED_PICTURE = Failure(
    400,
    "Your request was rejected by the safety system. If you believe this is an error, contact us "
    "at help.openai.com and include the request ID req_mock. safety_violations=[violence].",
    "image_generation_user_error",
    "moderation_blocked",
)


class OpenAIImages(OpenAI):
    """Generations; a neutral text is the prompt as it was revised."""

    operation, api = "image", "generations"
    routes: Tuple[str, ...] = ("POST /v1/images/generations", "POST {prefix*}/images/generations")
    fields = PICTURE_FIELDS
    speaks = frozenset((Text,))
    may_stream = True
    stream_type = "text/event-stream; charset=utf-8"
    errors: Mapping[str, Failure] = {**OPENAI_ERRORS, "content_filter": BLOCKED_PICTURE}
    places = IMAGE_PLACES
    event = "image_generation"  # what the names of its events begin with

    # --- what is asked ---

    def turns(self, body: Field) -> Iterator[Turn]:
        """The prompt is the user's text."""
        check_wishes(body)
        yield Turn("user", body.value["prompt"])

    def choices(self, body: Field) -> int:
        """`n`."""
        return number_between(body.get("n"), 1, 10, 1)

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`."""
        return bool(body.value.get("stream"))

    def asked(self, call: Call) -> Mapping[str, Json]:
        """What a call asks for."""
        body: Mapping[str, Json] = call.body
        return body

    def complaint(self, wrong: BadField) -> Failure:
        """With the code of what is said of numbers and words."""
        failure = super().complaint(wrong)
        return replace(failure, code=code_of(wrong.sentence) or failure.code)

    # --- what is answered ---

    def tells_all(self, call: Call) -> bool:
        """Whether the model that is asked is one of those that tell all of a picture."""
        return GPT_IMAGE.match(call.model) is not None

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """A picture; GPT image models don't say what they made of the prompt."""
        text = "" if self.tells_all(call) else call.user
        usage = Usage(estimate(call.prompt), 1, is_guess=True)
        return Reply((Text(text),), "stop", usage, call.model)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The pictures, and what they are like."""
        settings = settled(self.asked(call))
        data = [self.picture(call, reply, settings, index) for index in range(call.choices)]
        if not self.tells_all(call):
            return {"created": call.second, "data": data}
        return {
            "created": call.second,
            "background": settings["background"],
            "data": data,
            "output_format": settings["output_format"],
            "quality": settings["quality"],
            "size": settings["size"],
            "usage": picture_usage(reply, settings),
        }

    def picture(
        self, call: Call, reply: Reply, settings: Mapping[str, str], index: int
    ) -> Dict[str, Json]:
        """One picture: in base64, or where it is."""
        revised = present(revised_prompt=reply.text(Text) or None)
        if self.tells_all(call) or self.asked(call).get("response_format") == "b64_json":
            return {**revised, "b64_json": PICTURES[settings["output_format"]]}
        return {**revised, "url": picture_url(call, index)}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The same picture several times: in part, as they are called, and complete."""
        settings = settled(self.asked(call))
        picture = {
            "b64_json": PICTURES[settings["output_format"]],
            "created_at": call.second,
            **settings,
        }
        partial, completed = self.event + ".partial_image", self.event + ".completed"
        usage = picture_usage(reply, settings)
        for _ in range(call.choices):
            for index in range(self.asked(call).get("partial_images") or 0):
                yield partial, {"type": partial, "partial_image_index": index, **picture}
            yield completed, {"type": completed, **picture, "usage": usage}

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """An event of that name."""
        # As openai-py reads errors from any stream: `error` in the data.
        yield "error", {"type": "error", "error": self.error(failure)}

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type."""
        return named_by_type(values)


class OpenAIImageEdits(OpenAIForms, OpenAIImages):
    """Edits: a form with the pictures to edit, answered as generations are."""

    api = "edits"
    routes: Tuple[str, ...] = ("POST /v1/images/edits", "POST {prefix*}/images/edits")
    files = {"image": True, "mask": False}
    event = "image_edit"


def picture_url(call: Call, index: int) -> str:
    """Where a picture of an answer is: at the server itself, under the name it was called by."""
    request = call.request
    scheme = "https" if request.is_tls else "http"
    host = request.headers.get("host") or f"127.0.0.1:{request.port}"
    return f"{scheme}://{host}/v1/images/img-{call.token(f'picture {index}', 24)}.png"


class OpenAIPicture(OpenAI):
    """What the urls of pictures lead to: at OpenAI another host, which asks for no credential."""

    operation = api = "picture"
    routes = ("GET /v1/images/{picture}.png",)
    credentials = ()
    speaks = frozenset()
    needs_mock = False

    def whole(self, call: Call, reply: Reply) -> Json:
        """The picture."""
        return PNG_BYTES

    def whole_type(self, call: Call) -> str:
        """No JSON."""
        return "image/png"


class OpenAIVariations(OpenAI):
    """Variations, which are no more: OpenAI knows the path as little as any other wrong one."""

    operation, api = "image", "variations"
    routes = ("POST /v1/images/variations", "POST {prefix*}/images/variations")
    takes_form = True
    speaks = frozenset()
    needs_mock = False

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """What is said of an unknown path."""
        return Failure(404, f"Invalid URL (POST {call.path})", "invalid_request_error", code="")


# === formats/openai_models ===================================================
# OpenAI's models (wire formats, 5.7).  Pure.


# The form of the path that Google and Anthropic have, too: one segment, without a verb (2.1).
SHARED_MODELS_PATH = re.compile("/v1/models(?:/[^/:]+)?")


class OpenAIModels(OpenAI):
    """Models: the list, or any one by name."""

    operation = api = "models"
    routes: Tuple[str, ...] = ("GET /v1/models[/{model*}]", "GET {prefix*}/models[/{model}]")
    known: Tuple[str, ...] = (
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-5",
        "gpt-5-mini",
        "o4-mini",
        "gpt-3.5-turbo-instruct",
        "omni-moderation-latest",
        "text-embedding-3-large",
        "text-embedding-3-small",
    )
    speaks = frozenset()
    needs_mock = False

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """`/v1/models` is shared with Google and Anthropic."""
        return caller(request) == "openai" or not SHARED_MODELS_PATH.fullmatch(request.path)

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        # Any name is known, and all are as old as gpt-4o-mini.
        return {"id": name, "object": "model", "created": 1721172741, "owned_by": "system"}

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list, or the one asked for."""
        if call.model:
            return self.entry(call.model)
        return {"object": "list", "data": [self.entry(name) for name in self.known]}


# === formats/openai_moderations ==============================================
# OpenAI's moderations (wire formats, 5.7).  Pure.


# The categories in the order of the provider's answers (5.7).
MODERATED = (
    "harassment",
    "harassment/threatening",
    "sexual",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm/intent",
    "self-harm/instructions",
    "self-harm",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


class OpenAIModerations(OpenAI):
    """Moderations; a neutral reply that refuses, or stops by content_filter, flags `illicit`."""

    operation, api = "moderate", "moderations"
    routes: Tuple[str, ...] = ("POST /v1/moderations", "POST {prefix*}/moderations")
    fields = {"model": "a string", "input": "a string or an array!"}

    def inputs(self, body: Field) -> List[str]:
        """The texts to judge, one by one; parts with images are one input."""
        node = body.get("input")
        value = node.value
        if isinstance(value, str):
            return [value]
        if value and isinstance(value[0], dict):
            return [openai_text(node)]
        return plain_texts(self.counted(node).value or ())

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The model, which the request may leave out."""
        return super().model(params, body) or "omni-moderation-latest"

    def whole(self, call: Call, reply: Reply) -> Json:
        """A result an input; all are the same."""
        flagged = reply.stop == "content_filter" or reply.text(Refusal) is not None
        # One category stands for all: a mock does not say what is wrong with the text.
        categories = dict.fromkeys(MODERATED, False)
        scores = dict.fromkeys(MODERATED, 0.00001)
        if flagged:
            categories["illicit"] = True
            scores["illicit"] = 0.98
        result = {
            "flagged": flagged,
            "categories": categories,
            "category_scores": scores,
            "category_applied_input_types": {name: ["text"] for name in MODERATED},
        }
        return {
            # How long such an id is was not seen (2.4).
            "id": reply.id or "modr-" + call.token("id", 32, HEX),
            "model": reply.model,
            "results": [result] * max(1, len(call.inputs)),
        }


# === formats/azure ===========================================================
# What all APIs of Azure OpenAI share, and the small ones (wire formats, section 6).  Pure.


# The SDKs put only some APIs under a deployment: chat, completions and embeddings (section 6).
DEPLOYMENT = "POST /openai/deployments/{model}"

# --- What the content filters say ---

SAFE = {"filtered": False, "severity": "safe"}
UNDETECTED = {"detected": False, "filtered": False}

# Of a prompt, of a whole answer and of a piece of one.
PROMPT_FILTERS = {
    "hate": SAFE,
    "jailbreak": UNDETECTED,
    "self_harm": SAFE,
    "sexual": SAFE,
    "violence": SAFE,
}
WHOLE_FILTERS = {
    "hate": SAFE,
    "protected_material_code": UNDETECTED,
    "protected_material_text": UNDETECTED,
    "self_harm": SAFE,
    "sexual": SAFE,
    "violence": SAFE,
}
PIECE_FILTERS = {"hate": SAFE, "self_harm": SAFE, "sexual": SAFE, "violence": SAFE}

# Laid over one of those where a filter has stopped something.
BLOCKED = {"violence": {"filtered": True, "severity": "high"}}

# --- Headers and errors ---

# Recorded in March 2026 of chat; the resets are bare numbers, unlike OpenAI's (section 6).
AZURE_ENGINE_HEADERS: Headers = (
    ("x-ms-region", "East US 2"),
    ("x-ms-rai-invoked", "true"),
    ("x-accel-buffering", "no"),
    ("x-content-type-options", "nosniff"),
    ("x-ms-is-spilled-over", "false"),
    ("x-ratelimit-limit-requests", "500"),
    ("x-ratelimit-limit-tokens", "50000"),
    ("x-ratelimit-remaining-requests", "499"),
    ("x-ratelimit-remaining-tokens", "49968"),
    ("x-ratelimit-reset-requests", "0"),
    ("x-ratelimit-reset-tokens", "0"),
    ("x-ratelimit-renewalperiod-requests", "60"),
    ("x-ratelimit-renewalperiod-tokens", "60"),
    ("x-ratelimit-abusepenalty-active", "False"),
    ("skip-error-remapping", "true"),
)

# The gateway says the same of a key that is missing and of one that is wrong (section 6).
AZURE_KEY_ERROR = Failure(
    401,
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
    "valid key for an active subscription and use a correct regional API endpoint for your "
    "resource.",
)

AZURE_ERRORS: Mapping[str, Failure] = {
    **OPENAI_ERRORS,
    "no_key": AZURE_KEY_ERROR,
    "authentication": AZURE_KEY_ERROR,
    "not_found": Failure(
        404,
        "The API deployment for this resource does not exist. If you created the deployment "
        "within the last 5 minutes, please wait a moment and try again.",
        code="DeploymentNotFound",
    ),
    "permission": Failure(403, "Access denied due to Virtual Network/Firewall rules."),
    "rate_limit": Failure(
        429,
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version "
        "2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please "
        "retry after {wait} seconds. Please go here: https://aka.ms/oai/quotaincrease if you "
        "would like to further increase the default rate limit.",
    ),
    "content_filter": Failure(
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry. To learn more about our content filtering "
        "policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
        code="content_filter",
        param="prompt",
    ),
}


# Quoted, of a blocked prompt: jeffstric/ZJT, issue 480.
AZURE_PICTURE_ERRORS: Mapping[str, Failure] = {
    **AZURE_ERRORS,
    "content_filter": replace(
        BLOCKED_PICTURE,
        message=BLOCKED_PICTURE.message.replace("help.openai.com", "Azure support ticket"),
    ),
}


class Azure(OpenAI):
    """What all APIs share: headers, errors of a gateway of its own, two kinds of credential."""

    provider = "azure"
    dialect = ""
    area = (
        "/openai/deployments/",
        "/openai/v1/",
        "/openai/models",
        "/openai/moderations",
        "/openai/responses",
    )
    credentials = ("api-key", "authorization")
    errors = AZURE_ERRORS
    # Errors from before the engine, in a shape of their own (section 6).
    gateway = (401, 403, 404, 429)
    # The seconds of a rate limit are bare, unlike OpenAI's (section 6).
    duration: Callable[[int], str] = staticmethod(str)

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """These paths are Azure's alone."""
        return True

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The deployment of the path, or under /openai/v1 the model of the body."""
        model = super().model(params, body)
        if not model and body.value is not None:
            body.get("model").expected("a string")
        return model

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Request ids, region and rate limits (section 6, recorded)."""
        gateway_id = ("apim-request-id", uuid(call, "apim"))
        if status not in self.gateway:
            return (gateway_id, ("x-request-id", uuid(call, "request")), *AZURE_ENGINE_HEADERS)
        if status == 429:
            return (gateway_id, ("retry-after", str(RETRY_SECONDS)))
        return (gateway_id,)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error": {"code", "message"}}` from the gateway, OpenAI's shape from the engine."""
        if failure.code == "content_filter":
            return ErrorBody({"error": self.filtered(failure)})
        if failure.status not in self.gateway:
            return super().failure(call, failure)
        error = {"code": failure.code or str(failure.status), "message": failure.message}
        if failure.code == "DeploymentNotFound":
            kind = failure.type or "invalid_request_error"
            # Recorded: without Content-Type.
            return ErrorBody({"error": {"type": kind, **error}}, indented, content_type=None)
        if failure.type:
            return ErrorBody({"error": {"type": failure.type, **error}}, indented)
        return ErrorBody({"error": error})

    @staticmethod
    def filtered(failure: Failure) -> Dict[str, Json]:
        """What the engine says of a prompt that the filter has stopped."""
        return {
            "message": failure.message,
            "type": None,
            "param": failure.param,
            "code": failure.code,
            "status": failure.status,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                # In the singular, other than in answers (section 6, quoted from real runs).
                "content_filter_result": {**PROMPT_FILTERS, **BLOCKED},
            },
        }


class AzureGeneration(Azure):
    """What the APIs of deployments share that generate: compact, keys sorted at every level."""

    layout = staticmethod(compact)

    def arranged(self, value: Dict[str, Json]) -> Dict[str, Json]:
        """Sorted keys at every level."""
        return cast(Dict[str, Json], sorted_keys(value))


class AzureCompletions(AzureGeneration, OpenAICompletions):
    """Legacy completions of a deployment."""

    routes = (DEPLOYMENT + "/completions", "POST /openai/v1/completions")
    fields = {**OpenAICompletions.fields, "model": "a string"}


class AzureEmbeddings(Azure, OpenAIEmbeddings):
    """Embeddings of a deployment, in OpenAI's layout (section 6, recorded)."""

    routes = (DEPLOYMENT + "/embeddings", "POST /openai/v1/embeddings")
    fields = {**OpenAIEmbeddings.fields, "model": "a string"}


class AzureImages(Azure, OpenAIImages):
    """Generations of a deployment."""

    routes = (DEPLOYMENT + "/images/generations", "POST /openai/v1/images/generations")
    errors = AZURE_PICTURE_ERRORS

    def tells_all(self, call: Call) -> bool:
        """What a deployment's name does not tell, a field tells that those models don't have."""
        return not call.model.startswith("dall-e") and "response_format" not in self.asked(call)


class AzureImageEdits(AzureImages, OpenAIImageEdits):
    """Edits of a deployment."""

    routes = (DEPLOYMENT + "/images/edits", "POST /openai/v1/images/edits")


class AzureModerations(Azure, OpenAIModerations):
    """Moderations; not under a deployment (section 6)."""

    routes = ("POST /openai[/v1]/moderations",)


class AzureModels(Azure, OpenAIModels):
    """Models."""

    routes = ("GET /openai[/v1]/models[/{model}]",)


# === formats/openai_audio ====================================================
# What the audio APIs of OpenAI share: how they say what is wrong (wire formats 2, 4).  Pure.


MOST_SHOWN = 200  # characters of a wrong text that are told

# What pydantic says of a value that is not in its bounds, as OpenAI passes it on, with the type and
# the context of that error (of voices: openai-node, issue 1284).
FIELD_BOUNDS: Mapping[str, Tuple[str, Dict[str, Any]]] = {
    "String should have at least 1 character": ("string_too_short", {"min_length": 1}),
    "String should have at most 4096 characters": ("string_too_long", {"max_length": 4096}),
    "Input should be greater than or equal to 0.25": ("greater_than_equal", {"ge": 0.25}),
    "Input should be less than or equal to 4": ("less_than_equal", {"le": 4.0}),
}
A_WORD = "one of its words"
# Of a text in place of a file (openai-java, issue 140).
NO_UPLOAD = "Expected UploadFile, received: <class 'str'>"

AUDIO_ERRORS: Mapping[str, Failure] = {
    **OPENAI_ERRORS,
    # As of pictures, section 3; what the audio APIs say was not seen.
    "content_filter": Failure(
        400,
        "Your request was rejected as a result of our safety system. Your prompt may contain text "
        "that is not allowed by our safety system.",
        code="content_policy_violation",
    ),
}


def a_word_of(field: Field, words: Iterable[str], usual: str = "") -> str:
    """A field that is one of some words, or `usual` where it is left out."""
    known = list(words)
    if field.is_absent:
        return usual
    if field.value not in known:
        told = ", ".join(f"'{word}'" for word in known)
        before, _, last = told.rpartition(", ")
        if before:
            told = f"{before} or {last}"
        field.expected(A_WORD, f"Input should be {told}")
    return str(field.value)


def audio_problem(wrong: BadField) -> Dict[str, Any]:
    """The error of a field as pydantic has it."""
    kind, message = pydantic_error(wrong)
    found: Json = wrong.found
    context: Dict[str, Any] = {}
    if found is MISSING:
        found = None
    elif wrong.expected == A_FILE:
        kind, message = "value_error", f"Value error, {NO_UPLOAD}"
        context = {"error": ValueError(NO_UPLOAD)}
    elif wrong.expected == A_WORD:
        kind, context = "enum", {"expected": message.partition("be ")[2]}
    elif wrong.sentence:
        kind, context = FIELD_BOUNDS[message]
    if isinstance(found, str) and len(found) > MOST_SHOWN:
        found = found[:MOST_SHOWN] + "…"
    place = ("body", *location(wrong.path))
    error = {"type": kind, "loc": place, "msg": message, "input": found}
    if context:
        error["ctx"] = context
    return error


class OpenAIAudio(OpenAI):
    """What its audio APIs share."""

    operation = "audio"
    speaks = frozenset((Text,))
    errors: Mapping[str, Failure] = AUDIO_ERRORS

    def has_rate_limits(self, stream: bool) -> bool:
        """They have them, in requests (speechdigest, issue 1)."""
        return True

    def complaint(self, wrong: BadField) -> Failure:
        """What pydantic says, in Python's words; of a model in OpenAI's own."""
        if wrong.path == "model" and not wrong.found:
            return Failure(400, "you must provide a model parameter", "invalid_request_error")
        return Failure(400, str([audio_problem(wrong)]), "invalid_request_error")


# === formats/sounds ==========================================================
# Sound in the formats that speech comes in: a frame for each character, so that its length tells
# that of the text.  Nothing is spoken.  Pure.


LEAD = 10  # frames before the first character: what guesses formats wants to see several
MOST_FRAMES = 500  # which are from 10 to 12 seconds
SAMPLES = 576  # of a frame, at RATE: 24 ms
RATE = 24_000  # samples a second, as OpenAI's speech has (its guide on text to speech)


def frames_at(characters: int) -> int:
    """How many frames there are when so many characters are said."""
    return min(LEAD + characters, MOST_FRAMES)


# --- checksums ---


@functools.lru_cache(maxsize=None)
def crc_table(width: int, polynomial: int) -> Tuple[int, ...]:
    """The remainders of all bytes."""
    found = []
    for byte in range(256):
        value = byte << (width - 8)
        for _ in range(8):
            value <<= 1
            if value >> width:
                value ^= 1 << width | polynomial
        found.append(value)
    return tuple(found)


def crc(data: bytes, width: int, polynomial: int) -> int:
    """The checksum of FLAC and Ogg: highest bits first, from 0, and sent as it is."""
    table, mask, value = crc_table(width, polynomial), (1 << width) - 1, 0
    for byte in data:
        value = (value << 8 & mask) ^ table[value >> (width - 8) ^ byte]
    return value


# --- pcm and wav ---

# A quiet triangle of 500 Hz.  Silence would look intact to who passes sound on as text.
TONE = struct.pack("<48h", *[(abs(at - 24) - 12) * 200 for at in range(48)]) * (SAMPLES // 48)


def no_head(frames: int) -> bytes:
    """Of a format that begins with its first frame."""
    return b""


def tone(number: int, frames: int) -> bytes:
    """A frame of little-endian samples of 16 bits."""
    return TONE


def wav_head(frames: int) -> bytes:
    """RIFF with the format and the sizes of what follows."""
    size = frames * len(TONE)
    form = struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt "
        + form
        + b"data"
        + size.to_bytes(4, "little")
    )


# --- mp3 and aac ---

# ISO 13818-3: MPEG-2 layer III, 8 kbit/s, 24 kHz, mono.  Side information of nothing but zeros says
# that there is no main data, which is silence.
MP3_FRAME = bytes.fromhex("fff314c4") + bytes(20)
# ISO 14496-3: an ADTS header (LC, 48 kHz, mono, 11 bytes), then a channel without bands, and the
# end; 1,024 samples, 21 ms.
AAC_FRAME = bytes.fromhex("fff14c40017ffc00000007")


def mp3_frame(number: int, frames: int) -> bytes:
    """A silent frame."""
    return MP3_FRAME


def aac_frame(number: int, frames: int) -> bytes:
    """A silent frame."""
    return AAC_FRAME


# --- flac (RFC 9639) ---


def flac_head(frames: int) -> bytes:
    """The stream's information: blocks of one length, rate, mono, 16 bits, samples, no digest."""
    told = RATE << 44 | 15 << 36 | frames * SAMPLES
    return b"fLaC\x80\0\0\x22" + struct.pack(">HHIHQ", SAMPLES, SAMPLES, 0, 0, told) + bytes(16)


def flac_frame(number: int, frames: int) -> bytes:
    """A frame of one constant, 0, between its two checksums."""
    head = b"\xff\xf8\x27\x08" + chr(number).encode()
    frame = head + bytes([crc(head, 8, 0x07)]) + b"\0\0\0"
    return frame + crc(frame, 16, 0x8005).to_bytes(2, "big")


# --- opus (RFC 7845, in pages of RFC 3533) ---

OPUS_HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, RATE, 0, 0)
OPUS_TAGS = b"OpusTags" + struct.pack("<I4sI", 4, b"mock", 0)
OPUS_SILENCE = b"\xf8\xff\xfe"  # 20 ms of mono, full band
OPUS_SAMPLES = 960  # which are counted at 48 kHz (RFC 7845, 4)


def ogg_page(number: int, packet: bytes, samples: int = 0, kind: int = 0) -> bytes:
    """A page of one packet; `kind` is 2 for the first, 4 for the last."""
    before = b"OggS\0" + struct.pack("<BQII", kind, samples, 1, number)
    after = bytes([1, len(packet)]) + packet
    return before + crc(before + bytes(4) + after, 32, 0x04C11DB7).to_bytes(4, "little") + after


def opus_head(frames: int) -> bytes:
    """What kind of sound it is, and its tags."""
    return ogg_page(0, OPUS_HEAD, kind=2) + ogg_page(1, OPUS_TAGS)


def opus_frame(number: int, frames: int) -> bytes:
    """A page of silence."""
    kind = 4 * (number == frames - 1)
    return ogg_page(number + 2, OPUS_SILENCE, (number + 1) * OPUS_SAMPLES, kind)


# --- all of them ---


@record
class Sound:
    """A format: its type, how a file of so many frames begins, and each of those by its number."""

    content_type: str
    head: Callable[[int], bytes]
    frame: Callable[[int, int], bytes]

    def piece(self, start: int, end: int, frames: int) -> bytes:
        """The frames from `start` to `end` of so many, behind the head if they are the first."""
        found = [self.frame(number, frames) for number in range(start, end)]
        if start == 0:
            found.insert(0, self.head(frames))
        return b"".join(found)


SOUNDS: Mapping[str, Sound] = {
    "mp3": Sound("audio/mpeg", no_head, mp3_frame),
    "opus": Sound("audio/opus", opus_head, opus_frame),
    "aac": Sound("audio/aac", no_head, aac_frame),
    "flac": Sound("audio/flac", flac_head, flac_frame),
    "wav": Sound("audio/wav", wav_head, tone),
    "pcm": Sound("audio/pcm", no_head, tone),
}


# === formats/openai_speech ===================================================
# OpenAI's speech: text becomes sound (wire formats 2, section 4).  Pure.


MOST_SPOKEN = 4096  # characters
# In the order of OpenAI's own list, with those that came later behind them.
VOICES = (
    *("nova", "shimmer", "echo", "onyx", "fable", "alloy", "ash", "sage", "coral"),
    *("ballad", "verse", "marin", "cedar"),
)
# Others have voices of their own: Groq, Kokoro and whoever else has this API.
KNOWN_SPEAKER = re.compile(r"(?:.*/)?(?:tts-1|gpt-)")


def bounded_text(field: Field) -> str:
    """The text that is to be said."""
    text: str = field.text()
    if not text:
        field.expected("a text", "String should have at least 1 character")
    if len(text) > MOST_SPOKEN:
        field.expected("a text", f"String should have at most {MOST_SPOKEN} characters")
    return text


def check_speed(field: Field) -> None:
    """Raise BadField for a speed that there is none of."""
    if field.is_absent:
        return
    if field.value < 0.25:
        field.expected("a speed", "Input should be greater than or equal to 0.25")
    if field.value > 4:
        field.expected("a speed", "Input should be less than or equal to 4")


def sound_asked_for(call: Call) -> Sound:
    """The format that a request asks for; mp3 unless it says so."""
    return SOUNDS[call.body.get("response_format") or "mp3"]


def spoken_usage(usage: Usage) -> Json:
    """The token counts of a stream."""
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "total_tokens": usage.total,
    }


class OpenAISpeech(OpenAIAudio):
    """Speech: the bytes of a file, or in a stream pieces of it in base64."""

    api = "speech"
    may_stream = True
    routes: Tuple[str, ...] = ("POST /v1/audio/speech", "POST {prefix*}/audio/speech")
    fields = {
        "model": "a string!",
        "input": "a string!",
        "voice": "a string or an object!",
        "instructions": "a string",
        "response_format": "a string",
        "speed": "a number",
        "stream_format": "a string",
    }

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream_format`; also of tts-1, which has no such streams: any model has everything."""
        return a_word_of(body.get("stream_format"), ("sse", "audio")) == "sse"

    def turns(self, body: Field) -> List[Turn]:
        """What is to be said counts as the user's text."""
        text, voice = bounded_text(body.get("input")), body.get("voice")
        model = body.value.get("model") or ""
        if isinstance(voice.value, dict):
            voice.get("id").text()
        elif KNOWN_SPEAKER.match(model):
            a_word_of(voice, VOICES)
        a_word_of(body.get("response_format"), SOUNDS)
        check_speed(body.get("speed"))
        return [Turn("user", text)]

    def whole_type(self, call: Call) -> str:
        """That of the format."""
        return sound_asked_for(call).content_type

    def whole(self, call: Call, reply: Reply) -> Json:
        """The file."""
        frames = frames_at(len(reply.text(Text) or ""))
        return sound_asked_for(call).piece(0, frames, frames)

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The same in pieces: how it begins, and what is added by each piece of the text."""
        sound, frames = sound_asked_for(call), frames_at(len(reply.text(Text) or ""))
        start, said = 0, 0
        # Nothing has no pieces, and is heard all the same.
        for piece in itertools.chain(text_pieces(reply), ONCE):
            said += len(piece)
            end = frames_at(said)
            if end > start:
                data = sound.piece(start, end, frames)
                audio = base64.b64encode(data).decode()
                yield "", {"type": "speech.audio.delta", "audio": audio}
            start = end
        yield "", {"type": "speech.audio.done", "usage": spoken_usage(reply.usage)}


# === formats/captions ========================================================
# Captions: a text with the times at which it is said, as whoever speaks at an even pace would.
# Pure.


PACE = 15  # characters a second
MOST_CAPTIONS = 10_000  # of one answer: each takes hundreds of bytes
SENTENCES = re.compile(r"\S(?:\S|(?<![.!?。！？])[^\S\n])*")  # or lines
WORDS_ALONE = re.compile(r"\S+")


@record
class Caption:
    """A piece of a text, and from which second to which it is said."""

    text: str
    start: float
    end: float


def second_of(characters: int) -> float:
    """The second at which so many characters are said."""
    return round(characters / PACE, 2)


def timed(text: str, piece: Pattern[str]) -> List[Caption]:
    """The pieces of a text with their times."""
    found: List[Caption] = []
    for match in piece.finditer(text):
        if len(found) == MOST_CAPTIONS:
            message = f"the answer has times for at most {MOST_CAPTIONS} pieces; ask for less"
            raise Refused(400, message, code="answer_too_large")
        start, end = second_of(match.start()), second_of(match.end())
        found.append(Caption(match.group().rstrip(), start, end))
    return found


def clock(second: float, mark: str) -> str:
    """A second as 00:00:01,500, with a mark before the milliseconds."""
    whole, thousandths = divmod(round(second * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{mark}{thousandths:03d}"


def srt(cues: Sequence[Caption]) -> str:
    """SubRip."""
    lines = []
    for number, cue in enumerate(cues, 1):
        lines.append(f"{number}\n{clock(cue.start, ',')} --> {clock(cue.end, ',')}\n{cue.text}\n\n")
    return "".join(lines)


def vtt(cues: Sequence[Caption]) -> str:
    """WebVTT."""
    lines = ["WEBVTT\n\n"]
    for cue in cues:
        lines.append(f"{clock(cue.start, '.')} --> {clock(cue.end, '.')}\n{cue.text}\n\n")
    return "".join(lines)


# === formats/openai_transcriptions ===========================================
# OpenAI's transcriptions and translations: sound becomes text (wire formats 2, 4).  Pure.


MOST_SOUND = 26_214_400  # bytes of a request
SMALL_ENOUGH = f"at most {MOST_SOUND} bytes"
ENDINGS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
KNOWN_ENDING = "a known file format"
TEXT_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
LISTED_WORDS = {"include": ("logprobs",), "timestamp_granularities": ("word", "segment")}
# What verbose_json calls some languages (whisper's tokenizer.py); others are told as they came.
LANGUAGE_NAMES = {
    "": "english",
    "ar": "arabic",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "hi": "hindi",
    "it": "italian",
    "ja": "japanese",
    "ko": "korean",
    "nl": "dutch",
    "pl": "polish",
    "pt": "portuguese",
    "ru": "russian",
    "tr": "turkish",
    "uk": "ukrainian",
    "zh": "chinese",
}


def is_whisper(model: str) -> bool:
    """Whether a model is one of those that are paid by the second, and do not stream."""
    return "whisper" in model.lower()


def check_recording(file: Field) -> None:
    """Raise BadField for a file of which nothing says that it is sound."""
    name, kind = file.value["filename"], file.value["content_type"] or ""
    ending = name.rpartition(".")[2].lower()
    has_none = ending == name.lower()
    if ending in ENDINGS or (has_none and kind.startswith(("audio/", "video/"))):
        return
    file.expected(KNOWN_ENDING, f"Unrecognized file format. Supported formats: {list(ENDINGS)}")


def told_segments(cues: Iterable[Caption]) -> List[Json]:
    """The segments of a verbose answer, with all that whisper says of them."""
    return [
        {
            "id": number,
            # In windows of 30 seconds, of 3,000 frames each (whisper's audio.py).
            "seek": int(cue.start // 30) * 3000,
            "start": cue.start,
            "end": cue.end,
            "text": " " + cue.text,
            # Its tokens for the times, which are 20 ms apart; those of the text nobody knows.
            "tokens": [50364 + int(second % 30 * 50) for second in (cue.start, cue.end)],
            "temperature": 0.0,
            "avg_logprob": -0.2,
            "compression_ratio": 1.0,
            "no_speech_prob": 0.01,
        }
        for number, cue in enumerate(cues)
    ]


def spoken_segments(cues: Iterable[Caption], names: List[str]) -> List[Dict[str, Json]]:
    """The segments of a diarized answer, in which the speakers take turns."""
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number + 1}",
            "start": cue.start,
            "end": cue.end,
            "text": cue.text,
            "speaker": names[number % len(names)],
        }
        for number, cue in enumerate(cues)
    ]


class OpenAITranslations(OpenAIForms, OpenAIAudio):
    """Translations: English text, as JSON, as it is, or as captions."""

    api = "translations"
    routes: Tuple[str, ...] = ("POST /v1/audio/translations", "POST {prefix*}/audio/translations")
    files = {"file": True}
    fields: Mapping[str, str] = {
        "model": "a string!",
        "prompt": "a string",
        "response_format": "a string",
        "temperature": "a number",
    }
    formats: Tuple[str, ...] = TEXT_FORMATS
    task = "translate"
    layout = staticmethod(compact)
    ending = ""

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The call, whose file is one that can be sound, and not too large."""
        call = super().read(request, params, body)
        file = Field(body).get("file")
        if file.is_absent:  # there is one, in a field `file[]`
            file.missing(A_FILE)
        if len(request.body) > MOST_SOUND:
            size = f"({MOST_SOUND}) exceeded ({len(request.body)} bytes read)"
            file.expected(SMALL_ENOUGH, f"Maximum content size limit {size}")
        check_recording(file)
        return call

    def complaint(self, wrong: BadField) -> Failure:
        """Also of the file itself (buzz, issue 381; streamlit-mic-recorder, issue 10)."""
        if wrong.expected == SMALL_ENOUGH:
            return Failure(413, wrong.sentence, "server_error")
        if wrong.expected == KNOWN_ENDING:
            return Failure(400, wrong.sentence, "invalid_request_error")
        return super().complaint(wrong)

    def turns(self, body: Field) -> List[Turn]:
        """The prompt counts as the user's text."""
        a_word_of(body.get("response_format"), self.formats)
        prompt = body.get("prompt")
        if prompt.is_absent:
            return []
        return [Turn("user", prompt.text())]

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """Without a mock it says what the file is called, unless it is told what to say."""
        if call.user:
            return None
        text = f"This is what was said in {call.body['file']['filename']}."
        return Reply((Text(text),), "stop", Usage(estimate(""), estimate(text)), call.model)

    def format_of(self, call: Call) -> str:
        """The format that is asked for."""
        return str(call.body.get("response_format") or "json")

    def whole_type(self, call: Call) -> str:
        """JSON, or text."""
        if self.format_of(call) in ("text", "srt", "vtt"):
            return "text/plain; charset=utf-8"
        return self.json_type

    def whole(self, call: Call, reply: Reply) -> Json:
        """The text in its format."""
        text, form = reply.text(Text) or "", self.format_of(call)
        if form == "text":
            return utf8(text + "\n")
        if form == "srt":
            return utf8(srt(timed(text, SENTENCES)))
        if form == "vtt":
            return utf8(vtt(timed(text, SENTENCES)))
        if form == "verbose_json":
            return self.verbose(call, text)
        return self.plain(call, reply, text)

    def plain(self, call: Call, reply: Reply, text: str) -> Json:
        """The text as JSON."""
        return {"text": text}

    def verbose(self, call: Call, text: str) -> Dict[str, Json]:
        """The text with its segments."""
        return {
            "task": self.task,
            "language": "english",
            "duration": second_of(len(text)),
            "text": text,
            "segments": told_segments(timed(text, SENTENCES)),
        }


class OpenAITranscriptions(OpenAITranslations):
    """Transcriptions: text in any language, with its words, speakers and usage, or streamed."""

    api = "transcriptions"
    may_stream = True
    routes: Tuple[str, ...] = (
        "POST /v1/audio/transcriptions",
        "POST {prefix*}/audio/transcriptions",
    )
    fields: Mapping[str, str] = {
        **OpenAITranslations.fields,
        "include": "an array",
        "known_speaker_names": "an array",
        "language": "a string",
        "stream": "a boolean",
        "timestamp_granularities": "an array",
    }
    formats = (*TEXT_FORMATS, "diarized_json")
    task = "transcribe"
    stream_type = "text/event-stream; charset=utf-8"
    places = TRANSCRIPTION_PLACES

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`, which whisper passes over (the SDK's words for it)."""
        return bool(body.value.get("stream")) and not is_whisper(self.model(params, body))

    def turns(self, body: Field) -> List[Turn]:
        """The prompt, if all lists are of what can be in them."""
        texts_of(body.get("known_speaker_names"))
        for name, words in LISTED_WORDS.items():
            for item in body.get(name).items():
                a_word_of(item, words)
        return super().turns(body)

    def usage(self, call: Call, reply: Reply, text: str) -> Json:
        """Tokens, or what whisper is paid for."""
        if is_whisper(call.model):
            return {"type": "duration", "seconds": max(1, math.ceil(second_of(len(text))))}
        usage = reply.usage
        return {
            "type": "tokens",
            "input_tokens": usage.input,
            "input_token_details": {"text_tokens": 0, "audio_tokens": usage.input},
            "output_tokens": usage.output,
            "total_tokens": usage.total,
        }

    def with_logprobs(self, call: Call, value: Dict[str, Json], pieces: Iterable[str]) -> Json:
        """An answer or an event with how likely its tokens are, if that is asked for."""
        if "logprobs" in self.asked(call).get("include", ()):
            value["logprobs"] = [likely_token(piece) for piece in bounded_pieces(pieces)]
        return value

    def plain(self, call: Call, reply: Reply, text: str) -> Json:
        """The text with its usage, its languages or its speakers."""
        value: Dict[str, Json] = {"text": text, "usage": self.usage(call, reply, text)}
        if self.format_of(call) == "diarized_json":
            task = {"task": self.task, "duration": second_of(len(text))}
            return {**task, "text": text, "segments": self.spoken(call, text), **value}
        return self.with_logprobs(call, value, text_pieces(reply))

    def spoken(self, call: Call, text: str) -> List[Dict[str, Json]]:
        """The segments of a diarized answer."""
        names = self.asked(call).get("known_speaker_names") or ["A"]
        return spoken_segments(timed(text, SENTENCES), names)

    def verbose(self, call: Call, text: str) -> Dict[str, Json]:
        """The text with its segments, or words, as they are asked for."""
        asked = self.asked(call)
        value = super().verbose(call, text)
        language = asked.get("language") or ""
        value["language"] = LANGUAGE_NAMES.get(language, language)
        granularities = asked.get("timestamp_granularities") or ["segment"]
        if "word" in granularities:
            words = timed(text, WORDS_ALONE)
            value["words"] = [{"word": w.text, "start": w.start, "end": w.end} for w in words]
        if "segment" not in granularities:
            del value["segments"]
        value["usage"] = {"type": "duration", "seconds": max(1, math.ceil(value["duration"]))}
        return value

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The text in pieces, its speakers if they are asked for, then all of it."""
        text = reply.text(Text) or ""
        for piece in text_pieces(reply):
            delta = {"type": "transcript.text.delta", "delta": piece}
            yield "", self.with_logprobs(call, delta, [piece])
        if self.format_of(call) == "diarized_json":
            for segment in self.spoken(call, text):
                yield "", segment
        done: Dict[str, Json] = {"type": "transcript.text.done", "text": text}
        self.with_logprobs(call, done, text_pieces(reply))
        done["usage"] = self.usage(call, reply, text)
        yield "", done


# === formats/azure_audio =====================================================
# Speech, transcriptions and translations at Azure, as OpenAI has them (wire formats, section 6).
# Pure.


class AzureSpeech(Azure, OpenAISpeech):
    """Speech of a deployment."""

    routes = (DEPLOYMENT + "/audio/speech", "POST /openai/v1/audio/speech")
    fields = {**OpenAISpeech.fields, "model": "a string"}


class AzureTranscriptions(Azure, OpenAITranscriptions):
    """Transcriptions of a deployment."""

    routes = (DEPLOYMENT + "/audio/transcriptions", "POST /openai/v1/audio/transcriptions")
    fields = {**OpenAITranscriptions.fields, "model": "a string"}


class AzureTranslations(Azure, OpenAITranslations):
    """Translations of a deployment."""

    routes = (DEPLOYMENT + "/audio/translations", "POST /openai/v1/audio/translations")
    fields = {**OpenAITranslations.fields, "model": "a string"}


# === formats/azure_chat ======================================================
# Chat completions at Azure, with its content filters (wire formats, section 6).  Pure.


class AzureChat(AzureGeneration, OpenAIChat):
    """Chat completions of a deployment: sorted keys, content filter results, no service tier."""

    routes = (DEPLOYMENT + "/chat/completions", "POST /openai/v1/chat/completions")
    fields = {**OpenAIChat.fields, "model": "a string"}

    def tail(self, call: Call) -> Dict[str, Json]:
        """The fingerprint alone."""
        # There is no `service_tier` (section 6).
        return {"system_fingerprint": super().tail(call)["system_fingerprint"]}

    def choice(
        self,
        call: Call,
        index: int,
        body: Dict[str, Json],
        finish: Optional[str],
        pieces: Iterable[Optional[str]] = (),
    ) -> Dict[str, Json]:
        """A choice with its filter results."""
        choice = super().choice(call, index, body, finish, pieces)
        results: Mapping[str, Json] = {}
        # Reasoning deployments have empty ones, and so has a delta without content (section 6).
        if not is_reasoning_model(call.model):
            results = self.results(body)
        if finish == "content_filter":
            results = {**results, **BLOCKED}
        return {"content_filter_results": results, **choice}

    @staticmethod
    def results(body: Mapping[str, Json]) -> Mapping[str, Json]:
        """The filter results of a message or a delta."""
        if "message" in body:
            return WHOLE_FILTERS
        if body["delta"].get("content"):
            return PIECE_FILTERS
        return {}

    @staticmethod
    def prompt_results(call: Call) -> List[Json]:
        """The prompt's filter results; reasoning deployments have empty ones (section 6)."""
        if is_reasoning_model(call.model):
            return [{"content_filter_results": {}, "prompt_index": 0}]
        return [{"prompt_index": 0, "content_filter_results": PROMPT_FILTERS}]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The object with the prompt's filter results."""
        value = super().whole(call, reply)
        # Sorted into place, while its own keys stay as they are (section 6, recorded).
        value["prompt_filter_results"] = self.prompt_results(call)
        return {key: value[key] for key in sorted(value)}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """A chunk without choices for the prompt's filter results, then the same as OpenAI."""
        # Code that reads `choices[0]` of every chunk dies on this one: that is why it is here.
        first = {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": self.prompt_results(call),
        }
        yield "", first
        yield from super().events(call, reply)


# === formats/responses_items =================================================
# The output items of OpenAI's Responses, and what they hold (wire formats, 5.5).  Pure.


# What the ids of items begin with, by their type (2.4; that of custom calls is quoted).
ITEM_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "web_search_call": "ws",
    "file_search_call": "fs",
    "code_interpreter_call": "ci",
    "image_generation_call": "ig",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "compaction": "cmp",
}

# What is still empty of an item when its stream begins, by its type: MISSING is not there yet.
# Those of hosted tools are quoted from real streams.
OPENED: Mapping[str, Mapping[str, Json]] = {
    "message": {"content": []},
    "reasoning": {"summary": [], "content": MISSING, "encrypted_content": MISSING},
    "function_call": {"arguments": ""},
    "custom_tool_call": {"input": ""},
    "web_search_call": {"action": {"type": "search"}},  # openai-py's strict validation needs one
    "file_search_call": {"queries": [], "results": None},
    "code_interpreter_call": {"code": "", "outputs": None},
    "image_generation_call": dict.fromkeys(
        ("action", "background", "output_format", "quality", "result", "revised_prompt", "size"),
        MISSING,
    ),
    "mcp_call": {"arguments": "", "output": None, "error": None},
    "mcp_list_tools": {"tools": []},
    "compaction": {"encrypted_content": ""},
}

# The status of an item that a response ends with, by that of the response; else it is incomplete.
LAST_STATUSES = {"completed": "completed", "in_progress": "in_progress", "queued": "in_progress"}


def response_id(call: Call, prefix: str, label: str) -> str:
    """An id: 16 digits that all of the response share, the second, and 24 of its own (2.4)."""
    shared = call.token("response", 16, HEX)
    digits = call.token(label, 24, HEX)
    # `819` stood in nearly all recorded ids.
    return f"{prefix}_{shared}00{call.second:08x}{digits[:4]}819{digits[7:]}"


def content_part(part: Union[Text, Reasoning, Refusal]) -> Dict[str, Json]:
    """What an item holds: output text, a refusal, or a part of a summary."""
    if isinstance(part, Reasoning):
        return {"type": "summary_text", "text": part.text}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": part.text}


def opened_item(item: Mapping[str, Json]) -> Dict[str, Json]:
    """An output item as a stream begins it, with nothing in it."""
    empty = OPENED.get(item_type(item), {})
    opened = {key: empty.get(key, value) for key, value in item.items()}
    if "status" in opened:
        opened["status"] = "in_progress"
    return {key: value for key, value in opened.items() if value is not MISSING}


def item_type(item: Mapping[str, Json]) -> str:
    """The type of an item; that of a mock's own may be none."""
    return str(item.get("type", "item"))


def output_item(call: Call, part: Part, index: int) -> Dict[str, Json]:
    """A whole output item."""
    label = f"item {index}"
    if isinstance(part, Block):
        return native_item(call, part, label)
    # Keys in the order of 5.5; a thought alone has no status.
    if isinstance(part, ToolCall):
        return called_item(call, part, index)
    if isinstance(part, Reasoning):
        item = {"id": response_id(call, "rs", label), "type": "reasoning"}
        return {**item, **reasoning_members(call, part, index)}
    content = []
    if isinstance(part, (Text, Refusal)):
        content.append(content_part(part))
    return {
        "id": response_id(call, "msg", label),
        "type": "message",
        "status": "completed",
        "content": content,
        "role": "assistant",
    }


def called_item(call: Call, part: ToolCall, index: int) -> Dict[str, Json]:
    """A call of a function, whose arguments are JSON text, or of a custom tool."""
    kind = "function_call"
    if part.name in call.custom_tools:
        kind = "custom_tool_call"
    head = {
        "id": response_id(call, ITEM_PREFIXES[kind], f"item {index}"),
        "type": kind,
        "status": "completed",
    }
    called = {"call_id": part.id or "call_" + call.token(f"tool {index}", 24)}
    if kind == "custom_tool_call":
        return {**head, **called, "input": tool_input(part), "name": part.name}
    return {**head, "arguments": tool_input(part), **called, "name": part.name}


def native_item(call: Call, block: Block, label: str) -> Dict[str, Json]:
    """A mock's own item as it is; its events need an id, which it gets if it has none."""
    if block.value.get("id") is not None:
        return dict(block.value)
    prefix = ITEM_PREFIXES.get(item_type(block.value), "item")
    rest = {key: value for key, value in block.value.items() if key != "id"}
    return {"id": response_id(call, prefix, label), **rest}


def output_items(call: Call, reply: Reply, status: str) -> List[Json]:
    """All output items; the last one is as incomplete as the response, whose `status` it has."""
    items = [output_item(call, part, index) for index, part in enumerate(reply.parts)]
    if wants_text_logprobs(call):
        add_logprobs(call, reply, items)
    # A thought has no status, and a mock's own item the one that it says.
    if items and "status" in items[-1] and not isinstance(reply.parts[-1], Block):
        items[-1]["status"] = LAST_STATUSES.get(status, "incomplete")
    return items


def reasoning_members(call: Call, part: Reasoning, index: int) -> Dict[str, Json]:
    """The summary of a thought, and the thought itself for clients that carry it to the next
    request: encrypted, and only if asked for."""
    members: Dict[str, Json] = {"summary": []}
    if part.text:
        members["summary"] = [content_part(part)]
    if "reasoning.encrypted_content" in (call.body.get("include") or ()):
        secret = call.token(f"encrypted {index}", 121, BASE64URL)
        members["encrypted_content"] = "gAAAAAB" + secret  # which is how a Fernet token begins
    return members


def wants_text_logprobs(call: Call) -> bool:
    """Whether a request asks how likely the text was."""
    return "message.output_text.logprobs" in (call.body.get("include") or ())


def add_logprobs(call: Call, reply: Reply, items: List[Dict[str, Json]]) -> None:
    """How likely the texts of items were, piece by piece, if the request wants it; those of a
    mock's own items are as it says."""
    for run in walk(reply):
        if isinstance(run.part, Text):
            tokens = likely_tokens(run.texts, call.body.get("top_logprobs"))
            items[run.index]["content"][0]["logprobs"] = tokens


# === formats/responses_events ================================================
# The events in which an output item of OpenAI's Responses streams (wire formats, 5.5).  Pure.


# A piece of text and what pads it: what is filled into the holes of an event.
TextAndPad = Tuple[str, str]
ONE = (("", ""),)  # for an event without holes
# Names and members, still without numbers, of events that are alike but for what is filled in.
ItemEvents = Iterator[Tuple[str, Dict[str, Json], Iterable[TextAndPad]]]


class Said(NamedTuple):
    """A step of an item: what a member of it says, in pieces, then whole."""

    name: str
    key: str


class Held(NamedTuple):
    """A step of an item: the parts that a member of it holds; what their events are called, and
    the key of a part's place."""

    key: str
    holder: str
    place: str


# What happens between `output_item.added` and `.done`, by the item's type; a word alone is an event
# of that name (5.5).  What is not here has no events of its own.
ITEM_STEPS: Mapping[str, Tuple[Union[str, Said, Held], ...]] = {
    "message": (Held("content", "content_part", "content_index"),),
    "reasoning": (
        Held("summary", "reasoning_summary_part", "summary_index"),
        Held("content", "content_part", "content_index"),
    ),
    "function_call": (Said("function_call_arguments", "arguments"),),
    "custom_tool_call": (Said("custom_tool_call_input", "input"),),
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": (
        "in_progress",
        Said("code_interpreter_call_code", "code"),
        "interpreting",
        "completed",
    ),
    "image_generation_call": ("in_progress", "generating", "partial_image", "completed"),
    "mcp_call": ("in_progress", Said("mcp_call_arguments", "arguments"), "completed"),
    "mcp_list_tools": ("in_progress", "completed"),
    "compaction": ("compacting",),
}

# The text of a part, by the part's type.
PART_TEXTS: Mapping[Json, Said] = {
    "output_text": Said("output_text", "text"),
    "refusal": Said("refusal", "refusal"),
    "summary_text": Said("reasoning_summary_text", "text"),
    "reasoning_text": Said("reasoning_text", "text"),
}

# What the event of a picture repeats of its item (read in the SDK's types).
PICTURE_MEMBERS = ("background", "output_format", "quality", "size")


def objects_in(value: Mapping[str, Json], name: str) -> List[Dict[str, Json]]:
    """The objects in an array of an item or a part."""
    return [item for item in items_within(value, name) if isinstance(item, dict)]


def likely_pieces(text: str, logprobs: Sequence[Mapping[str, Json]]) -> List[Dict[str, Json]]:
    """The log probabilities of a text as events have them, without bytes (typed in openai-py 3.57);
    none where they are not those of this very text."""
    if "".join(str(entry.get("token")) for entry in logprobs) != text:
        return []
    found = []
    for entry in logprobs:
        tops = [without_bytes(top) for top in objects_in(entry, "top_logprobs")]
        found.append({**without_bytes(entry), "top_logprobs": tops})
    return found


def without_bytes(entry: Mapping[str, Json]) -> Dict[str, Json]:
    """A log probability but for the bytes of its token."""
    return {name: value for name, value in entry.items() if name != "bytes"}


class ItemStream:
    """One output item as it streams, in pieces of `size` characters."""

    def __init__(self, call: Call, item: Mapping[str, Json], index: int, size: int) -> None:
        self.call, self.item, self.index, self.size = call, item, index, size
        self.kind = item_type(item)
        self.place: Dict[str, Json] = {"item_id": item["id"], "output_index": index}

    def events(self) -> ItemEvents:
        """Its events, from added to done (5.5, recorded)."""
        opened = opened_item(self.item)
        yield "response.output_item.added", {"item": opened, "output_index": self.index}, ONE
        for step in ITEM_STEPS.get(self.kind, ()):
            if isinstance(step, Held):
                yield from self.parts(step)
            elif isinstance(step, Said):
                yield from self.said(step, self.item.get(step.key), self.place, self.item)
            else:
                yield from self.progress(step)
        yield "response.output_item.done", {"item": self.item, "output_index": self.index}, ONE

    def progress(self, step: str) -> ItemEvents:
        """An event that says how far a tool is; one that has failed is not completed."""
        members = self.place
        item = self.item
        if step == "completed" and (item.get("error") or item.get("status") == "failed"):
            if not self.kind.startswith("mcp_"):
                return  # the others have no event for it
            step = "failed"
        if step == "partial_image":
            if not isinstance(item.get("result"), str):
                return
            about = {key: item[key] for key in PICTURE_MEMBERS if key in item}
            picture = {"partial_image_b64": item["result"], "partial_image_index": 0}
            members = {**members, **about, **picture}
        yield f"response.{self.kind}.{step}", members, ONE

    def parts(self, step: Held) -> ItemEvents:
        """The events of the parts of a message or of a thought."""
        for index, part in enumerate(objects_in(self.item, step.key)):
            place = {step.place: index, **self.place}
            said = PART_TEXTS.get(str(part.get("type")))
            opened = dict(part)
            if said:
                opened.update({said.key: ""})
            opened.update({key: [] for key in ("annotations", "logprobs") if part.get(key)})
            yield f"response.{step.holder}.added", {**place, "part": opened}, ONE
            if said:
                yield from self.said(said, part.get(said.key), place, part)
            yield f"response.{step.holder}.done", {**place, "part": part}, ONE

    def said(
        self, said: Said, text: Json, place: Dict[str, Json], of: Mapping[str, Json]
    ) -> ItemEvents:
        """A text in pieces, what is cited of it, and the text once more: that `of` a part, or of an
        item, of which the call of a function says its name again."""
        if not isinstance(text, str):
            return
        shared, likely, name = dict(place), [], {}
        if said.name == "output_text":
            likely = likely_pieces(text, objects_in(of, "logprobs"))
            shared["logprobs"] = likely
        elif said.name == "function_call_arguments" and "name" in of:
            name = {"name": of["name"]}
        if likely:
            yield from self.likely_deltas(said, place, likely)
        elif text:
            words = ARGUMENT_PIECES if said.key in ("arguments", "input") else WORDS
            members, texts = self.deltas(pieces(text, self.size, words), shared)
            yield f"response.{said.name}.delta", members, texts
        for number, annotation in enumerate(objects_in(of, "annotations")):
            members = {**place, "annotation": annotation, "annotation_index": number}
            yield "response.output_text.annotation.added", members, ONE
        yield f"response.{said.name}.done", {**shared, **name, said.key: text}, ONE

    def likely_deltas(
        self, said: Said, place: Dict[str, Json], likely: Sequence[Json]
    ) -> ItemEvents:
        """The pieces of a text, each with how likely it was."""
        for piece in likely:
            members, texts = self.deltas([piece["token"]], {**place, "logprobs": [piece]})
            yield f"response.{said.name}.delta", members, texts

    def deltas(
        self, texts: Iterable[str], members: Mapping[str, Json]
    ) -> Tuple[Dict[str, Json], Iterable[TextAndPad]]:
        """The members of the deltas of a text, and what is filled into them."""
        delta = {**members, "delta": hole(0)}
        if not wants_obfuscation(self.call.body):
            return delta, zip(texts, itertools.repeat(""))
        return {**delta, "obfuscation": hole(1)}, padded(self.call, texts, self.index)


def padded(call: Call, texts: Iterable[str], first: int) -> Iterator[TextAndPad]:
    """The pieces of a text, each with what makes it as long as a multiple of 16 characters (5.5,
    recorded)."""
    pads = call.pads
    for number, piece in enumerate(texts, first):
        # 1,008 is a multiple of 16 that leaves a whole padding of the 1,024 pads.
        start = number * 16 % 1008
        yield piece, pads[start : start + (-len(piece)) % 16]


# === formats/responses_members ===============================================
# The members of a response of OpenAI's Responses, most of which repeat the request.  Pure.


UNFINISHED = ("queued", "in_progress")

# The members of a response in their order (5.5, recorded).  What stands here is sent unless the
# request has the member, which it may, or the response says it itself; what is MISSING is there
# only if the request has it (typed in openai-py 3.57).
ALL_MEMBERS: Mapping[str, Json] = {
    "id": None,
    "object": "response",
    "created_at": None,
    "status": None,
    "access_programs": MISSING,
    "background": False,
    "billing": {"payer": "developer"},
    "completed_at": None,
    "conversation": MISSING,
    "error": None,
    "frequency_penalty": 0.0,
    "image": MISSING,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": None,
    "moderation": None,
    "output": None,
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt": MISSING,
    "prompt_cache_key": None,
    "prompt_cache_options": MISSING,
    "prompt_cache_retention": "in_memory",
    "reasoning": {"context": None, "effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
    "user": None,
    "metadata": {},
}
RESPONSE_MEMBERS = {name: value for name, value in ALL_MEMBERS.items() if value is not MISSING}
RARE_MEMBERS = frozenset(ALL_MEMBERS.keys() - RESPONSE_MEMBERS.keys())


# What some of them have besides what the request says of them (typed).
COMPLETED: Mapping[str, Mapping[str, Json]] = {
    "prompt": {"id": None, "version": None, "variables": None},
    "prompt_cache_options": {"mode": "implicit", "ttl": "30m"},
}


def asked_members(body: Mapping[str, Json]) -> Dict[str, Json]:
    """All members in their order, as the request has them."""
    rare: Dict[str, Json] = {}
    if not RARE_MEMBERS.isdisjoint(body):
        rare = rare_members(body)
    members = dict(RESPONSE_MEMBERS)
    if rare:
        known = {**members, **rare}
        members = {name: known[name] for name in ALL_MEMBERS if name in known}
    members.update((name, body[name]) for name in RESPONSE_MEMBERS if body.get(name) is not None)
    return members


def rare_members(body: Mapping[str, Json]) -> Dict[str, Json]:
    """Those that few requests have."""
    found = {name: body[name] for name in RARE_MEMBERS if body.get(name) is not None}
    # A conversation is asked for by its id alone, too.
    if isinstance(found.get("conversation"), str):
        found["conversation"] = {"id": found["conversation"]}
    for name in found.keys() & COMPLETED.keys():
        found[name] = {**COMPLETED[name], **found[name]}
    return found


def response_tier(body: Mapping[str, Json], status: str) -> str:
    """The tier of a response: the one that is asked for, or the usual one."""
    tier = body.get("service_tier")
    if tier not in (None, "auto"):
        return str(tier)
    # Until the last event, then the real tier (5.5); what failed has none (recorded).
    if status in UNFINISHED or status == "failed":
        return "auto"
    return "default"


# === formats/responses_reading ===============================================
# How a Responses request reads (wire formats, 2.2 and 5.5).  Pure.


RESPONSE_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}

# What may stand for the input that a request leaves out: text that the server holds.
HELD_INPUT = {"prompt", "previous_response_id", "conversation"}

# Items of the input that say nothing.
SILENT_ITEMS = ("item_reference", "mcp_approval_response")


def instruction_turns(instructions: Field) -> Iterator[Turn]:
    """The instructions: a string, or messages."""
    if isinstance(instructions.value, str):
        yield Turn("system", instructions.value)
    elif not instructions.is_absent:
        texts = [openai_text(item.get("content")) for item in instructions.objects()]
        yield Turn("system", "\n".join(texts))


def input_turns(given: Field) -> Iterator[Turn]:
    """The input: a string, or items."""
    if isinstance(given.value, str):
        yield Turn("user", given.value)
        return
    for item in given.objects():
        kind = item_kind(item)
        if kind == "message":
            yield Turn(item_role(item), openai_text(item.get("content")))
        # `function_call_output`, and the like of other tools (5.5).
        elif kind.endswith("_output") and "output" in item.value:
            # Of a local shell the call's id is that of the item.
            call_id = call_id_of(item.value, "call_id", "id")
            yield Turn("tool", tool_output(item.get("output")), call_id)
        elif kind not in SILENT_ITEMS:
            yield Turn("assistant", "")  # a thought or a call of a tool: a turn without words


def item_kind(item: Field) -> str:
    """The type of an input item, which a message and a reference may leave out."""
    kind = item.get("type")
    if kind.value:
        return cast(str, kind.text())
    # A reference is nothing but an id; what is neither has its role asked for.
    if "role" in item.value or "id" not in item.value:
        return "message"
    return "item_reference"


def item_role(item: Field) -> str:
    """Who speaks in a message of the input."""
    role = item.check({"role": "a string!"}).get("role")
    if role.value not in RESPONSE_ROLES:
        role.expected("one from " + ", ".join(RESPONSE_ROLES))
    return RESPONSE_ROLES[role.value]


def tool_output(output: Field) -> str:
    """The text of a tool's output: a string, parts, or anything else as JSON."""
    value = output.value
    if output.is_absent:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(within(part, "type"), str) for part in value):
        return openai_text(output)
    return compact(value)


class ResponsesRequest(OpenAIGeneration):
    """How a request reads, and the errors that only this API words so."""

    api = "responses"
    fields = {
        "model": "a string",
        "input": "a string or an array",
        "instructions": "a string or an array",
        "stream": "a boolean",
        "stream_options": "an object",
        "tools": "an array",
        "tool_choice": "a string or an object",
        "text": "an object",
        "reasoning": "an object",
        "previous_response_id": "a string",
        "store": "a boolean",
        "max_output_tokens": "an integer",
        "temperature": "a number",
        "top_p": "a number",
        "metadata": "an object",
        "parallel_tool_calls": "a boolean",
        "include": "an array",
        "background": "a boolean",
        "user": "a string",
        "conversation": "a string or an object",
        "prompt": "an object",
        "prompt_cache_options": "an object",
        "service_tier": "a string",
        "top_logprobs": "an integer",
    }
    errors: Mapping[str, Failure] = {
        **OPENAI_ERRORS,
        # 400 where the other APIs have 404 (5.8, recorded).
        "not_found": Failure(
            400,
            "The requested model '{model}' does not exist.",
            code="model_not_found",
            param="model",
        ),
        "context_length": Failure(
            400,
            "Your input exceeds the context window of this model. Please adjust your input "
            "and try again.",
            code="context_length_exceeded",
            param="input",
        ),
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """Instructions and input; both input and model may be missing where something that the
        server holds stands for them."""
        value = body.value
        if not (value.get("model") or value.get("prompt")):
            body.get("model").missing("a string")
        if value.get("input") is None and not HELD_INPUT & set(value):
            body.get("input").missing("a string or an array")
        yield from instruction_turns(body.get("instructions"))
        yield from input_turns(body.get("input"))

    def tools(self, body: Field) -> Iterator[str]:
        """Names of functions and custom tools; the type of a hosted one."""
        for node in body.get("tools").objects():
            tool = node.value
            kind = "a string"
            # Tools lie flat here, and only those of the client must have a name (2.2).
            if tool.get("type") in ("function", "custom"):
                kind = "a string!"
            node.check({"type": "a string!", "name": kind})
            yield tool.get("name") or tool["type"]

    def custom_tools(self, body: Json) -> List[str]:
        """Those of type `custom`."""
        tools = body.get("tools") or ()
        return [tool["name"] for tool in tools if tool.get("type") == "custom"]

    def schema(self, body: Field) -> Json:
        """`text.format.schema`."""
        # It lies flat; in chat there is a `json_schema` around it (5.5).
        return within(body.value, "text", "format", "schema")

    def has_rate_limits(self, stream: bool) -> bool:
        """Whole answers come with rate limits; of 38 recorded streams none did (5.1)."""
        return not stream and super().has_rate_limits(stream)


# === formats/responses =======================================================
# OpenAI's Responses, whole and streamed; nothing is stored (wire formats, 5.5).  Pure.


# What a function is repeated with that the request leaves out: openai-node has both as always
# there, and strict is what one is taken for that does not say it.
FUNCTION_MEMBERS: Mapping[str, Json] = {"parameters": None, "strict": True}

# The status of a response, and what is incomplete about it, by the reason for which a reply stops.
# A call of a tool is no reason of its own here (5.5).
RESPONSE_OUTCOMES: Mapping[str, Tuple[str, Optional[str]]] = {
    "stop": ("completed", None),
    "tool_calls": ("completed", None),
    "length": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
    # The API's own words, of which these are statuses (5.5); any other is why it is incomplete.
    **{
        status: (status, None)
        for status in ("completed", "incomplete", "failed", "cancelled", "queued", "in_progress")
    },
}
# Of these no tokens are counted, unless a mock says how many (recorded of failed ones).
UNCOUNTED = ("failed", "cancelled")


def response_outcome(reply: Reply) -> Tuple[str, Optional[str]]:
    """How a response ends, and why it is incomplete if it is."""
    return RESPONSE_OUTCOMES.get(reply.stop, ("incomplete", reply.stop))


def response_usage(usage: Usage, status: str) -> Optional[Dict[str, Json]]:
    """Token counts with their details; none as long as nothing was counted."""
    if status in UNFINISHED or (status in UNCOUNTED and usage.is_guess):
        return None
    # `cache_write_tokens` came in mid 2026; openai-py's strict validation needs it (5.5).
    details = {"cache_write_tokens": usage.cache_write, "cached_tokens": usage.cached}
    return {
        "input_tokens": usage.input,
        "input_tokens_details": details,
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }


def echoed_tool(tool: Mapping[str, Json]) -> Mapping[str, Json]:
    """A tool of the request as the response repeats it."""
    if tool["type"] != "function":
        return tool
    return {**tool, **FUNCTION_MEMBERS, **tool}


# Items of which everything comes in deltas.
STREAMED_ITEMS = ("message", "reasoning", "function_call", "custom_tool_call")


class ResponseObject(ResponsesRequest):
    """The object of the Responses API, in all of its states."""

    speaks = frozenset((*ResponsesRequest.speaks, Block))
    ending = ""
    stream_type = "text/event-stream; charset=utf-8"
    # Reported by the SDKs' users since 2026, and documented nowhere; it is numbered as all events.
    ping = b'event: keepalive\ndata: {"type":"keepalive","sequence_number":%d}\n\n'
    places = RESPONSES_PLACES
    has_custom_tools = True

    def response(
        self, call: Call, reply: Reply, output: List[Json], status: str, usage: Json = None
    ) -> Dict[str, Json]:
        """The response object; it repeats most of the request."""
        body = call.body
        # Laid over the request's once more: what the server alone says, and what it completes.
        members = asked_members(body)
        members.update(
            id=reply.id or response_id(call, "resp", "id"),
            object="response",
            created_at=call.second,
            status=status,
            completed_at=None,
            error=None,
            incomplete_details=None,
            model=reply.model,
            moderation=None,
            output=output,
            reasoning={**RESPONSE_MEMBERS["reasoning"], **(body.get("reasoning") or {})},
            service_tier=response_tier(body, status),
            text={**RESPONSE_MEMBERS["text"], **(body.get("text") or {})},
            tools=[echoed_tool(tool) for tool in body.get("tools") or ()],
            usage=usage,
        )
        reason = response_outcome(reply)[1]
        if status == "completed":
            members["completed_at"] = call.second + 1
        if status == "failed":
            members["error"] = self.response_error(self.errors["server_error"])
        elif status == "incomplete" and reason:
            members["incomplete_details"] = {"reason": reason}
        return members

    def response_error(self, failure: Failure) -> Dict[str, Json]:
        """What a response that failed says of it (recorded)."""
        error = self.error(failure)
        return {"code": error["code"] or error["type"], "message": error["message"]}

    def items(self, call: Call, reply: Reply, status: str) -> List[Json]:
        """All output items of a response with this status."""
        return output_items(call, reply, status)

    def ended(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """The response object once all is said."""
        status = response_outcome(reply)[0]
        output = self.items(call, reply, status)
        return self.response(call, reply, output, status, response_usage(reply.usage, status))


class OpenAIResponses(ResponseObject):
    """The Responses API."""

    routes: Tuple[str, ...] = ("POST /v1/responses", "POST {prefix*}/responses")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The response object."""
        return self.ended(call, reply)

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events with their sequence numbers; no `[DONE]` (5.5: 0 of 69 recorded)."""
        if wants_text_logprobs(call):
            self.ended(call, reply)  # what has too many of them is refused before it streams
        return self.numbered(call, reply)

    def numbered(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The events with their numbers."""
        numbers = itertools.count()
        for name, members, texts in self.unnumbered(call, reply):
            # Recorded: the type, then all other keys in order.
            rest = sorted({**members, "sequence_number": hole(2)}.items())
            stencil = Stencil({"type": name, **dict(rest)})
            for (text, pad), number in zip(texts, numbers):
                yield name, stencil.filled(text, pad, number)

    def unnumbered(self, call: Call, reply: Reply) -> ItemEvents:
        """The events in order."""
        ended = self.ended(call, reply)
        begins = "in_progress"
        if ended["status"] in UNFINISHED:
            begins = ended["status"]
        begun = self.response(call, reply, [], begins)
        # The object is whole from the start, with all its keys (5.5, verified).
        yield "response.created", {"response": begun}, ONE
        # What stays unfinished has its status last.
        if ended["status"] not in UNFINISHED:
            yield "response.in_progress", {"response": begun}, ONE
        for index, item in enumerate(ended["output"]):
            yield from ItemStream(call, item, index, reply.chunk_size).events()
        yield f"response.{ended['status']}", {"response": ended}, ONE

    def is_content(self, name: str, value: Json) -> bool:
        """A delta, a picture so far, or an item that has none of them and is done."""
        kind = str(within(value, "type"))
        if kind == "response.output_item.done":
            return within(value, "item", "type") not in STREAMED_ITEMS
        return kind.endswith(".partial_image") or bool(within(value, "delta"))

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The event `error`, nested: the SDKs raise on that form only (5.5, verified)."""
        error = self.error(failure)
        ordered = {name: error[name] for name in ("type", "code", "message", "param")}
        yield "error", {"type": "error", "error": ordered, "sequence_number": sent}

    def broken_off(
        self, call: Call, reply: Reply, failure: Failure, sent: int
    ) -> Iterator[Tuple[str, Json]]:
        """The event `error`, then `response.failed` (recorded); a reply that stops with one of
        these two words has that one alone."""
        output = self.done_items(call, reply, sent)
        if reply.stop != "failed":
            yield from self.interruption(call, failure, sent)
            sent += 1
        if reply.stop == "error":
            return
        usage = response_usage(reply.usage, "failed")
        failed = self.response(call, reply, output, "failed", usage)
        failed["error"] = self.response_error(failure)
        name = "response.failed"
        yield name, {"type": name, "response": failed, "sequence_number": sent}

    def done_items(self, call: Call, reply: Reply, sent: int) -> List[Json]:
        """The output items that the first so many events were all of."""
        done: List[Json] = []
        for name, members, texts in self.unnumbered(call, reply):
            sent -= sum(1 for _ in itertools.islice(texts, sent + 1))
            if sent < 0:
                break
            if name == "response.output_item.done":
                done.append(members["item"])
        return done

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type."""
        return named_by_type(values)


class OpenAIInputTokens(ResponsesRequest):
    """The input tokens of a Responses request."""

    operation, api = "count_tokens", "input_tokens"
    routes: Tuple[str, ...] = (
        "POST /v1/responses/input_tokens",
        "POST {prefix*}/responses/input_tokens",
    )

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """Never."""
        return False

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count."""
        return {"object": "response.input_tokens", "input_tokens": reply.usage.input}


# === formats/azure_responses =================================================
# Responses at Azure, with what its content filters find (wire formats, section 6).  Pure.


def content_filter(source: str, blocked: bool, results: Mapping[str, Json], end: int) -> Json:
    """What the filters found in the prompt or in the completion, up to the character `end`."""
    # Recorded, with these members (section 6).
    return {
        "blocked": blocked,
        "source_type": source,
        "content_filter_raw": [],
        "content_filter_results": results,
        "content_filter_offsets": {"start_offset": 0, "end_offset": end, "check_offset": 0},
    }


class AzureInputTokens(Azure, OpenAIInputTokens):
    """The same at Azure's paths."""

    routes = ("POST /openai[/v1]/responses/input_tokens",)


class AzureResponses(Azure, OpenAIResponses):
    """Responses with content filters."""

    routes = ("POST /openai[/v1]/responses",)
    errors = {**AZURE_ERRORS, "context_length": OpenAIResponses.errors["context_length"]}

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Without rate limits, of which none were seen here (section 6)."""
        headers = [
            (name, value)
            for name, value in super().headers(call, stream, status)
            if not name.startswith("x-ratelimit-")
        ]
        # `False` was recorded, of whole answers.
        return (*headers, ("azureai-fe-is-streaming", str(stream)))

    def response(
        self, call: Call, reply: Reply, output: List[Json], status: str, usage: Json = None
    ) -> Dict[str, Json]:
        """The response object; once it has ended, with what the filters found."""
        value = super().response(call, reply, output, status, usage)
        if status in UNFINISHED:
            return {**value, "content_filters": None}  # nothing has been filtered yet
        results: Dict[str, Json] = {**PIECE_FILTERS}
        blocked = reply.stop == "content_filter"
        if blocked:
            results.update(BLOCKED)
        end = len(reply.text(Text) or "")
        value["content_filters"] = [
            content_filter("prompt", False, PROMPT_FILTERS, end),
            content_filter("completion", blocked, results, end),
        ]
        return value


# === formats/bedrock =========================================================
# AWS Bedrock: what all of its APIs share (wire formats, section 10).  Pure.


# Types of errors by status, all but 401 and 409 from the table in 10.2.
BEDROCK_TYPES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    409: "ConflictException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}

# Statuses and types were verified with boto3; of the sentences only that of not_found was recorded
# (10.2).  There is no Retry-After (2.5).
BEDROCK_ERRORS = {
    "no_key": Failure(403, "Missing Authentication Token", "MissingAuthenticationTokenException"),
    "authentication": Failure(
        403, "The security token included in the request is invalid.", "UnrecognizedClientException"
    ),
    "permission": Failure(
        403,
        "You don't have access to the model with the specified model ID.",
        "AccessDeniedException",
    ),
    "not_found": Failure(400, "The provided model identifier is invalid."),
    "timeout": Failure(
        408, "Model has timed out in processing the request. Try your request again."
    ),
    "rate_limit": Failure(429, "Too many requests, please wait before trying again."),
    "server_error": Failure(
        500, "The system encountered an unexpected error during processing. Try your request again."
    ),
    "overloaded": Failure(
        503, "The service is unable to process your request right now. Try your request again."
    ),
    "context_length": Failure(400, "Input is too long for requested model."),
}

# What follows the type in x-amzn-ErrorType; clients drop it (10.2, recorded).
BEDROCK_ERROR_SPACE = ":http://internal.amazon.com/coral/com.amazon.bedrock/"

# What the padding of an event begins with (10.1, recorded).
BEDROCK_PADS = LOWER + LOWER.upper() + "0123456789"


# Types of errors that only whole answers have, or some streams (botocore's service model).
ANSWERED_TYPES = frozenset(
    (
        *BEDROCK_TYPES.values(),
        *(failure.type for failure in BEDROCK_ERRORS.values() if failure.type),
    )
)
# Those of streams, of any operation and of InvokeModel's alone.
STREAM_EXCEPTIONS = frozenset(
    (
        *("InternalServerException", "ModelStreamErrorException", "ValidationException"),
        *("ThrottlingException", "ServiceUnavailableException"),
    )
)
INVOKE_EXCEPTIONS = STREAM_EXCEPTIONS | {"ModelTimeoutException"}
# What a model did wrong; other errors are the request's.
MODEL_STATUSES = (408, 424)


def bedrock_padding(call: Call, number: int) -> str:
    """The member `p` of an event: up to 61 letters and digits."""
    return BEDROCK_PADS[: int(call.token(f"pad {number}", 2, HEX), 16) % 62]


def bedrock_type(failure: Failure) -> str:
    """The type of an error, such as ThrottlingException."""
    if failure.type:
        return failure.type
    if failure.status in BEDROCK_TYPES:
        return BEDROCK_TYPES[failure.status]
    return "ValidationException" if failure.status < 500 else "InternalServerException"


class Bedrock(WireFormat):
    """What all APIs of Bedrock share: the request id, errors whose type is a header, SigV4 or an
    API key, and the binary event stream."""

    provider = "bedrock"
    # botocore signs (SigV4); an API key comes as Bearer (2.3).
    schemes: Tuple[str, ...] = ("bearer", "aws4-hmac-sha256")
    errors: Mapping[str, Failure] = BEDROCK_ERRORS
    # Compact, keys sorted, no line end (section 10).
    layout: Callable[..., str] = staticmethod(sorted_compact)
    stream_type = "application/vnd.amazon.eventstream"
    ping = b""  # Claude's are left out there (10.1), and there are no others
    stream_types = STREAM_EXCEPTIONS
    bad_json = "Unable to parse the request body as JSON: {}"

    def framing(self, call: Call) -> Framing:
        """The binary event stream (10.1)."""
        return AWS_EVENTS

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The request id."""
        return (("x-amzn-RequestId", uuid(call, "request")),)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"message"}`, with the type in x-amzn-ErrorType (10.2, recorded)."""
        kind = bedrock_type(failure) + BEDROCK_ERROR_SPACE
        return ErrorBody({"message": failure.message}, headers=(("x-amzn-ErrorType", kind),))

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """An exception message, its type in lower camel case (10.1)."""
        value: Dict[str, Json] = {"message": failure.message}
        kind = bedrock_type(failure)
        # The framing knows an exception by this ending of its name.
        if not kind.endswith("Exception"):
            kind = "InternalServerException"
        if kind in ANSWERED_TYPES and kind not in self.stream_types:
            kind = "ValidationException"
            if failure.status in MODEL_STATUSES:
                kind = "ModelStreamErrorException"
                value["originalStatusCode"] = failure.status
        yield kind[0].lower() + kind[1:], value

    def complaint(self, wrong: BadField) -> Failure:
        """AWS's way to name a field."""
        if wrong.sentence:
            return Failure(400, wrong.sentence)
        constraint = f"be {wrong.expected}, found {shown(wrong.found)}"
        if wrong.found is MISSING:
            constraint = "not be null"
        return Failure(
            400,
            f"1 validation error detected: Value at '{wrong.path or 'body'}' "
            f"failed to satisfy constraint: Member must {constraint}",
        )


# === formats/bedrock_converse ================================================
# AWS Bedrock: Converse (wire formats, sections 10 and 10.1).  Pure.


# Stop reasons (section 10) by those of a reply.
CONVERSE_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
}

# Which event a payload without a name is: that of the first of these members that it has.
CONVERSE_EVENT_OF = {
    "role": "messageStart",
    "start": "contentBlockStart",
    "delta": "contentBlockDelta",
    "stopReason": "messageStop",
    "usage": "metadata",
    "contentBlockIndex": "contentBlockStop",
}

# The content blocks that a whole answer may have, and those of them that a stream may: its deltas
# know no others (the shapes ContentBlock and ContentBlockDelta of botocore 1.44.8).
CONVERSE_BLOCKS = {
    "text": "a string",
    **dict.fromkeys(
        ("audio", "cachePoint", "citationsContent", "document", "guardContent", "image")
        + ("reasoningContent", "searchResult", "toolAddition", "toolRemoval", "toolResult")
        + ("toolUse", "video"),
        "an object",
    ),
}
STREAMED_BLOCKS = ("text", "toolUse", "toolResult", "image", "reasoningContent", "citationsContent")
# Those that have a start, and which of their members come after it (10.1; ContentBlockStart).
BEGUN_BLOCKS: Mapping[str, Tuple[str, ...]] = {
    "toolUse": ("input",),
    "toolResult": ("content",),
    "image": ("source", "error"),
}

Event = Tuple[str, Dict[str, Json]]
# Those that are alike but for the text in the hole of their value, an event a text.
Events = Tuple[str, Dict[str, Json], Texts]


# --- a request, read ---


def converse_content(content: Field) -> MessageContent:
    """What the content of a message, or the system prompt, holds."""
    texts: List[str] = []
    results: List[Turn] = []
    has_more = False
    for block in content.objects():
        value = block.check({"text": "a string", "toolResult": "an object"}).value
        if value.get("toolResult") is not None:
            result = block.get("toolResult")
            call_id = call_id_of(result.value, "toolUseId")
            results.append(Turn("tool", converse_result(result), call_id))
            continue
        # A cache point says nothing: beside tool results it makes no message of the user.
        if set(value) != {"cachePoint"}:
            has_more = True
        text = value.get("text", within(value, "guardContent", "text", "text"))
        if isinstance(text, str):
            texts.append(text)
    only_results = bool(results) and not has_more
    return MessageContent("\n".join(texts), tuple(results), only_results)


def converse_result(result: Field) -> str:
    """The text of a tool's result: its texts, and JSON as text."""
    texts = []
    # A picture or a document in it has no text.
    for part in result.get("content").objects():
        if isinstance(part.value.get("text"), str):
            texts.append(part.value["text"])
        elif "json" in part.value:
            texts.append(compact(part.value["json"]))
    return "\n".join(text for text in texts if text)


def converse_turns(body: Field) -> Iterator[Turn]:
    """System blocks and messages of a request."""
    system = body.get("system")
    if not system.is_absent:
        yield Turn("system", converse_content(system).text)
    messages = body.get("messages")
    # A managed prompt has messages of its own, and the request only fills in variables.
    if not messages.value and body.get("promptVariables").is_absent:
        messages.expected("an array of at least one message")
    for message in messages.objects():
        role = message.check({"role": "a string!", "content": "an array!"}).get("role")
        if role.value not in ("user", "assistant", "system"):
            role.expected("one from user, assistant")
        yield from converse_content(message.get("content")).turns(role.value)


class ConverseRequest(Bedrock):
    """How a Converse request reads."""

    api = "converse"
    fields: Mapping[str, str] = {
        "messages": "an array",
        "system": "an array",
        "promptVariables": "an object",
        "inferenceConfig": "an object",
        "toolConfig": "an object",
        "additionalModelRequestFields": "an object",
        "outputConfig": "an object",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """System blocks and messages."""
        return converse_turns(body)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of the tools; a cache point among them has none."""
        for tool in body.within("toolConfig", "tools").objects():
            tool.check({"toolSpec": "an object"})
            if "toolSpec" in tool.value:
                yield tool.get("toolSpec").check({"name": "a string!"}).value["name"]

    def schema(self, body: Field) -> Json:
        """`outputConfig.textFormat.structure.jsonSchema.schema`, which is JSON text."""
        names = ("outputConfig", "textFormat", "structure", "jsonSchema", "schema")
        schema = body.within(*names)
        if schema.is_absent:
            return None
        if not isinstance(schema.value, str):
            return schema.value
        try:
            return parse_json(utf8(schema.value))
        except ValueError as error:
            schema.expected(f"JSON ({error})")


# --- an answer, written ---


def converse_tool_id(call: Call, part: ToolCall, index: int) -> str:
    """The id of a tool call (2.4)."""
    return part.id or "tooluse_" + call.token(f"tool {index}", 22, BASE64URL)


def converse_block(call: Call, part: Part, index: int) -> Mapping[str, Json]:
    """One content block of a whole answer."""
    if isinstance(part, Block):
        return part.value
    if isinstance(part, ToolCall):
        use = {
            "toolUseId": converse_tool_id(call, part, index),
            "name": part.name,
            "input": dict(part.arguments),
        }
        return {"toolUse": use}
    if isinstance(part, Reasoning):
        thought = {"text": part.text, "signature": thought_signature(call, index)}
        return {"reasoningContent": {"reasoningText": thought}}
    return {"text": getattr(part, "text", "")}


def text_in(value: Json) -> str:
    """The text in a block of a mock; anything else is none."""
    text = within(value, "text")
    if isinstance(text, str):
        return text
    return ""


def converse_deltas(run: Run, kind: str, value: Json) -> Iterator[Tuple[Dict[str, Json], Texts]]:
    """What a stream says of one content block, and the texts that go into the hole of each."""
    if kind == "text":
        yield {"text": hole(0)}, pieces(value, run.size) or ONCE
    elif kind == "toolUse":
        text = run.text or compact(value.get("input"))
        yield {"toolUse": {"input": hole(0)}}, pieces(text, run.size, ARGUMENT_PIECES)
    elif kind == "toolResult":
        for item in items_within(value, "content"):
            yield {"toolResult": [item]}, ONCE
    elif kind == "image":
        yield {"image": {name: value[name] for name in BEGUN_BLOCKS[kind] if name in value}}, ONCE
    elif kind == "citationsContent":
        text = "".join(map(text_in, items_within(value, "content")))
        yield {"text": hole(0)}, pieces(text, run.size) or ONCE
        for citation in items_within(value, "citations"):
            yield {"citation": citation}, ONCE
    else:
        yield from converse_thought_deltas(run, value)


def converse_thought_deltas(run: Run, value: Json) -> Iterator[Tuple[Dict[str, Json], Texts]]:
    """What a stream says of a thought: its text, then what signs it; or what nobody can read."""
    thought = value.get("reasoningText")
    if thought is None:
        yield {"reasoningContent": value}, ONCE
        return
    yield {"reasoningContent": {"text": hole(0)}}, pieces(text_in(thought), run.size) or ONCE
    signature = within(thought, "signature")
    if signature is not None:
        yield {"reasoningContent": {"signature": signature}}, ONCE


def converse_block_events(call: Call, run: Run) -> Iterator[Events]:
    """The events of one content block."""
    ((kind, value),) = converse_block(call, run.part, run.index).items()
    place = {"contentBlockIndex": run.index}
    if kind in BEGUN_BLOCKS:
        begun = {name: value[name] for name in sorted(value) if name not in BEGUN_BLOCKS[kind]}
        yield "contentBlockStart", {**place, "start": {kind: begun}}, ONCE
    for delta, texts in converse_deltas(run, kind, value):
        yield "contentBlockDelta", {**place, "delta": delta}, texts
    yield "contentBlockStop", place, ONCE


def converse_usage(usage: Usage, cache_counts: Tuple[str, str]) -> Dict[str, Json]:
    """Token counts; those that the cache had or was given are not among the input."""
    counts = {
        "inputTokens": usage.uncached,
        "outputTokens": usage.output,
        "totalTokens": usage.total,
    }
    # Older models have no counts of a cache.
    if usage.cached or usage.cache_write:
        counts.update(zip(cache_counts, (usage.cached, usage.cache_write)))
    return counts


def recorded_converse_event(value: Json) -> Event:
    """A recorded value as an event; one without a name is none."""
    if not isinstance(value, dict):
        return "", {}
    for member, name in CONVERSE_EVENT_OF.items():
        if member in value:
            return name, value
    if len(value) == 1:
        return next(iter(value.items()))
    return "", value


class BedrockConverse(ConverseRequest):
    """converse and converse-stream (section 10)."""

    routes: Tuple[str, ...] = (
        "POST /model/{model}/{verb=converse}",
        "POST /model/{model}/{verb=converse-stream}",
    )
    places = CONVERSE_PLACES
    speaks = WireFormat.speaks | {Block}
    cache_counts = ("cacheReadInputTokens", "cacheWriteInputTokens")

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """Those that botocore's shapes have there."""
        ((kind, value),) = tuple(block.items())[:1]
        if len(block) > 1 or kind not in (STREAMED_BLOCKS if stream else CONVERSE_BLOCKS):
            return False
        return fits(value, CONVERSE_BLOCKS[kind])

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The operation says it."""
        return params["verb"] == "converse-stream"

    def whole(self, call: Call, reply: Reply) -> Json:
        """The output message with metrics."""
        content = [converse_block(call, part, index) for index, part in enumerate(reply.parts)]
        return {
            "metrics": {"latencyMs": 408},
            "output": {"message": {"content": content, "role": "assistant"}},
            "stopReason": said_stop(CONVERSE_STOPS, stop_of(reply)),
            "usage": converse_usage(reply.usage, self.cache_counts),
        }

    def values(self, call: Call, reply: Reply) -> Iterator[Events]:
        """The events of a stream without their padding, in order (10.1, recorded)."""
        yield "messageStart", {"role": "assistant"}, ONCE
        for run in walk(reply):
            yield from converse_block_events(call, run)
        yield "messageStop", {"stopReason": said_stop(CONVERSE_STOPS, stop_of(reply))}, ONCE
        usage = converse_usage(reply.usage, self.cache_counts)
        # The counts have an event of their own, after the stop (10.1).
        yield "metadata", {"metrics": {"latencyMs": 625}, "usage": usage}, ONCE

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events with their padding."""
        numbers = itertools.count()
        for name, value, texts in self.values(call, reply):
            stencil = Stencil({**value, "p": hole(1)}, sorted_compact)
            for text, number in zip(texts, numbers):
                yield name, stencil.filled(text, bedrock_padding(call, number))

    def is_content(self, name: str, value: Json) -> bool:
        """A delta of a block."""
        if name == "contentBlockDelta":
            return has_words(within(value, "delta"))
        return has_words(within(value, "contentBlockDelta", "delta"))

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Events as boto3 gives them, `{"messageStart": {…}}`, or bare payloads, known by what is
        in them."""
        # A payload's own name is not in it: it was a header of its frame (10.1).
        for value in values:
            name, payload = recorded_converse_event(value)
            if name:
                yield name, payload


# === formats/mute ============================================================
# Formats that have nothing to say of their own: what they answer is recorded.  Pure.


class Mute(WireFormat):
    """A format of which nobody knows how an answer looks; what it would say is broken before any
    of it is sent."""

    speaks: FrozenSet[Any] = frozenset()

    def whole(self, call: Call, reply: Reply) -> Json:
        """Nothing."""
        return {}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """None."""
        return iter(())


# === formats/bedrock_invoke ==================================================
# AWS Bedrock: InvokeModel (wire formats, section 10).  Pure.


# Makers of models whose InvokeModel bodies are not Anthropic's; what names none of them, such as an
# ARN, is taken for Claude.
OTHER_MAKER = re.compile(
    r"(?:.*[./])?(?:amazon|ai21|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|nvidia|"
    r"openai|qwen|stability|twelvelabs|writer|zai)\."
)
# Amazon's other Nova models make pictures, films, speech and vectors.
OTHER_NOVA = re.compile(r"canvas|reel|sonic|.*embed")
FAMILIES = (
    ("titan-embed", re.compile(r".*amazon\.titan-embed")),
    ("cohere-embed", re.compile(r".*cohere\.embed")),
    ("other", OTHER_MAKER),
)

# Every model has the same paths: its name alone tells which format reads the body.
INVOKE = "POST /model/{model}/{verb=invoke}"
INVOKE_STREAM = "POST /model/{model}/{verb=invoke-with-response-stream}"


def family_of(model: str) -> str:
    """Whose bodies a model's InvokeModel takes: one of FAMILIES, nova or claude."""
    _, nova, kind = model.rpartition("amazon.nova-")
    if nova and not OTHER_NOVA.match(kind):
        return "nova"
    return next((name for name, names in FAMILIES if names.match(model)), "claude")


def invoked_turns(body: Json) -> Iterator[Turn]:
    """What can be read of an InvokeModel body whose maker has no wire format here: a prompt, or
    messages with texts."""
    if not isinstance(body, dict):
        return
    prompts = [body[name] for name in ("prompt", "inputText") if isinstance(body.get(name), str)]
    if prompts:
        yield Turn("user", prompts[0])
    messages = body.get("messages")
    if isinstance(messages, list):
        for message in messages:
            yield invoked_turn(message)


def invoked_turn(message: Json) -> Turn:
    """One message of such a body; what can't be read of it is the user's, or empty."""
    role = within(message, "role")
    if role not in ("system", "user", "assistant", "tool"):
        role = "user"
    content = within(message, "content")
    texts = [content]
    if isinstance(content, list):
        texts = [within(part, "text") for part in content]
    call_id = None
    if isinstance(message, dict):
        call_id = call_id_of(message, "tool_call_id")
    return Turn(role, "\n".join(text for text in texts if isinstance(text, str)), call_id)


def chunk_event(value: Json, padding: str) -> Tuple[str, Json]:
    """One of the maker's events, as base64 of its JSON (10.1)."""
    data = utf8(value) if isinstance(value, str) else laid_out(value, compact)
    return "chunk", {"bytes": base64.b64encode(data).decode(), "p": padding}


def invoked_cache(usage: Usage) -> Dict[str, int]:
    """Tokens that came from a cache and went to one, if any did."""
    # The names in headers and metrics are quoted from logs of boto3; older models have none.
    if usage.cached or usage.cache_write:
        return {"Read": usage.cached, "Write": usage.cache_write}
    return {}


class BedrockInvoke(Bedrock):
    """What InvokeModel adds: the maker's own JSON, whole or in the frames of a stream as base64."""

    api = "invoke"
    layout: Callable[..., str] = staticmethod(compact)
    stream_types = INVOKE_EXCEPTIONS
    family = ""  # one of FAMILIES, or claude

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """The model's name tells whose body it is."""
        return family_of(params["model"]) == self.family

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The operation says it."""
        return params["verb"] != "invoke"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The request id; of a stream also the type of what is inside."""
        shared = super().headers(call, stream, status)
        if not stream:
            return shared
        return (*shared, ("X-Amzn-Bedrock-Content-Type", "application/json"))

    def usage_headers(self, reply: Reply) -> Headers:
        """Token counts and latency."""
        usage = reply.usage
        counts = {"Input": usage.uncached, "Output": usage.output}
        for way, count in invoked_cache(usage).items():
            counts[f"Cache-{way}-Input"] = count
        headers = [(f"X-Amzn-Bedrock-{name}-Token-Count", str(counts[name])) for name in counts]
        return (*headers, ("X-Amzn-Bedrock-Invocation-Latency", "408"))

    def chunks(self, values: Iterable[Json], call: Call) -> Iterator[Tuple[str, Json]]:
        """The maker's events as chunks with their padding."""
        for number, value in enumerate(values):
            yield chunk_event(value, bedrock_padding(call, number))

    def is_content(self, name: str, value: Json) -> bool:
        """Whether the maker's event is, in its chunk."""
        data = str(within(value, "bytes") or "")
        try:
            inside = parse_json(base64.b64decode(data))
        except ValueError:
            return False
        return self.makes_content(inside)

    def makes_content(self, inside: Json) -> bool:
        """Whether an event of the maker is content."""
        return super().is_content("", inside)

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """The maker's events."""
        for value in values:
            yield chunk_event(value, "abcdefgh")  # there is no call to derive padding from


class BedrockClaude(BedrockInvoke, AnthropicMessages):
    """InvokeModel for Claude: messages without ping and padding, with metrics at the end (10.1)."""

    family = "claude"
    routes = (INVOKE, INVOKE_STREAM)
    # The path names the model; the body names the version of Anthropic's API instead (section 10).
    fields = {**AnthropicRequest.fields, "model": "a string", "anthropic_version": "a string"}
    places = BEDROCK_CLAUDE_PLACES
    prefix = "msg_bdrk_01"

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Anthropic's events in chunks."""
        return self.chunks(self.measured(call, reply), call)

    def measured(self, call: Call, reply: Reply) -> Iterator[Json]:
        """Anthropic's events, the last with the metrics of the whole."""
        metrics = {
            "inputTokenCount": reply.usage.uncached,
            "outputTokenCount": reply.usage.output,
            "invocationLatency": 300,
            "firstByteLatency": 100,
        }
        for way, count in invoked_cache(reply.usage).items():
            metrics[f"cache{way}InputTokenCount"] = count
        for name, value in self.values(call, reply):
            if name == "message_stop":
                value = {**value, "amazon-bedrock-invocationMetrics": metrics}
            yield value


class BedrockNova(BedrockInvoke, BedrockConverse):
    """InvokeModel for Amazon Nova, which speaks as Converse does; its events hold their names."""

    family = "nova"
    routes = (INVOKE, INVOKE_STREAM)
    places = NOVA_PLACES
    cache_counts = ("cacheReadInputTokenCount", "cacheWriteInputTokenCount")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The output, without metrics."""
        value = super().whole(call, reply)
        return {key: value[key] for key in ("output", "stopReason", "usage")}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Converse's events in chunks."""
        return self.chunks(self.named(call, reply), call)

    def named(self, call: Call, reply: Reply) -> Iterator[Json]:
        """Converse's events as members of objects."""
        for name, value, texts in self.values(call, reply):
            yield from map(Stencil({name: value}).filled, texts)


class BedrockOther(Mute, BedrockInvoke):
    """InvokeModel for the models of other makers: recorded bodies and events only."""

    family = "other"
    routes = (INVOKE, INVOKE_STREAM)
    # Where the makers have their texts: Llama, Titan, Mistral and Jamba, old Claude and Cohere.
    texts = ("generation", "outputText", "outputs", "choices", "completion", "text")

    def makes_content(self, inside: Json) -> bool:
        """A text, wherever the maker has it."""
        return any(has_words(within(inside, key)) for key in self.texts)

    def turns(self, body: Field) -> Iterable[Turn]:
        """A prompt, or messages with texts."""
        return invoked_turns(body.value)


class BedrockEmbed(BedrockInvoke):
    """What the embedding models share."""

    operation = "embed"
    speaks = frozenset((Embedding,))
    layout = staticmethod(by_rows(compact))


class BedrockTitanEmbed(BedrockEmbed):
    """InvokeModel for Amazon's text embedding models."""

    family = "titan-embed"
    routes = (INVOKE,)
    fields = {"inputText": "a string", "dimensions": "an integer"}

    def inputs(self, body: Field) -> List[str]:
        """The one text; an image has none."""
        return [body.get("inputText").text("")]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding, twice as the real one."""
        vector = reply.vectors(1)[0]
        return {
            "embedding": vector,
            "embeddingsByType": {"float": vector},
            "inputTextTokenCount": reply.usage.input,
        }


class BedrockCohereEmbed(BedrockEmbed):
    """InvokeModel for Cohere's embedding models."""

    family = "cohere-embed"
    routes = (INVOKE,)
    fields = {"texts": "an array", "input_type": "a string"}
    most_inputs = 96
    # As bodies are refused that do not fit the model's schema (10.2); this bound is unverified.
    too_many = (
        "Malformed input request: #/{path}: expected maximum item count: {most}, found: {found}, "
        "please reformat your input and try again."
    )

    def inputs(self, body: Field) -> List[str]:
        """The texts."""
        return texts_of(self.counted(body.get("texts")))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings."""
        return {
            "embeddings": reply.vectors(len(call.inputs)),
            "id": uuid(call, "id"),
            "response_type": "embeddings_floats",
            "texts": list(call.inputs),
        }


# === formats/bedrock_count_tokens ============================================
# AWS Bedrock: CountTokens (wire formats, section 10).  Pure.


class BedrockCountTokens(Bedrock):
    """CountTokens, of a Converse or an InvokeModel request."""

    operation, api = "count_tokens", "count-tokens"
    routes = ("POST /model/{model}/count-tokens",)
    fields = {"input": "an object!"}

    def turns(self, body: Field) -> Iterable[Turn]:
        """The conversation of the request inside."""
        converse = body.within("input", "converse")
        if not converse.is_absent:
            # No managed prompt can stand for the messages here, as it can in Converse itself.
            converse.check({**ConverseRequest.fields, "messages": "an array!"})
            return converse_turns(converse)
        # In JSON a blob is base64, and the body of an invoke request is a blob.
        packed = body.within("input", "invokeModel", "body")
        if not isinstance(packed.value, str):
            return ()
        try:
            return invoked_turns(parse_json(base64.b64decode(packed.value)))
        except ValueError as error:
            packed.expected(f"base64 of JSON ({error})")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count."""
        return {"inputTokens": reply.usage.input}


# === formats/cohere ==========================================================
# Cohere v2: chat, and what all of its APIs share (wire formats, section 11).  Pure.


# Of the sentences only that of not_found was recorded; the statuses were verified with cohere-py.
COHERE_ERRORS = {
    "no_key": Failure(401, "no api key supplied"),
    "authentication": Failure(401, "invalid api token"),
    "not_found": Failure(
        404,
        "model '{model}' not found, make sure the correct model ID was used and that you have "
        "access to the model.",
    ),
    "rate_limit": Failure(
        429,
        "You are using a Trial key, which is limited to 20 API calls / minute. You can continue "
        "to use the Trial key for free or upgrade to a Production key with higher rate limits "
        "at 'https://dashboard.cohere.com/api-keys'.",
    ),
    "server_error": Failure(500, "internal server error"),
    "overloaded": Failure(503, "service unavailable"),
    "context_length": Failure(
        400,
        "too many tokens: total number of tokens in the prompt cannot exceed 128000 - "
        "received 128001. Try using a shorter prompt or a smaller max_tokens value.",
    ),
}

# The headers that are always the same (section 11, recorded).
COHERE_HEADERS: Headers = (
    ("access-control-expose-headers", "X-Debug-Trace-ID"),
    ("cache-control", "no-cache, no-store, no-transform, must-revalidate, private, max-age=0"),
    ("expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("pragma", "no-cache"),
    ("x-accel-expires", "0"),
    ("x-endpoint-monthly-call-limit", "1000"),
    ("x-trial-endpoint-call-limit", "20"),
)

# Finish reasons (section 11) by those of a reply; ERROR is the only one for text that was stopped.
COHERE_STOPS = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR",
}


class Cohere(WireFormat):
    """What all APIs of Cohere share: headers and errors."""

    provider = "cohere"
    errors = COHERE_ERRORS
    bad_json = "invalid json syntax: {}"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Trace id, limits and what keeps an answer out of caches (section 11, recorded)."""
        remaining = "0" if status == 429 else "19"
        return (
            ("x-debug-trace-id", call.token("trace", 32, HEX)),
            *COHERE_HEADERS,
            ("x-trial-endpoint-call-remaining", remaining),
            ("Server", "envoy"),
            ("Vary", "Origin"),
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """Calls of the trial key."""
        return (
            ("x-trial-endpoint-call-limit", str(limit.requests)),
            ("x-trial-endpoint-call-remaining", str(limit.left)),
            *retry_after(limit),
        )

    def usage_headers(self, reply: Reply) -> Headers:
        """Tokens of a whole answer."""
        return (("num_tokens", str(reply.usage.total)),)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"id", "message"}`."""
        return ErrorBody({"id": uuid(call, "error"), "message": failure.message})

    def complaint(self, wrong: BadField) -> Failure:
        """The field in a sentence."""
        if wrong.found is MISSING:
            return Failure(400, f"invalid request: {wrong.path}: a value is required")
        if wrong.sentence:
            return Failure(400, wrong.sentence)
        return Failure(
            400,
            f"invalid type: parameter {wrong.path or 'body'} is of type {kind_of(wrong.found)} "
            f"but should be {wrong.expected}.",
        )


# --- a chat's answer, in pieces that are the same whole and streamed ---


def cohere_tool_call(call: Call, part: ToolCall, number: int, arguments: str) -> Dict[str, Json]:
    """A tool call; its id begins with the name of the function (2.4)."""
    suffix = call.token(f"tool {number}", 12, LOWER_ALNUM)
    return {
        "id": part.id or f"{part.name}_{suffix}",
        "type": "function",
        "function": {"name": part.name, "arguments": arguments},
    }


def cohere_block(part: Part, text: str) -> Mapping[str, Json]:
    """One block of content."""
    if isinstance(part, Block):
        return part.value
    if isinstance(part, Reasoning):
        return {"type": "thinking", "thinking": text}
    return {"type": "text", "text": text}


def cohere_likely(piece: str) -> Dict[str, Json]:
    """How likely a piece of text was (typed in cohere 7.3)."""
    return {"text": piece, "token_ids": [token_number(piece)], "logprobs": [LOGPROB]}


def cohere_usage(usage: Usage) -> Dict[str, Json]:
    """What is billed and what there was."""
    counts = {"input_tokens": usage.input, "output_tokens": usage.output}
    return {"billed_units": counts, "tokens": counts, "cached_tokens": usage.cached}


def citation_in(part: Part) -> Optional[Mapping[str, Json]]:
    """The citation that a part is, which is no content but stands beside it; else None."""
    if isinstance(part, Block) and "sources" in part.value:
        return part.value
    return None


def is_plan(reply: Reply, part: Part) -> bool:
    """Whether a part is of the tool plan, which is what text beside tool calls becomes."""
    return isinstance(part, (Text, Refusal)) and bool(reply.tool_calls)


# --- whole ---


def cohere_message(call: Call, reply: Reply) -> Dict[str, Json]:
    """The assistant's message."""
    plan: List[str] = []
    content: List[Json] = []
    calls: List[Json] = []
    citations: List[Json] = []
    for part in reply.parts:
        citation = citation_in(part)
        if citation:
            citations.append(citation)
        elif isinstance(part, ToolCall):
            arguments = compact(part.arguments)
            calls.append(cohere_tool_call(call, part, len(calls), arguments))
        elif is_plan(reply, part):
            plan.append(getattr(part, "text", ""))
        else:
            content.append(cohere_block(part, getattr(part, "text", "")))
    message: Dict[str, Json] = {"role": "assistant"}
    # Beside tool calls there is no empty content (section 11).
    if content or not calls:
        message["content"] = content
    if any(plan):
        message["tool_plan"] = "".join(plan)
    if calls:
        message["tool_calls"] = calls
    if citations:
        message["citations"] = citations
    return message


# --- streamed ---

CohereEvent = Tuple[str, Json]


def cohere_event(name: str, number: int, message: Json) -> CohereEvent:
    """An event of the content block or the tool call with this number."""
    return name, {"type": name, "index": number, "delta": {"message": message}}


def cohere_plan_events(run: Run) -> Iterator[CohereEvent]:
    """Text of the tool plan; it has no number, start or end."""
    name = "tool-plan-delta"
    value = {"type": name, "delta": {"message": {"tool_plan": hole(0)}}}
    return filled_in(name, value, run.texts)


def cohere_tool_events(call: Call, part: ToolCall, number: int, run: Run) -> Iterator[CohereEvent]:
    """A tool call: first without its arguments, then they."""
    start = cohere_tool_call(call, part, number, "")
    yield cohere_event("tool-call-start", number, {"tool_calls": start})
    function = {"arguments": hole(0)}
    delta = cohere_event("tool-call-delta", number, {"tool_calls": {"function": function}})
    yield from filled_in(*delta, run.pieces)
    yield "tool-call-end", {"type": "tool-call-end", "index": number}


def cohere_block_events(call: Call, number: int, run: Run) -> Iterator[CohereEvent]:
    """A block of content, but for its end: first empty, then its text."""
    # The name of a block's type is that of its text, too.
    block = cohere_block(run.part, run.text)
    name = block["type"]
    yield cohere_event("content-start", number, {"content": {**block, name: ""}})
    texts = pieces(block[name], run.size)
    kind, delta = cohere_event("content-delta", number, {"content": {name: hole(0)}})
    if not (wants_likely(call) and name == "text"):
        yield from filled_in(kind, delta, texts)
        return
    for text in texts:
        yield from filled_in(kind, {**delta, "logprobs": cohere_likely(text)}, (text,))


def cohere_citation_events(number: int, citation: Mapping[str, Json]) -> Iterator[CohereEvent]:
    """A citation, whole at its start."""
    yield cohere_event("citation-start", number, {"citations": citation})
    yield "citation-end", {"type": "citation-end", "index": number}


def cohere_message_events(call: Call, reply: Reply) -> Iterator[CohereEvent]:
    """What lies between the start and the end of a message."""
    # Content blocks, tool calls and citations are counted apart, each from 0.
    blocks, tools, citations = itertools.count(), itertools.count(), itertools.count()
    ends: List[CohereEvent] = []  # that of a block, before which its citations come (quoted)
    for run in walk(reply):
        citation = citation_in(run.part)
        if citation:
            yield from cohere_citation_events(next(citations), citation)
            continue
        yield from ends
        ends = []
        if isinstance(run.part, ToolCall):
            yield from cohere_tool_events(call, run.part, next(tools), run)
        elif is_plan(reply, run.part):
            yield from cohere_plan_events(run)
        else:
            number = next(blocks)
            yield from cohere_block_events(call, number, run)
            ends.append(("content-end", {"type": "content-end", "index": number}))
    yield from ends


class CohereChat(Cohere):
    """Chat, whole and streamed; text beside tool calls is the tool plan."""

    api = "chat"
    routes = ("POST /v2/chat", "POST {prefix*}/v2/chat")
    places = COHERE_PLACES
    fields = {
        "model": "a string!",
        "messages": "an array!",
        "stream": "a boolean",
        "tools": "an array",
        "documents": "an array",
        "response_format": "an object",
        "max_tokens": "an integer",
        "temperature": "a number",
        "logprobs": "a boolean",
    }
    # Messages and tools have OpenAI's form (2.2).
    turns = ChatRequest.turns
    tools = ChatRequest.tools
    streams = ChatRequest.streams
    speaks = WireFormat.speaks | {Block}

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """Items of content, and citations."""
        if "sources" in block:
            return True
        name = block.get("type")
        return name in ("text", "thinking") and isinstance(block.get(name), str)

    def schema(self, body: Field) -> Json:
        """`response_format.json_schema`, or `schema` as it was called first."""
        schema = within(body.value, "response_format", "json_schema")
        return schema or within(body.value, "response_format", "schema")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The message with its usage."""
        more: Dict[str, Json] = {}
        if wants_likely(call):
            texts = bounded_pieces(text_pieces(reply))
            more["logprobs"] = [cohere_likely(text) for text in texts]
        return {
            "id": reply.id or uuid(call, "id"),
            "message": cohere_message(call, reply),
            "finish_reason": said_stop(COHERE_STOPS, stop_of(reply)),
            "usage": cohere_usage(reply.usage),
            **more,
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events under the names of their types, then `[DONE]`."""
        # All that a message may have, empty (section 11, recorded).
        message = {
            "role": "assistant",
            "content": [],
            "tool_plan": "",
            "tool_calls": [],
            "citations": [],
        }
        start = {
            "id": reply.id or uuid(call, "id"),
            "type": "message-start",
            "delta": {"message": message},
        }
        yield "message-start", start
        yield from cohere_message_events(call, reply)
        reason, usage = said_stop(COHERE_STOPS, stop_of(reply)), cohere_usage(reply.usage)
        end = {"finish_reason": reason, "usage": usage}
        yield "message-end", {"type": "message-end", "delta": end}
        yield "", "[DONE]"  # without a name, as the only one

    def is_content(self, name: str, value: Json) -> bool:
        """A delta of the text, of a thought, of the plan or of a tool's arguments."""
        kind = str(within(value, "type"))
        return kind.endswith("-delta") and has_words(within(value, "delta"))

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The end of the message, with the error in it."""
        end = {"error": failure.message, "finish_reason": "ERROR"}
        yield "message-end", {"type": "message-end", "delta": end}
        yield "", "[DONE]"

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type, and `[DONE]` if they don't end with it."""
        yield from named_by_type(values)
        if not values or values[-1] != "[DONE]":
            yield "", "[DONE]"


# === formats/cohere_embed ====================================================
# Cohere v2: embeddings (wire formats, section 11).  Pure.


def int8_vector(vector: Sequence[float]) -> List[int]:
    """A vector of numbers from -1 to 1 as whole numbers of 8 bits; what is outside is cut off."""
    return [max(-128, min(127, round(value * 127))) for value in vector]


def uint8_vector(vector: Sequence[float]) -> List[int]:
    """The same from 0 to 255."""
    return [value + 128 for value in int8_vector(vector)]


def sign_bits(vector: Sequence[float]) -> bytes:
    """A bit a number, set where it is above 0, eight to a byte, the first one highest."""
    bits = "".join("1" if value > 0 else "0" for value in vector)
    # What is missing of the last byte is filled up with zeros.
    return bytes(int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8))


def binary_vector(vector: Sequence[float]) -> List[int]:
    """The bytes of sign_bits as numbers from -128 to 127, shifted as int8 is."""
    return [byte - 128 for byte in sign_bits(vector)]


def ubinary_vector(vector: Sequence[float]) -> List[int]:
    """The bytes of sign_bits as numbers from 0 to 255."""
    return list(sign_bits(vector))


VectorType = Callable[[Sequence[float]], Json]

# What `embedding_types` may ask for.  Names and bounds are documented, the scale is unverified.
VECTOR_TYPES: Mapping[str, VectorType] = {
    "float": list,
    "base64": packed_floats,
    "int8": int8_vector,
    "uint8": uint8_vector,
    "binary": binary_vector,
    "ubinary": ubinary_vector,
}


class CohereEmbed(Cohere):
    """Embeddings, in each of the types that the request asks for."""

    operation, api = "embed", "embed"
    routes = ("POST /v2/embed", "POST {prefix*}/v2/embed")
    fields = {
        "model": "a string!",
        "texts": "an array",
        "images": "an array",
        "inputs": "an array",
        "input_type": "a string",
        "embedding_types": "an array",
        "output_dimension": "an integer",
    }
    speaks = frozenset((Embedding,))
    # Quoted from misbahsy/RAGTune, issue 2, for `texts`; unverified for the others.
    layout = staticmethod(by_rows(compact))
    most_inputs = 96
    too_many = "invalid request: total number of {path} must be at most {most} - received {found}"

    def inputs(self, body: Field) -> List[str]:
        """The texts; an image has none."""
        names = ("texts", "inputs", "images")
        texts, contents, images = [self.counted(body.get(name)) for name in names]
        if not texts.is_absent:
            return texts_of(texts)
        if not contents.is_absent:
            return [openai_text(item.get("content")) for item in contents.objects()]
        # One of the three must be there; `texts` is what most clients mean.
        if not images.value:
            texts.missing("an array")
        return [""] * len(images.value)

    def turns(self, body: Field) -> List[Turn]:
        """The texts count as the user's."""
        for name in body.get("embedding_types").items():
            if not name.is_a("a string") or name.value not in VECTOR_TYPES:
                name.expected("one of " + ", ".join(VECTOR_TYPES))
        return [Turn("user", "\n".join(self.inputs(body)))]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings by type; floats where none is asked for."""
        vectors = reply.vectors(len(call.inputs))
        types = dict.fromkeys(call.body.get("embedding_types") or ["float"])  # each once
        # The shape for typed embeddings, which every v2 answer has (section 11, verified).
        return {
            "id": reply.id or uuid(call, "id"),
            "embeddings": {
                name: [VECTOR_TYPES[name](vector) for vector in vectors] for name in types
            },
            "texts": list(call.inputs),
            "meta": {
                "api_version": {"version": "2"},
                "billed_units": {"input_tokens": reply.usage.input},
            },
            "response_type": "embeddings_by_type",
        }


# === formats/google_errors ===================================================
# Errors as Google's APIs write them: a canonical name, and details (wire formats, section 7).

# Pure.


# HTTP statuses as google.rpc.Code has them.
GOOGLE_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# All names in google.rpc.Code that an error may have.
GOOGLE_CODES = frozenset(
    (*GOOGLE_STATUS.values(), "UNKNOWN", "ALREADY_EXISTS", "OUT_OF_RANGE", "DATA_LOSS")
)


def canonical_status(failure: Failure) -> str:
    """The name of an error: its type, if that is one, else what its HTTP status stands for."""
    if failure.type and failure.type in GOOGLE_CODES:
        return failure.type
    if failure.status < 500:
        return GOOGLE_STATUS.get(failure.status, "INVALID_ARGUMENT")
    return GOOGLE_STATUS.get(failure.status, "INTERNAL")


def google_detail(name: str, **members: Json) -> Dict[str, Json]:
    """One detail of an error: a message of google.rpc."""
    return {"@type": "type.googleapis.com/google.rpc." + name, **members}


def google_reasons(failure: Failure, service: str) -> List[Json]:
    """Why an error came, as clients read it: its code, or a type that is no canonical name."""
    reason = failure.code
    metadata = {"service": service}
    if failure.type and failure.type not in GOOGLE_CODES:
        # There is one ErrorInfo at most (google.aip.dev/193): beside a code it has room for both.
        if reason:
            metadata["type"] = failure.type
        else:
            reason = failure.type
    if not reason:
        return []
    return [google_detail("ErrorInfo", reason=reason, domain="googleapis.com", metadata=metadata)]


def google_error_details(failure: Failure, service: str) -> List[Json]:
    """What an error of any status says to machines: which field is wrong, and why."""
    details: List[Json] = []
    if failure.param:
        violation = {"field": failure.param, "description": failure.message}
        details.append(google_detail("BadRequest", fieldViolations=[violation]))
    details += google_reasons(failure, service)
    if failure.code == "API_KEY_INVALID":
        details.append(google_detail("LocalizedMessage", locale="en-US", message=failure.message))
    return details


def google_retry_info(seconds: int) -> Dict[str, Json]:
    """How long to wait: Google sends no Retry-After."""
    return google_detail("RetryInfo", retryDelay=f"{seconds}s")


# === formats/gemini ==========================================================
# What all of Google's APIs share: two spellings of a name, headers, errors, credentials.

# Wire formats, section 7.  Pure.


GEMINI_MODEL = "POST /{v1beta|v1alpha|v1}/{models|tunedModels}/{model}:"
# What a path has around the name of a Google resource.
RESOURCE = re.compile(r"^/v\w+/|(?::|%3[Aa])\w+$")
# What the error of a model that is not there calls the method, where that is not the API's name.
VERBS = {"batchEmbedContents": "embedContent", "chat": "generateContent"}

# As recorded, but for Alt-Svc, which would send clients to HTTP/3.
FRONT_END_HEADERS = (
    ("Vary", "Origin"),
    ("Vary", "X-Origin"),
    ("Vary", "Referer"),
    ("Server", "scaffolding on HTTPServer2"),
    ("X-XSS-Protection", "0"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Content-Type-Options", "nosniff"),
)

# Recorded, or quoted from logs: section 7 says which.
GEMINI_ERRORS = {
    "no_key": Failure(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). Please "
        "use API Key or other form of API consumer identity to call this API.",
    ),
    "authentication": Failure(
        400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID"
    ),
    "permission": Failure(403, "The caller does not have permission"),
    "not_found": Failure(
        404,
        "models/{model} is not found for API version {version}, or is not supported for {verb}. "
        "Call ModelService.ListModels to see the list of available models and their supported "
        "methods.",
    ),
    "timeout": Failure(504, "Deadline expired before operation could complete."),
    "rate_limit": Failure(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n"
        "* Quota exceeded for metric: "
        "generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: {most}\n"
        "Please retry in {wait}s.",
    ),
    "server_error": Failure(
        500,
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
    ),
    "overloaded": Failure(503, "The model is overloaded. Please try again later."),
    "context_length": Failure(
        400,
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
    ),
}


@functools.lru_cache(maxsize=None)
def snake(name: str) -> str:
    """systemInstruction → system_instruction."""
    return re.sub(r"(?=[A-Z])", "_", name).lower()


def pick(value: Mapping[str, Json], name: str) -> Json:
    """A field by its camelCase name or, as Google's JSON parser takes it too, in snake_case."""
    member = value.get(name)
    return value.get(snake(name)) if member is None else member


def google_framing(query: Mapping[str, str]) -> Framing:
    """An event stream, unless `alt`, also spelled `$alt` and with parameters, asks for JSON."""
    # A parameter is what follows a semicolon: `json;enum-encoding=int`.
    alt = query.get("alt") or query.get("$alt") or ""
    if alt.partition(";")[0] == "json":
        return GOOGLE_ARRAY
    return GOOGLE_SSE


class Gemini(WireFormat):
    """What all APIs of Gemini share: headers, errors, three kinds of credential."""

    provider = "gemini"
    area = ("/v1beta/models", "/v1alpha/models", "/v1beta/openai/", "/v1alpha/openai/")
    credentials = ("x-goog-api-key", "?key", "authorization")
    errors: Mapping[str, Failure] = GEMINI_ERRORS
    # What can be no key counts as none.
    refusals = ("no_key", "no_key")
    layout: Callable[..., str] = staticmethod(indented)
    ending = "\n"
    json_type = "application/json; charset=UTF-8"
    usual_limit = 10
    ping = b""  # none was seen, and genai-py breaks on a comment (3.2, 3.3)
    always_details = False  # whether an error without details has an empty array of them
    service = "generativelanguage.googleapis.com"
    bad_json = "Invalid JSON payload received. {}."

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The front end's headers."""
        milliseconds = 200 + int(call.token("ms", 2, HEX), 16)
        timing = ("Server-Timing", f"gfet4t7; dur={milliseconds}")
        if stream:
            return (("Content-Disposition", "attachment"), *FRONT_END_HEADERS, timing)
        return (*FRONT_END_HEADERS, timing)

    def sentence(self, call: Call, failure: Failure, usual: str) -> str:
        """With the resource, the API version and the method that its errors name."""
        text = super().sentence(call, failure, usual)
        names = {
            "{path}": RESOURCE.sub("", call.path),
            "{version}": "".join(call.path.split("/")[1:2]),
            "{verb}": VERBS.get(self.api, self.api),
        }
        for placeholder, name in names.items():
            text = text.replace(placeholder, name)
        return text

    def quota_details(self, model: str, failure: Failure) -> List[Json]:
        """Of a rate limit: which it was, where to read of it, and how long to wait."""
        # Quoted from a log of the free tier.
        violation = {
            "quotaMetric": self.service + "/generate_content_free_tier_requests",
            "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
            "quotaDimensions": {"location": "global", "model": model},
            "quotaValue": str(failure.most or self.usual_limit),
        }
        link = {
            "description": "Learn more about Gemini API quotas",
            "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
        }
        return [
            google_detail("QuotaFailure", violations=[violation]),
            google_detail("Help", links=[link]),
            google_retry_info(failure.wait),
        ]

    def google_error(self, call: Call, failure: Failure) -> Dict[str, Json]:
        """`{"error": {"code", "message", "status", "details"}}`."""
        error: Dict[str, Json] = {
            "code": failure.status,
            "message": failure.message,
            "status": canonical_status(failure),
        }
        details = google_error_details(failure, self.service)
        if failure.status == 429:
            details += self.quota_details(call.model, failure)
        if details or self.always_details:
            error["details"] = details
        return {"error": error}

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """The error; in an array where the stream is one."""
        value: Json = self.google_error(call, failure)
        streams = call.path.endswith("streamGenerateContent")
        if streams and google_framing(call.query) is GOOGLE_ARRAY:
            value = [value]
        return ErrorBody(value, self.layout, self.ending, self.json_type)

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """One event or element that holds the error."""
        # The status was 200: genai-py and @google/genai raise when they see `error` (3.3).
        yield "", self.google_error(call, failure)

    def complaint(self, wrong: BadField) -> Failure:
        """Google's way to name a field."""
        place = wrong.path or "body"
        text = f"Invalid value at '{place}': expected {wrong.expected}, got {shown(wrong.found)}"
        if wrong.sentence:
            text = wrong.sentence
        elif wrong.found is MISSING:
            text = f"* {wrong.path}: {wrong.path} is not specified"
        return Failure(400, text, param=place)


# === formats/gemini_contents =================================================
# How the contents of Gemini's requests read (wire formats, section 7).  Pure.


# What the SDKs wrap the result of a function in, if it is no object.
RESULT_WRAPPERS = (["result"], ["output"])
CONTENT_FIELDS = Kinds({"role": "a string", "parts": "an array or an object"})
PART_FIELDS = Kinds({"text": "a string"})
# Who speaks, in no provider's terms; older clients send a function's result as its own role.
GOOGLE_ROLES = {"user": "user", "model": "assistant", "function": "user"}


def pick_field(node: Field, name: str) -> Field:
    """A field in either spelling; its place is the camelCase name either way."""
    # What stands around it may be of any kind, for it has not been checked yet.
    value = None
    if isinstance(node.value, dict):
        value = pick(node.value, name)
    return Field(value, parent=node, key=name)


def one_or_more(node: Field) -> List[Field]:
    """The items of an array, or the one object that stands where an array belongs."""
    if isinstance(node.value, dict):
        return [Field(node.value, parent=node, key=0)]
    return node.items()


def google_parts(content: Field) -> Iterator[Dict[str, Json]]:
    """The parts of a content."""
    content.check(CONTENT_FIELDS)
    for part in one_or_more(content.get("parts")):
        yield cast(Dict[str, Json], part.check(PART_FIELDS).value)


def google_function_result(part: Mapping[str, Json]) -> Optional[Turn]:
    """A functionResponse: the text of its `result` or `output` if that is all, else JSON.  It is
    known by an id, and where the model gave the call none by its name."""
    response = pick(part, "functionResponse")
    if not isinstance(response, dict):
        return None
    value = response.get("response")
    if isinstance(value, dict) and list(value) in RESULT_WRAPPERS:
        value = next(iter(value.values()))
    if not isinstance(value, str):
        value = compact(value)
    return Turn("tool", value, call_id_of(response, "id", "name"))


def google_content(content: Field) -> MessageContent:
    """What is in a content: texts, but no thoughts, and the results of functions."""
    texts: List[str] = []
    results: List[Turn] = []
    parts = list(google_parts(content))
    for part in parts:
        result = google_function_result(part)
        if result is not None:
            results.append(result)
        if part.get("text") is not None and not part.get("thought"):
            texts.append(part["text"])
    # A content without parts is what its role says, with an empty text.
    only_results = bool(results) and len(results) == len(parts)
    return MessageContent("\n".join(texts), tuple(results), only_results)


def google_text(content: Field) -> str:
    """The text of a content's parts, without thoughts; a bare string is its own text."""
    if content.is_absent:
        return ""
    if isinstance(content.value, str):
        return content.value
    return google_content(content).text


def google_turns(body: Field) -> Iterator[Turn]:
    """System instruction and contents; a turn of only function responses is no user message."""
    system = pick_field(body, "systemInstruction")
    if not system.is_absent:
        if not system.is_a("a string or an object"):
            system.expected("an object")
        yield Turn("system", google_text(system))
    for content in one_or_more(body.get("contents")):
        content.a("an object")
        role = content.value.get("role") or "user"
        if not isinstance(role, str) or role not in GOOGLE_ROLES:
            expected = "one from user, model"
            content.get("role").expected(expected, "Please use a valid role: user, model.")
        yield from google_content(content).turns(GOOGLE_ROLES[role])


def modalities(body: Json) -> List[Json]:
    """What a request wants an answer to consist of, as far as it says so."""
    config = pick(body, "generationConfig") or {}
    return listed(pick(config, "responseModalities"))


# === formats/gemini_embeddings ===============================================
# Gemini's embeddings, of one text or of many (wire formats, section 7).  Pure.


class GeminiEmbed(Gemini):
    """embedContent."""

    operation, api = "embed", "embedContent"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "embedContent",)
    fields = {"content": "a string or an object!"}
    speaks = frozenset((Embedding,))

    def inputs(self, body: Field) -> List[str]:
        """The one text."""
        return [google_text(body.get("content"))]

    def embeddings(self, call: Call, reply: Reply) -> List[Json]:
        """One an input."""
        return [{"values": vector} for vector in reply.vectors(len(call.inputs))]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding."""
        return {"embedding": self.embeddings(call, reply)[0]}


class GeminiBatchEmbed(GeminiEmbed):
    """batchEmbedContents."""

    # google-genai calls it even for one text (verified).
    api = "batchEmbedContents"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "batchEmbedContents",)
    fields = {"requests": "an array!"}
    most_inputs = 100
    # Quoted, from many logs.
    too_many = "* BatchEmbedContentsRequest.requests: at most {most} requests can be in one batch"

    def inputs(self, body: Field) -> List[str]:
        """A text a request."""
        # Each names a model too, but the path's is the one that is asked.
        requests = self.counted(body.get("requests"))
        if not requests.value:
            requests.expected("an array with at least one request")
        return [google_text(request.get("content")) for request in requests.objects()]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings."""
        return {"embeddings": self.embeddings(call, reply)}


# === formats/echo ============================================================
# What answers where no mock does: the text that was asked, or vectors made from it.  Pure.


MOST_DIMENSIONS = 8192


def echoed(call: Call) -> Reply:
    """What was asked, as an answer: the text, or vectors made from it."""
    text = call.user or call.tool_result or call.system
    part: Part = Text(text)
    if call.operation == "embed":
        size = dimensions(call)
        vectors = {one: unit_vector(one, size) for one in set(call.inputs)}
        part = Embedding(tuple(vectors[one] for one in call.inputs))
    return Reply((part,), "stop", Usage(estimate(call.prompt), estimate(text)), call.model)


def dimensions(call: Call) -> int:
    """How long a vector the request asks for, wherever its API says that, or the model's usual size
    (wire formats, 5.6)."""
    places: List[Json] = [call.body, call.body.get("parameters")]
    requests = call.body.get("requests")
    if isinstance(requests, list):
        places += requests[:1]
    for place in places:
        if isinstance(place, dict):
            asked = place.get("dimensions") or pick(place, "outputDimensionality")
            asked = asked or place.get("output_dimension")  # Mistral's and Cohere's
            if asked:
                field = Field({"dimensions": asked}).get("dimensions")
                wanted = f"an integer from 1 to {MOST_DIMENSIONS}"
                return int(field.integer(wanted, 1, MOST_DIMENSIONS))
    if "embedding-3-large" in call.model or "gemini-embedding" in call.model:
        return 3072
    return 1536


def unit_vector(text: str, size: int) -> Tuple[float, ...]:
    """A vector of length 1 that depends on the text alone."""
    data = hashlib.shake_256(utf8(text)).digest(size * 2)
    raw = [value - 32767.5 for value in struct.unpack(f"<{size}H", data)]
    norm = sum(value * value for value in raw) ** 0.5
    return tuple(round(value / norm, 8) for value in raw)


# === formats/gemini_likely ===================================================
# Log probabilities of Gemini's answers (typed in google-genai 3.6).  Pure.


def most_likely(call: Call) -> Optional[int]:
    """Of how many tokens at each place a request wants the probabilities, beside those of what was
    said; None where it wants none at all."""
    config = pick(call.body, "generationConfig")
    if not config or pick(config, "responseLogprobs") is not True:
        return None
    return cast(int, pick(config, "logprobs") or 0)


def spoken_in(part: Mapping[str, Json]) -> List[str]:
    """The text of a part that is no thought."""
    text = part.get("text")
    if not isinstance(text, str) or part.get("thought"):
        return []
    return [text]


def google_likely(
    call: Call, candidate: Dict[str, Json], pieces: Iterable[str], ends: bool
) -> Dict[str, Json]:
    """A candidate with the probabilities of these pieces of it, if the request wants them, and in
    its end with their mean."""
    most = most_likely(call)
    if most is None:
        return candidate
    # Keys in the order of their numbers, as everything of Google's is.
    chosen: List[Json] = [
        {"token": piece, "logProbability": LOGPROB, "tokenId": token_number(piece)}
        for piece in bounded_pieces(pieces)
    ]
    if ends:
        candidate = {**candidate, "avgLogprobs": LOGPROB}
    if not chosen:
        return candidate
    result: Dict[str, Json] = {"chosenCandidates": chosen}
    if most:
        # There is no other token than the one that was said.
        tops: List[Json] = [{"candidates": [token]} for token in chosen]
        result = {"topCandidates": tops, **result}
    return {**candidate, "logprobsResult": result}


# === formats/gemini_generate =================================================
# Gemini's generateContent, and the countTokens of such a request (wire formats, section 7).

# Pure.


# A function call has no reason of its own (recorded).
GOOGLE_STOPS = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
}
HARM_CATEGORIES = (
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
)
# A mock says that a filter stopped the answer, not which: it is always this one.
HARM_FOUND = "HARM_CATEGORY_DANGEROUS_CONTENT"
# Ratings come with 1.5-era models only.
RATED_MODEL = re.compile(r".*gemini-(?:1\.|pro)")
# Models since Gemini 3 give a function call an id, and sign the first or, where there is none, the
# last text (2.4 and section 7).
SIGNING_MODEL = re.compile(r".*gemini-[3-9]")


# Those that say of function calls that there are some (section 7; recorded of Gemini 3.6).
TELLING_MODEL = re.compile(r".*gemini-(?:3\.[6-9]|[4-9])")
FUNCTION_CALLED = "Model generated function call(s)."


# What a part holds, one of them at least (typed in google-genai 2.34).
GOOGLE_PART_DATA = frozenset(
    ("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode")
    + ("codeExecutionResult", "toolCall", "toolResponse", "thoughtSignature")
)
# A mock that has a part with one of these says itself what is signed.
SIGNED_DATA = frozenset(("functionCall", "thoughtSignature"))
# What an echo adds where a picture is asked for.
GOOGLE_PICTURE = Block({"inlineData": {"mimeType": "image/png", "data": PICTURES["png"]}})


def google_signature(call: Call) -> str:
    """What proves an answer to be the model's own."""
    # Clients send it back as it is; nobody but Google can read one.
    return base64.b64encode(call.token("signature", 48).encode()).decode()


def google_text_part(part: Part, text: str) -> Dict[str, Json]:
    """A text of the answer, or of the thoughts before it."""
    if isinstance(part, Reasoning):
        return {"text": text, "thought": True}
    return {"text": text}


def is_of_thoughts(part: Part) -> bool:
    """Whether a part is of the thoughts."""
    if isinstance(part, Block):
        return bool(part.value.get("thought"))
    return isinstance(part, Reasoning)


def signed_index(call: Call, reply: Reply) -> int:
    """Which part is signed: the first function call, else the last text; -1 for none."""
    if not SIGNING_MODEL.match(call.model):
        return -1
    signed = -1
    for index, part in enumerate(reply.parts):
        if isinstance(part, ToolCall):
            return index
        if isinstance(part, Block) and not SIGNED_DATA.isdisjoint(part.value):
            return -1
        # One that a filter or an error has stopped has none.
        if isinstance(part, Text) and reply.stop in ("stop", "length"):
            signed = index
    return signed


def google_function_call(call: Call, tool: ToolCall, index: int) -> Dict[str, Json]:
    """A function call, the part at `index` of the answer."""
    # Since Gemini 3 it has an id, which 2.5 and older lack; `args` are an object (section 7).
    function: Dict[str, Json] = {"name": tool.name, "args": dict(tool.arguments)}
    if tool.id or SIGNING_MODEL.match(call.model):
        function["id"] = tool.id or call.token(f"tool {index}", 8)
    return {"functionCall": function}


def google_answer_parts(call: Call, reply: Reply, joined: bool) -> Iterator[Mapping[str, Json]]:
    """The parts of an answer, texts `joined` or piece by piece; all others are always whole."""
    signed = signed_index(call, reply)
    for run in walk(reply):
        part = run.part
        more: Dict[str, Json] = {}
        if run.index == signed:
            more["thoughtSignature"] = google_signature(call)
        if isinstance(part, Block):
            yield part.value
        elif isinstance(part, ToolCall):
            yield {**google_function_call(call, part, run.index), **more}
        elif joined:
            yield {**google_text_part(part, run.text), **more}
        else:
            yield from (google_text_part(part, piece) for piece in run.pieces)
            # It comes in a part of its own, with an empty text (section 7, recorded).
            if more:
                yield {"text": "", **more}
    # An answer of nothing is an empty text, as the last event of recorded streams often is; one
    # that ends for a reason such as MALFORMED_FUNCTION_CALL has not even that (quoted).
    if not reply.parts and reply.stop in STOPS:
        yield {"text": ""}
    elif not reply.parts:
        yield {}


def part_count(run: Run) -> int:
    """In how many parts it streams."""
    if isinstance(run.part, (ToolCall, Block)):
        return 1
    return sum(1 for _ in run.pieces)


class End(NamedTuple):
    """How a candidate ends, and what is said of that; of one that goes on there is neither."""

    reason: Optional[str] = None
    message: Optional[str] = None


GOING_ON = End()


def google_end(call: Call, reply: Reply) -> End:
    """How the answer ends; a refusal is text that ends with SAFETY: Google has no field for it."""
    if reply.stop == "stop" and reply.text(Refusal) is not None:
        return End(GOOGLE_STOPS["content_filter"])
    reason = said_stop(GOOGLE_STOPS, reply.stop)
    if reason == "STOP" and reply.tool_calls and TELLING_MODEL.match(call.model):
        return End(reason, FUNCTION_CALLED)
    return End(reason)


def is_blocked_prompt(reply: Reply) -> bool:
    """Whether a filter stopped an answer before it began: what Google calls a blocked prompt."""
    # One that was stopped later has a candidate, which ends with SAFETY.
    return not reply.parts and reply.stop == "content_filter"


def google_text_tokens(count: int) -> List[Json]:
    """Tokens by modality, of which there is one."""
    return [{"modality": "TEXT", "tokenCount": count}]


def google_cached_tokens(usage: Usage) -> Dict[str, Json]:
    """Counts of cached tokens, where there are any."""
    if not usage.cached:
        return {}
    return {
        "cachedContentTokenCount": usage.cached,
        "cacheTokensDetails": google_text_tokens(usage.cached),
    }


def spent_tokens(reply: Reply, thoughts: Iterable[bool]) -> Iterator[Usage]:
    """The tokens spent up to each part of a stream but the last, which has spent all; `thoughts`
    says which parts are thoughts.  Both kinds grow evenly from part to part."""
    usage = reply.usage
    # Counted first: a stream may be longer than what is to be held of it at once.
    runs = [(is_of_thoughts(run.part), part_count(run)) for run in walk(reply)]
    of_thoughts = sum(count for is_thought, count in runs if is_thought)
    of_others = sum(count for is_thought, count in runs if not is_thought)
    thought = other = 0
    for is_thought in thoughts:
        if is_thought:
            thought += 1
        else:
            other += 1
        reasoning = usage.reasoning * thought // max(1, of_thoughts)
        output = reasoning
        if other:
            output += max(1, (usage.output - usage.reasoning) * other // max(1, of_others))
        yield Usage(usage.input, min(output, usage.output), reasoning, usage.cached)


class GeminiRequest(Gemini):
    """How a generateContent request reads."""

    api = "generateContent"
    fields = {
        "contents": "an array or an object!",
        "tools": "an array",
        "generationConfig": "an object",
        "generation_config": "an object",
        "toolConfig": "an object",
        "safetySettings": "an array",
    }

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The verb says it."""
        return params["verb"] == "streamGenerateContent"

    def framing(self, call: Call) -> Framing:
        """An event stream, unless the query asks for JSON."""
        return google_framing(call.query)

    def turns(self, body: Field) -> Iterator[Turn]:
        """System instruction and contents."""
        contents = body.get("contents")
        if not contents.value:
            contents.expected("an array with at least one content")
        return google_turns(body)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of the declared functions."""
        for tool in body.get("tools").objects():
            for function in pick_field(tool, "functionDeclarations").objects():
                yield function.check({"name": "a string!"}).value["name"]

    def schema(self, body: Field) -> Json:
        """`generationConfig.responseJsonSchema`, or `responseSchema`, with types in capitals."""
        config = pick(body.value, "generationConfig") or {}
        return pick(config, "responseJsonSchema") or pick(config, "responseSchema") or None

    def choices(self, body: Field) -> int:
        """`candidateCount`."""
        return choices_of(pick_field(pick_field(body, "generationConfig"), "candidateCount"), 8)


class GeminiAnswer(Gemini):
    """What a GenerateContentResponse is made of: what Vertex AI writes in its own way."""

    # The order of keys is as recorded, here and on Vertex AI (8.1).

    def content(self, parts: List[Json]) -> Dict[str, Json]:
        """The content of a candidate."""
        if not any(parts):
            return {}
        return {"parts": parts, "role": "model"}

    def rating(self, category: str, blocked: bool) -> Dict[str, Json]:
        """One safety rating."""
        if blocked:
            return {"category": category, "probability": "HIGH", "blocked": True}
        return {"category": category, "probability": "NEGLIGIBLE"}

    def ratings(self, call: Call, stop: Optional[str]) -> Dict[str, Json]:
        """Safety ratings, from models that give them or when they stopped the answer."""
        blocked = stop == "SAFETY"
        if not blocked and not RATED_MODEL.match(call.model):
            return {}
        ratings = [self.rating(name, blocked and name == HARM_FOUND) for name in HARM_CATEGORIES]
        return {"safetyRatings": ratings}

    def candidate(
        self, call: Call, index: int, parts: List[Json], end: End, whole: bool
    ) -> Dict[str, Json]:
        """One candidate, of a `whole` answer or of one event; in a stream only the last event
        has an end."""
        return {
            "content": self.content(parts),
            **present(finishReason=end.reason),
            "index": index,
            **present(finishMessage=end.message),
            **self.ratings(call, end.reason),
        }

    def usage(self, usage: Usage, last: bool) -> Dict[str, Json]:
        """Token counts; on every event, not only the last, and cumulative."""
        counts: Dict[str, Json] = {
            "promptTokenCount": usage.input,
            # The total is the prompt, this and the thoughts (recorded).
            "candidatesTokenCount": usage.output - usage.reasoning,
            "totalTokenCount": usage.total,
            **google_cached_tokens(usage),
            "promptTokensDetails": google_text_tokens(usage.input),
        }
        # Only if there are any (section 7).
        if usage.reasoning:
            counts["thoughtsTokenCount"] = usage.reasoning
        return counts

    def envelope(
        self, call: Call, reply: Reply, candidates: List[Json], usage: Dict[str, Json]
    ) -> Dict[str, Json]:
        """The response object, whole or one of a stream."""
        return {
            "candidates": candidates,
            "usageMetadata": usage,
            "modelVersion": reply.model,
            "responseId": reply.id or call.token("id", 22, BASE64URL),
        }


class GeminiGenerate(GeminiRequest, GeminiAnswer):
    """generateContent and streamGenerateContent."""

    routes: Tuple[str, ...] = (
        GEMINI_MODEL + "{verb=generateContent}",
        GEMINI_MODEL + "{verb=streamGenerateContent}",
    )
    places = GEMINI_PLACES
    speaks = WireFormat.speaks | {Block}

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """Those that have what parts have; their kind is told by that alone."""
        return "type" not in block and not GOOGLE_PART_DATA.isdisjoint(block)

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """An echo, with a picture where one is asked for, or that alone."""
        wanted = modalities(call.body)
        if "IMAGE" not in wanted:
            return None
        reply = echoed(call)
        spoken = reply.parts if "TEXT" in wanted else ()
        return replace(reply, parts=(*spoken, GOOGLE_PICTURE))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The GenerateContentResponse."""
        if is_blocked_prompt(reply):
            return self.blocked(call, reply)
        parts = list(google_answer_parts(call, reply, joined=True))
        end = google_end(call, reply)
        # Every candidate is the same answer.
        candidates: List[Json] = []
        for index in range(call.choices):
            candidate = self.candidate(call, index, parts, end, True)
            candidates.append(google_likely(call, candidate, text_pieces(reply), True))
        return self.envelope(call, reply, candidates, self.usage(reply.usage, True))

    def blocked(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """What a blocked prompt gets: no candidate, but why."""
        # With status 200 (section 7): genai-py then has a `text` of None.
        usage = self.usage(replace(reply.usage, output=0, reasoning=0), True)
        response = self.envelope(call, reply, [], usage)
        del response["candidates"]
        return {"promptFeedback": {"blockReason": "SAFETY"}, **response}

    def is_content(self, name: str, value: Json) -> bool:
        """A part that holds more than a signature."""
        candidates = within(value, "candidates") or ()
        return any(has_words(within(one, "content", "parts")) for one in candidates)

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """A GenerateContentResponse a piece and choice, with the tokens spent so far."""
        if is_blocked_prompt(reply):
            yield "", self.blocked(call, reply)
            return
        # Nothing follows the last part, no [DONE] either (3.3): it has reason and whole usage.
        end = GOING_ON
        shared = self.envelope(call, reply, [], {})
        stencils = self.stencils(call, shared)
        thoughts, parts = itertools.tee(google_answer_parts(call, reply, joined=False))
        spending = spent_tokens(reply, (bool(part.get("thought")) for part in thoughts))
        for part, last in with_last(parts):
            spent = next(spending)
            if last:
                end = google_end(call, reply)
                spent = reply.usage
            usage = self.usage(spent, last)
            if not last and part.keys() == {"text"} and stencils:
                for stencil in stencils:
                    yield "", stencil.filled(part["text"], usage)
                continue
            for index in range(call.choices):
                candidate = self.candidate(call, index, [part], end, False)
                candidate = google_likely(call, candidate, spoken_in(part), last)
                yield "", {**shared, "candidates": [candidate], "usageMetadata": usage}

    def stencils(self, call: Call, shared: Dict[str, Json]) -> List[Stencil]:
        """For each choice what its events are alike in, but for a text and the tokens spent; none
        for an array, whose elements are indented, and where each text has a probability."""
        framing = self.framing(call)
        if not isinstance(framing, SSE) or most_likely(call) is not None:
            return []
        made = []
        for index in range(call.choices):
            candidate = self.candidate(call, index, [{"text": hole(0)}], GOING_ON, False)
            event = {**shared, "candidates": [candidate], "usageMetadata": hole(1)}
            made.append(Stencil(event, framing.layout))
        return made


class GeminiCountTokens(Gemini):
    """countTokens: the input tokens of a neutral reply's usage."""

    operation, api = "count_tokens", "countTokens"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "countTokens",)
    fields = {
        "contents": "an array or an object",
        "generateContentRequest": "an object",
        "generate_content_request": "an object",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """The contents to count, or those of the request to count."""
        inner = pick_field(body, "generateContentRequest")
        if not inner.value:
            inner = body
        if not inner.value.get("contents"):
            body.get("contents").missing("an array")
        return google_turns(inner)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count."""
        tokens = reply.usage.input
        return {"totalTokens": tokens, "promptTokensDetails": google_text_tokens(tokens)}


# === formats/gemini_models ===================================================
# Gemini's models (wire formats, section 7).  Pure.


EMBEDDING_METHODS = ["embedContent", "countTokens"]
GENERATION_METHODS = [
    "generateContent",
    "countTokens",
    "createCachedContent",
    "batchGenerateContent",
]
# Models that can think say so.
THINKING_MODEL = re.compile(r"gemini-(?:2\.5|[3-9])")
PAGE_NUMBER = re.compile(r"[0-9]{1,6}")


def page_number(query: Mapping[str, str], name: str, default: str) -> int:
    """A size or a token of a page in the query.  BadField if it is no number."""
    text = query.get(name, default)
    if not PAGE_NUMBER.fullmatch(text):
        Field({name: text}).get(name).expected("a number of models")
    return int(text)


class GeminiModels(Gemini):
    """Models: pages of the list, or any one by name."""

    operation = api = "models"
    routes: Tuple[str, ...] = (
        "GET /{v1beta|v1alpha}/models[/{model:}]",
        "GET /v1/models[/{model:}]",
    )
    known = ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-1.5-flash", "gemini-embedding-001")
    speaks = frozenset()
    needs_mock = False
    members = "models"  # what the list is called

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Those under `/v1beta`; `/v1/models` is shared with OpenAI and Anthropic."""
        return not request.path.startswith("/v1/") or caller(request) == "google"

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        methods: List[str] = EMBEDDING_METHODS if "embedding" in name else GENERATION_METHODS
        model: Dict[str, Json] = {
            "name": "models/" + name,
            "version": "001",
            "displayName": name.replace("-", " ").title(),
            "description": "Mock model.",
            "inputTokenLimit": 1048576,
            "outputTokenLimit": 65536,
            "supportedGenerationMethods": methods,
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "maxTemperature": 2,
        }
        if THINKING_MODEL.match(name):
            model["thinking"] = True
        return model

    def whole(self, call: Call, reply: Reply) -> Json:
        """A page of the list."""
        if call.model:
            return self.entry(call.model)
        # Pages of 50 where the client does not say (section 7).
        size = page_number(call.query, "pageSize", "50") or 50
        start = page_number(call.query, "pageToken", "0")
        end = start + size
        page: Dict[str, Json] = {self.members: [self.entry(name) for name in self.known[start:end]]}
        # A token on the last page would send clients in a circle.
        if end < len(self.known):
            page["nextPageToken"] = str(end)
        return page


# === formats/vertex ==========================================================
# Gemini on Vertex AI: where it differs from Google's other API (wire formats, 8.1).  Pure.


VERTEX_PLACE = "POST /{v1|v1beta1}/projects/{project}/locations/{location}"
VERTEX_MODELS = (
    VERTEX_PLACE + "/publishers/{publisher}/models/{model}:",
    VERTEX_PLACE + "/endpoints/{model}:",
    # Express mode: with an API key no project is named.
    "POST /{v1beta1|v1}/publishers/{publisher}/models/{model}:",
)
VERTEX_KEY = Failure(
    401,
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    code="ACCESS_TOKEN_TYPE_UNSUPPORTED",
)
# Those of the Gemini API but for these, which were recorded or quoted here.
VERTEX_ERRORS = {
    **GEMINI_ERRORS,
    "no_key": VERTEX_KEY,
    "authentication": VERTEX_KEY,
    "not_found": Failure(404, "Publisher Model `{path}` not found."),
    "rate_limit": Failure(
        429,
        "Resource exhausted. Please try again later. Please refer to "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
    ),
}
MOST_EMBEDDED = 250  # texts that an embedding model takes in one request
TOO_MANY_EMBEDDED = (
    "Unable to submit request because it has a batchSize value of {} but the supported range is "
    "from 1 (inclusive) to {} (exclusive)."
)


def is_imagen(model: str) -> bool:
    """Whether a model makes pictures, by its name."""
    return model.startswith(("imagen", "imagegeneration"))


class Vertex(Gemini):
    """What all APIs of Vertex AI share: bearer tokens or, in express mode, API keys."""

    provider = "vertex_ai"
    area = ("/v1/projects/", "/v1beta1/projects/", "/v1/publishers/", "/v1beta1/publishers/")
    credentials = ("authorization", "x-goog-api-key", "?key")
    errors: Mapping[str, Failure] = VERTEX_ERRORS
    always_details = True  # even if there are none (recorded)
    service = "aiplatform.googleapis.com"

    # There is no Retry-After (2.5): clients read the wait here.
    def quota_details(self, model: str, failure: Failure) -> List[Json]:
        """How long to wait, and no more."""
        return [google_retry_info(failure.wait)]


class VertexGenerate(Vertex, GeminiGenerate):
    """generateContent with another order of keys, more counts, and those on the last event only."""

    # All that differs was recorded (8.1).
    routes = tuple(
        f"{place}{{verb={verb}}}"
        for place in VERTEX_MODELS
        for verb in ("generateContent", "streamGenerateContent")
    )

    def content(self, parts: List[Json]) -> Dict[str, Json]:
        """Role first."""
        if not any(parts):
            return {}
        return {"role": "model", "parts": parts}

    def rating(self, category: str, blocked: bool) -> Dict[str, Json]:
        """With scores."""
        # Two scores and a severity more than the Gemini API has (8.1).
        level = "HIGH" if blocked else "NEGLIGIBLE"
        score = 0.95 if blocked else 0.05
        rating: Dict[str, Json] = {
            "category": category,
            "probability": level,
            "probabilityScore": score,
            "severity": "HARM_SEVERITY_" + level,
            "severityScore": score,
        }
        if blocked:
            rating["blocked"] = True
        return rating

    def candidate(
        self, call: Call, index: int, parts: List[Json], end: End, whole: bool
    ) -> Dict[str, Json]:
        """With an index only among several, and log probabilities only in a whole answer."""
        candidate = {"content": self.content(parts), **present(finishReason=end.reason)}
        # There was none in recordings, which are of one candidate each.
        if call.choices > 1:
            candidate["index"] = index
        candidate.update(self.ratings(call, end.reason))
        candidate.update(present(finishMessage=end.message))
        if whole and any(parts):
            candidate["avgLogprobs"] = -0.25
        return candidate

    def usage(self, usage: Usage, last: bool) -> Dict[str, Json]:
        """The traffic type always, token counts at the end of the stream."""
        # No counts before the end (recorded): some clients crash on that.
        if not last:
            return {"trafficType": "ON_DEMAND"}
        spoken = usage.output - usage.reasoning
        counts: Dict[str, Json] = {
            "promptTokenCount": usage.input,
            "candidatesTokenCount": spoken,
            "totalTokenCount": usage.total,
            **google_cached_tokens(usage),
            "trafficType": "ON_DEMAND",
            "promptTokensDetails": google_text_tokens(usage.input),
            "candidatesTokensDetails": google_text_tokens(spoken),
        }
        # It stands last here (8.1).
        if usage.reasoning:
            counts["thoughtsTokenCount"] = usage.reasoning
        return counts

    def envelope(
        self, call: Call, reply: Reply, candidates: List[Json], usage: Dict[str, Json]
    ) -> Dict[str, Json]:
        """With the time of creation, to the microsecond, before the id."""
        response = super().envelope(call, reply, candidates, usage)
        # The id comes last (recorded).
        response_id = response.pop("responseId")
        microseconds = int(call.digest[:5], 16) % 1000000
        response["createTime"] = f"{rfc3339(call.second)}.{microseconds:06d}Z"
        response["responseId"] = response_id
        return response


class VertexCountTokens(Vertex, GeminiCountTokens):
    """countTokens, which counts characters too for 1.5-era models."""

    routes = tuple(place + "countTokens" for place in VERTEX_MODELS)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The counts."""
        counts = {"totalTokens": reply.usage.input}
        if RATED_MODEL.match(call.model):
            counts["totalBillableCharacters"] = len(re.sub(r"\s", "", call.prompt))
        return {**counts, "promptTokensDetails": google_text_tokens(reply.usage.input)}


class VertexEmbed(Vertex, GeminiEmbed):
    """embedContent, with usage."""

    routes = tuple(place + "embedContent" for place in VERTEX_MODELS)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding."""
        tokens = reply.usage.input
        usage = {
            "promptTokenCount": tokens,
            "totalTokenCount": tokens,
            "promptTokensDetails": google_text_tokens(tokens),
        }
        return {**super().whole(call, reply), "usageMetadata": usage}


class VertexBatchEmbed(Vertex, GeminiBatchEmbed):
    """batchEmbedContents."""

    routes = tuple(place + "batchEmbedContents" for place in VERTEX_MODELS)


class VertexPredict(Vertex, GeminiEmbed):
    """predict, which the text embedding models answer."""

    api = "predict"
    routes = tuple(place + "predict" for place in VERTEX_MODELS)
    fields = {"instances": "an array!"}
    # Of the two bounds this one holds for any model, the other for those that embed texts; both are
    # quoted from topoteretes/cognee, pull request 4856.
    too_many = "{most} instance(s) is allowed per prediction. Actual: {found}"

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """The path of Imagen is alike."""
        return not is_imagen(params["model"])

    def inputs(self, body: Field) -> List[str]:
        """A text an instance; models of one's own take instances of any kind, which have none."""
        texts: List[str] = []
        instances = self.counted(body.get("instances"))
        for instance in instances.items():
            text = None
            if instance.is_a("an object"):
                text = instance.check({"content": "a string"}).value.get("content")
            texts.append(text or "")
        number = len([text for text in texts if text])
        if number > MOST_EMBEDDED:
            what = f"an array of at most {MOST_EMBEDDED} texts"
            instances.expected(what, TOO_MANY_EMBEDDED.format(number, MOST_EMBEDDED + 1))
        return texts

    def whole(self, call: Call, reply: Reply) -> Json:
        """The predictions."""
        predictions = []
        for embedding, text in zip(self.embeddings(call, reply), call.inputs):
            statistics = {"truncated": False, "token_count": estimate(text)}
            predictions.append({"embeddings": {**embedding, "statistics": statistics}})
        return {"predictions": predictions}


class VertexModels(Vertex, GeminiModels):
    """The publisher's models."""

    routes = (
        "GET /{v1beta1|v1}/[projects/{project}/locations/{location}/]publishers/{publisher}/models"
        "[/{model:}]",
    )
    members = "publisherModels"

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """These paths are Vertex AI's alone."""
        return True

    def entry(self, name: str, publisher: str = "google") -> Dict[str, Json]:
        """One model."""
        path = f"publishers/{publisher}/models/{name}"
        kind = "text_embedding" if "embedding" in name else "text_generation"
        # The vertexai SDK looks for it (vertexai/_model_garden).
        schema = f"gs://google-cloud-aiplatform/schema/predict/instance/{kind}_1.0.0.yaml"
        return {
            "name": path,
            "versionId": "default",
            "openSourceCategory": "PROPRIETARY",
            "launchStage": "GA",
            "publisherModelTemplate": "projects/{user-project}/locations/{location}/" + path,
            "predictSchemata": {"instanceSchemaUri": schema},
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """A page of the list, or the publisher's one model."""
        if call.model:
            return self.entry(call.model, call.params["publisher"])
        return super().whole(call, reply)


# === formats/google_openai ===================================================
# The OpenAI-compatible paths of Google (wire formats, sections 7 and 8.3).  Pure.


# What Vertex AI adds to the token counts (8.3).
TRAFFIC = {"usage": {"extra_properties": {"google": {"traffic_type": "ON_DEMAND"}}}}


class GoogleCompatible(Gemini):
    """What they share: Google's credentials and headers, and its errors in an array of one
    (section 7)."""

    dialect = "gemini"
    layout: Callable[..., str] = staticmethod(sorted_compact)
    ending = ""
    # Recorded, other than Gemini's own type (section 7).
    json_type = "application/json"
    bad_json = OpenAI.bad_json
    too_many = ""
    ping = OpenAI.ping

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """These paths are Google's alone."""
        return True

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`[{"error": {…}}]`."""
        # Known from public reports (section 7).
        return ErrorBody([self.google_error(call, failure)], indented, "\n")


class GeminiChat(GoogleCompatible, OpenAIChat):
    """Chat completions as Gemini answers them: ids of its own, no fingerprint, tier, padding or
    log probabilities."""

    # Without /v1: that path is nobody's but OpenAI's, under a prefix (2.1).
    routes: Tuple[str, ...] = ("POST /{v1beta|v1alpha}/openai/chat/completions",)
    has_logprobs = False
    has_custom_tools = False

    def head(self, call: Call, reply: Reply, kind: str) -> Dict[str, Json]:
        """With an id in the style of responseId."""
        return {
            **super().head(call, reply, kind),
            "id": reply.id or call.token("id", 22, BASE64URL),
        }

    def tail(self, call: Call) -> Dict[str, Json]:
        """Nothing."""
        return {}

    def padded(self, call: Call, chunk: Dict[str, Json]) -> Dict[str, Json]:
        """Keys in order, no padding."""
        return cast(Dict[str, Json], sorted_keys(chunk))


class GeminiOpenAIEmbeddings(GoogleCompatible, OpenAIEmbeddings):
    """Embeddings in OpenAI's shape."""

    routes: Tuple[str, ...] = ("POST /{v1beta|v1alpha}/openai/embeddings",)
    layout = staticmethod(by_rows(sorted_compact, sorts=True))


class GeminiOpenAIModels(GoogleCompatible, OpenAIModels):
    """Models in OpenAI's shape."""

    routes = ("GET /{v1beta|v1alpha}/openai/models[/{model*}]",)
    known = tuple("models/" + name for name in GeminiModels.known)

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {"id": name, "object": "model", "owned_by": "google"}


class VertexChat(Vertex, GeminiChat):
    """Chat completions at Vertex AI's endpoint `openapi` (8.3; the bodies are unverified)."""

    routes = (VERTEX_PLACE + "/endpoints/openapi/chat/completions",)

    def completed(self, call: Call, failure: Failure) -> Failure:
        """With the model that is not found in place of the path, which names none."""
        completed = super().completed(call, failure)
        path = RESOURCE.sub("", call.path)
        place = path.partition("/endpoints/")[0]
        # `google/gemini-2.5-flash`, or the bare name of a model of Google's own.
        publisher, _, name = call.model.rpartition("/")
        model = f"{place}/publishers/{publisher or 'google'}/models/{name}"
        return replace(completed, message=completed.message.replace(f"`{path}`", f"`{model}`"))

    def tail(self, call: Call) -> Dict[str, Json]:
        """An empty fingerprint."""
        # Empty, not left out as the Gemini API does (8.3).
        return {"system_fingerprint": ""}

    def whole(self, call: Call, reply: Reply) -> Json:
        """With the traffic type in its usage."""
        return merged(super().whole(call, reply), TRAFFIC)

    def padded(self, call: Call, chunk: Dict[str, Json]) -> Dict[str, Json]:
        """The same on the chunk that has one."""
        if chunk.get("usage"):
            chunk = merged(chunk, TRAFFIC)
        return super().padded(call, chunk)


class VertexOpenAIEmbeddings(Vertex, GeminiOpenAIEmbeddings):
    """Embeddings in OpenAI's shape."""

    routes = (VERTEX_PLACE + "/endpoints/openapi/embeddings",)


# === formats/imagen ==========================================================
# Imagen: the pictures of Google's `predict`, at the Gemini API and on Vertex AI.  Pure.


PNG_TYPE = "image/png"
# Quoted: google-marketing-solutions/adios, issue 62.
BLOCKED_PROMPT = Failure(
    400,
    "Image generation failed with the following error: The prompt could not be submitted. Your "
    "current safety filter threshold prohibited one or more words in this prompt. If you think "
    "this was an error, send feedback. Support codes: 61493863",
)
# That such a prediction has nothing else is quoted: vercel/ai, issue 10796.
FILTERED = {
    "raiFilteredReason": "Unable to show generated images. All images were filtered out because "
    "they violated Google's Responsible AI practices. Support codes: 61493863"
}


class GeminiImagen(Gemini):
    """predict of an Imagen model; a neutral text is the prompt as it was enhanced."""

    operation, api = "image", "predict"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "predict",)
    fields = {"instances": "an array!", "parameters": "an object"}
    speaks = frozenset((Text,))
    errors: Mapping[str, Failure] = {**GEMINI_ERRORS, "content_filter": BLOCKED_PROMPT}
    most_inputs = 1
    too_many = VertexPredict.too_many

    def turns(self, body: Field) -> Iterator[Turn]:
        """The prompt is the user's text."""
        instances = self.counted(body.get("instances"))
        if not instances.value:
            instances.expected("an array with one instance")
        for instance in instances.objects():
            yield Turn("user", instance.check({"prompt": "a string!"}).value["prompt"])

    def choices(self, body: Field) -> int:
        """`sampleCount`."""
        return choices_of(pick_field(body.get("parameters"), "sampleCount"), 8)

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """A picture, of a prompt that was not enhanced."""
        usage = Usage(estimate(call.prompt), 1, is_guess=True)
        return Reply((Text(""),), "stop", usage, call.model)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The predictions."""
        if reply.stop == "content_filter":
            return {"predictions": [FILTERED]}
        return {"predictions": [self.prediction(call, reply)] * call.choices}

    def prediction(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """A picture, in the format that is asked for."""
        output = pick(call.body.get("parameters") or {}, "outputOptions") or {}
        asked = pick(output, "mimeType") if isinstance(output, dict) else None
        picture = picture_of_type(str(asked))
        media_type = PNG_TYPE if picture == picture_of_type(PNG_TYPE) else asked
        return {
            "mimeType": media_type,
            "bytesBase64Encoded": picture,
            **present(prompt=reply.text(Text) or None),
        }


class VertexImagen(Vertex, GeminiImagen):
    """The same on Vertex AI, where other models' `predict` embeds texts."""

    routes = tuple(place + "predict" for place in VERTEX_MODELS)
    errors = {**VERTEX_ERRORS, "content_filter": BLOCKED_PROMPT}

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """The model's name tells it."""
        return is_imagen(params["model"])


# === formats/mistral =========================================================
# What all APIs of Mistral share, and the small ones (wire formats, section 12).  Pure.


# The texts are unverified; the codes are numbers in strings (section 12).
MISTRAL_ERRORS: Mapping[str, Failure] = {
    "authentication": Failure(401, "Unauthorized"),
    "no_key": Failure(401, "Unauthorized"),
    "not_found": Failure(400, "Invalid model: {model}", "invalid_model", "1500"),
    "rate_limit": Failure(429, "Rate limit exceeded", "rate_limited", "1300"),
    "server_error": Failure(500, "Internal server error", "internal_server_error", "3000"),
    "overloaded": Failure(503, "Service unavailable.", "internal_server_error", "3505"),
    "context_length": Failure(
        400,
        "Prompt contains 128001 tokens, too large for model with 128000 maximum context length",
        "invalid_request_prompt",
        "3051",
    ),
}


MISTRAL_AUDIO = (*("audio", "audio_transcription", "audio_transcription_realtime", "audio_speech"),)


def uuid_version_7(call: Call, label: str) -> str:
    """A UUID that begins as those of 2025 do: version 7 counts milliseconds (RFC 9562, 5.7)."""
    plain = uuid(call, label)
    return f"019a{plain[4:14]}7{plain[15:]}"


class Mistral(OpenAI):
    """What Mistral does in its own way."""

    dialect = "mistral"

    # Compact, without a line end behind it (section 12).
    layout: Callable[..., str] = staticmethod(compact)
    ending = ""
    stream_type = "text/event-stream; charset=utf-8"
    bad_json = "Invalid JSON: {}"
    too_many = "List should have at most {most} items after validation, not {found}"
    errors = MISTRAL_ERRORS

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Correlation id, latencies and rate limits (section 12, recorded)."""
        # One id under two names.
        request_id = uuid_version_7(call, "correlation")
        left = "0" if status == 429 else "9"
        return (
            ("mistral-correlation-id", request_id),
            ("x-kong-request-id", request_id),
            ("x-kong-proxy-latency", "8"),
            ("x-kong-upstream-latency", str(200 + int(call.token("ms", 2, HEX), 16))),
            ("x-ratelimit-limit-req-10-second", "10"),
            ("x-ratelimit-remaining-req-10-second", left),
            ("x-ratelimit-limit-tokens-minute", "500000"),
            ("x-ratelimit-remaining-tokens-minute", "499900"),
            ("Server", "cloudflare"),
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """Requests in its shortest window."""
        return (
            ("x-ratelimit-limit-req-10-second", str(limit.requests)),
            ("x-ratelimit-remaining-req-10-second", str(limit.left)),
            *retry_after(limit),
        )

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"detail"}` from the front and of wrong fields, else an object (section 12)."""
        if failure.status == 401:  # from the gateway
            return ErrorBody({"detail": failure.message})
        # mistralai raises HTTPValidationError on this form, and SDKError on any other (section 12).
        if failure.status == 422 and failure.param is not None:
            detail = {
                "type": failure.type or "value_error",
                "loc": ["body", *location(failure.param)],
                "msg": failure.message,
            }
            return ErrorBody({"detail": [detail]})
        return ErrorBody(self.error(failure))

    def error(self, failure: Failure) -> Dict[str, Json]:
        """The flat object of an error."""
        usual = "invalid_request_error" if failure.status < 500 else "internal_server_error"
        return {
            "object": "error",
            "message": failure.message,
            "type": failure.type or usual,
            "param": failure.param,
            "code": failure.code,
            "raw_status_code": failure.status,
        }

    def complaint(self, wrong: BadField) -> Failure:
        """422 with the place of the field."""
        kind, message = pydantic_error(wrong)
        if wrong.found == []:
            kind = "too_short"
            message = "List should have at least 1 item after validation, not 0"
        return Failure(422, message, kind, param=wrong.path)


# What the numbers of a vector may be asked for as (in the SDK's types); the scale is Cohere's.
OUTPUT_TYPES = ("float", "int8", "uint8", "binary", "ubinary")


class MistralEmbeddings(Mistral, OpenAIEmbeddings):
    """Embeddings, with an id, and in the type of numbers that the request asks for."""

    routes = OpenAIEmbeddings.routes
    fields = {
        **OpenAIEmbeddings.fields,
        "output_dimension": "an integer",
        "output_dtype": "a string",
        "metadata": "an object",
    }
    layout = staticmethod(by_rows(compact))

    def turns(self, body: Field) -> List[Turn]:
        """As at OpenAI."""
        kind = body.get("output_dtype")
        if not kind.is_absent and kind.value not in OUTPUT_TYPES:
            kind.expected("one from " + ", ".join(OUTPUT_TYPES))
        return super().turns(body)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list of embeddings."""
        value = super().whole(call, reply)
        kind = call.body.get("output_dtype") or "float"
        if kind != "float":
            vectors = reply.vectors(len(call.inputs))
            for entry, vector in zip(value["data"], vectors):
                entry["embedding"] = VECTOR_TYPES[kind](vector)
        # OpenAI's shape but for the id and a count that is always 0 (section 12).
        return {
            "id": call.token("id", 32, HEX),
            **value,
            "usage": {**value["usage"], "completion_tokens": 0},
        }


class MistralModels(Mistral, OpenAIModels):
    """Models, with what they can do."""

    routes = OpenAIModels.routes
    known = (
        "mistral-small-latest",
        "mistral-large-latest",
        "magistral-medium-latest",
        "codestral-latest",
        "mistral-embed",
        "mistral-moderation-latest",
        "mistral-ocr-latest",
    )

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        # The names tell enough of what each model can do.
        special = {kind: kind in name for kind in ("embed", "moderation", "ocr")}
        chats = not any(special.values())
        return {
            **super().entry(name),
            "owned_by": "mistralai",
            "capabilities": {
                "completion_chat": chats,
                "function_calling": chats,
                "reasoning": "magistral" in name,
                "completion_fim": "codestral" in name,
                "fine_tuning": False,
                "vision": False,
                "ocr": special["ocr"],
                "classification": False,
                "moderation": special["moderation"],
                # None of the models that are listed hears or speaks.
                **dict.fromkeys(MISTRAL_AUDIO, False),
                "unified_resources": False,
            },
            "name": name,
            "description": None,
            "max_context_length": 131072,
            "aliases": [],
            "deprecation": None,
            "deprecation_replacement_model": None,
            "default_model_temperature": 0.3 if chats else None,
            "internal": False,
            "billing_model_name": name,
            "type": "base",
        }


# === formats/mistral_chat ====================================================
# Mistral's chat completions, and fill in the middle (wire formats, section 12).  Pure.


# Finish reasons (section 12) by those of a reply; text that was stopped has none but `error`.
MISTRAL_STOPS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "error",
}


def mistral_content(pieces: Sequence[Tuple[Part, str]]) -> Json:
    """What is said: a string, or a list of parts where one is no text."""
    # Thoughts are what magistral models have, and a mock may have parts of its own (references);
    # all others answer with strings (section 12).
    if not any(isinstance(part, (Reasoning, Block)) for part, _ in pieces):
        return "".join(text for _, text in pieces)
    content = []
    for part, text in pieces:
        entry: Dict[str, Json] = {"type": "text", "text": text}
        if isinstance(part, Reasoning):
            entry = {"type": "thinking", "thinking": [entry]}
        elif isinstance(part, Block):
            entry = dict(part.value)
        content.append(entry)
    return content


def mistral_cached(usage: Usage) -> Optional[Dict[str, Json]]:
    """Tokens from a cache and for one, which nothing tells of unless there are some (quoted from
    its documentation, and from live answers in symfony/ai, 2343)."""
    details = written_tokens(usage)
    if usage.cached:
        details = {"cached_tokens": usage.cached, **details}
    return details or None


def held_text(delta: Dict[str, Json]) -> List[str]:
    """The text that a delta holds itself, and has no hole for."""
    content = delta["content"]
    if isinstance(content, str) and content != hole(0):
        return [content]
    return []


def mistral_logprobs(pieces: Iterable[Optional[str]], body: Json) -> Optional[Dict[str, Json]]:
    """Log probabilities as OpenAI has them, with the number of each token (in the SDK's types)."""
    found = logprobs(pieces, body)
    if found is None:
        return None
    content: List[Json] = []
    for entry in found["content"]:
        tops = [numbered_token(top) for top in entry["top_logprobs"]]
        content.append({**numbered_token(entry), "top_logprobs": tops})
    return {"content": content}


def numbered_token(entry: Dict[str, Json]) -> Dict[str, Json]:
    """A token with its number in the vocabulary, made from its text."""
    return {**entry, "token_id": int(token(entry["token"], 4, HEX), 16)}


def mistral_padding(call: Call, number: int) -> str:
    """A beginning of the alphabet and digits, as long as the request says."""
    length = 1 + int(call.token(f"pad {number}", 2, HEX), 16) % len(LOWER_ALNUM)
    return LOWER_ALNUM[:length]


# Its own beside those that OpenAI has, too (in the SDK's types).
MISTRAL_CHAT_FIELDS = {
    **OpenAIChat.fields,
    "random_seed": "an integer",
    "safe_prompt": "a boolean",
    "prompt_mode": "a string",
    "reasoning_effort": "a string",
    "guardrails": "an array",
    "prediction": "an object",
    "metadata": "an object",
    "min_tokens": "an integer",
    "prompt_cache_key": "a string",
    "top_logprobs": "an integer",
}


class MistralChat(Mistral, OpenAIChat):
    """Chat completions: bare ids, tool calls in one piece, the last chunk with finish reason and
    usage."""

    routes: Tuple[str, ...] = OpenAIChat.routes
    places = MISTRAL_PLACES
    fields = MISTRAL_CHAT_FIELDS
    has_logprobs = False  # not even null, where none are asked for
    has_custom_tools = False
    has_functions = False
    speaks = frozenset((*OpenAIChat.speaks, Block))

    def head(self, call: Call, reply: Reply, kind: str) -> Dict[str, Json]:
        """With an id of 32 hex digits."""
        return {**super().head(call, reply, kind), "id": reply.id or call.token("id", 32, HEX)}

    def tail(self, call: Call) -> Dict[str, Json]:
        """Nothing."""
        # No fingerprint and no tier (section 12, recorded).
        return {}

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts, without details."""
        return {
            "prompt_tokens": reply.usage.input,
            "total_tokens": reply.usage.total,
            "completion_tokens": reply.usage.output,
            **present(prompt_tokens_details=mistral_cached(reply.usage)),
        }

    def finish_reason(self, call: Call, reply: Reply) -> str:
        """A refusal is text that ends with `error`, as what a filter stopped does."""
        return said_stop(MISTRAL_STOPS, stop_of(reply))

    def choice(
        self,
        call: Call,
        index: int,
        body: Dict[str, Json],
        finish: Optional[str],
        pieces: Iterable[Optional[str]] = (),
    ) -> Dict[str, Json]:
        """One choice, with log probabilities if the request asks for them."""
        choice = super().choice(call, index, body, finish)
        return {**choice, **present(logprobs=mistral_logprobs(pieces, call.body))}

    def tool_call(self, call: Call, part: ToolCall, number: int, choice: int) -> Dict[str, Json]:
        """A tool call; its id has 9 characters, as Mistral demands of clients too."""
        # Without `type`, and with an index even in a whole answer (section 12, recorded).
        return {
            "id": part.id or call.token(f"tool {choice} {number}", 9),
            "function": {"name": part.name, "arguments": compact(part.arguments)},
            "index": number,
        }

    def message(self, call: Call, reply: Reply, choice: int) -> Dict[str, Json]:
        """The assistant's message."""
        pieces = [
            (part, getattr(part, "text", ""))
            for part in reply.parts
            if not isinstance(part, ToolCall)
        ]
        return {
            "role": "assistant",
            "tool_calls": self.tool_calls(call, reply, choice) or None,
            "content": mistral_content(pieces),
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Chunks; tool calls and usage are on the last one of each choice, unasked."""
        head = self.head(call, reply, "chat.completion.chunk")
        finish = self.finish_reason(call, reply)
        for index in range(call.choices):
            numbers = itertools.count()
            for delta, texts in self.deltas(call, reply, index):
                choice = self.choice(call, index, {"delta": delta}, None, held_text(delta))
                chunk = {**head, "choices": [choice]}
                if texts is not ONCE:  # the first has no padding (recorded)
                    chunk["p"] = hole(1)
                stencil = Stencil(chunk)
                for text, number in zip(texts, numbers):
                    yield "", stencil.filled(text, mistral_padding(call, number))
            # Whole, in the chunk that ends the choice (section 12, recorded).
            calls = self.tool_calls(call, reply, index)
            delta = {"content": "", **present(tool_calls=calls or None)}
            last = self.choice(call, index, {"delta": delta}, finish)
            ended = {"choices": [last], "usage": self.usage(reply)}
            yield "", {**head, **ended, "p": mistral_padding(call, next(numbers))}
        yield "", "[DONE]"

    def deltas(
        self, call: Call, reply: Reply, choice: int
    ) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """The message in pieces, without its tool calls."""
        yield {"role": "assistant", "content": ""}, ONCE
        for run in walk(reply):
            if isinstance(run.part, Block):
                yield {"content": [run.part.value]}, iter([""])  # whole
            elif isinstance(run.part, Text) and call.body.get("logprobs") is True:
                for text in run.texts:  # each has probabilities of its own
                    yield {"content": text}, iter([""])
            elif not isinstance(run.part, ToolCall):
                yield {"content": mistral_content([(run.part, hole(0))])}, run.texts


class MistralFIM(MistralChat):
    """Fill in the middle: a prompt, and a suffix that the answer leads to."""

    api = "fim"
    speaks = OpenAIChat.speaks
    routes: Tuple[str, ...] = ("POST /v1/fim/completions", "POST {prefix*}/fim/completions")
    fields = {
        "model": "a string!",
        "prompt": "a string!",
        "suffix": "a string",
        "stream": "a boolean",
        "stop": "a string or an array",
        "temperature": "a number",
        "top_p": "a number",
        "max_tokens": "an integer",
        "min_tokens": "an integer",
        "random_seed": "an integer",
        "metadata": "an object",
        "prompt_cache_key": "a string",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """The prompt counts as the user's text."""
        yield Turn("user", body.value["prompt"])


# === formats/mistral_classifiers =============================================
# Mistral's moderations and classifications (short facts).  Pure.


# As the thresholds of guardrails are called in the SDK's types (version 1 of the moderation).
MISTRAL_MODERATED = (
    "sexual",
    "hate_and_discrimination",
    "violence_and_threats",
    "dangerous_and_criminal_content",
    "selfharm",
    "health",
    "financial",
    "law",
    "pii",
)
FLAGGED = "dangerous_and_criminal_content"  # stands for all: a mock does not say what is wrong


def inputs_of(body: Field) -> Field:
    """What is judged, which is not nothing."""
    given = body.get("input")
    if given.value == []:
        given.expected("an array")
    return given


class MistralModerations(Mistral, OpenAIModerations):
    """Moderations; a neutral reply that refuses, or stops by content_filter, flags one category."""

    routes = OpenAIModerations.routes
    fields = {"model": "a string!", "input": "a string or an array!"}

    def inputs(self, body: Field) -> List[str]:
        """The texts to judge, one by one."""
        inputs_of(body)
        return super().inputs(body)

    def whole(self, call: Call, reply: Reply) -> Json:
        """A result an input, without a verdict over all categories; all are the same."""
        flagged = reply.stop == "content_filter" or reply.text(Refusal) is not None
        categories = dict.fromkeys(MISTRAL_MODERATED, False)
        scores = dict.fromkeys(MISTRAL_MODERATED, 0.00001)
        if flagged:
            categories[FLAGGED], scores[FLAGGED] = True, 0.98
        result = {"categories": categories, "category_scores": scores}
        return {
            "id": reply.id or call.token("id", 32, HEX),
            "model": reply.model,
            "results": [result] * max(1, len(call.inputs)),
        }


def has_messages(value: List[Json]) -> bool:
    """Whether a list is one conversation, of which all messages have a role."""
    return all(isinstance(one, dict) and "role" in one for one in value)


def messages_of(given: Field) -> Field:
    """The messages of a conversation: a list, or an object that holds one."""
    if isinstance(given.value, dict):
        given = given.get("messages")
    if not given.a("an array"):
        given.expected("an array with a message")
    return given


class Conversations(Mistral):
    """What is judged is one conversation, or several."""

    silence = "conversation"

    def judged(self, body: Field) -> List[Field]:
        """The conversations: a list of messages is one, a list of lists are several."""
        given = body.get("input")
        several = [given]
        if isinstance(given.value, list) and not has_messages(given.value):
            several = self.counted(given).items()
        return [messages_of(one) for one in several]

    def turns(self, body: Field) -> Iterable[Turn]:
        """The last of them."""
        return chat_turns(self.judged(body)[-1])

    def inputs(self, body: Field) -> List[str]:
        """The last user message of each."""
        return [conversation(list(chat_turns(one)))["user"] for one in self.judged(body)]


class MistralChatModerations(Conversations, MistralModerations):
    """Moderations of conversations, as plain ones are answered."""

    api = "chat_moderations"
    routes: Tuple[str, ...] = ("POST /v1/chat/moderations", "POST {prefix*}/chat/moderations")
    fields = {"model": "a string!", "input": "an array or an object!"}


class MistralClassifications(Mistral):
    """Classifications: a neutral text is the class that each input is in."""

    operation, api = "moderate", "classifications"
    routes: Tuple[str, ...] = ("POST /v1/classifications", "POST {prefix*}/classifications")
    fields = {"model": "a string!", "input": "a string or an array!"}
    speaks = frozenset((Text,))

    def inputs(self, body: Field) -> List[str]:
        """The texts to classify, one by one."""
        node = inputs_of(body)
        if isinstance(node.value, str):
            return [node.value]
        return plain_texts(self.counted(node).value)

    def whole(self, call: Call, reply: Reply) -> Json:
        """A result an input; all are the same."""
        scores: Dict[str, float] = {reply.text(Text) or "": 0.98}
        return {
            "id": reply.id or call.token("id", 32, HEX),
            "model": reply.model,
            "results": [{"default": {"scores": scores}}] * max(1, len(call.inputs)),
        }


class MistralChatClassifications(Conversations, MistralClassifications):
    """Classifications of conversations."""

    api = "chat_classifications"
    routes: Tuple[str, ...] = (
        "POST /v1/chat/classifications",
        "POST {prefix*}/chat/classifications",
    )
    fields = {"model": "a string!", "input": "an array or an object!"}


# === formats/mistral_ocr =====================================================
# Mistral's OCR: what a document says, as Markdown (short facts; typed).  Pure.


def first_page(pages: Json) -> int:
    """The first of the pages that a request asks for, by numbers or as in "2-4"; they are counted
    from 0."""
    first = pages
    if isinstance(pages, list):
        first = pages[0] if pages else 0
    found = re.match("[0-9]{1,6}", str(first))
    if found is None:
        return 0
    return int(found.group())


class MistralOCR(Mistral):
    """OCR; a neutral text is what stands on the one page that there is, or what is said of it in
    the form that the request asks for."""

    api = "ocr"
    may_stream = False
    routes: Tuple[str, ...] = ("POST /v1/ocr", "POST {prefix*}/ocr")
    fields = {
        "model": "a string",
        "document": "an object!",
        "pages": "a string or an array",
        "include_image_base64": "a boolean",
        "image_limit": "an integer",
        "image_min_size": "an integer",
        "bbox_annotation_format": "an object",
        "document_annotation_format": "an object",
        "document_annotation_prompt": "a string",
        "table_format": "a string",
        "extract_header": "a boolean",
        "extract_footer": "a boolean",
        "include_blocks": "a boolean",
        "confidence_scores_granularity": "a string",
    }
    speaks = frozenset((Text,))

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The model, which may be null (in the SDK's types)."""
        return super().model(params, body) or "mistral-ocr-latest"

    def turns(self, body: Field) -> Iterator[Turn]:
        """Where the document is, or its id, counts as the user's text; a prompt for annotations as
        instructions."""
        prompt = body.value.get("document_annotation_prompt")
        if prompt:
            yield Turn("system", prompt)
        document = body.get("document")
        image = document.get("image_url")
        if isinstance(image.value, dict):
            image = image.get("url")
        places = [image, document.get("document_url"), document.get("file_id")]
        said = [place for place in places if not place.is_null]
        if not said:
            document.expected("an object with document_url, image_url or file_id")
        yield Turn("user", said[0].text())

    def whole(self, call: Call, reply: Reply) -> Json:
        """One page."""
        text = reply.text(Text) or ""
        page = {
            "index": first_page(call.body.get("pages")),
            "markdown": text,
            "images": [],
            "dimensions": {"dpi": 200, "height": 2200, "width": 1700},
        }
        annotation = text if call.body.get("document_annotation_format") else None
        return {
            "pages": [page],
            "model": reply.model,
            "document_annotation": annotation,
            "usage_info": {"pages_processed": 1, "doc_size_bytes": 3000},
        }


# === formats/mistral_responses ===============================================
# Mistral's Responses: OpenAI's with fewer members, items and events (short facts).  Pure.


MISTRAL_TEXTS = ("output_text", "function_call_arguments", "reasoning_text")
# What a response has of OpenAI's members (in the SDK's types, which refuse no others, but know
# these alone).
MISTRAL_MEMBERS = frozenset(
    (
        *("id", "object", "created_at", "completed_at", "status", "error", "incomplete_details"),
        *("model", "output", "usage", "background", "instructions", "reasoning", "text", "user"),
        *("max_output_tokens", "max_tool_calls", "temperature", "top_p", "top_logprobs"),
        *("parallel_tool_calls", "tool_choice", "tools", "truncation", "metadata"),
        *("previous_response_id", "prompt_cache_key", "prompt_cache_retention"),
        *("safety_identifier", "service_tier"),
    )
)
# All events that there are: on any other its client raises an error (verified).
MISTRAL_EVENTS = frozenset(
    (
        *(f"response.{state}" for state in ("created", "in_progress")),
        *(f"response.{state}" for state in ("completed", "incomplete", "failed")),
        *(f"response.{part}.added" for part in ("output_item", "content_part")),
        *(f"response.{part}.done" for part in ("output_item", "content_part")),
        *(f"response.{text}.delta" for text in MISTRAL_TEXTS),
        *(f"response.{text}.done" for text in MISTRAL_TEXTS),
    )
)
MISTRAL_ITEMS = ("message", "function_call", "reasoning")
MISTRAL_TOOLS = ("function", "namespace")


class MistralResponses(Mistral, OpenAIResponses):
    """The Responses API, which Mistral has since 2026."""

    routes = OpenAIResponses.routes
    fields = {
        **OpenAIResponses.fields,
        "model": "a string!",
        "input": "a string or an array!",
        "instructions": "a string",
    }
    has_custom_tools = False
    unstreamed_stops = frozenset(("queued", "cancelled"))
    ping = WireFormat.ping  # a comment: an event that it does not know ends its client

    def turns(self, body: Field) -> Iterator[Turn]:
        """As at OpenAI; nothing is stored, or made in the background (in the SDK's types)."""
        for name in ("background", "store"):
            if body.value.get(name):
                body.get(name).expected("false")
        return super().turns(body)

    def tools(self, body: Field) -> Iterator[str]:
        """Functions, alone or in a namespace: nothing else is called (in the SDK's types)."""
        for tool in body.get("tools").objects():
            if tool.value.get("type") not in MISTRAL_TOOLS:
                tool.get("type").expected("one from " + ", ".join(MISTRAL_TOOLS))
        return super().tools(body)

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """The items that it has."""
        return block.get("type") in MISTRAL_ITEMS

    def response(
        self, call: Call, reply: Reply, output: List[Json], status: str, usage: Json = None
    ) -> Dict[str, Json]:
        """The members that it has."""
        members = super().response(call, reply, output, status, usage)
        known = {name: value for name, value in members.items() if name in MISTRAL_MEMBERS}
        known["reasoning"] = {"effort": members["reasoning"].get("effort")}
        return known

    def items(self, call: Call, reply: Reply, status: str) -> List[Json]:
        """With thoughts in full, not in summaries."""
        items = super().items(call, reply, status)
        for part, item in zip(reply.parts, items):
            if isinstance(part, Reasoning) and not isinstance(part, Block):
                item["summary"] = []
                item["content"] = [{"type": "reasoning_text", "text": part.text}]
        return items

    def unnumbered(self, call: Call, reply: Reply) -> ItemEvents:
        """The events that it has, without padding."""
        for name, members, texts in super().unnumbered(call, reply):
            if name in MISTRAL_EVENTS:
                yield name, {key: members[key] for key in members if key != "obfuscation"}, texts

    def response_error(self, failure: Failure) -> Dict[str, Json]:
        """What a response that failed says of it, with one of the codes that its client knows."""
        code = "server_error"
        if failure.status == 429:
            code = "rate_limit_exceeded"
        return {"code": code, "message": failure.message}

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The event `error`, flat (typed)."""
        error = self.error(failure)
        told = {name: error[name] for name in ("code", "message", "param")}
        yield "error", {"type": "error", **told, "sequence_number": sent}


# === formats/ollama ==========================================================
# Ollama (wire formats, section 13).  Pure.


# Read from the server's source; the 404 was recorded (section 13).
OLLAMA_ERRORS = {
    "authentication": Failure(401, "unauthorized"),
    "not_found": Failure(404, "model '{model}' not found"),
    "rate_limit": Failure(429, "too many requests"),
    "server_error": Failure(500, "llama runner process has terminated"),
    "overloaded": Failure(503, "server busy, please try again.  maximum pending requests exceeded"),
    "context_length": Failure(400, "the input length exceeds the context length"),
}

# That of tool calls has no word of its own here.
OLLAMA_STOPS = {"stop": "stop", "length": "length", "tool_calls": "stop", "content_filter": "stop"}
# Of a request without a prompt, which only moves the model: there is nothing to count.
IDLE_STOPS = ("load", "unload")

# What embed tells of all counts and durations.
EMBED_COUNTS = ("total_duration", "load_duration", "prompt_eval_count")

# Models that are there, and what tags says of each (section 13, verified).
OLLAMA_MODELS = ("llama3.2:latest", "qwen3:latest", "nomic-embed-text:latest")
OLLAMA_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "3.2B",
    "quantization_level": "Q4_K_M",
}


def ollama_duration(call: Call, label: str) -> int:
    """Nanoseconds, from 10 to 26 ms."""
    return 10_000_000 + int(call.token(label, 6, HEX), 16)


def ollama_counts(call: Call, usage: Usage) -> Dict[str, int]:
    """Durations in nanoseconds and token counts."""
    load = ollama_duration(call, "load")
    prompt = ollama_duration(call, "prompt")
    answer = ollama_duration(call, "eval")
    counts = {
        "total_duration": load + prompt + answer,
        "load_duration": load,
        "prompt_eval_count": usage.input,
        "prompt_eval_duration": prompt,
        "eval_count": usage.output,
        "eval_duration": answer,
    }
    # Go leaves out what is 0 (omitempty).
    return {name: count for name, count in counts.items() if count}


def ollama_time(call: Call, number: int) -> str:
    """When a line was made, to the nanosecond; each line is later than the one before."""
    nanoseconds = int(call.digest[:7], 16) + number * 21_345_678
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    # Go's RFC3339Nano cuts trailing zeros, and the point if nothing is left behind it.
    digits = f"{this_second(call.second + seconds)}.{fraction:09d}".rstrip("0")
    return digits.rstrip(".") + "Z"


def ollama_tool_call(call: Call, part: ToolCall, number: int) -> Dict[str, Json]:
    """A tool call; its arguments are an object."""
    return {
        "id": part.id or "call_" + call.token(f"tool {number}", 8, LOWER_ALNUM),
        "function": {"index": number, "name": part.name, "arguments": dict(part.arguments)},
    }


NOTHING_LIKELY: Mapping[str, Json] = {}


def ollama_likely(call: Call, texts: Iterable[str]) -> Mapping[str, Json]:
    """How likely these pieces were, if the request asks for it; what is empty is left out."""
    if not wants_likely(call):
        return NOTHING_LIKELY
    tokens = [likely_token(text) for text in bounded_pieces(texts)]
    if not tokens:
        return NOTHING_LIKELY
    if not call.body.get("top_logprobs"):
        return {"logprobs": tokens}
    return {"logprobs": [{**token, "top_logprobs": [token]} for token in tokens]}


class Ollama(WireFormat):
    """What all APIs of Ollama share: no credential, errors of one key, lines of JSON."""

    provider = "ollama"
    credentials = ()  # a Bearer may come, and is ignored (2.3)
    layout: Callable[..., str] = staticmethod(go_json)  # and no line end behind a whole answer
    no_body = "missing request body"
    json_type = "application/json; charset=utf-8"
    stream_type = "application/x-ndjson"
    ping = b""  # there are none, and its client breaks on an empty line (section 13, verified)
    errors = OLLAMA_ERRORS
    fields: Mapping[str, str] = {
        "model": "a string!",
        "stream": "a boolean",
        "options": "an object",
        "logprobs": "a boolean",
        "top_logprobs": "an integer",
    }

    def framing(self, call: Call) -> Framing:
        """Lines of JSON."""
        return GO_LINES

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error"}`."""
        return ErrorBody({"error": failure.message})

    def complaint(self, wrong: BadField) -> Failure:
        """What is required, or what Go's decoder says."""
        if wrong.found is MISSING:
            return Failure(400, f"{wrong.path} is required")
        kind = kind_of(wrong.found).split()[-1]  # without the article
        return Failure(
            400,
            f"json: cannot unmarshal {kind} into field {wrong.path or 'body'}: "
            f"expected {wrong.expected}",
        )

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """One line that holds an error."""
        # ollama-python raises on it; the status was 200 (section 13, verified).
        yield "", {"error": failure.message}

    def schema(self, body: Field) -> Json:
        """`format`, where it is a schema: it may also be the word json."""
        schema = body.get("format")
        if not schema.is_a("an object"):
            return None
        return schema.value


class OllamaAnswer(Ollama):
    """What chat and generate share: a stream of objects, unless the request wants one."""

    places = OLLAMA_PLACES

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """Yes, unless `stream` is false."""
        # Absent means yes, unlike everywhere else (2.2).
        return body.value.get("stream") is not False

    def is_content(self, name: str, value: Json) -> bool:
        """What `spoken` gives, and not only counts."""
        said = ("message", "response", "thinking")
        return any(has_words(within(value, key)) for key in said)

    def spoken(
        self, content: str = "", thinking: str = "", calls: Sequence[Json] = ()
    ) -> Dict[str, Json]:
        """The members of an object that hold what the model says in it."""
        raise NotImplementedError

    def finished(
        self, call: Call, reply: Reply, likely: Mapping[str, Json] = NOTHING_LIKELY
    ) -> Dict[str, Json]:
        """The members that only the last object has."""
        ended = {"done": True, "done_reason": said_stop(OLLAMA_STOPS, reply.stop)}
        if reply.stop in IDLE_STOPS and not reply.parts:
            return ended
        return {**ended, **self.counted_up(call, ollama_counts(call, reply.usage), likely)}

    def counted_up(
        self, call: Call, counts: Mapping[str, Json], likely: Mapping[str, Json]
    ) -> Dict[str, Json]:
        """The counts and what stands around them, in the order of the server's types (read)."""
        return {**likely, **counts}

    def whole(self, call: Call, reply: Reply) -> Json:
        """The one object."""
        texts = [part.text for part in reply.parts if isinstance(part, (Text, Refusal))]
        calls = [
            ollama_tool_call(call, part, number) for number, part in enumerate(reply.tool_calls)
        ]
        return {
            "model": reply.model,
            "created_at": ollama_time(call, 0),
            **self.spoken("".join(texts), reply.text(Reasoning) or "", calls),
            **self.finished(call, reply, ollama_likely(call, text_pieces(reply))),
        }

    def spoken_pieces(self, call: Call, reply: Reply) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """What the lines but the last say: a piece of text, or a whole tool call."""
        numbers = itertools.count()
        for run in walk(reply):
            if isinstance(run.part, ToolCall):
                # Arguments are an object, which can't be cut.
                tool_call = ollama_tool_call(call, run.part, next(numbers))
                yield {**self.spoken(calls=[tool_call]), "done": False}, ONCE
            elif isinstance(run.part, Reasoning):
                yield {**self.spoken(thinking=hole(0)), "done": False}, run.texts
            elif isinstance(run.part, Text) and wants_likely(call):
                for text in run.texts:
                    likely = ollama_likely(call, [text])
                    yield {**self.spoken(text), "done": False, **likely}, ONCE
            else:
                yield {**self.spoken(hole(0)), "done": False}, run.texts

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """A line a piece, a tool call in one; the last has the counts."""
        numbers = itertools.count()
        head = {"model": reply.model, "created_at": hole(1)}
        for spoken, texts in self.spoken_pieces(call, reply):
            stencil = Stencil({**head, **spoken}, go_json)
            for text, number in zip(texts, numbers):
                yield "", stencil.filled(text, ollama_time(call, number))
        last = {"model": reply.model, "created_at": ollama_time(call, next(numbers))}
        yield "", {**last, **self.spoken(), **self.finished(call, reply)}


class OllamaChat(OllamaAnswer):
    """chat: messages, and tools."""

    api = "chat"
    routes: Tuple[str, ...] = ("POST /api/chat", "POST {prefix*}/api/chat")
    fields = {**Ollama.fields, "messages": "an array!", "tools": "an array"}
    tools = ChatRequest.tools  # they have OpenAI's form (2.2)

    def turns(self, body: Field) -> Iterator[Turn]:
        """The messages; images lie apart from their text."""
        for message in body.get("messages").objects():
            message.check({"role": "a string!", "content": "a string", "images": "an array"})
            role = message.get("role")
            # More are read than are named: some clients send OpenAI's.
            if role.value not in CHAT_ROLES:
                role.expected("one from system, user, assistant, tool")
            # Its own clients know a tool's result by the name of the tool.
            call_id = call_id_of(message.value, "tool_call_id", "tool_name", "name")
            yield Turn(CHAT_ROLES[role.value], message.value.get("content") or "", call_id)

    def spoken(
        self, content: str = "", thinking: str = "", calls: Sequence[Json] = ()
    ) -> Dict[str, Json]:
        """A message; its text is there even if it is empty."""
        message: Dict[str, Json] = {"role": "assistant", "content": content}
        if thinking:
            message["thinking"] = thinking
        if calls:
            message["tool_calls"] = calls
        return {"message": message}


class OllamaGenerate(OllamaChat):
    """generate: a prompt instead of messages, no tools."""

    api = "generate"
    routes = ("POST /api/generate", "POST {prefix*}/api/generate")
    fields = {
        **Ollama.fields,
        "prompt": "a string",
        "system": "a string",
        "suffix": "a string",
        "images": "an array",
    }
    speaks = frozenset((Text, Reasoning, Refusal))

    def tools(self, body: Field) -> Iterator[str]:
        """None: there is no such field."""
        return iter(())

    def turns(self, body: Field) -> Iterator[Turn]:
        """System text and prompt."""
        system = body.get("system")
        if not system.is_absent:
            yield Turn("system", system.value)
        yield Turn("user", body.get("prompt").text(""))

    def spoken(
        self, content: str = "", thinking: str = "", calls: Sequence[Json] = ()
    ) -> Dict[str, Json]:
        """The texts, at the top level."""
        if not thinking:
            return {"response": content}
        return {"response": content, "thinking": thinking}

    def counted_up(
        self, call: Call, counts: Mapping[str, Json], likely: Mapping[str, Json]
    ) -> Dict[str, Json]:
        """With the tokens of the context."""
        numbers = [int(call.token(f"context {number}", 3, HEX), 16) for number in range(3)]
        return {"context": numbers, **counts, **likely}


class OllamaEmbed(Ollama):
    """embed: a vector an input."""

    operation, api = "embed", "embed"
    routes: Tuple[str, ...] = ("POST /api/embed", "POST {prefix*}/api/embed")
    fields: Mapping[str, str] = {**Ollama.fields, "input": "a string or an array!"}
    layout = staticmethod(by_rows(go_json))
    speaks = frozenset((Embedding,))

    def inputs(self, body: Field) -> List[str]:
        """One text, or several."""
        texts = body.get("input")
        if texts.is_a("a string"):
            return [texts.value]
        return texts_of(self.counted(texts))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings with their times."""
        counts = ollama_counts(call, reply.usage)
        return {
            "model": reply.model,
            "embeddings": reply.vectors(len(call.inputs)),
            **{name: counts[name] for name in EMBED_COUNTS if name in counts},
        }


class OllamaEmbeddings(OllamaEmbed):
    """The older embeddings: one prompt, one vector."""

    api = "embeddings"
    routes = ("POST /api/embeddings",)
    fields = {**Ollama.fields, "prompt": "a string!"}

    def inputs(self, body: Field) -> List[str]:
        """The prompt."""
        return [body.value["prompt"]]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding."""
        return {"embedding": reply.vectors(1)[0]}


class OllamaTags(Ollama):
    """tags: the models that are there."""

    operation, api = "models", "tags"
    routes = ("GET /api/tags",)
    speaks = frozenset()
    needs_mock = False

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {
            "name": name,
            "model": name,
            "modified_at": "2026-08-26T20:15:12.123456789Z",
            "size": 2019393189,
            "digest": token(name, 64, HEX),
            "details": OLLAMA_DETAILS,
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list."""
        return {"models": [self.entry(name) for name in OLLAMA_MODELS]}


class OllamaVersion(Ollama):
    """version."""

    operation, api = "models", "version"
    routes = ("GET /api/version",)
    speaks = frozenset()
    needs_mock = False

    def whole(self, call: Call, reply: Reply) -> Json:
        """The version whose answers these are like."""
        return {"version": "0.12.0"}


# === formats/vertex_partners =================================================
# Models of other publishers on Vertex AI: each in its own format, behind Google's front.

# Wire formats, section 8.2, say it of Claude; of the others it is unverified.  Pure.


# Errors with these statuses come from Google's front, before the model has seen the request.
FRONT_STATUSES = (401, 403, 404, 429)
FRONT_ERRORS: Mapping[str, Failure] = {
    "no_key": VERTEX_KEY,
    "authentication": VERTEX_KEY,
    "not_found": VERTEX_ERRORS["not_found"],
    "permission": VERTEX_ERRORS["permission"],
    "rate_limit": Failure(
        429,
        "Quota exceeded for "
        "aiplatform.googleapis.com/online_prediction_requests_per_base_model "
        "with base model: {model}. Please submit a quota increase request. "
        "https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai.",
    ),
}
VERTEX_FRONT = Vertex()
RAW_VERBS = (":{verb=rawPredict}", ":{verb=streamRawPredict}")


def raw_routes(*places: str) -> Tuple[str, ...]:
    """The routes of models in some places, whole and streamed."""
    return tuple(VERTEX_PLACE + place + verb for place in places for verb in RAW_VERBS)


VERTEX_MISTRAL = raw_routes("/publishers/{publisher=mistralai}/models/{model}")


class BehindGoogle(WireFormat):
    """What Google's front does, whoever's model is behind it: it speaks first, in its own shape."""

    provider = "vertex_ai"
    credentials: Tuple[str, ...] = Vertex.credentials

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The verb says it."""
        # A `stream` in the body may be there, too, and does not count (2.2).
        return params.get("verb") == "streamRawPredict"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Those of Google's front."""
        return (
            ("Vary", "Origin"),
            ("Vary", "X-Origin"),
            ("Vary", "Referer"),
            ("X-Content-Type-Options", "nosniff"),
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """A limit that counts is told as Vertex AI does it."""
        return VERTEX_FRONT.limit_headers(limit)

    def sentence(self, call: Call, failure: Failure, usual: str) -> str:
        """As Google's front fills it in."""
        return VERTEX_FRONT.sentence(call, failure, usual)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """Google's shape from the front, the publisher's from the model."""
        if failure.status in FRONT_STATUSES:
            return VERTEX_FRONT.failure(call, failure)
        return super().failure(call, failure)


class VertexFIM(BehindGoogle, MistralFIM):
    """Mistral's fill in the middle, at the path of its chat completions: it is looked at first."""

    routes = VERTEX_MISTRAL
    fields = {**MistralFIM.fields, "model": "a string"}
    errors = {**MISTRAL_ERRORS, **FRONT_ERRORS}

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """A body with a prompt tells it, for mistralai's client sends both to one path."""
        if "codestral" not in params["model"]:
            return False
        try:
            return within(parse_json(request.body), "prompt") is not None
        except ValueError:
            return False


class VertexMistral(BehindGoogle, MistralChat):
    """Mistral's chat completions: the model is in the path, and may be in the body, too."""

    routes = VERTEX_MISTRAL
    fields = {**MistralChat.fields, "model": "a string"}
    errors = VertexFIM.errors


class VertexOpenModels(BehindGoogle, OpenAIChat):
    """Chat completions of AI21, Meta, Qwen, DeepSeek and others, and of models of one's own."""

    # Whoever the publisher is; the first word stands for all where a wrong path is told this one.
    routes = raw_routes("/publishers/{publisher=ai21|[^/]+}/models/{model:}", "/endpoints/{model:}")
    fields = {**OpenAIChat.fields, "model": "a string"}
    errors = {**OPENAI_ERRORS, **FRONT_ERRORS}
    layout: Callable[..., str] = staticmethod(compact)
    ending = ""
    has_logprobs = False
    has_custom_tools = False

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Google's own models have no such methods."""
        return params.get("publisher") != "google"

    def tail(self, call: Call) -> Dict[str, Json]:
        """Nothing: tier and fingerprint are OpenAI's."""
        return {}

    def padded(self, call: Call, chunk: Dict[str, Json]) -> Dict[str, Json]:
        """No padding."""
        return chunk


# === formats/vertex_claude ===================================================
# Claude on Vertex AI (wire formats, 8.2).  Pure.


VERTEX_CLAUDE = "/publishers/{publisher=anthropic}/models/"


class OnVertex(BehindGoogle, Anthropic):
    """What Claude does otherwise on Vertex AI."""

    errors = {**ANTHROPIC_ERRORS, **FRONT_ERRORS}
    request_id_prefix = "req_vrtx_011"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The request id; Google's front adds its own."""
        request_id = ("request-id", self.request_id(call))
        return (request_id, *BehindGoogle.headers(self, call, stream, status))


class VertexMessages(OnVertex, AnthropicMessages):
    """Messages on Vertex AI: model and streaming are in the path."""

    routes = raw_routes(VERTEX_CLAUDE + "{model}")
    # The version differs from SDK to SDK (8.2): any will do.
    fields = {**AnthropicRequest.fields, "model": "a string", "anthropic_version": "a string"}
    prefix = "msg_vrtx_01"


class VertexClaudeCount(OnVertex, AnthropicCountTokens):
    """count_tokens on Vertex AI: a model of that name; the real one is in the body."""

    # As anthropic-py sends it (8.2, verified by capture).
    routes = (VERTEX_PLACE + VERTEX_CLAUDE + "count-tokens:rawPredict",)


# === formats/other ===========================================================
# Paths of no provider: what a mock that names one says there.  Pure.


class Other(Mute):
    """Any path that no provider has, with any method: recorded and raw answers, and errors as the
    provider has them whose path is the nearest (`shape`)."""

    operation = "other"
    credentials: Tuple[str, ...] = ()

    def __init__(self, shape: WireFormat) -> None:
        self.shape = shape

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The request, whatever its body is: a JSON value, else text."""
        streams, model = within(body, "stream"), within(body, "model")
        return Call(
            request,
            self.provider,
            self.operation,
            self.api,
            model if isinstance(model, str) else "",
            streams is True,
            body=body,
        )

    @staticmethod
    def body(request: Request) -> Json:
        """The body as JSON, the fields of a form, or text."""
        if not request.body:
            return None
        if request.form is not None:
            return request.form
        try:
            return parse_request(request.body)
        except ValueError:
            return text_of(request.body)

    # --- as the nearest provider has it ---

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """What a stream says of an error."""
        return self.shape.interruption(self.nearest(call), failure, sent)

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Those of an error; else none."""
        if status < 400:
            return ()
        return self.shape.headers(self.nearest(call), stream, status)

    def limit_headers(self, limit: Limit) -> Headers:
        """The rate-limit headers."""
        return self.shape.limit_headers(limit)

    def failed(
        self, call: Call, failure: Failure, more: Mapping[str, Json]
    ) -> Tuple[bytes, Headers]:
        """An error."""
        return self.shape.failed(self.nearest(call), failure, more)

    def completed(self, call: Call, failure: Failure) -> Failure:
        """An error with what it leaves open."""
        return self.shape.completed(self.nearest(call), failure)

    def nearest(self, call: Call) -> Call:
        """The call as if it had come in on the nearest path."""
        return replace(self.shape.begun(call.request, {}), model=call.model)


# === formats/all =============================================================
# All wire formats, and the names of their providers, operations and APIs.  Pure.


OTHER = Other.operation
PROVIDERS = frozenset(wire.provider for wire in WIRE_FORMATS)
OPERATIONS = frozenset((OTHER, *(wire.operation for wire in WIRE_FORMATS)))
APIS = frozenset(wire.api for wire in WIRE_FORMATS)
DEFAULT_SHAPE = next(wire for wire in WIRE_FORMATS if type(wire) is OpenAIChat)


# === mocks/expressions =======================================================
# Regular expressions of mocks, read without running them: what a text must contain, and how long
# they may take.  Pure.


# Python's own reader of regular expressions; sre_parse is its name before 3.11.
PARSER: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
NESTED = 100  # counts as so many that follow each other
SAFE_STEPS = 1_000_000.0  # of Python's engine, which take some milliseconds
SAFE_NESTED = 16  # letters, where each may double the steps

# The letters that are no ASCII, and equal ASCII ones where case does not matter to `re`.
ODD_CASES = str.maketrans({"\u0130": "i", "\u0131": "i", "\u017f": "s", "\u212a": "k"})


class Piece(NamedTuple):
    """What a text must contain so that a condition can hold, in lower case if that does not
    matter (`is_folded`); or what it must be as a whole."""

    text: str
    is_whole: bool = False
    is_folded: bool = False


class Expression:
    """A user's regular expression: how it finds something in a text (`search`, or `match` as a
    whole), and in texts of what length that can't take long, whatever they are."""

    def __init__(self, pattern: "re.Pattern[str]", find: Callable[[str], Any], text: str) -> None:
        self.pattern, self.find, self.text = pattern, find, text
        self.groups = tuple(pattern.groupindex)
        tree = parsed(pattern)
        self.pieces = required(tree, bool(pattern.flags & re.IGNORECASE))
        # So many steps at worst: the length to the power of how many repetitions follow each other,
        # and one more, as it begins anywhere; of those inside each other twice as many a letter.
        repetitions = repeated(tree)
        self.safe_length = SAFE_NESTED
        if repetitions < NESTED:
            self.safe_length = int(SAFE_STEPS ** (1 / (repetitions + 1)))


def folded(text: str) -> str:
    """A text in lower case, as `re` sees it: the ASCII letters that equal one of its own."""
    if not text.isascii():
        text = text.translate(ODD_CASES)
    return text.lower()


def parsed(pattern: "re.Pattern[str]") -> Any:
    """A regular expression as Python's own reader understands it."""
    with warnings.catch_warnings():
        # What may mean something else one day means what it does now.
        warnings.simplefilter("ignore")
        return PARSER.parse(pattern.pattern, pattern.flags)


def required(tree: Any, is_folded: bool) -> Tuple[Piece, ...]:
    """The pieces that each text has in which a regular expression finds something; `is_folded` if
    case does not matter to it."""
    reader = Reader(is_folded)
    reader.read(tree)
    reader.end()
    return tuple(reader.pieces)


def repeated(tree: Any) -> int:
    """How many repetitions and choices there are in a parsed regular expression; NESTED and more if
    there are some inside of a repetition."""
    found = 0
    for operation, value in tree:
        inner = sum(repeated(one) for one in trees_in(value))
        if operation.name in REPEATS:
            found += 1
            inner *= NESTED
        # Inside of a repetition it is each time a choice.
        elif operation.name in ("BRANCH", "GROUPREF"):
            found += 1
        found += inner
    return found


def trees_in(value: Any) -> Iterator[Any]:
    """The parsed pieces that an operation of a parsed regular expression holds."""
    if isinstance(value, PARSER.SubPattern):
        yield value
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from trees_in(inner)


class Reader:
    """Walks through a parsed regular expression and joins the letters that follow each other in
    whatever it finds.  What it does not know ends a piece."""

    def __init__(self, is_folded: bool) -> None:
        self.is_folded = is_folded  # where it is now: (?i:…) may change that
        self.letters: List[str] = []
        self.pieces: List[Piece] = []

    def end(self) -> None:
        """A piece ends here."""
        if self.letters:
            self.pieces.append(Piece("".join(self.letters), is_folded=self.is_folded))
            self.letters = []

    def read(self, tree: Any) -> None:
        """Read what follows each other."""
        for operation, value in tree:
            name = operation.name
            if name == "LITERAL":
                self.letter(chr(value))
            elif name == "SUBPATTERN":
                self.group(*value[1:])
            elif name == "ATOMIC_GROUP":
                self.read(value)
            # Where it stands takes no room: `foo\b bar` needs "foo bar".
            elif name != "AT":
                self.end()
                for inner in certain(name, value):
                    self.read(inner)
                    self.end()

    def letter(self, letter: str) -> None:
        """One letter more; one that has other cases than ASCII's ends the piece."""
        if not self.is_folded:
            self.letters.append(letter)
        elif letter.isascii():
            self.letters.append(letter.lower())
        else:
            self.end()

    def group(self, flags: int, without: int, tree: Any) -> None:
        """What stands in parentheses, which may change whether case matters."""
        before = self.is_folded
        after = (before or bool(flags & re.IGNORECASE)) and not without & re.IGNORECASE
        if after != before:
            self.end()
        self.is_folded = after
        self.read(tree)
        if after != before:
            self.end()
        self.is_folded = before


def certain(name: str, value: Any) -> Iterator[Any]:
    """What must be found inside of something that is more than letters: a repetition that is not
    left out, what is looked ahead or back for."""
    if name in REPEATS and value[0] > 0:
        yield value[2]
    elif name == "ASSERT":
        yield value[1]


# === mocks/patterns ==========================================================
# Searching with users' regular expressions, which may take for ever: a watchdog ends that.

# May touch signal, threading and time.


TICK = 0.02  # seconds of the processor between two looks at the search under way
FIRST_TICKS = 25  # looks that a regular expression is given
LATER_TICKS = 2  # once it was given up, or others were
PATIENCE = 3  # regular expressions that are given the full time
TRIES = 20  # texts on which one is given up; then it is not tried any more
KNOWN = 1000  # regular expressions of which is known that they were given up
HANDED_OVER = 10.0  # seconds that another thread waits for the main thread

HandOver = Callable[[Callable[[], None]], None]  # runs a function in the main thread, soon


class GivenUp(BaseException):
    """Raised in the midst of a search by the handler of a signal."""


class TooLong(Exception):
    """A search takes longer than who asks for it can wait; another thread is to ask again."""


class Watchdog:
    """Ends searches that take too long.

    Python's engine heeds signals, but only in the main thread, which has to `watch`; others hand
    their searches to it.  A search that is given up finds nothing.  Before anybody watches, as in
    a program that only imports the server, each search runs where it is for as long as it takes."""

    def __init__(self) -> None:
        self.main: Optional[int] = None  # the thread that watches
        self.call: Optional[HandOver] = None
        self.say: Callable[[str], None] = lambda line: None
        self.given_up: Dict[str, Set[int]] = {}  # hashes of texts by regular expression
        self.is_armed = self.is_searching = self.is_stopping = False
        self.number = self.seen = 0  # of searches: all, and at the last tick
        self.ticks = self.limit = 0  # during this search, and when it is given up
        self.is_hurried = self.is_late = False  # whether the main thread can't wait, or has enough

    # --- its life ---

    def watch(self, call: Optional[HandOver], say: Callable[[str], None]) -> None:
        """Watch over searches of this thread, which must be the main one, from now on; `call` has
        it run those of others, `say` takes a line a regular expression that was given up."""
        if not hasattr(signal, "setitimer"):
            return  # Windows
        self.call, self.say, self.is_stopping = call, say, False
        # Of the processor, not of the clock: a machine that is busy otherwise ends no search.
        signal.signal(signal.SIGVTALRM, self.tick)
        self.main = threading.get_ident()

    def unwatch(self) -> None:
        """Watch no more."""
        if self.main is not None:
            self.main = None
            self.is_armed = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, signal.SIG_DFL)

    def interrupt(self) -> None:
        """The program is to end: called by the handler of a signal.  A search that is under way is
        given up, later ones are not begun."""
        self.is_stopping = True
        self.give_up()

    def tick(self, *signal_and_frame: Any) -> None:
        """Look at the search under way, if it is the same as at the last look."""
        if self.number != self.seen:
            self.seen, self.ticks = self.number, 0
        elif not self.is_searching:
            # Nothing was searched for a while; the next search winds it up again.
            self.is_armed = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        else:
            self.ticks += 1
            if self.ticks >= self.limit:
                self.give_up()

    def give_up(self) -> None:
        """End the search under way, if there is one."""
        if self.is_searching:
            self.is_searching = False  # before, so that no second one comes
            raise GivenUp

    # --- searching ---

    @contextlib.contextmanager
    def hurried(self) -> Iterator[None]:
        """Within it, a search that takes long in the main thread raises TooLong: others wait for
        that thread, and for each other's searches only if it comes back in between."""
        if threading.get_ident() != self.main:
            yield
            return
        self.is_hurried, self.is_late = True, False
        try:
            yield
        finally:
            self.is_hurried = False

    def search(self, expression: Expression, text: str) -> Any:
        """What a regular expression finds in a text; None also if it takes too long."""
        if self.main is None or len(text) <= expression.safe_length:
            return expression.find(text)
        if self.has_given_up(expression, text):
            return None
        if threading.get_ident() == self.main:
            return self.search_here(expression, text)
        if self.call is None:
            return expression.find(text)
        return self.search_there(self.call, expression, text)

    def search_here(self, expression: Expression, text: str) -> Any:
        """The same, in the main thread."""
        if self.is_stopping:
            return None  # nobody waits for it any more
        if self.is_hurried and (self.is_late or expression.text in self.given_up):
            raise TooLong
        is_known = expression.text in self.given_up or len(self.given_up) >= PATIENCE
        self.limit = LATER_TICKS if is_known or self.is_hurried else FIRST_TICKS
        self.number += 1
        try:
            self.is_searching = True  # before it is wound up: a tick in between would stop it
            if not self.is_armed:
                self.is_armed = True
                signal.setitimer(signal.ITIMER_VIRTUAL, TICK, TICK)
            return expression.find(text)
        except GivenUp:
            if self.is_hurried:
                self.is_late = True
                raise TooLong from None
            if not self.is_stopping:
                self.note(expression, text)
            return None
        finally:
            self.is_searching = False

    def search_there(self, call: HandOver, expression: Expression, text: str) -> Any:
        """The same, from another thread; one that holds what the main thread waits for gets
        nothing, late, rather than hold up both."""
        found: List[Any] = []
        done = threading.Event()

        def run() -> None:
            if done.is_set():
                return  # nobody waits any more
            try:
                found.append(self.search_here(expression, text))
            finally:
                done.set()

        call(run)
        late = time.monotonic() + HANDED_OVER
        while not done.wait(0.1) and not self.is_stopping and time.monotonic() < late:
            pass
        done.set()
        return found[0] if found else None

    # --- what was given up ---

    def has_given_up(self, expression: Expression, text: Optional[str]) -> bool:
        """Whether a search in this text was given up, or would be, as those in many others were."""
        texts = self.given_up.get(expression.text)
        if texts is None or text is None or len(text) <= expression.safe_length:
            return False
        return len(texts) >= TRIES or hash(text) in texts

    def note(self, expression: Expression, text: str) -> None:
        """Remember that a search was given up, and say so once a regular expression."""
        if expression.text not in self.given_up:
            if len(self.given_up) >= KNOWN:
                self.given_up.clear()
            self.say(f"{self.sentence(expression)} on a text of {len(text)} characters")
        self.given_up.setdefault(expression.text, set()).add(hash(text))

    def sentence(self, expression: Expression) -> str:
        """What is said of a regular expression that was given up."""
        tries = len(self.given_up.get(expression.text, ()))
        what = f"was given up after {TICK * FIRST_TICKS:g} s"
        if tries >= TRIES:
            what = f"is not tried any more: it was given up on {TRIES} texts"
        elif tries > 1 or len(self.given_up) > PATIENCE:
            what = "was given up, for it takes too long"
        return f"regex {shown(expression.text)} {what}"


WATCHDOG = Watchdog()


# === mocks/templates =========================================================
# Templates in texts: {{user}}, {{body.PATH}} and the like.  Pure.


# Two braces that are meant, or a name with spaces around it.
TEMPLATE = re.compile(r"\{\{\{\{|\{\{([^{}]*)\}\}")

MOST_FILLED = 4 * 1024 * 1024  # characters that the templates of one answer may ask for

TEMPLATE_NAMES = ("user", "model", "system", "turn")

PATH_TEMPLATE = re.compile(r"(?:header|body)\..")

# As many digits as any index needs: int() takes its time over thousands.
ITEM_NUMBER = re.compile("[0-9]{1,9}")

BRACKETS = re.compile(r"\[([0-9]+)\]")


def check_templates(node: Node, names: Iterable[str]) -> None:
    """Raise BadMock if a text in a JSON value asks for what a request never has."""
    if isinstance(node.value, dict):
        for _, inner in node.members():
            check_templates(inner, names)
    elif isinstance(node.value, list):
        for inner in node.items():
            check_templates(inner, names)
    # Looked for first, as most texts have none.
    elif isinstance(node.value, str) and "{{" in node.value:
        check_text(node, [*TEMPLATE_NAMES, *names])


def check_text(node: Node, known: Iterable[str]) -> None:
    """Raise BadMock if a text has a template of a name that is not known."""
    for name in (found.group(1) for found in TEMPLATE.finditer(node.value)):
        if name is None:
            continue
        name = name.strip()
        if name not in known and not PATH_TEMPLATE.match(name):
            hint = nearest(name, [*known, "header.NAME", "body.PATH"])
            if hint.startswith("known"):
                hint += ", and named groups of a regex in match"
            node.fail(f"unknown template {{{{{name}}}}}; {hint}")
        check_place(node, name)


def check_place(node: Node, path: str) -> None:
    """Raise BadMock for a path into a body that is written as JavaScript would have it."""
    # At its end it may be the name of a form's field: clients call them files[0].
    if re.search(BRACKETS.pattern + r"\.", path):
        dotted = BRACKETS.sub(r".\1", path)
        node.fail(f"{shown(path)} is written {shown(dotted)} here")


class Filling:
    """Fills the templates of one answer, once: what comes in is not looked at again.

    An answer may ask thousands of times for a text of megabytes, so that there is a bound."""

    def __init__(self, call: Call, groups: Mapping[str, str]) -> None:
        self.call, self.groups, self.left = call, groups, MOST_FILLED

    def of(self, value: Json) -> Json:
        """A JSON value with its templates filled."""
        if isinstance(value, str):
            return TEMPLATE.sub(self.found, value) if "{{" in value else value
        if isinstance(value, dict):
            return {key: self.of(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        return value

    def found(self, match: "re.Match[str]") -> str:
        """What stands in place of one template.  Refused if it is too much in all."""
        if match.group(1) is None:
            return "{{"
        text = looked_up(match.group(1).strip(), self.call, self.groups)
        self.left -= len(text)
        if self.left < 0:
            message = f"the answer's templates ask for more than {MOST_FILLED} characters"
            raise Refused(400, message, code="answer_too_large")
        return text


def looked_up(name: str, call: Call, groups: Mapping[str, str]) -> str:
    """The text of one template name; what the request doesn't have is empty."""
    # A group goes before a value of the request: its name was chosen for this mock.
    if name in groups:
        return groups[name]
    kind, _, rest = name.partition(".")
    value: Json
    if kind == "header":
        name = rest.lower()  # as they are kept
        value = call.headers.get(name)
        if value is not None:
            value = masked(name, value)  # what is answered is noted, logged and shown
    elif kind == "body":
        value = walked(call.said, rest)
    else:
        value = getattr(call, name, None)
    if value is None:
        return ""
    return value if isinstance(value, str) else compact(value)


def walked(value: Json, path: str) -> Json:
    """What `messages.0.content` leads to inside a JSON value; None where it leads nowhere."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and ITEM_NUMBER.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


# === mocks/match =============================================================
# Matchers: what a mock asks of a call; a match is an empty list of differences.  Pure.


Groups = Mapping[str, str]  # what the named groups of regular expressions found

Verdict = Union[bool, Groups]  # whether a condition holds; if it does, perhaps with groups

TextTest = Callable[[Optional[str]], Any]  # what is true where it holds: a re.Match, or true itself


@record
class TextMatcher:
    """Holds for a text that passes all tests; None is no text, which only `not` accepts."""

    tests: Tuple[TextTest, ...]
    group_names: Tuple[str, ...] = ()
    pieces: Tuple[Piece, ...] = ()  # what such a text must contain
    expressions: Tuple[Expression, ...] = ()  # the regular expressions in it
    private: bool = False  # whether the text is a credential, and what groups find a piece of it

    def __call__(self, text: Optional[str]) -> Verdict:
        """Whether it holds, with what named groups found; one that took no part is empty."""
        groups: Dict[str, str] = {}
        for test in self.tests:
            passed = test(text)
            if not passed:
                return False
            if passed is not True:
                groups.update(passed.groupdict(""))
        if self.private:
            groups = {name: masked("key", found) for name, found in groups.items()}
        return groups or True


def text_matcher(node: Node) -> TextMatcher:
    """A matcher from its JSON: a string, or an object with contains, regex, glob or not."""
    value = node.value
    if isinstance(value, str):
        return text_equal(value)
    if not isinstance(value, dict) or not value:
        node.expected("a string or an object with contains, regex, glob or not")
    node.only(TEXT_MATCHERS)
    matchers = [TEXT_MATCHERS[name](inner) for name, inner in node.members()]
    return TextMatcher(
        tuple(test for matcher in matchers for test in matcher.tests),
        tuple(name for matcher in matchers for name in matcher.group_names),
        tuple(piece for matcher in matchers for piece in matcher.pieces),
        tuple(one for matcher in matchers for one in matcher.expressions),
    )


def text_equal(wanted: str) -> TextMatcher:
    """Holds for this text."""
    return TextMatcher((lambda text: text == wanted,), pieces=(Piece(wanted, is_whole=True),))


def text_contains(node: Node) -> TextMatcher:
    """Holds for a text with this in it."""
    wanted = pattern_text(node)
    test = (lambda text: text is not None and wanted in text,)
    return TextMatcher(test, pieces=(Piece(wanted),))


def text_regex(node: Node) -> TextMatcher:
    """Holds for a text in which a regular expression finds something."""
    pattern = compiled(node, pattern_text(node))
    expression = Expression(pattern, pattern.search, pattern.pattern)
    test = (lambda text: None if text is None else WATCHDOG.search(expression, text),)
    return TextMatcher(test, expression.groups, expression.pieces, (expression,))


def text_glob(node: Node) -> TextMatcher:
    """Holds for a text that fits a shell pattern as a whole."""
    pattern = compiled(node, fnmatch.translate(pattern_text(node)))
    expression = Expression(pattern, pattern.match, node.value)
    # Groups that fnmatch makes for itself are nobody's: only whether it holds is said.
    test = (lambda text: text is not None and bool(WATCHDOG.search(expression, text)),)
    return TextMatcher(test, pieces=expression.pieces, expressions=(expression,))


def text_not(node: Node) -> TextMatcher:
    """Holds where another matcher does not."""
    matcher = text_matcher(node)
    return TextMatcher((lambda text: not matcher(text),), expressions=matcher.expressions)


TEXT_MATCHERS: Mapping[str, Callable[[Node], TextMatcher]] = {
    "contains": text_contains,
    "regex": text_regex,
    "glob": text_glob,
    "not": text_not,
}


def pattern_text(node: Node) -> str:
    """A string that is not empty."""
    text: str = node.text()
    if not text:
        node.fail("expected a pattern, found an empty string, which would match everything")
    return text


def compiled(node: Node, pattern: str) -> "re.Pattern[str]":
    """A compiled regular expression; BadMock says where it is wrong."""
    try:
        with warnings.catch_warnings():
            # What may mean something else one day means what it does now.
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except re.error as error:
        at = ""
        if error.pos is not None:
            at = f" at character {error.pos + 1}"
        node.fail(f"not a regular expression: {error.msg}{at}, found {shown(pattern)}")
    except (OverflowError, RecursionError) as error:
        node.fail(f"too large a regular expression: {error}, found {shown(pattern)}")


@record
class Condition:
    """One thing that a mock asks of a call: `holds` of what `get` finds."""

    key: str
    expected: Json
    get: Callable[[Call], Any]
    holds: Callable[[Any], Verdict]

    @property
    def group_names(self) -> Tuple[str, ...]:
        """The named groups of its regular expression, if it has one."""
        if isinstance(self.holds, TextMatcher):
            return self.holds.group_names
        return ()

    @property
    def pieces(self) -> Tuple[Piece, ...]:
        """What the text that it looks at must contain."""
        if isinstance(self.holds, TextMatcher):
            return self.holds.pieces
        return ()

    @property
    def expressions(self) -> Tuple[Expression, ...]:
        """The regular expressions that it searches with."""
        if isinstance(self.holds, TextMatcher):
            return self.holds.expressions
        return ()

    def difference(self, call: Call) -> Optional[Difference]:
        """What keeps the call from matching, if anything does."""
        got = self.get(call)
        if self.holds(got):
            return None
        # What is not there is told as missing, not as null.
        if got is None:
            got = MISSING
        return self.key, got, self.wanted(got)

    def wanted(self, got: Json) -> Json:
        """What is expected, with the regular expression that was given up instead of finding it."""
        for expression in self.expressions:
            if isinstance(got, str) and WATCHDOG.has_given_up(expression, got):
                return Because(f"{shown(self.expected)}; {WATCHDOG.sentence(expression)}")
        return self.expected


class BodyCondition(Condition):
    """JSON that the body must contain; the difference is the first place where it doesn't."""

    def difference(self, call: Call) -> Optional[Difference]:
        """The path into the body, with both values."""
        return lacking(call.said, self.expected, "body")


class FieldCondition(Condition):
    """What is asked of one place in the body; the difference shows whatever is there."""

    def difference(self, call: Call) -> Optional[Difference]:
        """The path into the body, with both values."""
        if self.holds(self.get(call)):
            return None
        got = walked(call.said, self.key.partition(".")[2])
        if got is None:
            got = MISSING
        return self.key, got, self.wanted(got)


def lacking(got: Json, expected: Json, path: str) -> Optional[Difference]:
    """The first difference that keeps `got` from containing `expected`: objects are subsets, arrays
    equally long and compared item by item, anything else is equal, and true is not 1."""
    pairs: List[Tuple[Json, Json, str]] = []
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, inner in expected.items():
            pairs.append((got.get(key, MISSING), inner, f"{path}.{key}"))
    elif isinstance(expected, list) and isinstance(got, list) and len(got) == len(expected):
        for index, (one, inner) in enumerate(zip(got, expected)):
            pairs.append((one, inner, f"{path}[{index}]"))
    # For Python True == 1.
    elif isinstance(got, bool) != isinstance(expected, bool) or got != expected:
        return path, got, expected
    for one, inner, inner_path in pairs:
        difference = lacking(one, inner, inner_path)
        if difference:
            return difference
    return None


def match_text(node: Node) -> List[Condition]:
    """A text matcher on one text of the call."""
    return [Condition(str(node.key), node.value, attrgetter(str(node.key)), text_matcher(node))]


def match_text_or_none(node: Node) -> List[Condition]:
    """A text matcher on one text of the call, or null for none."""
    key = str(node.key)
    if node.value is None:
        return [Condition(key, MISSING, functools.partial(said_or_none, key), is_none)]
    return match_text(node)


def said_or_none(key: str, call: Call) -> Optional[str]:
    """A text of the call; none where it does not say even an empty one."""
    text: Optional[str] = getattr(call, key)
    if key in ("user", "system") and not text and key not in call.blank:
        return None
    return text


def is_none(got: Json) -> bool:
    """Whether there is nothing."""
    return got is None


def asks_something(node: Node) -> None:
    """Raise BadMock for an empty object or list, which any call would fulfil."""
    if node.value in ({}, []):
        node.fail("asks for nothing; leave it out")


def match_fields(node: Node) -> List[Condition]:
    """By the path into the body: a text matcher, a number, a boolean, or null for none."""
    asks_something(node)
    return [field_condition(path, inner) for path, inner in node.members()]


def field_condition(path: str, node: Node) -> Condition:
    """What is asked of one place in the body."""
    key, value = f"fields.{path}", node.value
    if not path:
        node.fail("expected a path into the body, such as messages.0.content")
    check_place(node, path)

    def get(call: Call) -> Json:
        return walked(call.said, path)

    def get_text(call: Call) -> Optional[str]:
        found = walked(call.said, path)
        return found if isinstance(found, str) else None

    if value is None:
        return FieldCondition(key, MISSING, get, is_none)
    if node.is_a("a number") or node.is_a("a boolean"):
        return FieldCondition(key, value, get, lambda got: lacking(got, value, key) is None)
    if not node.is_a("a string or an object"):
        node.expected("a text, an object with contains, regex, glob or not, a number or null")
    return FieldCondition(key, value, get_text, text_matcher(node))


def match_named(node: Node) -> List[Condition]:
    """Text matchers by name (of a header or query parameter); null means absent."""
    key = str(node.key)
    asks_something(node)
    return [named_condition(key, name, inner) for name, inner in node.members()]


def named_condition(key: str, name: str, node: Node) -> Condition:
    """What is asked of one header or query parameter."""
    if key == "headers":
        name = name.lower()  # as they are kept (RFC 9110, 5.1: in any case)

    def get(call: Call) -> Optional[str]:
        named: Mapping[str, str] = getattr(call, key)
        return named.get(name)

    if node.value is None:
        return Condition(f"{key}.{name}", MISSING, get, is_none)
    matcher = text_matcher(node)
    if SECRET.fullmatch(name):
        matcher = replace(matcher, private=True)
    return Condition(f"{key}.{name}", node.value, get, matcher)


def match_name(known: FrozenSet[str]) -> Callable[[Node], List[Condition]]:
    """One of the known names, or a list of them."""

    def condition(node: Node) -> List[Condition]:
        nodes = [node]
        if node.value and isinstance(node.value, list):
            nodes = node.items()
        names = [one.choice(known) for one in nodes]
        key = str(node.key)
        holds = names.__contains__ if len(names) > 1 else text_equal(names[0])
        return [Condition(key, node.value, attrgetter(key), holds)]

    return condition


def match_exact(kind: str) -> Callable[[Node], List[Condition]]:
    """An equal value of one kind."""

    def condition(node: Node) -> List[Condition]:
        value, key = node.a(kind), str(node.key)
        return [Condition(key, value, attrgetter(key), lambda got: bool(got == value))]

    return condition


def match_tools(node: Node) -> List[Condition]:
    """Names of tools, all of which the request must offer."""
    asks_something(node)
    if isinstance(node.value, str):
        wanted = {node.value}
    else:
        wanted = {name.text() for name in node.items()}
    return [Condition("tools", node.value, attrgetter("tools"), wanted.issubset)]


def match_body(node: Node) -> List[Condition]:
    """JSON that the body must contain."""
    value = node.value

    def contains(got: Json) -> bool:
        return lacking(got, value, "body") is None

    return [BodyCondition("body", value, attrgetter("said"), contains)]


def match_sha256(node: Node) -> List[Condition]:
    """SHA-256 of the body as canonical JSON."""
    if not isinstance(node.value, str) or not re.fullmatch("[0-9a-fA-F]{64}", node.value):
        node.expected("64 hex digits")
    get = attrgetter("body_sha256")
    return [Condition("body_sha256", node.value, get, text_equal(node.value.lower()))]


# In the order in which differences are told.
MATCH_KEYS: Mapping[str, Callable[[Node], List[Condition]]] = {
    "provider": match_name(PROVIDERS),
    "dialect": match_name(frozenset(DIALECTS)),
    "operation": match_name(OPERATIONS),
    "api": match_name(APIS),
    "model": match_text,
    "stream": match_exact("a boolean"),
    "user": match_text_or_none,
    "system": match_text_or_none,
    "tool_result": match_text_or_none,
    "tool_call_id": match_text_or_none,
    "turn": match_exact("an integer"),
    "tools": match_tools,
    "method": match_name(frozenset(METHODS)),
    "path": match_text,
    "query": match_named,
    "headers": match_named,
    "port": match_exact("an integer"),
    "session": match_exact("a string"),
    "body": match_body,
    "fields": match_fields,
    "body_sha256": match_sha256,
}


def conditions(match: Node, default_operation: str) -> Tuple[Condition, ...]:
    """The conditions of a `match`, in the order of MATCH_KEYS; none where it is absent.  Without
    `operation` it asks for the default one, if that is given, unless it names an API or one path,
    which says more; one that asks for some paths may mean those of no provider, too."""
    asked: Dict[str, Node] = {}
    if not match.is_absent:
        asked = dict(match.only(MATCH_KEYS).members())
    # A matcher such as {"contains": …} may fit paths of several operations.
    names_path = "path" in asked and isinstance(asked["path"].value, str)
    if default_operation and not names_path and asked.keys().isdisjoint(("operation", "api")):
        usual: Json = default_operation
        if "path" in asked:
            usual = [default_operation, OTHER]
        asked["operation"] = match.get("operation").replaced(usual)
    found: List[Condition] = []
    for key, read in MATCH_KEYS.items():
        if key in asked:
            found += read(asked[key])
    return tuple(found)


# === entries =================================================================
# Entries: what the journal says of one request.  May ask the clock.


RequestKind = Tuple[Optional[str], Optional[str], Optional[int], bool]
Ended = Optional[FrozenSet[str]]  # the ends that are asked for; none is for any, or none yet
ENDS = ("complete", "client_closed", "client_reset", "fault", "shutdown")


class Asked:
    """What was asked and answered: all of an entry that is the same for equal requests.

    `head` knows target, query and headers without credentials; `call` is what was asked, as far as
    it could be read; `form` are the fields of a multipart body; `size` is about how many bytes of
    memory an entry takes with this."""

    __slots__ = (
        *("method", "path", "port", "session", "head", "body", "form", "provider", "call", "size"),
        *("status", "mock", "fault", "unmatched", "near", "note", "events_total", "known_kind"),
        "is_probe",
    )

    def __init__(
        self,
        request: Request,
        head: Head,
        body: Json,
        provider: Optional[str],
        call: Optional[Call],
        size: int,
    ) -> None:
        self.method = request.method
        self.path = request.path
        self.port = request.port
        self.session = request.session
        self.head = head
        self.body = body
        self.form: Optional[Fields] = None
        self.is_probe = False  # whether it only asked if somebody is there: the journal has none
        self.provider = provider
        self.call = call
        self.size = size
        # What the answer is; filled in when there is one.
        self.status = 0
        self.mock = ""
        self.fault = ""
        self.unmatched = False
        self.near: Tuple[Json, ...] = ()
        self.note = ""
        self.events_total: Optional[int] = None  # of a stream that is made as it goes
        self.known_kind: Optional[RequestKind] = None

    @property
    def kind(self) -> RequestKind:
        """Provider, API, status, and whether a mock answered: what requests are counted by, once
        all that is filled in."""
        if self.known_kind is None:
            api = None
            if self.call:  # none if the request could not be read
                api = self.call.api
            self.known_kind = self.provider, api, self.status, bool(self.mock)
        return self.known_kind

    @property
    def is_invalid(self) -> bool:
        """Whether it was refused because it could not be read as its provider reads it."""
        return self.call is None and self.status in (400, 422)

    def call_json(self) -> Dict[str, Json]:
        """What is shown of the call; null for what could not be read."""
        call = self.call
        if not call:
            return dict.fromkeys(("dialect", "operation", "api", "model", "stream", "user"))
        return {
            "dialect": call.dialect or None,
            "operation": call.operation or None,
            "api": call.api or None,
            "model": call.model,
            "stream": call.stream,
            "user": call.user[:JOURNAL_BODY],  # long texts would fill the journal
        }

    def seen(self) -> Call:
        """The call as far as it was kept, for conditions to look at."""
        # Masked, as they are shown: of credentials only a hash can be asked for.
        query, headers = self.head.kept["query"], self.head.kept["headers"]
        request = Request(self.method, self.path, query, headers, b"", self.port, self.session)
        call = self.call or Call(request, self.provider or "", "", "", "", body=None)
        if self.form is not None:
            return replace(call, request=request, body=self.form)
        return replace(call, request=request)

    def matches(self, conditions: Sequence[Condition]) -> bool:
        """Whether it fulfils conditions."""
        seen = self.seen()
        return all(condition.holds(condition.get(seen)) for condition in conditions)

    def differences(self, conditions: Sequence[Condition]) -> List[Difference]:
        """Everything that keeps it from fulfilling conditions."""
        seen = self.seen()
        found = [condition.difference(seen) for condition in conditions]
        return [difference for difference in found if difference]


class Sent:
    """How far an answer has come: bytes of its body, framing included, events, whether its head has
    begun to go out, and seconds for which the client took nothing."""

    __slots__ = ("bytes", "events", "has_begun", "blocked", "blocked_since")

    def __init__(self, bytes: int = 0, events: int = 0, has_begun: bool = False) -> None:
        self.bytes = bytes
        self.events = events
        self.has_begun = has_begun
        self.blocked = 0.0
        self.blocked_since: Optional[float] = None  # of the monotonic clock, while it is

    def blocked_for(self, now: float) -> float:
        """The seconds for which the client took nothing, until now."""
        if self.blocked_since is None:
            return self.blocked
        return self.blocked + now - self.blocked_since


class Entry:
    """One request in the journal.

    What is shown of it is made when somebody looks, for most are never looked at.  `sent` is kept
    up to date while the answer is under way."""

    # There are thousands of them: without a dict each is far smaller.
    __slots__ = (
        *("number", "moment", "connection", "asked", "sent", "duration", "ended", "gate"),
        "is_remembered",
    )

    def __init__(
        self, number: str, moment: float, asked: Asked, sent: Sent, connection: int = 0
    ) -> None:
        self.number = number
        self.moment = moment
        self.connection = connection  # by which number requests on the same one are known
        self.asked = asked
        self.sent = sent
        self.duration: Optional[float] = None
        self.ended: Optional[str] = None
        self.gate: Optional[Gate] = None
        self.is_remembered = True  # until the journal drops it

    @property
    def events_total(self) -> Optional[int]:
        """How many events the whole answer has, as far as that is known."""
        total = self.asked.events_total
        if total is None and self.ended == "complete":
            total = self.sent.events
        return total

    @property
    def status(self) -> Optional[int]:
        """The status of the answer; none if no byte of it was sent, or is about to be."""
        if self.sent.has_begun or self.ended == "complete":
            return self.asked.status
        if self.ended is None and self.asked.fault not in FINAL_FAULTS:
            return self.asked.status
        return None

    @property
    def kind(self) -> RequestKind:
        """What it is counted by, once it has ended."""
        kind = self.asked.kind
        if self.ended == "complete" or self.status is not None:  # the first is quick
            return kind
        provider, api, _, is_mocked = kind
        return provider, api, None, is_mocked

    def json(self) -> Dict[str, Json]:
        """All that is shown of it; what is changed in there changes nothing here."""
        asked, sent = self.asked, self.sent
        return {
            "id": self.number,
            "time": timestamp(self.moment),
            "port": asked.port,
            "connection": str(self.connection),
            "session": asked.session or None,
            "method": asked.method,
            "target": asked.head.kept_target(),
            "path": asked.path,
            "query": dict(asked.head.kept["query"]),
            "headers": dict(asked.head.kept["headers"]),
            "header_lines": asked.head.kept_lines(),
            "body": copied(asked.body),
            "fields": copied(asked.form),
            "provider": asked.provider,
            **asked.call_json(),
            "mock": asked.mock or None,
            "fault": asked.fault or None,
            "status": self.status,
            "unmatched": asked.unmatched,
            "near_misses": [copied(miss) for miss in asked.near],
            "note": asked.note,
            "duration": self.duration,
            "bytes_sent": max(0, sent.bytes),
            "events_sent": sent.events,
            "events_total": self.events_total,
            "blocked": round(sent.blocked_for(time.monotonic()), 6),
            "ended": self.ended,
        }

    def matches(self, conditions: Sequence[Condition], ended: Ended) -> bool:
        """Whether it fulfils conditions, and has ended in a way that is asked for."""
        if ended is not None and self.ended not in ended:
            return False
        return not conditions or self.asked.matches(conditions)


# A request that was answered at once as one before it was: number, moment, what was asked and sent,
# the duration, and the connection's number.  A plain tuple: one is made for every such request, and
# an entry for few.
Again = Tuple[int, float, Asked, Sent, float, int]


def entry_of(again: Again, ended: Optional[str] = None) -> Entry:
    """The entry of a request that was answered at once."""
    number, moment, asked, sent, duration, connection = again
    entry = Entry(str(number), moment, asked, sent, connection)
    entry.duration = round(duration, 6)
    entry.ended = ended
    return entry


# === formats/dialects ========================================================
# Dialects of OpenAI's format: which one a request is in, and the wire format that speaks it.

# Pure.


Ports = Mapping[int, str]  # the dialect that a port speaks, where it is told

# Where they are at home, for gateways that keep the Host (from the providers' documentation).
HOSTS: Mapping[str, str] = {
    "api.openai.com": "openai",
    "api.mistral.ai": "mistral",
    "codestral.mistral.ai": "mistral",
    "openrouter.ai": "openrouter",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "generativelanguage.googleapis.com": "gemini",
}
# Bedrock's hosts name a region: bedrock-runtime.us-east-1.amazonaws.com.
HOST_STARTS = (("bedrock-runtime.", "bedrock"), ("bedrock-mantle.", "bedrock"))

# How the clients of a provider begin to call themselves; other SDKs speak to anybody.
AGENTS: Mapping[str, str] = {"mistral-client": "mistral"}

AZURE_SHARED = "/openai/v1/"  # Azure's at the root, and Groq's and Bedrock's (short facts)


def speaks_dialects(wire: WireFormat) -> bool:
    """Whether other hosts have an API, too, in dialects of their own."""
    if wire.provider == "openai":
        return wire.api in plain_formats()
    return wire.provider == "azure" and any(AZURE_SHARED in route for route in wire.routes)


def shares_path(wire: WireFormat, request: Request) -> bool:
    """Whether a request to such an API is on a path that hosts of other dialects have."""
    return wire.provider == "openai" or request.path.startswith(AZURE_SHARED)


@functools.lru_cache(maxsize=None)
def plain_formats() -> Dict[str, WireFormat]:
    """OpenAI's own formats, by API."""
    found: Dict[str, WireFormat] = {}
    for wire in WIRE_FORMATS:
        if wire.provider == "openai" and wire.dialect == "openai":
            found.setdefault(wire.api, wire)
    return found


@functools.lru_cache(maxsize=None)
def own_formats() -> Dict[Tuple[str, str], WireFormat]:
    """The formats that a dialect has of its own, by dialect and API."""
    found: Dict[Tuple[str, str], WireFormat] = {}
    for wire in WIRE_FORMATS:
        if wire.provider == "openai":
            found.setdefault((wire.dialect, wire.api), wire)
    return found


@functools.lru_cache(maxsize=None)
def hosts() -> Dict[str, Type[OpenAI]]:
    """What all APIs of a host share, by the dialect that it speaks: its errors and headers."""
    kinds = [kind for kind in OpenAI.__subclasses__() if "dialect" in vars(kind)]
    return {kind.dialect: kind for kind in kinds}


@functools.lru_cache(maxsize=None)
def in_dialect(wire: WireFormat, name: str) -> WireFormat:
    """The format of an API that others share, in a dialect.  Where that says the API itself as
    OpenAI does, it is OpenAI's with the errors and headers of the host."""
    found = own_formats().get((name, wire.api))
    if found is None:
        plain = type(plain_formats()[wire.api])
        shared = (hosts()[name], plain) if name in hosts() else (plain,)
        made: Type[WireFormat] = type(name + plain.__name__, shared, {"dialect": name})
        found = made()
    return found


@functools.lru_cache(maxsize=None)
def dialects_of(wire: WireFormat) -> FrozenSet[str]:
    """The dialects for which a registered format stands: its own, and of OpenAI's formats also
    those that differ in errors and headers alone."""
    if not wire.dialect:
        return frozenset()
    if plain_formats().get(wire.api) is not wire:
        return frozenset((wire.dialect,))
    own = {name for name, api in own_formats() if api == wire.api}
    return frozenset(DIALECTS) - own | {wire.dialect}


def dialect_of(request: Request, ports: Ports) -> str:
    """The dialect that a request is in, or nothing where it says none: by its port, the first
    segment of its path, its Host, its client."""
    if request.port in ports:
        return ports[request.port]
    first = request.path[1:].partition("/")[0]
    # Azure has a path that begins so.
    if first in DIALECTS and not request.path.startswith(AZURE_SHARED):
        return first
    host = request.headers.get("host", "").partition(":")[0].lower()
    found = HOSTS.get(host, "")
    for start, name in HOST_STARTS:
        if host.startswith(start):
            found = name
    if found:
        return found
    agent = request.headers.get("user-agent", "").lower()
    return next((name for start, name in AGENTS.items() if agent.startswith(start)), "")


def spoken(wire: WireFormat, request: Request, ports: Ports) -> WireFormat:
    """The format in which a request to an API is read and answered."""
    if not speaks_dialects(wire) or not shares_path(wire, request):
        return wire  # and no header is looked at: a remembered answer depends on those that were
    name = dialect_of(request, ports)
    if not name:
        return wire
    return in_dialect(wire, name)


def respoken(wire: WireFormat, request: Request, name: str) -> WireFormat:
    """The format in which a mock answers that names a dialect; as it is where there are none."""
    if not speaks_dialects(wire) or not shares_path(wire, request):
        return wire
    return in_dialect(wire, name)


# === mocks/stream_texts ======================================================
# Texts of streams: in which framing they are, cut into frames, and the JSON in them.  Pure.


# By the title of a framing: how its text is cut, byte for byte.
TEXT_CUTS: Mapping[str, Callable[[bytes], List[bytes]]] = {
    SSE.title: SSE.split,
    NDJSON.title: NDJSON.cut,
    JsonArray.title: JsonArray.cut,
    EventStream.title: EventStream.cut,
}

# How texts are sent where no provider says it, and as what.
TEXT_FRAMINGS: Mapping[str, Tuple[Framing, str]] = {
    SSE.title: (OPENAI_SSE, "text/event-stream"),
    NDJSON.title: (NDJSON(), "application/x-ndjson"),
    JsonArray.title: (GOOGLE_ARRAY, "application/json"),
}

# Content types that only streams have.
STREAM_TYPES: Mapping[str, str] = {
    "text/event-stream": SSE.title,
    "application/x-ndjson": NDJSON.title,
    "application/ndjson": NDJSON.title,
    "application/jsonl": NDJSON.title,
    "application/vnd.amazon.eventstream": EventStream.title,
}

# A field that means something to a client, or a comment (WHATWG HTML, 9.2.6).
EVENT_LINE = re.compile(rb"(?:\A|[\r\n])(?:data|event|id|retry)?:")
FLUSHED = re.compile(rb"\x00\x00\xff\xff")
BLANK = b"\xef\xbb\xbf \t\r\n"  # what a text may begin with: a byte order mark, too


def framing_of(text: bytes) -> str:
    """The title of the framing that the text of a stream is in; empty for none."""
    begun = text.lstrip(BLANK)
    if begun.startswith(b"["):
        return JsonArray.title
    if begun.startswith(b"{"):
        return NDJSON.title
    # A message begins with two lengths and their checksum (wire formats, 10.1).
    if len(text) >= 12 and struct.unpack_from(">I", text, 8)[0] == zlib.crc32(text[:8]):
        return EventStream.title
    if EVENT_LINE.search(begun):
        return SSE.title
    return ""


def framing_of_answer(original: Original) -> str:
    """The same of an answer whose content type may say it; empty for a whole body, too."""
    content_type = type_of(original)
    if content_type in STREAM_TYPES:
        return STREAM_TYPES[content_type]
    if original.is_coded or content_type == "text/html":
        return ""
    kind = framing_of(original.body)
    # One object is a whole body: two lines at least are a stream.
    if kind == NDJSON.title and len(values_in(kind, [original.body]) or ()) < 2:
        return ""
    return kind


def type_of(original: Original) -> str:
    """The content type of an answer, without parameters; empty if it has none."""
    for name, value in original.headers:
        if name.lower() == "content-type":
            return value.partition(";")[0].strip().lower()
    return ""


def values_in(kind: str, frames: Sequence[bytes]) -> Optional[List[Json]]:
    """The JSON values of a text's events; None if one of them is no JSON, such as [DONE]."""
    try:
        if kind == NDJSON.title:
            return NDJSON.split(b"".join(frames))
        if kind == JsonArray.title:
            return JsonArray.split(b"".join(frames))
        texts = [SSE.data(frame) for frame in frames]
        return [parse_json(text.encode()) for text in texts if text]
    except ValueError:
        return None


def values_of(recorded: Recorded) -> Sequence[Json]:
    """The JSON values of a recorded stream, to be framed anew, with texts such as [DONE] that are
    none; none at all of a text in which there is something else."""
    if recorded.values:
        return recorded.values
    return values_in(recorded.kind, recorded.frames) or ()


def is_json(recorded: Recorded) -> bool:
    """Whether every event of a recorded stream is JSON, as only server-sent ones need not be."""
    values = values_of(recorded)
    return len(values) > 0 and not any(isinstance(value, str) for value in values)


def streaming(original: Original) -> Original:
    """An answer that is sent as a stream, if it is one: in chunks as it was, or in events."""
    if original.frames is not None:
        return original
    kind = framing_of_answer(original)
    frames: Optional[Tuple[bytes, ...]] = None
    if original.is_coded and kind:
        # Whoever compresses a stream flushes each event, which ends so (RFC 1951, 3.2.4).
        ends = [match.end() for match in FLUSHED.finditer(original.body)]
        frames = tuple(between(original.body, [0, *ends]))
    elif kind:
        frames = tuple(TEXT_CUTS[kind](original.body))
    return replace(original, frames=frames)


# === mocks/answer ============================================================
# An answer of a mock, and what it says to one call.  Pure.


PARTICULAR = frozenset((ToolCall, Block))  # of these an API may have some and not others
MUCH_RECORDED = 128 * 1024  # bytes, most of which are sent as they are
RECORDINGS = '"body", "events", "raw", "error" or "fault" answer'  # where nothing neutral does

# What mocks call the kinds of parts.
KEY_OF_KIND: Mapping[Any, str] = {
    Text: "a text",
    Reasoning: "reasoning",
    Refusal: "a refusal",
    ToolCall: "tool_calls",
    Embedding: "an embedding",
    Block: "a block",
}


@record
class Neutral:
    """A neutral answer before its templates are filled."""

    parts: Tuple[Part, ...]
    stop: str = "stop"
    usage: Mapping[str, int] = {}
    model: str = ""
    id: str = ""
    chunk_size: int = 0
    extra: Mapping[str, Json] = {}

    @found_once
    def kinds(self) -> FrozenSet[Any]:
        """The kinds of its parts, as an API has to be able to say them."""
        return kinds_of(frozenset(map(type, self.parts)))

    @found_once
    def is_plain(self) -> bool:
        """Whether it serves every call as it is: there is no template in it."""
        if "{{" in compact(self.extra):
            return False
        return not any(isinstance(part, Structure) or has_template(part) for part in self.parts)

    @found_once
    def custom_calls(self) -> Tuple[str, ...]:
        """The names of the tools that only custom ones can be, for what they are called with."""
        calls = [part for part in self.parts if isinstance(part, ToolCall)]
        return tuple(call.name for call in calls if call.input is not None)

    @found_once
    def plain_tokens(self) -> Tuple[int, int]:
        """What its parts cost as they are."""
        return tokens_of(self.parts)

    def reply(self, call: Call, groups: Groups) -> Reply:
        """The reply to one call."""
        extra = self.extra
        if self.is_plain:
            parts, tokens = self.parts, self.plain_tokens
        else:
            filling = Filling(call, groups)
            parts = tuple(filled_part(part, filling) for part in self.parts)
            tokens, extra = tokens_of(parts), filling.of(extra)
        return Reply(
            parts,
            self.stop,
            self.spent(call, *tokens),
            self.model or call.model,
            self.id,
            self.chunk_size,
            extra,
        )

    def spent(self, call: Call, thought: int, told: int) -> Usage:
        """Token counts: given, or what it took to think and to tell the answer."""
        given = self.usage
        reasoning, cached = given.get("reasoning_tokens", thought), given.get("cached_tokens", 0)
        output = given.get("output_tokens", reasoning + told)
        # What is estimated is never less than its share that is given, nor a share more than it.
        written = given.get("cache_write_tokens", 0)
        asked = given.get("input_tokens", max(estimate(call.prompt), cached + written))
        return Usage(asked, output, min(reasoning, output), cached, written, not given)

    def lacks(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """Why an API can't say this, if it can't."""
        if wire.operation == OTHER:
            expected = f"one of a provider; on other paths, and with other methods, {RECORDINGS}"
            return "operation", OTHER, Because(expected)
        # An API without a form of its own can't even say nothing.
        if not wire.speaks:
            return "api", call.api, Because(f"one with a form of its own; here {RECORDINGS}")
        if not self.kinds <= wire.speaks:
            names = sorted(KEY_OF_KIND[kind] for kind in self.kinds - wire.speaks)
            return "api", call.api, Because(f"one that can say {' and '.join(names)}")
        if Embedding in wire.speaks and Embedding not in self.kinds:
            expected = 'another one, because its response has no "embedding"'
            return "api", call.api, Because(expected)
        if call.stream and self.stop in wire.unstreamed_stops:
            expected = f"false, because no stream ends with {shown(self.stop)}"
            return "stream", True, Because(expected)
        lacking = None
        if not self.kinds.isdisjoint(PARTICULAR):
            lacking = self.lacks_for_part(wire, call)
        if lacking is None and self.extra:
            lacking = self.lacks_for_extra(wire, call)
        return lacking

    def lacks_for_part(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """Why an API that has the kinds of its parts can't say one of them, if it can't."""
        for name in self.custom_calls:
            if name not in call.custom_tools:
                expected = f"{shown(name)} as a custom one, for its arguments are no JSON object"
                return "tools", list(call.tools), Because(expected)
        return wire.lacks(call, self.parts)

    @found_once
    def spreads(self) -> Dict[Places, Spread]:
        """Its extras over the streams of the APIs that have asked for them."""
        return {}

    def spread_over(self, wire: WireFormat) -> Spread:
        """Its extras over the events of an API."""
        found = self.spreads.get(wire.places)
        if found is None:
            found = self.spreads[wire.places] = Spread(wire.places, self.extra)
        return found

    def unreached(self, wire: WireFormat) -> str:
        """Why not all of its extras reach the streams of an API; empty if they do."""
        for unsaid in self.spread_over(wire).unsaid:
            return f'no event says {unsaid.place} of its "extra"; {unsaid.advice}'
        return ""

    def lacks_for_extra(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """Why an answer to a call has no place for what is laid over it, if it has none."""
        reason = self.unreached(wire) if call.stream else ""
        if reason:
            return "stream", True, Because(f"false, because {reason}")
        kind = wire.whole_type(call)
        if not call.stream and kind != wire.json_type:
            return "response.extra", dict(self.extra), Because(f"nothing, in what is {kind}")
        content = Content(call.choices, self.parts, self.stop)
        lacking = self.spread_over(wire).lacking(content, call.stream)
        if lacking:
            return "response.extra", lacking.place, Because(lacking.advice)
        return None


@functools.lru_cache(maxsize=256)  # thousands of mocks share a few
def kinds_of(types: FrozenSet[Any]) -> FrozenSet[Any]:
    """The kinds of parts, as an API has to be able to say them."""
    # A structure is sent as text: what an API needs for it is text alone.
    if Structure in types:
        return types - {Structure} | {Text}
    return types


def tokens_of(parts: Sequence[Part]) -> Tuple[int, int]:
    """About how many tokens thoughts have, which may be none, and all else."""
    # Of the texts, not of events: a streamed answer has the counts of a whole one.
    thought = "".join(part.text for part in parts if isinstance(part, Reasoning))
    told = "".join(told_text(part) for part in parts if not isinstance(part, Reasoning))
    return estimate(thought) if thought else 0, estimate(told)


def has_template(part: Part) -> bool:
    """Whether there is something to fill in a part."""
    if isinstance(part, ToolCall):
        return "{{" in compact([part.name, part.id, part.arguments, part.input])
    if isinstance(part, Block):
        return "{{" in compact(part.value)
    return "{{" in getattr(part, "text", "")


def told_text(part: Part) -> str:
    """What a part costs tokens for; vectors cost none."""
    if isinstance(part, ToolCall):
        return tool_input(part) + part.name
    if isinstance(part, Block):
        return compact(part.value)
    return getattr(part, "text", "")


def filled_part(part: Part, filling: Filling) -> Part:
    """A part with its templates filled."""
    if isinstance(part, ToolCall):
        filled = filling.of([part.name, part.arguments, part.id, part.input])
        return ToolCall(*filled)
    if isinstance(part, Block):
        return Block(filling.of(part.value))
    if isinstance(part, Structure):
        return Text(compact(filling.of(part.value)))
    if isinstance(part, Embedding) or not has_template(part):
        return part
    return type(part)(filling.of(part.text))


Form = Union[Neutral, Recorded, Raw, Failure, Usual]


@record
class Answer:
    """One `response` of a mock: its form, status, and how it travels."""

    form: Form
    status: int
    delivery: Delivery
    failure: Optional[Failure] = None  # what breaks its stream off
    after: Optional[After] = None  # where
    probability: float = 1.0  # of an error, that it is the answer at all

    @property
    def custom_calls(self) -> Tuple[str, ...]:
        """The custom tools that a call must declare to get it."""
        return self.form.custom_calls if isinstance(self.form, Neutral) else ()

    def wins(self, seed: str) -> bool:
        """Whether it is the answer, as far as that is drawn."""
        return self.probability >= 1 or share(f"{seed}/error") < self.probability

    def lacks(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """Why this answer can't be given to this call, if it can't."""
        if isinstance(self.form, Neutral):
            return self.form.lacks(wire, call)
        if isinstance(self.form, Recorded):
            return self.lacks_recording(self.form, wire, call)
        if isinstance(self.form, Usual):
            return self.lacks_content(wire, call)
        return None

    def lacks_content(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """The same of an answer that says only how it breaks."""
        fault = self.delivery.fault
        if wire.speaks or not wire.needs_mock or (fault and is_before_all(fault)):
            return None
        if self.failure and not call.stream and wire.operation != OTHER:
            return None  # the error is all of it
        # There is nothing that would have been said.
        return "api", call.api or OTHER, Because('one with an answer to break, or a "body"')

    def lacks_recording(
        self, recorded: Recorded, wire: WireFormat, call: Call
    ) -> Optional[Difference]:
        """The same of a recorded answer: whether there is one of the kind that is asked for."""
        # On a path of no provider nobody can say which of them is asked for.
        if wire.operation == OTHER:
            return None
        if call.stream and recorded.has_events:
            return self.lacks_framing(recorded, wire, call)
        status = self.status
        if recorded.whole:
            status = recorded.whole.status
        # Errors come whole, however the request wants its answer.
        if call.stream and status < 400 and not recorded.to_streams:
            expected = 'false, because its response has a "body" but no "events"'
            return "stream", True, Because(expected)
        # One that breaks off has its error for a whole answer.
        if not call.stream and not recorded.has_body and self.failure is None:
            expected = 'true, because its response has "events" but no "body"'
            return "stream", False, Because(expected)
        return None

    def lacks_framing(
        self, recorded: Recorded, wire: WireFormat, call: Call
    ) -> Optional[Difference]:
        """The same of a recorded stream: whether it can be sent in the framing of this call."""
        framing = wire.framing(call)
        # A transcript is sent as it is, whoever asks.
        if recorded.stream:
            return None
        native = recorded.kind or SSE.title
        if native == framing.title and (framing.streams or not self.failure):
            return None
        # Server-sent events may be framed anew, and so may an array: an error that breaks it off
        # comes before its last bracket.
        if native in (SSE.title, framing.title) and self.can_be_framed:
            return self.foreign_to(recorded, wire)
        reason = "because its response is text of that kind"
        if native == SSE.title:
            reason = "because its response holds an event that is no JSON"
        return "stream", framing.title, Because(f"{native}, {reason}")

    def foreign_to(self, recorded: Recorded, wire: WireFormat) -> Optional[Difference]:
        """Why its recorded values are no events of an API, which would leave them out."""
        known = type(wire).recorded_events
        if known is WireFormat.recorded_events:  # which leaves none out
            return None
        if known not in self.foreign:
            self.foreign[known] = foreign_values(recorded, wire)
        for value in self.foreign[known]:
            return "api", wire.api, Because(f"one that has the event {shown(value)}")
        return None

    @found_once
    def foreign(self) -> Dict[Any, Sequence[Json]]:
        """What of its recorded values is no event, by the ways of APIs to name events; looked for
        once."""
        return {}

    @found_once
    def is_long(self) -> bool:
        """Whether it was recorded, and it may take long to make of that what is sent."""
        form = self.form
        if not isinstance(form, Recorded):
            return False
        pieces = [form.body, *form.frames]
        pieces += [original.body for original in (form.whole, form.stream) if original]
        return sum(len(one) for one in pieces if isinstance(one, bytes)) > MUCH_RECORDED

    @found_once
    def can_be_framed(self) -> bool:
        """Whether its recorded events can be framed anew."""
        return isinstance(self.form, Recorded) and is_json(self.form)

    def to(self, call: Call, groups: Groups, usual: Callable[[Call], Usually] = echoed) -> Outcome:
        """What is answered to one call; `groups` are what its mock's regular expressions found, and
        `usual` is what would be said without it."""
        if isinstance(self.form, Failure):
            return filled_failure(self.form, call, groups)
        if isinstance(self.form, Raw):
            return self.form
        content: Usually
        if isinstance(self.form, Neutral):
            content = self.form.reply(call, groups)
        elif isinstance(self.form, Usual):
            content = usual(call)
        else:
            content = self.form
        if self.failure is None or self.after is None or isinstance(content, Failure):
            return content
        return Broken(content, filled_failure(self.failure, call, groups), self.after)


def foreign_values(recorded: Recorded, wire: WireFormat) -> Sequence[Json]:
    """The first of some recorded values that is no event of an API, if there is one."""
    for value in values_of(recorded):
        if not list(wire.recorded_events((value,))):
            return (value,)
    return ()


def filled_failure(failure: Failure, call: Call, groups: Groups) -> Failure:
    """An error with the templates in its message filled."""
    return replace(failure, message=Filling(call, groups).of(failure.message))


# === routing =================================================================
# Which wire format owns a path, and the nearest known path of one that none owns.  Pure.


# What a template is made of: a placeholder, the brackets of an optional part, or plain text.
PIECE = re.compile(r"\{[^{}]*\}|[\[\]]|[^\[\]{}]+")
COLON = "(?::|%3[Aa])"  # some clients encode the colon before a Google verb
ONE_WORD = re.compile(r"\{\w+=([^{}|]*)\}")  # a placeholder for which only that may stand
NOT_PLAIN = re.compile(r"[\[{:].*[\]}:]|:")  # all that is between two ends of plain text


def placeholder(token: str, following: str) -> str:
    """The pattern of one placeholder; `following` is the text behind it."""
    name = token[1:-1]
    if name == "prefix*":
        return "(?:/.+)?"
    if name.endswith("*"):
        return f"(?P<{name[:-1]}>.+)"
    if "=" in name:
        name, _, choices = name.partition("=")
        return f"(?P<{name}>{choices})"
    if "|" in name:
        return f"(?:{name})"
    if name.endswith(":") or following.startswith(":"):
        return f"(?P<{name.rstrip(':')}>[^/:]+?)"
    return f"(?P<{name}>[^/]+)"


def pattern_of(template: str) -> str:
    """The regular expression of a route's template.

    `{name}` is one segment, `{name:}` one without a colon, `{name*}` all that is left, `{prefix*}`
    any segments or none, `{name=a|b}` and `{a|b}` one of some words, and `[…]` may be left out."""
    parts = []
    tokens = PIECE.findall(template)
    for token, following in zip(tokens, [*tokens[1:], ""]):
        if token == "[":
            parts.append("(?:")
        elif token == "]":
            parts.append(")?")
        elif token.startswith("{"):
            parts.append(placeholder(token, following))
        else:
            parts.append(re.escape(token).replace(":", COLON))
    return "".join(parts)


def readable(template: str) -> str:
    """A template as people write a path: without what may be left out, the first of some words."""
    text = re.sub(r"\[[^\[\]]*\]", "", template)
    return re.sub(r"\{[^{}]*\}", lambda match: readable_token(match.group()), text)


def readable_token(token: str) -> str:
    """One placeholder as people write it: `{name}`, or the first word that may stand there."""
    name, _, choices = token[1:-1].rpartition("=")
    if name or "|" in choices:
        return choices.split("|")[0]
    return "{" + choices.rstrip(":*") + "}"


@record
class Route:
    """One template; `anywhere` says that it takes any prefix, `start` and `end` are the plain text
    around its placeholders."""

    method: str
    template: str
    wire: WireFormat
    anywhere: bool
    start: str
    end: str

    @found_once
    def pattern(self) -> Pattern[str]:
        """Its regular expression, compiled when it is first needed: most never are."""
        return re.compile(pattern_of(self.template))

    def match(self, path: str) -> Optional[Match[str]]:
        """What its placeholders find in a path, if that is one of its own."""
        if path.startswith(self.start) and path.endswith(self.end):
            return self.pattern.fullmatch(path)
        return None

    @property
    def rank(self) -> Tuple[bool, int]:
        """Sorts what is specific before what is general: a template with more plain text is."""
        plain = re.sub(r"\[[^\[\]]*\]|\{[^{}=|]*\}", "", self.template)
        return self.anywhere, -len(plain)


def all_routes() -> Tuple[Route, ...]:
    """The routes of all wire formats, specific ones before catch-alls."""
    found = []
    for wire in WIRE_FORMATS:
        if wire.dialect not in ("", "openai") and speaks_dialects(wire):
            continue  # it comes in on the paths of OpenAI's format
        for route in wire.routes:
            method, _, template = route.partition(" ")
            anywhere = template.startswith("{prefix*}")
            ends = NOT_PLAIN.split(ONE_WORD.sub(r"\1", template))
            found.append(Route(method, template, wire, anywhere, ends[0], ends[-1]))
    return tuple(sorted(found, key=lambda route: route.rank))


NO_PORTS: Ports = {}
LONG_PATH = 512  # longer ones are not kept: a client could fill the memory with them
ROUTES = all_routes()


@functools.lru_cache(maxsize=None)
def strangers(host: str) -> FrozenSet[str]:
    """The other providers whose APIs a provider has in forms of its own: in its area a path that
    is like one of theirs is a wrong one of its own.  Without a host there are none."""
    own = [wire for wire in WIRE_FORMATS if wire.provider == host]
    found = {
        other.provider for other in WIRE_FORMATS for wire in own if isinstance(wire, type(other))
    }
    return frozenset(found - {host})


AREAS = {start: wire.provider for wire in WIRE_FORMATS for start in wire.area}


@functools.lru_cache(maxsize=None)
def known_paths() -> Dict[str, WireFormat]:
    """What a wrong path is compared with: `POST /v1/chat/completions` and the like, and whose it
    is."""
    found: Dict[str, WireFormat] = {}
    for wire in WIRE_FORMATS:
        for route in wire.routes:
            if "{prefix*}" not in route:
                found.setdefault(readable(route), wire)
    return found


NEAR_PATH = 0.6  # from here on a path is told as the one that may have been meant
PATH_ROOM = 150  # characters of a wrong path that are compared
LIKELY_PATHS = 5  # with so many known ones


@functools.lru_cache(maxsize=None)
def known_pairs() -> Tuple[Tuple[str, WireFormat, FrozenSet[str]], ...]:
    """The same paths, with the letters that follow each other in each, but for its placeholders."""
    return tuple(
        (known, wire, pairs_of(re.sub(r"\{[^{}]*\}", "", known)))
        for known, wire in known_paths().items()
    )


Owners = Tuple[Tuple[WireFormat, Mapping[str, str]], ...]


def owners(method: str, path: str) -> Owners:
    """The wire formats with a route for an undecoded path, most specific first, and the decoded
    segments that it names."""
    if len(path) < LONG_PATH:
        return known_owners(method, path)
    return new_owners(method, path)


def new_owners(method: str, path: str) -> Owners:
    """The same, looked for."""
    method = "GET" if method == "HEAD" else method  # RFC 9110, 9.3.2
    # A catch-all of OpenAI's must not take a path that begins as Azure's do.
    host = next((host for start, host in AREAS.items() if path.startswith(start)), "")
    barred = strangers(host)
    found: List[Tuple[WireFormat, Mapping[str, str]]] = []
    for route in ROUTES:
        if route.method != method or (route.anywhere and route.wire.provider in barred):
            continue
        match = route.match(path)
        if match and route.wire not in (wire for wire, _ in found):
            given = {name: unquote(text) for name, text in match.groupdict().items() if text}
            found.append((route.wire, given))
    return tuple(found)


known_owners = functools.lru_cache(maxsize=1024)(new_owners)


def route(request: Request, ports: Ports = NO_PORTS) -> Tuple[WireFormat, Mapping[str, str]]:
    """The wire format that owns a request, in its dialect, and the segments of its path.  Refused
    names the nearest path, or the methods that this one takes."""
    found = owners(request.method, request.path)
    for wire, params in found:
        if wire.owns(request, params):
            return spoken(wire, request, ports), params
    allowed = allow(request.path)
    if allowed and not found:
        raise Refused(
            405,
            f"{shown(request.path)} takes {allowed}, not {request.method}",
            headers=(("Allow", allowed),),
            code="method_not_allowed",
        )
    near, _, alike = nearest_path(request.path, request.method)
    hint = "a mock whose match names this path would answer"
    if alike > NEAR_PATH:
        hint = f"the nearest known one is {near}; {hint}"
    message = f"unknown path {shown(request.path)}; {hint}"
    raise Refused(404, message, code="unknown_path")


@functools.lru_cache(maxsize=None)
def other_like(shape: WireFormat) -> Other:
    """What a mock says on a path of no provider, with errors in this shape."""
    return Other(shape)


def allow(path: str) -> str:
    """The methods that a path takes, for an Allow header; empty for an unknown path."""
    if path == "/":
        return "GET, HEAD, OPTIONS"
    found = [method for method in METHODS if method != "OPTIONS" and owners(method, path)]
    if not found:
        return ""
    return ", ".join([*found, "OPTIONS"])


def nearest_path(path: str, method: str) -> Tuple[str, WireFormat, float]:
    """The known path most like one that isn't, of the same method if there is a choice, whose it
    is, and how alike, up to 1."""
    return nearest_known(f"{method} {path[:PATH_ROOM]}")


@functools.lru_cache(maxsize=256)
def nearest_known(asked: str) -> Tuple[str, WireFormat, float]:
    """The same of a method and the beginning of a path."""
    import difflib

    pairs, paths = pairs_of(asked), known_pairs()

    def shared(at: int) -> float:
        """The share of its pairs of letters that a known path has in common with what came."""
        own = paths[at][2]
        return len(pairs & own) / (len(own) + len(pairs))

    # difflib takes its time: it is asked about the few that share most with what came.
    likely = sorted(sorted(range(len(paths)), key=shared)[-LIKELY_PATHS:])
    best = paths[0][0], paths[0][1], 0.0
    for known, wire, _ in [paths[at] for at in likely]:
        alike = difflib.SequenceMatcher(None, known, with_placeholders(asked, known))
        # The quick ratios are upper bounds, and cheap.
        bounds = (alike.real_quick_ratio, alike.quick_ratio, alike.ratio)
        if all(bound() > best[2] for bound in bounds):
            best = known, wire, alike.ratio()
    return best


def pairs_of(path: str) -> FrozenSet[str]:
    """The letters that follow each other in a path."""
    return frozenset(path[at : at + 2] for at in range(len(path) - 1))


def with_placeholders(path: str, known: str) -> str:
    """A path with {model} and the like where a known path of as many segments has them."""
    segments = path.replace("%3A", ":").split("/")
    known_segments = known.split("/")
    if len(segments) != len(known_segments):
        return path
    found = []
    for segment, known_segment in zip(segments, known_segments):
        if known_segment.startswith("{"):
            holder, colon, _ = known_segment.partition(":")
            if colon:
                holder += colon + segment.rpartition(":")[2]
            segment = holder
        found.append(segment)
    return "/".join(found)


def shape_of(request: Request, ports: Ports = NO_PORTS) -> WireFormat:
    """The wire format in whose shape a request gets an error, whether or not its path is known."""
    return spoken(plain_shape(request), request, ports)


def plain_shape(request: Request) -> WireFormat:
    """The same, whatever the dialect is."""
    if request.path in ("", "/", "*"):
        return DEFAULT_SHAPE
    # Whatever the method is: it may be the wrong one.
    found = [owner for method in ("POST", "GET") for owner in owners(method, request.path)]
    for wire, params in found:
        if wire.owns(request, params):
            return wire
    if found:
        return found[0][0]
    _, wire, alike = nearest_path(request.path, request.method)
    # A typo in a path gets the shape of the provider that was meant.
    if alike > 0.75:
        return wire
    return DEFAULT_SHAPE


# === mocks/delivery ==========================================================
# How an answer of a mock travels, from its JSON: headers, pauses, cuts and faults.  Pure.


FAULT_KEYS = ("fault", "probability")

AFTER_KEYS = ("after_events", "after_pieces")  # of a fault, or an error

DELIVERY_KEYS = ("headers", "delay", "pace", "gzip", "wire", "gate", "keepalive")

MOST_COUNTED_ON = 999_999  # events or pieces of content after which something may happen

MOST_COMMENT = 64 * 1024  # characters of a comment

GZIP_CHOICES = ("auto", "always", "never")

PACE_KEYS = ("first", "between", "tokens_per_second", "jitter")

KEEPALIVE_KEYS = ("every", "comment")

PLAN_KEYS = field_names(Plan)

# The words that a key of a wire plan takes.
PLAN_WORDS: Mapping[str, Tuple[str, ...]] = {
    "split": ("utf8", "eol"),
    "eol": ("\n", "\r\n", "\r"),
    "gzip": ("event", "block", "members"),
}

PLAN_FLAGS = ("no_space", "chunk_extensions", "trailers", "chunked", "close")

# How headers that only the server sets are set all the same.
SAID_BY_PLANS: Mapping[str, str] = {
    "connection": ' ("wire": "close" ends the connection, and says so)',
    "transfer-encoding": ' ("wire": "chunked" sends a whole body in chunks)',
}

NOT_IN_A_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")  # RFC 9110, 5.5


def parse_delivery(response: Node) -> Delivery:
    """How a response travels."""
    # Most responses say nothing of it: thousands of them are read at start.
    if response.value.keys().isdisjoint((*DELIVERY_KEYS, *FAULT_KEYS, *AFTER_KEYS)):
        return Delivery()
    delivery = Delivery(
        response.get("delay").seconds(0),
        parse_pace(response.get("pace")),
        response.get("gzip").choice(GZIP_CHOICES, "auto"),
        parse_headers(response.get("headers")),
        parse_gate(response.get("gate")),
        parse_plan(response.get("wire")),
        parse_fault(response),
        parse_keepalive(response.get("keepalive")),
    )
    check_pairs(response, delivery)
    return delivery


def check_pairs(response: Node, delivery: Delivery) -> None:
    """Raise BadMock for keys that leave each other without an effect, whatever the answer is."""
    fault = delivery.fault
    if delivery.plan.gzip and delivery.gzip == "never":
        response.get("gzip").fail('has the last word, so that "wire" would compress nothing')
    if not fault or fault.probability < 1 or not is_before_all(fault):
        return
    for key in DELIVERY_KEYS:
        if key in response.value and key != "delay":
            after = '"after_events" says when it comes'
            response.get(key).fail(f"has no effect: a {fault.kind} sends nothing before; {after}")


def parse_pace(node: Node) -> Optional[Pace]:
    """A pace: seconds between events, a list of gaps, or an object."""
    if node.is_null:
        return None
    if isinstance(node.value, list):
        if not node.value:
            node.fail("has no gap; the first is the one after the first event")
        return Pace(gaps=tuple(gap.seconds() for gap in node.items()))
    if not isinstance(node.value, dict):
        return Pace(between=node.seconds())
    node.only(PACE_KEYS)
    rate = node.get("tokens_per_second")
    if rate.is_absent:
        between = node.get("between").seconds(0)
    elif "between" in node.value:
        node.fail("has both between and tokens_per_second, which say the same; keep one")
    else:
        # A token is an event.
        between = 1 / rate.number("a number, at least one an hour", 1 / 3600, 1e9)
    jitter = node.get("jitter").number("a share of the pause from 0 to 1", 0, 1, 0)
    if jitter and not between:
        node.get("jitter").fail("is a share of the pauses between events, and there are none")
    return Pace(node.get("first").seconds(0), between, float(jitter))


def parse_headers(node: Node) -> Tuple[Tuple[str, Optional[str]], ...]:
    """Response headers: text, numbers, a list of those for several lines, or null for "leave it
    out"."""
    # A mock may even take out what the provider always sends.
    headers = []
    for name, value in node.members():
        if value.value == []:
            value.fail("has no value; null leaves the header out")
        lines = [value]
        if isinstance(value.value, list):
            lines = value.items()
        for line in lines:
            if line.value is None and line is not value:
                line.expected("a string or a number")
            headers.append((name, parse_header(name, line)))
    return tuple(headers)


def parse_header(name: str, node: Node) -> Optional[str]:
    """The value of one response header."""
    if not HEADER_NAME.fullmatch(name):
        node.fail("is not a header name")
    if name.lower() in FRAMING_HEADERS:
        instead = SAID_BY_PLANS.get(name.lower(), "")
        node.fail("is set by the server, because it must be true of what is sent" + instead)
    if node.value is None:
        return None
    if not node.is_a("a string") and not node.is_a("a number"):
        node.expected("a string, a number, a list of those, or null")
    text = str(node.value)
    if NOT_IN_A_HEADER.search(text):
        node.fail("holds a character that no header can carry")
    return text


def parse_plan(node: Node) -> Plan:
    """A wire plan: the name of one, or an object."""
    if node.is_absent:
        return Plan()
    if isinstance(node.value, str):
        return WIRE_PLANS[node.choice(WIRE_PLANS)]
    node.only(PLAN_KEYS)
    for key, words in PLAN_WORDS.items():
        check_word(node.get(key), words)
    for key in PLAN_FLAGS:
        node.get(key).flag(False)
    node.get("coalesce").integer("a number of events", 1, math.inf, 0)
    comments = parse_comments(node.get("comments"))
    return Plan(**{**node.value, "comments": comments})


def parse_comments(node: Node) -> Optional[str]:
    """A comment before each event: true for the usual one, or a text of one's own."""
    if isinstance(node.value, str):
        return comment_text(node)
    if not node.is_absent and not node.is_a("a boolean"):
        node.expected("true, false, or the text of the comment")
    if node.flag(False):
        return USUAL_COMMENT
    return None


def comment_text(node: Node) -> Optional[str]:
    """The text of a comment, if there is one; it may be written before each of many events."""
    text: Optional[str] = node.text(None)
    if text and len(text) > MOST_COMMENT:
        node.fail(f"has {len(text)} characters, and a comment has at most {MOST_COMMENT}")
    return text


def check_word(node: Node, words: Tuple[str, ...]) -> None:
    """Raise BadMock for what a key of a wire plan does not take."""
    if node.is_absent or node.value in words:
        return
    what = " or ".join(map(quoted, words))
    if node.key == "split":
        if node.is_a("an integer") and node.value > 0:
            return
        what = "a number of bytes, " + what
    node.expected(what)


def parse_gate(node: Node) -> Optional[After]:
    """Where a gate begins: with the second event, or behind so many pieces of content."""
    if node.is_absent or node.value is False:
        return None
    if node.value is True:
        return After(1)
    what = "true, or how many pieces of content go out at once, at least 1"
    return After(node.integer(what, 1, MOST_COUNTED_ON), pieces=True)


def parse_keepalive(node: Node) -> Optional[Keepalive]:
    """What is sent while nothing else is."""
    if node.is_null:
        return None
    node.only(KEEPALIVE_KEYS)
    every = node.get("every").number("seconds from 0.001 to 3600", 0.001, 3600)
    return Keepalive(float(every), comment_text(node.get("comment")))


def parse_fault(response: Node) -> Optional[Fault]:
    """How a response breaks."""
    fault, probability = response.get("fault"), response.get("probability")
    after = parse_after(response)
    if fault.is_absent:
        is_error = "error" in response.value or response.value.get("status", 200) >= 400
        if not probability.is_absent and not is_error:
            probability.fail("is how likely a fault or an error is, but there is neither")
        if after and "error" not in response.value:
            key = next(key for key in AFTER_KEYS if key in response.value)
            problem = 'is when an error or a fault comes, but there is neither "error" nor "fault"'
            response.get(key).fail(problem)
        return None
    kind = fault.choice(FAULTS)
    likely = parse_probability(response)
    if not likely:
        probability.fail("is 0, so that the fault never comes; leave both out")
    return Fault(kind, after, likely)


def parse_probability(response: Node) -> float:
    """How likely the fault of a response is, or its error."""
    return float(response.get("probability").number("a number from 0 to 1", 0, 1, 1))


def parse_after(response: Node) -> Optional[After]:
    """Where in a stream something happens: after so many events, or pieces of content."""
    events, pieces = (response.get(key) for key in AFTER_KEYS)
    if not pieces.is_absent:
        if not events.is_absent:
            pieces.fail('says where, and so does "after_events"; keep one')
        return After(pieces.integer("a number of pieces of content", 0, MOST_COUNTED_ON), True)
    if events.is_absent:
        return None
    return After(events.integer("a number of events", 0, MOST_COUNTED_ON))


# === mocks/differences =======================================================
# Differences in words: what keeps a call from being answered.  Pure.


def explained(difference: Difference) -> str:
    """One difference in words: `model is "gpt-4o", expected "gpt-4o-mini"`."""
    key, got, expected = unsecret(*difference)
    parting = 0
    if isinstance(got, str) and isinstance(expected, str):
        parting = parting_of(got, expected, 0)
    return f"{key} is {shown(got, parting)}, expected {shown(expected, parting)}"


def parting_of(one: str, other: str, default: int) -> int:
    """Where two texts begin to differ; `default` if one is the beginning of the other."""
    for index, pair in enumerate(zip(one, other)):
        if pair[0] != pair[1]:
            return index
    return default


# === mocks/effects ===========================================================
# What an API shows of an answer: found out by writing two answers that differ in that alone.

# Pure.


USUAL_REPLY = Reply((Text("one two"),), "stop", Usage(100, 100), "model")
USUAL_FAILURE = Failure(429, "slow down", "a_type", "a_code", "a_param")

# Values in which an answer may differ from the usual one, by the keys of a mock.
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "text": {"parts": (Text("three"),)},
    "reasoning": {"parts": (Reasoning("three"), Text("one two"))},
    "refusal": {"parts": (Refusal("three"),)},
    "tool_calls": {"parts": (ToolCall("f", {}),)},
    "chunk_size": {"chunk_size": 1},
    "model": {"model": "another"},
    "id": {"id": "another"},
    "input_tokens": {"usage": Usage(7, 100)},
    "output_tokens": {"usage": Usage(100, 7)},
    "reasoning_tokens": {"usage": Usage(100, 100, reasoning=7)},
    "cached_tokens": {"usage": Usage(100, 100, cached=7)},
    "cache_write_tokens": {"usage": Usage(100, 100, cache_write=7)},
}


@functools.lru_cache(maxsize=None)
def shows(wire: WireFormat, stream: bool, key: str) -> bool:
    """Whether an API's answer is another one for what a key of a neutral response says."""
    return differs(wire, stream, CHANGES[key])


@functools.lru_cache(maxsize=256)
def shows_stop(wire: WireFormat, stream: bool, word: str) -> bool:
    """Whether an API's answer is another one because it ends for this reason."""
    return differs(wire, stream, {"stop": word})


def differs(wire: WireFormat, stream: bool, change: Mapping[str, Any]) -> bool:
    """Whether an API's answer is another one when its reply is changed."""
    usual = USUAL_REPLY
    if Embedding in wire.speaks:
        usual = replace(usual, parts=(Embedding(((0.5, 0.25),)),))
    call = asking(wire, stream)
    return said(wire, call, replace(usual, **change)) != said(wire, call, usual)


def asking(wire: WireFormat, stream: bool) -> Call:
    """A request that asks for all that it can be told."""
    return Call(
        Request("POST", "/"),
        wire.provider,
        wire.operation,
        wire.api,
        "",
        stream,
        "hi",
        inputs=("hi",),
        prompt="hi",
        body={"stream_options": {"include_usage": True}},
    )


def said(wire: WireFormat, call: Call, reply: Reply) -> List[object]:
    """All that an answer says, in its headers and its body or its events."""
    if not call.stream:
        return [wire.whole(call, reply), wire.usage_headers(reply)]
    return list(wire.events(call, reply))


@functools.lru_cache(maxsize=None)
def shows_in_error(wire: WireFormat, key: str) -> bool:
    """Whether an API's error is another one for what a key of an error says."""
    call = asking(wire, False)
    nothing: Mapping[str, Any] = {key: None}
    changed = replace(USUAL_FAILURE, **nothing)
    before = wire.failed(call, USUAL_FAILURE, {})
    return wire.failed(call, changed, {}) != before


# === mocks/needless ==========================================================
# Keys of a delivery that would be in vain: they change nothing of some kind of answer.  Pure.


# What answers a mock can give: how their events are framed, None for a whole one, what the provider
# keeps a stream alive with, and whether they are compressed without being told.
Reached = Tuple[Optional[Framing], bytes, bool]

LINE_KEYS = ("eol", "comments", "no_space")  # of a wire plan

NO_EVENTS = "a whole answer has no events"


def vain_in_all(
    response: Node, delivery: Delivery, reached: Iterable[Reached]
) -> Optional[Tuple[Node, str]]:
    """A key that is in vain in all answers that a mock can give, and why."""
    found: List[Dict[str, str]] = []
    wholes: List[Dict[str, str]] = []
    for one in reached:
        in_vain = vain(response.value, delivery, one)
        if not in_vain:
            return None
        (wholes if one[0] is None else found).append(in_vain)
    found += wholes  # behind streams, of which the reasons tell more
    for key, reason in (found or [{}])[0].items():
        if not all(key in others for others in found):
            continue
        node = response.within(*key.split("."))
        if node.is_absent:  # it stands in a plan that is called by its name
            node = response.get("wire")
        return node, f"has no effect: {reason}"
    return None


def vain(spec: Mapping[str, Json], delivery: Delivery, reached: Reached) -> Dict[str, str]:
    """The keys of a response that change nothing of such answers, each with the reason.

    Keys of a wire plan are called `wire.eol` and so on."""
    framing, ping, negotiates = reached
    found: Dict[str, str] = {}
    if delivery.gzip == "never" and not negotiates:
        found["gzip"] = "an answer of that kind is not compressed without being told"
    if framing is None:
        found.update(vain_in_whole(spec, delivery))
    else:
        found.update(vain_in_stream(delivery, framing, ping))
    return found


def vain_in_whole(spec: Mapping[str, Json], delivery: Delivery) -> Iterable[Tuple[str, str]]:
    """What changes nothing of a whole answer."""
    plan = delivery.plan
    if spec.get("pace") is not None:
        yield "pace", NO_EVENTS
    if delivery.gate:
        yield "gate", NO_EVENTS
    if delivery.keepalive:
        yield "keepalive", "nothing comes before a whole answer"
    if plan.coalesce:
        yield "wire.coalesce", NO_EVENTS
    if plan.gzip in ("event", "block"):
        yield "wire.gzip", "a whole answer has no events after which it could be flushed"
    yield from vain_lines(delivery)
    if not plan.chunked:
        for key in ("chunk_extensions", "trailers"):
            if getattr(plan, key):
                yield (
                    f"wire.{key}",
                    'a whole answer has no chunks, unless "chunked" stands beside it',
                )
    # A body that is cut may break between its pieces, if that is what its fault does.
    is_cut = plan.chunked or plan.split
    breaks = delivery.fault and delivery.fault.kind not in ("malformed", "bad_gzip")
    for key in AFTER_KEYS:
        if key in spec and not (is_cut and breaks and key == "after_events"):
            yield key, NO_EVENTS


def vain_in_stream(delivery: Delivery, framing: Framing, ping: bytes) -> Iterable[Tuple[str, str]]:
    """What changes nothing of a stream."""
    plan, keepalive = delivery.plan, delivery.keepalive
    if plan.chunked:
        yield "wire.chunked", "a stream goes in chunks without it"
    is_sse = isinstance(framing, SSE)
    if not is_sse:
        yield from vain_lines(delivery)
    if plan.split == "eol" and not isinstance(framing, (SSE, JsonArray)):
        yield "wire.split", "no line ends in several bytes"
    if not keepalive:
        return
    if not is_sse:
        yield "keepalive", "only event streams have comments and pings"
    elif keepalive.comment is None and not ping:
        yield "keepalive", 'the provider sends no pings; give the text of a "comment"'
    elif longest_wait(delivery) <= keepalive.every:
        yield (
            "keepalive",
            'nothing in it waits for longer; it goes with delay, pace, gate, or a late "hang"',
        )


def vain_lines(delivery: Delivery) -> Iterable[Tuple[str, str]]:
    """The keys of a plan that change the lines of an event stream."""
    for key in LINE_KEYS:
        if getattr(delivery.plan, key) != getattr(USUAL_PLAN, key):
            yield f"wire.{key}", "only event streams have such lines"


def longest_wait(delivery: Delivery) -> float:
    """The longest time for which a stream may send nothing, by what is said of it."""
    fault, pace = delivery.fault, delivery.pace or Pace()
    if delivery.gate or (fault and fault.kind == "hang" and fault.after is not None):
        return float("inf")
    first = delivery.delay + pace.first
    between = pace.between * (1 + pace.jitter)
    if delivery.plan.coalesce > 1:  # all of them in one pause
        return first + sum(pace.gaps) + between * delivery.plan.coalesce
    return max(first, between, *pace.gaps)


# === mocks/reach =============================================================
# Reach: which answers a mock can give, and whether each of its keys shows in one of them.

# Pure.


ELSEWHERE = other_like(DEFAULT_SHAPE)  # stands for all paths of no provider


@record
class Way:
    """A way to be answered: the API that is asked, whether it streams, and whether the stream is to
    be a JSON array, where there are such."""

    wire: WireFormat
    stream: bool
    array: bool = False

    @property
    def api(self) -> str:
        """The API in words: `openai chat`."""
        if self.wire is ELSEWHERE:
            return "paths of no provider"
        told = f"{self.wire.provider} {self.wire.api}"
        if self.wire.dialect in ("", self.wire.provider):
            return told
        return f"{told} ({self.wire.dialect})"


MOST_CHOICES = 2048  # more than these no API gives


@functools.lru_cache(maxsize=256)
def asked(way: Way, custom: Tuple[str, ...]) -> Call:
    """A request that comes this way and asks for all that it can: choices, custom tools."""
    wire = way.wire
    request = Request("POST", "/")
    if way.array:
        request = Request("POST", "/", {"alt": "json"})
    call = Call(request, wire.provider, wire.operation, wire.api, "", way.stream)
    call = replace(call, choices=MOST_CHOICES, body={})
    if custom and wire.has_custom_tools:
        return replace(call, custom_tools=custom)
    return call


def all_ways() -> Tuple[Way, ...]:
    """All ways, the most common API first."""
    wires = [DEFAULT_SHAPE, *WIRE_FORMATS, ELSEWHERE]
    found: Dict[Way, None] = {}  # a set in order
    for wire in wires:
        found[Way(wire, False)] = None
        if can_stream(wire) or wire.operation == OTHER:
            found[Way(wire, True)] = None
            array = Way(wire, True, True)
            if not wire.framing(asked(array, ())).streams:
                found[array] = None
    return tuple(found)


WAYS = all_ways()


@functools.lru_cache(maxsize=None)
def methods_of(wire: WireFormat) -> Tuple[str, ...]:
    """The methods in which an API is asked."""
    if wire is ELSEWHERE:
        return METHODS
    methods = {route.partition(" ")[0] for route in wire.routes}
    if "GET" in methods:
        methods.add("HEAD")  # RFC 9110, 9.3.2
    return tuple(methods)


# What a condition looks at that is the same for all requests of an API.
PLACES: Mapping[str, Callable[[Way], Sequence[Json]]] = {
    "provider": lambda way: [way.wire.provider],
    "dialect": lambda way: sorted(dialects_of(way.wire)),
    "operation": lambda way: [way.wire.operation],
    "api": lambda way: [way.wire.api],
    "stream": lambda way: [way.stream],
    "method": lambda way: methods_of(way.wire),
}

# What no request says of an operation, or of what formats name as their `silence`: it is always as
# in a Call that says nothing.
UNSAID: Mapping[str, FrozenSet[str]] = {
    "conversation": frozenset(("tools",)),  # one that is judged
    "embed": frozenset(("system", "tool_result", "tool_call_id", "turn", "tools")),
    "image": frozenset(("system", "tool_result", "tool_call_id", "turn", "tools")),
    "audio": frozenset(("system", "tool_result", "tool_call_id", "turn", "tools")),
    "moderate": frozenset(("system", "tool_result", "tool_call_id", "turn", "tools")),
    "models": frozenset(("user", "system", "tool_result", "tool_call_id", "turn", "tools")),
    "picture": frozenset(("user", "system", "tool_result", "tool_call_id", "turn", "tools")),
    OTHER: frozenset(("user", "system", "tool_result", "tool_call_id", "turn", "tools")),
}
SILENT = Call(Request("GET", "/"), "", "", "", "", body=None)


@functools.lru_cache(maxsize=1024)
def homes(path: str) -> FrozenSet[WireFormat]:
    """The APIs that have a path, and what answers there in other methods."""
    found = [wire for method in METHODS for wire, _ in owners(method, path)]
    return frozenset([ELSEWHERE, *found])


def placed(conditions: Iterable[Condition]) -> Tuple[Way, ...]:
    """The ways in which all conditions on PLACES hold."""
    wanted = []
    for condition in conditions:
        values = condition.expected
        if not isinstance(values, list):
            values = [values]
        wanted.append((condition.key, tuple(values)))
    return ways_with(tuple(wanted))


@functools.lru_cache(maxsize=1024)  # thousands of mocks ask for the same
def ways_with(wanted: Tuple[Tuple[str, Tuple[Json, ...]], ...]) -> Tuple[Way, ...]:
    """The ways in which one of the values is found at each of some PLACES."""
    found = []
    for way in WAYS:
        if all(not set(values).isdisjoint(PLACES[key](way)) for key, values in wanted):
            found.append(way)
    return tuple(found)


def silence_of(wire: WireFormat) -> str:
    """Under which name UNSAID has what no request of an API says."""
    return wire.silence or wire.operation


def ways_of(conditions: Sequence[Condition]) -> Tuple[Way, ...]:
    """The ways in which a request can come that fulfils all conditions, as far as can be told."""
    ways = placed(one for one in conditions if one.key in PLACES)
    for condition in conditions:
        if condition.key == "path" and isinstance(condition.expected, str):
            at_home = homes(condition.expected)
            ways = tuple(way for way in ways if way.wire in at_home)
    silent = {silence_of(way.wire) for way in ways} & UNSAID.keys()
    for condition in conditions:
        mute = {silence for silence in silent if condition.key in UNSAID[silence]}
        if mute and not condition.holds(condition.get(SILENT)):
            ways = tuple(way for way in ways if silence_of(way.wire) not in mute)
    return ways


# --- whether a mock can answer ---


def check_reach(
    node: Node,
    conditions: Sequence[Condition],
    responses: Sequence[Node],
    answers: Sequence[Answer],
) -> None:
    """Raise BadMock for a mock that can never answer, or of which a part shows in no answer that it
    can give."""
    check_path([condition for condition in conditions if condition.key == "path"], node)
    ways = ways_of(conditions)
    if not ways:
        refuse_contradiction(node.get("match"), conditions)
    if not node.get("dialect").is_absent:
        ways = ways_in_dialect(node.get("dialect"), ways)
    for response, answer in zip(responses, answers):
        check_answer(response, answer, ways)


def ways_in_dialect(dialect: Node, ways: Sequence[Way]) -> Tuple[Way, ...]:
    """The ways in which a mock answers that names a dialect; BadMock if none of them has one."""
    if not any(speaks_dialects(way.wire) for way in ways):
        told = some(sorted({way.api for way in ways}))
        dialect.fail(f"has no effect: {told} is no API that hosts of other dialects have")
    found: Dict[Way, None] = {}  # a set in order
    for way in ways:
        wire = way.wire
        if speaks_dialects(wire):
            wire = in_dialect(wire, dialect.value)
        found[replace(way, wire=wire)] = None
    return tuple(found)


def check_path(asked_for: Sequence[Condition], node: Node) -> None:
    """Raise BadMock for a path that no request has."""
    for condition in asked_for:
        text = condition.expected
        path = node.within("match", "path")
        if not isinstance(text, str):
            continue
        if not text.startswith("/"):
            path.expected('a path, which begins with "/"')
        if "?" in text:
            path.fail('has a query, which is matched by "query"')
        if text.startswith(CONTROL_PREFIX):
            path.fail("is one of the control API, which no mock answers")


def refuse_contradiction(match: Node, conditions: Sequence[Condition]) -> NoReturn:
    """Raise BadMock for the condition that leaves none of the ways that those before it leave:
    beside which of them, and what would do."""
    # First what tells an API, then what is asked of its requests: of both the second is wrong.
    told = sorted(conditions, key=lambda one: one.key not in PLACES and one.key != "path")
    number = next(at for at in range(len(told)) if not ways_of(told[: at + 1]))
    before, last = told[:number], told[number]
    others = [one for one in before if not ways_of([one, last])]
    beside = "the rest"
    if others:
        beside = f"{others[0].key} {shown(others[0].expected)}"
    if others and match.get(others[0].key).is_absent:
        beside += ", which is meant where none is said"
    left = ways_of(before)
    known = sorted({str(value) for way in left for value in values_at(last.key, way)})
    hint = ""
    if known:
        hint = f"; that leaves {', '.join(known)}"
    elif last.key == "path":
        own = {way.api for way in ways_of([last])}
        hint = f": it is one of {some(sorted(own))}"
    match.get(last.key).fail(f"no request has {shown(last.expected)} beside {beside}{hint}")


def values_at(key: str, way: Way) -> Iterable[Json]:
    """What a condition on one of PLACES finds this way."""
    if key == "stream":
        return [str(way.stream).lower()]
    return PLACES[key](way) if key in PLACES else ()


def some(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    told = ", ".join(names[:3])
    if len(names) > 3:
        told += f" or {len(names) - 3} more"
    return told


def check_answer(response: Node, answer: Answer, ways: Sequence[Way]) -> None:
    """The same of one `response`."""
    # Nearly all mocks have nothing to say that the most common API would not say, too: thousands
    # of them are read at start.
    wrong = what_is_vain(response, answer, ways[:2])
    # What takes long to find out of a long recording is known then, before anybody waits for it.
    if (wrong or answer.is_long) and len(ways) > 2:
        wrong = what_is_vain(response, answer, ways)
    if wrong:
        node, problem = wrong
        node.fail(problem)


Wrong = Tuple[Node, str]  # a part of a response, and what is wrong with it


def what_is_vain(response: Node, answer: Answer, ways: Sequence[Way]) -> Optional[Wrong]:
    """What shows in no answer that can be given in these ways, and why."""
    custom = answer.custom_calls
    lacking = [answer.lacks(way.wire, asked(way, custom)) for way in ways]
    if lacking[0] and None not in lacking:
        return response, f"can never be given: {explained(lacking[0])}"
    able = [way for way, difference in zip(ways, lacking) if difference is None]
    for check in (vain_kind, vain_delivery, vain_neutral, vain_error):
        wrong = check(response, answer, able)
        if wrong:
            return wrong
    return None


def vain_kind(response: Node, answer: Answer, ways: Sequence[Way]) -> Optional[Wrong]:
    """What is for a whole answer or a streamed one, if there never is one."""
    spec = response.value
    streams = any(way.stream or way.wire is ELSEWHERE for way in ways)
    wholes = any(not way.stream for way in ways)
    for key in ("events", "chunk_size"):
        if key in spec and not streams:
            return response.get(key), "has no effect: no answer of this mock is streamed"
    if "chunk_size" in spec and isinstance(answer.form, Neutral):
        cut = any(way.stream and shows(way.wire, True, "chunk_size") for way in ways)
        if not (cut and answer.form.parts):
            return response.get("chunk_size"), "has no effect: there is nothing to cut"
    if "body" in spec and "events" in spec and not wholes:
        return response.get("body"), "has no effect: all answers of this mock are streamed"
    return None


def vain_delivery(response: Node, answer: Answer, ways: Sequence[Way]) -> Optional[Wrong]:
    """What is said of how an answer travels that changes nothing there."""
    if response.value.keys().isdisjoint((*DELIVERY_KEYS, *AFTER_KEYS)):
        return None
    reached = (reached_by(answer, way) for way in ways)
    return vain_in_all(response, answer.delivery, reached)


def reached_by(answer: Answer, way: Way) -> Reached:
    """What answer is given this way, as far as it matters to how that travels."""
    framing = framing_of_answer_by(answer, way)
    if framing is not None:
        return framing, way.wire.ping, framing.negotiated
    content_type = ""
    if isinstance(answer.form, Raw):
        content_type = content_type_in(answer.delivery.headers)
    elif isinstance(answer.form, Recorded) and answer.form.whole:
        content_type = content_type_in(answer.form.whole.headers)
    elif isinstance(answer.form, (Neutral, Usual)):
        content_type = way.wire.whole_type(asked(way, ()))
    return None, way.wire.ping, not is_packed(content_type)


def framing_of_answer_by(answer: Answer, way: Way) -> Optional[Framing]:
    """How the events of an answer are framed that is given this way; None for a whole one."""
    form, streams = answer.form, way.stream
    if isinstance(form, Raw) or (isinstance(form, Failure) and form.kind != "content_filter"):
        return None
    if isinstance(form, Recorded):
        alone = way.wire is ELSEWHERE and not form.has_body
        streams = form.has_events and (streams or alone)
    if not streams:
        return None
    if way.wire is ELSEWHERE and isinstance(form, Recorded) and form.kind:
        return TEXT_FRAMINGS[form.kind][0]
    return way.wire.framing(asked(way, ()))


NEUTRAL_SHOWN = ("reasoning", "refusal", "tool_calls", "model", "id")


def vain_neutral(response: Node, answer: Answer, ways: Sequence[Way]) -> Optional[Wrong]:
    """What no API says of a neutral answer.  Where nothing is said in words, a text still says that
    there is an answer; what blocks an API has it knows itself."""
    if not isinstance(answer.form, Neutral):
        return None
    never = f"has no effect: {no_place(ways)} for it"
    spec = response.value
    stop = spec.get("finish_reason", "stop")
    if stop != "stop" and not any(shows_stop(way.wire, way.stream, stop) for way in ways):
        return response.get("finish_reason"), never
    nodes = [response.get(key) for key in NEUTRAL_SHOWN if key in spec]
    if "usage" in spec:
        nodes += counts_of(response.get("usage"))
    if "parts" in spec:
        parts = [node for item in response.get("parts").items() for _, node in item.members()]
        nodes += [node for node in parts if node.key in NEUTRAL_SHOWN]
    for node in nodes:
        if not any(shows(way.wire, way.stream, str(node.key)) for way in ways):
            return node, never
    return None


def counts_of(usage: Node) -> List[Node]:
    """The token counts that must show: of both ends of an exchange one is enough."""
    counts = [node for _, node in usage.members()]
    if "input_tokens" not in usage.value:
        return counts
    return [node for node in counts if node.key != "output_tokens"]


ERROR_SHOWN = ("type", "code", "param")


def vain_error(response: Node, answer: Answer, ways: Sequence[Way]) -> Optional[Wrong]:
    """What no API says of an error."""
    if not isinstance(response.value.get("error"), dict):
        return None
    error = response.get("error")
    for node in (error.get(key) for key in ERROR_SHOWN):
        if node.is_null or any(shows_in_error(way.wire, str(node.key)) for way in ways):
            continue
        return node, f"has no effect: {no_place(ways)} for it"
    return None


def no_place(ways: Sequence[Way]) -> str:
    """Which APIs do not say something."""
    return f"answers of {some(sorted({way.api for way in ways}))} have no place"


# === mocks/transcripts =======================================================
# Transcripts: an answer with its head, as `curl -i` saves it, from bytes.  Pure.


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


# === mocks/recordings ========================================================
# Recorded answers: bodies and events, in @files or not.  Pure: a mock's node says how to read.


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
    plan = parse_plan(response.get("wire"))
    problem = "has no effect: the transcript is compressed already"
    if response.get("gzip").value == "always":
        response.get("gzip").fail(problem)
    if plan.gzip or relines(plan):
        response.get("wire").fail(problem)
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


# === mocks/reading ===========================================================
# A `response` of a mock from its JSON: the neutral form, errors, and which form it has.  Pure.


PART_KINDS: Mapping[str, Callable[[str], Part]] = {
    "text": Text,
    "reasoning": Reasoning,
    "refusal": Refusal,
}

PART_KEYS = ("text", "reasoning", "refusal", "tool_calls")

LISTED_KEYS = (*PART_KEYS, "block")  # of an item of `parts`

NEUTRAL_KEYS = (
    *("text", "tool_calls", "reasoning", "refusal", "parts", "embedding"),
    *("finish_reason", "usage", "model", "id", "chunk_size", "extra"),
)

MUTE_KEYS = ("model", "id", "chunk_size")  # a neutral answer of these alone says nothing

RECORDED_KEYS = ("body", "events")

RAW_KEYS = ("raw",)

ERROR_KEYS = ("error", *AFTER_KEYS)

COMMON_KEYS = ("status", *DELIVERY_KEYS)

RESPONSE_KEYS = NEUTRAL_KEYS + RECORDED_KEYS + RAW_KEYS + ERROR_KEYS + FAULT_KEYS + COMMON_KEYS

MOCK_KEYS = ("name", "match", "response", "responses", "cycle", "times", "limit", "dialect")

NOT_OF_A_RESPONSE = dict.fromkeys(MOCK_KEYS, "is a key of a mock, not of a response")

# The keys of one form exclude those of the others.
FORMS: Tuple[Tuple[str, ...], ...] = (NEUTRAL_KEYS, RECORDED_KEYS, RAW_KEYS, ("error",))

MOST_PARTS = 10_000  # a header has room for about half as many

USAGE_SHARES: Mapping[str, str] = {
    "reasoning_tokens": "output_tokens",
    "cached_tokens": "input_tokens",
    "cache_write_tokens": "input_tokens",
}

USAGE_KEYS = ("input_tokens", "output_tokens", *USAGE_SHARES)

ERROR_TEXTS = ("message", "type", "param", "kind")


def parse_answer(response: MockNode, group_names: Iterable[str]) -> Answer:
    """One `response`; `group_names` are those of its mock's regular expressions, for templates."""
    response.only(RESPONSE_KEYS, NOT_OF_A_RESPONSE)
    forms = forms_of(response)
    status = response.get("status").integer("a status from 200 to 599", 200, 599, 200)
    # A fault needs no content: it may come before any of it.
    is_faulty = "fault" in response.value
    if not forms and status < 400 and not is_faulty:
        response.fail(
            "says nothing; it needs text, tool_calls, embedding, body, events, raw, error or fault"
        )
    delivery = parse_delivery(response)
    # Beside a fault it is how likely that is.
    probability = 1.0
    if not is_faulty:
        probability = parse_probability(response)
    if is_broken_off(response):
        answer = parse_broken(response, delivery)
    elif NEUTRAL_KEYS in forms:
        answer = Answer(parse_neutral(response), status, delivery)
    elif RECORDED_KEYS in forms:
        answer = Answer(parse_recorded(response), status, delivery)
    elif RAW_KEYS in forms:
        answer = Answer(parse_raw(response), status, delivery)
    elif "error" not in response.value and status < 400:
        answer = Answer(Usual(), status, delivery)
    else:
        failure = parse_error(response)
        answer = Answer(failure, failure.status or 400, delivery)
    check_answer_templates(response, group_names)
    if probability < 1:
        answer = replace(answer, probability=probability)
    return answer


def is_broken_off(response: Node) -> bool:
    """Whether its error comes in mid-stream; a fault beside it has the events for itself."""
    spec = response.value
    has_place = not spec.keys().isdisjoint(AFTER_KEYS)
    return has_place and "error" in spec and "fault" not in spec


def forms_of(response: Node) -> List[Tuple[str, ...]]:
    """The forms that a response has keys of: one, or one and the error that breaks it off."""
    spec = response.value
    breaks_off = is_broken_off(response)
    if breaks_off and "raw" in spec:
        response.get("raw").fail("has no events after which an error could come")
    forms = [keys for keys in FORMS if not spec.keys().isdisjoint(keys)]
    if len(forms) > 1 and not (breaks_off and len(forms) == 2):
        first, second = (next(key for key in keys if key in spec) for keys in forms[:2])
        hint = ""
        if "error" in spec and not breaks_off:
            hint = '; with "after_events" the error comes in mid-stream'
        response.fail(f'has both "{first}" and "{second}"; a response has one form{hint}')
    if spec.get("status") in NO_BODY:
        return bodyless_forms(response, forms)
    return forms


def bodyless_forms(response: Node, forms: List[Tuple[str, ...]]) -> List[Tuple[str, ...]]:
    """The same of a response whose status never has a body: raw, if it says nothing else."""
    for keys in (NEUTRAL_KEYS, RECORDED_KEYS):
        if keys in forms:
            said = next(key for key in keys if key in response.value)
            response.get("status").fail(f'never has a body, so that "{said}" would not be sent')
    if not forms and "fault" not in response.value:
        return [RAW_KEYS]
    return forms


def parse_broken(response: MockNode, delivery: Delivery) -> Answer:
    """A response whose stream an error breaks off; without content it says what the user said."""
    after, failure = parse_after(response), parse_error(response)
    if failure.kind == "content_filter":
        response.within("error", "kind").fail(
            "a filter ends a stream with a finish reason: "
            '"finish_reason": "content_filter" beside text'
        )
    form: Form = Usual()
    if not response.value.keys().isdisjoint(RECORDED_KEYS):
        form = parse_recorded(response)
    elif not response.value.keys().isdisjoint(NEUTRAL_KEYS):
        form = parse_neutral(response)
    return Answer(form, 200, delivery, failure, after)


def check_answer_templates(response: Node, group_names: Iterable[str]) -> None:
    """Raise BadMock if a text that is filled asks for what a request never has."""
    # Not in `body` and `events`: a recording is sent as it is, braces and all.
    for key in (*PART_KEYS, "parts", "extra"):
        check_templates(response.get(key), group_names)
    error = response.get("error")
    if isinstance(error.value, dict):
        error = error.get("message")
    check_templates(error, group_names)


# --- the neutral form ---


def parse_neutral(response: Node) -> Neutral:
    """A neutral response."""
    parts = parse_parts(response)
    if len(parts) > MOST_PARTS:
        response.fail(f"has {len(parts)} parts, and an answer has at most {MOST_PARTS}")
    embedding = response.get("embedding")
    if not embedding.is_absent:
        if parts:
            embedding.fail("stands alone: no API answers with text and vectors")
        parts = [parse_embedding(embedding)]
    if response.value.keys().isdisjoint(set(NEUTRAL_KEYS) - set(MUTE_KEYS)):
        response.fail("says nothing; it needs text, tool_calls, embedding, body, events or error")
    stop = "stop"
    if any(map(calls_tool, parts)):
        stop = "tool_calls"
    return Neutral(
        tuple(parts),
        parse_stop(response.get("finish_reason"), stop),
        parse_usage(response.get("usage")),
        response.get("model").text(""),
        response.get("id").text(""),
        response.get("chunk_size").integer("characters an event, at least 1", 1, math.inf, 0),
        parse_extra(response.get("extra")),
    )


def parse_extra(node: Node) -> Mapping[str, Json]:
    """What is laid over the answer."""
    extra: Mapping[str, Json] = node.a("an object", {})
    if not extra and not node.is_absent:
        node.fail("says nothing; it is what to lay over the provider's own answer")
    return extra


def calls_tool(part: Part) -> bool:
    """Whether a part calls a tool of the client, in whatever form."""
    if not isinstance(part, Block):
        return isinstance(part, ToolCall)
    # As Anthropic, Bedrock and Google write it; those that a server runs itself are of other types.
    if "toolUse" in part.value:
        return within(part.value["toolUse"], "type") is None
    return part.value.get("type") == "tool_use" or "functionCall" in part.value


def parse_stop(node: Node, usual: str) -> str:
    """Why an answer ends: one of the neutral words, or a provider's own."""
    reason: str = node.text(usual)
    if not reason:
        node.expected(", ".join(STOPS) + ", or the provider's own word")
    return reason


def parse_parts(response: Node) -> List[Part]:
    """All parts of a neutral response, in the order in which they are answered."""
    listed = response.get("parts")
    if listed.is_absent:
        # The order in which models answer: they think, speak, then call.
        keys = ("reasoning", "text", "refusal", "tool_calls")
        return [part for key in keys for part in parse_part(response.get(key))]
    beside = sorted(key for key in PART_KEYS if key in response.value)
    if beside:
        listed.fail(f'stands instead of "{beside[0]}", not beside it; move that into parts')
    parts: List[Part] = []
    for item in listed.items():
        item.only(LISTED_KEYS)
        if len(item.value) != 1:
            item.expected(f"one of {', '.join(LISTED_KEYS)}")
        for _, inner in item.members():
            parts += parse_part(inner)
    return parts


def parse_part(node: Node) -> List[Part]:
    """The parts that one key of a neutral response stands for; none where it is absent."""
    key = str(node.key)
    if node.is_absent:
        return []
    if key == "tool_calls":
        return [parse_tool_call(call) for call in node.items()]
    if key == "block":
        if not node.a("an object"):
            node.fail("says nothing; it is the provider's own content block, part or item")
        return [Block(node.value)]
    if key == "text":
        # Structured output: JSON text, written so that people can read it.
        if isinstance(node.value, (dict, list)):
            return [Structure(node.value)]
        node.a("a string or an object")
    return [PART_KINDS[key](node.text())]


def parse_tool_call(node: Node) -> ToolCall:
    """A tool call; arguments may be an object or its JSON text, or what a custom tool takes."""
    node.only(("name", "arguments", "id"))
    name, arguments, id_ = (node.get(key) for key in ("name", "arguments", "id"))
    if not isinstance(name.value, str) or not name.value:
        name.expected("the tool's name")
    if not isinstance(arguments.value, str):
        return ToolCall(name.value, arguments.a("an object", {}), id_.text(""))
    # As OpenAI's answers have them (wire formats, 5.2): a mock may be copied from one.
    try:
        value = parse_json(arguments.value.encode())
    except ValueError:
        value = None
    if isinstance(value, dict):
        return ToolCall(name.value, value, id_.text(""))
    return ToolCall(name.value, {}, id_.text(""), arguments.value)


def parse_embedding(node: Node) -> Embedding:
    """Vectors: one array of numbers, or an array of those."""
    rows = [node]
    if isinstance(node.value, list) and node.value and isinstance(node.value[0], list):
        rows = node.items()
    return Embedding(tuple(parse_vector(row) for row in rows))


def parse_vector(row: Node) -> Tuple[float, ...]:
    """One vector of numbers that 32 bits can hold."""
    numbers: Json = row.value
    is_array = isinstance(numbers, list) and len(numbers) > 0
    if not is_array or not all(fits(number, "a number") for number in numbers):
        row.expected("an array of numbers, or several of them")
    # Vectors may be sent as float32 (wire formats, 5.6), whose largest number is about 3.4e38.
    if not all(abs(number) < 3.4e38 for number in numbers):
        row.fail("holds a number that is none of 32 bits")
    return tuple(numbers)


def parse_usage(node: Node) -> Mapping[str, int]:
    """Token counts, each at least 0, shares no larger than what they are a share of."""
    if node.is_absent:
        return {}
    counts = node.only(USAGE_KEYS).value
    for _, number in node.members():
        # JSON readers that have doubles alone are exact up to here (RFC 8259, 6).
        number.integer("a number of tokens", 0, 2**53 - 1)
    taken = dict.fromkeys(USAGE_SHARES.values(), 0)
    for share, total in USAGE_SHARES.items():
        # What is read from a cache is not written to it: together they are no more than the whole.
        taken[total] += counts.get(share, 0)
        if share in counts and total in counts and taken[total] > counts[total]:
            problem = f"is a share of {total} ({counts[total]}), found {counts[share]}"
            if taken[total] > counts[share]:
                problem += f", with others {taken[total]}"
            node.get(share).fail(problem)
    return cast(Mapping[str, int], counts)


# --- errors ---


def parse_error(response: Node) -> Failure:
    """An error response; what it leaves out is the provider's own."""
    error = response.get("error")
    if isinstance(error.value, str):
        error = error.replaced({"message": error.value})
    elif error.is_absent:
        error = error.replaced({})
    error.only((*ERROR_TEXTS, "code")).check(dict.fromkeys(ERROR_TEXTS, "a string"))
    given = {key: value for key, value in error.value.items() if value is not None}
    code = given.get("code")
    if code is not None:
        if not fits(code, "a string") and not fits(code, "an integer"):
            error.get("code").expected("a string")
        code = str(code)  # numbers are texts there, too (wire formats, 6 and 12)
    kind = given.get("kind", "")
    if "kind" in given:
        error.get("kind").choice(ERROR_KINDS)
    # With a kind it is the provider's own for that, which is not known here.
    usual_status = 0 if kind else 500
    status, sent_as = response.value.get("status", usual_status), 0
    if 0 < status < 400:  # some gateways say an error with status 200
        status, sent_as = usual_status, status
    if sent_as in NO_BODY:
        response.get("status").expected("a status that has a body, beside error")
    message = given.get("message", "")
    type_, param = given.get("type"), given.get("param")
    return Failure(status, message, type_, code, param, kind, sent_as=sent_as)


# === mocks/mock ==============================================================
# A mock: which calls it answers, with what, how often it did.  May touch threading and time.


FORM_OF_A_MOCK = 'a mock here is {"match": {…}, "response": {…}}'
NOTE_KEYS = ("$schema", "$comment")  # passed over: they are for editors and for people

# Where keys belong that are put beside `match` and `response`.
ELSEWHERE_IN_A_MOCK: Mapping[str, str] = {
    **dict.fromkeys(MATCH_KEYS, 'belongs into "match"'),
    **dict.fromkeys(RESPONSE_KEYS, 'belongs into "response"'),
    **dict.fromkeys(MATCH_KEYS.keys() & set(RESPONSE_KEYS), 'belongs into "match" or "response"'),
    **dict.fromkeys(("request", "mappings"), "is of WireMock's form; " + FORM_OF_A_MOCK),
    "fixtures": "is of aimock's form; " + FORM_OF_A_MOCK,
    "mocks": "a file or a body is a mock, or an array of them, without a name",
}


class Uses:
    """How often a mock has answered in a session, and in the window of its rate limit; outlives a
    reload that leaves the mock as it was.  `lock` is held while they are read and changed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.draws = 0
        self.window_end = 0.0  # of the monotonic clock
        self.in_window = 0

    def admit(self, requests: int, per: float) -> Limit:
        """Whether a limit has room for one request more, which it then counts, and what is left
        after it.  The window is fixed, and begins with the first request."""
        # The monotonic clock: a window must not move with the time of day.
        moment = time.monotonic()
        if moment >= self.window_end:
            self.window_end = moment + per
            self.in_window = 0
        is_exceeded = self.in_window >= requests
        if not is_exceeded:
            self.in_window += 1
        wait = self.window_end - moment
        reset = math.ceil(time.time_ns() / 1e9 + wait)  # what headers tell is the time of day
        left, seconds = requests - self.in_window, max(1, math.ceil(wait))
        return Limit(requests, left, seconds, reset, is_exceeded)


@record
class Found:
    """The mock that answers a call, its answer, the number of this use, counted from 0, what named
    groups of regular expressions found, and the wire format in which it is written."""

    mock: Mock
    answer: Answer
    used: int
    uses: Uses
    groups: Groups
    wire: WireFormat
    limit: Optional[Limit] = None


@record
class Mock:
    """Which calls it answers and with what.  `place` is file and position, `canonical` its JSON
    with sorted keys.  How often it was used is each session's own to know."""

    name: str
    place: str
    conditions: Tuple[Condition, ...]
    answers: Tuple[Answer, ...]
    cycle: bool = False
    times: Optional[int] = None
    canonical: str = ""
    limit: Optional[Tuple[int, float]] = None  # requests, and in how many seconds
    dialect: str = ""  # of OpenAI's format, in which it answers; empty: that of the request

    # Two that say the same are still two mocks.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def id(self) -> str:
        """What the control API calls it."""
        return self.place

    @found_once
    def key(self) -> Tuple[str, str]:
        """What stays the same when it is read again and is as it was."""
        return self.place, self.canonical

    @found_once
    def is_repeatable(self) -> bool:
        """Whether equal calls get equal answers, however often and with whatever headers."""
        if self.limit or self.times or len(self.answers) > 1:
            return False
        if "{{" in self.canonical and "header." in self.canonical:
            return False
        if self.answers[0].probability < 1:
            return False
        delivery = self.answers[0].delivery
        has_jitter = bool(delivery.pace and delivery.pace.jitter)
        return not has_jitter and not delivery.fault

    def answer(self, used: int) -> Answer:
        """The answer after `used` uses: in turn, then the last again, or all over with `cycle`."""
        if self.cycle:
            return self.answers[used % len(self.answers)]
        return self.answers[min(used, len(self.answers) - 1)]

    def matches(self, call: Call) -> Verdict:
        """Whether all conditions hold; if they do, with what their named groups found."""
        groups: Dict[str, str] = {}
        for condition in self.conditions:
            holds = condition.holds(condition.get(call))
            if not holds:
                return False
            if isinstance(holds, dict):
                groups.update(holds)
        return groups or True

    def is_spent(self, used: int) -> bool:
        """Whether it answers no more after `used` uses."""
        return self.times is not None and used >= self.times

    def written_in(self, wire: WireFormat, call: Call) -> WireFormat:
        """The wire format in which it answers a call that was read in another."""
        if not self.dialect:
            return wire
        return respoken(wire, call.request, self.dialect)

    def differences(self, call: Call, wire: WireFormat, used: int = 0) -> List[Difference]:
        """Everything that keeps it from answering a call after `used` uses; empty for a match."""
        wire = self.written_in(wire, call)
        differences = [condition.difference(call) for condition in self.conditions]
        if self.is_spent(used):
            differences.append(("times", used, Because(f"fewer than {self.times} uses")))
        differences.append(self.answer(used).lacks(wire, call))
        lacking = [difference for difference in differences if difference]
        chance = self.answer(used).probability
        if chance < 1 and not lacking:
            lacking.append(("probability", chance, Because("a draw that it wins")))
        return lacking

    def claim(
        self, call: Call, wire: WireFormat, uses: Uses, holds: Verdict, seed: int
    ) -> Optional[Found]:
        """Its answer to a call that matches, which uses it; None if it has none for that call, or
        an error that loses its draw.  What exceeds its limit is answered with an error, and is no
        use."""
        groups = holds if isinstance(holds, dict) else {}
        limit = None
        wire = self.written_in(wire, call)
        # Two requests at once must not both get the last use.
        with uses.lock:
            used = uses.count
            answer = self.answer(used)
            if self.is_spent(used) or answer.lacks(wire, call):
                return None
            if answer.probability < 1:
                uses.draws += 1
                if not answer.wins(f"{seed}/{self.place}/{uses.draws}"):
                    return None
            if self.limit:
                limit = uses.admit(*self.limit)
                if limit.is_exceeded:
                    failure = Failure(
                        0, "", kind="rate_limit", wait=limit.wait, most=limit.requests
                    )
                    refused = Answer(failure, 429, Delivery())
                    return Found(self, refused, used, uses, groups, wire, limit)
            uses.count = used + 1
        return Found(self, answer, used, uses, groups, wire, limit)


def parse_mock(node: MockNode) -> Mock:
    """A mock from its JSON, at the place that is its source; BadMock says what is wrong with it."""
    spec = without_notes(node.only((*MOCK_KEYS, *NOTE_KEYS), ELSEWHERE_IN_A_MOCK).value)
    if ("response" in spec) == ("responses" in spec):
        found = "both" if "response" in spec else "neither"
        node.fail(f'expected either "response" or "responses", found {found}')
    name = node.get("name").text(node.source)
    if spec.get("name") == "":
        node.get("name").fail("is empty, and so would tell nothing in the log and the journal")
    responses = [node.get("response")]
    if "responses" in spec:
        responses = node.get("responses").items()
        if not responses:
            node.get("responses").fail("expected at least one response, found []")
    times = parse_times(node.get("times"), responses)
    asked = conditions(node.get("match"), usual_operation(responses))
    groups = [group for condition in asked for group in condition.group_names]
    answers = tuple(parse_answer(response, groups) for response in responses)
    dialect = ""
    if "dialect" in spec:
        dialect = node.get("dialect").choice(DIALECTS)
    check_reach(node, asked, responses, answers)
    return Mock(
        name,
        node.source,
        asked,
        answers,
        parse_cycle(node.get("cycle"), responses, times),
        times,
        sorted_compact(spec),
        parse_limit(node.get("limit")),
        dialect,
    )


def without_notes(spec: Dict[str, Json]) -> Dict[str, Json]:
    """A mock's JSON without what is no part of it."""
    if spec.keys().isdisjoint(NOTE_KEYS):
        return spec
    return {key: value for key, value in spec.items() if key not in NOTE_KEYS}


def parse_times(node: Node, responses: Sequence[Node]) -> Optional[int]:
    """After how many uses a mock no longer matches, if it does."""
    if node.is_null:
        return None
    times: int = node.integer("a number of uses, at least 1", 1, math.inf)
    if times < len(responses):
        responses[times].fail(f'can never be given, for "times" is {times}')
    return times


def parse_cycle(node: Node, responses: Sequence[Node], times: Optional[int]) -> bool:
    """Whether the responses start over after the last."""
    cycle = node.flag(False)
    if cycle and len(responses) == 1:
        node.fail("has no effect: there is one response")
    if cycle and times == len(responses):
        node.fail(f'has no effect, for "times" is {times}')
    return cycle


def usual_operation(responses: Iterable[Node]) -> str:
    """Which requests a mock means that does not say so: an embedding answers only embed."""
    if any(not response.get("embedding").is_absent for response in responses):
        return "embed"
    return "generate"


def parse_limit(node: Node) -> Optional[Tuple[int, float]]:
    """A rate limit: requests, and the seconds in which there may be so many."""
    if node.is_null:
        return None
    node.only(("requests", "per"))
    requests = node.get("requests").integer("a number of requests", 0, math.inf)
    above_0 = sys.float_info.min  # a window of no time would have no end
    per = node.get("per").number("seconds, above 0 and up to a day", above_0, 86400, 60)
    return requests, float(per)


# === pacing ==================================================================
# Pacing: the pauses between events, and what keeps a stream alive meanwhile.  Pure.


NO_PACE = Pace()


def gaps(pace: Pace) -> Iterator[float]:
    """Seconds before each event.  Jitter is drawn from the seed, the same on every machine."""
    yield pace.first
    if pace.gaps:
        yield from pace.gaps
        yield from itertools.repeat(0.0)
    for number in itertools.count():
        if not pace.jitter:
            yield pace.between
            continue
        drawn = share(f"{pace.seed}/{number}")
        yield pace.between * (1 + pace.jitter * (2 * drawn - 1))


def paced(groups: Iterable[Group], pace: Pace) -> Iterator[Group]:
    """Groups of events, and before each the pause until it is due."""
    pauses = gaps(pace)
    marks: List[Group] = []
    for frame, events in groups:
        if isinstance(frame, Mark):  # what comes in place of an event comes when it would have come
            marks.append((frame, 0))
            continue
        if isinstance(frame, bytes):
            pause = sum(itertools.islice(pauses, events))
            if pause:
                yield Wait(pause), 0
            yield from marks
            marks = []
        yield frame, events
    yield from marks


# --- kept alive ---

NUMBERED_PLACE = re.compile(rb'("sequence_number": ?)([0-9]+)')


def kept_alive(groups: Iterable[Group], every: float, ping: bytes, hangs: bool) -> Iterator[Group]:
    """Groups of events, and a ping whenever there was nothing else for so many seconds.

    A ping counts as no event.  Behind the mark of a fault that `hangs` there is nothing else."""
    pinged = Pinged(ping)
    quiet = 0.0  # seconds for which nothing was sent
    for frame, events in groups:
        if isinstance(frame, Wait):
            left = frame.seconds
            while quiet + left > every:  # what is due at the same moment makes it needless
                yield Wait(every - quiet), 0
                yield pinged.ping(), 0
                left -= every - quiet
                quiet = 0.0
            quiet += left
            yield Wait(left), 0
        elif isinstance(frame, Hold):
            quiet = yield from held(every, quiet, pinged)
        elif isinstance(frame, Mark) and hangs:
            while True:
                yield Hang(every - quiet), 0
                yield pinged.ping(), 0
                quiet = 0.0
        elif isinstance(frame, bytes):
            yield pinged.behind(frame, events), events
            quiet = 0.0
        else:
            yield frame, events


def held(every: float, quiet: float, pinged: Pinged) -> Generator[Group, None, float]:
    """A place that is passed when its gate lets it, and pings until then; how long ago the last
    one was."""
    hold = Hold(every - quiet)
    yield hold, 0
    while not hold.passed:
        yield pinged.ping(), 0
        hold = Hold(every)
        quiet = 0.0
        yield hold, 0
    return min(every, quiet + hold.waited)


class Pinged:
    """The pings of a stream.  One that has a number takes it from the events behind it: such are
    OpenAI's (reported by SDKs: its `keepalive` is an event among the others)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.has_number = b"%d" in data and not data.startswith(b":")  # a comment is as it is
        self.events = self.pings = 0  # so far

    def ping(self) -> bytes:
        """The next ping."""
        if not self.has_number:
            return self.data
        self.pings += 1
        return self.data % (self.events + self.pings - 1)

    def behind(self, frame: bytes, events: int) -> bytes:
        """Events with the numbers that they have behind the pings so far."""
        self.events += events
        if not self.has_number or not self.pings:
            return frame
        return NUMBERED_PLACE.sub(self.moved, frame)

    def moved(self, number: "re.Match[bytes]") -> bytes:
        """A number that comes later by the pings so far."""
        return b"%b%d" % (number.group(1), int(number.group(2)) + self.pings)


# === transport ===============================================================
# Transport: responses as steps, with their gates, gzip, plans, chunks and pace.

# Knows no provider, no socket and no clock.


def answer_steps(response: Response, exchange: Exchange) -> Iterable[Step]:
    """A response as what happens on the socket, faults included."""
    intact = intact_steps(response, exchange)
    fault = response.delivery.fault
    if fault is None and isinstance(intact, list):
        return intact  # a whole answer: there is nothing to join
    ending: Optional[bytes] = None
    streams = response.frames is not None and response.status not in NO_BODY
    if streams and not exchange.head_only:
        ending = b"0\r\n\r\n" if exchange.minor else b""
    elif fault and not may_break_inside(fault, response, exchange):
        fault = replace(fault, after=None)
    return joined(broken(fault, "steps", intact, ending))


def intact_steps(response: Response, exchange: Exchange) -> Iterable[Step]:
    """A response as what happens on the socket if nothing goes wrong there."""
    answer: Iterable[Step]
    if response.frames is None or response.status in NO_BODY:
        answer = whole_steps(response, exchange)  # made now: nothing is left to do after a pause
    else:
        answer = stream_steps(response, exchange, response.frames)
        if response.ping:  # which goes out while it waits, and so does the head
            return answer
    if response.delivery.delay:
        return itertools.chain([Wait(response.delivery.delay)], answer)
    return answer


# --- codings ---


def coding_of(response: Response, accept: Optional[str]) -> Optional[str]:
    """How a response is coded: one of the codings of an Exchange.

    `accept` is the client's Accept-Encoding.  None if it takes neither gzip nor identity."""
    delivery = response.delivery
    if delivery.gzip == "always":
        return "gzip"
    if not negotiates(response):
        return "identity"
    if delivery.plan.gzip:  # which says how gzip is flushed, so that there has to be some
        return negotiated(accept)
    # The mock's own body is in that coding already.
    if "content-encoding" in [name.lower() for name, _ in delivery.headers]:
        return "identity"
    coding = negotiated(accept)
    if coding == "gzip" and response.frames is None and takes_identity(accept):
        return "smaller"
    return coding


def negotiates(response: Response) -> bool:
    """Whether the client's Accept-Encoding is asked."""
    delivery = response.delivery
    return delivery.gzip == "auto" and (response.may_gzip or bool(delivery.plan.gzip))


def coding_headers(response: Response, coding: str, says_gzip: bool) -> Headers:
    """What the head says of the coding; one that `says_gzip` may lie."""
    headers: Headers = ()
    # Another Accept-Encoding might have got other bytes (RFC 9110, 12.5.5).
    if response.status not in NO_BODY and (coding != "identity" or negotiates(response)):
        headers += (("Vary", "Accept-Encoding"),)
    if says_gzip:
        headers += (("Content-Encoding", "gzip"),)
    return headers


# --- heads ---


def chunked_headers(plan: Plan) -> Headers:
    """What the head says of a body in chunks."""
    headers: Headers = (("Transfer-Encoding", "chunked"),)
    if plan.trailers:
        headers += (("Trailer", TRAILER[0]),)
    return headers


def complete_head(
    response: Response, exchange: Exchange, headers: Headers, keep_alive: bool
) -> bytes:
    """The head of a response; `headers` are those that are only true of this one."""
    if not keep_alive or response.delivery.plan.close:
        headers += (("Connection", "close"),)
    # HTTP/1.0 closes unless both sides say otherwise (RFC 9112, 9.3).
    elif not exchange.minor:
        headers += (("Connection", "keep-alive"),)
    if response.delivery.headers:  # a mock's own go before them, but for what frames the answer
        replaced = {name.lower() for name, _ in response.delivery.headers}
        # These are true of this one answer, whatever a mock says.
        replaced -= {"x-mock-request-id", *FRAMING_HEADERS}
        headers = tuple(header for header in headers if header[0].lower() not in replaced)
    return head_bytes(response.status, response.headers + headers) + b"\r\n"


# --- whole answers ---


def whole_steps(response: Response, exchange: Exchange) -> Iterable[Step]:
    """A response without a stream, as one write unless its plan cuts it."""
    body, says_gzip = whole_body(response, exchange.coding)
    plan = response.delivery.plan
    chunked = goes_chunked(response, exchange)
    headers = exchange.extra + coding_headers(response, exchange.coding, says_gzip)
    if chunked:
        headers += chunked_headers(plan)
    elif response.status not in NO_BODY:
        headers += (("Content-Length", str(len(body))),)
    head = complete_head(response, exchange, headers, exchange.keep_alive)
    if exchange.head_only:
        return [Send(head, head=len(head))]
    if not chunked and not (plan.split and body):
        return [Send(head + body, head=len(head))]
    pieces: Iterable[Frame] = cut_up(body, plan.split)
    fault = response.delivery.fault
    if fault and fault.after and may_break_inside(fault, response, exchange):
        pieces = marked(pieces, fault.after, bool, leaves_one=not chunked)
    return itertools.chain(
        [Send(head, head=len(head), alone=bool(plan.split))], body_steps(pieces, plan, chunked)
    )


def goes_chunked(response: Response, exchange: Exchange) -> bool:
    """Whether a whole body is sent in chunks."""
    # Where there can be none it is sent as it always is (RFC 9112, 6.1).
    return response.delivery.plan.chunked and exchange.minor > 0 and response.status not in NO_BODY


def may_break_inside(fault: Fault, response: Response, exchange: Exchange) -> bool:
    """Whether a fault has a place inside a whole answer: one in a single write has none."""
    if fault.after is None or fault.after.pieces or exchange.head_only:
        return False
    return goes_chunked(response, exchange) or bool(response.delivery.plan.split)


def body_steps(pieces: Iterable[Frame], plan: Plan, chunked: bool) -> Iterator[Step]:
    """The pieces of a whole body, each a chunk or only a write."""
    alone = bool(plan.split)
    for piece in pieces:
        if not isinstance(piece, bytes):
            yield piece
        elif piece:
            yield Send(framed(piece, chunked, plan), alone=alone)
    if chunked:
        yield Send(chunk(b"", plan), last=True, alone=alone)


def whole_body(response: Response, coding: str) -> Tuple[bytes, bool]:
    """The body of a whole answer as it is sent, and whether its head calls it gzip."""
    body, mode = response.body, response.delivery.plan.gzip
    if response.status in NO_BODY:
        body = b""
    if breaks(response.delivery.fault, "coding"):
        return body, True
    if coding == "identity" or response.status in NO_BODY:
        return body, False
    if response.twin and mode != "members":  # the file's own gzip, as it was recorded
        return response.twin, True
    packed = gzip_body(body, mode)
    if coding == "smaller" and len(packed) >= len(body):
        return body, False
    return packed, True


# --- streams ---


def stream_steps(response: Response, exchange: Exchange, frames: Iterable[Frame]) -> Iterator[Step]:
    """The head of a streamed response, then its events as its pace and its plan will have them."""
    delivery = response.delivery
    says_gzip = exchange.coding != "identity" or breaks(delivery.fault, "coding")
    chunked = exchange.minor > 0
    headers = exchange.extra + coding_headers(response, exchange.coding, says_gzip)
    if chunked:
        headers += chunked_headers(delivery.plan)
    head = complete_head(response, exchange, headers, exchange.keep_alive and chunked)
    yield Send(head, head=len(head))
    if exchange.head_only:
        return
    pace = delivery.pace or NO_PACE
    # Where pauses keep the stream waiting, the usual one is made once and kept as a tuple of steps:
    # a thousand that run at once then take next to nothing.
    unusual = says_gzip or pace.jitter or delivery.gate or delivery.fault or response.ping
    if not isinstance(frames, tuple) or unusual or delivery.plan != USUAL_PLAN:
        yield from planned_chunks(response, exchange.coding, frames, chunked)
    elif (pace.between or pace.gaps) and sum(map(frame_size, frames)) <= LONG:
        yield from prepared_chunks(frames, pace, chunked)
    elif pace.has_pauses:
        yield from planned_chunks(response, exchange.coding, frames, chunked)
    else:
        yield from unpaced_chunks(frames, chunked)


def planned_chunks(
    response: Response, coding: str, frames: Iterable[Frame], chunked: bool
) -> Iterator[Step]:
    """The events of a stream as gate, fault, plan, pace and coding will have them."""
    delivery = response.delivery
    plan, pace, fault = delivery.plan, delivery.pace or NO_PACE, delivery.fault
    if delivery.gate:
        frames = gated(frames, delivery.gate, response.is_piece)
    frames = place_of_fault(fault, frames, response.is_piece)
    if response.ping and delivery.delay:
        pace = replace(pace, first=delivery.delay + pace.first)
    groups: Iterable[Group] = coalesced(frames, plan.coalesce)
    if pace.has_pauses:
        groups = paced(groups, pace)
    if response.ping and delivery.keepalive:
        hangs = fault is not None and fault.kind == "hang"
        groups = kept_alive(groups, delivery.keepalive.every, response.ping, hangs)
    gzip = coding != "identity"
    if breaks(fault, "coding"):
        groups = broken(fault, "coding", groups)
    elif gzip:
        groups = gzip_groups(groups, plan.gzip or "event")
    return sent_chunks(groups, chunked, plan, gzip)


def sent_chunks(
    groups: Iterable[Group], chunked: bool, plan: Plan = USUAL_PLAN, gzip: bool = False
) -> Iterator[Step]:
    """Groups of events, then the last chunk.

    Each group is a chunk and a write, or several where the plan cuts it."""
    alone = plan != USUAL_PLAN
    split = plan.split
    if gzip and isinstance(split, str):
        split = ""  # there are no characters and line ends in gzip
    for frame, events in groups:
        if not isinstance(frame, bytes):
            yield frame
            continue
        pieces = cut_up(frame, split)
        last = next(pieces)
        for piece in pieces:
            yield Send(framed(last, chunked, plan), alone=True)
            last = piece
        data = framed(last, chunked, plan)
        yield Send(data, (len(data),) * events, alone=alone)
    if chunked:
        yield Send(chunk(b"", plan), last=True, alone=alone)


def framed(piece: bytes, chunked: bool, plan: Plan) -> bytes:
    """A piece of a stream as HTTP/1.1 or, not `chunked`, HTTP/1.0 sends it."""
    if chunked:
        return chunk(piece, plan)
    return piece


@functools.lru_cache(maxsize=16)
def prepared_chunks(frames: Tuple[Frame, ...], pace: Pace, chunked: bool) -> Tuple[Step, ...]:
    """The steps of a recorded or remembered stream whose pauses are all known."""
    return tuple(sent_chunks(paced(coalesced(frames, 1), pace), chunked))


def unpaced_chunks(frames: Iterable[Frame], chunked: bool) -> Iterator[Step]:
    """Events without pauses and their last chunk, as `paced_chunks` and `joined` would have them,
    in a fraction of the time."""
    ending = framed(b"", chunked, USUAL_PLAN)
    room = JOINED - len(ending)
    pieces: List[bytes] = []
    ends: List[int] = []
    size = 0
    for frame in frames:
        piece = b""
        if isinstance(frame, bytes):
            piece = frame
            if chunked:  # as `chunk` has it
                piece = b"%x\r\n%b\r\n" % (len(frame), frame)
        more = size + len(piece)
        if pieces and (not piece or more > room):
            yield Send(b"".join(pieces), tuple(ends))
            pieces, ends, more = [], [], len(piece)
        size = more
        if not isinstance(frame, bytes):
            yield frame
            continue
        pieces.append(piece)
        ends.append(size)
    if pieces or chunked:
        yield Send(b"".join(pieces) + ending, tuple(ends), last=chunked)


def joined(steps: Iterable[Step]) -> Iterator[Step]:
    """The same steps, but what is due at the same moment leaves in one write of at most JOINED
    bytes."""
    held: List[Send] = []
    size = 0
    for step in steps:
        if isinstance(step, Breath):
            yield step
            continue
        joins = isinstance(step, Send) and not step.alone
        if isinstance(step, Send) and joins and size + len(step.data) <= JOINED:
            held.append(step)
            size += len(step.data)
            continue
        if held:
            yield one_of(held)
        held = []
        size = 0
        if isinstance(step, Send) and joins:
            held = [step]
            size = len(step.data)
        else:
            yield step
    if held:
        yield one_of(held)


def one_of(sends: List[Send]) -> Send:
    """Several writes as one."""
    if len(sends) == 1:
        return sends[0]
    ends: List[int] = []
    size = 0
    for send in sends:
        ends += [size + end for end in send.ends]
        size += len(send.data)
    data = b"".join([send.data for send in sends])
    return Send(data, tuple(ends), sum([send.head for send in sends]), sends[-1].last)


# === answered ================================================================
# A response and where it comes from, and what the journal remembers of it.  Touches nothing.


ITEM_SIZE = 64  # of a short string in a tuple
TOOLS_KEPT = 128  # of a body that is too long to be kept; OpenAI takes no more
# Paths that are asked for to see whether somebody is there; what a mock answers is no probe.
PROBES = frozenset(("/", "/health", "/healthz", "/livez", "/readyz", "/ping", "/favicon.ico"))
ENTRY_SIZE = 1500  # about how many bytes of memory the objects of an entry and its call take


@record
class Answered:
    """A response and where it comes from: what was asked, which mock, and why none.

    `is_repeatable` says that an equal request will get an equal one, `feed` fills a stream while
    it runs, `control` marks the control API's own."""

    response: Response
    call: Optional[Call] = None
    mock: str = ""
    note: str = ""
    wire: Optional[WireFormat] = None
    uses: Optional[Uses] = None
    is_repeatable: bool = True
    near: Tuple[Json, ...] = ()
    unmatched: bool = False
    feed: Optional[Feed] = None
    control: bool = False

    @property
    def is_lasting(self) -> bool:
        """Whether it can be sent more than once: it is repeatable, and all of it is there."""
        return self.is_repeatable and self.is_there

    @property
    def is_there(self) -> bool:
        """Whether it is not made while it is sent."""
        return self.response.frames is None or isinstance(self.response.frames, tuple)

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may live on behind it."""
        return not self.response.delivery.plan.close

    @property
    def weight(self) -> int:
        """About how many bytes of memory are free again once it is sent."""
        if self.is_there:
            return len(self.response.body)
        return LONG  # a long stream, as much of it as was there at a time


def control_response(status: int, value: Json, headers: Headers = ()) -> Response:
    """JSON for a test."""
    return Response(
        status,
        (("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers),
        utf8(compact(value) + "\n"),
    )


def control_refusal(refused: Refused) -> Answered:
    """Why a control request is refused."""
    error = {"error": {"message": refused.message, "code": refused.code or "bad_request"}}
    return Answered(control_response(refused.status, error, refused.headers), control=True)


def asked_of(request: Request, head: Head, answered: Answered) -> Asked:
    """A request and its answer as the journal keeps them.  Credentials are masked for all who look:
    here they are as they came."""
    call = answered.call
    if call and not call.was_read:
        call = None
    body: Json
    if len(request.body) > JOURNAL_BODY:
        body = request.body[:JOURNAL_BODY].decode("utf-8", "replace")
        call = shortened(call)
    elif call:
        body = call.body
    else:
        body = request.body.decode("utf-8", "replace")
    size = ENTRY_SIZE + head.weight + body_size(request.body, body, call)
    if answered.near:
        size += walked_size(list(answered.near))
    provider = None
    if answered.wire:
        provider = answered.wire.provider or None
    asked = Asked(request, head, body, provider, call, size)
    if "multipart" in head.headers.get("content-type", "").lower() and request.form is not None:
        asked.form = bounded_form(request.form, JOURNAL_BODY)
        asked.size += walked_size(asked.form)
    asked.mock = answered.mock
    asked.note = answered.note
    asked.unmatched = answered.unmatched
    asked.near = answered.near
    response = answered.response
    asked.status = response.status
    if response.delivery.fault:
        asked.fault = response.delivery.fault.kind
    if response.frames is None:
        asked.events_total = 0
    elif isinstance(response.frames, tuple):
        asked.events_total = len(response.frames)
    if request.path in PROBES and not asked.mock:
        # A malformed request may seem to ask for the root, too.
        asked.is_probe = request.method in ("GET", "HEAD") and asked.status in (200, 404)
    return asked


def told_and_steps(
    request: Request, head: Head, answered: Answered, exchange: Exchange
) -> Tuple[Optional[Asked], Iterable[Step]]:
    """What the journal says of an answer, if it is to say anything, and the steps of it."""
    asked = None
    if not answered.control:
        asked = asked_of(request, head, answered)
    return asked, answer_steps(answered.response, exchange)


def body_size(raw: bytes, body: Json, call: Optional[Call]) -> int:
    """About the bytes of memory that a body takes as it is kept, with what was read of it."""
    size = 0
    if isinstance(body, str):
        size += strings_size((body,))
    elif call:
        size += len(raw) + json_size(raw, body)
    if call:
        results = (call.tool_result or "", call.tool_call_id or "")
        texts = (call.user, call.system, call.prompt, *results)
        size += strings_size(texts) + ITEM_SIZE * (len(call.inputs) + len(call.tools))
    return size


def shortened(call: Optional[Call]) -> Optional[Call]:
    """A call without what takes as much memory as a body that is too long to be kept."""
    if not call:
        return None
    return replace(
        call,
        request=replace(call.request, body=b""),
        body=None,
        prompt="",
        inputs=(),
        schema=None,
        model=call.model[:JOURNAL_BODY],
        user=call.user[:JOURNAL_BODY],
        system=call.system[:JOURNAL_BODY],
        tools=tuple(name[:JOURNAL_BODY] for name in call.tools[:TOOLS_KEPT]),
        tool_result=beginning(call.tool_result),
        tool_call_id=beginning(call.tool_call_id),
        custom_tools=(),
    )


def beginning(text: Optional[str]) -> Optional[str]:
    """As much of a text, if there is one, as the journal keeps."""
    if text is None:
        return None
    return text[:JOURNAL_BODY]


def own_headers(request: Request, answered: Answered) -> Headers:
    """Headers for a page in a browser: it may call the providers' paths, but of the control API
    none but its own."""
    if "origin" not in request.headers or answered.control:
        return ()
    return (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "*"))


def advanced(work: Work[Answered]) -> Union[Wanting, Answered]:
    """What work wants next, or what it gives in the end."""
    try:
        return next(work)
    except StopIteration as stop:
        answered: Answered = stop.value
        return answered


# === brought =================================================================
# The header X-Mock-Response: the answer that a request brings along.  Pure.


HEADER = "X-Mock-Response"
LONG_HEADER = 2048  # characters of one that is read anew each time: what is read takes more memory
TRAVEL_KEYS = frozenset((*DELIVERY_KEYS, *FAULT_KEYS, *AFTER_KEYS))
# The fields of a Delivery that keys of a response stand for, where they are called otherwise; what
# belongs to a fault is part of it.
DELIVERY_FIELDS: Mapping[str, str] = {
    "wire": "plan",
    "probability": "fault",
    "after_events": "fault",
    "after_pieces": "fault",
}


@record
class Brought:
    """What a request brings along: an answer, or how the matching mock's is to travel."""

    answer: Optional[Answer] = None
    delivery: Optional[Delivery] = None
    fields: Tuple[str, ...] = ()  # of the delivery, that the header sets

    @property
    def has_fault(self) -> bool:
        """Whether it breaks the answer of whoever gives one."""
        return self.answer is None and "fault" in self.fields

    def laid_over(self, delivery: Delivery) -> Delivery:
        """A delivery with what the header says of it in place of its own."""
        if not self.fields:
            return delivery
        return replace(delivery, **{name: getattr(self.delivery, name) for name in self.fields})


NOTHING = Brought()


def brought_along(call: Call, seed: int) -> Brought:
    """What the header of a request says.  Refused says what is wrong with it.

    An answer that loses its draw is as if it were not there.  The same header draws the same, so
    that the same request gets the same."""
    text = call.headers.get("x-mock-response")
    if text is None:
        return NOTHING
    read: Callable[[str], Brought] = known_header
    if len(text) > LONG_HEADER:
        read = header_read
    try:
        brought = read(text)
    except BadMock as error:
        raise Refused(400, str(error), code="bad_mock_response") from None
    except TwiceError as error:
        raise Refused(400, f"{HEADER}: {error}", code="bad_mock_response") from None
    except ValueError as error:
        message = f"{HEADER}: not JSON: {error}"
        raise Refused(400, message, code="bad_mock_response") from None
    if brought.answer and not brought.answer.wins(f"{seed}/header/0"):
        return NOTHING
    return brought


def header_read(text: str) -> Brought:
    """The text of the header, of which ValueError says that it is no JSON, BadMock what is wrong
    with it."""
    return read_header(parse_json(header_bytes(text), unique=True))


# A test sends the same header with each of its requests.
known_header = functools.lru_cache(maxsize=64)(header_read)


def header_bytes(text: str) -> bytes:
    """A header's value as the bytes that came: heads are read as Latin-1."""
    return text.encode("latin-1", "replace")


def read_header(spec: Json) -> Brought:
    """The JSON of the header: a `response`, or only keys that say how one travels."""
    node = MockNode.whole({"response": spec}, HEADER, no_file).get("response")
    if not isinstance(spec, dict) or not spec or not set(spec) <= TRAVEL_KEYS:
        answer = parse_answer(node, ())
        check_answer(node, answer, WAYS)  # as of a mock that answers whatever is asked
        return Brought(answer)
    names = {DELIVERY_FIELDS.get(key, key) for key in map(str, spec)}
    return Brought(delivery=parse_delivery(node), fields=tuple(sorted(names)))


def no_file(name: str) -> bytes:
    """Refuses to read: a header may name no files."""
    raise Unreadable(f"@{name} is a file, and a header may name none; put it in a mock")


# === options =================================================================
# The options: one table that the command line, the environment, MockServer and the docs read.

# May look whether a directory exists.


HOST_NAME = re.compile(
    r"(?:\*\.)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,250}"  # a name, maybe with a wildcard
    r"|[0-9A-Fa-f:.]+"  # an address
)
FLAGS = {"1": True, "true": True, "0": False, "false": False}


class BadOption(WrongValue):
    """An option that can't be followed."""


class OptionNode(Written):
    """What an option is given."""

    __slots__ = ()
    error = BadOption


# --- kinds of options ---


class Kind(NamedTuple):
    """What an option takes: `parse` reads a text, ValueError if that is none of the kind; `check`
    gives the value back if it is as it must be, wherever it is from."""

    parse: Callable[[str], Any]
    check: Callable[[OptionNode], Any]


def checked_path(node: OptionNode, what: str = "a file") -> str:
    """A path, as text or as a pathlib.Path."""
    if not isinstance(node.value, (str, os.PathLike)):
        node.expected(what)
    return os.fspath(node.value)


def checked_directory(node: OptionNode) -> str:
    """The path of a directory that exists."""
    path = checked_path(node, "a directory")
    if not os.path.isdir(path):
        node.fail(f"no directory {shown(path)}")
    return path


def checked_host_name(node: OptionNode) -> str:
    """A host name, maybe with a wildcard, or an address."""
    if not node.is_a("a string") or not HOST_NAME.fullmatch(node.value):
        node.expected("a name or an address")
    return str(node.value)


def checked_flag(node: OptionNode) -> bool:
    """True or false."""
    if node.value not in (True, False):  # 1 == True
        node.expected("1, 0, true or false")
    return bool(node.value)


def whole(what: str, least: float, most: float) -> Kind:
    """A whole number from `least` to `most`; `what` says so in words."""
    return Kind(int, lambda node: node.integer(what, least, most))


def word_of(words: str) -> Kind:
    """One of the words between the bars of `error|echo`."""
    return Kind(str, lambda node: node.choice(words.split("|")))


def port_and_dialect(text: str) -> Tuple[int, str]:
    """The two halves of `5001=mistral`."""
    port, _, name = text.partition("=")
    return int(port), name


def checked_dialect(node: OptionNode) -> str:
    """A port and the dialect that it speaks, as `5001=mistral`."""
    text = node.text()
    port, equals, name = text.partition("=")
    if not equals or not port.isdecimal() or not 0 < int(port) < 65536:
        node.expected("PORT=NAME, such as 5001=mistral")
    OptionNode(name, node.source, written=name).choice(DIALECTS)
    return f"{int(port)}={name}"


TEXT = Kind(str, lambda node: node.text())
FILE = Kind(str, checked_path)
DIRECTORY = Kind(str, checked_directory)
NAME = Kind(str, checked_host_name)
DIALECT = Kind(str, checked_dialect)
FLAG = Kind(lambda text: FLAGS.get(text.lower(), text), checked_flag)
SECONDS = Kind(float, lambda node: node.number("seconds from 0 to 3600", 0, 3600))
PORT = whole("a port from 0 to 65535", 0, 65535)
SEED = whole("a whole number", float("-inf"), float("inf"))
BYTES = whole("a number of bytes, at least 1", 1, float("inf"))
REQUESTS = whole("a number of requests from 0 to 1000000000", 0, 10**9)


# --- the table ---


# The parts of --help.
LISTENING, ANSWERS, HTTPS = "where it listens", "what it answers", "HTTPS"
LOOKING, INSTEAD = "what tests and people see", "instead of serving"


class Option(NamedTuple):
    """One option; a default that is a tuple means that it may be given several times, `group` is
    the part of --help that it stands in.

    MockServer has it as a keyword unless `is_keyword` is false, with `python_default` where its
    default is another there."""

    group: str
    flag: str
    metavar: str
    kind: Kind
    default: Any
    help: str
    is_keyword: bool = True
    python_default: Any = MISSING

    @property
    def name(self) -> str:
        """Its name in Python."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "MOCK_SERVER_" + self.name.upper()

    @property
    def is_flag(self) -> bool:
        """Whether it stands on the command line without a value."""
        return not self.metavar

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be given several times."""
        return isinstance(self.default, tuple)

    @property
    def keyword_default(self) -> Any:
        """The default of MockServer's keyword."""
        return self.default if self.python_default is MISSING else self.python_default

    def read(self, text: str, source: str) -> Any:
        """The value of a text; BadOption says where that came from."""
        try:
            value = self.kind.parse(text)
        except ValueError:
            value = text  # which is none of the kind, as the check says
        return self.kind.check(OptionNode(value, source, written=text))

    def read_keyword(self, value: Any) -> Any:
        """The value of MockServer's keyword; None is the same as leaving it out."""
        if value is None:
            value = self.keyword_default
        if value is None:
            return None
        if not isinstance(self.keyword_default, tuple):
            return self.kind.check(OptionNode(value, self.name))
        values = [value]
        # A text is one value, not its letters.
        if isinstance(value, Iterable) and not isinstance(value, str):
            values = list(value)
        return [self.kind.check(OptionNode(one, self.name)) for one in values]


# In the order of --help and of the README's table.
OPTIONS = (
    Option(
        LISTENING,
        "port",
        "PORT",
        PORT,
        (DEFAULT_PORT,),
        "port to listen on, 0 for a free one; several are several upstreams in one process",
        python_default=0,
    ),
    Option(LISTENING, "--host", "HOST", TEXT, "127.0.0.1", "address to listen on"),
    Option(
        ANSWERS,
        "--data",
        "DIR",
        DIRECTORY,
        (),
        "where mocks are read from; repeatable (default: data/ beside the script, or here if it "
        "is a module)",
    ),
    Option(
        ANSWERS,
        "--fallback",
        "error|echo",
        word_of("error|echo"),
        "error",
        "a request that no mock matches: 404 that explains, or an echo of it",
    ),
    Option(
        ANSWERS,
        "--dialect",
        "PORT=NAME",
        DIALECT,
        (),
        "dialect of OpenAI's format that a port speaks: " + ", ".join(DIALECTS) + "; repeatable",
    ),
    Option(
        ANSWERS,
        "--pace",
        "SECONDS",
        SECONDS,
        0.0,
        "pause between streamed events where a mock sets none",
    ),
    Option(
        ANSWERS,
        "--require-auth",
        "",
        FLAG,
        False,
        "401 (Gemini, Bedrock: 403) in the provider's shape without the provider's credential",
    ),
    Option(
        HTTPS,
        "--tls",
        "",
        FLAG,
        False,
        "serve HTTPS, with a certificate made at start by openssl unless one is given",
    ),
    Option(HTTPS, "--cert", "FILE", FILE, None, "certificate for --tls, with --key"),
    Option(HTTPS, "--key", "FILE", FILE, None, "its key"),
    Option(
        HTTPS,
        "--tls-name",
        "NAME",
        NAME,
        (),
        "further name in the certificate made at start; repeatable",
    ),
    Option(
        HTTPS,
        "--tls-cert-out",
        "FILE",
        FILE,
        None,
        "where to write that certificate, so that clients can trust it",
    ),
    Option(ANSWERS, "--seed", "N", SEED, 0, "seed of everything random (jitter, probability)"),
    Option(
        LOOKING,
        "--control-token",
        "TOKEN",
        TEXT,
        "",
        "let clients that are not on loopback use the control API with this bearer token",
    ),
    Option(ANSWERS, "--max-body", "BYTES", BYTES, MAX_BODY, "largest request body; above it 413"),
    Option(LOOKING, "--journal", "N", REQUESTS, JOURNAL, "how many requests a session remembers"),
    Option(
        LOOKING,
        "--log",
        "text|json|off",
        word_of("text|json|off"),
        "text",
        "request log on standard error",
        python_default="off",
    ),
    Option(
        LISTENING,
        "--exit-on-stdin-close",
        "",
        FLAG,
        False,
        "stop when standard input closes, so that no server outlives its test",
        is_keyword=False,
    ),
    Option(
        INSTEAD,
        "--check",
        "",
        FLAG,
        False,
        "validate the mocks, print what is wrong or doubtful, exit 0 or 2",
        is_keyword=False,
    ),
    Option(
        INSTEAD,
        "--schema",
        "",
        FLAG,
        False,
        "print the JSON Schema of a mock file, for editors, and exit",
        is_keyword=False,
    ),
)
BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


def check_ports(ports: Sequence[int]) -> None:
    """Raise BadOption for a port that is named twice, but for 0."""
    for port in ports:
        if port and ports.count(port) > 1:
            raise BadOption(f"port: {port} is named twice; name each once, or 0 for a free one")


def check_dialects(values: Mapping[str, Any], spelled: Callable[[str], str]) -> None:
    """Raise BadOption for a dialect of a port that is none of the server's, or has one already."""
    ports = [values["port"]] if isinstance(values["port"], int) else list(values["port"])
    told: Dict[int, str] = {}
    for port, name in map(port_and_dialect, values["dialect"]):
        if port not in ports:
            raise BadOption(
                f"{spelled('dialect')}: {port}={name} is for a port that is not listened on "
                f"({', '.join(map(str, ports))}); a port of 0 can have none"
            )
        if port in told:
            raise BadOption(f"{spelled('dialect')}: {port} has two, {told[port]} and {name}")
        told[port] = name


def check_together(values: Mapping[str, Any], spelled: Callable[[str], str]) -> None:
    """Raise BadOption for options of TLS that don't go together, as they are spelled."""
    check_dialects(values, spelled)
    cert_and_key = f"{spelled('cert')} and {spelled('key')}"
    if bool(values["cert"]) != bool(values["key"]):
        raise BadOption(
            f"{cert_and_key} go together; give both, or neither for a certificate made at start"
        )
    # `key` need not be asked: it comes with `cert`.
    for name in ("cert", "tls_name", "tls_cert_out"):
        if values[name] and not values["tls"]:
            raise BadOption(f"{spelled(name)} needs {spelled('tls')}")
    for name in ("tls_name", "tls_cert_out"):
        if values[name] and values["cert"]:
            raise BadOption(
                f"{spelled(name)} is for a certificate made at start; "
                f"leave it out, or {cert_and_key}"
            )


# --- what they come to ---


def read_keywords(given: Mapping[str, Any]) -> Dict[str, Any]:
    """The values of MockServer's keywords; BadOption says which can't be followed."""
    values = {}
    for option in OPTIONS:
        if option.is_keyword:
            values[option.name] = option.read_keyword(given[option.name])
    check_together(values, str)
    return values


def keyword_default(name: str) -> Any:
    """The default of one of MockServer's keywords."""
    return BY_NAME[name].keyword_default


@record
class Settings:
    """What all ports of a process are told; see OPTIONS.  `pace` is seconds between events."""

    host: str = keyword_default("host")
    data: Sequence[str] = keyword_default("data")
    fallback: str = keyword_default("fallback")
    dialect: Sequence[str] = keyword_default("dialect")
    pace: float = keyword_default("pace")
    require_auth: bool = keyword_default("require_auth")
    max_body: int = keyword_default("max_body")
    seed: int = keyword_default("seed")
    log: str = keyword_default("log")
    journal: int = keyword_default("journal")
    control_token: str = keyword_default("control_token")
    tls: bool = keyword_default("tls")
    cert: Optional[str] = keyword_default("cert")
    key: Optional[str] = keyword_default("key")
    tls_name: Sequence[str] = keyword_default("tls_name")
    tls_cert_out: Optional[str] = keyword_default("tls_cert_out")

    @found_once
    def ports(self) -> Dict[int, str]:
        """The dialects of ports that have one."""
        return dict(map(port_and_dialect, self.dialect))


# === admission ===============================================================
# Who may use the control API.  Touches nothing.


# An IPv4 address, or an IPv6 address in brackets, as a Host header has them (RFC 9110, 7.2).
NUMERIC_HOST = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]")
PORT_SUFFIX = re.compile(r":\d+$")

# What says nothing of requests but how many there were: probes and Prometheus look at it.
OPEN_TO_ALL = (CONTROL_PREFIX + "/health", CONTROL_PREFIX + "/metrics")
# What a proxy adds to a request that it passes on (RFC 7239; RFC 9110, 7.6.3; Envoy, "HTTP header
# manipulation"): behind a sidecar everyone's address is loopback.
FORWARDED = re.compile(
    r"forwarded|via|x-real-ip|true-client-ip|(?:x-(?:forwarded|original-forwarded|envoy)-.+)"
    r"|(?:[a-z]+-)+(?:client|connecting)-ip"
)


def is_own_name(host: str, served: str) -> bool:
    """Whether a Host header names this server: loopback, the address that it listens on, or a
    number, which no DNS can rebind."""
    name = PORT_SUFFIX.sub("", host.strip().lower())
    if name in ("", "localhost", served.lower()):
        return True
    return NUMERIC_HOST.fullmatch(name) is not None


def is_on_loopback(peer: str) -> bool:
    """Whether a client's address is this machine's own."""
    # The address of a Unix socket is empty; ::ffff: is IPv4 on an IPv6 socket (RFC 4291, 2.5.5.2).
    return peer in ("::1", "") or peer.startswith(("127.", "::ffff:127."))


def is_token(key: str, token: str) -> bool:
    """Whether a key is the token, if there is one; how long it takes to tell says nothing of it."""
    return bool(token) and hmac.compare_digest(utf8(key), utf8(token))


def is_forwarded(request: Request) -> bool:
    """Whether a proxy says that it passes a request on for somebody else."""
    return any(FORWARDED.fullmatch(name) for name in request.headers)


def check_local(request: Request) -> None:
    """Refuse a client on loopback that does not have the token, where there is one: if it has
    another credential, or is a proxy, whose address says nothing of its client."""
    if request.headers.get("authorization"):
        raise Refused(
            403, "Authorization is not the bearer token of --control-token", code="wrong_token"
        )
    if is_forwarded(request):
        raise Refused(
            403,
            "a request that a proxy has forwarded needs the bearer token of --control-token",
            code="forwarded",
        )


def admit(request: Request, settings: Settings) -> None:
    """Refuse who may not use the control API.

    It is for clients on loopback, and for others that have the token.  A Host or an Origin that is
    not the server's own is refused, so that no web page that somebody happens to look at can use
    it.  Health and metrics are for all."""
    if request.path in OPEN_TO_ALL:
        return
    key = scheme_key(request.headers.get("authorization", ""), ("bearer",))
    has_token = is_token(key, settings.control_token)
    host = request.headers.get("host", "")
    if not has_token and not is_on_loopback(request.peer):
        raise Refused(
            403,
            "the control API answers clients on loopback, and others that send the bearer token "
            "of --control-token",
            code="not_loopback",
        )
    if settings.control_token and not has_token:
        check_local(request)
    if not has_token and not is_own_name(host, settings.host):
        raise Refused(
            403,
            f"Host is {shown(host)}, which is not this server's own name; "
            "use localhost or its address",
            code="foreign_host",
        )
    # A browser says here whose page asks (RFC 6454, 7.3); curl and SDKs send none.
    origin = request.headers.get("origin")
    own_origins = (f"http://{host.lower()}", f"https://{host.lower()}")
    if origin is not None and origin.lower() not in own_origins:
        raise Refused(
            403,
            f"Origin is {shown(unkeyed(origin))}; the control API answers no other origin",
            code="foreign_origin",
        )


# === counters ================================================================
# What is counted of all requests, and Prometheus' text format.  Touches nothing.


MOST_KINDS = 2000  # that are told apart: a client can ask for any status by X-Mock-Response
OTHER_KIND: RequestKind = ("other", "other", 0, False)
LABELS = ("provider", "api", "status", "matched")


class Family(NamedTuple):
    """One metric: its samples are values with their labels."""

    name: str
    kind: str
    about: str
    samples: Sequence[Tuple[Mapping[str, str], float]]

    def text(self) -> str:
        """Help, type and samples; label values are of our own making and need no escapes."""
        name = "mock_server_" + self.name
        lines = [f"# HELP {name} {self.about}", f"# TYPE {name} {self.kind}"]
        for labels, value in self.samples:
            braces = ""
            if labels:
                pairs = [f'{label}="{text}"' for label, text in labels.items()]
                braces = "{" + ",".join(pairs) + "}"
            lines.append(f"{name}{braces} {value!r}")
        return "\n".join(lines) + "\n"


def gauge(name: str, about: str, value: float) -> Family:
    """A metric that goes up and down, without labels."""
    return Family(name, "gauge", about, [({}, value)])


def counter(name: str, about: str, value: float) -> Family:
    """A metric that only grows, without labels."""
    return Family(name, "counter", about, [({}, value)])


class Counters:
    """Counts of all requests since the start, however many the journal remembers.

    Its users hold the journal's lock."""

    def __init__(self) -> None:
        self.running = 0
        self.requests: Dict[RequestKind, int] = {}
        self.ends: Dict[str, int] = {}
        self.bytes_sent = 0
        self.events_sent = 0
        self.seconds = 0.0

    def end(self, entry: Entry, ended: str) -> None:
        """Count a request that has ended."""
        self.running -= 1
        self.count(entry.kind, ended, entry.sent, entry.duration or 0.0)

    def again(self, again: Again) -> None:
        """Count a request that was answered at once as one before it was."""
        _, _, asked, sent, duration, _ = again
        self.count(asked.kind, "complete", sent, duration)

    def count(self, kind: RequestKind, ended: str, sent: Sent, seconds: float) -> None:
        """Count a request of a kind, how it ended, what was sent and how long that took."""
        if kind not in self.requests and len(self.requests) >= MOST_KINDS:
            kind = OTHER_KIND
        self.requests[kind] = self.requests.get(kind, 0) + 1
        self.ends[ended] = self.ends.get(ended, 0) + 1
        self.bytes_sent += max(0, sent.bytes)
        self.events_sent += sent.events
        self.seconds += seconds

    def families(self) -> List[Family]:
        """The counts as metrics."""
        requests = []
        # By their texts: parts that are None can't be compared with others.
        for key, count in sorted(self.requests.items(), key=str):
            labels = dict(zip(LABELS, (str(part).lower() for part in key)))
            requests.append((labels, count))
        ends = [({"ended": name}, count) for name, count in sorted(self.ends.items())]
        how = "Requests by how their answer ended on the socket."
        return [
            Family("requests_total", "counter", "Requests answered.", requests),
            Family("requests_ended_total", "counter", how, ends),
            gauge("requests_in_flight", "Requests that are being answered.", self.running),
            counter(
                "request_seconds_total",
                "Seconds that answering took, added up.",
                round(self.seconds, 6),
            ),
            counter("bytes_sent_total", "Bytes of bodies sent, framing included.", self.bytes_sent),
            counter("events_sent_total", "Events of streams sent.", self.events_sent),
        ]


# === journal =================================================================
# What was asked and how it ended; waiting for it, and watching.  May touch threading and time.


EVERY_SESSION = "*"
MOST_UNMADE = 10_000  # entries that are not made yet
ALL_EVENTS = 10**9  # what a gate releases that is not to hold any more


class Wanted(NamedTuple):
    """Requests of a session, or of all for `*`: those that fulfil conditions and ended as asked."""

    session: str
    conditions: Sequence[Condition] = ()
    ended: Ended = None

    def holds(self, entry: Entry) -> bool:
        """Whether a request of the right session is one of them."""
        return entry.matches(self.conditions, self.ended)


class Waiter(Gate):
    """Somebody who waits for so many more requests; it opens when they are there."""

    def __init__(self, wanted: Wanted, missing: int) -> None:
        super().__init__()
        self.wanted = wanted
        self.missing = missing
        self.has_failed = False
        self.unsure: List[Entry] = []  # those of which it takes long to say whether they count

    def look(self, entry: Entry) -> None:
        """Look at a request that has just come, or ended."""
        wanted = self.wanted
        # Each is counted once: when it comes, or, if it matters how it ended, when it ends.
        if (entry.ended is None) != (wanted.ended is None):
            return
        try:
            if wanted.session in (EVERY_SESSION, entry.asked.session) and wanted.holds(entry):
                self.found(1)
        except TooLong:
            self.unsure.append(entry)
            self.release()
        except Exception:  # noqa: BLE001  it is not the fault of the request that is looked at
            self.has_failed = True
            self.release()  # who waits looks again, and is told

    @property
    def waits(self) -> bool:
        """Whether there is still something to wait for."""
        return self.missing > 0 and not self.has_failed

    def look_closer(self) -> None:
        """Look at those again, in a thread that has the time."""
        unsure, self.unsure = self.unsure, []
        for entry in unsure:
            if self.wanted.holds(entry):
                self.found(1)

    def found(self, more: int) -> None:
        """There are so many more of them."""
        was_open = self.missing <= 0
        self.missing -= more
        if self.missing <= 0 and not was_open:
            self.release()


class Journal:
    """The newest requests of each session, oldest first, and counts of all requests.

    What is remembered is bounded: `size` requests a session, `room` bytes in all.  Waiting costs
    nothing but a look at each request that comes or ends."""

    def __init__(self, size: int = JOURNAL, room: int = JOURNAL_ROOM) -> None:
        self.size = size
        self.room = room
        self.used = 0  # bytes of what is remembered
        self.remembered = 0
        self.sessions: Dict[str, Deque[Entry]] = {}
        self.order: Deque[Entry] = deque()  # of all sessions; dropped ones may still be in it
        self.gated: Dict[str, Entry] = {}  # streams under way that a test releases, journal or not
        self.lock = threading.RLock()
        self.waiters: List[Waiter] = []
        self.feeds: List[Tuple[str, Feed]] = []
        self.closed = False
        self.started = time.monotonic()
        self.counters = Counters()
        self.repeated: List[Again] = []  # requests whose entries are not made yet
        self.freed: Callable[[int], None] = lambda size: None  # is told of the memory of what went

    # --- what the server tells ---

    def add(self, entry: Entry) -> None:
        """Remember one request, unless it is a probe."""
        if entry.asked.is_probe:
            return
        with self.lock:
            if self.repeated:
                self.make_entries()
            self.counters.running += 1
            if entry.gate:
                self.gated[entry.number] = entry
            if self.size:
                self.remember(entry)
            if self.waiters or self.feeds:
                self.tell(entry)

    def add_again(self, again: Again) -> None:
        """Remember one request that was answered at once as one before it was, for who holds the
        lock: its entry is made when somebody looks, or never."""
        self.repeated.append(again)
        if self.waiters or self.feeds or len(self.repeated) >= MOST_UNMADE:
            self.make_entries()

    def make_entries(self) -> None:
        """Make the entries of what was repeated, as if each had been made when it came."""
        repeated, self.repeated = self.repeated, []
        told = bool(self.waiters or self.feeds)
        if not told and self.used + sum(again[2].size for again in repeated) <= self.room:
            repeated = self.lasting(repeated)
        for again in repeated:
            entry = entry_of(again)
            self.counters.running += 1
            if self.size:
                self.remember(entry)
            if told:
                self.tell(entry)
            self.end(entry, "complete")

    def lasting(self, repeated: List[Again]) -> List[Again]:
        """Those of them that their sessions remember in the end; the others are only counted."""
        left: Dict[str, int] = {}
        lasting = []
        for again in reversed(repeated):
            session = again[2].session
            left.setdefault(session, self.size)
            if left[session] > 0:
                left[session] -= 1
                lasting.append(again)
            else:
                self.counters.again(again)
        return lasting[::-1]

    def remember(self, entry: Entry) -> None:
        """Put an entry behind those of its session, and drop what is too much then."""
        session = entry.asked.session
        entries = self.sessions.get(session)
        if entries is None:
            entries = self.sessions[session] = deque()
        entries.append(entry)
        self.order.append(entry)
        self.used += entry.asked.size
        self.remembered += 1
        if len(entries) > self.size:
            self.forget(entries.popleft())
        if self.used > self.room or not self.order[0].is_remembered:
            self.trim()

    def trim(self) -> None:
        """Drop the oldest entries of all sessions while they take too much room."""
        while self.order and (self.used > self.room or not self.order[0].is_remembered):
            oldest = self.order.popleft()
            if oldest.is_remembered:
                self.sessions[oldest.asked.session].popleft()
                self.forget(oldest)

    def forget(self, entry: Entry) -> None:
        """Forget an entry that its session has dropped.  Its place in the order stays until it is
        first, or too many have gone."""
        entry.is_remembered = False
        self.used -= entry.asked.size
        self.remembered -= 1
        # Seldom, so that it costs each request next to nothing.
        if len(self.order) > 2 * self.remembered + 1000:
            self.order = deque(other for other in self.order if other.is_remembered)
        session = entry.asked.session
        if session and not self.sessions.get(session):
            self.sessions.pop(session, None)

    def end(self, entry: Entry, ended: str) -> None:
        """Say how a request ended."""
        if entry.asked.is_probe:
            entry.ended = ended
            return
        with self.lock:
            entry.ended = ended
            self.counters.end(entry, ended)
            if entry.gate:
                self.gated.pop(entry.number, None)
            if self.waiters or self.feeds:
                self.tell(entry)

    def tell(self, entry: Entry) -> None:
        """Have those who wait look at an entry, and send it to those who watch."""
        with WATCHDOG.hurried():
            for waiter in self.waiters:
                waiter.look(entry)
        sessions = (EVERY_SESSION, entry.asked.session)
        watching = [feed for session, feed in self.feeds if session in sessions]
        if watching:
            event = "request" if entry.ended is None else "ended"
            frame = OPENAI_SSE.frame(compact(entry.json()), event)
            for feed in watching:
                feed.put(frame)

    # --- what tests ask: of a session, or of all for `*` ---

    def entries(self, session: str = "") -> List[Entry]:
        """Requests, oldest first."""
        with self.lock:
            self.make_entries()
            if session == EVERY_SESSION:
                return [entry for entry in self.order if entry.is_remembered]
            return list(self.sessions.get(session, ()))

    def matching(self, wanted: Wanted) -> List[Entry]:
        """The requests that are wanted, oldest first."""
        return [entry for entry in self.entries(wanted.session) if wanted.holds(entry)]

    def find(self, number: str) -> Optional[Entry]:
        """A request of any session by its id."""
        with self.lock:
            self.make_entries()
            # A gated stream is there even without a journal, or once that has dropped it.
            gated = self.gated.get(number)
            if gated:
                return gated
            for entry in self.order:
                if entry.is_remembered and entry.number == number:
                    return entry
        return None

    def clear(self, session: str = "") -> int:
        """Forget requests; how many there were."""
        with self.lock:
            self.make_entries()
            names = [session]
            if session == EVERY_SESSION:
                names = list(self.sessions)
            dropped = [entry for name in names for entry in self.sessions.pop(name, ())]
            self.freed(sum(entry.asked.size for entry in dropped))
            for entry in dropped:
                self.forget(entry)
        return len(dropped)

    def awaited(self) -> Set[str]:
        """The sessions of which somebody waits for requests, or may release a stream."""
        with self.lock:
            gated = {entry.asked.session for entry in self.gated.values()}
            return gated.union(waiter.wanted.session for waiter in self.waiters)

    def open_gates(self, session: str) -> None:
        """Let the gated streams of a session, or of all for `*`, run to their end."""
        with self.lock:
            gated = list(self.gated.values())
        for entry in gated:
            if entry.gate and session in (EVERY_SESSION, entry.asked.session):
                entry.gate.release(ALL_EVENTS)

    def waiting(self, wanted: Wanted, count: int, timeout: float) -> Work[Tuple[List[Entry], bool]]:
        """Work that gives the requests that are wanted, and whether there were `count` of them in
        time."""
        waiter = Waiter(wanted, count)
        deadline = time.monotonic() + timeout
        with self.lock:
            # Under one lock, so that each request is seen here or by the waiter, and not twice.
            entries = self.entries(wanted.session)
            if wanted.ended is not None:
                entries = [entry for entry in entries if entry.ended in wanted.ended]
            self.waiters.append(waiter)
        try:
            present = [entry for entry in entries if wanted.holds(entry)]
            with self.lock:
                waiter.found(len(present))
            while waiter.waits and not self.closed and time.monotonic() < deadline:
                yield Wanting(waiter, deadline - time.monotonic())
                if waiter.unsure:
                    yield ASIDE
                    waiter.look_closer()
        finally:
            with self.lock:
                self.waiters.remove(waiter)
        return self.matching(wanted), waiter.missing <= 0

    def watch(self, session: str) -> Feed:
        """A feed of what happens from now on."""
        feed = Feed()
        with self.lock:
            self.make_entries()
            if self.closed:  # the feed ends at once
                feed.put(None)
            self.feeds.append((session, feed))
        return feed

    def unwatch(self, feed: Gate) -> None:
        """Nobody reads this feed any more."""
        with self.lock:
            self.feeds = [(session, other) for session, other in self.feeds if other is not feed]

    def families(self) -> List[Family]:
        """What Prometheus is told: counts of all requests, and how many are remembered."""
        with self.lock:
            self.make_entries()
            kept = gauge("journal_entries", "Requests in the journal.", self.remembered)
            return [*self.counters.families(), kept]

    def uptime(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self.lock:
            self.closed = True
            for waiter in self.waiters:
                waiter.release()
            for _, feed in self.feeds:
                feed.put(None)


# === control_requests ========================================================
# Control requests: the session that is meant, what the body and the query say.  Touch nothing.


MOST = 1_000_000  # requests or events that a test may ask for
DIGITS = re.compile("[0-9]{1,9}")


class BadValue(WrongValue):
    """A value in a control request that can't be used."""


class Given(Written):
    """What a control request says, in its body or its query, where all is text."""

    __slots__ = ()
    error = BadValue

    def whole(self, least: int, default: Json = MISSING) -> int:
        """A whole number from `least` to MOST, maybe written as text."""
        number = self
        if self.is_a("a string") and DIGITS.fullmatch(self.value):
            number = Given(int(self.value), self.source, self.parent, self.key, self.value)
        what = f"a whole number from {least} to {MOST}"
        return int(number.integer(what, least, MOST, default))


class ControlRequest(NamedTuple):
    """A request of the control API; `params` are the placeholders of its route."""

    request: Request
    params: Mapping[str, str]

    @property
    def session(self) -> str:
        """The session that is meant: of the query, else of the request; `*` is all."""
        name = self.request.query.get("session", self.request.session)
        if name != EVERY_SESSION and not good_session(name):
            raise Refused(400, f"the session is {shown(name)}, {SESSION_RULE}", code="bad_session")
        return name

    def json(self) -> Json:
        """The body's value."""
        try:
            return parse_request(self.request.body, unique=True)
        except TwiceError as error:
            raise Refused(400, f"the body: {error}", code="bad_json") from None
        except ValueError as error:
            raise Refused(400, f"the body is not JSON: {error}", code="bad_json") from None

    def body(self, *keys: str) -> Given:
        """The body, an object with no other keys; an empty one is one without any."""
        value: Json = {}
        if self.request.body.strip():  # curl -X POST without -d sends none
            value = self.json()
        Node(value, "body").only(keys)
        return Given(value)

    def query(self, *keys: str) -> Given:
        """The query, which has no other keys."""
        value = dict(self.request.query)
        Node(value, "query").only(keys)
        return Given(value)


# === inspector ===============================================================
# The inspector: a page that shows the journal as it grows.


INSPECTOR = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>mock_server.py</title><style>
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
body{color:#222;background:#fff}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}
tr.miss td{background:#fff3f0}
pre{white-space:pre-wrap;margin:.3rem 0;font-size:12px}
summary{cursor:pointer}
@media(prefers-color-scheme:dark){
body{color:#ddd;background:#181818}td,th{border-color:#444}tr.miss td{background:#3a2320}
}
</style></head><body><h1>mock_server.py</h1><p id="state">connecting…</p>
<table><thead><tr>
<th>#</th><th>request</th><th>model</th><th>status</th><th>mock</th><th>ended</th>
</tr></thead>
<tbody id="rows"></tbody></table>
<script>
const rows = document.getElementById("rows"), state = document.getElementById("state");
function cell(row, text) {
  const td = row.insertCell();
  td.textContent = text ?? "";
  return td;
}
function show(entry) {
  const old = document.getElementById("r" + entry.id), row = old ?? rows.insertRow(0);
  row.id = "r" + entry.id;
  row.replaceChildren();
  row.className = entry.unmatched ? "miss" : "";
  cell(row, entry.id);
  const what = cell(row, ""), more = document.createElement("details");
  const head = document.createElement("summary"), pre = document.createElement("pre");
  head.textContent = entry.method + " " + (entry.session ? "/@" + entry.session : "") + entry.path;
  pre.textContent = JSON.stringify(entry, null, 2);
  more.append(head, pre);
  what.append(more);
  cell(row, entry.model);
  cell(row, entry.status);
  cell(row, entry.mock ?? entry.note);
  cell(row, entry.ended ?? "…");
  while (rows.rows.length > 500) rows.deleteRow(-1);
}
fetch("requests?session=*")
  .then(answer => answer.json())
  .then(found => found.requests.forEach(show));
const live = new EventSource("requests/live?session=*");
live.onopen = () => state.textContent = "live";
live.onerror = () => state.textContent = "disconnected";
for (const name of ["request", "ended"])
  live.addEventListener(name, event => show(JSON.parse(event.data)));
</script></body></html>
"""


# === mocks/index =============================================================
# Mocks by what the texts of a call must contain, so that few of many are tried.  Pure.


WIDTH = 6  # letters of a text by which a mock is filed; fewer are in too many texts

WINDOWS = 64  # of a long piece so many are looked at for the rarest

WORTH = 5  # so many letters are looked at in the time that one mock takes

FEW_MOCKS = 4  # are all tried in the time that the shelves take

# By these is filed what asks for nothing else.
FEW_VALUES = ("provider", "operation", "api", "method")

Filed = Tuple[int, Mock]  # with its place in the matching order


class Shelf:
    """Mocks by some letters that one text of a call must contain, or by the whole of it.

    Readers hold no lock: a list only grows, and another takes its place when a mock goes."""

    def __init__(self, get: Callable[[Call], Any], width: int, is_folded: bool) -> None:
        self.get, self.width, self.is_folded = get, width, is_folded
        self.entries: Dict[str, List[Filed]] = {}
        self.size = 0

    def put(self, letters: str, entry: Filed) -> None:
        """File a mock."""
        self.entries.setdefault(letters, []).append(entry)
        self.size += 1

    def take(self, letters: str, gone: Set[Mock]) -> None:
        """Take mocks away that are filed under the same letters."""
        left = [entry for entry in self.entries[letters] if entry[1] not in gone]
        self.size -= len(self.entries[letters]) - len(left)
        if left:
            self.entries[letters] = left
        else:
            del self.entries[letters]

    def found(self, call: Call) -> Iterable[List[Filed]]:
        """The mocks that may match."""
        text = self.get(call)
        if text is None:
            return ()
        if not self.width:
            return (self.entries.get(text, []),)
        # A few mocks are tried sooner than a long text is looked through.
        if self.size * WORTH < len(text):
            return list(self.entries.values())
        if self.is_folded:
            text = folded(text)
        there = self.windows(text)
        return [self.entries.get(letters, []) for letters in there if letters in self.entries]

    def windows(self, text: str) -> Set[str]:
        """All letters of a text that stand together, as many as count here."""
        width = self.width
        return {text[at : at + width] for at in range(len(text) - width + 1)}


class Shelves:
    """Mocks, each in one place: where the fewest others are of all that its conditions need."""

    def __init__(self) -> None:
        self.shelves: Dict[Tuple[str, int, bool], Shelf] = {}
        self.places: Dict[Mock, Tuple[Shelf, str]] = {}
        self.elsewhere = Shelf(lambda call: "", 0, False)  # what has no such condition

    def put(self, order: int, mock: Mock) -> None:
        """File a mock by its rarest piece."""
        best, fewest = (self.elsewhere, ""), len(self.places)
        for shelf, letters in self.choices(mock):
            others = len(shelf.entries.get(letters, ()))
            if others <= fewest:
                best, fewest = (shelf, letters), others
            if not others:
                break
        shelf, letters = best
        shelf.put(letters, (order, mock))
        self.places[mock] = best

    def take(self, gone: Set[Mock]) -> None:
        """Take mocks away; thousands may lie in one place, which is looked through once."""
        places = {self.places.pop(mock) for mock in gone}
        for shelf, letters in places:
            shelf.take(letters, gone)

    def choices(self, mock: Mock) -> Iterator[Tuple[Shelf, str]]:
        """Where a mock may be filed; whole texts first, as they are looked up at once."""
        needed = [(condition, piece) for condition in mock.conditions for piece in condition.pieces]
        telling = [one for one in needed if one[0].key not in FEW_VALUES]
        for condition, piece in sorted(telling or needed, key=lambda one: not one[1].is_whole):
            text = piece.text
            if piece.is_whole:
                yield self.shelf(condition, 0, piece), text
                continue
            width = min(WIDTH, len(text))
            last = len(text) - width
            shelf = self.shelf(condition, width, piece)
            for at in range(0, last + 1, last // WINDOWS + 1):
                yield shelf, text[at : at + width]

    def shelf(self, condition: Condition, width: int, piece: Piece) -> Shelf:
        """The shelf of one text of calls."""
        key = condition.key, width, piece.is_folded
        shelf = self.shelves.get(key)
        if shelf is None:
            shelf = self.shelves[key] = Shelf(condition.get, width, piece.is_folded)
        return shelf

    def found(self, call: Call) -> List[Filed]:
        """The mocks that may match, in order."""
        entries = list(self.elsewhere.entries.get("", ()))
        for shelf in list(self.shelves.values()):
            if shelf.size:
                for some in shelf.found(call):
                    entries += some
        entries.sort(key=itemgetter(0))
        return entries


class Index:
    """Mocks in matching order, found without a look at those of which a call lacks a piece.

    One that is changed is another one, which shares its shelves: a test may add thousands, one
    by one."""

    def __init__(self, mocks: Iterable[Mock] = ()) -> None:
        self.mocks = tuple(mocks)
        self.first = 0  # the place of the first in the matching order
        self.shelves = Shelves()
        for order, mock in enumerate(self.mocks):
            self.shelves.put(order, mock)

    def changed(self, mocks: Tuple[Mock, ...], first: int) -> Index:
        """The index of what is on the shelves by now."""
        index = Index()
        index.mocks, index.first, index.shelves = mocks, first, self.shelves
        return index

    def preceded(self, mocks: Iterable[Mock]) -> Index:
        """The same with other mocks before them."""
        added = tuple(mocks)
        first = self.first - len(added)
        for order, mock in enumerate(added, first):
            self.shelves.put(order, mock)
        return self.changed((*added, *self.mocks), first)

    def without(self, gone: Set[Mock]) -> Index:
        """The same without some mocks."""
        self.shelves.take(gone)
        left = tuple(itertools.filterfalse(gone.__contains__, self.mocks))
        return self.changed(left, self.first)

    def candidates(self, call: Call) -> List[Mock]:
        """The mocks that may match, in order."""
        if len(self.mocks) <= FEW_MOCKS:
            return list(self.mocks)
        return [mock for _, mock in self.shelves.found(call)]


# === mocks/problems ==========================================================
# All that is wrong with a mock, not only what is found first.  Pure.


MOST_PROBLEMS = 20  # of one mock
STEP = re.compile(r"[^.\[\]]+")  # of a path such as responses[2].pace


def problems_of(spec: Json, place: str, read: ReadFile) -> List[str]:
    """What is wrong with a mock, first that for which it is refused.

    What else is wrong is found by leaving out what was; it is told if it would be wrong anywhere,
    and not if it may only be so because something is left out."""
    found: List[str] = []
    while len(found) < MOST_PROBLEMS and spec is not MISSING:
        try:
            parse_mock(MockNode.whole(spec, place, read))
            break
        except BadMock as error:
            if found and not error.expected:
                break
            found.append(str(error))
            spec = without(spec, error.path)
    return found


def without(spec: Json, path: str) -> Json:
    """A mock without the key that a path leads to, or leads into; MISSING if there is none.

    A key of the mock itself, or of its match or one of its responses."""
    steps: List[Union[str, int]] = [
        int(step) if step.isdecimal() else step for step in STEP.findall(path)
    ]
    depth = 1
    if steps[:1] in (["match"], ["response"]):
        depth = 2
    elif steps[:1] == ["responses"]:
        depth = 3
    if not steps or len(steps) < depth:
        return MISSING
    return left_out(spec, steps[:depth])


def left_out(value: Json, steps: List[Union[str, int]]) -> Json:
    """A value without what lies at the end of some steps; MISSING if they lead nowhere."""
    step = steps[0]
    copy: Json = dict(value) if isinstance(value, dict) else list(value)
    known: Iterable[Union[str, int]] = range(len(copy))
    if isinstance(value, dict):
        known = value
    if step not in known:
        return MISSING
    if len(steps) == 1:
        del copy[step]
        return copy
    inner = left_out(copy[step], steps[1:])
    if inner is MISSING:
        return MISSING
    copy[step] = inner
    return copy


# === mocks/files =============================================================
# Mocks and recordings from data directories, read again when they change.  May touch files under
# them, threading and time.


Stamp = Optional[Tuple[int, int, int]]  # time of change, size, inode; None if there is none

# Two changes that a file system gives the same time look like one.  Its clock may tick as seldom as
# every 10 ms; what is older than this is known by its stamp alone.
YOUNG_NS = 50_000_000

LOOK_SHARE = 10  # looking for changes may take a tenth of the time
FILE_LIMIT = 256 * 1024 * 1024  # bytes of a file
LACKS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # nothing is wrong with the file itself
LACK_SECONDS = 1.0  # until it is read again after that

# What Windows lacks is 0 there.  A pipe is opened without waiting for who writes to it.
FILE_FLAGS = os.O_RDONLY
for flag in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
    FILE_FLAGS |= getattr(os, flag, 0)
FOLDER_FLAGS = FILE_FLAGS | getattr(os, "O_DIRECTORY", 0)


def stamp_of(path: str) -> Stamp:
    """What changes when a file does, mostly."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def content_of(path: str) -> int:
    """A hash of a file's bytes, or of the names in a folder.  OSError if they can't be read."""
    if os.path.isdir(path):
        return hash_of(os.listdir(path))
    return hash(content_inside(os.path.dirname(path), path, path))


def hash_of(names: Iterable[str]) -> int:
    """A hash of the names in a folder, in whatever order they come."""
    return hash(frozenset(names))


class Seen:
    """A file or folder as it was read: its stamp, and while it is young a hash of its content."""

    __slots__ = ("stamp", "content")

    def __init__(self, path: str) -> None:
        self.stamp = stamp_of(path)  # before its content: a change in between is then seen
        self.content: Optional[int] = None

    @property
    def is_young(self) -> bool:
        """Whether it may change once more without another stamp."""
        return self.stamp is not None and 0 <= time.time_ns() - self.stamp[0] < YOUNG_NS

    def note(self, content: int) -> None:
        """Keep the hash of its content for as long as the stamp alone does not tell of a change."""
        self.content = content if self.is_young else None

    def has_changed(self, path: str) -> bool:
        """Whether it is not any more as it was read."""
        if stamp_of(path) != self.stamp:
            return True
        if self.content is None:
            return False
        try:
            content = content_of(path)
        except (OSError, Unreadable):
            return True
        if content != self.content:
            return True
        self.note(content)
        return False


def content_inside(root: str, path: str, name: str) -> bytes:
    """The bytes of a file inside a folder; both paths are without links.

    What is read is what was looked at, whatever takes its place meanwhile: a pipe, which would
    never end, a link that leads elsewhere, a file that grows all the time."""
    number = opened_inside(root, path)
    with open(number, "rb", buffering=0) as file:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{name} is no regular file")
        if status.st_size > FILE_LIMIT:
            raise Unreadable(f"{name} has more than {FILE_LIMIT >> 20} MiB")
        pieces = []
        left = status.st_size
        while left > 0:
            piece = file.read(left)
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
    return b"".join(pieces)


def opened_inside(root: str, path: str) -> int:
    """A descriptor of a file inside a folder, to which no link has led."""
    if os.open not in os.supports_dir_fd:  # as on Windows
        number = os.open(path, FILE_FLAGS)
        if os.path.realpath(path) == path:
            return number
        os.close(number)
        raise FileNotFoundError(path)
    *folders, name = os.path.relpath(path, root).split(os.sep)
    folder = os.open(root, FOLDER_FLAGS)
    try:
        for inner_name in folders:
            inner = os.open(inner_name, FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(name, FILE_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)


def reason_of(error: BaseException) -> str:
    """Why something could not be read."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "no memory"


class Library:
    """The files of one data directory, and how each file and folder was when it was read."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self.seen: Dict[str, Seen] = {}
        self.lacked = False  # descriptors or memory, for something

    def read(self, name: str) -> bytes:
        """A file inside the directory; FileNotFoundError if it is not there, Unreadable if its name
        or a link leads outside or it can't be read."""
        try:
            path = os.path.realpath(os.path.join(self.root, name))
            if os.path.isabs(name) or not path.startswith(self.root + os.sep):
                raise Unreadable(
                    f"@{name} lies outside the data directory; files are named relative to it"
                )
            seen = self.seen[path] = Seen(path)
            data = content_inside(self.root, path, f"@{name}")
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(name) from None
        except (OSError, MemoryError) as error:
            self.note_lack(error)
            raise Unreadable(f"can't read @{name[:200]}: {reason_of(error)}") from None
        except ValueError as error:  # a NUL or a lone surrogate in the name
            raise Unreadable(f"can't read @{shown(name)}: {error}") from None
        seen.note(hash(data))
        return data

    def note_lack(self, error: BaseException) -> None:
        """Note that something could not be read that is as it was: the stamps will not tell when
        it can be."""
        self.lacked = self.lacked or not isinstance(error, OSError) or error.errno in LACKS

    def files(self) -> List[str]:
        """Mock files, relative and in name order; hidden ones and folders outside are passed over.
        Unreadable if a folder can't be listed."""
        found, top = [], os.path.join(self.root, "mocks")
        entered = {os.path.realpath(top)}
        self.seen[top] = Seen(top)
        for folder, folders, names in os.walk(top, onerror=self.unlisted, followlinks=True):
            self.seen[folder].note(hash_of([*folders, *names]))
            folders[:] = [
                name for name in folders if self.enters(os.path.join(folder, name), entered)
            ]
            for name in folders:
                inner = os.path.join(folder, name)
                self.seen[inner] = Seen(inner)
            for name in names:
                if name.endswith(".json") and not name.startswith("."):
                    path = os.path.relpath(os.path.join(folder, name), self.root)
                    found.append(path.replace(os.sep, "/"))
        return sorted(found, key=lambda name: name.split("/"))

    def unlisted(self, error: OSError) -> None:
        """Raise Unreadable for a folder that can't be listed, unless there is none."""
        if not isinstance(error, FileNotFoundError):
            self.note_lack(error)
            name = os.path.relpath(str(error.filename), self.root).replace(os.sep, "/")
            raise Unreadable(f"{name}: can't read this folder: {error.strerror}")

    def enters(self, folder: str, entered: Set[str]) -> bool:
        """Whether a folder is not hidden, lies inside the directory and was not entered before, by
        whatever links."""
        real = os.path.realpath(folder)
        if os.path.basename(folder).startswith(".") or real in entered:
            return False
        if not real.startswith(self.root + os.sep):
            return False
        entered.add(real)
        return True

    def load(self) -> Tuple[List[Mock], List[str]]:
        """All mocks, and what is wrong with those that can't be used."""
        mocks: List[Mock] = []
        problems: List[str] = []
        try:
            names = self.files()
        except Unreadable as error:
            return [], [str(error)]
        for name in names:
            try:
                specs = self.parsed(name)
            except ValueError as error:
                problems.append(f"{name}: {error}")
                continue
            for position, spec in enumerate(specs, 1):
                place = f"{name}#{position}"
                try:
                    mocks.append(parse_mock(MockNode.whole(spec, place, self.read)))
                except BadMock:
                    problems += problems_of(spec, place, self.read)
        return mocks, problems

    def parsed(self, name: str) -> List[Json]:
        """The mocks in a file, as JSON; ValueError says why it can't be used."""
        try:
            value = parse_json(self.read(name), unique=True)
        except FileNotFoundError:
            return []  # gone since the folder was listed
        except TwiceError:
            raise
        except Unreadable as error:
            raise ValueError(str(error)) from None
        except ValueError as error:
            raise ValueError(f"not JSON: {error}") from None
        return value if isinstance(value, list) else [value]


def reader(libraries: Sequence[Library]) -> ReadFile:
    """Reads a file from the first data directory that has it."""

    def read(name: str) -> bytes:
        if not libraries:
            raise Unreadable(f"@{name} needs a data directory")
        for library in libraries[:-1]:
            try:
                return library.read(name)
            except FileNotFoundError:
                pass
        return libraries[-1].read(name)

    return read


class MockFiles:
    """The mocks of all data directories, read again when one of the files that were read changes.

    The lock is their own: who asks for a session does not wait until files are read.  `say` gets a
    line when reading again goes wrong or right; `read_added` reads what was added at run time."""

    def __init__(
        self,
        directories: Sequence[str],
        say: Callable[[str], None],
        read_added: Callable[[ReadFile], None],
    ) -> None:
        self.directories = tuple(directories)
        self.say, self.read_added = say, read_added
        self.lock = threading.RLock()
        self.index = Index()
        self.counts: List[int] = []  # how many each directory has
        self.problems: List[str] = []
        self.seen: Dict[str, Seen] = {}
        self.roots = self.real_directories()  # when they were read
        self.retry_at = math.inf  # of the monotonic clock
        self.loads = 0  # how often they were read
        self.round = -1  # of the loop, in which they were looked at last
        self.is_stale = False  # as it was seen then
        self.next_look = 0.0  # of the monotonic clock
        self.last_request = 0.0
        self.look_work = 0.0  # seconds of the processor that the last look for changes took

    def real_directories(self) -> List[str]:
        """Where the directories are: each may be a link."""
        return [os.path.realpath(directory) for directory in self.directories]

    def libraries(self) -> List[Library]:
        """The directories, to be read."""
        return [Library(directory) for directory in self.directories]

    def load(self) -> List[str]:
        """Read all files; what is wrong with them, if anything is, in which case the mocks stay as
        they were."""
        with self.lock:
            self.loads += 1
            libraries = self.libraries()
            self.roots = [library.root for library in libraries]
            loaded: List[Mock] = []
            problems: List[str] = []
            self.counts = []
            for library in libraries:
                try:
                    mocks, wrong = library.load()
                    loaded += mocks
                    self.counts.append(len(mocks))
                    problems += wrong
                except MemoryError:
                    library.lacked = True
                    problems.append("no memory to read them")
            if not problems:
                self.index = Index(loaded)
            self.read_added(reader(libraries))
            # Of a broken edit, too: it is read once, and again when it is mended.
            self.seen = {}
            self.watch(libraries)
            self.retry_at = math.inf
            if any(library.lacked for library in libraries):
                self.retry_at = time.monotonic() + LACK_SECONDS
        return problems

    def parsed(self, placed: Mapping[str, Json]) -> Tuple[List[Mock], List[Library]]:
        """Mocks of JSON, by place, and the libraries that their files were read from; BadMock if
        one is wrong."""
        libraries = self.libraries()
        read = reader(libraries)
        mocks = []
        for place, spec in placed.items():
            try:
                mocks.append(parse_mock(MockNode.whole(spec, place, read)))
            except BadMock as error:
                if len(placed) == 1:
                    raise
                which = f"mock {len(mocks) + 1} of {len(placed)}"
                raise BadMock(
                    f"{which}: {error}",
                    path=error.path,
                    expected=error.expected,
                    found=error.found,
                ) from None
        return mocks, libraries

    def watch(self, libraries: Iterable[Library]) -> None:
        """Look at the files that these libraries have read, too."""
        for library in libraries:
            self.seen.update(library.seen)

    def is_current(self, round: int) -> bool:
        """Whether no file has changed since all were read, for requests that came in before a round
        of the loop began.  False where only `refresh()`, which may take long, can tell.

        Looking costs a stat a file; while requests come faster than a client can change a file
        between two of them, that is kept to a tenth of the time."""
        if round == self.round or self.is_stale:
            return not self.is_stale
        now = time.monotonic()
        pause, self.last_request = now - self.last_request, now
        is_due = now >= self.next_look or pause > max(QUIET_SECONDS, self.look_work)
        if not self.seen or not is_due:
            self.round = round
            return True
        if not self.lock.acquire(blocking=False):
            return False
        try:
            self.is_stale = self.look()
        finally:
            self.lock.release()
        self.next_look = now + min(0.5, LOOK_SHARE * self.look_work)
        self.round = round
        return not self.is_stale

    def refresh(self) -> None:
        """Read the files again if one has changed."""
        with self.lock:
            if self.seen and self.look():
                before = [mock.canonical for mock in self.index.mocks]
                self.report(self.load(), before)
            self.is_stale = False

    def look(self) -> bool:
        """Whether a file has changed."""
        # What another process has interrupted is no slow look: its own time counts.
        began, work = time.monotonic(), time.thread_time()
        has_changed = began >= self.retry_at
        # A directory that is a link may lead elsewhere now.
        has_changed = has_changed or self.roots != self.real_directories()
        has_changed = has_changed or any(one.has_changed(path) for path, one in self.seen.items())
        self.look_work = time.thread_time() - work
        return has_changed

    def report(self, problems: List[str], before: List[str]) -> None:
        """Tell how a reload went, once a change."""
        if problems != self.problems:
            for problem in problems:
                self.say(f"mocks not reloaded, the previous ones stay: {problem}")
        is_new = before != [mock.canonical for mock in self.index.mocks]
        if not problems and (self.problems or is_new):
            self.say(f"mocks reloaded: {len(self.index.mocks)}")
        self.problems = problems


# === mocks/near ==============================================================
# Near misses: which mocks nearly matched, and what differs.  Pure.


NEAR_MISSES = 3  # how many are told

LOOKED_AT = 400  # of more mocks the first are looked at, and those that the index finds

EQUALLY_NEAR = 200  # of how many mocks with as many differences the texts are compared

LONG_TEXT = 200  # characters; of longer ones the JSON shows what is around the difference

ALIKE = 0.6  # from here on one text is a typo in the other, not another text

KEY_ORDER = {key: place for place, key in enumerate(MATCH_KEYS)}


@record
class NearMiss:
    """A mock that nearly matched, and everything that keeps it from it."""

    mock: Mock
    differences: Tuple[Difference, ...]

    @property
    def sentence(self) -> str:
        """Name, place and the first difference in words."""
        place, difference = "", "nothing differs any more"
        if self.mock.name != self.mock.place:
            place = f" ({self.mock.place})"
        if self.differences:
            difference = explained(self.differences[0])
        return f'"{self.mock.name}"{place}: {difference}'

    def json(self) -> Dict[str, Json]:
        """The same as JSON, with every difference."""
        return {
            "mock": self.mock.name,
            "place": self.mock.place,
            "differences": [difference_json(*one) for one in self.differences],
        }

    @property
    def holding(self) -> int:
        """How many of its conditions hold."""
        return len(self.mock.conditions) - len(self.differences)

    @property
    def nearness(self) -> Tuple[float, int, int]:
        """More is nearer, among mocks with as many differences."""
        return nearness(self.differences, self.holding)


def nearness(differences: Sequence[Difference], holding: int) -> Tuple[float, int, int]:
    """More is nearer, among those with as many differences: a text much like the one that came,
    then how many conditions hold, then how late in MATCH_KEYS the first difference is."""
    if not differences:
        return 1.0, holding, len(KEY_ORDER)
    key, _, expected = differences[0]
    key = re.split(r"[.\[]", key)[0]
    if key == "times" or isinstance(expected, Because):
        # All that it asks for is there; it can't answer, for another reason.
        return 2.0, holding, 0
    alike = likeness(differences[0])
    if alike <= ALIKE:
        alike = 0.0
    return alike, holding, KEY_ORDER.get(key, len(KEY_ORDER))


def difference_json(key: str, got: Json, expected: Json) -> Dict[str, Json]:
    """One difference: key, got, expected; of long texts what is around the place where they part,
    and that place."""
    key, got, expected = unsecret(key, got, expected)
    result: Dict[str, Json] = {"key": key}
    if is_text(got) and is_text(expected) and max(len(got), len(expected)) > LONG_TEXT:
        parting = parting_of(got, expected, min(len(got), len(expected)))
        around = slice(max(0, parting - 80), parting + 80)
        result["differs_at"] = parting
        got, expected = got[around], expected[around]
    result["got"] = bounded(got)
    result["expected"] = bounded(expected)
    return result


def is_text(value: Json) -> bool:
    """Whether a value is a text of its own, not a sentence about what was expected."""
    return isinstance(value, str) and not isinstance(value, Because)


def bounded(value: Json) -> Json:
    """A value for JSON: null for one that is missing, the beginning of a long one as text."""
    if len(shown(value, room=500)) >= 500:
        return shown(value, room=400)
    return None if value is MISSING else value


def looked_at(mocks: Sequence[Mock], likely: Iterable[Mock]) -> List[Mock]:
    """The mocks to look at, in matching order: all, unless they are too many, and then the first
    and those that are `likely`, as they have in them what the call has."""
    first = list(mocks[:LOOKED_AT])
    if len(mocks) == len(first):
        return first
    seen = set(first)
    return first + list(itertools.islice((mock for mock in likely if mock not in seen), LOOKED_AT))


def near_misses(
    mocks: Iterable[Mock], call: Call, wire: WireFormat, used: Callable[[Mock], int]
) -> List[NearMiss]:
    """The mocks with the fewest differences, nearest first; `used` says how often one was used."""
    by_rank: Dict[Tuple[int, int], List[NearMiss]] = {}
    for mock in mocks:
        differences = mock.differences(call, wire, used(mock))
        # Among thousands of mocks only some are kept a rank, before their texts are compared.
        holding = len(mock.conditions) - len(differences)
        number = len(differences)
        if is_elsewhere(call, differences):
            number += len(MATCH_KEYS)
        equals = by_rank.setdefault((number, -holding), [])
        if len(equals) < EQUALLY_NEAR:
            equals.append(NearMiss(mock, tuple(differences)))
    nearest_first: List[NearMiss] = []
    for number in sorted({number for number, _ in by_rank}):
        if len(nearest_first) >= NEAR_MISSES:
            break
        equals = [miss for rank in sorted(by_rank) if rank[0] == number for miss in by_rank[rank]]
        nearest_first += sorted(equals, key=lambda miss: miss.nearness, reverse=True)
    return nearest_first[:NEAR_MISSES]


def is_elsewhere(call: Call, differences: Iterable[Difference]) -> bool:
    """Whether a mock answers on a path of no provider alone, to which a provider's is not near,
    though nothing else may differ."""
    if call.operation == OTHER:
        return False
    paths = [expected for key, _, expected in differences if key == "path"]
    return any(isinstance(path, str) and homes(path) == {ELSEWHERE} for path in paths)


def likeness(difference: Difference) -> float:
    """How alike the two texts of a difference are, from 0 to 1: the letters that they share."""
    # difflib's quick_ratio(), without what difflib prepares for its slow ratio().
    _, got, expected = difference
    one, other = as_text(got), as_text(expected)
    if not one and not other:
        return 1.0
    shared = sum(min(one.count(letter), other.count(letter)) for letter in set(one))
    return 2.0 * shared / (len(one) + len(other))


def as_text(value: Json) -> str:
    """The beginning of a value as text, to compare it; of numbers and the like nothing."""
    if isinstance(value, dict):
        value = compact(value)
    return value[:200] if isinstance(value, str) else ""


def not_reloaded(problems: Sequence[str]) -> str:
    """What is wrong with files that could not be read again, to be told behind a reason."""
    if not problems:
        return ""
    told = f"; mocks could not be reloaded: {problems[0]}"
    if len(problems) > 1:
        told += f" (and {len(problems) - 1} more)"
    return told


def closest(near: Sequence[NearMiss], directories: Iterable[str]) -> str:
    """The closest mock and the first thing that differs; if there is none, where it could be."""
    if near:
        return f"no mock matches; closest is {near[0].sentence}"
    folders = [os.path.join(os.path.basename(directory), "mocks") for directory in directories]
    origin = ""
    if folders:
        origin = " from " + " and ".join(folders)
    return f"no mock matches; none are loaded{origin}"


# === mocks/sessions ==========================================================
# All mocks in matching order, and what each session has of its own.  May touch threading.


MOCK_SIZE = 500  # what an index and a session keep of a mock beside it


class NoRoom(Refused, ValueError):
    """What would take more memory, or sessions, than there may be."""


MIB = 1024 * 1024


def names_files(mock: Mock) -> bool:
    """Whether a mock may name files, and is read again when they change."""
    return '"@' in mock.canonical


def sizes_of(mocks: Iterable[Mock]) -> Dict[str, int]:
    """By place, the bytes of memory that mocks take."""
    return {mock.place: MOCK_SIZE + object_size(mock) for mock in mocks}


class Session:
    """What one session has of its own, mocks added at run time and how often each mock was used,
    and all that can be done with its mocks."""

    def __init__(self, name: str, mocks: Mocks) -> None:
        self.name, self.all_mocks = name, mocks
        self.index = Index()  # of mocks that were added at run time
        self.specs: Dict[str, Json] = {}  # by place, the JSON of those that may name files
        self.problems: Dict[str, str] = {}  # by place, why one could not be read again
        self.sizes: Dict[str, int] = {}  # by place, the bytes of memory that each takes
        self.uses: Dict[Tuple[str, str], Uses] = {}
        self.state = State()

    @property
    def mocks(self) -> Tuple[Mock, ...]:
        """The mocks that were added at run time, in matching order."""
        return self.index.mocks

    def add(self, specs: Sequence[Json]) -> List[Mock]:
        """Add mocks in front of all others, in their order.  BadMock, and none is added, if one is
        wrong; NoRoom if they take too much memory."""
        numbers, files = self.all_mocks.numbers, self.all_mocks.files
        # Their JSON is the least that they take: what is refused need not be read first.
        self.all_mocks.check_room(walked_size(list(specs)))
        placed = {f"added-{next(numbers)}": spec for spec in specs}
        loads = files.loads
        mocks, libraries = files.parsed(placed)
        for mock in mocks:
            self.check_session(mock)
        sizes = sizes_of(mocks)
        self.all_mocks.check_room(sum(sizes.values()))
        with files.lock:
            # No reload may come between reading a mock's files and the mock's being here.  Nobody
            # is to wait for thousands of mocks: they are read and weighed before, seldom again.
            if files.loads != loads and any(names_files(mock) for mock in mocks):
                mocks, libraries = files.parsed(placed)
                sizes = sizes_of(mocks)
            files.watch(libraries)
            self.hold(mocks, placed, sizes)
        self.all_mocks.has_changed()
        return mocks

    def check_session(self, mock: Mock) -> None:
        """Raise BadMock for a mock that asks for another session, whose requests don't see it."""
        for condition in mock.conditions:
            if condition.key == "session" and condition.expected != self.name:
                asked, own = shown(condition.expected), shown(self.name)
                raise BadMock(f"{mock.place}: match.session: is {asked}, but it is added to {own}")

    def hold(self, mocks: List[Mock], placed: Mapping[str, Json], sizes: Mapping[str, int]) -> None:
        """Have mocks in front of all others, which were read from JSON by their places, and take
        so many bytes."""
        with self.all_mocks.lock:
            self.all_mocks.check_room(sum(sizes.values()))
            self.all_mocks.used += sum(sizes.values())
            # It may have been reset or forgotten since it was looked up.
            session = self.all_mocks.sessions.setdefault(self.name, self)
            session.index = session.index.preceded(mocks)
            naming_files = [mock.place for mock in mocks if names_files(mock)]
            session.specs.update({place: placed[place] for place in naming_files})
            session.sizes.update(sizes)

    def remove(self, ids: Optional[Iterable[str]] = None) -> int:
        """Take away mocks that were added, all or those with these ids; how many there were."""
        with self.all_mocks.lock:
            gone = set(self.mocks)
            if ids is not None:
                asked = set(ids)
                gone = {mock for mock in self.mocks if mock.id in asked}
            self.index = self.index.without(gone)
            for mock in gone:
                self.specs.pop(mock.place, None)
                self.uses.pop(mock.key, None)
                self.all_mocks.release(self.sizes.pop(mock.place))
        self.all_mocks.has_changed()
        return len(gone)

    def reset(self) -> None:
        """Forget its mocks, and how often it used any mock."""
        with self.all_mocks.lock:
            self.all_mocks.release(sum(self.sizes.values()))
            self.index = Index()
            self.specs, self.sizes, self.uses = {}, {}, {}
            self.state = State()
            if self.name and self.all_mocks.sessions.get(self.name) is self:
                del self.all_mocks.sessions[self.name]
        self.all_mocks.has_changed()

    def read_again(self, read: ReadFile) -> None:
        """Read the mocks that name files again; one that can't be used any more stays as it was."""
        changed: Dict[str, Mock] = {}
        problems: Dict[str, str] = {}
        for place, spec in list(self.specs.items()):
            try:
                changed[place] = parse_mock(MockNode.whole(spec, place, read))
            except BadMock as error:
                problems[place] = str(error)
        for place, problem in problems.items():
            if self.problems.get(place) != problem:  # told once
                self.all_mocks.say(f"a mock added at run time stays as it was: {problem}")
        self.problems = problems
        with self.all_mocks.lock:
            if changed:
                self.index = Index(changed.get(mock.place, mock) for mock in self.mocks)
            # What has grown stays: there is nobody to whom it could be refused.
            for place in self.sizes.keys() & changed.keys():
                before, after = self.sizes[place], MOCK_SIZE + object_size(changed[place])
                self.sizes[place] = after
                self.all_mocks.used += after - before
            known = {mock.key for mock in self.in_order()}
            self.uses = {key: uses for key, uses in self.uses.items() if key in known}

    # --- looking ---

    def in_order(self) -> List[Mock]:
        """Its mocks and those from files, in matching order."""
        return [*self.mocks, *self.all_mocks.from_files]

    def uses_of(self, mock: Mock) -> Uses:
        """How often it has used a mock, to be counted on."""
        uses = self.uses.get(mock.key)
        if uses is None:
            # Of two threads both get the same, and nobody looks at all of them meanwhile.
            with self.all_mocks.lock:
                uses = self.uses.setdefault(mock.key, Uses())
        return uses

    def count_of(self, mock: Mock) -> int:
        """How often it has used a mock."""
        uses = self.uses.get(mock.key)
        return uses.count if uses else 0

    def candidates(self, call: Call) -> List[Mock]:
        """The mocks that may match, in order."""
        return self.index.candidates(call) + self.all_mocks.files.index.candidates(call)

    def find(self, call: Call, wire: WireFormat, seed: int = 0) -> Tuple[Optional[Found], bool]:
        """The first mock that matches, which is used by that; and whether an equal call will find
        the same.  `seed` is that of draws."""
        is_repeatable = True
        for mock in self.candidates(call):
            holds = mock.matches(call)
            if not holds:
                continue
            is_repeatable = is_repeatable and mock.is_repeatable
            found = mock.claim(call, wire, self.uses_of(mock), holds, seed)
            if found:
                return found, is_repeatable
        return None, is_repeatable

    def near(self, call: Call, wire: WireFormat) -> List[NearMiss]:
        """The mocks that came nearest to matching."""
        mocks = looked_at(self.in_order(), self.candidates(call))
        return near_misses(mocks, call, wire, self.count_of)

    def explain(self, near: Sequence[NearMiss]) -> str:
        """Why no mock matches: the closest one and the first thing that differs, and what is wrong
        with those that could not be read again."""
        return closest(near, self.all_mocks.files.directories) + self.not_reloaded

    @property
    def not_reloaded(self) -> str:
        """What is wrong with mocks that could not be read again, to be told behind a reason."""
        return not_reloaded([*self.all_mocks.files.problems, *self.problems.values()])

    @property
    def hint(self) -> str:
        """How a mock is added."""
        prefix = ""
        if self.name:
            prefix = f"/@{quote(self.name, safe='')}"
        return f"POST {prefix}{CONTROL_PREFIX}/mocks adds one"


class Mocks:
    """All mocks in matching order: those that a session added at run time, newest first, then those
    from files.  `say` gets a line whenever reading those again goes wrong or right."""

    def __init__(
        self, directories: Sequence[str] = (), say: Callable[[str], None] = lambda line: None
    ) -> None:
        self.say = say
        self.lock = threading.Lock()  # of the sessions and what they hold
        self.used = 0  # bytes of memory of mocks that were added
        self.freed: Callable[[int], None] = lambda size: None  # is told of those that went
        # The sessions for whose requests somebody waits, or of whose streams one is at a gate.
        self.awaited: Callable[[], Set[str]] = set
        self.sessions: "OrderedDict[str, Session]" = OrderedDict({"": Session("", self)})
        self.numbers = itertools.count(1)
        self.generations = itertools.count(1)
        self.generation = 0
        self.files = MockFiles(directories, say, self.read_again)

    def has_changed(self) -> None:
        """Say, once something has changed, that no answer from before holds any more."""
        self.generation = next(self.generations)

    def session(self, name: str) -> Session:
        """A session, which begins when it is first asked for.  NoRoom if there are too many."""
        if not name:
            return self.sessions[""]
        with self.lock:
            session = self.sessions.get(name)
            if session is None:
                if len(self.sessions) >= SESSIONS:
                    self.forget_one()
                session = self.sessions[name] = Session(name, self)
            self.sessions.move_to_end(name)
        return session

    def forget_one(self) -> None:
        """Forget the session that was unused for longest, of those with nothing of their own."""
        kept = {"", *self.awaited()}
        for name, session in self.sessions.items():
            if name not in kept and not session.mocks:
                del self.sessions[name]
                self.has_changed()
                return
        raise NoRoom(
            400,  # clients try again after most others
            f"there are {SESSIONS} sessions, each with mocks of its own or somebody who waits; "
            "POST /__mock__/reset in one that is over, or with ?session=* for all, makes room",
            code="too_many_sessions",
        )

    def check_room(self, size: int) -> None:
        """NoRoom if mocks can't be added that take so many bytes."""
        if self.used + size > MOCKS_ROOM:
            raise NoRoom(
                413,
                f"these mocks take {size / MIB:.1f} MiB of memory, and those added before have "
                f"{self.used / MIB:.1f} of {MOCKS_ROOM / MIB:g} MiB; DELETE /__mock__/mocks, or "
                "POST /__mock__/reset, with ?session=* for all sessions, makes room",
                code="too_many_mocks",
            )

    def release(self, size: int) -> None:
        """Note that added mocks that took so many bytes are gone."""
        self.used -= size
        self.freed(size)

    def names(self) -> List[str]:
        """The names of all sessions."""
        with self.lock:
            return list(self.sessions)

    @property
    def from_files(self) -> Tuple[Mock, ...]:
        """The mocks from files, in matching order."""
        return self.files.index.mocks

    def read_again(self, read: ReadFile) -> None:
        """Read the mocks of all sessions that name files again."""
        with self.lock:
            sessions = list(self.sessions.values())
        for session in sessions:
            session.read_again(read)
        self.has_changed()


# === nearly ==================================================================
# Requests that nearly were what a test looks for, and what differs.  Touches nothing.


TOLD = 3  # how many are told


@record
class Nearly:
    """A request that is not what was looked for, and everything that differs."""

    entry: Entry
    differences: Tuple[Difference, ...]
    holding: int  # how many of the conditions hold

    @property
    def sentence(self) -> str:
        """Which request it is, and the first difference in words."""
        return f"{named(self.entry)}: {explained(self.differences[0])}"

    def json(self) -> Dict[str, Json]:
        """The same as JSON, with every difference."""
        return {
            "request": self.entry.number,
            "differences": [difference_json(*one) for one in self.differences],
        }


def named(entry: Entry) -> str:
    """Which request it is, for people."""
    asked = entry.asked
    return f"{asked.method} {asked.path} ({entry.ended or 'running'})"


def differences_of(entry: Entry, conditions: Sequence[Condition], ended: Ended) -> List[Difference]:
    """Everything that keeps a request from fulfilling conditions and having ended as asked."""
    found = entry.asked.differences(conditions)
    if ended is not None and entry.ended not in ended:
        found.append(("ended", entry.ended, Because(" or ".join(sorted(ended)))))
    return found


def near_requests(
    entries: Sequence[Entry], conditions: Sequence[Condition], ended: Ended
) -> Tuple[Nearly, ...]:
    """The requests with the fewest differences, nearest first, of equally near ones the newest;
    those that have none are not among them."""
    found = []
    for entry in reversed(entries[-LOOKED_AT:]):
        differences = tuple(differences_of(entry, conditions, ended))
        if differences:
            found.append(Nearly(entry, differences, len(conditions) - len(differences)))
    found.sort(key=lambda one: nearness(one.differences, one.holding), reverse=True)
    found.sort(key=lambda one: len(one.differences))
    return tuple(found[:TOLD])


# === operations ==============================================================
# What can be done with a session: its mocks, its journal, its gates.

# The control API and MockServer only translate to this and back.


MOST_TOLD = 10  # of unused mocks, and of requests, in sentences


class Unavailable(KeyError):
    """What is named is not there, or not in the state that it is needed in; `code` is a word for
    why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return self.message


class Waited(NamedTuple):
    """What came while somebody waited; `shortfall` says so in words if it was not enough."""

    entries: List[Entry]
    shortfall: str = ""
    near: Sequence[Nearly] = ()  # other requests, which nearly were what was waited for


def read_conditions(asked: Given) -> Tuple[Condition, ...]:
    """The conditions of the `match` that is asked for, on requests in the journal; without any
    they all match.  What is wrong with it would be wrong in a mock, too."""
    return conditions(Node(asked.value, asked.source or "body").get("match"), "")


# A client that leaves may be seen to leave in either way: behind a proxy that is chance.
GROUPS_OF_ENDS = {"client_gone": ("client_closed", "client_reset")}
KNOWN_ENDS = (*ENDS, *GROUPS_OF_ENDS)


def read_end(ended: Node) -> Ended:
    """One of ENDS, `client_gone`, a list of these, or true for any end; None, for whatever became
    of a request, where there is none or null."""
    if ended.is_null:
        return None
    if ended.value is True:
        return frozenset(ENDS)
    named = [ended]
    if ended.value and isinstance(ended.value, list):
        named = ended.items()
    elif not isinstance(ended.value, str):
        ended.expected("true, or one or a list of " + ", ".join(KNOWN_ENDS))
    words = [one.choice(KNOWN_ENDS) for one in named]
    return frozenset(end for word in words for end in GROUPS_OF_ENDS.get(word, (word,)))


class WaitFor(NamedTuple):
    """What somebody waits for: so many requests that fulfil conditions and ended as asked, for so
    many seconds."""

    conditions: Tuple[Condition, ...]
    number: int
    ended: Ended
    timeout: float


def read_wait(asked: Given) -> WaitFor:
    """What is asked for in an object with match, count, ended and timeout."""
    seconds = f"seconds from 0 to {WAIT_SECONDS:g}"
    return WaitFor(
        read_conditions(asked),
        asked.get("count").whole(1, 1),
        read_end(asked.get("ended")),
        float(asked.get("timeout").number(seconds, 0, WAIT_SECONDS, 5)),
    )


# What `verify` looks for, and whether it does unless it is told.
LOOKED_FOR = {"unused": True, "unmatched": True, "invalid": False}


def read_verify(asked: Given) -> Dict[str, bool]:
    """What is to be looked for: the arguments of `leftovers`."""
    return {name: asked.get(name).flag(default) for name, default in LOOKED_FOR.items()}


class Leftovers(NamedTuple):
    """What a test has left over or missed: mocks that were never used, requests that no mock
    answered, requests that could not be read; and all of it in sentences."""

    unused: List[Json]
    unmatched: List[Entry]
    invalid: List[Entry]
    sentences: List[str]


class Operations:
    """What can be done with a session, or with all for `*`.

    A session is looked up each time: one that was reset, or forgotten because it was unused for
    longest, begins anew."""

    def __init__(self, mocks: Mocks, journal: Journal, session: str) -> None:
        self.mocks = mocks
        self.journal = journal
        self.session = session

    def sessions(self) -> List[Session]:
        """The sessions that are meant."""
        names = [self.session]
        if self.session == EVERY_SESSION:
            names = self.mocks.names()
        return [self.mocks.session(name) for name in names]

    # --- mocks ---

    def add(self, specs: Sequence[Json]) -> List[Mock]:
        """Add mocks in front of all others of one session; BadMock, and none is added, if one is
        wrong, NoRoom if they take too much memory."""
        return self.mocks.session(self.session).add(specs)

    def mocks_json(self) -> List[Json]:
        """All mocks in matching order, with how often they were used."""
        sessions = self.sessions()
        found = [mock_json(session, mock) for session in sessions for mock in session.mocks]
        # Those from files come last: what is added answers before them.
        return found + [mock_json(sessions[0], mock) for mock in self.mocks.from_files]

    def remove(self, id: str) -> None:
        """Remove a mock that was added; Unavailable if there is none."""
        sessions = self.sessions()
        if any(session.remove([id]) for session in sessions):  # an id is given once
            return
        if any(mock.id == id for mock in self.mocks.from_files):
            raise Unavailable(f"{id} comes from a file; remove it there", "not_added")
        known = [mock.id for session in sessions for mock in session.mocks]
        hint = nearest(id, known) if known else "none was"
        raise Unavailable(f"no mock {shown(id)} was added; {hint}", "unknown_mock")

    def remove_all(self) -> int:
        """Remove all mocks that were added; how many there were."""
        return sum(session.remove() for session in self.sessions())

    # --- the journal ---

    def entries(self) -> List[Entry]:
        """The requests, oldest first."""
        return self.journal.entries(self.session)

    def count(self, wanted: Sequence[Condition], ended: Ended = None) -> int:
        """How many requests fulfil conditions and ended as asked."""
        return len(self.journal.matching(Wanted(self.session, wanted, ended)))

    def waiting(
        self, wanted: Sequence[Condition], count: int, ended: Ended, timeout: float
    ) -> Work[Waited]:
        """Work that gives the requests that fulfil conditions and ended as asked, once there are
        `count` of them; or those that came in `timeout` seconds, and what differs of others."""
        asked = Wanted(self.session, wanted, ended)
        came, is_enough = yield from self.journal.waiting(asked, count, timeout)
        if is_enough:
            return Waited(came)
        until = f"within {timeout:g} seconds"
        if self.journal.closed:
            until = "before the server was closed"
        yield ASIDE
        near = near_requests(self.entries(), wanted, ended)
        there = [one.sentence for one in near] or [named(entry) for entry in came[-TOLD:]]
        told = "; ".join(there) or "nothing"
        return Waited(came, f"{len(came)} of {count} requests came {until}; there was {told}", near)

    def leftovers(self, unused: bool, unmatched: bool, invalid: bool) -> Leftovers:
        """What a test has left over or missed, of what it asks for.  Only mocks that were added
        count: those from files are everybody's."""
        entries = self.entries()
        idle = [
            (session, mock)
            for session in self.sessions()
            for mock in session.mocks
            if unused and not session.count_of(mock)
        ]
        missed = [entry for entry in entries if unmatched and entry.asked.unmatched]
        unread = [entry for entry in entries if invalid and entry.asked.is_invalid]
        sentences = [unused_sentence(mock, entries) for _, mock in idle[:MOST_TOLD]]
        sentences += [f"no mock answered {noted(one)}" for one in missed[:MOST_TOLD]]
        sentences += [f"could not read {noted(one)}" for one in unread[:MOST_TOLD]]
        more = len(idle) + len(missed) + len(unread) - len(sentences)
        if more:
            sentences.append(f"and {more} more")
        return Leftovers([mock_json(*one) for one in idle], missed, unread, sentences)

    def forget(self) -> int:
        """Empty the journal; how many requests there were."""
        return self.journal.clear(self.session)

    def watch(self) -> Feed:
        """A feed of the requests that come and end from now on."""
        return self.journal.watch(self.session)

    # --- gates, and everything ---

    def release(self, number: str, events: int = 1) -> None:
        """Let events of a gated stream out, whatever its session; `number` is its request's id.
        Unavailable if there is no such stream."""
        entry = self.journal.find(number)
        if not entry:
            raise Unavailable(
                f"no request {shown(number)} in the journal; "
                "X-Mock-Request-Id of its answer says which it was",
                "unknown_request",
            )
        if not entry.gate:
            reason = 'has no gate; its mock needs "gate": true'
            raise Unavailable(f"request {number} {reason}", "no_gate")
        if entry.ended:
            raise Unavailable(f"request {number} has ended: {entry.ended}", "no_gate")
        entry.gate.release(events)

    def reset(self) -> None:
        """Forget requests, mocks that were added, and how often mocks were used; let gated streams
        run to their end."""
        self.forget()
        # The mocks of these streams are about to go; nobody will know which gates were left shut.
        self.journal.open_gates(self.session)
        for session in self.sessions():
            session.reset()


def mock_json(session: Session, mock: Mock) -> Dict[str, Json]:
    """What is shown of a mock, with how often a session has used it."""
    return {
        "id": mock.id,
        "name": mock.name,
        "uses": session.count_of(mock),
        "source": parse_json(utf8(mock.canonical)),
    }


def noted(entry: Entry) -> str:
    """A request, and what was said of it."""
    return f"{named(entry)}: {entry.asked.note}"


def unused_sentence(mock: Mock, entries: Sequence[Entry]) -> str:
    """That a mock was never used, and what differs of the request that came nearest to it."""
    place = f" ({mock.id})"
    if mock.name == mock.place:
        place = ""
    told = f'mock "{mock.name}"{place} was never used'
    near = near_requests(entries, mock.conditions, None)
    if near:
        told += f"; nearest was {near[0].sentence}"
    return told


# === control =================================================================
# The control API: what tests see and steer, as a table that only translates.


# RFC 9110, 15.5: 404 for what is not there, 409 for what is there in another state.
STATUS = {"unknown_mock": 404, "unknown_request": 404, "not_added": 409, "no_gate": 409}
# What the journal shows of requests is shown on the page: no other origin's script may run there.
PAGE_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'",
    ),
)
FEED_HEADERS = (("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"))
# Prometheus, "Exposition formats": the type names the version of the text format.
METRICS_HEADERS = (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),)

Reaction = Union[Response, Answered]
Action = Callable[["Control", ControlRequest], Union[Reaction, Work[Reaction]]]


class ControlRoute(NamedTuple):
    """One thing that can be done: its template below /__mock__, who does it, and what it is.

    What `is_long` goes through all requests or all mocks."""

    template: str
    action: Action
    about: str
    is_long: bool = False

    @property
    def method(self) -> str:
        """GET and the like."""
        return self.template.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path below /__mock__, with placeholders."""
        return self.template.partition(" ")[2]


YES_AND_NO = ("0", "1", "false", "true")  # of a query


class Control:
    """The control API under /__mock__/ (README, "Control API")."""

    def __init__(self, mocks: Mocks, journal: Journal, settings: Settings) -> None:
        self.mocks = mocks
        self.journal = journal
        self.settings = settings

    def answering(self, request: Request) -> Work[Answered]:
        """Work that gives the response to a control request; a refusal says what is wrong."""
        try:
            admit(request, self.settings)
            route, params = control_route(request)
            if route.is_long:
                yield ASIDE
            answer = route.action(self, ControlRequest(request, params))
            if isinstance(answer, Generator):
                answer = yield from answer
        except Refused as refused:
            return control_refusal(refused)
        except Unavailable as error:
            return control_refusal(Refused(STATUS[error.code], error.message, code=error.code))
        except BadValue as error:
            return control_refusal(Refused(400, str(error), code="bad_value"))
        except BadMock as error:
            return control_refusal(Refused(400, str(error), code="bad_mock"))
        if isinstance(answer, Response):
            return Answered(answer, control=True)
        return answer

    def operations(self, asked: ControlRequest) -> Operations:
        """What can be done with the session that is meant."""
        return Operations(self.mocks, self.journal, asked.session)

    # --- what there is ---

    def page(self, asked: ControlRequest) -> Response:
        """The inspector."""
        return Response(200, PAGE_HEADERS, utf8(INSPECTOR))

    def health(self, asked: ControlRequest) -> Response:
        """Version, uptime, mocks, problems."""
        return control_response(
            200,
            {
                # The mocks that were there before go on answering.
                "status": "mocks not reloaded" if self.mocks.files.problems else "ok",
                "version": __version__,
                "uptime": round(self.journal.uptime(), 3),
                "mocks": len(self.mocks.session(asked.request.session).in_order()),
                "load_errors": self.mocks.files.problems,
            },
        )

    def metrics(self, asked: ControlRequest) -> Response:
        """Counts in Prometheus' text format, version 0.0.4."""
        sessions = "Sessions, the nameless one among them."
        families = (
            Family("info", "gauge", "Version of the server.", [({"version": __version__}, 1)]),
            gauge("uptime_seconds", "Seconds since the start.", round(self.journal.uptime(), 3)),
            *self.journal.families(),
            gauge("sessions", sessions, len(self.mocks.sessions)),
            gauge("mocks", "Mocks from files.", len(self.mocks.from_files)),
        )
        text = "".join(family.text() for family in families)
        return Response(200, METRICS_HEADERS, utf8(text))

    def wire_plans(self, asked: ControlRequest) -> Response:
        """The named plans with what they change."""
        usual = Plan()
        found = {}
        for name, plan in WIRE_PLANS.items():
            pairs = [(key, getattr(plan, key)) for key in PLAN_KEYS]
            found[name] = {key: value for key, value in pairs if value != getattr(usual, key)}
        return control_response(200, found)

    # --- the journal ---

    def requests(self, asked: ControlRequest) -> Response:
        """The journal."""
        query = asked.query("unmatched", "limit", "mock", "session")
        entries = self.operations(asked).entries()
        # A query is text.
        asked_for = query.get("unmatched").text("").lower() or "0"
        if query.get("unmatched").replaced(asked_for).choice(YES_AND_NO) in ("1", "true"):
            entries = [entry for entry in entries if entry.asked.unmatched]
        mock = query.get("mock")
        if not mock.is_absent:
            entries = [entry for entry in entries if entry.asked.mock == mock.value]
        limit = query.get("limit").whole(0, len(entries))
        newest = entries[max(0, len(entries) - limit) :]
        return control_response(200, {"requests": shown_entries(newest)})

    def forget(self, asked: ControlRequest) -> Response:
        """Empty the journal."""
        return control_response(200, {"deleted": self.operations(asked).forget()})

    def count(self, asked: ControlRequest) -> Response:
        """How many requests match."""
        body = asked.body("match", "ended")
        wanted, ended = read_conditions(body), read_end(body.get("ended"))
        return control_response(200, {"count": self.operations(asked).count(wanted, ended)})

    def wait(self, asked: ControlRequest) -> Work[Response]:
        """Requests that match, once there are enough."""
        wait = read_wait(asked.body("match", "count", "ended", "timeout"))
        operations = self.operations(asked)
        waited = yield from operations.waiting(*wait)
        if not waited.shortfall:
            return control_response(200, {"requests": shown_entries(waited.entries)})
        answer: Dict[str, Json] = {
            "error": {"message": waited.shortfall, "code": "timeout"},
            "matched": len(waited.entries),
            "near_misses": [one.json() for one in waited.near],
            "requests": shown_entries(operations.entries()[-20:]),
        }
        return control_response(408, answer)

    def verify(self, asked: ControlRequest) -> Response:
        """Whether all mocks were used and all requests answered by one, with what is left."""
        wanted = read_verify(asked.body(*LOOKED_FOR))
        left = self.operations(asked).leftovers(**wanted)
        answer: Dict[str, Json] = {
            "unused": left.unused,
            "unmatched": shown_entries(left.unmatched),
            "invalid": shown_entries(left.invalid),
        }
        if not left.sentences:
            return control_response(200, answer)
        error = {"message": "; ".join(left.sentences), "code": "not_verified"}
        return control_response(409, {"error": error, **answer})

    def release(self, asked: ControlRequest) -> Response:
        """Let events of a gated stream out."""
        events = asked.body("events").get("events").whole(1, 1)
        self.operations(asked).release(asked.params["id"], events)
        return control_response(200, {"released": events})

    def live(self, asked: ControlRequest) -> Answered:
        """An event when a request comes and one when it has ended."""
        feed = self.operations(asked).watch()
        # Not compressed: curl and EventSource are to show each event when it happens.
        response = Response(200, FEED_HEADERS, frames=feed.frames(), may_gzip=False)
        return Answered(response, feed=feed, control=True)

    # --- mocks ---

    def mocks_loaded(self, asked: ControlRequest) -> Response:
        """All mocks, in matching order."""
        return control_response(200, {"mocks": self.operations(asked).mocks_json()})

    def add(self, asked: ControlRequest) -> Response:
        """Add mocks."""
        value = asked.json()
        # To all would mean to those, too, that begin later.
        if asked.session == EVERY_SESSION:
            raise Refused(400, "mocks are added to one session, not to *", code="bad_session")
        specs = value if isinstance(value, list) else [value]
        ids = [mock.id for mock in self.operations(asked).add(specs)]
        return control_response(201, {"ids": ids})

    def remove_all(self, asked: ControlRequest) -> Response:
        """Remove all that were added at run time."""
        return control_response(200, {"deleted": self.operations(asked).remove_all()})

    def remove(self, asked: ControlRequest) -> Response:
        """Remove one of them."""
        self.operations(asked).remove(asked.params["id"])
        return control_response(200, {"deleted": 1})

    def reset(self, asked: ControlRequest) -> Response:
        """Forget what a session, or for `*` every one, has gathered."""
        self.operations(asked).reset()
        return control_response(200, {"reset": asked.session or None})

    ROUTES: Tuple[ControlRoute, ...] = (
        ControlRoute("GET /", page, "the inspector, a live view for people"),
        ControlRoute("GET /health", health, "version, uptime, mocks, problems with mock files"),
        ControlRoute(
            "GET /requests",
            requests,
            "the journal, newest last; `?unmatched=1`, `?limit=N`, `?mock=NAME`",
            is_long=True,
        ),
        ControlRoute("DELETE /requests", forget, "empty the journal"),
        ControlRoute(
            "POST /requests/count", count, '`{"match", "ended"}` → `{"count"}`', is_long=True
        ),
        ControlRoute(
            "POST /requests/wait",
            wait,
            '`{"match", "count", "ended", "timeout"}` → those requests, as soon as they are there; '
            "else 408 with what differed",
            is_long=True,
        ),
        ControlRoute("POST /requests/{id}/release", release, '`{"events"}`: let gated events out'),
        ControlRoute("GET /requests/live", live, "the journal as an event stream"),
        ControlRoute(
            "GET /mocks",
            mocks_loaded,
            "what is loaded, in matching order, with use counts",
            is_long=True,
        ),
        ControlRoute(
            "POST /mocks", add, "add one mock or an array of them → 201 with ids", is_long=True
        ),
        ControlRoute("DELETE /mocks", remove_all, "remove those added at run time"),
        ControlRoute("DELETE /mocks/{id}", remove, "remove one of them"),
        ControlRoute(
            "POST /verify",
            verify,
            '`{"unused", "unmatched", "invalid"}` → 200, or 409 with the mocks that were never '
            "used and the requests that no mock answered",
            is_long=True,
        ),
        ControlRoute(
            "POST /reset", reset, "forget journal, run-time mocks and how often mocks were used"
        ),
        ControlRoute("GET /metrics", metrics, "counts for Prometheus"),
        ControlRoute(
            "GET /wire-plans",
            wire_plans,
            "the named wire plans, so that a test can loop over them",
        ),
    )


def shown_entries(entries: List[Entry]) -> List[Json]:
    """Entries as JSON."""
    return [entry.json() for entry in entries]


@functools.lru_cache(maxsize=None)
def control_paths() -> Tuple[Tuple[Pattern[str], Mapping[str, ControlRoute]], ...]:
    """The paths below /__mock__, compiled when they are first needed; their routes by method."""
    # By path first, so that a wrong method can be told from a wrong path.
    by_path: Dict[str, Dict[str, ControlRoute]] = {}
    for route in Control.ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    return tuple((re.compile(pattern_of(path)), routes) for path, routes in by_path.items())


def control_route(request: Request) -> Tuple[ControlRoute, Mapping[str, str]]:
    """The route that a request takes, and the placeholders of its path."""
    path = request.path[len(CONTROL_PREFIX) :]
    method = request.method
    if method == "HEAD":  # RFC 9110, 9.3.2: what GET answers; its body is left out at the end
        method = "GET"
    if not path and method == "GET":  # relative links need the slash
        raise Refused(
            308,
            "the inspector is at /__mock__/",
            headers=(("Location", CONTROL_PREFIX + "/"),),
            code="moved",
        )
    for pattern, routes in control_paths():
        match = pattern.fullmatch(path)
        if not match:
            continue
        if method in routes:
            params = {name: unquote(text) for name, text in match.groupdict().items()}
            return routes[method], params
        allowed = ", ".join(sorted(routes))
        # RFC 9110, 15.5.6: a 405 says in Allow what would do.
        raise Refused(
            405,
            f"{request.path} takes {allowed}, not {request.method}",
            headers=(("Allow", allowed),),
            code="method_not_allowed",
        )
    known = {CONTROL_PREFIX + route.path.replace("{id}", "ID") for route in Control.ROUTES}
    raise Refused(
        404,
        f"unknown control path {shown(request.path)}; {nearest(request.path, known)}",
        code="unknown_path",
    )


# === writing =================================================================
# An outcome in the bytes of its provider, whole or streamed as the call asks.  Pure.


AHEAD = 128 * 1024  # bytes of a stream that are made before it begins
LONGEST_READ = 1024 * 1024  # bytes of an event that are read between two others' turns
EMPTY_FRAME = 256  # bytes that it takes to make even an empty event
# What one request may have repeated: the most numbers that OpenAI's models answer with, and text.
MOST_NUMBERS = MOST_INPUTS * 3072
MOST_REPEATED = 32 * 1024 * 1024
DONE = "[DONE]"  # the data of the last event, where a provider has one for that
NamedValue = Tuple[str, Json]  # a name and a value, text that is no JSON, or bytes of JSON
NOTHING_MORE: Mapping[str, Json] = MappingProxyType({})


def ahead(frames: Iterable[Frame]) -> Iterable[Frame]:
    """The frames in a tuple, if they are no more than AHEAD bytes; else those and, as they are
    asked for, the others."""
    rest = iter(frames)
    begun: List[Frame] = []
    size = 0
    for frame in rest:
        if isinstance(frame, Breath):
            continue  # it is made at once, and may be no event of what is kept
        begun.append(frame)
        # With what it takes itself: a stream of empty events is bounded, too.
        size += EMPTY_FRAME
        if isinstance(frame, bytes):
            size += len(frame)
        if size > AHEAD:
            return itertools.chain(begun, rest)
    return tuple(begun)


def respond(
    wire: WireFormat, call: Call, outcome: Outcome, status: int, delivery: Delivery
) -> Response:
    """An outcome in the provider's bytes, its content broken if that is what its fault does."""
    intact = written(wire, call, outcome, status, delivery)
    response: Response = broken(delivery.fault, "content", intact, wire.framing(call).tear)
    return response


def written(
    wire: WireFormat, call: Call, outcome: Outcome, status: int, delivery: Delivery
) -> Response:
    """An outcome in the provider's bytes."""
    # A whole answer can't break off in the middle: the error is all of it.
    if isinstance(outcome, Broken) and not goes_streamed(wire, call, outcome.content):
        outcome = outcome.failure
    if isinstance(outcome, Failure):
        if not is_filtered_answer(wire, outcome):
            return failed(wire, call, wire.completed(call, outcome), delivery)
        # Most providers say so in a finish reason (wire formats, 5.8).
        status = 200
        outcome = Reply((), "content_filter", Usage(estimate(call.prompt), 1), call.model)
    if isinstance(outcome, Broken):
        return streamed(wire, call, outcome, status, delivery)
    if isinstance(outcome, Reply):
        check_repeats(call, outcome)
        if call.stream:
            return streamed(wire, call, outcome, status, delivery)
        value = wire.whole(call, outcome)
        if outcome.extra:
            value = merged(value, outcome.extra)
        body, kind = wire.encode(value), wire.whole_type(call)
        headers = (*wire.headers(call, False, status), *wire.usage_headers(outcome))
        return whole_response(kind, headers, body, status, delivery)
    if isinstance(outcome, Raw):
        usual: Headers = ()
        if status not in NO_BODY:
            usual = (("Content-Type", "text/plain"),)
        headers = laid_over(usual, delivery.headers)
        may_gzip = not is_packed(content_type_in(headers))
        return Response(status, headers, outcome.body, may_gzip=may_gzip, delivery=delivery)
    if outcome.has_events and goes_streamed(wire, call, outcome):
        return streamed(wire, call, outcome, status, delivery)
    return recorded_whole(wire, call, outcome, status, delivery)


def goes_streamed(wire: WireFormat, call: Call, content: Union[Reply, Recorded]) -> bool:
    """Whether an answer that can go out as a stream does: its request wants one or, on a path of no
    provider, where nobody knows what that looks like, it is all that there is."""
    if call.stream or wire.operation != OTHER:
        return call.stream
    return isinstance(content, Recorded) and content.has_events and not content.has_body


def check_repeats(call: Call, reply: Reply) -> None:
    """Refuse an answer that says one thing so often that to write it would stop everybody else: a
    vector for each input, a text for each choice."""
    size, most, what = 0, MOST_NUMBERS, f"numbers in {len(call.inputs)} vectors"
    for part in reply.parts:
        if isinstance(part, Embedding):
            size = sum(len(part.of(index)) for index in range(len(call.inputs)))
        elif call.choices > 1:
            most, what = MOST_REPEATED, f"characters in {call.choices} choices"
            size += call.choices * len(told_text(part))
    if size > most:
        message = f"the answer would have {size} {what}, and has at most {most}; ask for less"
        raise Refused(400, message, code="answer_too_large")


def is_filtered_answer(wire: WireFormat, failure: Failure) -> bool:
    """Whether a provider says this error as an answer that its filter has stopped, with status
    200."""
    if failure.kind != "content_filter" or failure.status:
        return False
    return failure.kind not in wire.errors and Text in wire.speaks


def recorded_whole(
    wire: WireFormat, call: Call, recorded: Recorded, status: int, delivery: Delivery
) -> Response:
    """A recorded body; its gzip twin goes with it only as long as the bytes are those of the
    file."""
    if recorded.whole:
        original = recorded.whole
        may_gzip = not is_packed(content_type_in(original.headers))
        return replayed(original, original.frames, delivery, may_gzip)
    data = recorded.body
    if not isinstance(data, bytes):
        data = wire.encode(data)
    body, twin = wire.adapted(call, data), None
    # `adapted` gives the same object back where there was nothing to change.
    if body is data:
        twin = recorded.twin
    headers = wire.headers(call, False, status)
    return whole_response(wire.json_type, headers, body, status, delivery, twin)


def replayed(
    original: Original, frames: Optional[Iterable[Frame]], delivery: Delivery, may_gzip: bool
) -> Response:
    """An answer with its own head, over which the mock's own headers go."""
    headers = laid_over(original.headers, delivery.headers)
    # They go before the server's own, as those of a mock do.
    delivery = replace(delivery, headers=(*original.headers, *delivery.headers))
    if original.is_coded:  # a request may bring along how it wants its answer to travel
        plan = replace(delivery.plan, gzip="")
        delivery = replace(delivery, gzip="never", plan=plan)
    return Response(
        original.status,
        headers,
        original.body,
        frames=frames,
        may_gzip=may_gzip,
        delivery=delivery,
    )


def streamed(
    wire: WireFormat,
    call: Call,
    outcome: Union[Reply, Recorded, Broken],
    status: int,
    delivery: Delivery,
) -> Response:
    """A stream with the provider's headers."""
    framing, stream_type = wire.framing(call), wire.stream_type
    content = outcome.content if isinstance(outcome, Broken) else outcome
    if isinstance(content, Recorded) and content.stream:
        return replayed_stream(wire, call, outcome, content.stream, delivery)
    if wire.operation == OTHER and isinstance(content, Recorded) and content.kind:
        framing, stream_type = TEXT_FRAMINGS[content.kind]
    # A JSON array is a JSON body, in its headers too (wire formats, 7).
    content_type = stream_type if framing.streams else wire.json_type
    headers = (("Content-Type", content_type), *wire.headers(call, framing.streams, status))
    # Byte for byte only in the framing that the text is in; else its values are framed anew, as
    # they are where an error must come before the bracket that ends an array.
    may_break = framing.streams or not isinstance(outcome, Broken)
    frames: Iterable[bytes]
    if isinstance(content, Recorded) and content.kind == framing.title and may_break:
        frames = recorded_frames(wire, call, outcome, content.frames, framing)
    else:
        frames = framing.stream(events_of_outcome(wire, call, outcome, content))
    if isinstance(framing, SSE):
        frames = relined(frames, delivery.plan)
    return Response(
        status,
        laid_over(headers, delivery.headers),
        frames=frames,
        may_gzip=framing.negotiated,
        delivery=delivery,
        ping=ping_of(wire, framing, delivery),
        is_piece=piece_of(wire, framing, delivery),
    )


def replayed_stream(
    wire: WireFormat,
    call: Call,
    outcome: Union[Reply, Recorded, Broken],
    original: Original,
    delivery: Delivery,
) -> Response:
    """The stream of a transcript, in its own pieces."""
    framing, frames = wire.framing(call), original.frames
    if frames is None:
        return replayed(original, None, delivery, True)
    told = piece_of(wire, framing, delivery)
    by_pieces = isinstance(outcome, Broken) and outcome.after.pieces
    needs_events = relines(delivery.plan) or delivery.keepalive or told is not bool or by_pieces
    if needs_events and not original.is_coded:
        # A chunk may end in the middle of a line.
        frames = tuple(TEXT_CUTS[framing.title](b"".join(frames)))
    frames = tuple(recorded_frames(wire, call, outcome, frames, framing))
    made = replayed(original, frames, delivery, framing.negotiated)
    if original.is_coded:  # there is no room in it
        return made
    if isinstance(framing, SSE):
        made = replace(made, frames=relined(frames, delivery.plan))
    return replace(made, ping=ping_of(wire, framing, delivery), is_piece=told)


def ping_of(wire: WireFormat, framing: Framing, delivery: Delivery) -> bytes:
    """What keeps a stream alive, as its plan writes it; nothing where it is not to be."""
    if not delivery.keepalive or not isinstance(framing, SSE):
        return b""
    ping = wire.ping
    if delivery.keepalive.comment is not None:
        ping = comment(delivery.keepalive.comment, utf8(framing.eol))
    return relined_event(ping, replace(delivery.plan, comments=None))


def piece_of(wire: WireFormat, framing: Framing, delivery: Delivery) -> Callable[[bytes], bool]:
    """What tells whether a frame holds a piece of content, if anything is counted by them."""
    gate, fault = delivery.gate, delivery.fault
    if (gate and gate.pieces) or (fault and fault.after and fault.after.pieces):
        return functools.partial(is_piece, wire, framing)
    return bool


def is_piece(wire: WireFormat, framing: Framing, frame: bytes) -> bool:
    """Whether a frame holds a piece of content; of a very long one it is not looked for."""
    if len(frame) > LONGEST_READ:
        return True
    return wire.is_content(*framing.decoded(frame))


def recorded_frames(
    wire: WireFormat,
    call: Call,
    outcome: Union[Reply, Recorded, Broken],
    frames: Tuple[bytes, ...],
    framing: Framing,
) -> Iterable[bytes]:
    """A recorded stream byte for byte, as far as it goes."""
    if not isinstance(outcome, Broken):
        return frames
    honest = itertools.takewhile(lambda frame: SSE.data(frame) != DONE, frames)
    begun = tuple(until(honest, outcome.after, functools.partial(is_piece, wire, framing)))
    return (*begun, *framing.stream(interruption(wire, call, outcome, len(begun))))


def events_of_outcome(
    wire: WireFormat,
    call: Call,
    outcome: Union[Reply, Recorded, Broken],
    content: Union[Reply, Recorded],
) -> Iterator[Tuple[str, Json]]:
    """The events of a stream, and the error that breaks it off."""
    if isinstance(content, Reply):
        events = wire.events(call, content)
        if content.extra:
            events = with_extra(events, wire.places, content.extra)
    else:
        events = wire.recorded_events(values_of(content))
    if not isinstance(outcome, Broken):
        return events
    honest = itertools.takewhile(lambda event: not is_done(event), events)
    begun = tuple(until(honest, outcome.after, functools.partial(says_something, wire)))
    return itertools.chain(begun, interruption(wire, call, outcome, len(begun)))


def is_done(event: NamedValue) -> bool:
    """Whether an event says that nothing follows: no client reads an error behind it."""
    value = event[1]
    return isinstance(value, str) and value == DONE


def says_something(wire: WireFormat, event: NamedValue) -> bool:
    """Whether an event holds a piece of content, however far it was laid out already."""
    name, value = event
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        value = read_data(value)
    return wire.is_content(name, value)


def interruption(
    wire: WireFormat, call: Call, outcome: Broken, events: int
) -> Iterator[Tuple[str, Json]]:
    """The events that break a stream off after so many."""
    failure = wire.completed(call, outcome.failure)
    if isinstance(outcome.content, Reply):
        return wire.broken_off(call, outcome.content, failure, events)
    return wire.interruption(call, failure, events)


def whole_response(
    kind: str,
    headers: Headers,
    body: bytes,
    status: int,
    delivery: Delivery,
    twin: Optional[bytes] = None,
) -> Response:
    """A whole body of this type with the provider's headers."""
    headers = laid_over((("Content-Type", kind), *headers), delivery.headers)
    may_gzip = not is_packed(kind)
    return Response(status, headers, body, twin=twin, may_gzip=may_gzip, delivery=delivery)


def failed(
    wire: WireFormat,
    call: Call,
    failure: Failure,
    delivery: Delivery,
    more: Mapping[str, Json] = NOTHING_MORE,
) -> Response:
    """An error in the provider's shape, with `more` members beside its own."""
    body, headers = wire.failed(call, failure, more)
    headers = (*headers, *wire.headers(call, False, failure.status))
    status = failure.sent_as or failure.status
    return Response(status, laid_over(headers, delivery.headers), body, delivery=delivery)


def laid_over(headers: Headers, over: Sequence[Tuple[str, Optional[str]]]) -> Headers:
    """Headers with others in place of those of the same name; None leaves one out."""
    if not over:
        return headers
    names = {name.lower() for name, _ in over}
    kept = [header for header in headers if header[0].lower() not in names]
    given = [(name, value) for name, value in over if value is not None]
    return (*kept, *given)


# === memory ==================================================================
# Answers to requests that came before.  Touches nothing.


MEMORY_ROOM = 8 * 1024 * 1024  # bytes of memory that answers of all sessions may take
ANSWER_ROOM = 1024 * 1024  # and one of them
PAIR_ROOM = 300  # about what the objects of a query parameter take
OBJECT_ROOM = 2048  # about what the objects of an answer take
SEEN_MOST = 8192  # requests of which it is known that they came once


class NotedHeaders(Mapping[str, str]):
    """Headers that note which of them were asked for, there or not."""

    __slots__ = ("known", "noted")

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self.noted: Set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.noted.add(name)
        return self.known[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A header's value, or the default."""
        self.noted.add(name)
        return self.known.get(name, default)

    def __contains__(self, name: object) -> bool:
        self.noted.add(str(name))
        return name in self.known

    def __iter__(self) -> Iterator[str]:
        self.noted.update(self.known)
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)


# All of a request that its answer depends on: method, path, port, session, body, query, names of
# the headers that were asked for, and their values.  A plain tuple: one is made for every request.
Names = Tuple[str, ...]
Query = Tuple[Tuple[str, str], ...]
Key = Tuple[str, str, int, str, bytes, Query, Names, Tuple[Optional[str], ...]]


def key_of(request: Request, names: Names) -> Key:
    """The key of a request whose answer depends on the headers with these names."""
    headers = request.headers
    values = tuple([headers.get(name) for name in names])
    query = tuple(request.query.items())
    session, body = request.session, request.body
    return request.method, request.path, request.port, session, body, query, names, values


def key_size(key: Key) -> int:
    """About how many bytes of memory a key takes."""
    _, path, _, session, body, query, _, headers = key
    size = OBJECT_ROOM + len(path) + len(session) + len(body)
    size += sum(PAIR_ROOM + len(name) + len(value) for name, value in query)
    return size + sum(len(value) for value in headers if value)


def answer_size(request: Request, answered: Answered) -> int:
    """About how many bytes of memory an answer takes, with what was read of its request."""
    response, call = answered.response, answered.call
    size = len(response.body)
    if isinstance(response.frames, tuple):
        size += sum(map(frame_size, response.frames))
    if call and call.was_read:
        size += body_size(request.body, call.body, call)
    if answered.near:
        size += walked_size(list(answered.near))
    return size


def without_request(answered: Answered) -> Answered:
    """An answer without the head of its request, of which the key has all that matters."""
    call = answered.call
    if not call:
        return answered
    bare = call.request.with_headers({})
    return replace(answered, call=replace(call, request=bare))


class CameBefore:
    """Which of many things came before, as far as a bounded memory knows: a thing is kept only when
    it comes again."""

    def __init__(self) -> None:
        self.marks: Set[int] = set()

    def has(self, thing: Hashable) -> bool:
        """Whether it came before; from now on it did."""
        mark = hash(thing)
        if mark in self.marks:
            return True
        if len(self.marks) >= SEEN_MOST:
            self.marks.clear()
        self.marks.add(mark)
        return False


def written_out(answered: Answered) -> Answered:
    """An answer whose stream is made now, as far as that takes no time worth mentioning."""
    frames = answered.response.frames
    if frames is None or isinstance(frames, tuple):
        return answered
    return replace(answered, response=replace(answered.response, frames=ahead(frames)))


class Memory:
    """Answers to requests that came before, for as long as the mocks stay the same.

    An answer depends on nothing but those, the settings and the request, so that an equal request
    need not be read, matched and written out again.  Which headers it depends on is not declared
    anywhere: those that were asked for while it was made are part of the key of all answers on its
    path.  Kept are answers of up to 1 MiB, `room` bytes of them; then it starts over."""

    def __init__(self, room: int = MEMORY_ROOM) -> None:
        self.room = room
        self.lock = threading.Lock()
        self.seen = CameBefore()
        self.forget(0)

    def forget(self, generation: int) -> None:
        """Start over, with mocks of this generation."""
        self.generation = generation
        self.used = 0
        self.answers: Dict[Key, Answered] = {}
        self.header_names: Dict[Tuple[str, str], Names] = {}  # noted, by method and path

    def key(self, request: Request, generation: int) -> Key:
        """The key of a request, as far as is known what its answer depends on."""
        if self.generation != generation:
            with self.lock:
                self.forget(generation)
        names = self.header_names.get((request.method, request.path), ())
        return key_of(request, names)

    def keep(self, request: Request, generation: int, noted: Set[str], answered: Answered) -> None:
        """Remember an answer, if it can be."""
        if not answered.is_lasting:
            return
        size = answer_size(request, answered)
        with self.lock:
            if generation == self.generation:  # else it was made with mocks that are gone
                self.put(request, noted, without_request(answered), size)

    def put(self, request: Request, noted: Set[str], answered: Answered, size: int) -> None:
        """Remember an answer of `size` bytes; for who holds the lock."""
        place = request.method, request.path
        known = self.header_names.get(place, ())
        # The key is made of these names, whatever another thread makes of them meanwhile, and what
        # was remembered without the new ones is not found any more.
        names = (*known, *sorted(noted.difference(known)))
        key = key_of(request, names)
        size += key_size(key)
        if size > min(ANSWER_ROOM, self.room):
            return
        if self.used + size > self.room:
            self.forget(self.generation)
        self.header_names[place] = names
        self.answers[key] = answered
        self.used += size


# === schema ==================================================================
# Whether an answer fits the JSON schema of its request, in bounded time and memory.  Pure.


LONGEST_ANSWER = 256 * 1024  # characters; a longer one is not looked at

# A schema may refer to itself in many branches.  So many schemas, required names and allowed values
# are looked at; then the rest of the answer fits.
SCHEMA_STEPS = 20_000
REFERENCE_STEP = 64  # characters of a reference that are read in the time of a step

COMPARE_STEP = 4096  # characters of two texts that are compared in the time of a step

TYPES: Mapping[str, Callable[[Json], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: fits(value, "a number"),
    "integer": lambda value: fits(value, "a number") and value == value // 1,
}

# Keywords that bound a number, or the size of a text, an array or an object: what must hold, and in
# words.
BOUNDS: Tuple[Tuple[str, str, Callable[[Any, Any], bool], str], ...] = (
    ("minimum", "a number", operator.ge, "at least"),
    ("maximum", "a number", operator.le, "at most"),
    ("exclusiveMinimum", "a number", operator.gt, "more than"),
    ("exclusiveMaximum", "a number", operator.lt, "less than"),
    ("minLength", "a string", operator.ge, "a length of at least"),
    ("maxLength", "a string", operator.le, "a length of at most"),
    ("minItems", "an array", operator.ge, "at least so many items:"),
    ("maxItems", "an array", operator.le, "at most so many items:"),
    ("minProperties", "an object", operator.ge, "at least so many members:"),
    ("maxProperties", "an object", operator.le, "at most so many members:"),
)


class Misfit(Exception):
    """A node that does not fit, what its schema says of it, with a {} for each of the values that
    follow.  It is put into words only when told: of those found in branches most never are."""

    def __str__(self) -> str:
        node, problem, *values = self.args
        told = [one if isinstance(one, Misfit) else shown(one) for one in values]
        return f"{node.path} {problem.format(*told)}"


def check_bounds(node: Node, schema: Mapping[str, Json]) -> None:
    """Raise Misfit for a number, or a text, an array or an object, too small or too large."""
    for keyword, kind, holds, words in BOUNDS:
        bound = schema.get(keyword)
        if not fits(bound, "a number") or not node.is_a(kind):
            continue
        measure = node.value if kind == "a number" else len(node.value)
        if not holds(measure, bound):
            raise Misfit(node, "is {}, expected " + words + " {}", node.value, bound)


class SchemaCheck:
    """Holds values against a schema.  Known are the keywords that providers take for structured
    output, type names also in capitals and beside `nullable`, as Google has them; others hold."""

    def __init__(self, root: Json) -> None:
        self.root, self.steps_left = root, SCHEMA_STEPS

    def check(self, node: Node, schema: Json, level: int = 0) -> None:
        """Raise Misfit for the first thing that does not fit."""
        self.steps_left -= 1
        if schema is False:
            raise Misfit(node, "is not wanted")
        if not isinstance(schema, dict) or self.steps_left < 0 or level > DEPTH_LIMIT:
            return
        if isinstance(schema.get("$ref"), str):
            self.check_reference(node, schema["$ref"], level + 1)
        elif node.value is not None or schema.get("nullable") is not True:
            self.check_type(node, schema)
            check_bounds(node, schema)
            if isinstance(node.value, dict):
                self.check_members(node, schema, level + 1)
            elif isinstance(node.value, list):
                self.check_items(node, schema, level + 1)
            self.check_branches(node, schema, level + 1)

    def check_reference(self, node: Node, reference: str, level: int) -> None:
        """What a `$ref` leads to; a long one costs steps, for it may be read at each level."""
        self.steps_left -= len(reference) // REFERENCE_STEP
        if self.steps_left >= 0:
            names = [name for name in reference.lstrip("#").split("/") if name]
            self.steps_left -= len(names)
            self.check(node, within(self.root, *names), level)

    def listed(self, schema: Mapping[str, Json], keyword: str) -> List[Json]:
        """An array in a schema, each item of which is a step."""
        items = schema.get(keyword)
        if not isinstance(items, list):
            return []
        self.steps_left -= len(items)
        return items

    def check_type(self, node: Node, schema: Mapping[str, Json]) -> None:
        """The type, and the values that are allowed."""
        value = node.value
        types = self.listed(schema, "type") or [schema.get("type")]
        # No known name is longer than this: a long one may be looked at over and over.
        names = [name[:8].lower() for name in types if isinstance(name, str)]
        if names and not any(name not in TYPES or TYPES[name](value) for name in names):
            raise Misfit(node, "is {}, expected " + " or ".join(names), value)
        if isinstance(value, (dict, list)) and ("enum" in schema or "const" in schema):
            self.steps_left -= len(compact(value))  # to compare it may take as long
        allowed = self.listed(schema, "enum")
        if isinstance(value, str):
            self.steps_left -= len(allowed) * len(value) // COMPARE_STEP
        if allowed and value not in allowed:
            raise Misfit(node, "is {}, expected one of {}", value, allowed)
        if value != schema.get("const", value):
            raise Misfit(node, "is {}, expected {}", value, schema["const"])

    def check_members(self, node: Node, schema: Mapping[str, Json], level: int) -> None:
        """What lies inside an object."""
        for name in self.listed(schema, "required"):
            if isinstance(name, str) and name not in node.value:
                raise Misfit(node.get(name), "is missing")
        rules, others = schema.get("properties"), schema.get("additionalProperties", True)
        if not isinstance(rules, dict):
            rules = {}
        for name, member in node.members():
            self.check(member, rules.get(name, others), level)

    def check_items(self, node: Node, schema: Mapping[str, Json], level: int) -> None:
        """What lies inside an array."""
        first, others = self.listed(schema, "prefixItems"), schema.get("items", True)
        rules = itertools.chain(first, itertools.repeat(others))
        for index, (item, rule) in enumerate(zip(node.value, rules)):
            self.check(Node(item, "", node, index), rule, level)

    def check_branches(self, node: Node, schema: Mapping[str, Json], level: int) -> None:
        """The schemas that this one is made of."""
        for part in self.listed(schema, "allOf"):
            self.check(node, part, level)
        for keyword in ("anyOf", "oneOf"):
            problem = None
            for part in self.listed(schema, keyword):
                try:
                    self.check(node, part, level)
                    break
                except Misfit as found:
                    problem = problem or found
            else:
                if problem:
                    raise Misfit(node, f"fits none of {keyword}: {{}}", problem)


def misfit(value: Json, schema: Json, name: str) -> str:
    """The first way in which a value does not fit a JSON schema, with its place, or nothing."""
    try:
        SchemaCheck(schema).check(Node({name: value}).get(name), schema)
    except Misfit as found:
        return str(found)
    return ""


def unfit(call: Call, outcome: Outcome) -> str:
    """Why an answer's text is not what the JSON schema in the request asks for, or nothing."""
    if call.schema is None or not isinstance(outcome, Reply):
        return ""
    text = outcome.text(Text)
    if text is None or len(text) > LONGEST_ANSWER:
        return ""
    try:
        problem = misfit(parse_json(utf8(text)), call.schema, "text")
    except ValueError as error:
        problem = f"text is not JSON: {error}"
    if problem:
        problem = f"the answer does not fit the request's JSON schema: {problem}"
    return problem


# === answering ===============================================================
# A request becomes a response: credentials, mocks, fallback, errors in the shape of the
# provider.


HEALTH = {"status": "healthy", "service": "mock-provider"}
MANY_INPUTS = 16  # to embed
HEAVY = 16 * 1024  # characters that take long to write: each may be an event
PREFLIGHT = "access-control-request-method"  # what makes an OPTIONS one
ECHO_TEMPLATE = "{{user}}"  # what an echo is


class Answerer:
    """Answers requests from mocks; one for all ports of a process."""

    def __init__(self, mocks: Mocks, settings: Settings, journal: Optional[Journal] = None) -> None:
        self.mocks, self.settings, self.journal = mocks, settings, journal or Journal()
        self.memory = Memory()

    def answer(self, request: Request) -> Answered:
        """The response to a request, however long it takes."""
        self.mocks.files.refresh()
        return done_here(self.answering(request))

    def answering(self, request: Request) -> Work[Answered]:
        """Work that gives the response to a request, whatever it is; from memory, if it came
        before.  The mocks are those that were read from files last."""
        if takes_long(request.body):
            yield ASIDE
        if request.path.startswith(CONTROL_PREFIX):
            control = Control(self.mocks, self.journal, self.settings)
            return (yield from control.answering(request))
        session = self.mocks.session(request.session)
        brought = request.headers.get("x-mock-response")
        if brought is not None:
            if heavy(brought, request):
                yield ASIDE
            return written_out((yield from self.fresh(request, session)))
        generation = self.mocks.generation
        key = self.memory.key(request, generation)
        known = self.memory.answers.get(key)
        if known is None and not self.memory.seen.has(key):
            return written_out((yield from self.fresh(request, session)))
        if known is None:
            # An answer is remembered with the headers that it was asked for while it was made.
            headers = NotedHeaders(request.headers)
            answered = yield from self.fresh(request.with_headers(headers), session)
            answered = written_out(answered)
            self.memory.keep(request, generation, headers.noted, answered)
            return answered
        if known.uses:  # a remembered answer is a use, too
            with known.uses.lock:
                known.uses.count += 1
        return known

    def fresh(self, request: Request, session: Session) -> Work[Answered]:
        """Work that gives the response to a request, worked out."""
        # Whoever owns the path: a browser asks what may be done (Fetch, "CORS protocol").
        if request.method == "OPTIONS" and PREFLIGHT in request.headers:
            return Answered(options_response(request))
        try:
            wire, params = route(request, self.settings.ports)
        except Refused as refused:
            return (yield from self.elsewhere(request, session, refused))
        try:
            if self.settings.require_auth and wire.credentials and not wire.credential(request):
                failure = wire.unauthorized(request)
                return self.fail(wire, wire.begun(request, params), failure)
            call = wire.read(request, params, self.body(wire, request))
            if len(call.inputs) > MANY_INPUTS or call.schema is not None:
                yield ASIDE
            return (yield from self.reply(wire, call, session))
        except BadField as wrong:
            return self.fail(wire, wire.begun(request, params), wire.complaint(wrong))
        except Refused as refused:
            return self.refuse(request, refused)

    def elsewhere(self, request: Request, session: Session, refused: Refused) -> Work[Answered]:
        """Work that gives the answer to what no provider has, a path or a method of one: that of a
        mock, else the server's own, or why it has none."""
        wire = other_like(shape_of(request, self.settings.ports))
        call = wire.read(request, {}, wire.body(request))
        try:
            brought = brought_along(call, self.settings.seed)
            given, is_repeatable = yield from self.given(wire, call, session, brought)
        except Refused as wrong:
            return self.refuse(request, wrong)
        if given:
            return given
        if request.method == "OPTIONS":
            answered = Answered(options_response(request))
        elif request.path == "/" and request.method in ("GET", "HEAD"):
            answered = Answered(health())
        else:
            near = yield from self.near(wire, call, session)
            is_repeatable = is_repeatable and all(miss.mock.is_repeatable for miss in near)
            near = [miss for miss in near if is_alike(miss)]
            told = with_more(refused, near, session.not_reloaded)
            answered = self.refuse(request, told)
            misses = tuple(miss.json() for miss in near)
            answered = replace(answered, call=call, wire=wire, near=misses, unmatched=True)
        response = answered.response
        delivery = self.drawn(brought.laid_over(response.delivery), "fallback/0")
        headers = laid_over(response.headers, delivery.headers)
        response = replace(response, headers=headers, delivery=delivery)
        return replace(answered, response=response, is_repeatable=is_repeatable)

    @staticmethod
    def body(wire: WireFormat, request: Request) -> Json:
        """The body as JSON, or as the fields of a form; only a POST has one."""
        if request.method != "POST":
            return None
        if wire.takes_form:
            kind = request.headers.get("content-type", "")
            problem = form_problem(kind, request.body, request.form)
            if problem:
                raise Refused(400, wire.bad_form.format(problem))
            return request.form
        try:
            return parse_request(request.body)
        except ValueError as error:
            detail = str(error) if request.body else wire.no_body
            raise Refused(400, wire.bad_json.format(detail)) from None

    def refuse(self, request: Request, refused: Refused) -> Answered:
        """An error of the server itself, in the shape of the provider whose path it is or nearly
        is."""
        if request.path.startswith(CONTROL_PREFIX):
            return control_refusal(refused)
        wire = shape_of(request, self.settings.ports)
        failure = Failure(refused.status, refused.message, code=refused.code, param=refused.param)
        answered = self.fail(wire, wire.begun(request, {}), failure)
        headers = answered.response.headers + refused.headers
        return replace(answered, response=replace(answered.response, headers=headers))

    def fail(self, wire: WireFormat, call: Call, failure: Failure) -> Answered:
        """An error in the provider's shape, for a request that could not be read as far as a
        mock."""
        failure = wire.completed(call, failure)
        response = failed(wire, call, failure, Delivery())
        return Answered(response, call, note=failure.message, wire=wire)

    def reply(self, wire: WireFormat, call: Call, session: Session) -> Work[Answered]:
        """Work that gives the answer that the request brings along, of the first mock that matches,
        or of the fallback."""
        brought = brought_along(call, self.settings.seed)
        given, is_repeatable = yield from self.given(wire, call, session, brought)
        if given:
            return given
        # Where no mock is needed there is nothing to miss.
        if wire.needs_mock:
            echoes = self.settings.fallback == "echo" or brought.has_fault
            if not (wire.speaks and echoes):
                return (yield from self.miss(wire, call, session, is_repeatable))
            if heavy(ECHO_TEMPLATE, call.request):
                yield ASIDE
        delivery = self.drawn(brought.laid_over(Delivery()), "fallback/0")
        response = respond(wire, call, self.usual(wire, session)(call), 200, delivery)
        if not wire.needs_mock:
            is_repeatable = is_repeatable and not wire.is_stateful
            return Answered(response, call, wire=wire, is_repeatable=is_repeatable)
        return Answered(
            response, call, note="echo", wire=wire, is_repeatable=is_repeatable, unmatched=True
        )

    def given(
        self, wire: WireFormat, call: Call, session: Session, brought: Brought
    ) -> Work[Tuple[Optional[Answered], bool]]:
        """Work that gives the answer that the request brings along, or that of the first mock that
        matches, if there is one; and whether an equal call will find the same."""
        if brought.answer:
            return self.own_answer(wire, call, session, brought.answer), False
        try:
            with WATCHDOG.hurried():
                found, is_repeatable = session.find(call, wire, self.settings.seed)
        except TooLong:
            yield ASIDE
            found, is_repeatable = session.find(call, wire, self.settings.seed)
        if found is None:
            return None, is_repeatable
        if is_heavy(found, call.request):
            yield ASIDE
        return self.mocked(wire, call, session, found, brought, is_repeatable), is_repeatable

    @staticmethod
    def near(wire: WireFormat, call: Call, session: Session) -> Work[List[NearMiss]]:
        """Work that gives the mocks that came nearest to matching."""
        try:
            with WATCHDOG.hurried():
                return session.near(call, wire)
        except TooLong:
            yield ASIDE
            return session.near(call, wire)

    @staticmethod
    def usual(wire: WireFormat, session: Session) -> Callable[[Call], Usually]:
        """What an API answers where no mock says it."""

        def answer(call: Call) -> Usually:
            own = wire.own(call, session.state)
            return echoed(call) if own is None else own

        return answer

    def own_answer(
        self, wire: WireFormat, call: Call, session: Session, answer: Answer
    ) -> Answered:
        """The answer that the request brings along."""
        lacking = answer.lacks(wire, call)
        if lacking:
            message = f"{HEADER} can't answer this request: {explained(lacking)}"
            raise Refused(400, message, code="bad_mock_response")
        outcome = answer.to(call, {}, self.usual(wire, session))
        delivery = self.drawn(answer.delivery, "header/0")
        response = respond(wire, call, outcome, answer.status, delivery)
        # The same header draws the same, so that the same request gets the same.
        return Answered(response, call, HEADER, unfit(call, outcome), wire)

    def mocked(
        self,
        wire: WireFormat,
        call: Call,
        session: Session,
        found: Found,
        brought: Brought,
        is_repeatable: bool,
    ) -> Answered:
        """The answer of a mock."""
        outcome = found.answer.to(call, found.groups, self.usual(wire, session))
        use = f"{found.mock.place}/{found.used}"
        delivery = self.drawn(brought.laid_over(found.answer.delivery), use)
        response = respond(found.wire, call, outcome, found.answer.status, delivery)
        if found.limit:
            headers = laid_over(response.headers, found.wire.limit_headers(found.limit))
            response = replace(response, headers=laid_over(headers, delivery.headers))
        note = unfit(call, outcome)
        # What the request itself brings along may draw for each use anew.
        is_repeatable = is_repeatable and not brought.fields and not wire.is_stateful
        return Answered(response, call, found.mock.name, note, wire, found.uses, is_repeatable)

    def miss(
        self, wire: WireFormat, call: Call, session: Session, is_repeatable: bool
    ) -> Work[Answered]:
        """Work that gives a 404 that explains: its message names the closest mock, and beside the
        provider's members lie the near misses."""
        near = yield from self.near(wire, call, session)
        why = session.explain(near)
        failure = Failure(404, f"{why}; {session.hint}", code="mock_not_found")
        failure = wire.completed(call, failure)
        misses = [miss.json() for miss in near]
        response = failed(wire, call, failure, Delivery(), {"near_misses": misses})
        note = "; then ".join([why, *(miss.sentence for miss in near[1:])])
        is_repeatable = is_repeatable and all(miss.mock.is_repeatable for miss in near)
        return Answered(
            response,
            call,
            note=note,
            wire=wire,
            is_repeatable=is_repeatable,
            near=tuple(misses),
            unmatched=True,
        )

    def drawn(self, delivery: Delivery, use: str) -> Delivery:
        """A delivery with the server's pace where it sets none, a seed of its own for each use, and
        its fault only if the draw for this use will have it."""
        if not (delivery.pace or delivery.fault or self.settings.pace):
            return delivery
        pace, fault = delivery.pace or Pace(between=self.settings.pace), delivery.fault
        if pace.jitter:
            pace = replace(pace, seed=f"{self.settings.seed}/{use}")
        if fault and share(f"{self.settings.seed}/{use}/fault") >= fault.probability:
            fault = None
        return replace(delivery, pace=pace, fault=fault)


def is_heavy(found: Found, request: Request) -> bool:
    """Whether it may take long to write the answer of a mock."""
    return found.answer.is_long or heavy(found.mock.canonical, request)


def heavy(answer: str, request: Request) -> bool:
    """Whether it may take long to write an answer, of which this is the JSON: it says much itself,
    or its templates may ask for much of the request."""
    return len(answer) + answer.count("{{") * len(request.body) > HEAVY


def health() -> Response:
    """What the root says."""
    return Response(200, (("Content-Type", "application/json"),), utf8(compact(HEALTH)))


def is_alike(miss: NearMiss) -> bool:
    """Whether a mock may have been meant for what came on a path of no provider."""
    return bool(miss.differences) and likeness(miss.differences[0]) > ALIKE


def with_more(refused: Refused, near: Sequence[NearMiss], not_reloaded: str) -> Refused:
    """Why there is no answer on a path of no provider, with the mock that nearly had one, and with
    what kept mocks from being read again."""
    message = refused.message
    if near:
        message += f"; the closest mock is {near[0].sentence}"
    message += not_reloaded
    return Refused(refused.status, message, code=refused.code, headers=refused.headers)


def options_response(request: Request) -> Response:
    """What may be done with a path; to a browser's preflight, that it may."""
    allowed = allow(request.path) or ", ".join(METHODS)
    headers: Headers = (("Allow", allowed),)
    if PREFLIGHT in request.headers:
        wanted = request.headers.get("access-control-request-headers", "*")
        headers += (
            ("Access-Control-Allow-Methods", allowed),
            ("Access-Control-Allow-Headers", wanted),
            ("Access-Control-Max-Age", "86400"),  # a day
        )
    return Response(204, headers, may_gzip=False)


# === log =====================================================================
# The request log.  May touch threading, time, json and the descriptor of standard error.


LINE_SIZE = 200  # about how many bytes of memory a line takes beside its text
TEXT_LIMIT = 1000  # characters of a model's name and the like
WRITE_SIZE = 64 * 1024  # bytes that are written at once
NEWLINE = 10
TRY_SECONDS = 0.2  # how long a stream that takes nothing is waited for until the next look

# What waits to be written: what was said and when, or an entry; with its size in memory.
Line = Union[Tuple[float, str], Entry]
Queued = Optional[Tuple[Line, int]]


class Log:
    """The request log on a stream; `mode` is text, json or off.

    Lines are made and written in a thread of its own.  They wait in a bounded queue, so that a
    stream that nobody reads delays no answer; what does not fit, or can't be written, is counted
    and reported."""

    def __init__(self, mode: str, stream: Optional[TextIO] = None) -> None:
        self.stream = stream or sys.stderr
        self.mode = mode
        if not self.stream:  # standard error was closed from the start
            self.mode = "off"
        self.waiting: "queue.SimpleQueue[Queued]" = queue.SimpleQueue()  # bounded by put()
        self.lock = threading.Lock()  # of the next two
        self.used = 0  # bytes of memory of what waits
        self.dropped = 0
        self.lost = 0  # lines that could not be written
        self.output = Output(self.stream)
        self.thread: Optional[threading.Thread] = None

    def say(self, message: str) -> None:
        """A line that is about no request."""
        self.put((time.time(), message), len(message))

    def request(self, entry: Entry) -> None:
        """A line about one request that has ended."""
        self.put(entry, entry.asked.size)

    def put(self, line: Line, size: int) -> None:
        """Queue a line that is still to be made, or count it as dropped."""
        if self.mode == "off":
            return
        size += LINE_SIZE
        with self.lock:
            is_full = self.waiting.qsize() >= LOG_LINES or self.used + size > LOG_ROOM
            if is_full or not self.has_thread():
                self.dropped += 1
                return
            self.used += size
        self.waiting.put((line, size))

    def has_thread(self) -> bool:
        """Whether there is its thread, which begins with the first line if the system lets it."""
        if self.thread:
            return True
        thread = threading.Thread(target=self.run, name="log", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            return False
        self.thread = thread
        return True

    def close(self) -> None:
        """Write what is left, if that takes no longer than half a second."""
        if self.thread:
            self.waiting.put(None)
            self.thread.join(0.5)
        self.output.is_closing = True

    # --- in its own thread ---

    def run(self) -> None:
        """Write what is queued, many lines at once, until None comes."""
        last = False
        while not last:
            batch = [self.waiting.get()]
            # One write for many lines: a system call each would cost more than the lines.
            while not self.waiting.empty():
                batch.append(self.waiting.get())
            last = None in batch
            found = [one for one in batch if one]
            del batch
            self.write([self.made(line) for line, _ in found])
            with self.lock:
                self.used -= sum(size for _, size in found)
            del found  # not to be kept until the next line comes
            if not last:
                time.sleep(0.02)  # waking up for every line would cost requests their time

    def made(self, line: Line) -> str:
        """The text of a line."""
        if isinstance(line, tuple):
            return self.said(*line)
        if self.mode == "json":
            return json_line(logged(line))
        return printable(request_line(line)) + "\n"

    def said(self, moment: float, message: str) -> str:
        """A line that is about no request."""
        if self.mode == "json":
            return json_line({"time": timestamp(moment), "message": message})
        return printable(message) + "\n"

    def write(self, lines: List[str]) -> None:
        """Write lines, and how many were not."""
        with self.lock:
            dropped, self.dropped = self.dropped, 0
        if self.lost:
            lost = f"{self.lost} log lines lost, because standard error failed: {self.output.why}"
            lines.insert(0, self.said(time.time(), lost))
        if dropped:
            slow = f"{dropped} log lines dropped, because standard error is read too slowly"
            lines.append(self.said(time.time(), slow))
        lost_before, told = self.lost, bool(self.lost)
        self.lost = self.output.write("".join(lines))
        if told and self.lost == len(lines):  # the first of them told of others
            self.lost += lost_before - 1


class Output:
    """A stream that lines are written to; what it does not take now is lost."""

    def __init__(self, stream: Optional[TextIO]) -> None:
        self.stream = stream
        self.number = -1  # of its descriptor
        # Its own buffers can't be asked what of them was written, and fail in ways of their own.
        if stream is sys.__stderr__ and os.name == "posix":
            self.number = 2
        self.is_inside = False  # whether the last line was written in part
        self.is_closing = False
        self.why = ""  # it failed the last time

    def write(self, text: str) -> int:
        """Write lines; how many of them are lost."""
        if self.number < 0:
            return self.write_text(text)
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        try:
            if self.is_inside:
                os.write(self.number, b"\n")
            self.is_inside = False
            while data:
                taken = self.written(data)
                self.is_inside = data[taken - 1] != NEWLINE
                data = data[taken:]
        except OSError as error:
            self.why = error.strerror or str(error)
        return bytes(data).count(b"\n")

    def written(self, data: memoryview) -> int:
        """Write some bytes, once there is room for one; how many."""
        while True:
            try:
                return os.write(self.number, data[:WRITE_SIZE])
            except BlockingIOError:  # whoever started the server has made it not block
                if self.is_closing:
                    raise
                select.select([], [self.number], [], TRY_SECONDS)

    def write_text(self, text: str) -> int:
        """Write lines to what only takes texts; how many of them are lost."""
        try:
            if self.stream:
                self.stream.write(text)
                self.stream.flush()
        except (OSError, ValueError) as error:  # ValueError: it was closed
            self.why = str(error)
            return text.count("\n")
        return 0


def json_line(value: Dict[str, Json]) -> str:
    """A line of JSON, in ASCII: whatever a model is called, it is JSON, and steers no terminal."""
    return json.dumps(value, separators=(",", ":")) + "\n"


def logged(entry: Entry) -> Dict[str, Json]:
    """What a line of JSON says of a request, of all that the journal knows."""
    asked, sent = entry.asked, entry.sent
    known: Dict[str, Json] = {
        "time": timestamp(entry.moment),
        "port": asked.port,
        "session": asked.session or None,
        "method": asked.method,
        "path": asked.path,
        "provider": asked.provider,
        **asked.call_json(),
        "mock": asked.mock or None,
        "status": entry.status,
        "duration": entry.duration,
        "bytes_sent": max(0, sent.bytes),
        "events_sent": sent.events,
        "ended": entry.ended,
        "note": asked.note,
    }
    del known["user"]
    for name in ("model", "mock", "note"):
        if known[name]:
            known[name] = known[name][:TEXT_LIMIT]
    return known


def printable(text: str) -> str:
    """A text whose control characters are escaped: a model's name must not steer the terminal."""
    if text.isprintable():
        return text
    return "".join([letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text])


def request_line(entry: Entry) -> str:
    """One request as a line of text."""
    asked, sent = entry.asked, entry.sent
    path = asked.path
    if asked.session:
        path = f"/@{asked.session}{path}"
    status = str(entry.status or "-")
    words = [timestamp(entry.moment), str(asked.port), asked.method, path, status]
    if entry.ended != "complete":
        words.append(str(entry.ended))
    words += [f"{(entry.duration or 0) * 1000:.1f}ms", f"{max(0, sent.bytes)}B"]
    if asked.call and asked.call.stream:
        words.append(f"{sent.events} events")
    words.append(asked.provider or "")
    if asked.call:
        words += [asked.call.api, asked.call.model[:TEXT_LIMIT]]
    if asked.mock:
        words.append(f'"{asked.mock[:TEXT_LIMIT]}"')
    words.append(asked.note[:TEXT_LIMIT])
    return " ".join(word for word in words if word)


# === sockets =================================================================
# Sockets, bells, TLS, and what ends a connection.  Touches no request.


# Where there is no MSG_DONTWAIT, sockets themselves do not block.
DONT_WAIT = getattr(socket, "MSG_DONTWAIT", 0)


# Events of a socket, with epoll's numbers.
READABLE = getattr(select, "EPOLLIN", 1)
WRITABLE = getattr(select, "EPOLLOUT", 4)
GONE = getattr(select, "EPOLLRDHUP", 0x2000)  # the other side has closed
FAILED = getattr(select, "EPOLLERR", 8)
OVER = getattr(select, "EPOLLHUP", 16) | FAILED  # watched for unasked


class Broke(Exception):
    """A fault has ended an answer; it says how."""


class Vanished(Exception):
    """The client left, or takes nothing any more; how it ended, in the journal's words."""


class Bell:
    """What wakes a thread that waits for sockets: any other thread may ring it."""

    def __init__(self) -> None:
        self.reader, self.writer = socket.socketpair()
        self.reader.setblocking(False)
        self.writer.setblocking(False)
        self.number = self.reader.fileno()

    def ring(self) -> None:
        """Ring it, if it is still there."""
        try:
            self.writer.send(b"x")
        except OSError:
            pass  # nobody waits any more, or it rings already

    def silence(self) -> None:
        """Have it ring no more, until it is rung again."""
        try:
            self.reader.recv(4096)
        except BlockingIOError:
            pass  # it does not ring

    def close(self) -> None:
        """Take it down."""
        self.reader.close()
        self.writer.close()


def has_more(connection: Any) -> bool:
    """Whether there are bytes, or an end, to be read at once."""
    if isinstance(connection, TLSConnection):
        if connection.pending():
            return True
        connection = connection.sock
    try:
        socket.socket.recv(connection, 1, socket.MSG_PEEK | DONT_WAIT)
    except BlockingIOError:
        return False
    except OSError:
        pass  # its end is there to be read
    return True


# --- TLS ---


class TLSConnection:
    """A TLS connection with the methods of a socket that the server uses.  None of them blocks."""

    def __init__(self, sock: "ssl.SSLSocket") -> None:
        self.sock = sock
        self.family = sock.family

    def fileno(self) -> int:
        """The descriptor, -1 once it is closed."""
        return self.sock.fileno()

    def pending(self) -> int:
        """Bytes that are decrypted and not yet read: a poller knows nothing of them."""
        return self.sock.pending()

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Set the socket's option."""
        self.sock.setsockopt(level, option, value)

    def getsockopt(self, level: int, option: int) -> int:
        """The socket's option."""
        return self.sock.getsockopt(level, option)

    def send(self, data: Union[bytes, memoryview], flags: int = 0) -> int:
        """Bytes taken; BlockingIOError if none can be for now."""
        import ssl

        try:
            return self.sock.send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            raise BlockingIOError("TLS can take nothing for now") from None

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Bytes, none at the end; BlockingIOError if there are none for now."""
        import ssl

        try:
            return self.sock.recv(size)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError("nothing has come") from None

    def shutdown(self, how: int) -> None:
        """Say goodbye as TLS does it, then end the connection."""
        if how == socket.SHUT_WR:
            self.say_goodbye()
        socket.socket.shutdown(self.sock, how)

    def close(self) -> None:
        """Close the socket; with a goodbye, without which the end may be an attacker's (RFC 8446,
        6.1), unless it is to be reset."""
        if not self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER):
            self.say_goodbye()
        self.sock.close()

    def say_goodbye(self) -> None:
        """Tell the other side that no more comes, if there is somebody to hear it."""
        try:
            self.sock.unwrap()
        except (OSError, ValueError):
            pass  # it wants the other side's answer, which nothing waits for


# === loop ====================================================================
# The loop: one thread that waits for all sockets, and for what is due.

# May touch threading, selectors and time.


INFINITE = float("inf")
MOST_EVENTS = 64  # sockets that are looked at before it is time for what is due
MOST_FAULTS = 100  # one after the other, before it takes its time
DUE_SECONDS = 0.025  # that what is due may take, before it is time for sockets again
TURN_SECONDS = 0.002  # that what only waits for its turn may take from what is due
SPARE_TIMERS = 1000  # times in the heap that nothing waits for, before they are cleared out

# What a wait may be for beside events of the socket, and how it may have ended.
TURN = -1
WOKEN = -2
TIME = 0

# What a task does: it yields events of its socket (None: not even its end) and until when it waits
# for them, and is told which came, TIME, or WOKEN.
Wish = Tuple[Optional[int], float]
Task = Generator[Wish, int, Any]


class Poller(Protocol):
    """Waits for many sockets at once; select.epoll is one."""

    def register(self, number: int, events: int) -> None:
        """Watch a socket."""

    def modify(self, number: int, events: int) -> None:
        """Watch it for other events."""

    def unregister(self, number: int) -> None:
        """Watch it no more."""

    def poll(self, timeout: Optional[float], maxevents: int) -> List[Tuple[int, int]]:
        """Numbers of sockets with the events that came in so many seconds; -1 waits for ever."""

    def close(self) -> None:
        """Give its descriptor back."""


class Selected:
    """A Poller where there is no epoll, with what `selectors` has.

    That knows nothing of a client's end: while only the end is waited for, it is looked for behind
    what there is to read, which is left there; once there are bytes, nothing more is noticed."""

    def __init__(self) -> None:
        import selectors

        self.selector = selectors.DefaultSelector()
        self.events: Dict[int, int] = {}
        self.turn = 0  # how many were too many so far

    def register(self, number: int, events: int) -> None:
        """Watch a socket."""
        self.events[number] = events
        wanted = 0
        if events & (READABLE | GONE):
            wanted |= 1  # selectors.EVENT_READ
        if events & WRITABLE:
            wanted |= 2  # selectors.EVENT_WRITE
        if wanted:
            self.selector.register(number, wanted)

    def modify(self, number: int, events: int) -> None:
        """Watch it for other events."""
        self.unregister(number)
        self.register(number, events)

    def unregister(self, number: int) -> None:
        """Watch it no more."""
        del self.events[number]
        try:
            self.selector.unregister(number)
        except KeyError:
            pass  # there was nothing to wait for

    def poll(self, timeout: Optional[float], maxevents: int) -> List[Tuple[int, int]]:
        """Numbers of sockets with the events that came in so many seconds."""
        found = []
        patience = None if timeout is None or timeout < 0 else timeout
        ready = self.selector.select(patience)
        # It always begins with the same; those that are too many now are the first next time.
        if len(ready) > maxevents:
            self.turn += maxevents
            at = self.turn % len(ready)
            ready = [*ready[at:], *ready[:at]][:maxevents]
        for key, seen in ready:
            number = int(key.fd)
            events = self.seen(number, seen)
            if events:
                found.append((number, events))
        return found

    def seen(self, number: int, seen: int) -> int:
        """The events of a socket, in epoll's numbers."""
        events = 0
        if seen & 2:
            events |= WRITABLE
        if not seen & 1:
            return events
        if self.events[number] & READABLE:
            return events | READABLE
        end = end_of(number)
        if end:
            return events | end
        self.selector.unregister(number)  # there is something to read, later
        return events

    def close(self) -> None:
        """Give its descriptor back."""
        self.selector.close()


def end_of(number: int) -> int:
    """The events of a socket that is readable, but has nothing but its end to be read; 0 if there
    is more."""
    watched = socket.socket(fileno=number)
    try:
        return 0 if watched.recv(1, socket.MSG_PEEK) else GONE
    except BlockingIOError:
        return 0
    except OSError:  # which the socket tells once
        return GONE | FAILED
    finally:
        watched.detach()


def new_poller() -> Poller:
    """The best Poller that this system has."""
    if hasattr(select, "epoll"):
        return select.epoll()
    return Selected()


class Member:
    """What the loop resumes: a socket with a task, or without one, when it is idle.

    `happened` is called for events, `on_time` when `due` is over.  `timer` is the earliest time in
    the loop's heap that is meant for it."""

    number = -1  # of its socket
    interest: Optional[int] = None  # the events that it is watched for
    due = timer = INFINITE

    def happened(self, events: int) -> None:
        """Something has happened on its socket."""

    def on_time(self) -> None:
        """What it waited for has not come in time, or its pause is over."""


class Alarm(Member):
    """Something to be done once, at a time."""

    def __init__(self, loop: Loop, action: Callable[[], None]) -> None:
        self.loop, self.action = loop, action

    def on_time(self) -> None:
        """Do it."""
        self.loop.forget(self)
        self.action()


class Loop:
    """One thread that goes on with every connection as soon as it can.

    Nothing that it calls may block or take long.  Events of sockets come first, then what is due,
    then what only waits for its turn; each for a bounded time, so that none keeps the others from
    being on time."""

    def __init__(
        self,
        poller: Optional[Poller] = None,
        complain: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        if poller is None:
            poller = new_poller()
        self.poller = poller
        self.complain = complain  # is told of faults, so that they cost no more than a connection
        self.bell = Bell()
        self.poller.register(self.bell.number, READABLE)
        self.watched: Dict[int, Member] = {}
        self.members: Set[Member] = set()  # all that may wait for a time
        self.heap: List[Tuple[float, int, Member]] = []
        self.order = itertools.count()  # of what is due at the same moment
        self.turns: Deque[Tuple[Callable[..., None], Tuple[Any, ...]]] = deque()
        self.rounds = 0  # how often it has asked for events
        self.thread = 0  # the one that runs it
        self.is_ended = False

    # --- from any thread ---

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Have something called by the loop's thread, soon."""
        self.turns.append((function, arguments))
        if self.thread != threading.get_ident():
            self.bell.ring()

    def stop(self) -> None:
        """End it."""
        self.is_ended = True
        self.bell.ring()

    # --- from its own ---

    def watch(self, member: Member, events: Optional[int]) -> None:
        """Tell a member when one of some events happens on its socket; None is none at all, not
        even its end."""
        known = member.interest
        if known == events:
            return
        member.interest = events
        if events is None:
            del self.watched[member.number]
            self.poller.unregister(member.number)
        elif known is None:
            self.poller.register(member.number, events)
            self.watched[member.number] = member
        else:
            self.poller.modify(member.number, events)

    def set_due(self, member: Member, due: float) -> None:
        """Have a member told when a moment of the monotonic clock has come."""
        member.due = due
        if due >= member.timer:
            return  # the heap's own time comes first, and is put off then
        member.timer = due
        heapq.heappush(self.heap, (due, next(self.order), member))
        if len(self.heap) > 2 * len(self.members) + SPARE_TIMERS:
            self.clear_heap()

    def clear_heap(self) -> None:
        """Leave one time a member in the heap: of closed connections none is to stay."""
        self.heap = []
        for member in self.members:
            member.timer = member.due  # also of those that wait for no time: theirs has gone
            if member.due < INFINITE:
                self.heap.append((member.due, next(self.order), member))
        heapq.heapify(self.heap)

    def at(self, due: float, action: Callable[[], None]) -> None:
        """Have something called at a moment of the monotonic clock."""
        alarm = Alarm(self, action)
        self.members.add(alarm)
        self.set_due(alarm, due)

    def forget(self, member: Member) -> None:
        """Tell a member nothing any more."""
        self.watch(member, None)
        self.members.discard(member)
        member.due = INFINITE

    def run(self) -> None:
        """Go on until it is stopped."""
        self.thread = threading.get_ident()
        faults = 0  # one after the other
        while not self.is_ended:
            try:
                self.go_round()
                faults = 0
            except Exception as error:  # noqa: BLE001  one fault must not end all connections
                faults += 1
                self.complain(error)
                if faults > MOST_FAULTS:
                    time.sleep(0.1)  # nothing works: at least the processor is free for others
        self.thread = 0

    def go_round(self) -> None:
        """Do what there is to do, or wait for it."""
        self.rounds += 1
        came = self.poller.poll(self.patience(), MOST_EVENTS)
        # Whose they are is looked up before any is told: a connection that ends meanwhile may leave
        # its number to a new one, which is not to be told of the other's end.
        for member, number, events in [(self.watched.get(one), one, what) for one, what in came]:
            if member is None:
                self.bell.silence()
            elif member.number == number:
                member.happened(events)
            # Each may take milliseconds, and what is due is to wait for one of them at most.
            if self.heap and self.heap[0][0] <= time.monotonic():
                self.do_due()
        if self.heap:
            self.do_due()
        if self.turns:
            self.take_turns()

    def patience(self) -> float:
        """For how many seconds there is nothing to do but to wait; -1 for ever."""
        if self.turns:
            return 0.0
        if not self.heap:
            return -1.0
        return max(0.0, self.heap[0][0] - time.monotonic())

    def do_due(self) -> None:
        """Tell those whose time has come, as many as there is time for."""
        now = time.monotonic()
        while self.heap and self.heap[0][0] <= now:
            due, _, member = heapq.heappop(self.heap)
            if due != member.timer:
                continue  # an earlier one came in between
            member.timer = INFINITE
            if member.due > now:
                self.set_due(member, member.due)
            else:
                member.due = INFINITE
                member.on_time()
                if time.monotonic() > now + DUE_SECONDS:
                    return

    def take_turns(self) -> None:
        """Go on with what waits for its turn, each once, until something may be due."""
        until = time.monotonic() + TURN_SECONDS
        for _ in range(len(self.turns)):
            function, arguments = self.turns.popleft()
            function(*arguments)
            if time.monotonic() > until:
                return

    def close(self) -> None:
        """Give its descriptors back; it runs no more."""
        self.poller.close()
        self.bell.close()


# === repeats =================================================================
# Requests that come again byte by byte, and the bytes of their answers.  Touches nothing.


REPEATS_ROOM = 8 * 1024 * 1024  # bytes of memory that all of them may take
REPEAT_SIZE = 1500  # about what the objects of one take

# What stands in a remembered answer for what is true of one alone.
DATE_MARK = "the-date-of-this-one-answer"
NUMBER_MARK = "the-number-of-this-one-answer"
MARKS: Headers = (("Date", DATE_MARK), ("X-Mock-Request-Id", NUMBER_MARK))
BETWEEN = b"\r\nX-Mock-Request-Id: "
MARKED = DATE_MARK.encode() + BETWEEN + NUMBER_MARK.encode()

PortAndBytes = Tuple[int, bytes]  # the port, and all bytes of the request


class Repeat:
    """The answer to the very same bytes: what goes before its date, and after its number; and what
    the journal says of it."""

    __slots__ = ("before", "after", "asked", "sent", "ends", "head", "uses", "keep_alive")

    def __init__(
        self, before: bytes, after: bytes, step: Send, asked: Asked, answered: Answered
    ) -> None:
        self.before = before
        self.after = after
        self.ends = step.ends
        self.head = len(after) - (len(step.data) - step.head)  # bytes of the head that follow
        self.asked = asked
        self.sent = Sent(len(step.data) - step.head, len(step.ends), has_begun=True)
        self.uses: Optional[Uses] = answered.uses
        self.keep_alive = True

    def dated(self, date: bytes, number: int) -> bytes:
        """The whole answer, with a date and an id of its own."""
        return b"%b%b%b%d%b" % (self.before, date, BETWEEN, number, self.after)

    def step(self, data: bytes) -> Send:
        """The answer as one step, where its client does not take it at once."""
        head = len(data) - len(self.after) + self.head
        moved = len(data) - len(self.before) - len(MARKED) - len(self.after)
        return Send(data, tuple([end + moved for end in self.ends]), head, bool(self.ends))


def repeat_of(steps: Iterable[Step], asked: Asked, answered: Answered) -> Optional[Repeat]:
    """What is remembered of an answer, made of its steps with MARKS in its head.

    None if it does not leave in one write."""
    made: List[Step] = []
    for step in steps:
        made.append(step)
        if len(made) > 1:
            return None
    step = made[0]
    if not isinstance(step, Send) or len(step.data) > JOINED or step.data.count(MARKED) != 1:
        return None
    before, _, after = step.data.partition(MARKED)
    return Repeat(before, after, step, asked, answered)


class Repeats:
    """Answers by all bytes of their requests, which then need not even be parsed.

    They hold for one generation of mocks.  A request is remembered when it comes for the second
    time; `room` bytes are, then it starts over."""

    def __init__(self, room: int = REPEATS_ROOM) -> None:
        self.room = room
        self.seen = CameBefore()
        self.forget(0)

    def forget(self, generation: int) -> None:
        """Start over, with mocks of this generation."""
        self.generation = generation
        self.used = 0
        self.known: Dict[PortAndBytes, Repeat] = {}

    def find(self, port: int, data: bytes, generation: int) -> Optional[Repeat]:
        """The answer to these bytes."""
        if generation != self.generation:
            self.forget(generation)
        return self.known.get((port, data))

    def keep(self, port: int, data: bytes, generation: int, repeat: Repeat) -> None:
        """Remember an answer, if it was made with the mocks that there are now."""
        if generation != self.generation:
            return
        size = REPEAT_SIZE + len(data) + len(repeat.before) + len(repeat.after) + repeat.asked.size
        if self.used + size > self.room:
            self.forget(generation)
        if size <= self.room:
            self.known[port, data] = repeat
            self.used += size


# === tls =====================================================================
# Certificates and contexts.  May touch files, and the openssl program.


# CA:TRUE, so that clients can trust it as a root.  What counts are the alternative names: a CN
# names no server (RFC 9525).
OPENSSL_SETTINGS = """\
[req]
prompt=no
distinguished_name=dn
x509_extensions=ext
[dn]
CN=mock_server.py
[ext]
basicConstraints=critical,CA:TRUE
keyUsage=critical,digitalSignature,keyCertSign
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
subjectAltName="""


OPENSSL = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days 365"
)


class PrivateFiles:
    """Files for a moment: in a temporary folder or, where there is none to write to, in memory,
    which Linux has paths for.  `numbers` are the descriptors that these paths need."""

    def __init__(self, count: int) -> None:
        import tempfile

        self.folder: Optional["tempfile.TemporaryDirectory[str]"] = None
        self.numbers: List[int] = []
        try:
            self.folder = tempfile.TemporaryDirectory()
        except OSError:  # as in a container whose file system is read only
            self.numbers = [memory_file() for _ in range(count)]
            self.paths = [f"/proc/self/fd/{number}" for number in self.numbers]
        else:
            self.paths = [os.path.join(self.folder.name, str(at)) for at in range(count)]

    def __enter__(self) -> "PrivateFiles":
        return self

    def __exit__(self, *reason: object) -> None:
        for number in self.numbers:
            os.close(number)
        if self.folder:
            self.folder.cleanup()


def memory_file() -> int:
    """The descriptor of a file in memory.  OSError says what to do where there are none."""
    create = getattr(os, "memfd_create", None)
    if not create or not os.path.isdir("/proc/self/fd"):
        raise OSError(
            "there is no temporary folder to make a certificate in; name one that can be written "
            "to in TMPDIR, or give --cert and --key"
        )
    return int(create("certificate"))


def make_certificate(names: Sequence[str]) -> Tuple[str, str]:
    """A self-signed certificate for these names and addresses (P-256), and its key, as PEM.

    The openssl program makes them; OSError says what is missing."""
    with PrivateFiles(3) as files:
        settings, key, cert = files.paths
        text = OPENSSL_SETTINGS + ",".join(alternative_names(names)) + "\n"
        Path(settings).write_text(text, "ascii")
        named = ["-config", settings, "-keyout", key, "-out", cert]
        run_openssl([*OPENSSL.split(), *named], files.numbers)
        return Path(cert).read_text("ascii"), Path(key).read_text("ascii")


def alternative_names(names: Sequence[str]) -> List[str]:
    """Names and addresses as a certificate's subjectAltName has them, each once."""
    import ipaddress

    entries: Dict[str, None] = {}  # in order
    for name in names:
        try:
            entries[f"IP:{ipaddress.ip_address(name)}"] = None
        except ValueError:
            entries[f"DNS:{name}"] = None
    return list(entries)


def run_openssl(command: Sequence[str], numbers: Sequence[int]) -> None:
    """Run the openssl program, with these descriptors.  OSError says that there is none, or repeats
    its last line."""
    import subprocess

    # Without standard input it can't stop to ask something.
    pipes: Dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True}
    try:
        subprocess.run(command, check=True, timeout=30, pass_fds=numbers, **pipes)
    except FileNotFoundError:
        raise OSError(
            "there is no openssl program to make a certificate with; install it, "
            "or give --cert and --key"
        ) from None
    except subprocess.SubprocessError as error:
        output = getattr(error, "stderr", None) or b""
        reasons = output.decode("utf-8", "replace").strip().splitlines() or [str(error)]
        raise OSError(f"openssl made no certificate: {reasons[-1]}") from None


def tls_context(cert: str, key: str) -> "ssl.SSLContext":
    """What a server needs for TLS, from the files of a certificate and its key.

    OSError names the file that is wrong."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])  # HTTP/2 is not spoken here
    # load_cert_chain() does not say which of the two it can't read.
    for name, path in (("certificate", cert), ("key", key)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise OSError(f"can't read the {name} {path}: {error.strerror}") from None
    try:
        # The empty password makes an encrypted key an error, not a question.
        context.load_cert_chain(cert, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise OSError(f"{cert} and {key} are no certificate and its key: {reason}") from None
    return context


def self_signed(names: Sequence[str], out: Optional[str]) -> Tuple["ssl.SSLContext", str]:
    """A context with a certificate made for the names, and the certificate as PEM.

    The certificate is also written to the file `out`."""
    cert, key = make_certificate(names)
    # load_cert_chain() takes nothing but files.
    with PrivateFiles(2) as files:
        for path, text in zip(files.paths, (cert, key)):
            Path(path).write_text(text, "ascii")
        context = tls_context(*files.paths)
    if out:
        try:
            Path(out).write_text(cert, "ascii")
        except OSError as error:
            raise OSError(f"can't write the certificate to {out}: {error.strerror}") from None
    return context, cert


# === trimming ================================================================
# Memory that was freed, given back to the system.  May call the C library.


LARGE = 64 * 1024  # bytes of what does not come back to the next small request
TRIM_AT = 32 * 1024 * 1024  # bytes that were freed since it was last given back
ARENA_MAX = -8  # of mallopt(3): glibc's malloc.h calls it M_ARENA_MAX


def give_back_memory() -> None:
    """Give the system what the C library keeps of memory that was freed.

    Only glibc keeps so much, and has the call (malloc_trim(3)).  It also gives each thread a heap
    of its own, which keeps as much again: of Python's threads one runs at a time, and one heap
    does for them all."""
    try:
        import ctypes

        library = ctypes.CDLL(None)
        library.mallopt(ARENA_MAX, 1)
        library.malloc_trim(0)
    except (ImportError, AttributeError, OSError, TypeError):
        pass  # another C library, or none to be called


class Trimming:
    """Has memory given back now and then, once enough was freed.  `later` has something done when
    nobody waits for it: it takes milliseconds."""

    def __init__(self, later: Callable[[Callable[[], None]], None]) -> None:
        self.later = later
        self.total = 0  # bytes; a count that is slightly wrong, of two threads, does no harm
        self.is_planned = False

    def freed(self, size: int) -> None:
        """Note that so many bytes are free, or are about to be."""
        if size < LARGE:
            return
        self.total += size
        if self.total >= TRIM_AT and not self.is_planned:
            self.is_planned = True
            self.later(self.trim)

    def trim(self) -> None:
        """Give it back."""
        self.total = 0
        self.is_planned = False
        give_back_memory()


# === workers =================================================================
# Threads for what takes long.  May touch threading, files and time.


# What is to be done, and who is told what came of it: a value, or an error.
Report = Callable[[Any, Optional[BaseException]], None]
Job = Tuple[Callable[[], Any], Report]


@functools.lru_cache(maxsize=None)
def let_threads_end() -> None:
    """Have a thread end while there are descriptors left.

    glibc loads a library when the first one ends (libgcc_s, for pthread_exit, by which those of
    Python 3.8 do), and aborts the process if it can't: clients that take all descriptors would end
    the server."""
    thread = threading.Thread(target=int, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # there are as many threads as there may be
        return
    thread.join()
    # Python has done with it a moment before the system has.
    place = f"/proc/self/task/{thread.native_id}"
    until = time.monotonic() + 1
    while os.path.exists(place) and time.monotonic() < until:
        time.sleep(0.0001)


class Workers:
    """At most so many threads, started when they are needed; what they can't do yet waits.

    Where no thread can be started, the work is done by whoever brings it, who is slower then:
    better than not at all."""

    def __init__(self, most: int = WORKERS, say: Callable[[str], None] = lambda line: None) -> None:
        self.most = most
        self.say = say
        self.jobs: "queue.SimpleQueue[Optional[Job]]" = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.started = 0
        self.unfinished = 0  # of the work, what waits and what is being done
        self.has_complained = False

    def do(self, work: Callable[[], Any], report: Report) -> None:
        """Have something done, and its report told in whatever thread did it."""
        with self.lock:
            self.unfinished += 1
            is_needed = self.started < min(self.unfinished, self.most)
            if is_needed:
                self.started += 1
        if is_needed and not self.start() and not self.started:
            self.perform(work, report)
            return
        self.jobs.put((work, report))

    def start(self) -> bool:
        """Start one more thread, if the system lets it."""
        try:
            threading.Thread(target=self.run, name="worker", daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            with self.lock:
                self.started -= 1
            if not self.has_complained:
                self.has_complained = True
                self.say(f"no thread can be started ({error}): what takes long delays others")
            return False
        self.has_complained = False
        return True

    def run(self) -> None:
        """Do what comes, until it is over."""
        while True:
            job = self.jobs.get()
            if job is None:
                break
            self.perform(*job)
            del job  # what came of it is not to be kept until the next one
        with self.lock:
            self.started -= 1

    def perform(self, work: Callable[[], Any], report: Report) -> None:
        """Do something and tell what came of it."""
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001  it is for whoever brought the work
            self.tell(report, None, error)
        else:
            self.tell(report, value, None)

    def tell(self, report: Report, value: Any, error: Optional[BaseException]) -> None:
        """Tell what came of it; whoever is told may bring more."""
        with self.lock:
            self.unfinished -= 1
        report(value, error)

    def close(self) -> None:
        """Have the threads end once nothing waits any more."""
        for _ in range(self.started):
            self.jobs.put(None)


# === core ====================================================================
# What all ports of a process share.


class Core:
    """What all ports of a process share: settings, mocks, answers, journal, log, TLS, the loop that
    does it all and the threads for what takes long; `ports` counts those that are open, `ending`
    those that are closed, but have answers under way.

    Raises BadMock if a data directory holds a mock that can't be used, OSError if a certificate
    can't be read or made."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = Log(settings.log)
        self.max_body = settings.max_body
        self.ports = self.ending = 0
        self.mocks = Mocks(settings.data, self.log.say)
        problems = self.mocks.files.load()
        if problems:
            raise BadMock("\n".join(problems))
        self.journal = Journal(settings.journal)
        self.mocks.awaited = self.journal.awaited
        self.numbers = itertools.count(1)  # ids of requests, over all ports
        self.connection_numbers = itertools.count(1)  # over all ports
        self.answerer = Answerer(self.mocks, settings, self.journal)
        self.tls, self.tls_cert = tls_of(settings)
        self.repeats = Repeats()
        self.workers = Workers(say=self.log.say)
        self.loop = Loop(complain=self.complain)
        self.trimming = Trimming(self.when_quiet)
        self.mocks.freed = self.journal.freed = self.trimming.freed
        self.thread: Optional[threading.Thread] = None  # that runs the loop in the background

    def when_quiet(self, action: Callable[[], None]) -> None:
        """Have something done aside, a second from now."""

        def do() -> None:
            self.workers.do(action, lambda value, error: None)

        self.loop.call(self.loop.at, time.monotonic() + 1, do)

    def complain(self, error: Exception) -> None:
        """Say that something went wrong that should not."""
        try:
            if isinstance(error, MemoryError):
                self.log.say("out of memory: a request was given up")
                return
            what = f"{type(error).__name__}: {error}"
            self.log.say(f"internal error: {what} (line {line_of(error)}); please report it")
        except MemoryError:
            pass  # there is not even enough for that

    def run(self) -> None:
        """Run the loop until the last port is closed."""
        try:
            self.loop.run()
        finally:
            self.close()

    def run_in_background(self) -> None:
        """Run the loop in a thread, unless it is running already."""
        if not self.is_running:
            self.thread = threading.Thread(target=self.run, name="loop", daemon=True)
            self.thread.start()

    def end(self) -> None:
        """Have the loop end, if there is no port any more for which it runs."""
        if self.is_needed:
            return
        if self.is_running:
            self.loop.stop()
        else:
            self.close()

    @property
    def is_needed(self) -> bool:
        """Whether there is a port that is open, or has answers under way."""
        return self.ports + self.ending > 0

    @property
    def is_running(self) -> bool:
        """Whether the loop runs, or is about to."""
        return bool(self.loop.thread or (self.thread and not self.loop.is_ended))

    def close(self) -> None:
        """Give back what it holds of the system; the loop does not run any more."""
        self.workers.close()
        self.log.close()
        self.loop.close()

    def wait_for_end(self) -> None:
        """Wait until the loop has ended, if it is not needed any more."""
        if self.thread and not self.is_needed:
            self.thread.join(GRACE_SECONDS)

    def operations(self, session: str) -> Operations:
        """What can be done with a session; an empty name is what is without one."""
        return Operations(self.mocks, self.journal, session)


def tls_of(settings: Settings) -> "Tuple[Optional[ssl.SSLContext], str]":
    """The context of TLS and the certificate as PEM; None and nothing without TLS."""
    if not settings.tls:
        return None, ""
    if settings.cert and settings.key:
        context = tls_context(settings.cert, settings.key)
        return context, Path(settings.cert).read_text("ascii", "replace")
    # What a client on this machine calls it, and what it was told to listen on.
    names = ["localhost", "127.0.0.1", "::1", settings.host, *settings.tls_name]
    return self_signed(names, settings.tls_cert_out)


# === environment =============================================================
# The environment: variables of options, and those that only look like them.  Touches nothing.


PREFIX = "MOCK_SERVER_"

# What is set in each container beside a service called mock-server, or mock-server-more
# (Kubernetes, "Discovering services"; Docker's links are their model).
LINK = re.compile(
    r"MOCK_SERVER_(?:\w+_)?"
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
LINK_PORT = re.compile(r"MOCK_SERVER_(?:\w+_)?PORT")  # which may be an option's, but for its value
LINK_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://")


def is_service_link(name: str, value: str) -> bool:
    """Whether a variable is set for a service of that name, not for this server."""
    if LINK.fullmatch(name):
        return True
    return bool(LINK_PORT.fullmatch(name) and LINK_ADDRESS.match(value))


def without_links(environment: Mapping[str, str]) -> Dict[str, str]:
    """The variables of options, without what a service link has put there."""
    found = {}
    for option in OPTIONS:
        value = environment.get(option.variable, "")
        if not is_service_link(option.variable, value):
            found[option.variable] = value
    return found


def passed_over(environment: Mapping[str, str]) -> List[str]:
    """Lines about variables that look like options and are not: service links, and others."""
    known = [option.variable for option in OPTIONS]
    links, lines = [], []
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or not value:
            continue
        if is_service_link(name, value):
            links.append(name)
        elif name not in known:
            lines.append(f"{name} in the environment is no option; {meant_variable(name, known)}")
    if links:
        lines.insert(0, f"service links in the environment are passed over: {', '.join(links)}")
    return lines


def meant_variable(name: str, known: Iterable[str]) -> str:
    """What may be meant by a variable that is no option."""
    # Without what they all begin with, for which any would be near.
    hint = nearest(name[len(PREFIX) :], [one[len(PREFIX) :] for one in known])
    return hint.replace(' "', f' "{PREFIX}').replace("known: ", f"known after {PREFIX}: ")


# === mocks/explosive =========================================================
# Which regular expressions may take for ever, seen without running them.  Pure.

# Each place of a pattern that takes a letter is a state, each way from one to the next an arrow.
# Where the same letters lead from a state back to itself in two ways, every letter may double what
# the engine tries before it gives up (Weber and Seidl, "On the degree of ambiguity of finite
# automata", 1991).


MOST_STATES = 150  # of larger ones nothing is said: it would take too long
MANY_TIMES = 10  # from so many repetitions on they count as any number
USUAL = "aA0_- .\n\té"  # letters to try beside those of the pattern
CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}

Ends = Tuple[bool, List[int], List[int]]  # whether it may be empty, its first and last states
NOTHING_TO_READ: Ends = (True, [], [])


class Automaton:
    """The states of a regular expression, the letters that each takes, and its arrows; an arrow
    that is there twice stands for two ways."""

    def __init__(self, pattern: "re.Pattern[str]") -> None:
        tree = PARSER.parse(pattern.pattern, pattern.flags)
        self.flags = pattern.flags
        self.letters = frozenset(USUAL) | frozenset(pattern.pattern)
        self.taken: List[FrozenSet[str]] = []
        self.arrows: List[List[int]] = []
        self.last = self.sequence(tree)[2]

    def state(self, taken: Iterable[str]) -> Ends:
        """A new state, which takes these letters."""
        self.taken.append(frozenset(taken))
        self.arrows.append([])
        number = len(self.taken) - 1
        return False, [number], [number]

    def join(self, sources: Iterable[int], targets: Iterable[int]) -> None:
        """Arrows from all of some states to all of others."""
        for source in sources:
            self.arrows[source] += targets

    def sequence(self, tree: Any) -> Ends:
        """What follows each other."""
        is_empty, first, last = NOTHING_TO_READ
        for operation, value in tree:
            may_miss, begins, ends = self.piece(operation.name, value)
            self.join(last, begins)
            if is_empty:
                first = first + begins
            if may_miss:
                ends = last + ends
            is_empty, last = is_empty and may_miss, ends
        return is_empty, first, last

    def piece(self, name: str, value: Any) -> Ends:
        """One operation of a parsed regular expression."""
        if name in REPEATS:
            return self.repetition(*value)
        if name == "SUBPATTERN":
            return self.sequence(value[3])
        if name == "BRANCH":
            found = [self.sequence(one) for one in value[1]]
            first = [state for one in found for state in one[1]]
            return any(one[0] for one in found), first, [end for one in found for end in one[2]]
        if name in ("ASSERT", "ASSERT_NOT"):
            self.sequence(value[1])  # for itself: nothing follows what is looked at
        if name == "AT" and "BEGINNING" not in value.name:
            return self.state(())  # what takes no letter may still fail
        if name in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return self.state(letter for letter in self.letters if self.takes(name, value, letter))
        return NOTHING_TO_READ

    def repetition(self, least: int, most: int, tree: Any) -> Ends:
        """Something repeated."""
        is_empty, first, last = self.sequence(tree)
        if most >= MANY_TIMES:
            self.join(last, first)
        return is_empty or not least, first, last

    def takes(self, name: str, value: Any, letter: str) -> bool:
        """Whether a piece that is one letter may be this one."""
        if name == "ANY":
            return letter != "\n" or bool(self.flags & re.DOTALL)
        if name == "IN":
            is_negated = bool(value[0][0].name == "NEGATE")
            return is_negated != any(self.takes(one.name, more, letter) for one, more in value)
        if name == "RANGE":
            return bool(value[0] <= ord(letter) <= value[1])
        if name == "CATEGORY":
            kind, is_negated = value.name.split("_")[-1], "_NOT_" in value.name
            return is_negated != bool(re.match(CATEGORIES[kind], letter))
        is_equal = bool(value == ord(letter))
        return name != "NEGATE" and is_equal == (name == "LITERAL")

    # --- what it may take ---

    def reached(self, starts: Iterable[int], letter: str = "") -> Set[int]:
        """The states that arrows lead to; with a letter only by those that take it."""
        found: Set[int] = set()
        waiting = list(starts)
        while waiting:
            for target in self.arrows[waiting.pop()]:
                if target not in found and (not letter or letter in self.taken[target]):
                    found.add(target)
                    waiting.append(target)
        return found

    def doubling(self) -> bool:
        """Whether the same letters lead from a state to itself in two ways, and what comes behind
        it may fail."""
        after = [self.reached([state]) for state in range(len(self.taken))]
        seen: Set[int] = set()
        for state in range(len(self.taken)):
            circle = {other for other in after[state] if state in after[other]}
            is_new = state in circle and state not in seen
            if is_new and not circle & set(self.last) and self.splits(circle):
                return True
            seen |= circle
        return False

    def chained(self) -> bool:
        """Whether three repetitions that follow each other may share the same letters, and what
        comes behind them may fail: the time grows with the cube of a text's length."""
        for letter in self.letters:
            beyond = {state: self.reached([state], letter) for state in range(len(self.taken))}
            loops = [state for state in beyond if state in beyond[state]]
            later = {
                one: [two for two in loops if two in beyond[one] and one not in beyond[two]]
                for one in loops
            }
            if any(set(later[two]) - set(self.last) for one in loops for two in later[one]):
                return True
        return False

    def splits(self, circle: Set[int]) -> bool:
        """Whether two ways part at a state of a circle and meet again."""
        pairs: Dict[Tuple[int, int], Set[Tuple[int, int]]] = {}  # backwards
        waiting = [(state, state) for state in circle]
        known = set(waiting)
        while waiting:
            one, other = waiting.pop()
            for pair in self.steps(one, other, circle):
                pairs.setdefault(pair, set()).add((one, other))
                if pair not in known:
                    known.add(pair)
                    waiting.append(pair)
        if any(len(set(self.arrows[one]) & circle) < self.inside(one, circle) for one in circle):
            return True
        waiting = [(state, state) for state in circle]
        back: Set[Tuple[int, int]] = set()
        while waiting:
            before = pairs.get(waiting.pop(), set()) - back
            back |= before
            waiting += before
        return any(one != other for one, other in back)

    def inside(self, state: int, circle: Set[int]) -> int:
        """How many ways there are from a state to others of its circle."""
        return sum(target in circle for target in self.arrows[state])

    def steps(self, one: int, other: int, circle: Set[int]) -> List[Tuple[int, int]]:
        """Where the same letter leads from two states."""
        return [
            (first, second)
            for first in set(self.arrows[one]) & circle
            for second in set(self.arrows[other]) & circle
            if self.taken[first] & self.taken[second]
        ]


def may_explode(pattern: "re.Pattern[str]") -> bool:
    """Whether there are texts on which it takes far longer than they are long."""
    automaton = Automaton(pattern)
    if len(automaton.taken) > MOST_STATES:
        return False
    return automaton.doubling() or automaton.chained()


# === mocks/doubts ============================================================
# What of mocks that can be used may not do what is meant, as --check tells it.  Pure.

# Only what is sure: a mock that is said to be never reached is not.


WAY_KEYS = ("provider", "operation", "api", "stream")  # on which only the way has a say
MOST_LOOSE = 100  # mocks that each other one is compared with; of more the first
LONGEST_TRIED = 1000  # characters of a text, and of a pattern that is tried on it

Signature = Tuple[str, str]  # a key and what is expected of it, as JSON


def doubts_about(mocks: Sequence[Mock]) -> List[str]:
    """What may not be meant."""
    return [*slow_expressions(mocks), *equal_names(mocks), *never_reached(mocks)]


def slow_expressions(mocks: Iterable[Mock]) -> List[str]:
    """Regular expressions that explode."""
    return [
        f"{mock.place}: match.{condition.key}: regex {shown(expression.text)} may take for ever "
        "on some texts; it is then given up"
        for mock in mocks
        for condition in mock.conditions
        for expression in condition.expressions
        if may_explode(expression.pattern)
    ]


def equal_names(mocks: Iterable[Mock]) -> List[str]:
    """Mocks that were given the same name."""
    places: Dict[str, List[str]] = {}
    for mock in mocks:
        if mock.name != mock.place:
            places.setdefault(mock.name, []).append(mock.place)
    return [
        f"{found[-1]}: name: {shown(name)} is the name of {found[0]}, too; the log and the journal "
        "can't tell them apart"
        for name, found in places.items()
        if len(found) > 1
    ]


# --- mocks that never answer, because another one always does ---


def never_reached(mocks: Iterable[Mock]) -> List[str]:
    """Mocks before which another one answers every time."""
    covers = Covers()
    lines = []
    for mock in mocks:
        coverage = Coverage(mock)
        before = covers.covering(coverage)
        if before:
            name = shown(before.name)
            if before.name != before.place:
                name += f" ({before.place})"
            lines.append(f"{mock.place}: is never reached: {name} matches all that it does first")
        elif coverage.is_sure:  # what is covered itself covers nothing that its cover does not
            covers.add(coverage)
    return lines


class Requirement:
    """A condition of a mock; what asks for the same has the same signature."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        expected = ""
        if condition.expected is not MISSING:
            expected = sorted_compact(condition.expected)
        self.signature: Signature = (condition.key, expected)


class Coverage:
    """Which calls a mock answers: in which ways they come, and what else it asks for."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self.others = [Requirement(one) for one in mock.conditions if one.key not in WAY_KEYS]
        self.by_key = {one.condition.key: one for one in self.others}

    @property
    def is_sure(self) -> bool:
        """Whether it answers however often it is asked, and whatever is drawn."""
        return self.mock.times is None and all(one.probability >= 1 for one in self.mock.answers)

    @found_once
    def always(self) -> FrozenSet[Way]:
        """The ways in which it answers whatever else holds."""
        of_way = [one for one in self.mock.conditions if one.key in WAY_KEYS]
        answers = self.mock.answers
        return frozenset(
            way
            for way in placed(of_way)
            if not any(one.lacks(way.wire, asked(way, ())) for one in answers)
        )

    @found_once
    def sometimes(self) -> FrozenSet[Way]:
        """The ways in which it may answer something."""
        answers = self.mock.answers
        return frozenset(
            way
            for way in ways_of(self.mock.conditions)
            if not all(one.lacks(way.wire, asked(way, one.custom_calls)) for one in answers)
        )

    def covers(self, other: Coverage) -> bool:
        """Whether it answers all that another one would."""
        for wanted in self.others:
            given = other.by_key.get(wanted.condition.key)
            if given is None or not follows(wanted, given):
                return False
        return bool(other.sometimes) and other.sometimes <= self.always


class Covers:
    """Mocks that always answer what they match, filed by what one must ask for to be covered."""

    def __init__(self) -> None:
        self.filed: Dict[Signature, List[Coverage]] = {}
        self.loose: List[Coverage] = []  # which also cover what asks for something else

    def add(self, coverage: Coverage) -> None:
        """File a mock where the fewest are, of the texts that it asks for as they are."""
        exact = [one for one in coverage.others if isinstance(one.condition.expected, str)]
        if not exact:
            self.loose.append(coverage)
            exact = coverage.others  # of very many those that ask for the same are still found
        if exact:
            filed = [self.filed.setdefault(one.signature, []) for one in exact]
            min(filed, key=len).append(coverage)

    def covering(self, coverage: Coverage) -> Optional[Mock]:
        """The first found that covers a mock."""
        filed = [self.filed.get(one.signature, []) for one in coverage.others]
        for one in itertools.chain(self.loose[:MOST_LOOSE], *filed):
            if one.covers(coverage):
                return one.mock
        return None


def follows(wanted: Requirement, given: Requirement) -> bool:
    """Whether a condition holds wherever another one of the same key does."""
    if wanted.signature == given.signature:
        return True
    return holds_with(wanted.condition, given.condition.expected)


def holds_with(condition: Condition, known: Json) -> bool:
    """Whether a condition holds for all for which another one expects what is `known`."""
    wanted = condition.expected
    if condition.key == "body":
        return lacking(known, wanted, "body") is None
    if condition.key == "tools":
        return listed_names(wanted) <= listed_names(known)
    if not isinstance(condition.holds, TextMatcher):
        return False
    if isinstance(known, str):
        return is_quick(condition, known) and bool(condition.holds(known))
    if isinstance(known, dict) and isinstance(wanted, dict) and list(wanted) == ["contains"]:
        return wanted["contains"] in known.get("contains", "")
    return False


def listed_names(value: Json) -> FrozenSet[str]:
    """One name, or several."""
    return frozenset([value] if isinstance(value, str) else value)


def is_quick(condition: Condition, text: str) -> bool:
    """Whether it may be tried on a text: nobody gives up here what takes long."""
    if not condition.expressions:
        return True
    patterns = [one.pattern for one in condition.expressions]
    if max(len(text), *(len(one.pattern) for one in patterns)) > LONGEST_TRIED:
        return False
    return not any(may_explode(one) for one in patterns)


# === mocks/json_schema =======================================================
# The JSON Schema of a mock file, for editors: what each key takes and means, key by key.  Pure.

# A file that the parser takes fits it.  What fits may still be refused, for what only the parser
# sees: keys that exclude each other, regular expressions, files, templates.


Rows = Mapping[str, Tuple[Json, str]]  # by key, the schema of its value and what it means


# --- kinds of values ---


def within_bounds(least: float, most: float) -> Json:
    """A number with these bounds."""
    return {"type": "number", "minimum": least, "maximum": most}


def whole_from(least: int, most: int = 0) -> Json:
    """A whole number with these bounds; 0 is none."""
    bounds = {"type": "integer", "minimum": least}
    if most:
        bounds["maximum"] = most
    return bounds


def list_of(items: Json, least: int = 0) -> Json:
    """An array."""
    return {"type": "array", "items": items, "minItems": least}


def either(*kinds: Json) -> Json:
    """One of several kinds of values."""
    return {"anyOf": list(kinds)}


def one_word(words: Iterable[str]) -> Json:
    """One of some words."""
    return {"enum": sorted(words)}


def some_words(words: Iterable[str]) -> Json:
    """One of some words, or a list of them."""
    return either(one_word(words), list_of(one_word(words), 1))


def defined_as(name: str) -> Json:
    """What stands under `$defs`."""
    return {"$ref": f"#/$defs/{name}"}


def members_like(values: Json, least: int = 0) -> Json:
    """An object with values of one kind, whatever they are called."""
    return {"type": "object", "additionalProperties": values, "minProperties": least}


ANYTHING: Json = True
STRING: Json = {"type": "string"}
SOME_TEXT: Json = {"type": "string", "minLength": 1}
YES_OR_NO: Json = {"type": "boolean"}
WHOLE: Json = {"type": "integer"}
NULL: Json = {"type": "null"}
OBJECT: Json = {"type": "object"}
TEXT_MATCHER: Json = defined_as("text_matcher")
TEXT_OR_NONE = either(TEXT_MATCHER, NULL)
NAMED_MATCHERS = members_like(TEXT_OR_NONE, 1)
SECONDS_TO_WAIT = within_bounds(0, 3600)
TOKENS = whole_from(0, 2**53 - 1)
VECTOR = list_of({"type": "number", "exclusiveMinimum": -3.4e38, "exclusiveMaximum": 3.4e38}, 1)
HEADER_LINE = {"type": ["string", "number"]}


# --- the keys ---

MOCK_ROWS: Rows = {
    "$schema": (ANYTHING, "Where an editor finds this schema; passed over."),
    "$comment": (ANYTHING, "For people; passed over."),
    "name": (SOME_TEXT, "What the log and the journal call it (default: file and position)."),
    "match": (defined_as("match"), "Which requests it answers (default: all that ask for text)."),
    "response": (defined_as("response"), "What it answers."),
    "responses": (
        list_of(defined_as("response"), 1),
        "What it answers in turn; the last one repeats, unless cycle is true.",
    ),
    "cycle": (YES_OR_NO, "Start over after the last of responses."),
    "times": (either(whole_from(1), NULL), "After that many uses it no longer matches."),
    "limit": (
        either(defined_as("limit"), NULL),
        "What exceeds so many requests in so many seconds gets a 429.",
    ),
    "dialect": (
        one_word(DIALECTS),
        "The dialect of OpenAI's format in which it answers, whatever that of the request is.",
    ),
}

MATCH_ROWS: Rows = {
    "provider": (some_words(PROVIDERS), "The provider on whose path the request came in."),
    "dialect": (some_words(DIALECTS), "The dialect of OpenAI's format in which it came in."),
    "operation": (
        some_words(OPERATIONS),
        "What is asked for (default: generate; embed where a response is an embedding; any where "
        "api or one whole path is named).",
    ),
    "api": (some_words(APIS), "One API of the operation."),
    "model": (TEXT_MATCHER, "The model or deployment name."),
    "stream": (YES_OR_NO, "Whether the answer is to be streamed."),
    "user": (TEXT_OR_NONE, "The last user message, its parts joined with newlines."),
    "system": (TEXT_OR_NONE, "The system and developer instructions, joined with newlines."),
    "tool_result": (TEXT_OR_NONE, "The newest tool result after the last user message."),
    "tool_call_id": (TEXT_OR_NONE, "The id of the call that the newest tool result answers."),
    "turn": (WHOLE, "How many assistant turns are in the conversation."),
    "tools": (either(STRING, list_of(STRING, 1)), "Tools, all of which the request must offer."),
    "method": (some_words(METHODS), "The HTTP method."),
    "path": (TEXT_MATCHER, "The path as sent."),
    "query": (NAMED_MATCHERS, "Query parameters by name; null for absent."),
    "headers": (NAMED_MATCHERS, "Headers by name; null for absent."),
    "port": (WHOLE, "The port that the request came in on."),
    "session": (STRING, "The session that it came in on; an empty text is none."),
    "body": (ANYTHING, "JSON that the body contains: objects are subsets, arrays equally long."),
    "fields": (
        members_like(either(TEXT_OR_NONE, {"type": ["number", "boolean"]}), 1),
        "Places in the body, such as messages.0.content; null for absent.",
    ),
    "body_sha256": (
        {"type": "string", "minLength": 64, "maxLength": 64},
        "SHA-256 of the body as canonical JSON: sorted keys, no spaces, UTF-8.",
    ),
}

TEXT_MATCHER_ROWS: Rows = {
    "contains": (SOME_TEXT, "A piece of the text."),
    "regex": (SOME_TEXT, "A regular expression, found anywhere; named groups fill templates."),
    "glob": (SOME_TEXT, "A shell pattern that spans the whole text."),
    "not": (TEXT_MATCHER, "A text or a matcher that must not hold."),
}

PART_ROWS: Rows = {
    "text": (
        {"type": ["string", "object", "array"]},
        "What the model says; an object is said as JSON text.",
    ),
    "reasoning": (STRING, "What it thinks first."),
    "refusal": (STRING, "Its refusal."),
    "tool_calls": (list_of(defined_as("tool_call")), "Tools that it calls."),
    "block": (OBJECT, "The provider's own content block, part or item."),
}

RESPONSE_ROWS: Rows = {
    **{key: row for key, row in PART_ROWS.items() if key != "block"},
    "parts": (list_of(defined_as("part")), "Texts, reasoning, refusals, tool calls and blocks."),
    "embedding": (either(VECTOR, list_of(VECTOR, 1)), "A vector, or one for each input."),
    "finish_reason": (
        SOME_TEXT,
        "stop, length, tool_calls or content_filter, translated; or the provider's own word.",
    ),
    "usage": (defined_as("usage"), "Token counts; what is left out is estimated."),
    "model": (STRING, "The model that the answer names (default: the one asked for)."),
    "id": (STRING, "The answer's id (default: made from the request)."),
    "chunk_size": (whole_from(1), "Characters an event (default: a word)."),
    "extra": (
        {**OBJECT, "minProperties": 1},
        "Laid over the provider's answer, key by key; in a stream where it would be said.",
    ),
    "body": (ANYTHING, "The whole body as recorded: a JSON value, or @file."),
    "events": (
        either(STRING, list_of(ANYTHING, 1)),
        "The stream as recorded: events, its text, or @file.",
    ),
    "raw": (either(STRING, members_like(STRING)), 'These bytes: text, {"base64": …}, or @file.'),
    "error": (either(STRING, defined_as("error")), "An error in the provider's shape."),
    "after_events": (
        whole_from(0, MOST_COUNTED_ON),
        "A stream sends so many events before the error or the fault.",
    ),
    "after_pieces": (
        whole_from(0, MOST_COUNTED_ON),
        "The same in pieces of content: what a provider sends before it says something is none.",
    ),
    "fault": (one_word(FAULTS), "How the answer breaks."),
    "probability": (within_bounds(0, 1), "How likely that is; drawn from --seed."),
    "status": (whole_from(200, 599), "HTTP status."),
    "headers": (
        members_like(either(HEADER_LINE, NULL, list_of(HEADER_LINE, 1))),
        "Response headers in place of the server's own; a list is several lines, null leaves one "
        "out.",
    ),
    "delay": (SECONDS_TO_WAIT, "Seconds before the first byte."),
    "pace": (
        either(SECONDS_TO_WAIT, list_of(SECONDS_TO_WAIT, 1), defined_as("pace"), NULL),
        "Seconds between events, or the gap after the first, the second and so on.",
    ),
    "gzip": (one_word(GZIP_CHOICES), "Whether it is compressed (default: auto)."),
    "wire": (
        either(one_word(WIRE_PLANS), defined_as("wire")),
        "How the same bytes are cut: the name of a plan, or an object.",
    ),
    "gate": (
        either(YES_OR_NO, whole_from(1, MOST_COUNTED_ON)),
        "A stream stops after its first event, or so many pieces of content; a test releases each "
        "following event.",
    ),
    "keepalive": (
        either(defined_as("keepalive"), NULL),
        "What an event stream sends while nothing else is.",
    ),
}

TOOL_CALL_ROWS: Rows = {
    "name": (SOME_TEXT, "The tool's name."),
    "arguments": ({"type": ["object", "string"]}, "An object or its JSON text; or plain text."),
    "id": (STRING, "The call's id (default: made from the request)."),
}

USAGE_ROWS: Rows = {
    "input_tokens": (TOKENS, "What was read."),
    "output_tokens": (TOKENS, "What was written."),
    "reasoning_tokens": (TOKENS, "The share of output_tokens that were thoughts."),
    "cached_tokens": (TOKENS, "The share of input_tokens that came from a cache."),
    "cache_write_tokens": (TOKENS, "The share of input_tokens that went to a cache."),
}

STRING_OR_NOT = either(STRING, NULL)

ERROR_ROWS: Rows = {
    "kind": (
        either(one_word(ERROR_KINDS), NULL),
        "The same error at every provider, with its own status, type, code and sentence.",
    ),
    "message": (STRING_OR_NOT, "What it says."),
    "type": (STRING_OR_NOT, "The provider's type."),
    "code": ({"type": ["string", "integer", "null"]}, "The provider's code."),
    "param": (STRING_OR_NOT, "The field of the request that is wrong."),
}

PACE_ROWS: Rows = {
    "first": (SECONDS_TO_WAIT, "Seconds before the first event."),
    "between": (SECONDS_TO_WAIT, "Seconds between events."),
    "tokens_per_second": (within_bounds(1 / 3600, 1e9), "Events a second."),
    "jitter": (within_bounds(0, 1), "0.5 is each gap plus or minus half; drawn from --seed."),
}


def plan_words(key: str) -> Json:
    """The words that a key of a wire plan takes; empty is none."""
    return {"enum": list(PLAN_WORDS[key])}


WIRE_ROWS: Rows = {
    "split": (
        either(whole_from(1), plan_words("split")),
        "Bytes a write, or where each write is cut.",
    ),
    "coalesce": (whole_from(1), "Events a chunk and a write."),
    "eol": (plan_words("eol"), "Line ends of an event stream."),
    "comments": (either(YES_OR_NO, STRING), "A comment before each event."),
    "no_space": (YES_OR_NO, "No space after the names of fields."),
    "chunk_extensions": (YES_OR_NO, "An extension on each chunk."),
    "trailers": (YES_OR_NO, "A trailer field after the last chunk."),
    "gzip": (plan_words("gzip"), "Compressed for a client that accepts it, streams too."),
    "chunked": (YES_OR_NO, "A whole body goes in chunks."),
    "close": (YES_OR_NO, "The connection ends with the answer, and says so."),
}

KEEPALIVE_ROWS: Rows = {
    "every": (within_bounds(0.001, 3600), "Seconds for which nothing was sent."),
    "comment": (STRING, "The text of a comment (default: the provider's own ping)."),
}

LIMIT_ROWS: Rows = {
    "requests": (whole_from(0), "So many are answered in a window."),
    "per": (
        {"type": "number", "exclusiveMinimum": 0, "maximum": 86400},
        "Seconds of a window (default: 60).",
    ),
}


# --- the schema ---


def object_of(rows: Rows, *required: str) -> Json:
    """An object with these keys and no others."""
    properties = {}
    for key, (kind, about) in rows.items():
        properties[key] = {"description": about}
        if kind is not ANYTHING:
            properties[key].update(kind)
    made = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        made["required"] = list(required)
    return made


def mock_schema() -> Json:
    """The JSON Schema of a mock file: one mock, or an array of them."""
    matcher = either(STRING, {**object_of(TEXT_MATCHER_ROWS), "minProperties": 1})
    either_of_two: Any = [
        {"required": ["response"], "properties": {"responses": False}},
        {"required": ["responses"], "properties": {"response": False}},
    ]
    part = {**object_of(PART_ROWS), "minProperties": 1, "maxProperties": 1}
    mock = {**object_of(MOCK_ROWS), "anyOf": either_of_two}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Mocks of mock_server.py",
        "description": "A mock, or an array of them; the first that matches answers.",
        **either(list_of(defined_as("mock")), defined_as("mock")),
        "$defs": {
            "mock": mock,
            "match": object_of(MATCH_ROWS),
            "text_matcher": matcher,
            "response": object_of(RESPONSE_ROWS),
            "part": part,
            "tool_call": object_of(TOOL_CALL_ROWS, "name"),
            "usage": object_of(USAGE_ROWS),
            "error": object_of(ERROR_ROWS),
            "pace": object_of(PACE_ROWS),
            "wire": object_of(WIRE_ROWS),
            "keepalive": object_of(KEEPALIVE_ROWS, "every"),
            "limit": object_of(LIMIT_ROWS, "requests"),
        },
    }


# === bodies ==================================================================
# Request bodies from bytes, fed in any pieces.  Knows no provider, no socket and no clock.


# RFC 9112, 7.1 and 7.1.1; 16 digits are enough for any size.
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")


BODY_PIECE = 64 * 1024  # bytes of a body that are read at once
CHUNKS_PIECE = 4 * 1024  # and of one in chunks, while they are small

CHUNK_LINE_LIMIT = 4096  # bytes of a chunk's head or of a trailer, for whom extensions mean nothing


class SizedBody:
    """A body of `length` bytes, fed in any pieces; `rest` is what follows it."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.pieces = bytearray()
        self.rest = b""
        self.wanted = BODY_PIECE

    def feed(self, data: bytes) -> bool:
        """Take more bytes; whether the body is complete."""
        need = self.length - len(self.pieces)
        self.pieces += data[:need]
        self.rest = data[need:]
        return len(self.pieces) == self.length


class ChunkedBody:
    """A chunked body, fed in any pieces: sizes, extensions and trailers are read and dropped."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pieces = bytearray()
        self.rest = b""
        self.at = 0  # up to where `rest` is read
        self.need = 0  # bytes left of a chunk
        self.trailers = 0  # bytes of trailers
        self.state = self.size

    @property
    def wanted(self) -> int:
        """How many bytes to read at once: chunks may be tiny, and each takes its time."""
        return max(CHUNKS_PIECE, min(self.need, BODY_PIECE))

    def feed(self, data: bytes) -> bool:
        """Take more bytes; whether the body is complete.

        Refused if it is malformed or too long."""
        self.rest = self.rest[self.at :] + data
        self.at = 0
        while self.state != self.done and self.state():
            pass
        if self.state != self.done:
            return False
        self.rest = self.rest[self.at :]
        self.at = 0
        return True

    def line(self) -> Optional[bytes]:
        """The next line, if it is complete."""
        end = self.rest.find(b"\n", self.at, self.at + CHUNK_LINE_LIMIT + len(b"\r\n"))
        if end < 0:
            if len(self.rest) - self.at > CHUNK_LINE_LIMIT:
                raise malformed(
                    f"a chunk's head or a trailer is longer than {CHUNK_LINE_LIMIT} bytes"
                )
            return None
        line = self.rest[self.at : end + 1]
        self.at = end + 1
        # Who takes a bare LF can be made to see another request than a proxy (RFC 9112, 11.2).
        if not line.endswith(b"\r\n"):
            raise malformed("a line of the chunked body ends with a bare LF; lines end with CR LF")
        return line[:-2]

    def size(self) -> bool:
        """Read a chunk's head; whether there may be more to read."""
        line = self.line()
        if line is None:
            return False
        match = CHUNK_SIZE.fullmatch(line)
        if not match:
            # Not all of it: it may be a header, or a body whose length was wrong.
            text = shown(line.decode("latin-1"), room=18)
            raise malformed(f"malformed chunk size {text}; expected hexadecimal digits")
        self.need = int(match.group(1), 16)
        if len(self.pieces) + self.need > self.limit:
            raise too_large(self.limit)
        self.state = self.data if self.need else self.trailer
        return True

    def data(self) -> bool:
        """Read a chunk and the line end behind it; whether there may be more to read."""
        piece = self.rest[self.at : self.at + self.need]
        self.pieces += piece
        self.at += len(piece)
        self.need -= len(piece)
        if self.need or len(self.rest) < self.at + 2:
            return False
        if self.rest[self.at : self.at + 2] != b"\r\n":
            raise malformed("a chunk is longer than its size says")
        self.at += 2
        self.state = self.size
        return True

    def trailer(self) -> bool:
        """Read a trailer or the empty line after the last; whether there may be more to read."""
        line = self.line()
        if line is None:
            return False
        if not line:
            self.state = self.done
            return False
        self.trailers += len(line)
        if not FIELD.fullmatch(line) or self.trailers > HEAD_LIMIT:
            raise malformed("malformed trailer after the chunked body")
        return True

    def done(self) -> bool:
        """There is nothing more to read."""
        return False


def too_large(limit: int) -> Refused:
    """The refusal of a body above --max-body."""
    return Refused(
        413,
        f"the body is larger than {limit} bytes (--max-body)",
        code="body_too_large",
        close=True,
    )


def body_reader(head: Head, limit: int) -> Optional[Union[SizedBody, ChunkedBody]]:
    """What reads the request's body; None if it has none.  Refused if it is too large."""
    if "transfer-encoding" in head.headers:
        return ChunkedBody(limit)
    # A request without a length has no body, whatever its method (RFC 9112, 6.3).
    length = head.headers.get("content-length", "0")
    # More digits are above any limit, and of thousands int() makes an error.
    if len(length) > 18 or int(length) > limit:
        raise too_large(limit)
    if int(length):
        return SizedBody(int(length))
    return None


# === channel =================================================================
# A connection's socket as a task sees it: bytes in, bytes out, waits that end with its client.


READ_SIZE = 64 * 1024  # bytes that are read at once
Value = TypeVar("Value")
Waiting = Generator[Wish, int, Value]  # what yields what it waits for, and gives a value in the end


class CoreLike(Protocol):
    """What a connection needs of what all ports share."""

    answerer: Answerer
    journal: Journal
    log: Log
    loop: Loop
    mocks: Mocks
    repeats: Repeats
    max_body: int
    numbers: "itertools.count[int]"  # of requests
    connection_numbers: "itertools.count[int]"
    tls: "Optional[ssl.SSLContext]"
    workers: Workers
    trimming: Trimming


class ServerLike(Protocol):
    """What a connection needs of its server."""

    port: int
    url: str
    stopping: bool
    idle_seconds: float
    head_seconds: float
    body_seconds: float
    stall_seconds: float
    linger_seconds: float
    connections: "Set[Any]"

    @property
    def core(self) -> CoreLike:
        """What all ports share."""

    def date(self) -> str:
        """The Date header."""

    def date_bytes(self, second: int) -> bytes:
        """The Date header of a second that is now, as bytes."""

    def left(self, connection: Any) -> None:
        """Note that a connection has ended."""


def moment_of(due: float) -> Wish:
    """What a task yields that waits for a moment, unless its client leaves first.  Who is late only
    gives way to others: a stream whose pauses are too short for this machine would always be due
    before them."""
    if due <= time.monotonic():
        return TURN, 0.0
    return GONE, due


class Channel(Member, BaseHTTPRequestHandler):
    """The socket of one connection, and the task that is done on it.

    A connection without a task is idle.  A task is a generator: it yields what it waits for, and
    the loop goes on with it then."""

    server: ServerLike  # type: ignore[assignment]  # socketserver knows no more than BaseServer
    connection: Union[socket.socket, TLSConnection]

    def setup(self) -> None:
        """Prepare the connection; nothing is read or written yet."""
        self.connection = self.request
        self.number = self.connection.fileno()
        self.count = next(self.server.core.connection_numbers)  # no other connection has the same
        self.peer = str(self.client_address[0]) if self.client_address else ""
        self.loop = self.server.core.loop
        self.task: Optional[Task] = None
        self.waits: Optional[int] = 0  # the events that the task waits for
        self.mark = 0  # counts the waits, so that nothing ends another than it was meant for
        self.sent = Sent()
        self.gate = Gate()
        if not DONT_WAIT:
            self.request.setblocking(False)
        self.server.connections.add(self)
        self.loop.members.add(self)

    def finish(self) -> None:
        """The connection is the loop's now."""

    # --- what the loop calls ---

    def happened(self, events: int) -> None:
        """Something has happened on the socket."""
        if self.task is None:
            self.look()
        elif events & ((self.waits or 0) | OVER):
            self.go(events)

    def on_time(self) -> None:
        """What was waited for has not come in time, or a pause is over."""
        if self.task is None:
            self.close()  # it has idled for too long
        else:
            self.go(TIME)

    def woken(self, mark: int) -> None:
        """What the wait of this number was for is there."""
        if self.task is not None and self.mark == mark:
            self.go(WOKEN)

    # --- the task ---

    def look(self) -> None:
        """Look at what has come while there is no task."""
        try:
            self.readable()
        except Exception as error:  # noqa: BLE001  it costs one connection, not all of them
            self.loop.complain(error)
            self.close()

    def readable(self) -> None:
        """There is something to read, or the client has closed, while there is no task."""
        raise NotImplementedError

    def begin(self, task: Task) -> None:
        """Start a task."""
        self.task = task
        self.go(None)

    def go(self, found: Optional[int]) -> None:
        """Go on with the task until it waits; tell it what has come of its last wait."""
        task = self.task
        assert task is not None
        self.due = INFINITE
        try:
            events, due = task.send(found)  # type: ignore[arg-type]  # None is for the beginning
        except StopIteration as stop:
            self.task = None
            if stop.value:
                self.rest()
            else:
                self.close()
            return
        except Exception as error:  # noqa: BLE001  it costs one connection, not all of them
            self.loop.complain(error)
            self.task = None
            self.close()
            return
        self.mark += 1
        if events == TURN:
            self.waits = 0
            self.loop.call(self.woken, self.mark)
            return
        self.waits = events
        if events != self.interest:
            self.loop.watch(self, events)
        if due < INFINITE:
            self.loop.set_due(self, due)

    def rest(self) -> None:
        """Wait for the next request."""
        if self.server.stopping:
            self.close()
            return
        self.mark += 1
        if self.interest != READABLE:
            self.loop.watch(self, READABLE)
        self.loop.set_due(self, time.monotonic() + self.server.idle_seconds)
        if isinstance(self.connection, TLSConnection) and self.connection.pending():
            self.loop.call(self.next_request, self.mark)

    def next_request(self, mark: int) -> None:
        """Go on with a request that was read by TLS already."""
        if self.task is None and self.mark == mark:
            self.look()

    def close(self, how: str = "client_closed") -> None:
        """End the connection; a task that is under way is told how."""
        if self.number < 0:
            return
        self.loop.forget(self)
        self.number = -1
        self.mark += 1
        task, self.task = self.task, None
        if task is not None:
            try:
                task.throw(Vanished(how))
            except (StopIteration, Vanished, OSError):
                pass
            except Exception as error:  # noqa: BLE001  the connection ends in any case
                self.loop.complain(error)
            task.close()
        self.gate = Gate()  # the loop's heap holds it for a while, but not what a feed holds
        try:
            self.connection.close()
        except OSError:
            pass
        self.server.left(self)

    # --- bytes in ---

    def receive(self, deadline: float, size: int = READ_SIZE) -> Waiting[bytes]:
        """More bytes, or none at the end.  Refused once the deadline is over."""
        while True:
            if (yield READABLE, deadline) == TIME:
                raise malformed("the request was not complete in time", 408)
            try:
                return self.connection.recv(size, DONT_WAIT)
            except BlockingIOError:
                pass  # TLS has read something that is no data

    # --- bytes out ---

    def write(self, data: bytes) -> Waiting[None]:
        """Write bytes that are no step of an answer."""
        yield from self.send_rest(Send(data), 0)

    def send_rest(self, step: Send, taken: int) -> Waiting[None]:
        """Write what the client did not take at once, as it takes it, and count the events that it
        has got; one that takes nothing for too long has vanished."""
        sent = self.sent
        before, events = sent.bytes - step.head, sent.events  # what is counted is the body
        while True:
            sent.bytes = before + taken
            sent.events = events + bisect_right(step.ends, taken)
            sent.has_begun = sent.has_begun or bool(taken and step.head)
            if taken == len(step.data):
                return
            try:
                taken += self.connection.send(memoryview(step.data)[taken:], DONT_WAIT)
            except BlockingIOError:
                yield from self.wait_for_room()

    def wait_for_room(self) -> Waiting[None]:
        """Wait until the client takes more."""
        sent = self.sent
        since = sent.blocked_since = time.monotonic()
        try:
            found = yield WRITABLE, since + self.server.stall_seconds
        finally:
            sent.blocked += time.monotonic() - since
            sent.blocked_since = None
        if found == TIME:
            raise Vanished("client_closed")

    # --- waits ---

    def wait_for(self, gate: Gate, timeout: Optional[float] = None) -> Waiting[bool]:
        """Wait until a gate opens, or for so many seconds, unless the client leaves first; whether
        it has opened."""
        deadline = INFINITE
        if timeout is not None:
            deadline = time.monotonic() + timeout
        # The next wait is this one: what comes before it begins is seen by take().
        gate.wake = functools.partial(self.loop.call, self.woken, self.mark + 1)
        try:
            while not gate.take():
                found = yield GONE, deadline
                if found == TIME:
                    return False
                if found != WOKEN:
                    raise Vanished(self.how_it_left(found))
                gate.wake = functools.partial(self.loop.call, self.woken, self.mark + 1)
            return True
        finally:
            gate.wake = lambda: None
            self.mark += 1  # it may have opened meanwhile, which is not to end the next wait

    def hold(self, hold: Hold) -> Waiting[None]:
        """Wait at a gate, as long as is wanted, and say how that went."""
        since = time.monotonic()
        hold.passed = yield from self.wait_for(self.gate, hold.seconds)
        hold.waited = time.monotonic() - since

    def aside(self, work: Callable[[], Value]) -> Waiting[Value]:
        """Have something done in a thread of its own, for it takes long; the client's end is not
        looked for meanwhile."""
        outcome: Any = []
        mark = self.mark + 1

        def tell(value: Any, error: Optional[BaseException]) -> None:
            outcome[:] = [value, error]
            self.loop.call(self.woken, mark)

        self.server.core.workers.do(work, tell)
        yield None, INFINITE
        value, error = outcome
        if error is None:
            result: Value = value
            return result
        try:
            raise error
        finally:
            del error  # its traceback has this frame: neither is to keep the other
            outcome.clear()

    def how_it_left(self, found: int) -> str:
        """What the journal says of a client that left in a pause, with these events."""
        if self.server.stopping:
            return "shutdown"
        if found & FAILED or self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return "client_reset"
        return "client_closed"

    # --- ends ---

    def end(self, how: str) -> Waiting[None]:
        """End the connection as a fault will have it."""
        if how == "reset":  # close() then sends RST (socket(7), SO_LINGER)
            at_once = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        else:
            yield from self.linger()

    def linger(self) -> Waiting[None]:
        """Let the client read its answer: closing with bytes unread would reset the connection."""
        deadline = time.monotonic() + self.server.linger_seconds
        self.connection.shutdown(socket.SHUT_WR)
        while (yield READABLE, deadline) != TIME:
            try:
                if not self.connection.recv(READ_SIZE, DONT_WAIT):
                    return
            except BlockingIOError:
                pass


# === handshake ===============================================================
# The beginning of a connection with TLS.  May touch ssl.


TLS_HANDSHAKE = b"\x16"  # what its first record begins with (RFC 8446, 5.1)


def sealed(channel: Channel) -> Waiting[Optional[TLSConnection]]:
    """A connection with TLS, once its client has shaken hands.

    None if it won't, in time or at all.  One that speaks plain HTTP is told so."""
    import ssl

    deadline = time.monotonic() + channel.server.head_seconds
    plain = channel.request
    if (yield READABLE, deadline) == TIME:
        return None
    try:
        first = plain.recv(1, socket.MSG_PEEK | DONT_WAIT)  # left there for the handshake
        if first != TLS_HANDSHAKE:
            if first:
                yield from ask_for_tls(channel)
            return None
        plain.setblocking(False)
        context = channel.server.core.tls
        assert context
        connection = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        channel.connection = connection  # which is to be closed in any case
        while True:
            try:
                connection.do_handshake()
                return TLSConnection(connection)
            except ssl.SSLWantReadError:
                wanted = READABLE
            except ssl.SSLWantWriteError:
                wanted = WRITABLE
            if (yield wanted, deadline) == TIME:
                return None
    except ssl.SSLError as error:
        channel.server.core.log.say(f"TLS handshake failed: {error.reason or error}")
    except OSError:
        pass  # the client has left
    return None


def ask_for_tls(channel: Channel) -> Waiting[None]:
    """Tell a client that speaks plain HTTP to a port with TLS."""
    message = f"this port speaks TLS; use https://, as in {channel.server.url}"
    refused = Refused(400, message, code="tls_required")
    response = channel.server.core.answerer.refuse(Request("GET", "/"), refused).response
    exchange = Exchange(keep_alive=False, extra=(("Date", channel.server.date()),))
    for step in answer_steps(response, exchange):
        if isinstance(step, Send):
            yield from channel.write(step.data)
    yield from channel.linger()


# === connection ==============================================================
# One connection: reads requests, has them answered, performs the steps.


SMALL_WRITES = 16  # of a stream without pauses, after which it is another's turn


class Handler(Channel):
    """One connection: reads requests, has them answered, performs the steps."""

    def handle(self) -> None:
        """Have the loop answer requests until one side has had enough."""
        self.buffer = b""  # what was read and belongs to no request yet
        self.is_busy = False  # while it is not, a shutdown need not wait for it
        self.has_body = False  # whether a body was announced that is not read yet
        if self.server.core.tls:
            self.begin(self.shake_hands())
        else:
            self.look()

    def shake_hands(self) -> Waiting[bool]:
        """Begin TLS; whether the client did."""
        connection = yield from sealed(self)
        if connection:
            self.connection = connection
        return bool(connection)

    def readable(self) -> None:
        """The beginning of a request, or the end of the connection."""
        try:
            data = self.connection.recv(READ_SIZE, DONT_WAIT)
        except BlockingIOError:
            if self.interest is None:
                self.rest()
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        mocks = self.server.core.mocks
        if mocks.files.is_current(self.loop.rounds):
            repeat = self.server.core.repeats.find(self.server.port, data, mocks.generation)
            if repeat and not self.server.stopping:
                self.repeat(repeat)
                return
        # RFC 9112, 2.2: empty lines before a request are ignored; they don't make it idle for
        # longer, either.
        self.buffer = data.lstrip(b"\r\n")
        if self.buffer:
            self.begin(self.serve(data))
        elif self.interest is None:
            self.rest()

    def repeat(self, repeat: Repeat) -> None:
        """Answer a request that came before, byte by byte, as it was answered then."""
        server, core = self.server, self.server.core
        started, moment = time.monotonic(), time.time()
        number = next(core.numbers)
        data = repeat.dated(server.date_bytes(int(moment)), number)
        if repeat.uses:  # this is a use, too
            with repeat.uses.lock:
                repeat.uses.count += 1
        with core.journal.lock:  # whoever has the answer finds it there, and ended
            try:
                taken = self.connection.send(data, DONT_WAIT)
            except OSError:  # what it says is seen when the rest is written
                taken = 0
            now = time.monotonic()
            again = number, moment, repeat.asked, repeat.sent, now - started, self.count
            if taken == len(data):
                core.journal.add_again(again)
        if taken != len(data):
            self.begin(self.finish_repeat(repeat, entry_of(again), data, taken, started))
            return
        if core.log.mode != "off":
            core.log.request(entry_of(again, "complete"))
        if not repeat.keep_alive:
            self.begin(self.leave())
        elif self.interest == READABLE and not server.core.tls:
            self.due = now + server.idle_seconds  # the loop looks at it when it would have been due
        else:
            self.rest()

    def finish_repeat(
        self, repeat: Repeat, entry: Entry, data: bytes, taken: int, started: float
    ) -> Waiting[bool]:
        """Write what a client did not take at once of a repeated answer."""
        self.server.core.journal.add(entry)
        self.sent = entry.sent = Sent()
        self.is_busy = True
        ended = "fault"
        try:
            yield from self.send_rest(repeat.step(data), taken)
            ended = "complete"
        except Vanished as vanished:
            ended = str(vanished)
        except OSError:
            ended = "client_reset"
        finally:
            self.is_busy = False
            self.note_end(entry, ended, started)
        if ended != "complete":
            return False
        if repeat.keep_alive:
            return not self.server.stopping
        return (yield from self.leave())

    def leave(self) -> Waiting[bool]:
        """End the connection, as its client wants it."""
        if has_more(self.connection):
            try:
                yield from self.linger()
            except OSError:
                pass
        return False

    def serve(self, data: bytes) -> Waiting[bool]:
        """Answer the requests that have come; whether there may be more."""
        self.raw = data
        try:
            while (yield from self.serve_request()):
                self.buffer = self.buffer.lstrip(b"\r\n")
                self.raw = self.buffer
                if not self.buffer:
                    return True
                yield TURN, 0.0
        except (OSError, Vanished):
            return False  # the client has left; there is nobody to tell
        except Broke as broke:
            try:
                yield from self.end(str(broke))
            except (OSError, Vanished):
                pass
        finally:
            self.raw = b""  # who idles, or has left and is still in the heap, keeps none
        return False

    # --- one request ---

    def serve_request(self) -> Waiting[bool]:
        """Answer one request; whether the connection can be used again."""
        head: Optional[Head] = None
        data: Optional[bytes] = None
        closes = False
        generation = -1  # of the mocks, as long as none were asked
        started = time.monotonic()
        self.is_busy = True
        try:
            data = yield from self.read_head()
            started = time.monotonic()
            head = parse_head(data)
            body = yield from self.read_body(head)
            request = self.request_of(head, head.session, body)
            mocks = self.server.core.mocks
            if not mocks.files.is_current(self.loop.rounds):
                yield from self.aside(mocks.files.refresh)
            generation = mocks.generation
            answered, coding = yield from self.answer(request)
        except Refused as refused:
            # What is not read of a request must never be taken for the next one.
            closes = refused.close or self.has_body
            head = head or begun_head(data or self.buffer)
            request = self.request_of(head)
            answered, coding = self.refuse(request, refused)
        wanted = head.keeps_alive and answered.keeps_alive
        keep_alive = wanted and not closes and not self.server.stopping
        entry = yield from self.respond(request, head, answered, coding, keep_alive, started)
        if entry and answered.is_lasting and not closes and not self.buffer:
            self.remember(generation, request, head, answered, coding, entry)
        # HTTP/1.0 has no chunks: its streams end with the connection.
        ends_by_length = head.minor > 0 or answered.response.frames is None
        again = keep_alive and ends_by_length and not self.server.stopping
        self.is_busy = False
        if closes or (not again and (self.buffer or has_more(self.connection))):
            yield from self.linger()
        return again

    def request_of(self, head: Head, session: str = "", body: bytes = b"") -> Request:
        """A request with this head."""
        port, is_tls = self.server.port, self.server.core.tls is not None
        _, path, query = head.parsed_target
        where = port, session, self.peer, is_tls
        return Request(head.method, path, query, head.headers, body, *where)

    def answer(self, request: Request) -> Waiting[Tuple[Answered, str]]:
        """The answer, and its coding.

        A bug becomes a 500 in the provider's shape and a line in the log, never a traceback."""
        answerer = self.server.core.answerer
        try:
            answered = yield from self.done(answerer.answering(request))
            coding = coding_of(answered.response, request.headers.get("accept-encoding"))
            if coding is not None:
                return answered, coding
            refused = Refused(
                406, "Accept-Encoding takes neither gzip nor identity", code="not_acceptable"
            )
        except Refused as error:
            refused = error
        except Vanished:
            raise
        except MemoryError as error:
            self.loop.complain(error)
            refused = Refused(503, "the server is out of memory", code="out_of_memory")
        except Exception as error:  # noqa: BLE001  a bug must cost one answer, not the test run
            reason = f"internal error: {type(error).__name__}: {error}"
            self.server.core.log.say(f"{reason} (line {line_of(error)}); please report it")
            answered, coding = self.refuse(request, Refused(500, reason))
            return replace(answered, is_repeatable=False), coding
        # Uncoded, whatever the client takes: it has to be told.
        answered = answerer.refuse(request, refused)
        uncoded = replace(answered.response, may_gzip=False)
        # Not remembered: a mock may have been used all the same, and counts it.
        return replace(answered, response=uncoded, is_repeatable=False), "identity"

    def done(self, work: Work[Answered]) -> Waiting[Answered]:
        """What work gives, once it is done; it waits, or is done aside, where it wants to be."""
        found = advanced(work)
        while not isinstance(found, Answered):
            if found is ASIDE:
                found = yield from self.aside(functools.partial(advanced, work))
                continue
            try:
                assert found.gate
                yield from self.wait_for(found.gate, found.timeout)
            except Vanished:
                work.close()  # nobody waits for it any more
                raise
            found = advanced(work)
        return found

    def refuse(self, request: Request, refused: Refused) -> Tuple[Answered, str]:
        """The answer to a request that is refused, and its coding, whatever the client takes."""
        answered = self.server.core.answerer.refuse(request, refused)
        coding = coding_of(answered.response, request.headers.get("accept-encoding"))
        return answered, coding or "identity"

    # --- reading ---

    def read_head(self) -> Waiting[bytes]:
        """The next request's head, of which some is there."""
        deadline = time.monotonic() + self.server.head_seconds
        seen = 0
        while True:
            end = self.buffer.find(b"\r\n\r\n", max(0, seen - 3))
            if end >= 0:
                head = self.buffer[: end + 4]
                self.buffer = self.buffer[end + 4 :]
                return head
            check_partial(self.buffer, seen)
            seen = len(self.buffer)
            more = yield from self.receive(deadline)
            if not more:
                raise malformed("the connection was closed in the middle of the head")
            self.buffer += more
            self.raw += more

    def read_body(self, head: Head) -> Waiting[bytes]:
        """The request's body, its codings undone."""
        limit = self.server.core.max_body
        self.has_body = True  # as long as nothing else is known
        reader = body_reader(head, limit)
        self.has_body = bool(reader)
        expects = head.tokens("expect")
        # 417 for any other expectation (RFC 9110, 10.1.1).
        if expects and expects != ["100-continue"]:
            raise malformed(
                f"Expect is {shown(head.headers['expect'])}; only 100-continue is known", 417
            )
        if not reader:
            return b""
        # Not to HTTP/1.0, and not where the body has begun to come (RFC 9110, 10.1.1).
        if expects and head.minor and not self.buffer:
            self.sent = Sent()  # the journal counts no answer's bytes with it
            yield from self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        deadline = time.monotonic() + self.server.body_seconds
        data = self.buffer
        self.buffer = b""
        wanted = reader.wanted
        while not reader.feed(data[:wanted]):
            data = data[wanted:]
            wanted = reader.wanted
            if data:
                yield TURN, 0.0
                continue
            data = yield from self.receive(deadline, wanted)
            if not data:
                raise malformed("the connection was closed in the middle of the body")
            self.raw = b""  # it did not come at once, and will not the next time
        self.buffer = reader.rest + data[wanted:]
        self.has_body = False
        body = bytes(reader.pieces)
        codings = head.tokens("content-encoding")
        if codings:  # of few bytes they may make many
            return (yield from self.aside(functools.partial(decoded, body, codings, limit)))
        return body

    # --- writing ---

    def respond(
        self,
        request: Request,
        head: Head,
        answered: Answered,
        coding: str,
        keep_alive: bool,
        started: float,
    ) -> Waiting[Optional[Entry]]:
        """Write a response, with its entry in the journal and the log, if it is to have one."""
        core = self.server.core
        number = str(next(core.numbers))
        extra: Headers = (("Date", self.server.date()), ("X-Mock-Request-Id", number))
        extra += own_headers(request, answered)
        exchange = Exchange(head.minor, keep_alive, request.method == "HEAD", coding, extra)
        self.gate, self.sent = answered.feed or Gate(), Sent()
        make = functools.partial(told_and_steps, request, head, answered, exchange)
        takes_long = max(len(request.body), len(answered.response.body)) > LONG
        asked, steps = (yield from self.aside(make)) if takes_long else make()
        entry = self.noted(number, asked, answered)
        ended = "fault"
        try:
            yield from self.perform(steps)
            ended = "complete"
        except Vanished as vanished:
            ended = str(vanished)
            raise
        except Broke as broke:
            if str(broke) != "kept":  # the stream ended cleanly; the connection lives on
                raise
        except OSError:
            ended = "shutdown" if self.server.stopping else "client_reset"
            raise
        finally:
            if entry:
                self.note_end(entry, ended, started)
            elif answered.feed:
                core.journal.unwatch(answered.feed)
            core.trimming.freed(len(request.body) + answered.weight)
        return entry

    def note_end(self, entry: Entry, ended: str, started: float) -> None:
        """Note in the journal and the log how a response ended."""
        entry.duration = round(time.monotonic() - started, 6)
        self.server.core.journal.end(entry, ended)
        self.server.core.log.request(entry)

    def remember(
        self,
        generation: int,
        request: Request,
        head: Head,
        answered: Answered,
        coding: str,
        entry: Entry,
    ) -> None:
        """Remember an answer for when the same bytes come again; when they have come twice."""
        repeats, port, raw = self.server.core.repeats, self.server.port, self.raw
        if not 0 < len(raw) <= READ_SIZE // 2 or not head.minor or "expect" in head.headers:
            return
        asked = entry.asked
        if entry.ended != "complete" or asked.is_probe or not repeats.seen.has((port, raw)):
            return
        exchange = Exchange(
            head.minor,
            head.keeps_alive,
            request.method == "HEAD",
            coding,
            MARKS + own_headers(request, answered),
        )
        repeat = repeat_of(answer_steps(answered.response, exchange), asked, answered)
        if repeat:
            repeat.keep_alive = head.keeps_alive and answered.keeps_alive
            repeats.keep(port, raw, generation, repeat)

    def noted(self, number: str, asked: Optional[Asked], answered: Answered) -> Optional[Entry]:
        """The entry of an answer that is about to be sent, which is in the journal; none of one
        that the journal says nothing of."""
        if not asked:
            return None
        entry = Entry(number, time.time(), asked, self.sent, self.count)
        if answered.response.delivery.gate and answered.response.frames is not None:
            entry.gate = self.gate
        self.server.core.journal.add(entry)
        return entry

    def perform(self, steps: Iterable[Step]) -> Waiting[None]:
        """Do the steps of a response: the only loop that writes."""
        send, sent = self.connection.send, self.sent
        due = 0.0  # of the last pause, while nothing else has stopped the stream
        since_turn = 0  # writes without a pause
        for step in steps:
            if isinstance(step, Send):
                try:
                    taken = send(step.data, DONT_WAIT)
                except BlockingIOError:
                    taken = 0
                if taken == len(step.data):
                    sent.bytes += taken - step.head
                    sent.events += len(step.ends)
                    sent.has_begun |= step.head > 0
                else:
                    yield from self.send_rest(step, taken)
                since_turn += 1
                is_much = len(step.data) > JOINED // 2 or since_turn >= SMALL_WRITES
                if is_much and not step.last:
                    yield TURN, 0.0
                    since_turn = 0
            elif isinstance(step, Wait):
                # From when it was due, not from now: lateness must not add up.
                due = (due or time.monotonic()) + step.seconds
                wish = moment_of(due)
                found = yield wish
                if wish[1] and found != TIME:
                    raise Vanished(self.how_it_left(found))
                since_turn = 0
            elif isinstance(step, Hold):
                yield from self.hold(step)
                due = 0.0
            elif isinstance(step, Hang):
                self.is_busy = False  # a shutdown need not wait for it
                yield from self.wait_for(Gate(), step.seconds)
                due = 0.0
            elif isinstance(step, Cut):
                raise Broke(step.how)
            else:
                yield TURN, 0.0


# === listener ================================================================
# The socket that connections are accepted from.  May touch files and time.


AT_ONCE = 32  # connections that are accepted before it is another's turn
PAUSE = 0.1  # seconds without accepting, when even a refusal is more than can be had
QUIET = 60.0  # seconds after which a new shortage is said again

# What a client gets that there is no room for; it is told before its request is read.
SORRY = b'{"error":{"message":"the server has no room for another connection","code":"no_room"}}'
NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(SORRY), SORRY)
)


class Listener(Member):
    """Accepts connections, each given to `serve` with its client's address.

    One descriptor is held back, to tell those who come when there is no other left."""

    def __init__(
        self,
        loop: Loop,
        listening: socket.socket,
        serve: Callable[[Any, Any], None],
        say: Callable[[str], None],
    ) -> None:
        self.loop = loop
        self.listening = listening
        self.number = listening.fileno()
        self.serve = serve
        self.say = say
        self.spare: Optional[int] = None
        self.short_since = -QUIET  # when it last was short of descriptors or memory
        self.is_open = False

    def open(self) -> None:
        """Begin to accept."""
        let_threads_end()
        self.is_open = True
        self.listening.setblocking(False)
        self.hold_back()
        self.loop.members.add(self)
        self.loop.watch(self, READABLE)

    def close(self) -> None:
        """Accept no more; the socket is its owner's to close."""
        self.is_open = False
        self.loop.forget(self)
        self.give_up_spare()

    def happened(self, events: int) -> None:
        """Connections are waiting."""
        # What they ask may be asked after something that happened in this round.
        self.loop.rounds += 1
        until = time.monotonic() + TURN_SECONDS
        for _ in range(AT_ONCE):
            if time.monotonic() > until:
                return  # what they ask is answered at once, and may have taken its time
            try:
                connection, address = self.listening.accept()
            except BlockingIOError:
                return
            except (OSError, MemoryError) as error:
                self.refuse(error)
                return
            self.serve(connection, address)

    def refuse(self, error: BaseException) -> None:
        """Tell the next client that there is no room for it."""
        if isinstance(error, ConnectionError):
            return  # it has left again
        now = time.monotonic()
        if now - self.short_since > QUIET:
            self.say(f"connections are refused: {error}")
        self.short_since = now
        self.give_up_spare()
        try:
            connection, _ = self.listening.accept()
            connection.send(NO_ROOM, DONT_WAIT)
            connection.shutdown(socket.SHUT_WR)
            connection.close()
        except (OSError, MemoryError):
            self.loop.watch(self, None)
            self.loop.at(now + PAUSE, self.go_on)
        self.hold_back()

    def go_on(self) -> None:
        """Accept again."""
        if self.is_open:
            self.loop.watch(self, READABLE)

    def hold_back(self) -> None:
        """Take a descriptor that nothing else is to have."""
        if self.spare is None:
            try:
                self.spare = os.open(os.devnull, os.O_RDONLY)
            except OSError:
                pass  # next time

    def give_up_spare(self) -> None:
        """Give it back."""
        if self.spare is not None:
            os.close(self.spare)
            self.spare = None


# === session_methods =========================================================
# What a test does with a session from Python: arguments become operations, their results JSON.


class SessionMethods:
    """What MockServer and its sessions have in common: `operations` does it."""

    operations: Operations

    @property
    def requests(self) -> List[Dict[str, Json]]:
        """The journal: the newest requests, oldest first, with credentials masked."""
        return [entry.json() for entry in self.operations.entries()]

    @property
    def mocks(self) -> List[Json]:
        """All mocks in matching order, with how often they were used."""
        return self.operations.mocks_json()

    def mock(
        self,
        match: Optional[Mapping[str, Json]] = None,
        response: Optional[Mapping[str, Json]] = None,
        **more: Json,
    ) -> str:
        """Add a mock in front of all others and give its name; `more` is `responses`, `times` and
        the like.  ValueError says what is wrong with it."""
        spec = {"match": match, "response": response}
        given = {key: value for key, value in spec.items() if value is not None}
        return self.operations.add([{**given, **more}])[0].name

    def wait_for(
        self,
        match: Optional[Mapping[str, Json]] = None,
        count: int = 1,
        ended: Union[None, bool, str, Sequence[str]] = None,
        timeout: float = 5.0,
    ) -> List[Dict[str, Json]]:
        """The requests that match, as soon as there are `count` of them that have ended as asked:
        in one of some ways, `client_gone`, or at all (True).  TimeoutError, with what differed, if
        there are not in so many seconds; ValueError for what can't be waited for."""
        if isinstance(ended, (tuple, set, frozenset)):
            ended = list(ended)
        asked_for: Json = {} if match is None else match
        if isinstance(asked_for, Mapping):
            asked_for = dict(asked_for)
        asked = {"match": asked_for, "count": count, "ended": ended, "timeout": timeout}
        wait = read_wait(Given(asked, "wait_for"))
        waited = done_here(self.operations.waiting(*wait))
        if waited.shortfall:
            raise TimeoutError(waited.shortfall)
        return [entry.json() for entry in waited.entries]

    def verify(self, unused: bool = True, unmatched: bool = True, invalid: bool = False) -> None:
        """AssertionError if a mock that was added was never used, or a request was answered by no
        mock; for `invalid` also if one could not be read."""
        asked = {"unused": unused, "unmatched": unmatched, "invalid": invalid}
        left = self.operations.leftovers(**read_verify(Given(asked, "verify")))
        if left.sentences:
            raise AssertionError("\n".join(left.sentences))

    def release(self, number: str, events: int = 1) -> None:
        """Let events of a gated stream out; `number` is the request's id.  KeyError if there is no
        such stream, ValueError for a number that is none."""
        asked = Given({"events": events}, "release")
        self.operations.release(str(number), asked.get("events").whole(1))

    def reset(self) -> None:
        """Forget requests, mocks added at run time, and how often mocks were used."""
        self.operations.reset()


# === server ==================================================================
# The server: ports and their life.


class MockServer(SessionMethods, ThreadingHTTPServer):
    """A mock LLM server on one port.

    `port` 0 takes a free one.  `data` names one or several data directories; without it there are
    no mocks but those of `mock()`.  The other options are those of the command line.  As a context
    manager it serves in the background; `start()` and `close()` do the same.  `core` is that of
    another server, of which this is one more port, with the options of that.  What is done with
    requests and mocks concerns those without a session.

    Raises BadMock if the data directory holds a mock that can't be used, ValueError for an option
    that can't be followed, OSError if the port is taken."""

    request_queue_size = 1024  # socketserver's 5 would refuse a burst of connections
    idle_seconds, head_seconds, body_seconds = IDLE_SECONDS, HEAD_SECONDS, BODY_SECONDS
    stall_seconds, linger_seconds = STALL_SECONDS, LINGER_SECONDS
    # What a server begins with.
    stopping = False
    clock: Tuple[int, str, bytes] = (0, "", b"")  # a second, and its Date

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        data: Union[str, "os.PathLike[str]", Sequence[str]] = (),
        fallback: str = "error",
        dialect: Union[str, Iterable[str]] = (),
        pace: float = 0.0,
        require_auth: bool = False,
        max_body: int = MAX_BODY,
        seed: int = 0,
        log: str = "off",
        journal: int = JOURNAL,
        control_token: str = "",
        tls: bool = False,
        cert: Optional[str] = None,
        key: Optional[str] = None,
        tls_name: Sequence[str] = (),
        tls_cert_out: Optional[str] = None,
        core: Optional[Core] = None,
    ) -> None:
        values = read_keywords(locals())  # all of the above, by the names that the table has
        port, host = values.pop("port"), values["host"]
        self.core = core or Core(Settings(**values))
        self.operations = self.core.operations("")
        self.host = host
        self.stopped = threading.Event()
        self.connections: Set[Handler] = set()
        try:
            self.address_family = first_family(host, port)
            super().__init__((host, port), Handler)
        except (OSError, UnicodeError) as error:  # UnicodeError: a host that is no name
            if not core:
                self.core.close()
            raise no_listening(host, port, error) from None
        self.listener = Listener(self.core.loop, self.socket, self.serve, self.core.log.say)
        self.port: int = self.server_address[1]
        self.core.ports += 1

    @property
    def url(self) -> str:
        """`http://host:port`, or `https://…`, without a slash at its end."""
        scheme = "https" if self.core.tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    @property
    def tls_cert(self) -> str:
        """The certificate as PEM, for clients to trust; empty without TLS."""
        return self.core.tls_cert

    def session(self, name: str) -> "SessionView":
        """A session: its own address, mocks and journal.  ValueError for a name that is none."""
        if not good_session(name):
            raise ValueError(f"session: found {shown(name)}, {SESSION_RULE}")
        return SessionView(self, name)

    # --- life ---

    def server_bind(self) -> None:
        """Bind without looking the host's name up.

        HTTPServer does that, and it can take seconds."""
        # On Windows the option would let two servers have the same port.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
        # Inherited by the connections, so that none needs a call of its own for it.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        # HTTPServer's own, for those who use it as one.
        self.server_name = str(self.server_address[0])
        self.server_port = int(self.server_address[1])

    def start(self) -> "MockServer":
        """Serve in the background.  RuntimeError for a server that is closed, or one more port of
        servers that all are."""
        if self.stopping or self.core.loop.is_ended:
            raise RuntimeError("the server is closed; a new MockServer can be started")
        self.core.loop.call(self.listener.open)
        self.core.run_in_background()
        return self

    def __enter__(self) -> "MockServer":
        return self.start()

    def __exit__(self, *reason: object) -> None:
        self.close(0.5)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until another thread calls `close()`."""
        self.start()
        self.stopped.wait()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, as of `handle_request()`: what ThreadingHTTPServer starts a thread
        for, the loop does."""
        self.core.loop.call(self.serve, request, client_address)
        self.core.run_in_background()

    def serve(self, request: Any, client_address: Any) -> None:
        """The same, in the loop's thread."""
        try:
            self.finish_request(request, client_address)
        except Exception as error:  # noqa: BLE001  it costs one connection
            self.core.loop.complain(error)
            self.shutdown_request(request)

    def date(self) -> str:
        """The Date header, made once a second."""
        second = int(time.time())
        if self.clock[0] != second:
            text = formatdate(second, usegmt=True)
            self.clock = (second, text, text.encode())
        return self.clock[1]

    def date_bytes(self, second: int) -> bytes:
        """The Date header of a second that is now, as bytes."""
        if self.clock[0] != second:
            self.date()
        return self.clock[2]

    def close(self, grace: float = GRACE_SECONDS) -> None:
        """Stop accepting, give responses under way `grace` seconds, then end them."""
        loop = self.core.loop
        if self.stopped.is_set():
            return
        if not self.core.is_running:  # none of its ports was ever started
            self.begin_to_close(0.0)
            return
        loop.call(self.begin_to_close, grace)
        if loop.thread != threading.get_ident():
            self.stopped.wait(grace + GRACE_SECONDS)
            self.core.wait_for_end()

    def begin_to_close(self, grace: float) -> None:
        """Stop accepting, and have the rest end within `grace` seconds."""
        if self.stopping:
            return
        self.stopping = True
        self.core.ports -= 1
        self.core.ending += 1
        if not self.core.ports:
            self.core.journal.close()
        self.listener.close()
        super().server_close()
        for connection in list(self.connections):
            if not connection.is_busy:
                connection.close("shutdown")
        self.core.loop.at(time.monotonic() + grace, self.cut_off)
        self.left(None)

    def cut_off(self) -> None:
        """End what is still under way."""
        for connection in list(self.connections):
            connection.close("shutdown")

    def left(self, connection: Any) -> None:
        """Note that a connection has ended; after the last one there is nothing more to do."""
        self.connections.discard(connection)
        if not self.stopping or self.connections or self.stopped.is_set():
            return
        self.core.ending -= 1
        self.core.end()
        self.stopped.set()

    def shutdown(self) -> None:
        """The same as `close()`, under socketserver's name."""
        self.close()

    def server_close(self) -> None:
        """The same once more: the loop must not wait for a socket that is closed."""
        if hasattr(self, "listener"):
            self.close()
        else:  # it could not listen
            super().server_close()


def first_family(host: str, port: int) -> socket.AddressFamily:
    """The family of the first address that a host has; OSError if it has none."""
    passive = socket.AI_PASSIVE  # an empty host is every address of this machine
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=passive)[0][0]


def no_listening(host: str, port: int, error: Exception) -> OSError:
    """The error of an address that can't be listened on, which it names; its number stays."""
    reason = getattr(error, "strerror", None) or error
    number = getattr(error, "errno", None) or errno.EINVAL
    return OSError(number, f"can't listen on {host} port {port}: {reason}")


class SessionView(SessionMethods):
    """One session of a server, for a test that shares the server with others.

    `url` leads to it, and all that it does concerns it alone.  An empty name is what is without a
    session."""

    def __init__(self, server: MockServer, name: str) -> None:
        self.server = server
        self.name = name
        self.operations = server.core.operations(name)

    @property
    def url(self) -> str:
        """`http://host:port/@name`, percent-encoded where it must be, without a slash at its
        end."""
        if not self.name:
            return self.server.url
        return f"{self.server.url}/@{quote(self.name, safe='')}"


# === usage ===================================================================
# What --help says: the options in groups, examples, the shape of a mock.

# May touch argparse, which is imported when it is needed.


COLUMNS = 80  # columns, whatever the terminal has: it is read in logs and pipes, too

DESCRIPTION = """\
A mock LLM server: OpenAI, Azure OpenAI, Gemini, Vertex AI, Anthropic, Bedrock,
Cohere, Mistral and Ollama, without keys, money or network."""

EPILOG = """\
examples:
  mock_server.py 5001                   serve the mocks of data/ on port 5001
  mock_server.py 0 --fallback echo      any free port; answers what was asked
  mock_server.py 5001 5002 --data mine  two upstreams, the mocks of mine/mocks/
  mock_server.py --check --data mine    what is wrong with those mocks
  mock_server.py --schema > mock.schema.json

a mock, one of an array in DIR/mocks/*.json; the first that matches answers:
  {"match": {"user": {"contains": "weather"}, "model": "gpt-4o"},
   "response": {"text": "Sunny."}}

  match     provider, api, model, user, system, tools, path, headers, body ...
  response  text, tool_calls, usage ...; or body, events; or raw; or error; or
            fault; and status, headers, delay, pace, keepalive, gzip, wire, gate

Each option can also be set as MOCK_SERVER_<OPTION>; repeatable ones are split
at the path separator, flags take 1, 0, true or false."""


def parser() -> argparse.ArgumentParser:
    """What tells the words of a command line apart."""
    made = parser_class()(
        prog="mock_server.py",
        usage="mock_server.py [PORT ...] [options]",
        allow_abbrev=False,  # a new option must not change what an old command line means
        description=DESCRIPTION,
        epilog=EPILOG,
        add_help=False,
        formatter_class=formatter_class(),
    )
    groups: Dict[str, Any] = {}
    for option in OPTIONS:
        if option.group not in groups:
            groups[option.group] = made.add_argument_group(option.group)
        groups[option.group].add_argument(
            option.flag, help=described(option), **argument_kind(option)
        )
    last = groups[OPTIONS[-1].group]
    last.add_argument(
        "--version",
        action="version",
        version=f"mock_server.py {__version__}",
        help="say the version, and exit",
    )
    last.add_argument("-h", "--help", action="help", help="say this, and exit")
    return made


def parser_class() -> Type[argparse.ArgumentParser]:
    """argparse with one line an error."""
    import argparse

    class Parser(argparse.ArgumentParser):
        """An error is raised, not printed below the usage."""

        def error(self, message: str) -> NoReturn:
            raise BadOption(message)

    return Parser


def formatter_class() -> Any:
    """How argparse lays the text out."""
    import argparse

    class Formatter(argparse.RawDescriptionHelpFormatter):
        """The same on every terminal."""

        def __init__(self, prog: str) -> None:
            super().__init__(prog, max_help_position=26, width=COLUMNS)

    return Formatter


def argument_kind(option: Option) -> Dict[str, Any]:
    """How argparse is told what words an option takes."""
    if option.is_flag:
        return {"action": "store_const", "const": "1"}
    if option.flag[0] != "-":
        return {"metavar": option.metavar, "nargs": "*"}
    if option.is_repeatable:
        return {"metavar": option.metavar, "action": "append"}
    return {"metavar": option.metavar}


def described(option: Option) -> str:
    """An option's line of --help."""
    words = option.help
    if option.is_repeatable and option.default:
        words += f" (default: {', '.join(map(str, option.default))})"
    elif option.default:
        words += f" (default: {option.default})"
    return words.replace("%", "%%")  # argparse fills in what a % begins


# === cli =====================================================================
# The command line: its words become options, and those a server.

# It only wires.


SETTLED_SECONDS = 0.1  # after which memory is given back: who waits for the port is served first


MOST_DESCRIPTORS = 65536  # that are asked of the system


def parse_arguments(arguments: Sequence[str], environment: Mapping[str, str]) -> Dict[str, Any]:
    """The value of each option: from the command line, else the environment, else its default."""
    given, unknown = parser().parse_known_args(list(arguments))
    if unknown:
        raise BadOption(f"unknown argument {shown(unknown[0])}; {meant_by(unknown[0])}")
    values = {}
    variables = without_links(environment)
    for option in OPTIONS:
        values[option.name] = option_value(option, getattr(given, option.name), variables)
    check_ports(values["port"])
    check_together(values, lambda name: BY_NAME[name].flag)
    return values


def meant_by(unknown: str) -> str:
    """What may be meant by an argument that there is not."""
    word = unknown.partition("=")[0]
    if word in ("-p", "--port", "--ports"):
        return "ports need no flag, as in mock_server.py 5001"
    flags = [option.flag for option in OPTIONS if option.flag[0] == "-"]
    return nearest(word, [*flags, "--version", "--help"])


def option_value(option: Option, given: Any, environment: Mapping[str, str]) -> Any:
    """One option's value; `given` is what the command line has, None or [] if it has nothing."""
    if given not in (None, []):
        if option.is_repeatable:
            return [option.read(text, option.flag) for text in given]
        return option.read(given, option.flag)
    text = environment.get(option.variable, "")
    if option.is_repeatable:
        parts = [part for part in text.split(os.pathsep) if part]
        return [option.read(part, option.variable) for part in parts] or list(option.default)
    if not text:
        return option.default
    return option.read(text, option.variable)


def data_directories(options: Mapping[str, Any]) -> List[str]:
    """The data directories asked for; else data/ beside the script or, for a module, right here."""
    if options["data"]:
        return list(options["data"])
    found = "data"
    if __spec__ is None:  # a script, which may be a link: its mocks are where it points to
        found = os.path.join(os.path.dirname(os.path.realpath(__file__)), "data")
    return [found] if os.path.isdir(found) else []


def none_in(directory: str) -> str:
    """That a data directory has no mocks, and which was meant if it is their own."""
    told = f"no mocks in {os.path.join(directory, 'mocks')}/, as *.json files"
    above, name = os.path.split(os.path.normpath(directory))
    if name == "mocks":
        told += f"; did you mean --data {above or '.'}?"
    return told


def check_mocks(directories: Sequence[str]) -> int:
    """Print what is wrong with the mocks, or what may be; the exit status."""
    mocks = Mocks(directories)
    problems = mocks.files.load()
    if problems:
        complain("\n".join(problems))
        return 2
    doubtful = doubts_about(mocks.from_files)
    counts = list(zip(directories, mocks.files.counts))
    if not directories:
        doubtful.append("there is no data directory; name one with --data")
    for directory, count in counts:
        if not count:
            doubtful.append(none_in(directory))
    lines = []
    if len(counts) > 1:
        lines = [f"{directory}: {number_of_mocks(count)}" for directory, count in counts]
    verdict = "nothing wrong"
    if doubtful:
        verdict = f"{len(doubtful)} doubtful"
    summary = f"{number_of_mocks(len(mocks.from_files))}, {verdict}"
    complain("\n".join([*doubtful, *lines, summary]))
    return 0


def number_of_mocks(count: int) -> str:
    """A number of mocks in words."""
    return "1 mock" if count == 1 else f"{count} mocks"


def serve(options: Mapping[str, Any]) -> List[MockServer]:
    """The servers that the options ask for, one a port, already listening."""
    values = {name: options[name] for name in field_names(Settings)}
    core = Core(Settings(**{**values, "data": data_directories(options)}))
    servers: List[MockServer] = []
    for port in options["port"]:
        try:
            servers.append(MockServer(port, host=core.settings.host, core=core))
        except OSError as error:
            raise OSError(error.strerror) from None  # without its number
    return servers


def announce(lines: Sequence[str]) -> None:
    """Print lines, whether or not somebody reads them."""
    try:
        for line in lines:
            print(line, flush=True)
    except OSError:
        pass  # standard output is a pipe whose other end is closed


def run(options: Mapping[str, Any], notes: Sequence[str]) -> int:
    """Serve until a signal, or the end of standard input if that is asked for; `notes` are for the
    log."""
    raise_descriptor_limit()
    servers = serve(options)
    core = servers[0].core

    def stop(*signal_and_frame: Any) -> None:
        """Close all servers at the same time: one after the other would add up their grace."""
        for server in servers:
            core.loop.call(server.begin_to_close, GRACE_SECONDS)
        if signal_and_frame:
            WATCHDOG.interrupt()

    WATCHDOG.watch(core.loop.call, core.log.say)
    # A signal that comes just before the loop waits is a byte that it finds there.
    signal.set_wakeup_fd(core.loop.bell.writer.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    for server in servers:
        core.loop.call(server.listener.open)
    lines = [f"listening on {server.url}" for server in servers]
    # In a thread: a pipe that is full, and that nobody reads, must not keep it from serving.
    try:
        threading.Thread(target=announce, args=(lines,), daemon=True).start()
    except RuntimeError:  # there are as many threads as there may be
        announce(lines)
    sys.setswitchinterval(0.001)  # what takes long, in its own thread, lets the loop be on time
    gc.freeze()  # what is there now stays; looking through it again and again takes milliseconds
    core.loop.at(time.monotonic() + SETTLED_SECONDS, give_back_memory)
    warn(core, notes)
    if options["exit_on_stdin_close"]:
        threading.Thread(target=wait_for_end, args=(stop,), daemon=True).start()
    try:
        core.run()
    finally:
        WATCHDOG.unwatch()
    return 0


def raise_descriptor_limit() -> None:
    """Take as many descriptors as may be had: each connection needs one, and 1,024 is the usual
    limit."""
    try:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_DESCRIPTORS
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ImportError, OSError, ValueError):
        pass  # Windows, or a system that says no


def warn(core: Core, notes: Sequence[str]) -> None:
    """Say in the log what may not be meant; the notes about the environment without a log, too, for
    it may be one of them that has switched it off."""
    for note in notes:
        if core.log.mode == "off":
            complain(note)
        else:
            core.log.say(note)
    host = core.settings.host
    if host not in ("127.0.0.1", "::1", "localhost"):
        core.log.say(f"{host} may be reached from other machines")
    if not core.mocks.from_files and core.settings.fallback == "error":
        core.log.say("no mocks: put them in mocks/ of a --data directory, or try --fallback echo")


def wait_for_end(stop: Callable[[], None]) -> None:
    """Read standard input until it closes, then say stop."""
    while not has_ended(0):
        pass
    stop()


def has_ended(number: int) -> bool:
    """Whether a descriptor has nothing more to read; what it has is read, or waited for."""
    try:
        return not os.read(number, 65536)
    except BlockingIOError:  # whoever started the server has made it not block
        select.select([number], [], [])
        return False
    except OSError:
        return True  # it was closed from the start


def open_standard_streams() -> None:
    """Open what whoever started the server has closed, before a socket gets its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def complain(message: str) -> None:
    """A line on standard error, if there is one."""
    if sys.stderr:
        print(message, file=sys.stderr)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command line.  The exit status is 0, 1 where the system says no, or 2 for usage and for
    mocks that can't be used."""
    try:
        options = parse_arguments(sys.argv[1:] if arguments is None else arguments, os.environ)
        notes = passed_over(os.environ)
        if not options["check"] and not options["schema"]:
            return run(options, notes)
        for note in notes:
            complain(note)
        if options["schema"]:
            announce([indented(mock_schema())])
            return 0
        return check_mocks(data_directories(options))
    except BadMock as error:
        complain(f"mock_server.py: invalid mocks:\n{error}")
        return 2
    except BadOption as error:
        complain(f"mock_server.py: {error}")
        return 2
    except OSError as error:
        complain(f"mock_server.py: {error}")
        return 1


# === __main__ ================================================================
# What `python3 mock_server.py` and `python3 -m mock_server` start.


def run_program() -> None:
    """Run the command line, and leave with its status."""
    open_standard_streams()
    status = main()
    if status and sys.stderr:
        sys.stderr.flush()
    os._exit(status)  # threads may still be in a write that no client takes; nothing waits for them


def run_script() -> None:
    """Run the command line once the script has ended, as far as Python can tell.

    Until then Python keeps the syntax tree that it compiled the script from, 20 MiB of this one.
    What it calls after that, on an error that ends the script, may run for as long as it likes."""
    sys.excepthook = lambda *_: run_program()
    raise RuntimeError("the script is loaded")


if __name__ == "__main__":
    if sys._getframe().f_back:  # a module, or under a debugger
        run_program()
    run_script()
