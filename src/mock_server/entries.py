"""Entries: what the journal says of one request.  Touches nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Mapping, Optional, Sequence, Tuple

from .gates import Gate
from .jsons import copied, timestamp
from .limits import JOURNAL_BODY, Json
from .mocks.match import Condition
from .values import Call, Request

ENDS = ("complete", "client_closed", "client_reset", "fault", "shutdown")


class Entry:
    """One request in the journal.

    What is shown of it is made when somebody looks, for most are never looked at.  `masked` holds
    query and headers without credentials; `call` is what was asked, as far as it could be read;
    `size` is about how many bytes of memory it takes."""

    # There are thousands of them: without a dict each is far smaller.
    __slots__ = (
        *("number", "moment", "method", "path", "port", "session", "masked", "body", "provider"),
        *("call", "size", "status", "mock", "fault", "unmatched", "near", "note", "duration"),
        *("blocked", "bytes_sent", "events_sent", "events_total", "ended", "gate", "is_remembered"),
    )

    def __init__(
        self,
        number: str,
        moment: float,
        request: Request,
        masked: Mapping[str, Mapping[str, str]],
        body: Json,
        provider: Optional[str],
        call: Optional[Call],
        size: int,
    ) -> None:
        self.number = number
        self.moment = moment
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
        # What became of it; filled in at the end.
        self.duration: Optional[float] = None
        self.blocked = 0.0
        self.bytes_sent = 0
        self.events_sent = 0
        self.events_total: Optional[int] = None
        self.ended: Optional[str] = None
        self.gate: Optional[Gate] = None
        self.is_remembered = True  # until the journal drops it

    def json(self) -> Dict[str, Json]:
        """All that is shown of it; what is changed in there changes nothing here."""
        return {
            "id": self.number,
            "time": timestamp(self.moment),
            "port": self.port,
            "session": self.session or None,
            "method": self.method,
            "path": self.path,
            "query": dict(self.masked["query"]),
            "headers": dict(self.masked["headers"]),
            "body": copied(self.body),
            "provider": self.provider,
            **self.call_json(),
            "mock": self.mock or None,
            "fault": self.fault or None,
            "status": self.status,
            "unmatched": self.unmatched,
            "near_misses": [copied(miss) for miss in self.near],
            "note": self.note,
            "duration": self.duration,
            "bytes_sent": self.bytes_sent,
            "events_sent": self.events_sent,
            "events_total": self.events_total,
            "blocked": self.blocked,
            "ended": self.ended,
        }

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

    def matches(self, conditions: Sequence[Condition], ended: Optional[str]) -> bool:
        """Whether it fulfils conditions, and has ended in the way that is asked for."""
        if ended is not None and self.ended != ended:
            return False
        if not conditions:
            return True
        # Masked, as they were kept: of credentials only a hash can be asked for.
        query, headers = self.masked["query"], self.masked["headers"]
        request = Request(self.method, self.path, query, headers, b"", self.port, self.session)
        if self.call:
            seen = replace(self.call, request=request)
        else:
            seen = Call(request, self.provider or "", "", "", "", body=None)
        return all(condition.holds(condition.get(seen)) for condition in conditions)
