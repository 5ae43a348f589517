"""Forwarding: requests go to an upstream in threads of their own, and its answers come back.

May touch threading and time.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from typing import Callable, Deque, Dict, List, Optional, Set, Tuple

from ..errors import Refused, line_of
from ..limits import (
    CLOSING_SECONDS,
    CONNECT_SECONDS,
    FORWARD_TURN_SECONDS,
    HELD_SECONDS,
    LEFT_SECONDS,
    LONG,
    MOST_FORWARDED,
    SILENT_SECONDS,
)
from ..options import Settings
from ..steps import Cut
from ..values import HttpResponse, Request
from .incoming import Incoming, Unanswered
from .links import BROKEN, LATE, Link, Trust
from .making import is_json_type
from .passages import Forwarded, Passage
from .recorder import EVENT_STREAM, Recorder, Taken
from .upstreams import Upstreams, passed_headers

PASSED_IN_PIECES = (EVENT_STREAM, "application/x-ndjson", "application/vnd.amazon.eventstream")


class Forwarder:
    """Forwards requests, so many at once; the others wait for their turn.

    OSError if the file of an authority can't be used."""

    # What tests may have otherwise.
    connect_seconds, silent_seconds = CONNECT_SECONDS, SILENT_SECONDS
    turn_seconds, most = FORWARD_TURN_SECONDS, MOST_FORWARDED
    closing_seconds, left_seconds = CLOSING_SECONDS, LEFT_SECONDS
    held_seconds = HELD_SECONDS

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        own_ports: Set[int],
        say: Callable[[str], None],
    ) -> None:
        self.upstreams = Upstreams(settings.record)
        self.recorder, self.own_ports, self.say = recorder, own_ports, say
        self.trust = Trust(settings.record_ca)
        self.mark = f"mock-server-{os.urandom(8).hex()}"  # no other server has the same
        self.count: Callable[[Forwarded], None] = lambda forwarded: None  # told of each at its end
        self.lock = threading.Condition()  # of all below
        self.waiting: Deque[Passage] = deque()
        self.links: Dict[Passage, Link] = {}  # of those that are under way
        self.threads: Set[threading.Thread] = set()
        self.is_closed = False

    # --- from any thread ---

    def has_sent(self, request: Request) -> bool:
        """Whether a request has been forwarded from here already, and has come back."""
        return self.mark in request.headers.get("connection", "")

    def begin(self, passage: Passage) -> None:
        """Forward a request, now or when it is its turn."""
        with self.lock:
            if self.is_closed:
                passage.refuse(Refused(503, "the server is being closed", code="not_forwarded"))
                return
            self.waiting.append(passage)
            if len(self.threads) >= self.most:
                return
            thread = threading.Thread(target=self.run, name="forward", daemon=True)
            self.threads.add(thread)
        try:
            thread.start()
        except (RuntimeError, MemoryError):  # there are as many as there may be
            with self.lock:
                self.threads.discard(thread)

    def withdraw(self, passage: Passage) -> bool:
        """Forward a request no more, unless its turn has come."""
        with self.lock:
            if passage not in self.waiting:
                return False
            self.waiting.remove(passage)
            return True

    def close(self) -> None:
        """Let what is nearly done be done, and end the rest."""
        with self.lock:
            self.waiting.clear()
            self.is_closed = True
            self.lock.wait_for(lambda: not self.threads, self.closing_seconds)
            threads = list(self.threads)
            for passage, link in self.links.items():
                link.cut()
                passage.leave()
        until = time.monotonic() + self.closing_seconds
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    # --- in threads of its own ---

    def run(self) -> None:
        """Forward what waits, until nothing does."""
        while True:
            with self.lock:
                if not self.waiting:
                    self.threads.discard(threading.current_thread())
                    self.lock.notify_all()
                    return
                passage = self.waiting.popleft()
                upstream = passage.upstream
                link = Link(upstream, self.connect_seconds, self.silent_seconds)
                self.links[passage] = link
            try:
                self.forward(passage, link)
            finally:
                link.close()
                with self.lock:
                    del self.links[passage]
            del passage, link

    def forward(self, passage: Passage, link: Link) -> None:
        """Forward one request, and hand on what comes back."""
        try:
            Exchanged(self, passage, link).carry()
        except Unanswered as wrong:
            self.fail(passage, wrong.status, wrong.why)
        except Exception as error:  # noqa: BLE001  a bug must cost one answer
            self.fail(passage, 500, f"internal error: {type(error).__name__}: {error}")

    def fail(self, passage: Passage, status: int, why: str) -> None:
        """Tell the client why there is no answer, or have what it gets of one break off."""
        forwarded = passage.forwarded
        forwarded.reason = why
        self.count(forwarded)
        if self.is_closed:
            forwarded.reason = "the server was closed"
            passage.end(Cut("close"))
        elif passage.is_ready:
            if not passage.is_left:
                self.say(f"{forwarded.url} broke off: {why}")
            passage.end(Cut("close"))
        else:
            message = f"the request could not be forwarded to {forwarded.url}: {why}"
            passage.refuse(Refused(status, message, code="not_forwarded"))


class Exchanged:
    """One request and its answer, on their way."""

    def __init__(self, forwarder: Forwarder, passage: Passage, link: Link) -> None:
        self.forwarder, self.passage, self.link = forwarder, passage, link
        self.request = passage.call.request
        self.incoming = Incoming(self.request.method)
        self.is_stream = False  # whether it is handed on as it comes
        self.pieces: List[bytes] = []  # if not

    def carry(self) -> None:
        """Send the request and hand on the answer."""
        forwarder, passage, link, incoming = self.forwarder, self.passage, self.link, self.incoming
        link.connect(forwarder.trust, forwarder.own_ports)
        mark = forwarder.mark if link.is_near else ""
        head, body = passage.upstream.request_bytes(self.request.method, passage.sent, mark)
        unsent = link.send(head + body)
        began = time.monotonic()
        piece = b""
        while not incoming.status:
            self.check_use("")
            piece = self.read(unsent)
        passage.forwarded.status = incoming.status
        if self.comes_in_pieces() and not self.may_be_held():
            self.begin_to_hand_on()
        taken = Taken(incoming, began, forwarder.recorder.room)
        taken.why = passage.unread
        try:
            self.pass_body(taken, piece)
            self.keep(taken)
        finally:
            taken.clear()
        if self.is_stream:
            passage.end()
        else:
            passage.answer(self.response())

    def begin_to_hand_on(self) -> None:
        """Hand on what has come so far, and what comes as it comes."""
        self.is_stream = True
        self.passage.answer(self.response())
        for piece in self.pieces:
            self.passage.put(piece)
        self.pieces.clear()

    def may_be_held(self) -> bool:
        """Whether an answer that nobody knows the end of is held back for a while: JSON that is no
        stream, of which half would be of no use, so that its client is told when it breaks off."""
        content_type = self.incoming.content_type
        is_json = bool(content_type) and is_json_type(content_type)
        return self.incoming.length is None and is_json and not self.passage.call.stream

    def pass_body(self, taken: Taken, piece: bytes) -> None:
        """Hand on the body, of which this is the first piece, and take it."""
        passage, incoming = self.passage, self.incoming
        until, size = time.monotonic() + self.forwarder.held_seconds, 0
        while True:
            taken.add(piece)
            size += len(piece)
            if self.is_stream and piece:
                passage.put(piece)
            elif piece:
                self.pieces.append(piece)
            if incoming.is_over:
                return
            # Blank lines that keep a connection alive are to do so for the client, too.
            if not self.is_stream and incoming.length is None and is_due(until, size):
                self.begin_to_hand_on()
            self.check_use(taken.why)
            piece = self.read(None)

    def check_use(self, unsaved_why: str) -> None:
        """Unanswered if nobody waits for the rest: neither a client nor a recording."""
        if not self.passage.is_left:
            return
        if unsaved_why:
            raise Unanswered(502, unsaved_why)
        seconds = self.forwarder.left_seconds
        if time.monotonic() > self.passage.left_at + seconds:
            told = f"its client left, and it did not end within {seconds:g} s"
            raise Unanswered(502, told)

    def read(self, unsent: Optional[OSError]) -> bytes:
        """What comes next of the body; a request that could not be sent may have an answer."""
        try:
            data = self.link.receive()
        except Unanswered:
            if unsent is None:
                raise
            if isinstance(unsent, socket.timeout):
                told = f"it took nothing more of the request for {self.link.silent_seconds:g} s"
                raise Unanswered(LATE, told) from None
            told = f"it took only some of the request: {unsent.strerror or unsent}"
            raise Unanswered(BROKEN, told) from None
        if data:
            return self.incoming.feed(data)
        self.incoming.end()
        return b""

    def comes_in_pieces(self) -> bool:
        """Whether the answer is a stream, too long, or nobody knows its end."""
        incoming = self.incoming
        if incoming.length is None or incoming.length > LONG:
            return True
        return incoming.length > 0 and incoming.content_type in PASSED_IN_PIECES

    def response(self) -> HttpResponse:
        """The answer as its client gets it."""
        incoming, passage = self.incoming, self.passage
        headers = passed_headers(incoming.headers, self.request)
        if self.is_stream:
            is_events = incoming.content_type == EVENT_STREAM
            coded = incoming.values("content-encoding")
            frames = passage.frames(is_events and not coded)
            return HttpResponse(incoming.status, headers, frames=frames, may_gzip=False)
        if self.request.method == "HEAD":  # its length is not known: it goes as chunks would
            return HttpResponse(incoming.status, headers, frames=(), may_gzip=False)
        return HttpResponse(incoming.status, headers, b"".join(self.pieces), may_gzip=False)

    def keep(self, taken: Taken) -> None:
        """Have the exchange recorded, if it may be."""
        passage, forwarder = self.passage, self.forwarder
        taken.end()
        why = taken.why
        if self.request.method == "HEAD":
            why = "an answer to HEAD has no body"
        elif self.link.is_ragged:
            why = "its TLS ended without a goodbye, so that it may be half an answer"
        elif not why and taken.is_cut:
            why = "its connection ended, with no length told, in the middle of what it says"
        name = ""
        if not why:
            name, why = self.saved(taken)
        twice = passage.upstream.repeated(passage.upstream.target(passage.sent))
        if why and twice and self.incoming.status == 404:
            told = f"{twice} is in the request's path and in --record {passage.upstream.name}=URL"
            why = f"{told}: leave it out there; {why}"
        passage.forwarded.recorded, passage.forwarded.reason = name, why
        forwarder.count(passage.forwarded)
        if passage.is_left:  # the log has had its line
            outcome = passage.forwarded.outcome()
            forwarder.say(f"{passage.forwarded.url}, whose client left {outcome}")

    def saved(self, taken: Taken) -> Tuple[str, str]:
        """Save the exchange; the name of the mock's file, or why there is none.  Whatever goes
        wrong with that, the answer is passed on."""
        passage, forwarder = self.passage, self.forwarder
        try:
            capture = taken.capture(passage.call)
            return forwarder.recorder.keep(passage.wire, passage.call, capture)
        except MemoryError:
            why = "there was not enough memory to save it"
        except Exception as error:  # noqa: BLE001  a bug must cost no answer
            why = f"internal error: {type(error).__name__} (line {line_of(error)})"
        forwarder.say(f"{passage.forwarded.url} was not recorded: {why}")
        return "", why


def is_due(until: float, size: int) -> bool:
    """Whether what was held back so long, or has become so long, is to go on."""
    return size > LONG or time.monotonic() > until
