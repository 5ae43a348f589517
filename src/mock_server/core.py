"""What all ports of a process share."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional, Tuple

from .answering import Answerer
from .errors import BadMock, line_of
from .http import Head
from .journal import Journal
from .limits import GRACE_SECONDS
from .log import Log
from .loop import Loop
from .mocks.sessions import Mocks
from .operations import Operations
from .options import Settings
from .recording.folder import Folder
from .recording.forwarding import Forwarder
from .recording.recorder import Recorder
from .repeats import Repeats
from .tls import self_signed, tls_context
from .trimming import Trimming
from .values import AsSent
from .workers import Workers

if TYPE_CHECKING:
    import ssl


class Core:
    """What all ports of a process share: settings, mocks, answers, journal, log, TLS, the loop that
    does it all and the threads for what takes long; `ports` counts those that are open, `ending`
    those that are closed, but have answers under way.

    Raises BadMock if a data directory holds a mock that can't be used, OSError if a certificate
    can't be read or made."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = Log(settings.log)
        self.max_body = settings.max_body
        self.ports = self.ending = 0
        self.mocks = Mocks(settings.data, self.log.say)
        problems = self.mocks.files.load()
        if problems:
            raise BadMock("\n".join(problems))
        self.journal = Journal(settings.journal)
        self.mocks.awaited = self.journal.awaited
        self.numbers = itertools.count(1)  # ids of requests, over all ports
        self.connection_numbers = itertools.count(1)  # over all ports
        self.forwarder: Optional[Forwarder] = None
        if settings.record and settings.record_to:
            folder = Folder(settings.record_to, self.log.say)
            recorder = Recorder(folder, settings.record_errors, self.mocks.files.look_now)
            self.forwarder = Forwarder(settings, recorder, self.mocks.ports, self.log.say)
            self.forwarder.count = self.journal.count_forwarded
        self.answerer = Answerer(self.mocks, settings, self.journal, self.forwarder)
        self.tls, self.tls_cert = tls_of(settings)
        self.repeats = Repeats()
        self.repeats.forgot = self.journal.take_over
        self.workers = Workers(say=self.log.say)
        self.functions = Workers(say=self.log.say)  # for those that answer: one may never return
        self.loop = Loop(complain=self.complain)
        self.trimming = Trimming(self.when_quiet)
        self.mocks.freed = self.journal.freed = self.trimming.freed
        if self.forwarder:
            self.forwarder.recorder.freed = self.trimming.freed
        self.thread: Optional[threading.Thread] = None  # that runs the loop in the background

    def when_quiet(self, action: Callable[[], None]) -> None:
        """Have something done aside, a second from now."""

        def do() -> None:
            self.workers.do(action, lambda value, error: None)

        self.loop.call(self.loop.at, time.monotonic() + 1, do)

    def complain(self, error: Exception) -> None:
        """Say that something went wrong that should not."""
        try:
            if isinstance(error, MemoryError):
                self.log.say("out of memory: a request was given up")
                return
            what = f"{type(error).__name__}: {error}"
            self.log.say(f"internal error: {what} (line {line_of(error)}); please report it")
        except MemoryError:
            pass  # there is not even enough for that

    def run(self) -> None:
        """Run the loop until the last port is closed."""
        try:
            self.loop.run()
        finally:
            self.close()

    def run_in_background(self) -> None:
        """Run the loop in a thread, unless it is running already."""
        if not self.is_running:
            self.thread = threading.Thread(target=self.run, name="loop", daemon=True)
            self.thread.start()

    def end(self) -> None:
        """Have the loop end, if there is no port any more for which it runs."""
        if self.is_needed:
            return
        if self.is_running:
            self.loop.stop()
        else:
            self.close()

    @property
    def is_needed(self) -> bool:
        """Whether there is a port that is open, or has answers under way."""
        return self.ports + self.ending > 0

    @property
    def is_running(self) -> bool:
        """Whether the loop runs, or is about to."""
        return bool(self.loop.thread or (self.thread and not self.loop.is_ended))

    def close(self) -> None:
        """Give back what it holds of the system; the loop does not run any more."""
        if self.forwarder:
            self.forwarder.close()
        self.workers.close()
        self.functions.close()
        self.log.close()
        self.loop.close()

    def wait_for_end(self) -> None:
        """Wait until the loop has ended, if it is not needed any more."""
        if self.thread and not self.is_needed:
            self.thread.join(GRACE_SECONDS)

    def raw_of(self, head: Head, body: bytes) -> Optional[AsSent]:
        """What a signature of a request is held against, if one may be, and what is forwarded."""
        if not (self.settings.credential or self.forwarder):
            return None
        return AsSent(head.target, head.lines, body)

    def opened(self, port: int) -> None:
        """Note that there is one more port that is listened on."""
        self.ports += 1
        self.mocks.ports.add(port)

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
