"""What holds for every format: ids, headers, usage, embeddings, counts."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Sequence

import pytest
from cases import cases
from readers import decoded, events_of
from samples import (
    COUNTS,
    EMBEDS,
    GENERATE,
    NEUTRAL,
    answerer,
    ask,
    bytes_of,
    call_of,
    complaint_of,
    said,
    wire_of,
)

import mock_server as m

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

IDS: Dict[type, Any] = {  # of answers and tool calls: prefix, length, alphabet (wire formats, 2.4)
    m.OpenAIChat: ("chatcmpl-[A-Za-z0-9]{29}", "call_[A-Za-z0-9]{24}"),
    m.AzureChat: ("chatcmpl-[A-Za-z0-9]{29}", "call_[A-Za-z0-9]{24}"),
    m.GeminiChat: ("[A-Za-z0-9_-]{22}", r"function-call-1\d{19}"),
    m.OpenRouterChat: (r"gen-1[67]\d{8}-[A-Za-z0-9]{20}", "call_[A-Za-z0-9]{24}"),
    m.VLLMChat: ("chatcmpl-[0-9a-f]{32}", "chatcmpl-tool-[0-9a-f]{32}"),
    m.DeepSeekChat: (UUID, "call_00_[A-Za-z0-9]{24}"),
    m.GroqChat: ("chatcmpl-" + UUID, "[a-z0-9]{9}"),
    m.OllamaOpenAIChat: (r"chatcmpl-\d{3}", "call_[a-z0-9]{8}"),
    m.BedrockOpenAIChat: ("chatcmpl-" + UUID, "chatcmpl-tool-[0-9a-f]{16}"),
    m.OpenAIResponses: ("resp_[0-9a-f]{50}", "call_[A-Za-z0-9]{24}"),
    m.AnthropicMessages: ("msg_01[1-9A-HJ-NP-Za-km-z]{22}", "toolu_01[1-9A-HJ-NP-Za-km-z]{22}"),
    m.VertexMessages: ("msg_vrtx_01[1-9A-HJ-NP-Za-km-z]{22}", "toolu_01[1-9A-HJ-NP-Za-km-z]{22}"),
    m.BedrockClaude: ("msg_bdrk_01[1-9A-HJ-NP-Za-km-z]{22}", "toolu_01[1-9A-HJ-NP-Za-km-z]{22}"),
    m.BedrockConverse: (None, "tooluse_[A-Za-z0-9_-]{22}"),
    m.CohereChat: (UUID, "now_[a-z0-9]{12}"),
    m.MistralChat: ("[0-9a-f]{32}", "[A-Za-z0-9]{9}"),
    m.OllamaChat: (None, "call_[a-z0-9]{8}"),
}


@cases("kind", IDS)
def test_ids_have_the_providers_form_and_are_the_same_in_every_event(kind: type) -> None:
    response = {"tool_calls": [{"name": "now"}]}
    whole = said(kind, response).decode()
    streamed = events_of(kind, said(kind, response, True))
    events = json.dumps([value for _, value in streamed])
    answer, tool = IDS[kind]
    if answer:
        own = json.loads(whole)["id"]
        ids = set(re.findall(r'(?<!item_)"(?:id|responseId)": "(%s)"' % answer, events))
        assert re.fullmatch(answer, own) and ids == {own}
    assert len(set(re.findall(rf'"(?:id|call_id|toolUseId)": ?"({tool})"', whole + events))) == 1


UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


# The type of a whole answer and of a stream, and what else clients read of the headers.
HEADERS: Dict[type, Any] = {
    m.OpenAIChat: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {
            "x-request-id": "req_[0-9a-f]{32}",
            "openai-processing-ms": "[0-9]+",
            "openai-version": "2020-10-01",
            "x-ratelimit-limit-requests": "[0-9]+",
            "x-ratelimit-reset-requests": "8.64s",
        },
    ),
    m.OpenAIResponses: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {
            "x-request-id": "req_[0-9a-f]{32}",
            "openai-processing-ms": "[0-9]+",
            "openai-version": "2020-10-01",
        },
    ),
    m.OpenAICompletions: (
        "application/json",
        "text/event-stream",
        {"x-request-id": "req_[0-9a-f]{32}"},
    ),
    m.AzureChat: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {
            "apim-request-id": UUID,
            "x-request-id": UUID,
            "x-ms-region": ".+",
            "x-ratelimit-remaining-requests": "[0-9]+",
        },
    ),
    m.GeminiGenerate: (
        "application/json; charset=UTF-8",
        "text/event-stream",
        {"Server-Timing": "gfet4t7; dur=[0-9]+"},
    ),
    m.GeminiChat: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {"Server-Timing": "gfet4t7; dur=[0-9]+"},
    ),
    m.VertexMessages: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {"request-id": "req_vrtx_011[1-9A-HJ-NP-Za-km-z]{21}"},
    ),
    m.AnthropicMessages: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {
            "request-id": "req_011[1-9A-HJ-NP-Za-km-z]{21}",
            "anthropic-organization-id": UUID,
            "anthropic-ratelimit-requests-limit": "[0-9]+",
            "anthropic-ratelimit-input-tokens-remaining": "[0-9]+",
            "anthropic-ratelimit-output-tokens-reset": r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ",
        },
    ),
    m.BedrockConverse: (
        "application/json",
        "application/vnd.amazon.eventstream",
        {"x-amzn-RequestId": UUID},
    ),
    m.BedrockClaude: (
        "application/json",
        "application/vnd.amazon.eventstream",
        {"x-amzn-RequestId": UUID},
    ),
    m.CohereChat: (
        "application/json",
        "text/event-stream",
        {
            "x-debug-trace-id": "[0-9a-f]{32}",
            "x-trial-endpoint-call-remaining": "[0-9]+",
            "x-endpoint-monthly-call-limit": "[0-9]+",
        },
    ),
    m.MistralChat: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {
            "mistral-correlation-id": UUID,
            "x-kong-request-id": UUID,
            "x-ratelimit-remaining-req-10-second": "[0-9]+",
        },
    ),
    m.OllamaChat: ("application/json; charset=utf-8", "application/x-ndjson", {}),
}


@cases("kind", HEADERS)
@cases("stream", [False, True])
def test_the_headers_that_clients_read_are_there_and_the_same_each_time(
    kind: type, stream: bool
) -> None:
    answers = answerer({"response": NEUTRAL})
    headers = ask(answers, kind, stream).headers
    found = dict(headers)
    assert found["Content-Type"] == HEADERS[kind][stream]
    for name, pattern in HEADERS[kind][2].items():
        assert re.fullmatch(pattern, found[name]), name
    assert headers == ask(answerer({"response": NEUTRAL}), kind, stream).headers


def test_token_counts_stand_in_headers_where_the_provider_puts_them() -> None:
    answers = answerer({"response": NEUTRAL})
    claude = dict(ask(answers, m.BedrockClaude).headers)
    assert claude["X-Amzn-Bedrock-Input-Token-Count"] == "9"
    assert claude["X-Amzn-Bedrock-Output-Token-Count"] == "2"
    assert dict(ask(answers, m.CohereChat).headers)["num_tokens"] == "11"
    streamed = dict(ask(answers, m.BedrockClaude, True).headers)
    assert streamed["X-Amzn-Bedrock-Content-Type"] == "application/json"


# Where each API says how many tokens went in and came out; () is one that does not say it.
USAGE_PLACES: Dict[type, Any] = {
    m.OpenAIChat: ("usage.prompt_tokens", "usage.completion_tokens"),
    m.OpenAICompletions: ("usage.prompt_tokens", "usage.completion_tokens"),
    m.GeminiGenerate: ("usageMetadata.promptTokenCount", "usageMetadata.candidatesTokenCount"),
    m.OpenAIResponses: ("usage.input_tokens", "usage.output_tokens"),
    m.AnthropicMessages: ("usage.input_tokens", "usage.output_tokens"),
    m.BedrockConverse: ("usage.inputTokens", "usage.outputTokens"),
    m.CohereChat: ("usage.billed_units.input_tokens", "usage.billed_units.output_tokens"),
    m.OllamaChat: ("prompt_eval_count", "eval_count"),
}


def usage_of(kind: type, value: Any) -> List[int]:
    """The tokens in and out that a whole answer tells."""
    base = next((base for base in USAGE_PLACES if issubclass(kind, base)), None)
    assert base, f"USAGE_PLACES does not say where {kind.__name__} tells its tokens"
    return [m.within(value, *place.split(".")) for place in USAGE_PLACES[base]]


@cases("kind", GENERATE)
def test_usage_is_what_the_mock_says_or_estimated_above_zero(kind: type) -> None:
    told = usage_of(kind, json.loads(said(kind, NEUTRAL)))
    assert told == [9, 2][: len(told)]
    assert all(count > 0 for count in usage_of(kind, json.loads(said(kind, {"text": "Hello"}))))


def test_a_share_of_the_usage_is_told_where_it_shows_and_nowhere_else() -> None:
    counted = {"stream_options": {"include_usage": True}}
    for kind in GENERATE:
        for stream in (False, True):
            told = set()
            for share in m.USAGE_SHARES:
                usage = {"input_tokens": 5000, "output_tokens": 3000, share: 1237}
                response = {"response": {"text": "x", "usage": usage}}
                found = ask(answerer(response), kind, stream, more=counted)
                # At Gemini under OpenAI's names, thoughts are what the output lacks.
                if re.search(rb"\b(1237|1763)\b", decoded(kind, found) if stream else found.body):
                    told.add(share)
            shown = {share for share in m.USAGE_SHARES if m.shows(wire_of(kind), stream, share)}
            assert told == shown, (kind, stream)


def test_a_providers_own_reason_is_sent_as_it_is() -> None:
    for kind in GENERATE:
        answers = answerer({"response": {"text": "x", "finish_reason": "OF_ITS_own"}})
        assert b'"OF_ITS_own"' in ask(answers, kind).body, kind
        assert b'"OF_ITS_own"' in decoded(kind, ask(answers, kind, True)), kind


@pytest.mark.parametrize(
    "kind, stream, block, why",
    [
        (m.AnthropicMessages, False, {"text": "x"}, 'whose answers have blocks such as {"text"'),
        (m.GeminiGenerate, False, {"type": "text", "text": "x"}, "whose answers have blocks"),
        (m.BedrockConverse, False, {"inlineData": {}}, "whose answers have blocks"),
        (m.BedrockConverse, False, {"text": 5}, "whose answers have blocks"),
        (m.BedrockConverse, False, {"text": "x", "image": {}}, "whose answers have blocks"),
        (m.BedrockConverse, True, {"guardContent": {}}, "false, because no stream has"),
        (m.BedrockNova, True, {"video": {}}, "false, because no stream has"),
        (m.BedrockConverse, False, {"guardContent": {}}, ""),
        (m.CohereChat, False, {"type": "text"}, "whose answers have blocks"),
        (m.OllamaChat, False, {"type": "text", "text": "x"}, "can say a block"),
    ],
)
def test_a_block_is_said_by_the_apis_that_have_it(
    kind: type, stream: bool, block: Any, why: str
) -> None:
    found = ask(answerer({"response": {"parts": [{"block": block}]}}), kind, stream)
    assert found.status == (404 if why else 200)
    assert not why or why in complaint_of(bytes_of(found))


@pytest.mark.parametrize(
    "kind, reasons",
    [
        (m.OpenAIChat, ("stop", "length", "tool_calls", "content_filter")),
        (m.AzureChat, ("stop", "length", "tool_calls", "content_filter")),
        (m.GeminiGenerate, ("STOP", "MAX_TOKENS", "STOP", "SAFETY")),
        (m.VertexGenerate, ("STOP", "MAX_TOKENS", "STOP", "SAFETY")),
    ],
)
def test_finish_reasons_are_translated(kind: type, reasons: Sequence[str]) -> None:
    for stop, expected in zip(m.STOPS, reasons):
        value = json.loads(said(kind, {"text": "x", "finish_reason": stop}))
        (answer,) = value.get("choices") or value["candidates"]
        assert answer.get("finish_reason", answer.get("finishReason")) == expected


def test_a_refusal_without_a_field_of_its_own_is_text_with_the_providers_finish_reason() -> None:
    candidate = json.loads(said(m.GeminiGenerate, {"refusal": "No."}))["candidates"][0]
    assert candidate["content"]["parts"] == [{"text": "No."}]
    assert candidate["finishReason"] == "SAFETY"
    choice = json.loads(said(m.OpenAICompletions, {"refusal": "No."}))["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == ("No.", "content_filter")


@cases("kind", EMBEDS)
def test_every_api_that_embeds_gives_the_vector_of_the_mock(kind: type) -> None:
    sent = said(kind, {"embedding": [0.25, -0.5, 1.0]})
    assert b"[0.25,-0.5,1.0]" in re.sub(rb"\s", b"", sent)


@pytest.mark.parametrize("kind", COUNTS)
def test_every_api_that_counts_gives_the_input_tokens_of_the_mock(kind: type) -> None:
    assert re.search(rb"\b1234\b", said(kind, {"usage": {"input_tokens": 1234}}))
    assert call_of(kind).user == "Hi"


def test_models_are_answered_without_a_mock_and_one_by_name() -> None:
    answers = answerer()

    def at(path: str) -> Any:
        return json.loads(answers.answer(m.Request("GET", path)).response.body)

    assert at("/v1/models")["object"] == "list"
    assert at("/v1/models/any-name")["id"] == "any-name"
    assert at("/v1beta/models/any-name")["name"] == "models/any-name"
    assert "publisherModels" in json.loads(ask(answers, m.VertexModels).body)
    assert json.loads(ask(answers, m.AnthropicModels).body)["data"][0]["type"] == "model"


@cases("kind", [*EMBEDS, m.BedrockOther])
def test_a_filter_is_an_error_where_no_text_can_say_it(kind: type) -> None:
    response = {"error": {"kind": "content_filter"}}
    answers = answerer({"match": {"operation": ["embed", "generate"]}, "response": response})
    assert ask(answers, kind).status == 400


def test_fields_are_declared_as_kinds_that_there_are() -> None:
    declared = {kind.rstrip("!") for wire in m.WIRE_FORMATS for kind in wire.fields.values()}
    assert declared <= m.KINDS.keys()
