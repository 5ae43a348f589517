"""Whether an answer fits the JSON schema of its request, in bounded time.  Pure."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Mapping, Tuple

from .errors import nearest, shown
from .jsons import fits, parse_json, utf8, within
from .limits import DEPTH_LIMIT, Json
from .values import Call, Outcome, Reply, Text

JSON_TYPES: Mapping[str, Callable[[Json], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: fits(value, "a number"),
    "null": lambda value: value is None,
    "integer": lambda value: (
        fits(value, "an integer") or (isinstance(value, float) and value.is_integer())
    ),
}


# Keywords that compare a value with a number: what they apply to, how it is measured, what must hold.
MEASURES: Tuple[
    Tuple[str, Any, Callable[[Any], float], Callable[[float, float], bool], str], ...
] = (
    ("minimum", (int, float), lambda value: value, lambda got, bound: got >= bound, "at least"),
    ("maximum", (int, float), lambda value: value, lambda got, bound: got <= bound, "at most"),
    (
        "exclusiveMinimum",
        (int, float),
        lambda value: value,
        lambda got, bound: got > bound,
        "more than",
    ),
    (
        "exclusiveMaximum",
        (int, float),
        lambda value: value,
        lambda got, bound: got < bound,
        "less than",
    ),
    ("minLength", str, len, lambda got, bound: got >= bound, "a length of at least"),
    ("maxLength", str, len, lambda got, bound: got <= bound, "a length of at most"),
    ("minItems", list, len, lambda got, bound: got >= bound, "at least so many items:"),
    ("maxItems", list, len, lambda got, bound: got <= bound, "at most so many items:"),
)


SCHEMA_STEPS = (
    20_000  # schemas that may refer to themselves in many branches are not followed any further
)


def misfit(value: Json, schema: Json, place: str) -> str:
    """The first way in which a value does not fit a JSON schema, with its place, or an empty string.

    Known are the keywords that providers take for structured output; type names may be in capitals and `nullable` may
    stand beside them, as in Google's schemas.  A keyword that is not known holds."""
    return Misfits(schema).first(value, schema, place)


class Misfits:
    """Looks for what does not fit a schema, for a bounded number of steps; beyond them everything fits."""

    def __init__(self, root: Json) -> None:
        self.root, self.left = root, SCHEMA_STEPS

    def first(self, value: Json, schema: Json, place: str, levels: int = 0) -> str:
        """The first misfit, or an empty string."""
        self.left -= 1
        if not isinstance(schema, dict):
            return f"{place} is not wanted" if schema is False else ""
        if (
            self.left < 0
            or levels > DEPTH_LIMIT
            or (value is None and schema.get("nullable") is True)
        ):
            return ""
        if isinstance(schema.get("$ref"), str):
            names = schema["$ref"].lstrip("#/").split("/") if schema["$ref"] != "#" else []
            return self.first(value, within(self.root, *names), place, levels + 1)
        return self.own(value, schema, place) or next(
            filter(None, self.inside(value, schema, place, levels + 1)), ""
        )

    @staticmethod
    def own(value: Json, schema: Mapping[str, Json], place: str) -> str:
        """What does not fit of the value itself."""
        kinds = schema.get("type")
        names = (
            [str(name).lower() for name in (kinds if isinstance(kinds, list) else [kinds])]
            if kinds
            else []
        )
        if names and not any(JSON_TYPES.get(name, lambda value: True)(value) for name in names):
            return f"{place} is {shown(value)}, expected {' or '.join(names)}"
        for keyword, allowed in (
            ("enum", schema.get("enum")),
            ("const", [schema["const"]] if "const" in schema else None),
        ):
            if isinstance(allowed, list) and value not in allowed:
                said = "one of " + shown(allowed) if keyword == "enum" else shown(allowed[0])
                return f"{place} is {shown(value)}, expected {said}"
        for name, kind, measure, holds, said in MEASURES:
            bound: Any = schema.get(name)
            measured = (
                fits(bound, "a number") and isinstance(value, kind) and not isinstance(value, bool)
            )
            if measured and not holds(measure(value), bound):
                return f"{place} is {shown(value)}, expected {said} {bound}"
        return ""

    def inside(
        self, value: Json, schema: Mapping[str, Json], place: str, levels: int
    ) -> Iterator[str]:
        """The same of what lies inside the value, and of the schemas that this one is made of."""
        lists: Dict[str, List[Any]] = {
            name: found if isinstance(found, list) else [] for name, found in schema.items()
        }
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        if isinstance(value, dict):
            for name in lists.get("required", ()):
                if isinstance(name, str) and name not in value:
                    yield f"{place}.{name} is missing"
            for name, member in value.items():
                rule = properties.get(name, schema.get("additionalProperties", True))
                said = self.first(member, rule, f"{place}.{name}", levels)
                yield (
                    f"{said}; {nearest(name, properties)}" if rule is False and properties else said
                )
        if isinstance(value, list):
            first = lists.get("prefixItems", [])
            for index, item in enumerate(value):
                rule = first[index] if index < len(first) else schema.get("items", True)
                yield self.first(item, rule, f"{place}[{index}]", levels)
        for part in lists.get("allOf", ()):
            yield self.first(value, part, place, levels)
        for name in ("anyOf", "oneOf"):
            problem = ""
            for part in lists.get(name, ()):
                said = self.first(value, part, place, levels)
                if not said:
                    break
                problem = problem or f"{place} fits none of {name}: {said}"
            else:
                yield problem


def unfit(call: Call, outcome: Outcome) -> str:
    """Why an answer's text is not what the JSON schema in the request asks for, or an empty string."""
    text = outcome.text(Text) if isinstance(outcome, Reply) and call.schema is not None else None
    if text is None:
        return ""
    try:
        problem = misfit(parse_json(utf8(text)), call.schema, "text")
    except ValueError as error:
        problem = f"text is not JSON: {error}"
    return f"the answer does not fit the request's JSON schema: {problem}" if problem else ""
