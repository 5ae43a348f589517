"""A `response` of a mock from its JSON: the neutral form, errors, and which form it has.  Pure."""

from __future__ import annotations

import math
from typing import Callable, Iterable, List, Mapping, Sequence, Tuple, cast

from ..deliveries import Delivery
from ..http import NO_BODY
from ..jsons import fits, parse_json, within
from ..limits import Json
from ..node import Node
from ..outcomes import Usual
from ..records import replace
from ..values import (
    ERROR_KINDS,
    STOPS,
    Block,
    Embedding,
    Failure,
    Part,
    Reasoning,
    Refusal,
    Scores,
    Structure,
    Text,
    ToolCall,
)
from .answer import Answer, Form, Neutral
from .delivery import (
    AFTER_KEYS,
    DELIVERY_KEYS,
    FAULT_KEYS,
    parse_after,
    parse_delivery,
    parse_probability,
)
from .event_times import at_recorded_pace
from .functions import parse_function
from .recordings import MockNode, parse_raw, parse_recorded
from .templates import check_templates

PART_KINDS: Mapping[str, Callable[[str], Part]] = {
    "text": Text,
    "reasoning": Reasoning,
    "refusal": Refusal,
}

PART_KEYS = ("text", "reasoning", "refusal", "tool_calls")

LISTED_KEYS = (*PART_KEYS, "block")  # of an item of `parts`

NEUTRAL_KEYS = (
    *("text", "tool_calls", "reasoning", "refusal", "parts", "embedding", "scores"),
    *("finish_reason", "usage", "model", "id", "chunk_size", "extra"),
)

MUTE_KEYS = ("model", "id", "chunk_size")  # a neutral answer of these alone says nothing

RECORDED_KEYS = ("body", "events")

RAW_KEYS = ("raw",)

ERROR_KEYS = ("error", *AFTER_KEYS)

COMMON_KEYS = ("status", *DELIVERY_KEYS)

RESPONSE_KEYS = NEUTRAL_KEYS + RECORDED_KEYS + RAW_KEYS + ERROR_KEYS + FAULT_KEYS + COMMON_KEYS

MOCK_KEYS = (
    "name",
    "match",
    "response",
    "responses",
    "cycle",
    "times",
    "limit",
    "dialect",
    "strict",
)

NOT_OF_A_RESPONSE = dict.fromkeys(MOCK_KEYS, "is a key of a mock, not of a response")

# The keys of one form exclude those of the others.
FORMS: Tuple[Tuple[str, ...], ...] = (NEUTRAL_KEYS, RECORDED_KEYS, RAW_KEYS, ("error",))

MOST_PARTS = 10_000  # a header has room for about half as many

USAGE_SHARES: Mapping[str, str] = {
    "reasoning_tokens": "output_tokens",
    "cached_tokens": "input_tokens",
    "cache_write_tokens": "input_tokens",
}

USAGE_KEYS = ("input_tokens", "output_tokens", *USAGE_SHARES)

ERROR_TEXTS = ("message", "type", "param", "kind")


def parse_answer(response: MockNode, group_names: Iterable[str]) -> Answer:
    """One `response`; `group_names` are those of its mock's regular expressions, for templates."""
    if callable(response.value):
        return Answer(Usual(), 200, Delivery(), function=parse_function(response))
    if isinstance(response.value, str):
        response.expected('an object such as {"text": "…"}')
    response.only(RESPONSE_KEYS, NOT_OF_A_RESPONSE)
    forms = forms_of(response)
    status = response.get("status").integer("a status from 200 to 599", 200, 599, 200)
    # A fault needs no content: it may come before any of it.
    is_faulty = "fault" in response.value
    if not forms and status < 400 and not is_faulty:
        response.fail(
            "says nothing; it needs text, tool_calls, embedding, scores, body, events, raw, error "
            "or fault"
        )
    delivery = parse_delivery(response)
    # Beside a fault it is how likely that is.
    probability = 1.0
    if not is_faulty:
        probability = parse_probability(response)
    if is_broken_off(response):
        answer = parse_broken(response, delivery)
    elif NEUTRAL_KEYS in forms:
        answer = Answer(parse_neutral(response), status, delivery)
    elif RECORDED_KEYS in forms:
        answer = Answer(parse_recorded(response), status, delivery)
    elif RAW_KEYS in forms:
        answer = Answer(parse_raw(response), status, delivery)
    elif "error" not in response.value and status < 400:
        answer = Answer(Usual(), status, delivery)
    else:
        failure = parse_error(response)
        answer = Answer(failure, failure.status or 400, delivery)
    if delivery.pace and delivery.pace.is_recorded:
        answer = at_recorded_pace(response, answer)
    check_answer_templates(response, group_names)
    if probability < 1:
        answer = replace(answer, probability=probability)
    return answer


def is_broken_off(response: Node) -> bool:
    """Whether its error comes in mid-stream; a fault beside it has the events for itself."""
    spec = response.value
    has_place = not spec.keys().isdisjoint(AFTER_KEYS)
    return has_place and "error" in spec and "fault" not in spec


def forms_of(response: Node) -> List[Tuple[str, ...]]:
    """The forms that a response has keys of: one, or one and the error that breaks it off."""
    spec = response.value
    breaks_off = is_broken_off(response)
    if breaks_off and "raw" in spec:
        response.get("raw").fail("has no events after which an error could come")
    forms = [keys for keys in FORMS if not spec.keys().isdisjoint(keys)]
    if len(forms) > 1 and not (breaks_off and len(forms) == 2):
        first, second = (next(key for key in keys if key in spec) for keys in forms[:2])
        hint = ""
        if "error" in spec and not breaks_off:
            hint = '; with "after_events" the error comes in mid-stream'
        response.fail(f'has both "{first}" and "{second}"; a response has one form{hint}')
    if spec.get("status") in NO_BODY:
        return bodyless_forms(response, forms)
    return forms


def bodyless_forms(response: Node, forms: List[Tuple[str, ...]]) -> List[Tuple[str, ...]]:
    """The same of a response whose status never has a body: raw, if it says nothing else."""
    for keys in (NEUTRAL_KEYS, RECORDED_KEYS):
        if keys in forms:
            said = next(key for key in keys if key in response.value)
            response.get("status").fail(f'never has a body, so that "{said}" would not be sent')
    if not forms and "fault" not in response.value:
        return [RAW_KEYS]
    return forms


def parse_broken(response: MockNode, delivery: Delivery) -> Answer:
    """A response whose stream an error breaks off; without content it says what the user said."""
    after, failure = parse_after(response), parse_error(response)
    if failure.kind == "content_filter":
        response.within("error", "kind").fail(
            "a filter ends a stream with a finish reason: "
            '"finish_reason": "content_filter" beside text'
        )
    form: Form = Usual()
    if not response.value.keys().isdisjoint(RECORDED_KEYS):
        form = parse_recorded(response)
    elif not response.value.keys().isdisjoint(NEUTRAL_KEYS):
        form = parse_neutral(response)
    return Answer(form, 200, delivery, failure, after)


def check_answer_templates(response: Node, group_names: Iterable[str]) -> None:
    """Raise BadMock if a text that is filled asks for what a request never has."""
    # Not in `body` and `events`: a recording is sent as it is, braces and all.
    for key in (*PART_KEYS, "parts", "extra"):
        check_templates(response.get(key), group_names)
    error = response.get("error")
    if isinstance(error.value, dict):
        error = error.get("message")
    check_templates(error, group_names)


# --- the neutral form ---


def parse_neutral(response: Node) -> Neutral:
    """A neutral response."""
    parts = parse_parts(response)
    if len(parts) > MOST_PARTS:
        response.fail(f"has {len(parts)} parts, and an answer has at most {MOST_PARTS}")
    parts += parse_alone(response, parts)
    if response.value.keys().isdisjoint(set(NEUTRAL_KEYS) - set(MUTE_KEYS)):
        response.fail(
            "says nothing; it needs text, tool_calls, embedding, scores, body, events or error"
        )
    stop = "stop"
    if any(map(calls_tool, parts)):
        stop = "tool_calls"
    return Neutral(
        tuple(parts),
        parse_stop(response.get("finish_reason"), stop),
        parse_usage(response.get("usage")),
        response.get("model").text(""),
        response.get("id").text(""),
        response.get("chunk_size").integer("characters an event, at least 1", 1, math.inf, 0),
        parse_extra(response.get("extra")),
    )


def parse_extra(node: Node) -> Mapping[str, Json]:
    """What is laid over the answer."""
    extra: Mapping[str, Json] = node.a("an object", {})
    if not extra and not node.is_absent:
        node.fail("says nothing; it is what to lay over the provider's own answer")
    return extra


def calls_tool(part: Part) -> bool:
    """Whether a part calls a tool of the client, in whatever form."""
    if not isinstance(part, Block):
        return isinstance(part, ToolCall)
    # As Anthropic, Bedrock and Google write it; those that a server runs itself are of other types.
    if "toolUse" in part.value:
        return within(part.value["toolUse"], "type") is None
    return part.value.get("type") == "tool_use" or "functionCall" in part.value


def parse_stop(node: Node, usual: str) -> str:
    """Why an answer ends: one of the neutral words, or a provider's own."""
    reason: str = node.text(usual)
    if not reason:
        node.expected(", ".join(STOPS) + ", or the provider's own word")
    return reason


def parse_parts(response: Node) -> List[Part]:
    """All parts of a neutral response, in the order in which they are answered."""
    listed = response.get("parts")
    if listed.is_absent:
        # The order in which models answer: they think, speak, then call.
        keys = ("reasoning", "text", "refusal", "tool_calls")
        return [part for key in keys for part in parse_part(response.get(key))]
    beside = sorted(key for key in PART_KEYS if key in response.value)
    if beside:
        listed.fail(f'stands instead of "{beside[0]}", not beside it; move that into parts')
    parts: List[Part] = []
    for item in listed.items():
        item.only(LISTED_KEYS)
        if len(item.value) != 1:
            item.expected(f"one of {', '.join(LISTED_KEYS)}")
        for _, inner in item.members():
            parts += parse_part(inner)
    return parts


def parse_part(node: Node) -> List[Part]:
    """The parts that one key of a neutral response stands for; none where it is absent."""
    key = str(node.key)
    if node.is_absent:
        return []
    if key == "tool_calls":
        return [parse_tool_call(call) for call in node.items()]
    if key == "block":
        if not node.a("an object"):
            node.fail("says nothing; it is the provider's own content block, part or item")
        return [Block(node.value)]
    if key == "text":
        # Structured output: JSON text, written so that people can read it.
        if isinstance(node.value, (dict, list)):
            return [Structure(node.value)]
        node.a("a string or an object")
    return [PART_KINDS[key](node.text())]


def parse_tool_call(node: Node) -> ToolCall:
    """A tool call; arguments may be an object or its JSON text, or what a custom tool takes."""
    node.only(("name", "arguments", "id"))
    name, arguments, id_ = (node.get(key) for key in ("name", "arguments", "id"))
    if not isinstance(name.value, str) or not name.value:
        name.expected("the tool's name")
    if not isinstance(arguments.value, str):
        return ToolCall(name.value, arguments.a("an object", {}), id_.text(""))
    # As OpenAI's answers have them (wire formats, 5.2): a mock may be copied from one.
    try:
        value = parse_json(arguments.value.encode())
    except ValueError:
        value = None
    if isinstance(value, dict):
        return ToolCall(name.value, value, id_.text(""))
    return ToolCall(name.value, {}, id_.text(""), arguments.value)


def parse_alone(response: Node, beside: Sequence[Part]) -> List[Part]:
    """What is the whole answer of an API: vectors, or scores; none where they are absent."""
    embedding, scores = response.get("embedding"), response.get("scores")
    if not embedding.is_absent:
        if beside:
            embedding.fail("stands alone: no API answers with text and vectors")
        if not scores.is_absent:
            embedding.fail("stands alone: no API answers with vectors and scores")
        return [parse_embedding(embedding)]
    if scores.is_absent:
        return []
    if beside:
        scores.fail("stands alone: no API answers with text and scores")
    return [Scores(parse_vector(scores, "an array of numbers, one for each document"))]


def parse_embedding(node: Node) -> Embedding:
    """Vectors: one array of numbers, or an array of those."""
    rows = [node]
    if isinstance(node.value, list) and node.value and isinstance(node.value[0], list):
        rows = node.items()
    return Embedding(
        tuple(parse_vector(row, "an array of numbers, or several of them") for row in rows)
    )


def parse_vector(row: Node, what: str) -> Tuple[float, ...]:
    """One vector of numbers that 32 bits can hold; `what` says in words what it must be."""
    numbers: Json = row.value
    is_array = isinstance(numbers, list) and len(numbers) > 0
    if not is_array or not all(fits(number, "a number") for number in numbers):
        row.expected(what)
    # Vectors may be sent as float32 (wire formats, 5.6), whose largest number is about 3.4e38, and
    # scores are read as such (botocore).
    if not all(abs(number) < 3.4e38 for number in numbers):
        row.fail("holds a number that is none of 32 bits")
    return tuple(numbers)


def parse_usage(node: Node) -> Mapping[str, int]:
    """Token counts, each at least 0, shares no larger than what they are a share of."""
    if node.is_absent:
        return {}
    counts = node.only(USAGE_KEYS).value
    for _, number in node.members():
        # JSON readers that have doubles alone are exact up to here (RFC 8259, 6).
        number.integer("a number of tokens", 0, 2**53 - 1)
    taken = dict.fromkeys(USAGE_SHARES.values(), 0)
    for share, total in USAGE_SHARES.items():
        # What is read from a cache is not written to it: together they are no more than the whole.
        taken[total] += counts.get(share, 0)
        if share in counts and total in counts and taken[total] > counts[total]:
            problem = f"is a share of {total} ({counts[total]}), found {counts[share]}"
            if taken[total] > counts[share]:
                problem += f", with others {taken[total]}"
            node.get(share).fail(problem)
    return cast(Mapping[str, int], counts)


# --- errors ---


def parse_error(response: Node) -> Failure:
    """An error response; what it leaves out is the provider's own."""
    error = response.get("error")
    if isinstance(error.value, str):
        error = error.replaced({"message": error.value})
    elif error.is_absent:
        error = error.replaced({})
    error.only((*ERROR_TEXTS, "code")).check(dict.fromkeys(ERROR_TEXTS, "a string"))
    given = {key: value for key, value in error.value.items() if value is not None}
    code = given.get("code")
    if code is not None:
        if not fits(code, "a string") and not fits(code, "an integer"):
            error.get("code").expected("a string")
        code = str(code)  # numbers are texts there, too (wire formats, 6 and 12)
    kind = given.get("kind", "")
    if "kind" in given:
        error.get("kind").choice(ERROR_KINDS)
    # With a kind it is the provider's own for that, which is not known here.
    usual_status = 0 if kind else 500
    status, sent_as = response.value.get("status", usual_status), 0
    if 0 < status < 400:  # some gateways say an error with status 200
        status, sent_as = usual_status, status
    if sent_as in NO_BODY:
        response.get("status").expected("a status that has a body, beside error")
    message = given.get("message", "")
    type_, param = given.get("type"), given.get("param")
    return Failure(status, message, type_, code, param, kind, sent_as=sent_as)
