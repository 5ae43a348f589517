"""Cohere: rerank, of both versions (wire formats, section 11).  Pure."""

from __future__ import annotations

from typing import Dict, Tuple

from ..limits import Headers, Json
from ..node import Field
from ..values import Call, Reply, Usage
from .base import uuid
from .cohere import Cohere
from .reranking import Reranking

COHERE_MOST_CHUNKS = 10_000
DOCUMENTS_A_SEARCH_UNIT = 100


def cohere_meta(version: str, documents: int, usage: Usage) -> Dict[str, Json]:
    """What an answer cost: a search unit is a query with up to 100 documents (documented)."""
    units = max(1, -(-documents // DOCUMENTS_A_SEARCH_UNIT))
    meta: Dict[str, Json] = {
        "api_version": {"version": version},
        "billed_units": {"search_units": units},
    }
    # Tokens are not what is billed, and not in every answer; gateways meter them where they are.
    if not usage.is_guess:
        meta["tokens"] = {"input_tokens": usage.input, "output_tokens": 0}
    return meta


class CohereRerank(Reranking, Cohere):
    """Rerank of the second version, which gives no documents back."""

    # All sentences are Cohere's own list of 400s (documented), but for the field that is named.
    routes: Tuple[str, ...] = ("POST /v2/rerank", "POST {prefix*}/v2/rerank")
    fields = {
        "model": "a string",
        "query": "a string",
        "documents": "an array",
        "top_n": "an integer",
        "max_tokens_per_doc": "an integer",
        "max_chunks_per_doc": "an integer",
        "return_documents": "a boolean",
        "rank_fields": "an array",
    }
    version = "2"
    order: Tuple[str, ...] = ("index", "relevance_score")
    too_few = "invalid request: return_top_n is invalid, value must be between 1 and {found}"

    def query(self, body: Field) -> str:
        """The query, which must say something; the model is looked at first."""
        model, query = body.get("model"), body.get("query")
        if not model.value:
            model.expected("a model", "a model parameter is required for this endpoint.")
        if query.is_absent or not query.value.strip():
            query.expected(
                "a query", "invalid request: query must not be empty or be only whitespace"
            )
        return str(query.value)

    def documents(self, body: Field) -> Field:
        """The documents, no more than the chunks into which they may be cut."""
        given = body.get("documents")
        if not given.value:
            given.expected("an array", "invalid request: list of documents must not be empty")
        chunks = body.get("max_chunks_per_doc").value or 1
        if len(given.value) * chunks > COHERE_MOST_CHUNKS:
            given.expected(
                "an array of fewer documents",
                "invalid request: number of total max chunks (number of documents * max chunks "
                f"per doc) must be less than {COHERE_MOST_CHUNKS}",
            )
        return given

    def text_of(self, document: Field) -> str:
        """A text that says something, or an object."""
        if document.value in ("", {}):
            at = document.key
            document.expected("a text", f"invalid request: document at index {at} cannot be empty")
        return super().text_of(document)

    def usage_headers(self, reply: Reply) -> Headers:
        """Tokens, all of which were read."""
        return (("num_tokens", str(reply.usage.input)),)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The results, and what they cost."""
        return {
            "id": reply.id or uuid(call, "id"),
            "results": self.results(call, reply),
            "meta": cohere_meta(self.version, len(call.inputs), reply.usage),
        }


class CohereRerankV1(CohereRerank):
    """Rerank of the first version, on a path that others have, too, for Cohere's own clients."""

    routes = ("POST {prefix*}/rerank",)
    host = "cohere"
    version = "1"
    order = ("index", "relevance_score", "document")
