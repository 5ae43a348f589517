"""Entries: what the journal says of one request.  May ask the clock."""

from __future__ import annotations

import time
from typing import Dict, Mapping, Optional, Sequence, Tuple

from .gates import Gate
from .jsons import copied, timestamp
from .limits import JOURNAL_BODY, Json
from .mocks.match import Condition
from .records import replace
from .values import Call, Request

RequestKind = Tuple[Optional[str], Optional[str], int, bool]
ENDS = ("complete", "client_closed", "client_reset", "fault", "shutdown")


class Asked:
    """What was asked and answered: all of an entry that is the same for equal requests.

    `masked` holds query and headers without credentials; `call` is what was asked, as far as it
    could be read; `size` is about how many bytes of memory an entry takes with this."""

    __slots__ = (
        *("method", "path", "port", "session", "masked", "body", "provider", "call", "size"),
        *("status", "mock", "fault", "unmatched", "near", "note", "events_total", "known_kind"),
    )

    def __init__(
        self,
        request: Request,
        masked: Mapping[str, Mapping[str, str]],
        body: Json,
        provider: Optional[str],
        call: Optional[Call],
        size: int,
    ) -> None:
        self.method = request.method
        self.path = request.path
        self.port = request.port
        self.session = request.session
        self.masked = masked
        self.body = body
        self.provider = provider
        self.call = call
        self.size = size
        # What the answer is; filled in when there is one.
        self.status = 0
        self.mock = ""
        self.fault = ""
        self.unmatched = False
        self.near: Tuple[Json, ...] = ()
        self.note = ""
        self.events_total: Optional[int] = None  # of a stream that is made as it goes
        self.known_kind: Optional[RequestKind] = None

    @property
    def kind(self) -> RequestKind:
        """Provider, API, status, and whether a mock answered: what requests are counted by, once
        all that is filled in."""
        if self.known_kind is None:
            api = None
            if self.call:  # none if the request could not be read
                api = self.call.api
            self.known_kind = self.provider, api, self.status, bool(self.mock)
        return self.known_kind

    def call_json(self) -> Dict[str, Json]:
        """What is shown of the call; null for what could not be read."""
        call = self.call
        if not call:
            return dict.fromkeys(("operation", "api", "model", "stream", "user"))
        return {
            "operation": call.operation or None,
            "api": call.api or None,
            "model": call.model,
            "stream": call.stream,
            "user": call.user[:JOURNAL_BODY],  # long texts would fill the journal
        }

    def matches(self, conditions: Sequence[Condition]) -> bool:
        """Whether it fulfils conditions."""
        # Masked, as they were kept: of credentials only a hash can be asked for.
        query, headers = self.masked["query"], self.masked["headers"]
        request = Request(self.method, self.path, query, headers, b"", self.port, self.session)
        if self.call:
            seen = replace(self.call, request=request)
        else:
            seen = Call(request, self.provider or "", "", "", "", body=None)
        return all(condition.holds(condition.get(seen)) for condition in conditions)


class Sent:
    """How far an answer has come: bytes of its body, framing included, events, and seconds for
    which the client took nothing."""

    __slots__ = ("bytes", "events", "blocked", "blocked_since")

    def __init__(self, bytes: int = 0, events: int = 0) -> None:
        self.bytes = bytes
        self.events = events
        self.blocked = 0.0
        self.blocked_since: Optional[float] = None  # of the monotonic clock, while it is

    def blocked_for(self, now: float) -> float:
        """The seconds for which the client took nothing, until now."""
        if self.blocked_since is None:
            return self.blocked
        return self.blocked + now - self.blocked_since


class Entry:
    """One request in the journal.

    What is shown of it is made when somebody looks, for most are never looked at.  `sent` is kept
    up to date while the answer is under way."""

    # There are thousands of them: without a dict each is far smaller.
    __slots__ = ("number", "moment", "asked", "sent", "duration", "ended", "gate", "is_remembered")

    def __init__(self, number: str, moment: float, asked: Asked, sent: Sent) -> None:
        self.number = number
        self.moment = moment
        self.asked = asked
        self.sent = sent
        self.duration: Optional[float] = None
        self.ended: Optional[str] = None
        self.gate: Optional[Gate] = None
        self.is_remembered = True  # until the journal drops it

    @property
    def events_total(self) -> Optional[int]:
        """How many events the whole answer has, as far as that is known."""
        total = self.asked.events_total
        if total is None and self.ended == "complete":
            total = self.sent.events
        return total

    def json(self) -> Dict[str, Json]:
        """All that is shown of it; what is changed in there changes nothing here."""
        asked, sent = self.asked, self.sent
        return {
            "id": self.number,
            "time": timestamp(self.moment),
            "port": asked.port,
            "session": asked.session or None,
            "method": asked.method,
            "path": asked.path,
            "query": dict(asked.masked["query"]),
            "headers": dict(asked.masked["headers"]),
            "body": copied(asked.body),
            "provider": asked.provider,
            **asked.call_json(),
            "mock": asked.mock or None,
            "fault": asked.fault or None,
            "status": asked.status,
            "unmatched": asked.unmatched,
            "near_misses": [copied(miss) for miss in asked.near],
            "note": asked.note,
            "duration": self.duration,
            "bytes_sent": max(0, sent.bytes),
            "events_sent": sent.events,
            "events_total": self.events_total,
            "blocked": round(sent.blocked_for(time.monotonic()), 6),
            "ended": self.ended,
        }

    def matches(self, conditions: Sequence[Condition], ended: Optional[str]) -> bool:
        """Whether it fulfils conditions, and has ended in the way that is asked for."""
        if ended is not None and self.ended != ended:
            return False
        return not conditions or self.asked.matches(conditions)


# A request that was answered at once as one before it was: number, moment, what was asked and sent,
# and the duration.  A plain tuple: one is made for every such request, and an entry for few.
Again = Tuple[int, float, Asked, Sent, float]


def entry_of(again: Again, ended: Optional[str] = None) -> Entry:
    """The entry of a request that was answered at once."""
    number, moment, asked, sent, duration = again
    entry = Entry(str(number), moment, asked, sent)
    entry.duration = round(duration, 6)
    entry.ended = ended
    return entry
