"""Reranking: what its APIs share, and whose API is asked on a path that several have.  Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Tuple

from ..jsons import compact, within
from ..limits import Json
from ..node import Field
from ..records import replace
from ..values import Call, Reply, Request, Scores, Turn
from .base import WireFormat
from .shapes import items_within

# Of no other host; a model that a model server serves has its maker's name before it.
VOYAGES_MODEL = re.compile(r"rerank-(?:lite-)?\d")
JINAS_MODEL = re.compile(r"jina-")

# What is read of a request wherever it has this form; null is none.
RERANK_FIELDS = {
    "model": "a string!",
    "query": "a string!",
    "documents": "an array!",
    "top_n": "an integer",
    "return_documents": "a boolean",
}


def reranker(request: Request) -> str:
    """Whose reranking is asked for on a path that several have: bedrock, voyage, cohere, jina, or
    vllm, which is meant where nothing tells another."""
    if "x-amz-date" in request.headers:  # signed, whatever the body is (botocore)
        return "bedrock"
    body: Json = None
    try:
        body = request.json
    except ValueError:  # which is told when it is read
        pass
    if not isinstance(body, dict):
        body = {}
    if not body.keys().isdisjoint(("queries", "sources", "rerankingConfiguration")):
        return "bedrock"
    model = str(body.get("model"))
    # voyageai sends both, as null if nobody said them (verified); LiteLLM leaves them out.
    if "top_k" in body or "truncation" in body or VOYAGES_MODEL.match(model):
        return "voyage"
    # cohere/… and cohere in Python (captured), cohere-ai in JavaScript (read).
    agents = (request.headers.get(name, "") for name in ("user-agent", "x-fern-sdk-name"))
    if any(agent.lower().startswith("cohere") for agent in agents):
        return "cohere"
    return "jina" if JINAS_MODEL.match(model) else "vllm"


class Reranking(WireFormat):
    """What the APIs share that rank documents by a query: the query is the user's text, documents
    are the inputs.

    The most relevant comes first, of equals the one that the request has first."""

    operation, api = "rerank", "rerank"
    dialect = ""  # OpenAI has no such API that hosts could have in dialects
    fields: Mapping[str, str] = RERANK_FIELDS
    speaks = frozenset((Scores,))
    host = ""  # one of those of `reranker`, where others have the same paths
    order: Tuple[str, ...] = ("index", "relevance_score", "document")  # of a result's members
    returns_documents = False  # where the request does not say whether it wants them
    most_inputs = 100_000  # where nobody says how many: each takes a thousand bytes of memory
    least_wanted = 1  # results that a request may ask for
    too_few = ""  # what is said of fewer: with {value} and {found}, the documents

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """On a shared path those whose API it is."""
        if self.host:
            return reranker(request) == self.host
        return super().owns(request, params)

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The request, whose documents are read as its query is."""
        call = super().read(request, params, body)
        return replace(call, prompt="\n".join((call.user, *call.inputs)))

    def turns(self, body: Field) -> List[Turn]:
        """The query counts as the user's text."""
        return [Turn("user", self.query(body))]

    def inputs(self, body: Field) -> List[str]:
        """The texts of the documents."""
        return [self.text_of(document) for document in self.documents(body).items()]

    def choices(self, body: Field) -> int:
        """How many results are asked for: all, unless the request says it."""
        number, wanted = len(self.documents(body).value), self.wanted(body)
        if wanted.is_absent:
            return number
        if wanted.value < self.least_wanted:
            sentence = self.too_few.format(found=number, value=wanted.value)
            wanted.expected(f"an integer of at least {self.least_wanted}", sentence)
        if wanted.value < 1:  # where that is allowed, it stands for all of them
            return number
        return min(int(wanted.value), number)

    def query(self, body: Field) -> str:
        """What the documents are ranked by."""
        return str(body.value["query"])

    def documents(self, body: Field) -> Field:
        """What is ranked; BadField if there is nothing, or more than the provider takes."""
        given = body.get("documents")
        if not given.value:
            given.expected("an array with at least one document")
        return self.counted(given)

    def text_of(self, document: Field) -> str:
        """The text that a document is or has, or else all that it has."""
        if not isinstance(document.value, str):
            document.a("a string or an object")
        return ranked_text(document.value)

    def wanted(self, body: Field) -> Field:
        """How many results are asked for."""
        return body.get("top_n")

    # --- an answer ---

    def ranked(self, call: Call, reply: Reply) -> List[Tuple[int, float]]:
        """The numbers of the documents that are the results, each with its score."""
        given = next(part.scores for part in reply.parts if isinstance(part, Scores))
        number = len(call.inputs)
        scores = [*given[:number], *[0.0] * (number - len(given))]
        order = sorted(range(number), key=lambda index: -scores[index])
        return [(index, scores[index]) for index in order[: call.choices]]

    def results(self, call: Call, reply: Reply) -> List[Json]:
        """The results, with their documents if the request wants to see them."""
        found = []
        documents = self.shown_documents(call)
        for index, score in self.ranked(call, reply):
            members: Dict[str, Json] = {"index": index, "relevance_score": score}
            if documents:
                members["document"] = self.shown_document(documents[index])
            found.append({name: members[name] for name in self.order if name in members})
        return found

    def shown_documents(self, call: Call) -> List[Json]:
        """The documents of the request, or none if they are not to be among the results."""
        asked = call.body.get("return_documents")
        if asked is None:
            asked = self.returns_documents
        if not asked:
            return []
        return items_within(call.body, "documents")

    def shown_document(self, document: Json) -> Json:
        """A document as the result has it: an object."""
        if isinstance(document, str):
            return {"text": document}
        return document


def ranked_text(document: Json) -> str:
    """The text that a document is or has; else all that it has, as JSON."""
    if isinstance(document, str):
        return document
    text = within(document, "text")
    if isinstance(text, str):
        return text
    return compact(document)
