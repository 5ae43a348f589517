"""AWS Bedrock: Converse (wire formats, sections 10 and 10.1).  Pure."""

from __future__ import annotations

import itertools
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from ..ids import BASE64URL
from ..jsons import compact, fits, parse_json, sorted_compact, utf8, within
from ..limits import Json
from ..node import Field
from ..values import Block, Call, Part, Reasoning, Reply, ToolCall, Turn, Usage
from .anthropic_blocks import thought_signature
from .base import WireFormat, call_id_of
from .bedrock import Bedrock, bedrock_padding
from .message_content import MessageContent
from .places import CONVERSE_PLACES
from .runs import ARGUMENT_PIECES, ONCE, Run, Stencil, Texts, hole, pieces, walk
from .shapes import has_words, items_within, said_stop, stop_of

# Stop reasons (section 10) by those of a reply.
CONVERSE_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
}

# Which event a payload without a name is: that of the first of these members that it has.
CONVERSE_EVENT_OF = {
    "role": "messageStart",
    "start": "contentBlockStart",
    "delta": "contentBlockDelta",
    "stopReason": "messageStop",
    "usage": "metadata",
    "contentBlockIndex": "contentBlockStop",
}

# The content blocks that a whole answer may have, and those of them that a stream may: its deltas
# know no others (the shapes ContentBlock and ContentBlockDelta of botocore 1.44.8).
CONVERSE_BLOCKS = {
    "text": "a string",
    **dict.fromkeys(
        ("audio", "cachePoint", "citationsContent", "document", "guardContent", "image")
        + ("reasoningContent", "searchResult", "toolAddition", "toolRemoval", "toolResult")
        + ("toolUse", "video"),
        "an object",
    ),
}
STREAMED_BLOCKS = ("text", "toolUse", "toolResult", "image", "reasoningContent", "citationsContent")
# Those that have a start, and which of their members come after it (10.1; ContentBlockStart).
BEGUN_BLOCKS: Mapping[str, Tuple[str, ...]] = {
    "toolUse": ("input",),
    "toolResult": ("content",),
    "image": ("source", "error"),
}

Event = Tuple[str, Dict[str, Json]]
# Those that are alike but for the text in the hole of their value, an event a text.
Events = Tuple[str, Dict[str, Json], Texts]


# --- a request, read ---


def converse_content(content: Field) -> MessageContent:
    """What the content of a message, or the system prompt, holds."""
    texts: List[str] = []
    results: List[Turn] = []
    has_more = False
    for block in content.objects():
        value = block.check({"text": "a string", "toolResult": "an object"}).value
        if value.get("toolResult") is not None:
            result = block.get("toolResult")
            call_id = call_id_of(result.value, "toolUseId")
            results.append(Turn("tool", converse_result(result), call_id))
            continue
        # A cache point says nothing: beside tool results it makes no message of the user.
        if set(value) != {"cachePoint"}:
            has_more = True
        text = value.get("text", within(value, "guardContent", "text", "text"))
        if isinstance(text, str):
            texts.append(text)
    only_results = bool(results) and not has_more
    return MessageContent("\n".join(texts), tuple(results), only_results)


def converse_result(result: Field) -> str:
    """The text of a tool's result: its texts, and JSON as text."""
    texts = []
    # A picture or a document in it has no text.
    for part in result.get("content").objects():
        if isinstance(part.value.get("text"), str):
            texts.append(part.value["text"])
        elif "json" in part.value:
            texts.append(compact(part.value["json"]))
    return "\n".join(text for text in texts if text)


def converse_turns(body: Field) -> Iterator[Turn]:
    """System blocks and messages of a request."""
    system = body.get("system")
    if not system.is_absent:
        yield Turn("system", converse_content(system).text)
    messages = body.get("messages")
    # A managed prompt has messages of its own, and the request only fills in variables.
    if not messages.value and body.get("promptVariables").is_absent:
        messages.expected("an array of at least one message")
    for message in messages.objects():
        role = message.check({"role": "a string!", "content": "an array!"}).get("role")
        if role.value not in ("user", "assistant", "system"):
            role.expected("one from user, assistant")
        yield from converse_content(message.get("content")).turns(role.value)


class ConverseRequest(Bedrock):
    """How a Converse request reads."""

    api = "converse"
    fields: Mapping[str, str] = {
        "messages": "an array",
        "system": "an array",
        "promptVariables": "an object",
        "inferenceConfig": "an object",
        "toolConfig": "an object",
        "additionalModelRequestFields": "an object",
        "outputConfig": "an object",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """System blocks and messages."""
        return converse_turns(body)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of the tools; a cache point among them has none."""
        for tool in body.within("toolConfig", "tools").objects():
            tool.check({"toolSpec": "an object"})
            if "toolSpec" in tool.value:
                yield tool.get("toolSpec").check({"name": "a string!"}).value["name"]

    def schema(self, body: Field) -> Json:
        """`outputConfig.textFormat.structure.jsonSchema.schema`, which is JSON text."""
        names = ("outputConfig", "textFormat", "structure", "jsonSchema", "schema")
        schema = body.within(*names)
        if schema.is_absent:
            return None
        if not isinstance(schema.value, str):
            return schema.value
        try:
            return parse_json(utf8(schema.value))
        except ValueError as error:
            schema.expected(f"JSON ({error})")


# --- an answer, written ---


def converse_tool_id(call: Call, part: ToolCall, index: int) -> str:
    """The id of a tool call (2.4)."""
    return part.id or "tooluse_" + call.token(f"tool {index}", 22, BASE64URL)


def converse_block(call: Call, part: Part, index: int) -> Mapping[str, Json]:
    """One content block of a whole answer."""
    if isinstance(part, Block):
        return part.value
    if isinstance(part, ToolCall):
        use = {
            "toolUseId": converse_tool_id(call, part, index),
            "name": part.name,
            "input": dict(part.arguments),
        }
        return {"toolUse": use}
    if isinstance(part, Reasoning):
        thought = {"text": part.text, "signature": thought_signature(call, index)}
        return {"reasoningContent": {"reasoningText": thought}}
    return {"text": getattr(part, "text", "")}


def text_in(value: Json) -> str:
    """The text in a block of a mock; anything else is none."""
    text = within(value, "text")
    if isinstance(text, str):
        return text
    return ""


def converse_deltas(run: Run, kind: str, value: Json) -> Iterator[Tuple[Dict[str, Json], Texts]]:
    """What a stream says of one content block, and the texts that go into the hole of each."""
    if kind == "text":
        yield {"text": hole(0)}, pieces(value, run.size) or ONCE
    elif kind == "toolUse":
        text = run.text or compact(value.get("input"))
        yield {"toolUse": {"input": hole(0)}}, pieces(text, run.size, ARGUMENT_PIECES)
    elif kind == "toolResult":
        for item in items_within(value, "content"):
            yield {"toolResult": [item]}, ONCE
    elif kind == "image":
        yield {"image": {name: value[name] for name in BEGUN_BLOCKS[kind] if name in value}}, ONCE
    elif kind == "citationsContent":
        text = "".join(map(text_in, items_within(value, "content")))
        yield {"text": hole(0)}, pieces(text, run.size) or ONCE
        for citation in items_within(value, "citations"):
            yield {"citation": citation}, ONCE
    else:
        yield from converse_thought_deltas(run, value)


def converse_thought_deltas(run: Run, value: Json) -> Iterator[Tuple[Dict[str, Json], Texts]]:
    """What a stream says of a thought: its text, then what signs it; or what nobody can read."""
    thought = value.get("reasoningText")
    if thought is None:
        yield {"reasoningContent": value}, ONCE
        return
    yield {"reasoningContent": {"text": hole(0)}}, pieces(text_in(thought), run.size) or ONCE
    signature = within(thought, "signature")
    if signature is not None:
        yield {"reasoningContent": {"signature": signature}}, ONCE


def converse_block_events(call: Call, run: Run) -> Iterator[Events]:
    """The events of one content block."""
    ((kind, value),) = converse_block(call, run.part, run.index).items()
    place = {"contentBlockIndex": run.index}
    if kind in BEGUN_BLOCKS:
        begun = {name: value[name] for name in sorted(value) if name not in BEGUN_BLOCKS[kind]}
        yield "contentBlockStart", {**place, "start": {kind: begun}}, ONCE
    for delta, texts in converse_deltas(run, kind, value):
        yield "contentBlockDelta", {**place, "delta": delta}, texts
    yield "contentBlockStop", place, ONCE


def converse_usage(usage: Usage, cache_counts: Tuple[str, str]) -> Dict[str, Json]:
    """Token counts; those that the cache had or was given are not among the input."""
    counts = {
        "inputTokens": usage.uncached,
        "outputTokens": usage.output,
        "totalTokens": usage.total,
    }
    # Older models have no counts of a cache.
    if usage.cached or usage.cache_write:
        counts.update(zip(cache_counts, (usage.cached, usage.cache_write)))
    return counts


def recorded_converse_event(value: Json) -> Event:
    """A recorded value as an event; one without a name is none."""
    if not isinstance(value, dict):
        return "", {}
    for member, name in CONVERSE_EVENT_OF.items():
        if member in value:
            return name, value
    if len(value) == 1:
        return next(iter(value.items()))
    return "", value


class BedrockConverse(ConverseRequest):
    """converse and converse-stream (section 10)."""

    routes: Tuple[str, ...] = (
        "POST /model/{model}/{verb=converse}",
        "POST /model/{model}/{verb=converse-stream}",
    )
    places = CONVERSE_PLACES
    speaks = WireFormat.speaks | {Block}
    cache_counts = ("cacheReadInputTokens", "cacheWriteInputTokens")

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """Those that botocore's shapes have there."""
        ((kind, value),) = tuple(block.items())[:1]
        if len(block) > 1 or kind not in (STREAMED_BLOCKS if stream else CONVERSE_BLOCKS):
            return False
        return fits(value, CONVERSE_BLOCKS[kind])

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The operation says it."""
        return params["verb"] == "converse-stream"

    def whole(self, call: Call, reply: Reply) -> Json:
        """The output message with metrics."""
        content = [converse_block(call, part, index) for index, part in enumerate(reply.parts)]
        return {
            "metrics": {"latencyMs": 408},
            "output": {"message": {"content": content, "role": "assistant"}},
            "stopReason": said_stop(CONVERSE_STOPS, stop_of(reply)),
            "usage": converse_usage(reply.usage, self.cache_counts),
        }

    def values(self, call: Call, reply: Reply) -> Iterator[Events]:
        """The events of a stream without their padding, in order (10.1, recorded)."""
        yield "messageStart", {"role": "assistant"}, ONCE
        for run in walk(reply):
            yield from converse_block_events(call, run)
        yield "messageStop", {"stopReason": said_stop(CONVERSE_STOPS, stop_of(reply))}, ONCE
        usage = converse_usage(reply.usage, self.cache_counts)
        # The counts have an event of their own, after the stop (10.1).
        yield "metadata", {"metrics": {"latencyMs": 625}, "usage": usage}, ONCE

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events with their padding."""
        numbers = itertools.count()
        for name, value, texts in self.values(call, reply):
            stencil = Stencil({**value, "p": hole(1)}, sorted_compact)
            for text, number in zip(texts, numbers):
                yield name, stencil.filled(text, bedrock_padding(call, number))

    def is_content(self, name: str, value: Json) -> bool:
        """A delta of a block."""
        if name == "contentBlockDelta":
            return has_words(within(value, "delta"))
        return has_words(within(value, "contentBlockDelta", "delta"))

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Events as boto3 gives them, `{"messageStart": {…}}`, or bare payloads, known by what is
        in them."""
        # A payload's own name is not in it: it was a header of its frame (10.1).
        for value in values:
            name, payload = recorded_converse_event(value)
            if name:
                yield name, payload
