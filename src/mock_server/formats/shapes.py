"""Small shapes that several formats share.  Pure."""

from __future__ import annotations

from typing import Dict

from ..limits import Json


def present(**members: Json) -> Dict[str, Json]:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}
