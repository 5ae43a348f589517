"""Where requests are forwarded, what of them is sent there, and how answers are read: in memory."""

from __future__ import annotations

import gzip
import time
import zlib
from types import SimpleNamespace
from typing import Any, Dict, List, Optional, Tuple

import pytest

import mock_server as m

# --- which --record has a request ---

CHAT = "/v1/chat/completions"
WHICH: List[Tuple[List[str], str, str, Dict[str, str], Optional[str]]] = [
    (["openai=a", "other=b"], "POST", CHAT, {}, "a"),
    (["anthropic=a"], "POST", CHAT, {}, None),
    (["anthropic=a"], "POST", "/v1/messages", {}, "a"),
    (["openai=a", "groq=b"], "POST", "/groq" + CHAT, {}, "b"),
    (["openai=a", "groq=b"], "POST", CHAT, {"user-agent": "Groq/Python 1"}, "b"),
    (["openai=a"], "POST", "/groq" + CHAT, {}, "a"),
    (["groq=b"], "POST", CHAT, {}, None),
    (["azure=a", "openai=b"], "POST", "/openai/deployments/d/chat/completions", {}, "a"),
    (["openai=b"], "POST", "/openai/deployments/d/chat/completions", {}, None),
    (["ollama=a"], "POST", "/api/chat", {}, "a"),
    (["ollama=a"], "POST", "/ollama" + CHAT, {}, "a"),
    (["gemini=a"], "POST", "/v1beta/models/g:generateContent", {}, "a"),
    (["openai=a"], "GET", "/v1/models", {}, "a"),
    (["anthropic=a", "openai=b"], "GET", "/v1/models", {"anthropic-version": "1"}, "a"),
    (["openai=a"], "GET", "/v1/responses/resp_1", {}, "a"),
    (["vllm=a"], "GET", "/version", {}, "a"),
    (["vllm=a", "openai=b"], "POST", "/tokenize", {}, "a"),
    (["azure=a"], "POST", "/tenant/oauth2/v2.0/token", {}, None),
    (["gemini=a", "vertex_ai=a"], "POST", "/token", {}, None),
    (["bedrock=a"], "GET", "/latest/meta-data/iam/security-credentials/", {}, None),
    (["openai=a"], "DELETE", "/v1/files/1", {}, "a"),
    (["openai=a", "gemini=b"], "GET", "/v1/files", {}, None),
    (["openai=a", "other=b"], "GET", "/v1/files", {}, "b"),
    (["gemini=a", "openai=b"], "GET", CHAT, {}, "b"),
    (["openai=a"], "OPTIONS", "*", {}, None),
]


def upstream_name(given: List[str], request: m.Request) -> Optional[str]:
    upstreams = m.Upstreams([f"{one.replace('=', '=http://')}" for one in given])
    try:
        found = upstreams.of(m.route(request)[0])
    except m.Refused as refused:
        owner = m.shape_of(request) if refused.status == 405 else None
        found = upstreams.of_other(request.path, owner)
    return found.host if found else None


def test_a_request_goes_to_the_record_of_its_dialect_its_provider_or_of_other_paths() -> None:
    wrong = [
        (given, method, path, headers)
        for given, method, path, headers, expected in WHICH
        if upstream_name(given, m.Request(method, path, headers=headers)) != expected
    ]
    assert wrong == []


def test_who_speaks_a_dialect_that_nobody_told_hears_how() -> None:
    upstreams = m.Upstreams(["groq=http://a"])
    for path, told in (
        (CHAT, True),
        ("/openai/v1/chat/completions", True),
        ("/v1/messages", False),
    ):
        hint = upstreams.hint(m.route(m.Request("POST", path))[0])
        assert ("/groq before the path or --dialect PORT=groq" in hint) == told, path


# --- what is sent ---

TARGETS = [
    ("openai=http://h", "/v1/x?a=%2F&b=c+d&a=", "/v1/x?a=%2F&b=c+d&a="),
    ("openai=http://h/base", "/v1//x%2fy", "/base/v1//x%2fy"),
    ("openai=http://h", "/@me/v1/x", "/v1/x"),
    ("openai=http://h", "//%40me/v1/x?q", "/v1/x?q"),
    ("openai=http://h/b", "/@me?q", "/b/?q"),
    ("openai=http://h", "http://other/v1/x", "/v1/x"),
    ("openai=http://h", "/v1/x#part", "/v1/x"),
    ("groq=http://h/openai", "/groq/v1/x", "/openai/v1/x"),
    ("groq=http://h", "/@me/groq/v1/x", "/v1/x"),
    ("groq=http://h", "/openai/v1/x", "/openai/v1/x"),
    ("openai=http://h", "/groq/v1/x", "/groq/v1/x"),
    ("openai=http://h", "/openai/v1/x", "/openai/v1/x"),
    ("azure=http://h", "/azure/x", "/azure/x"),
]


def test_the_path_of_the_url_goes_before_what_was_sent_letter_by_letter() -> None:
    wrong = [
        (given, target, expected, found)
        for given, target, expected in TARGETS
        for found in [m.Upstream(*m.name_and_url(given)).target(m.AsSent(target))]
        if found != expected
    ]
    assert wrong == []


def test_what_would_be_for_the_control_api_of_the_upstream_is_known() -> None:
    for given, target, expected in (
        ("openai=http://h", "/@a/@b/__mock__/mocks", True),
        ("openai=http://h", "//%40a//%40b//__mock__", True),
        ("openai=http://h", "http://other/@a/@b/__mock__/mocks", True),
        ("groq=http://h", "/groq/__mock__/mocks", True),
        ("groq=http://h/@me", "/@a/groq/__mock__/mocks", True),
        ("openai=http://h", "/groq/__mock__/mocks", False),
        ("openai=http://h/base", "/@a/@b/__mock__/mocks", False),
        ("openai=http://h", "/v1/x?/__mock__", False),
    ):
        upstream = m.Upstream(*m.name_and_url(given))
        assert upstream.is_control(m.AsSent(target)) == expected, (given, target)


UP = m.Upstream("openai", "http://up:81/base")
LINES: List[Tuple[str, bytes, List[str], List[str]]] = [
    (
        "POST",
        b"{}",
        ["accept: a", "HOST: me", "X-A: 1", "x-a: 2", "Content-Length: 2", "Authorization: B k"],
        ["accept: a", "HOST: up:81", "X-A: 1", "x-a: 2", "Content-Length: 2", "Authorization: B k"],
    ),
    (
        "POST",
        b"{}",
        ["Host: me", "Transfer-Encoding: chunked", "TE: trailers", "Trailer: a", "Upgrade: h2c"],
        ["Host: up:81", "Content-Length: 2"],
    ),
    (
        "POST",
        b"",
        ["Host: me", "Expect: 100-continue", "Keep-Alive: 5", "Proxy-Authorization: x"],
        ["Host: up:81", "Content-Length: 0"],
    ),
    (
        "GET",
        b"",
        [
            "Host: me",
            "Connection: keep-alive, x-hop",
            "X-Hop: 1",
            "X-Mock-Session: s",
            "X-Mocked: 1",
        ]
        + ["Keep-Alive: 5"],
        ["Host: up:81", "X-Mocked: 1"],
    ),
    ("GET", b"", ["A: b"], ["Host: up:81", "A: b"]),
    (
        "GET",
        b"",
        ["Host: me", "Accept-Encoding: br, gzip;q=0.5 ,*"],
        ["Host: up:81", "Accept-Encoding: gzip;q=0.5"],
    ),
    (
        "GET",
        b"",
        ["Host: me", "accept-encoding: zstd"],
        ["Host: up:81", "accept-encoding: identity"],
    ),
    (
        "GET",
        b"",
        ["Host: me", "Accept-Encoding: br", "Accept-Encoding: deflate, identity;q=0"],
        ["Host: up:81", "Accept-Encoding: deflate, identity;q=0"],
    ),
]


def test_headers_are_sent_as_they_came_but_for_those_of_one_connection() -> None:
    wrong = []
    for method, body, given, expected in LINES:
        sent = m.AsSent("/x", "".join(line + "\r\n" for line in given).encode(), body)
        head, found_body = UP.request_bytes(method, sent)
        lines = head.decode().split("\r\n")
        assert (lines[0], lines[-3:], found_body) == (
            f"{method} /base/x HTTP/1.1",
            ["Connection: close", "", ""],
            body,
        )
        if lines[1:-3] != expected:
            wrong.append((given, lines))
    assert wrong == []


def test_the_url_that_is_shown_has_no_key() -> None:
    assert UP.shown("/base/v1?key=AIzaSecret&a=b").startswith(
        "http://up:81/base/v1?key=*** (sha256"
    )
    assert "sk-" not in UP.shown("/base/sk-abcdefghijklmnopqrstuvwx/v1")
    assert UP.shown("/v1?code=4a&a=b").endswith("/v1?code=***&a=b")


def test_the_log_says_what_became_of_a_recording_where_the_answer_does_not() -> None:
    for status, recorded, reason, told in (
        (None, "", "", ""),
        (None, "", "refused", ""),
        (200, "", "", ""),
        (200, "", "why", "(not recorded: why)"),
        (200, "a.json", "", "(recorded as a.json)"),
    ):
        one = m.Forwarded("http://a/")
        one.status, one.recorded, one.reason = status, recorded, reason
        assert one.outcome() == told


def test_an_answer_is_passed_on_without_what_is_said_anew_or_of_one_connection() -> None:
    headers = (
        *(("Content-Type", "a/b"), ("Set-Cookie", "1"), ("Set-Cookie", "2"), ("Date", "now")),
        *(("Connection", "X-Hop"), ("x-hop", "1"), ("Alt-Svc", "h3"), ("Content-Length", "1")),
        *(("Transfer-Encoding", "chunked"), ("Access-Control-Allow-Origin", "o")),
    )
    kept = (("Content-Type", "a/b"), ("Set-Cookie", "1"), ("Set-Cookie", "2"))
    page = m.Request("GET", "/", headers={"origin": "http://a"})
    assert m.passed_headers(headers, page) == kept
    assert m.passed_headers(headers, m.Request("GET", "/")) == (*kept, headers[-1])


# --- answers, read ---

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ANSWERS: List[Tuple[str, bytes, Any]] = [
    ("GET", OK + b"Content-Length: 3\r\n\r\nabcd", (200, b"abc")),
    ("GET", OK + b"Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc", (200, b"abc")),
    ("GET", OK + b"\r\nall of it", (200, b"all of it")),
    ("GET", b"HTTP/1.0 404\nA: b\n\nall of it", (404, b"all of it")),
    ("GET", CHUNKED + b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nTrailer: 1\r\n\r\n", (200, b"abc")),
    (
        "GET",
        b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 X\r\nA: b\r\n\r\n" + CHUNKED + b"0\r\n\r\n",
        (200, b""),
    ),
    ("GET", CHUNKED + b"1\r\nc\r\n0\r\n\r\nmore", (200, b"c")),
    ("HEAD", OK + b"Content-Length: 3\r\n\r\n", (200, b"")),
    ("GET", b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", (204, b"")),
    ("GET", b"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", (304, b"")),
    ("GET", b"", "without an answer"),
    ("GET", OK + b"A: b\r\n", "without the end of its answer's head"),
    ("GET", OK + b"Content-Length: 3\r\n\r\nab", "after 2 of 3 bytes"),
    ("GET", CHUNKED + b"2\r\nab\r\n", "in the middle of its answer"),
    ("GET", CHUNKED + b"2\r\nab\r\n0\r\n", "in the middle of its answer"),
    ("GET", CHUNKED + b"zz\r\n", "malformed chunk size"),
    ("GET", b"SSH-2.0-OpenSSH", 'is not HTTP/1: it begins with "S'),
    ("GET", b"HTTP/1.1 hello\r\n\r\n", "which is no status"),
    ("GET", OK + b"no colon\r\n\r\n", "a line without a colon"),
    ("GET", OK + b"Content-Length: 3, 4\r\n\r\n", "Content-Length of its answer is malformed"),
    ("GET", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 'Transfer-Encoding "gzip, chunked"'),
    ("GET", OK + b"A: " + b"b" * 70_000, "longer than 65536 bytes"),
    ("GET", b"HTTP/1.1 101 Switching\r\n\r\n", "another protocol"),
    ("GET", b"HTTP/1.1 102 Busy\r\n\r\n" * 1000 + OK + b"\r\na", (200, b"a")),
    ("GET", b"HTTP/1.1 102 Busy\r\n\r\n" * 1001, "more than 1000 interim answers"),
    ("GET", CHUNKED + b"ffffffffffffffff\r\nab", "in the middle of its answer"),
]


def read(method: str, data: bytes, size: int) -> Any:
    """Status and body of an answer that comes in pieces, or why there is none."""
    incoming, body = m.Incoming(method), b""
    try:
        for at in range(0, len(data), size):
            body += incoming.feed(data[at : at + size])
        if not incoming.is_over:
            incoming.end()
    except m.Unanswered as wrong:
        return wrong.why
    return incoming.status, body


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_an_answer_is_read_in_whatever_pieces_it_comes(size: int) -> None:
    for method, data, expected in ANSWERS:
        if len(data) // size > 10_000:
            continue
        found = read(method, data, size)
        assert expected in found if isinstance(expected, str) else expected == found, data


def test_the_headers_of_an_answer_are_as_they_came() -> None:
    incoming = m.Incoming("GET")
    incoming.feed(OK + b"A:  b \r\na: c\r\nD: e\r\n \tf\r\nContent-Length: 0\r\n\r\n")
    told = (("A", "b"), ("a", "c"), ("D", "e f"), ("Content-Length", "0"))
    assert (incoming.headers, incoming.values("a"), incoming.is_over) == (told, ["b", "c"], True)


def exchange_of(lines: bytes) -> Any:
    """An exchange of which the head of the answer is there."""
    exchange = m.Exchanged.__new__(m.Exchanged)
    exchange.incoming = m.Incoming("POST")
    exchange.incoming.feed(OK + lines + b"\r\n\r\n")
    exchange.request = m.Request("POST", "/")
    exchange.is_stream = True
    return exchange


def test_an_answer_is_handed_on_as_it_comes_if_it_is_a_stream_or_long() -> None:
    for lines, expected in (
        (b"Content-Length: 262144\r\nContent-Type: application/json", False),
        (b"Content-Length: 262145\r\nContent-Type: application/json", True),
        (b"Content-Length: 9\r\nContent-Type: Text/Event-Stream; charset=utf-8", True),
        (b"Content-Length: 0\r\nContent-Type: text/event-stream", False),
        (b"Content-Length: 9", False),
        (b"Transfer-Encoding: chunked\r\nContent-Type: application/json", True),
        (b"A: b", True),
    ):
        assert exchange_of(lines).comes_in_pieces() is expected, lines


def test_a_stream_is_cut_at_its_events_as_far_as_they_can_be_seen() -> None:
    for lines, expected in (
        (b"Content-Type: text/event-stream", True),
        (b"Content-Type: text/event-stream\r\nContent-Encoding: gzip", False),
        (b"Content-Type: application/x-ndjson", False),
    ):
        exchange, asked = exchange_of(lines), []  # type: Any, List[bool]
        exchange.passage = SimpleNamespace(frames=asked.append)
        exchange.response()
        assert asked == [expected], lines
    pieces = list(m.ended_events(b"a\n\nb\r\n\r\nc\r\rd"))
    assert pieces == [b"a\n\n", b"b\r\n\r\n", b"c\r\r", b"d"]


# --- what is kept ---


def test_pieces_that_come_at_once_are_one_and_half_a_coding_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    incoming = m.Incoming("GET")
    incoming.feed(OK + b"\r\n")
    taken = m.Taken(incoming, 0.0, m.Room(1000))
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", iter([1.0, 1.0004, 1.0008, 9.0]).__next__)
        for piece in (b"a", b"b", b"", b"c", b"d"):
            taken.add(piece)
    taken.end()
    told = [(one.seconds, one.size) for one in taken.arrivals]
    assert (told, taken.why) == ([(1.0, 2), (1.0008, 3), (9.0, 4)], "")
    incoming.headers = (("Content-Encoding", "gzip"),)
    taken = m.Taken(incoming, 0.0, m.Room(1000))
    taken.add(gzip.compress(TEXT)[:-4])
    taken.end()
    kept = (taken.why, bytes(taken.body), taken.arrivals)
    assert kept == ("its gzip data ends too early", b"", [])


def test_whoever_reads_mocks_is_told_of_each_that_is_saved() -> None:
    saved: List[str] = []
    kept: Any = SimpleNamespace(keep=lambda made: (made.mock, ""))
    already: Any = SimpleNamespace(keep=lambda made: ("", m.ALREADY))
    wire = m.other_like(m.DEFAULT_SHAPE)
    request = m.Request("GET", "/x")
    call = wire.read(request, {}, wire.body(request))
    for folder, with_errors, status, number in (
        (kept, False, 200, 1),
        (already, False, 200, 0),
        (kept, False, 404, 0),
        (kept, True, 404, 1),
    ):
        saved.clear()
        recorder = m.Recorder(folder, with_errors, lambda: saved.append(""))
        name, why = recorder.keep(wire, call, m.Capture(request, status, (), b"x"))
        assert (len(saved), bool(name)) == (number, bool(number)), why


# --- codings, undone ---

TEXT = b"some text, " * 40
BARE = zlib.compressobj(9, zlib.DEFLATED, -15)
CODED: List[Tuple[List[str], bytes, Any]] = [
    ([], TEXT, TEXT),
    (["identity"], TEXT, TEXT),
    (["gzip"], gzip.compress(TEXT), TEXT),
    (["X-Gzip"], gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:]), TEXT),
    (["deflate"], zlib.compress(TEXT), TEXT),
    (["deflate"], BARE.compress(TEXT) + BARE.flush(), TEXT),
    (["deflate", "gzip"], gzip.compress(zlib.compress(TEXT)), TEXT),
    (["gzip"], gzip.compress(TEXT)[:-9], "its gzip data ends too early"),
    (["gzip"], TEXT, "it is not gzip: "),
    (["deflate"], zlib.compress(TEXT) + b"more", "bytes follow its deflate data"),
    (["br"], TEXT, 'its content coding "br" can\'t be undone'),
    (["gzip"] * 5, TEXT, "it has 5 content codings"),
    (["gzip", "gzip"], gzip.compress(gzip.compress(b"") * 60_000), "it is longer than 1 MiB"),
    (["gzip"], gzip.compress(b"a" * 2_000_000), "it is longer than 1 MiB"),
    ([], b"a" * 2_000_000, "it is longer than 1 MiB"),
]


def undone(codings: List[str], data: bytes, size: int) -> Any:
    undoing = m.Undoing(codings, 1024 * 1024)
    try:
        pieces = [undoing.feed(data[at : at + size]) for at in range(0, len(data), size)]
        undoing.end()
    except m.NotUndone as wrong:
        return str(wrong)
    return b"".join(pieces)


def test_codings_are_undone_as_the_bytes_come_or_it_is_said_why_not() -> None:
    for codings, data, expected in CODED:
        for size in (1, 13, 100_000):
            if len(data) // size > 10_000:
                continue
            found = undone(codings, data, size)
            assert expected in found if isinstance(expected, str) else expected == found, codings
