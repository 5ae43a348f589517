"""OpenAI's chat completions, whole and streamed (wire formats, 5.2 and 5.3).  Pure."""

from __future__ import annotations

import functools
import itertools
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..errors import Because
from ..ids import HEX, token
from ..jsons import quoted, utf8, within
from ..limits import Difference, Json
from ..values import Call, Part, Reasoning, Refusal, Reply, Text, ToolCall, Usage
from .likely import likely_tokens, wants_likely, whole_pieces
from .openai import is_reasoning_model, wants_obfuscation, wants_usage
from .openai_chat_reading import ChatRequest
from .places import CHAT_PLACES
from .runs import ONCE, Stencil, Texts, filled_in, hole, walk
from .shapes import has_words, present, tool_input

# Where a delta holds the pieces of a part.  `reasoning_content` is other vendors' (5.2).
DELTA_KEYS = {Text: "content", Reasoning: "reasoning_content", Refusal: "refusal"}


def chat_usage(usage: Usage) -> Dict[str, Json]:
    """Token counts with their details."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "audio_tokens": 0,
            **written_tokens(usage),
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def written_tokens(usage: Usage) -> Dict[str, Json]:
    """Tokens that were written to a cache, which only some hosts tell (in the SDK's types)."""
    if not usage.cache_write:
        return {}
    return {"cache_write_tokens": usage.cache_write}


def logprobs(pieces: Iterable[Optional[str]], body: Json) -> Optional[Dict[str, Json]]:
    """Log probabilities, if the request asks for them and a piece has text (5.2)."""
    if body.get("logprobs") is not True:
        return None
    content = likely_tokens(pieces, body.get("top_logprobs"))
    if not content:
        return None
    return {"content": content, "refusal": None}


def padded_events(
    call: Call, stencil: Stencil, texts: Texts, numbers: Iterator[int]
) -> Iterator[Tuple[str, bytes]]:
    """Chunks with a text, where there is a hole for one, and behind it what makes their length 1
    modulo 16 (5.3, recorded)."""
    pads = utf8(call.pads)
    begin, (*of_text, (_, end)) = stencil.begin, stencil.rest
    middle, end = b'"', b'"' + end
    if of_text:
        middle = of_text[0][1] + middle
    length = len(begin + middle + end)
    for text, number in zip(texts, numbers):
        piece = b""
        if of_text:
            piece = utf8(quoted(text))
        room = (1 - length - len(piece)) % 16 or 16
        start = number * 16 % 1008  # the 1,024 pads start over before a padding could be cut off
        yield "", b"".join((begin, piece, middle, pads[start : start + room], end))


def is_lone_call(reply: Reply) -> bool:
    """Whether a call of a tool is all that is said; it streams together with the role (5.3)."""
    return len(reply.parts) == len(reply.tool_calls) == 1


def opening_delta(reply: Reply, heads: List[Dict[str, Json]]) -> Dict[str, Json]:
    """The first delta of a message; `heads` are those with which its tool calls begin (5.3,
    recorded).

    Several calls come after the role, and then the key `refusal` is missing."""
    delta: Dict[str, Json] = {"role": "assistant", "content": None}
    # Without a text it is null, not empty (5.3).
    if reply.text(Text) is not None:
        delta["content"] = ""
    if is_lone_call(reply):
        delta.update(heads[0])
    if len(heads) < 2 or len(heads) < len(reply.parts):
        delta["refusal"] = None
    return delta


def asks_for_functions(call: Call) -> bool:
    """Whether a request offers the older `functions`, of which an answer calls at most one."""
    return bool(within(call.body, "functions")) and not within(call.body, "tools")


# Where a call of a tool has what it is called with, by the type of the call.
CALL_INPUTS = {"function": "arguments", "custom": "input"}


def new_fingerprint(model: str) -> Optional[str]:
    """A model's fingerprint; reasoning models have none (2.4)."""
    if is_reasoning_model(model):
        return None
    return "fp_" + token(model, 10, HEX)


SHORT_NAME = 100  # characters of what is kept
known_fingerprint = functools.lru_cache(maxsize=256)(new_fingerprint)


class ChatCompletion(ChatRequest):
    """The objects of chat completions, which other providers borrow."""

    has_functions = True  # whether a request may offer those
    has_logprobs = True  # whether a choice has that key

    def head(self, call: Call, reply: Reply, kind: str) -> Dict[str, Json]:
        """What every object begins with."""
        return {
            "id": reply.id or "chatcmpl-" + call.token("id", 29),
            "object": kind,
            "created": call.second,
            "model": reply.model,
        }

    def tail(self, call: Call) -> Dict[str, Json]:
        """Tier and fingerprint."""
        fingerprint = known_fingerprint if len(call.model) < SHORT_NAME else new_fingerprint
        return {"service_tier": "default", "system_fingerprint": fingerprint(call.model)}

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts, of all choices together."""
        return chat_usage(reply.usage)

    def lacks(self, call: Call, parts: Sequence[Part]) -> Optional[Difference]:
        """That there are several calls, where the request knows only of one."""
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if len(calls) < 2 or not (self.has_functions and asks_for_functions(call)):
            return super().lacks(call, parts)
        expected = Because('in "tools", because of "functions" only one is called')
        return "tools", list(call.tools), expected

    def finish_reason(self, call: Call, reply: Reply) -> str:
        """Why the answer ends."""
        if reply.stop == "tool_calls" and asks_for_functions(call):
            return "function_call"
        return reply.stop

    def tool_call(self, call: Call, part: ToolCall, number: int, choice: int) -> Dict[str, Json]:
        """A whole tool call; arguments of a function are JSON text."""
        kind = "function"
        if part.name in call.custom_tools:
            kind = "custom"
        return {
            "id": part.id or "call_" + call.token(f"tool {choice} {number}", 24),
            "type": kind,
            kind: {"name": part.name, CALL_INPUTS[kind]: tool_input(part)},
        }

    def tool_calls(self, call: Call, reply: Reply, choice: int) -> List[Json]:
        """All tool calls of an answer, whole."""
        parts = enumerate(reply.tool_calls)
        return [self.tool_call(call, part, number, choice) for number, part in parts]

    def called(self, call: Call, reply: Reply, choice: int) -> Dict[str, Json]:
        """The member of a message that says what is called, if something is."""
        if not reply.tool_calls:
            return {}
        whole = self.tool_calls(call, reply, choice)
        if asks_for_functions(call):
            return {"function_call": whole[0]["function"]}
        return {"tool_calls": whole}

    def message(self, call: Call, reply: Reply, choice: int) -> Dict[str, Json]:
        """The assistant's message."""
        # The order is as recorded: calls before the refusal, `annotations` since March 2025 (5.2).
        return {
            "role": "assistant",
            "content": reply.text(Text),
            **present(reasoning_content=reply.text(Reasoning) or None),
            **self.called(call, reply, choice),
            "refusal": reply.text(Refusal) or None,
            "annotations": [],
        }

    def choice(
        self,
        call: Call,
        index: int,
        body: Dict[str, Json],
        finish: Optional[str],
        pieces: Iterable[Optional[str]] = (),
    ) -> Dict[str, Json]:
        """One choice; `body` is its message or delta, and `pieces` is the text that this holds."""
        choice = {"index": index, **body}
        # Reasoning models have no log probabilities, not even the key (5.2).
        if self.has_logprobs and not is_reasoning_model(call.model):
            choice["logprobs"] = logprobs(pieces, call.body)
        choice["finish_reason"] = finish
        return choice

    def is_content(self, name: str, value: Json) -> bool:
        """A delta that holds more than the role."""
        choices = within(value, "choices") or ()
        return any(has_words(within(choice, "delta")) for choice in choices)


class OpenAIChat(ChatCompletion):
    """Chat completions."""

    routes: Tuple[str, ...] = ("POST /v1/chat/completions", "POST {prefix*}/chat/completions")
    stream_type = "text/event-stream; charset=utf-8"
    places = CHAT_PLACES
    has_custom_tools = True

    def whole(self, call: Call, reply: Reply) -> Json:
        """The `chat.completion` object."""
        finish = self.finish_reason(call, reply)
        choices = []
        for index in range(call.choices):
            message = {"message": self.message(call, reply, index)}
            choices.append(self.choice(call, index, message, finish, whole_pieces(call, reply)))
        # Tier and fingerprint come last here, and before the choices in a chunk (5.2, 5.3).
        return self.arranged(
            {
                **self.head(call, reply, "chat.completion"),
                "choices": choices,
                "usage": self.usage(reply),
                **self.tail(call),
            }
        )

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """`chat.completion.chunk` objects, then `[DONE]`."""
        numbers = itertools.count()
        for chunk, texts in self.chunks(call, reply):
            chunk = self.padded(call, chunk)
            if "obfuscation" in chunk:
                yield from padded_events(call, Stencil(chunk), texts, numbers)
            else:
                yield from filled_in("", chunk, texts)
        yield "", "[DONE]"

    def chunks(self, call: Call, reply: Reply) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """The chunks of all choices, choice by choice, and of the token counts if asked for."""
        shared = {**self.head(call, reply, "chat.completion.chunk"), **self.tail(call)}
        usage: Dict[str, Json] = {}
        if wants_usage(call.body):
            # Every chunk has the key then, and without being asked none has it (5.3).
            usage["usage"] = None
        for index in range(call.choices):
            for delta, texts in self.deltas(call, reply, index):
                choice = self.choice(call, index, {"delta": delta}, None, [delta.get("content")])
                yield {**shared, "choices": [choice], **usage}, texts
            # The finish reason comes alone (5.3).
            final = self.choice(call, index, {"delta": {}}, self.finish_reason(call, reply))
            yield {**shared, "choices": [final], **usage}, ONCE
        # One chunk more, without choices (5.3).
        if usage:
            yield {**shared, "choices": [], "usage": self.usage(reply)}, ONCE

    def deltas(
        self, call: Call, reply: Reply, choice: int
    ) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """A message in pieces (5.3, recorded)."""
        calls = enumerate(self.tool_calls(call, reply, choice))
        called = [self.call_deltas(call, whole, number) for number, whole in calls]
        yield opening_delta(reply, [head for head, _ in called]), ONCE
        rest = iter(called)
        for run in walk(reply):
            if not isinstance(run.part, ToolCall):
                yield from self.text_deltas(call, DELTA_KEYS[type(run.part)], run.texts)
                continue
            # A call is complete before the next one starts.
            head, piece = next(rest)
            if not is_lone_call(reply):
                yield head, ONCE
            yield piece, run.pieces

    def text_deltas(
        self, call: Call, key: str, texts: Texts
    ) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """What is said, piece by piece."""
        if not wants_likely(call):
            yield {key: hole(0)}, texts
            return
        for text in texts:  # each has probabilities of its own
            yield {key: text}, ONCE

    def call_deltas(
        self, call: Call, whole: Mapping[str, Json], number: int
    ) -> Tuple[Dict[str, Json], Dict[str, Json]]:
        """The first delta of a tool call, without what it is called with, and one with a hole for a
        piece of that alone."""
        kind = whole["type"]
        key = CALL_INPUTS[kind]
        head: Dict[str, Json] = {**whole, kind: {**whole[kind], key: ""}}
        piece: Dict[str, Json] = {kind: {key: hole(0)}}
        if asks_for_functions(call):
            return {"function_call": head[kind]}, {"function_call": piece[kind]}
        # The index must be in every delta: without it openai-py's helper dies (5.3, verified).
        place = {"index": number}
        return {"tool_calls": [{**place, **head}]}, {"tool_calls": [{**place, **piece}]}

    def padded(self, call: Call, chunk: Dict[str, Json]) -> Dict[str, Json]:
        """A chunk with a hole for its `obfuscation` (5.3, recorded)."""
        if wants_obfuscation(call.body):
            chunk = {**chunk, "obfuscation": hole(1)}
        return self.arranged(chunk)
