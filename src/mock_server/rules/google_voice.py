"""How Google says that a request is wrong (request rules, 1.8 and 2.7): by layers, of which the
first with something to say says all of it, a line each.  Pure.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, Tuple

from ..formats.gemini import snake
from ..jsons import compact
from ..records import replace
from ..values import Failure
from ..violations import Violation, Violations
from .base import Book, Case, Finding, first_alone
from .fields import (
    TWO_DATA,
    UNKNOWN_FIELD,
    WRONG_PATTERN,
    FieldFault,
    FieldPath,
    KeyStep,
    Shape,
)
from .protobuf import ProtoMap, ProtoMessage, ProtoShape, ProtoStruct, ProtoValue

GOOGLE_UNKNOWN_NAME = 'Invalid JSON payload received. Unknown name "{x}"{at}: Cannot find field.'
GOOGLE_NOT_REPEATING = (
    'Invalid JSON payload received. Unknown name "{x}"{at}: Proto field is not repeating, cannot '
    "start list."
)
GOOGLE_NO_MESSAGE = (
    'Invalid JSON payload received. Unknown name "": Root element must be a message.'
)
GOOGLE_NO_MAP = "Invalid value{at} (Map), Cannot bind a list to map for field '{x}'."
GOOGLE_NO_SCALAR = "Invalid value{at} ({x}), Starting an object on a scalar field"
GOOGLE_SECOND_DATA = (
    "Invalid value{at} (oneof), oneof field 'data' is already set. Cannot set '{x}'"
)
GOOGLE_WRONG_BASE64 = "Invalid value at '{path}' ({type}), Base64 decoding failed for {v}"
GOOGLE_WRONG_VALUE = "Invalid value at '{path}' ({type}), {v}"
# Stands in the name of a type for the version of the API, which the path of a request says.
ANY_VERSION = "\0"
API_VERSION = re.compile(r"/(v\d\w*)/")
PAYLOAD_LINE = "Invalid "  # how all lines of the first layer begin
PROTO_LINE = "* "  # and those of the second


def google_path(path: FieldPath) -> str:
    """A path as in `tools[0].function_declarations[2].parameters.properties[1].value`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif isinstance(step, KeyStep):
            text += f"[{step.number}]"
        else:
            text += "." + snake(step)
    return text.lstrip(".")


class GoogleVoice:
    """Which rule a fault breaks, in Google's words; `package` is that of the API's own types."""

    def __init__(self, package: str) -> None:
        self.package = package

    def type_name(self, shape: Shape) -> str:
        """What an error calls a type."""
        name = shape.of if isinstance(shape, ProtoShape) else ""
        if name.startswith("TYPE_"):
            return name
        if not name.startswith("google."):
            name = f"{self.package}.{ANY_VERSION}.{name}"
        return "type.googleapis.com/" + name

    def __call__(self, fault: FieldFault) -> Tuple[str, Finding]:
        """The id of the rule, and what its error says."""
        sentence, inside = self.said(fault)
        path = google_path(fault.path)
        at = google_path(fault.path[: field_name_at(fault.path)])
        place = at if inside else path
        values: Dict[str, object] = {"path": path, "at": f" at '{at}'" if at else ""}
        values["x"] = faulty_name(fault)
        if "{type}" in sentence:
            values.update(type=self.type_name(fault.shape), v=compact(fault.value))
        return self.rule(fault), Finding(place, values, sentence=sentence)

    @staticmethod
    def rule(fault: FieldFault) -> str:
        """The id of the rule that a fault breaks."""
        if fault.kind == UNKNOWN_FIELD:
            return "gemini/unknown-field"
        if fault.kind == TWO_DATA:
            return "gemini/part-two-data"
        shape = fault.shape
        own = shape.own_rule
        if isinstance(shape, ProtoShape) and isinstance(fault.value, list):
            own = shape.list_rule
        return own or "gemini/types"

    @staticmethod
    def said(fault: FieldFault) -> Tuple[str, bool]:
        """The sentence, and whether it names what a field lies in instead of the field."""
        kind, shape, value = fault.kind, fault.shape, fault.value
        if kind == UNKNOWN_FIELD:
            return GOOGLE_UNKNOWN_NAME, True
        if kind == TWO_DATA:
            return GOOGLE_SECOND_DATA, True
        if kind == WRONG_PATTERN:
            return GOOGLE_WRONG_BASE64, False
        if not fault.path:
            return GOOGLE_NO_MESSAGE, False
        if isinstance(value, list):
            return (GOOGLE_NO_MAP if isinstance(shape, ProtoMap) else GOOGLE_NOT_REPEATING), True
        holds_objects = isinstance(shape, (ProtoMap, ProtoMessage, ProtoStruct, ProtoValue))
        if isinstance(value, dict) and not holds_objects:
            return GOOGLE_NO_SCALAR, True
        return GOOGLE_WRONG_VALUE, False


def field_name_at(path: FieldPath) -> int:
    """Where the last name of a field stands in a path; 0 where there is none."""
    return max([0, *(at for at, step in enumerate(path) if isinstance(step, str))])


def faulty_name(fault: FieldFault) -> str:
    """What an error calls a field beside what it lies in: as it was sent, but where the error is
    about the field's type."""
    if not fault.path:
        return ""
    name = str(fault.path[field_name_at(fault.path)])
    is_known = fault.kind not in (UNKNOWN_FIELD, TWO_DATA)
    return snake(name) if is_known and isinstance(fault.value, dict) else name


def google_layer(violation: Violation) -> str:
    """Which layer of checks a violation is of."""
    for beginning in (PAYLOAD_LINE, PROTO_LINE):
        if violation.message.startswith(beginning):
            return beginning
    return ""


def google_refusal(violations: Violations) -> Failure:
    """The error for what is broken: all that its first layer says, else the first thing."""
    layer = google_layer(violations[0])
    told = tuple([one for one in violations if google_layer(one) == layer])
    if layer == PAYLOAD_LINE:
        # Only these have details; the lines are not ended, but parted (1.8).
        return Failure(400, "\n".join([one.message for one in told]), told=told)
    if layer == PROTO_LINE:
        return Failure(400, "".join([one.message + "\n" for one in told]))
    return first_alone(violations)


class GoogleBook(Book):
    """The rules of one of Google's APIs, whose types are named after its version."""

    def wrong_fields(self, case: Case, every: bool) -> Iterator[Violation]:
        """What is wrong with the fields."""
        found = API_VERSION.search(case.request.path)
        version = found.group(1) if found else "v1"
        for one in super().wrong_fields(case, every):
            yield replace(one, message=one.message.replace(ANY_VERSION, version, 1))
