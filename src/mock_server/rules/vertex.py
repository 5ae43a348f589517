"""What Vertex AI refuses of Gemini's requests, where that differs (request rules, 2.8).

Pure.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, Tuple, Union

from ..formats.gemini import pick, snake
from ..jsons import compact
from ..records import replace
from .base import Finding, Rule, Sweep
from .conversation import text_at
from .fields import compiled_once
from .gemini import (
    GEMINI_BATCH_RULE,
    GEMINI_CONTENT_RULES,
    GEMINI_DUPLICATE,
    GEMINI_MODEL_RULES,
    GEMINI_NAME_RULES,
    GEMINI_SCHEMA_RULES,
    GEMINI_TURN_RULES,
    GOOGLE_FIELD_RULES,
)
from .gemini_checks import (
    GEMINI_OTHER_KINDS,
    GEMINI_PENALTIES,
    gemini_lines,
    gemini_rest,
    gemini_turns,
    proto_number_at,
    silent_contents,
)
from .gemini_fields import PREDICT_SHAPE, VERTEX_SHAPES
from .gemini_schemas import schema_type
from .gemini_view import GeminiView
from .google_voice import GoogleBook, GoogleVoice, google_refusal

VERTEX_LEARN_MORE = (
    " Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
)
# A setting, from where it may be, and to where it may not be; what a model bounds is not here.
VERTEX_RANGES = (
    ("temperature", 0, 2.0001),
    ("topP", 0, 1.0001),
    ("candidateCount", 1, 9),
    ("logprobs", 0, 21),
    *[(name, -2, 2) for name in GEMINI_PENALTIES],
)
VERTEX_LONG_MODELS, VERTEX_LONG_ANSWER = r"^gemini-(?:2\.5|[3-9])", 65537


def vertex_no_parts(view: GeminiView) -> Iterator[Finding]:
    """Contents that say nothing."""
    places = {*view.empty, *silent_contents(view)}
    for index in sorted(places):
        yield Finding(f"contents[{index}].parts")


def vertex_no_role(view: GeminiView) -> Iterator[Finding]:
    """Contents of nobody."""
    for index, role in view.roles:
        if not role:
            yield Finding(f"contents[{index}].role")


def vertex_out_of_range(view: GeminiView) -> Iterator[Finding]:
    """Settings that are too small or too large."""
    settings, name = view.settings, view.case.name
    if not settings:
        return
    for field, least, bound in VERTEX_RANGES:
        yield from vertex_beyond(settings, field, least, bound)
    if compiled_once(VERTEX_LONG_MODELS).search(name) and not compiled_once(
        GEMINI_OTHER_KINDS
    ).search(name):
        yield from vertex_beyond(settings, "maxOutputTokens", 1, VERTEX_LONG_ANSWER)


def vertex_beyond(
    settings: Dict[str, Any], field: str, least: int, bound: Union[int, float]
) -> Iterator[Finding]:
    """That one is."""
    value = proto_number_at(settings, field)
    if value is not None and not least <= value < bound:
        values = {"f": field, "v": compact(value), "a": least, "b": bound}
        yield Finding(f"generation_config.{snake(field)}", values)


def vertex_no_object(view: GeminiView) -> Iterator[Finding]:
    """Functions whose parameters are no object."""
    for path, function in view.declared:
        schema = function.get("parameters")
        if not isinstance(schema, dict) or pick(schema, "anyOf") or "ref" in schema:
            continue
        if schema_type(schema) != "OBJECT" and "$ref" not in schema:
            yield Finding(path + ".parameters", {"name": text_at(function, "name")})


VERTEX_RULES: Tuple[Union[Rule, Sweep], ...] = (
    *GOOGLE_FIELD_RULES,
    *[rule for rule in GEMINI_CONTENT_RULES if rule.id == "gemini/contents-missing"],
    *GEMINI_NAME_RULES,
    # It takes an object without members (BerriAI/litellm#19139), of the others little is known.
    *[replace(rule, default="jrn") for rule in GEMINI_SCHEMA_RULES],
    Sweep(gemini_lines),
    Rule(
        "vertex/parts",
        "Unable to submit request because it must include at least one parts field, which "
        "describes the prompt input." + VERTEX_LEARN_MORE,
        "genkit-ai/genkit#3690, agno-agi/agno#5843",
        vertex_no_parts,
        needs=("contents",),
    ),
    Rule(
        "vertex/role",
        "Please use a valid role: user, model.",
        "BerriAI/litellm#32731, gethnet/litellm-connector-copilot#64",
        vertex_no_role,
        needs=("contents",),
    ),
    *GEMINI_TURN_RULES,
    Sweep(gemini_turns, needs=("contents",)),
    Rule(
        "vertex/range",
        "Unable to submit request because it has a {f} value of {v} but the supported range is "
        "from {a} (inclusive) to {b} (exclusive). Update the value and try again.",
        "recorded",
        vertex_out_of_range,
    ),
    Rule(
        "vertex/parameters-object",
        "Unable to submit request because `{name}` functionDeclaration parameters schema should be "
        "of type OBJECT. Learn more: "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling",
        "vercel/ai#9761, BerriAI/litellm#19139, spring-projects/spring-ai#1373",
        vertex_no_object,
        needs=("tools",),
    ),
    GEMINI_DUPLICATE,
    *GEMINI_MODEL_RULES,
    Rule(
        "vertex/multi-tools",
        "Multiple tools are supported only when they are all search tools.",
        "googleapis/js-genai#1157, googleapis/dotnet-genai#248",
        default="mod",
        models="^gemini-[12]",
    ),
    Rule(
        "vertex/cached-conflict",
        "Tool config, tools and system instruction should not be set in the request when using "
        "cached content.",
        "567-labs/instructor#2580, googleapis/python-genai#348",
    ),
    Sweep(gemini_rest),
)

VERTEX_VOICE = GoogleVoice("google.cloud.aiplatform")
VERTEX_GENERATE = GoogleBook(
    "vertex_ai",
    "generateContent",
    VERTEX_RULES,
    VERTEX_SHAPES.generate,
    VERTEX_VOICE,
    GeminiView,
    google_refusal,
)
VERTEX_COUNT = GoogleBook(
    "vertex_ai",
    "countTokens",
    GOOGLE_FIELD_RULES,
    VERTEX_SHAPES.counting,
    VERTEX_VOICE,
    refusal=google_refusal,
)
VERTEX_EMBED = GoogleBook(
    "vertex_ai",
    "embedContent",
    GOOGLE_FIELD_RULES,
    VERTEX_SHAPES.embed,
    VERTEX_VOICE,
    refusal=google_refusal,
)
VERTEX_BATCH = GoogleBook(
    "vertex_ai",
    "batchEmbedContents",
    (*GOOGLE_FIELD_RULES, GEMINI_BATCH_RULE),
    VERTEX_SHAPES.batch,
    VERTEX_VOICE,
    refusal=google_refusal,
)
VERTEX_PREDICT = GoogleBook(
    "vertex_ai",
    "predict",
    GOOGLE_FIELD_RULES,
    PREDICT_SHAPE,
    VERTEX_VOICE,
    refusal=google_refusal,
)
