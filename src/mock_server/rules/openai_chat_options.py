"""What the options of a chat completions request may break, together or for some models (request
rules, 2.1 and 4.1).  Pure."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping

from ..jsons import compact, within
from .base import Finding
from .conversation import indexed_objects, text_at
from .openai_chat_view import ChatView
from .openai_schemas import FORMAT, FUNCTION, SchemaOf, schema_findings

# Models that reason: o1, o3-mini, gpt-5, gpt-5.1 …, but gpt-5-chat, and gpt-35 of Azure.
REASONING = r"^(?!.*-chat)(?:o[1-9](?:-|$)|gpt-[5-9](?:[.-]|$))"
TAKES_EFFORT_NONE = re.compile(r"^gpt-(?:5\.[1-9]|[6-9])")  # and samples as others do, with that
EFFORT_IS_USUAL = re.compile(r"^gpt-5\.[5-9]")  # reasons without being asked to


def tools_unset(view: ChatView) -> bool:
    """Whether a request offers no tools."""
    return view.body.get("tools") is None


def choice_alone(view: ChatView) -> Iterator[Finding]:
    """A choice among no tools."""
    if view.body["tool_choice"] is not None and tools_unset(view):
        yield Finding("tool_choice")


def parallel_alone(view: ChatView) -> Iterator[Finding]:
    """Parallel calls of no tools."""
    if view.body["parallel_tool_calls"] is not None and tools_unset(view):
        yield Finding("parallel_tool_calls")


def options_of_no_stream(view: ChatView) -> Iterator[Finding]:
    """Options of a stream that is none."""
    if view.body["stream_options"] is not None and view.body.get("stream") is not True:
        yield Finding("stream_options")


def likely_alone(view: ChatView) -> Iterator[Finding]:
    """The most likely tokens, without log probabilities."""
    if view.body["top_logprobs"] and view.body.get("logprobs") is not True:
        yield Finding("top_logprobs")


def both_limits(view: ChatView) -> Iterator[Finding]:
    """Two names of one limit."""
    body = view.body
    if body["max_tokens"] is not None and body["max_completion_tokens"] is not None:
        yield Finding("max_tokens")


def old_limit(view: ChatView) -> Iterator[Finding]:
    """The older name of the limit, which no model that reasons takes."""
    if view.body["max_tokens"] is not None:
        yield Finding("max_tokens")


def samples_freely(view: ChatView) -> bool:
    """Whether a model that may reason is not asked to, as far as is known."""
    name, effort = view.case.name, view.body.get("reasoning_effort")
    if not TAKES_EFFORT_NONE.match(name):
        return False
    return effort == "none" or (effort is None and not EFFORT_IS_USUAL.match(name))


def set_temperature(view: ChatView) -> Iterator[Finding]:
    """A temperature that is not the default, of a model that has no other."""
    value = view.body["temperature"]
    if value not in (None, 1) and not samples_freely(view):
        yield Finding("temperature", {"v": compact(value)})


# What models that reason don't sample by, with what is as good as nothing there.
SAMPLING: Mapping[str, Any] = {
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "stop": None,
    "logprobs": False,
    "top_logprobs": 0,
    "logit_bias": {},
}


STOPS_AT_TEXTS = re.compile(r"^o(?:1|3-mini)")  # the older ones do (recorded)


def set_sampling(view: ChatView) -> Iterator[Finding]:
    """What else those models don't take."""
    body = view.body
    if not samples_freely(view):
        for name, usual in SAMPLING.items():
            value = body.get(name)
            if value in (None, [], usual):
                continue
            if name != "stop" or not STOPS_AT_TEXTS.match(view.case.name):
                yield Finding(name, {"x": name})
    if view.case.name.startswith("o") and body.get("parallel_tool_calls") is not None:
        yield Finding("parallel_tool_calls", {"x": "parallel_tool_calls"})


def effort_of_none(view: ChatView) -> Iterator[Finding]:
    """How much a model is to reason that never does."""
    if view.body["reasoning_effort"] is not None:
        yield Finding("reasoning_effort")


TOLD_WHAT_TO_DO = re.compile(r"^gpt-5\.[6-9]")
USE_NONE = (
    "Function tools with reasoning_effort are not supported for {m} in /v1/chat/completions. To "
    "use function tools, use /v1/responses or set reasoning_effort to 'none'."
)


def effort_with_tools(view: ChatView) -> Iterator[Finding]:
    """Reasoning beside functions, which the newest models do in responses alone."""
    name, effort = view.case.name, view.body.get("reasoning_effort")
    if effort == "none" or (effort is None and not EFFORT_IS_USUAL.match(name)):
        return
    tools = indexed_objects(view.body["tools"])
    if any(text_at(tool, "type") == "function" for _, tool in tools):
        sentence = USE_NONE if TOLD_WHAT_TO_DO.match(name) else None
        yield Finding("reasoning_effort", {"m": view.case.model}, sentence=sentence)


# --- schemas (2.2) ---


def function_schemas(view: ChatView) -> Iterator[Finding]:
    """What is wrong with the parameters of functions."""
    for index, tool in indexed_objects(view.body["tools"]):
        function = tool.get("function")
        if isinstance(function, dict):
            yield from function_schema(function, f"tools[{index}].function.parameters")


def old_function_schemas(view: ChatView) -> Iterator[Finding]:
    """The same of functions as they were offered before there were tools."""
    for index, function in indexed_objects(view.body["functions"]):
        yield from function_schema(function, f"functions[{index}].parameters")


def function_schema(function: Any, place: str) -> Iterator[Finding]:
    """The same of one function."""
    schema, name = function.get("parameters"), text_at(function, "name")
    strict = function.get("strict") is True
    code = "invalid_function_parameters"
    return schema_findings(SchemaOf(schema, FUNCTION, name, place, code, strict))


def format_schemas(view: ChatView) -> Iterator[Finding]:
    """What is wrong with the schema of an answer."""
    told = within(view.body, "response_format", "json_schema")
    if within(told, "strict") is True:
        schema, name = within(told, "schema"), text_at(told, "name")
        yield from schema_findings(SchemaOf(schema, FORMAT, name, "response_format", None, True))
