"""Rules: what holds for all providers; each provider's own are in test_rules_<provider>.py.

`python3 -m pytest tests/test_rules.py --refresh-golden` writes docs/rules.md.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from rulebook import asked, judged_by, strict_answer
from samples import SAMPLES, answerer

import mock_server as m

CHAT = "/v1/chat/completions"
CALLS = [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
LONELY = {
    "model": "gpt-4o",
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": CALLS},
        {"role": "user", "content": "and?"},
    ],
}
ANSWERED = {
    "model": "gpt-4o",
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": CALLS},
        {"role": "tool", "tool_call_id": "call_1", "content": "x"},
    ],
}


def named_in_tests() -> str:
    """The text of all tests of rules."""
    folder = Path(__file__).parent
    return "".join(path.read_text(encoding="utf-8") for path in folder.glob("test_rules*.py"))


def test_each_rule_has_a_request_that_breaks_it() -> None:
    text = named_in_tests()
    assert [rule["id"] for rule in m.rules_json() if f'"{rule["id"]}"' not in text] == []


def test_rules_are_told_apart_and_say_where_they_are_from() -> None:
    rules = m.rules_json()
    names = {(rule["id"], rule["provider"], rule["api"]) for rule in rules}
    assert len(names) == len(rules)
    assert {rule["default"] for rule in rules} <= {"on", "mod", "jrn", "off"}
    assert [rule["id"] for rule in rules if not rule["source"] or not rule["sentence"]] == []


def test_samples_of_all_apis_break_no_rule() -> None:
    found = {}
    for kind, (method, path, _, body) in SAMPLES.items():
        if method != "POST" or not isinstance(body, dict) or kind in FORMS:
            continue
        if path.startswith("/openai/deployments/"):
            path += "?api-version=2024-10-21"
        # Bedrock refuses a model's own id where only a profile has throughput: bedrock/on-demand.
        path = path.replace("/model/anthropic.", "/model/us.anthropic.")
        broken = [one.rule for one in judged_by(path, body) if one.counts]
        if broken:
            found[kind.__name__] = broken
    assert found == {}


FORMS = {kind for kind in SAMPLES if getattr(kind, "takes_form", False)}


def changed(value: Any, draw: random.Random) -> Any:
    """A value in which something is of another type, missing, repeated or new."""
    if draw.random() < 0.12:
        return draw.choice([None, 0, -1, 1.5, "", "x", [], {}, [[]], {"x": []}, True, ["x"]])
    if isinstance(value, dict):
        kept = {key: changed(one, draw) for key, one in value.items() if draw.random() > 0.06}
        return {
            **kept,
            **({"type": draw.choice(["text", 1, None])} if draw.random() < 0.05 else {}),
        }
    if isinstance(value, list):
        return [changed(one, draw) for one in value for _ in range(draw.choice([1, 1, 1, 0, 2]))]
    return value


def bodies() -> Iterator[Any]:
    """A path and a body for each API, as it is and broken in many ways."""
    draw = random.Random(13)
    for kind, (method, path, _, body) in SAMPLES.items():
        if method == "POST" and isinstance(body, dict) and kind not in FORMS:
            for _ in range(40):
                yield path, changed(body, draw)
    for _ in range(400):
        yield CHAT, changed(ANSWERED, draw)


def test_no_body_is_too_broken_to_be_judged() -> None:
    for path, body in bodies():
        try:
            found = judged_by(path, body, every=True)
        except Exception as error:
            raise AssertionError(f"{path} {json.dumps(body)}") from error
        assert len(found) <= 20


def test_without_strict_the_journal_alone_says_what_is_broken() -> None:
    answers = answerer({"response": {"text": "x"}})
    answered = answers.answer(asked(CHAT, LONELY))
    assert answered.response.status == 200
    assert [one.rule for one in answered.call.violations] == ["openai/tool-calls-answered"]


def test_with_strict_what_is_broken_is_refused_before_mocks_and_is_no_use_of_one() -> None:
    answers = answerer({"response": {"text": "x"}, "times": 1}, strict=True)
    for _ in range(3):
        answered = answers.answer(asked(CHAT, LONELY))
        assert (answered.response.status, answered.mock) == (400, "")
    header = {"x-mock-response": '{"text": "x"}'}
    assert answers.answer(asked(CHAT, LONELY, header)).response.status == 400
    assert answers.answer(asked(CHAT, ANSWERED, header)).response.status == 200
    assert answers.answer(asked(CHAT, ANSWERED)).response.status == 200
    assert answers.answer(asked(CHAT, ANSWERED)).response.status == 404


def test_a_mock_may_be_strict_or_not_by_itself() -> None:
    mocks = [
        {"match": {"model": "gpt-4o"}, "strict": True, "response": {"text": "x"}},
        {"strict": False, "response": {"text": "y"}},
    ]
    other = {**LONELY, "model": "gpt-4.1"}
    for settings in ({}, {"strict": True}):
        answers = answerer(*mocks, **settings)
        assert answers.answer(asked(CHAT, LONELY)).response.status == 400
        assert answers.answer(asked(CHAT, other)).response.status == 200


def test_a_mock_of_another_host_that_is_used_up_judges_nothing(monkeypatch: Any) -> None:
    judged: List[str] = []

    def judging(self: m.ParsedMock, *given: Any) -> Any:
        judged.append(self.name)
        return known(self, *given)

    known = m.ParsedMock.judging
    monkeypatch.setattr(m.ParsedMock, "judging", judging)
    spent = {"name": "a", "dialect": "groq", "times": 1, "response": {"text": "x"}}
    answers = answerer(spent, {"name": "b", "response": {"text": "y"}})
    for _ in range(3):
        answers.answer(asked(CHAT, ANSWERED))
    assert judged == ["a", "b", "b"]


def test_a_stream_is_refused_as_a_whole_answer_is() -> None:
    whole = strict_answer(CHAT, LONELY).response
    stream = strict_answer(CHAT, {**LONELY, "stream": True}).response
    assert (stream.status, stream.body) == (whole.status, whole.body)
    assert stream.frames is None


def test_match_valid_tells_what_breaks_a_rule_from_what_does_not() -> None:
    answers = answerer(
        {"match": {"valid": False}, "response": {"text": "bad"}},
        {"match": {"valid": True}, "response": {"text": "good"}},
    )
    for body, mock in ((LONELY, "bad"), (ANSWERED, "good")):
        assert mock in answers.answer(asked(CHAT, body)).response.body.decode()


def test_sentences_say_no_more_of_a_request_than_can_be_read() -> None:
    long = {"model": "gpt-4o", "messages": [{"role": "x" * 100_000, "content": "Hi"}] * 100}
    found = judged_by(CHAT, long)
    assert len(found) == 20 and all(len(one.message) < 2000 for one in found)
    # Names of the client's own stand in paths, also where there is no end to them.
    unknown, strict = {**ANSWERED, "x" * 100_000: 1}, {"strict": True}
    one = judged_by(CHAT, unknown)[0]
    assert max(len(one.place), len(one.param), len(one.message)) < 1000
    answered = answerer({"response": {"text": "x"}}, **strict).answer(asked(CHAT, unknown))
    assert len(answered.response.body) < 3000
    assert m.told_size(answered, (one,)) > m.VIOLATION_SIZE + 3 * 500


def test_nothing_remembers_the_whole_of_a_long_name_of_a_model() -> None:
    name = "us.anthropic." + "x" * 100_000
    before = sys.getrefcount(name)
    assert m.bare_model(name) == "x" * (m.LONGEST_QUOTE - len("us.anthropic."))
    assert sys.getrefcount(name) == before


# === The page ================================================================

PAGE = Path(__file__).resolve().parent.parent / "docs" / "rules.md"
OPENING = """\
# What each provider refuses

The rules of [`--strict`](strict.md), made from their tables;
`GET /__mock__/rules` tells the same. `on` is refused under `--strict`; `mod` for the models that
the rule is known to hold for; `jrn` is only ever noted in the journal; `off` holds with
`--strict=all` alone. What stands in braces is filled in. What another API, or host of a dialect,
refuses in the same words is not told again.

Of some rules a part is only noted, whatever stands here: `azure/api-version-missing` for a version
that is none, `bedrock/on-demand` for Claude 3.5, and on Vertex AI what Gemini says of schemas
(`gemini/schema-…` but for types and texts). `bedrock/extraneous` holds for Nova's `cachePoint` at
tools, `anthropic/signature-invalid` with `--strict=all` for signatures that the server did not
make. `bedrock/no-signature`, `/signature`, `/skew` and `/scope` are `--require-auth`'s and
`--credential`'s.
"""


def quoted(text: str) -> str:
    """A text as code in a cell of a table."""
    cell = text.replace("\n", " ⏎ ").replace("|", "\\|")
    return f"`` {cell} ``" if "`" in cell else f"`{cell}`"


def page() -> str:
    """The page of all rules, a table an API."""
    parts = [OPENING]
    api = None
    for rule in m.rules_json():
        if api != f"{rule['provider']}: {rule['api']}":
            api = f"{rule['provider']}: {rule['api']}"
            parts.append(f"\n## {api}\n\n")
            parts.append("| rule | | sentence | source |\n| --- | --- | --- | --- |\n")
        sentence = quoted(str(rule["sentence"]))
        default, source = rule["default"], str(rule["source"]).replace("|", "\\|")
        parts.append(f"| `{rule['id']}` | {default} | {sentence} | {source} |\n")
    return "".join(parts)


def test_the_page_of_rules_is_made_from_the_tables(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--refresh-golden"):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "--refresh-golden makes it anew"
