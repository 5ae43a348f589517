"""Passing on: a request that nobody here answers goes to an upstream, and its answer comes back."""

from __future__ import annotations

from typing import Optional

from .answered import PROBES, Answered
from .brought import HEADER, Brought, brought_along
from .deliveries import Delivery
from .errors import Refused
from .formats.base import WireFormat
from .formats.other import Other
from .gates import Abandoned, Wanting, Work
from .limits import WAIT_SECONDS
from .recording.forwarding import Forwarder
from .recording.passages import Passage
from .recording.scrubbing import Scrubber, own_secrets
from .recording.upstreams import ANSWERED_HERE, OTHER_NAME, Upstream
from .records import replace
from .state import State
from .values import Call, Failure, HttpResponse
from .writing import failed, own_failure

UNKNOWN_METHOD = 405  # of a path that a provider has with another one


def passed_on(
    forwarder: Forwarder,
    upstream: Upstream,
    wire: WireFormat,
    call: Call,
    brought: Brought,
    unread: str = "",
) -> Work[Answered]:
    """Work that gives the answer of an upstream; `unread` says why it is not to be recorded.
    Refused for what a request brings along that has no effect on that."""
    if brought.fields:
        told = f"{HEADER} can't change an answer that is forwarded"
        message = f"{told}, as {upstream.name} is with --record; a mock's answer it can"
        raise Refused(400, message, code="bad_mock_response")
    if forwarder.has_sent(call.request):
        told = f"the request has come back: the URL of --record {upstream.name} leads in a circle"
        raise Refused(502, told, code="not_forwarded")
    passage = Passage(upstream, wire, call, unread)
    forwarder.begin(passage)
    try:
        yield Wanting(passage.ready, forwarder.turn_seconds)
        if forwarder.withdraw(passage):
            told = f"{forwarder.most} others are being forwarded, and none ended in time"
            passage.refuse(Refused(503, told, code="not_forwarded"))
        while not passage.is_ready:  # it ends by itself
            yield Wanting(passage.ready, WAIT_SECONDS)
    except (Abandoned, GeneratorExit) as error:
        passage.leave()
        if forwarder.withdraw(passage):
            passage.forwarded.reason = "its client left before its turn"
        if isinstance(error, GeneratorExit):
            raise
        return without_answer(passage)
    return come_back(passage)


def forwarded_to(
    forwarder: Forwarder, wire: WireFormat, call: Call, state: State, brought: Brought
) -> Optional[Work[Answered]]:
    """Work that gives the answer of an upstream to a call that no mock answers, if there is one for
    it.  What was stored here is known here alone; what a request breaks itself is not forwarded."""
    if brought.has_fault or call.params.get("id") in state.responses:
        return None
    upstream = forwarder.upstreams.of(wire)
    return passed_on(forwarder, upstream, wire, call, brought) if upstream else None


def forwarded_unread(
    forwarder: Forwarder, wire: WireFormat, call: Call, seed: int, why: str
) -> Optional[Work[Answered]]:
    """The same for a request that can't be read, so that no mock could be for its like."""
    brought = brought_along(call, seed)
    if brought.answer or brought.has_fault:
        return None
    upstream = forwarder.upstreams.of(wire)
    told = Scrubber(own_secrets(call.request)).text(why)
    unread = f"its request can't be read: {told}"
    return passed_on(forwarder, upstream, wire, call, brought, unread) if upstream else None


def forwarded_elsewhere(
    forwarder: Forwarder, wire: Other, call: Call, refused: Refused, brought: Brought
) -> Optional[Work[Answered]]:
    """The same for a path that no provider has with this method; a probe asks this server."""
    if brought.has_fault or is_probe(call):
        return None
    owner = wire.shape if refused.status == UNKNOWN_METHOD else None
    upstream = forwarder.upstreams.of_other(call.path, owner)
    if upstream is None or (call.request.raw and upstream.is_control(call.request.raw)):
        return None
    return passed_on(forwarder, upstream, wire, call, brought)


def is_probe(call: Call) -> bool:
    """Whether a call asks for nothing but whether this server is there."""
    return call.path in PROBES and call.method in ("GET", "HEAD")


def way_of(forwarder: Optional[Forwarder], wire: WireFormat) -> str:
    """What would have a request forwarded that no mock matches, where others are."""
    if not forwarder or wire.operation in ANSWERED_HERE:
        return ""
    return f"; {forwarder.upstreams.hint(wire)}"


def with_a_way(forwarder: Optional[Forwarder], refused: Refused, path: str) -> Refused:
    """Why there is no answer on a path of no provider; where others are recorded, how it could be
    forwarded."""
    if not forwarder or refused.status == UNKNOWN_METHOD or path in PROBES:
        return refused
    message = f"{refused.message}; --record {OTHER_NAME}=URL would forward it"
    return Refused(refused.status, message, code=refused.code, headers=refused.headers)


def come_back(passage: Passage) -> Answered:
    """What the client of a forwarded request gets."""
    wire, call, forwarded = passage.wire, without_raw(passage.call), passage.forwarded
    refused, response = passage.refused, passage.response
    note = f"forwarded to {forwarded.url}"
    feed: Optional[Passage] = None
    if refused:
        failure: Failure = wire.completed(call, own_failure(wire, refused))
        response = failed(wire, call, failure, Delivery())
        note = refused.message
    elif response and not isinstance(response.frames, tuple) and response.frames is not None:
        feed = passage
    assert response
    return Answered(
        response, call, note=note, wire=wire, is_repeatable=False, feed=feed, forwarded=forwarded
    )


def without_answer(passage: Passage) -> Answered:
    """What is told of a forwarded request whose client did not wait."""
    call, forwarded = without_raw(passage.call), passage.forwarded
    note = f"forwarded to {forwarded.url}"
    return Answered(
        HttpResponse(0, ()),
        call,
        note=note,
        wire=passage.wire,
        is_repeatable=False,
        forwarded=forwarded,
    )


def without_raw(call: Call) -> Call:
    """A call without the bytes of its request, which nobody is to keep."""
    return replace(call, request=replace(call.request, raw=None))


def let_go_of_raw(answered: Answered) -> Answered:
    """An answer without the bytes of its request."""
    call = answered.call
    if call is None or call.request.raw is None:
        return answered
    return replace(answered, call=without_raw(call))
