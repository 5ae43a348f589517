"""openai: the Responses API of OpenAI and Azure OpenAI, and chat at the OpenAI-compatible paths of
Gemini and Vertex AI."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple

import openai
import pytest
from conftest import Plain, anonymous
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from openai.types.responses import ResponseFunctionCallArgumentsDoneEvent
from pydantic import BaseModel

MODEL = "gpt-5-mini"
GEMINI = "google/gemini-2.5-flash"
TEXT = 'Hello — wörld, says the mock.\nTwo lines, "quoted".'
REFUSAL = "I can't help with that."
VECTOR = [0.25, -0.5, 1.0]  # exact in 32 bits, so that base64 and floats are equal
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
ROME = {"name": "get_weather", "arguments": {"city": "Rome — «Roma»"}}
CALLS: Dict[str, List[Any]] = {"one": [OSLO], "parallel": [OSLO, ROME]}
CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}
RAISED: Dict[int, Any] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
    504: openai.InternalServerError,
}
# The status of each kind of error, and where a provider has another one.
KINDS = {
    "authentication": 401,
    "permission": 403,
    "not_found": 404,
    "rate_limit": 429,
    "overloaded": 503,
    "server_error": 500,
    "timeout": 504,
    "context_length": 400,
}
OTHERWISE = {("openai", "not_found"): 400, ("gemini", "authentication"): 400}
CODES = {
    "authentication": "invalid_api_key",
    "not_found": "model_not_found",
    "rate_limit": "rate_limit_exceeded",
    "context_length": "context_length_exceeded",
}
PROVIDERS: Dict[str, Tuple[Any, Any, str]] = {
    "openai": (OpenAI, AsyncOpenAI, "/v1"),
    "azure": (AzureOpenAI, AsyncAzureOpenAI, ""),
    "azure v1": (OpenAI, AsyncOpenAI, "/openai/v1"),
    "gemini": (OpenAI, AsyncOpenAI, "/v1beta/openai/"),
    "vertex": (
        OpenAI,
        AsyncOpenAI,
        "/v1/projects/my-project/locations/us-central1/endpoints/openapi",
    ),
}
WAYS = [name + kind for name in PROVIDERS for kind in ("", ", async")]
OF_RESPONSES = [way for way in WAYS if way.startswith(("openai", "azure"))]
OF_GOOGLE = [way for way in WAYS if way not in OF_RESPONSES]
DOWN_TWICE = [
    {"error": {"kind": "server_error"}, "headers": {"retry-after-ms": "1"}},
    {"error": {"kind": "rate_limit"}, "headers": {"retry-after": "0.001"}},
    {"text": "third time lucky"},
]
MOCKS = [
    {
        "match": {"tool_result": {"contains": "12 degrees"}},
        "response": {"text": "It is 12 degrees in Oslo."},
    },
    {"match": {"user": "hello"}, "response": {"text": TEXT}},
    {
        "match": {"user": "one\ntwo", "system": "Be brief.\nBe kind.", "turn": 1},
        "response": {"text": "All of it was read."},
    },
    {
        "match": {"user": "spend"},
        "response": {
            "text": TEXT,
            "usage": {
                "input_tokens": 12,
                "output_tokens": 9,
                "reasoning_tokens": 4,
                "cached_tokens": 8,
            },
        },
    },
    {
        "match": {"user": "everything", "tools": ["get_weather"]},
        "response": {"reasoning": "Let me see. Both.", "text": TEXT, "tool_calls": [OSLO, ROME]},
    },
    {"match": {"user": "refuse"}, "response": {"refusal": REFUSAL}},
    {"match": {"user": "json"}, "response": {"text": {"city": "Oslo", "degrees": 12}}},
    {
        "match": {"user": "break"},
        "response": {
            "text": "one two three four",
            "error": {"kind": "overloaded"},
            "after_events": 6,
        },
    },
    {"match": {"user": "fail content_filter"}, "response": {"error": {"kind": "content_filter"}}},
    {
        "match": {"operation": "count_tokens", "user": "hello"},
        "response": {"usage": {"input_tokens": 14}},
    },
    {
        "match": {"operation": "embed", "user": "one\ntwo"},
        "response": {"embedding": [VECTOR, [1.0, 0.0, -0.125]]},
    },
    *(
        {"match": {"user": f"call {name}"}, "response": {"tool_calls": calls}}
        for name, calls in CALLS.items()
    ),
    *(
        {"match": {"user": f"end {stop}"}, "response": {"text": TEXT, "finish_reason": stop}}
        for stop in ("stop", *CUT)
    ),
    *({"match": {"user": f"fail {kind}"}, "response": {"error": {"kind": kind}}} for kind in KINDS),
    *(
        {"match": {"user": f"{kind} flaky {way}"}, "responses": DOWN_TWICE}
        for kind in ("whole", "streamed")
        for way in WAYS
    ),
]


ITEMS: List[Any] = [
    {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "a"}},
    {"type": "file_search_call", "status": "completed", "queries": ["a"]},
    {"type": "image_generation_call", "status": "completed", "result": "iVBO"},
    {
        "type": "code_interpreter_call",
        "status": "completed",
        "code": "1 + 1",
        "container_id": "cntr_1",
        "outputs": [],
    },
    {"type": "mcp_call", "name": "f", "server_label": "s", "arguments": "{}", "output": "o"},
    {"type": "mcp_list_tools", "server_label": "s", "tools": [{"name": "f", "input_schema": {}}]},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a b"}]},
]
MOCKS += [
    {"match": {"user": "items"}, "response": {"parts": [{"block": item} for item in ITEMS]}},
    {
        "match": {"user": "custom"},
        "response": {"tool_calls": [{"name": "g", "arguments": "1 + 1"}]},
    },
    {"match": {"user": "end failed"}, "response": {"text": TEXT, "finish_reason": "failed"}},
]


class Weather(BaseModel):
    """What a structured answer is parsed into."""

    city: str
    degrees: int


class GetWeather(BaseModel):
    """Arguments of the tool."""

    city: str


CHAT_TOOL = openai.pydantic_function_tool(GetWeather, name="get_weather")
TOOL = {
    "type": "function",
    "strict": True,
    **{key: value for key, value in CHAT_TOOL["function"].items() if key != "strict"},
}


def connect(way: str, url: str, **options: Any) -> Plain:
    """A client of one of the WAYS that does not retry, unless it is told to."""
    name, _, kind = way.partition(", ")
    sync, asynchronous, prefix = PROVIDERS[name]
    where = (
        {"azure_endpoint": url, "api_version": "2025-04-01-preview"}
        if name == "azure"
        else {"base_url": url + prefix}
    )
    return Plain(
        (asynchronous if kind else sync)(**{"api_key": "key", "max_retries": 0, **where, **options})
    )


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Plain]:
    """A client of the way that the test asks for; it knows the name of its provider."""
    with connect(request.param, server) as found:
        found.provider = request.param.partition(",")[0]
        yield found


every_way = pytest.mark.parametrize("client", OF_RESPONSES, indirect=True)
every_way_to_google = pytest.mark.parametrize("client", OF_GOOGLE, indirect=True)


def whole(client: Plain, user: Any, **options: Any) -> Any:
    """A whole response."""
    return client(lambda sdk: sdk.responses.create(**{"model": MODEL, "input": user, **options}))


def events(client: Plain, user: Any, **options: Any) -> List[Any]:
    """The events of a stream."""
    return whole(client, user, **options, stream=True)


def finished(client: Plain, user: Any, **options: Any) -> Any:
    """What the SDK's own stream helper makes of a stream."""
    return client.opened(
        lambda sdk: sdk.responses.stream(model=MODEL, input=user, **options),
        lambda stream: stream.get_final_response(),
    )


def parsed(client: Plain, user: Any, **options: Any) -> Any:
    """What the SDK's own parser makes of a response."""
    return client(lambda sdk: sdk.responses.parse(model=MODEL, input=user, **options))


FORMS: Dict[str, Callable[..., Any]] = {
    "whole": whole,
    "streamed": events,
    "helped": finished,
    "parsed": parsed,
}


def sent(response: Any) -> Any:
    """A response as the provider sent it, without what the SDK adds."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: plain(inner)
                for key, inner in value.items()
                if key not in ("parsed", "parsed_arguments")
            }
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    return plain(response.to_dict(mode="json"))


def called(response: Any) -> List[Dict[str, Any]]:
    """The function calls of a response."""
    return [
        {"name": item.name, "arguments": json.loads(item.arguments)}
        for item in response.output
        if item.type == "function_call"
    ]


def status_of(provider: str, kind: str) -> int:
    """The status that a provider has for a kind of error."""
    return OTHERWISE.get((provider, kind), KINDS[kind])


# --- Responses: content ---


@every_way
def test_text_comes_back(client: Plain) -> None:
    answer = whole(client, "hello")
    assert (answer.object, answer.model, answer.status, answer.output_text) == (
        "response",
        MODEL,
        "completed",
        TEXT,
    )
    assert [item.type for item in answer.output] == ["message"]


@every_way
def test_log_probabilities_and_what_a_request_says_come_back(client: Plain) -> None:
    asked: Dict[str, Any] = {
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 1,
        "service_tier": "flex",
        "conversation": "conv_1",
        "prompt": {"id": "pmpt_1", "variables": {"city": "Oslo"}},
    }
    answer, found = whole(client, "hello", **asked), events(client, "hello", **asked)
    assert sent(found[-1].response) == sent(answer) == sent(finished(client, "hello", **asked))
    assert (answer.service_tier, answer.top_logprobs) == ("flex", 1)
    assert (answer.conversation.id, answer.prompt.variables) == ("conv_1", {"city": "Oslo"})
    tokens = answer.output[0].content[0].logprobs
    deltas = [event for event in found if event.type == "response.output_text.delta"]
    assert [token.token for token in tokens] == [event.logprobs[0].token for event in deltas]
    assert "".join(token.token for token in tokens) == TEXT


@every_way
@pytest.mark.parametrize(
    "user", ["hello", "everything", "refuse", "spend", *(f"call {name}" for name in CALLS)]
)
def test_the_helper_and_the_last_event_are_the_whole_response(client: Plain, user: str) -> None:
    answer, found = whole(client, user, tools=[TOOL]), events(client, user, tools=[TOOL])
    assert (found[0].type, found[-1].type) == ("response.created", "response.completed")
    assert sent(found[-1].response) == sent(answer)
    assert sent(finished(client, user, tools=[TOOL])) == sent(answer)


@every_way
def test_events_are_numbered_without_a_gap_and_their_pieces_make_the_whole(client: Plain) -> None:
    answer, found = (
        whole(client, "everything", tools=[TOOL]),
        events(client, "everything", tools=[TOOL]),
    )
    assert [event.sequence_number for event in found] == list(range(len(found)))
    pieces: Dict[str, str] = {}
    for event in found:
        if event.type.endswith(".delta"):
            pieces[event.item_id] = pieces.get(event.item_id, "") + event.delta
    thought, message, *calls = answer.output
    assert pieces == {
        thought.id: thought.summary[0].text,
        message.id: message.content[0].text,
        **{call.id: call.arguments for call in calls},
    }


@every_way
def test_the_stream_helper_sees_every_piece(client: Plain) -> None:
    found = client.opened(
        lambda sdk: sdk.responses.stream(model=MODEL, input="hello"), lambda stream: stream
    )
    deltas = [event for event in found if event.type == "response.output_text.delta"]
    assert (
        len(deltas) > 4 and "".join(event.delta for event in deltas) == deltas[-1].snapshot == TEXT
    )
    assert [event.text for event in found if event.type == "response.output_text.done"] == [TEXT]


@every_way
def test_reasoning_comes_first_then_text_then_function_calls(client: Plain) -> None:
    for form in (whole, finished):
        answer = form(
            client, "everything", tools=[TOOL], reasoning={"effort": "low", "summary": "auto"}
        )
        assert [item.type for item in answer.output] == [
            "reasoning",
            "message",
            "function_call",
            "function_call",
        ]
        assert [part.text for part in answer.output[0].summary] == ["Let me see. Both."]
        assert (answer.output_text, called(answer), answer.reasoning.effort) == (
            TEXT,
            [OSLO, ROME],
            "low",
        )


@every_way
@pytest.mark.parametrize("name", CALLS)
def test_the_sdk_parses_the_arguments_of_its_functions(client: Plain, name: str) -> None:
    for form in (parsed, finished):
        answer = form(client, f"call {name}", tools=[CHAT_TOOL])
        assert called(answer) == CALLS[name]
        assert [item.parsed_arguments for item in answer.output] == [
            GetWeather(**call["arguments"]) for call in CALLS[name]
        ]
        assert (
            len({item.call_id for item in answer.output})
            == len({item.id for item in answer.output})
            == len(CALLS[name])
        )


@every_way
def test_a_refusal_is_a_part_of_its_own(client: Plain) -> None:
    for form in (whole, finished, parsed):
        answer = form(client, "refuse")
        assert [(part.type, part.refusal) for part in answer.output[0].content] == [
            ("refusal", REFUSAL)
        ]
        assert (answer.output_text, answer.status) == ("", "completed")
    found = events(client, "refuse")
    assert (
        "".join(event.delta for event in found if event.type == "response.refusal.delta") == REFUSAL
    )


@every_way
@pytest.mark.parametrize("stop", CUT)
def test_what_was_cut_is_incomplete_and_says_why(client: Plain, stop: str) -> None:
    answer, found = whole(client, f"end {stop}"), events(client, f"end {stop}")
    assert (answer.status, answer.incomplete_details.reason, answer.output_text) == (
        "incomplete",
        CUT[stop],
        TEXT,
    )
    assert (found[-1].type, sent(found[-1].response)) == ("response.incomplete", sent(answer))


@every_way
def test_usage_is_what_the_mock_says(client: Plain) -> None:
    for form in (whole, finished):
        usage = form(client, "spend").usage
        assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (12, 9, 21)
        assert (
            usage.input_tokens_details.cached_tokens,
            usage.output_tokens_details.reasoning_tokens,
        ) == (8, 4)


@every_way
def test_json_text_is_parsed(client: Plain) -> None:
    for form in (parsed, finished):
        answer = form(client, "json", text_format=Weather)
        assert answer.output_parsed == Weather(city="Oslo", degrees=12)
        assert answer.text.format.type == "json_schema"
    assert parsed(client, "refuse", text_format=Weather).output_parsed is None


@every_way
def test_a_conversation_is_read_whole(client: Plain) -> None:
    said = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": "hello"},
        *(item.to_dict() for item in whole(client, "hello").output),
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text} for text in ("one", "two")],
        },
    ]
    for form in (whole, finished):
        assert form(client, said, instructions="Be brief.").output_text == "All of it was read."


@every_way
@pytest.mark.parametrize("stored", [False, True])
def test_a_function_result_leads_to_the_next_answer(client: Plain, stored: bool) -> None:
    first = whole(client, "call one", tools=[TOOL])
    result = {
        "type": "function_call_output",
        "call_id": first.output[0].call_id,
        "output": "12 degrees",
    }
    said = [result] if stored else [{"role": "user", "content": "call one"}, *first.output, result]
    for form in (whole, finished):
        answer = form(
            client, said, tools=[TOOL], **({"previous_response_id": first.id} if stored else {})
        )
        assert answer.output_text == "It is 12 degrees in Oslo."
        assert answer.previous_response_id == (first.id if stored else None)


@every_way
def test_the_answer_repeats_what_was_asked(client: Plain) -> None:
    answer = whole(
        client,
        "hello",
        temperature=0.5,
        max_output_tokens=99,
        metadata={"a": "b"},
        instructions="Be brief.",
        tools=[TOOL],
        tool_choice="auto",
        parallel_tool_calls=False,
        store=False,
    )
    assert (answer.temperature, answer.max_output_tokens, answer.metadata) == (0.5, 99, {"a": "b"})
    assert (answer.instructions, answer.parallel_tool_calls, answer.tools[0].name) == (
        "Be brief.",
        False,
        "get_weather",
    )


@pytest.mark.parametrize("way", ["openai", "azure v1"])
@pytest.mark.parametrize("user", ["hello", "everything", "refuse", "spend", "end length"])
def test_responses_pass_the_sdks_strict_validation(server: str, way: str, user: str) -> None:
    with connect(way, server, _strict_response_validation=True) as client:
        assert whole(client, user, tools=[TOOL]).output
        if user == "everything" and "name" in ResponseFunctionCallArgumentsDoneEvent.model_fields:
            pytest.skip(
                "version 2 wants a name in response.function_call_arguments.done, "
                "where the API sends none"
            )
        assert events(client, user, tools=[TOOL])


@pytest.mark.parametrize("way", ["openai", "azure v1"])
def test_the_apis_own_words_pass_the_sdks_strict_validation(server: str, way: str) -> None:
    with connect(way, server, _strict_response_validation=True) as client:
        for form in (whole, finished):
            assert [item.type for item in form(client, "items").output] == [
                item["type"] for item in ITEMS
            ]
            (call,) = form(client, "custom", tools=[{"type": "custom", "name": "g"}]).output
            assert (call.type, call.name, call.input) == ("custom_tool_call", "g", "1 + 1")
        answer, found = whole(client, "end failed"), events(client, "end failed")
        assert (answer.status, answer.error.code, answer.usage) == ("failed", "server_error", None)
        assert (found[-1].type, sent(found[-1].response)) == ("response.failed", sent(answer))


@pytest.mark.parametrize("client", ["openai", "openai, async"], indirect=True)
def test_input_tokens_are_counted(client: Plain) -> None:
    if not hasattr(client.sdk.responses, "input_tokens"):
        pytest.skip("this version has no input_tokens")
    assert (
        client(
            lambda sdk: sdk.responses.input_tokens.count(model=MODEL, input="hello")
        ).input_tokens
        == 14
    )


@pytest.mark.parametrize("client", ["azure", "azure v1"], indirect=True)
def test_azure_says_what_its_filters_found(client: Plain) -> None:
    for answer in (whole(client, "hello"), finished(client, "hello")):
        found = answer.to_dict()["content_filters"]
        assert [(entry["source_type"], entry["blocked"]) for entry in found] == [
            ("prompt", False),
            ("completion", False),
        ]


# --- Responses: errors and retries ---


@every_way
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_raises_the_sdks_own_exception(client: Plain, form: str, kind: str) -> None:
    status = status_of(client.provider, kind)
    with pytest.raises(RAISED[status]) as caught:
        FORMS[form](client, f"fail {kind}")
    assert (caught.value.status_code, bool(caught.value.message)) == (status, True)
    assert ("retry-after" in caught.value.response.headers) == (kind == "rate_limit")
    if client.provider == "openai":
        assert caught.value.code == CODES.get(kind, caught.value.code)


@every_way
def test_a_filtered_prompt_is_an_error_at_azure_and_incomplete_at_openai(client: Plain) -> None:
    if client.provider == "openai":
        answer = whole(client, "fail content_filter")
        assert (answer.status, answer.incomplete_details.reason, answer.output_text) == (
            "incomplete",
            "content_filter",
            "",
        )
        return
    for form in (whole, events, finished):
        with pytest.raises(openai.BadRequestError, match="content management policy") as caught:
            form(client, "fail content_filter")
        assert caught.value.code == "content_filter"


@every_way
@pytest.mark.parametrize("helped", [False, True])
def test_an_error_in_mid_stream_raises(client: Plain, helped: bool) -> None:
    with pytest.raises(openai.APIError, match="overloaded") as caught:
        (finished if helped else events)(client, "break")
    assert not isinstance(caught.value, openai.APIStatusError)
    with pytest.raises(openai.InternalServerError):
        whole(client, "break")


@every_way
def test_a_miss_is_not_found_and_says_why(client: Plain) -> None:
    for form in FORMS.values():
        with pytest.raises(openai.NotFoundError, match='user is "hullo", expected "hello"'):
            form(client, "hullo")


@every_way
def test_a_request_that_the_api_refuses_is_a_bad_request(client: Plain) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        whole(client, [{"role": "nobody", "content": "hello"}])
    assert caught.value.param == "input[0].role"


# --- Chat at Google's OpenAI-compatible paths ---


def chat(client: Plain, user: Any, **options: Any) -> Any:
    """A whole chat completion."""
    messages = [{"role": "user", "content": user}] if isinstance(user, str) else user
    return client(
        lambda sdk: sdk.chat.completions.create(model=GEMINI, messages=messages, **options)
    )


def chunks(client: Plain, user: Any, **options: Any) -> List[Any]:
    """The chunks of a streamed one."""
    return chat(client, user, **options, stream=True)


def chat_finished(client: Plain, user: str, **options: Any) -> Any:
    """What the SDK's own stream helper makes of it."""
    return client.opened(
        lambda sdk: sdk.chat.completions.stream(
            model=GEMINI, messages=[{"role": "user", "content": user}], **options
        ),
        lambda stream: stream.get_final_completion(),
    )


def chat_streamed(client: Plain, user: str, **options: Any) -> Any:
    """What is in the chunks of tool calls that have no index (openai-python, issue 2806): the
    SDK's own stream helper fails on them."""
    with pytest.raises(TypeError, match="list indices"):
        chat_finished(client, user, **options)
    found = [choice for chunk in chunks(client, user, **options) for choice in chunk.choices]
    calls = [call for choice in found for call in choice.delta.tool_calls or ()]
    return found[-1], calls


def chat_called(calls: Iterable[Any]) -> List[Dict[str, Any]]:
    """The tool calls of a message."""
    return [
        {"name": call.function.name, "arguments": json.loads(call.function.arguments)}
        for call in calls
    ]


@every_way_to_google
def test_google_chat_is_the_same_whole_streamed_and_helped(client: Plain) -> None:
    answer, found, final = (
        chat(client, "hello"),
        chunks(client, "hello"),
        chat_finished(client, "hello"),
    )
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason, answer.model) == (
        TEXT,
        "stop",
        GEMINI,
    )
    assert (
        "".join(choice.delta.content or "" for chunk in found for choice in chunk.choices) == TEXT
        and len(found) > 4
    )
    assert final.choices[0].message.content == TEXT
    assert {chunk.id for chunk in found} == {answer.id} == {final.id} and not answer.id.startswith(
        "chatcmpl-"
    )


@every_way_to_google
@pytest.mark.parametrize("name", CALLS)
def test_google_tool_calls_are_the_same_whole_and_streamed_and_lead_on(
    client: Plain, name: str
) -> None:
    answer = chat(client, f"call {name}", tools=[CHAT_TOOL]).choices[0]
    last, calls = chat_streamed(client, f"call {name}", tools=[CHAT_TOOL])
    assert chat_called(answer.message.tool_calls) == chat_called(calls) == CALLS[name]
    assert (answer.finish_reason, last.finish_reason) == ("tool_calls", "tool_calls")
    assert [call.id for call in calls] == [call.id for call in answer.message.tool_calls]
    result = [
        {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}
        for call in answer.message.tool_calls
    ]
    said = [{"role": "user", "content": f"call {name}"}, answer.message.to_dict(), *result]
    assert chat(client, said).choices[0].message.content == "It is 12 degrees in Oslo."


@every_way_to_google
def test_google_json_is_parsed_and_usage_is_what_the_mock_says(client: Plain) -> None:
    asked = {
        "model": GEMINI,
        "messages": [{"role": "user", "content": "json"}],
        "response_format": Weather,
    }
    answer = client(lambda sdk: sdk.chat.completions.parse(**asked))
    assert answer.choices[0].message.parsed == Weather(city="Oslo", degrees=12)
    usages = [
        chat(client, "spend").usage,
        chunks(client, "spend", stream_options={"include_usage": True})[-1].usage,
    ]
    assert [
        (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) for usage in usages
    ] == [(12, 5, 21)] * 2  # Google's thoughts count in the total alone


@every_way_to_google
@pytest.mark.parametrize("stop", ["stop", *CUT])
def test_google_finish_reasons_are_openais(client: Plain, stop: str) -> None:
    found = [
        choice.finish_reason
        for chunk in chunks(client, f"end {stop}")
        for choice in chunk.choices
        if choice.finish_reason
    ]
    assert [chat(client, f"end {stop}").choices[0].finish_reason] == found == [stop]


@every_way_to_google
def test_google_embeds_in_openais_shape(client: Plain) -> None:
    answer = client(
        lambda sdk: sdk.embeddings.create(model="gemini-embedding-001", input=["one", "two"])
    )
    assert [entry.embedding for entry in answer.data] == [VECTOR, [1.0, 0.0, -0.125]]


@pytest.mark.parametrize("client", ["gemini", "gemini, async"], indirect=True)
def test_gemini_lists_its_models_in_openais_shape(client: Plain) -> None:
    names = [model.id for model in client(lambda sdk: sdk.models.list()).data]
    assert names and all(name.startswith("models/") for name in names)


@every_way_to_google
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [chat, chunks, chat_finished])
def test_google_errors_raise_the_sdks_own_exceptions(
    client: Plain, form: Callable[..., Any], kind: str
) -> None:
    status = status_of(client.provider, kind)
    with pytest.raises(RAISED[status]) as caught:
        form(client, f"fail {kind}")
    assert caught.value.status_code == status
    assert [entry["error"]["code"] for entry in caught.value.body] == [status]


@every_way_to_google
def test_google_errors_in_mid_stream_raise(client: Plain) -> None:
    for form in (chunks, chat_finished):
        with pytest.raises(openai.APIError, match="overloaded") as caught:
            form(client, "break")
        assert not isinstance(caught.value, openai.APIStatusError)


# --- Both ---


def answered(client: Plain, way: str, user: str, streamed: bool) -> str:
    """The text of an answer, whichever API the way has."""
    if way in OF_RESPONSES:
        return (finished if streamed else whole)(client, user).output_text
    return (chat_finished if streamed else chat)(client, user).choices[0].message.content


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["whole", "streamed"])
def test_the_sdk_retries_until_the_third_answer(server: str, way: str, kind: str) -> None:
    with connect(way, server, max_retries=2) as client:
        assert (
            answered(client, way, f"{kind} flaky {way}", kind == "streamed") == "third time lucky"
        )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("streamed", [False, True])
def test_without_a_credential_authentication_fails(guarded: str, way: str, streamed: bool) -> None:
    with connect(way, guarded) as client:
        assert answered(client, way, "hello", streamed) == TEXT
    raised = (
        openai.PermissionDeniedError if way.startswith("gemini") else openai.AuthenticationError
    )
    http = anonymous(
        openai.DefaultAsyncHttpxClient if way.endswith("async") else openai.DefaultHttpxClient
    )
    with connect(way, guarded, http_client=http) as client, pytest.raises(raised):
        answered(client, way, "hello", streamed)


def test_every_event_is_named_by_its_type_and_none_says_done(post: Callable[..., Any]) -> None:
    asked = {"model": MODEL, "input": "everything", "stream": True, "tools": [TOOL]}
    answer = post("/v1/responses", asked, authorization="Bearer key")
    found = [event.split("\n") for event in answer.body.decode().split("\n\n")[:-1]]
    assert answer.headers["content-type"].startswith("text/event-stream") and len(found) > 20
    assert all(
        name == "event: " + json.loads(data.partition(": ")[2])["type"] for name, data in found
    )
