"""Anthropic's messages and counts (wire formats, section 9).  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..errors import BadField, Refused
from ..ids import BASE58, HEX, rfc3339
from ..jsons import compact, laid_out, loose, within
from ..limits import RETRY_SECONDS, Headers, Json
from ..node import Field, Kinds
from ..records import replace
from ..values import (
    Block,
    Call,
    ErrorBody,
    Failure,
    Limit,
    Refusal,
    Reply,
    Turn,
    Usage,
)
from .anthropic_blocks import (
    anthropic_block,
    anthropic_block_start,
    anthropic_content,
    anthropic_deltas,
)
from .base import WireFormat, retry_after, uuid
from .places import ANTHROPIC_PLACES
from .pydantic import location, pydantic_error
from .runs import filled_in, walk
from .shapes import has_words, named_by_type, said_stop

# Types of errors by status; any other is an api_error, or of the request.
ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# Of the sentences only that of not_found was recorded; section 9 says where the others are from.
ANTHROPIC_ERRORS = {
    "no_key": Failure(401, "x-api-key header is required"),
    "authentication": Failure(401, "invalid x-api-key"),
    "permission": Failure(
        403, "Your API key does not have permission to use the specified resource."
    ),
    "not_found": Failure(404, "model: {model}"),
    "timeout": Failure(504, "Request timed out"),
    "rate_limit": Failure(
        429,
        "This request would exceed your organization's rate limit of 50 requests per minute. For "
        "details, refer to: https://docs.claude.com/en/api/rate-limits.",
    ),
    "server_error": Failure(500, "Internal server error"),
    "overloaded": Failure(529, "Overloaded", "overloaded_error"),
    "context_length": Failure(400, "prompt is too long: 200001 tokens > 200000 maximum"),
}
# What an answer says of its rate limits: which, how many, how many are left.
ANTHROPIC_LIMITS = (
    ("requests", 50, 49),
    ("tokens", 480000, 479000),
    ("input-tokens", 400000, 399000),
    ("output-tokens", 80000, 80000),
)
ANTHROPIC_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


def anthropic_error_type(status: int) -> str:
    """The type of the errors of a status."""
    if status >= 500:
        return ANTHROPIC_TYPES.get(status, "api_error")
    return ANTHROPIC_TYPES.get(status, "invalid_request_error")


def anthropic_limit_headers(name: str, most: int, left: int, reset: str) -> Headers:
    """What is said of one rate limit; `reset` is the moment when there is all of it again."""
    prefix = f"anthropic-ratelimit-{name}-"
    return (
        (prefix + "limit", str(most)),
        (prefix + "remaining", str(left)),
        (prefix + "reset", reset),
    )


class Anthropic(WireFormat):
    """What all APIs of Anthropic share: headers, errors, two ways to send a key."""

    provider = "anthropic"
    # The same plain key comes in either, depending on the SDK and its version (2.3).
    credentials: Tuple[str, ...] = ("x-api-key", "authorization")
    # Quoted, by many who sent a wrong token.
    wrong_keys: Mapping[str, Failure] = {"authorization": Failure(401, "Invalid bearer token")}
    errors: Mapping[str, Failure] = ANTHROPIC_ERRORS
    bad_json = "The request body is not valid JSON: {}"
    request_id_prefix = "req_011"

    def request_id(self, call: Call) -> str:
        """The id of a request, which its headers and its errors name."""
        return self.request_id_prefix + call.token("request", 21, BASE58)

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Request id, organisation and rate limits (recorded)."""
        headers: List[Tuple[str, str]] = []
        if stream:
            headers.append(("Cache-Control", "no-cache"))
        headers.append(("request-id", self.request_id(call)))
        if status == 429:
            headers.append(("retry-after", str(RETRY_SECONDS)))
        if self.operation == "generate":
            # The second is made from the request, so that equal requests get equal answers.
            reset = rfc3339(1_760_000_000 + int(call.token("reset", 6, HEX), 16)) + "Z"
            for name, most, left in ANTHROPIC_LIMITS:
                if status == 429 and name == "requests":
                    left = 0
                headers += anthropic_limit_headers(name, most, left, reset)
        headers.append(("anthropic-organization-id", uuid(call, "organization")))
        return (*headers, ("x-robots-tag", "none"), ("Server", "cloudflare"))

    def limit_headers(self, limit: Limit) -> Headers:
        """Requests, and the moment at which there are new ones."""
        reset = rfc3339(limit.reset) + "Z"
        headers = anthropic_limit_headers("requests", limit.requests, limit.left, reset)
        return (*headers, *retry_after(limit))

    def error(self, call: Call, failure: Failure) -> Dict[str, Json]:
        """`{"type": "error", "error": {"type", "message"}, "request_id"}`."""
        error: Dict[str, Json] = {
            "type": failure.type or anthropic_error_type(failure.status),
            "message": failure.message,
        }
        if failure.code:
            error["details"] = {"error_code": failure.code}
        return {"type": "error", "error": error, "request_id": self.request_id(call)}

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """The error, compact."""
        return ErrorBody(self.error(call, failure))

    def complaint(self, wrong: BadField) -> Failure:
        """The field and what pydantic says of it."""
        # It is written as a path with dots: messages.0.role.
        place = ".".join(map(str, location(wrong.path))) or "body"
        return Failure(400, f"{place}: {pydantic_error(wrong)[1]}", "invalid_request_error")


ANTHROPIC_MESSAGE = Kinds({"role": "a string!", "content": "a string or an array!"})


def sets_options(message: Json) -> bool:
    """Whether this is a message of the system that has no content, but options from there on (a
    beta, anthropic-py 2.14)."""
    if type(message) is not dict or "content" in message:
        return False
    return message.get("role") == "system" and type(message.get("output_config")) is dict


class AnthropicRequest(Anthropic):
    """How a messages request reads."""

    api = "messages"
    fields: Mapping[str, str] = {
        "model": "a string!",
        "messages": "an array!",
        # Unlike elsewhere this one is required (section 9).
        "max_tokens": "an integer!",
        "system": "a string or an array",
        "stream": "a boolean",
        "tools": "an array",
        "tool_choice": "an object",
        "temperature": "a number",
        "top_p": "a number",
        "top_k": "an integer",
        "stop_sequences": "an array",
        "metadata": "an object",
        "thinking": "an object",
        "context_management": "an object",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """System prompt and messages; a message of only tool results is no user message."""
        system = body.get("system")
        if not system.is_absent:
            yield Turn("system", anthropic_content(system).text)
        # The SDK then sends the whole conversation (anthropic-py 2.13).
        if within(body.value, "thread", "type") == "continue":
            raise Refused(404, "Thread not found: nothing is stored here", code="thread_not_found")
        messages = body.get("messages")
        if not messages.value:
            messages.expected("a list of at least one message")
        for message in messages.objects():
            if sets_options(message.value):
                continue
            message.check(ANTHROPIC_MESSAGE)
            content = anthropic_content(message.get("content"))
            role = message.get("role")
            if role.value not in ("user", "assistant", "system"):
                role.expected("'user' or 'assistant'")
            yield from content.turns(role.value)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of the tools."""
        for tool in body.get("tools").objects():
            name_kind = "a string"
            # A server tool is known by its type alone.
            if tool.value.get("type") in (None, "custom"):
                name_kind = "a string!"
            tool.check({"name": name_kind, "type": "a string"})
            yield tool.value.get("name") or tool.value.get("type") or ""

    def schema(self, body: Field) -> Json:
        """`output_config.format.schema`, or the older `output_format.schema`."""
        schema = within(body.value, "output_config", "format", "schema")
        return schema or within(body.value, "output_format", "schema")

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`."""
        return bool(body.value.get("stream"))


def anthropic_stop_reason(reply: Reply) -> str:
    """Why a message ends; a refusal has a reason of its own."""
    if reply.stop == "stop" and reply.text(Refusal) is not None:
        return ANTHROPIC_STOPS["content_filter"]
    return said_stop(ANTHROPIC_STOPS, reply.stop)


def anthropic_input_counts(usage: Usage) -> Dict[str, Json]:
    """Tokens of the prompt; those that the cache had or was given are not among the others."""
    return {
        "input_tokens": usage.uncached,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
    }


def anthropic_output_counts(usage: Usage) -> Dict[str, Json]:
    """Tokens of the answer."""
    counts: Dict[str, Json] = {"output_tokens": usage.output}
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts


def managed_context(call: Call) -> Dict[str, Json]:
    """What became of the context, where a request says how it is to be managed: nothing was to be
    cleared (typed in anthropic-py 2.14, beta; seen in public streams)."""
    if not call.body.get("context_management"):
        return {}
    return {"context_management": {"applied_edits": []}}


def typed(name: str, **members: Json) -> Tuple[str, Json]:
    """An event whose name is its type."""
    return name, {"type": name, **members}


class AnthropicMessages(AnthropicRequest):
    """Messages, whole and streamed."""

    routes: Tuple[str, ...] = ("POST /v1/messages", "POST {prefix*}/v1/messages")
    stream_type = "text/event-stream; charset=utf-8"
    places = ANTHROPIC_PLACES
    speaks = WireFormat.speaks | {Block}
    # As it comes of its own accord (section 9, recorded).
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    prefix = "msg_01"

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """Those that name their type."""
        return isinstance(block.get("type"), str)

    def message(
        self, call: Call, reply: Reply, content: List[Json], stop: Optional[str], usage: Usage
    ) -> Dict[str, Json]:
        """The message object, with the tokens that are used so far."""
        # Keys and their order are as recorded: stop_details and inference_geo came in 2026.
        return {
            "model": reply.model,
            "id": reply.id or self.prefix + call.token("id", 22, BASE58),
            "type": "message",
            "role": "assistant",
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "stop_details": None,
            "usage": {
                **anthropic_input_counts(usage),
                # Five minutes is how long one keeps where the request does not say it.
                "cache_creation": {
                    "ephemeral_5m_input_tokens": usage.cache_write,
                    "ephemeral_1h_input_tokens": 0,
                },
                **anthropic_output_counts(usage),
                "service_tier": "standard",
                "inference_geo": "not_available",
            },
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The message."""
        content = [anthropic_block(call, part, index) for index, part in enumerate(reply.parts)]
        message = self.message(call, reply, content, anthropic_stop_reason(reply), reply.usage)
        return {**message, **managed_context(call)}

    def values(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """The events of a stream, as they are without a ping and padding."""
        # A small count comes first, the totals at the end; clients do not add them up.
        spent = replace(reply.usage, output=min(1, reply.usage.output), reasoning=0)
        message = self.message(call, reply, [], None, spent)
        yield typed("message_start", message=message)
        for run in walk(reply, loose):
            block = anthropic_block(call, run.part, run.index)
            begun = anthropic_block_start(block)
            yield typed("content_block_start", index=run.index, content_block=begun)
            for delta, texts in anthropic_deltas(run, block):
                name, value = typed("content_block_delta", index=run.index, delta=delta)
                yield from filled_in(name, value, texts)
            yield typed("content_block_stop", index=run.index)
        stop = {
            "stop_reason": anthropic_stop_reason(reply),
            "stop_sequence": None,
            "stop_details": None,
        }
        usage = {**anthropic_input_counts(reply.usage), **anthropic_output_counts(reply.usage)}
        yield typed("message_delta", delta=stop, usage=usage, **managed_context(call))
        yield typed("message_stop")

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events, padded by up to 15 spaces, and a ping after the first block's start."""
        # 77 of 85 recorded streams had exactly one ping.
        was_pinged = False
        pads = call.pads
        for number, (name, value) in enumerate(self.values(call, reply)):
            spaces = ord(pads[number % 1024]) % 16
            yield name, laid_out(value, compact)[:-1] + b" " * spaces + b"}"
            if name == "content_block_start" and not was_pinged:
                was_pinged = True
                # Unlike the others it has a space, and no padding (recorded).
                yield "ping", '{"type": "ping"}'

    def is_content(self, name: str, value: Json) -> bool:
        """A delta of a block, or a block that comes whole."""
        kind, block = within(value, "type"), within(value, "content_block")
        if kind == "content_block_start":
            return bool(within(block, "data") or within(block, "content"))
        return kind == "content_block_delta" and has_words(within(value, "delta"))

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The event `error`."""
        # Nothing follows it; the status was 200 (verified).
        yield "error", self.error(call, failure)

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type."""
        # SDKs skip an event without a name, and say nothing (3.3).
        return named_by_type(values)


class AnthropicCountTokens(AnthropicRequest):
    """The input tokens of a messages request."""

    operation, api = "count_tokens", "count_tokens"
    routes: Tuple[str, ...] = (
        "POST /v1/messages/count_tokens",
        "POST {prefix*}/v1/messages/count_tokens",
    )
    fields = {**AnthropicRequest.fields, "max_tokens": "an integer"}

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """Never."""
        return False

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count, which a managed context leaves as it is."""
        tokens = reply.usage.input
        if not call.body.get("context_management"):
            return {"input_tokens": tokens}
        return {
            "input_tokens": tokens,
            "context_management": {"original_input_tokens": tokens},
        }
