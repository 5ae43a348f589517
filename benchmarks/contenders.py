"""The servers under test: how each is found, fed with mocks, started, asked and stopped."""

from __future__ import annotations

import compileall
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Optional, Tuple

HERE = Path(__file__).resolve().parent
PATH = "/v1/chat/completions"
OURS, BASELINE = "mock_server.py", "baseline"
LOOP, NGINX = "epoll loop", "nginx"
APART = 0.020  # seconds between the events of a paced stream
SEED = 100_000_000  # as many digits as any seed that follows, so that all bodies are equally long
FIVE = ["apple", "beach", "cloud", "dance", "eagle", "field", "grape", "house", "igloo", "jelly"]
QUESTIONS = {
    "answers": "Write one hundred words of five letters.",
    "paced": "Write forty-seven words of five letters.",
    "coarse": "Write one hundred words, twenty characters at a time.",
}
# A word and its space an event at ours are as much as six characters an event elsewhere.
SIZES = {"answers": 6, "paced": 6, "coarse": 20}
TEXTS = {
    name: " ".join(FIVE[number % len(FIVE)] for number in range(47 if name == "paced" else 100))
    for name in QUESTIONS
}
ALL = frozenset(QUESTIONS)
MATCHED = ("contains", "regex")  # what the many mocks ask for that do not match


@dataclass
class Contender:
    """A server under test, its process while it runs, and what it can be asked for."""

    name: str
    command: Callable[[int], List[str]]
    streams: FrozenSet[str] = ALL
    whole: bool = True
    folder: Optional[Path] = None  # where it is started
    said: Path = Path(os.devnull)  # what it writes to standard error
    port: int = 0
    process: Optional["subprocess.Popen[bytes]"] = None
    events: Dict[str, int] = field(default_factory=dict)  # how many each stream has

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start it; seconds until its first answer."""
        self.port = free_port()
        command = self.command(self.port)
        started = time.monotonic()
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > started + 60:
                raise SystemExit(f"{self.name} did not start: {' '.join(command)}")
            time.sleep(0.001)
        return time.monotonic() - started

    def answers(self) -> bool:
        try:
            return self.ask("answers", False)[0] == 200
        except OSError:
            return False

    def ask(self, name: str, stream: bool) -> Tuple[int, str]:
        """Status and body of one answer; the request goes out in one piece."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request_bytes(self.address, name, stream))
            answer = http.client.HTTPResponse(connection, method="POST")
            answer.begin()
            return answer.status, answer.read().decode()

    def check(self) -> None:
        """Exit unless all answers are the right ones; learn how many events each stream has."""
        status, said = self.ask("answers", False)
        if status != 200 or TEXTS["answers"] not in said:
            raise SystemExit(f"{self.name}: not the expected answer: {status} {said[:300]}")
        for name in sorted(self.streams):
            status, said = self.ask(name, True)
            if status != 200 or "[DONE]" not in said or carried(said) != TEXTS[name]:
                raise SystemExit(f"{self.name}: not the expected stream: {status} {said[:600]}")
            self.events[name] = said.count("\n\n")

    def memory(self, key: str = "VmRSS") -> float:
        """Megabytes, as /proc has them."""
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{key}:\s+(\d+) kB", status)
        return int(found.group(1)) / 1024 if found else 0.0

    def processor(self) -> float:
        """Seconds of processor time so far, all threads together, user and system."""
        assert self.process
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


@contextlib.contextmanager
def running(*contenders: Contender) -> Iterator[None]:
    """Servers, while they run."""
    try:
        for contender in contenders:
            contender.start()
        yield
    finally:
        for contender in contenders:
            contender.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def request_body(name: str, stream: bool, seed: int = SEED, asks: str = "") -> bytes:
    body = {
        "model": "gpt-4o-mini",
        "seed": seed,
        "messages": [{"role": "user", "content": asks or QUESTIONS[name]}],
        "stream": stream,
    }
    return json.dumps(body).encode()


def request_bytes(address: str, name: str, stream: bool) -> bytes:
    body = request_body(name, stream)
    head = f"POST {PATH} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: application/json\r\n\r\n".encode() + body


def carried(events: str) -> str:
    """The text of chat.completion.chunk events."""
    words = []
    for event in events.split("\n\n"):
        data = event[len("data: ") :]
        if not data.startswith("{"):
            continue
        for choice in json.loads(data).get("choices", []):
            words.append(choice.get("delta", {}).get("content") or "")
    return "".join(words).strip()


def unasked(count: int, kind: str) -> List[str]:
    """What the mocks that must not answer look for: each something else, each nearly alike."""
    if kind == "regex":
        return [rf"Question number {number}, which (nobody|no one) asks" for number in range(count)]
    return [f"Question number {number}, which nobody asks" for number in range(count)]


# === mock_server.py ==========================================================


def ours(
    script: Path,
    work: Path,
    name: str = OURS,
    log: str = "off",
    extra: int = 0,
    kind: str = "contains",
) -> Contender:
    """mock_server.py, behind `extra` mocks that match something else."""
    data = work / f"data-{extra}-{kind}"
    (data / "mocks").mkdir(parents=True, exist_ok=True)
    mocks: List[Dict[str, Any]] = [
        {"match": {"user": {kind: text}}, "response": {"text": "no"}}
        for text in unasked(extra, kind)
    ]
    for asked, question in QUESTIONS.items():
        response: Dict[str, Any] = {"text": TEXTS[asked]}
        if asked == "paced":
            response["pace"] = APART
        if asked == "coarse":
            response["chunk_size"] = SIZES[asked]
        match: Any = {"contains": question} if extra else question
        mocks.append({"match": {"user": match}, "response": response})
    (data / "mocks" / "all.json").write_text(json.dumps(mocks))
    options = ["--data", str(data), "--log", log]
    return Contender(name, lambda port: [sys.executable, str(script), *options, str(port)])


def installed(one: Contender, script: Path, work: Path) -> Contender:
    """The same as `pip install` lays it down: a package of rooms, compiled beforehand.

    Versions that had no rooms yet are one module.
    """
    folder = work / f"installed-{one.name}"
    rooms = script.resolve().parent / "src" / "mock_server"
    if rooms.is_dir():
        shutil.copytree(rooms, folder / "mock_server")
    else:
        folder.mkdir()
        shutil.copy(script, folder / "mock_server.py")
    compileall.compile_dir(str(folder), quiet=1)
    command = one.command

    def module(port: int) -> List[str]:
        return [sys.executable, "-m", "mock_server", *command(port)[2:]]

    return Contender(one.name, module, folder=folder)


# === The limits ==============================================================


def epoll_loop(work: Path, whole: bytes, stream: bytes) -> Contender:
    """limit.py with one answer and one stream of ours."""
    files = [work / "whole.http", work / "stream.http"]
    for file, data in zip(files, (whole, stream)):
        file.write_bytes(data)
    program = [sys.executable, str(HERE / "limit.py")]
    return Contender(
        LOOP, lambda port: [*program, str(port), *map(str, files)], streams=frozenset(["answers"])
    )


def nginx(work: Path, body: str) -> Optional[Contender]:
    """nginx that says the same bytes to everybody: about as fast as HTTP gets here."""
    program = shutil.which("nginx")
    if not program:
        return None
    constant = body.replace("\\", "\\\\").replace("'", "\\'").replace("$", "${dollar}")
    config = work / "nginx.conf"

    def command(port: int) -> List[str]:
        config.write_text(f"""
            daemon off; master_process off; pid {work}/nginx.pid; error_log /dev/null;
            events {{ worker_connections 1024; }}
            http {{ access_log off; keepalive_requests 100000000; default_type application/json;
                    client_body_temp_path {work}; proxy_temp_path {work}; fastcgi_temp_path {work};
                    uwsgi_temp_path {work}; scgi_temp_path {work}; geo $dollar {{ default "$"; }}
                    server {{ listen 127.0.0.1:{port} backlog=1024;
                              location / {{ return 200 '{constant}'; }} }} }}""")
        return [str(program), "-p", str(work), "-c", str(config)]

    return Contender(NGINX, command, streams=frozenset())


def raw(contender: Contender, stream: bool) -> bytes:
    """One response as it comes over the wire, head included."""
    with socket.create_connection(("127.0.0.1", contender.port), timeout=10) as connection:
        connection.sendall(request_bytes(contender.address, "answers", stream))
        data = connection.recv(65536)
        while not whole_answer(data):
            more = connection.recv(65536)
            if not more:
                raise SystemExit(f"{contender.name}: an answer was cut off")
            data += more
    return data


def whole_answer(data: bytes) -> bool:
    """Whether a response is complete: by its length, or by the last chunk."""
    head, found, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if length:
        return bool(found) and len(body) >= int(length.group(1))
    return data.endswith(b"\r\n0\r\n\r\n")
