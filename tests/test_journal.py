"""The journal: what it keeps of requests, for how long, and how tests wait for them."""

from __future__ import annotations

import functools
import hashlib
import json
import queue
import re
import socket
import struct
import threading
import tracemalloc
from typing import Any, List, Tuple

import pytest
from clients import (
    ASK,
    PATIENCE,
    STREAMING,
    Raw,
    chat,
    control,
    fetch,
    post,
    wait_until,
    waiting_in,
    watching,
)
from mocked import HEAD, requested

import mock_server as m
from mock_server import MockServer

# fmt: off
JOURNAL_KEYS = [
    "id", "time", "port", "connection", "session", "method", "target", "path", "query", "headers",
    "header_lines", "body", "fields", "provider", "dialect", "operation", "api", "model", "stream",
    "user", "auth", "mock", "fault", "status", "unmatched", "near_misses", "violations", "note",
    "forwarded", "duration", "bytes_sent", "events_sent", "events_total", "blocked", "gated",
    "ended",
]
# fmt: on


def test_the_journal_says_what_was_sent_and_what_became_of_the_answer(server: MockServer) -> None:
    chat(server.port, headers={"Authorization": "Bearer sk-secret", "Cookie": "a=b"})
    entry = server.wait_for(ended="complete")[0]
    assert list(entry) == JOURNAL_KEYS
    expected = {
        "port": server.port,
        "session": None,
        "method": "POST",
        "target": "/v1/chat/completions",
        "path": "/v1/chat/completions",
        "query": {},
        "fields": None,
        "body": ASK,
        "provider": "openai",
        "dialect": "openai",
        "operation": "generate",
        "api": "chat",
        "model": "gpt-4o-mini",
        "stream": False,
        "user": "Hi",
        "mock": "added-1",
        "fault": None,
        "status": 200,
        "unmatched": False,
        "near_misses": [],
        "violations": [],
        "events_sent": 0,
        "events_total": 0,
    }
    assert {key: entry[key] for key in expected} == expected
    assert entry["bytes_sent"] > 500
    digest = hashlib.sha256(b"sk-secret").hexdigest()[:8]
    assert entry["headers"]["authorization"] == f"Bearer *** (sha256 {digest})"
    assert "a=b" not in json.dumps(entry)


def test_the_journal_has_target_header_lines_and_connection_as_they_were(
    server: MockServer, raw: Any
) -> None:
    target = "http://me:pw@gateway:80/@s/v1/chat/completions?a=b%20c&key=SECRET&%6Bey=SECRET"
    lines = ["authorization: Bearer one", "X-A:1", "AUTHORIZATION:  Bearer two"]
    client = raw()
    for data in (post(path=target, headers=lines), post(path=target, headers=lines)):
        client.send(data).response()
    raw().send(post(path="/@s/v1/chat/completions")).response()
    first, again, other = server.session("s").wait_for(count=3, ended="complete")
    key = m.masked("key", "SECRET")
    assert first["target"] == (
        f"http://***@gateway:80/@s/v1/chat/completions?a=b%20c&key={key}&%6Bey={key}"
    )
    assert first["path"] == "/v1/chat/completions" and "SECRET" not in json.dumps(first)
    one, two = (m.masked("authorization", f"Bearer {name}") for name in ("one", "two"))
    assert first["header_lines"][:4] == [
        ["Host", "x"],
        ["authorization", one],
        ["X-A", "1"],
        ["AUTHORIZATION", two],
    ]
    assert first["connection"] == again["connection"] != other["connection"]
    assert other["target"] == "/@s/v1/chat/completions"


def test_the_journal_has_the_fields_of_a_form_and_can_be_asked_for_them(server: MockServer) -> None:
    disposition = "Content-Disposition: form-data; name="
    for size in (1, m.LONG):
        body = f'--x\r\n{disposition}"model"\r\n\r\nwhisper\r\n'.encode()
        body += f'--x\r\n{disposition}"file"; filename="a"\r\n\r\n'.encode()
        body += b"y" * size + b"\r\n--x--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        fetch(server.port, "POST", "/v1/audio/transcriptions", body, headers)
        asked = {"fields": {"model": "whisper", "file.size": size}, "body": {"model": "whisper"}}
        entry = server.wait_for(asked)[0]
        assert entry["fields"]["model"] == "whisper" and entry["fields"]["file"]["filename"] == "a"
    assert len(server.wait_for({"fields": {"model": {"glob": "w*"}}}, count=2)) == 2


# What is asked for, and the status that the journal and the metrics have of it.
STATUSES = [
    ({"fault": "reset"}, None),
    ({"fault": "close"}, None),
    ({"fault": "garbage"}, None),
    ({"text": "a b c", "fault": "reset", "after_events": 0}, 200),
    ({"text": "a b c", "fault": "close", "after_events": 1}, 200),
    ({"text": "a b c", "fault": "truncate"}, 200),
    ({"status": 500, "error": "x"}, 500),
    ({"status": 503, "error": "x", "fault": "drip"}, 503),
]


def test_a_status_is_what_was_sent_and_none_where_nothing_was(server: MockServer, raw: Any) -> None:
    for number, (response, status) in enumerate(STATUSES, 1):
        raw().send(post(STREAMING, headers=["X-Mock-Response: " + json.dumps(response)]))
        entry = server.wait_for(count=number, ended=True)[-1]
        assert entry["status"] == status, response
    assert server.core.journal.counters.requests["openai", "chat", None, True] == 3


def test_a_client_that_leaves_before_an_answer_was_sent_no_status(server: MockServer) -> None:
    server.mock(match={"user": "slow"}, response={"text": "x", "delay": 60})
    server.mock(match={"user": "never"}, response={"fault": "hang"})
    for user, before in (("slow", 200), ("never", None)):
        client = Raw(server).send(post({**ASK, "messages": [{"role": "user", "content": user}]}))
        assert server.wait_for({"user": user})[0]["status"] == before
        client.close()
        entry = server.wait_for({"user": user}, ended=["client_gone"])[0]
        assert entry["status"] is None and entry["ended"] == "client_closed"


def test_probes_are_in_no_journal_unless_a_mock_answers_them(server: MockServer) -> None:
    for method in ("GET", "HEAD"):
        for path, status in (("/", 200), ("/health", 200), ("/favicon.ico", 204), ("/@s/", 200)):
            assert fetch(server.port, method, path)[0] == status
    fetch(server.port, "GET", "/healthy")
    fetch(server.port, "POST", "/health")
    found = server.wait_for(count=2, ended=True)
    assert [entry["path"] for entry in found] == ["/healthy", "/health"]
    assert all(entry["unmatched"] for entry in server.requests)
    assert server.session("s").requests == []
    assert server.core.journal.counters.running == 0
    server.mock(match={"path": "/favicon.ico"}, response={"raw": "an icon"})
    assert fetch(server.port, "GET", "/favicon.ico")[0] == 200
    assert server.requests[-1]["path"] == "/favicon.ico"


def test_credentials_are_masked_wherever_they_could_be_shown() -> None:
    with MockServer(log="json") as server:
        server.mock(match={"headers": {"authorization": "Bearer other"}}, response={"text": "x"})
        names = {name for wire in m.WIRE_FORMATS for name in wire.credentials}
        headers = {name: "sk-secret-1" for name in names if not name.startswith("?")}
        headers["authorization"] = "Bearer sk-secret-1"
        path = "/v1/chat/completions?key=sk-secret-1&access_token=sk-secret-1"
        _, answer = fetch(server.port, "POST", path, json.dumps(ASK).encode(), headers)
        _, journal = fetch(server.port, "GET", "/__mock__/requests")
        assert b"sk-secret" not in answer + journal and b"access_token" in journal


def test_unmatched_refused_and_unread_requests_are_in_the_journal_too(
    server: MockServer, raw: Any
) -> None:
    server.mock(match={"user": "Ho"}, response={"text": "x"})
    fetch(server.port, "POST", "/v1/embeddings", b'{"model": "m", "input": "x"}')
    fetch(server.port, "POST", "/v1/chat/completions", b"{")
    fetch(server.port, "POST", "/nowhere", b"{}")
    raw().send(b"NONSENSE\r\n\r\n").response()
    found = server.wait_for(count=4)
    assert [entry["status"] for entry in found] == [404, 400, 404, 400]
    assert [entry["unmatched"] for entry in found] == [True, False, True, False]
    assert [entry["mock"] for entry in found] == [None] * 4
    assert [entry["provider"] for entry in found[:3]] == ["openai", "openai", None]
    assert [entry["operation"] for entry in found[:3]] == ["embed", None, "other"]
    assert [entry["body"] for entry in found[1:3]] == ["{", {}]


def test_a_path_of_no_provider_is_asked_for_as_other_whoever_answers(server: MockServer) -> None:
    server.mock(name="rank", match={"path": "/v1/parse"}, response={"body": {}})
    fetch(server.port, "POST", "/v1/parse", b"{}")
    fetch(server.port, "POST", "/v1/parsee", b'{"model": "m"}')
    fetch(server.port, "GET", "/v1/chat/completions")  # a method that the path does not take
    found = server.wait_for(match={"operation": "other"}, count=3)
    assert [entry["status"] for entry in found] == [200, 404, 405]
    assert {entry["provider"] for entry in found} == {None}
    assert (found[1]["model"], found[1]["body"]) == ("m", {"model": "m"})
    nearest = [miss["mock"] for miss in found[1]["near_misses"]]
    assert nearest == ["rank"] and found[2]["near_misses"] == []


def test_the_journal_is_bounded_by_number_and_its_bodies_by_size() -> None:
    with MockServer(journal=3) as server:
        server.mock(response={"text": "x"})
        for user in ("0", "1", "2", "3", "4" + "x" * 100_000):
            chat(server.port, user=user)
        found = server.wait_for(count=3)
        assert [entry["user"][0] for entry in found] == ["2", "3", "4"]
        assert len(found[-1]["body"]) == len(found[-1]["user"]) == m.JOURNAL_BODY


def test_there_need_be_no_journal() -> None:
    with MockServer(journal=0) as server:
        chat(server.port)
        assert server.requests == []
        assert control(server.port, "GET", "requests")[1] == {"requests": []}


# Once a session: Python 3.11 keeps up to 2,000 tuples of 20, which `replace` makes, without use.
@functools.lru_cache(maxsize=None)
def called(session: str) -> m.Call:
    """A call of a session."""
    return requested(session=session)


def entry_of(number: int, session: str = "", size: int = 100) -> m.Entry:
    """An entry that takes so much room."""
    request = m.Request("POST", "/v1/chat/completions", session=session)
    asked = m.Asked(request, HEAD, {}, "openai", called(session), size)
    return m.Entry(str(number), 0.0, asked, m.Sent())


def room_of(journal: m.Journal) -> int:
    """How much room the entries of a journal take."""
    return sum(entry.asked.size for entry in journal.entries("*"))


def test_the_journal_stays_flat_however_many_requests_come() -> None:
    journal = m.Journal(size=10, room=5000)
    journal.add(entry_of(0, "old"))
    tracemalloc.start()
    try:
        for number in range(1, 9000):
            journal.add(entry_of(number, f"s{number % 3}"))
            if number == 3000:
                before = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] < before + 100_000
    finally:
        tracemalloc.stop()
    assert [entry.number for entry in journal.entries("s0")] == [
        str(number) for number in range(8970, 9000, 3)
    ]
    assert [entry.number for entry in journal.entries("old")] == ["0"]


def test_the_journal_stays_flat_however_many_sessions_come() -> None:
    journal = m.Journal(size=10, room=5000)
    for number in range(200):
        journal.add(entry_of(number, f"session {number}", size=500))
        assert room_of(journal) <= 5000
    assert [entry.number for entry in journal.entries("*")] == [str(one) for one in range(190, 200)]
    assert journal.entries("session 7") == [] and journal.find("7") is None


def reset(client: Raw) -> None:
    """End a connection with RST."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize(
    "end, ended",
    [
        (lambda client: client.sock.shutdown(socket.SHUT_RDWR), "client_closed"),
        (reset, "client_reset"),
    ],
)
def test_the_journal_says_when_a_client_left_and_how_much_it_got(
    server: MockServer, raw: Any, end: Any, ended: str
) -> None:
    server.mock(response={"text": "one two three", "pace": {"first": 0, "between": 60}})
    end(raw().send(post(STREAMING)).until_event())
    entry = server.wait_for({"stream": True}, ended=ended)[0]
    assert entry["events_sent"] == 1 and entry["events_total"] == 6


def test_a_client_that_leaves_before_the_first_event_is_noticed(server: MockServer) -> None:
    server.mock(response={"text": "a b c", "pace": 60})
    client = Raw(server).send(post(STREAMING))
    client.head()
    client.close()
    wait_until(lambda: str(server.requests[-1]["ended"]).startswith("client_"))


class Waiting:
    """Somebody who waits for requests over the control API, in a thread of its own."""

    def __init__(self, server: MockServer, wanted: Any) -> None:
        self.answers: "queue.Queue[Tuple[int, Any]]" = queue.Queue()

        def wait() -> None:
            self.answers.put(control(server.port, "POST", "requests/wait", wanted))

        self.thread = threading.Thread(target=wait)
        self.thread.start()
        wait_until(lambda: waiting_in(server))

    def answer(self) -> Tuple[int, Any]:
        """Status and JSON of what it was told."""
        self.thread.join(PATIENCE)
        return self.answers.get(timeout=1)


def test_waiting_ends_as_soon_as_the_requests_are_there(server: MockServer) -> None:
    wanted = {"match": {"user": "later"}, "count": 2, "ended": "complete", "timeout": 500}
    waiting = Waiting(server, wanted)
    for user in ("later", "sooner", "later"):
        chat(server.port, user=user)
    status, found = waiting.answer()
    assert status == 200 and [entry["user"] for entry in found["requests"]] == ["later", "later"]


def test_waiting_in_vain_is_408_with_what_differed(server: MockServer) -> None:
    for user in ("other", "nearer"):
        chat(server.port, user=user)
    server.wait_for(count=2, ended="complete")
    wanted = {"match": {"user": "nearest"}, "timeout": 0.01}
    status, found = control(server.port, "POST", "requests/wait", wanted)
    told = "0 of 1 requests came within 0.01 seconds; there was POST /v1/chat/completions "
    told += '(complete): user is "nearer", expected "nearest"; '
    assert status == 408 and found["error"]["message"].startswith(told)
    assert [entry["user"] for entry in found["requests"]] == ["other", "nearer"]
    differences = [{"key": "user", "got": "nearer", "expected": "nearest"}]
    nearest = found["requests"][1]["id"]
    assert found["near_misses"][0] == {"request": nearest, "differences": differences}
    with pytest.raises(TimeoutError, match=re.escape(told)):
        server.wait_for({"user": "nearest"}, timeout=0.01)


BAD_WAITS: List[Any] = [
    ({"ended": "completed"}, 'ended: found "completed"; did you mean "complete"?'),
    ({"ended": ["client_gone", "x"]}, 'ended[1]: found "x"; known: '),
    ({"ended": []}, "ended: expected true, or one or a list of complete, client_closed, "),
    ({"ended": False}, "ended: expected true, or one or a list of complete"),
    ({"count": 0}, "count: expected a whole number from 1 to 1000000, found 0"),
    ({"count": 1.5}, "count: expected a whole number from 1 to 1000000, found 1.5"),
    ({"count": True}, "count: expected a whole number"),
    ({"timeout": -1}, "timeout: expected seconds from 0 to 600, found -1"),
    ({"timeout": "1"}, 'timeout: expected seconds from 0 to 600, found "1"'),
    ({"match": {"usr": "x"}}, 'match.usr: unknown key; did you mean "user"?'),
]


def test_who_waits_wrongly_is_told_so(server: MockServer) -> None:
    for asked, said_so in BAD_WAITS:
        with pytest.raises(ValueError, match=re.escape(said_so)):
            server.wait_for(**asked)
        status, answer = control(server.port, "POST", "requests/wait", asked)
        assert status == 400 and said_so in answer["error"]["message"]


def test_who_waits_is_let_go_when_the_server_closes() -> None:
    with MockServer() as server:
        waiting = Waiting(server, {"timeout": 500})
    status, found = waiting.answer()
    assert status == 408 and "before the server was closed" in found["error"]["message"]
    with pytest.raises(TimeoutError, match="0 of 1 requests came before the server was closed"):
        server.wait_for()


def test_a_client_that_leaves_while_it_waits_is_noticed(server: MockServer) -> None:
    head = "POST /__mock__/requests/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\n"
    client = Raw(server).send(head.encode() + b'{"timeout": 500}')
    wait_until(lambda: waiting_in(server))
    client.close()
    wait_until(lambda: not waiting_in(server))


GET = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"GET /v1/models?key=SECRETKEY HTTP/1.1 \r\n\r\n",
        GET + b"Authorization : Bearer SECRETKEY\r\n\r\n",
        GET + b"Authorization: Bearer SECRETKEY\x01\r\n\r\n",
        GET + b"x-api-key: a\r\n SECRETKEY\r\n\r\n",
        b"GET http:/x?key=SECRETKEY HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/models?api_key=SECRETKEY&X-Amz-Signature=SECRETKEY HTTP/1.1\r\nHost: a\r\n\r\n",
        GET + b"Ocp-Apim-Subscription-Key: SECRETKEY\r\ncf-aig-authorization: SECRETKEY\r\n\r\n",
        GET + b"Authorization: SECRETKEY, Bearer x\r\nhelicone-auth: Bearer SECRETKEY\r\n\r\n",
        b"Authorization: Bearer SECRETKEY\r\nHost: a\r\n\r\n",
        b"GET http://user:SECRETKEY@a/v1/models HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: user:SECRETKEY@a\r\n\r\n",
        GET + b"Referer: http://a/?key=SECRETKEY\r\nOrigin: http://SECRETKEY@a\r\n\r\n",
        GET
        + b"page_access_token: SECRETKEY\r\nSec-Token: SECRETKEY\r\nCookie: a=SECRETKEY\r\n\r\n",
        GET
        + b"Authorization: Bearer SECRETKEY\r\n"
        + b'X-Mock-Response: {"error": "{{header.authorization}}"}\r\n\r\n',
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
    assert server.requests[0]["body"] == ASK and server.requests[0]["headers"]


def live(server: MockServer) -> Raw:
    """A client that has begun to read the live journal."""
    client = Raw(server)
    head = f"GET /__mock__/requests/live HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n"
    assert client.send(head.encode()).head()[0] == 200
    return client


def told(frame: bytes) -> Tuple[str, Any, Any]:
    """The name of an event of the live journal, the user's text, and how the request ended."""
    name, _, data = frame.decode().partition("\ndata: ")
    entry = json.loads(data)
    return name, entry["user"], entry["ended"]


def test_the_live_journal_tells_of_each_request_when_it_comes_and_when_it_ends(
    server: MockServer,
) -> None:
    watcher = live(server)
    chunks = watcher.chunks()
    assert next(chunks) == b": live\n\n"
    chat(server.port, user="Hi")
    chat(server.port, user="elsewhere", prefix="/@other")
    chat(server.port, user="Ho")
    assert [told(next(chunks)) for _ in range(4)] == [
        ("event: request", "Hi", None),
        ("event: ended", "Hi", "complete"),
        ("event: request", "Ho", None),
        ("event: ended", "Ho", "complete"),
    ]
    watcher.close()
    wait_until(lambda: not watching(server))


def test_the_live_journal_tells_when_requests_are_forgotten() -> None:
    mocks, journal = m.Mocks(), m.Journal()
    feeds = {watched: journal.watch(watched) for watched in ("", "a", "*")}
    m.Operations(mocks, journal, "").forget()
    m.Operations(mocks, journal, "a").reset()
    m.Operations(mocks, journal, "*").forget()
    for watched, sessions in {
        "": ["null", '"*"'],
        "a": ['"a"', '"*"'],
        "*": ["null", '"a"', '"*"'],
    }.items():
        journal.unwatch(feeds[watched])
        feeds[watched].put(None)
        frames = [frame for frame in feeds[watched].frames() if isinstance(frame, bytes)]
        told = [f'event: reset\ndata: {{"session":{one}}}\n\n'.encode() for one in sessions]
        assert frames[1:] == told, watched


def test_a_live_journal_ends_with_the_server_and_delays_no_shutdown() -> None:
    with MockServer() as server:
        client = live(server)
    assert list(client.chunks()) == [b": live\n\n"]
    client.close()


def test_a_slow_reader_of_the_live_journal_is_told_what_it_missed() -> None:
    feed = m.Feed()
    frame = b"x" * (m.LIVE_BACKLOG // 2)
    for _ in range(5):
        feed.put(frame)
    feed.put(None)
    assert [sent for sent in feed.frames() if not isinstance(sent, m.Hold)] == [
        b": live\n\n",
        b": 3 events dropped, they are read too slowly\n\n" + frame,
        frame,
    ]


def test_a_gated_stream_is_found_whatever_became_of_the_journal_and_a_reset_opens_it() -> None:
    with MockServer(journal=1) as server:
        server.mock(match={"stream": True}, response={"text": "one two", "gate": True})
        first, second = (Raw(server).send(post(STREAMING)) for _ in range(2))
        number = first.head()[1]["x-mock-request-id"]
        second.head()
        assert server.requests[-1]["gated"] is True
        assert control(server.port, "DELETE", "requests")[1] == {"deleted": 1}
        release = f"requests/{number}/release"
        assert control(server.port, "POST", release, {"events": 9})[0] == 200
        assert list(first.chunks())[-1] == b"data: [DONE]\n\n"
        control(server.port, "POST", "reset")
        assert list(second.chunks())[-1] == b"data: [DONE]\n\n"
        for client in (first, second):
            client.close()
