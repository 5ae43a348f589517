"""The JSON Schema of a mock file, for editors: what each key takes and means, key by key.  Pure.

A file that the parser takes fits it.  What fits may still be refused, for what only the parser
sees: keys that exclude each other, regular expressions, files, templates."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Tuple

from ..faults import FAULTS
from ..formats.all import APIS, OPERATIONS, PROVIDERS
from ..http import METHODS
from ..limits import DIALECTS, Json
from ..plans import WIRE_PLANS
from ..values import ERROR_KINDS
from .delivery import GZIP_CHOICES, MOST_COUNTED_ON, PLAN_WORDS, RECORDED

Rows = Mapping[str, Tuple[Json, str]]  # by key, the schema of its value and what it means


# --- kinds of values ---


def within_bounds(least: float, most: float) -> Json:
    """A number with these bounds."""
    return {"type": "number", "minimum": least, "maximum": most}


def whole_from(least: int, most: int = 0) -> Json:
    """A whole number with these bounds; 0 is none."""
    bounds = {"type": "integer", "minimum": least}
    if most:
        bounds["maximum"] = most
    return bounds


def list_of(items: Json, least: int = 0) -> Json:
    """An array."""
    return {"type": "array", "items": items, "minItems": least}


def either(*kinds: Json) -> Json:
    """One of several kinds of values."""
    return {"anyOf": list(kinds)}


def one_word(words: Iterable[str]) -> Json:
    """One of some words."""
    return {"enum": sorted(words)}


def some_words(words: Iterable[str]) -> Json:
    """One of some words, or a list of them."""
    return either(one_word(words), list_of(one_word(words), 1))


def defined_as(name: str) -> Json:
    """What stands under `$defs`."""
    return {"$ref": f"#/$defs/{name}"}


def members_like(values: Json, least: int = 0) -> Json:
    """An object with values of one kind, whatever they are called."""
    return {"type": "object", "additionalProperties": values, "minProperties": least}


ANYTHING: Json = True
STRING: Json = {"type": "string"}
SOME_TEXT: Json = {"type": "string", "minLength": 1}
YES_OR_NO: Json = {"type": "boolean"}
WHOLE: Json = {"type": "integer"}
NULL: Json = {"type": "null"}
OBJECT: Json = {"type": "object"}
TEXT_MATCHER: Json = defined_as("text_matcher")
TEXT_OR_NONE = either(TEXT_MATCHER, NULL)
NAMED_MATCHERS = members_like(TEXT_OR_NONE, 1)
SECONDS_TO_WAIT = within_bounds(0, 3600)
TOKENS = whole_from(0, 2**53 - 1)
VECTOR = list_of({"type": "number", "exclusiveMinimum": -3.4e38, "exclusiveMaximum": 3.4e38}, 1)
HEADER_LINE = {"type": ["string", "number"]}


# --- the keys ---

MOCK_ROWS: Rows = {
    "$schema": (ANYTHING, "Where an editor finds this schema; passed over."),
    "$comment": (ANYTHING, "For people; passed over."),
    "name": (SOME_TEXT, "What the log and the journal call it (default: file and position)."),
    "match": (defined_as("match"), "Which requests it answers (default: all that ask for text)."),
    "response": (defined_as("response"), "What it answers."),
    "responses": (
        list_of(defined_as("response"), 1),
        "What it answers in turn; the last one repeats, unless cycle is true.",
    ),
    "cycle": (YES_OR_NO, "Start over after the last of responses."),
    "times": (either(whole_from(1), NULL), "After that many uses it no longer matches."),
    "limit": (
        either(defined_as("limit"), NULL),
        "What exceeds so many requests in so many seconds gets a 429.",
    ),
    "dialect": (
        one_word(DIALECTS),
        "The dialect of OpenAI's format in which it answers, whatever that of the request is.",
    ),
    "strict": (
        YES_OR_NO,
        "Whether it refuses what its provider would refuse (default: as the server does).",
    ),
}

MATCH_ROWS: Rows = {
    "provider": (some_words(PROVIDERS), "The provider on whose path the request came in."),
    "dialect": (some_words(DIALECTS), "The dialect of OpenAI's format in which it came in."),
    "operation": (
        some_words(OPERATIONS),
        "What is asked for (default: generate; embed where a response is an embedding; rerank "
        "where it is scores; any where api or one whole path is named).",
    ),
    "api": (some_words(APIS), "One API of the operation."),
    "model": (TEXT_MATCHER, "The model or deployment name."),
    "stream": (YES_OR_NO, "Whether the answer is to be streamed."),
    "user": (TEXT_OR_NONE, "The last user message, its parts joined with newlines."),
    "system": (TEXT_OR_NONE, "The system and developer instructions, joined with newlines."),
    "tool_result": (TEXT_OR_NONE, "The newest tool result after the last user message."),
    "tool_call_id": (TEXT_OR_NONE, "The id of the call that the newest tool result answers."),
    "turn": (WHOLE, "How many assistant turns are in the conversation."),
    "history": (
        {"type": "string", "minLength": 16, "maxLength": 16},
        "The hash that a recording writes of what was said before the last user message.",
    ),
    "tools": (either(STRING, list_of(STRING, 1)), "Tools, all of which the request must offer."),
    "method": (some_words(METHODS), "The HTTP method."),
    "path": (TEXT_MATCHER, "The path as sent."),
    "query": (
        NAMED_MATCHERS,
        "Query parameters by name; null for absent; * of null for no others.",
    ),
    "headers": (NAMED_MATCHERS, "Headers by name; null for absent."),
    "port": (WHOLE, "The port that the request came in on."),
    "session": (STRING, "The session that it came in on; an empty text is none."),
    "valid": (YES_OR_NO, "Whether it breaks no rule for which its provider refuses."),
    "body": (ANYTHING, "JSON that the body contains: objects are subsets, arrays equally long."),
    "fields": (
        members_like(either(TEXT_OR_NONE, {"type": ["number", "boolean"]}), 1),
        "Places in the body, such as messages.0.content; null for absent.",
    ),
    "body_sha256": (
        {"type": "string", "minLength": 64, "maxLength": 64},
        "SHA-256 of the body as canonical JSON: sorted keys, no spaces, UTF-8.",
    ),
}

TEXT_MATCHER_ROWS: Rows = {
    "contains": (SOME_TEXT, "A piece of the text."),
    "regex": (SOME_TEXT, "A regular expression, found anywhere; named groups fill templates."),
    "glob": (SOME_TEXT, "A shell pattern that spans the whole text."),
    "not": (TEXT_MATCHER, "A text or a matcher that must not hold."),
}

PART_ROWS: Rows = {
    "text": (
        {"type": ["string", "object", "array"]},
        "What the model says; an object is said as JSON text.",
    ),
    "reasoning": (STRING, "What it thinks first."),
    "refusal": (STRING, "Its refusal."),
    "tool_calls": (list_of(defined_as("tool_call")), "Tools that it calls."),
    "block": (OBJECT, "The provider's own content block, part or item."),
}

RESPONSE_ROWS: Rows = {
    **{key: row for key, row in PART_ROWS.items() if key != "block"},
    "parts": (list_of(defined_as("part")), "Texts, reasoning, refusals, tool calls and blocks."),
    "embedding": (either(VECTOR, list_of(VECTOR, 1)), "A vector, or one for each input."),
    "scores": (VECTOR, "How relevant each document is, in their order; without one it has 0."),
    "finish_reason": (
        SOME_TEXT,
        "stop, length, tool_calls or content_filter, translated; or the provider's own word.",
    ),
    "usage": (defined_as("usage"), "Token counts; what is left out is estimated."),
    "model": (STRING, "The model that the answer names (default: the one asked for)."),
    "id": (STRING, "The answer's id (default: made from the request)."),
    "chunk_size": (whole_from(1), "Characters an event (default: a word)."),
    "extra": (
        {**OBJECT, "minProperties": 1},
        "Laid over the provider's answer, key by key; in a stream where it would be said.",
    ),
    "body": (ANYTHING, "The whole body as recorded: a JSON value, or @file."),
    "events": (
        either(STRING, list_of(ANYTHING, 1)),
        "The stream as recorded: events, its text, or @file.",
    ),
    "raw": (either(STRING, members_like(STRING)), 'These bytes: text, {"base64": …}, or @file.'),
    "error": (either(STRING, defined_as("error")), "An error in the provider's shape."),
    "after_events": (
        whole_from(0, MOST_COUNTED_ON),
        "A stream sends so many events before the error or the fault.",
    ),
    "after_pieces": (
        whole_from(0, MOST_COUNTED_ON),
        "The same in pieces of content: what a provider sends before it says something is none.",
    ),
    "fault": (one_word(FAULTS), "How the answer breaks."),
    "probability": (within_bounds(0, 1), "How likely that is; drawn from --seed."),
    "status": (whole_from(200, 599), "HTTP status."),
    "headers": (
        members_like(either(HEADER_LINE, NULL, list_of(HEADER_LINE, 1))),
        "Response headers in place of the server's own; a list is several lines, null leaves one "
        "out.",
    ),
    "delay": (SECONDS_TO_WAIT, "Seconds before the first byte."),
    "pace": (
        either(
            SECONDS_TO_WAIT,
            list_of(SECONDS_TO_WAIT, 1),
            defined_as("pace"),
            one_word([RECORDED]),
            NULL,
        ),
        "Seconds between events, or the gap after the first, the second and so on; recorded: as "
        "the file of times beside the events says.",
    ),
    "gzip": (one_word(GZIP_CHOICES), "Whether it is compressed (default: auto)."),
    "wire": (
        either(one_word(WIRE_PLANS), defined_as("wire")),
        "How the same bytes are cut: the name of a plan, or an object.",
    ),
    "gate": (
        either(YES_OR_NO, whole_from(1, MOST_COUNTED_ON)),
        "A stream stops after its first event, or so many pieces of content; a test releases each "
        "following event.",
    ),
    "keepalive": (
        either(defined_as("keepalive"), NULL),
        "What an event stream sends while nothing else is.",
    ),
}

TOOL_CALL_ROWS: Rows = {
    "name": (SOME_TEXT, "The tool's name."),
    "arguments": ({"type": ["object", "string"]}, "An object or its JSON text; or plain text."),
    "id": (STRING, "The call's id (default: made from the request)."),
}

USAGE_ROWS: Rows = {
    "input_tokens": (TOKENS, "What was read."),
    "output_tokens": (TOKENS, "What was written."),
    "reasoning_tokens": (TOKENS, "The share of output_tokens that were thoughts."),
    "cached_tokens": (TOKENS, "The share of input_tokens that came from a cache."),
    "cache_write_tokens": (TOKENS, "The share of input_tokens that went to a cache."),
}

STRING_OR_NOT = either(STRING, NULL)

ERROR_ROWS: Rows = {
    "kind": (
        either(one_word(ERROR_KINDS), NULL),
        "The same error at every provider, with its own status, type, code and sentence.",
    ),
    "message": (STRING_OR_NOT, "What it says."),
    "type": (STRING_OR_NOT, "The provider's type."),
    "code": ({"type": ["string", "integer", "null"]}, "The provider's code."),
    "param": (STRING_OR_NOT, "The field of the request that is wrong."),
}

PACE_ROWS: Rows = {
    "first": (SECONDS_TO_WAIT, "Seconds before the first event."),
    "between": (SECONDS_TO_WAIT, "Seconds between events."),
    "tokens_per_second": (within_bounds(1 / 3600, 1e9), "Events a second."),
    "jitter": (within_bounds(0, 1), "0.5 is each gap plus or minus half; drawn from --seed."),
}


def plan_words(key: str) -> Json:
    """The words that a key of a wire plan takes; empty is none."""
    return {"enum": list(PLAN_WORDS[key])}


WIRE_ROWS: Rows = {
    "split": (
        either(whole_from(1), plan_words("split")),
        "Bytes a write, or where each write is cut.",
    ),
    "coalesce": (whole_from(1), "Events a chunk and a write."),
    "eol": (plan_words("eol"), "Line ends of an event stream."),
    "comments": (either(YES_OR_NO, STRING), "A comment before each event."),
    "no_space": (YES_OR_NO, "No space after the names of fields."),
    "chunk_extensions": (YES_OR_NO, "An extension on each chunk."),
    "trailers": (YES_OR_NO, "A trailer field after the last chunk."),
    "gzip": (plan_words("gzip"), "Compressed for a client that accepts it, streams too."),
    "chunked": (YES_OR_NO, "A whole body goes in chunks."),
    "close": (YES_OR_NO, "The connection ends with the answer, and says so."),
}

KEEPALIVE_ROWS: Rows = {
    "every": (within_bounds(0.001, 3600), "Seconds for which nothing was sent."),
    "comment": (STRING, "The text of a comment (default: the provider's own ping)."),
}

LIMIT_ROWS: Rows = {
    "requests": (whole_from(0), "So many are answered in a window."),
    "per": (
        {"type": "number", "exclusiveMinimum": 0, "maximum": 86400},
        "Seconds of a window (default: 60).",
    ),
}


# --- the schema ---


def object_of(rows: Rows, *required: str) -> Json:
    """An object with these keys and no others."""
    properties = {}
    for key, (kind, about) in rows.items():
        properties[key] = {"description": about}
        if kind is not ANYTHING:
            properties[key].update(kind)
    made = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        made["required"] = list(required)
    return made


def mock_schema() -> Json:
    """The JSON Schema of a mock file: one mock, or an array of them."""
    matcher = either(STRING, {**object_of(TEXT_MATCHER_ROWS), "minProperties": 1})
    either_of_two: Any = [
        {"required": ["response"], "properties": {"responses": False}},
        {"required": ["responses"], "properties": {"response": False}},
    ]
    part = {**object_of(PART_ROWS), "minProperties": 1, "maxProperties": 1}
    mock = {**object_of(MOCK_ROWS), "anyOf": either_of_two}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:mock-llm-provider:mock",
        "title": "Mocks of mock_server.py",
        "description": "A mock, or an array of them; the first that matches answers.",
        **either(list_of(defined_as("mock")), defined_as("mock")),
        "$defs": {
            "mock": mock,
            "match": object_of(MATCH_ROWS),
            "text_matcher": matcher,
            "response": object_of(RESPONSE_ROWS),
            "part": part,
            "tool_call": object_of(TOOL_CALL_ROWS, "name"),
            "usage": object_of(USAGE_ROWS),
            "error": object_of(ERROR_ROWS),
            "pace": object_of(PACE_ROWS),
            "wire": object_of(WIRE_ROWS),
            "keepalive": object_of(KEEPALIVE_ROWS, "every"),
            "limit": object_of(LIMIT_ROWS, "requests"),
        },
    }
