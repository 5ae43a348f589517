"""Ids and draws from nothing but a seed, moments as text, and about how many tokens a text has.

Touches nothing."""

from __future__ import annotations

import functools
import hashlib
import time

from .jsons import utf8

# Alphabets of ids (wire formats, 2.4).
ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
LOWER = "abcdefghijklmnopqrstuvwxyz"
LOWER_ALNUM = LOWER + "0123456789"
HEX = "0123456789abcdef"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE64URL = ALNUM + "-_"


def share(seed: str) -> float:
    """A number from 0 to 1, but for 1, which a seed always gets."""
    # A digest, not random: the same seed draws the same on every machine.
    digest = hashlib.sha256(seed.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def token(seed: str, length: int, alphabet: str = ALNUM) -> str:
    """`length` characters of `alphabet` that depend on nothing but `seed`."""
    return hashlib.shake_256(utf8(seed)).digest(length).translate(spread(alphabet)).decode()


@functools.lru_cache(maxsize=None)
def spread(alphabet: str) -> bytes:
    """A character of the alphabet for each byte."""
    return bytes(ord(alphabet[byte % len(alphabet)]) for byte in range(256))


def rfc3339(second: float) -> str:
    """A Unix second as date and time in UTC, without the Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


this_second = functools.lru_cache(maxsize=2)(rfc3339)


def timestamp(moment: float) -> str:
    """A Unix time as RFC 3339 with milliseconds."""
    return f"{this_second(int(moment))}.{int(moment * 1000) % 1000:03d}Z"


def estimate(text: str) -> int:
    """About how many tokens a text has: a quarter of its characters, at least 1."""
    return max(1, (len(text) + 3) // 4)
