"""What all APIs of OpenAI share: headers, errors, texts (wire formats, section 5).  Pure."""

from __future__ import annotations

import functools
import re
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

from ..errors import MISSING, BadField, kind_of, shown
from ..ids import HEX
from ..jsons import compact, indented, within
from ..limits import RETRY_SECONDS, Headers, Json
from ..node import Field
from ..values import Call, ErrorBody, Failure, Limit
from .base import WireFormat, retry_after

# With or without a vendor's prefix; Azure's gpt-35-turbo does not reason.
REASONING_MODEL = re.compile(r"(?:.*/)?(?:o\d|gpt-(?:[5-9](?!\d)|[12]\d))")

# Types of the parts of a content that hold text; those of the Responses API are the longer ones.
TEXT_PARTS = ("text", "input_text", "output_text")

# What the front door sends with every answer (5.1, recorded).  `alt-svc`, cookies and
# `strict-transport-security` are left out: clients would act on them.
OPENAI_EDGE_HEADERS: Headers = (
    ("access-control-expose-headers", "X-Request-ID"),
    ("x-content-type-options", "nosniff"),
    ("Server", "cloudflare"),
)

# Rate limits that only look like some; those of a mock that counts replace them (5.1, recorded).
OPENAI_RATE_HEADERS: Headers = (
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "200000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "199968"),
    ("x-ratelimit-reset-requests", "8.64s"),
    ("x-ratelimit-reset-tokens", "9ms"),
)

# The same with nothing left, which is what a 429 means (2.5).
OPENAI_SPENT_HEADERS: Headers = (
    ("retry-after", str(RETRY_SECONDS)),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "200000"),
    ("x-ratelimit-remaining-requests", "0"),
    ("x-ratelimit-remaining-tokens", "199968"),
    ("x-ratelimit-reset-requests", "1s"),
    ("x-ratelimit-reset-tokens", "9ms"),
)

# Which of the sentences were recorded, and which are only quoted, is in the table of 5.8.
OPENAI_ERRORS: Mapping[str, Failure] = {
    "no_key": Failure(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field "
        "(with blank username) if you're accessing the API from your browser and are prompted for "
        "a username and password. You can obtain an API key from "
        "https://platform.openai.com/account/api-keys.",
        # Sent as null; without it, it would be the code of a wrong key, which is 401 too.
        code="",
    ),
    "authentication": Failure(
        401,
        "Incorrect API key provided: sk-****. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    ),
    "permission": Failure(
        403,
        "Project `proj_mock` does not have access to model `{model}`",
        code="model_not_found",
    ),
    "not_found": Failure(
        404,
        "The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
    ),
    "rate_limit": Failure(
        429,
        "Rate limit reached for {model} in organization org-mock on requests per min (RPM): "
        "Limit {most}, Used {most}, Requested 1. Please try again in {wait}s. Visit "
        "https://platform.openai.com/account/rate-limits to learn more.",
        "requests",
        "rate_limit_exceeded",
    ),
    "server_error": Failure(
        500, "The server had an error while processing your request. Sorry about that!"
    ),
    "overloaded": Failure(
        503,
        "The server is currently overloaded with other requests. Sorry about that! Please retry "
        "your requests after a brief wait.",
    ),
    "context_length": Failure(
        400,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "128001 tokens. Please reduce the length of the messages.",
        code="context_length_exceeded",
        param="messages",
    ),
}


def is_reasoning_model(name: str) -> bool:
    """Whether a model thinks before it answers: its answers lack some keys (5.2)."""
    return REASONING_MODEL.match(name) is not None


def go_duration(seconds: int) -> str:
    """Whole seconds as Go writes a duration: `1m13s`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(f"{hours}h")
    # Go writes the minutes behind hours even if there are none: 1h0m5s.
    if hours or minutes:
        parts.append(f"{minutes}m")
    return "".join([*parts, f"{rest}s"])


def openai_text(content: Field) -> str:
    """The text of a message's content: a string, null, or parts of which those with text count."""
    if content.is_absent:
        return ""
    if isinstance(content.value, str):
        return content.value
    content.a("a string or an array")
    texts: List[str] = []
    for node in content.objects():
        part = node.check({"type": "a string!", "text": "a string"}).value
        if part["type"] in TEXT_PARTS and part.get("text") is not None:
            texts.append(part["text"])
        elif part["type"] == "document":
            texts.append(document_text(part))
    return "\n".join(texts)


def document_text(part: Json) -> str:
    """The text of a document, as which Cohere's clients send the result of a tool (section 11)."""
    data = within(part, "document", "data")
    if isinstance(data, str):
        return data
    return compact(data)


def plain_texts(items: Iterable[Json]) -> List[str]:
    """The strings among some items, and an empty text for any other."""
    return [item if isinstance(item, str) else "" for item in items]


def strings_of(given: Field) -> List[str]:
    """The items of a list, all of which must be strings; none where there is no list."""
    values: List[str] = given.value or []
    if not all(isinstance(one, str) for one in values):
        for item in given.items():
            item.text()
    return values


def input_texts(value: Json) -> List[str]:
    """The texts that are to be answered one by one: a string, or a list of them.

    Token numbers have no text; a list of them is one input, or one of several (2.2)."""
    if isinstance(value, str):
        return [value]
    if is_tokens(value):
        return [""]
    return plain_texts(value or ())


def is_tokens(value: Json) -> bool:
    """Whether an input is a list of token numbers."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], int)


def wants_usage(body: Json) -> bool:
    """Whether a stream is to end with a chunk of token counts."""
    return bool(within(body, "stream_options", "include_usage"))


def wants_obfuscation(body: Json) -> bool:
    """Whether the events of a stream are to be padded, which is the default."""
    # Since August 2025 (5.3).
    return within(body, "stream_options", "include_obfuscation") is not False


def openai_sentence(wrong: BadField) -> Tuple[str, str]:
    """What OpenAI says of a field that is missing or wrong, and the code of that error (5.8)."""
    field, kind = wrong.path, kind_of(wrong.found)
    if not field:
        return f"Invalid body: expected {wrong.expected}, but got {kind} instead.", "invalid_body"
    if wrong.sentence:
        return wrong.sentence, "array_above_max_length"
    if wrong.found is MISSING:
        return f"Missing required parameter: '{field}'.", "missing_required_parameter"
    if wrong.found == [] and "array" in wrong.expected:
        text = "empty array. Expected an array with minimum length 1, but got an empty array"
        return f"Invalid '{field}': {text} instead.", "empty_array"
    if " from " in wrong.expected:
        text = f"expected {wrong.expected}, but got {shown(wrong.found)}"
        return f"Invalid '{field}': {text} instead.", "invalid_value"
    text = f"expected {wrong.expected}, but got {kind}"
    return f"Invalid type for '{field}': {text} instead.", "invalid_type"


class OpenAI(WireFormat):
    """What all APIs of OpenAI share: headers, errors, credential."""

    provider = "openai"
    dialect = "openai"
    layout: Callable[..., str] = staticmethod(indented)
    ending = "\n"
    too_many = (
        "Invalid '{path}': array too long. Expected an array with maximum length {most}, but got "
        "an array with length {found} instead."
    )
    bad_json = (
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't "
        "using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was "
        "sent was not valid JSON: {}.)"
    )
    errors: Mapping[str, Failure] = OPENAI_ERRORS
    # Errors that never reach the engine have another layout and other headers (5.8, recorded).
    front_door: Tuple[int, ...] = (401, 404)
    usual_limit = 10_000
    tells_limits = True  # whether headers say what is left of a limit, not only when to try again
    duration: Callable[[int], str] = staticmethod(go_duration)  # seconds in a header

    def has_rate_limits(self, stream: bool) -> bool:
        """Whether answers come with rate limits (5.1)."""
        return self.operation in ("generate", "embed")

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Request id, processing time, version and rate limits (5.1, recorded)."""
        request_id = ("x-request-id", "req_" + call.token("request", 32, HEX))
        if status in self.front_door:
            return (request_id, ("Vary", "Origin"), *OPENAI_EDGE_HEADERS)
        limits: Headers = ()
        if self.has_rate_limits(stream):
            limits = OPENAI_SPENT_HEADERS if status == 429 else OPENAI_RATE_HEADERS
        return (
            request_id,
            ("openai-organization", "mock-organization"),
            ("openai-processing-ms", str(100 + int(call.token("ms", 2, HEX), 16))),
            ("openai-version", "2020-10-01"),
            *limits,
            *OPENAI_EDGE_HEADERS,
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """Requests, and the time until there are new ones (5.1)."""
        if not self.tells_limits:
            return retry_after(limit)
        return (
            ("x-ratelimit-limit-requests", str(limit.requests)),
            ("x-ratelimit-remaining-requests", str(limit.left)),
            ("x-ratelimit-reset-requests", self.duration(limit.wait)),
            *retry_after(limit),
        )

    def error(self, failure: Failure) -> Dict[str, Json]:
        """The inner object of an error; all four members are always there (5.8)."""
        usual = "server_error" if failure.status >= 500 else "invalid_request_error"
        return {
            "message": failure.message,
            "type": failure.type or usual,
            "param": failure.param,
            "code": failure.code or None,
        }

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error": {…}}` in one of two layouts."""
        value = {"error": self.error(failure)}
        # At the front door 4 spaces and a line end, from the engine 2 and none (5.8, recorded).
        if failure.status in self.front_door:
            wide = functools.partial(indented, step="    ")
            return ErrorBody(value, wide, "\n", "application/json; charset=utf-8")
        return ErrorBody(value, indented)

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """One event that holds an error (3.3); nothing follows it."""
        yield "", {"error": self.error(failure)}

    def complaint(self, wrong: BadField) -> Failure:
        """OpenAI's own sentences, with the field as `param`."""
        text, code = openai_sentence(wrong)
        return Failure(400, text, "invalid_request_error", code, wrong.path or None)


class OpenAIGeneration(OpenAI):
    """What the APIs share that answer a prompt and can stream the answer."""

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`."""
        return bool(body.value.get("stream"))

    def arranged(self, value: Dict[str, Json]) -> Dict[str, Json]:
        """An answer or a chunk with its keys ordered as a dialect has them."""
        return value

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """The values, and `[DONE]` if they don't end with it."""
        for value in values:
            yield "", value
        # A .jsonl file of what an SDK gave out lacks it: SDKs keep the terminator to themselves
        # (3.3).
        if not values or values[-1] != "[DONE]":
            yield "", "[DONE]"
