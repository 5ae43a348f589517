"""Gemini's embeddings, of one text or of many (wire formats, section 7).  Pure."""

from __future__ import annotations

from typing import List, Tuple

from ..limits import Json
from ..node import Field
from ..values import Call, Embedding, Reply
from .gemini import GEMINI_MODEL, Gemini
from .gemini_contents import google_text


class GeminiEmbed(Gemini):
    """embedContent."""

    operation, api = "embed", "embedContent"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "embedContent",)
    fields = {"content": "a string or an object!"}
    speaks = frozenset((Embedding,))

    def inputs(self, body: Field) -> List[str]:
        """The one text."""
        return [google_text(body.get("content"))]

    def embeddings(self, call: Call, reply: Reply) -> List[Json]:
        """One an input."""
        return [{"values": vector} for vector in reply.vectors(len(call.inputs))]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding."""
        return {"embedding": self.embeddings(call, reply)[0]}


class GeminiBatchEmbed(GeminiEmbed):
    """batchEmbedContents."""

    # google-genai calls it even for one text (verified).
    api = "batchEmbedContents"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "batchEmbedContents",)
    fields = {"requests": "an array!"}
    most_inputs = 100
    # Quoted, from many logs.
    too_many = "* BatchEmbedContentsRequest.requests: at most {most} requests can be in one batch"

    def inputs(self, body: Field) -> List[str]:
        """A text a request."""
        # Each names a model too, but the path's is the one that is asked.
        requests = self.counted(body.get("requests"))
        if not requests.value:
            requests.expected("an array with at least one request")
        return [google_text(request.get("content")) for request in requests.objects()]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings."""
        return {"embeddings": self.embeddings(call, reply)}
