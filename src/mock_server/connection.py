"""One connection: reads requests, has them answered, performs the steps."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Iterable, Iterator, Optional, Tuple

from .answered import Answered, journal_entry
from .bodies import body_reader
from .channel import Channel
from .codings import decoded
from .entries import Entry
from .errors import Refused, shown
from .gates import Gate
from .http import Head, begun_head, check_partial, malformed, parse_head
from .limits import CONTROL_PREFIX, Headers
from .sockets import DONT_WAIT, READABLE, Broke, Vanished, ready
from .steps import Cut, Exchange, Hang, Send, Step, Wait
from .transport import answer_steps, coding_of
from .values import Hold, Request

AT_GATE = -1.0  # when the next steps of a stream are due that waits until its gate opens


class Handler(Channel):
    """One connection: reads requests, has them answered, performs the steps."""

    def setup(self) -> None:
        """Prepare the socket; nothing is read or written yet."""
        super().setup()
        self.buffer = b""  # what was read and belongs to no request yet
        self.start_response(Gate(), None)

    def handle(self) -> None:
        """Answer requests until one side has had enough."""
        try:
            while self.serve_request():
                pass
        except (OSError, Vanished):
            pass  # the client has left; there is nobody to tell
        except Broke as broke:
            self.end(str(broke))

    # --- one request ---

    def serve_request(self) -> bool:
        """Answer one request; whether the connection can be used again."""
        head: Optional[Head] = None
        data: Optional[bytes] = None
        closes = False
        started = time.monotonic()
        try:
            data = self.read_head()
            if data is None:
                return False
            started = time.monotonic()
            self.server.busy(self.connection, True)
            head = parse_head(data)
            body = self.read_body(head)  # first: no refusal may leave it to be the next request
            request = self.request_of(head, head.session, body)
            answered, coding = self.answer(request)
        except Refused as refused:
            closes = refused.close
            head = head or begun_head(data or self.buffer)
            request = self.request_of(head)
            answered, coding = self.refuse(request, refused)
        keep_alive = head.keeps_alive and not closes and not self.server.stopping
        self.respond(request, head, answered, coding, keep_alive, started)
        # HTTP/1.0 has no chunks: its streams end with the connection.
        ends_by_length = head.minor > 0 or answered.response.frames is None
        again = keep_alive and ends_by_length and not self.server.stopping
        if closes or (not again and self.has_unread()):
            self.linger()
        self.server.busy(self.connection, False)
        return again

    def request_of(self, head: Head, session: str = "", body: bytes = b"") -> Request:
        """A request with this head."""
        path = head.path
        # Only the control API waits, for other requests.
        patience = self.wait_for if path.startswith(CONTROL_PREFIX) else None
        return Request(
            head.method,
            path,
            head.query,
            head.headers,
            body,
            self.server.port,
            session,
            self.peer,
            patience,
        )

    def answer(self, request: Request) -> Tuple[Answered, str]:
        """The answer, and its coding.

        A bug becomes a 500 in the provider's shape and a line in the log, never a traceback."""
        answerer = self.server.core.answerer
        try:
            answered = answerer.answer(request)
            coding = coding_of(answered.response, request.headers.get("accept-encoding"))
            if coding is not None:
                return answered, coding
            refused = Refused(
                406, "Accept-Encoding takes neither gzip nor identity", code="not_acceptable"
            )
        except Refused as error:
            refused = error
        except Exception as error:  # noqa: BLE001  a bug must cost one answer, not the test run
            reason = f"internal error: {type(error).__name__}: {error}"
            self.server.core.log.say(f"{reason} (line {line_of(error)}); please report it")
            return self.refuse(request, Refused(500, reason))
        # Uncoded, whatever the client takes: it has to be told.
        answered = answerer.refuse(request, refused)
        answered = replace(answered, response=replace(answered.response, may_gzip=False))
        return answered, "identity"

    def refuse(self, request: Request, refused: Refused) -> Tuple[Answered, str]:
        """The answer to a request that is refused, and its coding, whatever the client takes."""
        answered = self.server.core.answerer.refuse(request, refused)
        coding = coding_of(answered.response, request.headers.get("accept-encoding"))
        return answered, coding or "identity"

    # --- reading ---

    def has_unread(self) -> bool:
        """Whether the client has sent more than was asked for so far."""
        return bool(self.buffer) or bool(ready(self.connection, READABLE, 0))

    def read_head(self) -> Optional[bytes]:
        """The next request's head; None when the client is done.

        The first wait is for as long as a connection may idle."""
        # RFC 9112, 2.2: empty lines before a request are ignored.
        self.buffer = self.buffer.lstrip(b"\r\n")
        patience = self.server.head_seconds if self.buffer else self.server.idle_seconds
        deadline = time.monotonic() + patience
        seen = 0
        while True:
            end = self.buffer.find(b"\r\n\r\n", max(0, seen - 3))
            if end >= 0:
                head = self.buffer[: end + 4]
                self.buffer = self.buffer[end + 4 :]
                return head
            check_partial(self.buffer, seen)
            seen = len(self.buffer)
            if seen:
                more = self.receive(deadline)
                if not more:
                    raise malformed("the connection was closed in the middle of the head")
                self.buffer += more
                continue
            more = self.first_bytes()
            if not more:
                return None
            self.buffer = more.lstrip(b"\r\n")
            now = time.monotonic()
            if self.buffer:
                deadline = now + self.server.head_seconds
            elif now > deadline:
                return None  # empty lines are no request: they keep no connection open

    def read_body(self, head: Head) -> bytes:
        """The request's body, its codings undone."""
        limit = self.server.core.max_body
        reader = body_reader(head, limit)
        expects = head.tokens("expect")
        # 417 for any other expectation (RFC 9110, 10.1.1).
        if expects and expects != ["100-continue"]:
            raise malformed(
                f"Expect is {shown(head.headers['expect'])}; only 100-continue is known", 417
            )
        if not reader:
            return b""
        # Not to HTTP/1.0, and not where the body has begun to come (RFC 9110, 10.1.1).
        if expects and head.minor and not self.buffer:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        deadline = time.monotonic() + self.server.body_seconds
        data = self.buffer
        self.buffer = b""
        while not reader.feed(data):
            data = self.receive(deadline)
            if not data:
                raise malformed("the connection was closed in the middle of the body")
        self.buffer = reader.rest
        return decoded(bytes(reader.pieces), head.tokens("content-encoding"), limit)

    # --- writing ---

    def start_response(self, gate: Gate, entry: Optional[Entry]) -> None:
        """Count anew what is sent, and how long that was blocked."""
        self.gate = gate
        self.entry = entry
        self.hangs = False
        self.bytes_sent = 0  # of the body
        self.events_sent = 0
        self.blocked = 0.0

    def respond(
        self,
        request: Request,
        head: Head,
        answered: Answered,
        coding: str,
        keep_alive: bool,
        started: float,
    ) -> None:
        """Write a response, with its entry in the journal and the log."""
        core, response = self.server.core, answered.response
        number = str(next(core.numbers))
        extra: Headers = (("Date", self.server.date()), ("X-Mock-Request-Id", number))
        # Pages may call the providers' paths, the control API none but its own.
        if "origin" in request.headers and not answered.control:
            extra += (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "*"))
        exchange = Exchange(head.minor, keep_alive, request.method == "HEAD", coding, extra)
        streams = response.frames is not None
        self.start_response(answered.feed or Gate(), None)
        if not answered.control:
            self.entry = journal_entry(number, request, head, answered)
            if response.delivery.gate and streams:
                self.entry.gate = self.gate
            core.journal.add(self.entry)
        ended = "fault"
        try:
            self.perform(answer_steps(response, exchange), pooled=streams)
            ended = "complete"
        except Vanished as vanished:
            ended = str(vanished)
            raise
        except Broke as broke:
            if str(broke) != "kept":  # the stream ended cleanly; the connection lives on
                raise
        except OSError:
            ended = "shutdown" if self.server.stopping else "client_reset"
            raise
        finally:
            self.give_turn_back()
            self.note_end(answered, ended, started)

    def note_end(self, answered: Answered, ended: str, started: float) -> None:
        """Note in the journal and the log how a response ended."""
        entry, core = self.entry, self.server.core
        if entry:
            entry.duration = round(time.monotonic() - started, 6)
            entry.blocked = round(self.blocked, 6)
            self.note_progress(entry)
            if entry.events_total is None and ended == "complete":
                entry.events_total = self.events_sent
            core.journal.end(entry, ended)
            core.log.request(entry)
        elif answered.feed:
            core.journal.unwatch(answered.feed)

    def note_progress(self, entry: Entry) -> None:
        """Note in the journal how far a response has come."""
        entry.bytes_sent = max(0, self.bytes_sent)
        entry.events_sent = self.events_sent

    def perform(self, wanted: Iterable[Step], pooled: bool) -> None:
        """Do the steps of a response.

        `pooled`: it is one of many writes, for which only so many connections have a turn at the
        same moment.  Pauses, and what follows them, are the pacer's as long as nothing blocks."""
        going, pacer = iter(wanted), self.server.pacer
        due = self.advance(going, pooled, 0.0)
        while due:
            self.give_turn_back()
            if due == AT_GATE:
                self.wait_released()
                due = self.advance(going, False, 0.0)
                continue
            if not pacer:  # no epoll: each thread waits for itself
                self.wait_until(due)
                due = self.advance(going, False, due)
                continue
            due = pacer.go_on(self, going, due)
            if self.unsent:
                self.write_unsent()
                due = self.advance(going, False, due)

    def advance(
        self, steps: Iterator[Step], pooled: bool, due: float, blocks: bool = True
    ) -> float:
        """Do steps until a pause, and say when it is over: the only loop that writes.

        AT_GATE until a gate opens, and 0 at their end.  Without `blocks` it also ends, with what
        remains in `unsent`, when the client takes no more for now, or when more follows without a
        pause: a burst, which would keep all other streams from being on time."""
        send = self.connection.send
        for number, step in enumerate(steps):
            if not isinstance(step, Send):
                pause_ends = self.pause_at(step, due)
                if pause_ends is None:
                    continue
                return pause_ends
            if pooled and number:
                self.take_turn(number)
            self.bytes_sent -= step.head
            taken = 0
            if blocks or not number:
                try:
                    taken = send(step.data, DONT_WAIT)
                except BlockingIOError:
                    pass
            self.bytes_sent += taken
            self.events_sent += step.events
            if taken < len(step.data):
                self.unsent = step.data[taken:]
                if not blocks:
                    return due
                self.write_unsent()
        return 0.0

    def wait_released(self) -> None:
        """Wait until the gate lets an event out, unless the client leaves first."""
        if self.hangs:  # so that a shutdown need not wait for it
            self.server.busy(self.connection, False)
        if self.entry:  # a test may want to know how far it has come
            self.note_progress(self.entry)
        self.wait_for(self.gate)

    def pause_at(self, step: Step, due: float) -> Optional[float]:
        """When the steps after one that writes nothing are due; None if it is no pause."""
        if isinstance(step, Wait):
            # From when it was due, not from now: lateness must not add up.
            return (due or time.monotonic()) + step.seconds
        if isinstance(step, Hold) and self.gate.take():
            return None
        if isinstance(step, Hang):
            self.gate = Gate()
            self.hangs = True
        if isinstance(step, Cut):
            raise Broke(step.how)
        return AT_GATE


def line_of(error: Exception) -> int:
    """The number of the line that raised an error, in whatever file; 0 if that is not known."""
    innermost = error.__traceback__
    while innermost and innermost.tb_next:
        innermost = innermost.tb_next
    if not innermost:
        return 0
    return innermost.tb_lineno
