"""Matchers: each key of `match` sees its own part of a call, and says what differed."""

from __future__ import annotations

import re
from typing import Any, List, Optional, Sequence

import pytest
from cases import cases
from mocked import BASE, mock_of, requested
from samples import wire_of

import mock_server as m
from mock_server import BadMock

SAID: Any = BASE.body
LAST = SAID["messages"][1]
VARIANTS = {
    "provider": m.replace(BASE, provider="azure"),
    "dialect": m.replace(BASE, dialect="mistral"),
    "operation": m.replace(BASE, operation="embed"),
    "api": m.replace(BASE, api="completions"),
    "model": m.replace(BASE, model="gpt-4o-mini"),
    "valid": m.replace(BASE, violations=(m.Violation("openai/x", "", ""),)),
    "stream": m.replace(BASE, stream=True),
    "user": m.replace(BASE, user="Ho there"),
    "system": m.replace(BASE, system="Be long."),
    "tool_result": m.replace(BASE, tool_result=None),
    "tool_call_id": m.replace(BASE, tool_call_id="call_2"),
    "turn": m.replace(BASE, turn=2),
    "history": m.replace(
        BASE, body={**SAID, "messages": [{"role": "user", "content": "Ho"}, LAST]}
    ),
    "tools": m.replace(BASE, tools=("f",)),
    "method": requested(method="PUT"),
    "path": requested(path="/v1/x"),
    "query": requested(query={}),
    "headers": requested(headers={"x-tenant": "b"}),
    "port": requested(port=5002),
    "session": requested(session="other"),
    "body": m.replace(BASE, body={**SAID, "n": 2}),
    "fields": m.replace(BASE, body={**SAID, "n": 1.5}),
    "body_sha256": m.replace(BASE, body={**SAID, "n": 3}),
}

MATCHES = {key: getattr(BASE, key) for key in VARIANTS if key != "fields"}
MATCHES.update(tools=["g"], body={"n": 1}, fields={"n": 1})


def differences(match: Any, call: m.Call) -> List[str]:
    """The keys that keep a mock from matching a call."""
    mock = mock_of({"match": match, "response": {"text": "x"}})
    return [key for key, _, _ in mock.differences(call, wire_of(m.OpenAIChat))]


def test_every_match_key_has_a_variant() -> None:
    assert set(VARIANTS) == set(m.MATCH_KEYS)


@cases("matched", VARIANTS)
def test_a_matcher_sees_only_its_own_key(matched: str) -> None:
    seen_by = {key: {key} for key in VARIANTS}
    of_the_body = {"body", "fields", "body_sha256"}
    seen_by.update(dict.fromkeys(of_the_body, of_the_body))
    seen_by["history"] = {"history", "body_sha256"}
    seen_by["operation"] = {"history", "operation"}  # what embeds has no conversation
    match = {"operation": sorted(m.OPERATIONS), matched: MATCHES[matched]}
    for changed in VARIANTS:
        found = [re.split(r"[.\[]", key)[0] for key in differences(match, VARIANTS[changed])]
        assert found == ([matched] if matched in seen_by[changed] else []), changed


@pytest.mark.parametrize(
    "matcher, holds, fails",
    [
        ("a", ["a"], ["ab", "", None]),
        ("", [""], ["a", None]),
        ({"contains": "b"}, ["abc"], ["ac", None]),
        ({"regex": "^a.c$"}, ["abc", "a c"], ["xabc", None]),
        ({"regex": "b"}, ["abc"], ["ac"]),
        ({"glob": "a*c"}, ["abc", "a\nc"], ["abcd", "xabc", None]),
        ({"glob": "?[0-9]"}, ["a1"], ["a", "aa1"]),
        ({"not": "a"}, ["b", "", None], ["a"]),
        ({"not": {"contains": "a"}}, ["b", None], ["cat"]),
        ({"contains": "a", "not": {"contains": "b"}}, ["ca"], ["ab", "c", None]),
        ({"regex": "(?i)A", "glob": "*z"}, ["az"], ["a", "z"]),
    ],
)
def test_a_text_matcher_holds_when_all_of_its_keys_do(
    matcher: Any, holds: Sequence[Optional[str]], fails: Sequence[Optional[str]]
) -> None:
    for text in (*holds, *fails):
        found = differences({"tool_result": matcher}, m.replace(BASE, tool_result=text))
        assert found == ([] if text in holds else ["tool_result"]), text


@cases(
    "expected, body, path",
    [
        ({"a": 1}, {"a": 1, "b": 2}, None),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2, "d": 3}]}}, None),
        ({"a": 1}, {"a": 2}, "body.a"),
        ({"a": [1]}, {"a": [1, 2]}, "body.a"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "body.a[1].b"),
        ({"a": 1}, {}, "body.a"),
        ({"a": None}, {}, "body.a"),
        ({"a": True}, {"a": 1}, "body.a"),
        ({"a": 1}, {"a": True}, "body.a"),
        ({"a": 0}, {"a": False}, "body.a"),
        ({"a": 1}, {"a": 1.0}, None),
        ({}, {"a": 1}, None),
    ],
)
def test_a_body_matches_if_it_contains_the_json(
    expected: Any, body: Any, path: Optional[str]
) -> None:
    assert differences({"body": expected}, m.replace(BASE, body=body)) == ([path] if path else [])


@cases(
    "match, found",
    [
        ({"headers": {"X-Tenant": "a"}}, []),
        ({"headers": {"x-tenant": None}}, ["headers.x-tenant"]),
        ({"headers": {"x-other": None}}, []),
        ({"query": {"api-version": {"regex": r"\d"}}}, []),
        ({"query": {"API-VERSION": None}}, []),
        ({"query": {"*": None}}, []),  # but for those of no account
        ({"provider": ["azure", "openai"]}, []),
        ({"tools": "f"}, []),
        ({"tools": ["f", "h"]}, ["tools"]),
        ({"api": ["chat"]}, []),
        ({"method": ["PUT", "POST"]}, []),
        ({"method": "POST", "operation": "generate"}, []),
        ({"fields": {"n": 1.0, "model": {"glob": "gpt*"}, "a.b": None}}, []),
        ({"fields": {"n": True}}, ["fields.n"]),
        ({"fields": {"n": "1"}}, ["fields.n"]),
        ({"fields": {"n": {"not": "1"}, "model": None}}, ["fields.model"]),
        ({"fields": {"model": "x", "a": "y"}}, ["fields.model", "fields.a"]),
    ],
)
def test_named_and_listed_matchers(match: Any, found: List[str]) -> None:
    assert differences(match, BASE) == found


@pytest.mark.parametrize("regex", ["a{99999999999999999999}", "(" * 5000 + ")" * 5000])
def test_a_regular_expression_that_is_too_large_is_a_bad_mock(regex: str) -> None:
    with pytest.raises(BadMock, match="match.user.regex"):
        mock_of({"match": {"user": {"regex": regex}}, "response": {"text": "x"}})


NOTHING = m.replace(BASE, user="", system="", tool_result=None, tool_call_id=None)
BLANK = m.replace(NOTHING, tool_result="", tool_call_id="", blank=("user", "system"))


@pytest.mark.parametrize("key", ["user", "system", "tool_result", "tool_call_id"])
def test_null_is_for_none_and_not_for_an_empty_text(key: str) -> None:
    assert differences({key: None}, NOTHING) == []
    assert differences({key: None}, BLANK) == differences({key: None}, BASE) == [key]
    assert differences({key: ""}, BLANK) == []


BODY = {"messages": [{"role": "user", "content": [{"text": "x"}]}], "n": 1, "ok": False, "no": None}
FIELDS: List[Any] = [
    ({"messages.0.role": "user"}, None),
    ({"messages.0.content.0.text": {"contains": "x"}}, None),
    ({"messages.1": None, "no": None, "messages.0.role.x": None}, None),
    ({"ok": False}, None),
    ({"ok": 0}, ("fields.ok", False, 0)),
    ({"n": 2}, ("fields.n", 1, 2)),
    ({"messages.0.content": "x"}, ("fields.messages.0.content", [{"text": "x"}], "x")),
    ({"no": "x"}, ("fields.no", m.MISSING, "x")),
    ({"n": None}, ("fields.n", 1, m.MISSING)),
    ({"m": {"regex": "(?P<a>.)"}}, ("fields.m", m.MISSING, {"regex": "(?P<a>.)"})),
]


def test_a_field_is_asked_for_by_its_path_and_a_difference_shows_what_is_there() -> None:
    for fields, difference in FIELDS:
        (condition, *_) = found = m.conditions(m.Node({"fields": fields}, "match"), "")
        call = m.replace(BASE, body=BODY)
        if difference is None:
            assert all(one.difference(call) is None for one in found), fields
        else:
            assert condition.difference(call) == difference, fields
    mock = mock_of(
        {"match": {"fields": {"n": {"regex": "(?P<n>.)"}}}, "response": {"text": "{{n}}"}}
    )
    assert mock.matches(m.replace(BASE, body={"n": "7"})) == {"n": "7"}


BAD_MATCHES = [
    ({"method": "post"}, 'match.method: found "post"; did you mean "POST"?'),
    ({"provider": "mistral"}, 'provider: found "mistral"; did you mean "dialect": "mistral"?'),
    ({"provider": ["openai", "groq"]}, 'match.provider[1]: found "groq"; did you mean "dialect"'),
    ({"operation": "speech"}, 'match.operation: found "speech"; did you mean "api": "speech"?'),
    ({"api": "image"}, 'match.api: found "image"; did you mean "operation": "image"?'),
    ({"dialect": "azure"}, 'match.dialect: found "azure"; did you mean "provider": "azure"?'),
    ({"operation": "guardrails"}, 'match.operation: found "guardrails"; did you mean "moderate"?'),
    ({"api": "images"}, 'match.api: found "images"; did you mean "generations"?'),
    (
        {"query": "x"},
        "match.query: expected an object, by the URL's parameters; what a rerank asks",
    ),
    ({"voice": "alloy"}, 'match.voice: unknown key; did you mean "fields"?'),
    ({"userMessage": "x"}, 'match.userMessage: unknown key; did you mean "user"?'),
    ({"fields": "x"}, "match.fields: expected an object"),
    ({"fields": {}}, "match.fields: asks for nothing; leave it out"),
    ({"headers": {}}, "match.headers: asks for nothing"),
    ({"query": {}}, "match.query: asks for nothing"),
    ({"query": {"*": "a"}}, 'match.query.*: is null, and of "query" alone'),
    ({"headers": {"*": None}}, 'match.headers.*: is null, and of "query" alone'),
    ({"tools": []}, "match.tools: asks for nothing"),
    (
        {"fields": {"messages[0].content": "x"}},
        'match.fields.messages[0].content: "messages[0].content" is written "messages.0.content"',
    ),
    ({"fields": {"a": [1]}}, "match.fields.a: expected a text, an object with contains"),
    ({"fields": {"a": {"has": "x"}}}, "match.fields.a.has: unknown key"),
    ({"fields": {"": "x"}}, "expected a path into the body"),
    ({"model": None}, "match.model: expected a string or an object"),
]


def test_a_match_that_can_not_be_meant_so_is_refused() -> None:
    for match, said_so in BAD_MATCHES:
        with pytest.raises(BadMock, match=re.escape(said_so)):
            mock_of({"match": match, "response": {"text": "x"}})
