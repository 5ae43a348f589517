"""What a session remembers beside its mocks, and answers from.  May touch threading."""

from __future__ import annotations

import threading
from typing import Dict, Mapping, NamedTuple, Optional, Set, Tuple


class Gauge(NamedTuple):
    """What a test has set a metric to, with the labels that it gave."""

    value: float
    labels: Mapping[str, str]


class State:
    """What answers of a session depend on that is in no request and in no mock.

    `lock` is held while it is read and changed; a reset begins with a new one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        # Of a model server, by name and port; port 0 stands for all that have none of their own.
        self.gauges: Dict[Tuple[str, int], Gauge] = {}
        self.sleeps = False  # the model server
        self.adapters: Set[str] = set()  # that it has loaded

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be lost without it."""
        return not (self.gauges or self.sleeps or self.adapters)

    def gauge_of(self, name: str, port: int) -> Optional[Gauge]:
        """What a metric is set to for who asks on a port, if it is."""
        with self.lock:
            return self.gauges.get((name, port)) or self.gauges.get((name, 0))
