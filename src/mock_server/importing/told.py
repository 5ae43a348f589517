"""What curl tells of one exchange, whichever way it was asked to tell it.  Pure."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from ..limits import Headers
from ..records import record

# Before whatever curl says: the time that --trace-time adds, and the ids of --trace-ids.
STAMP = rb"(?:([0-9]{2}):([0-9]{2}):([0-9]{2}\.[0-9]{6}) )?(?:\[[0-9x-]+\] )?"

# The last thing that curl says of a transfer that failed.
CURL_FAILED = re.compile(rb"(?:^|\n)?curl: \([0-9]{1,3}\) ([^\r\n]*)\s*\Z")
BROKEN_OFF = re.compile(rb"(?m)^" + STAMP + rb"(?:\*|== Info:) (transfer closed with [^\r\n]*)")

NAME_AND_VALUE = re.compile(rb"([^:\r\n]+):[ \t]*([^\r\n]*)")


@record
class ToldExchange:
    """One exchange: where it begins in the file, what was asked, as far as it is told, and the
    answer as `curl -i --raw` would have saved it.

    `asked` is the body of the request, None where it is not told; `blocks` are the seconds since
    the request and the sizes of what came of the body, where that is told; in what is not
    `is_exact` other bytes than ASCII are dots."""

    at: int
    answer: bytes
    method: str = ""
    target: str = ""
    headers: Headers = ()
    asked: Optional[bytes] = None
    blocks: Tuple[Tuple[float, int], ...] = ()
    is_exact: bool = True
    problem: str = ""


def failure_in(data: bytes) -> str:
    """What curl says of the failure of a transfer; empty if it says nothing."""
    match = CURL_FAILED.search(data) or BROKEN_OFF.search(data)
    if not match:
        return ""
    return match.group(match.lastindex or 0).decode("utf-8", "replace").strip()


def header_of_line(line: bytes) -> Headers:
    """The header in a line, if there is one; HTTP/2's own begin with a colon."""
    match = NAME_AND_VALUE.fullmatch(line.strip())
    if not match:
        return ()
    name, value = (part.decode("latin-1").strip() for part in match.groups())
    return ((name, value),)
