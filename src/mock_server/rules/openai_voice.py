"""How OpenAI says that a field is wrong (request rules, 1.8), at Azure and its other hosts, too.
Pure."""

from __future__ import annotations

from typing import Container, Dict, Iterable, Iterator, Mapping, Sequence, Tuple

from ..errors import kind_of
from ..jsons import compact
from ..limits import Json
from .base import Finding
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
    WRONG_TYPE,
    AnArray,
    ANumber,
    AString,
    AUnion,
    Branch,
    Either,
    FieldFault,
    FieldPath,
    KeyStep,
    Shape,
)

# Which rule a fault breaks where its field names no other.
OPENAI_RULES: Mapping[str, str] = {
    MISSING_FIELD: "missing",
    UNKNOWN_FIELD: "unknown-field",
    WRONG_TYPE: "types",
    WRONG_CHOICE: "types",
    WRONG_TAG: "types",
    WRONG_PATTERN: "limits",
    TOO_SMALL: "limits",
    TOO_LARGE: "limits",
    TOO_SHORT: "limits",
    TOO_LONG: "limits",
}


def bracketed(path: FieldPath) -> str:
    """A path as in `messages[0].content[1].text`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif isinstance(step, KeyStep):
            text += "." + step.key
        elif not isinstance(step, Branch):
            text += "." + step
    return text.lstrip(".")


def said_values(choices: Sequence[str]) -> str:
    """`'a', 'b', and 'c'`, as OpenAI lists values."""
    quoted = [f"'{choice}'" for choice in choices]
    if len(quoted) < 3:
        return " and ".join(quoted)
    return ", ".join(quoted[:-1]) + ", and " + quoted[-1]


def wanted_by(shape: Shape) -> str:
    """What a value should have been, as OpenAI says it (all of these were seen)."""
    if isinstance(shape, Either) and shape.kind == " or ".join(one.kind for one in shape.shapes):
        first, *others = map(wanted_by, shape.shapes)
        # Only the first has an article: "one of a string or array of objects".
        return " or ".join(["one of " + first, *[one.partition(" ")[2] for one in others]])
    if isinstance(shape, AString) and shape.choices:
        return "one of " + said_values(shape.choices).replace(" and ", " or ")
    if isinstance(shape, AnArray) and shape.item.types == (dict,) and shape.kind == AnArray.kind:
        return "an array of objects"
    if shape.kind == ANumber.kind:
        return "a decimal"
    return "one of " * (" or " in shape.kind) + shape.kind


# Of members that there are not, where all are told at once (Azure, and the older APIs).
UNKNOWN_ARGUMENTS = "Unrecognized request argument{plural} supplied: {names}"


def unknown_arguments(body: Mapping[str, Json], known: Container[str]) -> Iterator[Finding]:
    """Members that there are not, all in one sentence."""
    names = [name for name in body if name not in known]
    if names:
        plural = "s" * (len(names) > 1)
        # Of what a sentence says as much is told as there is room for in any case.
        yield Finding(names[0], {"plural": plural, "names": ", ".join(names[:50])})


FaultWords = Tuple[str, str, Dict[str, object]]  # sentence, code, what it says beside the path


def said_of_number(fault: FieldFault) -> FaultWords:
    """That a number is out of bounds."""
    what = "integer" if fault.shape.kind == "an integer" else "decimal"
    bounds = vars(fault.shape)
    side, short, sign, bound = "above maximum", "above_max", "<=", bounds["most"]
    if fault.kind == TOO_SMALL:
        side, short, sign, bound = "below minimum", "below_min", ">=", bounds["least"]
    sentence = (
        f"Invalid '{{path}}': {what} {side} value. Expected a value {sign} {{bound}}, but got "
        "{value} instead."
    )
    more: Dict[str, object] = {"bound": compact(bound), "value": compact(fault.value)}
    return sentence, f"{what}_{short}_value", more


def said_of_length(fault: FieldFault) -> FaultWords:
    """That a text or an array is too short or too long."""
    what, size, bounds = fault.shape.kind, len(fault.value), vars(fault.shape)
    if isinstance(fault.value, str):
        what = "a string"  # the key of a map, too
    bare = what.partition(" ")[2]
    wrong, code, side = "too long", "above_max_length", f"maximum length {bounds['most']}"
    there = f"{what} with length {size}"
    if fault.kind == TOO_SHORT:
        wrong, code, side = "too short", "below_min_length", f"minimum length {bounds['least']}"
        if not size:
            return (
                f"Invalid '{{path}}': empty {bare}. Expected {what} with {side}, but got an empty "
                f"{bare} instead.",
                "empty_" + bare,
                {},
            )
    if bare == "object":
        most = bounds["most"]
        sentence = (
            f"Invalid '{{path}}': too many properties. Expected an object with at most {most} "
            f"properties, but got an object with {size} properties instead."
        )
        return sentence, "object_above_max_properties", {}
    sentence = (
        f"Invalid '{{path}}': {bare} {wrong}. Expected {what} with {side}, but got {there} instead."
    )
    return sentence, f"{bare}_{code}", {}


class OpenAIVoice:
    """Which rule of a prefix, such as `openai`, a fault breaks, in OpenAI's words; of those with
    `own` words their rows say it."""

    def __init__(self, prefix: str, own: Iterable[str] = ()) -> None:
        self.prefix, self.own = prefix, frozenset(own)

    def rule_of(self, fault: FieldFault) -> str:
        """The id of the rule that a fault breaks."""
        return fault.shape.rule_for(fault.kind) or f"{self.prefix}/{OPENAI_RULES[fault.kind]}"

    def __call__(self, fault: FieldFault) -> Tuple[str, Finding]:
        """The id of the rule, and what its error says."""
        id = self.rule_of(fault)
        sentence, code, more = self.said(fault)
        path = bracketed(fault.path)
        if not path and fault.kind == WRONG_TYPE:  # of the body as a whole
            code, sentence = (
                "invalid_body",
                "Invalid body: expected {wanted}, but got {got} instead.",
            )
            return id, Finding("", more, code=code, sentence=sentence)
        if fault.kind == WRONG_TAG and isinstance(fault.shape, AUnion):
            path += "." + fault.shape.tag
        values: Dict[str, object] = {"path": path, **more}
        if id in self.own:
            return id, Finding(path, values)
        return id, Finding(path, values, param="{place}", code=code, sentence=sentence)

    @staticmethod
    def said(fault: FieldFault) -> FaultWords:
        """What is said of a fault."""
        kind, shape, value = fault.kind, fault.shape, fault.value
        if kind == MISSING_FIELD:
            return "Missing required parameter: '{path}'.", "missing_required_parameter", {}
        if kind == UNKNOWN_FIELD:
            return "Unknown parameter: '{path}'.", "unknown_parameter", {}
        if kind == WRONG_TYPE:
            sentence = "Invalid type for '{path}': expected {wanted}, but got {got} instead."
            return sentence, "invalid_type", {"wanted": wanted_by(shape), "got": kind_of(value)}
        if kind in (WRONG_CHOICE, WRONG_TAG):
            sentence = "Invalid value: '{value}'. Supported values are: {choices}."
            known = shape.choices if isinstance(shape, AString) else list(vars(shape)["members"])
            return sentence, "invalid_value", {"value": value, "choices": said_values(known)}
        if kind == WRONG_PATTERN:
            sentence = (
                "Invalid '{path}': string does not match pattern. Expected a string that matches "
                "the pattern '{pattern}'."
            )
            return sentence, "invalid_value", {"pattern": vars(shape)["pattern"]}
        if kind in (TOO_SMALL, TOO_LARGE):
            return said_of_number(fault)
        return said_of_length(fault)
