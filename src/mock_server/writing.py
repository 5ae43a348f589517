"""An outcome in the bytes of its provider, whole or streamed as the call asks.  Pure."""

from __future__ import annotations

import itertools
from types import MappingProxyType
from typing import Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from .errors import MISSING, Refused
from .faults import broken
from .formats.base import WireFormat
from .formats.extras import with_extra
from .framings import SSE, Framing
from .jsons import estimate, merged, parse_json
from .limits import MOST_INPUTS, Headers, Json
from .mocks.answer import told_text
from .plans import relined
from .values import (
    Broken,
    Call,
    Delivery,
    Embedding,
    Failure,
    Frame,
    Outcome,
    Recorded,
    Reply,
    Response,
    Text,
    Usage,
)

AHEAD = 128 * 1024  # bytes of a stream that are made before it begins
EMPTY_FRAME = 256  # bytes that it takes to make even an empty event
# What one request may have repeated: the most numbers that OpenAI's models answer with, and text.
MOST_NUMBERS = MOST_INPUTS * 3072
MOST_REPEATED = 32 * 1024 * 1024
NOTHING_MORE: Mapping[str, Json] = MappingProxyType({})


def ahead(frames: Iterable[Frame]) -> Iterable[Frame]:
    """The frames in a tuple, if they are no more than AHEAD bytes; else those and, as they are
    asked for, the others."""
    rest = iter(frames)
    begun: List[Frame] = []
    size = 0
    for frame in rest:
        begun.append(frame)
        # With what it takes itself: a stream of empty events is bounded, too.
        size += EMPTY_FRAME
        if isinstance(frame, bytes):
            size += len(frame)
        if size > AHEAD:
            return itertools.chain(begun, rest)
    return tuple(begun)


def respond(
    wire: WireFormat, call: Call, outcome: Outcome, status: int, delivery: Delivery
) -> Response:
    """An outcome in the provider's bytes, its content broken if that is what its fault does."""
    intact = written(wire, call, outcome, status, delivery)
    response: Response = broken(delivery.fault, "content", intact, wire.framing(call).tear)
    return response


def written(
    wire: WireFormat, call: Call, outcome: Outcome, status: int, delivery: Delivery
) -> Response:
    """An outcome in the provider's bytes."""
    # A whole answer can't break off in the middle: the error is all of it.
    if isinstance(outcome, Broken) and not call.stream:
        outcome = outcome.failure
    if isinstance(outcome, Failure):
        if not is_filtered_answer(wire, outcome):
            return failed(wire, call, wire.completed(call, outcome), delivery)
        # Most providers say so in a finish reason (wire formats, 5.8).
        status = 200
        outcome = Reply((), "content_filter", Usage(estimate(call.prompt), 1), call.model)
    if isinstance(outcome, Broken):
        return streamed(wire, call, outcome, status, delivery)
    if isinstance(outcome, Reply):
        check_repeats(call, outcome)
        if call.stream:
            return streamed(wire, call, outcome, status, delivery)
        value = wire.whole(call, outcome)
        if outcome.extra:
            value = merged(value, outcome.extra)
        body = wire.encode(value)
        headers = wire.usage_headers(outcome)
        return whole_response(wire, call, body, status, delivery, headers=headers)
    has_events = bool(outcome.frames or outcome.values)
    if has_events and (call.stream or outcome.body is MISSING):
        return streamed(wire, call, outcome, status, delivery)
    return recorded_whole(wire, call, outcome, status, delivery)


def check_repeats(call: Call, reply: Reply) -> None:
    """Refuse an answer that says one thing so often that to write it would stop everybody else: a
    vector for each input, a text for each choice."""
    size, most, what = 0, MOST_NUMBERS, f"numbers in {len(call.inputs)} vectors"
    for part in reply.parts:
        if isinstance(part, Embedding):
            size = sum(len(part.of(index)) for index in range(len(call.inputs)))
        elif call.choices > 1:
            most, what = MOST_REPEATED, f"characters in {call.choices} choices"
            size += call.choices * len(told_text(part))
    if size > most:
        message = f"the answer would have {size} {what}, and has at most {most}; ask for less"
        raise Refused(400, message, code="answer_too_large")


def is_filtered_answer(wire: WireFormat, failure: Failure) -> bool:
    """Whether a provider says this error as an answer that its filter has stopped, with status
    200."""
    if failure.kind != "content_filter" or failure.status:
        return False
    return failure.kind not in wire.errors and Text in wire.speaks


def recorded_whole(
    wire: WireFormat, call: Call, recorded: Recorded, status: int, delivery: Delivery
) -> Response:
    """A recorded body; its gzip twin goes with it only as long as the bytes are those of the
    file."""
    data = recorded.body
    if not isinstance(data, bytes):
        data = wire.encode(data)
    body = wire.adapted(call, data)
    # `adapted` gives the same object back where there was nothing to change.
    if body is not data:
        return whole_response(wire, call, body, status, delivery)
    return whole_response(wire, call, body, status, delivery, recorded.twin)


def streamed(
    wire: WireFormat,
    call: Call,
    outcome: Union[Reply, Recorded, Broken],
    status: int,
    delivery: Delivery,
) -> Response:
    """A stream with the provider's headers."""
    framing = wire.framing(call)
    # A JSON array is a JSON body, in its headers too (wire formats, 7).
    content_type = wire.stream_type if framing.streams else wire.json_type
    headers = (("Content-Type", content_type), *wire.headers(call, framing.streams, status))
    content = outcome.content if isinstance(outcome, Broken) else outcome
    # Byte for byte only where the call has event streams; else its values are framed anew.
    if isinstance(content, Recorded) and content.frames and isinstance(framing, SSE):
        frames = recorded_frames(wire, call, outcome, content.frames, framing)
    else:
        frames = framing.stream(events_of_outcome(wire, call, outcome, content))
    if isinstance(framing, SSE):
        frames = relined(frames, delivery.plan)
    return Response(
        status,
        laid_over(headers, delivery.headers),
        frames=frames,
        may_gzip=framing.negotiated,
        delivery=delivery,
    )


def recorded_frames(
    wire: WireFormat,
    call: Call,
    outcome: Union[Reply, Recorded, Broken],
    frames: Tuple[bytes, ...],
    framing: Framing,
) -> Iterable[bytes]:
    """A recorded stream byte for byte, as far as it goes."""
    if not isinstance(outcome, Broken):
        return frames
    error = framing.stream(interruption(wire, call, outcome, len(frames)))
    return (*frames[: outcome.after], *error)


def events_of_outcome(
    wire: WireFormat,
    call: Call,
    outcome: Union[Reply, Recorded, Broken],
    content: Union[Reply, Recorded],
) -> Iterator[Tuple[str, Json]]:
    """The events of a stream, and the error that breaks it off."""
    if isinstance(content, Reply):
        events = wire.events(call, content)
        if content.extra:
            events = with_extra(events, wire.places, content.extra)
    else:
        events = wire.recorded_events(recorded_values(content))
    if not isinstance(outcome, Broken):
        return events
    begun = tuple(itertools.islice(events, outcome.after))
    return itertools.chain(begun, interruption(wire, call, outcome, len(begun)))


def interruption(
    wire: WireFormat, call: Call, outcome: Broken, events: int
) -> Iterator[Tuple[str, Json]]:
    """The events that break a stream off after as many as there are, but no more than were asked
    for."""
    failure, sent = wire.completed(call, outcome.failure), min(outcome.after, events)
    if isinstance(outcome.content, Reply):
        return wire.broken_off(call, outcome.content, failure, sent)
    return wire.interruption(call, failure, sent)


def whole_response(
    wire: WireFormat,
    call: Call,
    body: bytes,
    status: int,
    delivery: Delivery,
    twin: Optional[bytes] = None,
    headers: Headers = (),
) -> Response:
    """A whole body with the provider's headers, and `headers` behind them."""
    usual = (("Content-Type", wire.json_type), *wire.headers(call, False, status), *headers)
    headers = laid_over(usual, delivery.headers)
    return Response(status, headers, body, twin=twin, delivery=delivery)


def failed(
    wire: WireFormat,
    call: Call,
    failure: Failure,
    delivery: Delivery,
    more: Mapping[str, Json] = NOTHING_MORE,
) -> Response:
    """An error in the provider's shape, with `more` members beside its own."""
    body, headers = wire.failed(call, failure, more)
    headers = (*headers, *wire.headers(call, False, failure.status))
    return Response(failure.status, laid_over(headers, delivery.headers), body, delivery=delivery)


def recorded_values(recorded: Recorded) -> Sequence[Json]:
    """The JSON values of a recorded stream's events, to be framed anew."""
    if recorded.values:
        return recorded.values
    texts = [SSE.data(frame) for frame in recorded.frames]
    return tuple(recorded_value(text) for text in texts if text)


def recorded_value(data: str) -> Json:
    """The JSON value of a recorded event's data, or the text itself if it is none, such as
    [DONE]."""
    try:
        return parse_json(data.encode())
    except ValueError:
        return data


def laid_over(headers: Headers, over: Sequence[Tuple[str, Optional[str]]]) -> Headers:
    """Headers with others in place of those of the same name; None leaves one out."""
    if not over:
        return headers
    names = {name.lower() for name, _ in over}
    kept = [header for header in headers if header[0].lower() not in names]
    given = [(name, value) for name, value in over if value is not None]
    return (*kept, *given)
