"""What `python3 mock_server.py` and `python3 -m mock_server` start."""

from __future__ import annotations

import os
import sys

from .cli import main, open_standard_streams
from .pytest_plugin import pytest_configure  # noqa: F401  so that it is part of the file


def run_program() -> None:
    """Run the command line, and leave with its status."""
    open_standard_streams()
    status = main()
    if status and sys.stderr:
        sys.stderr.flush()
    os._exit(status)  # threads may still be in a write that no client takes; nothing waits for them


def run_script() -> None:
    """Run the command line once the script has ended, as far as Python can tell.

    Until then Python keeps the syntax tree that it compiled the script from, 20 MiB of this one.
    What it calls after that, on an error that ends the script, may run for as long as it likes."""
    sys.excepthook = lambda *_: run_program()
    raise RuntimeError("the script is loaded")


if __name__ == "__main__":
    if sys._getframe().f_back:  # a module, or under a debugger
        run_program()
    run_script()
