"""What tests of recordings and imports share: what is made is loaded, and asked."""

from __future__ import annotations

import json
import re
from typing import Any, Iterable, List, Tuple

from samples import answerer, bytes_of

import mock_server as m


def loaded(made: m.Made) -> m.ParsedMock:
    """A recording as it is read from files."""

    def read(name: str) -> bytes:
        if name not in made.files:
            raise FileNotFoundError(name)
        return made.files[name]

    spec = json.loads(made.files[made.mock])
    return m.parse_mock(m.MockNode.whole(spec, made.mock, read))


def replayed(made: m.Made, request: m.Request, **settings: Any) -> m.HttpResponse:
    """What the mock of a recording answers to a request."""
    assert not made.reason, made.reason
    answers = answerer(**settings)
    answers.mocks.files.index = m.Index([loaded(made)])
    answered = answers.answer(request)
    assert answered.mock == made.name, answered.note
    return answered.response


def told(finds: Iterable[m.Find], **how: Any) -> List[Tuple[str, str]]:
    """Where finds are, and why they can't be used: nothing, if they can."""
    return [(find.place, m.made_of_find(find, **how).reason) for find in finds]


def check_replays(find: m.Find, body: bytes, request: Any = None) -> m.Made:
    """A find is what is answered to its request, or to this one, in the same bytes."""
    assert find.capture and not find.reason, (find.place, find.reason)
    assert find.capture.body == body, find.place
    made = m.made_of_find(find)
    request = request or find.capture.request
    response = replayed(made, request)
    kept = re.sub(rb'"req_\w+"', b'"***"', body)  # Groq's ids of requests
    assert (response.status, bytes_of(response)) == (find.capture.status, kept), find.place
    assert m.doubts_about([loaded(made)]) == [], find.place
    return made
