"""What embeddings of OpenAI and Azure refuse (request rules, 1.6, 1.8 and 2.10).  Pure."""

from __future__ import annotations

from typing import Any, Iterator, List

from ..limits import MOST_INPUTS, Json
from .base import Book, Case, Finding, Rule
from .fields import AnInteger, AnObject, Anything, AString
from .openai_chat import OPENAI_CHAT
from .openai_voice import UNKNOWN_ARGUMENTS, OpenAIVoice, unknown_arguments

EMBEDDING_FIELDS = {
    "model": AString(),
    "input": Anything(),  # a rule of its own tells what is wrong with it
    "encoding_format": AString(("float", "base64"), null=True),
    "dimensions": AnInteger(null=True),
    "user": AString(null=True),
}
AZURE_EMBEDDING_FIELDS = frozenset((*EMBEDDING_FIELDS, "input_type"))  # the last is Azure's alone


def foreign_arguments(case: Case) -> Iterator[Finding]:
    """Members that there are not."""
    known = AZURE_EMBEDDING_FIELDS if case.wire.provider == "azure" else EMBEDDING_FIELDS
    return unknown_arguments(case.body, known)


def are_tokens(values: List[Json]) -> bool:
    """Whether these are the numbers of tokens."""
    return all(type(one) is int for one in values)


def embeds(one: Json) -> bool:
    """Whether this may be one of several inputs."""
    if type(one) is list:
        return one != [] and are_tokens(one)
    return type(one) is str and one != ""


def nothing_to_embed(case: Case) -> Iterator[Finding]:
    """An input that is empty, holds something empty, or is no text and no tokens."""
    given = case.body["input"]
    fits = type(given) is str
    if type(given) is list:
        fits = are_tokens(given) or all(embeds(one) for one in given)
    if not fits or not given:
        yield Finding("input")


def beyond_bounds(case: Case) -> Iterator[Finding]:
    """No dimensions, or more inputs than are taken at once."""
    dimensions, given = case.body.get("dimensions"), case.body.get("input")
    if type(dimensions) is int and dimensions < 1:
        yield Finding("dimensions", {"value": dimensions})
    # A list of numbers is one input.
    if type(given) is list and len(given) > MOST_INPUTS and type(given[0]) is not int:
        sentence = (
            "Invalid 'input': array too long. Expected an array with maximum length {most}, but "
            "got an array with length {found} instead."
        )
        values = {"most": MOST_INPUTS, "found": len(given)}
        yield Finding("input", values, "input", "array_above_max_length", sentence)


def asks_for_dimensions(case: Case) -> Iterator[Finding]:
    """A number of dimensions."""
    if case.body["dimensions"] is not None:
        yield Finding("dimensions")


OPENAI_EMBEDDINGS_RULES = (
    *[OPENAI_CHAT.by_id["openai/" + id] for id in ("missing", "types", "limits")],
    Rule(
        "openai/unknown-field",
        UNKNOWN_ARGUMENTS,
        "songquanpeng/one-api#1319",
        foreign_arguments,
    ),
    Rule(
        "embed/openai-empty",
        "'$.input' is invalid. Please check the API reference: "
        "https://platform.openai.com/docs/api-reference.",
        "found in eight public sources",
        nothing_to_embed,
        needs=("input",),
    ),
    Rule(
        "embed/openai-limits",
        "{value} is less than the minimum of 1 - 'dimensions'",
        "OpenAI's OpenAPI 2.3.0",
        beyond_bounds,
    ),
    Rule(
        "embed/openai-dimensions",
        "This model does not support specifying dimensions.",
        "found in six public sources",
        asks_for_dimensions,
        default="mod",
        needs=("dimensions",),
        models="ada-002",
    ),
)


def embeddings_book(provider: str, *needed: str) -> Book:
    """The rules of embeddings, at OpenAI or at Azure."""
    shape: Any = AnObject(EMBEDDING_FIELDS, needed, closed=False)
    voice = OpenAIVoice("openai")
    return Book(provider, "embeddings", OPENAI_EMBEDDINGS_RULES, shape, voice)


OPENAI_EMBEDDINGS = embeddings_book("openai", "model", "input")
AZURE_EMBEDDINGS = embeddings_book("azure", "input")  # the path may have the model
