"""Which wire format owns a path, and the nearest known path of one that none owns.  Pure."""

from __future__ import annotations

import difflib
import functools
import re
from typing import Mapping, Tuple

from .errors import Refused, shown
from .formats.all import DEFAULT_SHAPE
from .formats.base import COLON, WIRE_FORMATS, WireFormat
from .http import METHODS, unquote
from .values import Request

OWNER_HEADERS = (
    "anthropic-version",
    "user-agent",
    "x-goog-api-key",
    "access-control-request-method",
    "access-control-request-headers",
)


CREDENTIALS = tuple(
    sorted({name for wire in WIRE_FORMATS for name in wire.credentials if name[0] != "?"})
)


ROUTES = tuple((re.compile(route), wire) for wire in WIRE_FORMATS for route in wire.routes)


HEALTH = {"status": "healthy", "service": "mock-provider"}


def readable(route: str) -> str:
    """A route as people write it: the first of its alternatives, groups as {name}."""
    text = re.sub(r"\(\?P<\w+>([\w-]+)\)", r"\1", route.replace(COLON, ":"))
    text = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"{\1}", text)
    text = re.sub(r"\(\?:[^()]*\)\?", "", text)
    return re.sub(r"\(\?:([^|()]*)[^()]*\)", r"\1", text)


PATHS = tuple(
    reversed(
        list(
            {
                readable(route): wire
                for wire in reversed(WIRE_FORMATS)
                for route in reversed(wire.routes)
                if "(?" not in readable(route)
            }.items()
        )
    )
)


Owners = Tuple[Tuple[WireFormat, Mapping[str, str]], ...]


def owners(method: str, path: str) -> Owners:
    """The wire formats with a route for an undecoded path, and the decoded segments that it names."""
    return known_owners(method, path) if len(path) < 512 else new_owners(method, path)


def new_owners(method: str, path: str) -> Owners:
    """The same, looked for."""
    target = ("GET" if method == "HEAD" else method) + " " + path
    found = ((wire, route.fullmatch(target)) for route, wire in ROUTES)
    return tuple(
        (
            wire,
            {name: unquote(text) for name, text in match.groupdict().items() if text is not None},
        )
        for wire, match in found
        if match
    )


known_owners = functools.lru_cache(maxsize=1024)(new_owners)


def route(request: Request) -> Tuple[WireFormat, Mapping[str, str]]:
    """The wire format that owns a request and the segments of its path.  Refused names the nearest path, or the
    methods that this one takes."""
    found = owners(request.method, request.path)
    for wire, params in found:
        if wire.owns(request, params):
            return wire, params
    allowed = allow(request.path)
    if allowed:
        raise Refused(
            405,
            f"{shown(request.path)} takes {allowed}, not {request.method}",
            headers=(("Allow", allowed),),
            code="method_not_allowed",
        )
    near = nearest_path(request.path, request.method)[0]
    raise Refused(
        404,
        f"unknown path {shown(request.path)}; the nearest known one is {near}",
        code="unknown_path",
    )


def allow(path: str) -> str:
    """The methods that a path takes, for an Allow header; empty for an unknown path."""
    found = [
        method
        for method in METHODS
        if method != "OPTIONS"
        and (owners(method, path) or (path == "/" and method in ("GET", "HEAD")))
    ]
    return ", ".join([*found, "OPTIONS"]) if found else ""


def nearest_path(path: str, method: str = "POST") -> Tuple[str, WireFormat, float]:
    """The known path most like one that isn't, of the same method if there is a choice, whose it is, and how alike, up to 1."""
    best = PATHS[0][0], PATHS[0][1], 0.0
    for known, wire in PATHS:
        wanted = difflib.SequenceMatcher(None, known, nameless(f"{method} {path[:300]}", known))
        if (
            wanted.real_quick_ratio() > best[2]
            and wanted.quick_ratio() > best[2]
            and wanted.ratio() > best[2]
        ):
            best = known, wire, wanted.ratio()
    return best


def nameless(path: str, known: str) -> str:
    """A path with {model} and the like where a known path of as many segments has them."""
    given, names = path.replace("%3A", ":").split("/"), known.split("/")
    if len(given) != len(names):
        return path
    named = []
    for segment, name in zip(given, names):
        holder, colon, _ = name.partition(":")
        named.append(
            holder + (colon + segment.rpartition(":")[2] if colon else "")
            if name.startswith("{")
            else segment
        )
    return "/".join(named)


def shape_of(request: Request) -> WireFormat:
    """The wire format in whose shape a request gets an error, whether or not its path is known."""
    if request.path in ("", "/", "*"):
        return DEFAULT_SHAPE
    found = [found for method in ("POST", "GET") for found in owners(method, request.path)]
    for wire, params in found:
        if wire.owns(request, params):
            return wire
    if found:
        return found[0][0]
    _, wire, alike = nearest_path(request.path, request.method)
    return wire if alike > 0.75 else DEFAULT_SHAPE
