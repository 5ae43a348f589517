"""Gateways: how one is started, and how what it does is held against its table.

A gateway is a class with its program, its configuration, and `SEEN`: of which cases it makes
something else than what comes without it.  The checks are those of all gateways (checks.py).  One
that is no plain proxy says in `apis` which APIs its clients ask, has a Door of its own, which gives
what answers mean, and names in `lacks` the checks that have nothing to do there."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Callable, Iterator, List, Mapping, NamedTuple, Sequence

import pytest
from asking import APIS, Api, Door, fetched
from conftest import free_port, serving

HERE = Path(__file__).resolve().parent
SAME = "as directly"
# What comes of cases that are not compared with what comes without a gateway.
USUAL: Mapping[str, str] = {
    "gates: *": "at once",
    "cancellation: *": "the server sees it",
    "failover: *": "200: first, second",
}
STARTS = 3  # tries: another process may take a port that was free


class Seen(NamedTuple):
    """What a gateway makes of a case, and why.  `this or that` is what comes out now so, now so."""

    outcome: str
    why: str


class Site:
    """A server with three ports, and a gateway in front of two of them: clients ask the server
    itself on the first, and by the gateway the second, which fails over to the third."""

    def __init__(
        self, ports: Sequence[str], apis: Mapping[str, Api], doors: Sequence[Door]
    ) -> None:
        self.server = f"http://127.0.0.1:{ports[0]}"
        self.first, self.second = int(ports[1]), int(ports[2])
        self.apis = apis
        self.direct, self.through, self.failover = doors

    def journal(self, ended: Any = None, count: int = 1, **match: Any) -> List[Any]:
        """The requests that came, once there are so many."""
        body = {"match": match, "count": count, "timeout": 30}
        if ended is not None:
            body["ended"] = ended
        status, found = fetched(self.server, "POST", "/__mock__/requests/wait?session=*", body)
        assert status == 200, found
        return list(found["requests"])

    def release(self, entry: Any, events: int = 1) -> None:
        """Let gated events out."""
        path = f"/__mock__/requests/{entry['id']}/release"
        status, said = fetched(self.server, "POST", path, {"events": events})
        assert status == 200, said

    def release_all(self, entry: Any) -> None:
        """Let out what is left, if anything is."""
        path = f"/__mock__/requests/{entry['id']}/release"
        fetched(self.server, "POST", path, {"events": 1000})

    def forget(self) -> None:
        """Empty the journal."""
        fetched(self.server, "DELETE", "/__mock__/requests?session=*")


class Gateway:
    """A gateway; a plain proxy is started by its configuration file alone."""

    name = ""
    program = ""
    config = ""  # a file of this folder, with the ports 8080, 8081, 5001 and 5002
    version_of = ("--version",)
    version_in = r"(\d+\.\d+\.\d+)"
    health = "/"  # what is 200 once it is ready
    environment: Mapping[str, str] = {}
    tested = ("", "")  # the version and the day of the table
    apis: Mapping[str, Api] = APIS
    lacks: Mapping[str, str] = {}  # checks that it has nothing for, and why
    SEEN: Mapping[str, Seen] = {}

    def found(self) -> str:
        """Where its program is; empty if it is not installed.  A variable such as NGINX goes
        before the path."""
        named = os.environ.get(self.program.upper(), "")
        beside = Path(sys.executable).parent / self.program
        return named or (str(beside) if beside.exists() else shutil.which(self.program) or "")

    def version(self) -> str:
        """The version that runs."""
        command = [self.found(), *self.version_of]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        match = re.search(self.version_in, done.stdout + done.stderr)
        assert match, f"{command} says {done.stdout + done.stderr!r}"
        return match.group(1)

    def command(self, config: Path, ports: Mapping[str, str]) -> List[str]:
        """How it is started, in the folder of its configuration.  `ports` are those of this test,
        by the usual ones."""
        raise NotImplementedError

    def configured(self, folder: Path, ports: Mapping[str, str]) -> Path:
        """Its configuration with the ports of a test."""
        text = (HERE / self.config).read_text(encoding="utf-8")
        for usual, port in ports.items():
            text = re.sub(rf"\b{usual}\b", port, text)
        (folder / self.config).write_text(text, encoding="utf-8")
        return folder / self.config

    def urls(self, ports: Mapping[str, str]) -> List[str]:
        """Where clients ask it: plainly, and where it fails over."""
        return [f"http://127.0.0.1:{ports['8080']}", f"http://127.0.0.1:{ports['8081']}"]

    def doors(self, server: str, urls: Sequence[str]) -> List[Door]:
        """How clients ask the server itself, and how the gateway."""
        return [Door(server), *(Door(url) for url in urls)]

    @contextmanager
    def started(self, upstreams: Sequence[str]) -> Iterator[List[str]]:
        """The gateway in front of the server's ports; its addresses."""
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            folder = Path(name)
            for left in reversed(range(STARTS)):
                ports = {"8080": free_port(), "8081": free_port()}
                ports.update(zip(("5001", "5002"), upstreams))
                command = self.command(self.configured(folder, ports), ports)
                urls = self.urls(ports)
                process = running(command, urls[0], self.health, folder, **self.environment)
                try:
                    stack.enter_context(process)
                    break
                except AssertionError:
                    if not left:
                        raise
            yield urls

    @contextmanager
    def site(self, data: Path, mocks: Callable[[int], List[Any]]) -> Iterator[Site]:
        """A server with this gateway in front of it; `mocks` are told the port of the first
        upstream."""
        ports = [free_port() for _ in range(3)]
        (data / "mocks").mkdir()
        text = json.dumps(mocks(int(ports[1])))
        (data / "mocks" / "gateways.json").write_text(text, encoding="utf-8")
        options = ("--data", str(data), "--journal", "5000", "--fallback", "echo")
        with serving(*options, ports=ports) as server, self.started(ports[1:]) as urls:
            doors = self.doors(server, urls)
            yield Site(ports, self.apis, doors)
            for door in doors:
                door.close()


ASKED_FOR = [name for name in os.environ.get("GATEWAYS", "").split(",") if name]


def installed(gateway: Gateway) -> None:
    """Skip a test without its gateway, unless GATEWAYS asks for it."""
    if ASKED_FOR and gateway.name not in ASKED_FOR:
        pytest.skip(f"{gateway.name} is not asked for")
    if not gateway.found():
        assert gateway.name not in ASKED_FOR, f"{gateway.name} is not installed"
        pytest.skip(f"{gateway.name} is not installed")


# --- processes ---


def dies_with_parent() -> None:
    """Have Linux end this process when the one that started it ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


@contextmanager
def running(
    command: Sequence[str], url: str, health: str, folder: Path, **names: str
) -> Iterator[None]:
    """A gateway's process, once it answers.  Of the machine's environment it has the path alone."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    environment = {**kept, "HOME": str(folder), **names}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=dies_with_parent,
        )
    try:
        for _ in range(2400):
            if process.poll() is not None or ready(url, health):
                break
            time.sleep(0.05)
        assert ready(url, health), (folder / "log").read_text(encoding="utf-8")[-2000:]
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ready(url: str, path: str) -> bool:
    """Whether a gateway answers."""
    try:
        return Door(url).send("GET", path, b"", {}).status == 200
    except OSError:
        return False


# --- tables ---

Case = Callable[[Site], str]


def expected(gateway: Gateway, case: str) -> Seen:
    """What a gateway's table says of a case."""
    tables = [*gateway.SEEN.items(), *((name, Seen(said, "")) for name, said in USUAL.items())]
    rows = [seen for name, seen in tables if fnmatchcase(case, name)]
    return rows[0] if rows else Seen(SAME, "")


def outcome(case: Case, site: Site) -> str:
    """What came of a case."""
    try:
        return case(site)
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def compare(gateway: Gateway, site: Site, group: str, cases: Mapping[str, Case]) -> None:
    """Fail if a gateway breaks more or less than its table says."""
    seen = {f"{group}: {name}": outcome(case, site) for name, case in cases.items()}
    wrong: List[str] = []
    for name, found in seen.items():
        row = expected(gateway, name)
        if found not in row.outcome.split(" or "):
            wrong.append(f"{name!r} is {found!r}, expected {row.outcome!r} {row.why}".rstrip())
    unused = [
        f"the row {row!r} matches no case"
        for row in gateway.SEEN
        if row.startswith(group + ":") and not any(fnmatchcase(name, row) for name in seen)
    ]
    assert not wrong + unused, "\n".join([about(gateway), *wrong, *unused])


def about(gateway: Gateway) -> str:
    """Which version runs, and which one the table is of."""
    runs, (version, day) = gateway.version(), gateway.tested
    told = f"{gateway.name} {runs} does not do what its table says"
    return told if runs == version else f"{told}, which is of {version} ({day})"


def differing(through: Any, direct: Any) -> str:
    """The outcome of one request asked both ways: how it ended, if that is another way than
    directly; else what of it differs."""
    if through.words != direct.words:
        return str(through.words)
    if direct.end == "cut":
        cut = through.body.startswith(direct.body) or direct.body.startswith(through.body)
        return SAME if cut else "another beginning"
    if through.body != direct.body:
        return "another body"
    if through.headers != direct.headers:
        changed = set(through.headers.items()) ^ set(direct.headers.items())
        return f"other headers: {sorted(changed)}"
    return SAME


def joined(outcomes: Mapping[str, str]) -> str:
    """The outcome of several requests: one word if all came to the same."""
    other = {name: said for name, said in outcomes.items() if said != SAME}
    if not other:
        return SAME
    if len(other) == len(outcomes) and len(set(other.values())) == 1:
        return next(iter(other.values()))
    return "; ".join(f"{name}: {said}" for name, said in other.items())
