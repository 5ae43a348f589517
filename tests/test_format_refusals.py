"""What every format refuses: bodies that can not be read, and credentials that are none."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List

import pytest
from cases import cases
from samples import (
    SAMPLES,
    answerer,
    ask,
    bytes_of,
    complaint_of,
    request_of,
    wire_of,
)
from wrong_bodies import BAD_JSON, WRONG_BODIES

import mock_server as m

POSTED = [
    kind
    for kind, sample in SAMPLES.items()
    if sample[0] == "POST" and wire_of(kind).takes_body and not wire_of(kind).takes_form
]
NO_OBJECTS = [b"[1, 2]", b'"text"', b"null", b"7"]


@cases("kind", POSTED)
def test_a_body_that_is_no_json_object_is_refused_and_the_place_is_named(kind: type) -> None:
    answers = answerer({"response": {"text": "x"}})
    cases = [(b"", wire_of(kind).no_body), *BAD_JSON]
    cases += [(body, "an object|valid dictionary|null") for body in NO_OBJECTS]
    for body, said_so in cases:
        refused = answers.answer(m.replace(request_of(kind), body=body)).response
        pattern = said_so if body in NO_OBJECTS else re.escape(said_so)
        assert refused.status in (400, 422), body[:40]
        assert re.search(pattern, complaint_of(refused.body)), body[:40]


@cases("kind, more, field", WRONG_BODIES)
def test_a_wrong_field_is_named_in_the_providers_shape(kind: type, more: Any, field: str) -> None:
    response = ask(answerer({"response": {"text": "x"}}), kind, more=more)
    statuses = {True: 422, False: 400}
    assert response.status == statuses[issubclass(kind, m.Mistral)]
    value = json.loads(response.body)
    if issubclass(kind, m.Gemini):
        error = (value[0] if isinstance(value, list) else value)["error"]
        assert error["status"] == "INVALID_ARGUMENT"
        assert error["details"][0]["fieldViolations"][0]["field"] == field
    elif issubclass(kind, m.OpenAI) and not issubclass(kind, (m.Mistral, m.ContentSafety)):
        error = value["error"]
        assert (error["type"], error["param"]) == ("invalid_request_error", field)
        assert field in error["message"]
    else:
        pattern = rf"(?<![\w.]){re.escape(field)}(?![\w.])"
        assert re.search(pattern, complaint_of(response.body)), response.body


SCHEMA = {
    "type": "object",
    "properties": {"a": {"enum": [1], "anyOf": [{"$ref": "#/a"}]}},
    "required": ["a"],
}
TOOLS = [
    {
        "type": "function",
        "name": "f",
        "function": {"name": "f"},
        "functionDeclarations": [{"name": "f"}],
    }
]
RICH: Dict[type, Any] = {  # what more a body may hold that is read
    m.ChatRequest: {"tools": TOOLS, "n": 1, "response_format": {"json_schema": {"schema": SCHEMA}}},
    m.OpenAICompletions: {"n": 1, "stream_options": {"include_usage": True}},
    m.ResponsesRequest: {
        "tools": TOOLS,
        "text": {"format": {"schema": SCHEMA}},
        "reasoning": {"effort": "low"},
    },
    m.GeminiRequest: {
        "tools": TOOLS,
        "generationConfig": {"candidateCount": 1, "responseSchema": SCHEMA},
    },
    m.AnthropicRequest: {
        "tools": TOOLS,
        "output_config": {"format": {"schema": SCHEMA}},
        "thread": {"type": "create"},
    },
    m.ConverseRequest: {
        "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}]},
        "inferenceConfig": {"temperature": 1},
        "outputConfig": {
            "textFormat": {"structure": {"jsonSchema": {"schema": json.dumps(SCHEMA)}}}
        },
    },
    m.CohereChat: {"tools": TOOLS, "response_format": {"json_schema": SCHEMA}},
    m.CohereEmbed: {
        "embedding_types": ["float"],
        "inputs": [{"content": [{"type": "text", "text": "Hi"}]}],
    },
    m.OllamaChat: {"tools": TOOLS, "format": SCHEMA},
    m.OllamaGenerate: {"format": SCHEMA},
}


VALUES: List[Any] = [None, [], {}, "", 0, True, 1.5, [None], {"a": {}}, "\ud800", 10**400]


def variants(value: Any) -> Iterator[Any]:
    """A JSON value with each of VALUES in each of its places, one at a time."""
    yield from VALUES
    if isinstance(value, dict):
        for key in value:
            yield from ({**value, key: inner} for inner in variants(value[key]))
    if isinstance(value, list):
        for index, item in enumerate(value):
            before, after = value[:index], value[index + 1 :]
            yield from ([*before, inner, *after] for inner in variants(item))


def rich_body(kind: type) -> Any:
    """The sample body of a format with everything else that is read of it."""
    found = dict(SAMPLES[kind][3])
    for base, more in RICH.items():
        if issubclass(kind, base):
            found.update(more)
    return found


def test_no_value_anywhere_in_a_body_brings_the_server_down() -> None:
    others = {"operation": sorted(m.OPERATIONS - {"embed"})}
    answers = answerer(
        {"match": others, "response": {"text": "{}"}}, {"response": {"embedding": [1]}}
    )
    for kind in POSTED:
        request = request_of(kind)
        for body in variants(rich_body(kind)):
            response = answers.answer(m.replace(request, body=json.dumps(body).encode())).response
            assert bytes_of(response) and response.status in (200, 400, 404, 422), (kind, body)


@cases(
    "kind, status, headers, query",
    [
        (m.OpenAIChat, 401, [{"authorization": "Bearer k"}], []),
        (m.AzureChat, 401, [{"api-key": "k"}, {"authorization": "Bearer jwt"}], []),
        (
            m.GeminiGenerate,
            403,
            [{"x-goog-api-key": "k"}, {"authorization": "Bearer k"}],
            [{"key": "k"}],
        ),
        (m.VertexGenerate, 401, [{"authorization": "Bearer k"}, {"x-goog-api-key": "k"}], []),
        (m.OpenAIResponses, 401, [{"authorization": "Bearer k"}], []),
        (m.GeminiChat, 403, [{"authorization": "Bearer k"}, {"x-goog-api-key": "k"}], []),
        (m.VertexChat, 401, [{"authorization": "Bearer k"}], []),
        (m.AnthropicMessages, 401, [{"x-api-key": "k"}, {"authorization": "Bearer k"}], []),
        (m.VertexMessages, 401, [{"authorization": "Bearer k"}], []),
        (
            m.BedrockConverse,
            403,
            [{"authorization": "AWS4-HMAC-SHA256 Credential=a/b"}, {"authorization": "Bearer k"}],
            [],
        ),
        (
            m.BedrockClaude,
            403,
            [{"authorization": "AWS4-HMAC-SHA256 Credential=a/b"}, {"authorization": "Bearer k"}],
            [],
        ),
        (m.CohereChat, 401, [{"authorization": "Bearer k"}], []),
        (m.MistralChat, 401, [{"authorization": "Bearer k"}], []),
    ],
)
def test_a_credential_is_asked_for_in_the_providers_way(
    kind: type, status: int, headers: Any, query: Any
) -> None:
    answers = answerer({"response": {"text": "x"}}, require_auth=True)
    wrong = [{}, {"authorization": "Bearer "}, {"authorization": "Basic k"}, {"api-key": " "}]
    assert [ask(answers, kind, headers=one).status for one in wrong] == [status] * 4
    right = [ask(answers, kind, headers=one).status for one in headers]
    right += [ask(answers, kind, query=one).status for one in query]
    assert set(right) == {200}
    assert answers.answer(m.Request("GET", "/")).response.status == 200


@pytest.mark.parametrize(
    "kind, missing, unusable",
    [
        (m.OpenAIChat, "You didn't provide an API key.", "Incorrect API key provided"),
        (m.AnthropicMessages, "x-api-key header is required", "invalid x-api-key"),
        (
            m.BedrockConverse,
            "Missing Authentication Token",
            "The security token included in the request is invalid.",
        ),
        (m.CohereChat, "no api key supplied", "invalid api token"),
        (m.MistralChat, "Unauthorized", "Unauthorized"),
        (
            m.GeminiGenerate,
            "Method doesn't allow unregistered callers",
            "Method doesn't allow unregistered callers",
        ),
    ],
)
def test_a_credential_that_can_not_be_one_is_told_apart_from_none(
    kind: type, missing: str, unusable: str
) -> None:
    answers = answerer({"response": {"text": "x"}}, require_auth=True)
    for headers, said_so in (({}, missing), ({"authorization": "Basic k"}, unusable)):
        assert complaint_of(ask(answers, kind, headers=headers).body).startswith(said_so)
