"""What all APIs of Mistral share, and the small ones (wire formats, section 12).  Pure."""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping

from ..errors import BadField
from ..ids import HEX
from ..jsons import by_rows, compact
from ..limits import Headers, Json
from ..node import Field
from ..values import Call, ErrorBody, Failure, Limit, Reply, Turn
from .base import retry_after, uuid
from .cohere_embed import VECTOR_TYPES
from .openai import OpenAI
from .openai_embeddings import OpenAIEmbeddings
from .openai_models import OpenAIModels
from .pydantic import fastapi_detail, pydantic_error, told_details

# The texts are unverified; the codes are numbers in strings (section 12).
MISTRAL_ERRORS: Mapping[str, Failure] = {
    "authentication": Failure(401, "Unauthorized"),
    "no_key": Failure(401, "Unauthorized"),
    "not_found": Failure(400, "Invalid model: {model}", "invalid_model", "1500"),
    "rate_limit": Failure(429, "Rate limit exceeded", "rate_limited", "1300"),
    "server_error": Failure(500, "Internal server error", "internal_server_error", "3000"),
    "overloaded": Failure(503, "Service unavailable.", "internal_server_error", "3505"),
    "context_length": Failure(
        400,
        "Prompt contains 128001 tokens, too large for model with 128000 maximum context length",
        "invalid_request_prompt",
        "3051",
    ),
}


MISTRAL_AUDIO = (*("audio", "audio_transcription", "audio_transcription_realtime", "audio_speech"),)


def uuid_version_7(call: Call, label: str) -> str:
    """A UUID that begins as those of 2025 do: version 7 counts milliseconds (RFC 9562, 5.7)."""
    plain = uuid(call, label)
    return f"019a{plain[4:14]}7{plain[15:]}"


class Mistral(OpenAI):
    """What Mistral does in its own way."""

    dialect = "mistral"

    # Compact, without a line end behind it (section 12).
    layout: Callable[..., str] = staticmethod(compact)
    ending = ""
    stream_type = "text/event-stream; charset=utf-8"
    bad_json = "Invalid JSON: {}"
    too_many = "List should have at most {most} items after validation, not {found}"
    errors = MISTRAL_ERRORS

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Correlation id, latencies and rate limits (section 12, recorded)."""
        # One id under two names.
        request_id = uuid_version_7(call, "correlation")
        left = "0" if status == 429 else "9"
        return (
            ("mistral-correlation-id", request_id),
            ("x-kong-request-id", request_id),
            ("x-kong-proxy-latency", "8"),
            ("x-kong-upstream-latency", str(200 + int(call.token("ms", 2, HEX), 16))),
            ("x-ratelimit-limit-req-10-second", "10"),
            ("x-ratelimit-remaining-req-10-second", left),
            ("x-ratelimit-limit-tokens-minute", "500000"),
            ("x-ratelimit-remaining-tokens-minute", "499900"),
            ("Server", "cloudflare"),
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """Requests in its shortest window."""
        return (
            ("x-ratelimit-limit-req-10-second", str(limit.requests)),
            ("x-ratelimit-remaining-req-10-second", str(limit.left)),
            *retry_after(limit),
        )

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"detail"}` from the front and of wrong fields, else an object (section 12)."""
        if failure.status == 401:  # from the gateway
            return ErrorBody({"detail": failure.message})
        # mistralai raises HTTPValidationError on this form, and SDKError on any other (section 12).
        if failure.told:
            return told_details(call, failure)
        if failure.status == 422 and failure.param is not None:
            return fastapi_detail(failure)
        return ErrorBody(self.error(failure))

    def error(self, failure: Failure) -> Dict[str, Json]:
        """The flat object of an error."""
        usual = "invalid_request_error" if failure.status < 500 else "internal_server_error"
        return {
            "object": "error",
            "message": failure.message,
            "type": failure.type or usual,
            "param": failure.param,
            "code": failure.code,
            "raw_status_code": failure.status,
        }

    def complaint(self, wrong: BadField) -> Failure:
        """422 with the place of the field."""
        kind, message = pydantic_error(wrong)
        return Failure(422, message, kind, param=wrong.path)


# What the numbers of a vector may be asked for as (in the SDK's types); the scale is Cohere's.
OUTPUT_TYPES = ("float", "int8", "uint8", "binary", "ubinary")


class MistralEmbeddings(Mistral, OpenAIEmbeddings):
    """Embeddings, with an id, and in the type of numbers that the request asks for."""

    routes = OpenAIEmbeddings.routes
    fields = {
        **OpenAIEmbeddings.fields,
        "output_dimension": "an integer",
        "output_dtype": "a string",
        "metadata": "an object",
    }
    layout = staticmethod(by_rows(compact))

    def turns(self, body: Field) -> List[Turn]:
        """As at OpenAI."""
        kind = body.get("output_dtype")
        if not kind.is_absent and kind.value not in OUTPUT_TYPES:
            kind.one_from(OUTPUT_TYPES)
        return super().turns(body)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list of embeddings."""
        value = super().whole(call, reply)
        kind = call.body.get("output_dtype") or "float"
        if kind != "float":
            vectors = reply.vectors(len(call.inputs))
            for entry, vector in zip(value["data"], vectors):
                entry["embedding"] = VECTOR_TYPES[kind](vector)
        # OpenAI's shape but for the id and a count that is always 0 (section 12).
        return {
            "id": call.token("id", 32, HEX),
            **value,
            "usage": {**value["usage"], "completion_tokens": 0},
        }


class MistralModels(Mistral, OpenAIModels):
    """Models, with what they can do."""

    routes = OpenAIModels.routes
    known = (
        "mistral-small-latest",
        "mistral-large-latest",
        "magistral-medium-latest",
        "codestral-latest",
        "mistral-embed",
        "mistral-moderation-latest",
        "mistral-ocr-latest",
    )

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        # The names tell enough of what each model can do.
        special = {kind: kind in name for kind in ("embed", "moderation", "ocr")}
        chats = not any(special.values())
        return {
            **super().entry(name),
            "owned_by": "mistralai",
            "capabilities": {
                "completion_chat": chats,
                "function_calling": chats,
                "reasoning": "magistral" in name,
                "completion_fim": "codestral" in name,
                "fine_tuning": False,
                "vision": False,
                "ocr": special["ocr"],
                "classification": False,
                "moderation": special["moderation"],
                # None of the models that are listed hears or speaks.
                **dict.fromkeys(MISTRAL_AUDIO, False),
                "unified_resources": False,
            },
            "name": name,
            "description": None,
            "max_context_length": 131072,
            "aliases": [],
            "deprecation": None,
            "deprecation_replacement_model": None,
            "default_model_temperature": 0.3 if chats else None,
            "internal": False,
            "billing_model_name": name,
            "type": "base",
        }
