"""How Anthropic says that a field is wrong (request rules, 1.8), at its other hosts, too.  Pure."""

from __future__ import annotations

import re
from typing import Dict, Mapping, Optional, Tuple

from .anthropic_fields import CLAUDE_BLOCKS, CLAUDE_TOOLS, GENERAL_BLOCKS, GENERAL_TOOLS
from .base import Finding
from .fields import (
    MISSING_FIELD,
    TOO_LARGE,
    TOO_LONG,
    TOO_SHORT,
    TOO_SMALL,
    UNKNOWN_FIELD,
    WRONG_CHOICE,
    WRONG_PATTERN,
    WRONG_TAG,
    FieldFault,
    FieldPath,
    KeyStep,
    Shape,
)
from .pydantic_voice import pydantic_words

# The rules of shapes, and the kinds of faults that break them; all others are of the types.
TOLD_APART: Mapping[str, Tuple[str, ...]] = {
    "anthropic/block-tag": (WRONG_TAG,),
    "anthropic/budget-min": (TOO_SMALL,),
    "anthropic/messages-empty": (TOO_SHORT,),
    "anthropic/role-unknown": (WRONG_CHOICE,),
    "anthropic/temperature-range": (TOO_SMALL, TOO_LARGE),
    "anthropic/thinking-signature": (MISSING_FIELD,),
    "anthropic/tool-choice-none-extra": (UNKNOWN_FIELD,),
    "anthropic/tool-name": (WRONG_PATTERN, TOO_LONG),
    "anthropic/tool-tag": (WRONG_TAG,),
    "anthropic/tool-use-id-pattern": (WRONG_PATTERN,),
}
# The types of tools and blocks that are taken without a beta: an error lists them.
GENERAL_TAGS: Mapping[Shape, Tuple[str, ...]] = {
    CLAUDE_BLOCKS: tuple(GENERAL_BLOCKS),
    CLAUDE_TOOLS: GENERAL_TOOLS,
}
# Types of tools and blocks that look like Anthropic's own: newer ones than are known here.
LIKE_A_TOOL = re.compile(r"_20\d{6}$")
LIKE_A_BLOCK = re.compile(r"_(?:tool_use|tool_result)$")
BLANK_STOP = (
    "stop_sequences: each stop sequence must contain non-whitespace"  # BerriAI/litellm#3286
)


def claude_path(path: FieldPath) -> str:
    """A path as in `messages.1.content.0.tool_use.input`, with the names of members of unions."""
    return ".".join([step.key if isinstance(step, KeyStep) else str(step) for step in path])


def is_newer(rule: str, kind: object) -> bool:
    """Whether a type that is not known here may be one that Anthropic has by now."""
    known = LIKE_A_TOOL if rule == "anthropic/tool-tag" else LIKE_A_BLOCK
    return isinstance(kind, str) and bool(known.search(kind))


def claude_words(rule: str, fault: FieldFault) -> Optional[Finding]:
    """What is said of a fault of which pydantic says nothing."""
    place = claude_path(fault.path)
    if rule == "anthropic/messages-empty":
        return Finding(place)
    if rule == "anthropic/role-unknown":
        return Finding(place, {"value": fault.value})
    if fault.kind == WRONG_PATTERN and fault.path[0] == "stop_sequences":
        return Finding(place, sentence=BLANK_STOP)
    return None


def claude_voice(fault: FieldFault) -> Tuple[str, Finding]:
    """The id of the rule that a fault breaks, and what its error says."""
    rule = "anthropic/types"
    if fault.kind in TOLD_APART.get(fault.shape.own_rule, ()):
        rule = fault.shape.own_rule
    elif fault.kind == UNKNOWN_FIELD:
        rule = "anthropic/unknown-field"
    own = claude_words(rule, fault)
    if own is not None:
        return rule, own
    words, _, more = pydantic_words(fault)
    place = claude_path(fault.path)
    values: Dict[str, object] = {**more, "path": place}
    if rule in ("anthropic/tool-tag", "anthropic/block-tag"):
        if is_newer(rule, fault.value):
            return "", Finding(place)  # no rule of that name: nothing is said
        # What a sentence quotes is cut, but these are not the request's.
        tags = ", ".join([f"'{kind}'" for kind in GENERAL_TAGS.get(fault.shape, ())])
        words = words.replace("{known}", tags or "{known}")
    sentence = words if not place else "{path}: " + words
    return rule, Finding(place, values, sentence=sentence)
