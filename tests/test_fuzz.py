"""Inputs that were right once, changed at random: no failure of the server's own, no hang, alive
afterwards.

The default is short and the same every time; `--fuzz-seconds 60 --fuzz-seed x` goes on for longer
with other cases, `--fuzz-case N` has one again.
"""

from __future__ import annotations

import gzip
import json
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any, Callable, Iterator, List, Mapping, Tuple
from xml.etree import ElementTree

import pytest
from clients import PATIENCE, chat
from fuzz_requests import (
    Bad,
    Connection,
    Cut,
    Message,
    Sent,
    connection,
    exchanged,
    header,
    headers_only,
    odd_target,
    requests_in,
    responses_in,
)
from fuzzing import (
    MATCHES,
    POSTS,
    RESPONSES,
    Cases,
    changed,
    fuller,
    mock_spec,
    response_spec,
    spoiled,
    spoiled_json,
    written,
)
from samples import FORMS, OWNER_HEADERS, SAMPLES, STREAMED, complaint_of, steps_of

import mock_server as m
from mock_server import MockServer

OF_THE_CLIENT = (501, 505)  # a method, a coding or a version that is not known: not our failure


@pytest.fixture(name="cases")
def which_cases(pytestconfig: pytest.Config) -> Cases:
    """The cases that the flags ask for."""
    return Cases(pytestconfig)


# --- in memory ---


def answer_to(answers: m.Answerer, request: m.Request) -> m.HttpResponse:
    """The response to a request, worked out here and now."""
    return answers.answer(request).response


def sent_bytes(response: m.HttpResponse, accept: str, head_only: bool = False) -> bytes:
    """What goes over the wire if nothing breaks and nobody waits."""
    steps = steps_of(response, accept, head_only=head_only)
    return b"".join(step.data for step in steps if isinstance(step, m.Send))


def rendered(answers: m.Answerer, request: m.Request) -> Tuple[m.HttpResponse, bytes]:
    """A response and its body, which are the same when it is asked for again, with gzip."""
    bodies = []
    for accept in ("identity", "gzip"):
        response = answer_to(answers, request)
        (found,) = responses_in(sent_bytes(response, accept))
        assert found.get(b"x-injected") is None, "a line of the client's in the head"
        zipped = found.get(b"content-encoding") == b"gzip"
        bodies.append(gzip.decompress(found.body) if zipped else found.body)
    # An adapter is loaded once.
    alike = bodies[0] == bodies[1] or "load_lora_adapter" in request.path
    assert alike, "asked again it says something else"
    return response, bodies[-1]


def content_type(response: m.HttpResponse) -> str:
    """The media type of a response."""
    headers = {name.lower(): value for name, value in response.headers}
    return headers.get("content-type", "").partition(";")[0]


NO_JSON = ("audio/", "image/", "text/plain", "text/html", "application/text")


def check_parsed(kind: str, body: bytes) -> None:
    """Read a body or a stream as its content type says."""
    if kind == "text/event-stream":
        texts = [m.SSE.data(frame) for frame in m.SSE.split(body)]
        for text in texts:
            if text not in ("", "[DONE]"):
                m.parse_json(text.encode())
    elif kind == "application/x-ndjson":
        assert m.NDJSON.split(body)
    elif kind == "application/vnd.amazon.eventstream":
        for _, payload in m.EventStream.split(body):
            m.parse_json(payload)
    elif kind == "text/xml":
        ElementTree.fromstring(body)
    elif kind and not kind.startswith(NO_JSON):
        assert kind == "application/json", kind
        m.parse_json(body)


def request_of(case: Any) -> m.Request:
    """The request of a case, as the answerer gets it."""
    kind = getattr(m, case["kind"])
    method, path, stream_path, _ = SAMPLES[kind]
    path, query = m.parse_target((stream_path if case["stream"] else path) or path)
    headers = {**OWNER_HEADERS.get(kind, {}), **case["headers"]}
    return m.Request(method, path, query, headers, written(case["body"]), 5001, peer="127.0.0.1")


def asked(random: Random) -> Any:
    """A case: a request whose body was right once."""
    kind = random.choice(POSTS)
    stream = kind in STREAMED and random.randrange(2) == 0
    body = fuller(random, kind, SAMPLES[kind][3])
    if stream and SAMPLES[kind][1] == SAMPLES[kind][2]:
        body = {**body, "stream": True}
    headers = {}
    if random.randrange(8) == 0:
        headers["x-mock-response"] = json.dumps(harmless(response_spec(random)))
    body = spoiled_json(random, changed(random, body))
    return {"kind": kind.__name__, "stream": stream, "headers": headers, "body": body}


NOT_HARMLESS = (
    "fault",
    "probability",
    "status",
    "error",
    "headers",
    "gate",
    *m.RECORDED_KEYS,
    "raw",
)


def harmless(spec: Any) -> Any:
    """A response without what breaks it, or is an error that was asked for."""
    if isinstance(spec, dict):
        for key in NOT_HARMLESS:
            spec.pop(key, None)
    return spec


def answerers() -> List[m.Answerer]:
    """One that echoes, one that wants credentials, one that knows no mock, and one for each form in
    which a mock may answer."""
    settings = (m.Settings(fallback="echo"), m.Settings(require_auth=True), m.Settings())
    found = [m.Answerer(m.Mocks(), each) for each in settings]
    for form in (*FORMS.values(), {"text": "{{user}} {{system}} {{body.messages}} {{model}}"}):
        mocks = m.Mocks()
        vectors = {"response": {"embedding": [0.5, -0.25]}}
        mocks.session("").add([{"match": {"operation": "generate"}, "response": form}, vectors])
        found.append(m.Answerer(mocks, m.Settings(fallback="echo")))
    return found


ANSWERERS = answerers()


def check_body(case: Any) -> None:
    """What must hold of the answer to any body."""
    response, body = rendered(ANSWERERS[case["answers"]], request_of(case))
    assert response.status < 500 or response.status in OF_THE_CLIENT
    check_parsed(content_type(response), body)
    if response.status >= 400:
        assert complaint_of(body)


# What was found so: the least of it that failed.
FOUND: List[Any] = [
    {"kind": "MistralEmbeddings", "body": {"model": "m", "input": "H", "requests": 7}},
]


@pytest.mark.parametrize("case", FOUND)
def test_what_once_made_the_server_fail_does_not_any_more(case: Any) -> None:
    check_body({"answers": 0, "stream": False, "headers": {}, **case})


def test_no_body_makes_the_server_fail(cases: Cases) -> None:
    def make(random: Random) -> Any:
        return {**asked(random), "answers": random.randrange(len(ANSWERERS))}

    cases.check("bodies", 200, make, check_body)


# --- heads ---


def head_case(random: Random) -> Any:
    """A case: a head whose path and headers were right once, and a good body."""
    kind = random.choice(list(SAMPLES))
    method, path, stream_path, body = SAMPLES[kind]
    target = (stream_path if random.randrange(2) else path) or path
    lines = [f"{name}: {value}".encode() for name, value in OWNER_HEADERS.get(kind, {}).items()]
    lines += [header(random) for _ in range(random.randrange(3))]
    if random.randrange(9) == 0:
        method = random.choice(m.METHODS)
    line = b"%s %s HTTP/1.1" % (method.encode(), odd_target(random, target.encode()))
    head = b"\r\n".join((line, b"Host: localhost", *lines, b"", b""))
    return {"head": head, "body": body, "answers": random.randrange(len(ANSWERERS))}


def check_head_case(case: Any) -> None:
    """What must hold of the answer to any head."""
    answers = ANSWERERS[case["answers"]]
    try:
        head = m.parse_head(case["head"])
        session = head.session
    except m.Refused as refused:
        assert refused.status < 500 or refused.status in OF_THE_CLIENT
        return
    if head.path.startswith("/__mock__") or "fault" in head.headers.get("x-mock-response", ""):
        return
    body = written(case["body"])
    request = m.Request(
        head.method, head.path, head.query, head.headers, body, 5001, session, "127.0.0.1"
    )
    response, found = rendered(answers, request)
    asks_for_it = "x-mock-response" in head.headers
    assert response.status < 500 or response.status in OF_THE_CLIENT or asks_for_it
    if not asks_for_it and found:
        check_parsed(content_type(response), found)


def test_no_path_makes_the_server_fail(cases: Cases) -> None:
    cases.check("heads", 120, head_case, check_head_case)


# --- mocks ---


def loaded(spec: Any) -> Any:
    """An answerer with a mock; None if that is refused with a sentence."""
    mocks = m.Mocks()
    try:
        mocks.session("").add([spec])
    except m.BadMock as error:
        assert str(error) and len(str(error)) < 2000
        return None
    return m.Answerer(mocks, m.Settings(fallback="echo"))


def plain_request(kind: type, stream: bool, **headers: str) -> m.Request:
    """The sample request of a wire format."""
    body = SAMPLES[kind][3]
    if stream and SAMPLES[kind][1] == SAMPLES[kind][2]:
        body = {**body, "stream": True}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    case = {"kind": kind.__name__, "stream": stream, "headers": names, "body": body}
    return request_of(case)


def check_asked_for(spec: Any, status: int) -> None:
    """A 5xx is right where a mock says so."""
    said = json.dumps(spec)
    assert status < 500 or '"status"' in said or '"error"' in said, status


def check_head(response: m.HttpResponse) -> None:
    """Send a response, and look whether its head holds what a text should not bring there."""
    sent = sent_bytes(response, "gzip")
    if not response.delivery.fault:
        responses_in(sent)
    assert b"\nx-injected" not in sent.partition(b"\r\n\r\n")[0].lower()


def test_no_mock_makes_the_server_fail(cases: Cases) -> None:
    def holds(case: Any) -> None:
        answers = loaded(case["mock"])
        if answers is None:
            return
        for name in case["kinds"]:
            kind = getattr(m, name)
            for stream in (False, True)[: 1 + (kind in STREAMED)]:
                response = answer_to(answers, plain_request(kind, stream))
                check_asked_for(case["mock"], response.status)
                check_head(response)
        response = answer_to(answers, m.Request(case["method"], "/any", body=b"{}"))
        check_asked_for(case["mock"], response.status)
        check_head(response)

    def make(random: Random) -> Any:
        kinds = [random.choice(POSTS).__name__ for _ in range(4)]
        method = random.choice(("GET", "POST", "DELETE", "OPTIONS"))
        return {"mock": mock_spec(random), "kinds": ["OpenAIChat", *kinds], "method": method}

    cases.check("mocks", 120, make, holds)


def test_no_answer_that_a_request_brings_makes_the_server_fail(cases: Cases) -> None:
    answers = m.Answerer(m.Mocks(), m.Settings(fallback="echo"))

    def holds(case: Any) -> None:
        kind = getattr(m, case["kind"])
        text = written(case["brings"]).decode("latin-1")
        response = answer_to(answers, plain_request(kind, case["stream"], x_mock_response=text))
        if not isinstance(case["brings"], bytes):
            check_asked_for(case["brings"], response.status)
        check_head(response)

    def make(random: Random) -> Any:
        kind = random.choice(POSTS)
        stream = kind in STREAMED and random.randrange(2) == 0
        brings = spoiled_json(random, response_spec(random))
        return {"kind": kind.__name__, "stream": stream, "brings": brings}

    cases.check("brought", 120, make, holds)


def test_no_mock_file_makes_the_server_fail(cases: Cases, folder: Callable[..., str]) -> None:
    def holds(case: Any) -> None:
        names = ("b.json", "b.json.gz", "b.sse", "b.jsonl", "b.http")
        path = folder({"mocks/a.json": case["file"], **dict.fromkeys(names, case["body"])})
        mocks = m.Mocks([path])
        problems = mocks.files.load()
        assert all(isinstance(problem, str) and problem for problem in problems)
        for stream in (False, True):
            request = plain_request(m.OpenAIChat, stream)
            check_head(answer_to(m.Answerer(mocks, m.Settings()), request))

    def make(random: Random) -> Any:
        spec = mock_spec(random)
        if random.randrange(2):
            events = random.choice(("@b.sse", "@b.jsonl", "@b.json", "@b.http"))
            body = random.choice(("@b.json", "@b.json.gz", "@b.http"))
            files = {"body": body, "events": events, "raw": "@b.sse"}
            key = random.choice(list(files))
            more = harmless(dict([random.choice(RESPONSES)]))
            spec = {"response": {**more, key: files[key]}}
            if random.randrange(2):
                spec = {"response": {"body": body, "events": events}}
        file = spoiled_json(random, [spec])
        data = b'data: {"id": "1", "choices": []}\r\n\r\n: c\n\ndata: [DONE]\n\n'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: a\r\n"
        chunks = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
        zipped = b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(data)
        transcripts = (head + b"\r\n" + data, head + chunks, head + zipped)
        others = (b'{"id": "1"}\n{"id": "2"}\n', gzip.compress(b"{}"))
        data = random.choice((data, *others, *transcripts))
        return {"file": written(file), "body": spoiled(random, data)}

    cases.check("files", 50, make, holds)


# --- over sockets ---


@contextmanager
def hasty(printed: Any) -> Iterator[MockServer]:
    """A server with little patience, which is alive at the end, as are its sessions, and has logged
    nothing but requests."""
    with MockServer(log="json", fallback="echo") as running:
        running.idle_seconds = running.head_seconds = running.body_seconds = 0.2
        running.stall_seconds, running.linger_seconds = 0.5, 0.1
        other = running.session("other")
        other.mock(match={"user": "ping"}, response={"text": "pang"})
        yield running
        assert chat(running.port, "ping", prefix="/@other") == (200, "pang")
        assert [mock["uses"] for mock in other.mocks] == [1] == [len(other.requests)]
        running.reset()
        running.mock(match={"user": "ping"}, response={"text": "pong"})
        assert chat(running.port, "ping") == (200, "pong")
    lines = [json.loads(line) for line in printed.readouterr().err.splitlines()]
    assert lines and [line for line in lines if "method" not in line] == []


def answers_to(sent: Sent, got: bytes) -> List[Message]:
    """The responses that a connection got."""
    try:
        return responses_in(got, sent.methods)
    except (Bad, Cut):
        # What is wrong from its first word on need not be taken for HEAD.
        return responses_in(got, sent.methods[:-1])


def check_exchange(server: MockServer, case: Any) -> None:
    """What must hold of the answers to anything that is sent."""
    connection = Connection(*case)
    got = exchanged(server.port, connection)
    if got is None:
        return
    sent = requests_in(connection.data)
    answers = answers_to(sent, got)
    statuses = [answer.status for answer in answers]
    assert all(status < 500 or status in OF_THE_CLIENT for status in statuses), statuses
    # More would mean that a part of one request was taken for another.
    assert len(answers) <= len(sent.requests) + bool(sent.wrong), (statuses, sent.wrong)
    assert not any(answer.get(b"x-injected") for answer in answers)


@pytest.mark.parametrize("make, jobs", [(connection, 8), (headers_only, 4)])
def test_no_bytes_on_a_connection_make_the_server_fail(
    cases: Cases, capfd: Any, make: Callable[[Random], Connection], jobs: int
) -> None:
    with hasty(capfd) as server:
        cases.check(
            make.__name__,
            200,
            lambda random: list(make(random)),
            partial(check_exchange, server),
            jobs,
        )


# --- the control API ---

QUERIES = ("", "unmatched=1", "limit=2", "limit=-1", "mock=x", "session=s", "session=%00", "a=b")
ENDS = ["complete", "client_gone"]
CONTROL_BODIES: Mapping[str, Any] = {
    "/requests/count": {"match": {"user": {"contains": "H"}, "body": {"a": [1]}}},
    "/requests/wait": {"match": {"model": "m"}, "count": 1, "ended": ENDS, "timeout": 0},
    "/verify": {"unused": True, "unmatched": True, "invalid": True},
    "/requests/{id}/release": {"events": 3},
}


def control_case(random: Random) -> Any:
    """A control request."""
    route = random.choice(m.Control.ROUTES)
    method, path = route.method, route.path.replace("{id}", random.choice(("1", "added-2", "%00")))
    if random.randrange(15) == 0:
        method = random.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"))
    query = random.choice(QUERIES) if random.randrange(2) else ""
    body: Any = CONTROL_BODIES.get(route.path, {})
    if route.path == "/mocks":
        body = mock_spec(random)
    elif random.randrange(5):
        body = changed(random, {**body, "match": dict([random.choice(MATCHES)])}, MATCHES)
    if route.path.endswith("/wait"):
        body = impatient(body)
    prefix = random.choice(("", "", "/@s", "/@t"))
    return {
        "method": method,
        "path": f"{prefix}/__mock__{path}?{query}",
        "body": spoiled_json(random, body),
    }


def impatient(body: Any) -> Any:
    """A body that does not ask for a long wait."""
    if isinstance(body, dict) and m.fits(body.get("timeout", 5), "a number"):
        body["timeout"] = min(0, body.get("timeout", 5))
    return body


def check_control(server: MockServer, case: Any) -> None:
    """What must hold of the answer to any control request."""
    body = written(case["body"])
    line = f"{case['method']} {case['path']} HTTP/1.1\r\nHost: localhost\r\n"
    head = f"{line}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    # The live journal goes on for ever.
    end = "close" if "/live" in case["path"] else "wait"
    got = exchanged(server.port, Connection([head.encode() + body], end))
    if got is None:
        return
    (answer,) = responses_in(got, [case["method"].encode()])
    assert answer.status < 500
    if answer.body and answer.get(b"content-type") == b"application/json":
        json.loads(answer.body)


def test_no_control_request_makes_the_server_fail(cases: Cases, capfd: Any) -> None:
    with hasty(capfd) as server:
        server.idle_seconds = PATIENCE
        check = partial(check_control, server)
        cases.check("control", 100, control_case, check, jobs=4)
