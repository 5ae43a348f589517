"""Just enough of OpenAI's SDK to run what the pages print, for tests that need nothing but pytest.

The SDK itself runs the same in compat/."""

from __future__ import annotations

import contextlib
import http.client
import json
import types
from typing import Any, Iterator

from clients import PATIENCE


class OpenAI:
    """A client of chat completions, whole and streamed."""

    def __init__(self, base_url: str, api_key: str, max_retries: int = 2) -> None:
        self.chat = self.completions = self
        host, _, path = base_url.partition("://")[2].partition("/")
        self.host, self.path = host, f"/{path}/chat/completions"

    def create(self, **body: Any) -> Any:
        # Not by urllib, which would ask a proxy that the environment names.
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        head = {"Content-Type": "application/json"}
        connection.request("POST", self.path, json.dumps(body), head)
        chunks = chunks_of(connection)
        return chunks if body.get("stream") else next(chunks)


def chunks_of(connection: http.client.HTTPConnection) -> Iterator[Any]:
    """The objects of a stream, each as it comes; of a whole answer the one that it is."""
    with contextlib.closing(connection), connection.getresponse() as answer:
        assert answer.status == 200, answer.read()
        if "event-stream" not in answer.headers["Content-Type"]:
            yield read(answer.read())
        for line in answer:
            if line.startswith(b"data: {"):
                yield read(line[len(b"data: ") :])


class Found(types.SimpleNamespace):
    """An object of an answer; what it has not is None."""

    def __getattr__(self, name: str) -> None:
        return None


def read(data: bytes) -> Any:
    """JSON whose members are attributes."""
    return json.loads(data, object_hook=lambda found: Found(**found))
