"""The OpenAI-compatible paths of Google (wire formats, sections 7 and 8.3).  Pure."""

from __future__ import annotations

from typing import Callable, Dict, Mapping, Tuple

from ..jsons import by_rows, indented, sorted_compact
from ..limits import Json
from ..records import replace
from ..values import Call, ErrorBody, Failure, Reply, Request
from .base import WireFormat
from .gemini import RESOURCE, Gemini
from .gemini_models import GeminiModels
from .host_chat import ROLE, Deltas, HostChat
from .host_message import host_usage
from .members import Members
from .openai import OpenAI
from .openai_chat import OpenAIChat
from .openai_embeddings import OpenAIEmbeddings
from .openai_models import OpenAIModels
from .places import TOGETHER_PLACES
from .vertex import VERTEX_PLACE, Vertex

# What Vertex AI adds to the token counts (8.3).
TRAFFIC = {"extra_properties": {"google": {"traffic_type": "ON_DEMAND"}}}


class GoogleCompatible(Gemini):
    """What they share: Google's credentials and headers, and its errors in an array of one
    (section 7)."""

    dialect = "gemini"
    # OpenAI's clients send the key as a bearer token; a wrong one is told as anywhere (reports).
    wrong_keys: Mapping[str, Failure] = {}
    has_bearer_keys = True
    layout: Callable[..., str] = staticmethod(sorted_compact)
    ending = ""
    limit_headers = WireFormat.limit_headers  # none: Google tells it in the error
    # Recorded, other than Gemini's own type (section 7).
    json_type = "application/json"
    bad_json = OpenAI.bad_json
    too_many = ""
    ping = OpenAI.ping

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """These paths are Google's alone."""
        return True

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`[{"error": {…}}]`."""
        # Known from public reports (section 7).
        return ErrorBody([self.google_error(call, failure)], indented, "\n")


class GeminiChat(GoogleCompatible, HostChat):
    """Chat completions as Gemini answers them: its own ids, no index at tool calls, which come with
    the finish reason, and usage on every chunk if it is asked for (recorded)."""

    # Without /v1: that path is nobody's but OpenAI's, under a prefix (2.1).
    routes: Tuple[str, ...] = ("POST /{v1beta|v1alpha}/openai/chat/completions",)
    places = TOGETHER_PLACES
    stream_layout = staticmethod(sorted_compact)
    id_shape = "{base64url:22}"
    call_id_shape = "function-call-1{digits:19}"
    whole_frame = Members("choices created id model object usage")
    chunk_frame = Members("choices created id model object")
    choice_frame = Members("finish_reason index message logprobs?")
    opening_frame = piece_frame = closing_frame = Members("delta finish_reason? index logprobs?")
    message_frame = Members("content? role tool_calls?")
    call_frame = called_frame = Members("function id type")
    # Thoughts come in the content (recorded, with include_thoughts).
    reasoning_key = "content"
    reasoning_tags = ("<thought>", "</thought>")
    plain = Deltas(None, ROLE, ROLE, ROLE)
    cut = "last"
    usage_at = "every"

    def thought(self, text: str) -> Dict[str, Json]:
        """A piece of a thought, which is marked as one."""
        return {"content": text, "extra_content": {"google": {"thought": True}}}

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts; thoughts count in the total alone."""
        counts = host_usage(reply)
        counts["completion_tokens"] -= reply.usage.reasoning
        counts.pop("completion_tokens_details", None)
        return counts


class GeminiOpenAIEmbeddings(GoogleCompatible, OpenAIEmbeddings):
    """Embeddings in OpenAI's shape."""

    routes: Tuple[str, ...] = ("POST /{v1beta|v1alpha}/openai/embeddings",)
    layout = staticmethod(by_rows(sorted_compact, sorts=True))


class GeminiOpenAIModels(GoogleCompatible, OpenAIModels):
    """Models in OpenAI's shape."""

    routes: Tuple[str, ...] = ("GET /{v1beta|v1alpha}/openai/models[/{model*}]",)
    known = tuple("models/" + name for name in GeminiModels.known)

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {"id": name, "object": "model", "owned_by": "google"}


class VertexChat(Vertex, GeminiChat):
    """Chat completions at Vertex AI's endpoint `openapi` (8.3; the bodies are unverified)."""

    routes = (VERTEX_PLACE + "/endpoints/openapi/chat/completions",)
    # Empty, not left out as the Gemini API does (8.3).
    fixed: Mapping[str, Json] = {"system_fingerprint": ""}
    whole_frame = Members("choices created id model object system_fingerprint usage")
    chunk_frame = Members("choices created id model object system_fingerprint")

    def completed(self, call: Call, failure: Failure) -> Failure:
        """With the model that is not found in place of the path, which names none."""
        completed = super().completed(call, failure)
        path = RESOURCE.sub("", call.path)
        place = path.partition("/endpoints/")[0]
        # `google/gemini-2.5-flash`, or the bare name of a model of Google's own.
        publisher, _, name = call.model.rpartition("/")
        model = f"{place}/publishers/{publisher or 'google'}/models/{name}"
        return replace(completed, message=completed.message.replace(f"`{path}`", f"`{model}`"))

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """With the traffic type."""
        return {**super().usage(reply), **TRAFFIC}


class VertexOpenAIEmbeddings(Vertex, GeminiOpenAIEmbeddings):
    """Embeddings in OpenAI's shape."""

    routes = (VERTEX_PLACE + "/endpoints/openapi/embeddings",)


class GeminiHost(GoogleCompatible, OpenAI):
    """The same on OpenAI's own paths, where it is a dialect."""

    provider = "openai"
    dialect = "gemini"
    area: Tuple[str, ...] = ()


class GeminiDialectChat(GeminiHost, GeminiChat):
    """Chat completions."""

    routes = OpenAIChat.routes


class GeminiDialectEmbeddings(GeminiHost, GeminiOpenAIEmbeddings):
    """Embeddings."""

    routes = OpenAIEmbeddings.routes


class GeminiDialectModels(GeminiHost, GeminiOpenAIModels):
    """Models."""

    routes = OpenAIModels.routes
