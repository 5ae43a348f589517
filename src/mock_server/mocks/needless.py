"""Keys of a delivery that would be in vain: they change nothing of some kind of answer.  Pure."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from ..deliveries import Delivery, Pace
from ..framings import SSE, Framing, JsonArray
from ..limits import Json
from ..node import Node
from ..plans import USUAL_PLAN
from .delivery import AFTER_KEYS

# What answers a mock can give: how their events are framed, None for a whole one, what the provider
# keeps a stream alive with, and whether they are compressed without being told.
Reached = Tuple[Optional[Framing], bytes, bool]

LINE_KEYS = ("eol", "comments", "no_space")  # of a wire plan

NO_EVENTS = "a whole answer has no events"


def vain_in_all(
    response: Node, delivery: Delivery, reached: Iterable[Reached]
) -> Optional[Tuple[Node, str]]:
    """A key that is in vain in all answers that a mock can give, and why."""
    found: List[Dict[str, str]] = []
    wholes: List[Dict[str, str]] = []
    for one in reached:
        in_vain = vain(response.value, delivery, one)
        if not in_vain:
            return None
        (wholes if one[0] is None else found).append(in_vain)
    found += wholes  # behind streams, of which the reasons tell more
    for key, reason in (found or [{}])[0].items():
        if not all(key in others for others in found):
            continue
        node = response.within(*key.split("."))
        if node.is_absent:  # it stands in a plan that is called by its name
            node = response.get("wire")
        return node, f"has no effect: {reason}"
    return None


def vain(spec: Mapping[str, Json], delivery: Delivery, reached: Reached) -> Dict[str, str]:
    """The keys of a response that change nothing of such answers, each with the reason.

    Keys of a wire plan are called `wire.eol` and so on."""
    framing, ping, negotiates = reached
    found: Dict[str, str] = {}
    if delivery.gzip == "never" and not negotiates:
        found["gzip"] = "an answer of that kind is not compressed without being told"
    if framing is None:
        found.update(vain_in_whole(spec, delivery))
    else:
        found.update(vain_in_stream(delivery, framing, ping))
    return found


def vain_in_whole(spec: Mapping[str, Json], delivery: Delivery) -> Iterable[Tuple[str, str]]:
    """What changes nothing of a whole answer."""
    plan = delivery.plan
    if spec.get("pace") is not None:
        yield "pace", NO_EVENTS
    if delivery.gate:
        yield "gate", NO_EVENTS
    if delivery.keepalive:
        yield "keepalive", "nothing comes before a whole answer"
    if plan.coalesce:
        yield "wire.coalesce", NO_EVENTS
    if plan.gzip in ("event", "block"):
        yield "wire.gzip", "a whole answer has no events after which it could be flushed"
    yield from vain_lines(delivery)
    if not plan.chunked:
        for key in ("chunk_extensions", "trailers"):
            if getattr(plan, key):
                yield (
                    f"wire.{key}",
                    'a whole answer has no chunks, unless "chunked" stands beside it',
                )
    # A body that is cut may break between its pieces, if that is what its fault does.
    is_cut = plan.chunked or plan.split
    breaks = delivery.fault and delivery.fault.kind not in ("malformed", "bad_gzip")
    for key in AFTER_KEYS:
        if key in spec and not (is_cut and breaks and key == "after_events"):
            yield key, NO_EVENTS


def vain_in_stream(delivery: Delivery, framing: Framing, ping: bytes) -> Iterable[Tuple[str, str]]:
    """What changes nothing of a stream."""
    plan, keepalive = delivery.plan, delivery.keepalive
    if plan.chunked:
        yield "wire.chunked", "a stream goes in chunks without it"
    is_sse = isinstance(framing, SSE)
    if not is_sse:
        yield from vain_lines(delivery)
    if plan.split == "eol" and not isinstance(framing, (SSE, JsonArray)):
        yield "wire.split", "no line ends in several bytes"
    if not keepalive:
        return
    if not is_sse:
        yield "keepalive", "only event streams have comments and pings"
    elif keepalive.comment is None and not ping:
        yield "keepalive", 'the provider sends no pings; give the text of a "comment"'
    elif longest_wait(delivery) <= keepalive.every:
        yield (
            "keepalive",
            'nothing in it waits for longer; it goes with delay, pace, gate, or a late "hang"',
        )


def vain_lines(delivery: Delivery) -> Iterable[Tuple[str, str]]:
    """The keys of a plan that change the lines of an event stream."""
    for key in LINE_KEYS:
        if getattr(delivery.plan, key) != getattr(USUAL_PLAN, key):
            yield f"wire.{key}", "only event streams have such lines"


def longest_wait(delivery: Delivery) -> float:
    """The longest time for which a stream may send nothing, by what is said of it."""
    fault, pace = delivery.fault, delivery.pace or Pace()
    if delivery.gate or (fault and fault.kind == "hang" and fault.after is not None):
        return float("inf")
    first = delivery.delay + pace.first
    between = pace.between * (1 + pace.jitter)
    if delivery.plan.coalesce > 1:  # all of them in one pause
        return first + sum(pace.gaps) + between * delivery.plan.coalesce
    return max(first, between, *pace.gaps)
