"""What the fields of Cohere's requests may be (request rules, 1.6 and 1.7; types of cohere 7.3.1).
Pure."""

from __future__ import annotations

from .fields import (
    ABoolean,
    AnArray,
    AnInteger,
    AnObject,
    ANumber,
    Anything,
    AString,
    AUnion,
    Either,
)

NOT_SURE = "cohere/limits"  # of what documents say, but no answer that was seen
COHERE_OBJECT = AnObject({}, closed=False, null=True)
TEXTS = AnArray(AString(), null=True)
PLAIN_TEXT = AString(null=True)
SWITCH = ABoolean(null=True)
NUMBER_OR_NULL = AnInteger(null=True)

SAID_TO_COHERE = Either(AString(), AnArray(AnObject({}, closed=False)), null=True)
TOOL_RESULT = Either(AString(), AnArray(AnObject({}, closed=False)))
COHERE_CALL = AnObject(
    {
        "id": PLAIN_TEXT,
        "type": PLAIN_TEXT,
        "function": AnObject(
            {"name": PLAIN_TEXT, "arguments": PLAIN_TEXT}, closed=False, null=True
        ),
    },
    closed=False,
)
COHERE_MESSAGES = AUnion(
    "role",
    {
        "user": AnObject({"content": SAID_TO_COHERE}, ("content",), closed=False),
        "assistant": AnObject(
            {
                "content": SAID_TO_COHERE,
                "tool_plan": PLAIN_TEXT,
                "tool_calls": AnArray(COHERE_CALL, null=True),
            },
            closed=False,
        ),
        "system": AnObject({"content": SAID_TO_COHERE}, ("content",), closed=False),
        "developer": AnObject({"content": SAID_TO_COHERE}, ("content",), closed=False),
        "tool": AnObject(
            {"tool_call_id": AString(), "content": TOOL_RESULT},
            ("tool_call_id", "content"),
            closed=False,
        ),
    },
    rule=NOT_SURE,
)
COHERE_TOOL = AnObject(
    {
        "function": AnObject(
            {
                "name": AString(),
                "description": PLAIN_TEXT,
                "parameters": AnObject({}, closed=False, rule=NOT_SURE),
            },
            ("name", "parameters"),
            closed=False,
            null=True,
        )
    },
    closed=False,
)
COHERE_CHAT_BODY = AnObject(
    {
        "model": AString(),
        "messages": AnArray(COHERE_MESSAGES, 1),
        "stream": SWITCH,
        "tools": AnArray(COHERE_TOOL, null=True),
        "tool_choice": AString(("REQUIRED", "NONE"), null=True),
        "strict_tools": SWITCH,
        "documents": AnArray(Either(AString(), AnObject({}, closed=False)), null=True),
        "citation_options": COHERE_OBJECT,
        "response_format": AnObject(
            {
                "type": AString(("text", "json_object")),
                "json_schema": COHERE_OBJECT,
                "schema": COHERE_OBJECT,
            },
            closed=False,
            null=True,
        ),
        "safety_mode": AString(("CONTEXTUAL", "STRICT", "OFF"), null=True),
        "max_tokens": AnInteger(1, null=True),
        "stop_sequences": AnArray(AString(), most=5, null=True),
        "temperature": ANumber(0, null=True),
        "seed": NUMBER_OR_NULL,
        "frequency_penalty": ANumber(0, 1, null=True),
        "presence_penalty": ANumber(0, 1, null=True),
        "k": AnInteger(0, 500, null=True),
        "p": ANumber(0.01, 0.99, null=True),
        "logprobs": SWITCH,
        "thinking": COHERE_OBJECT,
        "priority": NUMBER_OR_NULL,
        "return_prompt": Anything(),
        "raw_prompting": Anything(),
    },
    ("model", "messages"),
)
COHERE_EMBED_BODY = AnObject(
    {
        "model": AString(),
        # That there is none is a rule of its own.
        "input_type": AString(
            ("search_document", "search_query", "classification", "clustering", "image"),
            null=True,
        ),
        "texts": TEXTS,
        "images": TEXTS,
        "inputs": AnArray(AnObject({}, closed=False), null=True),
        "embedding_types": AnArray(
            AString(("float", "int8", "uint8", "binary", "ubinary", "base64")), null=True
        ),
        "output_dimension": NUMBER_OR_NULL,
        "max_tokens": NUMBER_OR_NULL,
        "truncate": AString(("NONE", "START", "END"), null=True),
        "priority": NUMBER_OR_NULL,
    },
    ("model",),
)
