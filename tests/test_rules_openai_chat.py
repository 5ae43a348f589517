"""What OpenAI's chat completions refuse, Azure's beside it, and the hosts of its dialects."""

from __future__ import annotations

import json
import time
from typing import Any, Dict, List, Optional, Tuple

from rulebook import Broken, check_broken, judged_by, rules_of, strict_answer

import mock_server as m

CHAT = "/v1/chat/completions"
AZURE = "/openai/deployments/d/chat/completions?api-version=2024-10-21"
HI = {"role": "user", "content": "Hi"}


def call_to(id: str = "call_1", name: str = "f", arguments: Any = "{}") -> Dict[str, Any]:
    """A call of a tool."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*ids: str) -> Dict[str, Any]:
    """An assistant's message that calls tools."""
    return {"role": "assistant", "content": None, "tool_calls": [call_to(id) for id in ids]}


def result(id: str, content: Any = "x") -> Dict[str, Any]:
    """What a tool says."""
    return {"role": "tool", "tool_call_id": id, "content": content}


def tool(parameters: Any = None, name: str = "f", **more: Any) -> Dict[str, Any]:
    """A function that is offered."""
    function = {"name": name, **more}
    if parameters is not None:
        function["parameters"] = parameters
    return {"type": "function", "function": function}


def said(*messages: Any, **more: Any) -> Dict[str, Any]:
    """A request with these messages."""
    return {"model": "gpt-4o", "messages": [HI, *messages], **more}


def strict_schema(parameters: Any) -> Dict[str, Any]:
    """A request with a strict function."""
    return said(tools=[tool(parameters, strict=True)])


def chat(
    rule: str,
    body: Any,
    place: str,
    message: str,
    code: Optional[str] = None,
    param: Optional[str] = None,
) -> Broken:
    """A row of a request to OpenAI."""
    return Broken(rule, CHAT, body, place, message, code, param)


UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
    "'tool_call_id'. The following tool_call_ids did not have response messages: "
)
UNASKED = (
    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
    "'tool_calls'."
)
TOO_LONG = "string too long. Expected a string with maximum length 40, but got a string with length"
PATTERN = (
    "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
)
EMPTY = "empty array. Expected an array with minimum length 1, but got an empty array instead."
PART = [{"type": "image", "image": "x"}]
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**OBJECT, "additionalProperties": False, "required": ["a"]}
PARAMETERS = "tools[0].function.parameters"
FUNCTION_CODE = "invalid_function_parameters"
OF_F = "Invalid schema for function 'f': "

BROKEN = [
    chat(
        "openai/tool-calls-answered",
        said(calls("a", "b", "c"), result("b"), HI),
        "messages[1]",
        UNANSWERED + "a, c",
        None,
        "messages.[3].role",
    ),
    chat(
        "openai/tool-calls-answered",
        said(calls("a")),
        "messages[1]",
        UNANSWERED + "a",
        None,
        "messages",
    ),
    chat(
        "openai/tool-after-tool-calls",
        said(result("a")),
        "messages[1]",
        UNASKED,
        None,
        "messages.[1].role",
    ),
    chat(
        "openai/tool-after-tool-calls",
        said(calls("a"), result("a"), HI, result("a")),
        "messages[4]",
        UNASKED,
        None,
        "messages.[4].role",
    ),
    chat(
        "openai/messages-empty",
        {"model": "gpt-4o", "messages": []},
        "messages",
        "Invalid 'messages': " + EMPTY,
        "empty_array",
        "messages",
    ),
    chat(
        "openai/model-missing",
        {"messages": [HI]},
        "model",
        "you must provide a model parameter",
    ),
    chat(
        "openai/missing",
        said({"role": "tool", "content": "x"}),
        "messages[1].tool_call_id",
        "Missing required parameter: 'messages[1].tool_call_id'.",
        "missing_required_parameter",
        "messages[1].tool_call_id",
    ),
    chat(
        "openai/missing",
        said(tools=[{"type": "function", "function": {}}]),
        "tools[0].function.name",
        "Missing required parameter: 'tools[0].function.name'.",
        "missing_required_parameter",
        "tools[0].function.name",
    ),
    chat(
        "openai/role-unknown",
        said({"role": "model", "content": "x"}),
        "messages[1].role",
        "Invalid value: 'model'. Supported values are: 'system', 'assistant', 'user', 'function', "
        "'tool', and 'developer'.",
        "invalid_value",
        "messages[1].role",
    ),
    chat(
        "openai/content-null",
        said({"role": "user", "content": None}),
        "messages[1].content",
        "Invalid value for 'content': expected a string, got null.",
        None,
        "messages.[1].content",
    ),
    chat(
        "openai/content-null",
        said({"role": "assistant"}),
        "messages[1].content",
        "Invalid value for 'content': expected a string, got null.",
        None,
        "messages.[1].content",
    ),
    chat(
        "openai/tool-call-id-length",
        said(calls("x" * 41), result("x" * 41)),
        "messages[1].tool_calls[0].id",
        f"Invalid 'messages[1].tool_calls[0].id': {TOO_LONG} 41 instead.",
        "string_above_max_length",
        "messages[1].tool_calls[0].id",
    ),
    chat(
        "openai/tool-args-string",
        said(
            {"role": "assistant", "content": "x", "tool_calls": [call_to(arguments={})]},
            result("call_1"),
        ),
        "messages[1].tool_calls[0].function.arguments",
        "Invalid type for 'messages[1].tool_calls[0].function.arguments': expected a string, but "
        "got an object instead.",
        "invalid_type",
        "messages[1].tool_calls[0].function.arguments",
    ),
    chat(
        "openai/tool-name-pattern",
        said(tools=[tool(name="a.b")]),
        "tools[0].function.name",
        f"Invalid 'tools[0].function.name': {PATTERN}",
        "invalid_value",
        "tools[0].function.name",
    ),
    chat(
        "openai/limits",
        said(tools=[tool()] * 129),
        "tools",
        "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an "
        "array with length 129 instead.",
        "array_above_max_length",
        "tools",
    ),
    chat(
        "openai/types",
        said(prediction={"type": "x", "content": "y"}),
        "prediction.type",
        "Invalid value: 'x'. Supported values are: 'content'.",
        "invalid_value",
        "prediction.type",
    ),
    chat(
        "openai/limits",
        said(n=129),
        "n",
        "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 129 instead.",
        "integer_above_max_value",
        "n",
    ),
    chat(
        "openai/limits",
        said({"role": "assistant", "content": "x", "tool_calls": []}),
        "messages[1].tool_calls",
        "Invalid 'messages[1].tool_calls': " + EMPTY,
        "empty_array",
        "messages[1].tool_calls",
    ),
    chat(
        "openai/tools-empty",
        said(tools=[]),
        "tools",
        "Invalid 'tools': " + EMPTY,
        "empty_array",
        "tools",
    ),
    chat(
        "openai/tool-choice-without-tools",
        said(tool_choice="auto"),
        "tool_choice",
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
        "specified.",
        None,
        "tool_choice",
    ),
    chat(
        "openai/parallel-without-tools",
        said(parallel_tool_calls=True),
        "parallel_tool_calls",
        "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when "
        "'tools' are specified.",
        None,
        "parallel_tool_calls",
    ),
    chat(
        "openai/json-word",
        said(response_format={"type": "json_object"}),
        "messages",
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
        "'json_object'.",
        None,
        "messages",
    ),
    chat(
        "openai/stream-options",
        said(stream_options={"include_usage": True}),
        "stream_options",
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        None,
        "stream_options",
    ),
    chat(
        "openai/top-logprobs",
        said(top_logprobs=3),
        "top_logprobs",
        "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
        None,
        "top_logprobs",
    ),
    chat(
        "openai/temperature-range",
        said(temperature=2.5),
        "temperature",
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 "
        "instead.",
        "decimal_above_max_value",
        "temperature",
    ),
    chat(
        "openai/max-tokens-both",
        said(max_tokens=1, max_completion_tokens=1),
        "max_tokens",
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        "invalid_parameter_combination",
        "max_tokens",
    ),
    chat(
        "openai/max-tokens-reasoning",
        said(model="gpt-5", max_tokens=1),
        "max_tokens",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "unsupported_parameter",
        "max_tokens",
    ),
    chat(
        "openai/temperature-reasoning",
        said(model="openai/o3-mini", temperature=0.5),
        "temperature",
        "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default "
        "(1) value is supported.",
        "unsupported_value",
        "temperature",
    ),
    chat(
        "openai/temperature-reasoning",
        said(model="gpt-5.5", temperature=0.5),
        "temperature",
        "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default "
        "(1) value is supported.",
        "unsupported_value",
        "temperature",
    ),
    chat(
        "openai/sampling-reasoning",
        said(model="gpt-5", stop=["x"]),
        "stop",
        "Unsupported parameter: 'stop' is not supported with this model.",
        "unsupported_parameter",
        "stop",
    ),
    chat(
        "openai/effort-unknown",
        said(reasoning_effort="low"),
        "reasoning_effort",
        "Unrecognized request argument supplied: reasoning_effort",
    ),
    chat(
        "openai/effort-with-tools",
        said(model="gpt-5.4", reasoning_effort="low", tools=[tool()]),
        "reasoning_effort",
        "Function tools with reasoning_effort are not supported for gpt-5.4 in "
        "/v1/chat/completions. Please use /v1/responses instead.",
        None,
        "reasoning_effort",
    ),
    chat(
        "openai/effort-with-tools",
        said(model="gpt-5.6", tools=[tool()]),
        "reasoning_effort",
        "Function tools with reasoning_effort are not supported for gpt-5.6 in "
        "/v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort "
        "to 'none'.",
        None,
        "reasoning_effort",
    ),
    chat(
        "openai/system-o1-mini",
        said({"role": "system", "content": "x"}, model="o1-mini"),
        "messages[1].role",
        "Unsupported value: 'messages[1].role' does not support 'system' with this model.",
        "unsupported_value",
        "messages[1].role",
    ),
    chat(
        "openai/tool-content-type",
        said(calls("a"), result("a", [{"type": "file", "file": {}}])),
        "messages[2]",
        "Invalid 'messages[2]'. Content blocks are expected to be either text or image_url type.",
        "invalid_value",
        "messages[2]",
    ),
    chat(
        "openai/part-type",
        said({"role": "user", "content": PART}),
        "messages[1].content[0].type",
        "Invalid value: 'image'. Supported values are: 'text', 'image_url', 'input_audio', "
        "'refusal', 'audio', and 'file'.",
        "invalid_value",
        "messages[1].content[0].type",
    ),
    chat(
        "openai/unknown-field",
        said(top_k=3),
        "top_k",
        "Unknown parameter: 'top_k'.",
        "unknown_parameter",
        "top_k",
    ),
    chat(
        "openai/message-field",
        said({"role": "assistant", "content": "x", "reasoning_content": "y"}),
        "messages[1].reasoning_content",
        "Unknown parameter: 'messages[1].reasoning_content'.",
        "unknown_parameter",
        "messages[1].reasoning_content",
    ),
    chat(
        "openai/types",
        said(stream="yes"),
        "stream",
        "Invalid type for 'stream': expected a boolean, but got a string instead.",
        "invalid_type",
        "stream",
    ),
    chat(
        "openai/types",
        said(tools=[tool()], tool_choice="any"),
        "tool_choice",
        "Invalid value: 'any'. Supported values are: 'none', 'auto', and 'required'.",
        "invalid_value",
        "tool_choice",
    ),
    *[
        chat(
            "openai/types",
            {**said(), **wrong},
            param,
            f"Invalid type for '{param}': expected {told} instead.",
            "invalid_type",
            param,
        )
        for wrong, param, told in (
            ({"temperature": "1"}, "temperature", "a decimal, but got a string"),
            ({"messages": "x"}, "messages", "an array of objects, but got a string"),
            (
                {"messages": [{"role": "user", "content": {}}]},
                "messages[0].content",
                "one of a string or array of objects, but got an object",
            ),
            (
                {"tools": [tool()], "tool_choice": 7},
                "tool_choice",
                "one of one of 'none', 'auto', or 'required' or object, but got an integer",
            ),
        )
    ],
    Broken(
        "openai/content-type",
        CHAT,
        said(),
        "",
        "Unsupported content type: 'text/plain'. This API method only accepts 'application/json' "
        "requests, but you specified the header 'Content-Type: text/plain'. Please try again with "
        "a supported content type.",
        "unsupported_content_type",
        headers={"content-type": "text/plain"},
    ),
    # Schemas (2.2).
    chat(
        "openai/strict-additional",
        strict_schema({"type": "object", "properties": {"a": OBJECT}, "required": ["a"]}),
        PARAMETERS,
        OF_F + "In context=(), 'additionalProperties' is required to be supplied and to be false.",
        FUNCTION_CODE,
        PARAMETERS,
    ),
    chat(
        "openai/strict-required",
        strict_schema(
            {**CLOSED, "properties": {"a": {"type": "array", "items": {**CLOSED, "required": []}}}}
        ),
        PARAMETERS,
        OF_F + "In context=('properties', 'a', 'items'), 'required' is required to be supplied and "
        "to be an array including every key in properties. Missing 'a'.",
        FUNCTION_CODE,
        PARAMETERS,
    ),
    chat(
        "openai/strict-extra-required",
        strict_schema({**CLOSED, "required": ["a", "b"]}),
        PARAMETERS,
        OF_F + "In context=(), 'required' must be an array that includes every key in "
        "`properties`. Extra required key 'b' supplied.",
        FUNCTION_CODE,
        PARAMETERS,
    ),
    chat(
        "openai/strict-keyword",
        said(
            response_format={
                "type": "json_schema",
                "json_schema": {
                    "name": "out",
                    "strict": True,
                    "schema": {**CLOSED, "properties": {"a": {"oneOf": []}}},
                },
            }
        ),
        "response_format",
        "Invalid schema for response_format 'out': In context=('properties', 'a'), 'oneOf' is not "
        "permitted.",
        None,
        "response_format",
    ),
    chat(
        "openai/function-object-properties",
        said(tools=[tool({"type": "object"})]),
        PARAMETERS,
        OF_F + "In context=(), object schema missing properties.",
        FUNCTION_CODE,
        PARAMETERS,
    ),
    chat(
        "openai/function-array-items",
        said(
            tools=[tool({**OBJECT, "properties": {"a": {"anyOf": [{}, {"type": "array"}]}}})],
        ),
        PARAMETERS,
        OF_F + "In context=('properties', 'a', 'anyOf', '1'), array schema missing items.",
        FUNCTION_CODE,
        PARAMETERS,
    ),
    chat(
        "openai/function-root-object",
        said(tools=[tool({"anyOf": [OBJECT]})]),
        PARAMETERS,
        OF_F + "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'.",
        FUNCTION_CODE,
        PARAMETERS,
    ),
    chat(
        "openai/function-root-union",
        said(functions=[{"name": "f", "parameters": {**OBJECT, "oneOf": []}}]),
        "functions[0].parameters",
        OF_F + "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' "
        "at the top level.",
        FUNCTION_CODE,
        "functions[0].parameters",
    ),
    # Azure (2.4).
    Broken(
        "openai/unknown-field",
        AZURE,
        said(top_k=3, min_p=1),
        "top_k",
        "Unrecognized request arguments supplied: top_k, min_p",
    ),
    Broken(
        "azure/api-version-missing",
        AZURE.partition("?")[0],
        said(),
        "",
        "Resource not found",
        "404",
    ),
    Broken(
        "azure/api-version-missing",
        AZURE.partition("?")[0] + "?api-version=v9",
        said(),
        "",
        "Resource not found",
        "404",
    ),
    Broken(
        "azure/model-version",
        "/openai/deployments/o3-mini/chat/completions?api-version=2024-10-21",
        said(),
        "",
        "Model o3-mini is enabled only for api versions 2024-12-01-preview and later",
        "BadRequest",
    ),
    Broken(
        "azure/json-schema-version",
        AZURE.replace("2024-10-21", "2024-06-01"),
        said(response_format={"type": "json_schema", "json_schema": {"name": "f"}}),
        "response_format",
        "response_format value as json_schema is enabled only for api versions 2024-08-01-preview "
        "and later",
        "BadRequest",
    ),
    Broken(
        "azure/tool-choice-version",
        AZURE.replace("2024-10-21", "2024-05-01-preview"),
        said(tools=[tool()], tool_choice="required"),
        "tool_choice",
        "tool_choice value as required is enabled only for api versions 2024-06-01 and later",
        "BadRequest",
    ),
]


def test_each_broken_request_is_told_in_the_providers_words() -> None:
    for row in BROKEN:
        try:
            check_broken(row)
        except AssertionError as error:
            raise AssertionError(f"{row.rule}: {row.body}") from error


# Request rules, 5 and 4.2, and what SDKs send.
IMAGE = {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}
TEXT = {"type": "text", "text": "x"}
JSON_SYSTEM = {"role": "system", "content": "Answer in JSON."}
VALID: List[Dict[str, Any]] = [
    said(model="o3-mini", stop=["x"]),
    said(model="gpt-5", stop=[]),
    said(calls("a", "b"), result("b"), result("a")),
    said(calls("a"), result("a"), calls("b"), result("b"), tools=[tool()], tool_choice="none"),
    said(tools=[tool()], parallel_tool_calls=False),
    said(
        tools=[
            tool(
                {**OBJECT, "properties": {"b": {"type": "object"}, "c": {"oneOf": [{}]}}},
                strict=False,
            )
        ]
    ),
    said(max_tokens=1, stop=None, tools=None, stream_options=None, tool_choice=None),
    said(JSON_SYSTEM, response_format={"type": "json_object"}),
    said({"role": "user", "content": [TEXT, IMAGE]}),
    said({"role": "developer", "content": "x"}, {"role": "system", "content": [TEXT]}),
    said(calls("a"), result("a", [TEXT])),
    said(HI, HI, {"role": "assistant", "content": ""}),
    said({"role": "assistant", "content": "x", "refusal": None, "annotations": [], "audio": None}),
    said({"role": "assistant", "content": None, "refusal": "no"}),
    said({"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}),
    said({"role": "function", "name": "f", "content": None}),
    said(tools=[tool(), tool()], tool_choice={"type": "function", "function": {"name": "f"}}),
    said(tools=[tool({})], stop=["a", "b"], logprobs=True, top_logprobs=20, seed=-1),
    said(tools=[{"type": "custom", "custom": {"name": "f"}}], logit_bias={"50256": -100}),
    strict_schema({**CLOSED, "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": CLOSED}}),
    strict_schema({"type": "object", "properties": {}, "additionalProperties": False}),
    said(stream=True, stream_options={"include_usage": True}, n=1, temperature=0, user="u"),
    said(metadata={"a": "b"}, store=True, service_tier="auto", modalities=["text"]),
    said(model="gpt-5", temperature=1, top_p=1.0, max_completion_tokens=5, verbosity="low"),
    said(model="gpt-5.1", temperature=0.2, reasoning_effort="none"),
    said(model="gpt-5-chat-latest", temperature=0.2, max_tokens=3),
    said(model="gpt-35-turbo", temperature=0.2, max_tokens=3),
    said(model="somebody/gpt-like", temperature=0.2, max_tokens=3, stop="x"),
    said(model="gpt-5.4", tools=[tool()]),
    said(model="gpt-5.6", tools=[tool()], reasoning_effort="none"),
]


def test_valid_requests_break_nothing() -> None:
    found = []
    for body in VALID:
        for path in (CHAT, AZURE, "/openai/v1/chat/completions"):
            told = judged_by(path, body)
            if told:
                found.append((path, body, told))
    assert found == []


LONELY = said(calls("call_1"), HI)
STRAY = said(result("call_1"))
GROQ_EMPTY = "'messages' : minimum number of items is 1"
GOOGLE_COUNT = (
    "Please ensure that the number of function response parts is equal to the number of function "
    "call parts of the function call turn."
)
DEEPSEEK = UNANSWERED.partition(" The following")[0]
DEEPSEEK += " (insufficient tool messages following tool_calls message)"
VERTEX = "/v1/projects/p/locations/us/endpoints/openapi/chat/completions"
NO_MESSAGES = {"model": "gpt-4o", "messages": []}

# Where, what, and the error's body as far as it tells the envelope.
ENVELOPES: List[Tuple[str, Any, Any]] = [
    (
        "/groq" + CHAT,
        LONELY,
        {
            "error": {
                "message": UNANSWERED + "call_1",
                "type": "invalid_request_error",
                "param": "messages.[2].role",
            }
        },
    ),
    (
        "/groq" + CHAT,
        NO_MESSAGES,
        {"error": {"message": GROQ_EMPTY, "type": "invalid_request_error"}},
    ),
    (
        "/deepseek" + CHAT,
        LONELY,
        {
            "error": {
                "message": DEEPSEEK,
                "type": "invalid_request_error",
                "param": None,
                "code": "invalid_request_error",
            }
        },
    ),
    (
        "/openrouter" + CHAT,
        LONELY,
        {"error": {"message": UNANSWERED + "call_1", "code": 400}, "user_id": "user_mock"},
    ),
    (
        "/v1beta/openai/chat/completions",
        LONELY,
        [{"error": {"code": 400, "message": GOOGLE_COUNT, "status": "INVALID_ARGUMENT"}}],
    ),
    (
        VERTEX,
        LONELY,
        [
            {
                "error": {
                    "code": 400,
                    "message": GOOGLE_COUNT,
                    "status": "INVALID_ARGUMENT",
                    "details": [],
                }
            }
        ],
    ),
    (
        "/ollama" + CHAT,
        NO_MESSAGES,
        {
            "error": {
                "message": "[] is too short - 'messages'",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        },
    ),
    (
        AZURE,
        LONELY,
        {
            "error": {
                "message": UNANSWERED + "call_1",
                "type": "invalid_request_error",
                "param": "messages.[2].role",
                "code": None,
            }
        },
    ),
    (
        AZURE.partition("?")[0],
        said(),
        {"error": {"code": "404", "message": "Resource not found"}},
    ),
    (
        AZURE.replace("2024-10-21", "2024-02-01"),
        said(tools=[tool()], tool_choice="required"),
        {"error": {"code": "BadRequest", "message": BROKEN[-1].message}},
    ),
]


def test_a_refusal_is_in_the_envelope_of_its_host_whole_and_as_stream() -> None:
    for path, body, error in ENVELOPES:
        for more in ({}, {"stream": True}):
            response = strict_answer(path, {**body, **more}).response
            status = 404 if error == ENVELOPES[-2][2] else 400
            assert (response.status, response.frames) == (status, None), path
            assert json.loads(response.body) == error, path


def test_the_refusal_of_openai_is_its_byte_for_byte() -> None:
    response = strict_answer(CHAT, said(top_k=1)).response
    assert response.body == (
        b'{\n  "error": {\n    "message": "Unknown parameter: \'top_k\'.",\n'
        b'    "type": "invalid_request_error",\n    "param": "top_k",\n'
        b'    "code": "unknown_parameter"\n  }\n}'
    )
    headers = {name.lower(): value for name, value in response.headers}
    assert headers["content-type"] == "application/json"
    assert headers["openai-version"] == "2020-10-01"


def test_every_host_refuses_a_conversation_without_its_results() -> None:
    hosts = [name for name in m.DIALECTS if name != "mistral"]
    for host in hosts:
        for body, rule in (
            (LONELY, "openai/tool-calls-answered"),
            (STRAY, "openai/tool-after-tool-calls"),
        ):
            assert rules_of("/" + host + CHAT, body) == [rule], host


def test_no_rule_of_openais_fields_and_models_holds_at_other_hosts() -> None:
    odd = said(top_k=1, temperature=9, max_tokens=1, stream_options={}, model="gpt-5")
    odd["messages"].append({"role": "user", "content": [{"type": "video_url"}]})
    for host in m.DIALECTS:
        if host not in ("openai", "mistral"):
            assert rules_of("/" + host + CHAT, odd) == [], host
    assert len(rules_of(CHAT, odd)) > 3


def test_what_is_only_noted_is_not_refused() -> None:
    noted = said({"role": "user", "content": [{**TEXT, "cache_control": {"type": "ephemeral"}}]})
    assert rules_of(CHAT, noted) == ["openai/message-field"]
    assert strict_answer(CHAT, noted).response.status == 200


def test_a_body_of_many_messages_and_schemas_is_judged_in_linear_time() -> None:
    def seconds(size: int) -> float:
        turns = [one for n in range(size) for one in (calls(str(n)), result(str(n)))]
        body = said(
            *turns, tools=[tool({**OBJECT, "properties": {str(n): OBJECT for n in range(size)}})]
        )
        start = time.process_time()
        judged_by(CHAT, {**body, "top_k": 1})
        return time.process_time() - start

    assert seconds(4000) < 20 * max(seconds(400), 0.005)
