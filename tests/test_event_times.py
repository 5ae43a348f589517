"""The pace of a recording: the file of times beside its events, and what goes before it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from samples import answerer, ask

import mock_server as m

SSE = b'data: {"a":1}\n\n: a comment\n\ndata: [DONE]\n\n'
LINES = b'{"a":1}\n{"b":2}\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
# A chunk ends inside an event.
CHUNKS = b"7\r\ndata: 1\r\n9\r\n\n\ndata: 2\r\n2\r\n\n\n\r\n0\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS
RECORDED = {"events": "@r/e.sse", "pace": "recorded"}


def mock_with(files: Any, response: Any) -> m.ParsedMock:
    """A mock that names files."""

    def read(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(name)
        value = files[name]
        return value if isinstance(value, bytes) else json.dumps(value).encode()

    return m.parse_mock(m.MockNode.whole({"response": response}, "a.json#1", read))


@pytest.mark.parametrize(
    "name, data, times",
    [
        ("r/e.sse", SSE, [0.5, 0.25, 0]),
        ("r/e.jsonl", LINES, [0.5, 1]),
        ("r/e.http", HEAD + b"\r\n" + SSE, [0.5, 0.25, 1]),
        ("r/e.http", CHUNKED, [0.5, 0.25]),
        ("r/e.sse", b"data: 1", [3]),
    ],
)
def test_events_come_as_the_times_beside_them_say(name: str, data: bytes, times: Any) -> None:
    files = {name: data, "r/e.times.json": times}
    (answer,) = mock_with(files, {"events": f"@{name}", "pace": "recorded"}).answers
    wanted = m.Pace(times[0], gaps=tuple(times[1:]), is_recorded=True)
    assert answer.delivery.pace == wanted


@pytest.mark.parametrize(
    "response, times, problem",
    [
        (RECORDED, None, 'no file "r/e.times.json" in the data directory, which says when each'),
        (RECORDED, b"[1,", "r/e.times.json is not JSON: "),
        (RECORDED, {"a": 1}, "r/e.times.json: expected an array of seconds, one for each event"),
        (RECORDED, [1, "2", 3], "r/e.times.json: expected an array of seconds, one for each event"),
        (RECORDED, [0, 1, -1], "r/e.times.json: [2]: expected seconds from 0 to 3600, found -1"),
        (RECORDED, [0, 1, 3601], "r/e.times.json: [2]: expected seconds from 0 to 3600, found"),
        (RECORDED, [], "r/e.times.json has times of 0 events, and there are 3"),
        (RECORDED, [1, 2], "r/e.times.json has times of 2 events, and there are 3"),
        (RECORDED, [1, 2, 3, 4], "r/e.times.json has times of 4 events, and there are 3"),
        ({"events": "data: 1\n\n", "pace": "recorded"}, [1], "these are in no file"),
        ({"events": [1], "pace": "recorded"}, [1], "these are in no file"),
        ({"text": "Hi", "pace": "recorded"}, [1], 'is that of recorded "events", and there are'),
        ({"raw": "Hi", "pace": "recorded"}, [1], 'is that of recorded "events", and there are'),
        ({"body": {}, "pace": "recorded"}, [1], 'is that of recorded "events", and there are'),
        ({"error": "no", "pace": "recorded"}, [1], 'is that of recorded "events", and there are'),
        ({**RECORDED, "fault": "reset"}, [1, 2, 3], "has no effect: a reset sends nothing"),
    ],
)
def test_times_that_are_not_there_or_do_not_fit_are_refused(
    response: Any, times: Any, problem: str
) -> None:
    files = {"r/e.sse": SSE}
    if times is not None:
        files["r/e.times.json"] = times
    with pytest.raises(m.BadMock) as caught:
        mock_with(files, response)
    assert "response.pace: " in str(caught.value) and problem in str(caught.value)


def test_a_pace_that_is_given_goes_before_that_of_a_recording_and_no_other() -> None:
    own = m.Delivery(pace=m.Pace(between=2))
    recorded = m.Delivery(pace=m.Pace(1, gaps=(2,), is_recorded=True))
    for given, of_own, of_recording, of_none in (
        (None, own.pace, recorded.pace, None),
        (0.0, own.pace, m.Pace(), None),
        (3.0, own.pace, m.Pace(between=3), m.Pace(between=3)),
    ):
        answers = answerer(pace=given)
        assert answers.drawn(own, "a").pace == of_own
        assert answers.drawn(recorded, "a").pace == of_recording
        assert answers.drawn(m.Delivery(), "a").pace == of_none


def test_a_header_names_no_file_of_times() -> None:
    for spec in ({"pace": "recorded"}, {"events": "data: 1\n\n", "pace": "recorded"}):
        asked = {"x-mock-response": json.dumps(spec)}
        response = ask(answerer({"response": {"text": "Hi"}}), m.OpenAIChat, headers=asked)
        assert response.status == 400 and b"is found beside a file of events" in response.body


def test_a_recording_keeps_its_rhythm_and_its_bytes_where_more_is_done_to_it() -> None:
    files = {"r/e.sse": SSE, "r/e.times.json": [1, 2, 3]}
    for more in ({"gate": 1}, {"keepalive": {"every": 1.5}}, {"wire": "crlf"}):
        (answer,) = mock_with(files, {**RECORDED, **more}).answers
        assert answer.delivery.pace and answer.delivery.pace.gaps == (2.0, 3.0)
