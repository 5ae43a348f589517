"""Mocks made of specs, a call to match them with, and what a client reads of their answers."""

from __future__ import annotations

import json
from typing import Any, List

from samples import ask

import mock_server as m

BASE_REQUEST = m.Request(
    "POST", "/v1/chat/completions", {"api-version": "1"}, {"x-tenant": "a"}, b"", 5001, "checkout"
)
BASE = m.Call(
    BASE_REQUEST,
    "openai",
    "generate",
    "chat",
    "gpt-4o",
    False,
    "Hi there",
    "Be brief.",
    "22",
    1,
    ("f", "g"),
    body={
        "model": "gpt-4o",
        "n": 1,
        "messages": [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Hi there"}],
    },
    tool_call_id="call_1",
    dialect="openai",
)

HEAD = m.Head("POST", "/v1/chat/completions", 1, {})


def requested(**changed: Any) -> m.Call:
    """The base call, its request changed."""
    return m.replace(BASE, request=m.replace(BASE_REQUEST, **changed))


def mock_of(spec: Any) -> m.ParsedMock:
    """A mock as from the first place in a file; there is no file that it could name."""

    def read_file(name: str) -> bytes:
        raise FileNotFoundError(name)

    return m.parse_mock(m.MockNode.whole(spec, "mocks/a.json#1", read_file))


def loaded(directory: str) -> m.Mocks:
    """The mocks of a data directory, in which nothing is wrong."""
    mocks = m.Mocks([directory])
    assert mocks.files.load() == []
    return mocks


def texts_of(answers: m.Answerer, times: int) -> List[Any]:
    """What a client reads from several answers: the text, or the status of an error."""
    found = []
    for _ in range(times):
        response = ask(answers, m.OpenAIChat)
        if response.status == 200:
            found.append(json.loads(response.body)["choices"][0]["message"]["content"])
        else:
            found.append(response.status)
    return found
