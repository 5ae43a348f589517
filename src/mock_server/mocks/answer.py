"""An answer of a mock, and what it says to one call.  Pure."""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, FrozenSet, Mapping, Optional, Sequence, Tuple, Union

from ..deliveries import Delivery
from ..errors import Because, shown
from ..faults import is_before_all
from ..formats.all import OTHER
from ..formats.base import WireFormat
from ..formats.echo import echoed
from ..formats.extras import Content, Places, Spread
from ..formats.shapes import tool_input
from ..framings import SSE
from ..ids import estimate, share
from ..jsons import compact
from ..limits import Difference, Json
from ..marks import After
from ..outcomes import Broken, Outcome, Raw, Recorded, Usual, Usually
from ..records import found_once, record, replace
from ..values import (
    Block,
    Call,
    Embedding,
    Failure,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Scores,
    Structure,
    Text,
    ToolCall,
    Usage,
)
from .functions import Function
from .stream_texts import is_json, values_of
from .templates import Filling
from .text_matchers import Groups

PARTICULAR = frozenset((ToolCall, Block))  # of these an API may have some and not others
MUCH_RECORDED = 128 * 1024  # bytes, most of which are sent as they are
RECORDINGS = '"body", "events", "raw", "error" or "fault" answer'  # where nothing neutral does

# What some APIs answer with and nothing else, by the key of a mock.
ALONE: Mapping[str, Any] = {"embedding": Embedding, "scores": Scores}

# What mocks call the kinds of parts.
KEY_OF_KIND: Mapping[Any, str] = {
    Text: "a text",
    Reasoning: "reasoning",
    Refusal: "a refusal",
    ToolCall: "tool_calls",
    Embedding: "an embedding",
    Scores: "scores",
    Block: "a block",
}


@record
class Neutral:
    """A neutral answer before its templates are filled."""

    parts: Tuple[Part, ...]
    stop: str = "stop"
    usage: Mapping[str, int] = {}
    model: str = ""
    id: str = ""
    chunk_size: int = 0
    extra: Mapping[str, Json] = {}

    @found_once
    def kinds(self) -> FrozenSet[Any]:
        """The kinds of its parts, as an API has to be able to say them."""
        return kinds_of(frozenset(map(type, self.parts)))

    @found_once
    def is_plain(self) -> bool:
        """Whether it serves every call as it is: there is no template in it."""
        if "{{" in compact(self.extra):
            return False
        return not any(isinstance(part, Structure) or has_template(part) for part in self.parts)

    @found_once
    def custom_calls(self) -> Tuple[str, ...]:
        """The names of the tools that only custom ones can be, for what they are called with."""
        calls = [part for part in self.parts if isinstance(part, ToolCall)]
        return tuple(call.name for call in calls if call.input is not None)

    @found_once
    def plain_tokens(self) -> Tuple[int, int]:
        """What its parts cost as they are."""
        return tokens_of(self.parts)

    def reply(self, call: Call, groups: Groups) -> Reply:
        """The reply to one call."""
        extra = self.extra
        if self.is_plain:
            parts, tokens = self.parts, self.plain_tokens
        else:
            filling = Filling(call, groups)
            parts = tuple(filled_part(part, filling) for part in self.parts)
            tokens, extra = tokens_of(parts), filling.of(extra)
        return Reply(
            parts,
            self.stop,
            self.spent(call, *tokens),
            self.model or call.model,
            self.id,
            self.chunk_size,
            extra,
        )

    def spent(self, call: Call, thought: int, told: int) -> Usage:
        """Token counts: given, or what it took to think and to tell the answer."""
        given = self.usage
        reasoning, cached = given.get("reasoning_tokens", thought), given.get("cached_tokens", 0)
        output = given.get("output_tokens", reasoning + told)
        # What is estimated is never less than its share that is given, nor a share more than it.
        written = given.get("cache_write_tokens", 0)
        asked = given.get("input_tokens", max(estimate(call.prompt), cached + written))
        return Usage(asked, output, min(reasoning, output), cached, written, not given)

    def lacks(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """Why an API can't say this, if it can't."""
        if wire.operation == OTHER:
            expected = f"one of a provider; on other paths, and with other methods, {RECORDINGS}"
            return "operation", OTHER, Because(expected)
        # An API without a form of its own can't even say nothing.
        if not wire.speaks:
            return "api", call.api, Because(f"one with a form of its own; here {RECORDINGS}")
        if not self.kinds <= wire.speaks:
            names = sorted(KEY_OF_KIND[kind] for kind in self.kinds - wire.speaks)
            return "api", call.api, Because(f"one that can say {' and '.join(names)}")
        for key, kind in ALONE.items():
            if kind in wire.speaks and kind not in self.kinds:
                expected = f'another one, because its response has no "{key}"'
                return "api", call.api, Because(expected)
        if call.stream and self.stop in wire.unstreamed_stops:
            expected = f"false, because no stream ends with {shown(self.stop)}"
            return "stream", True, Because(expected)
        lacking = None
        if not self.kinds.isdisjoint(PARTICULAR):
            lacking = self.lacks_for_part(wire, call)
        if lacking is None and self.extra:
            lacking = self.lacks_for_extra(wire, call)
        return lacking

    def lacks_for_part(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """Why an API that has the kinds of its parts can't say one of them, if it can't."""
        for name in self.custom_calls:
            if name not in call.custom_tools:
                expected = f"{shown(name)} as a custom one, for its arguments are no JSON object"
                return "tools", list(call.tools), Because(expected)
        return wire.lacks(call, self.parts)

    @found_once
    def spreads(self) -> Dict[Places, Spread]:
        """Its extras over the streams of the APIs that have asked for them."""
        return {}

    def spread_over(self, wire: WireFormat) -> Spread:
        """Its extras over the events of an API."""
        found = self.spreads.get(wire.places)
        if found is None:
            found = self.spreads[wire.places] = Spread(wire.places, self.extra)
        return found

    def unreached(self, wire: WireFormat) -> str:
        """Why not all of its extras reach the streams of an API; empty if they do."""
        for unsaid in self.spread_over(wire).unsaid:
            return f'no event says {unsaid.place} of its "extra"; {unsaid.advice}'
        return ""

    def lacks_for_extra(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """Why an answer to a call has no place for what is laid over it, if it has none."""
        reason = self.unreached(wire) if call.stream else ""
        if reason:
            return "stream", True, Because(f"false, because {reason}")
        kind = wire.whole_type(call)
        if not call.stream and kind != wire.json_type:
            return "response.extra", dict(self.extra), Because(f"nothing, in what is {kind}")
        content = Content(call.choices, self.parts, self.stop)
        lacking = self.spread_over(wire).lacking(content, call.stream)
        if lacking:
            return "response.extra", lacking.place, Because(lacking.advice)
        return None


@functools.lru_cache(maxsize=256)  # thousands of mocks share a few
def kinds_of(types: FrozenSet[Any]) -> FrozenSet[Any]:
    """The kinds of parts, as an API has to be able to say them."""
    # A structure is sent as text: what an API needs for it is text alone.
    if Structure in types:
        return types - {Structure} | {Text}
    return types


def tokens_of(parts: Sequence[Part]) -> Tuple[int, int]:
    """About how many tokens thoughts have, which may be none, and all else."""
    # Of the texts, not of events: a streamed answer has the counts of a whole one.
    thought = "".join(part.text for part in parts if isinstance(part, Reasoning))
    told = "".join(told_text(part) for part in parts if not isinstance(part, Reasoning))
    return estimate(thought) if thought else 0, estimate(told)


def has_template(part: Part) -> bool:
    """Whether there is something to fill in a part."""
    if isinstance(part, ToolCall):
        return "{{" in compact([part.name, part.id, part.arguments, part.input])
    if isinstance(part, Block):
        return "{{" in compact(part.value)
    return "{{" in getattr(part, "text", "")


def told_text(part: Part) -> str:
    """What a part costs tokens for; vectors cost none."""
    if isinstance(part, ToolCall):
        return tool_input(part) + part.name
    if isinstance(part, Block):
        return compact(part.value)
    return getattr(part, "text", "")


def filled_part(part: Part, filling: Filling) -> Part:
    """A part with its templates filled."""
    if isinstance(part, ToolCall):
        filled = filling.of([part.name, part.arguments, part.id, part.input])
        return ToolCall(*filled)
    if isinstance(part, Block):
        return Block(filling.of(part.value))
    if isinstance(part, Structure):
        return Text(compact(filling.of(part.value)))
    if isinstance(part, (Embedding, Scores)) or not has_template(part):
        return part
    return type(part)(filling.of(part.text))


Form = Union[Neutral, Recorded, Raw, Failure, Usual]


@record
class Answer:
    """One `response` of a mock: its form, status, and how it travels."""

    form: Form
    status: int
    delivery: Delivery
    failure: Optional[Failure] = None  # what breaks its stream off
    after: Optional[After] = None  # where
    probability: float = 1.0  # of an error, that it is the answer at all
    function: Optional[Function] = None  # that makes the answer, of which nothing else is known

    @property
    def custom_calls(self) -> Tuple[str, ...]:
        """The custom tools that a call must declare to get it."""
        return self.form.custom_calls if isinstance(self.form, Neutral) else ()

    def wins(self, seed: str) -> bool:
        """Whether it is the answer, as far as that is drawn."""
        return self.probability >= 1 or share(f"{seed}/error") < self.probability

    def lacks(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """Why this answer can't be given to this call, if it can't."""
        if isinstance(self.form, Neutral):
            return self.form.lacks(wire, call)
        if isinstance(self.form, Recorded):
            return self.lacks_recording(self.form, wire, call)
        if isinstance(self.form, Usual) and not self.function:
            return self.lacks_content(wire, call)
        return None

    def lacks_content(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """The same of an answer that says only how it breaks."""
        fault = self.delivery.fault
        if wire.speaks or not wire.needs_mock or (fault and is_before_all(fault)):
            return None
        if self.failure and not call.stream and wire.operation != OTHER:
            return None  # the error is all of it
        # There is nothing that would have been said.
        return "api", call.api or OTHER, Because('one with an answer to break, or a "body"')

    def lacks_recording(
        self, recorded: Recorded, wire: WireFormat, call: Call
    ) -> Optional[Difference]:
        """The same of a recorded answer: whether there is one of the kind that is asked for."""
        # On a path of no provider nobody can say which of them is asked for.
        if wire.operation == OTHER:
            return None
        if call.stream and recorded.has_events:
            return self.lacks_framing(recorded, wire, call)
        status = self.status
        if recorded.whole:
            status = recorded.whole.status
        # Errors come whole, however the request wants its answer.
        if call.stream and status < 400 and not recorded.to_streams:
            expected = 'false, because its response has a "body" but no "events"'
            return "stream", True, Because(expected)
        # One that breaks off has its error for a whole answer.
        if not call.stream and not recorded.has_body and self.failure is None:
            expected = 'true, because its response has "events" but no "body"'
            return "stream", False, Because(expected)
        return None

    def lacks_framing(
        self, recorded: Recorded, wire: WireFormat, call: Call
    ) -> Optional[Difference]:
        """The same of a recorded stream: whether it can be sent in the framing of this call."""
        framing = wire.framing(call)
        # A transcript is sent as it is, whoever asks.
        if recorded.stream:
            return None
        native = recorded.kind or SSE.title
        if native == framing.title and (framing.streams or not self.failure):
            return None
        # Server-sent events may be framed anew, and so may an array: an error that breaks it off
        # comes before its last bracket.
        if native in (SSE.title, framing.title) and self.can_be_framed:
            return self.foreign_to(recorded, wire)
        reason = "because its response is text of that kind"
        if native == SSE.title:
            reason = "because its response holds an event that is no JSON"
        return "stream", framing.title, Because(f"{native}, {reason}")

    def foreign_to(self, recorded: Recorded, wire: WireFormat) -> Optional[Difference]:
        """Why its recorded values are no events of an API, which would leave them out."""
        known = type(wire).recorded_events
        if known is WireFormat.recorded_events:  # which leaves none out
            return None
        if known not in self.foreign:
            self.foreign[known] = foreign_values(recorded, wire)
        for value in self.foreign[known]:
            return "api", wire.api, Because(f"one that has the event {shown(value)}")
        return None

    @found_once
    def foreign(self) -> Dict[Any, Sequence[Json]]:
        """What of its recorded values is no event, by the ways of APIs to name events; looked for
        once."""
        return {}

    @found_once
    def is_long(self) -> bool:
        """Whether it was recorded, and it may take long to make of that what is sent."""
        form = self.form
        if not isinstance(form, Recorded):
            return False
        pieces = [form.body, *form.frames]
        pieces += [original.body for original in (form.whole, form.stream) if original]
        return sum(len(one) for one in pieces if isinstance(one, bytes)) > MUCH_RECORDED

    @found_once
    def can_be_framed(self) -> bool:
        """Whether its recorded events can be framed anew."""
        return isinstance(self.form, Recorded) and is_json(self.form)

    def to(self, call: Call, groups: Groups, usual: Callable[[Call], Usually] = echoed) -> Outcome:
        """What is answered to one call; `groups` are what its mock's regular expressions found, and
        `usual` is what would be said without it."""
        if isinstance(self.form, Failure):
            return filled_failure(self.form, call, groups)
        if isinstance(self.form, Raw):
            return self.form
        content: Usually
        if isinstance(self.form, Neutral):
            content = self.form.reply(call, groups)
        elif isinstance(self.form, Usual):
            content = usual(call)
        else:
            content = self.form
        if self.failure is None or self.after is None or isinstance(content, Failure):
            return content
        return Broken(content, filled_failure(self.failure, call, groups), self.after)


def foreign_values(recorded: Recorded, wire: WireFormat) -> Sequence[Json]:
    """The first of some recorded values that is no event of an API, if there is one."""
    for value in values_of(recorded):
        if not list(wire.recorded_events((value,))):
            return (value,)
    return ()


def filled_failure(failure: Failure, call: Call, groups: Groups) -> Failure:
    """An error with the templates in its message filled."""
    return replace(failure, message=Filling(call, groups).of(failure.message))
