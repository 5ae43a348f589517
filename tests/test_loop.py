"""The loop: what is told when, in which order, and with which kind of poller."""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import Any, Iterator, List, Tuple

import pytest
from clients import PATIENCE, STREAMING, Raw, chat, post, wait_until
from fixtures import Clock

import mock_server as m
from mock_server import MockServer


class Noting(m.Member):
    """Notes what it is told."""

    def __init__(self, notes: List[Any], name: str = "") -> None:
        self.notes, self.name = notes, name

    def happened(self, events: int) -> None:
        self.notes.append((self.name, events))

    def on_time(self) -> None:
        self.notes.append(self.name)


POLLERS = [m.new_poller, m.Selected]


@pytest.fixture(params=POLLERS, ids=["best", "selected"])
def loop(request: Any) -> Iterator[m.Loop]:
    """A loop that a test turns by hand."""
    made = m.Loop(request.param())
    yield made
    made.close()


def member(loop: m.Loop, notes: List[Any], name: str, due: float) -> Noting:
    """Somebody who is told when it is time."""
    made = Noting(notes, name)
    loop.members.add(made)
    loop.set_due(made, due)
    return made


def test_what_is_due_is_told_in_order_and_only_what_is_still_waited_for(loop: m.Loop) -> None:
    notes: List[Any] = []
    now = time.monotonic()
    for name, due in (("b", now - 1), ("a", now - 2), ("never", m.INFINITE)):
        member(loop, notes, name, due)
    earlier = member(loop, notes, "earlier", now + 1000)
    loop.set_due(earlier, now - 3)
    later = member(loop, notes, "later", now - 4)
    later.due = now + 1000  # what it waited for has come; it waits for something else
    gone = member(loop, notes, "gone", now - 5)
    loop.forget(gone)
    loop.do_due()
    assert notes == ["earlier", "a", "b"]
    loop.do_due()
    assert notes == ["earlier", "a", "b"] and later.timer == now + 1000


def test_the_heap_holds_no_more_than_what_is_waited_for(loop: m.Loop) -> None:
    notes: List[Any] = []
    far = time.monotonic() + 1000
    for number in range(5000):
        gone = member(loop, notes, str(number), far + number)
        loop.forget(gone)
    kept = member(loop, notes, "kept", far)
    for number in range(5000):
        kept.timer = m.INFINITE  # as after each pause
        loop.set_due(kept, far - number)
        assert len(loop.heap) <= m.SPARE_TIMERS + 3
    loop.clear_heap()
    assert [(due, waiting) for due, _, waiting in loop.heap] == [(kept.due, kept)]


def test_a_time_that_was_cleared_out_keeps_no_later_one_back(loop: m.Loop) -> None:
    notes: List[Any] = []
    now = time.monotonic()
    waiting = member(loop, notes, "waiting", now - 1)
    waiting.due = m.INFINITE  # it waits for no time, but for a gate
    loop.clear_heap()
    loop.set_due(waiting, now)
    loop.do_due()
    assert notes == ["waiting"]


def test_an_alarm_goes_off_once(loop: m.Loop) -> None:
    notes: List[Any] = []
    loop.at(0.0, lambda: notes.append("rang"))
    for _ in range(2):
        loop.do_due()
    assert notes == ["rang"] and not loop.members


def test_turns_are_taken_in_order_each_once_a_round(loop: m.Loop, clock: Clock) -> None:
    notes: List[Any] = []

    def again(name: str) -> None:
        notes.append(name)
        loop.call(again, name)

    loop.call(again, "a")
    loop.call(again, "b")
    for _ in range(2):
        loop.go_round()
    assert notes == ["a", "b"] * 2


def test_a_stream_that_is_late_gives_way_to_what_is_on_time() -> None:
    # One that is always due, for its pauses are too short, would be told before all others.
    assert m.moment_of(time.monotonic() - 1) == (m.TURN, 0.0)
    later = time.monotonic() + 1000
    assert m.moment_of(later) == (m.GONE, later)


def test_a_turn_that_took_long_lets_others_be_on_time(loop: m.Loop, clock: Clock) -> None:
    notes: List[Any] = []

    def slow(name: str) -> None:
        notes.append(name)
        clock.now += m.TURN_SECONDS + 0.001

    for name in "ab":
        loop.call(slow, name)
    member(loop, notes, "due", clock.now + m.TURN_SECONDS / 2)
    loop.go_round()
    loop.go_round()
    assert notes == ["a", "due", "b"]


def test_much_that_is_due_lets_sockets_have_their_turn(clock: Clock) -> None:
    notes: List[Any] = []
    loop = m.Loop(Ready((-2, m.READABLE)))

    class Slow(Noting):
        def on_time(self) -> None:
            super().on_time()
            clock.now += m.DUE_SECONDS + 0.001

    socket_ = Noting(notes, "socket")
    socket_.number = -2
    loop.watch(socket_, m.READABLE)
    for name in "abc":
        one = Slow(notes, name)
        loop.members.add(one)
        loop.set_due(one, clock.now - 1)
    loop.go_round()
    assert notes == [("socket", m.READABLE), "a", "b"]
    loop.go_round()
    loop.close()
    assert notes[3:] == [("socket", m.READABLE), "c"]


class Ready:
    """A poller on whose sockets these events have happened, each time that it is asked."""

    def __init__(self, *events: Tuple[int, int]) -> None:
        self.events = list(events)

    def register(self, number: int, events: int) -> None:
        pass

    modify = register

    def unregister(self, number: int) -> None:
        pass

    def poll(self, timeout: Any, maxevents: int) -> List[Any]:
        return self.events

    def close(self) -> None:
        pass


def test_what_is_due_waits_for_no_more_than_one_of_the_sockets() -> None:
    notes: List[Any] = []
    loop = m.Loop(Ready((-2, m.READABLE), (-3, m.READABLE)))

    due = time.monotonic() + 0.001

    class Slow(Noting):
        def happened(self, events: int) -> None:
            super().happened(events)
            while time.monotonic() < due:
                pass

    for number in (-2, -3):
        one = Slow(notes, str(number))
        one.number = number
        loop.watch(one, m.READABLE)
    member(loop, notes, "due", due)
    loop.go_round()
    loop.close()
    assert notes == [("-2", m.READABLE), "due", ("-3", m.READABLE)]


def test_a_connection_on_which_reading_fails_is_closed(
    server: MockServer, raw: Any, monkeypatch: Any
) -> None:
    def fail(handler: Any) -> None:
        raise MemoryError

    client = raw()
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").response()
    monkeypatch.setattr(m.Handler, "readable", fail)
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_until(lambda: not server.connections)


def test_a_fault_is_told_and_ends_nothing_else() -> None:
    told: List[str] = []
    loop = m.Loop(complain=lambda error: told.append(str(error)))

    def fail() -> None:
        raise ValueError("broken")

    loop.call(fail)
    loop.call(loop.stop)
    loop.run()
    loop.close()
    assert told == ["broken"]


def test_another_thread_can_have_something_called(loop: m.Loop) -> None:
    running = threading.Thread(target=loop.run)
    running.start()
    called = threading.Event()
    loop.call(called.set)
    assert called.wait(PATIENCE)
    loop.stop()
    running.join(PATIENCE)
    assert not running.is_alive()


def test_the_end_of_a_connection_is_never_told_to_the_next_one_with_its_number() -> None:
    notes: List[Any] = []

    loop = m.Loop(Ready((71, m.READABLE), (72, m.GONE)))
    first, second, third = (Noting(notes, name) for name in ("first", "second", "third"))
    first.number, second.number, third.number = 71, 72, 72

    def replaced(events: int) -> None:
        loop.forget(second)
        second.number = -1
        loop.watch(third, m.READABLE)

    first.happened = replaced  # type: ignore[method-assign]
    loop.watch(first, m.READABLE)
    loop.watch(second, m.GONE)
    loop.go_round()
    assert notes == []
    first.happened = lambda events: None  # type: ignore[method-assign]
    loop.go_round()
    assert notes == [("third", m.GONE)]
    loop.close()


@pytest.mark.parametrize("events", [m.READABLE, m.GONE, m.READABLE | m.GONE])
def test_a_client_that_has_left_is_noticed(loop: m.Loop, events: int) -> None:
    near, far = socket.socketpair()
    notes: List[Any] = []
    watching = Noting(notes)
    watching.number = near.fileno()
    with near, far:
        loop.watch(watching, events)
        far.close()
        loop.go_round()
        loop.watch(watching, None)
    assert notes and notes[0][1] & (events | m.OVER)


def test_bytes_are_no_end_where_only_the_end_is_waited_for(loop: m.Loop) -> None:
    near, far = socket.socketpair()
    notes: List[Any] = []
    watching = Noting(notes)
    watching.number = near.fileno()
    with near, far:
        loop.watch(watching, m.GONE)
        far.send(b"x")
        loop.at(time.monotonic() + 0.01, lambda: notes.append("later"))
        while not notes:
            loop.go_round()
        assert notes == ["later"]
        loop.watch(watching, m.READABLE)
        loop.go_round()
        assert notes[1:] == [("", m.READABLE)]
        loop.watch(watching, m.WRITABLE)
        loop.go_round()
        assert notes[2:] == [("", m.WRITABLE)]
        loop.watch(watching, None)


def test_without_epoll_each_of_many_has_its_turn() -> None:
    poller = m.Selected()
    pairs = [socket.socketpair() for _ in range(5)]
    for near, far in pairs:
        poller.register(near.fileno(), m.READABLE)
        far.send(b"x")
    told = {number for _ in range(5) for number, _ in poller.poll(0, 2)}
    assert told == {near.fileno() for near, _ in pairs}
    poller.close()
    for pair in pairs:
        for one in pair:
            one.close()


@pytest.fixture
def selected() -> Iterator[MockServer]:
    """A server as it runs where there is no epoll."""
    core = m.Core(m.Settings())
    core.loop.close()
    core.loop = m.Loop(m.Selected(), core.complain)
    with MockServer(core=core) as server:
        yield server


def test_without_epoll_it_serves_whole_and_paced_and_large_answers(selected: MockServer) -> None:
    selected.mock(response={"text": "pong"})
    selected.mock(match={"stream": True}, response={"text": "a b c", "pace": 0.001})
    large = "x" * 2_000_000
    selected.mock(match={"user": "large"}, response={"text": large})
    for _ in range(3):
        assert chat(selected.port) == (200, "pong")
    client = Raw(selected).send(post(STREAMING) + post())
    assert b"[DONE]" in client.response()[2] and b"pong" in client.response()[2]
    client.close()
    assert chat(selected.port, "large") == (200, large)


@pytest.mark.parametrize("response", [{"text": "a b", "pace": 60}, {"text": "a b", "gate": True}])
def test_without_epoll_it_notices_a_client_that_leaves_in_a_pause(
    selected: MockServer, response: Any
) -> None:
    selected.mock(response=response)
    client = Raw(selected).send(post(STREAMING))
    client.head()
    client.close()
    assert selected.wait_for({"stream": True}, ended="client_closed", timeout=PATIENCE)


def test_without_epoll_it_tells_a_reset_from_an_end(selected: MockServer) -> None:
    selected.mock(response={"text": "a b", "gate": True})
    client = Raw(selected).send(post(STREAMING))
    client.head()
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert selected.wait_for(ended="client_reset", timeout=PATIENCE)


def patient(server: MockServer, seconds: float) -> None:
    """Have a server wait so long and no longer for anything."""
    for name in ("idle", "head", "body", "stall", "linger"):
        setattr(server, f"{name}_seconds", seconds)


LITTLE = [  # what a client begins with, and what it sends now and then
    (b"", b"\r\n"),
    (b"GET / HTTP/1.1\r\n", b"a: b\r\n"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b"x"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    (b"G\nT / HTTP/1.1\r\n", b"x"),  # refused at once; what follows is read for a while
]


def test_a_client_that_sends_a_little_now_and_then_is_not_waited_for_any_longer(
    server: MockServer,
) -> None:
    patient(server, 0.2)
    clients = [(begin, more, Raw(server).send(begin)) for begin, more in LITTLE]
    left = {begin for begin, _ in LITTLE}

    def go_on() -> bool:
        for begin, more, client in clients:
            try:
                client.send(more)
            except OSError:
                left.discard(begin)
        return not left or not server.connections

    try:
        wait_until(go_on)
    except AssertionError:
        raise AssertionError(f"still waited for: {left}") from None
    for _, _, client in clients:
        client.close()


def test_a_worker_that_can_not_be_started_costs_time_but_no_answer(monkeypatch: Any) -> None:
    said: List[str] = []
    workers = m.Workers(say=said.append)
    told: List[Any] = []

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for number in range(3):
        workers.do(lambda number=number: number, lambda *report: told.append(report))  # type: ignore[misc]
    assert told == [(0, None), (1, None), (2, None)]
    assert said == [
        "no thread can be started (can't start new thread): what takes long delays others"
    ]
    monkeypatch.undo()
    event = threading.Event()
    workers.do(lambda: 1, lambda *report: event.set())
    assert event.wait(PATIENCE)
    workers.close()


def test_workers_are_bounded_and_tell_errors() -> None:
    workers = m.Workers(2)
    go_on, reports = threading.Event(), []

    def work() -> int:
        assert go_on.wait(PATIENCE)
        return len(threading.enumerate())

    def fail() -> None:
        raise ValueError("broken")

    for _ in range(5):
        workers.do(work, lambda value, error: reports.append(value))
    workers.do(fail, lambda value, error: reports.append(str(error)))
    assert workers.started == 2
    go_on.set()
    wait_until(lambda: len(reports) == 6)
    assert "broken" in reports
    workers.close()
    wait_until(lambda: workers.started == 0)


class Shortage:
    """A listening socket of a system that has no descriptors left but those that are given back."""

    def __init__(self, clients: List[socket.socket]) -> None:
        self.clients = clients

    def fileno(self) -> int:
        return -1

    def accept(self) -> Any:
        if not self.clients:
            raise BlockingIOError
        spare = len(self.clients) % 2  # every other accept() finds the descriptor that was kept
        if not spare:
            self.clients.append(self.clients[-1])
            raise OSError(24, "Too many open files")
        return self.clients.pop(), ("127.0.0.1", 1)


def test_who_finds_no_descriptor_left_is_told_so_and_it_is_said_once(loop: m.Loop) -> None:
    near, far = socket.socketpair()
    said: List[str] = []
    served: List[Any] = []
    listener = m.Listener(
        loop,
        Shortage([near, near]),
        lambda *client: served.append(client),
        said.append,  # type: ignore[arg-type]
    )
    listener.hold_back()
    listener.happened(m.READABLE)
    assert far.recv(9999).startswith(b"HTTP/1.1 503 ") and far.recv(1) == b""
    assert said == ["connections are refused: [Errno 24] Too many open files"]
    listener.refuse(OSError(24, "Too many open files"))
    assert len(said) == 1 and listener.spare is not None and not served
    listener.give_up_spare()
    far.close()
