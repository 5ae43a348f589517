"""Places in a stream: where a fault, a gate or an error comes, by events or pieces of content."""

from __future__ import annotations

import base64
import json
from typing import Any, List, Tuple

from samples import GENERATE, answerer, ask, call_of, steps_of, wire_of

import mock_server as m


def drawn(stream: str, after: m.After, leaves_one: bool = False) -> str:
    """A stream with its mark as `|`: `p` is a piece of content, `-` a gate, all else an event."""
    items: List[Any] = [m.Hold() if letter == "-" else letter for letter in stream]
    found = m.marked(items, after, lambda item: item == "p", leaves_one)
    letters = {m.Mark: "|", m.Hold: "-"}
    return "".join(letters.get(type(item), str(item)) for item in found)


def test_a_mark_comes_just_before_what_comes_there() -> None:
    table: List[Tuple[str, m.After, bool, str]] = [
        ("oppo", m.After(0), False, "|oppo"),
        ("oppo", m.After(2), False, "op|po"),
        ("oppo", m.After(9), False, "oppo|"),
        ("oppo", m.After(9), True, "opp|o"),
        ("oppo", m.After(4), True, "opp|o"),
        ("oppo", m.After(0, True), False, "o|ppo"),
        ("oppo", m.After(1, True), False, "op|po"),
        ("oppoo", m.After(9, True), False, "opp|oo"),
        ("oopp", m.After(9, True), True, "oop|p"),
        ("oo", m.After(2, True), False, "|oo"),
        ("o-p-p-o", m.After(2), False, "o-p-|p-o"),
        ("o-p-p-o", m.After(1, True), False, "o-p-|p-o"),
        ("p", m.After(1), True, "|p"),
        ("", m.After(1), True, "|"),
    ]
    for stream, after, leaves_one, expected in table:
        assert drawn(stream, after, leaves_one) == expected, (stream, after)


def sent_before(response: m.HttpResponse, what: type) -> int:
    """The events that are sent before a step of a kind."""
    count = 0
    for step in steps_of(response):
        if isinstance(step, what):
            return count
        count += len(getattr(step, "ends", ()))
    raise AssertionError("it never comes")


def test_pieces_of_content_are_what_an_api_says_between_its_beginning_and_its_end() -> None:
    text = {"text": "one two three"}
    for kind in GENERATE:
        wire, framing = wire_of(kind), wire_of(kind).framing(call_of(kind, True))
        frames = list(ask(answerer({"response": text}), kind, True).frames or ())
        pieces = [at for at, frame in enumerate(frames) if wire.is_content(*framing.decoded(frame))]
        assert len(pieces) == 3, kind
        assert pieces == list(range(pieces[0], pieces[0] + 3)), kind
        gate = ask(answerer({"response": {**text, "gate": 2}}), kind, True)
        assert sent_before(gate, m.Hold) == pieces[1] + 1, kind
        for count, events in enumerate((pieces[0], pieces[0] + 1, pieces[1] + 1)):
            fault = {**text, "fault": "close", "after_pieces": count}
            assert sent_before(ask(answerer({"response": fault}), kind, True), m.Cut) == events
            error = {**text, "error": "boom", "after_pieces": count}
            found = list(ask(answerer({"response": error}), kind, True).frames or ())
            assert found[:events] == frames[:events] and b"boom" in b"".join(found[events:])


CHUNK = {"bytes": base64.b64encode(b'{"generation":"Hi","stop_reason":null}').decode()}
LAST_CHUNK = {"bytes": base64.b64encode(b'{"generation":"","stop_reason":"stop"}').decode()}
CONTENT: List[Tuple[type, str, Any, bool]] = [
    (m.OpenAIChat, "", {"choices": [{"delta": {"role": "assistant", "content": ""}}]}, False),
    (m.OpenAIChat, "", {"choices": [{"delta": {}, "finish_reason": "stop"}]}, False),
    (m.OpenAIChat, "", {"choices": [], "usage": {"total_tokens": 2}}, False),
    (m.OpenAIChat, "", "[DONE]", False),
    (m.OpenAIChat, "", {"error": {"message": "boom"}}, False),
    (m.OpenAIChat, "", {"choices": [{"delta": {"reasoning": "Hm"}}]}, True),
    (
        m.OpenAIChat,
        "",
        {"choices": [{"delta": {"tool_calls": [{"function": {"name": "f"}}]}}]},
        True,
    ),
    (m.OpenAICompletions, "", {"choices": [{"text": "", "finish_reason": "stop"}]}, False),
    (m.OpenAIResponses, "", {"type": "response.created", "response": {"id": "x"}}, False),
    (m.OpenAIResponses, "", {"type": "response.output_item.added", "item": {}}, False),
    (m.OpenAIResponses, "", {"type": "keepalive", "sequence_number": 3}, False),
    (m.OpenAIResponses, "", {"type": "response.custom_tool_call_input.delta", "delta": "x"}, True),
    (m.OpenAIResponses, "", {"type": "response.image_generation_call.partial_image"}, True),
    (
        m.OpenAIResponses,
        "",
        {"type": "response.output_item.done", "item": {"type": "message"}},
        False,
    ),
    (
        m.OpenAIResponses,
        "",
        {"type": "response.output_item.done", "item": {"type": "web_search_call"}},
        True,
    ),
    (m.AnthropicMessages, "", {"type": "message_start", "message": {"content": []}}, False),
    (m.AnthropicMessages, "", {"type": "ping"}, False),
    (
        m.AnthropicMessages,
        "",
        {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
        False,
    ),
    (
        m.AnthropicMessages,
        "",
        {"type": "content_block_start", "content_block": {"data": "Ev"}},
        True,
    ),
    (
        m.AnthropicMessages,
        "",
        {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "Ev"}},
        False,
    ),
    (m.GeminiGenerate, "", {"candidates": [{"content": {"parts": [{"text": ""}]}}]}, False),
    (
        m.GeminiGenerate,
        "",
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": "AA"}}]}}]},
        True,
    ),
    (m.GeminiGenerate, "", {"usageMetadata": {"totalTokenCount": 3}}, False),
    (m.CohereChat, "", {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}, False),
    (m.BedrockConverse, "messageStart", {"role": "assistant", "p": "abc"}, False),
    (m.BedrockConverse, "contentBlockDelta", {"delta": {"text": "a"}, "p": "abc"}, True),
    (m.BedrockConverse, "metadata", {"usage": {"totalTokens": 3}}, False),
    (m.BedrockOther, "chunk", CHUNK, True),
    (m.BedrockOther, "chunk", LAST_CHUNK, False),
    (m.BedrockOther, "chunk", {"bytes": "no base64"}, False),
    (m.OllamaChat, "", {"message": {"role": "assistant", "content": ""}, "done": True}, False),
    (m.OllamaGenerate, "", {"response": "", "thinking": "Hm", "done": False}, True),
]


def test_events_without_content_are_told_from_those_with_it() -> None:
    for kind, name, value, expected in CONTENT:
        assert wire_of(kind).is_content(name, value) == expected, (kind, value)
    assert [kind for kind, *_ in CONTENT if kind not in GENERATE] == [m.BedrockOther] * 3


def test_frames_are_read_whatever_they_are_made_of() -> None:
    frames = [
        (m.SSE, b": comment\r\n\r\nevent:a\r\ndata:[1,\r\ndata: 2]\r\n\r\n", ("a", [1, 2])),
        (m.SSE, b"data: [DONE]\n\n", ("", "[DONE]")),
        (m.SSE, b": only this\n\n", ("", "")),
        (m.JsonArray, b'[{"a": 1}\n', ("", {"a": 1})),
        (m.JsonArray, b',\r\n{"a": 2}\n', ("", {"a": 2})),
        (m.JsonArray, b"]", ("", "]")),
        (m.NDJSON, b'{"a": 1}\n', ("", {"a": 1})),
        (m.EventStream, next(m.AWS_EVENTS.stream([("x", {"a": 1})])), ("x", {"a": 1})),
        (m.EventStream, b"no message", ("", "")),
    ]
    for framing, frame, expected in frames:
        assert framing.decoded(frame) == expected, frame  # type: ignore[attr-defined]


def test_a_recorded_stream_is_counted_by_its_pieces_too() -> None:
    events = [
        {"type": "message_start", "message": {}},
        {"type": "ping"},
        {"type": "content_block_delta", "delta": {"text": "one"}},
        {"type": "content_block_delta", "delta": {"text": "two"}},
        {"type": "message_stop"},
    ]
    for more in ({}, {"wire": {"eol": "\r", "no_space": True, "comments": "x"}}):
        spec = {"events": events, "fault": "reset", "after_pieces": 1, **more}
        assert sent_before(ask(answerer({"response": spec}), m.AnthropicMessages, True), m.Cut) == 3
    answer = ask(answerer({"response": {"events": events, "gate": 9}}), m.AnthropicMessages, True)
    assert sent_before(answer, m.Hold) == 4, "fewer pieces than that: behind the last"


def test_an_error_comes_before_what_no_client_reads_behind() -> None:
    said = ask(
        answerer({"response": {"text": "a b", "error": "boom", "after_events": 99}}),
        m.OpenAIChat,
        True,
    )
    *_, before, last = list(said.frames or ())
    assert b"boom" in last and b'"finish_reason":"stop"' in before


def test_a_header_may_say_where_a_fault_of_another_comes() -> None:
    header = {"x-mock-response": json.dumps({"fault": "close", "after_pieces": 1})}
    found = ask(answerer({"response": {"text": "a b c"}}), m.OpenAIChat, True, headers=header)
    assert sent_before(found, m.Cut) == 2
    wrong = {"x-mock-response": json.dumps({"after_events": 1})}
    refused = ask(answerer({"response": {"text": "a"}}), m.OpenAIChat, True, headers=wrong)
    assert refused.status == 400 and b"neither" in refused.body


def test_a_transcript_whose_chunks_end_anywhere_waits_between_its_events(folder: Any) -> None:
    pieces = [b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\ndata: {"choices": [{"del']
    pieces += [
        b'ta": {"content": "a"}}]}\n\ndata: {"choices": [{"delta": {"content": "b"}}]}\n',
        b"\n",
    ]
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    saved = head + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"

    def asked(**more: Any) -> m.HttpResponse:
        response = {"events": "@a.http", **more}
        mocks = m.Mocks([folder({"mocks/a.json": {"response": response}, "a.http": saved})])
        assert mocks.files.load() == []
        return ask(m.Answerer(mocks, m.Settings()), m.OpenAIChat, True)

    assert list(asked().frames or ()) == pieces
    assert sent_before(asked(gate=1), m.Hold) == 2
    assert sent_before(asked(fault="reset", after_pieces=1), m.Cut) == 2
    broken = list(asked(error="boom", after_pieces=1).frames or ())
    assert len(broken) == 3 and b"boom" in broken[2]
    alive = asked(delay=2, keepalive={"every": 1, "comment": "a"})
    assert alive.ping == b": a\n\n" and len(list(alive.frames or ())) == 3
