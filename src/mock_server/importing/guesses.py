"""Which API an answer is from, where nobody knows what was asked.  Pure."""

from __future__ import annotations

from typing import Iterator, Mapping, Optional, Tuple

from ..formats.base import WIRE_FORMATS, WireFormat
from ..framings import NDJSON, SSE, EventStream, JsonArray
from ..jsons import parse_json
from ..limits import Json
from ..mocks.stream_texts import TEXT_CUTS, framing_of_answer
from ..mocks.templates import walked
from ..outcomes import Original
from ..recording.captures import Capture

# By provider, operation and API: members by path, and what they are; None: whatever is there.  The
# first that holds for an answer, or for one of the first events of a stream, counts.
Sign = Mapping[str, Optional[Tuple[str, ...]]]
SIGNS: Tuple[Tuple[str, Sign], ...] = (
    ("openai generate chat", {"object": ("chat.completion", "chat.completion.chunk")}),
    ("openai generate completions", {"object": ("text_completion",)}),
    ("openai generate responses", {"object": ("response",)}),
    ("openai generate responses", {"type": ("response.created", "response.queued")}),
    ("openai generate compact", {"object": ("response.compaction",)}),
    ("openai count_tokens input_tokens", {"object": ("response.input_tokens",)}),
    ("openai embed embeddings", {"object": ("list",), "data.0.object": ("embedding",)}),
    ("openai models models", {"object": ("list",), "data.0.object": ("model",)}),
    ("openai moderate moderations", {"results.0.categories": None, "results.0.flagged": None}),
    ("openai image generations", {"created": None, "data.0.b64_json": None}),
    ("openai image generations", {"created": None, "data.0.url": None}),
    ("anthropic generate messages", {"type": ("message", "message_start")}),
    ("anthropic models models", {"data.0.type": ("model",)}),
    ("cohere generate chat", {"type": ("message-start",)}),
    ("cohere generate chat", {"message.content": None, "finish_reason": None}),
    ("cohere generate chat", {"message.tool_calls": None, "finish_reason": None}),
    ("cohere embed embed", {"embeddings": None, "response_type": None}),
    ("cohere embed embed", {"embeddings": None, "meta.api_version": None}),
    ("cohere rerank rerank", {"results.0.relevance_score": None, "meta.api_version": None}),
    ("openai rerank rerank", {"results.0.relevance_score": None}),
    ("ollama generate chat", {"created_at": None, "message.role": None, "done": None}),
    ("ollama generate generate", {"created_at": None, "response": None, "done": None}),
    ("ollama embed embed", {"embeddings": None, "total_duration": None}),
    ("gemini generate generateContent", {"candidates": None}),
    ("gemini generate generateContent", {"promptFeedback": None}),
    ("gemini count_tokens countTokens", {"totalTokens": None}),
    ("gemini embed embedContent", {"embedding.values": None}),
    ("gemini embed batchEmbedContents", {"embeddings.0.values": None}),
    ("bedrock generate converse", {"output.message": None, "stopReason": None, "metrics": None}),
    ("bedrock generate converse", {"role": ("assistant",)}),
    ("bedrock generate invoke", {"bytes": None}),
    ("bedrock generate invoke", {"output.message": None, "stopReason": None}),
    ("bedrock generate invoke", {"generation": None, "stop_reason": None}),
    ("bedrock generate invoke", {"results.0.outputText": None}),
    ("openai generate ocr", {"pages.0.markdown": None}),
)
# The same of errors, of which only the provider is told: of any of its APIs.
ERROR_SIGNS: Tuple[Tuple[str, Sign], ...] = (
    ("anthropic generate messages", {"type": ("error",), "error.type": None}),
    ("gemini generate generateContent", {"error.status": None, "error.code": None}),
    ("openai generate chat", {"error.message": None, "error.type": None}),
)

# Whose they are instead, by a header of the answer or a member of it.
AZURE_HEADERS = ("x-ms-region", "apim-request-id", "x-ms-deployment-name")
AWS_HEADERS = ("x-amzn-requestid", "x-amzn-bedrock-invocation-latency")
VERTEX_MEMBERS = ("createTime", "usageMetadata.trafficType", "0.usageMetadata.trafficType")
VERTEX_CLAUDE_ID = "msg_vrtx_"

EVENTS_LOOKED_AT = 100  # of a stream that are looked at


def api_of(capture: Capture) -> Optional[WireFormat]:
    """The format of the API that gave an answer; None if it can't be told."""
    signs = SIGNS
    if capture.status >= 400:
        signs = ERROR_SIGNS
    for value in values_of_answer(capture):
        for name, sign in signs:
            if holds_sign(value, sign):
                return wire_called(*host_of(capture, value, *name.split(" ")))
    return None


def is_streamed(capture: Capture) -> bool:
    """Whether an answer is a stream."""
    return bool(stream_framing(capture))


def stream_framing(capture: Capture) -> str:
    """The title of the framing that an answer is in; empty for a whole one."""
    kind = framing_of_answer(Original(capture.status, capture.headers, capture.body))
    # Of arrays only Google's are streams.
    if kind == JsonArray.title and b'"candidates"' not in capture.body:
        return ""
    return kind


def values_of_answer(capture: Capture) -> Iterator[Json]:
    """A whole answer, or the first events of a stream, as JSON; what is none is left out."""
    kind = stream_framing(capture)
    frames = [capture.body]
    try:
        if kind:
            frames = TEXT_CUTS[kind](capture.body)
    except ValueError:
        return
    decoders = {one.title: one.decoded for one in (SSE, NDJSON, JsonArray, EventStream)}
    for frame in frames[:EVENTS_LOOKED_AT]:
        try:
            if kind:
                yield decoders[kind](frame)[1]
            else:
                yield parse_json(frame)
        except ValueError:
            continue


def holds_sign(value: Json, sign: Sign) -> bool:
    """Whether a value has all members of a sign."""
    for path, allowed in sign.items():
        found = walked(value, path)
        if found is None or (allowed and found not in allowed):
            return False
    return True


def host_of(
    capture: Capture, value: Json, provider: str, operation: str, api: str
) -> Tuple[str, str, str]:
    """Whose API it is: others have OpenAI's, Anthropic's and Google's forms, too."""
    if provider == "openai" and any(map(capture.header, AZURE_HEADERS)):
        provider = "azure"
    if provider == "anthropic" and api == "messages":
        if any(map(capture.header, AWS_HEADERS)):
            return "bedrock", operation, "invoke"
        if str(walked(value, "id")).startswith(VERTEX_CLAUDE_ID):
            provider = "vertex_ai"
    if provider == "gemini" and any(walked(value, path) is not None for path in VERTEX_MEMBERS):
        provider = "vertex_ai"
    return provider, operation, api


def wire_called(provider: str, operation: str, api: str) -> Optional[WireFormat]:
    """The format of an API by its names; the plain one where it has dialects."""
    for wire in WIRE_FORMATS:
        if (wire.provider, wire.operation, wire.api) == (provider, operation, api):
            return wire
    return None
