"""Starts the real server as its users do, a process on a free port, for the official SDKs to talk
to.

    python -m pip install -r compat/requirements.txt && python -m pytest compat

.ci/run has environments of their own for vertexai (requirements-vertexai.txt) and for gateways
(gateways/requirements.txt).

A test module says what is answered in its MOCKS; the fixtures `server` and `guarded` are the
address of a server with them, for the whole module.

Whatever is asked of a server that `serving` started is held against the rules of its provider: what
a test sends may break none, but for the rows of refused.py.  Strict servers are left alone: there
the test itself sees what is refused.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import (
    IO,
    Any,
    Callable,
    Dict,
    Iterator,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from fuzzing import add_options
from refused import REFUSED

SCRIPT = Path(__file__).resolve().parent.parent / "mock_server.py"
# Variables that would send an SDK elsewhere, give it other credentials, or put a proxy in between.
FOREIGN = (
    "OPENAI_",
    "AZURE_",
    "IDENTITY_",
    "MSI_",
    "GCE_",
    "GOOGLE_",
    "GEMINI_",
    "CLOUD_ML_",
    "ANTHROPIC_",
    "AWS_",
    "COHERE_",
    "CO_API_",
    "MISTRAL_",
    "OLLAMA_",
    "MOCK_SERVER_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
)


class Answer(NamedTuple):
    """An answer as it came over the wire, nothing decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def drained(stream: Any) -> Any:
    """All of a stream.  It is closed however it ends: one that is merely dropped may be collected
    while httpcore holds the lock that closing it needs, and then waits forever."""
    try:
        return [item async for item in stream] if hasattr(stream, "__anext__") else list(stream)
    finally:
        close = getattr(stream, "aclose", getattr(stream, "close", None))
        await settled(close() if close else None)


async def settled(value: Any) -> Any:
    """What a call of an SDK comes to: what is awaitable is awaited, what streams is read to its
    end."""
    if inspect.isawaitable(value):
        value = await value
    streams = hasattr(value, "__anext__") or hasattr(value, "__next__")
    return await drained(value) if streams else value


class Plain:
    """An SDK's client whose calls are plain, whether it is async or not: one test for both."""

    def __init__(self, sdk: Any) -> None:
        self.sdk = sdk
        self.loop = asyncio.new_event_loop()

    def __call__(self, job: Callable[[Any], Any]) -> Any:
        """What a job makes of the client, settled."""
        return self.loop.run_until_complete(settled(job(self.sdk)))

    def opened(self, job: Callable[[Any], Any], then: Callable[[Any], Any]) -> Any:
        """The same with a job that gives a context manager; `then` gets what that opens."""

        async def both() -> Any:
            manager = job(self.sdk)
            if hasattr(manager, "__aenter__"):
                async with manager as stream:
                    return await settled(then(stream))
            with manager as stream:
                return await settled(then(stream))

        return self.loop.run_until_complete(both())

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: Any) -> None:
        for name in ("close",) if hasattr(self.sdk, "close") else ("__aexit__", "__exit__"):
            if hasattr(self.sdk, name):
                self(
                    lambda sdk, name=name: getattr(sdk, name)(
                        *() if name == "close" else (None, None, None)
                    )
                )
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


def anonymous(kind: Callable[..., Any]) -> Any:
    """An HTTP client that takes the credential away from every request; the SDKs themselves won't
    go without one."""

    def strip(request: Any) -> None:
        for name in ("authorization", "api-key", "x-api-key"):
            request.headers.pop(name, None)

    async def async_strip(request: Any) -> None:
        strip(request)

    return kind(event_hooks={"request": [async_strip if hasattr(kind, "aclose") else strip]})


def pytest_addoption(parser: pytest.Parser) -> None:
    """The flags of the fuzz test, which is one of both folders' own."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Google's packages warn of the age of Python and of themselves; that is not what is tested."""
    config.addinivalue_line("filterwarnings", "ignore::FutureWarning")
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore:.*deprecat:UserWarning")


# The servers that run, each with the ids of requests that were looked at.
WATCHED: Dict[str, Set[str]] = {}
# What requests broke since the last test, and what each test's did: rules, each with one of them.
BROKEN: Dict[str, str] = {}
BROKEN_BY: Dict[Tuple[str, str], Set[str]] = {}
PASSED: Set[Tuple[str, str]] = set()  # files and names of tests


def controlled(url: str, path: str, body: Any = None) -> Any:
    """What a server's control API says."""
    data = None if body is None else json.dumps(body).encode()
    unverified = ssl._create_unverified_context() if url.startswith("https") else None
    request = Request(url + "/__mock__" + path, data)
    try:
        with urlopen(request, timeout=10, context=unverified) as answer:
            return json.load(answer)
    except HTTPError:  # 408: there are none
        return {"requests": []}


def look_at(url: str) -> None:
    """Note what requests broke that were not looked at before."""
    wanted = {"match": {"valid": False}, "timeout": 0}
    entries = controlled(url, "/requests/wait?session=*", wanted)["requests"]
    entries = [one for one in entries if one["id"] not in WATCHED[url] and one["violations"]]
    if not entries:
        return
    WATCHED[url].update(one["id"] for one in entries)
    for entry in entries:
        for one in entry["violations"]:
            if "default" not in one:
                told = f"{one['rule']} at {one['place']}: {one['message']}"
                BROKEN.setdefault(one["rule"], f"{entry['method']} {entry['path']} breaks {told}")


@pytest.fixture(autouse=True)
def nothing_normal_is_refused(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the requests of a test break is what refused.py says of it, and nothing else."""
    yield
    for url in WATCHED:
        look_at(url)
    broken = dict(BROKEN)
    BROKEN.clear()
    test = named(request.node.nodeid)
    BROKEN_BY.setdefault(test, set()).update(broken)
    known = {rule for row in REFUSED if row.test == test for rule in row.rules}
    told = [sentence for rule, sentence in broken.items() if rule not in known]
    if told:
        pytest.fail("the real provider would refuse this: " + "; ".join(told), pytrace=False)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note which tests passed."""
    if report.when == "call" and report.passed:
        PASSED.add(named(report.nodeid))


def named(node: str) -> Tuple[str, str]:
    """The file and the name of a test, without its parameters."""
    file, _, name = node.partition("[")[0].partition("::")
    return Path(file).stem, name


def free_port() -> str:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


@contextmanager
def serving(
    *options: str, ports: Sequence[str] = ("0",), errors: Optional[IO[str]] = None
) -> Iterator[str]:
    """A server process; the address of its first port.  It ends when its standard input closes.
    What it logs, if an option says that it does, goes to `errors`."""
    command = [
        sys.executable,
        "-B",
        str(SCRIPT),
        *ports,
        "--log",
        "off",
        "--exit-on-stdin-close",
        *options,
    ]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    assert process.stdin and process.stdout
    try:
        lines = [process.stdout.readline() for _ in ports]
        assert all(re.match("listening on https?://127.0.0.1:", line) for line in lines), (
            f"the server said {lines!r}, exit status {process.poll()}"
        )
        url = lines[0].split()[-1]
        if "--strict" in options:
            yield url
        else:
            WATCHED[url] = set()
            try:
                yield url
                look_at(url)
            finally:
                del WATCHED[url]
        process.stdin.close()
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session", autouse=True)
def environment() -> Iterator[None]:
    """No key, address or proxy of the machine reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith(FOREIGN)]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the module's mocks."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "mocks").mkdir()
    (folder / "mocks" / "compat.json").write_text(
        json.dumps(request.module.MOCKS), encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[str]:
    """A server that answers from the module's mocks."""
    with serving("--data", str(data)) as url:
        yield url


@pytest.fixture(scope="module")
def guarded(data: Path) -> Iterator[str]:
    """The same, but it wants a credential."""
    with serving("--data", str(data), "--require-auth") as url:
        yield url


@pytest.fixture(scope="module")
def shipped() -> Iterator[str]:
    """A server as it comes: with the mocks and recordings in `data/`."""
    with serving() as url:
        yield url


@pytest.fixture
def post(server: str) -> Callable[..., Answer]:
    """Sends JSON without any SDK, so that the bytes of the answer can be looked at."""

    def send(path: str, body: Any, **headers: str) -> Answer:
        connection = HTTPConnection(server.partition("://")[2], timeout=10)
        try:
            connection.request(
                "POST",
                path,
                json.dumps(body),
                {
                    "Content-Type": "application/json",
                    **{name.replace("_", "-"): value for name, value in headers.items()},
                },
            )
            response = connection.getresponse()
            return Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read(),
            )
        finally:
            connection.close()

    return send
