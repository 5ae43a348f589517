"""What of an answer is kept while it passes, and whether it becomes a mock.

May touch threading and time."""

from __future__ import annotations

import threading
import time
from typing import Callable, List, Tuple

from ..formats.base import WireFormat
from ..jsons import parse_json, uncollected
from ..limits import RECORDED_ROOM, RECORDING_ROOM
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
COPIES = 8  # of a body, about, that are there while a recording is made
MERGED_SECONDS = 0.0005  # what comes within this came at once


class Room:
    """Bytes of memory that all recordings under way may take together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.lock = threading.Lock()  # of the next
        self.held = 0

    def take(self, size: int) -> bool:
        """Take so many more, if there are."""
        with self.lock:
            if self.held + size > self.most:
                return False
            self.held += size
            return True

    def give_back(self, size: int) -> None:
        """Have them free again."""
        with self.lock:
            self.held -= size


class Taken:
    """A body as it is kept while it passes: its codings undone, and when it came.  `room` is what
    it may take of memory.

    `why` says why it is not."""

    def __init__(self, incoming: Incoming, began: float, room: Room) -> None:
        self.incoming, self.began, self.room = incoming, began, room
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
            undone = self.undoing.feed(piece)
        except NotUndone as wrong:
            self.give_up(str(wrong))
            return
        if not undone:
            return
        if not self.room.take(len(undone)):
            most = self.room.most // (1024 * 1024)
            self.give_up(f"what is being recorded has more than {most} MiB together")
            return
        self.body += undone
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

    @property
    def is_cut(self) -> bool:
        """Whether it ended with its connection, in the middle of what it says."""
        incoming = self.incoming
        if not incoming.ends_with_connection:
            return False
        return not self.body or is_half(incoming.content_type, bytes(self.body))

    def give_up(self, why: str) -> None:
        """Keep none of it."""
        self.why = why
        self.clear()

    def clear(self) -> None:
        """Free the memory that it takes."""
        self.room.give_back(len(self.body))
        self.body = bytearray()
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
        # One is made at a time: several take as long together, and all others wait for each.
        self.making = threading.Lock()
        self.room = Room(RECORDING_ROOM)
        self.freed: Callable[[int], None] = lambda size: None  # told of memory

    def keep(self, wire: WireFormat, call: Call, capture: Capture) -> Tuple[str, str]:
        """Save an exchange; the name of the mock's file, or why there is none."""
        status = capture.status
        if 400 <= status < 500 and not self.with_errors:
            return "", f"answers of status {status} are saved with --record-errors"
        with self.making, uncollected():
            made = made_of(wire, call, capture)
        name, reason = self.folder.keep(made)
        if name:
            self.when_saved()
        self.freed(COPIES * len(capture.body))
        return name, reason
