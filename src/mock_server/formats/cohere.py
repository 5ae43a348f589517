"""Cohere v2: chat, and what all of its APIs share (wire formats, section 11).  Pure."""

from __future__ import annotations

import itertools
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..errors import MISSING, BadField, kind_of
from ..ids import HEX, LOWER_ALNUM
from ..jsons import compact, within
from ..limits import Headers, Json
from ..node import Field
from ..values import (
    Block,
    Call,
    ErrorBody,
    Failure,
    Limit,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
    Usage,
)
from .base import WireFormat, retry_after, uuid
from .likely import LOGPROB, bounded_pieces, token_number, wants_likely
from .openai_chat_reading import ChatRequest
from .places import COHERE_PLACES
from .runs import Run, filled_in, hole, pieces, walk
from .shapes import has_words, named_by_type, said_stop, stop_of

# Of the sentences only that of not_found was recorded; the statuses were verified with cohere-py.
COHERE_ERRORS = {
    "no_key": Failure(401, "no api key supplied"),
    "authentication": Failure(401, "invalid api token"),
    "not_found": Failure(
        404,
        "model '{model}' not found, make sure the correct model ID was used and that you have "
        "access to the model.",
    ),
    "rate_limit": Failure(
        429,
        "You are using a Trial key, which is limited to 20 API calls / minute. You can continue "
        "to use the Trial key for free or upgrade to a Production key with higher rate limits "
        "at 'https://dashboard.cohere.com/api-keys'.",
    ),
    "server_error": Failure(500, "internal server error"),
    "overloaded": Failure(503, "service unavailable"),
    "context_length": Failure(
        400,
        "too many tokens: total number of tokens in the prompt cannot exceed 128000 - "
        "received 128001. Try using a shorter prompt or a smaller max_tokens value.",
    ),
}

# The headers that are always the same (section 11, recorded).
COHERE_HEADERS: Headers = (
    ("access-control-expose-headers", "X-Debug-Trace-ID"),
    ("cache-control", "no-cache, no-store, no-transform, must-revalidate, private, max-age=0"),
    ("expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("pragma", "no-cache"),
    ("x-accel-expires", "0"),
    ("x-endpoint-monthly-call-limit", "1000"),
    ("x-trial-endpoint-call-limit", "20"),
)

# Finish reasons (section 11) by those of a reply; ERROR is the only one for text that was stopped.
COHERE_STOPS = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR",
}


class Cohere(WireFormat):
    """What all APIs of Cohere share: headers and errors."""

    provider = "cohere"
    errors = COHERE_ERRORS
    bad_json = "invalid json syntax: {}"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Trace id, limits and what keeps an answer out of caches (section 11, recorded)."""
        remaining = "0" if status == 429 else "19"
        return (
            ("x-debug-trace-id", call.token("trace", 32, HEX)),
            *COHERE_HEADERS,
            ("x-trial-endpoint-call-remaining", remaining),
            ("Server", "envoy"),
            ("Vary", "Origin"),
        )

    def limit_headers(self, limit: Limit) -> Headers:
        """Calls of the trial key."""
        return (
            ("x-trial-endpoint-call-limit", str(limit.requests)),
            ("x-trial-endpoint-call-remaining", str(limit.left)),
            *retry_after(limit),
        )

    def usage_headers(self, reply: Reply) -> Headers:
        """Tokens of a whole answer."""
        return (("num_tokens", str(reply.usage.total)),)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"id", "message"}`."""
        return ErrorBody({"id": uuid(call, "error"), "message": failure.message})

    def complaint(self, wrong: BadField) -> Failure:
        """The field in a sentence."""
        if wrong.sentence:
            return Failure(400, wrong.sentence)
        is_empty = wrong.found in ("", []) and kind_of(wrong.found) == wrong.expected
        if wrong.found is MISSING or is_empty:
            return Failure(400, f"invalid request: {wrong.path}: a value is required")
        return Failure(
            400,
            f"invalid type: parameter {wrong.path or 'body'} is of type {kind_of(wrong.found)} "
            f"but should be {wrong.expected}.",
        )


# --- a chat's answer, in pieces that are the same whole and streamed ---


def cohere_tool_call(call: Call, part: ToolCall, number: int, arguments: str) -> Dict[str, Json]:
    """A tool call; its id begins with the name of the function (2.4)."""
    suffix = call.token(f"tool {number}", 12, LOWER_ALNUM)
    return {
        "id": part.id or f"{part.name}_{suffix}",
        "type": "function",
        "function": {"name": part.name, "arguments": arguments},
    }


def cohere_block(part: Part, text: str) -> Mapping[str, Json]:
    """One block of content."""
    if isinstance(part, Block):
        return part.value
    if isinstance(part, Reasoning):
        return {"type": "thinking", "thinking": text}
    return {"type": "text", "text": text}


def cohere_likely(piece: str) -> Dict[str, Json]:
    """How likely a piece of text was (typed in cohere 7.3)."""
    return {"text": piece, "token_ids": [token_number(piece)], "logprobs": [LOGPROB]}


def cohere_usage(usage: Usage) -> Dict[str, Json]:
    """What is billed and what there was."""
    counts = {"input_tokens": usage.input, "output_tokens": usage.output}
    return {"billed_units": counts, "tokens": counts, "cached_tokens": usage.cached}


def citation_in(part: Part) -> Optional[Mapping[str, Json]]:
    """The citation that a part is, which is no content but stands beside it; else None."""
    if isinstance(part, Block) and "sources" in part.value:
        return part.value
    return None


def is_plan(reply: Reply, part: Part) -> bool:
    """Whether a part is of the tool plan, which is what text beside tool calls becomes."""
    return isinstance(part, (Text, Refusal)) and bool(reply.tool_calls)


# --- whole ---


def cohere_message(call: Call, reply: Reply) -> Dict[str, Json]:
    """The assistant's message."""
    plan: List[str] = []
    content: List[Json] = []
    calls: List[Json] = []
    citations: List[Json] = []
    for part in reply.parts:
        citation = citation_in(part)
        if citation:
            citations.append(citation)
        elif isinstance(part, ToolCall):
            arguments = compact(part.arguments)
            calls.append(cohere_tool_call(call, part, len(calls), arguments))
        elif is_plan(reply, part):
            plan.append(getattr(part, "text", ""))
        else:
            content.append(cohere_block(part, getattr(part, "text", "")))
    message: Dict[str, Json] = {"role": "assistant"}
    # Beside tool calls there is no empty content (section 11).
    if content or not calls:
        message["content"] = content
    if any(plan):
        message["tool_plan"] = "".join(plan)
    if calls:
        message["tool_calls"] = calls
    if citations:
        message["citations"] = citations
    return message


def cohere_said(reply: Reply) -> Iterator[str]:
    """The pieces in which the text of the content streams; of a plan nobody says how likely."""
    for run in walk(reply):
        if isinstance(run.part, ToolCall) or is_plan(reply, run.part) or citation_in(run.part):
            continue
        block = cohere_block(run.part, run.text)
        if block["type"] == "text":
            yield from pieces(block["text"], run.size)


# --- streamed ---

CohereEvent = Tuple[str, Json]


def cohere_event(name: str, number: int, message: Json) -> CohereEvent:
    """An event of the content block or the tool call with this number."""
    return name, {"type": name, "index": number, "delta": {"message": message}}


def cohere_plan_events(run: Run) -> Iterator[CohereEvent]:
    """Text of the tool plan; it has no number, start or end."""
    name = "tool-plan-delta"
    value = {"type": name, "delta": {"message": {"tool_plan": hole(0)}}}
    return filled_in(name, value, run.texts)


def cohere_tool_events(call: Call, part: ToolCall, number: int, run: Run) -> Iterator[CohereEvent]:
    """A tool call: first without its arguments, then they."""
    start = cohere_tool_call(call, part, number, "")
    yield cohere_event("tool-call-start", number, {"tool_calls": start})
    function = {"arguments": hole(0)}
    delta = cohere_event("tool-call-delta", number, {"tool_calls": {"function": function}})
    yield from filled_in(*delta, run.pieces)
    yield "tool-call-end", {"type": "tool-call-end", "index": number}


def cohere_block_events(call: Call, number: int, run: Run) -> Iterator[CohereEvent]:
    """A block of content, but for its end: first empty, then its text."""
    # The name of a block's type is that of its text, too.
    block = cohere_block(run.part, run.text)
    name = block["type"]
    yield cohere_event("content-start", number, {"content": {**block, name: ""}})
    texts = pieces(block[name], run.size)
    kind, delta = cohere_event("content-delta", number, {"content": {name: hole(0)}})
    if not (wants_likely(call) and name == "text"):
        yield from filled_in(kind, delta, texts)
        return
    for text in texts:
        yield from filled_in(kind, {**delta, "logprobs": cohere_likely(text)}, (text,))


def cohere_citation_events(number: int, citation: Mapping[str, Json]) -> Iterator[CohereEvent]:
    """A citation, whole at its start."""
    yield cohere_event("citation-start", number, {"citations": citation})
    yield "citation-end", {"type": "citation-end", "index": number}


def cohere_message_events(call: Call, reply: Reply) -> Iterator[CohereEvent]:
    """What lies between the start and the end of a message."""
    # Content blocks, tool calls and citations are counted apart, each from 0.
    blocks, tools, citations = itertools.count(), itertools.count(), itertools.count()
    ends: List[CohereEvent] = []  # that of a block, before which its citations come (quoted)
    for run in walk(reply):
        citation = citation_in(run.part)
        if citation:
            yield from cohere_citation_events(next(citations), citation)
            continue
        yield from ends
        ends = []
        if isinstance(run.part, ToolCall):
            yield from cohere_tool_events(call, run.part, next(tools), run)
        elif is_plan(reply, run.part):
            yield from cohere_plan_events(run)
        else:
            number = next(blocks)
            yield from cohere_block_events(call, number, run)
            ends.append(("content-end", {"type": "content-end", "index": number}))
    yield from ends


class CohereChat(Cohere):
    """Chat, whole and streamed; text beside tool calls is the tool plan."""

    api = "chat"
    routes = ("POST /v2/chat", "POST {prefix*}/v2/chat")
    places = COHERE_PLACES
    fields = {
        "model": "a string!",
        "messages": "an array!",
        "stream": "a boolean",
        "tools": "an array",
        "documents": "an array",
        "response_format": "an object",
        "max_tokens": "an integer",
        "temperature": "a number",
        "logprobs": "a boolean",
    }
    # Messages and tools have OpenAI's form (2.2).
    turns = ChatRequest.turns
    tools = ChatRequest.tools
    streams = ChatRequest.streams
    speaks = WireFormat.speaks | {Block}

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """Items of content, and citations."""
        if "sources" in block:
            return True
        name = block.get("type")
        return name in ("text", "thinking") and isinstance(block.get(name), str)

    def schema(self, body: Field) -> Json:
        """`response_format.json_schema`, or `schema` as it was called first."""
        schema = within(body.value, "response_format", "json_schema")
        return schema or within(body.value, "response_format", "schema")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The message with its usage."""
        more: Dict[str, Json] = {}
        if wants_likely(call):
            texts = bounded_pieces(cohere_said(reply))
            more["logprobs"] = [cohere_likely(text) for text in texts]
        return {
            "id": reply.id or uuid(call, "id"),
            "message": cohere_message(call, reply),
            "finish_reason": said_stop(COHERE_STOPS, stop_of(reply)),
            "usage": cohere_usage(reply.usage),
            **more,
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events under the names of their types, then `[DONE]`."""
        # All that a message may have, empty (section 11, recorded).
        message = {
            "role": "assistant",
            "content": [],
            "tool_plan": "",
            "tool_calls": [],
            "citations": [],
        }
        start = {
            "id": reply.id or uuid(call, "id"),
            "type": "message-start",
            "delta": {"message": message},
        }
        yield "message-start", start
        yield from cohere_message_events(call, reply)
        reason, usage = said_stop(COHERE_STOPS, stop_of(reply)), cohere_usage(reply.usage)
        end = {"finish_reason": reason, "usage": usage}
        yield "message-end", {"type": "message-end", "delta": end}
        yield "", "[DONE]"  # without a name, as the only one

    def is_content(self, name: str, value: Json) -> bool:
        """A delta of the text, of a thought, of the plan or of a tool's arguments."""
        kind = str(within(value, "type"))
        return kind.endswith("-delta") and has_words(within(value, "delta"))

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The end of the message, with the error in it."""
        end = {"error": failure.message, "finish_reason": "ERROR"}
        yield "message-end", {"type": "message-end", "delta": end}
        yield "", "[DONE]"

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type, and `[DONE]` if they don't end with it."""
        yield from named_by_type(values)
        if not values or values[-1] != "[DONE]":
            yield "", "[DONE]"
