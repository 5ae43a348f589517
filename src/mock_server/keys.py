"""What looks like a key or a token in a text, and what stands in its place.  Touches nothing."""

from __future__ import annotations

import re

SCRUBBED = "***"  # what stands where a key was; it looks like none itself

# OpenAI's and Anthropic's keys, as their documentation shows them.
KEY_IN_TEXT = re.compile(r"\bsk-[A-Za-z0-9_-]{16,}")


def without_keys(text: str) -> str:
    """A text with what looks like a key scrubbed; once more it stays as it is."""
    return KEY_IN_TEXT.sub(SCRUBBED, text)
