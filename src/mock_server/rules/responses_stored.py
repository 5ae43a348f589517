"""What a session remembers of responses, as rules ask for it.

Whatever is there stays there for as long as an answer is remembered: one that asks for it depends
on the session only where it is not there.
"""

from __future__ import annotations

from typing import Collection, Dict, List, Set

from ..formats.responses_input import input_items
from ..formats.shapes import items_within
from ..jsons import within
from ..limits import Json
from ..state import State, Stored
from ..values import Call
from .base import Case

# Items that may be looked for; of calls only who asks for all rules is told.
SOUGHT, SOUGHT_IF_ASKED = ("item_reference", "reasoning"), "function_call"


FEW_STORED = 50  # responses that are soon looked through


def searches_stored(call: Call, state: State, every: bool) -> bool:
    """Whether items are to be looked for in many responses, each of which is told for that; `every`
    asks for the rules, too, that are off."""
    if len(state.responses) <= FEW_STORED:
        return False
    given = within(call.body, "input")
    kinds = (*SOUGHT, SOUGHT_IF_ASKED) if every else SOUGHT
    for item in given if isinstance(given, list) else ():
        if isinstance(item, dict):
            kind = item.get("type")
            if kind in kinds or (kind is None and "role" not in item):
                return True
    return False


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
    for stored in list(responses.values()) if ids else ():
        there: Collection[str] = item_ids(stored)
        few, many = sorted((ids, there), key=len)
        for id in few:
            if id in many:
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
