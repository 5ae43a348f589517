"""The loop: one thread that waits for all sockets, and for what is due.

May touch threading, selectors and time.
"""

from __future__ import annotations

import heapq
import itertools
import select
import socket
import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, Generator, List, Optional, Protocol, Set, Tuple

from .sockets import FAILED, GONE, READABLE, WRITABLE, Bell

INFINITE = float("inf")
MOST_EVENTS = 64  # sockets that are looked at before it is time for what is due
MOST_FAULTS = 100  # one after the other, before it takes its time
DUE_SECONDS = 0.025  # that what is due may take, before it is time for sockets again
TURN_SECONDS = 0.002  # that what only waits for its turn may take from what is due
SPARE_TIMERS = 1000  # times in the heap that nothing waits for, before they are cleared out

# What a wait may be for beside events of the socket, and how it may have ended.
TURN = -1
WOKEN = -2
TIME = 0

# What a task does: it yields events of its socket (None: not even its end) and until when it waits
# for them, and is told which came, TIME, or WOKEN.
Wish = Tuple[Optional[int], float]
Task = Generator[Wish, int, Any]


class Poller(Protocol):
    """Waits for many sockets at once; select.epoll is one."""

    def register(self, number: int, events: int) -> None:
        """Watch a socket."""

    def modify(self, number: int, events: int) -> None:
        """Watch it for other events."""

    def unregister(self, number: int) -> None:
        """Watch it no more."""

    def poll(self, timeout: Optional[float], maxevents: int) -> List[Tuple[int, int]]:
        """Numbers of sockets with the events that came in so many seconds; -1 waits for ever."""

    def close(self) -> None:
        """Give its descriptor back."""


class Selected:
    """A Poller where there is no epoll, with what `selectors` has.

    That knows nothing of a client's end: while only the end is waited for, it is looked for behind
    what there is to read, which is left there; once there are bytes, nothing more is noticed."""

    def __init__(self) -> None:
        import selectors

        self.selector = selectors.DefaultSelector()
        self.events: Dict[int, int] = {}
        self.turn = 0  # how many were too many so far

    def register(self, number: int, events: int) -> None:
        """Watch a socket."""
        self.events[number] = events
        wanted = 0
        if events & (READABLE | GONE):
            wanted |= 1  # selectors.EVENT_READ
        if events & WRITABLE:
            wanted |= 2  # selectors.EVENT_WRITE
        if wanted:
            self.selector.register(number, wanted)

    def modify(self, number: int, events: int) -> None:
        """Watch it for other events."""
        self.unregister(number)
        self.register(number, events)

    def unregister(self, number: int) -> None:
        """Watch it no more."""
        del self.events[number]
        try:
            self.selector.unregister(number)
        except KeyError:
            pass  # there was nothing to wait for

    def poll(self, timeout: Optional[float], maxevents: int) -> List[Tuple[int, int]]:
        """Numbers of sockets with the events that came in so many seconds."""
        found = []
        patience = None if timeout is None or timeout < 0 else timeout
        ready = self.selector.select(patience)
        # It always begins with the same; those that are too many now are the first next time.
        if len(ready) > maxevents:
            self.turn += maxevents
            at = self.turn % len(ready)
            ready = [*ready[at:], *ready[:at]][:maxevents]
        for key, seen in ready:
            number = int(key.fd)
            events = self.seen(number, seen)
            if events:
                found.append((number, events))
        return found

    def seen(self, number: int, seen: int) -> int:
        """The events of a socket, in epoll's numbers."""
        events = 0
        if seen & 2:
            events |= WRITABLE
        if not seen & 1:
            return events
        if self.events[number] & READABLE:
            return events | READABLE
        end = end_of(number)
        if end:
            return events | end
        self.selector.unregister(number)  # there is something to read, later
        return events

    def close(self) -> None:
        """Give its descriptor back."""
        self.selector.close()


def end_of(number: int) -> int:
    """The events of a socket that is readable, but has nothing but its end to be read; 0 if there
    is more."""
    watched = socket.socket(fileno=number)
    try:
        return 0 if watched.recv(1, socket.MSG_PEEK) else GONE
    except BlockingIOError:
        return 0
    except OSError:  # which the socket tells once
        return GONE | FAILED
    finally:
        watched.detach()


def new_poller() -> Poller:
    """The best Poller that this system has."""
    if hasattr(select, "epoll"):
        return select.epoll()
    return Selected()


class Member:
    """What the loop resumes: a socket with a task, or without one, when it is idle.

    `happened` is called for events, `on_time` when `due` is over.  `timer` is the earliest time in
    the loop's heap that is meant for it."""

    number = -1  # of its socket
    interest: Optional[int] = None  # the events that it is watched for
    due = timer = INFINITE

    def happened(self, events: int) -> None:
        """Something has happened on its socket."""

    def on_time(self) -> None:
        """What it waited for has not come in time, or its pause is over."""


class Alarm(Member):
    """Something to be done once, at a time."""

    def __init__(self, loop: Loop, action: Callable[[], None]) -> None:
        self.loop, self.action = loop, action

    def on_time(self) -> None:
        """Do it."""
        self.loop.forget(self)
        self.action()


class Loop:
    """One thread that goes on with every connection as soon as it can.

    Nothing that it calls may block or take long.  Events of sockets come first, then what is due,
    then what only waits for its turn; each for a bounded time, so that none keeps the others from
    being on time."""

    def __init__(
        self,
        poller: Optional[Poller] = None,
        complain: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        if poller is None:
            poller = new_poller()
        self.poller = poller
        self.complain = complain  # is told of faults, so that they cost no more than a connection
        self.bell = Bell()
        self.poller.register(self.bell.number, READABLE)
        self.watched: Dict[int, Member] = {}
        self.members: Set[Member] = set()  # all that may wait for a time
        self.heap: List[Tuple[float, int, Member]] = []
        self.order = itertools.count()  # of what is due at the same moment
        self.turns: Deque[Tuple[Callable[..., None], Tuple[Any, ...]]] = deque()
        self.rounds = 0  # how often it has asked for events
        self.thread = 0  # the one that runs it
        self.is_ended = False

    # --- from any thread ---

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Have something called by the loop's thread, soon."""
        self.turns.append((function, arguments))
        if self.thread != threading.get_ident():
            self.bell.ring()

    def stop(self) -> None:
        """End it."""
        self.is_ended = True
        self.bell.ring()

    # --- from its own ---

    def watch(self, member: Member, events: Optional[int]) -> None:
        """Tell a member when one of some events happens on its socket; None is none at all, not
        even its end."""
        known = member.interest
        if known == events:
            return
        member.interest = events
        if events is None:
            del self.watched[member.number]
            self.poller.unregister(member.number)
        elif known is None:
            self.poller.register(member.number, events)
            self.watched[member.number] = member
        else:
            self.poller.modify(member.number, events)

    def set_due(self, member: Member, due: float) -> None:
        """Have a member told when a moment of the monotonic clock has come."""
        member.due = due
        if due >= member.timer:
            return  # the heap's own time comes first, and is put off then
        member.timer = due
        heapq.heappush(self.heap, (due, next(self.order), member))
        if len(self.heap) > 2 * len(self.members) + SPARE_TIMERS:
            self.clear_heap()

    def clear_heap(self) -> None:
        """Leave one time a member in the heap: of closed connections none is to stay."""
        self.heap = []
        for member in self.members:
            member.timer = member.due  # also of those that wait for no time: theirs has gone
            if member.due < INFINITE:
                self.heap.append((member.due, next(self.order), member))
        heapq.heapify(self.heap)

    def at(self, due: float, action: Callable[[], None]) -> None:
        """Have something called at a moment of the monotonic clock."""
        alarm = Alarm(self, action)
        self.members.add(alarm)
        self.set_due(alarm, due)

    def forget(self, member: Member) -> None:
        """Tell a member nothing any more."""
        self.watch(member, None)
        self.members.discard(member)
        member.due = INFINITE

    def run(self) -> None:
        """Go on until it is stopped."""
        self.thread = threading.get_ident()
        faults = 0  # one after the other
        while not self.is_ended:
            try:
                self.go_round()
                faults = 0
            except Exception as error:  # noqa: BLE001  one fault must not end all connections
                faults += 1
                self.complain(error)
                if faults > MOST_FAULTS:
                    time.sleep(0.1)  # nothing works: at least the processor is free for others
        self.thread = 0

    def go_round(self) -> None:
        """Do what there is to do, or wait for it."""
        self.rounds += 1
        came = self.poller.poll(self.patience(), MOST_EVENTS)
        # Whose they are is looked up before any is told: a connection that ends meanwhile may leave
        # its number to a new one, which is not to be told of the other's end.
        for member, number, events in [(self.watched.get(one), one, what) for one, what in came]:
            if member is None:
                self.bell.silence()
            elif member.number == number:
                member.happened(events)
            # Each may take milliseconds, and what is due is to wait for one of them at most.
            if self.heap and self.heap[0][0] <= time.monotonic():
                self.do_due()
        if self.heap:
            self.do_due()
        if self.turns:
            self.take_turns()

    def patience(self) -> float:
        """For how many seconds there is nothing to do but to wait; -1 for ever."""
        if self.turns:
            return 0.0
        if not self.heap:
            return -1.0
        return max(0.0, self.heap[0][0] - time.monotonic())

    def do_due(self) -> None:
        """Tell those whose time has come, as many as there is time for."""
        now = time.monotonic()
        while self.heap and self.heap[0][0] <= now:
            due, _, member = heapq.heappop(self.heap)
            if due != member.timer:
                continue  # an earlier one came in between
            member.timer = INFINITE
            if member.due > now:
                self.set_due(member, member.due)
            else:
                member.due = INFINITE
                member.on_time()
                if time.monotonic() > now + DUE_SECONDS:
                    return

    def take_turns(self) -> None:
        """Go on with what waits for its turn, each once, until something may be due."""
        until = time.monotonic() + TURN_SECONDS
        for _ in range(len(self.turns)):
            function, arguments = self.turns.popleft()
            function(*arguments)
            if time.monotonic() > until:
                return

    def close(self) -> None:
        """Give its descriptors back; it runs no more."""
        self.poller.close()
        self.bell.close()
