"""What must not reach the disk: the client's own credentials, and what looks like one.  Pure."""

from __future__ import annotations

import re
from typing import Iterable, List, Sequence, Tuple

from ..keys import SCRUBBED, without_keys
from ..limits import Headers, Json
from ..secrets import SCHEMES, SECRET
from ..values import Request

# What clients read of an answer's head, beside its type.
KEPT_HEADER = re.compile(
    r"(?i)retry-after(?:-ms)?|(?:x|anthropic)-ratelimit-.*|openai-(?:version|processing-ms)"
)


def own_secrets(request: Request) -> Tuple[str, ...]:
    """The credentials that a request brings, longest first."""
    found: List[str] = []
    for name, value in (*request.headers.items(), *request.query.items()):
        if not SECRET.fullmatch(name):
            continue
        scheme, space, rest = value.partition(" ")
        if space and scheme.lower() in SCHEMES:
            value = rest
        found.append(value.strip())
    return tuple(sorted(filter(None, found), key=len, reverse=True))


def kept_headers(headers: Headers) -> Headers:
    """The headers of an answer that are kept for the client of a replay, but for its type."""
    return tuple(header for header in headers if KEPT_HEADER.fullmatch(header[0]))


class Scrubber:
    """Takes out what must not be kept; `own` are the credentials of the request, which go wherever
    they are repeated."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        self.own = tuple(own)

    def text(self, text: str) -> str:
        """A text without keys; once more it stays as it is."""
        for secret in self.own:
            text = text.replace(secret, SCRUBBED)
        return without_keys(text)

    def value(self, value: Json) -> Json:
        """A JSON value, the texts in it without keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            return {self.text(name): self.value(one) for name, one in value.items()}
        return value

    def body(self, data: bytes, content_type: str) -> bytes:
        """A whole body of a media type, its exact bytes but for what is scrubbed."""
        try:
            return self.text(data.decode()).encode()
        except UnicodeDecodeError:
            return data

    def frames(self, frames: Sequence[bytes], kind: str) -> Tuple[bytes, ...]:
        """The events of a stream in the framing of this title, each scrubbed; a key may be cut
        over several of them."""
        return tuple(self.body(frame, "") for frame in frames)

    def matcher(self, text: str) -> Json:
        """A text matcher for a text: itself or, where keys are scrubbed in it, an object that holds
        for whatever stands in their places."""
        return self.text(text)
