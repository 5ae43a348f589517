#!/usr/bin/env python3
"""How much memory mock_server.py takes from clients that try to fill it, and what it gives back.

    python3 benchmarks/memory.py                  about two minutes; --json for figures as JSON

Each attack has a fresh server on loopback, which is stopped by its process id.  Resident memory is
that of Linux, in MiB: before, at the peak, after two seconds of rest, and after a reset.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Tuple

PATH = "/v1/chat/completions"
SCRIPT = Path(__file__).resolve().parent.parent / "mock_server.py"
SECONDS = 120  # after which an attack ends, whatever it has done
MIB = 1024 * 1024

Asked = Tuple[str, str, bytes, Mapping[str, str]]  # method, path, body, headers


def chat_of(content: str, **more: Any) -> bytes:
    """A chat completion request."""
    messages = [{"role": "user", "content": content}]
    return json.dumps({"model": "gpt-4o-mini", "messages": messages, **more}).encode()


def sessions() -> Iterator[Asked]:
    """The same 224 KB in each of 600 sessions, twice, so that their answers are remembered."""
    body = chat_of("hello", metadata=[[]] * 57000)
    for number in range(600):
        for _ in range(2):
            yield "POST", f"/@s{number}{PATH}", body, {}


def heads() -> Iterator[Asked]:
    """1,000 requests with 60 KB of headers, as many as there may be, no two alike."""
    headers = {f"a{number}": "b" * 50 for number in range(980)}
    for number in range(1000):
        yield "POST", PATH, chat_of(str(number)), headers


def entries() -> Iterator[Asked]:
    """2,000 requests whose bodies of 60 KB are short lists, no two alike."""
    for number in range(2000):
        yield "POST", PATH, chat_of(str(number), metadata=[[]] * 15000), {}


def mocks() -> Iterator[Asked]:
    """120 MB of mocks that are posted, a megabyte at a time."""
    for number in range(120):
        some = [
            {"name": f"{number}/{one}", "match": {"user": "x" * 40}, "response": {"text": "y" * 80}}
            for one in range(6500)
        ]
        yield "POST", "/__mock__/mocks", json.dumps(some).encode(), {}


def texts() -> Iterator[Asked]:
    """20 bodies of 16 MiB, of text."""
    for number in range(20):
        yield "POST", PATH, chat_of(str(number) + "x" * (16 * MIB - 200)), {}


def lists() -> Iterator[Asked]:
    """20 bodies of empty lists, as many as there may be."""
    filled = b"[" + b"[]," * 990_000 + b"[]]"
    for number in range(20):
        yield "POST", PATH, chat_of(str(number), metadata="?").replace(b'"?"', filled), {}


ATTACKS: Tuple[Callable[[], Iterator[Asked]], ...] = (
    sessions,
    heads,
    entries,
    mocks,
    texts,
    lists,
)


class Server:
    """A server under attack."""

    def __init__(self, script: Path) -> None:
        command = [sys.executable, str(script), "0", "--fallback", "echo", "--log", "off"]
        command += ["--exit-on-stdin-close"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline().rpartition(":")[2])

    def status(self, name: str) -> int:
        """A figure in MiB of what Linux says of the process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) // 1024
        return 0

    def ask(self, asked: Asked) -> int:
        """The status of an answer, on a connection of its own."""
        method, path, body, headers = asked
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            response.read()
            return response.status
        except OSError:
            return 0  # refused before all of it was sent
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


def attacked(attack: Callable[[], Iterator[Asked]], script: Path) -> Dict[str, Any]:
    """What an attack does to a fresh server."""
    server = Server(script)
    try:
        server.ask(("POST", PATH, chat_of("first"), {}))
        before = server.status("VmRSS")
        began = time.monotonic()
        statuses: Dict[int, int] = {}
        for asked in attack():
            status = server.ask(asked)
            statuses[status] = statuses.get(status, 0) + 1
            if time.monotonic() - began > SECONDS:
                break
        seconds = round(time.monotonic() - began, 1)
        time.sleep(2)
        after = server.status("VmRSS")
        server.ask(("POST", "/__mock__/reset?session=*", b"", {}))
        server.ask(("POST", PATH, chat_of("last"), {}))  # what was remembered goes at the next one
        time.sleep(2)
        return {
            "attack": attack.__name__,
            "before": before,
            "peak": server.status("VmHWM"),
            "after": after,
            "reset": server.status("VmRSS"),
            "seconds": seconds,
            "statuses": statuses,
        }
    finally:
        server.stop()


def main() -> int:
    """Play the attacks that were named, or all, and print what they did."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [attack.__name__ for attack in ATTACKS]
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help="of " + ", ".join(names))
    parser.add_argument("--script", type=Path, default=SCRIPT, help="another mock_server.py")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    chosen = [attack for attack in ATTACKS if attack.__name__ in (options.attacks or names)]
    found: List[Dict[str, Any]] = []
    for attack in chosen:
        found.append(attacked(attack, options.script))
        if not options.json:
            print(" ".join(f"{key} {value}" for key, value in found[-1].items()), flush=True)
    if options.json:
        print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
