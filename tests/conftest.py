"""What several rooms' tests start with, and the flag that writes the golden files anew."""

from __future__ import annotations

import gc
import os

import pytest
from fixtures import clock, folder, raw, server  # noqa: F401
from fuzzing import add_options


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "write tests/golden/ anew from what is answered now; to be read as a diff"
    parser.addoption("--refresh-golden", action="store_true", help=about)
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--refresh-golden") and os.environ.get("CI"):
        raise pytest.UsageError(
            "--refresh-golden is for people: with CI set, files are only compared"
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    # What is there now stays, trees of all rooms and thousands of tests: the collector need not
    # walk it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)
