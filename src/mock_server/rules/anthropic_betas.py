"""What Anthropic refuses of headers and betas, and of what its other hosts lack (request rules, 2.6
and 3).  Pure."""

from __future__ import annotations

import re
from typing import Iterator, Mapping, Tuple

from .anthropic_view import ClaudeView
from .base import Finding, Rule
from .conversation import indexed_objects, text_at

# Members of the body that only betas have, and how the names of those start (anthropic-py 2.14).
BETA_MEMBERS: Mapping[str, Tuple[str, ...]] = {
    "billing_policy": ("user-profiles-",),
    "compaction": ("compact-",),
    "context_management": ("context-management-", "compact-"),
    "fallback_credit_token": ("fallback-credit-", "server-side-fallback-"),
    "fallbacks": ("server-side-fallback-",),
    "mcp_servers": ("mcp-client-",),
    "output_format": ("structured-outputs-",),
    "safeguards": ("dangerous-tool-use-",),  # as vercel/ai sends them
    "thread": ("message-threads-",),
}
SCOPED = "prompt-caching-scope-"

# The betas that are known, without their dates: those of anthropic-py 2.14, of BerriAI/litellm's
# table and of Claude Code.
BETAS = frozenset(
    (
        *("admin-user-sign-out", "advanced-tool-use", "advisor-tool", "agent-memory"),
        *("analytics-usage-cost", "cache-diagnosis", "ce-claude-code-managed-settings"),
        *("ce-plugins", "ce-user-management", "claude-code", "code-execution", "compact"),
        *("computer-use", "context-1m", "context-management", "dangerous-tool-use"),
        *("dev-full-thinking", "dreaming", "efs", "effort", "experimental-claude-tag"),
        *("extended-cache-ttl", "fallback-credit", "fast-mode", "files-api"),
        *("fine-grained-tool-streaming", "google-managed-data-controls", "inline-tools"),
        *("interleaved-thinking", "managed-agents", "max-tokens-3-5-sonnet", "mcp-client"),
        *("mcp-tunnels", "message-batches", "message-threads", "mid-conversation-output-config"),
        *("mid-conversation-system-clear-at", "mid-conversation-tool-changes"),
        *("model-context-window-exceeded", "oauth", "output-128k", "output-300k", "pdfs"),
        *("per-turn-control", "prompt-caching", "prompt-caching-scope", "search-results"),
        *("server-side-fallback", "skills", "spend-limit-reads", "structured-outputs"),
        *("task-budgets", "telemetry-destinations", "thinking-binding-controls"),
        *("thinking-display-updates", "thinking-token-count", "token-counting"),
        *("token-efficient-tools", "tool-examples", "tool-search-tool", "user-profiles"),
        *("user-profiles-billing", "web-fetch", "web-search", "webhooks"),
    )
)
BETA_DATE = re.compile(r"-20\d{2}-?\d{2}-?\d{2}$")
# Those that Bedrock has at no model: of what Anthropic alone hosts (BerriAI/litellm's table).
NOT_AT_AWS = (
    *("advisor-tool-", "code-execution-", "fast-mode-", "files-api-", "managed-agents-"),
    *("mcp-client-", "message-batches-", "prompt-caching-scope-", "skills-", "web-fetch-"),
    "web-search-",
)
# Tools that a host does not have, and the types that it lists then (seen in answers of both).
BEDROCK_LACKS: Tuple[str, ...] = (
    "web_search_",
    "web_fetch_",
    "code_execution_",
    "advisor_",
    "mcp_toolset",
)
VERTEX_LACKS: Tuple[str, ...] = ("web_fetch_", "code_execution_", "advisor_")
BEDROCK_TOOLS: Tuple[str, ...] = (
    *("bash_20250124", "custom", "memory_20250818", "text_editor_20250124"),
    *("text_editor_20250429", "text_editor_20250728", "tool_search_tool_bm25"),
    *("tool_search_tool_bm25_20251119", "tool_search_tool_regex"),
    "tool_search_tool_regex_20251119",
)
VERTEX_TOOLS: Tuple[str, ...] = (
    *("bash_20250124", "browser_toolset_20260801", "computer_toolset_20260801"),
    *(*BEDROCK_TOOLS[1:], "web_search_20250305"),
)
UNHOSTED = (
    "tools.{index}: Input tag '{value}' found using 'type' does not match any of the expected "
    "tags: {known}"
)


def unversioned(view: ClaudeView) -> Iterator[Finding]:
    """A request that does not say which version of the API it is written for."""
    if not view.case.headers.get("anthropic-version"):
        yield Finding("")


def members_of_betas(view: ClaudeView) -> Iterator[Finding]:
    """Members of a beta that is not asked for."""
    for name in view.body:
        starts = BETA_MEMBERS.get(name)
        if starts and view.body[name] is not None and not view.has_beta(*starts):
            yield Finding(name, {"path": name})
    for mark in view.marks:
        if "scope" in mark.says and not view.has_beta(SCOPED):
            place = f"{mark.place}{mark.tag}.cache_control.ephemeral.scope"
            yield Finding(place, {"path": place})


def unknown_betas(view: ClaudeView) -> Iterator[Finding]:
    """Betas that are not known here."""
    for name in view.betas():
        if BETA_DATE.sub("", name) not in BETAS:
            yield Finding("", {"value": name})


def betas_not_at_aws(view: ClaudeView) -> Iterator[Finding]:
    """Betas that Bedrock does not have, and what is no name of one."""
    for name in view.betas():
        if name.startswith(NOT_AT_AWS) or not BETA_DATE.search(name):
            yield Finding("anthropic_beta")


def hosted_tools(view: ClaudeView) -> Iterator[Finding]:
    """Tools that run at Anthropic's and not at this host."""
    lacks, known = VERTEX_LACKS, VERTEX_TOOLS
    if view.case.wire.provider == "bedrock":
        lacks, known = BEDROCK_LACKS, BEDROCK_TOOLS
    for index, tool in indexed_objects(view.body["tools"]):
        kind = text_at(tool, "type")
        if kind.startswith(lacks):
            tags = ", ".join([f"'{one}'" for one in known])
            sentence = UNHOSTED.replace("{known}", tags)
            yield Finding(f"tools.{index}", {"index": index, "value": kind}, sentence=sentence)


def wrong_envelope(view: ClaudeView) -> Iterator[Finding]:
    """What the body of another host needs, and what only Anthropic's own has."""
    if "anthropic_version" not in view.body:
        yield Finding("anthropic_version", sentence="anthropic_version: Field required")
    if view.case.wire.provider == "bedrock":
        for name in ("model", "stream"):
            if name in view.body:
                yield Finding(name, {"path": name})


VERSION_RULE = Rule(
    "anthropic/version-header",
    "anthropic-version: header is required",
    "public source files, 8 of them",
    unversioned,
)
CLAUDE_BETA_RULES = (
    Rule(
        "anthropic/beta-field",
        "{path}: Extra inputs are not permitted",
        "public source files, 2 of them",
        members_of_betas,
    ),
    # The list of betas ages.
    Rule(
        "anthropic/beta-header",
        "Unexpected value(s) `{value}` for the `anthropic-beta` header. Please consult our "
        "documentation at platform.claude.com/docs or try again without the header.",
        "public source files, 3 of them",
        unknown_betas,
        default="jrn",
    ),
)
CLAUDE_HOST_RULES = (
    Rule(
        "claude-bedrock/server-tools",
        UNHOSTED,
        "recorded",
        hosted_tools,
        needs=("tools",),
    ),
    Rule(
        "claude-bedrock/envelope",
        "{path}: Extra inputs are not permitted",
        "pattern",
        wrong_envelope,
        default="jrn",
    ),
)
AWS_BETA_RULE = Rule(
    "claude-bedrock/beta",
    "invalid beta flag",
    "anthropics/claude-code#49648, anthropics/claude-code#56595, continuedev/continue#8297",
    betas_not_at_aws,
    needs=("anthropic_beta",),
)
