"""What a mock answers: a `response` of a mock from its JSON.  Pure but for @files, which it is given."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, fields, replace
from typing import (
    Any,
    Callable,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
    cast,
)

from ..errors import MISSING, Because, nearest, shown
from ..faults import FAULTS
from ..formats.base import WireFormat
from ..framings import SSE
from ..http import FRAMING_HEADERS
from ..jsons import compact, estimate, fits, parse_json
from ..limits import Difference, Json
from ..plans import WIRE_PLANS
from ..values import (
    ERROR_KINDS,
    Broken,
    Call,
    Delivery,
    Embedding,
    Failure,
    Fault,
    Outcome,
    Pace,
    Part,
    Plan,
    Reasoning,
    Recorded,
    Refusal,
    Reply,
    Structure,
    Text,
    ToolCall,
    Usage,
)
from .match import expect, fail, known_keys
from .templates import check_templates, filled


def seconds(value: Json, place: str, key: str) -> float:
    """A pause from 0 to an hour."""
    if not fits(value, "a number") or not 0 <= value <= 3600:
        fail(place, key, f"expected seconds from 0 to 3600, found {shown(value)}")
    return float(value)


NEUTRAL_KEYS = (
    "text",
    "tool_calls",
    "reasoning",
    "refusal",
    "parts",
    "embedding",
    "finish_reason",
    "usage",
    "model",
    "id",
    "chunk_size",
    "extra",
)


RECORDED_KEYS = ("body", "events")


ERROR_KEYS = ("error", "after_events")


FAULT_KEYS = ("fault", "probability")


DELIVERY_KEYS = ("headers", "delay", "pace", "gzip", "wire", "gate")


COMMON_KEYS = ("status", *DELIVERY_KEYS)


RESPONSE_KEYS = NEUTRAL_KEYS + RECORDED_KEYS + ERROR_KEYS + FAULT_KEYS + COMMON_KEYS


PART_KINDS: Mapping[str, Callable[[str], Part]] = {
    "text": Text,
    "reasoning": Reasoning,
    "refusal": Refusal,
}


STOPS = ("stop", "length", "tool_calls", "content_filter")


ReadFile = Callable[[str, str], bytes]  # (name, place) → bytes of a file in the data directory


@dataclass(frozen=True)
class Neutral:
    """A neutral answer before its templates are filled."""

    parts: Tuple[Part, ...]
    stop: str
    usage: Mapping[str, int]
    model: str
    id: str
    chunk_size: int
    extra: Mapping[str, Json]
    kinds: FrozenSet[Any]

    def reply(self, call: Call, groups: Mapping[str, str]) -> Reply:
        """The reply to one call."""
        parts = tuple(fill(part, call, groups) for part in self.parts)
        return Reply(
            parts,
            self.stop,
            self.spent(call, parts),
            self.model or call.model,
            self.id,
            self.chunk_size,
            self.extra,
        )

    def spent(self, call: Call, parts: Sequence[Part]) -> Usage:
        """Token counts: given, or estimated from the texts."""
        texts = {
            kind: "".join(
                compact(part.arguments) + part.name
                if isinstance(part, ToolCall)
                else getattr(part, "text", "")
                for part in parts
                if isinstance(part, kind)
            )
            for kind in (object, Reasoning)
        }
        given = self.usage
        reasoning = given.get(
            "reasoning_tokens", estimate(texts[Reasoning]) if texts[Reasoning] else 0
        )
        spoken = len(texts[object]) - len(texts[Reasoning])
        output = given.get("output_tokens", reasoning + max(1, (spoken + 3) // 4))
        return Usage(
            given.get("input_tokens", max(estimate(call.prompt), given.get("cached_tokens", 0))),
            output,
            min(reasoning, output),
            given.get("cached_tokens", 0),
        )


def fill(part: Part, call: Call, groups: Mapping[str, str]) -> Part:
    """A part with its templates filled."""
    if isinstance(part, ToolCall):
        name, own, arguments = filled([part.name, part.id, part.arguments], call, groups)
        return ToolCall(name, arguments, own)
    if isinstance(part, Structure):
        return Text(compact(filled(part.value, call, groups)))
    return (
        part
        if isinstance(part, Embedding) or "{{" not in part.text
        else type(part)(filled(part.text, call, groups))
    )


Form = Union[Neutral, Recorded, Failure]


@dataclass(frozen=True)
class Answer:
    """One `response` of a mock: its form, status, and how it travels."""

    form: Form
    status: int
    delivery: Delivery
    failure: Optional[Failure] = None  # what breaks its stream off
    after_events: int = 0

    def lacks(self, wire: WireFormat, call: Call) -> Optional[Difference]:
        """Why this answer can't be given to this call, if it can't."""
        form = self.form
        if isinstance(form, Neutral):
            mute = sorted(kind.__name__ for kind in form.kinds - wire.speaks)
            if mute or (Embedding in wire.speaks and Embedding not in form.kinds):
                return (
                    "api",
                    call.api,
                    Because(
                        "one that can say what its response holds"
                        if mute
                        else 'another one, because its response has no "embedding"'
                    ),
                )
        if isinstance(form, Recorded):
            if call.stream and not (form.frames or form.values) and self.status < 400:
                return (
                    "stream",
                    True,
                    Because('false, because its response has a "body" but no "events"'),
                )
            if not call.stream and form.body is MISSING and self.failure is None:
                return (
                    "stream",
                    False,
                    Because('true, because its response has "events" but no "body"'),
                )
        return None

    def to(self, call: Call, groups: Mapping[str, str]) -> Outcome:
        """What is answered to one call."""
        if isinstance(self.form, Failure):
            return replace(self.form, message=filled(self.form.message, call, groups))
        content = self.form.reply(call, groups) if isinstance(self.form, Neutral) else self.form
        if self.failure is None:
            return content
        return Broken(
            content,
            replace(self.failure, message=filled(self.failure.message, call, groups)),
            self.after_events,
        )


def parse_part(key: str, value: Json, place: str, where: str) -> List[Part]:
    """The parts that one key of a neutral response stands for."""
    if key == "tool_calls":
        return [
            parse_tool_call(call, place, f"{where}.{index}")
            for index, call in enumerate(expect(value, "an array", place, where))
        ]
    if key == "text" and isinstance(value, (dict, list)):
        return [Structure(value)]
    kind = PART_KINDS[key]
    return [
        kind(expect(value, "a string or an object" if key == "text" else "a string", place, where))
    ]


def parse_tool_call(value: Json, place: str, where: str) -> ToolCall:
    """A tool call from its JSON; arguments may be an object or its JSON text."""
    known_keys(value, ("name", "arguments", "id"), place, where)
    if not isinstance(value.get("name"), str) or not value["name"]:
        fail(
            place,
            where + ".name",
            f"expected the tool's name, found {shown(value.get('name', MISSING))}",
        )
    arguments = value.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = parse_json(arguments.encode())
        except ValueError as error:
            fail(place, where + ".arguments", f"not JSON: {error}")
    expect(arguments, "an object", place, where + ".arguments")
    return ToolCall(
        value["name"], arguments, expect(value.get("id", ""), "a string", place, where + ".id")
    )


def parse_parts(spec: Mapping[str, Json], place: str) -> List[Part]:
    """All parts of a neutral response, in the order in which they are answered."""
    if "parts" not in spec:
        return [
            part
            for key in ("reasoning", "text", "refusal", "tool_calls")
            if key in spec
            for part in parse_part(key, spec[key], place, "response." + key)
        ]
    others = sorted({"text", "tool_calls", "reasoning", "refusal"} & set(spec))
    if others:
        fail(
            place,
            "response.parts",
            f'stands instead of "{others[0]}", not beside it; move that into parts',
        )
    found: List[Part] = []
    for index, part in enumerate(expect(spec["parts"], "an array", place, "response.parts")):
        where = f"response.parts.{index}"
        known_keys(part, ("text", "reasoning", "refusal", "tool_calls"), place, where)
        if len(part) != 1:
            fail(
                place,
                where,
                f"expected one of text, reasoning, refusal, tool_calls, found {shown(part)}",
            )
        found += [
            one
            for key, value in part.items()
            for one in parse_part(key, value, place, f"{where}.{key}")
        ]
    return found


def parse_embedding(value: Json, place: str) -> Embedding:
    """Vectors from their JSON: one array of numbers, or an array of those."""
    rows = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
    for row in rows:
        if (
            not isinstance(row, list)
            or not row
            or not all(fits(number, "a number") for number in row)
        ):
            fail(
                place,
                "response.embedding",
                f"expected an array of numbers, or several of them, found {shown(row)}",
            )
        if not all(abs(number) < 3.4e38 for number in row):
            fail(place, "response.embedding", "holds a number that is none of 32 bits")
    return Embedding(tuple(tuple(row) for row in rows))


def parse_usage(value: Json, place: str) -> Mapping[str, int]:
    """Token counts, each at least 0, shares no larger than what they are a share of."""
    known_keys(
        value,
        ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens"),
        place,
        "response.usage",
    )
    for key, number in value.items():
        if not fits(number, "an integer") or not 0 <= number < 2**53:
            fail(
                place,
                "response.usage." + key,
                f"expected a number of tokens, found {shown(number)}",
            )
    for share, of in (("reasoning_tokens", "output_tokens"), ("cached_tokens", "input_tokens")):
        if share in value and of in value and value[share] > value[of]:
            fail(
                place,
                "response.usage." + share,
                f"is a share of {of} ({value[of]}), found {value[share]}",
            )
    return cast(Mapping[str, int], value)


def parse_neutral(spec: Mapping[str, Json], names: Iterable[str], place: str) -> Neutral:
    """A neutral response from its JSON."""
    parts = parse_parts(spec, place)
    for key in ("text", "reasoning", "refusal", "tool_calls", "parts"):
        check_templates(spec.get(key), names, place, "response." + key)
    if "embedding" in spec:
        if parts:
            fail(place, "response.embedding", "stands alone: no API answers with text and vectors")
        parts = [parse_embedding(spec["embedding"], place)]
    if not {
        *PART_KINDS,
        "tool_calls",
        "parts",
        "embedding",
        "usage",
        "finish_reason",
        "extra",
    } & set(spec):
        fail(
            place,
            "response",
            "says nothing; it needs text, tool_calls, embedding, body, events or error",
        )
    kinds = frozenset(Text if isinstance(part, Structure) else type(part) for part in parts)
    stop = spec.get("finish_reason", "tool_calls" if ToolCall in kinds else "stop")
    if stop not in STOPS:
        fail(place, "response.finish_reason", f"found {shown(stop)}; {nearest(str(stop), STOPS)}")
    size = spec.get("chunk_size", 0)
    if not fits(size, "an integer") or ("chunk_size" in spec and size < 1):
        fail(
            place,
            "response.chunk_size",
            f"expected characters an event, at least 1, found {shown(size)}",
        )
    texts = {
        key: expect(spec.get(key, ""), "a string", place, "response." + key)
        for key in ("model", "id")
    }
    return Neutral(
        tuple(parts),
        stop,
        parse_usage(spec.get("usage", {}), place),
        texts["model"],
        texts["id"],
        size,
        expect(spec.get("extra", {}), "an object", place, "response.extra"),
        kinds,
    )


def parse_error(spec: Mapping[str, Json], names: Iterable[str], place: str) -> Failure:
    """An error response from its JSON; what it leaves out is the provider's own."""
    error = spec.get("error", {})
    if isinstance(error, str):
        error = {"message": error}
    known_keys(error, ("message", "type", "code", "param", "kind"), place, "response.error")
    error = {key: value for key, value in error.items() if value is not None}
    for key, value in error.items():
        if not isinstance(value, str) and not (key == "code" and fits(value, "an integer")):
            fail(place, "response.error." + key, f"expected a string, found {shown(value)}")
    kind = error.get("kind", "")
    if kind and kind not in ERROR_KINDS:
        fail(place, "response.error.kind", f"found {shown(kind)}; {nearest(kind, ERROR_KINDS)}")
    check_templates(error.get("message"), names, place, "response.error.message")
    status, code = spec.get("status", 0 if kind else 500), error.get("code")
    if status < 400 and status:
        fail(
            place,
            "response.status",
            f"expected a status of 400 or above beside error, found {shown(status)}",
        )
    return Failure(
        status,
        error.get("message", ""),
        error.get("type"),
        None if code is None else str(code),
        error.get("param"),
        kind,
    )


def parse_recorded(spec: Mapping[str, Json], read: ReadFile, place: str) -> Recorded:
    """A recorded response from its JSON; @files are read, and a gzip twin is found and compared."""
    body, twin = spec.get("body", MISSING), None
    if isinstance(body, str) and body.startswith("@"):
        body, twin = recorded_body(body[1:], read, place)
    if "events" not in spec:
        return Recorded(body, twin)
    events = spec["events"]
    if isinstance(events, str) and events.startswith("@"):
        return recorded_events(body, twin, events[1:], read, place)
    if not isinstance(events, list) or not events:
        fail(
            place,
            "response.events",
            f"expected @file.sse, @file.jsonl or an array of events, found {shown(events)}",
        )
    return Recorded(body, twin, values=tuple(events))


def recorded_body(name: str, read: ReadFile, place: str) -> Tuple[bytes, Optional[bytes]]:
    """The bytes of a recorded body and of its gzip twin, if there is one."""
    if not name.endswith((".json", ".json.gz")):
        fail(
            place,
            "response.body",
            f"expected @file.json or @file.json.gz, found {shown('@' + name)}",
        )
    plain = name[:-3] if name.endswith(".gz") else name
    data, twin = (stored(one, read, place) for one in (plain, plain + ".gz"))
    if (twin if name.endswith(".gz") else data) is None:
        fail(place, "response.body", f"no file {shown(name)} in the data directory")
    unpacked = data if twin is None else gunzipped(twin, plain + ".gz", place)
    if data is not None and unpacked != data:
        fail(
            place,
            "response.body",
            f"{plain}.gz is not the gzip of {plain}; run convert_to_gzip.py on it, or remove it",
        )
    return cast(bytes, unpacked), twin


def stored(name: str, read: ReadFile, place: str) -> Optional[bytes]:
    """The bytes of a file in the data directory, or None if there is none."""
    try:
        return read(name, place)
    except FileNotFoundError:
        return None


def gunzipped(data: bytes, name: str, place: str) -> bytes:
    """The content of a gzip file."""
    plain = b""
    while data or not plain:
        unpacker = zlib.decompressobj(31)
        try:
            plain += unpacker.decompress(data)
        except zlib.error as error:
            fail(place, "response.body", f"{name} is not gzip: {error}")
        if not unpacker.eof:
            fail(place, "response.body", f"{name} is gzip that ends too early")
        data = unpacker.unused_data
    return plain


def recorded_events(
    body: Json, twin: Optional[bytes], name: str, read: ReadFile, place: str
) -> Recorded:
    """A recorded stream: the frames of an .sse file, or a JSON value a line of a .jsonl file."""
    if not name.endswith((".sse", ".jsonl")):
        fail(
            place,
            "response.events",
            f"expected @file.sse or @file.jsonl, found {shown('@' + name)}",
        )
    data = stored(name, read, place)
    if data is None:
        fail(place, "response.events", f"no file {shown(name)} in the data directory")
    if name.endswith(".sse"):
        frames = tuple(SSE.split(data))
        return (
            Recorded(body, twin, frames)
            if frames
            else fail(place, "response.events", f"{name} holds no event")
        )
    values = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                values.append("[DONE]" if line.strip() == b"[DONE]" else parse_json(line))
            except ValueError as error:
                fail(place, "response.events", f"{name}, line {number}: {error}")
    return (
        Recorded(body, twin, values=tuple(values))
        if values
        else fail(place, "response.events", f"{name} holds no event")
    )


def parse_pace(value: Json, place: str) -> Optional[Pace]:
    """A pace from its JSON: seconds between events, or an object."""
    if value is None:
        return None
    if not isinstance(value, dict):
        return Pace(between=seconds(value, place, "response.pace"))
    known_keys(value, ("first", "between", "tokens_per_second", "jitter"), place, "response.pace")
    if "between" in value and "tokens_per_second" in value:
        fail(
            place,
            "response.pace",
            "has both between and tokens_per_second, which say the same; keep one",
        )
    rate = value.get("tokens_per_second", 1)
    if not fits(rate, "a number") or not 1 / 3600 <= rate < 1e9:
        fail(
            place,
            "response.pace.tokens_per_second",
            f"expected a number, at least one an hour, found {shown(rate)}",
        )
    between = (
        1 / rate
        if "tokens_per_second" in value
        else seconds(value.get("between", 0), place, "response.pace.between")
    )
    jitter = value.get("jitter", 0)
    if not fits(jitter, "a number") or not 0 <= jitter <= 1:
        fail(
            place,
            "response.pace.jitter",
            f"expected a share of the pause from 0 to 1, found {shown(jitter)}",
        )
    return Pace(
        seconds(value.get("first", 0), place, "response.pace.first"), between, float(jitter)
    )


def parse_headers(value: Json, place: str) -> Tuple[Tuple[str, Optional[str]], ...]:
    """Response headers from their JSON: text, numbers, or null for "leave it out"."""
    found: List[Tuple[str, Optional[str]]] = []
    for name, text in expect(value, "an object", place, "response.headers").items():
        where = "response.headers." + name
        if not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name):
            fail(place, where, "is not a header name")
        if name.lower() in FRAMING_HEADERS:
            fail(place, where, "is set by the server, because it must be true of what is sent")
        if text is not None and not fits(text, "a string") and not fits(text, "a number"):
            fail(place, where, f"expected a string, a number or null, found {shown(text)}")
        if re.search(r"[^\t\x20-\x7e\x80-\xff]", str(text)):
            fail(place, where, "holds a character that no header can carry")
        found.append((name, None if text is None else str(text)))
    return tuple(found)


def parse_delivery(spec: Mapping[str, Json], place: str) -> Delivery:
    """How a response travels, from its JSON."""
    gzip = spec.get("gzip", "auto")
    if gzip not in ("auto", "always", "never"):
        fail(
            place,
            "response.gzip",
            f"found {shown(gzip)}; {nearest(str(gzip), ('auto', 'always', 'never'))}",
        )
    return Delivery(
        seconds(spec.get("delay", 0), place, "response.delay"),
        parse_pace(spec.get("pace"), place),
        gzip,
        parse_headers(spec.get("headers", {}), place),
        expect(spec.get("gate", False), "a boolean", place, "response.gate"),
        parse_plan(spec.get("wire", {}), place),
        parse_fault(spec, place),
    )


def parse_fault(spec: Mapping[str, Json], place: str) -> Optional[Fault]:
    """How a response breaks, from its JSON."""
    if "fault" not in spec:
        if "probability" in spec:
            fail(place, "response.probability", 'is how likely a fault is, but there is no "fault"')
        return None
    kind, probability = spec["fault"], spec.get("probability", 1)
    if kind not in FAULTS:
        fail(place, "response.fault", f"found {shown(kind)}; {nearest(str(kind), FAULTS)}")
    if not fits(probability, "a number") or not 0 <= probability <= 1:
        fail(
            place,
            "response.probability",
            f"expected a number from 0 to 1, found {shown(probability)}",
        )
    return Fault(
        kind, parse_after(spec, place) if "after_events" in spec else None, float(probability)
    )


def parse_after(spec: Mapping[str, Json], place: str) -> int:
    """After how many events something happens."""
    after = spec["after_events"]
    if not fits(after, "an integer") or not 0 <= after < 1_000_000:
        fail(place, "response.after_events", f"expected a number of events, found {shown(after)}")
    return cast(int, after)


def parse_plan(value: Json, place: str) -> Plan:
    """A wire plan from its JSON: the name of one, or an object."""
    if isinstance(value, str):
        if value not in WIRE_PLANS:
            fail(place, "response.wire", f"found {shown(value)}; {nearest(value, WIRE_PLANS)}")
        return WIRE_PLANS[value]
    known_keys(value, [one.name for one in fields(Plan)], place, "response.wire")
    for key, allowed in (
        ("split", ("utf8", "eol")),
        ("eol", ("\n", "\r\n", "\r")),
        ("gzip", ("event", "block", "members")),
    ):
        found = value.get(key, allowed[0])
        if found not in allowed and not (
            key == "split" and fits(found, "an integer") and found > 0
        ):
            more = "a number of bytes, " if key == "split" else ""
            fail(
                place,
                f"response.wire.{key}",
                f"expected {more}{' or '.join(map(repr, allowed))}, found {shown(found)}",
            )
    for key in ("comments", "no_space", "chunk_extensions", "trailers"):
        expect(value.get(key, False), "a boolean", place, f"response.wire.{key}")
    if not fits(value.get("coalesce", 1), "an integer") or value.get("coalesce", 1) < 1:
        fail(
            place,
            "response.wire.coalesce",
            f"expected a number of events, found {shown(value['coalesce'])}",
        )
    return Plan(**value)


def parse_answer(spec: Json, names: Iterable[str], read: ReadFile, place: str) -> Answer:
    """One `response` from its JSON."""
    known_keys(spec, RESPONSE_KEYS, place, "response")
    forms = [keys for keys in (NEUTRAL_KEYS, RECORDED_KEYS, ("error",)) if set(keys) & set(spec)]
    both = [next(key for key in keys if key in spec) for keys in forms]
    faulty, breaks = (
        "fault" in spec,
        "after_events" in spec and "error" in spec and "fault" not in spec,
    )
    if len(forms) > 1 + breaks:
        hint = (
            '; with "after_events" the error comes in mid-stream'
            if "error" in both and not breaks
            else ""
        )
        fail(
            place,
            "response",
            f'has both "{both[0]}" and "{both[1]}"; a response has one form{hint}',
        )
    if "after_events" in spec and not (breaks or faulty):
        fail(
            place,
            "response.after_events",
            'is when an error or a fault comes, but there is neither "error" nor "fault"',
        )
    status = spec.get("status", 200)
    if not fits(status, "an integer") or not 200 <= status <= 599:
        fail(place, "response.status", f"expected a status from 200 to 599, found {shown(status)}")
    if not forms and status < 400 and not faulty:
        fail(
            place,
            "response",
            "says nothing; it needs text, tool_calls, embedding, body, events, error or fault",
        )
    delivery = parse_delivery(spec, place)
    if breaks:
        return parse_broken(spec, names, read, place, delivery)
    if NEUTRAL_KEYS in forms:
        return Answer(parse_neutral(spec, names, place), status, delivery)
    if RECORDED_KEYS in forms:
        return Answer(parse_recorded(spec, read, place), status, delivery)
    if not forms and status < 400:
        return Answer(parse_neutral({"text": "{{user}}"}, names, place), status, delivery)
    failure = parse_error(spec, names, place)
    return Answer(failure, failure.status or 400, delivery)


def parse_broken(
    spec: Mapping[str, Json], names: Iterable[str], read: ReadFile, place: str, delivery: Delivery
) -> Answer:
    """A response whose stream an error breaks off; without content of its own it says what the user said."""
    after, failure = parse_after(spec, place), parse_error(spec, names, place)
    if failure.kind == "content_filter":
        fail(
            place,
            "response.error.kind",
            "a filter ends a stream with a finish reason: "
            '"finish_reason": "content_filter" beside text',
        )
    form: Form
    if set(RECORDED_KEYS) & set(spec):
        form = parse_recorded(spec, read, place)
    else:
        neutral = spec if set(NEUTRAL_KEYS) & set(spec) else {"text": "{{user}}"}
        form = parse_neutral(neutral, names, place)
    return Answer(form, 200, delivery, failure, after)
