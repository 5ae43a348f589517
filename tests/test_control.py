"""X"""

from __future__ import annotations

import json
import re
from typing import Any, List

import pytest
from clients import chat, control, fetch
from samples import answerer

import mock_server as m
from mock_server import MockServer


def test_requests_can_be_filtered_counted_and_forgotten(server: MockServer) -> None:
    server.mock(name="ho", match={"user": "Ho"}, response={"text": "x"})
    for user in ("Hi", "Ho", "Ho"):
        chat(server.port, user=user)
    fetch(server.port, "POST", "/v1/embeddings", b'{"model": "m", "input": "x"}')
    server.wait_for(count=4, ended="complete")

    def users(query: str) -> List[str]:
        return [
            entry["user"]
            for entry in control(server.port, "GET", "requests" + query)[1]["requests"]
        ]

    assert (
        users("") == ["Hi", "Ho", "Ho", "x"]
        and users("?limit=2") == ["Ho", "x"]
        and users("?limit=0") == []
    )
    assert (
        users("?unmatched=1") == ["x"]
        and users("?mock=ho") == ["Ho", "Ho"]
        and users("?mock=ho&limit=1") == ["Ho"]
    )

    def count(**match: Any) -> int:
        return control(server.port, "POST", "requests/count", {"match": match})[1]["count"]

    assert (
        count(),
        count(user="Ho"),
        count(operation="embed"),
        count(user={"regex": "^H"}, model="gpt-4o-mini"),
    ) == (4, 2, 1, 3)
    assert (
        count(body={"messages": [{"content": "Hi"}]}) == 1
        and count(headers={"host": {"contains": "127.0.0.1"}}) == 4
    )
    assert control(server.port, "DELETE", "requests")[1] == {"deleted": 4} and count() == 0


def test_mocks_are_added_listed_used_and_removed(server: MockServer) -> None:
    status, found = control(
        server.port,
        "POST",
        "mocks",
        [
            {"name": "b", "match": {"user": "Hi"}, "response": {"text": "B"}},
            {"name": "c", "response": {"text": "C"}},
        ],
    )
    assert status == 201 and len(found["ids"]) == 2
    assert (
        chat(server.port)[1],
        chat(server.port, user="x")[1],
        chat(server.port, user="y")[1],
    ) == ("B", "C", "C")
    listed = control(server.port, "GET", "mocks")[1]["mocks"]
    assert [(mock["name"], mock["uses"]) for mock in listed] == [("b", 1), ("c", 2), ("added#1", 0)]
    assert [mock["id"] for mock in listed[:2]] == found["ids"] and listed[0]["source"]["match"] == {
        "user": "Hi"
    }
    assert (
        control(server.port, "DELETE", "mocks/" + found["ids"][0])[0] == 200
        and chat(server.port)[1] == "C"
    )
    assert (
        control(server.port, "DELETE", "mocks")[1] == {"deleted": 2} and chat(server.port)[0] == 404
    )


def test_a_mock_from_a_file_is_listed_but_not_removed(folder: Any) -> None:
    with MockServer(
        data=str(folder({"mocks/a.json": [{"name": "f", "response": {"text": "F"}}]}))
    ) as server:
        server.mock(response={"text": "added"})
        mocks = control(server.port, "GET", "mocks")[1]["mocks"]
        assert [mock["id"] for mock in mocks] == ["added-1", "mocks/a.json#1"]
        status, found = control(server.port, "DELETE", "mocks/mocks%2Fa.json%231")
        assert status == 409 and "comes from a file" in found["error"]["message"]
        control(server.port, "DELETE", "mocks")
        assert chat(server.port)[1] == "F"


def test_a_reset_forgets_journal_mocks_and_sequences(folder: Any) -> None:
    data = folder({"mocks/a.json": [{"responses": [{"text": "1"}, {"text": "2"}], "times": 2}]})
    with MockServer(data=str(data)) as server:
        server.mock(match={"user": "x"}, response={"text": "added"})
        assert [
            chat(server.port)[1],
            chat(server.port)[1],
            chat(server.port)[0],
            chat(server.port, user="x")[1],
        ] == [
            "1",
            "2",
            404,
            "added",
        ]
        assert control(server.port, "POST", "reset")[0] == 200 and server.requests == []
        assert [chat(server.port)[1], chat(server.port)[1], chat(server.port, user="x")[0]] == [
            "1",
            "2",
            404,
        ]


BAD_CONTROL = [
    ("POST", "mocks", b"{", 400, "not JSON"),
    (
        "POST",
        "mocks",
        {"match": {"modle": "x"}, "response": {"text": "x"}},
        400,
        "match.modle: unknown key; did you mean 'model'?",
    ),
    ("POST", "mocks", {"response": {}}, 400, "says nothing"),
    ("POST", "mocks", {"response": {"body": "@../x.json"}}, 400, "@../x.json"),
    ("POST", "mocks", 3, 400, "expected an object"),
    (
        "POST",
        "requests/count",
        {"match": {"user": {"regex": "("}}},
        400,
        "not a regular expression",
    ),
    ("POST", "requests/count", {"mach": {}}, 400, "mach: unknown key; did you mean 'match'?"),
    ("POST", "requests/count", [], 400, "expected an object"),
    ("POST", "requests/wait", {"count": 0}, 400, "count: expected a whole number from 1"),
    ("POST", "requests/wait", {"timeout": "soon"}, 400, "timeout: expected seconds from 0 to 600"),
    ("POST", "requests/wait", {"ended": "completed"}, 400, "did you mean 'complete'?"),
    ("POST", "requests/1/release", {}, 404, "no request"),
    ("GET", "requests?limit=many", None, 400, "limit: expected a whole number"),
    ("GET", "requests?unmached=1", None, 400, "unmached: unknown key; did you mean 'unmatched'?"),
    ("DELETE", "mocks/nope", None, 404, "no mock"),
    ("GET", "request", None, 404, "did you mean '/__mock__/requests'?"),
    ("PUT", "mocks", {}, 405, "takes DELETE, GET, POST"),
    ("GET", "reset", None, 405, "takes POST"),
]


@pytest.mark.parametrize("method, path, body, status, said_so", BAD_CONTROL)
def test_a_bad_control_request_is_told_what_is_wrong(
    method: str, path: str, body: Any, status: int, said_so: str
) -> None:
    with MockServer() as server:
        found, answer = control(server.port, method, path, body)
        assert found == status and said_so in answer["error"]["message"], answer
        assert server.requests == []


def test_a_bad_mock_is_refused_with_the_same_message_as_in_a_file(folder: Any) -> None:
    spec = {"match": {"modle": "x"}, "response": {"text": "x"}}
    problems = m.Mocks([str(folder({"mocks/a.json": [spec]}))]).load()
    with MockServer() as server:
        said_so = control(server.port, "POST", "mocks", spec)[1]["error"]["message"]
    assert said_so.replace("added#1", "mocks/a.json#1") == problems[0]


@pytest.mark.parametrize(
    "peer, headers, token, status, code",
    [
        ("127.0.0.1", {"host": "localhost:1"}, "", 200, None),
        ("::1", {"host": "[::1]:1"}, "", 200, None),
        ("127.0.0.1", {"host": "127.0.0.1:1", "origin": "http://127.0.0.1:1"}, "", 200, None),
        (
            "127.0.0.1",
            {"host": "mock.internal:1"},
            "",
            200,
            None,
        ),  # the name that it was told to listen on
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
    ],
)
def test_the_control_api_admits_loopback_or_a_token_and_no_foreign_page(
    peer: str, headers: Any, token: str, status: int, code: Any
) -> None:
    answers = m.Answerer(m.Mocks(), m.Settings(host="mock.internal", control_token=token))
    response = answers.answer(
        m.Request("GET", "/__mock__/health", headers=headers, peer=peer)
    ).response
    assert (
        response.status == status and json.loads(response.body).get("error", {}).get("code") == code
    )


def test_no_web_page_may_read_what_the_control_api_says(server: MockServer, raw: Any) -> None:
    for origin, status in ((f"http://127.0.0.1:{server.port}", 200), ("http://evil.example", 403)):
        head = f"GET /__mock__/health HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {origin}\r\n\r\n"
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


def test_the_health_says_what_is_wrong_with_mock_files(folder: Any) -> None:
    data = folder({"mocks/a.json": [{"response": {"text": "x"}}]})
    with MockServer(data=str(data)) as server:
        status, found = control(server.port, "GET", "health")
        assert status == 200 and (
            found["status"],
            found["version"],
            found["mocks"],
            found["load_errors"],
        ) == (
            "ok",
            m.__version__,
            1,
            [],
        )
        folder({"mocks/a.json": [{"response": {}}]})
        found = control(server.port, "GET", "health")[1]
        assert "mocks/a.json#1" in found["load_errors"][0] and found["mocks"] == 1


def test_a_control_request_needs_no_body_and_no_length(server: MockServer, raw: Any) -> None:
    host = f"Host: localhost:{server.port}\r\n\r\n"
    assert raw().send(f"POST /__mock__/reset HTTP/1.1\r\n{host}".encode()).response()[0] == 200
    assert (
        raw().send(f"POST /@x/__mock__/requests/count HTTP/1.1\r\n{host}".encode()).response()[2]
        == b'{"count":0}\n'
    )


def test_control_requests_that_are_refused_early_are_control_requests_too(
    server: MockServer, raw: Any
) -> None:
    head = f"POST /__mock__/mocks HTTP/1.1\r\nHost: localhost:{server.port}\r\nOrigin: http://evil.example\r\n"
    status, headers, body = (
        raw().send((head + "Content-Length: 99999999\r\n\r\n").encode()).response()
    )
    assert (
        status == 413
        and json.loads(body)["error"]["code"]
        and "access-control-allow-origin" not in headers
    )
    assert server.requests == []


def test_the_inspector_is_at_the_path_with_a_slash(server: MockServer, raw: Any) -> None:
    head = f"GET /__mock__ HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n"
    status, headers, _ = raw().send(head.encode()).response()
    assert status == 308 and headers["location"] == "/__mock__/"


def test_the_inspector_is_a_page_that_needs_nothing_else(server: MockServer) -> None:
    status, page = fetch(server.port, "GET", "/__mock__/")
    assert status == 200 and b"requests/live" in page and not re.search(rb"(?:src|href)=", page)


def test_metrics_count_in_prometheus_text_format(server: MockServer) -> None:
    chat(server.port)
    chat(server.port, stream=True)
    fetch(server.port, "POST", "/v1/embeddings", b'{"model": "m", "input": "x"}')
    server.wait_for(count=3, ended="complete")
    _, text = fetch(server.port, "GET", "/__mock__/metrics")
    lines = text.decode().splitlines()
    assert (
        'mock_server_requests_total{provider="openai",api="chat",status="200",matched="true"} 2'
        in lines
    )
    assert (
        'mock_server_requests_total{provider="openai",api="embeddings",status="404",matched="false"} 1'
        in lines
    )
    assert (
        'mock_server_requests_ended_total{ended="complete"} 3' in lines
        and "mock_server_requests_in_flight 0" in lines
    )
    assert (
        "# TYPE mock_server_requests_total counter" in lines
        and "mock_server_events_sent_total 4" in lines
    )


def test_the_named_plans_can_be_looped_over(server: MockServer) -> None:
    plans = control(server.port, "GET", "wire-plans")[1]
    assert (
        list(plans) == list(m.WIRE_PLANS)
        and plans["event"] == {}
        and plans["utf8"] == {"split": "utf8"}
    )
    for plan in plans.values():
        header = {"X-Mock-Response": json.dumps({"wire": plan})} if plan else {}
        assert chat(server.port, headers=header)[1] == "pong"


def test_a_whole_answer_has_no_gate(server: MockServer) -> None:
    server.mock(response={"text": "one", "gate": True})
    assert chat(server.port)[1] == "one"
    number = server.wait_for(ended="complete")[0]["id"]
    assert control(server.port, "POST", f"requests/{number}/release")[0] == 409
    with pytest.raises(KeyError):
        server.release(number)
