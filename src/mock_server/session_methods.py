"""What a test does with a session from Python: arguments become operations, their results JSON."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

from .gates import done_here
from .limits import Json
from .node import Node
from .operations import Operations, read_conditions, read_end


class SessionMethods:
    """What MockServer and its sessions have in common: `operations` does it."""

    operations: Operations

    @property
    def requests(self) -> List[Dict[str, Json]]:
        """The journal: the newest requests, oldest first, with credentials masked."""
        return [entry.json() for entry in self.operations.entries()]

    @property
    def mocks(self) -> List[Json]:
        """All mocks in matching order, with how often they were used."""
        return self.operations.mocks_json()

    def mock(
        self,
        match: Optional[Mapping[str, Json]] = None,
        response: Optional[Mapping[str, Json]] = None,
        **more: Json,
    ) -> str:
        """Add a mock in front of all others and give its name; `more` is `responses`, `times` and
        the like.  ValueError says what is wrong with it."""
        spec = {"match": match, "response": response}
        given = {key: value for key, value in spec.items() if value is not None}
        return self.operations.add([{**given, **more}])[0].name

    def wait_for(
        self,
        match: Optional[Mapping[str, Json]] = None,
        count: int = 1,
        ended: Optional[str] = None,
        timeout: float = 5.0,
    ) -> List[Dict[str, Json]]:
        """The requests that match, as soon as there are `count` of them that have ended as asked.
        TimeoutError, with what came instead, if there are not in so many seconds."""
        wanted = read_conditions(Node({"match": dict(match or {})}).get("match"))
        end = read_end(Node(ended, "ended"))
        waited = done_here(self.operations.waiting(wanted, count, end, timeout))
        if waited.shortfall:
            came = []
            for entry in self.operations.entries()[-10:]:
                asked = entry.asked
                came.append(f"{asked.method} {asked.path} ({entry.ended})")
            raise TimeoutError(f"{waited.shortfall}; there was {', '.join(came) or 'nothing'}")
        return [entry.json() for entry in waited.entries]

    def release(self, number: str, events: int = 1) -> None:
        """Let events of a gated stream out; `number` is the request's id.  KeyError if there is no
        such stream."""
        self.operations.release(str(number), events)

    def reset(self) -> None:
        """Forget requests, mocks added at run time, and how often mocks were used."""
        self.operations.reset()
