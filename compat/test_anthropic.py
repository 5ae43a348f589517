"""anthropic: messages from Anthropic, from Vertex AI and from Bedrock, sync and async, against the
server."""

# Not `from __future__ import annotations`: beta_tool reads the annotations of a function.
import json
from typing import Any, Callable, Dict, Iterator, List, Tuple

import anthropic
import pytest
from conftest import Plain, anonymous
from google.oauth2.credentials import Credentials
from pydantic import BaseModel

MODEL = "claude-sonnet-4-5-20250929"
TEXT = 'Hello — wörld, says the mock.\nTwo lines, "quoted".'
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
ROME = {"name": "get_weather", "arguments": {"city": "Rome — «Roma»"}}
NOTHING = {"name": "now", "arguments": {}}
CALLS: Dict[str, List[Any]] = {"one": [OSLO], "parallel": [OSLO, ROME], "bare": [NOTHING, OSLO]}
STOPS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
WEATHER = {"city": "Oslo", "degrees": 12}


def raises(name: str) -> Any:
    """An exception of the SDK; older ones have the general one instead."""
    return getattr(anthropic, name, anthropic.APIStatusError)


# What each kind of error raises, and what Anthropic itself calls it.
KINDS: Dict[str, Tuple[int, Any, str]] = {
    "authentication": (401, anthropic.AuthenticationError, "authentication_error"),
    "permission": (403, anthropic.PermissionDeniedError, "permission_error"),
    "not_found": (404, anthropic.NotFoundError, "not_found_error"),
    "rate_limit": (429, anthropic.RateLimitError, "rate_limit_error"),
    "overloaded": (
        529,
        (raises("OverloadedError"), anthropic.InternalServerError),
        "overloaded_error",
    ),
    "server_error": (500, anthropic.InternalServerError, "api_error"),
    "timeout": (504, raises("GatewayTimeoutError"), "timeout_error"),
    "context_length": (400, anthropic.BadRequestError, "invalid_request_error"),
}
# Bedrock has its own statuses for some of them.
ON_BEDROCK: Dict[str, Tuple[int, Any]] = {
    "authentication": (403, anthropic.PermissionDeniedError),
    "not_found": (400, anthropic.BadRequestError),
    "overloaded": (503, raises("ServiceUnavailableError")),
    "timeout": (408, raises("RequestTimeoutError")),
}
PROVIDERS: Dict[str, Tuple[Any, Any, str, Dict[str, Any]]] = {
    "anthropic": (anthropic.Anthropic, anthropic.AsyncAnthropic, "", {"api_key": "key"}),
    "vertex": (
        anthropic.AnthropicVertex,
        anthropic.AsyncAnthropicVertex,
        "/v1",
        {"access_token": "token", "project_id": "my-project", "region": "us-east5"},
    ),
    "bedrock": (
        anthropic.AnthropicBedrock,
        anthropic.AsyncAnthropicBedrock,
        "",
        {"aws_access_key": "AKIAMOCK", "aws_secret_key": "secret", "aws_region": "us-east-1"},
    ),
}
NO_KEY: Dict[str, Tuple[Any, str]] = {
    "anthropic": (anthropic.AuthenticationError, "x-api-key header is required"),
    "vertex": (anthropic.AuthenticationError, "invalid authentication credentials"),
    "bedrock": (anthropic.PermissionDeniedError, "Missing Authentication Token"),
}


def connect(way: str, url: str, **options: Any) -> Plain:
    """A client of one of the WAYS that does not retry, unless it is told to."""
    provider, _, kind = way.partition(" ")
    sync, asynchronous, prefix, own = PROVIDERS[provider]
    return Plain(
        (asynchronous if kind else sync)(
            base_url=url + prefix, **{"max_retries": 0, **own, **options}
        )
    )


# What only Anthropic says: a search of its own servers, thoughts that nobody can read, citations.
BLOCKS: List[Any] = [
    {"type": "redacted_thinking", "data": "b3BhcXVl"},
    {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmVk"},
    {
        "type": "server_tool_use",
        "id": "srvtoolu_1",
        "name": "web_search",
        "input": {"query": "weather in Oslo"},
        "caller": {"type": "direct"},
    },
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [
            {
                "type": "web_search_result",
                "title": "Oslo",
                "url": "https://a.example",
                "encrypted_content": "b3BhcXVl",
                "page_age": None,
            }
        ],
        "caller": {"type": "direct"},
    },
    {
        "citations": [
            {
                "type": "web_search_result_location",
                "cited_text": "12 degrees",
                "url": "https://a.example",
                "title": "Oslo",
                "encrypted_index": "b3BhcXVl",
            }
        ],
        "type": "text",
        "text": "It is 12 degrees in Oslo.",
    },
]
WRITTEN = {"input_tokens": 20, "output_tokens": 9, "cached_tokens": 8, "cache_write_tokens": 5}
WAYS = [provider + kind for provider in PROVIDERS for kind in ("", " async")]
DOWN_TWICE = [
    {"error": {"kind": "server_error"}, "headers": {"retry-after-ms": "1"}},
    {"error": {"kind": "rate_limit"}, "headers": {"retry-after": "0.001"}},
    {"text": "third time lucky"},
]
MOCKS = [
    *(
        {
            "match": {"user": f"call {name}", "tool_result": {"contains": "12 degrees"}},
            "response": {"text": "It is 12 degrees in Oslo."},
        }
        for name in CALLS
    ),
    {"match": {"user": "hello"}, "response": {"text": TEXT}},
    {"match": {"user": "again", "turn": 1}, "response": {"text": "You said hello."}},
    {
        "match": {"user": "one\ntwo", "system": "Be brief.\nBe kind.", "turn": 2},
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
        "match": {"user": "everything", "tools": ["get_weather", "now"]},
        "response": {
            "reasoning": "Let me see. Both of them.",
            "text": TEXT,
            "tool_calls": [OSLO, ROME],
        },
    },
    {"match": {"user": "refuse"}, "response": {"refusal": "I can't help with that."}},
    {"match": {"user": "json"}, "response": {"text": WEATHER}},
    {
        "match": {"user": "search"},
        "response": {
            "parts": [{"block": block} for block in BLOCKS],
            "finish_reason": "pause_turn",
            "usage": WRITTEN,
        },
    },
    {"match": {"user": "fail content_filter"}, "response": {"error": {"kind": "content_filter"}}},
    {
        "match": {"user": "break"},
        "response": {
            "text": "one two three four",
            "error": {"kind": "overloaded"},
            "after_events": 5,
        },
    },
    {
        "match": {"user": "do not retry"},
        "responses": [
            {"status": 500, "error": "final", "headers": {"x-should-retry": "false"}},
            {"text": "was retried"},
        ],
    },
    {
        "match": {"operation": "count_tokens", "user": "hello"},
        "response": {"usage": {"input_tokens": 14}},
    },
    *(
        {"match": {"user": f"call {name}"}, "response": {"tool_calls": calls}}
        for name, calls in CALLS.items()
    ),
    *(
        {"match": {"user": f"end {stop}"}, "response": {"text": TEXT, "finish_reason": stop}}
        for stop in STOPS
    ),
    *({"match": {"user": f"fail {kind}"}, "response": {"error": {"kind": kind}}} for kind in KINDS),
    *(
        {"match": {"user": f"{kind} flaky {way}"}, "responses": DOWN_TWICE}
        for kind in ("whole", "streamed")
        for way in WAYS
    ),
]
TOOLS = [
    {
        "name": name,
        "description": "A tool.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
    for name in ("get_weather", "now")
]


class Weather(BaseModel):
    """What a structured answer is parsed into."""

    city: str
    degrees: int


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Plain]:
    """A client of the way that the test asks for."""
    with connect(request.param, server) as found:
        yield found


every_way = pytest.mark.parametrize("client", WAYS, indirect=True)
anthropics_own = pytest.mark.parametrize("client", ["anthropic", "anthropic async"], indirect=True)


def asking(user: Any, **options: Any) -> Dict[str, Any]:
    """The arguments of a message."""
    return {
        "model": MODEL,
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": user}],
        **options,
    }


def whole(client: Plain, user: Any, **options: Any) -> Any:
    """A whole message."""
    return client(lambda sdk: sdk.messages.create(**asking(user, **options)))


def events(client: Plain, user: Any, **options: Any) -> List[Any]:
    """The events of a stream."""
    return client(lambda sdk: sdk.messages.create(**asking(user, **options), stream=True))


def finished(client: Plain, user: Any, **options: Any) -> Any:
    """What the SDK's own stream helper makes of a stream."""
    return client.opened(
        lambda sdk: sdk.messages.stream(**asking(user, **options)),
        lambda stream: stream.get_final_message(),
    )


FORMS: Dict[str, Callable[..., Any]] = {"whole": whole, "streamed": events, "helped": finished}
every_form = pytest.mark.parametrize("form", FORMS)


def texts(message: Any) -> List[str]:
    """The texts of a message."""
    return [block.text for block in message.content if block.type == "text"]


def called(message: Any) -> List[Dict[str, Any]]:
    """The tool calls of a message."""
    return [
        {"name": block.name, "arguments": block.input}
        for block in message.content
        if block.type == "tool_use"
    ]


def same(one: Any, other: Any) -> bool:
    """Whether two messages are equal in everything that the provider sends."""

    def plain(message: Any) -> Any:
        value = message.to_dict()
        value.pop("parsed_output", None)
        return {
            **value,
            "content": [
                {key: inner for key, inner in block.items() if key != "parsed_output"}
                for block in value["content"]
            ],
        }

    return plain(one) == plain(other)


# --- Content ---


@every_way
@every_form
def test_text_is_the_same_in_every_form(client: Plain, form: str) -> None:
    answer = FORMS[form](client, "hello")
    if form == "streamed":
        pieces = [event.delta.text for event in answer if event.type == "content_block_delta"]
        assert ("".join(pieces), len(pieces) > 4) == (TEXT, True)
    else:
        assert (texts(answer), answer.stop_reason, answer.role, answer.model) == (
            [TEXT],
            "end_turn",
            "assistant",
            MODEL,
        )


@every_way
@pytest.mark.parametrize(
    "user",
    ["hello", "everything", "refuse", "spend", "search", *(f"call {name}" for name in CALLS)],
)
def test_the_stream_helper_finishes_with_the_whole_message(client: Plain, user: str) -> None:
    assert same(finished(client, user, tools=TOOLS), whole(client, user, tools=TOOLS))


@every_way
def test_thinking_comes_first_then_text_then_tool_calls(client: Plain) -> None:
    message = whole(
        client,
        "everything",
        tools=TOOLS,
        thinking={"type": "enabled", "budget_tokens": 1024},
        max_tokens=2048,
    )
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert (
        message.content[0].thinking == "Let me see. Both of them." and message.content[0].signature
    )
    assert (texts(message), called(message), message.stop_reason) == (
        [TEXT],
        [OSLO, ROME],
        "tool_use",
    )


@every_way
def test_anthropics_own_blocks_and_words_are_decoded_as_they_are(client: Plain) -> None:
    for message in (whole(client, "search"), finished(client, "search")):
        found = [block.to_dict() for block in message.content]
        for block in found:
            block.pop("parsed_output", None)
        assert found == BLOCKS and message.stop_reason == "pause_turn"
        usage = message.usage
        assert (usage.input_tokens, usage.cache_read_input_tokens) == (7, 8)
        assert usage.cache_creation_input_tokens == 5
        assert usage.cache_creation.ephemeral_5m_input_tokens == 5


@every_way
def test_a_stream_opens_closes_and_numbers_its_blocks(client: Plain) -> None:
    found = events(client, "everything", tools=TOOLS)
    names = [event.type for event in found]
    assert names[0] == "message_start" and names[-2:] == ["message_delta", "message_stop"]
    numbered = [
        (event.type, event.index)
        for event in found
        if event.type in ("content_block_start", "content_block_stop")
    ]
    assert numbered == [
        (f"content_block_{edge}", index) for index in range(4) for edge in ("start", "stop")
    ]


@every_way
@pytest.mark.parametrize("name", CALLS)
def test_tool_calls_have_parsed_arguments_and_ids_of_their_own(client: Plain, name: str) -> None:
    for form in (whole, finished):
        message = form(client, f"call {name}", tools=TOOLS)
        assert (called(message), message.stop_reason) == (CALLS[name], "tool_use")
        assert len({block.id for block in message.content}) == len(CALLS[name])


def test_the_stream_helper_sees_text_thoughts_and_arguments_grow(server: str) -> None:
    with connect("anthropic", server) as client:
        found = client.opened(
            lambda sdk: sdk.messages.stream(**asking("everything", tools=TOOLS)), iter_of
        )
    last = {event.type: event for event in found}
    assert (last["text"].snapshot, last["thinking"].snapshot) == (TEXT, "Let me see. Both of them.")
    assert last["input_json"].snapshot == ROME["arguments"]


def iter_of(stream: Any) -> Iterator[Any]:
    """The events of a helper's stream."""
    return (event for event in stream)


@every_way
@pytest.mark.parametrize("stop", STOPS)
def test_stop_reasons_are_anthropics_own(client: Plain, stop: str) -> None:
    assert (
        whole(client, f"end {stop}").stop_reason
        == finished(client, f"end {stop}").stop_reason
        == STOPS[stop]
    )


@every_way
@pytest.mark.parametrize(
    "user, said", [("refuse", ["I can't help with that."]), ("fail content_filter", [])]
)
def test_a_refusal_is_a_stop_reason(client: Plain, user: str, said: List[str]) -> None:
    for form in (whole, finished):
        message = form(client, user)
        assert (texts(message), message.stop_reason) == (said, "refusal")


@every_way
def test_usage_is_what_the_mock_says(client: Plain) -> None:
    for form in (whole, finished):
        usage = form(client, "spend").usage
        assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (4, 8, 9)
        assert usage.to_dict()["output_tokens_details"] == {"thinking_tokens": 4}


@every_way
def test_a_conversation_is_read_whole(client: Plain) -> None:
    said = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "text", "text": TEXT}]},
        {
            "role": "user",
            "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
        },
        {"role": "assistant", "content": "All of"},
    ]
    system = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
    for form in (whole, finished):
        for prompt in (system, "Be brief.\nBe kind."):
            assert texts(form(client, "", messages=said, system=prompt)) == ["All of it was read."]


@every_way
@pytest.mark.parametrize("form", [whole, finished])
def test_a_tool_result_leads_to_the_next_answer(client: Plain, form: Callable[..., Any]) -> None:
    message = form(client, "call one", tools=TOOLS)
    messages = [
        *asking("call one")["messages"],
        {"role": "assistant", "content": message.content},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": message.content[0].id,
                    "content": "12 degrees",
                }
            ],
        },
    ]
    assert texts(form(client, "", messages=messages, tools=TOOLS)) == ["It is 12 degrees in Oslo."]


@anthropic.beta_tool
def get_weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: its name
    """
    return f"12 degrees in {city}"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_tool_runner_calls_and_goes_on(server: str, provider: str, stream: bool) -> None:
    with connect(provider, server) as client:
        runner = client.sdk.beta.messages.tool_runner(
            **asking("call parallel"), tools=[get_weather], stream=stream
        )
        assert [block.text for block in runner.until_done().content] == [
            "It is 12 degrees in Oslo."
        ]


@anthropics_own
def test_a_thread_goes_on_though_the_server_keeps_none(client: Plain) -> None:
    if not hasattr(client.sdk.beta.messages, "thread"):
        pytest.skip("this version has no threads")
    thread = client.sdk.beta.messages.thread(model=MODEL, max_tokens=1024)
    said = [
        texts(client(lambda _, user=user: thread.send({"role": "user", "content": user})))
        for user in ("hello", "again")
    ]
    assert said == [[TEXT], ["You said hello."]]


@every_way
def test_json_text_is_parsed(client: Plain) -> None:
    parsed = client(
        lambda sdk: sdk.messages.parse(**asking("json"), output_format=Weather)
    ).parsed_output
    assert (
        parsed
        == finished(client, "json", output_format=Weather).parsed_output
        == Weather(city="Oslo", degrees=12)
    )


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("user", ["hello", "everything", "refuse", "spend", "search"])
def test_messages_pass_the_sdks_strict_validation(server: str, provider: str, user: str) -> None:
    with connect(provider, server, _strict_response_validation=True) as client:
        for form in FORMS.values():
            assert form(client, user, tools=TOOLS)


# --- Other APIs ---


@pytest.mark.parametrize("client", [way for way in WAYS if "bedrock" not in way], indirect=True)
def test_tokens_are_counted(client: Plain) -> None:
    asked = {key: value for key, value in asking("hello").items() if key != "max_tokens"}
    assert client(lambda sdk: sdk.messages.count_tokens(**asked, tools=TOOLS)).input_tokens == 14


@anthropics_own
def test_models_are_listed_and_any_can_be_retrieved(client: Plain) -> None:
    names = [model.id for model in client(lambda sdk: sdk.models.list()).data]
    assert MODEL in names and len(set(names)) == len(names)
    assert client(lambda sdk: sdk.models.retrieve("my-own-model")).id == "my-own-model"
    model = client(lambda sdk: sdk.models.retrieve("claude-opus-5-5"))
    assert (model.lifecycle, model.line) == ("active", "opus")
    assert model.capabilities.server_tools.web_search.supported


@anthropics_own
@pytest.mark.parametrize("stream", [False, True])
def test_what_became_of_a_managed_context_is_said(client: Plain, stream: bool) -> None:
    edits: Any = {"edits": [{"type": "clear_tool_uses_20250919"}]}
    more = {"context_management": edits, "betas": ["context-management-2025-06-27"]}
    asked = {**asking("hello"), **more}
    found = client(lambda sdk: sdk.beta.messages.create(**asked, stream=stream))
    said = found[-2] if stream else found
    assert said.context_management.applied_edits == []
    del asked["max_tokens"]
    counted = client(lambda sdk: sdk.beta.messages.count_tokens(**asked))
    assert counted.context_management.original_input_tokens == counted.input_tokens


@anthropics_own
def test_beta_messages_are_answered_too(client: Plain) -> None:
    message = client(
        lambda sdk: sdk.beta.messages.create(
            **asking("hello"), betas=["interleaved-thinking-2025-05-14"]
        )
    )
    assert texts(message) == [TEXT]


# --- Errors and retries ---


@every_way
@every_form
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_raises_the_sdks_own_exception(client: Plain, form: str, kind: str) -> None:
    bedrock = isinstance(client.sdk, (anthropic.AnthropicBedrock, anthropic.AsyncAnthropicBedrock))
    status, raised = (bedrock and ON_BEDROCK.get(kind)) or KINDS[kind][:2]
    with pytest.raises(raised) as caught:
        FORMS[form](client, f"fail {kind}")
    assert (caught.value.status_code, bool(caught.value.message)) == (status, True)


@anthropics_own
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_has_anthropics_type_and_the_id_of_the_request(client: Plain, kind: str) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        whole(client, f"fail {kind}")
    body = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", KINDS[kind][2])
    assert (
        str(caught.value.request_id).startswith("req_")
        and body["request_id"] == caught.value.request_id
    )
    assert ("retry-after" in caught.value.response.headers) == (kind == "rate_limit")


@every_way
def test_an_error_in_mid_stream_raises_after_what_was_said(client: Plain) -> None:
    said: List[Any] = []

    async def read(stream: Any) -> None:
        if hasattr(stream, "__aiter__"):
            async for event in stream:
                said.append(event)
        else:
            said.extend(stream)

    # 0.125 says it with a ValueError where it reads Bedrock's frames.
    with pytest.raises(
        (anthropic.APIStatusError, ValueError), match="(?i)overloaded|unable to process"
    ):
        client.opened(lambda sdk: sdk.messages.stream(**asking("break")), read)
    text = "".join(event.text for event in said if event.type == "text")
    assert (
        text
        and "one two three four".startswith(text)
        and not any(event.type == "message_stop" for event in said)
    )
    with pytest.raises(anthropic.APIStatusError):
        whole(client, "break")


@every_way
def test_a_miss_is_not_found_and_says_why(client: Plain) -> None:
    for form in FORMS.values():
        with pytest.raises(anthropic.NotFoundError) as caught:
            form(client, "hullo")
        assert 'user is "hullo", expected "hello"' in caught.value.message


@every_way
def test_a_request_that_the_api_refuses_is_a_bad_request(client: Plain) -> None:
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        whole(client, "", messages=[])


@pytest.mark.parametrize("way", WAYS)
def test_without_a_credential_authentication_fails(guarded: str, way: str) -> None:
    raised, said = NO_KEY[way.partition(" ")[0]]
    with connect(way, guarded) as client:
        assert texts(whole(client, "hello")) == [TEXT]
    http = anonymous(
        anthropic.DefaultAsyncHttpxClient if way.endswith("async") else anthropic.DefaultHttpxClient
    )
    with connect(way, guarded, http_client=http) as client:
        for form in FORMS.values():
            with pytest.raises(raised, match=said):
                form(client, "hello")


@pytest.mark.parametrize(
    "provider, options",
    [
        ("anthropic", {"api_key": None, "auth_token": "token"}),
        ("vertex", {"access_token": None, "credentials": Credentials(token="token")}),
        ("bedrock", {"api_key": "key", "aws_access_key": None, "aws_secret_key": None}),
    ],
)
def test_other_credentials_do_as_well(guarded: str, provider: str, options: Dict[str, Any]) -> None:
    with connect(provider, guarded, **options) as client:
        assert texts(whole(client, "hello")) == texts(finished(client, "hello")) == [TEXT]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", ["whole", "streamed"])
def test_the_sdk_retries_until_the_third_answer(server: str, way: str, form: str) -> None:
    with connect(way, server, max_retries=2) as client:
        message = {"whole": whole, "streamed": finished}[form](client, f"{form} flaky {way}")
    assert texts(message) == ["third time lucky"]


def test_x_should_retry_keeps_the_sdk_from_retrying(server: str) -> None:
    with connect("anthropic", server, max_retries=2) as client, pytest.raises(
        anthropic.InternalServerError, match="final"
    ):
        whole(client, "do not retry")


# --- On the wire ---


@anthropics_own
def test_headers_tell_the_request_and_the_limits(client: Plain) -> None:
    raw = client(lambda sdk: sdk.messages.with_raw_response.create(**asking("hello")))
    assert (
        raw.headers["request-id"].startswith("req_")
        and raw.headers["content-type"] == "application/json"
    )
    assert int(raw.headers["anthropic-ratelimit-requests-remaining"]) <= int(
        raw.headers["anthropic-ratelimit-requests-limit"]
    )


@pytest.mark.parametrize(
    "provider, prefix",
    [("anthropic", "msg_01"), ("vertex", "msg_vrtx_01"), ("bedrock", "msg_bdrk_01")],
)
def test_ids_tell_where_the_message_comes_from_and_stay_the_same(
    server: str, provider: str, prefix: str
) -> None:
    with connect(provider, server) as client:
        ids = {form(client, "hello").id for form in (whole, whole, finished)}
    assert len(ids) == 1 and ids.pop().startswith(prefix)


def test_every_event_is_named_by_its_type(post: Callable[..., Any]) -> None:
    answer = post(
        "/v1/messages",
        asking("everything", tools=TOOLS, stream=True),
        anthropic_version="2023-06-01",
        x_api_key="key",
    )
    found = [event.split("\n") for event in answer.body.decode().split("\n\n")[:-1]]
    assert answer.headers["content-type"].startswith("text/event-stream") and len(found) > 20
    assert all(
        name == "event: " + json.loads(data.partition(": ")[2])["type"] for name, data in found
    )
