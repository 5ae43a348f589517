"""OpenAI's Responses, whole and streamed (wire formats, 5.5).  Pure."""

from __future__ import annotations

import itertools
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..errors import Refused
from ..jsons import within
from ..limits import Json
from ..node import Field
from ..values import Block, Call, Failure, Reply, Turn, Usage
from .openai import OpenAI
from .places import RESPONSES_PLACES
from .responses_events import ONE, ItemEvents, ItemStream
from .responses_items import output_items, response_id, wants_text_logprobs
from .responses_members import RESPONSE_MEMBERS, UNFINISHED, asked_members, response_tier
from .responses_reading import ResponsesRequest
from .runs import Stencil, hole
from .shapes import named_by_type

# What a function is repeated with that the request leaves out: openai-node has both as always
# there, and strict is what one is taken for that does not say it.
FUNCTION_MEMBERS: Mapping[str, Json] = {"parameters": None, "strict": True}

# The status of a response, and what is incomplete about it, by the reason for which a reply stops.
# A call of a tool is no reason of its own here (5.5).
RESPONSE_OUTCOMES: Mapping[str, Tuple[str, Optional[str]]] = {
    "stop": ("completed", None),
    "tool_calls": ("completed", None),
    "length": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
    # The API's own words, of which these are statuses (5.5); any other is why it is incomplete.
    **{
        status: (status, None)
        for status in ("completed", "incomplete", "failed", "cancelled", "queued", "in_progress")
    },
}
# Of these no tokens are counted, unless a mock says how many (recorded of failed ones).
UNCOUNTED = ("failed", "cancelled")


def response_outcome(reply: Reply) -> Tuple[str, Optional[str]]:
    """How a response ends, and why it is incomplete if it is."""
    return RESPONSE_OUTCOMES.get(reply.stop, ("incomplete", reply.stop))


def stages(in_background: bool, status: str) -> Tuple[str, ...]:
    """The statuses that a response goes through before it has this one."""
    path: Tuple[str, ...] = ("in_progress",)
    if in_background:
        path = UNFINISHED
    if status in path:
        return path[: path.index(status)]
    if status in UNFINISHED:
        return ()
    return path


# What a response object does not say before it ends; the last is Azure's.
NOT_YET = ("completed_at", "error", "incomplete_details", "usage", "content_filters")


def before_end(call: Call, ended: Mapping[str, Json], status: str) -> Dict[str, Json]:
    """The response object to a call as it is with another status than it has in the end."""
    begun = {**ended, **{name: None for name in NOT_YET if name in ended}}
    begun.update(status=status, output=[])
    if "service_tier" in ended:
        begun["service_tier"] = response_tier(call.body, status)
    return begun


def response_usage(usage: Usage, status: str) -> Optional[Dict[str, Json]]:
    """Token counts with their details; none as long as nothing was counted."""
    if status in UNFINISHED or (status in UNCOUNTED and usage.is_guess):
        return None
    # `cache_write_tokens` came in mid 2026; openai-py's strict validation needs it (5.5).
    details = {"cache_write_tokens": usage.cache_write, "cached_tokens": usage.cached}
    return {
        "input_tokens": usage.input,
        "input_tokens_details": details,
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }


def echoed_tool(tool: Mapping[str, Json]) -> Mapping[str, Json]:
    """A tool of the request as the response repeats it."""
    if tool["type"] != "function":
        return tool
    return {**tool, **FUNCTION_MEMBERS, **tool}


# Items of which everything comes in deltas.
STREAMED_ITEMS = ("message", "reasoning", "function_call", "custom_tool_call")


class ResponseObject(ResponsesRequest):
    """The object of the Responses API, in all of its states."""

    speaks = frozenset((*ResponsesRequest.speaks, Block))
    ending = ""
    stream_type = "text/event-stream; charset=utf-8"
    # Reported by the SDKs' users since 2026, and documented nowhere; it is numbered as all events.
    ping = b'event: keepalive\ndata: {"type":"keepalive","sequence_number":%d}\n\n'
    places = RESPONSES_PLACES
    has_custom_tools = True

    def response(
        self, call: Call, reply: Reply, output: List[Json], status: str, usage: Json = None
    ) -> Dict[str, Json]:
        """The response object; it repeats most of the request."""
        body = call.body
        # Laid over the request's once more: what the server alone says, and what it completes.
        members = asked_members(body)
        members.update(
            id=reply.id or response_id(call, "resp", "id"),
            object="response",
            created_at=call.second,
            status=status,
            completed_at=None,
            error=None,
            incomplete_details=None,
            model=reply.model,
            moderation=None,
            output=output,
            reasoning={**RESPONSE_MEMBERS["reasoning"], **(body.get("reasoning") or {})},
            service_tier=response_tier(body, status),
            text={**RESPONSE_MEMBERS["text"], **(body.get("text") or {})},
            tools=[echoed_tool(tool) for tool in body.get("tools") or ()],
            usage=usage,
        )
        reason = response_outcome(reply)[1]
        if status == "completed":
            members["completed_at"] = call.second + 1
        if status == "failed":
            members["error"] = self.response_error(self.errors["server_error"])
        elif status == "incomplete" and reason:
            members["incomplete_details"] = {"reason": reason}
        return members

    def response_error(self, failure: Failure) -> Dict[str, Json]:
        """What a response that failed says of it (recorded)."""
        # Also where errors of a host have other members: its clients know OpenAI's codes.
        error = OpenAI.error(self, failure)
        return {"code": error["code"] or error["type"], "message": error["message"]}

    def items(self, call: Call, reply: Reply, status: str) -> List[Json]:
        """All output items of a response with this status."""
        return output_items(call, reply, status)

    def ended(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """The response object once all is said."""
        status = response_outcome(reply)[0]
        output = self.items(call, reply, status)
        return self.response(call, reply, output, status, response_usage(reply.usage, status))


class OpenAIResponses(ResponseObject):
    """The Responses API."""

    routes: Tuple[str, ...] = ("POST /v1/responses", "POST {prefix*}/responses")
    stores = True

    def turns(self, body: Field) -> Iterator[Turn]:
        """Instructions and input; what is made in the background must be stored."""
        if body.value.get("background") and body.value.get("store") is False:
            # Unverified, as vLLM says it.
            message = "background can only be used when `store` is true"
            raise Refused(400, message, param="background")
        return super().turns(body)

    def changes(self, call: Call) -> bool:
        """What is made in the background begins anew with each create."""
        return bool(call.body.get("background"))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The response object; in the background it has only begun."""
        ended = self.ended(call, reply)
        if "queued" in stages(bool(call.body.get("background")), ended["status"]):
            return before_end(call, ended, "queued")
        return ended

    def extended(self, call: Call, value: Json, extra: Mapping[str, Json]) -> Json:
        """The same with what a mock lays over it, which does not end it before its time."""
        found = super().extended(call, value, extra)
        if value["status"] == "queued" and not value["output"]:
            return before_end(call, found, "queued")
        return found

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Events with their sequence numbers; no `[DONE]` (5.5: 0 of 69 recorded)."""
        if wants_text_logprobs(call):
            self.ended(call, reply)  # what has too many of them is refused before it streams
        return self.numbered(self.unnumbered(call, reply))

    def numbered(self, events: ItemEvents) -> Iterator[Tuple[str, Json]]:
        """The events that tell of a response, with their numbers."""
        numbers = itertools.count()
        for name, members, texts in events:
            # Recorded: the type, then all other keys in order.
            rest = sorted({**members, "sequence_number": hole(2)}.items())
            stencil = Stencil({"type": name, **dict(rest)})
            for (text, pad), number in zip(texts, numbers):
                yield name, stencil.filled(text, pad, number)

    def unnumbered(self, call: Call, reply: Reply) -> ItemEvents:
        """The events in order."""
        return self.telling(call, self.ended(call, reply), reply.chunk_size)

    def telling(self, call: Call, ended: Mapping[str, Json], size: int = 0) -> ItemEvents:
        """The events that tell of a response object, in pieces of `size` characters."""
        last = ended["status"]
        passed = stages(bool(ended.get("background")), last)
        first = [*passed, last][0]
        # The object is whole from the start, with all its keys (5.5, verified).
        yield "response.created", {"response": before_end(call, ended, first)}, ONE
        # What stays unfinished has its status last.
        for stage in passed:
            yield f"response.{stage}", {"response": before_end(call, ended, stage)}, ONE
        for index, item in enumerate(ended["output"]):
            yield from ItemStream(call, item, index, size).events()
        yield f"response.{last}", {"response": ended}, ONE

    def is_content(self, name: str, value: Json) -> bool:
        """A delta, a picture so far, or an item that has none of them and is done."""
        kind = str(within(value, "type"))
        if kind == "response.output_item.done":
            return within(value, "item", "type") not in STREAMED_ITEMS
        return kind.endswith(".partial_image") or bool(within(value, "delta"))

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """The event `error`, nested: the SDKs raise on that form only (5.5, verified)."""
        error = OpenAI.error(self, failure)
        ordered = {name: error[name] for name in ("type", "code", "message", "param")}
        yield "error", {"type": "error", "error": ordered, "sequence_number": sent}

    def broken_off(
        self, call: Call, reply: Reply, failure: Failure, sent: int
    ) -> Iterator[Tuple[str, Json]]:
        """The event `error`, then `response.failed` (recorded); a reply that stops with one of
        these two words has that one alone."""
        output = self.done_items(call, reply, sent)
        if reply.stop != "failed":
            yield from self.interruption(call, failure, sent)
            sent += 1
        if reply.stop == "error":
            return
        usage = response_usage(reply.usage, "failed")
        failed = self.response(call, reply, output, "failed", usage)
        failed["error"] = self.response_error(failure)
        name = "response.failed"
        yield name, {"type": name, "response": failed, "sequence_number": sent}

    def done_items(self, call: Call, reply: Reply, sent: int) -> List[Json]:
        """The output items that the first so many events were all of."""
        done: List[Json] = []
        for name, members, texts in self.unnumbered(call, reply):
            sent -= sum(1 for _ in itertools.islice(texts, sent + 1))
            if sent < 0:
                break
            if name == "response.output_item.done":
                done.append(members["item"])
        return done

    def recorded_events(self, values: Sequence[Json]) -> Iterator[Tuple[str, Json]]:
        """Each under the name that is its type."""
        return named_by_type(values)


class OpenAIInputTokens(ResponsesRequest):
    """The input tokens of a Responses request."""

    operation, api = "count_tokens", "input_tokens"
    routes: Tuple[str, ...] = (
        "POST /v1/responses/input_tokens",
        "POST {prefix*}/responses/input_tokens",
    )

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """Never."""
        return False

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count."""
        return {"object": "response.input_tokens", "input_tokens": reply.usage.input}
