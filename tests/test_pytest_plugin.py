"""The pytest plugin: sessions of tests, what fails at their end, and in which words."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import threading
from typing import Any, Dict

from program import ROOT

import mock_server as m

pytest_plugins = ["pytester"]

# What brings the plugin: the file, or in the package the room that is its entry point.
PLUGIN = m.pytest_configure.__module__
REWRITING = "error::pytest.PytestAssertRewriteWarning"

ASKING = """
import json, unittest, urllib.error, urllib.request
import pytest

def ask(llm, text):
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(llm.url + "/v1/chat/completions", data) as answer:
            return json.load(answer)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        return error.code
"""

TESTS = """
PONG = {"match": {"user": "ping"}, "response": {"text": "pong"}}

def test_good(llm):
    llm.mock(**PONG)
    assert ask(llm, "ping") == "pong" and len(llm.requests) == 1

def test_unused(llm):
    llm.mock(name="never", **PONG)

def test_unmatched(llm):
    llm.mock(name="mine", **PONG)
    assert (ask(llm, "ping"), ask(llm, "pang")) == ("pong", 404)

def test_function(llm):
    llm.mock(response=lambda request: {}[request.user])
    assert ask(llm, "ping") == 500

def test_own_failure(llm):
    llm.mock(**PONG)
    assert ask(llm, "pang") == "pong"

def test_bad_mock(llm):
    llm.mock(match={"usr": "x"}, response={"text": "x"})

def test_verifies_itself(llm):
    llm.mock(**PONG)
    llm.verify(unused=False)

@pytest.mark.llm(unused=False)
def test_marked(llm):
    llm.mock(**PONG)

@pytest.mark.llm(unsued=False)
def test_marked_wrongly(llm):
    pass

@pytest.mark.llm(False)
def test_marked_by_place(llm):
    pass

@pytest.mark.parametrize("text", ["a/b", "*", "\\u00e9" * 200])
class TestNames:
    def test_good(self, llm, text):
        assert llm.requests == []
        llm.mock(response=lambda request: request.user)
        assert ask(llm, text) == text

@pytest.fixture
def client(llm):
    llm.mock(**PONG)
    yield lambda text: ask(llm, text)
    ask(llm, "what is asked later is nobody's")

def test_nested(client):
    assert client("ping") == "pong"

def test_nested_unmatched(client):
    client("ping"), client("pang")

def test_asked_for_later(request):
    request.getfixturevalue("llm").mock(**PONG)

class TestCase(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _llm(self, llm):
        self.llm = llm

    def test_unused_there(self):
        self.llm.mock(**PONG)

@pytest.mark.xfail(strict=True)
def test_expected_to_fail(llm):
    llm.mock(**PONG)

def test_skipped(llm):
    llm.mock(**PONG)
    pytest.skip()

def test_without():
    pass
"""

FAIL = {
    "test_unused": 'llm: mock "never" (added-N) was never used',
    "test_unmatched": "llm: no mock answered POST /v1/chat/completions (…): no mock matches; "
    'closest is "mine" (added-N): user is "pang", expected "ping"',
    "test_function": "llm: no mock answered POST /v1/chat/completions (…): lambda "
    "(test_all.py:N) raised KeyError: 'ping', at test_all.py:N",
    "test_nested_unmatched": "llm: no mock answered POST /v1/chat/completions (…): no mock "
    'matches; closest is "added-N": user is "pang", expected "ping"',
    "test_asked_for_later": 'llm: mock "added-N" was never used',
    "test_unused_there": 'llm: mock "added-N" was never used',
}


def told(report: Any) -> str:
    """What a report says, without what differs from run to run."""
    text = str(report.longrepr)
    text = re.sub(r"\((running|complete)\)", "(…)", text)
    return re.sub(r"(added-|test_all\.py:)\d+", r"\1N", text)


def test_a_test_fails_at_its_end_for_what_is_left_over_in_words(pytester: Any) -> None:
    pytester.makepyfile(test_all=ASKING + TESTS)
    run = pytester.inline_run("-p", PLUGIN, "--strict-markers", "-W", REWRITING)
    reports: Dict[str, Any] = {
        report.nodeid.rpartition("::")[2]: report
        for report in run.getreports("pytest_runtest_logreport")
        if report.when == "call" or not report.passed
    }
    failed = {name: told(report) for name, report in reports.items() if report.failed}
    for name, line in FAIL.items():
        first, hint = failed.pop(name).split("\n")
        assert first == line, name
        assert hint.startswith("(The fixture llm looks for this") and hint.endswith("otherwise.)")
    assert set(failed) == {
        "test_own_failure",
        "test_bad_mock",
        "test_marked_wrongly",
        "test_marked_by_place",
    }
    assert "assert 404 == 'pong'" in failed["test_own_failure"]
    sections = dict(reports["test_own_failure"].sections)
    assert "no mock answered POST" in sections["Captured llm call"]
    assert "never used" not in str(reports["test_own_failure"].sections)
    assert "BadMock: added-N: match.usr: unknown key; did you mean" in failed["test_bad_mock"]
    assert "test_all.py:N" in failed["test_bad_mock"]
    assert "mock_server.py" not in failed["test_bad_mock"]
    wrong = "@pytest.mark.llm: found unsued=False, expected llm(unused=True, unmatched=True, "
    assert failed["test_marked_wrongly"].startswith(wrong)
    assert failed["test_marked_by_place"].startswith(wrong.replace("unsued=", ""))
    assert reports["test_expected_to_fail"].skipped and reports["test_skipped"].skipped
    assert not m.LLM_SESSIONS


def test_a_copy_of_the_file_has_what_an_installed_package_tells_pytest_to_load() -> None:
    name = m.pytest_configure.__module__.split(".")[0]
    assert importlib.import_module(f"{name}.pytest_plugin").pytest_configure is m.pytest_configure


def test_options_of_the_server_are_a_fixture_and_it_is_closed_at_the_end(pytester: Any) -> None:
    pytester.makeconftest(
        "import pytest\n@pytest.fixture(scope='session')\n"
        "def llm_options(): return {'fallback': 'echo', 'seed': 7}"
    )
    body = ASKING + (
        "def test_one(llm, llm_server):\n"
        "    assert llm_server.core.settings.seed == 7\n"
        "    assert ask(llm, 'echoed') == 'echoed' and llm.requests[-1]['unmatched']\n"
        "    llm.verify(unmatched=False)\n"
        "    print('session', llm)\n"
    )
    pytester.makepyfile(test_a=body, test_b=body)
    run = pytester.runpytest_inprocess("-p", PLUGIN, "-s")
    run.assert_outcomes(passed=2)
    urls = re.findall("<SessionView (http://[0-9.:]+)/@(test_one-[0-9]+)>", run.stdout.str())
    assert len({url for url, _ in urls}) == 1 and len({name for _, name in urls}) == 2
    pytester.makeconftest(
        "import pytest\n@pytest.fixture(scope='session')\ndef llm_options(): return {'pace': -1}"
    )
    run = pytester.runpytest_inprocess("-p", PLUGIN)
    run.assert_outcomes(errors=2)
    run.stdout.fnmatch_lines(["llm_options: pace: expected seconds from 0 to 3600, found -1"])


def test_where_no_test_uses_it_there_is_no_thread_and_no_server(pytester: Any) -> None:
    before = [thread.ident for thread in threading.enumerate()]  # other tests' own may still end
    pytester.makepyfile(
        f"import threading\nBEFORE = {before}\n"
        "def test_it(): assert {one.ident for one in threading.enumerate()} <= {*BEFORE}"
    )
    # As an entry point is imported: the room of the package, without the rest.
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); import mock_server.pytest_plugin; "
        "print([name for name in sys.modules if name.startswith('mock_server.') or "
        "name in ('pytest', 'threading', 'ssl', 'json')], mock_server.MockServer.__name__)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("['mock_server.pytest_plugin'] MockServer\n", "")
    run = pytester.runpytest_inprocess("-p", PLUGIN)
    run.assert_outcomes(passed=1)


def test_the_package_is_installed_with_it() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert '"mock_server.pytest_plugin" = "mock_server.pytest_plugin"' in text
