"""What tests of rules share: a request by its path and body, and what it breaks."""

from __future__ import annotations

import json
from typing import Any, List, Mapping, NamedTuple, Optional

import mock_server as m


class Broken(NamedTuple):
    """A body that breaks a rule, first of all, and what its provider says: the journal's `place`
    and `message`, and `code` and `param` of the error."""

    rule: str
    path: str
    body: Any
    place: str
    message: str
    code: Optional[str] = None
    param: Optional[str] = None
    headers: Mapping[str, str] = {}


def asked(path: str, body: Any, headers: Mapping[str, str] = {}) -> m.Request:
    """A POST with a JSON body; the query is that of the path."""
    path, _, query = path.partition("?")
    pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
    known = {"content-type": "application/json", "anthropic-version": "2023-06-01", **headers}
    return m.Request("POST", path, pairs, known, json.dumps(body).encode())


def judged_by(path: str, body: Any, headers: Mapping[str, str] = {}, every: bool = False) -> Any:
    """What a request breaks, whether or not it can be read."""
    request = asked(path, body, headers)
    wire, params = m.route(request)
    try:
        call = wire.read(request, params, body)
    except (m.BadField, m.Refused):
        call = wire.begun(request, params)
    return m.violations_of(wire, call, body, every)[0]


def rules_of(path: str, body: Any, headers: Mapping[str, str] = {}) -> List[str]:
    """The ids of the rules that a request breaks."""
    return [one.rule for one in judged_by(path, body, headers)]


def check_broken(row: Broken, every: bool = False) -> None:
    """That a body breaks a rule, and that this is what is said of it."""
    first, *_ = judged_by(row.path, row.body, row.headers, every) or [None]
    assert first is not None, "nothing is said of it"
    found = (first.rule, first.place, first.message, first.code, first.param)
    assert found == (row.rule, row.place, row.message, row.code, row.param)


def strict_answer(path: str, body: Any, headers: Mapping[str, str] = {}, **settings: Any) -> Any:
    """The answer of a strict server that echoes, to a request."""
    settings = {"strict": True, "fallback": "echo", **settings}
    answers = m.Answerer(m.Mocks(), m.Settings(**settings))
    return answers.answer(asked(path, body, headers))
