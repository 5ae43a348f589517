"""What Anthropic refuses of the messages of a conversation, their roles and texts (request rules,
2.5).  Pure."""

from __future__ import annotations

from typing import Iterator

from .anthropic_view import ClaudeView, block_place
from .base import Finding, Rule
from .claude_checks import NO_PREFILL, OLDER_CLAUDE
from .conversation import indexed_objects, text_at


def system_messages(view: ClaudeView) -> Iterator[Finding]:
    """Messages of the system's, which only the newest models take."""
    for index in view.system:
        yield Finding(f"messages.{index}.role")


def messages_of_nothing(view: ClaudeView) -> Iterator[Finding]:
    """Messages without content; the last one may be the assistant's, to be gone on with."""
    last = len(view.messages) - 1
    for index in view.empty:
        if index != last or view.messages[index].get("role") != "assistant":
            place = f"messages.{index}"
            yield Finding(place, {"path": place})


def system_texts(view: ClaudeView) -> Iterator[Finding]:
    """Empty texts of the system prompt."""
    for index, block in indexed_objects(view.body.get("system")):
        if block.get("text") == "":
            yield Finding(f"system.{index}", {"part": "system"})


def texts_of_nothing(view: ClaudeView) -> Iterator[Finding]:
    """Blocks without text."""
    yield from system_texts(view)
    for at, block in view.of("text"):
        if block.get("text") == "":
            yield Finding(block_place(at), {"part": "messages"})


def texts_of_blanks(view: ClaudeView) -> Iterator[Finding]:
    """Texts of nothing but blanks: a text alone is as good as a block of it."""
    places = [f"messages.{index}" for index in view.blank]
    places += [block_place(at) for at, block in view.of("text") if text_at(block, "text").isspace()]
    for place in places:
        yield Finding(place)


def blank_endings(view: ClaudeView) -> Iterator[Finding]:
    """A last message of the assistant's that ends in a blank."""
    for index, text in view.ending():
        if text[-1:].isspace():
            yield Finding(f"messages.{index}")


def prefills(view: ClaudeView) -> Iterator[Finding]:
    """A last message that is the assistant's."""
    for index, _ in view.ending():
        yield Finding(f"messages.{index}")


CLAUDE_TURN_RULES = (
    Rule(
        "anthropic/role-system",
        'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
        'parameter, not "system" as an input message role.',
        "Maol-1997/cursor-claude-connector#3, ianarawjo/ChainForge#271",
        system_messages,
        default="mod",
        needs=("+system",),
        models=OLDER_CLAUDE,
    ),
    Rule(
        "anthropic/content-empty",
        "{path}: all messages must have non-empty content except for the optional final assistant "
        "message",
        "anthropics/claude-code#6774, anthropics/claude-code#3196, anthropics/claude-code#4416",
        messages_of_nothing,
        needs=("+empty",),
    ),
    Rule(
        "anthropic/text-empty",
        "{part}: text content blocks must be non-empty",
        "BiFangKNT/mtga#68, tests of epam/ai-dial-adapter-bedrock",
        texts_of_nothing,
        needs=("+text",),
    ),
    Rule(
        "anthropic/text-blank",
        "messages: text content blocks must contain non-whitespace text",
        "anthropics/claude-code#23440, continuedev/continue#9605",
        texts_of_blanks,
        needs=("+text",),
    ),
    Rule(
        "anthropic/trailing-space",
        "messages: final assistant content cannot end with trailing whitespace",
        "tailcallhq/forgecode#1872",
        blank_endings,
        needs=("+assistant",),
    ),
    Rule(
        "anthropic/prefill",
        "This model does not support assistant message prefill. The conversation must end with a "
        "user message.",
        "smallmain/vscode-unify-chat-provider#249, ericc-ch/copilot-api#261",
        prefills,
        default="mod",
        needs=("+assistant",),
        models=NO_PREFILL,
    ),
)
