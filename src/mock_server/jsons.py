"""JSON in and out, and kinds of JSON values.  May touch json."""

from __future__ import annotations

import codecs
import contextlib
import gc
import json
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NoReturn, Set, Tuple

from .errors import shown
from .limits import DEPTH_LIMIT, DIGIT_LIMIT, LONG, Json

# --- layouts ---

quoted = json.encoder.encode_basestring  # of one string

NUMBERS = frozenset((int, float))  # types; no boolean is of either


def layout(between: str, colon: str, sort_keys: bool = False) -> Callable[[Json], str]:
    """A function that writes JSON, with these separators."""
    usual = json.JSONEncoder(ensure_ascii=False, separators=(between, colon), sort_keys=sort_keys)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # a Python without json's C code
        return usual.encode
    # Made once: json.dumps makes one for every value, which takes longer than a small one does.
    encode = make(None, usual.default, quoted, None, colon, between, sort_keys, False, True)

    def write(value: Json) -> str:
        if isinstance(value, str):
            return quoted(value)
        return "".join(encode(value, 0))

    return write


compact = layout(",", ":")
sorted_compact = layout(",", ":", sort_keys=True)
loose = layout(", ", ": ")
spaced = layout(",", ": ")

GO_ESCAPES = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def go_json(value: Json) -> str:
    """Compact JSON as Go's json.Marshal writes it."""
    # Clients that cut lines at every kind of line end rely on the last two of the escapes.
    return compact(value).translate(GO_ESCAPES)


def by_rows(layout: Callable[[Json], str], sorts: bool = False) -> Callable[[Json], str]:
    """A compact layout of a value with thousands of vectors in it, an array at a time.

    json's C code lets no other thread go on until it is done, which takes half a second for
    them all."""

    def one_by_one(value: Json) -> str:
        if isinstance(value, dict):
            names = sorted(value) if sorts else value
            members = [f"{layout(name)}:{one_by_one(value[name])}" for name in names]
            return "{" + ",".join(members) + "}"
        if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
            return "[" + ",".join(map(one_by_one, value)) + "]"
        return layout(value)

    return one_by_one


def indented(value: Json, step: str = "  ", line: str = "\n") -> str:
    """JSON laid out as json.dumps(indent=2) does it."""
    # Several times as fast as that, which yields every token.
    written: List[str] = []
    indent(value, step, line, written.append)
    return "".join(written)


def indent(value: Json, step: str, line: str, write: Callable[[str], None]) -> None:
    """Write a value, indented, behind what is written already."""
    if not value or not isinstance(value, (dict, list)):
        write(compact(value))
        return
    inner = line + step
    between = "," + inner
    if isinstance(value, dict):
        indent_members(value, step, line, write)
    elif NUMBERS.issuperset(map(type, value)):  # a vector, of which there may be thousands
        write("[" + inner + compact(value)[1:-1].replace(",", between) + line + "]")
    else:
        before = "[" + inner
        for item in value:
            write(before)
            indent(item, step, inner, write)
            before = between
        write(line + "]")


def indent_members(
    value: Mapping[str, Json], step: str, line: str, write: Callable[[str], None]
) -> None:
    """Write an object that has members."""
    inner = line + step
    before = "{" + inner
    between = "," + inner
    for key, item in value.items():
        kind = type(item)
        if kind is str:  # with numbers and null most of what there is
            write(f"{before}{quoted(key)}: {quoted(item)}")
        elif kind is int:
            write(f"{before}{quoted(key)}: {item}")
        elif item is None:
            write(f"{before}{quoted(key)}: null")
        else:
            write(f"{before}{quoted(key)}: ")
            if kind is dict and item:
                indent_members(item, step, inner, write)
            else:
                indent(item, step, inner, write)
        before = between
    write(line + "}")


def utf8(text: str) -> bytes:
    """UTF-8; a lone surrogate, which UTF-8 can't hold, stays the JSON escape that it came as."""
    return text.encode("utf-8", "backslashreplace")


def text_of(data: bytes) -> str:
    """The text that bytes are, with replacements for what is no UTF-8.

    Other threads get on between its pieces: a wrong byte takes ten times as long as a right one."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pieces = [decoder.decode(data[at : at + LONG]) for at in range(0, len(data), LONG)]
    return "".join([*pieces, decoder.decode(b"", True)])


def laid_out(value: Json, layout: Callable[[Json], str]) -> bytes:
    """A value as UTF-8; bytes are JSON that is laid out already."""
    if isinstance(value, bytes):
        return value
    return utf8(layout(value))


# --- reading ---


def _integer(digits: str) -> int:
    """An integer of no more digits than there may be."""
    if len(digits) > DIGIT_LIMIT:
        raise ValueError(f"an integer of {len(digits)} digits; at most {DIGIT_LIMIT} are read")
    return int(digits)


LARGE_TEXT = 64 * 1024  # characters
MOST_VALUES = 1_000_000  # in a request's body
# Arrays and objects among them: everybody waits while the collector goes through those that are
# new, a second for a million of them.
MOST_NESTED = 250_000
BLOCK = 64 * 1024  # bytes of it that are looked through at once
SHORT = 8 * 1024  # bytes of JSON that take no time worth mentioning, whatever it holds
MANY_VALUES = 2000


def _number(text: str) -> float:
    """A number that a float can hold."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def _constant(name: str) -> NoReturn:
    """Refuses NaN and Infinity, which Python would read."""
    raise ValueError(f"{name} is not JSON")


class TwiceError(ValueError):
    """A key that stands twice in an object, of which only one would count."""


class Doubled(Dict[str, Json]):
    """An object in which a key stands twice."""

    key = ""


def _object(pairs: List[Tuple[str, Json]]) -> Dict[str, Json]:
    """An object of its members, in whatever number each stands there."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled = Doubled(found)
    seen: Set[str] = set()
    for name, _ in pairs:
        if name in seen:
            doubled.key = name
            break
        seen.add(name)
    return doubled


def check_unique(value: Json) -> None:
    """TwiceError, with its place, for the first key that stands twice."""
    place = place_of_twice(value)
    if place:
        found = shown(place.lstrip("."))
        raise TwiceError(f"{found} stands twice, and only one of them would count")


def place_of_twice(value: Json) -> str:
    """The place of the first key that stands twice; empty if none does."""
    if isinstance(value, Doubled):
        return f".{value.key}"
    members: Iterable[Tuple[Any, Json]]
    if isinstance(value, dict):
        members, step = value.items(), ".{}"
    elif isinstance(value, list):
        members, step = enumerate(value), "[{}]"
    else:
        return ""
    for key, inner in members:
        found = place_of_twice(inner)
        if found:
            return step.format(key) + found
    return ""


NUMBER_READERS: Mapping[str, Any] = {
    "parse_int": _integer,
    "parse_float": _number,
    "parse_constant": _constant,
}
DECODER = json.JSONDecoder(**NUMBER_READERS)
UNIQUE_DECODER = json.JSONDecoder(**NUMBER_READERS, object_pairs_hook=_object)


def parse_json(data: bytes, unique: bool = False) -> Json:
    """The JSON value of UTF-8 bytes.  ValueError says what is wrong, at which line and column; if
    keys are to be `unique`, TwiceError names one that stands twice, and its place."""
    if data.startswith(codecs.BOM_UTF8):
        data = data[3:]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start}") from None
    try:
        value = decoded_json(text, UNIQUE_DECODER if unique else DECODER)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels") from None
    # Whoever opens no more brackets than there may be levels needs no closer look.
    if data.count(b"[") + data.count(b"{") > DEPTH_LIMIT and depth(value) > DEPTH_LIMIT:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels")
    if unique:
        check_unique(value)
    return value


def decoded_json(text: str, decoder: json.JSONDecoder) -> Json:
    """The JSON value of a text."""
    if len(text) < LARGE_TEXT:
        return decoder.decode(text)
    with uncollected():
        return decoder.decode(text)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Keeps the collector from going through millions of new objects again and again, of which none
    can be garbage yet: nothing else runs meanwhile."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def parse_request(data: bytes, unique: bool = False) -> Json:
    """The JSON value of a request's body, which may hold no more than MOST_VALUES values: no
    provider answers so many, and to look at them takes seconds."""
    brackets = data.count(b"[") + data.count(b"{")
    if brackets <= MOST_NESTED and data.count(b",") + brackets <= MOST_VALUES:
        return parse_json(data, unique)
    # To make millions of objects, and to free them, would stop everybody: they are counted before.
    value = None
    is_too_much = announces_more(data, MOST_VALUES, MOST_NESTED)
    if not is_too_much:
        value = parse_json(data, unique)
        is_too_much = holds_more(value, MOST_VALUES)
    if is_too_much:
        most = f"{MOST_VALUES} values, or {MOST_NESTED} arrays and objects"
        raise ValueError(f"it holds more than {most}")
    return value


def takes_long(data: bytes) -> bool:
    """Whether it takes long to read JSON: it is long, or holds many values."""
    if not SHORT < len(data) <= LONG:
        return len(data) > LONG
    return data.count(b",") + data.count(b"[") + data.count(b"{") > MANY_VALUES


def announces_more(data: bytes, most: int, most_nested: int) -> bool:
    """Whether more than so many values begin in JSON, or so many arrays and objects: as many
    commas, or brackets, lie outside of its strings."""
    data = data.replace(b"\\\\", b"").replace(b'\\"', b"")  # no quote ends a string but its last
    commas = brackets = quotes = 0
    for at in range(0, len(data), BLOCK):
        pieces = data[at : at + BLOCK].split(b'"')
        outside = b"".join(pieces[quotes % 2 :: 2])
        quotes += len(pieces) - 1
        commas += outside.count(b",")
        brackets += outside.count(b"[") + outside.count(b"{")
        if commas > most or brackets > most_nested:
            return True
    return False


def holds_more(value: Json, most: int) -> bool:
    """Whether more than so many values lie in a value."""
    level = [value]
    while level and most >= 0:
        most -= len(level)
        level = [inner for outer in level for inner in inner_values(outer)]
    return most < 0


def depth(value: Json) -> int:
    """How many arrays and objects lie inside each other."""
    # Level by level: walking down recursively would meet Python's own limit.
    levels, level = 0, [value]
    while level:
        level = [inner for outer in level for inner in inner_values(outer)]
        levels += 1
    return levels - 1


def inner_values(value: Json) -> Iterable[Json]:
    """What lies in an array or an object; nothing lies in anything else."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list):
        return value
    return ()


def within(value: Json, *names: str) -> Json:
    """What lies inside nested objects, or None where one of them is missing or none."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


# --- kinds ---

KINDS: Mapping[str, Tuple[type, ...]] = {
    "a string": (str,),
    "a boolean": (bool,),
    "an integer": (int,),
    "a number": (int, float),
    "an array": (list,),
    "an object": (dict,),
    "a string or an array": (str, list),
    "a string or an object": (str, dict),
    "an array or an object": (list, dict),
}


def fits(value: Json, expected: str) -> bool:
    """Whether a value is of one of the KINDS; true and false are no numbers."""
    if isinstance(value, bool):
        return bool in KINDS[expected]
    return isinstance(value, KINDS[expected])


# --- values made from values ---


def merged(value: Json, extra: Json) -> Json:
    """`extra` laid over `value`: objects key by key, arrays item by item, anything else
    replaced."""
    if isinstance(value, list) and isinstance(extra, list):
        both = [merged(*pair) for pair in zip(value, extra)]
        return both + value[len(both) :] + extra[len(both) :]
    if not (isinstance(value, dict) and isinstance(extra, Mapping)):
        return extra
    result = dict(value)
    for name, above in extra.items():
        if name in value:
            above = merged(value[name], above)
        result[name] = above
    return result


def sorted_keys(value: Json) -> Json:
    """A JSON value with the keys of every object in order."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [sorted_keys(item) for item in value]
    return value


def copied(value: Json) -> Json:
    """A JSON value of its own."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [copied(inner) for inner in value]
    return value
