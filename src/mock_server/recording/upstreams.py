"""Upstreams: whose requests are forwarded where, and what of them is sent there.  Pure."""

from __future__ import annotations

import re
from typing import FrozenSet, Iterable, List, Optional, Set, Tuple
from urllib.parse import SplitResult, urlsplit

from ..formats.base import WireFormat
from ..formats.dialects import speaks_dialects
from ..http import ABSOLUTE, WITH_BODY, Head, masked_target
from ..key_lines import is_secret_parameter
from ..keys import SCRUBBED, without_keys
from ..limits import CONTROL_PREFIX, DIALECTS, Headers
from ..option_kinds import name_and_url
from ..records import found_once, record
from ..secrets import PARAMETER
from ..values import ISSUING, AsSent, Request

OTHER_NAME = "other"  # paths of no provider
# What only this server has: its own identities, and the picture of its own address.
ANSWERED_HERE = ISSUING | {"picture"}

# What is said of one connection and not of what goes through it (RFC 9110, 7.6.1); and Expect, for
# the body is there already.
ONE_HOP = frozenset(
    ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect")
)
UNDONE = frozenset(("gzip", "x-gzip", "deflate", "identity"))  # codings that a recording undoes
# Of an answer: what is said of it anew, and another way to the provider.
SAID_ANEW = frozenset(("content-length", "date", "alt-svc", "x-mock-request-id"))
SAID_TO_PAGES = frozenset(("access-control-allow-origin", "access-control-expose-headers"))
# The marks of servers like this one, among what is said of a connection.
MARK = re.compile(rb"mock-server-[0-9a-f]{16}")
MOST_MARKS = 100
SESSION_START = re.compile(r"/+(?:@|%40)[^/]+")
FIRST_SEGMENT = re.compile(r"/+([^/]+)(?=/)")


@record
class Upstream:
    """Where requests go: the name that `--record` has for them, and a URL without a slash at its
    end."""

    name: str
    url: str

    @found_once
    def parts(self) -> SplitResult:
        """The URL, taken apart."""
        return urlsplit(self.url)

    @property
    def is_tls(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.parts.scheme == "https"

    @property
    def host(self) -> str:
        """Its host, an address without brackets."""
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        """Its port."""
        return self.parts.port or (443 if self.is_tls else 80)

    def target(self, sent: AsSent) -> str:
        """The target of a request there: its own path, then what was sent, letter by letter, but
        for what was meant for this server alone: a session, a dialect's name."""
        absolute = ABSOLUTE.match(sent.target)
        target = sent.target[absolute.end() if absolute else 0 :].partition("#")[0]
        path, mark, query = target.partition("?")
        session = SESSION_START.match(path)
        if session:
            path = path[session.end() :]
        first = FIRST_SEGMENT.match(path)
        # What begins with /openai is Azure's, Groq's or Bedrock's own.
        if first and first.group(1) == self.name in DIALECTS and self.name != DIALECTS[0]:
            path = path[first.end() :]
        return self.parts.path + (path or "/") + mark + query

    def repeated(self, target: str) -> str:
        """What the URL's own path ends with and the rest of a target begins with, as /v1; empty if
        it is nothing."""
        own = self.parts.path
        rest = target[len(own) :]
        starts = [own[at:] for at, letter in enumerate(own) if letter == "/"]
        return next((start for start in starts if rest.startswith(start + "/")), "")

    def shown(self, target: str) -> str:
        """The URL of a target, without keys."""
        parts = self.parts
        masked = masked_target(f"{parts.scheme}://{parts.netloc}{target}")
        return without_keys(PARAMETER.sub(shown_parameter, masked))

    def is_control(self, sent: AsSent) -> bool:
        """Whether a request would be one to the control API of a server like this one: that trusts
        whoever asks from its own machine, and so does not know who asks here."""
        return Head("GET", self.target(sent), 1, {}).path.startswith(CONTROL_PREFIX)

    def request_bytes(self, method: str, sent: AsSent, mark: str = "") -> Tuple[bytes, bytes]:
        """Head and body of a request as it is sent there.  A server's `mark`, if there is one, goes
        with those of the servers before it, where nobody takes it for the client's."""
        target = self.target(sent)
        lines = [f"{method} {target} HTTP/1.1".encode("latin-1")]
        lines += sent_lines(sent, self.parts.netloc, bool(sent.body) or method in WITH_BODY)
        lines.append(b"Connection: close")
        if mark:
            marks = [*MARK.findall(sent.lines), mark.encode()]
            lines.append(b"Connection: " + b", ".join(marks[-MOST_MARKS:]))
        return b"\r\n".join([*lines, b"", b""]), sent.body


def shown_parameter(match: "re.Match[str]") -> str:
    """A parameter of a URL as it is shown, what a `code` or a `session` is aside."""
    before, name, value = match.groups()
    is_hidden = not value.startswith(SCRUBBED) and is_secret_parameter(name)
    return f"{before}{name}={SCRUBBED}" if is_hidden else match.group()


def sent_lines(sent: AsSent, host: str, has_length: bool) -> List[bytes]:
    """The lines of a request's head that are sent on: as they came, in their order."""
    pairs = [(line, *line.partition(b":")[::2]) for line in sent.lines.split(b"\r\n")[:-1]]
    dropped = dropped_names((name, value) for _, name, value in pairs)
    length = b"Content-Length: %d" % len(sent.body)
    accepted = [value for _, name, value in pairs if name.lower() == b"accept-encoding"]
    kept_codings = codings_kept(accepted)
    found: List[bytes] = []
    for line, name, _ in pairs:
        lower = name.decode("latin-1").lower()
        if lower == "host":
            found.append(name + b": " + host.encode())
        elif lower == "content-length":
            if has_length:
                found.append(name + b": %d" % len(sent.body))
            has_length = False
        elif lower == "accept-encoding":
            codings = kept_codings.pop(0)
            if codings:
                found.append(name + b": " + codings)
        elif not is_dropped(lower, dropped) and not lower.startswith("x-mock-"):
            found.append(line)
    if b"host" not in [
        line.partition(b":")[0].lower() for line in found
    ]:  # HTTP/1.0 need have none
        found.insert(0, b"Host: " + host.encode())
    if has_length:
        found.append(length)
    return found


def dropped_names(pairs: Iterable[Tuple[bytes, bytes]]) -> FrozenSet[str]:
    """The lower-case names of what is said of one connection alone."""
    found: Set[str] = set(ONE_HOP)
    for name, value in pairs:
        if name.lower() == b"connection":
            found |= {word.strip().lower() for word in value.decode("latin-1").split(",")}
    return frozenset(found)


def is_dropped(name: str, dropped: FrozenSet[str]) -> bool:
    """Whether a header, by its lower-case name, is said of one connection alone."""
    return name in dropped or name.startswith("proxy-")


def codings_kept(accepted: List[bytes]) -> List[bytes]:
    """The values of all lines of Accept-Encoding, with those codings alone that a recording can
    undo; `identity` where none is left, for else the provider might choose (RFC 9110, 12.5.3)."""
    kept = []
    for value in accepted:
        items = [item.strip(b" \t") for item in value.split(b",")]
        kept.append(b", ".join([item for item in items if coding_named(item) in UNDONE]))
    if accepted and not any(kept):
        kept[0] = b"identity"
    return kept


def coding_named(item: bytes) -> str:
    """The coding of an item of Accept-Encoding, in lower case."""
    return item.partition(b";")[0].strip(b" \t").decode("latin-1").lower()


def passed_headers(headers: Headers, request: Request) -> Headers:
    """The headers of an answer that its client gets."""
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    dropped = dropped_names(pairs) | SAID_ANEW
    if "origin" in request.headers:  # a page in a browser is told by this server
        dropped |= SAID_TO_PAGES
    return tuple(pair for pair in headers if not is_dropped(pair[0].lower(), dropped))


class Upstreams:
    """All that `--record` names."""

    def __init__(self, given: Iterable[str]) -> None:
        self.by_name = {name: Upstream(name, url) for name, url in map(name_and_url, given)}

    def told(self) -> str:
        """All of them, for people."""
        shown = [f"{one.name} from {one.shown(one.parts.path)}" for one in self.by_name.values()]
        return ", ".join(shown)

    def of(self, wire: WireFormat) -> Optional[Upstream]:
        """Where requests to an API go; None if they are answered here.  A host with OpenAI's format
        goes before OpenAI."""
        if wire.operation in ANSWERED_HERE:
            return None
        names = [wire.provider]
        if wire.provider == DIALECTS[0]:
            names.insert(0, wire.dialect)
        return next((self.by_name[name] for name in names if name in self.by_name), None)

    def hint(self, wire: WireFormat) -> str:
        """What would have a request to an API forwarded that goes nowhere."""
        told = f"--record {wire.provider}=URL would forward it"
        host = next((name for name in self.by_name if name in DIALECTS[1:]), "")
        if host and speaks_dialects(wire):
            way = f"put /{host} before the path or --dialect PORT={host} on the command line"
            told += f"; to have {host} asked, {way}"
        return told

    def of_other(self, path: str, owner: Optional[WireFormat]) -> Optional[Upstream]:
        """The same of a path that no provider has with this method; `owner` is whose it is with
        another one."""
        if not path.startswith("/"):  # OPTIONS * asks this server
            return None
        known = owner and self.of(owner)
        if known:
            return known
        if len(self.by_name) == 1:
            return next(iter(self.by_name.values()))
        return self.by_name.get(OTHER_NAME)
