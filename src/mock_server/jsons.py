"""JSON in and out, kinds of JSON values, and ids made from nothing but a seed.  May touch json."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from typing import Mapping, NoReturn, Tuple

from .limits import DEPTH_LIMIT, DIGIT_LIMIT, Json

ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


LOWER = "abcdefghijklmnopqrstuvwxyz"


HEX = "0123456789abcdef"


BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


BASE64URL = ALNUM + "-_"


compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


sorted_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


quoted = json.encoder.encode_basestring


loose = json.JSONEncoder(ensure_ascii=False).encode


spaced = json.JSONEncoder(ensure_ascii=False, separators=(",", ": ")).encode


GO_ESCAPES = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def go_json(value: Json) -> str:
    """Compact JSON as Go's json.Marshal writes it: clients that cut at every kind of line end rely on its escapes."""
    return compact(value).translate(GO_ESCAPES)


def indented(value: Json, step: str = "  ", line: str = "\n") -> str:
    """JSON laid out as json.dumps(indent=2) does it, several times as fast: the json module indents in Python."""
    if isinstance(value, str):
        return quoted(value)
    if value is None or type(value) is int:  # most of what is no text
        return "null" if value is None else str(value)
    if not value or not isinstance(value, (dict, list)):
        return compact(value)
    inner = line + step
    if isinstance(value, dict):
        members = [f"{quoted(key)}: {indented(item, step, inner)}" for key, item in value.items()]
        return "{" + inner + ("," + inner).join(members) + line + "}"
    return (
        "["
        + inner
        + ("," + inner).join([indented(item, step, inner) for item in value])
        + line
        + "]"
    )


def utf8(text: str) -> bytes:
    """UTF-8; a lone surrogate, which UTF-8 can't hold, stays the JSON escape that it came as."""
    return text.encode("utf-8", "backslashreplace")


def _integer(digits: str) -> int:
    if len(digits) > DIGIT_LIMIT:
        raise ValueError(f"an integer of {len(digits)} digits; at most {DIGIT_LIMIT} are read")
    return int(digits)


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_constant)


def parse_json(data: bytes) -> Json:
    """The JSON value of UTF-8 bytes.  ValueError says what is wrong, at which line and column."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start}") from None
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels") from None
    if data.count(b"[") + data.count(b"{") > DEPTH_LIMIT and depth(value) > DEPTH_LIMIT:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels")
    return value


def depth(value: Json) -> int:
    """How many arrays and objects lie inside each other; walks level by level, not recursively."""
    levels, level = 0, [value]
    while level:
        level = [
            inner
            for outer in level
            for inner in (
                outer.values()
                if isinstance(outer, dict)
                else outer
                if isinstance(outer, list)
                else ()
            )
        ]
        levels += 1
    return levels - 1


def rfc3339(second: float) -> str:
    """A Unix second as date and time in UTC, without the Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def merged(value: Json, extra: Json) -> Json:
    """`extra` laid over `value`: objects key by key, anything else replaced."""
    if not (isinstance(value, dict) and isinstance(extra, Mapping)):
        return extra
    return {
        **value,
        **{key: merged(value[key], more) if key in value else more for key, more in extra.items()},
    }


def token(seed: str, length: int, alphabet: str = ALNUM) -> str:
    """`length` characters of `alphabet` that depend on nothing but `seed`."""
    return hashlib.shake_256(utf8(seed)).digest(length).translate(spread(alphabet)).decode()


@functools.lru_cache(maxsize=None)
def spread(alphabet: str) -> bytes:
    """A character of the alphabet for each byte."""
    return bytes(ord(alphabet[byte % len(alphabet)]) for byte in range(256))


def estimate(text: str) -> int:
    """About how many tokens a text has: a quarter of its characters, at least 1."""
    return max(1, (len(text) + 3) // 4)


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


def within(value: Json, *names: str) -> Json:
    """What lies inside nested objects, or None where one of them is missing or none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def sorted_keys(value: Json) -> Json:
    """A JSON value with the keys of every object in order."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(item) for item in value] if isinstance(value, list) else value


def copied(value: Json) -> Json:
    """A JSON value of its own."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


this_second = functools.lru_cache(maxsize=2)(rfc3339)


def timestamp(moment: float) -> str:
    """A Unix time as RFC 3339 with milliseconds."""
    return f"{this_second(int(moment))}.{int(moment * 1000) % 1000:03d}Z"
