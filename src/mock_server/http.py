"""HTTP heads: a request's from bytes, a response's to bytes.

Touches nothing; knows no provider, no socket and no clock.
"""

from __future__ import annotations

import binascii
import functools
import re
from typing import Dict, FrozenSet, List, Mapping, Tuple

from .errors import Refused, http_phrase, shown
from .limits import HEAD_LIMIT, LINE_LIMIT, MOST_FIELDS, Headers
from .records import found_once, record
from .secrets import masked, unkeyed
from .sizes import pairs_size, strings_size

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


FRAMING_HEADERS = ("content-length", "transfer-encoding", "connection")


NO_BODY = (204, 304)  # statuses
WITH_BODY = ("POST", "PUT", "PATCH")  # methods whose requests have one, of no bytes too


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


def masked_pair(match: "re.Match[str]") -> str:
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
