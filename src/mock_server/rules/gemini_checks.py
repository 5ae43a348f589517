"""What Gemini checks of a request beyond its fields, here and on Vertex AI (request rules, 2.7).

Each function is a layer of checks, or a group of one.  Pure.
"""

from __future__ import annotations

import collections
import re
from typing import Any, Dict, Iterator, Optional, Set, Tuple, Union

from ..formats.gemini import pick, snake
from ..forms import listed
from .base import Finding
from .conversation import TalkTurn, indexed_objects, text_at
from .fields import compiled_once
from .gemini_schemas import gemini_schema_faults, is_empty_object
from .gemini_view import GeminiView, proto_object_at
from .protobuf import both_names, number_in_text

# The error says 64, documentation of 2026 says 128: between them there is doubt.
GEMINI_FUNCTION_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}\Z")
GEMINI_NEWER = r"^gemini-[3-9]"
HOSTED_TOGETHER = "Tool use with function calling is unsupported"
HOSTED_UNASKED = (
    "Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with "
    "Function calling."
)
GEMINI_MOST_STOPS = 5
GEMINI_PENALTIES = ("presencePenalty", "frequencyPenalty")
# Members, by either name, without which there is nothing to look at.
CACHE_NAMES = both_names("cachedContent")
SYSTEM_NAMES = both_names("systemInstruction")
BY_MODEL_NAMES = both_names("thinkingConfig", *GEMINI_PENALTIES)
# A setting, from where to where it may be, and how that is said (1.4).
GEMINI_RANGES = (
    ("temperature", 0, 2, "[0.0, 2.0]"),
    ("topP", 0, 1, "[0.0, 1.0]"),
    ("candidateCount", 1, 8, "[1, 8]"),
    ("logprobs", 0, 20, "[0, 20]"),
    *[(name, -2, 1.9999999, "[-2.0, 2.0)") for name in GEMINI_PENALTIES],
)
BOUNDED_NAMES = both_names("responseSchema", "stopSequences", *[name for name, *_ in GEMINI_RANGES])
PENALTY_OFF = "Penalty is not enabled for this model"  # as newer models say it
# By the model's name: the least and the most tokens to think with; 0 is off, -1 as it likes.
THINKING_RANGES = (
    (r"^gemini-2\.5-pro", 128, 32768),
    (r"^gemini-2\.5-flash-lite", 512, 24576),
    (r"^gemini-2\.5-flash", 0, 24576),
)
GEMINI_OTHER_KINDS = r"image|tts|audio|live|computer|embedding"  # of models, which think otherwise
SMALL_GEMMA = r"^gemma-(?:[12]\b|3n|3-1b)"  # that see no pictures


# --- the second layer ---


def gemini_lines(view: GeminiView) -> Iterator[Finding]:
    """All of it, as far as there is anything to look at."""
    if view.empty or view.blank or not view.body.get("contents"):
        yield from gemini_contentless(view)
    if not SYSTEM_NAMES.isdisjoint(view.body):
        yield from gemini_system(view)
    if view.calls:
        yield from gemini_results(view)
    if view.declared:
        yield from gemini_functions(view)
    if not BOUNDED_NAMES.isdisjoint(view.settings):
        yield from gemini_settings(view)


def gemini_contentless(view: GeminiView) -> Iterator[Finding]:
    """No contents, contents without parts, parts without data, results without a name."""
    if not view.body.get("contents"):
        yield Finding("contents", rule="gemini/contents-missing")
    for index in view.empty:
        yield Finding(f"contents[{index}].parts", {"i": index}, rule="gemini/parts-empty")
    for index, at, is_text in view.blank:
        path = f"contents[{index}].parts[{at}]"
        # Also where a content says nothing else: gemini-2.5-flash took that (recorded).
        rule = "gemini/text-empty" if is_text else "gemini/part-no-data"
        yield Finding(path + ".data", {"path": path}, rule=rule)


def silent_contents(view: GeminiView) -> Set[int]:
    """The contents of which no part says anything."""
    blank = collections.Counter(index for index, *_ in view.blank)
    return {index for index, number in blank.items() if number == parts_in(view, index)}


def parts_in(view: GeminiView, index: int) -> int:
    """How many parts a content has; one may come without its list."""
    parts = view.contents[index]["parts"]
    return len(parts) if isinstance(parts, list) else 1


def gemini_system(view: GeminiView) -> Iterator[Finding]:
    """Parts of the system instruction without data (songquanpeng/one-api#2243)."""
    system = proto_object_at(view.body, "systemInstruction")
    for at, part in indexed_objects(listed(system.get("parts"))):
        if not part:
            path = f"system_instruction.parts[{at}]"
            yield Finding(path + ".data", {"path": path}, rule="gemini/part-no-data")


def gemini_results(view: GeminiView) -> Iterator[Finding]:
    """Results of functions that have no name."""
    for turn in view.turns:
        for mark in turn.results:
            if not mark.id:
                place = f"contents[{mark.message}].parts[{mark.part}].function_response.name"
                values = {"i": mark.message, "j": mark.part}
                yield Finding(place, values, rule="gemini/response-name")


def gemini_functions(view: GeminiView) -> Iterator[Finding]:
    """Names that no function may have, then what is wrong with schemas."""
    for path, function in view.declared:
        if not GEMINI_FUNCTION_NAME.match(text_at(function, "name")):
            yield Finding(path + ".name", {"path": path}, rule="gemini/function-name")
    for path, function in view.declared:
        for member in ("parameters", "response"):
            schema = function.get(member)
            if is_empty_object(schema):
                place = f"{path}.{member}.properties"
                yield Finding(place, {"path": place}, rule="gemini/parameters-empty")
            else:
                yield from gemini_schema_faults(schema, f"{path}.{member}")


def gemini_settings(view: GeminiView) -> Iterator[Finding]:
    """A schema for the answer, a temperature, stops."""
    settings = view.settings
    schema = pick(settings, "responseSchema")
    if schema is not None:
        yield from gemini_schema_faults(schema, "generation_config.response_schema")
    for name, least, most, range_ in GEMINI_RANGES:
        value = proto_number_at(settings, name)
        if value is not None and not least <= value <= most:
            values = {"f": snake(name), "range": range_}
            yield Finding(f"generation_config.{snake(name)}", values, rule="gemini/range")
    stops = pick(settings, "stopSequences")
    if isinstance(stops, list) and len(stops) > GEMINI_MOST_STOPS:
        yield Finding("generation_config.stop_sequences", rule="gemini/stop-sequences")


def proto_number_at(value: Dict[str, Any], name: str) -> Union[int, float, None]:
    """A number under either name, also as text; None for any other."""
    found = pick(value, name)
    if isinstance(found, str):
        return number_in_text(found)
    return found if type(found) is int or type(found) is float else None


# --- turns ---


def gemini_turns(view: GeminiView) -> Iterator[Finding]:
    """Roles that are none, calls and results at the wrong place, calls without a signature."""
    for index, role in view.roles:
        if role:
            yield Finding(f"contents[{index}].role", rule="gemini/role")
    if not view.calls:
        return
    before: Optional[TalkTurn] = None
    for turn in view.turns:
        is_called = before is not None and before.role == "model" and bool(before.calls)
        if turn.role == "model":
            if before is None and turn.calls:
                yield Finding(f"contents[{turn.first}]", rule="gemini/call-turn-order")
        elif turn.results and not is_called:
            yield Finding(f"contents[{turn.first}]", rule="gemini/response-turn-order")
        elif before is not None and is_called and len(turn.results) != len(before.calls):
            yield Finding(f"contents[{before.last + 1}]", rule="gemini/response-count")
        before = turn
    yield from gemini_unsigned(view)


def gemini_unsigned(view: GeminiView) -> Iterator[Finding]:
    """Calls without a signature that are the first of a step since the user said something."""
    for turn in view.turns:
        if turn.role != "model" or not turn.calls:
            continue
        first = turn.calls[0]
        if first.message > view.asked and (first.message, first.part) not in view.signed:
            place = f"contents[{first.message}].parts[{first.part}]"
            values = {"name": first.id, "n": first.message + 1}
            yield Finding(place, values, rule="gemini/thought-signature")


# --- what does not go together, and what a model has not ---


def gemini_rest(view: GeminiView) -> Iterator[Finding]:
    """All of it, as far as there is anything to look at."""
    if view.declared:
        yield from gemini_together(view)
    if not CACHE_NAMES.isdisjoint(view.body):
        yield from gemini_cached(view)
    is_gemma = view.case.name.startswith("gemma")
    if is_gemma or not BY_MODEL_NAMES.isdisjoint(view.settings):
        yield from gemini_thinking(view)
        yield from gemini_features(view)


NO_CALLS = ("NONE", "3")  # a mode, and its number


def gemini_together(view: GeminiView) -> Iterator[Finding]:
    """A function that is declared twice, and tools that do not go together."""
    seen: Set[str] = set()
    for path, function in view.declared:
        name = text_at(function, "name")
        if name and name in seen:
            yield Finding(path + ".name", {"x": name}, rule="gemini/function-duplicate")
        seen.add(name)
    if not seen:
        return
    choice = proto_object_at(view.body, "toolConfig")
    mode = proto_object_at(choice, "functionCallingConfig").get("mode")
    mime_type = pick(view.settings, "responseMimeType")
    if mime_type == "application/json" and str(mode or "").upper() not in NO_CALLS:
        place = "generation_config.response_mime_type"
        yield Finding(place, rule="gemini/json-with-tools")
    if not view.hosted():
        return
    yield Finding("tools", rule="vertex/multi-tools")
    if not compiled_once(GEMINI_NEWER).search(view.case.name):
        yield Finding("tools", sentence=HOSTED_TOGETHER, rule="gemini/builtin-with-functions")
    elif pick(choice, "includeServerSideToolInvocations") is not True:
        yield Finding("tools", sentence=HOSTED_UNASKED, rule="gemini/builtin-with-functions")


def gemini_cached(view: GeminiView) -> Iterator[Finding]:
    """What a cache has said already."""
    body = view.body
    if not pick(body, "cachedContent"):
        return
    if any(pick(body, name) for name in ("systemInstruction", "tools", "toolConfig")):
        yield Finding("cached_content", rule="gemini/cached-conflict")
        yield Finding("cached_content", rule="vertex/cached-conflict")


def gemini_thinking(view: GeminiView) -> Iterator[Finding]:
    """How much a model shall think."""
    thinking = proto_object_at(view.settings, "thinkingConfig")
    budget = proto_number_at(thinking, "thinkingBudget")
    if budget is None:
        return
    if pick(thinking, "thinkingLevel"):
        yield Finding("generation_config.thinking_config", rule="gemini/thinking-both")
    place = "generation_config.thinking_config.thinking_budget"
    if budget == 0:
        yield Finding(place, rule="gemini/thinking-zero")
    if budget in (0, -1) or compiled_once(GEMINI_OTHER_KINDS).search(view.case.name):
        return
    for models, least, most in THINKING_RANGES:
        if compiled_once(models).search(view.case.name):
            if not least <= budget <= most:
                values = {"v": budget, "a": least, "b": most}
                yield Finding(place, values, rule="gemini/thinking-range")
            return


def gemini_features(view: GeminiView) -> Iterator[Finding]:
    """What a model has not at all."""
    name = view.case.name
    if name.startswith("gemma"):
        for place, feature in gemma_lacking(view):
            yield Finding(place, {"x": feature, "m": name}, rule="gemini/feature-off")
        return
    # One of 0 is none (google-gemini/cookbook#1290).
    if any(proto_number_at(view.settings, name) for name in GEMINI_PENALTIES):
        sentence = PENALTY_OFF if compiled_once(GEMINI_NEWER).search(name) else None
        values = {"x": "Penalty", "m": name}
        yield Finding("generation_config", values, sentence=sentence, rule="gemini/feature-off")


def gemma_lacking(view: GeminiView) -> Iterator[Tuple[str, str]]:
    """Where a request asks for what Gemma lacks, and what that is called."""
    if pick(view.body, "systemInstruction"):
        yield "system_instruction", "Developer instruction"
    if view.declared:
        yield "tools", "Function calling"
    if pick(view.settings, "responseMimeType") == "application/json":
        yield "generation_config.response_mime_type", "JSON mode"
    kinds = {gemini_media(part) for part in gemini_parts(view)}
    if "image" in kinds and compiled_once(SMALL_GEMMA).search(view.case.name):
        yield "contents", "Image input modality"
    if "audio" in kinds:
        yield "contents", "Audio input modality"


def gemini_parts(view: GeminiView) -> Iterator[Dict[str, Any]]:
    """The parts of all contents."""
    for _, content in indexed_objects(view.contents):
        for _, part in indexed_objects(listed(content.get("parts"))):
            yield part


def gemini_media(part: Dict[str, Any]) -> str:
    """What a part shows: image, audio …; empty for a part without media."""
    for name in ("inlineData", "fileData"):
        found = pick(proto_object_at(part, name), "mimeType")
        if isinstance(found, str):
            return found.partition("/")[0]
    return ""
