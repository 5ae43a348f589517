"""OpenAI's format in the dialects of other hosts: openai, and the SDKs of Groq and OpenRouter."""

from __future__ import annotations

from typing import Any, Dict, List

import groq
import openai
import pytest
from openai import OpenAI
from openrouter import OpenRouter, components, errors

TEXT = "Hello — wörld <b> & more"
USAGE = {"input_tokens": 12, "output_tokens": 9, "reasoning_tokens": 4, "cached_tokens": 8}
CALLS = [
    {"name": "get_weather", "arguments": {"city": "Oslo"}},
    {"name": "get_weather", "arguments": {"city": "Rome"}},
]
MOCKS = [
    {"match": {"user": "hello"}, "response": {"text": TEXT, "usage": USAGE}},
    {"match": {"user": "think"}, "response": {"reasoning": "Let me see.", "text": TEXT}},
    {"match": {"user": "call"}, "response": {"tool_calls": CALLS}},
    {"match": {"user": "limited"}, "response": {"error": {"kind": "rate_limit"}}},
    {
        "match": {"user": "break"},
        "response": {"text": TEXT, "error": {"kind": "overloaded"}, "after_events": 2},
    },
    {"match": {"operation": "embed"}, "response": {"embedding": [0.25, -0.5]}},
]
# dialect: the path that its clients are told, and the member of a message that holds thoughts
PATHS: Dict[str, Any] = {
    "openrouter": ("/openrouter/api/v1", "reasoning"),
    "vllm": ("/vllm/v1", "reasoning"),
    "deepseek": ("/deepseek", "reasoning_content"),
    "groq": ("/groq/openai/v1", "reasoning"),
    "gemini": ("/gemini/v1beta/openai", None),
    "ollama": ("/ollama/v1", "reasoning"),
    "bedrock": ("/bedrock/openai/v1", None),
}


def messages(text: str) -> List[Any]:
    return [{"role": "user", "content": text}]


@pytest.fixture(params=PATHS)
def client(request: pytest.FixtureRequest, server: str) -> OpenAI:
    path, _ = PATHS[request.param]
    return OpenAI(base_url=server + path, api_key="k", max_retries=0, timeout=10)


def thoughts_key(client: OpenAI) -> Any:
    return next(key for path, key in PATHS.values() if path in str(client.base_url))


def ask(client: Any, text: str, **more: Any) -> Any:
    return client.chat.completions.create(model="m", messages=messages(text), **more)


def test_openai_reads_text_usage_and_thoughts_whole_and_streamed(client: OpenAI) -> None:
    for text in ("hello", "think"):
        whole = ask(client, text)
        options: Any = {"stream_options": {"include_usage": True}}
        chunks = list(ask(client, text, stream=True, **options))
        deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
        said = "".join(delta.content or "" for delta in deltas)
        message = whole.choices[0].message
        assert said == message.content and said.endswith(TEXT)
        assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
        key = thoughts_key(client)
        if text == "think" and key:
            streamed = "".join(getattr(delta, key, None) or "" for delta in deltas)
            assert streamed == getattr(message, key) == "Let me see."


def test_openai_reads_tool_calls_whole_and_streamed(client: OpenAI) -> None:
    whole = ask(client, "call").choices[0]
    names = [call.function.arguments for call in whole.message.tool_calls]
    assert names == ['{"city":"Oslo"}', '{"city":"Rome"}'] and whole.finish_reason == "tool_calls"
    found: Dict[Any, str] = {}
    for chunk in ask(client, "call", stream=True):
        for choice in chunk.choices:
            for number, call in enumerate(choice.delta.tool_calls or ()):
                # Gemini's have no index, and come all at once.
                place = number if call.index is None else call.index
                found[place] = found.get(place, "") + (call.function.arguments or "")
    assert list(found.values()) == names


def test_openai_raises_what_the_host_says(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError):
        ask(client, "limited")
    with pytest.raises(openai.APIError):
        list(ask(client, "break", stream=True))


def test_openai_reads_models_and_embeddings(client: OpenAI) -> None:
    assert client.models.list().data[0].id
    vectors = client.embeddings.create(model="m", input=["a", "b"]).data
    assert [one.embedding for one in vectors] == [[0.25, -0.5]] * 2


def test_groqs_own_sdk_is_answered_in_its_dialect_by_its_name_alone(server: str) -> None:
    client = groq.Groq(base_url=server, api_key="k", max_retries=0)
    whole = ask(client, "think")
    assert whole.choices[0].message.reasoning == "Let me see."
    assert whole.usage.queue_time and whole.x_groq.id.startswith("req_01")
    chunks = list(ask(client, "hello", stream=True))
    assert chunks[0].x_groq.id and chunks[-1].x_groq.usage.total_tokens == 21
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    with pytest.raises(groq.RateLimitError) as caught:
        ask(client, "limited")
    assert "service tier `on_demand`" in str(caught.value)
    with pytest.raises(groq.APIError):
        list(ask(client, "break", stream=True))


def test_openrouters_own_sdk_is_answered_in_its_dialect(server: str) -> None:
    with OpenRouter(api_key="k", server_url=server + "/api/v1") as client:
        whole = client.chat.send(model="m", messages=messages("think"))
        message = whole.choices[0].message
        assert message.reasoning == "Let me see." and message.content == TEXT
        assert isinstance(message.reasoning_details[0], components.ReasoningDetailText)
        assert whole.usage.cost > 0
        chunks = list(client.chat.send(model="m", messages=messages("hello"), stream=True))
        assert chunks[-1].usage.total_tokens == 21
        assert client.models.list().result.data[0].pricing.prompt
        with pytest.raises(errors.TooManyRequestsResponseError):
            client.chat.send(model="m", messages=messages("limited"), retries=None)
        with pytest.raises(errors.NotFoundResponseError, match="no mock matches"):
            client.chat.send(model="m", messages=messages("nobody"), retries=None)
