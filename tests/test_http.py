"""HTTP: heads and bodies from bytes, what is refused, which coding is agreed on."""

from __future__ import annotations

import gzip
import itertools
import zlib
from typing import Any, Optional

import pytest
from cases import cases

import mock_server as m

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


def test_a_head_is_parsed() -> None:
    head = m.parse_head(
        b"POST /a?b=c HTTP/1.1\r\nHost: x:1\r\nX-A:1\r\nx-a:  2\t\r\n"
        b"Cookie: a\r\nCookie: b\r\nEmpty:\r\n\r\n"
    )
    assert (head.method, head.target, head.minor) == ("POST", "/a?b=c", 1)
    assert head.headers == {
        "host": "x:1",
        "x-a": "1, 2",
        "cookie": "a; b",
        "empty": "",
    } and head.repeated == {"x-a", "cookie"}


BAD_HEADS = [
    (b"GET /\r\nHost: a\r\n\r\n", 400, "malformed request line"),
    (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request line"),
    (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request line"),
    (b"G\x00T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request line"),
    (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request line"),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "HTTP/2.0"),
    (b"PRI * HTTP/2.0\r\n\r\n", 505, "HTTP/2.0"),
    (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "TLS handshake"),
    (GET + b"X: a\r\n b\r\n\r\n", 400, "continues the one before it"),
    (GET + b"X : a\r\n\r\n", 400, "space before its colon"),
    (GET + b"Xa\r\n\r\n", 400, "has no colon"),
    (GET + b"X: a\x00\r\n\r\n", 400, "control character"),
    (GET + b"X: a\rb\r\n\r\n", 400, "control character"),
    (GET + b"(X): a\r\n\r\n", 400, "malformed name"),
    (GET + b"X: a\nY: b\r\n\r\n", 400, "bare LF"),
    (b"GET / HTTP/1.1\r\n\r\n", 400, "Host header is missing"),
    (GET + b"Host: a\r\n\r\n", 400, "Host header is malformed"),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "Host header is malformed"),
    (b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 501, 'method "FOO" is not implemented'),
    (GET + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, "Content-Length is"),
    (GET + b"Content-Length: 5, 5\r\n\r\n", 400, "Content-Length is"),
    (GET + b"Content-Length: +5\r\n\r\n", 400, "Content-Length is"),
    (GET + b"Content-Length: 0x5\r\n\r\n", 400, "Content-Length is"),
    (GET + b"Content-Length: \r\n\r\n", 400, "Content-Length is"),
    (
        GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "contradict each other",
    ),
    (GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "only chunked"),
    (GET + b"Transfer-Encoding: xchunked\r\n\r\n", 501, "only chunked"),
    (
        GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "only chunked",
    ),
    (GET + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400, "only chunked"),
    (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "does not exist in HTTP/1.0"),
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "request line is longer"),
    (GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431, "head is longer"),
    (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target"),
    (b"GET a?u=http://b/v1/models HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target"),
    (GET + b"Transfer-Encoding: chunked\xa0\r\n\r\n", 501, "only chunked"),
    (GET + b"Transfer-Encoding: chunked,\r\n\r\n", 400, "only chunked"),
]


@pytest.mark.parametrize(
    "data, method, path",
    [
        (b"HEAD /v1//messages?key=k HTTP/1.1\r\nX", "HEAD", "/v1/messages"),
        (b"POST /@s/v1/messages", "POST", "/v1/messages"),
        (b"sk-SECRET /v1/models HTTP/1.1", "GET", "/v1/models"),
        (b"HEAD  /v1/models", "HEAD", "/"),
        (b"HEAD", "GET", "/"),
        (b"POST /@s/v1/messages?key=k HTTP/1.1\nHost: x\n\n", "POST", "/v1/messages"),
        (b"Authorization: Bearer /sk-a\r\n", "GET", "/"),
        (b"", "GET", "/"),
    ],
)
def test_a_malformed_request_is_answered_as_what_it_seems_to_be(
    data: bytes, method: str, path: str
) -> None:
    head = m.begun_head(data)
    assert (head.method, head.path, head.query) == (method, path, {})


@cases("data, status, message", BAD_HEADS)
def test_a_malformed_head_is_refused_and_the_connection_with_it(
    data: bytes, status: int, message: str
) -> None:
    with pytest.raises(m.Refused) as caught:
        m.parse_head(data)
    assert caught.value.status == status and message in caught.value.message and caught.value.close


@pytest.mark.parametrize(
    "method, headers, refused",
    [
        ("POST", {}, None),
        ("PUT", {}, None),
        ("GET", {}, None),
        ("POST", {"content-length": "11"}, 413),
        ("POST", {"content-length": "9" * 30}, 413),
        ("POST", {"content-length": "10"}, None),
    ],
)
def test_a_body_may_be_absent_and_no_larger_than_is_allowed(
    method: str, headers: Any, refused: Optional[int]
) -> None:
    head = m.Head(method, "/", 1, headers)
    if not refused:
        m.body_reader(head, 10)
        return
    with pytest.raises(m.Refused) as caught:
        m.body_reader(head, 10)
    assert caught.value.status == refused


CHUNKED = b'4;ext="a"\r\nWiki\r\n5 \r\npedia\r\n0\r\nTrailer: x\r\n\r\nGET'


def test_a_chunked_body_reads_the_same_in_every_split() -> None:
    for one, two in itertools.combinations(range(len(CHUNKED) + 1), 2):
        reader = m.ChunkedBody(100)
        done = [reader.feed(data) for data in (CHUNKED[:one], CHUNKED[one:two], CHUNKED[two:])]
        assert (bytes(reader.pieces), reader.rest, done[-1]) == (b"Wikipedia", b"GET", True), (
            one,
            two,
        )


@pytest.mark.parametrize(
    "data, status, message",
    [
        (b"x\r\n", 400, "malformed chunk size"),
        (b"-1\r\n", 400, "malformed chunk size"),
        (b"\r\n", 400, "malformed chunk size"),
        (b"0x4\r\n", 400, "malformed chunk size"),
        (b"4\nWiki", 400, "bare LF"),
        (b"4\r\nWikiX\r\n", 400, "longer than its size"),
        (b"65\r\n", 413, "larger than 100 bytes"),
        (b"ffffffffffffffff\r\n", 413, "larger"),
        (b"0\r\nbad trailer\r\n", 400, "malformed trailer"),
        (b"4" + b";" + b"a" * 5000, 400, "longer than 4096"),
    ],
)
def test_a_malformed_chunked_body_is_refused(data: bytes, status: int, message: str) -> None:
    with pytest.raises(m.Refused) as caught:
        m.ChunkedBody(100).feed(data)
    assert caught.value.status == status and message in caught.value.message and caught.value.close


def test_a_body_of_very_many_chunks_is_read_in_time_that_grows_with_its_length() -> None:
    reader = m.ChunkedBody(10**6)
    assert reader.feed(b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n") and len(reader.pieces) == 100_000


RAW = zlib.compressobj(9, zlib.DEFLATED, -15)

RAW_DEFLATE = RAW.compress(b"hello") + RAW.flush()


@pytest.mark.parametrize(
    "codings, data",
    [
        (["gzip"], gzip.compress(b"hello")),
        (["x-gzip"], gzip.compress(b"hel") + gzip.compress(b"lo")),
        (["deflate"], zlib.compress(b"hello")),
        (["deflate"], RAW_DEFLATE),
        (["identity"], b"hello"),
        (["deflate", "gzip"], gzip.compress(zlib.compress(b"hello"))),
    ],
)
def test_content_codings_are_undone(codings: Any, data: bytes) -> None:
    assert m.decoded(data, codings, 100) == b"hello"


@pytest.mark.parametrize(
    "codings, data, status, message",
    [
        (["br"], b"x", 415, 'Content-Encoding "br" is not known; known: gzip, deflate'),
        (["gzip"], b"hello", 400, "the body is not gzip"),
        (["gzip"], gzip.compress(b"hello")[:-1], 400, "ends too early"),
        (["gzip"], gzip.compress(b"a" * 10_000), 413, "larger than 100 bytes once decompressed"),
        (["deflate"], zlib.compress(b"hi") + b"x", 400, "bytes follow"),
        (["gzip"], b"", 400, "ends too early"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(
    codings: Any, data: bytes, status: int, message: str
) -> None:
    with pytest.raises(m.Refused) as caught:
        m.decoded(data, codings, 100)
    assert caught.value.status == status and message in caught.value.message


@cases(
    "accept, coding",
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("br", "identity"),
        ("*", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.5", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=0.5, identity;q=0.4", "gzip"),
        ("gzip;q=1.0, *;q=0", "gzip"),
        ("identity;q=0", None),
        ("identity;q=0, gzip", "gzip"),
        ("*;q=0", None),
        ("*;q=0, identity", "identity"),
        ("gzip;q=0, identity;q=0", None),
        ("gzip;q=0, *", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;q=abc", "identity"),
        ("gzip ; q=0.001", "gzip"),
        ("gzip;q=0.000", "identity"),
        ("identity;q=0, *", "gzip"),
    ],
)
def test_gzip_is_negotiated_by_rfc_9110(accept: Optional[str], coding: Optional[str]) -> None:
    assert m.negotiated(accept) == coding
