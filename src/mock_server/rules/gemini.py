"""What the Gemini API refuses (request rules, 2.7 and 2.10).  Pure."""

from __future__ import annotations

from typing import Iterator

from .base import Case, Finding, Rule, Sweep
from .gemini_checks import (
    gemini_lines,
    gemini_rest,
    gemini_turns,
)
from .gemini_fields import GEMINI_SHAPES
from .gemini_view import GeminiView
from .google_voice import GoogleBook, GoogleVoice, google_refusal

GENERATE_LINE = "* GenerateContentRequest."  # how each line of the second layer begins

# Request rules, 1.8, and those of 2.7 that the reading of JSON tells.
GOOGLE_FIELD_RULES = (
    Rule(
        "gemini/unknown-field",
        "Invalid JSON payload received. Unknown name \"{x}\" at '{path}': Cannot find field.",
        "Laisky/one-api#60, ax-llm/ax#293, bigduu/Bodhi-AI#52",
    ),
    Rule(
        "gemini/types",
        "Invalid value at '{path}' ({type}), {v}",
        "decolua/9router#1081, google-gemini/deprecated-generative-ai-js#320",
    ),
    Rule(
        "gemini/schema-type-list",
        "Invalid JSON payload received. Unknown name \"type\" at '{path}': Proto field is not "
        "repeating, cannot start list.",
        "zed-industries/zed#53919, zed-industries/zed#44875",
    ),
    Rule(
        "gemini/schema-type-value",
        "Invalid value at '{path}' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), "
        "{v}",
        "zereight/gitlab-mcp#166, google-gemini/deprecated-generative-ai-js#320",
    ),
    Rule(
        "gemini/schema-enum-string",
        "Invalid value at '{path}' (TYPE_STRING), {v}",
        "microsoft/azure-devops-mcp#145",
    ),
    Rule(
        "gemini/part-two-data",
        "Invalid value at '{path}' (oneof), oneof field 'data' is already set. Cannot set '{x}'",
        "pattern",
    ),
    Rule(
        "gemini/struct",
        "Invalid value at '{path}' (type.googleapis.com/google.protobuf.Struct), {v}",
        "pattern",
    ),
)
# Request rules, 2.7: lines of the second layer.
GEMINI_CONTENT_RULES = (
    Rule(
        "gemini/contents-missing",
        GENERATE_LINE + "contents: contents is not specified",
        "vercel/ai#3775, langchain-ai/langchain-google#1393",
    ),
    Rule(
        "gemini/parts-empty",
        GENERATE_LINE + "contents[{i}].parts: contents.parts must not be empty.",
        "vercel/ai#3775",
    ),
    Rule(
        "gemini/part-no-data",
        GENERATE_LINE + "{path}.data: required oneof field 'data' must have one initialized field",
        "genkit-ai/genkit#3816, router-for-me/CLIProxyAPI#1292, songquanpeng/one-api#2243",
    ),
    # Beside parts that say something: reports are of clients that leave the text out.
    Rule(
        "gemini/text-empty",
        GENERATE_LINE + "{path}.data: required oneof field 'data' must have one initialized field",
        "54xzh/FLIT#69",
        default="jrn",
    ),
)
GEMINI_NAME_RULES = (
    Rule(
        "gemini/response-name",
        GENERATE_LINE + "contents[{i}].parts[{j}].function_response.name: Name cannot be empty.",
        "public source files",
    ),
    Rule(
        "gemini/function-name",
        GENERATE_LINE
        + "{path}.name: Invalid function name. Must start with a letter or an underscore. Must "
        "be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with "
        "a maximum length of 64.",
        "google-gemini/gemini-cli#6704, microsoft/vscode-copilot-release#7928",
    ),
)
GEMINI_SCHEMA_RULES = (
    Rule(
        "gemini/schema-enum-type",
        GENERATE_LINE + "{path}: only allowed for STRING type",
        "musistudio/llms#20, decolua/9router#359",
    ),
    Rule(
        "gemini/schema-enum-empty",
        GENERATE_LINE + "{path}: cannot be empty",
        "Smana/runlore#40, FMXExpress/PasClaw#294, Bobsilvio/ha-claude#32",
    ),
    # gemini-1.5-flash took such an object within parameters (recorded in 2025).
    Rule(
        "gemini/schema-object-empty",
        GENERATE_LINE + "{path}: should be non-empty for OBJECT type",
        "browser-use/browser-use#3786, sigoden/aichat#666",
        models=r"^(?!gemini-1\.)",
    ),
    # Refused until 2025 (vercel/ai#3371), taken since (pydantic/pydantic-ai#1998).
    Rule(
        "gemini/parameters-empty",
        GENERATE_LINE + "{path}: should be non-empty for OBJECT type",
        "vercel/ai#3371, pipecat-ai/pipecat-flows#110, crmne/ruby_llm#61",
        default="jrn",
    ),
    Rule(
        "gemini/schema-items",
        GENERATE_LINE + "{path}: missing field.",
        "cline/cline#7339",
    ),
    Rule(
        "gemini/schema-required",
        GENERATE_LINE + "{path}: property is not defined",
        "public source files",
    ),
    Rule(
        "gemini/schema-format",
        GENERATE_LINE + "{path}: only 'enum' and 'date-time' are supported for STRING type",
        "google-gemini/gemini-cli#3178, hideya/langchain-mcp-tools-ts#36",
    ),
)
GEMINI_SETTING_RULES = (
    Rule(
        "gemini/range",
        GENERATE_LINE + "generation_config.{f}: {f} must be in the range {range}.",
        "public source files, of temperature",
    ),
    Rule(
        "gemini/stop-sequences",
        GENERATE_LINE
        + "generation_config.stop_sequences: the number of stop_sequences must not exceed 5.",
        "pattern",
    ),
)
# Request rules, 2.7: sentences of their own.
GEMINI_TURN_RULES = (
    Rule("gemini/role", "Please use a valid role: user, model.", "recorded"),
    Rule(
        "gemini/call-turn-order",
        "Please ensure that function call turn comes immediately after a user turn or after a "
        "function response turn.",
        "google-gemini/gemini-cli#26486, google-gemini/gemini-cli#11814, "
        "continuedev/continue#11164",
    ),
    Rule(
        "gemini/response-turn-order",
        "Please ensure that function response turn comes immediately after a function call turn.",
        "langchain-ai/langchain#27799",
    ),
    Rule(
        "gemini/response-count",
        "Please ensure that the number of function response parts is equal to the number of "
        "function call parts of the function call turn.",
        "google-gemini/gemini-cli#16415, cloudwego/eino-ext#571, epam/ai-dial-adapter-vertexai#214",
    ),
    Rule(
        "gemini/thought-signature",
        "Function call is missing a thought_signature in functionCall parts. This is required for "
        "tools to work correctly, and missing thought_signature may lead to degraded model "
        "performance. Additional data, function call `default_api:{name}` , position {n}. Please "
        "refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
        "lbjlaq/Antigravity-Manager#733, lbjlaq/Antigravity-Manager#938, nanbingxyz/5ire#405",
        default="mod",
        models="^gemini-3",
    ),
)
GEMINI_DUPLICATE = Rule(
    "gemini/function-duplicate",
    "Duplicate function declaration found: {x}",
    "public source files",
)
GEMINI_MODEL_RULES = (
    Rule(
        "gemini/json-with-tools",
        "Function calling with a response mime type: 'application/json' is unsupported",
        "symfony/ai#1777, google/adk-python#5735",
        default="mod",
        models="^gemini-[12]",
    ),
    Rule(
        "gemini/thinking-both",
        "You can only set only one of thinking budget and thinking level.",
        "public source files",
    ),
    Rule(
        "gemini/thinking-zero",
        "Budget 0 is invalid. This model only works in thinking mode.",
        "public source files",
        default="mod",
        models=r"^gemini-(?:2\.5|3[\d.]*)-pro",
    ),
    Rule(
        "gemini/thinking-range",
        "The thinking budget {v} is invalid. Please choose a value between {a} and {b}.",
        "public source files",
        default="mod",
        models=r"^gemini-2\.5",
    ),
)
# Those that have other words, or do not hold, on Vertex AI (2.8).
GEMINI_ONLY = (
    Rule(
        "gemini/builtin-with-functions",
        "Tool use with function calling is unsupported",
        "enola-dev/enola#1784, lbjlaq/Antigravity-Manager#2241",
        default="mod",
        models="^gemini-[1-9]",
    ),
    Rule(
        "gemini/cached-conflict",
        "CachedContent can not be used with GenerateContent request setting system_instruction, "
        "tools or tool_config.\n\nProposed fix: move those values to CachedContent from "
        "GenerateContent request.",
        "BerriAI/litellm#17304, vercel/ai#3333",
    ),
    Rule(
        "gemini/feature-off",
        "{x} is not enabled for models/{m}",
        "PublicAffairs/openai-gemini#63, BerriAI/litellm#26108, google-gemini/cookbook#1290",
        default="mod",
        models=r"^gemini-(?:2\.5|[3-9])|^gemma-(?:[123](?!\d)|3n)",
    ),
)
GEMINI_RULES = (
    *GOOGLE_FIELD_RULES,
    *GEMINI_CONTENT_RULES,
    *GEMINI_NAME_RULES,
    *GEMINI_SCHEMA_RULES,
    *GEMINI_SETTING_RULES,
    Sweep(gemini_lines),
    *GEMINI_TURN_RULES,
    Sweep(gemini_turns, needs=("contents",)),
    GEMINI_DUPLICATE,
    *GEMINI_MODEL_RULES,
    *GEMINI_ONLY,
    Sweep(gemini_rest),
)
GEMINI_MOST_IN_BATCH = 100


def gemini_batch_size(case: Case) -> Iterator[Finding]:
    """More texts than a batch may have."""
    requests = case.body["requests"]
    if isinstance(requests, list) and len(requests) > GEMINI_MOST_IN_BATCH:
        yield Finding("requests")


# Request rules, 2.10.
GEMINI_BATCH_RULE = Rule(
    "embed/gemini-batch",
    "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch",
    "public source files",
    gemini_batch_size,
    needs=("requests",),
)

GEMINI_VOICE = GoogleVoice("google.ai.generativelanguage")
GEMINI_GENERATE = GoogleBook(
    "gemini",
    "generateContent",
    GEMINI_RULES,
    GEMINI_SHAPES.generate,
    GEMINI_VOICE,
    GeminiView,
    google_refusal,
)
GEMINI_COUNT = GoogleBook(
    "gemini",
    "countTokens",
    GOOGLE_FIELD_RULES,
    GEMINI_SHAPES.counting,
    GEMINI_VOICE,
    refusal=google_refusal,
)
GEMINI_EMBED = GoogleBook(
    "gemini",
    "embedContent",
    GOOGLE_FIELD_RULES,
    GEMINI_SHAPES.embed,
    GEMINI_VOICE,
    refusal=google_refusal,
)
GEMINI_BATCH = GoogleBook(
    "gemini",
    "batchEmbedContents",
    (*GOOGLE_FIELD_RULES, GEMINI_BATCH_RULE),
    GEMINI_SHAPES.batch,
    GEMINI_VOICE,
    refusal=google_refusal,
)
