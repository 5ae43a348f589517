"""What of a JSON value is not as an SDK's models say: members that are unknown or missing, values
that are none of those that are named.  The SDKs themselves pass over most of that.

A kind is what a value is held against: a type, as models are annotated with (pydantic's, those of
typing), a shape of botocore, or a plain dict whose members are kinds and have to be there.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import enum
import functools
import types
import typing
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Tuple

import typing_extensions
from botocore.model import Shape
from pydantic import BaseModel
from typing_extensions import NotRequired

NOTHING = type(None)
UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))
# What stands in a union for all that the SDK does not know yet, or for what was not sent.
OPEN = ("Unknown", "Unrecognized", "Unset")
PLAIN: Dict[Any, Tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
    dict: (dict,),
    list: (list,),
    NOTHING: (NOTHING,),
}
BOTO: Dict[str, Tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}


class Fault(NamedTuple):
    """One thing that is not as the models say: where in them, and in the value."""

    place: str  # the model and its member
    said: str
    path: str

    def __str__(self) -> str:
        return f"{self.place} {self.said} (at {self.path or 'the top'})"


class Member(NamedTuple):
    """What a model says of one member."""

    kind: Any
    is_required: bool


Faults = Iterator[Fault]


def faults(value: Any, kind: Any, path: str = "", place: str = "") -> Faults:
    """All that is not as a kind says."""
    if isinstance(kind, dict):
        members = {name: Member(inner, True) for name, inner in kind.items()}
        return in_object(value, members, path, place)
    if isinstance(kind, list):
        return in_array(value, kind[0], path, place)
    if isinstance(kind, Shape):
        return in_shape(value, kind, path, place)
    kind = plain(kind)
    origin = typing_extensions.get_origin(kind)
    # Of models many more are asked for than an SDK names.
    if kind in (Any, object) or (place.endswith(".model") and isinstance(value, str)):
        return iter(())
    if origin in UNIONS:
        return in_union(value, variants(kind), path, place)
    if origin in (typing.Literal, typing_extensions.Literal):
        return among(value, typing_extensions.get_args(kind), path, place)
    if origin and issubclass(origin, Mapping):
        return in_mapping(value, typing_extensions.get_args(kind)[1], path, place)
    if origin:
        return in_array(value, typing_extensions.get_args(kind)[0], path, place)
    return in_class(value, kind, path, place)


def plain(kind: Any) -> Any:
    """A kind without annotations and other names for it."""
    while True:
        origin = typing_extensions.get_origin(kind)
        if origin in (typing_extensions.Annotated, NotRequired):
            kind = typing_extensions.get_args(kind)[0]
        elif isinstance(origin, typing_extensions.TypeAliasType):
            kind = origin.__value__[typing_extensions.get_args(kind)]
        elif isinstance(kind, typing_extensions.TypeAliasType):
            kind = kind.__value__
        else:
            return kind


@functools.lru_cache(maxsize=None)
def variants(union: Any) -> Tuple[Any, ...]:
    """The kinds that a union knows, of whatever unions; not those that stand for anything else."""
    found: List[Any] = []
    for kind in map(plain, typing_extensions.get_args(union)):
        origin = typing_extensions.get_origin(kind)
        if origin in UNIONS:
            found += variants(kind)
        elif not getattr(kind, "__name__", "").startswith(OPEN):
            found.append(kind)
    is_named = any(typing_extensions.get_origin(kind) is typing.Literal for kind in found)
    # SDKs write Literal["a", "b"] or str (Cohere: or Any), of which the second allows everything.
    return tuple(kind for kind in found if not (is_named and kind in (Any, object, str)))


def in_union(value: Any, kinds: Tuple[Any, ...], path: str, place: str) -> Faults:
    """What is least wrong with a value, of all that it may be."""
    if value is None and NOTHING in kinds:
        return iter(())
    others = [kind for kind in kinds if kind is not NOTHING]
    alike = [kind for kind in others if is_alike(value, kind)]
    found: List[List[Fault]] = []
    for kind in alike or others:
        found.append(list(faults(value, kind, path, place)))
        if not found[-1]:
            break
    return iter(min(found, key=len))


def is_alike(value: Any, kind: Any) -> bool:
    """Whether a value has all the words that tell a model from others in a union."""
    if not is_model(kind) or not isinstance(value, dict):
        return not is_model(kind) and not isinstance(value, dict)
    return all(value.get(name) in words for name, words in tags(kind).items())


@functools.lru_cache(maxsize=None)
def tags(model: Any) -> Dict[str, Tuple[Any, ...]]:
    """The members of a model that can be one word alone, such as its type."""
    kinds = {name: one_word(member.kind) for name, member in members_of(model).items()}
    return {name: words for name, words in kinds.items() if words}


def one_word(kind: Any) -> Tuple[Any, ...]:
    """The one word that a value of a kind can be, if there is one."""
    kind = plain(kind)
    words = [plain(inner) for inner in typing_extensions.get_args(kind) if inner is not NOTHING]
    if typing_extensions.get_origin(kind) in UNIONS and len(words) == 1:  # Mistral's are optional
        kind = words[0]
    is_word = typing_extensions.get_origin(kind) is typing.Literal
    found = typing_extensions.get_args(kind) if is_word else ()
    return found if len(found) == 1 else ()


def among(value: Any, words: Tuple[Any, ...], path: str, place: str) -> Faults:
    """That a value is none of these words."""
    if not any(value == word and type(value) is type(word) for word in words):
        yield Fault(place, f"is {value!r}, none of {', '.join(map(repr, words))}", path)


def in_array(value: Any, kind: Any, path: str, place: str) -> Faults:
    """What is wrong with the items of an array."""
    if not isinstance(value, list):
        yield Fault(place, f"is {value!r}, no array", path)
        return
    for index, item in enumerate(value):
        yield from faults(item, kind, f"{path}[{index}]", place)


def in_mapping(value: Any, kind: Any, path: str, place: str) -> Faults:
    """What is wrong with the values of an object whose names are free."""
    if not isinstance(value, dict):
        yield Fault(place, f"is {value!r}, no object", path)
        return
    for name, item in value.items():
        yield from faults(item, kind, f"{path}.{name}", place)


def in_class(value: Any, kind: Any, path: str, place: str) -> Faults:
    """What is wrong with a value that is to be of a class."""
    if is_model(kind):
        yield from in_object(value, members_of(kind), path, kind.__name__)
    elif issubclass(kind, enum.Enum):
        yield from among(value, tuple(member.value for member in kind), path, place)
    elif kind is datetime.datetime:
        yield from is_read(value, read_time, path, place)
    elif issubclass(kind, bytes):
        yield from is_read(value, read_base64, path, place)
    else:
        # Pydantic has numbers that are more than that, such as a ByteSize.
        known = next(base for base in kind.__mro__ if base in PLAIN)
        if not isinstance(value, PLAIN[known]) or (isinstance(value, bool) and known is not bool):
            yield Fault(place, f"is {value!r}, no {kind.__name__}", path)


def in_object(value: Any, members: Mapping[str, Member], path: str, place: str) -> Faults:
    """What is wrong with the members of an object."""
    if not isinstance(value, dict):
        yield Fault(place, f"is {value!r}, no object", path)
        return
    for name, member in members.items():
        if member.is_required and name not in value:
            yield Fault(f"{place}.{name}", "is missing", path)
    for name, item in value.items():
        if name in members:
            yield from faults(item, members[name].kind, f"{path}.{name}", f"{place}.{name}")
        else:
            yield Fault(f"{place}.{name}", "is unknown", path)


def is_read(value: Any, read: Any, path: str, place: str) -> Faults:
    """That a text can't be read as what it is to be."""
    try:
        read(value)
    except (TypeError, ValueError, AttributeError) as error:
        yield Fault(place, f"is {value!r}: {error}", path)


def read_time(text: str) -> datetime.datetime:
    """A moment as RFC 3339 has it."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def read_base64(text: str) -> bytes:
    """Bytes; Google takes the alphabet of URLs, too."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return base64.urlsafe_b64decode(text)


def is_model(kind: Any) -> bool:
    """Whether a kind is one of pydantic's models or a TypedDict."""
    is_class = isinstance(kind, type)
    return is_class and (issubclass(kind, BaseModel) or typing_extensions.is_typeddict(kind))


@functools.lru_cache(maxsize=None)
def members_of(model: Any) -> Dict[str, Member]:
    """What a model says of its members, by their names on the wire."""
    if typing_extensions.is_typeddict(model):
        hints = typing_extensions.get_type_hints(model, include_extras=True)
        return {
            name: Member(kind, typing_extensions.get_origin(kind) is not NotRequired)
            for name, kind in hints.items()
        }
    found = {}
    for name, field in model.model_fields.items():
        # Cohere's models have the name beside the type (FieldMetadata).
        beside = [more.alias for more in field.metadata if hasattr(more, "alias")]
        wire = next(filter(None, (*beside, field.validation_alias, field.alias)), name)
        # A type that has a default is sent, too.
        is_tag = bool(one_word(field.annotation)) and field.default is not None
        found[str(wire)] = Member(field.annotation, field.is_required() or is_tag)
    return found


def in_shape(value: Any, shape: Any, path: str, place: str) -> Faults:
    """What is not as a shape of botocore says."""
    kind = shape.type_name
    if kind == "structure":
        members = {
            inner.serialization.get("name", name): Member(inner, name in shape.required_members)
            for name, inner in shape.members.items()
            if not inner.serialization.get("location")
        }
        if not shape.is_document_type:
            yield from in_object(value, members, path, shape.name)
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            yield Fault(shape.name, f"has {sorted(value)}, not one of its members", path)
    elif kind == "list":
        yield from in_array(value, shape.member, path, f"{place}[]")
    elif kind == "map":
        yield from in_mapping(value, shape.value, path, place)
    elif kind == "blob":
        yield from is_read(value, read_base64, path, place)
    elif kind == "timestamp":
        yield from is_read(value, read_time, path, place)
    elif getattr(shape, "enum", None):
        yield from among(value, tuple(shape.enum), path, place)
    elif not isinstance(value, BOTO[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield Fault(place, f"is {value!r}, no {kind}", path)
