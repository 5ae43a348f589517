"""All that is wrong with a mock is told, and nothing that is only so without the rest."""

from __future__ import annotations

from typing import Any, List, Tuple

import mock_server as m

HI = {"text": "Hi"}

# A mock, and for each thing that is wrong the beginning of what is said.
WRONG: List[Tuple[Any, List[str]]] = [
    ("x", ['expected an object, found "x"']),
    ({}, ['expected either "response" or "responses", found neither']),
    (
        {"match": {"usr": "x", "modle": "m"}, "respons": HI, "response": {"txt": "x"}},
        [
            'respons: unknown key; did you mean "response"?',
            "match.usr: unknown key",
            "match.modle: unknown key",
            "response.txt: unknown key",
        ],
    ),
    (
        {"responses": [{**HI, "pace": "slow", "gate": "x"}, HI, {"text": 3}], "times": 0},
        [
            "times: expected a number of uses, at least 1, found 0",
            "responses[0].pace: expected",
            "responses[0].gate: expected",
            "responses[2].text: expected",
        ],
    ),
    ({"response": {"fault": "resat", "after_events": 1}}, ['response.fault: found "resat"']),
    ({"response": {"text": 3}}, ["response.text: expected a string or an object, found 3"]),
    ({"response": {"events": "@x.sse", "status": 99}}, ["response.status: expected a status"]),
    # What is found by a group that is not there, as its expression is wrong, is not told.
    (
        {"match": {"user": {"regex": "(?P<a>"}}, "response": {"text": "{{a}}"}},
        ["match.user.regex: not a regular expression"],
    ),
    ({"match": [], "response": {"a.b": 1, "c": 2}}, ["match: expected an object, found []"]),
    ({"response": {"a.b": 1, "c": 2}}, ["response.a.b: unknown key"]),
]


def test_all_that_is_wrong_with_a_mock_is_told() -> None:
    def read_file(name: str) -> bytes:
        raise FileNotFoundError(name)

    for spec, expected in WRONG:
        found = m.problems_of(spec, "a.json#1", read_file)
        assert len(found) == len(expected), (spec, found)
        for problem, beginning in zip(found, expected):
            assert problem.startswith(f"a.json#1: {beginning}"), (spec, problem)


def test_so_it_is_for_each_mock_of_a_file(folder: Any) -> None:
    specs = [{"response": {**HI, "x": 1, "y": 2}}, {"response": HI}, {"response": {"z": 1}}]
    problems = m.Mocks([folder({"mocks/a.json": specs})]).files.load()
    assert [problem.split(" unknown")[0] for problem in problems] == [
        "mocks/a.json#1: response.x:",
        "mocks/a.json#1: response.y:",
        "mocks/a.json#3: response.z:",
    ]


def test_of_very_many_the_first_are_told() -> None:
    spec = {"match": {f"k{at}": 1 for at in range(100)}, "response": HI}
    assert len(m.problems_of(spec, "a.json#1", lambda name: b"")) == m.MOST_PROBLEMS
