"""Pacing: pauses between events, and what keeps a stream alive meanwhile."""

from __future__ import annotations

import itertools
import zlib
from typing import Any, Iterator, List

from samples import answerer, ask, bytes_of

import mock_server as m

TEXT = {"text": "one two three"}


def steps(kind: type, response: Any, **exchange: Any) -> Iterator[m.Step]:
    """The steps of a streamed answer, one by one: some never end."""
    made = ask(answerer({"response": response}), kind, True)
    exchange.setdefault("coding", m.coding_of(made, None))
    return iter(m.answer_steps(made, m.Exchange(**exchange)))


def drawn(made: Iterator[m.Step], most: int = 99) -> List[Any]:
    """Seconds, pings (as they are), numbers of events, and other steps by name."""
    found: List[Any] = []
    for step in itertools.islice(made, most):
        if isinstance(step, m.Wait):
            found.append(step.seconds)
        elif isinstance(step, m.Send):
            ping = step.data if not step.ends and not step.head else b""
            found.append(ping.partition(b"\r\n")[2][:-2] or len(step.ends))
        else:
            found.append(type(step).__name__)
    return found


OURS = b": keep-alive\n\n"
CLAUDES = b'event: ping\ndata: {"type": "ping"}\n\n'


def test_whenever_nothing_else_is_sent_a_ping_is() -> None:
    every = {"keepalive": {"every": 1}}
    table: List[Any] = [
        # The head goes out at once, and the delay is the time before the first event.
        (m.OpenAIChat, {**every, "delay": 2.5}, [0, 1, OURS, 1, OURS, 0.5, 6]),
        (m.AnthropicMessages, {**every, "delay": 1.5}, [0, 1, CLAUDES, 0.5, 9]),
        # What is due at the same moment makes it needless.
        (m.OpenAIChat, {**every, "delay": 2}, [0, 1, OURS, 1, 6]),
        (m.OpenAIChat, {**every, "delay": 0.5, "pace": {"first": 1}}, [0, 1, OURS, 0.5, 6]),
        (m.OpenAIChat, {**every, "pace": [0, 1.5]}, [2, 1, OURS, 0.5, 4]),
        (m.OpenAIChat, {**every, "pace": [2], "wire": {"coalesce": 3}}, [0, 1, OURS, 1, 3, 3, 0]),
        (
            m.OpenAIChat,
            {"delay": 1.5, "keepalive": {"every": 1, "comment": "a\nb%d"}, "wire": {"eol": "\r"}},
            [0, 1, b": a\r: b%d\r\r", 0.5, *[1] * 6, 0],
        ),
        (m.GeminiGenerate, {**every, "delay": 2}, [2, 3]),
        (m.OllamaChat, {**every, "delay": 2}, [2, 4]),
    ]
    for kind, more, expected in table:
        assert drawn(steps(kind, {**TEXT, **more})) == expected, more


def test_a_request_may_ask_to_be_kept_alive() -> None:
    header = {"x-mock-response": '{"keepalive": {"every": 1}}'}
    mock = {"response": {**TEXT, "delay": 1.5}}
    made = ask(answerer(mock), m.OpenAIChat, True, headers=header)
    assert drawn(iter(m.answer_steps(made, m.Exchange()))) == [0, 1, OURS, 0.5, 6]
    whole = ask(answerer(mock), m.OpenAIChat, headers=header)
    assert drawn(iter(m.answer_steps(whole, m.Exchange())))[0] == 1.5


def test_a_ping_of_openais_responses_is_numbered_among_the_events() -> None:
    response = {**TEXT, "pace": [0, 2.5], "keepalive": {"every": 1}, "wire": "event"}
    sent = [step.data for step in steps(m.OpenAIResponses, response) if isinstance(step, m.Send)]
    events = [m.SSE.decoded(data.partition(b"\r\n")[2]) for data in sent[1:-1]]
    assert [value["sequence_number"] for _, value in events] == list(range(len(events)))
    assert (
        [name for name, _ in events].index("keepalive")
        == 2
        == len(events)
        - len(list(ask(answerer({"response": TEXT}), m.OpenAIResponses, True).frames or ()))
    )


def test_pings_go_out_at_a_gate_as_long_as_it_is_closed_and_in_a_hang_for_ever() -> None:
    gate = {**TEXT, "gate": True, "keepalive": {"every": 1}}
    found: List[Any] = []
    for step in steps(m.OpenAIChat, gate):
        if isinstance(step, m.Hold) and len(found) < 3:
            step.passed = False
            found.append(step.seconds)
        elif isinstance(step, m.Hold):
            assert step.passed
            break
        elif found and isinstance(step, m.Send):
            assert not step.ends and OURS in step.data
    assert found == [1.0, 1.0, 1.0]
    hang = {**TEXT, "fault": "hang", "after_events": 2, "keepalive": {"every": 1}}
    assert drawn(steps(m.OpenAIChat, hang), 6) == [2, "Hang", OURS, "Hang", OURS, "Hang"]


def test_what_a_gate_took_counts_for_the_next_ping() -> None:
    made = steps(
        m.OpenAIChat,
        {**TEXT, "gate": True, "pace": [0.75], "keepalive": {"every": 1}, "wire": "event"},
    )
    for step in made:
        if isinstance(step, m.Hold):
            step.waited = 0.5
            break
    assert drawn(made, 3) == [0.5, OURS, 0.25]


def test_pings_are_part_of_a_compressed_stream() -> None:
    response = {**TEXT, "gzip": "always", "delay": 2.5, "keepalive": {"every": 1}}
    for more in ({}, {"wire": "gzip-block"}, {"wire": "gzip-event"}):
        made = steps(m.OpenAIChat, {**response, **more}, minor=0)
        sent = [step.data for step in made if isinstance(step, m.Send)][1:]
        unpacker = zlib.decompressobj(31)
        assert [unpacker.decompress(data) for data in sent[:2]] == [OURS, OURS]
        rest = b"".join(map(unpacker.decompress, sent[2:]))
        assert unpacker.eof
        assert rest == bytes_of(ask(answerer({"response": TEXT}), m.OpenAIChat, True))


def test_a_list_of_gaps_is_gone_through_once() -> None:
    table: List[Any] = [
        ({"pace": [1, 0, 2]}, [1, 1, 2, 2, 3]),
        ({"pace": [9] * 9}, [1, 9, 1, 9, 1, 9, 1, 9, 1, 9, 1]),
        ({"pace": [1, 2], "gate": True}, [1, "Hold", 1, 1, "Hold", 2, 1] + ["Hold", 1] * 3),
    ]
    for more, expected in table:
        assert drawn(steps(m.OpenAIChat, {**TEXT, **more})) == expected, more
        assert drawn(steps(m.OpenAIChat, {**TEXT, **more, "wire": "event"}))[-1] == 0


def test_a_fault_comes_when_the_event_in_its_place_would_have_come() -> None:
    for more in ({"fault": "close"}, {"fault": "reset"}):
        paced = {**TEXT, **more, "after_events": 2, "pace": 1}
        assert drawn(steps(m.OpenAIChat, paced)) == [1, 1, 1, 1, "Cut"]
    assert drawn(steps(m.OpenAIChat, {**TEXT, "fault": "reset", "delay": 2})) == [2, "Cut"]


def test_streams_that_say_nothing_of_it_keep_their_short_way(monkeypatch: Any) -> None:
    def long_way(*given: Any) -> Any:
        raise AssertionError("a usual stream went the long way")

    monkeypatch.setitem(m.stream_steps.__globals__, "planned_chunks", long_way)
    for pace in (0, 0.5, [1, 2]):
        assert drawn(steps(m.OpenAIChat, {**TEXT, "pace": pace}))
