"""What a session remembers of responses, as rules ask for it.

Whatever is there stays there for as long as an answer is remembered: one that asks for it depends
on the session only where it is not there.
"""

from __future__ import annotations

from typing import Dict, List, Set

from ..formats.responses_input import input_items
from ..formats.shapes import items_within
from ..limits import Json
from ..state import Stored
from .base import Case


def was_issued(case: Case, id: str) -> bool:
    """Whether the server issued a response that may be gone on from, as far as is known."""
    state = case.state
    if state is None or state.has_lost or id in state.responses:
        return True
    case.asks_state = True
    return False


def output_items_of(stored: Stored) -> List[Dict[str, Json]]:
    """The output items of a response."""
    return [item for item in items_within(stored.whole(), "output") if isinstance(item, dict)]


def item_ids(stored: Stored) -> Dict[str, int]:
    """The ids of a response's items, with their places in its output; -1 of its input.  They are
    looked for once."""
    if stored.items is None:
        found = {str(item.get("id")): -1 for item in input_items(stored.call)}
        output = enumerate(output_items_of(stored))
        stored.items = {**found, **{str(item.get("id")): at for at, item in output}}
    return stored.items


def holders_of(case: Case, ids: Set[str]) -> Dict[str, Stored]:
    """The stored responses that have these items, by the ids of those that are there: the oldest,
    which made it."""
    found: Dict[str, Stored] = {}
    responses = case.state.responses if case.state else {}
    for stored in list(responses.values()):
        for id in ids.intersection(item_ids(stored)):
            found.setdefault(id, stored)
    if len(found) < len(ids):
        case.asks_state = True
    return found


def lost_of(case: Case, ids: Set[str]) -> Set[str]:
    """Those of these items that are not there to be referred to, as far as is known."""
    state = case.state
    if state is None or state.has_lost:
        return set()
    return ids.difference(holders_of(case, ids))
