"""Responses at Azure (wire formats, section 6).  Pure."""

from __future__ import annotations

from typing import Dict, List

from ..limits import Headers, Json
from ..values import Call, Reply, Text
from .azure import AZURE_ERRORS, BLOCKED, COMPLETION_FILTERS, PROMPT_FILTERS, Azure
from .responses import OpenAIInputTokens, OpenAIResponses, ResponsesRequest


class AzureInputTokens(Azure, OpenAIInputTokens):
    """The same at Azure's paths."""

    routes = ("POST /openai[/v1]/responses/input_tokens",)


class AzureResponses(Azure, OpenAIResponses):
    """Responses on Azure, with content filters (section 6)."""

    routes = ("POST /openai[/v1]/responses",)
    errors = {**AZURE_ERRORS, "context_length": ResponsesRequest.errors["context_length"]}

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Without rate limits, of which none were seen here (section 6)."""
        own = tuple(
            one
            for one in super().headers(call, stream, status)
            if not one[0].startswith("x-ratelimit-")
        )
        return (*own, ("azureai-fe-is-streaming", str(stream)))

    def response(
        self, call: Call, reply: Reply, output: List[Json], status: str, usage: Json = None
    ) -> Dict[str, Json]:
        """The response object; once it has ended, with what the filters found."""
        value = super().response(call, reply, output, status, usage)
        if status == "in_progress":
            return {**value, "content_filters": None}
        blocked = reply.stop == "content_filter"
        said = {**COMPLETION_FILTERS, **(BLOCKED if blocked else {})}
        sources = (("prompt", False, PROMPT_FILTERS), ("completion", blocked, said))
        return {
            **value,
            "content_filters": [
                {
                    "blocked": stopped,
                    "source_type": source,
                    "content_filter_raw": [],
                    "content_filter_results": found,
                    "content_filter_offsets": {
                        "start_offset": 0,
                        "end_offset": len(reply.text(Text) or ""),
                        "check_offset": 0,
                    },
                }
                for source, stopped, found in sources
            ],
        }
