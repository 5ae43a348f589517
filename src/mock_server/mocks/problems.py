"""All that is wrong with a mock, not only what is found first.  Pure."""

from __future__ import annotations

import re
from typing import Iterable, List, Union

from ..errors import MISSING, BadMock
from ..limits import Json
from .mock import parse_mock
from .recordings import MockNode, ReadFile

MOST_PROBLEMS = 20  # of one mock
STEP = re.compile(r"[^.\[\]]+")  # of a path such as responses[2].pace


def problems_of(spec: Json, place: str, read: ReadFile) -> List[str]:
    """What is wrong with a mock, first that for which it is refused.

    What else is wrong is found by leaving out what was; it is told if it would be wrong anywhere,
    and not if it may only be so because something is left out."""
    found: List[str] = []
    while len(found) < MOST_PROBLEMS and spec is not MISSING:
        try:
            parse_mock(MockNode.whole(spec, place, read))
            break
        except BadMock as error:
            if found and not error.expected:
                break
            found.append(str(error))
            spec = without(spec, error.path)
    return found


def without(spec: Json, path: str) -> Json:
    """A mock without the key that a path leads to, or leads into; MISSING if there is none.

    A key of the mock itself, or of its match or one of its responses."""
    steps: List[Union[str, int]] = [
        int(step) if step.isdecimal() else step for step in STEP.findall(path)
    ]
    depth = 1
    if steps[:1] in (["match"], ["response"]):
        depth = 2
    elif steps[:1] == ["responses"]:
        depth = 3
    if not steps or len(steps) < depth:
        return MISSING
    return left_out(spec, steps[:depth])


def left_out(value: Json, steps: List[Union[str, int]]) -> Json:
    """A value without what lies at the end of some steps; MISSING if they lead nowhere."""
    step = steps[0]
    copy: Json = dict(value) if isinstance(value, dict) else list(value)
    known: Iterable[Union[str, int]] = range(len(copy))
    if isinstance(value, dict):
        known = value
    if step not in known:
        return MISSING
    if len(steps) == 1:
        del copy[step]
        return copy
    inner = left_out(copy[step], steps[1:])
    if inner is MISSING:
        return MISSING
    copy[step] = inner
    return copy
