"""Claude on Vertex AI (wire formats, 8.2).  Pure."""

from __future__ import annotations

from ..limits import Headers
from ..values import Call
from .anthropic import (
    ANTHROPIC_ERRORS,
    Anthropic,
    AnthropicCountTokens,
    AnthropicMessages,
    AnthropicRequest,
)
from .vertex import VERTEX_PLACE
from .vertex_partners import FRONT_ERRORS, BehindGoogle, raw_routes

VERTEX_CLAUDE = "/publishers/{publisher=anthropic}/models/"


class OnVertex(BehindGoogle, Anthropic):
    """What Claude does otherwise on Vertex AI."""

    errors = {**ANTHROPIC_ERRORS, **FRONT_ERRORS}
    request_id_prefix = "req_vrtx_011"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The request id; Google's front adds its own."""
        request_id = ("request-id", self.request_id(call))
        return (request_id, *BehindGoogle.headers(self, call, stream, status))


class VertexMessages(OnVertex, AnthropicMessages):
    """Messages on Vertex AI: model and streaming are in the path."""

    routes = raw_routes(VERTEX_CLAUDE + "{model}")
    # The version differs from SDK to SDK (8.2): any will do.
    fields = {**AnthropicRequest.fields, "model": "a string", "anthropic_version": "a string"}
    prefix = "msg_vrtx_01"


class VertexClaudeCount(OnVertex, AnthropicCountTokens):
    """count_tokens on Vertex AI: a model of that name; the real one is in the body."""

    # As anthropic-py sends it (8.2, verified by capture).
    routes = (VERTEX_PLACE + VERTEX_CLAUDE + "count-tokens:rawPredict",)
