"""Searching with users' regular expressions, which may take for ever: a watchdog ends that.

May touch signal, threading and time.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Set

from ..errors import shown
from .expressions import Expression

TICK = 0.02  # seconds of the processor between two looks at the search under way
FIRST_TICKS = 25  # looks that a regular expression is given
LATER_TICKS = 2  # once it was given up, or others were
PATIENCE = 3  # regular expressions that are given the full time
TRIES = 20  # texts on which one is given up; then it is not tried any more
KNOWN = 1000  # regular expressions of which is known that they were given up
HANDED_OVER = 10.0  # seconds that another thread waits for the main thread

HandOver = Callable[[Callable[[], None]], None]  # runs a function in the main thread, soon


class GivenUp(BaseException):
    """Raised in the midst of a search by the handler of a signal."""


class TooLong(Exception):
    """A search takes longer than who asks for it can wait; another thread is to ask again."""


class Watchdog:
    """Ends searches that take too long.

    Python's engine heeds signals, but only in the main thread, which has to `watch`; others hand
    their searches to it.  A search that is given up finds nothing.  Before anybody watches, as in
    a program that only imports the server, each search runs where it is for as long as it takes."""

    def __init__(self) -> None:
        self.main: Optional[int] = None  # the thread that watches
        self.call: Optional[HandOver] = None
        self.say: Callable[[str], None] = lambda line: None
        self.given_up: Dict[str, Set[int]] = {}  # hashes of texts by regular expression
        self.is_armed = self.is_searching = self.is_stopping = False
        self.number = self.seen = 0  # of searches: all, and at the last tick
        self.ticks = self.limit = 0  # during this search, and when it is given up
        self.is_hurried = self.is_late = False  # whether the main thread can't wait, or has enough

    # --- its life ---

    def watch(self, call: Optional[HandOver], say: Callable[[str], None]) -> None:
        """Watch over searches of this thread, which must be the main one, from now on; `call` has
        it run those of others, `say` takes a line a regular expression that was given up."""
        if not hasattr(signal, "setitimer"):
            return  # Windows
        self.call, self.say, self.is_stopping = call, say, False
        # Of the processor, not of the clock: a machine that is busy otherwise ends no search.
        signal.signal(signal.SIGVTALRM, self.tick)
        self.main = threading.get_ident()

    def unwatch(self) -> None:
        """Watch no more."""
        if self.main is not None:
            self.main = None
            self.is_armed = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, signal.SIG_DFL)

    def interrupt(self) -> None:
        """The program is to end: called by the handler of a signal.  A search that is under way is
        given up, later ones are not begun."""
        self.is_stopping = True
        self.give_up()

    def tick(self, *signal_and_frame: Any) -> None:
        """Look at the search under way, if it is the same as at the last look."""
        if self.number != self.seen:
            self.seen, self.ticks = self.number, 0
        elif not self.is_searching:
            # Nothing was searched for a while; the next search winds it up again.
            self.is_armed = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        else:
            self.ticks += 1
            if self.ticks >= self.limit:
                self.give_up()

    def give_up(self) -> None:
        """End the search under way, if there is one."""
        if self.is_searching:
            self.is_searching = False  # before, so that no second one comes
            raise GivenUp

    # --- searching ---

    @contextlib.contextmanager
    def hurried(self) -> Iterator[None]:
        """Within it, a search that takes long in the main thread raises TooLong: others wait for
        that thread, and for each other's searches only if it comes back in between."""
        if threading.get_ident() != self.main:
            yield
            return
        self.is_hurried, self.is_late = True, False
        try:
            yield
        finally:
            self.is_hurried = False

    def search(self, expression: Expression, text: str) -> Any:
        """What a regular expression finds in a text; None also if it takes too long."""
        if self.main is None or len(text) <= expression.safe_length:
            return expression.find(text)
        if self.has_given_up(expression, text):
            return None
        if threading.get_ident() == self.main:
            return self.search_here(expression, text)
        if self.call is None:
            return expression.find(text)
        return self.search_there(self.call, expression, text)

    def search_here(self, expression: Expression, text: str) -> Any:
        """The same, in the main thread."""
        if self.is_stopping:
            return None  # nobody waits for it any more
        if self.is_hurried and (self.is_late or expression.text in self.given_up):
            raise TooLong
        is_known = expression.text in self.given_up or len(self.given_up) >= PATIENCE
        self.limit = LATER_TICKS if is_known or self.is_hurried else FIRST_TICKS
        self.number += 1
        try:
            self.is_searching = True  # before it is wound up: a tick in between would stop it
            if not self.is_armed:
                self.is_armed = True
                signal.setitimer(signal.ITIMER_VIRTUAL, TICK, TICK)
            return expression.find(text)
        except GivenUp:
            if self.is_hurried:
                self.is_late = True
                raise TooLong from None
            if not self.is_stopping:
                self.note(expression, text)
            return None
        finally:
            self.is_searching = False

    def search_there(self, call: HandOver, expression: Expression, text: str) -> Any:
        """The same, from another thread; one that holds what the main thread waits for gets
        nothing, late, rather than hold up both."""
        found: List[Any] = []
        done = threading.Event()

        def run() -> None:
            if done.is_set():
                return  # nobody waits any more
            try:
                found.append(self.search_here(expression, text))
            finally:
                done.set()

        call(run)
        late = time.monotonic() + HANDED_OVER
        while not done.wait(0.1) and not self.is_stopping and time.monotonic() < late:
            pass
        done.set()
        return found[0] if found else None

    # --- what was given up ---

    def has_given_up(self, expression: Expression, text: Optional[str]) -> bool:
        """Whether a search in this text was given up, or would be, as those in many others were."""
        texts = self.given_up.get(expression.text)
        if texts is None or text is None or len(text) <= expression.safe_length:
            return False
        return len(texts) >= TRIES or hash(text) in texts

    def note(self, expression: Expression, text: str) -> None:
        """Remember that a search was given up, and say so once a regular expression."""
        if expression.text not in self.given_up:
            if len(self.given_up) >= KNOWN:
                self.given_up.clear()
            self.say(f"{self.sentence(expression)} on a text of {len(text)} characters")
        self.given_up.setdefault(expression.text, set()).add(hash(text))

    def sentence(self, expression: Expression) -> str:
        """What is said of a regular expression that was given up."""
        tries = len(self.given_up.get(expression.text, ()))
        what = f"was given up after {TICK * FIRST_TICKS:g} s"
        if tries >= TRIES:
            what = f"is not tried any more: it was given up on {TRIES} texts"
        elif tries > 1 or len(self.given_up) > PATIENCE:
            what = "was given up, for it takes too long"
        return f"regex {shown(expression.text)} {what}"


WATCHDOG = Watchdog()
