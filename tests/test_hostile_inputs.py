"""Inputs that would cost more time or memory than their size, or show what must not be shown."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from clients import post
from samples import answerer, call_of

import mock_server as m


def test_a_long_reference_is_read_a_bounded_number_of_times(monkeypatch: Any) -> None:
    read = []

    def within(root: Any, *names: str) -> Any:
        read.append(names)
        return root

    monkeypatch.setitem(m.SchemaCheck.check.__globals__, "within", within)
    schema = {"$ref": "#" + "/" * 1_000_000}
    m.SchemaCheck(schema).check(m.Node(1), schema)
    assert 0 < len(read) < 5


def test_every_query_parameter_counts_for_the_memory_that_it_takes() -> None:
    query = {f"a{number}": "" for number in range(1000)}
    key = m.key_of(m.Request("GET", "/v1/models", query), ())
    assert m.key_size(key) > 300_000


def test_what_is_larger_than_the_room_of_an_answer_is_not_remembered() -> None:
    answers = answerer(fallback="echo")
    body = call_of(m.OpenAIChat, more={"metadata": {"a": "x" * 1_100_000}}).request.body
    request = m.Request("POST", "/v1/chat/completions", body=body, session="s")
    for _ in range(3):
        assert answers.answer(request).response.status == 200
    assert answers.memory.answers == {}


def test_a_credential_without_a_colon_before_it_is_not_shown() -> None:
    with pytest.raises(m.Refused, match='header "Authorization" has a malformed name') as refused:
        m.parse_head(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization Bearer sk-SECRET:1\r\n\r\n")
    assert not re.search("sk-SECRET", refused.value.message)


@pytest.mark.parametrize("name", ["x-api-key-2", "api_key2", "passwd", "sig", "api\nkey", "token"])
def test_names_of_credentials_are_known(name: str) -> None:
    assert "abc" not in m.masked(name, "abc")


@pytest.mark.parametrize("name", ["nextpagetoken", "idempotency-key", "content-type", "sec-x-key"])
def test_names_that_only_look_alike_are_left_alone(name: str) -> None:
    assert m.masked(name, "abc") == "abc"


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)


@pytest.mark.parametrize(
    "line, headers",
    [
        (b"POST /@*/v1/messages", b""),
        (b"POST /@" + b"x" * 101 + b"/v1/messages", b""),
        (b"POST /v1/messages", b"X-Mock-Session: " + b"x" * 101 + b"\r\n"),
        (b"POST /v1/messages", b"Expect: a miracle\r\n"),
        (b"POST /v1/messages", b"Content-Encoding: unknown\r\n"),
        (b"POST /v1/messages", b"Accept-Encoding: *;q=0\r\n"),
        (b"PUT /v1/messages", b""),
        (b"GET /v1/messages", b""),
        (b"POST /unknown", b""),
        (b"POST /__mock__/nothing", b""),
        (b"POST /__mock__/reset", b"Origin: http://evil\r\n"),
        (b"POST no/slash", b""),
        (b"BREW /v1/messages", b""),
    ],
)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_is_never_taken_for_the_next_request_whatever_is_refused_before_it(
    server: m.MockServer, raw: Any, line: bytes, headers: bytes, framing: str
) -> None:
    body = b"Content-Length: %d\r\n\r\n%b" % (len(SMUGGLED), SMUGGLED)
    if framing == "chunked":
        body = b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED
    client = raw().send(line + b" HTTP/1.1\r\nHost: x\r\n" + headers + body)
    assert client.response()[0] >= 400
    with contextlib.suppress(OSError):  # where the connection has ended
        assert client.send(post(headers=["Connection: close"])).file.read().count(b"HTTP/1.1 ") <= 1
    assert [entry["path"] for entry in server.requests].count("/smuggled") == 0
