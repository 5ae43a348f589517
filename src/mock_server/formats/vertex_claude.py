"""Claude on Vertex AI (wire formats, 8.2).  Pure."""

from __future__ import annotations

from typing import Mapping

from ..limits import Headers
from ..node import Field
from ..values import Call, ErrorBody, Failure
from .anthropic import (
    ANTHROPIC_ERRORS,
    Anthropic,
    AnthropicCountTokens,
    AnthropicMessages,
    AnthropicRequest,
)
from .vertex import VERTEX_ERRORS, VERTEX_KEY, VERTEX_PLACE, Vertex

VERTEX_CLAUDE = VERTEX_PLACE + "/publishers/{publisher=anthropic}/models/"
# Errors with these statuses come from Google's front, before Claude has seen the request.
FRONT_STATUSES = (401, 403, 404, 429)
VERTEX_FRONT = Vertex()


class OnVertex(Anthropic):
    """What Claude does otherwise on Vertex AI: Google's front speaks first, in Google's shape."""

    provider = "vertex_ai"
    credentials = Vertex.credentials
    errors = {
        **ANTHROPIC_ERRORS,
        "no_key": VERTEX_KEY,
        "authentication": VERTEX_KEY,
        "not_found": VERTEX_ERRORS["not_found"],
        "permission": VERTEX_ERRORS["permission"],
        "rate_limit": Failure(
            429,
            "Quota exceeded for "
            "aiplatform.googleapis.com/online_prediction_requests_per_base_model "
            "with base model: {model}. Please submit a quota increase request. "
            "https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai.",
        ),
    }
    request_id_prefix = "req_vrtx_011"
    # A limit that counts is told as Vertex AI does it.
    limit_headers = Vertex.limit_headers

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The request id; Google's front adds its own."""
        return (
            ("request-id", self.request_id(call)),
            ("Vary", "Origin"),
            ("Vary", "X-Origin"),
            ("Vary", "Referer"),
            ("X-Content-Type-Options", "nosniff"),
        )

    def sentence(self, call: Call, failure: Failure, usual: str) -> str:
        """As Google's front fills it in."""
        return VERTEX_FRONT.sentence(call, failure, usual)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """Google's shape from the front, Anthropic's from the model."""
        if failure.status in FRONT_STATUSES:
            return VERTEX_FRONT.failure(call, failure)
        return super().failure(call, failure)


class VertexMessages(OnVertex, AnthropicMessages):
    """Messages on Vertex AI: model and streaming are in the path."""

    routes = (
        VERTEX_CLAUDE + "{model}:{verb=rawPredict}",
        VERTEX_CLAUDE + "{model}:{verb=streamRawPredict}",
    )
    # The version differs from SDK to SDK (8.2): any will do.
    fields = {**AnthropicRequest.fields, "model": "a string", "anthropic_version": "a string"}
    prefix = "msg_vrtx_01"

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The verb says it."""
        # A `stream` in the body may be there, too, and does not count (2.2).
        return params["verb"] == "streamRawPredict"


class VertexClaudeCount(OnVertex, AnthropicCountTokens):
    """count_tokens on Vertex AI: a model of that name; the real one is in the body."""

    # As anthropic-py sends it (8.2, verified by capture).
    routes = (VERTEX_CLAUDE + "count-tokens:rawPredict",)
