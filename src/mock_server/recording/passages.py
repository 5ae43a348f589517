"""Passages: what the client's side and the upstream's side of a forwarded request hand each other.

May touch threading and time.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from typing import Any, Deque, Dict, Iterator, Optional, Union

from ..errors import Refused
from ..formats.base import WireFormat
from ..gates import Gate
from ..limits import PASSAGE_ROOM, Json
from ..marks import Hold
from ..steps import Cut
from ..values import AsSent, Call, HttpResponse
from .upstreams import Upstream

# Where an event of a stream ends: its chunks and packets may say otherwise.
ENDED_EVENT = re.compile(rb"\n\n|\r\n\r\n|\r\r")


class Forwarded:
    """What is said of a request that was forwarded, filled in while that goes: to what URL, without
    its keys, with what status, as which mock it was recorded, and why it was not."""

    __slots__ = ("url", "status", "recorded", "reason")

    def __init__(self, url: str) -> None:
        self.url = url
        self.status: Optional[int] = None
        self.recorded = ""
        self.reason = ""

    def json(self) -> Dict[str, Json]:
        """The same for the journal."""
        return {
            "url": self.url,
            "status": self.status,
            "recorded": self.recorded or None,
            "reason": self.reason or None,
        }

    def outcome(self) -> str:
        """What became of the recording, for the log; nothing as long as that is open."""
        if self.recorded:
            return f"(recorded as {self.recorded})"
        if self.reason and self.status:  # else the answer itself says it
            return f"(not recorded: {self.reason})"
        return ""


class Passage(Gate):
    """One forwarded request.

    The thread that forwards it gives an answer, pieces of its body, and an end; the loop's thread
    takes them, and says when its client has left.  `ready` opens with the answer's head, with all
    of it if it is whole, or with why there is none.  `unread` says why it is not recorded, if that
    is known before."""

    def __init__(self, upstream: Upstream, wire: WireFormat, call: Call, unread: str = "") -> None:
        super().__init__()
        self.upstream, self.wire, self.call, self.unread = upstream, wire, call, unread
        self.sent = call.request.raw or AsSent(call.path, b"", call.request.body)
        self.forwarded = Forwarded(upstream.shown(upstream.target(self.sent)))
        self.ready = Gate()
        self.response: Optional[HttpResponse] = None
        self.refused: Optional[Refused] = None
        self.room = threading.Condition()  # of the next three
        self.pieces: Deque[Union[bytes, Cut, None]] = deque()  # None is the end
        self.size = 0
        self.is_left = False  # whether nobody waits for it any more
        self.left_at = 0.0  # of the monotonic clock

    @property
    def is_ready(self) -> bool:
        """Whether there is an answer, or why there is none."""
        return self.response is not None or self.refused is not None

    # --- from the thread that forwards it ---

    def answer(self, response: HttpResponse) -> None:
        """Hand on an answer: its head, or all of it."""
        self.response = response
        self.ready.release()

    def refuse(self, refused: Refused) -> None:
        """Say why there is no answer."""
        self.refused = refused
        self.ready.release()

    def put(self, piece: bytes) -> None:
        """Hand on a piece of the body, once the client has taken enough of what was before."""
        with self.room:
            while self.size > PASSAGE_ROOM and not self.is_left:
                self.room.wait()
            if self.is_left:
                return
            self.size += len(piece)
            self.pieces.append(piece)
        self.wake()

    def end(self, cut: Optional[Cut] = None) -> None:
        """End the body, or have it break off."""
        with self.room:
            self.pieces.append(cut)
        self.wake()

    # --- from the loop's ---

    def leave(self) -> None:
        """Nobody waits for it any more."""
        with self.room:
            self.is_left, self.left_at = True, time.monotonic()
            self.pieces.clear()
            self.size = 0
            self.room.notify_all()

    def take(self) -> bool:
        """Whether there is something to hand on."""
        return bool(self.pieces)

    def frames(self, is_events: bool) -> Iterator[Any]:
        """The body as it comes; of an event stream its events, as far as they come whole."""
        while True:
            yield Hold()
            while self.pieces:
                piece = self.pieces[0]
                if piece is None:
                    return
                if isinstance(piece, Cut):
                    yield piece  # a step, which goes through as it is
                    return
                if is_events:
                    yield from ended_events(piece)
                else:
                    yield piece
                self.drop(piece)

    def drop(self, piece: bytes) -> None:
        """Make room for more behind a piece that was handed on."""
        with self.room:
            if self.pieces:  # else its client has left
                self.pieces.popleft()
                self.size -= len(piece)
                self.room.notify_all()


def ended_events(piece: bytes) -> Iterator[bytes]:
    """A piece of an event stream, cut behind the events that end in it."""
    at = 0
    for end in ENDED_EVENT.finditer(piece):
        yield piece[at : end.end()]
        at = end.end()
    if at < len(piece):
        yield piece[at:]
