"""Who may use the control API: with a token behind a proxy, and what is for everyone."""

from __future__ import annotations

import json
import re

from clients import chat, fetch
from test_control import asked

import mock_server as m
from mock_server import MockServer


def test_where_there_is_a_token_who_comes_through_a_proxy_needs_it() -> None:
    answers = m.Answerer(m.Mocks(), m.Settings(control_token="secret"))
    for name in (
        *("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Client-Cert"),
        *("X-Real-IP", "X-Envoy-External-Address", "X-Envoy-Attempt-Count", "X-Client-IP"),
        *("True-Client-IP", "CF-Connecting-IP", "X-Original-Forwarded-For", "X-Cluster-Client-IP"),
    ):
        refused = asked(answers, "GET", "mocks", headers={name.lower(): "x"}, peer="127.0.0.1")
        assert json.loads(refused.body)["error"]["code"] == "forwarded", name
    for name in ("X-Request-Id", "Forwarded-To", "X-Mock-Session", "Viable"):
        found = asked(answers, "GET", "mocks", headers={name.lower(): "x"}, peer="127.0.0.1")
        assert found.status == 200, name


def test_health_and_metrics_are_for_everyone_and_say_nothing_of_requests() -> None:
    answers = m.Answerer(m.Mocks(), m.Settings(control_token="secret"))
    strange = {"host": "evil.example", "via": "1.1 x", "origin": "http://evil.example"}
    for headers in ({}, strange, {"authorization": "Bearer wrong"}):
        for path in ("health", "metrics"):
            found = asked(answers, "GET", path, headers=headers, peer="10.0.0.7")
            assert found.status == 200
            # So no page of another origin can read it.
            assert not any(name.lower().startswith("access-") for name, _ in found.headers)
    refused = asked(answers, "GET", "requests", headers={}, peer="10.0.0.7")
    assert refused.status == 403


def test_the_page_is_for_everyone_where_it_is_to_ask_for_a_token() -> None:
    for token, status in (("secret", 200), ("", 403)):
        answers = m.Answerer(m.Mocks(), m.Settings(control_token=token))
        for headers in ({"host": "10.0.0.1:1"}, {"host": "any.name", "via": "1.1 x"}):
            found = asked(answers, "GET", "", headers=headers, peer="10.0.0.7")
            assert found.status == status, (token, headers)
            refused = asked(answers, "GET", "requests", headers=headers, peer="10.0.0.7")
            assert refused.status == 403


def test_no_label_of_a_metric_is_a_text_of_a_request_or_a_mock() -> None:
    with MockServer() as server:
        session = server.session("secret-session")
        session.mock(name="secret-name", match={"model": "secret-model"}, response={"text": "x"})
        for user in ("secret-user", 'secret"\n'):
            chat(server.port, prefix="/@secret-session", user=user, model="secret-model")
        fetch(server.port, "SECRET", "/secret-path")
        text = fetch(server.port, "GET", "/__mock__/metrics")[1].decode()
    assert 'matched="true"' in text and "secret" not in text.lower()
    labels = set(re.findall(r'(\w+)="', text))
    assert labels == {"version", "provider", "api", "status", "matched", "ended"}
