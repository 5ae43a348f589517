"""What a mock says of the rules of its provider, `strict` and `match.valid`, where that changes
nothing.  Pure."""

from __future__ import annotations

from typing import Sequence

from ..node import Node
from ..rules.judge import book_of
from .match import Condition
from .reach import some, ways_of


def check_strictness(node: Node, conditions: Sequence[Condition]) -> None:
    """Raise BadMock for a mock that says in vain what is to be done with requests that break a
    rule."""
    strict, valid = node.get("strict"), node.within("match", "valid")
    told = [one for one in (valid, strict) if not one.is_absent]
    if not told:
        return
    ways = ways_of(conditions)
    if not any(book_of(way.wire) for way in ways):
        apis = some(sorted({way.api for way in ways}))
        told[0].fail(f"has no effect: there are no rules that a request to {apis} could break")
    if len(told) < 2:
        return
    if valid.value:
        strict.fail('has no effect: "valid" is true, so that nothing matches that breaks a rule')
    if strict.value:
        strict.fail('refuses all that matches: "valid" is false, so that all of it breaks a rule')
