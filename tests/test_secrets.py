"""Credentials: what is one, and that none is shown."""

from __future__ import annotations

import re
from typing import Any, List

import pytest
from cases import cases
from samples import answerer, request_of

import mock_server as m


def test_a_credential_without_a_colon_before_it_is_not_shown() -> None:
    with pytest.raises(m.Refused, match='header "Authorization" has a malformed name') as refused:
        m.parse_head(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization Bearer sk-SECRET:1\r\n\r\n")
    assert not re.search("sk-SECRET", refused.value.message)


SECRET_NAMES = [
    "x-api-key-2",
    "api_key2",
    "passwd",
    "sig",
    "token",
    "page_access_token",
    "Sec-Token",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "X-Amz-Credential",
    "client_secret",
    "refresh_token",
    "next_key",
    "cookie",
    "Cookies",
    "client_assertion",
]
OTHER_NAMES = [
    "nextpagetoken",
    "page_token",
    "pageToken",
    "prev-page-token",
    "next_token",
    "idempotency-key",
    "X-Idempotency-Key",
    "content-type",
    "sec-websocket-key",
    "sec-fetch-mode",
    "max_tokens",
]


@cases("name", [*SECRET_NAMES, "api\nkey"])
def test_names_of_credentials_are_known(name: str) -> None:
    assert "abc" not in m.masked(name, "abc")


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_names_that_only_look_alike_are_left_alone(name: str) -> None:
    assert m.masked(name, "abc") == "abc"


# (name, value, what is kept of it)
KEPT = [
    ("referer", "https://a/b?page=2&key=SECRET#x", r"https://a/b\?page=2&key=\*\*\* .*#x"),
    ("origin", "http://user:SECRET@a", r"http://\*\*\*@a"),
    ("x-forwarded-host", "user:SECRET@a", r"\*\*\*@a"),
    ("x-upstream", "Bearer SECRET", r"Bearer \*\*\* .*"),
    ("x-note", "see Bearer SECRET, or bearer  SECRET", r"see Bearer \*\*\*, or bearer \*\*\*"),
    ("x-tenant", "team@eu", "team@eu"),
    ("x-contact", "see http://a/ or joe@a: thanks?", "see http://a/ or joe@a: thanks\\?"),
]


@pytest.mark.parametrize("name, value, kept", KEPT)
def test_a_key_inside_another_header_is_masked_and_the_rest_is_kept(
    name: str, value: str, kept: str
) -> None:
    assert re.fullmatch(kept, m.masked(name, value))


# What comes where the head of a request belongs.
UNREADABLE = [
    b"Authorization: Bearer SECRET\r\nHost: a\r\n\r\n",
    b'{"key": "SECRET"}\r\n\r\n',
    b"GET http://user:SECRET@a/\r\n\r\n",
    b"GET ftp://user:SECRET@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET user:SECRET@a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: user:SECRET@a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: SECRET@a\r\n\r\n",
]


@pytest.mark.parametrize("data", UNREADABLE)
def test_what_is_no_head_is_refused_without_the_credential_in_it(data: bytes) -> None:
    with pytest.raises(m.Refused) as refused:
        m.parse_head(data)
    assert "SECRET" not in refused.value.message


HEADERS = {"authorization": "Bearer SECRET", "referer": "http://a/?key=SECRET", "x-b": "b"}
REVEALING: List[Any] = [
    {"response": {"text": "{{header.authorization}} {{header.referer}} {{header.x-b}}"}},
    {"response": {"error": "{{header.Authorization}} {{header.x-b}}"}},
    {
        "match": {"headers": {"authorization": {"regex": "Bearer (?P<key>.*)"}}},
        "response": {"error": "{{key}} {{header.x-b}}"},
    },
    {
        "match": {"headers": {"referer": "http://b/?key=SECRET", "x-b": "b"}},
        "response": {"text": "x"},
    },
]


@pytest.mark.parametrize("spec", REVEALING)
def test_no_mock_can_show_a_credential(spec: Any) -> None:
    answered = answerer(spec).answer(request_of(m.OpenAIChat, headers=HEADERS))
    assert b"SECRET" not in answered.response.body and "SECRET" not in answered.note
    assert b"b" in answered.response.body


def test_the_control_token_is_compared_whatever_is_sent() -> None:
    assert m.is_token("täst", "täst") and not m.is_token("täs", "täst")
    assert not m.is_token("", "") and not m.is_token("x", "")
