"""The server: ports, threads and their life."""

from __future__ import annotations

import itertools
import os
import select
import socket
import threading
import time
from email.utils import formatdate
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union, cast

from .answered import Settings
from .answering import Answerer
from .connection import Handler
from .errors import BadMock, Refused, nearest
from .http import SESSION_RULE, good_session
from .journal import ENDS, Journal
from .jsons import BASE64URL, fits
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
    WRITERS,
    Json,
)
from .log import Log
from .mocks.match import conditions
from .mocks.sessions import Mocks
from .node import Node
from .pacer import Pacer, Turns
from .sockets import READABLE, TLSConnection, Vanished, ready, shut
from .steps import Exchange, Send
from .tls import self_signed, tls_context
from .transport import answer_steps
from .values import Request

if TYPE_CHECKING:
    import ssl


class Core:
    """What all ports of a process share: mocks, answers, journal, log, and turns for unpaced streams."""

    def __init__(
        self, directories: Sequence[str], settings: Settings, max_body: int, log: Log, journal: int
    ) -> None:
        self.log, self.max_body, self.ports = log, max_body, 0
        self.mocks = Mocks(directories, log.say)
        problems = self.mocks.load()
        if problems:
            raise BadMock("\n".join(problems))
        self.journal, self.numbers = Journal(journal), itertools.count(1)
        self.answerer = Answerer(self.mocks, settings, self.journal)
        self.turns = Turns(WRITERS)
        self.tls: "Optional[ssl.SSLContext]" = None
        self.tls_cert = ""


def check_options(fallback: str, pace: float, max_body: int, log: str, journal: int) -> None:
    """Raise ValueError for a keyword of MockServer that can't be followed."""
    for name, value, known in (
        ("fallback", fallback, ("error", "echo")),
        ("log", log, ("text", "json", "off")),
    ):
        if value not in known:
            raise ValueError(f"{name}: found {value!r}; {nearest(str(value), known)}")
    if not fits(pace, "a number") or not 0 <= pace <= 3600:
        raise ValueError(f"pace: expected seconds from 0 to 3600, found {pace!r}")
    if not fits(max_body, "an integer") or max_body < 1:
        raise ValueError(f"max_body: expected a number of bytes, found {max_body!r}")
    if not fits(journal, "an integer") or journal < 0:
        raise ValueError(f"journal: expected a number of requests, found {journal!r}")


class MockServer(ThreadingHTTPServer):
    """A mock LLM server on one port.

    `port` 0 takes a free one.  `data` names one or several data directories; without it there are no mocks
    but those of `mock()`.  The other options are those of the command line.  As a context manager it serves in
    the background; `start()` and `close()` do the same.  `core` is that of another server, of which this is one more port.

    Raises BadMock if the data directory holds a mock that can't be used, ValueError for an option that can't be
    followed, OSError if the port is taken."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024  # socketserver's 5 would refuse a burst of connections
    idle_seconds, head_seconds, body_seconds = IDLE_SECONDS, HEAD_SECONDS, BODY_SECONDS
    stall_seconds, linger_seconds = STALL_SECONDS, LINGER_SECONDS

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
        if not core:
            check_options(fallback, pace, max_body, log, journal)
            directories = (
                [os.fspath(data)]
                if isinstance(data, (str, os.PathLike))
                else [os.fspath(one) for one in data]
            )
            for directory in directories:
                if not os.path.isdir(directory):
                    raise ValueError(f"data: no directory {directory!r}")
            settings = Settings(fallback, pace, require_auth, seed, host, control_token)
            core = Core(directories, settings, max_body, Log(log), journal)
            if cert and key and tls:
                core.tls, core.tls_cert = (
                    tls_context(cert, key),
                    Path(cert).read_text("ascii", "replace"),
                )
            elif tls:
                names = [
                    "localhost",
                    "127.0.0.1",
                    "::1",
                    host,
                    *([tls_name] if isinstance(tls_name, str) else tls_name),
                ]
                core.tls, core.tls_cert = self_signed(names, tls_cert_out)
        self.core = core
        self.host, self.stopping = host, False
        self.stopped = threading.Event()
        self.lock = threading.Condition()
        self.pacer = Pacer() if hasattr(select, "epoll") else None
        self.waiting = self.threads = 0
        self.connections: Dict[socket.socket, bool] = {}
        self.clock: Tuple[int, str] = (0, "")
        self.address_family = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0][0]
        super().__init__((host, port), Handler)
        self.port: int = self.server_address[1]
        core.ports += 1

    @property
    def url(self) -> str:
        """`http://host:port`, or `https://…`, without a slash at its end."""
        return f"http{'s' if self.core.tls else ''}://{'[' + self.host + ']' if ':' in self.host else self.host}:{self.port}"

    @property
    def tls_cert(self) -> str:
        """The certificate as PEM, for clients to trust; empty without TLS."""
        return self.core.tls_cert

    @property
    def requests(self) -> List[Dict[str, Json]]:
        """The journal: the newest requests without a session, oldest first, with credentials masked."""
        return self.session("").requests

    def mock(
        self,
        match: Optional[Mapping[str, Json]] = None,
        response: Optional[Mapping[str, Json]] = None,
        **more: Json,
    ) -> str:
        """Add a mock in front of all others and give its name; `more` is `responses`, `times` and the like.
        ValueError says what is wrong with it."""
        return self.session("").mock(match, response, **more)

    def wait_for(
        self,
        match: Optional[Mapping[str, Json]] = None,
        count: int = 1,
        ended: Optional[str] = None,
        timeout: float = 5.0,
    ) -> List[Dict[str, Json]]:
        """The requests that match, as soon as there are `count` of them that have ended as asked; TimeoutError, with what
        came instead, if there are not in time."""
        return self.session("").wait_for(match, count, ended, timeout)

    def release(self, number: str, events: int = 1) -> None:
        """Let events of a gated stream out; `number` is the request's id.  KeyError if there is no such stream."""
        entry = self.core.journal.find(str(number))
        if not entry or not entry.gate or entry.ended:
            raise KeyError(f"no gated stream {number!r} in the journal")
        entry.gate.release(events)

    def reset(self) -> None:
        """Forget journal, mocks added at run time, and how often mocks were used; all of that without a session."""
        self.session("").reset()

    def session(self, name: str) -> "SessionView":
        """A session: its own address, mocks and journal.  ValueError for a name that is none."""
        if not good_session(name):
            raise ValueError(f"session: found {name!r}, {SESSION_RULE}")
        return SessionView(self, name)

    # --- life ---

    def server_bind(self) -> None:
        """Bind without looking the host's name up.

        HTTPServer does that, and it can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
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
            first = plain.recv(1, socket.MSG_PEEK)
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
            if not is_busy:
                shut(connection, socket.SHUT_RD)
        self.wait_for_threads(deadline - time.monotonic())
        for connection in list(self.connections):
            shut(connection, socket.SHUT_RDWR)
        self.wait_for_threads(0.3)
        self.server_close()
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


class SessionView:
    """One session of a server, for a test that shares the server with others: `url` leads to it, and `mock`, `requests`,
    `wait_for` and `reset` concern it alone.  An empty name is what is without a session."""

    def __init__(self, server: MockServer, name: str) -> None:
        self.server, self.name = server, name

    @property
    def url(self) -> str:
        """`http://host:port/@name`, percent-encoded where it must be, without a slash at its end."""
        quoted_name = "".join(
            chr(byte) if chr(byte) in BASE64URL + ".~" else f"%{byte:02X}"
            for byte in self.name.encode()
        )
        return self.server.url + (f"/@{quoted_name}" if self.name else "")

    @property
    def requests(self) -> List[Dict[str, Json]]:
        """Its requests, oldest first."""
        return [entry.json() for entry in self.server.core.journal.entries(self.name)]

    def mock(
        self,
        match: Optional[Mapping[str, Json]] = None,
        response: Optional[Mapping[str, Json]] = None,
        **more: Json,
    ) -> str:
        """Add a mock in front of its others and give its name; ValueError says what is wrong with it."""
        spec = {
            **({} if match is None else {"match": match}),
            **({} if response is None else {"response": response}),
            **more,
        }
        return self.server.core.mocks.add([spec], self.name)[0].name

    def wait_for(
        self,
        match: Optional[Mapping[str, Json]] = None,
        count: int = 1,
        ended: Optional[str] = None,
        timeout: float = 5.0,
    ) -> List[Dict[str, Json]]:
        """Its requests that match, as soon as there are `count` of them; TimeoutError says what came instead."""
        wanted = conditions(Node({"match": dict(match or {})}).get("match"), "")
        if ended is not None and ended not in ENDS:
            raise ValueError(f"ended: found {ended!r}; {nearest(str(ended), ENDS)}")
        found, enough = self.server.core.journal.wait(self.name, wanted, count, ended, timeout)
        if not enough:
            seen = (
                ", ".join(
                    f"{data['method']} {data['path']} ({data['ended']})"
                    for data in self.requests[-10:]
                )
                or "nothing"
            )
            closed = self.server.core.journal.closed
            within_ = "before the server was closed" if closed else f"within {timeout:g} seconds"
            raise TimeoutError(f"{len(found)} of {count} requests came {within_}; there was {seen}")
        return [entry.json() for entry in found]

    def reset(self) -> None:
        """Forget its journal, its mocks and how often it used any."""
        self.server.core.journal.clear(self.name)
        self.server.core.journal.open_gates(self.name)
        self.server.core.mocks.reset(self.name)
