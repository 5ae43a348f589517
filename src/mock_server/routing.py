"""Which wire format owns a path, and the nearest known path of one that none owns.  Pure."""

from __future__ import annotations

import functools
import re
from typing import Dict, FrozenSet, List, Mapping, Optional, Pattern, Tuple

from .errors import Refused, shown
from .formats.all import DEFAULT_SHAPE
from .formats.base import WIRE_FORMATS, WireFormat
from .formats.dialects import Ports, speaks_dialects, spoken
from .formats.other import Other
from .http import METHODS, unquote
from .limits import DIALECTS
from .records import found_once, record
from .values import Request

# What a template is made of: a placeholder, the brackets of an optional part, or plain text.
PIECE = re.compile(r"\{[^{}]*\}|[\[\]]|[^\[\]{}]+")
COLON = "(?::|%3[Aa])"  # some clients encode the colon before a Google verb
ONE_WORD = re.compile(r"\{\w+=([^{}|]*)\}")  # a placeholder for which only that may stand
NOT_PLAIN = re.compile(r"[\[{:].*[\]}:]|:")  # all that is between two ends of plain text


def placeholder(token: str, following: str) -> str:
    """The pattern of one placeholder; `following` is the text behind it."""
    name = token[1:-1]
    if name == "prefix*":
        return "(?:/.+)?"
    if name.endswith("*"):
        return f"(?P<{name[:-1]}>.+)"
    if "=" in name:
        name, _, choices = name.partition("=")
        return f"(?P<{name}>{choices})"
    if "|" in name:
        return f"(?:{name})"
    if name.endswith(":") or following.startswith(":"):
        return f"(?P<{name.rstrip(':')}>[^/:]+?)"
    return f"(?P<{name}>[^/]+)"


def pattern_of(template: str) -> str:
    """The regular expression of a route's template.

    `{name}` is one segment, `{name:}` one without a colon, `{name*}` all that is left, `{prefix*}`
    any segments or none, `{name=a|b}` and `{a|b}` one of some words, and `[…]` may be left out."""
    parts = []
    tokens = PIECE.findall(template)
    for token, following in zip(tokens, [*tokens[1:], ""]):
        if token == "[":
            parts.append("(?:")
        elif token == "]":
            parts.append(")?")
        elif token.startswith("{"):
            parts.append(placeholder(token, following))
        else:
            parts.append(re.escape(token).replace(":", COLON))
    return "".join(parts)


def readable(template: str) -> str:
    """A template as people write a path: without what may be left out, the first of some words."""
    text = re.sub(r"\[[^\[\]]*\]", "", template)
    return re.sub(r"\{[^{}]*\}", lambda match: readable_token(match.group()), text)


def readable_token(token: str) -> str:
    """One placeholder as people write it: `{name}`, or the first word that may stand there, unless
    any may."""
    name, _, choices = token[1:-1].rpartition("=")
    if name and "+" in choices.split("|"):  # what is left of [^/]+
        return "{" + name + "}"
    if name or "|" in choices:
        return choices.split("|")[0]
    return "{" + choices.rstrip(":*") + "}"


@record
class Route:
    """One template; `anywhere` says that it takes any prefix, `start` and `end` are the plain text
    around its placeholders."""

    method: str
    template: str
    wire: WireFormat
    anywhere: bool
    start: str
    end: str

    @found_once
    def pattern(self) -> Pattern[str]:
        """Its regular expression, compiled when it is first needed: most never are."""
        return re.compile(pattern_of(self.template))

    def match(self, path: str) -> Optional["re.Match[str]"]:
        """What its placeholders find in a path, if that is one of its own."""
        if path.startswith(self.start) and path.endswith(self.end):
            return self.pattern.fullmatch(path)
        return None

    @property
    def rank(self) -> Tuple[bool, int]:
        """Sorts what is specific before what is general: a template with more plain text is."""
        plain = re.sub(r"\[[^\[\]]*\]|\{[^{}=|]*\}", "", self.template)
        return self.anywhere, -len(plain)


def all_routes() -> Tuple[Route, ...]:
    """The routes of all wire formats, specific ones before catch-alls."""
    found = []
    for wire in WIRE_FORMATS:
        if wire.dialect not in ("", "openai") and speaks_dialects(wire):
            continue  # it comes in on the paths of OpenAI's format
        for route in wire.routes:
            method, _, template = route.partition(" ")
            anywhere = template.startswith("{prefix*}")
            ends = NOT_PLAIN.split(ONE_WORD.sub(r"\1", template))
            found.append(Route(method, template, wire, anywhere, ends[0], ends[-1]))
    return tuple(sorted(found, key=lambda route: route.rank))


NO_PORTS: Ports = {}
LONG_PATH = 512  # longer ones are not kept: a client could fill the memory with them
ROUTES = all_routes()


@functools.lru_cache(maxsize=None)
def strangers(host: str) -> FrozenSet[str]:
    """The other providers whose APIs a provider has in forms of its own: in its area a path that
    is like one of theirs is a wrong one of its own.  Without a host there are none."""
    own = [wire for wire in WIRE_FORMATS if wire.provider == host]
    found = {
        other.provider for other in WIRE_FORMATS for wire in own if isinstance(wire, type(other))
    }
    return frozenset(found - {host})


AREAS = {start: wire.provider for wire in WIRE_FORMATS for start in wire.area}


@functools.lru_cache(maxsize=None)
def known_paths() -> Dict[str, WireFormat]:
    """What a wrong path is compared with: `POST /v1/chat/completions` and the like, and whose it
    is."""
    found: Dict[str, WireFormat] = {}
    for wire in WIRE_FORMATS:
        for route in wire.routes:
            # Whatever is short is near to the root.
            if "{prefix*}" not in route and not route.endswith(" /"):
                found.setdefault(readable(route), wire)
    return found


NEAR_PATH = 0.6  # from here on a path is told as the one that may have been meant
TYPO = 0.8  # from here on it is taken for what was meant; short paths of one prefix come near it
PATH_ROOM = 150  # characters of a wrong path that are compared
LIKELY_PATHS = 5  # with so many known ones
EQUAL = 0.001  # by how little paths are as near, of which one has a placeholder for a word


@functools.lru_cache(maxsize=None)
def known_pairs() -> Tuple[Tuple[str, WireFormat, FrozenSet[str]], ...]:
    """The same paths, with the letters that follow each other in each, but for its placeholders."""
    return tuple(
        (known, wire, pairs_of(re.sub(r"\{[^{}]*\}", "", known)))
        for known, wire in known_paths().items()
    )


Owners = Tuple[Tuple[WireFormat, Mapping[str, str]], ...]


def owners(method: str, path: str) -> Owners:
    """The wire formats with a route for an undecoded path, most specific first, and the decoded
    segments that it names."""
    if len(path) < LONG_PATH:
        return known_owners(method, path)
    return new_owners(method, path)


def new_owners(method: str, path: str) -> Owners:
    """The same, looked for."""
    method = "GET" if method == "HEAD" else method  # RFC 9110, 9.3.2
    # A catch-all of OpenAI's must not take a path that begins as Azure's do.
    host = next((host for start, host in AREAS.items() if path.startswith(start)), "")
    barred = strangers(host)
    found: List[Tuple[WireFormat, Mapping[str, str]]] = []
    for route in ROUTES:
        if route.method != method or (route.anywhere and route.wire.provider in barred):
            continue
        match = route.match(path)
        if match and route.wire not in (wire for wire, _ in found):
            given = {name: unquote(text) for name, text in match.groupdict().items() if text}
            found.append((route.wire, given))
    return tuple(found)


known_owners = functools.lru_cache(maxsize=1024)(new_owners)


def route(request: Request, ports: Ports = NO_PORTS) -> Tuple[WireFormat, Mapping[str, str]]:
    """The wire format that owns a request, in its dialect, and the segments of its path.  Refused
    names the nearest path, or the methods that this one takes."""
    found = owners(request.method, request.path)
    for wire, params in found:
        if wire.owns(request, params):
            return spoken(wire, request, ports), params
    allowed = allow(request.path)
    # A method of a shared path, which nobody answers to this request, is not one of it.
    if allowed and request.method not in allowed.split(", "):
        raise Refused(
            405,
            f"{shown(request.path)} takes {allowed}, not {request.method}",
            headers=(("Allow", allowed),),
            code="method_not_allowed",
        )
    near, _, alike = nearest_path(request.path, request.method)
    hint = "a mock whose match names this path would answer"
    if alike > NEAR_PATH:
        hint = f"the nearest known one is {near}; {hint}"
    message = f"unknown path {shown(request.path)}; {hint}"
    raise Refused(404, message, code="unknown_path")


@functools.lru_cache(maxsize=None)
def other_like(shape: WireFormat) -> Other:
    """What a mock says on a path of no provider, with errors in this shape."""
    return Other(shape)


def allow(path: str) -> str:
    """The methods that a path takes, for an Allow header; empty for an unknown path."""
    if path == "/":
        return "GET, HEAD, OPTIONS"
    found = [method for method in METHODS if method != "OPTIONS" and owners(method, path)]
    if not found:
        return ""
    return ", ".join([*found, "OPTIONS"])


def nearest_path(path: str, method: str) -> Tuple[str, WireFormat, float]:
    """The known path most like one that isn't, of the same method if there is a choice, whose it
    is, and how alike, up to 1."""
    first, slash, rest = path[1:].partition("/")
    # Behind the name of a dialect; what begins with /openai is Azure's.
    if slash and first in DIALECTS and first != "openai":
        path = "/" + rest
    return nearest_known(f"{method} {path[:PATH_ROOM]}")


@functools.lru_cache(maxsize=256)
def nearest_known(asked: str) -> Tuple[str, WireFormat, float]:
    """The same of a method and the beginning of a path."""
    import difflib

    pairs, paths = pairs_of(asked), known_pairs()

    def shared(at: int) -> float:
        """The share of its pairs of letters that a known path has in common with what came."""
        own = paths[at][2]
        return len(pairs & own) / (len(own) + len(pairs))

    # difflib takes its time: it is asked about the few that share most with what came.
    likely = sorted(range(len(paths)), key=shared)[-LIKELY_PATHS:]
    # Of equals the one that says most itself is told, not one that takes anything there.
    likely.sort(key=lambda at: (paths[at][0].count("{"), at))
    best = paths[0][0], paths[0][1], 0.0
    for known, wire, _ in [paths[at] for at in likely]:
        alike = difflib.SequenceMatcher(None, known, with_placeholders(asked, known))
        # The quick ratios are upper bounds, and cheap.
        bounds = (alike.real_quick_ratio, alike.quick_ratio, alike.ratio)
        if all(bound() > best[2] + EQUAL for bound in bounds):
            best = known, wire, alike.ratio()
    return best


def pairs_of(path: str) -> FrozenSet[str]:
    """The letters that follow each other in a path."""
    return frozenset(path[at : at + 2] for at in range(len(path) - 1))


def with_placeholders(path: str, known: str) -> str:
    """A path with {model} and the like where a known path of as many segments has them."""
    segments = path.replace("%3A", ":").split("/")
    known_segments = known.split("/")
    if len(segments) != len(known_segments):
        return path
    found = []
    for segment, known_segment in zip(segments, known_segments):
        if known_segment.startswith("{"):
            holder, colon, _ = known_segment.partition(":")
            if colon:
                holder += colon + segment.rpartition(":")[2]
            segment = holder
        found.append(segment)
    return "/".join(found)


def shape_of(request: Request, ports: Ports = NO_PORTS) -> WireFormat:
    """The wire format in whose shape a request gets an error, whether or not its path is known."""
    return spoken(plain_shape(request), request, ports)


def plain_shape(request: Request) -> WireFormat:
    """The same, whatever the dialect is."""
    if request.path in ("", "/", "*"):
        return DEFAULT_SHAPE
    # Whatever the method is: it may be the wrong one.
    found = [owner for method in ("POST", "GET", "PUT") for owner in owners(method, request.path)]
    for wire, params in found:
        if wire.owns(request, params):
            return wire
    if found:
        return found[0][0]
    _, wire, alike = nearest_path(request.path, request.method)
    # A typo in a path gets the shape of the provider that was meant.
    if alike > TYPO:
        return wire
    return DEFAULT_SHAPE
