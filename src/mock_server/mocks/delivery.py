"""How an answer of a mock travels, from its JSON: headers, pauses, cuts and faults.  Pure."""

from __future__ import annotations

import math
import re
from typing import Mapping, Optional, Tuple, cast

from ..faults import FAULTS
from ..http import FRAMING_HEADERS, HEADER_NAME
from ..jsons import quoted
from ..node import Node
from ..plans import WIRE_PLANS
from ..records import field_names
from ..values import Delivery, Fault, Pace, Plan

FAULT_KEYS = ("fault", "probability")

DELIVERY_KEYS = ("headers", "delay", "pace", "gzip", "wire", "gate")

GZIP_CHOICES = ("auto", "always", "never")

PACE_KEYS = ("first", "between", "tokens_per_second", "jitter")

PLAN_KEYS = field_names(Plan)

# The words that a key of a wire plan takes.
PLAN_WORDS: Mapping[str, Tuple[str, ...]] = {
    "split": ("utf8", "eol"),
    "eol": ("\n", "\r\n", "\r"),
    "gzip": ("event", "block", "members"),
}

PLAN_FLAGS = ("comments", "no_space", "chunk_extensions", "trailers")

NOT_IN_A_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")  # RFC 9110, 5.5


def parse_delivery(response: Node) -> Delivery:
    """How a response travels."""
    # Most responses say nothing of it: thousands of them are read at start.
    if response.value.keys().isdisjoint((*DELIVERY_KEYS, *FAULT_KEYS)):
        return Delivery()
    return Delivery(
        response.get("delay").seconds(0),
        parse_pace(response.get("pace")),
        response.get("gzip").choice(GZIP_CHOICES, "auto"),
        parse_headers(response.get("headers")),
        response.get("gate").flag(False),
        parse_plan(response.get("wire")),
        parse_fault(response),
    )


def parse_pace(node: Node) -> Optional[Pace]:
    """A pace: seconds between events, or an object."""
    if node.is_null:
        return None
    if not isinstance(node.value, dict):
        return Pace(between=node.seconds())
    node.only(PACE_KEYS)
    rate = node.get("tokens_per_second")
    if rate.is_absent:
        between = node.get("between").seconds(0)
    elif "between" in node.value:
        node.fail("has both between and tokens_per_second, which say the same; keep one")
    else:
        # A token is an event.
        between = 1 / rate.number("a number, at least one an hour", 1 / 3600, 1e9)
    jitter = node.get("jitter").number("a share of the pause from 0 to 1", 0, 1, 0)
    return Pace(node.get("first").seconds(0), between, float(jitter))


def parse_headers(node: Node) -> Tuple[Tuple[str, Optional[str]], ...]:
    """Response headers: text, numbers, or null for "leave it out"."""
    # A mock may even take out what the provider always sends.
    return tuple((name, parse_header(name, value)) for name, value in node.members())


def parse_header(name: str, node: Node) -> Optional[str]:
    """The value of one response header."""
    if not HEADER_NAME.fullmatch(name):
        node.fail("is not a header name")
    if name.lower() in FRAMING_HEADERS:
        node.fail("is set by the server, because it must be true of what is sent")
    if node.value is None:
        return None
    if not node.is_a("a string") and not node.is_a("a number"):
        node.expected("a string, a number or null")
    text = str(node.value)
    if NOT_IN_A_HEADER.search(text):
        node.fail("holds a character that no header can carry")
    return text


def parse_plan(node: Node) -> Plan:
    """A wire plan: the name of one, or an object."""
    if node.is_absent:
        return Plan()
    if isinstance(node.value, str):
        return WIRE_PLANS[node.choice(WIRE_PLANS)]
    node.only(PLAN_KEYS)
    for key, words in PLAN_WORDS.items():
        check_word(node.get(key), words)
    for key in PLAN_FLAGS:
        node.get(key).flag(False)
    node.get("coalesce").integer("a number of events", 1, math.inf, 0)
    return Plan(**node.value)


def check_word(node: Node, words: Tuple[str, ...]) -> None:
    """Raise BadMock for what a key of a wire plan does not take."""
    if node.is_absent or node.value in words:
        return
    what = " or ".join(map(quoted, words))
    if node.key == "split":
        if node.is_a("an integer") and node.value > 0:
            return
        what = "a number of bytes, " + what
    node.expected(what)


def parse_fault(response: Node) -> Optional[Fault]:
    """How a response breaks."""
    fault, probability = response.get("fault"), response.get("probability")
    if fault.is_absent:
        is_error = "error" in response.value or response.value.get("status", 200) >= 400
        if not probability.is_absent and not is_error:
            probability.fail("is how likely a fault or an error is, but there is neither")
        return None
    kind = fault.choice(FAULTS)
    after = None
    if not response.get("after_events").is_absent:
        after = parse_after(response)
    return Fault(kind, after, parse_probability(response))


def parse_probability(response: Node) -> float:
    """How likely the fault of a response is, or its error."""
    return float(response.get("probability").number("a number from 0 to 1", 0, 1, 1))


def parse_after(response: Node) -> int:
    """After how many events something happens."""
    after = response.get("after_events").integer("a number of events", 0, 999_999)
    return cast(int, after)
