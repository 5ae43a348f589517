"""What is recorded can always be read back: made of a capture, loaded as all mocks are, and sent."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterable, List, Optional, Tuple

import mock_server as m
import pytest
from samples import SAMPLES, answerer, bytes_of, request_of, wire_of

GOES = "text/event-stream"
KEPT = (("retry-after", "3"), ("x-ratelimit-remaining-tokens", "7"))

# Bodies that no provider is likely to send, and their types.
SSE_BODIES = [
    b"data: one\r\n\r\ndata: two\r\n\r\n",
    b'data: {"a":1}\r\rdata: [DONE]\r\r',
    b": hello\n\nid: 7\nretry: 10\nevent: a\ndata: 1\ndata: 2\n\n",
    b'\xef\xbb\xbfdata: {"a": 1}\n\n',
    b'data: {"a": 1}\n\ndata: {"b"',  # cut off
    b"data: \xff\xfe\n\n",  # no UTF-8
    b'{"no": "event"}',
    b"[1, 2]",
    b"no event at all",
    b"\n\n\n",
    b"HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n",
]
WHOLE_BODIES = [
    b"{}",
    b' {"a": 1}\n',
    b'{"a": 1, "a": 2}',
    b'{"cut": ',
    b"\xef\xbb\xbf{}",
    b'{"a": NaN}',
    b"[" * 2000 + b"]" * 2000,
    b'{"text": "\\ud800 \xc3\xa9"}',
    b"\x00\x01\xff",
    b"",
    b"<html>no</html>",
    b"HTTP/1.1 200 OK\r\n\r\n{}",
    b'[{"a": 1},\n{"b": 2}]',
    b'{"a": 1}\n\n{"b": 2}\r\n\n{"c"',
]
TYPES = [
    "application/json",
    "application/json; charset=utf-8",
    "application/problem+json",
    "text/plain; charset=utf-8",
    "text/html",
    "audio/mpeg",
    "image/png",
    "application/octet-stream",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    GOES,
    "",
]


def read_call(request: m.Request) -> Tuple[m.WireFormat, m.Call]:
    """A request as the server reads it."""
    try:
        wire, params = m.route(request)
    except m.Refused:
        wire = m.other_like(m.shape_of(request))
        return wire, wire.read(request, {}, wire.body(request))
    return wire, wire.read(request, params, m.Answerer.body(wire, request))


def made(request: m.Request, body: bytes, kind: str = "", status: int = 200, **more: Any) -> m.Made:
    """The recording of an answer to a request."""
    headers = (("Content-Type", kind),) if kind else ()
    wire, call = read_call(request)
    return m.made_of(wire, call, m.Capture(request, status, (*headers, *KEPT), body, **more))


def loaded(recording: m.Made) -> m.Mock:
    """A recording as it is read from files."""

    def read(name: str) -> bytes:
        if name not in recording.files:
            raise FileNotFoundError(name)
        return recording.files[name]

    spec = json.loads(recording.files[recording.mock])
    return m.parse_mock(m.MockNode.whole(spec, recording.mock, read))


def replayed(recording: m.Made, request: m.Request, **settings: Any) -> m.Response:
    """What the mock of a recording answers to a request."""
    answers = answerer(**settings)
    answers.mocks.files.index = m.Index([loaded(recording)])
    answered = answers.answer(request)
    assert answered.mock == recording.name, answered.note
    return answered.response


def type_in(response: m.Response) -> str:
    return m.content_type_in(response.headers)


def arrivals_of(frames: Iterable[bytes]) -> Tuple[m.Arrival, ...]:
    """Events that came a quarter of a second after each other."""
    size, found = 0, []
    for number, frame in enumerate(frames):
        size += len(frame)
        found.append(m.Arrival(0.5 + number / 4, size))
    return tuple(found)


def check_same(recording: m.Made, request: m.Request, status: int, kind: str, body: bytes) -> None:
    """What is recorded is answered: the status, the type and the very bytes."""
    assert not recording.reason, (recording.reason, request.path)
    response = replayed(recording, request)
    assert (response.status, type_in(response)) == (status, kind), request.path
    assert bytes_of(response) == body, request.path
    assert m.doubts_about([loaded(recording)]) == []


def ways_of_sample(kind: type) -> List[bool]:
    return [False, True] if SAMPLES[kind][2] else [False]


def test_what_each_api_answers_whole_and_streamed_is_answered_again() -> None:
    for kind in SAMPLES:
        for stream in ways_of_sample(kind):
            request = request_of(kind, stream)
            given = answerer(fallback="echo").answer(request).response
            body = bytes_of(given)
            if wire_of(kind).operation in m.ISSUING:
                reason = made(request, body, type_in(given)).reason
                assert reason == "what issues credentials is never saved"
                continue
            more: Dict[str, Any] = {}
            if given.frames is not None:
                more["arrivals"] = arrivals_of(given.frames)
            recording = made(request, body, type_in(given), given.status, **more)
            check_same(recording, request, given.status, type_in(given), body)
            if given.frames is not None and given.status == 200:
                pace = loaded(recording).answers[0].delivery.pace
                assert pace and pace.first == 0.5
                assert pace.first + sum(pace.gaps) == more["arrivals"][-1].seconds


ASKED = [
    *(request_of(kind, True) for kind in (m.OpenAIChat, m.OllamaChat, m.BedrockConverse)),
    request_of(m.GeminiGenerate, True, query={"alt": "json"}),
    request_of(m.OpenAISpeech),
    request_of(m.OpenAIModels),
    m.Request("POST", "/fal-ai/flux", {}, {}, b"{}", 5001),
]


def test_whatever_comes_is_answered_again_to_the_byte() -> None:
    for request in ASKED:
        for body in [*SSE_BODIES, *WHOLE_BODIES]:
            for kind in TYPES:
                more = {"arrivals": (m.Arrival(1.0, len(body) // 2), m.Arrival(2.0, len(body)))}
                recording = made(request, body, kind, **more)
                check_same(recording, request, 200, kind, body)
