"""What the fields of Gemini's requests may be, here and on Vertex AI (request rules, 1.4 and 1.6;
as in google-genai 3.6.1 and its converters).

What few send is only looked at as an object: a false alarm is worse than a miss.  Pure.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Sequence

from .protobuf import (
    ProtoBool,
    ProtoBytes,
    ProtoEnum,
    ProtoFloat,
    ProtoInt,
    ProtoList,
    ProtoMap,
    ProtoMessage,
    ProtoShape,
    ProtoString,
    ProtoStruct,
    ProtoValue,
)

PROTO_TEXT, PROTO_FLAG, PROTO_NUMBER, PROTO_WHOLE = (
    ProtoString(),
    ProtoBool(),
    ProtoFloat(),
    ProtoInt(),
)
PROTO_LONG, PROTO_RAW, PROTO_FREE, PROTO_OBJECT = (
    ProtoInt(64),
    ProtoBytes(),
    ProtoValue(),
    ProtoStruct(),
)
PROTO_TEXTS = ProtoList(PROTO_TEXT)
CALL_STRUCT = ProtoStruct("gemini/struct")  # what a function is called with, and what it returns

SCHEMA_TYPES = ("TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT")
HARM_CATEGORY_NAMES = (
    *("UNSPECIFIED", "DEROGATORY", "TOXICITY", "VIOLENCE", "SEXUAL", "MEDICAL", "DANGEROUS"),
    *("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY"),
    *("IMAGE_HATE", "IMAGE_DANGEROUS_CONTENT", "IMAGE_HARASSMENT", "IMAGE_SEXUALLY_EXPLICIT"),
    *("JAILBREAK",),
)
HARM_THRESHOLDS = (
    *("HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE"),
    *("BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"),
)
MEDIA_RESOLUTIONS = (
    *("MEDIA_RESOLUTION_UNSPECIFIED", "MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM"),
    *("MEDIA_RESOLUTION_HIGH", "MEDIA_RESOLUTION_ULTRA_HIGH"),
)
THINKING_LEVELS = ("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
EMBEDDING_TASKS = (
    *("TASK_TYPE_UNSPECIFIED", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY"),
    *("CLASSIFICATION", "CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION"),
    *("CODE_RETRIEVAL_QUERY",),
)
# What a part may hold one of; beside these some fields that say more of it.
PART_DATA = (
    *("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode"),
    *("codeExecutionResult", "toolCall", "toolResponse"),
)


def open_message(name: str) -> ProtoMessage:
    """A message whose fields are not looked at."""
    return ProtoMessage(name, {}, closed=False)


def open_messages(*names: str) -> Dict[str, ProtoShape]:
    """Fields that are such messages, called as their types are."""
    return {name: open_message(name[:1].upper() + name[1:]) for name in names}


class GoogleShapes(NamedTuple):
    """The bodies of one of Google's hosts, by API."""

    generate: ProtoMessage
    counting: ProtoMessage
    embed: ProtoMessage
    batch: ProtoMessage


def gemini_schema_shape(more: Sequence[str]) -> ProtoMessage:
    """A Schema: OpenAPI's subset, and `more` that are schemas or maps of them."""
    kind = ProtoEnum(
        "Type", (*SCHEMA_TYPES, "NULL"), "gemini/schema-type-value", "gemini/schema-type-list"
    )
    numbers = dict.fromkeys(
        ("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"),
        PROTO_LONG,
    )
    members: Dict[str, ProtoShape] = {
        "type": kind,
        **dict.fromkeys(("format", "title", "description", "pattern"), PROTO_TEXT),
        "nullable": PROTO_FLAG,
        **dict.fromkeys(("default", "example", *more), PROTO_FREE),
        "enum": ProtoList(ProtoString("gemini/schema-enum-string")),
        **dict.fromkeys(("required", "propertyOrdering"), PROTO_TEXTS),
        **dict.fromkeys(("minimum", "maximum"), PROTO_NUMBER),
        **numbers,
    }
    schema = ProtoMessage("Schema", members)
    schema.members.update(
        items=schema,
        anyOf=ProtoList(schema),
        properties=ProtoMap("Schema.PropertiesEntry", schema),
    )
    return schema


def gemini_part(is_vertex: bool) -> ProtoMessage:
    """A part of a content."""
    blob = ProtoMessage(
        "Blob", {"mimeType": PROTO_TEXT, "data": PROTO_RAW, "displayName": PROTO_TEXT}
    )
    file = ProtoMessage(
        "FileData", {"mimeType": PROTO_TEXT, "fileUri": PROTO_TEXT, "displayName": PROTO_TEXT}
    )
    call: Dict[str, ProtoShape] = {"id": PROTO_TEXT, "name": PROTO_TEXT, "args": CALL_STRUCT}
    if is_vertex:
        call.update(partialArgs=ProtoList(open_message("PartialArg")), willContinue=PROTO_FLAG)
    response = {
        "id": PROTO_TEXT,
        "name": PROTO_TEXT,
        "response": CALL_STRUCT,
        "willContinue": PROTO_FLAG,
        "parts": ProtoList(open_message("FunctionResponsePart")),
        "scheduling": PROTO_FREE,
    }
    code = {"id": PROTO_TEXT, "language": PROTO_FREE, "code": PROTO_TEXT}
    members: Dict[str, ProtoShape] = {
        "text": PROTO_TEXT,
        "inlineData": blob,
        "fileData": file,
        "functionCall": ProtoMessage("FunctionCall", call),
        "functionResponse": ProtoMessage("FunctionResponse", response),
        "executableCode": ProtoMessage("ExecutableCode", code),
        **open_messages("codeExecutionResult", "toolCall", "toolResponse", "videoMetadata"),
        "thought": PROTO_FLAG,
        "thoughtSignature": PROTO_RAW,
        "partMetadata": PROTO_OBJECT,
        **dict.fromkeys(("mediaResolution", "mediaProcessing"), PROTO_FREE),
        **open_messages("audioTranscription", "speechMetadata", "documentMetadata"),
        **open_messages("spreadsheetMetadata", "audioMetadata"),
    }
    if is_vertex:
        del members["toolCall"], members["toolResponse"]
    return ProtoMessage("Part", members, PART_DATA)


def gemini_tools(schema: ProtoMessage, is_vertex: bool) -> ProtoList:
    """Functions of the client's, and tools of the host's."""
    function = ProtoMessage(
        "FunctionDeclaration",
        {
            "name": PROTO_TEXT,
            "description": PROTO_TEXT,
            "parameters": schema,
            "response": schema,
            **dict.fromkeys(("parametersJsonSchema", "responseJsonSchema", "behavior"), PROTO_FREE),
        },
    )
    hosted = open_messages(
        *("googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "googleMaps"),
        *("computerUse", "fileSearch"),
    )
    if is_vertex:
        hosted.update(open_messages("retrieval", "enterpriseWebSearch", "parallelAiSearch"))
        hosted.update(open_messages("exaAiSearch"))
    else:
        hosted["mcpServers"] = ProtoList(open_message("McpServer"))
    members = {"functionDeclarations": ProtoList(function), **hosted}
    return ProtoList(ProtoMessage("Tool", members))


def gemini_settings_shape(schema: ProtoMessage, is_vertex: bool) -> ProtoMessage:
    """The generationConfig."""
    thinking = {
        "includeThoughts": PROTO_FLAG,
        "thinkingBudget": PROTO_WHOLE,
        "thinkingLevel": ProtoEnum("ThinkingConfig.ThinkingLevel", THINKING_LEVELS),
    }
    modality = ProtoEnum(
        "GenerationConfig.Modality", ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO")
    )
    members: Dict[str, ProtoShape] = {
        **dict.fromkeys(("temperature", "topP", "topK"), PROTO_NUMBER),
        **dict.fromkeys(("presencePenalty", "frequencyPenalty"), PROTO_NUMBER),
        **dict.fromkeys(("candidateCount", "maxOutputTokens", "seed", "logprobs"), PROTO_WHOLE),
        "stopSequences": PROTO_TEXTS,
        "responseMimeType": PROTO_TEXT,
        "responseLogprobs": PROTO_FLAG,
        "responseSchema": schema,
        # The older name of what is any JSON Schema begins with a line (documentation).
        **dict.fromkeys(
            ("responseJsonSchema", "_responseJsonSchema", "responseFormat"), PROTO_FREE
        ),
        "responseModalities": ProtoList(modality),
        "thinkingConfig": ProtoMessage("ThinkingConfig", thinking),
        "mediaResolution": ProtoEnum("GenerationConfig.MediaResolution", MEDIA_RESOLUTIONS),
        **open_messages(
            "speechConfig", "imageConfig", "translationConfig", "audioTranscriptionConfig"
        ),
        "enableAffectiveDialog": PROTO_FLAG,
    }
    if is_vertex:
        members.update(
            audioTimestamp=PROTO_FLAG, **open_messages("routingConfig", "modelSelectionConfig")
        )
        members.update(open_messages("modelConfig"))
    else:
        members.update(enableEnhancedCivicAnswers=PROTO_FLAG)
    return ProtoMessage("GenerationConfig", members)


def gemini_choice() -> ProtoMessage:
    """The toolConfig."""
    mode = ProtoEnum(
        "FunctionCallingConfig.Mode", ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
    )
    calling = {
        "mode": mode,
        "allowedFunctionNames": PROTO_TEXTS,
        "streamFunctionCallArguments": PROTO_FLAG,
    }
    members = {
        "functionCallingConfig": ProtoMessage("FunctionCallingConfig", calling),
        "includeServerSideToolInvocations": PROTO_FLAG,
        **open_messages("retrievalConfig"),
    }
    return ProtoMessage("ToolConfig", members)


def gemini_safety() -> ProtoList:
    """The safetySettings."""
    names = ["HARM_CATEGORY_" + name for name in HARM_CATEGORY_NAMES]
    members = {
        "category": ProtoEnum("HarmCategory", names),
        "threshold": ProtoEnum("SafetySetting.HarmBlockThreshold", HARM_THRESHOLDS),
        "method": PROTO_FREE,
    }
    return ProtoList(ProtoMessage("SafetySetting", members))


def gemini_members(content: ProtoMessage, is_vertex: bool) -> Dict[str, ProtoShape]:
    """The fields of a generateContent request."""
    more = ("additionalProperties", "ref", "$ref", "defs", "$defs") if is_vertex else ()
    schema = gemini_schema_shape(more)
    members: Dict[str, ProtoShape] = {
        "model": PROTO_TEXT,
        "contents": ProtoList(content),
        "systemInstruction": content,
        "tools": gemini_tools(schema, is_vertex),
        "toolConfig": gemini_choice(),
        "safetySettings": gemini_safety(),
        "generationConfig": gemini_settings_shape(schema, is_vertex),
        "cachedContent": PROTO_TEXT,
        **dict.fromkeys(("serviceTier", "continuationToken"), PROTO_FREE),
    }
    if is_vertex:
        members.update(open_messages("modelArmorConfig", "outputConfig"))
        members["labels"] = ProtoMap("GenerateContentRequest.LabelsEntry", PROTO_TEXT)
    else:
        members["store"] = PROTO_FLAG
    return members


def google_shapes(is_vertex: bool) -> GoogleShapes:
    """All bodies of the Gemini API, or of Vertex AI."""
    content = ProtoMessage(
        "Content", {"role": PROTO_TEXT, "parts": ProtoList(gemini_part(is_vertex))}
    )
    members = gemini_members(content, is_vertex)
    generate = ProtoMessage("GenerateContentRequest", members)
    count: Dict[str, ProtoShape] = {"model": PROTO_TEXT, "contents": members["contents"]}
    if is_vertex:
        also = ("systemInstruction", "tools", "generationConfig")
        count.update({name: members[name] for name in also}, instances=PROTO_FREE)
    else:
        count["generateContentRequest"] = generate
    embed = ProtoMessage(
        "EmbedContentRequest",
        {
            "model": PROTO_TEXT,
            "content": content,
            "title": PROTO_TEXT,
            "taskType": ProtoEnum("TaskType", EMBEDDING_TASKS),
            "outputDimensionality": PROTO_WHOLE,
            "autoTruncate": PROTO_FLAG,
            **open_messages("embedContentConfig"),
        },
    )
    batch = {"model": PROTO_TEXT, "requests": ProtoList(embed)}
    return GoogleShapes(
        generate,
        ProtoMessage("CountTokensRequest", count),
        embed,
        ProtoMessage("BatchEmbedContentsRequest", batch),
    )


GEMINI_SHAPES = google_shapes(is_vertex=False)
VERTEX_SHAPES = google_shapes(is_vertex=True)
# Instances are of any kind: what a model takes is its own (8.1 of the wire formats).
PREDICT_SHAPE = ProtoMessage(
    "PredictRequest",
    {
        "instances": PROTO_FREE,
        "parameters": PROTO_FREE,
        "labels": PROTO_FREE,
        "endpoint": PROTO_TEXT,
    },
)
