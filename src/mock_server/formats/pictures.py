"""Pictures: one pixel in every format that pictures are asked for in.  Pure."""

from __future__ import annotations

import base64
from typing import Mapping

# Whole files that any viewer opens, in base64, always the same: nothing is drawn here.
PICTURES: Mapping[str, str] = {
    "png": (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mMwTpsJAAICATNoejH4AAAAAElFTkSu"
        "QmCC"
    ),
    "jpeg": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP////////////////////////////////////////////////////////"
        "//////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAf/EABQQAQAAAAAA"
        "AAAAAAAAAAAAAAD/2gAIAQEAAD8AH//Z"
    ),
    "webp": "UklGRh4AAABXRUJQVlA4TBEAAAAvAAAAAAdQs840s/+BiOh/AAA=",
    "gif": "R0lGODdhAQABAIEAADNmmQAAAAAAAAAAACwAAAAAAQABAAAIBAABBAQAOw==",
    "svg": (
        "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSIxIiBoZWlnaHQ9IjEiPjxyZWN0"
        "IHdpZHRoPSIxIiBoZWlnaHQ9IjEiIGZpbGw9IiMzNjkiLz48L3N2Zz4="
    ),
}
PNG_BYTES = base64.b64decode(PICTURES["png"])


def picture_of_type(media_type: str) -> str:
    """The picture of a media type such as image/jpeg in base64; a PNG for one that is not here."""
    return PICTURES.get(media_type.partition("/")[2], PICTURES["png"])
