"""What all wire formats share: one class an API; a dialect is a subclass whose differences are data.
Defining a class registers it.  Pure: no socket, clock, file or lock."""

from __future__ import annotations

import itertools
import re
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    Sequence,
    Tuple,
    Union,
)

from ..errors import MISSING, WrongField, http_phrase
from ..framings import OPENAI_SSE, Framing
from ..jsons import HEX, compact, fits, utf8
from ..limits import Headers, Json
from ..secrets import scheme_key
from ..values import (
    ERROR_KINDS,
    STATUS_KINDS,
    Call,
    Failure,
    Ids,
    Limit,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Text,
    ToolCall,
    Turn,
)

WIRE_FORMATS: List["WireFormat"] = []


def check(body: Json, fields: Mapping[str, str], place: str = "") -> None:
    """Raise WrongField unless each field is absent, null or of its kind; `!` after the kind means required."""
    if not isinstance(body, dict):
        raise WrongField(place.rstrip("."), "an object", body)
    for name, kind in fields.items():
        value = body.get(name)
        if value is None and kind[-1] != "!":
            continue
        if value is None or not fits(value, kind.rstrip("!")):
            raise WrongField(place + name, kind.rstrip("!"), body.get(name, MISSING))


def items(value: Json, place: str) -> Iterator[Tuple[str, Dict[str, Json]]]:
    """The objects of an array with their places, `messages[0]` and so on; null is an empty array."""
    if value is not None and not isinstance(value, list):
        raise WrongField(place, "an array", value)
    for index, item in enumerate(value or ()):
        if not isinstance(item, dict):
            raise WrongField(f"{place}[{index}]", "an object", item)
        yield f"{place}[{index}]", item


def conversation(turns: Sequence[Turn]) -> Dict[str, Any]:
    """What matching needs of a conversation: `user`, `system`, `tool_result`, `turn` and `prompt`.

    Only what came last counts: a tool result before the last user message is history.  Assistant
    messages that follow each other are one turn: google-genai's chats append a streamed answer as one
    `model` content a chunk."""
    roles = itertools.groupby(turn.role for turn in turns)
    users = [index for index, turn in enumerate(turns) if turn.role == "user"]
    results = [turn.text for turn in turns[users[-1] + 1 if users else 0 :] if turn.role == "tool"]
    return {
        "user": turns[users[-1]].text if users else "",
        "system": "\n".join(turn.text for turn in turns if turn.role == "system"),
        "tool_result": results[-1] if results else None,
        "turn": sum(role == "assistant" for role, _ in roles),
        "prompt": "\n".join(turn.text for turn in turns),
    }


RESOURCE = re.compile(
    r"^/v\w+/|(?::|%3[Aa])\w+$"
)  # what a path has around the name of a Google resource


def uuid(ids: Ids, label: str) -> str:
    """A UUID of version 4."""
    digits = ids(label, 32, HEX)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class WireFormat:
    """One API: which paths are its own, how its requests read, how its answers are written.

    A subclass with `routes` is registered; `METHOD /path` with named groups, matched against the
    undecoded path.  `fields` are checked before `turns` and the like read the body."""

    provider = ""
    operation = "generate"
    api = ""
    routes: Tuple[str, ...] = ()
    fields: Mapping[str, str] = {}
    speaks: FrozenSet[Any] = frozenset((Text, Reasoning, Refusal, ToolCall))
    credentials: Tuple[str, ...] = (
        "authorization",
    )  # headers, or `?name` for the query; none where none is asked for
    schemes: Tuple[str, ...] = ("bearer",)  # of an Authorization header
    errors: Mapping[
        str, Failure
    ] = {}  # the provider's own errors, by kind; also no_key, a missing credential
    refusals = (
        "no_key",
        "authentication",
    )  # what is said of a missing and of an unusable credential
    layout: Callable[..., str] = staticmethod(compact)
    ending = ""
    json_type = "application/json"
    stream_type = "text/event-stream"
    no_body = "it is empty"
    bad_json = (
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
        "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON: {}.)"
    )

    def __init_subclass__(cls) -> None:
        if "routes" in cls.__dict__:
            WIRE_FORMATS.append(cls())

    def owns(self, request: Request) -> bool:
        """Whether a request on one of the routes is for this API; only shared paths ask more than that."""
        return True

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The request in no provider's terms.  WrongField names what can't be read."""
        if request.method == "POST":
            check(body, self.fields)
        turns = list(self.turns(body)) if request.method == "POST" else []
        return Call(
            self.provider,
            self.operation,
            self.api,
            self.model(params, body),
            self.streams(params, body),
            **conversation(turns),
            tools=tuple(self.tools(body or {})),
            inputs=tuple(self.inputs(body or {})),
            choices=self.choices(body or {}),
            path=request.path,
            query=request.query,
            headers=request.headers,
            port=request.port,
            session=request.session,
            params=params,
            body=body,
            schema=self.schema(body) if request.method == "POST" else None,
        )

    def model(self, params: Mapping[str, str], body: Json) -> str:
        """The model or deployment that is asked."""
        return params.get("model") or str((body or {}).get("model") or "")

    def streams(self, params: Mapping[str, str], body: Json) -> bool:
        """Whether the answer is to be streamed."""
        return False

    def turns(self, body: Json) -> Iterable[Turn]:
        """The conversation."""
        return [Turn("user", "\n".join(self.inputs(body)))]

    def tools(self, body: Json) -> Iterable[str]:
        """Names of the tools that the request offers."""
        return ()

    def inputs(self, body: Json) -> Iterable[str]:
        """Texts that are answered one by one."""
        return ()

    def choices(self, body: Json) -> int:
        """How many answers are asked for."""
        return 1

    def schema(self, body: Json) -> Json:
        """The JSON schema that the text of the answer is to fit, or None."""
        return None

    def whole(self, call: Call, reply: Reply) -> Json:
        """The whole answer."""
        raise NotImplementedError

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The streamed answer: event names and JSON values (or text that is no JSON)."""
        raise NotImplementedError

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """What a stream says of an error after `sent` events."""
        raise NotImplementedError

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Recorded JSON values as events, completed with what ends every stream of this API."""
        return (("", value) for value in values)

    def adapted(self, call: Call, body: bytes) -> bytes:
        """A recorded body in the encoding that this request asks for."""
        return body

    def framing(self, call: Call) -> Framing:
        """How the events of this call are framed."""
        return OPENAI_SSE

    def encode(self, value: Json) -> bytes:
        """A whole body in the provider's layout."""
        return utf8(self.layout(value) + self.ending)

    def headers(self, ids: Ids, stream: bool, status: int) -> Headers:
        """Response headers besides Content-Type that clients read."""
        return ()

    def counts(self, reply: Reply) -> Headers:
        """Response headers that tell of the answer itself."""
        return ()

    def limits(self, limit: Limit) -> Headers:
        """The rate-limit headers of a limit that counts, in place of those that only look like it; with nothing left also
        `retry-after`, where the provider sends it."""
        return ()

    def failure(
        self, failure: Failure, asked: Union[Request, Call], ids: Ids
    ) -> Tuple[bytes, Headers]:
        """An error body, and the headers that belong to it."""
        raise NotImplementedError

    def complaint(self, wrong: WrongField) -> Failure:
        """What the provider says of a field that is missing or wrong."""
        raise NotImplementedError

    def settled(self, failure: Failure, asked: Union[Request, Call]) -> Failure:
        """An error with what it leaves open: the provider's own for its kind."""
        own = self.errors.get(failure.kind or STATUS_KINDS.get(failure.status, ""), Failure(0, ""))
        usual = next(iter(ERROR_KINDS.get(failure.kind, ())), 400)
        status = failure.status or own.status or usual
        named = own if status == own.status else Failure(0, "")
        said = own.message.replace("{model}", getattr(asked, "model", "")).replace(
            "{path}", RESOURCE.sub("", asked.path)
        )
        said = said.replace("{wait}", str(failure.wait)).replace(
            "{version}", "".join(asked.path.split("/")[1:2])
        )
        said = said.replace(
            "{verb}",
            {"batchEmbedContents": "embedContent", "chat": "generateContent"}.get(
                self.api, self.api
            ),
        )
        kind, code, param = (
            getattr(named if getattr(failure, name) is None else failure, name)
            for name in ("type", "code", "param")
        )
        return Failure(
            status,
            failure.message or said or http_phrase(status),
            kind,
            code,
            param,
            wait=failure.wait,
        )

    def unauthorized(self, request: Request) -> Failure:
        """What the provider says when the credential is missing or can't be one."""
        missing, unusable = self.refusals
        given = any(
            request.headers.get(name, "").strip().lower() not in ("", *self.schemes)
            for name in self.credentials
        )
        return Failure(0, "", kind=unusable if given else missing)

    def credential(self, request: Request) -> str:
        """The credential that came with the request, or an empty string."""
        for name in self.credentials:
            value = (
                request.query.get(name[1:], "") if name[0] == "?" else request.headers.get(name, "")
            )
            key = scheme_key(value, self.schemes) if name == "authorization" else value.strip()
            if key:
                return key
        return ""


def caller(request: Request) -> str:
    """Whose client calls a path that several providers share (wire formats, section 2.1)."""
    if "anthropic-version" in request.headers:
        return "anthropic"
    if request.headers.get("user-agent", "").lower().startswith("mistral-client"):
        return "mistral"
    return "google" if "x-goog-api-key" in request.headers or "key" in request.query else "openai"


def retry_after(limit: Limit) -> Headers:
    """`retry-after`, if nothing is left."""
    return () if limit.left else (("retry-after", str(limit.wait)),)


COLON = r"(?::|%3[Aa])"


def pydantic_said(wrong: WrongField) -> Tuple[str, str]:
    """What pydantic, in which several providers are written, says of a field: type and message."""
    if wrong.found is MISSING:
        return "missing", "Field required"
    names = {
        "a string": "string",
        "an integer": "integer",
        "an array": "list",
        "an object": "dictionary",
        "a boolean": "boolean",
        "a number": "number",
    }
    if wrong.expected in names:
        return names[wrong.expected].replace(
            "dictionary", "dict"
        ) + "_type", f"Input should be a valid {names[wrong.expected]}"
    return "value_error", f"Input should be {wrong.expected}"


def location(field: str) -> List[Union[str, int]]:
    """`messages[0].role` as pydantic has it: ["messages", 0, "role"]."""
    return [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", field)]
