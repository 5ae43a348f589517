"""Templates in texts: {{user}}, {{body.PATH}} and the like.  Pure."""

from __future__ import annotations

import re
from typing import Iterable, Mapping

from ..errors import Refused, nearest, shown
from ..jsons import compact
from ..limits import Json
from ..node import Node
from ..secrets import masked
from ..values import Call

# Two braces that are meant, or a name with spaces around it.
TEMPLATE = re.compile(r"\{\{\{\{|\{\{([^{}]*)\}\}")

MOST_FILLED = 4 * 1024 * 1024  # characters that the templates of one answer may ask for

TEMPLATE_NAMES = ("user", "model", "system", "turn")

PATH_TEMPLATE = re.compile(r"(?:header|body)\..")

# As many digits as any index needs: int() takes its time over thousands.
ITEM_NUMBER = re.compile("[0-9]{1,9}")

BRACKETS = re.compile(r"\[([0-9]+)\]")


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
    for name in (found.group(1) for found in TEMPLATE.finditer(node.value)):
        if name is None:
            continue
        name = name.strip()
        if name not in known and not PATH_TEMPLATE.match(name):
            hint = nearest(name, [*known, "header.NAME", "body.PATH"])
            if hint.startswith("known"):
                hint += ", and named groups of a regex in match"
            node.fail(f"unknown template {{{{{name}}}}}; {hint}")
        check_place(node, name)


def check_place(node: Node, path: str) -> None:
    """Raise BadMock for a path into a body that is written as JavaScript would have it."""
    # At its end it may be the name of a form's field: clients call them files[0].
    if re.search(BRACKETS.pattern + r"\.", path):
        dotted = BRACKETS.sub(r".\1", path)
        node.fail(f"{shown(path)} is written {shown(dotted)} here")


class Filling:
    """Fills the templates of one answer, once: what comes in is not looked at again.

    An answer may ask thousands of times for a text of megabytes, so that there is a bound."""

    def __init__(self, call: Call, groups: Mapping[str, str]) -> None:
        self.call, self.groups, self.left = call, groups, MOST_FILLED

    def of(self, value: Json) -> Json:
        """A JSON value with its templates filled."""
        if isinstance(value, str):
            return TEMPLATE.sub(self.found, value) if "{{" in value else value
        if isinstance(value, dict):
            return {key: self.of(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        return value

    def found(self, match: "re.Match[str]") -> str:
        """What stands in place of one template.  Refused if it is too much in all."""
        if match.group(1) is None:
            return "{{"
        text = looked_up(match.group(1).strip(), self.call, self.groups)
        self.left -= len(text)
        if self.left < 0:
            message = f"the answer's templates ask for more than {MOST_FILLED} characters"
            raise Refused(400, message, code="answer_too_large")
        return text


def looked_up(name: str, call: Call, groups: Mapping[str, str]) -> str:
    """The text of one template name; what the request doesn't have is empty."""
    # A group goes before a value of the request: its name was chosen for this mock.
    if name in groups:
        return groups[name]
    kind, _, rest = name.partition(".")
    value: Json
    if kind == "header":
        name = rest.lower()  # as they are kept
        value = call.headers.get(name)
        if value is not None:
            value = masked(name, value)  # what is answered is noted, logged and shown
    elif kind == "body":
        value = walked(call.said, rest)
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
