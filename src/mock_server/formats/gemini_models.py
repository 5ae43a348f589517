"""Gemini's models (wire formats, section 7).  Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Tuple

from ..limits import Json
from ..node import Field
from ..values import Call, Reply, Request
from .base import caller
from .gemini import Gemini

EMBEDDING_METHODS = ["embedContent", "countTokens"]
GENERATION_METHODS = [
    "generateContent",
    "countTokens",
    "createCachedContent",
    "batchGenerateContent",
]
# Models that can think say so.
THINKING_MODEL = re.compile(r"gemini-(?:2\.5|[3-9])")
PAGE_NUMBER = re.compile(r"[0-9]{1,6}")


def page_number(query: Mapping[str, str], name: str, default: str) -> int:
    """A size or a token of a page in the query.  BadField if it is no number."""
    text = query.get(name, default)
    if not PAGE_NUMBER.fullmatch(text):
        Field({name: text}).get(name).expected("a number of models")
    return int(text)


class GeminiModels(Gemini):
    """Models: pages of the list, or any one by name."""

    operation = api = "models"
    routes: Tuple[str, ...] = (
        "GET /{v1beta|v1alpha}/models[/{model:}]",
        "GET /v1/models[/{model:}]",
    )
    known = ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-1.5-flash", "gemini-embedding-001")
    speaks = frozenset()
    needs_mock = False
    members = "models"  # what the list is called

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Those under `/v1beta`; `/v1/models` is shared with OpenAI and Anthropic."""
        return not request.path.startswith("/v1/") or caller(request) == "google"

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        methods: List[str] = EMBEDDING_METHODS if "embedding" in name else GENERATION_METHODS
        model: Dict[str, Json] = {
            "name": "models/" + name,
            "version": "001",
            "displayName": name.replace("-", " ").title(),
            "description": "Mock model.",
            "inputTokenLimit": 1048576,
            "outputTokenLimit": 65536,
            "supportedGenerationMethods": methods,
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "maxTemperature": 2,
        }
        if THINKING_MODEL.match(name):
            model["thinking"] = True
        return model

    def whole(self, call: Call, reply: Reply) -> Json:
        """A page of the list."""
        if call.model:
            return self.entry(call.model)
        # Pages of 50 where the client does not say (section 7).
        size = page_number(call.query, "pageSize", "50") or 50
        start = page_number(call.query, "pageToken", "0")
        end = start + size
        page: Dict[str, Json] = {self.members: [self.entry(name) for name in self.known[start:end]]}
        # A token on the last page would send clients in a circle.
        if end < len(self.known):
            page["nextPageToken"] = str(end)
        return page
