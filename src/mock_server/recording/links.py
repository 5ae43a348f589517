"""Links: connections to upstreams, and what is said of those that fail.

May touch sockets, TLS, threading and time.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any, Callable, Optional, Set

from ..errors import shown
from .incoming import Unanswered
from .upstreams import Upstream

if TYPE_CHECKING:
    import ssl

LINK_PIECE = 64 * 1024  # bytes that are read or written at once
LAST_LOOK_SECONDS = 1.0  # for an answer to what an upstream does not take
BROKEN, LATE = 502, 504
IGNORE_UNEXPECTED_EOF = 0x80  # SSL_OP_IGNORE_UNEXPECTED_EOF (ssl.h), which ssl names since 3.10
# OpenSSL's numbers for an authority that is not known (x509_vfy.h: 2, 18 to 21).
UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)


class Trust:
    """Whom to trust over TLS: the system's authorities and those of a file.  OSError if that can't
    be read, or holds none."""

    def __init__(self, authority: Optional[str]) -> None:
        self.lock = threading.Lock()
        self.known: "Optional[ssl.SSLContext]" = None
        self.authority = authority
        if authority:  # whoever names one is told at once
            self.known = new_context(authority)

    def context(self) -> "ssl.SSLContext":
        """The context of all connections, made when it is first needed."""
        with self.lock:
            if self.known is None:
                self.known = new_context(None)
            return self.known


def new_context(authority: Optional[str]) -> "ssl.SSLContext":
    """A context that trusts the system's authorities and those of a file."""
    import ssl

    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    # Python 3.8 and 3.9 have OpenSSL 3 take half an answer for a whole one.
    context.options &= ~IGNORE_UNEXPECTED_EOF
    if authority is None:
        return context
    try:
        context.load_verify_locations(authority)
    except ssl.SSLError:
        raise OSError(f"--record-ca {authority}: there is no certificate in it, as PEM") from None
    except OSError as error:
        raise OSError(f"--record-ca {authority}: {error.strerror}") from None
    # Private authorities are often made by hand, and Python 3.13 asks them for more than others.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context


class Link:
    """One connection to an upstream.  Any thread may cut it, which ends the waits of its own.

    Unanswered says what goes wrong with it."""

    def __init__(self, upstream: Upstream, connect_seconds: float, silent_seconds: float) -> None:
        self.upstream = upstream
        self.connect_seconds, self.silent_seconds = connect_seconds, silent_seconds
        self.lock = threading.Lock()
        self.sock: Any = None
        self.is_cut = False
        self.is_ragged = False  # whether TLS ended without a goodbye

    def connect(self, trust: Trust, own_ports: Set[int]) -> None:
        """Connect, over TLS if the URL says so; not to one of the server's own ports."""
        upstream = self.upstream
        try:
            addresses = socket.getaddrinfo(upstream.host, upstream.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            told = f"the address of {upstream.host} is not known: {reason}"
            raise Unanswered(BROKEN, told) from None
        self.reach([(family, where) for family, _, _, _, where in addresses])
        if self.is_own(own_ports):
            told = f"this URL is the server's own; name the provider's in --record {upstream.name}="
            raise Unanswered(BROKEN, told)
        if upstream.is_tls:
            self.seal(trust)
        self.sock.settimeout(self.silent_seconds)

    def reach(self, addresses: Any) -> None:
        """Connect to the first address that answers."""
        error: Optional[Exception] = None
        for family, where in addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            self.hold(sock)
            try:
                sock.settimeout(self.connect_seconds)
                sock.connect(where)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return
            except OSError as wrong:
                error = wrong
                sock.close()
            if self.is_cut:
                break
        if isinstance(error, socket.timeout):
            told = f"nobody accepted the connection within {self.connect_seconds:g} s"
            raise Unanswered(LATE, told)
        if isinstance(error, ConnectionRefusedError):
            raise Unanswered(BROKEN, "the connection was refused; is anybody listening there?")
        reason = getattr(error, "strerror", None) or str(error)
        raise Unanswered(BROKEN, f"there was no connection: {reason}")

    def hold(self, sock: Any) -> None:
        """Have a socket as the one to cut."""
        with self.lock:
            self.sock = sock
            if self.is_cut:
                sock.close()

    def is_own(self, own_ports: Set[int]) -> bool:
        """Whether it leads back: to a port of the server, on this machine."""
        return self.is_near and self.sock.getpeername()[1] in own_ports

    @property
    def is_near(self) -> bool:
        """Whether the upstream is on this machine.  Only there may requests go in a circle of
        servers like this one, and no provider is told of them."""
        try:
            own, there = self.sock.getsockname(), self.sock.getpeername()
        except OSError:
            return False
        return bool(own[0] == there[0])

    def seal(self, trust: Trust) -> None:
        """Begin TLS."""
        import ssl

        try:
            # The handshake comes once this thread is not alone to know the socket.
            sealed = trust.context().wrap_socket(
                self.sock,
                server_hostname=self.upstream.host,
                suppress_ragged_eofs=False,
                do_handshake_on_connect=False,
            )
            self.hold(sealed)
            sealed.do_handshake()
        except ssl.SSLCertVerificationError as error:
            raise Unanswered(BROKEN, untrusted(error)) from None
        except socket.timeout:
            told = f"it did not answer TLS within {self.connect_seconds:g} s"
            raise Unanswered(LATE, told) from None
        except (OSError, ValueError) as error:
            raise Unanswered(BROKEN, unsealed(error)) from None

    # --- bytes ---

    def send(self, data: bytes) -> Optional[OSError]:
        """Send a request; what kept it from that, for the answer may be there all the same."""
        view = memoryview(data)
        try:
            while view:
                view = view[self.sock.send(view[:LINK_PIECE]) :]
        except OSError as error:
            if isinstance(error, socket.timeout):  # an answer would have come meanwhile
                self.sock.settimeout(min(LAST_LOOK_SECONDS, self.silent_seconds))
            return error
        return None

    def receive(self) -> bytes:
        """More bytes of the answer; none at its end."""
        try:
            found: bytes = self.sock.recv(LINK_PIECE)
        except socket.timeout:
            told = f"it said nothing for {self.silent_seconds:g} s"
            raise Unanswered(LATE, told) from None
        except (OSError, ValueError) as error:
            if is_ragged_end(error):
                self.is_ragged = True
                return b""
            raise Unanswered(BROKEN, f"the connection broke: {reason_told(error)}") from None
        if not found and self.is_cut:  # this end is none of the answer's
            raise Unanswered(BROKEN, "the connection was cut")
        return found

    # --- ends ---

    def cut(self) -> None:
        """End it, from any thread: whoever waits for it waits no longer."""
        with self.lock:
            self.is_cut = True
            if self.sock is not None:
                quietly(lambda: socket.socket.shutdown(self.sock, socket.SHUT_RDWR))

    def close(self) -> None:
        """Give its socket back."""
        with self.lock:
            if self.sock is not None:
                quietly(self.sock.close)


def quietly(action: Callable[[], object]) -> None:
    """Do something with a socket that may be gone."""
    try:
        action()
    except OSError:
        pass


def is_ragged_end(error: Exception) -> bool:
    """Whether TLS ended without a goodbye, whatever Python calls that.  ssl may not be there."""
    if type(error).__name__ == "SSLEOFError":
        return True
    return getattr(error, "reason", None) == "UNEXPECTED_EOF_WHILE_READING"


def reason_told(error: Exception) -> str:
    """Why a socket failed, in few words."""
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)


def untrusted(error: "ssl.SSLCertVerificationError") -> str:
    """Why a certificate is not trusted, and what may help."""
    told = f"its certificate is not trusted: {error.verify_message}"
    if error.verify_code in UNKNOWN_AUTHORITY:
        told += "; --record-ca FILE names an authority to trust"
    return told


def unsealed(error: Exception) -> str:
    """Why there is no TLS."""
    told = f"there was no TLS with it: {shown(reason_told(error))}"
    if getattr(error, "reason", "") in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"):
        told += "; does it speak plain HTTP? then its URL begins with http://"
    return told
