#!/usr/bin/env python3
"""Whether mock_server.py is the same after a long, rude day: a soak, on loopback, by itself.

    python3 benchmarks/soak.py                    some minutes; --short does a tenth of it
    python3 benchmarks/soak.py --json soak.json

200,000 requests, 20,000 streams that are broken at random points (always the same ones), 2,000 idle
connections, 500 gated streams that are left alone, then abandoned or released.  All that should be
answered has to be, and at the end resident memory, threads and descriptors have to be where they
were after a short warm-up of all that: exit code 1 if not.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from contenders import HERE, PATH, Contender, running, whole_answer
from engine import RESET, Engine, Talk
from loads import more_descriptors

SEED = 10
WORDS = " ".join(f"word{number:02d}" for number in range(60))
MOCKS = {
    "whole": {"text": WORDS},
    "stream": {"text": WORDS},
    "paced": {"text": WORDS, "pace": 0.002},
    "long": {"text": " ".join([WORDS] * 100)},
    "gate": {"text": WORDS, "gate": True},
}
MORE_MEMORY = (1.15, 8.0)  # at the end: so many times what it was, and so many megabytes more
SETTLE = 45.0  # seconds that the server gets to notice that all have gone


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    requests: int
    broken: int
    idle: int
    gated: int

    def part(self, share: float) -> "Size":
        many = (self.requests, self.broken, self.idle, self.gated)
        return Size(*(max(1, round(one * share)) for one in many))


WHOLE = Size(200_000, 20_000, 2_000, 500)
WARM_UP = Size(10_000, 3_000, 100, 50)  # fills the journal and whatever else is bounded


@dataclass
class State:
    """What the server holds, from /proc."""

    memory: float
    threads: int
    descriptors: int

    @classmethod
    def of(cls, pid: int) -> "State":
        found = {}
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            key, _, value = line.partition(":")
            found[key] = value.split()
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return cls(int(found["VmRSS"][0]) / 1024, int(found["Threads"][0]), descriptors)

    def is_back(self, before: "State") -> Dict[str, bool]:
        times, more = MORE_MEMORY
        return {
            "memory": self.memory <= before.memory * times + more,
            "threads": self.threads <= before.threads,
            "descriptors": self.descriptors <= before.descriptors,
        }


@dataclass
class Phase:
    """One kind of load: how it went, and what the server held at most meanwhile and afterwards."""

    name: str
    wanted: int = 0
    done: int = 0
    failed: Dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    peak: Optional[State] = None
    after: Optional[State] = None

    def fail(self, why: str) -> None:
        self.failed[why] = self.failed.get(why, 0) + 1


def body(asked: str, stream: bool, number: int = 0) -> bytes:
    said = {"model": "m", "seed": number, "messages": [{"role": "user", "content": asked}]}
    return json.dumps({**said, "stream": stream}).encode()


def post(data: bytes, path: str = PATH, closing: bool = False) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(data)}", *(["Connection: close"] if closing else [])]
    return "\r\n".join([*lines, "", ""]).encode() + data


class Soaked(Contender):
    """mock_server.py with mocks of its own."""

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                return b" 200 " in ask(connection, post(body("whole", False)))[:20]
        except OSError:
            return False


# === The phases ==============================================================


class Soak:
    """A server, the load, and what came of it."""

    def __init__(self, server: Contender, verbose: bool = True) -> None:
        self.server, self.verbose = server, verbose
        assert server.process
        self.pid = server.process.pid
        self.address = ("127.0.0.1", server.port)
        self.random = random.Random(SEED)
        self.number = 0
        self.phases: List[Phase] = []
        self.peak: Optional[State] = None

    def look(self) -> None:
        """Note the most that the server has held in this phase."""
        now = State.of(self.pid)
        peak = self.peak or now
        self.peak = State(
            max(peak.memory, now.memory),
            max(peak.threads, now.threads),
            max(peak.descriptors, now.descriptors),
        )

    def run(self, size: Size, prefix: str = "") -> None:
        for phase, work, many in (
            ("requests", self.requests, size.requests),
            ("broken streams", self.broken, size.broken),
            ("idle connections", self.idle, size.idle),
            ("gated streams", self.gated, size.gated),
        ):
            found = Phase(prefix + phase, many)
            self.peak, began = None, time.monotonic()
            self.look()
            work(found, many)
            self.look()
            found.seconds, found.peak = time.monotonic() - began, self.peak
            found.after = State.of(self.pid)
            self.phases.append(found)
            if self.verbose:
                say(found)

    def engine(self, phase: Phase) -> Engine:
        return Engine(self.address, self.look, phase.fail)

    def requests(self, phase: Phase, many: int) -> None:
        """Whole answers and streams, equal and different, on connections kept and new."""
        engine = self.engine(phase)
        talks = (Talk(self.asks(count)) for count in shares(many, 100))
        phase.done = engine.run(talks, 32).answered

    def asks(self, count: int) -> Iterator[bytes]:
        """The requests of one connection: every other one is different from all before."""
        for number in range(count):
            self.number += 1
            stream = self.number % 10 == 0
            seed = self.number if self.number % 2 else 0
            data = body("stream" if stream else "whole", stream, seed)
            yield post(data, closing=number == count - 1 and self.number % 3 == 0)

    def broken(self, phase: Phase, many: int) -> None:
        """Streams that their client leaves: with RST, with FIN, half-read, in the request even."""
        engine = self.engine(phase)
        found = engine.run((self.rude() for _ in range(many)), 64)
        phase.done = found.answered + found.broken

    def rude(self) -> Talk:
        kind = self.random.choice(["stream", "paced", "paced", "long"])
        how = self.random.choice(["fin", "rst", "half"])
        self.number += 1
        data = post(body(kind, True, self.number if self.random.random() < 0.5 else 0))
        if self.random.random() < 0.1:
            return Talk(iter([data[: self.random.randrange(1, len(data))]]), 0, how)
        return Talk(iter([data]), self.random.randrange(1, 12_000), how)

    def idle(self, phase: Phase, many: int) -> None:
        """Connections that say nothing, half a head, or nothing more; others go on being served."""
        held = []
        ready = post(body("whole", False))
        for number in range(many):
            try:
                connection = socket.create_connection(self.address, timeout=20)
                held.append(connection)
                if number % 3 == 1:
                    connection.sendall(ready[:40])
                if number % 3 == 2:
                    ask(connection, ready)
                phase.done += 1
            except OSError as error:
                phase.fail(f"{type(error).__name__}: {error}")
            if number % 100 == 0:
                self.look()
        self.look()
        beside = Phase("beside")
        wanted = max(10, many)
        got = self.engine(beside).run((Talk(self.asks(n)) for n in shares(wanted, 50)), 8)
        if got.answered < wanted:
            phase.fail(f"{wanted - got.answered} requests beside them were not answered")
        for number, connection in enumerate(held):
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.close()

    def gated(self, phase: Phase, many: int) -> None:
        """All are open at once and left alone; then half are released, half abandoned."""
        held: List[Tuple[socket.socket, bytes]] = []
        request = post(body("gate", True))
        for _ in range(many):
            try:
                connection = socket.create_connection(self.address, timeout=20)
                connection.sendall(request)
                held.append((connection, read_until(connection, b"\n\n")))
            except OSError as error:
                phase.fail(f"{type(error).__name__}: {error}")
        self.look()
        time.sleep(2)
        for number, (connection, data) in enumerate(held):
            try:
                if number % 2 == 0:
                    self.release(data)
                    read_until(connection, b"\r\n0\r\n\r\n", data)
                elif number % 4 == 1:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                phase.done += 1
            except (OSError, http.client.HTTPException) as error:
                phase.fail(f"{type(error).__name__}: {error}")
            connection.close()

    def release(self, head: bytes) -> None:
        """Open the gate of the stream whose head that is."""
        found = [line for line in head.split(b"\r\n") if line.lower().startswith(b"x-mock-request")]
        name = found[0].partition(b":")[2].strip().decode() if found else "?"
        asked = post(b'{"events": 1000}', f"/__mock__/requests/{name}/release", closing=True)
        with socket.create_connection(self.address, timeout=20) as control:
            if b" 200 " not in ask(control, asked)[:20]:
                raise ConnectionError("not released")

    def settle(self, before: Optional[State] = None) -> State:
        """The server's state once it has noticed that all have gone."""
        ends = time.monotonic() + (SETTLE if before else 2.0)
        now = State.of(self.pid)
        while time.monotonic() < ends and not (before and all(now.is_back(before).values())):
            time.sleep(0.25)
            now = State.of(self.pid)
        return now


def shares(many: int, each: int) -> Iterator[int]:
    """`many` in portions, each of `each` at most."""
    for start in range(0, many, each):
        yield min(each, many - start)


def ask(connection: socket.socket, request: bytes) -> bytes:
    """Send a request; its whole answer."""
    connection.sendall(request)
    data = b""
    while not whole_answer(data):
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("ended early")
        data += more
    return data


def read_until(connection: socket.socket, end: bytes, data: bytes = b"") -> bytes:
    while end not in data:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("ended early")
        data += more
    return data


# === What is said ============================================================


def say(phase: Phase) -> None:
    print(line(phase), file=sys.stderr, flush=True)


def line(phase: Phase) -> str:
    assert phase.peak and phase.after
    failed = "; ".join(f"{count} × {why}" for why, count in phase.failed.items()) or "none"
    return (
        f"| {phase.name} | {phase.done:,} of {phase.wanted:,} | {failed} | {phase.seconds:.1f} | "
        f"{phase.peak.memory:.1f} | {phase.peak.threads} | {phase.peak.descriptors} | "
        f"{phase.after.memory:.1f} | {phase.after.threads} | {phase.after.descriptors} |"
    )


HEAD = (
    "| phase | done | failed | s | most MB | most threads | most descriptors | MB after | "
    "threads after | descriptors after |\n|" + " --- |" * 10
)


def report(found: Dict[str, Any], phases: List[Phase]) -> str:
    lines = [HEAD, *map(line, phases), "", "| | MB | threads | descriptors |", "|" + " --- |" * 4]
    for name in ("before", "after"):
        state = found[name]
        cells = f"{state['memory']:.1f} | {state['threads']} | {state['descriptors']}"
        lines.append(f"| {name} | {cells} |")
    back = " | ".join("yes" if one else "**no**" for one in found["back"].values())
    lines += [f"| back | {back} |", "", f"- {found['limit']}"]
    lines.append(f"- All answered: {'yes' if found['all_answered'] else '**no**'}.")
    lines.append(f"- Tracebacks of the server: {found['tracebacks']}.")
    lines.append(f"- {found['processors']} processors, {found['seconds']:.0f} s in all.")
    return "\n".join(lines)


def server_of(script: Path, work: Path) -> Contender:
    mocks = [{"match": {"user": name}, "response": one} for name, one in MOCKS.items()]
    (work / "mocks").mkdir()
    (work / "mocks" / "all.json").write_text(json.dumps(mocks))
    options = ["--data", str(work), "--log", "off"]
    command = [sys.executable, str(script), *options]
    return Soaked("mock_server.py", lambda port: [*command, str(port)], said=work / "said.txt")


def soaked(options: argparse.Namespace, size: Size, work: Path) -> Tuple[Dict[str, Any], Soak]:
    began = time.monotonic()
    limit = more_descriptors(4 * size.idle + 1000)
    server = server_of(options.server, work)
    with running(server):
        soak = Soak(server)
        soak.run(WARM_UP, "warm-up: ")
        before = soak.settle()
        soak.run(size)
        after = soak.settle(before)
    phases = soak.phases
    return {
        "tracebacks": server.said.read_text(errors="replace").count("Traceback"),
        "before": asdict(before),
        "after": asdict(after),
        "back": after.is_back(before),
        "all_answered": all(one.done == one.wanted and not one.failed for one in phases),
        "limit": f"{limit}.",
        "processors": os.cpu_count(),
        "size": asdict(size),
        "seconds": time.monotonic() - began,
        "phases": [asdict(one) for one in phases],
    }, soak


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Soak mock_server.py; exit code 1 if it leaks.")
    parser.add_argument("--short", action="store_true", help="a tenth of it")
    parser.add_argument("--share", type=float, default=1.0, help="or this share of it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument("--limit", type=int, default=1200, help="seconds at most (default: 1200)")
    parser.add_argument(
        "--server", type=Path, default=HERE.parent / "mock_server.py", help="the one to soak"
    )
    return parser.parse_args()


def out_of_time(*_: object) -> None:
    raise SystemExit("stopped: out of time (--limit), or asked to")


def main() -> None:
    options = arguments()
    for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, out_of_time)
    signal.alarm(options.limit)
    size = WHOLE.part(0.1 if options.short else options.share)
    with tempfile.TemporaryDirectory(prefix="mock-server-soak-") as folder:
        found, soak = soaked(options, size, Path(folder))
    print(report(found, soak.phases))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    well = found["all_answered"] and all(found["back"].values()) and not found["tracebacks"]
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
