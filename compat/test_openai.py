"""openai: OpenAI and AsyncOpenAI, and both ways to reach Azure OpenAI, against the server."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from collections import defaultdict
from typing import Any, Callable, Dict, Iterable, Iterator, List

import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from pydantic import BaseModel

VERSION = "2024-10-21"
MODEL = "gpt-4o-mini"
TEXT = 'Hello — wörld, says the mock.\nTwo lines, "quoted".'
VECTOR = [0.25, -0.5, 1.0]  # exact in 32 bits, so that base64 and floats are equal
USAGE = {"input_tokens": 12, "output_tokens": 9, "reasoning_tokens": 4, "cached_tokens": 8}
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
ROME = {"name": "get_weather", "arguments": {"city": "Rome — «Roma»"}}
CALLS: Dict[str, List[Any]] = {"one": [OSLO], "parallel": [OSLO, ROME]}
STOPS = ("stop", "length", "content_filter")
POEM = "Compose a poem that explains the concept of recursion in programming."
ERRORS = {
    400: openai.BadRequestError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}
DOWN_TWICE = {
    "retry-after-ms": [
        {"status": 500, "error": "down", "headers": {"retry-after-ms": "1"}},
        {"status": 429, "error": "slow down", "headers": {"retry-after-ms": "1"}},
        {"text": "third time lucky"},
    ],
    "retry-after": [
        {"status": 503, "error": "down", "headers": {"retry-after": "0.001"}},
        {"status": 409, "error": "busy", "headers": {"retry-after": "0.001"}},
        {"text": "third time lucky"},
    ],
}
MOCKS = [
    {
        "match": {"user": "call one", "tool_result": "12 degrees"},
        "response": {"text": "It is 12 degrees in Oslo."},
    },
    {"match": {"user": "hello"}, "response": {"text": TEXT}},
    {"match": {"user": "spend"}, "response": {"text": TEXT, "usage": USAGE}},
    {"match": {"user": "think"}, "response": {"reasoning": "Let me see.", "text": TEXT}},
    {"match": {"user": "refuse"}, "response": {"refusal": "I can't help with that."}},
    {"match": {"user": "json"}, "response": {"text": '{"city": "Oslo", "degrees": 12}'}},
    {
        "match": {"user": "cut json"},
        "response": {"text": '{"city": "Os', "finish_reason": "length"},
    },
    {"match": {"operation": "embed", "user": "embed"}, "response": {"embedding": VECTOR}},
    {
        "match": {"operation": "embed", "user": "one\ntwo"},
        "response": {"embedding": [VECTOR, [1.0, 0.0, -0.125]]},
    },
    {"match": {"operation": "moderate", "user": "nice"}, "response": {"text": ""}},
    {
        "match": {"operation": "moderate", "user": "nasty"},
        "response": {"finish_reason": "content_filter", "text": ""},
    },
    {
        "match": {"user": "do not retry"},
        "responses": [
            {"status": 500, "error": "final", "headers": {"x-should-retry": "false"}},
            {"text": "was retried"},
        ],
    },
    *(
        {"match": {"user": f"call {name}"}, "response": {"tool_calls": calls}}
        for name, calls in CALLS.items()
    ),
    *(
        {"match": {"user": f"end {stop}"}, "response": {"text": TEXT, "finish_reason": stop}}
        for stop in STOPS
    ),
    *(
        {
            "match": {"user": f"fail {status}"},
            "response": {
                "status": status,
                "error": {
                    "message": "as ordered",
                    "type": "mock_type",
                    "code": "mock_code",
                    "param": "mock_param",
                },
            },
        }
        for status in ERRORS
    ),
    *(
        {"match": {"user": f"{name} {client}"}, "responses": responses}
        for name, responses in DOWN_TWICE.items()
        for client in ("sync", "async")
    ),
]


class Weather(BaseModel):
    """What a structured answer is parsed into."""

    city: str
    degrees: int


class GetWeather(BaseModel):
    """Arguments of the tool."""

    city: str


TOOL = openai.pydantic_function_tool(GetWeather, name="get_weather")
WAYS: Dict[str, Callable[..., Any]] = {
    "openai": lambda url, **options: OpenAI(base_url=url + "/v1", api_key="key", **options),
    "azure deployment": lambda url, **options: AzureOpenAI(
        azure_endpoint=url, api_key="key", api_version=VERSION, **options
    ),
    "azure v1": lambda url, **options: OpenAI(
        base_url=url + "/openai/v1", api_key="key", **options
    ),
}
ASYNC_WAYS: Dict[str, Callable[..., Any]] = {
    "openai": lambda url, **options: AsyncOpenAI(base_url=url + "/v1", api_key="key", **options),
    "azure deployment": lambda url, **options: AsyncAzureOpenAI(
        azure_endpoint=url, api_key="key", api_version=VERSION, **options
    ),
    "azure v1": lambda url, **options: AsyncOpenAI(
        base_url=url + "/openai/v1", api_key="key", **options
    ),
}
every_way = pytest.mark.parametrize("client", WAYS, indirect=True)


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Any]:
    """A client that does not retry; OpenAI's, unless a test asks for others by name."""
    with WAYS[getattr(request, "param", "openai")](server, max_retries=0) as found:
        yield found


def asking(user: str, **options: Any) -> Dict[str, Any]:
    """The arguments of a chat completion."""
    return {"model": MODEL, "messages": [{"role": "user", "content": user}], **options}


def ask(client: Any, user: str, **options: Any) -> Any:
    """A whole chat completion, or its chunks."""
    return client.chat.completions.create(**asking(user, **options))


def finished(client: Any, user: str, **options: Any) -> Any:
    """What the SDK's own stream helper makes of a stream."""
    with client.chat.completions.stream(**asking(user, **options)) as stream:
        return stream.get_final_completion()


class Gathered:
    """The choices of a stream, put together by hand."""

    def __init__(self, chunks: Iterable[Any]) -> None:
        self.chunks = list(chunks)
        self.texts: Dict[int, str] = defaultdict(str)
        self.refusals: Dict[int, str] = defaultdict(str)
        self.calls: Dict[int, Dict[int, Dict[str, str]]] = defaultdict(dict)
        self.stops: Dict[int, str] = {}
        for choice in itertools.chain.from_iterable(chunk.choices for chunk in self.chunks):
            self.add(choice)

    def add(self, choice: Any) -> None:
        """One choice of a chunk.  Nothing may follow its finish reason."""
        assert choice.index not in self.stops
        self.texts[choice.index] += choice.delta.content or ""
        self.refusals[choice.index] += choice.delta.refusal or ""
        for part in choice.delta.tool_calls or ():
            call = self.calls[choice.index].setdefault(
                part.index, {"id": part.id, "name": part.function.name, "arguments": ""}
            )
            call["arguments"] += part.function.arguments
        if choice.finish_reason:
            self.stops[choice.index] = choice.finish_reason

    @property
    def ids(self) -> List[str]:
        """The ids of all chunks but Azure's first, which has none."""
        return sorted({chunk.id for chunk in self.chunks if chunk.choices})


def called(calls: Iterable[Any]) -> List[Dict[str, Any]]:
    """Tool calls with their arguments parsed."""
    return [
        {"name": call.function.name, "arguments": json.loads(call.function.arguments)}
        for call in calls
    ]


# --- Text ---


@every_way
def test_text_comes_back(client: Any) -> None:
    answer = ask(client, "hello")
    assert (answer.object, answer.model, len(answer.choices)) == ("chat.completion", MODEL, 1)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == TEXT
    assert (
        answer.choices[0].message.tool_calls is None and answer.choices[0].message.refusal is None
    )


@every_way
def test_a_stream_and_a_whole_answer_carry_the_same_content(client: Any) -> None:
    whole, streamed = ask(client, "hello"), Gathered(ask(client, "hello", stream=True))
    assert len(streamed.chunks) > 4
    assert streamed.texts == {0: TEXT}
    assert streamed.stops == {0: whole.choices[0].finish_reason}
    assert streamed.ids == [whole.id]
    assert {(chunk.created, chunk.model) for chunk in streamed.chunks if chunk.choices} == {
        (whole.created, whole.model)
    }


@every_way
def test_the_stream_helper_finishes_with_the_whole_answer(client: Any) -> None:
    whole, final = ask(client, "hello"), finished(client, "hello")
    assert final.id == whole.id
    assert final.choices[0].message.content == whole.choices[0].message.content
    assert final.choices[0].finish_reason == "stop"


@every_way
def test_the_stream_helper_sees_every_piece(client: Any) -> None:
    with client.chat.completions.stream(**asking("hello")) as stream:
        events = list(stream)
    assert "".join(event.delta for event in events if event.type == "content.delta") == TEXT
    assert [event.content for event in events if event.type == "content.done"] == [TEXT]


def test_the_same_request_gets_the_same_bytes(client: Any) -> None:
    first, second = (
        client.chat.completions.with_raw_response.create(**asking("hello")).text for _ in range(2)
    )
    assert first == second


@every_way
def test_only_azure_sends_filter_results_in_a_first_chunk_without_choices(client: Any) -> None:
    first = next(iter(ask(client, "hello", stream=True)))
    azure = "/openai/" in str(client.base_url)
    assert (first.choices == [], "prompt_filter_results" in (first.model_extra or {})) == (
        azure,
        azure,
    )


def test_reasoning_stands_beside_the_text(client: Any) -> None:
    whole = ask(client, "think").choices[0].message
    chunks = [
        choice.delta for chunk in ask(client, "think", stream=True) for choice in chunk.choices
    ]
    assert (whole.content, whole.model_extra["reasoning_content"]) == (TEXT, "Let me see.")
    assert (
        "".join((delta.model_extra or {}).get("reasoning_content") or "" for delta in chunks)
        == "Let me see."
    )


@every_way
@pytest.mark.parametrize("stop", STOPS)
def test_finish_reasons_are_openais_own(client: Any, stop: str) -> None:
    assert ask(client, f"end {stop}").choices[0].finish_reason == stop
    assert Gathered(ask(client, f"end {stop}", stream=True)).stops == {0: stop}


@every_way
def test_a_refusal_has_its_own_field(client: Any) -> None:
    message = ask(client, "refuse").choices[0].message
    assert (message.content, message.refusal) == (None, "I can't help with that.")
    streamed = Gathered(ask(client, "refuse", stream=True))
    assert (streamed.texts[0], streamed.refusals[0]) == ("", message.refusal)
    assert finished(client, "refuse").choices[0].message.refusal == message.refusal


@every_way
def test_n_choices_are_numbered_whole_and_streamed(client: Any) -> None:
    whole, streamed = ask(client, "hello", n=2), Gathered(ask(client, "hello", n=2, stream=True))
    assert [(choice.index, choice.message.content) for choice in whole.choices] == [
        (0, TEXT),
        (1, TEXT),
    ]
    assert streamed.texts == {0: TEXT, 1: TEXT}
    assert streamed.stops == {0: "stop", 1: "stop"}


@pytest.mark.parametrize(
    "user, options",
    [
        ("hello", {}),
        ("hello", {"n": 2}),
        ("hello", {"logprobs": True, "top_logprobs": 1}),
        ("hello", {"model": "gpt-5"}),
        ("spend", {"stream_options": {"include_usage": True}}),
        ("refuse", {}),
        ("call one", {}),
        ("call parallel", {}),
    ],
)
def test_chat_passes_the_sdks_strict_validation(
    server: str, user: str, options: Dict[str, Any]
) -> None:
    with OpenAI(base_url=server + "/v1", api_key="key", _strict_response_validation=True) as client:
        whole = {name: value for name, value in options.items() if name != "stream_options"}
        assert client.chat.completions.create(**{**asking(user), **whole}).choices
        assert list(client.chat.completions.create(**{**asking(user), **options}, stream=True))


def test_other_apis_pass_the_sdks_strict_validation(server: str) -> None:
    with OpenAI(base_url=server + "/v1", api_key="key", _strict_response_validation=True) as client:
        assert client.completions.create(model=MODEL, prompt="hello", n=2).choices
        assert client.embeddings.create(model=MODEL, input="embed", encoding_format="float").data
        assert client.moderations.create(input="nasty").results
        assert client.models.list().data and client.models.retrieve(MODEL)


# --- Usage ---


def counts(usage: Any) -> List[int]:
    """Token counts in one order."""
    return [
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.total_tokens,
        usage.completion_tokens_details.reasoning_tokens,
        usage.prompt_tokens_details.cached_tokens,
    ]


@every_way
def test_usage_is_what_the_mock_says(client: Any) -> None:
    assert counts(ask(client, "spend").usage) == [12, 9, 21, 4, 8]


@every_way
def test_a_stream_has_usage_only_when_asked(client: Any) -> None:
    assert not any(chunk.usage for chunk in ask(client, "hello", stream=True))
    *others, last = ask(client, "hello", stream=True, stream_options={"include_usage": True})
    assert not any(chunk.usage for chunk in others)
    assert last.choices == []
    assert counts(last.usage) == counts(ask(client, "hello").usage)
    assert last.usage.prompt_tokens > 0 and last.usage.completion_tokens > 0


@every_way
def test_the_stream_helper_finds_the_usage(client: Any) -> None:
    final = finished(client, "spend", stream_options={"include_usage": True})
    assert counts(final.usage) == [12, 9, 21, 4, 8]


# --- Tools ---


@every_way
@pytest.mark.parametrize("name", CALLS)
def test_tool_calls_are_the_same_whole_and_streamed(client: Any, name: str) -> None:
    whole = ask(client, f"call {name}", tools=[TOOL]).choices[0]
    streamed = Gathered(ask(client, f"call {name}", tools=[TOOL], stream=True))
    assert (whole.finish_reason, whole.message.content) == ("tool_calls", None)
    assert called(whole.message.tool_calls) == CALLS[name]
    assert streamed.stops == {0: "tool_calls"}
    pieces = [streamed.calls[0][index] for index in range(len(CALLS[name]))]
    assert pieces == [
        {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
        for call in whole.message.tool_calls
    ]
    assert len({piece["id"] for piece in pieces}) == len(pieces)


@every_way
@pytest.mark.parametrize("name", CALLS)
def test_the_stream_helper_parses_tool_calls(client: Any, name: str) -> None:
    calls = finished(client, f"call {name}", tools=[TOOL]).choices[0].message.tool_calls
    assert called(calls) == CALLS[name]
    assert [call.function.parsed_arguments.city for call in calls] == [
        call["arguments"]["city"] for call in CALLS[name]
    ]


@every_way
def test_a_tool_result_leads_to_the_next_answer(client: Any) -> None:
    call = ask(client, "call one", tools=[TOOL]).choices[0].message
    messages = [
        *asking("call one")["messages"],
        call.to_dict(),
        {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "12 degrees"},
    ]
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
    assert answer.choices[0].message.content == "It is 12 degrees in Oslo."


# --- Structured output ---


@every_way
def test_json_text_is_parsed(client: Any) -> None:
    parsed = (
        client.chat.completions.parse(**asking("json"), response_format=Weather)
        .choices[0]
        .message.parsed
    )
    assert parsed == Weather(city="Oslo", degrees=12)
    assert finished(client, "json", response_format=Weather).choices[0].message.parsed == parsed


@every_way
def test_a_refusal_parses_to_nothing(client: Any) -> None:
    message = (
        client.chat.completions.parse(**asking("refuse"), response_format=Weather)
        .choices[0]
        .message
    )
    assert (message.parsed, message.refusal) == (None, "I can't help with that.")


@every_way
def test_parsing_what_was_cut_off_or_filtered_raises(client: Any) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(**asking("cut json"), response_format=Weather)
    with pytest.raises(openai.ContentFilterFinishReasonError):
        client.chat.completions.parse(**asking("end content_filter"), response_format=Weather)


# --- Other APIs ---


@every_way
def test_legacy_completions_are_the_same_whole_and_streamed(client: Any) -> None:
    whole = client.completions.create(model=MODEL, prompt="hello")
    chunks = list(client.completions.create(model=MODEL, prompt="hello", stream=True))
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == (TEXT, "stop")
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 1
    assert "".join(chunk.choices[0].text for chunk in chunks) == TEXT
    assert [
        chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason
    ] == ["stop"]
    assert {chunk.id for chunk in chunks} == {whole.id}


@every_way
def test_legacy_completions_number_choices_prompt_by_prompt(client: Any) -> None:
    choices = client.completions.create(model=MODEL, prompt=["hello"], n=2).choices
    assert [(choice.index, choice.text) for choice in choices] == [(0, TEXT), (1, TEXT)]


@every_way
def test_a_legacy_stream_has_usage_only_when_asked(client: Any) -> None:
    options = {"model": MODEL, "prompt": "hello", "stream": True}
    assert not any(chunk.usage for chunk in client.completions.create(**options))
    *_, last = client.completions.create(**options, stream_options={"include_usage": True})
    assert (last.choices, last.usage.total_tokens > 1) == ([], True)


@every_way
def test_embeddings_are_equal_as_floats_and_as_base64(client: Any) -> None:
    default = client.embeddings.create(model="text-embedding-3-small", input="embed")
    floats = client.embeddings.create(
        model="text-embedding-3-small", input="embed", encoding_format="float"
    )
    coded = client.embeddings.create(
        model="text-embedding-3-small", input="embed", encoding_format="base64"
    )
    assert default.data[0].embedding == floats.data[0].embedding == VECTOR
    assert coded.data[0].embedding == "AACAPgAAAL8AAIA/"
    assert default.usage.prompt_tokens == default.usage.total_tokens > 0


@every_way
def test_embeddings_travel_in_the_encoding_that_was_asked_for(client: Any) -> None:
    create = client.embeddings.with_raw_response.create
    sent = [
        json.loads(create(model="text-embedding-3-small", input="embed", **options).text)["data"][
            0
        ]["embedding"]
        for options in ({}, {"encoding_format": "float"})
    ]
    assert sent == ["AACAPgAAAL8AAIA/", VECTOR]  # the SDK asks for base64 by itself


@every_way
def test_each_input_gets_its_embedding(client: Any) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert [(entry.index, entry.embedding) for entry in answer.data] == [
        (0, VECTOR),
        (1, [1.0, 0.0, -0.125]),
    ]


@every_way
def test_models_are_listed_and_any_can_be_retrieved(client: Any) -> None:
    names = [model.id for model in client.models.list()]
    assert MODEL in names and len(set(names)) == len(names)
    assert client.models.retrieve("my-own-model").id == "my-own-model"


@every_way
def test_moderations_flag_what_the_mock_filters(client: Any) -> None:
    nice, nasty = (client.moderations.create(input=text).results[0] for text in ("nice", "nasty"))
    assert (nice.flagged, nasty.flagged) == (False, True)
    assert not any(nice.categories.to_dict().values())
    assert any(nasty.categories.to_dict().values())


# --- Errors ---


@every_way
@pytest.mark.parametrize("status", ERRORS)
def test_an_error_raises_the_sdks_own_exception(client: Any, status: int) -> None:
    for stream in (False, True):
        with pytest.raises(ERRORS[status]) as caught:
            ask(client, f"fail {status}", stream=stream)
        assert "as ordered" in caught.value.message
        assert (caught.value.status_code, caught.value.code, caught.value.type) == (
            status,
            "mock_code",
            "mock_type",
        )


@pytest.mark.parametrize("status", ERRORS)
def test_an_openai_error_has_all_four_keys(client: Any, status: int) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, f"fail {status}")
    assert caught.value.body == {
        "message": "as ordered",
        "type": "mock_type",
        "code": "mock_code",
        "param": "mock_param",
    }
    assert str(caught.value.request_id).startswith("req_")


@every_way
def test_a_miss_is_not_found_and_says_why(client: Any) -> None:
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError) as caught:
            ask(client, "hullo", stream=stream)
        assert "no mock matches" in caught.value.message
        assert 'user is "hullo", expected "hello"' in caught.value.message


@every_way
def test_a_request_that_the_api_refuses_is_a_bad_request(client: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=[])
    assert (caught.value.code, caught.value.param) == ("empty_array", "messages")


@pytest.mark.parametrize("way", WAYS)
def test_without_a_credential_authentication_fails(guarded: str, way: str) -> None:
    nothing = {"Authorization": openai.Omit(), "api-key": openai.Omit()}
    with WAYS[way](guarded, max_retries=0) as client:
        assert ask(client, "hello").choices[0].message.content == TEXT
        with pytest.raises(openai.AuthenticationError) as caught:
            ask(client, "hello", extra_headers=nothing)
    assert caught.value.status_code == 401
    assert ("subscription key" if "azure" in way else "API key") in caught.value.message


def test_azure_takes_an_entra_token(guarded: str) -> None:
    with AzureOpenAI(azure_endpoint=guarded, azure_ad_token="token", api_version=VERSION) as client:
        assert ask(client, "hello").choices[0].message.content == TEXT


# --- Retries ---


@pytest.mark.parametrize("header", DOWN_TWICE)
def test_the_sdk_retries_until_the_third_answer(server: str, header: str) -> None:
    with WAYS["openai"](server, max_retries=2) as client:
        raw = client.chat.completions.with_raw_response.create(**asking(f"{header} sync"))
    assert raw.parse().choices[0].message.content == "third time lucky"
    assert raw.retries_taken == 2


@pytest.mark.parametrize("header", DOWN_TWICE)
def test_the_async_sdk_retries_a_stream_until_the_third_answer(server: str, header: str) -> None:
    async def run() -> None:
        async with ASYNC_WAYS["openai"](server, max_retries=2) as client:
            chunks = [chunk async for chunk in await ask(client, f"{header} async", stream=True)]
        assert Gathered(chunks).texts == {0: "third time lucky"}

    asyncio.run(run())


def test_x_should_retry_keeps_the_sdk_from_retrying(server: str) -> None:
    with WAYS["openai"](server, max_retries=2) as client, pytest.raises(
        openai.InternalServerError, match="final"
    ):
        ask(client, "do not retry")


# --- Async ---


def run(way: str, server: str, job: Callable[[Any], Any]) -> Any:
    """What a coroutine makes of an async client of its own."""

    async def with_client() -> Any:
        async with ASYNC_WAYS[way](server, max_retries=0) as client:
            return await job(client)

    return asyncio.run(with_client())


async def gathered(client: Any, user: str, **options: Any) -> Gathered:
    """A stream read without the helper."""
    return Gathered([chunk async for chunk in await ask(client, user, stream=True, **options)])


async def async_finished(client: Any, user: str, **options: Any) -> Any:
    """A stream read with the helper."""
    async with client.chat.completions.stream(**asking(user, **options)) as stream:
        return await stream.get_final_completion()


@pytest.mark.parametrize("way", ASYNC_WAYS)
def test_async_text_is_the_same_whole_streamed_and_helped(server: str, way: str) -> None:
    async def all_three(client: Any) -> Any:
        return (
            await ask(client, "hello"),
            await gathered(client, "hello"),
            await async_finished(client, "hello"),
        )

    whole, streamed, final = run(way, server, all_three)
    assert (
        whole.choices[0].message.content
        == streamed.texts[0]
        == final.choices[0].message.content
        == TEXT
    )
    assert [whole.id] == streamed.ids == [final.id]


@pytest.mark.parametrize("way", ASYNC_WAYS)
@pytest.mark.parametrize("name", CALLS)
def test_async_tool_calls_are_the_same_whole_streamed_and_helped(
    server: str, way: str, name: str
) -> None:
    async def all_three(client: Any) -> Any:
        return [
            await job(client, f"call {name}", tools=[TOOL])
            for job in (ask, gathered, async_finished)
        ]

    whole, streamed, final = run(way, server, all_three)
    assert (
        called(whole.choices[0].message.tool_calls)
        == called(final.choices[0].message.tool_calls)
        == CALLS[name]
    )
    assert [json.loads(call["arguments"]) for call in streamed.calls[0].values()] == [
        call["arguments"] for call in CALLS[name]
    ]


@pytest.mark.parametrize("way", ASYNC_WAYS)
def test_async_clients_reach_the_other_apis(server: str, way: str) -> None:
    async def others(client: Any) -> Any:
        return (
            await client.completions.create(model=MODEL, prompt="hello"),
            await client.embeddings.create(model=MODEL, input="embed"),
            await client.moderations.create(input="nasty"),
            [model.id async for model in client.models.list()],
        )

    completed, embedded, moderated, names = run(way, server, others)
    assert (completed.choices[0].text, embedded.data[0].embedding) == (TEXT, VECTOR)
    assert moderated.results[0].flagged and MODEL in names


@pytest.mark.parametrize("way", ASYNC_WAYS)
@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_async_errors_raise_the_same_exceptions(server: str, way: str, status: int) -> None:
    async def both(client: Any) -> None:
        for job in (ask, gathered):
            with pytest.raises(ERRORS[status], match="as ordered"):
                await job(client, f"fail {status}")

    run(way, server, both)


@pytest.mark.parametrize("way", ASYNC_WAYS)
def test_many_async_requests_at_once_all_get_their_answers(server: str, way: str) -> None:
    async def ask_many(client: Any) -> List[Any]:
        return await asyncio.gather(
            *(job(client, "hello") for _ in range(20) for job in (ask, gathered))
        )

    answers = run(way, server, ask_many)
    assert all(answer.choices[0].message.content == TEXT for answer in answers[::2])
    assert all(answer.texts == {0: TEXT} for answer in answers[1::2])


# --- On the wire ---


@every_way
def test_the_answer_is_compressed_on_the_wire_and_plain_in_the_sdk(
    client: Any, post: Callable[..., Any]
) -> None:
    raw = client.chat.completions.with_raw_response.create(**asking("hello"))
    request = raw.http_response.request
    assert "gzip" in request.headers["accept-encoding"]
    wire = post(
        request.url.raw_path.decode(),
        asking("hello"),
        accept_encoding="gzip",
        authorization="Bearer key",
    )
    assert wire.headers["content-encoding"] == raw.headers["content-encoding"] == "gzip"
    assert wire.body[:2] == b"\x1f\x8b"
    assert (
        int(wire.headers["content-length"])
        == len(wire.body)
        == raw.http_response.num_bytes_downloaded
    )
    assert json.loads(gzip.decompress(wire.body))["choices"][0]["message"]["content"] == TEXT
    assert raw.parse().choices[0].message.content == TEXT


@pytest.mark.parametrize("way", WAYS)
def test_the_recordings_that_come_with_the_server_decode(shipped: str, way: str) -> None:
    with WAYS[way](shipped, max_retries=0) as client:
        whole, streamed = ask(client, POEM), Gathered(ask(client, POEM, stream=True))
    assert (whole.choices[0].finish_reason, streamed.stops) == ("stop", {0: "stop"})
    assert whole.choices[0].message.content == streamed.texts[0] > ""
