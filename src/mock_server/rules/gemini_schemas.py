"""What Gemini checks of a Schema beyond its fields (request rules, 2.7), in one walk.

Pure.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..formats.gemini import pick
from ..limits import Json
from .base import Finding
from .gemini_fields import SCHEMA_TYPES

GEMINI_TEXT_FORMATS = frozenset(("enum", "date-time"))
HOLDING_SCHEMAS = frozenset(("items", "properties", "anyOf", "any_of"))
# A name of a property is bare in the paths of most lines, as in google-gemini/gemini-cli#3178;
# lines about objects without members quote it (request rules, 2.7).
BARE_KEY, QUOTED_KEY = "[{}]", '["{}"]'


# Where a schema lies: the way to the schema that holds it, a step from there, and behind the step
# the client's own name for it, if there is one.
SchemaWay = Tuple[Any, str, Optional[str]]
SchemasToSee = List[Tuple[Any, SchemaWay]]


def schema_path(way: SchemaWay, form: str) -> str:
    """The path of a schema, with the client's own names in a form."""
    steps: List[str] = []
    here: Any = way
    while here is not None:
        here, step, key = here
        if key is not None:
            step += form.format(key.replace('"', '\\"'))
        steps.append(step)
    return ".".join(reversed(steps))


def schema_type(schema: Dict[str, Any]) -> str:
    """The type of a schema, in upper case; empty where it has none.  Older SDKs send its number, as
    protobuf's JSON may (verified with google-cloud-aiplatform 2.7)."""
    kind = schema.get("type")
    if type(kind) is int and 0 < kind < len(SCHEMA_TYPES):
        return SCHEMA_TYPES[kind]
    return kind.upper() if type(kind) is str else ""


def gemini_schema_faults(root: Json, path: str) -> Iterator[Finding]:
    """What is wrong with a schema and all within it, in the order of their paths."""
    waiting: SchemasToSee = [(root, (None, path, None))]
    while waiting:
        schema, way = waiting.pop()
        if type(schema) is not dict:
            continue
        kind = schema_type(schema)
        if "enum" in schema:
            yield from gemini_schema_enum(schema, kind, way)
        if kind == "STRING":
            if "format" in schema:
                yield from gemini_schema_format(schema, way)
        elif kind == "OBJECT":
            yield from gemini_schema_object(schema, way)
        elif kind == "ARRAY" and schema.get("items") is None:
            yield schema_finding("gemini/schema-items", way, "items")
        if not HOLDING_SCHEMAS.isdisjoint(schema):
            waiting.extend(reversed(gemini_inner_schemas(schema, way)))


def gemini_inner_schemas(schema: Dict[str, Any], way: SchemaWay) -> SchemasToSee:
    """The schemas right within one."""
    found: SchemasToSee = []
    if "items" in schema:
        found.append((schema["items"], (way, "items", None)))
    properties = schema.get("properties")
    if isinstance(properties, dict):
        found += [(one, (way, "properties", name)) for name, one in properties.items()]
    choices = pick(schema, "anyOf")
    if isinstance(choices, list):
        found += [(one, (way, f"any_of[{at}]", None)) for at, one in enumerate(choices)]
    return found


def schema_finding(rule: str, way: SchemaWay, member: str, form: str = BARE_KEY) -> Finding:
    """That a member of a schema breaks a rule."""
    path = f"{schema_path(way, form)}.{member}"
    return Finding(path, {"path": path}, rule=rule)


def is_empty_object(schema: Json) -> bool:
    """Whether a schema is of an object that has no members and may have no others."""
    if not isinstance(schema, dict) or schema_type(schema) != "OBJECT":
        return False
    if schema.get("properties") not in (None, {}):
        return False
    return not any(pick(schema, name) for name in ("anyOf", "additionalProperties"))


def gemini_schema_enum(schema: Dict[str, Any], kind: str, way: SchemaWay) -> Iterator[Finding]:
    """Choices of what is no text, and choices that are empty."""
    choices = schema.get("enum")
    if not isinstance(choices, list) or not choices:
        return
    # The SDKs document whole numbers with this format (google-genai 3.6.1).
    if kind not in ("", "STRING") and schema.get("format") != "enum":
        yield schema_finding("gemini/schema-enum-type", way, "enum")
    for index, choice in enumerate(choices):
        if choice == "":
            yield schema_finding("gemini/schema-enum-empty", way, f"enum[{index}]")


def gemini_schema_format(schema: Dict[str, Any], way: SchemaWay) -> Iterator[Finding]:
    """A format that no text has."""
    text_format = schema.get("format")
    if isinstance(text_format, str) and text_format and text_format not in GEMINI_TEXT_FORMATS:
        yield schema_finding("gemini/schema-format", way, "format")


def gemini_schema_object(schema: Dict[str, Any], way: SchemaWay) -> Iterator[Finding]:
    """An object without members, and needed members that it has not."""
    if is_empty_object(schema):
        yield schema_finding("gemini/schema-object-empty", way, "properties", QUOTED_KEY)
    properties = schema.get("properties")
    needed = schema.get("required")
    if isinstance(properties, dict) and isinstance(needed, list):
        for index, name in enumerate(needed):
            if isinstance(name, str) and name not in properties:
                yield schema_finding("gemini/schema-required", way, f"required[{index}]")
