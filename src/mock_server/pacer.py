"""One thread that goes on with every stream whose pause is over."""

from __future__ import annotations

import heapq
import itertools
import os
import select
import threading
import time
from collections import deque
from typing import Any, Deque, Dict, Iterator, List, Optional, Tuple

from .connection import Paused
from .sockets import GONE, READABLE, Vanished
from .steps import Step


class Pacer:
    """One thread that goes on with every stream whose pause is over, while their own threads sleep.

    A thousand threads that each wake up fifty times a second fight for the interpreter, and come late; one that
    looks at a heap does not.  What would block is given back to the stream's own thread.  Needs epoll, which also
    tells at once when a client leaves; where there is none, each thread waits for itself."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thread: Optional[threading.Thread] = None
        self.arrived: Deque[Paused] = deque()
        self.order = itertools.count()
        self.closed = False

    def go_on(self, handler: Any, wanted: Iterator[Step], due: float) -> float:
        """Have a stream's steps done from `due` on; 0 at its end, or when its next steps are due if it has `unsent` bytes."""
        with self.lock:
            if not self.thread:
                self.open()
        paused = Paused(handler, wanted, due, threading.Lock())
        paused.over.acquire()
        self.arrived.append(paused)
        os.write(self.bell[1], b"x")
        paused.over.acquire()
        if paused.error:
            raise paused.error
        return paused.due

    def open(self) -> None:
        """Start the thread, with the first stream that needs it."""
        self.epoll, self.bell = select.epoll(), os.pipe()
        self.epoll.register(self.bell[0], READABLE)
        self.thread = threading.Thread(target=self.run, name="pacer", daemon=True)
        self.thread.start()

    def run(self) -> None:
        """Wait for what comes first: a pause that is over, a new stream, or a client that leaves."""
        heap: List[Tuple[float, int, Paused]] = []
        running: Dict[int, Paused] = {}
        while not self.closed:
            for number, _ in self.epoll.poll(
                min(3600.0, max(0.0, heap[0][0] - time.monotonic())) if heap else None
            ):
                if number == self.bell[0]:
                    os.read(number, 65536)
                elif number in running:
                    self.end(running, number, Vanished(running[number].handler.left()))
            while self.arrived:
                paused = self.arrived.popleft()
                number = paused.handler.connection.fileno()
                running[number] = paused
                self.epoll.register(number, GONE)
                heapq.heappush(heap, (paused.due, next(self.order), paused))
            now_due = time.monotonic()
            while heap and heap[0][0] <= now_due:
                self.resume(heap, running, heapq.heappop(heap)[2])

    def resume(
        self, heap: List[Tuple[float, int, Paused]], running: Dict[int, Paused], paused: Paused
    ) -> None:
        """Go on with one stream, unless it is over."""
        handler = paused.handler
        number = handler.connection.fileno()
        if running.get(number) is not paused:
            return
        try:
            paused.due = handler.advance(paused.wanted, False, paused.due, blocks=False)
        except Exception as error:  # noqa: BLE001  it is the stream's own, and goes to its thread
            self.end(running, number, error)
        else:
            if handler.unsent or paused.due <= 0:
                self.end(running, number)
            else:
                heapq.heappush(heap, (paused.due, next(self.order), paused))

    def end(
        self, running: Dict[int, Paused], number: int, error: Optional[Exception] = None
    ) -> None:
        """Give a stream back to its own thread."""
        self.epoll.unregister(number)
        paused = running.pop(number)
        paused.error = error
        paused.over.release()

    def close(self) -> None:
        """End the thread; all streams are over."""
        if self.thread:
            self.closed = True
            os.write(self.bell[1], b"x")
            self.thread.join(1.0)
            self.epoll.close()
            for number in self.bell:
                os.close(number)


class Places:
    """So many streams may write without pauses at the same moment; the others get their turn in order.

    Not a semaphore: whoever gives a place back and asks again at once would always get it."""

    def __init__(self, free: int) -> None:
        self.lock = threading.Lock()
        self.free = free
        self.waiting: Deque[Any] = deque()

    def take(self) -> None:
        """Wait for a place.  Those who have one give it back after 64 events, or when their client reads too slowly."""
        with self.lock:
            if self.free:
                self.free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self.waiting.append(turn)
        turn.acquire()

    def give(self) -> None:
        """Hand a place to who waits longest."""
        with self.lock:
            if self.waiting:
                self.waiting.popleft().release()
            else:
                self.free += 1
