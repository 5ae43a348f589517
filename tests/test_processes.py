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

def test_right(tmp_path) -> None:
    warnings.warn("mind this")
"""
WRONG = """
import os
import pytest

def test_wrong(tmp_path) -> None:
    print("said before")
    assert os.getpid() == 1

def test_skipped() -> None:
    pytest.skip()
"""
FATAL = """
import os

def test_fatal() -> None:
    os._exit(3)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is one process here")


def run_in_two(folder: Path, *files: str) -> "subprocess.CompletedProcess[str]":
    """Have files of tests run by two processes."""
    for name, text in zip(("conftest.py", "test_a.py", "test_b.py"), (CONFTEST, *files)):
        (folder / name).write_text(text, "utf-8")
    arguments = ["-p", "no:cacheprovider", "--processes", "2", "--basetemp", "folders"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=str(folder),
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        universal_newlines=True,
        timeout=60,
    )


def test_failures_output_warnings_and_status_are_told(tmp_path: Path) -> None:
    done = run_in_two(tmp_path, RIGHT, WRONG)
    assert done.returncode == 1
    assert "test_b.py F" in done.stdout
    assert "assert os.getpid() == 1" in done.stdout
    assert "said before" in done.stdout
    assert "mind this" in done.stdout
    assert "1 failed, 1 passed, 1 skipped, 1 warning in" in done.stdout
    folders = {path.name for path in (tmp_path / "folders").iterdir()}
    assert {"test_right0", "test_wrong0"} <= folders  # each was left alone by the other process


def test_a_file_whose_process_ends_is_named(tmp_path: Path) -> None:
    done = run_in_two(tmp_path, RIGHT, FATAL)
    assert done.returncode == 1
    assert "test_b.py: its process ended, with status 3" in done.stdout
    assert "INTERNALERROR" not in done.stdout
