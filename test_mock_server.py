"""What users rely on, seen from outside: the program, HTTP, MockServer, the data and the docs.

They need pytest and nothing else, use loopback and free ports only, and never sleep for a fixed
time.  They run on the one file, and on the package if that is what `import mock_server` gives; the
rooms' own tests are in tests/.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

sys.dont_write_bytecode = True

import pytest  # noqa: E402
from pages import (  # noqa: E402
    CURL,
    PAGES,
    blocks,
    chapter,
    first_words,
    is_printed,
    mocks_of_pages,
    page,
    table,
    without_blocks,
    words,
)
from program import PROGRAM  # noqa: E402

import mock_server as m  # noqa: E402
from mock_server import MockServer  # noqa: E402

HERE = Path(__file__).resolve().parent
POEM = "Compose a poem that explains the concept of recursion in programming."
SYSTEM = (
    "You are a poetic assistant, skilled in explaining complex programming concepts "
    "with creative flair."
)

# === The program =============================================================

PATIENCE = 30.0  # seconds that nothing takes, however slow the machine is
posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
STREAMING = {**ASK, "stream": True}


@contextlib.contextmanager
def launched(
    *arguments: str, env: Optional[Mapping[str, str]] = None, **more: Any
) -> Iterator[Tuple[Any, List[int]]]:
    """A server process and the ports that it says it listens on."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    known = {**os.environ, **(env or {})}
    process = subprocess.Popen([*PROGRAM, *arguments], env=known, **{**pipes, **more})
    try:
        assert process.stdout
        lines = [process.stdout.readline().decode() for word in arguments if word.isdigit()]
        found = [re.fullmatch(r"listening on https?://127.0.0.1:(\d+)\n", line) for line in lines]
        yield process, [int(match.group(1)) for match in found if match]
    finally:
        end(process)


def end(process: Any) -> None:
    """End a process whatever it is doing, and its pipes."""
    process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()
    process.wait()


def fetch(
    port: int,
    method: str,
    path: str,
    body: Optional[bytes] = None,
    headers: Optional[Mapping[str, str]] = None,
) -> Tuple[int, bytes]:
    """Status and body of a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def chat(port: int, user: str = "Hi", prefix: str = "", **more: Any) -> Tuple[int, Any]:
    """A chat completion: its status, and the text of the answer or all of the body."""
    body = {**ASK, "messages": [{"role": "user", "content": user}], **more}
    path = prefix + "/v1/chat/completions"
    status, data = fetch(port, "POST", path, json.dumps(body).encode())
    if status != 200 or more.get("stream"):
        return status, data
    return status, json.loads(data)["choices"][0]["message"]["content"]


def wait_until(holds: Callable[[], Any]) -> None:
    """Poll until something holds, or fail."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.005)


def answers(port: int) -> bool:
    """Whether a server answers on a port."""
    try:
        return fetch(port, "GET", "/")[0] == 200
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Any], str]:
    """Makes a data directory of the mocks in its one file."""

    def make(mocks: Any) -> str:
        (tmp_path / "mocks").mkdir(exist_ok=True)
        (tmp_path / "mocks" / "a.json").write_text(json.dumps(mocks), encoding="utf-8")
        return str(tmp_path)

    return make


def test_a_signal_ends_it_with_streams_under_way_and_status_0(folder: Any) -> None:
    data = folder({"response": {"text": "a b c", "pace": 10 * PATIENCE}})
    with launched("0", "0", "--data", data, "--log", "off") as (process, ports):
        assert len(set(ports)) == 2
        streams = [http.client.HTTPConnection("127.0.0.1", port) for port in ports]
        for stream in streams:
            stream.request("POST", "/v1/chat/completions", json.dumps(STREAMING))
            assert stream.getresponse().status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        for stream in streams:
            stream.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits to set")
def test_with_few_descriptors_it_refuses_who_comes_too_many_and_is_whole_again_afterwards(
    folder: Any,
) -> None:
    import resource

    def with_few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    data = folder({"response": {"text": "pong"}})
    with launched("0", "--data", data, preexec_fn=with_few) as (process, [port]):
        waiting = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(80)]
        refused = 0
        for client in waiting[-10:]:
            answer = client.recv(9999)
            refused += answer.startswith(b"HTTP/1.1 503 ") and b"no room" in answer
        assert refused == 10
        for client in waiting:
            client.close()
        statuses = set()
        while 200 not in statuses:  # it may not have seen yet that they have gone
            with contextlib.suppress(OSError, http.client.HTTPException):
                statuses.add(
                    fetch(port, "POST", "/v1/chat/completions", json.dumps(ASK).encode())[0]
                )
        process.send_signal(signal.SIGTERM)
        log = process.stderr.read().decode()
        assert log.count("connections are refused") == 1 and "Traceback" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_right_at_the_start_ends_it_too(number: int) -> None:
    with launched("0", "--log", "off") as (process, _):
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0 and process.stderr.read() == b""


def test_its_ports_are_upstreams_and_its_options_come_from_the_environment_too(folder: Any) -> None:
    first, second = free_port(), free_port()
    mocks = [
        {"match": {"port": first}, "response": {"status": 429}},
        {"match": {"user": "Hi"}, "response": {"text": "ok"}},
    ]
    env = {"MOCK_SERVER_DATA": folder(mocks), "MOCK_SERVER_FALLBACK": "echo"}
    with launched(str(first), str(second), "--log", "json", env=env) as (process, ports):
        assert ports == [first, second]
        assert chat(first)[0] == 429
        assert (chat(second), chat(second, user="Ho")) == ((200, "ok"), (200, "Ho"))
        logged = [json.loads(process.stderr.readline()) for _ in range(3)]
    found = sorted((line["status"], line["port"]) for line in logged)  # they come as they end
    assert found == [(200, second), (200, second), (429, first)]


def test_it_ends_when_standard_input_closes() -> None:
    with launched("0", "--exit-on-stdin-close") as (process, _):
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def in_shell(arguments: str, redirections: str, **more: Any) -> Any:
    """The program, started by a shell that closes some of its standard streams."""
    command = f"exec {' '.join(map(shlex.quote, PROGRAM))} {arguments} {redirections}"
    return subprocess.Popen(["sh", "-c", command], **more)


@posix
def test_it_ends_at_once_when_standard_input_was_closed_from_the_start() -> None:
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = in_shell("0 --exit-on-stdin-close", "<&-", **nowhere)
    try:
        assert process.wait(PATIENCE) == 0
    finally:
        end(process)


@posix
def test_closed_outputs_stop_nothing() -> None:
    port = free_port()
    process = in_shell(str(port), ">&- 2>&-", stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        end(process)


def fill(pipe: int) -> None:
    """Write to a pipe until it takes no more."""
    os.set_blocking(pipe, False)
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe, b"x" * size)
    os.set_blocking(pipe, True)


@posix
def test_a_full_standard_output_keeps_it_from_nothing() -> None:
    reader, writer = os.pipe()
    fill(writer)
    port = free_port()
    command = [*PROGRAM, str(port), "--log", "off"]
    process = subprocess.Popen(command, stdout=writer)
    try:
        wait_until(lambda: answers(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        end(process)
        os.close(reader)
        os.close(writer)


def test_a_standard_error_that_nobody_reads_delays_no_answer() -> None:
    with launched("0") as (_, ports):
        path = "/v1/models/" + "x" * 4000
        found = [fetch(ports[0], "GET", path)[0] for _ in range(50)]  # far more than a pipe holds
        assert found == [200] * 50


def run(*arguments: str) -> Tuple[int, str, str]:
    """The status, standard output and standard error of a program that ends by itself."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_usage_error_is_one_line_and_status_2() -> None:
    status, out, err = run("--fallbak", "echo")
    expected = 'mock_server.py: unknown argument "--fallbak"; did you mean "--fallback"?\n'
    assert (status, out, err) == (2, "", expected)


def test_a_port_in_use_is_one_line_and_status_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, out, err = run(str(port))
    assert (status, out) == (1, "") and err.count("\n") == 1
    assert f"can't listen on 127.0.0.1 port {port}" in err and "in use" in err


def test_the_file_alone_starts_in_an_empty_folder(tmp_path: Path) -> None:
    shutil.copy(str(HERE / "mock_server.py"), str(tmp_path))
    command = [sys.executable, "-S", "mock_server.py", "0"]
    nowhere = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=str(tmp_path), stdout=subprocess.PIPE, **nowhere)
    try:
        assert process.stdout
        assert process.stdout.readline().startswith(b"listening on http://127.0.0.1:")
        assert os.listdir(str(tmp_path)) == ["mock_server.py"]
    finally:
        end(process)


# === HTTP ====================================================================


class Raw:
    """A client that sends bytes as they are and reads responses one by one."""

    def __init__(self, server: MockServer) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self.file = self.sock.makefile("rb")

    def send(self, data: bytes) -> "Raw":
        self.sock.sendall(data)
        return self

    def response(self, has_body: bool = True) -> Tuple[int, Dict[str, str], bytes]:
        """The next response: status, headers, body."""
        status = int(self.file.readline().split()[1])
        headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if not has_body or status in (204, 100):
            return status, headers, b""
        if "chunked" in headers.get("transfer-encoding", ""):
            return status, headers, b"".join(self.chunks())
        if "content-length" in headers:
            return status, headers, self.file.read(int(headers["content-length"]))
        return status, headers, self.file.read()

    def chunks(self) -> Iterator[bytes]:
        """The chunks of a body that has begun."""
        while True:
            size = int(self.file.readline(), 16)
            data = self.file.read(size)
            assert self.file.read(2) == b"\r\n"
            if not size:
                return
            yield data

    def close(self) -> None:
        self.file.close()
        self.sock.close()


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A server that says pong to whatever no other mock answers."""
    with MockServer() as running:
        running.mock(response={"text": "pong"})
        yield running


@pytest.fixture
def raw(server: MockServer) -> Iterator[Callable[[], Raw]]:
    """Opens connections to the server."""
    opened: List[Raw] = []

    def connect() -> Raw:
        opened.append(Raw(server))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


def post(
    body: Any = ASK,
    path: str = "/v1/chat/completions",
    version: str = "1.1",
    headers: Sequence[str] = (),
    length: bool = True,
) -> bytes:
    """A request as bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/{version}", "Host: x", *headers]
    if length:
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


def test_pipelined_requests_are_answered_in_order_on_one_connection(raw: Any) -> None:
    bodies = [{**ASK, "model": f"m{number}", "stream": number % 2 == 1} for number in range(10)]
    client = raw().send(b"\r\n" + b"".join(map(post, bodies)))
    for body in bodies:
        status, _, data = client.response()
        assert status == 200 and f'"{body["model"]}"'.encode() in data


def test_http_1_0_gets_no_chunks(raw: Any) -> None:
    status, headers, body = raw().send(post(STREAMING, version="1.0")).response()
    assert status == 200 and headers["connection"] == "close"
    assert "transfer-encoding" not in headers and body.endswith(b"data: [DONE]\n\n")


def test_http_1_0_is_closed_or_kept_as_it_asks(raw: Any) -> None:
    assert raw().send(post(version="1.0")).response()[1]["connection"] == "close"
    kept = raw().send(post(version="1.0", headers=["Connection: keep-alive"]))
    assert kept.response()[1]["connection"] == "keep-alive"
    assert kept.send(post(version="1.0")).response()[0] == 200


def test_connection_close_is_honoured(raw: Any) -> None:
    client = raw().send(post(headers=["Connection: close"]))
    assert client.response()[1]["connection"] == "close" and client.file.read() == b""


def byte_by_byte(data: bytes) -> bytes:
    """A chunked body with a chunk a byte."""
    return b"".join(b"1\r\n%c\r\n" % byte for byte in data) + b"0\r\n\r\n"


def zipped_chunk(data: bytes) -> bytes:
    """A compressed body in one chunk."""
    zipped = gzip.compress(data)
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(zipped), zipped)


@pytest.mark.parametrize(
    "headers, encode",
    [
        (["Transfer-Encoding: chunked"], byte_by_byte),
        (["Content-Encoding: gzip"], gzip.compress),
        (["Content-Encoding: deflate"], zlib.compress),
        (["Content-Encoding: gzip", "Transfer-Encoding: chunked"], zipped_chunk),
    ],
)
def test_request_bodies_may_be_chunked_and_compressed(raw: Any, headers: Any, encode: Any) -> None:
    data = encode(json.dumps(ASK).encode())
    chunked = "Transfer-Encoding: chunked" in headers
    client = raw().send(post(data, headers=headers, length=not chunked))
    assert client.response()[0] == 200 and client.send(post()).response()[0] == 200


def test_expect_100_continue_is_answered_before_the_body_or_refused_without_it() -> None:
    head, _, body = post(headers=["Expect: 100-continue"]).partition(b"\r\n\r\n")
    with MockServer() as server, MockServer(max_body=10) as narrow:
        client, refused = Raw(server).send(head + b"\r\n\r\n"), Raw(narrow).send(head + b"\r\n\r\n")
        assert client.response()[0] == 100 and client.send(body).response()[0] == 404
        assert refused.response()[0] == 413
        client.close()
        refused.close()


def test_head_is_get_without_a_body(raw: Any) -> None:
    client = raw()
    for path in ("/", "/v1/models"):
        client.send(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        status, headers, _ = client.response(has_body=False)
        assert status == 200 and int(headers["content-length"]) > 10
    client.send(b"HEAD /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.response(has_body=False)[0] == 405


def test_browsers_may_call_provider_paths(raw: Any) -> None:
    lines = [
        "OPTIONS /v1/chat/completions HTTP/1.1",
        "Host: x",
        "Origin: http://a",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization",
    ]
    status, headers, _ = raw().send("\r\n".join([*lines, "", ""]).encode()).response()
    assert status == 204 and headers["access-control-allow-origin"] == "*"
    assert headers["access-control-allow-headers"] == "authorization"
    assert "POST" in headers["access-control-allow-methods"]
    _, headers, _ = raw().send(post(headers=["Origin: http://a"])).response()
    assert headers["access-control-allow-origin"] == "*"


def test_gzip_is_real_gzip_with_the_right_length_and_vary(raw: Any) -> None:
    status, headers, body = raw().send(post(headers=["Accept-Encoding: gzip"])).response()
    assert status == 200 and headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Accept-Encoding" and body[:2] == b"\x1f\x8b"
    assert json.loads(gzip.decompress(body))["choices"][0]["message"]["content"] == "pong"


def test_neither_gzip_nor_identity_is_406_and_the_connection_lives(raw: Any) -> None:
    client = raw().send(post(headers=["Accept-Encoding: *;q=0"]))
    assert client.response()[0] == 406 and client.send(post()).response()[0] == 200


@pytest.mark.parametrize(
    "data, status",
    [
        (b"GET /\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\n", 505),
        (b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (GET + b"X : a\r\n\r\n", 400),
        (GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (GET + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (post(b"", length=False), 400),
        (post(headers=["Content-Encoding: br"]), 415),
        (post(headers=["Content-Encoding: gzip"]), 400),
        (post(headers=["Expect: miracles"]), 417),
        (post(b"{"), 400),
        (post(b"\xff"), 400),
    ],
)
def test_bad_input_gets_an_answer_in_json_and_never_a_dropped_connection(
    raw: Any, data: bytes, status: int
) -> None:
    found, headers, body = raw().send(data).response()
    assert found == status and json.loads(body)["error"]["message"]
    assert headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gemini-2.5-flash:generateContent",
        "/v1/projects/p/locations/us/publishers/google/models/gemini-2.5-flash:generateContent",
    ],
)
def test_a_malformed_request_is_answered_in_the_shape_of_the_provider_that_it_was_for(
    raw: Any, path: str
) -> None:
    client = raw().send(f"POST {path} HTTP/1.1\r\nHost: a\r\nBad header\r\n\r\n".encode())
    assert json.loads(client.response()[2])["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "data, status",
    [
        (b"GET /" + b"a" * 100_000, 414),
        (GET + b"X: " + b"a" * 100_000, 431),
        (GET + b"X: a\r\n" * 20_000, 431),
    ],
    ids=["line", "header", "headers"],
)
def test_an_endless_head_is_refused_while_it_comes(raw: Any, data: bytes, status: int) -> None:
    client = raw()
    with contextlib.suppress(ConnectionError):
        client.send(data)
    assert client.response()[0] == status


def test_a_too_large_body_is_refused_and_the_client_can_read_why_while_it_still_sends() -> None:
    with MockServer(max_body=1000) as server:
        client = Raw(server).send(post(b"x" * 300_000))
        status, _, body = client.response()
        assert status == 413 and "--max-body" in json.loads(body)["error"]["message"]
        assert client.file.read() == b""
        client.close()


@pytest.mark.parametrize("extra", [b"\r\n", b"x" * 100_000], ids=["a line", "much"])
@pytest.mark.parametrize("version, headers", [("1.1", ["Connection: close"]), ("1.0", [])])
def test_an_answer_is_not_lost_when_bytes_follow_the_last_request(
    server: MockServer, raw: Any, extra: bytes, version: str, headers: Any
) -> None:
    server.mock(match={"model": "large"}, response={"text": "x" * 500_000})
    request = post({**ASK, "model": "large"}, version=version, headers=headers)
    assert b"x" * 500_000 in raw().send(request + extra).response()[2]


def test_every_response_carries_a_request_id_and_a_date(raw: Any) -> None:
    client = raw()
    found = [client.send(post()).response()[1] for _ in range(3)]
    assert len({headers["x-mock-request-id"] for headers in found}) == 3
    assert all(headers["date"].endswith(" GMT") for headers in found)


def test_500_connections_at_once_are_served(server: MockServer) -> None:
    clients = [Raw(server) for _ in range(500)]
    for client in clients:
        client.send(post())
    assert [client.response()[0] for client in clients] == [200] * 500
    for client in clients:
        client.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_address_is_listened_on() -> None:
    try:
        running = MockServer(host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with running as server:
        assert server.url == f"http://[::1]:{server.port}"
        with socket.create_connection(("::1", server.port), PATIENCE) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200")


PYTHONS_CLIENT: List[Tuple[Any, bool, Any]] = [  # what Python's own client makes of a fault
    ({"fault": "reset"}, False, ConnectionResetError),
    ({"fault": "close"}, False, http.client.RemoteDisconnected),
    ({"fault": "garbage"}, False, http.client.BadStatusLine),
    ({"fault": "truncate"}, False, http.client.IncompleteRead),
    ({"fault": "malformed"}, False, ValueError),
    ({"fault": "bad_gzip"}, False, OSError),
    ({"fault": "close", "after_events": 1}, True, http.client.IncompleteRead),
    ({"fault": "reset", "after_events": 1}, True, ConnectionResetError),
    ({"fault": "garbage", "after_events": 1}, True, http.client.IncompleteRead),
    ({"fault": "hang"}, False, socket.timeout),
    ({"fault": "truncate"}, True, None),
    ({"fault": "drip"}, True, None),
]


@pytest.mark.parametrize("fault, stream, error", PYTHONS_CLIENT)
def test_pythons_http_client_sees_each_fault_as_what_it_is(
    server: MockServer, fault: Any, stream: bool, error: Any
) -> None:
    server.mock(response={"text": "a b", **fault})
    patience = 0.05 if fault["fault"] == "hang" else PATIENCE
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=patience)

    def exchange() -> bytes:
        connection.request("POST", "/v1/chat/completions", json.dumps({**ASK, "stream": stream}))
        answer = connection.getresponse()
        data = answer.read()
        if answer.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        if not stream:
            json.loads(data)
        return data

    if error:
        with pytest.raises(error):
            exchange()
    else:
        assert exchange().endswith(b"data: [DONE]\n\n") is (fault["fault"] == "drip")
    connection.close()


# === From Python =============================================================


def test_the_journal_of_a_python_test_holds_what_was_sent_without_credentials(
    server: MockServer,
) -> None:
    headers = {"Authorization": "Bearer sk-secret", "X-Api-Key": "sk-other"}
    path = "/v1/chat/completions?key=sk-third"
    fetch(server.port, "POST", path, json.dumps(ASK).encode(), headers)
    (entry,) = server.wait_for({"user": "Hi"}, ended="complete")
    assert server.requests == [entry]
    found = (entry["provider"], entry["api"], entry["model"], entry["user"], entry["status"])
    assert found == ("openai", "chat", "gpt-4o-mini", "Hi", 200)
    assert (entry["mock"], entry["body"]) == ("added-1", ASK)
    digest = hashlib.sha256(b"sk-secret").hexdigest()[:8]
    assert "sk-" not in json.dumps(entry) and digest in entry["headers"]["authorization"]


def test_waiting_in_vain_says_what_came_instead(server: MockServer) -> None:
    chat(server.port)
    with pytest.raises(TimeoutError, match="0 of 1 requests came within 0 seconds; there was POST"):
        server.wait_for({"user": "never"}, timeout=0)


def test_a_bad_mock_from_python_is_a_value_error(server: MockServer) -> None:
    with pytest.raises(ValueError, match='unknown key; did you mean "response"'):
        server.mock(match={"user": "x"}, respnse={"text": "x"})
    with pytest.raises(m.BadMock):
        server.mock(response={})


@pytest.mark.parametrize(
    "options",
    [
        {"fallback": "eco"},
        {"log": "txt"},
        {"pace": -1},
        {"pace": "1"},
        {"max_body": 0},
        {"journal": -1},
        {"data": "/nowhere-at-all"},
    ],
)
def test_an_option_from_python_that_can_not_be_followed_is_a_value_error(options: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        MockServer(**options)


def test_mocks_added_later_come_first_until_a_reset(server: MockServer) -> None:
    for text in ("old", "new"):
        server.mock(match={"user": "Hi"}, response={"text": text})
    assert chat(server.port)[1] == "new" and len(server.requests) == 1
    server.reset()
    assert server.requests == [] and chat(server.port)[0] == 404


def test_a_closed_server_leaves_no_port_behind() -> None:
    with MockServer() as server:
        client = Raw(server)
        assert client.send(post()).response()[0] == 404
    assert client.file.read() == b""
    client.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    server.close()


def test_it_serves_until_another_thread_closes_it() -> None:
    server = MockServer()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    assert chat(server.port)[0] == 404
    server.shutdown()
    serving.join(PATIENCE)
    assert not serving.is_alive()


def test_a_failover_is_asserted_from_one_journal() -> None:
    with MockServer() as first, MockServer(core=first.core) as second:
        first.mock(match={"port": first.port}, response={"status": 429})
        first.mock(match={"port": second.port}, response={"text": "from the second"})
        assert [chat(port)[0] for port in (first.port, second.port)] == [429, 200]
        entries = first.wait_for(count=2)
    found = [(entry["port"], entry["status"]) for entry in entries]
    assert found == [(first.port, 429), (second.port, 200)]


class Proxy:
    """A gateway: forwards one request, and passes the answer on as it comes, or buffered."""

    def __init__(self, port: int, buffering: bool) -> None:
        self.upstream, self.buffering, self.came = port, buffering, b""
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        client, _ = self.listener.accept()
        with client, socket.create_connection(("127.0.0.1", self.upstream), PATIENCE) as upstream:
            upstream.sendall(client.recv(65536))
            while not self.came.endswith(b"0\r\n\r\n"):
                data = upstream.recv(65536)
                if not self.buffering:
                    client.sendall(data)
                self.came += data
            if self.buffering:
                client.sendall(self.came)

    def close(self) -> None:
        self.thread.join(PATIENCE)
        self.listener.close()


@pytest.mark.parametrize("buffering", [False, True])
def test_a_gate_tells_a_gateway_that_buffers_from_one_that_streams(
    server: MockServer, buffering: bool
) -> None:
    server.mock(response={"text": "one two three", "gate": True})
    proxy = Proxy(server.port, buffering)
    client = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)
    client.sendall(post(STREAMING))
    (entry,) = server.wait_for({"stream": True})
    server.release(entry["id"], 2)
    wait_until(lambda: b"data: " in proxy.came)
    client.settimeout(0 if buffering else PATIENCE)  # what came has been passed on, or never is
    early = b""
    with contextlib.suppress(BlockingIOError):
        while b"data: " not in early:
            early += client.recv(65536)
    assert (b"data: " in early) is not buffering and b"[DONE]" not in early
    server.release(entry["id"], 3)
    client.settimeout(PATIENCE)
    while not early.endswith(b"0\r\n\r\n"):
        early += client.recv(65536)
    proxy.close()
    client.close()
    (ended,) = server.wait_for({"stream": True}, ended="complete")
    assert early.count(b"data: ") == ended["events_sent"] == ended["events_total"] == 6
    with pytest.raises(KeyError):
        server.release(entry["id"])


# === The data that comes with it =============================================


@pytest.fixture(scope="module")
def shipped() -> Iterator[MockServer]:
    """A server with the mocks in data/."""
    with MockServer(data=str(HERE / "data")) as server:
        yield server


POEM_CHAT = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": POEM}],
}
POEM_GOOGLE = {"contents": [{"role": "user", "parts": [{"text": POEM}]}]}
VERTEX_POEM = (
    "/v1/projects/kgateway-project/locations/{}/publishers/google/models/gemini-1.5-flash-001"
)
GOOGLE_PATHS = [
    "/v1beta/models/gemini-1.5-flash",
    "/v1beta/models/gemini-1.5-flash-001",
    VERTEX_POEM.format("us"),
    VERTEX_POEM.format("us-central1"),
]


def sent(server: MockServer, path: str, body: Any) -> bytes:
    """The body of an answer that is no error."""
    status, data = fetch(server.port, "POST", path, json.dumps(body).encode())
    assert status == 200, data
    return data


def chat_text(value: Any) -> str:
    """The text of a chat completion, or of a chunk of one."""
    parts = [choice.get("message") or choice["delta"] for choice in value["choices"]]
    return "".join(part.get("content") or "" for part in parts)


def google_text(value: Any) -> str:
    """The text of one GenerateContentResponse."""
    return "".join(part["text"] for part in value["candidates"][0]["content"]["parts"])


@pytest.mark.parametrize(
    "name, path, stream_path, body, text_of",
    [
        ("openai_chat", "/v1/chat/completions", "/v1/chat/completions", POEM_CHAT, chat_text),
        (
            "azure_chat",
            "/openai/deployments/d/chat/completions",
            "/openai/deployments/d/chat/completions",
            POEM_CHAT,
            chat_text,
        ),
        (
            "gemini_generate",
            GOOGLE_PATHS[0] + ":generateContent",
            GOOGLE_PATHS[0] + ":streamGenerateContent",
            POEM_GOOGLE,
            google_text,
        ),
        (
            "vertex_generate",
            GOOGLE_PATHS[2] + ":generateContent",
            GOOGLE_PATHS[2] + ":streamGenerateContent",
            POEM_GOOGLE,
            google_text,
        ),
    ],
)
def test_a_recorded_poem_is_sent_as_stored_and_says_the_same_whole_and_streamed(
    shipped: MockServer, name: str, path: str, stream_path: str, body: Any, text_of: Any
) -> None:
    whole = sent(shipped, path, body)
    stream = sent(shipped, stream_path, {**body, "stream": True} if path == stream_path else body)
    assert whole == (HERE / f"data/recordings/{name}.json").read_bytes()
    assert stream == (HERE / f"data/recordings/{name}.sse").read_bytes()
    events = re.findall(r"^data: (\{.*\})\r?$", stream.decode(), re.M)
    assert "".join(text_of(json.loads(event)) for event in events) == text_of(json.loads(whole))


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [{"parts": [{"text": POEM}], "role": "user"}]},
        {"contents": [{"parts": [{"text": POEM}]}]},
        {"contents": [{"parts": [{"text": POEM}], "role": "user"}], "generationConfig": {}},
    ],
)
@pytest.mark.parametrize("path", GOOGLE_PATHS)
def test_every_google_request_of_the_main_job_gets_the_poem(
    shipped: MockServer, path: str, body: Any
) -> None:
    for verb in (":generateContent", ":streamGenerateContent"):
        data = sent(shipped, path + verb, body)
        assert b"Stair" in data and b"safetyRatings" in data
        if verb == ":streamGenerateContent":
            assert b"\r\n\r\n" in data and not re.search(rb"(?<!\r)\n", data)


# === TLS =====================================================================

needs_openssl = pytest.mark.skipif(
    not shutil.which("openssl"), reason="there is no openssl program to make a certificate with"
)
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")


@pytest.fixture(scope="module")
def sealed() -> Iterator[MockServer]:
    """A server that speaks TLS."""
    with MockServer(tls=True, tls_name="mock.internal") as server:
        server.mock(response={"text": "one two three"})
        server.mock(match={"user": "slow"}, response={"text": "one two three", "pace": 0.01})
        yield server


def trusting(server: MockServer) -> ssl.SSLContext:
    """What a client needs that trusts the server's certificate."""
    return ssl.create_default_context(cadata=server.tls_cert)


@needs_openssl
def test_a_client_that_trusts_the_certificate_gets_answers_and_keeps_the_connection(
    sealed: MockServer,
) -> None:
    assert sealed.url == f"https://127.0.0.1:{sealed.port}"
    context = trusting(sealed)
    own = http.client.HTTPSConnection("localhost", sealed.port, timeout=PATIENCE, context=context)

    def asked(user: str, stream: bool = False) -> bytes:
        body = {**ASK, "messages": [{"role": "user", "content": user}], "stream": stream}
        own.request("POST", "/v1/chat/completions", json.dumps(body))
        answer = own.getresponse()
        assert answer.status == 200
        return answer.read()

    for _ in range(3):
        assert chat_text(json.loads(asked("Hi"))) == "one two three"
        assert asked("Hi", True).endswith(b"data: [DONE]\n\n")
    assert asked("slow", True).endswith(b"data: [DONE]\n\n")
    assert chat_text(json.loads(asked("x" * 3_000_000))) == "one two three"
    own.close()


@needs_openssl
@pytest.mark.parametrize(
    "name, trusted",
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("mock.internal", True),
        ("other.internal", False),
    ],
)
def test_the_certificate_names_the_server(sealed: MockServer, name: str, trusted: bool) -> None:
    expected: Any = contextlib.nullcontext()
    if not trusted:
        expected = pytest.raises(ssl.SSLCertVerificationError)
    plain = socket.create_connection(("127.0.0.1", sealed.port), PATIENCE)
    with plain, expected, trusting(sealed).wrap_socket(plain, server_hostname=name) as connection:
        assert connection.version() in ("TLSv1.2", "TLSv1.3")


@needs_openssl
def test_plain_http_is_told_to_speak_tls(sealed: MockServer) -> None:
    status, body = chat(sealed.port)
    assert status == 400 and b"this port speaks TLS; use https://" in body


# === convert_to_gzip.py ======================================================


@pytest.fixture
def convert(capsys: Any) -> Callable[..., Tuple[int, str]]:
    """Calls convert_to_gzip.py; its status and what it complains about."""
    path = str(HERE / "convert_to_gzip.py")
    spec = importlib.util.spec_from_file_location("convert_to_gzip", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def call(*arguments: str) -> Tuple[int, str]:
        return module.main(arguments), capsys.readouterr().err

    return call


def test_a_twin_is_made_deterministically(convert: Any, tmp_path: Path) -> None:
    source, twin = tmp_path / "a.json", tmp_path / "a.json.gz"
    source.write_bytes(b'{"a": 1}\n' * 50)
    assert convert(str(source))[0] == 0
    first = twin.read_bytes()
    os.utime(str(source), (1, 1))
    assert convert(str(source))[0] == 0 and twin.read_bytes() == first
    assert gzip.decompress(first) == source.read_bytes() and first[4:8] == b"\0\0\0\0"


def test_a_twin_is_checked(convert: Any, tmp_path: Path) -> None:
    source, twin = tmp_path / "a.json", tmp_path / "a.json.gz"
    source.write_bytes(b"{}")
    status, err = convert("--check", str(source))
    assert status == 1 and "is missing" in err
    convert(str(source))
    assert convert("--check", str(source)) == (0, "")
    for content in (gzip.compress(b"[]"), b"not gzip"):
        twin.write_bytes(content)
        status, err = convert("--check", str(source))
        assert status == 1 and "is stale" in err


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        ([], 2, "usage:"),
        (["--chek", "x"], 2, "unknown option --chek"),
        (["a.gz"], 2, "is a twin already"),
        (["/nowhere/x.json"], 1, "No such file"),
    ],
)
def test_a_wrong_call_of_convert_says_what_would_do(
    convert: Any, arguments: Any, status: int, message: str
) -> None:
    found, err = convert(*arguments)
    assert found == status and message in err


def test_the_twins_that_come_with_it_are_fresh() -> None:
    twins = list((HERE / "data").rglob("*.json.gz"))
    names = [str(twin)[: -len(".gz")] for twin in twins]
    command = [sys.executable, str(HERE / "convert_to_gzip.py"), "--check", *names]
    assert twins and subprocess.run(command, timeout=PATIENCE).returncode == 0


# === README and docs/ =========================================================


def test_the_readme_lists_every_option() -> None:
    rows = table("command-line", "option")
    listed = [(re.split(r"[ \[]", words(row[0])[0])[0], words(row[1])[0]) for row in rows]
    known = [(option.flag, option.variable) for option in m.OPTIONS]
    assert listed == [("PORT" if flag == "port" else flag, variable) for flag, variable in known]


def test_the_readme_lists_every_key_of_a_mock() -> None:
    assert first_words("matching", "match key") == list(m.MATCH_KEYS)
    assert first_words("mocks", "mock key") == list(m.MOCK_KEYS)
    assert first_words("faults", "fault") == list(m.FAULTS)
    by_key = {words(row[0])[0]: row for row in table("responses", "response key")}
    assert words(by_key["fault"][2]) == [*m.FAULTS, "after_events"]
    assert first_words("faults", "wire key") == list(m.field_names(m.Plan))
    names = page("faults").split("Names for the common ones:")[1].split(".")[0]
    assert words(names) == list(m.WIRE_PLANS)
    forms = {
        "neutral": m.NEUTRAL_KEYS,
        "recorded": m.RECORDED_KEYS,
        "raw": m.RAW_KEYS,
        "error": m.ERROR_KEYS,
        "fault": m.FAULT_KEYS,
        "any": m.COMMON_KEYS,
    }
    listed = [(words(row[0])[0], row[1].strip()) for row in table("responses", "response key")]
    assert listed == [(key, form) for form, keys in forms.items() for key in keys]


def test_the_readme_lists_every_provider_and_api() -> None:
    listed = [tuple(words(cell)[0] for cell in row[:3]) for row in table("providers", "provider")]
    # Dialects have a table of their own.
    known = [
        (wire.provider, wire.operation, wire.api)
        for wire in m.WIRE_FORMATS
        if wire.dialect in ("", "openai", "mistral") or not m.speaks_dialects(wire)
    ]
    assert sorted(listed) == sorted(known)


def test_the_readme_says_of_every_dialect_what_is_different() -> None:
    assert [words(row[0])[0] for row in table("providers", "dialect")] == list(m.DIALECTS[1:])


def test_the_readmes_paths_lead_where_it_says() -> None:
    for row in table("providers", "provider"):
        provider, operation, api = (words(cell)[0] for cell in row[:3])
        for path in words(row[3]):
            is_base = path.count("/") < 2 or path in ("/v1", "/v1alpha", "/v1beta1")
            if is_base or "…" in path or not path.startswith("/"):
                continue
            owner = (provider, operation, api)
            known = {(wire.provider, wire.operation, wire.api): wire for wire in m.WIRE_FORMATS}
            method = known[owner].routes[0].partition(" ")[0]
            asked = re.sub(r"\{\w+\}", "x", path)
            headers = {"anthropic-version": "1"} if provider == "anthropic" else {}
            request = m.Request(method, asked, headers=headers)
            wire = m.route(request)[0]
            assert (wire.provider, wire.operation, wire.api) == (provider, operation, api), path


BREAKING = page("faults").split("\n## Rate limits")[0]


def curled(port: int, command: str) -> Tuple[str, str]:
    """What a curl command of the README writes to its outputs."""
    program, *arguments = shlex.split(command.replace("127.0.0.1:5001", f"127.0.0.1:{port}"))
    command_ = [program, "--noproxy", "*", *arguments]
    done = subprocess.run(
        command_, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE
    )
    return done.stdout.decode("utf-8", "replace"), done.stderr.decode()


@needs_curl
def test_curl_sees_what_the_chapter_on_breaking_says(server: MockServer) -> None:
    found = CURL.findall(BREAKING)
    assert len(found) == BREAKING.count("```sh\ncurl ")
    with ThreadPoolExecutor(len(found)) as threads:
        outputs = list(threads.map(lambda one: curled(server.port, one[0]), found))
    for (command, expected), (out, err) in zip(found, outputs):
        assert (err if expected.startswith("curl: ") else out).startswith(expected), command
    assert {entry["fault"] for entry in server.requests} >= set(m.FAULTS)


STRICT = page("strict")


@needs_curl
def test_the_readmes_gateway_is_told_what_it_did_wrong(server: MockServer) -> None:
    asking, looking = blocks("sh", STRICT)[0].rstrip().rsplit("\n", 1)
    assert '"type":"message"' in curled(server.port, asking)[0]  # nothing is refused
    out, _ = curled(server.port, looking)
    assert blocks("text", STRICT)[0].strip() in out
    out, _ = curled(server.port, blocks("sh", STRICT)[1].strip())
    assert blocks("text", STRICT)[1].strip() in out
    verify = blocks("python", STRICT)[0].replace("run_gateway", "run")
    lonely = {"model": "m", "messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}

    def run(upstream: str) -> None:
        port = int(upstream.rpartition(":")[2])
        fetch(port, "POST", "/v1/chat/completions", json.dumps(lonely).encode())

    with pytest.raises(AssertionError, match="breaks openai/tool-after-tool-calls at messages"):
        exec(verify, {"MockServer": MockServer, "run": run})  # noqa: S102


def test_the_readmes_rate_limit_and_errors_do_what_they_say(server: MockServer) -> None:
    for text in (
        chapter(page("faults"), "## Rate limits"),
        chapter(page("responses"), "## Errors"),
    ):
        block = blocks("json", text)[0]
        assert fetch(server.port, "POST", "/__mock__/mocks", block.encode())[0] == 201
    assert [chat(server.port, user="hurry")[0] for _ in range(4)] == [200, 200, 200, 429]
    assert [chat(server.port, user="too fast")[0] for _ in range(2)] == [429, 200]
    assert chat(server.port, user="too much")[0] == 400
    assert chat(server.port, user="breaks")[0] == 503
    assert b'"error"' in chat(server.port, user="breaks", stream=True)[1]


@needs_openssl
@needs_curl
def test_the_readmes_tls_lines_work_as_printed(tmp_path: Path) -> None:
    start, ask_it = blocks("sh", chapter(page("command-line"), "## TLS"))
    ask_it = ask_it.split("\n")[1]
    arguments = shlex.split(start.replace("5443", "0"))[2:]
    with launched(*arguments, "--exit-on-stdin-close", cwd=str(tmp_path)) as (process, ports):
        command = [*shlex.split(ask_it.replace("5443", str(ports[0]))), "-sS", "--noproxy", "*"]
        done = subprocess.run(command, cwd=str(tmp_path), stdout=subprocess.PIPE, timeout=PATIENCE)
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    assert json.loads(done.stdout)["status"] == "healthy"


@needs_curl
@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_the_readmes_recording_is_made_as_printed(server: MockServer, tmp_path: Path) -> None:
    server.mock(match={"user": "Say hi."}, response={"text": "Hi!"})
    lines = blocks("sh", chapter(page("responses"), "## Recordings"))[0].replace("\npython3", "\n#")
    script = lines.replace("https://api.openai.com", server.url).replace(
        "curl", "curl --noproxy '*'"
    )
    subprocess.run(["sh", "-ec", script], cwd=str(tmp_path), check=True, timeout=PATIENCE)
    with MockServer(data=str(tmp_path / "data")) as replaying:
        for stream in (False, True):
            body = {**ASK, "messages": [{"role": "user", "content": "Say hi."}], "stream": stream}
            data = json.dumps({**body, "model": "gpt-4o-mini"}).encode()
            path = "/v1/chat/completions"
            found = {fetch(one.port, "POST", path, data) for one in (server, replaying)}
            assert len(found) == 1


def curl_lines(text: str) -> List[Tuple[List[str], str]]:
    """A page's curl commands with what comes back."""
    return [(shlex.split(command), expected) for command, expected in CURL.findall(text)]


def run_curl(
    port: int,
    command: List[str],
    query: str = "",
    credential: Optional[Mapping[str, str]] = None,
) -> bytes:
    """What a curl command gets from a server on this port."""
    start = "http://127.0.0.1:5001"
    url = next(word for word in command if word.startswith(start + "/"))[len(start) :]
    pairs = list(zip(command, command[1:]))
    headers = dict(word.split(": ", 1) for flag, word in pairs if flag == "-H")
    body = next((word.encode() for flag, word in pairs if flag == "-d"), None)
    method = next((word for flag, word in pairs if flag == "-X"), "POST" if body else "GET")
    if query:
        url += ("&" if "?" in url else "?") + query
    return fetch(port, method, url, body, {**headers, **(credential or {})})[1]


@needs_curl
def test_the_pages_sound_is_spoken_and_written_down(server: MockServer, tmp_path: Path) -> None:
    audio = chapter(page("providers"), "### Audio")
    fetch(server.port, "POST", "/__mock__/mocks", blocks("json", audio)[0].encode())
    script = blocks("sh", audio)[0].replace("http://127.0.0.1:5001", server.url)
    command = ["sh", "-ec", script.replace("curl ", "curl -sS --noproxy '*' ")]
    done = subprocess.run(
        command, cwd=str(tmp_path), check=True, stdout=subprocess.PIPE, timeout=PATIENCE
    )
    assert (tmp_path / "hi.wav").read_bytes()[:4] == b"RIFF"
    assert done.stdout.decode().startswith("1\n00:00:00,000 --> ")


# Those whose curl commands are run by tests of their own.
CURLED = {
    "README.md": "tests/test_readme.py",
    "docs/cookbook.md": "tests/test_cookbook.py",
    "docs/faults.md": "test_curl_sees_what_the_chapter_on_breaking_says",
    "docs/strict.md": "test_the_readmes_gateway_is_told_what_it_did_wrong",
    "docs/recording.md": "tests/test_recording_page.py",
}


@pytest.mark.parametrize("name", [name for name in PAGES if name not in CURLED])
def test_the_pages_curl_lines_work_as_printed(name: str) -> None:
    lines = curl_lines(PAGES[name])
    assert len(lines) == PAGES[name].count("```sh\ncurl ")
    with MockServer(data=str(HERE / "data")) as server:
        for command, expected in lines:
            assert is_printed(expected, run_curl(server.port, command).decode()), command


def test_the_mocks_of_the_pages_questions_come_with_it() -> None:
    examples = json.loads((HERE / "data/mocks/examples.json").read_text("utf-8"))
    assert [json.loads(block) for block in blocks("json", page("how-do-i"))] == examples


def anchors(text: str) -> List[str]:
    """What links to the chapters of a page end with."""
    titles = re.findall(r"^#+ (.+)$", without_blocks(text), re.M)
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


@pytest.mark.parametrize("name", [*PAGES, "CONTRIBUTING.md", "benchmarks/README.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = without_blocks((HERE / name).read_text("utf-8"))
    for target in re.findall(r"\]\(([^)]+)\)|(?:src|srcset)=\"([^\"]+)\"", text):
        link, _, anchor = "".join(target).partition("#")
        path = (HERE / name).parent / link if link else HERE / name
        if link.startswith("https://"):
            continue
        assert path.exists(), target
        assert not anchor or anchors(path.read_text("utf-8")).count(anchor) == 1, target


def test_the_readmes_curl_lines_get_the_same_with_any_credential_or_none(
    shipped: MockServer,
) -> None:
    names = ("first-answers", "providers", "responses")
    credentials = {
        "Authorization": "Bearer k",
        "api-key": "k",
        "x-goog-api-key": "k",
        "x-api-key": "k",
    }
    for command, expected in curl_lines("\n".join(map(page, names))):
        if "__mock__" in " ".join(command) or command[-1].endswith("/metrics"):
            continue  # what goes before them is asked for elsewhere
        found = {run_curl(shipped.port, command, "key=k"), run_curl(shipped.port, command)}
        for name, value in credentials.items():
            found.add(run_curl(shipped.port, command, "", {name: value}))
        assert len(found) == 1 and is_printed(expected, found.pop().decode()), command


def test_the_readme_lists_every_control_route() -> None:
    known = []
    for route in m.Control.ROUTES:
        path = route.path.replace("{id}", "ID").replace("{name}", "NAME")
        known.append(f"{route.method} /__mock__{path}")
    assert first_words("control-api", "route") == known


def test_the_readme_lists_every_key_of_a_journal_entry(server: MockServer) -> None:
    chat(server.port)
    rows = table("control-api", "journal key")
    assert [word for row in rows for word in words(row[0])] == list(server.wait_for()[0])
    assert words(rows[-1][1]) == [*m.ENDS, "null"]


GENERATED = {  # a request of each column of the README's table of errors
    "/v1/chat/completions": ASK,
    "/openai/deployments/d/chat/completions": ASK,
    GOOGLE_PATHS[0] + ":generateContent": POEM_GOOGLE,
    GOOGLE_PATHS[2] + ":generateContent": POEM_GOOGLE,
    "/v1/messages": {**ASK, "max_tokens": 9},
    "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse": {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}]
    },
}


def test_the_readme_lists_every_kind_of_error_with_its_status(server: MockServer) -> None:
    assert first_words("responses", "kind") == list(m.ERROR_KINDS)
    for row in table("responses", "kind"):
        kind = words(row[0])[0]
        header = {"X-Mock-Response": json.dumps({"error": {"kind": kind}})}
        statuses = []
        for path, body in GENERATED.items():
            data = json.dumps(body).encode()
            statuses.append(fetch(server.port, "POST", path, data, header)[0])
        assert statuses == [int(re.findall("[0-9]+", cell)[0]) for cell in row[1:7]], kind
        assert sorted(map(int, re.findall("[0-9]+", row[7]))) == sorted(m.ERROR_KINDS[kind])


def test_the_readmes_mocks_are_valid(server: MockServer) -> None:
    for block in mocks_of_pages():
        assert fetch(server.port, "POST", "/__mock__/mocks", block.encode())[0] == 201, block
