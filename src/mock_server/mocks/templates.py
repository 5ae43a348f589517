"""Templates in texts: {{user}}, {{body.PATH}} and the like.  Pure."""

from __future__ import annotations

import re
from typing import Iterable, Mapping

from ..errors import nearest
from ..jsons import compact
from ..limits import Json
from ..values import Call
from .match import fail

TEMPLATE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


TEMPLATE_NAMES = ("user", "model", "system", "turn")


def check_templates(value: Json, names: Iterable[str], place: str, key: str) -> None:
    """Raise BadMock if a text in a JSON value asks for what a request never has."""
    if isinstance(value, (dict, list)):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            check_templates(inner, names, place, f"{key}.{name}")
    for name in TEMPLATE.findall(value) if isinstance(value, str) else ():
        known = [*TEMPLATE_NAMES, *names]
        if name not in known and not re.match(r"(?:header|body)\..", name):
            fail(
                place,
                key,
                f"unknown template {{{{{name}}}}}; {nearest(name, [*known, 'header.NAME', 'body.PATH'])}",
            )


def looked_up(name: str, call: Call, groups: Mapping[str, str]) -> str:
    """The text of one template name; what the request doesn't have is empty."""
    if name in groups:
        return groups[name]
    kind, _, rest = name.partition(".")
    value: Json = call.headers.get(rest.lower()) if kind == "header" else getattr(call, name, None)
    if kind == "body":
        value = call.body
        for step in rest.split("."):
            if isinstance(value, list):
                value = (
                    value[int(step)]
                    if re.fullmatch("[0-9]{1,9}", step) and int(step) < len(value)
                    else None
                )
            else:
                value = value.get(step) if isinstance(value, dict) else None
    return "" if value is None else value if isinstance(value, str) else compact(value)


def filled(value: Json, call: Call, groups: Mapping[str, str]) -> Json:
    """A JSON value with its templates filled, once: what comes in is not looked at again."""
    if isinstance(value, str):
        return (
            TEMPLATE.sub(lambda match: looked_up(match.group(1), call, groups), value)
            if "{{" in value
            else value
        )
    if isinstance(value, dict):
        return {key: filled(inner, call, groups) for key, inner in value.items()}
    return [filled(inner, call, groups) for inner in value] if isinstance(value, list) else value
