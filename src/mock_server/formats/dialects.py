"""Dialects of OpenAI's format: which one a request is in, and the wire format that speaks it.

Pure.
"""

from __future__ import annotations

import functools
from typing import Dict, FrozenSet, Iterator, Mapping, Tuple, Type

from ..jsons import by_rows
from ..limits import DIALECTS
from ..values import Embedding, Request
from .base import WIRE_FORMATS, WireFormat
from .openai import OpenAI

NAMES = frozenset(DIALECTS)
Ports = Mapping[int, str]  # the dialect that a port speaks, where it is told

# Where they are at home, for gateways that keep the Host (from the providers' documentation).
HOSTS: Mapping[str, str] = {
    "api.openai.com": "openai",
    "api.mistral.ai": "mistral",
    "codestral.mistral.ai": "mistral",
    "openrouter.ai": "openrouter",
    "eu.openrouter.ai": "openrouter",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "generativelanguage.googleapis.com": "gemini",
    "ollama.com": "ollama",
}
# Bedrock's hosts name a region: bedrock-runtime.us-east-1.amazonaws.com.
BEDROCK_STARTS = ("bedrock-runtime.", "bedrock-mantle.")

# How the clients of a provider begin to call themselves; other SDKs speak to anybody.
AGENTS: Mapping[str, str] = {
    "mistral-client": "mistral",
    "groq/": "groq",  # Groq/Python 1.7.0, Groq/JS
    "asyncgroq/": "groq",
}
# OpenRouter's own begin as those of all whose SDKs one generator makes.
GENERATED = "speakeasy-sdk/"
OPENROUTER_ENDS = (" openrouter", "@openrouter/sdk")

AZURE_SHARED = "/openai/v1/"  # Azure's at the root, and Groq's and Bedrock's (short facts)
AZURE_SHARES = (AZURE_SHARED, "/openai[/v1]/")  # as they stand in routes


@functools.lru_cache(maxsize=None)
def speaks_dialects(wire: WireFormat) -> bool:
    """Whether other hosts have an API, too, in dialects of their own."""
    if wire.provider == "openai":
        return wire.api in plain_formats()
    if wire.provider != "azure":
        return False
    return any(form in route for route in wire.routes for form in AZURE_SHARES)


def shares_path(wire: WireFormat, request: Request) -> bool:
    """Whether a request to such an API is on a path that hosts of other dialects have."""
    return wire.provider == "openai" or request.path.startswith(AZURE_SHARED)


@functools.lru_cache(maxsize=None)
def plain_formats() -> Dict[str, WireFormat]:
    """OpenAI's own formats, by API."""
    found: Dict[str, WireFormat] = {}
    for wire in WIRE_FORMATS:
        if wire.provider == "openai" and wire.dialect == "openai":
            found.setdefault(wire.api, wire)
    return found


@functools.lru_cache(maxsize=None)
def own_formats() -> Dict[Tuple[str, str], WireFormat]:
    """The formats that a dialect has of its own, by dialect and API."""
    found: Dict[Tuple[str, str], WireFormat] = {}
    for wire in WIRE_FORMATS:
        if wire.provider == "openai":
            found.setdefault((wire.dialect, wire.api), wire)
    return found


def subclasses_of(kind: Type[OpenAI]) -> Iterator[Type[OpenAI]]:
    """All subclasses of a class."""
    for one in kind.__subclasses__():
        yield one
        yield from subclasses_of(one)


@functools.lru_cache(maxsize=None)
def hosts() -> Dict[str, Type[OpenAI]]:
    """What all APIs of a host share, by the dialect that it speaks: its errors and headers."""
    # Defined as the host of a dialect, not as one of its APIs.
    kinds = [kind for kind in subclasses_of(OpenAI) if "dialect" in vars(kind) and not kind.api]
    return {kind.dialect: kind for kind in kinds if kind.dialect not in ("", "openai")}


@functools.lru_cache(maxsize=None)
def in_dialect(wire: WireFormat, name: str) -> WireFormat:
    """The format of an API that others share, in a dialect.  Where that says the API itself as
    OpenAI does, it is OpenAI's with the errors and headers of the host."""
    found = own_formats().get((name, wire.api))
    if found is None:
        plain = type(plain_formats()[wire.api])
        shared: Tuple[Type[WireFormat], ...] = (plain,)
        members: Dict[str, object] = {"dialect": name}
        if name in hosts():
            shared = (hosts()[name], plain)
            # Thousands of vectors at once would stop all others.
            if Embedding in wire.speaks:
                members["layout"] = staticmethod(by_rows(hosts()[name].layout))
        made: Type[WireFormat] = type(name + plain.__name__, shared, members)
        found = made()
    return found


@functools.lru_cache(maxsize=None)
def dialects_of(wire: WireFormat) -> FrozenSet[str]:
    """The dialects for which a registered format stands: its own, and of OpenAI's formats also
    those that differ in errors and headers alone."""
    if not wire.dialect:
        return frozenset()
    if plain_formats().get(wire.api) is not wire:
        return frozenset((wire.dialect,))
    own = {name for name, api in own_formats() if api == wire.api}
    return frozenset(DIALECTS) - own | {wire.dialect}


def dialect_of(request: Request, ports: Ports) -> str:
    """The dialect that a request is in, or nothing where it says none: by its port, the first
    segment of its path, its Host, its client."""
    if request.port in ports:
        return ports[request.port]
    first = request.path[1:].partition("/")[0]
    # Azure has a path that begins so.
    if first in NAMES and not request.path.startswith(AZURE_SHARED):
        return first
    headers = request.headers
    return dialect_of_names(headers.get("host", ""), headers.get("user-agent", ""))


@functools.lru_cache(maxsize=32)  # few clients speak at a time; what they say may be long
def dialect_of_names(host: str, agent: str) -> str:
    """The same by Host and, where nobody is at home there, by what a client calls itself."""
    host, agent = host.partition(":")[0].lower(), agent.lower()
    if host.startswith(BEDROCK_STARTS):
        return "bedrock"
    if agent.startswith(GENERATED) and agent.endswith(OPENROUTER_ENDS):
        return HOSTS.get(host, "openrouter")
    own = next((name for start, name in AGENTS.items() if agent.startswith(start)), "")
    return HOSTS.get(host, own)


def spoken(wire: WireFormat, request: Request, ports: Ports) -> WireFormat:
    """The format in which a request to an API is read and answered."""
    if not speaks_dialects(wire) or not shares_path(wire, request):
        return wire  # and no header is looked at: a remembered answer depends on those that were
    name = dialect_of(request, ports)
    if not name:
        return wire
    return in_dialect(wire, name)


def respoken(wire: WireFormat, request: Request, name: str) -> WireFormat:
    """The format in which a mock answers that names a dialect; as it is where there are none."""
    if not speaks_dialects(wire) or not shares_path(wire, request):
        return wire
    return in_dialect(wire, name)
