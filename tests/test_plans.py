"""Wire plans: where a stream is cut, and that no plan changes what is read."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any, List, Optional, Sequence

import pytest
from cases import cases
from samples import STREAMED, answerer, ask, call_of, steps_of, wire_of

import mock_server as m

SHORT = {"text": "Grüße an 東京", "usage": {"input_tokens": 9, "output_tokens": 2}}


def unplanned(sends: Sequence[bytes]) -> bytes:
    """The body of a chunked answer as a client reads it, whatever pieces it came in."""
    data = b"".join(sends)
    head, _, body = data.partition(b"\r\n\r\n")
    reader = m.ChunkedBody(10**9)
    assert reader.feed(body) and not reader.rest
    plain = bytes(reader.pieces)
    return gzip.decompress(plain) if b"Content-Encoding: gzip" in head else plain


def read_events(kind: type, body: bytes) -> Any:
    """The events of a stream, whatever its line ends, comments and spaces."""
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


def sends_of(response: m.HttpResponse, accept: Optional[str] = None) -> List[bytes]:
    """What is written at once, the head first."""
    made = steps_of(response, accept)
    return [step.data for step in made if isinstance(step, m.Send)]


def test_every_plan_is_known_by_name() -> None:
    assert list(m.WIRE_PLANS) == [
        *("whole", "event", "byte", "utf8", "eol", "crlf", "cr", "comments", "no_space"),
        *("extensions", "trailers", "gzip-event", "gzip-block", "gzip-members", "coalesce"),
        *("chunked", "close"),
    ]


ARRAY = {"alt": "json"}
HEADS = ("chunked", "close")  # plans that change no more than the head of a stream
FRAMED = [  # a format a framing, and the plans that change nothing there, with gzip or without
    (m.OpenAIChat, {}, ["event", *HEADS]),
    (m.GeminiGenerate, {}, ["event", "crlf", *HEADS]),
    (m.GeminiGenerate, ARRAY, None),
    (m.AnthropicMessages, {}, ["event", *HEADS]),
    (m.BedrockConverse, {}, None),
    (m.OllamaChat, {}, None),
    (m.OpenRouterChat, {}, None),
]


def test_the_plans_are_tried_with_every_framing() -> None:
    def framing_of(kind: type, query: Any) -> m.Framing:
        return wire_of(kind).framing(call_of(kind, True, query=query))

    tried = {type(framing_of(kind, query)) for kind, query, _ in FRAMED}
    assert tried >= {type(framing_of(kind, {})) for kind in STREAMED}


@cases("plan", m.WIRE_PLANS)
@cases("accept", ["gzip", None])
def test_no_wire_plan_changes_what_is_read(plan: str, accept: Optional[str]) -> None:
    for kind, query, idle in FRAMED:
        check_plan(plan, accept, kind, query, idle)


def check_plan(
    plan: str, accept: Optional[str], kind: type, query: Any, idle: Optional[List[str]]
) -> None:
    """Hold a planned stream against the usual one."""
    usual = ask(answerer({"response": {**SHORT, "wire": "event"}}), kind, True, query=query)
    planned = ask(answerer({"response": {**SHORT, "wire": plan}}), kind, True, query=query)
    expected, sends = sends_of(usual, accept), sends_of(planned, accept)
    if query == ARRAY:
        assert json.loads(unplanned(sends)) == json.loads(unplanned(expected))
    else:
        assert read_events(kind, unplanned(sends)) == read_events(kind, unplanned(expected))
    events = [len(step.ends) for step in steps_of(planned) if isinstance(step, m.Send)]
    assert sum(events) == len(list(planned.frames or ()))
    if idle is not None:
        changes_nothing = plan in idle or (plan.startswith("gzip-") and not accept)
        assert (sends[1:] == expected[1:]) == changes_nothing


@cases("plan", m.WIRE_PLANS)
def test_a_planned_stream_reads_the_same_in_every_split(plan: str) -> None:
    events = [{"type": "message_start", "a": "ü 東"}, {"type": "ping"}, {"type": "message_stop"}]
    answers = answerer({"response": {"body": {}, "events": events, "wire": plan}})
    data = b"".join(sends_of(ask(answers, m.AnthropicMessages, True), "gzip"))
    body = data.partition(b"\r\n\r\n")[2]
    whole = m.ChunkedBody(10**9)
    assert whole.feed(body)
    for at in range(len(body)):
        reader = m.ChunkedBody(10**9)
        reader.feed(body[:at])
        assert reader.feed(body[at:]) and reader.pieces == whole.pieces, f"cut at {at}"


def pieces_of(plan: Any, frames: Sequence[bytes], accept: Optional[str] = None) -> List[bytes]:
    """What is written after the head."""
    delivery = m.Delivery(plan=m.parse_plan(m.Node(plan)))
    made = m.HttpResponse(200, (), frames=tuple(frames), delivery=delivery, may_gzip=False)
    return sends_of(made, accept)[1:]


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
        ({"comments": False}, b"data: a\n\n", b"data: a\n\n"),
        ({"comments": "x: y\nü \n"}, b"data: a\n\n", b": x: y\n: \xc3\xbc \n:\n\ndata: a\n\n"),
        ({"comments": ""}, b"data: a\n\n", b":\n\ndata: a\n\n"),
        (
            {"comments": True, "eol": "\r", "no_space": True},
            b"event: x\ndata: a\n\n",
            b": comment\r\revent:x\rdata:a\r\r",
        ),
    ],
)
def test_a_plan_writes_an_event_like_this(plan: Any, frame: bytes, expected: bytes) -> None:
    assert m.relined_event(frame, m.parse_plan(m.Node(plan))) == expected


def test_gzip_plans_flush_each_event_or_none_or_begin_anew() -> None:
    frames = [b"data: %d\n\n" % number for number in range(20)]
    modes = ("event", "block", "members")
    by_event, block, members = (pieces_of({"gzip": mode}, frames, "gzip") for mode in modes)
    assert len(by_event) == 22 and len(block) <= 3 and len(members) == 21
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    for sends in (by_event, block, members):
        assert unplanned([head, *sends]) == b"".join(frames)
    assert sum(data.count(b"\x1f\x8b\x08") for data in members) == 20


def test_a_client_that_takes_no_gzip_gets_none_by_a_plan() -> None:
    frames = [b"data: 1\n\n", b"data: 2\n\n"]
    assert pieces_of({"gzip": "event"}, frames) == pieces_of("event", frames)


@pytest.mark.parametrize("plan", ["byte", "utf8"])
def test_a_whole_answer_can_be_split_too(plan: str) -> None:
    usual = sends_of(ask(answerer({"response": SHORT}), m.OpenAIChat))
    planned = sends_of(ask(answerer({"response": {**SHORT, "wire": plan}}), m.OpenAIChat))
    assert len(planned) > len(usual) == 1 and b"".join(planned) == usual[0]


def test_a_plan_goes_with_pace_and_gate() -> None:
    mock = {**SHORT, "wire": {"coalesce": 2}, "pace": {"first": 1, "between": 2}}
    made = ask(answerer({"response": mock}), m.OpenAIChat, True)
    waits = [step.seconds for step in steps_of(made) if isinstance(step, m.Wait)]
    assert waits == [3.0, 4.0, 4.0]
    held = m.replace(made, delivery=m.replace(made.delivery, gate=m.After(1)))
    assert sum(isinstance(step, m.Hold) for step in steps_of(held)) == 5


def test_a_request_may_ask_for_a_plan() -> None:
    found = ask(
        answerer({"response": SHORT}), m.OpenAIChat, headers={"x-mock-response": '{"wire": "byte"}'}
    )
    assert len(sends_of(found)) > 100 and found.delivery.plan == m.WIRE_PLANS["byte"]


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
CHUNKED: List[Any] = [  # what a whole body of `hello` is sent as
    ("chunked", {}, [HEAD + b"\r\n5\r\nhello\r\n0\r\n\r\n"]),
    (
        {"chunked": True, "split": 3},
        {},
        [HEAD + b"\r\n", b"3\r\nhel\r\n", b"2\r\nlo\r\n", b"0\r\n\r\n"],
    ),
    (
        {"chunked": True, "trailers": True, "chunk_extensions": True},
        {},
        [
            HEAD + b'Trailer: X-Mock-Trailer\r\n\r\n5;wire="plan"\r\nhello\r\n0;wire="plan"\r\n'
            b"X-Mock-Trailer: the end\r\n\r\n"
        ],
    ),
    ("chunked", {"head_only": True}, [HEAD + b"\r\n"]),
    (
        "chunked",
        {"minor": 0},
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"],
    ),
    (
        "close",
        {},
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"],
    ),
    (
        "close",
        {"minor": 0},
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"],
    ),
]


def test_a_whole_body_may_go_in_chunks_and_end_the_connection() -> None:
    for plan, exchange, expected in CHUNKED:
        delivery = m.Delivery(plan=m.parse_plan(m.Node(plan)))
        made = m.HttpResponse(200, (), b"hello", delivery=delivery, may_gzip=False)
        sends = [step.data for step in steps_of(made, **exchange) if isinstance(step, m.Send)]
        assert sends == expected, (plan, exchange)
        for status in (204, 304):
            (head,) = steps_of(m.replace(made, status=status), **exchange)
            assert isinstance(head, m.Send) and b"chunked" not in head.data
            assert b"hello" not in head.data and b"Length" not in head.data
        empty = b"".join(step.data for step in steps_of(m.replace(made, body=b""), **exchange))
        assert empty.count(b"0\r\n") <= 1 or b"Length" in empty
    zipped = ask(
        answerer({"response": {**SHORT, "wire": "chunked", "gzip": "always"}}), m.OpenAIChat
    )
    usual = ask(answerer({"response": SHORT}), m.OpenAIChat)
    assert unplanned(sends_of(zipped)) == usual.body
