"""Threads for what takes long.  May touch threading, files and time."""

from __future__ import annotations

import functools
import os
import queue
import threading
import time
from typing import Any, Callable, Optional, Tuple

from .limits import WORKERS

# What is to be done, and who is told what came of it: a value, or an error.
Report = Callable[[Any, Optional[BaseException]], None]
Job = Tuple[Callable[[], Any], Report]


@functools.lru_cache(maxsize=None)
def let_threads_end() -> None:
    """Have a thread end while there are descriptors left.

    glibc loads a library when the first one ends (libgcc_s, for pthread_exit, by which those of
    Python 3.8 do), and aborts the process if it can't: clients that take all descriptors would end
    the server."""
    thread = threading.Thread(target=int, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # there are as many threads as there may be
        return
    thread.join()
    # Python has done with it a moment before the system has.
    place = f"/proc/self/task/{thread.native_id}"
    until = time.monotonic() + 1
    while os.path.exists(place) and time.monotonic() < until:
        time.sleep(0.0001)


class Workers:
    """At most so many threads, started when they are needed; what they can't do yet waits.

    Where no thread can be started, the work is done by whoever brings it, who is slower then:
    better than not at all."""

    def __init__(self, most: int = WORKERS, say: Callable[[str], None] = lambda line: None) -> None:
        self.most = most
        self.say = say
        self.jobs: "queue.SimpleQueue[Optional[Job]]" = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.started = 0
        self.unfinished = 0  # of the work, what waits and what is being done
        self.has_complained = False

    def do(self, work: Callable[[], Any], report: Report) -> None:
        """Have something done, and its report told in whatever thread did it."""
        with self.lock:
            self.unfinished += 1
            is_needed = self.started < min(self.unfinished, self.most)
            if is_needed:
                self.started += 1
        if is_needed and not self.start() and not self.started:
            self.perform(work, report)
            return
        self.jobs.put((work, report))

    def start(self) -> bool:
        """Start one more thread, if the system lets it."""
        try:
            threading.Thread(target=self.run, name="worker", daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            with self.lock:
                self.started -= 1
            if not self.has_complained:
                self.has_complained = True
                self.say(f"no thread can be started ({error}): what takes long delays others")
            return False
        self.has_complained = False
        return True

    def run(self) -> None:
        """Do what comes, until it is over."""
        while True:
            job = self.jobs.get()
            if job is None:
                break
            self.perform(*job)
            del job  # what came of it is not to be kept until the next one
        with self.lock:
            self.started -= 1

    def perform(self, work: Callable[[], Any], report: Report) -> None:
        """Do something and tell what came of it."""
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001  it is for whoever brought the work
            self.tell(report, None, error)
        else:
            self.tell(report, value, None)

    def tell(self, report: Report, value: Any, error: Optional[BaseException]) -> None:
        """Tell what came of it; whoever is told may bring more."""
        with self.lock:
            self.unfinished -= 1
        report(value, error)

    def close(self) -> None:
        """Have the threads end once nothing waits any more."""
        for _ in range(self.started):
            self.jobs.put(None)
