"""What OpenAI says of the JSON Schema of a function or of an answer (request rules, 2.2), in chat
completions and in responses.

Takes time in proportion to the schema: `$ref` is not followed, for what it names is looked at
where it stands.  Pure.
"""

from __future__ import annotations

import itertools
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..limits import Json
from .base import Finding, Rule

FUNCTION, FORMAT = "function", "response_format"  # what a schema is of, as errors say it


class SchemaOf(NamedTuple):
    """A schema in a request: of what, its name there, the path to it, the code of its errors, and
    whether it is strict."""

    schema: Json
    kind: str
    name: str
    place: str
    code: Optional[str] = None
    strict: bool = False


class SchemaPlace:
    """A schema in a schema, and the steps to it from the one that holds it."""

    __slots__ = ("schema", "steps", "above")

    def __init__(
        self, schema: Json, steps: Tuple[str, ...] = (), above: Optional["SchemaPlace"] = None
    ) -> None:
        self.schema, self.steps, self.above = schema, steps, above

    @property
    def context(self) -> str:
        """All steps from the root, as a tuple of Python's, which is what OpenAI writes."""
        found: List[str] = []
        place: Optional[SchemaPlace] = self
        while place is not None:
            found += reversed(place.steps)
            place = place.above
        return str(tuple(reversed(found)))


# What may not stand in a strict schema; of `default` it is not known whether it may.
NOT_PERMITTED = (
    *("allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"),
    *("patternProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"),
    *("contains", "uniqueItems"),
)
FORBIDDEN = frozenset(NOT_PERMITTED)
NAMED_SCHEMAS = frozenset(("properties", "$defs", "definitions"))
HOLDERS = NAMED_SCHEMAS | {"anyOf", "items"}  # keys under which there are other schemas
ROOT_UNIONS = ("oneOf", "anyOf", "allOf", "enum", "not")
SchemaFault = Tuple[str, Dict[str, object]]  # the end of a rule's id, and what its sentence says


def schema_findings(of: SchemaOf) -> Iterator[Finding]:
    """What is wrong with a schema; each finding names its rule."""
    if not isinstance(of.schema, dict) or not of.schema:
        return  # none at all is as good as one without properties
    where = f"{of.kind} '{of.name}'"
    for id, values in itertools.chain(root_faults(of), inner_schema_faults(of)):
        values["where"] = where
        yield Finding(of.place, values, param="{place}", code=of.code, rule="openai/" + id)


def root_faults(of: SchemaOf) -> Iterator[SchemaFault]:
    """What is wrong at its root, whether or not it is strict."""
    schema: Any = of.schema
    kind = schema.get("type")
    # Seen of both kinds, and of roots that are a union and have no type.
    if kind != "object":
        yield "function-root-object", {"t": kind}
    elif of.kind == FUNCTION and any(name in schema for name in ROOT_UNIONS):
        yield "function-root-union", {}
    elif of.kind == FUNCTION and "properties" not in schema:
        # Seen at the root alone: below it an object of any members is common.
        yield "function-object-properties", {"ctx": "()"}


def inner_schema_faults(of: SchemaOf) -> Iterator[SchemaFault]:
    """What is wrong with it and the schemas in it, from its root downwards."""
    if is_fine(of.schema, of.strict):
        return
    todo = [SchemaPlace(of.schema)]
    while todo:
        place = todo.pop()
        schema: Any = place.schema
        if lacks_items(schema):
            yield "function-array-items", {"ctx": place.context}
        if of.strict:
            yield from strict_faults(schema, place)
        inner = [SchemaPlace(one, steps, place) for steps, one in schemas_in(schema)]
        todo += reversed(inner)


def is_fine(schema: Any, strict: bool) -> bool:
    """Whether nothing is wrong with a schema or one in it; most are, and this is quick."""
    if lacks_items(schema):
        return False
    if strict and any(True for _ in strict_faults(schema, SchemaPlace(schema))):
        return False
    if HOLDERS.isdisjoint(schema):
        return True
    return all(is_fine(one, strict) for _, one in schemas_in(schema))


def lacks_items(schema: Any) -> bool:
    """Whether a schema is of arrays of nothing."""
    return schema.get("type") == "array" and "items" not in schema and "prefixItems" not in schema


def schemas_in(schema: Any) -> Iterator[Tuple[Tuple[str, ...], Json]]:
    """The schemas right in another one, with the steps to them."""
    inner: List[Tuple[Tuple[str, ...], Json]]
    for key, value in schema.items():
        if key in NAMED_SCHEMAS and isinstance(value, dict):
            inner = [((key, name), one) for name, one in value.items()]
        elif key == "anyOf" and isinstance(value, list):
            inner = [((key, str(index)), one) for index, one in enumerate(value)]
        elif key == "items":
            inner = [((key,), value)]
        else:
            continue
        for steps, one in inner:
            if isinstance(one, dict):
                yield steps, one


def is_of_objects(schema: Any) -> bool:
    """Whether objects fit a schema by its type, which may be one of several."""
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def strict_faults(schema: Any, place: SchemaPlace) -> Iterator[SchemaFault]:
    """What is wrong with a strict schema itself."""
    if not FORBIDDEN.isdisjoint(schema):
        for word in NOT_PERMITTED:
            if word in schema:
                yield "strict-keyword", {"ctx": place.context, "kw": word}
    if not is_of_objects(schema):
        return
    if schema.get("additionalProperties") is not False:
        yield "strict-additional", {"ctx": place.context}
    members, needed = schema.get("properties"), schema.get("required")
    names: Sequence[str] = list(members) if isinstance(members, dict) else ()
    listed = [one for one in needed if isinstance(one, str)] if isinstance(needed, list) else []
    listed_once, named_once = frozenset(listed), frozenset(names)
    lacking = next((name for name in names if name not in listed_once), None)
    if lacking is not None:
        yield "strict-required", {"ctx": place.context, "k": lacking}
    extra = next((name for name in listed if name not in named_once), None)
    if extra is not None:
        yield "strict-extra-required", {"ctx": place.context, "k": extra}


# Their findings come from schema_findings, in a Sweep.  Request rules, 2.2.
OPENAI_SCHEMA_RULES = (
    Rule(
        "openai/strict-additional",
        "Invalid schema for {where}: In context={ctx}, 'additionalProperties' is required to be "
        "supplied and to be false.",
        "moeru-ai/xsai#202, dottxt-ai/outlines#844",
    ),
    Rule(
        "openai/strict-required",
        "Invalid schema for {where}: In context={ctx}, 'required' is required to be supplied and "
        "to be an array including every key in properties. Missing '{k}'.",
        "openai/codex#539, vercel/ai#6484, ash-project/ash_ai#155",
    ),
    Rule(
        "openai/strict-extra-required",
        "Invalid schema for {where}: In context={ctx}, 'required' must be an array that includes "
        "every key in `properties`. Extra required key '{k}' supplied.",
        "dotnet/extensions#6302",
    ),
    Rule(
        "openai/strict-keyword",
        "Invalid schema for {where}: In context={ctx}, '{kw}' is not permitted.",
        "documentation",
    ),
    Rule(
        "openai/function-object-properties",
        "Invalid schema for {where}: In context={ctx}, object schema missing properties.",
        "spring-projects/spring-ai#4776",
    ),
    Rule(
        "openai/function-array-items",
        "Invalid schema for {where}: In context={ctx}, array schema missing items.",
        "documentation",
    ),
    Rule(
        "openai/function-root-object",
        "Invalid schema for {where}: schema must be a JSON Schema of 'type: \"object\"', got "
        "'type: \"{t}\"'.",
        "documentation",
    ),
    Rule(
        "openai/function-root-union",
        "Invalid schema for {where}: schema must have type 'object' and not have "
        "'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level.",
        "documentation",
    ),
)
