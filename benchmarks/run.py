#!/usr/bin/env python3
"""How fast mock_server.py is beside another mock server, on this machine, in one run.

    python3 benchmarks/run.py                     about six minutes; --quick takes about two

Every measure is taken from the servers in turn, several times over, and each pair gives a ratio:
figures of different runs or machines don't compare, ratios do.  Loopback only; whatever it starts,
it stops, by process id. README.md beside this file says what is needed and how to read the table.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

HERE = Path(__file__).resolve().parent
PATH = "/v1/chat/completions"
MODEL = "gpt-4o-mini"
QUESTIONS = {
    "answers": "Write one hundred words of five letters.",
    "paced": "Write forty-seven words of five letters.",
    "coarse": "Write one hundred words, twenty characters at a time.",
}
FIVE = ["apple", "beach", "cloud", "dance", "eagle", "field", "grape", "house", "igloo", "jelly"]
SEED = 1000000  # where requests differ, if no two are to be alike
APART = 0.020  # seconds between the events of a paced stream
# Words of five letters and a space: a word an event here is the same as six characters an event
# there.
SIZES = {"answers": 6, "paced": 6, "coarse": 20}
TEXTS = {
    name: " ".join(FIVE[number % len(FIVE)] for number in range(47 if name == "paced" else 100))
    for name in QUESTIONS
}
EVENTS = {
    name: -(-len(text) // SIZES[name]) + 3 for name, text in TEXTS.items()
}  # and the role, the finish and [DONE]


# === Servers =================================================================


@dataclass
class Server:
    """A server under test: what it's called, how it is started, and its process while it runs."""

    name: str
    command: Callable[[int], List[str]]
    port: int = 0
    process: Optional["subprocess.Popen[bytes]"] = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start it; seconds until its first answer."""
        self.port = free_port()
        command = self.command(self.port)
        started = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > started + 60:
                raise SystemExit(f"{self.name} did not start: {' '.join(command)}")
            time.sleep(0.001)
        return time.monotonic() - started

    def answers(self) -> bool:
        try:
            self.check("answers", False)
        except OSError:
            return False
        return True

    def check(self, name: str, stream: bool) -> None:
        """Ask once; exit unless the answer is the right one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(
                "POST", PATH, request_body(name, stream), {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            data = answer.read().decode()
        finally:
            connection.close()
        text = TEXTS[name] if not stream else "[DONE]"
        if (
            answer.status != 200
            or text not in data
            or (stream and data.count("\n\n") != EVENTS[name])
        ):
            raise SystemExit(f"{self.name}: not the expected answer: {answer.status} {data[:300]}")

    def memory(self, key: str = "VmRSS") -> float:
        """Megabytes, as /proc has them."""
        assert self.process
        found = re.search(
            rf"{key}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text()
        )
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
def running(*servers: Server) -> Iterator[None]:
    """Servers, while they run."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def request_body(name: str, stream: bool) -> bytes:
    body = {
        "model": MODEL,
        "seed": SEED,
        "messages": [{"role": "user", "content": QUESTIONS[name]}],
        "stream": stream,
    }
    return json.dumps(body).encode()


def others(count: int, kind: str) -> List[Dict[str, Any]]:
    """What mocks that must not answer ask for: other models, other texts, or with kind "contains"
    parts of other texts."""
    texts = [f"Question number {number}, which nobody asks." for number in range(count)]
    if kind == "contains":
        return [{"user": {"contains": text}} for text in texts]
    return [
        {"user": QUESTIONS["answers"], "model": f"model-{number}"} if number % 2 else {"user": text}
        for number, text in enumerate(texts)
    ]


def ours(script: Path, work: Path, log: str = "off", extra: int = 0, kind: str = "exact") -> Server:
    """mock_server.py with the two mocks, behind `extra` mocks that match something else."""
    data = work / f"data-{extra}-{kind}"
    (data / "mocks").mkdir(parents=True, exist_ok=True)
    last = [
        {
            "match": {"user": QUESTIONS[name]},
            "response": {
                "text": TEXTS[name],
                **({"pace": APART} if name == "paced" else {}),
                **({"chunk_size": SIZES[name]} if name == "coarse" else {}),
            },
        }
        for name in QUESTIONS
    ]
    before: List[Dict[str, Any]] = [
        {"match": match, "response": {"text": "no"}} for match in others(extra, kind)
    ]
    (data / "mocks" / "all.json").write_text(json.dumps(before + last))
    command = [sys.executable, str(script), "--data", str(data), "--log", log]
    return Server("mock_server.py", lambda port: command + [str(port)])


def aimock(folder: Path, work: Path, extra: int = 0) -> Server:
    """@copilotkit/aimock with the same mocks: six characters an event, no pause but where the
    fixture says so."""
    fixtures: List[Dict[str, Any]] = [
        {
            "match": {
                "userMessage": match["user"],
                **({"model": match["model"]} if "model" in match else {}),
            },
            "response": {"content": "no"},
        }
        for match in others(extra, "exact")
    ]
    fixtures += [
        {
            "match": {"userMessage": QUESTIONS[name]},
            "response": {"content": TEXTS[name]},
            "chunkSize": SIZES[name],
            "latency": APART * 1000 if name == "paced" else 0,
        }
        for name in QUESTIONS
    ]
    file = work / f"fixtures-{extra}.json"
    file.write_text(json.dumps({"fixtures": fixtures}))
    command = [
        "node",
        str(folder / "node_modules" / ".bin" / "llmock"),
        "-f",
        str(file),
        "--log-level",
        "silent",
    ]
    return Server("aimock", lambda port: [*command, "-p", str(port)])


def nginx(program: str, work: Path, body: bytes) -> Server:
    """nginx that says the same bytes to everybody: about as fast as HTTP gets here."""

    def command(port: int) -> List[str]:
        constant = body.decode().replace("\\", "\\\\").replace("'", "\\'").replace("$", "${dollar}")
        config = work / "nginx.conf"
        config.write_text(f"""
            daemon off; master_process off; pid {work}/nginx.pid; error_log /dev/null;
            events {{ worker_connections 1024; }}
            http {{ access_log off; keepalive_requests 100000000; default_type application/json;
                    client_body_temp_path {work}; proxy_temp_path {work}; fastcgi_temp_path {work};
                    uwsgi_temp_path {work}; scgi_temp_path {work}; geo $dollar {{ default "$"; }}
                    server {{ listen {port} backlog=1024;
                              location / {{ return 200 '{constant}'; }} }} }}""")
        return [program, "-p", str(work), "-c", str(config)]

    return Server("nginx", command)


# === Load ====================================================================


@dataclass
class Tools:
    """The load generators, and the files that they read."""

    work: Path
    loader: Path
    trouble: List[str] = field(default_factory=list)

    def wrk(
        self,
        server: Server,
        connections: int,
        seconds: float,
        keep: bool = True,
        alike: bool = True,
    ) -> float:
        """Answers a second.  `alike`: all requests are the same bytes."""
        script = self.work / "post.lua"
        script.write_text(self.lua(server, keep, alike))
        said = self.run(
            [
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{max(1, round(seconds))}s",
                "-s",
                str(script),
                f"http://{server.address}{PATH}",
            ]
        )
        wrong = re.findall(r"Non-2xx[^\n]*|Socket errors[^\n]*", said)
        if wrong:
            self.trouble.append(f"{server.name}, {connections} connections: {'; '.join(wrong)}")
        return float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])

    @staticmethod
    def lua(server: Server, keep: bool, alike: bool) -> str:
        """The requests, as wrk wants them told."""
        body = request_body("answers", False).decode()
        lines = [
            f"POST {PATH} HTTP/1.1",
            f"Host: {server.address}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *([] if keep else ["Connection: close"]),
        ]
        head = "".join(f"{line}\\r\\n" for line in [*lines, ""])
        before, _, after = body.partition(str(SEED))
        change = "" if alike else "seed = seed + 1 "
        return (
            f'local before = "{head}" .. [==[{before}]==]\n'
            f"local after = [==[{after}]==]\nlocal seed = {SEED}\n"
            f"request = function() {change}return before .. seed .. after end\n"
        )

    def load(self, server: Server, name: str, *options: str) -> Dict[str, Any]:
        """What the stream reader found."""
        body, text = self.work / f"{name}.json", self.work / f"{name}.txt"
        body.write_bytes(request_body(name, True))
        text.write_text(TEXTS[name])
        found: Dict[str, Any] = json.loads(
            self.run(
                [
                    str(self.loader),
                    "-address",
                    server.address,
                    "-path",
                    PATH,
                    "-body",
                    str(body),
                    "-text",
                    str(text),
                    "-events",
                    str(EVENTS[name]),
                    *options,
                ]
            )
        )
        if found["broken"]:
            self.trouble.append(
                f"{server.name}, {' '.join(options)}: {found['broken']} broken: {found['problems']}"
            )
        return found

    def events(
        self,
        server: Server,
        streams: int,
        seconds: float,
        name: str = "answers",
        alike: bool = True,
    ) -> float:
        """Events a second."""
        vary = () if alike else ("-vary", str(SEED))
        return float(
            self.load(server, name, "-streams", str(streams), "-seconds", str(seconds), *vary)[
                "events"
            ]
            / seconds
        )

    def at_once(self, server: Server, streams: int) -> Dict[str, Any]:
        """Streams that all begin at the same moment, with pauses between their events."""
        return self.load(
            server, "paced", "-streams", str(streams), "-apart", f"{APART * 1000:.0f}ms"
        )

    @staticmethod
    def run(command: Sequence[str]) -> str:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stderr.decode().strip()}")
        return done.stdout.decode()


# === Measures ================================================================


@dataclass
class Row:
    """One measure of two servers: a list of figures each, taken in turn."""

    name: str
    unit: str
    goal: Optional[float] = None  # wanted ratio, ours to theirs
    more: bool = True  # whether more is better
    own: List[float] = field(default_factory=list)
    other: List[float] = field(default_factory=list)
    bound: Optional[float] = None  # wanted of ours alone, whatever theirs is

    def add(self, is_own: bool, value: float) -> None:
        (self.own if is_own else self.other).append(value)

    @property
    def ratios(self) -> List[float]:
        return [own / other for own, other in zip(self.own, self.other) if other]

    @property
    def met(self) -> str:
        if self.bound is not None:
            value: float = statistics.median(self.own)
        elif self.goal is not None and self.ratios:
            value = statistics.median(self.ratios)
        else:
            return ""
        wanted = self.goal if self.bound is None else self.bound
        assert wanted is not None
        return "yes" if (value >= wanted if self.more else value <= wanted) else "**no**"

    def line(self) -> str:
        own = figure(statistics.median(self.own)) if self.own else "–"
        other = figure(statistics.median(self.other)) if self.other else "–"
        ratio = ""
        if self.ratios:
            low, high = min(self.ratios), max(self.ratios)
            ratio = f"{statistics.median(self.ratios):.2f} ({low:.2f}–{high:.2f})"
        sign = "≥" if self.more else "≤"
        goal = "" if self.goal is None else f"{sign} {self.goal:g} ×"
        if self.bound is not None:
            goal = f"{sign} {self.bound:g} {self.unit}"
        return f"| {self.name} | {self.unit} | {own} | {other} | {ratio} | {goal} | {self.met} |"


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


@dataclass
class Plan:
    """How long and how often; `repeat` is how often the expensive measures are taken."""

    rounds: int
    seconds: float
    streams: int = 1000

    @property
    def repeat(self) -> int:
        return max(2, (self.rounds + 1) // 2)


def turns(pairs: int, own: Server, other: Server) -> Iterator[Server]:
    """The two servers in turn: one, the other, the other, the one, and so on, with a breath between
    them."""
    for number in range(pairs):
        for server in (own, other) if number % 2 == 0 else (other, own):
            yield server
            time.sleep(0.1)


@dataclass(frozen=True)
class Rate:
    """A measure of something a second: `many` connections, kept or new, with requests that are
    `alike` or not."""

    name: str
    goal: Optional[float]
    many: int
    events: str = ""  # the mock whose events are counted
    keep: bool = True
    alike: bool = True

    def measure(self, tools: Tools, server: Server, seconds: float) -> Tuple[float, float]:
        """How many a second, and microseconds of the server's processor time for each."""
        before = server.processor()
        if self.events:
            rate = tools.events(server, self.many, seconds, self.events, self.alike)
        else:
            rate = tools.wrk(server, self.many, seconds, self.keep, self.alike)
        return rate, (server.processor() - before) * 1e6 / max(1.0, rate * seconds)


RATES = (
    Rate("answers, 16 keep-alive connections", 3.0, 16),
    Rate("answers, 64 keep-alive connections", 3.0, 64),
    Rate("answers, 16 keep-alive connections, no two requests alike", None, 16, alike=False),
    Rate("answers, 16 at once, a new connection each", 1.5, 16, keep=False),
    Rate("events, 1 stream", 1.5, 1, "answers"),
    Rate("events, 16 streams at once", 1.5, 16, "answers"),
    Rate("events, 64 streams at once", 1.5, 64, "answers"),
    Rate("events, 16 streams at once, of 33 larger events", None, 16, "coarse"),
    Rate("events, 16 streams at once, no two requests alike", None, 16, "answers", alike=False),
)


def rates(plan: Plan, tools: Tools, own: Server, other: Server) -> List[Row]:
    """Answers and events a second, and what each costs."""
    rows = []
    for rate in RATES:
        row, cost = (
            Row(rate.name, "a second", rate.goal),
            Row("… processor time for each", "µs", more=False),
        )
        for server in turns(plan.rounds, own, other):
            for into, value in zip((row, cost), rate.measure(tools, server, plan.seconds)):
                into.add(server is own, value)
        rows += [row, cost]
        say(f"{row.line()}\n{cost.line()}")
    return rows


def punctuality(plan: Plan, tools: Tools, own: Server, other: Server) -> List[Row]:
    """Many paced streams that begin at the same moment."""
    what = f"{plan.streams} streams of {EVENTS['paced']} events, {APART * 1000:.0f} ms apart: "
    rows = {
        "intact": Row(what + "intact", "streams", bound=plan.streams),
        "begun_ms": Row("… until all have begun", "ms", more=False, bound=1000),
        "late_p50_ms": Row("… late, median", "ms", more=False),
        "late_p99_ms": Row("… late, 99 % of events at most", "ms", more=False, bound=20),
        "cpu_seconds": Row("… processor time of the reader itself", "s", more=False),
    }
    for server in turns(plan.repeat, own, other):
        found = tools.at_once(server, plan.streams)
        for key, row in rows.items():
            row.add(server is own, found[key])
    for row in rows.values():
        say(row.line())
    return list(rows.values())


def begin(plan: Plan, own: Server, other: Server) -> List[Row]:
    """From starting the process to its first answer, and how much memory it then holds."""
    rows = [
        Row("start to first answer", "ms", 0.4, more=False),
        Row("resident memory at rest", "MB", 0.4, more=False),
    ]
    for server in turns(2 * plan.rounds, own, other):
        try:
            rows[0].add(server is own, server.start() * 1000)
            time.sleep(0.2)
            rows[1].add(server is own, server.memory())
        finally:
            server.stop()
    for row in rows:
        say(row.line())
    return rows


def swollen(plan: Plan, tools: Tools, own: Server, other: Server) -> List[Row]:
    """Memory after load: fresh servers, the same load for both."""
    rows = [
        Row("resident memory after load", "MB", 0.3, more=False),
        Row("… its peak", "MB", more=False),
    ]
    for server in turns(plan.repeat, own, other):
        with running(server):
            tools.wrk(server, 64, 2)
            tools.wrk(server, 64, 2, alike=False)
            tools.load(server, "answers", "-streams", "64", "-answers", "5000", "-vary", str(SEED))
            tools.at_once(server, plan.streams)
            time.sleep(1)
            for row, key in zip(rows, ("VmRSS", "VmHWM")):
                row.add(server is own, server.memory(key))
    for row in rows:
        say(row.line())
    return rows


def matching(
    plan: Plan,
    tools: Tools,
    make: Callable[[int, str], Server],
    what: str,
    kind: str,
    goal: Optional[float],
) -> Row:
    """How many times as long an answer takes among 10,000 mocks as among 10.  No two requests are
    alike: an answer that is only remembered costs no matching."""
    few, many = make(10, kind), make(10_000, kind)
    row = Row(f"an answer among 10,000 mocks ({what}), to one among 10", "µs", goal, more=False)
    with running(few, many):
        for server in turns(plan.rounds, many, few):
            row.add(server is many, 1e6 / tools.wrk(server, 16, plan.seconds, alike=False))
    say(row.line())
    return row


# === The run =================================================================

TABLE = (
    "| measure | unit | mock_server.py | {other} | ratio (lowest–highest) | goal | met |\n|"
    + " --- |" * 7
)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def compare(
    options: argparse.Namespace, plan: Plan, tools: Tools, work: Path
) -> Tuple[List[Row], List[str]]:
    """All measures of the two servers, and what else there is to say."""
    own = ours(options.server, work)
    if options.baseline:
        other = ours(options.baseline, work)
    else:
        other = aimock(options.aimock, work)
    rows = begin(plan, own, other)
    with running(own, other):
        for server in (own, other):
            for name, stream in (
                ("answers", True),
                ("paced", True),
                ("coarse", True),
                ("answers", False),
            ):
                server.check(name, stream)
            tools.wrk(server, 16, 2)  # both are as warm as they get
            tools.events(server, 16, 1)
        rows += rates(plan, tools, own, other)
        rows += punctuality(plan, tools, own, other)
        notes = limits(options, plan, tools, own, work)
    rows += swollen(plan, tools, own, other)
    rows.append(
        matching(
            plan,
            tools,
            lambda extra, kind: ours(options.server, work, "off", extra, kind),
            "other models, other texts",
            "exact",
            1.2,
        )
    )
    rows.append(
        matching(
            plan,
            tools,
            lambda extra, kind: ours(options.server, work, "off", extra, kind),
            "`contains` of other texts",
            "contains",
            None,
        )
    )
    if not options.baseline:
        rows.append(
            matching(
                plan,
                tools,
                lambda extra, kind: aimock(options.aimock, work, extra),
                "aimock: other models, other texts",
                "exact",
                None,
            )
        )
    return rows, notes


def limits(
    options: argparse.Namespace, plan: Plan, tools: Tools, own: Server, work: Path
) -> List[str]:
    """What the default log costs, and how far away the limit is."""
    notes = []
    logging, silent = ours(options.server, work, "text"), ours(options.server, work)
    with running(logging, silent):  # both fresh: `own` has been through a lot
        answers, events = Row("answers", ""), Row("events", "")
        for server in turns(plan.rounds, logging, silent):
            answers.add(server is logging, tools.wrk(server, 16, plan.seconds))
            events.add(server is logging, tools.events(server, 16, plan.seconds))
    notes.append(
        "With the default `--log text` (to /dev/null) instead of `--log off`: "
        f"{statistics.median(answers.ratios):.2f} times the answers (16 keep-alive connections), "
        f"{statistics.median(events.ratios):.2f} times the events (16 streams)."
    )
    program = shutil.which(options.nginx)
    if not program:
        return [
            *notes,
            "The limit was not measured: nginx is not installed (--nginx names its program).",
        ]
    limit = nginx(
        program, work, b'{"choices":[{"message":{"content":"' + TEXTS["answers"].encode() + b'"}}]}'
    )
    with running(limit):
        for rate in (RATES[0], RATES[3]):
            row = Row(rate.name, "a second")
            for server in turns(plan.repeat, own, limit):
                row.add(server is own, rate.measure(tools, server, plan.seconds)[0])
            notes.append(
                f"The limit, nginx with a constant body, {rate.name}: "
                f"{figure(statistics.median(row.other))} a second; "
                f"mock_server.py does {statistics.median(row.ratios):.2f} times that."
            )
    return notes


def prepared(options: argparse.Namespace, work: Path) -> Tools:
    """The tools, built or fetched; exits with what is missing."""
    missing = [
        name
        for name in ("wrk", "go", *(() if options.baseline else ("node", "npm")))
        if not shutil.which(name)
    ]
    if missing:
        raise SystemExit(
            f"not installed: {', '.join(missing)}; "
            f"see requirements.txt beside {Path(__file__).name}"
        )
    if not options.baseline and not (options.aimock / "node_modules" / ".bin" / "llmock").exists():
        options.aimock.mkdir(parents=True, exist_ok=True)
        say(f"installing @copilotkit/aimock into {options.aimock}")
        Tools.run(
            [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--prefix",
                str(options.aimock),
                "@copilotkit/aimock",
            ]
        )
    loader = work / "load"
    Tools.run(["go", "build", "-o", str(loader), str(HERE / "load" / "main.go")])
    return Tools(work, loader)


def versions(options: argparse.Namespace) -> str:
    found = [
        f"{os.cpu_count()} processors, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    ]
    if options.baseline:
        return f"{found[0]}; baseline {options.baseline}"
    package = options.aimock / "node_modules" / "@copilotkit" / "aimock" / "package.json"
    node = Tools.run(["node", "--version"]).strip()
    return f"{found[0]}, node {node}, aimock {json.loads(package.read_text())['version']}"


def processor_time() -> Tuple[float, float]:
    """Seconds that all processors have worked so far, and of these for this run: it and its
    children that have ended."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return sum(map(int, fields[1:4])) / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure mock_server.py beside another mock server."
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often each measure is taken (default: 5)"
    )
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="how long each time (default: 2)"
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=1200,
        help="stop after this many seconds, whatever happens (default: 1200)",
    )
    parser.add_argument(
        "--server",
        type=Path,
        default=HERE.parent / "mock_server.py",
        help="the mock_server.py to measure",
    )
    parser.add_argument(
        "--aimock",
        type=Path,
        default=Path(tempfile.gettempdir()) / "mock-server-benchmarks",
        help="directory with @copilotkit/aimock; "
        "it's installed there if it isn't (default: %(default)s)",
    )
    parser.add_argument(
        "--baseline", type=Path, help="another mock_server.py to compare with, instead of aimock"
    )
    parser.add_argument(
        "--nginx", default="nginx", help="nginx program, for the limit (default: nginx)"
    )
    return parser.parse_args()


def out_of_time(*_: object) -> None:
    raise SystemExit("stopped: out of time (--limit), or asked to")


def main() -> None:
    options = arguments()
    plan = Plan(2, 1.0) if options.quick else Plan(options.rounds, options.seconds)
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, out_of_time)
    signal.alarm(options.limit)
    started, (busy, used) = time.monotonic(), processor_time()
    with tempfile.TemporaryDirectory(prefix="mock-server-benchmark-") as folder:
        work = Path(folder)
        tools = prepared(options, work)
        rows, notes = compare(options, plan, tools, work)
    took, (busy_now, used_now) = time.monotonic() - started, processor_time()
    strangers = max(0.0, busy_now - busy - (used_now - used)) / took / (os.cpu_count() or 1)
    print(
        f"{versions(options)}; {plan.rounds} rounds of {plan.seconds:g} s, {took:.0f} s in all; "
        f"meanwhile other programs took {strangers:.0%} of the processors\n"
    )
    print(TABLE.format(other="baseline" if options.baseline else "aimock"))
    print("\n".join(row.line() for row in rows) + "\n")
    print(
        "\n".join(f"- {note}" for note in [*notes, *(f"Trouble: {one}" for one in tools.trouble)])
    )


if __name__ == "__main__":
    main()
