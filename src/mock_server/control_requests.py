"""Control requests: the session that is meant, what the body and the query say.  Touch nothing."""

from __future__ import annotations

import re
from typing import Mapping, NamedTuple

from .errors import MISSING, Refused, WrongValue, shown
from .http import SESSION_RULE, good_session
from .journal import EVERY_SESSION
from .jsons import TwiceError, parse_request
from .limits import Json
from .node import Node, Written
from .values import Request

MOST = 1_000_000  # requests or events that a test may ask for
DIGITS = re.compile("[0-9]{1,9}")


class BadValue(WrongValue):
    """A value in a control request that can't be used."""


class Given(Written):
    """What a control request says, in its body or its query, where all is text."""

    __slots__ = ()
    error = BadValue

    def whole(self, least: int, default: Json = MISSING) -> int:
        """A whole number from `least` to MOST, maybe written as text."""
        number = self
        if self.is_a("a string") and DIGITS.fullmatch(self.value):
            number = Given(int(self.value), self.source, self.parent, self.key, self.value)
        what = f"a whole number from {least} to {MOST}"
        return int(number.integer(what, least, MOST, default))


class ControlRequest(NamedTuple):
    """A request of the control API; `params` are the placeholders of its route."""

    request: Request
    params: Mapping[str, str]

    @property
    def session(self) -> str:
        """The session that is meant: of the query, else of the request; `*` is all."""
        name = self.request.query.get("session", self.request.session)
        if name != EVERY_SESSION and not good_session(name):
            raise Refused(400, f"the session is {shown(name)}, {SESSION_RULE}", code="bad_session")
        return name

    def json(self) -> Json:
        """The body's value."""
        try:
            return parse_request(self.request.body, unique=True)
        except TwiceError as error:
            raise Refused(400, f"the body: {error}", code="bad_json") from None
        except ValueError as error:
            raise Refused(400, f"the body is not JSON: {error}", code="bad_json") from None

    def body(self, *keys: str) -> Given:
        """The body, an object with no other keys; an empty one is one without any."""
        value: Json = {}
        if self.request.body.strip():  # curl -X POST without -d sends none
            value = self.json()
        Node(value, "body").only(keys)
        return Given(value)

    def query(self, *keys: str) -> Given:
        """The query, which has no other keys."""
        value = dict(self.request.query)
        Node(value, "query").only(keys)
        return Given(value)
