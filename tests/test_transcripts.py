"""Transcripts: what curl saves of an answer, read back; and what is none."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from cases import cases

import mock_server as m

GZIP = (  # of STREAM, flushed for each event
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03JI,I\xb4R\xa8VJT\xb22\xac\xe5\xe2\x02\x00\x00\x00\xff\xff",
    b"\xb2R\xc8\xcb/I\xe5\xe2\x02\x00\x00\x00\xff\xff",
    b"J\x01\x0bG\xbb\xf8\xfb\xb9\xc6rq\x01\x00\x00\x00\xff\xff",
    b"\x03\x00\xc1\xcbi/%\x00\x00\x00",
)
STREAM = (b'data: {"a":1}\n\n', b": note\n\n", b"data: [DONE]\n\n")
LINES = (b'{"a":1}\n', b'{"b":2}\n')
ARRAY = (b'[{"a":1}\n', b',\r\n{"b":2}\n', b"]")
AWS = (
    b"\x00\x00\x00v\x00\x00\x00R\x96\xd5\xfa\xde\x0b:event-type\x07\x00\x0cmessageStart\r:content-"
    b"type\x07\x00\x10application/json\r:message-type\x07\x00\x05event"
    b'{"role":"assistant"}o\xa8\xc5\x99',
    b"\x00\x00\x00z\x00\x00\x00Q\xca,Fe\x0b:event-type\x07\x00\x0bmessageStop\r:content-"
    b"type\x07\x00\x10application/json\r:message-type\x07\x00\x05event"
    b'{"stopReason":"end_turn"}_\xbf\t\xfc',
)
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
OWN = b"Date: Thu, 26 Nov 2026 03:25:11 GMT\r\nX-Mock-Request-Id: 1\r\n"
GZIP_HEAD = SSE_HEAD + OWN + b"Vary: Accept-Encoding\r\nContent-Encoding: gzip\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
AWS_TYPE = b"application/vnd.amazon.eventstream"
AWS_HEAD = SSE_HEAD.replace(b"text/event-stream", AWS_TYPE) + OWN
LINES_HEAD = SSE_HEAD.replace(b"text/event-stream", b"application/x-ndjson") + OWN


def chunks(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A body as it is on the wire."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


def joined(*pieces: bytes) -> bytes:
    """A body as it is without chunks."""
    return b"".join(pieces)


PACKED = gzip.compress(b'{"a":1}', mtime=0)
KEPT = GZIP_HEAD + CHUNKED

# What curl 7.88 saved, by its options: frames as they are sent again as a stream, and whether
# they are compressed.
SAVED = {
    "-isN --raw": (SSE_HEAD + OWN + CHUNKED + chunks(*STREAM), STREAM, False),
    "-isN": (SSE_HEAD + OWN + CHUNKED + joined(*STREAM), STREAM, False),
    "-isN0": (SSE_HEAD + OWN + b"Connection: close\r\n\r\n" + joined(*STREAM), STREAM, False),
    "-isN --raw, gzip": (KEPT + chunks(*GZIP), GZIP, True),
    "-isN, gzip": (KEPT + joined(*GZIP), GZIP, True),
    "-isN --compressed": (KEPT + joined(*STREAM), STREAM, False),
    "extensions and trailers": (
        SSE_HEAD
        + OWN
        + b"Trailer: X-A\r\n"
        + CHUNKED
        + chunks(*STREAM, end=b"0\r\nX-A: the end\r\n\r\n").replace(b"f\r\n", b'f;a="b"\r\n', 1),
        STREAM,
        False,
    ),
    "cut off": (SSE_HEAD + OWN + CHUNKED + chunks(*STREAM, end=b""), STREAM, False),
    "cut off in a chunk": (
        SSE_HEAD + OWN + CHUNKED + chunks(*STREAM, end=b"20\r\ndata: "),
        (*STREAM, b"data: "),
        False,
    ),
    "-isN --raw, lines": (LINES_HEAD + CHUNKED + chunks(*LINES), LINES, False),
    "-isN, lines": (LINES_HEAD + CHUNKED + joined(*LINES), LINES, False),
    "-isN, array": (JSON_HEAD + OWN + CHUNKED + joined(*ARRAY), ARRAY, False),
    "-isN --raw, AWS": (AWS_HEAD + CHUNKED + chunks(*AWS), AWS, False),
    "-isN, AWS": (AWS_HEAD + CHUNKED + joined(*AWS), AWS, False),
    "AWS, cut off": (AWS_HEAD + CHUNKED + joined(*AWS)[:-9], (AWS[0], AWS[1][:-9]), False),
    "-is": (JSON_HEAD + OWN + b'Content-Length: 7\r\n\r\n{"a":1}', None, False),
    "-is, gzip": (
        JSON_HEAD + OWN + b"Content-Encoding: gzip\r\nContent-Length: 27\r\n\r\n" + PACKED,
        None,
        True,
    ),
    "-is --compressed": (
        JSON_HEAD + OWN + b'Content-Encoding: gzip\r\nContent-Length: 27\r\n\r\n{"a":1}',
        None,
        False,
    ),
    "-is --raw, chunked": (
        JSON_HEAD + CHUNKED + chunks(b'{"a"', b":1}"),
        (b'{"a"', b":1}"),
        False,
    ),
    "no type": (b"HTTP/1.1 200 OK\r\n\r\n" + joined(*STREAM), STREAM, False),
    "no type, lines": (b"HTTP/1.1 200 OK\r\n\r\n" + joined(*LINES), LINES, False),
    "no type, AWS": (b"HTTP/1.1 200 OK\r\n\r\n" + joined(*AWS), AWS, False),
    "no events": (SSE_HEAD + CHUNKED + chunks(), (), False),
    "brotli": (
        SSE_HEAD + b"content-encoding: br\r\n\r\n\x8b\x02\x80abc\x03",
        (b"\x8b\x02\x80abc\x03",),
        True,
    ),
}


@cases("name", SAVED)
def test_what_curl_saved_is_the_answer_that_it_got(name: str) -> None:
    data, frames, is_coded = SAVED[name]
    read = m.streaming(m.parse_transcript(data))
    assert (read.status, read.frames, read.is_coded) == (200, frames, is_coded)
    names = [header.lower() for header, _ in read.headers]
    assert set(names) <= {"content-type", "content-encoding", "vary"}
    assert ("content-encoding" in names) == is_coded
    if frames:
        assert b"".join(frames) == read.body


FINAL = (
    b'HTTP/1.1 201 Created\r\nX-A: 1\r\nSet-Cookie: a=1\r\nset-cookie: b=2; Path=/\r\n\r\n{"a":1}'
)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + FINAL,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + FINAL,
        b"HTTP/1.1 302 Found\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n" + FINAL,
        b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + FINAL,
        b"HTTP/1.1 401 Unauthorized\r\n\r\n" + FINAL,
        FINAL.replace(b"HTTP/1.1 201 Created", b"HTTP/2 201 "),
        FINAL.replace(b"HTTP/1.1 201 Created", b"HTTP/2 201"),
        FINAL.replace(b"HTTP/1.1 201 Created", b"HTTP/1.0 201 Made"),
        FINAL.replace(b"\r\n", b"\n"),
        b"\n" + FINAL,
        FINAL.replace(b"X-A: 1", b"alt-svc: h3=:443\r\nKeep-Alive: timeout=5\r\nX-A:1 "),
    ],
)
def test_the_last_head_of_a_transcript_counts_whatever_its_version_and_line_ends(data: Any) -> None:
    read = m.parse_transcript(data)
    cookies = (("Set-Cookie", "a=1"), ("set-cookie", "b=2; Path=/"))
    assert read == m.Original(201, (("X-A", "1"), *cookies), b'{"a":1}')


@cases(
    "data, problem",
    [
        (b"", 'begins with "", not with HTTP/1.1 200 OK'),
        (b'{"a": 1}', r'begins with "{\"a\": 1}", not with'),
        (b"  % Total    % Received\n", "is no answer with its head, as curl -i saves it"),
        (b"> POST /v1 HTTP/1.1\r\n< HTTP/1.1 200 OK\r\n", "is no answer with its head"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "has no final answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n{}", "has no final answer"),
        (b"HTTP/1.1 200 OK\r\n<html>\r\n\r\n", 'has in its head what is no header: "<html>'),
        (b"HTTP/1.1 700 OK\r\n\r\n", "has the status 700"),
        (FINAL.replace(b"X-A: 1", b"Content-Length: 7") + FINAL, "one answer after the other"),
        (SSE_HEAD + CHUNKED + chunks(b"data: 1") + FINAL, "one answer after the other"),
        (SSE_HEAD + CHUNKED + chunks(b"a\r\n\r\n").replace(b"\r\n", b"\n"), "line ends changed"),
        (SSE_HEAD + CHUNKED + chunks(b"data", end=b"data: 1\n"), "has 1 chunks, and then what"),
    ],
)
def test_what_is_no_transcript_is_told_so(data: bytes, problem: str) -> None:
    with pytest.raises(m.NoTranscript) as caught:
        m.parse_transcript(data)
    assert problem in str(caught.value)
