"""Steps: what happens on the socket, as values.  Touch nothing."""

from __future__ import annotations

from typing import Optional, Tuple, Union

from .limits import Headers
from .marks import Breath, Hold, Mark
from .records import record


@record
class Send:
    """Bytes that go out in one write, `head` of them before the body.

    `ends` says where in them events of a stream end, and `last` that the stream does.  What is
    `alone` is joined with nothing that is due at the same moment."""

    data: bytes
    ends: Tuple[int, ...] = ()
    head: int = 0
    last: bool = False
    alone: bool = False


@record
class Wait:
    """Seconds until the next step is due, counted from when this one was."""

    seconds: float


@record
class Hang:
    """Nothing more, until the client leaves, or for so many seconds."""

    seconds: Optional[float] = None


@record
class Cut:
    """The answer ends here, before its end.

    `how` is reset (RST), close (FIN), or kept, where the connection lives on."""

    how: str


Step = Union[Send, Wait, Hold, Breath, Mark, Hang, Cut]


@record
class Exchange:
    """What the connection and the request say about how a response is written.

    `coding` is identity, gzip, or smaller: gzip where that is smaller."""

    minor: int = 1
    keep_alive: bool = True
    head_only: bool = False
    coding: str = "identity"
    extra: Headers = ()  # headers of this one response: its date and id
