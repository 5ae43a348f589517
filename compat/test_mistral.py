"""mistralai: chat, fill-in-the-middle, embeddings and models of Mistral, sync and async, against
the server."""

from __future__ import annotations

import base64
import json
from typing import Any, Dict, Iterator, List

import openai
import pytest
from conftest import Plain
from pydantic import BaseModel, ValidationError

try:
    from mistralai.client import Mistral, errors, utils
except ImportError:  # before 3
    from mistralai import Mistral, utils
    from mistralai import models as errors

MODEL = "magistral-medium-latest"
TEXT = 'Hello — wörld, says the mock.\nTwo lines, "quoted".'
THOUGHT = "Let me see. Both of them."
REFUSAL = "I can't help with that."
VECTOR, OTHER = [0.25, -0.5, 1.0], [1.0, 0.0, -0.125]
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
ROME = {"name": "get_weather", "arguments": {"city": "Rome — «Roma»"}}
NOTHING = {"name": "now", "arguments": {}}
CALLS: Dict[str, List[Any]] = {"one": [OSLO], "parallel": [OSLO, ROME], "bare": [NOTHING, OSLO]}
STOPS = {"stop": "stop", "length": "length", "content_filter": "error"}
KINDS = {
    "authentication": 401,
    "permission": 403,
    "not_found": 400,
    "rate_limit": 429,
    "overloaded": 503,
    "server_error": 500,
    "timeout": 504,
    "context_length": 400,
}
TYPES = {"not_found": "invalid_model", "rate_limit": "rate_limited"}
EVERY = ["generate", "embed", "moderate"]
WAYS = {"sync": "", "async": "_async"}
DOWN_TWICE = [
    {"error": {"kind": "server_error"}, "headers": {"retry-after-ms": "1"}},
    {"error": {"kind": "rate_limit"}, "headers": {"retry-after-ms": "1"}},
    {"text": "third time lucky"},
]
MOCKS = [
    *(
        {
            "match": {"user": f"call {name}", "tool_result": "12 degrees"},
            "response": {"text": "It is 12 degrees in Oslo."},
        }
        for name in CALLS
    ),
    {"match": {"user": "hello"}, "response": {"text": TEXT}},
    {
        "match": {"user": "one\ntwo", "system": "Be brief.", "turn": 1},
        "response": {"text": "All of it was read."},
    },
    {
        "match": {"user": "spend"},
        "response": {"text": TEXT, "usage": {"input_tokens": 12, "output_tokens": 9}},
    },
    {"match": {"user": "think"}, "response": {"reasoning": THOUGHT, "text": TEXT}},
    {
        "match": {"user": "everything", "tools": ["get_weather", "now"]},
        "response": {"reasoning": THOUGHT, "text": TEXT, "tool_calls": [OSLO, ROME]},
    },
    {"match": {"user": "refuse"}, "response": {"refusal": REFUSAL}},
    {"match": {"user": "json"}, "response": {"text": {"city": "Oslo", "degrees": 12}}},
    {
        "match": {"user": "break"},
        "response": {"text": "one two three", "error": {"kind": "overloaded"}, "after_events": 3},
    },
    {"match": {"user": "fail content_filter"}, "response": {"error": {"kind": "content_filter"}}},
    {
        "match": {"operation": "count_tokens"},
        "response": {"usage": {"input_tokens": 31}, "text": ""},
    },
    {"match": {"api": "fim", "user": "def add("}, "response": {"text": "a, b):"}},
    {"match": {"api": "ocr", "user": {"contains": ".pdf"}}, "response": {"text": "# Title"}},
    {"match": {"operation": "audio"}, "response": {"text": "Let us begin. Are all here?"}},
    {"match": {"api": "classifications", "user": "news"}, "response": {"text": "weather"}},
    {"match": {"api": "chat_classifications", "user": "spam"}, "response": {"text": "spam"}},
    {
        "match": {"api": ["moderations", "chat_moderations"], "user": {"contains": "spam"}},
        "response": {"refusal": "no"},
    },
    {
        "match": {"operation": "embed", "user": "one\ntwo"},
        "response": {"embedding": [VECTOR, OTHER]},
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
            "match": {"operation": EVERY, "user": f"fail {kind}"},
            "response": {"error": {"kind": kind}},
        }
        for kind in KINDS
    ),
    *(
        {"match": {"user": f"flaky {way} {stream}"}, "responses": DOWN_TWICE}
        for way in WAYS
        for stream in (False, True)
    ),
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "A tool.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    for name in ("get_weather", "now")
]


class Weather(BaseModel):
    """What a structured answer is parsed into."""

    city: str
    degrees: int


def connect(way: str, url: str, **options: Any) -> Plain:
    """A client of one of the WAYS; the one class has methods of both kinds."""
    found = Plain(Mistral(**{"api_key": "key", "server_url": url, **options}))
    found.suffix = WAYS[way]
    return found


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Plain]:
    """A client of the way that the test asks for."""
    with connect(request.param, server) as found:
        yield found


every_way = pytest.mark.parametrize("client", WAYS, indirect=True)
both_forms = pytest.mark.parametrize("stream", [False, True])


def call(client: Plain, api: str, method: str, **options: Any) -> Any:
    """What a method comes to, sync or async."""
    return client(lambda sdk: getattr(getattr(sdk, api), method + client.suffix)(**options))


def ask(client: Plain, user: Any, stream: bool = False, **options: Any) -> Any:
    """A whole chat completion, or the chunks of a streamed one."""
    messages = [{"role": "user", "content": user}] if isinstance(user, str) else user
    found = call(
        client,
        "chat",
        "stream" if stream else "complete",
        model=MODEL,
        messages=messages,
        **options,
    )
    return [event.data for event in found] if stream else found


def pieces(content: Any) -> List[Any]:
    """Content, a string or a list, as pairs of type and text."""
    if isinstance(content, str):
        return [("text", content)] if content else []
    return [
        (
            part.type,
            "".join(thought.text for thought in part.thinking)
            if part.type == "thinking"
            else part.text,
        )
        for part in content or ()
    ]


def answer(client: Plain, user: Any, stream: bool, **options: Any) -> Dict[str, Any]:
    """What an answer says, in one form whether it was whole or streamed."""
    found = ask(client, user, stream, **options)
    chunks = found if stream else [found]
    said: Dict[str, str] = {}
    calls, stops = [], []
    for chunk in chunks:
        assert (chunk.id, chunk.model, len(chunk.choices)) == (chunks[0].id, MODEL, 1)
        choice = chunk.choices[0]
        message = choice.delta if stream else choice.message
        for kind, text in pieces(message.content):
            said[kind] = said.get(kind, "") + text
        calls += [
            {
                "id": one.id,
                "name": one.function.name,
                "arguments": json.loads(one.function.arguments),
            }
            for one in message.tool_calls or ()
        ]
        stops += [choice.finish_reason] if choice.finish_reason else []
    usage = chunks[-1].usage
    return {
        "id": chunks[0].id,
        "said": said,
        "calls": calls,
        "stops": stops,
        "usage": (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens),
    }


def called(found: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The tool calls of an answer without their ids."""
    return [{"name": one["name"], "arguments": one["arguments"]} for one in found["calls"]]


# --- Content ---


@every_way
@both_forms
def test_text_comes_back(client: Plain, stream: bool) -> None:
    found = answer(client, "hello", stream)
    assert (found["said"], found["stops"], len(found["id"])) == ({"text": TEXT}, ["stop"], 32)


@every_way
@pytest.mark.parametrize(
    "user", ["hello", "think", "everything", "refuse", "spend", *(f"call {name}" for name in CALLS)]
)
def test_a_stream_and_a_whole_answer_say_the_same(client: Plain, user: str) -> None:
    assert answer(client, user, True, tools=TOOLS) == answer(client, user, False, tools=TOOLS)


@every_way
def test_text_comes_in_pieces_and_usage_at_the_end_unasked(client: Plain) -> None:
    *others, last = ask(client, "hello", stream=True)
    assert (
        len(others) > 4 and not any(chunk.usage for chunk in others) and last.usage.total_tokens > 1
    )


@every_way
@both_forms
def test_thinking_comes_first_then_text_then_tool_calls(client: Plain, stream: bool) -> None:
    found = answer(client, "everything", stream, tools=TOOLS)
    assert list(found["said"].items()) == [("thinking", THOUGHT), ("text", TEXT)]
    assert (called(found), found["stops"]) == ([OSLO, ROME], ["tool_calls"])


@every_way
@both_forms
@pytest.mark.parametrize("name", CALLS)
def test_tool_calls_have_ids_of_nine_characters(client: Plain, stream: bool, name: str) -> None:
    found = answer(client, f"call {name}", stream, tools=TOOLS)
    assert (called(found), found["stops"]) == (CALLS[name], ["tool_calls"])
    assert [len(one["id"]) for one in found["calls"]] == [9] * len(
        {one["id"] for one in found["calls"]}
    )


@every_way
def test_streamed_tool_calls_come_in_one_piece(client: Plain) -> None:
    *others, last = ask(client, "call parallel", stream=True, tools=TOOLS)
    assert not any(chunk.choices[0].delta.tool_calls for chunk in others)
    assert [one.index for one in last.choices[0].delta.tool_calls] == [0, 1]


@every_way
@both_forms
@pytest.mark.parametrize("stop", STOPS)
def test_finish_reasons_are_mistrals_own(client: Plain, stream: bool, stop: str) -> None:
    assert answer(client, f"end {stop}", stream)["stops"] == [STOPS[stop]]


@every_way
@both_forms
@pytest.mark.parametrize(
    "user, said, stop",
    [("refuse", {"text": REFUSAL}, "error"), ("fail content_filter", {}, "error")],
)
def test_a_refusal_is_text_and_what_is_filtered_is_nothing(
    client: Plain, stream: bool, user: str, said: Dict[str, str], stop: str
) -> None:
    found = answer(client, user, stream)
    assert found["said"] == said
    assert found["stops"] == [stop]


@every_way
@both_forms
def test_usage_is_what_the_mock_says(client: Plain, stream: bool) -> None:
    assert answer(client, "spend", stream)["usage"] == (12, 9, 21)


@every_way
@both_forms
def test_a_conversation_is_read_whole(client: Plain, stream: bool) -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "think"},
        ask(client, "think").choices[0].message,
        {
            "role": "user",
            "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
        },
    ]
    assert answer(client, said, stream)["said"] == {"text": "All of it was read."}


@every_way
@both_forms
def test_a_tool_result_leads_to_the_next_answer(client: Plain, stream: bool) -> None:
    first = ask(client, "call parallel", tools=TOOLS).choices[0].message
    said = [
        {"role": "user", "content": "call parallel"},
        first,
        *(
            {
                "role": "tool",
                "name": one.function.name,
                "tool_call_id": one.id,
                "content": "12 degrees",
            }
            for one in first.tool_calls
        ),
    ]
    assert answer(client, said, stream, tools=TOOLS)["said"] == {
        "text": "It is 12 degrees in Oslo."
    }


@every_way
def test_json_text_is_parsed(client: Plain) -> None:
    asked = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "json"}],
        "response_format": Weather,
    }
    assert call(client, "chat", "parse", **asked).choices[0].message.parsed == Weather(
        city="Oslo", degrees=12
    )
    chunks = call(client, "chat", "parse_stream", **asked)
    assert json.loads("".join(event.data.choices[0].delta.content for event in chunks)) == {
        "city": "Oslo",
        "degrees": 12,
    }


# --- Other APIs ---


@every_way
def test_the_middle_is_filled_in(client: Plain) -> None:
    asked = {"model": "codestral-latest", "prompt": "def add(", "suffix": "return a + b"}
    whole = call(client, "fim", "complete", **asked)
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == ("a, b):", "stop")
    chunks = [event.data for event in call(client, "fim", "stream", **asked)]
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == "a, b):"


@every_way
def test_each_input_gets_its_embedding(client: Plain) -> None:
    found = call(client, "embeddings", "create", model="mistral-embed", inputs=["one", "two"])
    assert [(entry.index, entry.embedding) for entry in found.data] == [(0, VECTOR), (1, OTHER)]
    assert len(found.id) == 32 and found.usage.prompt_tokens == found.usage.total_tokens > 0


@every_way
def test_models_are_listed_and_any_can_be_retrieved(client: Plain) -> None:
    found = call(client, "models", "list").data
    assert MODEL in [model.id for model in found] and all(model.capabilities for model in found)
    assert call(client, "models", "retrieve", model_id="codestral-latest").id == "codestral-latest"


# --- Errors and retries ---


@every_way
@both_forms
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_raises_the_sdks_own_exception(client: Plain, stream: bool, kind: str) -> None:
    with pytest.raises(errors.SDKError) as caught:
        ask(client, f"fail {kind}", stream)
    error, body = caught.value, json.loads(caught.value.body)
    assert (error.status_code, len(error.headers["mistral-correlation-id"])) == (KINDS[kind], 36)
    if kind == "authentication":
        assert body == {"detail": "Unauthorized"}
    else:
        assert (body["object"], body["raw_status_code"], bool(body["message"])) == (
            "error",
            KINDS[kind],
            True,
        )
        assert body["type"] == TYPES.get(kind, body["type"])


@every_way
def test_an_error_in_mid_stream_raises(client: Plain) -> None:
    with pytest.raises(
        (errors.MistralError, ValidationError)
    ):  # it is no chunk, which is all that the SDK knows
        ask(client, "break", stream=True)
    with pytest.raises(errors.SDKError):
        ask(client, "break")


@every_way
@both_forms
def test_a_miss_is_not_found_and_says_why(client: Plain, stream: bool) -> None:
    with pytest.raises(errors.SDKError, match="no mock matches") as caught:
        ask(client, "hullo", stream)
    assert caught.value.status_code == 404
    assert 'user is "hullo", expected "hello"' in json.loads(caught.value.body)["message"]


@every_way
@both_forms
def test_a_request_that_the_api_refuses_is_a_validation_error(client: Plain, stream: bool) -> None:
    with pytest.raises(errors.HTTPValidationError) as caught:
        ask(client, [], stream)
    assert (caught.value.status_code, caught.value.data.detail[0].loc) == (
        422,
        ["body", "messages"],
    )


@pytest.mark.parametrize("way", WAYS)
@both_forms
def test_without_a_key_authentication_fails(guarded: str, way: str, stream: bool) -> None:
    with connect(way, guarded) as client:
        assert answer(client, "hello", stream)["said"] == {"text": TEXT}
    with connect(way, guarded, api_key=None) as client, pytest.raises(
        errors.SDKError, match="Unauthorized"
    ) as caught:
        ask(client, "hello", stream)
    assert caught.value.status_code == 401


@pytest.mark.parametrize("way", WAYS)
@both_forms
def test_the_sdk_retries_until_the_third_answer(server: str, way: str, stream: bool) -> None:
    patience = utils.RetryConfig("backoff", utils.BackoffStrategy(1, 10, 1.0, 5000), False)
    with connect(way, server, retry_config=patience) as client:
        assert answer(client, f"flaky {way} {stream}", stream)["said"] == {
            "text": "third time lucky"
        }


# --- what came with version 3 ---


def latest(client: Plain, api: str) -> None:
    """Skip a test whose API the installed SDK does not have."""
    if not hasattr(client(lambda sdk: sdk), api):
        pytest.skip(f"this version has no {api}")


@every_way
@both_forms
def test_responses_are_read_whole_and_streamed(client: Plain, stream: bool) -> None:
    latest(client, "responses")
    tools = [{"type": "function", "name": "get_weather", "parameters": {}}]
    user = "think" if stream else "call one"
    options = {"model": MODEL, "input": user, "tools": tools, "stream": stream}
    found = call(client, "responses", "create", **options)
    if not stream:
        assert [item.name for item in found.output] == ["get_weather"]
        return
    events = [event.data for event in found]
    texts = [event.delta for event in events if event.type == "response.output_text.delta"]
    thoughts = [event.delta for event in events if event.type == "response.reasoning_text.delta"]
    assert ("".join(thoughts), "".join(texts)) == (THOUGHT, TEXT)
    assert events[-1].response.output[0].content[0].text == THOUGHT


@every_way
@both_forms
@pytest.mark.parametrize("user", ["refuse", "call parallel", "end length", "end content_filter"])
def test_a_response_is_the_one_that_its_stream_ends_with(
    client: Plain, user: str, stream: bool
) -> None:
    latest(client, "responses")
    found = call(client, "responses", "create", model=MODEL, input=user, stream=stream)
    last = found
    if stream:
        last = found[-1].data.response
        assert [event.data.sequence_number for event in found] == list(range(len(found)))
    ends = {"end length": "max_output_tokens", "end content_filter": "content_filter"}
    assert last.status == ("incomplete" if user in ends else "completed")
    assert user not in ends or last.incomplete_details.reason == ends[user]
    names = [item.name for item in last.output if item.type == "function_call"]
    assert names == (["get_weather"] * 2 if user == "call parallel" else [])


@every_way
def test_an_error_ends_a_stream_of_responses(client: Plain) -> None:
    latest(client, "responses")
    found = call(client, "responses", "create", model=MODEL, input="break", stream=True)
    error, failed = (event.data for event in found[-2:])
    assert (error.type, error.message) == ("error", "Service unavailable.")
    assert (failed.type, failed.response.error.code) == ("response.failed", "server_error")


@every_way
def test_input_tokens_are_counted(client: Plain) -> None:
    latest(client, "responses")
    found = call(client, "responses", "count_input_tokens", model=MODEL, input="count")
    assert found.input_tokens == 31


@every_way
def test_log_probabilities_and_what_only_mistral_has_can_be_asked_for(client: Plain) -> None:
    latest(client, "responses")
    more = {"logprobs": True, "top_logprobs": 1, "prompt_mode": "reasoning", "random_seed": 1}
    more.update(reasoning_effort="high", safe_prompt=True, prompt_cache_key="k", top_k=3)
    whole = ask(client, "hello", **more).choices[0].logprobs.content
    chunks = ask(client, "hello", stream=True, **more)
    told = [chunk.choices[0].logprobs.content for chunk in chunks if chunk.choices[0].logprobs]
    assert whole == [one for content in told for one in content]
    assert "".join(one.token for one in whole) == TEXT and whole[0].top_logprobs[0].token_id


LATER: List[Any] = [
    ("responses", "create", {"model": MODEL, "input": "%s"}),
    ("classifiers", "moderate", {"model": "m", "inputs": ["%s"]}),
    ("classifiers", "moderate_chat", {"model": "m", "inputs": [{"role": "user", "content": "%s"}]}),
    ("classifiers", "classify", {"model": "m", "inputs": ["%s"]}),
    (
        "classifiers",
        "classify_chat",
        {"model": "m", "input": {"messages": [{"role": "user", "content": "%s"}]}},
    ),
    ("ocr", "process", {"model": "m", "document": {"document_url": "%s"}}),
    ("embeddings", "create", {"model": "m", "inputs": ["%s"]}),
    ("fim", "complete", {"model": "m", "prompt": "%s"}),
]


@every_way
@pytest.mark.parametrize("kind", ["authentication", "not_found", "rate_limit", "overloaded"])
def test_every_api_raises_the_sdks_own_exception(client: Plain, kind: str) -> None:
    latest(client, "responses")
    for api, method, options in LATER:
        filled = json.loads(json.dumps(options).replace("%s", f"fail {kind}"))
        with pytest.raises(errors.SDKError) as caught:
            call(client, api, method, **filled)
        assert caught.value.status_code == KINDS[kind], method


@every_way
def test_every_api_refuses_what_is_wrong_with_its_place(client: Plain) -> None:
    latest(client, "responses")
    for api, method, place, options in (
        ("classifiers", "moderate", "input", {"model": "m", "inputs": []}),
        ("classifiers", "moderate_chat", "input", {"model": "m", "inputs": []}),
        ("classifiers", "classify", "input", {"model": "m", "inputs": []}),
        ("embeddings", "create", "input", {"model": "m", "inputs": []}),
    ):
        with pytest.raises(errors.HTTPValidationError) as caught:
            call(client, api, method, **options)
        assert caught.value.data.detail[0].loc == ["body", place], method


@both_forms
def test_other_clients_get_the_dialect_by_the_path(server: str, stream: bool) -> None:
    other = openai.OpenAI(api_key="key", base_url=f"{server}/mistral/v1", max_retries=0)
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "everything"}]}
    asked["tools"] = TOOLS
    found = other.chat.completions.create(stream=stream, **asked)
    last = list(found)[-1] if stream else found
    said = last.choices[0].delta if stream else last.choices[0].message
    assert [len(one.id) for one in said.tool_calls] == [9, 9] and last.usage.prompt_tokens > 0
    assert stream or [part["type"] for part in said.content] == ["thinking", "text"]
    asked["messages"] = [{"role": "user", "content": "fail rate_limit"}]
    with pytest.raises(openai.RateLimitError) as caught:
        other.chat.completions.create(stream=stream, **asked)
    assert caught.value.body["type"] == "rate_limited"


@every_way
def test_texts_and_chats_are_moderated_and_classified(client: Plain) -> None:
    latest(client, "classifiers")
    chat = [{"role": "user", "content": "spam"}]
    found = call(client, "classifiers", "moderate", model="m", inputs=["spam", "spam"])
    assert [any(one.categories.values()) for one in found.results] == [True, True]
    found = call(client, "classifiers", "moderate_chat", model="m", inputs=chat)
    assert any(found.results[0].categories.values())
    found = call(client, "classifiers", "classify", model="m", inputs=["news"])
    assert found.results[0]["default"].scores == {"weather": 0.98}
    found = call(client, "classifiers", "classify_chat", model="m", input={"messages": chat})
    assert len(found.results) == 1


@every_way
def test_sound_is_transcribed_and_made(client: Plain) -> None:
    latest(client, "audio")
    audio = client(lambda sdk: sdk.audio)
    asked: Dict[str, Any] = {
        "model": "voxtral-mini-latest",
        "file": {"file_name": "a.mp3", "content": b"ID3 and more"},
    }
    run = client.suffix
    found = client(lambda _: getattr(audio.transcriptions, "complete" + run)(**asked))
    assert (found.text, found.segments) == ("Let us begin. Are all here?", [])
    elsewhere = {"model": "voxtral-mini-latest", "file_url": "https://example.com/a.mp3"}
    found = client(lambda _: getattr(audio.transcriptions, "complete" + run)(**elsewhere))
    assert found.text == "Let us begin. Are all here?"
    timed = {**asked, "timestamp_granularities": ["segment"], "language": "en"}
    found = client(lambda _: getattr(audio.transcriptions, "complete" + run)(**timed))
    assert [one.text for one in found.segments] == ["Let us begin.", "Are all here?"]
    events = client(lambda _: getattr(audio.transcriptions, "stream" + run)(**timed))
    kinds = [event.event for event in events]
    assert kinds[:2] == ["transcription.language", "transcription.text.delta"]
    assert kinds[-2:] == ["transcription.segment", "transcription.done"]
    assert events[-1].data.text == found.text
    said: Dict[str, Any] = {"input": "hello", "response_format": "wav"}
    spoken = client(lambda _: getattr(audio.speech, "complete" + run)(**said))
    assert base64.b64decode(spoken.audio_data).startswith(b"RIFF")
    *pieces, done = client(lambda _: getattr(audio.speech, "complete" + run)(**said, stream=True))
    sound = b"".join(base64.b64decode(piece.data.audio_data) for piece in pieces)
    assert sound == base64.b64decode(spoken.audio_data) and done.event == "speech.audio.done"


@every_way
def test_a_document_is_read(client: Plain) -> None:
    latest(client, "ocr")
    document = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
    found = call(client, "ocr", "process", model="mistral-ocr-latest", document=document)
    assert [page.markdown for page in found.pages] == ["# Title"]
