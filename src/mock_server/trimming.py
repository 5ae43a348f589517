"""Memory that was freed, given back to the system.  May call the C library."""

from __future__ import annotations
