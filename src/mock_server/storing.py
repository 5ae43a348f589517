"""What a create leaves behind: a response under its id, and what tells it once more.  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Optional, Tuple, Union, cast

from .answered import ENTRY_SIZE, body_size
from .formats.base import WireFormat
from .formats.responses import OpenAIResponses, response_outcome, stages
from .formats.responses_items import native_item, response_id
from .formats.shapes import items_within
from .jsons import merged, parse_json, within
from .limits import Json
from .mocks.answer import told_text
from .mocks.stream_texts import TEXT_CUTS, framing_of_answer, values_in, values_of
from .outcomes import Broken, Outcome, Recorded
from .records import record, replace
from .sizes import DENSE, strings_size, walked_size
from .state import Stored
from .values import Block, Call, Reply
from .writing import events_of_outcome, settled


def stored_of(wire: WireFormat, call: Call, outcome: Outcome, status: int) -> Optional[Stored]:
    """What is stored of an answer to a create; nothing of an error, or where that is not wanted."""
    if call.body.get("store") is False:
        return None
    outcome, status = settled(wire, call, outcome, status)
    content = outcome
    if isinstance(outcome, Broken):
        content = outcome.content
    if status >= 400 or not isinstance(content, (Reply, Recorded)):
        return None
    name, size = name_and_size(call, content)
    if not name:
        return None
    # Of the head nothing is needed: what is kept is to be small.
    call = replace(call, request=call.request.with_headers({}))
    told = Told(cast(OpenAIResponses, wire), call, outcome, content)
    return Stored(name, call, told.whole, told.events, size, told.stages)


def name_and_size(call: Call, content: Union[Reply, Recorded]) -> Tuple[str, int]:
    """The id of a response, which is empty if it has none, and about how many bytes of memory it
    takes with its request."""
    size = ENTRY_SIZE + body_size(call.request.body, call.body, call)
    if isinstance(content, Recorded):
        name, recorded = known_of(content, call.stream)
        return name, size + recorded
    given = content.extra.get("id") or content.id
    name = str(given or response_id(call, "resp", "id"))
    if content.extra:
        size += walked_size(dict(content.extra))
    return name, size + DENSE * strings_size(map(told_text, content.parts))


def known_of(recorded: Recorded, stream: bool) -> Tuple[str, int]:
    """The same of what was recorded, which is looked for once."""
    if stream not in recorded.found:
        given = recorded_response(recorded, stream).get("id")
        pieces = [recorded.body, *recorded.frames]
        pieces += [one.body for one in (recorded.whole, recorded.stream) if one]
        size = sum(len(one) if isinstance(one, bytes) else walked_size(one) for one in pieces)
        size += walked_size(list(recorded.values))
        recorded.found[stream] = (given if isinstance(given, str) else "", size)
    found: Tuple[str, int] = recorded.found[stream]
    return found


@record
class Told:
    """The answer to a create, from which its response can be told whenever it is asked for."""

    wire: OpenAIResponses
    call: Call
    outcome: Outcome
    content: Union[Reply, Recorded]

    @property
    def stages(self) -> Tuple[str, ...]:
        """The statuses that it still goes through: none of what was streamed, or was recorded as it
        ends."""
        content, call = self.content, self.call
        if call.stream or isinstance(content, Recorded) or not call.body.get("background"):
            return ()
        return stages(True, response_outcome(content)[0])

    def whole(self) -> Json:
        """The response object as it ends."""
        outcome, content = self.outcome, self.content
        if isinstance(outcome, Broken):
            return self.broken(outcome)
        if isinstance(content, Recorded):
            return recorded_response(content, self.call.stream)
        return merged(self.wire.ended(self.call, content), content.extra)

    def broken(self, broken: Broken) -> Json:
        """The same of one whose stream broke off: it has failed."""
        content = broken.content
        if isinstance(content, Reply) and content.stop == "error":
            # With the other word the event comes that says it, which this one leaves out.
            broken = replace(broken, content=replace(content, stop="failed"))
        response = last_response(self.valued(broken))
        error = self.wire.response_error(self.wire.completed(self.call, broken.failure))
        return {**response, "status": "failed", "error": error}

    def events(self) -> Iterator[Json]:
        """The events of its stream, also where the create was answered whole."""
        content = self.content
        if isinstance(content, Recorded) and not content.has_events:
            whole = {"status": "completed", **self.whole()}
            items = [item for item in items_within(whole, "output") if isinstance(item, dict)]
            output = [
                native_item(self.call, Block(one), f"item {at}") for at, one in enumerate(items)
            ]
            told = self.wire.telling(self.call, {**whole, "output": output})
            return values_in_events(self.wire.numbered(told))
        return self.valued(self.outcome)

    def valued(self, outcome: Any) -> Iterator[Json]:
        """The events of an outcome."""
        content = outcome
        if isinstance(outcome, Broken):
            content = outcome.content
        if isinstance(content, Recorded):
            content = in_values(content)
        return values_in_events(events_of_outcome(self.wire, self.call, outcome, content))


def values_in_events(events: Iterator[Tuple[str, Json]]) -> Iterator[Json]:
    """The JSON values of events, which may be laid out already."""
    for _, value in events:
        if isinstance(value, bytes):
            value = parse_json(value)
        if isinstance(value, dict):
            yield value


def last_response(values: Iterator[Json]) -> Dict[str, Json]:
    """The newest response object that events hold, or an empty one."""
    found: Dict[str, Json] = {}
    for value in values:
        response = within(value, "response")
        if isinstance(response, dict):
            found = response
    return found


def in_values(recorded: Recorded) -> Recorded:
    """A recorded answer whose stream is values of JSON, also if it is that of a transcript."""
    original = recorded.stream
    if original is None or original.is_coded:
        return recorded
    kind = framing_of_answer(original)
    values = values_in(kind, TEXT_CUTS[kind](original.body)) if kind else None
    return replace(recorded, values=tuple(values or ()), stream=None)


def recorded_response(recorded: Recorded, stream: bool) -> Dict[str, Json]:
    """The response object of a recorded answer, or an empty one."""
    if (stream and recorded.has_events) or not recorded.has_body:
        return last_response(iter(values_of(in_values(recorded))))
    body = recorded.body
    if recorded.whole:
        body = recorded.whole.body
    try:
        value = parse_json(body) if isinstance(body, bytes) else body
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
