"""Outcomes: what a mock says, in all its forms, as frozen records.  Touch nothing."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Union

from .errors import MISSING
from .limits import Headers, Json
from .marks import After
from .records import found_once, record
from .values import Failure, Reply


@record
class Original:
    """An answer with its head, as a transcript has it: `headers` are those that are true of it
    whenever it is sent, `frames` its chunks or events (None: it is sent whole), and what
    `is_coded` is compressed."""

    status: int
    headers: Headers
    body: bytes
    frames: Optional[Tuple[bytes, ...]] = None
    is_coded: bool = False


@record
class Recorded:
    """An answer as a provider sent it.

    To who wants it whole: `body` (bytes of a file, or a JSON value to lay out) and its gzip `twin`,
    or `whole`.  `to_streams` says that it answers who wants a stream, too.  To who wants a stream:
    `frames` of a text that is in the framing called `kind`, or JSON `values` to frame, or
    `stream`."""

    body: Union[bytes, Json] = MISSING
    twin: Optional[bytes] = None
    frames: Tuple[bytes, ...] = ()
    kind: str = ""
    values: Tuple[Json, ...] = ()
    whole: Optional[Original] = None
    stream: Optional[Original] = None
    to_streams: bool = False

    @found_once
    def found(self) -> Dict[Any, Any]:
        """What was looked for in it, by what that is; it is looked for once."""
        return {}

    @property
    def has_body(self) -> bool:
        """Whether there is an answer to who wants it whole."""
        return self.body is not MISSING or self.whole is not None

    @property
    def has_events(self) -> bool:
        """Whether there is one to who wants a stream."""
        return bool(self.frames or self.values or self.stream)


@record
class Raw:
    """An answer that is these bytes, whatever was asked for and however."""

    body: bytes


@record
class Usual:
    """What is answered where no mock does: an echo, or what needs no mock."""


@record
class Broken:
    """A stream that ends with an error somewhere in its content; a whole answer is the error
    alone."""

    content: Union[Reply, Recorded]
    failure: Failure
    after: After


Outcome = Union[Reply, Recorded, Raw, Failure, Broken]
Usually = Union[Reply, Recorded, Failure]  # of what an API answers without a mock
