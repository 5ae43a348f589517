"""The beginning of a connection with TLS.  May touch ssl."""

from __future__ import annotations

import socket
import time
from typing import Optional

from .channel import Channel, Waiting
from .errors import Refused
from .loop import TIME
from .sockets import DONT_WAIT, READABLE, WRITABLE, TLSConnection
from .steps import Exchange, Send
from .transport import answer_steps
from .values import Request

TLS_HANDSHAKE = b"\x16"  # what its first record begins with (RFC 8446, 5.1)


def sealed(channel: Channel) -> Waiting[Optional[TLSConnection]]:
    """A connection with TLS, once its client has shaken hands.

    None if it won't, in time or at all.  One that speaks plain HTTP is told so."""
    import ssl

    deadline = time.monotonic() + channel.server.head_seconds
    plain = channel.request
    if (yield READABLE, deadline) == TIME:
        return None
    try:
        first = plain.recv(1, socket.MSG_PEEK | DONT_WAIT)  # left there for the handshake
        if first != TLS_HANDSHAKE:
            if first:
                yield from ask_for_tls(channel)
            return None
        plain.setblocking(False)
        context = channel.server.core.tls
        assert context
        connection = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        channel.connection = connection  # which is to be closed in any case
        while True:
            try:
                connection.do_handshake()
                return TLSConnection(connection)
            except ssl.SSLWantReadError:
                wanted = READABLE
            except ssl.SSLWantWriteError:
                wanted = WRITABLE
            if (yield wanted, deadline) == TIME:
                return None
    except ssl.SSLError as error:
        channel.server.core.log.say(f"TLS handshake failed: {error.reason or error}")
    except OSError:
        pass  # the client has left
    return None


def ask_for_tls(channel: Channel) -> Waiting[None]:
    """Tell a client that speaks plain HTTP to a port with TLS."""
    message = f"this port speaks TLS; use https://, as in {channel.server.url}"
    refused = Refused(400, message, code="tls_required")
    response = channel.server.core.answerer.refuse(Request("GET", "/"), refused).response
    exchange = Exchange(keep_alive=False, extra=(("Date", channel.server.date()),))
    for step in answer_steps(response, exchange):
        if isinstance(step, Send):
            yield from channel.write(step.data)
    yield from channel.linger()
