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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_failures_output_warnings_and_status_are_told(tmp_path: Path) -> None:
    files = {"conftest.py": CONFTEST, "test_a.py": RIGHT, "test_b.py": WRONG}
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--processes", "2"],
        cwd=str(tmp_path),
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        universal_newlines=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "test_b.py F" in done.stdout
    assert "assert os.getpid() == 1" in done.stdout
    assert "said before" in done.stdout
    assert "mind this" in done.stdout
    assert "1 failed, 1 passed, 1 skipped, 1 warning in" in done.stdout
