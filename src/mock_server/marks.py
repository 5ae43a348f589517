"""Places in a stream, at which it waits, breaks or gives way, and how they are found.  Pure."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, List, Optional, Tuple, TypeVar, Union

from .records import record

Thing = TypeVar("Thing")


@record
class After:
    """A place in a stream: after so many of its events, or of its pieces of content."""

    count: int
    pieces: bool = False


class Hold:
    """A place in a stream that is passed only when its gate lets it.

    With a number of `seconds` it is left after so many: whoever made it sees then whether it was
    `passed`, and after how long, and makes another one if not."""

    __slots__ = ("seconds", "passed", "waited")

    def __init__(self, seconds: Optional[float] = None) -> None:
        self.seconds = seconds
        self.passed = True
        self.waited = 0.0


class Breath:
    """A place in what takes long to make, at which others have their turn."""


class Mark:
    """The place that a fault, a gate or an error is meant for."""


Frame = Union[bytes, Hold, Breath, Mark]
NOTHING_SENT = (Hold, Breath, Mark)  # in a stream, beside its events
ITEM_WORK = 1024  # bytes that are read in about the time that it takes to look at an item at all
BREATH_WORK = 256 * 1024  # as many bytes are looked at before others have their turn


def always(item: object) -> bool:
    """Yes."""
    return True


def marked(
    items: Iterable[Thing],
    after: After,
    is_piece: Callable[[Any], bool],
    leaves_one: bool = False,
) -> Iterator[Union[Thing, Mark, Breath]]:
    """A stream with a mark at a place, just before what comes there.

    After no piece at all is before the first.  In a stream that has fewer of them than were asked
    for it is after the last, so that it is always somewhere; with `leaves_one` an event follows."""
    counts: Callable[[Any], bool] = always
    if after.pieces:
        counts = is_piece
    elif not after.count:
        yield Mark()
        yield from items
        return
    rest = with_ends(items)
    waiting: List[Thing] = []  # since the last that counts: the mark may belong before them
    found = work = 0
    for item, is_last in rest:
        if isinstance(item, NOTHING_SENT) or not counts(item):
            waiting.append(item)
            work += ITEM_WORK + (len(item) if isinstance(item, bytes) else 0)
            if work > BREATH_WORK:
                yield Breath()
                work = 0
            continue
        yield from waiting
        waiting = []
        if found == after.count or (leaves_one and is_last):  # the first piece, or the last event
            yield Mark()
            yield item
            break
        yield item
        found += 1
        if found == after.count:
            yield from before_next(rest)
            break
    else:
        rest = iter([(item, False) for item in waiting])
        yield from before_next(rest)
    for item, _ in rest:
        yield item


def before_next(items: Iterator[Tuple[Thing, bool]]) -> Iterator[Union[Thing, Mark]]:
    """A mark before the next event, or at the end; of the stream as much as that takes."""
    for item, _ in items:
        if not isinstance(item, NOTHING_SENT):
            yield Mark()
            yield item
            return
        yield item
    yield Mark()


def with_ends(items: Iterable[Thing]) -> Iterator[Tuple[Thing, bool]]:
    """What is in a stream, each with whether it is the last event."""
    held: List[Thing] = []
    for item in items:
        if held and not isinstance(item, NOTHING_SENT):
            yield from ((one, False) for one in held)
            held = []
        held.append(item)
    yield from ((one, not isinstance(one, NOTHING_SENT)) for one in held)


def until(items: Iterable[Thing], after: After, is_piece: Callable[[Any], bool]) -> Iterator[Thing]:
    """What comes before a place in a stream."""
    for item in marked(items, after, is_piece):
        if isinstance(item, Mark):
            return
        if not isinstance(item, Breath):
            yield item


def gated(
    frames: Iterable[Frame], after: After, is_piece: Callable[[Any], bool]
) -> Iterator[Frame]:
    """Frames of which each behind a place waits to be released."""
    is_open = True
    for frame in marked(frames, after, is_piece):
        if isinstance(frame, Mark):
            is_open = False
            continue
        if not is_open and not isinstance(frame, NOTHING_SENT):
            yield Hold()
        yield frame
