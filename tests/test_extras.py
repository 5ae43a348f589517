"""`extra`: what is laid over a whole answer is in its stream, too, or it is said why not."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest
from cases import cases
from readers import events_of
from samples import (
    FORMS,
    GENERATE,
    NEUTRAL,
    answerer,
    ask,
    bytes_of,
    call_of,
    complaint_of,
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
            for number, tool in enumerate(value):
                tool = {"index": number, **tool}
                if "id" in tool:
                    tools.append(tool)
                else:
                    tools[tool["index"]]["function"]["arguments"] += tool["function"]["arguments"]
        elif key in ("content", "reasoning_content", "reasoning", "refusal") and isinstance(
            value, str
        ):
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


@cases("kind", GENERATE)
def test_each_place_of_a_whole_answer_is_said_in_the_stream_or_refused(kind: type) -> None:
    whole_call, stream_call = call_of(kind), call_of(kind, True)
    for name in ("all", "text", "reasoning", "refusal", "tools", "filter", "usage"):
        if not expressible(kind, name):
            continue
        whole = json.loads(said(kind, FORMS[name]))
        laid: Any = {}
        refused = 0
        for path in places_in(whole):
            extra = m.put({}, path, "MARK")
            form = m.parse_neutral(m.Node({**FORMS[name], "extra": extra}))
            lacking = form.lacks(wire_of(kind), stream_call)
            if lacking is None:
                laid = m.merged(laid, extra)
                continue
            refused += 1
            # What is past the end of an array is refused for whole answers, too.
            assert shown_place(path) in f"{lacking[1]} {lacking[2]}", path
            assert lacking[0] == "stream" or form.lacks(wire_of(kind), whole_call) == lacking
        assert laid and refused, f"places of {kind.__name__}"
        response = {**FORMS[name], "extra": laid}
        assert json.loads(said(kind, response)) == m.merged(whole, laid)
        assert joined(kind, response) == m.merged(joined(kind, FORMS[name]), laid)


# --- which event says it: extras, and by path what is in which events (from the end below 0) ---

FILTER = {"violence": {"filtered": True, "severity": "high"}}
TRACE = {"guardrail": {"actionReason": "Guardrail blocked."}}
SAID_IN: List[Tuple[type, Any, Any, List[Tuple[int, str, Any]]]] = [
    (
        m.OpenAIChat,
        "tools",
        {
            "x_groq": {"id": 1},
            "usage": {"queue_time": 2},
            "choices": [
                {
                    "native_finish_reason": "x",
                    "message": {"annotations": [3], "tool_calls": [{}, {"extra_content": 4}]},
                }
            ],
        },
        [
            (0, "x_groq.id", 1),
            (-1, "x_groq.id", 1),
            (-1, "usage.queue_time", 2),
            (-2, "choices.0.native_finish_reason", "x"),
            (0, "choices.0.delta.annotations.0", 3),
        ],
    ),
    (
        m.AzureChat,
        "text",
        {"prompt_filter_results": [FILTER], "choices": [{"content_filter_results": FILTER}]},
        [
            (0, "prompt_filter_results.0.violence.filtered", True),
            (-2, "choices.0.content_filter_results.violence.severity", "high"),
        ],
    ),
    (
        m.MistralChat,
        "tools",
        {"choices": [{"message": {"tool_calls": [{}, {"type": "function"}, {"id": "third"}]}}]},
        [
            (-1, "choices.0.delta.tool_calls.1.type", "function"),
            (-1, "choices.0.delta.tool_calls.2.id", "third"),
        ],
    ),
    (
        m.OpenAICompletions,
        "text",
        {"choices": [{"stop_reason": 5}]},
        [(-2, "choices.0.stop_reason", 5)],
    ),
    (
        m.OpenAIResponses,
        "text",
        {
            "metadata": {"a": "b"},
            "status": "failed",
            "output": [{"phase": "x", "content": [{"annotations": [{"index": 7}]}]}],
        },
        [
            (0, "response.metadata.a", "b"),
            (0, "response.status", "in_progress"),
            (-1, "response.status", "failed"),
            (2, "item.phase", "x"),
            (-2, "item.content.0.annotations.0.index", 7),
            (-3, "part.annotations.0.index", 7),
            (-1, "response.output.0.content.0.annotations.0.index", 7),
        ],
    ),
    (
        m.GeminiGenerate,
        "text",
        {
            "promptFeedback": {"a": 1},
            "candidates": [{"finishMessage": "m", "groundingMetadata": {"q": ["w"]}}],
            "usageMetadata": {"candidatesTokenCount": 99, "serviceTier": "standard"},
            "modelStatus": 8,
        },
        [
            (0, "promptFeedback.a", 1),
            (0, "modelStatus", 8),
            (0, "usageMetadata.serviceTier", "standard"),
            (0, "usageMetadata.candidatesTokenCount", 1),
            (-1, "usageMetadata.candidatesTokenCount", 99),
            (-1, "candidates.0.finishMessage", "m"),
            (-1, "candidates.0.groundingMetadata.q.0", "w"),
        ],
    ),
    (
        m.AnthropicMessages,
        "tools",
        {
            "stop_reason": "pause_turn",
            "container": {"id": "c"},
            "usage": {
                "cache_creation_input_tokens": 6,
                "output_tokens": 9,
                "service_tier": "batch",
            },
            "content": [{}, {"caller": {"type": "x"}}],
        },
        [
            (0, "message.usage.cache_creation_input_tokens", 6),
            (0, "message.usage.output_tokens", 1),
            (0, "message.usage.service_tier", "batch"),
            (0, "message.stop_reason", None),
            (-2, "delta.stop_reason", "pause_turn"),
            (-2, "delta.container.id", "c"),
            (-2, "usage.cache_creation_input_tokens", 6),
            (-2, "usage.output_tokens", 9),
            (-5, "content_block.caller.type", "x"),
        ],
    ),
    (
        m.BedrockClaude,
        "text",
        {
            "stop_reason": "end_turn",
            "amazon-bedrock-guardrailAction": "INTERVENED",
            "amazon-bedrock-trace": TRACE,
        },
        [
            (-1, "amazon-bedrock-guardrailAction", "INTERVENED"),
            (-1, "amazon-bedrock-trace", TRACE),
            (-1, "amazon-bedrock-invocationMetrics.firstByteLatency", 100),
        ],
    ),
    (
        m.BedrockConverse,
        "tools",
        {
            "trace": TRACE,
            "stopReason": "guardrail_intervened",
            "additionalModelResponseFields": {"stop_sequence": "x"},
            "output": {"message": {"content": [{}, {"toolUse": {"type": "server_tool_use"}}]}},
        },
        [
            (-1, "metadata.trace", TRACE),
            (-2, "messageStop.stopReason", "guardrail_intervened"),
            (-2, "messageStop.additionalModelResponseFields.stop_sequence", "x"),
            (-5, "contentBlockStart.start.toolUse.type", "server_tool_use"),
        ],
    ),
    (
        m.CohereChat,
        "text",
        {"usage": {"billed_units": {"classifications": 1}}, "message": {"content": [{"x": 2}]}},
        [
            (-1, "delta.usage.billed_units.classifications", 1),
            (1, "delta.message.content.x", 2),
        ],
    ),
    (
        m.OllamaChat,
        "tools",
        {"done_reason": "load", "message": {"tool_calls": [{}, {"x": 1}]}},
        [(-1, "done_reason", "load"), (1, "message.tool_calls.0.x", 1)],
    ),
]


def test_an_event_says_what_the_provider_would_say_in_it() -> None:
    for kind, form, extra, places in SAID_IN:
        events = events_with(kind, {**FORMS[form], "extra": extra})
        for number, place, value in places:
            found = m.looked_up_in(events[number], place.split("."))
            assert found == value, (kind, number, place)
        assert len(events) == len(events_with(kind, FORMS[form])), kind


def test_bytes_that_are_no_members_stay_as_they_are() -> None:
    extra = {"stop_reason": "pause_turn", "usage": {"input_tokens": 3}}
    plain = said(m.AnthropicMessages, NEUTRAL, True)
    sent = said(m.AnthropicMessages, {**NEUTRAL, "extra": extra}, True)
    frames = list(zip(m.SSE.split(plain), m.SSE.split(sent)))
    changed = [pair for pair in frames if pair[0] != pair[1]]
    assert len(changed) == 2 and b"ping" in sent
    for before, after in changed:
        assert len(before) - len(before.rstrip(b" }\n")) == len(after) - len(after.rstrip(b" }\n"))
    chat = [said(m.OpenAIChat, {**NEUTRAL, "extra": extra}, True) for extra in ({"x": 1}, {"x": 2})]
    assert chat[0].replace(b'"x":1', b'"x":2') == chat[1] and chat[0].endswith(b"[DONE]\n\n")
    pads = [
        [value.get("obfuscation") for _, value in events_of(m.OpenAIChat, data)]
        for data in (chat[0], said(m.OpenAIChat, NEUTRAL, True))
    ]
    assert pads[0] == pads[1]


def test_a_json_array_has_it_too_and_a_stream_that_breaks_off() -> None:
    response = {**NEUTRAL, "extra": {"candidates": [{"finishMessage": "m"}]}}
    array = json.loads(said(m.GeminiGenerate, response, True, query={"alt": "json"}))
    assert [value["candidates"][0].get("finishMessage") for value in array] == [None, "m"]
    broken = {"text": "a b", "extra": {"x": 1}, "error": "boom", "after_events": 1}
    values = [value for _, value in events_of(m.OpenAIChat, said(m.OpenAIChat, broken, True))]
    assert values[0]["x"] == 1 and list(values[1]) == ["error"]


# --- what can't be said ---

REFUSED: List[Tuple[type, bool, Any, str]] = [
    (
        m.OpenAIChat,
        True,
        {"choices": [{"message": {"content": "x"}}]},
        "stream is true, expected false, because no event says choices[0].message.content of its "
        '"extra"; say it with "text"',
    ),
    (
        m.OpenAIChat,
        False,
        {"choices": [{}, {"finish_reason": "x"}]},
        'response.extra is "choices[1]", expected one of the choices that are asked for',
    ),
    (m.OpenAIChat, True, {"choices": None}, 'no event says choices of its "extra"'),
    (m.OpenAIChat, True, {"choices": {"0": {}}}, 'no event says choices of its "extra"'),
    (m.AnthropicMessages, True, {"content": [{"input": {"a": [{}, 1]}}]}, "content[0].input.a[1] "),
    (m.AnthropicMessages, False, {"content": [{}, {"a": 1}]}, "one of its parts"),
    (m.AnthropicMessages, True, {"usage": None}, "no event says usage of its"),
    (m.GeminiGenerate, True, {"candidates": [{"content": {"parts": [{}]}}]}, '"block" in "parts"'),
    (m.BedrockConverse, True, {"output": {"x": 1}}, "no event says output.x"),
    (
        m.BedrockConverse,
        True,
        {"output": {"message": {"content": [{"toolUse": {"x": 1}}]}}},
        "expected one of its parts, and in a stream one that is a tool call",
    ),
    (m.CohereChat, True, {"message": {"citations": [1]}}, '"block" in "parts"'),
    (m.OllamaChat, True, {"message": {"tool_calls": [{"x": 1}]}}, 'to which "tool_calls" may add'),
]


def test_a_mock_does_not_match_where_its_extra_would_be_lost() -> None:
    for kind, stream, extra, reason in REFUSED:
        response = {"text": "x", "extra": extra}
        found = ask(answerer({"response": response}), kind, stream)
        assert found.status == 404 and reason in complaint_of(found.body), reason
        brought = {"x-mock-response": json.dumps(response)}
        found = ask(answerer(), kind, stream, headers=brought)
        assert found.status == 400 and reason in complaint_of(found.body), reason
        if reason.startswith(("stream is", "no event")):
            whole = m.merged(json.loads(said(kind, {"text": "x"})), extra)
            assert json.loads(said(kind, response)) == whole, reason


def test_an_api_without_streams_takes_all_that_there_is() -> None:
    extra = {"data": [{"x": 1}, {"y": 2}], "object": None}
    response = {"embedding": [1], "extra": extra}
    value = json.loads(said(m.OpenAIEmbeddings, response))
    assert value["data"][0]["x"] == 1 and value["data"][1] == {"y": 2} and value["object"] is None


def test_a_mock_for_streams_alone_is_refused_at_once_where_they_can_not_say_it() -> None:
    match = {"api": "messages", "stream": True}
    extra: Any = {"content": [{"text": "y"}]}
    with pytest.raises(m.BadMock, match=r"no event says content\[0\].text"):
        m.Mocks().session("").add([{"match": match, "response": {"text": "x", "extra": extra}}])
    # That there are more choices is for a request to ask.
    extra = {"choices": [{}, {"x": 1}]}
    mock = {
        "match": {"api": "chat", "provider": "openai"},
        "response": {"text": "x", "extra": extra},
    }
    sent = bytes_of(ask(answerer(mock), m.OpenAIChat, True, more={"n": 2}))
    assert sent.count(b'"x":1') == 1


def test_an_empty_extra_says_nothing() -> None:
    with pytest.raises(m.BadMock, match="extra: says nothing"):
        m.parse_neutral(m.Node({"text": "x", "extra": {}}))


# --- templates ---


def test_templates_are_filled_in_extras_and_unknown_ones_refused() -> None:
    response = {"text": "x", "extra": {"asked": ["{{user}}", {"of": "{{model}}"}]}}
    for stream in (False, True):
        sent = said(m.OpenAIChat, response, stream).decode().replace(" ", "").replace("\n", "")
        assert '"asked":["Hi",{"of":"gpt-4o-mini"}]' in sent
    bad = {"response": {"text": "x", "extra": {"a": ["{{usr}}"]}}}
    with pytest.raises(m.BadMock, match=r"extra.a\[0\]: unknown template {{usr}}"):
        m.Mocks().session("").add([bad])


def test_many_extras_take_no_longer_than_they_are_long() -> None:
    items = [{"a": number} for number in range(3000)]
    extra = {"output": [{"content": items}]}
    spread = m.Spread(m.RESPONSES_PLACES, extra)
    [tree] = [
        tree
        for spot, portions in spread.portions.items()
        for tree in portions.values()
        if spot.path[0] == "response"
    ]
    assert tree["response"]["output"][0]["content"] == items
    texts = [{"text": ""} for _ in items]
    response = {"parts": texts, "extra": {"content": items}}
    events = events_of(m.AnthropicMessages, said(m.AnthropicMessages, response, True))
    assert [value["content_block"]["a"] for _, value in events if "content_block" in value] == list(
        range(3000)
    )
