"""The server: ports and their life."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from email.utils import formatdate
from http.server import ThreadingHTTPServer
from typing import Any, Iterable, List, Optional, Sequence, Set, Tuple, Union
from urllib.parse import quote

from .callers import brief
from .connection import Handler
from .core import Core
from .errors import shown
from .http import SESSION_RULE, good_session
from .limits import (
    BODY_SECONDS,
    GRACE_SECONDS,
    HEAD_SECONDS,
    IDLE_SECONDS,
    JOURNAL,
    LINGER_SECONDS,
    MAX_BODY,
    STALL_SECONDS,
)
from .listener import Listener
from .options import Settings, read_keywords
from .session_methods import SessionMethods


class Presented(type):
    """A class whose help and completions are of what users use, not of what that is made of."""

    def __dir__(cls) -> List[str]:
        return presented_of(cls)


# What is special about every object, what a session has, and what a server has beside that.
PRESENTED = sorted(
    {
        *dir(object),
        *(name for name in dir(SessionMethods) if name[0] != "_"),
        *("__enter__", "__exit__", "url", "host", "port", "tls_cert", "session"),
        *("start", "serve_forever", "close"),
    }
)


def presented_of(kind: type) -> List[str]:
    """What is presented of a server's class: of one that is derived, what that brings, too."""
    derived = kind.__mro__[: kind.__mro__.index(MockServer)]
    return sorted({*PRESENTED, *(name for one in derived for name in vars(one))})


class MockServer(SessionMethods, ThreadingHTTPServer, metaclass=Presented):
    """A mock LLM server on one port.

    `port` 0 takes a free one.  `data` names one or several data directories; without it there are
    no mocks but those of `mock()`.  The other options are those of the command line.  As a context
    manager it serves in the background; `start()` and `close()` do the same.  `core` is that of
    another server, of which this is one more port, with the options of that.  What is done with
    requests and mocks concerns those without a session.

    Raises BadMock if the data directory holds a mock that can't be used, ValueError for an option
    that can't be followed, OSError if the port is taken."""

    request_queue_size = 1024  # socketserver's 5 would refuse a burst of connections
    idle_seconds, head_seconds, body_seconds = IDLE_SECONDS, HEAD_SECONDS, BODY_SECONDS
    stall_seconds, linger_seconds = STALL_SECONDS, LINGER_SECONDS
    # What a server begins with.
    stopping = False
    clock: Tuple[int, str, bytes] = (0, "", b"")  # a second, and its Date

    @brief
    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        data: Union[str, "os.PathLike[str]", Sequence[str]] = (),
        fallback: str = "error",
        dialect: Union[str, Iterable[str]] = (),
        pace: Optional[float] = None,
        require_auth: bool = False,
        credential: Union[str, Iterable[str]] = (),
        strict: Union[bool, str] = False,
        max_body: int = MAX_BODY,
        record: Union[str, Iterable[str]] = (),
        record_to: Optional[str] = None,
        record_errors: bool = False,
        record_ca: Optional[str] = None,
        seed: int = 0,
        log: str = "off",
        journal: int = JOURNAL,
        control_token: str = "",
        tls: bool = False,
        cert: Optional[str] = None,
        key: Optional[str] = None,
        tls_name: Sequence[str] = (),
        tls_cert_out: Optional[str] = None,
        core: Optional[Core] = None,
    ) -> None:
        values = read_keywords(locals())  # all of the above, by the names that the table has
        port, host = values.pop("port"), values["host"]
        self.core = core or Core(Settings(**values))
        self.operations = self.core.operations("")
        self.host = host
        self.stopped = threading.Event()
        self.connections: Set[Handler] = set()
        self.take(host, port, is_further=core is not None)
        self.listener = Listener(self.core.loop, self.socket, self.serve, self.core.log.say)
        self.port: int = self.server_address[1]
        self.core.opened(self.port)

    def take(self, host: str, port: int, is_further: bool) -> None:
        """Take the port; if that fails, a server leaves nothing behind that is its own."""
        try:
            self.address_family = first_family(host, port)
            super().__init__((host, port), Handler)
        except (OSError, UnicodeError) as error:  # UnicodeError: a host that is no name
            if not is_further:
                self.core.close()
            raise no_listening(host, port, error) from None

    def __repr__(self) -> str:
        if "port" not in vars(self):  # it could not listen
            return "<MockServer>"
        return f"<MockServer {self.url}{' (closed)' if self.stopping else ''}>"

    def __dir__(self) -> List[str]:
        return presented_of(type(self))

    @property
    def url(self) -> str:
        """`http://host:port`, or `https://…`, without a slash at its end."""
        scheme = "https" if self.core.tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    @property
    def tls_cert(self) -> str:
        """The certificate as PEM, for clients to trust; empty without TLS."""
        return self.core.tls_cert

    @brief
    def session(self, name: str) -> "SessionView":
        """A session: its own address, mocks and journal.  ValueError for a name that is none."""
        if not good_session(name):
            raise ValueError(f"session: found {shown(name)}, {SESSION_RULE}")
        return SessionView(self, name)

    # --- life ---

    def server_bind(self) -> None:
        """Bind without looking the host's name up.

        HTTPServer does that, and it can take seconds."""
        # On Windows the option would let two servers have the same port.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
        # Inherited by the connections, so that none needs a call of its own for it.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        # HTTPServer's own, for those who use it as one.
        self.server_name = str(self.server_address[0])
        self.server_port = int(self.server_address[1])

    @brief
    def start(self) -> "MockServer":
        """Serve in the background.  RuntimeError for a server that is closed, or one more port of
        servers that all are."""
        if self.stopping or self.core.loop.is_ended:
            raise RuntimeError("the server is closed; a new MockServer can be started")
        self.core.loop.call(self.listener.open)
        self.core.run_in_background()
        return self

    def __enter__(self) -> "MockServer":
        return self.start()

    def __exit__(self, *reason: object) -> None:
        self.close(0.5)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until another thread calls `close()`."""
        self.start()
        self.stopped.wait()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, as of `handle_request()`: what ThreadingHTTPServer starts a thread
        for, the loop does."""
        self.core.loop.call(self.serve, request, client_address)
        self.core.run_in_background()

    def serve(self, request: Any, client_address: Any) -> None:
        """The same, in the loop's thread."""
        try:
            self.finish_request(request, client_address)
        except Exception as error:  # noqa: BLE001  it costs one connection
            self.core.loop.complain(error)
            self.shutdown_request(request)

    def date(self) -> str:
        """The Date header, made once a second."""
        second = int(time.time())
        if self.clock[0] != second:
            text = formatdate(second, usegmt=True)
            self.clock = (second, text, text.encode())
        return self.clock[1]

    def date_bytes(self, second: int) -> bytes:
        """The Date header of a second that is now, as bytes."""
        if self.clock[0] != second:
            self.date()
        return self.clock[2]

    def close(self, grace: float = GRACE_SECONDS) -> None:
        """Stop accepting, give responses under way `grace` seconds, then end them."""
        loop = self.core.loop
        if self.stopped.is_set():
            return
        if not self.core.is_running:  # none of its ports was ever started
            self.begin_to_close(0.0)
            return
        loop.call(self.begin_to_close, grace)
        if loop.thread != threading.get_ident():
            self.stopped.wait(grace + GRACE_SECONDS)
            self.core.wait_for_end()

    def begin_to_close(self, grace: float) -> None:
        """Stop accepting, and have the rest end within `grace` seconds."""
        if self.stopping:
            return
        self.stopping = True
        self.core.ports -= 1
        self.core.mocks.ports.discard(self.port)
        self.core.ending += 1
        if not self.core.ports:
            self.core.journal.close()
        self.listener.close()
        super().server_close()
        for connection in list(self.connections):
            if not connection.is_busy:
                connection.close("shutdown")
        self.core.loop.at(time.monotonic() + grace, self.cut_off)
        self.left(None)

    def cut_off(self) -> None:
        """End what is still under way."""
        for connection in list(self.connections):
            connection.close("shutdown")

    def left(self, connection: Any) -> None:
        """Note that a connection has ended; after the last one there is nothing more to do."""
        self.connections.discard(connection)
        if not self.stopping or self.connections or self.stopped.is_set():
            return
        self.core.ending -= 1
        self.core.end()
        self.stopped.set()

    def shutdown(self) -> None:
        """The same as `close()`, under socketserver's name."""
        self.close()

    def server_close(self) -> None:
        """The same once more: the loop must not wait for a socket that is closed."""
        if hasattr(self, "listener"):
            self.close()
        else:  # it could not listen
            super().server_close()


def first_family(host: str, port: int) -> socket.AddressFamily:
    """The family of the first address that a host has; OSError if it has none."""
    passive = socket.AI_PASSIVE  # an empty host is every address of this machine
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=passive)[0][0]


def no_listening(host: str, port: int, error: Exception) -> OSError:
    """The error of an address that can't be listened on, which it names; its number stays."""
    reason = getattr(error, "strerror", None) or error
    number = getattr(error, "errno", None) or errno.EINVAL
    return OSError(number, f"can't listen on {host} port {port}: {reason}")


class SessionView(SessionMethods):
    """One session of a server, for a test that shares the server with others.

    `url` leads to it, and all that it does concerns it alone.  An empty name is what is without a
    session."""

    def __init__(self, server: MockServer, name: str) -> None:
        self.server = server
        self.name = name
        self.operations = server.core.operations(name)

    @property
    def url(self) -> str:
        """`http://host:port/@name`, percent-encoded where it must be, without a slash at its
        end."""
        if not self.name:
            return self.server.url
        return f"{self.server.url}/@{quote(self.name, safe='')}"

    def __repr__(self) -> str:
        closed = " (closed)" if self.server.stopping else ""
        return f"<SessionView {self.url}{closed}>"
