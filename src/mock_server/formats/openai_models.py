"""OpenAI's models (wire formats, 5.7).  Pure."""

from __future__ import annotations

import re
from typing import Dict, Mapping, Tuple

from ..limits import Json
from ..values import Call, Reply, Request
from .base import caller
from .openai import OpenAI

# The form of the path that Google and Anthropic have, too: one segment, without a verb (2.1).
SHARED_MODELS_PATH = re.compile("/v1/models(?:/[^/:]+)?")


class OpenAIModels(OpenAI):
    """Models: the list, or any one by name."""

    operation = api = "models"
    routes: Tuple[str, ...] = ("GET /v1/models[/{model*}]", "GET {prefix*}/models[/{model}]")
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
    needs_mock = False

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """`/v1/models` is shared with Google and Anthropic."""
        return caller(request) == "openai" or not SHARED_MODELS_PATH.fullmatch(request.path)

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        # Any name is known, and all are as old as gpt-4o-mini.
        return {"id": name, "object": "model", "created": 1721172741, "owned_by": "system"}

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list, or the one asked for."""
        if call.model:
            return self.entry(call.model)
        return {"object": "list", "data": [self.entry(name) for name in self.known]}
