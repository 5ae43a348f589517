"""cohere: ClientV2 and AsyncClientV2, chat and embed of its second version, against the server."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any, Dict, Iterator, List

import cohere
import httpx
import pytest
from conftest import Plain, anonymous

MODEL = "command-a-03-2025"
TEXT = 'Hello — wörld, says the mock.\nTwo lines, "quoted".'
THOUGHT = "Let me see. Both of them."
REFUSAL = "I can't help with that."
VECTOR, OTHER = [0.25, -0.5, 1.0], [1.0, 0.0, -0.125]
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
ROME = {"name": "get_weather", "arguments": {"city": "Rome — «Roma»"}}
NOTHING = {"name": "now", "arguments": {}}
CALLS: Dict[str, List[Any]] = {"one": [OSLO], "parallel": [OSLO, ROME], "bare": [NOTHING, OSLO]}
STOPS = {"stop": "COMPLETE", "length": "MAX_TOKENS", "content_filter": "ERROR"}
KINDS = {
    "authentication": (401, cohere.UnauthorizedError),
    "permission": (403, cohere.ForbiddenError),
    "not_found": (404, cohere.NotFoundError),
    "rate_limit": (429, cohere.TooManyRequestsError),
    "overloaded": (503, cohere.ServiceUnavailableError),
    "server_error": (500, cohere.InternalServerError),
    "timeout": (504, cohere.GatewayTimeoutError),
    "context_length": (400, cohere.BadRequestError),
}
WAYS = {"sync": (cohere.ClientV2, httpx.Client), "async": (cohere.AsyncClientV2, httpx.AsyncClient)}
DOWN_TWICE = [
    {"error": {"kind": "server_error"}, "headers": {"retry-after-ms": "1"}},
    {"error": {"kind": "rate_limit"}, "headers": {"retry-after-ms": "1"}},
    {"text": "third time lucky"},
]
CITATION: Dict[str, Any] = {
    "start": 0,
    "end": 5,
    "text": "Hello",
    "sources": [{"type": "document", "id": "d", "document": {"title": "Oslo"}}],
    "type": "TEXT_CONTENT",
}
MOCKS = [
    *(
        {
            "match": {"user": f"call {name}", "tool_result": {"contains": "12 degrees"}},
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
        "response": {
            "text": TEXT,
            "usage": {"input_tokens": 12, "output_tokens": 9, "cached_tokens": 8},
        },
    },
    {"match": {"user": "think"}, "response": {"reasoning": THOUGHT, "text": TEXT}},
    {
        "match": {"user": "everything", "tools": ["get_weather", "now"]},
        "response": {"reasoning": THOUGHT, "text": TEXT, "tool_calls": [OSLO, ROME]},
    },
    {"match": {"user": "refuse"}, "response": {"refusal": REFUSAL}},
    {
        "match": {"user": "cite"},
        "response": {
            "parts": [{"text": TEXT}, {"block": CITATION}],
            "finish_reason": "STOP_SEQUENCE",
        },
    },
    {"match": {"user": "json"}, "response": {"text": {"city": "Oslo", "degrees": 12}}},
    {
        "match": {"user": "break"},
        "response": {"text": "one two three", "error": {"kind": "overloaded"}, "after_events": 3},
    },
    {"match": {"user": "fail content_filter"}, "response": {"error": {"kind": "content_filter"}}},
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
    *({"match": {"user": f"flaky {way}"}, "responses": DOWN_TWICE} for way in WAYS),
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


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Plain]:
    """A client of the way that the test asks for."""
    with Plain(WAYS[request.param][0](api_key="key", base_url=server)) as found:
        yield found


every_way = pytest.mark.parametrize("client", WAYS, indirect=True)
both_forms = pytest.mark.parametrize("stream", [False, True])


def ask(client: Plain, user: Any, stream: bool = False, retries: int = 0, **options: Any) -> Any:
    """A whole chat answer, or the events of a streamed one."""
    messages = [{"role": "user", "content": user}] if isinstance(user, str) else user
    asked = {
        "model": MODEL,
        "messages": messages,
        "request_options": {"max_retries": retries},
        **options,
    }
    return client(lambda sdk: (sdk.chat_stream if stream else sdk.chat)(**asked))


def whole(answer: Any) -> Dict[str, Any]:
    """What a whole answer says."""
    blocks = [
        {"type": block.type, "text": block.text if block.type == "text" else block.thinking}
        for block in answer.message.content or ()
    ]
    calls = [
        {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
        for call in answer.message.tool_calls or ()
    ]
    return {
        "id": answer.id,
        "blocks": blocks,
        "plan": answer.message.tool_plan or "",
        "calls": calls,
        "stop": answer.finish_reason,
        "usage": answer.usage.model_dump(),
    }


def gathered(events: List[Any]) -> Dict[str, Any]:
    """What the events of a stream say, put together in the same form."""
    found: Dict[str, Any] = {"id": events[0].id, "blocks": [], "plan": "", "calls": []}
    for event in events:
        message = (
            event.delta.message
            if event.type.startswith(("content-", "tool-")) and not event.type.endswith("end")
            else None
        )
        if event.type == "content-start":
            assert event.index == len(found["blocks"])
            found["blocks"].append({"type": message.content.type, "text": ""})
        elif event.type == "content-delta":
            found["blocks"][event.index]["text"] += message.content.text or message.content.thinking
        elif event.type == "tool-plan-delta":
            found["plan"] += message.tool_plan
        elif event.type == "tool-call-start":
            assert event.index == len(found["calls"])
            found["calls"].append(
                {
                    "id": message.tool_calls.id,
                    "name": message.tool_calls.function.name,
                    "arguments": "",
                }
            )
        elif event.type == "tool-call-delta":
            found["calls"][event.index]["arguments"] += message.tool_calls.function.arguments
    end = events[-1].delta
    assert (events[0].type, events[-1].type) == ("message-start", "message-end")
    return {
        **found,
        "stop": end.finish_reason,
        "usage": end.usage.model_dump() if end.usage else None,
    }


def answer(client: Plain, user: Any, stream: bool, **options: Any) -> Dict[str, Any]:
    """What an answer says, whole or streamed."""
    return (gathered if stream else whole)(ask(client, user, stream, **options))


def texts(found: Dict[str, Any]) -> List[str]:
    """The texts of an answer."""
    return [block["text"] for block in found["blocks"] if block["type"] == "text"]


def called(found: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The tool calls of an answer, their arguments parsed."""
    return [
        {"name": call["name"], "arguments": json.loads(call["arguments"])}
        for call in found["calls"]
    ]


# --- Content ---


@every_way
@both_forms
def test_text_comes_back(client: Plain, stream: bool) -> None:
    found = answer(client, "hello", stream)
    assert (texts(found), found["stop"]) == ([TEXT], "COMPLETE")


@every_way
@pytest.mark.parametrize(
    "user", ["hello", "think", "everything", "refuse", "spend", *(f"call {name}" for name in CALLS)]
)
def test_a_stream_and_a_whole_answer_say_the_same(client: Plain, user: str) -> None:
    assert answer(client, user, True, tools=TOOLS) == answer(client, user, False, tools=TOOLS)


@every_way
def test_text_comes_in_pieces(client: Plain) -> None:
    assert len([event for event in ask(client, "hello", True) if event.type == "content-delta"]) > 4


@every_way
@both_forms
def test_thinking_stands_before_the_text(client: Plain, stream: bool) -> None:
    assert answer(client, "think", stream)["blocks"] == [
        {"type": "thinking", "text": THOUGHT},
        {"type": "text", "text": TEXT},
    ]


@every_way
def test_a_citation_stands_beside_the_content(client: Plain) -> None:
    found = ask(client, "cite")
    events = ask(client, "cite", stream=True)
    cited = [event.delta.message.citations for event in events if event.type == "citation-start"]
    for citation in (*found.message.citations, *cited):
        assert citation.model_dump(exclude_none=True) == CITATION
    assert len(cited) == len(found.message.citations) == 1
    assert found.finish_reason == events[-1].delta.finish_reason == "STOP_SEQUENCE"


@every_way
@both_forms
def test_text_beside_tool_calls_is_the_tool_plan(client: Plain, stream: bool) -> None:
    found = answer(client, "everything", stream, tools=TOOLS)
    assert (found["blocks"], found["plan"]) == ([{"type": "thinking", "text": THOUGHT}], TEXT)
    assert (called(found), found["stop"]) == ([OSLO, ROME], "TOOL_CALL")


@every_way
@both_forms
@pytest.mark.parametrize("name", CALLS)
def test_tool_calls_have_ids_of_their_own(client: Plain, stream: bool, name: str) -> None:
    found = answer(client, f"call {name}", stream, tools=TOOLS)
    assert (called(found), found["stop"]) == (CALLS[name], "TOOL_CALL")
    assert len({call["id"] for call in found["calls"]}) == len(CALLS[name])
    assert all(call["id"].startswith(call["name"] + "_") for call in found["calls"])


@every_way
@both_forms
@pytest.mark.parametrize("stop", STOPS)
def test_finish_reasons_are_coheres_own(client: Plain, stream: bool, stop: str) -> None:
    assert answer(client, f"end {stop}", stream)["stop"] == STOPS[stop]


@every_way
@both_forms
@pytest.mark.parametrize("user, said", [("refuse", REFUSAL), ("fail content_filter", "")])
def test_a_refusal_is_text_that_ends_with_an_error(
    client: Plain, stream: bool, user: str, said: str
) -> None:
    found = answer(client, user, stream)
    assert ("".join(texts(found)), found["stop"]) == (said, "ERROR")


@every_way
@both_forms
def test_usage_is_what_the_mock_says(client: Plain, stream: bool) -> None:
    usage = answer(client, "spend", stream)["usage"]
    assert [
        (usage[key]["input_tokens"], usage[key]["output_tokens"])
        for key in ("tokens", "billed_units")
    ] == [(12, 9)] * 2
    assert usage["cached_tokens"] == 8


@every_way
@both_forms
def test_a_conversation_is_read_whole(client: Plain, stream: bool) -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": TEXT},
        {
            "role": "user",
            "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
        },
    ]
    assert texts(answer(client, said, stream)) == ["All of it was read."]


@every_way
@both_forms
@pytest.mark.parametrize(
    "content",
    [
        "12 degrees",
        [{"type": "text", "text": "12 degrees"}],
        *(
            [{"type": "document", "document": {"data": data}}]
            for data in ({"weather": "12 degrees"}, json.dumps("12 degrees"))
        ),
    ],
)
def test_a_tool_result_leads_to_the_next_answer(client: Plain, stream: bool, content: Any) -> None:
    first = ask(client, "call parallel", tools=TOOLS).message
    said = [
        {"role": "user", "content": "call parallel"},
        {"role": "assistant", "tool_calls": first.tool_calls, "tool_plan": "Ask."},
        *(
            {"role": "tool", "tool_call_id": call.id, "content": content}
            for call in first.tool_calls
        ),
    ]
    assert texts(answer(client, said, stream, tools=TOOLS)) == ["It is 12 degrees in Oslo."]


@every_way
@both_forms
def test_json_text_fits_the_schema_that_was_sent(client: Plain, stream: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
        "required": ["city"],
    }
    found = answer(
        client, "json", stream, response_format={"type": "json_object", "json_schema": schema}
    )
    assert json.loads(texts(found)[0]) == {"city": "Oslo", "degrees": 12}


# --- Embeddings ---


@every_way
def test_each_text_gets_its_embedding_in_every_type(client: Plain) -> None:
    found = client(
        lambda sdk: sdk.embed(
            model="embed-v4.0",
            input_type="search_document",
            texts=["one", "two"],
            embedding_types=["float", "int8", "uint8", "binary", "ubinary"],
        )
    )
    embeddings = found.embeddings
    assert (embeddings.float_, found.texts) == ([VECTOR, OTHER], ["one", "two"])
    assert embeddings.int8 == [[32, -64, 127], [127, 0, -16]] and embeddings.uint8 == [
        [160, 64, 255],
        [255, 128, 112],
    ]
    assert embeddings.ubinary == [[0b10100000], [0b10000000]] and embeddings.binary == [[32], [0]]
    assert found.meta.billed_units.input_tokens > 0


@every_way
def test_embeddings_are_floats_unless_they_are_asked_for_as_base64(client: Plain) -> None:
    asked = {"model": "embed-v4.0", "input_type": "search_query"}
    parts = [{"content": [{"type": "text", "text": text}]} for text in ("one", "two")]
    plain = client(lambda sdk: sdk.embed(**asked, inputs=parts))
    coded = client(lambda sdk: sdk.embed(**asked, texts=["one", "two"], embedding_types=["base64"]))
    assert (plain.embeddings.float_, plain.embeddings.int8) == ([VECTOR, OTHER], None)
    assert [
        list(struct.unpack("<3f", base64.b64decode(text))) for text in coded.embeddings.base64
    ] == [VECTOR, OTHER]


# --- Errors and retries ---


@every_way
@both_forms
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_raises_the_sdks_own_exception(client: Plain, stream: bool, kind: str) -> None:
    status, raised = KINDS[kind]
    with pytest.raises(raised) as caught:
        ask(client, f"fail {kind}", stream)
    assert (caught.value.status_code, sorted(caught.value.body)) == (status, ["id", "message"])
    assert caught.value.body["message"] and len(caught.value.headers["x-debug-trace-id"]) == 32


@every_way
def test_an_error_in_mid_stream_is_how_the_message_ends(client: Plain) -> None:
    found = ask(client, "break", stream=True)
    assert [event.type for event in found] == [
        "message-start",
        "content-start",
        "content-delta",
        "message-end",
    ]
    assert (found[-1].delta.finish_reason, bool(found[-1].delta.error)) == ("ERROR", True)
    with pytest.raises(cohere.ServiceUnavailableError):
        ask(client, "break")


@every_way
@both_forms
def test_a_miss_is_not_found_and_says_why(client: Plain, stream: bool) -> None:
    with pytest.raises(cohere.NotFoundError) as caught:
        ask(client, "hullo", stream)
    assert 'user is "hullo", expected "hello"' in caught.value.body["message"]


@every_way
def test_a_request_that_the_api_refuses_is_a_bad_request(client: Plain) -> None:
    with pytest.raises(cohere.BadRequestError) as caught:
        client(lambda sdk: sdk.embed(model="embed-v4.0", input_type="search_query"))
    assert "texts" in caught.value.body["message"]


@pytest.mark.parametrize("way", WAYS)
@both_forms
def test_without_a_key_authentication_fails(guarded: str, way: str, stream: bool) -> None:
    make, kind = WAYS[way]
    with Plain(make(api_key="key", base_url=guarded)) as client:
        assert texts(answer(client, "hello", stream)) == [TEXT]
    with Plain(make(api_key="key", base_url=guarded, httpx_client=anonymous(kind))) as client:
        with pytest.raises(cohere.UnauthorizedError) as caught:
            ask(client, "hello", stream)
        assert caught.value.body["message"] == "no api key supplied"


@pytest.mark.parametrize("way", WAYS)
def test_the_sdk_retries_until_the_third_answer(server: str, way: str) -> None:
    with Plain(WAYS[way][0](api_key="key", base_url=server)) as client:  # streams it never retries
        assert texts(answer(client, f"flaky {way}", False, retries=2)) == ["third time lucky"]


# --- Log probabilities ---


@every_way
def test_log_probabilities_come_with_each_piece(client: Plain) -> None:
    found = ask(client, "hello", logprobs=True).logprobs
    events = ask(client, "hello", stream=True, logprobs=True)
    pieces = [event.logprobs for event in events if event.type == "content-delta"]
    assert found == pieces and "".join(piece.text for piece in pieces) == TEXT
    assert all(piece.logprobs == [-0.01] and len(piece.token_ids) == 1 for piece in pieces)
    assert ask(client, "hello").logprobs is None
