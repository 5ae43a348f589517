"""The folder of recordings: whole files or none, nothing overwritten, nothing outside."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest
from mocked import loaded

import mock_server as m


def made(name: str = "a", user: str = "Hi", text: str = "data: 1\n\n") -> m.Made:
    """A recording."""
    mock = f"mocks/recorded/{name}.json"
    response = {"events": f"@recordings/{name}.sse", "pace": "recorded"}
    spec = {"name": name, "match": {"user": user, "stream": True}, "response": response}
    files = {
        f"recordings/{name}.sse": text.encode(),
        f"recordings/{name}.times.json": b"[0.5]\n",
        mock: m.mock_file(spec),
    }
    return m.Made(name, files, mock)


def files_in(root: Path) -> Dict[str, bytes]:
    """All files below a folder, hidden ones, too."""
    found = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


class Saving:
    """A folder and what it said."""

    def __init__(self, root: Path) -> None:
        self.root, self.said = root, []  # type: Path, List[str]
        self.folder = m.Folder(str(root), self.said.append)

    def save(self, recording: m.Made) -> str:
        """Why a recording is not kept, if it is not."""
        file, reason = self.folder.keep(recording)
        assert bool(file) != bool(reason)
        return reason


def test_a_recording_is_written_as_it_was_made_and_answers_then(tmp_path: Path) -> None:
    saving = Saving(tmp_path / "not" / "there" / "yet")
    assert saving.save(made()) == "" and saving.said == []
    assert files_in(saving.root) == made().files
    (mock,) = loaded(str(saving.root)).from_files
    assert (mock.name, mock.place) == ("a", "mocks/recorded/a.json#1")
    assert saving.save(m.Made("a", reason="no")) == "no"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    assert saving.save(made()) == ""
    assert saving.save(made(text="data: other\n\n")) == "recorded already"
    assert saving.save(made(user="Ho", text="data: 2\n\n")) == ""
    kept = saving.folder.keep(made(user="Hu", text="data: 3\n\n"))
    assert kept == ("mocks/recorded/a-3.json", "")
    assert saving.save(made(user="Hu")) == "recorded already"
    assert saving.said == []
    # Somebody took the mock away, and left what it names.
    os.unlink(tmp_path / "mocks/recorded/a.json")
    assert saving.save(made(text="data: 4\n\n")) == ""
    mocks = {mock.name: mock for mock in loaded(str(tmp_path)).from_files}
    told = {
        name: (one.expected, b"".join(mock.answers[0].form.frames))
        for name, mock in mocks.items()
        for one in mock.conditions
        if one.key == "user"
    }
    assert told == {
        "a-2": ("Ho", b"data: 2\n\n"),
        "a-3": ("Hu", b"data: 3\n\n"),
        "a-4": ("Hi", b"data: 4\n\n"),
    }
    assert (tmp_path / "recordings/a.sse").read_bytes() == b"data: 1\n\n"


def test_of_many_that_save_at_once_each_is_whole_and_of_equals_one_wins(tmp_path: Path) -> None:
    reasons: List[str] = []
    # Each with a lock of its own, as in processes of their own.
    threads = [
        threading.Thread(
            target=lambda at=at: reasons.append(
                Saving(tmp_path).save(made(user=f"{at % 3}", text=f"data: {at}\n\n"))
            )
        )
        for at in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reasons) == [""] * 3 + ["recorded already"] * 9
    mocks = loaded(str(tmp_path)).from_files
    assert sorted(mock.name for mock in mocks) == ["a", "a-2", "a-3"]
    assert m.doubts_about(mocks) == []
    assert len(files_in(tmp_path)) == 9


def test_links_that_lead_out_of_the_directory_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for at, link in enumerate(("mocks", "mocks/recorded", "recordings")):
        root = tmp_path / f"data{at}"
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(outside, target_is_directory=True)
        saving = Saving(root)
        reason = saving.save(made())
        assert "leads out of the data directory" in reason
        assert saving.said == [f"{reason}; answers are passed on all the same"]
    assert files_in(outside) == {} and list(outside.iterdir()) == []
    # A directory that is a link itself is the one that is meant.
    (tmp_path / "link").symlink_to(outside, target_is_directory=True)
    assert Saving(tmp_path / "link").save(made()) == ""
    assert files_in(outside) == made().files


def test_names_that_lead_out_of_the_directory_are_refused(tmp_path: Path) -> None:
    for name in ("../a.json", "/a.json", "mocks/../../a.json", "./a.json"):
        saving = Saving(tmp_path / "data")
        assert "leads out of" in saving.save(m.Made("a", {name: b"{}"}, name))
    assert files_in(tmp_path) == {}


def test_what_keeps_it_from_being_saved_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving = Saving(tmp_path)
    (tmp_path / "recordings").write_text("in the way")
    first = saving.save(made())
    place = os.path.join(str(tmp_path), "recordings")
    assert first == f"recordings can't be saved in {place}: Not a directory"
    assert saving.save(made("b")) == first
    assert saving.said == [f"{first}; answers are passed on all the same"]
    (tmp_path / "recordings").unlink()
    assert saving.save(made()) == ""

    def full(*given: Any, **named: Any) -> None:
        raise OSError(28, "No space left on device")

    def full_for_mocks(path: str, *more: Any, **named: Any) -> int:
        return full() or 0 if "mocks" in path else opened(path, *more, **named)

    opened, before = os.open, files_in(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full_for_mocks)
        assert "No space left" in saving.save(made("c"))
    assert files_in(tmp_path) == before  # nor what the mock would have named
    saving.folder.said.clear()
    for failing in (("link", "rename"), ("open",), ("mkdir",), ("makedirs",)):
        with monkeypatch.context() as patch:
            for name in failing:
                patch.setattr(os, name, full)
            reason = saving.save(made("c"))
        assert reason == f"recordings can't be saved in {tmp_path}: No space left on device"
        assert files_in(tmp_path) == before
    assert saving.said[2:] == [f"{reason}; answers are passed on all the same"]
    # What was mended and is wrong again is said again.
    assert saving.save(made("c")) == ""
    with monkeypatch.context() as patch:
        patch.setattr(os, "makedirs", full)
        assert saving.save(made("d")) == reason
    assert len(saving.said) == 4


def test_where_there_are_no_links_and_no_locks_nothing_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "link")  # as on some systems
    monkeypatch.setitem(sys.modules, "fcntl", None)
    saving = Saving(tmp_path)
    assert saving.save(made()) == "" and files_in(tmp_path) == made().files
    assert saving.save(made(user="Ho")) == ""
    assert saving.save(made(user="Ho")) == "recorded already"
    assert len(files_in(tmp_path)) == 6 and saving.said == []
    # Somebody took the mock away, and left what it names.
    os.unlink(tmp_path / "mocks/recorded/a.json")
    assert saving.save(made(text="data: 2\n\n")) == ""
    assert (tmp_path / "recordings/a.sse").read_bytes() == b"data: 1\n\n"


def test_a_process_that_keeps_its_turn_for_ever_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: List[int] = []

    def lock() -> None:
        tried.append(1)
        raise BlockingIOError

    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(time, "monotonic", iter([0.0, 1.0, 1.9, 2.1]).__next__)
    m.take_turn(lock)
    assert len(tried) == 2


def test_the_umask_says_who_may_read_a_recording(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert Saving(tmp_path).save(made()) == ""
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in made().files}
    assert modes == {0o640}
