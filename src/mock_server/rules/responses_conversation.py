"""The conversation of a Responses request, and what it may break (request rules, 2.3).  Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Set, Tuple

from ..formats.responses_reading import HELD_INPUT
from ..limits import Json
from .base import Case, Check, Finding
from .conversation import ToolMark, text_at
from .responses_stored import holders_of, item_ids, lost_of, output_items_of, was_issued

# Items that stand for others, which are not there to be looked at.
STAND_FOR_OTHERS = ("item_reference", "compaction")


class ResponsesView:
    """A Responses request as its rules look at it: the case, its body, its items by their indexes.

    `calls` are those of functions and `outputs` their results; `called` and `answered` are the ids
    of all calls and outputs, of whatever tool.  `is_whole` says that nothing but the input is part
    of the conversation."""

    __slots__ = ("case", "body", "items", "calls", "outputs", "called", "answered", "is_whole")

    def __init__(self, case: Case) -> None:
        self.case = case
        self.body: Dict[str, Any] = case.body
        self.items: List[Tuple[int, str, Dict[str, Any]]] = []  # of all that is no message
        self.calls: List[ToolMark] = []
        self.outputs: List[ToolMark] = []
        self.called: Set[str] = set()
        self.answered: Set[str] = set()
        self.is_whole = True
        self.read(self.body.get("input"))

    def read(self, given: Json) -> None:
        """Sort the items."""
        items = self.items
        for index, item in enumerate(given if isinstance(given, list) else ()):
            kind = item.get("type") if isinstance(item, dict) else "message"
            if kind == "message":
                continue
            if kind is None and "role" not in item:
                kind = "item_reference"
            if not isinstance(kind, str):
                continue
            items.append((index, kind, item))
            call_id = item.get("call_id")
            if isinstance(call_id, str):
                self.add(kind, ToolMark(call_id, index, 0))
            elif kind in STAND_FOR_OTHERS:
                self.is_whole = False

    def add(self, kind: str, mark: ToolMark) -> None:
        """Add a call or an output."""
        if kind.endswith("_output"):
            self.answered.add(mark.id)
            if kind == "function_call_output":
                self.outputs.append(mark)
            return
        self.called.add(mark.id)
        if kind == "function_call":
            self.calls.append(mark)

    @property
    def goes_on(self) -> bool:
        """Whether the conversation began earlier."""
        return any(self.body.get(name) is not None for name in HELD_INPUT)


def outputs_without_call(view: ResponsesView) -> Iterator[Finding]:
    """Results of functions that nobody called."""
    if view.outputs and view.is_whole and not view.goes_on:
        for mark in view.outputs:
            if mark.id not in view.called:
                yield Finding(f"input[{mark.message}]", {"id": mark.id})


def calls_without_output(view: ResponsesView) -> Iterator[Finding]:
    """Calls of functions whose result is nowhere."""
    if view.is_whole:
        for mark in view.calls:
            if mark.id not in view.answered:
                yield Finding(f"input[{mark.message}]", {"id": mark.id})


def lonely_thoughts(view: ResponsesView) -> Iterator[Finding]:
    """Thoughts that are last, or before a message that is not the model's."""
    given: Any = view.body["input"]
    for index, kind, item in view.items:
        if kind != "reasoning" or not text_at(item, "id"):
            continue
        after = given[index + 1] if index + 1 < len(given) else {"role": "user"}
        if text_at(after, "role") in ("user", "system", "developer"):
            yield Finding(f"input[{index}]", {"id": item["id"]})


def thoughtless_calls(view: ResponsesView) -> Iterator[Finding]:
    """Items of a stored response without the thought that went before them."""
    there = {text_at(item, "id") for _, _, item in view.items}
    calls = [(index, item) for index, kind, item in view.items if kind == "function_call"]
    holders = holders_of(view.case, {text_at(item, "id") for _, item in calls})
    for index, item in calls:
        id = text_at(item, "id")
        if id not in holders:
            continue
        output, at = output_items_of(holders[id]), item_ids(holders[id])[id]
        thought = output[at - 1] if at > 0 else {}
        if thought.get("type") == "reasoning" and thought.get("id") not in there:
            values = {"id": id, "kind": "function_call", "rs": thought.get("id")}
            yield Finding(f"input[{index}]", values)


def lost_items(view: ResponsesView) -> Iterator[Finding]:
    """References to items that are not there."""
    if view.is_whole or view.body.get("conversation") is not None:
        return
    references = [(index, item) for index, kind, item in view.items if kind == "item_reference"]
    lost = lost_of(view.case, {text_at(item, "id") for _, item in references} - {""})
    # It says why only where this may be why.
    sentence = None if view.body.get("store") is False else "Item with id '{id}' not found."
    for index, item in references:
        if text_at(item, "id") in lost:
            yield Finding(f"input[{index}]", {"id": item["id"]}, sentence=sentence)


def lost_thoughts(view: ResponsesView) -> Iterator[Finding]:
    """Thoughts that are to be looked up, for they come without what they were, where nothing is
    stored."""
    if view.body.get("store") is not False or view.goes_on:
        return
    thoughts = [
        (index, item)
        for index, kind, item in view.items
        if kind == "reasoning" and text_at(item, "id") and not item.get("encrypted_content")
    ]
    lost = lost_of(view.case, {item["id"] for _, item in thoughts})
    for index, item in thoughts:
        if item["id"] in lost:
            yield Finding(f"input[{index}]", {"id": item["id"]})


def lost_response(view: ResponsesView) -> Iterator[Finding]:
    """A response to go on from that is not there."""
    id = view.body["previous_response_id"]
    if isinstance(id, str) and id and not was_issued(view.case, id):
        yield Finding("previous_response_id", {"id": id})


def two_histories(view: ResponsesView) -> Iterator[Finding]:
    """A response to go on from, and a conversation."""
    body = view.body
    if body["previous_response_id"] is not None and body["conversation"] is not None:
        yield Finding("previous_response_id")


def nothing_said(view: ResponsesView) -> Iterator[Finding]:
    """An input of nothing, where nothing stands for it."""
    if view.body["input"] in ("", []) and not view.goes_on:
        yield Finding("input")


def foreign_secrets(view: ResponsesView) -> Iterator[Finding]:
    """Encrypted thoughts that the server did not make: its own begin as Fernet tokens do."""
    for index, _, item in view.items:
        secret = text_at(item, "encrypted_content")
        if secret and not secret.startswith("gAAAAA"):
            values = {"first": secret[:4], "last": secret[-4:]}
            yield Finding(f"input[{index}].encrypted_content", values)


ITEM_CHECKS: Tuple[Tuple[str, Check], ...] = (
    ("responses/item-not-found", lost_items),
    ("responses/thought-not-found", lost_thoughts),
    ("responses/output-without-call", outputs_without_call),
    ("responses/call-without-output", calls_without_output),
    ("responses/reasoning-needs-item", lonely_thoughts),
)


def item_faults(view: ResponsesView) -> Iterator[Finding]:
    """What is wrong with the items, if there are any beside messages."""
    for id, check in ITEM_CHECKS if view.items else ():
        for finding in check(view):
            yield finding._replace(rule=id)
