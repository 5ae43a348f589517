"""Faults: how an answer breaks, as generators over its steps.  Pure."""

from __future__ import annotations

from typing import Callable, Dict, Iterable, Iterator, Optional

from .steps import Cut, Hang, Send, Step, Wait, Wire
from .values import Fault

FAULTS = ("reset", "close", "hang", "truncate", "malformed", "garbage", "bad_gzip", "drip")


FaultSteps = Callable[[Iterable[Step], Fault, Wire], Iterator[Step]]


FAULT_STEPS: Dict[str, FaultSteps] = {}


GARBAGE = b"\x16\x03\x01\x00\xfaThis is not HTTP.\r\n\x00\xff\r\n"


def a_fault(kind: str) -> Callable[[FaultSteps], FaultSteps]:
    """Registers what a fault of FAULTS does to the steps of an answer."""

    def registered(made: FaultSteps) -> FaultSteps:
        FAULT_STEPS[kind] = made
        return made

    return registered


def steps_until(made: Iterable[Step], after: Optional[int]) -> Iterator[Step]:
    """The steps up to so many events; none at all without a number, or for a whole answer, which has none."""
    sent = 0
    for step in made if after is not None else ():
        whole = isinstance(step, Send) and 0 < step.head < len(step.data)
        if whole or (
            isinstance(step, Send)
            and (step.last or (step.events and sent + step.events > (after or 0)))
        ):
            return
        sent += step.events if isinstance(step, Send) else 0
        yield step


@a_fault("reset")
def resetting(made: Iterable[Step], fault: Fault, wire: Wire) -> Iterator[Step]:
    """The connection is reset."""
    yield from steps_until(made, fault.after)
    yield Cut("reset")


@a_fault("close")
def closing(made: Iterable[Step], fault: Fault, wire: Wire) -> Iterator[Step]:
    """The connection is closed, in a stream without the last chunk."""
    yield from steps_until(made, fault.after)
    yield Cut("close")


@a_fault("hang")
def hanging(made: Iterable[Step], fault: Fault, wire: Wire) -> Iterator[Step]:
    """Nothing more comes, until the client leaves."""
    yield from steps_until(made, fault.after)
    yield Hang()


@a_fault("garbage")
def garbling(made: Iterable[Step], fault: Fault, wire: Wire) -> Iterator[Step]:
    """Bytes that are no HTTP, then the end of the connection."""
    yield from steps_until(made, fault.after)
    yield Send(GARBAGE)
    yield Cut("close")


@a_fault("truncate")
def truncating(made: Iterable[Step], fault: Fault, wire: Wire) -> Iterator[Step]:
    """Of a whole answer half the bytes that it promised; of a stream so many events, by default half, and the last chunk, so
    that it ends cleanly without the provider's last events."""
    known = list(made)
    sends = [step for step in known if isinstance(step, Send)]
    events = sum(step.events for step in sends)
    if any(0 < step.head < len(step.data) for step in sends) or not (
        events or any(step.last for step in sends)
    ):
        whole = b"".join(step.data for step in sends)
        head = sum(step.head for step in sends)
        yield from (step for step in known if isinstance(step, Wait))
        yield Send(whole[: head + (len(whole) - head) // 2], head=head)
        yield Cut("close")
        return
    yield from steps_until(known, events // 2 if fault.after is None else fault.after)
    if not wire.minor:  # its end is all that there is to end it with
        yield Cut("close")
        return
    yield Send(b"0\r\n\r\n", last=True)
    yield Cut("kept")


@a_fault("malformed")
@a_fault("bad_gzip")
def as_it_is(made: Iterable[Step], fault: Fault, wire: Wire) -> Iterator[Step]:
    """The steps as they are: what is wrong lies in the bytes."""
    yield from made


@a_fault("drip")
def dripping(made: Iterable[Step], fault: Fault, wire: Wire) -> Iterator[Step]:
    """The same bytes, one a write."""
    for step in made:
        if not isinstance(step, Send):
            yield step
            continue
        for at in range(len(step.data)):
            ends = at + 1 == len(step.data)
            yield Send(
                step.data[at : at + 1],
                step.events if ends else 0,
                int(at < step.head),
                step.last and ends,
            )
