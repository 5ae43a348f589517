"""The header X-Mock-Response: the answer that a request brings along.  Pure."""

from __future__ import annotations

import functools
from typing import Callable, Mapping, Optional, Tuple

from .deliveries import Delivery
from .errors import BadMock, Refused
from .jsons import TwiceError, parse_json
from .limits import Json
from .mocks.answer import Answer
from .mocks.delivery import AFTER_KEYS, DELIVERY_KEYS, FAULT_KEYS, parse_delivery
from .mocks.reach import WAYS, check_answer
from .mocks.reading import parse_answer
from .mocks.recordings import MockNode, Unreadable
from .records import record, replace
from .values import Call

HEADER = "X-Mock-Response"
LONG_HEADER = 2048  # characters of one that is read anew each time: what is read takes more memory
TRAVEL_KEYS = frozenset((*DELIVERY_KEYS, *FAULT_KEYS, *AFTER_KEYS))
# The fields of a Delivery that keys of a response stand for, where they are called otherwise; what
# belongs to a fault is part of it.
DELIVERY_FIELDS: Mapping[str, str] = {
    "wire": "plan",
    "probability": "fault",
    "after_events": "fault",
    "after_pieces": "fault",
}


@record
class Brought:
    """What a request brings along: an answer, or how the matching mock's is to travel."""

    answer: Optional[Answer] = None
    delivery: Optional[Delivery] = None
    fields: Tuple[str, ...] = ()  # of the delivery, that the header sets

    @property
    def has_fault(self) -> bool:
        """Whether it breaks the answer of whoever gives one."""
        return self.answer is None and "fault" in self.fields

    def laid_over(self, delivery: Delivery) -> Delivery:
        """A delivery with what the header says of it in place of its own."""
        if not self.fields:
            return delivery
        return replace(delivery, **{name: getattr(self.delivery, name) for name in self.fields})


NOTHING = Brought()


def brought_along(call: Call, seed: int) -> Brought:
    """What the header of a request says.  Refused says what is wrong with it.

    An answer that loses its draw is as if it were not there.  The same header draws the same, so
    that the same request gets the same."""
    text = call.headers.get("x-mock-response")
    if text is None:
        return NOTHING
    read: Callable[[str], Brought] = known_header
    if len(text) > LONG_HEADER:
        read = header_read
    try:
        brought = read(text)
    except BadMock as error:
        raise Refused(400, str(error), code="bad_mock_response") from None
    except TwiceError as error:
        raise Refused(400, f"{HEADER}: {error}", code="bad_mock_response") from None
    except ValueError as error:
        message = f"{HEADER}: not JSON: {error}"
        raise Refused(400, message, code="bad_mock_response") from None
    if brought.answer and not brought.answer.wins(f"{seed}/header/0"):
        return NOTHING
    return brought


def header_read(text: str) -> Brought:
    """The text of the header, of which ValueError says that it is no JSON, BadMock what is wrong
    with it."""
    return read_header(parse_json(header_bytes(text), unique=True))


# A test sends the same header with each of its requests.
known_header = functools.lru_cache(maxsize=64)(header_read)


def header_bytes(text: str) -> bytes:
    """A header's value as the bytes that came: heads are read as Latin-1."""
    return text.encode("latin-1", "replace")


def read_header(spec: Json) -> Brought:
    """The JSON of the header: a `response`, or only keys that say how one travels."""
    node = MockNode.whole({"response": spec}, HEADER, no_file).get("response")
    if not isinstance(spec, dict) or not spec or not set(spec) <= TRAVEL_KEYS:
        answer = parse_answer(node, ())
        check_answer(node, answer, WAYS)  # as of a mock that answers whatever is asked
        return Brought(answer)
    names = {DELIVERY_FIELDS.get(key, key) for key in map(str, spec)}
    delivery = parse_delivery(node)
    if delivery.pace and delivery.pace.is_recorded:
        node.get("pace").fail("is found beside a file of events, and a header may name none")
    return Brought(delivery=delivery, fields=tuple(sorted(names)))


def no_file(name: str) -> bytes:
    """Refuses to read: a header may name no files."""
    raise Unreadable(f"@{name} is a file, and a header may name none; put it in a mock")
