"""The one file and the package: they have the same names, start alike, and find their data."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest
from program import MODULE, PROGRAM, ROOT, SCRIPT
from rooms import all_rooms, defined

import mock_server as m

# Prints what each name is, in the form that comes first on the path.
LOOK = """
import json, sys
import mock_server as m

def look(name):
    value = getattr(m, name, "nothing of that name")
    plain = isinstance(value, (str, bytes, int, float, type(None)))
    return [type(value).__name__, repr(value) if plain else getattr(value, "__qualname__", "")]

print(json.dumps({"form": hasattr(m, "__path__"), "doc": m.__doc__, "all": m.__all__,
                  "names": {name: look(name) for name in json.load(sys.stdin)}}))
"""


def look(path: Path) -> "subprocess.Popen[str]":
    """A process that prints what LOOK does with this folder first on the path."""
    rooms = [
        room for room in all_rooms() if room.name != "__main__"
    ]  # which is started, not imported
    names = sorted(set().union(*map(defined, rooms)))
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(path)!r})\n{LOOK}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        universal_newlines=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps(names))
    return process


def test_the_file_and_the_package_give_the_same_names() -> None:
    processes = look(ROOT), look(ROOT / "src")  # both at once
    file, package = (json.loads(one.communicate(timeout=60)[0]) for one in processes)
    assert (file.pop("form"), package.pop("form")) == (False, True)
    assert file == package


# What only some runs need, and what takes long to import; ssl is not here because Python's own
# http.client brings it along.
RARE = ["argparse", "ctypes", "dataclasses", "difflib", "inspect", "tempfile"]


def test_what_is_rarely_needed_is_not_imported_at_start() -> None:
    code = f"import sys, mock_server; print([name for name in {RARE} if name in sys.modules])"
    # Without site: what is installed on this machine may import anything.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=str(ROOT / "src" if hasattr(m, "__path__") else ROOT),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_name_that_no_room_defines_is_an_error_in_both_forms() -> None:
    with pytest.raises(
        AttributeError, match="module 'mock_server' has no attribute 'no_such_name'"
    ):
        m.no_such_name  # noqa: B018


def test_tests_change_names_in_the_room_that_uses_them() -> None:
    """In the package a name of `m` is one of many; sys.modules[m.NAME.__module__] is its room."""
    paths = [ROOT / "test_mock_server.py", *sorted((ROOT / "tests").glob("test_*.py"))]
    assert [path.name for path in paths if "setattr(" + "m, " in path.read_text("utf-8")] == []


def start(command: List[str], folder: Path, *arguments: str) -> str:
    """Start the program in a folder, and stop it; what it had to say."""
    process = subprocess.Popen(
        [*command, "0", *arguments], cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout
        assert re.fullmatch(rb"listening on http://127\.0\.0\.1:\d+\n", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=10)[1].decode()
        assert process.returncode == 0
        return said
    finally:
        process.kill()
        process.communicate()


def checked(folder: Path, *commands: List[str]) -> List[str]:
    """What `--check` says in a folder, by each command; all run at once."""
    processes = [
        subprocess.Popen([*command, "--check"], cwd=str(folder), stderr=subprocess.PIPE)
        for command in commands
    ]
    return [process.communicate(timeout=20)[1].decode() for process in processes]


def write_mocks(folder: Path, count: int) -> None:
    """A data/ with so many mocks, so that --check tells it from others."""
    (folder / "data" / "mocks").mkdir(parents=True)
    mocks = [{"match": {"user": str(at)}, "response": {"text": "x"}} for at in range(count)]
    (folder / "data" / "mocks" / "a.json").write_text(json.dumps(mocks), "utf-8")


@pytest.mark.skipif(os.name == "nt", reason="needs SIGTERM")
@pytest.mark.parametrize("command", [SCRIPT, MODULE])
def test_both_forms_start_and_stop(command: List[str], tmp_path: Path) -> None:
    start(command, tmp_path)


def test_a_module_says_in_one_line_what_is_wrong_as_the_file_does(tmp_path: Path) -> None:
    done = subprocess.run(
        [*MODULE, "--prot"], cwd=str(tmp_path), capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch('mock_server.py: unknown argument "--prot"; .+\n', done.stderr)


def test_a_script_finds_the_data_beside_it_through_a_link_too(tmp_path: Path) -> None:
    home, link, here = tmp_path / "home", tmp_path / "bin", tmp_path / "here"
    for folder in (home, link, here):
        folder.mkdir()
    shutil.copy(SCRIPT[-1], str(home))
    write_mocks(home, 2)
    write_mocks(link, 3)
    write_mocks(here, 4)
    try:
        (link / "mock_server.py").symlink_to(home / "mock_server.py")
    except OSError:
        pytest.skip("no symbolic links here")
    paths = "../bin/mock_server.py", str(home / "mock_server.py")
    said = checked(here, *([sys.executable, path] for path in paths))
    assert said == ["2 mocks, nothing wrong\n"] * 2


def test_a_module_finds_the_data_of_the_working_directory(tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    shutil.copy(SCRIPT[-1], str(home))
    write_mocks(home, 2)
    write_mocks(here, 3)
    file = [
        sys.executable,
        "-c",
        MODULE[-1].replace(repr(str(ROOT / "src")), repr(str(home))),
    ]
    assert checked(here, MODULE, file) == ["3 mocks, nothing wrong\n"] * 2
    said = checked(home, [sys.executable, "-m", "mock_server"])
    assert said == ["2 mocks, nothing wrong\n"]


def test_the_tests_start_the_form_that_they_import_and_were_told_to(pytestconfig: Any) -> None:
    packaged = ROOT / "src" in pytestconfig.getini("pythonpath")
    folder = ROOT / "src" if packaged else ROOT
    assert str(m.__file__).startswith(str(folder / "mock_server"))
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, timeout=20)
    assert done.stdout == f"mock_server.py {m.__version__}\n"
