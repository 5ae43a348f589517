"""ollama: chat, generate, embeddings and the list of models, with Client and AsyncClient, against
the server."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterator, List

import ollama
import pytest
from conftest import Plain
from pydantic import BaseModel

MODEL = "llama3.2"
TEXT = 'Hello — wörld, says the mock.\nTwo lines, "quoted".'
THOUGHT = "Let me see. Both of them."
REFUSAL = "I can't help with that."
VECTOR, OTHER = [0.25, -0.5, 1.0], [1.0, 0.0, -0.125]
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
ROME = {"name": "get_weather", "arguments": {"city": "Rome — «Roma»"}}
NOTHING = {"name": "now", "arguments": {}}
CALLS: Dict[str, List[Any]] = {"one": [OSLO], "parallel": [OSLO, ROME], "bare": [NOTHING, OSLO]}
STOPS = {"stop": "stop", "length": "length", "content_filter": "stop"}  # it has no filter
KINDS = {
    "authentication": (401, "unauthorized"),
    "permission": (403, "Forbidden"),
    "not_found": (404, f"model '{MODEL}' not found"),
    "rate_limit": (429, "too many requests"),
    "overloaded": (503, "server busy, please try again.  maximum pending requests exceeded"),
    "server_error": (500, ""),
    "timeout": (504, ""),
    "context_length": (400, "the input length exceeds the context length"),
}
WAYS = {"sync": ollama.Client, "async": ollama.AsyncClient}
MOCKS = [
    *(
        {
            "match": {"user": f"call {name}", "tool_result": "12 degrees"},
            "response": {"text": "It is 12 degrees in Oslo."},
        }
        for name in CALLS
    ),
    {"match": {"user": "hello"}, "response": {"text": TEXT}},
    {"match": {"user": "who", "system": "Be brief."}, "response": {"text": "A mock."}},
    {
        "match": {"user": "again", "system": "Be brief.", "turn": 1},
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
        "response": {"text": "one two three", "error": {"kind": "overloaded"}, "after_events": 2},
    },
    {"match": {"user": "fail content_filter"}, "response": {"error": {"kind": "content_filter"}}},
    {"match": {"operation": "embed", "user": "embed"}, "response": {"embedding": VECTOR}},
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
    *({"match": {"user": f"fail {kind}"}, "response": {"error": {"kind": kind}}} for kind in KINDS),
]


class Weather(BaseModel):
    """What a structured answer is parsed into."""

    city: str
    degrees: int


def get_weather(city: str) -> str:
    """
    The weather in a city.

    Args:
        city: its name

    Returns:
        str: the weather
    """
    return f"12 degrees in {city}"


def now() -> str:
    """The time."""
    return "noon"


TOOLS = [get_weather, now]  # the SDK makes their declarations


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Plain]:
    """A client of the way that the test asks for."""
    with Plain(WAYS[request.param](host=server)) as found:
        yield found


every_way = pytest.mark.parametrize("client", WAYS, indirect=True)
both_apis = pytest.mark.parametrize("api", ["chat", "generate"])
both_forms = pytest.mark.parametrize("stream", [False, True])


def ask(client: Plain, api: str, user: Any, stream: bool, **options: Any) -> List[Any]:
    """The objects of an answer: one, or as many as a stream has."""
    said: Dict[str, Any] = {"prompt": user}
    if api == "chat":
        said = {"messages": [{"role": "user", "content": user}] if isinstance(user, str) else user}
    found = client(lambda sdk: getattr(sdk, api)(model=MODEL, stream=stream, **said, **options))
    return found if stream else [found]


def answer(client: Plain, api: str, user: Any, stream: bool, **options: Any) -> Dict[str, Any]:
    """What an answer says, in one form whichever API it is and whether it was whole or streamed."""
    found = ask(client, api, user, stream, **options)
    said = [one.message if api == "chat" else one for one in found]
    last = found[-1]
    assert [one.done for one in found] == [False] * (len(found) - 1) + [True]
    assert {one.model for one in found} == {MODEL}
    return {
        "text": "".join((one.content if api == "chat" else one.response) or "" for one in said),
        "thought": "".join(one.thinking or "" for one in said),
        "calls": [
            {"name": call.function.name, "arguments": call.function.arguments}
            for one in said
            for call in getattr(one, "tool_calls", None) or ()
        ],
        "stop": last.done_reason,
        "usage": (last.prompt_eval_count, last.eval_count),
        "times": (
            last.total_duration,
            last.load_duration,
            last.prompt_eval_duration,
            last.eval_duration,
        ),
    }


# --- Content ---


@every_way
@both_apis
@both_forms
def test_text_comes_back(client: Plain, api: str, stream: bool) -> None:
    found = answer(client, api, "hello", stream)
    assert (found["text"], found["thought"], found["calls"], found["stop"]) == (
        TEXT,
        "",
        [],
        "stop",
    )


@every_way
@pytest.mark.parametrize(
    "api, user",
    [
        *(
            (api, user)
            for api in ("chat", "generate")
            for user in ("hello", "think", "refuse", "spend")
        ),
        *(("chat", user) for user in ("everything", *(f"call {name}" for name in CALLS))),
    ],
)
def test_a_stream_and_a_whole_answer_say_the_same(client: Plain, api: str, user: str) -> None:
    options = {"tools": TOOLS} if api == "chat" else {}
    assert answer(client, api, user, True, **options) == answer(client, api, user, False, **options)


@every_way
@both_apis
def test_text_comes_in_pieces_of_which_only_the_last_has_counts(client: Plain, api: str) -> None:
    *others, last = ask(client, api, "hello", stream=True)
    assert len(others) > 4 and not any(one.eval_count or one.total_duration for one in others)
    assert (
        last.eval_count > 0
        and last.prompt_eval_count > 0
        and last.total_duration > last.eval_duration > 0
    )


@every_way
@both_apis
@both_forms
def test_thinking_has_its_own_field(client: Plain, api: str, stream: bool) -> None:
    found = answer(client, api, "think", stream, think=True)
    assert (found["thought"], found["text"]) == (THOUGHT, TEXT)


@every_way
@both_forms
def test_thinking_text_and_tool_calls_come_together(client: Plain, stream: bool) -> None:
    found = answer(client, "chat", "everything", stream, tools=TOOLS)
    assert (found["thought"], found["text"], found["calls"]) == (THOUGHT, TEXT, [OSLO, ROME])


@every_way
@both_forms
@pytest.mark.parametrize("name", CALLS)
def test_tool_calls_have_parsed_arguments(client: Plain, stream: bool, name: str) -> None:
    found = answer(client, "chat", f"call {name}", stream, tools=TOOLS)
    assert (found["calls"], found["text"], found["stop"]) == (CALLS[name], "", "stop")


@every_way
@both_apis
@both_forms
@pytest.mark.parametrize("stop", STOPS)
def test_done_reasons_are_ollamas_own(client: Plain, api: str, stream: bool, stop: str) -> None:
    assert answer(client, api, f"end {stop}", stream)["stop"] == STOPS[stop]


@every_way
@both_apis
@both_forms
@pytest.mark.parametrize("user, said", [("refuse", REFUSAL), ("fail content_filter", "")])
def test_a_refusal_is_text_and_what_is_filtered_is_nothing(
    client: Plain, api: str, stream: bool, user: str, said: str
) -> None:
    assert answer(client, api, user, stream)["text"] == said


@every_way
@both_apis
@both_forms
def test_usage_is_what_the_mock_says(client: Plain, api: str, stream: bool) -> None:
    assert answer(client, api, "spend", stream)["usage"] == (12, 9)


@every_way
@both_forms
def test_system_and_earlier_messages_are_read(client: Plain, stream: bool) -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hello"},
        ask(client, "chat", "hello", stream=False)[0].message,
        {"role": "user", "content": "again"},
    ]
    assert answer(client, "chat", said, stream)["text"] == "All of it was read."
    assert (
        answer(client, "generate", "who", stream, system="Be brief.", options={"temperature": 0})[
            "text"
        ]
        == "A mock."
    )


@every_way
@both_forms
def test_a_tool_result_leads_to_the_next_answer(client: Plain, stream: bool) -> None:
    first = ask(client, "chat", "call one", stream=False, tools=TOOLS)[0].message
    said = [
        {"role": "user", "content": "call one"},
        first,
        {"role": "tool", "tool_name": "get_weather", "content": "12 degrees"},
    ]
    assert answer(client, "chat", said, stream, tools=TOOLS)["text"] == "It is 12 degrees in Oslo."


@every_way
@both_apis
@both_forms
def test_json_text_fits_the_schema_that_was_sent(client: Plain, api: str, stream: bool) -> None:
    found = answer(client, api, "json", stream, format=Weather.model_json_schema())
    assert Weather.model_validate_json(found["text"]) == Weather(city="Oslo", degrees=12)


# --- Other APIs ---


@every_way
@pytest.mark.parametrize("given, vectors", [("embed", [VECTOR]), (["one", "two"], [VECTOR, OTHER])])
def test_each_input_gets_its_embedding(client: Plain, given: Any, vectors: List[Any]) -> None:
    found = client(lambda sdk: sdk.embed(model="nomic-embed-text", input=given))
    assert ([list(vector) for vector in found.embeddings], found.model) == (
        vectors,
        "nomic-embed-text",
    )
    assert found.prompt_eval_count > 0 and found.total_duration > 0


@every_way
def test_the_older_embeddings_have_one_vector(client: Plain) -> None:
    assert (
        list(client(lambda sdk: sdk.embeddings(model="nomic-embed-text", prompt="embed")).embedding)
        == VECTOR
    )


@every_way
def test_models_are_listed(client: Plain) -> None:
    found = client(lambda sdk: sdk.list()).models
    assert MODEL + ":latest" in [model.model for model in found]
    assert all(
        model.size > 0 and len(model.digest) == 64 and model.modified_at and model.details.family
        for model in found
    )


# --- Errors ---


@every_way
@both_apis
@both_forms
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_raises_the_sdks_own_exception(
    client: Plain, api: str, stream: bool, kind: str
) -> None:
    status, said = KINDS[kind]
    with pytest.raises(ollama.ResponseError) as caught:
        ask(client, api, f"fail {kind}", stream)
    assert caught.value.status_code == status
    assert caught.value.error == (said or caught.value.error) > ""


@every_way
@both_apis
def test_an_error_in_mid_stream_raises(client: Plain, api: str) -> None:
    with pytest.raises(ollama.ResponseError, match="server busy") as caught:
        ask(client, api, "break", stream=True)
    assert caught.value.status_code == -1  # the SDK's own, for the answer began with 200
    with pytest.raises(ollama.ResponseError) as caught:
        ask(client, api, "break", stream=False)
    assert caught.value.status_code == 503


@every_way
@both_apis
@both_forms
def test_a_miss_is_not_found_and_says_why(client: Plain, api: str, stream: bool) -> None:
    with pytest.raises(ollama.ResponseError, match='user is "hullo", expected "hello"') as caught:
        ask(client, api, "hullo", stream)
    assert caught.value.status_code == 404


@pytest.mark.parametrize("way", WAYS)
def test_no_credential_is_asked_for(guarded: str, way: str) -> None:
    with Plain(WAYS[way](host=guarded)) as client:
        assert answer(client, "chat", "hello", stream=True)["text"] == TEXT


# --- On the wire: the SDK always says whether to stream, and never leaves the model out ---


def test_a_request_streams_lines_of_json_unless_it_says_otherwise(post: Callable[..., Any]) -> None:
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    lines, whole = post("/api/chat", asked), post("/api/chat", {**asked, "stream": False})
    assert (lines.headers["content-type"], whole.headers["content-type"]) == (
        "application/x-ndjson",
        "application/json; charset=utf-8",
    )
    assert (
        "".join(json.loads(line)["message"]["content"] for line in lines.body.splitlines()) == TEXT
    )
    assert json.loads(whole.body)["message"]["content"] == TEXT


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/embed"])
def test_a_request_without_a_model_is_a_bad_request(post: Callable[..., Any], path: str) -> None:
    answer = post(path, {"prompt": "hello", "input": "hello", "messages": []})
    assert (answer.status, json.loads(answer.body)) == (400, {"error": "model is required"})


# --- Log probabilities ---


@every_way
@both_apis
@both_forms
def test_log_probabilities_come_with_each_piece(client: Plain, api: str, stream: bool) -> None:
    found = ask(client, api, "hello", stream, logprobs=True, top_logprobs=1)
    tokens = [token for one in found for token in one.logprobs or ()]
    assert "".join(token.token for token in tokens) == TEXT
    assert {(token.logprob, token.top_logprobs[0].token == token.token) for token in tokens} == {
        (-0.01, True)
    }
    assert not any(one.logprobs for one in ask(client, api, "hello", stream))
