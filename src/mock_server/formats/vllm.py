"""The dialect of OpenAI's format that vLLM speaks.  Pure.

What its objects have was read in its source, as it was in 2026, and recorded answers have it so;
what is unverified says so.
"""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Optional, Tuple

from ..errors import BadField
from ..ids import HEX, token
from ..jsons import by_rows, compact
from ..limits import Json
from ..values import Call, ErrorBody, Failure, Reply
from .host import Host
from .host_chat import Deltas, HostChat
from .members import Members, drawn
from .openai_completions import OpenAICompletions
from .openai_embeddings import OpenAIEmbeddings
from .openai_models import OpenAIModels
from .shapes import present
from .vllm_errors import (
    MODEL_LENGTH,
    UVICORN,
    VLLM_BAD_JSON,
    VLLM_ERRORS,
    VLLM_TYPES,
    vllm_complaint,
)


class VLLM(Host):
    """What vLLM does in its own way: no credential but the one that it is started with, errors
    named after exceptions."""

    dialect = "vllm"
    stream_type = "text/event-stream; charset=utf-8"
    errors = VLLM_ERRORS
    bad_json = VLLM_BAD_JSON
    error_types = {0: "BadRequestError", **VLLM_TYPES}
    has_status = True
    host_headers = UVICORN

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """An object, or a bare text from the middleware that looks at keys."""
        if failure.status == 401:
            return ErrorBody({"error": failure.message})
        return super().failure(call, failure)

    def complaint(self, wrong: BadField) -> Failure:
        """Its own."""
        return vllm_complaint(wrong)


class VLLMStreams(VLLM):
    """What its chat and completions share besides."""

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """With the usual end behind the error."""
        yield from super().interruption(call, failure, sent)
        yield "", "[DONE]"


def vllm_usage(reply: Reply) -> Dict[str, Json]:
    """Token counts; cached ones are told where the server is started so."""
    usage = reply.usage
    details = {"cached_tokens": usage.cached}
    return {
        "prompt_tokens": usage.input,
        "total_tokens": usage.total,
        "completion_tokens": usage.output,
        **present(prompt_tokens_details=details if usage.cached else None),
    }


class VLLMChat(VLLMStreams, HostChat):
    """Chat completions: all members that its models have, null or not, `reasoning` among them."""

    routes = HostChat.routes
    likely_frame = Members("content")
    # Of 16 digits since the end of 2025, which not all that is deployed has.
    id_shape = "chatcmpl-{hex:32}"
    call_id_shape = "chatcmpl-tool-{hex:32}"
    fixed: Mapping[str, Json] = {"system_fingerprint": None}
    whole_frame = Members(
        "id object created model choices service_tier system_fingerprint usage prompt_logprobs "
        "prompt_token_ids kv_transfer_params"
    )
    choice_frame = Members("index message logprobs finish_reason stop_reason token_ids")
    message_frame = Members(
        "role content refusal annotations audio function_call tool_calls? reasoning"
    )
    chunk_frame = Members("id object created model choices")
    opening_frame = Members("index delta logprobs finish_reason")
    piece_frame = Members("index delta logprobs finish_reason token_ids")
    closing_frame = Members("index delta logprobs finish_reason stop_reason token_ids")
    called_frame = Members("id type index function")
    silence = ""
    plain = Deltas(closing={"content": ""})

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts."""
        return vllm_usage(reply)

    def whole(self, call: Call, reply: Reply) -> Json:
        """With details in the usage, if only that there are none."""
        value = super().whole(call, reply)
        value["usage"].setdefault("prompt_tokens_details", None)
        return value

    def first_members(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """The numbers of the prompt's tokens, which are not asked for."""
        return {"prompt_token_ids": None}


# The order of what all completions and chunks have; OpenAI's has the model elsewhere in chunks.
COMPLETION_ORDER = ("id", "object", "created", "model", "choices", "usage")


class VLLMCompletions(VLLMStreams, OpenAICompletions):
    """Completions, with all members that its models have."""

    routes = OpenAICompletions.routes
    chosen_frame = Members(
        "index text logprobs finish_reason stop_reason token_ids prompt_logprobs prompt_token_ids"
    )

    def head(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """With an id as those of chats."""
        return {**super().head(call, reply), "id": reply.id or drawn("cmpl-{hex:32}", call)}

    def choice(
        self, index: int, text: str, finish: Optional[str], likely: Json = None
    ) -> Dict[str, Json]:
        """One choice, or a piece of one."""
        said = {"index": index, "text": text, "logprobs": likely, "finish_reason": finish}
        return self.chosen_frame.of(said)

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts."""
        return vllm_usage(reply)

    def arranged(self, value: Dict[str, Json]) -> Dict[str, Json]:
        """The model before the choices."""
        return {name: value[name] for name in COMPLETION_ORDER if name in value}

    def whole(self, call: Call, reply: Reply) -> Json:
        """With what only whole ones have."""
        value = super().whole(call, reply)
        usage = {"prompt_tokens_details": None, **value.pop("usage")}
        none = {"service_tier": None, "system_fingerprint": None}
        return {**value, **none, "usage": usage, "kv_transfer_params": None}


class VLLMEmbeddings(VLLM, OpenAIEmbeddings):
    """Embeddings, with an id and a date."""

    routes = OpenAIEmbeddings.routes
    layout = staticmethod(by_rows(compact))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list of embeddings."""
        value = super().whole(call, reply)
        rows = [{"index": row["index"], **row} for row in value["data"]]
        usage = {**value["usage"], "completion_tokens": 0, "prompt_tokens_details": None}
        return {
            "id": drawn("embd-{hex:32}", call),
            "object": "list",
            "created": call.second,
            "model": reply.model,
            "data": rows,
            "usage": usage,
        }


class VLLMModels(VLLM, OpenAIModels):
    """The one model that it was started with, and who may use it."""

    routes = OpenAIModels.routes
    known = ("meta-llama/Llama-3.1-8B-Instruct",)

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        entry = {**super().entry(name), "owned_by": "vllm"}
        permission = {
            "id": "modelperm-" + token(name, 16, HEX),
            "object": "model_permission",
            "created": entry["created"],
            "allow_create_engine": False,
            "allow_sampling": True,
            "allow_logprobs": True,
            "allow_search_indices": False,
            "allow_view": True,
            "allow_fine_tuning": False,
            "organization": "*",
            "group": None,
            "is_blocking": False,
        }
        more = {"root": name, "parent": None, "max_model_len": MODEL_LENGTH}
        return {**entry, **more, "permission": [permission]}
