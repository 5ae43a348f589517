"""What all wire formats share: one class an API; a dialect is a subclass whose differences are
data. Defining a class registers it.  Pure: no socket, clock, file or lock."""

from __future__ import annotations

from typing import (
    Any,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    cast,
)

from ..errors import BadField, Because, http_phrase, shown
from ..framings import OPENAI_SSE, Framing
from ..ids import HEX
from ..jsons import utf8, within
from ..limits import MOST_INPUTS, Difference, Headers, Json
from ..node import Field, Kinds
from ..records import replace
from ..values import (
    ERROR_KINDS,
    STATUS_KINDS,
    Block,
    Call,
    ErrorBody,
    Failure,
    Limit,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Text,
    ToolCall,
    Turn,
)
from .credentials import Credentialed
from .extras import NOWHERE
from .shapes import has_words
from .unmocked import Unmocked
from .wholes import WholeAnswers

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
    unstreamed_stops: FrozenSet[str] = frozenset()  # reasons to stop of which no stream tells
    may_stream: Optional[bool] = None  # whether an answer can be a stream; None: if it generates
    takes_body = True  # whether what it is sent by POST has a body that counts
    takes_form = False  # whether its body is a form, which then stands for the JSON
    hides_body = False  # whether what it is sent is full of credentials
    takes_plain_form = False  # whether that may be written as a query is, where it has no files
    errors: Mapping[str, Failure] = {}  # the provider's own, by kind; no_key: no credential
    has_status = False  # whether the code of an error is its status, which words would not fit
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
        if request.method == "POST" and self.takes_body:  # nothing else has a body
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

    def tellings(self, call: Call) -> int:
        """How often an answer says its text."""
        return call.choices

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
