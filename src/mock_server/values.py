"""The values that the layers hand to each other: frozen records.  Touch nothing."""

from __future__ import annotations

import hashlib
from typing import Any, Callable, Iterable, List, Mapping, Optional, Tuple, Type, Union

from .deliveries import Delivery
from .errors import MISSING
from .forms import Fields, form_of
from .histories import history_of
from .ids import ALNUM, HEX, token
from .issuing import Issuer
from .jsons import compact, parse_request, sorted_compact, utf8
from .limits import RETRY_SECONDS, Headers, Json
from .marks import Frame
from .records import found_once, record
from .violations import Violations

# --- what is asked ---


@record
class AsSent:
    """What of a request is signed, as it was sent: target, lines of the head, and the body in its
    content codings."""

    target: str = "/"
    lines: bytes = b""
    body: bytes = b""


NONE_SENT = AsSent()


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
    raw: Optional[AsSent] = None  # where a signature may be checked, and until it is

    @found_once
    def form(self) -> Optional[Fields]:
        """The fields of a multipart body; None for any other."""
        return form_of(self.headers.get("content-type", ""), self.body)

    @found_once
    def json(self) -> Json:
        """The body as JSON.  ValueError says why it is none."""
        return parse_request(self.body)

    def with_headers(self, headers: Mapping[str, str]) -> Request:
        """The same request with other headers; in half the time of `replace`."""
        where = self.port, self.session, self.peer, self.is_tls
        return Request(self.method, self.path, self.query, headers, self.body, *where, self.raw)


@record
class Turn:
    """One message of a conversation: `role` is system, user, assistant or tool."""

    role: str
    text: str
    call_id: Optional[str] = None  # of the call that a tool's result answers


CONVERSING = frozenset(("generate", "count_tokens"))  # operations whose requests have messages
ISSUING = frozenset(("token", "metadata"))  # operations that give out credentials
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
    inputs: Tuple[str, ...] = ()  # what is embedded, completed, moderated or ranked, one by one
    schema: Json = None  # JSON schema that the answer's text is to fit
    choices: int = 1
    prompt: str = ""  # all text of the conversation
    tool_call_id: Optional[str] = None  # of the call that `tool_result` answers
    blank: Tuple[str, ...] = ()  # those of user and system that are there and have no text
    params: Mapping[str, str] = {}  # what the route names
    body: Json = MISSING
    dialect: str = ""  # of OpenAI's format; empty where it is another
    violations: Violations = ()  # what it breaks of its provider's rules
    issuer: Optional[Issuer] = None  # of tokens, where it asks for one

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
    def valid(self) -> bool:
        """Whether it could be read, and breaks no rule for which its provider refuses."""
        return self.was_read and not any(one.counts for one in self.violations)

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
    def history(self) -> Optional[str]:
        """16 hex digits of what was said before the last user message; None where nothing was, or
        nobody speaks."""
        if self.operation not in CONVERSING:
            return None
        return history_of(self.body)

    @found_once
    def second(self) -> int:
        """A Unix second between October 2025 and October 2026, derived from the request."""
        return 1_760_000_000 + int(self.digest[:8], 16) % 31_536_000

    @found_once
    def pads(self) -> str:
        """1,024 letters and digits to pad events with."""
        return self.token("pads", 1024)

    @found_once
    def shared(self) -> str:
        """16 hex digits that ids of one answer may share."""
        return self.token("response", 16, HEX)

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
class Scores:
    """How relevant each document is, in their order; those that have no score here have 0."""

    scores: Tuple[float, ...]


@record
class Structure:
    """Text that is a JSON value, in a mock; a reply holds it as Text."""

    value: Json


Part = Union[Text, Reasoning, Refusal, ToolCall, Block, Embedding, Scores, Structure]


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
    told: Violations = ()  # what is wrong, one by one, where an error is a list


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
class HttpResponse:
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
