"""What answers where no mock does: the text that was asked, or vectors or scores made from it.

Pure."""

from __future__ import annotations

import hashlib
import re
import struct
from typing import Iterator, List, Sequence, Tuple

from ..ids import estimate
from ..jsons import utf8
from ..limits import Json
from ..node import Field
from ..values import Call, Embedding, Part, Reply, Scores, Text, Usage
from .gemini import pick

MOST_DIMENSIONS = 8192
# Chinese, Japanese and Korean have no spaces between words: each sign is taken for one.
# A text, as compiling it takes longer than all other regular expressions together.
WORD = r"[\u2e80-\U0003ffff]|[^\W\u2e80-\U0003ffff]+"


def echoed(call: Call) -> Reply:
    """What was asked, as an answer: the text, or vectors or scores made from it."""
    text = call.user or call.tool_result or call.system
    part: Part = Text(text)
    if call.operation == "embed":
        size = dimensions(call)
        vectors = {one: unit_vector(one, size) for one in set(call.inputs)}
        part = Embedding(tuple(vectors[one] for one in call.inputs))
    elif call.operation == "rerank":
        part = Scores(shared_words(call.user, call.inputs))
    usage = Usage(estimate(call.prompt), estimate(text), is_guess=True)
    return Reply((part,), "stop", usage, call.model)


def shared_words(query: str, texts: Sequence[str]) -> Tuple[float, ...]:
    """The share of a query's words that each text has: what has all of them comes first."""
    asked = set(words_of(query))
    shared = [len(asked.intersection(words_of(text))) for text in texts]
    return tuple(round(number / max(1, len(asked)), 6) for number in shared)


def words_of(text: str) -> Iterator[str]:
    """The words of a text, one by one: while a list of millions is made, nobody else has a turn."""
    return (match.group() for match in re.finditer(WORD, text.lower()))


def dimensions(call: Call) -> int:
    """How long a vector the request asks for, wherever its API says that, or the model's usual size
    (wire formats, 5.6)."""
    places: List[Json] = [call.body, call.body.get("parameters")]
    requests = call.body.get("requests")
    if isinstance(requests, list):
        places += requests[:1]
    for place in places:
        if isinstance(place, dict):
            asked = place.get("dimensions") or pick(place, "outputDimensionality")
            asked = asked or place.get("output_dimension")  # Mistral's and Cohere's
            if asked:
                field = Field({"dimensions": asked}).get("dimensions")
                wanted = f"an integer from 1 to {MOST_DIMENSIONS}"
                return int(field.integer(wanted, 1, MOST_DIMENSIONS))
    if "embedding-3-large" in call.model or "gemini-embedding" in call.model:
        return 3072
    return 1536


def unit_vector(text: str, size: int) -> Tuple[float, ...]:
    """A vector of length 1 that depends on the text alone."""
    data = hashlib.shake_256(utf8(text)).digest(size * 2)
    raw = [value - 32767.5 for value in struct.unpack(f"<{size}H", data)]
    norm = sum(value * value for value in raw) ** 0.5
    return tuple(round(value / norm, 8) for value in raw)
