"""`extra`: what is laid over a whole answer is in its stream, too, or it is said why not."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest
from readers import events_of
from samples import (
    FORMS,
    GENERATE,
    call_of,
    expressible,
    said,
    wire_of,
)

import mock_server as m

COUNTED = {"stream_options": {"include_usage": True}}

# --- how clients add streams up, whatever is in their events ---


def joined_chat(values: List[Any]) -> Any:
    """Chunks of chat and legacy completions: what comes last holds, but for texts."""
    found: Dict[str, Any] = {}
    choices: Dict[int, Any] = {}
    for chunk in values:
        own = {key: value for key, value in chunk.items() if value and key != "choices"}
        found = m.merged(found, own)
        for choice in chunk["choices"]:
            whole = choices.setdefault(choice["index"], {"message": {}})
            whole.update({key: choice[key] for key in choice if choice[key] and key != "delta"})
            whole["text"] = whole.get("text", "") + (choice.get("text") or "")
            add_delta(whole["message"], choice.get("delta", {}))
    return {**found, "choices": [choices[index] for index in sorted(choices)]}


def add_delta(message: Dict[str, Any], delta: Any) -> None:
    """A delta is added to its message."""
    for key, value in delta.items():
        if key == "tool_calls":
            tools = message.setdefault(key, [])
            for tool in value:
                if tool["index"] == len(tools):
                    tools.append(tool)
                else:
                    tools[tool["index"]]["function"]["arguments"] += tool["function"]["arguments"]
        elif key in ("content", "reasoning_content", "refusal") and isinstance(value, str):
            message[key] = (message.get(key) or "") + value
        else:
            message[key] = value


def joined_mistral(values: List[Any]) -> Any:
    """Mistral's tool calls come whole, its content may be a list."""
    for choice in (choice for chunk in values for choice in chunk["choices"]):
        choice["delta"]["content"] = json.dumps(choice["delta"].get("content"))
        choice["delta"]["calls"] = choice["delta"].pop("tool_calls", None)
    found = joined_chat(values)
    for choice in found["choices"]:
        choice["message"]["tool_calls"] = choice["message"].pop("calls", None)
    return found


def joined_responses(values: List[Any]) -> Any:
    """The response that ends the stream, whose items are those that were done."""
    response = values[-1]["response"]
    done = [event["item"] for event in values if event["type"] == "response.output_item.done"]
    assert done == response["output"]
    for event in values:
        if event["type"] == "response.content_part.done":
            item = response["output"][event["output_index"]]
            assert item["content"][event["content_index"]] == event["part"]
    return response


def joined_google(values: List[Any]) -> Any:
    """Responses, each with all but what is said of candidates in it."""
    found: Dict[str, Any] = {}
    candidates: Dict[int, Any] = {}
    for value in values:
        found.update({key: value[key] for key in value if key != "candidates"})
        for candidate in value.get("candidates", ()):
            whole = candidates.setdefault(candidate.get("index", 0), {"content": {"parts": []}})
            parts = whole["content"]["parts"] + candidate["content"]["parts"]
            whole.update(candidate)
            whole["content"] = {**candidate["content"], "parts": parts}
    return {**found, "candidates": [candidates[index] for index in sorted(candidates)]}


def joined_anthropic(values: List[Any]) -> Any:
    """The message that begins the stream, with its blocks and what is said of its end."""
    message: Dict[str, Any] = {}
    for event in values:
        if event["type"] == "message_start":
            message = event["message"]
        elif event["type"] == "content_block_start":
            message["content"].append(event["content_block"])
        elif event["type"] == "content_block_delta":
            block = message["content"][event["index"]]
            block["said"] = block.get("said", "") + json.dumps(event["delta"])
        elif event["type"] == "message_delta":
            message["usage"].update(event["usage"])
            own = {key: event[key] for key in event if key not in ("type", "usage", "delta")}
            message.update({**event["delta"], **own})
        elif event["type"] == "message_stop":
            message.update({key: event[key] for key in event if key != "type"})
    return message


def joined_converse(values: List[Any]) -> Any:
    """The answer of Converse, from events under their names."""
    answer: Dict[str, Any] = {"output": {"message": {"content": []}}}
    content = answer["output"]["message"]["content"]
    for event in values:
        ((name, value), *more) = event.items()
        answer.update(more)
        if name == "messageStart":
            answer["output"]["message"].update(value)
        elif name == "contentBlockStart":
            content += [{} for _ in range(value["contentBlockIndex"] + 1 - len(content))]
            content[value["contentBlockIndex"]] = value["start"]
        elif name in ("messageStop", "metadata"):
            answer.update(value)
    return answer


def joined_cohere(values: List[Any]) -> Any:
    """The answer of Cohere, without the texts in it."""
    answer = {key: values[0][key] for key in values[0] if key not in ("type", "delta")}
    message = answer["message"] = values[0]["delta"]["message"]
    for event in values[1:]:
        if event["type"] == "content-start":
            message["content"].append(event["delta"]["message"]["content"])
        elif event["type"] == "tool-call-start":
            message["tool_calls"].append(event["delta"]["message"]["tool_calls"])
    answer.update(values[-1]["delta"])
    return answer


def joined_ollama(values: List[Any]) -> Any:
    """The last line, with the tool calls and the roles of all."""
    last = values[-1]
    for key in ("model", "created_at"):
        assert key == "created_at" or len({line[key] for line in values}) == 1
    if "message" in last:
        assert len({line["message"]["role"] for line in values}) == 1
        calls = [call for line in values for call in line["message"].get("tool_calls", ())]
        last["message"]["tool_calls"] = calls
    return last


JOINS: Dict[type, Callable[[List[Any]], Any]] = {
    m.MistralChat: joined_mistral,
    m.OpenAIChat: joined_chat,
    m.OpenAICompletions: joined_chat,
    m.OpenAIResponses: joined_responses,
    m.GeminiGenerate: joined_google,
    m.AnthropicMessages: joined_anthropic,
    m.BedrockConverse: joined_converse,
    m.CohereChat: joined_cohere,
    m.OllamaAnswer: joined_ollama,
}


def events_with(kind: type, response: Any) -> List[Any]:
    """The events of a stream, those without a name in them under their names."""
    events = events_of(kind, said(kind, response, True, more=COUNTED))
    if kind is m.BedrockConverse:
        return [{name: value} for name, value in events]
    return [value for name, value in events if name != "ping"]


def joined(kind: type, response: Any) -> Any:
    """What a stream adds up to."""
    join = next(join for owner, join in JOINS.items() if issubclass(kind, owner))
    return join(events_with(kind, response))


# --- what is said reaches both kinds of answers ---

NEW = {"x_new": {"a": [1, {"b": None}]}}


def places_in(value: Any, path: Tuple[Any, ...] = ()) -> Iterator[Tuple[Any, ...]]:
    """The path of every value in a JSON value, and of what could be beside it."""
    if isinstance(value, dict):
        yield (*path, "x_new")
        for key, inner in value.items():
            yield from places_in(inner, (*path, key))
    elif isinstance(value, list):
        yield (*path, len(value))
        for index, inner in enumerate(value):
            yield from places_in(inner, (*path, index))
    else:
        yield path


def shown_place(path: Tuple[Any, ...]) -> str:
    """A path as it is written in messages."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).lstrip(".")


@pytest.mark.parametrize("kind", GENERATE)
def test_each_place_of_a_whole_answer_is_said_in_the_stream_or_refused(kind: type) -> None:
    for name in ("all", "text", "reasoning", "refusal", "tools", "filter", "usage"):
        if not expressible(kind, name):
            continue
        whole = json.loads(said(kind, FORMS[name]))
        laid: Any = {}
        refused = 0
        for path in places_in(whole):
            extra = m.put({}, path, "MARK")
            form = m.parse_neutral(m.Node({**FORMS[name], "extra": extra}))
            lacking = form.lacks(wire_of(kind), call_of(kind, True))
            if lacking is None:
                laid = m.merged(laid, extra)
                continue
            refused += 1
            # What is past the end of an array is refused for whole answers, too.
            assert shown_place(path) in f"{lacking[1]} {lacking[2]}", path
            assert lacking[0] == "stream" or form.lacks(wire_of(kind), call_of(kind)) == lacking
        assert refused
        response = {**FORMS[name], "extra": laid}
        assert json.loads(said(kind, response)) == m.merged(whole, laid)
        assert joined(kind, response) == m.merged(joined(kind, FORMS[name]), laid)
