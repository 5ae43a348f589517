"""Repeats: the same bytes get the same answer, as if none of it had been remembered."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest
from cases import cases
from clients import STREAMING, Raw, post, wait_until
from samples import CHAT, STREAMED, answerer, call_of

import mock_server as m
from mock_server import MockServer

TEXTS = ["Hi", "Ho", "times", "turns", "limit", "maybe", "paced", "gzip", "nobody"]


def chat_of(user: str, stream: bool = False) -> Dict[str, Any]:
    """The body of a chat."""
    return {"model": "m", "messages": [{"role": "user", "content": user}], "stream": stream}


REQUESTS = [
    *(post(chat_of(user, stream)) for user in TEXTS for stream in (False, True)),
    *(post(CHAT, path=f"/@{name}/v1/chat/completions") for name in ("a", "b")),
    post(chat_of("Hi"), headers=["Accept-Encoding: gzip"]),
    post(chat_of("Hi"), headers=["Accept-Encoding: identity;q=0"]),
    post(chat_of("Hi"), headers=["Origin: http://page"]),
    post(chat_of("Hi"), headers=["Expect: 100-continue"]),
    post(chat_of("Hi"), headers=['X-Mock-Response: {"text": "own"}']),
    post(chat_of("Hi"), headers=['X-Mock-Response: {"status": 429, "error": "slow down"}']),
    post(chat_of("Hi", True), headers=['X-Mock-Response: {"wire": "event"}']),
    post(chat_of("Hi", True), headers=['X-Mock-Response: {"text": "a b"}']),
    post(chat_of("Hi", True), headers=['X-Mock-Response: {"fault": "truncate"}']),
    post({"model": "m"}),
    post(b"not JSON"),
    post({"model": "m", "input": ["a", "b"]}, path="/v1/embeddings"),
    post({"model": "m", "input": "Hi"}, path="/v1/responses"),
    post({"model": "m", "max_tokens": 9, "messages": CHAT["messages"]}, path="/v1/messages"),
    post(chat_of("Hi"), path="/v1/chat/completion"),
    b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD /v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    b"OPTIONS /v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
]
MOCKS: List[Any] = [
    {"response": {"text": "one"}},
    {"match": {"user": "times"}, "response": {"text": "twice"}, "times": 2},
    {"match": {"user": "turns"}, "responses": [{"text": "1"}, {"status": 500, "error": "2"}]},
    {"match": {"user": "limit"}, "response": {"text": "few"}, "limit": {"requests": 2}},
    {
        "match": {"user": "maybe"},
        "response": {"text": "x", "fault": "truncate", "probability": 0.5},
    },
    {"match": {"user": "paced"}, "response": {"text": "a b", "pace": 0.001}},
    {
        "match": {"user": "gzip"},
        "response": {"text": "a b", "gzip": "always", "headers": {"x": "y"}},
    },
    {"match": {"operation": "embed"}, "response": {"embedding": [0.5, 1]}},
]
Answer = Tuple[bytes, bool]


class Client:
    """Plays requests on a connection to one server, and edits its mocks."""

    def __init__(self, server: MockServer) -> None:
        self.server = server
        self.raw = Raw(server)

    def play(self, data: bytes) -> bytes:
        """All bytes of the answer but its date."""
        if data.startswith((b"HEAD", b"OPTIONS")):
            self.raw.send(data)
            return self.without_date(repr(self.raw.head()).encode())
        self.raw.send(data)
        status, headers, body = self.raw.response()
        if len(body) < int(headers.get("content-length", 0)):  # a fault has ended the connection
            self.raw.close()
            self.raw = Raw(self.server)
        return self.without_date(repr((status, list(headers.items()), body)).encode())

    @staticmethod
    def without_date(data: bytes) -> bytes:
        """An answer without the one thing that is real in it."""
        return re.sub(rb"'\w{3}, \d\d [^']+ GMT'", b"date", data)

    def journal(self) -> List[Dict[str, Any]]:
        """What the journal says of all sessions, but for the times."""
        kept = self.server.core.journal.entries("*")
        wait_until(lambda: all(entry.ended for entry in kept))
        entries = [entry.json() for entry in kept]
        return [
            {key: value for key, value in entry.items() if key not in ("time", "duration", "port")}
            for entry in entries
        ]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Tuple[Client, Client, Path]]:
    """A server that remembers and one that does not, with the same data directory."""
    (tmp_path / "mocks").mkdir()
    with MockServer(data=tmp_path, seed=3) as quick, MockServer(data=tmp_path, seed=3) as slow:
        slow.core.repeats.room = slow.core.answerer.memory.room = 0
        clients = Client(quick), Client(slow)
        yield (*clients, tmp_path)
        for client in clients:
            client.raw.close()


@pytest.mark.parametrize("more", [{}, {"gzip": "always"}, {"text": "long " * 1000}])
@pytest.mark.parametrize("is_own", [True, False])
def test_a_stream_is_all_there_each_time(
    server: MockServer, raw: Any, more: Dict[str, Any], is_own: bool
) -> None:
    response = {"text": "a b", **more}
    server.mock(response=response)
    headers = [f"X-Mock-Response: {json.dumps(response)}"] * is_own
    client = raw()
    found = {client.send(post(STREAMING, headers=headers)).response()[2] for _ in range(4)}
    assert len(found) == 1 and found != {b""}


def edits(number: int, draw: random.Random, folder: Path) -> Callable[[MockServer], object]:
    """Something that changes what a server answers."""
    kind = draw.randrange(6)
    mock = draw.choice(MOCKS)
    session = draw.choice(["", "a"])
    if kind == 0:
        return lambda server: server.session(session).mock(**mock)
    if kind == 1:
        return lambda server: server.core.operations(session).remove_all()
    if kind == 2:
        return lambda server: server.session(session).reset()
    if kind == 3:
        return lambda server: server.core.journal.clear(session)
    if kind == 4:
        (folder / "mocks" / "file.json").write_text(json.dumps([{"name": str(number), **mock}]))
    return lambda server: None


def test_answers_and_journal_are_what_they_would_be_without_it(
    pair: Tuple[Client, Client, Path],
) -> None:
    quick, slow, folder = pair
    draw = random.Random(11)
    for number in range(25):
        edit = edits(number, draw, folder)
        for client in (quick, slow):
            edit(client.server)
        few = draw.sample(REQUESTS, 4)
        for data in (draw.choice(few) for _ in range(16)):
            assert quick.play(data) == slow.play(data)
        assert quick.journal() == slow.journal()
        assert quick.server.mocks == slow.server.mocks
    repeats = quick.server.core.repeats
    assert repeats.generation == quick.server.core.mocks.generation and repeats.known
    metrics = [
        [family for family in client.server.core.journal.families() if "second" not in family.name]
        for client in (quick, slow)
    ]
    assert metrics[0] == metrics[1]
    assert not slow.server.core.repeats.known and not slow.server.core.answerer.memory.answers


@cases("kind", STREAMED)
def test_a_repeated_answer_has_its_own_date_and_number_and_nothing_else_of_its_own(
    kind: type,
) -> None:
    answered = answerer({"response": {"text": "a b c"}}).answer(call_of(kind, True).request)
    asked = m.asked_of(call_of(kind, True).request, m.Head("POST", "/", 1, {}), answered)

    def written(extra: Any) -> List[m.Step]:
        return list(m.answer_steps(answered.response, m.Exchange(extra=extra)))

    repeat = m.repeat_of(written(m.MARKS), asked, answered)
    (step,) = written((("Date", "now"), ("X-Mock-Request-Id", "17")))
    assert repeat and isinstance(step, m.Send)
    data = repeat.dated(b"now", 17)
    assert data == step.data and repeat.step(data) == step
    assert (repeat.sent.bytes, repeat.sent.events) == (len(data) - step.head, len(step.ends))


@pytest.mark.parametrize(
    "response",
    [
        {"text": "a b", "pace": 1},
        {"text": "a b", "delay": 1},
        {"text": "a b", "wire": "event"},
        {"text": "a b", "fault": "close"},
        {"text": "a b", "gate": True},
        {"text": "x" * 70_000},
        {"text": "a b", "headers": {"date": "then"}},
    ],
)
def test_what_is_more_than_one_write_or_has_a_date_of_its_own_is_not_remembered(
    response: Any,
) -> None:
    request = call_of(m.OpenAIChat, True).request
    answered = answerer({"response": response}).answer(request)
    asked = m.asked_of(request, m.Head("POST", "/", 1, {}), answered)
    steps = m.answer_steps(answered.response, m.Exchange(extra=m.MARKS))
    assert m.repeat_of(steps, asked, answered) is None


def test_repeats_start_over_when_something_has_changed_and_when_the_room_is_full() -> None:
    request = call_of(m.OpenAIChat).request
    answered = answerer({"response": {"text": "a"}}).answer(request)
    asked = m.asked_of(request, m.Head("POST", "/", 1, {}), answered)
    repeat = m.repeat_of(
        m.answer_steps(answered.response, m.Exchange(extra=m.MARKS)), asked, answered
    )
    assert repeat
    repeats = m.Repeats(100_000)
    repeats.keep(1, b"a", 0, repeat)
    assert repeats.find(1, b"a", 0) is repeat
    assert repeats.find(2, b"a", 0) is None and repeats.find(1, b"b", 0) is None
    assert repeats.find(1, b"a", 1) is None and not repeats.known
    repeats.keep(1, b"a", 0, repeat)
    assert not repeats.known, "it was made with mocks that are gone"
    for number in range(1000):
        repeats.keep(1, b"%d" % number, 1, repeat)
        assert repeats.used <= 100_000 and len(repeats.known) < 100
    assert repeats.find(1, b"999", 1) is repeat
