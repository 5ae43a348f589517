"""What pydantic says of a wrong field: Anthropic, Mistral, OpenAI's audio and model servers
are written in it.

Pure.
"""

from __future__ import annotations

import re
from typing import List, Tuple, Union

from ..errors import MISSING, BadField
from ..values import ErrorBody, Failure

# What an error calls the kinds of JSON values, in its type and in its message.
PYDANTIC_NAMES = {
    "a string": ("string", "string"),
    "an integer": ("int", "integer"),
    "an array": ("list", "list"),
    "an object": ("dict", "dictionary"),
    "a boolean": ("bool", "boolean"),
    "a number": ("float", "number"),
}


def pydantic_error(wrong: BadField) -> Tuple[str, str]:
    """The type and the message of the error of a field."""
    if wrong.found is MISSING:
        return "missing", "Field required"
    if wrong.sentence:  # of an array, whose length is all that is asked for in pydantic's words
        return "too_long", wrong.sentence
    if wrong.found == [] and "array" in wrong.expected:
        return "too_short", "List should have at least 1 item after validation, not 0"
    if wrong.expected in PYDANTIC_NAMES:
        kind, name = PYDANTIC_NAMES[wrong.expected]
        return f"{kind}_type", f"Input should be a valid {name}"
    if wrong.expected == "false":  # the one value that there is
        return "literal_error", "Input should be False"
    return "value_error", f"Input should be {wrong.expected}"


def fastapi_detail(failure: Failure) -> ErrorBody:
    """`{"detail"}` of a field that is wrong, at its `param`, as FastAPI has it."""
    detail = {
        "type": failure.type or "value_error",
        "loc": ["body", *location(failure.param or "")],
        "msg": failure.message,
    }
    return ErrorBody({"detail": [detail]})


def location(path: str) -> List[Union[str, int]]:
    """`messages[0].role` as pydantic has it: ["messages", 0, "role"]."""
    steps: List[Union[str, int]] = []
    for name in re.findall(r"[^.\[\]]+", path):
        if name.isdigit():  # the index of an item
            steps.append(int(name))
        else:
            steps.append(name)
    return steps
