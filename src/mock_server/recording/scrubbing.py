"""What must not reach the disk: the client's own credentials, and what looks like one.  Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Iterable, Iterator, List, Sequence, Tuple
from urllib.parse import parse_qsl, quote, quote_plus

from ..key_lines import is_secret_parameter
from ..key_places import (
    ALPHANUMERIC,
    Span,
    is_secret_member,
    names_credential,
    names_identity,
    names_request,
)
from ..keys import SCRUBBED, all_spans, may_hold_keys, replaced, signs_in
from ..limits import Headers, Json
from ..secrets import SCHEMES, SECRET
from ..values import Request
from .shapes import Shapes
from .sheets import LEAST_KEY, SHEETS, Sheet, json_sheet, scrubbed_sheets

# --- heads ---

# What clients read of an answer's head, beside its type: when to ask again, what is left, how long
# it took, which version it is, and AWS's and Azure's kinds of errors.
KEPT_HEADER = re.compile(
    r"(?i)retry-after(?:-ms)?|x-should-retry|x-ms-retry-after-ms|(?:[a-z]+-)*rate-?limit.*"
    r"|x-ms-error-code|x-amzn-errortype|x-amzn-bedrock-(?:[a-z]+-)*(?:count|latency)"
    r"|(?:openai|anthropic|api|x-api|x-ms)-version|api-supported-versions|openai-model"
    r"|(?:[a-z]+-)*(?:processing-ms|compute-time|inference-time|service-time|latency)"
    r"|server-timing|x-compute-characters|x-total-tokens|num_(?:chars|tokens)"
    r"|x-(?:trial-)?endpoint-(?:[a-z]+-)*call-(?:limit|remaining)"
)


def kept_headers(headers: Headers) -> Headers:
    """The headers of an answer that are kept for the client of a replay, but for its type."""
    return tuple(header for header in headers if KEPT_HEADER.fullmatch(header[0]))


# --- a client's own credentials ---

# Google's and Azure's ids of a request that a client makes up itself, and whose it is.
OWNER_HEADER = re.compile(
    r"(?!x-mock-|x-stainless-)(?:.*-)?(?:organi[sz]ation|org|project|workspace|account|tenant"
    r"|subscription|session|csrf|xsrf|hmac|principal|client(?=-?id))(?:-?id)?"
)
SIGNED_PART = re.compile(r"(?:Credential|Signature)=([^,\s]+)")
QUOTED_PART = re.compile(r"(?:username|response|nonce|cnonce|opaque)=\"([^\"]+)\"")
PROJECT_IN_PATH = re.compile(r"projects/[^/]+")


def own_secrets(request: Request) -> Tuple[str, ...]:
    """The credentials that a request brings, and whose they are, longest first."""
    found: List[str] = []
    for name, value in request.headers.items():
        if SECRET.fullmatch(name):
            found += secrets_of_header(name, value)
        elif OWNER_HEADER.fullmatch(name) or names_identity(name) or names_request(name):
            found.append(value.strip())
    for name, value in request.query.items():
        if is_secret_parameter(name):
            found += [
                value,
                value.partition("/")[0],
            ]  # of X-Amz-Credential the key before its scope
    found += PROJECT_IN_PATH.findall(request.path)
    found += sent_secrets(request)
    return tuple(sorted(set(filter(None, found)), key=lambda one: (-len(one), one)))


def secrets_of_header(name: str, value: str) -> List[str]:
    """The credentials in a header that is called as one."""
    if name not in ("cookie", "cookie2"):
        return header_secrets(value)
    pieces = value.split(";")
    found = [piece.rpartition("=")[2].strip(' "') for piece in pieces]
    return found + [piece.partition("=")[2].strip(' "') for piece in pieces]


def header_secrets(value: str) -> List[str]:
    """The credentials in the value of a header."""
    scheme, space, rest = value.strip().partition(" ")
    scheme = scheme.lower()
    if not space or scheme not in SCHEMES:
        return [value.strip()]
    rest = rest.strip()
    if scheme == "aws4-hmac-sha256":
        parts = SIGNED_PART.findall(rest)
        return [*parts, *(part.partition("/")[0] for part in parts)]
    if scheme == "digest":
        return QUOTED_PART.findall(rest)
    if scheme != "basic":
        return [rest]
    try:
        pair = base64.b64decode(rest + "=" * (-len(rest) % 4)).decode()
    except (binascii.Error, ValueError):
        return [rest]
    user, _, password = pair.partition(":")
    return [rest, pair, user, password]


def sent_secrets(request: Request) -> Iterator[str]:
    """The credentials in the body of a request, as of a server of tools that is to be called."""
    if request.form is not None:
        yield from members_called_so(request.form, "")
        return
    if "urlencoded" in request.headers.get("content-type", ""):
        pairs = parse_qsl(request.body.decode("latin-1"))
        yield from (value for name, value in pairs if names_credential(name))
        return
    try:
        yield from members_called_so(request.json, "")
    except (ValueError, RecursionError):
        return


def members_called_so(value: Any, name: str) -> Iterator[str]:
    """The texts in a JSON value whose members' names say that they are credentials."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from members_called_so(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from members_called_so(inner, name)
    elif isinstance(value, str) and name and names_credential(name):
        yield from header_secrets(value)


LONG_SECRET = 12  # characters; a shorter one goes where it is a word of its own
PLAIN_WORD = re.compile(r"[a-z]{1,15}|[A-Z]{1,15}|[A-Z][a-z]{1,14}|[0-9]{1,7}")


def is_telling(secret: str) -> bool:
    """Whether a credential can be taken out of a text without destroying it: not `any`, `test`,
    `ollama`, nor a number."""
    return len(secret) >= LEAST_KEY and not PLAIN_WORD.fullmatch(secret)


def written_forms(secret: str) -> Iterator[str]:
    """How a credential may be written."""
    yield secret
    yield quote(secret, safe="", errors="replace")
    yield quote(secret, errors="replace")
    yield quote_plus(secret, errors="replace")
    for is_ascii in (True, False):
        written = json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
        yield written
        yield written.replace("/", "\\/")


# --- scrubbing ---

MOST_SIGNS = 500_000  # of keys in one exchange: to look at so many takes seconds


class TooManySigns(Exception):
    """There is more in an exchange that may be a key than is looked at."""

    def __str__(self) -> str:
        return f"more than {MOST_SIGNS} places in it may be keys"


TEXT_TYPE = re.compile(r"text/|.*(?:json|xml|javascript|event-stream|urlencoded)|\Z")


class Scrubber:
    """Takes out what must not be kept; `own` are the credentials of the request, which go wherever
    they are repeated."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        self.own = tuple(own)
        forms = {form for one in self.own if is_telling(one) for form in written_forms(one)}
        self.forms = sorted(forms, key=lambda form: (-len(form), form))
        self.signs = 0  # that were looked at

    def spans(self, text: str) -> List[Span]:
        """What must go of a text, in order; TooManySigns if there was too much to look at."""
        known = self.own_spans(text)
        if not known and not may_hold_keys(text):
            return []
        self.signs += signs_in(text)
        if self.signs > MOST_SIGNS:
            raise TooManySigns
        return all_spans(text, known)

    def own_spans(self, text: str) -> List[Span]:
        """Where a text repeats one of the credentials of the request, in no order."""
        return [span for form in self.forms if form in text for span in found_places(text, form)]

    def text(self, text: str) -> str:
        """A text without keys; once more it stays as it is."""
        return replaced(text, self.spans(text))

    def value(self, value: Json, name: str = "") -> Json:
        """A JSON value, the texts in it without keys."""
        if isinstance(value, str):
            if value and name and is_secret_member(name, value):
                return SCRUBBED
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one, name) for one in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(one, key) for key, one in value.items()}
        return value

    def body(self, data: bytes, content_type: str) -> bytes:
        """A whole body of a media type, its exact bytes but for what is scrubbed."""
        try:
            data.decode()
        except UnicodeDecodeError:
            if not TEXT_TYPE.match(content_type.lower()) or not content_type:
                return self.binary(data)
        if content_type.lower().startswith(("image/", "audio/", "video/")):
            return self.binary(data)
        return self.sheets([json_sheet(data, self.shapes())], [data])[0]

    def binary(self, data: bytes) -> bytes:
        """Bytes that are no text, without the credentials themselves."""
        for form in self.forms:
            if len(form) >= LONG_SECRET:
                data = data.replace(form.encode("utf-8", "replace"), SCRUBBED.encode())
        return data

    def frames(self, frames: Sequence[bytes], kind: str) -> Tuple[bytes, ...]:
        """The events of a stream in the framing of this title, each scrubbed; a key may be cut
        over several of them."""
        read, shapes = SHEETS.get(kind, json_sheet), self.shapes()
        return tuple(self.sheets([read(frame, shapes) for frame in frames], frames))

    def shapes(self) -> Shapes:
        """What reads the texts of an answer."""
        return Shapes(lambda name: not self.spans(name))

    def sheets(self, sheets: Sequence[Sheet], before: Sequence[bytes]) -> List[bytes]:
        """Sheets as bytes, each as before where nothing in it is scrubbed."""
        found = scrubbed_sheets(sheets, self.spans)
        return [
            data if text == sheet.written else sheet.rebuilt(text)
            for sheet, text, data in zip(sheets, found, before)
        ]

    def matcher(self, text: str) -> Json:
        """A text matcher for a text: itself or, where keys are scrubbed in it, an object that holds
        for whatever stands in their places."""
        spans = self.spans(text)
        if not spans:
            return text
        return {"regex": pattern_around(text, spans)}


def found_places(text: str, form: str) -> Iterator[Span]:
    """Where a credential stands in a text; a short one as a word of its own."""
    start = text.find(form)
    while start >= 0:
        end = start + len(form)
        flanks = text[max(0, start - 1) : start] + text[end : end + 1]
        if len(form) >= LONG_SECRET or not ALPHANUMERIC & set(flanks):
            yield start, end
        start = text.find(form, end)


# --- matching what was scrubbed ---

SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")  # what a regular expression does not mean literally
LONGEST_LITERAL = 4000  # characters; of more the middle may be any of as many
SHOWN_LITERAL = 1000  # characters at both ends of such a one


def pattern_around(text: str, spans: Sequence[Span]) -> str:
    """A regular expression for a text, whatever stands in these places: it takes linear time."""
    pieces, at = [r"\A"], 0
    for start, end in spans:
        pieces += [literal(text[at:start]), gap_pattern(text[start:end], text[end : end + 1])]
        at = end
    return "".join([*pieces, literal(text[at:]), r"\Z"])


def escaped_text(text: str) -> str:
    """A regular expression for a text, and no more escaped in it than must be."""
    return SPECIAL.sub(r"\\\g<0>", text)


def literal(text: str) -> str:
    """A regular expression for a text; of a very long one only its ends are compared."""
    if len(text) <= LONGEST_LITERAL:
        return escaped_text(text)
    between = len(text) - 2 * SHOWN_LITERAL
    return f"{literal(text[:SHOWN_LITERAL])}[\\s\\S]{{{between}}}{literal(text[-SHOWN_LITERAL:])}"


def gap_pattern(secret: str, after: str) -> str:
    """A regular expression for what stood somewhere, and for what stands there now."""
    # It may not run over what follows, or there would be many ways to match a text.
    if (after and after in secret) or any(letter.isspace() for letter in secret):
        return f"(?:[\\s\\S]{{{len(secret)}}}|\\*{{3}})"
    excluded = escaped_text(after.strip()).replace("-", "\\-")
    taken = f"[^\\s{excluded}]+"
    return f"(?:{taken}|\\*{{3}})" if after == "*" else taken
