"""Extra members of an answer: which events of a stream say what a mock lays over the whole.  Pure.

`Places` tell for one wire format where its stream says what stands in its whole answer.  The
nearest place that is named decides for all that is inside.  A spot is `TESTS -> PATH`: which
events say it, and where in them; several stand between semicolons.  Tests are `PATH` (something
is there), `PATH=WORD`, `first` and `last`; without any it is every event.  `{choice}` and the
like stand for the index in an array, in tests also as `PATH~{choice}` where an absent one is 0,
and say of what there must be one for each index (INDEXES).
"""

from __future__ import annotations

import base64
import re
from typing import (
    Callable,
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from ..errors import MISSING
from ..jsons import compact, laid_out, merged, parse_json, utf8
from ..limits import Json
from ..records import found_once, record
from ..values import Part, Refusal, Text, ToolCall
from .runs import with_last

TEST = re.compile("([^=~]+)([=~])?(.*)")
FIRST, LAST = ("first",), ("last",)  # tests of where an event stands in its stream
# What is said of a place that no event says, where its Places have no better advice.
ADVICE = 'give "body" and "events" instead'
Steps = Tuple[Union[str, int], ...]  # members of objects, and indexes of arrays


# --- what an answer has items of ---


@record
class Content:
    """What is known of an answer before it is written: how many choices, which parts, its end."""

    choices: int
    parts: Sequence[Part]
    stop: str


Numbers = Callable[[Content], Collection[int]]


def choice_numbers(content: Content) -> Collection[int]:
    """The numbers of the choices."""
    return range(content.choices)


def candidate_numbers(content: Content) -> Collection[int]:
    """The numbers of Google's candidates, of which a blocked prompt has none."""
    if not content.parts and content.stop == "content_filter":
        return ()
    return range(content.choices)


def part_numbers(content: Content) -> Collection[int]:
    """The numbers of the parts."""
    return range(len(content.parts))


def tool_numbers(content: Content) -> Collection[int]:
    """The numbers of those parts that are tool calls."""
    return {at for at, part in enumerate(content.parts) if isinstance(part, ToolCall)}


def call_numbers(content: Content) -> Collection[int]:
    """The numbers of the tool calls, counted apart from other parts."""
    return range(len(tool_numbers(content)))


def block_numbers(content: Content) -> Collection[int]:
    """The numbers of Cohere's content blocks: no tool calls, and no text beside those."""
    spoken = [part for part in content.parts if not isinstance(part, ToolCall)]
    if len(spoken) < len(content.parts):
        spoken = [part for part in spoken if not isinstance(part, (Text, Refusal))]
    return range(len(spoken))


# By the names in braces: which indexes an answer has, and what is said where it has not.
INDEXES: Mapping[str, Tuple[Numbers, str]] = {
    "choice": (choice_numbers, "one of the choices that are asked for"),
    "candidate": (candidate_numbers, "one of the candidates that are asked for"),
    "part": (part_numbers, 'one of its parts, to which "parts" may add'),
    "tool": (part_numbers, "one of its parts, and in a stream one that is a tool call"),
    "call": (call_numbers, 'one of its tool calls, to which "tool_calls" may add'),
    "block": (block_numbers, "one of its content blocks"),
}
# Those of which a stream has an event for some only.
STREAMED_INDEXES: Mapping[str, Numbers] = {"tool": tool_numbers}


# --- what is known of a wire format ---


def steps_of_place(place: str) -> Tuple[str, ...]:
    """A place as its steps; an empty one is the whole."""
    if not place:
        return ()
    return tuple(place.split("."))


def looked_up_in(value: Json, path: Iterable[str]) -> Json:
    """What a path leads to, through objects and arrays; MISSING where it leads nowhere."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


class Spot:
    """The events that say something, and where in them."""

    def __init__(self, text: str) -> None:
        asked, _, path = text.partition("->")
        matches = [TEST.fullmatch(test) for test in asked.split()]
        groups = [match.groups("") for match in matches if match]
        self.tests = [(steps_of_place(place), sign, word) for place, sign, word in groups]
        self.path = steps_of_place(path.strip())
        # Of the arrays whose indexes stand in these events.
        self.names = [word[1:-1] for _, _, word in self.tests if word.startswith("{")]

    def indexes_in(
        self, event: Json, ends: Collection[Tuple[str, ...]]
    ) -> Optional[Tuple[str, ...]]:
        """The indexes that stand in an event, which is at these ends of its stream; None if it is
        none of those that say this."""
        indexes = []
        for place, sign, word in self.tests:
            found = looked_up_in(event, place)
            if place in (FIRST, LAST):
                if place not in ends:
                    return None
            elif word.startswith("{"):
                if found is MISSING and sign == "~":
                    found = 0
                indexes.append(str(found))
            elif not is_as_asked(found, word):
                return None
        return tuple(indexes)

    def place_in_event(self, indexes: Mapping[str, int]) -> Steps:
        """Where in an event it stands, with indexes in place of their names."""
        steps = [step.format(**indexes) for step in self.path]
        return tuple(int(step) if step.isdigit() else step for step in steps)


def is_as_asked(found: Json, word: str) -> bool:
    """Whether what stands in an event is the word of a test; without one, whether it is there."""
    if word:
        return str(found) == word
    return found not in (MISSING, None, "") and found is not False


class Place:
    """A place of the whole answer, and those in it that are told apart: members, or items of an
    array under the name of their index."""

    def __init__(self) -> None:
        self.spots: List[Spot] = []
        self.advice = ""  # where nothing in a stream says it: what does
        self.inner: Dict[str, Place] = {}

    def at(self, steps: Iterable[str]) -> Place:
        """The place that steps lead to from here; it is there afterwards."""
        place = self
        for step in steps:
            place = place.inner.setdefault(step, Place())
        return place

    @property
    def index_name(self) -> str:
        """The name of the index, if it is an array whose items are told apart."""
        return next((step[1:-1] for step in self.inner if step.startswith("{")), "")


class Places:
    """Where the stream of a wire format says what stands in its whole answer: `said` names spots
    by place, `instead` what to write for places that it can't say."""

    def __init__(self, said: Mapping[str, str], instead: Mapping[str, str]) -> None:
        self.said, self.instead = said, instead

    @found_once
    def root(self) -> Place:
        """The whole answer; read when it is first asked for, as most mocks have no extras."""
        root = Place()
        for place, text in self.said.items():
            root.at(steps_of_place(place)).spots = [Spot(spot) for spot in text.split(";")]
        for place, advice in self.instead.items():
            root.at(steps_of_place(place)).advice = advice
        return root


NOWHERE = Places({}, {})  # of an API without streams, or of whose nothing is known


# --- what is laid over, spread over events ---


@record
class Unsaid:
    """A place that is not said, and what to write instead."""

    place: str
    advice: str


@record
class Scope:
    """Where the spreading is: in which place of the whole, by what it is said, how far it is
    inside of what that was said of, and which indexes led there."""

    place: str
    spots: Sequence[Spot]
    advice: str
    rest: Steps
    indexes: Mapping[str, int]

    def entered(self, key: str) -> Scope:
        """In a member of an object."""
        place = f"{self.place}.{key}".lstrip(".")
        return Scope(place, self.spots, self.advice, (*self.rest, key), self.indexes)

    def item(self, index: int, name: str) -> Scope:
        """In an item of an array, whose index has a name."""
        place, indexes = f"{self.place}[{index}]", {**self.indexes, name: index}
        return Scope(place, self.spots, self.advice, (*self.rest, index), indexes)

    def known_at(self, place: Place) -> Scope:
        """The same, where the place says of itself what says it."""
        if not place.spots and not place.advice:
            return self
        return Scope(self.place, place.spots, place.advice, (), self.indexes)


class Spread:
    """Extras of an answer spread over the events of its stream: what is laid over them, by spot
    and by the indexes in an event (`portions`); what can't be said (`unsaid`); and the items of
    arrays that they take for granted (`items`, with the name of the index, it, and the place)."""

    def __init__(self, places: Places, extra: Mapping[str, Json]) -> None:
        self.portions: Dict[Spot, Dict[Tuple[str, ...], Json]] = {}
        self.unsaid: List[Unsaid] = []
        self.items: List[Tuple[str, int, str]] = []
        self.enter(places.root, Scope("", (), "", (), {}), dict(extra))

    def enter(self, place: Place, scope: Scope, value: Json) -> None:
        """Spread what is laid over at one place."""
        scope, name = scope.known_at(place), place.index_name
        if not place.inner:
            self.say(scope, value)
        elif not isinstance(value, (dict, list)) or isinstance(value, list) != bool(name):
            # It would stand in place of what is said piece by piece.
            self.unsaid.append(Unsaid(scope.place, scope.advice or ADVICE))
        elif not value:
            # Nothing is laid over what is there; where nothing is, it is there then.
            self.portion(scope, value)
        elif isinstance(value, list):
            self.enter_items(place.inner[f"{{{name}}}"], scope, value, name)
        else:
            for key, member in value.items():
                if key in place.inner:
                    self.enter(place.inner[key], scope.entered(key), member)
                else:
                    self.say(scope.entered(key), member)

    def enter_items(self, place: Place, scope: Scope, items: List[Json], name: str) -> None:
        """The same in each item of an array."""
        for index, item in enumerate(items):
            # An empty one only leads to those behind it.
            if item != {}:
                inner = scope.item(index, name)
                self.items.append((name, index, inner.place))
                self.enter(place, inner, item)

    def say(self, scope: Scope, value: Json) -> None:
        """Have what is laid over at one place said, if there are events that do."""
        if scope.spots:
            self.portion(scope, value)
        else:
            self.unsaid.append(Unsaid(first_leaf(scope.place, value), scope.advice or ADVICE))

    def portion(self, scope: Scope, value: Json) -> None:
        """Give each spot of a place what it says of it."""
        for spot in scope.spots:
            path = (*spot.place_in_event(scope.indexes), *scope.rest)
            indexes = tuple(str(scope.indexes[name]) for name in spot.names)
            portions = self.portions.setdefault(spot, {})
            portions[indexes] = put(portions.get(indexes, {}), path, value)

    def lacking(self, content: Content, stream: bool) -> Optional[Unsaid]:
        """The first item that an answer does not have, and what would do; None if it has all."""
        known: Dict[str, Collection[int]] = {}
        for name, index, place in self.items:
            if name not in INDEXES:
                continue
            numbers, advice = INDEXES[name]
            if name not in known:
                if stream:
                    numbers = STREAMED_INDEXES.get(name, numbers)
                known[name] = numbers(content)
            if index not in known[name]:
                return Unsaid(place, advice)
        return None

    def laid_over(self, name: str, value: Json, ends: Collection[Tuple[str, ...]]) -> Json:
        """The value of an event, which is at these ends of its stream, with what is its own to
        say; the same bytes if that is nothing."""
        plain = value
        if isinstance(value, bytes):
            plain = parse_json(value)
        event = event_before = opened(name, plain)
        for spot, portions in self.portions.items():
            indexes = spot.indexes_in(event_before, ends)
            if indexes in portions:
                event = merged(event, portions[indexes])
        if event is event_before:
            return value
        return closed(name, plain, event, value)


def first_leaf(place: str, value: Json) -> str:
    """The place of the first value in a value that stands at a place."""
    while value and isinstance(value, (dict, list)):
        if isinstance(value, list):
            # Empty objects only lead to those behind them.
            index = next((at for at, item in enumerate(value) if item != {}), 0)
            place, value = f"{place}[{index}]", value[index]
        else:
            name, value = next(iter(value.items()))
            place = f"{place}.{name}".lstrip(".")
    return place


def put(tree: Json, path: Steps, value: Json) -> Json:
    """A tree with a value laid over what it has at a path; changed in place, as it may be long.

    Items before an index are empty objects, which leave those alone that they are laid over."""
    if not path:
        return merged(tree, value)
    step, *rest = path
    if isinstance(step, int):
        items: List[Json] = tree or []
        items += [{} for _ in range(step + 1 - len(items))]
        items[step] = put(items[step], tuple(rest), value)
        return items
    tree[step] = put(tree.get(step, {}), tuple(rest), value)
    return tree


# --- events ---


def with_extra(
    events: Iterable[Tuple[str, Json]], places: Places, extra: Mapping[str, Json]
) -> Iterator[Tuple[str, Json]]:
    """The events of a stream, with an answer's extras in those that say them."""
    spread = Spread(places, extra)
    ends = [FIRST]
    for (name, value), is_last in with_last(events):
        if is_last:
            ends.append(LAST)
        # What is no JSON says nothing: [DONE], a ping.
        if not isinstance(value, str):
            value = spread.laid_over(name, value, ends)
        yield name, value
        ends = []


def opened(name: str, value: Json) -> Json:
    """An event as its places name it: Bedrock's chunks without their wrapping, and an event that
    is known by its name alone as the member of that name (wire formats, 10.1)."""
    if name == "chunk":
        return parse_json(base64.b64decode(value["bytes"]))
    if name and "type" not in value:
        return {name: value}
    return value


def closed(name: str, plain: Mapping[str, Json], event: Json, before: Json) -> Json:
    """The reverse, of an event that is not as it was `before`, and was `plain` then."""
    if name == "chunk":
        return {**plain, "bytes": base64.b64encode(utf8(compact(event))).decode()}
    if name and "type" not in plain:
        return event[name]
    if isinstance(before, bytes):
        pads = len(before[:-1]) - len(before[:-1].rstrip(b" "))
        if pads:
            # Anthropic's events stay as padded as they were (wire formats, section 9).
            return laid_out(event, compact)[:-1] + b" " * pads + b"}"
    return event
