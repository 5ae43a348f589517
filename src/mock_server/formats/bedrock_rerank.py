"""AWS Bedrock: Rerank of its agent runtime, and InvokeModel of models that rerank.  Pure."""

from __future__ import annotations

from typing import Mapping, NoReturn

from ..errors import MISSING, BadField, kind_of
from ..jsons import compact
from ..limits import Json
from ..node import Field
from ..values import Call, Failure, Reply
from .bedrock import BEDROCK_ERRORS, Bedrock
from .bedrock_invoke import INVOKE, BedrockInvoke
from .pydantic import location
from .reranking import RERANK_FIELDS, Reranking

# Quoted from aws-samples/dify-aws-tool, pull request 159, its missing bracket too.
BAD_ARN = (
    "The provided model ARN for reranking is invalid. Please, use a valid model ARN. Also check "
    "the model ARN follows this format: arn:<partition>:bedrock:<region>:<foundation-model/"
    "<model-id>"
)
# Quoted from langchain-ai/langchain-aws, issue 761.
TOO_MANY_RESULTS = "Cannot provide numberOfResults value that exceeds the number of sources."
MALFORMED = "Malformed input request: {}, please reformat your input and try again."
AWS_KINDS = {
    "a string": "String",
    "a boolean": "Boolean",
    "an integer": "Integer",
    "a number": "BigDecimal",
    "an array": "JSONArray",
    "an object": "JSONObject",
    "null": "Null",
}
MOST_SOURCES = 1000  # and results; a query there is one (botocore)


def check_length(array: Field, most: int) -> Field:
    """An array of 1 to `most` items, in AWS's words for one that is not."""
    number = len(array.value)
    if number < 1:
        out_of_bounds(array, "length greater than or equal to 1")
    if number > most:
        out_of_bounds(array, f"length less than or equal to {most}")
    return array


def out_of_bounds(node: Field, constraint: str) -> NoReturn:
    """Raise the error of a value that has no such length or value."""
    # Without the value, as sensitive ones are told.
    node.expected(
        f"something of {constraint}",
        f"1 validation error detected: Value at '{node.path}' failed to satisfy constraint: "
        f"Member must have {constraint}",
    )


def some_text(node: Field) -> str:
    """A text that says something."""
    if node.is_absent:
        node.missing("a string")
    if not node.text():
        out_of_bounds(node, "length greater than or equal to 1")
    return str(node.value)


class BedrockRerank(Reranking, Bedrock):
    """Rerank, which has a path of its own and a form of its own (typed by botocore)."""

    routes = ("POST {prefix*}/rerank",)
    host = "bedrock"
    fields = {
        "queries": "an array!",
        "sources": "an array!",
        "rerankingConfiguration": "an object!",
    }
    errors = {**BEDROCK_ERRORS, "not_found": Failure(400, BAD_ARN)}

    def model(self, params: Mapping[str, str], body: Field) -> str:
        """The end of the model's ARN."""
        configuration = self.configuration(body).within("modelConfiguration")
        arn = configuration.get("modelArn")
        if arn.is_absent:
            arn.missing("a string")
        return str(arn.text()).rpartition("/")[2]

    def configuration(self, body: Field) -> Field:
        """What is said of the model and of the results."""
        found = body.within("rerankingConfiguration", "bedrockRerankingConfiguration")
        return found.check({"modelConfiguration": "an object!", "numberOfResults": "an integer"})

    def query(self, body: Field) -> str:
        """The one query."""
        queries = check_length(body.get("queries"), 1)
        return some_text(queries.items()[0].within("textQuery", "text"))

    def documents(self, body: Field) -> Field:
        """The sources."""
        return check_length(body.get("sources"), MOST_SOURCES)

    def text_of(self, document: Field) -> str:
        """The text of a source, or its JSON."""
        inline = document.check({"inlineDocumentSource": "an object!"}).get("inlineDocumentSource")
        whole = inline.get("jsonDocument")
        if not whole.is_absent:
            return compact(whole.value)
        return some_text(inline.within("textDocument", "text"))

    def wanted(self, body: Field) -> Field:
        """How many results are asked for, of which there must be as many."""
        wanted = self.configuration(body).get("numberOfResults")
        if wanted.is_absent:
            return wanted
        if wanted.value < 1:
            out_of_bounds(wanted, "value greater than or equal to 1")
        if wanted.value > MOST_SOURCES:
            out_of_bounds(wanted, f"value less than or equal to {MOST_SOURCES}")
        if wanted.value > len(body.get("sources").value):
            wanted.expected("no more than the sources", TOO_MANY_RESULTS)
        return wanted

    def whole(self, call: Call, reply: Reply) -> Json:
        """The results."""
        ranked = self.ranked(call, reply)
        return {"results": [{"index": at, "relevanceScore": score} for at, score in ranked]}


class BedrockInvokeRerank(Reranking, BedrockInvoke):
    """InvokeModel for the models that rerank, Cohere's and Amazon's."""

    api = "invoke"
    family = "rerank"
    routes = (INVOKE,)
    # `api_version`, which Cohere's asks for, is not missed.
    fields = {**RERANK_FIELDS, "model": "a string", "api_version": "an integer"}
    order = ("index", "relevance_score")
    too_few = MALFORMED.format("#/top_n: {value} is not greater or equal to 1")
    most_inputs = MOST_SOURCES  # unverified
    too_many = MALFORMED.format("#/{path}: expected maximum item count: {most}, found: {found}")

    def documents(self, body: Field) -> Field:
        """The documents."""
        given = body.get("documents")
        if given.value == []:
            problem = "#/documents: expected minimum item count: 1, found: 0"
            given.expected("an array of documents", MALFORMED.format(problem))
        return self.counted(given)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The results."""
        return {"results": self.results(call, reply)}

    def complaint(self, wrong: BadField) -> Failure:
        """What the check against the model's schema says (quoted, of other models)."""
        if wrong.sentence or not wrong.path:
            return super().complaint(wrong)
        above = ["#", *map(str, location(wrong.path))]
        if wrong.found is MISSING:
            problem = f"required key [{above.pop()}] not found"
        else:
            wanted = AWS_KINDS.get(wrong.expected, "String")
            problem = f"expected type: {wanted}, found: {AWS_KINDS[kind_of(wrong.found)]}"
        return Failure(400, MALFORMED.format("/".join(above) + ": " + problem))
