"""Errors of every kind, in every provider's shape."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any, Dict, Optional

import pytest
from cases import cases
from readers import compact, decoded, indented
from samples import (
    GENERATE,
    VERTEX,
    VERTEX_CLAUDE,
    answerer,
    ask,
    complaint_of,
    wire_of,
)

import mock_server as m

# What each provider says of each kind of error: status, type or the like, and where its sentence
# begins; None: an answer that says it.
OPENAI_SAYS: Dict[str, Any] = {
    "authentication": (401, "invalid_api_key", "Incorrect API key provided"),
    "permission": (
        403,
        "model_not_found",
        "Project `proj_mock` does not have access to model `gpt-4o-mini`",
    ),
    "not_found": (404, "model_not_found", "The model `gpt-4o-mini` does not exist"),
    "timeout": (504, "server_error", "Gateway Timeout"),
    "rate_limit": (429, "rate_limit_exceeded", "Rate limit reached for gpt-4o-mini"),
    "server_error": (500, "server_error", "The server had an error"),
    "overloaded": (503, "server_error", "The server is currently overloaded"),
    "context_length": (400, "context_length_exceeded", "This model's maximum context length"),
    "content_filter": None,
}


GEMINI_SAYS: Dict[str, Any] = {
    "authentication": (400, "INVALID_ARGUMENT", "API key not valid"),
    "permission": (403, "PERMISSION_DENIED", "The caller does not have permission"),
    "not_found": (404, "NOT_FOUND", "models/gemini-2.5-flash is not found for API version v1beta"),
    "timeout": (504, "DEADLINE_EXCEEDED", "Deadline expired"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota"),
    "server_error": (500, "INTERNAL", "An internal error has occurred"),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded"),
    "context_length": (400, "INVALID_ARGUMENT", "The input token count"),
    "content_filter": None,
}


ANTHROPIC_SAYS: Dict[str, Any] = {
    "authentication": (401, "authentication_error", "invalid x-api-key"),
    "permission": (403, "permission_error", "Your API key does not have permission"),
    "not_found": (404, "not_found_error", "model: claude-sonnet-4-5"),
    "timeout": (504, "timeout_error", "Request timed out"),
    "rate_limit": (429, "rate_limit_error", "This request would exceed"),
    "server_error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "context_length": (400, "invalid_request_error", "prompt is too long"),
    "content_filter": None,
}


BEDROCK_SAYS: Dict[str, Any] = {
    "authentication": (403, "UnrecognizedClientException", "The security token"),
    "permission": (403, "AccessDeniedException", "You don't have access"),
    "not_found": (400, "ValidationException", "The provided model identifier is invalid."),
    "timeout": (408, "ModelTimeoutException", "Model has timed out"),
    "rate_limit": (429, "ThrottlingException", "Too many requests"),
    "server_error": (500, "InternalServerException", "The system encountered"),
    "overloaded": (503, "ServiceUnavailableException", "The service is unable"),
    "context_length": (400, "ValidationException", "Input is too long"),
    "content_filter": None,
}


AZURE_SAYS = {
    **OPENAI_SAYS,
    "authentication": (401, "401", "Access denied due to invalid subscription key"),
    "permission": (403, "403", "Access denied due to Virtual Network"),
    "not_found": (404, "DeploymentNotFound", "The API deployment for this resource does not exist"),
    "rate_limit": (429, "429", "Requests to the ChatCompletions_Create Operation"),
    "content_filter": (400, "content_filter", "The response was filtered"),
}


VERTEX_SAYS = {
    **GEMINI_SAYS,
    "authentication": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials"),
    "not_found": (
        404,
        "NOT_FOUND",
        f"Publisher Model `{VERTEX[4:]}` not found.",
    ),
    "rate_limit": (429, "RESOURCE_EXHAUSTED", "Resource exhausted"),
}


FRONT_SAYS = {  # Google's front, whoever's model is behind it
    "authentication": VERTEX_SAYS["authentication"],
    "permission": (403, "PERMISSION_DENIED", "The caller does not have permission"),
    "not_found": (404, "NOT_FOUND", "Publisher Model `projects/p/locations/us/publishers/"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED", "Quota exceeded for aiplatform.googleapis.com"),
}
SAYS: Dict[type, Dict[str, Any]] = {
    m.OpenAIChat: OPENAI_SAYS,
    m.OpenAICompletions: {
        kind: row and (*row[:2], row[2].replace("gpt-4o-mini", "gpt-3.5-turbo-instruct"))
        for kind, row in OPENAI_SAYS.items()
    },
    m.OpenAIResponses: {
        **OPENAI_SAYS,
        "not_found": (400, "model_not_found", "The requested model 'gpt-4o-mini' does not exist."),
        "context_length": (400, "context_length_exceeded", "Your input exceeds the context window"),
    },
    m.AzureChat: AZURE_SAYS,
    m.AzureCompletions: AZURE_SAYS,
    m.AzureResponses: {
        **AZURE_SAYS,
        "context_length": (400, "context_length_exceeded", "Your input exceeds the context window"),
    },
    m.GeminiGenerate: GEMINI_SAYS,
    m.GeminiChat: {
        **GEMINI_SAYS,
        "not_found": (404, "NOT_FOUND", "models/gpt-4o-mini is not found"),
    },
    m.VertexGenerate: VERTEX_SAYS,
    m.VertexChat: {
        **VERTEX_SAYS,
        "not_found": (
            404,
            "NOT_FOUND",
            "Publisher Model `projects/p/locations/us/publishers/google/models/gpt-4o-mini`",
        ),
    },
    m.AnthropicMessages: ANTHROPIC_SAYS,
    m.VertexMessages: {
        **ANTHROPIC_SAYS,
        **FRONT_SAYS,
        "not_found": (404, "NOT_FOUND", f"Publisher Model `{VERTEX_CLAUDE[4:]}`"),
    },
    m.BedrockConverse: BEDROCK_SAYS,
    m.BedrockClaude: BEDROCK_SAYS,
    m.BedrockNova: BEDROCK_SAYS,
    m.CohereChat: {
        "authentication": (401, None, "invalid api token"),
        "permission": (403, None, "Forbidden"),
        "not_found": (404, None, "model 'command-a-03-2025' not found"),
        "timeout": (504, None, "Gateway Timeout"),
        "rate_limit": (429, None, "You are using a Trial key"),
        "server_error": (500, None, "internal server error"),
        "overloaded": (503, None, "service unavailable"),
        "context_length": (400, None, "too many tokens"),
        "content_filter": None,
    },
    m.MistralChat: {
        "authentication": (401, None, "Unauthorized"),
        "permission": (403, "invalid_request_error", "Forbidden"),
        "not_found": (400, "invalid_model", "Invalid model: mistral-small-latest"),
        "timeout": (504, "internal_server_error", "Gateway Timeout"),
        "rate_limit": (429, "rate_limited", "Rate limit exceeded"),
        "server_error": (500, "internal_server_error", "Internal server error"),
        "overloaded": (503, "internal_server_error", "Service unavailable."),
        "context_length": (400, "invalid_request_prompt", "Prompt contains"),
        "content_filter": None,
    },
    m.OllamaChat: {
        "authentication": (401, None, "unauthorized"),
        "permission": (403, None, "Forbidden"),
        "not_found": (404, None, "model 'llama3.2' not found"),
        "timeout": (504, None, "Gateway Timeout"),
        "rate_limit": (429, None, "too many requests"),
        "server_error": (500, None, "llama runner process has terminated"),
        "overloaded": (
            503,
            None,
            "server busy, please try again.  maximum pending requests exceeded",
        ),
        "context_length": (400, None, "the input length exceeds"),
        "content_filter": None,
    },
}
SAYS[m.VertexMistral] = SAYS[m.VertexFIM] = {**SAYS[m.MistralChat], **FRONT_SAYS}
SAYS[m.VertexOpenModels] = {**OPENAI_SAYS, **FRONT_SAYS}
SAYS[m.OllamaGenerate] = SAYS[m.OllamaChat]
for other, model in [(m.MistralFIM, "codestral"), (m.MistralResponses, "magistral-medium")]:
    SAYS[other] = {
        kind: row and (*row[:2], row[2].replace("mistral-small", model))
        for kind, row in SAYS[m.MistralChat].items()
    }


HOST_SAYS: Dict[str, Any] = {
    "permission": (403, "invalid_request_error", "Forbidden"),
    "timeout": (504, "internal_server_error", "Gateway Timeout"),
    "context_length": (400, "invalid_request_error", "This model's maximum context length"),
    "content_filter": None,
}
SAYS[m.GroqChat] = {
    **HOST_SAYS,
    "authentication": (401, "invalid_api_key", "Invalid API Key"),
    "not_found": (404, "model_not_found", "The model `gpt-4o-mini` does not exist or you"),
    "rate_limit": (429, "rate_limit_exceeded", "Rate limit reached for model `gpt-4o-mini` in"),
    "server_error": (500, "internal_server_error", "Internal Server Error"),
    "overloaded": (503, "internal_server_error", "Service Unavailable"),
    "context_length": (400, "context_length_exceeded", "Please reduce the length"),
}
SAYS[m.DeepSeekChat] = {
    **{kind: row and (row[0], "invalid_request_error", row[2]) for kind, row in HOST_SAYS.items()},
    "authentication": (401, "invalid_request_error", "Authentication Fails"),
    "not_found": (400, "invalid_request_error", "Model Not Exist"),
    "rate_limit": (429, "invalid_request_error", "Rate limit reached"),
    "server_error": (500, "invalid_request_error", "Internal Server Error"),
    "overloaded": (503, "invalid_request_error", "Service is too busy."),
}
SAYS[m.OpenRouterChat] = {
    "authentication": (401, 401, "User not found."),
    "permission": (403, 403, "Key limit exceeded"),
    "not_found": (404, 404, "No endpoints found for gpt-4o-mini."),
    "timeout": (408, 408, "Request timed out"),
    "rate_limit": (429, 429, "Rate limit exceeded"),
    "server_error": (500, 500, "Internal Server Error"),
    "overloaded": (503, 503, "No instances available"),
    "context_length": (400, 400, "This endpoint's maximum context length"),
    "content_filter": None,
}
SAYS[m.VLLMChat] = {
    "authentication": (401, None, "Unauthorized"),
    "permission": (403, 403, "Forbidden"),
    "not_found": (404, 404, "The model `gpt-4o-mini` does not exist."),
    "timeout": (504, 504, "Gateway Timeout"),
    "rate_limit": (429, 429, "Too Many Requests"),
    "server_error": (500, 500, "EngineCore encountered an issue."),
    "overloaded": (503, 503, "Service Unavailable"),
    "context_length": (400, 400, "This model's maximum context length"),
    "content_filter": None,
}
SAYS[m.OllamaOpenAIChat] = {
    kind: row and (row[0], "api_error", row[2]) for kind, row in SAYS[m.OllamaChat].items()
}
SAYS[m.OllamaOpenAIChat]["not_found"] = (404, "not_found_error", "model 'gpt-4o-mini' not found")
SAYS[m.OllamaOpenAIChat]["context_length"] = (
    400,
    "invalid_request_error",
    "the input length exceeds",
)
SAYS[m.BedrockOpenAIChat] = {
    **HOST_SAYS,
    "authentication": (401, "invalid_api_key", "Authentication failed"),
    "permission": (403, "invalid_request_error", "You don't have access to the model"),
    "not_found": (404, "model_not_found", "The model 'gpt-4o-mini' does not exist"),
    "timeout": (504, "server_error", "Gateway Timeout"),
    "rate_limit": (429, "rate_limit_error", "Too many requests"),
    "server_error": (500, "server_error", "The system encountered"),
    "overloaded": (503, "server_error", "Bedrock is unable"),
    "context_length": (400, "context_length_exceeded", "This model's maximum context length"),
}
SAYS[m.VLLMCompletions], SAYS[m.OllamaOpenAICompletions] = (
    {
        kind: row and (*row[:2], row[2].replace("gpt-4o-mini", "llama3.2"))
        for kind, row in rows.items()
    }
    for rows in (SAYS[m.VLLMChat], SAYS[m.OllamaOpenAIChat])
)
# Its sentence of an unknown model names the version and the method of a path of its own.
SAYS[m.GeminiDialectChat] = SAYS[m.GeminiChat]


def type_of(response: m.HttpResponse) -> Optional[str]:
    """What names an error in the provider's way: its code, type or status, at Bedrock a header."""
    header = dict(response.headers).get("x-amzn-ErrorType")
    if header:
        return header.partition(":")[0]
    value = json.loads(response.body)
    if isinstance(value, list):
        value = value[0]
    error = value.get("error", value)
    if not isinstance(error, dict):
        return None
    if isinstance(error.get("status"), str):
        return error["status"]
    if value.get("object") == "error":
        return error.get("type")
    return error.get("code") or error.get("type")


def test_every_api_that_says_something_has_its_errors_of_every_kind() -> None:
    assert [kind.__name__ for kind in set(SAYS) ^ set(GENERATE)] == []
    assert all(set(rows) == set(m.ERROR_KINDS) for rows in SAYS.values())


@cases("kind", SAYS)
def test_an_error_of_a_kind_is_the_providers_own(kind: type) -> None:
    for error, stream in itertools.product(m.ERROR_KINDS, (False, True)):
        if SAYS[kind][error]:
            check_error(kind, error, stream)


def check_error(kind: type, error: str, stream: bool) -> None:
    """Hold what is said of an error against the table: by kind, by status, and with a message."""
    status, named, said_so = SAYS[kind][error]
    response = ask(answerer({"response": {"error": {"kind": error}}}), kind, stream)
    assert (response.status, type_of(response)) == (status, named), (error, stream)
    assert complaint_of(response.body).startswith(said_so), (error, stream)
    bare = ask(answerer({"response": {"status": status}}), kind, stream)
    assert status not in m.ERROR_KINDS[error] or bare.body == response.body, (error, stream)
    own = ask(answerer({"response": {"error": {"kind": error, "message": "mine"}}}), kind, stream)
    assert (own.status, type_of(own)) == (status, named), (error, stream)
    assert complaint_of(own.body) == "mine", (error, stream)


@cases("kind", GENERATE)
@cases("stream", [False, True])
def test_a_miss_is_a_404_that_explains_in_every_providers_shape(kind: type, stream: bool) -> None:
    mock = {"name": "the one", "match": {"user": "Ho"}, "response": {"text": "x"}}
    response = ask(answerer(mock), kind, stream)
    said_so = 'no mock matches; closest is "the one" (added-1): user is "Hi", expected "Ho"'
    said_so += "; POST /__mock__/mocks adds one"
    assert response.status == 404 and complaint_of(response.body) == said_so
    header = dict(response.headers).get("x-amzn-ErrorType", "ResourceNotFoundException:")
    assert header.startswith("ResourceNotFoundException:")


@pytest.mark.parametrize(
    "kind, headers, details",
    [
        (
            m.OpenAIChat,
            {
                "retry-after": "1",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "1s",
            },
            None,
        ),
        (m.OpenAIResponses, {"retry-after": "1", "x-ratelimit-remaining-requests": "0"}, None),
        (m.AzureChat, {"retry-after": "1"}, None),
        (m.GeminiGenerate, {}, ["QuotaFailure", "Help", "RetryInfo"]),
        (m.VertexGenerate, {}, ["RetryInfo"]),
        (m.GeminiChat, {}, ["QuotaFailure", "Help", "RetryInfo"]),
        (m.VertexMessages, {}, ["RetryInfo"]),
        (
            m.AnthropicMessages,
            {"retry-after": "1", "anthropic-ratelimit-requests-remaining": "0"},
            None,
        ),
        (m.MistralChat, {"x-ratelimit-remaining-req-10-second": "0"}, None),
        (m.CohereChat, {"x-trial-endpoint-call-remaining": "0"}, None),
    ],
)
def test_a_rate_limit_says_how_long_to_wait_in_the_providers_way(
    kind: type, headers: Any, details: Any
) -> None:
    response = ask(answerer({"response": {"status": 429}}), kind)
    assert {name: dict(response.headers).get(name) for name in headers} == headers
    if details:
        value = json.loads(response.body)
        error = (value[0] if isinstance(value, list) else value)["error"]
        assert [detail["@type"].rpartition(".")[2] for detail in error["details"]] == details
        assert error["details"][-1]["retryDelay"] == "1s"
        assert "retry-after" not in dict(response.headers)
    mine = ask(answerer({"response": {"status": 429, "headers": {"Retry-After": "7"}}}), kind)
    assert [value for name, value in mine.headers if name.lower() == "retry-after"] == ["7"]


OPENAI_ERROR = {
    "error": {
        "message": "slow down",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }
}
VERTEX_ERROR = {
    "error": {
        "code": 429,
        "message": "slow down",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"},
        ],
    }
}
ANTHROPIC_ERROR = {
    "type": "error",
    "error": {"type": "rate_limit_error", "message": "slow down"},
    "request_id": "@request-id",
}
MISTRAL_ERROR = {
    "object": "error",
    "message": "slow down",
    "type": "rate_limited",
    "param": None,
    "code": "1300",
    "raw_status_code": 429,
}


@cases(
    "kind, expected",
    [
        (m.OpenAIChat, indented(OPENAI_ERROR)),
        (m.AzureChat, '{"error":{"code":"429","message":"slow down"}}'),
        (m.VertexGenerate, indented(VERTEX_ERROR) + "\n"),
        (m.AnthropicMessages, compact(ANTHROPIC_ERROR)),
        (m.BedrockConverse, '{"message":"slow down"}'),
        (m.BedrockClaude, '{"message":"slow down"}'),
        (m.CohereChat, '{"id":"@uuid","message":"slow down"}'),
        (m.OllamaChat, '{"error":"slow down"}'),
        (m.MistralChat, compact(MISTRAL_ERROR)),
    ],
)
@cases("stream", [False, True])
def test_an_error_has_the_providers_shape_and_layout(
    kind: type, expected: str, stream: bool
) -> None:
    headers = {"retry-after": "1"}
    answers = answerer({"response": {"status": 429, "error": "slow down", "headers": headers}})
    response = ask(answers, kind, stream)
    expected = expected.replace("@request-id", dict(response.headers).get("request-id", ""))
    sent = re.sub('"id":"[0-9a-f-]{36}"', '"id":"@uuid"', response.body.decode())
    assert response.status == 429 and sent == expected
    assert ("retry-after", "1") in response.headers


STOPPED = (  # what says in an answer that a filter stopped it
    b'"SAFETY"|"refusal"|"content_filtered"|"content_filter"|"ERROR"|"error"|"done_reason":"stop"'
)


@cases("kind", [kind for kind in SAYS if not SAYS[kind]["content_filter"]])
def test_what_a_filter_stopped_is_an_answer_where_the_provider_says_it_that_way(kind: type) -> None:
    answers = answerer({"response": {"error": {"kind": "content_filter"}}})
    whole, stream = ask(answers, kind), ask(answers, kind, True)
    assert whole.status == stream.status == 200
    if wire_of(kind).dialect == "ollama":  # which has no word for it
        return
    assert re.search(STOPPED, re.sub(rb'": +"', b'":"', whole.body))
    assert re.search(STOPPED, decoded(kind, stream))
