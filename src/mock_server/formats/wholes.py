"""Whole answers, in JSON or not, and how they are laid out.  Pure."""

from __future__ import annotations

from typing import Callable

from ..jsons import compact, utf8
from ..limits import Json
from ..values import Call, Reply


class WholeAnswers:
    """How a wire format writes an answer in one piece."""

    layout: Callable[..., str] = staticmethod(compact)
    ending = ""
    json_type = "application/json"

    def whole(self, call: Call, reply: Reply) -> Json:
        """The whole answer, or the bytes of one that is no JSON."""
        raise NotImplementedError

    def whole_type(self, call: Call) -> str:
        """The Content-Type of the whole answer to a call."""
        return self.json_type

    def encode(self, value: Json) -> bytes:
        """A whole body in the provider's layout; bytes have none."""
        if isinstance(value, bytes):
            return value
        return utf8(self.layout(value) + self.ending)

    def adapted(self, call: Call, body: bytes) -> bytes:
        """A recorded body in the encoding that this request asks for."""
        return body
