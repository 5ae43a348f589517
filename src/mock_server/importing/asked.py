"""Requests as files tell of them, and what they have to do with a provider.  Pure."""

from __future__ import annotations

from typing import Dict, Iterable, Mapping, Tuple

from ..codings import decoded
from ..errors import Refused
from ..formats.base import WireFormat
from ..http import ABSOLUTE, Head
from ..routing import other_like, route, shape_of
from ..values import ISSUING, Request
from .finds import LARGEST_FILE, Unusable

# Hosts of which every path is an API's, those without a route of ours, too.
API_HOSTS = (
    *("api.openai.com", "api.anthropic.com", "api.mistral.ai", "api.deepseek.com", "api.groq.com"),
    *("api.cohere.com", "api.cohere.ai", "api.together.xyz", "api.voyageai.com", "api.jina.ai"),
    *("generativelanguage.googleapis.com", "aiplatform.googleapis.com"),
)
API_HOST_ENDS = (".openai.azure.com", "-aiplatform.googleapis.com", ".services.ai.azure.com")
BEDROCK_HOSTS = ("bedrock-runtime.", "bedrock-agent-runtime.", "bedrock-mantle.")

UNRELATED = "has nothing to do with a provider"


def request_of(
    method: str, target: str, pairs: Iterable[Tuple[str, str]], body: bytes = b""
) -> Request:
    """A request as the server would get it, of a path or a full URL, and its header lines.

    Refused, if its body is not in the coding that it says."""
    headers = by_lower_name(pairs)
    absolute = ABSOLUTE.match(target)
    if absolute and "host" not in headers:
        headers["host"] = absolute.group().rpartition("/")[2].rpartition("@")[2].lower()
    head = Head(method.upper(), target, 1, headers)
    codings = head.tokens("content-encoding")
    if body and codings and not is_decoded(body):
        body = decoded(body, codings, LARGEST_FILE)
    return Request(head.method, head.path, head.query, headers, body)


def by_lower_name(pairs: Iterable[Tuple[str, str]]) -> Dict[str, str]:
    """Header lines by lower-case name; HTTP/2's own, such as :authority, are none but the host."""
    headers: Dict[str, str] = {}
    for name, value in pairs:
        name = name.strip().lower()
        if name == ":authority":
            name = "host"
        if not name or name.startswith(":"):
            continue
        if name not in headers:
            headers[name] = value.strip()
        elif name != "host":
            separator = "; " if name == "cookie" else ", "
            headers[name] += separator + value.strip()
    return headers


def is_decoded(body: bytes) -> bool:
    """Whether a body is plain, whatever its headers say: tools undo codings and leave those."""
    return body.lstrip()[:1] in (b"{", b"[") or body.startswith((b"data:", b"event:", b": "))


def wire_of(request: Request) -> Tuple[WireFormat, Mapping[str, str]]:
    """Whose API a request is for, and what its path names.  Unusable, if nobody's."""
    try:
        wire, params = route(request)
    except Refused:
        if request.method in ("OPTIONS", "CONNECT") or not is_api_host(request):
            raise Unusable(UNRELATED, is_other=True) from None
        return other_like(shape_of(request)), {}
    if wire.operation in ISSUING:
        raise Unusable("gives out credentials, which are never kept", is_other=True)
    # Any site may have a page /health or /version.
    if wire.operation == "server" and request.method in ("GET", "HEAD"):
        raise Unusable(UNRELATED, is_other=True)
    return wire, params


def is_api_host(request: Request) -> bool:
    """Whether a request went to a host that has nothing but a provider's APIs."""
    host = request.headers.get("host", "").partition(":")[0].lower()
    return host in API_HOSTS or host.endswith(API_HOST_ENDS) or host.startswith(BEDROCK_HOSTS)
