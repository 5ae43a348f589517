"""What Claude refuses whoever hosts it, as functions of plain values, and in which words.  Pure."""

from __future__ import annotations

import base64
from typing import Iterable, Iterator, Mapping, NamedTuple, Optional, Sequence

from ..limits import Json
from .conversation import text_at

THINKING_GUIDE = (
    " Please consult our documentation at "
    "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)
BUDGET_BELOW_MAX = (
    "`max_tokens` must be greater than `thinking.budget_tokens`."
    + THINKING_GUIDE
    + "#max-tokens-and-context-window-size"
)
ONLY_ONE_TEMPERATURE = (
    "`temperature` may only be set to 1 when thinking is enabled."
    + THINKING_GUIDE
    + "#important-considerations-when-using-extended-thinking"
)
ADAPTIVE_TEMPERATURE = (
    "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."
    + THINKING_GUIDE
)
FORCED_THOUGHT = "Thinking may not be enabled when tool_choice forces tool use."
MARKS_MOST = 4
TOO_MANY_MARKS = "A maximum of 4 blocks with cache_control may be provided. Found {found}."
LATE_HOUR = (
    "{path}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
    "cache_control block. Note that blocks are processed in the following order: `tools`, "
    "`system`, `messages`."
)
IMAGE_MOST = 5 * 1024 * 1024  # characters of base64
IMAGE_STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}

# The names of models without what hosts put before them (request rules, 4.1).
OLDER_CLAUDE = (
    r"^claude-(?:[23](?!\d)|instant|(?:opus|sonnet|haiku)-4(?:-[0-7](?!\d)|-20\d{6}|[@:]|$))"
)
FIFTH_CLAUDE = r"^claude-[a-z]+-[5-9](?!\d)"
NEWEST_CLAUDE = rf"{FIFTH_CLAUDE}|^claude-opus-4-[7-9](?!\d)"
NO_PREFILL = rf"{FIFTH_CLAUDE}|^claude-(?:opus|sonnet)-4-[6-9](?!\d)"
ONE_SAMPLER = r"^claude-(?:opus|sonnet|haiku)-4-[1-6](?!\d)"


class CacheMark(NamedTuple):
    """A mark that asks for a cache: where, and what it says; `tag` is the member of a union that
    the path of a fault inside it names behind the place."""

    place: str
    says: Mapping[str, Json]
    tag: str = ""


def late_hours(marks: Iterable[CacheMark]) -> Iterator[CacheMark]:
    """The marks for an hour that come after one for five minutes, which is the usual."""
    was_short = False
    for mark in marks:
        if mark.says.get("ttl") != "1h":
            was_short = True
        elif was_short:
            yield mark


def thinking_on(thinking: Json) -> str:
    """How a request asks for thoughts: enabled or adaptive; empty if it does not."""
    kind = text_at(thinking, "type")
    return kind if kind in ("enabled", "adaptive") else ""


def is_over_budget(thinking: Json, max_tokens: Json) -> bool:
    """Whether thoughts may take all of what may be said."""
    if text_at(thinking, "type") != "enabled" or not isinstance(thinking, dict):
        return False
    budget = thinking.get("budget_tokens")
    return isinstance(budget, int) and isinstance(max_tokens, int) and budget >= max_tokens


def is_number_but(value: Json, usual: float) -> bool:
    """Whether a member is a number other than its usual one."""
    return isinstance(value, (int, float)) and value != usual


def forces_tool(choice: Json) -> bool:
    """Whether a tool choice leaves nothing but to call one."""
    return text_at(choice, "type") in ("any", "tool")


def image_type(data: str) -> Optional[str]:
    """The media type of an image in base64, as its first bytes have it; None if they are of none
    that Claude reads."""
    try:
        start = base64.b64decode(data[:24])
    except ValueError:
        return None
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in IMAGE_STARTS.items() if start.startswith(magic)), None)


def first_kind(content: Json) -> str:
    """The type of the first block of a message; of one that is a text, that."""
    if isinstance(content, str):
        return "text"
    return text_at(content[0], "type") if isinstance(content, list) and content else ""


class MergedTurn:
    """Messages of one role that follow each other: the first one's index, the type of its first
    block, and whether there are results of tools in them."""

    __slots__ = ("index", "role", "first", "has_results")

    def __init__(self, index: int, role: Json, first: str) -> None:
        self.index, self.role, self.first, self.has_results = index, role, first, False


def thoughtless_turn(turns: Sequence[MergedTurn]) -> Optional[MergedTurn]:
    """The last turn of the assistant, as far as it has to begin with a thought where thinking is
    enabled: if neither it does nor one before it in the same round of tools."""
    at = len(turns) - 1
    if at >= 0 and turns[at].has_results:
        at -= 1
    last = None
    while at >= 0 and turns[at].role == "assistant":
        turn = turns[at]
        if turn.first not in ("text", "tool_use"):
            return None
        last = last or turn
        if not at or not turns[at - 1].has_results:
            break
        at -= 2
    return last
