"""Records: classes of values, as dataclasses are, but quick to define and to make.  Touch nothing.

    @record
    class Usage:
        input: int
        cached: int = 0

mypy holds a record to be frozen and checks what is made of it.  The program does not: attributes
that are set the plain way take a quarter of the time, and requests make many.  It starts sooner,
too: the dataclasses module takes ten times as long for each class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Tuple, Type, TypeVar

AnyRecord = TypeVar("AnyRecord")

METHODS_OF_A_RECORD = """\
def __init__(self, {parameters}):
    {assignments}

def _values(self):
    return ({values})
"""


class Record:
    """What all records share: equal, and hashed, by kind and values."""

    __slots__ = ()
    _fields: Tuple[str, ...] = ()

    def _values(self) -> Tuple[Any, ...]:
        """The values of all fields, in order; each kind has its own."""
        return ()

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        pairs = zip(self._fields, self._values())
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"


class KeptValue:
    """What functools.cached_property is, without the lock that it takes before Python 3.12, which
    is slower than most of what is kept: two threads may both find the same value."""

    def __init__(self, find: Callable[[Any], Any]) -> None:
        self.find = find
        self.name = find.__name__
        self.__doc__ = find.__doc__

    def __get__(self, record: Any, kind: type) -> Any:
        if record is None:
            return self
        value = record.__dict__[self.name] = self.find(record)
        return value


def field_names(kind: type) -> Tuple[str, ...]:
    """The names of a record's fields, in order."""
    return kind._fields  # type: ignore[attr-defined, no-any-return]


def made_record(kind: Type[AnyRecord]) -> Type[AnyRecord]:
    """The class of records that a class describes by its annotations; its own values are defaults,
    which all records share."""
    names = tuple(getattr(kind, "__annotations__", ()))
    attributes: Dict[str, Any] = dict(vars(kind))
    del attributes["__dict__"], attributes["__weakref__"]
    defaults = {name: attributes.pop(name) for name in names if name in attributes}
    source = METHODS_OF_A_RECORD.format(
        parameters=", ".join(name + "=None" * (name in defaults) for name in names),
        assignments="; ".join(f"self.{name} = {name}" for name in names) or "pass",
        values="".join(f"self.{name}, " for name in names),
    )
    exec(source, {}, attributes)
    attributes["__init__"].__defaults__ = tuple(defaults.values())
    attributes["_fields"] = attributes["__slots__"] = names
    if any(isinstance(one, KeptValue) for one in attributes.values()):
        attributes["__slots__"] += ("__dict__",)  # where these keep what they found
    made: Any = type(kind.__name__, (Record,), attributes)
    return made  # type: ignore[no-any-return]


def changed_record(record: AnyRecord, **changes: Any) -> AnyRecord:
    """The same record with other values of some fields."""
    changed = type(record)(*record._values())  # type: ignore[attr-defined]
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


if TYPE_CHECKING:
    # What type checkers know by heart.
    from dataclasses import replace as replace
    from functools import cached_property
    from typing import dataclass_transform  # since Python 3.11

    found_once = cached_property

    @dataclass_transform(frozen_default=True)
    def record(kind: Type[AnyRecord]) -> Type[AnyRecord]:
        """The class of records that a class describes."""
        ...
else:
    record, replace, found_once = made_record, changed_record, KeptValue
