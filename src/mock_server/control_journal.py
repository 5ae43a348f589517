"""What the control API tells of the journal and of sessions.  Only translates."""

from __future__ import annotations

from typing import Dict, List

from .answered import Answered, control_response
from .control_requests import ControlRequest, Given
from .entries import Entry
from .gates import Work
from .journal import Journal
from .limits import Json
from .mocks.sessions import Mocks
from .operations import LOOKED_FOR, Operations, read_conditions, read_end, read_verify, read_wait
from .values import HttpResponse

FEED_HEADERS = (("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"))
YES_AND_NO = ("0", "1", "false", "true")  # of a query


class JournalControl:
    """The routes of the journal."""

    def __init__(self, mocks: Mocks, journal: Journal) -> None:
        self.mocks = mocks
        self.journal = journal

    def operations(self, asked: ControlRequest) -> Operations:
        """What can be done with the session that is meant."""
        return Operations(self.mocks, self.journal, asked.session)

    def requests(self, asked: ControlRequest) -> HttpResponse:
        """The journal."""
        query = asked.query("unmatched", "running", "limit", "mock", "session")
        entries = self.operations(asked).entries()
        if is_yes(query.get("unmatched")):
            entries = [entry for entry in entries if entry.asked.unmatched]
        if is_yes(query.get("running")):
            entries = [entry for entry in entries if entry.ended is None]
        mock = query.get("mock")
        if not mock.is_absent:
            entries = [entry for entry in entries if entry.asked.mock == mock.value]
        limit = query.get("limit").whole(0, len(entries))
        newest = entries[max(0, len(entries) - limit) :]
        return control_response(200, {"requests": shown_entries(newest)})

    def request(self, asked: ControlRequest) -> HttpResponse:
        """One request, with its answer."""
        asked.query("session")
        return control_response(200, self.operations(asked).request(asked.params["id"]))

    def known_sessions(self, asked: ControlRequest) -> HttpResponse:
        """The sessions, or one alone."""
        asked.query("session")
        return control_response(200, {"sessions": self.operations(asked).sessions_json()})

    def forget(self, asked: ControlRequest) -> HttpResponse:
        """Empty the journal."""
        return control_response(200, {"deleted": self.operations(asked).forget()})

    def count(self, asked: ControlRequest) -> HttpResponse:
        """How many requests match."""
        body = asked.body("match", "ended")
        wanted, ended = read_conditions(body), read_end(body.get("ended"))
        return control_response(200, {"count": self.operations(asked).count(wanted, ended)})

    def wait(self, asked: ControlRequest) -> Work[HttpResponse]:
        """Requests that match, once there are enough."""
        wait = read_wait(asked.body("match", "count", "ended", "timeout"))
        operations = self.operations(asked)
        waited = yield from operations.waiting(*wait)
        if not waited.shortfall:
            return control_response(200, {"requests": shown_entries(waited.entries)})
        answer: Dict[str, Json] = {
            "error": {"message": waited.shortfall, "code": "timeout"},
            "matched": len(waited.entries),
            "near_misses": [one.json() for one in waited.near],
            "requests": shown_entries(operations.entries()[-20:]),
        }
        return control_response(408, answer)

    def verify(self, asked: ControlRequest) -> HttpResponse:
        """Whether all mocks were used and all requests answered by one, with what is left."""
        wanted = read_verify(asked.body(*LOOKED_FOR))
        left = self.operations(asked).leftovers(**wanted)
        answer: Dict[str, Json] = {
            "unused": left.unused,
            "unmatched": shown_entries(left.unmatched),
            "invalid": shown_entries(left.invalid),
        }
        if not left.sentences:
            return control_response(200, answer)
        error = {"message": "; ".join(left.sentences), "code": "not_verified"}
        return control_response(409, {"error": error, **answer})

    def release(self, asked: ControlRequest) -> HttpResponse:
        """Let events of a gated stream out."""
        events = asked.body("events").get("events").whole(1, 1)
        self.operations(asked).release(asked.params["id"], events)
        return control_response(200, {"released": events})

    def live(self, asked: ControlRequest) -> Answered:
        """An event when a request comes and one when it has ended."""
        feed = self.operations(asked).watch()
        # Not compressed: curl and EventSource are to show each event when it happens.
        response = HttpResponse(200, FEED_HEADERS, frames=feed.frames(), may_gzip=False)
        return Answered(response, feed=feed, control=True)


def is_yes(asked: Given) -> bool:
    """Whether a parameter of a query says yes; one that is not there, or empty, says no."""
    word = asked.text("").lower() or "0"  # a query is text
    return asked.replaced(word).choice(YES_AND_NO) in ("1", "true")


def shown_entries(entries: List[Entry]) -> List[Json]:
    """Entries as JSON."""
    return [entry.json() for entry in entries]
