"""Anthropic's content blocks: as they are read, and as they are written (wire formats, section 9).

Pure."""

from __future__ import annotations

import base64
from typing import Dict, Iterator, List, Tuple

from ..jsons import BASE58
from ..limits import Json
from ..node import Field
from ..values import Call, Part, Reasoning, ToolCall, Turn
from .base import call_id_of
from .message_content import MessageContent
from .runs import ONCE, Run, Texts, hole


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


def thought_signature(call: Call, index: int) -> str:
    """What proves a thought to be the model's own."""
    # Clients send it back as it is; nobody but Anthropic can read one.
    return base64.b64encode(call.token(f"signature {index}", 96).encode()).decode()


def anthropic_block_start(call: Call, part: Part, index: int) -> Dict[str, Json]:
    """The block at `index` as a stream starts it: without what its deltas bring."""
    if isinstance(part, ToolCall):
        return {
            "type": "tool_use",
            "id": part.id or "toolu_01" + call.token(f"tool {index}", 22, BASE58),
            "name": part.name,
            "input": {},
            "caller": {"type": "direct"},  # since 2026
        }
    if isinstance(part, Reasoning):
        # The signature comes as the last delta.
        return {"type": "thinking", "thinking": "", "signature": ""}
    return {"type": "text", "text": ""}


def anthropic_block(call: Call, part: Part, index: int) -> Dict[str, Json]:
    """The block at `index` of a whole message."""
    block = anthropic_block_start(call, part, index)
    if isinstance(part, ToolCall):
        block["input"] = dict(part.arguments)
    elif isinstance(part, Reasoning):
        block["thinking"] = part.text
        block["signature"] = thought_signature(call, index)
    else:
        block["text"] = getattr(part, "text", "")
    return block


def anthropic_deltas(call: Call, run: Run) -> Iterator[Tuple[Dict[str, Json], Texts]]:
    """What a stream says of a block between its start and its stop, and the texts that go into the
    hole of each, an event a text."""
    if isinstance(run.part, ToolCall):
        texts: Texts = ONCE
        # The first one is empty, and the only one where there are no arguments (recorded).
        if run.part.arguments:
            texts = ["", *run.texts]
        yield {"type": "input_json_delta", "partial_json": hole(0)}, texts
    elif isinstance(run.part, Reasoning):
        yield {"type": "thinking_delta", "thinking": hole(0)}, run.texts
        signature = thought_signature(call, run.index)
        yield {"type": "signature_delta", "signature": signature}, ONCE
    else:
        yield {"type": "text_delta", "text": hole(0)}, run.texts
