"""The `match` of an aimock fixture, as a mock's.  Pure.

What each key means is what aimock's router makes of it (@copilotkit/aimock 1.43, router.ts)."""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping, Tuple

from ..errors import shown
from ..jsons import fits
from ..keys import SCRUBBED
from ..limits import Json
from ..recording.scrubbing import Scrubber, escaped_text
from .finds import Unusable

JsonObject = Dict[str, Json]

ANY_TEXT: Json = {"glob": "*"}

# What an endpoint of aimock is called here; of others there is none.
ENDPOINTS: Mapping[str, Mapping[str, Json]] = {
    "chat": {},
    "embedding": {"operation": "embed"},
    "image": {"operation": "image"},
    "speech": {"operation": "audio", "api": "speech"},
    "transcription": {"operation": "audio", "api": "transcriptions"},
    "translation": {"operation": "audio", "api": "translations"},
}

# Keys that only conversations have; elsewhere aimock finds no message to look at.
OF_CONVERSATIONS = (
    *("systemMessage", "toolCallId", "toolResultContains", "toolName", "responseFormat"),
    *("turnIndex", "hasToolResult"),
)


class Telling:
    """What is told of one fixture beside the mocks that are made of it."""

    def __init__(self) -> None:
        self.lines: List[str] = []

    def note(self, key: str, reason: str) -> None:
        """Tell what of the fixture is not in its mocks, and why."""
        self.lines.append(f"{key} {reason}")

    def unknown(self, path: str, value: Mapping[str, Json], known: Tuple[str, ...]) -> None:
        """Tell of members that aimock has no use for, either."""
        for key in value:
            if key not in known:
                self.note(f"{path}{key}", "is nothing that aimock knows, and is left out")


def wanted(value: Json, key: str, kind: str) -> Json:
    """A value of one kind; Unusable if it is of another."""
    if not fits(value, kind):
        raise Unusable(f"{key}: expected {kind}, found {shown(value)}")
    return value


def counted(value: Json, key: str) -> int:
    """A number that something is counted with; Unusable if it is none."""
    if isinstance(value, float) and value.is_integer():  # which is one to JavaScript
        value = int(value)
    number: int = wanted(value, key, "an integer")
    if number < 0:
        raise Unusable(f"{key}: expected an integer, at least 0, found {number}")
    return number


def any_of_scrubbed(text: str) -> str:
    """A regular expression that finds a text; whatever was scrubbed in it may be anything."""
    pieces = Scrubber().text(text).split(SCRUBBED)
    return ".+".join(escaped_text(piece) for piece in pieces)


def has_secret(text: str) -> bool:
    """Whether something in a text is scrubbed."""
    return Scrubber().text(text) != text


def containing(text: str) -> Json:
    """A matcher for texts with this in it; an empty one is in all."""
    if not text:
        return ANY_TEXT
    if has_secret(text):
        return {"regex": any_of_scrubbed(text)}
    return {"contains": text}


def exactly(text: str) -> Json:
    """A matcher for this text."""
    if has_secret(text):
        return {"regex": f"^{any_of_scrubbed(text)}$"}
    return text


# --- keys ---


def user_message(value: Json, key: str) -> JsonObject:
    """Something in the last user message."""
    return {"user": containing(wanted(value, key, "a string"))}


def system_message(value: Json, key: str) -> JsonObject:
    """One text, or all of several, in the system's messages."""
    if not fits(value, "an array"):
        text = wanted(value, key, "a string")
        return {"system": containing(text) if text else {"glob": "?*"}}
    texts = [text for text in value if wanted(text, key, "a string")]
    if not texts:
        return {}
    if len(texts) == 1:
        return {"system": containing(texts[0])}
    # Each somewhere, in any order.
    pattern = "".join(f"(?=.*{any_of_scrubbed(text)})" for text in texts)
    return {"system": {"regex": rf"(?s)\A{pattern}"}}


def tool_call_id(value: Json, key: str) -> JsonObject:
    """The call that the last message answers."""
    return {"tool_call_id": exactly(wanted(value, key, "a string"))}


def tool_result_contains(value: Json, key: str) -> JsonObject:
    """Something in the result that is the last message."""
    return {"tool_result": containing(wanted(value, key, "a string"))}


def tool_name(value: Json, key: str) -> JsonObject:
    """A tool that the request offers."""
    return {"tools": [wanted(value, key, "a string")]}


def model_name(value: Json, key: str) -> JsonObject:
    """A model, or a dated version of it: a hyphen and a digit may follow."""
    return {"model": {"regex": f"^{any_of_scrubbed(wanted(value, key, 'a string'))}(-[0-9]|$)"}}


def response_format(value: Json, key: str) -> JsonObject:
    """The type of the format that is asked for."""
    return {"fields": {"response_format.type": wanted(value, key, "a string")}}


def turn_index(value: Json, key: str) -> JsonObject:
    """How many answers of the assistant are in the conversation."""
    return {"turn": counted(value, key)}


def has_tool_result(value: Json, key: str) -> JsonObject:
    """Whether there is a tool's result behind the last user message."""
    return {"tool_result": ANY_TEXT if wanted(value, key, "a boolean") else None}


def context(value: Json, key: str) -> JsonObject:
    """What a header of aimock's says that the request belongs to."""
    return {"headers": {"x-aimock-context": exactly(wanted(value, key, "a string"))}}


# In this order a later one says more where two are of the same key of a mock.
KEYS: Mapping[str, Callable[[Json, str], JsonObject]] = {
    "userMessage": user_message,
    "inputText": user_message,
    "systemMessage": system_message,
    "toolCallId": tool_call_id,
    "hasToolResult": has_tool_result,
    "toolResultContains": tool_result_contains,
    "toolName": tool_name,
    "model": model_name,
    "responseFormat": response_format,
    "turnIndex": turn_index,
    "context": context,
}
FIXTURE_MATCH_KEYS = (*KEYS, "endpoint", "sequenceIndex")


def mock_match(match: Mapping[str, Json], telling: Telling) -> JsonObject:
    """The `match` of a fixture, but for its endpoint and its place in a sequence; Unusable if no
    request could fulfil it."""
    telling.unknown("match.", match, (*FIXTURE_MATCH_KEYS, "predicate"))
    if "predicate" in match:
        raise Unusable("match.predicate is code, which no file of fixtures can hold")
    if match.get("hasToolResult") is False:
        for key in ("toolCallId", "toolResultContains"):
            if key in match:
                raise Unusable(f"match.{key} and hasToolResult false never hold together")
    made: JsonObject = {}
    for key, read in KEYS.items():
        if key in match:
            made.update(read(match[key], f"match.{key}"))
    return made


def endpoint_match(match: Mapping[str, Json], usual: str) -> JsonObject:
    """What of a mock's `match` says to which API a fixture belongs; `usual` is the endpoint that
    answers of its kind belong to.  Unusable if there is none of that name, or it never asks for
    what else the fixture does."""
    endpoint = match.get("endpoint", usual)
    if endpoint not in ENDPOINTS:
        raise Unusable(f"match.endpoint {shown(endpoint)} is an API that this server has not")
    strange: Tuple[str, ...] = ()
    if endpoint == "chat":
        strange = ("inputText",)
    elif endpoint == "embedding":
        strange = ("userMessage", *OF_CONVERSATIONS)
    elif endpoint in ("transcription", "translation"):
        strange = ("userMessage", "inputText", *OF_CONVERSATIONS)
    else:
        strange = ("inputText", *OF_CONVERSATIONS)
    for key in strange:
        if key in match and match[key] is not False:
            raise Unusable(f"match.{key} never holds for a request of the endpoint {endpoint}")
    return dict(ENDPOINTS[endpoint])
