"""One connection: reads requests, has them answered, performs the steps."""

from __future__ import annotations

import functools
import time
from typing import Iterable, Optional, Tuple

from .answered import Answered, abandoned, advanced, asked_of, own_headers, told_and_steps
from .bodies import Bodies
from .channel import READ_SIZE, Waiting, moment_of
from .entries import Asked, Entry, Sent, entry_of
from .errors import Refused, line_of
from .gates import FOREIGN_CODE, Gate, Wanting, Work
from .handshake import sealed
from .http import Head, begun_head, parse_head
from .intake import Intake
from .limits import JOINED, LONG, Headers
from .loop import TIME, TURN
from .marks import Hold
from .records import replace
from .repeats import MARKS, Repeat, repeat_of
from .sockets import DONT_WAIT, READABLE, Broke, Vanished, has_more
from .steps import Cut, Exchange, Hang, Send, Step, Wait
from .transport import answer_steps, coding_of
from .values import Request
from .workers import Workers

SMALL_WRITES = 16  # of a stream without pauses, after which it is another's turn


class GaveUp(Vanished):
    """A client left before it had any of its answer; what is told of that."""

    def __init__(self, how: str, answered: Answered) -> None:
        super().__init__(how)
        self.answered = answered


class Handler(Intake):
    """One connection: reads requests, has them answered, performs the steps."""

    def handle(self) -> None:
        """Have the loop answer requests until one side has had enough."""
        self.is_busy = False  # while it is not, a shutdown need not wait for it
        if self.server.core.tls:
            self.begin(self.shake_hands())
        else:
            self.look()

    def shake_hands(self) -> Waiting[bool]:
        """Begin TLS; whether the client did."""
        connection = yield from sealed(self)
        if connection:
            self.connection = connection
        return bool(connection)

    def readable(self) -> None:
        """The beginning of a request, or the end of the connection."""
        try:
            data = self.connection.recv(READ_SIZE, DONT_WAIT)
        except BlockingIOError:
            if self.interest is None:
                self.rest()
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        mocks = self.server.core.mocks
        if mocks.files.is_current(self.loop.rounds):
            repeat = self.server.core.repeats.find(self.server.port, data, mocks.generation)
            if repeat and not self.server.stopping:
                self.repeat(repeat)
                return
        # RFC 9112, 2.2: empty lines before a request are ignored; they don't make it idle for
        # longer, either.
        self.buffer = data.lstrip(b"\r\n")
        if self.buffer:
            self.begin(self.serve(data))
        elif self.interest is None:
            self.rest()

    def repeat(self, repeat: Repeat) -> None:
        """Answer a request that came before, byte by byte, as it was answered then."""
        server, core = self.server, self.server.core
        started, moment = time.monotonic(), time.time()
        number = next(core.numbers)
        data = repeat.dated(server.date_bytes(int(moment)), number)
        if repeat.uses:  # this is a use, too
            with repeat.uses.lock:
                repeat.uses.count += 1
        with core.journal.lock:  # whoever has the answer finds it there, and ended
            try:
                taken = self.connection.send(data, DONT_WAIT)
            except OSError:  # what it says is seen when the rest is written
                taken = 0
            now = time.monotonic()
            again = number, moment, repeat.asked, repeat.sent, now - started, self.count
            if taken == len(data):
                core.journal.add_again(again)
        if taken != len(data):
            self.begin(self.finish_repeat(repeat, entry_of(again), data, taken, started))
            return
        if core.log.mode != "off":
            core.log.request(entry_of(again, "complete"))
        if not repeat.keep_alive:
            self.begin(self.leave())
        elif self.interest == READABLE and not server.core.tls:
            self.due = now + server.idle_seconds  # the loop looks at it when it would have been due
        else:
            self.rest()

    def finish_repeat(
        self, repeat: Repeat, entry: Entry, data: bytes, taken: int, started: float
    ) -> Waiting[bool]:
        """Write what a client did not take at once of a repeated answer."""
        self.sent = entry.sent = Sent()
        self.sent.kept = repeat.kept  # of which as much is shown as was sent
        self.server.core.journal.add(entry, started)
        self.is_busy = True
        ended = "fault"
        try:
            yield from self.send_rest(repeat.step(data), taken)
            ended = "complete"
        except Vanished as vanished:
            ended = str(vanished)
        except OSError:
            ended = "client_reset"
        finally:
            self.is_busy = False
            self.note_end(entry, ended, started)
        if ended != "complete":
            return False
        if repeat.keep_alive:
            return not self.server.stopping
        return (yield from self.leave())

    def leave(self) -> Waiting[bool]:
        """End the connection, as its client wants it."""
        if has_more(self.connection):
            try:
                yield from self.linger()
            except OSError:
                pass
        return False

    def serve(self, data: bytes) -> Waiting[bool]:
        """Answer the requests that have come; whether there may be more."""
        self.raw = data
        try:
            while (yield from self.serve_request()):
                self.buffer = self.buffer.lstrip(b"\r\n")
                self.raw = self.buffer
                if not self.buffer:
                    return True
                yield TURN, 0.0
        except (OSError, Vanished):
            return False  # the client has left; there is nobody to tell
        except Broke as broke:
            try:
                yield from self.end(str(broke))
            except (OSError, Vanished):
                pass
        finally:
            self.raw = b""  # who idles, or has left and is still in the heap, keeps none
        return False

    # --- one request ---

    def serve_request(self) -> Waiting[bool]:
        """Answer one request; whether the connection can be used again."""
        head: Optional[Head] = None
        data: Optional[bytes] = None
        closes = False
        generation = -1  # of the mocks, as long as none were asked
        started = time.monotonic()
        self.is_busy = True
        try:
            data = yield from self.read_head()
            started = time.monotonic()
            head = parse_head(data)
            bodies = yield from self.read_body(head)
            request = self.request_of(head, head.session, bodies)
            mocks = self.server.core.mocks
            if not mocks.files.is_current(self.loop.rounds):
                yield from self.aside(mocks.files.refresh)
            generation = mocks.generation
            answered, coding = yield from self.answer(request)
        except GaveUp as given_up:
            assert head
            self.note_left(request, head, given_up, started)
            raise
        except Refused as refused:
            # What is not read of a request must never be taken for the next one.
            closes = refused.close or self.has_body
            head = head or begun_head(data or self.buffer)
            request = self.request_of(head)
            answered, coding = self.refuse(request, refused)
        wanted = head.keeps_alive and answered.keeps_alive
        keep_alive = wanted and not closes and not self.server.stopping
        entry = yield from self.respond(request, head, answered, coding, keep_alive, started)
        if entry and answered.is_lasting and not closes and not self.buffer:
            self.remember(generation, request, head, answered, coding, entry)
        # HTTP/1.0 has no chunks: its streams end with the connection.
        ends_by_length = head.minor > 0 or answered.response.frames is None
        again = keep_alive and ends_by_length and not self.server.stopping
        self.is_busy = False
        if closes or (not again and (self.buffer or has_more(self.connection))):
            yield from self.linger()
        return again

    def request_of(self, head: Head, session: str = "", bodies: Bodies = (b"", b"")) -> Request:
        """A request with this head, and its body as it is and as it was sent."""
        port, is_tls = self.server.port, self.server.core.tls is not None
        _, path, query = head.parsed_target
        raw = self.server.core.raw_of(head, bodies[1])
        where = port, session, self.peer, is_tls, raw
        return Request(head.method, path, query, head.headers, bodies[0], *where)

    def answer(self, request: Request) -> Waiting[Tuple[Answered, str]]:
        """The answer, and its coding.

        A bug becomes a 500 in the provider's shape and a line in the log, never a traceback."""
        answerer = self.server.core.answerer
        try:
            answered = yield from self.done(answerer.answering(request))
            coding = coding_of(answered.response, request.headers.get("accept-encoding"))
            if coding is not None:
                return answered, coding
            refused = Refused(
                406, "Accept-Encoding takes neither gzip nor identity", code="not_acceptable"
            )
        except Refused as error:
            refused = error
        except Vanished:
            raise
        except MemoryError as error:
            self.loop.complain(error)
            refused = Refused(503, "the server is out of memory", code="out_of_memory")
        except Exception as error:  # noqa: BLE001  a bug must cost one answer, not the test run
            reason = f"internal error: {type(error).__name__}: {error}"
            self.server.core.log.say(f"{reason} (line {line_of(error)}); please report it")
            answered, coding = self.refuse(request, Refused(500, reason))
            return replace(answered, is_repeatable=False), coding
        # Uncoded, whatever the client takes: it has to be told.
        answered = answerer.refuse(request, refused)
        uncoded = replace(answered.response, may_gzip=False)
        # Not remembered: a mock may have been used all the same, and counts it.
        return replace(answered, response=uncoded, is_repeatable=False), "identity"

    def done(self, work: Work[Answered]) -> Waiting[Answered]:
        """What work gives, once it is done; it waits, or is done aside, where it wants to be."""
        found = advanced(work)
        while not isinstance(found, Answered):
            if found.gate is None:
                workers = self.workers_for(found)
                found = yield from self.aside(functools.partial(advanced, work), workers)
                continue
            try:
                yield from self.wait_for(found.gate, found.timeout)
            except Vanished as vanished:
                # Nobody waits for it any more; what was forwarded is told all the same.
                answered = abandoned(work)
                raise GaveUp(str(vanished), answered) if answered else vanished from None
            found = advanced(work)
        return found

    def workers_for(self, wanting: Wanting) -> Workers:
        """Who does what takes long."""
        core = self.server.core
        return core.functions if wanting is FOREIGN_CODE else core.workers

    def refuse(self, request: Request, refused: Refused) -> Tuple[Answered, str]:
        """The answer to a request that is refused, and its coding, whatever the client takes."""
        answered = self.server.core.answerer.refuse(request, refused)
        coding = coding_of(answered.response, request.headers.get("accept-encoding"))
        return answered, coding or "identity"

    # --- writing ---

    def respond(
        self,
        request: Request,
        head: Head,
        answered: Answered,
        coding: str,
        keep_alive: bool,
        started: float,
    ) -> Waiting[Optional[Entry]]:
        """Write a response, with its entry in the journal and the log, if it is to have one."""
        core = self.server.core
        number = str(next(core.numbers))
        extra: Headers = (("Date", self.server.date()), ("X-Mock-Request-Id", number))
        extra += own_headers(request, answered)
        exchange = Exchange(head.minor, keep_alive, request.method == "HEAD", coding, extra)
        self.gate, self.sent = answered.feed or Gate(), Sent()
        make = functools.partial(told_and_steps, request, head, answered, exchange)
        takes_long = max(len(request.body), len(answered.response.body)) > LONG
        asked, steps = (yield from self.aside(make)) if takes_long else make()
        entry = self.noted(number, asked, answered, started)
        ended = "fault"
        try:
            yield from self.perform(steps)
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
            if entry:
                self.note_end(entry, ended, started)
            if answered.feed:
                answered.feed.leave()
                self.gate = Gate()  # who idles does not keep what was forwarded
            core.trimming.freed(len(request.body) + answered.weight)
        return entry

    def note_left(self, request: Request, head: Head, given_up: GaveUp, started: float) -> None:
        """Note in the journal and the log that a client left before it had any of its answer."""
        self.sent = Sent()
        number = str(next(self.server.core.numbers))
        asked = asked_of(request, head, given_up.answered)
        entry = self.noted(number, asked, given_up.answered, started)
        if entry:
            self.note_end(entry, str(given_up), started)

    def note_end(self, entry: Entry, ended: str, started: float) -> None:
        """Note in the journal and the log how a response ended."""
        entry.duration = round(time.monotonic() - started, 6)
        self.server.core.journal.end(entry, ended)
        self.server.core.log.request(entry)

    def remember(
        self,
        generation: int,
        request: Request,
        head: Head,
        answered: Answered,
        coding: str,
        entry: Entry,
    ) -> None:
        """Remember an answer for when the same bytes come again; when they have come twice."""
        repeats, port, raw = self.server.core.repeats, self.server.port, self.raw
        if not 0 < len(raw) <= READ_SIZE // 2 or not head.minor or "expect" in head.headers:
            return
        asked = entry.asked
        if entry.ended != "complete" or asked.is_probe or not repeats.seen.has((port, raw)):
            return
        exchange = Exchange(
            head.minor,
            head.keeps_alive,
            request.method == "HEAD",
            coding,
            MARKS + own_headers(request, answered),
        )
        repeat = repeat_of(answer_steps(answered.response, exchange), asked, answered)
        if repeat:
            repeat.keep_alive = head.keeps_alive and answered.keeps_alive
            repeats.keep(port, raw, generation, repeat)

    def noted(
        self, number: str, asked: Optional[Asked], answered: Answered, started: float
    ) -> Optional[Entry]:
        """The entry of an answer that is about to be sent, which is in the journal; none of one
        that the journal says nothing of."""
        if not asked:
            return None
        entry = Entry(number, time.time(), asked, self.sent, self.count)
        if answered.response.delivery.gate and answered.response.frames is not None:
            entry.gate = self.gate
        self.server.core.journal.add(entry, started)
        return entry

    def perform(self, steps: Iterable[Step]) -> Waiting[None]:
        """Do the steps of a response: the only loop that writes."""
        send, sent, keep = self.connection.send, self.sent, self.sent.kept.add
        due = 0.0  # of the last pause, while nothing else has stopped the stream
        since_turn = 0  # writes without a pause
        for step in steps:
            if isinstance(step, Send):
                keep(step)
                try:
                    taken = send(step.data, DONT_WAIT)
                except BlockingIOError:
                    taken = 0
                if taken == len(step.data):
                    sent.bytes += taken - step.head
                    sent.events += len(step.ends)
                    sent.has_begun |= step.head > 0
                else:
                    yield from self.send_rest(step, taken)
                since_turn += 1
                is_much = len(step.data) > JOINED // 2 or since_turn >= SMALL_WRITES
                if is_much and not step.last:
                    yield TURN, 0.0
                    since_turn = 0
            elif isinstance(step, Wait):
                # From when it was due, not from now: lateness must not add up.
                due = (due or time.monotonic()) + step.seconds
                wish = moment_of(due)
                found = yield wish
                if wish[1] and found != TIME:
                    raise Vanished(self.how_it_left(found))
                since_turn = 0
            elif isinstance(step, Hold):
                yield from self.hold(step)
                due = 0.0
            elif isinstance(step, Hang):
                yield from self.hang(step)
                due = 0.0
            elif isinstance(step, Cut):
                raise Broke(step.how)
            else:
                yield TURN, 0.0

    def hang(self, step: Hang) -> Waiting[None]:
        """Say nothing more, until the client leaves or for as long as the step says."""
        self.is_busy = False  # a shutdown need not wait for it
        yield from self.wait_for(Gate(), step.seconds)
