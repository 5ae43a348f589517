"""Rerank: who is asked, how documents are ranked, what is refused."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Tuple

import pytest
from cases import cases
from mocked import mock_of
from samples import RANKED, RERANKS, SAMPLES, answerer, ask, call_of, complaint_of, request_of, said

import mock_server as m
from mock_server import BadMock

VERTEX = SAMPLES[m.VertexRank][1]
COHERE = {"user-agent": "cohere/7.3.1"}
FERN = {"x-fern-sdk-name": "cohere-ai"}

# What each API answers to three documents, of which the third is the best and the first has no
# score: "@" is an id.
THREE = ["a", {"text": "b", "title": "B"}, "c"]
SOURCES = [
    {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "a"}}},
    {"type": "INLINE", "inlineDocumentSource": {"type": "JSON", "jsonDocument": {"b": 1}}},
    {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "c"}}},
]
RECORDS = [{"id": "7", "title": "a"}, {"id": "0", "content": "b"}, {"id": "x", "content": "c"}]
RESULTS = [
    {"index": 2, "relevance_score": 0.9},
    {"index": 1, "relevance_score": 0.5},
    {"index": 0, "relevance_score": 0.1},
]
SHOWN: List[Any] = [{"text": "c"}, {"text": "b", "title": "B"}, {"text": "a"}]
UNITS = {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 9, "output_tokens": 0}}


def shown(results: List[Any], documents: List[Any]) -> List[Any]:
    """Results with their documents."""
    return [{**one, "document": document} for one, document in zip(results, documents)]


ANSWERS: Dict[type, Tuple[Any, Any]] = {  # what is laid over the sample, and the answer
    m.CohereRerank: (
        {"documents": THREE, "return_documents": True},
        {"id": "@", "results": RESULTS, "meta": {"api_version": {"version": "2"}, **UNITS}},
    ),
    m.CohereRerankV1: (
        {"documents": THREE, "return_documents": True},
        {
            "id": "@",
            "results": shown(RESULTS, SHOWN),
            "meta": {"api_version": {"version": "1"}, **UNITS},
        },
    ),
    m.VllmRerank: (
        {"documents": THREE},
        {
            "id": "@",
            "model": "bge-reranker-v2-m3",
            "usage": {"prompt_tokens": 9, "total_tokens": 9},
            "results": shown(RESULTS, SHOWN),
        },
    ),
    m.JinaRerank: (
        {"documents": THREE},
        {
            "model": "jina-reranker-v3",
            "object": "list",
            "usage": {"total_tokens": 9},
            "results": shown(RESULTS, SHOWN),
        },
    ),
    m.VoyageRerank: (
        {"documents": ["a", "b", "c"], "top_k": None, "return_documents": True},
        {
            "object": "list",
            "data": shown(RESULTS, ["c", "b", "a"]),
            "model": "rerank-2.5",
            "usage": {"total_tokens": 9},
        },
    ),
    m.BedrockRerank: (
        {"sources": SOURCES},
        {
            "results": [
                {"index": one["index"], "relevanceScore": one["relevance_score"]} for one in RESULTS
            ]
        },
    ),
    m.BedrockInvokeRerank: ({"documents": THREE}, {"results": RESULTS}),
    m.VertexRank: (
        {"records": RECORDS},
        {
            "records": [
                {**RECORDS[2], "score": 0.9},
                {**RECORDS[1], "score": 0.5},
                {**RECORDS[0], "score": 0.1},
            ]
        },
    ),
}


def test_each_api_says_the_scores_of_a_mock_in_its_own_form_the_best_first() -> None:
    assert set(ANSWERS) == set(RERANKS)
    response = {"scores": [0.1, 0.5, 0.9], "usage": {"input_tokens": 9}}
    for kind, (more, expected) in ANSWERS.items():
        found = json.loads(said(kind, response, more=more))
        if "id" in expected:
            found["id"] = "@"
        assert found == expected, kind


@pytest.mark.parametrize(
    "scores, top_n, ranked",
    [
        ([0.1, 0.9, 0.5], None, [(1, 0.9), (2, 0.5), (0, 0.1)]),
        ([0.1, 0.9, 0.5], 2, [(1, 0.9), (2, 0.5)]),
        ([0.1, 0.9, 0.5], 9, [(1, 0.9), (2, 0.5), (0, 0.1)]),
        ([0.5, 0.5, 0.5], None, [(0, 0.5), (1, 0.5), (2, 0.5)]),
        ([0.2], None, [(0, 0.2), (1, 0.0), (2, 0.0)]),
        ([-3], None, [(1, 0.0), (2, 0.0), (0, -3)]),
        ([1, 2, 3, 4, 5], 1, [(2, 3)]),
    ],
)
def test_documents_are_ranked_by_score_and_what_has_none_has_0(
    scores: Any, top_n: Any, ranked: Any
) -> None:
    more = {"documents": ["a", "b", "c"], "top_n": top_n}
    results = json.loads(said(m.CohereRerank, {"scores": scores}, more=more))["results"]
    assert [(one["index"], one["relevance_score"]) for one in results] == ranked


@pytest.mark.parametrize(
    "kind, more, number",
    [
        (m.VoyageRerank, {"top_k": 1}, 1),
        (m.VllmRerank, {"top_n": 0}, 2),  # which is all of them there
        (m.VertexRank, {"topN": 1}, 1),
        (m.VertexRank, {"top_n": 1}, 1),
        (m.VertexRank, {"topN": -1}, 2),
        (m.BedrockInvokeRerank, {"top_n": 1}, 1),
        (
            m.BedrockRerank,
            {
                "rerankingConfiguration": {
                    "bedrockRerankingConfiguration": {
                        "numberOfResults": 1,
                        "modelConfiguration": {"modelArn": "m"},
                    }
                }
            },
            1,
        ),
    ],
)
def test_a_request_says_in_its_own_way_how_many_results_it_wants(
    kind: type, more: Any, number: int
) -> None:
    found = json.loads(said(kind, {"scores": [0.5]}, more=more))
    (results,) = [value for value in found.values() if isinstance(value, list)]
    assert len(results) == number


def test_the_query_is_the_users_text_and_the_documents_are_inputs() -> None:
    for kind in RERANKS:
        call = call_of(kind)
        assert (call.user, call.inputs, call.operation) == ("Hi", ("Ho", "Hi"), "rerank")
        assert call.prompt == "Hi\nHo\nHi" and call.model
    assert call_of(m.BedrockRerank).model == "amazon.rerank-v1:0"
    assert call_of(m.VertexRank).model == "semantic-ranker-default@latest"


@cases(
    "path, body, headers, kind",
    [
        ("/v1/rerank", {"model": "m"}, {}, m.VllmRerank),
        ("/v1/rerank", {}, {"user-agent": "python-httpx/0.28"}, m.VllmRerank),
        ("/v1/rerank", {"model": "jinaai/jina-reranker-m0"}, {}, m.VllmRerank),
        ("/v1/rerank", {"model": "jina-reranker-m0"}, {}, m.JinaRerank),
        ("/v1/rerank", {"model": "m", "top_k": 3}, {}, m.VoyageRerank),
        ("/rerank", {"model": "m", "top_k": None}, {}, m.VoyageRerank),
        ("/v1/rerank", {"model": "rerank-2-lite"}, {}, m.VoyageRerank),
        ("/v1/rerank", {"model": "rerank-v3.5"}, {}, m.VllmRerank),
        ("/v1/rerank", {"model": "rerank-v3.5"}, COHERE, m.CohereRerankV1),
        ("/any/v1/rerank", {}, FERN, m.CohereRerankV1),
        ("/vllm/v1/rerank", {"model": "m"}, {"user-agent": "mistral-client/1"}, m.VllmRerank),
        ("/rerank", {"queries": []}, {}, m.BedrockRerank),
        ("/rerank", {"sources": []}, {}, m.BedrockRerank),
        ("/v2/rerank", {"top_k": 3}, {}, m.CohereRerank),
    ],
)
def test_a_path_that_several_have_is_told_apart_by_the_body_and_by_coheres_client(
    path: str, body: Any, headers: Any, kind: type
) -> None:
    request = m.Request("POST", path, headers=headers, body=json.dumps(body).encode())
    assert type(m.route(request)[0]) is kind


VOYAGE = m.VOYAGE_WRONG
CONSTRAINT = "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must "
NUMBER_CONSTRAINT = (
    CONSTRAINT.format("rerankingConfiguration.bedrockRerankingConfiguration.numberOfResults")
    + "have value "
)
MALFORMED = m.MALFORMED
REFUSED: List[Tuple[type, Any, int, str]] = [
    (m.CohereRerank, {"model": m.MISSING}, 400, "a model parameter is required for this endpoint."),
    (
        m.CohereRerank,
        {"query": " "},
        400,
        "invalid request: query must not be empty or be only whitespace",
    ),
    (
        m.CohereRerankV1,
        {"query": m.MISSING},
        400,
        "invalid request: query must not be empty or be only whitespace",
    ),
    (
        m.CohereRerank,
        {"documents": []},
        400,
        "invalid request: list of documents must not be empty",
    ),
    (
        m.CohereRerankV1,
        {"documents": m.MISSING},
        400,
        "invalid request: list of documents must not be empty",
    ),
    (
        m.CohereRerank,
        {"documents": ["a", ""]},
        400,
        "invalid request: document at index 1 cannot be empty",
    ),
    (
        m.CohereRerank,
        {"top_n": 0},
        400,
        "invalid request: return_top_n is invalid, value must be between 1 and 2",
    ),
    (
        m.CohereRerank,
        {"documents": ["a"] * 10_001},
        400,
        "invalid request: number of total max chunks (number of documents * max chunks per doc) "
        "must be less than 10000",
    ),
    (
        m.VllmRerank,
        {"documents": []},
        400,
        "At least one text_pair element must be given",
    ),
    (
        m.VllmRerank,
        {"query": m.MISSING},
        400,
        "1 validation error:\n  {'type': 'missing', 'loc': ('body', 'query'), 'msg': 'Field "
        "required'}",
    ),
    (
        m.VllmRerank,
        {"documents": ["a", 3]},
        400,
        "1 validation error:\n  {'type': 'value_error', 'loc': ('body', 'documents', 1), 'msg': "
        "'Input should be a string or an object', 'input': 3}",
    ),
    (
        m.VllmRerank,
        {"top_n": -1},
        400,
        "1 validation error:\n  {'type': 'value_error', 'loc': ('body', 'top_n'), 'msg': 'Input "
        "should be an integer of at least 0', 'input': -1}",
    ),
    (
        m.VllmRerank,
        {"query": None},
        400,
        "1 validation error:\n  {'type': 'string_type', 'loc': ('body', 'query'), 'msg': 'Input "
        "should be a valid string', 'input': None}",
    ),
    (
        m.VoyageRerank,
        {"model": None},
        400,
        VOYAGE + "Value 'None' supplied for argument 'model' is not a valid string",
    ),
    (
        m.VoyageRerank,
        {"documents": ["a", ""]},
        400,
        VOYAGE + "Error for argument 'documents': Value error, Input cannot contain empty strings "
        "or empty lists",
    ),
    (
        m.VoyageRerank,
        {"documents": ["a"] * 1001},
        400,
        VOYAGE + "Error for argument 'documents': Value error, The number of documents cannot "
        "exceed 1000",
    ),
    (
        m.VoyageRerank,
        {"top_k": 0},
        400,
        VOYAGE + "Value '0' supplied for argument 'top_k' is not a valid integer of at least 1",
    ),
    (m.JinaRerank, {"query": m.MISSING}, 422, "body.query: Field required"),
    (
        m.JinaRerank,
        {"documents": "a"},
        422,
        "body.documents: Input should be a valid list",
    ),
    (
        m.JinaRerank,
        {"documents": []},
        422,
        "body.documents: List should have at least 1 item after validation, not 0",
    ),
    (
        m.BedrockRerank,
        {"sources": []},
        400,
        CONSTRAINT.format("sources") + "have length greater than or equal to 1",
    ),
    (
        m.BedrockRerank,
        {"queries": [{}, {}]},
        400,
        CONSTRAINT.format("queries") + "have length less than or equal to 1",
    ),
    (
        m.BedrockRerank,
        {"queries": [{"type": "TEXT", "textQuery": {"text": None}}]},
        400,
        CONSTRAINT.format("queries[0].textQuery.text") + "not be null",
    ),
    (
        m.BedrockRerank,
        {"queries": [{"type": "TEXT", "textQuery": {"text": ""}}]},
        400,
        CONSTRAINT.format("queries[0].textQuery.text") + "have length greater than or equal to 1",
    ),
    (
        m.BedrockRerank,
        {"sources": m.MISSING},
        400,
        CONSTRAINT.format("sources") + "not be null",
    ),
    *(
        (
            m.BedrockRerank,
            {
                "rerankingConfiguration": {
                    "bedrockRerankingConfiguration": {
                        "numberOfResults": number,
                        "modelConfiguration": {"modelArn": "m"},
                    }
                }
            },
            400,
            sentence,
        )
        for number, sentence in (
            (3, "Cannot provide numberOfResults value that exceeds the number of sources."),
            (0, NUMBER_CONSTRAINT + "greater than or equal to 1"),
            (1001, NUMBER_CONSTRAINT + "less than or equal to 1000"),
        )
    ),
    (
        m.BedrockInvokeRerank,
        {"query": m.MISSING},
        400,
        MALFORMED.format("#: required key [query] not found"),
    ),
    (
        m.BedrockInvokeRerank,
        {"documents": "a"},
        400,
        MALFORMED.format("#/documents: expected type: JSONArray, found: String"),
    ),
    (
        m.BedrockInvokeRerank,
        {"top_n": 0},
        400,
        MALFORMED.format("#/top_n: 0 is not greater or equal to 1"),
    ),
    (
        m.VertexRank,
        {"records": [{"id": "1"}]},
        400,
        "records[0]: at least one of title or content should be set.",
    ),
    (
        m.VertexRank,
        {"records": [{"content": "a"}] * 201},
        400,
        "The number of records must be at most 200, got 201.",
    ),
]


@cases("kind, more, status, sentence", REFUSED)
def test_a_request_that_can_not_be_ranked_is_refused_in_the_providers_words(
    kind: type, more: Any, status: int, sentence: str
) -> None:
    body = {**SAMPLES[kind][3], **more}
    body = {name: value for name, value in body.items() if value is not m.MISSING}
    response = ask(answerer({"response": {"scores": [0.5]}}), kind, body=body)
    assert (response.status, complaint_of(response.body)) == (status, sentence)


def test_an_error_of_vllm_has_its_status_as_code_and_says_what_kind_it_is() -> None:
    def error(more: Any, response: Any) -> Any:
        found = ask(answerer({"response": response}), m.VllmRerank, more=more)
        return json.loads(found.body)["error"]

    wrong = error({"query": None}, {"scores": [1]})
    assert (wrong["type"], wrong["param"], wrong["code"]) == ("Bad Request", "body.query", 400)
    gone = {"message": "The model `m` does not exist.", "type": "NotFoundError"}
    found = ask(
        answerer({"match": {"api": "rerank"}, "response": {"error": {"kind": "not_found"}}}),
        m.VllmRerank,
        more={"model": "m"},
    )
    assert json.loads(found.body)["error"] == {**gone, "param": None, "code": 404}
    keyless = answerer(require_auth=True)
    assert json.loads(ask(keyless, m.VllmRerank).body) == {"error": "Unauthorized"}


@pytest.mark.parametrize(
    "query, documents, scores",
    [
        ("capital of France", ["Berlin", "The CAPITAL of France", "a capital"], [0.0, 1.0, 1 / 3]),
        ("東京の天気", ["大阪", "東京"], [0.0, 0.4]),
        ("?", ["a"], [0.0]),
    ],
)
def test_an_echo_scores_by_the_words_that_a_document_shares_with_the_query(
    query: str, documents: Any, scores: Any
) -> None:
    more = {"query": query, "documents": documents}
    response = ask(answerer(fallback="echo"), m.CohereRerank, more=more)
    results = json.loads(response.body)["results"]
    found = {one["index"]: one["relevance_score"] for one in results}
    assert [found[at] for at in range(len(documents))] == [round(score, 6) for score in scores]


def test_without_a_mock_the_404_says_what_the_closest_one_lacks() -> None:
    answers = answerer({"name": "chats", "response": {"text": "x"}})
    assert 'operation is "rerank", expected "generate"' in complaint_of(
        ask(answers, m.VllmRerank).body
    )
    answers = answerer({"name": "vain", "match": {"path": "/v1/rerank"}, "response": {"body": 1}})
    assert ask(answers, m.VllmRerank).body == b"1"


def test_a_mock_with_scores_is_for_rerank_and_a_request_may_bring_them_along() -> None:
    answers = answerer({"match": {"user": "Hi"}, "response": {"scores": [0, 1]}})
    assert json.loads(ask(answers, m.JinaRerank).body)["results"][0]["index"] == 1
    headers = {"x-mock-response": '{"scores": [1, 0]}'}
    first = json.loads(ask(answerer(), m.JinaRerank, headers=headers).body)["results"][0]
    assert (first["index"], first["relevance_score"]) == (0, 1)


@cases(
    "mock, problem",
    [
        ({"response": {"scores": []}}, "scores: expected an array of numbers, one for each docum"),
        ({"response": {"scores": 0.5}}, "scores: expected an array of numbers, one for each docu"),
        ({"response": {"scores": [[1]]}}, "scores: expected an array of numbers, one for each do"),
        ({"response": {"scores": [True]}}, "scores: expected an array of numbers"),
        ({"response": {"scores": [1e39]}}, "scores: holds a number that is none of 32 bits"),
        ({"response": {"scores": [1], "text": "x"}}, "scores: stands alone: no API answers with"),
        ({"response": {"scores": [1], "embedding": [1]}}, "embedding: stands alone: no API answe"),
        ({"response": {"scores": [1], "finish_reason": "length"}}, "finish_reason: has no effect"),
        ({"response": {"scores": [1], "chunk_size": 3}}, "chunk_size: has no effect"),
        (
            {"match": {"operation": "generate"}, "response": {"scores": [1]}},
            'can never be given: api is "chat", expected one that can say scores',
        ),
        (
            {"match": {"operation": "rerank"}, "response": {"text": "x"}},
            'can never be given: api is "rerank", expected one that can say a text',
        ),
        (
            {"match": {"operation": "rerank"}, "response": {"usage": {"input_tokens": 1}}},
            'expected another one, because its response has no "scores"',
        ),
        (
            {"match": {"operation": "rerank", "stream": True}, "response": {"scores": [1]}},
            'match.stream: no request has true beside operation "rerank"; that leaves false',
        ),
        (
            {
                "match": {"provider": "bedrock", "api": "rerank"},
                "response": {"scores": [1], "id": "x"},
            },
            "response.id: has no effect: answers of bedrock rerank have no place for it",
        ),
        (
            {"responses": [{"scores": [1]}, {"embedding": [1]}]},
            "responses[1]: can never be given",
        ),
    ],
)
def test_scores_that_can_not_be_said_are_refused(mock: Any, problem: str) -> None:
    with pytest.raises(BadMock) as caught:
        mock_of(mock)
    assert problem in str(caught.value)


def test_a_broken_body_gets_the_error_of_whoever_has_the_path() -> None:
    request = m.replace(request_of(m.VoyageRerank), body=b'{"top_k": 1')
    response = answerer().answer(request).response
    assert response.status == 400 and b"'json_invalid'" in response.body
    assert RANKED["query"] == "Hi"
