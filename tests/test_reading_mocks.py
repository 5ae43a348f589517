"""Reading mocks: messages with the whole path, matchers that keep what they found."""

from __future__ import annotations

import itertools
import json
from typing import Any, Dict, List

import pytest
from cases import cases
from samples import answerer, ask, call_of, request_of

import mock_server as m


def mock_of(spec: Any, files: Any = ()) -> m.ParsedMock:
    """A mock from `mocks/a.json`; `files` are the bytes of others by name."""

    def read_file(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(name)
        content: bytes = dict(files)[name]
        return content

    return m.parse_mock(m.MockNode.whole(spec, "mocks/a.json#1", read_file))


# Where it is, what would do, what is there, and what is said of it.
WRONG: Dict[str, Any] = {
    "pace of one response": (
        {"response": {"text": "a", "pace": "slow"}},
        ("response.pace", "seconds from 0 to 3600", "slow"),
        'expected seconds from 0 to 3600, found "slow"',
    ),
    "pace that is nearly a word": (
        {"response": {"events": "data: 1\n\n", "pace": "recorde"}},
        ("response.pace", "recorded", "recorde"),
        'found "recorde"; did you mean "recorded"?',
    ),
    "pace of one of several": (
        {"responses": [{"text": "a"}, {"text": "b"}, {"text": "c", "pace": {"first": -1}}]},
        ("responses[2].pace.first", "seconds from 0 to 3600", -1),
        "expected seconds from 0 to 3600, found -1",
    ),
    "part": (
        {"response": {"parts": [{"text": 5}]}},
        ("response.parts[0].text", "a string or an object", 5),
        "expected a string or an object, found 5",
    ),
    "template inside": (
        {"response": {"text": {"a": ["{{usr}}"]}}},
        ("response.text.a[0]", "", "{{usr}}"),
        "unknown template {{usr}}; did you mean ",
    ),
    "template in an error": (
        {"response": {"error": "{{usr}}"}},
        ("response.error", "", "{{usr}}"),
        "unknown template {{usr}}; did you mean ",
    ),
    "one name of several": (
        {"match": {"provider": ["openai", 3]}, "response": {"text": "a"}},
        ("match.provider[1]", ", ".join(m.PROVIDERS), 3),
        "found 3; known: anthropic, ",
    ),
    "header": (
        {"match": {"headers": {"X-A": {"regex": 1}}}, "response": {"text": "a"}},
        ("match.headers.X-A.regex", "a string", 1),
        "expected a string, found 1",
    ),
    "row of vectors": (
        {"response": {"embedding": [[1], ["x"]]}},
        ("response.embedding[1]", "an array of numbers, or several of them", ["x"]),
        'expected an array of numbers, or several of them, found ["x"]',
    ),
    "key": (
        {"response": {"txt": "a"}},
        ("response.txt", ", ".join(m.RESPONSE_KEYS), "a"),
        "unknown key; did you mean ",
    ),
    "word of a wire plan": (
        {"response": {"text": "a", "wire": {"eol": "x"}}},
        ("response.wire.eol", '"\\n" or "\\r\\n" or "\\r"', "x"),
        'expected "\\n" or "\\r\\n" or "\\r", found "x"',
    ),
    "split of a wire plan": (
        {"response": {"text": "a", "wire": {"split": 0}}},
        ("response.wire.split", 'a number of bytes, "utf8" or "eol"', 0),
        'expected a number of bytes, "utf8" or "eol", found 0',
    ),
    "file": (
        {"responses": [{"body": "@x.json"}]},
        ("responses[0].body", "", "@x.json"),
        'no file "x.json" in the data directory',
    ),
    "limit": (
        {"limit": {"requests": 1, "per": 0}, "response": {"text": "a"}},
        ("limit.per", "seconds, above 0 and up to a day", 0),
        "expected seconds, above 0 and up to a day, found 0",
    ),
    "the whole": (3, ("", "an object", 3), "expected an object, found 3"),
}


@cases("name", WRONG)
def test_a_bad_mock_is_told_with_its_whole_path_once(name: str) -> None:
    spec, (path, expected, found), problem = WRONG[name]
    with pytest.raises(m.BadMock) as caught:
        mock_of(spec)
    error = caught.value
    assert str(error).startswith(": ".join(filter(None, ("mocks/a.json#1", path, problem))))
    assert (error.path, error.expected, error.found) == (path, expected, found)


def test_a_header_that_brings_a_wrong_answer_is_told_the_path_in_it() -> None:
    header = {"x-mock-response": json.dumps({"text": "a", "pace": {"jitter": 2}})}
    body = json.loads(ask(answerer(), m.OpenAIChat, headers=header).body)
    expected = "expected a share of the pause from 0 to 1, found 2"
    assert body["error"]["message"] == f"X-Mock-Response: response.pace.jitter: {expected}"
    header = {"x-mock-response": json.dumps({"events": "@a.sse"})}
    body = json.loads(ask(answerer(), m.OpenAIChat, headers=header).body)
    assert body["error"]["message"].startswith("X-Mock-Response: response.events: @a.sse is a file")


@pytest.mark.parametrize(
    "match, groups",
    [
        ({"user": {"regex": "(?P<all>.+)"}}, {"all": "Hi"}),
        ({"user": {"regex": "(?P<some>i)(?P<none>x)?"}}, {"some": "i", "none": ""}),
        ({"user": {"regex": "(?P<u>H)"}, "system": {"regex": "(?P<s>brief)"}},
         {"u": "H", "s": "brief"}),
        ({"headers": {"x-a": {"regex": "(?P<h>.)"}}}, {"h": "1"}),
        ({"user": {"glob": "*H*"}}, {}),
        ({"user": {"regex": "i"}}, {}),
        ({"user": {"not": {"regex": "(?P<never>x)"}}}, {}),
    ],
)  # fmt: skip
def test_a_mock_that_matched_hands_on_what_its_groups_found(match: Any, groups: Any) -> None:
    mocks = m.Mocks()
    mocks.session("").add([{"match": match, "response": {"text": "x"}}])
    call = call_of(m.OpenAIChat, headers={"x-a": "1"})
    wire = m.route(request_of(m.OpenAIChat))[0]
    found, _ = mocks.session("").find(call, wire)
    assert found is not None and found.groups == groups


class Counted:
    """A regular expression that counts how often it searches."""

    def __init__(self, pattern: Any) -> None:
        self.compiled, self.searched = pattern, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.compiled, name)

    def search(self, text: str) -> Any:
        self.searched += 1
        return self.compiled.search(text)


def test_a_regular_expression_searches_a_text_once(monkeypatch: Any) -> None:
    patterns: List[Counted] = []
    compiled = m.compiled

    def counted(node: m.Node, pattern: str) -> Counted:
        patterns.append(Counted(compiled(node, pattern)))
        return patterns[-1]

    monkeypatch.setitem(m.text_matcher.__globals__, "compiled", counted)
    match = {"user": {"regex": "(?P<word>H.)"}}
    response = {"text": "{{word}}!", "headers": {"x-a": "b"}}
    answers = answerer({"match": match, "response": response, "limit": {"requests": 2}})
    body = json.loads(ask(answers, m.OpenAIChat).body)
    assert body["choices"][0]["message"]["content"] == "Hi!"
    assert [pattern.searched for pattern in patterns] == [1]
    ask(answers, m.OpenAIChat)
    assert ask(answers, m.OpenAIChat).status == 429
    assert [pattern.searched for pattern in patterns] == [3]


def test_a_request_asks_for_its_session_once_whatever_becomes_of_it(monkeypatch: Any) -> None:
    asked: List[str] = []
    session = m.Mocks.session

    def noted(self: m.Mocks, name: str) -> Any:
        asked.append(name)
        return session(self, name)

    monkeypatch.setattr(m.Mocks, "session", noted)
    answers = answerer({"match": {"user": "other"}, "response": {"text": "x"}})
    asked.clear()
    assert ask(answers, m.OpenAIChat).status == 404
    assert asked == [""]


# --- turns ---


def chat(*roles: str) -> Any:
    return {"messages": [{"role": role, "content": "x"} for role in roles]}


def contents(*roles: str) -> Any:
    return {"contents": [{"role": role, "parts": [{"text": "x"}]} for role in roles]}


def inputs(*roles: str) -> Any:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "x"}
    special = {"call": call, "result": result}
    return {"input": [special.get(role) or {"role": role, "content": "x"} for role in roles]}


@pytest.mark.parametrize(
    "kind, body, turn",
    [
        (m.OpenAIChat, chat("user"), 0),
        (m.OpenAIChat, chat("user", "assistant", "user"), 1),
        (m.OpenAIChat, chat("user", "assistant", "assistant", "assistant", "user"), 1),
        (m.OpenAIChat, chat("assistant", "user", "assistant", "assistant", "user"), 2),
        (m.OpenAIChat, chat("user", "assistant", "tool", "assistant", "user"), 2),
        # as google-genai's chats keep a streamed answer of five chunks
        (m.GeminiGenerate, contents("user", *["model"] * 5, "user"), 1),
        (m.GeminiGenerate, contents("user", "model", "user", "model", "model", "user"), 2),
        (m.OpenAIResponses, inputs("user", "assistant", "call", "call", "user"), 1),
        (m.OpenAIResponses, inputs("user", "call", "result", "assistant", "user"), 2),
        (m.OpenAIResponses, inputs("user", "assistant", "assistant", "user"), 1),
    ],
)
def test_assistant_messages_that_follow_each_other_are_one_turn(
    kind: type, body: Any, turn: int
) -> None:
    if "input" not in body:
        assert call_of(kind, more=body).turn == turn
    else:
        assert call_of(kind, more={"model": "gpt-4o", **body}).turn == turn


# --- answers against the schema of their request ---


def test_a_large_answer_is_not_held_against_its_schema_and_a_large_schema_costs_bounded_steps() -> (
    None
):
    long_text = json.dumps("x" * m.LONGEST_ANSWER)
    reply = m.Reply((m.Text(long_text),), "stop", m.Usage(1, 1), "m")
    call = call_of(m.OpenAIChat)
    assert m.unfit(m.replace(call, schema={"type": "integer"}), reply) == ""
    names = [f"n{number}" for number in range(100)]
    branches = {
        "anyOf": [{"enum": names}, {"$ref": "#"}, {"type": "array", "items": {"$ref": "#"}}]
    }
    check = m.SchemaCheck(branches)
    value: Any = [[["x"] * 50] * 50] * 50
    check.check(m.Node(value), branches)
    assert check.steps_left < 0


def test_what_does_not_fit_is_put_into_words_only_when_it_is_told(monkeypatch: Any) -> None:
    shown: List[Any] = []
    room = m.SchemaCheck.check.__globals__
    monkeypatch.setitem(room, "shown", lambda value: shown.append(value) or repr(value))
    schema = {"anyOf": [{"type": "string"}, {"enum": [1, 2]}, {"minimum": 5}]}
    assert m.misfit(4, schema, "v") == "v fits none of anyOf: v is 4, expected string"
    assert shown == [4]
    assert m.misfit(2, schema, "v") == "" and shown == [4]


@pytest.mark.parametrize("flag", list(itertools.product((False, True), repeat=2)))
def test_an_echo_of_a_fault_says_what_the_user_said(flag: Any) -> None:
    stream, broken = flag
    response = {"fault": "drip"}
    if broken:
        response = {"error": "boom", "after_events": 1}
    answered = ask(answerer({"response": response}), m.OpenAIChat, stream)
    assert answered.status == (500 if broken and not stream else 200)
