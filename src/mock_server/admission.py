"""Who may use the control API.  Touches nothing."""

from __future__ import annotations

import hmac
import re

from .errors import Refused, shown
from .jsons import utf8
from .limits import CONTROL_PREFIX
from .options import Settings
from .secrets import scheme_key, unkeyed
from .values import Request

# An IPv4 address, or an IPv6 address in brackets, as a Host header has them (RFC 9110, 7.2).
NUMERIC_HOST = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]")
PORT_SUFFIX = re.compile(r":\d+$")

# What says nothing of requests but how many there were: probes and Prometheus look at it.
OPEN_TO_ALL = (CONTROL_PREFIX + "/health", CONTROL_PREFIX + "/metrics")
# The inspector itself shows nothing before it has asked for more.  Where there is a token it has to
# be there to ask people for that.
PAGE = (CONTROL_PREFIX, CONTROL_PREFIX + "/")
# What a proxy adds to a request that it passes on (RFC 7239; RFC 9110, 7.6.3; Envoy, "HTTP header
# manipulation"): behind a sidecar everyone's address is loopback.
FORWARDED = re.compile(
    r"forwarded|via|x-real-ip|true-client-ip|(?:x-(?:forwarded|original-forwarded|envoy)-.+)"
    r"|(?:[a-z]+-)+(?:client|connecting)-ip"
)


def is_own_name(host: str, served: str) -> bool:
    """Whether a Host header names this server: loopback, the address that it listens on, or a
    number, which no DNS can rebind."""
    name = PORT_SUFFIX.sub("", host.strip().lower())
    if name in ("", "localhost", served.lower()):
        return True
    return NUMERIC_HOST.fullmatch(name) is not None


def is_on_loopback(peer: str) -> bool:
    """Whether a client's address is this machine's own."""
    # The address of a Unix socket is empty; ::ffff: is IPv4 on an IPv6 socket (RFC 4291, 2.5.5.2).
    return peer in ("::1", "") or peer.startswith(("127.", "::ffff:127."))


def is_token(key: str, token: str) -> bool:
    """Whether a key is the token, if there is one; how long it takes to tell says nothing of it."""
    return bool(token) and hmac.compare_digest(utf8(key), utf8(token))


def is_forwarded(request: Request) -> bool:
    """Whether a proxy says that it passes a request on for somebody else."""
    return any(FORWARDED.fullmatch(name) for name in request.headers)


def check_local(request: Request) -> None:
    """Refuse a client on loopback that does not have the token, where there is one: if it has
    another credential, or is a proxy, whose address says nothing of its client."""
    if request.headers.get("authorization"):
        raise Refused(
            403, "Authorization is not the bearer token of --control-token", code="wrong_token"
        )
    if is_forwarded(request):
        raise Refused(
            403,
            "a request that a proxy has forwarded needs the bearer token of --control-token",
            code="forwarded",
        )


def admit(request: Request, settings: Settings) -> None:
    """Refuse who may not use the control API.

    It is for clients on loopback, and for others that have the token.  A Host or an Origin that is
    not the server's own is refused, so that no web page that somebody happens to look at can use
    it.  Health and metrics are for all, and the empty page, if it is to ask for a token."""
    if request.path in OPEN_TO_ALL or (settings.control_token and request.path in PAGE):
        return
    key = scheme_key(request.headers.get("authorization", ""), ("bearer",))
    has_token = is_token(key, settings.control_token)
    host = request.headers.get("host", "")
    if not has_token and not is_on_loopback(request.peer):
        raise Refused(
            403,
            "the control API answers clients on loopback, and others that send the bearer token "
            "of --control-token",
            code="not_loopback",
        )
    if settings.control_token and not has_token:
        check_local(request)
    if not has_token and not is_own_name(host, settings.host):
        raise Refused(
            403,
            f"Host is {shown(host)}, which is not this server's own name; "
            "use localhost or its address",
            code="foreign_host",
        )
    # A browser says here whose page asks (RFC 6454, 7.3); curl and SDKs send none.
    origin = request.headers.get("origin")
    own_origins = (f"http://{host.lower()}", f"https://{host.lower()}")
    if origin is not None and origin.lower() not in own_origins:
        raise Refused(
            403,
            f"Origin is {shown(unkeyed(origin))}; the control API answers no other origin",
            code="foreign_origin",
        )
