"""What all ports of a process share."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple

from .answering import Answerer
from .errors import BadMock
from .journal import Journal
from .limits import WRITERS
from .log import Log
from .mocks.sessions import Mocks
from .operations import Operations
from .options import Settings
from .pacer import Turns
from .tls import self_signed, tls_context

if TYPE_CHECKING:
    import ssl


class Core:
    """What all ports of a process share: settings, mocks, answers, journal, log, TLS, and turns for
    unpaced streams; `ports` counts those that are open.

    Raises BadMock if a data directory holds a mock that can't be used, OSError if a certificate
    can't be read or made."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = Log(settings.log)
        self.max_body = settings.max_body
        self.ports = 0
        self.mocks = Mocks(settings.data, self.log.say)
        problems = self.mocks.files.load()
        if problems:
            raise BadMock("\n".join(problems))
        self.journal = Journal(settings.journal)
        self.mocks.is_awaited = self.journal.is_awaited
        self.numbers = itertools.count(1)  # ids of requests, over all ports
        self.answerer = Answerer(self.mocks, settings, self.journal)
        self.turns = Turns(WRITERS)
        self.tls, self.tls_cert = tls_of(settings)

    def operations(self, session: str) -> Operations:
        """What can be done with a session; an empty name is what is without one."""
        return Operations(self.mocks, self.journal, session)


def tls_of(settings: Settings) -> "Tuple[Optional[ssl.SSLContext], str]":
    """The context of TLS and the certificate as PEM; None and nothing without TLS."""
    if not settings.tls:
        return None, ""
    if settings.cert and settings.key:
        context = tls_context(settings.cert, settings.key)
        return context, Path(settings.cert).read_text("ascii", "replace")
    # What a client on this machine calls it, and what it was told to listen on.
    names = ["localhost", "127.0.0.1", "::1", settings.host, *settings.tls_name]
    return self_signed(names, settings.tls_cert_out)
