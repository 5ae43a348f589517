"""The tests in several processes: a file at a time, told as if it were one process.

They are forked once all tests are collected.  Each takes a file, runs its tests and sends what
pytest would have told of them; that is told here, when the file is done.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import warnings
from itertools import groupby
from multiprocessing.connection import Connection, wait
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import pytest

MOST = 4
SECONDS_TO_END = 5  # for those that run when somebody ends all of it
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
    """How many there are to be: one where somebody looks on, or where there is no fork."""
    looks_on = config.getoption("usepdb") or config.getoption("capture") == "no"
    if looks_on or config.getoption("collectonly") or not hasattr(os, "fork"):
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
    """Run the file whose number comes, until that is None, and send what is told of it."""
    teller = Teller()
    session.config.pluginmanager.register(teller)
    for number in iter(orders.recv, None):
        following: List[Optional[pytest.Item]] = [*files[number][1:], None]
        for item, after in zip(files[number], following):
            if not session.shouldfail:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        orders.send(teller.kept)
        teller.kept.clear()


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


class Worker(NamedTuple):
    """A forked process, and the number of the file whose tests it runs."""

    process: Any
    file: int


def told_by_processes(session: pytest.Session, files: Files, number: int) -> Iterator[Telling]:
    """What is told of the tests in these files, which so many processes run."""
    forked = multiprocessing.get_context("fork")
    waiting = iter(range(len(files)))
    running: Dict[Any, Worker] = {}
    try:
        for _ in range(number):
            here, there = forked.Pipe()
            told = (session, files, there, [*running, here])
            running[here] = Worker(
                forked.Process(target=work, args=told, daemon=True), next(waiting)
            )
            running[here].process.start()
            there.close()
            here.send(running[here].file)
        while running:
            for orders in wait(list(running)):
                yield from told_of(session, files, orders, running[orders])
                order = None if session.shouldfail else next(waiting, None)
                with contextlib.suppress(OSError):  # of a process that is no more
                    orders.send(order)
                process = running.pop(orders).process
                if order is None:
                    process.join()
                else:
                    running[orders] = Worker(process, order)
    finally:  # after Ctrl-C, which each of them has got: their tests end what they have started
        for orders, worker in running.items():
            orders.close()
            worker.process.join(SECONDS_TO_END)


def told_of(
    session: pytest.Session, files: Files, orders: Any, worker: Worker
) -> Iterator[Telling]:
    """What a process tells of the tests in its file, or that one of them has ended it."""
    try:
        kept = orders.recv()
    except EOFError:
        worker.process.join()
        path, code = files[worker.file][0].path, worker.process.exitcode
        session.shouldfail = f"a test in {path.name} has ended its process, with {code}"
        return
    yield from map(pickle.loads, kept)


def pytest_runtestloop(session: pytest.Session) -> Optional[bool]:
    """Run the tests; None leaves it to pytest."""
    files = [list(items) for _, items in groupby(session.items, lambda item: item.path)]
    number = number_of_processes(session.config, files)
    if number < 2:
        return None
    for telling in told_by_processes(session, files, number):
        telling.tell(session.config)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    return True
