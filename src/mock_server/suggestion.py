"""A suggestion: the mock that somebody would write to have a request answered.  Pure."""

from __future__ import annotations

import re
from typing import Dict, Iterator, Optional

from .entries import Asked
from .errors import BadMock
from .formats.all import OTHER
from .formats.base import WireFormat
from .jsons import compact, within
from .key_lines import is_secret_parameter
from .limits import Json
from .mocks.match import UNASKED_QUERY
from .mocks.mock import parse_mock
from .mocks.recordings import MockNode
from .recording.matches import BY_PATH
from .values import Call, Embedding, Scores, Text

LONGEST_TEXT = 100  # characters of a text that is asked for as a whole
LONGEST_PIECE = 80  # and of a piece that tells a longer one from others
LEAST_PIECE = 20  # of one that is rather taken than what follows it
LONGEST_EXAMPLE = 2000  # of an answer that is suggested as it was
LOOKED_THROUGH = 20_000  # characters of a long text
# What parts the lines of a text, and what does not read well in a file: controls, half characters.
PARTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
TEXT_OF: Dict[str, str] = {"token": "a-token-of-the-mock", "metadata": "a-token-of-the-mock"}
USUAL_TEXT = "Hello from the mock."


def suggestion_for(asked: Asked, answer: Json = None) -> Optional[Dict[str, Json]]:
    """A mock that would have answered a request, which got this answer; None for one that no mock
    can answer: it could not be read, or was refused before mocks were asked."""
    call, wire = asked.call, asked.wire
    if call is None or wire is None:
        return None
    more: Dict[str, Json] = {}
    # What --strict has refused is refused to every mock that does not say otherwise.
    if asked.is_invalid and asked.status >= 400 and not (asked.mock or asked.unmatched):
        more["strict"] = False
    for response in responses_to(wire, call, answer):
        for match in matches_of(wire, call):
            spec = {"match": match, "response": response, **more}
            if would_answer(spec, wire, call):
                return spec
    return None


def would_answer(spec: Dict[str, Json], wire: WireFormat, call: Call) -> bool:
    """Whether a mock could be added, and would answer a call."""
    try:
        mock = parse_mock(MockNode.whole(spec, "suggestion", nothing_stored))
    except BadMock:
        return False
    return bool(mock.matches(call)) and not mock.answer(0).lacks(wire, call)


def nothing_stored(name: str) -> bytes:
    """What a suggestion says stands in no file."""
    raise FileNotFoundError(name)


# --- responses ---


def responses_to(wire: WireFormat, call: Call, answer: Json) -> Iterator[Json]:
    """What may be said to a call that got this answer, best first."""
    if Embedding in wire.speaks:
        yield {"embedding": [0.1, 0.2, 0.3]}
    if Scores in wire.speaks:
        yield {"scores": [0.9, 0.5, 0.1][: max(1, len(call.inputs))]}
    if Text in wire.speaks and wire.operation != OTHER:
        yield {"text": TEXT_OF.get(wire.operation, USUAL_TEXT)}
    # Where nothing but a body can be said, it is easiest to change the one that there was.
    body = within(answer, "body")
    is_good = within(answer, "status") == 200 and isinstance(body, (dict, list))
    if is_good and len(compact(body)) <= LONGEST_EXAMPLE:
        yield {"body": body}
    yield {"body": {"message": USUAL_TEXT}}
    yield {"raw": USUAL_TEXT}


# --- matches ---


def matches_of(wire: WireFormat, call: Call) -> Iterator[Dict[str, Json]]:
    """What may be asked of a call, best first."""
    by_path: Dict[str, Json] = {"method": call.method, "path": call.path}
    if wire.operation == OTHER:
        yield {**by_path, **query_of(call)}
        yield by_path
        return
    said = last_said(call)
    if said and call.operation not in BY_PATH:
        yield {**place_of(call), **said}
    if call.operation != "generate":
        yield {"operation": call.operation, "path": call.path}
    yield {**place_of(call), "api": call.api}
    yield by_path


def place_of(call: Call) -> Dict[str, Json]:
    """Which operation and which model are asked."""
    found: Dict[str, Json] = {}
    if call.operation != "generate":
        found["operation"] = call.operation
    if call.model and len(call.model) <= LONGEST_TEXT:
        found["model"] = call.model
    return found


def last_said(call: Call) -> Dict[str, Json]:
    """What is said last: by a tool, else by the user, else by whoever wrote the system's text."""
    found = {"user": telling(call.user)}
    if call.tool_result is not None:
        found["tool_result"] = telling(call.tool_result)
    if not any(found.values()):
        found["system"] = telling(call.system)
    return {key: matcher for key, matcher in found.items() if matcher}


def query_of(call: Call) -> Dict[str, Json]:
    """The query, as far as somebody would look at it."""
    query = {
        name: telling(value)
        for name, value in call.query.items()
        if name not in UNASKED_QUERY and not is_secret_parameter(name)
    }
    told = {name: matcher for name, matcher in query.items() if matcher}
    return {"query": told} if told else {}


def telling(text: str) -> Json:
    """A matcher for a text: the whole of a short one, a telling piece of a long one; None if there
    is nothing to be read in it."""
    if not text.strip():
        return None
    if len(text) <= LONGEST_TEXT and not PARTED.search(text):
        return text
    pieces = [piece.strip() for piece in PARTED.split(text[:LOOKED_THROUGH])]
    long = [piece for piece in pieces if len(piece) >= LEAST_PIECE]
    piece = long[0] if long else max(pieces, key=len)
    if len(piece) > LONGEST_PIECE:
        cut = piece[:LONGEST_PIECE]
        piece = cut.rpartition(" ")[0] or cut  # no half a word
    return {"contains": piece} if piece else None
