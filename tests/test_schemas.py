"""Answers held against the JSON schema of the request."""

from __future__ import annotations

import http.client
import json
from typing import Any, Dict

import pytest
from cases import cases
from samples import (
    CHAT,
    answerer,
    request_of,
)

import mock_server as m

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}


SCHEMAS: Dict[type, Any] = {  # how each API is told the schema that the answer is to fit
    m.OpenAIChat: {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "w", "schema": WEATHER, "strict": True},
        }
    },
    m.OpenAIResponses: {
        "text": {"format": {"type": "json_schema", "name": "w", "schema": WEATHER}}
    },
    m.GeminiGenerate: {
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": WEATHER}
    },
    m.VertexGenerate: {
        "generation_config": {
            "response_schema": {
                "type": "OBJECT",
                "properties": {"city": {"type": "STRING"}, "degrees": {"type": "INTEGER"}},
                "required": ["city"],
                "propertyOrdering": ["city"],
            }
        }
    },
    m.AnthropicMessages: {"output_config": {"format": {"type": "json_schema", "schema": WEATHER}}},
    m.BedrockClaude: {"output_format": {"type": "json_schema", "schema": WEATHER}},
    m.BedrockConverse: {
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"schema": json.dumps(WEATHER)}},
            }
        }
    },
    m.CohereChat: {"response_format": {"type": "json_object", "json_schema": WEATHER}},
    m.MistralChat: {
        "response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
    },
    m.OllamaChat: {"format": WEATHER},
}
SCHEMAS[m.OllamaGenerate] = SCHEMAS[m.OllamaChat]
SCHEMAS[m.AzureChat] = SCHEMAS[m.GeminiChat] = SCHEMAS[m.OpenAIChat]

MISFIT = "the answer does not fit the request's JSON schema: "


@cases("kind", SCHEMAS)
@cases("stream", [False, True])
def test_an_object_is_answered_as_json_text_and_a_misfit_is_noted(kind: type, stream: bool) -> None:
    def answered(text: Any) -> m.Answered:
        asked = request_of(kind, stream, more=SCHEMAS[kind])
        return answerer({"response": {"text": text}}).answer(asked)

    fitting = answered({"city": "{{user}}", "degrees": 7})
    assert fitting.note == "" and fitting.response.status == 200
    assert stream or r"{\"city\":\"Hi\",\"degrees\":7}" in fitting.response.body.decode()
    wrong = answered({"city": "Oslo", "degrees": "warm"})
    assert wrong.note == MISFIT + 'text.degrees is "warm", expected integer'
    plain = answered("{no json")
    assert "text is not JSON" in plain.note and plain.response.status == 200


def test_the_log_says_when_an_answer_does_not_fit(capfd: pytest.CaptureFixture[str]) -> None:
    body = json.dumps({**CHAT, **SCHEMAS[m.OpenAIChat]})
    with m.MockServer(log="text") as server:
        server.mock(response={"text": {"city": 1}})
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("POST", "/v1/chat/completions", body)
        connection.getresponse().read()
        connection.close()
    said_so = "does not fit the request's JSON schema: text.city is 1, expected string"
    assert said_so in capfd.readouterr().err


@cases(
    "value, schema, said_so",
    [
        ({"city": "Oslo"}, WEATHER, ""),
        ({}, WEATHER, "v.city is missing"),
        ({"city": "Oslo", "citty": 1}, WEATHER, "v.citty is not wanted"),
        (
            [1, "a"],
            {"type": "array", "items": {"type": "integer"}},
            'v[1] is "a", expected integer',
        ),
        ([1, "a"], {"prefixItems": [{"type": "string"}]}, "v[0] is 1, expected string"),
        ([1], {"minItems": 2}, "v is [1], expected at least so many items: 2"),
        ({}, {"minProperties": 1}, "v is {}, expected at least so many members: 1"),
        (True, {"type": "integer"}, "v is true, expected integer"),
        (1.0, {"type": "integer"}, ""),
        (None, {"type": ["string", "null"]}, ""),
        (None, {"type": "STRING", "nullable": True}, ""),
        (None, {"type": "STRING"}, "v is null, expected string"),
        ("c", {"enum": ["a", "b"]}, 'v is "c", expected one of ["a", "b"]'),
        (2, {"const": 1}, "v is 2, expected 1"),
        (5, {"minimum": 6}, "v is 5, expected at least 6"),
        (5, {"exclusiveMaximum": 5}, "v is 5, expected less than 5"),
        ("abc", {"maxLength": 2}, 'v is "abc", expected a length of at most 2'),
        (
            1,
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "v fits none of anyOf: v is 1, expected string",
        ),
        (1, {"allOf": [{"type": "integer"}, {"minimum": 2}]}, "v is 1, expected at least 2"),
        (
            {"a": {"a": 1}},
            {
                "$defs": {"n": {"properties": {"a": {"$ref": "#/$defs/n"}}, "type": "object"}},
                "$ref": "#/$defs/n",
            },
            "v.a.a is 1, expected object",
        ),
        (1, {"$ref": "#"}, ""),
        (1, {"type": "unheard-of"}, ""),
        (1, "no schema", ""),
    ],
)
def test_a_value_is_held_against_a_json_schema(value: Any, schema: Any, said_so: str) -> None:
    assert m.misfit(value, schema, "v") == said_so


def test_a_schema_of_many_branches_that_refer_to_themselves_costs_bounded_time() -> None:
    endless = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}
    assert m.misfit(1, endless, "v") == ""
    leaf: Dict[str, Any] = {
        "type": "object",
        "properties": {"left": {"$ref": "#/$defs/e"}, "op": {"const": "x"}},
        "required": ["op"],
    }
    branches = [
        {**leaf, "properties": {**leaf["properties"], "op": {"const": op}}} for op in "+-*/"
    ]
    tree = {"$defs": {"e": {"anyOf": branches}}, "$ref": "#/$defs/e"}
    value: Any = {"op": "/"}
    for _ in range(12):
        value = {"left": value, "op": "/"}
    assert m.misfit(value, tree, "v") == ""
    assert m.misfit(int("9" * 400), {"type": "integer", "minimum": 0}, "v") == ""
