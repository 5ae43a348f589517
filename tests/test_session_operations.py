"""Operations of sessions: they stand once; the control API and Python only translate."""

from __future__ import annotations

import json
import threading
from typing import Any, Dict, List

import pytest
from clients import ASK, Raw, chat, control, fetch, post, wait_until, waiting_in
from mocked import BASE, HEAD

import mock_server as m
from mock_server import MockServer

STREAMING = json.dumps({**ASK, "stream": True}).encode()
SAYS_X: Any = {"response": {"text": "x"}}


class World:
    """Mocks and a journal, without a server."""

    def __init__(self, mocks: Any = None) -> None:
        self.mocks = mocks or m.Mocks()
        self.journal = m.Journal()

    def of(self, session: str) -> m.Operations:
        """What can be done with a session, or with all for `*`."""
        return m.Operations(self.mocks, self.journal, session)

    def came(self, number: str, session: str = "", ended: Any = None, gate: Any = None) -> m.Entry:
        """A request that came, and maybe ended."""
        request = m.Request("POST", "/v1/chat/completions", session=session)
        asked = m.Asked(request, HEAD, {}, "openai", BASE, 100)
        entry = m.Entry(number, 0.0, asked, m.Sent())
        entry.gate = gate
        self.journal.add(entry)
        if ended:
            self.journal.end(entry, ended)
        return entry


@pytest.fixture
def world() -> World:
    """Two sessions and what is without one; each has a mock and a request."""
    made = World()
    for session in ("", "a", "b"):
        made.of(session).add([{**SAYS_X, "name": f"of {session}"}])
        made.came(f"{session}1", session, "complete")
    return made


def names_of(operations: m.Operations) -> List[str]:
    """The names of the mocks, in matching order."""
    return [mock["name"] for mock in operations.mocks_json()]


def numbers_of(operations: m.Operations) -> List[str]:
    """The ids of the requests, oldest first."""
    return [entry.number for entry in operations.entries()]


# What empties a session, and whether mocks and requests are left then.
EMPTYING: Dict[str, Any] = {
    "remove_all": (lambda operations: operations.remove_all(), False, True),
    "forget": (lambda operations: operations.forget(), True, False),
    "reset": (lambda operations: operations.reset(), False, False),
}


@pytest.mark.parametrize("session", ["", "a"])
@pytest.mark.parametrize("name", EMPTYING)
def test_what_is_done_with_a_session_leaves_the_others_alone(
    world: World, name: str, session: str
) -> None:
    empty, keeps_mocks, keeps_requests = EMPTYING[name]
    others = [other for other in ("", "a", "b") if other != session]
    empty(world.of(session))
    assert names_of(world.of(session)) == [f"of {session}"] * keeps_mocks
    assert numbers_of(world.of(session)) == [f"{session}1"] * keeps_requests
    for other in others:
        assert names_of(world.of(other)) == [f"of {other}"]
        assert numbers_of(world.of(other)) == [f"{other}1"]


@pytest.mark.parametrize("name", EMPTYING)
def test_what_is_done_with_all_is_done_with_each(world: World, name: str) -> None:
    empty, keeps_mocks, keeps_requests = EMPTYING[name]
    empty(world.of("*"))
    assert len(names_of(world.of("*"))) == 3 * keeps_mocks
    assert len(numbers_of(world.of("*"))) == 3 * keeps_requests


def test_a_mock_is_removed_by_its_id_from_its_own_session_or_from_all(world: World) -> None:
    ids = {mock["name"]: mock["id"] for mock in world.of("*").mocks_json()}
    with pytest.raises(m.Unavailable, match='no mock .+ was added; did you mean "added-1"'):
        world.of("").remove(ids["of a"])
    world.of("a").remove(ids["of a"])
    world.of("*").remove(ids["of b"])
    assert names_of(world.of("*")) == ["of "]
    with pytest.raises(m.Unavailable, match="none was"):
        world.of("a").remove(ids["of a"])


def test_a_mock_from_a_file_can_not_be_removed(folder: Any) -> None:
    mocks = m.Mocks([folder({"mocks/a.json": SAYS_X})])
    assert mocks.files.load() == []
    with pytest.raises(m.Unavailable) as caught:
        World(mocks).of("").remove("mocks/a.json#1")
    assert caught.value.code == "not_added"
    assert str(caught.value) == "mocks/a.json#1 comes from a file; remove it there"


def test_waiting_sees_what_came_before_and_counts_what_it_lacks(world: World) -> None:
    a = world.of("a")
    waited = m.done_here(a.waiting((), 1, frozenset(["complete"]), 0))
    assert [entry.number for entry in waited.entries] == ["a1"]
    waited = m.done_here(a.waiting((), 3, None, 0.01))
    came = "there was POST /v1/chat/completions (complete)"
    assert waited.shortfall == "1 of 3 requests came within 0.01 seconds; " + came
    assert [entry.number for entry in waited.entries] == ["a1"]
    assert len(m.done_here(world.of("*").waiting((), 3, None, 0)).entries) == 3
    world.journal.close()
    waited = m.done_here(a.waiting((), 3, None, 9))
    assert waited.shortfall == "1 of 3 requests came before the server was closed; " + came


@pytest.mark.parametrize("session", ["a", "*"])
def test_waiting_ends_with_the_request_that_it_lacks_and_no_other(
    world: World, session: str
) -> None:
    before = len(world.of(session).entries())
    work = world.of(session).waiting((), 1, frozenset(["fault"]), 60)
    gate, timeout = next(work)
    assert gate and 0 < timeout <= 60
    if session == "a":
        world.came("b2", "b", "fault")
    world.came("a2", "a", "complete")
    assert not gate.take()
    world.came("a3", "a", "fault")
    assert gate.take()
    waited = m.done_here(work)
    assert [entry.number for entry in waited.entries] == ["a3"] and not waited.shortfall
    assert before == len(world.of(session).entries()) - 2 and world.journal.waiters == []


def test_a_gate_is_opened_by_a_release_or_by_a_reset_of_its_session(world: World) -> None:
    gates = {name: m.Gate() for name in ("a", "b")}
    for name, gate in gates.items():
        world.came(f"{name}2", name, gate=gate)
    world.of("a").release("a2", 2)
    assert [gates["a"].take() for _ in range(3)] == [True, True, False]
    world.of("a").reset()
    assert gates["a"].take() and not gates["b"].take()
    world.of("*").reset()
    assert gates["b"].take()


ENDED = [
    ("complete", ["1", "2"]),
    ("client_gone", ["3", "4"]),
    (["fault", "client_reset"], ["4", "5"]),
    (["client_gone", "complete"], ["1", "2", "3", "4"]),
    (True, ["1", "2", "3", "4", "5"]),
    (None, ["1", "2", "3", "4", "5", "6"]),
]


def test_what_is_waited_for_ended_in_one_of_the_ways_that_are_asked_for() -> None:
    world = World()
    ends = ["complete", "complete", "client_closed", "client_reset", "fault", None]
    for number, end in enumerate(ends, 1):
        world.came(str(number), "", end)
    for asked, numbers in ENDED:
        ended = m.read_end(m.Node(asked, "ended"))
        waited = m.done_here(world.of("").waiting((), len(numbers), ended, 0))
        assert [entry.number for entry in waited.entries] == numbers and not waited.shortfall
        assert world.of("").count((), ended) == len(numbers)


def test_who_waits_in_vain_is_told_that_only_the_end_differs() -> None:
    world = World()
    world.came("1")
    world.came("2", "", "complete")
    wanted = m.conditions(m.Node({"user": BASE.user}, "match"), "")
    gone = frozenset(["client_reset", "client_closed"])
    waited = m.done_here(world.of("").waiting(wanted, 1, gone, 0))
    assert waited.shortfall == (
        "0 of 1 requests came within 0 seconds; there was "
        'POST /v1/chat/completions (complete): ended is "complete", expected '
        "client_closed or client_reset; POST /v1/chat/completions (running): ended is null, "
        "expected client_closed or client_reset"
    )
    assert [one.entry.number for one in waited.near] == ["2", "1"]


NOT_RELEASED = [
    (
        "7",
        "unknown_request",
        'no request "7" in the journal; X-Mock-Request-Id of its answer says which it was',
    ),
    ("1", "no_gate", 'request 1 has no gate; its mock needs "gate": true'),
    ("2", "no_gate", "request 2 has ended: client_closed"),
]


@pytest.mark.parametrize("number, code, sentence", NOT_RELEASED)
def test_a_release_says_why_it_can_not_be(
    world: World, number: str, code: str, sentence: str
) -> None:
    world.came("2", "", "client_closed", m.Gate())
    with pytest.raises(KeyError) as caught:
        world.of("").release(number)
    assert isinstance(caught.value, m.Unavailable) and caught.value.code == code
    assert str(caught.value) == sentence


# --- over both doors ---


@pytest.mark.parametrize("session", ["", "a b"])
def test_python_and_the_control_api_say_the_same(server: MockServer, session: str) -> None:
    view = server.session(session)
    path = f"/@{view.url.partition('/@')[2]}/__mock__" if session else "/__mock__"
    view.mock(name="mine", match={"user": "x"}, response={"text": "x"})
    chat(server.port)
    server.wait_for(ended="complete")
    assert control(server.port, "GET", f"{path}/requests")[1]["requests"] == view.requests
    listed = control(server.port, "GET", f"{path}/mocks")[1]["mocks"]
    assert listed == view.mocks and listed[0]["name"] == "mine"
    status, answer = control(server.port, "POST", f"{path}/requests/7/release")
    with pytest.raises(KeyError) as unknown:
        view.release("7")
    assert (status, answer["error"]["message"]) == (404, str(unknown.value))
    wanted = {"count": 9, "timeout": 0.01}
    status, answer = control(server.port, "POST", f"{path}/requests/wait", wanted)
    with pytest.raises(TimeoutError) as caught:
        view.wait_for(count=9, timeout=0.01)
    came, _, rest = str(caught.value).partition("; there was ")
    assert status == 408 and answer["error"]["message"].partition(";")[0] == came
    assert rest == ("nothing" if session else "POST /v1/chat/completions (complete)")


def test_a_session_has_all_that_the_server_has() -> None:
    for name in ("url", "mock", "mocks", "requests", "wait_for", "release", "verify", "reset"):
        assert hasattr(m.SessionView, name) and hasattr(MockServer, name)


def test_a_session_releases_the_streams_of_its_own_mocks(server: MockServer) -> None:
    view = server.session("a")
    view.mock(match={"stream": True}, response={"text": "one two three", "gate": True})
    client = Raw(server).send(post(STREAMING, path="/@a/v1/chat/completions"))
    entry = view.wait_for({"stream": True})[0]
    view.release(entry["id"], 9)
    assert client.response()[2].endswith(b"data: [DONE]\n\n")
    client.close()


def test_a_bad_match_names_its_key(server: MockServer) -> None:
    with pytest.raises(ValueError, match='match.usr: unknown key; did you mean "user"?'):
        server.wait_for({"usr": "x"})
    nothing: Any = 3
    with pytest.raises(ValueError, match="match: expected an object, found 3"):
        server.wait_for(nothing)


def test_who_waits_in_python_is_let_go_when_the_server_closes() -> None:
    told: List[str] = []
    with MockServer() as server:

        def wait() -> None:
            with pytest.raises(TimeoutError) as caught:
                server.wait_for(timeout=60)
            told.append(str(caught.value))

        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: waiting_in(server))
    thread.join(10)
    assert told == ["0 of 1 requests came before the server was closed; there was nothing"]


def test_a_session_is_verified_by_its_own_mocks_and_requests(server: MockServer) -> None:
    view = server.session("a b")
    view.verify()
    view.mock(name="used", match={"user": "Hi"}, response={"text": "x"})
    server.mock(response={"text": "of another session"})
    chat(server.port, prefix="/@a%20b")
    view.verify()
    view.mock(name="spare", match={"user": "Ho"}, response={"text": "x"})
    missed = chat(server.port, prefix="/@a%20b", user="He")[1]
    assert b"; POST /@a%20b/__mock__/mocks adds one" in missed
    fetch(server.port, "POST", "/@a%20b/v1/messages", b"{")
    fetch(server.port, "POST", "/@a%20b/nowhere", b"{}")
    view.wait_for(count=4, ended=True)
    view.verify(unused=False, unmatched=False)
    for wrong in (lambda: view.verify(unused=1), lambda: view.release("1", 0)):  # type: ignore
        with pytest.raises(ValueError, match="expected a (boolean|whole number)"):
            wrong()
    with pytest.raises(AssertionError) as caught:
        view.verify(invalid=True)
    spare, miss, unknown, invalid = str(caught.value).split("\n")
    assert spare.startswith('mock "spare" (added-4) was never used; nearest was POST /v1/chat/')
    assert spare.endswith(': user is "He", expected "Ho"')
    assert miss.startswith("no mock answered POST /v1/chat/completions (complete): no mock match")
    assert unknown.startswith("no mock answered POST /nowhere (complete): unknown path")
    assert invalid.startswith("could not read POST /v1/messages (complete): The request body is")
    path = "/@a%20b/__mock__/verify"
    status, answer = control(server.port, "POST", path, {"invalid": True})
    assert status == 409 and answer["error"]["message"].split("; ")[0] == spare.split("; ")[0]
    assert [mock["name"] for mock in answer["unused"]] == ["spare"]
    assert [entry["path"] for entry in answer["unmatched"]] == ["/v1/chat/completions", "/nowhere"]
    assert [entry["path"] for entry in answer["invalid"]] == ["/v1/messages"]
    nothing = {"unused": False, "unmatched": False}
    empty = {"unused": [], "unmatched": [], "invalid": []}
    assert control(server.port, "POST", path, nothing) == (200, empty)
    assert control(server.port, "POST", path + "?session=*", {"unused": True})[0] == 409
    assert control(server.port, "POST", path, {"used": True})[0] == 400


def test_of_many_leftovers_ten_of_a_kind_are_told() -> None:
    world = World()
    world.of("").add([SAYS_X] * 12)
    left = world.of("").leftovers(True, True, True)
    assert len(left.unused) == 12 and left.sentences[10:] == ["and 2 more"]


def test_of_all_sessions_a_mock_from_a_file_was_used_as_often_as_in_each_together(
    folder: Any,
) -> None:
    data = folder({"mocks/a.json": [{"response": {"text": "x"}}]})
    with MockServer(data=[data]) as server:
        for prefix in ("", "/@one", "/@one"):
            chat(server.port, prefix=prefix)
        for session, uses in (("*", 3), ("one", 2), ("", 1)):
            found = control(server.port, "GET", f"mocks?session={session}")[1]["mocks"]
            assert [mock["uses"] for mock in found] == [uses], session
