"""Cases of fixed seed for test_fuzz.py and compat/test_h11.py: JSON values that were right once.

A case is a random.Random of its own, seeded with the seed, the family and the number of the case:
what a failure names can be had again alone, and no family draws from another's numbers.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest
from pages import ALL, blocks
from samples import FORMS, SAMPLES, wire_of

import mock_server as m

# --- cases ---


def add_options(parser: pytest.Parser) -> None:
    """The flags that make the tests long, or others."""
    about = "go on for so many seconds in each family (default: a small number of cases)"
    parser.addoption("--fuzz-seconds", type=float, default=0.0, help=about)
    parser.addoption("--fuzz-seed", default="0", help="another seed makes other cases")
    about = "only the case of this number, as a failure names it"
    parser.addoption("--fuzz-case", type=int, default=None, help=about)


class Cases:
    """Which cases a test goes through."""

    def __init__(self, config: pytest.Config) -> None:
        self.seconds: float = config.getoption("--fuzz-seconds")
        self.seed: str = config.getoption("--fuzz-seed")
        self.only: Any = config.getoption("--fuzz-case")

    def of(self, family: str, count: int) -> Iterator[Tuple[str, Random]]:
        """The cases of a family, each with its name: so many, or more until the time is over."""
        if self.only is not None:
            yield self.case(family, self.only)
            return
        deadline = time.monotonic() + self.seconds
        number = 0
        while number < count or time.monotonic() < deadline:
            yield self.case(family, number)
            number += 1

    def case(self, family: str, number: int) -> Tuple[str, Random]:
        """One case."""
        return f"{family}, case {number} of seed {self.seed}", Random(
            f"{self.seed}/{family}/{number}"
        )

    def check(
        self,
        family: str,
        count: int,
        make: Callable[[Random], Any],
        holds: Callable[[Any], None],
        jobs: int = 1,
    ) -> None:
        """Try a family's cases, some at a time; fail with one failure of each kind, its input made
        small."""
        found: Dict[str, str] = {}
        cases = self.of(family, count)
        with ThreadPoolExecutor(jobs) as pool:
            for batch in iter(lambda: list(itertools.islice(cases, 8 * jobs)), []):
                values = [make(random) for _, random in batch]
                kinds = pool.map(failure_of, itertools.repeat(holds), values)
                for (name, _), value, kind in zip(batch, values, kinds):
                    if kind and kind not in found:
                        found[kind] = f"{name}: {kind}: {smallest(value, holds, kind)!r}"
        assert not found, "\n".join(["", *found.values()])


def failure_of(holds: Callable[[Any], None], value: Any) -> str:
    """How a case fails, in the same words for the same kind; empty if it does not."""
    try:
        holds(value)
    except Exception as error:  # noqa: BLE001  whatever it is: it is what is looked for
        innermost = error.__traceback__
        while innermost and innermost.tb_next:
            innermost = innermost.tb_next
        where = innermost.tb_frame.f_code.co_name if innermost else ""
        said = str(error).partition("\n")[0][:200]
        return f"{type(error).__name__} in {where}: " + re.sub(r"\d+|\".*|'.*", "…", said)
    return ""


def smallest(value: Any, holds: Callable[[Any], None], kind: str, tries: int = 300) -> Any:
    """What is left of a value when all is taken away without which it still fails so."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for smaller in smaller_ones(value):
            tries -= 1
            if tries < 0:
                return value
            if failure_of(holds, smaller) == kind:
                value = smaller
                is_smaller = True
                break
    return value


def smaller_ones(value: Any) -> Iterator[Any]:
    """The same with one thing less."""
    if isinstance(value, bytes):
        size = len(value)
        while size:
            for start in range(0, len(value), size):
                yield value[:start] + value[start + size :]
            size //= 2
        return
    for path in sorted(places(value), key=len):
        yield without(value, path)
        inner = at(value, path)
        pieces: Any = ()
        if isinstance(inner, str) and len(inner) > 1:
            half = len(inner) // 2
            pieces = (inner[:half], inner[half:])
        elif isinstance(inner, bytes):
            pieces = smaller_ones(inner)
        for piece in pieces:
            smaller = copy.deepcopy(value)
            at(smaller, path[:-1])[path[-1]] = piece
            yield smaller


# --- JSON values, changed ---

Path_ = Tuple[Any, ...]

# What is no such thing as was there, or hardly is.
ODD: List[Any] = [
    *(None, True, False, 0, -1, 1, 2, 7, 1.5, -0.0, 1e308, 1e-300, 2**31, 2**63, 10**18, 10**400),
    *("", " ", "\0", "\ud800", "\udfff", "\u2028", "é", "🚀", "\x7f", "\x85", "e\u0301", "ﬁ"),
    *("a\r\nX-Injected: yes", "\n", "\r", "\t", "a" * 3000, "é🚀 " * 300, "null", "true", "-1"),
    *("{{user}}", "{{", "{{body.}}", "{{body.messages.0}}", "{{header.host}}", "}}", "{{x}}"),
    *("@x", "@../x", "%00", "=", "*", "..", "1e5", "data:image/png;base64,AAAA", "[DONE]"),
    *([], {}, [[]], [{}], {"": ""}, [None], {"a": {"b": []}}, [1, "a", None], [""]),
    json.loads("[" * 150 + "]" * 150),
]

# What may be in a request, of whichever provider: members and values that its reading looks at.
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
SCHEMA = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"anyOf": [{"type": "null"}, {"enum": [1]}]}},
    "required": ["a"],
    "$defs": {"a": {"type": ["string", "null"], "pattern": "x"}},
    "additionalProperties": False,
}
FRAGMENTS: List[Tuple[str, Any]] = [
    ("tools", [{"type": "function", "function": FUNCTION}]),
    ("tools", [{"name": "f", "input_schema": SCHEMA, "description": "d"}]),
    ("tools", [{"type": "function", **FUNCTION}]),
    ("tools", [{"functionDeclarations": [FUNCTION]}]),
    ("toolConfig", {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": SCHEMA}}}]}),
    ("toolConfig", {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}),
    ("functions", [FUNCTION]),
    ("tool_choice", {"type": "function", "function": {"name": "f"}}),
    ("response_format", {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}),
    ("text", {"format": {"type": "json_schema", "name": "s", "schema": SCHEMA}}),
    ("generationConfig", {"responseSchema": SCHEMA, "candidateCount": 2, "stopSequences": ["x"]}),
    ("output_config", {"format": {"type": "json_schema", "schema": SCHEMA}}),
    ("outputConfig", {"textFormat": {"structure": {"jsonSchema": {"schema": json.dumps(SCHEMA)}}}}),
    ("format", SCHEMA),
    ("options", {"num_predict": 3, "seed": 1}),
    ("stream", True),
    ("stream_options", {"include_usage": True, "include_obfuscation": True}),
    ("n", 3),
    ("logprobs", True),
    ("encoding_format", "base64"),
    ("embedding_types", ["float", "base64", "int8", "uint8", "binary", "ubinary"]),
    ("dimensions", 8),
    ("thinking", {"type": "enabled", "budget_tokens": 1024}),
    ("reasoning", {"effort": "low", "summary": "auto"}),
    ("previous_response_id", "resp_1"),
    ("messages", [{"role": "tool", "tool_call_id": "c", "content": "22"}]),
    ("messages", [{"role": "assistant", "content": None, "tool_calls": [{"function": FUNCTION}]}]),
    ("content", [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}]),
    ("content", [{"type": "tool_result", "tool_use_id": "t", "content": [{"text": "22"}]}]),
    ("content", [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]),
    ("content", [{"type": "thinking", "thinking": "h", "signature": "s"}]),
    ("content", [{"toolResult": {"toolUseId": "t", "content": [{"json": {"a": 1}}]}}]),
    ("content", [{"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}, {"cachePoint": {}}]),
    ("parts", [{"functionCall": {"name": "f", "args": {}}}, {"inlineData": {"data": "AA"}}]),
    ("parts", [{"functionResponse": {"name": "f", "response": {"a": 1}}}, {"thought": True}]),
    ("input", [{"type": "function_call_output", "call_id": "c", "output": "22"}]),
    ("input", [{"type": "message", "role": "user", "content": [{"type": "input_text"}]}]),
    ("input", [{"type": "item_reference", "id": "msg_1"}, {"type": "reasoning", "summary": []}]),
    ("input", {"invokeModel": {"body": "eyJwcm9tcHQiOiAiYSJ9"}}),
    ("inputs", [{"content": [{"type": "text", "text": "a"}]}]),
    ("generateContentRequest", {"contents": [{"parts": [{"text": "a"}]}]}),
    ("systemInstruction", "s"),
    ("system", [{"type": "text", "text": "s"}]),
    ("prompt", ["a", [1, 2]]),
    ("promptVariables", {"a": {"text": "b"}}),
    ("documents", ["a", {"data": {"text": "b"}}]),
]
WORDS = sorted(
    {name for wire in m.WIRE_FORMATS for name in wire.fields} | {k for k, _ in FRAGMENTS}
)


def places(value: Any, path: Path_ = ()) -> List[Path_]:
    """The paths of all that lies inside a JSON value."""
    found: List[Path_] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        return found
    for key, item in inner:
        found.append((*path, key))
        if len(path) < 40:
            found += places(item, (*path, key))
    return found


def at(value: Any, path: Path_) -> Any:
    """What lies at a path."""
    for key in path:
        value = value[key]
    return value


def without(value: Any, path: Path_) -> Any:
    """A copy without what lies at a path."""
    smaller = copy.deepcopy(value)
    del at(smaller, path[:-1])[path[-1]]
    return smaller


def changed(random: Random, value: Any, others: Any = FRAGMENTS) -> Any:
    """A copy of a JSON value with some changes; `others` are members that may come in."""
    root = [copy.deepcopy(value)]
    for _ in range(random.choice((0, 1, 1, 1, 2, 4))):
        found = places(root)
        if found:
            change(random, root, random.choice(found), others)
    return root[0] if root else None


def change(random: Random, root: Any, path: Path_, others: Any) -> None:
    """Change what lies at a path."""
    holder, key = at(root, path[:-1]), path[-1]
    kind = random.randrange(9)
    if kind <= 2:
        holder[key] = odd(random)
    elif kind == 3:
        del holder[key]
    elif kind == 4:
        inner = holder[key]
        holder[key] = random.choice(([inner], {"a": inner}, [inner] * 3))
    elif kind == 5:
        holder[key] = copy.deepcopy(at(root, random.choice(places(root))))
    elif kind == 6 and isinstance(holder[key], str):
        text = holder[key]
        cut = random.randrange(len(text) + 1)
        holder[key] = text[:cut] + str(odd(random)) + text[cut:]
    elif kind == 7 and isinstance(holder, dict):
        holder[random.choice(WORDS)] = odd(random)
    else:
        name, piece = random.choice(others)
        if isinstance(holder, list):
            name = key
        holder[name] = copy.deepcopy(piece)


def odd(random: Random) -> Any:
    """A value that nobody expects."""
    return copy.deepcopy(random.choice(ODD))


def written(value: Any) -> bytes:
    """JSON as bytes; what is bytes is no JSON any more."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def spoiled_json(random: Random, value: Any) -> Any:
    """A JSON value, now and then as bytes that no JSON writer writes."""
    if random.randrange(10):
        return value
    data = json.dumps(value, ensure_ascii=random.randrange(2) == 0)
    return spoiled(random, data.encode("utf-8", "surrogatepass"))


def spoiled(random: Random, data: bytes) -> bytes:
    """Bytes with one to three of them changed, doubled, gone or strewn in."""
    found = bytearray(data)
    for _ in range(random.randrange(1, 4)):
        place = random.randrange(len(found) + 1)
        size = random.choice((1, 1, 2, 8))
        kind = random.randrange(5)
        if kind == 0:
            found[place : place + size] = b""
        elif kind == 1:
            found[place:place] = found[place : place + size]
        elif kind == 2:
            found[place : place + 1] = bytes([random.randrange(256)])
        elif kind == 3:
            found[place:place] = random.choice(STRAY)
        elif random.randrange(8) == 0:
            del found[place:]
    return bytes(found)


STRAY = (b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\x80", b"\xff", b":", b"0", b'"')


# --- requests ---


def fuller(random: Random, kind: type, body: Any) -> Any:
    """A sample with more of what its API knows."""
    (fields,) = [wire.fields for wire in m.WIRE_FORMATS if type(wire) is kind]
    fitting = [
        (name, value)
        for name, value in FRAGMENTS
        if name in fields and m.fits(value, fields[name].rstrip("!"))
    ]
    if not fitting:
        return body
    return {**body, **dict(random.choice(fitting) for _ in range(random.randrange(4)))}


# But for what says another thing when it is asked again: an adapter is loaded once.
POSTS = [
    kind
    for kind, (method, *_) in SAMPLES.items()
    if method == "POST" and wire_of(kind).takes_body and not issubclass(kind, m.LoadAdapter)
]


def json_blocks(text: str) -> List[Any]:
    """The JSON that stands in a document."""
    return [json.loads(block) for block in blocks("json", text)]


# --- mocks ---

MATCHES: List[Tuple[str, Any]] = [
    ("provider", ["openai", "gemini"]),
    ("operation", "embed"),
    ("api", ["chat", "messages"]),
    ("model", {"glob": "gpt-*"}),
    ("stream", True),
    ("user", {"regex": "(?i)h(?P<rest>.)", "not": {"contains": "x"}}),
    ("system", {"contains": "brief"}),
    ("tool_result", {"not": "22"}),
    ("turn", 0),
    ("tools", ["f"]),
    ("path", {"regex": "^/v1"}),
    ("query", {"a": None}),
    ("headers", {"x-tenant": {"contains": "a"}}),
    ("port", 5001),
    ("session", ""),
    ("body", {"messages": [{"role": "user"}]}),
    ("body_sha256", "0" * 64),
    ("method", ["POST", "PUT"]),
    (
        "fields",
        {"messages.0.content": {"regex": "H(?P<of>.)"}, "n": 2, "stream": True, "x.0": None},
    ),
    ("tool_call_id", {"glob": "c*"}),
    *((key, None) for key in ("user", "system", "tool_result", "tool_call_id")),
]
RESPONSES: List[Tuple[str, Any]] = [
    *((key, value) for form in FORMS.values() for key, value in form.items()),
    ("embedding", [0.5, -0.5]),
    ("embedding", [[0.5], [1]]),
    ("extra", {"choices": [{"x": 1}], "usage": None}),
    ("body", {"id": "1", "choices": [{"message": {"content": "a"}}]}),
    ("events", [{"type": "message_start", "message": {}}, {"choices": [{"delta": {}}]}]),
    ("events", ["a", 1, None, {"chunk": {"bytes": "AA"}}]),
    ("error", "boom"),
    (
        "error",
        {"kind": "rate_limit", "message": "m {{user}}", "type": "t", "code": 1, "param": "p"},
    ),
    ("error", {"kind": "context_length"}),
    ("error", {"kind": "content_filter"}),
    ("after_events", 1),
    ("fault", "malformed"),
    ("fault", "bad_gzip"),
    ("fault", "garbage"),
    ("probability", 0.5),
    ("status", 418),
    ("headers", {"retry-after": "1", "content-type": None, "x-a": 1.5}),
    ("delay", 0.1),
    ("pace", {"first": 0.1, "tokens_per_second": 5, "jitter": 0.5}),
    ("gzip", "always"),
    ("wire", "gzip-members"),
    ("wire", {"split": 7, "coalesce": 2, "eol": "\r\n", "comments": True, "trailers": True}),
    ("gate", True),
    ("gate", 2),
    ("after_pieces", 1),
    ("pace", [0.1, 0]),
    ("keepalive", {"every": 0.5, "comment": "a"}),
    ("wire", {"chunked": True, "split": 9, "close": True, "comments": "a\nb"}),
    ("headers", {"set-cookie": ["a=1", "b=2"]}),
    ("raw", "a\nb: é"),
    ("raw", {"base64": "AP8N\nCg=="}),
    ("events", ": c\n\nid: 1\nretry: 5\nevent: e\ndata: {}\n\ndata: [DONE]\n\n"),
    ("events", '{"done": false}\n{"done": true}\n'),
    ("events", '[{"candidates": [{"content": {"parts": [{"text": "a"}]}}]}]'),
    ("parts", [{"text": "a"}, {"block": {"type": "server_tool_use", "id": "s", "input": {}}}]),
    ("parts", [{"block": {"inlineData": {"mimeType": "image/png", "data": "AA"}}}]),
    ("parts", [{"block": {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}}]),
    ("parts", [{"block": {"type": "message", "role": "assistant", "content": []}}]),
    ("tool_calls", [{"name": "f", "arguments": "plain text", "id": "c"}]),
    ("finish_reason", "pause_turn"),
    ("finish_reason", "failed"),
    ("usage", {"input_tokens": 9, "cached_tokens": 2, "cache_write_tokens": 3}),
    ("extra", {"stop_reason": "x", "status": "y", "output": [{"a": 1}], "candidates": [{"b": 2}]}),
    ("keepalive", {"every": 0.01}),
    ("wire", {"comments": "a\r\nb", "no_space": True, "close": True}),
]
MOCK_KEYS: List[Tuple[str, Any]] = [
    ("name", "n"),
    ("cycle", True),
    ("times", 2),
    ("limit", {"requests": 3, "per": 60}),
    ("response", {"text": "a"}),
    ("responses", [{"text": "a"}, {"error": "b"}]),
    ("match", {"user": "Hi"}),
    ("match", {"path": "/any"}),
    ("$comment", "c"),
]
MEMBERS = [*MATCHES, *RESPONSES, *MOCK_KEYS]
MOCKS: List[Any] = [mock for block in json_blocks(ALL) if isinstance(block, list) for mock in block]


def response_spec(random: Random) -> Any:
    """A `response`, maybe a wrong one."""
    spec = dict(random.choice(RESPONSES) for _ in range(random.randrange(1, 4)))
    return spec if random.randrange(3) == 0 else changed(random, spec, RESPONSES)


def mock_spec(random: Random) -> Any:
    """A mock, maybe a wrong one."""
    if random.randrange(4) == 0:
        return changed(random, random.choice(MOCKS), MEMBERS)
    match = dict(random.choice(MATCHES) for _ in range(random.randrange(3)))
    spec = {"match": match, "response": response_spec(random)}
    if random.randrange(3) == 0:
        spec.update([random.choice(MOCK_KEYS)])
    return spec if random.randrange(3) == 0 else changed(random, spec, MEMBERS)
