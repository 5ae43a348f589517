"""The tests in several processes: a file at a time, told as if it were one process.

They are forked once all tests are collected.  Each takes a file, runs its tests and sends what
pytest would have told of them; that is told here, when the file is done.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import sys
import traceback
import warnings
from itertools import groupby
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import pytest

MOST = 4
SECONDS_TO_END = 5.0
Files = List[List[pytest.Item]]


def add_processes_option(parser: pytest.Parser) -> None:
    """The flag that says how many."""
    about = (
        "processes that run tests, each a file at a time (default: one more than cores, up to 4)"
    )
    parser.addoption("--processes", type=int, metavar="N", help=about)


def usual_number() -> int:
    """One more than the cores that there are, as some tests wait for what they have started."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    return min(cores + 1, MOST)


def number_of_processes(config: pytest.Config, files: Files) -> int:
    """How many there are to be: one where somebody looks on, or where a process can't be forked
    safely (macOS: multiprocessing, "Contexts and start methods"), or pytest-xdist has its own."""
    looks_on = config.getoption("usepdb") or config.getoption("capture") == "no"
    has_xdist = config.getoption("dist", "no") != "no" or hasattr(config, "workerinput")
    if looks_on or has_xdist or config.getoption("collectonly") or sys.platform != "linux":
        return 1
    return min(config.getoption("--processes") or usual_number(), len(files))


class Telling(NamedTuple):
    """What pytest is told by a hook."""

    hook: str
    told: Any

    def tell(self, config: pytest.Config) -> None:
        """Tell it here."""
        hook = getattr(config.hook, self.hook)
        if self.hook == "pytest_warning_recorded":
            hook.call_historic(kwargs=self.told)
        else:
            hook(**self.told)


class Teller:
    """Keeps what is told in a forked process, in place of showing it to people."""

    def __init__(self) -> None:
        self.kept: List[bytes] = []

    def keep(self, hook: str, **told: Any) -> None:
        self.kept.append(pickle.dumps(Telling(hook, told)))

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        self.keep("pytest_runtest_logstart", nodeid=nodeid, location=location)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.keep("pytest_runtest_logreport", report=report)

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        self.keep("pytest_runtest_logfinish", nodeid=nodeid, location=location)

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: Any
    ) -> None:
        warning_message.source = None  # which only this process has
        told = {"warning_message": warning_message, "when": when, "nodeid": nodeid}
        self.keep("pytest_warning_recorded", **told, location=location)


def run_files(session: pytest.Session, files: Files, orders: Connection) -> None:
    """Run the file whose number comes, until that is None, and send what is told of it, and why it
    was not run to its end."""
    teller = Teller()
    session.config.pluginmanager.register(teller)
    for number in iter(orders.recv, None):
        problem = ""
        try:
            run_file(session, files[number])
        except Exception:  # noqa: BLE001  pytest.exit(), or what a hook raises
            problem = traceback.format_exc()
        orders.send((teller.kept, problem))
        teller.kept.clear()


def run_file(session: pytest.Session, items: List[pytest.Item]) -> None:
    """Run the tests of a file."""
    following: List[Optional[pytest.Item]] = [*items[1:], None]
    for item, after in zip(items, following):
        if not session.shouldfail:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)


def work(
    session: pytest.Session, files: Files, orders: Connection, others: List[Connection]
) -> None:
    """What a forked process does, until there is nothing more to do or nobody to do it for."""
    for connection in others:  # or else they would never end
        connection.close()
    plugins = session.config.pluginmanager
    plugins.unregister(name="terminalreporter")
    # Output is caught in files, in which processes that share them would have one position.
    capture = plugins.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        run_files(session, files, orders)


def told_of_file(orders: Connection, process: ForkProcess) -> Tuple[List[bytes], str]:
    """What a process sends of its file; if a test has killed it, that it did."""
    try:
        told: Tuple[List[bytes], str] = orders.recv()
    except (EOFError, OSError):
        process.join()
        return [], f"its process ended, with status {process.exitcode}"
    return told


def told_by_processes(session: pytest.Session, files: Files, number: int) -> Iterator[Telling]:
    """What is told of the tests in these files, which so many processes run."""
    forked = multiprocessing.get_context("fork")
    waiting = iter(range(len(files)))
    running: Dict[Connection, Tuple[ForkProcess, int]] = {}
    try:
        for _ in range(number):
            here, there = forked.Pipe()
            told = (session, files, there, [*running, here])
            process = forked.Process(target=work, args=told, daemon=True)
            process.start()
            there.close()
            running[here] = process, next(waiting)
            here.send(running[here][1])
        while running:
            for orders in wait(list(running)):
                process, done = running.pop(orders)
                kept, problem = told_of_file(orders, process)
                yield from map(pickle.loads, kept)
                if problem:
                    session.shouldfail = f"{files[done][0].path}: {problem}"
                order = None if session.shouldfail else next(waiting, None)
                with contextlib.suppress(BrokenPipeError):
                    orders.send(order)
                if order is None:
                    process.join()
                else:
                    running[orders] = process, order
    finally:  # after Ctrl-C, which each of them has got: their tests end what they have started
        for orders, (process, _) in running.items():
            orders.close()
            process.join(SECONDS_TO_END)


def pytest_runtestloop(session: pytest.Session) -> Optional[bool]:
    """Run the tests; None leaves it to pytest."""
    files = [list(items) for _, items in groupby(session.items, lambda item: item.path)]
    number = number_of_processes(session.config, files)
    if number < 2:
        return None
    # All use the folder that is made here, whose lock and whose elders go when this process ends.
    config: Any = session.config
    config._tmp_path_factory.getbasetemp()
    for telling in told_by_processes(session, files, number):
        telling.tell(session.config)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    return True
