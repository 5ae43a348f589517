"""What a Python program sees of the server's objects: errors in few lines, names, help."""

from __future__ import annotations

import inspect
import pydoc
import re
import traceback
import typing
from typing import Any, Callable, List

import pytest

import mock_server as m
from mock_server import MockServer

WRONG: List[Callable[[MockServer], Any]] = [
    lambda server: server.mock(match={"usr": "x"}, response={"text": "x"}),
    lambda server: server.mock(nmae="x", response={"text": "x"}),
    lambda server: server.session("a").mock(response={"txt": "x"}),
    lambda server: server.mock(response={"extra": {"a": {1}}}),
    lambda server: server.wait_for(match={"usr": "x"}),
    lambda server: server.wait_for(timeout=0),
    lambda server: server.verify(unused=2),
    lambda server: server.verify(),
    lambda server: server.release("none"),
    lambda server: server.set_metric("none", 1),
    lambda server: server.session("*"),
    lambda server: MockServer(pace=-1),
    lambda server: MockServer(data="no such folder"),
    lambda server: MockServer(port=server.port),
]


def test_an_error_of_the_callers_shows_its_line_and_one_of_ours() -> None:
    with MockServer() as server:
        server.mock(response={"text": "never used"})
        for call in WRONG:
            with pytest.raises((ValueError, KeyError, AssertionError, OSError)) as caught:
                call(server)
            frames = traceback.extract_tb(caught.value.__traceback__)
            assert [frame.name for frame in frames[2:]] == ["told_briefly"], caught.value
            assert frames[1].filename == __file__ and str(caught.value)
            assert caught.value.__suppress_context__ or not caught.value.__context__
            told = [entry for entry in caught.traceback if entry.ishidden(caught)]
            assert [entry.name for entry in told] == ["told_briefly"]
    with pytest.raises(RuntimeError, match="the server is closed"):
        server.start()


def test_a_server_and_a_session_say_where_they_are_and_whether_they_are_closed() -> None:
    server = MockServer(control_token="my-token", credential="openai=sk-mine")
    session = server.session("a b")
    assert repr(server) == f"<MockServer http://127.0.0.1:{server.port}>"
    assert repr(session) == f"<SessionView http://127.0.0.1:{server.port}/@a%20b>"
    server.close()
    assert repr(server).endswith(" (closed)>") and repr(session).endswith("/@a%20b (closed)>")
    assert repr(MockServer.__new__(MockServer)) == "<MockServer>"
    settings = repr(server.core.settings)
    assert "control_token='***'" in settings and "mine" not in settings
    assert "record=[]" in settings and "pace=None" in settings


class Derived(MockServer):
    """A server with something of the user's own."""

    def helper(self) -> None: ...


def test_dir_and_help_tell_what_users_use() -> None:
    names = (
        "answer close host mock mocks port release requests reset serve_forever session set_metric"
    )
    public = [*names.split(), "start", "tls_cert", "url", "verify", "wait_for"]
    with MockServer() as server:
        for shown in (dir(server), dir(MockServer)):
            assert [name for name in shown if name[0] != "_"] == public
        assert all(hasattr(server, name) for name in public)
        own = {name for name in dir(server.session("a")) if name[0] != "_"}
        assert own - {"name", "server", "operations"} <= set(public)
    text = pydoc.render_doc(MockServer, renderer=pydoc.plaintext)
    assert not re.search("process_request|begin_to_close|request_queue_size", text)
    assert all(re.search(rf"\b{name}\b", text) for name in public if name not in ("host", "port"))
    assert m.Presented.__dir__(MockServer) == m.PRESENTED
    assert set(dir(Derived)) == {*dir(MockServer), *vars(Derived)} and "helper" in dir(Derived)


def keys_of(kind: Any) -> List[str]:
    """The keys of a TypedDict, as a type checker sees them."""
    return list(kind.__annotations__)


def test_the_types_have_the_keys_of_the_tables() -> None:
    tables = [
        (m.Match, m.MATCH_ROWS),
        (m.Mock, m.MOCK_ROWS),
        (m.Response, m.RESPONSE_ROWS),
        (m.TextMatch, m.TEXT_MATCHER_ROWS),
        (m.AnswerPart, m.PART_ROWS),
        (m.CalledTool, m.TOOL_CALL_ROWS),
        (m.TokenCounts, m.USAGE_ROWS),
        (m.AnswerError, m.ERROR_ROWS),
        (m.AnswerPace, m.PACE_ROWS),
        (m.AnswerWire, m.WIRE_ROWS),
        (m.AnswerKeepalive, m.KEEPALIVE_ROWS),
        (m.MockLimit, m.LIMIT_ROWS),
    ]
    for kind, rows in tables:
        assert sorted(keys_of(kind)) == sorted(rows), kind
    assert set(keys_of(m.Match)) == set(m.MATCH_KEYS)
    assert set(keys_of(m.Response)) == set(m.RESPONSE_KEYS)
    assert set(keys_of(m.Mock)) == {*m.MOCK_KEYS, *m.NOTE_KEYS}


def test_a_type_makes_a_dict_and_its_hints_can_be_looked_up() -> None:
    asked = m.Match(user="ping")
    assert asked == {"user": "ping"} and type(asked) is dict
    assert type(m.Mock(name="a")) is dict and m.Mock.__name__ == "Mock"
    for kind in (m.Match, m.Mock, m.Response, m.TextMatch):
        assert set(typing.get_type_hints(kind)) == set(keys_of(kind))


def test_mock_takes_each_key_as_a_keyword_and_none_is_as_if_it_were_left_out() -> None:
    keywords = set(inspect.signature(MockServer.mock).parameters) - {"self", "unknown"}
    assert keywords == set(m.MOCK_KEYS)
    with MockServer() as server:
        nothing: Any = dict.fromkeys(keywords - {"response"})
        name = server.mock(response={"text": "x"}, **nothing)
        assert server.mocks[0]["source"] == {"response": {"text": "x"}} and name == "added-1"
