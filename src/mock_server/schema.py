"""Whether an answer fits the JSON schema of its request, in bounded time and memory.  Pure."""

from __future__ import annotations

import itertools
import operator
from typing import Any, Callable, List, Mapping, Tuple

from .errors import shown
from .jsons import compact, fits, parse_json, utf8, within
from .limits import DEPTH_LIMIT, Json
from .node import Node
from .outcomes import Outcome
from .values import Call, Reply, Text

LONGEST_ANSWER = 256 * 1024  # characters; a longer one is not looked at

# A schema may refer to itself in many branches.  So many schemas, required names and allowed values
# are looked at; then the rest of the answer fits.
SCHEMA_STEPS = 20_000
REFERENCE_STEP = 64  # characters of a reference that are read in the time of a step

COMPARE_STEP = 4096  # characters of two texts that are compared in the time of a step

TYPES: Mapping[str, Callable[[Json], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: fits(value, "a number"),
    "integer": lambda value: fits(value, "a number") and value == value // 1,
}

# Keywords that bound a number, or the size of a text, an array or an object: what must hold, and in
# words.
BOUNDS: Tuple[Tuple[str, str, Callable[[Any, Any], bool], str], ...] = (
    ("minimum", "a number", operator.ge, "at least"),
    ("maximum", "a number", operator.le, "at most"),
    ("exclusiveMinimum", "a number", operator.gt, "more than"),
    ("exclusiveMaximum", "a number", operator.lt, "less than"),
    ("minLength", "a string", operator.ge, "a length of at least"),
    ("maxLength", "a string", operator.le, "a length of at most"),
    ("minItems", "an array", operator.ge, "at least so many items:"),
    ("maxItems", "an array", operator.le, "at most so many items:"),
    ("minProperties", "an object", operator.ge, "at least so many members:"),
    ("maxProperties", "an object", operator.le, "at most so many members:"),
)


class Misfit(Exception):
    """A node that does not fit, what its schema says of it, with a {} for each of the values that
    follow.  It is put into words only when told: of those found in branches most never are."""

    def __str__(self) -> str:
        node, problem, *values = self.args
        told = [one if isinstance(one, Misfit) else shown(one) for one in values]
        return f"{node.path} {problem.format(*told)}"


def check_bounds(node: Node, schema: Mapping[str, Json]) -> None:
    """Raise Misfit for a number, or a text, an array or an object, too small or too large."""
    for keyword, kind, holds, words in BOUNDS:
        bound = schema.get(keyword)
        if not fits(bound, "a number") or not node.is_a(kind):
            continue
        measure = node.value if kind == "a number" else len(node.value)
        if not holds(measure, bound):
            raise Misfit(node, "is {}, expected " + words + " {}", node.value, bound)


class SchemaCheck:
    """Holds values against a schema.  Known are the keywords that providers take for structured
    output, type names also in capitals and beside `nullable`, as Google has them; others hold."""

    def __init__(self, root: Json) -> None:
        self.root, self.steps_left = root, SCHEMA_STEPS

    def check(self, node: Node, schema: Json, level: int = 0) -> None:
        """Raise Misfit for the first thing that does not fit."""
        self.steps_left -= 1
        if schema is False:
            raise Misfit(node, "is not wanted")
        if not isinstance(schema, dict) or self.steps_left < 0 or level > DEPTH_LIMIT:
            return
        if isinstance(schema.get("$ref"), str):
            self.check_reference(node, schema["$ref"], level + 1)
        elif node.value is not None or schema.get("nullable") is not True:
            self.check_type(node, schema)
            check_bounds(node, schema)
            if isinstance(node.value, dict):
                self.check_members(node, schema, level + 1)
            elif isinstance(node.value, list):
                self.check_items(node, schema, level + 1)
            self.check_branches(node, schema, level + 1)

    def check_reference(self, node: Node, reference: str, level: int) -> None:
        """What a `$ref` leads to; a long one costs steps, for it may be read at each level."""
        self.steps_left -= len(reference) // REFERENCE_STEP
        if self.steps_left >= 0:
            names = [name for name in reference.lstrip("#").split("/") if name]
            self.steps_left -= len(names)
            self.check(node, within(self.root, *names), level)

    def listed(self, schema: Mapping[str, Json], keyword: str) -> List[Json]:
        """An array in a schema, each item of which is a step."""
        items = schema.get(keyword)
        if not isinstance(items, list):
            return []
        self.steps_left -= len(items)
        return items

    def check_type(self, node: Node, schema: Mapping[str, Json]) -> None:
        """The type, and the values that are allowed."""
        value = node.value
        types = self.listed(schema, "type") or [schema.get("type")]
        # No known name is longer than this: a long one may be looked at over and over.
        names = [name[:8].lower() for name in types if isinstance(name, str)]
        if names and not any(name not in TYPES or TYPES[name](value) for name in names):
            raise Misfit(node, "is {}, expected " + " or ".join(names), value)
        if isinstance(value, (dict, list)) and ("enum" in schema or "const" in schema):
            self.steps_left -= len(compact(value))  # to compare it may take as long
        allowed = self.listed(schema, "enum")
        if isinstance(value, str):
            self.steps_left -= len(allowed) * len(value) // COMPARE_STEP
        if allowed and value not in allowed:
            raise Misfit(node, "is {}, expected one of {}", value, allowed)
        if value != schema.get("const", value):
            raise Misfit(node, "is {}, expected {}", value, schema["const"])

    def check_members(self, node: Node, schema: Mapping[str, Json], level: int) -> None:
        """What lies inside an object."""
        for name in self.listed(schema, "required"):
            if isinstance(name, str) and name not in node.value:
                raise Misfit(node.get(name), "is missing")
        rules, others = schema.get("properties"), schema.get("additionalProperties", True)
        if not isinstance(rules, dict):
            rules = {}
        for name, member in node.members():
            self.check(member, rules.get(name, others), level)

    def check_items(self, node: Node, schema: Mapping[str, Json], level: int) -> None:
        """What lies inside an array."""
        first, others = self.listed(schema, "prefixItems"), schema.get("items", True)
        rules = itertools.chain(first, itertools.repeat(others))
        for index, (item, rule) in enumerate(zip(node.value, rules)):
            self.check(Node(item, "", node, index), rule, level)

    def check_branches(self, node: Node, schema: Mapping[str, Json], level: int) -> None:
        """The schemas that this one is made of."""
        for part in self.listed(schema, "allOf"):
            self.check(node, part, level)
        for keyword in ("anyOf", "oneOf"):
            problem = None
            for part in self.listed(schema, keyword):
                try:
                    self.check(node, part, level)
                    break
                except Misfit as found:
                    problem = problem or found
            else:
                if problem:
                    raise Misfit(node, f"fits none of {keyword}: {{}}", problem)


def misfit(value: Json, schema: Json, name: str) -> str:
    """The first way in which a value does not fit a JSON schema, with its place, or nothing."""
    try:
        SchemaCheck(schema).check(Node({name: value}).get(name), schema)
    except Misfit as found:
        return str(found)
    return ""


def unfit(call: Call, outcome: Outcome) -> str:
    """Why an answer's text is not what the JSON schema in the request asks for, or nothing."""
    if call.schema is None or not isinstance(outcome, Reply):
        return ""
    text = outcome.text(Text)
    if text is None or len(text) > LONGEST_ANSWER:
        return ""
    try:
        problem = misfit(parse_json(utf8(text)), call.schema, "text")
    except ValueError as error:
        problem = f"text is not JSON: {error}"
    if problem:
        problem = f"the answer does not fit the request's JSON schema: {problem}"
    return problem
