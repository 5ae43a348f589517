"""What official SDKs hear is recorded and replayed: agents that use tools, at every provider, over
TLS, many at once; files, lists and errors.

A second instance of the server plays the provider: what it says depends on the request alone."""

from __future__ import annotations

import base64
import io
import json
import socket
import socketserver
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any, Callable, Dict, Iterator, List, Tuple

import anthropic
import cohere
import openai
import pytest
from agents import (
    AGENTS,
    CLAUDE_KEY,
    COHERE_KEY,
    FUNCTION,
    GOOGLE_KEY,
    MODEL,
    OPENAI,
    OSLO,
    PROXY,
    REQUESTS,
    RESULT,
    TOOL,
    WAYS,
    aws,
    google,
)
from botocore.exceptions import ClientError
from conftest import controlled, serving
from google.genai.errors import APIError
from recorders import PATIENCE, Site, data_directory, fetched, mocks_in, recording, site

AT_ONCE = 20
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(256))
LOGO = bytes(range(256)) * 9
TEXT = "Hello — wörld <b> & more. " * 40
KINDS = ("rate_limit", "context_length", "server_error")
GOES_ON = [{"tool_calls": [OSLO]}, {"text": "It is done."}]
MOCKS: List[Any] = [
    {"match": {"fields": {"previous_response_id": {"contains": "_"}}}, "responses": GOES_ON},
    {
        "match": {"user": {"glob": "Together*"}, "turn": 2},
        "response": {"text": "{{user}} — wörld", "gate": 1},
    },
    {"match": {"fields": {"messages.0.content": "green"}}, "response": {"text": "Yes, green."}},
    {"match": {"fields": {"messages.0.content": "blue"}}, "response": {"text": "No, blue."}},
    *({"match": {"user": f"fail {kind}"}, "response": {"error": {"kind": kind}}} for kind in KINDS),
    {
        "match": {"user": "break"},
        "response": {"text": TEXT, "error": {"kind": "overloaded"}, "after_events": 3},
    },
    {"match": {"user": "cut"}, "response": {"text": TEXT, "fault": "close", "after_events": 3}},
    {
        "match": {"path": "/files/logo.png"},
        "response": {
            "raw": {"base64": base64.b64encode(LOGO).decode()},
            "headers": {"content-type": "image/png"},
        },
    },
    *MODEL,
]


@pytest.fixture(scope="module")
def all_of_it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The servers of most tests, which share one folder of recordings."""
    with site(tmp_path_factory.mktemp("recording"), MOCKS) as found:
        yield found


def replayed(at: Site, ask: Callable[[str], Any], requests: int) -> Any:
    """What is heard of the provider through the recorder; the same must come from the recordings,
    in the recorder and alone, with no further request."""
    asked, recorded = at.asked(), len(mocks_in(at.folder))
    heard = ask(at.recorder)
    assert at.asked() == asked + requests
    at.settled(recorded + requests)
    assert ask(at.recorder) == heard
    assert at.asked() == asked + requests
    assert ask(at.replayer) == heard
    assert len(mocks_in(at.folder)) == recorded + requests
    return heard


# Whose agents ask the same of the same path as another's would not be forwarded.
APART = {"invoke": " (boto3)"}


@pytest.mark.parametrize(("name", "stream"), WAYS)
def test_an_agent_that_is_replayed_hears_what_it_heard(
    all_of_it: Site, name: str, stream: bool
) -> None:
    user = "What is the weather like?" + (" (async)" if "async" in name else APART.get(name, ""))
    heard = replayed(all_of_it, lambda url: AGENTS[name](url).run(user, stream), REQUESTS)
    assert len(heard) == REQUESTS


def test_many_agents_at_once_are_recorded_each_for_itself(all_of_it: Site) -> None:
    users = [f"Together, agent{number}." for number in range(AT_ONCE)]
    names = ("chat", "anthropic", "gemini", "converse")
    together = Barrier(AT_ONCE)
    held = [all_of_it]  # which is done once: recordings have no gate

    def run(url: str) -> List[Any]:
        """What all of them hear, which begin at the same moment."""

        def one(place: int) -> Any:
            agent = AGENTS[names[place % len(names)]](url)
            together.wait(PATIENCE)
            return agent.run(users[place], True)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            heard = [pool.submit(one, place) for place in range(AT_ONCE)]
            while held:
                let_go(held.pop())
            return [found.result(PATIENCE) for found in heard]

    heard = replayed(all_of_it, run, AT_ONCE * REQUESTS)
    for user, found in zip(users, heard):
        assert user.split()[-1] in str(found)


def let_go(at: Site) -> None:
    """Wait until the third requests of all agents are held at once, then let their answers out."""
    held = {"user": {"glob": "Together*"}, "turn": 2}
    found: List[Tuple[str, Any]] = []
    for url, share in zip(at.upstreams, (AT_ONCE // 2, AT_ONCE // 2)):
        wanted = {"match": held, "count": share, "timeout": PATIENCE}
        entries = controlled(url, "/requests/wait", wanted)["requests"]
        assert len(entries) == share
        found += [(url, entry) for entry in entries]
    assert [entry["ended"] for _, entry in found] == [None] * AT_ONCE
    for url, entry in found:
        controlled(url, f"/requests/{entry['id']}/release", {"events": 10_000})


def test_what_was_said_before_tells_equal_questions_apart(all_of_it: Site) -> None:
    def ask(url: str) -> List[Any]:
        with openai.OpenAI(base_url=url + "/v1", **OPENAI) as client:
            return [
                client.chat.completions.create(
                    model="gpt-4o",
                    messages=[
                        {"role": "user", "content": colour},
                        {"role": "assistant", "content": "Noted."},
                        {"role": "user", "content": "Is it green?"},
                    ],
                )
                .choices[0]
                .message.content
                for colour in ("green", "blue")
            ]

    assert replayed(all_of_it, ask, 2) == ["Yes, green.", "No, blue."]


def test_a_conversation_that_goes_on_by_its_id_is_replayed(all_of_it: Site) -> None:
    tool = {"type": "function", "strict": False, **FUNCTION}

    def ask(url: str) -> List[Any]:
        heard: List[Any] = []
        with openai.OpenAI(base_url=url + "/v1", **OPENAI) as client:
            asked: Dict[str, Any] = {"input": "Go on."}
            while asked:
                answer = client.responses.create(model="gpt-4o", tools=[tool], **asked)
                heard.append(answer.to_dict())
                results = [
                    {"type": "function_call_output", "call_id": one.call_id, "output": RESULT}
                    for one in answer.output
                    if one.type == "function_call"
                ]
                asked = {"previous_response_id": answer.id, "input": results} if results else {}
        return heard

    assert len(replayed(all_of_it, ask, 3)) == 3


def test_whatever_tells_questions_apart_is_recorded(all_of_it: Site) -> None:
    shown = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
    other = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJE"}}
    asked = [
        *({"model": model} for model in ("org/модель:1 *?<>|", "../../x", "CON")),
        *({"user": user} for user in ("x" * 5000, "x" * 5000 + "y", "", "{{user}}", "***", ".*")),
        *({"user": [{"type": "text", "text": "What is it?"}, image]} for image in (shown, other)),
        *({"n": number} for number in (1, 2)),
        *({"tools": [{**TOOL, "function": {**FUNCTION, "name": name}}]} for name in "fg"),
    ]

    def ask(url: str) -> List[Any]:
        found = []
        with openai.OpenAI(base_url=url + "/v1", **OPENAI) as client:
            for more in asked:
                request: Dict[str, Any] = {"model": "m", "user": "Tell me.", **more}
                messages = [{"role": "user", "content": request.pop("user")}]
                answer = client.chat.completions.create(messages=messages, **request)
                found.append(answer.to_dict())
        return found

    replayed(all_of_it, ask, len(asked))


# --- what is no conversation ---


def dumped(found: Any) -> Any:
    """What an SDK's object holds."""
    return found.to_dict() if hasattr(found, "to_dict") else found.model_dump(mode="json")


OTHERS: Dict[str, Callable[[Any], Any]] = {
    "embeddings": lambda sdk: dumped(
        sdk.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=8)
    ),
    "models": lambda sdk: [dumped(one) for one in sdk.models.list()],
    "a model": lambda sdk: dumped(sdk.models.retrieve("gpt-4o-mini")),
    "moderations": lambda sdk: dumped(
        sdk.moderations.create(model="omni-moderation-latest", input="kind")
    ),
    "images": lambda sdk: dumped(sdk.images.generate(model="gpt-image-1.5", prompt="A cat.")),
    "images, streamed": lambda sdk: [
        dumped(one)
        for one in sdk.images.generate(
            model="gpt-image-1.5", prompt="A cat.", stream=True, partial_images=2
        )
    ],
    "edits": lambda sdk: dumped(
        sdk.images.edit(model="gpt-image-1.5", prompt="A hat.", image=("a.png", LOGO, "image/png"))
    ),
    "speech": lambda sdk: sdk.audio.speech.create(
        model="gpt-4o-mini-tts", voice="alloy", input="Hi"
    ).read(),
    "transcriptions": lambda sdk: dumped(
        sdk.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", io.BytesIO(WAV)))
    ),
    "transcriptions, streamed": lambda sdk: [
        dumped(one)
        for one in sdk.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=("a.wav", io.BytesIO(WAV)), stream=True
        )
    ],
    "subtitles": lambda sdk: sdk.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", io.BytesIO(WAV)), response_format="srt"
    ),
    "completions": lambda sdk: dumped(
        sdk.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once")
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_conversation_is_replayed_too(all_of_it: Site, what: str) -> None:
    def ask(url: str) -> Any:
        with openai.OpenAI(base_url=url + "/v1", **OPENAI) as sdk:
            return OTHERS[what](sdk)

    assert replayed(all_of_it, ask, 1)


def test_the_same_at_other_providers(all_of_it: Site) -> None:
    def ask(url: str) -> List[Any]:
        """One request a line."""
        documents = ["Rome", "Paris is the capital of France."]
        ranker = cohere.ClientV2(COHERE_KEY, base_url=url)
        claude = anthropic.Anthropic(base_url=url, api_key=CLAUDE_KEY, **PROXY)
        flash, messages = "gemini-2.5-flash", [{"role": "user", "content": "Hi"}]
        gemini = google(url, api_key=GOOGLE_KEY, vertexai=False)
        titan = {"modelId": "amazon.titan-embed-text-v2:0", "body": json.dumps({"inputText": "a"})}
        return [
            ranker.rerank(model="rerank-v3.5", query="capital", documents=documents).model_dump(),
            ranker.embed(
                model="embed-v4.0",
                input_type="search_query",
                texts=["a"],
                embedding_types=["float", "int8"],
            ).model_dump(),
            dumped(claude.messages.count_tokens(model="claude-sonnet-4-5", messages=messages)),
            [one.id for one in claude.models.list(limit=2)],
            gemini.models.count_tokens(model=flash, contents="Hi").total_tokens,
            [one.name for one in gemini.models.list(config={"page_size": 2})],
            gemini.models.embed_content(model="gemini-embedding-001", contents="a").embeddings,
            aws(url).invoke_model(**titan)["body"].read(),
        ]

    assert all(replayed(all_of_it, ask, 9))  # one list has two pages


def test_a_path_of_no_provider_is_replayed_byte_for_byte(all_of_it: Site) -> None:
    def ask(url: str) -> Any:
        found = fetched(url, "/files/logo.png?size=2", method="GET")
        return found.status, found.headers["content-type"], found.body

    assert replayed(all_of_it, ask, 1) == (200, "image/png", LOGO)


# --- what goes wrong ---


@lru_cache(maxsize=None)  # a client takes longer to make than to use
def clients(url: str) -> Tuple[Any, Any, Any, Any]:
    """A client of each provider at an address."""
    chat = openai.OpenAI(base_url=url + "/v1", **OPENAI).chat.completions
    claude = anthropic.Anthropic(base_url=url, api_key=CLAUDE_KEY, **PROXY).messages
    return chat, claude, google(url, api_key=GOOGLE_KEY, vertexai=False), aws(url)


def failures(url: str, user: str) -> Iterator[Callable[[], Any]]:
    """What asks each provider."""
    chat, claude, gemini, cloud = clients(url)
    messages: Any = [{"role": "user", "content": user}]
    asked = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": messages}
    converse = [{"role": "user", "content": [{"text": user}]}]
    for stream in (False, True):
        yield lambda stream=stream: chat.create(model="gpt-4o", messages=messages, stream=stream)
        yield lambda stream=stream: claude.create(stream=stream, **asked)
    yield lambda: gemini.models.generate_content(model="gemini-2.5-flash", contents=user)
    yield lambda: cloud.converse(modelId="us.amazon.nova-lite-v1:0", messages=converse)


def told(error: Any) -> Any:
    """What an SDK's exception tells, but for the id of the request and of the organisation."""
    if isinstance(error, ClientError):
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]
    if isinstance(error, APIError):
        return error.code, error.status, error.message
    body = {name: value for name, value in error.body.items() if name != "request_id"}
    if "message" in body:
        body["message"] = body["message"].replace("organization org-mock", "organization ***")
    return type(error).__name__, error.status_code, body, error.response.headers.get("retry-after")


def all_told(url: str, user: str) -> List[Any]:
    """What every provider's exception tells."""
    found = []
    for ask in failures(url, user):
        with pytest.raises(
            (openai.APIStatusError, anthropic.APIStatusError, APIError, ClientError)
        ) as error:
            ask()
        found.append(told(error.value))
    return found


@pytest.mark.parametrize("kept", [False, True], ids=["not kept", "kept"])
def test_errors_pass_as_they_are_and_those_of_the_client_are_kept_if_asked(
    tmp_path: Path, kept: bool
) -> None:
    with site(tmp_path, MOCKS, *["--record-errors"] * kept) as at:
        for kind in KINDS:
            mocks, asked = len(mocks_in(at.folder)), at.asked()
            heard = all_told(at.recorder, f"fail {kind}")
            assert all_told(at.recorder, f"fail {kind}") == heard
            is_kept = kept and kind in ("rate_limit", "context_length")
            assert at.asked() - asked == len(heard) * (1 if is_kept else 2), kind
            assert len(mocks_in(at.folder)) - mocks == len(heard) * is_kept, kind
            if is_kept:
                assert all_told(at.replayer, f"fail {kind}") == heard


def test_a_stream_that_is_cut_is_passed_on_and_not_kept(all_of_it: Site) -> None:
    mocks = mocks_in(all_of_it.folder)
    with openai.OpenAI(base_url=all_of_it.recorder + "/v1", **OPENAI) as client:
        for _ in range(2):
            chunks = []
            with pytest.raises(openai.APIConnectionError):
                for chunk in client.chat.completions.create(
                    model="gpt-4o", messages=[{"role": "user", "content": "cut"}], stream=True
                ):
                    chunks.append(chunk)
            assert len(chunks) == 3
    assert mocks_in(all_of_it.folder) == mocks


def test_an_error_in_a_stream_that_ends_well_is_replayed(all_of_it: Site) -> None:
    def ask(url: str) -> Any:
        with anthropic.Anthropic(base_url=url, api_key=CLAUDE_KEY, **PROXY) as client:
            events = []
            with pytest.raises(anthropic.APIStatusError) as error:
                for event in client.messages.create(
                    model="claude-sonnet-4-5",
                    max_tokens=9,
                    messages=[{"role": "user", "content": "break"}],
                    stream=True,
                ):
                    events.append(event.to_dict())
            return events, told(error.value)

    assert len(replayed(all_of_it, ask, 1)[0]) == 2


class Slow(socketserver.StreamRequestHandler):
    """A provider whose answer has all events at once, and its end when the test says so."""

    may_end = Event()

    def handle(self) -> None:
        for line in iter(self.rfile.readline, b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.rfile.read(length)
        chunk = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
        chunk += b'"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        self.wfile.write(b"Transfer-Encoding: chunked\r\n\r\n")
        for event in (chunk, b"data: [DONE]\n\n"):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.may_end.wait(PATIENCE)
        self.wfile.write(b"0\r\n\r\n")


@pytest.fixture
def slow() -> Iterator[str]:
    """The address of a provider that is slow to end."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_client_that_leaves_at_the_last_event_has_its_recording(
    tmp_path: Path, slow: str
) -> None:
    recorded = data_directory(tmp_path / "recorded")
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    data = json.dumps(body).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    with serving("--data", str(recorded), *recording({"openai": slow})) as recorder:
        port = int(recorder.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            client.sendall(head % len(data) + data)
            seen = b""
            while b"[DONE]" not in seen:
                seen += client.recv(65536)
        Slow.may_end.set()
        Site((), recorder, recorder, recorded, tmp_path).settled(1)
    with serving("--data", str(recorded)) as replayer:
        assert fetched(replayer, "/v1/chat/completions", data).body.endswith(b"[DONE]\n\n")
