#!/usr/bin/env python3
"""The limit: a bare epoll loop in Python that answers constant bytes, whatever it is asked.

    python3 benchmarks/limit.py PORT WHOLE_FILE STREAM_FILE

No HTTP server in Python that does anything at all can be faster than this: it looks for no end of
a request (each comes in one piece from the load generators here) and decides nothing but whether a
stream is wanted and whether the connection is to be closed.  The files hold whole responses, heads
included, as mock_server.py gave them.
"""

from __future__ import annotations

import select
import socket
import sys
from pathlib import Path
from typing import Dict, Tuple


class Loop:
    """One listener, one poller, and the bytes that everybody gets."""

    def __init__(self, port: int, whole: bytes, stream: bytes) -> None:
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(1024)
        self.poller = select.epoll()
        self.poller.register(self.listener.fileno(), select.EPOLLIN)
        self.clients: Dict[int, socket.socket] = {}
        self.kept: Tuple[bytes, bytes] = (whole, stream)
        self.last = whole.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)

    def run(self) -> None:
        while True:
            for number, _ in self.poller.poll():
                client = self.clients.get(number)
                if client is None:
                    self.accept()
                    continue
                try:
                    goes_on = self.answer(client)
                except ConnectionError:
                    goes_on = False
                if not goes_on:
                    del self.clients[number]
                    client.close()

    def accept(self) -> None:
        client, _ = self.listener.accept()
        self.clients[client.fileno()] = client
        self.poller.register(client.fileno(), select.EPOLLIN)

    def answer(self, client: socket.socket) -> bool:
        """Answer what has come; whether the connection goes on."""
        data = client.recv(65536)
        if not data:
            return False
        if b"Connection: close" in data:
            client.sendall(self.last)
            return False
        client.sendall(self.kept[b'"stream": true' in data])
        return True


def main() -> None:
    port, whole, stream = sys.argv[1:]
    Loop(int(port), Path(whole).read_bytes(), Path(stream).read_bytes()).run()


if __name__ == "__main__":
    main()
