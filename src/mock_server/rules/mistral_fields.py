"""What the fields of Mistral's requests may be (request rules, 1.6 and 1.7; types of mistralai
3.7.0).  Pure."""

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

# What may stand beside the known members of a part, a tool or a call was not seen: it passes.
PART_MEMBERS = {
    "text": AnObject({"text": AString()}, ("text",), closed=False),
    "image_url": AnObject(
        {"image_url": Either(AString(), AnObject({}, closed=False))}, ("image_url",), closed=False
    ),
    **{
        name: AnObject({}, closed=False)
        for name in ("document_url", "reference", "file", "thinking", "input_audio")
    },
}
SAID_TO_MISTRAL = Either(AString(), AnArray(AUnion("type", PART_MEMBERS, "text")), null=True)
MISTRAL_CALL = AnObject(
    {
        "id": AString(null=True),
        "type": AString(null=True),
        "index": AnInteger(null=True),
        "function": AnObject(
            {"name": AString(), "arguments": Either(AString(), AnObject({}, closed=False))},
            ("name", "arguments"),
            closed=False,
        ),
    },
    ("function",),
    closed=False,
)
# Members that are not here were refused in messages, too (charmbracelet/crush#1590,
# Gage-Technologies/mistral-go#3).
MISTRAL_MESSAGES = AUnion(
    "role",
    {
        "system": AnObject({"content": SAID_TO_MISTRAL}),
        "user": AnObject({"content": SAID_TO_MISTRAL}),
        "assistant": AnObject(
            {
                "content": SAID_TO_MISTRAL,
                "tool_calls": AnArray(MISTRAL_CALL, null=True),
                "prefix": ABoolean(null=True),
            }
        ),
        "tool": AnObject(
            {
                "content": SAID_TO_MISTRAL,
                "tool_call_id": AString(null=True),
                "name": AString(null=True),
            }
        ),
    },
)
MISTRAL_OBJECT = AnObject({}, closed=False)
SOME_OBJECT_OR_NULL = AnObject({}, closed=False, null=True)
NAME_OR_NULL = AString(null=True)
MISTRAL_FLAG = ABoolean(null=True)
COUNT_OR_NULL = AnInteger(0, null=True)

GENERATION_FIELDS = {
    "model": AString(),
    "temperature": ANumber(0, 1.5, null=True),
    "top_p": ANumber(0, 1, null=True),
    "max_tokens": COUNT_OR_NULL,
    "min_tokens": COUNT_OR_NULL,
    "stream": MISTRAL_FLAG,
    "stop": Either(AString(), AnArray(AString()), null=True),
    "random_seed": AnInteger(null=True),
    "metadata": SOME_OBJECT_OR_NULL,
    "prompt_cache_key": NAME_OR_NULL,
}
MISTRAL_CHAT_MEMBERS = {
    **GENERATION_FIELDS,
    "messages": AnArray(MISTRAL_MESSAGES, 1),
    "response_format": AnObject(
        {"type": AString(("text", "json_object", "json_schema"), null=True)},
        closed=False,
        null=True,
    ),
    "tools": AnArray(MISTRAL_OBJECT, null=True),
    "tool_choice": Either(AString(("auto", "none", "any", "required")), MISTRAL_OBJECT, null=True),
    "presence_penalty": ANumber(-2, 2, null=True),
    "frequency_penalty": ANumber(-2, 2, null=True),
    "repetition_penalty": ANumber(null=True),
    "top_k": AnInteger(null=True),
    "logprobs": MISTRAL_FLAG,
    "top_logprobs": AnInteger(null=True),
    "prompt_logprobs": MISTRAL_FLAG,
    "top_prompt_logprobs": AnInteger(null=True),
    "n": AnInteger(1, null=True),
    "prediction": SOME_OBJECT_OR_NULL,
    "parallel_tool_calls": MISTRAL_FLAG,
    "prompt_mode": NAME_OR_NULL,
    "reasoning_effort": NAME_OR_NULL,
    "safe_prompt": MISTRAL_FLAG,
    "guardrails": AnArray(MISTRAL_OBJECT, null=True),
    "service_tier": NAME_OR_NULL,
    # Of pages and pictures of documents (its documentation, and vercel/ai).
    "document_image_limit": AnInteger(null=True),
    "document_page_limit": AnInteger(null=True),
}
MISTRAL_FIM_MEMBERS = {**GENERATION_FIELDS, "prompt": AString(), "suffix": NAME_OR_NULL}
EMBEDDED = Either(AString(), AnArray(Anything()))  # whether tokens would do was not seen

MISTRAL_CHAT_BODY = AnObject(MISTRAL_CHAT_MEMBERS, ("model", "messages"))
# On Vertex AI the path has the model.
VERTEX_MISTRAL_BODY = AnObject(MISTRAL_CHAT_MEMBERS, ("messages",))
MISTRAL_FIM_BODY = AnObject(MISTRAL_FIM_MEMBERS, ("model", "prompt"))
VERTEX_FIM_BODY = AnObject(MISTRAL_FIM_MEMBERS, ("prompt",))
MISTRAL_EMBED_BODY = AnObject(
    {
        "model": AString(),
        "input": EMBEDDED,
        "output_dimension": AnInteger(null=True),
        "output_dtype": AString(("float", "int8", "uint8", "binary", "ubinary"), null=True),
        "encoding_format": AString(("float", "base64"), null=True),
        "metadata": SOME_OBJECT_OR_NULL,
    },
    ("model", "input"),
)
