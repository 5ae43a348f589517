"""How clients read answers: the events of a stream, and what they add up to."""

from __future__ import annotations

import base64
import itertools
import json
import re
from typing import Any, Callable, Dict, List, Tuple

from samples import NEUTRAL, USAGE, bytes_of, call_of, said, wire_of

import mock_server as m

# The events of a Converse stream with everything in it; "@" is a signature or an id.
CONVERSE_EVENTS: List[Tuple[str, Any]] = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Hm."}}}),
    (
        "contentBlockDelta",
        {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "@"}}},
    ),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Hello"}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": " world"}}),
    ("contentBlockStop", {"contentBlockIndex": 1}),
    (
        "contentBlockStart",
        {"contentBlockIndex": 2, "start": {"toolUse": {"name": "now", "toolUseId": "@"}}},
    ),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{}"}}}),
    ("contentBlockStop", {"contentBlockIndex": 2}),
    ("messageStop", {"stopReason": "tool_use"}),
    (
        "metadata",
        {
            "metrics": {"latencyMs": 625},
            "usage": {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11},
        },
    ),
]

# What is derived from the request: the name that stands for it in an expected value, and the form
# that it is sent in.
SHAPES = {
    "@id": r'"(?:id|responseId)": ?("(?:(?:chatcmpl-|cmpl-)[A-Za-z0-9]{29}|[A-Za-z0-9_-]{22})")',
    "@created": r'"created": ?(1[67]\d{8})\b',
    "@fingerprint": r'("fp_[0-9a-f]{10}")',
    "@time": r'("20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")',
    "@resp": r'"id": ?("resp_[0-9a-f]{16}00[0-9a-f]{12}819[0-9a-f]{17}")',
    "@msg": r'"id": ?("msg_[0-9a-f]{16}00[0-9a-f]{12}819[0-9a-f]{17}")',
    "@created_at": r'"created_at": ?(1[67]\d{8})\b',
    "@completed_at": r'"completed_at": ?(1[67]\d{8})\b',
    "@claude": r'"id":("msg_(?:bdrk_|vrtx_)?01[1-9A-HJ-NP-Za-km-z]{22}")',
    "@uuid": r'"id":("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}")',
    "@hex": r'"id":("[0-9a-f]{32}")',
    "@when": r'"created_at":("20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,8}[1-9])?Z")',
    "@context": r'"context":(\[\d+,\d+,\d+\])',
    "@total": r'"total_duration":(\d+)',
    "@load": r'"load_duration":(\d+)',
    "@prompt": r'"prompt_eval_duration":(\d+)',
    "@eval": r'"eval_duration":(\d+)',
}


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def indented(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def spaced(value: Any) -> str:
    """JSON as Google's event streams have it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ": "))


def derived(value: Any, sent: str, layout: Callable[[Any], str] = compact) -> str:
    """The JSON of an expected value; each "@name" is taken from what was sent, if it looks so."""
    text = layout(value)
    for name, shape in SHAPES.items():
        if f'"{name}"' in text:
            match = re.search(shape, sent)
            assert match, (name, sent)
            text = text.replace(f'"{name}"', match.group(1))
    return text


def whole_of(kind: type) -> str:
    """What a format sends for "Hello world", or for a vector."""
    vector = {"embedding": [0.25, -0.5, 1.0], "usage": USAGE}
    return said(kind, vector if m.Embedding in wire_of(kind).speaks else NEUTRAL).decode()


def without_null(value: Any) -> Any:
    """An object without the members that are null, which not both kinds of answers have."""
    return {key: member for key, member in value.items() if member is not None}


def merge_chat(data: List[str]) -> Any:
    """The chunks of a chat stream as one answer: choices, finish reasons, usage and id."""
    chunks = [json.loads(text) for text in data if text != "[DONE]"]
    chunks = [chunk for chunk in chunks if chunk["id"]]
    choices: Dict[int, Dict[str, Any]] = {}
    for choice in itertools.chain.from_iterable(chunk["choices"] for chunk in chunks):
        found = choices.setdefault(choice["index"], {"finish": None, "message": {}, "tools": {}})
        found["finish"] = choice.get("finish_reason") or found["finish"]
        for key in ("content", "reasoning_content", "reasoning", "refusal"):
            if choice["delta"].get(key):
                found["message"][key] = found["message"].get(key, "") + choice["delta"][key]
        calls = list(choice["delta"].get("tool_calls", ()))
        if "function_call" in choice["delta"]:
            calls.append({"index": 0, "function": choice["delta"]["function_call"]})
        for number, call in enumerate(calls):
            kind, key = ("custom", "input") if "custom" in call else ("function", "arguments")
            tool = found["tools"].setdefault(
                call.get("index", number),
                {"id": call.get("id"), "name": call[kind].get("name"), key: ""},
            )
            tool[key] += call[kind][key]
    usage = next((chunk["usage"] for chunk in chunks if chunk.get("usage")), None)
    return (
        choices,
        usage and without_null(usage),
        {chunk["id"] for chunk in chunks},
        {chunk["created"] for chunk in chunks},
    )


def whole_chat(value: Any) -> Any:
    """A whole chat answer in the same form."""
    choices = {}
    for choice in value["choices"]:
        message = choice["message"]
        calls = list(message.get("tool_calls", ()))
        if message.get("function_call"):
            calls.append({"type": "function", "function": message["function_call"]})
        tools = {
            index: {"id": call.get("id"), **call[call["type"]]} for index, call in enumerate(calls)
        }
        texts = {
            key: message[key]
            for key in ("content", "reasoning_content", "reasoning", "refusal")
            if message.get(key)
        }
        choices[choice["index"]] = {
            "finish": choice["finish_reason"],
            "message": texts,
            "tools": tools,
        }
    return choices, without_null(value["usage"]), {value["id"]}, {value["created"]}


def read_google(values: List[Any]) -> Any:
    """One or many GenerateContentResponses as one answer."""
    candidates: Dict[int, Dict[str, Any]] = {}
    for candidate in itertools.chain.from_iterable(value["candidates"] for value in values):
        found = candidates.setdefault(candidate.get("index", 0), {"finish": None, "parts": []})
        found["finish"] = candidate.get("finishReason") or found["finish"]
        for part in candidate["content"].get("parts", ()):
            last = found["parts"][-1] if found["parts"] else {}
            if "text" in part and "text" in last and last.get("thought") == part.get("thought"):
                found["parts"][-1] = {**last, **part, "text": last["text"] + part["text"]}
            else:
                found["parts"].append(part)
    return candidates, values[-1]["usageMetadata"], {value["responseId"] for value in values}


def read_completion(values: List[Any]) -> Any:
    """One or many text_completion objects as one answer."""
    choices: Dict[int, List[Any]] = {}
    for choice in itertools.chain.from_iterable(value["choices"] for value in values):
        found = choices.setdefault(choice["index"], ["", None])
        found[0] += choice["text"]
        found[1] = choice["finish_reason"] or found[1]
    usage = next((without_null(value["usage"]) for value in values if value.get("usage")), None)
    return choices, usage, {value["id"] for value in values}


def read_mistral(values: List[Any]) -> Any:
    """One or many of Mistral's objects as one answer."""
    choices: Dict[int, Dict[str, Any]] = {}
    for choice in itertools.chain.from_iterable(value["choices"] for value in values):
        found = choices.setdefault(choice["index"], {"content": [], "tools": [], "finish": None})
        said = choice.get("message") or choice["delta"]
        parts = said["content"]
        if not isinstance(parts, list):
            parts = [{"type": "text", "text": parts}]
        for part in parts:
            if part["type"] not in ("text", "thinking"):
                found["content"].append([part["type"], part])
                continue
            text = part["text"] if part["type"] == "text" else part["thinking"][0]["text"]
            if found["content"] and found["content"][-1][0] == part["type"]:
                found["content"][-1][1] += text
            elif text:
                found["content"].append([part["type"], text])
        found["tools"] += said.get("tool_calls") or []
        found["finish"] = choice["finish_reason"] or found["finish"]
    usage = next(value["usage"] for value in reversed(values) if "usage" in value)
    return choices, usage, {value["id"] for value in values}


def join_responses(events: List[Any]) -> Any:
    """The response that a Responses stream ends with, after a look at all that led to it."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created" and not events[0]["response"]["output"]
    assert events[-1]["type"] == "response." + events[-1]["response"]["status"]
    begun = 1 if events[-1]["response"]["status"] in ("queued", "in_progress") else 2
    assert begun == 1 or events[1]["type"] == "response.in_progress"
    items: Dict[int, Any] = {}
    texts: Dict[Any, str] = {}
    for event in events[begun:-1]:
        kind, place = event["type"], event["output_index"]
        inner = event.get("content_index", event.get("summary_index"))
        if kind.endswith(".delta"):
            texts[place, inner] = texts.get((place, inner), "") + event["delta"]
            pad = event.get("obfuscation")  # which Mistral has not
            assert pad is None or (len(event["delta"]) + len(pad)) % 16 == 0
        elif kind.endswith(
            ("text.done", "refusal.done", "arguments.done", "input.done", "code.done")
        ):
            keys = ("text", "refusal", "arguments", "input", "code")
            assert texts.pop((place, inner), "") == next(event[key] for key in keys if key in event)
        elif kind == "response.output_item.done":
            assert event["item"]["id"] == items[place]["id"] and event["item"].get("type") == items[
                place
            ].get("type")
            items[place] = event["item"]
        elif kind == "response.output_item.added":
            assert place == len(items)
            items[place] = event["item"]
        assert event.get("item_id", items[place]["id"]) == items[place]["id"]
    assert events[-1]["response"]["output"] == list(items.values()) and not texts
    return events[-1]["response"]


ANTHROPIC_DELTAS = {
    "text": "text_delta",
    "thinking": "thinking_delta",
    "signature": "signature_delta",
    "partial_json": "input_json_delta",
    "citation": "citations_delta",
}


def join_anthropic(events: List[Any]) -> Any:
    """The message that a stream of Anthropic's events adds up to."""
    order = [event["type"] for event in events]
    assert order[0] == "message_start" and order[-2:] == ["message_delta", "message_stop"]
    message = events[0]["message"]
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            assert event["index"] == len(message["content"])
            message["content"].append({**event["content_block"], "partial": ""})
        elif event["type"] == "content_block_delta":
            block, delta = message["content"][event["index"]], event["delta"]
            kind = delta.pop("type")
            if kind == "compaction_delta":
                assert block["content"] is None
                block.update(delta)
                continue
            ((key, piece),) = delta.items()
            assert kind == ANTHROPIC_DELTAS[key]
            if key == "citation":
                block["citations"].append(piece)
            else:
                block["partial" if key == "partial_json" else key] += piece
        elif event["type"] == "content_block_stop":
            block = message["content"][event["index"]]
            partial = block.pop("partial")
            if partial:
                assert block["input"] == {}
                block["input"] = json.loads(partial)
    message.update(events[-2]["delta"])
    message["usage"].update(events[-2]["usage"])
    return message


def add_converse_delta(blocks: Dict[int, Any], index: int, delta: Any) -> None:
    """Add what an event says of a content block to the block at `index`, which it may begin."""
    ((kind, piece),) = delta.items()
    if kind == "text":
        blocks.setdefault(index, {"text": ""})["text"] += piece
    elif kind == "toolUse":
        blocks[index]["toolUse"]["input"] += piece["input"]
    elif kind == "toolResult":
        blocks[index]["toolResult"]["content"] += piece
    elif kind == "image":
        blocks[index]["image"].update(piece)
    elif kind == "citation":  # of a text, which is known as a cited one from now on
        cited = {"content": [blocks[index]], "citations": []}
        blocks[index] = {"citationsContent": blocks[index].get("citationsContent", cited)}
        blocks[index]["citationsContent"]["citations"].append(piece)
    elif "redactedContent" in piece:
        blocks[index] = {"reasoningContent": piece}
    else:
        empty = {"reasoningContent": {"reasoningText": {"text": ""}}}
        found = blocks.setdefault(index, empty)["reasoningContent"]["reasoningText"]
        ((key, text),) = piece.items()
        found[key] = found.get(key, "") + text


def join_converse(events: List[Tuple[str, Any]]) -> Any:
    """The answer that a stream of Converse's events adds up to, without metrics."""
    assert [name for name, _ in events[-2:]] == ["messageStop", "metadata"]
    blocks: Dict[int, Any] = {}
    for name, value in events[1:-2]:
        index = value["contentBlockIndex"]
        if name == "contentBlockStart":
            ((kind, begun),) = value["start"].items()
            empty = {"toolUse": {"input": ""}, "toolResult": {"content": []}, "image": {}}[kind]
            blocks[index] = {kind: {**begun, **empty}}
        elif name == "contentBlockDelta":
            add_converse_delta(blocks, index, value["delta"])
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
    message = {"content": [blocks[index] for index in sorted(blocks)], "role": events[0][1]["role"]}
    return {
        "output": {"message": message},
        "stopReason": events[-2][1]["stopReason"],
        "usage": events[-1][1]["usage"],
    }


def join_cohere(events: List[Any]) -> Any:
    """The answer that a stream of Cohere's events adds up to."""
    assert events[0]["type"] == "message-start" and events[-1]["type"] == "message-end"
    content: List[Any] = []
    calls: List[Any] = []
    citations: List[Any] = []
    plan = ""
    for event in events[1:-1]:
        inner = event.get("delta", {}).get("message", {})
        if event["type"] == "content-start":
            assert event["index"] == len(content)
            content.append(inner["content"])
        elif event["type"] == "content-delta":
            ((key, piece),) = inner["content"].items()
            content[event["index"]][key] += piece
        elif event["type"] == "tool-plan-delta":
            plan += inner["tool_plan"]
        elif event["type"] == "tool-call-start":
            assert event["index"] == len(calls)
            calls.append(inner["tool_calls"])
        elif event["type"] == "tool-call-delta":
            piece = inner["tool_calls"]["function"]["arguments"]
            calls[event["index"]]["function"]["arguments"] += piece
        elif event["type"] == "citation-start":
            assert event["index"] == len(citations)
            citations.append(inner["citations"])
    message = {
        "role": "assistant",
        **({"content": content} if content or not calls else {}),
        **({"tool_plan": plan} if plan else {}),
        **({"tool_calls": calls} if calls else {}),
        **({"citations": citations} if citations else {}),
    }
    end = events[-1]["delta"]
    return {
        "id": events[0]["id"],
        "message": message,
        "finish_reason": end["finish_reason"],
        "usage": end["usage"],
    }


def join_ollama(lines: List[Any]) -> Any:
    """The object that Ollama's lines add up to."""
    found = dict(lines[-1])
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert all("eval_count" not in line for line in lines[:-1])
    if "response" in found:
        texts = {
            key: "".join(line.get(key, "") for line in lines) for key in ("response", "thinking")
        }
        return {**found, **{key: text for key, text in texts.items() if text or key == "response"}}
    message: Dict[str, Any] = {"role": "assistant", "content": ""}
    for line in lines:
        said = line["message"]
        message["content"] += said["content"]
        if "thinking" in said:
            message["thinking"] = message.get("thinking", "") + said["thinking"]
        message.setdefault("tool_calls", []).extend(said.get("tool_calls", ()))
    return {**found, "message": {key: value for key, value in message.items() if value != []}}


def without(value: Any, *names: str) -> Any:
    return {key: inner for key, inner in value.items() if key not in names}


def events_of(kind: type, data: bytes) -> List[Tuple[str, Any]]:
    """The events of a stream, each with its name, as a client of that API reads them."""
    framing = wire_of(kind).framing(call_of(kind, True))
    if isinstance(framing, m.NDJSON):
        return [("", value) for value in framing.split(data)]
    if isinstance(framing, m.EventStream):
        found = []
        for headers, payload in framing.split(data):
            name = headers.get(":event-type") or headers[":exception-type"]
            value = json.loads(payload)
            assert value.pop("p", "") in m.BEDROCK_PADS
            if name == "chunk":
                value = json.loads(base64.b64decode(value["bytes"]))
            found.append((name, value))
        return found
    frames = [frame.decode() for frame in m.SSE.split(data)]
    named = [(re.match("event: (.+)", frame), m.SSE.data(frame.encode())) for frame in frames]
    return [
        (name.group(1).rstrip("\r") if name else "", json.loads(text))
        for name, text in named
        if text not in ("", "[DONE]")  # a comment, the end
    ]


def both(kind: type, response: Any, more: Any) -> Tuple[Any, Any]:
    """What a client reads from the whole and from the streamed answer."""
    whole = json.loads(said(kind, response, more=more))
    counted = {**more, "stream_options": {"include_usage": True}}
    events = events_of(kind, said(kind, response, True, more=counted))
    values = [value for _, value in events]
    if issubclass(kind, m.MistralChat):
        return read_mistral([whole]), read_mistral(values)
    if issubclass(kind, m.OpenAIChat):
        return whole_chat(whole), merge_chat([json.dumps(value) for value in values])
    if issubclass(kind, m.AnthropicMessages):
        last = values[-1].pop("amazon-bedrock-invocationMetrics", None)
        assert (last is not None) == (kind is m.BedrockClaude)
        return whole, join_anthropic([value for value in values if value["type"] != "ping"])
    if issubclass(kind, m.BedrockConverse):
        flat = [next(iter(value.items())) for value in values] if kind is m.BedrockNova else events
        return without(whole, "metrics"), join_converse(flat)
    if issubclass(kind, m.OllamaChat):
        return without(whole, "created_at"), without(join_ollama(values), "created_at")
    joins = {
        m.OpenAIResponses: join_responses,
        m.AzureResponses: join_responses,
        m.MistralResponses: join_responses,
        m.CohereChat: join_cohere,
    }
    if kind in joins:
        assert all(name == value["type"] for name, value in events)
        return whole, joins[kind](values)
    if issubclass(kind, m.Gemini):
        return read_google([whole]), read_google(values)
    assert issubclass(kind, m.OpenAICompletions), f"how do clients of {kind.__name__} read it?"
    return read_completion([whole]), read_completion(values)


def decoded(kind: type, response: m.HttpResponse) -> bytes:
    """The JSON of a stream's events, unpacked."""
    values = [value for _, value in events_of(kind, bytes_of(response))]
    return "\n".join(map(compact, values)).encode()
