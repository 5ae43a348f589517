"""How likely each piece of an answer was, for requests that ask for log probabilities.  Pure."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Type

from ..errors import Refused
from ..ids import HEX, token
from ..jsons import utf8
from ..limits import Json
from ..values import Call, Part, Reply, Text
from .runs import hole, walk

MOST_LOGPROBS = 50_000  # of one answer: each takes a thousand bytes of memory
LONG_PIECE = 64  # characters; longer ones, whose bytes are told one by one, count as several
LOGPROB = -0.01  # of every piece (5.2)


def wants_likely(call: Call) -> bool:
    """Whether a request asks for log probabilities."""
    return call.body.get("logprobs") is True


def text_pieces(reply: Reply, *others: Type[Part]) -> Iterator[str]:
    """The pieces in which the text of an answer streams, and parts of other kinds."""
    for run in walk(reply):
        if isinstance(run.part, (Text, *others)):
            yield from run.texts


def held_text(delta: Mapping[str, Json]) -> List[str]:
    """The text that a delta holds itself, and has no hole for."""
    content = delta.get("content")
    if isinstance(content, str) and content != hole(0):
        return [content]
    return []


def whole_pieces(call: Call, reply: Reply, *others: Type[Part]) -> Iterator[str]:
    """The pieces of the text of a whole answer, which are told once for each choice."""
    return bounded_pieces(text_pieces(reply, *others), call.choices)


def bounded_pieces(pieces: Iterable[Optional[str]], choices: int = 1) -> Iterator[str]:
    """Those of the pieces that have text; Refused where one answer has too many in all of its
    choices."""
    number = 0
    for piece in filter(None, pieces):
        number += choices * (1 + len(piece) // LONG_PIECE)
        if number > MOST_LOGPROBS:
            message = f"the answer has logprobs for at most {MOST_LOGPROBS} tokens; ask for less"
            raise Refused(400, message, code="answer_too_large")
        yield piece


def token_number(piece: str) -> int:
    """The number of a token in a vocabulary, made from its text."""
    return int(token(piece, 4, HEX), 16)


def likely_token(piece: str) -> Dict[str, Json]:
    """A piece as OpenAI has it (5.2), and Ollama."""
    return {"token": piece, "logprob": LOGPROB, "bytes": list(utf8(piece))}


def likely_tokens(pieces: Iterable[Optional[str]], top: Json) -> List[Json]:
    """All pieces as OpenAI has them; there is no other than the one that was chosen, which is the
    most likely where a request asks for so many."""
    entries: List[Json] = []
    for piece in bounded_pieces(pieces):
        entry = likely_token(piece)
        alternatives = [entry] if top else []
        entries.append({**entry, "top_logprobs": alternatives})
    return entries
