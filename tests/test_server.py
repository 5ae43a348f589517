"""X"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import threading
import time
from typing import Any, List

import pytest
from clients import ASK, STREAMING, Raw, chat, post, wait_until

import mock_server as m
from mock_server import MockServer


def test_a_whole_answer_is_one_write_and_each_event_is_one_chunk_and_one_write(
    server: MockServer, raw: Any, monkeypatch: Any
) -> None:
    writes: List[bytes] = []
    setup = m.Handler.setup

    class Recording:
        """A socket that remembers what is written to it at once."""

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock

        def send(self, data: bytes, flags: int = 0) -> int:
            writes.append(data)
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
    _, _, body = client.send(post(STREAM)).response()
    assert len(writes) == 1 + len(m.SSE.split(body)) + 1 and all(
        write.count(b"data: ") == 1 for write in writes[1:-1]
    )


def test_slow_and_silent_clients_cost_a_thread_for_a_bounded_time(monkeypatch: Any) -> None:
    for name in ("idle_seconds", "head_seconds", "body_seconds"):
        monkeypatch.setattr(MockServer, name, 0.1)
    with MockServer() as server:
        idle, head, body = (
            Raw(server),
            Raw(server).send(b"GET / HTT"),
            Raw(server).send(post()[:-5]),
        )
        assert idle.file.read() == b"" and head.response()[0] == 408 and body.response()[0] == 408
        for client in (idle, head, body):
            client.close()


def test_a_client_that_stops_reading_is_given_up_and_delays_nobody(monkeypatch: Any) -> None:
    monkeypatch.setattr(MockServer, "stall_seconds", 0.2)
    with MockServer() as server:
        server.mock(
            match={"model": "huge"}, response={"text": "x" * 30_000_000, "chunk_size": 100_000}
        )
        server.mock(match={"model": "gpt-4o-mini"}, response={"text": "pong"})
        stuck = [Raw(server).send(post({**STREAM, "model": "huge"})) for _ in range(m.WRITERS + 2)]
        quick = Raw(server).send(post(STREAM))
        assert quick.response()[0] == 200
        wait_until(
            lambda: (
                [entry["ended"] for entry in server.requests if entry["model"] == "huge"]
                == ["client_closed"] * len(stuck)
            )
        )
        for client in [*stuck, quick]:
            client.close()


def test_pauses_are_kept_and_events_leave_when_they_are_due(server: MockServer) -> None:
    server.mock(
        match={"model": "paced"},
        response={"text": "a b c", "delay": 0.05, "pace": {"first": 0.05, "between": 0.02}},
    )
    started = time.monotonic()
    client = Raw(server).send(post({**STREAM, "model": "paced"}))
    client.response()
    assert time.monotonic() - started >= 0.05 + 0.05 + 5 * 0.02
    client.close()


def test_fast_readers_of_long_streams_leave_their_place_to_others(server: MockServer) -> None:
    server.mock(match={"model": "endless"}, response={"text": "word " * 20_000})
    readers = [
        Raw(server).send(post({**STREAM, "model": "endless", "n": 8})) for _ in range(m.WRITERS)
    ]
    stop = threading.Event()

    def drain(client: Raw) -> None:
        with contextlib.suppress(OSError):
            while not stop.is_set() and client.sock.recv(1 << 20):
                pass

    threads = [threading.Thread(target=drain, args=(client,)) for client in readers]
    for thread in threads:
        thread.start()
    quick = Raw(server).send(post(STREAM))
    assert quick.response()[0] == 200
    assert not all(entry["ended"] for entry in server.requests if entry["model"] == "endless")
    stop.set()
    for client in [*readers, quick]:
        client.sock.close()
    for thread in threads:
        thread.join(10)


def test_a_burst_after_a_delay_does_not_hold_up_paced_streams(server: MockServer) -> None:
    server.mock(match={"model": "burst"}, response={"text": "word " * 30_000, "delay": 0.01})
    server.mock(match={"model": "paced"}, response={"text": "a b c", "pace": 0.01})
    burst = Raw(server).send(post({**STREAM, "model": "burst", "n": 4}))
    paced = Raw(server).send(post({**STREAM, "model": "paced"}))
    assert paced.response()[2].endswith(b"data: [DONE]\n\n")
    assert [entry["ended"] for entry in server.requests if entry["model"] == "burst"] == [None]
    for client in (burst, paced):
        client.close()


def test_a_bug_is_a_500_in_the_providers_shape_and_the_connection_lives(
    server: MockServer, raw: Any, monkeypatch: Any
) -> None:
    plain = m.Answerer.reply
    monkeypatch.setattr(m.Answerer, "reply", lambda self, wire, call: 1 // 0)
    client = raw().send(post())
    status, _, body = client.response()
    assert status == 500 and "ZeroDivisionError" in json.loads(body)["error"]["message"]
    monkeypatch.setattr(m.Answerer, "reply", plain)
    assert client.send(post()).response()[0] == 200


def test_a_hanging_answer_delays_no_shutdown() -> None:
    with MockServer() as server:
        server.mock(response={"text": "x", "fault": "hang"})
        client = Raw(server).send(post(json.dumps(ASK).encode()))
        server.wait_for()
        while not any(is_busy is False for is_busy in server.connections.values()):
            threading.Event().wait(0.001)
        started = time.monotonic()
        server.close(30)
        assert (
            time.monotonic() - started < 10 and server.core.journal.entries()[0].ended == "shutdown"
        )
        client.close()


def test_faults_leave_no_thread_and_no_descriptor_behind(server: MockServer) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    for number, kind in enumerate(("reset", "close", "garbage", "truncate", "hang")):
        server.mock(
            match={"user": str(number)}, response={"text": "x", "fault": kind, "after_events": 1}
        )
    chat(server.port)
    before, threads = descriptors(), server.threads
    for round_ in range(4):
        for number in range(5):
            client = Raw(server).send(
                post(
                    json.dumps(
                        {**STREAMING, "messages": [{"role": "user", "content": str(number)}]}
                    ).encode()
                )
            )
            with contextlib.suppress(OSError):
                client.sock.shutdown(socket.SHUT_WR)
                client.file.read()
            client.close()
        server.wait_for(count=1 + 5 * (round_ + 1))
    for _ in range(1000):
        if (
            not server.connections
            and descriptors() <= before
            and all(entry["ended"] for entry in server.requests)
        ):
            break
        threading.Event().wait(0.005)
    assert descriptors() <= before and server.threads <= threads + 6 and not server.connections


def test_a_gated_stream_ends_when_its_client_leaves_and_when_the_server_closes(
    raw: Any, server: MockServer
) -> None:
    server.mock(response={"text": "one two three", "gate": True})
    client = raw().send(post(json.dumps({**ASK, "stream": True}).encode()))
    while not client.file.readline().startswith(b"data: "):
        pass
    client.sock.shutdown(socket.SHUT_RDWR)
    assert server.wait_for(ended="client_closed")[0]["events_sent"] == 1
    with MockServer() as other:
        other.mock(response={"text": "one two three", "gate": True})
        second = Raw(other).send(post(json.dumps({**ASK, "stream": True}).encode()))
        second.file.readline()
        journal = other.core.journal
    assert journal.entries()[0].ended == "shutdown"
    second.close()


@pytest.mark.parametrize("more", [{"pace": 0.001}, {"gzip": "always"}])
def test_a_gate_goes_with_pace_and_gzip(server: MockServer, raw: Any, more: Any) -> None:
    server.mock(response={"text": "one two three", "gate": True, **more})
    client = raw().send(post(json.dumps({**ASK, "stream": True}).encode()))
    entry = server.wait_for({"stream": True})[0]
    server.release(entry["id"], 5)
    _, headers, body = client.response()
    body = gzip.decompress(body) if headers.get("content-encoding") else body
    assert body.endswith(b"data: [DONE]\n\n") and server.wait_for(
        {"stream": True}, ended="complete"
    )
