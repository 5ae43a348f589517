"""Mistral's Responses: OpenAI's with fewer members, items and events (short facts).  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Tuple

from ..limits import Json
from ..node import Field
from ..values import Block, Call, Failure, Reasoning, Reply, Turn
from .base import WireFormat
from .mistral import Mistral
from .responses import OpenAIResponses
from .responses_events import ItemEvents

MISTRAL_TEXTS = ("output_text", "function_call_arguments", "reasoning_text")
# What a response has of OpenAI's members (in the SDK's types, which refuse no others, but know
# these alone).
MISTRAL_MEMBERS = frozenset(
    (
        *("id", "object", "created_at", "completed_at", "status", "error", "incomplete_details"),
        *("model", "output", "usage", "background", "instructions", "reasoning", "text", "user"),
        *("max_output_tokens", "max_tool_calls", "temperature", "top_p", "top_logprobs"),
        *("parallel_tool_calls", "tool_choice", "tools", "truncation", "metadata"),
        *("previous_response_id", "prompt_cache_key", "prompt_cache_retention"),
        *("safety_identifier", "service_tier"),
    )
)
# All events that there are: on any other its client raises an error (verified).
MISTRAL_EVENTS = frozenset(
    (
        *(f"response.{state}" for state in ("created", "in_progress")),
        *(f"response.{state}" for state in ("completed", "incomplete", "failed")),
        *(f"response.{part}.added" for part in ("output_item", "content_part")),
        *(f"response.{part}.done" for part in ("output_item", "content_part")),
        *(f"response.{text}.delta" for text in MISTRAL_TEXTS),
        *(f"response.{text}.done" for text in MISTRAL_TEXTS),
    )
)
MISTRAL_ITEMS = ("message", "function_call", "reasoning")
MISTRAL_TOOLS = ("function", "namespace")


class MistralResponses(Mistral, OpenAIResponses):
    """The Responses API, which Mistral has since 2026."""

    routes = OpenAIResponses.routes
    fields = {
        **OpenAIResponses.fields,
        "model": "a string!",
        "input": "a string or an array!",
        "instructions": "a string",
    }
    has_custom_tools = False
    stores = False
    unstreamed_stops = frozenset(("queued", "cancelled"))
    ping = WireFormat.ping  # a comment: an event that it does not know ends its client

    def turns(self, body: Field) -> Iterator[Turn]:
        """As at OpenAI; nothing is stored, or made in the background (in the SDK's types)."""
        for name in ("background", "store"):
            if body.value.get(name):
                body.get(name).expected("false")
        return super().turns(body)

    def tools(self, body: Field) -> Iterator[str]:
        """Functions, alone or in a namespace: nothing else is called (in the SDK's types)."""
        for tool in body.get("tools").objects():
            if tool.value.get("type") not in MISTRAL_TOOLS:
                tool.get("type").one_from(MISTRAL_TOOLS)
        return super().tools(body)

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """The items that it has."""
        return block.get("type") in MISTRAL_ITEMS

    def response(
        self, call: Call, reply: Reply, output: List[Json], status: str, usage: Json = None
    ) -> Dict[str, Json]:
        """The members that it has."""
        members = super().response(call, reply, output, status, usage)
        known = {name: value for name, value in members.items() if name in MISTRAL_MEMBERS}
        known["reasoning"] = {"effort": members["reasoning"].get("effort")}
        return known

    def items(self, call: Call, reply: Reply, status: str) -> List[Json]:
        """With thoughts in full, not in summaries."""
        items = super().items(call, reply, status)
        for part, item in zip(reply.parts, items):
            if isinstance(part, Reasoning) and not isinstance(part, Block):
                item["summary"] = []
                item["content"] = [{"type": "reasoning_text", "text": part.text}]
        return items

    def unnumbered(self, call: Call, reply: Reply) -> ItemEvents:
        """The events that it has, without padding."""
        for name, members, texts in super().unnumbered(call, reply):
            if name in MISTRAL_EVENTS:
                yield name, {key: members[key] for key in members if key != "obfuscation"}, texts

    def response_error(self, failure: Failure) -> Dict[str, Json]:
        """What a response that failed says of it, with one of the codes that its client knows."""
        code = "server_error"
        if failure.status == 429:
            code = "rate_limit_exceeded"
        return {"code": code, "message": failure.message}

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The event `error`, flat (typed)."""
        error = self.error(failure)
        told = {name: error[name] for name in ("code", "message", "param")}
        yield "error", {"type": "error", **told, "sequence_number": sent}
