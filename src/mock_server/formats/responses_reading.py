"""How a Responses request reads (wire formats, 2.2 and 5.5).  Pure."""

from __future__ import annotations

from typing import Iterator, List, Mapping, cast

from ..jsons import compact, within
from ..limits import Json
from ..node import Field
from ..values import Failure, Turn
from .base import call_id_of
from .openai import OPENAI_ERRORS, OpenAIGeneration, openai_text

RESPONSE_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}

# What may stand for the input that a request leaves out: text that the server holds.
HELD_INPUT = {"prompt", "previous_response_id", "conversation"}

# Items of the input that say nothing.
SILENT_ITEMS = ("item_reference", "mcp_approval_response")


def instruction_turns(instructions: Field) -> Iterator[Turn]:
    """The instructions: a string, or messages."""
    if isinstance(instructions.value, str):
        yield Turn("system", instructions.value)
    elif not instructions.is_absent:
        texts = [openai_text(item.get("content")) for item in instructions.objects()]
        yield Turn("system", "\n".join(texts))


def input_turns(given: Field) -> Iterator[Turn]:
    """The input: a string, or items."""
    if isinstance(given.value, str):
        yield Turn("user", given.value)
        return
    for item in given.objects():
        kind = item_kind(item)
        if kind == "message":
            yield Turn(item_role(item), openai_text(item.get("content")))
        # `function_call_output`, and the like of other tools (5.5).
        elif kind.endswith("_output") and "output" in item.value:
            # Of a local shell the call's id is that of the item.
            call_id = call_id_of(item.value, "call_id", "id")
            yield Turn("tool", tool_output(item.get("output")), call_id)
        elif kind not in SILENT_ITEMS:
            yield Turn("assistant", "")  # a thought or a call of a tool: a turn without words


def item_kind(item: Field) -> str:
    """The type of an input item, which a message and a reference may leave out."""
    kind = item.get("type")
    if kind.value:
        return cast(str, kind.text())
    # A reference is nothing but an id; what is neither has its role asked for.
    if "role" in item.value or "id" not in item.value:
        return "message"
    return "item_reference"


def item_role(item: Field) -> str:
    """Who speaks in a message of the input."""
    role = item.check({"role": "a string!"}).get("role")
    if role.value not in RESPONSE_ROLES:
        role.one_from(RESPONSE_ROLES)
    return RESPONSE_ROLES[role.value]


def tool_output(output: Field) -> str:
    """The text of a tool's output: a string, parts, or anything else as JSON."""
    value = output.value
    if output.is_absent:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(within(part, "type"), str) for part in value):
        return openai_text(output)
    return compact(value)


class ResponsesRequest(OpenAIGeneration):
    """How a request reads, and the errors that only this API words so."""

    api = "responses"
    fields = {
        "model": "a string",
        "input": "a string or an array",
        "instructions": "a string or an array",
        "stream": "a boolean",
        "stream_options": "an object",
        "tools": "an array",
        "tool_choice": "a string or an object",
        "text": "an object",
        "reasoning": "an object",
        "previous_response_id": "a string",
        "store": "a boolean",
        "max_output_tokens": "an integer",
        "temperature": "a number",
        "top_p": "a number",
        "metadata": "an object",
        "parallel_tool_calls": "a boolean",
        "include": "an array",
        "background": "a boolean",
        "user": "a string",
        "conversation": "a string or an object",
        "prompt": "an object",
        "prompt_cache_options": "an object",
        "service_tier": "a string",
        "top_logprobs": "an integer",
    }
    errors: Mapping[str, Failure] = {
        **OPENAI_ERRORS,
        # 400 where the other APIs have 404 (5.8, recorded).
        "not_found": Failure(
            400,
            "The requested model '{model}' does not exist.",
            code="model_not_found",
            param="model",
        ),
        "context_length": Failure(
            400,
            "Your input exceeds the context window of this model. Please adjust your input "
            "and try again.",
            code="context_length_exceeded",
            param="input",
        ),
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """Instructions and input; both input and model may be missing where something that the
        server holds stands for them."""
        value = body.value
        if not (value.get("model") or value.get("prompt")):
            body.get("model").missing("a string")
        if value.get("input") is None and not HELD_INPUT & set(value):
            body.get("input").missing("a string or an array")
        yield from instruction_turns(body.get("instructions"))
        yield from input_turns(body.get("input"))

    def tools(self, body: Field) -> Iterator[str]:
        """Names of functions and custom tools; the type of a hosted one."""
        for node in body.get("tools").objects():
            tool = node.value
            kind = "a string"
            # Tools lie flat here, and only those of the client must have a name (2.2).
            if tool.get("type") in ("function", "custom"):
                kind = "a string!"
            node.check({"type": "a string!", "name": kind})
            yield tool.get("name") or tool["type"]

    def custom_tools(self, body: Json) -> List[str]:
        """Those of type `custom`."""
        tools = body.get("tools") or ()
        return [tool["name"] for tool in tools if tool.get("type") == "custom"]

    def schema(self, body: Field) -> Json:
        """`text.format.schema`."""
        # It lies flat; in chat there is a `json_schema` around it (5.5).
        return within(body.value, "text", "format", "schema")

    def has_rate_limits(self, stream: bool) -> bool:
        """Whole answers come with rate limits; of 38 recorded streams none did (5.1)."""
        return not stream and super().has_rate_limits(stream)
