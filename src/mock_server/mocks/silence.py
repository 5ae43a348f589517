"""What no request to an API says, and in which methods it comes.  Pure."""

from __future__ import annotations

import functools
from typing import FrozenSet, Mapping, Tuple

from ..formats.all import DEFAULT_SHAPE, OTHER
from ..formats.base import WireFormat
from ..http import METHODS
from ..routing import other_like

ELSEWHERE = other_like(DEFAULT_SHAPE)  # stands for all paths of no provider


@functools.lru_cache(maxsize=None)
def methods_of(wire: WireFormat) -> Tuple[str, ...]:
    """The methods in which an API is asked."""
    if wire is ELSEWHERE:
        return METHODS
    methods = {route.partition(" ")[0] for route in wire.routes}
    if "GET" in methods:
        methods.add("HEAD")  # RFC 9110, 9.3.2
    return tuple(methods)


# What no request of an operation or an API says, and so is always as in a Call that says nothing.
CONVERSATION = frozenset(
    ("user", "system", "tool_result", "tool_call_id", "turn", "history", "tools")
)
UNSAID: Mapping[str, FrozenSet[str]] = {
    **dict.fromkeys(("chat_moderations", "chat_classifications"), frozenset(("history", "tools"))),
    "embed": CONVERSATION - {"user"},
    "rerank": CONVERSATION - {"user"},
    "image": CONVERSATION - {"user"},
    "audio": CONVERSATION - {"user"},
    "moderate": CONVERSATION - {"user"},
    **dict.fromkeys(("models", "stored", "token", "metadata"), CONVERSATION),
    "detokenize": CONVERSATION,
    **dict.fromkeys(("ping", "sleep", "wake_up"), CONVERSATION),
    **dict.fromkeys(("load_lora_adapter", "unload_lora_adapter"), CONVERSATION),
    OTHER: CONVERSATION,
}
# APIs that have a prompt, or may have one, in place of messages.
PROMPTED = ("completions", "fim", "generate", "tokenize")


def unsaid(wire: WireFormat) -> FrozenSet[str]:
    """What no request to an API says."""
    if "POST" not in methods_of(wire):
        return CONVERSATION  # nothing else has a body
    if wire.api in PROMPTED:
        return frozenset(("history",))
    return UNSAID.get(wire.api) or UNSAID.get(wire.operation) or frozenset()
