#!/usr/bin/env python3
"""What it costs to hold requests against the rules of their provider, in our own code.

    python3 benchmarks/judge.py [FORMAT...]

No sockets.  Three tables: a request of ten messages that never came before, with rules and without;
one that came before; and how the time for a message grows with their number, up to bodies of
16 MiB: the most of it to that of 100 messages, which is about 1 or less where all of them take time
in proportion.  FORMAT is the beginning of a row's name.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from requests import GEMINI, HEAD, ROUNDS, Server

TEN = 10  # messages of an ordinary request, with the system prompt
REQUESTS = 20  # in a row, and the best of ROUNDS such rows
LONG = 10_000  # messages of a body of 16 MiB
SIZES = (100, 1_000, LONG, 80_000)  # nearly as many as may be: 250,000 arrays and objects
LARGEST_BODY = 16 * 1024 * 1024  # that the server takes, by default
SHORT = 24  # characters of a text
STEEP = 4.0  # a growth that is no longer linear: ten times the messages would be ten times it
VERTEX = "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash"
BEDROCK = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"

Texts = Sequence[str]  # of a system prompt, then of the user and the assistant in turn


def named(texts: Texts, assistant: str = "assistant") -> Iterator[Tuple[str, str]]:
    """Each text behind the system prompt with its role."""
    roles = ("user", assistant)
    return ((roles[index % 2], text) for index, text in enumerate(texts[1:]))


def chat(model: str) -> Callable[[Texts], Any]:
    """A body as OpenAI's chat has it, and many others."""

    def body(texts: Texts) -> Any:
        said = [{"role": "system", "content": texts[0]}]
        said += [{"role": role, "content": text} for role, text in named(texts)]
        return {"model": model, "messages": said}

    return body


def responses(texts: Texts) -> Any:
    said = [{"role": role, "content": text} for role, text in named(texts)]
    return {"model": "gpt-4o-mini", "instructions": texts[0], "input": said}


def anthropic(texts: Texts) -> Any:
    said = [{"role": role, "content": text} for role, text in named(texts)]
    model = "claude-sonnet-4-5"
    return {"model": model, "max_tokens": 64, "system": texts[0], "messages": said}


def gemini(texts: Texts) -> Any:
    said = [{"role": role, "parts": [{"text": text}]} for role, text in named(texts, "model")]
    return {"systemInstruction": {"parts": [{"text": texts[0]}]}, "contents": said}


def converse(texts: Texts) -> Any:
    said = [{"role": role, "content": [{"text": text}]} for role, text in named(texts)]
    return {"system": [{"text": texts[0]}], "messages": said}


class Format(NamedTuple):
    """An API: its path, and its body for some texts."""

    path: str
    body: Callable[[Texts], Any]


FORMATS: Dict[str, Format] = {
    "openai chat": Format("/v1/chat/completions", chat("gpt-4o-mini")),
    "openai responses": Format("/v1/responses", responses),
    "azure chat": Format(
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", chat("gpt-4o")
    ),
    "anthropic": Format("/v1/messages", anthropic),
    "gemini": Format(GEMINI + ":generateContent", gemini),
    "vertex": Format(VERTEX + ":generateContent", gemini),
    "bedrock converse": Format(BEDROCK, converse),
    "mistral": Format("/mistral/v1/chat/completions", chat("mistral-large-latest")),
    "cohere": Format("/v2/chat", chat("command-a-03-2025")),
    "ollama": Format("/api/chat", chat("llama3.2")),
}


def texts(number: int, length: int = SHORT) -> List[str]:
    """So many texts, all of one length."""
    return [f"Write {index:0>8} ".ljust(length, "x") for index in range(number)]


class Judge(Server):
    """A server whose rules can be left out, and which counts how often it judges."""

    # Anthropic refuses who does not say this; others don't mind.
    head = HEAD[:-2] + b"anthropic-version: 2023-06-01\r\n\r\n"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.judged = self.module.judged
        self.count = 0
        self.has_rules = True
        self.module.judged = self.counted

    def counted(self, wire: Any, call: Any, *more: Any) -> Any:
        self.count += 1
        return self.judged(wire, call, *more) if self.has_rules else (call, True)

    def request(self, path: str, body: bytes) -> Any:
        """What the rules look at: wire format, call and body."""
        m = self.module
        read = m.parse_head(self.head % (path.encode(), len(body)))
        request = m.Request(read.method, read.path, read.query, read.headers, body, 5001)
        wire, params = m.route(request)
        return wire, wire.read(request, params, request.json), request.json

    def seconds(self, asked: Any, times: int) -> float:
        """The processor's time to judge a request, of so many times in a row."""
        start = time.process_time()
        for _ in range(times):
            self.module.violations_of(*asked, False)
        return (time.process_time() - start) / times

    def best(self, asked: Any, times: int, rounds: int) -> float:
        """The least of several rounds: the one that nobody disturbed."""
        return min(self.seconds(asked, times) for _ in range(rounds))


def different(body: Any, number: int) -> "list[bytes]":
    """Bodies of which no two are alike: the blanks at their end differ."""
    text = json.dumps(body).encode()
    return [text + b" " * (number * REQUESTS + index) for index in range(REQUESTS)]


def ordinary(judge: Judge, name: str) -> str:
    """A row: a request of ten messages, without rules, with them, and the rules alone."""
    path, body = FORMATS[name].path, FORMATS[name].body(texts(TEN))
    best = {False: float("inf"), True: float("inf")}
    for number in range(ROUNDS):
        for has_rules in (True, False)[:: 1 - number % 2 * 2]:
            judge.has_rules = has_rules
            bodies = different(body, 2 * number + has_rules)
            best[has_rules] = min(best[has_rules], judge.cost(path, bodies))
    judge.has_rules = True
    asked = judge.request(path, json.dumps(body).encode())
    alone = judge.best(asked, REQUESTS, ROUNDS) * 1e6
    broken = " ".join(one.rule for one in judge.module.violations_of(*asked, False)[0])
    return f"{name:20}{best[False]:10.1f}{best[True]:10.1f}{alone:10.1f}  {broken}"


def remembered(judge: Judge, name: str) -> str:
    """A row: the same request again and again, and how often it was judged."""
    path, body = FORMATS[name].path, FORMATS[name].body(texts(TEN))
    same = [json.dumps(body).encode()] * REQUESTS
    judge.cost(path, same)  # so that it is remembered
    before = judge.count
    best = min(judge.cost(path, same) for _ in range(ROUNDS))
    return f"{name:20}{best:10.1f}{judge.count - before:10}"


def unreadable(text: str) -> Any:
    """What no API takes for a text."""
    return {"text": [text]}


# What is wrong with a conversation: nothing, its last message, all of them.
GROWTHS: Dict[str, Callable[[Texts], Any]] = {
    "": list,
    ", last broken": lambda texts: [*texts[:-1], unreadable(texts[-1])],
    ", all broken": lambda texts: [unreadable(text) for text in texts],
}


def growing(judge: Judge, name: str, growth: str) -> str:
    """A row: nanoseconds a message, by how many there are, and the most of them to the first."""
    known, cells = FORMATS[name], []
    overhead = len(json.dumps(known.body(texts(1_000)))) / 1_000 - SHORT
    long = int(LARGEST_BODY / LONG - overhead)
    costs = []
    for number, length in (*((size, SHORT) for size in SIZES), (LONG, long)):
        said = texts(number, length)
        wire, call, _ = judge.request(known.path, json.dumps(known.body(said)).encode())
        asked = wire, call, known.body(GROWTHS[growth](said))
        times = max(1, 1_000 // number)
        costs.append(judge.best(asked, times, max(5, 20_000 // number)) / number * 1e9)
        cells.append(f"{costs[-1]:10.0f}")
    steepest = max(costs[1:]) / costs[0]
    verdict = "" if steepest < STEEP else "  not linear"
    return f"{name + growth:32}{''.join(cells)}{steepest:10.2f}{verdict}"


def table(title: str, columns: Sequence[str], width: int, rows: Iterator[str]) -> None:
    print(f"{title:{width}}" + "".join(f"{column:>10}" for column in columns))
    for row in rows:
        print(row, flush=True)
    print()


def main() -> None:
    """Print the tables."""
    names = [name for name in FORMATS if not sys.argv[1:] or name.startswith(tuple(sys.argv[1:]))]
    judge = Judge(str(Path(__file__).resolve().parent.parent / "mock_server.py"))
    rows = (ordinary(judge, name) for name in names)
    table("us a request", ("without", "with", "rules"), 20, rows)
    table("came before", ("us", "judged"), 20, (remembered(judge, name) for name in names))
    sizes = [f"{size:,}" for size in SIZES]
    rows = (growing(judge, name, growth) for name in names for growth in GROWTHS)
    table("ns a message, of", [*sizes, "16 MiB", "ratio"], 32, rows)


if __name__ == "__main__":
    main()
