"""Captions: a text with the times at which it is said, as whoever speaks at an even pace would.
Pure."""

from __future__ import annotations

import re
from typing import List, Pattern, Sequence

from ..errors import Refused
from ..records import record

PACE = 15  # characters a second
MOST_CAPTIONS = 10_000  # of one answer: each takes hundreds of bytes
# Or lines; none is longer, for the expression takes 100 bytes of memory for each character.
SENTENCES = re.compile(r"\S(?:\S|(?<![.!?。！？])[^\S\n]){0,99999}")
WORDS_ALONE = re.compile(r"\S+")


@record
class Caption:
    """A piece of a text, and from which second to which it is said."""

    text: str
    start: float
    end: float


def second_of(characters: int) -> float:
    """The second at which so many characters are said."""
    return round(characters / PACE, 2)


def timed(text: str, piece: Pattern[str]) -> List[Caption]:
    """The pieces of a text with their times."""
    found: List[Caption] = []
    for match in piece.finditer(text):
        if len(found) == MOST_CAPTIONS:
            message = f"the answer has times for at most {MOST_CAPTIONS} pieces; ask for less"
            raise Refused(400, message, code="answer_too_large")
        start, end = second_of(match.start()), second_of(match.end())
        found.append(Caption(match.group().rstrip(), start, end))
    return found


def clock(second: float, mark: str) -> str:
    """A second as 00:00:01,500, with a mark before the milliseconds."""
    whole, thousandths = divmod(round(second * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{mark}{thousandths:03d}"


def srt(cues: Sequence[Caption]) -> str:
    """SubRip."""
    lines = []
    for number, cue in enumerate(cues, 1):
        lines.append(f"{number}\n{clock(cue.start, ',')} --> {clock(cue.end, ',')}\n{cue.text}\n\n")
    return "".join(lines)


def vtt(cues: Sequence[Caption]) -> str:
    """WebVTT."""
    lines = ["WEBVTT\n\n"]
    for cue in cues:
        lines.append(f"{clock(cue.start, '.')} --> {clock(cue.end, '.')}\n{cue.text}\n\n")
    return "".join(lines)
