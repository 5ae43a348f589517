"""Responses at Azure, with what its content filters find (wire formats, section 6).  Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping

from ..limits import Headers, Json
from ..values import Call, Reply, Text
from .azure import AZURE_ERRORS, BLOCKED, PIECE_FILTERS, PROMPT_FILTERS, Azure
from .responses import OpenAIInputTokens, OpenAIResponses
from .responses_members import UNFINISHED


def content_filter(source: str, blocked: bool, results: Mapping[str, Json], end: int) -> Json:
    """What the filters found in the prompt or in the completion, up to the character `end`."""
    # Recorded, with these members (section 6).
    return {
        "blocked": blocked,
        "source_type": source,
        "content_filter_raw": [],
        "content_filter_results": results,
        "content_filter_offsets": {"start_offset": 0, "end_offset": end, "check_offset": 0},
    }


class AzureInputTokens(Azure, OpenAIInputTokens):
    """The same at Azure's paths."""

    routes = ("POST /openai[/v1]/responses/input_tokens",)


class AzureResponses(Azure, OpenAIResponses):
    """Responses with content filters."""

    routes = ("POST /openai[/v1]/responses",)
    errors = {**AZURE_ERRORS, "context_length": OpenAIResponses.errors["context_length"]}

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Without rate limits, of which none were seen here (section 6)."""
        headers = [
            (name, value)
            for name, value in super().headers(call, stream, status)
            if not name.startswith("x-ratelimit-")
        ]
        # `False` was recorded, of whole answers.
        return (*headers, ("azureai-fe-is-streaming", str(stream)))

    def response(
        self, call: Call, reply: Reply, output: List[Json], status: str, usage: Json = None
    ) -> Dict[str, Json]:
        """The response object; once it has ended, with what the filters found."""
        value = super().response(call, reply, output, status, usage)
        if status in UNFINISHED:
            return {**value, "content_filters": None}  # nothing has been filtered yet
        results: Dict[str, Json] = {**PIECE_FILTERS}
        blocked = reply.stop == "content_filter"
        if blocked:
            results.update(BLOCKED)
        end = len(reply.text(Text) or "")
        value["content_filters"] = [
            content_filter("prompt", False, PROMPT_FILTERS, end),
            content_filter("completion", blocked, results, end),
        ]
        return value
