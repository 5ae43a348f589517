"""The OpenAI-compatible paths of Google (wire formats, 7 and 8.3).  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Mapping, Optional, Sequence, Tuple, cast

from ..jsons import BASE64URL, indented, merged, sorted_compact, sorted_keys
from ..limits import Json
from ..values import Call, ErrorBody, Failure, Reply, Request
from .gemini import RESOURCE, Gemini
from .gemini_models import GeminiModels
from .openai import OpenAI, OpenAIChat
from .openai_more import OpenAIEmbeddings, OpenAIModels
from .vertex import VERTEX_PLACE, Vertex


class GoogleCompatible(Gemini):
    """What they share: Google's credentials and headers; errors are Google's, in an array of one (section 7)."""

    layout = staticmethod(sorted_compact)
    ending = ""
    json_type = "application/json"
    bad_json = OpenAI.bad_json

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """These paths are Google's alone."""
        return True

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`[{"error": {…}}]`."""
        return ErrorBody([self.google_error(call, failure)], indented, "\n")


class GeminiChat(GoogleCompatible, OpenAIChat):
    """Chat completions as Gemini answers them: ids of its own, no fingerprint, tier, padding or probabilities."""

    routes: Tuple[str, ...] = ("POST /{v1beta|v1alpha}/openai/chat/completions",)

    def head(self, call: Call, reply: Reply, kind: str) -> Dict[str, Json]:
        """With an id in the style of responseId."""
        return {
            **super().head(call, reply, kind),
            "id": reply.id or call.token("id", 22, BASE64URL),
        }

    def tail(self, call: Call) -> Dict[str, Json]:
        """Nothing."""
        return {}

    def choice(
        self,
        call: Call,
        index: int,
        body: Dict[str, Json],
        finish: Optional[str],
        cut: Sequence[str] = (),
    ) -> Dict[str, Json]:
        """A choice; the finish reason is there from the start."""
        return {"index": index, **body, "finish_reason": finish}

    def padded(self, call: Call, chunk: Dict[str, Json], number: int) -> Dict[str, Json]:
        """Keys in order, no padding."""
        return cast(Dict[str, Json], sorted_keys(chunk))


class GeminiOpenAIEmbeddings(GoogleCompatible, OpenAIEmbeddings):
    """Embeddings in OpenAI's shape."""

    routes: Tuple[str, ...] = ("POST /{v1beta|v1alpha}/openai/embeddings",)


class GeminiOpenAIModels(GoogleCompatible, OpenAIModels):
    """Models in OpenAI's shape."""

    routes = ("GET /{v1beta|v1alpha}/openai/models[/{model*}]",)
    known = tuple("models/" + name for name in GeminiModels.known)

    def entry(self, name: str) -> Dict[str, Json]:
        """One model."""
        return {"id": name, "object": "model", "owned_by": "google"}


class VertexChat(Vertex, GeminiChat):
    """Chat completions at Vertex AI's endpoint `openapi`, with an empty fingerprint and the traffic type (8.3)."""

    routes = (VERTEX_PLACE + "/endpoints/openapi/chat/completions",)

    def completed(self, call: Call, failure: Failure) -> Failure:
        """With the model that is not found in place of the path, which names none."""
        found, path = super().completed(call, failure), RESOURCE.sub("", call.path)
        publisher, _, name = call.model.rpartition("/")
        model = (
            f"{path.partition('/endpoints/')[0]}/publishers/{publisher or 'google'}/models/{name}"
        )
        return replace(found, message=found.message.replace(f"`{path}`", f"`{model}`"))

    def tail(self, call: Call) -> Dict[str, Json]:
        """An empty fingerprint."""
        return {"system_fingerprint": ""}

    def whole(self, call: Call, reply: Reply) -> Json:
        """With the traffic type in its usage."""
        return merged(
            super().whole(call, reply),
            {"usage": {"extra_properties": {"google": {"traffic_type": "ON_DEMAND"}}}},
        )

    def padded(self, call: Call, chunk: Dict[str, Json], number: int) -> Dict[str, Json]:
        """The same on the chunk that has one."""
        extra = (
            {"usage": {"extra_properties": {"google": {"traffic_type": "ON_DEMAND"}}}}
            if chunk.get("usage")
            else {}
        )
        return super().padded(call, merged(chunk, extra), number)


class VertexOpenAIEmbeddings(Vertex, GeminiOpenAIEmbeddings):
    """Embeddings in OpenAI's shape."""

    routes = (VERTEX_PLACE + "/endpoints/openapi/embeddings",)
