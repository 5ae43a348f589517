"""boto3: converse and invoke_model of Bedrock, whole and streamed, for Claude, Nova and embedding
models, against the server."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
ARN = (
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
    "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
)
TEXT = 'Hello — wörld, says the mock.\nTwo lines, "quoted".'
THOUGHT = "Let me see. Both of them."
REFUSAL = "I can't help with that."
VECTOR, OTHER = [0.25, -0.5, 1.0], [1.0, 0.0, -0.125]
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
ROME = {"name": "get_weather", "arguments": {"city": "Rome — «Roma»"}}
NOTHING = {"name": "now", "arguments": {}}
CALLS: Dict[str, List[Any]] = {"one": [OSLO], "parallel": [OSLO, ROME], "bare": [NOTHING, OSLO]}
SPENT = {"input_tokens": 12, "output_tokens": 9, "reasoning_tokens": 4, "cached_tokens": 8}
# The stop reasons of Converse, and those of Claude.
STOPS = {
    "stop": ("end_turn", "end_turn"),
    "length": ("max_tokens", "max_tokens"),
    "content_filter": ("content_filtered", "refusal"),
}
# What each kind of error raises, and what it is in mid-stream.
KINDS = {
    "authentication": (403, "UnrecognizedClientException"),
    "permission": (403, "AccessDeniedException"),
    "not_found": (400, "ValidationException"),
    "rate_limit": (429, "ThrottlingException"),
    "overloaded": (503, "ServiceUnavailableException"),
    "server_error": (500, "InternalServerException"),
    "timeout": (408, "ModelTimeoutException"),
    "context_length": (400, "ValidationException"),
}
IN_MID_STREAM = {
    "rate_limit": "throttlingException",
    "overloaded": "serviceUnavailableException",
    "server_error": "internalServerException",
    "context_length": "validationException",
    "permission": "validationException",
    # Of a model that takes too long InvokeModel's streams say it, and Converse's that it failed.
    "timeout": "modelStreamErrorException",
}
INVOKED_IN_MID_STREAM = {**IN_MID_STREAM, "timeout": "modelTimeoutException"}
DOWN_TWICE = [
    {"error": {"kind": "server_error"}},
    {"error": {"kind": "rate_limit"}},
    {"text": "third time lucky"},
]
# What only Converse says, with bytes as they are on the wire.
BLOCKS: List[Any] = [
    {"reasoningContent": {"redactedContent": "b3BhcXVl"}},
    {"reasoningContent": {"reasoningText": {"text": "Let me see.", "signature": "c2lnbmVk"}}},
    {"toolUse": {"toolUseId": "t", "name": "f", "type": "server_tool_use", "input": {"a": "b c"}}},
    {"toolResult": {"toolUseId": "t", "status": "success", "content": [{"text": "x"}]}},
    {
        "citationsContent": {
            "content": [{"text": "It is so."}],
            "citations": [{"title": "a", "location": {"web": {"url": "https://a.example"}}}],
        }
    },
    {"image": {"format": "png", "source": {"bytes": "cGljdHVyZQ=="}}},
]
WRITTEN = {"input_tokens": 20, "output_tokens": 9, "cached_tokens": 8, "cache_write_tokens": 5}
MOCKS = [
    {
        "match": {"user": "own"},
        "response": {
            "parts": [{"block": block} for block in BLOCKS],
            "finish_reason": "guardrail_intervened",
            "usage": WRITTEN,
        },
    },
    {
        "match": {"user": "call one", "tool_result": {"contains": "12 degrees"}},
        "response": {"text": "It is 12 degrees in Oslo."},
    },
    {"match": {"user": "hello"}, "response": {"text": TEXT}},
    {"match": {"user": "who"}, "response": {"text": "{{model}}"}},
    {
        "match": {"user": "one\ntwo", "system": "Be brief.\nBe kind.", "turn": 1},
        "response": {"text": "All of it was read."},
    },
    {"match": {"user": "spend"}, "response": {"text": TEXT, "usage": SPENT}},
    {
        "match": {"user": "everything"},
        "response": {"reasoning": THOUGHT, "text": TEXT, "tool_calls": [OSLO, ROME]},
    },
    {"match": {"user": "refuse"}, "response": {"refusal": REFUSAL}},
    {"match": {"user": "json"}, "response": {"text": {"city": "Oslo", "degrees": 12}}},
    {"match": {"user": "fail content_filter"}, "response": {"error": {"kind": "content_filter"}}},
    {
        "match": {"operation": "count_tokens", "user": "hello"},
        "response": {"usage": {"input_tokens": 14}},
    },
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
    *(
        {
            "match": {"user": f"break {kind}"},
            "response": {"text": "one two three", "error": {"kind": kind}, "after_events": 4},
        }
        for kind in IN_MID_STREAM
    ),
    *(
        {"match": {"user": f"flaky {form}"}, "responses": DOWN_TWICE}
        for form in (
            "converse",
            "converse_stream",
            "invoke_model",
            "invoke_model_with_response_stream",
        )
    ),
]


def connect(url: str, attempts: int = 1, **options: Any) -> Any:
    """A client that tries so many times."""
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIAMOCK",
        aws_secret_access_key="secret",
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}, **options),
    )


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[Any]:
    """A client that does not retry."""
    found = connect(server)
    yield found
    found.close()


def conversing(user: str, **options: Any) -> Dict[str, Any]:
    """The arguments of converse."""
    return {
        "modelId": CLAUDE,
        "messages": [{"role": "user", "content": [{"text": user}]}],
        **options,
    }


def invoking(user: str) -> Dict[str, Any]:
    """The arguments of invoke_model for Claude."""
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": user}],
    }
    return {"modelId": CLAUDE, "body": json.dumps(body)}


def gathered(stream: Iterable[Dict[str, Any]]) -> Dict[str, Any]:
    """The events of converse_stream, put together as converse has them."""
    role, stop, usage, blocks = "", "", {}, {}
    for event in stream:
        name, value = next(iter(event.items()))
        assert not stop or name == "metadata", f"{name} follows the end of the message"
        if name == "messageStart":
            role = value["role"]
        elif name == "contentBlockStart":
            blocks[value["contentBlockIndex"]] = {
                "toolUse": {**value["start"]["toolUse"], "input": ""}
            }
        elif name == "contentBlockDelta":
            add(blocks.setdefault(value["contentBlockIndex"], {}), value["delta"])
        elif name == "contentBlockStop" and "toolUse" in blocks[value["contentBlockIndex"]]:
            use = blocks[value["contentBlockIndex"]]["toolUse"]
            use["input"] = json.loads(use["input"] or "{}")
        elif name == "messageStop":
            stop = value["stopReason"]
        elif name == "metadata":
            usage = value["usage"]
    assert list(blocks) == list(range(len(blocks)))
    return {
        "output": {"message": {"role": role, "content": list(blocks.values())}},
        "stopReason": stop,
        "usage": usage,
    }


def add(block: Dict[str, Any], delta: Dict[str, Any]) -> None:
    """A delta to its content block."""
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    else:
        thought = block.setdefault("reasoningContent", {"reasoningText": {}})["reasoningText"]
        for key, piece in delta["reasoningContent"].items():
            thought[key] = thought.get(key, "") + piece


def unpacked(stream: Iterable[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """What is inside the chunks of invoke_model_with_response_stream."""
    return [json.loads(event["chunk"]["bytes"]) for event in stream]


def message(events: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Claude's events, put together as a message."""
    assert [events[0]["type"], events[-2]["type"], events[-1]["type"]] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    found, keys = (
        dict(events[0]["message"]),
        {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"},
    )
    arguments: Dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_start":
            found["content"].append(event["content_block"])
        elif event["type"] == "content_block_delta":
            index, delta = event["index"], event["delta"]
            if delta["type"] == "input_json_delta":
                arguments[index] = arguments.get(index, "") + delta["partial_json"]
            else:
                found["content"][index][keys[delta["type"]]] += delta[keys[delta["type"]]]
    for index, text in arguments.items():
        found["content"][index]["input"] = json.loads(text or "{}")
    return {**found, **events[-2]["delta"], "usage": {**found["usage"], **events[-2]["usage"]}}


# The four operations, as functions of a client and of the user's text.
FORMS: Dict[str, Callable[..., Any]] = {
    "converse": lambda client, user: client.converse(**conversing(user)),
    "converse_stream": lambda client, user: gathered(
        client.converse_stream(**conversing(user))["stream"]
    ),
    "invoke_model": lambda client, user: json.load(client.invoke_model(**invoking(user))["body"]),
    "invoke_model_with_response_stream": lambda client, user: message(
        unpacked(client.invoke_model_with_response_stream(**invoking(user))["body"])
    ),
}
every_form = pytest.mark.parametrize("form", FORMS)


def said(answer: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The content blocks of an answer of either API."""
    return answer["output"]["message"]["content"] if "output" in answer else answer["content"]


def called(answer: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The tool calls of an answer of either API."""
    uses = [
        block.get("toolUse", block)
        for block in said(answer)
        if "toolUse" in block or block.get("type") == "tool_use"
    ]
    return [{"name": use["name"], "arguments": use["input"]} for use in uses]


def texts(answer: Dict[str, Any]) -> List[str]:
    """The texts of an answer of either API."""
    return [block["text"] for block in said(answer) if "text" in block]


def stop_of(answer: Dict[str, Any]) -> str:
    """The stop reason of an answer of either API."""
    return answer["stopReason"] if "stopReason" in answer else answer["stop_reason"]


# --- Content ---


@every_form
def test_text_is_the_same_in_every_form(client: Any, form: str) -> None:
    answer = FORMS[form](client, "hello")
    assert (texts(answer), stop_of(answer)) == ([TEXT], "end_turn")


def test_text_comes_in_pieces(client: Any) -> None:
    deltas = [
        event
        for event in client.converse_stream(**conversing("hello"))["stream"]
        if "contentBlockDelta" in event
    ]
    inner = [
        event
        for event in unpacked(client.invoke_model_with_response_stream(**invoking("hello"))["body"])
        if event["type"] == "content_block_delta"
    ]
    assert len(deltas) > 4 and len(inner) > 4


@pytest.mark.parametrize(
    "user", ["hello", "everything", "refuse", "spend", *(f"call {name}" for name in CALLS)]
)
def test_a_stream_gathers_to_the_whole_answer(client: Any, user: str) -> None:
    converse, converse_stream, invoke, invoke_stream = (
        form(client, user) for form in FORMS.values()
    )
    assert converse_stream == {key: converse[key] for key in converse_stream}
    assert invoke_stream == invoke


def test_bedrocks_own_blocks_and_words_are_decoded_as_they_are(client: Any) -> None:
    whole = client.converse(**conversing("own"))
    events = list(client.converse_stream(**conversing("own"))["stream"])
    content = whole["output"]["message"]["content"]
    assert content[0] == {"reasoningContent": {"redactedContent": b"opaque"}}
    assert content[1:5] == BLOCKS[1:5] and content[5]["image"]["source"] == {"bytes": b"picture"}
    assert whole["stopReason"] == "guardrail_intervened"
    counts = {"inputTokens": 7, "outputTokens": 9, "totalTokens": 29}
    cache = {"cacheReadInputTokens": 8, "cacheWriteInputTokens": 5}
    assert whole["usage"] == events[-1]["metadata"]["usage"] == {**counts, **cache}
    assert "SDK_UNKNOWN_MEMBER" not in str(events)
    deltas = [
        event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event
    ]
    starts = [
        event["contentBlockStart"]["start"] for event in events if "contentBlockStart" in event
    ]
    assert [next(iter(start)) for start in starts] == ["toolUse", "toolResult", "image"]
    for delta in (
        content[0],
        {"reasoningContent": {"signature": "c2lnbmVk"}},
        {"toolResult": [{"text": "x"}]},
        {"citation": BLOCKS[4]["citationsContent"]["citations"][0]},
        {"image": {"source": {"bytes": b"picture"}}},
    ):
        assert delta in deltas


@every_form
def test_reasoning_comes_first_then_text_then_tool_calls(client: Any, form: str) -> None:
    answer = FORMS[form](client, "everything")
    first = said(answer)[0]
    thought = (
        first["reasoningContent"]["reasoningText"]
        if "reasoningContent" in first
        else {**first, "text": first["thinking"]}
    )
    assert thought["text"] == THOUGHT and thought["signature"]
    assert (texts(answer), called(answer), stop_of(answer)) == ([TEXT], [OSLO, ROME], "tool_use")
    assert len(said(answer)) == 4


@every_form
@pytest.mark.parametrize("name", CALLS)
def test_tool_calls_have_arguments_and_ids_of_their_own(client: Any, form: str, name: str) -> None:
    answer = FORMS[form](client, f"call {name}")
    ids = {block.get("toolUse", {}).get("toolUseId") or block["id"] for block in said(answer)}
    assert (called(answer), stop_of(answer), len(ids)) == (
        CALLS[name],
        "tool_use",
        len(CALLS[name]),
    )


@every_form
@pytest.mark.parametrize("stop", STOPS)
def test_stop_reasons_are_each_apis_own(client: Any, form: str, stop: str) -> None:
    assert stop_of(FORMS[form](client, f"end {stop}")) == STOPS[stop]["invoke" in form]


@every_form
@pytest.mark.parametrize("user, text", [("refuse", [REFUSAL]), ("fail content_filter", [])])
def test_a_refusal_is_a_stop_reason(client: Any, form: str, user: str, text: List[str]) -> None:
    answer = FORMS[form](client, user)
    assert (texts(answer), stop_of(answer)) == (text, STOPS["content_filter"]["invoke" in form])


def test_usage_is_what_the_mock_says(client: Any) -> None:
    for form in ("converse", "converse_stream"):
        usage = FORMS[form](client, "spend")["usage"]
        assert [
            usage[key + "Tokens"] for key in ("input", "cacheReadInput", "output", "total")
        ] == [4, 8, 9, 21]
    for form in ("invoke_model", "invoke_model_with_response_stream"):
        usage = FORMS[form](client, "spend")["usage"]
        assert [usage[key + "_tokens"] for key in ("input", "cache_read_input", "output")] == [
            4,
            8,
            9,
        ]


def test_invoke_counts_in_headers_and_in_the_last_chunk(client: Any) -> None:
    headers = client.invoke_model(**invoking("spend"))["ResponseMetadata"]["HTTPHeaders"]
    last = unpacked(client.invoke_model_with_response_stream(**invoking("spend"))["body"])[-1]
    metrics = last["amazon-bedrock-invocationMetrics"]
    assert [
        headers["x-amzn-bedrock-input-token-count"],
        headers["x-amzn-bedrock-output-token-count"],
    ] == ["4", "9"]
    assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (4, 9)


def test_a_conversation_is_read_whole(client: Any) -> None:
    earlier = FORMS["converse"](client, "hello")["output"]["message"]
    messages = [
        *conversing("hello")["messages"],
        earlier,
        {"role": "user", "content": [{"text": "one"}, {"text": "two"}]},
    ]
    asked = {
        "modelId": CLAUDE,
        "messages": messages,
        "system": [{"text": "Be brief."}, {"text": "Be kind."}],
        "inferenceConfig": {"maxTokens": 99, "temperature": 0.5},
    }
    assert texts(client.converse(**asked)) == ["All of it was read."]
    assert texts(gathered(client.converse_stream(**asked)["stream"])) == ["All of it was read."]


TOOLS = {
    "tools": [
        {
            "toolSpec": {
                "name": name,
                "description": "A tool.",
                "inputSchema": {"json": {"type": "object"}},
            }
        }
        for name in ("get_weather", "now")
    ]
}


@pytest.mark.parametrize("result", [{"text": "12 degrees"}, {"json": {"weather": "12 degrees"}}])
def test_a_tool_result_leads_to_the_next_answer(client: Any, result: Dict[str, Any]) -> None:
    first = client.converse(**conversing("call one"), toolConfig=TOOLS)["output"]["message"]
    messages = [
        *conversing("call one")["messages"],
        first,
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": first["content"][0]["toolUse"]["toolUseId"],
                        "content": [result],
                    }
                }
            ],
        },
    ]
    assert texts(client.converse(modelId=CLAUDE, messages=messages, toolConfig=TOOLS)) == [
        "It is 12 degrees in Oslo."
    ]


def test_json_text_fits_the_schema_that_was_sent(client: Any) -> None:
    if (
        "outputConfig"
        not in client.meta.service_model.operation_model("Converse").input_shape.members
    ):
        pytest.skip("this version has no outputConfig")
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    }
    structure = {"jsonSchema": {"name": "weather", "schema": json.dumps(schema)}}
    answer = client.converse(
        **conversing("json"),
        outputConfig={"textFormat": {"type": "json_schema", "structure": structure}},
    )
    assert json.loads(texts(answer)[0]) == {"city": "Oslo", "degrees": 12}


# --- Models and their paths ---


@pytest.mark.parametrize("model", [CLAUDE, "anthropic.claude-3-haiku-20240307-v1:0", ARN, "my-own"])
def test_any_model_id_is_decoded_from_the_path(client: Any, model: str) -> None:
    assert texts(client.converse(**conversing("who", modelId=model))) == [model]
    assert texts(
        json.load(client.invoke_model(**{**invoking("who"), "modelId": model})["body"])
    ) == [model]


def test_nova_is_invoked_in_the_words_of_converse(client: Any) -> None:
    body = {"schemaVersion": "messages-v1", "messages": conversing("everything")["messages"]}
    asked = {"modelId": NOVA, "body": json.dumps(body)}
    whole = json.load(client.invoke_model(**asked)["body"])
    streamed = gathered(unpacked(client.invoke_model_with_response_stream(**asked)["body"]))
    assert (texts(whole), called(whole), stop_of(whole)) == ([TEXT], [OSLO, ROME], "tool_use")
    assert streamed == {key: whole[key] for key in streamed}


@pytest.mark.parametrize(
    "model, body, key, vectors",
    [
        (
            "amazon.titan-embed-text-v2:0",
            {"inputText": "embed", "dimensions": 256},
            "embedding",
            VECTOR,
        ),
        ("amazon.titan-embed-text-v1", {"inputText": "embed"}, "embedding", VECTOR),
        (
            "cohere.embed-english-v3",
            {"texts": ["embed"], "input_type": "search_query"},
            "embeddings",
            [VECTOR],
        ),
        (
            "us.cohere.embed-v4:0",
            {"texts": ["one", "two"], "input_type": "search_document"},
            "embeddings",
            [VECTOR, OTHER],
        ),
    ],
)
def test_embedding_models_answer_in_their_makers_shape(
    client: Any, model: str, body: Dict[str, Any], key: str, vectors: List[Any]
) -> None:
    answer = client.invoke_model(
        modelId=model,
        body=json.dumps(body),
        accept="application/json",
        contentType="application/json",
    )
    found = json.load(answer["body"])
    assert (found[key], answer["contentType"]) == (vectors, "application/json")
    assert found.get("texts", body.get("texts")) == body.get("texts")
    assert found.get("inputTextTokenCount", 1) > 0


def test_tokens_are_counted_for_either_api(client: Any) -> None:
    if not hasattr(client, "count_tokens"):
        pytest.skip("this version has no count_tokens")
    converse, invoke = (
        {"messages": conversing("hello")["messages"]},
        {"body": invoking("hello")["body"]},
    )
    for asked in ({"converse": converse}, {"invokeModel": invoke}):
        assert client.count_tokens(modelId=CLAUDE, input=asked)["inputTokens"] == 14


# --- Errors and retries ---


@every_form
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_raises_the_clients_own_exception(client: Any, form: str, kind: str) -> None:
    status, name = KINDS[kind]
    with pytest.raises(getattr(client.exceptions, name, ClientError)) as caught:
        FORMS[form](client, f"fail {kind}")
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (name, status)
    assert error["Error"]["Message"]


def broken(stream: Any) -> Tuple[List[Dict[str, Any]], Dict[str, Any]]:
    """The events before an error in mid-stream, and the error."""
    found = []
    with closing(stream), pytest.raises(EventStreamError) as caught:
        for event in stream:
            found.append(event)
    return found, caught.value.response["Error"]


@pytest.mark.parametrize("kind", IN_MID_STREAM)
def test_an_error_in_mid_stream_raises_after_what_was_said(client: Any, kind: str) -> None:
    events, error = broken(client.converse_stream(**conversing(f"break {kind}"))["stream"])
    assert (len(events), error["Code"], bool(error["Message"])) == (4, IN_MID_STREAM[kind], True)
    chunks, error = broken(
        client.invoke_model_with_response_stream(**invoking(f"break {kind}"))["body"]
    )
    code = INVOKED_IN_MID_STREAM[kind]
    assert (len(chunks), error["Code"], bool(error["Message"])) == (4, code, True)
    with pytest.raises(getattr(client.exceptions, KINDS[kind][1])):
        client.converse(**conversing(f"break {kind}"))


@every_form
def test_a_miss_is_not_found_and_says_why(client: Any, form: str) -> None:
    with pytest.raises(
        client.exceptions.ResourceNotFoundException, match='user is "hullo", expected "hello"'
    ):
        FORMS[form](client, "hullo")


def test_a_request_that_the_api_refuses_is_a_validation_exception(client: Any) -> None:
    for call in (
        lambda: client.converse(modelId=CLAUDE, messages=[]),
        lambda: client.invoke_model(modelId=CLAUDE, body=b"{}"),
        lambda: client.invoke_model(modelId=CLAUDE, body=b"{"),
    ):
        with pytest.raises(client.exceptions.ValidationException):
            call()


@every_form
def test_without_a_signature_authentication_fails(guarded: str, form: str) -> None:
    assert texts(FORMS[form](connect(guarded), "hello")) == [TEXT]
    with pytest.raises(ClientError) as caught:
        FORMS[form](connect(guarded, signature_version=UNSIGNED), "hello")
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (
        "MissingAuthenticationTokenException",
        403,
    )


@every_form
def test_the_sdk_retries_until_the_third_answer(
    server: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: List[float] = []
    monkeypatch.setattr(
        "time.sleep", waits.append
    )  # boto3 backs off up to 3 s, whatever the server says
    assert texts(FORMS[form](connect(server, attempts=3), f"flaky {form}")) == ["third time lucky"]
    assert len(waits) == 2


# --- On the wire ---


@pytest.mark.parametrize(
    "operation, asked",
    [
        ("converse", conversing("hello")),
        ("converse_stream", conversing("hello")),
        ("invoke_model", invoking("hello")),
        ("invoke_model_with_response_stream", invoking("hello")),
    ],
)
def test_the_request_id_and_the_types_are_those_of_aws(
    client: Any, operation: str, asked: Dict[str, Any]
) -> None:
    answer = getattr(client, operation)(**asked)
    headers, streams = answer["ResponseMetadata"]["HTTPHeaders"], operation.endswith("stream")
    assert re.fullmatch(
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer["ResponseMetadata"]["RequestId"]
    )
    assert headers["content-type"] == (
        "application/vnd.amazon.eventstream" if streams else "application/json"
    )
    if operation == "invoke_model_with_response_stream":
        assert answer["contentType"] == "application/json"
