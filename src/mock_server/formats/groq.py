"""The dialect of OpenAI's format that Groq speaks.  Pure.

Its answers and streams of 2026 were recorded (fixtures of clients), the sentences of errors are
quoted; what is unverified says so.
"""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Tuple

from ..errors import MISSING, BadField
from ..jsons import go_json
from ..limits import RETRY_SECONDS, Headers, Json
from ..values import Call, Failure, Reply, Usage
from .host import Host
from .host_chat import Deltas, HostChat
from .host_message import host_usage
from .members import Members, drawn
from .openai_models import OpenAIModels

GROQ_ERRORS: Mapping[str, Failure] = {
    "no_key": Failure(401, "Invalid API Key", code="invalid_api_key"),
    "authentication": Failure(401, "Invalid API Key", code="invalid_api_key"),
    "not_found": Failure(
        404,
        "The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
    ),
    "rate_limit": Failure(
        429,
        "Rate limit reached for model `{model}` in organization `org_mock` service tier "
        "`on_demand` on requests per minute (RPM): Limit {most}, Used {most}, Requested 1. Please "
        "try again in {wait}s. Need more tokens? Upgrade to Dev Tier today at "
        "https://console.groq.com/settings/billing",
        "requests",
        "rate_limit_exceeded",
    ),
    "server_error": Failure(500, "Internal Server Error"),
    "overloaded": Failure(503, "Service Unavailable"),
    "context_length": Failure(
        400,
        "Please reduce the length of the messages or completion.",
        code="context_length_exceeded",
        param="messages",
    ),
}
GROQ_REQUEST = "req_01{lower_alnum:24}"  # begins as those of 2026 do
GROQ_LIMITS: Headers = (
    ("x-ratelimit-limit-requests", "14400"),
    ("x-ratelimit-limit-tokens", "6000"),
    ("x-ratelimit-remaining-requests", "14399"),
    ("x-ratelimit-remaining-tokens", "5990"),
    ("x-ratelimit-reset-requests", "6s"),
    ("x-ratelimit-reset-tokens", "100ms"),
)


class Groq(Host):
    """What Groq does in its own way: Go's JSON, rate limits, errors without null members."""

    dialect = "groq"
    layout = staticmethod(go_json)
    error_layout = staticmethod(go_json)
    ending = "\n"  # unverified, as the rate limits that it sends with a 200
    errors = GROQ_ERRORS
    usual_limit = 30
    tells_limits = True
    error_frame = Members("message type param? code?")
    error_types = {0: "invalid_request_error", 500: "internal_server_error"}
    host_headers = (
        ("vary", "Origin"),
        ("x-groq-region", "us-east-1"),
        ("x-request-id", GROQ_REQUEST),
        *GROQ_LIMITS,
    )
    streaming_headers = (("Cache-Control", "no-cache"),)
    whole_headers = (("Cache-Control", "private, max-age=0, no-store, no-cache, must-revalidate"),)
    spent_headers = (("retry-after", str(RETRY_SECONDS)),)

    def complaint(self, wrong: BadField) -> Failure:
        """The field in quotes, and what it must be."""
        # The form is quoted, the sentences of a missing and of an empty one are unverified.
        place = wrong.path.replace("[", ".").replace("]", "") or "body"
        text = f"'{place}' : value must be {wrong.expected}"
        if wrong.found is MISSING:
            text = f"'{place}' : property '{place}' is missing"
        elif wrong.found == [] and "array" in wrong.expected:
            text = f"'{place}' : minimum number of items is 1"
        return Failure(400, text, "invalid_request_error")


def groq_usage(usage: Usage) -> Dict[str, Json]:
    """The seconds that it took, before the counts of what took them."""
    prompt, completion = round(usage.input * 0.00005, 9), round(usage.output * 0.002, 9)
    return {
        "queue_time": 0.041520249,
        "prompt_tokens": usage.input,
        "prompt_time": prompt,
        "completion_tokens": usage.output,
        "completion_time": completion,
        "total_tokens": usage.total,
        "total_time": round(prompt + completion, 9),
    }


class GroqChat(Groq, HostChat):
    """Chat completions: reasoning apart, whole tool calls, usage on the last chunk, `x_groq`."""

    routes = HostChat.routes
    likely_frame = Members("content")
    stream_layout = staticmethod(go_json)
    call_id_shape = "{lower_alnum:9}"
    fixed: Mapping[str, Json] = {"service_tier": "on_demand"}
    whole_frame = Members(
        "id object created model choices usage usage_breakdown system_fingerprint x_groq "
        "service_tier"
    )
    message_frame = Members("role content? reasoning? tool_calls?")
    called_frame = Members("id type function index")
    calling = Deltas({"role": "assistant", "content": None})
    silence = ""
    cut = "whole"
    usage_at = "finish"

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """One event of its own name, which tells the status, too."""
        yield "error", {"error": {**self.error(failure), "status_code": failure.status}}

    def seeded(self, call: Call) -> Dict[str, Json]:
        """Its id of a request, and the seed."""
        seed = int(call.token("seed", 9, "0123456789"))
        return {"id": drawn(GROQ_REQUEST, call), "seed": seed}

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts and seconds."""
        return {**groq_usage(reply.usage), **host_usage(reply)}

    def whole(self, call: Call, reply: Reply) -> Json:
        """With what Groq says of itself."""
        return {**super().whole(call, reply), "x_groq": self.seeded(call)}

    def first_members(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """The same."""
        return {"x_groq": self.seeded(call)}

    def last_members(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """Its id again, with the usage."""
        known = drawn(GROQ_REQUEST, call)
        return {"x_groq": {"id": known, "usage": self.usage(reply)}}


# Who made a model, and how many tokens it takes and gives.
GROQ_MODELS: Mapping[str, Tuple[str, int]] = {
    "llama-3.3-70b-versatile": ("Meta", 32768),
    "llama-3.1-8b-instant": ("Meta", 131072),
    "openai/gpt-oss-120b": ("OpenAI", 65536),
    "openai/gpt-oss-20b": ("OpenAI", 65536),
    "qwen/qwen3-32b": ("Alibaba Cloud", 40960),
}


class GroqModels(Groq, OpenAIModels):
    """Models, with their windows."""

    routes = OpenAIModels.routes
    known = tuple(GROQ_MODELS)

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        owner, most = GROQ_MODELS.get(name, ("Groq", 32768))
        return {
            **super().entry(name),
            "owned_by": owner,
            "active": True,
            "context_window": 131072,
            "public_apps": None,
            "max_completion_tokens": most,
        }
