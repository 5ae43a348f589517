"""Text matchers: a string, or contains, regex, glob and not.  Pure."""

from __future__ import annotations

import fnmatch
import re
import warnings
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

from ..errors import shown
from ..node import Node
from ..records import record
from ..secrets import masked
from .expressions import Expression, Piece
from .patterns import WATCHDOG

Groups = Mapping[str, str]  # what the named groups of regular expressions found
Verdict = Union[bool, Groups]  # whether a condition holds; if it does, perhaps with groups

TextTest = Callable[[Optional[str]], Any]  # what is true where it holds: a re.Match, or true itself


@record
class TextMatcher:
    """Holds for a text that passes all tests; None is no text, which only `not` accepts."""

    tests: Tuple[TextTest, ...]
    group_names: Tuple[str, ...] = ()
    pieces: Tuple[Piece, ...] = ()  # what such a text must contain
    expressions: Tuple[Expression, ...] = ()  # the regular expressions in it
    private: bool = False  # whether the text is a credential, and what groups find a piece of it

    def __call__(self, text: Optional[str]) -> Verdict:
        """Whether it holds, with what named groups found; one that took no part is empty."""
        groups: Dict[str, str] = {}
        for test in self.tests:
            passed = test(text)
            if not passed:
                return False
            if passed is not True:
                groups.update(passed.groupdict(""))
        if self.private:
            groups = {name: masked("key", found) for name, found in groups.items()}
        return groups or True


def text_matcher(node: Node) -> TextMatcher:
    """A matcher from its JSON: a string, or an object with contains, regex, glob or not."""
    value = node.value
    if isinstance(value, str):
        return text_equal(value)
    if not isinstance(value, dict) or not value:
        node.expected("a string or an object with contains, regex, glob or not")
    node.only(TEXT_MATCHERS)
    matchers = [TEXT_MATCHERS[name](inner) for name, inner in node.members()]
    return TextMatcher(
        tuple(test for matcher in matchers for test in matcher.tests),
        tuple(name for matcher in matchers for name in matcher.group_names),
        tuple(piece for matcher in matchers for piece in matcher.pieces),
        tuple(one for matcher in matchers for one in matcher.expressions),
    )


def text_equal(wanted: str) -> TextMatcher:
    """Holds for this text."""
    return TextMatcher((lambda text: text == wanted,), pieces=(Piece(wanted, is_whole=True),))


def text_contains(node: Node) -> TextMatcher:
    """Holds for a text with this in it."""
    wanted = pattern_text(node)
    test = (lambda text: text is not None and wanted in text,)
    return TextMatcher(test, pieces=(Piece(wanted),))


def text_regex(node: Node) -> TextMatcher:
    """Holds for a text in which a regular expression finds something."""
    pattern = compiled(node, pattern_text(node))
    expression = Expression(pattern, pattern.search, pattern.pattern)
    test = (lambda text: None if text is None else WATCHDOG.search(expression, text),)
    return TextMatcher(test, expression.groups, expression.pieces, (expression,))


def text_glob(node: Node) -> TextMatcher:
    """Holds for a text that fits a shell pattern as a whole."""
    pattern = compiled(node, fnmatch.translate(pattern_text(node)))
    expression = Expression(pattern, pattern.match, node.value)
    # Groups that fnmatch makes for itself are nobody's: only whether it holds is said.
    test = (lambda text: text is not None and bool(WATCHDOG.search(expression, text)),)
    return TextMatcher(test, pieces=expression.pieces, expressions=(expression,))


def text_not(node: Node) -> TextMatcher:
    """Holds where another matcher does not."""
    matcher = text_matcher(node)
    return TextMatcher((lambda text: not matcher(text),), expressions=matcher.expressions)


TEXT_MATCHERS: Mapping[str, Callable[[Node], TextMatcher]] = {
    "contains": text_contains,
    "regex": text_regex,
    "glob": text_glob,
    "not": text_not,
}


def pattern_text(node: Node) -> str:
    """A string that is not empty."""
    text: str = node.text()
    if not text:
        node.fail("expected a pattern, found an empty string, which would match everything")
    return text


def compiled(node: Node, pattern: str) -> "re.Pattern[str]":
    """A compiled regular expression; BadMock says where it is wrong."""
    try:
        with warnings.catch_warnings():
            # What may mean something else one day means what it does now.
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except re.error as error:
        at = ""
        if error.pos is not None:
            at = f" at character {error.pos + 1}"
        node.fail(f"not a regular expression: {error.msg}{at}, found {shown(pattern)}")
    except (OverflowError, RecursionError) as error:
        node.fail(f"too large a regular expression: {error}, found {shown(pattern)}")
