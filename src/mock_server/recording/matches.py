"""What a recorded mock asks of a request, so that it answers that and no other.  Pure."""

from __future__ import annotations

from typing import Dict

from ..formats.base import WireFormat
from ..limits import Json
from ..values import Call
from .scrubbing import Scrubber


def match_of(wire: WireFormat, call: Call, scrubber: Scrubber) -> Dict[str, Json]:
    """The `match` of the recording of a call's answer."""
    match: Dict[str, Json] = {"provider": call.provider, "api": call.api}
    if call.operation == "other":
        return {"operation": "other", "path": call.path, "method": call.method}
    if call.operation != "generate":
        match["operation"] = call.operation
    if call.model:
        match["model"] = scrubber.matcher(call.model)
    match["stream"] = call.stream
    match["user"] = scrubber.matcher(call.user)
    match["turn"] = call.turn
    return match
