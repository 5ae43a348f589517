#!/usr/bin/env python3
"""What a request that never came before costs: microseconds of processor time in our own code.

    python3 benchmarks/requests.py [OTHER/mock_server.py]

No sockets: head and body are bytes, and so are the steps of the answer.  No two bodies are alike,
so that nothing is remembered.  With another mock_server.py both take turns, and the ratio is shown.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any, Dict, Tuple

HERE = Path(__file__).resolve().parent
ROUNDS, REQUESTS = 60, 20  # short ones: the best of many are those that nobody disturbed
FIVE = ["apple", "beach", "cloud", "dance", "eagle", "field", "grape", "house", "igloo", "jelly"]
TEXT = " ".join(FIVE[number % len(FIVE)] for number in range(100))
MOCK = {"match": {"user": {"contains": "Write"}}, "response": {"text": TEXT}}
SAY = "Write one hundred words of five letters."
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": SAY}]}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": SAY}]}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": SAY}]}]}
GEMINI = "/v1beta/models/gemini-2.5-flash"
BEDROCK = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"

# The path of a whole answer, that of a stream, and the body.
FORMATS: Dict[str, Tuple[str, str, Any]] = {
    "openai chat": ("/v1/chat/completions", "/v1/chat/completions", CHAT),
    "openai responses": ("/v1/responses", "/v1/responses", {"model": "gpt-4o-mini", "input": SAY}),
    "anthropic": ("/v1/messages", "/v1/messages", {**CHAT, "max_tokens": 64}),
    "gemini": (GEMINI + ":generateContent", GEMINI + ":streamGenerateContent?alt=sse", CONTENTS),
    "bedrock converse": (BEDROCK, BEDROCK + "-stream", CONVERSE),
    "mistral": ("/mistral/v1/chat/completions", "/mistral/v1/chat/completions", CHAT),
    "cohere": ("/v2/chat", "/v2/chat", CHAT),
    "ollama": ("/api/chat", "/api/chat", CHAT),
}


HEAD = (
    b"POST %s HTTP/1.1\r\nHost: 127.0.0.1:5001\r\nAuthorization: Bearer sk-test\r\n"
    b"User-Agent: bench/1\r\nAccept: */*\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n"
)


class Server:
    """A mock_server.py that answers one mock, without a port."""

    head = HEAD

    def __init__(self, path: str) -> None:
        name = f"mock_server_{abs(hash(path))}"
        spec = importlib.util.spec_from_file_location(name, path)
        if not spec or not spec.loader:
            raise SystemExit(f"{path} is no Python file")
        self.module: Any = importlib.util.module_from_spec(spec)
        sys.modules[name] = self.module
        spec.loader.exec_module(self.module)
        mocks = self.module.Mocks()
        mocks.session("").add([MOCK])
        self.answerer = self.module.Answerer(mocks, self.module.Settings())

    def answer(self, head: bytes, body: bytes) -> bytes:
        """All bytes that go out for one request."""
        m = self.module
        read = m.parse_head(head)
        request = m.Request(read.method, read.path, read.query, read.headers, body, 5001)
        response = self.answerer.answer(request).response
        coding = m.coding_of(response, request.headers.get("accept-encoding"))
        exchange = m.Exchange(1, True, False, coding)
        return b"".join([step.data for step in m.answer_steps(response, exchange)])

    def cost(self, path: str, bodies: "list[bytes]") -> float:
        """Microseconds a request."""
        start = time.process_time()
        for body in bodies:
            head = self.head % (path.encode(), len(body))
            self.answer(head, body)
        return (time.process_time() - start) / len(bodies) * 1e6


SEED = 1000000


def bodies_of(body: Any, stream: bool, number: int) -> "list[bytes]":
    """Bodies of which no two are alike."""
    first = SEED + number * REQUESTS
    seeds = range(first, first + REQUESTS)
    return [json.dumps({**body, "stream": stream, "seed": seed}).encode() for seed in seeds]


def measured(servers: "list[Server]", path: str, body: Any, stream: bool) -> str:
    """One line of the table."""
    costs: "list[list[float]]" = [[] for _ in servers]
    for number in range(ROUNDS):
        bodies = bodies_of(body, stream, number)
        turns = list(enumerate(servers))
        for index, server in turns[:: 1 - number % 2 * 2]:
            costs[index].append(server.cost(path, bodies))
    best = [min(found) for found in costs]
    cells = [f"{cost:8.1f}" for cost in best]
    if len(servers) > 1:
        cells.append(f"{best[1] / best[0]:8.2f}")
    return "".join(cells)


def main() -> None:
    """Print the table."""
    paths = [str(HERE.parent / "mock_server.py"), *sys.argv[1:2]]
    servers = [Server(path) for path in paths]
    titles = "".join(f"{title:>8}" for title in ("us", "other", "ratio")[: 2 * len(paths) - 1])
    print(f"{'':24}{titles}")
    for name, (whole, stream, body) in FORMATS.items():
        print(f"{name + ' whole':24}{measured(servers, whole, body, False)}")
        print(f"{name + ' stream':24}{measured(servers, stream, body, True)}")


if __name__ == "__main__":
    main()
