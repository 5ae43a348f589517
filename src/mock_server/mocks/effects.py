"""What an API shows of an answer: found out by writing two answers that differ in that alone.

Pure."""

from __future__ import annotations

import functools
from typing import Any, List, Mapping

from ..formats.base import WireFormat
from ..records import replace
from ..values import (
    Call,
    Embedding,
    Failure,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Scores,
    Text,
    ToolCall,
    Usage,
)

USUAL_REPLY = Reply((Text("one two"),), "stop", Usage(100, 100), "model")
ALONE_PARTS = (Embedding(((0.5, 0.25),)), Scores((0.5,)))  # where no text is said

# Values in which an answer may differ from the usual one, by the keys of a mock.
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "text": {"parts": (Text("three"),)},
    "reasoning": {"parts": (Reasoning("three"), Text("one two"))},
    "refusal": {"parts": (Refusal("three"),)},
    "tool_calls": {"parts": (ToolCall("f", {}),)},
    "chunk_size": {"chunk_size": 1},
    "model": {"model": "another"},
    "id": {"id": "another"},
    "input_tokens": {"usage": Usage(7, 100)},
    "output_tokens": {"usage": Usage(100, 7)},
    "reasoning_tokens": {"usage": Usage(100, 100, reasoning=7)},
    "cached_tokens": {"usage": Usage(100, 100, cached=7)},
    "cache_write_tokens": {"usage": Usage(100, 100, cache_write=7)},
}


@functools.lru_cache(maxsize=None)
def shows(wire: WireFormat, stream: bool, key: str) -> bool:
    """Whether an API's answer is another one for what a key of a neutral response says."""
    return differs(wire, stream, CHANGES[key])


@functools.lru_cache(maxsize=256)
def shows_stop(wire: WireFormat, stream: bool, word: str) -> bool:
    """Whether an API's answer is another one because it ends for this reason."""
    return differs(wire, stream, {"stop": word})


def differs(wire: WireFormat, stream: bool, change: Mapping[str, Any]) -> bool:
    """Whether an API's answer is another one when its reply is changed."""
    usual = USUAL_REPLY
    for part in ALONE_PARTS:
        if type(part) in wire.speaks:
            usual = replace(usual, parts=(part,))
    call = asking(wire, stream)
    return said(wire, call, replace(usual, **change)) != said(wire, call, usual)


def asking(wire: WireFormat, stream: bool) -> Call:
    """A request that asks for all that it can be told."""
    return Call(
        Request("POST", "/"),
        wire.provider,
        wire.operation,
        wire.api,
        "",
        stream,
        "hi",
        inputs=("hi",),
        prompt="hi",
        body={
            "stream_options": {"include_usage": True},
            "documents": ["hi"],
            "records": [{"id": "hi"}],
            "checks": {"promptAttack": {"categories": [{"category": "hi"}]}},
        },
    )


def said(wire: WireFormat, call: Call, reply: Reply) -> List[object]:
    """All that an answer says, in its headers and its body or its events."""
    if not call.stream:
        return [wire.whole(call, reply), wire.usage_headers(reply)]
    return list(wire.events(call, reply))


@functools.lru_cache(maxsize=256)
def shows_in_error(wire: WireFormat, stream: bool, key: str, failure: Failure) -> bool:
    """Whether an API's error, alone or in mid-stream, is another one for what a key of it says,
    which may depend on the status."""
    call = asking(wire, stream)
    said: List[object] = []
    for word in (None, "its own"):
        changed: Mapping[str, Any] = {key: word}
        told = wire.completed(call, replace(failure, **changed))
        said.append(
            list(wire.interruption(call, told, 1)) if stream else wire.failed(call, told, {})
        )
    return said[0] != said[1]
