"""The dialect of OpenAI's format that AWS Bedrock speaks under `/openai/v1`.  Pure.

Ids, tier and the thoughts in the content are known from public reports on OpenAI's open models
there; the rest is unverified.
"""

from __future__ import annotations

from typing import Dict, Mapping

from ..limits import Json
from ..values import Failure
from .bedrock import Bedrock
from .host import Host
from .host_chat import HostChat
from .members import Members
from .openai import OPENAI_ERRORS
from .openai_models import OpenAIModels

# Statuses and types are those of its other APIs (section 10.2), in OpenAI's form.
BEDROCK_OPENAI_ERRORS: Mapping[str, Failure] = {
    **OPENAI_ERRORS,
    "no_key": Failure(401, "Missing Authentication Token", code="invalid_api_key"),
    "authentication": Failure(
        401,
        "Authentication failed: Please make sure your API Key is valid.",
        code="invalid_api_key",
    ),
    "permission": Failure(403, "You don't have access to the model with the specified model ID."),
    "not_found": Failure(404, "The model '{model}' does not exist", code="model_not_found"),
    "rate_limit": Failure(
        429, "Too many requests, please wait before trying again.", "rate_limit_error"
    ),
    "server_error": Failure(
        500,
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    "overloaded": Failure(503, "Bedrock is unable to process your request."),
}


class BedrockCompatible(Host):
    """What they share: SigV4 or an API key as bearer token, AWS's request id."""

    dialect = "bedrock"
    schemes = Bedrock.schemes
    signed_for = Bedrock.signed_for
    errors = BEDROCK_OPENAI_ERRORS
    error_types = {0: "invalid_request_error", 500: "server_error"}
    host_headers = (("x-amzn-RequestId", "{uuid}"),)
    limit_headers = Bedrock.limit_headers


class BedrockOpenAIChat(BedrockCompatible, HostChat):
    """Chat completions: thoughts in the content, between tags."""

    routes = HostChat.routes
    call_id_shape = "chatcmpl-tool-{hex:16}"
    fixed: Mapping[str, Json] = {"service_tier": "default"}
    whole_frame = Members("id object created model choices service_tier usage")
    chunk_frame = Members("id object created model service_tier choices")
    choice_frame = Members("index message finish_reason logprobs?")
    opening_frame = piece_frame = closing_frame = Members("index delta finish_reason logprobs?")
    message_frame = Members("role content refusal tool_calls?")
    reasoning_key = "content"
    reasoning_tags = ("<reasoning>", "</reasoning>")
    silence = ""


class BedrockOpenAIModels(BedrockCompatible, OpenAIModels):
    """OpenAI's open models."""

    routes = OpenAIModels.routes
    known = ("openai.gpt-oss-120b-1:0", "openai.gpt-oss-20b-1:0")

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {**super().entry(name), "owned_by": "system"}
