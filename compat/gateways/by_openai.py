"""Gateways with openai as their client: what is asked through one, and what it asked of the
server."""

from __future__ import annotations

import base64
import json
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import openai
from conftest import serving

KEY = "sk-gateway"
TEXT = "Hello — wörld <b> & more"
THOUGHTS = "Let me see."
USAGE = {"input_tokens": 12, "output_tokens": 9, "reasoning_tokens": 4, "cached_tokens": 8}
CALLS = [
    {"name": "get_weather", "arguments": {"city": "Oslo"}},
    {"name": "get_weather", "arguments": {"city": "Rome"}},
]
ARGUMENTS = ['{"city":"Oslo"}', '{"city":"Rome"}']
ASKED: Dict[str, Any] = {
    "hello": {"text": TEXT, "usage": USAGE},
    "think": {"reasoning": THOUGHTS, "text": TEXT},
    "call": {"tool_calls": CALLS},
    "limited": {"error": {"kind": "rate_limit"}},
    "missing": {"error": {"kind": "not_found"}},
    "break": {"text": TEXT, "error": {"kind": "overloaded"}, "after_events": 3},
}
DOCUMENTS = ["Rome", "Paris is the capital of France.", "Lyon"]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mMwTpsJAAICATNoejH4AAAAAElFTkSuQmCC"
)
SAID = "Let us begin. Are all here?"
# What every gateway's server answers.
ANSWERS: List[Any] = [
    *({"match": {"user": user}, "response": response} for user, response in ASKED.items()),
    {"match": {"user": "capital"}, "response": {"scores": [0.02, 0.98, 0.31]}},
    {"match": {"operation": "rerank"}, "response": {"error": {"kind": "rate_limit"}}},
    {"match": {"operation": "image"}, "response": {"text": "A cat, in oil."}},
    {"match": {"operation": "audio"}, "response": {"text": SAID}},
    {
        "match": {"operation": "moderate", "user": {"contains": "bomb"}},
        "response": {"refusal": "I can't help with that."},
    },
    {"match": {"operation": "moderate"}, "response": {"text": "fine"}},
]


def told(url: str, method: str, path: str, body: Any = None) -> Any:
    """The status of an answer, and its JSON or text."""
    connection = HTTPConnection(url.partition("://")[2], timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        data = response.read()
        return response.status, json.loads(data) if data[:1] in (b"{", b"[") else data.decode()
    finally:
        connection.close()


def service_account(server: str) -> str:
    """A service account of Google's whose tokens the server gives."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    private = rsa.generate_private_key(65537, 2048)
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "p",
            "private_key": private.private_bytes(*form, serialization.NoEncryption()).decode(),
            "client_email": "tests@p.iam.gserviceaccount.com",
            "token_uri": server + "/token",
        }
    )


def asked_of(server: str, **match: Any) -> List[Any]:
    """What a gateway asked of the server, all answered."""
    body = {"match": match, "ended": "complete", "timeout": 10}
    status, found = told(server, "POST", "/__mock__/requests/wait", body)
    assert status == 200, found
    return list(found["requests"])


class Heard(NamedTuple):
    """What a client has of an answer."""

    text: str
    thoughts: str
    calls: List[str]
    finish: str
    usage: Any


def ask(client: openai.OpenAI, model: str, user: str, **options: Any) -> Any:
    """What the client returns."""
    messages: Any = [{"role": "user", "content": user}]
    return client.chat.completions.create(model=model, messages=messages, **options)


def thoughts_of(message: Any) -> str:
    """LiteLLM calls them `reasoning_content`, and leaves Groq's whole ones where they are."""
    found = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    return found or ""


def whole(client: openai.OpenAI, model: str, user: str) -> Heard:
    """A whole answer."""
    answer = ask(client, model, user)
    choice = answer.choices[0]
    calls = [call.function.arguments for call in choice.message.tool_calls or ()]
    said = choice.message.content or ""
    return Heard(said, thoughts_of(choice.message), calls, choice.finish_reason, answer.usage)


def streamed(client: openai.OpenAI, model: str, user: str) -> Heard:
    """A stream, put together."""
    options: Any = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(ask(client, model, user, **options))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    calls: Dict[int, str] = {}
    for choice in choices:
        for number, call in enumerate(choice.delta.tool_calls or ()):
            # Gemini's have no index, and come all at once.
            place = number if call.index is None else call.index
            calls[place] = calls.get(place, "") + (call.function.arguments or "")
    return Heard(
        "".join(choice.delta.content or "" for choice in choices),
        "".join(thoughts_of(choice.delta) for choice in choices),
        list(calls.values()),
        "".join(choice.finish_reason or "" for choice in choices),
        [chunk.usage for chunk in chunks if chunk.usage][-1],
    )


def replayed(client: openai.OpenAI, model: str, server: str, port: str, folder: Path) -> None:
    """That a gateway which asks a port tells a client the same whether the server is recorded there
    or replayed: from then on the server is asked nothing."""
    said: List[Any] = []
    for options in (["--record", f"openai={server}"], []):
        with serving("--data", str(folder), *options, ports=(port,)):
            heard = [
                hear(client, model, user)
                for user in ("hello", "call")
                for hear in (whole, streamed)
            ]
            said.append(heard)
    assert said[0] == said[1]
    assert [one.text for one in said[0][:2]] == [TEXT, TEXT]
    assert len(asked_of(server, api="chat")) == len(said[0])
