"""What gateways are given to translate: conversations in OpenAI's format, each of which OpenAI
takes as it is, and which others do not have in that form."""

from __future__ import annotations

import json
from typing import Any, Dict, List

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mMwTpsJAAICATNoejH4AAAAAElFTkSuQmCC"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "a city"}},
    "required": ["city"],
}
# What pydantic and zod make of a model: others have no word for half of it.
RICH_PARAMETERS = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1, "default": "Oslo"},
        "unit": {"anyOf": [{"type": "string", "enum": ["C", "F"]}, {"type": "null"}]},
        "days": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        "place": {"$ref": "#/$defs/Place"},
        "mode": {"const": "now"},
        "note": {"type": ["string", "null"]},
    },
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"Place": {"type": "object", "properties": {"x": {"type": "number"}}}},
}


def tool(name: str, parameters: Any = PARAMETERS) -> Dict[str, Any]:
    """A function that the model may call."""
    about = {"name": name, "description": "Tells the weather.", "parameters": parameters}
    return {"type": "function", "function": about}


def call(number: int, city: str) -> Dict[str, Any]:
    """A call of it, with an id as long as OpenAI's."""
    function = {"name": "get_weather", "arguments": json.dumps({"city": city})}
    return {"id": f"call_{number:024d}", "type": "function", "function": function}


def result(number: int, text: str) -> Dict[str, Any]:
    """What came of a call."""
    return {"role": "tool", "tool_call_id": f"call_{number:024d}", "content": text}


SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "How is the weather in Oslo and Rome?"}
CALLS = [call(1, "Oslo"), call(2, "Rome")]
RESULTS = [result(1, "4 C, rain"), result(2, "20 C")]
CALLING = {"role": "assistant", "content": None, "tool_calls": CALLS}
SHOWING = {"role": "user", "content": [{"type": "text", "text": "And here?"}, IMAGE]}
AGAIN = {"role": "assistant", "content": "One moment.", "tool_calls": [call(3, "Bern")]}
TOOLS = [tool("get_weather")]

# name: the messages, and what is asked beside them
CONVERSATIONS: Dict[str, Dict[str, Any]] = {
    "tools, image and system prompt": {
        "messages": [
            SYSTEM,
            SHOWING,
            CALLING,
            *RESULTS,
            {"role": "assistant", "content": "Rain in Oslo, sun in Rome."},
            {"role": "user", "content": "And in Bern?"},
            AGAIN,
            result(3, "9 C"),
        ],
        "tools": TOOLS,
        "tool_choice": "auto",
        "temperature": 0.5,
        "max_tokens": 64,
    },
    "results in another order": {
        "messages": [USER, CALLING, *RESULTS[::-1], {"role": "user", "content": "So?"}],
        "tools": TOOLS,
        "max_tokens": 64,
    },
    "an empty result": {
        "messages": [USER, CALLING, RESULTS[0], result(2, "")],
        "tools": TOOLS,
        "max_tokens": 64,
    },
    "empty text beside calls": {
        "messages": [USER, {**CALLING, "content": ""}, *RESULTS],
        "tools": TOOLS,
        "max_tokens": 64,
    },
    "two users and a late system prompt": {
        "messages": [USER, {"role": "user", "content": "Quick!"}, SYSTEM],
        "max_tokens": 64,
    },
    "the assistant first": {
        "messages": [{"role": "assistant", "content": "Hello."}, USER],
        "max_tokens": 64,
    },
    "history of tools without tools": {
        "messages": [USER, CALLING, *RESULTS, {"role": "user", "content": "Thanks. Why?"}],
        "max_tokens": 64,
    },
    "a rich schema": {
        "messages": [USER],
        "tools": [tool("get_weather", RICH_PARAMETERS)],
        "tool_choice": "required",
        "max_tokens": 64,
    },
    "a tool without parameters": {
        "messages": [USER],
        "tools": [tool("now", {"type": "object", "properties": {}})],
        "max_tokens": 64,
    },
    "structured output": {
        "messages": [USER],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "weather",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "warm": {"type": "boolean"}},
                    "required": ["city", "warm"],
                    "additionalProperties": False,
                },
            },
        },
        "max_tokens": 64,
    },
    "a stop and penalties": {
        "messages": [SYSTEM, USER],
        "stop": ["END", "STOP"],
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "seed": 7,
        "top_p": 0.9,
        "user": "u1",
        "max_tokens": 64,
    },
    "a stream with usage": {
        "messages": [SYSTEM, USER],
        "tools": TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        "parallel_tool_calls": False,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 64,
    },
}


def told_of(found: List[Any]) -> List[str]:
    """The ids of the rules that requests in the journal broke, each once, in order."""
    ids = [one["rule"] for entry in found for one in entry["violations"]]
    return list(dict.fromkeys(ids))
