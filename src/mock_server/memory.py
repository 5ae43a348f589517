"""Answers to requests that came before.  Touches nothing."""

from __future__ import annotations

import threading
from typing import Any, Dict, Hashable, Iterator, Mapping, Optional, Set, Tuple

from .answered import Answered, body_size, told_size
from .plans import frame_size
from .records import replace
from .values import Request
from .writing import ahead

MEMORY_ROOM = 8 * 1024 * 1024  # bytes of memory that answers of all sessions may take
ANSWER_ROOM = 1024 * 1024  # and one of them
PAIR_ROOM = 300  # about what the objects of a query parameter take
OBJECT_ROOM = 2048  # about what the objects of an answer take
SEEN_MOST = 8192  # requests of which it is known that they came once


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


# All of a request that its answer depends on: method, path, port, session, body, query, names of
# the headers that were asked for, and their values.  A plain tuple: one is made for every request.
Names = Tuple[str, ...]
Query = Tuple[Tuple[str, str], ...]
Key = Tuple[str, str, int, str, bytes, Query, Names, Tuple[Optional[str], ...]]


def key_of(request: Request, names: Names) -> Key:
    """The key of a request whose answer depends on the headers with these names."""
    headers = request.headers
    values = tuple([headers.get(name) for name in names])
    query = tuple(request.query.items())
    session, body = request.session, request.body
    return request.method, request.path, request.port, session, body, query, names, values


def key_size(key: Key) -> int:
    """About how many bytes of memory a key takes."""
    _, path, _, session, body, query, _, headers = key
    size = OBJECT_ROOM + len(path) + len(session) + len(body)
    size += sum(PAIR_ROOM + len(name) + len(value) for name, value in query)
    return size + sum(len(value) for value in headers if value)


def answer_size(request: Request, answered: Answered) -> int:
    """About how many bytes of memory an answer takes, with what was read of its request."""
    response, call = answered.response, answered.call
    size = len(response.body)
    if isinstance(response.frames, tuple):
        size += sum(map(frame_size, response.frames))
    if call and call.was_read:
        size += body_size(request.body, call.body, call)
    return size + told_size(answered, call.violations if call else ())


def without_request(answered: Answered) -> Answered:
    """An answer without the head of its request, of which the key has all that matters."""
    call = answered.call
    if not call:
        return answered
    bare = call.request.with_headers({})
    return replace(answered, call=replace(call, request=bare))


class CameBefore:
    """Which of many things came before, as far as a bounded memory knows: a thing is kept only when
    it comes again."""

    def __init__(self) -> None:
        self.marks: Set[int] = set()

    def has(self, thing: Hashable) -> bool:
        """Whether it came before; from now on it did."""
        mark = hash(thing)
        if mark in self.marks:
            return True
        if len(self.marks) >= SEEN_MOST:
            self.marks.clear()
        self.marks.add(mark)
        return False


def written_out(answered: Answered) -> Answered:
    """An answer whose stream is made now, as far as that takes no time worth mentioning."""
    frames = answered.response.frames
    if frames is None or isinstance(frames, tuple) or answered.feed:
        return answered
    return replace(answered, response=replace(answered.response, frames=ahead(frames)))


class Memory:
    """Answers to requests that came before, for as long as the mocks stay the same.

    An answer depends on nothing but those, the settings and the request, so that an equal request
    need not be read, matched and written out again.  Which headers it depends on is not declared
    anywhere: those that were asked for while it was made are part of the key of all answers on its
    path.  Kept are answers of up to 1 MiB, `room` bytes of them; then it starts over."""

    def __init__(self, room: int = MEMORY_ROOM) -> None:
        self.room = room
        self.lock = threading.Lock()
        self.seen = CameBefore()
        self.forget(0)

    def forget(self, generation: int) -> None:
        """Start over, with mocks of this generation."""
        self.generation = generation
        self.used = 0
        self.answers: Dict[Key, Answered] = {}
        self.header_names: Dict[Tuple[str, str], Names] = {}  # noted, by method and path

    def key(self, request: Request, generation: int) -> Key:
        """The key of a request, as far as is known what its answer depends on."""
        if self.generation != generation:
            with self.lock:
                self.forget(generation)
        names = self.header_names.get((request.method, request.path), ())
        return key_of(request, names)

    def keep(self, request: Request, generation: int, noted: Set[str], answered: Answered) -> None:
        """Remember an answer, if it can be."""
        if not answered.is_lasting:
            return
        size = answer_size(request, answered)
        with self.lock:
            if generation == self.generation:  # else it was made with mocks that are gone
                self.put(request, noted, without_request(answered), size)

    def put(self, request: Request, noted: Set[str], answered: Answered, size: int) -> None:
        """Remember an answer of `size` bytes; for who holds the lock."""
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
            self.forget(self.generation)
        self.header_names[place] = names
        self.answers[key] = answered
        self.used += size
