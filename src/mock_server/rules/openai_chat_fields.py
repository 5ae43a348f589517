"""What the fields of a chat completions request may be (request rules, 1.1).  Pure."""

from __future__ import annotations

from typing import Dict

from .fields import (
    MISSING_FIELD,
    TOO_LARGE,
    TOO_LONG,
    TOO_SHORT,
    TOO_SMALL,
    WRONG_PATTERN,
    WRONG_TAG,
    WRONG_TYPE,
    ABoolean,
    AMap,
    AnArray,
    AnInteger,
    AnObject,
    ANumber,
    Anything,
    AString,
    AUnion,
    Either,
    Shape,
)

SOME_OBJECT = AnObject({}, closed=False)
TEXT_OR_NULL = AString(null=True)
FLAG_OR_NULL = ABoolean(null=True)
PENALTY = ANumber(-2, 2, null=True)

FUNCTION_NAME = AString(
    least=1,
    most=64,
    pattern="^[a-zA-Z0-9_-]+$",
    rule={WRONG_PATTERN: "openai/tool-name-pattern"},
)
METADATA = AMap(AString(most=512), AString(most=64), most=16, null=True)
CALL_ID = AString(most=40, rule={TOO_LONG: "openai/tool-call-id-length"})

# --- messages ---

# A prompt may be cached up to a part (the SDK's types).
CACHED = {"prompt_cache_breakpoint": Anything()}
IMAGE = AnObject(
    {"url": AString(), "detail": AString(("auto", "low", "high", "original"), null=True)},
    ("url",),
)
SOUND = AnObject({"data": AString(), "format": AString()}, ("data", "format"))
PARTS = AUnion(
    "type",
    {
        "text": AnObject({"text": AString(), **CACHED}, ("text",)),
        "image_url": AnObject({"image_url": IMAGE, **CACHED}, ("image_url",)),
        "input_audio": AnObject({"input_audio": SOUND, **CACHED}, ("input_audio",)),
        "refusal": AnObject({"refusal": AString()}, ("refusal",)),
        "audio": SOME_OBJECT,
        "file": AnObject({"file": SOME_OBJECT, **CACHED}, ("file",)),
    },
    rule={WRONG_TAG: "openai/part-type"},
)
# That there is no content, or null, is a rule of its own: openai/content-null.
CONTENT = Either(AString(), AnArray(PARTS, 1), null=True)
SPEAKER = AString(least=1, most=64, pattern=r"^[^\s<|\\/>]+$", null=True)
CALLED = AnObject(
    {"name": FUNCTION_NAME, "arguments": AString(rule={WRONG_TYPE: "openai/tool-args-string"})},
    ("name", "arguments"),
)
CALL = AUnion(
    "type",
    {
        "function": AnObject({"id": CALL_ID, "function": CALLED}, ("id", "function")),
        "custom": AnObject({"id": CALL_ID, "custom": SOME_OBJECT}, ("id", "custom")),
    },
)
SAID: Dict[str, Shape] = {"content": CONTENT, "name": SPEAKER}
# What SDKs give out as a message may be sent back as it is.
ANSWERED = {
    "refusal": TEXT_OR_NULL,
    "annotations": Anything(),
    "audio": Anything(),
    "function_call": AnObject({}, closed=False, null=True),
    "tool_calls": AnArray(CALL, 1, null=True),
}
MESSAGES = AUnion(
    "role",
    {
        "system": AnObject(SAID),
        "assistant": AnObject({**SAID, **ANSWERED}),
        "user": AnObject(SAID),
        "function": AnObject({"name": AString(), "content": CONTENT}, ("name",)),
        "tool": AnObject({**SAID, "tool_call_id": CALL_ID}, ("tool_call_id",)),
        "developer": AnObject(SAID),
    },
    rule={WRONG_TAG: "openai/role-unknown"},
)

# --- tools and what is asked of an answer ---

OFFERED_FUNCTION = AnObject(
    {
        "name": FUNCTION_NAME,
        "description": TEXT_OR_NULL,
        "parameters": AnObject({}, closed=False, null=True),
        "strict": FLAG_OR_NULL,
    },
    ("name",),
    closed=False,
)
NAMED = AnObject({"name": AString()}, ("name",), closed=False)
TOOLS = AUnion(
    "type",
    {
        "function": AnObject({"function": OFFERED_FUNCTION}, ("function",), closed=False),
        "custom": AnObject({"custom": NAMED}, ("custom",), closed=False),
    },
)
TOOL_CHOICE = Either(
    AString(("none", "auto", "required")),
    AUnion(
        "type",
        {
            "function": AnObject({"function": NAMED}, ("function",), closed=False),
            "custom": AnObject({"custom": NAMED}, ("custom",), closed=False),
            "allowed_tools": AnObject({"allowed_tools": SOME_OBJECT}, ("allowed_tools",)),
        },
    ),
    null=True,
)
FORMAT_NAME = AString(least=1, most=64, pattern="^[a-zA-Z0-9_-]+$")
RESPONSE_FORMAT = AUnion(
    "type",
    {
        "text": SOME_OBJECT,
        "json_object": AnObject({}, closed=False),
        "json_schema": AnObject(
            {
                "json_schema": AnObject(
                    {
                        "name": FORMAT_NAME,
                        "schema": AnObject({}, closed=False, null=True),
                        "strict": FLAG_OR_NULL,
                        "description": TEXT_OR_NULL,
                    },
                    ("name",),
                    closed=False,
                )
            },
            ("json_schema",),
            closed=False,
        ),
    },
    null=True,
)
TEMPERATURE_RANGE = dict.fromkeys((TOO_SMALL, TOO_LARGE), "openai/temperature-range")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
CHAT_FIELDS: Dict[str, Shape] = {
    "model": AString(
        least=1, rule={MISSING_FIELD: "openai/model-missing", TOO_SHORT: "openai/model-missing"}
    ),
    "messages": AnArray(MESSAGES, 1, rule={TOO_SHORT: "openai/messages-empty"}),
    # 0 is taken (recorded).
    "max_tokens": AnInteger(0, null=True),
    "max_completion_tokens": AnInteger(0, null=True),
    "temperature": ANumber(0, 2, null=True, rule=TEMPERATURE_RANGE),
    "top_p": ANumber(0, 1, null=True),
    "presence_penalty": PENALTY,
    "frequency_penalty": PENALTY,
    "n": AnInteger(1, 128, null=True),
    "seed": AnInteger(-(2**63), 2**63 - 1, null=True),
    "logprobs": FLAG_OR_NULL,
    "top_logprobs": AnInteger(0, 20, null=True),
    "logit_bias": AMap(ANumber(-100, 100), null=True),
    # An empty array is taken (recorded).
    "stop": Either(AString(), AnArray(AString(), most=4), null=True),
    "stream": FLAG_OR_NULL,
    "stream_options": AnObject(
        {"include_usage": FLAG_OR_NULL, "include_obfuscation": FLAG_OR_NULL}, null=True
    ),
    "tools": AnArray(TOOLS, 1, 128, null=True, rule={TOO_SHORT: "openai/tools-empty"}),
    "tool_choice": TOOL_CHOICE,
    "parallel_tool_calls": FLAG_OR_NULL,
    "response_format": RESPONSE_FORMAT,
    "reasoning_effort": AString(EFFORTS, null=True),
    "verbosity": AString(("low", "medium", "high"), null=True),
    "metadata": METADATA,
    "service_tier": AString(("auto", "default", "flex", "scale", "priority", "fast"), null=True),
    "modalities": AnArray(AString(("text", "audio")), null=True),
    "audio": AnObject({"format": AString()}, ("voice", "format"), closed=False, null=True),
    "prediction": AnObject(
        {"type": AString(("content",)), "content": Anything()},
        ("type", "content"),
        closed=False,
        null=True,
    ),
    "store": FLAG_OR_NULL,
    "user": TEXT_OR_NULL,
    "safety_identifier": AString(most=64, null=True),
    "prompt_cache_key": TEXT_OR_NULL,
    # With a hyphen in older SDKs.
    "prompt_cache_retention": AString(("in_memory", "24h", "in-memory"), null=True),
    "prompt_cache_options": Anything(),
    "web_search_options": Anything(),
    "moderation": Anything(),
    "functions": AnArray(OFFERED_FUNCTION, 1, 128, null=True),
    "function_call": Either(AString(("none", "auto")), NAMED, null=True),
}
CHAT_BODY = AnObject(CHAT_FIELDS, ("model", "messages"))
