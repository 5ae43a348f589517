"""AWS Bedrock: InvokeModel (wire formats, section 10).  Pure."""

from __future__ import annotations

import base64
import re
from typing import Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..jsons import compact, utf8
from ..limits import Json
from ..node import Field
from ..values import Call, Embedding, Reply, Request, Turn
from .anthropic import AnthropicMessages, AnthropicRequest
from .base import uuid
from .bedrock import Bedrock, BedrockConverse, invoked_turns

# Makers of models whose InvokeModel bodies are not Anthropic's; what names none of them, such as an
# ARN, is taken for Claude.
OTHER_MAKER = re.compile(
    r"(?:.*[./])?(?:amazon|ai21|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|nvidia|"
    r"openai|qwen|stability|twelvelabs|writer|zai)\."
)
FAMILIES = (
    # Amazon's other Nova models make pictures, films, speech and vectors.
    ("nova", re.compile(r".*amazon\.nova-(?!canvas|reel|sonic|.*embed)")),
    ("titan-embed", re.compile(r".*amazon\.titan-embed")),
    ("cohere-embed", re.compile(r".*cohere\.embed")),
    ("other", OTHER_MAKER),
)
INVOKE = "POST /model/{model}/{verb=invoke}"
INVOKE_STREAM = "POST /model/{model}/{verb=invoke-with-response-stream}"


def family_of(model: str) -> str:
    """Whose bodies a model's InvokeModel takes: one of FAMILIES, or claude."""
    return next((name for name, names in FAMILIES if names.match(model)), "claude")


class BedrockInvoke(Bedrock):
    """What InvokeModel adds: the maker's own JSON, whole or in the frames of a stream as base64."""

    api = "invoke"
    layout = staticmethod(compact)
    family = ""

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """The model's name tells whose body it is."""
        return family_of(params["model"]) == self.family

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The operation says it."""
        return params["verb"] != "invoke"

    def chunks(
        self, values: Iterable[Json], call: Optional[Call] = None
    ) -> Iterator[Tuple[str, Json]]:
        """The maker's events as chunks, with padding where there is a call to make it from."""
        for number, value in enumerate(values):
            packed = base64.b64encode(
                utf8(value if isinstance(value, str) else compact(value))
            ).decode()
            yield "chunk", {"bytes": packed, "p": self.pad(call, number) if call else "abcdefgh"}

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """The maker's events."""
        return self.chunks(values)


class BedrockClaude(BedrockInvoke, AnthropicMessages):
    """InvokeModel for Claude: messages without ping and padding, with metrics at the end (10.1)."""

    family = "claude"
    routes = (INVOKE, INVOKE_STREAM)
    fields = {**AnthropicRequest.fields, "model": "a string", "anthropic_version": "a string"}
    prefix = "msg_bdrk_01"

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Anthropic's events in chunks."""
        metrics = {
            "inputTokenCount": reply.usage.input - reply.usage.cached,
            "outputTokenCount": reply.usage.output,
            "invocationLatency": 300,
            "firstByteLatency": 100,
        }
        return self.chunks(
            (
                {**value, "amazon-bedrock-invocationMetrics": metrics}
                if value["type"] == "message_stop"
                else value
                for value in self.values(call, reply)
            ),
            call,
        )


class BedrockNova(BedrockInvoke, BedrockConverse):
    """InvokeModel for Amazon Nova, which speaks as Converse does; its events hold their names."""

    family = "nova"
    routes = (INVOKE, INVOKE_STREAM)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The output, without metrics."""
        value = super().whole(call, reply)
        return {key: value[key] for key in ("output", "stopReason", "usage")}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Converse's events in chunks."""
        return self.chunks(({name: value} for name, value in self.values(call, reply)), call)


class BedrockOther(BedrockInvoke):
    """InvokeModel for the models of other makers: recorded bodies and events only."""

    family = "other"
    routes = (INVOKE, INVOKE_STREAM)
    speaks = frozenset()

    def turns(self, body: Field) -> Iterable[Turn]:
        """A prompt, or messages with texts."""
        return invoked_turns(body.value)


class BedrockTitanEmbed(BedrockInvoke):
    """InvokeModel for Amazon's text embedding models."""

    operation = "embed"
    family = "titan-embed"
    routes: Tuple[str, ...] = (INVOKE,)
    fields: Mapping[str, str] = {"inputText": "a string", "dimensions": "an integer"}
    speaks = frozenset((Embedding,))

    def inputs(self, body: Field) -> List[str]:
        """The one text; an image has none."""
        return [body.value.get("inputText") or ""]

    def vectors(self, call: Call, reply: Reply) -> List[List[float]]:
        """One an input."""
        embedding = next(part for part in reply.parts if isinstance(part, Embedding))
        return [list(embedding.of(index)) for index in range(len(call.inputs))]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding, twice as the real one."""
        vector = self.vectors(call, reply)[0]
        return {
            "embedding": vector,
            "embeddingsByType": {"float": vector},
            "inputTextTokenCount": reply.usage.input,
        }


class BedrockCohereEmbed(BedrockTitanEmbed):
    """InvokeModel for Cohere's embedding models."""

    family = "cohere-embed"
    routes = (INVOKE,)
    fields = {"texts": "an array", "input_type": "a string"}

    def inputs(self, body: Field) -> List[str]:
        """The texts."""
        return texts_of(body.get("texts"))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings."""
        return {
            "embeddings": self.vectors(call, reply),
            "id": uuid(call, "id"),
            "response_type": "embeddings_floats",
            "texts": list(call.inputs),
        }


def texts_of(texts: Field) -> List[str]:
    """An array of strings; BadField for anything else in it."""
    return [item.text() for item in texts.items()]
