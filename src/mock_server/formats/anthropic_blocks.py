"""Anthropic's content blocks: as they are read, and as they are written (wire formats, section 9).

Pure."""

from __future__ import annotations

import base64
from typing import Dict, Iterator, List, Mapping, Tuple

from ..ids import BASE58
from ..jsons import loose, within
from ..limits import Json
from ..node import Field
from ..values import Block, Call, Part, Reasoning, ToolCall, Turn
from .base import call_id_of
from .message_content import MessageContent
from .runs import ARGUMENT_PIECES, ONCE, Run, Texts, hole, pieces


def anthropic_content(content: Field) -> MessageContent:
    """What is in the content of a message, a system prompt or a tool result: text, or blocks."""
    if content.is_absent:
        return MessageContent()
    if isinstance(content.value, str):
        return MessageContent(content.value)
    texts: List[str] = []
    results: List[Turn] = []
    only_results = True
    for block in content.objects():
        value = block.check({"type": "a string!", "text": "a string"}).value
        if value["type"] == "tool_result":
            text = anthropic_content(block.get("content")).text
            results.append(Turn("tool", text, call_id_of(value, "tool_use_id")))
            continue
        only_results = False
        if value["type"] == "text" and value.get("text") is not None:
            texts.append(value["text"])
    return MessageContent("\n".join(texts), tuple(results), only_results and bool(results))


# What a stream brings of a block after its start, by the block's type: each member, and what it is
# until then (section 9).  All other blocks are whole at their start.
LATER_MEMBERS: Mapping[str, Mapping[str, Json]] = {
    "text": {"citations": [], "text": ""},  # a citation comes before the text that it proves
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
    "server_tool_use": {"input": {}},
    "mcp_tool_use": {"input": {}},
    "compaction": {"content": None, "encrypted_content": None},  # typed in anthropic-py 2.14
}
DIRECT = {"type": "direct"}  # who calls a tool: the model itself (since 2026)


def thought_signature(call: Call, index: int) -> str:
    """What proves a thought to be the model's own."""
    # Clients send it back as it is; nobody but Anthropic can read one.
    return base64.b64encode(call.token(f"signature {index}", 96).encode()).decode()


def anthropic_block(call: Call, part: Part, index: int) -> Mapping[str, Json]:
    """The block at `index` of a whole message."""
    if isinstance(part, Block):
        return part.value
    if isinstance(part, ToolCall):
        return {
            "type": "tool_use",
            "id": part.id or "toolu_01" + call.token(f"tool {index}", 22, BASE58),
            "name": part.name,
            "input": dict(part.arguments),
            "caller": DIRECT,
        }
    if isinstance(part, Reasoning):
        signature = thought_signature(call, index)
        return {"type": "thinking", "thinking": part.text, "signature": signature}
    return {"type": "text", "text": getattr(part, "text", "")}


def later_members(block: Mapping[str, Json]) -> Mapping[str, Json]:
    """What a stream brings of a block in deltas, in order: members, and what they begin as."""
    # A tool that the model's own code calls has its input at once (quoted from clients' fixtures).
    if within(block, "caller", "type") not in (None, DIRECT["type"]):
        return {}
    later = LATER_MEMBERS.get(block["type"], {})
    return {name: empty for name, empty in later.items() if is_like(block.get(name), empty)}


def is_like(value: Json, empty: Json) -> bool:
    """Whether a member can begin as this: one that a mock gives as something else is not cut."""
    return isinstance(value, str if empty is None else type(empty))


def anthropic_block_start(block: Mapping[str, Json]) -> Dict[str, Json]:
    """A block as a stream starts it: without what its deltas bring."""
    return {**block, **later_members(block)}


def anthropic_deltas(
    run: Run, block: Mapping[str, Json]
) -> Iterator[Tuple[Dict[str, Json], Texts]]:
    """What a stream says of a block between its start and its stop, and the texts that go into the
    hole of each, an event a text."""
    names = later_members(block)
    # Both members in one: a second delta would empty the first.
    if names and block["type"] == "compaction":
        yield {"type": "compaction_delta", **{name: block[name] for name in names}}, ONCE
        return
    for name in names:
        value = block[name]
        if name == "citations":
            for citation in value:
                yield {"type": "citations_delta", "citation": citation}, ONCE
        elif name == "input":
            yield {"type": "input_json_delta", "partial_json": hole(0)}, input_pieces(run, value)
        elif name == "signature":
            yield {"type": "signature_delta", "signature": value}, ONCE
        else:
            yield {"type": f"{name}_delta", name: hole(0)}, pieces(value, run.size)


def input_pieces(run: Run, value: Json) -> Texts:
    """A tool's input as JSON text, in pieces."""
    # The first one is empty, and the only one where there are no arguments (recorded).
    if not value:
        return ONCE
    return ["", *pieces(run.text or loose(value), run.size, ARGUMENT_PIECES)]
