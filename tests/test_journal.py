"""X"""

from __future__ import annotations

import hashlib
import json
import queue
import re
import socket
import threading
from dataclasses import replace
from typing import Any

import pytest
from clients import ASK, STREAMING, Raw, chat, control, fetch, post, wait_until
from mocked import BASE

import mock_server as m
from mock_server import MockServer

JOURNAL_KEYS = [
    *(
        "id",
        "time",
        "port",
        "session",
        "method",
        "path",
        "query",
        "headers",
        "body",
        "provider",
        "operation",
        "api",
        "model",
    ),
    *(
        "stream",
        "user",
        "mock",
        "fault",
        "status",
        "unmatched",
        "near_misses",
        "note",
        "duration",
        "bytes_sent",
        "events_sent",
    ),
    *("events_total", "blocked", "ended"),
]


def test_the_journal_says_what_was_sent_and_what_became_of_the_answer(server: MockServer) -> None:
    chat(server.port, headers={"Authorization": "Bearer sk-secret", "Cookie": "a=b"})
    entry = server.wait_for(ended="complete")[0]
    assert list(entry) == JOURNAL_KEYS
    assert {key: entry[key] for key in JOURNAL_KEYS[3:14] if key not in ("headers", "body")} == {
        "method": "POST", "path": "/v1/chat/completions", "query": {}, "session": None, "provider": "openai",
        "operation": "generate", "api": "chat", "model": "gpt-4o-mini", "stream": False,
    }  # fmt: skip
    assert (entry["body"], entry["user"], entry["mock"], entry["status"], entry["unmatched"]) == (
        ASK,
        "Hi",
        "added#1",
        200,
        False,
    )
    assert entry["bytes_sent"] > 500 and (
        entry["events_sent"],
        entry["events_total"],
        entry["near_misses"],
    ) == (0, 0, [])
    digest = hashlib.sha256(b"sk-secret").hexdigest()[:8]
    assert entry["headers"][
        "authorization"
    ] == f"Bearer *** (sha256 {digest})" and "a=b" not in json.dumps(entry)


def test_credentials_are_masked_wherever_they_could_be_shown() -> None:
    with MockServer(log="json") as server:
        server.mock(match={"headers": {"authorization": "Bearer other"}}, response={"text": "x"})
        headers = {
            **dict.fromkeys(m.CREDENTIALS, "sk-secret-1"),
            "authorization": "Bearer sk-secret-1",
        }
        answer = fetch(
            server.port,
            "POST",
            "/v1/chat/completions?key=sk-secret-1&access_token=sk-secret-1",
            json.dumps(ASK).encode(),
            headers,
        )
        _, journal = fetch(server.port, "GET", "/__mock__/requests")
        assert b"sk-secret" not in answer[1] + journal
        entry = server.core.journal.entries()[0]
        assert "sk-secret" not in json.dumps(entry.json()) + str(entry.kept)


def test_unmatched_refused_and_unread_requests_are_in_the_journal_too(
    server: MockServer, raw: Any
) -> None:
    server.mock(match={"user": "Ho"}, response={"text": "x"})
    fetch(server.port, "POST", "/v1/embeddings", b'{"model": "m", "input": "x"}')
    fetch(server.port, "POST", "/v1/chat/completions", b"{")
    fetch(server.port, "POST", "/nowhere", b"{}")
    raw().send(b"NONSENSE\r\n\r\n").response()
    found = server.wait_for(count=4)
    assert [(entry["status"], entry["unmatched"], entry["mock"]) for entry in found] == [
        (404, True, None), (400, False, None), (404, False, None), (400, False, None)
    ]  # fmt: skip
    assert [entry["provider"] for entry in found[:3]] == ["openai"] * 3 and found[1]["body"] == "{"


def test_the_journal_is_bounded_by_number_and_its_bodies_by_size() -> None:
    with MockServer(journal=3) as server:
        server.mock(response={"text": "x"})
        for number in range(5):
            chat(server.port, user=str(number) + "x" * (number == 4) * 100_000)
        found = server.wait_for(count=3)
        assert [entry["user"][0] for entry in found] == ["2", "3", "4"]
        assert len(found[-1]["body"]) == m.JOURNAL_BODY and len(found[-1]["user"]) == m.JOURNAL_BODY
    with MockServer(journal=0) as server:
        chat(server.port)
        assert server.requests == [] and control(server.port, "GET", "requests")[1] == {
            "requests": []
        }


def entry_of(number: int, session: str = "", size: int = 100) -> m.Entry:
    request = m.Request("POST", "/v1/chat/completions", session=session)
    return m.Entry(
        str(number),
        0.0,
        request,
        {"query": {}, "headers": {}},
        {},
        "openai",
        replace(BASE, session=session),
        size,
    )


def test_the_journal_stays_flat_however_many_requests_and_sessions_come() -> None:
    journal = m.Journal(size=10, room=5000)
    journal.add(entry_of(0, "old"))
    for number in range(1, 30_000):
        journal.add(entry_of(number, f"s{number % 3}"))
        assert journal.used <= 5000 and journal.kept <= 31 and len(journal.order) <= 1100
    assert len(journal.entries("s0")) == 10 and [
        entry.number for entry in journal.entries("old")
    ] == ["0"]
    for number in range(200):
        journal.add(entry_of(number, f"session {number}", size=500))
    assert journal.used <= 5000 and len(journal.sessions) <= 11 and len(journal.entries("*")) <= 10


@pytest.mark.parametrize(
    "end, ended",
    [
        (lambda client: client.sock.shutdown(socket.SHUT_RDWR), "client_closed"),
        (
            lambda client: (
                client.sock.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, m.struct.pack("ii", 1, 0)
                ),
                client.file.close(),
                client.sock.close(),
            ),
            "client_reset",
        ),
    ],
)
def test_the_journal_says_when_a_client_left_and_how_much_it_got(
    server: MockServer, raw: Any, end: Any, ended: str
) -> None:
    server.mock(response={"text": "one two three", "pace": {"first": 0, "between": 30}})
    client = raw().send(post(json.dumps({**ASK, "stream": True}).encode()))
    while not client.file.readline().startswith(b"data: "):
        pass
    end(client)
    entry = server.wait_for({"stream": True}, ended=ended)[0]
    assert entry["events_sent"] == 1 and entry["events_total"] == 6


def test_a_client_that_vanishes_in_a_pause_frees_its_thread_at_once(server: MockServer) -> None:
    server.mock(match={"model": "slow"}, response={"text": "a b c", "pace": 60})
    client = Raw(server).send(post({**STREAM, "model": "slow"}))
    client.file.readline()
    client.close()
    wait_until(lambda: str(server.requests[-1]["ended"]).startswith("client_"))


def test_waiting_ends_as_soon_as_the_requests_are_there(server: MockServer) -> None:
    answers: "queue.Queue[Any]" = queue.Queue()
    wanted = {"match": {"user": "later"}, "count": 2, "ended": "complete", "timeout": 30}
    waiter = threading.Thread(
        target=lambda: answers.put(control(server.port, "POST", "requests/wait", wanted))
    )
    waiter.start()
    for user in ("later", "sooner", "later"):
        chat(server.port, user=user)
    status, found = answers.get(timeout=10)
    waiter.join()
    assert status == 200 and [entry["user"] for entry in found["requests"]] == ["later", "later"]


def test_waiting_in_vain_is_408_with_what_came_instead(server: MockServer) -> None:
    chat(server.port, user="other")
    status, found = control(
        server.port, "POST", "requests/wait", {"match": {"user": "never"}, "timeout": 0.01}
    )
    assert status == 408 and found["error"]["message"].startswith(
        "0 of 1 requests came within 0.01 seconds"
    )
    assert [entry["user"] for entry in found["requests"]] == ["other"]
    with pytest.raises(
        TimeoutError,
        match=r"0 of 1 requests came within 0.01 seconds; there was POST /v1/chat/completions",
    ):
        server.wait_for({"user": "never"}, timeout=0.01)


def test_who_waits_is_let_go_when_the_server_closes() -> None:
    answers: "queue.Queue[Any]" = queue.Queue()
    with MockServer() as server:
        waiter = threading.Thread(
            target=lambda: answers.put(
                control(server.port, "POST", "requests/wait", {"timeout": 500})
            )
        )
        waiter.start()
        while not server.core.journal.waiters:
            threading.Event().wait(0.001)
    assert answers.get(timeout=10)[0] == 408
    waiter.join()


def test_a_client_that_leaves_while_it_waits_is_noticed(server: MockServer) -> None:
    body = b'{"timeout": 500}'
    client = Raw(server).send(
        b"POST /__mock__/requests/wait HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        % len(body)
        + body
    )
    client.sock.shutdown(socket.SHUT_WR)
    assert client.file.read().startswith(b"HTTP/1.1 403")  # the host is not the server's own
    client.close()
    head = f"POST /__mock__/requests/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    client = Raw(server).send(head + body)
    while not server.core.journal.waiters:
        threading.Event().wait(0.001)
    client.close()
    for _ in range(5000):
        if not server.core.journal.waiters:
            break
        threading.Event().wait(0.001)
    assert server.core.journal.waiters == []


@pytest.mark.parametrize(
    "data",
    [
        b"GET /v1/models?key=SECRETKEY HTTP/1.1 \r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer SECRETKEY\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer SECRETKEY\x01\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nx-api-key: a\r\n SECRETKEY\r\n\r\n",
        b"GET http:/x?key=SECRETKEY HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/models?api_key=SECRETKEY&X-Amz-Signature=SECRETKEY HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nOcp-Apim-Subscription-Key: SECRETKEY\r\ncf-aig-authorization: SECRETKEY\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: SECRETKEY, Bearer x\r\nhelicone-auth: Bearer SECRETKEY\r\n\r\n",
    ],
)
def test_no_credential_reaches_journal_log_or_answer(capfd: Any, data: bytes) -> None:
    with MockServer(log="text") as server:
        client = Raw(server).send(data)
        _, _, body = client.response()
        client.close()
        assert "SECRETKEY" not in json.dumps(server.wait_for()) + body.decode()
    assert "SECRETKEY" not in capfd.readouterr().err


def test_what_a_test_does_to_a_journal_entry_changes_nothing_else(server: MockServer) -> None:
    chat(server.port)
    entry = server.wait_for()[0]
    entry["body"].clear()
    entry["headers"].clear()
    chat(server.port)
    assert [other["body"] for other in server.wait_for(count=2)] == [ASK, ASK] and server.requests[
        1
    ]["headers"]


def test_the_live_journal_tells_of_each_request_when_it_comes_and_when_it_ends(
    server: MockServer, raw: Any
) -> None:
    host = f"Host: 127.0.0.1:{server.port}\r\n\r\n"
    watcher = raw().send(f"GET /__mock__/requests/live HTTP/1.1\r\n{host}".encode())
    while watcher.file.readline() != b"\r\n":
        pass
    chunks = watcher.chunks()
    assert next(chunks) == b": live\n\n"
    chat(server.port, user="Hi")
    chat(server.port, user="elsewhere", prefix="/@other")
    chat(server.port, user="Ho")
    frames = [next(chunks) for _ in range(4)]
    told = [
        (re.match(rb"event: (\w+)", frame).group(1), json.loads(m.SSE.data(frame)))
        for frame in frames
    ]  # type: ignore[union-attr]
    assert [(name, entry["user"], entry["ended"]) for name, entry in told] == [
        (b"request", "Hi", None), (b"ended", "Hi", "complete"), (b"request", "Ho", None), (b"ended", "Ho", "complete")
    ]  # fmt: skip
    watcher.close()
    while server.core.journal.feeds:
        chat(server.port)


def test_a_live_journal_ends_with_the_server_and_delays_no_shutdown(raw: Any) -> None:
    with MockServer() as server:
        client = Raw(server)
        client.send(
            f"GET /__mock__/requests/live HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()
        )
        client.file.readline()
    assert client.file.read().endswith(b"0\r\n\r\n")
    client.close()


def test_a_slow_reader_of_the_live_journal_is_told_what_it_missed(monkeypatch: Any) -> None:
    monkeypatch.setattr(m, "LIVE_BACKLOG", 2)
    feed = m.Feed()
    for number in range(5):
        feed.put(b"%d" % number)
    feed.waiting.append(None)
    assert [frame for frame in feed.frames() if not isinstance(frame, m.Hold)] == [
        b": live\n\n", b": 3 events dropped, they are read too slowly\n\n0", b"1"
    ]  # fmt: skip


def test_a_gated_stream_is_found_whatever_became_of_the_journal_and_a_reset_opens_it(
    raw: Any,
) -> None:
    with MockServer(journal=1) as server:
        server.mock(match={"stream": True}, response={"text": "one two", "gate": True})
        clients = [Raw(server).send(post(json.dumps(STREAMING).encode())) for _ in range(2)]
        first = server.core.journal
        while len(first.gated) < 2:
            threading.Event().wait(0.001)
        numbers = list(first.gated)
        server.core.journal.clear()
        for number in numbers[:1]:
            assert (
                control(server.port, "POST", f"requests/{number}/release", {"events": 9})[0] == 200
            )
        control(server.port, "POST", "reset")
        for client in clients:
            assert client.response()[2].endswith(b"data: [DONE]\n\n")
            client.close()
