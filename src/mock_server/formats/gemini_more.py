"""Gemini's counts, embeddings and models (wire formats, section 7).  Pure."""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Mapping, Tuple

from ..limits import Json
from ..node import Field
from ..values import Call, Embedding, Reply, Request, Turn
from .base import caller
from .gemini import GEMINI_MODEL, Gemini, google_text, google_turns, picked


class GeminiCountTokens(Gemini):
    """countTokens: the input tokens of a neutral reply's usage."""

    operation, api = "count_tokens", "countTokens"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "countTokens",)
    fields = {
        "contents": "an array or an object",
        "generateContentRequest": "an object",
        "generate_content_request": "an object",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """The contents to count, or those of the request to count."""
        inner = picked(body, "generateContentRequest")
        if not inner.value:
            inner = body
        if not inner.value.get("contents"):
            body.get("contents").missing("an array")
        return google_turns(inner)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count."""
        return {
            "totalTokens": reply.usage.input,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": reply.usage.input}],
        }


class GeminiEmbed(Gemini):
    """embedContent."""

    operation, api = "embed", "embedContent"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "embedContent",)
    fields = {"content": "a string or an object!"}
    speaks = frozenset((Embedding,))

    def inputs(self, body: Field) -> List[str]:
        """The one text."""
        return [google_text(body.get("content"))]

    def vectors(self, call: Call, reply: Reply) -> List[Json]:
        """One an input."""
        embedding = next(part for part in reply.parts if isinstance(part, Embedding))
        return [{"values": list(embedding.of(index))} for index in range(len(call.inputs))]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding."""
        return {"embedding": self.vectors(call, reply)[0]}


class GeminiBatchEmbed(GeminiEmbed):
    """batchEmbedContents, which google-genai calls even for one text (section 7)."""

    api = "batchEmbedContents"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "batchEmbedContents",)
    fields = {"requests": "an array!"}

    def inputs(self, body: Field) -> List[str]:
        """A text a request."""
        requests = body.get("requests")
        if not requests.value:
            requests.expected("an array with at least one request")
        return [google_text(request.get("content")) for request in requests.objects()]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings."""
        return {"embeddings": self.vectors(call, reply)}


class GeminiModels(Gemini):
    """Models: pages of the list, or any one by name."""

    operation = api = "models"
    routes: Tuple[str, ...] = (
        "GET /{v1beta|v1alpha}/models[/{model:}]",
        "GET /v1/models[/{model:}]",
    )
    known = ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-1.5-flash", "gemini-embedding-001")
    speaks = frozenset()

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """`/v1/models` is shared with OpenAI and Anthropic."""
        return not request.path.startswith("/v1/") or caller(request) == "google"

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {
            "name": "models/" + name,
            "version": "001",
            "displayName": name.replace("-", " ").title(),
            "description": "Mock model.",
            "inputTokenLimit": 1048576,
            "outputTokenLimit": 65536,
            "supportedGenerationMethods": ["embedContent", "countTokens"]
            if "embedding" in name
            else ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"],
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "maxTemperature": 2,
            **({"thinking": True} if re.match(r"gemini-(?:2\.5|[3-9])", name) else {}),
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """A page of the list; the last one has no nextPageToken, or clients loop (section 7)."""
        if call.model:
            return self.entry(call.model)
        size, start = call.query.get("pageSize", "50"), call.query.get("pageToken", "0")
        for name, value in (("pageSize", size), ("pageToken", start)):
            if not re.fullmatch(r"[0-9]{1,6}", value):
                Field(dict(call.query)).get(name).expected("a number of models")
        end = int(start) + (int(size) or 50)
        return {
            "models": [self.entry(name) for name in self.known[int(start) : end]],
            **({"nextPageToken": str(end)} if end < len(self.known) else {}),
        }
