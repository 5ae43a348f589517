"""AWS Bedrock: InvokeModel (wire formats, section 10).  Pure."""

from __future__ import annotations

import base64
import re
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

from ..jsons import by_rows, compact, laid_out, parse_json, utf8, within
from ..limits import Headers, Json
from ..node import Field
from ..values import Call, Embedding, Reply, Request, Turn, Usage
from .anthropic import AnthropicMessages, AnthropicRequest
from .base import call_id_of, uuid
from .bedrock import INVOKE_EXCEPTIONS, Bedrock, bedrock_padding
from .bedrock_converse import BedrockConverse
from .mute import Mute
from .places import BEDROCK_CLAUDE_PLACES, NOVA_PLACES
from .runs import Stencil
from .shapes import has_words, texts_of

# Makers of models whose InvokeModel bodies are not Anthropic's; what names none of them, such as an
# ARN, is taken for Claude.
OTHER_MAKER = re.compile(
    r"(?:.*[./])?(?:amazon|ai21|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|nvidia|"
    r"openai|qwen|stability|twelvelabs|writer|zai)\."
)
# Amazon's other Nova models make pictures, films, speech and vectors.
OTHER_NOVA = re.compile(r"canvas|reel|sonic|.*embed")
FAMILIES = (
    ("titan-embed", re.compile(r".*amazon\.titan-embed")),
    ("cohere-embed", re.compile(r".*cohere\.embed")),
    ("rerank", re.compile(r".*(?:cohere|amazon)\.rerank")),
    ("other", OTHER_MAKER),
)

# Every model has the same paths: its name alone tells which format reads the body.
INVOKE = "POST /model/{model}/{verb=invoke}"
INVOKE_STREAM = "POST /model/{model}/{verb=invoke-with-response-stream}"


def family_of(model: str) -> str:
    """Whose bodies a model's InvokeModel takes: one of FAMILIES, nova or claude."""
    _, nova, kind = model.rpartition("amazon.nova-")
    if nova and not OTHER_NOVA.match(kind):
        return "nova"
    return next((name for name, names in FAMILIES if names.match(model)), "claude")


def invoked_turns(body: Json) -> Iterator[Turn]:
    """What can be read of an InvokeModel body whose maker has no wire format here: a prompt, or
    messages with texts."""
    if not isinstance(body, dict):
        return
    prompts = [body[name] for name in ("prompt", "inputText") if isinstance(body.get(name), str)]
    if prompts:
        yield Turn("user", prompts[0])
    messages = body.get("messages")
    if isinstance(messages, list):
        for message in messages:
            yield invoked_turn(message)


def invoked_turn(message: Json) -> Turn:
    """One message of such a body; what can't be read of it is the user's, or empty."""
    role = within(message, "role")
    if role not in ("system", "user", "assistant", "tool"):
        role = "user"
    content = within(message, "content")
    texts = [content]
    if isinstance(content, list):
        texts = [within(part, "text") for part in content]
    call_id = None
    if isinstance(message, dict):
        call_id = call_id_of(message, "tool_call_id")
    return Turn(role, "\n".join(text for text in texts if isinstance(text, str)), call_id)


def chunk_event(value: Json, padding: str) -> Tuple[str, Json]:
    """One of the maker's events, as base64 of its JSON (10.1)."""
    data = utf8(value) if isinstance(value, str) else laid_out(value, compact)
    return "chunk", {"bytes": base64.b64encode(data).decode(), "p": padding}


def invoked_cache(usage: Usage) -> Dict[str, int]:
    """Tokens that came from a cache and went to one, if any did."""
    # The names in headers and metrics are quoted from logs of boto3; older models have none.
    if usage.cached or usage.cache_write:
        return {"Read": usage.cached, "Write": usage.cache_write}
    return {}


class BedrockInvoke(Bedrock):
    """What InvokeModel adds: the maker's own JSON, whole or in the frames of a stream as base64."""

    api = "invoke"
    layout: Callable[..., str] = staticmethod(compact)
    stream_types = INVOKE_EXCEPTIONS
    family = ""  # one of FAMILIES, or claude

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """The model's name tells whose body it is."""
        return family_of(params["model"]) == self.family

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The operation says it."""
        return params["verb"] != "invoke"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The request id; of a stream also the type of what is inside."""
        shared = super().headers(call, stream, status)
        if not stream:
            return shared
        return (*shared, ("X-Amzn-Bedrock-Content-Type", "application/json"))

    def usage_headers(self, reply: Reply) -> Headers:
        """Token counts and latency."""
        usage = reply.usage
        counts = {"Input": usage.uncached, "Output": usage.output}
        for way, count in invoked_cache(usage).items():
            counts[f"Cache-{way}-Input"] = count
        headers = [(f"X-Amzn-Bedrock-{name}-Token-Count", str(counts[name])) for name in counts]
        return (*headers, ("X-Amzn-Bedrock-Invocation-Latency", "408"))

    def chunks(self, values: Iterable[Json], call: Call) -> Iterator[Tuple[str, Json]]:
        """The maker's events as chunks with their padding."""
        for number, value in enumerate(values):
            yield chunk_event(value, bedrock_padding(call, number))

    def is_content(self, name: str, value: Json) -> bool:
        """Whether the maker's event is, in its chunk."""
        data = str(within(value, "bytes") or "")
        try:
            inside = parse_json(base64.b64decode(data))
        except ValueError:
            return False
        return self.makes_content(inside)

    def makes_content(self, inside: Json) -> bool:
        """Whether an event of the maker is content."""
        return super().is_content("", inside)

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """The maker's events."""
        for value in values:
            yield chunk_event(value, "abcdefgh")  # there is no call to derive padding from


class BedrockClaude(BedrockInvoke, AnthropicMessages):
    """InvokeModel for Claude: messages without ping and padding, with metrics at the end (10.1)."""

    family = "claude"
    routes = (INVOKE, INVOKE_STREAM)
    # The path names the model; the body names the version of Anthropic's API instead (section 10).
    fields = {**AnthropicRequest.fields, "model": "a string", "anthropic_version": "a string"}
    places = BEDROCK_CLAUDE_PLACES
    prefix = "msg_bdrk_01"

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Anthropic's events in chunks."""
        return self.chunks(self.measured(call, reply), call)

    def measured(self, call: Call, reply: Reply) -> Iterator[Json]:
        """Anthropic's events, the last with the metrics of the whole."""
        metrics = {
            "inputTokenCount": reply.usage.uncached,
            "outputTokenCount": reply.usage.output,
            "invocationLatency": 300,
            "firstByteLatency": 100,
        }
        for way, count in invoked_cache(reply.usage).items():
            metrics[f"cache{way}InputTokenCount"] = count
        for name, value in self.values(call, reply):
            if name == "message_stop":
                value = {**value, "amazon-bedrock-invocationMetrics": metrics}
            yield value


class BedrockNova(BedrockInvoke, BedrockConverse):
    """InvokeModel for Amazon Nova, which speaks as Converse does; its events hold their names."""

    family = "nova"
    routes = (INVOKE, INVOKE_STREAM)
    places = NOVA_PLACES
    cache_counts = ("cacheReadInputTokenCount", "cacheWriteInputTokenCount")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The output, without metrics."""
        value = super().whole(call, reply)
        return {key: value[key] for key in ("output", "stopReason", "usage")}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Converse's events in chunks."""
        return self.chunks(self.named(call, reply), call)

    def named(self, call: Call, reply: Reply) -> Iterator[Json]:
        """Converse's events as members of objects."""
        for name, value, texts in self.values(call, reply):
            yield from map(Stencil({name: value}).filled, texts)


class BedrockOther(Mute, BedrockInvoke):
    """InvokeModel for the models of other makers: recorded bodies and events only."""

    family = "other"
    routes = (INVOKE, INVOKE_STREAM)
    # Where the makers have their texts: Llama, Titan, Mistral and Jamba, old Claude and Cohere.
    texts = ("generation", "outputText", "outputs", "choices", "completion", "text")

    def makes_content(self, inside: Json) -> bool:
        """A text, wherever the maker has it."""
        return any(has_words(within(inside, key)) for key in self.texts)

    def turns(self, body: Field) -> Iterable[Turn]:
        """A prompt, or messages with texts."""
        return invoked_turns(body.value)


class BedrockEmbed(BedrockInvoke):
    """What the embedding models share."""

    operation = "embed"
    speaks = frozenset((Embedding,))
    layout = staticmethod(by_rows(compact))


class BedrockTitanEmbed(BedrockEmbed):
    """InvokeModel for Amazon's text embedding models."""

    family = "titan-embed"
    routes = (INVOKE,)
    fields = {"inputText": "a string", "dimensions": "an integer"}

    def inputs(self, body: Field) -> List[str]:
        """The one text; an image has none."""
        return [body.get("inputText").text("")]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding, twice as the real one."""
        vector = reply.vectors(1)[0]
        return {
            "embedding": vector,
            "embeddingsByType": {"float": vector},
            "inputTextTokenCount": reply.usage.input,
        }


class BedrockCohereEmbed(BedrockEmbed):
    """InvokeModel for Cohere's embedding models."""

    family = "cohere-embed"
    routes = (INVOKE,)
    fields = {"texts": "an array", "input_type": "a string"}
    most_inputs = 96
    # As bodies are refused that do not fit the model's schema (10.2); this bound is unverified.
    too_many = (
        "Malformed input request: #/{path}: expected maximum item count: {most}, found: {found}, "
        "please reformat your input and try again."
    )

    def inputs(self, body: Field) -> List[str]:
        """The texts."""
        return texts_of(self.counted(body.get("texts")))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings."""
        return {
            "embeddings": reply.vectors(len(call.inputs)),
            "id": uuid(call, "id"),
            "response_type": "embeddings_floats",
            "texts": list(call.inputs),
        }
