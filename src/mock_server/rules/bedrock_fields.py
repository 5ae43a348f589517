"""What the fields of a Converse request may be (request rules, 1.5), as botocore 1.44.8 has them in
its service model of bedrock-runtime.  Pure."""

from __future__ import annotations

from typing import Sequence

from .bedrock_shapes import (
    AwsFloat,
    AwsInteger,
    AwsList,
    AwsMap,
    AwsString,
    AwsStructure,
    AwsUnion,
)
from .fields import AnArray, Anything

AWS_TEXT = AwsString()
AWS_SOME_TEXT = AwsString(least=1)
# A boolean may come as a text or a number, and what a Document holds the conversation's rules tell.
AWS_FLAG = AWS_DOCUMENT = Anything()
AWS_TOOL_USE_ID = AwsString(least=1, most=64, pattern="[a-zA-Z0-9_.:-]+")
AWS_TOOL_NAME = AwsString(least=1, most=64, pattern="[a-zA-Z0-9_-]+")
AWS_PICTURES = ("png", "jpeg", "gif", "webp")
AWS_DOCUMENTS = ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")
AWS_SOUNDS = (
    *("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg"),
    *("mpga", "pcm", "webm"),
)

AWS_S3_LOCATION = AwsStructure(
    {
        "uri": AwsString(
            least=1,
            most=1024,
            pattern=r"s3://[a-z0-9][\.\-a-z0-9]{1,61}[a-z0-9](/.*)?",
        ),
        "bucketOwner": AwsString(pattern="[0-9]{12}"),
    },
    ("uri",),
)
AWS_BYTES_OR_S3 = {"bytes": AWS_SOME_TEXT, "s3Location": AWS_S3_LOCATION}
AWS_TEXT_ITEM = AwsUnion({"text": AWS_TEXT})
AWS_CITED = AwsStructure({"enabled": AWS_FLAG}, ("enabled",))


def aws_medium(formats: Sequence[str]) -> AwsStructure:
    """A picture, a film or a sound."""
    members = {"format": AwsString(formats), "source": AwsUnion(AWS_BYTES_OR_S3)}
    return AwsStructure(members, ("format", "source"))


# The format of a film is not held against the list: video/mp4 is taken (recorded).
AWS_IMAGE, AWS_VIDEO = aws_medium(AWS_PICTURES), aws_medium(())
AWS_PAPER = AwsStructure(
    {
        "format": AwsString(AWS_DOCUMENTS),
        "name": AwsString(least=1, most=200),
        "source": AwsUnion(
            {**AWS_BYTES_OR_S3, "text": AWS_TEXT, "content": AnArray(AWS_TEXT_ITEM)}
        ),
        "context": AWS_TEXT,
        "citations": AWS_CITED,
    },
    ("name", "source"),
)
AWS_SEARCH_RESULT = AwsStructure(
    {
        "source": AWS_TEXT,
        "title": AWS_TEXT,
        "content": AnArray(AwsStructure({"text": AWS_TEXT}, ("text",))),
        "citations": AWS_CITED,
    },
    ("source", "title", "content"),
)
AWS_TOOL_USE = AwsStructure(
    {
        "toolUseId": AWS_TOOL_USE_ID,
        "name": AWS_TOOL_NAME,
        "input": AWS_DOCUMENT,
        "type": AwsString(("server_tool_use",)),
    },
    ("toolUseId", "name", "input"),
)
AWS_TOOL_RESULT = AwsStructure(
    {
        "toolUseId": AWS_TOOL_USE_ID,
        "content": AnArray(
            AwsUnion(
                {
                    "json": AWS_DOCUMENT,
                    "text": AWS_TEXT,
                    "image": AWS_IMAGE,
                    "document": AWS_PAPER,
                    "video": AWS_VIDEO,
                    "searchResult": AWS_SEARCH_RESULT,
                }
            )
        ),
        "status": AwsString(("success", "error")),
        "type": AWS_TEXT,
    },
    ("toolUseId", "content"),
)
AWS_GUARDED_PICTURE = AwsStructure(
    {"format": AwsString(("png", "jpeg")), "source": AwsUnion({"bytes": AWS_SOME_TEXT})},
    ("format", "source"),
)
AWS_GUARD_CONTENT = AwsUnion(
    {
        "text": AwsStructure(
            {
                "text": AWS_TEXT,
                "qualifiers": AwsList(AwsString(("grounding_source", "query", "guard_content"))),
            },
            ("text",),
        ),
        "image": AWS_GUARDED_PICTURE,
    }
)
AWS_CACHE_POINT = AwsStructure(
    {"type": AwsString(("default",)), "ttl": AwsString(("5m", "1h"))}, ("type",)
)
AWS_REASONING = AwsUnion(
    {
        "reasoningText": AwsStructure({"text": AWS_TEXT, "signature": AWS_TEXT}, ("text",)),
        "redactedContent": AWS_TEXT,
    }
)
AWS_TOOL_REFERENCE = AwsStructure(
    {
        "tool": AwsStructure(
            {
                "type": AwsString(least=1, most=64),
                "name": AwsString(least=1, most=128),
                "serverName": AwsString(least=1, most=128),
            }
        )
    },
    ("tool",),
)
AWS_CONTENT_BLOCK = AwsUnion(
    {
        "text": AWS_TEXT,
        "image": AWS_IMAGE,
        "document": AWS_PAPER,
        "video": AWS_VIDEO,
        "audio": aws_medium(AWS_SOUNDS),
        "toolUse": AWS_TOOL_USE,
        "toolResult": AWS_TOOL_RESULT,
        "guardContent": AWS_GUARD_CONTENT,
        "cachePoint": AWS_CACHE_POINT,
        "reasoningContent": AWS_REASONING,
        # What a model has cited is the model's own.
        "citationsContent": AwsStructure({"content": AnArray(AWS_TEXT_ITEM)}),
        "searchResult": AWS_SEARCH_RESULT,
        "toolAddition": AWS_TOOL_REFERENCE,
        "toolRemoval": AWS_TOOL_REFERENCE,
    }
)
AWS_TALK = AnArray(
    AwsStructure(
        {
            "role": AwsString(("user", "assistant", "system")),
            "content": AnArray(AWS_CONTENT_BLOCK),
        },
        ("role", "content"),
    )
)
AWS_SYSTEM = AnArray(
    AwsUnion(
        {"text": AWS_SOME_TEXT, "guardContent": AWS_GUARD_CONTENT, "cachePoint": AWS_CACHE_POINT}
    )
)
AWS_NAMED_TOOL = AwsStructure({"name": AWS_TOOL_NAME}, ("name",))
AWS_TOOL_SPEC = AwsStructure(
    {
        "name": AWS_TOOL_NAME,
        "description": AWS_SOME_TEXT,
        "inputSchema": AwsUnion({"json": AWS_DOCUMENT}),
        "strict": AWS_FLAG,
    },
    ("name", "inputSchema"),
)
AWS_TOOL_CONFIG = AwsStructure(
    {
        "tools": AnArray(
            AwsUnion(
                {
                    "toolSpec": AWS_TOOL_SPEC,
                    "systemTool": AWS_NAMED_TOOL,
                    "cachePoint": AWS_CACHE_POINT,
                }
            ),
            1,
        ),
        "toolChoice": AwsUnion(
            {"auto": AwsStructure({}), "any": AwsStructure({}), "tool": AWS_NAMED_TOOL}
        ),
    },
    ("tools",),
)
AWS_INFERENCE = AwsStructure(
    {
        "maxTokens": AwsInteger(1),
        "temperature": AwsFloat(0, 1),
        "topP": AwsFloat(0, 1),
        "stopSequences": AwsList(AWS_SOME_TEXT, 0, 2500),
    }
)
AWS_GUARDRAIL = AwsStructure(
    {
        "guardrailIdentifier": AwsString(
            most=2048,
            pattern=r"(|([a-z0-9]+)|(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/"
            r"[a-z0-9]+))",
        ),
        "guardrailVersion": AwsString(pattern=r"(|([1-9][0-9]{0,7})|(DRAFT))"),
        "trace": AwsString(("enabled", "disabled", "enabled_full")),
        "streamProcessingMode": AwsString(("sync", "async")),
    }
)
AWS_NOTE_CHARACTERS = r"[a-zA-Z0-9\s:_@$#=/+,-.]"
AWS_SCHEMA = AwsStructure(
    {"schema": AWS_TEXT, "name": AWS_TEXT, "description": AWS_TEXT}, ("schema",)
)
AWS_TEXT_FORMAT = AwsStructure(
    {"type": AwsString(("json_schema",)), "structure": AwsUnion({"jsonSchema": AWS_SCHEMA})},
    ("type", "structure"),
)
# What CountTokens takes of it, too.
AWS_COUNTED = {
    "messages": AWS_TALK,
    "system": AWS_SYSTEM,
    "toolConfig": AWS_TOOL_CONFIG,
    "additionalModelRequestFields": AWS_DOCUMENT,
}
CONVERSE_BODY = AwsStructure(
    {
        **AWS_COUNTED,
        "inferenceConfig": AWS_INFERENCE,
        "guardrailConfig": AWS_GUARDRAIL,
        "promptVariables": AwsMap(AWS_TEXT_ITEM),
        "additionalModelResponseFieldPaths": AwsList(AwsString(least=1, most=256), 0, 10),
        "requestMetadata": AwsMap(
            AwsString(most=256, pattern=AWS_NOTE_CHARACTERS + "{0,256}"),
            AwsString(least=1, most=256, pattern=AWS_NOTE_CHARACTERS + "{1,256}"),
            least=1,
            most=16,
        ),
        "performanceConfig": AwsStructure({"latency": AwsString(("standard", "optimized"))}),
        "serviceTier": AwsStructure(
            {"type": AwsString(("priority", "default", "flex", "reserved"))}, ("type",)
        ),
        "outputConfig": AwsStructure({"textFormat": AWS_TEXT_FORMAT, "effort": AwsString(most=16)}),
    }
)
COUNT_BODY = AwsStructure(
    {"input": AwsUnion({"converse": AwsStructure(AWS_COUNTED), "invokeModel": Anything()})},
    ("input",),
)
