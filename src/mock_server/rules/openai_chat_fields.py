"""What the fields of a chat completions request may be (request rules, 1.1).  Pure."""

from __future__ import annotations

from .fields import (
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
)

FUNCTION_NAME = AString(
    least=1, most=64, pattern="^[a-zA-Z0-9_-]+$", rule="openai/tool-name-pattern"
)
METADATA = AMap(AString(most=512), AString(most=64), most=16, null=True)
CALL_ID = AString(most=40, rule="openai/tool-call-id-length")

TEXT_PART = AnObject({"text": AString(), "cache_control": Anything()}, ("text",))
PARTS = AUnion(
    "type",
    {
        "text": TEXT_PART,
        "image_url": AnObject(
            {
                "image_url": AnObject(
                    {"url": AString(), "detail": AString(("auto", "low", "high", "original"))},
                    ("url",),
                )
            },
            ("image_url",),
        ),
        "input_audio": AnObject(
            {"input_audio": AnObject({"data": AString(), "format": AString()}, ("data", "format"))},
            ("input_audio",),
        ),
        "refusal": AnObject({"refusal": AString()}, ("refusal",)),
        "audio": AnObject({}, closed=False),
        "file": AnObject({"file": AnObject({}, closed=False)}, ("file",)),
    },
    rule="openai/part-type",
)
# That there is no content, or null, is a rule of its own: openai/content-null.
CONTENT = Either(AString(), AnArray(PARTS, 1), null=True)
SPEAKER = AString(least=1, most=64, pattern=r"^[^\s<|\\/>]+$", null=True)
CALL = AUnion(
    "type",
    {
        "function": AnObject(
            {
                "id": CALL_ID,
                "index": Anything(),
                "function": AnObject(
                    {"name": FUNCTION_NAME, "arguments": AString(rule="openai/tool-args-string")},
                    ("name", "arguments"),
                ),
            },
            ("id", "function"),
        ),
        "custom": AnObject({"id": CALL_ID, "custom": AnObject({}, closed=False)}, ("id", "custom")),
    },
)
# Keys inside messages are not reliably refused (4.2): of these nothing is said.
SAID = {"content": CONTENT, "name": SPEAKER}
MESSAGES = AUnion(
    "role",
    {
        "system": AnObject(SAID, closed=False),
        "assistant": AnObject({**SAID, "tool_calls": AnArray(CALL, null=True)}, closed=False),
        "user": AnObject(SAID, closed=False),
        "function": AnObject({"name": AString()}, ("name",), closed=False),
        "tool": AnObject({**SAID, "tool_call_id": CALL_ID}, ("tool_call_id",), closed=False),
        "developer": AnObject(SAID, closed=False),
    },
    rule="openai/role-unknown",
)
CHAT_BODY = AnObject(
    {
        "model": AString(),
        "messages": AnArray(MESSAGES, 1, rule="openai/messages-empty"),
        "temperature": ANumber(0, 2, null=True, rule="openai/temperature-range"),
        "n": AnInteger(1, 128, null=True),
        "stream": ABoolean(null=True),
        "metadata": METADATA,
    },
    ("messages",),
    closed=False,
)
