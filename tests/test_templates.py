"""Templates: what a mock's text takes from the request."""

from __future__ import annotations

import pytest
from mocked import BASE, mock_of

import mock_server as m

TEMPLATED = m.replace(
    BASE,
    body={"a": [{"b": "deep"}], "n": 1.5, "o": {"x": 1}, "t": True, "z": None},
    user="weather in Oslo {{model}}",
)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{{user}}", "weather in Oslo {{model}}"),
        ("{{ model }}/{{turn}}", "gpt-4o/1"),
        ("{{system}}", "Be brief."),
        ("{{header.X-Tenant}}", "a"),
        ("{{header.none}}|", "|"),
        ("{{body.a.0.b}}", "deep"),
        ("{{body.a.7.b}}{{body.x}}|", "|"),
        ("{{body.n}} {{body.t}} {{body.z}}", "1.5 true "),
        ("{{body.o}}", '{"x":1}'),
        ("{{city}}!", "Oslo!"),
        ("{{{{city}} {{city}}", "{{city}} Oslo"),
    ],
)
def test_templates_are_filled_once_from_the_request(text: str, expected: str) -> None:
    mock = mock_of(
        {
            "match": {"user": {"regex": r"in (?P<city>\w+)"}},
            "response": {
                "parts": [
                    {"text": text},
                    {"tool_calls": [{"name": "f", "arguments": {"deep": [text, {"x": text}]}}]},
                ]
            },
        }
    )
    reply = mock.answers[0].to(TEMPLATED, mock.matches(TEMPLATED))
    assert isinstance(reply, m.Reply) and reply.text(m.Text) == expected
    assert reply.tool_calls[0].arguments == {"deep": [expected, {"x": expected}]}
