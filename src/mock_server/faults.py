"""Faults: how an answer breaks, by the names that mocks give them.  Pure."""

from __future__ import annotations

import itertools
from typing import Any, Callable, Dict, Iterable, Iterator, List, Literal, Optional, Tuple

from .deliveries import Fault
from .marks import Breath, Frame, Mark, marked
from .plans import BREATHS, Group, gzip_groups
from .records import replace
from .steps import Cut, Hang, Send, Step, Wait
from .values import HttpResponse

MOST_COUNTED = 10_000  # frames of a stream that is made before its middle is known; else the first

GARBAGE = b"\x16\x03\x01\x00\xfaThis is not HTTP.\r\n\x00\xff\r\n"


Breaking = Callable[..., Any]


# How an answer is made, and so where it can break: the Response with its `content`, before any
# coding; the `coding` of its events; the `steps` on the socket.
Stage = Literal["content", "coding", "steps"]


# The faults there are, by the names that people write in mocks: what each breaks, and how.
FAULTS: Dict[str, Tuple[Stage, Breaking]] = {}


def a_fault(name: str, stage: Stage = "steps") -> Callable[[Breaking], Breaking]:
    """Registers what a fault makes of a stage of an answer.

    The function is given what the stage would be, the Fault, and what else the stage knows."""

    def register(function: Breaking) -> Breaking:
        FAULTS[name] = (stage, function)
        return function

    return register


def is_before_all(fault: Fault) -> bool:
    """Whether a fault leaves nothing of the answer that it breaks."""
    return fault.kind in FINAL_FAULTS and fault.after is None


def breaks(fault: Optional[Fault], stage: Stage) -> bool:
    """Whether there is a fault, and it breaks this stage."""
    return fault is not None and FAULTS[fault.kind][0] == stage


def broken(fault: Optional[Fault], stage: Stage, intact: Any, *context: Any) -> Any:
    """A stage of an answer as a fault leaves it, which is `intact` if it breaks another or none."""
    if fault is None or not breaks(fault, stage):
        return intact
    return FAULTS[fault.kind][1](intact, fault, *context)


# --- where ---

# Faults that end an answer: before all of it, unless it is said where, and at the latest behind the
# last event.
FINAL_FAULTS = ("reset", "close", "hang", "garbage")


def place_of_fault(
    fault: Optional[Fault], frames: Iterable[Frame], is_piece: Callable[[Any], bool]
) -> Iterable[Frame]:
    """The frames of a stream, marked where its fault comes, if that is not before all of it."""
    if fault is None or breaks(fault, "content"):
        return frames
    if fault.after is not None:
        return marked(frames, fault.after, is_piece, fault.kind not in FINAL_FAULTS)
    if fault.kind == "truncate":
        return halved(frames)
    return frames


def halved(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The frames of a stream, marked in the middle; of a long one in the middle of its beginning,
    for all of that is made before any of it is sent."""
    begun: List[Frame] = []
    places: List[int] = []
    rest = iter(frames)
    for frame in rest:
        if isinstance(frame, bytes):
            places.append(len(begun))
        begun.append(frame)
        if len(begun) % BREATHS == 0:
            yield Breath()
        if len(places) == MOST_COUNTED:
            break
    middle = len(begun)
    if places:
        middle = places[len(places) // 2]
    yield from begun[:middle]
    yield Mark()
    yield from begun[middle:]
    yield from rest


# --- over steps ---


# How a stream ends cleanly: with its last chunk; of HTTP/1.0 with the connection alone, which is
# no bytes.  None is for a whole answer.
Ending = Optional[bytes]


def steps_until(steps: Iterable[Step], fault: Fault) -> Iterator[Step]:
    """The steps up to the mark of a fault; if it has no place, no more than a delay."""
    if fault.after is None:
        yield from itertools.takewhile(lambda step: isinstance(step, Wait), steps)
    else:
        yield from steps_to_mark(steps)


def steps_to_mark(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps up to a mark."""
    for step in steps:
        if isinstance(step, Mark):
            return
        yield step


@a_fault("reset")
def resetting(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """The connection is reset."""
    yield from steps_until(steps, fault)
    yield Cut("reset")


@a_fault("close")
def closing(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """The connection is closed, in a stream without the last chunk."""
    yield from steps_until(steps, fault)
    yield Cut("close")


@a_fault("hang")
def hanging(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """Nothing more comes, until the client leaves, but for what keeps a stream alive."""
    yield from steps_until(steps, fault)
    yield Hang()


@a_fault("truncate")
def truncating(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """Of a whole answer half of the bytes that it promised; of a stream half of its events.

    A stream, of which `after` may say where, ends cleanly, only without the provider's last
    events."""
    if ending is None:
        yield from half_of(steps)
        yield Cut("close")
        return
    yield from steps_to_mark(steps)
    if not ending:
        yield Cut("close")
        return
    yield Send(ending, last=True)
    yield Cut("kept")


def half_of(steps: Iterable[Step]) -> Iterator[Step]:
    """The head of a whole answer and half of its body, or what is before a mark, in one write."""
    data = bytearray()
    head = 0
    for number, step in enumerate(steps, 1):
        if isinstance(step, Wait):
            yield step
        elif isinstance(step, Send):
            data += step.data
            head += step.head
        elif isinstance(step, Mark):
            yield Send(bytes(data), head=head)
            return
        if number % BREATHS == 0:  # a plan may cut it into millions
            yield Breath()
    yield Send(bytes(data[: head + (len(data) - head) // 2]), head=head)


@a_fault("malformed", "content")
def tearing(response: HttpResponse, fault: Fault, tear: Callable[[bytes], bytes]) -> HttpResponse:
    """Broken JSON: half of a whole body, or one event torn, which is fine but for its data.

    `tear` is how the stream's framing does that to a frame."""
    if response.frames is None:
        return replace(response, body=response.body[: len(response.body) // 2], twin=None)
    frames: Iterable[Frame]
    if fault.after is None:
        frames = halved(response.frames)
    else:
        frames = marked(response.frames, fault.after, response.is_piece, leaves_one=True)
    return replace(response, frames=torn(frames, tear))


def torn(frames: Iterable[Frame], tear: Callable[[bytes], bytes]) -> Iterator[Frame]:
    """The same frames, the one behind the mark torn."""
    is_next = False
    for frame in frames:
        if isinstance(frame, bytes) and is_next:
            yield tear(frame)
            is_next = False
        elif isinstance(frame, Mark):
            is_next = True
        else:
            yield frame


@a_fault("garbage")
def garbling(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """Bytes that are no HTTP, then the end of the connection."""
    yield from steps_until(steps, fault)
    yield Send(GARBAGE)
    yield Cut("close")


@a_fault("bad_gzip", "coding")
def dishonest(groups: Iterable[Group], fault: Fault) -> Iterable[Group]:
    """Events that say they are gzip, and behind their mark are not."""
    if fault.after is None:
        return groups
    return gzip_groups(groups, is_honest=False)


@a_fault("drip")
def dripping(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """The same bytes, one a write; in a stream behind its mark."""
    drips = fault.after is None
    for step in steps:
        if isinstance(step, Mark):
            drips = True
        elif isinstance(step, Send) and drips:
            yield from drops(step)
        else:
            yield step


def drops(step: Send) -> Iterator[Step]:
    """A write, a byte each."""
    last = len(step.data) - 1
    for at in range(len(step.data)):
        ends = tuple([1 for end in step.ends if end == at + 1])
        in_head = int(at < step.head)
        yield Send(step.data[at : at + 1], ends, in_head, step.last and at == last, alone=True)
