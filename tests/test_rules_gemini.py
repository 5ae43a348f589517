"""Rules of Gemini, here and on Vertex AI: what each refuses, and what none may."""

from __future__ import annotations

import json
from typing import Any, Dict, List

from cases import cases
from rulebook import Broken, asked, check_broken, judged_by, rules_of, strict_answer

import mock_server as m

MODELS = "/v1beta/models/"
GEMINI = MODELS + "gemini-2.5-flash:generateContent"
GEMINI_3 = MODELS + "gemini-3-pro-preview:generateContent"
PUBLISHER = "/v1/projects/p/locations/l/publishers/google/models/"
VERTEX = PUBLISHER + "gemini-2.5-flash:generateContent"
LINE = "* GenerateContentRequest."
UNKNOWN = 'Invalid JSON payload received. Unknown name "{}"{}: {}'
NO_FIELD, NO_LIST = "Cannot find field.", "Proto field is not repeating, cannot start list."
OURS = "type.googleapis.com/google.ai.generativelanguage.v1beta."
ROLE = "Please use a valid role: user, model."
NUMBER = (
    "Please ensure that the number of function response parts is equal to the number of function "
    "call parts of the function call turn."
)
USER = {"role": "user", "parts": [{"text": "Hi"}]}
MODEL = {"role": "model", "parts": [{"text": "Ho"}]}
PARAMETERS = "tools[0].function_declarations[0].parameters"


def call(name: str, **more: Any) -> Dict[str, Any]:
    """A part that calls a function."""
    return {"functionCall": {"name": name, "args": {}}, **more}


def result(name: str, response: Any = None) -> Dict[str, Any]:
    """A part that says what a function returned."""
    return {"functionResponse": {"name": name, "response": response or {}}}


def said(*contents: Any, **more: Any) -> Dict[str, Any]:
    """A request with these contents: the user's and the model's parts in turn, or whole ones."""
    roles = ("user", "model")
    read = []
    for index, one in enumerate(contents):
        whole = isinstance(one, dict)
        read.append(one if whole else {"role": roles[index % 2], "parts": one})
    return {"contents": read, **more}


def function(schema: Any, name: str = "f") -> List[Any]:
    """The tools of a request with one function."""
    return [{"functionDeclarations": [{"name": name, "parameters": schema}]}]


def with_schema(schema: Any) -> Dict[str, Any]:
    """A request with a function whose parameters have one member of this schema."""
    whole = {"type": "object", "properties": {"x": {"type": "string"}, "a b": schema}}
    return said(USER, tools=function(whole))


def configured(**settings: Any) -> Dict[str, Any]:
    """A request with settings."""
    return said(USER, generationConfig=settings)


INNER = PARAMETERS + ".properties[1].value"  # the path to that schema where JSON is read
NAMED = PARAMETERS + ".properties[a b]"  # and behind that
CALLED: List[Any] = [[{"text": "Hi"}], [call("f"), call("g")]]
SEARCH = [{"googleSearch": {}}, *function({"type": "OBJECT", "properties": {"x": {}}})]
OBJECT = "should be non-empty for OBJECT type"
IMAGE = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
AUDIO = {"file_data": {"mime_type": "audio/mp3", "file_uri": "gs://b/x"}}


def line(rule: str, body: Any, place: str, text: str) -> Broken:
    """A row whose error is a line of the second layer."""
    return Broken(rule, GEMINI, body, place, f"{LINE}{place}: {text}")


BROKEN = [
    Broken(
        "gemini/unknown-field",
        GEMINI,
        said(USER, stream=True),
        "",
        UNKNOWN.format("stream", "", NO_FIELD),
    ),
    Broken(
        "gemini/unknown-field",
        GEMINI,
        with_schema({"type": "string", "additionalProperties": False}),
        INNER,
        UNKNOWN.format("additionalProperties", f" at '{INNER}'", NO_FIELD),
    ),
    Broken(
        "gemini/unknown-field",
        GEMINI,
        with_schema({"any_of": [{"type": "string"}, {"const": 1}]}),
        INNER + ".any_of[1]",
        UNKNOWN.format("const", f" at '{INNER}.any_of[1]'", NO_FIELD),
    ),
    Broken(
        "gemini/types",
        GEMINI,
        said(USER, systemInstruction="x"),
        "system_instruction",
        f"Invalid value at 'system_instruction' ({OURS}Content), \"x\"",
    ),
    Broken(
        "gemini/types",
        GEMINI.replace("v1beta", "v1"),
        said(USER, toolConfig={"functionCallingConfig": {"mode": "REQUIRED"}}),
        "tool_config.function_calling_config.mode",
        "Invalid value at 'tool_config.function_calling_config.mode' (type.googleapis.com/google."
        'ai.generativelanguage.v1.FunctionCallingConfig.Mode), "REQUIRED"',
    ),
    Broken(
        "gemini/types",
        GEMINI,
        configured(max_output_tokens=2.5),
        "generation_config.max_output_tokens",
        "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), 2.5",
    ),
    Broken(
        "gemini/types",
        GEMINI,
        said([{"inlineData": {"data": "data:image/png;base64,AAAA"}}]),
        "contents[0].parts[0].inline_data.data",
        "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding "
        'failed for "data:image/png;base64,AAAA"',
    ),
    Broken(
        "gemini/types",
        GEMINI,
        said([{"text": {"x": 1}}]),
        "contents[0].parts[0]",
        "Invalid value at 'contents[0].parts[0]' (text), Starting an object on a scalar field",
    ),
    Broken(
        "gemini/types",
        GEMINI,
        said(USER, tools=function({"type": "object", "properties": []})),
        PARAMETERS,
        f"Invalid value at '{PARAMETERS}' (Map), Cannot bind a list to map for field 'properties'.",
    ),
    Broken(
        "gemini/types",
        GEMINI,
        [1],
        "",
        'Invalid JSON payload received. Unknown name "": Root element must be a message.',
    ),
    # One that stands for a list has no index (google-gemini/deprecated-generative-ai-js#320).
    Broken(
        "gemini/schema-type-value",
        GEMINI,
        said(USER, tools={"function_declarations": [{"parameters": {"type": "enum"}}]}),
        "tools.function_declarations[0].parameters.type",
        f"Invalid value at 'tools.function_declarations[0].parameters.type' ({OURS}Type), \"enum\"",
    ),
    Broken(
        "gemini/schema-type-list",
        GEMINI,
        with_schema({"type": ["string", "null"]}),
        INNER,
        UNKNOWN.format("type", f" at '{INNER}'", NO_LIST),
    ),
    Broken(
        "gemini/schema-enum-string",
        GEMINI,
        with_schema({"type": "string", "enum": ["a", 1]}),
        INNER + ".enum[1]",
        f"Invalid value at '{INNER}.enum[1]' (TYPE_STRING), 1",
    ),
    Broken(
        "gemini/part-two-data",
        GEMINI,
        said([{"text": "x", "inline_data": IMAGE["inlineData"]}]),
        "contents[0].parts[0]",
        "Invalid value at 'contents[0].parts[0]' (oneof), oneof field 'data' is already set. "
        "Cannot set 'inline_data'",
    ),
    Broken(
        "gemini/struct",
        GEMINI,
        said(*CALLED, [result("f", "x"), result("g")]),
        "contents[2].parts[0].function_response.response",
        "Invalid value at 'contents[2].parts[0].function_response.response' "
        '(type.googleapis.com/google.protobuf.Struct), "x"',
    ),
    Broken(
        "gemini/struct",
        GEMINI,
        said(*CALLED, [result("f", [1]), result("g")]),
        "contents[2].parts[0].function_response",
        UNKNOWN.format("response", " at 'contents[2].parts[0].function_response'", NO_LIST),
    ),
    line(
        "gemini/schema-enum-type",
        with_schema({"type": "INTEGER", "enum": ["1"]}),
        NAMED + ".enum",
        "only allowed for STRING type",
    ),
    line(
        "gemini/schema-enum-empty",
        with_schema({"type": "string", "enum": ["a", ""]}),
        NAMED + ".enum[1]",
        "cannot be empty",
    ),
    line(
        "gemini/schema-object-empty",
        with_schema({"type": "array", "items": {"type": "object"}}),
        PARAMETERS + '.properties["a b"].items.properties',
        OBJECT,
    ),
    line(
        "gemini/schema-object-empty",
        configured(response_schema={"type": "object", "properties": {}}),
        "generation_config.response_schema.properties",
        OBJECT,
    ),
    line("gemini/schema-items", with_schema({"type": "ARRAY"}), NAMED + ".items", "missing field."),
    line(
        "gemini/schema-required",
        with_schema({"type": "object", "properties": {"x": {}}, "required": ["x", "y"]}),
        NAMED + ".required[1]",
        "property is not defined",
    ),
    line(
        "gemini/schema-format",
        with_schema({"anyOf": [{"type": "string", "format": "uri"}]}),
        NAMED + ".any_of[0].format",
        "only 'enum' and 'date-time' are supported for STRING type",
    ),
    line("gemini/contents-missing", {}, "contents", "contents is not specified"),
    line("gemini/contents-missing", said(), "contents", "contents is not specified"),
    line(
        "gemini/parts-empty",
        said(USER, []),
        "contents[1].parts",
        "contents.parts must not be empty.",
    ),
    line(
        "gemini/part-no-data",
        said([{"text": "x"}, {"text": None}]),
        "contents[0].parts[1].data",
        "required oneof field 'data' must have one initialized field",
    ),
    line(
        "gemini/text-empty",
        said([{"text": ""}, {"text": ""}]),
        "contents[0].parts[0].data",
        "required oneof field 'data' must have one initialized field",
    ),
    line(
        "gemini/part-no-data",
        said(USER, systemInstruction={"parts": [{}]}),
        "system_instruction.parts[0].data",
        "required oneof field 'data' must have one initialized field",
    ),
    line(
        "gemini/text-empty",
        said([{"text": "x"}, {"text": ""}]),
        "contents[0].parts[1].data",
        "required oneof field 'data' must have one initialized field",
    ),
    line(
        "gemini/parameters-empty",
        said(USER, tools=function({"type": "OBJECT", "properties": {}})),
        PARAMETERS + ".properties",
        OBJECT,
    ),
    line(
        "gemini/response-name",
        said(*CALLED, [result("f"), result("")]),
        "contents[2].parts[1].function_response.name",
        "Name cannot be empty.",
    ),
    line(
        "gemini/range",
        configured(temperature=2.5),
        "generation_config.temperature",
        "temperature must be in the range [0.0, 2.0].",
    ),
    line(
        "gemini/range",
        configured(top_p=1.5),
        "generation_config.top_p",
        "top_p must be in the range [0.0, 1.0].",
    ),
    line(
        "gemini/range",
        configured(candidateCount=9),
        "generation_config.candidate_count",
        "candidate_count must be in the range [1, 8].",
    ),
    line(
        "gemini/range",
        configured(logprobs=21, responseLogprobs=True),
        "generation_config.logprobs",
        "logprobs must be in the range [0, 20].",
    ),
    Broken(
        "gemini/unknown-field",
        GEMINI,
        said(USER, labels={"a": "b"}),
        "",
        'Invalid JSON payload received. Unknown name "labels": Cannot find field.',
    ),
    line(
        "gemini/stop-sequences",
        configured(stop_sequences=list("abcdef")),
        "generation_config.stop_sequences",
        "the number of stop_sequences must not exceed 5.",
    ),
    line(
        "gemini/function-name",
        said(USER, tools=function(None, "mcp/x")),
        "tools[0].function_declarations[0].name",
        "Invalid function name. Must start with a letter or an underscore. Must be alphameric "
        "(a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum "
        "length of 64.",
    ),
    Broken(
        "gemini/role",
        GEMINI,
        said({"role": "system", "parts": [{"text": "x"}]}, USER),
        "contents[0].role",
        ROLE,
    ),
    Broken(
        "gemini/call-turn-order",
        GEMINI,
        said({"role": "model", "parts": [call("f")]}, [result("f")]),
        "contents[0]",
        "Please ensure that function call turn comes immediately after a user turn or after a "
        "function response turn.",
    ),
    Broken(
        "gemini/response-turn-order",
        GEMINI,
        said(USER, MODEL, [result("f")]),
        "contents[2]",
        "Please ensure that function response turn comes immediately after a function call turn.",
    ),
    Broken("gemini/response-count", GEMINI, said(*CALLED, [result("f")]), "contents[2]", NUMBER),
    Broken("gemini/response-count", GEMINI, said(*CALLED, USER), "contents[2]", NUMBER),
    # Results in contents of their own are not those of one turn there (docker/docker-agent#2958).
    Broken(
        "gemini/response-count",
        VERTEX,
        said(*CALLED, [result("f")], {"role": "user", "parts": [result("g")]}),
        "contents[2]",
        NUMBER,
    ),
    Broken(
        "gemini/thought-signature",
        GEMINI_3,
        said(*CALLED, [result("f"), result("g")]),
        "contents[1].parts[0]",
        "Function call is missing a thought_signature in functionCall parts. This is required for "
        "tools to work correctly, and missing thought_signature may lead to degraded model "
        "performance. Additional data, function call `default_api:f` , position 2. Please refer to "
        "https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
    ),
    Broken(
        "gemini/function-duplicate",
        VERTEX,
        said(USER, tools=[*function(None), *function(None)]),
        "tools[1].function_declarations[0].name",
        "Duplicate function declaration found: f",
    ),
    Broken(
        "gemini/json-with-tools",
        GEMINI,
        {**configured(responseMimeType="application/json"), "tools": function(None)},
        "generation_config.response_mime_type",
        "Function calling with a response mime type: 'application/json' is unsupported",
    ),
    Broken(
        "gemini/builtin-with-functions",
        GEMINI,
        said(USER, tools=SEARCH),
        "tools",
        "Tool use with function calling is unsupported",
    ),
    Broken(
        "gemini/builtin-with-functions",
        GEMINI_3,
        said(USER, tools=SEARCH),
        "tools",
        "Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with "
        "Function calling.",
    ),
    Broken(
        "gemini/cached-conflict",
        GEMINI,
        said(USER, cached_content="cachedContents/x", systemInstruction=USER),
        "cached_content",
        "CachedContent can not be used with GenerateContent request setting system_instruction, "
        "tools or tool_config.\n\nProposed fix: move those values to CachedContent from "
        "GenerateContent request.",
    ),
    Broken(
        "gemini/thinking-both",
        GEMINI_3,
        configured(thinkingConfig={"thinkingBudget": 128, "thinkingLevel": "LOW"}),
        "generation_config.thinking_config",
        "You can only set only one of thinking budget and thinking level.",
    ),
    Broken(
        "gemini/thinking-zero",
        GEMINI.replace("flash", "pro"),
        configured(thinkingConfig={"thinkingBudget": 0}),
        "generation_config.thinking_config.thinking_budget",
        "Budget 0 is invalid. This model only works in thinking mode.",
    ),
    Broken(
        "gemini/thinking-range",
        GEMINI.replace("flash", "flash-lite"),
        configured(thinking_config={"thinking_budget": "100"}),
        "generation_config.thinking_config.thinking_budget",
        "The thinking budget 100 is invalid. Please choose a value between 512 and 24576.",
    ),
    Broken(
        "gemini/feature-off",
        GEMINI,
        configured(presencePenalty=0.5),
        "generation_config",
        "Penalty is not enabled for models/gemini-2.5-flash",
    ),
    Broken(
        "gemini/feature-off",
        GEMINI_3,
        configured(frequency_penalty=0.5),
        "generation_config",
        "Penalty is not enabled for this model",
    ),
    *[
        Broken(
            "gemini/feature-off",
            MODELS + "gemma-3-1b-it:generateContent",
            body,
            place,
            f"{feature} is not enabled for models/gemma-3-1b-it",
        )
        for body, place, feature in (
            (said(USER, systemInstruction=USER), "system_instruction", "Developer instruction"),
            (said(USER, tools=function(None)), "tools", "Function calling"),
            (said([IMAGE]), "contents", "Image input modality"),
            (said([AUDIO]), "contents", "Audio input modality"),
        )
    ],
    Broken(
        "embed/gemini-batch",
        MODELS + "gemini-embedding-001:batchEmbedContents",
        {"requests": [{"content": USER}] * 101},
        "requests",
        "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch",
    ),
    Broken(
        "gemini/types",
        MODELS + "gemini-embedding-001:embedContent",
        {"content": USER, "taskType": "search"},
        "task_type",
        f"Invalid value at 'task_type' ({OURS}TaskType), \"search\"",
    ),
    Broken(
        "gemini/unknown-field",
        MODELS + "gemini-2.5-flash:countTokens",
        {"generateContentRequest": said(USER, messages=[])},
        "generate_content_request",
        UNKNOWN.format("messages", " at 'generate_content_request'", NO_FIELD),
    ),
    Broken(
        "gemini/unknown-field",
        PUBLISHER + "text-embedding-005:predict",
        {"instances": [{"content": "x"}], "model": "x"},
        "",
        UNKNOWN.format("model", "", NO_FIELD),
    ),
    # As in decolua/9router#1081.
    Broken(
        "gemini/types",
        VERTEX,
        with_schema("object"),
        INNER,
        f"Invalid value at '{INNER}' (type.googleapis.com/google.cloud.aiplatform.v1.Schema), "
        '"object"',
    ),
    Broken(
        "vertex/parts",
        VERTEX,
        said([{"text": ""}]),
        "contents[0].parts",
        "Unable to submit request because it must include at least one parts field, which "
        "describes the prompt input. Learn more: "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini",
    ),
    Broken("vertex/role", VERTEX, said({"parts": USER["parts"]}), "contents[0].role", ROLE),
    Broken(
        "vertex/range",
        VERTEX,
        configured(temperature=1000),
        "generation_config.temperature",
        "Unable to submit request because it has a temperature value of 1000 but the supported "
        "range is from 0 (inclusive) to 2.0001 (exclusive). Update the value and try again.",
    ),
    Broken(
        "vertex/range",
        VERTEX,
        configured(topP=1.5),
        "generation_config.top_p",
        "Unable to submit request because it has a topP value of 1.5 but the supported range is "
        "from 0 (inclusive) to 1.0001 (exclusive). Update the value and try again.",
    ),
    Broken(
        "vertex/range",
        VERTEX,
        configured(presencePenalty=2),
        "generation_config.presence_penalty",
        "Unable to submit request because it has a presencePenalty value of 2 but the supported "
        "range is from -2 (inclusive) to 2 (exclusive). Update the value and try again.",
    ),
    Broken(
        "vertex/range",
        VERTEX,
        configured(maxOutputTokens=100000),
        "generation_config.max_output_tokens",
        "Unable to submit request because it has a maxOutputTokens value of 100000 but the "
        "supported range is from 1 (inclusive) to 65537 (exclusive). Update the value and try "
        "again.",
    ),
    Broken(
        "vertex/parameters-object",
        VERTEX,
        said(USER, tools=function({})),
        PARAMETERS,
        "Unable to submit request because `f` functionDeclaration parameters schema should be of "
        "type OBJECT. Learn more: "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling",
    ),
    Broken(
        "vertex/multi-tools",
        VERTEX,
        said(USER, tools=SEARCH),
        "tools",
        "Multiple tools are supported only when they are all search tools.",
    ),
    Broken(
        "vertex/cached-conflict",
        VERTEX,
        said(USER, cachedContent="x", tools=function(None)),
        "cached_content",
        "Tool config, tools and system instruction should not be set in the request when using "
        "cached content.",
    ),
]


@cases("row", BROKEN)
def test_what_breaks_a_rule_is_told_in_googles_words(row: Broken) -> None:
    check_broken(row)


FREE_SCHEMA = {
    "$defs": {"x": {"type": ["string", "null"]}},
    "type": "object",
    "properties": {"x": {"$ref": "#/$defs/x"}, "y": {"oneOf": [{"const": 1}]}},
    "additionalProperties": False,
}
SIGNED = call("f", thoughtSignature="skip_thought_signature_validator")
PLAIN = {"type": "object", "properties": {"x": {"type": "string"}}}
# Request rules, section 5 and 4.2, and what protobuf's JSON takes.
VALID = [
    said(USER, systemInstruction={"parts": [{"text": "x"}]}, tools=function(PLAIN)),
    said(USER, tools=[{"functionDeclarations": [{"name": "f"}]}]),
    said(
        USER,
        tools=[{"function_declarations": [{"name": "f", "parametersJsonSchema": FREE_SCHEMA}]}],
        generation_config={"responseJsonSchema": FREE_SCHEMA},
    ),
    said(*CALLED, [result("f"), result("g")]),
    said(USER, [SIGNED, call("g")], [result("f"), result("g")], MODEL, USER),
    said(USER, [{"text": "so"}, SIGNED], [result("f"), {"text": "and?"}]),
    said(USER, [call("f")], [result("f")], MODEL, USER, [SIGNED], [result("f")], [SIGNED]),
    said(USER, USER, MODEL, MODEL),
    # Pieces of a stream, as chats of google-genai send them back.
    said(
        USER,
        MODEL,
        {"role": "model", "parts": [SIGNED]},
        {"role": "model", "parts": [call("g"), {"text": "", "thoughtSignature": "AAAA"}]},
        {"role": "user", "parts": [result("f"), result("g")]},
    ),
    said(USER, MODEL, {"role": "function", "parts": [{"text": "x"}]}),
    configured(thinkingConfig={"thinkingBudget": -1, "includeThoughts": True}),
    configured(temperature="0.5", topK=40, seed="7", candidateCount=1.0, stopSequences="x"),
    configured(presencePenalty=0, frequencyPenalty=0.0),
    with_schema({"type": "INTEGER", "format": "enum", "enum": ["1", "2"]}),
    configured(maxOutputTokens=None, responseModalities=["Text", 2], responseSchema=None),
    said(USER, safety_settings=[{"category": 7, "threshold": "BLOCK_NONE"}], tools=None),
    said([{"inline_data": {"mime_type": "image/png", "data": "_-8"}}, IMAGE, AUDIO, None]),
    said([{"text": "x", "thought": True, "inlineData": None, "videoMetadata": {"fps": 1}}]),
    said(USER, tools=[{"googleSearch": {}}, {"urlContext": {}}]),
    said(USER, tools=function({"type": "OBJECT", "properties": {"x": PLAIN}, "nullable": True})),
    # Enums by their numbers, as older SDKs send them.
    said(USER, tools=function({"type": 6, "properties": {"x": {"type": 1, "enum": ["a"]}}})),
    said(
        USER,
        tools=function(PLAIN),
        toolConfig={"functionCallingConfig": {"mode": 3}},
        generationConfig={"responseMimeType": "application/json"},
    ),
    # A part that says more of the one before it.
    said([{"text": "x"}, {"videoMetadata": {"startOffset": "2s"}}]),
]


@cases("body", VALID)
def test_what_google_takes_breaks_no_rule(body: Any) -> None:
    paths = [GEMINI, VERTEX, PUBLISHER + "gemini-3-flash-preview:streamGenerateContent"]
    if body is not VALID[3]:  # whose call is not signed
        paths.append(GEMINI_3)
    else:
        paths.pop()
    for path in paths:
        assert rules_of(path, body) == [], path


def test_one_object_may_stand_where_google_has_a_list() -> None:
    body = said(USER, tools={"functionDeclarations": {"name": "f"}}, safetySettings={})
    for path in (GEMINI, VERTEX):
        assert strict_answer(path, body).response.status == 200


def test_objects_may_be_empty_for_the_first_models() -> None:
    body = with_schema({"type": "object"})
    assert rules_of("/v1beta/models/gemini-1.5-flash:generateContent", body) == []


def test_gemini_takes_results_in_contents_of_their_own() -> None:
    body = said(*CALLED, [result("f")], {"role": "user", "parts": [result("g")]}, MODEL, USER)
    assert rules_of(GEMINI, body) == []


def test_contents_of_nobody_are_the_users_where_that_is_allowed() -> None:
    body = said({"parts": [{"text": "Hi"}]}, {"role": None, "parts": {"text": "Ho"}})
    assert rules_of(GEMINI, body) == []
    assert rules_of(VERTEX, body) == ["vertex/role"] * 2


def test_vertex_takes_schemas_that_gemini_does_not() -> None:
    body = with_schema({"$ref": "#/$defs/x", "$defs": {}, "additionalProperties": False})
    assert rules_of(GEMINI, body) == ["gemini/unknown-field"] * 3
    assert rules_of(VERTEX, body) == []
    # What is only noted there counts for nothing.
    noted = judged_by(VERTEX, with_schema({"type": "object"}))
    assert [(one.rule, one.counts) for one in noted] == [("gemini/schema-object-empty", False)]


def test_old_turns_and_other_models_need_no_signature() -> None:
    old = said(*CALLED, [result("f"), result("g")], MODEL, USER, [SIGNED], [result("f")])
    assert rules_of(GEMINI_3, old) == []
    assert rules_of(MODELS + "my-gemini:generateContent", said(*CALLED)) == []
    asked_for = said(USER, tools=SEARCH, toolConfig={"includeServerSideToolInvocations": True})
    assert rules_of(GEMINI_3, asked_for) == []


def error_of(response: Any) -> Any:
    """The error in an answer."""
    assert response.status == 400
    assert dict(response.headers)["Content-Type"] == "application/json; charset=UTF-8"
    return json.loads(response.body)


@cases("path", [GEMINI, VERTEX.replace("/v1/", "/v1beta1/")])
def test_a_refusal_joins_what_its_layer_says_with_details_of_fields(path: str) -> None:
    body = said(USER, stream=True, generationConfig={"foo": 1, "logprobs": "x"}, tools=function({}))
    at = "generation_config"
    lines = [
        UNKNOWN.format("stream", "", NO_FIELD),
        UNKNOWN.format("foo", f" at '{at}'", NO_FIELD),
        f"Invalid value at '{at}.logprobs' (TYPE_INT32), \"x\"",
    ]
    fields = [
        {"description": lines[0]},
        {"field": at, "description": lines[1]},
        {"field": at + ".logprobs", "description": lines[2]},
    ]
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}
    error = {
        "code": 400,
        "message": "\n".join(lines),
        "status": "INVALID_ARGUMENT",
        "details": [detail],
    }
    whole = strict_answer(path, body)
    assert error_of(whole.response) == {"error": error}
    assert whole.response.body == m.utf8(m.indented({"error": error}) + "\n")
    assert [one.message for one in whole.call.violations][:3] == lines
    stream = path.replace("generateContent", "streamGenerateContent")
    assert error_of(strict_answer(stream + "?alt=sse", body).response) == {"error": error}
    assert error_of(strict_answer(stream + "?alt=json", body).response) == [{"error": error}]


def test_lines_of_the_second_layer_are_ended_and_have_no_details() -> None:
    body = said([], tools=function({"type": "object", "properties": {"x": {"type": "array"}}}))
    answered = strict_answer(GEMINI, body)
    error = error_of(answered.response)["error"]
    assert error == {
        "code": 400,
        "message": f"{LINE}contents[0].parts: contents.parts must not be empty.\n"
        f"{LINE}{PARAMETERS}.properties[x].items: missing field.\n",
        "status": "INVALID_ARGUMENT",
    }
    assert len(answered.call.violations) == 2


def test_a_sentence_of_its_own_is_told_alone() -> None:
    body = said(USER, MODEL, [result("f")], tools=[*function(None), *function(None)])
    error = error_of(strict_answer(VERTEX, body).response)["error"]
    assert error["message"].startswith("Please ensure that function response turn")
    assert error["details"] == []


def test_pictures_of_any_size_are_looked_at_and_said_in_brief() -> None:
    picture = {"mimeType": "image/png", "data": "A" * 4_000_000}
    body = said([{"inlineData": picture}])
    assert rules_of(GEMINI, body) == []
    picture["data"] += "!"
    (found,) = judged_by(GEMINI, body)
    assert found.rule == "gemini/types" and len(found.message) < 2000


def test_bytes_are_base64_as_google_reads_it() -> None:
    good = ["", "AA", "AAA", "AAA=", "AA==", "_-_-", "+/+/", "A A\nA=", "AAAA"]
    bad = ["A", "AAAAA", "a:b", "_-+/", "é", "AAAA!"]
    assert [text for text in good if not m.is_base64(text)] == []
    assert [text for text in bad if m.is_base64(text)] == []


def test_deep_schemas_are_judged_in_one_walk() -> None:
    schema: Dict[str, Any] = {"type": "string"}
    for _ in range(90):
        schema = {"type": "object", "properties": {"x": schema}}
    assert rules_of(GEMINI, said(USER, tools=function(schema))) == []
    wide = {"type": "object", "properties": {str(at): {"type": "array"} for at in range(5000)}}
    assert len(judged_by(GEMINI, said(USER, tools=function(wide)))) == 20


def test_a_request_without_a_body_that_can_be_read_is_refused_in_a_rules_words() -> None:
    answered = strict_answer(GEMINI, said(USER, tools=[{"functionDeclarations": [{}]}]))
    assert "Invalid function name" in error_of(answered.response)["error"]["message"]
    assert asked(GEMINI, {}).path == GEMINI


class CountedText(m.ProtoString):
    """A text that notes how often it was looked at."""

    looks = 0

    def made(self) -> Any:
        """Always."""

        def fits(value: Any) -> bool:
            CountedText.looks += 1
            return type(value) is str

        return fits


def test_what_lies_deep_in_a_wrong_message_is_looked_at_once_more_and_not_at_each_level() -> None:
    texts = m.ProtoList(CountedText())
    shape = m.ProtoMessage("X", {"texts": texts})
    shape.members.update(one=shape, many=m.ProtoList(shape), named=m.ProtoMap("M", shape))
    value: Any = {"texts": ["x"] * 100, "wrong": 1}
    for level in range(60):
        value = [{"one": value}, {"many": [value]}, {"named": {"a": value}}][level % 3]
    assert not shape.fits(value)
    assert [fault.path[-1] for fault in shape.faults(value)] == ["wrong"]
    assert CountedText.looks <= 200
