"""What the fields of a Responses request may be, but for its items (request rules, 1.2).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Sequence

from ..errors import MISSING
from ..formats.responses_reading import HELD_INPUT
from ..limits import Json
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
from .openai_chat_fields import EFFORTS, FORMAT_NAME, METADATA
from .responses_items_fields import CALLED_NAME, ITEMS, InOrder, called


class Moved(Shape):
    """A field of chat completions, which is called otherwise here; null says nothing."""

    def __init__(self, to: str, rule: str = "responses/moved-others") -> None:
        self.to, self.id = to, rule
        super().__init__(null=True)

    def made(self) -> Fits:
        """Never."""
        return lambda value: False


MOVED: Mapping[str, Shape] = {
    "messages": Moved("input", "responses/moved-messages"),
    "response_format": Moved("text.format"),
    "reasoning_effort": Moved("reasoning.effort"),
    "max_tokens": Moved("max_output_tokens"),
    "max_completion_tokens": Moved("max_output_tokens"),
}


def lacking_members(body: Mapping[str, Json]) -> List[str]:
    """What a body must have, and has not; a prompt has a model, and what the server holds is as
    good as an input."""
    found = []
    if not body.get("model") and body.get("prompt") is None:
        found.append("model")
    held = any(body.get(name) is not None for name in HELD_INPUT)
    if body.get("input") is None and not held:
        found.append("input")
    return found


class ABody(InOrder):
    """A body: what was moved is told first, for a conversation in `messages` lacks its `input`,
    too (seen)."""

    def made(self) -> Fits:
        """Its members, and that none is lacking."""
        inner = super().made()
        return lambda value: inner(value) and not lacking_members(value)

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """What was moved, what is lacking, then all else."""
        for name, shape in self.members.items():
            if isinstance(shape, Moved) and value.get(name) is not None:
                yield FieldFault((*path, name), UNKNOWN_FIELD, shape, value[name])
        for name in lacking_members(value):
            yield FieldFault((*path, name), MISSING_FIELD, self.members[name], MISSING)
        rest = {key: one for key, one in value.items() if key not in MOVED}
        yield from super().inner_faults(rest, path)


class AFunction(InOrder):
    """A function; one that lies a level deeper, as chat completions have it, has no name."""

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """That it has none, in a rule of its own, or what else is wrong."""
        if "name" not in value and "function" in value:
            yield FieldFault((*path, "name"), MISSING_FIELD, NESTED_NAME, MISSING)
        else:
            yield from super().inner_faults(value, path)


NESTED_NAME = AString(rule={MISSING_FIELD: "responses/tools-nested"})
OPEN = AnObject({}, closed=False)
HOSTED_TOOLS = (
    *("code_interpreter", "file_search", "computer", "computer_use_preview", "web_search"),
    *("web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11", "mcp"),
    *("image_generation", "local_shell", "shell", "apply_patch", "tool_search", "namespace"),
    *("programmatic_tool_calling",),
)
# Of a tool itself nothing more is said: which members each has changes from month to month.
RESPONSES_TOOLS = called(
    "an array of tools",
    AnArray(
        AUnion(
            "type",
            {
                "function": AFunction({"name": CALLED_NAME}, ("name",), closed=False),
                "custom": InOrder({"name": AString()}, ("name",), closed=False),
                **{kind: AnObject({}, closed=False) for kind in HOSTED_TOOLS},
            },
        ),
        null=True,
    ),
)
FORMAT_TYPES = AUnion(
    "type",
    {
        "json_object": AnObject({}, closed=False),
        "text": AnObject({}, closed=False),
        "json_schema": InOrder(
            {"name": FORMAT_NAME, "schema": OPEN}, ("name", "schema"), closed=False
        ),
    },
    null=True,
)


def choice(*choices: str) -> AString:
    """One of several words."""
    return AString(choices, null=True)


def decimal(least: float, most: float) -> Shape:
    """A number, which OpenAI calls a decimal here (seen)."""
    return called("a decimal", ANumber(least, most, null=True))


def text(most: int = 0) -> AString:
    """A text of any or of so many characters."""
    return AString(most=most, null=True)


OPTIONAL_FLAG = ABoolean(null=True)
ANY_OBJECT = AnObject({}, closed=False, null=True)
# In the order in which their types are checked (seen), those first that answer from memory.
SHARED_MEMBERS: Dict[str, Shape] = {
    "input": called(
        "a string or array of input items", Either(AString(), AnArray(ITEMS), null=True)
    ),
    "previous_response_id": text(),
    "tools": RESPONSES_TOOLS,
    "tool_choice": called(
        "an object or 'none', 'auto', or 'required'",
        Either(AString(("none", "auto", "required")), OPEN, null=True),
    ),
    "text": InOrder(
        {"format": FORMAT_TYPES, "verbosity": choice("low", "medium", "high")}, null=True
    ),
    "parallel_tool_calls": OPTIONAL_FLAG,
    "reasoning": InOrder(
        {
            "effort": choice(*EFFORTS),
            "summary": choice("concise", "detailed", "auto"),
            "generate_summary": choice("concise", "detailed", "auto"),
            **dict.fromkeys(("context", "mode"), Anything()),
        },
        null=True,
    ),
    "prompt_cache_options": ANY_OBJECT,
    "prompt_cache_key": text(),
    "prompt_cache_retention": choice("in_memory", "24h"),
    "truncation": choice("auto", "disabled"),
    # The server says it as an array, and who repeats it is not refused for certain.
    "instructions": called("a string", Either(AString(), AnArray(Anything()), null=True)),
    "service_tier": choice("auto", "default", "fast", "flex", "scale", "priority", "ultrafast"),
    "conversation": called("a string or object", Either(AString(), OPEN, null=True)),
    "prompt": InOrder(
        {"id": AString(), **dict.fromkeys(("version", "variables"), Anything())}, ("id",), null=True
    ),
    "model": text(),
}
INCLUDABLE = (
    *("file_search_call.results", "web_search_call.results", "web_search_call.action.sources"),
    *("message.input_image.image_url", "computer_call_output.output.image_url"),
    *("code_interpreter_call.outputs", "reasoning.encrypted_content"),
    "message.output_text.logprobs",
)
CREATE_MEMBERS: Dict[str, Shape] = {
    "include": AnArray(AString(INCLUDABLE), null=True),
    "metadata": METADATA,
    "temperature": decimal(0, 2),
    "top_p": decimal(0, 1),
    "presence_penalty": decimal(-2, 2),
    "frequency_penalty": decimal(-2, 2),
    "stream": OPTIONAL_FLAG,
    "stream_options": InOrder({"include_obfuscation": OPTIONAL_FLAG}, null=True),
    "background": OPTIONAL_FLAG,
    "max_output_tokens": AnInteger(16, null=True, rule="responses/max-output-min"),
    "max_tool_calls": AnInteger(1, null=True),
    "user": text(),
    "safety_identifier": text(64),
    "store": OPTIONAL_FLAG,
    "top_logprobs": AnInteger(0, 20, null=True),
    "context_management": called("an array of objects", AnArray(OPEN, null=True)),
    **dict.fromkeys(("moderation", "access_programs", "image", "background_options"), ANY_OBJECT),
    "client_metadata": Anything(),  # which Codex sends
}


def body_of(members: Mapping[str, Shape], closed: bool) -> ABody:
    """A body with these members beside those that were moved."""
    return ABody({**members, **MOVED}, closed=closed)


def in_order(members: Mapping[str, Shape], order: Sequence[str]) -> Dict[str, Shape]:
    """Members in the order in which they are checked."""
    first = {name: members[name] for name in order}
    return {**first, **members}


CREATE_ORDER = (
    *("input", "previous_response_id", "prompt", "moderation", "include", "tools", "tool_choice"),
    *("metadata", "text", "temperature", "top_p", "presence_penalty", "frequency_penalty"),
    *("parallel_tool_calls", "stream", "stream_options", "background", "max_output_tokens"),
    *("max_tool_calls", "reasoning", "user", "safety_identifier", "prompt_cache_options"),
    *("prompt_cache_key", "prompt_cache_retention", "truncation", "instructions", "store"),
    *("service_tier", "top_logprobs", "context_management"),
)
CREATE_BODY = body_of(in_order({**SHARED_MEMBERS, **CREATE_MEMBERS}, CREATE_ORDER), True)
# What else may stand in a request to count its tokens or to compact it is not known for certain.
READ_BODY = body_of(SHARED_MEMBERS, False)
