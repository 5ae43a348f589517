"""Cohere v2 (wire formats, section 11).  Pure."""

from __future__ import annotations

import base64
import itertools
import struct
from typing import Callable, Dict, Iterator, List, Mapping, Sequence, Tuple

from ..errors import MISSING, BadField, kind_of
from ..jsons import HEX, LOWER, compact, within
from ..limits import Headers, Json
from ..node import Field
from ..values import (
    Call,
    Delta,
    Embedding,
    ErrorBody,
    Failure,
    Limit,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
    Turn,
    Usage,
    walk,
)
from .base import WireFormat, retry_after, uuid
from .bedrock_invoke import texts_of
from .openai import ChatRequest, openai_text
from .responses import named_by_type


class Cohere(WireFormat):
    """What all APIs of Cohere share: headers and errors."""

    provider = "cohere"
    errors = {
        "no_key": Failure(401, "no api key supplied"),
        "authentication": Failure(401, "invalid api token"),
        "not_found": Failure(
            404,
            "model '{model}' not found, make sure the correct model ID was used and that you have "
            "access to the model.",
        ),
        "rate_limit": Failure(
            429,
            "You are using a Trial key, which is limited to 20 API calls / minute. You can continue "
            "to use the Trial key for free or upgrade to a Production key with higher rate limits "
            "at 'https://dashboard.cohere.com/api-keys'.",
        ),
        "server_error": Failure(500, "internal server error"),
        "overloaded": Failure(503, "service unavailable"),
        "context_length": Failure(
            400,
            "too many tokens: total number of tokens in the prompt cannot exceed 128000 - "
            "received 128001. Try using a shorter prompt or a smaller max_tokens value.",
        ),
    }
    bad_json = "invalid json syntax: {}"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Trace id, limits and what keeps an answer out of caches (section 11, recorded)."""
        return (
            ("x-debug-trace-id", call.token("trace", 32, HEX)),
            ("access-control-expose-headers", "X-Debug-Trace-ID"),
            (
                "cache-control",
                "no-cache, no-store, no-transform, must-revalidate, private, max-age=0",
            ),
            ("expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("pragma", "no-cache"),
            ("x-accel-expires", "0"),
            ("x-endpoint-monthly-call-limit", "1000"),
            ("x-trial-endpoint-call-limit", "20"),
            ("x-trial-endpoint-call-remaining", "0" if status == 429 else "19"),
            ("Server", "envoy"),
            ("Vary", "Origin"),
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """Calls of the trial key."""
        return (
            ("x-trial-endpoint-call-limit", str(limit.requests)),
            ("x-trial-endpoint-call-remaining", str(limit.left)),
            *retry_after(limit),
        )

    def usage_headers(self, reply: Reply) -> Headers:
        """Tokens of a whole answer."""
        return (("num_tokens", str(reply.usage.total)),)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"id", "message"}`."""
        return ErrorBody({"id": uuid(call, "error"), "message": failure.message})

    def complaint(self, wrong: BadField) -> Failure:
        """The field in a sentence."""
        if wrong.found is MISSING:
            return Failure(400, f"invalid request: {wrong.path}: a value is required")
        return Failure(
            400,
            f"invalid type: parameter {wrong.path or 'body'} is of type {kind_of(wrong.found)} but should be "
            f"{wrong.expected}.",
        )


class CohereChat(Cohere):
    """Chat, whole and streamed; text beside tool calls is the tool plan."""

    api = "chat"
    routes = ("POST /v2/chat", "POST {prefix*}/v2/chat")
    fields = {
        "model": "a string!",
        "messages": "an array!",
        "stream": "a boolean",
        "tools": "an array",
        "documents": "an array",
        "response_format": "an object",
        "max_tokens": "an integer",
        "temperature": "a number",
    }
    stops = {
        "stop": "COMPLETE",
        "length": "MAX_TOKENS",
        "tool_calls": "TOOL_CALL",
        "content_filter": "ERROR",
    }
    turns = ChatRequest.turns
    tools = ChatRequest.tools
    streams = ChatRequest.streams

    def schema(self, body: Field) -> Json:
        """`response_format.json_schema`, or `schema` as it was called first."""
        schema = within(body.value, "response_format", "json_schema")
        return schema or within(body.value, "response_format", "schema")

    def tool_call(self, call: Call, part: ToolCall, index: int, whole: bool) -> Dict[str, Json]:
        """A tool call; its id begins with the name of the function."""
        own = part.id or f"{part.name}_{call.token(f'tool {index}', 12, LOWER + '0123456789')}"
        return {
            "id": own,
            "type": "function",
            "function": {"name": part.name, "arguments": compact(part.arguments) if whole else ""},
        }

    def block(self, part: Part, text: str) -> Dict[str, Json]:
        """One block of content."""
        return (
            {"type": "thinking", "thinking": text}
            if isinstance(part, Reasoning)
            else {"type": "text", "text": text}
        )

    def stop(self, reply: Reply) -> str:
        """The finish reason; a refusal is text that ends with ERROR, for Cohere has no field for it."""
        refused = reply.stop == "stop" and reply.text(Refusal) is not None
        return self.stops["content_filter" if refused else reply.stop]

    def usage(self, usage: Usage) -> Dict[str, Json]:
        """What is billed and what there was."""
        counts = {"input_tokens": usage.input, "output_tokens": usage.output}
        return {"billed_units": counts, "tokens": counts, "cached_tokens": usage.cached}

    def planned(self, reply: Reply, part: Part) -> bool:
        """Whether a part belongs to the tool plan."""
        return bool(reply.tool_calls) and isinstance(part, (Text, Refusal))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The message with its usage."""
        calls = [
            self.tool_call(call, part, index, True) for index, part in enumerate(reply.tool_calls)
        ]
        plan = "".join(
            part.text
            for part in reply.parts
            if isinstance(part, (Text, Refusal)) and self.planned(reply, part)
        )
        content = [
            self.block(part, getattr(part, "text", ""))
            for part in reply.parts
            if not isinstance(part, ToolCall) and not self.planned(reply, part)
        ]
        message = {
            "role": "assistant",
            **({"content": content} if content or not calls else {}),
            **({"tool_plan": plan} if plan else {}),
            **({"tool_calls": calls} if calls else {}),
        }
        return {
            "id": reply.id or uuid(call, "id"),
            "message": message,
            "finish_reason": self.stop(reply),
            "usage": self.usage(reply.usage),
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events under the names of their types, then `[DONE]`."""
        begun = {
            "role": "assistant",
            "content": [],
            "tool_plan": "",
            "tool_calls": [],
            "citations": [],
        }
        yield (
            "message-start",
            {
                "id": reply.id or uuid(call, "id"),
                "type": "message-start",
                "delta": {"message": begun},
            },
        )
        blocks = tools = 0
        for index, cut in itertools.groupby(walk(reply), key=lambda delta: delta.index):
            part = reply.parts[index]
            tool, planned = isinstance(part, ToolCall), self.planned(reply, part)
            for name, value in self.part_events(
                call, part, tools if tool else blocks, list(cut), planned
            ):
                yield name, {"type": name, **value}
            blocks, tools = blocks + (not tool and not planned), tools + tool
        ended = {"finish_reason": self.stop(reply), "usage": self.usage(reply.usage)}
        yield "message-end", {"type": "message-end", "delta": ended}
        yield "", "[DONE]"

    def part_events(
        self, call: Call, part: Part, number: int, cut: List[Delta], planned: bool
    ) -> Iterator[Tuple[str, Dict[str, Json]]]:
        """The events of one part, the type of each apart."""
        if planned:
            yield from (
                ("tool-plan-delta", {"delta": {"message": {"tool_plan": delta.piece}}})
                for delta in cut
                if delta.piece
            )
            return
        if isinstance(part, ToolCall):
            start: Dict[str, Json] = {"tool_calls": self.tool_call(call, part, number, False)}
            inner: List[Dict[str, Json]] = [
                {"tool_calls": {"function": {"arguments": delta.piece}}} for delta in cut
            ]
        else:
            key = "thinking" if isinstance(part, Reasoning) else "text"
            start = {"content": self.block(part, "")}
            inner = [{"content": {key: delta.piece}} for delta in cut if delta.piece]
        kind = "tool-call" if isinstance(part, ToolCall) else "content"
        yield f"{kind}-start", {"index": number, "delta": {"message": start}}
        yield from (
            (f"{kind}-delta", {"index": number, "delta": {"message": message}}) for message in inner
        )
        yield f"{kind}-end", {"index": number}

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The end of the message, with the error in it."""
        yield (
            "message-end",
            {"type": "message-end", "delta": {"error": failure.message, "finish_reason": "ERROR"}},
        )
        yield "", "[DONE]"

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type, and `[DONE]` if they don't end with it."""
        return itertools.chain(
            named_by_type(values), () if values and values[-1] == "[DONE]" else (("", "[DONE]"),)
        )


class CohereEmbed(Cohere):
    """Embeddings, in each of the types that the request asks for."""

    operation, api = "embed", "embed"
    routes = ("POST /v2/embed", "POST {prefix*}/v2/embed")
    fields = {
        "model": "a string!",
        "texts": "an array",
        "images": "an array",
        "inputs": "an array",
        "input_type": "a string",
        "embedding_types": "an array",
        "output_dimension": "an integer",
    }
    speaks = frozenset((Embedding,))
    types: Mapping[str, Callable[[Sequence[float]], Json]] = {
        "float": list,
        "base64": lambda vector: base64.b64encode(
            struct.pack(f"<{len(vector)}f", *vector)
        ).decode(),
        "int8": lambda vector: [max(-128, min(127, round(value * 127))) for value in vector],
        "uint8": lambda vector: [max(0, min(255, round(value * 127) + 128)) for value in vector],
        "binary": lambda vector: [byte - 128 for byte in signs(vector)],
        "ubinary": lambda vector: list(signs(vector)),
    }

    def inputs(self, body: Field) -> List[str]:
        """The texts; an image has none."""
        if not body.get("texts").is_absent:
            return texts_of(body.get("texts"))
        if not body.get("inputs").is_absent:
            return [openai_text(item.get("content")) for item in body.get("inputs").objects()]
        images = body.get("images")
        if not images.value:
            body.get("texts").missing("an array")
        return [""] * len(images.value)

    def turns(self, body: Field) -> List[Turn]:
        """The texts count as the user's."""
        for name in body.get("embedding_types").items():
            if not name.is_a("a string") or name.value not in self.types:
                name.expected("one of " + ", ".join(self.types))
        return [Turn("user", "\n".join(self.inputs(body)))]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings by type."""
        embedding = next(part for part in reply.parts if isinstance(part, Embedding))
        vectors = [embedding.of(index) for index in range(len(call.inputs))]
        wanted = call.body.get("embedding_types") or ["float"]
        return {
            "id": reply.id or uuid(call, "id"),
            "embeddings": {
                name: [self.types[name](vector) for vector in vectors] for name in wanted
            },
            "texts": list(call.inputs),
            "meta": {
                "api_version": {"version": "2"},
                "billed_units": {"input_tokens": reply.usage.input},
            },
            "response_type": "embeddings_by_type",
        }


def signs(vector: Sequence[float]) -> bytes:
    """A bit a number, set where it is above 0, eight to a byte."""
    bits = "".join("1" if value > 0 else "0" for value in vector)
    return bytes(int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8))
