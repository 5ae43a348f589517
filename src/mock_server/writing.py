"""An outcome in the bytes of its provider.  Pure."""

from __future__ import annotations

import hashlib
import itertools
import struct
from types import MappingProxyType
from typing import Any, Iterable, Iterator, Mapping, Optional, Sequence, Tuple, Union

from .answered import Frames
from .faults import broken
from .formats.base import WireFormat
from .formats.gemini import pick
from .framings import SSE
from .jsons import estimate, fits, merged, parse_json, utf8
from .limits import Headers, Json
from .node import Field
from .plans import relined
from .values import (
    Broken,
    Call,
    Delivery,
    Embedding,
    Failure,
    Hold,
    Outcome,
    Part,
    Recorded,
    Reply,
    Response,
    Text,
    Usage,
)


def ahead(frames: Frames, room: int = 256 * 1024) -> Frames:
    """The frames in a tuple, if they are no more than `room` bytes; else those and, as they are asked for, the others."""
    rest, begun, size = iter(frames), [], 0
    for frame in rest:
        begun.append(frame)
        size += 512 + (
            0 if isinstance(frame, Hold) else len(frame)
        )  # 512: what it takes to make even an empty one
        if size > room:
            return itertools.chain(begun, rest)
    return tuple(begun)


def echo(call: Call) -> Reply:
    """What was asked, as an answer: the text, or vectors made from it."""
    text = call.user or call.tool_result or call.system
    parts: Tuple[Part, ...] = (Text(text),)
    if call.operation == "embed":
        size = dimensions(call)
        if not fits(size, "an integer") or not 1 <= size <= 8192:
            Field({"dimensions": size}).get("dimensions").expected("an integer from 1 to 8192")
        parts = (Embedding(tuple(unit_vector(one, size) for one in call.inputs)),)
    return Reply(parts, "stop", Usage(estimate(call.prompt), estimate(text)), call.model)


def dimensions(call: Call) -> Json:
    """How long a vector the request asks for, wherever its API says that, or the model's usual size (5.6)."""
    places = [call.body, call.body.get("parameters"), *(call.body.get("requests") or ())[:1]]
    asked = [
        place.get("dimensions") or pick(place, "outputDimensionality")
        for place in places
        if isinstance(place, dict)
    ]
    return next(
        filter(None, asked),
        3072 if "embedding-3-large" in call.model or "gemini-embedding" in call.model else 1536,
    )


def unit_vector(text: str, size: int) -> Tuple[float, ...]:
    """A vector of length 1 that depends on the text alone."""
    data = hashlib.shake_256(utf8(text)).digest(size * 2)
    raw = [value - 32767.5 for value in struct.unpack(f"<{size}H", data)]
    norm = sum(value * value for value in raw) ** 0.5
    return tuple(round(value / norm, 8) for value in raw)


def respond(
    wire: WireFormat, call: Call, outcome: Outcome, status: int, delivery: Delivery
) -> Response:
    """An outcome in the provider's bytes, whole or streamed as the call asks, its content broken
    if that is what its fault does."""
    intact = written(wire, call, outcome, status, delivery)
    response: Response = broken(delivery.fault, "content", intact, wire.framing(call).tear)
    return response


def written(
    wire: WireFormat, call: Call, outcome: Outcome, status: int, delivery: Delivery
) -> Response:
    """An outcome in the provider's bytes, whole or streamed as the call asks."""
    if isinstance(outcome, Broken) and not call.stream:
        outcome = outcome.failure
    if isinstance(outcome, Failure):
        if (
            outcome.kind == "content_filter"
            and not outcome.status
            and outcome.kind not in wire.errors
            and Text in wire.speaks
        ):
            outcome, status = (
                Reply((), "content_filter", Usage(estimate(call.prompt), 1), call.model),
                200,
            )
        else:
            return failed(wire, call, wire.completed(call, outcome), delivery)
    if call.stream and not (
        isinstance(outcome, Recorded) and not (outcome.frames or outcome.values)
    ):
        return streamed(wire, call, outcome, status, delivery)
    if isinstance(outcome, Reply):
        return whole_response(
            wire,
            call,
            wire.encode(merged(wire.whole(call, outcome), outcome.extra)),
            status,
            delivery,
            counts=wire.usage_headers(outcome),
        )
    assert isinstance(outcome, Recorded)
    data = outcome.body if isinstance(outcome.body, bytes) else wire.encode(outcome.body)
    adapted = wire.adapted(call, data)
    return whole_response(
        wire, call, adapted, status, delivery, outcome.twin if adapted is data else None
    )


def streamed(
    wire: WireFormat,
    call: Call,
    outcome: Union[Reply, Recorded, Broken],
    status: int,
    delivery: Delivery,
) -> Response:
    """A stream with the provider's headers."""
    framing = wire.framing(call)
    headers = (
        ("Content-Type", wire.stream_type if framing.streams else wire.json_type),
        *wire.headers(call, framing.streams, status),
    )
    content = outcome.content if isinstance(outcome, Broken) else outcome
    if (
        isinstance(content, Recorded) and content.frames and isinstance(framing, SSE)
    ):  # byte for byte
        frames: Iterable[bytes] = content.frames
        if isinstance(outcome, Broken):
            frames = (
                *content.frames[: outcome.after],
                *framing.stream(broken_off(wire, call, outcome, content.frames)),
            )
    else:
        events = (
            wire.events(call, content)
            if isinstance(content, Reply)
            else wire.recorded_events(recorded_values(content))
        )
        if isinstance(outcome, Broken):
            begun = tuple(itertools.islice(events, outcome.after))
            events = itertools.chain(begun, broken_off(wire, call, outcome, begun))
        frames = framing.stream(events)
    if isinstance(framing, SSE):
        frames = relined(frames, delivery.plan)
    return Response(
        status,
        laid_over(headers, delivery.headers),
        frames=frames,
        may_gzip=framing.negotiated,
        delivery=delivery,
    )


def broken_off(
    wire: WireFormat, call: Call, broken: Broken, events: Sequence[Any]
) -> Iterator[Tuple[str, Json]]:
    """The events that break a stream off after as many as there are, but no more than were asked for."""
    return wire.interruption(
        call, wire.completed(call, broken.failure), min(broken.after, len(events))
    )


def whole_response(
    wire: WireFormat,
    call: Call,
    body: bytes,
    status: int,
    delivery: Delivery,
    twin: Optional[bytes] = None,
    counts: Headers = (),
) -> Response:
    """A whole body with the provider's headers."""
    headers = (("Content-Type", wire.json_type), *wire.headers(call, False, status), *counts)
    return Response(
        status, laid_over(headers, delivery.headers), body, twin=twin, delivery=delivery
    )


def failed(
    wire: WireFormat,
    call: Call,
    failure: Failure,
    delivery: Delivery,
    more: Mapping[str, Json] = MappingProxyType({}),
) -> Response:
    """An error in the provider's shape, with `more` members beside its own."""
    body, headers = wire.failed(call, failure, more)
    headers += wire.headers(call, False, failure.status)
    return Response(failure.status, laid_over(headers, delivery.headers), body, delivery=delivery)


def recorded_values(recorded: Recorded) -> Sequence[Json]:
    """The JSON values of a recorded stream's events, to be framed anew."""
    return recorded.values or tuple(
        recorded_value(data) for data in map(SSE.data, recorded.frames) if data
    )


def recorded_value(data: str) -> Json:
    """The JSON value of a recorded event's data, or the text itself if it is none, such as [DONE]."""
    try:
        return parse_json(data.encode())
    except ValueError:
        return data


def laid_over(headers: Headers, own: Sequence[Tuple[str, Optional[str]]]) -> Headers:
    """Headers with a mock's own in place of those of the same name; None leaves one out."""
    if not own:
        return headers
    names = {name.lower() for name, _ in own}
    return tuple(header for header in headers if header[0].lower() not in names) + tuple(
        (name, value) for name, value in own if value is not None
    )
