"""How AWS says that a field is wrong (request rules, 1.5 and 1.8).  Pure."""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping, Tuple

from ..errors import MISSING
from ..limits import Json
from ..values import Failure
from ..violations import Violations
from .base import Finding, first_alone
from .bedrock_shapes import (
    WRONG_ITEMS,
    WRONG_KEYS,
    WRONG_VALUES,
    AwsFloat,
    AwsInteger,
    AwsList,
)
from .fields import (
    MISSING_FIELD,
    TOO_LARGE,
    TOO_LONG,
    TOO_SHORT,
    TOO_SMALL,
    TWO_DATA,
    WRONG_CHOICE,
    WRONG_PATTERN,
    AnArray,
    FieldFault,
    FieldPath,
    KeyStep,
    Shape,
)

AWS_CONSTRAINT = "bedrock/constraint"
AWS_TYPES = "bedrock/types"
AWS_UNION = "bedrock/union"
# What is said of a body that does not fit the schema of its model, around what is wrong.
MALFORMED_START = "Malformed input request: "
MALFORMED_END = ", please reformat your input and try again."
ONE_DETECTED = "1 validation error detected: "

# What holds content, whose values AWS does not repeat: "Value at", where others have "Value '…' at"
# (openclaw/openclaw#12892; Portkey-AI/gateway#1124 for lists of structures).
SECRET_MEMBERS = frozenset(("messages", "system", "promptVariables", "requestMetadata"))
AWS_BOUNDS = {
    TOO_LONG: ("most", "have length less than or equal to {}"),
    TOO_SHORT: ("least", "have length greater than or equal to {}"),
    TOO_LARGE: ("most", "have value less than or equal to {}"),
    TOO_SMALL: ("least", "have value greater than or equal to {}"),
    WRONG_PATTERN: ("said_pattern", "satisfy regular expression pattern: {}"),
}
INSIDE = {
    WRONG_ITEMS: "Member must satisfy constraint",
    WRONG_KEYS: "Map keys must satisfy constraint",
    WRONG_VALUES: "Map value must satisfy constraint",
}


def aws_path(path: FieldPath) -> str:
    """A path as in `messages.1.member.content.2.member.text`: indexes count from 1."""
    steps: List[str] = []
    for step in path:
        if isinstance(step, int):
            steps += (str(step + 1), "member")
        else:
            steps.append(step.key if isinstance(step, KeyStep) else str(step))
    return ".".join(steps)


def aws_enum(choices: Any) -> str:
    """The values that a member may have."""
    return f"satisfy enum value set: [{', '.join(choices)}]"


def aws_constraints(shape: Shape) -> Iterator[str]:
    """All that a text in a list or a map has to be."""
    bounds = vars(shape)
    if bounds.get("most"):
        yield AWS_BOUNDS[TOO_LONG][1].format(bounds["most"])
    if bounds.get("most") or bounds.get("least"):
        yield AWS_BOUNDS[TOO_SHORT][1].format(bounds["least"])
    if bounds.get("said_pattern"):
        yield AWS_BOUNDS[WRONG_PATTERN][1].format(bounds["said_pattern"])
    if bounds.get("choices"):
        yield aws_enum(bounds["choices"])


def aws_constraint(fault: FieldFault) -> str:
    """What a member must be or do."""
    if fault.kind in AWS_BOUNDS:
        name, sentence = AWS_BOUNDS[fault.kind]
        return "Member must " + sentence.format(vars(fault.shape)[name])
    if fault.kind in INSIDE:
        listed = ", ".join(f"Member must {one}" for one in aws_constraints(fault.shape))
        return f"{INSIDE[fault.kind]}: [{listed}]"
    if fault.kind == WRONG_CHOICE:
        return "Member must " + aws_enum(vars(fault.shape)["choices"])
    return "Member must not be null"


def aws_value(fault: FieldFault) -> Tuple[str, str]:
    """How a value is repeated, and its text; nothing where it is content."""
    top = [step for step in fault.path if step not in ("input", "converse")][:1]
    value = fault.value
    if SECRET_MEMBERS.intersection(map(str, top)):
        return "", ""
    if value is None or value is MISSING:
        return "null ", ""
    if isinstance(value, list):
        if isinstance(fault.shape, AnArray) and not isinstance(fault.shape, AwsList):
            return "", ""
        return "'{value}' ", f"[{', '.join(map(str, value))}]"
    if isinstance(fault.shape, AwsFloat):
        return "'{value}' ", java_float(value)
    return "'{value}' ", str(value)


def java_float(value: Any) -> str:
    """A number with a point as Java writes it, which knows no bound."""
    try:
        return str(float(value))
    except OverflowError:
        return "Infinity" if value > 0 else "-Infinity"


# What a value is called where another kind was expected.
VALUE_NAMES: Mapping[type, str] = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE"}


def aws_mistyped(value: Json, shape: Shape) -> str:
    """That a value is of another kind than its member."""
    if isinstance(value, list):
        return "Start of list found where not expected"
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    if list in shape.types:
        return "Expected list or null"
    if dict in shape.types:
        return "Expected null"
    name = f"{value!r}_VALUE".upper()
    name = VALUE_NAMES.get(type(value), name)
    wanted = shape.kind if isinstance(shape, (AwsFloat, AwsInteger)) else "a String"
    return f"{name} can not be converted to {wanted}"


def said_by_aws(fault: FieldFault) -> Tuple[str, Finding]:
    """Which rule a fault breaks, and what is said of it."""
    path = aws_path(fault.path)
    if fault.kind == TWO_DATA:
        choices = ", ".join(vars(fault.shape)["members"])
        return AWS_UNION, Finding(path, {"path": path, "choices": choices})
    is_missing = fault.kind == MISSING_FIELD or fault.value is None
    is_told = is_missing or fault.kind in AWS_BOUNDS or fault.kind in INSIDE
    if not is_told and fault.kind != WRONG_CHOICE:
        said = {"said": aws_mistyped(fault.value, fault.shape)}
        return AWS_TYPES, Finding(path, said, sentence="{said}")
    repeated, value = aws_value(fault)
    # A pattern has braces, and is longer than what is quoted of a request.
    constraint = aws_constraint(fault).replace("{", "{{").replace("}", "}}")
    sentence = f"{ONE_DETECTED}Value {repeated}at '{{path}}' failed to satisfy constraint: "
    finding = Finding(path, {"value": value, "path": path}, sentence=sentence + constraint)
    return AWS_CONSTRAINT, finding


def told_by_aws(violations: Violations) -> Failure:
    """What can't be read is told first and alone; then all constraints at once, and how many; then
    one thing at a time."""
    unread = [one for one in violations if one.rule == AWS_TYPES]
    broken = [one for one in violations if one.rule == AWS_CONSTRAINT]
    if unread or not broken:
        return first_alone(tuple(unread) or violations)
    told = "; ".join(one.message[len(ONE_DETECTED) :] for one in broken)
    plural = "s" * (len(broken) > 1)
    return Failure(broken[0].status, f"{len(broken)} validation error{plural} detected: {told}")
