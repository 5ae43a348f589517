"""Framings: events to bytes and back."""

from __future__ import annotations

import json
from typing import Any, List

import pytest
from cases import cases
from samples import (
    FORMS,
    GENERATE,
    STREAMED,
    answerer,
    ask,
    call_of,
    expressible,
    wire_of,
)

import mock_server as m


@pytest.mark.parametrize(
    "framing, data, event, expected",
    [
        (m.OPENAI_SSE, "hi", "", b"data: hi\n\n"),
        (m.OPENAI_SSE, "a\nb", "ping", b"event: ping\ndata: a\ndata: b\n\n"),
        (m.GOOGLE_SSE, "hi", "", b"data: hi\r\n\r\n"),
        (m.SSE("\r"), "hi", "", b"data: hi\r\r"),
        (m.OPENAI_SSE, "é\ud800", "", b"data: \xc3\xa9\\ud800\n\n"),
    ],
)
def test_an_event_is_framed_and_split_byte_for_byte(
    framing: m.SSE, data: str, event: str, expected: bytes
) -> None:
    assert framing.frame(data, event) == expected
    assert m.SSE.split(expected * 3) == [expected] * 3
    assert m.SSE.split(expected + b"data: cut") == [expected, b"data: cut"]
    assert m.SSE.data(framing.frame("a\nb")) == "a\nb"


def test_a_json_array_stream_is_one_json_value_and_splits_into_its_elements() -> None:
    for count in range(4):
        values = [{"n": number} for number in range(count)]
        sent = b"".join(m.GOOGLE_ARRAY.stream(("", value) for value in values))
        assert m.JsonArray.split(sent) == json.loads(sent) == values


FRAME = bytes.fromhex(  # wire formats, 10.1, verified with botocore
    "00000081000000526cc176930b3a6576656e742d7479706507000c6d657373616765537461727"
    "40d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d65737361"
    "67652d747970650700056576656e747b2270223a2261626364222c22726f6c65223a22617373697374616e74"
    "227df512a005"
)


def test_an_aws_event_is_framed_byte_for_byte_and_splits_back() -> None:
    begun = ("messageStart", {"role": "assistant", "p": "abcd"})
    assert list(m.AWS_EVENTS.stream([begun])) == [FRAME]
    headers = {
        ":event-type": "messageStart",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    assert m.EventStream.split(FRAME * 2) == [(headers, b'{"p":"abcd","role":"assistant"}')] * 2
    thrown = b"".join(m.AWS_EVENTS.stream([("throttlingException", {"message": "ü"})]))
    assert m.EventStream.split(thrown)[0][0][":exception-type"] == "throttlingException"


@pytest.mark.parametrize(
    "broken",
    [FRAME[:-1], FRAME[:5], FRAME[:20] + b"x" + FRAME[21:], FRAME[:3] + b"\x82" + FRAME[4:]],
)
def test_an_aws_event_that_is_cut_or_has_a_wrong_checksum_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError):
        m.EventStream.split(broken)


def test_lines_of_json_are_framed_and_split_byte_for_byte() -> None:
    sent = b"".join(m.NDJSON().stream([("", {"a": "ü\n"}), ("x", {"b": None})]))
    assert sent == '{"a":"ü\\n"}\n{"b":null}\n'.encode()
    assert m.NDJSON.split(sent) == [{"a": "ü\n"}, {"b": None}]


@cases("kind", STREAMED)
def test_every_frame_of_an_answer_is_one_event(kind: type) -> None:
    responses: List[Any] = [{"events": [{"a": 1}, {"b": "x"}]}]
    if kind in GENERATE:
        responses += [response for form, response in FORMS.items() if expressible(kind, form)]
    for said_so in responses:
        response = ask(answerer({"response": said_so}), kind, True)
        frames = list(response.frames or ())
        framing = wire_of(kind).framing(call_of(kind, True))
        split = framing.split(b"".join(frames))
        assert [one for frame in frames for one in framing.split(frame)] == split
        comments = [
            one for one in split if isinstance(one, bytes) and one[:1] == b":"
        ]  # they go with what follows
        assert len(split) - len(comments) == len(frames) > 0
