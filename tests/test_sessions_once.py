"""Sessions: their operations, and mock files that are read when they change and not else."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, List

import pytest
from samples import ask, call_of, wire_of

import mock_server as m

ASKED = (call_of(m.OpenAIChat), wire_of(m.OpenAIChat))


def saying(text: str, **more: Any) -> Any:
    """A mock that answers everything with a text."""
    return {"response": {"text": text}, **more}


def text_found(session: m.Session) -> str:
    """What a session answers, or an empty string."""
    found, _ = session.find(*ASKED)
    return found.answer.form.parts[0].text if found else ""


def test_a_session_adds_removes_and_resets_its_own_mocks_only() -> None:
    mocks = m.Mocks()
    one, other = mocks.session("one"), mocks.session("other")
    added = one.add([saying("a"), saying("b")])
    other.add([saying("c")])
    assert [mock.id for mock in one.add([saying("d")]) + added] == [
        "added-4",
        "added-1",
        "added-2",
    ]
    assert [mock.id for mock in one.in_order()] == ["added-4", "added-1", "added-2"]
    assert (text_found(one), text_found(other)) == ("d", "c")
    assert one.remove(["added-4", "added-3", "nope"]) == 1
    assert text_found(one) == "a" and one.count_of(added[0]) == 1
    assert one.remove() == 2 and text_found(one) == "" and one.uses == {}
    assert text_found(other) == "c"
    other.reset()
    assert text_found(mocks.session("other")) == "" and list(mocks.sessions) == ["", "one", "other"]
    mocks.session("").add([saying("e")])
    mocks.session("").reset()
    assert mocks.session("").in_order() == [] and mocks.session("") is mocks.sessions[""]


def test_none_is_added_if_one_is_wrong() -> None:
    session = m.Mocks().session("")
    with pytest.raises(m.BadMock, match="added-2: response.txt: unknown key"):
        session.add([saying("a"), {"response": {"txt": "b"}}])
    assert session.in_order() == []


def test_a_miss_keeps_nothing_of_the_mocks_that_it_looked_at() -> None:
    session = m.Mocks().session("")
    session.add([saying("a", match={"user": str(number)}) for number in range(50)])
    assert text_found(session) == "" and len(session.near(*ASKED)) == 3
    assert session.uses == {}


@pytest.mark.parametrize("limited", [False, True])
def test_what_can_not_be_answered_any_more_is_no_use_and_counts_against_no_limit(
    limited: bool,
) -> None:
    session = m.Mocks().session("")
    more = {"limit": {"requests": 5}} if limited else {}
    (mock,) = session.add([saying("a", times=1, **more)])
    assert [text_found(session) for _ in range(3)] == ["a", "", ""]
    uses = session.uses_of(mock)
    assert (uses.count, uses.in_window) == (1, int(limited))


# --- files ---


class Folder:
    """A data directory with an answerer; notes what is said, and which mock files are parsed."""

    def __init__(self, root: Path, monkeypatch: Any) -> None:
        self.root = root
        self.said: List[str] = []
        self.parsed: List[str] = []
        (root / "mocks").mkdir()
        parsed = m.Library.parsed

        def noted(library: m.Library, name: str) -> Any:
            self.parsed.append(name)
            return parsed(library, name)

        monkeypatch.setattr(m.Library, "parsed", noted)
        self.mocks = m.Mocks([str(root)], self.said.append)
        self.answerer = m.Answerer(self.mocks, m.Settings())

    def write(self, content: Any, name: str = "mocks/a.json") -> None:
        """Write a file: text, or JSON."""
        text = content if isinstance(content, str) else json.dumps(content)
        (self.root / name).write_text(text, encoding="utf-8")

    def answer(self) -> Any:
        """What a request is answered that comes a moment later: the text, or the status."""
        response = ask(self.answerer, m.OpenAIChat)
        if response.status != 200:
            return response.status
        return json.loads(response.body)["choices"][0]["message"]["content"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any) -> Folder:
    """A data directory without mocks."""
    return Folder(tmp_path, monkeypatch)


BROKEN_EDITS = {
    "no JSON": "{",
    "a wrong mock": {"response": {"txt": "b"}},
    "a file that is not there": {"response": {"body": "@none.json"}},
}


@pytest.mark.parametrize("name", BROKEN_EDITS)
def test_a_broken_edit_is_parsed_once_and_mending_it_counts_at_the_next_request(
    folder: Folder, name: str
) -> None:
    folder.write(saying("a"))
    assert folder.mocks.files.load() == []
    folder.write(BROKEN_EDITS[name])
    folder.parsed.clear()
    assert [folder.answer() for _ in range(100)] == ["a"] * 100
    assert folder.parsed == ["mocks/a.json"] and len(folder.said) == 1
    folder.write(saying("b"))
    assert folder.answer() == "b" and len(folder.parsed) == 2


def test_a_file_that_is_missing_counts_as_soon_as_it_is_there(folder: Folder) -> None:
    folder.write({"response": {"body": "@later.json"}})
    assert len(folder.mocks.files.load()) == 1
    assert folder.answer() == 404
    folder.write({"choices": [{"message": {"content": "later"}}]}, "later.json")
    assert folder.answer() == "later"


def test_a_change_that_leaves_time_and_size_as_they_were_is_seen(
    folder: Folder, monkeypatch: Any
) -> None:
    # As on a file system whose clock stands still between two edits.
    moment = time.time_ns()
    room = sys.modules[m.stamp_of.__module__]
    monkeypatch.setattr(room, "stamp_of", lambda path: (moment, 0, 0))
    monkeypatch.setattr(room, "YOUNG_NS", 60 * 10**9)
    folder.write(saying("a"))
    folder.mocks.files.load()
    for text in ("b", "c", "d"):
        folder.write(saying(text))
        assert folder.answer() == text
    folder.parsed.clear()
    assert [folder.answer() for _ in range(20)] == ["d"] * 20 and folder.parsed == []


def test_a_file_that_is_new_in_a_young_folder_is_seen(folder: Folder) -> None:
    folder.write(saying("a", match={"user": "x"}))
    folder.mocks.files.load()
    for number in range(5):
        folder.write(saying(str(number)), f"mocks/0{9 - number}.json")
        assert folder.answer() == str(number)


def test_only_mocks_that_name_files_are_read_again_with_the_files(
    folder: Folder,
) -> None:
    folder.write(saying("a"))
    folder.mocks.files.load()
    folder.write({"choices": [{"message": {"content": "one"}}]}, "b.json")
    session = folder.mocks.session("")
    plain, naming = session.add([saying("x", times=1), {"response": {"body": "@b.json"}}])
    assert [folder.answer(), folder.answer()] == ["x", "one"]
    folder.write({"choices": [{"message": {"content": "two"}}]}, "b.json")
    assert folder.answer() == "two"
    assert session.mocks[0] is plain and session.mocks[1] is not naming
    assert [session.count_of(mock) for mock in session.mocks] == [1, 2]
    folder.write("{")
    folder.write({"choices": [{"message": {"content": "six"}}]}, "b.json")
    assert folder.answer() == "six"  # whatever is wrong with others


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    """A thread that has begun."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_session_is_found_while_files_are_read(folder: Folder, monkeypatch: Any) -> None:
    folder.write(saying("a"))
    reading, go_on = threading.Event(), threading.Event()
    load = m.Library.load

    def slow(library: m.Library) -> Any:
        reading.set()
        assert go_on.wait(10)
        return load(library)

    monkeypatch.setattr(m.Library, "load", slow)
    reloading = in_thread(folder.mocks.files.load)
    assert reading.wait(10)
    looking = in_thread(lambda: folder.mocks.session("new").remove())
    looking.join(10)
    assert not looking.is_alive() and reloading.is_alive()
    go_on.set()
    reloading.join(10)
    assert [mock.place for mock in folder.mocks.from_files] == ["mocks/a.json#1"]


def test_what_is_added_while_files_are_read_is_there_afterwards(
    folder: Folder,
) -> None:
    folder.write(saying("a"))
    folder.mocks.files.load()
    stop = threading.Event()

    def reload() -> None:
        while not stop.wait(0.001):  # so that others have their turn between two reloads
            folder.mocks.files.load()

    reloading = in_thread(reload)
    session = folder.mocks.session("s")
    ids = [session.add([{"response": {"body": "@mocks/a.json"}}])[0].id for _ in range(50)]
    session.remove(ids[:25])
    stop.set()
    reloading.join(10)
    assert sorted(mock.id for mock in session.mocks) == sorted(ids[25:])
