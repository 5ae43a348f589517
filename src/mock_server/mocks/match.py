"""Matchers: what a mock asks of a call; a match is an empty list of differences.  Pure."""

from __future__ import annotations

import fnmatch
import re
import warnings
from dataclasses import dataclass
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    NoReturn,
    Optional,
    Tuple,
    cast,
)

from ..errors import MISSING, BadMock, nearest, shown
from ..formats.all import APIS, OPERATIONS, PROVIDERS
from ..jsons import fits
from ..limits import Difference, Json
from ..values import Call


def fail(place: str, key: str, problem: str) -> NoReturn:
    """Raise BadMock: place, key and what would do."""
    raise BadMock(f"{place}: {key}: {problem}" if key else f"{place}: {problem}")


def expect(value: Json, kind: str, place: str, key: str) -> Any:
    """The value, if it is of one of the KINDS."""
    if not fits(value, kind):
        fail(place, key, f"expected {kind}, found {shown(value)}")
    return value


def known_keys(value: Json, known: Iterable[str], place: str, key: str) -> Dict[str, Json]:
    """The object, if it has no key but the known ones."""
    expect(value, "an object", place, key)
    names = list(known)
    for name in value:
        if name not in names:
            fail(place, f"{key}.{name}".lstrip("."), f"unknown key; {nearest(name, names)}")
    return cast(Dict[str, Json], value)


@dataclass(frozen=True)
class TextMatcher:
    """Holds for a text that passes all tests; None is no text, which only `not` accepts."""

    tests: Tuple[Callable[[Optional[str]], bool], ...]
    patterns: Tuple["re.Pattern[str]", ...] = ()

    def __call__(self, text: Optional[str]) -> bool:
        return all(test(text) for test in self.tests)

    def groups(self, text: Optional[str]) -> Dict[str, str]:
        """The named groups of its regular expressions; one that took no part is empty."""
        found = [pattern.search(text) for pattern in self.patterns] if text is not None else []
        return {
            name: group or ""
            for match in found
            if match
            for name, group in match.groupdict().items()
        }


def pattern(text: str, place: str, key: str) -> "re.Pattern[str]":
    """A compiled regular expression; BadMock says where it is wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # what may mean something else one day means what it does now
            return re.compile(text)
    except re.error as error:
        at = "" if error.pos is None else f" at character {error.pos + 1}"
        fail(place, key, f"not a regular expression: {error.msg}{at}, found {shown(text)}")
    except (OverflowError, RecursionError) as error:
        fail(place, key, f"too large a regular expression: {error}, found {shown(text)}")


def text_matcher(value: Json, place: str, key: str) -> TextMatcher:
    """A matcher from its JSON: a string, or an object with contains, regex, glob or not."""
    if isinstance(value, str):
        return TextMatcher((lambda text: text == value,))
    if not isinstance(value, dict) or not value:
        fail(
            place,
            key,
            f"expected a string or an object with contains, regex, glob or not, found {shown(value)}",
        )
    known_keys(value, ("contains", "regex", "glob", "not"), place, key)
    tests: List[Callable[[Optional[str]], bool]] = []
    patterns: List["re.Pattern[str]"] = []
    for name, inner in value.items():
        where = f"{key}.{name}"
        if name == "not":
            matcher = text_matcher(inner, place, where)
            tests.append(lambda text, matcher=matcher: not matcher(text))  # type: ignore[misc]
            continue
        if not expect(inner, "a string", place, where):
            fail(
                place,
                where,
                "expected a pattern, found an empty string, which would match everything",
            )
        if name == "contains":
            tests.append(lambda text, inner=inner: text is not None and inner in text)  # type: ignore[misc]
            continue
        found = pattern(inner if name == "regex" else fnmatch.translate(inner), place, where)
        search = found.search if name == "regex" else found.match
        tests.append(lambda text, search=search: text is not None and search(text) is not None)  # type: ignore[misc]
        patterns += [found] if name == "regex" else []
    return TextMatcher(tuple(tests), tuple(patterns))


@dataclass(frozen=True)
class Condition:
    """One thing that a mock asks of a call: `holds` of what `get` finds."""

    key: str
    expected: Json
    get: Callable[[Call], Any]
    holds: Callable[[Any], bool]

    def difference(self, call: Call) -> Optional[Difference]:
        """What keeps the call from matching, if anything does."""
        got = self.get(call)
        return (
            None if self.holds(got) else (self.key, MISSING if got is None else got, self.expected)
        )

    def groups(self, call: Call) -> Dict[str, str]:
        """Named groups of a regular expression in it."""
        return self.holds.groups(self.get(call)) if isinstance(self.holds, TextMatcher) else {}


class BodyCondition(Condition):
    """JSON that the body must contain; the difference is the first place where it doesn't."""

    def difference(self, call: Call) -> Optional[Difference]:
        """The path into the body, with both values."""
        return lacking(call.body, self.expected, "body")


def lacking(got: Json, expected: Json, path: str) -> Optional[Difference]:
    """The first difference that keeps `got` from containing `expected`: objects are subsets, arrays
    equally long and compared item by item, anything else is equal, and true is not 1."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return next(
            filter(
                None,
                (
                    lacking(got.get(key, MISSING), inner, f"{path}.{key}")
                    for key, inner in expected.items()
                ),
            ),
            None,
        )
    if isinstance(expected, list) and isinstance(got, list) and len(got) == len(expected):
        return next(
            filter(
                None,
                (
                    lacking(one, other, f"{path}[{index}]")
                    for index, (one, other) in enumerate(zip(got, expected))
                ),
            ),
            None,
        )
    if isinstance(got, bool) == isinstance(expected, bool) and got == expected:
        return None
    return path, got, expected


def attribute(key: str) -> Callable[[Call], Any]:
    """How to get what a match key of the same name looks at."""
    return lambda call: getattr(call, key)


def match_text(key: str, value: Json, place: str) -> List[Condition]:
    """A text matcher on one text of the call."""
    return [Condition(key, value, attribute(key), text_matcher(value, place, "match." + key))]


def member(key: str, name: str) -> Callable[[Call], Any]:
    """How to get one header or query parameter."""
    return lambda call: getattr(call, key).get(name)


def is_absent(got: Any) -> bool:
    """Whether there is no such header or query parameter."""
    return got is None


def match_named(key: str, value: Json, place: str) -> List[Condition]:
    """Text matchers by name (of a header or query parameter); null means absent."""
    found = []
    for name, inner in expect(value, "an object", place, "match." + key).items():
        look = name.lower() if key == "headers" else name
        if inner is None:
            found.append(Condition(f"{key}.{look}", MISSING, member(key, look), is_absent))
            continue
        matcher = text_matcher(inner, place, f"match.{key}.{name}")
        found.append(Condition(f"{key}.{look}", inner, member(key, look), matcher))
    return found


def match_name(known: FrozenSet[str]) -> Callable[[str, Json, str], List[Condition]]:
    """One of the known names, or a list of them."""

    def compiled(key: str, value: Json, place: str) -> List[Condition]:
        names = value if isinstance(value, list) and value else [value]
        for name in names:
            if not isinstance(name, str) or name not in known:
                hint = (
                    nearest(name, known)
                    if isinstance(name, str)
                    else "known: " + ", ".join(sorted(known))
                )
                fail(place, "match." + key, f"found {shown(name)}; {hint}")
        return [Condition(key, value, attribute(key), names.__contains__)]

    return compiled


def match_exact(kind: str) -> Callable[[str, Json, str], List[Condition]]:
    """An equal value of one kind."""

    def compiled(key: str, value: Json, place: str) -> List[Condition]:
        expect(value, kind, place, "match." + key)
        return [Condition(key, value, attribute(key), lambda got: bool(got == value))]

    return compiled


def match_tools(key: str, value: Json, place: str) -> List[Condition]:
    """Names of tools, all of which the request must offer."""
    names = [value] if isinstance(value, str) else expect(value, "an array", place, "match." + key)
    wanted = {expect(name, "a string", place, "match." + key) for name in names}
    return [Condition(key, value, attribute(key), lambda got: wanted <= set(got))]


def match_body(key: str, value: Json, place: str) -> List[Condition]:
    """JSON that the body must contain."""
    return [BodyCondition(key, value, attribute(key), lambda got: lacking(got, value, key) is None)]


def match_sha256(key: str, value: Json, place: str) -> List[Condition]:
    """SHA-256 of the body as canonical JSON."""
    if not re.fullmatch("[0-9a-fA-F]{64}", str(value)):
        fail(place, "match." + key, f"expected 64 hex digits, found {shown(value)}")
    return [Condition(key, value, attribute(key), lambda got: bool(got == value.lower()))]


MATCH_KEYS: Mapping[str, Callable[[str, Json, str], List[Condition]]] = {
    "provider": match_name(PROVIDERS),
    "operation": match_name(OPERATIONS),
    "api": match_name(APIS),
    "model": match_text,
    "stream": match_exact("a boolean"),
    "user": match_text,
    "system": match_text,
    "tool_result": match_text,
    "turn": match_exact("an integer"),
    "tools": match_tools,
    "path": match_text,
    "query": match_named,
    "headers": match_named,
    "port": match_exact("an integer"),
    "session": match_exact("a string"),
    "body": match_body,
    "body_sha256": match_sha256,
}


def conditions(match: Json, default_operation: str, place: str) -> Tuple[Condition, ...]:
    """The conditions of a `match`, in the order of MATCH_KEYS.  Without `operation` it asks for the
    default one, if that is given, unless it names an API or one path, which says more."""
    known_keys(match, MATCH_KEYS, place, "match")
    asked = dict(match)
    if (
        default_operation
        and not {"operation", "api"} & set(asked)
        and not isinstance(asked.get("path"), str)
    ):
        asked["operation"] = default_operation
    found = [MATCH_KEYS[key](key, asked[key], place) for key in MATCH_KEYS if key in asked]
    return tuple(condition for group in found for condition in group)
