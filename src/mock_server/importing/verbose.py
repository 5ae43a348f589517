"""What `curl -v` writes: its own sentences, heads line by line, and the body in between.  Pure."""

from __future__ import annotations

import re
from typing import Iterator, List, Tuple

from ..mocks.transcripts import SAVED_HEADER
from .told import STAMP, ToldExchange, failure_in, header_of_line

# The first line of a request begins an exchange.
SENT_LINE = re.compile(rb"(?m)^" + STAMP + rb"> ([A-Z]{3,10}) (\S+) HTTP/[0-9.]+ *\r?$")
SENT = re.compile(STAMP + rb"> ?([^\r\n]*)\r?\n?")
CAME = re.compile(STAMP + rb"< ?([^\r\n]*)\r?\n?")
CAME_STATUS = re.compile(rb"HTTP/[0-9.]+ [0-9]{3}\b")

PROGRESS = (
    rb"^ *% Total +% Received[^\n]*\n +Dload[^\n]*\n(?:\r?\n)?"
    rb"|\r[ 0-9]{3} .{5}  [ 0-9]{3} .{5}  [ 0-9]{3} .{5}  .{5}  .{5} [-0-9:dh ]{8} [-0-9:dh ]{8}"
    rb" [-0-9:dh ]{8} .{5}\n?"
)
METER = re.compile(rb"(?m)" + PROGRESS)

# What curl writes beside heads and body, which may stand behind a body that ends without a line
# feed, or in the midst of one that is written in blocks: what it says itself, the sizes of what it
# does not show, and the progress meter (its tool_cb_dbg.c and tool_cb_prg.c).
NOISE = re.compile(
    rb"(?m)^" + STAMP + rb"\*(?: [^\n]*)?(?:\n|\Z)"
    rb"|[{}] \[[0-9]+ bytes data\]\r?(?:\n|\Z)"
    rb"|\* (?:Connection #[0-9]+ |Closing connection|shutting down connection #|TLSv1\.[0-9] \("
    rb"|Re-using existing|Reusing existing|Found bundle for|Leftovers after|Excess found"
    rb"|transfer closed with|Issue another request)[^\n]*(?:\n|\Z)"
    rb"|curl: \([0-9]{1,3}\) [^\n]*\s*\Z"
    rb"|" + PROGRESS
)


def told_verbosely(data: bytes) -> Iterator[ToldExchange]:
    """The exchanges in what curl -v writes."""
    starts = list(SENT_LINE.finditer(data))
    ends = [match.start() for match in starts[1:]] + [len(data)]
    for match, end in zip(starts, ends):
        text = data[match.start() : end]
        sent, answer = heads_and_body(NOISE.sub(b"", text))
        method, target = (part.decode("latin-1") for part in match.groups()[-2:])
        headers = tuple(header for line in sent[1:] for header in header_of_line(line))
        yield ToldExchange(match.start(), answer, method, target, headers, problem=failure_in(text))


def heads_and_body(text: bytes) -> Tuple[List[bytes], bytes]:
    """The lines of a request's head, and the answer as curl -i would have saved it."""
    sent: List[bytes] = []
    head: List[bytes] = []
    body: List[bytes] = []
    is_open = True  # until the empty line behind a final head
    for line in text.splitlines(keepends=True):
        asked, came = SENT.fullmatch(line), CAME.fullmatch(line)
        if asked and not head:
            sent.append(asked.group(4))
        elif came and CAME_STATUS.match(came.group(4)):
            head, is_open = [came.group(4)], True  # the head before was an interim one
        elif came and is_open and head:
            head.append(came.group(4))
            is_open = bool(came.group(4))
        elif not (came and head and SAVED_HEADER.fullmatch(came.group(4))):  # a trailer
            body.append(line)
    if not head:
        return sent, b""
    return sent, b"\r\n".join([*filter(None, head), b"", b""]) + b"".join(body)
