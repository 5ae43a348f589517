"""A server's life: beginning, ending, beside others, and as the class that it comes from."""

from __future__ import annotations

import errno
import gc
import os
import platform
import socket
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, List, Tuple

import pytest
from clients import ASK, PATIENCE, STREAMING, Raw, chat, is_closing, post, wait_until

import mock_server as m
from mock_server import MockServer


def held() -> Tuple[int, int]:
    """Descriptors and threads of this process."""
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


def never_started() -> None:
    MockServer(log="text").close()


def closed_as_socketserver_does() -> None:
    server = MockServer()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    wait_until(lambda: server.listener.is_open)
    server.server_close()
    serving.join(PATIENCE)
    assert not serving.is_alive()


def on_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"can't listen on 127.0.0.1 port {port}: ") as caught:
            MockServer(port, log="text")
        assert str(caught.value).endswith("; 0 takes a free port")
        assert caught.value.errno == errno.EADDRINUSE


def with_mocks_that_can_not_be_used(folder: str) -> None:
    with pytest.raises(m.BadMock):
        MockServer(data=folder, log="text")


def closed_by_many() -> None:
    server = MockServer().start()
    closing = [threading.Thread(target=server.close) for _ in range(4)]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(PATIENCE)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize(
    "live",
    [
        never_started,
        closed_as_socketserver_does,
        on_a_port_that_is_taken,
        with_mocks_that_can_not_be_used,
        closed_by_many,
    ],
)
def test_no_life_leaves_a_descriptor_or_a_thread_behind(
    live: Callable[..., None], folder: Any
) -> None:
    arguments = [folder({"mocks/a.json": "{"})] * live.__code__.co_argcount
    gc.collect()
    gc.disable()  # what is only found by looking for cycles is left behind
    try:
        before = held()
        live(*arguments)
        wait_until(lambda: all(now <= then for now, then in zip(held(), before)))
    finally:
        gc.enable()


def test_a_port_that_was_never_opened_ends_no_other() -> None:
    with MockServer() as server:
        server.mock(response={"text": "pong"})
        MockServer(core=server.core).close()
        assert chat(server.port) == (200, "pong")
        assert server.core.mocks.ports == {server.port}
    first = MockServer()
    MockServer(core=first.core).close()
    with first:
        assert chat(first.port, headers={"X-Mock-Response": '{"text": "pong"}'}) == (200, "pong")


def test_the_last_port_that_closes_leaves_the_others_their_time() -> None:
    with MockServer() as server, MockServer(core=server.core) as other:
        server.mock(response={"text": "a b c", "gate": True})
        client = Raw(server).send(post(STREAMING)).until_event()
        for one in (server, other):
            server.core.loop.call(one.begin_to_close, PATIENCE)
        other.close()
        wait_until(lambda: is_closing(server) and other.stopped.is_set())
        server.release(server.requests[0]["id"], 9)
        assert client.file.read().endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        client.close()
        server.close(PATIENCE)
        assert server.requests[0]["ended"] == "complete"


def test_it_handles_one_request_as_the_class_does_that_it_comes_from() -> None:
    server: ThreadingHTTPServer = MockServer(fallback="echo")
    found: List[Any] = []
    asking = threading.Thread(target=lambda: found.append(chat(server.server_address[1])[0]))
    asking.start()
    server.timeout = PATIENCE
    server.handle_request()
    asking.join(PATIENCE)
    server.shutdown()
    server.server_close()
    assert found == [200]


def test_a_bug_where_a_request_begins_costs_one_connection(
    server: MockServer, raw: Any, monkeypatch: Any
) -> None:
    broken = raw().send(post(ASK))
    assert broken.response()[0] == 200
    monkeypatch.setattr(server.core.repeats, "find", lambda *request: 1 / 0)
    assert broken.send(post(ASK)).file.read() == b""
    assert raw().send(post(ASK)).file.read() == b""  # when it is accepted, too
    monkeypatch.undo()
    wait_until(lambda: not server.connections)
    assert raw().send(post(ASK)).response()[0] == 200


def test_a_gate_that_is_opened_while_it_is_looked_at_ends_no_pause(
    server: MockServer, raw: Any, monkeypatch: Any
) -> None:
    take = m.Gate.take

    def opened_meanwhile(gate: m.Gate) -> bool:
        gate.release()  # as another thread may
        return take(gate)

    monkeypatch.setattr(m.Gate, "take", opened_meanwhile)
    server.mock(response={"text": "a b c", "gate": True, "pace": 0.001})
    assert raw().send(post(STREAMING)).response()[2].endswith(b"data: [DONE]\n\n")
    monkeypatch.undo()
    assert server.wait_for(ended="complete")


def test_what_is_said_before_an_answer_counts_for_no_other(server: MockServer, raw: Any) -> None:
    server.mock(response={"text": "pong"})
    client = raw().send(post(ASK))
    client.response()
    head, _, body = post(ASK, headers=["Expect: 100-continue"]).partition(b"\r\n\r\n")
    assert client.send(head + b"\r\n\r\n").head()[0] == 100
    client.send(body).response()
    first, second = server.wait_for(count=2, ended="complete")
    assert first["bytes_sent"] == second["bytes_sent"]


def test_a_request_that_is_refused_aside_leaves_nothing_to_the_collector(raw: Any) -> None:
    def refusals() -> int:
        return sum(isinstance(one, m.Refused) for one in gc.get_objects())

    client = raw()
    gc.collect()
    gc.disable()
    try:
        before = refusals()
        for _ in range(3):
            client.send(post(b"no gzip", headers=["Content-Encoding: gzip"]))
            assert client.response()[0] == 400
        wait_until(lambda: refusals() == before)
    finally:
        gc.enable()


def test_an_answer_that_there_is_no_memory_for_is_refused_and_costs_nobody_else(
    server: MockServer, monkeypatch: Any
) -> None:
    def too_much(answers: Any, request: Any) -> Any:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(m.Answerer, "answering", too_much)
        status, answer = chat(server.port)
    assert status == 503 and b"the server is out of memory" in answer
    assert chat(server.port) == (200, "pong")


def test_a_server_that_is_closed_says_that_it_starts_no_more() -> None:
    core = m.Core(m.Settings())
    with MockServer(core=core) as server:
        pass
    with pytest.raises(RuntimeError, match="the server is closed; a new MockServer"):
        server.start()
    late = MockServer(core=core)
    with pytest.raises(RuntimeError, match="the server is closed"):
        late.start()
    late.server_close()


def stuck(server: MockServer) -> Raw:
    """A client that takes no more of the answer to a request that came before, byte by byte."""
    words = " ".join(f"word{number}" for number in range(200))
    server.mock(match={"stream": True}, response={"text": words})
    client = Raw(server)
    for _ in range(3):
        client.send(post(STREAMING)).response()
    (connection,) = server.connections
    connection.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    assert server.core.repeats.known
    client.send(post(STREAMING))
    wait_until(lambda: server.requests[-1]["ended"] is None and server.requests[-1]["blocked"])
    return client


def go_on(server: MockServer, client: Raw) -> bytes:
    """The rest of the answer, which the client takes now."""
    for connection in server.connections:
        connection.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
    return client.response()[2]


def test_what_a_slow_client_has_got_so_far_is_in_the_journal(server: MockServer) -> None:
    client = stuck(server)
    first, second = (server.requests[-1] for _ in range(2))
    assert first["ended"] is None and 0 < first["events_sent"] < first["events_total"]
    assert 0 < first["bytes_sent"] < server.requests[0]["bytes_sent"]
    assert 0 < first["blocked"] < second["blocked"]
    assert b"[DONE]" in go_on(server, client)
    last = server.wait_for(count=4, ended="complete")[-1]
    assert last["events_sent"] == last["events_total"] and last["blocked"] > first["blocked"]
    client.close()


def test_a_repeated_answer_under_way_may_end_when_the_server_closes(server: MockServer) -> None:
    client = stuck(server)
    closing = threading.Thread(target=server.close, args=(PATIENCE,))
    closing.start()
    wait_until(lambda: is_closing(server))
    assert b"[DONE]" in go_on(server, client)
    closing.join(PATIENCE)
    assert server.requests[-1]["ended"] == "complete"
    client.close()


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or sys.version_info >= (3, 9),
    reason="needs glibc, and a Python whose threads end by pthread_exit",
)
def test_a_thread_may_end_where_clients_have_taken_all_descriptors() -> None:
    # glibc opens a library when the first one ends, and aborts the process if it can't.
    folder = str(Path(str(m.__file__)).parents[len(getattr(m, "__path__", ()))])
    code = (
        f"import sys; sys.path.insert(0, {folder!r}); from mock_server import MockServer\n"
        "import urllib.request\n"
        "with MockServer() as server:\n"
        "    urllib.request.urlopen(server.url).read()\n"
        "    print('libgcc_s' in open('/proc/self/maps').read())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=60)
    assert done.stdout == b"True\n"
