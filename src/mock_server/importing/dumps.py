"""What `curl --trace` and `--trace-ascii` write: each piece that was sent or came, as a dump.

Pure."""

from __future__ import annotations

import re
from typing import Iterator, List, Optional, Tuple

from ..records import record
from .told import STAMP, ToldExchange, failure_in, header_of_line

DUMP_MARK = re.compile(
    rb"(?m)^" + STAMP + rb"(?:=>|<=) (Send header|Send data|Recv header|Recv data)"
    rb", ([0-9]{1,10}) bytes \(0x[0-9a-f]+\)\r?$"
)
DUMP_LINE = re.compile(rb"([0-9a-f]{4,10}): ([^\n]*?)\r?(?:\n|\Z)")
HEX_BYTES = re.compile(rb"(?:[0-9a-f]{2} ){1,16} *")
HEX_COLUMNS = 48  # characters of a line that are its bytes in hexadecimal
REQUEST_HEAD = re.compile(rb"([A-Z]+) (\S+) HTTP/[0-9.]+\r\n")

DAY = 24 * 60 * 60  # seconds: what is told of the time is a day's

# A JSON text, or a dot outside of one that is none of a number nor of a name: a line feed.
TEXT_OR_FEED = re.compile(
    rb'("(?:[^"\\]|\\.)*(?:"|\\?\Z))'
    rb'|\.(?=\.|data:|event:|id:|retry:|:|\Z|[ \]}{",\[\r\n])',
    re.DOTALL,
)


@record
class Dumped:
    """What was sent or came at once; `second` is one of a day, if it is told, and in what is not
    `is_exact` all that is not printable is a dot."""

    kind: str
    data: bytes
    at: int
    second: Optional[float]
    is_exact: bool


def told_in_dumps(data: bytes) -> Iterator[ToldExchange]:
    """The exchanges in a trace."""
    pieces: List[Dumped] = []
    start = 0
    for piece in dumped_in(data):
        if piece.kind == "Send header" and REQUEST_HEAD.match(piece.data) and pieces:
            yield told_by(pieces, data[start : piece.at])
            pieces, start = [], piece.at
        pieces.append(piece)
    if pieces:
        yield told_by(pieces, data[start:])


def dumped_in(data: bytes) -> Iterator[Dumped]:
    """The pieces of a trace, without those of TLS.  What lies between is what curl says, or a body
    that it also wrote there."""
    for match in DUMP_MARK.finditer(data):
        second = None
        if match.group(1):
            hours, minutes, seconds = (float(match.group(number)) for number in (1, 2, 3))
            second = hours * 3600 + minutes * 60 + seconds
        start = data.find(b"\n", match.end()) + 1 or len(data)
        dumped, is_exact = undumped(data, start, int(match.group(5)))
        yield Dumped(match.group(4).decode(), dumped, match.start(), second, is_exact)


def undumped(data: bytes, at: int, size: int) -> Tuple[bytes, bool]:
    """The bytes in the lines of a dump from here on, and whether they are exact."""
    lines: List[Tuple[int, bytes]] = []
    match = DUMP_LINE.match(data, at)
    while match and int(match.group(1), 16) < size:
        offset = int(match.group(1), 16)
        if lines and offset <= lines[-1][0]:
            break
        lines.append((offset, match.group(2)))
        match = DUMP_LINE.match(data, match.end())
    columns = [text[:HEX_COLUMNS] for _, text in lines]
    if all(HEX_BYTES.fullmatch(text) for text in columns):
        found = bytes.fromhex(b"".join(columns).decode("latin-1"))
        if len(found) == size:
            return found, True
    return from_ascii(lines, size), False


def from_ascii(lines: List[Tuple[int, bytes]], size: int) -> bytes:
    """The bytes of lines at their offsets: behind what lacks two bytes there was a CR LF."""
    found: List[bytes] = []
    ends = [offset for offset, _ in lines[1:]] + [size]
    for (offset, text), end in zip(lines, ends):
        found.append(text)
        if end - offset - len(text) == len(b"\r\n"):
            found.append(b"\r\n")
    return b"".join(found)


def told_by(pieces: List[Dumped], text: bytes) -> ToldExchange:
    """One exchange of its pieces, and all that is written of it."""
    data = {kind: joined_data(pieces, kind) for kind in ("Send header", "Recv header")}
    method = target = ""
    line = REQUEST_HEAD.match(data["Send header"])
    if line:
        method, target = (part.decode("latin-1") for part in line.groups())
    headers = tuple(
        header for one in data["Send header"].split(b"\r\n")[1:] for header in header_of_line(one)
    )
    return ToldExchange(
        pieces[0].at,
        data["Recv header"] + joined_data(pieces, "Recv data"),
        method,
        target,
        headers,
        joined_data(pieces, "Send data"),
        blocks_of(pieces),
        all(piece.is_exact for piece in pieces),
        failure_in(text),
    )


def joined_data(pieces: List[Dumped], kind: str) -> bytes:
    """All data of one kind."""
    return b"".join(piece.data for piece in pieces if piece.kind == kind)


def blocks_of(pieces: List[Dumped]) -> Tuple[Tuple[float, int], ...]:
    """Seconds since the request was sent, and sizes, of what came of a body."""
    sent = [one.second for one in pieces if one.kind.startswith("Send") and one.second is not None]
    came = [one for one in pieces if one.kind == "Recv data" and one.second is not None]
    if not sent:
        return ()
    return tuple(
        (round((one.second - sent[-1]) % DAY, 6), len(one.data)) for one in came if one.second
    )


def with_feeds(data: bytes) -> Optional[bytes]:
    """JSON, or a stream of it, with the line feeds for which --trace-ascii writes dots; None if
    dots in it may stand for letters, of which each would be two bytes at least."""
    texts = [match.group(1) for match in TEXT_OR_FEED.finditer(data) if match.group(1)]
    if any(b".." in text for text in texts):
        return None
    return TEXT_OR_FEED.sub(lambda match: match.group(1) or b"\n", data)
