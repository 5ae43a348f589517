"""Forwarding: over sockets, with a second server, or a few bytes on a socket, as the upstream."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
from clients import PATIENCE, STREAMING, Raw, chat, fetch, post, wait_until

import mock_server as m
from mock_server import MockServer

CHAT = "/v1/chat/completions"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = b'{"choices": []}'
WHOLE = OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

Talk = Callable[[socket.socket], None]


def says(*pieces: bytes) -> Talk:
    """Sends pieces, one by one."""

    def talk(sock: socket.socket) -> None:
        for piece in pieces:
            sock.sendall(piece)

    return talk


def in_two(first: bytes, then: threading.Event, second: bytes) -> Talk:
    """Sends some bytes, and the others once it may."""

    def talk(sock: socket.socket) -> None:
        sock.sendall(first)
        then.wait(PATIENCE)
        sock.sendall(second)

    return talk


class Upstream:
    """Answers each request, once it is there, as it is told to, and closes."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.requests: List[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.threads: List[threading.Thread] = []
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.threads.append(threading.Thread(target=self.serve, args=(sock,), daemon=True))
                self.threads[-1].start()

    def serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            sock.settimeout(PATIENCE)
            data = b""
            while b"\r\n\r\n" not in data:
                data += sock.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            size = next(
                (int(one[15:]) for one in head.split(b"\r\n") if one[:15] == b"Content-Length:"), 0
            )
            while len(body) < size:
                body += sock.recv(65536)
            self.requests.append(data)
            self.talk(sock)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.accepting.join(PATIENCE)


class Pair:
    """A server that forwards to an upstream, and keeps what comes back in a folder."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder, self.stack = folder, stack

    def to(self, upstream: Any, **more: Any) -> MockServer:
        """A server whose upstream is another one, a talk, or a URL."""
        if callable(upstream):
            upstream = Upstream(upstream)
            self.stack.callback(upstream.close)
        self.upstream = upstream
        url = getattr(upstream, "url", upstream)
        settings: Dict[str, Any] = {
            "record": f"openai={url}",
            "record_to": str(self.folder),
            **more,
        }
        return self.stack.enter_context(MockServer(**settings))

    def server(self, **more: Any) -> MockServer:
        """A server to be the upstream."""
        return self.stack.enter_context(MockServer(**more))

    def client(self, server: MockServer) -> Raw:
        client = Raw(server)
        self.stack.callback(client.close)
        return client

    @property
    def saved(self) -> List[Any]:
        """The mocks that are there."""
        return [json.loads(one.read_bytes()) for one in self.folder.glob("mocks/recorded/*.json")]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with contextlib.ExitStack() as stack:
        yield Pair(tmp_path / "data", stack)


def forwarded(server: MockServer) -> Any:
    return server.requests[-1]["forwarded"]


# --- whole answers and streams ---


def test_what_no_mock_matches_is_forwarded_as_it_was_sent_and_answered_from_the_recording(
    pair: Pair,
) -> None:
    provider = pair.server()
    provider.mock(match={"user": "Hi"}, response={"text": "from afar"})
    server = pair.to(provider)
    server.mock(match={"user": "here"}, response={"text": "from here"})
    headers = {"Authorization": "Bearer k", "X-Mock-Other": "1", "X-Own": "2"}
    assert chat(server.port, "here") == (200, "from here")
    answers = [chat(server.port, "Hi", headers=headers) for _ in range(2)]
    assert answers == [(200, "from afar")] * 2
    (asked,) = provider.requests
    assert (asked["target"], asked["body"]) == (CHAT, server.requests[-1]["body"])
    names = [name.lower() for name, _ in asked["header_lines"]]
    assert names == [
        "host",
        "accept-encoding",
        "content-length",
        "authorization",
        "x-own",
        "connection",
        "connection",
    ]
    first, second = server.requests[1:]
    assert (first["mock"], first["unmatched"], first["ended"]) == (None, False, "complete")
    assert first["forwarded"] == {
        "url": provider.url + CHAT,
        "status": 200,
        "recorded": f"mocks/recorded/{second['mock']}.json",
        "reason": None,
    }
    assert second["forwarded"] is None


def test_each_event_is_there_before_the_next_one_has_left_the_provider(pair: Pair) -> None:
    provider = pair.server()
    provider.mock(response={"text": "one two three", "gate": True})
    server = pair.to(provider)
    client = pair.client(server).send(post(STREAMING))
    assert client.head()[1]["transfer-encoding"] == "chunked"
    got: List[bytes] = []
    wait_until(lambda: provider.requests)
    number = provider.requests[-1]["id"]
    for chunk in client.chunks():
        got.append(chunk)
        wait_until(lambda: server.requests[-1]["events_sent"] == len(got))
        if chunk != b"data: [DONE]\n\n":
            assert pair.saved == []
            provider.release(number)
    assert got[-1] == b"data: [DONE]\n\n"
    assert len(got) == provider.requests[-1]["events_total"]
    assert [one["match"]["stream"] for one in pair.saved] == [True]
    wait_until(lambda: server.requests[-1]["ended"] == "complete")
    again = pair.client(server).send(post(STREAMING))
    again.head()
    assert b"".join(again.chunks()) == b"".join(got)
    assert len(provider.requests) == 1


def test_a_coded_answer_goes_through_as_it_is_and_is_recorded_decoded(pair: Pair) -> None:
    body = gzip.compress(BODY[:5]) + gzip.compress(BODY[5:])
    head = OK + b"content-encoding: GZip\r\nVary: Accept-Encoding\r\n"
    server = pair.to(says(head + b"Content-Length: %d\r\n\r\n" % len(body), body))
    client = pair.client(server)
    status, headers, found = client.send(post(headers=["Accept-Encoding: br, gzip"])).response()
    assert (status, found, headers["content-encoding"]) == (200, body, "GZip")
    assert b"\r\nAccept-Encoding: gzip\r\n" in pair.upstream.requests[0]
    assert client.send(post(headers=["Accept-Encoding: identity"])).response()[2] == BODY


ENDINGS: Dict[str, List[bytes]] = {
    "sized": [WHOLE[:40], WHOLE[40:]],
    "interim": [b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", WHOLE],
    "closed": [OK + b"\r\n", BODY],
    "HTTP/1.0": [b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY],
    "chunked": [
        OK + b"Transfer-Encoding: chunked\r\n\r\n9;a=b\r\n" + BODY[:9] + b"\r\n",
        b"6\r\n" + BODY[9:] + b"\r\n0\r\nT: 1\r\n\r\n",
    ],
}


def test_an_answer_may_end_in_any_way_that_http_has(pair: Pair) -> None:
    for name, pieces in ENDINGS.items():
        server = pair.to(says(*pieces), record_to=str(pair.folder / name[:4]))
        for _ in range(2):
            assert fetch(server.port, "POST", CHAT, post().partition(b"\r\n\r\n")[2]) == (200, BODY)
        assert forwarded(server) is None and server.requests[-1]["mock"], name


def test_what_only_the_end_of_its_connection_ends_is_recorded_if_it_says_all(pair: Pair) -> None:
    for kind, whole, halves in (
        ("application/json", (b'{"a": [1]}\n',), (b'{"a": [1', b"")),
        ("text/event-stream", (b"data: 1\n\n", b"data: [DONE]\n"), (b"data: 1\n\ndata: {", b"")),
        ("application/x-ndjson", (b'{"a": 1}\n', b'{"a": 1}\n{}'), (b'{"a": 1}\n{"b', b"")),
        ("text/plain", (b"", b"any"), ()),
    ):
        assert [m.is_half(kind, one) for one in (*whole, *halves)] == (
            [False] * len(whole) + [True] * len(halves)
        )
    server = pair.to(says(OK + b'\r\n{"choices": ['))
    body = post().partition(b"\r\n\r\n")[2]
    assert fetch(server.port, "POST", CHAT, body) == (200, b'{"choices": [')
    assert "in the middle" in forwarded(server)["reason"] and pair.saved == []


def test_paths_of_no_provider_and_answers_of_any_status_are_passed_on(pair: Pair) -> None:
    provider = pair.server()
    raw = {"raw": {"base64": "/wD+"}, "headers": {"content-type": "audio/mpeg", "etag": "1"}}
    provider.mock(match={"path": "/v1/files/a%2Fb"}, response=raw)
    provider.mock(match={"path": "/go"}, response={"status": 302, "raw": ""})
    provider.mock(match={"path": "/none"}, response={"status": 204, "raw": ""})
    provider.mock(match={"path": "/busy"}, response={"status": 503, "error": "later"})
    server = pair.to(provider)
    assert fetch(server.port, "GET", "/@me/v1/files/a%2Fb?q=%2f&q") == (200, b"\xff\0\xfe")
    assert provider.requests[-1]["target"] == "/v1/files/a%2Fb?q=%2f&q"
    assert fetch(server.port, "HEAD", "/v1/files/a%2Fb") == (200, b"")
    assert forwarded(server)["reason"] == "an answer to HEAD has no body"
    assert fetch(server.port, "OPTIONS", "/v1/files/a%2Fb")[0] == 200
    assert fetch(server.port, "GET", "/go") == (302, b"")
    assert fetch(server.port, "PUT", "/none", b"x") == (204, b"")
    assert fetch(server.port, "GET", "/busy")[0] == 503
    told = [one["forwarded"] for one in server.requests]
    assert [one["reason"] for one in told if one["status"] in (302, 503)] == [
        "an answer of status 302, which leads elsewhere, is never saved",
        "an answer of status 503 is never saved",
    ]
    assert fetch(server.port, "GET", "/")[1] == b'{"status":"healthy","service":"mock-provider"}'
    assert fetch(server.port, "POST", "/health")[0] == 405  # which is no probe
    assert len(provider.requests) == 7
    metrics = fetch(server.port, "GET", "/__mock__/metrics")[1].decode()
    for line in ('forwarded_total{status="200"} 3', 'forwarded_total{status="503"} 1'):
        assert f"mock_server_{line}\n" in metrics
    saved = len(pair.saved)
    assert f"mock_server_recordings_total {saved}\n" in metrics and saved


def test_answers_of_4xx_are_recorded_only_if_that_is_asked_for(pair: Pair) -> None:
    provider = pair.server()
    provider.mock(response={"status": 429, "error": "slow"})
    for settings, count in (({}, 2), ({"record_errors": True}, 3)):
        server = pair.to(provider, **settings)
        assert [chat(server.port)[0] for _ in range(2)] == [429, 429]
        assert len(provider.requests) == count
        assert bool(server.requests[-1]["mock"]) == bool(settings)


def test_a_coded_body_is_sent_as_it_came(pair: Pair) -> None:
    server = pair.to(says(WHOLE))
    body = gzip.compress(json.dumps(STREAMING).encode())
    asked = post(body, headers=["Content-Encoding: gzip"])
    assert pair.client(server).send(asked).response()[2] == BODY
    assert pair.upstream.requests[0].endswith(body)


def test_with_credentials_a_wrong_one_is_refused_and_a_right_one_forwarded(pair: Pair) -> None:
    server = pair.to(says(WHOLE), credential="openai=sk-a")
    assert fetch(server.port, "GET", "/v1/models", headers={"Authorization": "Bearer b"})[0] == 401
    assert (
        fetch(server.port, "GET", "/v1/models", headers={"Authorization": "Bearer sk-a"})[1] == BODY
    )
    assert [b"\r\nAuthorization: Bearer sk-a\r\n" in one for one in pair.upstream.requests] == [
        True
    ]


def test_what_breaks_a_rule_or_brings_its_answer_is_not_forwarded(pair: Pair) -> None:
    server = pair.to(says(WHOLE), strict=True)
    for body in (b"{}", b'{"model": "m", "messages": []}'):
        assert pair.client(server).send(post(body)).head()[0] == 400
    for brought, status in (
        ({"delay": 1}, 400),
        ({"text": "own"}, 200),
        ({"status": 418, "error": "x"}, 418),
    ):
        assert chat(server.port, headers={"X-Mock-Response": json.dumps(brought)})[0] == status
    with pytest.raises(OSError):
        chat(server.port, headers={"X-Mock-Response": '{"fault": "close"}'})
    assert pair.upstream.requests == []


def test_what_is_stored_here_is_not_asked_for_elsewhere_and_no_bytes_are_remembered(
    pair: Pair,
) -> None:
    server = pair.to(says(WHOLE))
    server.mock(match={"api": "responses"}, response={"text": "stored"})
    body = json.dumps({"model": "m", "input": "Hi"}).encode()
    stored = json.loads(fetch(server.port, "POST", "/v1/responses", body)[1])
    status, found = fetch(server.port, "GET", f"/v1/responses/{stored['id']}")
    assert (status, b"stored" in found, pair.upstream.requests) == (200, True, [])
    assert fetch(server.port, "GET", "/v1/responses/resp_other") == (200, BODY)
    # The path is OpenAI's, whatever is asked there.
    url = pair.upstream.url
    other = pair.to(pair.upstream, record=[f"openai={url}", "gemini=http://127.0.0.1:9"])
    assert fetch(other.port, "PATCH", CHAT) == (200, BODY)
    calls = [entry.asked.call for entry in server.core.journal.entries("")]
    assert [call and call.request.raw for call in calls] == [None] * 3


def test_what_can_not_be_read_is_forwarded_and_not_recorded(pair: Pair) -> None:
    server = pair.to(says(WHOLE))
    for body, why in (
        (b"{", "JSON"),
        (b"{}", "model: expected a string"),
        (
            b'{"model": "m", "messages": [], "n": "sk-proj-abcdefghij0123456789ABCDEFGHIJ"}',
            "n: expected",
        ),
    ):
        assert pair.client(server).send(post(body)).response()[::2] == (200, BODY)
        assert pair.upstream.requests[-1].endswith(body)
        told = forwarded(server)
        assert told["status"] == 200 and told["recorded"] is None
        assert why in told["reason"] and "abcdefghij" not in told["reason"]
        assert not pair.saved and server.verify() is None
    for brought in ({"text": "own"}, {"status": 418, "error": "x"}):
        own = ["X-Mock-Response: " + json.dumps(brought)]
        assert pair.client(server).send(post(b"{", headers=own)).head()[0] == 400
    assert pair.client(server).send(post(b"{", "/v1/messages")).head()[0] == 400
    assert len(pair.upstream.requests) == 3


def test_a_provider_that_is_not_recorded_is_told_how_it_would_be(pair: Pair) -> None:
    server = pair.to(says(WHOLE))
    claude = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    status, body = fetch(server.port, "POST", "/v1/messages", json.dumps(claude).encode())
    assert (status, b"; --record anthropic=URL would forward it" in body) == (404, True)
    groq = pair.to(says(WHOLE), record="groq=http://a.invalid")
    told = "; --record openai=URL would forward it; to have groq asked, put /groq before the path"
    assert told in chat(groq.port)[1].decode()
    two = pair.to(says(WHOLE), record=["openai=http://a.invalid", "cohere=http://b.invalid"])
    status, body = fetch(two.port, "GET", "/nobody/has/it")
    assert (status, b"; --record other=URL would forward it" in body) == (404, True)
    server = pair.to(says(WHOLE), record=["groq=http://a.example", "cohere=http://b.example"])
    for path, is_told in (("/v1/files", True), ("/healthz", False)):
        status, body = fetch(server.port, "GET", path)
        assert (status, b"--record other=URL would forward it" in body) == (404, is_told), path


def test_a_path_that_the_url_has_already_is_told_where_nothing_is_there(pair: Pair) -> None:
    provider = pair.server()
    for url, is_told in (("/v1", True), ("/api/v1", True), ("/api", False)):
        server = pair.to(provider.url + url, record_to=str(pair.folder))
        provider.mock(response={"error": {"kind": "not_found"}})
        assert chat(server.port)[0] == 404
        told = "/v1 is in the request's path and in --record openai=URL: leave it out there; "
        assert forwarded(server)["reason"].startswith(told) is is_told, url


# --- what goes wrong ---


def test_an_upstream_that_fails_is_told_in_the_shape_of_the_provider(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(host: str, *more: Any, **others: Any) -> Any:
        if host == "nobody.example":
            raise socket.gaierror(-2, "Name or service not known")
        return known(host, *more, **others)

    known = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nobody = "http://127.0.0.1:%d" % unused.getsockname()[1]
    silent = threading.Event()
    pair.stack.callback(silent.set)
    told: Any
    for upstream, status, told in (
        (nobody, 502, "the connection was refused; is anybody listening there?"),
        ("http://nobody.example", 502, "the address of nobody.example is not known: Name or"),
        (lambda sock: silent.wait(PATIENCE), 504, "it said nothing for 0.05 s"),
        (says(WHOLE[:-3]), 502, "it closed the connection after 12 of 15 bytes of its answer"),
        (says(CHUNKED + b"8\r\n" + BODY[:8] + b"\r\n"), 502, "closed the connection in the middle"),
        (says(b"SSH-2.0-OpenSSH\r\n"), 502, 'not HTTP/1: it begins with \\"SSH-2.0-OpenSSH'),
        (says(b"POST /v1/a?key=planted\r\n"), 502, 'it begins with \\"POST /v1/a?key=p\\"'),
        (says(), 502, "it closed the connection without an answer"),
        (says(OK + b"A: " + b"b" * 70000), 502, "longer than 65536 bytes"),
    ):
        server = pair.to(upstream)
        assert server.core.forwarder
        if status == 504:
            server.core.forwarder.silent_seconds = 0.05
        found, body = fetch(
            server.port, "POST", CHAT + "?key=AIzaSy0", post().partition(b"\r\n\r\n")[2]
        )
        assert (found, told in body.decode()) == (status, True), body
        message = json.loads(body)["error"]["message"]
        url = server.core.settings.record[0].partition("=")[2] + CHAT + "?key=***"
        assert message.startswith(f"the request could not be forwarded to {url}")
        assert "AIza" not in json.dumps(server.requests)
        is_half = "12 of 15" in told or "in the middle" in told
        counted = {"200": 1} if is_half else {"none": 1}
        assert server.core.journal.counters.forwarded == counted
    assert pair.saved == []


def test_where_an_answer_breaks_off_its_client_sees_that(pair: Pair) -> None:
    event = b"9\r\ndata: a\n\n\r\n"
    for ending in (b"", b"zz\r\n"):
        begun = threading.Event()
        server = pair.to(in_two(EVENTS + event, begun, ending))
        client = pair.client(server).send(post(STREAMING))
        assert client.head()[0] == 200
        assert client.file.read(len(event)) == event
        begun.set()
        assert client.file.read() == b""
        wait_until(lambda server=server: server.requests[-1]["ended"] == "fault")
        assert forwarded(server)["reason"]
        assert "internal error" not in json.dumps(server.requests)
    assert pair.saved == []


def test_a_whole_answer_that_takes_its_time_goes_on_as_it_comes(pair: Pair) -> None:
    begun = threading.Event()
    # OpenRouter, DeepSeek: empty lines keep a connection alive.
    server = pair.to(in_two(CHUNKED + b"1\r\n\n\r\n", begun, b"f\r\n" + BODY + b"\r\n0\r\n\r\n"))
    assert server.core.forwarder
    server.core.forwarder.held_seconds = 0.0
    client = pair.client(server).send(post())
    assert client.head()[0] == 200
    assert client.file.read(6) == b"1\r\n\n\r\n"
    begun.set()
    assert client.file.read(21) == b"f\r\n" + BODY + b"\r\n0"
    wait_until(lambda: pair.saved)
    assert forwarded(server)["recorded"]


def test_a_bug_costs_the_recording_and_not_the_answer(pair: Pair) -> None:
    def keep(*given: Any) -> Any:
        raise ZeroDivisionError("sk-secret")

    for answer, asked in ((WHOLE, post()), (EVENTS + b"1\r\na\r\n0\r\n\r\n", post(STREAMING))):
        server = pair.to(says(answer))
        assert server.core.forwarder
        server.core.forwarder.recorder.keep = keep  # type: ignore[method-assign]
        client = pair.client(server).send(asked)
        assert client.response()[0] == 200
        wait_until(lambda server=server: server.requests[-1]["ended"] == "complete")
        assert forwarded(server)["reason"].startswith("internal error: ZeroDivisionError (line ")


def test_no_connection_is_told_by_what_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, status, told in (
        (socket.timeout("timed out"), 504, "nobody accepted the connection within 3 s"),
        (OSError(101, "Network is unreachable"), 502, "no connection: Network is unreachable"),
    ):

        def connect(sock: socket.socket, where: Any, error: OSError = error) -> None:
            raise error

        link = m.Link(m.Upstream("openai", "http://a"), 3, 1)
        with monkeypatch.context() as patch:
            patch.setattr(socket.socket, "connect", connect)
            with pytest.raises(m.Unanswered, match=told) as found:
                link.reach([(socket.AF_INET, ("127.0.0.1", 9))])
        assert found.value.status == status


def test_what_could_not_be_sent_whole_may_have_an_answer_all_the_same() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(WHOLE)
        theirs.close()
        link = m.Link(m.Upstream("openai", "http://a"), 1, 1)
        link.hold(ours)
        unsent = link.send(b"a" * 1_000_000)
        assert isinstance(unsent, OSError) and link.receive() == WHOLE
        link.cut()
        exchange = m.Exchanged.__new__(m.Exchanged)
        exchange.link = link
        for error, told in ((unsent, "it took only some of the request"), (None, "was cut")):
            with pytest.raises(m.Unanswered, match=told):
                exchange.read(error)


def test_a_server_that_is_its_own_upstream_says_so(pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    server = pair.to(f"http://127.0.0.1:{port}", port=port)
    status, body = chat(server.port)
    assert (status, b"this URL is the server's own" in body) == (502, True)
    assert len(server.requests) == 1


def test_a_request_waits_for_its_turn_but_not_for_ever(pair: Pair) -> None:
    provider = pair.server()
    provider.mock(response={"text": "one two", "gate": True})
    server = pair.to(provider)
    assert server.core.forwarder
    server.core.forwarder.most, server.core.forwarder.turn_seconds = 1, 0.05
    first = pair.client(server).send(post(STREAMING))
    first.head()
    status, body = chat(server.port)
    assert (status, b"1 others are being forwarded" in body) == (503, True)
    provider.release(provider.requests[-1]["id"], 9)
    list(first.chunks())
    assert chat(server.port, "Ho")[0] == 200
    assert len(provider.requests) == 2  # what was given up did not go there later


def test_a_circle_of_servers_is_found_at_once(pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    first = pair.to(f"http://127.0.0.1:{port}")
    second = pair.to(first, port=port)
    status, body = chat(second.port)
    assert (status, b"leads in a circle" in body) == (502, True)
    assert (len(first.requests), len(second.requests)) == (1, 2)
    # Marks are found behind several servers, too.
    sent = m.AsSent(CHAT, b"Connection: mock-server-%016x\r\n" % 7)
    head = m.Upstream("openai", "http://a").request_bytes("POST", sent, "mock-server-" + "a" * 16)[
        0
    ]
    assert b"\r\nConnection: close\r\nConnection: mock-server-%016x, mock-server-a" % 7 in head


def test_the_control_api_of_an_upstream_is_not_reached(pair: Pair) -> None:
    provider = pair.server()
    server = pair.to(provider, record=f"groq={provider.url}")
    for path in ("/@a/@b/__mock__/requests", "/groq/__mock__/requests"):
        for method in ("GET", "DELETE"):
            assert fetch(server.port, method, path)[0] == 404


HALVES = (
    (OK + b"\r\n", BODY[:-1]),
    (OK + b"\r\n", b""),
    (OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(BODY)[:10]),
)


def test_what_may_be_half_an_answer_is_passed_on_and_not_saved(pair: Pair) -> None:
    for head, half in HALVES:
        server = pair.to(says(head + half))
        assert fetch(server.port, "POST", CHAT, post().partition(b"\r\n\r\n")[2]) == (200, half)
        assert forwarded(server)["reason"]
    assert pair.saved == []


def test_what_goes_wrong_with_a_recording_costs_no_answer(pair: Pair) -> None:
    def failing(*given: Any) -> Any:
        raise KeyError("sk-secret")

    for answer in (WHOLE, EVENTS + b"9\r\ndata: a\n\n\r\n0\r\n\r\n"):
        server = pair.to(says(answer))
        assert server.core.forwarder
        server.core.forwarder.recorder.keep = failing  # type: ignore[method-assign]
        assert chat(server.port, stream=True)[0] == 200
        wait_until(lambda server=server: server.requests[-1]["ended"] == "complete")
        reason = forwarded(server)["reason"]
        assert reason.startswith("internal error: KeyError (line ") and "sk-" not in reason


def test_an_upstream_that_takes_no_request_is_given_up(pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        server = pair.to("http://127.0.0.1:%d" % deaf.getsockname()[1])
        assert server.core.forwarder
        server.core.forwarder.silent_seconds = 0.05
        status, body = fetch(server.port, "PUT", "/v1/x", b"x" * 12_000_000)
    assert (status, b"it took nothing more of the request for 0.05 s" in body) == (504, True)


# --- TLS ---


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl program")
def test_over_tls_an_authority_is_trusted_that_is_named(pair: Pair, tmp_path: Path) -> None:
    provider = pair.server(tls=True)
    provider.mock(response={"text": "sealed"})
    authority = tmp_path / "ca.pem"
    authority.write_text(provider.tls_cert)
    server = pair.to(provider)
    status, body = chat(server.port)
    assert (status, b"--record-ca FILE names an authority to trust" in body) == (502, True)
    server = pair.to(provider, record_ca=str(authority))
    assert chat(server.port) == (200, "sealed")
    server = pair.to(pair.server().url.replace("http", "https"))
    status, body = chat(server.port, "Ho")
    assert (status, b"its URL begins with http://" in body) == (502, True), body


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl program")
def test_half_an_answer_over_tls_is_not_recorded(pair: Pair, tmp_path: Path) -> None:
    provider = pair.server(tls=True)
    authority = tmp_path / "ca.pem"
    authority.write_text(provider.tls_cert)
    assert provider.core.tls
    provider.core.tls.set_alpn_protocols(["h2", "http/1.1"])
    spoken: List[Any] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        sock = provider.core.tls.wrap_socket(listener.accept()[0], server_side=True)
        spoken.append(sock.selected_alpn_protocol())
        sock.recv(65536)
        sock.sendall(OK + b"\r\n" + BODY)
        sock.close()  # without a goodbye, as nothing tells the length

    thread = threading.Thread(target=talk)
    with listener:
        thread.start()
        port = listener.getsockname()[1]
        server = pair.to(f"https://127.0.0.1:{port}", record_ca=str(authority))
        client = pair.client(server).send(post())
        assert client.response()[2] == BODY
    thread.join(PATIENCE)
    wait_until(lambda: server.requests[-1]["ended"] == "complete")
    assert "its TLS ended without a goodbye" in forwarded(server)["reason"]
    assert (spoken, pair.saved) == (["http/1.1"], [])


def test_a_file_of_authorities_that_can_not_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    for path, told in ((tmp_path / "none.pem", "No such file"), (empty, "no certificate in it")):
        with pytest.raises(OSError, match=f"--record-ca {path}: .*{told}"):
            MockServer(record="openai=https://a", record_to=str(tmp_path), record_ca=str(path))


# --- clients, and the end ---


def test_a_client_of_http_1_0_gets_a_stream_without_chunks(pair: Pair) -> None:
    server = pair.to(says(EVENTS + b"9\r\ndata: a\n\n\r\n0\r\n\r\n"))
    for _ in range(2):
        client = pair.client(server).send(post(STREAMING).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert "transfer-encoding" not in client.head()[1]
        assert client.file.read() == b"data: a\n\n"
    assert len(pair.upstream.requests) == 1


def test_a_client_that_leaves_has_its_recording_saved_whole(pair: Pair) -> None:
    provider = pair.server()
    provider.mock(response={"text": "one two three", "gate": True})
    server = pair.to(provider)
    said: List[str] = []
    assert server.core.forwarder
    server.core.forwarder.say = said.append
    client = pair.client(server).send(post(STREAMING))
    client.until_event().close()
    wait_until(lambda: server.requests[-1]["ended"] == "client_closed")
    provider.release(provider.requests[-1]["id"], 99)
    wait_until(lambda: pair.saved and said)
    assert said[0].startswith(f"{pair.upstream.url}{CHAT}, whose client left (recorded as mocks/")
    assert chat(server.port, stream=True)[1].endswith(b"data: [DONE]\n\n")
    assert len(provider.requests) == 1


def test_a_client_that_does_not_wait_is_in_the_journal_and_its_answer_recorded(pair: Pair) -> None:
    begun, left = threading.Event(), threading.Event()

    def talk(sock: socket.socket) -> None:
        begun.set()
        left.wait(PATIENCE)
        sock.sendall(WHOLE)

    server = pair.to(talk)
    client = pair.client(server).send(post())
    assert begun.wait(PATIENCE)
    client.close()
    (entry,) = server.wait_for(ended="client_closed")
    assert (entry["status"], entry["model"], forwarded(server)["status"]) == (
        None,
        "gpt-4o-mini",
        None,
    )
    left.set()
    wait_until(lambda: pair.saved)
    wait_until(lambda: forwarded(server)["recorded"])


def test_a_client_that_leaves_before_its_turn_is_not_forwarded(pair: Pair) -> None:
    provider = pair.server()
    provider.mock(response={"text": "one two", "gate": True})
    server = pair.to(provider)
    assert server.core.forwarder
    server.core.forwarder.most = 1
    first = pair.client(server).send(post(STREAMING))
    first.head()
    second = pair.client(server).send(post())
    wait_until(lambda: server.core.forwarder and server.core.forwarder.waiting)
    second.close()
    server.wait_for(ended="client_closed")
    assert forwarded(server)["reason"] == "its client left before its turn"
    provider.release(provider.requests[-1]["id"], 9)
    list(first.chunks())
    wait_until(lambda: server.requests[0]["ended"] == "complete")
    assert len(provider.requests) == 1
    # What was forwarded is not kept for as long as a connection idles.
    assert not any(isinstance(one.gate, m.Passage) for one in server.connections)


def test_a_head_without_end_is_not_read_on_for_nobody(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, gone = threading.Event(), threading.Event()

    def talk(sock: socket.socket) -> None:
        begun.set()
        try:
            while True:
                sock.sendall(b"HTTP/1.1 102 Busy\r\n\r\n")
                time.sleep(0.001)
        except OSError:
            gone.set()

    # In its own room, where that is a module.
    monkeypatch.setattr(m.Forwarder, "left_seconds", 0.0)
    monkeypatch.setattr(sys.modules[m.Incoming.__module__], "MOST_INTERIM", 1_000_000)
    client = pair.client(pair.to(talk)).send(post())
    assert begun.wait(PATIENCE)
    client.close()
    assert gone.wait(PATIENCE)


def test_an_answer_that_is_not_recorded_is_not_read_on_for_nobody(pair: Pair) -> None:
    gone = threading.Event()

    heads: List[bytes] = []

    def talk(sock: socket.socket) -> None:
        sock.sendall(heads[-1])
        try:
            while True:
                sock.sendall(b"1\r\na\r\n")
        except OSError:
            gone.set()

    for coding, told in (
        (b"\r\nContent-Encoding: br", 'its content coding "br" can\'t be undone'),
        (b"", "its client left, and it did not end within 0 s"),
    ):
        gone.clear()
        heads.append(EVENTS.replace(b"\r\n\r\n", coding + b"\r\n\r\n"))
        server = pair.to(talk)
        assert server.core.forwarder
        if not coding:
            server.core.forwarder.left_seconds = 0.0
        client = pair.client(server).send(post(STREAMING))
        client.head()
        client.close()
        assert gone.wait(PATIENCE)
        wait_until(lambda server=server, told=told: forwarded(server)["reason"] == told)
    assert pair.saved == []


def test_a_slow_client_has_the_upstream_wait(pair: Pair) -> None:
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    sent: List[int] = []

    def talk(sock: socket.socket) -> None:
        sock.sendall(EVENTS.replace(b"200 OK", b"404 No"))  # which is not kept
        for number in range(300):
            sock.sendall(piece)
            sent.append(number)
        sock.sendall(b"0\r\n\r\n")

    server = pair.to(talk)
    forwarder = server.core.forwarder
    assert forwarder
    client = pair.client(server).send(post(STREAMING))
    client.head()
    wait_until(lambda: sum(one.size for one in forwarder.links) > 1024 * 1024)
    assert len(sent) < 300
    assert sum(one.size for one in forwarder.links) <= 1024 * 1024 + 65536
    assert sum(map(len, client.chunks())) == 300 * 65536
    wait_until(lambda: server.requests[-1]["ended"] == "complete")


def test_all_that_is_being_recorded_has_a_bound_together() -> None:
    room, incoming = m.Room(10), m.Incoming("POST")
    one, other, last = (m.Taken(incoming, 0.0, room) for _ in range(3))
    one.add(b"12345678")
    other.add(b"1")
    other.add(b"23")
    assert (one.why, room.held) == ("", 8)
    assert "together" in other.why
    one.clear()
    one.clear()
    last.add(b"1234567890")
    assert (last.why, last.body, room.held) == ("", b"1234567890", 10)
    last.give_up("it is not gzip")
    assert room.held == 0


def test_many_are_recorded_at_once(pair: Pair) -> None:
    provider = pair.server()
    provider.mock(response={"text": "you said {{user}}"})
    server = pair.to(provider)
    found: Dict[str, Any] = {}

    def ask(user: str) -> None:
        found[user] = [chat(server.port, user), chat(server.port, user)]

    threads = [threading.Thread(target=ask, args=(f"number {at}",)) for at in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == {f"number {at}": [(200, f"you said number {at}")] * 2 for at in range(20)}
    assert (len(pair.saved), len(provider.requests)) == (20, 20)


@pytest.mark.parametrize("head", [EVENTS, EVENTS.replace(b"Transfer-Encoding", b"X")])
def test_a_server_ends_whatever_its_upstreams_do(pair: Pair, head: bytes) -> None:
    closed = threading.Event()

    def talk(sock: socket.socket) -> None:
        sock.sendall(head + b"9\r\ndata: a\n\n\r\n")
        while sock.recv(65536):
            pass
        closed.set()

    server = pair.to(talk)
    client = pair.client(server).send(post(STREAMING))
    client.head()
    assert server.core.forwarder
    server.core.forwarder.closing_seconds = 0.05
    server.close(0)
    assert closed.wait(PATIENCE)
    assert [one.name for one in threading.enumerate() if one.name == "forward"] == []
    assert pair.saved == []
