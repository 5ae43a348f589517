"""Rerank as vLLM serves it, which is what other model servers and hosts take from it.  Pure."""

from __future__ import annotations

from typing import Any, Callable, Dict

from ..errors import MISSING, BadField, shown
from ..ids import HEX
from ..jsons import compact
from ..limits import Headers, Json
from ..values import Call, ErrorBody, Failure, Reply
from .openai import OpenAI
from .pydantic import location, pydantic_error
from .reranking import RERANK_FIELDS, Reranking
from .vllm_errors import BAD_FIELD, VLLM_ERRORS, VLLM_KEY, VLLM_TYPES


class VllmRerank(Reranking, OpenAI):
    """Rerank of vLLM, and of whatever has its shape: documents come back unless the request does
    not want them."""

    routes = (
        "POST /v1/rerank",
        "POST {prefix*}/rerank",
        "POST {prefix*}/reranks",  # as Qwen's host and Higress call it
    )
    host = "vllm"
    fields = {**RERANK_FIELDS, "model": "a string"}
    order = ("index", "document", "relevance_score")
    returns_documents = True
    least_wanted = 0  # all of them
    errors = VLLM_ERRORS
    has_status = True
    layout: Callable[..., str] = staticmethod(compact)
    ending = ""
    bad_json = (
        "1 validation error:\n  {{'type': 'json_invalid', 'loc': ('body',), 'msg': 'JSON decode "
        "error', 'input': {{}}, 'ctx': {{'error': '{}'}}}}"
    )

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The server's name."""
        return (("Server", "uvicorn"),)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The results, with what was read."""
        tokens = reply.usage.input
        return {
            "id": reply.id or "rerank-" + call.token("id", 32, HEX),
            "model": reply.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            "results": self.results(call, reply),
        }

    def error(self, failure: Failure) -> Dict[str, Json]:
        """The inner object of an error, whose code is the status."""
        usual = "BadRequestError" if failure.status < 500 else "InternalServerError"
        return {
            "message": failure.message,
            "type": failure.type or VLLM_TYPES.get(failure.status, usual),
            "param": failure.param,
            "code": failure.code or failure.status,
        }

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error": {…}}`; without its key only that."""
        if failure.status == 401 and failure.message == VLLM_KEY.message:
            return ErrorBody({"error": failure.message})
        return ErrorBody({"error": self.error(failure)})

    def complaint(self, wrong: BadField) -> Failure:
        """What pydantic says, as Python writes it."""
        if wrong.path == "documents" and wrong.found == []:
            return Failure(400, "At least one text_pair element must be given")
        kind, message = pydantic_error(wrong)
        error: Dict[str, Any] = {
            "type": kind,
            "loc": ("body", *location(wrong.path)),
            "msg": message,
        }
        if wrong.found is None or isinstance(wrong.found, (int, float)):
            error["input"] = wrong.found
        elif wrong.found is not MISSING:
            error["input"] = shown(wrong.found)  # not all of it, which may be long
        param = ".".join(filter(None, ("body", wrong.path)))
        return Failure(400, f"1 validation error:\n  {error}", BAD_FIELD, param=param)
