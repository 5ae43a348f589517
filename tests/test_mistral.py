"""Mistral, for its own client (wire formats, section 12)."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Mapping, Optional

import pytest
from readers import both, derived, events_of, whole_of
from samples import CALLS, MISTRAL, NEUTRAL, SAMPLES, answerer, ask, said

import mock_server as m

USAGE = {"prompt_tokens": 9, "total_tokens": 11, "completion_tokens": 2}
WHOLE = {
    "id": "@hex",
    "object": "chat.completion",
    "created": "@created",
    "model": "mistral-small-latest",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "tool_calls": None, "content": "Hello world"},
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}

CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "a"}
HI = {"model": "m", "messages": [USER]}
ASKED = {"model": "m", "input": "a"}
TOKEN = {"token", "logprob", "bytes", "token_id"}
ANY = ["generate", "moderate", "count_tokens"]


def asked(
    answers: Any, path: str, body: Any, headers: Mapping[str, str] = MISTRAL, port: int = 1
) -> Any:
    """The response to a body that is sent to a path."""
    sent = json.dumps(body).encode()
    return answers.answer(m.Request("POST", path, {}, headers, sent, port=port)).response


def test_a_whole_answer_is_sent_byte_for_byte() -> None:
    sent = whole_of(m.MistralChat)
    assert sent == derived(WHOLE, sent)


def chunk(delta: Any, finish: Optional[str] = None, **rest: Any) -> Any:
    return {
        "id": "@hex",
        "object": "chat.completion.chunk",
        "created": "@created",
        "model": "mistral-small-latest",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **rest,
    }


def test_a_stream_is_sent_byte_for_byte_but_for_its_padding() -> None:
    sent = said(m.MistralChat, NEUTRAL, True).decode()
    chunks = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hello"}),
        chunk({"content": " world"}),
        chunk({"content": ""}, "stop", usage=USAGE),
    ]
    framed = [f"data: {derived(one, sent)}\n\n" for one in chunks]
    bare, padded = re.subn(r',"p":"[a-z0-9]{1,36}"', "", sent)
    assert bare == "".join(framed) + "data: [DONE]\n\n" and padded


def test_bad_json_gets_mistrals_shape() -> None:
    refused = ask(answerer(), m.MistralChat, body=b"{bad")
    assert json.loads(refused.body)["object"] == "error"


def test_content_is_a_list_where_it_holds_parts_of_ones_own() -> None:
    reference = {"type": "reference", "reference_ids": [1, 2]}
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True}
    parts = [{"block": thought}, {"text": "As said"}, {"block": reference}, {"tool_calls": CALLS}]
    text = {"type": "text", "text": "As said"}
    value = json.loads(said(m.MistralChat, {"parts": parts}))
    message = value["choices"][0]["message"]
    assert message["content"] == [thought, text, reference] and len(message["tool_calls"]) == 2
    whole, streamed = both(m.MistralChat, {"parts": parts}, {"n": 2})
    assert whole == streamed
    events = events_of(m.MistralChat, said(m.MistralChat, {"parts": parts}, True))
    deltas = [value["choices"][0]["delta"]["content"] for _, value in events]
    assert deltas == ["", [thought], "As", " said", [reference], ""]
    assert "p" in events[1][1]


def test_responses_stream_only_events_that_mistrals_client_knows() -> None:
    response = {"reasoning": "Hm.", "text": "So.", "refusal": "No.", "tool_calls": CALLS}
    events = events_of(m.MistralResponses, said(m.MistralResponses, response, True))
    assert {name for name, _ in events} <= m.MISTRAL_EVENTS
    assert not any("obfuscation" in value for _, value in events)
    whole = json.loads(said(m.MistralResponses, response))
    assert set(whole) <= m.MISTRAL_MEMBERS and whole["reasoning"] == {"effort": None}
    thought = whole["output"][0]
    assert thought["summary"] == []
    assert thought["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    deltas = [value["delta"] for name, value in events if name == "response.reasoning_text.delta"]
    assert "".join(deltas) == "Hm."


JUDGED = [
    ("/v1/moderations", {"input": ["a", "b"]}, ["a", "b"]),
    ("/v1/chat/moderations", {"input": [{"role": "user", "content": "a"}]}, ["a"]),
    (
        "/x/v1/chat/moderations",
        {"input": [[{"role": "user", "content": "a"}], [{"role": "user", "content": "b"}]]},
        ["a", "b"],
    ),
    ("/v1/classifications", {"input": "a"}, ["a"]),
    (
        "/v1/chat/classifications",
        {"input": {"messages": [{"role": "user", "content": "a"}]}},
        ["a"],
    ),
    (
        "/v1/chat/classifications",
        {"input": [{"messages": [{"role": "user", "content": "a"}]}]},
        ["a"],
    ),
]


JUDGED_BODIES = [(path, {"model": "m", **body}) for path, body, _ in JUDGED]


@pytest.mark.parametrize("path, body, inputs", JUDGED)
def test_what_is_judged_gets_a_result_each(path: str, body: Any, inputs: Any) -> None:
    request = m.Request(
        "POST", path, headers=MISTRAL, body=json.dumps({"model": "m", **body}).encode()
    )
    wire, params = m.route(request)
    assert list(wire.read(request, params, json.loads(request.body)).inputs) == inputs
    mock = {"match": {"operation": "moderate"}, "response": {"text": "spam"}}
    found = json.loads(answerer(mock).answer(request).response.body)
    assert len(found["results"]) == len(inputs) and "flagged" not in found["results"][0]


WRONG = [
    (CHAT, {"model": "m", "messages": []}, "too_short", ["messages"]),
    (CHAT, {**HI, "random_seed": "x"}, "int_type", ["random_seed"]),
    (CHAT, {**HI, "safe_prompt": 1}, "bool_type", ["safe_prompt"]),
    (CHAT, {**HI, "guardrails": {}}, "list_type", ["guardrails"]),
    ("/v1/fim/completions", {"model": "m"}, "missing", ["prompt"]),
    ("/v1/fim/completions", {"model": "m", "prompt": "a", "min_tokens": "x"}, "int_type", None),
    ("/v1/embeddings", {"model": "m", "input": []}, "too_short", ["input"]),
    ("/v1/embeddings", {**ASKED, "output_dtype": "int4"}, "value_error", ["output_dtype"]),
    ("/v1/responses", {"input": "a"}, "missing", ["model"]),
    ("/v1/responses", {"model": "m", "previous_response_id": "r"}, "missing", ["input"]),
    ("/v1/responses", {**ASKED, "background": True}, "literal_error", ["background"]),
    ("/v1/responses", {**ASKED, "store": True}, "literal_error", ["store"]),
    ("/v1/responses", {**ASKED, "tools": [{"type": "mcp"}]}, "value_error", ["tools", 0, "type"]),
    ("/v1/responses/input_tokens", {"model": "m"}, "missing", ["input"]),
    ("/v1/moderations", {"input": "a"}, "missing", ["model"]),
    ("/v1/moderations", {"model": "m", "input": []}, "too_short", ["input"]),
    ("/v1/moderations", {"model": "m", "input": [7]}, "string_type", ["input", 0]),
    ("/v1/classifications", {"model": "m", "input": ["a", {}]}, "string_type", ["input", 1]),
    ("/v1/chat/moderations", {"model": "m", "input": "a"}, "value_error", ["input"]),
    ("/v1/chat/moderations", {"model": "m", "input": []}, "too_short", ["input"]),
    (
        "/v1/chat/moderations",
        {"model": "m", "input": [{"role": "x"}]},
        "value_error",
        ["input", 0, "role"],
    ),
    ("/v1/classifications", {"model": "m"}, "missing", ["input"]),
    ("/v1/classifications", {"model": "m", "input": []}, "too_short", ["input"]),
    ("/v1/chat/classifications", {"model": "m", "input": {}}, "missing", ["input", "messages"]),
    ("/v1/audio/speech", {**ASKED, "stream": "x"}, "bool_type", ["stream"]),
    ("/v1/audio/speech", {**ASKED, "response_format": "aac"}, "enum", ["response_format"]),
    ("/v1/audio/speech", {**ASKED, "input": "x" * 4097}, "string_too_long", ["input"]),
    ("/v1/ocr", {"model": "m", "document": "a"}, "dict_type", ["document"]),
    ("/v1/ocr", {"model": "m", "document": {}}, "value_error", ["document"]),
    ("/v1/ocr", {"document": {"image_url": {"url": 1}}}, "string_type", None),
    ("/v1/ocr", {"document": {"file_id": "f"}, "pages": 1}, "value_error", ["pages"]),
]


def test_what_is_wrong_gets_a_422_with_its_place() -> None:
    answers = answerer()
    for path, body, kind, place in WRONG:
        found = asked(answers, path, body)
        assert found.status == 422, path
        (told,) = json.loads(found.body)["detail"]
        assert told["type"] == kind, (path, body)
        assert place is None or told["loc"] == ["body", *place], (path, body)


OWN_FIELDS = [
    (CHAT, {**HI, "random_seed": 1, "safe_prompt": True, "prompt_mode": "reasoning"}),
    (CHAT, {**HI, "reasoning_effort": "xhigh", "guardrails": [{"block_on_error": True}]}),
    (CHAT, {**HI, "tool_choice": "any", "prediction": {"type": "content", "content": "a"}}),
    (CHAT, {**HI, "tools": [{"type": "image_generation"}], "metadata": {"a": 1}, "n": None}),
    (CHAT, {**HI, "stop": ["a"], "prompt_cache_key": "k", "service_tier": "auto", "top_k": 3}),
    (
        CHAT,
        {"model": "m", "messages": [USER, {"role": "assistant", "content": "x", "prefix": True}]},
    ),
    ("/v1/fim/completions", {"model": "m", "prompt": "a", "stop": "b", "random_seed": 1}),
    ("/v1/responses", {**ASKED, "store": False, "background": False, "moderation": None}),
    ("/v1/responses", {**ASKED, "tools": [{"type": "namespace", "name": "a", "tools": []}]}),
    ("/v1/ocr", {"model": None, "document": {"type": "file", "file_id": "f"}, "pages": "0-2"}),
]


def test_fields_that_only_mistral_has_are_taken() -> None:
    answers = answerer({"response": {"text": "x"}})
    for path, body in OWN_FIELDS:
        assert asked(answers, path, body).status == 200, body


def test_all_of_mistral_is_spoken_under_its_prefix_at_its_host_on_its_port_and_by_a_mock() -> None:
    spec = {"match": {"operation": ["generate", "moderate"]}, "response": {"text": "x"}}
    answers = answerer(spec, dialect=["5001=mistral"])
    own = answerer({**spec, "dialect": "mistral", "match": {"api": ["chat", "responses"]}})
    for path, body in OWN_FIELDS:
        by = asked(answers, path, body).body
        assert asked(answers, "/mistral" + path, body, {}).body == by
        assert asked(answers, path, body, {"host": "api.mistral.ai"}).body == by
        assert asked(answers, path, body, {}, 5001).body == by
        if path in (CHAT, "/v1/responses"):
            assert asked(own, path, body, {}).body == by


REFUSED = (("authentication", 401), ("not_found", 400), ("rate_limit", 429), ("overloaded", 503))


def test_every_api_has_mistrals_errors() -> None:
    for kind, status in REFUSED:
        answers = answerer({"match": {"operation": ANY}, "response": {"error": {"kind": kind}}})
        for path, body in [*OWN_FIELDS, ("/v1/responses/input_tokens", ASKED), *JUDGED_BODIES]:
            found = asked(answers, path, body)
            value = json.loads(found.body)
            assert found.status == status, path
            assert value.get("raw_status_code", 401) == status, path


def test_log_probabilities_are_told_where_they_are_asked_for() -> None:
    more = {"logprobs": True, "top_logprobs": 1}
    parts = {"reasoning": "Hm.", "text": "Hello world", "tool_calls": CALLS}
    for kind in (m.MistralChat, m.MistralFIM):
        response = parts if kind is m.MistralChat else {"text": "Hello world"}
        value = json.loads(said(kind, response, more=more))["choices"][0]["logprobs"]["content"]
        assert [entry["token"] for entry in value] == ["Hello", " world"]
        assert all(set(entry) - {"top_logprobs"} == TOKEN for entry in value)
        assert all(set(top) == TOKEN for entry in value for top in entry["top_logprobs"])
        events = events_of(kind, said(kind, response, True, more=more))
        choices = [event["choices"][0] for _, event in events]
        told = [one["logprobs"]["content"] for one in choices if "logprobs" in one]
        assert sum(told, []) == value
        assert both(kind, response, more)[0] == both(kind, response, more)[1]
        assert b"logprobs" not in said(kind, response)


def test_tokens_from_a_cache_are_told_where_there_are_some() -> None:
    usage = {"input_tokens": 9, "output_tokens": 2, "cached_tokens": 4}
    value = json.loads(said(m.MistralChat, {"text": "x", "usage": usage}))["usage"]
    assert value["prompt_tokens_details"] == {"cached_tokens": 4}
    assert b"details" not in said(m.MistralChat, NEUTRAL)


def test_vectors_come_in_the_type_that_is_asked_for() -> None:
    for kind, vector in (("int8", [32, -64]), ("ubinary", [128]), ("float", [0.25, -0.5])):
        found = json.loads(
            said(m.MistralEmbeddings, {"embedding": [0.25, -0.5]}, more={"output_dtype": kind})
        )
        assert found["data"][0]["embedding"] == vector


def test_a_stream_of_responses_does_not_end_with_what_it_has_no_event_for() -> None:
    for word in ("queued", "cancelled"):
        answers = answerer({"response": {"text": "x", "finish_reason": word}})
        whole = asked(answers, "/v1/responses", ASKED)
        assert json.loads(whole.body)["status"] == word
        refused = asked(answers, "/v1/responses", {**ASKED, "stream": True})
        assert (
            refused.status == 404 and f'no stream ends with \\"{word}\\"'.encode() in refused.body
        )
        assert asked(answers, "/v1/responses", {**ASKED, "stream": True}, {}).status == 200


def test_an_error_in_mid_stream_is_flat_and_the_response_then_fails() -> None:
    response = {"text": "a b c", "error": {"kind": "rate_limit"}, "after_events": 3}
    events = events_of(m.MistralResponses, said(m.MistralResponses, response, True))
    (_, error), (_, failed) = events[-2:]
    assert error["message"] == "Rate limit exceeded" and error["sequence_number"] == 3
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"]["code"] == "rate_limit_exceeded"


def test_models_tell_all_that_each_can_do() -> None:
    listed = json.loads(ask(answerer(), m.MistralModels).body)["data"]
    can = {
        model["id"]: {name for name, able in model["capabilities"].items() if able}
        for model in listed
    }
    assert can["mistral-ocr-latest"] == {"ocr"} and "reasoning" in can["magistral-medium-latest"]
    assert all(len(model["capabilities"]) == 14 and not model["internal"] for model in listed)


def test_conversations_that_are_judged_are_matched_as_such() -> None:
    mocks = {"match": {"api": "chat_moderations", "system": "Be nice.", "turn": 1}}
    chat = [{"role": "system", "content": "Be nice."}, USER, {"role": "assistant", "content": "x"}]
    answers = answerer({**mocks, "response": {"refusal": "no"}})
    assert asked(answers, "/v1/chat/moderations", {"model": "m", "input": chat}).status == 200
    with pytest.raises(m.BadMock, match="match.tools: no request has"):
        answerer({"match": {**mocks["match"], "tools": ["f"]}, "response": {"refusal": "no"}})


def test_a_refusal_flags_what_is_moderated() -> None:
    found = json.loads(said(m.MistralModerations, {"refusal": "no"}))["results"][0]
    assert [name for name, flag in found["categories"].items() if flag] == [m.FLAGGED]
    assert set(found) == {"categories", "category_scores"}


def test_a_document_is_read_as_the_first_page_that_is_asked_for() -> None:
    document = {"document": {"type": "image_url", "image_url": "u"}}
    answers = answerer({"match": {"api": "ocr", "user": "u"}, "response": {"text": "# Title"}})
    for pages, first in ((None, 0), ([], 0), ([3, 4], 3), ("2-4", 2), ("all", 0)):
        found = json.loads(asked(answers, "/v1/ocr", {**document, "pages": pages}).body)
        assert [(page["index"], page["markdown"]) for page in found["pages"]] == [
            (first, "# Title")
        ]
        assert found["document_annotation"] is None and found["model"] == "mistral-ocr-latest"
    prompted = {**document, "document_annotation_prompt": "In brief."}
    brief = answerer({"match": {"api": "ocr", "system": "In brief."}, "response": {"text": "x"}})
    for body, status in ((prompted, 200), (document, 404)):
        assert asked(brief, "/v1/ocr", body).status == status


def test_where_a_sound_is_counts_as_what_the_user_says() -> None:
    answers = answerer(
        {
            "match": {"operation": "audio", "user": {"contains": "/a.mp3"}},
            "response": {"text": "One. Two."},
        }
    )
    plain = {"content-type": "application/x-www-form-urlencoded"}
    asked = b"model=v&file_url=https%3A%2F%2Fe.com%2Fa.mp3"
    for more, segments in (
        (b"", []),
        (b"&stream=false&diarize=false", []),
        (b"&diarize=true", ["One.", "Two."]),
        (b"&timestamp_granularities=segment", ["One.", "Two."]),
        (b"&timestamp_granularities=segment&timestamp_granularities=word", ["One.", "Two."]),
    ):
        found = json.loads(
            ask(answers, m.MistralTranscriptions, headers=plain, body=asked + more).body
        )
        assert found["text"] == "One. Two."
        assert [one["text"] for one in found["segments"]] == segments
    sound = ask(answerer(fallback="echo"), m.MistralTranscriptions)
    assert json.loads(sound.body)["text"] == "This is what was said in a.mp3."
    echo = ask(answerer(fallback="echo"), m.MistralTranscriptions, headers=plain, body=asked)
    assert json.loads(echo.body)["text"] == "https://e.com/a.mp3"
    listed = {"file": None, "file[]": SAMPLES[m.MistralTranscriptions][3]["file"]}
    refused = ask(answerer(fallback="echo"), m.MistralTranscriptions, more=listed)
    assert refused.status == 422 and json.loads(refused.body)["detail"][0]["loc"][-1] == "file"


def test_speech_is_json_whose_pieces_are_the_whole() -> None:
    whole = json.loads(said(m.MistralSpeech, {"text": "Hello there"}))["audio_data"]
    stream = said(m.MistralSpeech, {"text": "Hello there"}, stream=True)
    *pieces, done = [value for _, value in events_of(m.MistralSpeech, stream)]
    parts = [base64.b64decode(piece["audio_data"]) for piece in pieces]
    assert b"".join(parts) == base64.b64decode(whole) and len(parts) == 2
    assert done["usage"]["total_tokens"] > 0
