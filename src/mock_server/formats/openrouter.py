"""The dialect of OpenAI's format that OpenRouter speaks.  Pure.

Its answers, streams and unknown models were recorded (fixtures of clients, 2025 and 2026), its
documentation and its own SDK (openrouter 1.3) have the rest; what is unverified says so.
"""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, Mapping, Optional, Tuple

from ..errors import MISSING, BadField, kind_of, shown
from ..framings import SSE, Framing
from ..jsons import by_rows, compact
from ..limits import Headers, Json
from ..values import Call, ErrorBody, Failure, Limit, Reply, Usage
from .base import retry_after
from .host import Host
from .host_chat import EMPTY, ROLE, Deltas, HostChat
from .members import Members, drawn
from .openai_embeddings import OpenAIEmbeddings
from .openai_models import OpenAIModels
from .places import OPENROUTER_PLACES

OPENROUTER_ERRORS: Mapping[str, Failure] = {
    "no_key": Failure(401, "No auth credentials found"),
    "authentication": Failure(401, "User not found."),
    "permission": Failure(403, "Key limit exceeded"),
    "not_found": Failure(404, "No endpoints found for {model}."),
    "timeout": Failure(408, "Request timed out"),
    "rate_limit": Failure(429, "Rate limit exceeded: requests per minute. "),
    "server_error": Failure(500, "Internal Server Error"),
    "overloaded": Failure(503, "No instances available"),
    "context_length": Failure(
        400,
        "This endpoint's maximum context length is 131072 tokens. However, you requested about "
        "131073 tokens (131073 of text input). Please reduce the length of either one, or use the "
        '"middle-out" transform to compress your prompt automatically.',
    ),
}
PROCESSING = b": OPENROUTER PROCESSING\n\n"
# What providers call the ends of answers, in its own words (documented: a word of five).
OPENROUTER_STOPS = {
    "completed": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "STOP": "stop",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "SAFETY": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
}


class Processing(SSE):
    """An event stream that begins with a comment, while the provider is waited for."""

    def stream(self, events: Iterable[Tuple[str, Json]]) -> Iterator[bytes]:
        """The comment goes out with the first event (recorded: one or more before it)."""
        before = PROCESSING
        for frame in super().stream(events):
            yield before + frame
            before = b""


OPENROUTER_SSE = Processing()


class OpenRouter(Host):
    """What OpenRouter does in its own way: errors whose code is the status, and whose they are."""

    dialect = "openrouter"
    errors = OPENROUTER_ERRORS
    usual_limit = 20
    ping = PROCESSING
    bad_json = "Invalid JSON body: {}"
    error_frame = Members("message code type? param?")
    has_status = True
    host_headers = (
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "X-Generation-Id,cf-ray"),
        ("x-generation-id", "gen-{second}-{alnum:20}"),
        ("vary", "Accept-Encoding"),
        ("Server", "cloudflare"),
    )
    streaming_headers = (("Cache-Control", "no-cache"),)

    def limit_headers(self, limit: Limit) -> Headers:
        """Requests, and when there are new ones, in milliseconds (documented for its 429)."""
        return (
            ("X-RateLimit-Limit", str(limit.requests)),
            ("X-RateLimit-Remaining", str(limit.left)),
            ("X-RateLimit-Reset", f"{limit.reset}000"),
            *retry_after(limit),
        )

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """The error, and who asked."""
        value: Json = {"error": self.error(failure)}
        if failure.status not in (401, 403):
            value["user_id"] = "user_mock"
        return ErrorBody(value)

    def complaint(self, wrong: BadField) -> Failure:
        """What its validation says of a field; the sentences are unverified but for one."""
        if wrong.path == "messages" and wrong.found in (MISSING, []):
            # Quoted: BerriAI/litellm, issue 14402.
            return Failure(400, 'Input required: specify "prompt" or "messages"')
        text = f"{wrong.path}: Invalid input: expected {wrong.expected}, received "
        if wrong.found is MISSING:
            return Failure(400, text.lstrip(": ") + "undefined")
        # Of a value that is none of some, or out of bounds, the kind may be right.
        found = shown(wrong.found) if " from " in wrong.expected else kind_of(wrong.found)
        return Failure(400, text.lstrip(": ") + found)


def openrouter_usage(usage: Usage) -> Dict[str, Json]:
    """Token counts with what they cost: 0.15 and 0.6 dollars for a million of each."""
    prompt, completion = round(usage.input * 1.5e-7, 12), round(usage.output * 6e-7, 12)
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "cost": round(prompt + completion, 12),
        "is_byok": False,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "cost_details": {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": prompt,
            "upstream_inference_completions_cost": completion,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "image_tokens": 0},
    }


class OpenRouterChat(OpenRouter, HostChat):
    """Chat completions: the provider, its own finish reason, reasoning in two forms, what it costs,
    always."""

    routes = HostChat.routes
    places = OPENROUTER_PLACES
    id_shape = "gen-{second}-{alnum:20}"
    fixed: Mapping[str, Json] = {"provider": "OpenAI"}
    whole_frame = Members("id provider model object created choices system_fingerprint usage")
    chunk_frame = Members("id provider model object created choices")
    choice_frame = Members("logprobs finish_reason native_finish_reason index message")
    opening_frame = piece_frame = closing_frame = Members(
        "index delta finish_reason native_finish_reason logprobs"
    )
    message_frame = Members("role content refusal reasoning reasoning_details? tool_calls?")
    says_refusal = True
    stops = OPENROUTER_STOPS
    plain = Deltas(EMPTY, EMPTY, {**ROLE, "content": None}, EMPTY)
    thinking = Deltas(
        {**EMPTY, "reasoning": None, "reasoning_details": []},
        {**EMPTY, "reasoning": None, "reasoning_details": []},
        {**ROLE, "content": None},
        {**EMPTY, "reasoning": None, "reasoning_details": []},
    )
    usage_at = "after"
    # With a choice in it, whatever OpenAI does (recorded).
    uncounted = (
        {
            "index": 0,
            "delta": EMPTY,
            "finish_reason": None,
            "native_finish_reason": None,
            "logprobs": None,
        },
    )

    def framing(self, call: Call) -> Framing:
        """With a comment first."""
        return OPENROUTER_SSE

    def thought(self, text: str) -> Dict[str, Json]:
        """A thought as text, and among the details in the form of many providers."""
        detail = {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}
        return {"reasoning": text, "reasoning_details": [detail]}

    def chosen(
        self, frame: Members, values: Mapping[str, Json], finish: Optional[str]
    ) -> Dict[str, Json]:
        """One choice, with the provider's own finish reason."""
        usual = finish and self.stops.get(finish, finish)
        more = {"native_finish_reason": finish, "finish_reason": usual}
        return frame.of({**values, **more})

    def finish_reason(self, call: Call, reply: Reply) -> str:
        """The provider's."""
        return reply.stop

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts and costs."""
        return openrouter_usage(reply.usage)

    def broken_off(
        self, call: Call, reply: Reply, failure: Failure, sent: int
    ) -> Iterator[Tuple[str, Json]]:
        """A chunk with an error beside its choice, which ends with one (documented)."""
        shared = self.framed(self.chunk_frame, call, reply, "chat.completion.chunk")
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        yield "", {**shared, "error": self.error(failure), "choices": [choice]}


class OpenRouterEmbeddings(OpenRouter, OpenAIEmbeddings):
    """Embeddings, with an id, the provider and what they cost (documented)."""

    routes = OpenAIEmbeddings.routes
    layout = staticmethod(by_rows(compact))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list of embeddings."""
        value = super().whole(call, reply)
        cost = round(reply.usage.input * 2e-8, 12)
        return {
            **value,
            "usage": {**value["usage"], "cost": cost},
            "provider": "OpenAI",
            "id": drawn("gen-emb-{second}-{alnum:20}", call),
        }


class OpenRouterModels(OpenRouter, OpenAIModels):
    """Models, with all that one is chosen by (its documentation and SDK)."""

    routes = OpenAIModels.routes
    known = (
        "openai/gpt-4o-mini",
        "anthropic/claude-sonnet-4.5",
        "google/gemini-2.5-flash",
        "deepseek/deepseek-v3.2",
    )

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        parameters = (
            "max_tokens",
            "response_format",
            "stop",
            "temperature",
            "tool_choice",
            "tools",
        )
        return {
            "id": name,
            "canonical_slug": name,
            "hugging_face_id": None,
            "name": name,
            "created": super().entry(name)["created"],
            "description": "Mock model.",
            "context_length": 131072,
            "architecture": {
                "modality": "text->text",
                "input_modalities": ["text"],
                "output_modalities": ["text"],
                "tokenizer": "Other",
                "instruct_type": None,
            },
            "pricing": {"prompt": "0.00000015", "completion": "0.0000006"},
            "top_provider": {
                "context_length": 131072,
                "max_completion_tokens": 16384,
                "is_moderated": False,
            },
            "per_request_limits": None,
            "supported_parameters": list(parameters),
            "default_parameters": {},
            "supported_voices": None,
            "links": {"details": f"/api/v1/models/{name}/endpoints"},
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """One model in an object of its own, or the list in a page (its SDK)."""
        value = super().whole(call, reply)
        if call.model:
            return {"data": value}
        listed = value["data"]
        return {"data": listed, "links": {"next": None}, "total_count": len(listed)}
