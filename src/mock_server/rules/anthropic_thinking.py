"""What Anthropic refuses of thoughts, sampling, caches and images (request rules, 2.5).  Pure."""

from __future__ import annotations

import re
from typing import Iterator

from .anthropic_view import ClaudeView, block_place
from .base import Finding, Rule
from .claude_checks import (
    ADAPTIVE_TEMPERATURE,
    BUDGET_BELOW_MAX,
    FORCED_THOUGHT,
    IMAGE_MOST,
    LATE_HOUR,
    MARKS_MOST,
    NEWEST_CLAUDE,
    ONE_SAMPLER,
    ONLY_ONE_TEMPERATURE,
    THINKING_GUIDE,
    TOO_MANY_MARKS,
    forces_tool,
    image_type,
    is_number_but,
    is_over_budget,
    late_hours,
    thinking_on,
    thoughtless_turn,
)
from .conversation import indexed_objects, text_at

# How those are that the server makes itself: letters and digits in base64.
ISSUED_SIGNATURE = re.compile(r"[A-Za-z0-9]{128}\Z")


def budgets_over(view: ClaudeView) -> Iterator[Finding]:
    """A budget that leaves nothing for the answer, but where thoughts come between calls."""
    body = view.body
    if not is_over_budget(body["thinking"], body["max_tokens"]):
        return
    if not view.has_beta("interleaved-thinking-"):
        yield Finding("max_tokens")


def warm_thoughts(view: ClaudeView) -> Iterator[Finding]:
    """A temperature beside thoughts."""
    kind = thinking_on(view.body["thinking"])
    if kind and is_number_but(view.body["temperature"], 1):
        sentence = ADAPTIVE_TEMPERATURE if kind == "adaptive" else None
        yield Finding("temperature", sentence=sentence)


def two_samplers(view: ClaudeView) -> Iterator[Finding]:
    """Two ways to sample."""
    if view.body["temperature"] is not None and view.body["top_p"] is not None:
        yield Finding("temperature")


def deprecated_samplers(view: ClaudeView) -> Iterator[Finding]:
    """Any way to sample that is not the usual one."""
    for name, usual in (("temperature", 1), ("top_p", 1), ("top_k", 0)):
        if is_number_but(view.body.get(name), usual):
            yield Finding(name, {"name": name})


def enabled_thoughts(view: ClaudeView) -> Iterator[Finding]:
    """Thoughts with a budget."""
    if text_at(view.body["thinking"], "type") == "enabled":
        yield Finding("thinking.type")


def highest_effort(view: ClaudeView) -> Iterator[Finding]:
    """An effort that only newer models take."""
    effort = text_at(view.body["output_config"], "effort")
    if effort == "xhigh":
        yield Finding("output_config.effort", {"value": effort})


def forced_thoughts(view: ClaudeView) -> Iterator[Finding]:
    """Thoughts where a tool has to be called at once."""
    if thinking_on(view.body["thinking"]) and forces_tool(view.body["tool_choice"]):
        yield Finding("thinking")


def turns_without_thought(view: ClaudeView) -> Iterator[Finding]:
    """A turn that goes on, without the thought that it began with."""
    if text_at(view.body["thinking"], "type") != "enabled":
        return
    turn = thoughtless_turn(view.merged())
    if turn:
        place = f"messages.{turn.index}.content.0.type"
        yield Finding(place, {"path": place, "type": turn.first})


def empty_signatures(view: ClaudeView) -> Iterator[Finding]:
    """Thoughts that nothing proves to be the model's own."""
    for at, block in view.of("thinking"):
        if block.get("signature") == "":
            place = block_place(at)
            yield Finding(place, {"path": place})


def foreign_signatures(view: ClaudeView) -> Iterator[Finding]:
    """Thoughts with a signature that the server did not make, as far as one can see."""
    for at, block in view.of("thinking"):
        signature = block.get("signature")
        if isinstance(signature, str) and signature and not ISSUED_SIGNATURE.match(signature):
            place = block_place(at)
            yield Finding(place, {"path": place})


def too_many_marks(view: ClaudeView) -> Iterator[Finding]:
    """More marks of a cache than there may be."""
    if len(view.marks) > MARKS_MOST:
        yield Finding("", {"found": len(view.marks)})


def marks_on_nothing(view: ClaudeView) -> Iterator[Finding]:
    """Marks of a cache on empty texts."""
    for index, block in indexed_objects(view.body.get("system")):
        if block.get("text") == "" and block.get("cache_control"):
            yield Finding(f"system.{index}", {"path": f"system.{index}"})
    for at, block in view.of("text"):
        if block.get("text") == "" and block.get("cache_control"):
            place = block_place(at) + ".text"
            yield Finding(place, {"path": place})


def hours_after_minutes(view: ClaudeView) -> Iterator[Finding]:
    """Marks for an hour behind one for less."""
    for mark in late_hours(view.marks):
        yield Finding(mark.place + ".cache_control.ttl", {"path": mark.place})


def images_of_other_types(view: ClaudeView) -> Iterator[Finding]:
    """Images that are not what they are said to be."""
    for at, block in view.of("image"):
        source = block.get("source")
        found = image_type(text_at(source, "data"))
        said = text_at(source, "media_type")
        if found and found != said:
            place = block_place(at) + ".image.source.base64.data"
            yield Finding(place, {"path": place, "type": said})


def large_images(view: ClaudeView) -> Iterator[Finding]:
    """Images that are too large."""
    for at, block in view.of("image"):
        size = len(text_at(block.get("source"), "data"))
        if size > IMAGE_MOST:
            place = block_place(at) + ".image.source.base64"
            yield Finding(place, {"path": place, "size": size})


CLAUDE_THINKING_RULES = (
    Rule(
        "anthropic/budget-below-max",
        BUDGET_BELOW_MAX,
        "liuw1535/antigravity2api-nodejs#149, liuw1535/antigravity2api-nodejs#150",
        budgets_over,
        needs=("thinking", "max_tokens"),
    ),
    Rule(
        "anthropic/temperature-thinking",
        ONLY_ONE_TEMPERATURE,
        "MartialBE/one-hub#529, dyad-sh/dyad#4396, Aider-AI/aider#3720",
        warm_thoughts,
        needs=("thinking", "temperature"),
    ),
    Rule(
        "anthropic/temp-and-topp",
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        "fwdai/reticle#7, skydiscover-ai/skydiscover#15",
        two_samplers,
        default="mod",
        needs=("temperature", "top_p"),
        models=ONE_SAMPLER,
    ),
    Rule(
        "anthropic/temp-deprecated",
        "`{name}` is deprecated for this model.",
        "UKGovernmentBEIS/inspect_ai#3721",
        deprecated_samplers,
        default="mod",
        needs=("messages",),
        models=NEWEST_CLAUDE,
    ),
    Rule(
        "anthropic/thinking-enabled-gone",
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
        '"output_config.effort" to control thinking behavior.',
        "earendil-works/pi#3297, srtab/daiv#1429",
        enabled_thoughts,
        default="mod",
        needs=("thinking",),
        models=NEWEST_CLAUDE,
    ),
    # Which models take which efforts is known of those alone of which this was recorded.
    Rule(
        "anthropic/effort-unsupported",
        "This model does not support effort level '{value}'. Supported levels: high, low, max, "
        "medium.",
        "recorded",
        highest_effort,
        default="off",
        needs=("output_config",),
        models="^claude-(?:opus|sonnet)-4-6",
    ),
    Rule(
        "anthropic/thinking-forced-tool",
        FORCED_THOUGHT,
        "mastra-ai/mastra#7507, can1357/oh-my-pi#341; adaptive: Alcova-AI/adk-anthropic-go#23",
        forced_thoughts,
        needs=("thinking", "tool_choice"),
    ),
    Rule(
        "anthropic/thinking-first",
        "{path}: Expected `thinking` or `redacted_thinking`, but found `{type}`. When `thinking` "
        "is enabled, a final `assistant` message must start with a thinking block (preceeding the "
        "lastmost set of `tool_use` and `tool_result` blocks). We recommend you include thinking "
        "blocks from previous turns. To avoid this requirement, disable `thinking`."
        + THINKING_GUIDE,
        "anomalyco/opencode#3077, lbjlaq/Antigravity-Manager#139",
        turns_without_thought,
        needs=("thinking", "messages"),
    ),
    # Only an empty one is surely none of the model's own: history may be from elsewhere.
    Rule(
        "anthropic/signature-invalid",
        "{path}: Invalid `signature` in `thinking` block",
        "anthropics/claude-code#10627, lbjlaq/Antigravity-Manager#498",
        empty_signatures,
        needs=("+thinking",),
    ),
    Rule(
        "anthropic/signature-invalid",
        "{path}: Invalid `signature` in `thinking` block",
        "anthropics/claude-code#10627, lbjlaq/Antigravity-Manager#498",
        foreign_signatures,
        default="off",
        needs=("+thinking",),
    ),
)

CLAUDE_CACHE_RULES = (
    Rule(
        "anthropic/cache-max",
        TOO_MANY_MARKS,
        "BerriAI/litellm#16062, agentjido/req_llm#480",
        too_many_marks,
        needs=("+cache",),
    ),
    Rule(
        "anthropic/cache-empty-text",
        "{path}: cache_control cannot be set for empty text blocks",
        "public source files",
        marks_on_nothing,
        needs=("+cache", "+text"),
    ),
    Rule(
        "anthropic/cache-ttl-order",
        LATE_HOUR,
        "cnighswonger/claude-code-cache-fix#44, headroomlabs-ai/headroom#2939",
        hours_after_minutes,
        needs=("+cache",),
    ),
)

CLAUDE_IMAGE_RULES = (
    Rule(
        "anthropic/image-type",
        "{path}: Image does not match the provided media type {type}",
        "anthropics/claude-code#12041, anthropics/claude-code#13131",
        images_of_other_types,
        needs=("+image",),
    ),
    Rule(
        "anthropic/image-size",
        "{path}: image exceeds 5 MB maximum: {size} bytes > 5242880 bytes",
        "anthropics/claude-code#10612, anthropics/claude-code#19631",
        large_images,
        needs=("+image",),
    ),
)
