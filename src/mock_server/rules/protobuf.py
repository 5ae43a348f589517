"""What Google's front ends read as a protobuf message, as shapes (the JSON mapping of protobuf;
request rules, 1.4).

A field has two names, null is as good as nothing, one value may stand where a list belongs,
numbers may be strings and enums numbers.  Paths are of the names that were sent.  What holds
others does not ask whether they fit, so that each is looked at once, however deep it lies.  Pure.
"""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterator,
    Mapping,
    Optional,
    Sequence,
    Union,
)

from ..formats.gemini import snake
from ..limits import Json
from .fields import (
    TWO_DATA,
    UNKNOWN_FIELD,
    WRONG_PATTERN,
    WRONG_TYPE,
    FieldFault,
    FieldPath,
    Fits,
    KeyStep,
    Shape,
)

BASE64_BOTH = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
BASE64_BLANKS = b" \t\r\n"  # which base64 may hold
LONGEST_NUMBER = 100  # characters


class ProtoShape(Shape):
    """What a field may be; `of` is what errors call its type, `list_rule` the rule that a list in
    its place breaks, where that is not `rule`."""

    of = ""

    def __init__(self, rule: str = "", list_rule: str = "") -> None:
        self.list_rule = list_rule or rule
        super().__init__(rule=rule)

    def faults(self, value: Json, path: FieldPath = ()) -> Iterator[FieldFault]:
        """That it is of another type."""
        if not self.fits(value):
            yield FieldFault(path, WRONG_TYPE, self, value)


class ProtoValue(ProtoShape):
    """Any JSON, or what has its own form in JSON, such as a time."""


class ProtoString(ProtoShape):
    """A text."""

    of, plain = "TYPE_STRING", str

    def made(self) -> Fits:
        """By its type."""
        return lambda value: type(value) is str


class ProtoBytes(ProtoShape):
    """Bytes in base64, of either alphabet, with or without padding."""

    of = "TYPE_BYTES"

    def made(self) -> Fits:
        """Whether it can be decoded."""
        return lambda value: type(value) is str and is_base64(value)

    def faults(self, value: Json, path: FieldPath = ()) -> Iterator[FieldFault]:
        """That it is no text, or one that can't be decoded."""
        if type(value) is not str:
            yield FieldFault(path, WRONG_TYPE, self, value)
        elif not self.fits(value):
            yield FieldFault(path, WRONG_PATTERN, self, value)


def is_base64(text: str) -> bool:
    """Whether Google decodes a text; quick, for it may be a picture."""
    left = text.encode("ascii", "replace").translate(None, BASE64_BOTH)
    if left in (b"", b"=", b"=="):
        return (len(text) - len(left)) % 4 != 1
    blanks = sum(left.count(blank) for blank in BASE64_BLANKS)
    left = left.translate(None, BASE64_BLANKS)
    signs = left.rstrip(b"=")
    # The two alphabets are tried one after the other.
    if signs.translate(None, b"+/") and signs.translate(None, b"-_"):
        return False
    return (len(text) - blanks - (len(left) - len(signs))) % 4 != 1


class ProtoBool(ProtoShape):
    """true or false."""

    of = "TYPE_BOOL"

    def made(self) -> Fits:
        """Also as text."""
        return lambda value: value is True or value is False or value in ("true", "false")


class ProtoFloat(ProtoShape):
    """A number."""

    of = "TYPE_FLOAT"

    def made(self) -> Fits:
        """Also as text."""

        def fits(value: Json) -> bool:
            kind = type(value)
            return (
                kind is float or kind is int or (kind is str and number_in_text(value) is not None)
            )

        return fits


class ProtoInt(ProtoShape):
    """A whole number of so many bits, of which one is the sign."""

    def __init__(self, bits: int = 32) -> None:
        self.of, self.bound = f"TYPE_INT{bits}", 2 ** (bits - 1)
        super().__init__()

    def made(self) -> Fits:
        """Also with a fraction of nothing, and as text."""
        bound = self.bound

        def fits(value: Json) -> bool:
            if type(value) is str:
                value = number_in_text(value)
            if type(value) is float and value.is_integer():
                value = int(value)
            return type(value) is int and -bound <= value < bound

        return fits


def number_in_text(text: Any) -> Union[int, float, None]:
    """The number that a text says, if it says one that a field may hold."""
    if len(text) > LONGEST_NUMBER:
        return None
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return None


class ProtoEnum(ProtoShape):
    """One of some names, in any case and with hyphens, too, or the number of one."""

    def __init__(
        self, of: str, choices: Sequence[str], rule: str = "", list_rule: str = ""
    ) -> None:
        self.of = of
        self.choices = frozenset(choices)
        self.plain_names = frozenset(plain_enum_name(choice) for choice in choices)
        super().__init__(rule, list_rule)

    def made(self) -> Fits:
        """The names as they are first."""
        choices, plain = self.choices, self.plain_names

        def fits(value: Json) -> bool:
            if type(value) is str:
                return value in choices or plain_enum_name(value) in plain or value.isdigit()
            return type(value) is int or (type(value) is float and value.is_integer())

        return fits


def plain_enum_name(name: str) -> str:
    """A name of an enum without what may differ."""
    return name[:100].upper().replace("-", "").replace("_", "")


class ProtoStruct(ProtoShape):
    """Any object."""

    of = "google.protobuf.Struct"

    def made(self) -> Fits:
        """By its type."""
        return lambda value: type(value) is dict


class ProtoList(ProtoShape):
    """A repeated field; one value that is in no list is one of them, at a path without an index."""

    def __init__(self, item: ProtoShape) -> None:
        self.item = item
        super().__init__()

    def made(self) -> Fits:
        """Each of its items; null is passed over."""
        item = self.item

        def fits(value: Json) -> bool:
            fits_item = item.fits
            if type(value) is not list:
                return fits_item(value)
            for one in value:
                if not fits_item(one) and one is not None:
                    return False
            return True

        return fits

    def faults(self, value: Json, path: FieldPath = ()) -> Iterator[FieldFault]:
        """What is wrong with its items."""
        if type(value) is not list:
            yield from self.item.faults(value, path)
            return
        for index, one in enumerate(value):
            if one is not None:
                yield from self.item.faults(one, (*path, index))


class ProtoMap(ProtoShape):
    """A map from the client's own keys; to errors it is a list of entries with a `value`."""

    def __init__(self, of: str, value: ProtoShape) -> None:
        self.of, self.value = of, value
        super().__init__()

    def made(self) -> Fits:
        """Each of its values."""
        item = self.value

        def fits(value: Json) -> bool:
            if type(value) is not dict:
                return False
            fits_item = item.fits
            for one in value.values():
                if not fits_item(one) and one is not None:
                    return False
            return True

        return fits

    def faults(self, value: Json, path: FieldPath = ()) -> Iterator[FieldFault]:
        """What is wrong with its values."""
        if type(value) is not dict:
            yield FieldFault(path, WRONG_TYPE, self, value)
            return
        for number, (key, one) in enumerate(value.items()):
            if one is not None:
                yield from self.value.faults(one, (*path, KeyStep(key, number), "value"))


def both_names(*names: str) -> FrozenSet[str]:
    """The names of fields, and their other names."""
    return frozenset((*names, *map(snake, names)))


class ProtoMessage(ProtoShape):
    """A message with these fields, by their camelCase names; there may be one of `data`.  Others
    are faults, unless it is `closed` no more."""

    def __init__(
        self,
        of: str,
        members: Mapping[str, ProtoShape],
        data: Sequence[str] = (),
        closed: bool = True,
        rule: str = "",
    ) -> None:
        self.of, self.members, self.closed = of, dict(members), closed
        self.data = both_names(*data)
        self.known: Dict[
            str, ProtoShape
        ] = {}  # its fields by either name, once they were asked for
        super().__init__(rule)

    def by_name(self) -> Dict[str, ProtoShape]:
        """Its fields by either name."""
        if not self.known:  # made late, for messages may hold themselves
            names = {snake(name): one for name, one in self.members.items()}
            self.known = {**names, **self.members}
        return self.known

    def made(self) -> Fits:
        """Each of its fields, in any order."""
        closed, data, by_name = self.closed, self.data, self.by_name
        tests: Dict[str, Callable[[Json], bool]] = {}
        plain: Dict[str, Optional[type]] = {}
        get, get_plain = tests.get, plain.get

        def fits(value: Json) -> bool:
            if type(value) is not dict:
                return False
            if not tests:  # made late, for messages may hold themselves
                # At once, and these last: other threads may be here, too.
                plain.update({name: shape.plain for name, shape in by_name().items()})
                tests.update({name: shape.fits for name, shape in by_name().items()})
            for name, inner in value.items():
                if type(inner) is get_plain(name):
                    continue
                test = get(name)
                if test is None:
                    if closed:
                        return False
                elif not test(inner) and inner is not None:
                    return False
            return len(value) < 2 or not data or len(data_there(data, value)) < 2

        return fits

    def faults(self, value: Json, path: FieldPath = ()) -> Iterator[FieldFault]:
        """What is wrong with its fields, in the order in which they were sent."""
        if type(value) is not dict:
            yield FieldFault(path, WRONG_TYPE, self, value)
            return
        by_name, taken = self.by_name(), data_there(self.data, value)[:1]
        for name, inner in value.items():
            shape = by_name.get(name)
            if shape is None:
                if self.closed:
                    yield FieldFault((*path, name), UNKNOWN_FIELD, self, inner)
            elif inner is not None and name in self.data and name not in taken:
                yield FieldFault((*path, name), TWO_DATA, self, inner)
            elif inner is not None:
                yield from shape.faults(inner, (*path, name))


def data_there(names: FrozenSet[str], value: Mapping[str, Json]) -> Sequence[str]:
    """Which of these members there are, in their order."""
    return [name for name in value if name in names and value[name] is not None]
