"""Entries: what the journal says of one request.  May ask the clock."""

from __future__ import annotations

import time
from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

from .faults import FINAL_FAULTS
from .formats.base import WireFormat
from .forms import Fields
from .gates import Gate
from .http import Head
from .ids import timestamp
from .jsons import copied
from .kept import NOTHING_KEPT, Kept
from .limits import JOURNAL_BODY, Difference, Json
from .mocks.match import Condition
from .recording.passages import Forwarded
from .records import replace
from .sigv4 import is_signed
from .values import Call, Request
from .violations import Violation, Violations

RequestKind = Tuple[Optional[str], Optional[str], Optional[int], bool]
Ended = Optional[FrozenSet[str]]  # the ends that are asked for; none is for any, or none yet
ENDS = ("complete", "client_closed", "client_reset", "fault", "shutdown")


# What stands in conditions for that a request could not be read.
UNREAD: Violations = (Violation("", "", ""),)


class Asked:
    """What was asked and answered: all of an entry that is the same for equal requests.

    `head` knows target, query and headers without credentials; `call` is what was asked, as far as
    it could be read; `form` are the fields of a multipart body; `size` is about how many bytes of
    memory an entry takes with this."""

    __slots__ = (
        *("method", "path", "port", "session", "head", "body", "form", "provider", "call", "size"),
        *("status", "mock", "fault", "unmatched", "near", "note", "events_total", "known_kind"),
        *("is_probe", "violations", "wire", "auth", "forwarded"),
    )

    def __init__(
        self,
        request: Request,
        head: Head,
        body: Json,
        provider: Optional[str],
        call: Optional[Call],
        size: int,
    ) -> None:
        self.method = request.method
        self.path = request.path
        self.port = request.port
        self.session = request.session
        self.head = head
        self.body = body
        self.form: Optional[Fields] = None
        self.is_probe = False  # whether it only asked if somebody is there: the journal has none
        self.provider = provider
        self.call = call
        self.size = size
        # What the answer is; filled in when there is one.
        self.status = 0
        self.mock = ""
        self.fault = ""
        self.unmatched = False
        self.near: Tuple[Json, ...] = ()
        self.violations: Violations = ()  # what its provider would have said
        self.note = ""
        self.wire: Optional[WireFormat] = None
        self.forwarded: Optional[Forwarded] = None  # where it was, and what became of it there
        self.auth = ""  # what was found of the credential, if it was checked
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

    @property
    def is_invalid(self) -> bool:
        """Whether it could not be read as its provider reads it, or breaks one of its rules."""
        is_wrong_key = self.auth.startswith("wrong")  # 400 at Gemini
        if self.call is None and self.status in (400, 422) and not is_wrong_key:
            return True
        return any(one.counts for one in self.violations)

    def authentication(self) -> Optional[str]:
        """What is shown of the credential: `none`, `present`, or, where it was checked, `right` or
        `wrong` and why; null on paths of no provider."""
        if self.auth or not self.wire or not self.wire.provider:
            return self.auth or None
        head = self.head
        request = Request(self.method, self.path, head.query, head.headers)
        is_there = self.wire.credential(request) or (self.wire.signed_for and is_signed(request))
        return "present" if is_there else "none"

    def call_json(self) -> Dict[str, Json]:
        """What is shown of the call; null for what could not be read."""
        call = self.call
        if not call:
            return dict.fromkeys(("dialect", "operation", "api", "model", "stream", "user"))
        return {
            "dialect": call.dialect or None,
            "operation": call.operation or None,
            "api": call.api or None,
            "model": call.model,
            "stream": call.stream,
            "user": call.user[:JOURNAL_BODY],  # long texts would fill the journal
        }

    def seen(self) -> Call:
        """The call as far as it was kept, for conditions to look at."""
        # Masked, as they are shown: of credentials only a hash can be asked for.
        query, headers = self.head.kept["query"], self.head.kept["headers"]
        request = Request(self.method, self.path, query, headers, b"", self.port, self.session)
        call = self.call or Call(request, self.provider or "", "", "", "", body=None)
        if call is not self.call and self.is_invalid:
            call = replace(call, violations=self.violations or UNREAD)
        if self.form is not None:
            return replace(call, request=request, body=self.form)
        return replace(call, request=request)

    def matches(self, conditions: Sequence[Condition]) -> bool:
        """Whether it fulfils conditions."""
        seen = self.seen()
        return all(condition.holds(condition.get(seen)) for condition in conditions)

    def differences(self, conditions: Sequence[Condition]) -> List[Difference]:
        """Everything that keeps it from fulfilling conditions."""
        seen = self.seen()
        found = [condition.difference(seen) for condition in conditions]
        return [difference for difference in found if difference]


class Sent:
    """How far an answer has come: bytes of its body, framing included, events, whether its head has
    begun to go out, seconds for which the client took nothing, and what is kept of it."""

    __slots__ = ("bytes", "events", "has_begun", "blocked", "blocked_since", "kept")

    def __init__(self, bytes: int = 0, events: int = 0, has_begun: bool = False) -> None:
        self.bytes = bytes
        self.events = events
        self.has_begun = has_begun
        self.blocked = 0.0
        self.blocked_since: Optional[float] = None  # of the monotonic clock, while it is
        self.kept: Kept = NOTHING_KEPT  # what went out, where the journal shows it

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
    __slots__ = (
        *("number", "moment", "connection", "asked", "sent", "duration", "ended", "gate"),
        "is_remembered",
    )

    def __init__(
        self, number: str, moment: float, asked: Asked, sent: Sent, connection: int = 0
    ) -> None:
        self.number = number
        self.moment = moment
        self.connection = connection  # by which number requests on the same one are known
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

    @property
    def status(self) -> Optional[int]:
        """The status of the answer; none if no byte of it was sent, or is about to be."""
        if self.sent.has_begun or self.ended == "complete":
            return self.asked.status
        if self.ended is None and self.asked.fault not in FINAL_FAULTS:
            return self.asked.status
        return None

    @property
    def kind(self) -> RequestKind:
        """What it is counted by, once it has ended."""
        kind = self.asked.kind
        if self.ended == "complete" or self.status is not None:  # the first is quick
            return kind
        provider, api, _, is_mocked = kind
        return provider, api, None, is_mocked

    def json(self) -> Dict[str, Json]:
        """All that is shown of it; what is changed in there changes nothing here."""
        asked, sent = self.asked, self.sent
        return {
            "id": self.number,
            "time": timestamp(self.moment),
            "port": asked.port,
            "connection": str(self.connection),
            "session": asked.session or None,
            "method": asked.method,
            "target": asked.head.kept_target(),
            "path": asked.path,
            "query": dict(asked.head.kept["query"]),
            "headers": dict(asked.head.kept["headers"]),
            "header_lines": asked.head.kept_lines(),
            "body": copied(asked.body),
            "fields": copied(asked.form),
            "provider": asked.provider,
            **asked.call_json(),
            "auth": asked.authentication(),
            "mock": asked.mock or None,
            "fault": asked.fault or None,
            "status": self.status,
            "unmatched": asked.unmatched,
            "near_misses": [copied(miss) for miss in asked.near],
            "violations": [one.json() for one in asked.violations],
            "note": asked.note,
            "forwarded": asked.forwarded and asked.forwarded.json(),
            "duration": self.duration,
            "bytes_sent": max(0, sent.bytes),
            "events_sent": sent.events,
            "events_total": self.events_total,
            "blocked": round(sent.blocked_for(time.monotonic()), 6),
            "gated": self.gate is not None and self.ended is None,
            "ended": self.ended,
        }

    def matches(self, conditions: Sequence[Condition], ended: Ended) -> bool:
        """Whether it fulfils conditions, and has ended in a way that is asked for."""
        if ended is not None and self.ended not in ended:
            return False
        return not conditions or self.asked.matches(conditions)


# A request that was answered at once as one before it was: number, moment, what was asked and sent,
# the duration, and the connection's number.  A plain tuple: one is made for every such request, and
# an entry for few.
Again = Tuple[int, float, Asked, Sent, float, int]


def entry_of(again: Again, ended: Optional[str] = None) -> Entry:
    """The entry of a request that was answered at once."""
    number, moment, asked, sent, duration, connection = again
    entry = Entry(str(number), moment, asked, sent, connection)
    entry.duration = round(duration, 6)
    entry.ended = ended
    return entry
