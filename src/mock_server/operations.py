"""What can be done with a session: its mocks, its journal, its gates.

The control API and MockServer only translate to this and back.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from .entries import ENDS, Entry
from .errors import nearest, shown
from .gates import Feed, Work
from .journal import EVERY_SESSION, Journal, Wanted
from .jsons import parse_json, utf8
from .limits import Json
from .mocks.match import Condition, conditions
from .mocks.mock import Mock
from .mocks.sessions import Mocks, Session
from .node import Node


class Unavailable(KeyError):
    """What is named is not there, or not in the state that it is needed in; `code` is a word for
    why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return self.message


class Waited(NamedTuple):
    """What came while somebody waited; `shortfall` says so in words if it was not enough."""

    entries: List[Entry]
    shortfall: str = ""


def read_conditions(match: Node) -> Tuple[Condition, ...]:
    """The conditions of a `match` on requests in the journal; without any they all match."""
    return conditions(match, "")


def read_end(ended: Node) -> Optional[str]:
    """One of ENDS; None, for however a request ends, where there is none or null."""
    if ended.is_null:
        return None
    return str(ended.choice(ENDS))


class Operations:
    """What can be done with a session, or with all for `*`.

    A session is looked up each time: one that was reset, or forgotten because it was unused for
    longest, begins anew."""

    def __init__(self, mocks: Mocks, journal: Journal, session: str) -> None:
        self.mocks = mocks
        self.journal = journal
        self.session = session

    def sessions(self) -> List[Session]:
        """The sessions that are meant."""
        names = [self.session]
        if self.session == EVERY_SESSION:
            names = self.mocks.names()
        return [self.mocks.session(name) for name in names]

    # --- mocks ---

    def add(self, specs: Sequence[Json]) -> List[Mock]:
        """Add mocks in front of all others of one session; BadMock, and none is added, if one is
        wrong, NoRoom if they take too much memory."""
        return self.mocks.session(self.session).add(specs)

    def mocks_json(self) -> List[Json]:
        """All mocks in matching order, with how often they were used."""
        sessions = self.sessions()
        found = [mock_json(session, mock) for session in sessions for mock in session.mocks]
        # Those from files come last: what is added answers before them.
        return found + [mock_json(sessions[0], mock) for mock in self.mocks.from_files]

    def remove(self, id: str) -> None:
        """Remove a mock that was added; Unavailable if there is none."""
        sessions = self.sessions()
        if any(session.remove([id]) for session in sessions):  # an id is given once
            return
        if any(mock.id == id for mock in self.mocks.from_files):
            raise Unavailable(f"{id} comes from a file; remove it there", "not_added")
        known = [mock.id for session in sessions for mock in session.mocks]
        hint = nearest(id, known) if known else "none was"
        raise Unavailable(f"no mock {shown(id)} was added; {hint}", "unknown_mock")

    def remove_all(self) -> int:
        """Remove all mocks that were added; how many there were."""
        return sum(session.remove() for session in self.sessions())

    # --- the journal ---

    def entries(self) -> List[Entry]:
        """The requests, oldest first."""
        return self.journal.entries(self.session)

    def count(self, wanted: Sequence[Condition]) -> int:
        """How many requests fulfil conditions."""
        return len(self.journal.matching(Wanted(self.session, wanted)))

    def waiting(
        self, wanted: Sequence[Condition], count: int, ended: Optional[str], timeout: float
    ) -> Work[Waited]:
        """Work that gives the requests that fulfil conditions and ended as asked, once there are
        `count` of them; or those that came in `timeout` seconds."""
        asked = Wanted(self.session, wanted, ended)
        came, is_enough = yield from self.journal.waiting(asked, count, timeout)
        if is_enough:
            return Waited(came)
        until = f"within {timeout:g} seconds"
        if self.journal.closed:
            until = "before the server was closed"
        return Waited(came, f"{len(came)} of {count} requests came {until}")

    def forget(self) -> int:
        """Empty the journal; how many requests there were."""
        return self.journal.clear(self.session)

    def watch(self) -> Feed:
        """A feed of the requests that come and end from now on."""
        return self.journal.watch(self.session)

    # --- gates, and everything ---

    def release(self, number: str, events: int = 1) -> None:
        """Let events of a gated stream out, whatever its session; `number` is its request's id.
        Unavailable if there is no such stream."""
        entry = self.journal.find(number)
        if not entry:
            raise Unavailable(
                f"no request {shown(number)} in the journal; "
                "X-Mock-Request-Id of its answer says which it was",
                "unknown_request",
            )
        if not entry.gate:
            reason = 'has no gate; its mock needs "gate": true'
            raise Unavailable(f"request {number} {reason}", "no_gate")
        if entry.ended:
            raise Unavailable(f"request {number} has ended: {entry.ended}", "no_gate")
        entry.gate.release(events)

    def reset(self) -> None:
        """Forget requests, mocks that were added, and how often mocks were used; let gated streams
        run to their end."""
        self.forget()
        # The mocks of these streams are about to go; nobody will know which gates were left shut.
        self.journal.open_gates(self.session)
        for session in self.sessions():
            session.reset()


def mock_json(session: Session, mock: Mock) -> Dict[str, Json]:
    """What is shown of a mock, with how often a session has used it."""
    return {
        "id": mock.id,
        "name": mock.name,
        "uses": session.count_of(mock),
        "source": parse_json(utf8(mock.canonical)),
    }
