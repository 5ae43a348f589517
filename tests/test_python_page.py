"""docs/python.md and examples/pytest: blocks run as printed, tables agree with the code."""

from __future__ import annotations

import re
import sys
import types
from typing import Any, Dict, List

import pytest
from pages import ROOT, blocks, first_words, page, table, words
from sdk import OpenAI

import mock_server as m

pytest_plugins = ["pytester"]

PAGE = page("python")
FILE = re.compile(r"# (\w+\.py)\n")  # the first line of a block that is a file of tests


@pytest.fixture(autouse=True)
def openai(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of that name, for a repository whose tests need nothing but pytest."""
    module: Any = types.ModuleType("openai")
    module.OpenAI = OpenAI
    monkeypatch.setitem(sys.modules, "openai", module)


def test_the_programs_run_as_printed() -> None:
    programs = [block for block in blocks("python", PAGE) if not FILE.match(block)]
    assert len(programs) == 5
    for program in programs:
        exec(program, {})  # noqa: S102


def test_the_files_of_tests_do_what_is_said_of_them(pytester: Any) -> None:
    files: Dict[str, str] = {}
    for block in blocks("python", PAGE):
        found = FILE.match(block)
        if found:  # of two with a name the last one stays, which has what the first one says
            files[found[1]] = block
    assert "pytest_plugins" in files["conftest.py"] and len(files) == 5
    for name, text in files.items():
        brought = f'pytest_plugins = ["{m.pytest_configure.__module__}"]'
        text = text.replace('pytest_plugins = ["mock_server"]', brought)
        (pytester.path / name).write_text(text, "utf-8")
    (pytester.path / "test_client.py").write_text(
        "def test_client(client, llm):\n"
        "    llm.mock(response={'text': 'pong'})\n"
        "    said = client.chat.completions.create(model='m', messages=[\n"
        "        {'role': 'user', 'content': 'ping'}])\n"
        "    assert said.choices[0].message.content == 'pong'\n",
        "utf-8",
    )
    run = pytester.inline_run("--strict-markers")
    passed, _, failed = run.listoutcomes()
    ended: List[str] = [report.nodeid for report in passed]
    assert ended == [
        "test_chat.py::test_ping",
        "test_client.py::test_client",
        "test_spare.py::test_with_a_spare_mock",
        "test_typed.py::test_weather",
    ]
    (left_over,) = failed
    assert left_over.nodeid == "test_left_over.py::test_never_asked"
    (printed,) = blocks("text", PAGE)
    line = str(left_over.longrepr).split("\n")[0]
    assert re.sub(r"added-\d", "added-2", line) == printed


def test_the_example_passes(pytester: Any) -> None:
    for path in (ROOT / "examples" / "pytest").glob("*.py"):
        text = path.read_text("utf-8")
        text = text.replace('["mock_server"]', f'["{m.pytest_configure.__module__}"]')
        (pytester.path / path.name).write_text(text, "utf-8")
    run = pytester.runpytest_inprocess("-W", "error::pytest.PytestAssertRewriteWarning")
    run.assert_outcomes(passed=6)


def test_the_tables_say_what_there_is() -> None:
    told = [word for row in table("python", "attribute") for word in words(row[0])]
    assert sorted(told) == sorted(m.field_names(m.MockRequest))
    assert first_words("python", "keyword") == list(m.LLM_KEYWORDS)
    methods = {re.split(r"\(", word)[0] for word in first_words("python", "method")}
    server = {"close", "host", "port", "serve_forever", "session", "start", "tls_cert"}
    assert methods | server == {name for name in m.PRESENTED if name[0] != "_"}
