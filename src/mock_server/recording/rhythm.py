"""When the events of a recorded stream came: a file of times beside them.  Pure."""

from __future__ import annotations

import itertools
from typing import List, Sequence

from ..jsons import loose, utf8
from .captures import Arrival


def times_of(frames: Sequence[bytes], arrivals: Sequence[Arrival]) -> List[float]:
    """Seconds before each frame of a body, in whole milliseconds: the first since the request was
    sent, the others since the one before.  A frame came when its last byte was there."""
    times: List[float] = []
    before = 0
    at = 0
    for end in itertools.accumulate(map(len, frames)):
        while at < len(arrivals) - 1 and arrivals[at].size < end:
            at += 1
        # Rounded before they are subtracted, so that no rounding adds up.
        moment = max(before, round(arrivals[at].seconds * 1000))
        times.append((moment - before) / 1000)
        before = moment
    return times


def times_file(times: Sequence[float]) -> bytes:
    """Such times as the bytes of their file."""
    return utf8(loose(list(times)) + "\n")
