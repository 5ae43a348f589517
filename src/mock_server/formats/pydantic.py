"""What pydantic says of a wrong field: Anthropic, Mistral, OpenAI's audio and model servers
are written in it.

Pure.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Sequence, Tuple, Union

from ..errors import MISSING, BadField
from ..limits import Json
from ..values import Call, ErrorBody, Failure
from ..violations import Violation

# Characters of a wrong value that an error shows; FastAPI shows all of it.
LONGEST_INPUT = 500

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


def told_details(call: Call, failure: Failure) -> ErrorBody:
    """`{"detail"}` of all that an error tells one by one, each with what the request has there."""
    return ErrorBody({"detail": [told_detail(call.request.json, one) for one in failure.told]})


def told_detail(body: Json, one: Violation) -> Dict[str, Json]:
    """One of them: its code is what pydantic calls that, its place is the path, in which unions
    say which of them was meant."""
    steps = location(one.place)
    detail: Dict[str, Json] = {"type": one.code, "loc": ["body", *steps], "msg": one.message}
    if one.code == "missing":  # what it is missing in is shown
        steps = steps[:-1]
    found = value_there(body, steps)
    return detail if found is MISSING else {**detail, "input": shown_input(found)}


def value_there(value: Any, steps: Sequence[Union[str, int]]) -> Any:
    """What a path leads to; a step that names the member of a union leads nowhere."""
    for step in steps:
        has_item = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if has_item or (isinstance(value, dict) and step in value):
            value = value[step]
        elif not isinstance(value, dict) or isinstance(step, int):
            return MISSING
    return value


def shown_input(value: Json) -> Json:
    """A wrong value as an error shows it: of a long one the beginning, as text."""
    if isinstance(value, str):
        return value[:LONGEST_INPUT]
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += piece[:LONGEST_INPUT]
        if len(text) > LONGEST_INPUT:
            return text[:LONGEST_INPUT]
    return value


def location(path: str) -> List[Union[str, int]]:
    """`messages[0].role` as pydantic has it: ["messages", 0, "role"]."""
    steps: List[Union[str, int]] = []
    for name in re.findall(r"[^.\[\]]+", path):
        # The index of an item: the client's own names may be any digits, too, and many of them.
        if re.fullmatch("[0-9]{1,9}", name):
            steps.append(int(name))
        else:
            steps.append(name)
    return steps
