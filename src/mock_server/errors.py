"""Whose fault it is, what differed, what to do next.  Touches nothing."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Iterable, Optional, Tuple

from .limits import Headers, Json


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
    "google": "gemini",
    "claude": "anthropic",
    "aws": "bedrock",
    "images": "generations",
    "transcription": "audio",
    "guardrails": "moderate",
    "relevance_score": "scores",
    "relevance_scores": "scores",
    "results": "scores",
    "documents": "fields",
    "file": "fields",
    "voice": "fields",
    "language": "fields",
    "flagged": "refusal",
    "audio": "raw",
    "revised_prompt": "text",
    "transcript": "text",
    "markdown": "text",
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
