"""The JSON Schema of mock files: it has the parser's keys, and takes what the parser takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, Tuple

from pages import mocks_of_pages

import mock_server as m

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = m.mock_schema()
HELLO = {"text": "Hello"}

# The parser's own keys of each object, in the schema's order of definitions.
KEYS: Dict[str, Iterable[str]] = {
    "mock": (*m.NOTE_KEYS, *m.MOCK_KEYS),
    "match": m.MATCH_KEYS,
    "text_matcher": m.TEXT_MATCHERS,
    "response": m.RESPONSE_KEYS,
    "part": m.LISTED_KEYS,
    "tool_call": ("name", "arguments", "id"),
    "usage": m.USAGE_KEYS,
    "error": (*m.ERROR_TEXTS, "code"),
    "pace": m.PACE_KEYS,
    "wire": m.PLAN_KEYS,
    "keepalive": m.KEEPALIVE_KEYS,
    "limit": ("requests", "per"),
}

# A value of each kind, and around the bounds of what takes a number.
VALUES: List[Any] = [
    *(None, True, False, 0, 1, -1, 2, 200, 599, 3600, 3601, 10**6, 0.5, 1.5, 1e300, "", "x", "@x"),
    *("crlf", "utf8", "eol", "\n", "event", "always", "reset", "chat", "stop", "a" * 64, "9" * 64),
    *([], [0.1, 2], ["x"], ["chat", "invoke"], [[1, 2], [3]], [{}], [{"text": "x"}], [None]),
    *({}, {"x": "y"}, {"x": None}, {"x": 1}, {"x": ["y"]}, {"contains": "x"}, {"not": {}}),
    *({"first": 1}, {"requests": 1}, {"name": "x"}, {"kind": "timeout"}, {"code": 3}, {"split": 1}),
    *([{"name": "x"}], [{"name": ""}], {"input_tokens": 1}, {"message": "x"}, {"every": 1}),
]


def is_parsed(spec: Any) -> bool:
    """Whether the parser takes a mock."""
    try:
        m.parse_mock(m.MockNode.whole(spec, "a.json#1", lambda name: b"{}"))
    except m.BadMock:
        return False
    return True


def misfit(spec: Any) -> str:
    """How a mock, or the first of several, does not fit the schema."""
    if isinstance(spec, list):
        return next(filter(None, map(misfit, spec)), "")
    try:
        # Its own definition: of a file, all would be said of `anyOf` an array and a mock.
        mock = m.Node({"mock": spec}).get("mock")
        m.SchemaCheck(SCHEMA).check(mock, {"$ref": "#/$defs/mock"})
    except m.Misfit as found:
        return str(found)
    return ""


def properties(name: str) -> Dict[str, Any]:
    """The members of an object in the schema, by the name of its definition."""
    found = SCHEMA["$defs"][name]
    if name == "text_matcher":
        found = found["anyOf"][1]
    assert found["additionalProperties"] is False
    members: Dict[str, Any] = found["properties"]
    return members


def test_the_schema_has_every_key_of_the_parsers_tables_and_no_other() -> None:
    assert set(SCHEMA["$defs"]) == set(KEYS)
    for name, keys in KEYS.items():
        assert set(properties(name)) == set(keys), f"a row of {name} in mocks/json_schema.py"


def test_every_key_says_what_it_is_for() -> None:
    for name in KEYS:
        for key, inner in properties(name).items():
            about = inner["description"]
            assert about[-1] == "." and len(about) > 5, f"{name}.{key}"


def test_the_schema_holds_the_words_that_the_parser_takes() -> None:
    match, response, error = (properties(name) for name in ("match", "response", "error"))
    for key, names in (("provider", m.PROVIDERS), ("operation", m.OPERATIONS), ("api", m.APIS)):
        assert set(match[key]["anyOf"][0]["enum"]) == set(names)
    assert set(response["fault"]["enum"]) == set(m.FAULTS)
    assert set(response["wire"]["anyOf"][0]["enum"]) == set(m.WIRE_PLANS)
    assert set(error["kind"]["anyOf"][0]["enum"]) == set(m.ERROR_KINDS)


def with_values() -> Iterable[Any]:
    """Mocks in which each key has each value, wherever the parser reads it."""
    for value in VALUES:
        for key in m.MOCK_KEYS:
            yield {"response": HELLO, key: value}
            yield {"responses": [HELLO], key: value}
        for key in m.MATCH_KEYS:
            yield {"match": {key: value}, "response": HELLO}
        for key in m.RESPONSE_KEYS:
            for beside in ({}, HELLO, {"error": "x"}):
                yield {"response": {**beside, key: value}}
        for key in m.TEXT_MATCHERS:
            yield {"match": {"user": {key: value}, "headers": {"x": value}}, "response": HELLO}
        for outer, keys in (("pace", m.PACE_KEYS), ("wire", m.PLAN_KEYS), ("usage", m.USAGE_KEYS)):
            for key in keys:
                yield {"response": {**HELLO, outer: {key: value}}}
        for key in KEYS["error"]:
            yield {"response": {"error": {key: value}}}
        for key in m.LISTED_KEYS:
            yield {"response": {"parts": [{key: value}]}}
        for key in KEYS["tool_call"]:
            yield {"response": {"tool_calls": [{"name": "x", key: value}]}}
        for key in KEYS["limit"]:
            yield {"response": HELLO, "limit": {"requests": 1, key: value}}


def test_what_does_not_fit_is_never_taken_whatever_the_value() -> None:
    fitting = 0
    for spec in with_values():
        if not misfit(spec):
            fitting += 1
        elif is_parsed(spec):
            raise AssertionError(f"{spec} is taken: {misfit(spec)}")
    assert fitting > 500


# What both refuse, and what the schema says of it.
WRONG: List[Tuple[Any, str]] = [
    ("x", 'mock is "x", expected object'),
    ({}, "fits none of anyOf"),
    ({"response": HELLO, "responses": [HELLO]}, "fits none of anyOf"),
    ({"responses": []}, "at least so many items"),
    ({"reponse": HELLO}, "mock.reponse is not wanted"),
    ({"response": {"txt": "x"}}, "mock.response.txt is not wanted"),
    ({"response": HELLO, "name": 3}, "mock.name is 3, expected string"),
    ({"response": HELLO, "name": ""}, "mock.name"),
    ({"response": HELLO, "match": {"tools": []}}, "mock.match.tools"),
    ({"response": HELLO, "match": {"query": {}}}, "mock.match.query"),
    ({"response": HELLO, "match": {"fields": {}}}, "mock.match.fields"),
    ({"response": {**HELLO, "extra": {}}}, "mock.response.extra"),
    ({"response": HELLO, "times": 0}, "mock.times"),
    ({"response": HELLO, "limit": {"per": 60}}, "mock.limit"),
    ({"response": HELLO, "match": {"provider": "opnai"}}, "mock.match.provider"),
    ({"response": HELLO, "match": {"provider": []}}, "mock.match.provider"),
    ({"response": HELLO, "match": {"user": {"contians": "x"}}}, "mock.match.user"),
    ({"response": HELLO, "match": {"user": {"regex": ""}}}, "mock.match.user"),
    ({"response": HELLO, "match": {"stream": "true"}}, "mock.match.stream"),
    ({"response": HELLO, "match": {"headers": {"x": 1}}}, "mock.match.headers.x"),
    ({"response": HELLO, "match": {"body_sha256": "abc"}}, "mock.match.body_sha256"),
    ({"response": {**HELLO, "pace": "slow"}}, "mock.response.pace"),
    ({"response": {**HELLO, "pace": {"betwen": 1}}}, "mock.response.pace"),
    ({"response": {**HELLO, "wire": "utf-8"}}, "mock.response.wire"),
    ({"response": {**HELLO, "wire": {"split": 0}}}, "mock.response.wire"),
    ({"response": {**HELLO, "gzip": True}}, "mock.response.gzip"),
    ({"response": {**HELLO, "status": 99}}, "mock.response.status"),
    ({"response": {**HELLO, "usage": {"prompt_tokens": 1}}}, "mock.response.usage"),
    ({"response": {"fault": "explode"}}, "mock.response.fault"),
    ({"response": {"fault": "reset", "probability": 2}}, "mock.response.probability"),
    ({"response": {"error": {"kind": "rate-limit"}}}, "mock.response.error"),
    ({"response": {"error": "x", "after_events": -1}}, "mock.response.after_events"),
    ({"response": {"tool_calls": [{"arguments": {}}]}}, "mock.response.tool_calls[0].name"),
    ({"response": {"parts": [{"txt": "x"}]}}, "mock.response.parts[0].txt"),
    ({"response": {"embedding": ["x"]}}, "mock.response.embedding"),
    ({"responses": [HELLO, {"text": 3}]}, "mock.responses[1].text"),
]


def test_what_is_wrong_is_told_by_the_schema_and_refused_by_the_parser() -> None:
    for spec, problem in WRONG:
        assert problem in misfit(spec), (spec, misfit(spec))
        assert not is_parsed(spec), spec


def test_a_file_is_a_mock_or_an_array_of_them() -> None:
    for file in ({"response": HELLO}, [], [{"response": HELLO}] * 2):
        assert m.misfit(file, SCHEMA, "file") == ""
    for file in ("x", None, [{}], [[{"response": HELLO}]]):
        assert m.misfit(file, SCHEMA, "file") != ""


def test_the_pages_mocks_and_those_that_come_with_it_fit() -> None:
    texts = mocks_of_pages()
    texts += [path.read_text("utf-8") for path in (ROOT / "data" / "mocks").glob("**/*.json")]
    assert len(texts) > 20
    for text in texts:
        assert misfit(json.loads(text)) == ""


def test_schema_and_comment_are_passed_over_in_a_mock_but_nowhere_else() -> None:
    notes = {"$schema": "../mock.schema.json", "$comment": ["why", 1]}
    mock = m.parse_mock(
        m.MockNode.whole({**notes, "response": HELLO}, "a.json#1", lambda name: b"")
    )
    bare = m.parse_mock(m.MockNode.whole({"response": HELLO}, "a.json#1", lambda name: b""))
    assert mock.canonical == bare.canonical and misfit({**notes, "response": HELLO}) == ""
    for wrong in ({"response": {**HELLO, **notes}}, {"response": HELLO, "match": notes}):
        assert not is_parsed(wrong) and misfit(wrong)


def test_the_published_schema_is_that_of_this_version() -> None:
    published = (ROOT / "docs" / "mock.schema.json").read_text("utf-8")
    refresh = "python3 mock_server.py --schema > docs/mock.schema.json"
    assert published == m.indented(SCHEMA) + "\n", f"it is stale: {refresh}"
