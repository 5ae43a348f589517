"""How an answer travels, as frozen records.  Touch nothing."""

from __future__ import annotations

from typing import Optional, Tuple, Union

from .marks import After
from .records import record


@record
class Pace:
    """Seconds before the first event and between events, and how far a gap may stray (0.5: by
    half), drawn from `seed`.

    `gaps` are the seconds after the first event, the second and so on, in place of `between`.  What
    `is_recorded` gives way to the server's own pace."""

    first: float = 0.0
    between: float = 0.0
    jitter: float = 0.0
    seed: str = ""
    gaps: Tuple[float, ...] = ()
    is_recorded: bool = False

    @property
    def has_pauses(self) -> bool:
        """Whether anything waits for it."""
        return bool(self.first or self.between or self.gaps)


@record
class Keepalive:
    """What is sent while nothing else was for `every` seconds: a comment, or without one (None)
    what the provider sends."""

    every: float
    comment: Optional[str] = None


@record
class Fault:
    """How an answer breaks: a fault's name, where in a stream, and how likely.

    Without a place it is where the fault would have it."""

    kind: str
    after: Optional[After] = None
    probability: float = 1.0


@record
class Plan:
    """How the same bytes are cut anew on the wire."""

    split: Union[int, str] = 0  # bytes a write; or inside each character (`utf8`), line end (`eol`)
    coalesce: int = 0  # events a write; 0 is as many as are due at the same moment
    eol: str = ""  # line ends of an event stream
    comments: Optional[str] = None  # before each of its events
    no_space: bool = False  # after its field names
    chunk_extensions: bool = False
    trailers: bool = False
    gzip: str = ""  # flushed for each `event`, for each full `block`, or ended (`members`)
    chunked: bool = False  # a whole body, too
    close: bool = False  # the connection, with the answer


@record
class Delivery:
    """How an answer travels: seconds before its first byte, its pace (None: the server's), gzip
    (auto, always, never), headers that replace the server's own (None removes one), where a gate
    begins at which a test releases each event, how it is cut on the wire, how it breaks, and what
    is sent while it waits."""

    delay: float = 0.0
    pace: Optional[Pace] = None
    gzip: str = "auto"
    headers: Tuple[Tuple[str, Optional[str]], ...] = ()
    gate: Optional[After] = None
    plan: Plan = Plan()
    fault: Optional[Fault] = None
    keepalive: Optional[Keepalive] = None
