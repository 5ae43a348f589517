"""What can be done with a session: its mocks, its journal, its gates.

The control API and MockServer only translate to this and back.
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Sequence, Set, Tuple
from urllib.parse import quote

from .control_requests import Given
from .entries import ENDS, Ended, Entry
from .errors import nearest, shown
from .formats.server_metrics import SERVER_METRICS, SETTABLE
from .gates import ASIDE, Feed, Work
from .journal import EVERY_SESSION, Journal, Wanted
from .jsons import parse_json, utf8
from .limits import WAIT_SECONDS, Json
from .mocks.match import Condition, conditions
from .mocks.mock import ParsedMock
from .mocks.near import LOOKED_AT
from .mocks.sessions import Mocks, NoRoom, Session
from .nearly import TOLD, Nearly, named, near_requests
from .node import Node
from .retold import answer_json
from .state import Gauge
from .suggestion import suggestion_for

MOST_TOLD = 10  # of unused mocks, and of requests, in sentences


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
    near: Sequence[Nearly] = ()  # other requests, which nearly were what was waited for


def read_conditions(asked: Given) -> Tuple[Condition, ...]:
    """The conditions of the `match` that is asked for, on requests in the journal; without any
    they all match.  What is wrong with it would be wrong in a mock, too."""
    return conditions(Node(asked.value, asked.source or "body").get("match"), "")


# A client that leaves may be seen to leave in either way: behind a proxy that is chance.
GROUPS_OF_ENDS = {"client_gone": ("client_closed", "client_reset")}
KNOWN_ENDS = (*ENDS, *GROUPS_OF_ENDS)


def read_end(ended: Node) -> Ended:
    """One of ENDS, `client_gone`, a list of these, or true for any end; None, for whatever became
    of a request, where there is none or null."""
    if ended.is_null:
        return None
    if ended.value is True:
        return frozenset(ENDS)
    named = [ended]
    if ended.value and isinstance(ended.value, list):
        named = ended.items()
    elif not isinstance(ended.value, str):
        ended.expected("true, or one or a list of " + ", ".join(KNOWN_ENDS))
    words = [one.choice(KNOWN_ENDS) for one in named]
    return frozenset(end for word in words for end in GROUPS_OF_ENDS.get(word, (word,)))


class WaitFor(NamedTuple):
    """What somebody waits for: so many requests that fulfil conditions and ended as asked, for so
    many seconds."""

    conditions: Tuple[Condition, ...]
    number: int
    ended: Ended
    timeout: float


def read_wait(asked: Given) -> WaitFor:
    """What is asked for in an object with match, count, ended and timeout."""
    seconds = f"seconds from 0 to {WAIT_SECONDS:g}"
    return WaitFor(
        read_conditions(asked),
        asked.get("count").whole(1, 1),
        read_end(asked.get("ended")),
        float(asked.get("timeout").number(seconds, 0, WAIT_SECONDS, 5)),
    )


# The name of one (Prometheus, "Data model"; those that begin with __ are its own), and what in a
# value would begin a line for some who read the text.
LABEL = re.compile("(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,199}")
LINE_ENDS = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # but \n, which is escaped
LONE = re.compile("[\ud800-\udfff]")  # half a character, which no UTF-8 has
LONGEST_LABEL = 1000  # characters of its value
MOST_LABELS = 20
MOST_GAUGES = 1000  # of a session
FARTHEST = 1.7976931348623157e308  # from 0, of a finite number


class GivenGauge(NamedTuple):
    """What a metric of a model server is set to, and on which port; 0 is on all."""

    gauge: Gauge
    port: int


def read_gauge(asked: Given, ports: Set[int]) -> GivenGauge:
    """What is asked for in an object with value, labels and port, which is one of these."""
    value = asked.get("value").number("a finite number", -FARTHEST, FARTHEST)
    port = int(asked.get("port").integer("a port from 1 to 65535", 1, 65535, 0))
    if port and ports and port not in ports:
        asked.get("port").one_from(map(str, sorted(ports)))
    labels = dict(asked.get("labels").members())
    if len(labels) > MOST_LABELS:
        asked.get("labels").expected(f"at most {MOST_LABELS} labels")
    for name, label in labels.items():
        if not LABEL.fullmatch(name):
            label.fail(
                "is no name of a label: up to 200 letters, digits and _, no digit nor __ first"
            )
        if len(label.text()) > LONGEST_LABEL:
            label.expected(f"at most {LONGEST_LABEL} characters")
        if LINE_ENDS.search(label.value):
            label.expected("a text without line ends but \\n")
        if LONE.search(label.value):
            label.expected("a text without halves of characters")
    texts = {name: label.value for name, label in labels.items()}
    return GivenGauge(Gauge(float(value), texts), port)


def metric_name(name: str) -> str:
    """The name of a metric of a model server that can be set; Unavailable for any other.  Without
    a prefix it is vLLM's."""
    name = str(name)  # which Python may have as something else
    full = name if ":" in name else "vllm:" + name
    if full in SETTABLE:
        return full
    if full in SERVER_METRICS:
        reason = "is a histogram, which has no one value to set"
        raise Unavailable(f"{full} {reason}", "no_single_value")
    raise Unavailable(f"no metric {shown(name)}; {nearest(full, SETTABLE)}", "unknown_metric")


# What `verify` looks for, and whether it does unless it is told.
LOOKED_FOR = {"unused": True, "unmatched": True, "invalid": False}


def read_verify(asked: Given) -> Dict[str, bool]:
    """What is to be looked for: the arguments of `leftovers`."""
    return {name: asked.get(name).flag(default) for name, default in LOOKED_FOR.items()}


class Leftovers(NamedTuple):
    """What a test has left over or missed: mocks that were never used, requests that no mock
    answered, requests that could not be read or broke a rule; and all of it in sentences."""

    unused: List[Json]
    unmatched: List[Entry]
    invalid: List[Entry]
    sentences: List[str]


class Operations:
    """What can be done with a session, or with all for `*`.

    A session is looked up each time: one that was reset, or forgotten because it was unused for
    longest, begins anew."""

    def __init__(self, mocks: Mocks, journal: Journal, session: str) -> None:
        self.mocks = mocks
        self.journal = journal
        self.session = session
        self.is_verified = False  # by a test itself

    def sessions(self) -> List[Session]:
        """The sessions that are meant."""
        names = [self.session]
        if self.session == EVERY_SESSION:
            names = self.mocks.names()
        return [self.mocks.session(name) for name in names]

    # --- mocks ---

    def add(self, specs: Sequence[Json]) -> List[ParsedMock]:
        """Add mocks in front of all others of one session; BadMock, and none is added, if one is
        wrong, NoRoom if they take too much memory."""
        return self.mocks.session(self.session).add(specs)

    def mocks_json(self) -> List[Json]:
        """All mocks in matching order, with how often they were used."""
        sessions = self.sessions()
        found = [mock_json([session], mock) for session in sessions for mock in session.mocks]
        # Those from files come last: what is added answers before them.
        return found + [mock_json(sessions, mock) for mock in self.mocks.from_files]

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

    def request(self, number: str) -> Dict[str, Json]:
        """A request with its answer, as far as that was sent, and a mock that would have matched
        it; Unavailable if the journal has none with this id."""
        entry = self.known(number)
        answer = answer_json(entry)
        suggestion = suggestion_for(entry.asked, answer)
        return {**entry.json(), "answer": answer, "suggestion": suggestion}

    def known(self, number: str) -> Entry:
        """The request with this id, whatever its session; Unavailable if there is none."""
        entry = self.journal.find(number)
        if not entry:
            raise Unavailable(
                f"no request {shown(number)} in the journal; "
                "X-Mock-Request-Id of its answer says which it was",
                "unknown_request",
            )
        return entry

    def sessions_json(self) -> List[Json]:
        """What there is of this session, or of all of them for `*` and the nameless one."""
        names = [self.session]
        if self.session in ("", EVERY_SESSION):
            names = sorted({*self.mocks.names(), *self.journal.names()})
        return [self.session_json(name) for name in names]

    def session_json(self, name: str) -> Dict[str, Json]:
        """How much there is of a session."""
        entries = self.journal.entries(name)
        session = self.mocks.sessions.get(name)
        return {
            "name": name or None,
            "url": f"/@{quote(name, safe='')}" if name else "",
            "requests": len(entries),
            "running": sum(entry.ended is None for entry in entries),
            "unmatched": sum(entry.asked.unmatched for entry in entries),
            "mocks": len(session.mocks) if session else 0,
        }

    def count(self, wanted: Sequence[Condition], ended: Ended = None) -> int:
        """How many requests fulfil conditions and ended as asked."""
        return len(self.journal.matching(Wanted(self.session, wanted, ended)))

    def waiting(
        self, wanted: Sequence[Condition], count: int, ended: Ended, timeout: float
    ) -> Work[Waited]:
        """Work that gives the requests that fulfil conditions and ended as asked, once there are
        `count` of them; or those that came in `timeout` seconds, and what differs of others."""
        asked = Wanted(self.session, wanted, ended)
        came, is_enough = yield from self.journal.waiting(asked, count, timeout)
        if is_enough:
            return Waited(came)
        until = f"within {timeout:g} seconds"
        if self.journal.closed:
            until = "before the server was closed"
        yield ASIDE
        near = near_requests(self.entries(), wanted, ended)
        there = [one.sentence for one in near] or [named(entry) for entry in came[-TOLD:]]
        told = "; ".join(there) or "nothing"
        return Waited(came, f"{len(came)} of {count} requests came {until}; there was {told}", near)

    def leftovers(self, unused: bool, unmatched: bool, invalid: bool) -> Leftovers:
        """What a test has left over or missed, of what it asks for.  Only mocks that were added
        count: those from files are everybody's."""
        entries = self.entries()
        idle = [
            (session, mock)
            for session in self.sessions()
            for mock in session.mocks
            if unused and not session.count_of(mock)
        ]
        missed = [entry for entry in entries if unmatched and entry.asked.unmatched]
        unread = [entry for entry in entries if invalid and entry.asked.is_invalid]
        sentences = [unused_sentence(mock, entries) for _, mock in idle[:MOST_TOLD]]
        sentences += [f"no mock answered {noted(one)}" for one in missed[:MOST_TOLD]]
        sentences += [invalid_sentence(one) for one in unread[:MOST_TOLD]]
        more = len(idle) + len(missed) + len(unread) - len(sentences)
        if more:
            sentences.append(f"and {more} more")
        unused_mocks = [mock_json([session], mock) for session, mock in idle]
        return Leftovers(unused_mocks, missed, unread, sentences)

    def forget(self) -> int:
        """Empty the journal; how many requests there were."""
        return self.journal.clear(self.session)

    def watch(self) -> Feed:
        """A feed of the requests that come and end from now on."""
        return self.journal.watch(self.session)

    # --- what a model server tells of itself ---

    def set_metric(self, name: str, given: GivenGauge) -> str:
        """Set a gauge or a counter of the session's model server, and give its whole name;
        Unavailable for a name that is none, NoRoom if too many are set."""
        full = metric_name(name)
        state = self.mocks.session(self.session).state
        with state.lock:
            if len(state.gauges) >= MOST_GAUGES and (full, given.port) not in state.gauges:
                raise NoRoom(400, f"{MOST_GAUGES} metrics are set", code="too_many_metrics")
            state.gauges[full, given.port] = given.gauge
        return full

    def unset_metric(self, name: str) -> int:
        """Have a metric as if it was never set, on all ports; on how many it was."""
        full, count = metric_name(name), 0
        for session in self.sessions():
            with session.state.lock:
                gone = [key for key in session.state.gauges if key[0] == full]
                for key in gone:
                    del session.state.gauges[key]
            count += len(gone)
        return count

    # --- gates, and everything ---

    def release(self, number: str, events: int = 1) -> None:
        """Let events of a gated stream out, whatever its session; `number` is its request's id.
        Unavailable if there is no such stream."""
        entry = self.known(number)
        if not entry.gate:
            reason = 'has no gate; its mock needs "gate": true'
            raise Unavailable(f"request {number} {reason}", "no_gate")
        if entry.ended:
            raise Unavailable(f"request {number} has ended: {entry.ended}", "no_gate")
        entry.gate.release(events)

    def reset(self) -> None:
        """Forget requests, mocks that were added, how often mocks were used, and metrics that were
        set; let gated streams run to their end."""
        self.forget()
        # The mocks of these streams are about to go; nobody will know which gates were left shut.
        self.journal.open_gates(self.session)
        for session in self.sessions():
            session.reset()


def mock_json(sessions: Sequence[Session], mock: ParsedMock) -> Dict[str, Json]:
    """What is shown of a mock, with how often sessions have used it."""
    return {
        "id": mock.id,
        "name": mock.name,
        "uses": sum(session.count_of(mock) for session in sessions),
        "source": parse_json(utf8(mock.canonical)),
    }


def noted(entry: Entry) -> str:
    """A request, and what was said of it."""
    return f"{named(entry)}: {entry.asked.note}"


def invalid_sentence(entry: Entry) -> str:
    """A request that could not be read, or that its provider would have refused."""
    broken = [one for one in entry.asked.violations if one.counts]
    if not broken:
        return f"could not read {noted(entry)}"
    told = f"{named(entry)} breaks {broken[0].rule} at {broken[0].place}: {broken[0].message}"
    if len(broken) > 1:
        told += f" (and {len(broken) - 1} more)"
    return told


def unused_sentence(mock: ParsedMock, entries: Sequence[Entry]) -> str:
    """That a mock was never used, and why: a request that it matches was refused, or what differs
    of the request that came nearest to it."""
    place = f" ({mock.id})"
    if mock.name == mock.place:
        place = ""
    told = f'mock "{mock.name}"{place} was never used'
    for entry in reversed(entries[-LOOKED_AT:]):
        asked = entry.asked
        is_refused = asked.note and not asked.mock and not asked.unmatched
        if is_refused and not asked.differences(mock.conditions):
            return f"{told}; it matches {noted(entry)}"
    near = near_requests(entries, mock.conditions, None)
    if near:
        told += f"; nearest was {near[0].sentence}"
    return told
