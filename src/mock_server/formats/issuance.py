"""What token endpoints share: forms that are read as fields, how long a token holds, assertions.

Pure: the session's issuer knows the time."""

from __future__ import annotations

import re
from typing import Any, Dict, FrozenSet, Mapping, NamedTuple, Optional, Tuple

from ..forms import plain_form_of
from ..http import unquote
from ..issuing import Issuer, from_base64url
from ..jsons import merged, parse_request, text_of, within
from ..limits import Json
from ..outcomes import Usually
from ..records import replace
from ..secrets import scheme_key
from ..state import State
from ..values import Call, Failure, Reply, Request, Text
from .base import WireFormat
from .mute import Mute

LIFE = "expires_in"  # the member of `extra` that says for how many seconds a token holds
LONGEST_CLAIM = 500  # characters: a token stands in a header
LONGEST_LIFE = 10 * 365 * 86400  # seconds; more is none
FAR_SECOND = 10**15  # what is further away is no time of any clock
NOBODY = Issuer(b"", float)  # who issues where nothing is answered yet, at second 0
JWT = r"[a-zA-Z0-9_-]+(?:\.[a-zA-Z0-9_-]+){2}"


class Grant(NamedTuple):
    """A token that is issued, and when it expires."""

    token: str
    now: int
    expires: int

    @property
    def life(self) -> int:
        """The seconds from now on until it expires."""
        return self.expires - self.now


class Issuing(WireFormat):
    """An API that issues tokens, which are right for the APIs of its provider as long as they say.

    A mock may say a token of its own as `text`, and with `expires_in` in `extra` how long one
    holds, also where the API has another word for that."""

    operation = "token"
    credentials: Tuple[str, ...] = ()
    needs_mock = False
    is_stateful = True  # the next token is another
    hides_body = True
    speaks: FrozenSet[Any] = frozenset((Text,))
    usual_life = 3600

    def informed(self, call: Call, state: State) -> Call:
        """With who issues what it asks for."""
        return replace(call, issuer=state.issuer)

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """Why nothing is issued, or its answer."""
        return self.refusal(call)

    def refusal(self, call: Call) -> Optional[Failure]:
        """Why nothing is issued to a request, if it is not."""
        return None

    def asked_life(self, call: Call) -> int:
        """For how many seconds a token is to hold, as a request has it."""
        return self.usual_life

    def grant(self, call: Call, reply: Reply, **claims: Json) -> Grant:
        """A token with such claims; that of a mock is sent as it is."""
        issuer = issuer_of(call)
        now = issuer.now()
        life = given_life(reply.extra)
        expires = now + (self.asked_life(call) if life is None else life)
        token = reply.text(Text) or issuer.token(self.provider, expires, **claims)
        return Grant(token, now, expires)

    def extended(self, call: Call, value: Json, extra: Mapping[str, Json]) -> Json:
        """The answer with what a mock lays over it, in which the life of the token stands."""
        if given_life(extra) is not None:
            extra = {name: value for name, value in extra.items() if name != LIFE}
        return merged(value, extra)


class TokenEndpoint(Issuing, Mute):
    """One that is asked by a form, or by GET."""

    takes_body = False  # it is read here, whatever it is
    takes_query = False  # whether the query stands for a form where there is none

    def read(self, request: Request, params: Mapping[str, str], body: Json) -> Call:
        """The request with the fields of its form for a body."""
        names = self.provider, self.operation, self.api, ""
        fields: Json = None
        if request.method == "POST":
            fields = {**basic_client(request), **form_fields(request)}
        elif self.takes_query:
            fields = dict(request.query)
        return Call(request, *names, params=params, body=fields)


def form_fields(request: Request) -> Dict[str, Json]:
    """The fields that a request has in a form, or in a JSON object."""
    kind = request.headers.get("content-type", "")
    form = plain_form_of(kind, request.body)
    if form is not None:
        return form
    try:
        value = request.json
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def basic_client(request: Request) -> Dict[str, Json]:
    """The client that a request names in its head in place of its form (RFC 6749, 2.3.1): so Go's
    oauth2 does first."""
    key = scheme_key(request.headers.get("authorization", ""), ("basic",))
    client, colon, secret = text_of(from_base64url(key)).partition(":")
    if not colon:
        return {}
    return {"client_id": unquote(client), "client_secret": unquote(secret)}


def field_text(call: Call, name: str) -> str:
    """A field of a request; empty, too, for one that is no text."""
    value = within(call.body, name)
    return value if isinstance(value, str) else ""


def issuer_of(call: Call) -> Issuer:
    """Who issues what a call asks for."""
    return call.issuer or NOBODY


def given_life(extra: Mapping[str, Json]) -> Optional[int]:
    """For how many seconds a token holds by what a mock says, if it says it."""
    life = extra.get(LIFE)
    if type(life) is int and abs(life) <= LONGEST_LIFE:
        return life
    return None


def short(text: Json) -> str:
    """A text as a claim has room for it."""
    return str(text)[:LONGEST_CLAIM]


# --- assertions ---


class Assertion(NamedTuple):
    """A JWT as it can be read without the key that signed it."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    def second(self, name: str) -> Optional[float]:
        """A claim that is a Unix second, in digits at least; None for any other."""
        value = self.claims.get(name)
        if isinstance(value, str) and value.isdecimal() and len(value) < 16:
            return int(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return min(max(value, -FAR_SECOND), FAR_SECOND)
        return None

    def text(self, name: str) -> str:
        """A claim that is a text; empty for any other."""
        value = self.claims.get(name)
        return value if isinstance(value, str) else ""


def read_assertion(text: str) -> Optional[Assertion]:
    """What a JWT says; None for what is none."""
    text = text.strip()  # it may come from a file
    if not re.fullmatch(JWT, text):
        return None
    try:
        header, claims = [parse_request(from_base64url(part)) for part in text.split(".")[:2]]
    except ValueError:
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    return Assertion(header, claims)
