"""The dialect of OpenAI's format that Ollama speaks on its paths under `/v1`.  Pure.

What its objects have was read in its source, as it was in 2026, and recorded answers have it so.
"""

from __future__ import annotations

from typing import Callable, Dict, Mapping, Optional

from ..errors import MISSING, BadField, kind_of
from ..jsons import by_rows, go_json
from ..limits import Json
from ..values import Call, Failure, Reply
from .host import Host
from .host_chat import EMPTY, Deltas, HostChat
from .host_message import host_usage
from .members import Members, drawn
from .ollama import OLLAMA_ERRORS, Ollama
from .openai_completions import OpenAICompletions
from .openai_embeddings import OpenAIEmbeddings
from .openai_models import OpenAIModels
from .places import TOGETHER_PLACES

FINGERPRINT = "fp_ollama"


class OllamaCompatible(Host):
    """What they share: no credential, Go's JSON with a line end, errors of three types."""

    dialect = "ollama"
    credentials = ()
    layout: Callable[..., str] = staticmethod(go_json)
    error_layout: Callable[..., str] = staticmethod(go_json)
    ending = "\n"
    ping = b""  # none was seen
    limit_headers = Ollama.limit_headers
    errors = OLLAMA_ERRORS
    bad_json = "{}"
    error_types = {
        0: "api_error",
        400: "invalid_request_error",
        404: "not_found_error",
        500: "api_error",
    }

    def complaint(self, wrong: BadField) -> Failure:
        """What is required, or what Go's decoder says."""
        place = wrong.path or "body"
        kind = kind_of(wrong.found).split()[-1]  # without the article
        text = f"json: cannot unmarshal {kind} into field {place}: expected {wrong.expected}"
        if wrong.found is MISSING:
            text = f"{place} is required"
        elif wrong.found == [] and "array" in wrong.expected:
            text = f"[] is too short - '{place}'"  # of others than messages unverified
        return Failure(400, text, "invalid_request_error")


class OllamaOpenAIChat(OllamaCompatible, HostChat):
    """Chat completions: the role in every delta, tool calls whole, one fingerprint for all."""

    routes = HostChat.routes
    likely_frame = Members("content")
    places = TOGETHER_PLACES
    stream_layout = staticmethod(go_json)
    id_shape = "chatcmpl-{digits:3}"
    call_id_shape = "call_{lower_alnum:8}"
    fixed: Mapping[str, Json] = {"system_fingerprint": FINGERPRINT}
    whole_frame = Members("id object created model system_fingerprint choices usage")
    choice_frame = Members("index message finish_reason logprobs?")
    opening_frame = piece_frame = closing_frame = Members("index delta finish_reason logprobs?")
    call_frame = called_frame = Members("id index type function")
    blank = silence = ""
    stops = {"content_filter": "stop"}
    plain = Deltas(None, EMPTY, EMPTY, EMPTY)
    cut = "together"

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts."""
        cached = {"cached_tokens": reply.usage.cached}
        counts = host_usage(reply)
        counts.pop("completion_tokens_details", None)
        return {"prompt_tokens": 0, "prompt_tokens_details": cached, **counts}


class OllamaOpenAICompletions(OllamaCompatible, OpenAICompletions):
    """Completions."""

    routes = OpenAICompletions.routes

    def head(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """With the fingerprint."""
        known = reply.id or drawn("cmpl-{digits:3}", call)
        return {**super().head(call, reply), "id": known}

    def choice(
        self, index: int, text: str, finish: Optional[str], likely: Json = None
    ) -> Dict[str, Json]:
        """One choice, or a piece of one, without log probabilities."""
        if finish == "content_filter":
            finish = "stop"
        return {"text": text, "index": index, "finish_reason": finish}

    def arranged(self, value: Dict[str, Json]) -> Dict[str, Json]:
        """The fingerprint behind the model."""
        found: Dict[str, Json] = {}
        for name, member in value.items():
            found[name] = member
            if name == "model":
                found["system_fingerprint"] = FINGERPRINT
        return found


class OllamaOpenAIEmbeddings(OllamaCompatible, OpenAIEmbeddings):
    """Embeddings."""

    routes = OpenAIEmbeddings.routes
    layout = staticmethod(by_rows(go_json))


class OllamaOpenAIModels(OllamaCompatible, OpenAIModels):
    """Models that were pulled."""

    routes = OpenAIModels.routes
    known = ("llama3.2:latest", "nomic-embed-text:latest")

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {**super().entry(name), "owned_by": "library"}
