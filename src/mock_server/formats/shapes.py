"""Shapes of JSON that several formats write.  Pure."""

from __future__ import annotations

from typing import Dict

from ..limits import Json
from ..values import Refusal, Reply


def present(**members: Json) -> Dict[str, Json]:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def stop_of(reply: Reply) -> str:
    """Why an answer stopped, where a refusal is text that a filter stopped."""
    if reply.stop == "stop" and reply.text(Refusal) is not None:
        return "content_filter"
    return reply.stop
