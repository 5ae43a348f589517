"""Routing: whose path it is, and what is said of a path that is nobody's."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Optional

import pytest
from cases import cases
from samples import (
    BEDROCK,
    GEMINI,
    MISTRAL,
    SAMPLES,
    VERTEX_CLAUDE,
    answerer,
    complaint_of,
    request_of,
    wire_of,
)

import mock_server as m


def test_every_wire_format_has_a_sample() -> None:
    assert set(SAMPLES) == {type(wire) for wire in m.WIRE_FORMATS}


OPEN, MISTRALS = m.VertexOpenModels, m.VertexMistral
PATH_OWNERS = [
    (sample[0], path, kind)
    for kind, sample in SAMPLES.items()
    for path in (sample[1], sample[2])
    if path
] + [
    ("POST", "/chat/completions", m.OpenAIChat),
    ("POST", "/api/v1/chat/completions", m.OpenAIChat),
    ("POST", "/groq/openai/v1/chat/completions", m.OpenAIChat),
    ("POST", "/openai/v1/chat/completions", m.AzureChat),
    ("POST", "/openai/v1/completions", m.AzureCompletions),
    ("POST", "/openai/v1/embeddings", m.AzureEmbeddings),
    ("POST", "/compat/v1/embeddings", m.OpenAIEmbeddings),
    ("POST", "/together/v1/completions", m.OpenAICompletions),
    ("POST", "/openai/v1/moderations", m.AzureModerations),
    ("GET", "/openai/v1/models/gpt-4o", m.AzureModels),
    ("GET", "/v1/models/meta-llama/Llama-3", m.OpenAIModels),
    ("GET", "/models", m.OpenAIModels),
    ("GET", "/v1beta/models/gemini-2.5-flash", m.GeminiModels),
    ("POST", "/v1/models/g:generateContent", m.GeminiGenerate),
    ("POST", "/v1beta/tunedModels/mine:generateContent", m.GeminiGenerate),
    ("POST", GEMINI + "%3AgenerateContent", m.GeminiGenerate),
    ("POST", "/v1alpha/models/g:streamGenerateContent", m.GeminiGenerate),
    ("POST", "/v1beta1/publishers/google/models/g:generateContent", m.VertexGenerate),
    ("POST", "/v1/projects/p/locations/l/endpoints/123:streamGenerateContent", m.VertexGenerate),
    (
        "POST",
        "/v1/projects/p/locations/l/publishers/meta/models/llama:generateContent",
        m.VertexGenerate,
    ),
    ("GET", "/v1/projects/p/locations/l/publishers/google/models/g", m.VertexModels),
    ("POST", "/openai/responses", m.AzureResponses),
    ("POST", "/openrouter/api/v1/responses", m.OpenAIResponses),
    ("POST", "/v1alpha/openai/chat/completions", m.GeminiChat),
    ("POST", "/v1beta1/projects/p/locations/l/endpoints/openapi/chat/completions", m.VertexChat),
    ("POST", "/anthropic/v1/messages", m.AnthropicMessages),
    ("POST", "/anthropic/v1/messages/count_tokens", m.AnthropicCountTokens),
    ("POST", "/openai/v1/messages", m.AnthropicMessages),
    ("POST", "/openai/v1/messages/count_tokens", m.AnthropicCountTokens),
    ("POST", "/v1/projects/p/v2/chat", m.CohereChat),
    (
        "POST",
        "/v1/projects/p/locations/l/publishers/anthropic/models/claude%3ArawPredict",
        m.VertexMessages,
    ),
    ("POST", "/v1beta1/projects/p/locations/l/publishers/meta/models/l:rawPredict", OPEN),
    ("POST", "/v1/projects/p/locations/l/publishers/qwen/models/q%3AstreamRawPredict", OPEN),
    ("POST", "/v1/projects/p/locations/l/publishers/deepseek-ai/models/d@1:rawPredict", OPEN),
    ("POST", "/v1/projects/p/locations/l/endpoints/123:streamRawPredict", OPEN),
    ("POST", "/v1/projects/p/locations/l/publishers/mistralai/models/m@2407:rawPredict", MISTRALS),
    ("POST", "/model/anthropic.claude-3-haiku-20240307-v1:0/converse", m.BedrockConverse),
    ("POST", "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke", m.BedrockClaude),
    (
        "POST",
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fabc/invoke",
        m.BedrockClaude,
    ),
    (
        "POST",
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Famazon.nova-pro-v1%3A0/invoke",
        m.BedrockNova,
    ),
    (
        "POST",
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fmeta.llama3/invoke",
        m.BedrockOther,
    ),
    ("POST", "/model/mistral.mistral-large-2402-v1:0/invoke-with-response-stream", m.BedrockOther),
    ("POST", "/model/amazon.titan-embed-image-v1/invoke", m.BedrockTitanEmbed),
    ("POST", "/model/amazon.titan-text-express-v1/invoke", m.BedrockOther),
    ("POST", "/cohere/v2/chat", m.CohereChat),
    ("POST", "/cohere/v2/embed", m.CohereEmbed),
    ("POST", "/cohere/v2/rerank", m.CohereRerank),
    ("POST", "/cohere/v1/rerank", m.CohereRerankV1),
    ("POST", "/rerank", m.VllmRerank),
    ("POST", "/any/reranks", m.VllmRerank),
    ("POST", "/rerank", m.VoyageRerank),
    ("POST", "/v1/rerank", m.BedrockRerank),
    ("POST", "/model/us.amazon.rerank-v1%3A0/invoke", m.BedrockInvokeRerank),
    (
        "POST",
        "/v1alpha/projects/1/locations/global/rankingConfigs/default_ranking_config%3Arank",
        m.VertexRank,
    ),
    ("POST", "/compatibility/v1/chat/completions", m.OpenAIChat),
    ("POST", "/ollama/api/chat", m.OllamaChat),
    ("POST", "/codestral/v1/fim/completions", m.MistralFIM),
    ("GET", "/v1/openai/models", m.OpenAIModels),
    ("GET", "/api/paas/v4/models", m.OpenAIModels),
    ("GET", "/api/v3/models/x", m.OpenAIModels),
    ("GET", "/v1/models/ft:open-mistral-7b:abc", m.MistralModels),
    ("POST", "/model/amazon.nova-canvas-v1:0/invoke", m.BedrockOther),
    ("POST", "/model/amazon.nova-2-multimodal-embeddings-v1:0/invoke", m.BedrockOther),
]


@cases("method, path, owner", PATH_OWNERS)
def test_every_path_has_one_owner(method: str, path: str, owner: type) -> None:
    request = m.replace(request_of(owner), method=method, path=path)
    assert isinstance(m.route(request)[0], owner)  # or one of its dialects


@cases(
    "headers, query, owner",
    [
        ({}, {}, m.OpenAIModels),
        ({"authorization": "Bearer k"}, {}, m.OpenAIModels),
        ({"x-goog-api-key": "k"}, {}, m.GeminiModels),
        ({}, {"key": "k"}, m.GeminiModels),
        ({"anthropic-version": "2023-06-01"}, {}, m.AnthropicModels),
        (MISTRAL, {}, m.MistralModels),
    ],
)
@cases("path", ["/v1/models", "/v1/models/some-model"])
def test_the_shared_models_path_is_told_apart_by_what_its_clients_send(
    path: str, headers: Any, query: Any, owner: type
) -> None:
    assert type(m.route(m.Request("GET", path, query, headers))[0]) is owner


@pytest.mark.parametrize(
    "target, path, query",
    [
        ("/v1//chat///completions", "/v1/chat/completions", {}),
        ("/a?x=1&y=a+b%21&x=2&z", "/a", {"x": "2", "y": "a b!", "z": ""}),
        ("/a?%24alt=json%3Benum-encoding%3Dint", "/a", {"$alt": "json;enum-encoding=int"}),
        ("http://host:80/v1/models?key=k", "/v1/models", {"key": "k"}),
        ("/a%2Fb", "/a%2Fb", {}),
    ],
)
def test_a_target_is_a_path_as_sent_and_a_decoded_query(target: str, path: str, query: Any) -> None:
    assert m.parse_target(target) == (path, query)


@pytest.mark.parametrize(
    "path, model",
    [
        (GEMINI + ":generateContent", "gemini-2.5-flash"),
        ("/v1beta/models/a%2Fb%3Av1%3AgenerateContent", "a/b:v1"),
        ("/openai/deployments/my%20model/chat/completions", "my model"),
        ("/v1beta/tunedModels/x%25y:generateContent", "x%y"),
    ],
)
def test_a_segment_is_decoded_after_the_path_was_matched(path: str, model: str) -> None:
    assert m.route(m.Request("POST", path))[1]["model"] == model


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("GET", "/v1/chat/completions", "POST, OPTIONS"),
        ("POST", "/v1/models", "GET, HEAD, OPTIONS"),
        ("DELETE", "/", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_gets_405_with_allow(method: str, path: str, allowed: str) -> None:
    response = answerer().answer(m.Request(method, path)).response
    assert response.status == 405 and ("Allow", allowed) in response.headers


def test_a_very_long_segment_is_a_name_like_any_other() -> None:
    assert answerer().answer(m.Request("GET", "/v1/models/" + "x" * 5000)).response.status == 200


def test_health_is_answered_at_the_root() -> None:
    health = answerer().answer(m.Request("GET", "/")).response
    assert json.loads(health.body) == {"status": "healthy", "service": "mock-provider"}


@pytest.mark.parametrize(
    "path, kind, near",
    [
        ("/v1/chat/completons", m.OpenAIChat, "/v1/chat/completions"),
        ("/v1/respones", m.OpenAIResponses, "/"),
        (
            "/v1beta/models/g:generateContents",
            m.GeminiGenerate,
            "/v1beta/models/{model}:generateContent",
        ),
        (
            "/openai/deployments/d/chat/completion",
            m.AzureChat,
            "/openai/deployments/{model}/chat/completions",
        ),
        ("/v1/message", m.AnthropicMessages, "/"),
        (BEDROCK + "/convers", m.BedrockConverse, "/"),
        ("/v2/chatt", m.CohereChat, "/"),
        ("/api/chats", m.OllamaChat, "/"),
        (VERTEX_CLAUDE + ":rawPredicts", m.VertexMessages, "/"),
        (VERTEX_CLAUDE.replace("anthropic", "meta") + ":rawpredict", m.VertexOpenModels, "/v1/pro"),
        ("/nothing/like/it", m.OpenAIChat, "/"),
        ("/gemini/v1/chat/complete", m.GeminiDialectChat, "/v1/chat/completions"),
        ("/ollama/api/chats", m.OllamaChat, "/api/chat"),
        ("/bedrock/model/x/convers", m.BedrockConverse, "/model/{model}/converse"),
    ],
)
def test_an_unknown_path_is_told_the_nearest_one_in_the_shape_of_its_provider(
    path: str, kind: type, near: str
) -> None:
    answered = answerer().answer(m.Request("POST", path, body=b"{}"))
    assert answered.wire is m.other_like(wire_of(kind))
    assert answered.response.status == 404
    said_so = f'unknown path "{path}"; the nearest known one is POST {near}'
    assert complaint_of(answered.response.body).startswith(said_so)


# === Templates ===============================================================


@cases(
    "template, path, params",
    [
        ("/a/{model}/b", "/a/x:y%2Fz/b", {"model": "x:y%2Fz"}),
        ("/a/{model}/b", "/a/x/y/b", None),
        ("/a/{model:}", "/a/x", {"model": "x"}),
        ("/a/{model:}", "/a/x:y", None),
        ("/a/{model}:verb", "/a/x:verb", {"model": "x"}),
        ("/a/{model}:verb", "/a/x%3Averb", {"model": "x"}),
        ("/a/{model}:verb", "/a/x:y:verb", None),
        ("/a/{model*}", "/a/x/y:z", {"model": "x/y:z"}),
        ("/a/{model*}", "/a/", None),
        ("/a[/{model}]", "/a", {"model": None}),
        ("/a[/{model}]", "/a/x", {"model": "x"}),
        ("/{v1|v2}/a", "/v2/a", {}),
        ("/{v1|v2}/a", "/v3/a", None),
        ("/{verb=one|two}", "/two", {"verb": "two"}),
        ("/{verb=one}", "/two", None),
        ("{prefix*}/a/b", "/a/b", {}),
        ("{prefix*}/a/b", "/x/y/a/b", {}),
        ("{prefix*}/a/b", "/xa/b", None),
        ("/a.b+c", "/a.b+c", {}),
        ("/a.b+c", "/aXb+c", None),
    ],
)
def test_a_template_matches_the_paths_that_it_says(
    template: str, path: str, params: Optional[Dict[str, Any]]
) -> None:
    match = re.fullmatch(m.pattern_of(template), path)
    assert (match and match.groupdict()) == params


@pytest.mark.parametrize(
    "template, text",
    [
        ("GET /v1/models[/{model*}]", "GET /v1/models"),
        ("POST /{v1beta|v1}/{models|tunedModels}/{model}:", "POST /v1beta/models/{model}:"),
        ("POST /model/{model}/{verb=converse}", "POST /model/{model}/converse"),
        ("POST /{publisher=a|b}/{model:}", "POST /a/{model}"),
    ],
)
def test_a_template_is_shown_as_people_write_a_path(template: str, text: str) -> None:
    assert m.readable(template) == text


def test_plain_text_around_placeholders_keeps_no_path_from_its_route() -> None:
    """Only a path with these ends is held against the regular expression."""
    paths = {path for _, path, _ in PATH_OWNERS}
    found = [(route, path) for route in m.ROUTES for path in paths if route.pattern.fullmatch(path)]
    assert len(found) > 100
    assert [(route.template, path) for route, path in found if not route.match(path)] == []


def test_specific_routes_stand_before_catch_alls() -> None:
    ranks = [route.rank for route in m.ROUTES]
    assert ranks == sorted(ranks)
    catch_alls = [route.anywhere for route in m.ROUTES]
    assert catch_alls == sorted(catch_alls) and True in catch_alls


DIALECT_FORMATS = {type(wire) for wire in m.WIRE_FORMATS if wire.dialect not in ("", "openai")}


def test_what_answers_a_path_has_its_most_specific_route() -> None:
    for method, path, owner in PATH_OWNERS:
        # Without a client's name: a dialect has the routes of OpenAI's format.
        request = m.replace(request_of(owner), method=method, path=path)
        if owner in DIALECT_FORMATS:
            request = request.with_headers({})
        plain, params = m.route(request)
        matching = [
            route
            for route in m.ROUTES
            if route.method == method and route.match(path) and route.wire.owns(request, params)
        ]
        assert isinstance(plain, type(matching[0].wire)), path


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/openai/deployments/d/responses"),
        ("POST", "/openai/v1/elsewhere/chat/completions"),
        ("POST", "/v1beta/openai/responses"),
        ("POST", "/v1/projects/p/locations/l/endpoints/openapi/completions"),
        ("GET", "/v1beta/models/g:generateContent"),
    ],
)
def test_where_a_provider_is_at_home_no_others_catch_all_answers(method: str, path: str) -> None:
    owners = {wire.provider for wire, _ in m.owners(method, path)}
    assert "openai" not in owners and "mistral" not in owners


def test_no_route_of_one_provider_names_the_paths_of_another() -> None:
    for wire in m.WIRE_FORMATS:
        for route in wire.routes:
            assert "(?" not in route and "\\" not in route


def test_mistrals_client_finds_its_models_under_a_prefix_too() -> None:
    for path in ("/gateway/v1/models", "/gateway/v1/models/mistral-small-latest"):
        assert type(m.route(m.Request("GET", path, {}, MISTRAL))[0]) is m.MistralModels
