"""Loading: data directories, the files that mocks name, what happens when they change."""

from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, List, Mapping

import pytest
from clients import Raw, chat, post
from mocked import loaded, texts_of
from samples import ask, bytes_of, steps_of, uses_of

import mock_server as m
from mock_server import MockServer


def answerer_of(directory: str) -> m.Answerer:
    """An answerer with the mocks of a data directory, in which nothing is wrong."""
    return m.Answerer(loaded(directory), m.Settings())


def chat_of(text: str) -> Any:
    """A recorded chat completion, as far as a test reads it."""
    return {"choices": [{"message": {"content": text}}]}


def test_recordings_are_sent_byte_for_byte(folder: Any) -> None:
    sse = b'data: {"x":1}\r\n\r\n: odd \xff bytes\n\ndata: tail'
    body = b'{ "odd" :  "layout"}'
    mock = {"response": {"body": "@r/b.json", "events": "@r/e.sse"}}
    answers = answerer_of(folder({"mocks/a.json": mock, "r/b.json": body, "r/e.sse": sse}))
    assert ask(answers, m.OpenAIChat).body == body
    assert bytes_of(ask(answers, m.OpenAIChat, True)) == sse


def test_a_gz_twin_is_sent_as_stored_and_a_stale_one_is_refused(folder: Any) -> None:
    body, twin = b'{"a": 1}', gzip.compress(b'{"a": 1}', 1)
    mocks = [
        {"match": {"model": "gpt-4o-mini"}, "response": {"body": "@b.json"}},
        {"match": {"model": "x"}, "response": {"body": "@b.json.gz"}},
    ]
    directory = folder({"mocks/a.json": mocks, "b.json": body, "b.json.gz": twin})
    answers = answerer_of(directory)
    for model in ("gpt-4o-mini", "x"):
        response = ask(answers, m.OpenAIChat, more={"model": model})
        made = steps_of(response, "gzip")
        sent = b"".join(step.data for step in made if isinstance(step, m.Send))
        assert response.body == body and sent.endswith(b"\r\n\r\n" + twin)
    problems = m.Mocks([folder({"b.json": b"[]"})]).files.load()
    assert "b.json.gz is not the gzip of b.json; run convert_to_gzip.py on it" in problems[0]


def test_a_jsonl_file_is_one_event_a_line(folder: Any) -> None:
    mock = {"response": {"events": "@e.jsonl"}}
    directory = folder({"mocks/a.json": mock, "e.jsonl": '{"a": 1}\n\n{"b": 2}\n'})
    sent = bytes_of(ask(answerer_of(directory), m.OpenAIChat, True))
    assert sent == b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'
    problems = m.Mocks([folder({"e.jsonl": '{"a": 1}\n{b\n'})]).files.load()
    assert "e.jsonl, line 2: Expecting" in problems[0]


def test_mock_files_are_read_in_name_order_at_any_depth(folder: Any) -> None:
    one = {"response": {"text": "x"}}
    hidden = {"mocks/.hidden.json": "{", "mocks/.folder/y.json": "{", "mocks/note.txt": "no mock"}
    mocks = loaded(folder({"mocks/b.json": [one, one], "mocks/a/z.json": one, **hidden}))
    places = [mock.place for mock in mocks.from_files]
    assert places == ["mocks/a/z.json#1", "mocks/b.json#1", "mocks/b.json#2"]


@pytest.mark.parametrize(
    "content, message",
    [
        (
            "{",
            "mocks/a.json: not JSON: "
            "Expecting property name enclosed in double quotes at line 1, column 2",
        ),
        (b"\xff", "not JSON: invalid UTF-8 at byte 0"),
        (
            [{"response": {"text": "x"}}, {"response": {"txt": "x"}}],
            "mocks/a.json#2: response.txt: unknown key",
        ),
        (
            {"response": {"body": "@../secret.json"}},
            "@../secret.json lies outside the data directory",
        ),
        ({"response": {"body": "@/etc/x.json"}}, "lies outside"),
        (
            {"response": {"body": "@none.json"}},
            'response.body: no file "none.json" in the data directory',
        ),
    ],
)
def test_a_broken_mock_file_is_named_with_position_and_key(
    folder: Any, content: Any, message: str
) -> None:
    assert message in "\n".join(m.Mocks([folder({"mocks/a.json": content})]).files.load())


@pytest.mark.parametrize(
    "name", ["a\0b.json", "\ud800.json", "x" * 5000 + ".json", "mocks/a.json/b.json", "loop.json"]
)
def test_a_file_name_that_leads_nowhere_is_a_bad_mock(
    folder: Any, tmp_path: Path, name: str
) -> None:
    os.symlink("loop.json", str(tmp_path / "loop.json"))
    problems = m.Mocks([folder({"mocks/a.json": {"response": {"body": "@" + name}}})]).files.load()
    assert len(problems) == 1 and problems[0].startswith("mocks/a.json#1")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_among_the_mocks_hangs_nothing(folder: Any) -> None:
    directory = folder({"mocks/a.json": {"response": {"body": "@pipe.json"}}})
    os.mkfifo(os.path.join(directory, "pipe.json"))
    os.mkfifo(os.path.join(directory, "mocks", "b.json"))
    problems = m.Mocks([directory]).files.load()
    assert len(problems) == 2 and all("is no regular file" in problem for problem in problems)


def test_a_folder_that_can_not_be_listed_keeps_the_mocks(folder: Any, monkeypatch: Any) -> None:
    mocks = loaded(folder({"mocks/a.json": {"response": {"text": "x"}}}))
    walk = os.walk

    def failing(top: str, onerror: Any = None, **more: Any) -> Any:
        onerror(PermissionError(13, "Permission denied", top))
        return walk(top, onerror=onerror, **more)

    monkeypatch.setattr(os, "walk", failing)
    assert "mocks: can't read this folder: Permission denied" in mocks.files.load()[0]
    assert len(mocks.from_files) == 1


def test_links_do_not_lead_out_of_the_data_directory(folder: Any, tmp_path: Path) -> None:
    directory = folder({"data/mocks/a.json": {"response": {"body": "@link.json"}}, "out.json": {}})
    os.symlink("../out.json", str(tmp_path / "data" / "link.json"))
    problems = m.Mocks([os.path.join(directory, "data")]).files.load()
    assert "lies outside the data directory" in problems[0]


class Edited:
    """A data directory whose one mock file is edited between requests."""

    def __init__(self, folder: Any, clock: Any) -> None:
        self.folder, self.clock = folder, clock
        self.lines: List[str] = []
        directory = folder({"mocks/a.json": {"response": {"text": "one"}}})
        self.mocks = m.Mocks([directory], self.lines.append)
        self.answers = m.Answerer(self.mocks, m.Settings())
        self.mocks.files.load()

    def text(self, mock: Any, files: Mapping[str, Any] = MappingProxyType({})) -> Any:
        """What a request gets a second after the mock, and other files, were written."""
        self.folder({"mocks/a.json": mock, **files})
        self.clock.now += 1
        return texts_of(self.answers, 1)[0]


def test_changed_mocks_and_their_files_count_at_the_next_request(folder: Any, clock: Any) -> None:
    edited = Edited(folder, clock)
    assert edited.text({"response": {"text": "two"}}) == "two"
    assert edited.text({"response": {"text": "six"}}) == "six"
    recorded = {"response": {"body": "@b.json"}}
    assert edited.text(recorded, {"b.json": chat_of("from a file")}) == "from a file"
    assert edited.text(recorded, {"b.json": chat_of("changed")}) == "changed"
    edited.text(recorded, {"mocks/b.json": {"response": {"text": "x"}}})
    assert len(edited.mocks.from_files) == 2 and "mocks reloaded: 2" in edited.lines[-1]
    edited.mocks.files.look_now()  # as a recording does, which the log tells of already
    edited.text(recorded, {"mocks/c.json": {"response": {"text": "x"}}})
    assert len(edited.mocks.from_files) == 3 and "mocks reloaded: 2" in edited.lines[-1]


def test_a_broken_edit_changes_nothing_and_is_told_once(folder: Any, clock: Any) -> None:
    edited = Edited(folder, clock)
    assert edited.text("{") == "one"
    told = "mocks not reloaded, the previous ones stay: mocks/a.json: not JSON"
    assert len(edited.lines) == 1 and told in edited.lines[0]
    assert edited.text("{") == "one" and len(edited.lines) == 1
    assert edited.text({"response": {"body": "@b.json"}}) == "one" and len(edited.lines) == 2
    assert edited.text({"response": {"body": "@b.json"}}, {"b.json": chat_of("mended")}) == "mended"


def test_a_change_is_seen_at_the_very_next_request(folder: Any) -> None:
    with MockServer(data=folder({"mocks/a.json": {"response": {"text": "start"}}})) as server:
        client = Raw(server)
        for number in range(30):
            folder({"mocks/a.json": {"response": {"text": f"text {number}"}}})
            assert f'"text {number}"'.encode() in client.send(post()).response()[2]
        client.close()


def test_files_of_a_mock_added_at_run_time_are_watched_too(folder: Any, clock: Any) -> None:
    mocks = loaded(folder({"b.json": chat_of("one")}))
    mocks.session("").add([{"response": {"body": "@b.json"}}])
    answers = m.Answerer(mocks, m.Settings())
    assert texts_of(answers, 1) == ["one"]
    folder({"b.json": chat_of("three")})
    clock.now += 1
    assert texts_of(answers, 1) == ["three"] and uses_of(mocks) == 2


def test_a_reload_keeps_the_place_in_the_sequence_of_a_mock_that_stayed(
    folder: Any, clock: Any
) -> None:
    texts = [{"text": "1"}, {"text": "2"}, {"text": "3"}]
    kept = {"match": {"model": "gpt-4o-mini"}, "responses": texts}
    other = {"match": {"model": "y"}, "response": {"text": "new"}}
    mocks = loaded(folder({"mocks/a.json": [kept]}))
    answers = m.Answerer(mocks, m.Settings())
    assert texts_of(answers, 1) == ["1"]
    folder({"mocks/a.json": [kept, other]})
    clock.now += 1
    assert texts_of(answers, 2) == ["2", "3"] and len(mocks.from_files) == 2


def test_a_mock_of_a_session_whose_file_is_gone_keeps_no_other_from_being_read_again(
    folder: Any,
) -> None:
    old, new = ({"response": {"text": text}} for text in ("old", "new"))
    data = folder({"mocks/a.json": old, "rec.json": chat_of("recorded")})
    with MockServer(data=data) as server:
        server.session("s").mock(response={"body": "@rec.json"})
        os.remove(os.path.join(data, "rec.json"))
        folder({"mocks/a.json": new})
        assert chat(server.port)[1] == "new"
        assert chat(server.port, prefix="/@s")[1] == "recorded"


def at_first_open(monkeypatch: Any, act: Callable[[], None]) -> None:
    """Have something done when a file is about to be opened, after all that is looked at before."""
    opened, todo = os.open, [act]

    def opening(path: Any, *arguments: Any, **more: Any) -> int:
        if todo:
            todo.pop()()
        return opened(path, *arguments, **more)

    monkeypatch.setattr(os, "open", opening)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_that_takes_the_place_of_a_file_before_it_is_opened_hangs_nothing(
    folder: Any, monkeypatch: Any
) -> None:
    directory = folder({"a.json": "1"})

    def swap() -> None:
        os.remove(os.path.join(directory, "a.json"))
        os.mkfifo(os.path.join(directory, "a.json"))

    at_first_open(monkeypatch, swap)
    with pytest.raises(m.Unreadable, match="no regular file"):
        m.Library(directory).read("a.json")


@pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="needs openat")
@pytest.mark.parametrize("swapped", ["data/r", "data/r/a.json", "data"])
def test_a_link_that_takes_the_place_of_what_was_looked_at_leads_nowhere(
    folder: Any, monkeypatch: Any, swapped: str
) -> None:
    top = folder({"data/r/a.json": "1", "out/r/a.json": '"secret"', "out/a.json": '"secret"'})
    target = {"data/r": "out", "data/r/a.json": "out/a.json", "data": "out"}[swapped]

    def swap() -> None:
        os.rename(os.path.join(top, swapped), os.path.join(top, "before"))
        os.symlink(os.path.join(top, target), os.path.join(top, swapped))

    at_first_open(monkeypatch, swap)
    with pytest.raises((m.Unreadable, FileNotFoundError)):
        m.Library(os.path.join(top, "data")).read("r/a.json")


def test_a_file_that_grows_while_it_is_read_is_read_as_far_as_it_was(
    folder: Any, monkeypatch: Any
) -> None:
    directory = folder({"a.json": "1234"})
    fstat = os.fstat

    def growing(number: int) -> os.stat_result:
        found = fstat(number)
        with open(os.path.join(directory, "a.json"), "a") as file:
            file.write("x" * 100)
        return found

    monkeypatch.setattr(os, "fstat", growing)
    assert m.Library(directory).read("a.json") == b"1234"


def test_a_data_directory_that_is_a_link_is_followed_where_it_leads_now(
    folder: Any, clock: Any
) -> None:
    top = folder({f"{name}/mocks/a.json": {"response": {"text": name}} for name in ("one", "two")})
    link = os.path.join(top, "data")
    os.symlink("one", link)
    answers = m.Answerer(loaded(link), m.Settings())
    assert texts_of(answers, 1) == ["one"]
    os.remove(link)
    os.symlink("two", link)
    clock.now += 1
    assert texts_of(answers, 1) == ["two"]


@pytest.mark.parametrize("lack", [OSError(errno.EMFILE, "Too many open files"), MemoryError()])
def test_without_descriptors_or_memory_the_mocks_stay_and_are_read_when_they_can_be(
    folder: Any, clock: Any, monkeypatch: Any, lack: Any
) -> None:
    edited = Edited(folder, clock)
    opened, mock = os.open, {"response": {"text": "two"}}

    def failing(*arguments: Any, **more: Any) -> int:
        raise lack

    monkeypatch.setattr(os, "open", failing)
    assert [edited.text(mock) for _ in range(3)] == ["one"] * 3
    assert len(edited.lines) == 1 and "previous ones stay" in edited.lines[0]
    monkeypatch.setattr(os, "open", opened)
    clock.now += 2
    assert texts_of(edited.answers, 1) == ["two"]
    assert edited.lines[1:] == ["mocks reloaded: 1"]


def test_a_directory_that_is_not_there_yet_is_looked_for(tmp_path: Path) -> None:
    root, round_ = tmp_path / "not" / "yet", 1
    mocks = m.Mocks([str(root)])
    assert mocks.files.load() == [] and mocks.from_files == ()
    assert mocks.files.is_current(round_)
    for name in ("recorded/a.json", "recorded/b.json", "c.json"):
        path = root / "mocks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"response": {"text": "Hi"}}')
        # However short ago somebody looked, in whatever round.
        mocks.files.look_now()
        assert not mocks.files.is_current(round_)
        mocks.files.refresh()
        assert mocks.files.is_current(round_)
        assert f"mocks/{name}#1" in [mock.place for mock in mocks.from_files]
    assert len(mocks.from_files) == 3


def test_what_is_as_it_was_is_not_read_again(folder: Any) -> None:
    spec = {"response": {"body": "@r/b.json"}}
    files = {"mocks/a.json": spec, "mocks/b.json": {"response": {"text": "Hi"}}, "r/b.json": "[1]"}
    root = Path(folder({**files, "r/c.json": "[2]"}))
    mocks = loaded(str(root))
    for change, place in (
        (lambda: (root / "r/b.json").write_text("[33]"), "mocks/a.json#1"),
        (
            lambda: (root / "mocks/b.json").write_text('{"response": {"text": "Ho!"}}'),
            "mocks/b.json#1",
        ),
        (
            lambda: (root / "mocks/c.json").write_text('{"response": {"text": "Hu"}}'),
            "mocks/c.json#1",
        ),
        (lambda: os.replace(linked_to(root, "c.json"), root / "r/b.json"), "mocks/a.json#1"),
        (lambda: (root / "r/b.json.gz").write_bytes(gzip.compress(b"[2]")), "mocks/a.json#1"),
        (lambda: os.utime(root / "r/c.json", (1, 1)), "mocks/a.json#1"),
    ):
        before = mocks.from_files
        change()
        mocks.files.load()
        assert [mock.place for mock in mocks.from_files if mock not in before] == [place]
    assert ask(m.Answerer(mocks, m.Settings()), m.OpenAIChat).body == b"[2]"


def linked_to(root: Path, name: str) -> Path:
    """A new link to a file beside it."""
    link = root / "r" / "link"
    link.symlink_to(name)
    return link
