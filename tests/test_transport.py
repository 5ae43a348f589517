"""Transport: a response as steps, with heads, chunks, gzip and pace, before any socket."""

from __future__ import annotations

import itertools
import zlib
from typing import Any, List, Optional

import pytest
from cases import cases
from samples import answerer, ask, steps_of

import mock_server as m

DATE = (("Date", "now"), ("X-Mock-Request-Id", "1"))
TEXT = (("Content-Type", "text/plain"),)


def performed(response: m.HttpResponse, **exchange: Any) -> List[Any]:
    """The steps of a response: bytes, or seconds."""
    return [
        step.data if isinstance(step, m.Send) else step.seconds
        for step in steps_of(response, extra=DATE, **exchange)
    ]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: now\r\nX-Mock-Request-Id: 1\r\n"
ZIPPED = b"Vary: Accept-Encoding\r\nContent-Encoding: gzip\r\n"


@cases(
    "response, exchange, expected",
    [
        (
            m.HttpResponse(200, TEXT, b"hi", delivery=m.Delivery(gzip="never")),
            {},
            [HEAD + b"Content-Length: 2\r\n\r\nhi"],
        ),
        (
            m.HttpResponse(200, TEXT, b"hi"),
            {},
            [HEAD + b"Vary: Accept-Encoding\r\nContent-Length: 2\r\n\r\nhi"],
        ),
        (
            m.HttpResponse(200, TEXT, b"hi", may_gzip=False),
            {"head_only": True},
            [HEAD + b"Content-Length: 2\r\n\r\n"],
        ),
        (
            m.HttpResponse(200, TEXT, b"hi", may_gzip=False),
            {"keep_alive": False},
            [HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi"],
        ),
        (
            m.HttpResponse(200, TEXT, b"hi", may_gzip=False),
            {"minor": 0},
            [HEAD + b"Content-Length: 2\r\nConnection: keep-alive\r\n\r\nhi"],
        ),
        (
            m.HttpResponse(204, (), b"", may_gzip=False),
            {},
            [b"HTTP/1.1 204 No Content\r\nDate: now\r\nX-Mock-Request-Id: 1\r\n\r\n"],
        ),
        (
            m.HttpResponse(200, TEXT, b"hi", may_gzip=False, delivery=m.Delivery(delay=2.0)),
            {},
            [2.0, HEAD + b"Content-Length: 2\r\n\r\nhi"],
        ),
        (
            m.HttpResponse(200, TEXT, b"hi", twin=b"TWIN"),
            {"accept": "gzip"},
            [HEAD + ZIPPED + b"Content-Length: 4\r\n\r\nTWIN"],
        ),
        (
            m.HttpResponse(200, TEXT, b"hi", twin=b"TWIN", delivery=m.Delivery(gzip="always")),
            {},
            [HEAD + ZIPPED + b"Content-Length: 4\r\n\r\nTWIN"],
        ),
        (
            m.HttpResponse(200, TEXT, b"hi", twin=b"TWIN", delivery=m.Delivery(gzip="never")),
            {"accept": "gzip"},
            [HEAD + b"Content-Length: 2\r\n\r\nhi"],
        ),
        (
            m.HttpResponse(200, TEXT, frames=[b"a\n\n", b"bc"], may_gzip=False),
            {"accept": "gzip"},
            [
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\na\n\n\r\n2\r\nbc\r\n0\r\n\r\n",
            ],
        ),
        (
            m.HttpResponse(
                200,
                TEXT,
                frames=[b"a\n\n", b"bc"],
                may_gzip=False,
                delivery=m.Delivery(plan=m.WIRE_PLANS["event"]),
            ),
            {},
            [
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
                b"3\r\na\n\n\r\n",
                b"2\r\nbc\r\n",
                b"0\r\n\r\n",
            ],
        ),
        (
            m.HttpResponse(200, TEXT, frames=[b"a", b"b"], may_gzip=False),
            {"minor": 0},
            [HEAD + b"Connection: close\r\n\r\nab"],
        ),
        (
            m.HttpResponse(
                200,
                TEXT,
                frames=[b"a", b"b", b"c"],
                may_gzip=False,
                delivery=m.Delivery(pace=m.Pace(3.0, 0.5)),
            ),
            {},
            [
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
                3.0,
                b"1\r\na\r\n",
                0.5,
                b"1\r\nb\r\n",
                0.5,
                b"1\r\nc\r\n0\r\n\r\n",
            ],
        ),
        (
            m.HttpResponse(200, TEXT, frames=[b"a"], may_gzip=False),
            {"head_only": True},
            [HEAD + b"Transfer-Encoding: chunked\r\n\r\n"],
        ),
    ],
)
def test_a_response_becomes_these_steps(
    response: m.HttpResponse, exchange: Any, expected: Any
) -> None:
    assert performed(response, **exchange) == expected


def test_a_compressed_stream_is_one_member_that_is_flushed_after_every_event() -> None:
    frames = [b"data: %d\n\n" % number for number in range(5)]
    delivery = m.Delivery(gzip="always", pace=m.Pace(0.0, 1.0), plan=m.WIRE_PLANS["event"])
    sent = performed(m.HttpResponse(200, TEXT, frames=frames, may_gzip=False, delivery=delivery))
    assert [step for step in sent if isinstance(step, float)] == [1.0] * 4, "none before the end"
    unpacker = zlib.decompressobj(31)
    chunks = [step.partition(b"\r\n")[2][:-2] for step in sent[1:-1] if isinstance(step, bytes)]
    assert [unpacker.decompress(chunk) for chunk in chunks] == [*frames, b""] and unpacker.eof


def test_jitter_strays_by_its_share_and_is_the_same_for_the_same_seed() -> None:
    def drawn(seed: str) -> List[float]:
        return list(itertools.islice(m.gaps(m.Pace(1.0, 2.0, 0.5, seed)), 200))

    first, *others = drawn("seed")
    assert first == 1.0 and all(1.0 <= gap <= 3.0 for gap in others)
    assert max(others) > 2.7 and min(others) < 1.3
    assert drawn("seed") == [first, *others] != drawn("other")


def test_headers_of_a_mock_replace_those_of_the_connection_too_but_not_the_request_id() -> None:
    own = {"Date": "then", "vary": None, "X-Mock-Request-Id": None}
    response = ask(answerer({"response": {"text": "x", "headers": own}}), m.OpenAIChat)
    sent = performed(response)[0].decode().lower()
    assert sent.count("date: ") == 1 and "date: then" in sent
    assert "vary" not in sent and "x-mock-request-id: 1" in sent


def test_event_streams_are_compressed_only_when_told_and_json_arrays_when_asked() -> None:
    answers = answerer(
        {"match": {"model": "always"}, "response": {"text": "x", "gzip": "always"}},
        {"response": {"text": "x"}},
    )

    def coding(kind: type, accept: Optional[str], **more: Any) -> Optional[str]:
        return m.coding_of(ask(answers, kind, True, **more), accept)

    assert coding(m.OpenAIChat, "gzip") == "identity"
    assert coding(m.OpenAIChat, None, more={"model": "always"}) == "gzip"
    assert coding(m.GeminiGenerate, "gzip") == "identity"
    assert coding(m.GeminiGenerate, "gzip", query={"alt": "json"}) == "gzip"


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("sizes", [[], [1], [5, 300, 2], [m.JOINED, 10], [30_000] * 5])
def test_events_without_pauses_are_joined_as_others_are(sizes: List[int], chunked: bool) -> None:
    frames = tuple(b"x" * size for size in sizes)
    usual = m.joined(m.sent_chunks(m.coalesced(frames, 1), chunked))
    assert list(m.unpaced_chunks(frames, chunked)) == list(usual)
