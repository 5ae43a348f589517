"""A match in the making: keys, places in the body; texts are bounded and scrubbed.  Pure."""

from __future__ import annotations

import itertools
import re
from typing import Any, Dict, Iterator, Optional, Tuple

from ..histories import PACKED_DATA
from ..jsons import compact
from ..key_places import is_secret_member
from ..limits import Json
from ..mocks.match import MATCH_KEYS
from ..mocks.templates import BRACKETS, walked
from ..values import Call
from .scrubbing import Scrubber

LONGEST_TOLD = 64 * 1024  # characters of a text that is asked for as it is
LONGEST_EARLIER = 1000  # the same of what did not come last
LONGEST_BODY = 256 * 1024  # of a piece of the body as JSON
MOST_SAMPLES = 4  # of a longer text, beside its end and its length
SAMPLE, SAMPLED_END = 24, 60  # characters of each
MOST_LEAVES = 64  # places that are asked for one by one, of one value


def sampled(text: str) -> Dict[str, Json]:
    """A matcher for a long text: its length, its end, and some pieces of it.

    Pictures of one kind begin alike, and often end so."""
    middle = len(text) - SAMPLED_END
    step = middle // (MOST_SAMPLES + 1)
    pattern, at = r"(?s)\A", 0
    for number in range(1, MOST_SAMPLES + 1):
        start = number * step
        pattern += f".{{{start - at}}}" + re.escape(text[start : start + SAMPLE])
        at = start + SAMPLE
    pattern += f".{{{middle - at}}}" + re.escape(text[middle:])
    return {"regex": pattern + r"\Z"}


def leaves(path: str, value: Json) -> Iterator[Tuple[str, Json]]:
    """The texts, numbers and booleans in a value, by path; behind the last item of a list there is
    none."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(f"{path}.{name}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(f"{path}.{index}", inner)
        yield f"{path}.{len(value)}", None
    elif value is not None:
        yield path, value


def member_name(path: str) -> str:
    """What the member is called that is at a path; in a list, what the list is called."""
    return next((name for name in reversed(path.split(".")) if not name.isdigit()), "")


class Asking:
    """What is asked of requests like a call, so far."""

    def __init__(self, call: Call, scrubber: Scrubber) -> None:
        self.call, self.scrubber = call, scrubber
        self.keys: Dict[str, Json] = {}
        self.fields: Dict[str, Json] = {}
        self.body: Dict[str, Any] = {}

    def match(self) -> Dict[str, Json]:
        """All of it, in the order in which a match is read."""
        found = dict(self.keys)
        if self.fields:
            found["fields"] = self.fields
        if self.body:
            found["body"] = self.body
        return {key: found[key] for key in MATCH_KEYS if key in found}

    def matcher(self, text: str, longest: int = LONGEST_TOLD) -> Json:
        """A matcher for a text; of a long one, for some of it."""
        if len(text) <= longest or len(text) <= SAMPLED_END + MOST_SAMPLES * (SAMPLE + 1):
            return self.scrubber.matcher(text)
        if PACKED_DATA.match(text) or self.scrubber.text(text) == text:
            return sampled(text)
        return self.scrubber.matcher(text)

    def ask(self, key: str, text: Optional[str]) -> None:
        """Ask for a text of the call, or for none."""
        self.keys[key] = None if text is None else self.matcher(text)

    def leaf(self, path: str, value: Json, longest: int = LONGEST_TOLD) -> None:
        """Ask for the text, the number or the boolean that is at a place in the body, or for
        nothing there."""
        # A name with a point in it can't be part of a path, and one that is a key should not be.
        if walked(self.call.said, path) != value or re.search(BRACKETS.pattern + r"\.", path):
            return
        if self.scrubber.text(path) != path:
            return
        if isinstance(value, str):
            if is_secret_member(member_name(path), value):
                return  # a short one is not known by itself
            value = self.matcher(value, longest)
        self.fields[path] = value

    def each(self, path: str, value: Json, longest: int = LONGEST_TOLD) -> None:
        """Ask for all texts, numbers and booleans below a place, unless they are too many."""
        for inner, leaf in itertools.islice(leaves(path, value), MOST_LEAVES):
            self.leaf(inner, leaf, longest)

    def is_whole(self, value: Json, name: str) -> bool:
        """Whether a value can be asked for as it is: nothing secret in it, and not too long."""
        return self.scrubber.value(value, name) == value and len(compact(value)) <= LONGEST_BODY

    def whole(self, path: str) -> None:
        """Ask for what is at a place in the body, whatever that is."""
        value = walked(self.call.said, path)
        if not isinstance(value, (dict, list)):
            self.leaf(path, value)
        # An object of the body may have more members, so that an empty one asks for little.
        elif self.is_whole(value, member_name(path)):
            *outer, name = path.split(".")
            around = self.body
            for step in outer:
                around = around.setdefault(step, {})
            around[name] = value
        else:
            self.each(path, value)
