"""What HTTP clients, shells and other Pythons see of the server: lengths, gzip, start and end."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from program import PROGRAM, ROOT
from samples import answerer, ask, steps_of

import mock_server as m

FILE = str(ROOT / "mock_server.py")
POSIX_ONLY = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


@pytest.fixture
def server() -> Iterator[m.MockServer]:
    with m.MockServer() as running:
        running.mock(response={"text": "pong"})
        yield running


class Client:
    """A connection on which requests are sent as bytes."""

    def __init__(self, server: m.MockServer) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port), 10)
        self.file = self.sock.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *reason: object) -> None:
        self.file.close()
        self.sock.close()

    def ask(self, method: str, path: str, *headers: str) -> Tuple[int, Dict[str, str], bytes]:
        """Status, headers and body of the answer to a request without a body."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]
        self.sock.sendall("\r\n".join(lines).encode())
        status = int(self.file.readline().split()[1])
        fields = [line.decode().split(":", 1) for line in iter(self.file.readline, b"\r\n")]
        found = {name.lower(): value.strip() for name, value in fields}
        return status, found, self.file.read(int(found["content-length"]))


# --- lengths ---


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_method_that_a_path_does_not_know_is_405_before_its_length_is_asked_for(
    server: m.MockServer, method: str
) -> None:
    with Client(server) as client:
        for _ in range(2):  # and the connection lives on
            status, headers, body = client.ask(method, "/v1/chat/completions")
            assert status == 405 and "POST" in headers["allow"] and json.loads(body)["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/messages",
        "/v1beta/models/gemini-2.5-flash:generateContent",
        "/model/amazon.nova-lite-v1%3A0/converse",
        "/v2/chat",
        "/api/chat",
    ],
)
def test_a_post_without_a_length_has_no_body(server: m.MockServer, path: str) -> None:
    with Client(server) as client:
        without = client.ask("POST", path)
        empty = client.ask("POST", path, "Content-Length: 0")
    assert without[0] == empty[0] == 400 and without[2] == empty[2]


# --- gzip ---

SHORT = b'{"error":"no"}'
LONG = b'{"error":"' + b"no, " * 100 + b'no"}'


def sent(response: m.HttpResponse, accept: str) -> Tuple[List[str], bytes]:
    """The header lines of a whole answer, but for its length, and its body."""
    data = b"".join(step.data for step in steps_of(response, accept) if isinstance(step, m.Send))
    head, _, body = data.partition(b"\r\n\r\n")
    return [line for line in head.decode().split("\r\n")[1:] if "Length" not in line], body


VARY = "Vary: Accept-Encoding"
GZIP = "Content-Encoding: gzip"


@pytest.mark.parametrize(
    "body, delivery, accept, headers",
    [
        (SHORT, {}, "gzip", [VARY]),
        (LONG, {}, "gzip", [VARY, GZIP]),
        (b"", {}, "gzip", [VARY]),
        (SHORT, {"gzip": "always"}, "", [VARY, GZIP]),
        (SHORT, {"gzip": "never"}, "gzip", []),
        (SHORT, {"plan": m.Plan(gzip="event")}, "gzip", [VARY, GZIP]),
        (SHORT, {}, "gzip, identity;q=0", [VARY, GZIP]),  # nothing else is taken
        (SHORT, {}, "gzip, *;q=0", [VARY, GZIP]),
        (LONG, {}, "gzip;q=0.5, identity;q=0.9", [VARY]),
    ],
)
def test_gzip_is_used_where_it_shrinks_or_has_to_be(
    body: bytes, delivery: Any, accept: str, headers: List[str]
) -> None:
    response = m.HttpResponse(400, (), body, delivery=m.Delivery(**delivery))
    found, data = sent(response, accept)
    assert found == headers
    assert (gzip.decompress(data) if GZIP in headers else data) == body


def test_a_gz_twin_is_sent_as_stored_though_it_is_longer() -> None:
    twin = gzip.compress(SHORT, 1)
    found, data = sent(m.HttpResponse(200, (), SHORT, twin=twin), "gzip")
    assert len(twin) > len(SHORT) and data == twin and found == [VARY, GZIP]


def test_a_short_error_is_not_compressed_and_a_long_answer_is(server: m.MockServer) -> None:
    server.mock(match={"model": "short"}, response={"error": {"message": "no"}})
    with Client(server) as client:
        status, headers, body = client.ask("POST", "/api/chat", "Accept-Encoding: gzip")
        assert status == 400 and "content-encoding" not in headers and json.loads(body)
        status, headers, body = client.ask("GET", "/v1/models", "Accept-Encoding: gzip")
    assert headers["content-encoding"] == "gzip" and json.loads(gzip.decompress(body))["data"]


# --- faults ---


def test_the_names_of_faults_are_those_of_the_registry() -> None:
    for name in m.FAULTS:
        mock = {"response": {"text": "x", "fault": name}}
        fault = ask(answerer(mock), m.OpenAIChat).delivery.fault
        assert fault and fault.kind == name
    for wrong in ("rest", ["reset"], {"reset": 1}, None):
        with pytest.raises(m.BadMock, match="fault"):
            answerer({"response": {"text": "x", "fault": wrong}})


# --- start and end ---


def started(*arguments: str, env: Any = None) -> "subprocess.Popen[bytes]":
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, **(env or {})}
    return subprocess.Popen([sys.executable, *arguments], env=environment, **pipes)


@POSIX_ONLY
def test_nothing_is_left_open_at_the_end() -> None:
    process = started("-X", "dev", *PROGRAM[1:], "0")
    with process:
        assert process.stdout and process.stderr
        port = int(process.stdout.readline().decode().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(12) == b"HTTP/1.1 200"
        process.send_signal(signal.SIGTERM)
        output = process.stderr.read().decode()
    assert process.returncode == 0 and "Warning" not in output and "Traceback" not in output


def test_nothing_is_left_open_where_the_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = started("-X", "dev", *PROGRAM[1:], str(taken.getsockname()[1]))
        output = process.communicate(timeout=20)[1].decode()
    assert process.returncode == 1 and output.count("\n") == 1 and "can't listen" in output


@POSIX_ONLY
@pytest.mark.parametrize(
    "start, status",
    [
        ([FILE, "0"], 0),
        pytest.param(
            ["-m", "mock_server", "0"],
            0,
            marks=pytest.mark.skipif(
                not hasattr(sys, "orig_argv"), reason="this Python does not say what it runs"
            ),
        ),
        ([FILE, "--check", "--data", str(ROOT / "data")], 130),  # they were not found good
    ],
)
def test_an_interrupt_while_it_starts_ends_it_without_a_traceback(
    start: List[str], status: int
) -> None:
    env = {"PYTHONPATH": str(ROOT / "src")}
    process = started("-X", "importtime", *start, env=env)  # which says how far it has come
    with process:
        assert process.stderr
        for line in process.stderr:
            if line.split()[-1] == b"http.server":  # what is imported before the rooms are set up
                process.send_signal(signal.SIGINT)
                break
        output = process.stderr.read().decode()
    assert process.returncode == status and "Traceback" not in output


@POSIX_ONLY
@pytest.mark.parametrize("form", [ROOT, ROOT / "src"], ids=["file", "package"])
def test_a_program_that_imports_it_keeps_its_own_interrupt(form: Path, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    # As Python itself has it; where tests run in the background it is ignored.
    usual = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    (app / "__init__.py").write_text(f"{usual}; import mock_server")
    ask = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    (app / "__main__.py").write_text(ask)
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(form)])}
    process = started("-m", "app", env=env)
    assert process.communicate(timeout=20)[0] == b"True\n"


# --- other Pythons ---


def test_an_older_python_is_told_in_one_line_what_is_needed() -> None:
    process = started("-c", f"import sys; sys.version_info = (3, 7, 16); {PROGRAM[-1]}", "0")
    output = process.communicate(timeout=20)[1].decode()
    assert process.returncode == 1
    assert output.splitlines() == ["mock_server.py needs Python 3.8 or newer; this is 3.7"]
