"""The index of mocks: it finds exactly what a walk over all mocks finds, and looks at few."""

from __future__ import annotations

import random
import re
import sys
from typing import Any, Dict, List

import pytest
from mocked import BASE, mock_of, requested

import mock_server as m

WORDS = ["weather", "in", "Paris", "KISS", "kiss", "\u212aiss", "ma\u017fs", "42", "Straße", "a b"]
PATTERNS = [
    "%s", "^%s$", "(?i)%s", "(?i:%s) x", "(?:%s)?", "%s|never", "(%s)+ ?", "(?=.*%s).", "(?!%s)..",
    "[%s]", "%s{2}", "x*%s", "(?P<w>%s)(?P=w)?", "(?s).%s", "(?x) %s # x", "(?i)(?-i:%s)",
    "(x)?(?(1)y|%s)",
]  # fmt: skip


def text(draw: random.Random) -> str:
    """Some words."""
    return draw.choice(("", " ", "x ")).join(draw.choice(WORDS) for _ in range(draw.randint(0, 5)))


def matcher(draw: random.Random, depth: int = 0) -> Any:
    """Some text matcher."""
    word = draw.choice(WORDS)
    kind = draw.choice(("equal", "contains", "regex", "regex", "glob", "not", "both"))
    if kind == "not" and depth < 2:
        return {"not": matcher(draw, depth + 1)}
    if kind == "both":
        return {"contains": draw.choice(word), "glob": f"*{word}*"}
    made = {"regex": draw.choice(PATTERNS) % word, "contains": word, "glob": f"*{word}?*"}
    return {kind: made[kind]} if kind in made else text(draw)


def mock(draw: random.Random) -> m.ParsedMock:
    """Some mock."""
    match: Dict[str, Any] = {}
    for key in draw.sample(("model", "user", "system", "tool_result"), draw.randint(0, 2)):
        match[key] = matcher(draw)
    if draw.random() < 0.2:
        match["headers"] = {"x-tenant": matcher(draw)}
    if draw.random() < 0.2:
        match["provider"] = draw.choice(("openai", "azure", ["openai", "azure"]))
    return mock_of({"match": match, "response": {"text": "x"}})


def call(draw: random.Random) -> m.Call:
    """Some call."""
    request = requested(headers={"x-tenant": text(draw)} if draw.random() < 0.7 else {})
    texts = {key: text(draw) for key in ("model", "user", "system")}
    provider = draw.choice(("openai", "azure", "gemini"))
    tool_result = draw.choice((None, text(draw)))
    return m.replace(request, provider=provider, tool_result=tool_result, **texts)


@pytest.mark.parametrize("seed", range(2))
def test_the_index_finds_what_a_walk_finds_whatever_is_added_and_removed(seed: int) -> None:
    draw = random.Random(seed)
    mocks = [mock(draw) for _ in range(60)]
    index = m.Index(mocks)
    for _ in range(12):
        gone = set(draw.sample(mocks, 10))
        added = [mock(draw) for _ in range(draw.randint(0, 20))]
        mocks = added + [one for one in mocks if one not in gone]
        index = index.without(gone).preceded(added)
        assert index.mocks == tuple(mocks)
        for _ in range(12):
            asked = call(draw)
            if draw.random() < 0.1:
                asked = m.replace(asked, user=asked.user + "y" * 2000)
            found = [one for one in index.candidates(asked) if one.matches(asked)]
            assert found == [one for one in mocks if one.matches(asked)]


REQUIRED = [
    ("question 7", ["question 7"]),
    (r"^question\s+7 about\b", ["question", "7 about"]),
    ("(?i)Question 7", ["~question 7"]),
    ("a(?i:B)c", ["a", "~b", "c"]),
    ("(?i)stra\u00dfe", ["~stra", "~e"]),
    ("yes|no", []),
    ("(?:please )?tell (me|us) more", ["tell ", " more"]),
    ("(ab)+c", ["ab", "c"]),
    ("(?=.*one)(?!.*two)three", ["one", "three"]),
    (r"(.)\1x", ["x"]),
    ("(?x) a b  # c", ["ab"]),
]


@pytest.mark.parametrize("pattern, pieces", REQUIRED)
def test_a_regular_expression_tells_what_a_text_must_contain(
    pattern: str, pieces: List[str]
) -> None:
    found = m.Expression(re.compile(pattern), str, "").pieces
    assert ["~" * piece.is_folded + piece.text for piece in found] == pieces


def test_texts_are_folded_as_regular_expressions_fold_them() -> None:
    letters = "".join(map(chr, range(sys.maxunicode + 1)))
    for letter in re.findall("(?i)[a-z0-9 _-]", letters):
        assert re.match("(?i)" + m.folded(letter), letter) and m.folded(letter).isascii()
        assert len(m.folded(letter)) == 1


MANY = [
    {"user": {"contains": "question %d about"}},
    {"user": {"regex": r"(?i)Question\s+%d about (?P<what>\w+)"}},
    {"system": {"glob": "*question %d about*"}, "operation": "generate"},
    {"user": "Please answer question %d about cats."},
    {"model": {"contains": "gpt"}, "user": {"contains": "question %d"}},
    {"headers": {"x-tenant": {"contains": "question %d about"}}},
]


@pytest.mark.parametrize("match", MANY)
def test_of_many_mocks_few_are_tried(match: Any) -> None:
    spec = repr({"match": match, "response": {"text": "x"}})
    mocks = [mock_of(eval(spec.replace("%d", str(number)))) for number in range(300)]
    index = m.Index()
    for one in mocks:
        index = index.preceded([one])
    said = "Please answer question 277 about cats."
    asked = m.replace(requested(headers={"x-tenant": said}), user=said, system=said)
    assert mocks[277] in index.candidates(asked) and len(index.candidates(asked)) < 40


def test_a_mock_among_many_is_explained_without_a_look_at_all(monkeypatch: Any) -> None:
    mocks = m.Mocks()
    specs = [
        {"match": {"user": f"u{n}", "model": "m"}, "response": {"text": "x"}} for n in range(1500)
    ]
    session = mocks.session("")
    session.add(specs)
    looks: List[m.ParsedMock] = []
    plain = m.ParsedMock.differences
    monkeypatch.setattr(
        m.ParsedMock, "differences", lambda mock, *rest: looks.append(mock) or plain(mock, *rest)
    )
    near = session.near(m.replace(BASE, user="u1400", model="other"), m.DEFAULT_SHAPE)
    assert near[0].mock.place == "added-1401" and len(looks) <= 2 * m.LOOKED_AT


def test_many_mocks_in_one_place_go_at_once(monkeypatch: Any) -> None:
    draw = random.Random(0)
    mocks = [m.replace(mock(draw), conditions=()) for _ in range(50)]
    index = m.Index(mocks)
    taken: List[int] = []
    take = m.Shelf.take

    def counted(shelf: m.Shelf, letters: str, gone: Any) -> None:
        taken.append(len(gone))
        take(shelf, letters, gone)

    monkeypatch.setattr(m.Shelf, "take", counted)
    assert index.without(set(mocks[1:])).mocks == (mocks[0],) and taken == [49]
