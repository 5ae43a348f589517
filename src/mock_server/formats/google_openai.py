"""The OpenAI-compatible paths of Google (wire formats, sections 7 and 8.3).  Pure."""

from __future__ import annotations

from typing import Callable, Dict, Mapping, Tuple, cast

from ..ids import BASE64URL
from ..jsons import by_rows, indented, merged, sorted_compact, sorted_keys
from ..limits import Json
from ..records import replace
from ..values import Call, ErrorBody, Failure, Reply, Request
from .gemini import RESOURCE, Gemini
from .gemini_models import GeminiModels
from .openai import OpenAI
from .openai_chat import OpenAIChat
from .openai_embeddings import OpenAIEmbeddings
from .openai_models import OpenAIModels
from .vertex import VERTEX_PLACE, Vertex

# What Vertex AI adds to the token counts (8.3).
TRAFFIC = {"usage": {"extra_properties": {"google": {"traffic_type": "ON_DEMAND"}}}}


class GoogleCompatible(Gemini):
    """What they share: Google's credentials and headers, and its errors in an array of one
    (section 7)."""

    dialect = "gemini"
    layout: Callable[..., str] = staticmethod(sorted_compact)
    ending = ""
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


class GeminiChat(GoogleCompatible, OpenAIChat):
    """Chat completions as Gemini answers them: ids of its own, no fingerprint, tier, padding or
    log probabilities."""

    # Without /v1: that path is nobody's but OpenAI's, under a prefix (2.1).
    routes: Tuple[str, ...] = ("POST /{v1beta|v1alpha}/openai/chat/completions",)
    has_logprobs = False
    has_custom_tools = False

    def head(self, call: Call, reply: Reply, kind: str) -> Dict[str, Json]:
        """With an id in the style of responseId."""
        return {
            **super().head(call, reply, kind),
            "id": reply.id or call.token("id", 22, BASE64URL),
        }

    def tail(self, call: Call) -> Dict[str, Json]:
        """Nothing."""
        return {}

    def padded(self, call: Call, chunk: Dict[str, Json]) -> Dict[str, Json]:
        """Keys in order, no padding."""
        return cast(Dict[str, Json], sorted_keys(chunk))


class GeminiOpenAIEmbeddings(GoogleCompatible, OpenAIEmbeddings):
    """Embeddings in OpenAI's shape."""

    routes: Tuple[str, ...] = ("POST /{v1beta|v1alpha}/openai/embeddings",)
    layout = staticmethod(by_rows(sorted_compact, sorts=True))


class GeminiOpenAIModels(GoogleCompatible, OpenAIModels):
    """Models in OpenAI's shape."""

    routes = ("GET /{v1beta|v1alpha}/openai/models[/{model*}]",)
    known = tuple("models/" + name for name in GeminiModels.known)

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {"id": name, "object": "model", "owned_by": "google"}


class VertexChat(Vertex, GeminiChat):
    """Chat completions at Vertex AI's endpoint `openapi` (8.3; the bodies are unverified)."""

    routes = (VERTEX_PLACE + "/endpoints/openapi/chat/completions",)

    def completed(self, call: Call, failure: Failure) -> Failure:
        """With the model that is not found in place of the path, which names none."""
        completed = super().completed(call, failure)
        path = RESOURCE.sub("", call.path)
        place = path.partition("/endpoints/")[0]
        # `google/gemini-2.5-flash`, or the bare name of a model of Google's own.
        publisher, _, name = call.model.rpartition("/")
        model = f"{place}/publishers/{publisher or 'google'}/models/{name}"
        return replace(completed, message=completed.message.replace(f"`{path}`", f"`{model}`"))

    def tail(self, call: Call) -> Dict[str, Json]:
        """An empty fingerprint."""
        # Empty, not left out as the Gemini API does (8.3).
        return {"system_fingerprint": ""}

    def whole(self, call: Call, reply: Reply) -> Json:
        """With the traffic type in its usage."""
        return merged(super().whole(call, reply), TRAFFIC)

    def padded(self, call: Call, chunk: Dict[str, Json]) -> Dict[str, Json]:
        """The same on the chunk that has one."""
        if chunk.get("usage"):
            chunk = merged(chunk, TRAFFIC)
        return super().padded(call, chunk)


class VertexOpenAIEmbeddings(Vertex, GeminiOpenAIEmbeddings):
    """Embeddings in OpenAI's shape."""

    routes = (VERTEX_PLACE + "/endpoints/openapi/embeddings",)
