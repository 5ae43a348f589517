"""Sessions: their names, their own mocks and sequences, and that they see nothing of each other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from clients import PATIENCE, chat, control
from mocked import texts_of
from samples import complaint_of

import mock_server as m
from mock_server import MockServer


@pytest.mark.parametrize("name", ["test_x[a/b]", "a b", "q?x", "h#y", "tést", "pct%41", "a.b~c-d"])
def test_any_name_of_a_test_is_a_session(server: MockServer, name: str) -> None:
    view = server.session(name)
    view.mock(response={"text": name})
    assert chat(server.port, prefix=view.url[len(server.url) :])[1] == name
    assert len(view.requests) == 1
    assert chat(server.port, headers={"X-Mock-Session": name.encode().decode("latin-1")})[1] == name


@pytest.mark.parametrize("name", ["*", "x" * 101, "a\nb"])
def test_a_name_that_is_none_is_refused_in_python(server: MockServer, name: str) -> None:
    with pytest.raises(ValueError, match="expected a name of up to 100 printable characters"):
        server.session(name)


@pytest.mark.parametrize("name", ["*", "x" * 300])
def test_a_mock_is_added_to_one_session(server: MockServer, name: str) -> None:
    mock = {"response": {"text": "x"}}
    assert control(server.port, "POST", "mocks?session=" + name, mock)[0] == 400


@pytest.mark.parametrize(
    "headers, prefix",
    [({"X-Mock-Session": "*"}, ""), ({}, "/@*"), ({}, "/@" + "x" * 101), ({}, "/@a%00b")],
)
def test_a_session_needs_a_name(server: MockServer, headers: Any, prefix: str) -> None:
    status, body = chat(server.port, prefix=prefix, headers=headers)
    assert status == 400
    assert "expected a name of up to 100 printable characters" in complaint_of(body)


def test_all_sessions_are_listed_and_emptied_with_a_star(server: MockServer) -> None:
    for name in ("a", "b"):
        server.session(name).mock(name=name, response={"text": name})
    listed = control(server.port, "GET", "mocks?session=*")[1]["mocks"]
    assert [mock["name"] for mock in listed] == ["added-1", "a", "b"]
    assert control(server.port, "DELETE", "mocks?session=*")[1] == {"deleted": 3}
    assert [chat(server.port, prefix=prefix)[0] for prefix in ("", "/@a", "/@b")] == [404] * 3


def test_all_sessions_are_forgotten_with_a_star(server: MockServer) -> None:
    server.session("a").mock(response={"text": "A"})
    chat(server.port, prefix="/@a")
    assert control(server.port, "POST", "reset?session=*") == (200, {"reset": "*"})
    assert chat(server.port, prefix="/@a")[0] == 404 and len(server.session("a").requests) == 1


@pytest.mark.parametrize(
    "prefix, headers",
    [
        ("/@checkout", {}),
        ("/%40checkout", {}),
        ("", {"X-Mock-Session": "checkout"}),
        ("/@checkout", {"X-Mock-Session": "other"}),
    ],
)
def test_a_session_is_named_by_a_path_prefix_or_by_a_header(
    server: MockServer, prefix: str, headers: Any
) -> None:
    view = server.session("checkout")
    view.mock(match={"session": "checkout"}, response={"text": "its own"})
    assert chat(server.port)[1] == "pong"
    assert chat(server.port, prefix=prefix, headers=headers)[1] == "its own"
    (entry,) = view.wait_for(ended="complete")
    assert (entry["path"], entry["session"]) == ("/v1/chat/completions", "checkout")
    assert len(server.requests) == 1


def test_a_session_has_a_control_api_of_its_own(server: MockServer) -> None:
    view = server.session("checkout")
    assert view.url == server.url + "/@checkout"
    view.mock(response={"text": "its own"})
    chat(server.port)
    chat(server.port, prefix="/@checkout")
    view.wait_for(ended="complete")
    own = control(server.port, "GET", "/@checkout/__mock__/requests")
    assert own == control(server.port, "GET", "requests?session=checkout")
    assert len(own[1]["requests"]) == 1
    assert len(control(server.port, "GET", "requests?session=*")[1]["requests"]) == 2
    assert control(server.port, "GET", "/@checkout/__mock__/mocks")[1]["mocks"][0]["uses"] == 1


def test_a_session_falls_back_to_the_mocks_from_files_with_a_sequence_of_its_own(
    folder: Any,
) -> None:
    data = folder({"mocks/a.json": {"responses": [{"text": "1"}, {"text": "2"}], "times": 2}})
    with MockServer(data=data) as server:
        for text in ("1", "2"):
            for prefix in ("/@a", "/@b", ""):
                assert chat(server.port, prefix=prefix)[1] == text
        assert chat(server.port, prefix="/@a")[0] == 404
        server.session("a").reset()
        assert chat(server.port, prefix="/@a")[1] == "1"
        assert chat(server.port, prefix="/@b")[0] == 404


def test_50_parallel_tests_share_a_server_without_seeing_each_other(server: MockServer) -> None:
    def test(number: int) -> None:
        view = server.session(f"test {number}")
        prefix = view.url[len(server.url) :]
        texts = [f"{number} {turn}" for turn in range(3)]
        mock = {"responses": [{"text": text} for text in texts]}
        control(server.port, "POST", prefix + "/__mock__/mocks", mock)
        found = [chat(server.port, user=f"user {number}", prefix=prefix)[1] for _ in texts]
        entries = view.wait_for(count=3, ended="complete", timeout=PATIENCE)
        assert found == texts
        assert [entry["user"] for entry in entries] == [f"user {number}"] * 3

    with ThreadPoolExecutor(50) as threads:
        list(threads.map(test, range(50)))
    assert server.requests == []


def test_of_sessions_with_nothing_of_their_own_the_one_unused_for_longest_is_forgotten() -> None:
    mocks = m.Mocks()
    mocks.awaited = lambda: {"awaited"}
    for name in ("mocked", "awaited", "idle", "used"):
        mocks.session(name)
    mocks.session("mocked").add([{"response": {"text": "x"}}])
    for number in range(m.SESSIONS - 5):  # the nameless one counts too
        mocks.session(str(number))
    mocks.session("used")
    mocks.session("one too many")
    names = mocks.names()
    assert {"", "mocked", "awaited", "used"} < set(names) and "idle" not in names
    assert len(names) == m.SESSIONS


def test_a_session_that_there_is_no_room_for_is_refused_with_what_makes_room(
    monkeypatch: Any,
) -> None:
    monkeypatch.setitem(m.Mocks.session.__globals__, "SESSIONS", 2)
    with MockServer() as server:
        server.session("a").mock(response={"text": "A"})
        status, body = chat(server.port, prefix="/@b")
        assert status == 400 and "POST /__mock__/reset" in complaint_of(body)
        assert control(server.port, "POST", "reset?session=a")[0] == 200
        assert chat(server.port, prefix="/@b")[0] == 404


def test_mocks_that_there_is_no_room_for_are_refused_until_others_go(monkeypatch: Any) -> None:
    monkeypatch.setitem(m.Mocks.check_room.__globals__, "MOCKS_ROOM", 500_000)
    big = {"response": {"text": "x" * 150_000}}
    with MockServer() as server:
        (number,) = control(server.port, "POST", "mocks", big)[1]["ids"]
        status, body = control(server.port, "POST", "mocks?session=s", big)
        assert status == 413 and "DELETE /__mock__/mocks" in body["error"]["message"]
        with pytest.raises(ValueError, match="makes room"):
            server.session("s").mock(**big)
        for free in (f"DELETE mocks/{number}", "DELETE mocks?session=*", "POST reset?session=*"):
            assert control(server.port, *free.split())[0] == 200
            assert control(server.port, "POST", "mocks?session=s", big)[0] == 201
            (number,) = [mock["id"] for mock in server.session("s").mocks]
            if "reset" not in free:
                control(server.port, "DELETE", f"mocks/{number}?session=s")
                control(server.port, "POST", "mocks", big)


def test_mocks_that_are_added_to_a_session_that_was_reset_meanwhile_are_there() -> None:
    mocks = m.Mocks()
    before = mocks.session("s")
    before.reset()
    before.add([{"response": {"text": "x"}}])
    assert len(mocks.session("s").mocks) == 1 and mocks.used > 0
    mocks.session("s").reset()
    before.reset()
    assert mocks.used == 0


def test_sessions_are_read_again_while_mocks_are_used_for_the_first_time() -> None:
    mocks = m.Mocks()
    session = mocks.session("")

    class Key(str):
        """A part of a key whose hash lets another thread go on."""

        def __hash__(self) -> int:
            time.sleep(0)
            return super().__hash__()

    session.uses = {(Key(number), ""): m.Uses() for number in range(300)}
    used = [session.add([{"response": {"text": "x"}}])[0] for _ in range(300)]
    with ThreadPoolExecutor(2) as threads:
        again = threads.submit(session.read_again, lambda name: b"")
        list(threads.map(session.uses_of, used))
        again.result(PATIENCE)


def test_a_mock_that_was_removed_and_is_added_again_begins_anew() -> None:
    mocks = m.Mocks()
    answers = m.Answerer(mocks, m.Settings())
    spec = {"response": {"text": "once"}, "times": 1}
    for _ in range(2):
        (mock,) = mocks.session("").add([spec])
        assert texts_of(answers, 2) == ["once", 404]
        mocks.session("").remove([mock.id])
