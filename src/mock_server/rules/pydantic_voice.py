"""What pydantic says of a wrong field, and what it calls that (request rules, 1.8).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Sequence, Tuple

from ..formats.pydantic import PYDANTIC_NAMES
from ..jsons import compact
from .fields import (
    MISSING_FIELD,
    TOO_LARGE,
    TOO_LONG,
    TOO_SHORT,
    TOO_SMALL,
    UNKNOWN_FIELD,
    WRONG_CHOICE,
    WRONG_PATTERN,
    WRONG_TAG,
    FieldFault,
)

# Sentence, what pydantic calls it, and what it says beside the path.
PydanticWords = Tuple[str, str, Dict[str, object]]


def either_of(choices: Sequence[str]) -> str:
    """`'a', 'b' or 'c'`."""
    quoted = [f"'{choice}'" for choice in choices]
    if len(quoted) < 2:
        return "".join(quoted)
    return ", ".join(quoted[:-1]) + " or " + quoted[-1]


def pydantic_words(fault: FieldFault) -> PydanticWords:
    """What is said of a fault."""
    kind = fault.kind
    shape: Any = fault.shape
    if kind == MISSING_FIELD:
        return "Field required", "missing", {}
    if kind == UNKNOWN_FIELD:
        return "Extra inputs are not permitted", "extra_forbidden", {}
    if kind == WRONG_CHOICE:
        return "Input should be {choices}", "enum", {"choices": either_of(shape.choices)}
    if kind == WRONG_PATTERN:
        more: Dict[str, object] = {"pattern": shape.pattern}
        return "String should match pattern '{pattern}'", "string_pattern_mismatch", more
    if kind == WRONG_TAG:
        return said_of_tag(fault)
    if kind in (TOO_SMALL, TOO_LARGE):
        return said_of_bound(fault)
    if kind in (TOO_SHORT, TOO_LONG):
        return said_of_size(fault)
    # Of several types that would do, the first is told.
    code, name = PYDANTIC_NAMES.get(shape.kind.split(" or ")[0], ("value", shape.kind))
    return "Input should be a valid {name}", code + "_type", {"name": name}


def said_of_tag(fault: FieldFault) -> PydanticWords:
    """That there is no such member of a union."""
    shape: Any = fault.shape
    known = ", ".join(f"'{name}'" for name in shape.members)
    more: Dict[str, object] = {"value": fault.value, "tag": shape.tag, "known": known}
    sentence = (
        "Input tag '{value}' found using '{tag}' does not match any of the expected tags: {known}"
    )
    return sentence, "union_tag_invalid", more


def said_of_bound(fault: FieldFault) -> PydanticWords:
    """That a number is out of bounds."""
    shape: Any = fault.shape
    if fault.kind == TOO_SMALL:
        more: Dict[str, object] = {"bound": compact(shape.least)}
        return "Input should be greater than or equal to {bound}", "greater_than_equal", more
    return (
        "Input should be less than or equal to {bound}",
        "less_than_equal",
        {"bound": compact(shape.most)},
    )


def said_of_size(fault: FieldFault) -> PydanticWords:
    """That a text or a list is too short or too long."""
    shape: Any = fault.shape
    side, word, size = "least", "short", shape.least
    if fault.kind == TOO_LONG:
        side, word, size = "most", "long", shape.most
    if isinstance(fault.value, str):
        text = f"String should have at {side} {{size}} characters"
        return text, f"string_too_{word}", {"size": size}
    unit = "item" if size == 1 else "items"
    text = f"List should have at {side} {{size}} {unit} after validation, not {{found}}"
    return text, f"too_{word}", {"size": size, "found": len(fault.value)}
