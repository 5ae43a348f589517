"""examples/ and the pages about them, as far as nothing but Python is needed to tell.

The rest is in compat/test_kubernetes.py and in the tests of examples/go, which `.ci/run` starts.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import zipfile
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
from clients import chat, fetch
from pages import ROOT, blocks, page

import mock_server as m
from mock_server import BadMock, MockServer

EXAMPLES = ROOT / "examples"
LARGEST_CONFIG_MAP = 1 << 20


def instructions() -> List[Tuple[str, str]]:
    """The lines of the Dockerfile, each as its instruction and the rest."""
    text = (EXAMPLES / "docker" / "Dockerfile").read_text("utf-8")
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines())]


def test_the_dockerfile_starts_the_server_as_nobody(tmp_path: Path) -> None:
    lines = dict(instructions())
    assert [word for word, _ in instructions()] == ["FROM", "COPY", "USER", "EXPOSE", "ENTRYPOINT"]
    assert re.fullmatch(r"python:3\.\d+-slim", lines["FROM"])
    assert set(lines["USER"].split(":")).isdisjoint({"0", "root"})
    assert lines["EXPOSE"] == str(m.DEFAULT_PORT)
    *sources, target = lines["COPY"].split()
    assert target == "/mock/"
    for source in sources:  # COPY copies what is in a folder, not the folder
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / "mock", dirs_exist_ok=True)
    python, script, *arguments = json.loads(lines["ENTRYPOINT"])
    assert (python, script, "mock_server.py" in sources) == (
        "python3",
        "/mock/mock_server.py",
        True,
    )
    assert arguments[:2] == ["--host", "0.0.0.0"]
    here = [word.replace("/mock", str(tmp_path / "mock")) for word in arguments[2:]]
    (server,) = m.serve(m.parse_arguments(["0", *here], {}))
    with server:
        assert chat(server.port, "Explain recursion in one sentence.")[0] == 200


def test_docker_is_told_what_there_is() -> None:
    (block,) = (found for found in blocks("sh", page("kubernetes")) if "docker" in found)
    build, start = map(shlex.split, block.split("\n"))
    assert (ROOT / build[build.index("-f") + 1]).is_file()
    assert build[-1] == "."
    assert start[-1] == build[build.index("-t") + 1]
    assert f":{m.DEFAULT_PORT}:{dict(instructions())['EXPOSE']}" in block


def test_what_the_page_shows_of_go_is_the_example() -> None:
    sources = [path.read_text("utf-8") for path in (EXAMPLES / "go").rglob("*.go")]
    found = blocks("go", page("go"))
    for block in found:
        assert any(f"\n{block}\n" in source for source in sources), block
    # Who starts it, and what is said where that fails, is the page's first block.
    assert "func Start(" in found[0]
    assert "did not start" in found[0]


def test_what_the_page_of_go_says_of_a_bad_mock_is_said(tmp_path: Path) -> None:
    (block,) = blocks("text", page("go"))
    _, said = block.split("\n")
    source = (EXAMPLES / "go" / "mockserver" / "mockserver_test.go").read_text("utf-8")
    (tmp_path / "mocks").mkdir()
    (mock,) = re.findall(r"mock := `(.+)`", source)
    (tmp_path / "mocks" / "bad.json").write_text(mock)
    with pytest.raises(BadMock, match=re.escape(said)):
        m.serve(m.parse_arguments(["0", "--data", str(tmp_path)], {}))


def test_the_commands_of_the_page_of_go_are_those_that_ci_runs() -> None:
    lines = [line for block in blocks("sh", page("go")) for line in block.split("\n")]
    steps = (ROOT / ".ci" / "run").read_text("utf-8")
    program = (EXAMPLES / "go" / "main_test.go").read_text("utf-8")
    for line in lines:
        for command in line.split(" && "):
            name, *rest = command.split()
            if name == "cd":
                assert (ROOT / rest[0]).is_dir()
            elif name == "go":
                assert "go test -count=1 ./..." in steps
            elif name.startswith("OPENAI_BASE_URL="):
                assert '"go", "run", "."' in program
                prompt = shlex.split(command)[-1]
                with MockServer(data=ROOT / "data") as server:
                    assert chat(server.port, prompt)[0] == 200


def test_mocks_of_the_examples_answer() -> None:
    said: Dict[str, str] = {
        "kubernetes/base": "Hello from the mock.",
        "go/testdata": "Hello from testdata.",
    }
    for folder, text in said.items():
        with MockServer(data=EXAMPLES / folder) as server:
            assert chat(server.port, "Hello") == (200, text)


def test_kustomizations_name_files_that_are_there() -> None:
    folder = EXAMPLES / "kubernetes"
    made = "mock_server.zip"  # by the first line of the page
    assert made in page("kubernetes")
    for path in folder.rglob("kustomization.yaml"):
        names = re.findall(r"^ +- (?!\w+:|target|patch)([\w./-]+)", path.read_text("utf-8"), re.M)
        names = [name for name in names if "/" in name or "." in name]
        missing = [name for name in names if not (path.parent / name).exists()]
        assert missing in ([], [made]), path
    mocks = {path.name for path in (folder / "base" / "mocks").iterdir()}
    named = re.findall(r"- mocks/(.+)", (folder / "base" / "kustomization.yaml").read_text())
    assert set(named) == mocks


def test_probes_ask_for_what_answers() -> None:
    text = (EXAMPLES / "kubernetes" / "base" / "deployment.yaml").read_text("utf-8")
    paths = re.findall(r"path: (\S+)", text)
    assert len(paths) == 3
    with MockServer() as server:
        for path in paths:
            headers = {"Host": "10.0.0.7:8080", "User-Agent": "kube-probe/1.34"}
            assert fetch(server.port, "GET", path, headers=headers)[0] == 200


def test_the_script_fits_into_a_config_map_as_a_zip_alone(tmp_path: Path) -> None:
    script, packed = ROOT / "mock_server.py", tmp_path / "mock_server.zip"
    zipfile.main(["-c", str(packed), str(script)])  # as the page says it
    assert script.stat().st_size > LARGEST_CONFIG_MAP
    assert packed.stat().st_size < LARGEST_CONFIG_MAP * 3 / 4
