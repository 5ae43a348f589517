"""Tries what pip installed: the names, the files beside them, the command, and `python -m`."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from importlib.metadata import metadata
from pathlib import Path
from typing import List

import mock_server

HERE = Path(mock_server.__file__).parent
COMMANDS = (
    [str(Path(sys.executable).with_name("mock-llm-provider"))],
    [sys.executable, "-m", "mock_server"],
)


def run(command: List[str], argument: str) -> "subprocess.CompletedProcess[str]":
    """The program with one argument, once it has ended."""
    return subprocess.run([*command, argument], capture_output=True, text=True, timeout=30)


def serve(command: List[str]) -> None:
    """Start the program, ask it one thing, stop it."""
    process = subprocess.Popen([*command, "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout
        found = re.match(r"listening on (http://\S+)", process.stdout.readline().decode())
        assert found, f"{command} does not listen"
        with urllib.request.urlopen(found.group(1), timeout=10) as answer:
            assert b"healthy" in answer.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


said = metadata("mock-llm-provider")
assert said["Version"] == mock_server.__version__, said["Version"]
assert said["License-Expression"] == "Apache-2.0" and said["Requires-Python"] == ">=3.8"
assert HERE.name == "mock_server" and (HERE / "py.typed").exists()
assert (HERE / "inspector.html").read_text("utf-8") == mock_server.INSPECTOR
with mock_server.MockServer() as server:
    assert server.port
# pytest knows the plugin, which imports nothing of the server before a test needs it.
code = "import sys, mock_server.pytest_plugin; assert 'mock_server.server' not in sys.modules"
subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
with tempfile.TemporaryDirectory() as folder:
    test = "def test_it(llm):\n    llm.mock(response={'text': 'x'})\n    llm.verify(unused=False)\n"
    Path(folder, "test_it.py").write_text(test, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", folder]
    copied = Path(folder, "copied")  # where it is started, the file goes before the package
    copied.mkdir()
    shutil.copy(Path(__file__).resolve().parent.parent / "mock_server.py", copied)
    for place in (folder, str(copied)):
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60)
        assert "1 passed" in done.stdout, done.stdout + done.stderr
for command in COMMANDS:
    assert run(command, "--version").stdout == f"mock_server.py {mock_server.__version__}\n"
    wrong = run(command, "--prot")
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1, wrong.stderr
    serve(command)
