"""Gemini: generateContent, embeddings, counts, models (wire formats, section 7)."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from readers import derived, indented, spaced, whole_of
from samples import NEUTRAL, answerer, ask, bytes_of, call_of, request_of, said, wire_of

import mock_server as m

VECTOR = {"values": [0.25, -0.5, 1.0]}
WHOLE: Dict[type, Any] = {
    m.GeminiGenerate: {
        "candidates": [
            {
                "content": {"parts": [{"text": "Hello world"}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 9,
            "candidatesTokenCount": 2,
            "totalTokenCount": 11,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "@id",
    },
    m.GeminiEmbed: {"embedding": VECTOR},
    m.GeminiBatchEmbed: {"embeddings": [VECTOR, VECTOR]},
    m.GeminiCountTokens: {
        "totalTokens": 9,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
    },
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_answer_is_geminis_byte_for_byte(kind: type) -> None:
    sent = whole_of(kind)
    assert sent == derived(WHOLE[kind], sent, indented) + "\n"


def event(text: str, end: Any, said: int) -> Any:
    """An event of a stream after `said` tokens; `end` is what only the last one has."""
    return {
        "candidates": [
            {"content": {"parts": [{"text": text}], "role": "model"}, **end, "index": 0},
        ],
        "usageMetadata": {
            "promptTokenCount": 9,
            "candidatesTokenCount": said,
            "totalTokenCount": 9 + said,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "@id",
    }


STREAM = [event("Hello", {}, 1), event(" world", {"finishReason": "STOP"}, 2)]


def test_a_stream_is_geminis_byte_for_byte() -> None:
    sent = said(m.GeminiGenerate, NEUTRAL, True).decode()
    assert sent == "".join(f"data: {derived(value, sent, spaced)}\r\n\r\n" for value in STREAM)


def test_a_stream_as_json_array_has_the_recorded_line_ends() -> None:
    sent = said(m.GeminiGenerate, NEUTRAL, True, query={"alt": "json"}).decode()
    one, two = (derived(value, sent, indented) for value in STREAM)
    assert sent == f"[{one}\n,\r\n{two}\n]"


@pytest.mark.parametrize("kind", [m.GeminiGenerate, m.VertexGenerate])
@pytest.mark.parametrize(
    "query, array",
    [
        ({}, False),
        ({"alt": "sse"}, False),
        ({"$alt": "sse"}, False),
        ({"alt": "json"}, True),
        ({"$alt": "json;enum-encoding=int"}, True),
    ],
)
def test_alt_picks_the_framing_of_a_stream(kind: type, query: Any, array: bool) -> None:
    response = ask(answerer({"response": NEUTRAL}), kind, True, query=query)
    expected = ("text/event-stream", b"data: {")
    if array:
        expected = ("application/json; charset=UTF-8", b"[{")
    assert dict(response.headers)["Content-Type"] == expected[0]
    assert bytes_of(response).startswith(expected[1])


@pytest.mark.parametrize("kind", [m.GeminiGenerate, m.VertexGenerate])
def test_tokens_of_a_stream_only_grow(kind: type) -> None:
    response = {
        "reasoning": "think think think ",
        "text": "a b c",
        "usage": {"input_tokens": 4, "output_tokens": 3, "reasoning_tokens": 2},
    }
    frames = m.SSE.split(said(kind, response, True))
    usages = [json.loads(m.SSE.data(frame))["usageMetadata"] for frame in frames]
    for name in ("candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount"):
        counts = [usage.get(name, 0) for usage in usages if "promptTokenCount" in usage]
        assert counts == sorted(counts), name


def test_gemini_3_signs_its_first_function_call_and_older_models_have_no_ids() -> None:
    calls = (m.ToolCall("f", {}), m.ToolCall("g", {}))
    reply = m.Reply(calls, "tool_calls", m.Usage(1, 1), "x")

    def parts(model: str) -> List[Any]:
        call = m.replace(call_of(m.GeminiGenerate), model=model)
        value = wire_of(m.GeminiGenerate).whole(call, reply)
        return value["candidates"][0]["content"]["parts"]

    assert [set(part) for part in parts("gemini-2.5-flash")] == [{"functionCall"}] * 2
    first, second = parts("gemini-3-pro")
    assert set(first) == {"functionCall", "thoughtSignature"} and set(second) == {"functionCall"}
    assert len(second["functionCall"]["id"]) == 8


@pytest.mark.parametrize("kind", [m.GeminiGenerate, m.VertexGenerate])
def test_gemini_3_signs_its_last_text_in_a_stream_in_a_part_of_its_own(kind: type) -> None:
    picture = {"block": {"inlineData": {"mimeType": "image/png", "data": ""}}}
    signed = {"block": {"text": "", "thoughtSignature": "c2ln"}}
    cases: List[Any] = [  # parts, finish reason, and the parts that are signed
        ([{"text": "a b"}], "stop", [0]),
        ([{"reasoning": "Hm."}, {"text": "a b"}], "stop", [1]),
        ([{"text": "a b"}], "length", [0]),
        ([{"text": "a"}, {"text": "b"}, picture], "stop", [1]),
        ([{"text": "a"}, {"tool_calls": [{"name": "f"}, {"name": "g"}]}], "tool_calls", [1]),
        ([{"text": "a"}, signed], "stop", [1]),
        ([{"text": "a"}], "content_filter", []),
        ([{"text": "a"}], "RECITATION", []),
        ([{"refusal": "a"}], "stop", []),
    ]
    for parts, stop, where in cases:
        response = {"response": {"parts": parts, "finish_reason": stop}}
        request = request_of(kind), request_of(kind, True)
        whole, stream = (
            answerer(response).answer(m.replace(one, path=one.path.replace("2.5", "3"))).response
            for one in request
        )
        (candidate,) = json.loads(whole.body)["candidates"]
        found = candidate["content"]["parts"]
        assert [at for at, part in enumerate(found) if "thoughtSignature" in part] == where
        events = [json.loads(m.SSE.data(frame)) for frame in m.SSE.split(bytes_of(stream))]
        pieces = [event["candidates"][0]["content"]["parts"][0] for event in events]
        signatures = [piece for piece in pieces if "thoughtSignature" in piece]
        assert len(signatures) == len(where)
        assert all(piece.get("text", "") == "" for piece in signatures)
        assert [part["thoughtSignature"] for part in signatures] == [
            found[at]["thoughtSignature"] for at in where
        ]


def test_an_answer_without_content_has_an_empty_one_and_its_reason() -> None:
    for kind in (m.GeminiGenerate, m.VertexGenerate):
        response = {"finish_reason": "MALFORMED_FUNCTION_CALL"}
        (frame,) = m.SSE.split(said(kind, response, True))
        for value in (json.loads(said(kind, response)), json.loads(m.SSE.data(frame))):
            (candidate,) = value["candidates"]
            candidate.pop("index", None)
            assert candidate == {"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL"}


def test_a_blocked_answer_says_which_rating_blocked_it() -> None:
    blocked = json.loads(said(m.GeminiGenerate, {"text": "", "finish_reason": "content_filter"}))
    ratings = blocked["candidates"][0]["safetyRatings"]
    assert [rating.get("blocked", False) for rating in ratings].count(True) == 1


def test_pages_of_models_end_without_a_token() -> None:
    names, token = [], "0"
    for _ in range(10):
        query = {"pageSize": "3", "pageToken": token}
        page = json.loads(ask(answerer(), m.GeminiModels, query=query).body)
        names += [model["name"] for model in page["models"]]
        if "nextPageToken" not in page:
            break
        token = page["nextPageToken"]
    assert len(names) == len(set(names)) == len(m.GeminiModels.known)
    assert "nextPageToken" not in page


def test_an_error_on_the_json_array_stream_is_wrapped_in_an_array() -> None:
    answers = answerer({"response": {"status": 429, "error": "slow down"}})
    response = ask(answers, m.GeminiGenerate, True, query={"alt": "json"})
    assert json.loads(response.body)[0]["error"]["code"] == 429


@pytest.mark.parametrize("body", [b"{", b'{"contents": []}'])
def test_it_is_wrapped_too_when_the_request_could_not_be_read(body: bytes) -> None:
    request = m.replace(request_of(m.GeminiGenerate, True, query={"alt": "json"}), body=body)
    for settings, code in (({}, 400), ({"require_auth": True}, 403)):
        refused = answerer(**settings).answer(request).response
        assert json.loads(refused.body)[0]["error"]["code"] == code


# A model, what is said, and what is said of the end.
CALLED = "Model generated function call(s)."
ENDS: List[Any] = [
    ("gemini-3.6-flash", {"tool_calls": [{"name": "f", "arguments": {}}]}, CALLED),
    ("gemini-4-pro", {"text": "x", "tool_calls": [{"name": "f", "arguments": {}}]}, CALLED),
    ("gemini-3.6-flash", {"text": "x"}, None),
    ("gemini-3.5-flash", {"tool_calls": [{"name": "f", "arguments": {}}]}, None),
    ("gemini-2.5-flash", {"tool_calls": [{"name": "f", "arguments": {}}]}, None),
]


def test_gemini_3_6_says_at_its_end_that_it_called_functions() -> None:
    for model, response, message in ENDS:
        for verb in ("generateContent", "streamGenerateContent"):
            path = f"/v1beta/models/{model}:{verb}"
            request = m.replace(request_of(m.GeminiGenerate), path=path)
            sent = bytes_of(answerer({"response": response}).answer(request).response)
            said_so = [CALLED] * sent.decode().count(CALLED)
            assert said_so == ([message] if message else []), (model, verb)


# A generationConfig, and the log probabilities of "Hello": with so many others, or none at all.
TOKEN = {"token": "Hello", "logProbability": -0.01, "tokenId": 22377}
LIKELY: List[Any] = [
    ({"responseLogprobs": True}, {"chosenCandidates": [TOKEN]}),
    ({"response_logprobs": True, "logprobs": 0}, {"chosenCandidates": [TOKEN]}),
    (
        {"responseLogprobs": True, "logprobs": 5},
        {"topCandidates": [{"candidates": [TOKEN]}], "chosenCandidates": [TOKEN]},
    ),
    ({"responseLogprobs": False, "logprobs": 5}, None),
    ({"logprobs": 5}, None),
]


@pytest.mark.parametrize("kind", [m.GeminiGenerate, m.VertexGenerate])
def test_log_probabilities_are_there_for_who_asks_for_them(kind: type) -> None:
    for config, expected in LIKELY:
        more = {"generationConfig": {"candidateCount": 2, **config}}
        whole = json.loads(said(kind, {"reasoning": "Hm.", "text": "Hello"}, more=more))
        for candidate in whole["candidates"]:
            assert candidate.get("logprobsResult") == expected, config
            if expected:
                assert candidate["avgLogprobs"] == -0.01
        array = said(kind, {"text": "Hello"}, True, more=more, query={"alt": "json"})
        assert [one["candidates"][0].get("logprobsResult") for one in json.loads(array)] == [
            expected
        ] * 2
