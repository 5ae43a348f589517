#!/usr/bin/env python3
"""The load generator for machines without wrk or Go: the options and the JSON of load/main.go.

    python3 benchmarks/reader.py -address 127.0.0.1:5001 -body request.json -events 103 -streams 16

Epoll and counting of bytes, no more: it looks for the ends of events and of answers only, in as
many processes as there are processors beside the server's.  `-plain` reads whole answers, `-close`
with a new connection for each.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import select
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Tuple

from contenders import carried

PATIENCE = 20.0  # seconds after which what has not ended is given up
ENDING = b"\r\n0\r\n\r\n"


class Talk:
    """One connection and what has come of its present answer."""

    def __init__(self, address: Tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.arrivals: List[float] = []
        self.kept: List[bytes] = []
        self.ask(request)

    def ask(self, request: bytes) -> None:
        self.last = b""  # the last bytes read: an event's end or the answer's may lie across two
        self.count = 0
        self.got = 0
        self.total = 0  # of the whole answer, where its head says so
        self.socket.sendall(request)  # a small request fits into an empty socket buffer


class Reader:
    """The load of one process: its connections, its requests, what it counts."""

    def __init__(self, options: argparse.Namespace, share: int) -> None:
        self.options = options
        host, _, port = options.address.rpartition(":")
        if not host.startswith("127."):
            raise SystemExit(f"{options.address} is not a loopback address")
        self.address = (host, int(port))
        body = Path(options.body).read_bytes()
        closing = "Connection: close\r\n" if options.close else ""
        head = (
            f"POST {options.path} HTTP/1.1\r\nHost: {options.address}\r\n{closing}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.pieces = [head.encode() + body]
        self.seed = 0
        if options.vary:
            self.pieces = self.pieces[0].split(options.vary.encode())
            self.seed = int(options.vary) + share * 500_000
        self.talks: Dict[int, Talk] = {}
        self.done: List[Talk] = []
        self.poller = select.epoll()
        self.events = self.answers = 0
        self.problems: "Counter[str]" = Counter()

    def request(self) -> bytes:
        self.seed += 1
        return str(self.seed).encode().join(self.pieces)

    def run(self, count: int) -> None:
        self.start = time.monotonic()
        for _ in range(count):
            self.connect()
        self.length = self.options.seconds
        if self.options.apart:
            self.length = self.options.apart * self.options.events
        elif self.options.answers:
            self.length = 120.0
        while self.talks:
            if time.monotonic() - self.start > self.length + PATIENCE:
                self.problems["not ended in time"] += len(self.talks)
                return
            for number, _ in self.poller.poll(0.1):
                self.read(self.talks[number])

    def connect(self) -> None:
        talk = Talk(self.address, self.request())
        self.talks[talk.socket.fileno()] = talk
        self.poller.register(talk.socket.fileno(), select.EPOLLIN)

    def read(self, talk: Talk) -> None:
        try:
            data = talk.socket.recv(262144)
        except OSError as error:
            self.finish(talk, f"reading: {error}")
            return
        now = time.monotonic() - self.start
        if not data:
            self.finish(talk, "ended early")
            return
        if not talk.got and not data.startswith(b"HTTP/1.1 200"):
            self.finish(talk, "not 200")
            return
        if not talk.got and self.options.plain:
            self.measure(talk, data)
        talk.got += len(data)
        found = (talk.last[-1:] + data).count(b"\n\n")
        talk.count += found
        if self.options.apart:
            talk.arrivals += [now] * found
            talk.kept.append(data)
        if now <= self.length:
            self.events += found
        talk.last = (talk.last + data)[-len(ENDING) :]
        if talk.got >= talk.total if talk.total else talk.last == ENDING:
            self.ended(talk, now)

    def measure(self, talk: Talk, data: bytes) -> None:
        """How long a whole answer is, if its head says so; a head comes in one piece."""
        found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", data)
        if found:
            talk.total = data.index(b"\r\n\r\n") + 4 + int(found.group(1))

    def ended(self, talk: Talk, now: float) -> None:
        """Take an answer that is complete, and ask again if there is time."""
        options = self.options
        if now <= self.length:
            self.answers += 1
        if not options.plain and talk.count != options.events:
            self.finish(talk, f"{talk.count} events instead of {options.events}")
        elif options.apart or now > self.length or 0 < options.answers <= self.answers:
            self.finish(talk)
        elif options.close:
            self.finish(talk)
            self.connect()
        else:
            talk.ask(self.request())

    def finish(self, talk: Talk, problem: str = "") -> None:
        if problem:
            self.problems[problem] += 1
        del self.talks[talk.socket.fileno()]
        self.done.append(talk)
        talk.socket.close()


def load(task: Tuple[argparse.Namespace, int, int]) -> Dict[str, Any]:
    """One process's share."""
    options, share, count = task
    reader = Reader(options, share)
    reader.run(count)
    text = Path(options.text).read_text().strip() if options.text else ""
    found: Dict[str, Any] = {
        "events": reader.events,
        "answers": reader.answers,
        "problems": reader.problems,
        "seconds": time.monotonic() - reader.start,
        "intact": 0,
        "begun": 0.0,
        "late": [],
        "cpu_seconds": sum(os.times()[:2]),
    }
    for talk in reader.done if options.apart else []:
        first = talk.arrivals[0] if talk.arrivals else 0.0
        found["begun"] = max(found["begun"], first)
        found["intact"] += said(b"".join(talk.kept)) == text
        for number, at in enumerate(talk.arrivals):
            found["late"].append((at - first - number * options.apart) * 1000)
    return found


def said(answer: bytes) -> str:
    """The text of a whole chunked event stream of chat.completion.chunk objects."""
    rest, plain = answer.partition(b"\r\n\r\n")[2], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        plain, rest = plain + rest[:length], rest[length + 2 :]
        if not length:
            break
    return carried(plain.decode())


def merged(found: List[Dict[str, Any]], options: argparse.Namespace) -> Dict[str, Any]:
    """What the processes found, together."""
    problems: "Counter[str]" = sum((Counter(one["problems"]) for one in found), Counter())
    result: Dict[str, Any] = {"problems": problems, "broken": sum(problems.values())}
    for key in ("events", "answers", "cpu_seconds"):
        result[key] = sum(one[key] for one in found)
    result["seconds"] = max(one["seconds"] for one in found)
    if options.apart:
        late = sorted(at for one in found for at in one["late"])
        result["intact"] = sum(one["intact"] for one in found)
        result["begun_ms"] = max(one["begun"] for one in found) * 1000
        for key, share in (("late_p50_ms", 0.50), ("late_p99_ms", 0.99)):
            result[key] = late[int(share * len(late))] if late else 0.0
    return result


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prefix_chars="-")
    for name in ("address", "body", "text", "vary"):
        parser.add_argument(f"-{name}", default="")
    parser.add_argument("-path", default="/v1/chat/completions")
    for name, default in (("streams", 1), ("events", 0), ("answers", 0), ("processes", 0)):
        parser.add_argument(f"-{name}", type=int, default=default)
    parser.add_argument("-seconds", type=float, default=2.0)
    parser.add_argument("-apart", default=0.0, type=lambda text: float(text[:-2]) / 1000)
    parser.add_argument("-plain", action="store_true")
    parser.add_argument("-close", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    wanted = options.processes or max(1, (os.cpu_count() or 1) - 1)
    processes = max(1, min(wanted, options.streams))
    options.answers = -(-options.answers // processes)
    tasks = []
    for share in range(processes):
        count = options.streams // processes + (share < options.streams % processes)
        tasks.append((options, share, count))
    if processes == 1:
        found = [load(tasks[0])]
    else:
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            found = pool.map(load, tasks, chunksize=1)
    print(json.dumps(merged(found, options)))


if __name__ == "__main__":
    main()
