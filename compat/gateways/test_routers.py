"""vLLM's router and SGLang's gateway, in front of servers on two ports: what is not healthy gets no
requests.  Skipped where they are not installed."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from conftest import free_port, serving

ROUTERS = {"vllm-router": (), "sglang-router": ("launch",)}
CHAT = {"model": "mock-model", "messages": [{"role": "user", "content": "Hi there"}]}
HEALTH = {
    "--health-check-interval-secs": "1",
    "--health-failure-threshold": "1",
    "--health-success-threshold": "1",
    "--worker-startup-check-interval": "1",
}


def told(url: str, method: str, path: str, body: Any = None) -> Any:
    """The JSON of an answer, or its status where that is no success."""
    connection = HTTPConnection(url.partition("://")[2], timeout=10)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        response = connection.getresponse()
        data = response.read()
        return json.loads(data) if response.status < 300 and data else response.status
    except OSError:
        return 0
    finally:
        connection.close()


def until(holds: Any) -> None:
    """Wait until something holds."""
    for _ in range(200):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("it never came to that")


@contextmanager
def routing(name: str, workers: List[str]) -> Iterator[str]:
    """A router in front of workers, once it has found them healthy."""
    program = Path(sys.executable).parent / name
    if not program.exists():
        pytest.skip(f"{name} is not installed")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(program), *ROUTERS[name], "--worker-urls", *workers, "--host", "127.0.0.1"]
    command += ["--port", port, "--prometheus-port", free_port(), "--policy", "round_robin"]
    command += itertools.chain.from_iterable(HEALTH.items())
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: healthy(url) == sorted(workers))
        yield url
    finally:
        process.kill()
        process.wait()


def healthy(router: str) -> List[str]:
    """The workers that a router has found healthy."""
    found = told(router, "GET", "/workers")
    workers = found["workers"] if isinstance(found, dict) else []
    return sorted(worker["url"] for worker in workers if worker["is_healthy"])


@pytest.mark.parametrize("name", ROUTERS)
def test_a_router_leaves_a_worker_alone_that_says_it_is_not_healthy(name: str) -> None:
    echo = ("--fallback", "echo")
    with serving(*echo) as one, serving(*echo) as other, routing(name, [one, other]) as url:
        for _ in range(4):
            answer = told(url, "POST", "/v1/chat/completions", CHAT)
            assert answer["choices"][0]["message"]["content"] == "Hi there"
        for worker in (one, other):
            count = told(worker, "POST", "/__mock__/requests/count", {"match": {"api": "chat"}})
            assert count == {"count": 2}
        ill = {"match": {"path": "/health"}, "response": {"status": 503, "raw": ""}}
        told(one, "POST", "/__mock__/mocks", ill)
        until(lambda: healthy(url) == [other])
        told(one, "DELETE", "/__mock__/requests")
        for _ in range(4):
            told(url, "POST", "/v1/chat/completions", CHAT)
        count = told(one, "POST", "/__mock__/requests/count", {"match": {"api": "chat"}})
        assert count == {"count": 0}
        told(one, "POST", "/__mock__/reset")
        until(lambda: healthy(url) == sorted([one, other]))
