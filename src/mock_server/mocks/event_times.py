"""Times of recorded events: a file beside them says when each came.  Pure."""

from __future__ import annotations

from typing import Tuple

from ..deliveries import Pace
from ..errors import shown
from ..jsons import fits, parse_json
from ..outcomes import Recorded
from ..records import replace
from .answer import Answer
from .recordings import MockNode
from .stream_texts import TEXT_CUTS, framing_of_answer

TIMES_EXTENSION = ".times.json"  # in place of that of the events' file
LONGEST_PAUSE = 3600  # seconds


def at_recorded_pace(response: MockNode, answer: Answer) -> Answer:
    """A recorded answer with the pace at which its events came, of which its delivery only says
    that it has it."""
    node, events = response.get("pace"), response.get("events")
    form, name = answer.form, events.value
    if not isinstance(form, Recorded) or events.is_absent:
        node.fail('is that of recorded "events", and there are none')
    if not isinstance(name, str) or not name.startswith("@"):
        node.fail("is found beside a file of events, and these are in no file")
    form = cut_at_events(form)
    file = name[1:].rpartition(".")[0] + TIMES_EXTENSION
    data = node.stored(file)
    if data is None:
        node.fail(f"no file {shown(file)} in the data directory, which says when each event came")
    times = read_times(node, file, data)
    number = events_in(form)
    if not times or len(times) != number:
        node.fail(f"{file} has times of {len(times)} events, and there are {number}")
    pace = Pace(times[0], gaps=times[1:], is_recorded=True)
    return replace(answer, form=form, delivery=replace(answer.delivery, pace=pace))


def read_times(node: MockNode, file: str, data: bytes) -> Tuple[float, ...]:
    """The seconds in a file: before the first event, then after each but the last."""
    try:
        value = parse_json(data)
    except ValueError as error:
        node.fail(f"{file} is not JSON: {error}")
    if not isinstance(value, list) or not all(fits(one, "a number") for one in value):
        node.fail(f"{file}: expected an array of seconds, one for each event, found {shown(value)}")
    for at, seconds in enumerate(value):
        if not 0 <= seconds <= LONGEST_PAUSE:
            problem = f"expected seconds from 0 to {LONGEST_PAUSE}, found {shown(seconds)}"
            node.fail(f"{file}: [{at}]: {problem}")
    return tuple(map(float, value))


def cut_at_events(form: Recorded) -> Recorded:
    """The same with the stream of a transcript cut at its events, whatever its chunks were; what
    is compressed stays as it is."""
    original = form.stream
    if original is None or original.is_coded:
        return form
    kind = framing_of_answer(original)
    if not kind:
        return form
    return replace(form, stream=replace(original, frames=tuple(TEXT_CUTS[kind](original.body))))


def events_in(form: Recorded) -> int:
    """How many events a recorded stream has, as far as it says them itself."""
    if form.stream:
        return len(form.stream.frames or ())
    return len(form.frames or form.values)
