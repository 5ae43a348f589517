"""Connections: writes, pauses, gates and shutdown on sockets in this process."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import threading
import time
import zlib
from typing import Any, List, Tuple

import pytest
from clients import ASK, PATIENCE, STREAMING, Raw, chat, is_closing, post, wait_until

import mock_server as m
from mock_server import MockServer


def test_an_answer_is_one_write_and_its_events_each_a_chunk_and_with_a_plan_each_a_write(
    server: MockServer, raw: Any, monkeypatch: Any
) -> None:
    writes: List[bytes] = []
    setup = m.Handler.setup

    class Recording:
        """A socket that remembers what is written to it at once."""

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock

        def send(self, data: bytes, flags: int = 0) -> int:
            writes.append(bytes(data))
            return self.sock.send(data, flags)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.sock, name)

    def recording(handler: Any) -> None:
        setup(handler)
        handler.connection = Recording(handler.connection)

    monkeypatch.setattr(m.Handler, "setup", recording)
    client = raw().send(post())
    client.response()
    assert len(writes) == 1
    writes.clear()
    _, _, body = client.send(post(STREAMING)).response()
    assert len(writes) == 1
    writes.clear()
    planned = post(STREAMING, headers=['X-Mock-Response: {"wire": "event"}'])
    client.send(planned).response()
    head, *chunks, end = writes
    assert len(chunks) == len(m.SSE.split(body)) and end == b"0\r\n\r\n"
    assert all(chunk.count(b"data: ") == 1 for chunk in chunks)


def test_an_idle_connection_is_closed(monkeypatch: Any) -> None:
    monkeypatch.setattr(MockServer, "idle_seconds", 0.05)
    with MockServer() as server:
        client = Raw(server)
        assert client.file.read() == b""
        client.close()


def test_empty_lines_keep_no_connection_open(monkeypatch: Any) -> None:
    monkeypatch.setattr(MockServer, "idle_seconds", 0.2)
    with MockServer() as server, socket.create_connection(("127.0.0.1", server.port), 30) as sock:
        sock.settimeout(0.02)  # less than it may idle
        deadline = time.monotonic() + 30
        is_open = True
        while is_open and time.monotonic() < deadline:
            try:
                sock.sendall(b"\r\n")
                is_open = sock.recv(1) != b""
            except socket.timeout:
                pass
            except OSError:
                is_open = False  # reset: the last line came after the end
        assert not is_open


@pytest.mark.parametrize(
    "limit, begun", [("head_seconds", b"GET / HTT"), ("body_seconds", post()[:-5])]
)
def test_a_request_that_is_never_complete_is_refused_after_a_bounded_time(
    monkeypatch: Any, limit: str, begun: bytes
) -> None:
    monkeypatch.setattr(MockServer, limit, 0.05)
    with MockServer() as server:
        client = Raw(server).send(begun)
        assert client.response()[0] == 408
        client.close()


def of_model(model: str) -> Any:
    """A request for a stream from a model."""
    return post({**STREAMING, "model": model})


def ends_of(server: MockServer, model: str) -> List[Any]:
    """How the streams of a model have ended."""
    return [entry["ended"] for entry in server.requests if entry["model"] == model]


MANY = 6  # streams, more than may write at the same moment


def test_a_client_that_stops_reading_is_given_up_and_delays_nobody(monkeypatch: Any) -> None:
    monkeypatch.setattr(MockServer, "stall_seconds", 0.1)
    with MockServer() as server:
        server.mock(response={"text": "x" * 15_000_000, "chunk_size": 100_000})
        server.mock(match={"model": "quick"}, response={"text": "pong"})
        stuck = [Raw(server).send(of_model("huge")) for _ in range(MANY)]
        quick = Raw(server).send(of_model("quick"))
        assert quick.response()[0] == 200
        wait_until(lambda: ends_of(server, "huge") == ["client_closed"] * MANY)
        for client in [*stuck, quick]:
            client.close()


def test_pauses_are_kept_and_events_leave_when_they_are_due(server: MockServer, raw: Any) -> None:
    pace = {"first": 0.05, "between": 0.02}
    server.mock(match={"model": "paced"}, response={"text": "a b c", "delay": 0.05, "pace": pace})
    started = time.monotonic()
    raw().send(of_model("paced")).response()
    assert time.monotonic() - started >= 0.05 + 0.05 + 5 * 0.02


class Drain(threading.Thread):
    """A client that reads a long stream as fast as it can, until it is told to stop."""

    def __init__(self, server: MockServer, request: bytes) -> None:
        super().__init__()
        self.client, self.count, self.stopped = Raw(server).send(request), 0, False
        self.start()

    def run(self) -> None:
        while not self.stopped:
            self.count += len(self.client.sock.recv(1 << 20))

    def stop(self) -> None:
        """Leave in the middle of the stream."""
        self.stopped = True
        self.join(PATIENCE)
        self.client.close()


def test_fast_readers_of_long_streams_leave_their_place_to_others(
    server: MockServer, raw: Any
) -> None:
    server.mock(match={"model": "endless"}, response={"text": "word " * 20_000})
    endless = post({**STREAMING, "model": "endless", "n": 8})
    readers = [Drain(server, endless) for _ in range(MANY)]
    wait_until(lambda: all(reader.count > 100_000 for reader in readers))
    assert raw().send(of_model("quick")).response()[0] == 200
    assert None in ends_of(server, "endless")
    for reader in readers:
        reader.stop()


def test_a_client_that_reads_late_gets_all_of_a_large_answer(server: MockServer, raw: Any) -> None:
    server.mock(response={"text": "x" * 15_000_000})
    client = raw().send(post())
    server.wait_for()
    assert client.response()[2].count(b"x" * 15_000_000) == 1
    assert server.wait_for(ended="complete")[0]["bytes_sent"] > 15_000_000


def test_a_burst_after_a_delay_does_not_hold_up_paced_streams(server: MockServer, raw: Any) -> None:
    server.mock(match={"model": "burst"}, response={"text": "word " * 30_000, "delay": 0.01})
    server.mock(match={"model": "paced"}, response={"text": "a b c", "pace": 0.01})
    raw().send(post({**STREAMING, "model": "burst", "n": 4}))
    paced = raw().send(of_model("paced"))
    assert paced.response()[2].endswith(b"data: [DONE]\n\n")
    assert ends_of(server, "burst") == [None]


def test_a_bug_is_a_500_in_the_providers_shape_and_the_connection_lives(
    server: MockServer, raw: Any, monkeypatch: Any
) -> None:
    plain = m.Answerer.reply
    monkeypatch.setattr(m.Answerer, "reply", lambda self, *asked: 1 // 0)
    client = raw().send(post())
    status, _, body = client.response()
    assert status == 500 and "ZeroDivisionError" in json.loads(body)["error"]["message"]
    monkeypatch.setattr(m.Answerer, "reply", plain)
    assert client.send(post()).response()[0] == 200


def test_a_large_body_is_read_in_several_pieces(raw: Any) -> None:
    body = {**ASK, "messages": [{"role": "user", "content": "x" * 2_000_000}]}
    assert raw().send(post(body)).response()[0] == 200


def test_a_response_under_way_is_finished_at_shutdown() -> None:
    with MockServer() as server:
        server.mock(response={"text": "a b c", "gate": True})
        client = Raw(server).send(post(STREAMING)).until_event()
        closing = threading.Thread(target=server.close, args=(PATIENCE,))
        closing.start()
        wait_until(lambda: is_closing(server))
        server.release(server.requests[0]["id"], 9)
        assert client.file.read().endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        closing.join(PATIENCE)
        assert server.requests[0]["ended"] == "complete"
        client.close()


@pytest.mark.parametrize("more", [{"fault": "hang"}, {"fault": "hang", "after_events": 1}])
def test_a_hanging_answer_delays_no_shutdown(more: Any) -> None:
    with MockServer() as server:
        server.mock(response={"text": "x", **more})
        client = Raw(server).send(post(STREAMING))
        server.wait_for()
        if "after_events" in more:
            client.until_event()
        started = time.monotonic()
        server.close(10 * PATIENCE)
        assert time.monotonic() - started < PATIENCE
        assert server.requests[0]["ended"] == "shutdown"
        client.close()


def stream_with_fault(server: MockServer, kind: str) -> None:
    """Ask for a stream that a fault ends after an event, take what comes, and leave."""
    header = "X-Mock-Response: " + json.dumps({"text": "x", "fault": kind, "after_events": 1})
    client = Raw(server).send(post(STREAMING, headers=[header]))
    with contextlib.suppress(OSError):
        client.sock.shutdown(socket.SHUT_WR)
        client.file.read()
    client.close()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_faults_leave_no_thread_and_no_descriptor_behind() -> None:
    def held() -> Tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    before = held()
    with MockServer() as server:
        kinds = ("reset", "close", "garbage", "truncate", "hang")
        for kind in kinds * 4:
            stream_with_fault(server, kind)
        server.wait_for(count=20)
        wait_until(lambda: all(entry["ended"] for entry in server.requests))
    wait_until(lambda: all(now <= then for now, then in zip(held(), before)))


FAULT_ENDS = [
    ({"fault": "reset", "after_events": 2}, True, "RST", 2),
    ({"fault": "close", "after_events": 1}, True, "FIN", 1),
    ({"fault": "truncate"}, True, "kept", 3),
    ({"fault": "drip"}, True, "kept", 6),
    ({"fault": "reset"}, False, "RST", 0),
    ({"fault": "garbage"}, False, "FIN", 0),
    ({"fault": "truncate"}, False, "FIN", 0),
]


def rest_of(client: Raw) -> Tuple[bytes, str]:
    """All bytes that still come, and how the connection ends: FIN, RST, or kept for a second
    request, which is a question for the health at the root."""
    data = b""
    try:
        while not data.endswith(b'"service":"mock-provider"}'):
            piece = client.sock.recv(65536)
            if not piece:
                return data, "FIN"
            data += piece
    except ConnectionResetError:
        return data, "RST"
    return data[: data.rindex(b"HTTP/1.1 200 OK")], "kept"


@pytest.mark.parametrize("fault, stream, end, events", FAULT_ENDS)
def test_a_fault_ends_its_connection_and_no_other(
    server: MockServer, raw: Any, fault: Any, stream: bool, end: str, events: int
) -> None:
    server.mock(match={"user": "Ho"}, response={"text": "a b c", **fault})
    body = {**ASK, "messages": [{"role": "user", "content": "Ho"}], "stream": stream}
    data, found = rest_of(raw().send(post(body) + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert found == end and data.count(b"data: ") == events
    ended = "complete" if fault["fault"] == "drip" else "fault"
    entry = server.wait_for({"user": "Ho"}, ended=ended)[0]
    assert entry["fault"] == fault["fault"]
    assert chat(server.port) == (200, "pong")


def test_a_gated_stream_ends_when_its_client_leaves(server: MockServer, raw: Any) -> None:
    server.mock(response={"text": "one two three", "gate": True})
    raw().send(post(STREAMING)).until_event().sock.shutdown(socket.SHUT_RDWR)
    assert server.wait_for(ended="client_closed")[0]["events_sent"] == 1


def test_a_gated_stream_ends_when_the_server_closes() -> None:
    with MockServer() as server:
        server.mock(response={"text": "one two three", "gate": True})
        client = Raw(server).send(post(STREAMING)).until_event()
        server.close(0)
        assert server.requests[0]["ended"] == "shutdown"
        client.close()


@pytest.mark.parametrize("more", [{"pace": 0.001}, {"gzip": "always"}])
def test_a_gate_goes_with_pace_and_gzip(server: MockServer, raw: Any, more: Any) -> None:
    server.mock(response={"text": "one two three", "gate": True, **more})
    client = raw().send(post(STREAMING))
    server.release(server.wait_for({"stream": True})[0]["id"], 5)
    _, headers, body = client.response()
    if "content-encoding" in headers:
        body = gzip.decompress(body)
    assert body.endswith(b"data: [DONE]\n\n")
    assert server.wait_for({"stream": True}, ended="complete")


@pytest.mark.parametrize("more", [{}, {"gzip": "always"}])
def test_a_stream_is_kept_alive_at_its_gate_and_goes_on(
    server: MockServer, raw: Any, more: Any
) -> None:
    alive = {"gate": 1, "keepalive": {"every": 0.01, "comment": "wait"}, **more}
    server.mock(response={"text": "one two", **alive})
    client = raw().send(post(STREAMING))
    client.head()
    unpacker = zlib.decompressobj(31)

    def plain(chunk: bytes) -> bytes:
        return unpacker.decompress(chunk) if more else chunk

    chunks = client.chunks()
    pings = 0
    body = b""
    while pings < 3:
        piece = plain(next(chunks))
        pings += piece == b": wait\n\n"
        body += piece
    assert b'"one"' in body and b'" two"' not in body
    server.release(server.wait_for({"stream": True})[0]["id"], 9)
    body += b"".join(map(plain, chunks))
    assert body.endswith(b"data: [DONE]\n\n")
    entry = server.wait_for({"stream": True}, ended="complete")[0]
    assert entry["events_sent"] == entry["events_total"] == 5


def test_a_hanging_stream_is_kept_alive_until_its_client_leaves(
    server: MockServer, raw: Any
) -> None:
    hang = {"fault": "hang", "after_pieces": 1, "keepalive": {"every": 0.01}}
    server.mock(response={"text": "one two", **hang})
    client = raw().send(post({**STREAMING, "max_tokens": 9}, "/v1/messages"))
    pings = 0
    while pings < 3:  # the first is among the events
        pings += client.file.readline() == b"event: ping\n"
    client.sock.shutdown(socket.SHUT_RDWR)
    assert server.wait_for({"stream": True}, ended="client_closed")


def test_a_connection_ends_with_its_answer_if_a_mock_will_have_it(
    server: MockServer, raw: Any
) -> None:
    server.mock(response={"text": "x", "wire": "close"})
    for body in [ASK] * 4 + [STREAMING] * 4:  # answered anew, from memory, and byte by byte
        client = raw().send(post(body))
        _, headers, _ = client.response()
        assert headers["connection"] == "close" and client.file.read() == b""


def test_a_malformed_head_request_gets_no_body(server: MockServer, raw: Any) -> None:
    client = raw().send(b"HEAD /v1/messages HTTP/1.1\r\nno colon\r\n\r\n")
    status, headers = client.head()
    assert (status, client.file.read()) == (400, b"") and int(headers["content-length"])
    assert [entry["method"] for entry in server.requests] == ["HEAD"]


def test_memory_is_given_back_of_an_answer_that_its_client_does_not_wait_for(
    server: MockServer, raw: Any, monkeypatch: Any
) -> None:
    freed: List[int] = []
    monkeypatch.setattr(server.core.trimming, "freed", freed.append)
    server.mock(response={"text": "x" * 8_000_000})
    client = raw()
    client.send(post(body={"model": "m", "messages": [{"role": "user", "content": "a"}]}))
    assert client.head()[0] == 200
    client.close()
    wait_until(lambda: any(size > 8_000_000 for size in freed))
