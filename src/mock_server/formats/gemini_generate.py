"""Gemini's generateContent, and the countTokens of such a request (wire formats, section 7).

Pure."""

from __future__ import annotations

import base64
import itertools
import re
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from ..framings import SSE, Framing
from ..ids import BASE64URL
from ..jsons import within
from ..limits import Json
from ..node import Field
from ..outcomes import Usually
from ..records import replace
from ..state import State
from ..values import (
    STOPS,
    Block,
    Call,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
    Turn,
    Usage,
)
from .base import WireFormat, choices_of
from .echo import echoed
from .gemini import GEMINI_MODEL, Gemini, google_framing, pick
from .gemini_contents import google_turns, modalities, one_or_more, pick_field
from .gemini_likely import google_likely, most_likely, spoken_in
from .likely import bounded_pieces
from .pictures import PICTURES
from .places import GEMINI_PLACES
from .runs import Run, Stencil, hole, walk, with_last
from .shapes import has_words, present, said_stop

# A function call has no reason of its own (recorded).
GOOGLE_STOPS = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
}
HARM_CATEGORIES = (
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
)
# A mock says that a filter stopped the answer, not which: it is always this one.
HARM_FOUND = "HARM_CATEGORY_DANGEROUS_CONTENT"
# Ratings come with 1.5-era models only.
RATED_MODEL = re.compile(r".*gemini-(?:1\.|pro)")
# Models since Gemini 3 give a function call an id, and sign the first or, where there is none, the
# last text (2.4 and section 7).
SIGNING_MODEL = re.compile(r".*gemini-[3-9]")


# Those that say of function calls that there are some (section 7; recorded of Gemini 3.6).
TELLING_MODEL = re.compile(r".*gemini-(?:3\.[6-9]|[4-9])")
FUNCTION_CALLED = "Model generated function call(s)."


# What a part holds, one of them at least (typed in google-genai 2.34).
GOOGLE_PART_DATA = frozenset(
    ("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode")
    + ("codeExecutionResult", "toolCall", "toolResponse", "thoughtSignature")
)
# A mock that has a part with one of these says itself what is signed.
SIGNED_DATA = frozenset(("functionCall", "thoughtSignature"))
# What an echo adds where a picture is asked for.
GOOGLE_PICTURE = Block({"inlineData": {"mimeType": "image/png", "data": PICTURES["png"]}})


def google_signature(call: Call) -> str:
    """What proves an answer to be the model's own."""
    # Clients send it back as it is; nobody but Google can read one.
    return base64.b64encode(call.token("signature", 48).encode()).decode()


def google_text_part(part: Part, text: str) -> Dict[str, Json]:
    """A text of the answer, or of the thoughts before it."""
    if isinstance(part, Reasoning):
        return {"text": text, "thought": True}
    return {"text": text}


def is_of_thoughts(part: Part) -> bool:
    """Whether a part is of the thoughts."""
    if isinstance(part, Block):
        return bool(part.value.get("thought"))
    return isinstance(part, Reasoning)


def signed_index(call: Call, reply: Reply) -> int:
    """Which part is signed: the first function call, else the last text; -1 for none."""
    if not SIGNING_MODEL.match(call.model):
        return -1
    signed = -1
    for index, part in enumerate(reply.parts):
        if isinstance(part, ToolCall):
            return index
        if isinstance(part, Block) and not SIGNED_DATA.isdisjoint(part.value):
            return -1
        # One that a filter or an error has stopped has none.
        if isinstance(part, Text) and reply.stop in ("stop", "length"):
            signed = index
    return signed


def google_function_call(call: Call, tool: ToolCall, index: int) -> Dict[str, Json]:
    """A function call, the part at `index` of the answer."""
    # Since Gemini 3 it has an id, which 2.5 and older lack; `args` are an object (section 7).
    function: Dict[str, Json] = {"name": tool.name, "args": dict(tool.arguments)}
    if tool.id or SIGNING_MODEL.match(call.model):
        function["id"] = tool.id or call.token(f"tool {index}", 8)
    return {"functionCall": function}


def google_answer_parts(call: Call, reply: Reply, joined: bool) -> Iterator[Mapping[str, Json]]:
    """The parts of an answer, texts `joined` or piece by piece; all others are always whole."""
    signed = signed_index(call, reply)
    for run in walk(reply):
        part = run.part
        more: Dict[str, Json] = {}
        if run.index == signed:
            more["thoughtSignature"] = google_signature(call)
        if isinstance(part, Block):
            yield part.value
        elif isinstance(part, ToolCall):
            yield {**google_function_call(call, part, run.index), **more}
        elif joined:
            yield {**google_text_part(part, run.text), **more}
        else:
            yield from (google_text_part(part, piece) for piece in run.pieces)
            # It comes in a part of its own, with an empty text (section 7, recorded).
            if more:
                yield {"text": "", **more}
    # An answer of nothing is an empty text, as the last event of recorded streams often is; one
    # that ends for a reason such as MALFORMED_FUNCTION_CALL has not even that (quoted).
    if not reply.parts and reply.stop in STOPS:
        yield {"text": ""}
    elif not reply.parts:
        yield {}


def part_count(run: Run) -> int:
    """In how many parts it streams."""
    if isinstance(run.part, (ToolCall, Block)):
        return 1
    return sum(1 for _ in run.pieces)


class End(NamedTuple):
    """How a candidate ends, and what is said of that; of one that goes on there is neither."""

    reason: Optional[str] = None
    message: Optional[str] = None


GOING_ON = End()


def google_end(call: Call, reply: Reply) -> End:
    """How the answer ends; a refusal is text that ends with SAFETY: Google has no field for it."""
    if reply.stop == "stop" and reply.text(Refusal) is not None:
        return End(GOOGLE_STOPS["content_filter"])
    reason = said_stop(GOOGLE_STOPS, reply.stop)
    if reason == "STOP" and reply.tool_calls and TELLING_MODEL.match(call.model):
        return End(reason, FUNCTION_CALLED)
    return End(reason)


def is_blocked_prompt(reply: Reply) -> bool:
    """Whether a filter stopped an answer before it began: what Google calls a blocked prompt."""
    # One that was stopped later has a candidate, which ends with SAFETY.
    return not reply.parts and reply.stop == "content_filter"


def google_text_tokens(count: int) -> List[Json]:
    """Tokens by modality, of which there is one."""
    return [{"modality": "TEXT", "tokenCount": count}]


def google_cached_tokens(usage: Usage) -> Dict[str, Json]:
    """Counts of cached tokens, where there are any."""
    if not usage.cached:
        return {}
    return {
        "cachedContentTokenCount": usage.cached,
        "cacheTokensDetails": google_text_tokens(usage.cached),
    }


def spent_tokens(reply: Reply, thoughts: Iterable[bool]) -> Iterator[Usage]:
    """The tokens spent up to each part of a stream but the last, which has spent all; `thoughts`
    says which parts are thoughts.  Both kinds grow evenly from part to part."""
    usage = reply.usage
    # Counted first: a stream may be longer than what is to be held of it at once.
    runs = [(is_of_thoughts(run.part), part_count(run)) for run in walk(reply)]
    of_thoughts = sum(count for is_thought, count in runs if is_thought)
    of_others = sum(count for is_thought, count in runs if not is_thought)
    thought = other = 0
    for is_thought in thoughts:
        if is_thought:
            thought += 1
        else:
            other += 1
        reasoning = usage.reasoning * thought // max(1, of_thoughts)
        output = reasoning
        if other:
            output += max(1, (usage.output - usage.reasoning) * other // max(1, of_others))
        yield Usage(usage.input, min(output, usage.output), reasoning, usage.cached)


class GeminiRequest(Gemini):
    """How a generateContent request reads."""

    api = "generateContent"
    fields = {
        "contents": "an array or an object!",
        # One object may stand where an array belongs (recorded).
        "tools": "an array or an object",
        "generationConfig": "an object",
        "generation_config": "an object",
        "toolConfig": "an object",
        "safetySettings": "an array or an object",
    }

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The verb says it."""
        return params["verb"] == "streamGenerateContent"

    def framing(self, call: Call) -> Framing:
        """An event stream, unless the query asks for JSON."""
        return google_framing(call.query)

    def turns(self, body: Field) -> Iterator[Turn]:
        """System instruction and contents."""
        contents = body.get("contents")
        if not contents.value:
            contents.expected("an array with at least one content")
        return google_turns(body)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of the declared functions."""
        for tool in one_or_more(body.get("tools")):
            tool.a("an object")
            for function in one_or_more(pick_field(tool, "functionDeclarations")):
                yield function.check({"name": "a string!"}).value["name"]

    def schema(self, body: Field) -> Json:
        """`generationConfig.responseJsonSchema`, or `responseSchema`, with types in capitals."""
        config = pick(body.value, "generationConfig") or {}
        return pick(config, "responseJsonSchema") or pick(config, "responseSchema") or None

    def choices(self, body: Field) -> int:
        """`candidateCount`."""
        return choices_of(pick_field(pick_field(body, "generationConfig"), "candidateCount"), 8)


class GeminiAnswer(Gemini):
    """What a GenerateContentResponse is made of: what Vertex AI writes in its own way."""

    # The order of keys is as recorded, here and on Vertex AI (8.1).

    def content(self, parts: List[Json]) -> Dict[str, Json]:
        """The content of a candidate."""
        if not any(parts):
            return {}
        return {"parts": parts, "role": "model"}

    def rating(self, category: str, blocked: bool) -> Dict[str, Json]:
        """One safety rating."""
        if blocked:
            return {"category": category, "probability": "HIGH", "blocked": True}
        return {"category": category, "probability": "NEGLIGIBLE"}

    def ratings(self, call: Call, stop: Optional[str]) -> Dict[str, Json]:
        """Safety ratings, from models that give them or when they stopped the answer."""
        blocked = stop == "SAFETY"
        if not blocked and not RATED_MODEL.match(call.model):
            return {}
        ratings = [self.rating(name, blocked and name == HARM_FOUND) for name in HARM_CATEGORIES]
        return {"safetyRatings": ratings}

    def candidate(
        self, call: Call, index: int, parts: List[Json], end: End, whole: bool
    ) -> Dict[str, Json]:
        """One candidate, of a `whole` answer or of one event; in a stream only the last event
        has an end."""
        return {
            "content": self.content(parts),
            **present(finishReason=end.reason),
            "index": index,
            **present(finishMessage=end.message),
            **self.ratings(call, end.reason),
        }

    def usage(self, usage: Usage, last: bool) -> Dict[str, Json]:
        """Token counts; on every event, not only the last, and cumulative."""
        counts: Dict[str, Json] = {
            "promptTokenCount": usage.input,
            # The total is the prompt, this and the thoughts (recorded).
            "candidatesTokenCount": usage.output - usage.reasoning,
            "totalTokenCount": usage.total,
            **google_cached_tokens(usage),
            "promptTokensDetails": google_text_tokens(usage.input),
        }
        # Only if there are any (section 7).
        if usage.reasoning:
            counts["thoughtsTokenCount"] = usage.reasoning
        return counts

    def envelope(
        self, call: Call, reply: Reply, candidates: List[Json], usage: Dict[str, Json]
    ) -> Dict[str, Json]:
        """The response object, whole or one of a stream."""
        return {
            "candidates": candidates,
            "usageMetadata": usage,
            "modelVersion": reply.model,
            "responseId": reply.id or call.token("id", 22, BASE64URL),
        }


class GeminiGenerate(GeminiRequest, GeminiAnswer):
    """generateContent and streamGenerateContent."""

    routes: Tuple[str, ...] = (
        GEMINI_MODEL + "{verb=generateContent}",
        GEMINI_MODEL + "{verb=streamGenerateContent}",
    )
    places = GEMINI_PLACES
    speaks = WireFormat.speaks | {Block}

    def holds(self, block: Mapping[str, Json], stream: bool) -> bool:
        """Those that have what parts have; their kind is told by that alone."""
        return "type" not in block and not GOOGLE_PART_DATA.isdisjoint(block)

    def own(self, call: Call, state: State) -> Optional[Usually]:
        """An echo, with a picture where one is asked for, or that alone."""
        wanted = modalities(call.body)
        if "IMAGE" not in wanted:
            return None
        reply = echoed(call)
        spoken = reply.parts if "TEXT" in wanted else ()
        return replace(reply, parts=(*spoken, GOOGLE_PICTURE))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The GenerateContentResponse."""
        if is_blocked_prompt(reply):
            return self.blocked(call, reply)
        parts = list(google_answer_parts(call, reply, joined=True))
        end = google_end(call, reply)
        # Every candidate is the same answer.
        candidates: List[Json] = []
        for index in range(call.choices):
            candidate = self.candidate(call, index, parts, end, True)
            streamed = google_answer_parts(call, reply, joined=False)
            said = itertools.chain.from_iterable(map(spoken_in, streamed))
            told = bounded_pieces(said, call.choices)
            candidates.append(google_likely(call, candidate, told, True))
        return self.envelope(call, reply, candidates, self.usage(reply.usage, True))

    def blocked(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """What a blocked prompt gets: no candidate, but why."""
        # With status 200 (section 7): genai-py then has a `text` of None.
        usage = self.usage(replace(reply.usage, output=0, reasoning=0), True)
        response = self.envelope(call, reply, [], usage)
        del response["candidates"]
        return {"promptFeedback": {"blockReason": "SAFETY"}, **response}

    def is_content(self, name: str, value: Json) -> bool:
        """A part that holds more than a signature."""
        candidates = within(value, "candidates") or ()
        return any(has_words(within(one, "content", "parts")) for one in candidates)

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """A GenerateContentResponse a piece and choice, with the tokens spent so far."""
        if is_blocked_prompt(reply):
            yield "", self.blocked(call, reply)
            return
        # Nothing follows the last part, no [DONE] either (3.3): it has reason and whole usage.
        end = GOING_ON
        shared = self.envelope(call, reply, [], {})
        stencils = self.stencils(call, shared)
        thoughts, parts = itertools.tee(google_answer_parts(call, reply, joined=False))
        spending = spent_tokens(reply, (bool(part.get("thought")) for part in thoughts))
        for part, last in with_last(parts):
            spent = next(spending)
            if last:
                end = google_end(call, reply)
                spent = reply.usage
            usage = self.usage(spent, last)
            if not last and part.keys() == {"text"} and stencils:
                for stencil in stencils:
                    yield "", stencil.filled(part["text"], usage)
                continue
            for index in range(call.choices):
                candidate = self.candidate(call, index, [part], end, False)
                candidate = google_likely(call, candidate, spoken_in(part), last)
                yield "", {**shared, "candidates": [candidate], "usageMetadata": usage}

    def stencils(self, call: Call, shared: Dict[str, Json]) -> List[Stencil]:
        """For each choice what its events are alike in, but for a text and the tokens spent; none
        for an array, whose elements are indented, and where each text has a probability."""
        framing = self.framing(call)
        if not isinstance(framing, SSE) or most_likely(call) is not None:
            return []
        made = []
        for index in range(call.choices):
            candidate = self.candidate(call, index, [{"text": hole(0)}], GOING_ON, False)
            event = {**shared, "candidates": [candidate], "usageMetadata": hole(1)}
            made.append(Stencil(event, framing.layout))
        return made


class GeminiCountTokens(Gemini):
    """countTokens: the input tokens of a neutral reply's usage."""

    operation, api = "count_tokens", "countTokens"
    routes: Tuple[str, ...] = (GEMINI_MODEL + "countTokens",)
    fields = {
        "contents": "an array or an object",
        "generateContentRequest": "an object",
        "generate_content_request": "an object",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """The contents to count, or those of the request to count."""
        inner = pick_field(body, "generateContentRequest")
        if not inner.value:
            inner = body
        if not inner.value.get("contents"):
            body.get("contents").missing("an array")
        return google_turns(inner)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The count."""
        tokens = reply.usage.input
        return {"totalTokens": tokens, "promptTokensDetails": google_text_tokens(tokens)}
