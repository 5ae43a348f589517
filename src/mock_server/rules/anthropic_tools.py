"""What Anthropic refuses of tools, their calls and their results (request rules, 2.5).  Pure."""

from __future__ import annotations

from typing import Dict, Iterator

from .anthropic_view import BlockPath, ClaudeView, block_place
from .base import Finding, Rule
from .conversation import indexed_objects, repeated_marks, text_at, unanswered, unasked

CLAUDE_ROOT_UNIONS = frozenset(("oneOf", "allOf", "anyOf"))


def uses_without_result(view: ClaudeView) -> Iterator[Finding]:
    """Calls of tools without a result at the beginning of the next turn."""
    for turn, missing, _ in unanswered(view.turns, view.late):
        at = next(mark.message for mark in turn.calls if mark.id == missing[0])
        place = f"messages.{at}"
        yield Finding(place, {"path": place, "ids": ", ".join(missing)})


def results_without_use(view: ClaudeView) -> Iterator[Finding]:
    """Results of tools that nobody called in the turn before."""
    for mark in unasked(view.turns):
        place = block_place((mark.message, mark.part))
        yield Finding(place, {"path": place, "id": mark.id})


def orphans_of_servers(view: ClaudeView) -> Iterator[Finding]:
    """Results of the server's tools whose call does not come before them."""
    called: Dict[str, BlockPath] = {}
    for at, block in view.of("server_tool_use"):
        called.setdefault(text_at(block, "id"), at)
    for kind, blocks in view.blocks.items():
        if not kind.endswith("_tool_result") or kind == "mcp_tool_result":
            continue
        for at, block in blocks:
            id = text_at(block, "tool_use_id")
            if id and called.get(id, at) >= at:
                place = block_place(at)
                yield Finding(place, {"path": place, "id": id, "type": kind})


def repeated_uses(view: ClaudeView) -> Iterator[Finding]:
    """Calls with the id of another."""
    for mark in repeated_marks(mark for turn in view.turns for mark in turn.calls):
        place = block_place((mark.message, mark.part))
        yield Finding(place, {"path": place})


def blocks_of_others(view: ClaudeView) -> Iterator[Finding]:
    """Calls in the user's turns, results in the assistant's."""
    for kind, role in (("tool_use", "assistant"), ("tool_result", "user")):
        for at, _ in view.of(kind):
            if view.messages[at[0]].get("role") != role:
                place = f"messages.{at[0]}"
                yield Finding(place, {"path": place, "type": kind, "role": role})


def empty_errors(view: ClaudeView) -> Iterator[Finding]:
    """Results that are errors and do not say which."""
    for at, block in view.of("tool_result"):
        if block.get("is_error") is True and block.get("content") in (None, "", []):
            place = block_place(at) + ".tool_result"
            yield Finding(place, {"path": place})


def repeated_claude_tools(view: ClaudeView) -> Iterator[Finding]:
    """Tools with the name of another; one finding for all."""
    names = [text_at(tool, "name") for _, tool in indexed_objects(view.body["tools"])]
    named = [name for name in names if name]
    if len(set(named)) < len(named):
        yield Finding("tools")


def unions_at_root(view: ClaudeView) -> Iterator[Finding]:
    """Schemas that are one of several."""
    for index, tool in indexed_objects(view.body["tools"]):
        schema = tool.get("input_schema")
        if isinstance(schema, dict) and not CLAUDE_ROOT_UNIONS.isdisjoint(schema):
            place = f"tools.{index}.custom.input_schema"
            yield Finding(place, {"path": place})


def may_have_more(view: ClaudeView) -> bool:
    """Whether there may be tools that are not in the list: of other servers, or added on the way by
    a message of the system's."""
    return bool(view.system or view.body.get("mcp_servers"))


def claude_choice_without_tools(view: ClaudeView) -> Iterator[Finding]:
    """A tool has to be called, and there is none."""
    kind = text_at(view.body["tool_choice"], "type")
    if kind in ("any", "tool") and not view.body.get("tools") and not may_have_more(view):
        yield Finding("tool_choice", {"type": kind})


def unknown_claude_choice(view: ClaudeView) -> Iterator[Finding]:
    """The one tool that has to be called is not there."""
    choice, tools = view.body["tool_choice"], view.body["tools"]
    name = text_at(choice, "name")
    if text_at(choice, "type") != "tool" or not name or not tools or may_have_more(view):
        return
    names = [text_at(tool, "name") for _, tool in indexed_objects(tools)]
    # A set of tools has no name of its own: which ones it has is not known here.
    if name not in names and "" not in names:
        yield Finding("tool_choice", {"name": name})


CLAUDE_TOOL_RULES = (
    Rule(
        "anthropic/tool-use-answered",
        "{path}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        "anthropics/claude-code#5060, anthropics/claude-code#5989, Kilo-Org/kilocode#5163",
        uses_without_result,
        needs=("+tool_use",),
    ),
    Rule(
        "anthropic/tool-result-after-tool-use",
        "{path}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` "
        "block must have a corresponding `tool_use` block in the previous message.",
        "anthropics/claude-code#13460, tghamm/Anthropic.SDK#184, router-for-me/CLIProxyAPI#497",
        results_without_use,
        needs=("+tool_result",),
    ),
    Rule(
        "anthropic/server-result-orphan",
        "{path}: unexpected `tool_use_id` found in `{type}` blocks: {id}. Each `{type}` block must "
        "have a corresponding `server_tool_use` block before it.",
        "anthropics/claude-code#64383, anthropics/claude-code#80439",
        orphans_of_servers,
        needs=("+server",),
    ),
    Rule(
        "anthropic/tool-use-id-unique",
        "{path}: `tool_use` ids must be unique",
        "public source files, 5 of them",
        repeated_uses,
        needs=("+tool_use",),
    ),
    # Not in the list of rules; the sentences are quoted there and in several source files.
    Rule(
        "anthropic/block-role",
        "{path}: `{type}` blocks can only be in `{role}` messages",
        "tghamm/Anthropic.SDK#128",
        blocks_of_others,
        needs=("+misplaced",),
    ),
    Rule(
        "anthropic/error-result-empty",
        "{path}: content cannot be empty if `is_error` is true",
        "public source files, 4 of them",
        empty_errors,
        needs=("+tool_result",),
    ),
    Rule(
        "anthropic/tool-names-unique",
        "tools: Tool names must be unique.",
        "microsoft/vscode#278073, danny-avila/LibreChat#13162",
        repeated_claude_tools,
        needs=("tools",),
    ),
    Rule(
        "anthropic/input-schema-union",
        "{path}: input_schema does not support oneOf, allOf, or anyOf at the top level",
        "anthropics/claude-code#5319, dearlordylord/huly-mcp#66",
        unions_at_root,
        needs=("tools",),
    ),
    Rule(
        "anthropic/tool-choice-without-tools",
        "tool_choice.{type} may only be specified while providing tools",
        "public source files, 6 of them",
        claude_choice_without_tools,
        needs=("tool_choice",),
    ),
    Rule(
        "anthropic/tool-choice-unknown",
        "Tool '{name}' not found in provided tools",
        "public source file",
        unknown_claude_choice,
        needs=("tool_choice", "tools"),
    ),
)
