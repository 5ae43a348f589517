"""The request log.  May touch threading and time."""

from __future__ import annotations

import queue
import sys
import threading
import time
from typing import Mapping, Optional, TextIO, Union

from .journal import Entry
from .jsons import compact, timestamp
from .limits import LOG_LINES, Json


class Log:
    """The request log on a stream.  Lines wait in a bounded queue, so that a stream that nobody reads
    delays no answer; what does not fit is counted and reported."""

    def __init__(self, mode: str, stream: Optional[TextIO] = None) -> None:
        self.stream = stream or sys.stderr
        self.mode = mode if self.stream else "off"
        self.lines: "queue.SimpleQueue[Optional[str]]" = queue.SimpleQueue()
        self.dropped = 0
        self.thread = threading.Thread(target=self.write, name="log", daemon=True)
        if self.mode != "off":
            self.thread.start()

    def say(self, message: str) -> None:
        """A line that is about no request."""
        self.put(
            {"time": timestamp(time.time()), "message": message} if self.mode == "json" else message
        )

    def request(self, entry: Entry) -> None:
        """A line about one request."""
        if self.mode == "json":
            known = entry.json()
            self.put({key: known[key] for key in LOGGED})
        elif self.mode == "text":
            self.put(logged(entry))

    def put(self, line: Union[str, Mapping[str, Json]]) -> None:
        """Queue a line, or count it as dropped."""
        if self.mode == "off":
            return
        if self.lines.qsize() >= LOG_LINES:
            self.dropped += 1
            return
        text = line if isinstance(line, str) else compact(line)
        if not text.isprintable():  # a model may have any name; none may steer the terminal
            text = "".join(
                [letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text]
            )
        self.lines.put(text + "\n")

    def write(self) -> None:
        """Write what is queued, many lines at once, until None comes."""
        last = False
        while not last:
            batch = [self.lines.get()]
            while not self.lines.empty():
                batch.append(self.lines.get())
            last = None in batch
            if self.dropped:
                batch.append(
                    f"{self.dropped} log lines dropped, because standard error is read too slowly\n"
                )
                self.dropped = 0
            try:
                self.stream.write("".join(line for line in batch if line))
                self.stream.flush()
            except (OSError, ValueError):
                return  # nobody reads it any more
            if not last:
                time.sleep(0.02)  # waking up for every line would cost requests their time

    def close(self) -> None:
        """Write what is left, if that takes no longer than half a second."""
        self.lines.put(None)
        if self.thread.is_alive():
            self.thread.join(0.5)


LOGGED = (
    "time",
    "port",
    "session",
    "method",
    "path",
    "provider",
    "operation",
    "api",
    "model",
    "stream",
    "mock",
    "status",
    "duration",
    "bytes_sent",
    "events_sent",
    "ended",
    "note",
)


def logged(entry: Entry) -> str:
    """One request as a line of text."""
    call = entry.call
    what = " ".join(
        part
        for part in (entry.provider, call.api if call else "", call.model if call else "")
        if part
    )
    events = f" {entry.events_sent} events" if call and call.stream else ""
    said = (f' "{entry.mock}"' if entry.mock else "") + (f" {entry.note}" if entry.note else "")
    ended = "" if entry.ended == "complete" else f" {entry.ended}"
    path = (f"/@{entry.session}" if entry.session else "") + entry.path
    return (
        f"{timestamp(entry.moment)} {entry.port} {entry.method} {path} {entry.status}{ended} "
        f"{(entry.duration or 0) * 1000:.1f}ms {entry.bytes_sent}B{events}{' ' + what if what else ''}{said}"
    )
