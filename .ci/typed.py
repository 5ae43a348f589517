"""What type checkers say of a program that uses the server: mypy is run over this by .ci/run.

With --warn-unused-ignores a line that is no error, but is marked as one, is an error itself."""

from __future__ import annotations

from mock_server import Match, Mock, MockRequest, MockServer, Response

server = MockServer(data="mocks", strict=True)
session = server.session("a")

# What is right.
ASKED: Match = {"user": {"contains": "a", "not": {"regex": "b"}}, "headers": {"x": None}}
SAID: Response = {"tool_calls": [{"name": "now", "arguments": {}}], "usage": {"input_tokens": 1}}
ALL: Mock = {"match": ASKED, "response": SAID, "limit": {"requests": 1, "per": 2}}


def answer(request: MockRequest) -> Response:
    """A function that answers."""
    return {"text": request.user, "pace": {"first": 1}, "error": {"kind": "rate_limit"}}


server.mock(match=ASKED, response=SAID, times=2, name="a", limit={"requests": 1})
session.mock({"model": "m", "fields": {"n": 1}}, {"text": "x", "wire": {"coalesce": 2}})
session.mock(response=answer)
session.mock(**ALL)
session.mock(response=lambda request: request.user)
session.mock(response=lambda request: {"text": request.body["a"]})
session.mock(responses=[SAID, answer, {"keepalive": {"every": 1}, "parts": [{"text": "x"}]}])
session.wait_for(match={"user": "x"}, ended="client_gone")

# What is wrong.
WRONG: Match = {"usr": "x"}  # type: ignore[typeddict-unknown-key]
server.mock(match={"usr": "x"}, response={"text": "x"})  # type: ignore[arg-type]
server.mock(response={"txt": "x"})  # type: ignore[arg-type]
server.mock(response={"text": "x"}, tims=2)  # type: ignore[arg-type]
server.mock(response={"error": {"mesage": "x"}})  # type: ignore[arg-type]
server.mock(match={"user": {"contain": "x"}})  # type: ignore[arg-type]
server.mock(response={"usage": {"tokens": 1}})  # type: ignore[arg-type]
server.mock(response={"status": "500"})  # type: ignore[arg-type]
server.mock(responses=[{"txt": "x"}])  # type: ignore[list-item]
server.mock(response=lambda request: request.usr)  # type: ignore[attr-defined]
session.wait_for(match={"usr": "x"})  # type: ignore[arg-type]
