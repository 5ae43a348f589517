"""Where a credential stands in a request, and what is said of one that is missing.  Pure."""

from __future__ import annotations

from typing import Tuple

from ..secrets import scheme_key
from ..values import Failure, Request


class Credentialed:
    """What a wire format says of credentials."""

    # Headers, or `?name` for the query, that hold a credential; none where none is asked for.
    credentials: Tuple[str, ...] = ("authorization",)
    schemes: Tuple[str, ...] = ("bearer",)  # of an Authorization header
    refusals = ("no_key", "authentication")  # kinds for a missing and an unusable credential

    def unauthorized(self, request: Request) -> Failure:
        """What the provider says when the credential is missing or can't be one."""
        missing, unusable = self.refusals
        for name in self.credentials:
            if request.headers.get(name, "").strip().lower() not in ("", *self.schemes):
                return Failure(0, "", kind=unusable)
        return Failure(0, "", kind=missing)

    def credential(self, request: Request) -> str:
        """The credential that came with the request, or an empty string."""
        for name in self.credentials:
            if name[0] == "?":
                key = request.query.get(name[1:], "").strip()
            elif name == "authorization":
                key = scheme_key(request.headers.get(name, ""), self.schemes)
            else:
                key = request.headers.get(name, "").strip()
            if key:
                return key
        return ""
