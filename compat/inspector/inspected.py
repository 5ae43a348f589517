"""The server that the inspector is tested on: a process that can be ended and started again."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from http.client import IncompleteRead
from pathlib import Path
from typing import Any, Iterator, List, Optional
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from scene import MOCKS

SCRIPT = Path(__file__).resolve().parents[2] / "mock_server.py"
Json = Any


class Server:
    """A server process with a folder of mocks, which can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: Optional[subprocess.Popen[str]] = None
        self.url = ""
        self.token = ""
        self.waiting: List[subprocess.Popen[bytes]] = []
        (folder / "mocks").mkdir()
        self.write(MOCKS)

    def write(self, mocks: Json) -> None:
        """Write the file of mocks; a text as it is."""
        text = mocks if isinstance(mocks, str) else json.dumps(mocks, ensure_ascii=False)
        (self.folder / "mocks" / "mocks.json").write_text(text, encoding="utf-8")

    def start(self, *options: str) -> str:
        """Start it, on the port that it had before; its address."""
        port = self.url.rpartition(":")[2] or "0"
        command = [sys.executable, "-B", str(SCRIPT), port, "--data", str(self.folder)]
        self.process = subprocess.Popen(
            [*command, "--log", "off", "--exit-on-stdin-close", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.url = line.split()[-1]
        return self.url

    def stop(self) -> None:
        """End it, and what waits for its answers."""
        for one in self.waiting:
            one.kill()
            one.wait()
        self.waiting.clear()
        process, self.process = self.process, None
        if process:
            assert process.stdin and process.stdout
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

    def send(self, path: str, body: Json = None, method: str = "POST", **headers: str) -> bytes:
        """Send a request; the body of its answer, whatever the status.  An underscore in a header's
        name is a dash."""
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
        if body is None and method == "POST":
            method = "GET"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            named["Authorization"] = f"Bearer {self.token}"
        if data:
            named.setdefault("Content-Type", "application/json")
        try:
            with urlopen(
                Request(self.url + path, data, named, method=method), timeout=10
            ) as answer:
                found: bytes = answer.read()
        except HTTPError as error:
            found = error.read()
        except IncompleteRead as error:  # as a fault of a mock has it
            found = error.partial
        return found

    def control(self, path: str, body: Json = None, method: str = "POST") -> Json:
        """Ask the control API."""
        return json.loads(self.send("/__mock__/" + path, body, method))

    def chat(self, user: str, model: str = "gpt-4o-mini", prefix: str = "", **more: Json) -> bytes:
        """Ask OpenAI's chat completions; headers are given as `headers`."""
        headers = more.pop("headers", {})
        body = {"model": model, "messages": [{"role": "user", "content": user}], **more}
        return self.send(prefix + "/v1/chat/completions", body, **headers)

    def begin(self, user: str, **more: Json) -> None:
        """Ask for a stream, and don't wait for its end."""
        body = {"model": "gpt-4o-mini", "stream": True, **more}
        body["messages"] = [{"role": "user", "content": user}]
        program = (
            "import sys, urllib.request as r\n"
            "head = {'Content-Type': 'application/json'}\n"
            "r.urlopen(r.Request(sys.argv[1], sys.argv[2].encode(), head)).read()"
        )
        command = [sys.executable, "-c", program, self.url + "/v1/chat/completions"]
        self.waiting.append(
            subprocess.Popen([*command, json.dumps(body)], stderr=subprocess.DEVNULL)
        )


@contextmanager
def a_server(folder: Path, *options: str) -> Iterator[Server]:
    """A server for the time of a block."""
    server = Server(folder)
    try:
        server.start(*options)
        yield server
    finally:
        server.stop()
