"""How the tests start the program: as the file or, if they import the package, as a module."""

from __future__ import annotations

import sys
from pathlib import Path

import mock_server as m

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = [sys.executable, "-B", str(ROOT / "mock_server.py")]
# As `-m` does it, but with src/ first on the path, where `-m` puts the working directory.
MODULE = [
    sys.executable,
    "-B",
    "-c",
    f"import runpy, sys; sys.path[0], sys.argv[0] = {str(ROOT / 'src')!r}, '-m'; "
    "runpy.run_module('mock_server', run_name='__main__', alter_sys=True)",
]
PROGRAM = MODULE if hasattr(m, "__path__") else SCRIPT
