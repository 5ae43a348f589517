"""Content codings undone as the bytes come, for what is kept.  May touch zlib."""

from __future__ import annotations

import zlib
from typing import Any, List, Sequence

from ..codings import GZIP, deflate_bits
from ..errors import shown
from ..limits import MOST_CODINGS


class NotUndone(Exception):
    """Why a coding can't be undone."""


class Unpacking:
    """One coding, gzip or deflate, of at most `limit` bytes undone."""

    def __init__(self, coding: str, limit: int) -> None:
        self.coding, self.limit = coding, limit
        self.unpacker: Any = None
        self.held = b""  # too little to know what it is
        self.made = 0

    def feed(self, data: bytes) -> bytes:
        """Undo some bytes."""
        found: List[bytes] = []
        data = self.held + data
        self.held = b""
        while data:
            if self.unpacker is None:
                if len(data) < 2:
                    self.held = data
                    break
                bits = deflate_bits(data) if self.coding == "deflate" else GZIP
                self.unpacker = zlib.decompressobj(bits)
            found.append(self.unpacked(data))
            if not self.unpacker.eof:
                break
            data = self.unpacker.unused_data
            if data and self.coding == "deflate":
                raise NotUndone("bytes follow its deflate data")
            if data:  # another member (RFC 1952, 2.2)
                self.unpacker = None
        return b"".join(found)

    def unpacked(self, data: bytes) -> bytes:
        """What is in some bytes of one member."""
        try:
            found: bytes = self.unpacker.decompress(data, self.limit + 1 - self.made)
        except zlib.error as error:
            raise NotUndone(f"it is not {self.coding}: {error}") from None
        self.made += len(found)
        if self.made > self.limit:
            raise NotUndone(too_long(self.limit))
        return found

    def end(self) -> None:
        """No more bytes come."""
        if self.held or (self.unpacker and not self.unpacker.eof):
            raise NotUndone(f"its {self.coding} data ends too early")


def too_long(limit: int) -> str:
    """Why a body is not kept that has more bytes than that."""
    return f"it is longer than {limit // (1024 * 1024)} MiB"


class Undoing:
    """The codings of one body, the last one undone first."""

    def __init__(self, codings: Sequence[str], limit: int) -> None:
        self.limit = limit
        self.made = 0
        self.stages: List[Unpacking] = []
        self.wrong = ""
        if len(codings) > MOST_CODINGS:
            self.wrong = f"it has {len(codings)} content codings"
        for coding in reversed([one.lower() for one in codings]):
            if coding in ("gzip", "x-gzip", "deflate"):
                self.stages.append(Unpacking(coding.replace("x-", ""), limit))
            elif coding != "identity":
                self.wrong = f"its content coding {shown(coding)} can't be undone"

    def feed(self, data: bytes) -> bytes:
        """Undo some bytes.  NotUndone says why they can't be."""
        if self.wrong:
            raise NotUndone(self.wrong)
        for stage in self.stages:
            data = stage.feed(data)
        self.made += len(data)
        if self.made > self.limit:
            raise NotUndone(too_long(self.limit))
        return data

    def end(self) -> None:
        """No more bytes come.  NotUndone says that some are missing."""
        for stage in self.stages:
            stage.end()
