"""Kinds of values as AWS's service models know them: null is as good as nothing, members that
nobody knows are passed over, and of one value all constraints are told.  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Optional, Sequence

from ..errors import MISSING
from ..limits import Json
from .fields import (
    MISSING_FIELD,
    TOO_LONG,
    TOO_SHORT,
    TWO_DATA,
    WRONG_CHOICE,
    WRONG_PATTERN,
    WRONG_TYPE,
    AMap,
    AnArray,
    ANumber,
    AString,
    FieldFault,
    FieldPath,
    Fits,
    Shape,
    compiled_once,
)

# Kinds of faults that AWS tells of the list or map, not of what is in it.
WRONG_ITEMS, WRONG_KEYS, WRONG_VALUES = "items", "keys", "values"


class AwsString(AString):
    """A text, whose pattern is one for the whole of it."""

    def __init__(
        self,
        choices: Sequence[str] = (),
        least: int = 0,
        most: int = 0,
        pattern: str = "",
    ) -> None:
        self.said_pattern = pattern
        whole = rf"\A(?:{pattern})\Z" if pattern else ""
        super().__init__(choices, least, most, whole)

    def made(self) -> Fits:
        """The quickest test for what is asked."""
        least, most, pattern = self.least, self.most or float("inf"), self.pattern
        if self.choices or not (least or self.most or pattern):
            return super().made()
        if not pattern:
            return lambda value: type(value) is str and least <= len(value) <= most

        def fits(value: Json) -> bool:
            if type(value) is not str or not least <= len(value) <= most:
                return False
            return compiled_once(pattern).search(value) is not None

        return fits

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """Each, in the order in which AWS was seen to tell them: openclaw/openclaw#12892."""
        if self.most and len(value) > self.most:
            yield FieldFault(path, TOO_LONG, self, value)
        if len(value) < self.least:
            yield FieldFault(path, TOO_SHORT, self, value)
        if self.pattern and not compiled_once(self.pattern).search(value):
            yield FieldFault(path, WRONG_PATTERN, self, value)
        if self.choices and value not in self.choices:
            yield FieldFault(path, WRONG_CHOICE, self, value)


class AwsInteger(ANumber):
    """A whole number; what stands behind the point of another is cut off."""

    kind = "an Integer"


class AwsFloat(ANumber):
    """A number with a point."""

    kind = "a Float"


class AwsStructure(Shape):
    """An object with these members, of which some are `needed`."""

    kind, types = "an object", (dict,)

    def __init__(self, members: Mapping[str, Shape], needed: Sequence[str] = ()) -> None:
        self.members: Dict[str, Shape] = dict(members)
        self.needed = tuple(needed)
        super().__init__()

    def made(self) -> Fits:
        """Each member that is there, then whether one is missing."""
        needed = self.needed
        get = {name: shape.fits for name, shape in self.members.items()}.get
        get_plain = {name: shape.plain for name, shape in self.members.items()}.get

        def fits(value: Json) -> bool:
            if type(value) is not dict:
                return False
            for name, inner in value.items():
                if type(inner) is get_plain(name):
                    continue
                test = get(name)
                if test is not None and not test(inner) and inner is not None:
                    return False
            for name in needed:
                if value.get(name) is None:
                    return False
            return True

        return fits

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """What is wrong with the members, in the service model's order."""
        for name, shape in self.members.items():
            inner = value.get(name)
            if inner is not None:
                yield from shape.faults(inner, (*path, name))
            elif name in self.needed:
                yield FieldFault((*path, name), MISSING_FIELD, shape, MISSING)


class AwsUnion(AwsStructure):
    """An object with one of these members."""

    def made(self) -> Fits:
        """That it has one, and that this fits."""
        get = {name: shape.fits for name, shape in self.members.items()}.get
        get_plain = {name: shape.plain for name, shape in self.members.items()}.get

        def fits(value: Json) -> bool:
            if type(value) is not dict:
                return False
            found = 0
            for name, inner in value.items():
                if type(inner) is get_plain(name):
                    found += 1
                    continue
                test = get(name)
                if test is None or inner is None:
                    continue
                if not test(inner):
                    return False
                found += 1
            return found == 1

        return fits

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """What is wrong with its member, or that it has none or several."""
        yield from super().inner_faults(value, path)
        there = [name for name in self.members if value.get(name) is not None]
        if len(there) != 1:
            yield FieldFault(path, TWO_DATA, self, there)


class AwsList(AnArray):
    """A list of plain values."""

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """Its length, what is of a wrong type, and once that something in it is wrong."""
        if self.most and len(value) > self.most:
            yield FieldFault(path, TOO_LONG, self, value)
        wrong = [one for one in value if not self.item.fits(one)]
        for one in wrong:
            if type(one) not in self.item.types:
                yield FieldFault(path, WRONG_TYPE, self.item, one)
                return
        if wrong:
            yield FieldFault(path, WRONG_ITEMS, self.item, value)


class AwsMap(AMap):
    """An object with keys of the client's own."""

    def __init__(
        self, value: Shape, key: Optional[AString] = None, least: int = 0, most: int = 0
    ) -> None:
        self.least = least
        super().__init__(value, key, most)

    def made(self) -> Fits:
        """That it has enough, and what any map needs."""
        least, enough = self.least, super().made()
        return lambda value: enough(value) and len(value) >= least

    def inner_faults(self, value: Any, path: FieldPath) -> Iterator[FieldFault]:
        """Its length, then once that something is wrong with its keys or values."""
        if self.most and len(value) > self.most:
            yield FieldFault(path, TOO_LONG, self, value)
        if len(value) < self.least:
            yield FieldFault(path, TOO_SHORT, self, value)
        if self.key is not None and not all(map(self.key.fits, value)):
            yield FieldFault(path, WRONG_KEYS, self.key, value)
        wrong = [one for one in value.values() if not self.value.fits(one)]
        if not wrong:
            return
        if type(wrong[0]) in self.value.types:
            yield FieldFault(path, WRONG_VALUES, self.value, value)
        else:
            yield FieldFault(path, WRONG_TYPE, self.value, wrong[0])
