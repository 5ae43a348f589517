"""Who writes when: the pacer, which goes on with every paced stream, and turns for all others.

May touch threading, time and epoll.
"""

from __future__ import annotations

import heapq
import itertools
import os
import select
import socket
import threading
import time
from collections import deque
from typing import Any, Deque, Dict, Iterator, List, Optional, Protocol, Tuple

from .sockets import HUNG_UP, READABLE, Vanished
from .steps import Step


class Paceable(Protocol):
    """What the pacer needs of a connection: `unsent` are bytes that its client has not taken."""

    connection: socket.socket
    unsent: bytes

    def advance(
        self, steps: Iterator[Step], pooled: bool, due: float, blocks: bool = True
    ) -> float:
        """Do steps until the next pause, and say when that is over; 0 at their end."""

    def how_it_left(self) -> str:
        """What the journal says of a client that left in a pause."""


class Paused:
    """A stream in a pause: its next steps, and when they are due.

    `over` is a lock that is free once its own thread is to go on, with `error` if there is one."""

    def __init__(self, stream: Paceable, steps: Iterator[Step], due: float, over: Any) -> None:
        self.stream = stream
        self.steps = steps
        self.due = due
        self.over = over
        self.error: Optional[Exception] = None


class Pacer:
    """One thread that goes on with every stream whose pause is over, while their own threads sleep.

    A thousand threads that each wake up fifty times a second fight for the interpreter, and come
    late; one that looks at a heap does not.  What would block is given back to the stream's own
    thread.  Needs epoll, which also tells at once when a client leaves; where there is none, each
    thread waits for itself."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thread: Optional[threading.Thread] = None
        self.arrived: Deque[Paused] = deque()
        self.running: Dict[int, Paused] = {}  # by the number of their socket
        self.heap: List[Tuple[float, int, Paused]] = []  # the next first
        self.order = itertools.count()  # of streams that are due at the same moment
        self.closed = False

    def go_on(self, stream: Paceable, steps: Iterator[Step], due: float) -> float:
        """Have a stream's steps done from `due` on.

        0 at its end, or when its next steps are due if it has `unsent` bytes."""
        with self.lock:
            if not self.thread:
                self.open()
        paused = Paused(stream, steps, due, threading.Lock())
        paused.over.acquire()
        self.arrived.append(paused)
        os.write(self.rope, b"x")  # rings the bell, so that epoll returns
        paused.over.acquire()
        if paused.error:
            raise paused.error
        return paused.due

    def open(self) -> None:
        """Start the thread, with the first stream that needs it."""
        self.epoll = select.epoll()
        self.bell, self.rope = os.pipe()
        self.epoll.register(self.bell, READABLE)
        self.thread = threading.Thread(target=self.run, name="pacer", daemon=True)
        self.thread.start()

    def run(self) -> None:
        """Wait for what comes first: the end of a pause, a new stream, or a client that leaves."""
        while not self.closed:
            timeout = None
            if self.heap:
                timeout = min(3600.0, max(0.0, self.heap[0][0] - time.monotonic()))
            for number, _ in self.epoll.poll(timeout):
                if number == self.bell:
                    os.read(number, 65536)
                elif number in self.running:
                    self.give_back(number, Vanished(self.running[number].stream.how_it_left()))
            while self.arrived:
                self.admit(self.arrived.popleft())
            now = time.monotonic()
            while self.heap and self.heap[0][0] <= now:
                self.resume(heapq.heappop(self.heap)[2])

    def admit(self, paused: Paused) -> None:
        """Take a stream over."""
        number = paused.stream.connection.fileno()
        self.running[number] = paused
        # Only for the end: what its client sends is read after the answer.
        self.epoll.register(number, HUNG_UP)
        heapq.heappush(self.heap, (paused.due, next(self.order), paused))

    def resume(self, paused: Paused) -> None:
        """Go on with one stream, unless it is over."""
        stream = paused.stream
        number = stream.connection.fileno()
        # It was given back, and its number may be another connection's by now.
        if self.running.get(number) is not paused:
            return
        try:
            paused.due = stream.advance(paused.steps, False, paused.due, blocks=False)
        except Exception as error:  # noqa: BLE001  it is the stream's own, and goes to its thread
            self.give_back(number, error)
            return
        if stream.unsent or paused.due <= 0:
            self.give_back(number)
        else:
            heapq.heappush(self.heap, (paused.due, next(self.order), paused))

    def give_back(self, number: int, error: Optional[Exception] = None) -> None:
        """Give a stream back to its own thread."""
        self.epoll.unregister(number)
        paused = self.running.pop(number)
        paused.error = error
        paused.over.release()

    def close(self) -> None:
        """End the thread; all streams are over."""
        if not self.thread:
            return
        self.closed = True
        os.write(self.rope, b"x")
        self.thread.join(1.0)
        self.epoll.close()
        os.close(self.bell)
        os.close(self.rope)


class Turns:
    """So many streams may write without pauses at the same moment; the others wait for their turn.

    Not a semaphore: whoever gives a turn back and asks again at once would always get it."""

    def __init__(self, free: int) -> None:
        self.lock = threading.Lock()
        self.free = free
        self.waiting: Deque[Any] = deque()

    def take(self) -> None:
        """Wait for a turn.

        Whoever has one gives it back after 64 events, or when its client reads too slowly."""
        with self.lock:
            if self.free:
                self.free -= 1
                return
            own_turn = threading.Lock()
            own_turn.acquire()
            self.waiting.append(own_turn)
        own_turn.acquire()

    def give_back(self) -> None:
        """Hand a turn to who waits longest."""
        with self.lock:
            if self.waiting:
                self.waiting.popleft().release()
            else:
                self.free += 1
