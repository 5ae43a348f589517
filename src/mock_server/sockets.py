"""Sockets, polling and bells."""

from __future__ import annotations

import select
import signal
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Optional, Union

from .limits import IDLE_SECONDS

if TYPE_CHECKING:
    import ssl


DONT_WAIT = getattr(socket, "MSG_DONTWAIT", 0)  # where there is none, a write waits in the kernel


READABLE, WRITABLE = getattr(select, "POLLIN", 1), getattr(select, "POLLOUT", 4)


GONE = getattr(select, "POLLRDHUP", 0)  # the client has closed; elsewhere only a reset is noticed


def ready(sock: Any, events: int, timeout: float) -> int:
    """Wait until one of the poll events, or the other side's end, holds of a socket; 0 if none does in time."""
    if isinstance(sock, TLSConnection) and events == READABLE and sock.pending():
        return READABLE
    if not hasattr(select, "poll"):  # Windows
        if not events:
            time.sleep(timeout)
            return 0
        reads, writes, _ = select.select(
            [sock] * (events == READABLE), [sock] * (events == WRITABLE), [], timeout
        )
        return events if reads or writes else 0
    poller = select.poll()
    poller.register(sock, events)
    found = poller.poll(max(0.0, timeout) * 1000)
    return found[0][1] if found else 0


class TLSConnection:
    """A TLS connection with the methods of a socket that the server uses, none of which blocks but `recv`, which waits for
    as long as SO_RCVTIMEO says."""

    def __init__(self, sock: "ssl.SSLSocket") -> None:
        self.sock, self.family, self.timeout = sock, sock.family, IDLE_SECONDS
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
            first, second = (
                struct.unpack("ll", value) if len(value) == struct.calcsize("ll") else (value[0], 0)
            )
            self.timeout = first + second / 1e6
            return
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
        """Say goodbye as TLS does it, if there is somebody to say it to, then end the connection."""
        if how == socket.SHUT_WR:
            try:
                self.sock.unwrap()
            except (OSError, ValueError):
                pass  # it wants the other side's answer, which nothing waits for
        socket.socket.shutdown(self.sock, how)

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()


HELD = -1.0  # what a stream is due that waits at a gate


def rings(sock: Any, bell: socket.socket, timeout: Optional[float] = None) -> bool:
    """Wait until a bell rings, or for so many seconds; false if the other side of the socket ends first."""
    if not hasattr(select, "poll"):  # Windows
        select.select([bell], [], [], timeout)
        return True
    poller = select.poll()
    poller.register(sock, GONE)
    poller.register(bell, READABLE)
    found = dict(poller.poll(None if timeout is None else max(0.0, timeout) * 1000))
    return not found or bell.fileno() in found


def ring(rope: socket.socket) -> None:
    """Ring a bell, if it is still there."""
    try:
        rope.send(b"x")
    except OSError:
        pass  # nobody waits any more, or it rings already


class Broke(Exception):
    """A fault has ended an answer; it says how."""


class Vanished(Exception):
    """The client is gone, or takes nothing any more; how it ended, in the journal's words."""


class Stop:
    """What the main thread waits for: one of some signals, or `set()` in another thread.

    A pair of sockets, because Python runs a signal handler only once the main thread is back from the system: one
    that comes just before a wait on a lock would be noticed after it.  The byte for set_wakeup_fd is never missed."""

    def __init__(self, *signals: int) -> None:
        self.reader, self.writer = socket.socketpair()
        self.writer.setblocking(False)
        signal.set_wakeup_fd(self.writer.fileno(), warn_on_full_buffer=False)
        for number in signals:
            signal.signal(number, lambda *_: None)

    def set(self) -> None:
        """End the wait."""
        self.writer.send(b"x")

    def wait(self) -> None:
        """Wait until it is time to stop."""
        self.reader.recv(1)


def shut(sock: socket.socket, how: int) -> None:
    """Shut a socket down, if it is still there."""
    try:
        sock.shutdown(how)
    except OSError:
        pass
