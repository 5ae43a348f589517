"""CONTRIBUTING.md: its worked example is done as it says, and its commands are there."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from cases import cases

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
EXAMPLE, ROW = re.findall(r"```python\n(.+?)```", TEXT.split("## Add a provider")[1], re.S)


@pytest.fixture(name="extended")
def with_parrot(tmp_path: Path) -> Iterator[Any]:
    """mock_server.py, welded with the example's room."""
    shutil.copytree(str(ROOT / "src"), str(tmp_path / "src"))
    formats = tmp_path / "src" / "mock_server" / "formats"
    (formats / "parrot.py").write_text(EXAMPLE, "utf-8")
    listed = (formats / "all.py").read_text("utf-8")
    (formats / "all.py").write_text(
        listed.replace("    responses,\n", "    parrot,\n    responses,\n"), "utf-8"
    )
    subprocess.run([sys.executable, str(tmp_path / "src" / "weld.py")], check=True, timeout=60)
    spec = importlib.util.spec_from_file_location("extended", str(tmp_path / "mock_server.py"))
    assert spec and spec.loader
    sys.modules["extended"] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules["extended"]


def test_the_new_provider_works_once_its_room_is_there(extended: Any) -> None:
    x = extended
    method, path, stream_path, body = eval(f"{{{ROW}}}", {"m": x})[x.Parrot]  # noqa: S307
    mocks = x.Mocks()
    mocks.session("").add(
        [
            {
                "match": {"user": "Hi", "model": "polly", "provider": "parrot"},
                "response": {"text": "Hi {{user}}!"},
            },
            {"match": {"user": "busy"}, "response": {"status": 429}},
            {
                "match": {"user": "fall"},
                "response": {"text": "a b c", "error": "dropped", "after_events": 1},
            },
        ]
    )
    answers = x.Answerer(mocks, x.Settings())

    def squawk(**more: Any) -> Any:
        target = stream_path if more.get("stream") else path
        request = x.Request(method, target, body=json.dumps({**body, **more}).encode())
        return answers.answer(request).response

    assert json.loads(squawk().body)["squawk"] == "Hi Hi!"
    lines = x.NDJSON.split(b"".join(squawk(stream=True).frames))
    assert "".join(line.get("squawk", "") for line in lines) == "Hi Hi!"
    assert lines[-1]["id"] == json.loads(squawk().body)["id"]
    busy = squawk(say="busy")
    assert (busy.status, busy.body) == (429, b'{"ruffled":"Too many crackers."}')
    assert squawk(say=3).body == b'{"ruffled":"say should be a string"}'
    fallen = x.NDJSON.split(b"".join(squawk(say="fall", stream=True).frames))
    assert fallen == [{"squawk": "a"}, {"ruffled": "dropped"}]
    assert b'user is \\"Ho\\", expected \\"Hi\\"' in squawk(say="Ho").body


def test_the_example_keeps_the_width_of_the_rooms() -> None:
    assert [line for line in EXAMPLE.split("\n") if len(line) > 100] == []


PLACES = (ROOT, ROOT / "src" / "mock_server")


def found(name: str) -> List[Path]:
    """The files and folders that a name stands for, in the repository or among the rooms."""
    return [place / name for place in PLACES if (place / name).exists()]


def test_what_it_names_is_there() -> None:
    prose = re.sub(r"^\|.*", "", TEXT, flags=re.M)
    names = set(re.findall(r"`([\w./]+(?:/|\.py))`", prose)) - {"formats/parrot.py"}
    assert [name for name in names if not found(name)] == []


def test_the_tables_and_functions_that_it_names_are_there() -> None:
    named = re.findall(r"`(\w+)`\s+in\s+`([\w/]+\.py)`", TEXT)
    assert len(named) > 5
    for name, file in named:
        [path] = found(file)
        assert re.search(rf"^(def )?{name}\b", path.read_text("utf-8"), re.M), f"{name} in {file}"


# --- tables of cases that are one test ---


def test_a_table_of_cases_tries_all_and_names_those_that_fail() -> None:
    tried = []

    @cases("a", [1, 2])
    @cases("b, kind", [("x", int), ("y", str)])
    def check(a: int, b: str, kind: type) -> None:
        tried.append((a, b))
        assert a == 1 or kind is int

    with pytest.raises(AssertionError, match="1 of 2 cases fail:\n  a=2") as failed:
        check()
    assert len(tried) == 4
    assert str(failed.value.__cause__) == "1 of 2 cases fail:\n  b='y', kind=str"
