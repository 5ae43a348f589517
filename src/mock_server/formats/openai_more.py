"""OpenAI's completions, embeddings, moderations and models (wire formats, 5.4 to 5.7).  Pure."""

from __future__ import annotations

import base64
import re
import struct
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from ..jsons import HEX, parse_json
from ..limits import Json
from ..node import Field
from ..values import Call, Embedding, Reasoning, Refusal, Reply, Request, Text, Turn, pieces
from .base import caller, choices_of
from .openai import ChatRequest, OpenAI, OpenAIChat, openai_text, wants_usage


class OpenAICompletions(OpenAI):
    """Legacy completions (wire formats, 5.4): text only; each of several prompts gets `n` choices."""

    api = "completions"
    routes: Tuple[str, ...] = (
        "POST /v1/completions",
        "POST {prefix*}/completions",
    )
    fields = {
        "model": "a string!",
        "prompt": "a string or an array!",
        "stream": "a boolean",
        "n": "an integer",
        "stream_options": "an object",
        "temperature": "a number",
        "max_tokens": "an integer",
        "suffix": "a string",
    }
    speaks = frozenset((Text, Reasoning, Refusal))
    streams = OpenAIChat.streams
    recorded_events = OpenAIChat.recorded_events

    def inputs(self, body: Field) -> List[str]:
        """The prompts; lists of token numbers have no text."""
        node = body.get("prompt")
        prompt = node.value
        if prompt == []:
            node.expected("an array")
        if isinstance(prompt, str):
            return [prompt]
        if isinstance(prompt[0], int):
            return [""]
        for item in node.items():
            item.a("a string or an array")
        return [item if isinstance(item, str) else "" for item in prompt]

    def choices(self, body: Field) -> int:
        """Prompts times `n`, numbered prompt by prompt."""
        choices = choices_of(body.get("n"), 128) * len(self.inputs(body))
        if choices > 2048:
            body.get("prompt").expected("an array with at most 2048 completions in all")
        return choices

    def answer(self, reply: Reply) -> Tuple[List[str], str]:
        """The text in pieces, and the finish reason; a refusal is text that the filter stopped."""
        refused = reply.text(Refusal) is not None
        text = (reply.text(Text) or "") + (reply.text(Refusal) or "")
        stop = {"tool_calls": "stop", "stop": "content_filter" if refused else "stop"}.get(
            reply.stop, reply.stop
        )
        return pieces(text, reply.chunk_size) or [""], stop

    def whole(self, call: Call, reply: Reply) -> Json:
        """The `text_completion` object."""
        cut, stop = self.answer(reply)
        choices = [
            {"text": "".join(cut), "index": index, "logprobs": None, "finish_reason": stop}
            for index in range(call.choices)
        ]
        return {
            "id": reply.id or "cmpl-" + call.token("id", 29),
            "object": "text_completion",
            "created": call.second,
            "model": reply.model,
            "choices": choices,
            "usage": self.usage(reply),
        }

    def usage(self, reply: Reply) -> Dict[str, int]:
        """Token counts, without details."""
        return {
            "prompt_tokens": reply.usage.input,
            "completion_tokens": reply.usage.output,
            "total_tokens": reply.usage.total,
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Chunks; the finish reason rides on a choice's last text (5.4, recorded)."""
        cut, stop = self.answer(reply)
        head = {
            "id": reply.id or "cmpl-" + call.token("id", 29),
            "object": "text_completion",
            "created": call.second,
        }
        usage: Dict[str, Json] = {"usage": None} if wants_usage(call.body) else {}
        for index in range(call.choices):
            for number, piece in enumerate(cut, 1):
                choice = {
                    "text": piece,
                    "index": index,
                    "logprobs": None,
                    "finish_reason": stop if number == len(cut) else None,
                }
                yield (
                    "",
                    self.arranged({**head, "choices": [choice], "model": reply.model, **usage}),
                )
        if usage:
            yield (
                "",
                self.arranged(
                    {**head, "model": reply.model, "usage": self.usage(reply), "choices": []}
                ),
            )
        yield "", "[DONE]"

    def arranged(self, value: Dict[str, Json]) -> Dict[str, Json]:
        """Keys added, left out or ordered as a dialect has them."""
        return value


class OpenAIEmbeddings(OpenAI):
    """Embeddings (wire formats, 5.6): floats, or base64 of little-endian float32."""

    operation, api = "embed", "embeddings"
    routes: Tuple[str, ...] = (
        "POST /v1/embeddings",
        "POST {prefix*}/embeddings",
    )
    fields = {
        "model": "a string!",
        "input": "a string or an array!",
        "encoding_format": "a string",
        "dimensions": "an integer",
        "user": "a string",
    }
    speaks = frozenset((Embedding,))
    owns = ChatRequest.owns

    def inputs(self, body: Field) -> List[str]:
        """The texts to embed; token numbers have no text."""
        value = body.value.get("input")
        if isinstance(value, str):
            return [value]
        if not value:
            return []
        if isinstance(value[0], int):
            return [""]
        return [item if isinstance(item, str) else "" for item in value]

    def turns(self, body: Field) -> List[Turn]:
        """The input counts as the user's text."""
        given, encoding = body.get("input"), body.get("encoding_format")
        if given.value == []:
            given.expected("an array")
        if isinstance(given.value, list) and len(given.value) > 2048:
            given.expected("an array of at most 2048 items")
        if not encoding.is_absent and encoding.value not in ("float", "base64"):
            encoding.expected("one from float, base64")
        return [Turn("user", "\n".join(self.inputs(body)))]

    @staticmethod
    def encoded(vector: Sequence[float], body: Json) -> Json:
        """A vector as the request wants it."""
        if body.get("encoding_format") != "base64":
            return list(vector)
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list of embeddings."""
        embedding = next(part for part in reply.parts if isinstance(part, Embedding))
        return {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": self.encoded(embedding.of(index), call.body),
                }
                for index in range(len(call.inputs))
            ],
            "model": reply.model,
            "usage": {"prompt_tokens": reply.usage.input, "total_tokens": reply.usage.input},
        }

    def adapted(self, call: Call, body: bytes) -> bytes:
        """A recorded body with its vectors in the encoding asked for: openai-node asks for base64
        by itself and reads floats as an empty vector (5.6, verified)."""
        try:
            value = parse_json(body)
            vectors = [entry["embedding"] for entry in value["data"]]
            wanted = str if call.body.get("encoding_format") == "base64" else list
            if all(isinstance(vector, wanted) for vector in vectors):
                return body
            for entry, vector in zip(value["data"], vectors):
                entry["embedding"] = self.encoded(
                    vector if isinstance(vector, list) else floats(vector), call.body
                )
        except (ValueError, KeyError, TypeError, struct.error):
            return body  # not an embeddings list: the recording is sent as it is
        return self.encode(value)


def floats(text: str) -> List[float]:
    """The vector in base64 of little-endian float32."""
    data = base64.b64decode(text)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


MODERATED = (
    "harassment",
    "harassment/threatening",
    "sexual",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm/intent",
    "self-harm/instructions",
    "self-harm",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


class OpenAIModerations(OpenAI):
    """Moderations (wire formats, 5.7).  A neutral reply flags `illicit` if it refuses or stops by content_filter."""

    operation, api = "moderate", "moderations"
    routes: Tuple[str, ...] = (
        "POST /v1/moderations",
        "POST {prefix*}/moderations",
    )
    fields = {"model": "a string", "input": "a string or an array!"}

    def inputs(self, body: Field) -> List[str]:
        """The texts to judge, one by one; parts with images are one input."""
        given = body.get("input")
        value = given.value
        if isinstance(value, str):
            return [value]
        if value and isinstance(value[0], dict):
            return [openai_text(given)]
        return [item if isinstance(item, str) else "" for item in value or ()]

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The model, which the request may leave out."""
        return super().model(params, body) or "omni-moderation-latest"

    def whole(self, call: Call, reply: Reply) -> Json:
        """A result an input."""
        flagged = reply.stop == "content_filter" or reply.text(Refusal) is not None
        hit = {"illicit"} if flagged else set()
        result = {
            "flagged": flagged,
            "categories": {name: name in hit for name in MODERATED},
            "category_scores": {name: 0.98 if name in hit else 0.00001 for name in MODERATED},
            "category_applied_input_types": {name: ["text"] for name in MODERATED},
        }
        return {
            "id": reply.id or "modr-" + call.token("id", 32, HEX),
            "model": reply.model,
            "results": [result] * max(1, len(call.inputs)),
        }


class OpenAIModels(OpenAI):
    """Models (wire formats, 5.7): the list, or any one by name."""

    operation = api = "models"
    routes: Tuple[str, ...] = (
        "GET /v1/models[/{model*}]",
        "GET {prefix*}/models[/{model}]",
    )
    known: Tuple[str, ...] = (
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-5",
        "gpt-5-mini",
        "o4-mini",
        "gpt-3.5-turbo-instruct",
        "omni-moderation-latest",
        "text-embedding-3-large",
        "text-embedding-3-small",
    )
    speaks = frozenset()

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """`/v1/models` is shared with Google, Anthropic and Mistral."""
        here = caller(request)
        return here == "openai" or (
            here != "mistral" and not re.fullmatch("/v1/models(?:/[^/:]+)?", request.path)
        )

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {"id": name, "object": "model", "created": 1721172741, "owned_by": "system"}

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list, or the one asked for."""
        if call.model:
            return self.entry(call.model)
        return {"object": "list", "data": [self.entry(name) for name in self.known]}
