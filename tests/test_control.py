"""The control API: who may use it, what it takes, what it says."""

from __future__ import annotations

import json
import re
from typing import Any, Tuple
from urllib.parse import parse_qsl

import pytest
from cases import cases
from clients import chat, control, fetch
from mocked import loaded
from samples import answerer, ask

import mock_server as m
from mock_server import MockServer


def asked(
    answers: m.Answerer, method: str, path: str, body: Any = None, **more: Any
) -> m.HttpResponse:
    """The response to a control request in memory; `path` is what follows `/__mock__/`."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    if body is None:
        data = b""
    rest, _, query = path.partition("?")
    request = m.Request(
        method,
        "/__mock__/" + rest,
        dict(parse_qsl(query)),
        body=data,
        **{"headers": {"host": "localhost"}, "peer": "127.0.0.1", **more},
    )
    return answers.answer(request).response


def told(answers: m.Answerer, method: str, path: str, body: Any = None) -> Tuple[int, Any]:
    """Status and JSON of a control request in memory."""
    found = asked(answers, method, path, body)
    return found.status, json.loads(found.body)


def text_for(answers: m.Answerer, user: str) -> Any:
    """What a user is answered, or the status of an error."""
    more = {"messages": [{"role": "user", "content": user}]}
    found = ask(answers, m.OpenAIChat, more=more)
    if found.status != 200:
        return found.status
    return json.loads(found.body)["choices"][0]["message"]["content"]


@pytest.fixture
def journaled(server: MockServer) -> MockServer:
    """A server that was asked four times."""
    server.mock(name="ho", match={"user": "Ho"}, response={"text": "x"})
    for user in ("Hi", "Ho", "Ho"):
        chat(server.port, user=user)
    fetch(server.port, "POST", "/v1/embeddings", b'{"model": "m", "input": "x"}')
    server.wait_for(count=4, ended="complete")
    return server


@pytest.mark.parametrize(
    "query, users",
    [
        ("", ["Hi", "Ho", "Ho", "x"]),
        ("?limit=2", ["Ho", "x"]),
        ("?limit=0", []),
        ("?unmatched=1", ["x"]),
        ("?unmatched=0", ["Hi", "Ho", "Ho", "x"]),
        ("?mock=ho", ["Ho", "Ho"]),
        ("?mock=ho&limit=1", ["Ho"]),
    ],
)
def test_requests_can_be_filtered(journaled: MockServer, query: str, users: Any) -> None:
    status, found = control(journaled.port, "GET", "requests" + query)
    assert status == 200 and [entry["user"] for entry in found["requests"]] == users


@pytest.mark.parametrize(
    "match, expected",
    [
        ({}, 4),
        ({"user": "Ho"}, 2),
        ({"operation": "embed"}, 1),
        ({"user": {"regex": "^H"}, "model": "gpt-4o-mini"}, 3),
        ({"body": {"messages": [{"content": "Hi"}]}}, 1),
        ({"headers": {"host": {"contains": "127.0.0.1"}}}, 4),
    ],
)
def test_requests_can_be_counted(journaled: MockServer, match: Any, expected: int) -> None:
    found = control(journaled.port, "POST", "requests/count", {"match": match})
    assert found == (200, {"count": expected})


def test_requests_can_be_forgotten(journaled: MockServer) -> None:
    assert control(journaled.port, "DELETE", "requests")[1] == {"deleted": 4}
    assert control(journaled.port, "POST", "requests/count", {})[1] == {"count": 0}


def test_mocks_are_added_listed_used_and_removed() -> None:
    answers = answerer({"response": {"text": "pong"}})
    mocks = [
        {"name": "b", "match": {"user": "Hi"}, "response": {"text": "B"}},
        {"name": "c", "response": {"text": "C"}},
    ]
    status, found = told(answers, "POST", "mocks", mocks)
    assert status == 201 and len(found["ids"]) == 2
    assert [text_for(answers, user) for user in ("Hi", "x", "y")] == ["B", "C", "C"]
    listed = told(answers, "GET", "mocks")[1]["mocks"]
    assert [(mock["name"], mock["uses"]) for mock in listed] == [("b", 1), ("c", 2), ("added-1", 0)]
    assert [mock["id"] for mock in listed[:2]] == found["ids"]
    assert listed[0]["source"] == mocks[0]
    assert told(answers, "DELETE", "mocks/" + found["ids"][0]) == (200, {"deleted": 1})
    assert text_for(answers, "Hi") == "C"
    assert told(answers, "DELETE", "mocks") == (200, {"deleted": 2})
    assert text_for(answers, "Hi") == 404


def test_a_mock_from_a_file_is_listed_but_not_removed(folder: Any) -> None:
    mocks = loaded(folder({"mocks/a.json": {"name": "f", "response": {"text": "F"}}}))
    mocks.session("").add([{"response": {"text": "added"}}])
    answers = m.Answerer(mocks, m.Settings())
    listed = told(answers, "GET", "mocks")[1]["mocks"]
    assert [mock["id"] for mock in listed] == ["added-1", "mocks/a.json#1"]
    status, found = told(answers, "DELETE", "mocks/mocks%2Fa.json%231")
    assert status == 409 and "comes from a file" in found["error"]["message"]
    assert told(answers, "DELETE", "mocks") == (200, {"deleted": 1})
    assert text_for(answers, "Hi") == "F"


def test_a_reset_forgets_journal_mocks_and_sequences(folder: Any) -> None:
    data = folder({"mocks/a.json": {"responses": [{"text": "1"}, {"text": "2"}], "times": 2}})
    with MockServer(data=data) as server:
        server.mock(match={"user": "x"}, response={"text": "added"})
        assert [chat(server.port)[1] for _ in range(2)] == ["1", "2"]
        assert (chat(server.port)[0], chat(server.port, user="x")[1]) == (404, "added")
        assert control(server.port, "POST", "reset")[0] == 200 and server.requests == []
        assert [chat(server.port, user="x")[1] for _ in range(2)] == ["1", "2"]
        assert chat(server.port)[0] == 404


BAD_CONTROL = [
    ("POST", "mocks", b"{", 400, "not JSON"),
    (
        "POST",
        "mocks",
        {"match": {"modle": "x"}, "response": {"text": "x"}},
        400,
        'match.modle: unknown key; did you mean "model"?',
    ),
    ("POST", "mocks", {"response": {}}, 400, "says nothing"),
    ("POST", "mocks", {"response": {"body": "@../x.json"}}, 400, "@../x.json"),
    ("POST", "mocks", 3, 400, "expected an object"),
    ("POST", "mocks", b'[{}, {"match": {}, "match": 1}]', 400, 'body: "[1].match" stands twice'),
    ("POST", "requests/count", b'{"match": {}, "match": {}}', 400, 'body: "match" stands twice'),
    ("POST", "requests/count", {"ended": "over"}, 400, "ended: found"),
    ("POST", "verify", {"unused": 1}, 400, "unused: expected a boolean, found 1"),
    (
        "POST",
        "requests/count",
        {"match": {"user": {"regex": "("}}},
        400,
        "not a regular expression",
    ),
    ("POST", "requests/count", {"mach": {}}, 400, 'mach: unknown key; did you mean "match"?'),
    ("POST", "requests/count", [], 400, "expected an object"),
    ("POST", "requests/wait", {"count": 0}, 400, "count: expected a whole number from 1"),
    ("POST", "requests/wait", {"timeout": "soon"}, 400, "timeout: expected seconds from 0 to 600"),
    ("POST", "requests/wait", {"ended": "completed"}, 400, 'did you mean "complete"?'),
    ("POST", "requests/1/release", {}, 404, "no request"),
    ("GET", "requests?limit=many", None, 400, "limit: expected a whole number"),
    (
        "POST",
        "mocks",
        [{"response": {"text": "x"}}, {"response": {"txt": "x"}}],
        400,
        'mock 2 of 2: added-2: response.txt: unknown key; did you mean "text"?',
    ),
    ("GET", "requests?unmached=1", None, 400, 'unmached: unknown key; did you mean "unmatched"?'),
    ("DELETE", "mocks/nope", None, 404, "no mock"),
    ("GET", "request", None, 404, 'did you mean "/__mock__/requests"?'),
    ("PUT", "mocks", {}, 405, "takes DELETE, GET, POST"),
    ("GET", "reset", None, 405, "takes POST"),
]


@cases("method, path, body, status, said_so", BAD_CONTROL)
def test_a_bad_control_request_is_told_what_is_wrong(
    method: str, path: str, body: Any, status: int, said_so: str
) -> None:
    found, answer = told(answerer(), method, path, body)
    assert found == status and said_so in answer["error"]["message"], answer


def test_a_control_request_is_in_no_journal(server: MockServer) -> None:
    control(server.port, "GET", "health")
    control(server.port, "GET", "nowhere")
    assert server.requests == []


def test_a_bad_mock_is_refused_with_the_same_message_as_in_a_file(folder: Any) -> None:
    spec = {"match": {"modle": "x"}, "response": {"text": "x"}}
    problems = m.Mocks([folder({"mocks/a.json": [spec]})]).files.load()
    said_so = told(answerer(), "POST", "mocks", spec)[1]["error"]["message"]
    assert said_so.replace("added-1", "mocks/a.json#1") == problems[0]


@cases(
    "peer, headers, token, status, code",
    [
        ("127.0.0.1", {"host": "localhost:1"}, "", 200, None),
        ("::1", {"host": "[::1]:1"}, "", 200, None),
        ("127.0.0.1", {"host": "127.0.0.1:1", "origin": "http://127.0.0.1:1"}, "", 200, None),
        ("127.0.0.1", {"host": "mock.internal:1"}, "", 200, None),  # what it is told to listen on
        ("10.0.0.7", {"host": "10.0.0.1:1"}, "", 403, "not_loopback"),
        ("10.0.0.7", {"host": "10.0.0.1:1"}, "secret", 403, "not_loopback"),
        (
            "10.0.0.7",
            {"host": "10.0.0.1:1", "authorization": "Bearer wrong"},
            "secret",
            403,
            "not_loopback",
        ),
        ("10.0.0.7", {"host": "any.name:1", "authorization": "Bearer secret"}, "secret", 200, None),
        ("10.0.0.7", {"host": "10.0.0.1:1", "authorization": "Bearer "}, "", 403, "not_loopback"),
        ("127.0.0.1", {"host": "evil.example:1"}, "", 403, "foreign_host"),
        ("127.0.0.1", {"host": "localhost.evil.example"}, "", 403, "foreign_host"),
        (
            "127.0.0.1",
            {"host": "localhost:1", "origin": "http://evil.example"},
            "",
            403,
            "foreign_origin",
        ),
        (
            "127.0.0.1",
            {"host": "localhost:1", "origin": "http://localhost:3000"},
            "",
            403,
            "foreign_origin",
        ),
        ("127.0.0.1", {"host": "localhost:1", "origin": "null"}, "", 403, "foreign_origin"),
        ("127.0.0.1", {"host": "localhost:1"}, "secret", 200, None),
        ("127.0.0.1", {"authorization": "Bearer wrong"}, "secret", 403, "wrong_token"),
        ("127.0.0.1", {"authorization": "secret"}, "secret", 403, "wrong_token"),
        ("127.0.0.1", {"authorization": "Bearer any"}, "", 200, None),
        ("127.0.0.1", {"x-forwarded-for": "10.0.0.7"}, "", 200, None),
        (
            "127.0.0.6",
            {"host": "mock:1", "via": "1.1 x", "authorization": "Bearer secret"},
            "secret",
            200,
            None,
        ),
    ],
)
def test_the_control_api_admits_loopback_or_a_token_and_no_foreign_page(
    peer: str, headers: Any, token: str, status: int, code: Any
) -> None:
    answers = m.Answerer(m.Mocks(), m.Settings(host="mock.internal", control_token=token))
    response = asked(answers, "GET", "mocks", headers=headers, peer=peer)
    assert response.status == status
    assert json.loads(response.body).get("error", {}).get("code") == code


@pytest.mark.parametrize("own, status", [(True, 200), (False, 403)])
def test_no_web_page_may_read_what_the_control_api_says(
    server: MockServer, raw: Any, own: bool, status: int
) -> None:
    host = f"127.0.0.1:{server.port}"
    origin = host if own else "evil.example"
    head = f"GET /__mock__/mocks HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{origin}\r\n\r\n"
    found, headers, _ = raw().send(head.encode()).response()
    assert found == status and "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/v1/__mock__/health",
        "/__mock__%2Fhealth",
        "/%5F_mock__/health",
        "/v1/../__mock__/health",
        "/openai/__mock__",
    ],
)
def test_nothing_of_it_is_reachable_through_a_provider_path(path: str) -> None:
    response = answerer().answer(m.Request("GET", path, peer="127.0.0.1")).response
    assert response.status in (404, 405) and b"uptime" not in response.body


def test_the_health_says_what_is_wrong_with_mock_files(folder: Any, clock: Any) -> None:
    answers = m.Answerer(
        loaded(folder({"mocks/a.json": {"response": {"text": "x"}}})), m.Settings()
    )
    status, found = told(answers, "GET", "health")
    assert status == 200 and (found["status"], found["version"]) == ("ok", m.__version__)
    assert (found["mocks"], found["load_errors"]) == (1, [])
    assert found["instance"] == told(answers, "GET", "health")[1]["instance"]
    assert (
        found["instance"]
        != told(m.Answerer(m.Mocks(), m.Settings()), "GET", "health")[1]["instance"]
    )
    folder({"mocks/a.json": {"match": {"user": "x"}, "response": {"text": "x"}}})
    clock.now += 1
    assert ask(answers, m.OpenAIChat).body.count(b"reloaded") == 0
    folder({"mocks/a.json": {"response": {}}, "mocks/b.json": b'{"match": {}, "match": {}}'})
    clock.now += 1
    missed = json.loads(ask(answers, m.OpenAIChat).body)["error"]["message"]
    why = 'user is "Hi", expected "x"; mocks could not be reloaded: mocks/a.json#1: response: says'
    assert why in missed and missed.endswith(" (and 1 more); POST /__mock__/mocks adds one")
    unknown = json.loads(answers.answer(m.Request("POST", "/x")).response.body)["error"]["message"]
    assert "; mocks could not be reloaded: mocks/a.json#1: response: says" in unknown
    found = told(answers, "GET", "health")[1]
    assert "mocks/a.json#1" in found["load_errors"][0] and found["mocks"] == 1
    assert found["load_errors"][1].startswith('mocks/b.json: "match" stands twice, and only one')
    assert found["status"] == "mocks not reloaded"


def test_a_control_request_needs_no_body_and_no_length(server: MockServer, raw: Any) -> None:
    def posted(path: str) -> Any:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n"
        return raw().send(head.encode()).response()

    assert posted("/__mock__/reset")[0] == 200
    assert posted("/@x/__mock__/requests/count")[2] == b'{"count":0}\n'


def test_control_requests_that_are_refused_early_are_control_requests_too(
    server: MockServer, raw: Any
) -> None:
    lines = [
        "POST /__mock__/mocks HTTP/1.1",
        f"Host: localhost:{server.port}",
        "Origin: http://evil.example",
        "Content-Length: 99999999",
    ]
    status, headers, body = raw().send("\r\n".join([*lines, "", ""]).encode()).response()
    assert status == 413 and json.loads(body)["error"]["code"]
    assert "access-control-allow-origin" not in headers and server.requests == []


def test_the_inspector_is_a_page_that_needs_nothing_else() -> None:
    found = asked(answerer(), "GET", "")
    assert found.status == 200 and b"requests/live" in found.body
    assert b"entry.forwarded" in found.body
    assert not re.search(rb"(?:src|href)=(?!.data:)|url\(|@import", found.body)
    policy = dict(found.headers)["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_the_inspector_is_at_the_path_with_a_slash() -> None:
    request = m.Request("GET", "/__mock__", headers={"host": "localhost"}, peer="127.0.0.1")
    found = answerer().answer(request).response
    assert found.status == 308 and dict(found.headers)["Location"] == "__mock__/"


def test_metrics_count_in_prometheus_text_format(server: MockServer) -> None:
    chat(server.port)
    chat(server.port, stream=True)
    fetch(server.port, "POST", "/v1/embeddings", b'{"model": "m", "input": "x"}')
    server.wait_for(count=3, ended="complete")
    _, text = fetch(server.port, "GET", "/__mock__/metrics")
    total = "mock_server_requests_total"
    assert set(text.decode().splitlines()) >= {
        f"# TYPE {total} counter",
        f'{total}{{provider="openai",api="chat",status="200",matched="true"}} 2',
        f'{total}{{provider="openai",api="embeddings",status="404",matched="false"}} 1',
        'mock_server_requests_ended_total{ended="complete"} 3',
        "mock_server_requests_in_flight 0",
        "mock_server_events_sent_total 4",
        "mock_server_journal_entries 3",
        "mock_server_sessions 1",
        "mock_server_mocks 0",
    }


def test_what_a_provider_would_refuse_is_told_counted_and_verified(server: MockServer) -> None:
    lonely = {"model": "m", "messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}
    chat(server.port)
    for _ in range(2):
        fetch(server.port, "POST", "/v1/chat/completions", json.dumps(lonely).encode())
    fetch(server.port, "POST", "/v1/chat/completions", b'{"model": "m"}')
    server.wait_for(count=4, ended="complete")
    rule, place = "openai/tool-after-tool-calls", "messages[0]"
    violations = [entry["violations"] for entry in server.requests]
    assert violations[0] == [] and violations[1] == violations[2]
    assert [(one["rule"], one["place"], one["status"]) for one in violations[1]] == [
        (rule, place, 400)
    ]
    assert [one["rule"] for one in violations[3]] == ["openai/missing"]
    for valid, count in ((True, 1), (False, 3)):
        found = control(server.port, "POST", "requests/count", {"match": {"valid": valid}})
        assert found == (200, {"count": count})
    asked_for = {"unused": False, "unmatched": False, "invalid": True}
    status, found = control(server.port, "POST", "verify", asked_for)
    assert status == 409 and len(found["invalid"]) == 3
    assert f"breaks {rule} at {place}: Invalid parameter" in found["error"]["message"]
    _, text = fetch(server.port, "GET", "/__mock__/metrics")
    assert f'mock_server_violations_total{{rule="{rule}"}} 2\n' in text.decode()


def test_a_mock_whose_requests_were_refused_was_never_used_for_that_reason() -> None:
    with m.MockServer(strict=True) as server:
        server.mock(match={"user": "Hi"}, response={"text": "x"})
        body = b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}], "top_logprobs": 1}'
        assert fetch(server.port, "POST", "/v1/chat/completions", body)[0] == 400
        with pytest.raises(AssertionError) as caught:
            server.verify()
    said = str(caught.value)
    assert said.startswith('mock "added-1" was never used; it matches POST /v1/chat/completions (')
    assert said.endswith("): refused by openai/top-logprobs")


def test_the_rules_of_all_providers_can_be_looked_at() -> None:
    status, found = told(answerer(), "GET", "rules")
    assert status == 200 and found == {"rules": m.rules_json()}
    keys = ["id", "provider", "api", "sentence", "status", "default", "source"]
    assert all(list(rule) == keys for rule in found["rules"])
    status, some = told(answerer(), "GET", "rules?provider=cohere")
    assert status == 200
    assert some["rules"] == [rule for rule in found["rules"] if rule["provider"] == "cohere"]
    status, refused = told(answerer(), "GET", "rules?provider=coher")
    assert status == 400 and 'did you mean "cohere"' in refused["error"]["message"]
    assert told(answerer(), "GET", "rules?api=chat")[0] == 400


def test_the_named_plans_can_be_looped_over() -> None:
    answers = answerer({"response": {"text": "pong"}})
    _, plans = told(answers, "GET", "wire-plans")
    assert list(plans) == list(m.WIRE_PLANS)
    assert plans["event"] == {"coalesce": 1} and plans["utf8"] == {"split": "utf8"}
    for name, plan in plans.items():
        header = {"x-mock-response": json.dumps({"wire": plan})}
        found = ask(answers, m.OpenAIChat, headers=header)
        assert found.delivery.plan == m.WIRE_PLANS[name]


def test_a_whole_answer_has_no_gate(server: MockServer) -> None:
    server.mock(response={"text": "one", "gate": True})
    assert chat(server.port)[1] == "one"
    number = server.wait_for(ended="complete")[0]["id"]
    assert control(server.port, "POST", f"requests/{number}/release")[0] == 409
    with pytest.raises(KeyError):
        server.release(number)
