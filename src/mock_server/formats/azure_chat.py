"""Chat completions at Azure, with its content filters (wire formats, section 6).  Pure."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from ..limits import Json
from ..values import Call, Reply
from .azure import (
    BLOCKED,
    DEPLOYMENT,
    PIECE_FILTERS,
    PROMPT_FILTERS,
    WHOLE_FILTERS,
    AzureGeneration,
)
from .openai import is_reasoning_model
from .openai_chat import OpenAIChat


class AzureChat(AzureGeneration, OpenAIChat):
    """Chat completions of a deployment: sorted keys, content filter results, no service tier."""

    routes = (DEPLOYMENT + "/chat/completions", "POST /openai/v1/chat/completions")
    fields = {**OpenAIChat.fields, "model": "a string"}

    def tail(self, call: Call) -> Dict[str, Json]:
        """The fingerprint alone."""
        # There is no `service_tier` (section 6).
        return {"system_fingerprint": super().tail(call)["system_fingerprint"]}

    def choice(
        self,
        call: Call,
        index: int,
        body: Dict[str, Json],
        finish: Optional[str],
        pieces: Iterable[Optional[str]] = (),
    ) -> Dict[str, Json]:
        """A choice with its filter results."""
        choice = super().choice(call, index, body, finish, pieces)
        results: Mapping[str, Json] = {}
        # Reasoning deployments have empty ones, and so has a delta without content (section 6).
        if not is_reasoning_model(call.model):
            results = self.results(body)
        if finish == "content_filter":
            results = {**results, **BLOCKED}
        return {"content_filter_results": results, **choice}

    @staticmethod
    def results(body: Mapping[str, Json]) -> Mapping[str, Json]:
        """The filter results of a message or a delta."""
        if "message" in body:
            return WHOLE_FILTERS
        if body["delta"].get("content"):
            return PIECE_FILTERS
        return {}

    @staticmethod
    def prompt_results(call: Call) -> List[Json]:
        """The prompt's filter results; reasoning deployments have empty ones (section 6)."""
        if is_reasoning_model(call.model):
            return [{"content_filter_results": {}, "prompt_index": 0}]
        return [{"prompt_index": 0, "content_filter_results": PROMPT_FILTERS}]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The object with the prompt's filter results."""
        value = super().whole(call, reply)
        # Sorted into place, while its own keys stay as they are (section 6, recorded).
        value["prompt_filter_results"] = self.prompt_results(call)
        return {key: value[key] for key in sorted(value)}

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """A chunk without choices for the prompt's filter results, then the same as OpenAI."""
        # Code that reads `choices[0]` of every chunk dies on this one: that is why it is here.
        first = {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": self.prompt_results(call),
        }
        yield "", first
        yield from super().events(call, reply)
