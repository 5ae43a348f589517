"""What of Converse the models behind it lack (request rules, 2.9 and 4.1).  Pure."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, Pattern, Sequence

from .base import Finding, Rule
from .bedrock_talk import MODEL_FIELDS, TO_LOOK_AT, ConverseTalk, TalkBlock
from .bedrock_voice import MALFORMED_END, MALFORMED_START

# Models by the names that are left when publisher and region are gone.
OLD_MISTRAL = r"mistral-7b|mixtral-8x7b"
MISTRAL_2024 = r"mistral-(?:large|small)-24|pixtral-large-25"
TITAN_TEXT = r"titan-text|titan-tg1"
OLD_LLAMA = r"llama2|llama3-(?:8|70)b|llama3-2-[13]b"
DEEPSEEK_R1 = r"(?:deepseek\.)?r1-"
CLAUDE, NOVA = r"claude-", r"nova-"

# Block kinds that a conversation may have, and the models that have no eyes for them.
BLIND_TO: Mapping[str, Pattern[str]] = {
    "video": re.compile(rf"^(?:{CLAUDE}|llama|mistral|mixtral|pixtral|{TITAN_TEXT}|nova-micro)"),
    "image": re.compile(
        rf"^(?:{OLD_MISTRAL}|mistral-(?:large|small)-24|{TITAN_TEXT}|{OLD_LLAMA}|llama3-[13]-"
        r"|nova-micro|claude-(?:v2|instant))"
    ),
}
# A name that is that of a model, not of a profile: those begin with a region.
BARE_CLAUDE = re.compile(r"(?:^|foundation-model/)anthropic\.")

# What may stand in additionalModelRequestFields, as far as makers' documentation says; only
# --strict=all asks.
MORE_FIELDS: Mapping[str, Sequence[str]] = {
    CLAUDE: (
        *("thinking", "top_k", "anthropic_beta", "tools", "tool_choice", "output_config"),
        *("context_management", "reasoning_config", "betas", "metadata", "stop_sequences"),
    ),
    NOVA: ("inferenceConfig", "reasoningConfig", "toolConfig"),
    "llama": ("max_gen_len", "images"),
    "mi": ("top_k", "safe_prompt", "tools", "tool_choice"),
    "titan-": ("textGenerationConfig",),
}


def forced_tools(view: ConverseTalk) -> Iterator[Finding]:
    """A tool that must be called."""
    choice = view.tool_choice
    kinds = ("any", "tool") if view.name.startswith("llama") else ("tool",)
    for kind in kinds:
        if choice.get(kind) is not None:
            yield Finding("toolConfig.toolChoice", {"kind": kind})


def a_system_prompt(view: ConverseTalk) -> Iterator[Finding]:
    """A system prompt."""
    if view.request.get("system"):
        yield Finding("system")


def any_tools(view: ConverseTalk) -> Iterator[Finding]:
    """Tools."""
    if view.request.get("toolConfig"):
        yield Finding("toolConfig")


def streamed_tools(view: ConverseTalk) -> Iterator[Finding]:
    """Tools, where the answer is a stream."""
    if view.case.params.get("verb") == "converse-stream":
        for finding in any_tools(view):
            yield finding._replace(sentence=NOT_STREAMED)


def unseen_blocks(view: ConverseTalk) -> Iterator[Finding]:
    """Pictures and films for models that read texts alone."""
    for block in view.blocks:
        blind = BLIND_TO.get(block.kind)
        if blind is not None and blind.search(view.name):
            yield Finding(block.place, {"kind": block.kind})


def mixed_turns(view: ConverseTalk) -> Iterator[Finding]:
    """Texts beside the results of tools."""
    for turn in view.turns:
        if turn.results and view.has_text(turn.first):
            yield Finding(f"messages.{turn.first}.content", {"i": turn.first})


def cache_points_at_tools(view: ConverseTalk) -> Iterator[Finding]:
    """A cache point behind a tool, its call or its result: it becomes a member of these."""
    for index, tool in view.tools:
        if "cachePoint" in tool:
            at = max(0, index - 1)
            values = {"pointer": f"#/toolConfig/tools/{at}", "name": "cachePoint"}
            yield Finding(f"toolConfig.tools.{index}", values)
    before = TalkBlock(-1, 0, "", None)
    for block in view.blocks:
        is_tool = before.kind in ("toolUse", "toolResult")
        if block.kind == "cachePoint" and is_tool and before.message == block.message:
            pointer = f"#/messages/{before.message}/content/{before.number}"
            yield Finding(block.place, {"pointer": pointer, "name": "cachePoint"})
        before = block


def more_fields(view: ConverseTalk) -> Iterator[Finding]:
    """Fields for the model that it is not known to have."""
    given = view.request.get(MODEL_FIELDS)
    for maker, known in MORE_FIELDS.items():
        if not isinstance(given, dict) or not view.name.startswith(maker):
            continue
        for name in given:
            if name in known:
                continue
            values = {"pointer": "#", "name": name}
            sentence = None
            if maker == CLAUDE:
                sentence = MODEL_SAID + "{name}: Extra inputs are not permitted"
            yield Finding(MODEL_FIELDS, values, sentence=sentence)


def without_profile(view: Any) -> Iterator[Finding]:
    """A model's own id, where only an inference profile has throughput."""
    if BARE_CLAUDE.search(view.case.model):
        yield Finding("modelId", {"model": view.case.model})


MALFORMED_AT = MALFORMED_START + "{pointer}: "
MODEL_SAID = "The model returned the following errors: "
NOT_STREAMED = "This model doesn't support tool use in streaming mode."
NOT_THERE = MODEL_SAID + MALFORMED_AT + "extraneous key [{name}] is not permitted" + MALFORMED_END
ON_DEMAND = (
    "Invocation of model ID {model} with on-demand throughput isn’t supported. Retry your request "
    "with the ID or ARN of an inference profile that contains this model."
)

# Request rules, 2.9 and 4.1.
BEDROCK_MODEL_RULES = (
    Rule(
        "bedrock/tool-choice",
        "This model doesn't support the toolConfig.toolChoice.{kind} field. Remove "
        "toolConfig.toolChoice.{kind} and try again.",
        "public source files, strands-agents/sdk-python#1241",
        forced_tools,
        needs=("toolConfig",),
        default="mod",
        models=rf"^(?:llama|{OLD_MISTRAL}|{MISTRAL_2024})",
    ),
    Rule(
        "bedrock/no-system",
        "This model doesn't support system messages. Try again without a system message or use a "
        "model that supports system messages.",
        "documentation",
        a_system_prompt,
        needs=("system",),
        default="mod",
        models=rf"^(?:{TITAN_TEXT}|{OLD_MISTRAL})",
    ),
    Rule(
        "bedrock/no-tools",
        "This model doesn't support tool use.",
        "documentation",
        any_tools,
        needs=("toolConfig",),
        default="mod",
        models=rf"^(?:{TITAN_TEXT}|{OLD_MISTRAL}|{OLD_LLAMA}|{DEEPSEEK_R1})",
    ),
    Rule(
        "bedrock/no-tools",
        "This model doesn't support tool use.",
        "documentation",
        streamed_tools,
        needs=("toolConfig",),
        default="mod",
        models=r"^llama(?:3-1|3-2-(?:11|90)b|3-3|4)",
    ),
    Rule(
        "bedrock/block-unsupported",
        "This model doesn't support the {kind} content block that you provided. Update the content "
        "block and try again.",
        "recorded",
        unseen_blocks,
        needs=(TO_LOOK_AT,),
        default="mod",
        models="|".join(kind.pattern for kind in BLIND_TO.values()),
    ),
    Rule(
        "bedrock/mixed-turn",
        "messages.{i}.content: Conversation blocks and tool result blocks cannot be provided in "
        "the same turn.",
        "strands-agents/harness-sdk#1223",
        mixed_turns,
        needs=("toolResult",),
        default="mod",
        models=r"^llama",
    ),
    # Nobody has a list of all models' fields.
    Rule(
        "bedrock/extraneous",
        NOT_THERE,
        "recorded, public source files",
        more_fields,
        needs=(MODEL_FIELDS,),
        default="off",
    ),
    # But this of one.
    Rule(
        "bedrock/extraneous",
        NOT_THERE,
        "recorded, public source files",
        cache_points_at_tools,
        default="mod",
        models=r"^nova-",
    ),
)
# What has throughput is no matter of Converse alone: these look at the model, of any view's case.
ON_DEMAND_RULES = (
    Rule(
        "bedrock/on-demand",
        ON_DEMAND,
        "anthropics/anthropic-sdk-python#894, cline/cline#2482, danny-avila/LibreChat#4570",
        without_profile,
        default="mod",
        models=r"^claude-(?:3-7|(?:opus|sonnet|haiku)-4)",
    ),
    # That depends on date and region.
    Rule(
        "bedrock/on-demand",
        ON_DEMAND,
        "anthropics/anthropic-sdk-python#894",
        without_profile,
        default="jrn",
        models=r"^claude-3-5",
    ),
)

# Request rules, 3: never part of --strict.  --require-auth refuses what has no signature, and
# --credential recomputes one.
SIGNING_RULES = (
    Rule(
        "bedrock/no-signature",
        "Missing Authentication Token",
        "documentation",
        default="off",
        status=403,
    ),
    Rule(
        "bedrock/signature",
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details.",
        "public source files, one of Bedrock",
        default="off",
        status=403,
    ),
    Rule(
        "bedrock/skew",
        "Signature expired: {t} is now earlier than {t2} ({now} - 5 min.)",
        "documentation",
        default="off",
        status=403,
    ),
    Rule(
        "bedrock/scope",
        "Credential should be scoped to correct service: 'bedrock'.",
        "documentation",
        default="off",
        status=403,
    ),
)
