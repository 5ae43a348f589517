"""Histories: what was said before the last user message, as a short hash.  Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .forms import listed
from .jsons import parse_json, sorted_compact, utf8, within
from .keys import without_keys
from .limits import Json

# Where the messages of a conversation are, whoever the provider is; the last ones are of requests
# to count tokens, with the one that is counted inside.
CONVERSATIONS: Sequence[Tuple[str, ...]] = (
    ("messages",),
    ("contents",),
    ("input",),
    ("generateContentRequest", "contents"),
    ("generate_content_request", "contents"),
    ("input", "converse", "messages"),
)
HISTORY_SIZE = 16  # hex digits

SPEAKERS = {
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}
RESULT_BLOCKS = frozenset(("toolResult", "functionResponse", "function_response"))
SPOKEN = frozenset(("content", "parts", "output"))  # members that are a text or a list of parts

# What a client sends back of an answer, or adds, that says nothing: ids of its own, cache marks,
# thoughts and what proves them, how likely or where from a text is.
SILENT_MEMBERS = frozenset(
    (
        *("role", "id", "index", "thought", "thinking", "reasoning", "reasoning_content"),
        *("reasoning_details", "reasoningContent", "signature", "thoughtSignature"),
        *("thought_signature", "encrypted_content", "cache_control", "cachePoint", "caller"),
        *("annotations", "citations", "logprobs"),
    )
)
SILENT_TYPES = ("thinking", "redacted_thinking", "reasoning")
# Types and states that a client may as well leave out.
USUAL_WORDS: Mapping[str, Tuple[str, ...]] = {
    "type": ("message", "text", "input_text", "output_text", "function"),
    "status": ("completed", "success"),
}
CALL_IDS = frozenset(("tool_call_id", "call_id", "tool_use_id", "toolUseId"))
# What is the tool's own, whatever its members are called; the first may be JSON as text.
ARGUMENTS = frozenset(("arguments", "input", "args"))
RESULTS = frozenset(("response", "json", "data"))
# Pictures, sound and files are no text that could have a key in it.
PACKED_DATA = re.compile(r"data:[^,]{0,200},|[A-Za-z0-9+/_-]{200,}={0,2}\Z")


def history_of(body: Json) -> Optional[str]:
    """16 hex digits of what was said before the last user message of a body, or None where nothing
    was.  Instructions are no part of it."""
    _, messages = conversation_in(body)
    said = Remembered().told(messages[: max(0, last_question(messages))])
    if not said:
        return None
    return hashlib.sha256(utf8(sorted_compact(said))).hexdigest()[:HISTORY_SIZE]


def conversation_in(body: Json) -> Tuple[str, List[Json]]:
    """The messages of a body, and the path that leads there; none where it has no list of them."""
    for names in CONVERSATIONS:
        found = within(body, *names)
        if isinstance(found, list):
            return ".".join(names), found
    return "", []


def last_question(messages: Sequence[Json]) -> int:
    """The place of the last user message; -1 if there is none."""
    return next((at for at in reversed(range(len(messages))) if is_question(messages[at])), -1)


def is_question(message: Json) -> bool:
    """Whether a message is the user's, and not only the results of tools."""
    if not isinstance(message, dict) or speaker_of(message) != "user":
        return False
    parts = message.get("content", message.get("parts"))
    if not isinstance(parts, list):
        return True
    # A cache point says nothing.
    said = [one for one in parts if not (isinstance(one, dict) and set(one) == {"cachePoint"})]
    return not said or not all(map(is_result, said))


def is_result(part: Json) -> bool:
    """Whether a part of a message is the result of a tool."""
    if not isinstance(part, dict):
        return False
    return part.get("type") == "tool_result" or not RESULT_BLOCKS.isdisjoint(part)


def speaker_of(message: Json) -> str:
    """Who speaks: system, user, assistant or tool."""
    role = within(message, "role")
    if isinstance(role, str):
        return SPEAKERS.get(role, "user")
    if not isinstance(message, dict) or "parts" in message:
        return "user"  # a content of Google's, where nobody says who it is
    # An item of the Responses API that is no message.
    if str(message.get("type")).endswith("_output"):
        return "tool"
    return "assistant"


def answers_in_one(messages: Sequence[Json]) -> List[Json]:
    """Messages in which what Google's model said in pieces is one text: its clients send a streamed
    answer back as it came, a part or even a message a chunk."""
    found: List[Json] = []
    for message in messages:
        parts = parts_of_answer(message)
        if not parts:
            found.append(message)
            continue
        if found and parts_of_answer(found[-1]):
            parts = [*found.pop()["parts"], *parts]
        found.append({**message, "parts": texts_in_one(parts)})
    return found


def parts_of_answer(message: Json) -> List[Json]:
    """The parts of what Google's model said."""
    parts = within(message, "parts")
    if isinstance(parts, list) and speaker_of(message) == "assistant":
        return parts
    return []


def texts_in_one(parts: Sequence[Json]) -> List[Json]:
    """Parts, with those that are nothing but texts and follow each other as one."""
    found: List[Json] = []
    for part in parts:
        if found and is_text_alone(part) and is_text_alone(found[-1]):
            found[-1] = {"text": found[-1]["text"] + part["text"]}
        else:
            found.append(part)
    return found


def is_text_alone(part: Json) -> bool:
    """Whether a part of Google's is a text and nothing else."""
    return isinstance(part, dict) and part.keys() == {"text"} and isinstance(part["text"], str)


class Remembered:
    """What messages say, without what may change and mean nothing.  The id of a call is the number
    of the call, by which its result is known."""

    def __init__(self) -> None:
        self.calls: Dict[str, int] = {}
        self.speaker = ""

    def told(self, messages: Sequence[Json]) -> List[Json]:
        """Who said what.  Messages of the assistant that follow each other are one: google-genai's
        chats keep a streamed answer as one a chunk."""
        said: List[Tuple[str, List[Json]]] = []
        for message in messages:
            speaker = self.speaker = speaker_of(message)
            pieces = list(self.pieces(message))
            if speaker == "system" or not pieces:
                continue
            if said and said[-1][0] == speaker == "assistant":
                said[-1][1].extend(pieces)
            else:
                said.append((speaker, pieces))
        # Keys are looked for once all is together: they may be cut over pieces.
        return [[speaker, keyless(run_together(pieces, speaker))] for speaker, pieces in said]

    def pieces(self, message: Json) -> Iterator[Json]:
        """The parts of a message, and what else it has."""
        if not isinstance(message, dict):
            yield message
            return
        reference = message.get("id")
        if message.keys() <= {"id", "type"} and message.get("type") in (None, "item_reference"):
            yield {"reference": reference}  # to what the server holds
            return
        told = self.part(message)
        if isinstance(told, dict):
            for name in ("content", "parts"):
                yield from told.pop(name, ())
        if not is_empty(told):
            yield told

    def part(self, part: Mapping[str, Json]) -> Json:
        """What one part says; a text is itself."""
        if part.get("type") in SILENT_TYPES or part.get("thought") is True:
            return None
        self.note_call(part)
        told: Dict[str, Json] = {}
        for name, value in part.items():
            if name in SILENT_MEMBERS or value in USUAL_WORDS.get(name, ()):
                continue
            found = self.member(name, value)
            if not is_empty(found):
                told[name] = found
        if list(told) == ["text"]:
            return told["text"]
        return told

    def note_call(self, part: Mapping[str, Json]) -> None:
        """Give the call of a tool its number."""
        if part.keys().isdisjoint(("name", "function")):
            return
        for name in ("call_id", "toolUseId", "id"):
            if isinstance(part.get(name), str):
                self.calls.setdefault(part[name], len(self.calls))
                return

    def member(self, name: str, value: Json) -> Json:
        """What a member of a part says."""
        if name in CALL_IDS:
            return self.calls.get(value) if isinstance(value, str) else None
        if name in ARGUMENTS or (name in RESULTS and isinstance(value, (dict, list))):
            return own_json(value)
        if name in SPOKEN:
            items = listed(value)
            return run_together([self.member("", one) for one in items], self.speaker)
        if isinstance(value, dict):
            return self.part(value)
        if isinstance(value, list):
            found = [self.member("", one) for one in value]
            return [one for one in found if not is_empty(one)]
        return value


def is_empty(value: Json) -> bool:
    """Whether a member says no more than one that is left out."""
    return value is None or value is False or value in ("", [], {})


def run_together(pieces: Sequence[Json], speaker: str) -> List[Json]:
    """Pieces, with texts that follow each other as one: lines, but where an answer was cut."""
    found: List[Json] = []
    between = "" if speaker == "assistant" else "\n"
    for piece in pieces:
        if is_empty(piece):
            continue
        if found and isinstance(piece, str) and isinstance(found[-1], str):
            found[-1] += between + piece
        else:
            found.append(piece)
    return found


def own_json(value: Json) -> Json:
    """A tool's own JSON, which may come as text, written in one way."""
    if isinstance(value, str):
        try:
            value = parse_json(utf8(value))
        except ValueError:
            return keyless(value)
    if is_empty(value):
        return None
    return without_keys(sorted_compact(keyless(value)))


def keyless(value: Json) -> Json:
    """A value without keys in its texts."""
    if isinstance(value, str):
        if PACKED_DATA.match(value):
            return value
        return without_keys(value)
    if isinstance(value, list):
        return [keyless(one) for one in value]
    if isinstance(value, dict):
        return {name: keyless(one) for name, one in value.items()}
    return value
