"""Matchers: what a mock asks of a call; a match is an empty list of differences.  Pure."""

from __future__ import annotations

import functools
import re
from operator import attrgetter
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Tuple

from ..errors import MISSING, Because, shown
from ..formats.all import APIS, OPERATIONS, OTHER, PROVIDERS
from ..http import METHODS
from ..key_lines import is_secret_parameter
from ..limits import DIALECTS, Difference, Json
from ..node import Node
from ..records import record, replace
from ..secrets import SECRET
from ..values import Call
from .expressions import Expression, Piece
from .patterns import WATCHDOG
from .templates import check_place, walked
from .text_matchers import TextMatcher, Verdict, text_equal, text_matcher

ALL_OTHERS = "*"  # stands for the parameters of a query that are not named
UNASKED_QUERY = frozenset(("api-version", "key"))  # of which no recording asks


@record
class Condition:
    """One thing that a mock asks of a call: `holds` of what `get` finds."""

    key: str
    expected: Json
    get: Callable[[Call], Any]
    holds: Callable[[Any], Verdict]

    @property
    def group_names(self) -> Tuple[str, ...]:
        """The named groups of its regular expression, if it has one."""
        if isinstance(self.holds, TextMatcher):
            return self.holds.group_names
        return ()

    @property
    def pieces(self) -> Tuple[Piece, ...]:
        """What the text that it looks at must contain."""
        if isinstance(self.holds, TextMatcher):
            return self.holds.pieces
        return ()

    @property
    def expressions(self) -> Tuple[Expression, ...]:
        """The regular expressions that it searches with."""
        if isinstance(self.holds, TextMatcher):
            return self.holds.expressions
        return ()

    def difference(self, call: Call) -> Optional[Difference]:
        """What keeps the call from matching, if anything does."""
        got = self.get(call)
        if self.holds(got):
            return None
        # What is not there is told as missing, not as null.
        if got is None:
            got = MISSING
        return self.key, got, self.wanted(got)

    def wanted(self, got: Json) -> Json:
        """What is expected, with the regular expression that was given up instead of finding it."""
        for expression in self.expressions:
            if isinstance(got, str) and WATCHDOG.has_given_up(expression, got):
                return Because(f"{shown(self.expected)}; {WATCHDOG.sentence(expression)}")
        return self.expected


class BodyCondition(Condition):
    """JSON that the body must contain; the difference is the first place where it doesn't."""

    def difference(self, call: Call) -> Optional[Difference]:
        """The path into the body, with both values."""
        return lacking(call.said, self.expected, "body")


class FieldCondition(Condition):
    """What is asked of one place in the body; the difference shows whatever is there."""

    def difference(self, call: Call) -> Optional[Difference]:
        """The path into the body, with both values."""
        if self.holds(self.get(call)):
            return None
        got = walked(call.said, self.key.partition(".")[2])
        if got is None:
            got = MISSING
        return self.key, got, self.wanted(got)


class UsualOperation(Condition):
    """The operation that a mock means which asks for none: whoever wrote it never said so."""

    def wanted(self, got: Json) -> Json:
        """What is meant, why, and what would ask for the operation of the call."""
        told = f'{shown(self.expected)}, which a match without "operation" means'
        if got != OTHER:
            told += f'; "operation": {shown(got)} asks for this one'
        return Because(told)


def lacking(got: Json, expected: Json, path: str) -> Optional[Difference]:
    """The first difference that keeps `got` from containing `expected`: objects are subsets, arrays
    equally long and compared item by item, anything else is equal, and true is not 1."""
    pairs: List[Tuple[Json, Json, str]] = []
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, inner in expected.items():
            pairs.append((got.get(key, MISSING), inner, f"{path}.{key}"))
    elif isinstance(expected, list) and isinstance(got, list) and len(got) == len(expected):
        for index, (one, inner) in enumerate(zip(got, expected)):
            pairs.append((one, inner, f"{path}[{index}]"))
    # For Python True == 1.
    elif isinstance(got, bool) != isinstance(expected, bool) or got != expected:
        return path, got, expected
    for one, inner, inner_path in pairs:
        difference = lacking(one, inner, inner_path)
        if difference:
            return difference
    return None


def match_text(node: Node) -> List[Condition]:
    """A text matcher on one text of the call."""
    return [Condition(str(node.key), node.value, attrgetter(str(node.key)), text_matcher(node))]


def match_text_or_none(node: Node) -> List[Condition]:
    """A text matcher on one text of the call, or null for none."""
    if node.value is not None:
        return match_text(node)
    key = str(node.key)
    return [Condition(key, MISSING, functools.partial(said_or_none, key), is_none)]


def said_or_none(key: str, call: Call) -> Optional[str]:
    """A text of the call; none where it does not say even an empty one."""
    text: Optional[str] = getattr(call, key)
    if key in ("user", "system") and not text and key not in call.blank:
        return None
    return text


def is_none(got: Json) -> bool:
    """Whether there is nothing."""
    return got is None


def asks_something(node: Node) -> None:
    """Raise BadMock for an empty object or list, which any call would fulfil."""
    if node.value in ({}, []):
        node.fail("asks for nothing; leave it out")


def match_fields(node: Node) -> List[Condition]:
    """By the path into the body: a text matcher, a number, a boolean, or null for none."""
    asks_something(node)
    return [field_condition(path, inner) for path, inner in node.members()]


def field_condition(path: str, node: Node) -> Condition:
    """What is asked of one place in the body."""
    key, value = f"fields.{path}", node.value
    if not path:
        node.fail("expected a path into the body, such as messages.0.content")
    check_place(node, path)

    def get(call: Call) -> Json:
        return walked(call.said, path)

    def get_text(call: Call) -> Optional[str]:
        found = walked(call.said, path)
        return found if isinstance(found, str) else None

    if value is None:
        return FieldCondition(key, MISSING, get, is_none)
    if node.is_a("a number") or node.is_a("a boolean"):
        return FieldCondition(key, value, get, lambda got: lacking(got, value, key) is None)
    if not node.is_a("a string or an object"):
        node.expected("a text, an object with contains, regex, glob or not, a number or null")
    return FieldCondition(key, value, get_text, text_matcher(node))


def match_named(node: Node) -> List[Condition]:
    """Text matchers by name (of a header or query parameter); null means absent."""
    key = str(node.key)
    if key == "query" and node.is_a("a string"):
        node.expected('an object, by the URL\'s parameters; what a rerank asks is "user"')
    asks_something(node)
    found = []
    for name, inner in node.members():
        if name == ALL_OTHERS and (key != "query" or inner.value is not None):
            inner.fail('is null, and of "query" alone: that there are no other parameters')
        if name == ALL_OTHERS:
            found.append(others_condition(frozenset(node.value)))
        else:
            found.append(named_condition(key, name, inner))
    return found


def others_condition(names: FrozenSet[str]) -> Condition:
    """That a query has no parameters beside these, but for credentials and versions."""

    def get(call: Call) -> Optional[str]:
        told = [one for one in call.query if one not in names and one not in UNASKED_QUERY]
        return ", ".join(one for one in told if not is_secret_parameter(one)) or None

    return Condition(f"query.{ALL_OTHERS}", MISSING, get, is_none)


def named_condition(key: str, name: str, node: Node) -> Condition:
    """What is asked of one header or query parameter."""
    if key == "headers":
        name = name.lower()  # as they are kept (RFC 9110, 5.1: in any case)

    def get(call: Call) -> Optional[str]:
        named: Mapping[str, str] = getattr(call, key)
        return named.get(name)

    if node.value is None:
        return Condition(f"{key}.{name}", MISSING, get, is_none)
    matcher = text_matcher(node)
    if SECRET.fullmatch(name):
        matcher = replace(matcher, private=True)
    return Condition(f"{key}.{name}", node.value, get, matcher)


# The keys of which one is often taken for another, and what each may be.
NAMES_OF: Mapping[str, FrozenSet[str]] = {
    "provider": PROVIDERS,
    "dialect": frozenset(DIALECTS),
    "operation": OPERATIONS,
    "api": APIS,
}


def check_key(node: Node, key: str) -> None:
    """Raise BadMock for a name that is none of this key's, but one of another's."""
    keys = [one for one, names in NAMES_OF.items() if node.is_a("a string") and node.value in names]
    if keys and key in NAMES_OF and key not in keys:
        node.fail(f'found {shown(node.value)}; did you mean "{keys[0]}": {shown(node.value)}?')


def match_name(known: FrozenSet[str]) -> Callable[[Node], List[Condition]]:
    """One of the known names, or a list of them."""

    def condition(node: Node) -> List[Condition]:
        nodes = [node]
        if node.value and isinstance(node.value, list):
            nodes = node.items()
        key = str(node.key)
        for one in nodes:
            check_key(one, key)
        names = [one.choice(known) for one in nodes]
        holds = names.__contains__ if len(names) > 1 else text_equal(names[0])
        return [Condition(key, node.value, attrgetter(key), holds)]

    return condition


def match_exact(kind: str) -> Callable[[Node], List[Condition]]:
    """An equal value of one kind."""

    def condition(node: Node) -> List[Condition]:
        value, key = node.a(kind), str(node.key)
        return [Condition(key, value, attrgetter(key), lambda got: bool(got == value))]

    return condition


def match_tools(node: Node) -> List[Condition]:
    """Names of tools, all of which the request must offer."""
    asks_something(node)
    if isinstance(node.value, str):
        wanted = {node.value}
    else:
        wanted = {name.text() for name in node.items()}
    return [Condition("tools", node.value, attrgetter("tools"), wanted.issubset)]


def match_body(node: Node) -> List[Condition]:
    """JSON that the body must contain."""
    value = node.value

    def contains(got: Json) -> bool:
        return lacking(got, value, "body") is None

    return [BodyCondition("body", value, attrgetter("said"), contains)]


def match_sha256(node: Node) -> List[Condition]:
    """SHA-256 of the body as canonical JSON."""
    if not isinstance(node.value, str) or not re.fullmatch("[0-9a-fA-F]{64}", node.value):
        node.expected("64 hex digits")
    get = attrgetter("body_sha256")
    return [Condition("body_sha256", node.value, get, text_equal(node.value.lower()))]


def match_history(node: Node) -> List[Condition]:
    """The hash of what was said before the last user message."""
    if not isinstance(node.value, str) or not re.fullmatch("[0-9a-f]{16}", node.value):
        node.expected("16 hex digits, as a recording writes them")
    # No text by which mocks are filed: it is worked out for a call that fits in all else.
    return match_exact("a string")(node)


# In the order in which differences are told.
MATCH_KEYS: Mapping[str, Callable[[Node], List[Condition]]] = {
    "provider": match_name(NAMES_OF["provider"]),
    "dialect": match_name(NAMES_OF["dialect"]),
    "operation": match_name(NAMES_OF["operation"]),
    "api": match_name(NAMES_OF["api"]),
    "model": match_text,
    "stream": match_exact("a boolean"),
    "user": match_text_or_none,
    "system": match_text_or_none,
    "tool_result": match_text_or_none,
    "tool_call_id": match_text_or_none,
    "turn": match_exact("an integer"),
    "history": match_history,
    "tools": match_tools,
    "method": match_name(frozenset(METHODS)),
    "path": match_text,
    "query": match_named,
    "headers": match_named,
    "port": match_exact("an integer"),
    "session": match_exact("a string"),
    "valid": match_exact("a boolean"),
    "body": match_body,
    "fields": match_fields,
    "body_sha256": match_sha256,
}


def conditions(match: Node, default_operation: str) -> Tuple[Condition, ...]:
    """The conditions of a `match`, in the order of MATCH_KEYS; none where it is absent.  Without
    `operation` it asks for the default one, if that is given, unless it names an API or one path,
    which says more; one that asks for some paths may mean those of no provider, too."""
    asked: Dict[str, Node] = {}
    if not match.is_absent:
        asked = dict(match.only(MATCH_KEYS).members())
    # A matcher such as {"contains": …} may fit paths of several operations.
    names_path = "path" in asked and isinstance(asked["path"].value, str)
    if default_operation and not names_path and asked.keys().isdisjoint(("operation", "api")):
        usual: Json = default_operation
        if "path" in asked:
            usual = [default_operation, OTHER]
        asked["operation"] = match.get("operation").replaced(usual)
    found: List[Condition] = []
    for key, read in MATCH_KEYS.items():
        if key in asked:
            found += read(asked[key])
    if not match.is_absent and not match.get("operation").is_absent:
        return tuple(found)
    return tuple(usual_if_operation(one) for one in found)


def usual_if_operation(condition: Condition) -> Condition:
    """A condition, as one that nobody wrote if it is on the operation."""
    if condition.key != "operation":
        return condition
    return UsualOperation(condition.key, condition.expected, condition.get, condition.holds)
