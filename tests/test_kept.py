"""What the journal keeps of answers: within bounds, the oldest goes first."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

from clients import ASK, Raw, control, fetch, post
from mocked import HEAD, requested

import mock_server as m
from mock_server import MockServer


def added(journal: m.Journal, number: int, session: str = "") -> m.Entry:
    """An entry of a request that has come."""
    call = requested(session=session)
    asked = m.Asked(call.request, HEAD, {}, "openai", call, 2000)
    asked.status = 200
    entry = m.Entry(str(number), 0.0, asked, m.Sent())
    journal.add(entry)
    return entry


def write(entry: m.Entry, data: bytes, head: int = 0) -> None:
    """Have the answer of an entry go on."""
    entry.sent.kept.add(m.Send(data, head=head))
    entry.sent.bytes += len(data) - head
    entry.sent.has_begun = True


def counted(journal: m.Journal) -> int:
    """What the entries of a journal keep of answers."""
    return sum(entry.sent.kept.weight for entry in journal.entries("*"))


def told(entry: m.Entry) -> Optional[Dict[str, Any]]:
    """What is told of the answer."""
    return m.answer_json(entry)


def test_answers_take_a_part_of_the_journals_room_and_the_oldest_goes_first() -> None:
    journal = m.Journal(size=10_000, room=4_000_000)
    for number in range(1000):
        entry = added(journal, number, f"s{number % 7}")
        write(entry, b"H" * 100 + b"x" * 20_000, head=100)
        journal.end(entry, "complete")
        assert journal.kept <= 1_000_000
    entries = journal.entries("*")
    assert len(entries) == 1000 and counted(journal) == journal.kept
    oldest, newest = told(entries[0]), told(entries[-1])
    assert oldest == {"status": 200, "headers": [], "body": None, "truncated": True}
    assert newest and (newest["body"], newest["truncated"]) == ("x" * 20_000, False)


def test_an_answer_under_way_is_counted_while_it_grows() -> None:
    journal = m.Journal(size=100, room=4_000_000)
    running = [added(journal, number) for number in range(100)]
    for _ in range(200):
        for entry in running:
            write(entry, b"x" * 500)
        assert journal.kept <= 1_000_000
        assert counted(journal) <= journal.kept + 100 * m.PORTION_KEPT
    for entry in running:
        journal.end(entry, "complete")
    assert counted(journal) == journal.kept


def test_nothing_is_counted_of_what_is_forgotten() -> None:
    journal = m.Journal(size=3, room=4_000_000)
    running = added(journal, 0)
    for number in range(1, 10):
        write(running, b"x" * 10_000)
        entry = added(journal, number)
        write(entry, b"x" * 10_000)
        journal.end(entry, "complete")
    journal.end(running, "complete")
    assert counted(journal) == journal.kept > 30_000
    assert journal.clear() == 3
    assert journal.kept == 0 and running.sent.kept is m.NOTHING_KEPT
    nothing = m.Journal(size=0)
    write(added(nothing, 1), b"x" * 10_000)
    assert nothing.kept == 0


def test_of_what_is_small_nothing_is_copied_and_of_what_is_long_64_kib_are_kept() -> None:
    entry = added(m.Journal(), 1)
    data = b"x" * 2000
    write(entry, data)
    assert entry.sent.kept.steps[0].data is data
    write(entry, b"y" * 10_000_000)
    assert len(entry.sent.kept.written(0, "").body) == m.JOURNAL_BODY
    assert entry.sent.kept.weight < 2 * m.JOURNAL_BODY


def test_a_byte_a_write_takes_little_more_than_its_bytes() -> None:
    entry = added(m.Journal(), 1)
    for _ in range(m.JOURNAL_BODY + 10):
        write(entry, b"x")
    kept = entry.sent.kept
    assert len(kept.written(0, "").body) == m.JOURNAL_BODY
    assert len(kept.settled.pieces) < 300 and len(kept.steps) <= m.MOST_WRITES


def repeated(size: int) -> m.Repeat:
    """An answer that is kept to be repeated."""
    data = b"HTTP/1.1 200 OK\r\nDate: " + m.MARKED + b"\r\n\r\n" + b"x" * size
    step = m.Send(data, head=len(data) - size)
    call = requested(session="")
    asked = m.Asked(call.request, HEAD, {}, "openai", call, 2000)
    asked.status = 200
    found = m.repeat_of([step], asked, m.Answered(m.HttpResponse(200, ())))
    assert found
    return found


def test_a_repeated_answer_is_told_with_its_own_date_and_id_and_counted_once() -> None:
    journal, repeats = m.Journal(), m.Repeats()
    repeats.forgot = journal.take_over
    repeat = repeated(5000)
    repeats.keep(1, b"GET", 0, repeat)
    for number in range(1, 11):
        with journal.lock:
            journal.add_again((number, 0.0, repeat.asked, repeat.sent, 0.25, 1))
    entries = journal.entries()
    for number, entry in enumerate(entries, 1):
        found = told(entry)
        assert found and found["body"] == "x" * 5000
        assert ["X-Mock-Request-Id", str(number)] in found["headers"]
        assert ["Date", "Thu, 01 Jan 1970 00:00:00 GMT"] in found["headers"]
    assert journal.kept == 0  # for the repeats count it
    repeats.find(1, b"GET", 1)  # the mocks have changed
    assert 5000 < journal.kept < 6000 and told(entries[0]) == told(entries[0])
    assert [one["body"] for one in map(told, entries) if one] == ["x" * 5000] * 10
    journal.clear()
    assert journal.kept == 0


def test_of_a_repeated_answer_that_a_client_left_as_much_is_told_as_was_sent() -> None:
    journal, repeat = m.Journal(), repeated(5000)
    sent = m.Sent(20, 0, True)
    sent.kept = repeat.kept
    entry = m.Entry("1", 0.0, repeat.asked, sent)
    journal.add(entry)
    journal.end(entry, "client_closed")
    found = told(entry)
    assert found and found["body"] == "x" * 20 and journal.kept == 0


def test_repeats_that_nobody_shows_are_not_counted_when_they_go() -> None:
    journal, repeats = m.Journal(), m.Repeats()
    repeats.forgot = journal.take_over
    kept: List[m.Repeat] = [repeated(1000) for _ in range(5)]
    for number, repeat in enumerate(kept):
        repeats.keep(1, b"%d" % number, 0, repeat)
    repeats.find(1, b"0", 1)
    assert journal.kept == 0
    assert [repeat.kept.weight for repeat in kept] == [0] * 5


def test_over_a_connection_each_way_of_answering_leaves_its_answer(
    server: MockServer, raw: Any
) -> None:
    server.mock({"user": "gated"}, {"text": "one two three", "gate": True})
    bodies = [fetch(server.port, "POST", CHAT, ASKING)[1] for _ in range(5)]
    entries = server.wait_for(count=5, ended=True)
    # It was worked out, came out of memory, and by its very bytes.
    for entry, body in zip(entries, bodies):
        answer = server.answer(entry["id"])
        assert answer and answer["body"] == json.loads(body)
        assert ["X-Mock-Request-Id", entry["id"]] in answer["headers"]
    client: Raw = raw().send(post(json.dumps({**ASK, "stream": True, "messages": GATED}).encode()))
    client.until_event()
    (entry,) = server.wait_for({"user": "gated"})
    status, found = control(server.port, "GET", f"requests/{entry['id']}")
    assert (status, found["events_sent"], found["ended"]) == (200, 1, None)
    assert len(found["answer"]["events"]) == len(found["answer"]["event_times"]) == 1
    assert control(server.port, "GET", "requests?running=1")[1]["requests"] == [
        {**entry, "blocked": 0.0, "bytes_sent": found["bytes_sent"], "events_sent": 1}
    ]
    server.release(entry["id"], 99)
    server.wait_for({"user": "gated"}, ended="complete")
    answer = server.answer(entry["id"])
    assert answer and answer["events"][-1] == "data: [DONE]\n\n" and not answer["truncated"]
    assert answer["event_times"] == sorted(answer["event_times"])


CHAT = "/v1/chat/completions"
ASKING = json.dumps(ASK).encode()
GATED = [{"role": "user", "content": "gated"}]
