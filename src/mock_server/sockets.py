"""Sockets, bells, TLS, and what ends a connection.  Touches no request."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    import ssl


# Where there is no MSG_DONTWAIT, sockets themselves do not block.
DONT_WAIT = getattr(socket, "MSG_DONTWAIT", 0)


# Events of a socket, with epoll's numbers.
READABLE = getattr(select, "EPOLLIN", 1)
WRITABLE = getattr(select, "EPOLLOUT", 4)
GONE = getattr(select, "EPOLLRDHUP", 0x2000)  # the other side has closed
FAILED = getattr(select, "EPOLLERR", 8)
OVER = getattr(select, "EPOLLHUP", 16) | FAILED  # watched for unasked


class Broke(Exception):
    """A fault has ended an answer; it says how."""


class Vanished(Exception):
    """The client left, or takes nothing any more; how it ended, in the journal's words."""


class Bell:
    """What wakes a thread that waits for sockets: any other thread may ring it."""

    def __init__(self) -> None:
        self.reader, self.writer = socket.socketpair()
        self.reader.setblocking(False)
        self.writer.setblocking(False)
        self.number = self.reader.fileno()

    def ring(self) -> None:
        """Ring it, if it is still there."""
        try:
            self.writer.send(b"x")
        except OSError:
            pass  # nobody waits any more, or it rings already

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


def has_more(connection: Any) -> bool:
    """Whether there are bytes, or an end, to be read at once."""
    if isinstance(connection, TLSConnection):
        if connection.pending():
            return True
        connection = connection.sock
    try:
        socket.socket.recv(connection, 1, socket.MSG_PEEK | DONT_WAIT)
    except BlockingIOError:
        return False
    except OSError:
        pass  # its end is there to be read
    return True


# --- TLS ---


class TLSConnection:
    """A TLS connection with the methods of a socket that the server uses.  None of them blocks."""

    def __init__(self, sock: "ssl.SSLSocket") -> None:
        self.sock = sock
        self.family = sock.family

    def fileno(self) -> int:
        """The descriptor, -1 once it is closed."""
        return self.sock.fileno()

    def pending(self) -> int:
        """Bytes that are decrypted and not yet read: a poller knows nothing of them."""
        return self.sock.pending()

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Set the socket's option."""
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

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Bytes, none at the end; BlockingIOError if there are none for now."""
        import ssl

        try:
            return self.sock.recv(size)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError("nothing has come") from None

    def shutdown(self, how: int) -> None:
        """Say goodbye as TLS does it, then end the connection."""
        if how == socket.SHUT_WR:
            self.say_goodbye()
        socket.socket.shutdown(self.sock, how)

    def close(self) -> None:
        """Close the socket; with a goodbye, without which the end may be an attacker's (RFC 8446,
        6.1), unless it is to be reset."""
        if not self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER):
            self.say_goodbye()
        self.sock.close()

    def say_goodbye(self) -> None:
        """Tell the other side that no more comes, if there is somebody to hear it."""
        try:
            self.sock.unwrap()
        except (OSError, ValueError):
            pass  # it wants the other side's answer, which nothing waits for
