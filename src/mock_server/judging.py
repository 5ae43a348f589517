"""A request held against the rules of its provider, and the answer where that refuses it."""

from __future__ import annotations

from typing import Optional, Tuple, Union

from .answered import Answered
from .deliveries import Delivery
from .formats.base import WireFormat
from .limits import Json
from .option_kinds import ALL
from .records import replace
from .rules.judge import refusal, violations_of
from .state import State
from .values import Call
from .violations import that_count
from .writing import failed


def judged(
    wire: WireFormat, call: Call, body: Json, strict: Union[bool, str], state: Optional[State]
) -> Tuple[Call, bool]:
    """A call with what its body breaks of its provider's rules, and whether that is all there is to
    say of an equal one; `strict` is as in Settings."""
    broken, asks_state = violations_of(wire, call, body, strict == ALL, state)
    if broken:
        call = replace(call, violations=broken)
    return call, not asks_state


def against_rules(
    wire: WireFormat, call: Call, delivery: Delivery, is_repeatable: bool = True
) -> Answered:
    """The provider's own refusal of a call that breaks its rules."""
    failure = refusal(wire, call.violations)
    response = failed(wire, call, failure, delivery)
    note = f"refused by {that_count(call.violations)[0].rule}"
    return Answered(response, call, note=note, wire=wire, is_repeatable=is_repeatable)
