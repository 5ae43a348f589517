"""Mistral, for its own client (wire formats, section 12).  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from ..errors import BadField
from ..jsons import HEX, LOWER, compact
from ..limits import Headers, Json
from ..node import Field
from ..values import (
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
    walk,
)
from .base import caller, retry_after, uuid
from .openai import OpenAI, OpenAIChat
from .openai_more import OpenAIEmbeddings, OpenAIModels
from .pydantic import location, pydantic_error


class Mistral(OpenAI):
    """What Mistral does in its own way, for clients that are known by their User-Agent."""

    layout = staticmethod(compact)
    ending = ""
    stream_type = "text/event-stream; charset=utf-8"
    bad_json = "Invalid JSON: {}"
    errors = {
        "authentication": Failure(401, "Unauthorized"),
        "no_key": Failure(401, "Unauthorized"),
        "not_found": Failure(400, "Invalid model: {model}", "invalid_model", "1500"),
        "rate_limit": Failure(429, "Rate limit exceeded", "rate_limited", "1300"),
        "server_error": Failure(500, "Internal server error", "internal_server_error", "3000"),
        "overloaded": Failure(503, "Service unavailable.", "internal_server_error", "3505"),
        "context_length": Failure(
            400,
            "Prompt contains 128001 tokens, too large for model with 128000 maximum context length",
            "invalid_request_prompt",
            "3051",
        ),
    }

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Paths that it shares with OpenAI are its own for its client."""
        return caller(request) == "mistral"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Correlation id, latencies and rate limits (section 12, recorded)."""
        own = uuid(call, "correlation")
        request_id = f"019a{own[4:14]}7{own[15:]}"
        left = "0" if status == 429 else "9"
        return (
            ("mistral-correlation-id", request_id),
            ("x-kong-request-id", request_id),
            ("x-kong-proxy-latency", "8"),
            ("x-kong-upstream-latency", str(200 + int(call.token("ms", 2, HEX), 16))),
            ("x-ratelimit-limit-req-10-second", "10"),
            ("x-ratelimit-remaining-req-10-second", left),
            ("x-ratelimit-limit-tokens-minute", "500000"),
            ("x-ratelimit-remaining-tokens-minute", "499900"),
            ("Server", "cloudflare"),
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """Requests in its shortest window."""
        return (
            ("x-ratelimit-limit-req-10-second", str(limit.requests)),
            ("x-ratelimit-remaining-req-10-second", str(limit.left)),
            *retry_after(limit),
        )

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"detail"}` from the front, else an object of its own (section 12)."""
        if failure.status == 401:
            return ErrorBody({"detail": failure.message})
        if failure.status == 422 and failure.param is not None:
            detail = {
                "type": failure.type or "value_error",
                "loc": ["body", *location(failure.param)],
                "msg": failure.message,
            }
            return ErrorBody({"detail": [detail]})
        return ErrorBody(self.error(failure))

    def error(self, failure: Failure) -> Dict[str, Json]:
        """The flat object of an error."""
        named = failure.type or (
            "invalid_request_error" if failure.status < 500 else "internal_server_error"
        )
        return {
            "object": "error",
            "message": failure.message,
            "type": named,
            "param": failure.param,
            "code": failure.code,
            "raw_status_code": failure.status,
        }

    def complaint(self, wrong: BadField) -> Failure:
        """422 with the place of the field."""
        kind, said = pydantic_error(wrong)
        return Failure(422, said, kind, param=wrong.path)


class MistralChat(Mistral, OpenAIChat):
    """Chat completions: bare ids, tool calls in one piece, the last chunk with finish reason and usage."""

    routes: Tuple[str, ...] = OpenAIChat.routes
    stops = {"content_filter": "error"}

    def tool_call(self, call: Call, part: ToolCall, number: int, choice: int) -> Dict[str, Json]:
        """A tool call; its id has 9 characters, as Mistral demands of clients too."""
        own = part.id or call.token(f"tool {choice} {number}", 9)
        return {
            "id": own,
            "function": {"name": part.name, "arguments": compact(part.arguments)},
            "index": number,
        }

    def content(self, parts: Sequence[Tuple[Part, str]]) -> Json:
        """Content: text, or a list with thoughts where there are any."""
        if not any(isinstance(part, Reasoning) for part, _ in parts):
            return "".join(text for _, text in parts)
        return [
            {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
            if isinstance(part, Reasoning)
            else {"type": "text", "text": text}
            for part, text in parts
        ]

    def stop(self, reply: Reply) -> str:
        """The finish reason; a refusal is text that ends with error, as what a filter stopped does."""
        refused = reply.stop == "stop" and reply.text(Refusal) is not None
        return self.stops.get("content_filter" if refused else reply.stop, reply.stop)

    def head(self, call: Call, reply: Reply, kind: str) -> Dict[str, Json]:
        """With an id of 32 hex digits."""
        return {**super().head(call, reply, kind), "id": reply.id or call.token("id", 32, HEX)}

    def spent(self, reply: Reply) -> Dict[str, Json]:
        """Token counts."""
        return {
            "prompt_tokens": reply.usage.input,
            "total_tokens": reply.usage.total,
            "completion_tokens": reply.usage.output,
        }

    def calls(self, call: Call, reply: Reply, choice: int) -> List[Json]:
        """All tool calls."""
        return [
            self.tool_call(call, part, number, choice)
            for number, part in enumerate(reply.tool_calls)
        ]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The `chat.completion` object."""
        said = [
            (part, part.text)
            for part in reply.parts
            if isinstance(part, (Text, Reasoning, Refusal))
        ]
        choices = [
            {
                "index": index,
                "message": {
                    "role": "assistant",
                    "tool_calls": self.calls(call, reply, index) or None,
                    "content": self.content(said),
                },
                "finish_reason": self.stop(reply),
            }
            for index in range(call.choices)
        ]
        return {
            **self.head(call, reply, "chat.completion"),
            "choices": choices,
            "usage": self.spent(reply),
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Chunks; usage is on the last one of each choice, unasked."""
        head = self.head(call, reply, "chat.completion.chunk")
        for index in range(call.choices):
            deltas = [
                {"role": "assistant", "content": ""},
                *(
                    {"content": self.content([(delta.part, delta.piece)])}
                    for delta in walk(reply)
                    if not isinstance(delta.part, ToolCall) and delta.piece
                ),
            ]
            for number, delta in enumerate(deltas):
                chunk = {
                    **head,
                    "choices": [{"index": index, "delta": delta, "finish_reason": None}],
                }
                yield "", {**chunk, "p": self.pad(call, number)} if number else chunk
            calls = self.calls(call, reply, index)
            last = {
                "index": index,
                "delta": {"content": "", **({"tool_calls": calls} if calls else {})},
                "finish_reason": self.stop(reply),
            }
            yield (
                "",
                {
                    **head,
                    "choices": [last],
                    "usage": self.spent(reply),
                    "p": self.pad(call, len(deltas)),
                },
            )
        yield "", "[DONE]"

    @staticmethod
    def pad(call: Call, number: int) -> str:
        """A beginning of the alphabet and digits, as long as the request says."""
        return (LOWER + "0123456789")[: 1 + int(call.token(f"pad {number}", 2, HEX), 16) % 36]


class MistralFIM(MistralChat):
    """Fill in the middle: a prompt, and a suffix that the answer leads to."""

    api = "fim"
    routes = ("POST /v1/fim/completions", "POST {prefix*}/fim/completions")
    fields = {
        "model": "a string!",
        "prompt": "a string!",
        "suffix": "a string",
        "stream": "a boolean",
    }

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """The path is Mistral's alone."""
        return True

    def turns(self, body: Field) -> Iterator[Turn]:
        """The prompt counts as the user's text."""
        yield Turn("user", body.value["prompt"])


class MistralEmbeddings(Mistral, OpenAIEmbeddings):
    """Embeddings, with an id."""

    routes = OpenAIEmbeddings.routes

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list of embeddings."""
        value = super().whole(call, reply)
        return {
            "id": call.token("id", 32, HEX),
            "object": "list",
            "data": value["data"],
            "model": value["model"],
            "usage": {**value["usage"], "completion_tokens": 0},
        }


class MistralModels(Mistral, OpenAIModels):
    """Models, with what they can do."""

    routes = (OpenAIModels.routes[0],)
    known = (
        "mistral-small-latest",
        "mistral-large-latest",
        "magistral-medium-latest",
        "codestral-latest",
        "mistral-embed",
    )

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        chats = "embed" not in name
        return {
            **super().entry(name),
            "owned_by": "mistralai",
            "capabilities": {
                "completion_chat": chats,
                "function_calling": chats,
                "completion_fim": "codestral" in name,
                "fine_tuning": False,
                "vision": False,
                "classification": False,
            },
            "name": name,
            "max_context_length": 131072,
            "aliases": [],
            "type": "base",
        }
