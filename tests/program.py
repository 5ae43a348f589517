"""How the tests start the program: as the file or, if they import the package, as a module."""

from __future__ import annotations

import atexit
import marshal
import os
import sys
import tempfile
from pathlib import Path
from typing import List

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


def compiled() -> List[str]:
    """The file, started as a script is, but compiled once for all who start it: that takes Python
    longer than all else at a start."""
    source = Path(SCRIPT[-1])
    descriptor, name = tempfile.mkstemp()
    with open(descriptor, "wb") as file:
        marshal.dump(compile(source.read_bytes(), str(source), "exec"), file)
    atexit.register(os.remove, name)
    start = f"sys.argv[0] = __file__ = {str(source)!r}; exec(marshal.load(open({name!r}, 'rb')))"
    return [sys.executable, "-B", "-c", "import marshal, sys; " + start]


PROGRAM = MODULE if hasattr(m, "__path__") else compiled()
