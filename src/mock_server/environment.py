"""The environment: variables of options, and those that only look like them.  Touches nothing."""

from __future__ import annotations

import re
from typing import Dict, Iterable, List, Mapping

from .errors import nearest
from .options import OPTIONS

PREFIX = "MOCK_SERVER_"

# What is set in each container beside a service called mock-server, or mock-server-more
# (Kubernetes, "Discovering services"; Docker's links are their model).
LINK = re.compile(
    r"MOCK_SERVER_(?:\w+_)?"
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
LINK_PORT = re.compile(r"MOCK_SERVER_(?:\w+_)?PORT")  # which may be an option's, but for its value
LINK_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://")


def is_service_link(name: str, value: str) -> bool:
    """Whether a variable is set for a service of that name, not for this server."""
    if LINK.fullmatch(name):
        return True
    return bool(LINK_PORT.fullmatch(name) and LINK_ADDRESS.match(value))


def without_links(environment: Mapping[str, str]) -> Dict[str, str]:
    """The variables of options, without what a service link has put there."""
    found = {}
    for option in OPTIONS:
        value = environment.get(option.variable, "")
        if not is_service_link(option.variable, value):
            found[option.variable] = value
    return found


def passed_over(environment: Mapping[str, str]) -> List[str]:
    """Lines about variables that look like options and are not: service links, and others."""
    known = [option.variable for option in OPTIONS]
    links, lines = [], []
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or not value:
            continue
        if is_service_link(name, value):
            links.append(name)
        elif name not in known:
            lines.append(f"{name} in the environment is no option; {meant_variable(name, known)}")
    if links:
        lines.insert(0, f"service links in the environment are passed over: {', '.join(links)}")
    return lines


def meant_variable(name: str, known: Iterable[str]) -> str:
    """What may be meant by a variable that is no option."""
    # Without what they all begin with, for which any would be near.
    hint = nearest(name[len(PREFIX) :], [one[len(PREFIX) :] for one in known])
    return hint.replace(' "', f' "{PREFIX}').replace("known: ", f"known after {PREFIX}: ")
