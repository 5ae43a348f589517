"""What Cohere's chat and embeddings refuse (request rules, 1.8, 2.10 and 2.12).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Tuple

from ..errors import kind_of
from .base import Book, Case, Finding, Rule
from .cohere_fields import COHERE_CHAT_BODY, COHERE_EMBED_BODY
from .fields import MISSING_FIELD, UNKNOWN_FIELD, WRONG_TYPE, FieldFault
from .openai_voice import bracketed

COHERE_FAULTS: Dict[str, Tuple[str, str]] = {
    MISSING_FIELD: ("cohere/missing", "invalid request: {path}: a value is required"),
    UNKNOWN_FIELD: (
        "cohere/unknown-field",
        "unknown field: parameter '{path}' is not a valid field",
    ),
    WRONG_TYPE: (
        "cohere/types",
        "invalid type: parameter {path} is of type {got} but should be of type {wanted}.",
    ),
}
OUT_OF_BOUNDS = ("cohere/limits", "invalid request: parameter {path} is out of its bounds")


def cohere_voice(fault: FieldFault) -> Tuple[str, Finding]:
    """Which rule a fault breaks, in Cohere's words."""
    id, sentence = COHERE_FAULTS.get(fault.kind, OUT_OF_BOUNDS)
    path = bracketed(fault.path)
    values: Dict[str, object] = {"path": path or "body"}
    if fault.kind == WRONG_TYPE:
        values["got"] = bare_kind(kind_of(fault.value))
        values["wanted"] = bare_kind(fault.shape.kind)
    if fault.shape.own_rule:
        id = fault.shape.own_rule
    return id, Finding(path, values, sentence=sentence)


def bare_kind(name: str) -> str:
    """The name of a type without its article: `string or array` of `a string or an array`."""
    return " or ".join([one.split()[-1] for one in name.split(" or ")])


def no_input_type(case: Case) -> Iterator[Finding]:
    """Nothing that says what the texts are for."""
    if not case.body.get("input_type"):
        yield Finding("input_type")


# None of these sentences was seen (request rules, 1.8); what is not sure to be refused is noted.
COHERE_FIELD_RULES = (
    Rule("cohere/missing", COHERE_FAULTS[MISSING_FIELD][1], "pattern"),
    Rule("cohere/types", COHERE_FAULTS[WRONG_TYPE][1], "pattern"),
    Rule("cohere/unknown-field", COHERE_FAULTS[UNKNOWN_FIELD][1], "pattern", default="jrn"),
    Rule(*OUT_OF_BOUNDS, "types of cohere 7.3.1", default="jrn"),
)
COHERE_EMBED_RULES = (
    *COHERE_FIELD_RULES,
    Rule(
        "embed/cohere-input-type",
        "invalid request: valid input_type must be provided with the provided model",
        "found in three public sources",
        no_input_type,
    ),
)


def cohere_book(api: str, rules: Any, shape: Any) -> Book:
    """The rules of one of its APIs."""
    return Book("cohere", api, rules, shape, cohere_voice)


COHERE_CHAT = cohere_book("chat", COHERE_FIELD_RULES, COHERE_CHAT_BODY)
COHERE_EMBED = cohere_book("embed", COHERE_EMBED_RULES, COHERE_EMBED_BODY)
