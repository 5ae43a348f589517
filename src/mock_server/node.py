"""A JSON value that knows its place: the one reader of mocks, control bodies and request fields.

Pure.
"""

from __future__ import annotations

from typing import (
    Any,
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NoReturn,
    Tuple,
    Type,
    TypeVar,
    Union,
    cast,
)

from .errors import MISSING, BadField, BadMock, WrongValue, nearest, shown
from .jsons import fits
from .limits import Json

Self = TypeVar("Self", bound="Node")


NOTHING_ELSEWHERE: Mapping[str, str] = {}


class Kinds(Dict[str, str]):
    """The KINDS of an object's members, as `Node.check` takes them; looked at in less time, for few
    of many members are there."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(fields)
        self.plain = {name: kind.rstrip("!") for name, kind in fields.items()}
        self.needed = [name for name, kind in fields.items() if kind[-1] == "!"]

    def hold(self, value: Mapping[str, Json]) -> bool:
        """Whether all members are as they must be."""
        for name in self.needed:
            if value.get(name) is None:
                return False
        for name, found in value.items():
            if name in self.plain and found is not None and not fits(found, self.plain[name]):
                return False
        return True


class Node:
    """A value, and the way to it from the whole that it lies in.

    `source` is what the whole is called in messages (`mocks/a.json#1`), `value` is MISSING where
    there is none.  A reader returns the plain value if it is as it must be, `default` if there is
    none, and else raises `error` with a message such as
    `mocks/a.json#1: response.pace: expected seconds from 0 to 3600, found "slow"`.
    """

    __slots__ = ("value", "source", "parent", "key")
    error: Type[WrongValue] = BadMock

    def __init__(
        self, value: Json, source: str = "", parent: "Any" = None, key: Union[str, int] = ""
    ) -> None:
        self.value, self.source, self.parent, self.key = value, source, parent, key

    @property
    def path(self) -> str:
        """The way from the whole: `responses[2].pace`; empty for the whole itself."""
        if self.parent is None:
            return ""
        before = cast(str, self.parent.path)
        if isinstance(self.key, int):
            return f"{before}[{self.key}]"
        return f"{before}.{self.key}" if before else self.key

    @property
    def is_absent(self) -> bool:
        """Whether there is no value."""
        return self.value is MISSING

    @property
    def is_null(self) -> bool:
        """Whether there is no value, or null."""
        return self.value is MISSING or self.value is None

    def is_a(self, kind: str) -> bool:
        """Whether the value is of one of the KINDS, `a string` and so on."""
        return fits(self.value, kind)

    # --- what is wrong ---

    def fail(self, problem: str, expected: str = "", sentence: str = "") -> NoReturn:
        """Raise the error: source, path and problem."""
        # The path is made only here, as most values are as they must be.
        path, found = self.path, self.value
        message = ": ".join(part for part in (self.source, path, problem) if part)
        raise self.error(message, path=path, expected=expected, found=found, sentence=sentence)

    def expected(self, what: str, sentence: str = "") -> NoReturn:
        """Raise the error of a value that is not `what` it must be."""
        self.fail(f"expected {what}, found {shown(self.value)}", what, sentence)

    def one_from(self, words: Iterable[str], sentence: str = "") -> NoReturn:
        """Raise the error of a value that is none of these words."""
        self.expected("one from " + ", ".join(words), sentence)

    def missing(self, what: str) -> NoReturn:
        """Raise the error of a value that must be there, and `what` it must be; null is none."""
        self.replaced(MISSING).expected(what)

    # --- what lies inside ---

    def get(self: Self, key: str) -> Self:
        """A member of an object; absent, too, where this is none."""
        value = self.value.get(key, MISSING) if isinstance(self.value, dict) else MISSING
        return type(self)(value, self.source, self, key)

    def within(self: Self, *keys: str) -> Self:
        """What lies inside nested objects."""
        found = self
        for key in keys:
            found = found.get(key)
        return found

    def replaced(self: Self, value: Json) -> Self:
        """Another value in the same place: what a text there holds, or stands for."""
        return type(self)(value, self.source, self.parent, self.key)

    def items(self: Self) -> List[Self]:
        """The items of an array; none where there is no value."""
        if self.is_absent:
            return []
        if not isinstance(self.value, list):
            self.expected("an array")
        return [type(self)(item, self.source, self, at) for at, item in enumerate(self.value)]

    def objects(self: Self) -> Iterator[Self]:
        """The items of an array, each of which must be an object."""
        for item in self.items():
            item.a("an object")
            yield item

    def members(self: Self) -> Iterator[Tuple[str, Self]]:
        """The members of an object with their names; none where there is no value."""
        for name in self.a("an object", {}):
            yield name, self.get(name)

    # --- plain values ---

    def a(self, kind: str, default: Json = MISSING) -> Any:
        """The value, if it is of one of the KINDS."""
        if self.is_absent and default is not MISSING:
            return default
        if not fits(self.value, kind):
            self.expected(kind)
        return self.value

    def text(self, default: Json = MISSING) -> Any:
        """A string."""
        return self.a("a string", default)

    def flag(self, default: bool) -> bool:
        """True or false."""
        return cast(bool, self.a("a boolean", default))

    def integer(self, what: str, least: float, most: float, default: Json = MISSING) -> Any:
        """A whole number from `least` to `most`; `what` says so in words."""
        return self.number(what, least, most, default, "an integer")

    def number(
        self, what: str, least: float, most: float, default: Json = MISSING, kind: str = "a number"
    ) -> Any:
        """A number from `least` to `most`; `what` says so in words."""
        if self.is_absent and default is not MISSING:
            return default
        if not fits(self.value, kind) or not least <= self.value <= most:
            self.expected(what)
        return self.value

    def seconds(self, default: Json = MISSING) -> float:
        """A pause from 0 to an hour."""
        return float(self.number("seconds from 0 to 3600", 0, 3600, default))

    def choice(self, names: Collection[str], default: Json = MISSING) -> Any:
        """One of some words."""
        if self.is_absent and default is not MISSING:
            return default
        if not isinstance(self.value, str) or self.value not in names:
            # Nobody meant one of the words by a number or an object.
            word = ""
            if isinstance(self.value, str):
                word = self.value
            self.fail(f"found {shown(self.value)}; {nearest(word, names)}", ", ".join(names))
        return self.value

    # --- whole objects ---

    def only(
        self: Self, names: Collection[str], elsewhere: Mapping[str, str] = NOTHING_ELSEWHERE
    ) -> Self:
        """This, if it is an object without other members than those named; `elsewhere` says where
        a key belongs that is often put here."""
        for name in self.a("an object"):
            if name not in names:
                problem = elsewhere.get(name) or f"unknown key; {nearest(name, names)}"
                self.get(name).fail(problem, ", ".join(names))
        return self

    def check(self: Self, fields: Mapping[str, str]) -> Self:
        """This, if it is an object whose members are of their KINDS; `!` after a kind means that
        the member must be there."""
        value = self.value
        if not isinstance(value, dict):
            self.expected("an object")
        if isinstance(fields, Kinds) and fields.hold(value):
            return self
        for name, kind in fields.items():
            found = value.get(name)
            if found is None:  # null is the same as none in a request
                if kind[-1] == "!":
                    self.get(name).expected(kind[:-1])
            elif not fits(found, kind.rstrip("!")):
                self.get(name).expected(kind.rstrip("!"))
        return self


class Field(Node):
    """A value in the body of a request, where null is the same as none."""

    __slots__ = ()
    error = BadField

    @property
    def is_absent(self) -> bool:
        """Whether there is no value, or null."""
        return self.value is MISSING or self.value is None


class Written(Node):
    """A value that may have been read from a text; messages show it as it was `written`."""

    __slots__ = ("written",)

    def __init__(
        self,
        value: Json,
        source: str = "",
        parent: Any = None,
        key: Union[str, int] = "",
        written: Json = MISSING,
    ) -> None:
        super().__init__(value, source, parent, key)
        self.written = written
        if written is MISSING:
            self.written = value

    def expected(self, what: str, sentence: str = "") -> NoReturn:
        """Raise the error of a value that is not `what` it must be."""
        self.fail(f"expected {what}, found {shown(self.written)}", what, sentence)
