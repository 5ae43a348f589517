"""The `response` of an aimock fixture, as a mock's.  Pure.

What each key means is what aimock's handlers make of it (@copilotkit/aimock 1.43, helpers.ts)."""

from __future__ import annotations

from typing import Callable, List, Mapping, Tuple

from ..errors import shown
from ..jsons import parse_json
from ..limits import Json
from ..records import record
from .aimock_matches import JsonObject, Telling, counted, wanted
from .finds import Unusable

# Members of an answer that stand beside its content.
OVERRIDES = (
    *("id", "created", "model", "usage", "systemFingerprint", "finishReason", "role"),
    *("provider", "nativeFinishReason"),
)
SAID_KEYS = ("content", "toolCalls", "blocks")
THOUGHTS = ("reasoning", "reasoningSignature", "redactedThinking", "webSearches")

# Token counts, by what the providers call them.
INPUT_COUNTS = ("prompt_tokens", "input_tokens", "promptTokenCount")
OUTPUT_COUNTS = ("completion_tokens", "output_tokens", "candidatesTokenCount")
TOTALS = ("total_tokens", "totalTokenCount")
SHARES: Mapping[Tuple[str, str], str] = {
    ("prompt_tokens_details", "cached_tokens"): "cached_tokens",
    ("prompt_tokens_details", "cache_write_tokens"): "cache_write_tokens",
    ("completion_tokens_details", "reasoning_tokens"): "reasoning_tokens",
}

AUDIO_TYPES: Mapping[str, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}

PICTURES_MADE = 1700000000  # when, as a Unix time: aimock takes the clock, and a mock can't

FOR_CHAT: JsonObject = {"provider": ["openai", "azure"], "api": "chat"}
FOR_RESPONSES: JsonObject = {"provider": ["openai", "azure"], "api": "responses"}
FOR_MESSAGES: JsonObject = {"provider": "anthropic", "api": "messages"}

NO_SUCH_API = "is of an API that this server has not"


@record
class Variant:
    """A response, and what a request must be, beside all else, to get it."""

    match: JsonObject
    response: JsonObject

    def laid_over(self, match: JsonObject, more: JsonObject) -> "Variant":
        """One for fewer requests, with more in its response."""
        return Variant({**self.match, **match}, {**self.response, **more})


@record
class Translated:
    """What a fixture answers: `endpoint` is aimock's name of the API, empty for any; `variants` are
    for ever more requests, the last for all."""

    endpoint: str
    variants: Tuple[Variant, ...]
    is_stream: bool = False  # whether it may be streamed


def plain(value: Json) -> Json:
    """A JSON value in which no text is a template, and whole numbers are as JavaScript says."""
    if isinstance(value, str):
        return value.replace("{{", "{{{{")
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def mock_response(response: JsonObject, telling: Telling) -> Translated:
    """What a fixture answers; Unusable if no mock can."""
    for key, read in ANSWER_KINDS.items():
        if response.get(key) is not None:
            return read(response, telling)
    raise Unusable(f"response has none of {', '.join(ANSWER_KINDS)}")


# --- what is said ---


def said_in(response: JsonObject, telling: Telling) -> Translated:
    """Text, tool calls, or both."""
    telling.unknown("response.", response, (*SAID_KEYS, *THOUGHTS, *OVERRIDES))
    parts: List[JsonObject] = []
    reasoning = response.get("reasoning")
    if reasoning:
        parts.append({"reasoning": plain(wanted(reasoning, "response.reasoning", "a string"))})
    parts += content_parts(response)
    general = Variant({}, {**answer_of_parts(parts), **overrides(response, telling)})
    variants = [*thinking(response, parts, general), *searching(response, parts, general)]
    chat, responses = stamps(response)
    for match, extra in ((FOR_CHAT, chat), (FOR_RESPONSES, responses)):
        if not extra:
            continue
        # What is for that API already gets it, too.
        owned = [one for one in variants if one.match == match]
        variants = [one for one in variants if one.match != match]
        variants.append((owned or [general])[0].laid_over(match, {"extra": extra}))
    return Translated("chat", (*variants, general), is_stream=True)


def content_parts(response: JsonObject) -> List[JsonObject]:
    """What is said after the thoughts, in order; its ordered blocks go before all else."""
    blocks = response.get("blocks")
    if blocks:
        listed = wanted(blocks, "response.blocks", "an array")
        return [block_part(block, f"response.blocks[{at}]") for at, block in enumerate(listed)]
    parts: List[JsonObject] = []
    content, calls = response.get("content"), response.get("toolCalls")
    if content or (content == "" and not calls):
        if not isinstance(content, (str, dict, list)):
            raise Unusable(f"response.content: expected a string, found {shown(content)}")
        parts.append({"text": plain(content)})
    if calls:
        wanted(calls, "response.toolCalls", "an array")
        made = [tool_call(one, f"response.toolCalls[{at}]") for at, one in enumerate(calls)]
        parts.append({"tool_calls": made})
    if not parts:
        raise Unusable("response says nothing")
    return parts


def block_part(block: Json, key: str) -> JsonObject:
    """One of the ordered blocks."""
    wanted(block, key, "an object")
    kind = block.get("type")
    if kind == "text":
        return {"text": plain(wanted(block.get("text"), f"{key}.text", "a string"))}
    if kind == "toolCall":
        return {"tool_calls": [tool_call(block, key)]}
    raise Unusable(f'{key}.type: expected "text" or "toolCall", found {shown(kind)}')


def tool_call(call: Json, key: str) -> JsonObject:
    """One call of a tool."""
    wanted(call, key, "an object")
    made: JsonObject = {"name": plain(wanted(call.get("name"), f"{key}.name", "a string"))}
    arguments = call.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = parse_json(arguments.encode())
        except ValueError:
            arguments = None
    if not isinstance(arguments, dict):
        raise Unusable(f"{key}.arguments: expected an object, found {shown(call.get('arguments'))}")
    made["arguments"] = plain(arguments)
    if call.get("id"):
        made["id"] = plain(wanted(call["id"], f"{key}.id", "a string"))
    return made


def answer_of_parts(parts: List[JsonObject]) -> JsonObject:
    """A neutral response: keys where their usual order is the one of the parts, else the parts."""
    keys = [key for part in parts for key in part]
    usual = [key for key in ("reasoning", "text", "tool_calls") if key in keys]
    if keys == usual:
        return {key: value for part in parts for key, value in part.items()}
    return {"parts": parts}


# --- what stands beside it ---


def overrides(response: JsonObject, telling: Telling) -> JsonObject:
    """What a fixture says of the envelope, as far as all providers have it."""
    made: JsonObject = {}
    for key, ours in (("id", "id"), ("model", "model"), ("finishReason", "finish_reason")):
        if response.get(key) is not None:
            made[ours] = wanted(response[key], f"response.{key}", "a string")
    if response.get("usage") is not None:
        counts = usage_counts(wanted(response["usage"], "response.usage", "an object"), telling)
        if counts:
            made["usage"] = counts
    if response.get("role", "assistant") != "assistant":
        telling.note("response.role", "can't be said: an answer is the assistant's")
    for key in ("provider", "nativeFinishReason"):
        if key in response:
            telling.note(f"response.{key}", "is OpenRouter's own, and derived from the answer")
    return made


def usage_counts(usage: JsonObject, telling: Telling) -> JsonObject:
    """Token counts under our names; one of two that is left out is 0, as in aimock."""
    known = (*INPUT_COUNTS, *OUTPUT_COUNTS, *TOTALS, *(outer for outer, _ in SHARES))
    for key in usage:
        if key not in known:
            telling.note(f"response.usage.{key}", "is not among the counts that a mock has")
    if not any(key in usage for key in (*INPUT_COUNTS, *OUTPUT_COUNTS, *TOTALS)):
        return {}
    made: JsonObject = {}
    for ours, names in (("input_tokens", INPUT_COUNTS), ("output_tokens", OUTPUT_COUNTS)):
        given = [name for name in names if usage.get(name) is not None]
        made[ours] = counted(usage[given[0]], f"response.usage.{given[0]}") if given else 0
    for outer in sorted({outer for outer, _ in SHARES}):
        details = wanted(usage.get(outer) or {}, f"response.usage.{outer}", "an object")
        for inner, number in details.items():
            key = f"response.usage.{outer}.{inner}"
            if number and (outer, inner) in SHARES:
                made[SHARES[outer, inner]] = counted(number, key)
            elif number:
                telling.note(key, "is not among the counts that a mock has")
    for name in TOTALS:
        if usage.get(name, made["input_tokens"] + made["output_tokens"]) != (
            made["input_tokens"] + made["output_tokens"]
        ):
            telling.note(f"response.usage.{name}", "is left out: it is always the sum here")
    return made


def stamps(response: JsonObject) -> Tuple[JsonObject, JsonObject]:
    """What OpenAI's two APIs alone say of when and where an answer was made."""
    chat: JsonObject = {}
    responses: JsonObject = {}
    created, fingerprint = response.get("created"), response.get("systemFingerprint")
    if created is not None:
        chat["created"] = responses["created_at"] = counted(created, "response.created")
    if fingerprint is not None:
        key = "response.systemFingerprint"
        chat["system_fingerprint"] = plain(wanted(fingerprint, key, "a string"))
    return chat, responses


def thinking(response: JsonObject, parts: List[JsonObject], general: Variant) -> List[Variant]:
    """The answer with Anthropic's own thinking blocks, if it has any."""
    signature, hidden = response.get("reasoningSignature"), response.get("redactedThinking")
    blocks: List[JsonObject] = []
    for data in wanted(hidden or [], "response.redactedThinking", "an array"):
        text = plain(wanted(data, "response.redactedThinking", "a string"))
        blocks.append({"block": {"type": "redacted_thinking", "data": text}})
    if signature and response.get("reasoning"):
        signature = plain(wanted(signature, "response.reasoningSignature", "a string"))
        thought = {"type": "thinking", "thinking": parts[0]["reasoning"], "signature": signature}
        blocks.append({"block": thought})
        parts = parts[1:]
    if not blocks:
        return []
    return [Variant(FOR_MESSAGES, with_parts(general.response, [*blocks, *parts]))]


def searching(response: JsonObject, parts: List[JsonObject], general: Variant) -> List[Variant]:
    """The answer with what OpenAI's Responses API searched for, if it did; aimock's other APIs
    leave that out, too."""
    queries = wanted(response.get("webSearches") or [], "response.webSearches", "an array")
    calls: List[JsonObject] = []
    for query in queries:
        text = plain(wanted(query, "response.webSearches", "a string"))
        action = {"type": "search", "query": text}
        calls.append(
            {"block": {"type": "web_search_call", "status": "completed", "action": action}}
        )
    if not calls:
        return []
    at = 1 if "reasoning" in parts[0] else 0
    return [
        Variant(FOR_RESPONSES, with_parts(general.response, [*parts[:at], *calls, *parts[at:]]))
    ]


def with_parts(response: JsonObject, parts: List[JsonObject]) -> JsonObject:
    """A response that says these parts instead."""
    kept = {
        key: value
        for key, value in response.items()
        if key not in ("reasoning", "text", "tool_calls", "parts")
    }
    return {"parts": parts, **kept}


# --- all else ---


def refused(response: JsonObject, telling: Telling) -> Translated:
    """An error."""
    telling.unknown("response.", response, ("error", "status", "retryAfter", "fallthrough"))
    error = wanted(response["error"], "response.error", "an object")
    telling.unknown("response.error.", error, ("message", "type", "param", "code", "metadata"))
    message = wanted(error.get("message"), "response.error.message", "a string")
    said: JsonObject = {"message": plain(message)}
    for key in ("type", "code", "param"):
        if error.get(key) is not None:
            said[key] = error[key]
    if "metadata" in error:
        telling.note("response.error.metadata", "is OpenRouter's own, and is left out")
    if response.get("fallthrough") is False:
        telling.note("response.fallthrough", "has no use: no request goes to a second model here")
    status = counted(response.get("status", 500), "response.status")
    if not 200 <= status < 600:
        raise Unusable(f"response.status: expected one from 200 to 599, found {status}")
    made: JsonObject = {"status": status, "error": said}
    after = response.get("retryAfter")
    if status == 429:
        made["headers"] = {"retry-after": str(1 if after is None else after)}
    elif after is not None:
        telling.note("response.retryAfter", "goes with status 429 alone")
    return Translated("", (Variant({}, made),))


def embedded(response: JsonObject, telling: Telling) -> Translated:
    """A vector."""
    telling.unknown("response.", response, ("embedding",))
    return Translated("embedding", (Variant({}, {"embedding": response["embedding"]}),))


def pictured(response: JsonObject, telling: Telling) -> Translated:
    """Pictures, as OpenAI sends them."""
    telling.unknown("response.", response, ("image", "images"))
    images = response.get("images")
    if images is None:
        images = [response["image"]]
    data: List[JsonObject] = []
    for at, image in enumerate(wanted(images, "response.images", "an array")):
        key = f"response.images[{at}]"
        names = (("url", "url"), ("b64Json", "b64_json"), ("revisedPrompt", "revised_prompt"))
        telling.unknown(f"{key}.", wanted(image, key, "an object"), tuple(dict(names)))
        told = {
            ours: wanted(image[name], f"{key}.{name}", "a string")
            for name, ours in names
            if image.get(name) is not None
        }
        data.append(told)
    body = {"created": PICTURES_MADE, "data": data}
    return Translated("image", (Variant({"provider": ["openai", "azure"]}, {"body": body}),))


def sounding(response: JsonObject, telling: Telling) -> Translated:
    """Speech."""
    telling.unknown("response.", response, ("audio", "format", *SAID_KEYS, *THOUGHTS))
    for key in (*SAID_KEYS, *THOUGHTS):
        if key in response:
            telling.note(f"response.{key}", "beside audio is Gemini's, whose sound is not mocked")
    audio, kind = response["audio"], response.get("format", "mp3")
    content_type = AUDIO_TYPES.get(str(kind), "application/octet-stream")
    if isinstance(audio, dict):
        content_type = wanted(audio.get("contentType", content_type), "contentType", "a string")
        audio = audio.get("b64Json")
    made = {
        "raw": {"base64": wanted(audio, "response.audio", "a string")},
        "headers": {"content-type": content_type},
    }
    return Translated("speech", (Variant({}, made),))


def heard(response: JsonObject, telling: Telling) -> Translated:
    """What was said in a sound."""
    telling.unknown("response.", response, ("transcription",))
    told = wanted(response["transcription"], "response.transcription", "an object")
    known = ("text", "language", "languages", "duration", "usage", "words", "segments")
    telling.unknown("response.transcription.", told, known)
    for key in ("languages", "usage"):
        if key in told:
            telling.note(f"response.transcription.{key}", "is left out")
    text = wanted(told.get("text"), "response.transcription.text", "a string")
    general = Variant({}, {"text": plain(text)})
    more = {
        key: told[key] for key in ("words", "segments", "language", "duration") if told.get(key)
    }
    if not more:
        return Translated("transcription", (general,))
    body = {"task": "transcribe", "language": "english", "duration": 0, "text": text, **more}
    if told.get("words") or told.get("segments"):  # which aimock sends in any format
        return Translated("transcription", (Variant({}, {"body": body}),))
    verbose = Variant({"fields": {"response_format": "verbose_json"}}, {"body": body})
    return Translated("transcription", (verbose, general))


def not_here(key: str) -> Callable[[JsonObject, Telling], Translated]:
    """What is answered by APIs that this server does not have."""

    def read(response: JsonObject, telling: Telling) -> Translated:
        raise Unusable(f"response.{key} {NO_SUCH_API}")

    return read


# Told apart by the first of these that is there.
ANSWER_KINDS: Mapping[str, Callable[[JsonObject, Telling], Translated]] = {
    "error": refused,
    "live": not_here("live"),
    "audio": sounding,
    "blocks": said_in,
    "content": said_in,
    "toolCalls": said_in,
    "embedding": embedded,
    "image": pictured,
    "images": pictured,
    "transcription": heard,
    "video": not_here("video"),
    "json": not_here("json"),
}
