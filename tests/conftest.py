"""What several rooms' tests start with, and the flag that writes the golden files anew."""

from __future__ import annotations

import gc
import os

import pytest
from fixtures import clock, folder, raw, server  # noqa: F401
from fuzzing import add_options
from processes import add_processes_option, pytest_runtestloop  # noqa: F401

# To collect thousands of tests makes millions of objects, most of which stay.
gc.disable()


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "write tests/golden/ anew from what is answered now; to be read as a diff"
    parser.addoption("--refresh-golden", action="store_true", help=about)
    add_options(parser)
    add_processes_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--refresh-golden") and os.environ.get("CI"):
        raise pytest.UsageError(
            "--refresh-golden is for people: with CI set, files are only compared"
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    # What is there now stays, and so need not be walked again and again.
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 10, 20)
