"""An outcome in the bytes of its provider, whole or streamed as the call asks.  Pure."""

from __future__ import annotations

import functools
import itertools
from types import MappingProxyType
from typing import Callable, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from .codings import content_type_in, is_packed
from .deliveries import Delivery
from .errors import Refused
from .faults import broken
from .formats.all import OTHER
from .formats.base import WireFormat
from .formats.extras import with_extra
from .framings import SSE, Framing, read_data
from .http import NO_BODY
from .ids import estimate
from .jsons import utf8
from .limits import MOST_INPUTS, Headers, Json
from .marks import Breath, Frame, until
from .mocks.answer import told_text
from .mocks.stream_texts import TEXT_CUTS, TEXT_FRAMINGS, values_of
from .outcomes import Broken, Original, Outcome, Raw, Recorded
from .plans import comment, relined, relined_event, relines
from .records import replace
from .values import Call, Embedding, Failure, HttpResponse, Reply, Text, Usage

AHEAD = 128 * 1024  # bytes of a stream that are made before it begins
LONGEST_READ = 1024 * 1024  # bytes of an event that are read between two others' turns
EMPTY_FRAME = 256  # bytes that it takes to make even an empty event
# What one request may have repeated: the most numbers that OpenAI's models answer with, and text.
MOST_NUMBERS = MOST_INPUTS * 3072
MOST_REPEATED = 32 * 1024 * 1024
DONE = "[DONE]"  # the data of the last event, where a provider has one for that
NamedValue = Tuple[str, Json]  # a name and a value, text that is no JSON, or bytes of JSON
NOTHING_MORE: Mapping[str, Json] = MappingProxyType({})


def ahead(frames: Iterable[Frame]) -> Iterable[Frame]:
    """The frames in a tuple, if they are no more than AHEAD bytes; else those and, as they are
    asked for, the others."""
    rest = iter(frames)
    begun: List[Frame] = []
    size = 0
    for frame in rest:
        if isinstance(frame, Breath):
            continue  # it is made at once, and may be no event of what is kept
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
) -> HttpResponse:
    """An outcome in the provider's bytes, its content broken if that is what its fault does."""
    intact = written(wire, call, outcome, status, delivery)
    response: HttpResponse = broken(delivery.fault, "content", intact, wire.framing(call).tear)
    return response


def written(
    wire: WireFormat, call: Call, outcome: Outcome, status: int, delivery: Delivery
) -> HttpResponse:
    """An outcome in the provider's bytes."""
    outcome, status = settled(wire, call, outcome, status)
    if isinstance(outcome, Failure):
        return failed(wire, call, wire.completed(call, outcome), delivery)
    if isinstance(outcome, Broken):
        return streamed(wire, call, outcome, status, delivery)
    if isinstance(outcome, Reply):
        check_repeats(wire, call, outcome)
        if call.stream:
            return streamed(wire, call, outcome, status, delivery)
        value = wire.whole(call, outcome)
        if outcome.extra:
            value = wire.extended(call, value, outcome.extra)
        body, kind = wire.encode(value), wire.whole_type(call)
        headers = (*wire.headers(call, False, status), *wire.usage_headers(outcome))
        return whole_response(kind, headers, body, status, delivery)
    if isinstance(outcome, Raw):
        usual: Headers = ()
        if status not in NO_BODY:
            usual = (("Content-Type", "text/plain"),)
        headers = laid_over(usual, delivery.headers)
        may_gzip = not is_packed(content_type_in(headers))
        return HttpResponse(status, headers, outcome.body, may_gzip=may_gzip, delivery=delivery)
    if outcome.has_events and goes_streamed(wire, call, outcome):
        return streamed(wire, call, outcome, status, delivery)
    return recorded_whole(wire, call, outcome, status, delivery)


def settled(wire: WireFormat, call: Call, outcome: Outcome, status: int) -> Tuple[Outcome, int]:
    """What comes of an outcome and its status, as this call asks for it."""
    # A whole answer can't break off in the middle: the error is all of it.
    if isinstance(outcome, Broken) and not goes_streamed(wire, call, outcome.content):
        outcome = outcome.failure
    if isinstance(outcome, Failure) and is_filtered_answer(wire, outcome):
        # Most providers say so in a finish reason (wire formats, 5.8).
        usage = Usage(estimate(call.prompt), 1)
        return Reply((), "content_filter", usage, call.model), 200
    return outcome, status


def goes_streamed(wire: WireFormat, call: Call, content: Union[Reply, Recorded]) -> bool:
    """Whether an answer that can go out as a stream does: its request wants one or, on a path of no
    provider, where nobody knows what that looks like, it is all that there is."""
    if call.stream or wire.operation != OTHER:
        return call.stream
    return isinstance(content, Recorded) and content.has_events and not content.has_body


def check_repeats(wire: WireFormat, call: Call, reply: Reply) -> None:
    """Refuse an answer that says one thing so often that to write it would stop everybody else: a
    vector for each input, a text for each choice."""
    size, most, what = 0, MOST_NUMBERS, f"numbers in {len(call.inputs)} vectors"
    times = wire.tellings(call)
    for part in reply.parts:
        if isinstance(part, Embedding):
            size = sum(len(part.of(index)) for index in range(len(call.inputs)))
        elif times > 1:
            most, what = MOST_REPEATED, f"characters, its text {times} times"
            size += times * len(told_text(part))
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
) -> HttpResponse:
    """A recorded body; its gzip twin goes with it only as long as the bytes are those of the
    file."""
    if recorded.whole:
        original = recorded.whole
        may_gzip = not is_packed(content_type_in(original.headers))
        return replayed(original, original.frames, delivery, may_gzip)
    data = recorded.body
    if not isinstance(data, bytes):
        data = wire.encode(data)
    body, twin = wire.adapted(call, data), None
    # `adapted` gives the same object back where there was nothing to change.
    if body is data:
        twin = recorded.twin
    headers = wire.headers(call, False, status)
    return whole_response(wire.json_type, headers, body, status, delivery, twin)


def replayed(
    original: Original, frames: Optional[Iterable[Frame]], delivery: Delivery, may_gzip: bool
) -> HttpResponse:
    """An answer with its own head, over which the mock's own headers go."""
    headers = laid_over(original.headers, delivery.headers)
    # They go before the server's own, as those of a mock do.
    delivery = replace(delivery, headers=(*original.headers, *delivery.headers))
    if original.is_coded:  # a request may bring along how it wants its answer to travel
        plan = replace(delivery.plan, gzip="")
        delivery = replace(delivery, gzip="never", plan=plan)
    return HttpResponse(
        original.status,
        headers,
        original.body,
        frames=frames,
        may_gzip=may_gzip,
        delivery=delivery,
    )


def streamed(
    wire: WireFormat,
    call: Call,
    outcome: Union[Reply, Recorded, Broken],
    status: int,
    delivery: Delivery,
) -> HttpResponse:
    """A stream with the provider's headers."""
    framing, stream_type = wire.framing(call), wire.stream_type
    content = outcome.content if isinstance(outcome, Broken) else outcome
    if isinstance(content, Recorded) and content.stream:
        return replayed_stream(wire, call, outcome, content.stream, delivery)
    if wire.operation == OTHER and isinstance(content, Recorded) and content.kind:
        framing, stream_type = TEXT_FRAMINGS[content.kind]
    # A JSON array is a JSON body, in its headers too (wire formats, 7).
    content_type = stream_type if framing.streams else wire.json_type
    headers = (("Content-Type", content_type), *wire.headers(call, framing.streams, status))
    # Byte for byte only in the framing that the text is in; else its values are framed anew, as
    # they are where an error must come before the bracket that ends an array.
    may_break = framing.streams or not isinstance(outcome, Broken)
    frames: Iterable[bytes]
    if isinstance(content, Recorded) and content.kind == framing.title and may_break:
        frames = recorded_frames(wire, call, outcome, content.frames, framing)
    else:
        frames = framing.stream(events_of_outcome(wire, call, outcome, content))
    if isinstance(framing, SSE):
        frames = relined(frames, delivery.plan)
    return HttpResponse(
        status,
        laid_over(headers, delivery.headers),
        frames=frames,
        may_gzip=framing.negotiated,
        delivery=delivery,
        ping=ping_of(wire, framing, delivery),
        is_piece=piece_of(wire, framing, delivery),
    )


def replayed_stream(
    wire: WireFormat,
    call: Call,
    outcome: Union[Reply, Recorded, Broken],
    original: Original,
    delivery: Delivery,
) -> HttpResponse:
    """The stream of a transcript, in its own pieces."""
    framing, frames = wire.framing(call), original.frames
    if frames is None:
        return replayed(original, None, delivery, True)
    told = piece_of(wire, framing, delivery)
    by_pieces = isinstance(outcome, Broken) and outcome.after.pieces
    needs_events = relines(delivery.plan) or delivery.keepalive or told is not bool or by_pieces
    if needs_events and not original.is_coded:
        # A chunk may end in the middle of a line.
        frames = tuple(TEXT_CUTS[framing.title](b"".join(frames)))
    frames = tuple(recorded_frames(wire, call, outcome, frames, framing))
    made = replayed(original, frames, delivery, framing.negotiated)
    if original.is_coded:  # there is no room in it
        return made
    if isinstance(framing, SSE):
        made = replace(made, frames=relined(frames, delivery.plan))
    return replace(made, ping=ping_of(wire, framing, delivery), is_piece=told)


def ping_of(wire: WireFormat, framing: Framing, delivery: Delivery) -> bytes:
    """What keeps a stream alive, as its plan writes it; nothing where it is not to be."""
    if not delivery.keepalive or not isinstance(framing, SSE):
        return b""
    ping = wire.ping
    if delivery.keepalive.comment is not None:
        ping = comment(delivery.keepalive.comment, utf8(framing.eol))
    return relined_event(ping, replace(delivery.plan, comments=None))


def piece_of(wire: WireFormat, framing: Framing, delivery: Delivery) -> Callable[[bytes], bool]:
    """What tells whether a frame holds a piece of content, if anything is counted by them."""
    gate, fault = delivery.gate, delivery.fault
    if (gate and gate.pieces) or (fault and fault.after and fault.after.pieces):
        return functools.partial(is_piece, wire, framing)
    return bool


def is_piece(wire: WireFormat, framing: Framing, frame: bytes) -> bool:
    """Whether a frame holds a piece of content; of a very long one it is not looked for."""
    if len(frame) > LONGEST_READ:
        return True
    return wire.is_content(*framing.decoded(frame))


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
    honest = itertools.takewhile(lambda frame: SSE.data(frame) != DONE, frames)
    begun = tuple(until(honest, outcome.after, functools.partial(is_piece, wire, framing)))
    return (*begun, *framing.stream(interruption(wire, call, outcome, len(begun))))


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
        events = wire.recorded_events(values_of(content))
    if not isinstance(outcome, Broken):
        return events
    honest = itertools.takewhile(lambda event: not is_done(event), events)
    begun = tuple(until(honest, outcome.after, functools.partial(says_something, wire)))
    return itertools.chain(begun, interruption(wire, call, outcome, len(begun)))


def is_done(event: NamedValue) -> bool:
    """Whether an event says that nothing follows: no client reads an error behind it."""
    value = event[1]
    return isinstance(value, str) and value == DONE


def says_something(wire: WireFormat, event: NamedValue) -> bool:
    """Whether an event holds a piece of content, however far it was laid out already."""
    name, value = event
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        value = read_data(value)
    return wire.is_content(name, value)


def interruption(
    wire: WireFormat, call: Call, outcome: Broken, events: int
) -> Iterator[Tuple[str, Json]]:
    """The events that break a stream off after so many."""
    failure = wire.completed(call, outcome.failure)
    if isinstance(outcome.content, Reply):
        return wire.broken_off(call, outcome.content, failure, events)
    return wire.interruption(call, failure, events)


def whole_response(
    kind: str,
    headers: Headers,
    body: bytes,
    status: int,
    delivery: Delivery,
    twin: Optional[bytes] = None,
) -> HttpResponse:
    """A whole body of this type with the provider's headers."""
    headers = laid_over((("Content-Type", kind), *headers), delivery.headers)
    may_gzip = not is_packed(kind)
    return HttpResponse(status, headers, body, twin=twin, may_gzip=may_gzip, delivery=delivery)


def failed(
    wire: WireFormat,
    call: Call,
    failure: Failure,
    delivery: Delivery,
    more: Mapping[str, Json] = NOTHING_MORE,
) -> HttpResponse:
    """An error in the provider's shape, with `more` members beside its own."""
    body, headers = wire.failed(call, failure, more)
    headers = (*headers, *wire.headers(call, False, failure.status))
    status = failure.sent_as or failure.status
    return HttpResponse(status, laid_over(headers, delivery.headers), body, delivery=delivery)


def laid_over(headers: Headers, over: Sequence[Tuple[str, Optional[str]]]) -> Headers:
    """Headers with others in place of those of the same name; None leaves one out."""
    if not over:
        return headers
    names = {name.lower() for name, _ in over}
    kept = [header for header in headers if header[0].lower() not in names]
    given = [(name, value) for name, value in over if value is not None]
    return (*kept, *given)


def own_failure(wire: WireFormat, refused: Refused) -> Failure:
    """An error of the server itself.  Its code is a word, which not every provider's clients read:
    OpenRouter's SDK wants a number (verified)."""
    code = None if wire.has_status else refused.code
    return Failure(refused.status, refused.message, code=code, param=refused.param)
