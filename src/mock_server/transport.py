"""Responses as steps: gates, gzip, plans, chunks, pace.  Knows no provider, no socket and no clock."""

from __future__ import annotations

import functools
import hashlib
import itertools
from typing import Iterable, Iterator, List, Optional, Tuple

from .faults import FAULT_STEPS
from .http import FRAMING_HEADERS, NO_BODY, head_bytes, negotiated
from .limits import Headers
from .plans import TRAILER, USUAL_PLAN, Group, coalesced, cut_up, gzip_groups, gzipped, new_gzip
from .steps import Send, Step, Wait, Wire
from .values import Frame, Hold, Pace, Plan, Response


def gaps(pace: Pace) -> Iterator[float]:
    """Seconds before each event.  Jitter is drawn from the seed, the same on every machine."""
    yield pace.first
    for number in itertools.count():
        if not pace.jitter:
            yield pace.between
            continue
        draw = (
            int.from_bytes(hashlib.sha256(f"{pace.seed}/{number}".encode()).digest()[:4], "big")
            / 2**32
        )
        yield pace.between * (1 + pace.jitter * (2 * draw - 1))


def coding_of(response: Response, accept: Optional[str]) -> Optional[str]:
    """How a response is coded: `gzip`, `identity`, or None if the client takes neither."""
    delivery = response.delivery
    if delivery.gzip == "always":
        return "gzip"
    if delivery.wire.gzip and delivery.gzip == "auto":
        return negotiated(accept)
    own = delivery.headers and any(
        name.lower() == "content-encoding" for name, _ in delivery.headers
    )
    return (
        "identity"
        if delivery.gzip == "never" or not response.may_gzip or own
        else negotiated(accept)
    )


def steps(response: Response, wire: Wire) -> Iterable[Step]:
    """A response as what happens on the socket, faults included."""
    fault, made = response.delivery.fault, plain_steps(response, wire)
    return FAULT_STEPS[fault.kind](made, fault, wire) if fault else made


def plain_steps(response: Response, wire: Wire) -> Iterator[Step]:
    """A response as what happens on the socket if nothing goes wrong."""
    delivery = response.delivery
    lies = delivery.fault is not None and delivery.fault.kind == "bad_gzip"
    gzip = response.status not in NO_BODY and coding_of(response, wire.accept_encoding) == "gzip"
    tail = wire.extra
    negotiates = delivery.gzip == "auto" and (response.may_gzip or bool(delivery.wire.gzip))
    if response.status not in NO_BODY and (negotiates or gzip):
        tail += (("Vary", "Accept-Encoding"),)
    if gzip or lies:
        tail += (("Content-Encoding", "gzip"),)
    delay = (Wait(delivery.delay),) if delivery.delay else ()
    if response.frames is None or response.status in NO_BODY:
        answer = whole_steps(
            response, wire, tail, gzip and not lies
        )  # before the pause: what comes after takes no time
        yield from (*delay, *answer)
        return
    yield from delay
    chunked = wire.minor > 0
    tail += (("Transfer-Encoding", "chunked"),) if chunked else ()
    tail += (("Trailer", TRAILER[0]),) if chunked and delivery.wire.trailers else ()
    head = complete_head(response, wire, tail, wire.keep_alive and chunked)
    yield Send(head, head=len(head))
    if wire.head_only:
        return
    pace, frames = delivery.pace or Pace(), response.frames
    if (
        isinstance(frames, tuple)
        and delivery.wire == USUAL_PLAN
        and not (gzip or lies or pace.jitter or delivery.gate)
    ):
        yield from prepared_chunks(frames, pace.first, pace.between, chunked)
        return
    groups = coalesced(gated(frames) if delivery.gate else frames, delivery.wire.coalesce)
    if lies:
        groups = gzip_groups(groups, "event", (delivery.fault and delivery.fault.after) or 0)
    elif gzip:
        groups = gzip_groups(groups, delivery.wire.gzip or "event")
    yield from paced_chunks(groups, pace, chunked, delivery.wire, gzip)


def complete_head(response: Response, wire: Wire, tail: Headers, keep_alive: bool) -> bytes:
    """The head of a response with what is only true of this one."""
    if not keep_alive:
        tail += (("Connection", "close"),)
    elif not wire.minor:
        tail += (("Connection", "keep-alive"),)
    if response.delivery.headers:
        own = {name.lower() for name, _ in response.delivery.headers} - {
            "x-mock-request-id",
            *FRAMING_HEADERS,
        }
        tail = tuple(header for header in tail if header[0].lower() not in own)
    lines = "".join([f"{name}: {value}\r\n" for name, value in tail])
    return (
        head_bytes(response.status, response.headers) + lines.encode("latin-1", "replace") + b"\r\n"
    )


def whole_steps(response: Response, wire: Wire, tail: Headers, gzip: bool) -> List[Step]:
    """A response without a stream, as one write unless its plan cuts it."""
    body, plan = response.body, response.delivery.wire
    if gzip and plan.gzip == "members":
        body = new_gzip(body[: len(body) // 2]) + new_gzip(body[len(body) // 2 :])
    elif gzip:
        body = response.twin or gzipped(body)
    if response.status in NO_BODY:
        body = b""
    else:
        tail += (("Content-Length", str(len(body))),)
    head = complete_head(response, wire, tail, wire.keep_alive)
    if wire.head_only or not plan.split or not body:
        return [Send(head if wire.head_only else head + body, head=len(head))]
    return [Send(head, head=len(head)), *map(Send, cut_up(body, plan.split))]


def gated(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Frames that wait to be released, each but the first."""
    for number, frame in enumerate(frames):
        if number:
            yield Hold()
        yield frame


def paced_chunks(
    groups: Iterable[Group], pace: Pace, chunked: bool, plan: Plan = Plan(), gzip: bool = False
) -> Iterator[Step]:
    """Groups of events as chunks, each one write, or several where the plan cuts them; due when the pace says.  Then the
    last chunk."""
    pauses = gaps(pace) if pace.first or pace.between else None
    split = (
        "" if gzip and isinstance(plan.split, str) else plan.split
    )  # no characters and line ends in gzip
    extension = b';wire="plan"' if plan.chunk_extensions else b""
    for frame, events in groups:
        if isinstance(frame, Hold):
            yield frame
            continue
        pause = sum(next(pauses) for _ in range(events)) if pauses else 0.0
        if pause:
            yield Wait(pause)
        cut = cut_up(frame, split)
        for number, piece in enumerate(cut, 1):
            data = b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) if chunked else piece
            yield Send(data, events if number == len(cut) else 0)
    if chunked:
        trailer = f"{TRAILER[0]}: {TRAILER[1]}\r\n".encode() if plan.trailers else b""
        yield Send(b"0%b\r\n%b\r\n" % (extension, trailer), last=True)


@functools.lru_cache(maxsize=16)
def prepared_chunks(
    frames: Tuple[Frame, ...], first: float, between: float, chunked: bool
) -> Tuple[Step, ...]:
    """The steps of a recorded or remembered stream whose pauses are all known."""
    return tuple(paced_chunks(coalesced(frames, 1), Pace(first, between), chunked))
