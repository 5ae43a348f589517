"""What h11, a strict and widely used reader of HTTP/1.1, makes of the same bytes: how many requests
it sees in what tests/fuzz_requests.py makes, and whether it can read every response.

`--fuzz-seconds`, `--fuzz-seed` and `--fuzz-case` are those of tests/test_fuzz.py.
"""

from __future__ import annotations

import gzip
import json
import re
from random import Random
from typing import Any, Callable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

import h11
import pytest
from clients import fetch
from fuzz_requests import Connection, connection, exchanged, headers_only, requests_in
from fuzzing import Cases

from mock_server import PROBES, MockServer

HEAD_ROOM = 64 * 1024  # bytes of a head that both take

# What h11 takes and this server refuses, by what it says of it.
STRICTER = {
    "ends with a bare LF": "RFC 9112, 2.2 lets a reader take it; who does sees other requests",
    "continues the one before it": "RFC 9112, 5.2: a server must refuse obs-fold or replace it",
    "holds a control character": "RFC 9110, 5.5: h11 refuses CR, LF and NUL alone",
    "is not spoken here": "h11 leaves the version to its user; 505",
    "is not implemented; known": "h11 leaves the method to its user; 501",
    "the Host header is missing": "h11 asks for it in HTTP/1.1 alone",
    "Host header is malformed": "RFC 9112, 3.2: h11 only asks that there is one",
    "malformed request target": "RFC 9112, 3.2: h11 leaves the target to its user",
    "Content-Length is": "RFC 9112, 6.3 lets a reader take one value several times",
    "Content-Length and Transfer-Encoding contradict": "RFC 9112, 6.3: who takes both is smuggled",
    "Transfer-Encoding does not exist in HTTP/1.0": "RFC 9112, 6.1",
    "only chunked is implemented": "h11 takes any spelling of a list",
    "the body is larger than": "h11 has no limit of a body",
    "is longer than": "h11 has other limits of lines",
    "only 100-continue is known": "RFC 9110, 10.1.1: 417",
    "malformed chunk size": "h11 takes any byte in an extension",
    "malformed trailer": "h11 takes what it takes in heads",
}
# What h11 refuses and this server takes, by what h11 says of it.
LOOSER = {
    "no request line received": "RFC 9112, 2.2: empty lines before a request are ignored",
    "illegal chunk header.*[0-9A-Fa-f] +;": "RFC 9112, 7.1.1: blanks may be there",
}


class Seen(NamedTuple):
    """The requests that h11 sees on a connection, as method, target and body; what it says is
    wrong with what follows them; and whether the last of them ends the connection only for h11,
    which keeps none of HTTP/1.0."""

    requests: List[Tuple[bytes, bytes, bytes]]
    wrong: str
    is_old: bool


def seen_by_h11(data: bytes) -> Seen:
    """What h11 sees as a server that refuses everything politely."""
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_ROOM)
    found: List[Tuple[bytes, bytes, bytes]] = []
    begun = h11.Request(method=b"GET", target=b"/", headers=[(b"Host", b"a")])
    body = b""
    reader.receive_data(data)
    reader.receive_data(b"")
    while True:
        is_old = begun.http_version < b"1.1"
        try:
            event = reader.next_event()
        except h11.RemoteProtocolError as error:
            # What follows "Connection: close" is not read by anybody.
            wrong = "" if reader.our_state is h11.MUST_CLOSE else str(error)
            return Seen(found, wrong, is_old)
        if isinstance(event, h11.Request):
            begun, body = event, b""
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            found.append((begun.method, begun.target, body))
            # Not 200, which would make a tunnel of CONNECT.
            reader.send(h11.Response(status_code=404, headers=[(b"Content-Length", b"0")]))
            reader.send(h11.EndOfMessage())
        elif event is h11.PAUSED and reader.our_state is h11.DONE:
            reader.start_next_cycle()
            begun = h11.Request(method=b"GET", target=b"/", headers=[(b"Host", b"a")])
        else:
            return Seen(found, "", is_old)


def read_by_h11(data: bytes, sent: bytes) -> Tuple[List[int], bytes]:
    """What h11 reads as a client that has sent this, whatever it takes for the method of what is
    wrong with it."""
    known = [method for method, _, _ in seen_by_h11(sent).requests]
    for methods in ([*known, b"GET"], [*known, b"HEAD"]):
        try:
            return responses_of(data, methods)
        except h11.RemoteProtocolError:
            pass
    return responses_of(data, [method or b"GET" for method in requests_in(sent).methods])


def responses_of(data: bytes, methods: Sequence[bytes]) -> Tuple[List[int], bytes]:
    """The statuses of the responses that h11 sees as a client, which must all be HTTP, and the body
    of the last."""
    reader = h11.Connection(h11.CLIENT)
    statuses: List[int] = []
    body = b""
    reader.receive_data(data)
    reader.receive_data(b"")
    while reader.trailing_data[0]:
        method = methods[len(statuses)] if len(statuses) < len(methods) else b"GET"
        reader.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"a")]))
        reader.send(h11.EndOfMessage())
        body = b""
        for event in iter(reader.next_event, None):
            if isinstance(event, h11.Response):
                statuses.append(event.status_code)
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
        if reader.their_state is not h11.DONE:
            assert not reader.trailing_data[0], f"after the last response: {reader.trailing_data}"
            break
        reader.start_next_cycle()
    return statuses, body


@pytest.fixture(name="server", scope="module")
def echoing() -> Iterator[MockServer]:
    """A server in this process, with little patience."""
    with MockServer(fallback="echo") as running:
        running.idle_seconds = running.head_seconds = running.body_seconds = 0.5
        running.linger_seconds = 0.1
        yield running


@pytest.fixture(name="cases")
def which_cases(pytestconfig: pytest.Config) -> Cases:
    """The cases that the flags ask for."""
    return Cases(pytestconfig)


def listed(reasons: Mapping[str, str], said: str) -> bool:
    """Whether a difference is one of those that are meant to be."""
    return any(re.search(reason, said) for reason in reasons)


def message_in(body: bytes) -> str:
    """What a refusal says; nothing to HEAD."""
    if body.startswith(b"\x1f\x8b"):
        body = gzip.decompress(body)
    return str(json.loads(body)) if body else ""


def check_bodies(server: MockServer, sent: bytes, seen: Seen) -> None:
    """The journal has the requests that h11 sees: their methods and bodies."""
    # What is coded is decoded here, and one request may empty the journal.
    if b"content-encoding" in sent.lower() or b"__mock__" in sent:
        return
    _, data = fetch(server.port, "GET", "/__mock__/requests?session=*")
    # Probes are not in the journal, unless they are refused.
    kept = [one for one in json.loads(data)["requests"] if one["path"] not in PROBES]
    asked = [one for one in seen.requests if one[1].partition(b"?")[0].decode() not in PROBES]
    for entry, (method, _, body) in zip(kept, asked):
        if entry["status"] < 400:
            assert entry["method"] == method.decode(), "a request of another method"
            text = body.decode("utf-8", "replace")
            assert entry["body"] in (text, None) or entry["body"] == json.loads(text), "a body"


def check_seen(server: MockServer, case: Any) -> None:
    """h11 and this server see the same requests, but for the differences that are listed."""
    sent = Connection(*case)
    fetch(server.port, "DELETE", "/__mock__/requests?session=*")
    got = exchanged(server.port, sent)
    assert got is not None
    seen = seen_by_h11(sent.data)
    statuses, last = read_by_h11(got, sent.data)
    is_wrong = bool(seen.wrong) and not listed(LOOSER, seen.wrong)
    more = len(statuses) - len(seen.requests) - is_wrong
    said = f"h11: {len(seen.requests)}, then {seen.wrong!r}; here: {statuses}"
    if more > 0:
        assert seen.is_old or listed(LOOSER, seen.wrong), f"more requests; {said}"
    elif more < 0:
        assert statuses, f"no answer; {said}"
        if b'"close"' in sent.data and statuses[-1] < 400:
            return  # a wire plan that ends the connection, as was asked for
        message = message_in(last)
        assert statuses[-1] >= 400, f"fewer requests; {said}"
        assert not message or listed(STRICTER, message), f"not listed: {message}; {said}"
    elif is_wrong:
        assert statuses[-1] >= 400, f"not refused; {said}"
    check_bodies(server, sent.data, seen)


@pytest.mark.parametrize("make", [connection, headers_only])
def test_h11_sees_the_same_requests_and_can_read_every_response(
    server: MockServer, cases: Cases, make: Callable[[Random], Connection]
) -> None:
    cases.check(
        make.__name__,
        400,
        lambda random: [make(random).pieces, "half"],
        lambda case: check_seen(server, case),
    )
