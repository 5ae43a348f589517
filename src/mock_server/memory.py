"""Answers to requests that came before.  Touches nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterator, Mapping, Optional, Set, Tuple

from .answered import Answered
from .mocks.index import Index
from .options import Settings
from .values import Request
from .writing import ahead, frame_size

ANSWER_ROOM = 1024 * 1024  # bytes of an answer that is remembered
PAIR_ROOM = 300  # about what the objects of a query parameter take
OBJECT_ROOM = 2048  # about what the objects of an answer take


class NotedHeaders(Mapping[str, str]):
    """Headers that note which of them were asked for, there or not."""

    __slots__ = ("known", "noted")

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self.noted: Set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.noted.add(name)
        return self.known[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A header's value, or the default."""
        self.noted.add(name)
        return self.known.get(name, default)

    def __contains__(self, name: object) -> bool:
        self.noted.add(str(name))
        return name in self.known

    def __iter__(self) -> Iterator[str]:
        self.noted.update(self.known)
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)


# All of a request that its answer depends on: method, path, port, body, query, the names of the
# headers that were asked for, and their values.  A plain tuple: one is made for every request.
Names = Tuple[str, ...]
Query = Tuple[Tuple[str, str], ...]
Key = Tuple[str, str, int, bytes, Query, Names, Tuple[Optional[str], ...]]


def key_of(request: Request, names: Names) -> Key:
    """The key of a request whose answer depends on the headers with these names."""
    headers = request.headers
    values = tuple([headers.get(name) for name in names])
    query = tuple(request.query.items())
    return request.method, request.path, request.port, request.body, query, names, values


def key_size(key: Key) -> int:
    """About how many bytes of memory a key takes."""
    _, path, _, body, query, _, headers = key
    size = OBJECT_ROOM + len(path) + len(body)
    size += sum(PAIR_ROOM + len(name) + len(value) for name, value in query)
    return size + sum(len(value) for value in headers if value)


class Memory:
    """Answers to requests that came before, for as long as settings and mocks stay the same.

    An answer depends on nothing but those and the request, so that an equal request need not be
    read, matched and written out again.  Which headers it depends on is not declared anywhere:
    those that were asked for while it was made are part of the key of all answers on its path.
    Kept are answers of up to 1 MiB, `room` bytes of them; then it starts over."""

    def __init__(self, settings: Settings, added: Index, files: Index, room: int) -> None:
        self.settings = settings
        self.added, self.files = added, files  # mocks of the session, and from files
        self.room = room
        self.forget()

    def forget(self) -> None:
        """Start over."""
        self.used = 0
        self.answers: Dict[Key, Answered] = {}
        self.header_names: Dict[Tuple[str, str], Tuple[str, ...]] = {}  # noted, by method and path

    def is_of(self, settings: Settings, added: Index, files: Index) -> bool:
        """Whether the answers still hold: they were made with these settings from these mocks."""
        return self.settings is settings and self.added is added and self.files is files

    def find(self, request: Request) -> Optional[Answered]:
        """The answer to an equal request, as far as is known what its answer depends on."""
        names = self.header_names.get((request.method, request.path), ())
        return self.answers.get(key_of(request, names))

    def keep(self, request: Request, noted: Set[str], answered: Answered) -> Answered:
        """The answer, which is remembered if it can be.  A stream is written out first, as far as
        that takes no time worth mentioning: a thousand that begin at once are then made once."""
        frames = answered.response.frames
        if frames is not None and not isinstance(frames, tuple):
            frames = ahead(frames)
            answered = replace(answered, response=replace(answered.response, frames=frames))
        if not answered.is_repeatable or not (frames is None or isinstance(frames, tuple)):
            return answered
        size = len(answered.response.body)
        size += sum(map(frame_size, frames or ()))
        self.put(request, noted, answered, size)
        return answered

    def put(self, request: Request, noted: Set[str], answered: Answered, size: int) -> None:
        """Remember an answer of `size` bytes."""
        place = request.method, request.path
        known = self.header_names.get(place, ())
        # The key is made of these names, whatever another thread makes of them meanwhile, and what
        # was remembered without the new ones is not found any more.
        names = (*known, *sorted(noted.difference(known)))
        key = key_of(request, names)
        size += key_size(key)
        if size > min(ANSWER_ROOM, self.room):
            return
        if self.used + size > self.room:
            self.forget()
        self.header_names[place] = names
        self.answers[key] = answered
        self.used += size
