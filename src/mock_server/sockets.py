"""Sockets, polling, bells, and what ends a connection or the program.  Touches no request."""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Optional, Union

from .limits import IDLE_SECONDS

if TYPE_CHECKING:
    import ssl


# Where there is no MSG_DONTWAIT, a write waits in the kernel.
DONT_WAIT = getattr(socket, "MSG_DONTWAIT", 0)


READABLE = getattr(select, "POLLIN", 1)


WRITABLE = getattr(select, "POLLOUT", 4)


# The other side has closed.  Where there is no POLLRDHUP, only a reset is noticed.
HUNG_UP = getattr(select, "POLLRDHUP", 0)


class Broke(Exception):
    """A fault has ended an answer; it says how."""


class Vanished(Exception):
    """The client left, or takes nothing any more; how it ended, in the journal's words."""


# --- waiting ---


def ready(sock: Any, events: int, timeout: float) -> int:
    """Wait until one of the poll events, or the other side's end, holds of a socket.

    0 if none does within so many seconds."""
    if isinstance(sock, TLSConnection) and events == READABLE and sock.pending():
        return READABLE
    if not hasattr(select, "poll"):  # Windows
        return selected(sock, events, timeout)
    poller = select.poll()
    poller.register(sock, events)
    answers = poller.poll(max(0.0, timeout) * 1000)
    if not answers:
        return 0
    return answers[0][1]


def selected(sock: Any, events: int, timeout: float) -> int:
    """The same with select(), which knows READABLE and WRITABLE alone."""
    if not events:
        time.sleep(timeout)
        return 0
    readers = [sock] if events == READABLE else []
    writers = [sock] if events == WRITABLE else []
    readable, writable, _ = select.select(readers, writers, [], timeout)
    if readable or writable:
        return events
    return 0


def shut(sock: socket.socket, how: int) -> None:
    """Shut a socket down, if it is still there."""
    try:
        sock.shutdown(how)
    except OSError:
        pass


class Bell:
    """What wakes a thread that waits beside a client: any other thread may ring it."""

    def __init__(self) -> None:
        self.reader, self.writer = socket.socketpair()
        self.reader.setblocking(False)
        self.writer.setblocking(False)

    def ring(self) -> None:
        """Ring it, if it is still there."""
        try:
            self.writer.send(b"x")
        except OSError:
            pass  # nobody waits any more, or it rings already

    def heard(self, sock: Any, timeout: Optional[float]) -> bool:
        """Wait until it rings, or for so many seconds.

        False if the other side of the socket ends first."""
        if not hasattr(select, "poll"):  # Windows
            select.select([self.reader], [], [], timeout)
            self.silence()
            return True
        poller = select.poll()
        poller.register(sock, HUNG_UP)
        poller.register(self.reader, READABLE)
        milliseconds = None
        if timeout is not None:
            milliseconds = max(0.0, timeout) * 1000
        numbers = [number for number, _ in poller.poll(milliseconds)]
        self.silence()
        return not numbers or self.reader.fileno() in numbers

    def silence(self) -> None:
        """Have it ring no more, until it is rung again."""
        try:
            self.reader.recv(4096)
        except BlockingIOError:
            pass  # it does not ring

    def close(self) -> None:
        """Take it down."""
        self.reader.close()
        self.writer.close()


class Stop:
    """What the main thread waits for: one of some signals, or `set()` in another thread.

    A bell, because Python runs a signal handler only once the main thread is back from the system:
    one that comes just before a wait on a lock would be noticed after it.  The byte for
    set_wakeup_fd is never missed."""

    def __init__(self, *signals: int) -> None:
        self.bell = Bell()
        self.bell.reader.setblocking(True)
        self.signals = signals
        self.is_set = False
        self.jobs: "Deque[Callable[[], None]]" = deque()
        self.interrupt: Callable[[], None] = lambda: None  # called by the handler of a signal
        signal.set_wakeup_fd(self.bell.writer.fileno(), warn_on_full_buffer=False)
        for number in signals:
            signal.signal(number, self.caught)

    def caught(self, *signal_and_frame: Any) -> None:
        """One of the signals has come."""
        self.is_set = True
        self.interrupt()

    def set(self) -> None:
        """End the wait."""
        self.is_set = True
        self.bell.ring()

    def call(self, job: Callable[[], None]) -> None:
        """Have the main thread do something while it waits."""
        self.jobs.append(job)
        self.bell.ring()

    def wait(self) -> None:
        """Do what others ask for until it is time to stop."""
        while not self.is_set:
            # Of other signals, too, a byte comes.
            self.is_set = self.bell.reader.recv(1)[0] in self.signals or self.is_set
            while self.jobs and not self.is_set:
                self.jobs.popleft()()

    def close(self) -> None:
        """Give its sockets back; the signals do nothing from now on."""
        signal.set_wakeup_fd(-1)
        self.bell.close()


# --- TLS ---


class TLSConnection:
    """A TLS connection with the methods of a socket that the server uses.

    None of them blocks but `recv`, which waits for as long as SO_RCVTIMEO says."""

    def __init__(self, sock: "ssl.SSLSocket") -> None:
        self.sock = sock
        self.family = sock.family
        self.timeout = IDLE_SECONDS
        sock.setblocking(False)

    def fileno(self) -> int:
        """The descriptor, -1 once it is closed."""
        return self.sock.fileno()

    def pending(self) -> int:
        """Bytes that are decrypted and not yet read: poll() knows nothing of them."""
        return self.sock.pending()

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """The socket's option; SO_RCVTIMEO is kept here."""
        if option == socket.SO_RCVTIMEO:
            self.timeout = unpacked_timeout(value)
        else:
            self.sock.setsockopt(level, option, value)

    def getsockopt(self, level: int, option: int) -> int:
        """The socket's option."""
        return self.sock.getsockopt(level, option)

    def send(self, data: Union[bytes, memoryview], flags: int = 0) -> int:
        """Bytes taken; BlockingIOError if none can be for now."""
        import ssl

        try:
            return self.sock.send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            raise BlockingIOError("TLS can take nothing for now") from None

    def recv(self, size: int) -> bytes:
        """Bytes, none at the end; BlockingIOError after the timeout."""
        import ssl

        deadline = time.monotonic() + self.timeout
        while True:
            try:
                return self.sock.recv(size)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLWantReadError:
                if not ready(self.sock, READABLE, deadline - time.monotonic()):
                    raise BlockingIOError("nothing came in time") from None
            except ssl.SSLWantWriteError:
                ready(self.sock, WRITABLE, deadline - time.monotonic())

    def shutdown(self, how: int) -> None:
        """Say goodbye as TLS does it, if there is somebody to hear it, then end the connection."""
        if how == socket.SHUT_WR:
            try:
                self.sock.unwrap()
            except (OSError, ValueError):
                pass  # it wants the other side's answer, which nothing waits for
        socket.socket.shutdown(self.sock, how)

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()


def packed_timeout(seconds: float) -> bytes:
    """Seconds as SO_RCVTIMEO wants them: a timeval, or milliseconds on Windows."""
    if os.name == "nt":
        return struct.pack("l", int(seconds * 1000))
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))


def unpacked_timeout(packed: bytes) -> float:
    """The seconds of a packed timeout."""
    if os.name == "nt":
        return float(struct.unpack("l", packed)[0] / 1000)
    seconds, microseconds = struct.unpack("ll", packed)
    return float(seconds + microseconds / 1e6)
