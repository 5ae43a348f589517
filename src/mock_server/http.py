"""HTTP: heads, bodies and codings from bytes, heads to bytes.  May touch zlib; knows no provider, no socket and no clock."""

from __future__ import annotations

import binascii
import functools
import itertools
import re
import zlib
from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple, Union

from .errors import Refused, http_phrase, shown
from .limits import CONTROL_PREFIX, HEAD_LIMIT, LINE_LIMIT, Headers
from .secrets import masked

FRAMING_HEADERS = ("content-length", "transfer-encoding", "connection")


SESSION_RULE = "expected a name of up to 100 printable characters, and not *"


def good_session(name: str) -> bool:
    """Whether a session may be called so; the empty name is none."""
    return name != "*" and len(name) <= 100 and name.isprintable()


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def unquote(text: str) -> str:
    """A path segment or query value with its percent-encoding undone."""
    if "%" not in text:
        return text
    data = re.sub(
        rb"%([0-9A-Fa-f]{2})", lambda match: binascii.unhexlify(match.group(1)), text.encode()
    )
    return data.decode("utf-8", "replace")


ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


def parse_target(target: str) -> Tuple[str, Dict[str, str]]:
    """The path, undecoded with doubled slashes folded, and the decoded query; of several values of one name the last."""
    absolute = ABSOLUTE.match(target)
    if absolute:
        target = target[absolute.end() :]
        target = target if target.startswith("/") else "/" + target
    path, _, query = target.partition("#")[0].partition("?")
    pairs = (pair.partition("=") for pair in query.split("&") if pair) if query else ()
    return re.sub("/{2,}", "/", path), {
        unquote(name.replace("+", " ")): unquote(value.replace("+", " "))
        for name, _, value in pairs
    }


TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"


REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")


FIELDS = re.compile(rb"(?:" + TOKEN + rb":[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*")


FIELD = re.compile(TOKEN + rb":[^\x00-\x08\x0a-\x1f\x7f]*")


BARE_LF = re.compile(rb"(?<!\r)\n")


CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")


HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


NO_BODY = (204, 304)


SESSION_PREFIX = re.compile(r"/(?:@|%40)([^/]+)(/.*)?$")


@dataclass(frozen=True)
class Head:
    """A request's head: `minor` is the 1 of HTTP/1.1; headers by lower-case name; `repeated` are the names
    of headers that came more than once."""

    method: str
    target: str
    minor: int
    headers: Mapping[str, str]
    repeated: FrozenSet[str] = frozenset()

    def tokens(self, name: str) -> List[str]:
        """A header as a list of lower-case tokens."""
        if name not in self.headers:
            return []
        return [
            item.strip(" \t").lower() for item in self.headers[name].split(",") if item.strip(" \t")
        ]

    @functools.cached_property
    def keeps_alive(self) -> bool:
        """Whether the client wants the connection kept."""
        return (
            "close" not in self.tokens("connection")
            if self.minor
            else "keep-alive" in self.tokens("connection")
        )

    @functools.cached_property
    def where(self) -> Tuple[str, Dict[str, str]]:
        """The path as sent, without the prefix of a session, and the decoded query."""
        path, query = parse_target(self.target)
        found = SESSION_PREFIX.match(path)
        return ((found.group(2) or "/") if found else path), query

    @functools.cached_property
    def session(self) -> str:
        """The session: of the prefix /@NAME, else of the header X-Mock-Session.  Refused for a name that is none."""
        found = SESSION_PREFIX.match(parse_target(self.target)[0])
        name = (
            self.headers.get("x-mock-session", "")
            .strip()
            .encode("latin-1")
            .decode("utf-8", "replace")
        )
        name = unquote(found.group(1)) if found else name
        if not good_session(name):
            raise Refused(400, f"the session is {shown(name)}, {SESSION_RULE}", code="bad_session")
        return name

    @functools.cached_property
    def kept(self) -> Dict[str, Dict[str, str]]:
        """Query and headers as they may be kept, without credentials."""
        return {
            "query": {name: masked(name, value) for name, value in self.where[1].items()},
            "headers": {name: masked(name, value) for name, value in self.headers.items()},
        }

    @functools.cached_property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return 2 * len(self.target) + 2 * sum(
            len(name) + len(value) for name, value in self.headers.items()
        )


def malformed(message: str, status: int = 400, headers: Headers = ()) -> Refused:
    """A refusal after which nothing on the connection can be trusted."""
    return Refused(status, message, code="malformed_request", headers=headers, close=True)


def check_partial(data: bytes, since: int = 0) -> None:
    """Refuse the beginning of a head that can't become a good one: too long, TLS, or a bare line feed after `since`."""
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
    """A head, from the request line to the empty line that ends it.  Refused says what is malformed."""
    return known_head(data) if len(data) <= 2048 else new_head(data)


def new_head(data: bytes) -> Head:
    """A head, parsed."""
    line, _, rest = data.partition(b"\r\n")
    check_partial(data)
    match = REQUEST_LINE.fullmatch(line)
    if not match:
        begun = line.partition(b"?")[0].decode("latin-1")  # without the query, which may hold a key
        raise malformed(f"malformed request line {shown(begun)}; expected METHOD /path HTTP/1.1")
    method, target = match.group(1).decode(), match.group(2).decode()
    if match.group(3) != b"1":
        raise malformed(
            f"HTTP/{match.group(3).decode()}.{match.group(4).decode()} is not spoken here; use HTTP/1.1",
            505,
        )
    fields = rest[:-2]
    if not FIELDS.fullmatch(fields):
        raise malformed(bad_field(fields))
    headers: Dict[str, str] = {}
    repeated: Set[str] = set()
    for field_line in fields.decode("latin-1").split("\r\n")[:-1]:
        name, _, value = field_line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if name in headers:
            repeated.add(name)
            value = headers[name] + ("; " if name == "cookie" else ", ") + value
        headers[name] = value
    head = Head(method, target, min(1, int(match.group(4))), headers, frozenset(repeated))
    check_head(head)
    return head


known_head = functools.lru_cache(maxsize=512)(
    new_head
)  # a client sends the same head over and over


def path_of(data: bytes) -> str:
    """The path that the beginning of a malformed request seems to be for, to answer in its provider's shape."""
    match = re.match(TOKEN + rb" (/[\x21-\x7e]*)", data[:1024])
    return parse_target(match.group(1).decode())[0] if match else "/"


def bad_field(fields: bytes) -> str:
    """What is wrong with the first malformed header line."""
    line = next(line for line in fields.split(b"\r\n") if not FIELD.fullmatch(line))
    if line[:1] in b" \t":
        return (
            "a header line continues the one before it, which HTTP/1.1 forbids; send it as one line"
        )
    name, colon, value = line.partition(b":")
    if not colon:
        return "a header line has no colon"
    text = shown(name.decode("latin-1"), room=60)  # without the value, which may be a credential
    if name != name.rstrip(b" \t"):
        return f"header {text} has a space before its colon"
    if re.fullmatch(TOKEN, name):
        return f"header {text} holds a control character"
    return f"header {text} has a malformed name"


def check_head(head: Head) -> None:
    """Refuse what makes it doubtful whom a request is for or where it ends."""
    if head.minor and "host" not in head.headers:
        raise malformed("the Host header is missing")
    if "host" in head.repeated or not HOST.fullmatch(head.headers.get("host", "")):
        raise malformed(f"the Host header is malformed: {shown(head.headers.get('host'))}")
    if not (
        head.target.startswith("/")
        or ABSOLUTE.match(head.target)
        or head.target == "*"
        or head.method == "CONNECT"
    ):
        raise malformed(
            f"malformed request target {shown(head.target.partition('?')[0])}; it begins with /"
        )
    if head.method not in METHODS:
        raise malformed(
            f"method {shown(head.method)} is not implemented; known: {', '.join(METHODS)}", 501
        )
    length = head.headers.get("content-length")
    if length is not None and not re.fullmatch("[0-9]+", length):
        raise malformed(f"Content-Length is {shown(length)}, expected one number of bytes")
    if "content-length" in head.repeated:
        raise malformed("Content-Length is there twice")
    if "transfer-encoding" in head.headers:
        check_transfer(head)


def check_transfer(head: Head) -> None:
    """Refuse any transfer coding but one `chunked`."""
    if "content-length" in head.headers:
        raise malformed(
            "Content-Length and Transfer-Encoding contradict each other; send one of them"
        )
    if not head.minor:
        raise malformed("Transfer-Encoding does not exist in HTTP/1.0")
    codings = head.tokens("transfer-encoding")
    if head.headers["transfer-encoding"].lower() != "chunked":
        known = codings.count("chunked") == 1 and codings[-1] == "chunked"
        raise malformed(
            f"Transfer-Encoding is {shown(head.headers['transfer-encoding'])}; only chunked is implemented",
            501 if (known and len(codings) > 1) or "chunked" not in codings else 400,
        )


class SizedBody:
    """A body of `length` bytes, fed in any pieces; `rest` is what follows it."""

    def __init__(self, length: int) -> None:
        self.length, self.pieces, self.rest = length, bytearray(), b""

    def feed(self, data: bytes) -> bool:
        """Take more bytes; whether the body is complete."""
        need = self.length - len(self.pieces)
        self.pieces += data[:need]
        self.rest = data[need:]
        return len(self.pieces) == self.length


class ChunkedBody:
    """A chunked body, fed in any pieces: sizes, extensions and trailers are read and dropped."""

    def __init__(self, limit: int) -> None:
        self.limit, self.pieces, self.rest = limit, bytearray(), b""
        self.at = self.need = self.trailers = (
            0  # what of `rest` is read; bytes left of a chunk; bytes of trailers
        )
        self.state = self.size

    def feed(self, data: bytes) -> bool:
        """Take more bytes; whether the body is complete.  Refused if it is malformed or too long."""
        self.rest, self.at = self.rest[self.at :] + data, 0
        while self.state != self.done and self.state():
            pass
        if self.state == self.done:
            self.rest, self.at = self.rest[self.at :], 0
        return self.state == self.done

    def line(self) -> Optional[bytes]:
        """The next line, if it is complete."""
        end = self.rest.find(b"\n", self.at, self.at + 4098)
        if end < 0:
            if len(self.rest) - self.at > 4096:
                raise malformed("a chunk's head or a trailer is longer than 4096 bytes")
            return None
        line, self.at = self.rest[self.at : end + 1], end + 1
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
            raise malformed(
                f"malformed chunk size {shown(line.decode('latin-1'), room=40)}; expected hexadecimal digits"
            )
        self.need = int(match.group(1), 16)
        if len(self.pieces) + self.need > self.limit:
            raise too_large(self.limit)
        self.state = self.data if self.need else self.trailer
        return True

    def data(self) -> bool:
        """Read a chunk and the line end behind it; whether there may be more to read."""
        taken = self.rest[self.at : self.at + self.need]
        self.pieces += taken
        self.at += len(taken)
        self.need -= len(taken)
        if self.need or len(self.rest) < self.at + 2:
            return False
        if self.rest[self.at : self.at + 2] != b"\r\n":
            raise malformed("a chunk is longer than its size says")
        self.at, self.state = self.at + 2, self.size
        return True

    def trailer(self) -> bool:
        """Read a trailer or the empty line after the last; whether there may be more to read."""
        line = self.line()
        if line is None:
            return False
        self.trailers += len(line)
        if line and (not FIELD.fullmatch(line) or self.trailers > HEAD_LIMIT):
            raise malformed("malformed trailer after the chunked body")
        self.state = self.trailer if line else self.done
        return bool(line)

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
    """What reads the request's body; None if it has none.  Refused if it is too large or of unknown length."""
    if "transfer-encoding" in head.headers:
        return ChunkedBody(limit)
    length = head.headers.get("content-length")
    if length is None:
        if head.where[0].startswith(CONTROL_PREFIX):
            return None  # curl -X POST without -d: RFC 9112 (6.3) has no body there, and here none is needed
        if head.method in ("POST", "PUT", "PATCH"):
            raise Refused(
                411,
                f"a {head.method} needs Content-Length or Transfer-Encoding: chunked",
                code="length_required",
                close=True,
            )
        return None
    if len(length) > 18 or int(length) > limit:
        raise too_large(limit)
    return SizedBody(int(length)) if int(length) else None


def decoded(body: bytes, codings: Sequence[str], limit: int) -> bytes:
    """A body with its content codings undone, the last one first.  Refused if one is unknown, or the data is not it."""
    for coding in reversed(codings):
        if coding in ("gzip", "x-gzip"):
            body = inflated(body, 31, coding, limit)
        elif coding == "deflate":
            # RFC 9110 means zlib, but some clients send bare deflate data.
            zlib_header = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
            body = inflated(body, 15 if zlib_header else -15, coding, limit)
        elif coding != "identity":
            raise Refused(
                415,
                f"Content-Encoding {shown(coding)} is not known; known: gzip, deflate",
                code="unsupported_encoding",
                headers=(("Accept-Encoding", "gzip, deflate"),),
            )
    return body


def inflated(data: bytes, bits: int, coding: str, limit: int) -> bytes:
    """Decompressed data, of several gzip members too; never more than `limit` bytes."""
    found = bytearray()
    for member in itertools.count(1):
        if member > 100:
            raise Refused(
                400, f"the body has more than 100 {coding} members", code="invalid_encoding"
            )
        unpacker = zlib.decompressobj(bits)
        try:
            found += unpacker.decompress(data, limit + 1 - len(found))
        except zlib.error as error:
            raise Refused(
                400, f"the body is not {coding}: {error}", code="invalid_encoding"
            ) from None
        if len(found) > limit:
            raise Refused(
                413,
                f"the body is larger than {limit} bytes once decompressed (--max-body)",
                code="body_too_large",
            )
        if not unpacker.eof:
            raise Refused(400, f"the body's {coding} data ends too early", code="invalid_encoding")
        data = unpacker.unused_data
        if not data:
            break
        if bits != 31:
            raise Refused(400, f"bytes follow the body's {coding} data", code="invalid_encoding")
    return bytes(found)


def qualities(accept: str) -> Dict[str, float]:
    """The codings of an Accept-Encoding header with their weights; malformed ones are passed over."""
    found = {}
    for item in accept.lower().split(","):
        match = re.fullmatch(
            r"\s*([^\s;]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?", item
        )
        if match:
            found["gzip" if match.group(1) == "x-gzip" else match.group(1)] = float(
                match.group(2) or 1
            )
    return found


@functools.lru_cache(maxsize=256)
def negotiated(accept: Optional[str]) -> Optional[str]:
    """`gzip` or `identity`, whichever the client prefers (RFC 9110, 12.5.3); None if it takes neither."""
    if accept is None:
        return "identity"
    weights = qualities(accept)
    gzip = weights.get("gzip", weights.get("*", 0.0))
    identity = weights.get("identity", weights.get("*", None if gzip else 1.0))
    if gzip and (identity is None or gzip >= identity):
        return "gzip"
    return "identity" if identity or (identity is None and not gzip) else None


@functools.lru_cache(maxsize=1024)
def head_bytes(status: int, headers: Headers) -> bytes:
    """Status line and headers, without the empty line."""
    lines = [f"HTTP/1.1 {status} {http_phrase(status)}"] + [
        f"{name}: {value}" for name, value in headers
    ]
    return ("\r\n".join(lines) + "\r\n").encode("latin-1", "replace")
