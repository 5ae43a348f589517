"""The request log.  May touch threading and time."""

from __future__ import annotations

import queue
import sys
import threading
import time
from typing import Mapping, Optional, TextIO, Union

from .entries import Entry
from .jsons import compact, timestamp
from .limits import LOG_LINES, Json

# What a line of JSON says of a request, of all that the journal knows.
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


class Log:
    """The request log on a stream; `mode` is text, json or off.

    Lines wait in a bounded queue, so that a stream that nobody reads delays no answer; what does
    not fit is counted and reported."""

    def __init__(self, mode: str, stream: Optional[TextIO] = None) -> None:
        self.stream = stream or sys.stderr
        self.mode = mode
        if not self.stream:  # standard error was closed from the start
            self.mode = "off"
        self.lines: "queue.SimpleQueue[Optional[str]]" = queue.SimpleQueue()  # bounded by put()
        self.dropped = 0
        self.thread = threading.Thread(target=self.write, name="log", daemon=True)
        if self.mode != "off":
            self.thread.start()

    def say(self, message: str) -> None:
        """A line that is about no request."""
        if self.mode == "json":
            self.put({"time": timestamp(time.time()), "message": message})
        else:
            self.put(message)

    def request(self, entry: Entry) -> None:
        """A line about one request."""
        if self.mode == "json":
            known = entry.json()
            self.put({key: known[key] for key in LOGGED})
        elif self.mode == "text":
            self.put(request_line(entry))

    def put(self, line: Union[str, Mapping[str, Json]]) -> None:
        """Queue a line, or count it as dropped."""
        if self.mode == "off":
            return
        if self.lines.qsize() >= LOG_LINES:
            self.dropped += 1
            return
        if not isinstance(line, str):
            line = compact(line)
        self.lines.put(printable(line) + "\n")

    def write(self) -> None:
        """Write what is queued, many lines at once, until None comes."""
        last = False
        while not last:
            batch = [self.lines.get()]
            # One write for many lines: a system call each would cost more than the lines.
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


def printable(text: str) -> str:
    """A text whose control characters are escaped: a model's name must not steer the terminal."""
    if text.isprintable():
        return text
    return "".join([letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text])


def request_line(entry: Entry) -> str:
    """One request as a line of text."""
    asked, sent = entry.asked, entry.sent
    path = asked.path
    if asked.session:
        path = f"/@{asked.session}{path}"
    words = [timestamp(entry.moment), str(asked.port), asked.method, path, str(asked.status)]
    if entry.ended != "complete":
        words.append(str(entry.ended))
    words += [f"{(entry.duration or 0) * 1000:.1f}ms", f"{max(0, sent.bytes)}B"]
    if asked.call and asked.call.stream:
        words.append(f"{sent.events} events")
    words.append(asked.provider or "")
    if asked.call:
        words += [asked.call.api, asked.call.model]
    if asked.mock:
        words.append(f'"{asked.mock}"')
    words.append(asked.note)
    return " ".join(word for word in words if word)
