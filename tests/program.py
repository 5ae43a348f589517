"""How the tests start the program: as the file or, if they import the package, as a module."""

from __future__ import annotations

import atexit
import importlib.util
import os
import py_compile
import shutil
import sys
import tempfile
from pathlib import Path
from typing import List

import mock_server as m

ROOT = Path(__file__).resolve().parent.parent

# What is started compiles what it imports once for all: that takes Python longer than all else at a
# start.  It is kept in a folder of this run, and not beside the sources.
BYTECODE = tempfile.mkdtemp()
atexit.register(shutil.rmtree, BYTECODE)
os.environ["PYTHONPYCACHEPREFIX"] = BYTECODE
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

SCRIPT = [sys.executable, str(ROOT / "mock_server.py")]
# As `-m` does it, but with src/ first on the path, where `-m` puts the working directory.
MODULE = [
    sys.executable,
    "-c",
    f"import runpy, sys; sys.path[0], sys.argv[0] = {str(ROOT / 'src')!r}, '-m'; "
    "runpy.run_module('mock_server', run_name='__main__', alter_sys=True)",
]


def compiled() -> List[str]:
    """The file, started as a script is, but compiled as for those who import it."""
    source, usual = SCRIPT[-1], sys.pycache_prefix
    sys.pycache_prefix = BYTECODE
    path = py_compile.compile(source, importlib.util.cache_from_source(source))
    sys.pycache_prefix = usual
    code = f"marshal.loads(pathlib.Path({path!r}).read_bytes()[16:])"  # after a head
    start = f"import marshal, pathlib, sys; sys.argv[0] = __file__ = {source!r}; exec({code})"
    return [sys.executable, "-c", start]


PROGRAM = MODULE if hasattr(m, "__path__") else compiled()
