"""X"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
from pathlib import Path
from typing import Any, Iterator, Tuple

import pytest
from clients import ASK, STREAMING, fetch
from samples import complaint_of

import mock_server as m
from mock_server import MockServer

needs_openssl = pytest.mark.skipif(
    not shutil.which("openssl"), reason="there is no openssl program to make a certificate with"
)


def trusting(server: MockServer) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=server.tls_cert)


def secret(server: MockServer, body: Any, connection: Any = None) -> Tuple[int, bytes]:
    own = connection or http.client.HTTPSConnection(
        "localhost", server.port, timeout=10, context=trusting(server)
    )
    own.request("POST", "/v1/chat/completions", json.dumps(body).encode())
    answer = own.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        if not connection:
            own.close()


@pytest.fixture(scope="module")
def sealed() -> Iterator[MockServer]:
    with MockServer(tls=True, tls_name=["mock.internal"]) as server:
        server.mock(response={"text": "one two three"})
        server.mock(match={"user": "slow"}, response={"text": "one two three", "pace": 0.01})
        for kind in ("reset", "close", "truncate", "hang"):
            server.mock(
                match={"user": kind}, response={"text": "one two", "fault": kind, "after_events": 1}
            )
        yield server


@needs_openssl
def test_a_handshake_that_never_ends_blocks_no_one_and_plain_http_is_told(
    sealed: MockServer,
) -> None:
    silent = [socket.create_connection(("127.0.0.1", sealed.port), 10) for _ in range(5)]
    silent[0].sendall(b"\x16\x03\x01")
    assert secret(sealed, ASK)[0] == 200
    status, body = fetch(sealed.port, "POST", "/v1/chat/completions", json.dumps(ASK).encode())
    assert status == 400 and "this port speaks TLS; use https://" in complaint_of(body)
    garbage = socket.create_connection(("127.0.0.1", sealed.port), 10)
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


@needs_openssl
def test_a_certificate_of_ones_own_is_served_and_a_wrong_one_is_one_line(tmp_path: Path) -> None:
    cert, key = m.make_certificate(["localhost"])
    (tmp_path / "cert.pem").write_text(cert)
    (tmp_path / "key.pem").write_text(key)
    with MockServer(
        tls=True, cert=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem")
    ) as server:
        server.mock(response={"text": "x"})
        assert server.tls_cert == cert and secret(server, ASK)[0] == 200
    for pair, said_so in (
        (("cert.pem", "none.pem"), "can't read the key"),
        (("key.pem", "cert.pem"), "are no certificate and its key"),
    ):
        with pytest.raises(OSError, match=said_so):
            MockServer(tls=True, cert=str(tmp_path / pair[0]), key=str(tmp_path / pair[1]))


@needs_openssl
def test_the_certificate_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    with MockServer(tls=True, tls_cert_out=str(tmp_path / "out.pem")) as server:
        assert (
            tmp_path / "out.pem"
        ).read_text() == server.tls_cert and "PRIVATE" not in server.tls_cert
    with pytest.raises(OSError, match="can't write the certificate"):
        MockServer(tls=True, tls_cert_out=str(tmp_path / "no" / "out.pem"))


def test_without_an_openssl_program_the_message_says_what_to_do(monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(
        OSError,
        match="there is no openssl program to make a certificate with; install it, or give --cert and --key",
    ):
        MockServer(tls=True)
