"""What Anthropic's messages and counts refuse, and Claude on Vertex AI and Bedrock (request rules,
2.5, 2.6 and 3).  Pure."""

from __future__ import annotations

from .anthropic_betas import AWS_BETA_RULE, CLAUDE_BETA_RULES, CLAUDE_HOST_RULES, VERSION_RULE
from .anthropic_fields import (
    CLAUDE_BEDROCK_BODY,
    CLAUDE_BODY,
    CLAUDE_COUNT_BODY,
    CLAUDE_VERTEX_BODY,
    CLAUDE_VERTEX_COUNT_BODY,
)
from .anthropic_thinking import CLAUDE_CACHE_RULES, CLAUDE_IMAGE_RULES, CLAUDE_THINKING_RULES
from .anthropic_tools import CLAUDE_TOOL_RULES
from .anthropic_turns import CLAUDE_TURN_RULES
from .anthropic_view import ClaudeView
from .anthropic_voice import claude_voice
from .base import Book, Rule
from .bedrock_models import ON_DEMAND_RULES

# What the fields tell (1.3 and 1.8): the sentences are pydantic's, but where the voice has others.
CLAUDE_FIELD_RULES = (
    Rule("anthropic/types", "{path}: Input should be a valid {name}", "pattern"),
    Rule(
        "anthropic/unknown-field",
        "{path}: Extra inputs are not permitted",
        "anthropics/claude-code#96152, recorded",
    ),
    Rule(
        "anthropic/tool-use-id-pattern",
        "{path}: String should match pattern '^[a-zA-Z0-9_-]+$'",
        "maximhq/bifrost#5097, BlockRunAI/ClawRouter#17",
    ),
    Rule(
        "anthropic/tool-name",
        "{path}: String should match pattern '{pattern}'",
        "vybestack/llxprt-code#482, anthropics/claude-code#96152",
    ),
    Rule(
        "anthropic/tool-tag",
        "{path}: Input tag '{value}' found using 'type' does not match any of the expected tags: "
        "{known}",
        "recorded",
    ),
    Rule(
        "anthropic/block-tag",
        "{path}: Input tag '{value}' found using 'type' does not match any of the expected tags: "
        "{known}",
        "pattern",
    ),
    Rule(
        "anthropic/tool-choice-none-extra",
        "{path}: Extra inputs are not permitted",
        "QuantumNous/new-api#2763",
    ),
    Rule(
        "anthropic/role-unknown",
        'messages: Unexpected role "{value}". Allowed roles are "user" or "assistant"',
        "pattern",
    ),
    Rule("anthropic/messages-empty", "messages: at least one message is required", "public source"),
    Rule(
        "anthropic/budget-min",
        "{path}: Input should be greater than or equal to 1024",
        "documentation",
    ),
    Rule(
        "anthropic/thinking-signature",
        "{path}: Field required",
        "justlovemaki/AIClient2API#437, earendil-works/pi#1523",
    ),
    Rule(
        "anthropic/temperature-range",
        "{path}: Input should be less than or equal to 1",
        "documentation",
    ),
)
# A mark on an empty text is told before the text.
CLAUDE_RULES = (
    *CLAUDE_FIELD_RULES,
    *CLAUDE_TOOL_RULES,
    *CLAUDE_CACHE_RULES,
    *CLAUDE_TURN_RULES,
    *CLAUDE_THINKING_RULES,
    *CLAUDE_IMAGE_RULES,
)
ANTHROPIC_RULES = (VERSION_RULE, *CLAUDE_RULES, *CLAUDE_BETA_RULES)
# A count asks no model: what only some of them take is not told (unverified), nor how they sample.
NOT_COUNTED = (
    *("anthropic/prefill", "anthropic/trailing-space", "anthropic/temperature-thinking"),
    *("anthropic/temp-and-topp", "anthropic/temp-deprecated", "anthropic/thinking-enabled-gone"),
    *("anthropic/effort-unsupported", "anthropic/budget-below-max"),
)
COUNT_RULES = tuple(rule for rule in ANTHROPIC_RULES if rule.id not in NOT_COUNTED)
VERTEX_CLAUDE_RULES = (*CLAUDE_RULES, *CLAUDE_BETA_RULES, *CLAUDE_HOST_RULES)

CLAUDE_MESSAGES = Book(
    "anthropic", "messages", ANTHROPIC_RULES, CLAUDE_BODY, claude_voice, ClaudeView
)
CLAUDE_COUNT = Book(
    "anthropic", "count_tokens", COUNT_RULES, CLAUDE_COUNT_BODY, claude_voice, ClaudeView
)
CLAUDE_ON_VERTEX = Book(
    "vertex_ai", "messages", VERTEX_CLAUDE_RULES, CLAUDE_VERTEX_BODY, claude_voice, ClaudeView
)
CLAUDE_COUNT_ON_VERTEX = Book(
    "vertex_ai",
    "count_tokens",
    [rule for rule in VERTEX_CLAUDE_RULES if rule.id not in NOT_COUNTED],
    CLAUDE_VERTEX_COUNT_BODY,
    claude_voice,
    ClaudeView,
)
CLAUDE_ON_BEDROCK = Book(
    "bedrock",
    "invoke",
    (
        *CLAUDE_RULES,
        *CLAUDE_BETA_RULES[:1],
        *CLAUDE_HOST_RULES,
        AWS_BETA_RULE,
        *ON_DEMAND_RULES,
    ),
    CLAUDE_BEDROCK_BODY,
    claude_voice,
    ClaudeView,
)

# Other hosts speak this format, too (DeepSeek, Ollama, OpenRouter, vLLM), with models, members and
# headers of their own: what holds there is that a conversation that lacks a result is none.
CLAUDE_ELSEWHERE = CLAUDE_MESSAGES.only(
    (
        "anthropic/messages-empty",
        "anthropic/role-unknown",
        "anthropic/tool-use-answered",
        "anthropic/tool-result-after-tool-use",
        "anthropic/block-role",
    )
)
