"""The request log.  May touch threading, time, json and the descriptor of standard error."""

from __future__ import annotations

import functools
import json
import os
import queue
import select
import sys
import threading
import time
from typing import Dict, Iterator, List, Optional, TextIO, Tuple, Union

from .entries import Entry
from .ids import timestamp
from .keys import without_keys
from .limits import LOG_LINES, LOG_ROOM, Json
from .violations import that_count

LINE_SIZE = 200  # about how many bytes of memory a line takes beside its text
TEXT_LIMIT = 1000  # characters of a model's name and the like
WRITE_SIZE = 64 * 1024  # bytes that are written at once
NEWLINE = 10
TRY_SECONDS = 0.2  # how long a stream that takes nothing is waited for until the next look

# What waits to be written: what was said and when, or an entry; with its size in memory.
Line = Union[Tuple[float, str], Entry]
Queued = Optional[Tuple[Line, int]]


class Log:
    """The request log on a stream; `mode` is text, json or off.

    Lines are made and written in a thread of its own.  They wait in a bounded queue, so that a
    stream that nobody reads delays no answer; what does not fit, or can't be written, is counted
    and reported."""

    def __init__(self, mode: str, stream: Optional[TextIO] = None) -> None:
        self.stream = stream or sys.stderr
        self.mode = mode
        if not self.stream:  # standard error was closed from the start
            self.mode = "off"
        self.waiting: "queue.SimpleQueue[Queued]" = queue.SimpleQueue()  # bounded by put()
        self.lock = threading.Lock()  # of the next two
        self.used = 0  # bytes of memory of what waits
        self.dropped = 0
        self.lost = 0  # lines that could not be written
        self.output = Output(self.stream)
        self.thread: Optional[threading.Thread] = None

    def say(self, message: str) -> None:
        """A line that is about no request."""
        self.put((time.time(), message), len(message))

    def request(self, entry: Entry) -> None:
        """A line about one request that has ended."""
        self.put(entry, entry.asked.size)

    def put(self, line: Line, size: int) -> None:
        """Queue a line that is still to be made, or count it as dropped."""
        if self.mode == "off":
            return
        size += LINE_SIZE
        with self.lock:
            is_full = self.waiting.qsize() >= LOG_LINES or self.used + size > LOG_ROOM
            if is_full or not self.has_thread():
                self.dropped += 1
                return
            self.used += size
        self.waiting.put((line, size))

    def has_thread(self) -> bool:
        """Whether there is its thread, which begins with the first line if the system lets it."""
        if self.thread:
            return True
        thread = threading.Thread(target=self.run, name="log", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            return False
        self.thread = thread
        return True

    def close(self) -> None:
        """Write what is left, if that takes no longer than half a second."""
        if self.thread:
            self.waiting.put(None)
            self.thread.join(0.5)
        self.output.is_closing = True

    # --- in its own thread ---

    def run(self) -> None:
        """Write what is queued, many lines at once, until None comes."""
        last = False
        while not last:
            batch = [self.waiting.get()]
            # One write for many lines: a system call each would cost more than the lines.
            while not self.waiting.empty():
                batch.append(self.waiting.get())
            last = None in batch
            found = [one for one in batch if one]
            del batch
            self.write([self.made(line) for line, _ in found])
            with self.lock:
                self.used -= sum(size for _, size in found)
            del found  # not to be kept until the next line comes
            if not last:
                time.sleep(0.02)  # waking up for every line would cost requests their time

    def made(self, line: Line) -> str:
        """The text of a line."""
        if isinstance(line, tuple):
            return self.said(*line)
        if self.mode == "json":
            return json_line(logged(line))
        return "".join([printable(told) + "\n" for told in request_lines(line)])

    def said(self, moment: float, message: str) -> str:
        """A line that is about no request."""
        if self.mode == "json":
            return json_line({"time": timestamp(moment), "message": without_keys(message)})
        return printable(without_keys(message)) + "\n"

    def write(self, lines: List[str]) -> None:
        """Write lines, and how many were not."""
        with self.lock:
            dropped, self.dropped = self.dropped, 0
        if self.lost:
            lost = f"{self.lost} log lines lost, because standard error failed: {self.output.why}"
            lines.insert(0, self.said(time.time(), lost))
        if dropped:
            slow = f"{dropped} log lines dropped, because standard error is read too slowly"
            lines.append(self.said(time.time(), slow))
        lost_before, told = self.lost, bool(self.lost)
        self.lost = self.output.write("".join(lines))
        if told and self.lost == len(lines):  # the first of them told of others
            self.lost += lost_before - 1


class Output:
    """A stream that lines are written to; what it does not take now is lost."""

    def __init__(self, stream: Optional[TextIO]) -> None:
        self.stream = stream
        self.number = -1  # of its descriptor
        # Its own buffers can't be asked what of them was written, and fail in ways of their own.
        if stream is sys.__stderr__ and os.name == "posix":
            self.number = 2
        self.is_inside = False  # whether the last line was written in part
        self.is_closing = False
        self.why = ""  # it failed the last time

    def write(self, text: str) -> int:
        """Write lines; how many of them are lost."""
        if self.number < 0:
            return self.write_text(text)
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        try:
            if self.is_inside:
                os.write(self.number, b"\n")
            self.is_inside = False
            while data:
                taken = self.written(data)
                self.is_inside = data[taken - 1] != NEWLINE
                data = data[taken:]
        except OSError as error:
            self.why = error.strerror or str(error)
        return bytes(data).count(b"\n")

    def written(self, data: memoryview) -> int:
        """Write some bytes, once there is room for one; how many."""
        while True:
            try:
                return os.write(self.number, data[:WRITE_SIZE])
            except BlockingIOError:  # whoever started the server has made it not block
                if self.is_closing:
                    raise
                select.select([], [self.number], [], TRY_SECONDS)

    def write_text(self, text: str) -> int:
        """Write lines to what only takes texts; how many of them are lost."""
        try:
            if self.stream:
                self.stream.write(text)
                self.stream.flush()
        except (OSError, ValueError) as error:  # ValueError: it was closed
            self.why = str(error)
            return text.count("\n")
        return 0


def json_line(value: Dict[str, Json]) -> str:
    """A line of JSON, in ASCII: whatever a model is called, it is JSON, and steers no terminal."""
    return json.dumps(value, separators=(",", ":")) + "\n"


def logged(entry: Entry) -> Dict[str, Json]:
    """What a line of JSON says of a request, of all that the journal knows; of one that was
    forwarded no more than its recording, which has no keys."""
    asked, sent = entry.asked, entry.sent
    known: Dict[str, Json] = {
        "time": timestamp(entry.moment),
        "port": asked.port,
        "session": asked.session or None,
        "method": asked.method,
        "path": asked.path,
        "provider": asked.provider,
        **asked.call_json(),
        "auth": asked.authentication(),
        "mock": asked.mock or None,
        "status": entry.status,
        "duration": entry.duration,
        "bytes_sent": max(0, sent.bytes),
        "events_sent": sent.events,
        "ended": entry.ended,
        "violations": [unkeyed_values(one.json()) for one in asked.violations],
        "note": asked.note,
        "forwarded": asked.forwarded and asked.forwarded.json(),
    }
    del known["user"]
    for name in ("path", "session", "model", "mock", "note"):
        if known[name]:
            known[name] = loggable(known[name])
    return known


@functools.lru_cache(maxsize=256)
def loggable(text: str) -> str:
    """What a request names, as it may stand in the log: the same words come over and over."""
    return without_keys(text)[:TEXT_LIMIT]


def unkeyed_values(told: Dict[str, Json]) -> Dict[str, Json]:
    """The texts of an object without keys: places and messages name what was sent."""
    return {name: without_keys(one) if isinstance(one, str) else one for name, one in told.items()}


def printable(text: str) -> str:
    """A text whose control characters are escaped: a model's name must not steer the terminal."""
    if text.isprintable():
        return text
    return "".join([letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text])


def request_lines(entry: Entry) -> Iterator[str]:
    """One request as a line of text, and what its provider would have refused as another."""
    yield request_line(entry)
    violations = entry.asked.violations
    if not violations:
        return
    first = (that_count(violations) or violations)[0]
    verb = "violates" if first.counts else "may violate"
    told = f"  {verb} {first.rule} at {first.place or 'the request'}: {first.message}"
    if len(violations) > 1:
        others = ", ".join(one.rule for one in violations if one is not first)
        told = f"{told[:TEXT_LIMIT]} (and {others})"
    yield without_keys(told)[: 2 * TEXT_LIMIT]


def request_line(entry: Entry) -> str:
    """One request as a line of text."""
    asked, sent = entry.asked, entry.sent
    path = asked.path
    if asked.session:
        path = f"/@{asked.session}{path}"
    path = loggable(path)
    status = str(entry.status or "-")
    words = [timestamp(entry.moment), str(asked.port), asked.method, path, status]
    if entry.ended != "complete":
        words.append(str(entry.ended))
    words += [f"{(entry.duration or 0) * 1000:.1f}ms", f"{max(0, sent.bytes)}B"]
    if asked.call and asked.call.stream:
        words.append(f"{sent.events} events")
    words.append(asked.provider or "")
    if asked.call:
        if asked.call.dialect not in ("", asked.provider):
            words[-1] += f"/{asked.call.dialect}"
        words += [asked.call.api, loggable(asked.call.model)]
    if asked.mock:
        words.append(f'"{loggable(asked.mock)}"')
    words.append(loggable(asked.note))
    if asked.forwarded:
        words.append(asked.forwarded.outcome()[:TEXT_LIMIT])
    return " ".join(word for word in words if word)
