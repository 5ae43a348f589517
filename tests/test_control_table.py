"""The control API as a table: its routes, and all statuses, codes and sentences of refusals."""

from __future__ import annotations

import json
import re
from typing import Any, Tuple

import pytest
from mocked import BASE, HEAD

import mock_server as m


@pytest.fixture
def answers(folder: Any) -> m.Answerer:
    """An answerer with a mock from a file, two that were added, and four requests in its journal:
    one is running, one gated, one has a gate and has ended, one is of session `s`."""
    mocks = m.Mocks([folder({"mocks/a.json": {"response": {"text": "file"}}})])
    assert mocks.files.load() == []
    for session in ("", "s"):
        mocks.session(session).add([{"response": {"text": "added"}}])
    journal = m.Journal()
    for number, session, gate, ended in (
        ("1", "", None, None),
        ("2", "", m.Gate(), None),
        ("3", "", m.Gate(), "complete"),
        ("4", "s", None, "client_closed"),
    ):
        request = m.Request("POST", "/v1/chat/completions", session=session)
        asked = m.Asked(request, HEAD, {}, "openai", BASE, 100)
        entry = m.Entry(number, 0.0, asked, m.Sent())
        entry.gate = gate
        journal.add(entry)
        if ended:
            journal.end(entry, ended)
    return m.Answerer(mocks, m.Settings(), journal)


def asked(answers: m.Answerer, method: str, path: str, body: Any = b"") -> m.HttpResponse:
    """The response to a control request; `path` is below /__mock__."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    path, query = m.parse_target("/__mock__" + path)
    request = m.Request(method, path, query, {"host": "localhost"}, data, peer="127.0.0.1")
    return answers.answer(request).response


def refusal(answers: m.Answerer, method: str, path: str, body: Any = b"") -> Tuple[int, str, str]:
    """Status, code and sentence of a refusal."""
    response = asked(answers, method, path, body)
    error = json.loads(response.body)["error"]
    return response.status, error["code"], error["message"]


NUMBER = "expected a whole number from {} to 1000000, found {}"
NO_JSON = "the body is not JSON: Expecting property name enclosed in double quotes"
SESSION = "expected a name of up to 100 printable characters, and not *"

REFUSED = [
    ("GET", "", b"", 308, "moved", "the inspector is at /__mock__/"),
    (
        "GET",
        "/request",
        b"",
        404,
        "unknown_path",
        'unknown control path "/__mock__/request"; did you mean "/__mock__/requests"?',
    ),
    (
        "POST",
        "/requests/1/releas",
        b"",
        404,
        "unknown_path",
        'unknown control path "/__mock__/requests/1/releas"; '
        'did you mean "/__mock__/requests/1/release"?',
    ),
    (
        "PUT",
        "/metric/num_requests_waiting",
        {},
        404,
        "unknown_path",
        'unknown control path "/__mock__/metric/num_requests_waiting"; '
        'did you mean "/__mock__/metrics/num_requests_waiting"?',
    ),
    (
        "PUT",
        "/metrics",
        {},
        405,
        "method_not_allowed",
        "/__mock__/metrics takes GET, not PUT; PUT is of /__mock__/metrics/NAME",
    ),
    (
        "PUT",
        "/mocks",
        {},
        405,
        "method_not_allowed",
        "/__mock__/mocks takes DELETE, GET, POST, not PUT",
    ),
    (
        "PATCH",
        "/mocks/1",
        {},
        405,
        "method_not_allowed",
        "/__mock__/mocks/1 takes DELETE, not PATCH",
    ),
    ("HEAD", "/reset", b"", 405, "method_not_allowed", "/__mock__/reset takes POST, not HEAD"),
    ("POST", "/mocks", b"{", 400, "bad_json", NO_JSON + " at line 1, column 2"),
    ("POST", "/requests/count", b"{", 400, "bad_json", NO_JSON + " at line 1, column 2"),
    ("POST", "/mocks", 3, 400, "bad_mock", "added-3: expected an object, found 3"),
    (
        "POST",
        "/mocks?session=*",
        {},
        400,
        "bad_session",
        "mocks are added to one session, not to *",
    ),
    (
        "GET",
        "/mocks?session=a%0Ab",
        b"",
        400,
        "bad_session",
        'the session is "a\\nb", ' + SESSION,
    ),
    (
        "DELETE",
        "/mocks/added-11",
        b"",
        404,
        "unknown_mock",
        'no mock "added-11" was added; did you mean "added-1"?',
    ),
    (
        "DELETE",
        "/mocks/x?session=new",
        b"",
        404,
        "unknown_mock",
        'no mock "x" was added; none was',
    ),
    (
        "DELETE",
        "/mocks/mocks%2Fa.json%231",
        b"",
        409,
        "not_added",
        "mocks/a.json#1 comes from a file; remove it there",
    ),
    ("GET", "/requests?limit=many", b"", 400, "bad_value", "limit: " + NUMBER.format(0, '"many"')),
    ("GET", "/requests?limit=-1", b"", 400, "bad_value", "limit: " + NUMBER.format(0, '"-1"')),
    (
        "GET",
        "/requests?limit=1000001",
        b"",
        400,
        "bad_value",
        "limit: " + NUMBER.format(0, '"1000001"'),
    ),
    (
        "GET",
        "/requests?unmached=1",
        b"",
        400,
        "bad_mock",
        'query: unmached: unknown key; did you mean "unmatched"?',
    ),
    (
        "GET",
        "/requests?unmatched=maybe",
        b"",
        400,
        "bad_value",
        'unmatched: found "maybe"; known: 0, 1, false, true',
    ),
    ("POST", "/requests/count", [], 400, "bad_mock", "body: expected an object, found []"),
    (
        "POST",
        "/requests/count",
        {"mach": {}},
        400,
        "bad_mock",
        'body: mach: unknown key; did you mean "match"?',
    ),
    (
        "POST",
        "/requests/wait",
        {"match": {"usr": "x"}},
        400,
        "bad_mock",
        'body: match.usr: unknown key; did you mean "user"?',
    ),
    ("POST", "/requests/wait", {"count": 0}, 400, "bad_value", "count: " + NUMBER.format(1, 0)),
    (
        "POST",
        "/requests/wait",
        {"count": None},
        400,
        "bad_value",
        "count: " + NUMBER.format(1, "null"),
    ),
    (
        "POST",
        "/requests/wait",
        {"count": True},
        400,
        "bad_value",
        "count: " + NUMBER.format(1, "true"),
    ),
    (
        "POST",
        "/requests/wait",
        {"timeout": "soon"},
        400,
        "bad_value",
        'timeout: expected seconds from 0 to 600, found "soon"',
    ),
    (
        "POST",
        "/requests/wait",
        {"timeout": 601},
        400,
        "bad_value",
        "timeout: expected seconds from 0 to 600, found 601",
    ),
    (
        "POST",
        "/requests/wait",
        {"ended": "completed"},
        400,
        "bad_value",
        'ended: found "completed"; did you mean "complete"?',
    ),
    (
        "POST",
        "/requests/wait",
        {"count": 9, "timeout": 0},
        408,
        "timeout",
        "3 of 9 requests came within 0 seconds; there was POST /v1/chat/completions (running); "
        "POST /v1/chat/completions (running); POST /v1/chat/completions (complete)",
    ),
    (
        "POST",
        "/requests/2/release",
        {"events": 0},
        400,
        "bad_value",
        "events: " + NUMBER.format(1, 0),
    ),
    (
        "POST",
        "/requests/a%22b/release",
        b"",
        404,
        "unknown_request",
        'no request "a\\"b" in the journal; X-Mock-Request-Id of its answer says which it was',
    ),
    (
        "POST",
        "/requests/1/release",
        b"",
        409,
        "no_gate",
        'request 1 has no gate; its mock needs "gate": true',
    ),
    ("POST", "/requests/3/release", b"", 409, "no_gate", "request 3 has ended: complete"),
    *(
        (
            method,
            f"/requests/{number}",
            b"",
            404,
            "unknown_request",
            f'no request "{number}" in the journal; '
            "X-Mock-Request-Id of its answer says which it was",
        )
        for method, number in (("GET", "99"), ("HEAD", "1.0"), ("GET", "x" * 40), ("GET", "-1"))
    ),
    (
        "DELETE",
        "/requests/1",
        b"",
        405,
        "method_not_allowed",
        "/__mock__/requests/1 takes GET, not DELETE",
    ),
    (
        "GET",
        "/requests/1?limit=2",
        b"",
        400,
        "bad_mock",
        "query: limit: unknown key; known: session",
    ),
    (
        "POST",
        "/sessions",
        {},
        405,
        "method_not_allowed",
        "/__mock__/sessions takes GET, not POST",
    ),
    (
        "GET",
        "/requests?running=maybe",
        b"",
        400,
        "bad_value",
        'running: found "maybe"; known: 0, 1, false, true',
    ),
]


@pytest.mark.parametrize("method, path, body, status, code, sentence", REFUSED)
def test_a_refusal_has_its_status_its_code_and_its_sentence(
    answers: m.Answerer,
    method: str,
    path: str,
    body: Any,
    status: int,
    code: str,
    sentence: str,
) -> None:
    assert refusal(answers, method, path, body) == (status, code, sentence)


NAMELESS = {"name": None, "url": "", "requests": 3, "running": 2, "unmatched": 0, "mocks": 1}
NAMED = {"name": "s", "url": "/@s", "requests": 1, "running": 0, "unmatched": 0, "mocks": 1}

# What each route answers: status, and the JSON or the beginning of the text.
ANSWERED = [
    ("GET", "/", b"", 200, "<!DOCTYPE html>"),
    ("HEAD", "/wire-plans", b"", 200, '{"whole":{"'),
    ("GET", "/metrics", b"", 200, "# HELP mock_server_info Version of the server.\n"),
    ("POST", "/requests/count", b"", 200, {"count": 3}),
    ("POST", "/requests/count", b" \n", 200, {"count": 3}),
    ("POST", "/requests/count?session=*", {}, 200, {"count": 4}),
    ("POST", "/requests/count", {"match": {"session": "s"}}, 200, {"count": 0}),
    ("POST", "/requests/2/release", b"", 200, {"released": 1}),
    ("POST", "/requests/2/release", {"events": "3"}, 200, {"released": 3}),
    ("GET", "/requests?limit=0", b"", 200, {"requests": []}),
    ("GET", "/requests?mock=x&unmatched=false", b"", 200, {"requests": []}),
    ("GET", "/requests?unmatched=1", b"", 200, {"requests": []}),
    ("GET", "/requests/1", b"", 200, '{"id":"1",'),
    ("HEAD", "/requests/4", b"", 200, '{"id":"4",'),
    ("GET", "/sessions", b"", 200, {"sessions": [NAMELESS, NAMED]}),
    ("GET", "/sessions?session=*", b"", 200, {"sessions": [NAMELESS, NAMED]}),
    ("GET", "/sessions?session=s", b"", 200, {"sessions": [NAMED]}),
    ("DELETE", "/requests?session=s", b"", 200, {"deleted": 1}),
    ("POST", "/mocks", [], 201, {"ids": []}),
    ("POST", "/mocks", {"response": {"text": "x"}}, 201, {"ids": ["added-3"]}),
    ("DELETE", "/mocks/added-1", b"", 200, {"deleted": 1}),
    ("DELETE", "/mocks?session=*", b"", 200, {"deleted": 2}),
    ("POST", "/reset", b"", 200, {"reset": None}),
    ("POST", "/reset?session=s", b"", 200, {"reset": "s"}),
]


@pytest.mark.parametrize("method, path, body, status, expected", ANSWERED)
def test_a_route_answers(
    answers: m.Answerer, method: str, path: str, body: Any, status: int, expected: Any
) -> None:
    response = asked(answers, method, path, body)
    text = response.body.decode()
    assert response.status == status
    if isinstance(expected, str):
        assert text[: len(expected)].lower() == expected.lower()
    else:
        assert json.loads(text) == expected


@pytest.mark.parametrize(
    "path, numbers",
    [
        ("limit=2", ["2", "3"]),
        ("limit=99", ["1", "2", "3"]),
        ("running=1", ["1", "2"]),
        ("running=true&limit=1", ["2"]),
        ("running=0", ["1", "2", "3"]),
    ],
)
def test_a_query_gives_some_of_the_requests_the_newest_for_a_limit(
    answers: m.Answerer, path: str, numbers: Any
) -> None:
    found = json.loads(asked(answers, "GET", "/requests?" + path).body)["requests"]
    assert [entry["id"] for entry in found] == numbers


@pytest.mark.parametrize("route", m.Control.ROUTES, ids=lambda route: route.template)
def test_every_route_of_the_table_leads_to_its_own_action(route: Any) -> None:
    names = re.findall(r"\{(\w+)\}", route.path)
    path = "/__mock__" + re.sub(r"\{\w+\}", "a%2Fb", route.path)
    found, params = m.control_route(m.Request(route.method, path))
    assert found is route
    assert params == dict.fromkeys(names, "a/b")
    assert route.about and route.action.__doc__


def test_the_routes_are_compiled_once_when_they_are_first_needed() -> None:
    assert m.control_paths() is m.control_paths()
    assert len(m.control_paths()) == len({route.path for route in m.Control.ROUTES})


def test_what_a_405_allows_stands_in_its_header(answers: m.Answerer) -> None:
    assert ("Allow", "DELETE, GET, POST") in asked(answers, "PUT", "/mocks").headers


def test_metrics_stand_in_a_fixed_order_with_help_and_type(answers: m.Answerer) -> None:
    text = asked(answers, "GET", "/metrics").body.decode()
    helped = [line.split()[2] for line in text.split("\n") if line.startswith("# HELP")]
    typed = [line.split()[2:] for line in text.split("\n") if line.startswith("# TYPE")]
    assert helped == [name for name, _ in typed]
    for name, kind in typed:
        assert (kind == "counter") == name.endswith("_total")
        assert f"\n{name}" in text
    assert "mock_server_requests_in_flight 2\n" in text
    assert 'mock_server_requests_ended_total{ended="client_closed"} 1\n' in text
    assert "mock_server_journal_entries 4\n" in text and "mock_server_sessions 2\n" in text
