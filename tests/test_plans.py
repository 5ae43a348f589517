"""X"""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from typing import Any, List, Optional, Sequence

import pytest
from clients import chat
from samples import GENERATE, answerer, ask, call_of, wire_of

import mock_server as m
from mock_server import MockServer


def unplanned(sends: Sequence[bytes]) -> bytes:
    """The body of a chunked answer as a client reads it, whatever pieces it came in."""
    data = b"".join(sends)
    head, _, body = data.partition(b"\r\n\r\n")
    reader = m.ChunkedBody(10**9)
    assert reader.feed(body) and not reader.rest
    plain = bytes(reader.pieces)
    return gzip.decompress(plain) if b"Content-Encoding: gzip" in head else plain


def read_events(kind: type, body: bytes) -> Any:
    """The events of a stream, by the rules of its framing, whatever the line ends, comments and spaces."""
    framing = wire_of(kind).framing(call_of(kind, True))
    if not isinstance(framing, m.SSE):
        return framing.split(body)
    events: List[Any] = []
    name, data = "", []
    for line in re.split(rb"\r\n|\n|\r", body):
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if not line and data:
            events.append((name, b"\n".join(data)))
            name, data = "", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode()
    assert not data
    return events


@pytest.mark.parametrize("kind", GENERATE)
@pytest.mark.parametrize("plan", m.WIRE_PLANS)
def test_no_wire_plan_changes_what_is_read(kind: type, plan: str) -> None:
    usual = ask(answerer({"response": SHORT}), kind, True)
    planned = ask(answerer({"response": {**SHORT, "wire": plan}}), kind, True)
    for wire in (m.Wire(accept_encoding="gzip"), m.Wire()):
        sends = [step.data for step in m.steps(planned, wire) if isinstance(step, m.Send)]
        expected = [step.data for step in m.steps(usual, wire) if isinstance(step, m.Send)]
        assert read_events(kind, unplanned(sends)) == read_events(kind, unplanned(expected))
        idle = {"event", *(["crlf"] if issubclass(kind, m.GeminiGenerate) else [])}
        idle |= set() if wire.accept_encoding else {"gzip-event", "gzip-block", "gzip-members"}
        if isinstance(wire_of(kind).framing(call_of(kind, True)), m.SSE):
            assert (sends[1:] == expected[1:]) == (plan in idle)
        assert sum(
            step.events for step in m.steps(planned, wire) if isinstance(step, m.Send)
        ) == len(list(planned.frames or ()))


@pytest.mark.parametrize("plan", m.WIRE_PLANS)
def test_a_planned_stream_reads_the_same_in_every_split(plan: str) -> None:
    events = [{"type": "message_start", "a": "ü 東"}, {"type": "ping"}, {"type": "message_stop"}]
    response = ask(
        answerer({"response": {"events": events, "wire": plan}}), m.AnthropicMessages, True
    )
    data = b"".join(
        step.data
        for step in m.steps(response, m.Wire(accept_encoding="gzip"))
        if isinstance(step, m.Send)
    )
    body = data[data.index(b"\r\n\r\n") + 4 :]
    whole = m.ChunkedBody(10**9)
    assert whole.feed(body)
    for at in range(len(body)):
        reader = m.ChunkedBody(10**9)
        reader.feed(body[:at])
        assert reader.feed(body[at:]) and reader.pieces == whole.pieces, f"cut at {at}"


def pieces_of(plan: Any, frames: Sequence[bytes], accept: Optional[str] = None) -> List[bytes]:
    """What is written after the head."""
    parsed = m.parse_plan(plan, "x")
    made = m.Response(
        200, (), frames=tuple(frames), delivery=m.Delivery(wire=parsed), may_gzip=False
    )
    return [
        step.data
        for step in m.steps(made, m.Wire(accept_encoding=accept))
        if isinstance(step, m.Send)
    ][1:]


@pytest.mark.parametrize(
    "plan, frames, expected",
    [
        ("event", [b"a\n\n", b"b\n\n"], [b"3\r\na\n\n\r\n", b"3\r\nb\n\n\r\n", b"0\r\n\r\n"]),
        ("whole", [b"a\n\n", b"b\n\n"], [b"6\r\na\n\nb\n\n\r\n", b"0\r\n\r\n"]),
        ({"coalesce": 2}, [b"a", b"b", b"c"], [b"2\r\nab\r\n", b"1\r\nc\r\n", b"0\r\n\r\n"]),
        ({"split": 2}, [b"abc"], [b"2\r\nab\r\n", b"1\r\nc\r\n", b"0\r\n\r\n"]),
        ("byte", [b"ab"], [b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n"]),
        ("utf8", ["aü".encode()], [b"2\r\na\xc3\r\n", b"1\r\n\xbc\r\n", b"0\r\n\r\n"]),
        ("eol", [b"a\r\n\r\n"], [b"2\r\na\r\r\n", b"2\r\n\n\r\r\n", b"1\r\n\n\r\n", b"0\r\n\r\n"]),
        ("eol", [b"a\n\n"], [b"2\r\na\n\r\n", b"1\r\n\n\r\n", b"0\r\n\r\n"]),
        ("extensions", [b"a"], [b'1;wire="plan"\r\na\r\n', b'0;wire="plan"\r\n\r\n']),
        ("trailers", [b"a"], [b"1\r\na\r\n", b"0\r\nX-Mock-Trailer: the end\r\n\r\n"]),
        (
            {"split": 1, "trailers": True},
            [b"ab"],
            [b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\nX-Mock-Trailer: the end\r\n\r\n"],
        ),
    ],
)
def test_a_plan_cuts_the_stream_like_this(plan: Any, frames: Any, expected: Any) -> None:
    assert pieces_of(plan, frames) == expected


@pytest.mark.parametrize(
    "plan, frame, expected",
    [
        ({"eol": "\r\n"}, b"event: x\ndata: a\n\n", b"event: x\r\ndata: a\r\n\r\n"),
        ({"eol": "\r"}, b"data: a\r\n\r\n", b"data: a\r\r"),
        ({"eol": "\n"}, b"data: a\r\n\r\n", b"data: a\n\n"),
        ({"no_space": True}, b'event: x\ndata: {"a": 1}\n\n', b'event:x\ndata:{"a": 1}\n\n'),
        ({"no_space": True}, b"data: a\r\n\r\n", b"data:a\r\n\r\n"),
        ({"comments": True}, b"data: a\r\n\r\n", b": comment\r\n\r\ndata: a\r\n\r\n"),
        (
            {"comments": True, "eol": "\r", "no_space": True},
            b"event: x\ndata: a\n\n",
            b": comment\r\revent:x\rdata:a\r\r",
        ),
    ],
)
def test_a_plan_writes_an_event_like_this(plan: Any, frame: bytes, expected: bytes) -> None:
    assert m.SSE.recut(frame, m.parse_plan(plan, "x")) == expected


def test_gzip_plans_flush_each_event_or_none_or_begin_anew() -> None:
    frames = [b"data: %d\n\n" % number for number in range(20)]
    by_event, block, members = (
        pieces_of({"gzip": mode}, frames, "gzip") for mode in ("event", "block", "members")
    )
    assert len(by_event) == 22 and len(block) <= 3 and len(members) == 21
    for sends in (by_event, block, members):
        assert unplanned(
            [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", *sends]
        ) == b"".join(frames)
    assert sum(data.count(b"\x1f\x8b\x08") for data in members) == 20
    assert pieces_of({"gzip": "event"}, frames) == pieces_of(
        "event", frames
    )  # not for a client that takes none


def test_a_whole_answer_can_be_split_too_and_a_plan_goes_with_pace_and_gate(
    server: MockServer, raw: Any
) -> None:
    server.mock(response={**SHORT, "wire": "byte"})
    data, _ = everything(server)
    assert data.split(b"\r\n\r\n")[1] == intact(False).split(b"\r\n\r\n")[1]
    made = ask(
        answerer(
            {"response": {**SHORT, "wire": {"coalesce": 2}, "pace": {"first": 1, "between": 2}}}
        ),
        m.OpenAIChat,
        True,
    )
    waits = [step.seconds for step in m.steps(made, m.Wire()) if isinstance(step, m.Wait)]
    assert waits == [3.0, 4.0, 4.0]
    held = list(m.steps(replace(made, delivery=replace(made.delivery, gate=True)), m.Wire()))
    assert sum(isinstance(step, m.Hold) for step in held) == 5
    assert chat(server.port, headers={"X-Mock-Response": '{"wire": "utf8"}'})[1] == SHORT["text"]
