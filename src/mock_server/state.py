"""What a session remembers beside its mocks, and answers from.  May touch threading."""

from __future__ import annotations

import threading
from typing import Dict


class State:
    """What answers of a session depend on that is in no request and in no mock.

    `lock` is held while it is read and changed; a reset begins with a new one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.gauges: Dict[str, float] = {}  # of a model server, as a test has set them
