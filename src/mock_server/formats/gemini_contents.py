"""How the contents of Gemini's requests read (wire formats, section 7).  Pure."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Optional, cast

from ..forms import listed
from ..jsons import compact
from ..limits import Json
from ..node import Field, Kinds
from ..values import Turn
from .base import call_id_of
from .gemini import pick
from .message_content import MessageContent

# What the SDKs wrap the result of a function in, if it is no object.
RESULT_WRAPPERS = (["result"], ["output"])
CONTENT_FIELDS = Kinds({"role": "a string", "parts": "an array or an object"})
PART_FIELDS = Kinds({"text": "a string"})
# Who speaks, in no provider's terms; older clients send a function's result as its own role.
GOOGLE_ROLES = {"user": "user", "model": "assistant", "function": "user"}


def pick_field(node: Field, name: str) -> Field:
    """A field in either spelling; its place is the camelCase name either way."""
    # What stands around it may be of any kind, for it has not been checked yet.
    value = None
    if isinstance(node.value, dict):
        value = pick(node.value, name)
    return Field(value, parent=node, key=name)


def one_or_more(node: Field) -> List[Field]:
    """The items of an array, or the one object that stands where an array belongs."""
    if isinstance(node.value, dict):
        return [Field(node.value, parent=node, key=0)]
    return node.items()


def google_parts(content: Field) -> Iterator[Dict[str, Json]]:
    """The parts of a content."""
    content.check(CONTENT_FIELDS)
    for part in one_or_more(content.get("parts")):
        yield cast(Dict[str, Json], part.check(PART_FIELDS).value)


def google_function_result(part: Mapping[str, Json]) -> Optional[Turn]:
    """A functionResponse: the text of its `result` or `output` if that is all, else JSON.  It is
    known by an id, and where the model gave the call none by its name."""
    response = pick(part, "functionResponse")
    if not isinstance(response, dict):
        return None
    value = response.get("response")
    if isinstance(value, dict) and list(value) in RESULT_WRAPPERS:
        value = next(iter(value.values()))
    if not isinstance(value, str):
        value = compact(value)
    return Turn("tool", value, call_id_of(response, "id", "name"))


def google_content(content: Field) -> MessageContent:
    """What is in a content: texts, but no thoughts, and the results of functions."""
    texts: List[str] = []
    results: List[Turn] = []
    parts = list(google_parts(content))
    for part in parts:
        result = google_function_result(part)
        if result is not None:
            results.append(result)
        if part.get("text") is not None and not part.get("thought"):
            texts.append(part["text"])
    # A content without parts is what its role says, with an empty text.
    only_results = bool(results) and len(results) == len(parts)
    return MessageContent("\n".join(texts), tuple(results), only_results)


def google_text(content: Field) -> str:
    """The text of a content's parts, without thoughts; a bare string is its own text."""
    if content.is_absent:
        return ""
    if isinstance(content.value, str):
        return content.value
    return google_content(content).text


def google_turns(body: Field) -> Iterator[Turn]:
    """System instruction and contents; a turn of only function responses is no user message."""
    system = pick_field(body, "systemInstruction")
    if not system.is_absent:
        if not system.is_a("a string or an object"):
            system.expected("an object")
        yield Turn("system", google_text(system))
    for content in one_or_more(body.get("contents")):
        content.a("an object")
        role = content.value.get("role") or "user"
        if not isinstance(role, str) or role not in GOOGLE_ROLES:
            expected = "one from user, model"
            content.get("role").expected(expected, "Please use a valid role: user, model.")
        yield from google_content(content).turns(GOOGLE_ROLES[role])


def modalities(body: Json) -> List[Json]:
    """What a request wants an answer to consist of, as far as it says so."""
    config = pick(body, "generationConfig") or {}
    return listed(pick(config, "responseModalities"))
