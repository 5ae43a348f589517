"""What is answered where no provider has the path and no mock answers: the root, what may be done
with a path, and what is said of the others.  Pure."""

from __future__ import annotations

from typing import Sequence

from .errors import Refused
from .http import METHODS
from .jsons import compact, utf8
from .limits import Headers
from .mocks.near import ALIKE, NearMiss, likeness
from .routing import allow
from .values import HttpResponse, Request

HEALTH = {"status": "healthy", "service": "mock-provider"}
PREFLIGHT = "access-control-request-method"  # what makes an OPTIONS one
# What is answered without any mock: to who looks whether somebody is there, and to a browser that
# wants an icon of each page that it shows.
OWN_PATHS = {
    "/": HttpResponse(200, (("Content-Type", "application/json"),), utf8(compact(HEALTH))),
    "/favicon.ico": HttpResponse(204, (), may_gzip=False),
}


def is_alike(miss: NearMiss) -> bool:
    """Whether a mock may have been meant for what came on a path of no provider."""
    return bool(miss.differences) and likeness(miss.differences[0]) > ALIKE


def with_more(refused: Refused, near: Sequence[NearMiss], hint: str) -> Refused:
    """Why there is no answer on a path of no provider, with the mock that nearly had one, and with
    what else is to be said."""
    message = refused.message
    if near:
        message += f"; the closest mock is {near[0].sentence}"
    message += hint
    return Refused(refused.status, message, code=refused.code, headers=refused.headers)


def options_response(request: Request) -> HttpResponse:
    """What may be done with a path; to a browser's preflight, that it may."""
    allowed = allow(request.path) or ", ".join(METHODS)
    headers: Headers = (("Allow", allowed),)
    if PREFLIGHT in request.headers:
        wanted = request.headers.get("access-control-request-headers", "*")
        headers += (
            ("Access-Control-Allow-Methods", allowed),
            ("Access-Control-Allow-Headers", wanted),
            ("Access-Control-Max-Age", "86400"),  # a day
        )
    return HttpResponse(204, headers, may_gzip=False)
