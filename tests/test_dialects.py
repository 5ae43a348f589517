"""Dialects of OpenAI's format: which one a request is in, and who answers in it."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping

import pytest
from cases import cases
from mocked import mock_of
from readers import without_null
from samples import answerer, bytes_of, request_of

import mock_server as m
from mock_server import BadMock

CHAT = "/v1/chat/completions"
MISTRAL_CLIENT = {"user-agent": "mistral-client-python/3.7.0"}


@cases(
    "path, headers, port, found",
    [
        (CHAT, {}, 1, ""),
        (CHAT, {"host": "127.0.0.1:5001"}, 1, ""),
        (CHAT, {"host": "api.mistral.ai"}, 1, "mistral"),
        (CHAT, {"host": "API.Groq.com:443"}, 1, "groq"),
        (CHAT, {"host": "bedrock-runtime.us-east-1.amazonaws.com"}, 1, "bedrock"),
        (CHAT, {"host": "api.mistral.ai.example.com"}, 1, ""),
        (CHAT, MISTRAL_CLIENT, 1, "mistral"),
        (CHAT, {**MISTRAL_CLIENT, "host": "openrouter.ai"}, 1, "openrouter"),
        (CHAT, {"user-agent": "Groq/Python 1.7.0"}, 1, "groq"),
        (CHAT, {"user-agent": "AsyncGroq/Python 1.7.0"}, 1, "groq"),
        (CHAT, {"user-agent": "speakeasy-sdk/python 1.3.84 2.9 1.0 openrouter"}, 1, "openrouter"),
        (CHAT, {"user-agent": "speakeasy-sdk/typescript 1 2 3 @openrouter/sdk"}, 1, "openrouter"),
        (CHAT, {"user-agent": "speakeasy-sdk/python 1.0 2.9 1.0 other"}, 1, ""),
        ("/vllm" + CHAT, {**MISTRAL_CLIENT, "host": "openrouter.ai"}, 1, "vllm"),
        ("/openai" + CHAT, {"host": "api.groq.com"}, 1, "groq"),
        ("/vllm" + CHAT, {"host": "openrouter.ai"}, 5001, "deepseek"),
    ],
)
def test_a_dialect_is_said_by_port_then_path_then_host_then_client(
    path: str, headers: Mapping[str, str], port: int, found: str
) -> None:
    request = m.Request("POST", path, headers=headers, port=port)
    assert m.dialect_of(request, {5001: "deepseek"}) == found


@pytest.mark.parametrize(
    "path, provider, dialect",
    [
        (CHAT, "openai", "mistral"),
        ("/any/prefix" + CHAT, "openai", "mistral"),
        ("/v1/embeddings", "openai", "mistral"),
        ("/v1/completions", "openai", "mistral"),
        ("/v1/fim/completions", "openai", "mistral"),
        ("/openai" + CHAT, "openai", "mistral"),
        ("/openai/deployments/d/chat/completions", "azure", ""),
        ("/v1beta/openai/chat/completions", "gemini", "gemini"),
        ("/v1/messages", "anthropic", ""),
    ],
)
def test_a_port_speaks_its_dialect_where_other_hosts_have_the_path(
    path: str, provider: str, dialect: str
) -> None:
    wire, _ = m.route(m.Request("POST", path, port=5001), {5001: "mistral"})
    assert (wire.provider, wire.dialect) == (provider, dialect)


def named(response: m.HttpResponse) -> bool:
    """Whether an answer has Mistral's headers."""
    return "mistral-correlation-id" in {name for name, _ in response.headers}


def test_a_mock_answers_in_its_own_dialect_and_others_in_that_of_the_request() -> None:
    mistrals = {"dialect": "mistral", "match": {"user": "Hi"}, "response": {"text": "x"}}
    answers = answerer(mistrals, {"response": {"text": "y"}})
    for path, expected in [(CHAT, True), ("/openai" + CHAT, True), ("/api/chat", False)]:
        request = m.replace(request_of(m.OpenAIChat), path=path)
        assert named(answers.answer(request).response) is expected


def test_a_request_is_matched_on_the_dialect_in_which_it_came_in() -> None:
    answers = answerer(
        {"match": {"dialect": ["mistral", "groq"]}, "response": {"text": "theirs"}},
        {"response": {"text": "plain"}},
    )
    for path, text in [
        (CHAT, b"plain"),
        ("/mistral" + CHAT, b"theirs"),
        ("/groq" + CHAT, b"theirs"),
    ]:
        request = m.replace(request_of(m.OpenAIChat), path=path)
        assert text in answers.answer(request).response.body


def test_errors_are_in_the_dialect_too_and_of_what_can_not_be_read() -> None:
    answers = answerer(dialect=["5001=mistral"])
    wrong = m.Request("POST", CHAT, body=b"[1]", port=5001)
    assert answers.answer(wrong).response.status == 422
    unknown = m.Request("POST", "/v1/chat/completion", body=b"{}", port=5001)
    assert named(answers.answer(unknown).response)


def answer(dialect: str, response: Any, stream: bool = False, **more: Any) -> Any:
    """What a dialect answers: the whole value, or the values of the events, with their names."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": stream, **more}
    request = m.Request("POST", f"/{dialect}{CHAT}", body=json.dumps(body).encode(), port=1)
    sent = bytes_of(answerer({"response": response}).answer(request).response)
    if not stream:
        return json.loads(sent)
    events = [m.SSE.decoded(frame) for frame in m.SSE.split(sent)]
    return [value for _, value in events if value not in ("", "[DONE]")]


THOUGHT = {"reasoning": "Hm.", "text": "Hi", "usage": {"input_tokens": 5, "output_tokens": 3}}
CALL = {"name": "f", "arguments": {"a": 1}, "id": "c"}
FUNCTION = {"name": "f", "arguments": '{"a":1}'}
WHOLE = {"id": "c", "type": "function", "function": FUNCTION}
DETAIL = {"type": "reasoning.text", "text": "Hm.", "format": "unknown", "index": 0}
NONE = {"reasoning": None, "reasoning_details": []}
EMPTY = {"role": "assistant", "content": ""}
HEAD = {"index": 0, **WHOLE, "function": {"name": "f", "arguments": ""}}
REST = {"index": 0, "function": {"arguments": '{"a":1}'}}
GOOGLE_THOUGHT = {"extra_content": {"google": {"thought": True}}, "role": "assistant"}

VLLM_NULL = {"annotations": None, "audio": None, "function_call": None}

# dialect: the message with thoughts and that with a call of a tool, and the deltas of both
SAYS: Dict[str, Any] = {
    "openrouter": (
        {"content": "Hi", "refusal": None, "reasoning": "Hm.", "reasoning_details": [DETAIL]},
        {"content": None, "refusal": None, "reasoning": None, "tool_calls": [WHOLE]},
        [
            {**EMPTY, **NONE},
            {**EMPTY, "reasoning": "Hm.", "reasoning_details": [DETAIL]},
            {**EMPTY, **NONE, "content": "Hi"},
            {**EMPTY, **NONE},
            EMPTY,
        ],
        [
            EMPTY,
            {**EMPTY, "content": None, "tool_calls": [HEAD]},
            {**EMPTY, "content": None, "tool_calls": [REST]},
            EMPTY,
            EMPTY,
        ],
    ),
    "vllm": (
        {"content": "Hi", "refusal": None, "reasoning": "Hm.", **VLLM_NULL},
        {"content": None, "refusal": None, "reasoning": None, **VLLM_NULL, "tool_calls": [WHOLE]},
        [EMPTY, {"reasoning": "Hm."}, {"content": "Hi"}, {"content": ""}],
        [EMPTY, {"tool_calls": [HEAD]}, {"tool_calls": [REST]}, {"content": ""}],
    ),
    "deepseek": (
        {"content": "Hi", "reasoning_content": "Hm."},
        {"content": "", "tool_calls": [{"index": 0, **WHOLE}]},
        [
            {"role": "assistant", "content": None, "reasoning_content": ""},
            {"content": None, "reasoning_content": "Hm."},
            {"content": "Hi", "reasoning_content": None},
            {"content": "", "reasoning_content": None},
        ],
        [EMPTY, {"tool_calls": [HEAD]}, {"tool_calls": [REST]}, {"content": ""}],
    ),
    "groq": (
        {"content": "Hi", "reasoning": "Hm."},
        {"tool_calls": [WHOLE]},
        [EMPTY, {"reasoning": "Hm."}, {"content": "Hi"}, {}],
        [{**EMPTY, "content": None}, {"tool_calls": [{**WHOLE, "index": 0}]}, {}],
    ),
    "gemini": (
        {"content": "<thought>Hm.</thought>Hi"},
        {"tool_calls": [WHOLE]},
        [
            {**GOOGLE_THOUGHT, "content": "<thought>"},
            {**GOOGLE_THOUGHT, "content": "Hm."},
            {**GOOGLE_THOUGHT, "content": "</thought>"},
            {"role": "assistant", "content": "Hi"},
            {"role": "assistant"},
        ],
        [{"role": "assistant", "tool_calls": [WHOLE]}],
    ),
    "ollama": (
        {"content": "Hi", "reasoning": "Hm."},
        {"content": "", "tool_calls": [{**WHOLE, "index": 0}]},
        [{**EMPTY, "reasoning": "Hm."}, {**EMPTY, "content": "Hi"}, EMPTY],
        [{**EMPTY, "tool_calls": [{**WHOLE, "index": 0}]}, EMPTY],
    ),
    "bedrock": (
        {"content": "<reasoning>Hm.</reasoning>Hi", "refusal": None},
        {"content": None, "refusal": None, "tool_calls": [WHOLE]},
        [
            EMPTY,
            {"content": "<reasoning>"},
            {"content": "Hm."},
            {"content": "</reasoning>"},
            {"content": "Hi"},
            {},
        ],
        [EMPTY, {"tool_calls": [HEAD]}, {"tool_calls": [REST]}, {}],
    ),
}


@pytest.mark.parametrize("dialect", SAYS)
def test_thoughts_and_tool_calls_are_said_as_the_host_says_them(dialect: str) -> None:
    thought, called, *deltas = SAYS[dialect]
    responses = (THOUGHT, {"tool_calls": [CALL], "chunk_size": 99})
    for response, message, expected in zip(responses, (thought, called), deltas):
        value = answer(dialect, response)
        assert value["choices"][0]["message"] == {"role": "assistant", **message}
        chunks = answer(dialect, response, True)
        assert [chunk["choices"][0]["delta"] for chunk in chunks] == expected
        assert len({(chunk["id"], chunk["created"]) for chunk in chunks}) == 1


USED = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
# dialect: of how many chunks how many have a usage, asked for it and unasked, and the place of the
# finish reason from behind
COUNTS: Dict[str, Any] = {
    "openrouter": (4, [False, False, False, True], [False, False, False, True], -2),
    "vllm": (4, [False, False, False, True], [False] * 3, -2),
    "deepseek": (3, [False, False, True], [False, False, True], -1),
    "groq": (3, [False, False, True], [False, False, True], -1),
    "gemini": (2, [True, True], [False, False], -1),
    "ollama": (3, [False, False, True], [False, False], -2),
    "bedrock": (4, [False, False, False, True], [False] * 3, -2),
}


@pytest.mark.parametrize("dialect", COUNTS)
def test_usage_is_in_the_chunks_that_the_host_has_it_in(dialect: str) -> None:
    number, asked, unasked, ends = COUNTS[dialect]
    response = {"text": "Hi", "usage": {"input_tokens": 5, "output_tokens": 3}}
    whole = answer(dialect, response)["usage"]
    assert {name: whole[name] for name in USED} == USED
    chunks = answer(dialect, response, True, stream_options={"include_usage": True})
    assert [bool(chunk.get("usage")) for chunk in chunks] == asked and len(chunks) == number
    assert without_null(chunks[-1]["usage"]) == without_null(whole)
    assert chunks[ends]["choices"][0]["finish_reason"] == "stop"
    plain = answer(dialect, response, True)
    assert [bool(chunk.get("usage")) for chunk in plain] == unasked


@cases(
    "dialect, path, expected",
    [
        ("openrouter", "usage.cost", 2.55e-06),
        ("openrouter", "usage.prompt_tokens_details.cached_tokens", 3),
        ("openrouter", "provider", "OpenAI"),
        ("vllm", "usage.prompt_tokens_details.cached_tokens", 3),
        ("vllm", "kv_transfer_params", None),
        ("deepseek", "usage.prompt_cache_hit_tokens", 3),
        ("deepseek", "usage.prompt_cache_miss_tokens", 2),
        ("groq", "usage.queue_time", 0.041520249),
        ("groq", "service_tier", "on_demand"),
        ("gemini", "usage.completion_tokens", 2),  # without the thoughts
        ("gemini", "usage.total_tokens", 8),
        ("ollama", "system_fingerprint", "fp_ollama"),
        ("bedrock", "service_tier", "default"),
    ],
)
def test_a_host_has_members_of_its_own(dialect: str, path: str, expected: Any) -> None:
    usage = {"input_tokens": 5, "output_tokens": 3, "cached_tokens": 3, "reasoning_tokens": 1}
    value = answer(dialect, {"text": "Hi", "usage": usage})
    assert m.within(value, *path.split(".")) == expected


@cases(
    "dialect, message",
    [
        ("openrouter", ', received "bot"'),
        ("deepseek", "messages[0].role: unknown variant `bot`, expected one of `system`"),
    ],
)
def test_a_wrong_value_of_the_right_kind_is_shown(dialect: str, message: str) -> None:
    wrong = [{"role": "bot", "content": "Hi"}]
    assert message in answer(dialect, {"text": "x"}, messages=wrong)["error"]["message"]


def test_not_every_host_tells_log_probabilities_of_refusals() -> None:
    for dialect in ("openrouter", "vllm", "deepseek", "groq", "ollama"):
        members = ["content", "refusal"] if dialect == "openrouter" else ["content"]
        for stream in (False, True):
            said = answer(dialect, {"text": "Hi"}, stream, logprobs=True)
            choices = [one["choices"][0] for one in (said if stream else [said]) if one["choices"]]
            found = [list(choice["logprobs"]) for choice in choices if choice.get("logprobs")]
            assert found == [members]


def test_log_probabilities_are_of_texts_and_refusals_in_the_content_and_of_no_thought() -> None:
    hosts = ("vllm", "deepseek", "groq", "gemini", "ollama", "bedrock")
    parts = [{"reasoning": "Hm."}, {"text": "a b"}, {"refusal": "no"}]
    for dialect, stream in [(host, stream) for host in hosts for stream in (False, True)]:
        said = answer(dialect, {"parts": parts}, stream, logprobs=True)
        choices = [one["choices"][0] for one in (said if stream else [said]) if one["choices"]]
        told = [choice["logprobs"]["content"] for choice in choices if choice.get("logprobs")]
        assert [one["token"] for some in told for one in some] == ["a", " b", "no"], dialect


def test_a_response_that_failed_tells_one_of_openais_codes_in_every_dialect() -> None:
    answers = answerer({"response": {"finish_reason": "failed"}})
    for dialect in m.DIALECTS:
        request = m.Request(
            "POST", f"/{dialect}/x/v1/responses", body=b'{"input":"Hi","model":"m"}'
        )
        said = json.loads(answers.answer(request).response.body)
        assert said["error"]["code"] == "server_error", dialect


def test_a_stream_of_responses_breaks_off_as_openais_at_every_host_of_its_format() -> None:
    broken = {"text": "a b", "status": 503, "error": "boom", "after_events": 4}
    body = b'{"input":"Hi","model":"m","stream":true}'
    answers = answerer({"response": broken})
    for dialect in ("openai", *sorted(set(m.DIALECTS) - {"openai", "mistral", "gemini"})):
        request = m.Request("POST", f"/{dialect}/x/v1/responses", body=body)
        sent = bytes_of(answers.answer(request).response)
        *_, error, failed = [m.SSE.decoded(frame) for frame in m.SSE.split(sent)]
        assert (error[0], error[1]["error"]["message"]) == ("error", "boom"), dialect
        assert (failed[0], failed[1]["response"]["status"]) == ("response.failed", "failed")


def test_vectors_are_laid_out_one_at_a_time_in_every_dialect() -> None:
    for dialect in sorted(set(m.DIALECTS) - {"openai"}):  # indented, which is no single call
        wire = m.in_dialect(m.plain_formats()["embeddings"], dialect)
        assert wire.layout.__qualname__.startswith(m.by_rows.__qualname__), dialect


def test_openrouter_tells_the_providers_finish_reason_beside_its_own() -> None:
    for said, usual in [("end_turn", "stop"), ("stop", "stop"), ("error", "error")]:
        (choice,) = answer("openrouter", {"finish_reason": said})["choices"]
        assert (choice["finish_reason"], choice["native_finish_reason"]) == (usual, said)
        assert choice["message"]["content"] is None


def test_openrouter_begins_a_stream_with_a_comment_and_keeps_it_alive_so() -> None:
    body = json.dumps(
        {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    )
    request = m.Request("POST", "/openrouter" + CHAT, body=body.encode(), port=1)
    mock = {"response": {"text": "x", "delay": 2, "keepalive": {"every": 1}}}
    response = answerer(mock).answer(request).response
    assert bytes_of(response).startswith(b": OPENROUTER PROCESSING\n\ndata: {")
    assert response.ping == b": OPENROUTER PROCESSING\n\n"


def test_a_tool_call_may_have_the_index_of_another_where_all_come_in_one_delta() -> None:
    again = {"choices": [{"message": {"tool_calls": [{}, {"index": 0}]}}]}
    response = {"tool_calls": [CALL, CALL], "extra": again}
    first, _ = answer("ollama", response, True)
    calls = first["choices"][0]["delta"]["tool_calls"]
    assert [call["index"] for call in calls] == [0, 0]


@pytest.mark.parametrize(
    "mock, message",
    [
        ({"dialect": "mistrel"}, 'did you mean "mistral"'),
        ({"dialect": "groq", "match": {"provider": "anthropic"}}, "dialect: has no effect"),
        ({"dialect": "groq", "match": {"path": "/x"}}, "dialect: has no effect"),
        ({"match": {"dialect": "groq", "provider": "azure"}}, "match.dialect: no request has"),
        ({"match": {"dialect": "groq", "api": "messages"}}, "no request has"),
        (
            {"dialect": "groq", "response": {"raw": "x"}},
            "dialect: has no effect: raw bytes",
        ),
        ({"dialect": "groq", "response": {"fault": "reset"}}, "dialect: has no effect: raw bytes"),
        (
            {"dialect": "groq", "response": {"body": {}, "fault": "reset"}},
            "dialect: has no effect: raw bytes, transcripts, and faults",
        ),
        (
            {"dialect": "groq", "match": {"path": "/openai/deployments/d/chat/completions"}},
            "dialect: has no effect: azure chat",
        ),
    ],
)
def test_a_dialect_that_nothing_can_be_in_is_refused(mock: Any, message: str) -> None:
    with pytest.raises(BadMock) as caught:
        mock_of({"response": {"status": 500}, **mock})
    assert message in str(caught.value)


ROLES = "`system`, `developer`, `user`, `assistant`, `tool`, `function`"
# What is said of messages that are missing, empty, no array, and of a role that nobody has.
WRONG: Dict[str, Any] = {
    "openrouter": (
        'Input required: specify "prompt" or "messages"',
        'Input required: specify "prompt" or "messages"',
        "messages: Invalid input: expected an array, received an integer",
        "messages[0].role: Invalid input: expected one from system, developer, user, assistant",
    ),
    "vllm": (
        "'loc': ('body', 'messages'), 'msg': 'Field required'}",
        "{'type': 'too_short', 'loc': ('body', 'messages'), 'msg': 'List should have at least 1",
        "'msg': 'Input should be a valid list', 'input': 3}",
        "'loc': ('body', 'messages', 0, 'role'), 'msg': 'Input should be one from system, dev",
    ),
    "deepseek": (
        "into the target type: missing field `messages`",
        "messages: invalid length 0, expected an array",
        "messages: invalid type: an integer, expected an array",
        f"messages[0].role: unknown variant `x`, expected one of {ROLES}",
    ),
    "groq": (
        "'messages' : property 'messages' is missing",
        "'messages' : minimum number of items is 1",
        "'messages' : value must be an array",
        "'messages.0.role' : value must be one from system, developer",
    ),
    "ollama": (
        "messages is required",
        "[] is too short - 'messages'",
        "json: cannot unmarshal integer into field messages: expected an array",
        "json: cannot unmarshal string into field messages[0].role: expected one from system",
    ),
    "bedrock": (
        "Missing required parameter: 'messages'.",
        "Invalid 'messages': empty array. Expected an array with minimum length 1",
        "Invalid type for 'messages': expected an array, but got an integer instead.",
        "Invalid 'messages[0].role': expected one from system, developer",
    ),
}


def test_what_is_wrong_with_a_request_is_said_as_the_host_says_it() -> None:
    for dialect, sentences in WRONG.items():
        for messages, sentence in zip((None, [], 3, [{"role": "x"}]), sentences):
            asked = {"model": "m", **({} if messages is None else {"messages": messages})}
            request = m.Request("POST", f"/{dialect}{CHAT}", body=json.dumps(asked).encode())
            found = answerer().answer(request).response
            assert found.status == 400
            assert sentence in json.loads(found.body)["error"]["message"], (dialect, messages)


def test_a_recording_is_in_a_dialect_unless_its_head_was_recorded_too() -> None:
    for response in ({"body": {}}, {"events": [{"a": 1}]}, {"events": "data: 1\n\n"}):
        for fault in ({}, {"fault": "reset", "probability": 0.5}):
            mock_of({"dialect": "groq", "response": {**response, **fault}})
    transcript = m.Recorded(whole=m.Original(200, (), b""))
    assert m.is_foreign(m.Answer(transcript, 200, m.Delivery()))


@pytest.mark.parametrize(
    "given, message",
    [
        (["5002=groq"], "5002=groq is for a port that is not listened on (5001)"),
        (["5001=groq", "5001=vllm"], "5001 has two, groq and vllm"),
    ],
)
def test_a_dialect_belongs_to_one_port_of_the_server(given: Any, message: str) -> None:
    with pytest.raises(m.BadOption) as caught:
        m.MockServer(5001, dialect=given)
    assert message in str(caught.value)
