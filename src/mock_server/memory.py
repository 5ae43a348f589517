"""Answers to requests that came before.  Touches nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Sequence

from .answered import Answered
from .mocks.mock import Index
from .values import Hold, Request
from .writing import ahead


class Memory:
    """Answers to requests that came before, for as long as the mocks of the session and of the files stay the same.

    An answer depends on nothing but the request and the mocks, so that an equal request need not be read, matched
    and written out again.  Kept are answers of up to 1 MiB, `room` bytes of them; then it starts over."""

    def __init__(
        self, own: Index, files: Index, names: Sequence[str], room: int = 4 * 1024 * 1024
    ) -> None:
        self.own, self.files, self.room, self.used = own, files, room, 0
        self.names = (*names, *own.headers, *files.headers)
        self.answers: Dict[Any, Answered] = {}

    def key(self, request: Request) -> Any:
        """All of a request that its answer depends on."""
        headers = request.headers
        return (
            request.method,
            request.path,
            request.port,
            request.body,
            tuple(request.query.items()),
            *[headers.get(name) for name in self.names],
        )

    def keep(self, key: Any, answered: Answered) -> Answered:
        """The answer, which is remembered.  A stream is written out first, as far as that takes no time worth
        mentioning: a thousand that begin at once are then made once."""
        frames = answered.response.frames
        if frames is not None and not isinstance(frames, tuple):
            frames = ahead(frames)
            answered = replace(answered, response=replace(answered.response, frames=frames))
        if answered.steady and (frames is None or isinstance(frames, tuple)):
            size = sum(len(frame) for frame in frames or () if not isinstance(frame, Hold))
            self.put(key, answered, size + len(answered.response.body))
        return answered

    def put(self, key: Any, answered: Answered, size: int) -> None:
        """Remember an answer of `size` bytes."""
        size += sum(len(part) for part in key if isinstance(part, (bytes, str))) + 300 * len(
            key[4]
        )  # key[4]: the query
        if size > 1024 * 1024:
            return
        if self.used + size > self.room:
            self.answers, self.used = {}, 0
        self.answers[key] = answered
        self.used += size + 2048  # about what the objects take
