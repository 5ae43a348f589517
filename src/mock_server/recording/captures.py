"""A capture: a request and what a provider answered, before it is a mock.  Pure."""

from __future__ import annotations

from typing import Optional, Tuple

from ..limits import Headers
from ..records import record
from ..values import Request


@record
class Arrival:
    """When so many bytes of a body were there: `seconds` since the request was sent, `size` bytes
    of the decoded body in all."""

    seconds: float
    size: int


@record
class Capture:
    """A request and its answer: status, header lines as they came, and the body, its transfer and
    content codings undone.

    `request` is as its client sent it, credentials and all, and None where nobody knows it (a
    transcript of an answer alone).  `arrivals` are in order, the last of all bytes; empty where
    nobody knows when they came."""

    request: Optional[Request]
    status: int
    headers: Headers
    body: bytes
    arrivals: Tuple[Arrival, ...] = ()

    def header(self, name: str) -> str:
        """The first header of this lower-case name; empty if there is none."""
        return next((value for one, value in self.headers if one.lower() == name), "")

    @property
    def content_type(self) -> str:
        """The media type of the answer in lower case, without its parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()
