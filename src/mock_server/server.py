"""The server: ports, threads and their life."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from email.utils import formatdate
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence, Tuple, Union, cast
from urllib.parse import quote

from .connection import Handler
from .core import Core
from .errors import Refused, shown
from .http import SESSION_RULE, good_session
from .limits import (
    BODY_SECONDS,
    GRACE_SECONDS,
    HEAD_SECONDS,
    IDLE_SECONDS,
    JOURNAL,
    LINGER_SECONDS,
    MAX_BODY,
    SPARE_THREADS,
    STALL_SECONDS,
)
from .options import Settings, read_keywords
from .pacer import Pacer
from .session_methods import SessionMethods
from .sockets import READABLE, TLSConnection, Vanished, ready, shut
from .steps import Exchange, Send
from .transport import answer_steps
from .values import Request

if TYPE_CHECKING:
    import ssl


class MockServer(SessionMethods, ThreadingHTTPServer):
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
    threads = 0
    waiting = 0  # the threads among them that wait in accept()
    clock: Tuple[int, str] = (0, "")  # a second, and its Date

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        data: Union[str, "os.PathLike[str]", Sequence[str]] = (),
        fallback: str = "error",
        pace: float = 0.0,
        require_auth: bool = False,
        max_body: int = MAX_BODY,
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
        if core is None:
            core = Core(Settings(**values))
        self.core = core
        self.operations = core.operations("")
        self.host = host
        self.stopped = threading.Event()
        self.lock = threading.Condition()
        self.pacer = Pacer() if hasattr(select, "epoll") else None
        self.connections: Dict[socket.socket, bool] = {}  # whether each is busy
        self.address_family = first_family(host, port)
        super().__init__((host, port), Handler)
        self.port: int = self.server_address[1]
        core.ports += 1

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
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        # HTTPServer's own, for those who use it as one.
        self.server_name = str(self.server_address[0])
        self.server_port = int(self.server_address[1])

    def start(self) -> "MockServer":
        """Serve in the background."""
        self.hire()
        return self

    def __enter__(self) -> "MockServer":
        return self.start()

    def __exit__(self, *reason: object) -> None:
        self.close(0.5)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until another thread calls `close()`."""
        self.start()
        self.stopped.wait()

    def hire(self) -> None:
        """Start a thread that waits for the next connection.

        Not a threading.Thread, whose start() waits for the new thread to run: a burst of
        connections would queue behind that."""
        import _thread

        with self.lock:
            self.waiting += 1
            self.threads += 1
        try:
            _thread.start_new_thread(self.work, ())
        except RuntimeError:  # no more threads to be had; those at work will come back
            with self.lock:
                self.waiting -= 1
                self.threads -= 1

    def work(self) -> None:
        """Accept connections and serve each to its end, in a thread that counts as waiting.

        Some thread always waits in accept(): the kernel wakes one, and no connection is handed
        from thread to thread."""
        while not self.stopping:
            try:
                connection, address = self.socket.accept()
            except OSError:
                if not self.stopping:
                    time.sleep(0.05)  # out of descriptors, or the client has left again
                continue
            with self.lock:
                self.waiting -= 1
                alone = self.waiting == 0
            if alone and not self.stopping:
                self.hire()
            self.serve(connection, address)
            with self.lock:
                self.waiting += 1
                spare = self.waiting > SPARE_THREADS
            if spare:
                break
        with self.lock:
            self.waiting -= 1
            self.threads -= 1
            self.lock.notify_all()

    def serve(self, plain: socket.socket, address: Any) -> None:
        """Serve one connection."""
        connection: Any = plain
        self.connections[plain] = False
        try:
            if self.core.tls:
                connection = self.sealed(plain, self.core.tls)
            if connection and not self.stopping:
                self.finish_request(connection, address)
        except Exception as error:  # noqa: BLE001  the thread must live on
            self.core.log.say(f"internal error: {type(error).__name__}: {error}; please report it")
        finally:
            self.connections.pop(plain, None)
            self.connections.pop(connection, None)
            self.shutdown_request(connection or plain)

    def sealed(self, plain: socket.socket, context: "ssl.SSLContext") -> Optional[TLSConnection]:
        """The connection with TLS, once its client has shaken hands.

        None if it won't, in time or at all.  One that speaks plain HTTP is told so."""
        import ssl

        plain.settimeout(self.head_seconds)
        try:
            first = plain.recv(1, socket.MSG_PEEK)  # left there for the handshake
            if first == b"\x16":
                sealed = TLSConnection(context.wrap_socket(plain, server_side=True))
                self.connections[cast(socket.socket, sealed)] = self.connections.pop(plain, False)
                return sealed
            if first:
                self.ask_for_tls(plain)
        except ssl.SSLError as error:
            self.core.log.say(f"TLS handshake failed: {error.reason or error}")
        except OSError:
            pass  # the client has left, or is too slow
        return None

    def ask_for_tls(self, plain: socket.socket) -> None:
        """Tell a client that speaks plain HTTP to a port with TLS."""
        message = f"this port speaks TLS; use https://, as in {self.url}"
        refused = Refused(400, message, code="tls_required")
        response = self.core.answerer.refuse(Request("GET", "/"), refused).response
        exchange = Exchange(keep_alive=False, extra=(("Date", self.date()),))
        sends = [step.data for step in answer_steps(response, exchange) if isinstance(step, Send)]
        plain.sendall(b"".join(sends))
        plain.shutdown(socket.SHUT_WR)
        while ready(plain, READABLE, self.linger_seconds) and plain.recv(65536):
            pass  # closing with bytes unread would reset the connection under the answer

    def busy(self, connection: socket.socket, is_busy: bool) -> None:
        """Note whether a connection has a request under way.

        At shutdown the others are closed first."""
        self.connections[connection] = is_busy
        if self.stopping and not is_busy:
            raise Vanished("shutdown")

    def date(self) -> str:
        """The Date header, made once a second."""
        second = int(time.time())
        if self.clock[0] != second:
            self.clock = (second, formatdate(second, usegmt=True))
        return self.clock[1]

    def close(self, grace: float = GRACE_SECONDS) -> None:
        """Stop accepting, give responses under way `grace` seconds, then end them."""
        if self.stopped.is_set():
            return
        self.stopping = True
        self.core.ports -= 1
        if not self.core.ports:
            self.core.journal.close()
        deadline = time.monotonic() + grace
        self.wake_acceptors()
        for connection, is_busy in list(self.connections.items()):
            # Its thread waits in recv(), which then returns.
            if not is_busy:
                shut(connection, socket.SHUT_RD)
        self.wait_for_threads(deadline - time.monotonic())
        for connection in list(self.connections):
            shut(connection, socket.SHUT_RDWR)
        self.wait_for_threads(0.3)
        self.server_close()
        # A thread that is still there may yet need it.
        if self.pacer and not self.threads:
            self.pacer.close()
        self.core.log.close()
        self.stopped.set()

    def wait_for_threads(self, timeout: float) -> None:
        """Wait until all threads have ended, or for so many seconds."""
        with self.lock:
            self.lock.wait_for(lambda: not self.threads, max(0.0, timeout))

    def shutdown(self) -> None:
        """The same as `close()`, under socketserver's name."""
        self.close()

    def wake_acceptors(self) -> None:
        """Make accept() return in every thread that waits there."""
        shut(self.socket, socket.SHUT_RDWR)  # enough on Linux
        host = self.host
        if host == "0.0.0.0":
            host = "127.0.0.1"
        for _ in range(self.waiting):  # elsewhere each needs a connection
            try:
                socket.create_connection((host, self.port), 0.1).close()
            except OSError:
                return


def first_family(host: str, port: int) -> socket.AddressFamily:
    """The family of the first address that a host has; OSError if it has none."""
    passive = socket.AI_PASSIVE  # an empty host is every address of this machine
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=passive)[0][0]


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
