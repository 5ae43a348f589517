"""Memory that was freed, given back to the system.  May call the C library."""

from __future__ import annotations

from typing import Callable

LARGE = 64 * 1024  # bytes of what does not come back to the next small request
TRIM_AT = 32 * 1024 * 1024  # bytes that were freed since it was last given back
ARENA_MAX = -8  # of mallopt(3): glibc's malloc.h calls it M_ARENA_MAX


def give_back_memory() -> None:
    """Give the system what the C library keeps of memory that was freed.

    Only glibc keeps so much, and has the call (malloc_trim(3)).  It also gives each thread a heap
    of its own, which keeps as much again: of Python's threads one runs at a time, and one heap
    does for them all."""
    try:
        import ctypes

        library = ctypes.CDLL(None)
        library.mallopt(ARENA_MAX, 1)
        library.malloc_trim(0)
    except (ImportError, AttributeError, OSError, TypeError):
        pass  # another C library, or none to be called


class Trimming:
    """Has memory given back now and then, once enough was freed.  `later` has something done when
    nobody waits for it: it takes milliseconds."""

    def __init__(self, later: Callable[[Callable[[], None]], None]) -> None:
        self.later = later
        self.total = 0  # bytes; a count that is slightly wrong, of two threads, does no harm
        self.is_planned = False

    def freed(self, size: int) -> None:
        """Note that so many bytes are free, or are about to be."""
        if size < LARGE:
            return
        self.total += size
        if self.total >= TRIM_AT and not self.is_planned:
            self.is_planned = True
            self.later(self.trim)

    def trim(self) -> None:
        """Give it back."""
        self.total = 0
        self.is_planned = False
        give_back_memory()
