"""What the journal tells of an answer: as it was sent, whatever cut, packed or broke it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Dict, List, Optional, Tuple

from mocked import HEAD
from pages import blocks, page
from samples import SAMPLES, answerer, bytes_of, request_of

import mock_server as m


def entry_of_answer(
    answered: m.Answered,
    request: m.Request,
    accept: Optional[str] = None,
    most: Optional[int] = None,
    **exchange: Any,
) -> m.Entry:
    """The entry of an answer that went out, or `most` bytes of its body; an event each second after
    the request came, at 100."""
    head = m.Head(request.method, request.path, 1, request.headers, request.query)
    asked = m.asked_of(request, head, answered)
    asked.is_probe = False
    entry = m.Entry("7", 0.0, asked, m.Sent())
    m.Journal().add(entry, 100.0)
    coding = m.coding_of(answered.response, accept)
    headers = (("X-Mock-Request-Id", "7"),)
    steps = m.answer_steps(answered.response, m.Exchange(coding=coding, extra=headers, **exchange))
    for step in steps:
        if isinstance(step, m.Send):
            entry.sent.kept.add(step)
            entry.sent.bytes += len(step.data) - step.head
            entry.sent.events += len(step.ends)
            entry.sent.has_begun |= step.head > 0
    if most is not None:
        entry.sent.bytes = most
    return entry


TEXT = "one two three four five"


def answered_by(
    response: Any, kind: type = m.OpenAIChat, stream: bool = False, **more: Any
) -> Tuple[m.Request, m.Answered]:
    """A sample request, and its answer by a mock with this response."""
    request = request_of(kind, stream, **more)
    return request, answerer({"response": response}).answer(request)


def told(
    response: Any, kind: type = m.OpenAIChat, stream: bool = False, **exchange: Any
) -> Dict[str, Any]:
    """What is told of a mock's answer to a sample request."""
    request, answered = answered_by(response, kind, stream)
    found = m.answer_json(entry_of_answer(answered, request, **exchange))
    assert found
    return found


# Credentials that are issued: in JSON, in XML, or as all of a text.
ISSUED = re.compile(
    r'oken"?[:>] ?"?([\w./+=-]{20,})|AccessKey[">: ]+([\w/+=]{30,})|\A([\w./+=-]+)\Z'
)
ISSUING_NOTHING = (m.EntraDirectory, m.EntraInstance, m.StsSigned)


def test_every_format_is_told_as_it_was_sent_whole_and_streamed() -> None:
    for kind, (_, _, stream_path, _) in SAMPLES.items():
        for stream in (False, True)[: 1 + bool(stream_path)]:
            request = request_of(kind, stream)
            answered = answerer(fallback="echo").answer(request)
            found = m.answer_json(entry_of_answer(answered, request))
            sent, place = bytes_of(answered.response), f"{kind.__name__} {stream}"
            assert found and not found["truncated"], place
            assert found["status"] == answered.response.status, place
            if answered.response.frames:
                assert len(found["event_times"]) == len(found["events"]), place
                is_binary = "eventstream" in str(answered.response.headers)
                assert is_binary or "".join(found["events"]) == sent.decode(), place
            elif answered.wire and answered.wire.hides_body:
                issued = list(filter(None, sum(ISSUED.findall(sent.decode()), ())))
                assert issued or kind in ISSUING_NOTHING, place
                assert not [one for one in issued if one in str(found)], place
            else:
                assert found["body"] == shown_body(sent), place


def shown_body(sent: bytes) -> Any:
    """A body as the journal shows one."""
    if not sent:
        return None
    try:
        return json.loads(sent)
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(sent).decode()}
    except ValueError:
        return sent.decode()


def test_chunks_plans_and_codings_are_undone() -> None:
    for kind in (m.OpenAIChat, m.OllamaChat, m.AnthropicMessages, m.BedrockConverse):
        for stream in (False, True):
            plain = told({"text": TEXT}, kind, stream)
            for name in m.WIRE_PLANS:
                for accept in (None, "gzip"):
                    found = told({"text": TEXT, "wire": name}, kind, stream, accept=accept)
                    place = kind.__name__, stream, name, accept
                    assert found["truncated"] is False, place
                    if not stream:
                        assert found["body"] == plain["body"], place
                    elif name not in REFRAMING:
                        assert found["events"] == plain["events"], place
                    else:
                        assert len(found["events"]) >= len(plain["events"]), place


# Plans that change what is between the events themselves.
REFRAMING = {"crlf", "cr", "comments", "no_space"}


def test_googles_array_is_told_by_its_elements() -> None:
    request, answered = answered_by({"text": TEXT}, m.GeminiGenerate, True, query={})
    found = m.answer_json(entry_of_answer(answered, request))
    assert found and "".join(found["events"]) == bytes_of(answered.response).decode()
    assert len(found["events"]) > 3 and len(found["event_times"]) == len(found["events"])


def test_a_message_of_aws_is_told_as_text() -> None:
    events = told({"text": "Hi"}, m.BedrockConverse, True)["events"]
    assert events[0] == (
        ":event-type: messageStart\n:content-type: application/json\n:message-type: event\n\n"
        + events[0].partition("\n\n")[2]
    )
    assert '"role":"assistant"' in events[0]
    inner = told({"text": "Hi"}, m.BedrockClaude, True)["events"][0].splitlines()[-1]
    assert json.loads(inner)["type"] == "message_start"


# How an answer breaks, and what is told of it: of a whole one, and of a stream.
BROKEN: List[Tuple[Any, Any, Any]] = [
    ("reset", None, None),
    ("close", None, None),
    ("hang", None, None),
    ("garbage", "base64", "base64"),
    ("truncate", '{\n  "id"', 'data: {"id"'),
    ("malformed", '{\n  "id"', 'data: {"id"'),
    ("drip", '"id"', 'data: {"id"'),
    ("bad_gzip", '"id"', 'data: {"id"'),
]


def test_what_a_fault_left_of_an_answer_is_told() -> None:
    assert {kind for kind, _, _ in BROKEN} == set(m.FAULTS)
    for kind, *expected in BROKEN:
        for stream, beginning in zip((False, True), expected):
            request, answered = answered_by({"text": TEXT, "fault": kind}, stream=stream)
            found = m.answer_json(entry_of_answer(answered, request, "gzip"))
            if beginning is None:
                assert found is None, (kind, stream)
                continue
            assert found, (kind, stream)
            shown = found.get("body")
            text = "".join(found.get("events", ())) or shown
            assert beginning in (text if isinstance(text, str) else json.dumps(text)), kind


def test_a_stream_is_told_as_far_as_it_was_sent() -> None:
    request, answered = answered_by({"text": TEXT}, stream=True)
    events = told({"text": TEXT}, stream=True)["events"]
    for most in (0, 10, 1000, 10**9):
        found = m.answer_json(entry_of_answer(answered, request, most=most))
        assert found and "".join(events).startswith("".join(found["events"]))
        assert len(found["events"]) == len(found["event_times"])


def test_each_event_has_its_time(clock: Any) -> None:
    spec = {"text": "one two three", "pace": {"first": 2, "between": 0.5}}
    request, answered = answered_by(spec, stream=True)
    answered = m.written_out(answered)
    entry = m.Entry("7", 0.0, m.asked_of(request, HEAD, answered), m.Sent())
    m.Journal().add(entry, clock.now)
    for step in m.answer_steps(answered.response, m.Exchange()):
        if isinstance(step, m.Wait):
            clock.now += step.seconds
        elif isinstance(step, m.Send):
            entry.sent.kept.add(step)
            entry.sent.bytes += len(step.data) - step.head
            entry.sent.has_begun |= step.head > 0
            found = m.answer_json(entry)
            assert found and len(found["events"]) == len(found["event_times"])
    assert found["event_times"] == [2.0, 2.5, 3.0, 3.5, 4.0, 4.5]


def test_of_a_head_alone_there_is_no_body() -> None:
    request, answered = answered_by({"text": TEXT})
    found = m.answer_json(entry_of_answer(answered, request, head_only=True))
    assert found and (found["status"], found["body"], found["truncated"]) == (200, None, False)


def test_no_more_than_64_kib_of_an_answer_are_kept_and_told() -> None:
    cases: List[Tuple[Any, bool, Optional[str]]] = [
        ({"text": "a" * 300_000}, False, None),
        ({"text": "a " * 100_000}, True, None),
        ({"text": "a" * 3_000_000}, False, "gzip"),
        ({"raw": "\N{GRINNING FACE}" * 100_000}, False, None),
        ({"text": "a" * 100_000, "wire": {"split": 1}}, False, None),
    ]
    for response, stream, accept in cases:
        request, answered = answered_by(response, stream=stream)
        entry = entry_of_answer(answered, request, accept)
        found = m.answer_json(entry)
        assert found and found["truncated"]
        kept = entry.sent.kept
        assert len(kept.written(0, "").body) <= m.JOURNAL_BODY
        assert len(kept.steps) <= m.MOST_WRITES and kept.weight < 2 * m.JOURNAL_BODY
        shown = found.get("body") or "".join(found["events"])
        assert isinstance(shown, str) and 1000 < len(shown.encode()) <= m.JOURNAL_BODY


KEY = "sk-proj-abcdefgh12345678abcdefgh12345678"


def test_a_credential_that_an_answer_repeats_is_masked() -> None:
    for spec in (
        {"text": f"your key is {KEY}"},
        {"body": {"x": [KEY]}},
        {"raw": f"key={KEY};"},
        {"text": "x", "headers": {"x-told": f"it is {KEY}", "set-cookie": "a=b"}},
    ):
        for where in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}):
            request, answered = answered_by(spec, headers=where)
            shown = json.dumps(m.answer_json(entry_of_answer(answered, request)))
            assert KEY not in shown and "a=b" not in shown and "***" in shown
    request, answered = answered_by({"text": f"its key is {KEY}"})
    answered = m.replace(answered, forwarded=m.Forwarded("http://u/v1"))
    assert KEY not in json.dumps(m.answer_json(entry_of_answer(answered, request)))
    # Nor the first half of one, where an answer is cut off, nor what is in bytes that are no text.
    for cut in range(4, len(KEY) + 3):
        request, answered = answered_by({"raw": f": {KEY}"}, headers={"x-api-key": KEY})
        shown = json.dumps(m.answer_json(entry_of_answer(answered, request, most=cut)))
        assert '"body": ": ***"' in shown or (cut < 6 and KEY[:4] not in shown), shown
    request, answered = answered_by(
        {"raw": "x"}, headers={"x-api-key": KEY, "cookie": "a=sid-1234"}
    )
    binary = m.replace(answered.response, body=b"\xff" + KEY.encode())
    shown = m.answer_json(entry_of_answer(m.replace(answered, response=binary), request))
    assert shown and base64.b64decode(shown["body"]["base64"]) == b"\xff***"
    binary = m.replace(answered.response, body=b"it is sid-1234.")
    shown = m.answer_json(entry_of_answer(m.replace(answered, response=binary), request))
    assert shown and shown["body"] == "it is ***."
    # Who is no client with that key may read of it, as in the request.
    assert KEY in str(told({"text": KEY}))


def test_of_a_token_endpoints_answer_nothing_is_told_but_the_fields() -> None:
    events = {"content-type": "text/event-stream"}
    for raw in (
        f'data: {{"access_token": "{KEY}"}}\n\n',
        f'["{KEY}"]',
        f'"{KEY}"',
        f"access_token={KEY}",
    ):
        for headers in ({}, events):
            spec = {"match": {"operation": "token"}, "response": {"raw": raw, "headers": headers}}
            request = request_of(m.GoogleToken)
            found = m.answer_json(entry_of_answer(answerer(spec).answer(request), request))
            assert KEY not in str(found) and "***" in str(found)


def test_the_page_says_what_is_told() -> None:
    with m.MockServer() as server:
        (block,) = blocks("python", page("control-api"))
        exec(block.replace("http://127.0.0.1:5001", server.url), {})  # noqa: S102
