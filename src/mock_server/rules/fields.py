"""What the fields of a body may be, as a table: `fits` is quick and says yes or no, `faults` says
what is wrong where, for what does not fit.

    AnObject({"model": AString(), "n": AnInteger(1, 128, null=True)}, needed=("model",))

All of them take time in proportion to the value.  Pure."""

from __future__ import annotations

import functools
import re
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from ..errors import MISSING
from ..limits import Json


class Branch(str):
    """A step of a path that names a member of a union, not a value."""


class KeyStep(NamedTuple):
    """A step of a path into an object whose keys are the client's: the key, and its number."""

    key: str
    number: int


PathStep = Union[str, int, KeyStep]
FieldPath = Tuple[PathStep, ...]

# Kinds of faults, beside what is said of them.
MISSING_FIELD, UNKNOWN_FIELD = "missing", "unknown"
WRONG_TYPE, WRONG_CHOICE, WRONG_TAG, WRONG_PATTERN = "type", "choice", "tag", "pattern"
TOO_SMALL, TOO_LARGE = "small", "large"  # numbers
TOO_SHORT, TOO_LONG = "short", "long"  # texts, arrays and maps
TWO_DATA = "two"  # several members of which there may be one


class FieldFault(NamedTuple):
    """One thing that is wrong with a value: where, of which kind, what it should have been, and
    what is there."""

    path: FieldPath
    kind: str
    shape: "Shape"
    value: Json


# The id of a rule, or that of each kind of fault that has one of its own.
RuleNames = Union[str, Mapping[str, str]]

compiled_once = functools.lru_cache(maxsize=None)(re.compile)
Fits = Callable[[Json], bool]


def fits_always(value: Json) -> bool:
    """Of a value that may be anything."""
    return True


class Shape:
    """What a value may be.  `rule` is the id of the rule that it breaks otherwise, or ids by kind
    of fault, where that is not the usual one; `null` says that null is as good as nothing."""

    kind = "anything"  # as errors call it
    types: Tuple[type, ...] = ()  # of Python's, that have this kind
    plain: Optional[type] = None  # all values of this type fit: there is no need to ask

    def __init__(self, null: bool = False, rule: RuleNames = "") -> None:
        self.null, self.rule = null, rule
        self.own_rule = rule if isinstance(rule, str) else ""  # whatever the fault
        fits = self.made()
        if null and fits is not fits_always:
            inner = fits

            def fits_or_null(value: Json) -> bool:
                return value is None or inner(value)

            fits = fits_or_null
        self.fits: Fits = fits

    def made(self) -> Fits:
        """What tells whether a value that is not null fits."""
        return fits_always

    def rule_for(self, kind: str) -> str:
        """The id of the rule that a fault of this kind breaks; empty for the usual one."""
        if not isinstance(self.rule, str):
            return self.rule.get(kind, "")
        # What is missing or unknown is not a matter of what a value may be.
        return "" if kind in (MISSING_FIELD, UNKNOWN_FIELD) else self.own_rule

    # No generator itself, and what holds others does not ask whether it fits: the first keeps deep
    # values far from Python's own limit, the second makes each of them be looked at once.
    def faults(self, value: Json, path: FieldPath = ()) -> Iterator[FieldFault]:
        """What is wrong with a value; nothing if it fits."""
        if type(value) in self.types:
            return self.inner_faults(value, path)
        if self.fits(value):
            return iter(())
        return iter((FieldFault(path, WRONG_TYPE, self, value),))

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """What is wrong with a value of the right type, which may fit."""
        return iter(())


class Anything(Shape):
    """Any value at all."""

    plain = str  # as of all others


class ABoolean(Shape):
    """true or false."""

    kind, types, plain = "a boolean", (bool,), bool

    def made(self) -> Fits:
        """By its type."""
        return lambda value: value is True or value is False


class AString(Shape):
    """A text: one of `choices`, so many characters long, or one that a pattern is found in."""

    kind, types = "a string", (str,)

    def __init__(
        self,
        choices: Sequence[str] = (),
        least: int = 0,
        most: int = 0,
        pattern: str = "",
        null: bool = False,
        rule: RuleNames = "",
    ) -> None:
        self.choices, self.least, self.most, self.pattern = choices, least, most, pattern
        super().__init__(null, rule)

    def made(self) -> Fits:
        """The quickest test for what is asked."""
        self.plain = None
        if self.choices:
            known = frozenset(self.choices)
            return lambda value: type(value) is str and value in known
        least, most = self.least, self.most or float("inf")
        if self.pattern:
            search = compiled_once(self.pattern).search
            return lambda value: (
                type(value) is str and least <= len(value) <= most and search(value) is not None
            )
        if self.least or self.most:
            return lambda value: type(value) is str and least <= len(value) <= most
        self.plain = str
        return lambda value: type(value) is str

    def wrong(self, text: str) -> str:
        """The kind of fault of a text, if it has one."""
        if self.choices and text not in self.choices:
            return WRONG_CHOICE
        if len(text) < self.least:
            return TOO_SHORT
        if self.most and len(text) > self.most:
            return TOO_LONG
        if self.pattern and not compiled_once(self.pattern).search(text):
            return WRONG_PATTERN
        return ""

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """The one thing that is wrong with it."""
        wrong = self.wrong(value)
        if wrong:
            yield FieldFault(path, wrong, self, value)


class ANumber(Shape):
    """A number from `least` to `most`."""

    kind, types = "a number", (int, float)

    def __init__(
        self,
        least: Optional[float] = None,
        most: Optional[float] = None,
        null: bool = False,
        rule: RuleNames = "",
    ) -> None:
        self.least, self.most = least, most
        super().__init__(null, rule)

    def made(self) -> Fits:
        """By its type and its bounds."""
        low = float("-inf") if self.least is None else self.least
        high = float("inf") if self.most is None else self.most
        return lambda value: (type(value) is int or type(value) is float) and low <= value <= high

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """Which bound it breaks."""
        if not self.fits(value):
            is_small = self.least is not None and value < self.least
            yield FieldFault(path, TOO_SMALL if is_small else TOO_LARGE, self, value)


class AnInteger(ANumber):
    """A whole number from `least` to `most`."""

    kind = "an integer"

    def made(self) -> Fits:
        """By its type and its bounds; 1.0 is a whole number, too (RFC 8259 has no other kinds)."""
        in_bounds = super().made()
        return lambda value: in_bounds(value) and (type(value) is int or value.is_integer())

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """Which bound it breaks, or that it is none."""
        if type(value) is float and not value.is_integer():
            yield FieldFault(path, WRONG_TYPE, self, value)
        else:
            yield from super().inner_faults(value, path)


class AnArray(Shape):
    """An array of `least` to `most` items of one shape; a `most` of 0 is any number."""

    kind, types = "an array", (list,)

    def __init__(
        self, item: Shape, least: int = 0, most: int = 0, null: bool = False, rule: RuleNames = ""
    ) -> None:
        self.item, self.least, self.most = item, least, most
        super().__init__(null, rule)

    def made(self) -> Fits:
        """Its length, then its items."""
        least, most, item = self.least, self.most or float("inf"), self.item

        def fits(value: Json) -> bool:
            if type(value) is not list or not least <= len(value) <= most:
                return False
            for one in value:
                if not item.fits(one):  # known late, where shapes hold themselves
                    return False
            return True

        return fits

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """Its length, then what is wrong with its items."""
        if len(value) < self.least:
            yield FieldFault(path, TOO_SHORT, self, value)
        if self.most and len(value) > self.most:
            yield FieldFault(path, TOO_LONG, self, value)
        for index, one in enumerate(value):
            if type(one) is not self.item.plain:
                yield from self.item.faults(one, (*path, index))


class AnObject(Shape):
    """An object with these members, some of them `needed`; others are faults if it is `closed`."""

    kind, types = "an object", (dict,)

    def __init__(
        self,
        members: Mapping[str, Shape],
        needed: Sequence[str] = (),
        closed: bool = True,
        null: bool = False,
        rule: RuleNames = "",
    ) -> None:
        self.members: Dict[str, Shape] = dict(members)
        self.needed, self.closed = tuple(needed), closed
        super().__init__(null, rule)

    def made(self) -> Fits:
        """All members in their order, then whether one is missing."""
        closed, needed, members = self.closed, frozenset(self.needed), self.members
        if not (closed or needed or members):
            self.plain = dict
        tests: Dict[str, Fits] = {}
        plain: Dict[str, Optional[type]] = {}
        get, get_plain = tests.get, plain.get

        def fits(value: Json) -> bool:
            if type(value) is not dict:
                return False
            if not tests:  # made late, for shapes may hold themselves
                # At once, and these last: other threads may be here, too.
                plain.update({name: shape.plain for name, shape in members.items()})
                tests.update({name: shape.fits for name, shape in members.items()})
            for name, inner in value.items():
                if type(inner) is get_plain(name):
                    continue
                test = get(name)
                if test is None:
                    if closed:
                        return False
                elif test is not fits_always and not test(inner):
                    return False
            return not needed or needed <= value.keys()

        return fits

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """Unknown members, then what is missing, then what is wrong with the others."""
        members = self.members
        if self.closed:
            for name in value:
                if name not in members:
                    yield FieldFault((*path, name), UNKNOWN_FIELD, self, value[name])
        for name in self.needed:
            if name not in value:
                yield FieldFault((*path, name), MISSING_FIELD, members.get(name, self), MISSING)
        for name, inner in value.items():
            shape = members.get(name)
            if shape is not None and type(inner) is not shape.plain:
                yield from shape.faults(inner, (*path, name))


class AMap(Shape):
    """An object whose keys are the client's own: each of a shape, as its value is, and `most` of
    them."""

    kind, types = "an object", (dict,)

    def __init__(
        self,
        value: Shape,
        key: Optional[AString] = None,
        most: int = 0,
        null: bool = False,
        rule: RuleNames = "",
    ) -> None:
        self.value, self.key, self.most = value, key, most
        super().__init__(null, rule)

    def made(self) -> Fits:
        """How many there are, then each."""
        most, key, item = self.most or float("inf"), self.key, self.value

        def fits(value: Json) -> bool:
            if type(value) is not dict or len(value) > most:
                return False
            for name, inner in value.items():
                if not item.fits(inner) or (key is not None and not key.fits(name)):
                    return False
            return True

        return fits

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """That there are too many, then what is wrong with each."""
        if self.most and len(value) > self.most:
            yield FieldFault(path, TOO_LONG, self, value)
        for number, (name, inner) in enumerate(value.items()):
            place = (*path, KeyStep(name, number))
            if self.key is not None:
                yield from self.key.faults(name, place)
            yield from self.value.faults(inner, place)


class AUnion(Shape):
    """An object whose member `tag` says which of several it is; without one, or with null, it is
    the `usual`."""

    kind, types = "an object", (dict,)

    def __init__(
        self,
        tag: str,
        members: Mapping[str, AnObject],
        usual: str = "",
        null: bool = False,
        rule: RuleNames = "",
    ) -> None:
        self.tag, self.members, self.usual = tag, dict(members), usual
        for shape in self.members.values():  # each may say what it is
            shape.members.setdefault(tag, Anything())
        super().__init__(null, rule)

    def made(self) -> Fits:
        """That of its tag."""
        tag, usual = self.tag, self.usual
        get = {name: shape.fits for name, shape in self.members.items()}.get

        def fits(value: Json) -> bool:
            if type(value) is not dict:
                return False
            named = value.get(tag)
            if named is None:
                named = usual
            test = get(named) if type(named) is str else None
            return test is not None and test(value)

        return fits

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """That of its tag, or what is wrong with that."""
        if self.tag not in value and not self.usual:
            yield FieldFault((*path, self.tag), MISSING_FIELD, self, MISSING)
            return
        named = value.get(self.tag)
        if named is None and self.usual:
            named = self.usual
        shape = self.members.get(named) if isinstance(named, str) else None
        if shape is None:
            yield FieldFault(path, WRONG_TAG, self, named)
        else:
            yield from shape.faults(value, (*path, Branch(named)))


class Either(Shape):
    """One of several shapes, each of another type."""

    def __init__(self, *shapes: Shape, null: bool = False, rule: RuleNames = "") -> None:
        self.shapes = shapes
        self.by_type = {kind: shape for shape in shapes for kind in shape.types}
        self.kind = " or ".join(shape.kind for shape in shapes)
        super().__init__(null, rule)

    def made(self) -> Fits:
        """That of the value's type."""
        get = {kind: shape.fits for kind, shape in self.by_type.items()}.get
        self.plain = next((shape.plain for shape in self.shapes if shape.plain), None)

        def fits(value: Json) -> bool:
            test = get(type(value))
            return test is not None and test(value)

        return fits

    def faults(self, value: Json, path: FieldPath = ()) -> Iterator[FieldFault]:
        """What is wrong with it as one of its type, or that it is of none."""
        shape = self.by_type.get(type(value))
        if shape is not None:
            return shape.faults(value, path)
        return super().faults(value, path)
