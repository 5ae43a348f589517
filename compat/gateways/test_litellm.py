"""LiteLLM's proxy in front of the server, with openai as its client: what clients get through a
gateway, and what the gateway asked for.  Skipped where it is not installed."""

from __future__ import annotations

import base64
import json
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple

import pytest
from conftest import free_port, serving

PROGRAM = Path(sys.executable).parent / "litellm"
if not PROGRAM.exists():
    pytest.skip("litellm is not installed", allow_module_level=True)

import openai  # noqa: E402
from by_openai import (  # noqa: E402
    ANSWERS,
    ARGUMENTS,
    ASKED,
    DOCUMENTS,
    KEY,
    PNG,
    SAID,
    TEXT,
    THOUGHTS,
    ask,
    asked_of,
    replayed,
    service_account,
    streamed,
    told,
    whole,
)
from harness import running  # noqa: E402
from translating import LiteLLM  # noqa: E402


class Host(NamedTuple):
    """A dialect: by which of LiteLLM's providers it is asked, and what that makes of answers."""

    provider: str
    path: str
    missing: int = 404  # the status of an unknown model
    limited: str = ""  # words of errors, where the client lets them through
    busy: str = ""
    tags: str = ""  # around thoughts in the content, where they have no place of their own


HOSTS = {
    "mistral": Host("mistral", "/v1", 400, "Rate limit exceeded", "Service unavailable."),
    "openrouter": Host(
        "openrouter", "/api/v1", 404, "requests per minute", "No instances available"
    ),
    "vllm": Host("hosted_vllm", "/v1", 404, "Too Many Requests", "Service Unavailable"),
    "deepseek": Host("deepseek", "", 400, "Rate limit reached", "Service is too busy."),
    "groq": Host("groq", "/openai/v1", 404, "service tier `on_demand`", "Service Unavailable"),
    # openai's client reads no message in a list, but in a stream.
    "gemini": Host("openai", "/v1beta/openai", 404, "", "The model is overloaded.", "thought"),
    "ollama": Host("openai", "/v1", 404, "too many requests", "server busy"),
    "bedrock": Host("openai", "/openai/v1", 404, "Too many requests", "unable to", "reasoning"),
}
# How the server is told which dialect it speaks.
WAYS = ("prefix", "port", "key")
every_way = pytest.mark.parametrize("way", WAYS)
every_host = pytest.mark.parametrize("host", HOSTS)

GUARDRAILS = {
    "bedrock": "Violated guardrail policy",
    "azure/text_moderations": "Violence crossed severity 2",
    "azure/prompt_shield": "Violated Azure Prompt Shield guardrail policy",
    "openai_moderation": "Violated OpenAI moderation policy",
    "model_armor": "Content blocked by Model Armor",
}
# LiteLLM's provider: model, and the path, the provider and the words of an error that are seen
RERANKERS = {
    "cohere": ("rerank-v3.5", "/v2/rerank", "cohere", "documents must not be empty"),
    "jina_ai": ("jina-reranker-v3", "/v1/rerank", "openai", "at least 1 item"),
    "voyage": ("rerank-2.5", "/v1/rerank", "openai", "empty strings or empty lists"),
    "hosted_vllm": ("bge", "/rerank", "openai", "At least one text_pair"),
    "bedrock": (
        "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0",
        "/rerank",
        "bedrock",
        "Value at 'sources' failed",
    ),
}
VERTEX = {
    "mistral-large-2411": ("mistralai", "rawPredict"),
    "codestral-2501": ("mistralai", "rawPredict"),
    "jamba-1.5-mini": ("ai21", "rawPredict"),
    "meta/llama-4-scout": ("", "endpoints/openapi/chat/completions"),
}
PICTURE = "data:image/png;base64,iVBORw0KGgo="
PAINTED = {"message": {"images": [{"type": "image_url", "image_url": {"url": PICTURE}}]}}
RECORDER = free_port()  # of the server that a test records with
MOCKS: List[Any] = list(ANSWERS)
MOCKS += [
    {"dialect": host, "match": {"user": f"{user} in {host}"}, "response": response}
    for host in HOSTS
    for user, response in ASKED.items()
]
MOCKS += [
    {"match": {"path": "/token"}, "response": {"body": {"access_token": "t", "expires_in": 3600}}},
    {"match": {"operation": "embed"}, "response": {"embedding": [0.25, -0.5]}},
    {"match": {"api": "ocr"}, "response": {"text": "On the page."}},
    {"match": {"user": "paint"}, "response": {"text": "", "extra": {"choices": [PAINTED]}}},
]


# --- the gateway ---


class Config:
    """The configuration of a proxy in front of a server."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.account = service_account(server)
        self.models: List[Any] = []

    def add(self, name: str, model: str, path: str = "", **more: Any) -> None:
        """A model, by the name that clients give it."""
        params = {"model": model, "api_base": self.server + path, "api_key": "k", **more}
        self.models.append({"model_name": name, "litellm_params": params})

    def add_dialects(self, ports: Dict[str, str]) -> None:
        """Each dialect in each way."""
        for host, (provider, path, *_) in HOSTS.items():
            self.add(f"{host} by prefix", f"{provider}/m", f"/{host}{path}")
            there = f"http://127.0.0.1:{ports[host]}{path}"
            self.add(f"{host} by port", f"{provider}/m", api_base=there)
            self.add(f"{host} by key", f"{provider}/m", "/v1")

    def add_rerankers(self) -> None:
        """Rerankers."""
        for provider, (model, *_) in RERANKERS.items():
            path = "/v1" if provider == "voyage" else ""
            self.add(f"rerank {provider}", f"{provider}/{model}", path, **self.aws)

    def add_media(self) -> None:
        """Pictures and sound, at OpenAI and at Azure."""
        for model in ("gpt-image-1", "dall-e-3", "tts-1", "whisper-1", "gpt-4o-transcribe", "o3"):
            self.add(model, f"openai/{model}", "/v1")
            self.add(f"azure {model}", f"azure/{model}", api_version="2025-04-01-preview")
        self.add("imagen", "gemini/imagen-4.0-generate-001", "/v1beta")
        google = "/v1/projects/p/locations/us-central1/publishers/google/models/"
        imagen = "imagen-4.0-generate-001"
        path = google + imagen + ":predict"
        self.add("imagen on vertex", "vertex_ai/" + imagen, path, **self.google)
        self.add("painter", "openrouter/google/painter", "/openrouter/api/v1")
        self.add("whisper at groq", "groq/whisper-large-v3", "/groq/openai/v1")
        self.add("voxtral", "mistral/voxtral-mini-latest", "/mistral/v1")

    def add_others(self) -> None:
        """Whatever else there is."""
        for model in VERTEX:
            self.add(model, f"vertex_ai/{model}", **self.google)
        self.add("recorded", "openai/m", api_base=f"http://127.0.0.1:{RECORDER}/v1")
        self.add("moderation", "openai/omni-moderation-latest", "/v1")
        self.add("ocr", "mistral/mistral-ocr-latest", "/mistral/v1")
        self.add("embed", "mistral/mistral-embed", "/mistral/v1")
        fim = "/mistral/v1/fim/completions"
        self.add("fim", "text-completion-codestral/codestral-latest", fim)

    @property
    def aws(self) -> Dict[str, str]:
        """Where Bedrock is, and who asks."""
        who = {"aws_access_key_id": "AKIAMOCK", "aws_secret_access_key": "secret"}
        where = {"aws_region_name": "us-east-1", "aws_bedrock_runtime_endpoint": self.server}
        return {**who, **where}

    @property
    def google(self) -> Dict[str, str]:
        """Who asks Vertex AI for what."""
        where = {"vertex_project": "p", "vertex_location": "us-central1"}
        return {"vertex_credentials": self.account, **where}

    def guardrails(self) -> List[Any]:
        """Services that the gateway asks for a verdict first."""
        template = {"template_id": "t", "project_id": "p", "location": "us-central1"}
        settings = {
            "bedrock": {"guardrailIdentifier": "gr1", "guardrailVersion": "1", **self.aws},
            "openai_moderation": {"api_key": "k", "api_base": self.server + "/v1"},
            "model_armor": {
                **template,
                "credentials": self.account,
                "api_endpoint": self.server,
            },
        }
        azure = {"api_key": "k", "api_base": self.server}
        return [
            {
                "guardrail_name": kind,
                "litellm_params": {
                    "guardrail": kind,
                    "mode": "pre_call",
                    **settings.get(kind, azure),
                },
            }
            for kind in GUARDRAILS
        ]

    def text(self, ports: Dict[str, str]) -> str:
        """All of it, as JSON, which is YAML, too."""
        self.add_dialects(ports)
        self.add_rerankers()
        self.add_media()
        self.add_others()
        through = {"path": "/through", "target": self.server, "include_subpath": True}
        return json.dumps(
            {
                "model_list": self.models,
                # Else one error would poison the next tests.
                "router_settings": {"disable_cooldowns": True, "num_retries": 0},
                "litellm_settings": {"num_retries": 0, "telemetry": False},
                "general_settings": {"pass_through_endpoints": [through]},
                "guardrails": self.guardrails(),
            }
        )


@contextmanager
def proxy(config: str, folder: Path) -> Iterator[str]:
    """A proxy, which asks nobody for prices and news."""
    port = free_port()
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    command = [str(PROGRAM), "--config", "config.yaml", "--host", "127.0.0.1", "--port", port]
    url = f"http://127.0.0.1:{port}"
    with running(command, url, LiteLLM.health, folder, **LiteLLM.environment):
        yield url


class Gateway(NamedTuple):
    """The proxy with its client, and the server behind it."""

    url: str
    server: str
    client: openai.OpenAI
    through: openai.OpenAI  # where it hands on what it knows nothing of

    def seen(self, **match: Any) -> List[Any]:
        """What the gateway asked of the server, all answered."""
        return asked_of(self.server, **match)


@pytest.fixture(scope="module")
def started(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One proxy for the whole module: it takes its time to start."""
    ports = {host: free_port() for host in HOSTS}
    options = ["--data", str(data)]
    for host, port in ports.items():
        options += ["--dialect", f"{port}={host}"]
    with serving(*options, ports=("0", *ports.values())) as server:
        config = Config(server).text(ports)
        with proxy(config, tmp_path_factory.mktemp("gateway")) as url:
            settings: Any = {"api_key": KEY, "max_retries": 0, "timeout": 30}
            yield Gateway(
                url,
                server,
                openai.OpenAI(base_url=url + "/v1", **settings),
                openai.OpenAI(base_url=url + "/through/v1", **settings),
            )


@pytest.fixture
def gateway(started: Gateway) -> Gateway:
    """The same, with an empty journal."""
    assert told(started.server, "DELETE", "/__mock__/requests")[0] == 200
    return started


# --- chat ---


def asked_in(way: str, host: str, user: str) -> str:
    """What the user says: where a mock has the dialect, it is another mock for each."""
    return f"{user} in {host}" if way == "key" else user


def request_dialect(way: str, host: str) -> str:
    """What the journal says of a request: a mock's dialect is its answer's alone."""
    return "openai" if way == "key" else host


@every_way
@every_host
def test_a_dialect_is_read_by_the_gateway_whole_and_streamed(
    gateway: Gateway, host: str, way: str
) -> None:
    tags = HOSTS[host].tags
    for heard in (whole, streamed):
        hello = heard(gateway.client, f"{host} by {way}", asked_in(way, host, "hello"))
        assert (hello.text, hello.finish) == (TEXT, "stop")
        usage = hello.usage
        assert usage.prompt_tokens == 12
        # Gemini counts thoughts apart from what is said.
        assert usage.completion_tokens == (5 if host == "gemini" else 9)
        assert usage.prompt_tokens_details.cached_tokens == 8
        thinking = heard(gateway.client, f"{host} by {way}", asked_in(way, host, "think"))
        if tags:
            assert thinking.text == f"<{tags}>{THOUGHTS}</{tags}>{TEXT}"
        else:
            assert (thinking.text, thinking.thoughts) == (TEXT, THOUGHTS)
        calling = heard(gateway.client, f"{host} by {way}", asked_in(way, host, "call"))
        assert (calling.text, calling.calls, calling.finish) == ("", ARGUMENTS, "tool_calls")
    seen = [(one["dialect"], one["stream"]) for one in gateway.seen(api="chat")]
    spoken = request_dialect(way, host)
    assert seen == [(spoken, False)] * 3 + [(spoken, True)] * 3


@every_way
@every_host
def test_errors_of_a_dialect_pass_the_gateway(gateway: Gateway, host: str, way: str) -> None:
    model, known = f"{host} by {way}", HOSTS[host]
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError, match=known.limited or None):
            ask(gateway.client, model, asked_in(way, host, "limited"), stream=stream)
        with pytest.raises(openai.APIStatusError) as caught:
            ask(gateway.client, model, asked_in(way, host, "missing"), stream=stream)
        assert caught.value.status_code == known.missing
    with pytest.raises(openai.InternalServerError) as busy:
        ask(gateway.client, model, asked_in(way, host, "break"))
    assert busy.value.status_code == 503
    said = ""
    with pytest.raises(openai.APIError, match=known.busy):
        for chunk in ask(gateway.client, model, asked_in(way, host, "break"), stream=True):
            said += chunk.choices[0].delta.content or ""
    assert said and TEXT.startswith(said)
    seen = gateway.seen(api="chat")
    assert [one["status"] for one in seen] == [429, known.missing] * 2 + [503, 200]
    assert {one["dialect"] for one in seen} == {request_dialect(way, host)}


@pytest.mark.parametrize("model", VERTEX)
def test_partners_on_vertex_ai_are_asked_at_their_own_paths(gateway: Gateway, model: str) -> None:
    publisher, end = VERTEX[model]
    for heard in (whole, streamed):
        hello = heard(gateway.client, model, "hello")
        assert (hello.text, hello.usage.prompt_tokens) == (TEXT, 12)
    assert whole(gateway.client, model, "call").calls == ARGUMENTS
    with pytest.raises(openai.RateLimitError, match="uota exceeded|Resource exhausted"):
        ask(gateway.client, model, "limited")
    first, second, *_ = gateway.seen(provider="vertex_ai", operation="generate")
    assert f"publishers/{publisher}" in first["path"] or not publisher
    assert first["path"].endswith(end) and second["stream"]


def test_mistrals_other_apis_are_reached_through_the_gateway(gateway: Gateway) -> None:
    client = gateway.client
    assert client.completions.create(model="fim", prompt="hello").choices[0].text == TEXT
    chunks = list(client.completions.create(model="fim", prompt="hello", stream=True))
    assert "".join(chunk.choices[0].text or "" for chunk in chunks if chunk.choices) == TEXT
    vectors = client.embeddings.create(model="embed", input=["a", "b"]).data
    assert [one.embedding for one in vectors] == [[0.25, -0.5]] * 2
    document = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
    status, page = told(gateway.url, "POST", "/v1/ocr", {"model": "ocr", "document": document})
    assert status == 200 and page["pages"][0]["markdown"] == "On the page."
    seen = [(one["api"], one["stream"]) for one in gateway.seen(dialect="mistral")]
    assert seen == [("fim", False), ("fim", True), ("embeddings", False), ("ocr", False)]


# --- rerank ---


@pytest.mark.parametrize("provider", RERANKERS)
def test_documents_are_ranked_through_the_gateway(gateway: Gateway, provider: str) -> None:
    _, path, owner, words = RERANKERS[provider]
    body = {"model": f"rerank {provider}", "query": "capital", "documents": DOCUMENTS, "top_n": 2}
    status, found = told(gateway.url, "POST", "/v1/rerank", {**body, "return_documents": True})
    assert status == 200
    ranked = [(one["index"], round(one["relevance_score"], 6)) for one in found["results"]]
    assert ranked == [(1, 0.98), (2, 0.31)]
    documents = [one["document"]["text"] for one in found["results"] if "document" in one]
    # Cohere's second version and Bedrock give none back.
    assert documents == (DOCUMENTS[1:] if owner == "openai" else [])
    status, problem = told(gateway.url, "POST", "/v1/rerank", {**body, "documents": []})
    assert status == (422 if provider == "jina_ai" else 400)
    assert words in problem["error"]["message"]
    status, problem = told(gateway.url, "POST", "/v1/rerank", {**body, "query": "too many"})
    assert status == 429
    seen = gateway.seen(path=path)
    assert [one["provider"] for one in seen] == [owner] * 3
    assert [one["status"] for one in seen] == [200, 422 if provider == "jina_ai" else 400, 429]


# --- pictures and sound ---


@pytest.mark.parametrize("maker", ["", "azure "])
def test_pictures_are_made_and_edited_through_the_gateway(gateway: Gateway, maker: str) -> None:
    images = gateway.client.images
    made = images.generate(model=maker + "gpt-image-1", prompt="a cat", n=2, size="1024x1024")
    assert [base64.b64decode(one.b64_json or "") for one in made.data or ()] == [PNG] * 2
    assert made.usage and made.usage.output_tokens == 272
    edited = images.edit(model=maker + "gpt-image-1", prompt="a hat", image=("a.png", PNG))
    assert edited.data and edited.data[0].revised_prompt == "A cat, in oil."
    seen = gateway.seen(operation="image")
    assert [one["api"] for one in seen] == ["generations", "edits"]
    assert {one["provider"] for one in seen} == {maker.strip() or "openai"}
    assert seen[1]["fields"]["image[]"]["size"] == len(PNG)


def test_a_picture_is_fetched_where_its_url_leads(gateway: Gateway) -> None:
    made = gateway.client.images.generate(model="dall-e-3", prompt="a cat").data
    assert made and made[0].url and made[0].url.startswith(gateway.server)
    connection = HTTPConnection(gateway.server.partition("://")[2], timeout=10)
    connection.request("GET", made[0].url[len(gateway.server) :])
    assert connection.getresponse().read() == PNG
    connection.close()


@pytest.mark.parametrize(
    "model, provider", [("imagen", "gemini"), ("imagen on vertex", "vertex_ai")]
)
def test_imagen_makes_pictures_through_the_gateway(
    gateway: Gateway, model: str, provider: str
) -> None:
    made = gateway.client.images.generate(model=model, prompt="a cat", n=2).data
    assert [base64.b64decode(one.b64_json or "") for one in made or ()] == [PNG] * 2
    (seen,) = gateway.seen(operation="image")
    assert (seen["provider"], seen["api"], seen["user"]) == (provider, "predict", "a cat")
    assert seen["body"]["parameters"]["sampleCount"] == 2


def test_a_picture_in_a_chat_is_an_extra_member(gateway: Gateway) -> None:
    made = gateway.client.images.generate(model="painter", prompt="paint").data
    assert made and made[0].b64_json == "iVBORw0KGgo="


@pytest.mark.parametrize("maker", ["", "azure "])
def test_speech_passes_the_gateway_as_sound(gateway: Gateway, maker: str) -> None:
    speech = gateway.client.audio.speech
    starts = {"wav": b"RIFF", "mp3": b"\xff", "flac": b"fLaC", "opus": b"OggS"}
    for form, start in starts.items():
        kind: Any = form
        asked: Any = {"model": maker + "tts-1", "voice": "alloy", "response_format": kind}
        assert speech.create(input="hello", **asked).content.startswith(start)
    seen = gateway.seen(api="speech")
    assert [one["body"]["response_format"] for one in seen] == list(starts)
    assert {one["provider"] for one in seen} == {maker.strip() or "openai"}


@pytest.mark.parametrize(
    "model", ["whisper-1", "gpt-4o-transcribe", "azure whisper-1", "whisper at groq", "voxtral"]
)
def test_sound_is_transcribed_through_the_gateway(gateway: Gateway, model: str) -> None:
    transcriptions: Any = gateway.client.audio.transcriptions
    found = transcriptions.create(model=model, file=("a.mp3", b"ID3 and more"))
    assert found.text == SAID
    if model == "whisper-1":
        for form, start in (("srt", "1\n00:00:00,000 --> "), ("vtt", "WEBVTT\n")):
            asked = {"model": model, "file": ("a.mp3", b"ID3"), "response_format": form}
            # In JSON, whatever was asked for.
            assert json.loads(transcriptions.create(**asked))["text"].startswith(start)
        detailed = transcriptions.create(**{**asked, "response_format": "verbose_json"})
        assert [one.text for one in detailed.segments] == [" Let us begin.", " Are all here?"]
    seen = gateway.seen(api="transcriptions")[0]
    assert seen["fields"]["file"]["filename"] == "a.mp3"
    assert seen["fields"]["file"]["size"] == len(b"ID3 and more")


# --- moderation ---


def test_moderations_pass_the_gateway(gateway: Gateway) -> None:
    for text, flagged in (("hello", False), ("a bomb", True)):
        found = gateway.client.moderations.create(model="moderation", input=text).results[0]
        assert (found.flagged, found.categories.illicit) == (flagged, flagged)
    assert [one["user"] for one in gateway.seen(api="moderations")] == ["hello", "a bomb"]


@pytest.mark.parametrize("kind", GUARDRAILS)
def test_the_gateway_heeds_the_verdict_of_a_guardrail(gateway: Gateway, kind: str) -> None:
    options = {"extra_body": {"guardrails": [kind]}}
    assert (
        ask(gateway.client, "vllm by prefix", "hello", **options).choices[0].message.content == TEXT
    )
    with pytest.raises(openai.BadRequestError, match=GUARDRAILS[kind]):
        ask(gateway.client, "vllm by prefix", "a bomb", **options)
    assert [one["user"] for one in gateway.seen(operation="moderate")] == ["hello", "a bomb"]
    assert len(gateway.seen(api="chat")) == 1


# --- stored responses ---


@pytest.mark.parametrize("model, provider", [("o3", "openai"), ("azure o3", "azure")])
def test_what_follows_a_response_finds_it_through_the_gateway(
    gateway: Gateway, model: str, provider: str
) -> None:
    responses = gateway.client.responses
    made = responses.create(model=model, input="hello")
    assert made.output_text == responses.retrieve(made.id).output_text == TEXT
    items: Any = responses.input_items.list(made.id).data
    assert [item.content[0].text for item in items] == ["hello"]
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        responses.cancel(made.id)
    following: Any = {"model": model, "input": "hello", "previous_response_id": made.id}
    assert responses.create(**following).output_text == TEXT
    responses.delete(made.id)
    with pytest.raises(openai.NotFoundError, match="not found"):
        responses.retrieve(made.id)
    last: Any = list(responses.create(model=model, input="hello", stream=True))[-1]
    assert last.type == "response.completed"
    assert responses.retrieve(last.response.id).output_text == TEXT
    seen = gateway.seen(operation="stored")
    asked = ["retrieve", "input_items", "cancel", "delete", "retrieve", "retrieve"]
    assert [one["api"] for one in seen] == asked
    assert {one["provider"] for one in seen} == {provider}


@pytest.mark.parametrize("model", ["o3", "azure o3"])
def test_a_response_in_the_background_goes_on_through_the_gateway(
    gateway: Gateway, model: str
) -> None:
    responses = gateway.client.responses
    made = responses.create(model=model, input="hello", background=True)
    assert made.status == "queued"
    assert [responses.retrieve(made.id).status for _ in range(2)] == ["in_progress", "completed"]
    made = responses.create(model=model, input="hello", background=True)
    assert responses.cancel(made.id).status == "cancelled"
    assert responses.retrieve(made.id).status == "cancelled"
    body = {"model": model, "input": "hello"}
    status, compact = told(gateway.url, "POST", "/v1/responses/compact", body)
    assert status == 200 and compact["output"][-1]["type"] == "compaction"


# --- what it hands on, and reads nothing of ---


def test_streams_and_forms_pass_as_they_are(gateway: Gateway) -> None:
    client: Any = gateway.through
    sound = ("a.mp3", b"ID3 and more")
    assert client.audio.translations.create(model="whisper-1", file=sound).text == SAID
    asked: Any = {"model": "gpt-image-1", "prompt": "a cat", "stream": True, "partial_images": 1}
    streams = {
        "transcript.text.done": client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=sound, stream=True
        ),
        "image_generation.completed": client.images.generate(**asked),
        "image_edit.completed": client.images.edit(image=("a.png", PNG), **asked),
    }
    for last, stream in streams.items():
        assert [event.type for event in stream][-1] == last
    made = client.responses.create(model="m", input="hello")
    again = list(client.responses.retrieve(made.id, stream=True))
    assert again[-1].type == "response.completed"


PASSED: Dict[str, Any] = {
    "/mistral/v1/moderations": (
        {"model": "m", "input": "a bomb"},
        lambda found: found["results"][0]["categories"]["dangerous_and_criminal_content"],
    ),
    "/mistral/v1/chat/moderations": (
        {"model": "m", "input": [{"role": "user", "content": "a bomb"}]},
        lambda found: found["results"][0]["categories"]["dangerous_and_criminal_content"],
    ),
    "/mistral/v1/classifications": (
        {"model": "m", "input": "hello"},
        lambda found: found["results"][0]["default"]["scores"] == {"fine": 0.98},
    ),
    "/v1/projects/p/locations/global/rankingConfigs/default_ranking_config:rank": (
        {"query": "capital", "records": [{"id": str(n), "content": "a"} for n in range(3)]},
        lambda found: [one["id"] for one in found["records"]] == ["1", "2", "0"],
    ),
    "/contentsafety/text:detectJailbreak": (
        {"text": "a bomb"},
        lambda found: found["jailbreakAnalysis"]["detected"],
    ),
    "/tokenize": ({"model": "m", "prompt": "Hi there"}, lambda found: found["count"] == 2),
    "/detokenize": (
        {"model": "m", "tokens": [421154932, 488208741]},
        lambda found: found["prompt"] == "Hi there",
    ),
    "/api/show": ({"model": "m"}, lambda found: found["details"]["family"] == "llama"),
    "/api/ps": (None, lambda found: found["models"]),
    "/version": (None, lambda found: found["version"]),
    "/health": (None, lambda found: found == ""),
    "/metrics": (None, lambda found: "vllm:num_requests_waiting" in found),
}


@pytest.mark.parametrize("path", PASSED)
def test_what_the_gateway_has_no_route_for_passes_as_it_is(gateway: Gateway, path: str) -> None:
    body, holds = PASSED[path]
    check: Callable[[Any], Any] = holds
    method = "GET" if body is None else "POST"
    status, found = told(gateway.url, method, "/through" + path, body)
    assert status == 200 and check(found)


def test_what_the_gateway_asks_is_recorded_and_replayed(gateway: Gateway, tmp_path: Path) -> None:
    replayed(gateway.client, "recorded", gateway.server, RECORDER, tmp_path)
