"""README.md: each block does what it says, to the letter, and the picture is its script's."""

from __future__ import annotations

import http.client
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, Iterator

import pytest
from clients import chat, fetch
from pages import PAGES, ROOT, blocks, chapter, is_printed

from mock_server import MockServer

README = PAGES["README.md"]
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
PAIRS = re.compile(r"```sh\n(curl .+?)\n```\n```text\n(.+?)\n```", re.S)


@needs_curl
def test_curl_prints_what_stands_there_in_this_order() -> None:
    with MockServer(data=str(ROOT / "data")) as server:
        for command, printed in PAIRS.findall(README):
            words = shlex.split(command.replace("http://127.0.0.1:5001", server.url))
            done = subprocess.run(
                [*words[:1], "--noproxy", "*", *words[1:]],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                timeout=30,
            )
            out = (done.stdout or done.stderr).decode().strip()
            assert is_printed(printed, out), command


class Client:
    """Just enough of the OpenAI SDK."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self.chat = self.completions = self
        host, _, path = base_url.partition("://")[2].partition("/")
        self.port, self.path = int(host.partition(":")[2]), f"/{path}/chat/completions"

    def create(self, **body: Any) -> Any:
        chunks = self.events(body)
        return chunks if body.get("stream") else next(chunks)

    def events(self, body: Any) -> Iterator[Any]:
        """The objects that come, as they come."""
        for text in streamed(self.port, self.path, body):
            yield json.loads(text, object_hook=lambda found: Delta(**found))


class Delta(SimpleNamespace):
    """An object of an answer; what it has not is None."""

    def __getattr__(self, name: str) -> None:
        return None


def streamed(port: int, path: str, body: Any) -> Iterator[bytes]:
    """The data of the events of a stream, each as it comes; of a whole answer the body."""
    data = json.dumps(body).encode()
    if not body.get("stream"):
        yield fetch(port, "POST", path, data)[1]
        return
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, data)
        for line in iter(connection.getresponse().readline, b""):
            if line.startswith(b"data: {"):
                yield line[len(b"data: ") :]
    finally:
        connection.close()


def test_its_python_runs(server: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", SimpleNamespace(OpenAI=Client))
    known: Dict[str, Any] = {"MockServer": MockServer, "OpenAI": Client, "gateway": str}
    exec(blocks("python", chapter(README, "## Gates"))[0], dict(known))  # noqa: S102
    exec(blocks("python", chapter(README, "## From pytest"))[0], known)  # noqa: S102
    session = server.session("a")
    known["test_it_tells_the_weather"](session)
    session.verify()


def test_its_go_is_a_test_of_the_examples() -> None:
    source = (ROOT / "examples" / "go" / "readme_test.go").read_text("utf-8")
    (block,) = blocks("go", README)
    assert source.endswith("\n" + block.replace('"mock_server.py"', "script()") + "\n")


def test_its_faults_come_as_it_says(server: MockServer) -> None:
    mocks = blocks("json", chapter(README, "## Faults"))[0]
    assert fetch(server.port, "POST", "/__mock__/mocks", mocks.encode())[0] == 201
    assert chat(server.port, user="retry")[0] == 429
    with pytest.raises(ConnectionError):
        chat(server.port, user="retry")
    assert chat(server.port, user="retry") == (200, "third time lucky")
    assert "Grüße" in chat(server.port, user="cut")[1]


# Each limit of another protocol: what a client begins with, and what it gets.
UPGRADE = b"Host: a\r\nConnection: Upgrade\r\nUpgrade: "
OTHER_PROTOCOLS = [
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, b"HTTP/2.0 is not spoken here; use HTTP/1.1"),
    (b"GET / HTTP/1.1\r\n" + UPGRADE + b"h2c\r\n\r\n", 200, b"healthy"),
    (b"GET /v1/realtime HTTP/1.1\r\n" + UPGRADE + b"websocket\r\n\r\n", 404, b"unknown path"),
    (b"POST /v1/messages HTTP/1.1\r\nHost: a\r\n\r\n", 400, b"body"),  # no 411
]


def test_who_speaks_another_protocol_gets_what_the_limits_say(raw: Any) -> None:
    assert "`HTTP/2.0 is not spoken here; use HTTP/1.1`" in chapter(README, "## Limits")
    for sent, status, said in OTHER_PROTOCOLS:
        found, _, body = raw().send(sent).response()
        assert found == status and said in body, body


def test_its_commands_that_record_are_those_that_are_tried() -> None:
    found = [block for block in blocks("sh", README) if not block.startswith("curl ")]
    (record,) = [block for block in found if block.count("\n")]
    assert record.startswith("mkdir mine\npython3 mock_server.py ")  # see test_recording_page.py


def test_its_line_for_an_editor_is_json_and_finds_the_mocks() -> None:
    (block,) = blocks("jsonc", README)
    copied, _, line = block.partition("\n")
    (schema,) = json.loads("{" + line + "}")["json.schemas"]
    path = next(word for word in copied.split() if word.startswith("docs/"))
    assert (ROOT / path).is_file() and path.endswith(schema["url"][1:])
    (pattern,) = schema["fileMatch"]
    assert list((ROOT / "data").glob(pattern[len("**/") :]))


def test_the_picture_is_that_of_its_script(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("picture", str(ROOT / "docs" / "picture.py"))
    assert spec and spec.loader
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)
    picture.draw(tmp_path)
    for drawn in tmp_path.iterdir():
        assert drawn.read_bytes() == (ROOT / "docs" / drawn.name).read_bytes(), "docs/picture.py"
