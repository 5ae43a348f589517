"""What several rooms' tests start with; conftest.py makes these known to all of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List, Mapping

import pytest
from clients import Raw

from mock_server import MockServer


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


class Clock:
    """A clock that stands still until it is told to go on."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that counts seconds, under the test's control; for tests in memory only."""
    standing = Clock()
    monkeypatch.setattr(time, "monotonic", standing)
    return standing


def content_of(value: Any) -> bytes:
    """What a file holds: bytes, text, or JSON."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., str]:
    """Makes a data directory of paths in it and what those files hold."""

    def make(files: Mapping[str, Any]) -> str:
        (tmp_path / "mocks").mkdir(exist_ok=True)
        for name, value in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content_of(value))
        return str(tmp_path)

    return make
