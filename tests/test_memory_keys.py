"""What a remembered answer depends on is noted while it is made, never declared."""

from __future__ import annotations

import json
import sys
from typing import Any, Dict

import pytest
from samples import answerer, ask

import mock_server as m


def test_an_api_told_apart_by_any_header_never_gets_anothers_remembered_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Two formats on one path, told apart by a header that no list in the server has heard of.
    def is_tenant(request: Any) -> bool:
        return request.headers.get("x-tenant") == "mistral"

    # In the room that asks, which a package has for itself.
    monkeypatch.setattr(
        sys.modules[m.dialect_of.__module__],
        "dialect_of",
        lambda request, ports: "mistral" if is_tenant(request) else "",
    )
    answers = answerer({"response": {"text": "x"}})
    for tenant in ("", "mistral", "", "mistral"):
        found = ask(answers, m.OpenAIChat, headers={"x-tenant": tenant})
        names = {name for name, _ in found.headers}
        assert ("mistral-correlation-id" in names) == (tenant == "mistral")


def test_answerers_that_share_mocks_do_not_share_what_their_settings_decide() -> None:
    mocks = m.Mocks()
    strict, echoing = (m.Answerer(mocks, m.Settings(fallback=name)) for name in ("error", "echo"))
    statuses = [ask(answers, m.OpenAIChat).status for answers in (strict, echoing, strict, echoing)]
    assert statuses == [404, 200, 404, 200]


def test_a_header_that_is_asked_for_later_is_part_of_the_key_from_then_on() -> None:
    by_tenant = {"match": {"user": "Hi", "headers": {"x-tenant": "a"}}, "response": {"text": "a"}}
    answers = answerer(by_tenant, {"response": {"text": "any"}})
    other = {"messages": [{"role": "user", "content": "Ho"}]}

    def said(**more: Any) -> Any:
        body = json.loads(ask(answers, m.OpenAIChat, **more).body)
        return body["choices"][0]["message"]["content"]

    assert said(more=other, headers={"x-tenant": "a"}) == "any"
    assert said(headers={"x-tenant": "a"}) == "a"
    assert said(headers={"x-tenant": "b"}) == "any"
    assert said(headers={"x-tenant": "a"}) == "a"
    assert said(more=other, headers={"x-tenant": "b"}) == "any"


def test_headers_note_what_is_asked_for_there_or_not() -> None:
    headers = m.NotedHeaders({"a": "1", "b": "2"})
    assert (headers.get("a"), headers.get("x"), "y" in headers, dict(headers)["b"]) == (
        "1",
        None,
        False,
        "2",
    )
    assert headers.noted == {"a", "b", "x", "y"}


def test_two_threads_that_note_different_headers_never_mix_their_answers_up() -> None:
    # Each thread knows the names of before; the one that is done last overwrites the other's.
    class Names(Dict[Any, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            return default

    memory = m.Memory(1024 * 1024)

    def find(request: m.Request) -> Any:
        return memory.answers.get(memory.key(request, 0))

    plain, keyed, versioned = (
        m.Request("GET", "/v1/models", headers={name: "1"})
        for name in ("host", "x-goog-api-key", "anthropic-version")
    )
    memory.header_names = Names()
    openai, anthropic = m.Answered(m.HttpResponse(200, ())), m.Answered(m.HttpResponse(200, ()))
    memory.put(versioned, {"anthropic-version"}, anthropic, 1)
    memory.put(plain, {"anthropic-version", "x-goog-api-key"}, openai, 1)
    memory.header_names = {("GET", "/v1/models"): ("anthropic-version",)}
    assert find(versioned) is anthropic
    assert find(keyed) is None


def test_an_answer_too_long_to_be_remembered_leaves_nothing_behind() -> None:
    memory = m.Memory(1024 * 1024)
    memory.put(
        m.Request("GET", "/long"), {"a"}, m.Answered(m.HttpResponse(200, ())), 2 * 1024 * 1024
    )
    assert (memory.header_names, memory.answers, memory.used) == ({}, {}, 0)
