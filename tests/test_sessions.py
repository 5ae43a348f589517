"""X"""

from __future__ import annotations

import threading
from typing import Any, List

import pytest
from clients import chat, control
from samples import complaint_of

import mock_server as m
from mock_server import MockServer


@pytest.mark.parametrize("name", ["test_x[a/b]", "a b", "q?x", "h#y", "tést", "pct%41", "a.b~c-d"])
def test_any_name_of_a_test_is_a_session(server: MockServer, name: str) -> None:
    view = server.session(name)
    view.mock(response={"text": name})
    assert (
        chat(server.port, prefix=view.url[len(server.url) :])[1] == name and len(view.requests) == 1
    )
    assert chat(server.port, headers={"X-Mock-Session": name.encode().decode("latin-1")})[1] == name


def test_a_name_that_is_none_is_refused_everywhere(server: MockServer) -> None:
    for name in ("*", "x" * 101, "a\nb"):
        with pytest.raises(ValueError, match="expected a name of up to 100 printable characters"):
            server.session(name)
    assert (
        control(server.port, "POST", "mocks?session=" + "x" * 300, {"response": {"text": "x"}})[0]
        == 400
    )
    assert control(server.port, "POST", "mocks?session=*", {"response": {"text": "x"}})[0] == 400


@pytest.mark.parametrize(
    "headers, prefix",
    [({"X-Mock-Session": "*"}, ""), ({}, "/@*"), ({}, "/@" + "x" * 101), ({}, "/@a%00b")],
)
def test_a_session_needs_a_name(server: MockServer, headers: Any, prefix: str) -> None:
    status, body = chat(server.port, prefix=prefix, headers=headers)
    assert status == 400 and "expected a name of up to 100 printable characters" in complaint_of(
        body
    )


def test_all_sessions_are_listed_and_emptied_with_a_star(server: MockServer) -> None:
    for name in ("a", "b"):
        server.session(name).mock(name=name, response={"text": name})
    assert [
        mock["name"] for mock in control(server.port, "GET", "mocks?session=*")[1]["mocks"]
    ] == ["added#1", "a", "b"]
    assert control(server.port, "DELETE", "mocks?session=*")[1] == {"deleted": 3}
    assert [chat(server.port, prefix=prefix)[0] for prefix in ("", "/@a", "/@b")] == [404] * 3


def test_a_session_is_named_by_a_path_prefix_or_by_a_header(server: MockServer) -> None:
    view = server.session("checkout")
    view.mock(match={"session": "checkout"}, response={"text": "its own"})
    assert chat(server.port)[1] == "pong"
    assert (
        chat(server.port, prefix="/@checkout")[1]
        == chat(server.port, headers={"X-Mock-Session": "checkout"})[1]
        == "its own"
    )
    assert (
        chat(server.port, prefix="/%40checkout")[1]
        == chat(server.port, prefix="/@checkout", headers={"X-Mock-Session": "x"})[1]
        == "its own"
    )
    entries = view.wait_for(count=4, ended="complete")
    assert {entry["path"] for entry in entries} == {"/v1/chat/completions"} and {
        entry["session"] for entry in entries
    } == {"checkout"}
    assert len(server.requests) == 1 and view.url == server.url + "/@checkout"
    assert control(server.port, "GET", "/@checkout/__mock__/requests") == control(
        server.port, "GET", "requests?session=checkout"
    )
    assert len(control(server.port, "GET", "requests?session=*")[1]["requests"]) == 5
    assert control(server.port, "GET", "/@checkout/__mock__/mocks")[1]["mocks"][0]["uses"] == 4


def test_a_session_falls_back_to_the_mocks_from_files_with_a_sequence_of_its_own(
    folder: Any,
) -> None:
    data = folder({"mocks/a.json": [{"responses": [{"text": "1"}, {"text": "2"}], "times": 2}]})
    with MockServer(data=str(data)) as server:
        assert [
            chat(server.port, prefix=prefix)[1] for prefix in ("/@a", "/@b", "", "/@a", "/@b", "")
        ] == [
            "1",
            "1",
            "1",
            "2",
            "2",
            "2",
        ]
        assert chat(server.port, prefix="/@a")[0] == 404
        server.session("a").reset()
        assert (
            chat(server.port, prefix="/@a")[1] == "1" and chat(server.port, prefix="/@b")[0] == 404
        )


def test_50_parallel_tests_share_a_server_without_seeing_each_other(server: MockServer) -> None:
    wrong: List[Any] = []

    def test(number: int) -> None:
        view = server.session(f"test {number}")
        prefix = view.url[len(server.url) :].replace(" ", "%20")
        control(
            server.port,
            "POST",
            prefix + "/__mock__/mocks",
            {"responses": [{"text": f"{number} {turn}"} for turn in range(3)]},
        )
        said_so = [chat(server.port, user=f"user {number}", prefix=prefix)[1] for _ in range(3)]
        users = {entry["user"] for entry in view.wait_for(count=3, ended="complete")}
        if (
            said_so != [f"{number} {turn}" for turn in range(3)]
            or users != {f"user {number}"}
            or len(view.requests) != 3
        ):
            wrong.append((number, said_so, users))

    threads = [threading.Thread(target=test, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and server.requests == []


def test_the_sessions_that_were_unused_for_longest_are_forgotten(monkeypatch: Any) -> None:
    monkeypatch.setattr(m, "SESSIONS", 3)
    mocks = m.Mocks()
    for name in ("a", "b", "a", "c", "d"):
        mocks.session(name)
    assert list(mocks.sessions) == ["", "c", "d"]


def test_a_mock_that_was_removed_leaves_nothing_behind(server: MockServer) -> None:
    for _ in range(3):
        ids = control(server.port, "POST", "mocks", {"response": {"text": "x"}})[1]["ids"]
        chat(server.port)
        control(server.port, "DELETE", "mocks/" + ids[0])
    assert len(server.core.mocks.session("").uses) <= 1
