"""Faults: how an answer breaks, by the names that mocks give them.  Pure."""

from __future__ import annotations

import itertools
from typing import Any, Callable, Dict, Iterable, Iterator, List, Literal, Optional, Tuple

from .plans import BREATHS, Group, gzip_groups
from .records import replace
from .steps import Cut, Hang, Send, Step, Wait
from .values import Breath, Fault, Response

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
    return fault.kind in ("reset", "close", "hang", "garbage") and fault.after is None


def breaks(fault: Optional[Fault], stage: Stage) -> bool:
    """Whether there is a fault, and it breaks this stage."""
    return fault is not None and FAULTS[fault.kind][0] == stage


def broken(fault: Optional[Fault], stage: Stage, intact: Any, *context: Any) -> Any:
    """A stage of an answer as a fault leaves it, which is `intact` if it breaks another or none."""
    if fault is None or not breaks(fault, stage):
        return intact
    return FAULTS[fault.kind][1](intact, fault, *context)


# --- over steps ---


# How a stream ends cleanly: with its last chunk; of HTTP/1.0 with the connection alone, which is
# no bytes.  None is for a whole answer.
Ending = Optional[bytes]


def is_whole(step: Send) -> bool:
    """Whether head and body of a whole answer are in one write."""
    return 0 < step.head < len(step.data)


def steps_until(steps: Iterable[Step], after: Optional[int]) -> Iterator[Step]:
    """The steps up to so many events.

    None at all without a number, or for a whole answer, which has no events."""
    if after is None:
        return
    sent = 0
    for step in steps:
        if isinstance(step, Send):
            if step.last or is_whole(step):
                return
            sent += len(step.ends)
            if step.ends and sent > after:
                return
        yield step


@a_fault("reset")
def resetting(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """The connection is reset."""
    yield from steps_until(steps, fault.after)
    yield Cut("reset")


@a_fault("close")
def closing(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """The connection is closed, in a stream without the last chunk."""
    yield from steps_until(steps, fault.after)
    yield Cut("close")


@a_fault("hang")
def hanging(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """Nothing more comes, until the client leaves."""
    yield from steps_until(steps, fault.after)
    yield Hang()


@a_fault("truncate")
def truncating(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """Of a whole answer half of the bytes that it promised; of a stream half of its events.

    A stream, of which `after` may say how many events, ends cleanly, only without the provider's
    last events."""
    if ending is None:
        yield from half_of(steps)
        yield Cut("close")
        return
    after = fault.after
    steps = iter(steps)
    if after is None:
        begun: List[Step] = []
        events = 0
        for step in steps:
            begun.append(step)
            if isinstance(step, Send):
                events += len(step.ends)
            if len(begun) % BREATHS == 0:  # all of this is made before any of it is sent
                yield Breath()
            if events >= MOST_COUNTED:
                break
        after = events // 2
        steps = itertools.chain(begun, steps)
    yield from steps_until(steps, after)
    if not ending:
        yield Cut("close")
        return
    yield Send(ending, last=True)
    yield Cut("kept")


def half_of(steps: Iterable[Step]) -> Iterator[Step]:
    """The head of a whole answer and half of its body, in one write."""
    data = bytearray()
    head = 0
    for number, step in enumerate(steps, 1):
        if isinstance(step, Wait):
            yield step
        elif isinstance(step, Send):
            data += step.data
            head += step.head
        if number % BREATHS == 0:  # a plan may cut it into millions
            yield Breath()
    yield Send(bytes(data[: head + (len(data) - head) // 2]), head=head)


@a_fault("malformed", "content")
def tearing(response: Response, fault: Fault, tear: Callable[[bytes], bytes]) -> Response:
    """Broken JSON: half of a whole body, or one event torn, which is fine but for its data.

    `tear` is how the stream's framing does that to a frame."""
    if response.frames is None:
        return replace(response, body=response.body[: len(response.body) // 2], twin=None)
    rest = (frame for frame in response.frames if isinstance(frame, bytes))
    frames = list(itertools.islice(rest, MOST_COUNTED))
    at = fault.after
    if at is None:
        at = len(frames) // 2
    following = next(rest, None)
    if following is not None:
        return replace(response, frames=torn(itertools.chain(frames, [following], rest), at, tear))
    return replace(response, frames=tuple(torn(frames, at, tear)))


def torn(frames: Iterable[bytes], at: int, tear: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """The same frames, the one at `at` torn."""
    for number, frame in enumerate(frames):
        if number == at:
            frame = tear(frame)
        yield frame


@a_fault("garbage")
def garbling(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """Bytes that are no HTTP, then the end of the connection."""
    yield from steps_until(steps, fault.after)
    yield Send(GARBAGE)
    yield Cut("close")


@a_fault("bad_gzip", "coding")
def dishonest(groups: Iterable[Group], fault: Fault) -> Iterator[Group]:
    """Events that say they are gzip, and after so many are not."""
    return gzip_groups(groups, honest=fault.after or 0)


@a_fault("drip")
def dripping(steps: Iterable[Step], fault: Fault, ending: Ending) -> Iterator[Step]:
    """The same bytes, one a write."""
    for step in steps:
        if not isinstance(step, Send):
            yield step
            continue
        last = len(step.data) - 1
        for at in range(len(step.data)):
            ends = tuple([1 for end in step.ends if end == at + 1])
            in_head = int(at < step.head)
            yield Send(step.data[at : at + 1], ends, in_head, step.last and at == last, alone=True)
