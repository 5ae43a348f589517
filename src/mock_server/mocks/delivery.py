"""How an answer of a mock travels, from its JSON: headers, pauses, cuts and faults.  Pure."""

from __future__ import annotations

import math
import re
from typing import Mapping, Optional, Tuple

from ..deliveries import Delivery, Fault, Keepalive, Pace, Plan
from ..errors import nearest
from ..faults import FAULTS, is_before_all
from ..http import FRAMING_HEADERS, HEADER_NAME
from ..jsons import quoted
from ..marks import After
from ..node import Node
from ..plans import USUAL_COMMENT, WIRE_PLANS
from ..records import field_names

FAULT_KEYS = ("fault", "probability")

AFTER_KEYS = ("after_events", "after_pieces")  # of a fault, or an error

DELIVERY_KEYS = ("headers", "delay", "pace", "gzip", "wire", "gate", "keepalive")

MOST_COUNTED_ON = 999_999  # events or pieces of content after which something may happen

MOST_COMMENT = 64 * 1024  # characters of a comment

GZIP_CHOICES = ("auto", "always", "never")

RECORDED = "recorded"  # the pace at which the events of a recording came

PACE_KEYS = ("first", "between", "tokens_per_second", "jitter")

KEEPALIVE_KEYS = ("every", "comment")

PLAN_KEYS = field_names(Plan)

# The words that a key of a wire plan takes.
PLAN_WORDS: Mapping[str, Tuple[str, ...]] = {
    "split": ("utf8", "eol"),
    "eol": ("\n", "\r\n", "\r"),
    "gzip": ("event", "block", "members"),
}

PLAN_FLAGS = ("no_space", "chunk_extensions", "trailers", "chunked", "close")

# How headers that only the server sets are set all the same.
SAID_BY_PLANS: Mapping[str, str] = {
    "connection": ' ("wire": "close" ends the connection, and says so)',
    "transfer-encoding": ' ("wire": "chunked" sends a whole body in chunks)',
}

NOT_IN_A_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")  # RFC 9110, 5.5


def parse_delivery(response: Node) -> Delivery:
    """How a response travels."""
    # Most responses say nothing of it: thousands of them are read at start.
    if response.value.keys().isdisjoint((*DELIVERY_KEYS, *FAULT_KEYS, *AFTER_KEYS)):
        return Delivery()
    delivery = Delivery(
        response.get("delay").seconds(0),
        parse_pace(response.get("pace")),
        response.get("gzip").choice(GZIP_CHOICES, "auto"),
        parse_headers(response.get("headers")),
        parse_gate(response.get("gate")),
        parse_plan(response.get("wire")),
        parse_fault(response),
        parse_keepalive(response.get("keepalive")),
    )
    check_pairs(response, delivery)
    return delivery


def check_pairs(response: Node, delivery: Delivery) -> None:
    """Raise BadMock for keys that leave each other without an effect, whatever the answer is."""
    fault = delivery.fault
    if delivery.plan.gzip and delivery.gzip == "never":
        response.get("gzip").fail('has the last word, so that "wire" would compress nothing')
    if not fault or fault.probability < 1 or not is_before_all(fault):
        return
    for key in DELIVERY_KEYS:
        if key in response.value and key != "delay":
            after = '"after_events" says when it comes'
            response.get(key).fail(f"has no effect: a {fault.kind} sends nothing before; {after}")


def parse_pace(node: Node) -> Optional[Pace]:
    """A pace: seconds between events, a list of gaps, an object, or that it was recorded, of which
    only the recording knows more."""
    if node.is_null:
        return None
    if node.value == RECORDED:
        return Pace(is_recorded=True)
    if isinstance(node.value, list):
        if not node.value:
            node.fail("has no gap; the first is the one after the first event")
        return Pace(gaps=tuple(gap.seconds() for gap in node.items()))
    if isinstance(node.value, str) and nearest(node.value, (RECORDED,)).startswith("did you mean"):
        node.choice((RECORDED,))
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
    if jitter and not between:
        node.get("jitter").fail("is a share of the pauses between events, and there are none")
    return Pace(node.get("first").seconds(0), between, float(jitter))


def parse_headers(node: Node) -> Tuple[Tuple[str, Optional[str]], ...]:
    """Response headers: text, numbers, a list of those for several lines, or null for "leave it
    out"."""
    # A mock may even take out what the provider always sends.
    headers = []
    for name, value in node.members():
        if value.value == []:
            value.fail("has no value; null leaves the header out")
        lines = [value]
        if isinstance(value.value, list):
            lines = value.items()
        for line in lines:
            if line.value is None and line is not value:
                line.expected("a string or a number")
            headers.append((name, parse_header(name, line)))
    return tuple(headers)


def parse_header(name: str, node: Node) -> Optional[str]:
    """The value of one response header."""
    if not HEADER_NAME.fullmatch(name):
        node.fail("is not a header name")
    if name.lower() in FRAMING_HEADERS:
        instead = SAID_BY_PLANS.get(name.lower(), "")
        node.fail("is set by the server, because it must be true of what is sent" + instead)
    if node.value is None:
        return None
    if not node.is_a("a string") and not node.is_a("a number"):
        node.expected("a string, a number, a list of those, or null")
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
    comments = parse_comments(node.get("comments"))
    return Plan(**{**node.value, "comments": comments})


def parse_comments(node: Node) -> Optional[str]:
    """A comment before each event: true for the usual one, or a text of one's own."""
    if isinstance(node.value, str):
        return comment_text(node)
    if not node.is_absent and not node.is_a("a boolean"):
        node.expected("true, false, or the text of the comment")
    if node.flag(False):
        return USUAL_COMMENT
    return None


def comment_text(node: Node) -> Optional[str]:
    """The text of a comment, if there is one; it may be written before each of many events."""
    text: Optional[str] = node.text(None)
    if text and len(text) > MOST_COMMENT:
        node.fail(f"has {len(text)} characters, and a comment has at most {MOST_COMMENT}")
    return text


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


def parse_gate(node: Node) -> Optional[After]:
    """Where a gate begins: with the second event, or behind so many pieces of content."""
    if node.is_absent or node.value is False:
        return None
    if node.value is True:
        return After(1)
    what = "true, or how many pieces of content go out at once, at least 1"
    return After(node.integer(what, 1, MOST_COUNTED_ON), pieces=True)


def parse_keepalive(node: Node) -> Optional[Keepalive]:
    """What is sent while nothing else is."""
    if node.is_null:
        return None
    node.only(KEEPALIVE_KEYS)
    every = node.get("every").number("seconds from 0.001 to 3600", 0.001, 3600)
    return Keepalive(float(every), comment_text(node.get("comment")))


def parse_fault(response: Node) -> Optional[Fault]:
    """How a response breaks."""
    fault, probability = response.get("fault"), response.get("probability")
    after = parse_after(response)
    if fault.is_absent:
        is_error = "error" in response.value or response.value.get("status", 200) >= 400
        if not probability.is_absent and not is_error:
            probability.fail("is how likely a fault or an error is, but there is neither")
        if after and "error" not in response.value:
            key = next(key for key in AFTER_KEYS if key in response.value)
            problem = 'is when an error or a fault comes, but there is neither "error" nor "fault"'
            response.get(key).fail(problem)
        return None
    kind = fault.choice(FAULTS)
    likely = parse_probability(response)
    if not likely:
        probability.fail("is 0, so that the fault never comes; leave both out")
    return Fault(kind, after, likely)


def parse_probability(response: Node) -> float:
    """How likely the fault of a response is, or its error."""
    return float(response.get("probability").number("a number from 0 to 1", 0, 1, 1))


def parse_after(response: Node) -> Optional[After]:
    """Where in a stream something happens: after so many events, or pieces of content."""
    events, pieces = (response.get(key) for key in AFTER_KEYS)
    if not pieces.is_absent:
        if not events.is_absent:
            pieces.fail('says where, and so does "after_events"; keep one')
        return After(pieces.integer("a number of pieces of content", 0, MOST_COUNTED_ON), True)
    if events.is_absent:
        return None
    return After(events.integer("a number of events", 0, MOST_COUNTED_ON))
