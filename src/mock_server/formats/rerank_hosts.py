"""Rerank of hosts that have vLLM's path and a shape of their own: Voyage and Jina.  Pure."""

from __future__ import annotations

from typing import Callable, Mapping

from ..errors import MISSING, BadField, shown
from ..jsons import compact
from ..limits import Headers, Json
from ..node import Field
from ..values import Call, ErrorBody, Failure, Reply
from .openai import OpenAI
from .pydantic import PYDANTIC_NAMES, fastapi_detail, pydantic_error
from .reranking import RERANK_FIELDS, Reranking

# All of it quoted from logs, but for what is said of a number that is too small or too large.
VOYAGE_WRONG = (
    "The request body is not valid JSON, or some arguments were not specified properly. "
    "In particular, "
)
VOYAGE_KEY = Failure(401, "Provided API key is invalid.")
VOYAGE_ERRORS: Mapping[str, Failure] = {
    "no_key": VOYAGE_KEY,
    "authentication": VOYAGE_KEY,
    "not_found": Failure(
        400,
        "Model {model} is not supported. Supported models are ['rerank-2.5', 'rerank-2.5-lite', "
        "'rerank-2', 'rerank-2-lite', 'rerank-1', 'rerank-lite-1'].",
    ),
    "rate_limit": Failure(
        429,
        "You have not yet added your payment method in the billing page and will have reduced "
        "rate limits of 3 RPM and 10K TPM. To unlock our standard rate limits, please add a "
        "payment method in the billing page for the appropriate organization in the user "
        "dashboard (https://dashboard.voyageai.com/).",
    ),
}
JINA_KEY = Failure(401, "Invalid API key, please get a new one from https://jina.ai")  # unverified
JINA_ERRORS: Mapping[str, Failure] = {
    "no_key": JINA_KEY,
    "authentication": JINA_KEY,
}


class DetailedRerank(Reranking, OpenAI):
    """What both share: errors that have a detail and no more."""

    layout: Callable[..., str] = staticmethod(compact)
    ending = ""
    tells_limits = False

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """None that clients read."""
        return ()

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"detail"}`."""
        return ErrorBody({"detail": failure.message})


class VoyageRerank(DetailedRerank):
    """Rerank of Voyage, whose results are `data` and whose documents are plain texts."""

    routes = ("POST {prefix*}/rerank",)
    host = key_holder = "voyage"
    fields = {**RERANK_FIELDS, "top_k": "an integer", "truncation": "a boolean"}
    order = ("relevance_score", "index", "document")
    errors = VOYAGE_ERRORS
    bad_json = VOYAGE_WRONG + "JSON decode error: {}"
    most_inputs = 1000  # documented
    too_many = "Value error, The number of documents cannot exceed {most}"

    def documents(self, body: Field) -> Field:
        """The documents, none of which may be empty."""
        given = body.get("documents")
        if not given.value or "" in given.value:
            given.expected(
                "texts", "Value error, Input cannot contain empty strings or empty lists"
            )
        return self.counted(given)

    def wanted(self, body: Field) -> Field:
        """How many results are asked for."""
        return body.get("top_k")

    def shown_document(self, document: Json) -> Json:
        """A text."""
        return document

    def whole(self, call: Call, reply: Reply) -> Json:
        """The results, with what was read."""
        return {
            "object": "list",
            "data": self.results(call, reply),
            "model": reply.model,
            "usage": {"total_tokens": reply.usage.input},
        }

    def complaint(self, wrong: BadField) -> Failure:
        """The argument that is wrong, with its value as Python writes it."""
        if wrong.sentence:
            said = f"Error for argument '{wrong.path}': {wrong.sentence}"
            return Failure(400, VOYAGE_WRONG + said)
        found = "None"
        if wrong.found is not MISSING and wrong.found is not None:
            found = shown(wrong.found).strip('"')
        plain = "", wrong.expected.partition(" ")[2]
        kind = PYDANTIC_NAMES.get(wrong.expected, plain)[1]
        said = f"Value '{found}' supplied for argument '{wrong.path}' is not a valid {kind}"
        return Failure(400, VOYAGE_WRONG + said)


class JinaRerank(DetailedRerank):
    """Rerank of Jina, which has no id."""

    routes = ("POST {prefix*}/rerank",)
    host = key_holder = "jina"
    returns_documents = True  # documented
    errors = JINA_ERRORS

    def whole(self, call: Call, reply: Reply) -> Json:
        """The results, with what was read."""
        return {
            "model": reply.model,
            "object": "list",
            "usage": {"total_tokens": reply.usage.input},
            "results": self.results(call, reply),
        }

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"detail"}`, for a wrong field as FastAPI has it."""
        if failure.status != 422 or failure.param is None:
            return super().failure(call, failure)
        return fastapi_detail(failure)

    def complaint(self, wrong: BadField) -> Failure:
        """422 with the place of the field; unverified."""
        kind, message = pydantic_error(wrong)
        return Failure(422, message, kind, param=wrong.path)
