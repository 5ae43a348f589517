"""How many bytes of memory values take, in objects and not as text.  Touches nothing."""

from __future__ import annotations

from sys import getsizeof
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Iterable, List, Mapping, Set, Tuple

from .limits import Json

ROUNDING = 8  # malloc rounds up to 16 bytes, which are on average so many more
DICT_SIZE = 216  # of one with a few members, made by json.loads
LIST_SIZE = 96  # of one with a few items
QUOTE_SIZE = 16  # half of a short string
COMMA_SIZE = 24  # an item's place, and a part of a number
# What has more than this a byte of its text is made of small objects, which are looked at.
DENSE = 4
SMALL_BODY = 4096  # bytes of memory that make looking not worth its time
SHARED_INTEGERS = range(-5, 257)  # CPython makes each of them once
SINGLE = (None, True, False, "", b"", (), *SHARED_INTEGERS)
PLAIN = frozenset((str, bytes, int, float))
COLLECTIONS = frozenset((list, tuple, set, frozenset))
EVERYBODYS = (type, FunctionType, BuiltinFunctionType, ModuleType)


def json_size(text: bytes, value: Json) -> int:
    """About the bytes that a JSON value takes which came as this text.

    Most are told by the signs in the text, in less than a microsecond; only one that is made of
    many small objects is walked through, for of `[[],[],…` each sign is an object."""
    count = text.count
    size = len(text) + DICT_SIZE * count(b"{") + LIST_SIZE * count(b"[")
    size += COMMA_SIZE * count(b",") + QUOTE_SIZE * count(b'"')
    is_narrow = text.isascii() and b"\\u" not in text  # one wide character makes four bytes of each
    if is_narrow and size <= DENSE * len(text) + SMALL_BODY:
        return size
    return walked_size(value)


def walked_size(value: Json) -> int:
    """The bytes that a JSON value takes, from a look at all that is in it."""
    size = 0
    names: Set[str] = set()  # json.loads makes each name once a document
    parts: List[Json] = [value]
    for part in parts:  # which grows meanwhile
        kind = type(part)
        if kind is dict:
            names.update(part)
            parts.extend(part.values())
        elif kind is list:
            parts.extend(part)
        elif kind is int and part in SHARED_INTEGERS:
            continue
        elif kind is str and len(part) < 2:
            continue  # made once, too
        size += getsizeof(part) + ROUNDING
    return size + strings_size(names)


def strings_size(strings: Iterable[str]) -> int:
    """The bytes that strings take."""
    return sum(map(getsizeof, strings))


def pairs_size(pairs: Mapping[str, str]) -> int:
    """The bytes that headers or the parameters of a query take, and a dict of the same texts in
    which credentials are masked."""
    size = 2 * getsizeof(pairs) + 2 * ROUNDING * len(pairs)
    return size + strings_size(pairs) + strings_size(pairs.values())


def object_size(value: Any) -> int:
    """The bytes that an object takes with all that it holds, of whatever kinds that is.

    Each object counts once; classes, functions and modules are everybody's.  A look at every one
    of them takes its time: it is for what stays."""
    size = 0
    seen = set(map(id, SINGLE))
    parts = [value]
    for part in parts:  # which grows meanwhile
        if id(part) in seen:
            continue
        seen.add(id(part))
        size += getsizeof(part) + ROUNDING
        kind = type(part)
        if kind is dict:
            parts.extend(part)
            parts.extend(part.values())
        elif kind in COLLECTIONS:
            parts.extend(part)
        elif kind not in PLAIN and not isinstance(part, EVERYBODYS):
            attributes, values = attributes_of(part)
            size += attributes
            parts.extend(values)
    return size


def attributes_of(value: Any) -> Tuple[int, List[Any]]:
    """The bytes of the dict of an object, without the names, and what it holds."""
    held = []
    for kind in type(value).__mro__:
        held += [getattr(value, name, None) for name in getattr(kind, "__slots__", ())]
    if isinstance(value, tuple):  # a named one
        held.extend(value)
    if not hasattr(value, "__dict__"):
        return 0, held
    return getsizeof(vars(value)), [*held, *vars(value).values()]
