"""What came last in a conversation: the last user message, and all since.  Pure."""

from __future__ import annotations

import itertools
import re
from typing import Dict, Iterator, Mapping, Sequence, Tuple

from ..histories import (
    PACKED_DATA,
    RESULT_BLOCKS,
    conversation_in,
    is_result,
    last_question,
    speaker_of,
)
from ..jsons import within
from ..limits import Json
from .wants import LONGEST_EARLIER, MOST_LEAVES, Asking, leaves

MOST_RESULTS = 8  # of tools, that are asked for beside the newest

# Members in which there is a picture, sound or a file, or where it is.
MEDIA_MEMBERS = frozenset(
    (
        *("url", "uri", "image_url", "document_url", "input_audio", "file", "file_id", "file_url"),
        *("file_data", "fileUri", "file_uri", "data", "bytes", "images"),
    )
)
# What such a member holds, wherever it is.
MEDIUM = re.compile(PACKED_DATA.pattern + r"|[a-z][a-z0-9]*://")
# Members of a tool's result that say nothing of what it is.
RESULT_NAMES = frozenset(
    (
        *("type", "role", "id", "call_id", "tool_call_id", "tool_use_id", "toolUseId", "name"),
        *("tool_name", "status", "cache_control"),
    )
)


def tell_last(asking: Asking) -> None:
    """Ask for what came last and is no text of the user: media, results of tools, references to
    what the server holds, and the beginning of an answer."""
    place, messages = conversation_in(asking.call.body)
    at = max(0, last_question(messages))
    last = [(f"{place}.{number}", messages[number]) for number in range(at, len(messages))]
    if not last:
        # A text and a list of messages may read alike.
        if isinstance(within(asking.call.body, "input"), str):
            asking.leaf("input.0", None)
        return
    if not asking.call.history:
        asking.leaf(f"{place}.{len(messages)}", None)  # nor was anything said before
    if last_question(messages) >= 0:
        tell_question(asking, *last[0])
    tell_results(asking, [found for path, one in last for found in results_in(path, one)])
    for path, message in last:
        if within(message, "type") in (None, "item_reference") and within(message, "role") is None:
            asking.leaf(f"{path}.id", within(message, "id"))
    path, message = last[-1]
    if speaker_of(message) == "assistant":
        for name in ("content", "parts"):
            if within(message, name):
                asking.each(f"{path}.{name}", message[name])


def tell_question(asking: Asking, path: str, message: Mapping[str, Json]) -> None:
    """Ask for the media of the last user message, and that there are no more."""
    name = "parts" if "parts" in message else "content"
    content = message.get(name)
    number = len(content) if isinstance(content, list) else 1
    for inner, leaf in media_in(f"{path}.{name}", content):
        asking.leaf(inner, leaf, LONGEST_EARLIER)
    asking.leaf(f"{path}.{name}.{number}", None)
    for index, part in enumerate(content if isinstance(content, list) else ()):
        # Beside a video Google has a part that says which piece of it counts.
        if isinstance(part, dict) and "videoMetadata" in part:
            asking.each(f"{path}.{name}.{index}.videoMetadata", part["videoMetadata"])
    # Ollama's lie beside the text.
    if asking.call.provider == "ollama":
        asking.each(f"{path}.images", message.get("images"), LONGEST_EARLIER)
        if not message.get("images"):
            asking.leaf(f"{path}.images", message.get("images"))


def media_in(path: str, value: Json, is_media: bool = False) -> Iterator[Tuple[str, str]]:
    """The data of media, or where they are, by path."""
    if isinstance(value, str):
        if is_media or PACKED_DATA.match(value):
            yield path, value
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from media_in(f"{path}.{index}", inner, is_media)
    elif isinstance(value, dict) and not is_result(value):
        for name, inner in value.items():
            yield from media_in(f"{path}.{name}", inner, name in MEDIA_MEMBERS)


def results_in(path: str, message: Json) -> Iterator[Tuple[str, Dict[str, Json]]]:
    """The results of tools in a message, by path."""
    if not isinstance(message, dict):
        return
    if speaker_of(message) == "tool":
        yield path, message
        return
    for name in ("content", "parts"):
        parts = message.get(name)
        if not isinstance(parts, list):
            continue
        for index, part in enumerate(parts):
            if is_result(part):
                yield f"{path}.{name}.{index}", part


def tell_results(asking: Asking, results: Sequence[Tuple[str, Dict[str, Json]]]) -> None:
    """Ask for the results of tools beside the newest, which is a key of its own, and for the media
    in that."""
    if len(results) > 1 and asking.call.tool_call_id:
        asking.ask("tool_call_id", asking.call.tool_call_id)
    for path, result in results[-1 - MOST_RESULTS : -1]:
        for inner, leaf in result_leaves(path, result):
            asking.leaf(inner, leaf, LONGEST_EARLIER)
    for path, result in results[-1:]:
        for inner, leaf in result_leaves(path, result):
            if isinstance(leaf, str) and MEDIUM.match(leaf):
                asking.leaf(inner, leaf, LONGEST_EARLIER)


def result_leaves(path: str, result: Mapping[str, Json]) -> Iterator[Tuple[str, Json]]:
    """What a tool's result says, by path."""
    for name, value in result.items():
        if name in RESULT_BLOCKS and isinstance(value, dict):
            yield from result_leaves(f"{path}.{name}", value)
        elif name not in RESULT_NAMES:
            found = itertools.islice(leaves(f"{path}.{name}", value), MOST_LEAVES)
            yield from (one for one in found if is_told(*one))


def is_told(path: str, leaf: Json) -> bool:
    """Whether a leaf of a result is more than its end or the type of a part."""
    return leaf is not None and not path.endswith(".type")
