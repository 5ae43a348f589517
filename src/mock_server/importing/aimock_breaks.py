"""How fast an aimock fixture answers, and how it breaks, as a mock says it.  Pure.

What each key means is what aimock's writers make of it (@copilotkit/aimock 1.43, sse-writer.ts,
interruption.ts, chaos.ts)."""

from __future__ import annotations

from typing import Any, List, Tuple

from ..jsons import compact, fits
from ..limits import Json
from .aimock_answers import Translated, Variant
from .aimock_matches import JsonObject, Telling, counted, wanted
from .finds import Unusable

AIMOCK_CHUNK = 20  # characters an event, where a fixture does not say (server.ts)
MOST_CHAOS = 30_000  # ms of latency
STREAM_KEYS = (
    *("latency", "chunkSize", "truncateAfterChunks", "disconnectAfterMs", "streamingProfile"),
    *("recordedTimings", "replaySpeed", "openRouterProcessing"),
)
CHAOS_KEYS = ("dropRate", "malformedRate", "rateLimitRate", "disconnectRate", "latencyMs")

DROPPED: JsonObject = {
    "status": 500,
    "error": {"message": "Chaos: request dropped", "type": "server_error", "code": "chaos_drop"},
}
LIMITED: JsonObject = {
    "status": 429,
    "error": {
        "message": "Chaos: rate limit exceeded",
        "type": "rate_limit_error",
        "code": "chaos_ratelimit",
    },
    "headers": {"retry-after": "1"},
}


def seconds(value: Json, key: str) -> float:
    """Milliseconds as seconds; Unusable if they are none."""
    number: float = wanted(value, key, "a number")
    if number < 0:
        raise Unusable(f"{key}: expected a number, at least 0, found {number}")
    return round(number / 1000, 6)


def delivered(fixture: JsonObject, answer: Translated, telling: Telling) -> Tuple[Variant, ...]:
    """What a fixture answers, as fast as it does, and broken off where it is."""
    given = [key for key in STREAM_KEYS if fixture.get(key) is not None]
    if not answer.is_stream:
        for key in given:
            telling.note(key, "is of streams alone, and this answer is none")
        return answer.variants
    if "openRouterProcessing" in given:
        telling.note("openRouterProcessing", 'is left out; "wire" may send comments to anybody')
    more: JsonObject = {}
    pace = pauses_of(fixture, telling)
    if pace:
        more["pace"] = pace
    broken = broken_off(fixture, pace, telling)
    if "chunkSize" in given or pace or broken:
        # Time and place are counted in aimock's events.
        size = fixture.get("chunkSize")
        more["chunk_size"] = max(1, counted(AIMOCK_CHUNK if size is None else size, "chunkSize"))
    if broken and broken["after_events"] > most_events(answer, more["chunk_size"]):
        key = "truncateAfterChunks" if "truncateAfterChunks" in given else "disconnectAfterMs"
        telling.note(key, "never comes: the answer has fewer chunks")
        broken = {}
    variants = [one.laid_over({}, more) for one in answer.variants]
    if not broken:
        return tuple(variants)
    # A whole answer is never cut.
    for one in reversed(variants[:]):
        variants.insert(variants.index(one), one.laid_over({"stream": True}, broken))
    return tuple(variants)


def most_events(answer: Translated, size: int) -> int:
    """How many events its text may have at most, in pieces of a size, whichever API streams it."""
    response = answer.variants[-1].response
    said = [response.get(key) for key in ("reasoning", "text", "tool_calls", "parts")]
    return len(compact(said)) // size + 8 * (1 + sum(map(len, filter(None, said[2:])))) + 4


def pauses_of(fixture: JsonObject, telling: Telling) -> JsonObject:
    """The pauses of a stream: of a profile, else as they were recorded, else one latency."""
    latency = seconds(fixture.get("latency") or 0, "latency")
    profile, timings = fixture.get("streamingProfile"), fixture.get("recordedTimings")
    speed = fixture.get("replaySpeed") or 1
    if not fits(speed, "a number") or speed <= 0:
        telling.note("replaySpeed", "is no positive number, and is left out")
        speed = 1
    first = between = latency
    jitter: Json = 0
    if profile:
        wanted(profile, "streamingProfile", "an object")
        telling.unknown("streamingProfile.", profile, ("ttft", "tps", "jitter"))
        rate = profile.get("tps") or 0
        jitter = wanted(profile.get("jitter") or 0, "streamingProfile.jitter", "a number")
        if wanted(rate, "streamingProfile.tps", "a number") > 0:
            first = between = 1 / rate
        elif jitter:
            jitter = 0
            telling.note("streamingProfile.jitter", "is left out: it is a share of tps")
        if profile.get("ttft") is not None:
            first = seconds(profile["ttft"], "streamingProfile.ttft")
    elif timings:
        wanted(timings, "recordedTimings", "an object")
        first = seconds(timings.get("ttftMs") or 0, "recordedTimings.ttftMs")
        gaps = [gap for gap in timings.get("interChunkDelaysMs") or [] if fits(gap, "a number")]
        # The events here are not the recorded ones; together they take as long.
        between = sum(gaps) / len(gaps) / 1000 if gaps else 0
    return pace_of(first / speed, between / speed, jitter)


def pace_of(first: float, between: float, jitter: Json) -> JsonObject:
    """A pace; empty if there are no pauses."""
    made: JsonObject = {}
    if first:
        made["first"] = round(first, 6)
    if between:
        made["between"] = round(between, 6)
        if jitter:
            made["jitter"] = jitter
    return made


def broken_off(fixture: JsonObject, pace: JsonObject, telling: Telling) -> JsonObject:
    """Where the connection of a stream is cut, if it is."""
    places: List[int] = []
    if fixture.get("truncateAfterChunks") is not None:
        places.append(max(1, counted(fixture["truncateAfterChunks"], "truncateAfterChunks")))
    if fixture.get("disconnectAfterMs") is not None:
        after = seconds(fixture["disconnectAfterMs"], "disconnectAfterMs")
        first, between = pace.get("first", 0), pace.get("between", 0)
        if after < first:
            places.append(0)
        elif between:
            places.append(1 + int((after - first) / between))
        else:
            telling.note("disconnectAfterMs", "comes too late: without pauses all is sent before")
    return {"fault": "close", "after_events": min(places)} if places else {}


def chaotic(
    fixture: JsonObject, variants: Tuple[Variant, ...], telling: Telling
) -> Tuple[Tuple[JsonObject, ...], Tuple[Variant, ...]]:
    """The errors that may come instead of what a fixture answers, each drawn before the next, and
    that with its own faults."""
    chaos = fixture.get("chaos")
    if not chaos:
        return (), variants
    wanted(chaos, "chaos", "an object")
    telling.unknown("chaos.", chaos, CHAOS_KEYS)
    drop, malformed, limited, cut, latency = (chance(chaos, key) for key in CHAOS_KEYS)
    before: List[JsonObject] = []
    for response, likely in ((DROPPED, drop), (LIMITED, limited * (1 - malformed))):
        if likely:
            before.append(with_chance(response, likely))
    more: JsonObject = {}
    if latency:
        more["delay"] = latency / 1000
        before = [{**response, **more} for response in before]
    fault: JsonObject = {}
    if malformed:
        # It is drawn after the limit here, and before it by aimock: as often in the end.
        left = 1 - limited * (1 - malformed)
        fault = with_chance({"fault": "malformed"}, malformed / left)
        if cut:
            telling.note("chaos.disconnectRate", "is left out: an answer has one fault")
    elif cut:
        fault = with_chance({"fault": "close"}, cut)
    made: List[Variant] = []
    for one in variants:
        if fault and "fault" in one.response:
            telling.note("chaos", "breaks no stream that is cut anyway: an answer has one fault")
        elif fault and "error" in one.response:
            telling.note("chaos", "breaks no error")
        else:
            one = one.laid_over({}, fault)
        made.append(one.laid_over({}, more))
    return tuple(before), tuple(made)


def chance(chaos: JsonObject, key: str) -> Any:
    """A rate from 0 to 1, or a latency."""
    most = MOST_CHAOS if key == "latencyMs" else 1
    value = wanted(chaos.get(key) or 0, f"chaos.{key}", "a number")
    if not 0 <= value <= most:
        raise Unusable(f"chaos.{key}: expected a number from 0 to {most}, found {value}")
    return value


def with_chance(response: JsonObject, likely: float) -> JsonObject:
    """A response that comes so often."""
    return response if likely >= 1 else {**response, "probability": round(likely, 9)}
