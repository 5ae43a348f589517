"""X"""

from __future__ import annotations

import json
import re
import socket
import zlib
from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import pytest
from clients import ASK, STREAMING, Raw, chat, post
from samples import STREAMED, answerer, ask, bytes_of, call_of, wire_of

import mock_server as m
from mock_server import MockServer

SHORT = {"text": "Grüße an 東京", "usage": USAGE}


def everything(
    server: MockServer, body: Any = ASK, headers: Sequence[str] = (), patience: float = 10
) -> Tuple[bytes, str]:
    """All bytes that come back on a connection of its own, the date and the id left out, and how it ends: FIN, RST, kept (a
    second request is answered), or silent, with nothing for as long as patience lasts."""
    health = b'"service":"mock-provider"}'
    client = Raw(server).send(
        post(json.dumps(body).encode(), headers=list(headers)) + GET + b"\r\n"
    )
    client.sock.settimeout(patience)
    data, end = b"", "FIN"
    try:
        while not data.endswith(health):
            piece = client.sock.recv(65536)
            if not piece:
                break
            data += piece
        else:
            data, end = data[: data.rindex(b"HTTP/1.1 200 OK")], "kept"
    except ConnectionResetError:
        end = "RST"
    except socket.timeout:
        end = "silent"
    client.close()
    return re.sub(rb"(Date|X-Mock-Request-Id): [^\r]+\r\n", b"", data), end


def parts_of(data: bytes) -> Tuple[bytes, List[bytes]]:
    """A head, and the chunks of the body with their framing."""
    head, _, body = data.partition(b"\r\n\r\n")
    chunks = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        end = len(size) + 2 + int(size.partition(b";")[0], 16) + 2
        chunks.append(body[:end])
        body = body[end:]
    return head + b"\r\n\r\n", chunks


INTACT: Dict[Any, bytes] = {}


def intact(stream: bool, **more: Any) -> bytes:
    if (stream, repr(more)) not in INTACT:
        with MockServer() as server:
            server.mock(response={**SHORT, **more})
            INTACT[stream, repr(more)] = everything(server, STREAMING if stream else ASK)[0]
    return INTACT[stream, repr(more)]


def test_every_fault_has_its_steps_and_every_plan_is_known_by_name() -> None:
    assert set(m.FAULT_STEPS) == set(m.FAULTS)
    assert list(m.WIRE_PLANS) == [
        *(
            "whole",
            "event",
            "byte",
            "utf8",
            "eol",
            "crlf",
            "cr",
            "comments",
            "no_space",
            "extensions",
            "trailers",
            "gzip-event",
        ),
        *("gzip-block", "gzip-members", "coalesce"),
    ]


Expect = Callable[[bytes, bytes, List[bytes]], bytes]  # of all intact bytes, the head, the chunks

NOTHING: Expect = lambda all_, head, chunks: b""  # noqa: E731

FAULT_BYTES: List[Tuple[Any, bool, Expect, str]] = [
    ({"fault": "reset"}, False, NOTHING, "RST"),
    ({"fault": "reset"}, True, NOTHING, "RST"),
    (
        {"fault": "reset", "after_events": 2},
        True,
        lambda all_, head, chunks: head + b"".join(chunks[:2]),
        "RST",
    ),
    ({"fault": "reset", "after_events": 0}, True, lambda all_, head, chunks: head, "RST"),
    (
        {"fault": "reset", "after_events": 99},
        True,
        lambda all_, head, chunks: head + b"".join(chunks[:-1]),
        "RST",
    ),
    ({"fault": "close"}, False, NOTHING, "FIN"),
    ({"fault": "close"}, True, NOTHING, "FIN"),
    (
        {"fault": "close", "after_events": 2},
        True,
        lambda all_, head, chunks: head + b"".join(chunks[:2]),
        "FIN",
    ),
    ({"fault": "close", "after_events": 2}, False, NOTHING, "FIN"),
    ({"fault": "garbage"}, False, lambda all_, head, chunks: m.GARBAGE, "FIN"),
    (
        {"fault": "garbage", "after_events": 1},
        True,
        lambda all_, head, chunks: head + chunks[0] + m.GARBAGE,
        "FIN",
    ),
    ({"fault": "hang"}, False, NOTHING, "silent"),
    (
        {"fault": "hang", "after_events": 1},
        True,
        lambda all_, head, chunks: head + chunks[0],
        "silent",
    ),
    (
        {"fault": "truncate"},
        False,
        lambda all_, head, chunks: all_[: len(head) + (len(all_) - len(head)) // 2],
        "FIN",
    ),
    (
        {"fault": "truncate"},
        True,
        lambda all_, head, chunks: head + b"".join(chunks[:3]) + b"0\r\n\r\n",
        "kept",
    ),
    (
        {"fault": "truncate", "after_events": 1},
        True,
        lambda all_, head, chunks: head + chunks[0] + b"0\r\n\r\n",
        "kept",
    ),
    ({"fault": "drip"}, False, lambda all_, head, chunks: all_, "kept"),
    ({"fault": "drip"}, True, lambda all_, head, chunks: all_, "kept"),
    ({"fault": "close", "probability": 0}, False, lambda all_, head, chunks: all_, "kept"),
    ({"fault": "close", "probability": 1}, False, NOTHING, "FIN"),
]


@pytest.mark.parametrize("fault, stream, expected, end", FAULT_BYTES)
def test_a_fault_sends_exactly_these_bytes_and_ends_the_connection_like_this(
    fault: Any, stream: bool, expected: Expect, end: str
) -> None:
    whole = intact(stream)
    head, chunks = (
        parts_of(whole) if stream else (whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", [])
    )
    with MockServer() as server:
        server.mock(match={"user": "Ho"}, response={"text": "fine"})
        server.mock(match={"user": "Hi"}, response={**SHORT, **fault})
        found = everything(
            server, STREAMING if stream else ASK, patience=0.2 if end == "silent" else 10
        )
        assert found == (expected(whole, head, chunks), end)
        assert chat(server.port, user="Ho") == (200, "fine")
        entry = server.requests[0]
        assert entry["fault"] == (None if fault.get("probability") == 0 else fault["fault"])
        ended = {
            "silent": "client_closed",
            "kept": "fault" if fault["fault"] == "truncate" else "complete",
        }.get(end, "fault")
        server.wait_for({"user": "Hi"}, ended=ended)


def test_a_dripping_answer_comes_a_byte_a_write() -> None:
    made = m.Response(200, (), b"hello")
    sends = list(m.steps(replace(made, delivery=m.Delivery(fault=m.Fault("drip"))), m.Wire()))
    assert all(isinstance(step, m.Send) and len(step.data) == 1 for step in sends)
    whole = list(m.steps(made, m.Wire()))[0]
    assert (
        isinstance(whole, m.Send)
        and b"".join(step.data for step in sends if isinstance(step, m.Send)) == whole.data
    )
    assert sum(step.head for step in sends if isinstance(step, m.Send)) == whole.head


@pytest.mark.parametrize("kind", STREAMED)
def test_a_malformed_answer_holds_broken_json_and_is_fine_otherwise(kind: type) -> None:
    events = [
        {"type": "message_start", "delta": {"a": 1}},
        {"type": "ping", "delta": {"b": 2}},
        {"type": "message_stop", "delta": {"c": 3}},
    ]
    base = {"body": {"a": {"b": 1}}, "events": events}
    whole = ask(answerer({"response": {**base, "fault": "malformed"}}), kind)
    with pytest.raises(ValueError):
        json.loads(whole.body)
    good = ask(answerer({"response": base}), kind, True)
    broken = ask(
        answerer({"response": {**base, "fault": "malformed", "after_events": 1}}), kind, True
    )
    frames, torn = list(good.frames or ()), list(broken.frames or ())
    assert len(frames) == len(torn) and [
        one for one in range(len(frames)) if frames[one] != torn[one]
    ] == [1]
    framing = wire_of(kind).framing(call_of(kind, True))
    if isinstance(framing, m.EventStream):
        ((_, payload),) = framing.split(torn[1])  # its checksums are right
        with pytest.raises(ValueError):
            json.loads(payload)
    elif isinstance(framing, m.SSE):
        assert torn[1].endswith((b"\n\n", b"\r\n\r\n"))
        with pytest.raises(ValueError):
            json.loads(m.SSE.data(torn[1]))
    else:
        with pytest.raises(ValueError):
            json.loads(torn[1])


def test_recorded_frames_and_json_arrays_can_be_malformed_too() -> None:
    frame = b'event: x\ndata: {"a": {"b": [1, 2, 3]}}\n\n'
    torn = m.SSE.tear(frame)
    assert (
        torn.startswith(b"event: x\ndata: ") and torn.endswith(b"\n\n") and len(torn) < len(frame)
    )
    array = bytes_of(
        ask(
            answerer({"response": {**SHORT, "fault": "malformed"}}),
            m.GeminiGenerate,
            True,
            query={"alt": "json"},
        )
    )
    with pytest.raises(ValueError):
        json.loads(array)


@pytest.mark.parametrize("stream", [False, True])
def test_bad_gzip_says_gzip_and_is_not(stream: bool) -> None:
    with MockServer() as server:
        server.mock(response={**SHORT, "fault": "bad_gzip"})
        data, _ = everything(server, STREAMING if stream else ASK)
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head and b"chatcmpl-" in body and b"\x1f\x8b" not in body


def test_bad_gzip_after_some_events_begins_as_gzip() -> None:
    response = ask(
        answerer({"response": {**SHORT, "fault": "bad_gzip", "after_events": 2}}),
        m.OpenAIChat,
        True,
    )
    sends = [step.data for step in m.steps(response, m.Wire(minor=0)) if isinstance(step, m.Send)]
    unpacker = zlib.decompressobj(31)
    assert unpacker.decompress(sends[1] + sends[2]).count(b"data: ") == 2 and sends[3].startswith(
        b"data: "
    )


@pytest.mark.parametrize("fault, cut", [("truncate", 3), ("close", 3), ("reset", 3)])
def test_faults_go_with_gzip(fault: str, cut: int) -> None:
    response = ask(
        answerer({"response": {**SHORT, "gzip": "always", "fault": fault, "after_events": cut}}),
        m.OpenAIChat,
        True,
    )
    made = list(m.steps(response, m.Wire(minor=0)))
    sends = [step for step in made if isinstance(step, m.Send) and step.events]
    unpacker = zlib.decompressobj(31)
    assert (
        unpacker.decompress(b"".join(step.data for step in sends)).count(b"data: ") == cut
        and not unpacker.eof
    )
    assert made[-1] == m.Cut("reset" if fault == "reset" else "close")


def test_a_fault_by_probability_is_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> List[Optional[str]]:
        answers = answerer(
            {"response": {"text": "x", "fault": "close", "probability": 0.5}}, seed=seed
        )
        found = [ask(answers, m.OpenAIChat).delivery.fault for _ in range(60)]
        return [fault.kind if fault else None for fault in found]

    assert drawn(1) == drawn(1) != drawn(2) and 15 < drawn(1).count("close") < 45


def test_faults_come_from_responses_in_turn_and_from_a_header(server: MockServer) -> None:
    server.mock(responses=[{"fault": "close"}, {"fault": "reset"}, {"text": "third time lucky"}])
    assert [everything(server)[1] for _ in range(2)] == ["FIN", "RST"] and chat(server.port)[
        1
    ] == "third time lucky"
    assert everything(server, headers=['X-Mock-Response: {"fault": "reset"}']) == (b"", "RST")
    assert (
        everything(
            server,
            headers=['X-Mock-Response: {"fault": "close", "after_events": 1}'],
            body=STREAMING,
        )[0].count(b"data: ")
        == 1
    )
    with MockServer() as other:
        assert everything(other, headers=['X-Mock-Response: {"fault": "close"}']) == (b"", "FIN")
