"""cohere's clients of both versions and boto3 rerank documents, against the server."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List

import boto3
import cohere
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import Plain

MODEL = "rerank-v3.5"
DOCUMENTS = ["Rome", "Paris is the capital of France.", "Lyon"]
RANKED = [(1, 0.98), (2, 0.31), (0, 0.02)]
ARN = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"
MOCKS = [
    {"match": {"user": "capital"}, "response": {"scores": [0.02, 0.98, 0.31]}},
    {
        "match": {"user": "spend", "operation": "rerank"},
        "response": {"scores": [1], "usage": {"input_tokens": 12}},
    },
    {
        "match": {"user": "too many", "operation": "rerank"},
        "response": {"error": {"kind": "rate_limit"}},
    },
]
CLIENTS = {
    "second": cohere.ClientV2,
    "second, async": cohere.AsyncClientV2,
    "first": cohere.Client,
    "first, async": cohere.AsyncClient,
}
every_client = pytest.mark.parametrize("version", CLIENTS)


def rerank(server: str, version: str, query: str, **options: Any) -> Any:
    """What cohere's client of a version makes of the answer."""
    asked = {"model": MODEL, "query": query, "documents": DOCUMENTS, **options}
    with Plain(CLIENTS[version](api_key="key", base_url=server)) as client:
        return client(lambda sdk: sdk.rerank(**asked, request_options={"max_retries": 0}))


@every_client
def test_coheres_client_gets_the_documents_in_the_order_of_their_scores(
    server: str, version: str
) -> None:
    found = rerank(server, version, "capital")
    assert [(one.index, one.relevance_score) for one in found.results] == RANKED
    assert found.meta.billed_units.search_units == 1 and found.id
    assert found.meta.api_version.version == {"s": "2", "f": "1"}[version[0]]
    assert len(rerank(server, version, "capital", top_n=2).results) == 2


@every_client
def test_coheres_client_reads_what_was_spent(server: str, version: str) -> None:
    assert rerank(server, version, "spend").meta.tokens.input_tokens == 12


def test_the_first_version_gives_documents_back(server: str) -> None:
    found = rerank(server, "first", "capital", return_documents=True).results
    assert [one.document.text for one in found] == [DOCUMENTS[index] for index, _ in RANKED]


@every_client
def test_coheres_client_raises_what_the_api_says(server: str, version: str) -> None:
    with pytest.raises(cohere.BadRequestError) as caught:
        rerank(server, version, "capital", documents=[])
    body: Any = caught.value.body
    assert body["message"] == "invalid request: list of documents must not be empty"
    with pytest.raises(cohere.TooManyRequestsError):
        rerank(server, version, "too many")


# --- AWS ---


def connect(url: str, service: str, **options: Any) -> Any:
    """A client that does not retry."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIAMOCK",
        aws_secret_access_key="secret",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, **options),
    )


@pytest.fixture(scope="module")
def agent(server: str) -> Iterator[Any]:
    """A client of the agent runtime."""
    found = connect(server, "bedrock-agent-runtime")
    yield found
    found.close()


def asking(query: str, documents: List[Any], **options: Any) -> Dict[str, Any]:
    """The arguments of rerank."""
    sources = [
        {"type": "TEXT", "textDocument": {"text": document}}
        if isinstance(document, str)
        else {"type": "JSON", "jsonDocument": document}
        for document in documents
    ]
    return {
        "queries": [{"type": "TEXT", "textQuery": {"text": query}}],
        "sources": [{"type": "INLINE", "inlineDocumentSource": source} for source in sources],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": ARN}, **options},
        },
    }


def test_the_agent_runtime_reranks_texts_and_json(agent: Any) -> None:
    found = agent.rerank(**asking("capital", ["Rome", {"city": "Paris"}, "Lyon"]))["results"]
    scores = [(one["index"], round(one["relevanceScore"], 6)) for one in found]
    assert scores == RANKED
    assert len(agent.rerank(**asking("capital", DOCUMENTS, numberOfResults=1))["results"]) == 1
    pages = agent.get_paginator("rerank").paginate(**asking("capital", DOCUMENTS))
    assert [one["index"] for page in pages for one in page["results"]] == [1, 2, 0]


def test_the_agent_runtime_raises_what_the_api_says(agent: Any, guarded: str) -> None:
    with pytest.raises(agent.exceptions.ValidationException) as caught:
        agent.rerank(**asking("capital", DOCUMENTS, numberOfResults=9))
    assert "exceeds the number of sources" in caught.value.response["Error"]["Message"]
    with pytest.raises(agent.exceptions.ThrottlingException):
        agent.rerank(**asking("too many", DOCUMENTS))
    signed = connect(guarded, "bedrock-agent-runtime")
    assert signed.rerank(**asking("capital", DOCUMENTS))["results"][0]["index"] == 1
    with pytest.raises(ClientError):
        unsigned = connect(guarded, "bedrock-agent-runtime", signature_version=UNSIGNED)
        unsigned.rerank(**asking("capital", DOCUMENTS))


@pytest.mark.parametrize("model", ["cohere.rerank-v3-5:0", "amazon.rerank-v1:0", ARN])
def test_models_that_rerank_are_invoked(server: str, model: str) -> None:
    body = {"api_version": 2, "query": "capital", "documents": DOCUMENTS, "top_n": 2}
    client = connect(server, "bedrock-runtime")
    found = json.load(client.invoke_model(modelId=model, body=json.dumps(body))["body"])
    assert [(one["index"], one["relevance_score"]) for one in found["results"]] == RANKED[:2]
    client.close()
