"""AWS Bedrock: Converse (wire formats, section 10).  Pure."""

from __future__ import annotations

import base64
import itertools
from typing import (
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    cast,
)

from ..errors import MISSING, BadField, shown
from ..framings import AWS_EVENTS, Framing
from ..jsons import BASE64URL, HEX, LOWER, compact, parse_json, sorted_compact, utf8, within
from ..limits import Headers, Json
from ..node import Field
from ..values import (
    Call,
    Delta,
    ErrorBody,
    Failure,
    Part,
    Reasoning,
    Refusal,
    Reply,
    ToolCall,
    Turn,
    Usage,
    walk,
)
from .anthropic import AnthropicMessages
from .base import WireFormat, uuid

BEDROCK_TYPES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    409: "ConflictException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


BEDROCK_ERRORS = {
    "no_key": Failure(403, "Missing Authentication Token", "MissingAuthenticationTokenException"),
    "authentication": Failure(
        403, "The security token included in the request is invalid.", "UnrecognizedClientException"
    ),
    "permission": Failure(
        403,
        "You don't have access to the model with the specified model ID.",
        "AccessDeniedException",
    ),
    "not_found": Failure(400, "The provided model identifier is invalid."),
    "timeout": Failure(
        408, "Model has timed out in processing the request. Try your request again."
    ),
    "rate_limit": Failure(429, "Too many requests, please wait before trying again."),
    "server_error": Failure(
        500, "The system encountered an unexpected error during processing. Try your request again."
    ),
    "overloaded": Failure(
        503, "The service is unable to process your request right now. Try your request again."
    ),
    "context_length": Failure(400, "Input is too long for requested model."),
}


BEDROCK_PADS = LOWER + LOWER.upper() + "0123456789"


class Bedrock(WireFormat):
    """What all APIs of Bedrock share: headers, errors by type in a header, SigV4 or a key, the binary event stream."""

    provider = "bedrock"
    schemes: Tuple[str, ...] = ("bearer", "aws4-hmac-sha256")
    errors: Mapping[str, Failure] = BEDROCK_ERRORS
    layout: Callable[..., str] = staticmethod(sorted_compact)
    stream_type = "application/vnd.amazon.eventstream"
    bad_json = "Unable to parse the request body as JSON: {}"

    def framing(self, call: Call) -> Framing:
        """The binary event stream."""
        return AWS_EVENTS

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The request id; of an invoke stream also the type of what is inside."""
        inside = (
            (("X-Amzn-Bedrock-Content-Type", "application/json"),)
            if stream and self.api == "invoke"
            else ()
        )
        return (("x-amzn-RequestId", uuid(call, "request")), *inside)

    def usage_headers(self, reply: Reply) -> Headers:
        """Token counts and latency, which invoke tells in headers."""
        if self.api != "invoke":
            return ()
        return (
            ("X-Amzn-Bedrock-Input-Token-Count", str(reply.usage.input - reply.usage.cached)),
            ("X-Amzn-Bedrock-Output-Token-Count", str(reply.usage.output)),
            ("X-Amzn-Bedrock-Invocation-Latency", "408"),
        )

    @staticmethod
    def kind(failure: Failure) -> str:
        """The type of an error, such as ThrottlingException."""
        return failure.type or BEDROCK_TYPES.get(
            failure.status,
            "ValidationException" if failure.status < 500 else "InternalServerException",
        )

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"message"}`, the type in x-amzn-ErrorType (10.2, recorded)."""
        kind = self.kind(failure) + ":http://internal.amazon.com/coral/com.amazon.bedrock/"
        return ErrorBody({"message": failure.message}, headers=(("x-amzn-ErrorType", kind),))

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """An exception message, its type in lower camel case (10.1)."""
        kind = (
            self.kind(failure)
            if self.kind(failure).endswith("Exception")
            else "InternalServerException"
        )
        yield kind[0].lower() + kind[1:], {"message": failure.message}

    def complaint(self, wrong: BadField) -> Failure:
        """AWS's way to name a field."""
        wanted = (
            "not be null"
            if wrong.found is MISSING
            else f"be {wrong.expected}, found {shown(wrong.found)}"
        )
        return Failure(
            400,
            f"1 validation error detected: Value at '{wrong.path or 'body'}' failed to satisfy constraint: "
            f"Member must {wanted}",
        )

    @staticmethod
    def pad(call: Call, number: int) -> str:
        """The padding `p` of an event: a beginning of letters and digits (10.1, recorded)."""
        return BEDROCK_PADS[: int(call.token(f"pad {number}", 2, HEX), 16) % 62]


def bedrock_blocks(content: Field) -> Tuple[str, List[str], bool]:
    """Of a message's content: its text, the texts of its tool results, and whether there is anything else than those."""
    texts, results, other = [], [], False
    for block in content.objects():
        value = block.check({"text": "a string", "toolResult": "an object"}).value
        if value.get("toolResult") is not None:
            parts = block.within("toolResult", "content").objects()
            results.append("\n".join(filter(None, (result_text(part.value) for part in parts))))
            continue
        other = other or set(value) != {"cachePoint"}
        text = value.get("text", within(value, "guardContent", "text", "text"))
        if isinstance(text, str):
            texts.append(text)
    return "\n".join(texts), results, other


def result_text(part: Mapping[str, Json]) -> Optional[str]:
    """The text of one part of a tool's result: text, or JSON."""
    if isinstance(part.get("text"), str):
        return cast(str, part["text"])
    return compact(part["json"]) if "json" in part else None


class ConverseRequest(Bedrock):
    """How a Converse request reads."""

    api = "converse"
    fields: Mapping[str, str] = {
        "messages": "an array",
        "system": "an array",
        "promptVariables": "an object",
        "inferenceConfig": "an object",
        "toolConfig": "an object",
        "additionalModelRequestFields": "an object",
        "outputConfig": "an object",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """System blocks and messages; a message of only tool results is no user message."""
        if not body.get("system").is_absent:
            yield Turn("system", bedrock_blocks(body.get("system"))[0])
        messages = body.get("messages")
        if not messages.value and body.get("promptVariables").is_absent:
            messages.expected("an array of at least one message")
        for message in messages.objects():
            message.check({"role": "a string!", "content": "an array!"})
            role = message.get("role")
            if role.value not in ("user", "assistant", "system"):
                role.expected("one from user, assistant")
            text, results, other = bedrock_blocks(message.get("content"))
            if role.value != "user" or other or not results:
                yield Turn(role.value, text)
            for result in results:
                yield Turn("tool", result)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of the tools."""
        for tool in body.within("toolConfig", "tools").objects():
            tool.check({"toolSpec": "an object"})
            if "toolSpec" in tool.value:
                yield tool.get("toolSpec").check({"name": "a string!"}).value["name"]

    def schema(self, body: Field) -> Json:
        """`outputConfig.textFormat.structure.jsonSchema.schema`, which is JSON text."""
        names = ("outputConfig", "textFormat", "structure", "jsonSchema", "schema")
        node = body.within(*names)
        if not isinstance(node.value, str):
            return None if node.is_absent else node.value
        try:
            return parse_json(utf8(node.value))
        except ValueError as error:
            node.expected(f"JSON ({error})")


class BedrockConverse(ConverseRequest):
    """converse and converse-stream (section 10)."""

    routes: Tuple[str, ...] = (
        "POST /model/{model}/{verb=converse}",
        "POST /model/{model}/{verb=converse-stream}",
    )
    stops = {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "content_filtered",
    }

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The operation says it."""
        return params["verb"].endswith("stream")

    def block(self, call: Call, part: Part, index: int) -> Dict[str, Json]:
        """One content block."""
        if isinstance(part, ToolCall):
            return {
                "toolUse": {
                    "toolUseId": self.tool_id(call, part, index),
                    "name": part.name,
                    "input": dict(part.arguments),
                }
            }
        if isinstance(part, Reasoning):
            signature = AnthropicMessages.signature(call, index)
            return {
                "reasoningContent": {"reasoningText": {"text": part.text, "signature": signature}}
            }
        return {"text": getattr(part, "text", "")}

    @staticmethod
    def tool_id(call: Call, part: ToolCall, index: int) -> str:
        """The id of a tool call."""
        return part.id or "tooluse_" + call.token(f"tool {index}", 22, BASE64URL)

    def stop(self, reply: Reply) -> str:
        """The stop reason; a refusal is text that a filter stopped."""
        refused = reply.stop == "stop" and reply.text(Refusal) is not None
        return self.stops["content_filter" if refused else reply.stop]

    def usage(self, usage: Usage) -> Dict[str, Json]:
        """Token counts; those read from the cache are not among the input."""
        cached = (
            {"cacheReadInputTokens": usage.cached, "cacheWriteInputTokens": 0}
            if usage.cached
            else {}
        )
        return {
            "inputTokens": usage.input - usage.cached,
            "outputTokens": usage.output,
            "totalTokens": usage.total,
            **cached,
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The output message with metrics."""
        content = [self.block(call, part, index) for index, part in enumerate(reply.parts)]
        return {
            "metrics": {"latencyMs": 408},
            "output": {"message": {"content": content, "role": "assistant"}},
            "stopReason": self.stop(reply),
            "usage": self.usage(reply.usage),
        }

    def deltas(self, call: Call, delta: Delta) -> Dict[str, Json]:
        """The delta of one piece."""
        if isinstance(delta.part, ToolCall):
            return {"toolUse": {"input": delta.piece}}
        return (
            {"reasoningContent": {"text": delta.piece}}
            if isinstance(delta.part, Reasoning)
            else {"text": delta.piece}
        )

    def values(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Dict[str, Json]]]:
        """The events of a stream without their padding, in order (10.1, recorded)."""
        yield "messageStart", {"role": "assistant"}
        for index, cut in itertools.groupby(walk(reply), key=lambda delta: delta.index):
            part = reply.parts[index]
            if isinstance(part, ToolCall):
                start = {
                    "toolUse": {"name": part.name, "toolUseId": self.tool_id(call, part, index)}
                }
                yield "contentBlockStart", {"contentBlockIndex": index, "start": start}
            for delta in cut:
                yield (
                    "contentBlockDelta",
                    {"contentBlockIndex": index, "delta": self.deltas(call, delta)},
                )
            if isinstance(part, Reasoning):
                signature = {
                    "reasoningContent": {"signature": AnthropicMessages.signature(call, index)}
                }
                yield "contentBlockDelta", {"contentBlockIndex": index, "delta": signature}
            yield "contentBlockStop", {"contentBlockIndex": index}
        yield "messageStop", {"stopReason": self.stop(reply)}
        yield "metadata", {"metrics": {"latencyMs": 625}, "usage": self.usage(reply.usage)}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events with their padding."""
        for number, (name, value) in enumerate(self.values(call, reply)):
            yield name, {**value, "p": self.pad(call, number)}

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Events as boto3 gives them, `{"messageStart": {…}}`, or bare payloads, known by what is in them."""
        known = {
            "role": "messageStart",
            "start": "contentBlockStart",
            "delta": "contentBlockDelta",
            "stopReason": "messageStop",
            "usage": "metadata",
            "contentBlockIndex": "contentBlockStop",
        }
        for value in values:
            name = next(
                (known[key] for key in known if isinstance(value, dict) and key in value), ""
            )
            if not name and isinstance(value, dict) and len(value) == 1:
                name, value = next(iter(value.items()))
            if name:
                yield name, value


class BedrockCountTokens(Bedrock):
    """CountTokens, of a Converse or an InvokeModel request."""

    operation, api = "count_tokens", "count-tokens"
    routes = ("POST /model/{model}/count-tokens",)
    fields = {"input": "an object!"}

    def turns(self, body: Field) -> Iterable[Turn]:
        """The conversation of the request inside."""
        given = body.within("input", "converse")
        if not given.is_absent:
            given.check({**ConverseRequest.fields, "messages": "an array!"})
            return ConverseRequest().turns(given)
        packed = body.within("input", "invokeModel", "body")
        if not isinstance(packed.value, str):
            return invoked_turns(None)
        try:
            return invoked_turns(parse_json(base64.b64decode(packed.value)))
        except ValueError as error:
            packed.expected(f"base64 of JSON ({error})")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count."""
        return {"inputTokens": reply.usage.input}


def invoked_turns(body: Json) -> Iterator[Turn]:
    """What can be read of an InvokeModel body whose maker has no wire format here: a prompt, or messages with texts."""
    body = body if isinstance(body, dict) else {}
    prompt = next(
        (body[name] for name in ("prompt", "inputText") if isinstance(body.get(name), str)), None
    )
    if prompt is not None:
        yield Turn("user", prompt)
    for message in body["messages"] if isinstance(body.get("messages"), list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        parts = content if isinstance(content, list) else [{"text": content}]
        texts = [
            part["text"]
            for part in parts
            if isinstance(part, dict) and isinstance(part.get("text"), str)
        ]
        role = message.get("role") if isinstance(message, dict) else ""
        yield Turn(
            role if role in ("system", "user", "assistant", "tool") else "user", "\n".join(texts)
        )
