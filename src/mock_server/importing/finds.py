"""A find: what one entry of a file that is imported holds.  Pure."""

from __future__ import annotations

from typing import Optional

from ..limits import Json
from ..recording.captures import Capture
from ..records import record


@record
class Find:
    """One entry of a file: a capture, a mock that is written already, or why it can't be used.

    `place` is how it is told, such as `a.har: entry 3`.  Of a capture without a body of its request
    nobody knows what was asked, and no more than its head says."""

    place: str
    capture: Optional[Capture] = None
    mock: Json = None
    reason: str = ""
    lacks_body: bool = False  # whether the request of the capture had one that is not in the file
    is_other: bool = False  # whether the reason is that it has nothing to do with a provider
