"""Types of what a Python program hands over: editors complete keys, type checkers find wrong ones.

A test holds them to the tables of keys.  What values may be is for the parser to say.  To type
checkers they are TypedDicts; the program, which would take 6 ms to make a dozen of those, has
what does the same: `Match(user="ping")` is a dict, and `Match.__annotations__` has its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Union

from .limits import Json
from .mocks.functions import MockRequest


class DictType:
    """A type of dicts that are told apart by nobody but type checkers."""

    def __init_subclass__(cls, total: bool = True) -> None:
        pass

    def __new__(cls, *given: Any, **members: Any) -> Any:
        """A dict; of DictType itself, a new type, by its name and its keys."""
        if cls is not DictType:
            return dict(*given, **members)
        name, keys = given
        return type(name, (DictType,), {"__annotations__": keys, "__module__": __name__})


if TYPE_CHECKING:
    from typing import TypedDict
else:
    TypedDict = DictType

# `not` is a word of Python's, and `$schema` no name.
TextMatch = TypedDict(
    "TextMatch",
    {"contains": str, "regex": str, "glob": str, "not": "Union[str, TextMatch]"},
    total=False,
)

TextOrMatch = Union[str, TextMatch]


class Match(TypedDict, total=False):
    """Which requests are meant: a mock's `match`, and that of `wait_for`."""

    provider: Union[str, List[str]]
    dialect: Union[str, List[str]]
    operation: Union[str, List[str]]
    api: Union[str, List[str]]
    model: TextOrMatch
    stream: bool
    user: Optional[TextOrMatch]
    system: Optional[TextOrMatch]
    tool_result: Optional[TextOrMatch]
    tool_call_id: Optional[TextOrMatch]
    turn: int
    history: str
    tools: Union[str, List[str]]
    method: Union[str, List[str]]
    path: TextOrMatch
    query: Dict[str, Optional[TextOrMatch]]
    headers: Dict[str, Optional[TextOrMatch]]
    port: int
    session: str
    valid: bool
    body: Json
    fields: Dict[str, Union[TextOrMatch, float, bool, None]]
    body_sha256: str


class CalledTool(TypedDict, total=False):
    """One of a response's `tool_calls`."""

    name: str
    arguments: Union[Dict[str, Any], str]
    id: str


class AnswerPart(TypedDict, total=False):
    """One of a response's `parts`, with one of these keys."""

    text: Json
    reasoning: str
    refusal: str
    tool_calls: List[CalledTool]
    block: Dict[str, Any]


class TokenCounts(TypedDict, total=False):
    """A response's `usage`."""

    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    cache_write_tokens: int


class AnswerError(TypedDict, total=False):
    """A response's `error`."""

    kind: Optional[str]
    message: Optional[str]
    type: Optional[str]
    code: Union[str, int, None]
    param: Optional[str]


class AnswerPace(TypedDict, total=False):
    """A response's `pace`."""

    first: float
    between: float
    tokens_per_second: float
    jitter: float


class AnswerWire(TypedDict, total=False):
    """A response's `wire`."""

    split: Union[int, str]
    coalesce: int
    eol: str
    comments: Union[bool, str]
    no_space: bool
    chunk_extensions: bool
    trailers: bool
    gzip: str
    chunked: bool
    close: bool


class AnswerKeepalive(TypedDict, total=False):
    """A response's `keepalive`."""

    every: float
    comment: str


HeaderValue = Union[str, float, None, List[Union[str, float]]]


class Response(TypedDict, total=False):
    """What a mock answers."""

    text: Json
    tool_calls: List[CalledTool]
    reasoning: str
    refusal: str
    parts: List[AnswerPart]
    embedding: Union[List[float], List[List[float]]]
    scores: List[float]
    finish_reason: str
    usage: TokenCounts
    model: str
    id: str
    chunk_size: int
    extra: Dict[str, Any]
    body: Json
    events: Union[str, List[Any]]
    raw: Union[str, Dict[str, str]]
    error: Union[str, AnswerError]
    after_events: int
    after_pieces: int
    fault: str
    probability: float
    status: int
    headers: Dict[str, HeaderValue]
    delay: float
    pace: Union[float, List[float], str, AnswerPace, None]
    gzip: str
    wire: Union[str, AnswerWire]
    gate: Union[bool, int]
    keepalive: Optional[AnswerKeepalive]


# What may stand in place of a response: it is given the request.
AnswerFunction = Callable[[MockRequest], Union[Response, str]]
Answering = Union[Response, AnswerFunction]


class MockLimit(TypedDict, total=False):
    """A mock's `limit`."""

    requests: int
    per: float


class Mock(TypedDict, total=False):
    """A mock, for mock(**it).  `$schema` and `$comment` are for files: no keyword is called so."""

    name: str
    match: Match
    response: Answering
    responses: List[Answering]
    cycle: bool
    times: Optional[int]
    limit: Optional[MockLimit]
    dialect: str
    strict: bool
