"""Names of recordings: what was asked, as the name of a file.  Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Mapping

from ..formats.all import OTHER
from ..jsons import sorted_compact, utf8
from ..limits import DIALECTS, Json
from ..values import Call
from .scrubbing import Scrubber

NOT_IN_A_SLUG = re.compile(r"[^a-z0-9]+")
MUCH_TEXT = 400  # characters of a text that may count for a name

# Characters of each part; with what goes behind a name, no file's is longer than 120.
MOST_OF_PROVIDER, MOST_OF_API, MOST_OF_MODEL, MOST_OF_TEXT, MOST_OF_NAME = 16, 24, 32, 48, 100


def name_of(call: Call, match: Mapping[str, Json], scrubber: Scrubber) -> str:
    """What a recording is called: whose it is, what was asked, and what its `match` says beside
    that, as 8 hex digits; the same for the same question."""
    if call.operation == OTHER:
        begun = [OTHER, call.method, slug(scrubber.text(call.path), MOST_OF_TEXT)]
    else:
        provider = call.provider
        if provider == DIALECTS[0]:  # of a host with OpenAI's format its own name
            provider = call.dialect or provider
        model = slug(scrubber.text(call.model), MOST_OF_MODEL)
        api = slug(call.api or call.operation, MOST_OF_API)
        begun = [slug(provider, MOST_OF_PROVIDER), api, model]
    ending = []
    if call.turn:
        ending.append(f"turn-{min(call.turn, 9999)}")
    if call.tool_result is not None:
        ending.append("result")
    ending.append(hashlib.sha256(utf8(sorted_compact(match))).hexdigest()[:8])
    left = MOST_OF_NAME - len("-".join([*begun, "", *ending]))
    text = slug(scrubber.text(call.user), min(left, MOST_OF_TEXT))
    return "-".join(filter(None, [*begun, text, *ending])).lower()


def slug(text: str, most: int) -> str:
    """A text in lower-case ASCII letters, digits and hyphens, so many of them at most, whole words
    as far as there are several."""
    plain = unicodedata.normalize("NFKD", text[:MUCH_TEXT]).encode("ascii", "ignore").decode()
    words = NOT_IN_A_SLUG.sub("-", plain.lower()).strip("-")
    if len(words) > most:
        # One more character tells whether the last word is whole.
        words = words[: most + 1].rpartition("-")[0] or words[:most]
    return words.strip("-")
