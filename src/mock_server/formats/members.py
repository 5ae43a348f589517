"""Objects whose members and ids whose shapes are data: what dialects differ in.  Pure."""

from __future__ import annotations

from typing import Dict, Mapping

from ..ids import ALNUM, BASE64URL, HEX, LOWER, LOWER_ALNUM
from ..limits import Json
from ..values import Call
from .base import uuid

ALPHABETS: Mapping[str, str] = {
    "alnum": ALNUM,
    "lower_alnum": LOWER_ALNUM,
    "lower": LOWER,
    "hex": HEX,
    "digits": "0123456789",
    "base64url": BASE64URL,
}


class Drawn:
    """Characters of an alphabet that a request always gets, as many as a shape says."""

    def __init__(self, call: Call, label: str, alphabet: str) -> None:
        self.call, self.label, self.alphabet = call, label, alphabet

    def __format__(self, length: str) -> str:
        return self.call.token(self.label, int(length), self.alphabet)


class DrawnUUID:
    """The same of a UUID."""

    def __init__(self, call: Call, label: str) -> None:
        self.call, self.label = call, label

    def __format__(self, nothing: str) -> str:
        return uuid(self.call, self.label)


def drawn(shape: str, call: Call, label: str = "", number: int = 0) -> str:
    """What a request always gets, in a shape such as `chatcmpl-{hex:16}`, `{uuid}` or
    `gen-{second}-{alnum:20}`; `label` tells ids of one shape apart, `number` counts them."""
    label = label or shape  # so that a header has the id that the body has
    alphabets = {name: Drawn(call, label, letters) for name, letters in ALPHABETS.items()}
    return shape.format(second=call.second, number=number, uuid=DrawnUUID(call, label), **alphabets)


class Members:
    """The members of an object, in order.  One without a value is null, or left out if there is a
    `?` behind its name."""

    def __init__(self, names: str) -> None:
        self.names = [(name.rstrip("?"), name.endswith("?")) for name in names.split()]

    def of(self, values: Mapping[str, Json]) -> Dict[str, Json]:
        """The object with these values; those that it has no member for are not in it."""
        return {
            name: values.get(name)
            for name, may_lack in self.names
            if not may_lack or values.get(name) is not None
        }
