"""What decides the form of an answer, beside what was said: an API's own fields.  Pure."""

from __future__ import annotations

from typing import Dict, Mapping, Tuple

from ..formats.bedrock_invoke import family_of
from ..forms import listed
from ..limits import Json
from ..mocks.templates import walked
from .wants import Asking

Paths = Tuple[str, ...]

# Fields that are asked for, there or not: with another value the answer is of another kind.  What
# is behind the mark only counts where there are tools, or where the answer is streamed.
WITH_TOOLS, STREAMED = "tools: ", "stream: "
DECIDING: Mapping[str, Paths] = {
    "chat": (
        *("response_format", "n", "logprobs", "modalities"),
        *(WITH_TOOLS + "tool_choice", STREAMED + "stream_options.include_usage"),
    ),
    "cohere chat": ("response_format", "documents", "logprobs", WITH_TOOLS + "tool_choice"),
    "ollama chat": ("format", "think"),
    "generate": ("format", "think", "suffix"),
    "completions": (
        *("n", "suffix", "echo", "logprobs"),
        STREAMED + "stream_options.include_usage",
    ),
    "fim": ("suffix",),
    "responses": (
        *("text.format", "previous_response_id", "conversation"),
        WITH_TOOLS + "tool_choice",
    ),
    "compact": ("previous_response_id",),
    "input_tokens": ("text.format", "previous_response_id", "conversation"),
    "messages": (
        *("output_config.format", "output_format", "thinking.type"),
        WITH_TOOLS + "tool_choice",
    ),
    "converse": ("outputConfig.textFormat", WITH_TOOLS + "toolConfig.toolChoice"),
    "generateContent": (
        *("generationConfig.responseMimeType", "generationConfig.responseModalities"),
        *("generationConfig.candidateCount", WITH_TOOLS + "toolConfig"),
    ),
    "embed": ("dimensions", "encoding_format"),
    "cohere embed": ("embedding_types", "output_dimension"),
    "ollama embed": ("dimensions",),
    "ollama embeddings": (),
    "bedrock invoke": ("dimensions", "embedding_types"),
    "embedContent": ("taskType", "outputDimensionality"),
    "batchEmbedContents": (),
    "predict": ("parameters",),  # Google's, of vectors and of pictures
    "image": ("n", "size", "quality", "output_format", "response_format"),
    "audio": ("response_format", "language"),
    "rerank": ("top_n",),
    "bedrock rerank": (),
    "vertex_ai rerank": ("topN",),
}

# Fields that are asked for where they are there: few requests have them.
RARE: Mapping[str, Paths] = {
    "chat": (
        *("functions", "function_call", "audio", "web_search_options", "top_logprobs"),
        *("prompt_mode", "thinking.type", "include_reasoning", "guided_json", "guided_regex"),
        *("guided_choice", "guided_grammar", "structured_outputs", "plugins", "documents"),
    ),
    "cohere chat": ("thinking.type",),
    "ollama chat": ("logprobs",),
    "generate": ("raw", "template", "context", "images", "logprobs"),
    "responses": ("prompt", "background", "include", "reasoning.summary", "top_logprobs"),
    "messages": ("mcp_servers", "container"),
    "converse": (
        *("promptVariables", "additionalModelRequestFields.thinking.type"),
        *("additionalModelResponseFieldPaths", "guardrailConfig.guardrailIdentifier"),
    ),
    "generateContent": (
        *("generationConfig.responseSchema", "generationConfig.responseJsonSchema"),
        *("generationConfig.speechConfig", "generationConfig.responseLogprobs", "cachedContent"),
        "generationConfig.thinkingConfig.includeThoughts",
    ),
}
# Which APIs have the fields of another one.
LIKE: Mapping[str, str] = {"count_tokens": "messages", "countTokens": "generateContent"}

# What is also asked for where another field is there.
BESIDE: Mapping[str, Paths] = {
    "generationConfig.responseMimeType": (
        *("generationConfig.responseSchema", "generationConfig.responseJsonSchema"),
    ),
}
LISTING = ("embed", "moderate")  # operations of one text or of a list
# InvokeModel takes the makers' own requests; Nova's are Converse's.
FAMILY_FIELDS = {"claude": "messages", "nova": "converse"}

# What changes no answer's kind, of bodies that are asked for as a whole; the first three are keys
# of a match.
PASSED_OVER = frozenset(
    (
        *("model", "stream", "stream_format", "user", "metadata", "seed", "temperature", "top_p"),
        *("max_tokens", "store", "safety_identifier", "prompt_cache_key", "service_tier"),
        *("prompt_cache_retention", "request_id", "labels", "client", "max_tokens_per_doc"),
    )
)


def fields_kind(asking: Asking) -> str:
    """Which fields an API has: a key of DECIDING."""
    call = asking.call
    if call.api == "invoke" and call.operation == "generate":
        return FAMILY_FIELDS.get(family_of(call.model), "")
    own = f"{call.provider} {call.api}"
    if own in DECIDING:
        return own
    api = LIKE.get(call.api, call.api)
    return api if api in DECIDING else call.operation


def as_spelled(body: Json, path: str) -> str:
    """A path as a body spells it: Google takes every name in snake_case, too."""
    steps = []
    for name in path.split("."):
        other = snake_name(name)
        if isinstance(body, dict) and name not in body and other in body:
            name = other
        steps.append(name)
        body = walked(body, name)
    return ".".join(steps)


def snake_name(name: str) -> str:
    """responseMimeType as response_mime_type."""
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def tell_form(asking: Asking) -> None:
    """Ask for what decides the form of an answer."""
    kind, call = fields_kind(asking), asking.call
    for path in DECIDING.get(kind, ()):
        if path.startswith(WITH_TOOLS) and not call.tools:
            continue
        if path.startswith(STREAMED) and not call.stream:
            continue
        asking.whole(as_spelled(call.body, path.rpartition(": ")[2]))
    beside = [
        other
        for path, others in BESIDE.items()
        if walked(call.body, as_spelled(call.body, path)) is not None
        for other in others
    ]
    for path in RARE.get(kind, ()):
        place = as_spelled(call.body, path)
        if path in beside or walked(call.body, place) is not None:
            asking.whole(place)


def told_file(file: Mapping[str, Json]) -> Dict[str, Json]:
    """What is asked of a file in a form: what is in it, whatever it is called."""
    return {name: file[name] for name in ("size", "sha256")}


def tell_body(asking: Asking) -> None:
    """Ask for all of a body that says what is to be done with it."""
    call, said = asking.call, asking.call.said
    if not isinstance(said, dict):
        return
    is_form = call.request.form is not None
    for name, value in said.items():
        if name in PASSED_OVER or "." in name:
            continue
        files = [told_file(one) for one in listed(value) if is_form and isinstance(one, dict)]
        if files:
            asking.body[name] = files if isinstance(value, list) else files[0]
        elif "user" in asking.keys and value == call.user:
            # A list may read as one text.
            if call.operation in LISTING:
                asking.leaf(f"{name}.0", None)
        elif value is not None:
            asking.whole(name)
    for path in DECIDING.get(fields_kind(asking), ()):
        if walked(said, path) is None:
            asking.leaf(path, None)
