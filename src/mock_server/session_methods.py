"""What a test does with a session from Python: arguments become operations, their results JSON."""

from __future__ import annotations

from typing import Dict, List, Mapping, NoReturn, Optional, Sequence, Union

from .callers import brief
from .control_requests import Given
from .dict_types import Answering, Match, MockLimit
from .gates import done_here
from .limits import Json
from .operations import Operations, read_gauge, read_verify, read_wait


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

    @brief
    def mock(
        self,
        match: Optional[Match] = None,
        response: Optional[Answering] = None,
        *,
        responses: Optional[List[Answering]] = None,
        name: Optional[str] = None,
        times: Optional[int] = None,
        cycle: Optional[bool] = None,
        limit: Optional[MockLimit] = None,
        dialect: Optional[str] = None,
        strict: Optional[bool] = None,
        **unknown: NoReturn,
    ) -> str:
        """Add a mock in front of all others and give its name.  A response, or one of several, may
        be a function: it is given the request and returns a response, or a text.  ValueError says
        what is wrong with a mock."""
        spec: Dict[str, Json] = {"match": match, "response": response, "responses": responses}
        spec.update(name=name, times=times, cycle=cycle, limit=limit)
        spec.update(dialect=dialect, strict=strict)
        given = {key: value for key, value in spec.items() if value is not None}
        return self.operations.add([{**given, **unknown}])[0].name

    @brief
    def wait_for(
        self,
        match: Optional[Match] = None,
        count: int = 1,
        ended: Union[None, bool, str, Sequence[str]] = None,
        timeout: float = 5.0,
    ) -> List[Dict[str, Json]]:
        """The requests that match, as soon as there are `count` of them that have ended as asked:
        in one of some ways, `client_gone`, or at all (True).  TimeoutError, with what differed, if
        there are not in so many seconds; ValueError for what can't be waited for."""
        if isinstance(ended, (tuple, set, frozenset)):
            ended = list(ended)
        asked_for: Json = {} if match is None else match
        if isinstance(asked_for, Mapping):
            asked_for = dict(asked_for)
        asked = {"match": asked_for, "count": count, "ended": ended, "timeout": timeout}
        wait = read_wait(Given(asked, "wait_for"))
        waited = done_here(self.operations.waiting(*wait))
        if waited.shortfall:
            raise TimeoutError(waited.shortfall)
        return [entry.json() for entry in waited.entries]

    @brief
    def answer(self, number: str) -> Optional[Dict[str, Json]]:
        """What went out in answer to the request with this id, as far as it was sent; None as long
        as nothing was.  KeyError if the journal has no such request."""
        found: Optional[Dict[str, Json]] = self.operations.request(str(number))["answer"]
        return found

    @brief
    def verify(self, unused: bool = True, unmatched: bool = True, invalid: bool = False) -> None:
        """AssertionError if a mock that was added was never used, or a request was answered by no
        mock; for `invalid` also if one could not be read or broke a rule of its provider."""
        self.operations.is_verified = True
        asked = {"unused": unused, "unmatched": unmatched, "invalid": invalid}
        left = self.operations.leftovers(**read_verify(Given(asked, "verify")))
        if left.sentences:
            raise AssertionError("\n".join(left.sentences))

    @brief
    def release(self, number: str, events: int = 1) -> None:
        """Let events of a gated stream out; `number` is the request's id.  KeyError if there is no
        such stream, ValueError for a number that is none."""
        asked = Given({"events": events}, "release")
        self.operations.release(str(number), asked.get("events").whole(1))

    @brief
    def set_metric(
        self,
        name: str,
        value: Optional[float],
        labels: Optional[Mapping[str, str]] = None,
        port: Optional[int] = None,
    ) -> None:
        """Set a metric of the model server, such as vllm:num_requests_waiting, as its /metrics
        tells it on all ports, or on one; None has it as before it was set.  KeyError for a name
        that is none, ValueError for what can't be its value."""
        if value is None:
            self.operations.unset_metric(name)
            return
        asked: Dict[str, Json] = {"value": value, "port": port}
        if labels is not None:
            asked["labels"] = labels
        if isinstance(labels, Mapping):
            asked["labels"] = {str(key): label for key, label in labels.items()}
        given = {key: one for key, one in asked.items() if one is not None}
        ports = self.operations.mocks.ports
        self.operations.set_metric(name, read_gauge(Given(given, "set_metric"), ports))

    @brief
    def reset(self) -> None:
        """Forget requests, mocks added at run time, how often mocks were used, and metrics that
        were set."""
        self.operations.reset()
