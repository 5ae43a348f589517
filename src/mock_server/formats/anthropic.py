"""Anthropic (wire formats, section 9).  Pure."""

from __future__ import annotations

import base64
import itertools
from dataclasses import replace
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..errors import BadField, Refused
from ..jsons import BASE58, HEX, compact, loose, rfc3339, within
from ..limits import RETRY_SECONDS, Headers, Json
from ..node import Field
from ..values import (
    Call,
    Delta,
    ErrorBody,
    Failure,
    Limit,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Request,
    ToolCall,
    Turn,
    Usage,
    walk,
)
from .base import WireFormat, caller, retry_after, uuid
from .pydantic import location, pydantic_error
from .responses import named_by_type

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
        "This request would exceed your organization's rate limit of 50 requests per minute. For details, "
        "refer to: https://docs.claude.com/en/api/rate-limits.",
    ),
    "server_error": Failure(500, "Internal server error"),
    "overloaded": Failure(529, "Overloaded", "overloaded_error"),
    "context_length": Failure(400, "prompt is too long: 200001 tokens > 200000 maximum"),
}


class Anthropic(WireFormat):
    """What all APIs of Anthropic share: headers, errors, two ways to send a key."""

    provider = "anthropic"
    credentials: Tuple[str, ...] = ("x-api-key", "authorization")
    errors: Mapping[str, Failure] = ANTHROPIC_ERRORS
    bad_json = "The request body is not valid JSON: {}"
    request_id = "req_011"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Request id, organisation and rate limits, which are reset at a second made from the request (recorded)."""
        reset = rfc3339(1_760_000_000 + int(call.token("reset", 6, HEX), 16)) + "Z"
        limits = tuple(
            (f"anthropic-ratelimit-{name}-{key}", value)
            for name, most, left in (
                ("requests", "50", "0" if status == 429 else "49"),
                ("tokens", "480000", "479000"),
                ("input-tokens", "400000", "399000"),
                ("output-tokens", "80000", "80000"),
            )
            for key, value in (("limit", most), ("remaining", left), ("reset", reset))
        )
        return (
            *((("Cache-Control", "no-cache"),) if stream else ()),
            ("request-id", self.request_id + call.token("request", 21, BASE58)),
            *((("retry-after", str(RETRY_SECONDS)),) if status == 429 else ()),
            *(limits if self.operation == "generate" else ()),
            ("anthropic-organization-id", uuid(call, "organization")),
            ("x-robots-tag", "none"),
            ("Server", "cloudflare"),
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """Requests, and the moment at which there are new ones."""
        name = "anthropic-ratelimit-requests-"
        return (
            (name + "limit", str(limit.requests)),
            (name + "remaining", str(limit.left)),
            (name + "reset", rfc3339(limit.reset) + "Z"),
            *retry_after(limit),
        )

    def error(self, call: Call, failure: Failure) -> Dict[str, Json]:
        """`{"type": "error", "error": {"type", "message"}, "request_id"}`."""
        kind = "api_error" if failure.status >= 500 else "invalid_request_error"
        details = {"details": {"error_code": failure.code}} if failure.code else {}
        return {
            "type": "error",
            "error": {
                "type": failure.type or ANTHROPIC_TYPES.get(failure.status, kind),
                "message": failure.message,
                **details,
            },
            "request_id": self.request_id + call.token("request", 21, BASE58),
        }

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """The error, compact."""
        return ErrorBody(self.error(call, failure))

    def complaint(self, wrong: BadField) -> Failure:
        """The field and what pydantic says of it."""
        place = ".".join(map(str, location(wrong.path))) or "body"
        return Failure(400, f"{place}: {pydantic_error(wrong)[1]}", "invalid_request_error")


def anthropic_text(content: Field) -> Tuple[str, List[str], bool]:
    """Of a message's content: its text, the texts of its tool results, and whether there is anything else than those."""
    if content.is_absent:
        return "", [], True
    if isinstance(content.value, str):
        return content.value, [], True
    texts, results, other = [], [], False
    for block in content.objects():
        value = block.check({"type": "a string!", "text": "a string"}).value
        if value["type"] == "tool_result":
            results.append(anthropic_text(block.get("content"))[0])
            continue
        other = True
        if value["type"] == "text" and value.get("text") is not None:
            texts.append(value["text"])
    return "\n".join(texts), results, other


class AnthropicRequest(Anthropic):
    """How a messages request reads."""

    api = "messages"
    fields: Mapping[str, str] = {
        "model": "a string!",
        "messages": "an array!",
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
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """System prompt and messages; a message of only tool results is no user message."""
        if not body.get("system").is_absent:
            yield Turn("system", anthropic_text(body.get("system"))[0])
        # The SDK then sends the whole conversation (anthropic-py 2.13).
        if within(body.value, "thread", "type") == "continue":
            raise Refused(404, "Thread not found: nothing is stored here", code="thread_not_found")
        messages = body.get("messages")
        if not messages.value:
            messages.expected("a list of at least one message")
        for message in messages.objects():
            message.check({"role": "a string!", "content": "a string or an array!"})
            text, results, other = anthropic_text(message.get("content"))
            role = message.get("role")
            if role.value not in ("user", "assistant", "system"):
                role.expected("'user' or 'assistant'")
            if role.value != "user" or other or not results:
                yield Turn(role.value, text)
            for result in results:
                yield Turn("tool", result)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of the tools."""
        for node in body.get("tools").objects():
            tool = node.value
            named = "a string!" if tool.get("type") in (None, "custom") else "a string"
            node.check({"name": named, "type": "a string"})
            yield tool.get("name") or tool["type"]

    def schema(self, body: Field) -> Json:
        """`output_config.format.schema`, or the older `output_format.schema`."""
        schema = within(body.value, "output_config", "format", "schema")
        return schema or within(body.value, "output_format", "schema")

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`."""
        return bool(body.value.get("stream"))


class AnthropicMessages(AnthropicRequest):
    """Messages, whole and streamed (section 9)."""

    routes: Tuple[str, ...] = ("POST /v1/messages", "POST {prefix*}/v1/messages")
    stream_type = "text/event-stream; charset=utf-8"
    prefix = "msg_01"
    stops = {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
    }

    def block(self, call: Call, part: Part, index: int, whole: bool) -> Dict[str, Json]:
        """One content block, whole or as it starts."""
        if isinstance(part, ToolCall):
            return {
                "type": "tool_use",
                "id": part.id or "toolu_01" + call.token(f"tool {index}", 22, BASE58),
                "name": part.name,
                "input": dict(part.arguments) if whole else {},
                "caller": {"type": "direct"},
            }
        text = getattr(part, "text", "") if whole else ""
        if isinstance(part, Reasoning):
            return {
                "type": "thinking",
                "thinking": text,
                "signature": self.signature(call, index) if whole else "",
            }
        return {"type": "text", "text": text}

    @staticmethod
    def signature(call: Call, index: int) -> str:
        """What proves a thought to be the model's own: any base64."""
        return base64.b64encode(call.token(f"signature {index}", 96).encode()).decode()

    def stop(self, reply: Reply) -> str:
        """The stop reason; a refusal has one of its own."""
        refused = reply.stop == "stop" and reply.text(Refusal) is not None
        return self.stops["content_filter" if refused else reply.stop]

    def usage(self, usage: Usage) -> Dict[str, Json]:
        """Token counts; those read from the cache are not among the input."""
        details = (
            {"output_tokens_details": {"thinking_tokens": usage.reasoning}}
            if usage.reasoning
            else {}
        )
        return {
            "input_tokens": usage.input - usage.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached,
            "output_tokens": usage.output,
            **details,
        }

    def message(
        self, call: Call, reply: Reply, content: List[Json], stop: Optional[str], output: int
    ) -> Dict[str, Json]:
        """The message object."""
        usage = self.usage(
            replace(reply.usage, output=output, reasoning=reply.usage.reasoning if stop else 0)
        )
        counts = {
            key: usage.pop(key)
            for key in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        }
        cache = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
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
                **counts,
                "cache_creation": cache,
                **usage,
                "service_tier": "standard",
                "inference_geo": "not_available",
            },
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The message."""
        content = [self.block(call, part, index, True) for index, part in enumerate(reply.parts)]
        return self.message(call, reply, content, self.stop(reply), reply.usage.output)

    def deltas(
        self, call: Call, part: Part, index: int, cut: Iterable[Delta]
    ) -> Iterator[Dict[str, Json]]:
        """The deltas of one block."""
        if isinstance(part, ToolCall):
            yield {"type": "input_json_delta", "partial_json": ""}
            for delta in cut if part.arguments else ():
                yield {"type": "input_json_delta", "partial_json": delta.piece}
            return
        kind, key = (
            ("thinking_delta", "thinking")
            if isinstance(part, Reasoning)
            else ("text_delta", "text")
        )
        yield from ({"type": kind, key: delta.piece} for delta in cut if delta.piece)
        if isinstance(part, Reasoning):
            yield {"type": "signature_delta", "signature": self.signature(call, index)}

    def values(self, call: Call, reply: Reply) -> Iterator[Dict[str, Json]]:
        """The events of a stream, as they are without a ping and padding."""
        yield {
            "type": "message_start",
            "message": self.message(call, reply, [], None, min(1, reply.usage.output)),
        }
        for index, cut in itertools.groupby(walk(reply, loose), key=lambda delta: delta.index):
            part = reply.parts[index]
            yield {
                "type": "content_block_start",
                "index": index,
                "content_block": self.block(call, part, index, False),
            }
            for delta in self.deltas(call, part, index, cut):
                yield {"type": "content_block_delta", "index": index, "delta": delta}
            yield {"type": "content_block_stop", "index": index}
        yield {
            "type": "message_delta",
            "delta": {"stop_reason": self.stop(reply), "stop_sequence": None, "stop_details": None},
            "usage": self.usage(reply.usage),
        }
        yield {"type": "message_stop"}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events, padded by up to 15 spaces, and a ping after the first block's start (recorded)."""
        pinged = False
        for number, value in enumerate(self.values(call, reply)):
            spaces = int(call.pads[number % 1024].encode().hex(), 16) % 16
            yield value["type"], compact(value)[:-1] + " " * spaces + "}"
            if value["type"] == "content_block_start" and not pinged:
                pinged = True
                yield "ping", '{"type": "ping"}'

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The event `error`."""
        yield "error", self.error(call, failure)

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type: SDKs skip one without a name (3.3)."""
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
        """The count."""
        return {"input_tokens": reply.usage.input}


class AnthropicModels(Anthropic):
    """Models, for clients that say `anthropic-version`."""

    operation = api = "models"
    routes = ("GET /v1/models[/{model:}]",)
    known = ("claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001")
    speaks = frozenset()

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Shared with OpenAI, Google and Mistral."""
        return caller(request) == "anthropic"

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {
            "type": "model",
            "id": name,
            "display_name": name.replace("-", " ").title(),
            "created_at": "2025-09-29T00:00:00Z",
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list, or the one asked for."""
        if call.model:
            return self.entry(call.model)
        return {
            "data": [self.entry(name) for name in self.known],
            "has_more": False,
            "first_id": self.known[0],
            "last_id": self.known[-1],
        }
