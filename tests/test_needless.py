"""Keys of a delivery: what they are read as, and which of them would change nothing."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Set

import pytest
from mocked import mock_of
from samples import answerer, ask, call_of, steps_of, wire_of

import mock_server as m

WRONG: List[Any] = [
    ({"pace": []}, "response.pace: has no gap; the first is the one after the first event"),
    ({"pace": [1, -1]}, "response.pace[1]: expected seconds from 0 to 3600, found -1"),
    ({"pace": {"jitter": 1}}, "response.pace.jitter: is a share of the pauses between events, and"),
    ({"pace": {"first": 1, "between": 0, "jitter": 0.5}}, "response.pace.jitter: is a share"),
    ({"gate": 0}, "response.gate: expected true, or how many pieces of content go out at once"),
    ({"gate": "x"}, "response.gate: expected true, or how many pieces"),
    ({"keepalive": 1}, "response.keepalive: expected an object"),
    ({"keepalive": {"comment": "x"}}, "response.keepalive.every: expected seconds from 0.001 to"),
    ({"keepalive": {"every": 0}}, "response.keepalive.every: expected seconds from 0.001 to 3600"),
    ({"keepalive": {"evry": 1}}, 'response.keepalive.evry: unknown key; did you mean "every"?'),
    ({"keepalive": {"every": 1, "comment": 5}}, "response.keepalive.comment: expected a string"),
    ({"wire": {"comments": 5}}, "response.wire.comments: expected true, false, or the text of the"),
    ({"wire": {"chunked": 1}}, "response.wire.chunked: expected a boolean, found 1"),
    ({"headers": {"x-a": []}}, "response.headers.x-a: has no value; null leaves the header out"),
    ({"headers": {"x-a": ["a", None]}}, "response.headers.x-a[1]: expected a string or a number"),
    ({"headers": {"x-a": ["a", "b\n"]}}, "response.headers.x-a[1]: holds a character that no"),
    ({"headers": {"Connection": "close"}}, '"wire": "close" ends the connection, and says so'),
    (
        {"headers": {"transfer-encoding": "chunked"}},
        '"wire": "chunked" sends a whole body in chunks',
    ),
    (
        {"fault": "drip", "after_events": 1, "after_pieces": 1},
        "response.after_pieces: says where, and",
    ),
    ({"after_pieces": 1}, "response.after_pieces: is when an error or a fault comes, but there is"),
    ({"fault": "drip", "after_pieces": -1}, "expected a number of pieces of content, found -1"),
    ({"fault": "drip", "probability": 0}, "response.probability: is 0, so that the fault never"),
    ({"wire": "gzip-block", "gzip": "never"}, "response.gzip: has the last word, so that"),
    ({"fault": "reset", "pace": 1}, "response.pace: has no effect: a reset sends nothing before"),
    ({"fault": "hang", "headers": {"x-a": "b"}}, "response.headers: has no effect: a hang sends"),
]
ERRORS: List[Any] = [  # what only a stream has, beside what is always whole
    ({"pace": 1}, "response.pace: has no effect: a whole answer has no events"),
    ({"gate": True}, "response.gate: has no effect: a whole answer has no events"),
    ({"wire": "coalesce"}, "response.wire: has no effect: a whole answer has no events"),
    ({"wire": {"split": 2, "eol": "\r"}}, "response.wire.eol: has no effect: only event streams"),
    (
        {"wire": "trailers"},
        'response.wire: has no effect: a whole answer has no chunks, unless "chu',
    ),
    (
        {"delay": 2, "keepalive": {"every": 1}},
        "response.keepalive: has no effect: nothing comes bef",
    ),
    ({"fault": "close", "after_events": 1}, "response.after_events: has no effect: a whole answer"),
]


def test_what_a_key_does_not_take_or_would_not_do_is_refused() -> None:
    cases = [({"text": "x", **more}, message) for more, message in WRONG]
    cases += [({"error": "x", **more}, message) for more, message in ERRORS]
    cases += [({"status": 503, **more}, message) for more, message in ERRORS]
    for response, message in cases:
        with pytest.raises(m.BadMock) as caught:
            mock_of({"response": response})
        assert message in str(caught.value), response


def test_what_says_no_more_than_is_so_anyway_is_taken() -> None:
    usual = {
        "text": "x",
        "delay": 0,
        "pace": 0,
        "gate": False,
        "keepalive": None,
        "wire": {"comments": False, "chunked": False, "close": False},
    }
    delivery = m.parse_delivery(m.Node(usual))
    assert delivery == m.Delivery(pace=m.Pace())
    error = {"error": "x", "wire": {"chunked": True, "trailers": True, "split": 4}, "delay": 1}
    mock_of({"response": {**error, "fault": "close", "after_events": 1}})
    mock_of({"response": {"error": {"kind": "content_filter"}, "pace": 1}})  # it may be a stream


def vain_keys(spec: Dict[str, Any], kind: Optional[type], **more: Any) -> Set[str]:
    """The keys that are in vain in a whole answer, or in the stream of an API."""
    delivery = m.parse_delivery(m.Node(spec))
    if kind is None:
        return set(m.vain(spec, delivery, (None, b"", True)))
    framing = wire_of(kind).framing(call_of(kind, True, **more))
    return set(m.vain(spec, delivery, (framing, wire_of(kind).ping, framing.negotiated)))


ALIVE = {"delay": 2, "keepalive": {"every": 1}}
TOLD = {"delay": 2, "keepalive": {"every": 1, "comment": "x"}}
VAIN: List[Any] = [  # a response, the API whose stream it is or None, what is in vain
    ({"pace": 1, "gate": 2}, None, {"pace", "gate"}),
    ({"pace": 1, "gate": 2}, m.OpenAIChat, set()),
    (ALIVE, None, {"keepalive"}),
    (ALIVE, m.OpenAIChat, set()),
    (ALIVE, m.GeminiGenerate, {"keepalive"}),
    (TOLD, m.GeminiGenerate, set()),
    (TOLD, m.OllamaChat, {"keepalive"}),
    (TOLD, m.BedrockConverse, {"keepalive"}),
    ({**ALIVE, "delay": 1}, m.OpenAIChat, {"keepalive"}),
    ({**ALIVE, "delay": 0, "pace": [0, 2]}, m.OpenAIChat, set()),
    ({**ALIVE, "delay": 0, "pace": 0.5, "wire": "coalesce"}, m.OpenAIChat, set()),
    ({**ALIVE, "delay": 0, "gate": True}, m.OpenAIChat, set()),
    ({**ALIVE, "delay": 0, "fault": "hang", "after_events": 1}, m.OpenAIChat, set()),
    ({"wire": "crlf"}, None, {"wire.eol"}),
    ({"wire": "crlf"}, m.OllamaChat, {"wire.eol"}),
    (
        {"wire": {"comments": "", "no_space": True}},
        m.BedrockConverse,
        {"wire.comments", "wire.no_space"},
    ),
    ({"wire": "comments"}, m.AnthropicMessages, set()),
    ({"wire": "eol"}, m.OllamaChat, {"wire.split"}),
    ({"wire": "chunked"}, None, set()),
    ({"wire": "chunked"}, m.OpenAIChat, {"wire.chunked"}),
    ({"wire": "close"}, None, set()),
    ({"wire": "gzip-block"}, None, {"wire.gzip"}),
    ({"wire": "gzip-members"}, None, set()),
    ({"wire": "gzip-block"}, m.OpenAIChat, set()),
    ({"gzip": "never"}, m.OpenAIChat, {"gzip"}),
    ({"gzip": "never"}, None, set()),
    ({"wire": "extensions"}, None, {"wire.chunk_extensions"}),
    ({"fault": "close", "after_events": 1}, None, {"after_events"}),
    ({"fault": "close", "after_events": 1, "wire": "byte"}, None, set()),
    ({"fault": "malformed", "after_events": 1, "wire": "byte"}, None, {"after_events"}),
    ({"fault": "close", "after_pieces": 1, "wire": "byte"}, None, {"after_pieces"}),
    ({"error": "x", "after_events": 1}, None, {"after_events"}),
    ({"error": "x", "after_events": 1}, m.OpenAIChat, set()),
]


def test_what_is_in_vain_depends_on_what_is_answered() -> None:
    for spec, kind, expected in VAIN:
        assert vain_keys(spec, kind) == expected, (spec, kind)
    array = {"query": {"alt": "json"}}
    assert vain_keys({"wire": "crlf"}, m.GeminiGenerate, **array) == {"wire.eol"}


def test_a_key_is_refused_only_where_no_answer_of_a_mock_heeds_it() -> None:
    reached = [(None, b"", True), (m.GO_LINES, b"", False)]
    for spec, message in [
        ({"pace": 1, "delay": 1, "wire": {"split": 3}}, ""),
        ({"wire": "crlf"}, "wire: has no effect: only event streams"),
        ({"wire": {"chunked": True, "no_space": True}}, "wire.no_space: has no effect"),
    ]:
        node = m.Node(spec)
        delivery = m.parse_delivery(node)
        found = m.vain_in_all(node, delivery, reached)
        told = f"{found[0].path}: {found[1]}" if found else ""
        assert told.startswith(message) and bool(told) == bool(message)
        assert m.vain_in_all(node, delivery, [*reached, (m.OPENAI_SSE, b"x", False)]) is None


def test_a_header_may_have_several_lines_in_every_kind_of_answer() -> None:
    headers = {"headers": {"Set-Cookie": ["a=1", "b=2"], "content-type": None, "x-n": [1, 2.5]}}
    answers: List[Any] = [
        ({"text": "x"}, False),
        ({"text": "x"}, True),
        ({"error": "boom"}, False),
        ({"text": "x", "fault": "malformed"}, True),
        ({"text": "x", "fault": "reset", "after_events": 1}, True),
    ]
    for response, stream in answers:
        told = ask(answerer({"response": {**response, **headers}}), m.OpenAIChat, stream)
        over = {"x-mock-response": json.dumps(headers)}
        laid = ask(answerer({"response": response}), m.OpenAIChat, stream, headers=over)
        for made in (told, laid):
            (first, *_) = [step.data for step in steps_of(made) if isinstance(step, m.Send)]
            head = first.partition(b"\r\n\r\n")[0] + b"\r\n"
            assert head.count(b"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n") == 1, response
            assert head.count(b"\r\nx-n: 1\r\nx-n: 2.5\r\n") == 1
            assert b"Content-Type:" not in head
    limited = {"limit": {"requests": 3, "per": 60}, "response": {"text": "x", **headers}}
    (made,) = steps_of(ask(answerer(limited), m.OpenAIChat))
    assert isinstance(made, m.Send) and made.data.count(b"Set-Cookie") == 2


def test_a_header_brings_along_nothing_that_no_answer_shows() -> None:
    for spec in [
        {"raw": "x", "pace": 1},
        {"error": "boom", "gate": True},
        {"embedding": [1, 2], "wire": "crlf"},
    ]:
        with pytest.raises(m.BadMock, match="X-Mock-Response: response.*has no effect"):
            m.read_header(spec)
    assert m.read_header({"embedding": [1, 2]}).answer
