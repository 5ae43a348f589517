"""Mistral, for its own client (wire formats, section 12)."""

from __future__ import annotations

import json
import re
from typing import Any, Optional

from readers import both, derived, events_of, whole_of
from samples import CALLS, NEUTRAL, answerer, ask, said

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
