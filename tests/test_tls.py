"""TLS: certificates, handshakes, and that faults go through."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any, Iterator, Tuple

import pytest
from clients import ASK, PATIENCE, STREAMING, fetch
from samples import complaint_of

import mock_server as m
from mock_server import MockServer

needs_openssl = pytest.mark.skipif(
    not shutil.which("openssl"), reason="there is no openssl program to make a certificate with"
)


def secret(server: MockServer, body: Any) -> Tuple[int, bytes]:
    """Status and body of an answer over TLS, to a client that trusts the server's certificate."""
    trusting = ssl.create_default_context(cadata=server.tls_cert)
    connection = http.client.HTTPSConnection(
        "localhost", server.port, timeout=PATIENCE, context=trusting
    )
    connection.request("POST", "/v1/chat/completions", json.dumps(body).encode())
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def sealed() -> Iterator[MockServer]:
    with MockServer(tls=True) as server:
        server.mock(response={"text": "one two three"})
        for kind in ("reset", "close", "truncate"):
            fault = {"text": "one two", "fault": kind, "after_events": 1}
            server.mock(match={"user": kind}, response=fault)
        yield server


@needs_openssl
def test_who_would_rather_speak_http_2_is_offered_http_1(sealed: MockServer) -> None:
    trusting = ssl.create_default_context(cadata=sealed.tls_cert)
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    plain = socket.create_connection(("127.0.0.1", sealed.port), PATIENCE)
    with trusting.wrap_socket(plain, server_hostname="localhost") as client:
        assert client.selected_alpn_protocol() == "http/1.1"


@needs_openssl
@pytest.mark.parametrize("ending", ["HTTP/1.0\r\n", "HTTP/1.1\r\nConnection: close\r\n"])
def test_a_connection_ends_with_a_goodbye(sealed: MockServer, ending: str) -> None:
    trusting = ssl.create_default_context(cadata=sealed.tls_cert)
    plain = socket.create_connection(("127.0.0.1", sealed.port), PATIENCE)
    with trusting.wrap_socket(plain, False, True, False, "localhost") as client:
        client.sendall(f"GET / {ending}Host: x\r\n\r\n".encode())
        while client.recv(4096):  # which raises SSLEOFError where there is none
            pass


@needs_openssl
def test_a_handshake_that_never_ends_blocks_no_one_and_plain_http_is_told(
    sealed: MockServer,
) -> None:
    address = ("127.0.0.1", sealed.port)
    silent = [socket.create_connection(address, PATIENCE) for _ in range(5)]
    silent[0].sendall(b"\x16\x03\x01")
    assert secret(sealed, ASK)[0] == 200
    status, body = fetch(sealed.port, "POST", "/v1/chat/completions", json.dumps(ASK).encode())
    assert status == 400 and "this port speaks TLS; use https://" in complaint_of(body)
    garbage = socket.create_connection(address, PATIENCE)
    garbage.sendall(b"\x16\x03\x01\x00\x04" + b"\xff" * 4)
    garbage.recv(100)
    for client in [*silent, garbage]:
        client.close()
    assert secret(sealed, ASK)[0] == 200


@needs_openssl
@pytest.mark.parametrize(
    "kind, error",
    [
        ("reset", (ConnectionResetError, http.client.IncompleteRead)),
        ("close", (http.client.IncompleteRead, ssl.SSLEOFError)),
        ("truncate", None),
    ],
)
def test_faults_do_over_tls_what_they_do_without(sealed: MockServer, kind: str, error: Any) -> None:
    body = {**STREAMING, "messages": [{"role": "user", "content": kind}]}
    if not error:
        assert secret(sealed, body)[1].count(b"data: ") == 1
        return
    with pytest.raises(error):
        secret(sealed, body)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Tuple[str, str]:
    """The files of a certificate and its key."""
    paths = [tmp_path_factory.mktemp("tls") / name for name in ("cert.pem", "key.pem")]
    for path, text in zip(paths, m.make_certificate(["localhost"])):
        path.write_text(text)
    return str(paths[0]), str(paths[1])


@needs_openssl
def test_a_certificate_of_ones_own_is_served(pair: Tuple[str, str]) -> None:
    cert, key = pair
    with MockServer(tls=True, cert=cert, key=key) as server:
        server.mock(response={"text": "x"})
        assert server.tls_cert == Path(cert).read_text() and secret(server, ASK)[0] == 200


@needs_openssl
def test_a_certificate_that_can_not_be_used_is_named(pair: Tuple[str, str]) -> None:
    cert, key = pair
    with pytest.raises(OSError, match="can't read the key"):
        MockServer(tls=True, cert=cert, key=cert + ".none")
    with pytest.raises(OSError, match="are no certificate and its key"):
        MockServer(tls=True, cert=key, key=cert)


@needs_openssl
def test_the_certificate_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    with MockServer(tls=True, tls_cert_out=str(tmp_path / "out.pem")) as server:
        written = (tmp_path / "out.pem").read_text()
        assert written == server.tls_cert and "PRIVATE" not in written
    with pytest.raises(OSError, match="can't write the certificate"):
        MockServer(tls=True, tls_cert_out=str(tmp_path / "no" / "out.pem"))


def test_without_an_openssl_program_the_message_says_what_to_do(monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    message = "there is no openssl program to make a certificate with; install it, or give --cert"
    with pytest.raises(OSError, match=message):
        MockServer(tls=True)


@needs_openssl
@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="there are no files in memory here")
def test_without_a_folder_to_write_to_the_certificate_is_made_in_memory(
    monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    before = len(os.listdir("/proc/self/fd"))
    with MockServer(tls=True) as server:
        server.mock(response={"text": "x"})
        assert secret(server, ASK)[0] == 200
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(OSError, match="can't write the certificate to /none/a.pem: No such file"):
        MockServer(tls=True, tls_cert_out="/none/a.pem")


def test_where_there_is_no_such_memory_either_the_message_says_what_to_do(
    monkeypatch: Any, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert m.main(["0", "--tls"]) == 1
    assert capsys.readouterr().err == (
        "mock_server.py: there is no temporary folder to make a certificate in; name one that can "
        "be written to in TMPDIR, or give --cert and --key\n"
    )
