"""What the tests of recording share: a server that plays the provider, one that records it, and one
that has nothing but the recordings."""

from __future__ import annotations

import gzip
import json
import time
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from conftest import Answer, controlled, serving

PATIENCE = 30.0  # seconds that nothing takes, however slow the machine is
# Providers and dialects; the address of a dialect ends in its name, so that a second instance of
# the server knows whom it plays.
PROVIDERS = ("openai", "azure", "anthropic", "gemini", "vertex_ai", "bedrock", "cohere", "ollama")
DIALECTS = ("mistral", "groq", "openrouter", "deepseek", "vllm")
OVER_TLS = ("azure", "gemini", "bedrock", "cohere", "mistral")


class Site(NamedTuple):
    """Servers that play all providers, one that records, one that replays, the folder with the
    recordings, and what the one that records logs."""

    upstreams: Sequence[str]
    recorder: str
    replayer: str
    folder: Path
    log: Path

    def asked(self) -> int:
        """How often the providers were asked."""
        counts = (controlled(url, "/requests/count", {"match": {}}) for url in self.upstreams)
        return sum(found["count"] for found in counts)

    def settled(self, count: int) -> None:
        """Wait until there are so many recordings.  A client that leaves at the last event, as
        openai's does at its [DONE], may be faster than the end of the answer."""
        end = time.monotonic() + PATIENCE
        while len(mocks_in(self.folder)) < count:
            assert time.monotonic() < end, f"{len(mocks_in(self.folder))} recordings, not {count}"
            time.sleep(0.01)


def mocks_in(folder: Path) -> List[Path]:
    """The mocks that were recorded."""
    return sorted((folder / "mocks").glob("**/[!.]*.json"))


def data_directory(folder: Path, mocks: Sequence[Any] = ()) -> Path:
    """A data directory with these mocks."""
    (folder / "mocks").mkdir(parents=True)
    if mocks:
        text = json.dumps(list(mocks))
        (folder / "mocks" / "compat.json").write_text(text, encoding="utf-8")
    return folder


def recording(urls: Mapping[str, str]) -> List[str]:
    """The options that record providers and dialects at these addresses."""
    return [word for name, url in urls.items() for word in ("--record", f"{name}={url}")]


@contextmanager
def site(
    folder: Path,
    mocks: Sequence[Any],
    *options: str,
    upstream: Sequence[str] = (),
) -> Iterator[Site]:
    """All three, for every provider, half of which are asked over TLS; `options` are those of the
    one that records."""
    played = str(data_directory(folder / "played", mocks))
    empty = str(data_directory(folder / "empty"))
    recorded = data_directory(folder / "recorded")
    authority = str(folder / "ca.pem")
    playing = ("--data", played, "--fallback", "echo", *upstream)
    log = folder / "log"
    with ExitStack() as stack:
        errors = stack.enter_context(open(log, "w", encoding="utf-8"))
        plain = stack.enter_context(serving(*playing))
        over_tls = stack.enter_context(serving(*playing, "--tls", "--tls-cert-out", authority))
        urls = {name: over_tls if name in OVER_TLS else plain for name in PROVIDERS + DIALECTS}
        urls.update({name: f"{urls[name]}/{name}" for name in DIALECTS})
        urls["other"] = plain
        where = ("--data", empty, "--record-to", str(recorded), "--record-ca", authority)
        recorder = stack.enter_context(
            serving(*recording(urls), *where, "--log", "text", *options, errors=errors)
        )
        replayer = stack.enter_context(serving("--data", str(recorded)))
        yield Site((plain, over_tls), recorder, replayer, recorded, log)


def fetched(
    url: str,
    path: str,
    body: Optional[bytes] = None,
    headers: Mapping[str, str] = {},  # noqa: B006
    method: str = "POST",
) -> Answer:
    """An answer without any SDK, its content coding undone."""
    connection = HTTPConnection(url.partition("://")[2], timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        data = response.read()
        told: Dict[str, str] = {name.lower(): value for name, value in response.getheaders()}
        if told.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        return Answer(response.status, told, data)
    finally:
        connection.close()
