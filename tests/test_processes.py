"""The processes that run the tests: what they find is told as one process tells it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
CONFTEST = """
from processes import add_processes_option as pytest_addoption
from processes import pytest_runtestloop
"""
RIGHT = """
import warnings

def test_right() -> None:
    warnings.warn("mind this")
"""
WRONG = """
import os
import pytest

def test_wrong() -> None:
    print("said before")
    assert os.getpid() == 1

def test_skipped() -> None:
    pytest.skip()
"""


FATAL = """
import os

def test_fatal() -> None:
    os._exit(7)
"""
LATER = """
from pathlib import Path
import time
import pytest

@pytest.fixture
def started():
    yield
    Path("ended").touch()

def test_later(started) -> None:
    time.sleep(0.3)
"""


def run_of(folder: Path, *texts: str) -> "subprocess.CompletedProcess[str]":
    """A run of these files of tests in two processes."""
    (folder / "conftest.py").write_text(CONFTEST, "utf-8")
    for letter, text in zip("abc", texts):
        (folder / f"test_{letter}.py").write_text(text, "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--processes", "2"],
        cwd=str(folder),
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        universal_newlines=True,
        timeout=60,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_test_that_ends_its_process_is_told_and_the_others_clean_up(tmp_path: Path) -> None:
    done = run_of(tmp_path, FATAL, LATER)
    assert done.returncode == 1
    assert "a test in test_a.py has ended its process, with 7" in done.stdout
    assert "1 passed" in done.stdout
    assert (tmp_path / "ended").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_failures_output_warnings_and_status_are_told(tmp_path: Path) -> None:
    done = run_of(tmp_path, RIGHT, WRONG)
    assert done.returncode == 1
    assert "test_b.py F" in done.stdout
    assert "assert os.getpid() == 1" in done.stdout
    assert "said before" in done.stdout
    assert "mind this" in done.stdout
    assert "1 failed, 1 passed, 1 skipped, 1 warning in" in done.stdout
