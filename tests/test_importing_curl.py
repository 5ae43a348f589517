"""What curl saves with -i, --raw, -v and --trace: what is made of it, and what is not, and why."""

from __future__ import annotations

import json
from typing import Any, Iterator, List

import pytest
from importing import check_replays, loaded, replayed, told
from samples import SAMPLES, answerer, bytes_of, request_of

import mock_server as m

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz"
ASKED = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Gr\xc3\xbc\xc3\x9fe?"}]}'
STREAM_ASKED = ASKED.replace(b'"messages"', b'"stream":true,"messages"')
ANSWER = (
    b'{\n  "object": "chat.completion",\n  "choices": [{"message": {"content": "J\xc3\xb6"}}]\n}\n'
)
EVENTS = (
    b'data: {"object":"chat.completion.chunk","choices":[{"delta":{"content":"J\xc3\xb6"}}]}\n\n',
    b"data: [DONE]\n\n",
)
STREAM = b"".join(EVENTS)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 82\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROXY = b"HTTP/1.1 200 Connection established\r\n\r\n"
MOVED = b"HTTP/2 307 \r\nlocation: /v2\r\ncontent-length: 9\r\n\r\n"
METER = (
    b"  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"
    b"                                 Dload  Upload   Total   Spent    Left  Speed\n"
    b"\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0"
)
METER_END = b"\r100   889  100   812  100    77   665k  64597 --:--:-- --:--:-- --:--:--  868k\n"
TRYING = b"*   Trying 127.0.0.1:5001...\n* Connected to 127.0.0.1 (127.0.0.1) port 5001 (#0)\n"
TLS = (
    b"* ALPN: offers h2,http/1.1\n} [5 bytes data]\n* TLSv1.3 (OUT), TLS handshake, Client hello"
    b" (1):\n} [512 bytes data]\n* using HTTP/2\n* h2h3 [:method: POST]\n"
)
LEFT = b"* Connection #0 to host 127.0.0.1 left intact\n"


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


def sent(asked: bytes = ASKED, path: str = "/v1/chat/completions", version: str = "1.1") -> bytes:
    lines = [
        f"POST {path} HTTP/{version}",
        "Host: api.openai.com",
        f"Authorization: Bearer {KEY}",
        "Content-Type: application/json",
        f"Content-Length: {len(asked)}",
    ]
    return "".join(line + "\r\n" for line in [*lines, ""]).encode()


def verbose(head: bytes, body: bytes, *, sends: bytes = b"", eol: bytes = b"\r\n") -> bytes:
    """What curl -v writes of an exchange, its body last, as it is where that is buffered."""
    lines = [b"> " + line + eol for line in (sends or sent()).split(b"\r\n")[:-1]]
    lines += [b"} [77 bytes data]\n"]
    lines += [b"< " + line + eol for line in head.split(b"\r\n")[:-1]]
    return b"".join(lines) + b"{ [812 bytes data]\n" + body


def dump(mark: str, data: bytes, stamp: str = "", ascii_too: bool = False) -> bytes:
    """A piece as curl dumps it: 16 bytes a line, or up to 64 and to the next line end."""
    lines = [f"{stamp}{mark}, {len(data)} bytes (0x{len(data):x})"]
    at = 0
    while at < len(data):
        if not ascii_too:
            piece = data[at : at + 16]
            pairs = "".join(f"{byte:02x} " for byte in piece).ljust(48)
            lines.append(f"{at:04x}: {pairs}{printable(piece)}")
            at += 16
            continue
        piece = data[at : at + 64].partition(b"\r\n")[0]
        lines.append(f"{at:04x}: {printable(piece)}")
        at += len(piece)
        at += 2 * data.startswith(b"\r\n", at)
    return "\n".join([*lines, ""]).encode()


def printable(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def trace(
    head: bytes, *blocks: bytes, asked: bytes = ASKED, sends: bytes = b"", **how: Any
) -> bytes:
    """What curl --trace writes of an exchange."""
    parts = [
        b"== Info: Connected to 127.0.0.1 (127.0.0.1) port 5001 (#0)\n",
        dump("=> Send SSL data", b"\x17\x03\x03\x00\x01", **how),
        dump("=> Send header", sends or sent(asked), **how),
        dump("=> Send data", asked, **how) if asked else b"",
        *(dump("<= Recv header", line + b"\r\n", **how) for line in head.split(b"\r\n")[:-1]),
        *(dump("<= Recv data", block, **how) for block in blocks),
        b"== Info: Connection #0 to host 127.0.0.1 left intact\n",
    ]
    return b"".join(parts)


def finds(data: bytes) -> List[m.Find]:
    assert m.is_curl(data) and not m.is_har(data)
    return list(m.exchanges_in_transcript(data, "a.txt"))


def chat(asked: bytes, path: str = "/v1/chat/completions") -> m.Request:
    return m.Request("POST", path, {}, {"content-type": "application/json"}, asked)


def any_text(stream: bool) -> m.Request:
    said = [{"role": "user", "content": "whatever it is"}]
    return chat(json.dumps({"model": "m", "stream": stream, "messages": said}).encode())


def test_whichever_way_curl_saves_an_answer_it_is_sent_again() -> None:
    plain = STREAM_HEAD + b"\r\n"
    raw = STREAM_HEAD + CHUNKED + b"\r\n" + chunked(*EVENTS)
    gzip = m.gzipped(STREAM)
    coded = STREAM_HEAD + b"Content-Encoding: gzip\r\n"
    verbosely = verbose(STREAM_HEAD + CHUNKED + b"\r\n", STREAM)
    cut = len(STREAM) // 2
    cases = {
        "-is": (HEAD + ANSWER, ANSWER),
        "-is, edited": (HEAD.replace(b"\r\n", b"\n") + ANSWER + b"\n\n", ANSWER),
        "-is of HTTP/2": (HEAD.replace(b"HTTP/1.1 200 OK", b"HTTP/2 200 ") + ANSWER, ANSWER),
        "-is of HTTP/3": (HEAD.replace(b"HTTP/1.1 200 OK", b"HTTP/3 200") + ANSWER, ANSWER),
        "-is, several heads": (PROXY + CONTINUE + MOVED + HEAD + ANSWER, ANSWER),
        "-i, with the meter": (METER + METER_END + HEAD + ANSWER, ANSWER),
        "-is -w": (HEAD + ANSWER + b"\n0.123 200", ANSWER),
        "-is, a mark and UTF-16": ((HEAD + ANSWER).decode().encode("utf-16"), ANSWER),
        "-isN": (plain + STREAM, STREAM),
        "-isN --raw": (raw, STREAM),
        "-isN --raw, gzip": (coded + b"\r\n" + gzip, STREAM),
        "-isN --raw, gzip in chunks": (
            coded + CHUNKED + b"\r\n" + chunked(gzip[:9], gzip[9:]),
            STREAM,
        ),
        "-is --compressed": (coded + b"Content-Length: 7\r\n\r\n" + STREAM, STREAM),
        "-sv": (TRYING + verbosely, STREAM),
        "-sv, the end beside it": (TRYING + verbosely + LEFT, STREAM),
        "-svN, over TLS": (
            TRYING + TLS + verbosely + b"* TLSv1.3 (IN), x\n{ [5 bytes data]\n",
            STREAM,
        ),
        "-v with the meter": (
            METER + TRYING + verbosely[: -len(STREAM)] + METER_END + STREAM,
            STREAM,
        ),
        "-svi": (verbose(STREAM_HEAD + b"\r\n", STREAM_HEAD + b"\r\n" + STREAM), STREAM),
        "-sv, in blocks": (
            verbose(
                STREAM_HEAD + b"\r\n", STREAM[:cut] + b"{ [99 bytes data]\n" + STREAM[cut:] + LEFT
            ),
            STREAM,
        ),
        "-v from a terminal": (verbose(HEAD, ANSWER.rstrip() + b"\n", eol=b"\n") + LEFT, ANSWER),
        "-v, 100 Continue": (verbose(CONTINUE[:-2] + HEAD, ANSWER), ANSWER),
        "-v --trace-time": (
            b"".join(
                b"10:00:00.000001 " * line.startswith((b"> ", b"< ", b"* ")) + line
                for line in (TRYING + verbosely + LEFT).splitlines(keepends=True)
            ),
            STREAM,
        ),
    }
    for name, (data, body) in cases.items():
        (find,) = finds(data)
        assert not find.reason, (name, find.reason)
        made = check_replays(find, body, any_text(body == STREAM))
        match = json.loads(made.files[made.mock])["match"]
        assert match == {"provider": "openai", "api": "chat", "stream": body == STREAM}, name
        assert KEY.encode() not in b"".join(made.files.values()), name


def test_an_answer_is_found_behind_the_command_that_was_pasted_with_it() -> None:
    for before, after in ((b"$ curl -i URL -d '{\n}'\n", b""), (b"```\ncurl -i URL\n", b"```\n")):
        head = HEAD.replace(b"Content-Length: 82\r\n", b"")
        data = before + head + ANSWER + after
        assert m.is_curl(data)
        check_replays(finds(data)[0], ANSWER, chat(ASKED))
    assert not m.is_curl(b"text\n" + HEAD + ANSWER)


def test_a_trace_tells_what_was_asked_and_when_it_came() -> None:
    blocks = [chunked(*EVENTS)[:9], chunked(*EVENTS)[9:]]
    head = STREAM_HEAD + CHUNKED + b"\r\n"
    (find,) = finds(trace(head, *blocks, asked=STREAM_ASKED))
    made = check_replays(find, STREAM)
    assert json.loads(made.files[made.mock])["match"]["user"] == "Grüße?"
    timed = [
        dump("=> Send header", sent(STREAM_ASKED), "23:59:59.900000 "),
        dump("=> Send data", STREAM_ASKED, "23:59:59.900000 [0-0] "),
        dump("<= Recv header", head, "00:00:00.000000 "),
        dump("<= Recv data", blocks[0], "00:00:00.400000 "),
        dump("<= Recv data", blocks[1], "00:00:00.650000 "),
    ]
    (find,) = finds(b"".join(timed))
    assert find.capture and find.capture.body == STREAM
    assert find.capture.arrivals == (m.Arrival(0.5, 5), m.Arrival(0.75, len(STREAM)))
    made = check_replays(find, STREAM)
    assert json.loads(made.files[made.mock])["response"]["pace"] == "recorded"


def test_trace_ascii_is_read_where_it_has_lost_nothing() -> None:
    asked = ASKED.replace("Grüße?".encode(), b"Hello. There")
    plain = ANSWER.replace("Jö".encode(), b"Yes. No")
    head = HEAD.replace(b"82", b"%d" % len(plain))
    (find,) = finds(trace(head, plain, asked=asked, ascii_too=True))
    check_replays(find, plain)
    events = b'event: response.created\ndata: {"type":"response.created","n": 1.5}\n\n'
    stream = STREAM_HEAD + CHUNKED + b"\r\n"
    sends = sent(b"{}", "/v1/responses")
    data = trace(stream, chunked(events), asked=b"{}", sends=sends, ascii_too=True)
    (find,) = finds(data)
    assert find.capture and find.capture.body == events
    for lost in (
        trace(HEAD, ANSWER, asked=asked, ascii_too=True),
        trace(head, plain, ascii_too=True),
    ):
        assert finds(lost)[0].reason.startswith("was written by --trace-ascii, which loses letters")


def test_what_looks_like_another_part_of_a_transcript_is_none() -> None:
    head = b"< HTTP/1.1 200 OK\r\n< A: b\r\n< \r\n"
    for dump, size, found in (
        (b"0000: 61 62 63 \n", 3, (b"abc", True)),
        (b"0000: 61 62 63 \n", 9, (b"61 62 63 ", False)),  # a text of --trace-ascii
        (b"0000: a\n0000: b\n", 9, (b"a", False)),  # another dump
    ):
        assert m.undumped(dump, 0, size) == found
    assert m.heads_and_body(head + b"< no header\n")[1].endswith(b"A: b\r\n\r\n< no header\n")
    for lost in (b'{"a": x}', b'{"a": "b..c"}'):
        with pytest.raises(m.Unusable, match="which loses letters"):
            m.restored(lost)


def test_a_request_is_read_as_the_server_would_have_read_it() -> None:
    lines = [(":authority", "h"), (":path", "/"), ("A", " b "), ("a", "c"), ("Host", "other")]
    cookies = [("Cookie", "x=1"), ("cookie", "y=2")]
    told = {"host": "h", "a": "b, c", "cookie": "x=1; y=2"}
    assert m.by_lower_name([*lines, *cookies]) == told
    chunks = (("Transfer-Encoding", "chunked"),)
    told_so = m.ToldExchange(0, b"", "POST", "/", chunks, b"2\r\n{}\r\n0\r\n\r\n")
    assert m.asked_in_transcript(told_so)[0].body == b"{}"
    # Of times that are not of all of it nothing is known.
    partly = m.ToldExchange(0, HEAD + ANSWER, blocks=((0.1, 5),))
    assert m.arrivals_in(partly, False, len(ANSWER)) == ()


def answers() -> Iterator[Any]:
    """What each API that generates answers, and to what."""
    for kind, (_, _, stream_path, _) in SAMPLES.items():
        for stream in (False, True)[: 2 if stream_path else 1]:
            request = request_of(kind, stream)
            answered = answerer(fallback="echo").answer(request)
            if answered.response.status == 200 and answered.call.operation == "generate":
                yield request, answered


def test_the_api_is_told_by_a_path_or_by_the_answer_itself() -> None:
    for request, answered in answers():
        body = bytes_of(answered.response)
        head = m.head_bytes(200, answered.response.headers) + b"\r\n"
        target = request.path + "?" + "&".join(f"{n}={v}" for n, v in request.query.items())
        lines = [f"POST {target} HTTP/1.1", *(f"{n}: {v}" for n, v in request.headers.items())]
        sends = "\r\n".join([*lines, "Content-Length: 9", "", ""]).encode()
        (find,) = finds(verbose(head, body, sends=sends))
        assert find.lacks_body
        check_replays(find, body, request)
        (find,) = m.exchanges_in_transcript(head + body, "a.txt")
        made = m.made_of_find(find)
        assert not made.reason, (answered.call.api, made.reason)
        asked = json.loads(made.files[made.mock])["match"]
        assert set(asked) <= {"provider", "api", "stream"}
        # Other hosts have their forms, too.
        assert asked["provider"] in (answered.call.provider, "openai", "gemini", "anthropic")
        assert asked["stream"] == answered.call.stream


def test_an_answer_alone_is_of_whoever_its_head_and_its_members_name() -> None:
    claude = b'{"id": "msg_1", "type": "message", "content": []}'
    chat = b'{"object": "chat.completion"}'
    google = b'[{"candidates": []}\n,\r\n{"candidates": [], "createTime": "t"}\n]'
    for header, body, expected in (
        ("x", claude, "anthropic messages"),
        ("x-amzn-RequestId", claude, "bedrock invoke"),
        ("x", claude.replace(b"msg_", b"msg_vrtx_"), "vertex_ai messages"),
        ("x", chat, "openai chat"),
        ("apim-request-id", chat, "azure chat"),
        ("x", b"[%s]" % chat, ""),
        ("x", google, "gemini generateContent"),
        ("x", google.replace(b"[]}", b'[], "createTime": "t"}'), "vertex_ai generateContent"),
    ):
        headers = (("Content-Type", "application/json"), (header, "1"))
        capture = m.Capture(None, 200, headers, body)
        wire = m.api_of(capture)
        assert (wire and f"{wire.provider} {wire.api}" or "") == expected, body
        assert m.is_streamed(capture) is (b"candidates" in body)


def test_errors_are_kept_where_errors_are_wanted() -> None:
    data = b'{"error": {"message": "slow down", "type": "requests", "code": null}}'
    head = HEAD.replace(b"Content-Length: 82", b"retry-after: 3").replace(b"200 OK", b"429 Busy")
    (find,) = finds(head + data)
    assert "--record-errors" in m.made_of_find(find).reason
    made = m.made_of_find(find, keeps_errors=True)
    # Of any of its APIs, behind all that asks for more.
    assert json.loads(made.files[made.mock])["match"] == {"provider": "openai"}
    assert made.name.startswith("zzz-any-")
    for stream in (False, True):
        response = replayed(made, any_text(stream))
        assert (response.status, bytes_of(response)) == (429, data)
    assert m.doubts_about([loaded(made)]) == []


def test_several_exchanges_are_told_by_their_lines() -> None:
    two = HEAD + ANSWER + HEAD + ANSWER
    assert [one.place for one in finds(two)] == ["a.txt: line 1", "a.txt: line 9"]
    raw = STREAM_HEAD + CHUNKED + b"\r\n" + chunked(*EVENTS)
    assert [one.reason for one in finds(raw + raw + HEAD + ANSWER)] == ["", "", ""]
    again = b"* Re-using existing connection #0 with host 127.0.0.1\n"
    both = verbose(HEAD, ANSWER) + LEFT + again + verbose(HEAD, ANSWER) + LEFT
    found = finds(b"$ curl -v ...\n" + both)
    assert [one.place for one in found] == [
        "a.txt: line 2, POST /v1/chat/completions",
        "a.txt: line 20, POST /v1/chat/completions",
    ]
    for one in found:
        check_replays(one, ANSWER, any_text(False))
    traced = trace(HEAD, ANSWER) + trace(HEAD, ANSWER)
    assert [one.reason for one in finds(traced)] == ["", ""]


def test_answers_end_where_their_heads_say_however_much_follows() -> None:
    bodies = [(b"\xc3\xa9\n" * size)[: 3 * size] for size in (9_000, 1, 5_461, 5_462, 20_000)]
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    data = b"\n".join(head % len(body) + body for body in bodies)
    finds = list(m.exchanges_in_transcript(data, "x"))
    assert [find.capture and find.capture.body for find in finds] == bodies
    lines = [4 * at + 1 + sum(one.count(b"\n") for one in bodies[:at]) for at in range(5)]
    assert [find.place for find in finds] == [f"x: line {line}" for line in lines]


def test_what_can_not_be_used_says_why() -> None:
    brotli = HEAD.replace(b"Content-Length: 82", b"Content-Encoding: br")
    failed = b"curl: (18) transfer closed with outstanding read data remaining\n"
    no_answer = b"".join(b"> " + line + b"\r\n" for line in sent().split(b"\r\n")[:-1])
    tunnel = b"> CONNECT api.openai.com:443 HTTP/1.1\r\n> Host: x\r\n> \r\n"
    length = HEAD.replace(b"82", b"900")
    cases = [
        (HEAD + ANSWER[:30], "is cut off: it has 30 of 82 bytes of the answer"),
        (STREAM_HEAD + CHUNKED + b"\r\n" + chunked(*EVENTS)[:-5], "is cut off"),
        (HEAD.replace(b"Content-Length: 82\r\n", b"") + ANSWER[:30], "is not the JSON that it"),
        (HEAD, "has no body of the answer in it"),
        (verbose(STREAM_HEAD + CHUNKED + b"\r\n", b""), "has no body of the answer in it"),
        (verbose(length, ANSWER), "is cut off: it has 82 of 900 bytes of the answer"),
        (brotli + b"\x8b\x03\x80{}\x03", 'can\'t be decoded: Content-Encoding "br" is not known'),
        (brotli.replace(b"br", b"gzip") + b"\x1f\x8b\x08", "can't be decoded"),
        (
            HEAD.replace(b"200 OK", b"503 Busy") + ANSWER,
            "is an error of the provider's server (503)",
        ),
        (HEAD.replace(b"200 OK", b"302 Found") + ANSWER, "leads elsewhere (status 302)"),
        (CONTINUE, "has no final answer"),
        (HEAD[:40] + b"\r\nno header\r\n", "has in its head what is no header"),
        (verbose(HEAD, ANSWER[:9]) + failed, "was broken off: transfer closed with outstanding"),
        (no_answer + b"curl: (28) Operation timed out\n", "had no answer: Operation timed out"),
        (no_answer, "has no answer in it"),
        (tunnel + b"< " + PROXY + verbose(HEAD, ANSWER), "is a proxy's tunnel"),
        (verbose(HEAD, ANSWER, sends=sent(path="/v1/token")), "gives out credentials"),
        (
            HEAD.replace(b"82", b"2") + b"{}",
            "holds no request, and its answer is in the form of no",
        ),
        (trace(HEAD, ANSWER, asked=ASKED[:-5], sends=sent()), "bytes of the request"),
        (trace(HEAD, ANSWER, asked=b"[]"), "is no request to openai"),
    ]
    for data, expected in cases:
        place, reason = told(finds(data))[0]
        assert expected in reason, (expected, place, reason)
    ((place, reason),) = told(m.exchanges_in_transcript(b"hello", "b.txt"))
    assert (place, reason.startswith("is no answer with its head")) == ("b.txt: line 1", True)
    assert not any(m.is_curl(one) for one in (b"", b"{}", b"data: 1\n\n", b"# curl\n> HTTP\n"))


def test_no_transcript_raises() -> None:
    for whole in (
        HEAD + ANSWER,
        STREAM_HEAD + CHUNKED + b"\r\n" + chunked(*EVENTS),
        METER + TRYING + verbose(HEAD, ANSWER) + LEFT,
        trace(STREAM_HEAD + CHUNKED + b"\r\n", chunked(*EVENTS), asked=STREAM_ASKED),
        trace(HEAD, ANSWER, ascii_too=True),
    ):
        for at in range(0, len(whole), 29):
            for data in (whole[:at], whole[:at] + b"\x00\xff" + whole[at + 3 :], whole[at:]):
                for find in m.exchanges_in_transcript(data, "a.txt"):
                    m.made_of_find(find)
