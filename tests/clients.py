"""Clients for a server in this process, from bytes on a socket to a chat in one call."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple

from samples import CHAT

from mock_server import MockServer

PATIENCE = 30.0  # seconds that nothing takes, however slow the machine is
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
STREAMING = {**ASK, "stream": True}


class Raw:
    """A client that sends bytes as they are and reads responses one by one."""

    def __init__(self, server: MockServer) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self.file = self.sock.makefile("rb")

    def send(self, data: bytes) -> "Raw":
        self.sock.sendall(data)
        return self

    def head(self) -> Tuple[int, Dict[str, str]]:
        """Status and headers of the next response."""
        status = int(self.file.readline().split()[1])
        headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    def response(self) -> Tuple[int, Dict[str, str], bytes]:
        """The next response: status, headers, body."""
        status, headers = self.head()
        if "chunked" in headers.get("transfer-encoding", ""):
            return status, headers, b"".join(self.chunks())
        return status, headers, self.file.read(int(headers["content-length"]))

    def chunks(self) -> Iterator[bytes]:
        """The chunks of a body that has begun."""
        while True:
            size = int(self.file.readline(), 16)
            data = self.file.read(size)
            assert self.file.read(2) == b"\r\n"
            if not size:
                return
            yield data

    def until_event(self) -> "Raw":
        """Read to the first event of a stream."""
        while not self.file.readline().startswith(b"data: "):
            pass
        return self

    def close(self) -> None:
        self.file.close()
        self.sock.close()


def post(
    body: Any = CHAT,
    path: str = "/v1/chat/completions",
    headers: Sequence[str] = (),
) -> bytes:
    """A request as bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(data)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


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


def chat(
    port: int,
    user: str = "Hi",
    prefix: str = "",
    headers: Optional[Mapping[str, str]] = None,
    **more: Any,
) -> Tuple[int, Any]:
    """A chat completion over a socket: status, and the text of the answer or the whole error."""
    body = {**ASK, "messages": [{"role": "user", "content": user}], **more}
    path = prefix + "/v1/chat/completions"
    status, data = fetch(port, "POST", path, json.dumps(body).encode(), headers)
    if status != 200 or more.get("stream"):
        return status, data
    return status, json.loads(data)["choices"][0]["message"]["content"]


def control(port: int, method: str, path: str, body: Any = None) -> Tuple[int, Any]:
    """A control request: status and JSON.  `path` is what follows `/__mock__/`, or all of it."""
    prefix, _, rest = path.rpartition("/__mock__")
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    status, answer = fetch(port, method, f"{prefix}/__mock__/{rest.lstrip('/')}", data)
    return status, json.loads(answer) if answer else None


def wait_until(holds: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Poll until something holds, or fail."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.002)


# What is going on in a server, for tests that must not act too early: the only looks inside it.


def waiting_in(server: MockServer) -> int:
    """How many wait for requests to come."""
    return len(server.core.journal.waiters)


def watching(server: MockServer) -> int:
    """How many read the live journal."""
    return len(server.core.journal.feeds)


def is_closing(server: MockServer) -> bool:
    """Whether it has begun to close."""
    return server.stopping
