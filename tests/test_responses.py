"""OpenAI's Responses API (wire formats, section 5)."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Tuple

import pytest
from readers import both, derived, events_of, indented, whole_of
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


# --- The provider's own words ---

CITED = {"type": "url_citation", "url": "https://a.test", "start_index": 0, "end_index": 2}
SEARCHED = {"type": "search", "query": "a"}
IN_PARTS = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "content": [
        {**TEXT, "text": "as said", "annotations": [CITED]},
        {"type": "refusal", "refusal": "no more"},
        {"type": "chart", "of": [1]},
    ],
    "role": "assistant",
}
THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "a b"}, {"type": "summary_text", "text": "c"}],
    "content": [{"type": "reasoning_text", "text": "deep down"}],
    "encrypted_content": "gAAAAAB",
}
PICTURE = {"id": "ig_1", "type": "image_generation_call", "status": "completed", "size": "1x1"}
PROGRAM = {"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "code": "1 + 1"}
REMOTE = {"type": "mcp_call", "id": "mcp_1", "name": "f", "arguments": "{}", "output": "o"}
# A native item; what its stream begins with, but for the status; and the events between that and
# the item, without `response.` and repeats.
BLOCKS: List[Tuple[Any, Any, List[str]]] = [
    (
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": SEARCHED},
        {"type": "web_search_call", "id": "ws_1", "action": {"type": "search"}, "status": ""},
        [f"web_search_call.{step}" for step in ("in_progress", "searching", "completed")],
    ),
    (
        {"type": "file_search_call", "status": "failed", "queries": ["a"], "results": None},
        {"type": "file_search_call", "status": "in_progress", "queries": [], "results": None},
        [f"file_search_call.{step}" for step in ("in_progress", "searching")],
    ),
    (
        {**PICTURE, "result": "iVBO"},
        {key: PICTURE[key] for key in ("id", "type", "status")},
        [
            f"image_generation_call.{step}"
            for step in ("in_progress", "generating", "partial_image", "completed")
        ],
    ),
    (
        PICTURE,
        {key: PICTURE[key] for key in ("id", "type", "status")},
        [f"image_generation_call.{step}" for step in ("in_progress", "generating", "completed")],
    ),
    (
        {**PROGRAM, "container_id": "c", "outputs": []},
        {**PROGRAM, "container_id": "c", "code": "", "outputs": None},
        [
            "code_interpreter_call.in_progress",
            "code_interpreter_call_code.delta",
            "code_interpreter_call_code.done",
            "code_interpreter_call.interpreting",
            "code_interpreter_call.completed",
        ],
    ),
    (
        REMOTE,
        {**REMOTE, "arguments": "", "output": None},
        [
            "mcp_call.in_progress",
            "mcp_call_arguments.delta",
            "mcp_call_arguments.done",
            "mcp_call.completed",
        ],
    ),
    (
        {"type": "mcp_list_tools", "id": "mcpl_1", "tools": [{"name": "f"}], "error": "gone"},
        {"type": "mcp_list_tools", "id": "mcpl_1", "tools": [], "error": "gone"},
        ["mcp_list_tools.in_progress", "mcp_list_tools.failed"],
    ),
    (
        THOUGHT,
        {"type": "reasoning", "id": "rs_1", "summary": []},
        [
            *["reasoning_summary_part.added", "reasoning_summary_text.delta"],
            *["reasoning_summary_text.done", "reasoning_summary_part.done"],
            *["reasoning_summary_part.added", "reasoning_summary_text.delta"],
            *["reasoning_summary_text.done", "reasoning_summary_part.done"],
            *["content_part.added", "reasoning_text.delta", "reasoning_text.done"],
            "content_part.done",
        ],
    ),
    (
        IN_PARTS,
        {**IN_PARTS, "content": []},
        [
            *["content_part.added", "output_text.delta", "output_text.annotation.added"],
            *["output_text.done", "content_part.done"],
            *["content_part.added", "refusal.delta", "refusal.done", "content_part.done"],
            *["content_part.added", "content_part.done"],
        ],
    ),
    ({"type": "computer_call", "a": {"b": 1}}, {"type": "computer_call", "a": {"b": 1}}, []),
    ({"made": "up", "id": "x"}, {"made": "up", "id": "x"}, []),
    # What is none of the API's items in earnest is sent as it is, too.
    ({"type": ["x"], "status": 1}, {"type": ["x"], "status": "in_progress"}, []),
    ({"type": "message", "content": 7}, {"type": "message", "content": []}, []),
]


@pytest.mark.parametrize("kind", [m.OpenAIResponses, m.AzureResponses])
def test_items_of_ones_own_stream_with_the_events_of_their_type(kind: type) -> None:
    for block, begun, expected in BLOCKS:
        parts = {"parts": [{"text": "first"}, {"block": block}]}
        whole, streamed = both(kind, parts, {})
        item = whole["output"][1]
        assert streamed == whole and {**item, **block} == item and len(item) <= len(block) + 1
        events = [value for _, value in events_of(kind, said(kind, parts, True))]
        own = [event for event in events if event.get("output_index") == 1]
        added = {**begun, "id": item["id"]}
        if "status" in block:
            added["status"] = "in_progress"
        assert own[0]["item"] == added and own[-1]["item"] == item
        names = [event["type"][len("response.") :] for event in own[1:-1]]
        assert [name for at, name in enumerate(names) if names[at - 1 : at] != [name]] == expected


def test_events_of_an_item_hold_what_it_holds() -> None:
    blocks = [{"block": {**PICTURE, "result": "iVBO"}}, {"block": IN_PARTS}]
    sent = said(m.OpenAIResponses, {"parts": blocks}, True)
    events = {event["type"]: event for _, event in events_of(m.OpenAIResponses, sent)}
    assert events["response.image_generation_call.partial_image"] == {
        "type": "response.image_generation_call.partial_image",
        "item_id": "ig_1",
        "output_index": 0,
        "partial_image_b64": "iVBO",
        "partial_image_index": 0,
        "sequence_number": 5,
        "size": "1x1",
    }
    cited = events["response.output_text.annotation.added"]
    assert (cited["annotation"], cited["annotation_index"], cited["item_id"]) == (CITED, 0, "msg_1")
    whole = json.loads(said(m.OpenAIResponses, {"parts": [{"block": {"type": "mcp_call"}}]}))
    assert re.fullmatch("mcp_[0-9a-f]{50}", whole["output"][0]["id"])


COUNTS = {"usage": {"input_tokens": 9, "output_tokens": 2, "cache_write_tokens": 4}}
# What a mock says besides its text: the response's status, why it is incomplete, the code of its
# error, the status of its item, and whether its tokens are counted.
ENDS: List[Tuple[Any, Any]] = [
    ({"finish_reason": "max_time"}, ("incomplete", "max_time", None, "incomplete", True)),
    ({"finish_reason": "error"}, ("incomplete", "error", None, "incomplete", True)),
    ({"finish_reason": "incomplete"}, ("incomplete", None, None, "incomplete", True)),
    ({"finish_reason": "completed"}, ("completed", None, None, "completed", True)),
    ({"finish_reason": "failed"}, ("failed", None, "server_error", "incomplete", False)),
    ({"finish_reason": "failed", **COUNTS}, ("failed", None, "server_error", "incomplete", True)),
    ({"finish_reason": "cancelled"}, ("cancelled", None, None, "incomplete", False)),
    ({"finish_reason": "queued"}, ("queued", None, None, "in_progress", False)),
    ({"finish_reason": "in_progress"}, ("in_progress", None, None, "in_progress", False)),
]


@pytest.mark.parametrize("kind", [m.OpenAIResponses, m.AzureResponses])
def test_a_word_of_the_apis_own_is_a_status_or_why_it_is_incomplete(kind: type) -> None:
    for more, expected in ENDS:
        whole, streamed = both(kind, {"text": "a b", **more}, {"error": "not mine"})
        assert streamed == whole, more
        reason = m.within(whole, "incomplete_details", "reason")
        code = m.within(whole, "error", "code")
        found = (whole["status"], reason, code, whole["output"][0]["status"])
        assert (*found, whole["usage"] is not None) == expected, more
        assert (whole["completed_at"] is not None) == (whole["status"] == "completed")


def test_tokens_written_to_a_cache_are_told() -> None:
    whole, streamed = both(m.OpenAIResponses, {"text": "x", **COUNTS}, {})
    assert whole == streamed
    assert whole["usage"]["input_tokens_details"]["cache_write_tokens"] == 4


# How a stream that an error breaks off ends; by the word with which the answer would stop.
BROKEN: Dict[str, List[str]] = {
    "stop": ["error", "response.failed"],
    "failed": ["response.failed"],
    "error": ["error"],
}


def test_a_stream_breaks_off_with_an_error_and_a_failed_response() -> None:
    error = {"kind": "rate_limit", "message": "slow down"}
    for stop, expected in BROKEN.items():
        for after, counts in ((0, {}), (3, {}), (8, COUNTS)):
            response = {
                "reasoning": "a",
                "text": "b",
                "finish_reason": stop,
                **counts,
                "error": error,
                "after_events": after,
            }
            sent = said(m.OpenAIResponses, response, True)
            events = [event for _, event in events_of(m.OpenAIResponses, sent)]
            assert [event["sequence_number"] for event in events] == list(range(len(events)))
            assert [event["type"] for event in events[after:]] == expected
            if expected[-1] == "response.failed":
                failed = events[-1]["response"]
                code = {"code": "rate_limit_exceeded", "message": "slow down"}
                assert (failed["status"], failed["error"]) == ("failed", code)
                assert (failed["usage"] is not None) == bool(counts)
                # The thought is done after eight events, and the text is not.
                done = ["reasoning"] if after == 8 else []
                assert [item["type"] for item in failed["output"]] == done
    recorded = {"events": [{"type": "a"}, {"type": "b"}], "error": error, "after_events": 1}
    named = events_of(m.OpenAIResponses, said(m.OpenAIResponses, recorded, True))
    assert [name for name, _ in named] == ["a", "error"]


def test_a_function_is_repeated_with_what_the_request_leaves_out_of_it() -> None:
    bare, custom = {"type": "function", "name": "f"}, {"type": "custom", "name": "g"}
    given = {**bare, "strict": None, "parameters": {"type": "object"}, "description": "d"}
    for tool, repeated in (
        (bare, {**bare, "parameters": None, "strict": True}),
        (given, given),
        ({**bare, "strict": False}, {**bare, "strict": False, "parameters": None}),
        (custom, custom),
    ):
        for response in both(m.OpenAIResponses, {"text": "Hi"}, {"tools": [tool]}):
            assert response["tools"] == [repeated]


def test_a_custom_tool_is_called_with_plain_text() -> None:
    tools = [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]
    calls = [
        {"name": "f", "arguments": {"a": 1}},
        {"name": "g", "arguments": "*** Begin\n+x"},
        {"name": "g", "arguments": {"a": 1}, "id": "call_mine"},
        {"name": "g", "arguments": ""},
    ]
    response = {"tool_calls": calls, "chunk_size": 4}
    more = {"tools": tools}
    call = call_of(m.OpenAIResponses, more=more)
    assert (call.tools, call.custom_tools) == (("f", "g"), ("g",))
    whole, streamed = both(m.OpenAIResponses, response, more)
    assert whole == streamed
    function, *customs = whole["output"]
    assert (function["type"], function["arguments"]) == ("function_call", '{"a":1}')
    assert [list(item) for item in customs] == [
        ["id", "type", "status", "call_id", "input", "name"]
    ] * 3
    assert [item["input"] for item in customs] == ["*** Begin\n+x", '{"a":1}', ""]
    assert customs[0]["id"].startswith("ctc_") and customs[1]["call_id"] == "call_mine"
    sent = said(m.OpenAIResponses, response, True, more=more)
    names = [event["type"] for _, event in events_of(m.OpenAIResponses, sent)]
    assert names.count("response.custom_tool_call_input.delta") == 5
    assert names.count("response.custom_tool_call_input.done") == 3


# What a request has, and what the response has of it, at the start and in the end.
ECHOES: List[Tuple[Dict[str, Any], Dict[str, Any], Dict[str, Any]]] = [
    ({}, {"service_tier": "auto", "top_logprobs": 0}, {"service_tier": "default"}),
    ({"service_tier": "auto"}, {"service_tier": "auto"}, {"service_tier": "default"}),
    ({"service_tier": "priority"}, {"service_tier": "priority"}, {"service_tier": "priority"}),
    ({"top_logprobs": 3}, {"top_logprobs": 3}, {"top_logprobs": 3}),
    ({"conversation": "conv_1"}, {"conversation": {"id": "conv_1"}}, {}),
    ({"conversation": {"id": "conv_1"}}, {"conversation": {"id": "conv_1"}}, {}),
    (
        {"prompt": {"id": "pmpt_1"}},
        {"prompt": {"id": "pmpt_1", "version": None, "variables": None}},
        {},
    ),
    (
        {"prompt_cache_options": {"mode": "explicit"}},
        {"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}},
        {},
    ),
    (
        {"image": {"context_compression": "enabled"}},
        {"image": {"context_compression": "enabled"}},
        {},
    ),
    ({"access_programs": {"cyber": "standard"}}, {"access_programs": {"cyber": "standard"}}, {}),
    ({"moderation": {"model": "omni-moderation-latest"}}, {"moderation": None}, {}),
]


def streamed(kind: type, response: Any, **more: Any) -> List[Any]:
    """The events of a stream."""
    return [value for _, value in events_of(kind, said(kind, response, True, **more))]


RARE = ("conversation", "prompt", "prompt_cache_options", "image", "access_programs")


@pytest.mark.parametrize("kind", [m.OpenAIResponses, m.AzureResponses])
def test_a_response_repeats_what_the_request_says(kind: type) -> None:
    for asked, begun, ended in ECHOES:
        events = streamed(kind, NEUTRAL, more=asked)
        for response, expected in (
            (events[0]["response"], begun),
            (events[-1]["response"], {**begun, **ended}),
            (json.loads(said(kind, NEUTRAL, more=asked)), {**begun, **ended}),
        ):
            assert {name: response[name] for name in expected} == expected, asked
            assert {name for name in RARE if name in response} == set(RARE) & set(asked)


# A part of an own item, and what its deltas say.
SCORED: List[Tuple[Any, List[Tuple[str, Any]]]] = [
    (
        [{"token": "As ", "logprob": -0.5, "bytes": [65]}, {"token": "said", "logprob": -1.0}],
        [
            ("As ", [{"token": "As ", "logprob": -0.5, "top_logprobs": []}]),
            ("said", [{"token": "said", "logprob": -1.0, "top_logprobs": []}]),
        ],
    ),
    ([{"token": "other", "logprob": -0.5}], [("As", []), (" said", [])]),
    ([], [("As", []), (" said", [])]),
]


def test_log_probabilities_of_ones_own_item_stream_with_its_text() -> None:
    for logprobs, expected in SCORED:
        part = {"type": "output_text", "text": "As said", "annotations": [], "logprobs": logprobs}
        item = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
        values = streamed(m.OpenAIResponses, {"parts": [{"block": item}]})
        deltas = [value for value in values if value["type"] == "response.output_text.delta"]
        assert [(value["delta"], value["logprobs"]) for value in deltas] == expected
        assert values[-1]["response"]["output"][0]["content"] == [part]


def test_the_arguments_of_a_function_end_with_its_name_and_no_others_do() -> None:
    response = {"tool_calls": [{"name": "f", "arguments": {}}, {"name": "g", "arguments": "x"}]}
    more = {"tools": [{"type": "custom", "name": "g"}]}
    values = streamed(m.OpenAIResponses, response, more=more)
    done = {value["type"]: value for value in values if value["type"].endswith("s.done")}
    assert done["response.function_call_arguments.done"]["name"] == "f"
    inputs = [value for value in values if value["type"] == "response.custom_tool_call_input.done"]
    assert [sorted(value) for value in inputs] == [
        ["input", "item_id", "output_index", "sequence_number", "type"]
    ]
