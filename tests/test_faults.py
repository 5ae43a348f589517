"""Faults: exactly which bytes go out and how the connection ends, for streams and whole answers."""

from __future__ import annotations

import json
import zlib
from typing import Any, Callable, Iterable, List, Optional, Tuple

import pytest
from cases import cases
from samples import STREAMED, answerer, ask, bytes_of, call_of, steps_of, wire_of

import mock_server as m

SHORT = {"text": "Grüße an 東京", "usage": {"input_tokens": 9, "output_tokens": 2}}
EACH = {"wire": "event"}  # each event is a write
CUT, RESET, KEPT, HANG = m.Cut("close"), m.Cut("reset"), m.Cut("kept"), m.Hang()


def made_of(more: Any, stream: bool, minor: int = 1) -> List[Any]:
    """The steps of a short answer, with more said of it."""
    response = ask(answerer({"response": {**SHORT, **more}}), m.OpenAIChat, stream)
    return steps_of(response, minor=minor)


def data_of(steps: Iterable[Any]) -> bytes:
    """All bytes that are sent."""
    return b"".join(step.data for step in steps if isinstance(step, m.Send))


def test_every_fault_is_known_by_name() -> None:
    assert set(m.FAULTS) == {
        *("reset", "close", "hang", "truncate", "malformed", "garbage", "bad_gzip", "drip")
    }


Expect = Callable[[bytes, List[bytes]], bytes]  # of the intact head, and the chunks or the body


def nothing(head: bytes, pieces: List[bytes]) -> bytes:
    return b""


def all_of_it(head: bytes, pieces: List[bytes]) -> bytes:
    return head + b"".join(pieces)


def events(count: int, then: bytes = b"") -> Expect:
    return lambda head, pieces: head + b"".join(pieces[:count]) + then


def half(head: bytes, pieces: List[bytes]) -> bytes:
    return head + pieces[0][: len(pieces[0]) // 2]


LAST = b"0\r\n\r\n"
FAULT_BYTES: List[Tuple[Any, bool, Expect, Any]] = [
    ({"fault": "reset"}, False, nothing, RESET),
    ({"fault": "reset"}, True, nothing, RESET),
    ({"fault": "reset", "after_events": 2}, True, events(2), RESET),
    ({"fault": "reset", "after_events": 0}, True, events(0), RESET),
    ({"fault": "reset", "after_events": 99}, True, events(-1), RESET),
    ({"fault": "close"}, False, nothing, CUT),
    ({"fault": "close"}, True, nothing, CUT),
    ({"fault": "close", "after_events": 2}, True, events(2), CUT),
    ({"fault": "close", "after_events": 2}, False, nothing, CUT),
    ({"fault": "garbage"}, False, lambda head, pieces: m.GARBAGE, CUT),
    ({"fault": "garbage", "after_events": 1}, True, events(1, m.GARBAGE), CUT),
    ({"fault": "hang"}, False, nothing, HANG),
    ({"fault": "hang", "after_events": 1}, True, events(1), HANG),
    ({"fault": "truncate"}, False, half, CUT),
    ({"fault": "truncate"}, True, events(3, LAST), KEPT),
    ({"fault": "truncate", "after_events": 1}, True, events(1, LAST), KEPT),
    ({"fault": "drip"}, False, all_of_it, None),
    ({"fault": "drip"}, True, all_of_it, None),
    ({"fault": "close", "probability": 1}, False, nothing, CUT),
]


@cases("fault, stream, expected, end", FAULT_BYTES)
def test_a_fault_sends_exactly_these_bytes_and_ends_the_connection_like_this(
    fault: Any, stream: bool, expected: Expect, end: Any
) -> None:
    head, *pieces = [step.data for step in made_of({"wire": "event"}, stream)]
    if not stream:
        head, _, body = head.partition(b"\r\n\r\n")
        head, pieces = head + b"\r\n\r\n", [body]
    made = made_of(fault, stream)
    assert data_of(made) == expected(head, pieces)
    ends = [step for step in made if isinstance(step, (m.Cut, m.Hang))]
    assert ends == ([end] if end else [])


CUT_UP = {"chunked": True, "split": 300}
CUT_OFF: List[Tuple[Any, int, Any]] = [  # how many writes of a whole body in chunks are sent
    ({"fault": "reset", "after_events": 2}, 3, RESET),
    ({"fault": "close", "after_events": 0}, 1, CUT),
    ({"fault": "close", "after_events": 99}, 4, CUT),
    ({"fault": "hang", "after_events": 1}, 2, HANG),
    ({"fault": "truncate", "after_events": 1}, 2, CUT),
    ({"fault": "garbage", "after_events": 1}, 2, CUT),
    ({"fault": "close", "after_pieces": 1}, 0, CUT),
]


def test_a_whole_body_in_chunks_is_cut_off_between_them() -> None:
    usual = [step.data for step in made_of({"wire": CUT_UP}, False)]
    assert len(usual) == 5 and usual[-1] == LAST
    for fault, count, end in CUT_OFF:
        made = made_of({**fault, "wire": CUT_UP}, False)
        data = data_of(made)
        if fault["fault"] == "garbage":
            data = data[: -len(m.GARBAGE)]
        assert data == b"".join(usual[:count]) and made[-1] == end, fault
    head, _, body = data_of(made_of({"fault": "truncate", "wire": "chunked"}, False)).partition(
        b"\r\n\r\n"
    )
    assert b"chunked" in head and not m.ChunkedBody(10**9).feed(body) and len(body) > 100
    split = made_of({"fault": "close", "after_events": 2, "wire": {"split": 300}}, False)
    assert len(data_of(split).partition(b"\r\n\r\n")[2]) == 600
    whole = made_of({"fault": "close", "after_events": 2}, False)
    assert whole == [CUT], "one write has no place inside it"


PAST_THE_END: List[Tuple[Any, Expect]] = [  # of six events
    ({"fault": "truncate"}, events(5, LAST)),
    ({"fault": "hang"}, events(-1)),
    ({"fault": "garbage"}, events(-1, m.GARBAGE)),
    (
        {"fault": "malformed"},
        lambda head, pieces: events(5)(head, pieces) + b"b\r\ndata: [DO\n\n" + b"\r\n" + LAST,
    ),
]


def test_a_fault_behind_the_end_of_a_stream_is_seen_at_its_end() -> None:
    head, *pieces = [step.data for step in made_of(EACH, True)]
    assert len(pieces) == 7
    for fault, expected in PAST_THE_END:
        for after in (6, 7, 99):
            made = made_of({**EACH, **fault, "after_events": after}, True)
            found = data_of(made)
            assert found == expected(head, pieces), (fault, after)
    sends = made_of({**EACH, "fault": "drip", "after_events": 99}, True)
    assert data_of(sends) == head + b"".join(pieces)
    assert [len(step.data) for step in sends[:6]] == [len(data) for data in [head, *pieces[:5]]]
    assert {len(step.data) for step in sends[6:]} == {1}
    _, *sends = made_of({**EACH, "fault": "bad_gzip", "after_events": 99}, True, minor=0)
    assert sends[-1].data == b"data: [DONE]\n\n"


def test_a_dripping_answer_comes_a_byte_a_write() -> None:
    made = m.HttpResponse(200, (), b"hello")
    (whole,) = steps_of(made)
    dripping = m.replace(made, delivery=m.Delivery(fault=m.Fault("drip")))
    sends = [step for step in steps_of(dripping) if isinstance(step, m.Send)]
    assert {len(step.data) for step in sends} == {1} and data_of(sends) == data_of([whole])
    assert isinstance(whole, m.Send) and sum(step.head for step in sends) == whole.head


def payload_of(kind: type, frame: bytes) -> Any:
    """The JSON text in a frame, which must itself be right."""
    framing = wire_of(kind).framing(call_of(kind, True))
    if isinstance(framing, m.EventStream):
        ((_, payload),) = framing.split(frame)  # its checksums are right
        return payload
    if isinstance(framing, m.SSE):
        assert frame.endswith((b"\n\n", b"\r\n\r\n"))
        return m.SSE.data(frame)
    return frame


@cases("kind", STREAMED)
def test_a_malformed_answer_holds_broken_json_and_is_fine_otherwise(kind: type) -> None:
    recorded = [
        {"type": "message_start", "delta": {"a": 1}},
        {"type": "ping", "delta": {"b": 2}},
        {"type": "message_stop", "delta": {"c": 3}},
    ]
    base = {"body": {"a": {"b": 1}}, "events": recorded}
    broken = answerer({"response": {**base, "fault": "malformed", "after_events": 1}})
    with pytest.raises(ValueError):
        json.loads(ask(broken, kind).body)
    good = list(ask(answerer({"response": base}), kind, True).frames or ())
    torn = list(ask(broken, kind, True).frames or ())
    assert len(good) == len(torn) and good[0] == torn[0] and good[2:] == torn[2:]
    with pytest.raises(ValueError):
        json.loads(payload_of(kind, torn[1]))


def test_recorded_frames_and_json_arrays_can_be_malformed_too() -> None:
    frame = b'event: x\ndata: {"a": {"b": [1, 2, 3]}}\n\n'
    torn = m.SSE.tear(frame)
    assert torn.startswith(b"event: x\ndata: ") and torn.endswith(b"\n\n")
    assert len(torn) < len(frame)
    answers = answerer({"response": {**SHORT, "fault": "malformed"}})
    array = bytes_of(ask(answers, m.GeminiGenerate, True, query={"alt": "json"}))
    with pytest.raises(ValueError):
        json.loads(array)


@pytest.mark.parametrize("stream", [False, True])
def test_bad_gzip_says_gzip_and_is_not(stream: bool) -> None:
    head, _, body = data_of(made_of({"fault": "bad_gzip"}, stream)).partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head and b"chatcmpl-" in body and b"\x1f\x8b" not in body


def test_bad_gzip_after_some_events_begins_as_gzip() -> None:
    _, *sends = made_of({**EACH, "fault": "bad_gzip", "after_events": 2}, True, minor=0)
    unpacker = zlib.decompressobj(31)
    assert unpacker.decompress(data_of(sends[:2])).count(b"data: ") == 2
    assert sends[2].data.startswith(b"data: ")


@pytest.mark.parametrize("fault, end", [("truncate", CUT), ("close", CUT), ("reset", RESET)])
def test_faults_go_with_gzip(fault: str, end: m.Cut) -> None:
    _, *sends, last = made_of(
        {**EACH, "gzip": "always", "fault": fault, "after_events": 3}, True, minor=0
    )
    unpacker = zlib.decompressobj(31)
    assert unpacker.decompress(data_of(sends)).count(b"data: ") == 3 and not unpacker.eof
    assert last == end


def kinds_of(answers: m.Answerer, times: int, **more: Any) -> List[Optional[str]]:
    """The faults of several answers."""
    found = [ask(answers, m.OpenAIChat, **more).delivery.fault for _ in range(times)]
    return [fault.kind if fault else None for fault in found]


def test_a_fault_by_probability_is_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> List[Optional[str]]:
        mock = {"response": {"text": "x", "fault": "close", "probability": 0.5}}
        return kinds_of(answerer(mock, seed=seed), 60)

    assert drawn(1) == drawn(1) != drawn(2) and 15 < drawn(1).count("close") < 45


def test_faults_come_from_responses_in_turn_and_from_a_header() -> None:
    answers = answerer({"responses": [{"fault": "close"}, {"fault": "reset"}, {"text": "x"}]})
    assert kinds_of(answers, 3) == ["close", "reset", None]
    header = {"x-mock-response": '{"fault": "hang"}'}
    assert kinds_of(answers, 1, headers=header) == ["hang"]
    assert kinds_of(answerer(), 1, headers=header) == ["hang"]


@pytest.mark.parametrize("after", [None, m.After(7)])
def test_of_a_long_stream_that_is_malformed_no_more_is_made_than_is_asked_for(
    after: Any, monkeypatch: Any
) -> None:
    monkeypatch.setitem(m.tearing.__globals__, "MOST_COUNTED", 4)
    made: List[int] = []

    def frames() -> Any:
        for number in range(1000):
            made.append(number)
            yield b"%d" % number

    fault = m.Fault("malformed", after)
    torn = m.tearing(m.HttpResponse(200, (), frames=frames()), fault, lambda frame: b"torn")
    assert torn.frames
    rest = iter(torn.frames)
    begun = [next(rest)]
    assert len(made) < 5
    at = 2 if after is None else after.count
    assert begun + list(rest) == [b"torn" if n == at else b"%d" % n for n in range(1000)]
