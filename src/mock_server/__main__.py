"""What `python3 mock_server.py` and `python3 -m mock_server` start."""

from __future__ import annotations

import os
import sys

from .cli import main, open_standard_streams


def run_program() -> None:
    """Run the command line, and leave with its status."""
    open_standard_streams()
    status = main()
    if status and sys.stderr:
        sys.stderr.flush()
    os._exit(status)  # threads may still be in a write that no client takes; nothing waits for them


if __name__ == "__main__":
    run_program()
