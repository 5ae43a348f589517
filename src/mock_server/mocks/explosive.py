"""Which regular expressions may take for ever, seen without running them.  Pure.

Each place of a pattern that takes a letter is a state, each way from one to the next an arrow.
Where the same letters lead from a state back to itself in two ways, every letter may double what
the engine tries before it gives up (Weber and Seidl, "On the degree of ambiguity of finite
automata", 1991)."""

from __future__ import annotations

import re
from typing import Any, Dict, FrozenSet, Iterable, List, Set, Tuple

from .expressions import PARSER, REPEATS

MOST_STATES = 150  # of larger ones nothing is said: it would take too long
MANY_TIMES = 10  # from so many repetitions on they count as any number
USUAL = "aA0_- .\n\té"  # letters to try beside those of the pattern
CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}

Ends = Tuple[bool, List[int], List[int]]  # whether it may be empty, its first and last states
NOTHING_TO_READ: Ends = (True, [], [])


class Automaton:
    """The states of a regular expression, the letters that each takes, and its arrows; an arrow
    that is there twice stands for two ways."""

    def __init__(self, pattern: "re.Pattern[str]") -> None:
        tree = PARSER.parse(pattern.pattern, pattern.flags)
        self.flags = pattern.flags
        self.letters = frozenset(USUAL) | frozenset(pattern.pattern)
        self.taken: List[FrozenSet[str]] = []
        self.arrows: List[List[int]] = []
        self.last = self.sequence(tree)[2]

    def state(self, taken: Iterable[str]) -> Ends:
        """A new state, which takes these letters."""
        self.taken.append(frozenset(taken))
        self.arrows.append([])
        number = len(self.taken) - 1
        return False, [number], [number]

    def join(self, sources: Iterable[int], targets: Iterable[int]) -> None:
        """Arrows from all of some states to all of others."""
        for source in sources:
            self.arrows[source] += targets

    def sequence(self, tree: Any) -> Ends:
        """What follows each other."""
        is_empty, first, last = NOTHING_TO_READ
        for operation, value in tree:
            may_miss, begins, ends = self.piece(operation.name, value)
            self.join(last, begins)
            if is_empty:
                first = first + begins
            if may_miss:
                ends = last + ends
            is_empty, last = is_empty and may_miss, ends
        return is_empty, first, last

    def piece(self, name: str, value: Any) -> Ends:
        """One operation of a parsed regular expression."""
        if name in REPEATS:
            return self.repetition(*value)
        if name == "SUBPATTERN":
            return self.sequence(value[3])
        if name == "BRANCH":
            found = [self.sequence(one) for one in value[1]]
            first = [state for one in found for state in one[1]]
            return any(one[0] for one in found), first, [end for one in found for end in one[2]]
        if name in ("ASSERT", "ASSERT_NOT"):
            self.sequence(value[1])  # for itself: nothing follows what is looked at
        if name == "AT" and "BEGINNING" not in value.name:
            return self.state(())  # what takes no letter may still fail
        if name in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return self.state(letter for letter in self.letters if self.takes(name, value, letter))
        return NOTHING_TO_READ

    def repetition(self, least: int, most: int, tree: Any) -> Ends:
        """Something repeated."""
        is_empty, first, last = self.sequence(tree)
        if most >= MANY_TIMES:
            self.join(last, first)
        return is_empty or not least, first, last

    def takes(self, name: str, value: Any, letter: str) -> bool:
        """Whether a piece that is one letter may be this one."""
        if name == "ANY":
            return letter != "\n" or bool(self.flags & re.DOTALL)
        if name == "IN":
            is_negated = bool(value[0][0].name == "NEGATE")
            return is_negated != any(self.takes(one.name, more, letter) for one, more in value)
        if name == "RANGE":
            return bool(value[0] <= ord(letter) <= value[1])
        if name == "CATEGORY":
            kind, is_negated = value.name.split("_")[-1], "_NOT_" in value.name
            return is_negated != bool(re.match(CATEGORIES[kind], letter))
        is_equal = bool(value == ord(letter))
        return name != "NEGATE" and is_equal == (name == "LITERAL")

    # --- what it may take ---

    def reached(self, starts: Iterable[int], letter: str = "") -> Set[int]:
        """The states that arrows lead to; with a letter only by those that take it."""
        found: Set[int] = set()
        waiting = list(starts)
        while waiting:
            for target in self.arrows[waiting.pop()]:
                if target not in found and (not letter or letter in self.taken[target]):
                    found.add(target)
                    waiting.append(target)
        return found

    def doubling(self) -> bool:
        """Whether the same letters lead from a state to itself in two ways, and what comes behind
        it may fail."""
        after = [self.reached([state]) for state in range(len(self.taken))]
        seen: Set[int] = set()
        for state in range(len(self.taken)):
            circle = {other for other in after[state] if state in after[other]}
            is_new = state in circle and state not in seen
            if is_new and not circle & set(self.last) and self.splits(circle):
                return True
            seen |= circle
        return False

    def chained(self) -> bool:
        """Whether three repetitions that follow each other may share the same letters, and what
        comes behind them may fail: the time grows with the cube of a text's length."""
        for letter in self.letters:
            beyond = {state: self.reached([state], letter) for state in range(len(self.taken))}
            loops = [state for state in beyond if state in beyond[state]]
            later = {
                one: [two for two in loops if two in beyond[one] and one not in beyond[two]]
                for one in loops
            }
            if any(set(later[two]) - set(self.last) for one in loops for two in later[one]):
                return True
        return False

    def splits(self, circle: Set[int]) -> bool:
        """Whether two ways part at a state of a circle and meet again."""
        pairs: Dict[Tuple[int, int], Set[Tuple[int, int]]] = {}  # backwards
        waiting = [(state, state) for state in circle]
        known = set(waiting)
        while waiting:
            one, other = waiting.pop()
            for pair in self.steps(one, other, circle):
                pairs.setdefault(pair, set()).add((one, other))
                if pair not in known:
                    known.add(pair)
                    waiting.append(pair)
        if any(len(set(self.arrows[one]) & circle) < self.inside(one, circle) for one in circle):
            return True
        waiting = [(state, state) for state in circle]
        back: Set[Tuple[int, int]] = set()
        while waiting:
            before = pairs.get(waiting.pop(), set()) - back
            back |= before
            waiting += before
        return any(one != other for one, other in back)

    def inside(self, state: int, circle: Set[int]) -> int:
        """How many ways there are from a state to others of its circle."""
        return sum(target in circle for target in self.arrows[state])

    def steps(self, one: int, other: int, circle: Set[int]) -> List[Tuple[int, int]]:
        """Where the same letter leads from two states."""
        return [
            (first, second)
            for first in set(self.arrows[one]) & circle
            for second in set(self.arrows[other]) & circle
            if self.taken[first] & self.taken[second]
        ]


def may_explode(pattern: "re.Pattern[str]") -> bool:
    """Whether there are texts on which it takes far longer than they are long."""
    automaton = Automaton(pattern)
    if len(automaton.taken) > MOST_STATES:
        return False
    return automaton.doubling() or automaton.chained()
