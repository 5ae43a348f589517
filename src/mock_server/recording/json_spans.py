"""The texts in JSON, each with the place where it stands, so that one can be changed and all else
stays as it was written.  Pure."""

from __future__ import annotations

import json
import re
from typing import Any, List, NamedTuple, Optional, Tuple

WayTo = Tuple[Any, ...]
FoundText = Tuple[str, str, Optional[WayTo]]  # a text, the name of its member, its path


class JsonText(NamedTuple):
    """A text in something that was written: `start` and `end` of what stands for it there, `name`
    of the member that it is the value of, and `path`, equal for pieces of one text that is cut
    over several events.  A name has no path; what is `is_plain` has no escapes."""

    start: int
    end: int
    text: str
    name: str = ""
    path: Optional[WayTo] = None
    is_plain: bool = False


class JsonMembers(List[Tuple[str, Any]]):
    """The members of a JSON object in order, those that stand twice too."""


def short_number(digits: str) -> int:
    """A whole number, if it can be the place of something."""
    return int(digits) if len(digits) < 10 else -1


MEMBERS_DECODER = json.JSONDecoder(
    object_pairs_hook=JsonMembers, parse_int=short_number, strict=False
)
WRITTEN_TEXT = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
# What says which of several texts a piece belongs to, beside the names on the way to it.
APART = frozenset(
    (
        *("index", "output_index", "content_index", "summary_index", "item_id"),
        *("contentBlockIndex", "jsonPath"),
    )
)


def json_texts(text: str) -> Optional[List[JsonText]]:
    """The texts in JSON, names among them, in order; None if it is none."""
    try:
        value = MEMBERS_DECODER.decode(text.lstrip("\ufeff"))
        found: List[FoundText] = []
        collect(value, "", (), found)
    except (ValueError, RecursionError):
        return None
    # Read twice: once for what they say, once for where they are.
    return [
        JsonText(match.start(1), match.end(1), *one)
        for match, one in zip(WRITTEN_TEXT.finditer(text), found)
    ]


def collect(value: Any, name: str, path: WayTo, found: List[FoundText]) -> None:
    """Gather the texts in a value, with the names of the members that they are in, and paths."""
    if isinstance(value, str):
        found.append((value, name, path))
    elif isinstance(value, JsonMembers):
        apart = tuple(
            pair for pair in value if pair[0] in APART and isinstance(pair[1], (str, int))
        )
        for key, inner in value:
            found.append((key, "", None))
            collect(inner, key, (*path, apart, key), found)
    elif isinstance(value, list):
        # Without the place in the list: a stream's pieces are all at the first.
        for inner in value:
            collect(inner, name, path, found)


UNIT = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]",
    re.DOTALL,
)


def letter_places(written: str) -> List[int]:
    """Where each character of a text begins in what is written for it, and where that ends."""
    return [*(match.start() for match in UNIT.finditer(written)), len(written)]
