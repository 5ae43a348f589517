"""A find: what one entry of a file that is imported holds.  Pure."""

from __future__ import annotations

import codecs
from typing import Optional

from ..keys import without_keys
from ..recording.captures import Capture
from ..records import record
from ..secrets import unkeyed

LARGEST_FILE = 256 * 1024 * 1024  # bytes; what it holds takes several times that in memory
TOLD_BY = 64 * 1024  # bytes of one by which it is told what it is


@record
class Find:
    """One entry of a file: a capture, or why it can't be used.

    `place` is how it is told, such as `a.har: entry 3`."""

    place: str
    capture: Optional[Capture] = None
    reason: str = ""
    lacks_body: bool = False  # whether the request of the capture had a body that is not in it
    is_other: bool = False  # whether the reason is that it has nothing to do with a provider


class Unusable(Exception):
    """An entry that can't be used; the message says why, and `is_other` that it has nothing to do
    with a provider, as most of what a browser loads has not."""

    def __init__(self, reason: str, is_other: bool = False) -> None:
        self.reason, self.is_other = without_keys(unkeyed(reason)), is_other
        super().__init__(self.reason)


def unusable(place: str, why: Unusable) -> Find:
    """What is told of an entry that can't be used."""
    return Find(place, reason=why.reason, is_other=why.is_other)


def told_url(url: str) -> str:
    """A URL as it may be told: without its query, users and keys."""
    return without_keys(unkeyed(url.partition("#")[0].partition("?")[0]))


def as_utf8(data: bytes) -> bytes:
    """A file's bytes in UTF-8, without a byte order mark: what Windows redirects is UTF-16."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace").encode("utf-8", "replace")
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :]
    return data
