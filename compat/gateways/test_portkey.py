"""Portkey's gateway in front of the server, with openai as its client.  Skipped where no PORTKEY
names the folder that it is installed in (see portkey/package.json)."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple

import pytest
from conftest import free_port, serving

if "PORTKEY" not in os.environ:
    pytest.skip("no PORTKEY names where it is installed", allow_module_level=True)

pytest.importorskip("openai")

import openai  # noqa: E402
from by_openai import (  # noqa: E402
    ANSWERS,
    ARGUMENTS,
    DOCUMENTS,
    PNG,
    SAID,
    TEXT,
    THOUGHTS,
    ask,
    asked_of,
    replayed,
    streamed,
    told,
    whole,
)
from harness import running  # noqa: E402

PROGRAM = "node_modules/@portkey-ai/gateway/build/start-server.js"
MOCKS = ANSWERS


class Host(NamedTuple):
    """A dialect: by which of Portkey's providers it is asked, and at which path."""

    provider: str
    path: str
    missing: int = 404  # the status of an unknown model


HOSTS = {
    "mistral": Host("mistral-ai", "/v1", 400),
    "openrouter": Host("openrouter", "/api"),
    "vllm": Host("openai", "/v1"),
    "deepseek": Host("deepseek", "", 400),
    "groq": Host("groq", "/openai/v1"),
    "gemini": Host("openai", "/v1beta/openai"),
    "ollama": Host("openai", "/v1"),
    "bedrock": Host("openai", "/openai/v1"),
}
every_host = pytest.mark.parametrize("host", HOSTS)
# Portkey's provider: where it is, a model, and which API is asked
RERANKERS = {
    "cohere": ("/v2", "rerank-v3.5", "/v2/rerank"),
    "jina": ("/v1", "jina-reranker-v3", "/v1/rerank"),
    "voyage": ("/v1", "rerank-2.5", "/v1/rerank"),
    "openai": ("/v1", "bge", "/v1/rerank"),
}


class Gateway(NamedTuple):
    """The gateway, and the server behind it."""

    url: str
    server: str

    def client(self, provider: str, path: str, **more: str) -> openai.OpenAI:
        """A client that asks a provider."""
        headers = {"provider": provider, "custom-host": self.server + path, **more}
        return openai.OpenAI(
            base_url=self.url + "/v1",
            api_key="k",
            max_retries=0,
            timeout=30,
            default_headers={f"x-portkey-{name}": value for name, value in headers.items()},
        )

    def maker(self, provider: str) -> Any:
        """A client of OpenAI, or of Azure."""
        if provider == "openai":
            return self.client("openai", "/v1")
        azure = {"resource-name": "r", "deployment-id": "d", "api-version": "2025-04-01-preview"}
        named = {f"azure-{name}": value for name, value in azure.items()}
        return self.client("azure-openai", "/openai", **named)

    def seen(self, **match: Any) -> Any:
        """What the gateway asked of the server, all answered."""
        return asked_of(self.server, **match)


@pytest.fixture(scope="module")
def started(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for the whole module."""
    port, folder = free_port(), tmp_path_factory.mktemp("gateway")
    command = ["node", str(Path(os.environ["PORTKEY"], PROGRAM)), "--headless", f"--port={port}"]
    url = f"http://127.0.0.1:{port}"
    portkey = running(command, url, "/", folder, NODE_ENV="production")
    with serving("--data", str(data)) as server, portkey:
        yield Gateway(url, server)


@pytest.fixture
def gateway(started: Gateway) -> Gateway:
    """The same, with an empty journal."""
    assert told(started.server, "DELETE", "/__mock__/requests")[0] == 200
    return started


@every_host
def test_a_dialect_is_read_by_the_gateway_whole_and_streamed(gateway: Gateway, host: str) -> None:
    known = HOSTS[host]
    client = gateway.client(known.provider, f"/{host}{known.path}")
    for heard in (whole, streamed):
        hello = heard(client, "m", "hello")
        assert (hello.text, hello.finish) == (TEXT, "stop")
        assert (hello.usage.prompt_tokens, hello.usage.total_tokens) == (12, 21)
        calling = heard(client, "m", "call")
        # It drops the calls of a whole answer of DeepSeek's.
        if (host, heard) != ("deepseek", whole):
            assert calling.calls == ARGUMENTS
        assert calling.finish == "tool_calls"
        if host in ("vllm", "ollama"):
            assert heard(client, "m", "think").thoughts == THOUGHTS
    assert {one["dialect"] for one in gateway.seen(api="chat")} == {host}


@every_host
def test_errors_of_a_dialect_pass_the_gateway(gateway: Gateway, host: str) -> None:
    known = HOSTS[host]
    client = gateway.client(known.provider, f"/{host}{known.path}")
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError):
            ask(client, "m", "limited", stream=stream)
        with pytest.raises(openai.APIStatusError) as caught:
            ask(client, "m", "missing", stream=stream)
        assert caught.value.status_code == known.missing
    with pytest.raises(openai.InternalServerError):
        ask(client, "m", "break")
    if known.provider == "openai":  # of others it can't parse an error in mid-stream
        with pytest.raises(openai.APIError):
            list(ask(client, "m", "break", stream=True))
    seen = gateway.seen(api="chat")
    assert [one["status"] for one in seen][:5] == [429, known.missing, 429, known.missing, 503]


@pytest.mark.parametrize("provider", RERANKERS)
def test_documents_are_ranked_through_the_gateway(gateway: Gateway, provider: str) -> None:
    path, model, asked = RERANKERS[provider]
    body: Any = {"model": model, "query": "capital", "documents": DOCUMENTS, "top_n": 2}
    client = gateway.client(provider, path)
    found: Any = client.post("/rerank", body=body, cast_to=object)
    ranked = [one["index"] for one in found.get("results") or found["data"]]
    assert ranked[:2] == [1, 2]
    with pytest.raises(openai.RateLimitError):
        client.post("/rerank", body={**body, "query": "too many"}, cast_to=object)
    assert [one["status"] for one in gateway.seen(path=asked)] == [200, 429]


@pytest.mark.parametrize("provider", ["openai", "azure"])
def test_pictures_and_sound_pass_the_gateway(gateway: Gateway, provider: str) -> None:
    client = gateway.maker(provider)
    asked = {"model": "gpt-image-1", "prompt": "a cat"}
    made = client.images.generate(n=2, **asked).data
    assert [base64.b64decode(one.b64_json) for one in made] == [PNG] * 2
    edits = client.images.edit(image=("a.png", PNG), stream=True, partial_images=1, **asked)
    assert [one.type for one in edits] == ["image_edit.partial_image", "image_edit.completed"]
    speech = {"voice": "alloy", "input": "hello", "response_format": "wav"}
    assert client.audio.speech.create(model="tts-1", **speech).content.startswith(b"RIFF")
    sound = {"file": ("a.mp3", b"ID3 and more")}
    assert client.audio.transcriptions.create(model="whisper-1", **sound).text == SAID
    words = client.audio.transcriptions.create(model="gpt-4o-transcribe", stream=True, **sound)
    assert [one.type for one in words][-1] == "transcript.text.done"
    assert client.audio.translations.create(model="whisper-1", **sound).text == SAID
    asked_for = ["generations", "edits", "speech", "transcriptions", "transcriptions"]
    seen = gateway.seen(provider=provider)
    assert [one["api"] for one in seen] == [*asked_for, "translations"]
    assert seen[1]["stream"] and seen[4]["stream"]


def test_imagen_makes_a_picture_through_the_gateway(gateway: Gateway) -> None:
    place = {"vertex-project-id": "p", "vertex-region": "us-central1"}
    client = gateway.client("vertex-ai", "", **place)
    made: Any = client.images.generate(model="imagen-4.0-generate-001", prompt="a cat")
    assert base64.b64decode(made.data[0].b64_json) == PNG
    assert [one["api"] for one in gateway.seen(provider="vertex_ai")] == ["predict"]


@pytest.mark.parametrize("provider", ["openai", "azure"])
def test_what_follows_a_response_finds_it_through_the_gateway(
    gateway: Gateway, provider: str
) -> None:
    responses = gateway.maker(provider).responses
    made = responses.create(model="m", input="hello")
    assert made.output_text == responses.retrieve(made.id).output_text == TEXT
    items = responses.input_items.list(made.id).data
    assert [item.content[0].text for item in items] == ["hello"]
    responses.delete(made.id)
    with pytest.raises(openai.NotFoundError, match="not found"):
        responses.retrieve(made.id)
    last = list(responses.create(model="m", input="hello", stream=True))[-1]
    assert last.response.output_text == TEXT
    assert responses.compact(model="m", input="hello").object == "response.compaction"
    seen = [one["api"] for one in gateway.seen(provider=provider, operation="stored")]
    assert seen == ["retrieve", "input_items", "delete", "retrieve"]


def test_verdicts_and_tokens_pass_the_gateway(gateway: Gateway) -> None:
    for provider in ("openai", "azure"):
        client = gateway.maker(provider)
        for text, flagged in (("hello", False), ("a bomb", True)):
            assert client.moderations.create(input=text).results[0].flagged == flagged
    server = gateway.client("openai", "")
    body: Dict[str, Any] = {"model": "m", "prompt": "Hi there"}
    counted: Any = server.post("/proxy/tokenize", body=body, cast_to=object)
    assert counted["count"] == 2


def test_what_the_gateway_asks_is_recorded_and_replayed(gateway: Gateway, tmp_path: Path) -> None:
    port = free_port()
    client = gateway._replace(server=f"http://127.0.0.1:{port}").client("openai", "/v1")
    replayed(client, "m", gateway.server, port, tmp_path)
