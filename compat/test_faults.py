"""What the official SDKs make of every fault, wire plan and rate limit, and of TLS; where one loses
an answer without a word, it says so here.

What takes long because an SDK waits (a timeout, a back-off) goes on in other threads, see
`Meanwhile`, while the rest is tested.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import inspect
import json
import logging
import re
import socket
import ssl
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple
from urllib.request import Request, urlopen

import anthropic
import boto3
import cohere
import ollama
import openai
import pytest
import urllib3
from botocore.config import Config
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import (
    ConnectionClosedError,
    InvalidEndpointConfigurationError,
    ReadTimeoutError,
    SSLError,
)
from conftest import Plain, serving, settled
from google import genai
from google.genai import _api_client, types
from google.genai import errors as google

try:
    from mistralai.client import Mistral
    from mistralai.client.errors import ResponseValidationError
except ImportError:  # before 3
    from mistralai import Mistral
    from mistralai.models import ResponseValidationError

TEXT = "Grüße — one two three four five six seven eight nine ten."
THOUGHT = "Let me see — «both»."
FAULTS = ("reset", "close", "hang", "truncate", "malformed", "garbage", "bad_gzip", "drip")
AFTER = 6  # events; every provider's stream has said something by then, and not yet all
FORMS = (
    "whole",
    "stream",
    "midway",
)  # a streamed answer breaks where the fault would have it, or after so many events
SOON = 1.0  # seconds until a client takes a server that hangs for one that hangs


# --- The SDKs ---


@dataclass(frozen=True)
class Sdk:
    """How a client is made, what asks it for a whole and for a streamed answer, and the text of an
    answer and of an event."""

    connect: Callable[..., Any]  # (url, timeout, retries, verify)
    whole: Callable[[Any, str], Any]
    stream: Callable[[Any, str], Any]
    text: Callable[[Any], Optional[str]]
    piece: Callable[[Any], Optional[str]]
    unseen: int = 0  # events that it keeps to itself before the text begins


def saying(user: str) -> List[Dict[str, Any]]:
    """A conversation of one message."""
    return [{"role": "user", "content": user}]


def http_client(library: Any, name: str, verify: Any) -> Dict[str, Any]:
    """The HTTP client that a library's own client is to use if it is to trust something else."""
    kind = "DefaultAsyncHttpxClient" if name.startswith("Async") else "DefaultHttpxClient"
    return {"http_client": getattr(library, kind)(verify=verify)} if verify else {}


def with_openai(name: str) -> Callable[..., Any]:
    return lambda url, timeout=10.0, retries=0, verify=None: getattr(openai, name)(
        base_url=url + "/v1",
        api_key="key",
        timeout=timeout,
        max_retries=retries,
        **http_client(openai, name, verify),
    )


def with_anthropic(name: str) -> Callable[..., Any]:
    return lambda url, timeout=10.0, retries=0, verify=None: getattr(anthropic, name)(
        base_url=url,
        api_key="key",
        timeout=timeout,
        max_retries=retries,
        **http_client(anthropic, name, verify),
    )


# What it takes where it finds it, without being asked; its exceptions are not those of httpx.
_api_client.has_aiohttp = False


def with_google(
    url: str, timeout: float = 10.0, retries: int = 0, verify: Any = None
) -> genai.Client:
    arguments = {"verify": verify} if verify else None
    patient = types.HttpRetryOptions(
        attempts=retries + 1, initial_delay=0.001, max_delay=0.002, jitter=0.0
    )
    return genai.Client(
        api_key="key",
        vertexai=False,
        http_options=types.HttpOptions(
            base_url=url,
            timeout=int(timeout * 1000),
            client_args=arguments,
            async_client_args=arguments,
            retry_options=patient,
        ),
    )


AWS_KEYS = {"aws_access_key_id": "AKIAMOCK", "aws_secret_access_key": "secret"}


def with_boto3(
    url: str,
    timeout: float = 10.0,
    retries: int = 0,
    verify: Any = None,
    keys: Mapping[str, str] = AWS_KEYS,
) -> Any:
    settings = Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"mode": "standard", "total_max_attempts": retries + 1},
    )
    return boto3.session.Session(region_name="us-east-1").client(
        "bedrock-runtime", endpoint_url=url, config=settings, verify=verify, **keys
    )


def conversing(user: str) -> Dict[str, Any]:
    return {
        "modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "messages": [{"role": "user", "content": [{"text": user}]}],
    }


def delta_of(event: Dict[str, Any]) -> Optional[str]:
    """The text of an event of converse_stream."""
    return event.get("contentBlockDelta", {}).get("delta", {}).get("text")


def converse_text(answer: Dict[str, Any]) -> Optional[str]:
    """The text of converse, which may have no output at all."""
    content = answer["output"]["message"]["content"] if "output" in answer else []
    return "".join(block.get("text", "") for block in content) or None


def spoken(content: Any) -> str:
    """The text in what may be a list of blocks, thoughts among them."""
    if isinstance(content, str):
        return content
    return "".join(block.text for block in content or () if block.type == "text")


def chat_delta(event: Any) -> str:
    """The text of a chunk of a chat completion."""
    return "".join(spoken(choice.delta.content) for choice in event.choices)


def mistral_way(suffix: str) -> Sdk:
    return Sdk(
        lambda url: Mistral(api_key="key", server_url=url),
        lambda sdk, user: getattr(sdk.chat, "complete" + suffix)(
            model="magistral-medium-latest", messages=saying(user)
        ),
        lambda sdk, user: getattr(sdk.chat, "stream" + suffix)(
            model="magistral-medium-latest", messages=saying(user)
        ),
        lambda answer: spoken(answer.choices[0].message.content),
        lambda event: chat_delta(event.data),
    )


def google_way(of: Callable[[genai.Client], Any]) -> Sdk:
    return Sdk(
        lambda *place, **options: of(with_google(*place, **options)),
        lambda sdk, user: sdk.models.generate_content(model="gemini-2.5-flash", contents=user),
        lambda sdk, user: sdk.models.generate_content_stream(
            model="gemini-2.5-flash", contents=user
        ),
        lambda answer: answer.text,
        lambda event: event.text,
    )


SDKS: Dict[str, Sdk] = {
    **{
        "openai" + kind: Sdk(
            with_openai(name),
            lambda sdk, user: sdk.chat.completions.create(
                model="gpt-4o-mini", messages=saying(user)
            ),
            lambda sdk, user: sdk.chat.completions.create(
                model="gpt-4o-mini", messages=saying(user), stream=True
            ),
            lambda answer: answer.choices[0].message.content,
            chat_delta,
        )
        for kind, name in (("", "OpenAI"), (" async", "AsyncOpenAI"))
    },
    **{
        "responses" + kind: Sdk(
            with_openai(name),
            lambda sdk, user: sdk.responses.create(model="gpt-4o-mini", input=user),
            lambda sdk, user: sdk.responses.create(model="gpt-4o-mini", input=user, stream=True),
            lambda answer: answer.output_text,
            lambda event: event.delta if event.type == "response.output_text.delta" else None,
        )
        for kind, name in (("", "OpenAI"), (" async", "AsyncOpenAI"))
    },
    **{
        "anthropic" + kind: Sdk(
            with_anthropic(name),
            lambda sdk, user: sdk.messages.create(
                model="claude-sonnet-4-5", max_tokens=99, messages=saying(user)
            ),
            lambda sdk, user: sdk.messages.create(
                model="claude-sonnet-4-5", max_tokens=99, messages=saying(user), stream=True
            ),
            lambda answer: spoken(answer.content),
            lambda event: (
                event.delta.text
                if event.type == "content_block_delta" and event.delta.type == "text_delta"
                else None
            ),
            unseen=1,
        )  # the ping
        for kind, name in (("", "Anthropic"), (" async", "AsyncAnthropic"))
    },
    "google-genai": google_way(lambda client: client),
    "google-genai async": google_way(lambda client: client.aio),
    "boto3": Sdk(
        with_boto3,
        lambda sdk, user: sdk.converse(**conversing(user)),
        lambda sdk, user: sdk.converse_stream(**conversing(user))["stream"],
        converse_text,
        delta_of,
    ),
    **{
        "cohere" + kind: Sdk(
            lambda url, client=client: client(api_key="key", base_url=url),
            lambda sdk, user: sdk.chat(model="command-a-03-2025", messages=saying(user)),
            lambda sdk, user: sdk.chat_stream(model="command-a-03-2025", messages=saying(user)),
            lambda answer: spoken(answer.message.content),
            lambda event: (
                event.delta.message.content.text if event.type == "content-delta" else None
            ),
        )
        for kind, client in (("", cohere.ClientV2), (" async", cohere.AsyncClientV2))
    },
    "mistralai": mistral_way(""),
    "mistralai async": mistral_way("_async"),
    **{
        "ollama" + kind: Sdk(
            lambda url, client=client: client(host=url),
            lambda sdk, user: sdk.chat(model="llama3.2", messages=saying(user)),
            lambda sdk, user: sdk.chat(model="llama3.2", messages=saying(user), stream=True),
            lambda answer: answer.message.content,
            lambda event: event.message.content,
        )
        for kind, client in (("", ollama.Client), (" async", ollama.AsyncClient))
    },
}
BROKEN = tuple(name for name in SDKS if not name.startswith(("cohere", "mistralai", "ollama")))


@dataclass(frozen=True)
class Outcome:
    """What came of a question: the answer or the events, their text, and what broke them off."""

    items: Tuple[Any, ...]
    pieces: Tuple[str, ...]
    error: Optional[BaseException] = None

    @property
    def chain(self) -> List[type]:
        """The kind of the error, of what caused that, and so on."""
        found, error = [], self.error
        while error is not None:
            found.append(type(error))
            error = error.__cause__ or error.__context__
        return found


async def collected(stream: Any, items: List[Any]) -> None:
    """The items of a stream, which is closed however it ends, like conftest's."""
    try:
        if hasattr(stream, "__anext__"):
            async for item in stream:
                items.append(item)
        else:
            for item in stream:
                items.append(item)
    finally:
        close = getattr(stream, "aclose", getattr(stream, "close", None))
        await settled(close() if close else None)


class Client:
    """An SDK's client.  It keeps what it got of an answer that breaks."""

    def __init__(self, way: str, url: str, **options: Any) -> None:
        self.way = way  # the name of an SDK, and `over TLS` if it is
        self.sdk = SDKS[way.replace(" over TLS", "")]
        self.plain = Plain(self.sdk.connect(url, **options))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.plain.__exit__()

    async def told(self, raw: Any, user: str, stream: bool) -> Outcome:
        """What comes of a question."""
        items: List[Any] = []
        error = None
        try:
            asked = (self.sdk.stream if stream else self.sdk.whole)(raw, user)
            answer = await asked if inspect.isawaitable(asked) else asked
            await (collected(answer, items) if stream else settled(items.append(answer)))
        except Exception as found:
            error = found
        texts = map(self.sdk.piece if stream else self.sdk.text, items)
        return Outcome(tuple(items), tuple(text for text in texts if text), error)

    def ask(self, user: str, stream: bool) -> Outcome:
        """What comes of a question."""
        return self.plain(lambda raw: self.told(raw, user, stream))

    def ask_all(self, users: List[Tuple[str, bool]]) -> List[Outcome]:
        """What comes of many questions at the same time; for async clients."""

        async def together(raw: Any) -> List[Outcome]:
            return await asyncio.gather(*(self.told(raw, *user) for user in users))

        return self.plain(together)


# --- What is expected ---


def transport(name: str) -> Tuple[type, ...]:
    """An exception of the HTTP library: httpx, or the fork of it that newer SDKs use."""
    return tuple(
        getattr(import_module(library), name)
        for library in ("httpx", "httpx2")
        if find_spec(library)
    )


READ, PROTOCOL, LATE, CODING = map(
    transport, ("ReadError", "RemoteProtocolError", "ReadTimeout", "DecodingError")
)
UNREADABLE = (json.JSONDecodeError,)
FINE = ("all of it",)
LOST = ("the beginning of it, and no error",)
HOLE = ("all but one piece of it, and no error",)
Expected = Tuple[Any, ...]  # any of those, or exception types


def wrapped(sdk: Any) -> Dict[str, Tuple[Expected, Expected, Expected]]:
    """What openai and anthropic raise for a whole answer, a stream, and in mid-stream.  There
    anthropic, and older openai, let the HTTP library's own exception through.  A stream that ends
    early but cleanly is complete to both."""
    broken, late = (sdk.APIConnectionError,), (sdk.APITimeoutError,)
    return {
        "reset": (broken, broken, broken + READ),
        "close": (broken, broken, broken + PROTOCOL),
        "hang": (late, late, late + LATE),
        "truncate": (broken, LOST, LOST),
        "malformed": (UNREADABLE, UNREADABLE, UNREADABLE),
        "garbage": (broken, broken, broken + PROTOCOL),
        "bad_gzip": (broken, broken + CODING, broken + CODING),
        "drip": (FINE, FINE, FINE),
    }


UNKNOWN = (google.UnknownApiResponseError,)
# google-genai wraps nothing.
GOOGLE: Dict[str, Tuple[Expected, Expected, Expected]] = {
    "reset": (READ, READ, READ),
    "close": (PROTOCOL, PROTOCOL, PROTOCOL),
    "hang": (LATE, LATE, LATE),
    "truncate": (PROTOCOL, LOST, LOST),
    "malformed": (UNREADABLE, UNKNOWN, UNKNOWN),
    "garbage": (PROTOCOL, PROTOCOL, PROTOCOL),
    "bad_gzip": (CODING, CODING, CODING),
    "drip": (FINE, FINE, FINE),
}
# botocore wraps what happens before an answer begins.  It counts the bytes of a whole answer only
# in some older versions (with urllib3 2), takes JSON that it can't read for an empty answer, and
# knows no Content-Encoding: plain bytes that claim to be gzip are fine, gzip is no frames.
AWS: Dict[str, Tuple[Expected, Expected, Expected]] = {
    "reset": (
        (ConnectionClosedError,),
        (ConnectionClosedError,),
        (urllib3.exceptions.ProtocolError,),
    ),
    "close": (
        (ConnectionClosedError,),
        (ConnectionClosedError,),
        (urllib3.exceptions.ProtocolError,),
    ),
    "hang": ((ReadTimeoutError,), (ReadTimeoutError,), (urllib3.exceptions.ReadTimeoutError,)),
    "truncate": (LOST + (ConnectionClosedError,), LOST, LOST),
    "malformed": (LOST, HOLE, HOLE),
    "garbage": (
        (ConnectionClosedError,),
        (ConnectionClosedError,),
        (urllib3.exceptions.ProtocolError,),
    ),
    "bad_gzip": (FINE, FINE, (ChecksumMismatch,)),
    "drip": (FINE, FINE, FINE),
}
EXPECTED = {
    "openai": wrapped(openai),
    "responses": wrapped(openai),
    "anthropic": wrapped(anthropic),
    "google-genai": GOOGLE,
    "boto3": AWS,
}
# What is at the bottom of it: a reset is another thing than a close.
CAUSES: Dict[str, Tuple[type, ...]] = {
    "reset": READ,
    "close": PROTOCOL,
    "hang": LATE,
    "truncate": PROTOCOL,
    "malformed": UNREADABLE,
    "garbage": PROTOCOL,
    "bad_gzip": CODING,
}
AWS_CAUSES: Dict[str, Tuple[type, ...]] = {
    "truncate": (urllib3.exceptions.ProtocolError,),
    "reset": (ConnectionResetError,),
    "close": (http.client.RemoteDisconnected, urllib3.exceptions.ProtocolError),
    "hang": (socket.timeout, TimeoutError),
    "garbage": (http.client.BadStatusLine, urllib3.exceptions.InvalidChunkLength),
    "bad_gzip": (ChecksumMismatch,),
}


def family(name: str) -> str:
    """The name of an SDK without its kind."""
    return name.split(" ")[0]


def verdict(found: Outcome, healthy: Outcome) -> Any:
    """What came through, in the terms above; or the kind of the error."""
    if found.error is not None:
        return type(found.error)
    if found.pieces == healthy.pieces:
        return FINE[0]
    if found.pieces == healthy.pieces[: len(found.pieces)]:
        return LOST[0]
    gaps = [healthy.pieces[:at] + healthy.pieces[at + 1 :] for at in range(len(healthy.pieces))]
    return HOLE[0] if found.pieces in gaps else found.pieces


def check_fault(way: str, fault: str, form: str, found: Outcome, healthy: Outcome) -> None:
    """What came of a fault is what is expected of it."""
    name = way.replace(" over TLS", "")
    assert "".join(healthy.pieces) == TEXT
    expected = EXPECTED[family(name)][fault][FORMS.index(form)]
    causes = (AWS_CAUSES if name == "boto3" else CAUSES).get(fault, ())
    if (
        way == "openai over TLS" and fault == "reset"
    ):  # Python's ssl module takes a reset for an end
        expected, causes = expected + PROTOCOL, causes + PROTOCOL
    assert verdict(found, healthy) in expected, repr(found.error)
    assert found.error is None or set(causes) & set(found.chain), found.chain
    if form == "midway" and expected not in (FINE, HOLE):
        before = sum(
            bool(text) for text in map(SDKS[name].piece, healthy.items[: AFTER - SDKS[name].unseen])
        )
        assert 0 < before < len(healthy.pieces)
        assert (
            found.pieces
            == healthy.pieces[: 0 if (name, fault) == ("boto3", "bad_gzip") else before]
        )


# --- What the server answers ---


# Faults from which each SDK recovers by trying again, when it may: two of them, then the answer.
RECOVERED = {
    **dict.fromkeys(
        ("openai", "openai async", "anthropic", "anthropic async"),
        {
            "reset, close": (False, True),
            "garbage, hang": (False, True),
            "truncate, bad_gzip": (False,),
        },
    ),
    **dict.fromkeys(("google-genai", "google-genai async"), {"hang, hang": (False, True)}),
    "boto3": {"reset, close": (False, True), "garbage, hang": (False, True)},
}
LIMITED = ("openai", "openai async", "anthropic", "anthropic async")
MOCKS = [
    {"match": {"user": "plain"}, "response": {"text": TEXT}},
    {"match": {"user": "gated"}, "response": {"text": TEXT, "gate": True}},
    {
        "match": {"user": {"regex": "^number (?P<number>.+)$"}},
        "response": {"text": "{{number}} it is."},
    },
    *(
        {
            "match": {"user": f"{fault} {form}"},
            "response": {
                "text": TEXT,
                "fault": fault,
                **({"after_events": AFTER} if form == "midway" else {}),
            },
        }
        for fault in FAULTS
        for form in FORMS
    ),
    *(
        {
            "match": {"user": f"{name}: {faults}, stream {stream}"},
            "responses": [
                *({"text": TEXT, "fault": fault} for fault in faults.split(", ")),
                {"text": TEXT},
            ],
        }
        for name, pairs in RECOVERED.items()
        for faults, streams in pairs.items()
        for stream in streams
    ),
    *(
        {
            "match": {"user": f"once, {name}, {fault}"},
            "responses": [{"fault": fault}, {"text": TEXT}],
        }
        for name in BROKEN
        for fault in FAULTS
    ),
    *(
        {
            "match": {"user": f"limited {name}"},
            "limit": {"requests": 1, "per": 1},
            "response": {"text": TEXT},
        }
        for name in LIMITED
    ),
    *(
        {
            "match": {"user": f"limited for long {name}"},
            "limit": {"requests": 1, "per": 60},
            "response": {"text": TEXT},
        }
        for name in LIMITED
    ),
]


def control(url: str, path: str, body: Any = None, trusted: Optional[Path] = None) -> Any:
    """The JSON of a control request."""
    request = Request(url + "/__mock__" + path, None if body is None else json.dumps(body).encode())
    with urlopen(request, timeout=10, context=trusted and trust(trusted)) as response:
        return json.load(response)


def journal(url: str, user: str, count: int) -> List[Dict[str, Any]]:
    """The requests with a user message, as soon as there are so many."""
    return control(url, "/requests/wait", {"match": {"user": user}, "count": count, "timeout": 5})[
        "requests"
    ]


def trust(certificate: Path) -> ssl.SSLContext:
    """What trusts the server's certificate and nothing else."""
    return ssl.create_default_context(cafile=str(certificate))


def trusting(name: str, certificate: Path) -> Any:
    """How an SDK is told to trust the certificate: boto3 wants the file."""
    return str(certificate) if name == "boto3" else trust(certificate)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server with TLS writes its certificate."""
    return tmp_path_factory.mktemp("tls") / "certificate.pem"


@pytest.fixture(scope="module")
def secure(data: Path, certificate: Path) -> Iterator[str]:
    """A server with TLS that wants a credential."""
    with serving(
        "--data", str(data), "--require-auth", "--tls", "--tls-cert-out", str(certificate)
    ) as url:
        assert url.startswith("https://")
        yield url


# Not boto3: it keeps a connection that ended before its time for the next request, if that is
# sooner than the end of TCP, which follows the end of TLS.
WAYS = [*BROKEN, *(name + " over TLS" for name in ("openai", "google-genai async"))]


def dial(way: str, server: str, secure: str, certificate: Path, **options: Any) -> Client:
    """A client of one of the WAYS."""
    return (
        Client(way, secure, verify=trust(certificate), **options)
        if "TLS" in way
        else Client(way, server, **options)
    )


@pytest.fixture(scope="module")
def client(
    request: pytest.FixtureRequest, server: str, secure: str, certificate: Path
) -> Iterator[Client]:
    """A client of the way that the test asks for, which does not try again."""
    with dial(request.param, server, secure, certificate) as found:
        yield found


class Meanwhile:
    """What goes on in other threads, a client each, and what came of it by what it is."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(40)
        self.jobs: Dict[Any, Future[Dict[Any, Outcome]]] = {}

    def start(self, key: Any, client: Client, users: Dict[Any, Tuple[str, bool]]) -> None:
        """Asks a client one thing after the other, then closes it."""

        def run() -> Dict[Any, Outcome]:
            with client:
                return {name: client.ask(*user) for name, user in users.items()}

        self.jobs[key] = self.pool.submit(run)

    def outcome(self, key: Any, name: Any) -> Outcome:
        """What came of one question."""
        return self.jobs[key].result(timeout=30)[name]


@pytest.fixture(scope="module", autouse=True)
def meanwhile(server: str, secure: str, certificate: Path) -> Iterator[Meanwhile]:
    """What waits: for servers that hang, and between two tries."""
    found = Meanwhile()
    for way in WAYS:
        found.start(
            ("hang", way),
            dial(way, server, secure, certificate, timeout=SOON),
            {form: (f"hang {form}", form != "whole") for form in FORMS},
        )
    for name, pairs in RECOVERED.items():
        for faults, streams in pairs.items():
            found.start(
                (name, faults),
                Client(name, server, timeout=SOON, retries=2),
                {stream: (f"{name}: {faults}, stream {stream}", stream) for stream in streams},
            )
    with found.pool:
        yield found


every_way = pytest.mark.parametrize("client", WAYS, indirect=True)
every_form = pytest.mark.parametrize("form", FORMS)


# --- Faults ---


@every_way
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "hang"])
def test_a_fault_raises_or_loses_what_the_sdk_does_not_miss(client: Client, fault: str) -> None:
    for form in FORMS:
        stream = form != "whole"
        check_fault(
            client.way,
            fault,
            form,
            client.ask(f"{fault} {form}", stream),
            client.ask("plain", stream),
        )


@every_way
@every_form
def test_a_server_that_hangs_is_a_timeout(client: Client, form: str, meanwhile: Meanwhile) -> None:
    found = meanwhile.outcome(("hang", client.way), form)
    check_fault(client.way, "hang", form, found, client.ask("plain", form != "whole"))


@pytest.mark.parametrize("name", RECOVERED)
def test_the_sdk_recovers_from_two_faults_by_trying_again(
    server: str, meanwhile: Meanwhile, name: str
) -> None:
    for faults, streams in RECOVERED[name].items():
        for stream in streams:
            assert "".join(meanwhile.outcome((name, faults), stream).pieces) == TEXT
            tries = journal(server, f"{name}: {faults}, stream {stream}", 3)
            assert [entry["fault"] for entry in tries] == [*faults.split(", "), None]


# What an SDK that may try again twice does not try again; a stream that has begun is never tried
# again.
FINAL = {
    "google-genai": ("reset", "close", "garbage", "truncate", "malformed", "bad_gzip"),
    "boto3": ("malformed",),
    "openai": ("malformed",),
    "anthropic": ("malformed",),
}


@pytest.mark.parametrize("name", FINAL)
def test_what_the_sdk_does_not_try_again(server: str, name: str) -> None:
    with Client(name, server, retries=2) as client:
        for fault in FINAL[name]:
            user = f"once, {name}, {fault}"
            found = client.ask(user, False)
            assert found.error or not found.pieces
            assert [entry["fault"] for entry in journal(server, user, 1)] == [fault]


def test_a_fault_on_one_connection_breaks_no_other(server: str) -> None:
    kept = HTTPConnection(server.partition("://")[2], timeout=10)
    kept.connect()
    kept.auto_open = 0  # it raises rather than connecting anew
    body = json.dumps({"model": "m", "messages": saying("plain")})
    with SDKS["openai"].connect(server) as client:
        stream = SDKS["openai"].stream(client, "gated")
        items = [next(stream)]
        for fault in FAULTS:
            kept.request("POST", "/v1/chat/completions", body)
            assert json.load(kept.getresponse())["choices"][0]["message"]["content"] == TEXT
            hurried = client.with_options(timeout=0.3)
            for form in FORMS:
                asked = SDKS["openai"].whole if form == "whole" else SDKS["openai"].stream
                try:
                    list(asked(hurried, f"{fault} {form}"))
                except (
                    openai.APIConnectionError,
                    json.JSONDecodeError,
                    *READ,
                    *PROTOCOL,
                    *LATE,
                    *CODING,
                ):
                    pass
        control(
            server,
            f"/requests/{stream.response.headers['x-mock-request-id']}/release",
            {"events": 1000},
        )
        items += stream
    kept.close()
    assert "".join(map(chat_delta, items)) == TEXT


@pytest.mark.parametrize("name", [name for name in BROKEN if name.endswith("async")])
def test_many_at_once_break_and_answer_each_for_itself(server: str, name: str) -> None:
    faults = [
        (f"{fault} {form}", form != "whole")
        for fault in FAULTS
        if fault != "hang"
        for form in FORMS
    ] * 3
    users = [
        user
        for number, fault in enumerate(faults)
        for user in (fault, (f"number {number}", number % 2 == 0))
    ]
    with Client(name, server) as client:
        found = client.ask_all(users)
        healthy = [client.ask("plain", stream) for stream in (False, True)]
    assert ["".join(one.pieces) for one in found[1::2]] == [
        f"{number} it is." for number in range(len(faults))
    ]
    for (user, stream), outcome in zip(faults, found[::2]):
        check_fault(name, *user.split(), outcome, healthy[stream])


# --- Wire plans ---


GARBLED = ("other characters, and no error",)
FIRST = ("the first event, and no error",)
NOTHING = ("no event, and no error",)
COHERE_BEFORE_7 = int(version("cohere").split(".")[0]) < 7
# What an SDK can't read though the standard allows it, by SDK, plan and whether it is a stream.
# - gzip-members: httpx decompresses the first member of a body, and drops the others without a
#   word.
# - comments, no_space: google-genai reads no other lines than `data: …`.
# - byte, utf8: cohere before 7 decodes each chunk of bytes by itself; cr: it knows no line end but
#   \n and \r\n.
ILLEGIBLE: Dict[Tuple[str, str, bool], Expected] = {
    **{
        (name, "gzip-members", False): {
            "cohere": (cohere.core.api_error.ApiError,),
            "mistralai": (ResponseValidationError,),
        }.get(family(name), (*UNREADABLE, UnicodeDecodeError))
        for name in SDKS
        if name != "boto3"
    },
    **{(name, "gzip-members", True): FIRST for name in SDKS if name != "boto3"},
    **{
        (name, plan, True): UNKNOWN
        for name in SDKS
        if name.startswith("google")
        for plan in ("comments", "no_space")
    },
    **(
        {
            ("cohere", "byte", True): GARBLED,
            ("cohere", "utf8", True): GARBLED,
            ("cohere", "cr", True): NOTHING,
        }
        if COHERE_BEFORE_7
        else {}
    ),
}


def dumped(item: Any) -> Any:
    """All of an answer or an event that is not about its transport."""
    if isinstance(item, dict):
        return {key: value for key, value in item.items() if key != "ResponseMetadata"}
    dump = (
        item.data.model_dump
        if hasattr(item, "data") and hasattr(item.data, "model_dump")
        else item.model_dump
    )
    return dump(exclude={"sdk_http_response"})


def legibility(found: Outcome, plain: Outcome) -> Any:
    """What came through of an answer, in the terms above; or the kind of the error."""
    if found.error is not None:
        return type(found.error)
    got, sent = [dumped(item) for item in found.items], [dumped(item) for item in plain.items]
    if got == sent:
        return FINE[0]
    if got == sent[:1] or not got:
        return FIRST[0] if got else NOTHING[0]
    garbled = re.sub("\ufffd+", "?", "".join(found.pieces)) == re.sub("[^\0-\x7f]+", "?", TEXT)
    return GARBLED[0] if garbled and len(got) == len(sent) else found.pieces


@pytest.mark.parametrize("name", SDKS)
def test_no_wire_plan_changes_what_the_sdk_reads(server: str, name: str) -> None:
    plans = control(server, "/wire-plans")
    assert {plan for _, plan, _ in ILLEGIBLE} <= set(plans) and len(plans) >= 15
    url = f"{server}/@{name.replace(' ', '-')}"

    def answers(**delivery: Any) -> List[Outcome]:
        """A whole and a streamed answer that come like that."""
        control(
            url,
            "/mocks",
            {
                "match": {"user": "cut"},
                "response": {"reasoning": THOUGHT, "text": TEXT, **delivery},
            },
        )
        return [client.ask("cut", stream) for stream in (False, True)]

    with Client(name, url) as client:
        plain = answers()
        assert ["".join(outcome.pieces) for outcome in plain] == [TEXT, TEXT]
        for plan in plans:
            for stream, found in enumerate(answers(wire=plan)):
                expected = ILLEGIBLE.get((name, plan, bool(stream)), FINE)
                assert legibility(found, plain[stream]) in expected, (
                    plan,
                    bool(stream),
                    found.error,
                )


# --- Rate limits ---


def test_an_sdk_waits_for_as_long_as_the_limit_says(server: str) -> None:
    def twice(name: str) -> List[Outcome]:
        with Client(name, server, retries=1) as client:
            return [client.ask(f"limited {name}", stream) for stream in (False, True)]

    with ThreadPoolExecutor() as pool:
        for name, outcomes in zip(LIMITED, pool.map(twice, LIMITED)):
            assert ["".join(outcome.pieces) for outcome in outcomes] == [TEXT, TEXT]
            assert [entry["status"] for entry in journal(server, f"limited {name}", 3)] == [
                200,
                429,
                200,
            ]


@pytest.mark.parametrize("name", LIMITED)
def test_what_exceeds_a_limit_raises_with_the_time_to_wait(server: str, name: str) -> None:
    with Client(name, server) as client:
        first, second = (client.ask(f"limited for long {name}", stream) for stream in (False, True))
    assert first.pieces == (TEXT,)
    assert isinstance(second.error, (openai.RateLimitError, anthropic.RateLimitError))
    headers = second.error.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    left = (
        "x-ratelimit-remaining-requests"
        if "openai" in name
        else "anthropic-ratelimit-requests-remaining"
    )
    assert headers[left] == "0"


# --- TLS ---


KEY = "bedrock-api-key-of-a-test"
IN_TLS = (
    "openai",
    "openai async",
    "anthropic",
    "anthropic async",
    "google-genai",
    "google-genai async",
    "boto3",
)


@pytest.mark.parametrize("name", IN_TLS)
def test_a_client_that_trusts_the_certificate_keeps_one_connection(
    secure: str, certificate: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    # openai's sync client does not read on after [DONE]: its connection ends with the stream.
    streams = (False, False, True) if name == "openai" else (False, True, True, False)
    verify = trusting(name, certificate)
    with caplog.at_level(logging.DEBUG, "urllib3.connectionpool"), Client(
        name, secure, verify=verify
    ) as client:
        for stream in streams:
            found = client.ask("plain", stream)
            assert ("".join(found.pieces), found.error) == (TEXT, None)
    handshakes = (
        sum("Starting new HTTPS connection" in record.getMessage() for record in caplog.records)
        if name == "boto3"
        else verify.session_stats()["connect_good"]
    )
    assert handshakes == 1


@pytest.mark.parametrize("name", IN_TLS)
def test_a_client_that_does_not_trust_the_certificate_refuses_it(secure: str, name: str) -> None:
    refusals = (
        openai.APIConnectionError,
        anthropic.APIConnectionError,
        SSLError,
        *transport("ConnectError"),
    )
    for stream in (False, True):
        with Client(name, secure) as client:
            found = client.ask("plain", stream)
        assert type(found.error) in refusals
        assert ssl.SSLCertVerificationError in found.chain


def test_plain_http_on_a_port_with_tls_is_a_bad_request_that_says_so(secure: str) -> None:
    with Client("openai", secure.replace("https:", "http:")) as client:
        error = client.ask("plain", False).error
    assert isinstance(error, openai.BadRequestError) and "https" in error.message.lower()


def test_a_bearer_key_of_bedrock_needs_tls(
    server: str, secure: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    with Client("boto3", secure, verify=str(certificate), keys={}) as client:
        for stream in (False, True):
            assert "".join(client.ask("plain", stream).pieces) == TEXT
    *_, entry = control(secure, "/requests", trusted=certificate)["requests"]
    assert (
        entry["headers"]["authorization"]
        == f"Bearer *** (sha256 {hashlib.sha256(KEY.encode()).hexdigest()[:8]})"
    )
    with Client("boto3", server, keys={}) as client:  # older ones send it all the same
        assert isinstance(
            client.ask("plain", False).error, (type(None), InvalidEndpointConfigurationError)
        )
