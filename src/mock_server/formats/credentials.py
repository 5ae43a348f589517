"""Where a credential stands in a request, and what is said of one that is
missing or wrong.  Pure."""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

from ..secrets import scheme_key
from ..values import Failure, Request

WRONG_KEY = Failure(0, "", kind="authentication")


class Credentialed:
    """What a wire format says of credentials."""

    # Headers, or `?name` for the query, that hold a credential; none where none is asked for.
    credentials: Tuple[str, ...] = ("authorization",)
    schemes: Tuple[str, ...] = ("bearer",)  # of an Authorization header
    refusals = ("no_key", "authentication")  # kinds for a missing and an unusable credential
    signed_for = ""  # the service of AWS that a signature is for; empty where nothing is signed
    key_holder = ""  # whose credential it is, where that is neither the provider nor a dialect
    # What is said of a wrong one, by its place, and of a token that has expired, where it is not
    # the usual word for a wrong key.
    wrong_keys: Mapping[str, Failure] = {}
    expired_token: Optional[Failure] = None
    has_bearer_keys = True  # whether a key may come as a bearer token, and not tokens alone

    def unauthorized(self, request: Request) -> Failure:
        """What the provider says when the credential is missing or can't be one."""
        missing, unusable = self.refusals
        for name in self.credentials:
            if request.headers.get(name, "").strip().lower() not in ("", *self.schemes):
                return Failure(0, "", kind=unusable)
        return Failure(0, "", kind=missing)

    def wrong_key(self, place: str, has_expired: bool = False) -> Failure:
        """What the provider says of a credential in this place that is not right."""
        if has_expired and self.expired_token:
            return self.expired_token
        return self.wrong_keys.get(place, WRONG_KEY)

    def badly_signed(self, failure: Failure) -> Failure:
        """What the provider says of a signature, from what most services of AWS say of it."""
        return failure

    def presented(self, request: Request) -> Tuple[str, str]:
        """The place of the credential that came with the request, and the credential; both empty
        for none."""
        for name in self.credentials:
            if name[0] == "?":
                key = request.query.get(name[1:], "").strip()
            elif name == "authorization":
                key = scheme_key(request.headers.get(name, ""), self.schemes)
            else:
                key = request.headers.get(name, "").strip()
            if key:
                return name, key
        return "", ""

    def credential(self, request: Request) -> str:
        """The credential that came with the request, or an empty string."""
        return self.presented(request)[1]
