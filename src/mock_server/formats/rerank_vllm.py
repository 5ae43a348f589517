"""Rerank as vLLM serves it, which is what other model servers and hosts take from it.  Pure."""

from __future__ import annotations

from ..errors import BadField
from ..ids import HEX
from ..limits import Json
from ..values import Call, Failure, Reply
from .reranking import RERANK_FIELDS, Reranking
from .vllm import VLLM
from .vllm_errors import vllm_complaint


class VllmRerank(Reranking, VLLM):
    """Rerank of vLLM, and of whatever has its shape: documents come back unless the request does
    not want them."""

    routes = (
        "POST /v1/rerank",
        "POST {prefix*}/rerank",
        "POST {prefix*}/reranks",  # as Qwen's host and Higress call it
    )
    host = key_holder = "vllm"
    fields = {**RERANK_FIELDS, "model": "a string"}
    order = ("index", "document", "relevance_score")
    returns_documents = True
    least_wanted = 0  # all of them

    def whole(self, call: Call, reply: Reply) -> Json:
        """The results, with what was read."""
        tokens = reply.usage.input
        return {
            "id": reply.id or "rerank-" + call.token("id", 32, HEX),
            "model": reply.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            "results": self.results(call, reply),
        }

    def complaint(self, wrong: BadField) -> Failure:
        """That there is nothing to rank; else vLLM's usual words."""
        if wrong.path == "documents" and wrong.found == []:
            return Failure(400, "At least one text_pair element must be given")
        return vllm_complaint(wrong)
