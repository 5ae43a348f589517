"""OpenAI's Responses API (wire formats, section 5)."""

from __future__ import annotations

import re
from typing import Any, List, Tuple

import pytest
from readers import both, derived, indented, whole_of
from samples import NEUTRAL, call_of, said

import mock_server as m

TEXT = {"type": "output_text", "annotations": [], "logprobs": [], "text": "Hello world"}
ITEM = {
    "id": "@msg",
    "type": "message",
    "status": "completed",
    "content": [TEXT],
    "role": "assistant",
}
RESPONSE = {
    "id": "@resp",
    "object": "response",
    "created_at": "@created_at",
    "status": "completed",
    "background": False,
    "billing": {"payer": "developer"},
    "completed_at": "@completed_at",
    "error": None,
    "frequency_penalty": 0.0,
    "incomplete_details": None,
    "instructions": "Be brief.",
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": "gpt-4o-mini",
    "moderation": None,
    "output": [ITEM],
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": "in_memory",
    "reasoning": {"context": None, "effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 11,
    },
    "user": None,
    "metadata": {},
}
BEGUN = {
    **RESPONSE,
    "status": "in_progress",
    "completed_at": None,
    "output": [],
    "service_tier": "auto",
    "usage": None,
}
EVENTS: List[Tuple[str, Any]] = [
    ("created", {"response": BEGUN}),
    ("in_progress", {"response": BEGUN}),
    (
        "output_item.added",
        {"item": {**ITEM, "status": "in_progress", "content": []}, "output_index": 0},
    ),
    (
        "content_part.added",
        {"content_index": 0, "item_id": "@msg", "output_index": 0, "part": {**TEXT, "text": ""}},
    ),
    (
        "output_text.delta",
        {
            "content_index": 0,
            "delta": "Hello",
            "item_id": "@msg",
            "logprobs": [],
            "output_index": 0,
        },
    ),
    (
        "output_text.delta",
        {
            "content_index": 0,
            "delta": " world",
            "item_id": "@msg",
            "logprobs": [],
            "output_index": 0,
        },
    ),
    (
        "output_text.done",
        {
            "content_index": 0,
            "item_id": "@msg",
            "logprobs": [],
            "output_index": 0,
            "sequence_number": 6,
            "text": "Hello world",
        },
    ),
    (
        "content_part.done",
        {"content_index": 0, "item_id": "@msg", "output_index": 0, "part": TEXT},
    ),
    ("output_item.done", {"item": ITEM, "output_index": 0}),
    ("completed", {"response": RESPONSE}),
]


def test_a_whole_answer_is_sent_byte_for_byte() -> None:
    sent = whole_of(m.OpenAIResponses)
    assert sent == derived(RESPONSE, sent, indented)


def test_a_stream_is_sent_byte_for_byte_but_for_its_padding() -> None:
    sent = said(m.OpenAIResponses, NEUTRAL, True).decode()
    events = []
    for number, (name, value) in enumerate(EVENTS):
        event = {"type": "response." + name, **value}
        event.setdefault("sequence_number", number)
        events.append(f"event: response.{name}\ndata: {derived(event, sent)}\n\n")
    bare, padded = re.subn(r'"obfuscation":"[A-Za-z0-9]{0,15}",', "", sent)
    assert bare == "".join(events) and padded == 2


def test_input_tokens_are_counted_byte_for_byte() -> None:
    sent = whole_of(m.OpenAIInputTokens)
    assert sent == indented({"object": "response.input_tokens", "input_tokens": 9}) + "\n"


ANSWERED = {"role": "assistant", "content": "a"}
CALLED = {"type": "function_call"}
RETURNED = {"type": "function_call_output", "output": "o"}


@pytest.mark.parametrize(
    "items, turns",
    [
        ([], 0),
        ([ANSWERED], 1),
        ([{"type": "reasoning"}, ANSWERED, CALLED], 1),
        ([CALLED, CALLED, RETURNED, CALLED], 2),
        ([{"type": "item_reference", "id": "x"}], 0),
    ],
)
def test_what_a_model_said_in_one_go_is_one_turn(items: Any, turns: int) -> None:
    body = {"model": "x", "input": [{"role": "user", "content": "q"}, *items]}
    assert call_of(m.OpenAIResponses, body=body).turn == turns


def test_a_request_may_go_on_from_an_earlier_one() -> None:
    output = [{"type": "function_call_output", "call_id": "c", "output": {"degrees": 7}}]
    body = {"model": "x", "previous_response_id": "resp_1", "input": output}
    call = call_of(m.OpenAIResponses, body=body)
    assert (call.user, call.tool_result) == ("", '{"degrees":7}')
    assert call_of(m.OpenAIResponses, body={"model": "x", "prompt": {"id": "pmpt_1"}}).user == ""


def test_reasoning_is_encrypted_for_who_asks_for_it() -> None:
    more = {"include": ["reasoning.encrypted_content"]}
    whole, streamed = both(m.OpenAIResponses, {"reasoning": "Hm.", "text": "x"}, more)
    assert whole == streamed and whole["output"][0]["encrypted_content"].startswith("gAAAAAB")
