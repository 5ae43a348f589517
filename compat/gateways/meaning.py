"""What an answer in the format of Chat Completions means, whole or streamed."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from asking import Heard

Usage = Mapping[str, Optional[int]]


class Meaning(NamedTuple):
    """What a client has of an answer; `error` is the message of one."""

    text: str = ""
    thoughts: str = ""
    calls: Tuple[Tuple[str, Any], ...] = ()
    finish: str = ""
    usage: Usage = {}
    error: str = ""

    def besides(self, other: Meaning, names: Sequence[str]) -> str:
        """What of it is something else than in the other one."""
        differs = [name for name in names if getattr(self, name) != getattr(other, name)]
        return "other " + ", ".join(differs) if differs else ""


def meaning(heard: Heard) -> Meaning:
    """What an answer means; with an error if it is none that can be read."""
    text = heard.body.decode(errors="replace")
    try:
        if heard.status >= 400:
            return Meaning(error=message_of(json.loads(text)))
        streams = heard.headers.get("content-type", "").startswith("text/event-stream")
        return streamed(text) if streams else whole(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return Meaning(error=f"{type(error).__name__}: {error}")


def message_of(body: Any) -> str:
    """The words of an error, wherever a provider has them."""
    if isinstance(body, list):
        return message_of(body[0])
    if not isinstance(body, dict):
        return str(body)
    if isinstance(body.get("error"), (dict, str)):
        return message_of(body["error"])
    return str(body.get("message") or body.get("Message") or "")


def whole(body: Any) -> Meaning:
    """Of a whole answer."""
    if "error" in body:
        return Meaning(error=message_of(body))
    choice = body["choices"][0]
    said = choice["message"]
    calls = [function_of(call) for call in said.get("tool_calls") or ()]
    return Meaning(
        said.get("content") or "",
        thoughts_of(said),
        tuple((name, arguments_of(text)) for name, text in calls),
        choice["finish_reason"] or "",
        usage_of(body.get("usage")),
    )


def streamed(text: str) -> Meaning:
    """Of a stream: its events put together."""
    events = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    chunks = [json.loads(event) for event in events if event != "[DONE]"]
    broken = [message_of(chunk) or "?" for chunk in chunks if chunk.get("error")]
    choices = [choice for chunk in chunks for choice in chunk.get("choices") or ()]
    deltas = [choice.get("delta") or {} for choice in choices]
    usages = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    return Meaning(
        "".join(delta.get("content") or "" for delta in deltas),
        "".join(thoughts_of(delta) for delta in deltas),
        called(deltas),
        "".join(choice.get("finish_reason") or "" for choice in choices),
        usage_of(usages[-1] if usages else None),
        "".join(broken),
    )


def called(deltas: List[Any]) -> Tuple[Tuple[str, Any], ...]:
    """The calls of a stream: pieces of one index are one call."""
    calls: Dict[int, List[str]] = {}
    for delta in deltas:
        for number, call in enumerate(delta.get("tool_calls") or ()):
            known = calls.setdefault(call.get("index", number), ["", ""])
            name, arguments = function_of(call)
            known[:] = [known[0] or name, known[1] + arguments]
    return tuple((name, arguments_of(text)) for name, text in calls.values())


def function_of(call: Any) -> Tuple[str, str]:
    """The name and the arguments of a call, or of a piece of one."""
    function = call.get("function") or {}
    return function.get("name") or "", function.get("arguments") or ""


def arguments_of(text: str) -> Any:
    """Arguments, read; as they are if they can't be."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def thoughts_of(said: Any) -> str:
    """Thoughts have no place in OpenAI's format; gateways put them here or there."""
    found = said.get("reasoning_content") or said.get("reasoning")
    blocks = [] if found else said.get("content_blocks") or []
    return found or "".join((block.get("delta") or block).get("thinking", "") for block in blocks)


def usage_of(usage: Any) -> Usage:
    """The counts that every provider has a word for."""
    counts = usage or {}
    details = counts.get("prompt_tokens_details") or {}
    return {
        "prompt": counts.get("prompt_tokens"),
        "completion": counts.get("completion_tokens"),
        "cached": details.get("cached_tokens"),
    }
