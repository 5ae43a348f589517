"""Models of other publishers on Vertex AI: each in its own format, behind Google's front.

Wire formats, section 8.2, say it of Claude; of the others it is unverified.  Pure."""

from __future__ import annotations

from typing import Callable, Dict, Mapping, Tuple

from ..jsons import compact, within
from ..limits import Headers, Json
from ..node import Field
from ..values import Call, ErrorBody, Failure, Limit, Request
from .base import WireFormat
from .google_errors import GOOGLE_TOKEN_ERROR
from .mistral import MISTRAL_ERRORS
from .mistral_chat import MistralChat, MistralFIM
from .openai import OPENAI_ERRORS
from .openai_chat import OpenAIChat
from .vertex import VERTEX_ERRORS, VERTEX_PLACE, Vertex

# Errors with these statuses come from Google's front, before the model has seen the request.
FRONT_STATUSES = (401, 403, 404, 429)
FRONT_ERRORS: Mapping[str, Failure] = {
    "no_key": GOOGLE_TOKEN_ERROR,
    "authentication": GOOGLE_TOKEN_ERROR,
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
VERTEX_FRONT = Vertex()
RAW_VERBS = (":{verb=rawPredict}", ":{verb=streamRawPredict}")


def raw_routes(*places: str) -> Tuple[str, ...]:
    """The routes of models in some places, whole and streamed."""
    return tuple(VERTEX_PLACE + place + verb for place in places for verb in RAW_VERBS)


VERTEX_MISTRAL = raw_routes("/publishers/{publisher=mistralai}/models/{model}")


class BehindGoogle(WireFormat):
    """What Google's front does, whoever's model is behind it: it speaks first, in its own shape."""

    provider = "vertex_ai"
    credentials: Tuple[str, ...] = Vertex.credentials
    wrong_keys: Mapping[str, Failure] = {}  # whatever it is, the front refuses it
    expired_token = Vertex.expired_token

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The verb says it."""
        # A `stream` in the body may be there, too, and does not count (2.2).
        return params.get("verb") == "streamRawPredict"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Those of Google's front."""
        return (
            ("Vary", "Origin"),
            ("Vary", "X-Origin"),
            ("Vary", "Referer"),
            ("X-Content-Type-Options", "nosniff"),
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """A limit that counts is told as Vertex AI does it."""
        return VERTEX_FRONT.limit_headers(limit)

    def sentence(self, call: Call, failure: Failure, usual: str) -> str:
        """As Google's front fills it in."""
        return VERTEX_FRONT.sentence(call, failure, usual)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """Google's shape from the front, the publisher's from the model."""
        if failure.status in FRONT_STATUSES:
            return VERTEX_FRONT.failure(call, failure)
        return super().failure(call, failure)


class VertexFIM(BehindGoogle, MistralFIM):
    """Mistral's fill in the middle, at the path of its chat completions: it is looked at first."""

    routes = VERTEX_MISTRAL
    fields = {**MistralFIM.fields, "model": "a string"}
    errors = {**MISTRAL_ERRORS, **FRONT_ERRORS}

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """A body with a prompt tells it, for mistralai's client sends both to one path."""
        if "codestral" not in params["model"]:
            return False
        try:
            return within(request.json, "prompt") is not None
        except ValueError:
            return False


class VertexMistral(BehindGoogle, MistralChat):
    """Mistral's chat completions: the model is in the path, and may be in the body, too."""

    routes = VERTEX_MISTRAL
    fields = {**MistralChat.fields, "model": "a string"}
    errors = VertexFIM.errors


class VertexOpenModels(BehindGoogle, OpenAIChat):
    """Chat completions of AI21, Meta, Qwen, DeepSeek and others, and of models of one's own."""

    # Whoever the publisher is; the first word stands for all where a wrong path is told this one.
    routes = raw_routes("/publishers/{publisher=ai21|[^/]+}/models/{model:}", "/endpoints/{model:}")
    fields = {**OpenAIChat.fields, "model": "a string"}
    errors = {**OPENAI_ERRORS, **FRONT_ERRORS}
    layout: Callable[..., str] = staticmethod(compact)
    ending = ""
    has_logprobs = False
    has_custom_tools = False

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Google's own models have no such methods."""
        return params.get("publisher") != "google"

    def tail(self, call: Call) -> Dict[str, Json]:
        """Nothing: tier and fingerprint are OpenAI's."""
        return {}

    def padded(self, call: Call, chunk: Dict[str, Json]) -> Dict[str, Json]:
        """No padding."""
        return chunk
