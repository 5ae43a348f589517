"""What the audio APIs of OpenAI share: how they say what is wrong (wire formats 2, 4).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Tuple

from ..errors import MISSING, BadField
from ..limits import Json
from ..node import Field
from ..values import Failure, Text
from .openai import OPENAI_ERRORS, OpenAI
from .openai_forms import A_FILE
from .pydantic import location, pydantic_error

MOST_SHOWN = 200  # characters of a wrong text that are told

# What pydantic says of a value that is not in its bounds, as OpenAI passes it on, with the type and
# the context of that error (of voices: openai-node, issue 1284).
FIELD_BOUNDS: Mapping[str, Tuple[str, Dict[str, Any]]] = {
    "String should have at least 1 character": ("string_too_short", {"min_length": 1}),
    "String should have at most 4096 characters": ("string_too_long", {"max_length": 4096}),
    "Input should be greater than or equal to 0.25": ("greater_than_equal", {"ge": 0.25}),
    "Input should be less than or equal to 4": ("less_than_equal", {"le": 4.0}),
}
A_WORD = "one of its words"
# Of a text in place of a file (openai-java, issue 140).
NO_UPLOAD = "Expected UploadFile, received: <class 'str'>"

AUDIO_ERRORS: Mapping[str, Failure] = {
    **OPENAI_ERRORS,
    # As of pictures, section 3; what the audio APIs say was not seen.
    "content_filter": Failure(
        400,
        "Your request was rejected as a result of our safety system. Your prompt may contain text "
        "that is not allowed by our safety system.",
        code="content_policy_violation",
    ),
}


def a_word_of(field: Field, words: Iterable[str], usual: str = "") -> str:
    """A field that is one of some words, or `usual` where it is left out."""
    known = list(words)
    if field.is_absent:
        return usual
    if field.value not in known:
        told = ", ".join(f"'{word}'" for word in known)
        before, _, last = told.rpartition(", ")
        if before:
            told = f"{before} or {last}"
        field.expected(A_WORD, f"Input should be {told}")
    return str(field.value)


def audio_problem(wrong: BadField) -> Dict[str, Any]:
    """The error of a field as pydantic has it."""
    kind, message = pydantic_error(wrong)
    found: Json = wrong.found
    context: Dict[str, Any] = {}
    if found is MISSING:
        found = None
    elif wrong.expected == A_FILE:
        kind, message = "value_error", f"Value error, {NO_UPLOAD}"
        context = {"error": ValueError(NO_UPLOAD)}
    elif wrong.expected == A_WORD:
        kind, context = "enum", {"expected": message.partition("be ")[2]}
    elif wrong.sentence:
        kind, context = FIELD_BOUNDS[message]
    if isinstance(found, str) and len(found) > MOST_SHOWN:
        found = found[:MOST_SHOWN] + "…"
    place = ("body", *location(wrong.path))
    error = {"type": kind, "loc": place, "msg": message, "input": found}
    if context:
        error["ctx"] = context
    return error


class OpenAIAudio(OpenAI):
    """What its audio APIs share."""

    operation = "audio"
    speaks = frozenset((Text,))
    errors: Mapping[str, Failure] = AUDIO_ERRORS

    def has_rate_limits(self, stream: bool) -> bool:
        """They have them, in requests (speechdigest, issue 1)."""
        return True

    def complaint(self, wrong: BadField) -> Failure:
        """What pydantic says, in Python's words; of a model in OpenAI's own."""
        if wrong.path == "model" and not wrong.found:
            return Failure(400, "you must provide a model parameter", "invalid_request_error")
        return Failure(400, str([audio_problem(wrong)]), "invalid_request_error")
