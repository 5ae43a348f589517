"""What of an answer is kept while it passes, and whether it becomes a mock.  May ask the clock."""

from __future__ import annotations

import time
from typing import Callable, List, Tuple

from ..formats.base import WireFormat
from ..jsons import parse_json
from ..limits import RECORDED_ROOM
from ..values import Call
from .captures import Arrival, Capture
from .folder import Folder
from .incoming import Incoming
from .making import is_json_type, made_of
from .undoing import NotUndone, Undoing

EVENT_STREAM = "text/event-stream"
LINES_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
ENDS_OF_EVENTS = (b"\n\n", b"\r\n\r\n", b"\r\r")
LAST_OF_ALL = b"[DONE]"  # some leave out the blank line behind it
MERGED_SECONDS = 0.0005  # what comes within this came at once


class Taken:
    """A body as it is kept while it passes: its codings undone, and when it came.

    `why` says why it is not."""

    def __init__(self, incoming: Incoming, began: float) -> None:
        self.incoming, self.began = incoming, began
        self.undoing = Undoing(incoming.values("content-encoding"), RECORDED_ROOM)
        self.body = bytearray()
        self.arrivals: List[Arrival] = []
        self.why = ""

    def add(self, piece: bytes) -> None:
        """Take a piece that has come now."""
        if self.why or not piece:
            return
        try:
            self.body += self.undoing.feed(piece)
        except NotUndone as wrong:
            self.give_up(str(wrong))
            return
        seconds = time.monotonic() - self.began
        if self.arrivals and seconds - self.arrivals[-1].seconds < MERGED_SECONDS:
            seconds = self.arrivals.pop().seconds
        self.arrivals.append(Arrival(seconds, len(self.body)))

    def end(self) -> None:
        """It is complete."""
        if self.why or not self.body:
            return
        try:
            self.undoing.end()
        except NotUndone as wrong:
            self.give_up(str(wrong))

    @property
    def is_cut(self) -> bool:
        """Whether it ended with its connection, in the middle of what it says."""
        incoming = self.incoming
        return incoming.ends_with_connection and is_half(incoming.content_type, bytes(self.body))

    def give_up(self, why: str) -> None:
        """Keep none of it."""
        self.why = why
        self.body.clear()
        self.arrivals.clear()

    def capture(self, call: Call) -> Capture:
        """The exchange that it was."""
        incoming = self.incoming
        arrivals = tuple(self.arrivals)
        return Capture(call.request, incoming.status, incoming.headers, bytes(self.body), arrivals)


def is_half(content_type: str, body: bytes) -> bool:
    """Whether a body of a type, without parameters, breaks off in the middle of what it says."""
    told = body.rstrip()
    if content_type == EVENT_STREAM:
        return not (body.endswith(ENDS_OF_EVENTS) or told.endswith(LAST_OF_ALL))
    if content_type in LINES_TYPES:
        told = told.rpartition(b"\n")[2]
    elif not is_json_type(content_type) or not content_type:
        return False
    try:
        parse_json(told)
    except ValueError:
        return True
    return False


class Recorder:
    """Keeps answers as mocks in a folder, those of 4xx only if told to; `when_saved` is called
    when there is another one."""

    def __init__(self, folder: Folder, with_errors: bool, when_saved: Callable[[], None]) -> None:
        self.folder, self.with_errors, self.when_saved = folder, with_errors, when_saved

    def keep(self, wire: WireFormat, call: Call, capture: Capture) -> Tuple[str, str]:
        """Save an exchange; the name of the mock's file, or why there is none."""
        status = capture.status
        if 400 <= status < 500 and not self.with_errors:
            return "", f"answers of status {status} are saved with --record-errors"
        name, reason = self.folder.keep(made_of(wire, call, capture))
        if name:
            self.when_saved()
        return name, reason
