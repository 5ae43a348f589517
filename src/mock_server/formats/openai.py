"""OpenAI's chat completions, and what all of its APIs share (wire formats, section 5).  Pure."""

from __future__ import annotations

import functools
import itertools
import re
from typing import Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple

from ..errors import MISSING, BadField, kind_of, shown
from ..jsons import HEX, compact, indented, merged, token, utf8, within
from ..limits import RETRY_SECONDS, Headers, Json
from ..node import Field
from ..values import (
    Call,
    ErrorBody,
    Failure,
    Limit,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Text,
    ToolCall,
    Turn,
    Usage,
    walk,
)
from .base import WireFormat, caller, choices_of, retry_after

REASONING_MODEL = re.compile(
    r"(?:.*/)?(?:o\d|gpt-(?:[5-9](?!\d)|[12]\d))"
)  # not Azure's gpt-35-turbo


OPENAI_ERRORS = {
    "no_key": Failure(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header "
        "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank "
        "username) if you're accessing the API from your browser and are prompted for a username and "
        "password. You can obtain an API key from https://platform.openai.com/account/api-keys.",
        code="",
    ),
    "authentication": Failure(
        401,
        "Incorrect API key provided: sk-****. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    ),
    "permission": Failure(
        403, "Project `proj_mock` does not have access to model `{model}`", code="model_not_found"
    ),
    "not_found": Failure(
        404,
        "The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
    ),
    "rate_limit": Failure(
        429,
        "Rate limit reached for {model} in organization org-mock on requests per min (RPM): Limit 10000, "
        "Used 10000, Requested 1. Please try again in {wait}s. Visit "
        "https://platform.openai.com/account/rate-limits to learn more.",
        "requests",
        "rate_limit_exceeded",
    ),
    "server_error": Failure(
        500, "The server had an error while processing your request. Sorry about that!"
    ),
    "overloaded": Failure(
        503,
        "The server is currently overloaded with other requests. Sorry about that! Please retry your "
        "requests after a brief wait.",
    ),
    "context_length": Failure(
        400,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "128001 tokens. Please reduce the length of the messages.",
        code="context_length_exceeded",
        param="messages",
    ),
}


def go_duration(whole: int) -> str:
    """Whole seconds as Go writes a duration: `1m13s`."""
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h" * bool(hours) + f"{minutes}m" * bool(hours or minutes) + f"{rest}s"


class OpenAI(WireFormat):
    """What all APIs of OpenAI share: headers, errors, credential."""

    provider = "openai"
    layout: Callable[..., str] = staticmethod(indented)
    ending = "\n"
    bad_json = (
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
        "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON: {}.)"
    )
    front_door = (
        401,
        404,
    )  # errors that never reach the engine have another layout (5.8, recorded)
    errors: Mapping[str, Failure] = OPENAI_ERRORS

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Request id, processing time, version and rate limits (5.1, recorded)."""
        request_id = ("x-request-id", "req_" + call.token("request", 32, HEX))
        shared = (
            ("access-control-expose-headers", "X-Request-ID"),
            ("x-content-type-options", "nosniff"),
            ("Server", "cloudflare"),
        )
        if status in self.front_door:
            return (request_id, ("Vary", "Origin"), *shared)
        engine = (
            request_id,
            ("openai-organization", "mock-organization"),
            ("openai-processing-ms", str(100 + int(call.token("ms", 2, HEX), 16))),
            ("openai-version", "2020-10-01"),
        )
        if self.operation not in ("generate", "embed") or (stream and self.api == "responses"):
            return (*engine, *shared)
        left, reset = ("0", "1s") if status == 429 else ("9999", "8.64s")
        return (
            *engine,
            *((("retry-after", str(RETRY_SECONDS)),) if status == 429 else ()),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-limit-tokens", "200000"),
            ("x-ratelimit-remaining-requests", left),
            ("x-ratelimit-remaining-tokens", "199968"),
            ("x-ratelimit-reset-requests", reset),
            ("x-ratelimit-reset-tokens", "9ms"),
            *shared,
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """Requests, and the time until there are new ones as Go writes a duration (5.1)."""
        return (
            ("x-ratelimit-limit-requests", str(limit.requests)),
            ("x-ratelimit-remaining-requests", str(limit.left)),
            ("x-ratelimit-reset-requests", go_duration(limit.wait)),
            *retry_after(limit),
        )

    def error(self, failure: Failure) -> Dict[str, Json]:
        """The inner object of an error: message, type, param and code, all four always there (5.8)."""
        kind = "server_error" if failure.status >= 500 else "invalid_request_error"
        return {
            "message": failure.message,
            "type": failure.type or kind,
            "param": failure.param,
            "code": failure.code or None,
        }

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error": {…}}` in one of two layouts."""
        value = {"error": self.error(failure)}
        if failure.status in self.front_door:
            wide = functools.partial(indented, step="    ")
            return ErrorBody(value, wide, "\n", "application/json; charset=utf-8")
        return ErrorBody(value, indented)

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """One event that holds an error (3.3); nothing follows it."""
        yield "", {"error": self.error(failure)}

    def complaint(self, wrong: BadField) -> Failure:
        """OpenAI's own sentences, with the field as `param`."""
        field, code = wrong.path, "invalid_type"
        text = f"Invalid type for '{field}': expected {wrong.expected}, but got {kind_of(wrong.found)} instead."
        if not field:
            text, code = (
                f"Invalid body: expected {wrong.expected}, but got {kind_of(wrong.found)} instead.",
                "invalid_body",
            )
        elif wrong.found is MISSING:
            text, code = f"Missing required parameter: '{field}'.", "missing_required_parameter"
        elif wrong.found == [] and "array" in wrong.expected:
            text, code = (
                (
                    f"Invalid '{field}': empty array. Expected an array with minimum length 1, "
                    "but got an empty array instead."
                ),
                "empty_array",
            )
        elif " from " in wrong.expected:
            text, code = (
                f"Invalid '{field}': expected {wrong.expected}, but got {shown(wrong.found)} instead.",
                "invalid_value",
            )
        return Failure(400, text, "invalid_request_error", code, field or None)


TEXT_PARTS = ("text", "input_text", "output_text")


def openai_text(content: Field) -> str:
    """The text of a message's content: a string, null, or parts of which those with text count."""
    if content.is_absent:
        return ""
    if isinstance(content.value, str):
        return content.value
    content.a("a string or an array")
    texts = []
    for node in content.objects():
        part = node.check({"type": "a string!", "text": "a string"}).value
        if part["type"] in TEXT_PARTS and part.get("text") is not None:
            texts.append(part["text"])
        if part["type"] == "document":  # how Cohere's clients send the result of a tool
            data = within(part, "document", "data")
            texts.append(data if isinstance(data, str) else compact(data))
    return "\n".join(texts)


def openai_usage(usage: Usage) -> Dict[str, Json]:
    """Token counts with their details, as chat completions have them."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def logprobs(cut: Sequence[str], body: Json) -> Optional[Dict[str, Json]]:
    """Log probabilities for pieces of text, if the request asks for them."""
    if body.get("logprobs") is not True:
        return None
    entries = [{"token": piece, "logprob": -0.01, "bytes": list(utf8(piece))} for piece in cut]
    return {
        "content": [
            {**entry, "top_logprobs": [entry] if body.get("top_logprobs") else []}
            for entry in entries
        ],
        "refusal": None,
    }


def wants_usage(body: Json) -> bool:
    """Whether a stream is to end with a chunk of token counts."""
    return bool((body.get("stream_options") or {}).get("include_usage"))


CHAT_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


class ChatRequest(OpenAI):
    """How a chat completions request reads (wire formats, 5.2)."""

    api = "chat"
    fields = {
        "model": "a string!",
        "messages": "an array!",
        "stream": "a boolean",
        "stream_options": "an object",
        "n": "an integer",
        "tools": "an array",
        "functions": "an array",
        "temperature": "a number",
        "top_p": "a number",
        "max_tokens": "an integer",
        "max_completion_tokens": "an integer",
        "logprobs": "a boolean",
        "response_format": "an object",
        "parallel_tool_calls": "a boolean",
        "tool_choice": "a string or an object",
        "stop": "a string or an array",
        "user": "a string",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """The messages, in order."""
        messages = body.get("messages")
        if not messages.value:
            messages.expected("an array")
        for message in messages.objects():
            role = message.check({"role": "a string!"}).get("role")
            if role.value not in CHAT_ROLES:
                role.expected("one from " + ", ".join(CHAT_ROLES))
            yield Turn(CHAT_ROLES[role.value], openai_text(message.get("content")))

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Mistral's own client gets Mistral's dialect."""
        return caller(request) != "mistral"

    def tools(self, body: Field) -> Iterator[str]:
        """Names of functions and custom tools, and of the older `functions`."""
        for tool in body.get("tools").objects():
            kind = tool.value.get("type")
            if kind in ("function", "custom"):
                named = tool.check({kind: "an object!"}).get(kind)
                yield named.check({"name": "a string!"}).value["name"]
        for function in body.get("functions").objects():
            yield function.check({"name": "a string!"}).value["name"]

    def choices(self, body: Field) -> int:
        """`n`."""
        return choices_of(body.get("n"), 128)

    def schema(self, body: Field) -> Json:
        """`response_format.json_schema.schema`."""
        return within(body.value, "response_format", "json_schema", "schema")

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """`stream`."""
        return bool(body.value.get("stream"))


class OpenAIChat(ChatRequest):
    """Chat completions (wire formats, 5.2 and 5.3)."""

    routes: Tuple[str, ...] = (
        "POST /v1/chat/completions",
        "POST {prefix*}/chat/completions",
    )
    stream_type = "text/event-stream; charset=utf-8"
    keys = {Text: "content", Reasoning: "reasoning_content", Refusal: "refusal"}

    def tool_call(self, call: Call, part: ToolCall, number: int, choice: int) -> Dict[str, Json]:
        """A whole tool call; its arguments are JSON text."""
        own = part.id or "call_" + call.token(f"tool {choice} {number}", 24)
        return {
            "id": own,
            "type": "function",
            "function": {"name": part.name, "arguments": compact(part.arguments)},
        }

    def message(self, call: Call, reply: Reply, choice: int) -> Dict[str, Json]:
        """The assistant's message."""
        calls = [
            self.tool_call(call, part, number, choice)
            for number, part in enumerate(reply.tool_calls)
        ]
        reasoning = reply.text(Reasoning)
        return {
            "role": "assistant",
            "content": reply.text(Text),
            **({"reasoning_content": reasoning} if reasoning else {}),
            **({"tool_calls": calls} if calls else {}),
            "refusal": reply.text(Refusal) or None,
            "annotations": [],
        }

    def choice(
        self,
        call: Call,
        index: int,
        body: Dict[str, Json],
        finish: Optional[str],
        cut: Sequence[str] = (),
    ) -> Dict[str, Json]:
        """One choice; `body` is its message or delta.  Reasoning models have no `logprobs` key (5.2)."""
        probabilities = (
            {}
            if REASONING_MODEL.match(call.model)
            else {"logprobs": logprobs(cut, call.body) if cut else None}
        )
        return {"index": index, **body, **probabilities, "finish_reason": finish}

    def whole(self, call: Call, reply: Reply) -> Json:
        """The `chat.completion` object."""
        asked = call.body.get("logprobs") is True
        cut = (
            [delta.piece for delta in walk(reply) if isinstance(delta.part, Text) and delta.piece]
            if asked
            else ()
        )
        choices = [
            self.choice(call, index, {"message": self.message(call, reply, index)}, reply.stop, cut)
            for index in range(call.choices)
        ]
        return {
            **self.head(call, reply, "chat.completion"),
            "choices": choices,
            "usage": openai_usage(reply.usage),
            **self.tail(call),
        }

    def head(self, call: Call, reply: Reply, kind: str) -> Dict[str, Json]:
        """What every object begins with."""
        return {
            "id": reply.id or "chatcmpl-" + call.token("id", 29),
            "object": kind,
            "created": call.second,
            "model": reply.model,
        }

    def tail(self, call: Call) -> Dict[str, Json]:
        """Tier and fingerprint; reasoning models have none of the latter (2.4)."""
        plain = not REASONING_MODEL.match(call.model)
        return {
            "service_tier": "default",
            "system_fingerprint": "fp_" + token(call.model, 10, HEX) if plain else None,
        }

    def deltas(self, call: Call, reply: Reply, choice: int) -> Iterator[Dict[str, Json]]:
        """A message in pieces; a lone tool call opens together with the role (5.3, recorded)."""
        calls = reply.tool_calls
        heads = [
            {
                "index": number,
                **merged(
                    self.tool_call(call, part, number, choice), {"function": {"arguments": ""}}
                ),
            }
            for number, part in enumerate(calls)
        ]
        lone, only_calls = (
            len(calls) == len(reply.parts) == 1,
            bool(calls) and len(calls) == len(reply.parts),
        )
        yield {
            "role": "assistant",
            "content": None if reply.text(Text) is None else "",
            **({"tool_calls": heads} if lone else {}),
            **({} if only_calls and not lone else {"refusal": None}),
        }
        number = -1
        for delta in walk(reply):
            if isinstance(delta.part, ToolCall):
                number += delta.head
                if delta.head and not lone:
                    yield {"tool_calls": [heads[number]]}
                yield {"tool_calls": [{"index": number, "function": {"arguments": delta.piece}}]}
            elif delta.piece:
                yield {self.keys[type(delta.part)]: delta.piece}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """`chat.completion.chunk` objects, then `[DONE]`."""
        head, tail = self.head(call, reply, "chat.completion.chunk"), self.tail(call)
        pads = itertools.count()
        usage: Dict[str, Json] = {"usage": None} if wants_usage(call.body) else {}
        for index in range(call.choices):
            for delta in self.deltas(call, reply, index):
                choice = self.choice(
                    call,
                    index,
                    {"delta": delta},
                    None,
                    [delta["content"]] if delta.get("content") else (),
                )
                yield (
                    "",
                    self.padded(call, {**head, **tail, "choices": [choice], **usage}, next(pads)),
                )
            final = self.choice(call, index, {"delta": {}}, reply.stop)
            yield "", self.padded(call, {**head, **tail, "choices": [final], **usage}, next(pads))
        if usage:
            last = {**head, **tail, "choices": [], "usage": openai_usage(reply.usage)}
            yield "", self.padded(call, last, next(pads))
        yield "", "[DONE]"

    def padded(self, call: Call, chunk: Dict[str, Json], number: int) -> Dict[str, Json]:
        """A chunk with `obfuscation`, which makes its length 1 modulo 16 (5.3, recorded)."""
        options = call.body.get("stream_options") or {}
        if options.get("include_obfuscation") is False:
            return self.arranged(chunk)
        room = (1 - len(utf8(compact({**chunk, "obfuscation": ""})))) % 16 or 16
        start = number * 16 % 1008
        return self.arranged({**chunk, "obfuscation": call.pads[start : start + room]})

    def arranged(self, value: Dict[str, Json]) -> Dict[str, Json]:
        """Keys added, left out or ordered as a dialect has them."""
        return value

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """The values, and `[DONE]` if they don't end with it."""
        for value in values:
            yield "", value
        if not values or values[-1] != "[DONE]":
            yield "", "[DONE]"
