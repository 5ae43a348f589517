"""Transport: responses as steps, with their gates, gzip, plans, chunks and pace.

Knows no provider, no socket and no clock.
"""

from __future__ import annotations

import functools
import itertools
from typing import Iterable, Iterator, List, Optional, Tuple

from .codings import negotiated, takes_identity
from .deliveries import Fault, Pace, Plan
from .faults import breaks, broken, place_of_fault
from .http import FRAMING_HEADERS, NO_BODY, head_bytes
from .limits import JOINED, LONG, Headers
from .marks import Breath, Frame, gated, marked
from .pacing import NO_PACE, kept_alive, paced
from .plans import (
    TRAILER,
    USUAL_PLAN,
    Group,
    chunk,
    coalesced,
    cut_up,
    frame_size,
    gzip_body,
    gzip_groups,
)
from .records import replace
from .steps import Exchange, Send, Step, Wait
from .values import HttpResponse


def answer_steps(response: HttpResponse, exchange: Exchange) -> Iterable[Step]:
    """A response as what happens on the socket, faults included."""
    intact = intact_steps(response, exchange)
    fault = response.delivery.fault
    if fault is None and isinstance(intact, list):
        return intact  # a whole answer: there is nothing to join
    ending: Optional[bytes] = None
    streams = response.frames is not None and response.status not in NO_BODY
    if streams and not exchange.head_only:
        ending = b"0\r\n\r\n" if exchange.minor else b""
    elif fault and not may_break_inside(fault, response, exchange):
        fault = replace(fault, after=None)
    return joined(broken(fault, "steps", intact, ending))


def intact_steps(response: HttpResponse, exchange: Exchange) -> Iterable[Step]:
    """A response as what happens on the socket if nothing goes wrong there."""
    answer: Iterable[Step]
    if response.frames is None or response.status in NO_BODY:
        answer = whole_steps(response, exchange)  # made now: nothing is left to do after a pause
    else:
        answer = stream_steps(response, exchange, response.frames)
        if response.ping:  # which goes out while it waits, and so does the head
            return answer
    if response.delivery.delay:
        return itertools.chain([Wait(response.delivery.delay)], answer)
    return answer


# --- codings ---


def coding_of(response: HttpResponse, accept: Optional[str]) -> Optional[str]:
    """How a response is coded: one of the codings of an Exchange.

    `accept` is the client's Accept-Encoding.  None if it takes neither gzip nor identity."""
    delivery = response.delivery
    if delivery.gzip == "always":
        return "gzip"
    if not negotiates(response):
        return "identity"
    if delivery.plan.gzip:  # which says how gzip is flushed, so that there has to be some
        return negotiated(accept)
    # The mock's own body is in that coding already.
    if "content-encoding" in [name.lower() for name, _ in delivery.headers]:
        return "identity"
    coding = negotiated(accept)
    if coding == "gzip" and response.frames is None and takes_identity(accept):
        return "smaller"
    return coding


def negotiates(response: HttpResponse) -> bool:
    """Whether the client's Accept-Encoding is asked."""
    delivery = response.delivery
    return delivery.gzip == "auto" and (response.may_gzip or bool(delivery.plan.gzip))


def coding_headers(response: HttpResponse, coding: str, says_gzip: bool) -> Headers:
    """What the head says of the coding; one that `says_gzip` may lie."""
    headers: Headers = ()
    # Another Accept-Encoding might have got other bytes (RFC 9110, 12.5.5).
    if response.status not in NO_BODY and (coding != "identity" or negotiates(response)):
        headers += (("Vary", "Accept-Encoding"),)
    if says_gzip:
        headers += (("Content-Encoding", "gzip"),)
    return headers


# --- heads ---


def chunked_headers(plan: Plan) -> Headers:
    """What the head says of a body in chunks."""
    headers: Headers = (("Transfer-Encoding", "chunked"),)
    if plan.trailers:
        headers += (("Trailer", TRAILER[0]),)
    return headers


def complete_head(
    response: HttpResponse, exchange: Exchange, headers: Headers, keep_alive: bool
) -> bytes:
    """The head of a response; `headers` are those that are only true of this one."""
    if not keep_alive or response.delivery.plan.close:
        headers += (("Connection", "close"),)
    # HTTP/1.0 closes unless both sides say otherwise (RFC 9112, 9.3).
    elif not exchange.minor:
        headers += (("Connection", "keep-alive"),)
    if response.delivery.headers:  # a mock's own go before them, but for what frames the answer
        replaced = {name.lower() for name, _ in response.delivery.headers}
        # These are true of this one answer, whatever a mock says.
        replaced -= {"x-mock-request-id", *FRAMING_HEADERS}
        headers = tuple(header for header in headers if header[0].lower() not in replaced)
    return head_bytes(response.status, response.headers + headers) + b"\r\n"


# --- whole answers ---


def whole_steps(response: HttpResponse, exchange: Exchange) -> Iterable[Step]:
    """A response without a stream, as one write unless its plan cuts it."""
    body, says_gzip = whole_body(response, exchange.coding)
    plan = response.delivery.plan
    chunked = goes_chunked(response, exchange)
    headers = exchange.extra + coding_headers(response, exchange.coding, says_gzip)
    if chunked:
        headers += chunked_headers(plan)
    elif response.status not in NO_BODY:
        headers += (("Content-Length", str(len(body))),)
    head = complete_head(response, exchange, headers, exchange.keep_alive)
    if exchange.head_only:
        return [Send(head, head=len(head))]
    if not chunked and not (plan.split and body):
        return [Send(head + body, head=len(head))]
    pieces: Iterable[Frame] = cut_up(body, plan.split)
    fault = response.delivery.fault
    if fault and fault.after and may_break_inside(fault, response, exchange):
        pieces = marked(pieces, fault.after, bool, leaves_one=not chunked)
    return itertools.chain(
        [Send(head, head=len(head), alone=bool(plan.split))], body_steps(pieces, plan, chunked)
    )


def goes_chunked(response: HttpResponse, exchange: Exchange) -> bool:
    """Whether a whole body is sent in chunks."""
    # Where there can be none it is sent as it always is (RFC 9112, 6.1).
    return response.delivery.plan.chunked and exchange.minor > 0 and response.status not in NO_BODY


def may_break_inside(fault: Fault, response: HttpResponse, exchange: Exchange) -> bool:
    """Whether a fault has a place inside a whole answer: one in a single write has none."""
    if fault.after is None or fault.after.pieces or exchange.head_only:
        return False
    return goes_chunked(response, exchange) or bool(response.delivery.plan.split)


def body_steps(pieces: Iterable[Frame], plan: Plan, chunked: bool) -> Iterator[Step]:
    """The pieces of a whole body, each a chunk or only a write."""
    alone = bool(plan.split)
    for piece in pieces:
        if not isinstance(piece, bytes):
            yield piece
        elif piece:
            yield Send(framed(piece, chunked, plan), alone=alone)
    if chunked:
        yield Send(chunk(b"", plan), last=True, alone=alone)


def whole_body(response: HttpResponse, coding: str) -> Tuple[bytes, bool]:
    """The body of a whole answer as it is sent, and whether its head calls it gzip."""
    body, mode = response.body, response.delivery.plan.gzip
    if response.status in NO_BODY:
        body = b""
    if breaks(response.delivery.fault, "coding"):
        return body, True
    if coding == "identity" or response.status in NO_BODY:
        return body, False
    if response.twin and mode != "members":  # the file's own gzip, as it was recorded
        return response.twin, True
    packed = gzip_body(body, mode)
    if coding == "smaller" and len(packed) >= len(body):
        return body, False
    return packed, True


# --- streams ---


def stream_steps(
    response: HttpResponse, exchange: Exchange, frames: Iterable[Frame]
) -> Iterator[Step]:
    """The head of a streamed response, then its events as its pace and its plan will have them."""
    delivery = response.delivery
    says_gzip = exchange.coding != "identity" or breaks(delivery.fault, "coding")
    chunked = exchange.minor > 0
    headers = exchange.extra + coding_headers(response, exchange.coding, says_gzip)
    if chunked:
        headers += chunked_headers(delivery.plan)
    head = complete_head(response, exchange, headers, exchange.keep_alive and chunked)
    yield Send(head, head=len(head))
    if exchange.head_only:
        return
    pace = delivery.pace or NO_PACE
    # Where pauses keep the stream waiting, the usual one is made once and kept as a tuple of steps:
    # a thousand that run at once then take next to nothing.
    unusual = says_gzip or pace.jitter or delivery.gate or delivery.fault or response.ping
    if not isinstance(frames, tuple) or unusual or delivery.plan != USUAL_PLAN:
        yield from planned_chunks(response, exchange.coding, frames, chunked)
    elif (pace.between or pace.gaps) and sum(map(frame_size, frames)) <= LONG:
        yield from prepared_chunks(frames, pace, chunked)
    elif pace.has_pauses:
        yield from planned_chunks(response, exchange.coding, frames, chunked)
    else:
        yield from unpaced_chunks(frames, chunked)


def planned_chunks(
    response: HttpResponse, coding: str, frames: Iterable[Frame], chunked: bool
) -> Iterator[Step]:
    """The events of a stream as gate, fault, plan, pace and coding will have them."""
    delivery = response.delivery
    plan, pace, fault = delivery.plan, delivery.pace or NO_PACE, delivery.fault
    if delivery.gate:
        frames = gated(frames, delivery.gate, response.is_piece)
    frames = place_of_fault(fault, frames, response.is_piece)
    if response.ping and delivery.delay:
        pace = replace(pace, first=delivery.delay + pace.first)
    groups: Iterable[Group] = coalesced(frames, plan.coalesce)
    if pace.has_pauses:
        groups = paced(groups, pace)
    if response.ping and delivery.keepalive:
        hangs = fault is not None and fault.kind == "hang"
        groups = kept_alive(groups, delivery.keepalive.every, response.ping, hangs)
    gzip = coding != "identity"
    if breaks(fault, "coding"):
        groups = broken(fault, "coding", groups)
    elif gzip:
        groups = gzip_groups(groups, plan.gzip or "event")
    return sent_chunks(groups, chunked, plan, gzip)


def sent_chunks(
    groups: Iterable[Group], chunked: bool, plan: Plan = USUAL_PLAN, gzip: bool = False
) -> Iterator[Step]:
    """Groups of events, then the last chunk.

    Each group is a chunk and a write, or several where the plan cuts it."""
    alone = plan != USUAL_PLAN
    split = plan.split
    if gzip and isinstance(split, str):
        split = ""  # there are no characters and line ends in gzip
    for frame, events in groups:
        if not isinstance(frame, bytes):
            yield frame
            continue
        pieces = cut_up(frame, split)
        last = next(pieces)
        for piece in pieces:
            yield Send(framed(last, chunked, plan), alone=True)
            last = piece
        data = framed(last, chunked, plan)
        yield Send(data, (len(data),) * events, alone=alone)
    if chunked:
        yield Send(chunk(b"", plan), last=True, alone=alone)


def framed(piece: bytes, chunked: bool, plan: Plan) -> bytes:
    """A piece of a stream as HTTP/1.1 or, not `chunked`, HTTP/1.0 sends it."""
    if chunked:
        return chunk(piece, plan)
    return piece


@functools.lru_cache(maxsize=16)
def prepared_chunks(frames: Tuple[Frame, ...], pace: Pace, chunked: bool) -> Tuple[Step, ...]:
    """The steps of a recorded or remembered stream whose pauses are all known."""
    return tuple(sent_chunks(paced(coalesced(frames, 1), pace), chunked))


def unpaced_chunks(frames: Iterable[Frame], chunked: bool) -> Iterator[Step]:
    """Events without pauses and their last chunk, as `paced_chunks` and `joined` would have them,
    in a fraction of the time."""
    ending = framed(b"", chunked, USUAL_PLAN)
    room = JOINED - len(ending)
    pieces: List[bytes] = []
    ends: List[int] = []
    size = 0
    for frame in frames:
        piece = b""
        if isinstance(frame, bytes):
            piece = frame
            if chunked:  # as `chunk` has it
                piece = b"%x\r\n%b\r\n" % (len(frame), frame)
        more = size + len(piece)
        if pieces and (not piece or more > room):
            yield Send(b"".join(pieces), tuple(ends))
            pieces, ends, more = [], [], len(piece)
        size = more
        if not isinstance(frame, bytes):
            yield frame
            continue
        pieces.append(piece)
        ends.append(size)
    if pieces or chunked:
        yield Send(b"".join(pieces) + ending, tuple(ends), last=chunked)


def joined(steps: Iterable[Step]) -> Iterator[Step]:
    """The same steps, but what is due at the same moment leaves in one write of at most JOINED
    bytes."""
    held: List[Send] = []
    size = 0
    for step in steps:
        if isinstance(step, Breath):
            yield step
            continue
        joins = isinstance(step, Send) and not step.alone
        if isinstance(step, Send) and joins and size + len(step.data) <= JOINED:
            held.append(step)
            size += len(step.data)
            continue
        if held:
            yield one_of(held)
        held = []
        size = 0
        if isinstance(step, Send) and joins:
            held = [step]
            size = len(step.data)
        else:
            yield step
    if held:
        yield one_of(held)


def one_of(sends: List[Send]) -> Send:
    """Several writes as one."""
    if len(sends) == 1:
        return sends[0]
    ends: List[int] = []
    size = 0
    for send in sends:
        ends += [size + end for end in send.ends]
        size += len(send.data)
    data = b"".join([send.data for send in sends])
    return Send(data, tuple(ends), sum([send.head for send in sends]), sends[-1].last)
