"""What InvokeModel refuses for Nova and for Titan's and Cohere's embeddings, whose bodies are held
against JSON schemas (request rules, 1.6, 1.8, 2.9 and 2.10).  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Tuple

from ..limits import Json
from ..values import Failure
from ..violations import Violations
from .base import Book, Case, Finding, Rule, first_alone
from .bedrock_voice import MALFORMED_END, MALFORMED_START
from .fields import (
    MISSING_FIELD,
    TOO_LARGE,
    TOO_LONG,
    TOO_SHORT,
    TOO_SMALL,
    UNKNOWN_FIELD,
    WRONG_CHOICE,
    ABoolean,
    AnArray,
    AnInteger,
    AnObject,
    ANumber,
    Anything,
    AString,
    FieldFault,
)

# How the library that holds a body against its schema calls kinds of values.
SCHEMA_KINDS: Mapping[str, str] = {
    "a string": "String",
    "an integer": "Integer",
    "a number": "Number",
    "a boolean": "Boolean",
    "an array": "JSONArray",
    "an object": "JSONObject",
}
FOUND_KINDS: Mapping[type, str] = {
    str: "String",
    int: "Integer",
    float: "BigDecimal",
    bool: "Boolean",
    list: "JSONArray",
    dict: "JSONObject",
}
SCHEMA_BOUNDS = {
    TOO_LARGE: ("most", "{found} is not less or equal to {bound}"),
    TOO_SMALL: ("least", "{found} is not greater or equal to {bound}"),
}


def schema_wrong(fault: FieldFault) -> Tuple[str, Dict[str, object]]:
    """What is wrong at the end of a path, and what it says."""
    shape, value, name = fault.shape, fault.value, str(fault.path[-1] if fault.path else "")
    if fault.kind == MISSING_FIELD:
        return "required key [{name}] not found", {"name": name}
    if fault.kind == UNKNOWN_FIELD:
        return "extraneous key [{name}] is not permitted", {"name": name}
    if fault.kind == WRONG_CHOICE:
        return "{found} is not a valid enum value", {"found": value}
    if fault.kind in SCHEMA_BOUNDS:
        bound, sentence = SCHEMA_BOUNDS[fault.kind]
        return sentence, {"found": value, "bound": vars(shape)[bound]}
    if fault.kind in (TOO_LONG, TOO_SHORT):
        side, bound = ("max", "most") if fault.kind == TOO_LONG else ("min", "least")
        sentence = f"expected {side}Length: {{bound}}, actual: {{found}}"
        if isinstance(value, list):
            sentence = f"expected {side}imum item count: {{bound}}, found: {{found}}"
        return sentence, {"bound": vars(shape)[bound], "found": len(value)}
    kinds: Dict[str, object] = {"wanted": SCHEMA_KINDS.get(shape.kind, "")}
    kinds["found"] = FOUND_KINDS.get(type(value), "Null")
    return "expected type: {wanted}, found: {found}", kinds


def schema_pointer(path: Tuple[object, ...]) -> str:
    """A path as in `#/messages/0/content`."""
    return "".join(["#", *(f"/{step}" for step in path)])


class MalformedVoice:
    """Which rule a fault breaks, in the words of that library; embedding models say no place."""

    def __init__(self, rule: str, says_where: bool = True) -> None:
        self.rule, self.says_where = rule, says_where

    def __call__(self, fault: FieldFault) -> Tuple[str, Finding]:
        """The id of the rule, and what its error says."""
        path = fault.path
        if fault.kind in (MISSING_FIELD, UNKNOWN_FIELD):
            path = path[:-1]
        wrong, values = schema_wrong(fault)
        place = schema_pointer(path)
        where = "{place}: " if self.says_where else ""
        rule = NOVA_EXTRANEOUS if fault.kind == UNKNOWN_FIELD else fault.shape.own_rule or self.rule
        return rule, Finding(
            place, values, sentence=MALFORMED_START + where + wrong + MALFORMED_END
        )


def told_at_once(violations: Violations) -> Failure:
    """All that is wrong, one after the other with nothing between."""
    cut = slice(len(MALFORMED_START), -len(MALFORMED_END))
    told = "".join(one.message[cut] for one in violations)
    return Failure(400, MALFORMED_START + told + MALFORMED_END)


def told_or_counted(violations: Violations) -> Failure:
    """The one thing that is wrong, or how many are."""
    if len(violations) == 1:
        return first_alone(violations)
    found = f"{len(violations)} schema violations found"
    return Failure(400, MALFORMED_START + found + MALFORMED_END)


# --- Nova: Converse's body with members of its own ---

NOVA_EXTRANEOUS = "bedrock/extraneous"
NOVA_MESSAGE = AnObject(
    {
        "role": AString(("user", "assistant")),
        "content": AnArray(AnObject({"text": AString()}, closed=False), 1),
    },
    ("role", "content"),
    closed=False,
)
NOVA_BODY = AnObject(
    {
        "schemaVersion": AString(),
        "messages": AnArray(NOVA_MESSAGE, 1),
        "system": AnArray(AnObject({}, closed=False)),
        "inferenceConfig": AnObject(
            {
                **dict.fromkeys(("maxTokens", "max_new_tokens"), AnInteger(1)),
                **dict.fromkeys(("temperature", "topP", "top_p"), ANumber(0, 1)),
                **dict.fromkeys(("topK", "top_k"), AnInteger(0)),
                "stopSequences": AnArray(AString()),
            },
            closed=False,
        ),
        "toolConfig": AnObject({"tools": AnArray(AnObject({}, closed=False))}, closed=False),
        **dict.fromkeys(("reasoningConfig", "amazon-bedrock-guardrailConfig"), Anything()),
    },
    ("messages",),
)
# Request rules, 1.8 and 2.9.
NOVA_RULES = (
    Rule(
        "bedrock/malformed",
        "Malformed input request: {place}: required key [messages] not found, please reformat your "
        "input and try again.",
        "recorded, public source files",
    ),
    # Nobody has a list of all models' fields.
    Rule(
        NOVA_EXTRANEOUS,
        "Malformed input request: {place}: extraneous key [{name}] is not permitted, please "
        "reformat your input and try again.",
        "recorded, public source files",
        default="off",
    ),
)
NOVA_BOOK = Book(
    "bedrock",
    "invoke",
    NOVA_RULES,
    NOVA_BODY,
    MalformedVoice("bedrock/malformed"),
    refusal=told_at_once,
)


# --- embeddings ---


def titan_without_text(case: Case) -> Iterator[Finding]:
    """No text, which only models for pictures can do without."""
    if "inputText" not in case.body and "embed-image" not in case.name:
        yield Finding("#")


def titan_dimensions(case: Case) -> Iterator[Finding]:
    """A length of vectors that the model does not have."""
    given = case.body["dimensions"]
    if type(given) is int and given not in (256, 512, 1024):
        yield Finding("#/dimensions", {"found": given})


def cohere_without_input(case: Case) -> Iterator[Finding]:
    """Nothing to embed, or no word on what for."""
    if not {"texts", "images", "inputs"}.intersection(case.body):
        yield Finding("#", {"name": "texts"})
    if "input_type" not in case.body:
        yield Finding("#", {"name": "input_type"})


def cohere_long_texts(case: Case) -> Iterator[Finding]:
    """Texts that are longer than the model takes, whatever `truncate` says."""
    texts: Json = case.body["texts"]
    for index, text in enumerate(texts if isinstance(texts, list) else ()):
        if isinstance(text, str) and len(text) > 2048:
            yield Finding(f"#/texts/{index}", {"found": len(text)})


# Request rules, 1.6 and 2.10.  Each has one row for all that its schema says.
TITAN_RULES = (
    Rule(
        "embed/bedrock-titan",
        "Malformed input request: #: required key [inputText] not found, please reformat your "
        "input and try again.",
        "pattern",
        titan_without_text,
    ),
    Rule(
        "embed/bedrock-titan-dimensions",
        "Malformed input request: {found} is not a valid enum value, please reformat your input "
        "and try again.",
        "pattern",
        titan_dimensions,
        default="mod",
        needs=("dimensions",),
        models=r"^titan-embed-text-v2",
    ),
)
TITAN_BODY = AnObject(
    {
        # BerriAI/litellm's tests have an array of it; the bound is quoted in public source files.
        "inputText": AString(least=1, most=50_000),
        "dimensions": AnInteger(),
        "normalize": ABoolean(),
        "embeddingTypes": AnArray(AString(("float", "binary"))),
    },
    closed=False,
)
TITAN_BOOK = Book(
    "bedrock",
    "invoke",
    TITAN_RULES,
    TITAN_BODY,
    MalformedVoice("embed/bedrock-titan", says_where=False),
    refusal=told_or_counted,
)
COHERE_INVOKE_RULES = (
    Rule(
        "embed/bedrock-cohere",
        "Malformed input request: #: required key [{name}] not found, please reformat your input "
        "and try again.",
        "pattern",
        cohere_without_input,
    ),
    Rule(
        "embed/bedrock-cohere-length",
        "Malformed input request: expected maxLength: 2048, actual: {found}, please reformat your "
        "input and try again.",
        "public source files",
        cohere_long_texts,
        default="mod",
        needs=("texts",),
        models=r"^(?:cohere\.)?embed-(?:english|multilingual)-v3",
    ),
)
COHERE_INVOKE_BODY = AnObject(
    {
        "texts": AnArray(AString(), 1, 96),
        "input_type": AString(
            ("search_document", "search_query", "classification", "clustering", "image")
        ),
        "truncate": AString(("NONE", "START", "END", "LEFT", "RIGHT")),
    },
    closed=False,
)
COHERE_INVOKE_BOOK = Book(
    "bedrock",
    "invoke",
    COHERE_INVOKE_RULES,
    COHERE_INVOKE_BODY,
    MalformedVoice("embed/bedrock-cohere", says_where=False),
    refusal=told_or_counted,
)
