"""Recorded and raw answers: the text of a stream, transcripts, bytes; and what is refused."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any, List

import pytest
from mocked import loaded, mock_of
from samples import answerer, ask, bytes_of, complaint_of, steps_of

import mock_server as m

STREAM = (
    b": OPENROUTER PROCESSING\n\n",
    b'retry: 3000\r\nid: 1\r\nevent: x\r\ndata: {"a":1}\r\n\r\n',
    b"id: 2\n\n\n",
    b'data:{"b":\n: cut in\ndata: 2}\r\r',
    b"data\n\n",
    b"data: tail",
)
ARRAY = (b'[{"a": "]}\\""}\n', b',\r\n{"b": [{}]}\n', b"]\n")
LINES = (b'{"a":1}\r\n\n', b'{"broken\n', b"tail")


def headed(response: m.HttpResponse) -> List[Any]:
    """The lines of a response's head as they are sent, but for those of this one."""
    step = next(step for step in steps_of(response) if isinstance(step, m.Send))
    return step.data[: step.head].decode().split("\r\n")[:-2]


def framed(response: m.HttpResponse) -> Any:
    """The events of a response."""
    assert response.status == 200 and response.frames is not None, bytes_of(response)
    return tuple(response.frames)


# --- the text of a stream ---


@pytest.mark.parametrize(
    "kind, frames, query",
    [
        (m.OpenAIChat, STREAM, {}),
        (m.AnthropicMessages, STREAM, {}),
        (m.GeminiGenerate, STREAM, {}),
        (m.OllamaChat, LINES, {}),
        (m.GeminiGenerate, ARRAY, {"alt": "json"}),
        (m.GeminiGenerate, (b'[{"a": 1}', b', {"b'), {"alt": "json"}),
        (m.OpenAIChat, (b"retry: 1",), {}),
        (m.OpenAIChat, (b"\xef\xbb\xbf\n: bom\n\n", b"data: [DONE]\n\n"), {}),
    ],
)
def test_the_text_of_a_stream_is_sent_block_by_block_and_byte_for_byte(
    folder: Any, kind: type, frames: Any, query: Any
) -> None:
    text = b"".join(frames)
    response = {"events": text.decode()}
    assert framed(ask(answerer({"response": response}), kind, True, query=query)) == frames
    header = {"x-mock-response": json.dumps(response)}
    assert framed(ask(answerer(), kind, True, query=query, headers=header)) == frames
    if frames[0][:1] not in b"[{":
        directory = folder({"mocks/a.json": {"response": {"events": "@a.sse"}}, "a.sse": text})
        answers = m.Answerer(loaded(directory), m.Settings())
        assert framed(ask(answers, kind, True, query=query)) == frames


def test_events_of_json_are_framed_anew_for_those_who_want_no_server_sent_ones() -> None:
    answers = answerer({"response": {"events": ': note\n\nevent: x\ndata: {"a":\ndata: 1}\n\n'}})
    assert bytes_of(ask(answers, m.OllamaChat, True)) == b'{"a":1}\n'
    array = ask(answers, m.GeminiGenerate, True, query={"alt": "json"})
    assert json.loads(bytes_of(array)) == [{"a": 1}]
    [(headers, payload)] = m.EventStream.split(bytes_of(ask(answers, m.BedrockClaude, True)))
    assert headers[":event-type"] == "chunk"
    assert json.loads(base64.b64decode(json.loads(payload)["bytes"])) == {"a": 1}


@pytest.mark.parametrize(
    "text, kind, query, expected",
    [
        ("data: x\n\n", m.OllamaChat, {}, "an event stream, because its response holds an event"),
        (": only\n\n", m.BedrockConverse, {}, "an event stream, because its response holds"),
        ('{"a":1}\n', m.OpenAIChat, {}, "lines of JSON, because its response is text of that"),
        ('{"a":1}\n', m.GeminiGenerate, {"alt": "json"}, "lines of JSON, because its response"),
        ('[{"a":1}]', m.GeminiGenerate, {}, "a JSON array, because its response is text of"),
        ('data: {"a":1,"b":2}\n\n', m.BedrockConverse, {}, "expected one that has the event {"),
    ],
)
def test_a_text_that_a_stream_can_not_hold_does_not_match_and_says_so(
    text: str, kind: type, query: Any, expected: str
) -> None:
    found = ask(answerer({"response": {"events": text}}), kind, True, query=query)
    assert found.status == 404 and expected in complaint_of(bytes_of(found))


def test_a_text_is_broken_off_by_an_error_after_so_many_events() -> None:
    spec = {"events": b"".join(STREAM).decode(), "error": "boom", "after_events": 2}
    frames = framed(ask(answerer({"response": spec}), m.OpenAIChat, True))
    assert frames[:2] == STREAM[:2] and len(frames) == 3 and b"boom" in frames[2]
    spec = {"events": b"".join(ARRAY).decode(), "error": "boom", "after_events": 1}
    array = ask(answerer({"response": spec}), m.GeminiGenerate, True, query={"alt": "json"})
    values = json.loads(bytes_of(array))
    assert values[0] == {"a": ']}"'} and "boom" in str(values[1])


# --- raw answers ---

HTML = "<html>521: Web server is down, ü</html>"


@pytest.mark.parametrize(
    "raw, sent",
    [
        (HTML, HTML.encode()),
        ("", b""),
        ({"base64": "AP/+\nAA=="}, b"\x00\xff\xfe\x00"),
        ("@pages/521.html", b"\xff<html>"),
    ],
)
def test_a_raw_answer_is_these_bytes_whole_and_streamed(folder: Any, raw: Any, sent: bytes) -> None:
    mock = {"response": {"status": 521, "raw": raw}}
    directory = folder({"mocks/a.json": mock, "pages/521.html": b"\xff<html>"})
    answers = m.Answerer(loaded(directory), m.Settings())
    for kind, stream in ((m.OpenAIChat, False), (m.OpenAIChat, True), (m.BedrockConverse, True)):
        found = ask(answers, kind, stream)
        assert (found.status, found.frames, found.body) == (521, None, sent)
        assert found.headers == (("Content-Type", "text/plain"),)


def test_a_raw_answer_says_its_own_headers_and_is_compressed_but_once() -> None:
    typed = {"content-type": "text/html", "x-a": 1}
    found = ask(answerer({"response": {"raw": HTML * 9, "headers": typed}}), m.OpenAIChat)
    assert found.headers == (("content-type", "text/html"), ("x-a", "1"))
    assert m.coding_of(found, "gzip") == "smaller" and m.coding_of(found, None) == "identity"
    packed = {"base64": base64.b64encode(gzip.compress(b"x")).decode()}
    headers = {"Content-Encoding": "gzip"}
    found = ask(answerer({"response": {"raw": packed, "headers": headers}}), m.OpenAIChat)
    assert m.coding_of(found, "gzip") == "identity"
    torn = ask(answerer({"response": {"raw": "1234", "fault": "malformed"}}), m.OpenAIChat, True)
    assert torn.body == b"12"


# --- whole bodies for those who want a stream ---


def test_a_body_answers_a_streaming_request_whole_if_the_match_asks_for_those() -> None:
    asked, body = {"stream": True}, {"error": {"message": "no quota"}}
    answers = answerer({"match": asked, "response": {"body": body}})
    found = ask(answers, m.OpenAIChat, True)
    assert (found.status, found.frames, json.loads(found.body)) == (200, None, body)
    assert ("Content-Type", "application/json") in found.headers
    assert ask(answers, m.OpenAIChat).status == 404


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_may_come_with_status_200(stream: bool) -> None:
    usual = ask(answerer({"response": {"error": {"kind": "rate_limit"}}}), m.GeminiGenerate, stream)
    spec = {"status": 200, "error": {"kind": "rate_limit"}}
    found = ask(answerer({"response": spec}), m.GeminiGenerate, stream)
    assert (found.status, found.frames, found.body) == (200, None, usual.body)
    assert json.loads(found.body)["error"]["code"] == 429


# --- transcripts ---

HEAD = "HTTP/2 200 \r\nContent-Type: {}\r\nVary: Origin\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n"
SSE = HEAD.format("text/event-stream").encode() + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = SSE + b'8\r\ndata: {"\r\n8\r\na":1}\n\nd\r\n5\r\nata:\n\r\n0\r\n\r\n'
JSON = HEAD.format("application/json").encode() + b'Content-Length: 7\r\n\r\n{"a":1}'
PACKED = gzip.compress(b"data: 1\n\n")
GZIP = SSE.replace(b"Vary", b"Content-Encoding: gzip\r\nVary") + b"%x\r\n%b\r\n0\r\n\r\n" % (
    len(PACKED),
    PACKED,
)


def transcribed(folder: Any, response: Any, data: bytes, match: Any = None) -> m.Answerer:
    """An answerer with one mock, which may name the transcript a.http."""
    mock = {"match": match or {}, "response": response}
    return m.Answerer(loaded(folder({"mocks/a.json": mock, "a.http": data})), m.Settings())


def test_a_transcript_is_sent_with_its_head_in_its_chunks(folder: Any) -> None:
    found = ask(transcribed(folder, {"events": "@a.http"}, CHUNKS), m.OpenAIChat, True)
    assert framed(found) == (b'data: {"', b'a":1}\n\nd', b"ata:\n")
    head = ["HTTP/1.1 200 OK", *HEAD.format("text/event-stream").split("\r\n")[1:-1]]
    assert headed(found) == [*head, "Transfer-Encoding: chunked"]
    found = ask(transcribed(folder, {"body": "@a.http"}, JSON), m.AnthropicMessages)
    assert found.frames is None and found.body == b'{"a":1}'
    head = ["HTTP/1.1 200 OK", *HEAD.format("application/json").split("\r\n")[1:-1]]
    assert headed(found) == [*head, "Content-Length: 7"]


def test_a_mocks_own_status_and_headers_go_before_those_of_its_transcript(folder: Any) -> None:
    over = {"vary": None, "set-cookie": "c=3", "X-A": "1"}
    spec = {"body": "@a.http", "status": 201, "headers": over}
    assert headed(ask(transcribed(folder, spec, JSON), m.OpenAIChat)) == [
        *("HTTP/1.1 201 Created", "Content-Type: application/json", "set-cookie: c=3", "X-A: 1"),
        "Content-Length: 7",
    ]


def test_a_transcript_may_be_broken_paced_and_cut_anew_as_any_stream(folder: Any) -> None:
    spec = {"events": "@a.http", "error": "boom", "after_events": 1, "status": 500}
    found = ask(transcribed(folder, spec, CHUNKS), m.OpenAIChat, True)
    assert framed(found)[0] == b'data: {"' and b"boom" in framed(found)[1]
    spec = {"events": "@a.http", "fault": "truncate", "after_events": 1, "pace": 5}
    found = ask(transcribed(folder, spec, CHUNKS), m.OpenAIChat, True)
    sent = b"".join(step.data for step in steps_of(found) if isinstance(step, m.Send))
    assert sent.partition(b"\r\n\r\n")[2] == b'8\r\ndata: {"\r\n0\r\n\r\n'
    spec = {"events": "@a.http", "wire": "crlf"}
    found = ask(transcribed(folder, spec, CHUNKS), m.OpenAIChat, True)
    assert framed(found) == (b'data: {"a":1}\r\n\r\n', b"data:\r\n")
    spec = {"events": "@a.http", "fault": "malformed", "after_events": 0}
    found = ask(transcribed(folder, spec, CHUNKS), m.BedrockConverse, True)
    assert framed(found)[0] == b"data"


def test_a_compressed_transcript_is_passed_through_as_it_is(folder: Any) -> None:
    answers = transcribed(folder, {"events": "@a.http"}, GZIP)
    for header in ("{}", '{"gzip": "always"}', '{"wire": "gzip-event"}', '{"wire": "crlf"}'):
        more = {} if header == "{}" else {"x-mock-response": header}
        found = ask(answers, m.OpenAIChat, True, headers=more)
        assert m.coding_of(found, "gzip") == m.coding_of(found, None) == "identity"
        assert zlib.decompress(bytes_of(found), 31) == b"data: 1\n\n"
        assert headed(found).count("Content-Encoding: gzip") == 1


def test_an_error_of_a_transcript_answers_as_a_recorded_one_does(folder: Any) -> None:
    error = JSON.replace(b" 200", b" 429")
    answers = transcribed(folder, {"body": "@a.http"}, error)
    statuses = [ask(answers, m.OpenAIChat, stream).status for stream in (False, True)]
    assert statuses == [429, 429]
    found = ask(transcribed(folder, {"events": "@a.http"}, error), m.OpenAIChat, True)
    assert (found.status, found.frames, found.body) == (429, None, b'{"a":1}')
    whole = transcribed(folder, {"body": "@a.http"}, JSON, {"stream": True})
    assert ask(whole, m.OpenAIChat, True).body == b'{"a":1}'


def test_a_changed_transcript_is_read_again_and_a_remembered_one_is_as_it_was(
    folder: Any, clock: Any
) -> None:
    answers = transcribed(folder, {"events": "@a.http"}, CHUNKS)
    sent = [bytes_of(ask(answers, m.OpenAIChat, True)) for _ in range(4)]
    assert sent == [b'data: {"a":1}\n\ndata:\n'] * 4
    folder({"a.http": CHUNKS.replace(b'a":1', b'b":1')})
    clock.now += 1
    assert bytes_of(ask(answers, m.OpenAIChat, True)) == b'data: {"b":1}\n\ndata:\n'


# --- what is refused ---

DUMP = JSON.decode("latin-1")
DUMPED = "begins with the head of an answer, as curl -i saves it; "
REFUSED = [
    ({"events": ""}, {}, "response.events: it holds no event: no line begins with data:"),
    ({"events": "<html>"}, {}, "it holds no event: no line begins with data: or another field"),
    ({"events": DUMP}, {}, f'response.events: it {DUMPED}save it as a file, and name it "@file.h'),
    ({"events": '{\n "a": 1\n}'}, {}, "its first line is not JSON, as each of a stream's is"),
    ({"events": "@a.sse"}, {"a.sse": DUMP}, f"a.sse {DUMPED}name it a.http, or save it without -i"),
    ({"events": "@a.sse"}, {"a.sse": '{"a": 1}\n'}, "a.sse holds no event"),
    ({"events": "@a.sse"}, {"a.sse": "<html>"}, "a.sse holds no event"),
    ({"events": "@a.jsonl"}, {"a.jsonl": DUMP}, f"a.jsonl {DUMPED}name it a.http"),
    ({"body": "@b/a.json"}, {"b/a.json": DUMP}, f"b/a.json {DUMPED}name it b/a.http"),
    ({"body": "@a.json"}, {"a.json": "<html>"}, "a.json is not JSON: Expecting value at line 1"),
    ({"body": "@c.json.gz"}, {"c.json.gz": gzip.compress(b"<")}, "c.json.gz is not JSON"),
    ({"body": "<html>"}, {}, 'would be sent as JSON, in quotes; "raw" sends text as it is'),
    ({"body": "HTTP/1.1 200 OK"}, {}, "an .http file an answer with its head"),
    ({"body": "@a.html"}, {"a.html": "<html>"}, '@file.http; "raw" sends any other file'),
    ({"body": "@a.http"}, {"a.http": "{}"}, "a.http is no answer with its head, as curl -i saves"),
    ({"body": "@a.http"}, {"a.http": CHUNKS}, 'a.http holds an event stream; it goes under "ev'),
    ({"events": "@a.http"}, {"a.http": JSON}, 'a.http holds a whole body; it goes under "body"'),
    ({"events": "@b.http"}, {}, 'response.events: no file "b.http" in the data directory'),
    ({"raw": "@d"}, {}, 'response.raw: no file "d" in the data directory'),
    ({"raw": "@../b"}, {}, "response.raw: @../b lies outside the data directory"),
    ({"raw": 5}, {}, 'response.raw: expected text, {"base64": text} or @file, found 5'),
    ({"raw": {"base64": "a"}}, {}, "response.raw.base64: is not base64: "),
    ({"raw": {"base64": "ä"}}, {}, "response.raw.base64: is not base64: "),
    ({"raw": {"base_64": "a"}}, {}, 'response.raw.base_64: unknown key; did you mean "base64"?'),
    ({"raw": {}}, {}, "response.raw.base64: expected a string"),
    ({"raw": "a", "text": "b"}, {}, 'has both "text" and "raw"; a response has one form'),
    ({"raw": "a", "error": "b", "after_events": 1}, {}, "has no events after which an error could"),
    ({"raw": "a", "pace": 1}, {}, "response.pace: has no effect: a whole answer has no events"),
    ({"raw": "a", "gate": True}, {}, "response.gate: has no effect"),
    ({"raw": "a", "fault": "reset", "after_events": 1}, {}, "response.after_events: has no effect"),
    ({"raw": "a", "status": 204}, {}, "response.status: never has a body, so that nothing of 1"),
    ({"text": "a", "status": 204}, {}, 'status: never has a body, so that "text" would not be '),
    ({"body": {}, "status": 304}, {}, 'status: never has a body, so that "body" would not be '),
    ({"events": "@a.http", "gzip": "always"}, {"a.http": GZIP}, "response.gzip: has no effect"),
    ({"events": "@a.http", "wire": "crlf"}, {"a.http": GZIP}, "response.wire: has no effect"),
    ({"events": "@a.http", "fault": "bad_gzip"}, {"a.http": GZIP}, "response.fault: has no effect"),
    (
        {"events": "@a.http", "error": "x", "after_events": 1},
        {"a.http": GZIP},
        "response.error: can't be said in the transcript's stream, which is compressed",
    ),
]


def test_what_would_be_accepted_in_vain_is_refused_with_the_reason(folder: Any) -> None:
    for response, files, problem in REFUSED:
        problems = m.Mocks([folder({"mocks/a.json": {"response": response}, **files})]).files.load()
        assert len(problems) == 1 and problem in problems[0], (response, problems)


def test_a_body_or_events_that_nobody_gets_are_refused() -> None:
    both: Any = {"events": [1], "body": 1}
    refused: List[Any] = [
        (True, both, "response.body: has no effect: all answers of this mock are streamed"),
        (False, both, "response.events: has no effect: no answer of this mock is streamed"),
        (False, {"events": [1]}, "response: can never be given: stream is false, expected true"),
        (None, {**both, "error": "x", "after_events": 1}, "response.body: is never sent: to who"),
    ]
    for stream, response, problem in refused:
        match = {} if stream is None else {"stream": stream}
        with pytest.raises(m.BadMock) as caught:
            mock_of({"match": match, "response": response})
        assert problem in str(caught.value)
    mock_of({"match": {"stream": True}, "responses": [{"body": 1}, {"events": "data: 1"}]})


def test_a_header_may_name_no_file_whatever_its_form() -> None:
    for key in ("body", "events", "raw"):
        brought = {"x-mock-response": json.dumps({key: "@a.http"})}
        found = ask(answerer(), m.OpenAIChat, True, headers=brought)
        assert found.status == 400 and "a header may name none" in complaint_of(found.body)
