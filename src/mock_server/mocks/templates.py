"""Templates in texts: {{user}}, {{body.PATH}} and the like.  Pure."""

from __future__ import annotations

import re
from typing import Iterable, Mapping

from ..errors import nearest
from ..jsons import compact
from ..limits import Json
from ..node import Node
from ..values import Call

TEMPLATE = re.compile(r"\{\{([^{}]*)\}\}")  # with spaces around the name

TEMPLATE_NAMES = ("user", "model", "system", "turn")

PATH_TEMPLATE = re.compile(r"(?:header|body)\..")

# As many digits as any index needs: int() takes its time over thousands.
ITEM_NUMBER = re.compile("[0-9]{1,9}")


def check_templates(node: Node, names: Iterable[str]) -> None:
    """Raise BadMock if a text in a JSON value asks for what a request never has."""
    if isinstance(node.value, dict):
        for _, inner in node.members():
            check_templates(inner, names)
    elif isinstance(node.value, list):
        for inner in node.items():
            check_templates(inner, names)
    # Looked for first, as most texts have none.
    elif isinstance(node.value, str) and "{{" in node.value:
        check_text(node, [*TEMPLATE_NAMES, *names])


def check_text(node: Node, known: Iterable[str]) -> None:
    """Raise BadMock if a text has a template of a name that is not known."""
    for name in map(str.strip, TEMPLATE.findall(node.value)):
        if name not in known and not PATH_TEMPLATE.match(name):
            hint = nearest(name, [*known, "header.NAME", "body.PATH"])
            node.fail(f"unknown template {{{{{name}}}}}; {hint}")


def filled(value: Json, call: Call, groups: Mapping[str, str]) -> Json:
    """A JSON value with its templates filled, once: what comes in is not looked at again."""
    if isinstance(value, str):
        if "{{" not in value:
            return value
        return TEMPLATE.sub(lambda match: looked_up(match.group(1).strip(), call, groups), value)
    if isinstance(value, dict):
        return {key: filled(inner, call, groups) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, call, groups) for inner in value]
    return value


def looked_up(name: str, call: Call, groups: Mapping[str, str]) -> str:
    """The text of one template name; what the request doesn't have is empty."""
    # A group goes before a value of the request: its name was chosen for this mock.
    if name in groups:
        return groups[name]
    kind, _, rest = name.partition(".")
    value: Json
    if kind == "header":
        value = call.headers.get(rest.lower())  # names are kept in lower case
    elif kind == "body":
        value = walked(call.body, rest)
    else:
        value = getattr(call, name, None)
    if value is None:
        return ""
    return value if isinstance(value, str) else compact(value)


def walked(value: Json, path: str) -> Json:
    """What `messages.0.content` leads to inside a JSON value; None where it leads nowhere."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and ITEM_NUMBER.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
