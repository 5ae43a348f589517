"""Other publishers' models on Vertex AI: mistralai's client for Google Cloud, and openai's for the
rest, against the server."""

from __future__ import annotations

import json
from typing import Any, Iterator

import httpx
import pytest
from conftest import Plain

try:
    from mistralai.gcp.client import MistralGCP
except ImportError:  # before 3
    pytest.skip("this mistralai has no client that takes a token", allow_module_level=True)
try:
    from mistralai.gcp.client import errors
except ImportError:
    from mistralai.gcp.client import models as errors

TEXT = 'Hello — wörld, says the mock.\nTwo lines, "quoted".'
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {}}}]
MOCKS: Any = [
    {"match": {"user": "hello", "provider": "vertex_ai"}, "response": {"text": TEXT}},
    {"match": {"user": "weather"}, "response": {"tool_calls": [OSLO]}},
    {"match": {"api": "fim", "user": "def add("}, "response": {"text": "a, b):"}},
    *(
        {"match": {"user": f"fail {status}"}, "response": {"status": status, "error": "no"}}
        for status in (401, 404, 429, 500)
    ),
]
CLOUD = "/v1/projects/p/locations/l/publishers"


@pytest.fixture(scope="module", params=["", "_async"])
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Plain]:
    """mistralai's client, whose methods are of both kinds."""
    sdk = MistralGCP(project_id="p", region="l", access_token="token", server_url=server)
    with Plain(sdk) as found:
        found.suffix = request.param
        yield found


def call(client: Plain, api: str, method: str, **options: Any) -> Any:
    """What a method comes to."""
    return client(lambda sdk: getattr(getattr(sdk, api), method + client.suffix)(**options))


def asked(user: str) -> Any:
    """A question to a model of Mistral's."""
    return {"model": "mistral-medium-3", "messages": [{"role": "user", "content": user}]}


def test_mistrals_client_gets_its_own_format_whole_and_streamed(client: Plain) -> None:
    whole = call(client, "chat", "complete", **asked("hello"))
    assert whole.choices[0].message.content == TEXT
    chunks = [event.data for event in call(client, "chat", "stream", **asked("hello"))]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert chunks[-1].usage == whole.usage
    called = call(client, "chat", "complete", **asked("weather"), tools=TOOLS)
    assert json.loads(called.choices[0].message.tool_calls[0].function.arguments) == {
        "city": "Oslo"
    }


def test_fill_in_the_middle_comes_on_the_same_path(client: Plain) -> None:
    options = {"model": "codestral-2", "prompt": "def add(", "suffix": "return a + b"}
    whole = call(client, "fim", "complete", **options)
    assert whole.choices[0].message.content == "a, b):"
    chunks = [event.data for event in call(client, "fim", "stream", **options)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "a, b):"


def test_errors_are_googles_or_mistrals(client: Plain) -> None:
    for status in (401, 404, 429, 500):
        with pytest.raises(errors.SDKError) as raised:
            call(client, "chat", "complete", **asked(f"fail {status}"))
        body = json.loads(raised.value.body)
        assert (raised.value.raw_response.status_code, "error" in body) == (status, status != 500)


@pytest.mark.parametrize("publisher", ["ai21", "meta", "qwen", "deepseek-ai"])
def test_others_answer_in_openais_format(server: str, publisher: str) -> None:
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    path = f"{server}{CLOUD}/{publisher}/models/m:"
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": "Bearer token"}
    whole = ChatCompletion.model_validate(
        httpx.post(path + "rawPredict", json=body, headers=headers).json()
    )
    assert whole.choices[0].message.content == TEXT
    lines = httpx.post(path + "streamRawPredict", json=body, headers=headers).text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [ChatCompletionChunk.model_validate_json(line[6:]) for line in lines[:-2]]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
