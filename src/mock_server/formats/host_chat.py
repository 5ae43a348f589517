"""Chat completions of other hosts, streamed: what they do otherwise than OpenAI is data.  Pure."""

from __future__ import annotations

from itertools import chain
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from ..jsons import compact
from ..limits import Json
from ..records import record
from ..values import Call, Reasoning, Refusal, Reply, Text, ToolCall
from .host_message import HostMessage
from .likely import held_text
from .members import Members
from .openai import wants_usage
from .runs import ONCE, Run, Texts, filled_in, hole, walk

ROLE = {"role": "assistant"}
EMPTY = {**ROLE, "content": ""}


@record
class Deltas:
    """What stands around the pieces of a message: its first delta (None: there is none), the
    members that each has that says something, those of one that calls a tool, and the last."""

    opening: Optional[Mapping[str, Json]] = EMPTY
    each: Mapping[str, Json] = {}
    calling: Mapping[str, Json] = {}
    closing: Mapping[str, Json] = {}


class HostDeltas(HostMessage):
    """A message of a host in pieces."""

    called_frame = Members("index id type function")  # a tool call in a delta
    plain = Deltas()
    thinking: Optional[Deltas] = None  # where there are thoughts
    calling: Optional[Deltas] = None  # where there is nothing but tool calls
    # Tool calls come in `pieces`, each `whole`, all `together`, or so in the `last` delta.
    cut = "pieces"

    def around(self, reply: Reply) -> Deltas:
        """What stands around the pieces of a reply."""
        if self.thinking and reply.text(Reasoning):
            return self.thinking
        if self.calling and len(reply.tool_calls) == len(reply.parts) > 0:
            return self.calling
        return self.plain

    def called_in(self, call: Call, reply: Reply, choice: int) -> List[Json]:
        """All tool calls, as they are in a delta."""
        calls = enumerate(self.tool_calls(call, reply, choice))
        return [self.called_frame.of({"index": number, **whole}) for number, whole in calls]

    def deltas(
        self, call: Call, reply: Reply, choice: int
    ) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """A message in pieces."""
        around = self.around(reply)
        calls = self.called_in(call, reply, choice)
        rest = iter(calls)
        for run in walk(reply):
            if not isinstance(run.part, ToolCall):
                for delta, texts in self.spoken(call, run):
                    yield {**around.each, **delta}, texts
            elif self.cut in ("pieces", "whole"):
                for one, texts in self.cut_call(next(rest), run):
                    yield {**around.calling, "tool_calls": [one]}, texts
        if calls and self.cut == "together":
            yield {**around.calling, "tool_calls": calls}, ONCE

    def spoken(self, call: Call, run: Run) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """What is said or thought, piece by piece."""
        if isinstance(run.part, Reasoning) and not self.reasoning_tags:
            yield self.thought(hole(0)), run.texts
        elif isinstance(run.part, Reasoning):
            begin, end = self.reasoning_tags
            yield self.thought(hole(0)), chain([begin], run.texts, [end])
        elif isinstance(run.part, Refusal) and self.says_refusal:
            yield {"refusal": hole(0)}, run.texts
        elif isinstance(run.part, (Text, Refusal)):
            yield from self.text_deltas(call, "content", run.texts)

    def cut_call(self, whole: Dict[str, Json], run: Run) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """A tool call of a delta: whole, or its head and then what it is called with."""
        if self.cut == "whole":
            yield whole, ONCE
            return
        head = {"name": whole["function"]["name"], "arguments": ""}
        yield {**whole, "function": head}, ONCE
        yield {"index": whole["index"], "function": {"arguments": hole(0)}}, run.pieces


class HostChat(HostDeltas):
    """Chat completions of a host, which is a subclass that sets what it does otherwise."""

    stream_layout: Callable[[Json], str] = staticmethod(compact)
    chunk_frame = Members("id object created model system_fingerprint choices")
    # The choice of a chunk: of the first one, of the last, and of those between.
    opening_frame = piece_frame = closing_frame = Members("index delta logprobs finish_reason")
    # Usage comes in a chunk of its own (`asked`: if it is asked for; `after`: always), with the
    # `finish` reason of the last choice, or, if it is asked for, in `every` chunk.
    usage_at = "asked"
    has_null_usage = False  # whether the chunks without have the key where it is asked for
    uncounted: Tuple[Json, ...] = ()  # the choices of a chunk that is there for its usage

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """`chat.completion.chunk` objects, then `[DONE]`."""
        for chunk, texts in self.chunks(call, reply):
            yield from filled_in("", chunk, texts, self.stream_layout)
        yield "", "[DONE]"

    def chunks(self, call: Call, reply: Reply) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """The chunks of all choices, choice by choice, each with its usage if it has one."""
        shared = self.framed(self.chunk_frame, call, reply, "chat.completion.chunk")
        is_asked, usage = wants_usage(call.body), {"usage": self.usage(reply)}
        if is_asked and self.usage_at == "every":
            shared.update(usage)
        elif is_asked and self.has_null_usage:
            shared["usage"] = None
        first = self.first_members(call, reply)
        for index in range(call.choices):
            for choice, texts in self.pieces(call, reply, index):
                yield {**shared, "choices": [choice], **first}, texts
                first = {}
            last: Dict[str, Json] = {}
            if index == call.choices - 1:
                last = self.last_members(call, reply)
                if self.usage_at == "finish":
                    last.update(usage)
            yield {**shared, "choices": [self.ending_of(call, reply, index)], **first, **last}, ONCE
            first = {}
        if self.usage_at == "after" or (is_asked and self.usage_at == "asked"):
            yield {**shared, "choices": list(self.uncounted), **usage}, ONCE

    def first_members(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """What only the first chunk has."""
        return {}

    def last_members(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """What only the chunk has that ends the last choice."""
        return {}

    def pieces(
        self, call: Call, reply: Reply, choice: int
    ) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """The choices of all chunks of one of them but the last."""
        opening = self.around(reply).opening
        if opening is not None:
            values = {"index": choice, "delta": opening}
            yield self.chosen(self.opening_frame, values, None), ONCE
        for delta, texts in self.deltas(call, reply, choice):
            sure = self.likely(call, held_text(delta))
            values = {"index": choice, "delta": delta, "logprobs": sure}
            yield self.chosen(self.piece_frame, values, None), texts

    def ending_of(self, call: Call, reply: Reply, choice: int) -> Dict[str, Json]:
        """The choice of the chunk that ends one."""
        delta = dict(self.around(reply).closing)
        if self.cut == "last" and reply.tool_calls:
            delta["tool_calls"] = self.called_in(call, reply, choice)
        values = {"index": choice, "delta": delta}
        return self.chosen(self.closing_frame, values, self.finish_reason(call, reply))
