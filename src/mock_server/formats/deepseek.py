"""The dialect of OpenAI's format that DeepSeek speaks.  Pure.

Its answers and streams of 2026 were recorded (fixtures of clients), the sentences of errors are
quoted; what is unverified says so.
"""

from __future__ import annotations

from typing import Dict, Mapping

from ..errors import MISSING, BadField, kind_of, shown
from ..limits import Json
from ..values import Failure, Reply
from .host import Host
from .host_chat import Deltas, HostChat
from .host_message import host_usage
from .members import Members
from .openai_models import OpenAIModels
from .shapes import present

DEEPSEEK_ERRORS: Mapping[str, Failure] = {
    "no_key": Failure(
        401,
        "Authentication Fails (auth header format should be Bearer sk-...)",
        "authentication_error",
    ),
    "authentication": Failure(
        401, "Authentication Fails, Your api key: ****mock is invalid", "authentication_error"
    ),
    "not_found": Failure(400, "Model Not Exist"),
    "rate_limit": Failure(429, "Rate limit reached", "rate_limit_error"),
    "server_error": Failure(500, "Internal Server Error"),
    "overloaded": Failure(
        503,
        "Service is too busy. We advise users to temporarily switch to alternative LLM API service "
        "providers.",
        "service_unavailable_error",
    ),
    "context_length": Failure(
        400,
        "This model's maximum context length is 131072 tokens. However, you requested 131073 "
        "tokens (131073 in the messages, 0 in the completion). Please reduce the length of the "
        "messages or completion.",
    ),
}
RUST_BODY = "Failed to deserialize the JSON body into the target type: "


class DeepSeek(Host):
    """What DeepSeek does in its own way: errors whose code is a type, a trace id."""

    dialect = "deepseek"
    stream_type = "text/event-stream; charset=utf-8"
    errors = DEEPSEEK_ERRORS
    bad_json = "Failed to parse the request body as JSON: {}"
    error_types = {0: "invalid_request_error", 500: "internal_error"}
    host_headers = (
        ("access-control-allow-credentials", "true"),
        ("vary", "origin, access-control-request-method, access-control-request-headers"),
        ("x-ds-trace-id", "{hex:32}"),
        ("Server", "cloudflare"),
    )

    def error(self, failure: Failure) -> Dict[str, Json]:
        """The inner object of an error; its code says only whose fault it is."""
        error = super().error(failure)
        return {**error, "code": failure.code or "invalid_request_error"}

    def complaint(self, wrong: BadField) -> Failure:
        """What Rust's decoder says, but for the line and the column."""
        if wrong.found is MISSING:
            text = f"missing field `{wrong.path.rpartition('.')[2]}`"
        elif wrong.found == [] and "array" in wrong.expected:
            text = f"{wrong.path}: invalid length 0, expected {wrong.expected}"
        elif isinstance(wrong.found, str) and wrong.expected.startswith("one from "):
            # Quoted: decolua/9router, issue 773.
            words = ", ".join(f"`{word}`" for word in wrong.expected[9:].split(", "))
            found = shown(wrong.found)[1:-1]
            text = f"{wrong.path}: unknown variant `{found}`, expected one of {words}"
        elif " from " in wrong.expected:  # the kind may be right
            text = f"{wrong.path}: invalid value: {shown(wrong.found)}, expected {wrong.expected}"
        else:
            text = f"{wrong.path}: invalid type: {kind_of(wrong.found)}, expected {wrong.expected}"
        return Failure(400, RUST_BODY + text.lstrip(": "), "invalid_request_error")


class DeepSeekChat(DeepSeek, HostChat):
    """Chat completions: numbered calls, usage on the last chunk, and cached tokens told twice."""

    routes = HostChat.routes
    likely_frame = Members("content")
    id_shape = "{uuid}"
    call_id_shape = "call_{number:02}_{alnum:24}"
    fingerprint = ("", 32)
    message_frame = Members("role content reasoning_content? tool_calls?")
    call_frame = Members("index id type function")
    reasoning_key = "reasoning_content"
    blank = silence = ""
    plain = Deltas(closing={"content": ""})
    # Both kinds of text are in every delta then.
    thinking = Deltas(
        {"role": "assistant", "content": None, "reasoning_content": ""},
        {"content": None, "reasoning_content": None},
        closing={"content": "", "reasoning_content": None},
    )
    usage_at = "finish"
    has_null_usage = True

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts, of the prompt also by whether a cache had them."""
        usage = host_usage(reply)
        hits = reply.usage.cached
        thoughts = usage.pop("completion_tokens_details", None)
        return {
            **usage,
            "prompt_tokens_details": {"cached_tokens": hits},
            **present(completion_tokens_details=thoughts),
            "prompt_cache_hit_tokens": hits,
            "prompt_cache_miss_tokens": reply.usage.input - hits,
        }


class DeepSeekModels(DeepSeek, OpenAIModels):
    """Its two models, which have no date."""

    routes = OpenAIModels.routes
    known = ("deepseek-v4-flash", "deepseek-v4-pro")

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {"id": name, "object": "model", "owned_by": "deepseek"}
