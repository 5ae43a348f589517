"""What Bedrock refuses: Converse, ConverseStream, CountTokens, and InvokeModel of Nova and of
models that embed."""

from __future__ import annotations

import json
from typing import Any, Dict, List

from cases import cases
from rulebook import Broken, check_broken, judged_by, rules_of, strict_answer

import mock_server as m

CLAUDE = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
STREAM = CLAUDE + "-stream"
COUNT = "/model/anthropic.claude-sonnet-4-5-20250929-v1:0/count-tokens"
NOVA = "/model/us.amazon.nova-lite-v1%3A0/converse"
NOVA_INVOKE = "/model/us.amazon.nova-lite-v1%3A0/invoke"
TITAN = "/model/amazon.titan-embed-text-v2%3A0/invoke"
TITAN_IMAGE = "/model/amazon.titan-embed-image-v1/invoke"
COHERE = "/model/cohere.embed-english-v3/invoke"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-1-v1:0"
ARN_PATH = f"/model/{ARN.replace('/', '%2F')}/converse"
SAFE_ARN_PATH = f"/model/{ARN.replace('/', '%2F').replace(':', '%3A')}/converse"


def path_of(model: str, verb: str = "converse") -> str:
    """Where a model is asked."""
    return f"/model/{model}/{verb}"


def said(*messages: Any, **more: Any) -> Dict[str, Any]:
    """A conversation whose turns alternate: each is its blocks."""
    roles = ("user", "assistant")
    turns = [{"role": roles[at % 2], "content": content} for at, content in enumerate(messages)]
    return {"messages": turns, **more}


HI: List[Any] = [{"text": "Hi"}]
PNG = {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}
FILM = {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/a.mp4"}}}
PDF = {"format": "pdf", "name": "Report (1)", "source": {"bytes": "JVBERi0="}}
TOOLS = {
    "tools": [
        {
            "toolSpec": {
                "name": "get_weather",
                "description": "Weather",
                "inputSchema": {"json": {"type": "object"}},
            }
        }
    ]
}


def use(id: str, given: Any = (), name: str = "get_weather") -> Dict[str, Any]:
    """A call of a tool."""
    return {"toolUse": {"toolUseId": id, "name": name, "input": given or {}}}


def result(id: str, content: Any = HI, **more: Any) -> Dict[str, Any]:
    """Its result."""
    return {"toolResult": {"toolUseId": id, "content": content, **more}}


CALLED = said(HI, [use("a"), use("b")], [result("b"), result("a")], toolConfig=TOOLS)
CACHE = {"cachePoint": {"type": "default"}}


def tooled(*messages: Any, **more: Any) -> Dict[str, Any]:
    """A conversation with tools."""
    return said(*messages, **{"toolConfig": TOOLS, **more})


def spec(**more: Any) -> Dict[str, Any]:
    """The configuration of a tool that is not quite like the others."""
    tool = {**TOOLS["tools"][0]["toolSpec"], **more}
    return {"toolConfig": {"tools": [{"toolSpec": tool}]}}


def failed(value: str, path: str, constraint: str) -> str:
    """The sentence of a constraint."""
    return (
        f"1 validation error detected: Value {value}at '{path}' failed to satisfy constraint: "
        f"{constraint}"
    )


def constraint(path: str, body: Any, value: str, constraint: str, url: str = CLAUDE) -> Broken:
    """A constraint of the service model that a body breaks."""
    return Broken("bedrock/constraint", url, body, path, failed(value, path, constraint))


TOOL_PATTERN = "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
NOT_NULL = "Member must not be null"
AT_LEAST_1 = "Member must have length greater than or equal to 1"
USE_NAME = "messages.2.member.content.1.member.toolUse.name"
SPEC = "toolConfig.tools.1.member.toolSpec"
CONSTRAINTS = [
    constraint(USE_NAME, tooled(HI, [use("a", name="a.b")], [result("a")]), "", TOOL_PATTERN),
    constraint(
        "messages.2.member.content.1.member.toolUse.toolUseId",
        tooled(HI, [use("a" * 65)], [result("a" * 64)]),
        "",
        "Member must have length less than or equal to 64",
    ),
    constraint(
        "messages.1.member.role",
        {"messages": [{"role": "tool", "content": HI}]},
        "",
        "Member must satisfy enum value set: [user, assistant, system]",
    ),
    constraint("messages.1.member.content", {"messages": [{"role": "user"}]}, "", NOT_NULL),
    constraint(
        "messages.2.member.content.1.member.reasoningContent.reasoningText.text",
        said(HI, [{"reasoningContent": {"reasoningText": {"text": None}}}], HI),
        "",
        NOT_NULL,
    ),
    constraint(
        "messages.1.member.content.2.member.image.format",
        said([*HI, {"image": {**PNG, "format": "image/png"}}]),
        "",
        "Member must satisfy enum value set: [png, jpeg, gif, webp]",
    ),
    constraint(
        "messages.1.member.content.1.member.document.name",
        said([{"document": {**PDF, "name": ""}}]),
        "",
        AT_LEAST_1,
    ),
    constraint("system.1.member.text", said(HI, system=[{"text": ""}]), "", AT_LEAST_1),
    constraint(
        "inferenceConfig.maxTokens",
        said(HI, inferenceConfig={"maxTokens": 0}),
        "'0' ",
        "Member must have value greater than or equal to 1",
    ),
    constraint(
        "inferenceConfig.topP",
        said(HI, inferenceConfig={"topP": -(10**400)}),
        "'-Infinity' ",
        "Member must have value greater than or equal to 0",
    ),
    constraint(
        "inferenceConfig.temperature",
        said(HI, inferenceConfig={"temperature": 2}),
        "'2.0' ",
        "Member must have value less than or equal to 1",
    ),
    constraint(
        "inferenceConfig.topP",
        said(HI, inferenceConfig={"topP": 10**400}),
        "'Infinity' ",
        "Member must have value less than or equal to 1",
    ),
    constraint(
        "inferenceConfig.stopSequences",
        said(HI, inferenceConfig={"stopSequences": ["a", ""]}),
        "'[a, ]' ",
        f"Member must satisfy constraint: [{AT_LEAST_1}]",
    ),
    constraint("toolConfig.tools", said(HI, toolConfig={"tools": []}), "", AT_LEAST_1),
    constraint("toolConfig.tools", said(HI, toolConfig={}), "null ", NOT_NULL),
    constraint(SPEC + ".name", said(HI, **spec(name="a.b")), "'a.b' ", TOOL_PATTERN),
    constraint(SPEC + ".name", said(HI, **spec(name=None)), "null ", NOT_NULL),
    constraint(SPEC + ".description", said(HI, **spec(description="")), "'' ", AT_LEAST_1),
    constraint(
        "toolConfig.tools.1.member.cachePoint.type",
        said(HI, toolConfig={"tools": [{"cachePoint": {"type": "auto"}}]}),
        "'auto' ",
        "Member must satisfy enum value set: [default]",
    ),
    constraint(
        "guardrailConfig.trace",
        said(HI, guardrailConfig={"trace": "on"}),
        "'on' ",
        "Member must satisfy enum value set: [enabled, disabled, enabled_full]",
    ),
    constraint(
        "additionalModelResponseFieldPaths",
        said(HI, additionalModelResponseFieldPaths=["/a"] * 11),
        "'[/a, /a, /a, /a, /a, /a, /a, /a, /a, /a, /a]' ",
        "Member must have length less than or equal to 10",
    ),
    constraint("requestMetadata", said(HI, requestMetadata={}), "", AT_LEAST_1),
    constraint(
        "requestMetadata",
        said(HI, requestMetadata={"a": "é"}),
        "",
        "Map value must satisfy constraint: [Member must have length less than or equal to 256, "
        "Member must have length greater than or equal to 0, Member must satisfy regular "
        r"expression pattern: [a-zA-Z0-9\s:_@$#=/+,-.]{0,256}]",
    ),
    constraint(
        "requestMetadata",
        said(HI, requestMetadata={"é": "a"}),
        "",
        "Map keys must satisfy constraint: [Member must have length less than or equal to 256, "
        "Member must have length greater than or equal to 1, Member must satisfy regular "
        r"expression pattern: [a-zA-Z0-9\s:_@$#=/+,-.]{1,256}]",
    ),
    constraint(
        "performanceConfig.latency",
        said(HI, performanceConfig={"latency": "fast"}),
        "'fast' ",
        "Member must satisfy enum value set: [standard, optimized]",
    ),
    constraint(
        "modelId",
        said(HI),
        "'no model' ",
        "Member must satisfy regular expression pattern: " + m.CONVERSE_MODEL,
        path_of("no%20model"),
    ),
    constraint(
        "input.converse.messages.1.member.content",
        {"input": {"converse": {"messages": [{"role": "user"}]}}},
        "",
        NOT_NULL,
        COUNT,
    ),
]


def mistyped(path: str, body: Any, sentence: str) -> Broken:
    """A value that can't be read as what it should be."""
    return Broken("bedrock/types", CLAUDE, body, path, sentence)


MISTYPED = [
    mistyped(
        "messages.1.member.content",
        {"messages": [{"role": "user", "content": "Hi"}]},
        "Expected list or null",
    ),
    mistyped("messages.1.member.content.1.member", said(["Hi"]), "Expected null"),
    mistyped(
        "inferenceConfig.temperature",
        said(HI, inferenceConfig={"temperature": "1"}),
        "STRING_VALUE can not be converted to a Float",
    ),
    mistyped(
        "inferenceConfig.maxTokens",
        said(HI, inferenceConfig={"maxTokens": True}),
        "TRUE_VALUE can not be converted to an Integer",
    ),
    mistyped(
        "system",
        said(HI, system={"text": "x"}),
        "Start of structure or map found where not expected.",
    ),
    mistyped(
        "messages.1.member.content.1.member.text",
        said([{"text": ["Hi"]}]),
        "Start of list found where not expected",
    ),
    mistyped(
        "messages.1.member.content.1.member.text",
        said([{"text": 1}]),
        "NUMBER_VALUE can not be converted to a String",
    ),
]
FIRST = (
    "A conversation must start with a user message. Try again with a conversation that starts with "
    "a user message."
)
ALTERNATE = (
    "A conversation must alternate between user and assistant roles. Make sure the conversation "
    "alternates between user and assistant roles and try again."
)
EXTRA = (
    "The number of toolResult blocks at messages.{}.content exceeds the number of toolUse blocks "
    "of previous turn."
)
BLANK = (
    "The text field in the ContentBlock object at {} is blank. Add text to the text field, and try "
    "again."
)
NO_OBJECT = (
    "The format of the value at {} is invalid. Provide a json object for the field and try again."
)
PAPER_NAME = (
    "The document file name can only contain alphanumeric characters, whitespace characters, "
    "hyphens, parentheses, and square brackets. The name can't contain more than one consecutive "
    "whitespace character."
)
MISSING_B = "Expected toolResult blocks at messages.2.content for the following Ids: b"
USER = {"role": "user", "content": HI}
CONVERSED = [
    Broken(
        "bedrock/tool-config",
        CLAUDE,
        {name: CALLED[name] for name in ("messages",)},
        "messages.1.content.0",
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
    ),
    Broken("bedrock/first-user", CLAUDE, {}, "messages", FIRST),
    Broken("bedrock/first-user", CLAUDE, said(), "messages", FIRST),
    Broken(
        "bedrock/first-user",
        CLAUDE,
        {"messages": [{"role": "assistant", "content": HI}, USER]},
        "messages.0",
        FIRST,
    ),
    Broken("bedrock/alternate", CLAUDE, {"messages": [USER, USER]}, "messages.1", ALTERNATE),
    Broken(
        "bedrock/results-missing",
        CLAUDE,
        tooled(HI, [use("a"), use("b")], [result("a")]),
        "messages.2.content",
        MISSING_B,
    ),
    Broken(
        "bedrock/results-missing",
        CLAUDE,
        tooled(HI, [use("b")], HI),
        "messages.2.content",
        MISSING_B,
    ),
    Broken(
        "bedrock/results-extra",
        CLAUDE,
        tooled(HI, [use("a")], [result("a"), result("c")]),
        "messages.2.content",
        EXTRA.format(2),
    ),
    Broken(
        "bedrock/results-extra",
        CLAUDE,
        tooled([result("a")]),
        "messages.0.content",
        EXTRA.format(0),
    ),
    Broken(
        "bedrock/text-blank",
        CLAUDE,
        said(HI, [{"text": "\n "}], HI),
        "messages.1.content.0",
        BLANK.format("messages.1.content.0"),
    ),
    Broken(
        "bedrock/content-empty",
        CLAUDE,
        said(HI, [], HI),
        "messages.1",
        "The content field in the Message object at messages.1 is empty. Add a ContentBlock object "
        "to the content field and try again.",
    ),
    Broken(
        "bedrock/error-result-empty",
        CLAUDE,
        tooled(HI, [use("a")], [result("a", [], status="error")]),
        "messages.2.content.0.toolResult",
        "The content field at messages.2.content.0.toolResult cannot be empty when status value is "
        "error.",
    ),
    Broken(
        "bedrock/input-object",
        CLAUDE,
        tooled(HI, [use("a", "{}")], [result("a")]),
        "messages.1.content.0.toolUse.input",
        NO_OBJECT.format("messages.1.content.0.toolUse.input"),
    ),
    Broken(
        "bedrock/input-object",
        CLAUDE,
        tooled(HI, [use("a")], [result("a", [{"json": [1]}])]),
        "messages.2.content.0.toolResult.content.0.json",
        NO_OBJECT.format("messages.2.content.0.toolResult.content.0.json"),
    ),
    Broken(
        "bedrock/input-object",
        CLAUDE,
        said(HI, **spec(inputSchema={"json": "{}"})),
        "toolConfig.tools.0.toolSpec.inputSchema.json",
        NO_OBJECT.format("toolConfig.tools.0.toolSpec.inputSchema.json"),
    ),
    Broken(
        "bedrock/input-object",
        CLAUDE,
        said(HI, additionalModelRequestFields="{}"),
        "additionalModelRequestFields",
        "The format of the additionalModelRequestFields field is invalid. Provide a json object "
        "for additionalModelRequestFields",
    ),
    Broken(
        "bedrock/document-name",
        CLAUDE,
        said([*HI, {"document": {**PDF, "name": "report.pdf"}}]),
        "messages.0.content.1.document.name",
        PAPER_NAME,
    ),
    Broken(
        "bedrock/document-name",
        CLAUDE,
        tooled(HI, [use("a")], [result("a", [{"document": {**PDF, "name": "a  b"}}])]),
        "messages.2.content.0.toolResult.content.0.document.name",
        PAPER_NAME,
    ),
    Broken(
        "bedrock/union",
        CLAUDE,
        said([{"text": "Hi", **CACHE}]),
        "messages.1.member.content.1.member",
        "Invalid number of parameters set for tagged union structure "
        "messages.1.member.content.1.member. Can only set one of the following keys: "
        + ", ".join(m.AWS_CONTENT_BLOCK.members)
        + ".",
    ),
    Broken(
        "bedrock/results-missing",
        COUNT,
        {"input": {"converse": tooled(HI, [use("b")], HI)}},
        "messages.2.content",
        MISSING_B,
    ),
]
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
CHOICE = (
    "This model doesn't support the toolConfig.toolChoice.{0} field. Remove toolConfig.toolChoice."
    "{0} and try again."
)
NO_SYSTEM = (
    "This model doesn't support system messages. Try again without a system message or use a model "
    "that supports system messages."
)
UNSEEN = (
    "This model doesn't support the {} content block that you provided. Update the content block "
    "and try again."
)
MALFORMED_BY_MODEL = (
    "The model returned the following errors: Malformed input request: {}, please reformat your "
    "input and try again."
)
ON_DEMAND = (
    "Invocation of model ID {} with on-demand throughput isn’t supported. Retry your request with "
    "the ID or ARN of an inference profile that contains this model."
)
OPUS, FOUNDATION = "anthropic.claude-opus-4-1-v1:0", "arn:aws:bedrock:us-east-1::foundation-model/"
BY_MODEL = [
    Broken(
        "bedrock/tool-choice",
        path_of(model),
        said(HI, toolConfig={**TOOLS, "toolChoice": {kind: choice}}),
        "toolConfig.toolChoice",
        CHOICE.format(kind),
    )
    for model, kind, choice in (
        (LLAMA, "any", {}),
        (LLAMA, "tool", {"name": "get_weather"}),
        ("mistral.mistral-large-2402-v1:0", "tool", {"name": "get_weather"}),
    )
] + [
    Broken(
        "bedrock/no-system",
        path_of("amazon.titan-text-express-v1"),
        said(HI, system=HI),
        "system",
        NO_SYSTEM,
    ),
    Broken(
        "bedrock/no-tools",
        path_of("us.deepseek.r1-v1:0"),
        said(HI, toolConfig=TOOLS),
        "toolConfig",
        "This model doesn't support tool use.",
    ),
    Broken(
        "bedrock/no-tools",
        path_of(LLAMA, "converse-stream"),
        said(HI, toolConfig=TOOLS),
        "toolConfig",
        "This model doesn't support tool use in streaming mode.",
    ),
    Broken(
        "bedrock/block-unsupported",
        CLAUDE,
        said([*HI, {"video": FILM}]),
        "messages.0.content.1",
        UNSEEN.format("video"),
    ),
    Broken(
        "bedrock/block-unsupported",
        path_of("us.amazon.nova-micro-v1:0"),
        said([*HI, {"image": PNG}]),
        "messages.0.content.1",
        UNSEEN.format("image"),
    ),
    Broken(
        "bedrock/mixed-turn",
        path_of(LLAMA),
        tooled(HI, [use("a")], [result("a"), {"text": "and?"}]),
        "messages.2.content",
        "messages.2.content: Conversation blocks and tool result blocks cannot be provided in the "
        "same turn.",
    ),
    Broken(
        "bedrock/extraneous",
        NOVA,
        tooled(HI, [use("a")], [result("a"), CACHE]),
        "messages.2.content.1",
        MALFORMED_BY_MODEL.format(
            "#/messages/2/content/0: extraneous key [cachePoint] is not permitted"
        ),
    ),
    Broken(
        "bedrock/extraneous",
        NOVA,
        said(HI, toolConfig={"tools": [*TOOLS["tools"], CACHE]}),
        "toolConfig.tools.1",
        MALFORMED_BY_MODEL.format(
            "#/toolConfig/tools/0: extraneous key [cachePoint] is not permitted"
        ),
    ),
    Broken(
        "bedrock/on-demand",
        path_of(OPUS.replace(":", "%3A")),
        said(HI),
        "modelId",
        ON_DEMAND.format(OPUS),
    ),
    Broken(
        "bedrock/on-demand",
        path_of((FOUNDATION + OPUS).replace("/", "%2F")),
        said(HI),
        "modelId",
        ON_DEMAND.format(FOUNDATION + OPUS),
    ),
    Broken(
        "bedrock/on-demand",
        path_of(OPUS, "invoke"),
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "Hi"}],
        },
        "modelId",
        ON_DEMAND.format(OPUS),
    ),
    Broken(
        "bedrock/on-demand",
        path_of("anthropic.claude-3-5-haiku-20241022-v1:0"),
        said(HI),
        "modelId",
        ON_DEMAND.format("anthropic.claude-3-5-haiku-20241022-v1:0"),
    ),
]
ONLY_IF_ASKED = [
    Broken(
        "bedrock/extraneous",
        CLAUDE,
        said(HI, additionalModelRequestFields={"thread_id": "a"}),
        "additionalModelRequestFields",
        "The model returned the following errors: thread_id: Extra inputs are not permitted",
    ),
    Broken(
        "bedrock/extraneous",
        NOVA,
        said(HI, additionalModelRequestFields={"top_k": 1}),
        "additionalModelRequestFields",
        MALFORMED_BY_MODEL.format("#: extraneous key [top_k] is not permitted"),
    ),
    Broken(
        "bedrock/extraneous",
        NOVA_INVOKE,
        said(HI, top_k=1),
        "#",
        "Malformed input request: #: extraneous key [top_k] is not permitted, please reformat your "
        "input and try again.",
    ),
]


def malformed(rule: str, path: str, body: Any, place: str, wrong: str) -> Broken:
    """What does not fit the schema of a model's bodies."""
    sentence = f"Malformed input request: {wrong}, please reformat your input and try again."
    return Broken(rule, path, body, place, sentence)


EMBED = {"texts": ["Hi"], "input_type": "search_query"}
INVOKED = [
    malformed(
        "bedrock/malformed",
        NOVA_INVOKE,
        {"prompt": "Hi"},
        "#",
        "#: required key [messages] not found",
    ),
    malformed(
        "bedrock/malformed",
        NOVA_INVOKE,
        {"messages": [{"role": "user", "content": "Hi"}]},
        "#/messages/0/content",
        "#/messages/0/content: expected type: JSONArray, found: String",
    ),
    malformed(
        "bedrock/malformed",
        NOVA_INVOKE,
        said(HI, inferenceConfig={"temperature": 2}),
        "#/inferenceConfig/temperature",
        "#/inferenceConfig/temperature: 2 is not less or equal to 1",
    ),
    malformed(
        "embed/bedrock-titan", TITAN, {"input": "Hi"}, "#", "#: required key [inputText] not found"
    ),
    malformed(
        "embed/bedrock-titan",
        TITAN,
        {"inputText": ["Hi"]},
        "#/inputText",
        "expected type: String, found: JSONArray",
    ),
    malformed(
        "embed/bedrock-titan",
        TITAN,
        {"inputText": ""},
        "#/inputText",
        "expected minLength: 1, actual: 0",
    ),
    malformed(
        "embed/bedrock-titan-dimensions",
        TITAN,
        {"inputText": "Hi", "dimensions": 300},
        "#/dimensions",
        "300 is not a valid enum value",
    ),
    malformed(
        "embed/bedrock-cohere",
        COHERE,
        {"texts": ["Hi"]},
        "#",
        "#: required key [input_type] not found",
    ),
    malformed(
        "embed/bedrock-cohere",
        COHERE,
        {**EMBED, "texts": ["Hi"] * 97},
        "#/texts",
        "expected maximum item count: 96, found: 97",
    ),
    malformed(
        "embed/bedrock-cohere",
        COHERE,
        {**EMBED, "input_type": "query"},
        "#/input_type",
        "query is not a valid enum value",
    ),
    malformed(
        "embed/bedrock-cohere-length",
        COHERE,
        {**EMBED, "texts": ["Hi", "x" * 2049]},
        "#/texts/1",
        "expected maxLength: 2048, actual: 2049",
    ),
]


@cases("row", CONSTRAINTS + MISTYPED + CONVERSED + BY_MODEL + INVOKED)
def test_what_is_broken_is_told_in_bedrocks_words(row: Broken) -> None:
    check_broken(row)


@cases("row", ONLY_IF_ASKED)
def test_what_nobody_has_a_list_of_is_told_only_if_asked(row: Broken) -> None:
    check_broken(row, every=True)
    assert rules_of(row.path, row.body) == []


THOUGHT = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2lnbmVk"}}}
# Request rules, section 5, and what Bedrock's clients may send beside that.
VALID = [
    (path_of("amazon.titan-text-express-v1"), {"messages": 2 * [{"role": "user", "content": HI}]}),
    (CLAUDE, said([*HI, {"document": {**PDF, "name": "a_policy"}}])),
    (path_of("my-model"), said([*HI, {"video": {**FILM, "format": "video/mp4"}}])),
    (CLAUDE, tooled(HI, [use("a")], [result("a"), {"text": "and?"}])),
    (CLAUDE, tooled(HI, [use("a")], [result("a", [], status="success")])),
    (
        CLAUDE,
        said(
            [*HI, CACHE],
            system=[*HI, CACHE],
            toolConfig={"tools": [*TOOLS["tools"], CACHE], "toolChoice": {"any": {}}},
        ),
    ),
    (CLAUDE, CALLED),
    (ARN_PATH, CALLED),
    (SAFE_ARN_PATH, CALLED),
    (STREAM, tooled(HI, [THOUGHT, use("a")], [result("a", [{"json": {}}, {"image": PNG}])])),
    (CLAUDE, said(HI, additionalModelRequestFields={"thinking": {"type": "adaptive"}})),
    (CLAUDE, said([{"image": PNG}])),
    (CLAUDE, said(HI, [{"text": "{"}])),
    (CLAUDE, tooled(HI, [use("a")])),
    (CLAUDE, said(HI, unknown={"a": 1}, inferenceConfig=None, system=[], toolConfig=None)),
    (CLAUDE, said([{"type": "text", "text": "Hi"}, {"document": PDF}])),
    (CLAUDE, said(HI, inferenceConfig={"temperature": 1, "topP": 0.5, "stopSequences": []})),
    (
        STREAM,
        said(
            [*HI, {"guardContent": {"text": {"text": "Hi", "qualifiers": ["query"]}}}],
            guardrailConfig={
                "guardrailIdentifier": "gr1",
                "guardrailVersion": "DRAFT",
                "streamProcessingMode": "async",
            },
            performanceConfig={"latency": "optimized"},
            requestMetadata={"team": "a b"},
            additionalModelResponseFieldPaths=["/stop_sequence"],
            serviceTier={"type": "flex"},
        ),
    ),
    (
        path_of("arn:aws:bedrock:us-east-1:123456789012:prompt%2FABCDE12345:1"),
        {"promptVariables": {"name": {"text": "Ann"}}},
    ),
    (NOVA, said([*HI, CACHE, {"video": FILM}], system=[*HI, CACHE])),
    (NOVA, tooled(HI, [use("a")], [result("a"), {"text": "and?"}])),
    (path_of("my-model"), said([*HI, {"video": FILM}], system=HI, toolConfig=TOOLS)),
    (path_of(LLAMA), said(HI, toolConfig={**TOOLS, "toolChoice": {"auto": {}}})),
    (path_of("mistral.mistral-large-2407-v1:0"), said(HI, system=HI, toolConfig=TOOLS)),
    (path_of("anthropic.claude-3-haiku-20240307-v1:0"), said(HI)),
    (
        CLAUDE,
        tooled(
            HI,
            [
                {"toolUse": {**use("s")["toolUse"], "type": "server_tool_use"}},
                {"toolResult": {**result("s")["toolResult"], "type": "code_result"}},
                *HI,
            ],
            HI,
        ),
    ),
    (COUNT, {"input": {"converse": CALLED}}),
    (COUNT, {"input": {"invokeModel": {"body": "e30="}}}),
    (NOVA_INVOKE, said(HI, inferenceConfig={"maxTokens": 5, "topK": 20}, schemaVersion="v1")),
    (TITAN, {"inputText": "Hi", "dimensions": 256, "normalize": True}),
    (TITAN_IMAGE, {"inputImage": "iVBORw0KGgo="}),
    (COHERE, {**EMBED, "truncate": "END", "embedding_types": ["int8"]}),
    ("/model/cohere.embed-v4%3A0/invoke", {"images": ["data:"], "input_type": "image"}),
]


@cases("path, body", VALID)
def test_what_bedrock_takes_breaks_nothing(path: str, body: Any) -> None:
    assert judged_by(path, body) == ()
    assert strict_answer(path, body).response.status == 200


NAME_TWICE = tooled(HI, [use("a", name="." * 65)], [result("a")])
TWO = (
    "2 validation errors detected: Value at 'messages.2.member.content.1.member.toolUse.name' "
    "failed to satisfy constraint: Member must have length less than or equal to 64; Value at "
    "'messages.2.member.content.1.member.toolUse.name' failed to satisfy constraint: Member must "
    "satisfy regular expression pattern: [a-zA-Z0-9_-]+"
)
BLANK_TURN = said(HI, [{"text": ""}], HI)


def refused(path: str, body: Any) -> Any:
    """What a strict server says: the whole answer."""
    response = strict_answer(path, body).response
    assert response.frames is None
    headers = {name.lower(): value for name, value in response.headers}
    assert set(headers) >= {"x-amzn-requestid", "x-amzn-errortype"}
    kind, _, space = headers["x-amzn-errortype"].partition(":")
    assert space == "http://internal.amazon.com/coral/com.amazon.bedrock/"
    assert headers["content-type"] == "application/json"
    return response.status, kind, response.body.decode()


def test_all_constraints_are_told_at_once_and_noted_one_by_one() -> None:
    expected = 400, "ValidationException", m.compact({"message": TWO})
    assert refused(CLAUDE, NAME_TWICE) == refused(STREAM, NAME_TWICE) == expected
    found = judged_by(CLAUDE, NAME_TWICE)
    assert [one.rule for one in found] == ["bedrock/constraint"] * 2
    assert [one.message[:29] for one in found] == ["1 validation error detected: "] * 2


def test_what_cannot_be_read_is_told_alone() -> None:
    body = said("Hi", inferenceConfig={"temperature": 3})
    message = m.compact({"message": "Expected list or null"})
    assert refused(CLAUDE, body) == (400, "SerializationException", message)


@cases("path", [CLAUDE, STREAM])
def test_a_stream_is_refused_with_a_status_and_no_event(path: str) -> None:
    message = BLANK.format("messages.1.content.0")
    expected = 400, "ValidationException", m.compact({"message": message})
    assert refused(path, BLANK_TURN) == expected


@cases(
    "path, body, message",
    [
        (
            NOVA_INVOKE,
            {"messages": [{"role": "bot", "content": "Hi"}]},
            "#/messages/0/role: bot is not a valid enum value#/messages/0/content: expected type: "
            "JSONArray, found: String",
        ),
        (NOVA_INVOKE + "-with-response-stream", {}, "#: required key [messages] not found"),
        (TITAN, {"inputText": "", "dimensions": 1}, "2 schema violations found"),
        (COHERE, {}, "2 schema violations found"),
    ],
)
def test_bodies_of_invoke_are_refused_as_their_schema_says(
    path: str, body: Any, message: str
) -> None:
    sentence = f"Malformed input request: {message}, please reformat your input and try again."
    expected = 400, "ValidationException", {"message": sentence}
    status, kind, text = refused(path, body)
    assert (status, kind, json.loads(text)) == expected


# What --require-auth and --credential refuse, not --strict (test_credentials.py has the requests).
SIGNING = {
    "bedrock/no-signature": "Missing Authentication Token",
    "bedrock/signature": m.SIGNATURE_DIFFERS,
    "bedrock/skew": "Signature expired: {t} is now earlier than {t2} ({now} - 5 min.)",
    "bedrock/scope": "Credential should be scoped to correct service: 'bedrock'.",
}


def test_what_is_wrong_with_a_signature_is_told_among_the_rules_and_never_of_a_body() -> None:
    rules = [rule for rule in m.CONVERSE_BOOK.rules if rule.id in SIGNING]
    assert {rule.id: rule.sentence for rule in rules} == SIGNING
    assert {(rule.status, rule.default, rule.check) for rule in rules} == {(403, "off", None)}
