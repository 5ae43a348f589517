"""What the fields of a messages request of Anthropic may be (request rules, 1.3; the types of
anthropic-py 2.14).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator

from ..errors import MISSING
from ..formats.anthropic import sets_options
from .fields import (
    MISSING_FIELD,
    UNKNOWN_FIELD,
    ABoolean,
    AnArray,
    AnInteger,
    AnObject,
    ANumber,
    Anything,
    AString,
    AUnion,
    Either,
    FieldFault,
    FieldPath,
    Fits,
    Shape,
)


class PydanticObject(AnObject):
    """An object as pydantic checks one: member by member in the order of its own table, and what is
    unknown last."""

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """What is missing or wrong, then what is unknown."""
        for name, shape in self.members.items():
            place = (*path, name)
            if name not in value:
                if name in self.needed:
                    yield FieldFault(place, MISSING_FIELD, shape, MISSING)
            elif not shape.fits(value[name]):
                yield from shape.faults(value[name], place)
        if self.closed:
            for name in value:
                if name not in self.members:
                    yield FieldFault((*path, name), UNKNOWN_FIELD, self, value[name])


def open_object(*needed: str) -> PydanticObject:
    """An object of which only that it has these members is known for sure."""
    return PydanticObject({name: Anything() for name in needed}, needed, closed=False)


# `scope` is of a beta (see there); it is the only other member that clients were seen to send.
CACHE_CONTROL = AUnion(
    "type",
    {"ephemeral": PydanticObject({"ttl": AString(("5m", "1h"), null=True), "scope": Anything()})},
    null=True,
)
CLAUDE_INPUT = AnObject({}, closed=False)

CLAUDE_TOOL_ID = AString(pattern="^[a-zA-Z0-9_-]+$", rule="anthropic/tool-use-id-pattern")
CLAUDE_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
BY_URL = PydanticObject({"url": AString()}, ("url",))
BY_FILE = PydanticObject({"file_id": AString()}, ("file_id",))


def inline_source(*media_types: str) -> PydanticObject:
    """A source that is in the request itself."""
    members = {"data": AString(), "media_type": AString(media_types)}
    return PydanticObject(members, ("data", "media_type"))


CLAUDE_TEXT = PydanticObject(
    {"text": AString(), "cache_control": CACHE_CONTROL, "citations": Anything()}, ("text",)
)
CLAUDE_IMAGE = PydanticObject(
    {
        "source": AUnion(
            "type", {"base64": inline_source(*CLAUDE_IMAGE_TYPES), "file": BY_FILE, "url": BY_URL}
        ),
        "cache_control": CACHE_CONTROL,
        "transformations": Anything(),
    },
    ("source",),
)
CLAUDE_INNER_CONTENT = AnArray(AUnion("type", {"image": CLAUDE_IMAGE, "text": CLAUDE_TEXT}))
CLAUDE_DOCUMENT = PydanticObject(
    {
        "source": AUnion(
            "type",
            {
                "base64": inline_source("application/pdf"),
                "content": PydanticObject(
                    {"content": Either(CLAUDE_INNER_CONTENT, AString())}, ("content",)
                ),
                "file": BY_FILE,
                "text": inline_source("text/plain"),
                "url": BY_URL,
            },
        ),
        "cache_control": CACHE_CONTROL,
        "citations": Anything(),
        "context": AString(null=True),
        "title": AString(null=True),
    },
    ("source",),
)
SEARCH_RESULT_BLOCK = PydanticObject(
    {
        "content": AnArray(Anything()),
        "source": AString(),
        "title": AString(),
        "cache_control": CACHE_CONTROL,
        "citations": Anything(),
    },
    ("content", "source", "title"),
)
CLAUDE_RESULT_CONTENT = AnArray(
    AUnion(
        "type",
        {
            "browser_state": open_object(),
            "document": CLAUDE_DOCUMENT,
            "image": CLAUDE_IMAGE,
            "search_result": SEARCH_RESULT_BLOCK,
            "text": CLAUDE_TEXT,
            "tool_reference": open_object("tool_name"),
        },
        rule="anthropic/block-tag",
    )
)
TOOL_RESULT_BLOCK = PydanticObject(
    {
        "tool_use_id": CLAUDE_TOOL_ID,
        "cache_control": CACHE_CONTROL,
        "content": Either(CLAUDE_RESULT_CONTENT, AString(), null=True),
        "is_error": ABoolean(null=True),
        "toolset_name": AString(null=True),
    },
    ("tool_use_id",),
)
TOOL_USE_BLOCK = PydanticObject(
    {
        "id": CLAUDE_TOOL_ID,
        "input": CLAUDE_INPUT,
        "name": AString(least=1, most=200),
        "cache_control": CACHE_CONTROL,
        "caller": Anything(),
        "toolset_name": AString(null=True),
    },
    ("id", "input", "name"),
)
THINKING_BLOCK = PydanticObject(
    {"signature": AString(rule="anthropic/thinking-signature"), "thinking": AString()},
    ("signature", "thinking"),
)
SERVER_USE_BLOCK = PydanticObject(
    {
        "id": AString(pattern="^srvtoolu_[a-zA-Z0-9_]+$"),
        "input": CLAUDE_INPUT,
        "name": AString(),
    },
    ("id", "input", "name"),
    closed=False,
)
SERVER_RESULT_BLOCK = open_object("content", "tool_use_id")
GENERAL_BLOCKS: Dict[str, AnObject] = {
    "bash_code_execution_tool_result": SERVER_RESULT_BLOCK,
    "code_execution_tool_result": SERVER_RESULT_BLOCK,
    "container_upload": open_object("file_id"),
    "document": CLAUDE_DOCUMENT,
    "image": CLAUDE_IMAGE,
    "redacted_thinking": PydanticObject({"data": AString()}, ("data",)),
    "search_result": SEARCH_RESULT_BLOCK,
    "server_tool_use": SERVER_USE_BLOCK,
    "text": CLAUDE_TEXT,
    "text_editor_code_execution_tool_result": SERVER_RESULT_BLOCK,
    "thinking": THINKING_BLOCK,
    "tool_result": TOOL_RESULT_BLOCK,
    "tool_search_tool_result": SERVER_RESULT_BLOCK,
    "tool_use": TOOL_USE_BLOCK,
    "web_fetch_tool_result": SERVER_RESULT_BLOCK,
    "web_search_tool_result": SERVER_RESULT_BLOCK,
}
BETA_BLOCKS: Dict[str, AnObject] = {
    kind: open_object()
    for kind in (
        *("advisor_tool_result", "compaction", "fallback", "mcp_tool_listing", "mcp_tool_result"),
        *("mcp_tool_use", "tool_addition", "tool_removal"),
    )
}
CLAUDE_BLOCKS = AUnion("type", {**GENERAL_BLOCKS, **BETA_BLOCKS}, rule="anthropic/block-tag")


class ClaudeMessage(PydanticObject):
    """A message; one of the system may have options instead of a content."""

    def made(self) -> Fits:
        """As any, or for those."""
        fits = super().made()
        return lambda value: fits(value) or sets_options(value)

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """Those of any other."""
        if not sets_options(value):
            yield from super().inner_faults(value, path)


# In the middle of a conversation the newest models take a `system` message: see the rules.
CLAUDE_MESSAGE = ClaudeMessage(
    {
        "role": AString(("user", "assistant", "system"), rule="anthropic/role-unknown"),
        "content": Either(AnArray(CLAUDE_BLOCKS), AString()),
        "clear_at": Anything(),
        "output_config": Anything(),
    },
    ("role", "content"),
)
SYSTEM_BLOCK = PydanticObject(
    {
        "text": AString(),
        "type": AString(("text",)),
        "cache_control": CACHE_CONTROL,
        "citations": Anything(),
    },
    ("text", "type"),
)

OWN_TOOL = PydanticObject(
    {
        "name": AString(most=128, pattern="^[a-zA-Z0-9_-]{1,128}$", rule="anthropic/tool-name"),
        "input_schema": PydanticObject({"type": AString(("object",))}, ("type",), closed=False),
        "allowed_callers": AnArray(AString(), null=True),
        "cache_control": CACHE_CONTROL,
        "defer_loading": ABoolean(null=True),
        "description": AString(null=True),
        "eager_input_streaming": ABoolean(null=True),
        "input_examples": AnArray(CLAUDE_INPUT, null=True),
        "strict": ABoolean(null=True),
    },
    ("name", "input_schema"),
)
# Tools of Anthropic's own, whose members differ from version to version: those are not looked at.
SERVER_TOOL = PydanticObject({"name": AString(), "cache_control": CACHE_CONTROL}, closed=False)
GENERAL_TOOLS = (
    *("bash_20250124", "browser_toolset_20260801", "code_execution_20250522"),
    *("code_execution_20250825", "code_execution_20260120", "code_execution_20260521"),
    *("computer_toolset_20260801", "custom", "memory_20250818", "text_editor_20250124"),
    *("text_editor_20250429", "text_editor_20250728", "tool_search_tool_bm25"),
    *("tool_search_tool_bm25_20251119", "tool_search_tool_regex"),
    *("tool_search_tool_regex_20251119", "web_fetch_20250910", "web_fetch_20260209"),
    *("web_fetch_20260309", "web_fetch_20260318", "web_search_20250305", "web_search_20260209"),
    "web_search_20260318",
)
BETA_TOOLS = (
    *("advisor_20260301", "bash_20241022", "computer_20241022", "computer_20250124"),
    *("computer_20251124", "mcp_toolset", "text_editor_20241022"),
)
CLAUDE_TOOLS = AUnion(
    "type",
    {**dict.fromkeys((*GENERAL_TOOLS, *BETA_TOOLS), SERVER_TOOL), "custom": OWN_TOOL},
    usual="custom",
    rule="anthropic/tool-tag",
)
PARALLEL_MEMBERS = {"disable_parallel_tool_use": ABoolean(null=True)}
CLAUDE_TOOL_CHOICE = AUnion(
    "type",
    {
        "any": PydanticObject(PARALLEL_MEMBERS),
        "auto": PydanticObject(PARALLEL_MEMBERS),
        "none": PydanticObject({}, rule="anthropic/tool-choice-none-extra"),
        "tool": PydanticObject({"name": AString(), **PARALLEL_MEMBERS}, ("name",)),
    },
    null=True,
)
THOUGHT_MEMBERS = {
    "display": AString(("summarized", "omitted", "updates"), null=True),
    "block_binding": Anything(),
}
THINKING_BUDGET = AnInteger(1024, rule="anthropic/budget-min")
CLAUDE_THINKING = AUnion(
    "type",
    {
        "adaptive": PydanticObject(THOUGHT_MEMBERS),
        "between_tools": PydanticObject({}),
        "disabled": PydanticObject({}),
        "enabled": PydanticObject(
            {"budget_tokens": THINKING_BUDGET, **THOUGHT_MEMBERS}, ("budget_tokens",)
        ),
    },
    null=True,
)
CLAUDE_OUTPUT_CONFIG = PydanticObject(
    {
        "effort": AString(("low", "medium", "high", "xhigh", "max"), null=True),
        "format": AUnion(
            "type",
            {"json_schema": PydanticObject({"schema": CLAUDE_INPUT}, ("schema",))},
            null=True,
        ),
        "task_budget": Anything(),
    },
    null=True,
)
# Of null it is not known for each member that it is refused: it is as good as nothing.
CLAUDE_MEMBERS: Dict[str, Shape] = {
    "model": AString(least=1),
    "messages": AnArray(CLAUDE_MESSAGE, 1, rule="anthropic/messages-empty"),
    "max_tokens": AnInteger(0),  # 0 fills the cache and says nothing, since 2026
    "cache_control": CACHE_CONTROL,
    "container": Anything(),
    "diagnostics": Anything(),
    "inference_geo": AString(null=True),
    "metadata": PydanticObject({"user_id": AString(most=256, null=True)}, null=True),
    "output_config": CLAUDE_OUTPUT_CONFIG,
    "service_tier": AString(("auto", "standard_only"), null=True),
    "speed": AString(("standard", "fast"), null=True),
    "stop_sequences": AnArray(AString(pattern=r"\S"), null=True),
    "stream": ABoolean(null=True),
    "system": Either(AnArray(SYSTEM_BLOCK), AString(), null=True),
    "temperature": ANumber(0, 1, null=True, rule="anthropic/temperature-range"),
    "thinking": CLAUDE_THINKING,
    "tool_choice": CLAUDE_TOOL_CHOICE,
    "tools": AnArray(CLAUDE_TOOLS, null=True),
    "top_k": AnInteger(0, null=True),
    "top_p": ANumber(0, 1, null=True),
    "user_profile_id": Anything(),
    "workspace_id": Anything(),
    # Those of betas: the rule that asks for their header looks at them.
    "billing_policy": Anything(),
    "compaction": Anything(),
    "context_management": AnObject({}, closed=False, null=True),
    "fallback_credit_token": Anything(),
    "fallbacks": Anything(),
    "mcp_servers": AnArray(CLAUDE_INPUT, null=True),
    "output_format": Anything(),
    "safeguards": Anything(),
    "thread": Anything(),
}
VERSIONED_MEMBERS: Dict[str, Shape] = {
    "anthropic_version": AString(),
    "anthropic_beta": AnArray(AString(), null=True),
    "model": Anything(),
}

CLAUDE_BODY = PydanticObject(CLAUDE_MEMBERS, ("model", "messages", "max_tokens"))
# Of members that only messages have it is not known that a count refuses them.
CLAUDE_COUNT_BODY = PydanticObject(CLAUDE_MEMBERS, ("model", "messages"))
# The path names the model, and on Bedrock whether it streams.
CLAUDE_VERTEX_BODY = PydanticObject(
    {**CLAUDE_MEMBERS, **VERSIONED_MEMBERS}, ("messages", "max_tokens")
)
CLAUDE_VERTEX_COUNT_BODY = PydanticObject(
    {**CLAUDE_MEMBERS, **VERSIONED_MEMBERS, "model": AString()}, ("model", "messages")
)
CLAUDE_BEDROCK_BODY = PydanticObject(
    {**CLAUDE_MEMBERS, **VERSIONED_MEMBERS, "stream": Anything()}, ("messages", "max_tokens")
)
