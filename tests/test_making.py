"""Recordings: what is made of a capture can be loaded as all mocks are, and is sent again."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterable, List, Tuple

import pytest
from importing import loaded, replayed
from samples import SAMPLES, answerer, bytes_of, request_of, wire_of

import mock_server as m

GOES = "text/event-stream"
KEPT = (("retry-after", "3"), ("x-ratelimit-remaining-tokens", "7"))

# Bodies that no provider is likely to send, and their types.
SSE_BODIES = [
    b"data: one\r\n\r\ndata: two\r\n\r\n",
    b'data: {"a":1}\r\rdata: [DONE]\r\r',
    b": hello\n\nid: 7\nretry: 10\nevent: a\ndata: 1\ndata: 2\n\n",
    b'\xef\xbb\xbfdata: {"a": 1}\n\n',
    b'data: {"a": 1}\n\ndata: {"b"',  # cut off
    b"data: \xff\xfe\n\n",  # no UTF-8
    b'{"no": "event"}',
    b"[1, 2]",
    b"no event at all",
    b"\n\n\n",
    b"HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n",
]
WHOLE_BODIES = [
    b"{}",
    b' {"a": 1}\n',
    b'{"a": 1, "a": 2}',
    b'{"cut": ',
    b"\xef\xbb\xbf{}",
    b'{"a": NaN}',
    b"[" * 2000 + b"]" * 2000,
    b'{"text": "\\ud800 \xc3\xa9"}',
    b"\x00\x01\xff",
    b"",
    b"<html>no</html>",
    b"HTTP/1.1 200 OK\r\n\r\n{}",
    b'[{"a": 1},\n{"b": 2}]',
    b'{"a": 1}\n\n{"b": 2}\r\n\n{"c"',
]
TYPES = [
    "application/json",
    "application/json; charset=utf-8",
    "application/problem+json",
    "text/plain; charset=utf-8",
    "text/html",
    "audio/mpeg",
    "image/png",
    "application/octet-stream",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    GOES,
    "",
]


def read_call(request: m.Request) -> Tuple[m.WireFormat, m.Call]:
    """A request as the server reads it."""
    try:
        wire, params = m.route(request)
    except m.Refused:
        wire = m.other_like(m.shape_of(request))
        return wire, wire.read(request, {}, wire.body(request))
    return wire, wire.read(request, params, m.Answerer.body(wire, request))


def made(request: m.Request, body: bytes, kind: str = "", status: int = 200, **more: Any) -> m.Made:
    """The recording of an answer to a request."""
    headers = (("Content-Type", kind),) if kind else ()
    wire, call = read_call(request)
    return m.made_of(wire, call, m.Capture(request, status, (*headers, *KEPT), body, **more))


def type_in(response: m.HttpResponse) -> str:
    return m.content_type_in(response.headers)


def arrivals_of(frames: Iterable[bytes]) -> Tuple[m.Arrival, ...]:
    """Events that came a quarter of a second after each other."""
    size, found = 0, []
    for number, frame in enumerate(frames):
        size += len(frame)
        found.append(m.Arrival(0.5 + number / 4, size))
    return tuple(found)


def check_same(recording: m.Made, request: m.Request, status: int, kind: str, body: bytes) -> None:
    """What is recorded is answered: the status, the type and the very bytes."""
    assert not recording.reason, (recording.reason, request.path)
    response = replayed(recording, request)
    assert (response.status, type_in(response)) == (status, kind), request.path
    assert bytes_of(response) == body, request.path
    assert m.doubts_about([loaded(recording)]) == []


def ways_of_sample(kind: type) -> List[bool]:
    return [False, True] if SAMPLES[kind][2] else [False]


def test_what_each_api_answers_whole_and_streamed_is_answered_again() -> None:
    for kind in SAMPLES:
        for stream in ways_of_sample(kind):
            request = request_of(kind, stream)
            given = answerer(fallback="echo").answer(request).response
            body = bytes_of(given)
            if wire_of(kind).operation in m.ISSUING:
                reason = made(request, body, type_in(given)).reason
                assert reason == "what issues credentials is never saved"
                continue
            more: Dict[str, Any] = {}
            if given.frames is not None:
                more["arrivals"] = arrivals_of(given.frames)
            recording = made(request, body, type_in(given), given.status, **more)
            kept = re.sub(rb'"req_\w+"', b'"***"', body)  # Groq's ids of requests
            check_same(recording, request, given.status, type_in(given), kept)
            if given.frames is not None and given.status == 200:
                pace = loaded(recording).answers[0].delivery.pace
                assert pace and pace.first == 0.5
                assert pace.first + sum(pace.gaps) == more["arrivals"][-1].seconds


STATUSES = [200, 201, 404, 202, 429, 200]
ASKED = [
    *(request_of(kind, True) for kind in (m.OpenAIChat, m.OllamaChat, m.BedrockConverse)),
    request_of(m.GeminiGenerate, True, query={"alt": "json"}),
    request_of(m.OpenAISpeech),
    request_of(m.OpenAIModels),
    m.Request("POST", "/fal-ai/flux", {}, {}, b"{}", 5001),
    m.Request("POST", "/fal-ai/flux", {}, {}, b'{"stream": true}', 5001),
]


def test_whatever_comes_is_answered_again_to_the_byte() -> None:
    for number, request in enumerate(ASKED):
        for at, body in enumerate([*SSE_BODIES, *WHOLE_BODIES]):
            # The first request with all types, each other with some of them.
            for kind in TYPES[(number + at) % 9 if number else 0 :: 9 if number else 1]:
                more = {"arrivals": (m.Arrival(1.0, len(body) // 2), m.Arrival(2.0, len(body)))}
                status = STATUSES[(number + at) % len(STATUSES)]
                recording = made(request, body, kind, status, **more)
                check_same(recording, request, status, kind, body)


def test_much_is_kept_to_the_byte() -> None:
    for kind, body in (
        (GOES, b"data: x\n\n" * 5000),
        ("application/json", b'"' + b"x" * 10**6 + b'"'),
    ):
        request = request_of(m.OpenAIChat, True)
        more = {"arrivals": (m.Arrival(1.0, len(body)),)}
        check_same(made(request, body, kind, **more), request, 200, kind, body)


# --- forms ---


def response_of(recording: m.Made) -> Any:
    """The response of the mock, and its own files by what follows the name."""
    spec = json.loads(recording.files[recording.mock])
    assert list(spec) == ["name", "match", "response"] and spec["name"] == recording.name
    return spec["response"]


def extensions(recording: m.Made) -> List[str]:
    """What follows the name in the names of its files."""
    return [file.partition(recording.name)[2] for file in recording.files]


CHATTED = request_of(m.OpenAIChat)
STREAMED = request_of(m.OpenAIChat, True)
JSON = "application/json"
TYPED = {"Content-Type": "text/html"}
LIMITS = dict(KEPT)


@pytest.mark.parametrize(
    "request_, body, kind, status, response, files",
    [
        (CHATTED, b"{}", JSON, 200, {"headers": LIMITS, "body": "@.json"}, [".json"]),
        (STREAMED, b"{}", JSON, 200, {"headers": LIMITS, "body": "@.json"}, [".json"]),
        (
            CHATTED,
            b"{}",
            JSON + "; charset=utf-8",
            202,
            {
                "status": 202,
                "headers": {"Content-Type": JSON + "; charset=utf-8", **LIMITS},
                "body": "@.json",
            },
            [".json"],
        ),
        (
            CHATTED,
            b"{}",
            "",
            429,
            {"status": 429, "headers": {**LIMITS, "Content-Type": None}, "body": "@.json"},
            [".json"],
        ),
        (CHATTED, b"", "", 204, {"status": 204, "headers": LIMITS}, []),
        (CHATTED, b"", "text/plain", 200, {"headers": LIMITS, "raw": ""}, []),
        (
            STREAMED,
            b"<p>no</p>",
            "text/html",
            404,
            {"status": 404, "headers": {**TYPED, **LIMITS}, "raw": "@.html"},
            [".html"],
        ),
        (
            STREAMED,
            b"data: 1\n\n",
            GOES + "; charset=utf-8",
            200,
            {"headers": LIMITS, "events": "@.sse", "pace": "recorded"},
            [".sse", ".times.json"],
        ),
        (
            request_of(m.OllamaChat, True),
            b'{"a": 1}\n',
            "application/x-ndjson",
            200,
            {"events": "@.http", "pace": "recorded"},
            [".http", ".times.json"],
        ),
        *(
            (
                request_of(m.GeminiGenerate, True, query=query),
                b'[{"a": 1}\n,\r\n{"b": 2}]',
                JSON,
                200,
                {"events": "@.http", "pace": "recorded"},
                [".http", ".times.json"],
            )
            for query in ({}, {"alt": "json"})
        ),
        (
            CHATTED,
            b"data: 1\n\n",
            GOES,
            200,
            {"headers": {"Content-Type": GOES, **LIMITS}, "raw": "@.txt"},
            [".txt"],
        ),
    ],
)
def test_an_answer_is_kept_in_the_most_readable_form_that_holds_it(
    request_: m.Request, body: bytes, kind: str, status: int, response: Any, files: List[str]
) -> None:
    arrivals = (m.Arrival(0.25, len(body)),)
    recording = made(request_, body, kind, status, arrivals=arrivals)
    at = f"@recordings/{recording.name}"
    told = {
        key: at + value[1:] if isinstance(value, str) and value[:1] == "@" else value
        for key, value in response.items()
    }
    assert response_of(recording) == told
    assert extensions(recording) == [*files, ".json"]
    assert list(recording.files)[-1] == recording.mock == f"mocks/recorded/{recording.name}.json"


def test_headers_are_kept_line_by_line() -> None:
    lines = (("Retry-After", "1"), ("retry-after", "2"), ("x-ratelimit-reset", "a\x00b"))
    wire, call = read_call(CHATTED)
    capture = m.Capture(CHATTED, 200, (("content-TYPE", JSON), *lines), b"{}")
    assert response_of(m.made_of(wire, call, capture))["headers"] == {"Retry-After": ["1", "2"]}


@pytest.mark.parametrize("status", [199, 301, 304, 500, 503, 599])
def test_what_leads_elsewhere_and_what_failed_is_never_saved(status: int) -> None:
    recording = made(CHATTED, b"{}", JSON, status)
    assert f"an answer of status {status}" in recording.reason and recording.files == {}


def test_what_is_not_done_is_not_saved_for_those_who_ask_until_it_is() -> None:
    for path in ("/v1/responses/resp_1", "/v1/batches/b"):
        for said, is_saved in (
            (b'{"status": "in_progress"}', False),
            (b'{"done": false}', False),
            (b'{"status": "completed"}', True),
            (b"in_progress", True),
        ):
            assert bool(made(m.Request("GET", path), said, JSON).files) == is_saved, said
    body = b'{"model": "m", "input": "Hi", "background": true}'
    begun = m.Request("POST", "/v1/responses", body=body)
    assert made(begun, b'{"status": "queued"}', JSON).files


def test_what_would_not_answer_is_not_saved() -> None:
    wire, call = read_call(CHATTED)
    capture = m.Capture(CHATTED, 200, (), b"{}")
    for match, problem in (
        ({"user": "Ho"}, 'user is "Hi", expected "Ho"'),
        ({"usr": "Hi"}, "match.usr: unknown key"),
    ):
        recording = m.made_with(match, wire, call, capture, m.Scrubber())
        assert recording.reason.startswith("it could not be read back: ")
        assert problem in recording.reason


# --- names and times ---


def test_files_are_laid_out_for_people() -> None:
    request = request_of(m.OpenAIChat, more={"messages": [{"role": "user", "content": "Où?"}]})
    recording = made(request, b"{}", JSON)
    text = recording.files[recording.mock].decode()
    assert text.startswith('{\n  "name": "openai-chat-gpt-4o-mini-ou-') and text.endswith("}\n")
    assert '"user": "Où?"' in text and made(request, b"{}", JSON) == recording


def named(**more: Any) -> str:
    """The name of a recording of a chat."""
    wire, call = read_call(CHATTED)
    return m.name_of(m.replace(call, **more), {"user": "x"}, m.Scrubber(["seven-secrets"]))


KEY = "sk-" + "a1" * 20


@pytest.mark.parametrize(
    "more, name",
    [
        ({}, "openai-chat-gpt-4o-mini-hi"),
        (
            {"user": "What is the weather in Paris?"},
            "openai-chat-gpt-4o-mini-what-is-the-weather-in-paris",
        ),
        ({"user": ""}, "openai-chat-gpt-4o-mini"),
        ({"user": "天気"}, "openai-chat-gpt-4o-mini"),
        ({"turn": 2}, "openai-chat-gpt-4o-mini-hi-turn-2"),
        ({"turn": 1, "tool_result": ""}, "openai-chat-gpt-4o-mini-hi-turn-1-result"),
        ({"dialect": "mistral"}, "mistral-chat-gpt-4o-mini-hi"),
        ({"provider": "vertex_ai", "dialect": "gemini"}, "vertex-ai-chat-gpt-4o-mini-hi"),
        ({"model": "../../etc/passwd"}, "openai-chat-etc-passwd-hi"),
        ({"model": "NUL"}, "openai-chat-nul-hi"),
        ({"model": "a/b:c\\d\x00e*?"}, "openai-chat-a-b-c-d-e-hi"),
        ({"model": "."}, "openai-chat-hi"),
        (
            {"model": f"m {KEY}", "user": f"my key {KEY} and seven-secrets"},
            "openai-chat-m-my-key-and",
        ),
    ],
)
def test_a_recording_is_named_by_what_was_asked(more: Any, name: str) -> None:
    assert re.fullmatch(re.escape(name) + "-[0-9a-f]{10}", named(**more))


def test_what_asks_for_more_is_read_before_what_would_answer_it_too() -> None:
    _, call = read_call(CHATTED)
    asked = {"user": "x", "fields": {"tools": None}}
    more = ({"body": {}}, {"body": {"a": {}}}, {"body": {"a": {"b": [1]}}}, {"turn": 0, "body": {}})
    for one in more:
        most, least = [
            m.name_of(call, match, m.Scrubber([])) for match in ({**asked, **one}, asked)
        ]
        assert most < least, one


def test_names_are_no_longer_than_120_with_all_that_goes_behind_them() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/" + "x" * 10_000
    for more in (
        {"model": "x" * 10_000, "user": "y" * 10_000},
        {"model": arn, "user": "word " * 5000, "turn": 10**9, "tool_result": ""},
        {"operation": "other", "provider": "", "api": "", "user": "word " * 99},
    ):
        assert len(named(**more) + "-999.times.json") <= 120
        assert re.fullmatch("[a-z0-9-]+", named(**more))


def test_times_are_of_whole_events_and_add_up() -> None:
    frames = [b"a" * 10, b"b" * 10, b"c" * 10, b"d"]
    for arrivals, times in (
        ([(0.1234, 10), (0.2, 15), (0.3004, 31)], [0.123, 0.177, 0, 0]),
        ([(1.0, 31)], [1, 0, 0, 0]),
        ([(1.0, 5), (2.0, 20), (3.0, 20), (4.0, 30)], [2, 0, 2, 0]),
        ([(2.0, 10), (1.0, 31)], [2, 0, 0, 0]),  # a clock that went back
    ):
        told = [m.Arrival(*one) for one in arrivals]
        assert m.times_of(frames, told) == times
    assert m.times_file([0.123, 0.0]) == b"[0.123, 0.0]\n"


def test_times_that_no_mock_may_have_are_left_out() -> None:
    body = b"data: 1\n\ndata: 2\n\n"
    for seconds, has_times in ((3600.0, True), (3601.0, False)):
        arrivals = (m.Arrival(1.0, 9), m.Arrival(1 + seconds, len(body)))
        recording = made(STREAMED, body, GOES, arrivals=arrivals)
        check_same(recording, STREAMED, 200, GOES, body)
        assert any(name.endswith(".times.json") for name in recording.files) is has_times


def test_a_secret_that_is_repeated_is_in_no_file() -> None:
    request = request_of(m.OpenAIChat, True, headers={"authorization": "Bearer seven-secrets"})
    body = b"data: seven-secrets\n\ndata: 2\n\n"
    arrivals = (m.Arrival(1.0, 20), m.Arrival(2.0, len(body)))
    headers = (("retry-after", "seven-secrets"), ("content-type", GOES))
    wire, call = read_call(request)
    recording = m.made_of(wire, call, m.Capture(request, 200, headers, body, arrivals))
    everything = b"".join([*recording.files.values(), *map(str.encode, recording.files)])
    assert not recording.reason and b"secrets" not in everything
    assert bytes_of(replayed(recording, request)) == b"data: ***\n\ndata: 2\n\n"


def test_what_head_was_answered_is_no_answer_to_get() -> None:
    request = request_of(m.OpenAIModels)
    head = m.replace(request, method="HEAD")
    recording = made(head, b"", JSON)
    check_same(recording, head, 200, JSON, b"")
    answers = answerer()
    answers.mocks.files.index = m.Index([loaded(recording)])
    assert answers.answer(request).mock == ""
