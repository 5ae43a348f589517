"""Log probabilities of Gemini's answers (typed in google-genai 3.6).  Pure."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Optional, cast

from ..limits import Json
from ..values import Call
from .gemini import pick
from .likely import LOGPROB, bounded_pieces, token_number


def most_likely(call: Call) -> Optional[int]:
    """Of how many tokens at each place a request wants the probabilities, beside those of what was
    said; None where it wants none at all."""
    config = pick(call.body, "generationConfig")
    if not config or pick(config, "responseLogprobs") is not True:
        return None
    return cast(int, pick(config, "logprobs") or 0)


def spoken_in(part: Mapping[str, Json]) -> List[str]:
    """The text of a part that is no thought."""
    text = part.get("text")
    if not isinstance(text, str) or part.get("thought"):
        return []
    return [text]


def google_likely(
    call: Call, candidate: Dict[str, Json], pieces: Iterable[str], ends: bool
) -> Dict[str, Json]:
    """A candidate with the probabilities of these pieces of it, if the request wants them, and in
    its end with their mean."""
    most = most_likely(call)
    if most is None:
        return candidate
    # Keys in the order of their numbers, as everything of Google's is.
    chosen: List[Json] = [
        {"token": piece, "logProbability": LOGPROB, "tokenId": token_number(piece)}
        for piece in bounded_pieces(pieces)
    ]
    if ends:
        candidate = {**candidate, "avgLogprobs": LOGPROB}
    if not chosen:
        return candidate
    result: Dict[str, Json] = {"chosenCandidates": chosen}
    if most:
        # There is no other token than the one that was said.
        tops: List[Json] = [{"candidates": [token]} for token in chosen]
        result = {"topCandidates": tops, **result}
    return {**candidate, "logprobsResult": result}
