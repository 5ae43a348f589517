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

MERGED_SECONDS = 0.0005  # what comes within this came at once


class Taken:
    """A body as it is kept while it passes: its codings undone, and when it came.

    `why` says why it is not."""

    def __init__(self, incoming: Incoming, began: float) -> None:
        self.incoming, self.began = incoming, began
        self.undoing = Undoing(incoming.values("content-encoding"), RECORDED_ROOM)
        self.body = bytearray()
        self.has_begun = False  # whether any of it has come
        self.arrivals: List[Arrival] = []
        self.why = ""

    def add(self, piece: bytes) -> None:
        """Take a piece that has come now."""
        if self.why or not piece:
            return
        self.has_begun = True
        try:
            found = self.undoing.feed(piece)
        except NotUndone as wrong:
            self.give_up(str(wrong))
            return
        if not found:
            return
        self.body += found
        seconds = time.monotonic() - self.began
        if self.arrivals and seconds - self.arrivals[-1].seconds < MERGED_SECONDS:
            seconds = self.arrivals.pop().seconds
        self.arrivals.append(Arrival(seconds, len(self.body)))

    def end(self) -> None:
        """It is complete."""
        if self.why:
            return
        try:
            if self.has_begun:
                self.undoing.end()
        except NotUndone as wrong:
            self.give_up(str(wrong))
            return
        if self.incoming.is_unframed and self.is_half():
            self.give_up("it may be half an answer: it has no length, and no end that tells")

    def is_half(self) -> bool:
        """Whether a body that only the connection's end has ended lacks something for sure."""
        if not self.body:
            return True
        if not is_json_type(self.incoming.content_type):
            return False
        try:
            parse_json(bytes(self.body))
        except ValueError:
            return True
        return False

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
