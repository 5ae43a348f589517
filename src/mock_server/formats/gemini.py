"""The Gemini API: generateContent (wire formats, section 7).  Pure."""

from __future__ import annotations

import base64
import functools
import re
from dataclasses import replace
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Tuple, cast

from ..errors import MISSING, BadField, shown
from ..framings import GOOGLE_ARRAY, GOOGLE_SSE, Framing
from ..jsons import BASE64URL, HEX, compact, indented
from ..limits import Headers, Json
from ..node import Field
from ..values import (
    Call,
    Delta,
    ErrorBody,
    Failure,
    Reasoning,
    Refusal,
    Reply,
    ToolCall,
    Turn,
    Usage,
    walk,
)
from .base import WireFormat, choices_of

GEMINI_MODEL = "POST /{v1beta|v1alpha|v1}/{models|tunedModels}/{model}:"


GOOGLE_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


GOOGLE_RPC = "type.googleapis.com/google.rpc."


GOOGLE_STOPS = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
}


SAFETY = (
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
)


RATED_MODEL = re.compile(
    r".*gemini-(?:1\.|pro)"
)  # ratings come with 1.5-era models only (section 7)


@functools.lru_cache(maxsize=None)
def snake(name: str) -> str:
    """systemInstruction → system_instruction."""
    return re.sub(r"(?=[A-Z])", "_", name).lower()


def pick(value: Mapping[str, Json], name: str) -> Json:
    """A field by its camelCase name or, as Google's JSON parser takes it too, in snake_case."""
    found = value.get(name)
    return value.get(snake(name)) if found is None else found


def google_framing(query: Mapping[str, str]) -> Framing:
    """An event stream, unless `alt`, also spelled `$alt` and with parameters, asks for JSON."""
    alt = query.get("alt") or query.get("$alt") or "sse"
    return GOOGLE_ARRAY if alt.split(";")[0] == "json" else GOOGLE_SSE


GEMINI_KEY = Failure(
    403,
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key "
    "or other form of API consumer identity to call this API.",
)


GEMINI_ERRORS = {
    "no_key": GEMINI_KEY,
    "authentication": Failure(
        400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID"
    ),
    "permission": Failure(403, "The caller does not have permission"),
    "not_found": Failure(
        404,
        "models/{model} is not found for API version {version}, or is not supported for {verb}. Call "
        "ModelService.ListModels to see the list of available models and their supported methods.",
    ),
    "timeout": Failure(504, "Deadline expired before operation could complete."),
    "rate_limit": Failure(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n* Quota "
        "exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, "
        "limit: 10\nPlease retry in {wait}s.",
    ),
    "server_error": Failure(
        500,
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
    ),
    "overloaded": Failure(503, "The model is overloaded. Please try again later."),
    "context_length": Failure(
        400,
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
    ),
}


# What a path has around the name of a Google resource.
RESOURCE = re.compile(r"^/v\w+/|(?::|%3[Aa])\w+$")
# What the error of a model that is not there calls the method, where that is not the API's name.
VERBS = {"batchEmbedContents": "embedContent", "chat": "generateContent"}


class Gemini(WireFormat):
    """What all APIs of Gemini share: headers, errors, three kinds of credential."""

    provider = "gemini"
    area = ("/v1beta/models", "/v1alpha/models", "/v1beta/openai/", "/v1alpha/openai/")
    credentials = ("x-goog-api-key", "?key", "authorization")
    errors: Mapping[str, Failure] = GEMINI_ERRORS
    refusals = ("no_key", "no_key")
    layout: Callable[..., str] = staticmethod(indented)
    ending = "\n"
    json_type = "application/json; charset=UTF-8"
    error_details: Dict[str, Json] = {}
    service = "generativelanguage.googleapis.com"
    bad_json = "Invalid JSON payload received. {}."

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The front end's headers (section 7, recorded); Alt-Svc is left out, it would send clients to HTTP/3."""
        return ((("Content-Disposition", "attachment"),) if stream else ()) + (
            ("Vary", "Origin"),
            ("Vary", "X-Origin"),
            ("Vary", "Referer"),
            ("Server", "scaffolding on HTTPServer2"),
            ("X-XSS-Protection", "0"),
            ("X-Frame-Options", "SAMEORIGIN"),
            ("X-Content-Type-Options", "nosniff"),
            ("Server-Timing", f"gfet4t7; dur={200 + int(call.token('ms', 2, HEX), 16)}"),
        )

    def sentence(self, call: Call, failure: Failure, usual: str) -> str:
        """With the resource, the API version and the method that its errors name."""
        text = super().sentence(call, failure, usual).replace("{path}", RESOURCE.sub("", call.path))
        version = "".join(call.path.split("/")[1:2])
        return text.replace("{version}", version).replace("{verb}", VERBS.get(self.api, self.api))

    def exceeded(self, model: str, wait: int) -> List[Json]:
        """The details of a rate limit: which it was, where to read of it, and how long to wait (section 7, quoted)."""
        return [
            {
                "@type": GOOGLE_RPC + "QuotaFailure",
                "violations": [
                    {
                        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
                        "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
                        "quotaDimensions": {"location": "global", "model": model},
                        "quotaValue": "10",
                    }
                ],
            },
            {
                "@type": GOOGLE_RPC + "Help",
                "links": [
                    {
                        "description": "Learn more about Gemini API quotas",
                        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
                    }
                ],
            },
            {"@type": GOOGLE_RPC + "RetryInfo", "retryDelay": f"{wait}s"},
        ]

    def google_error(self, call: Call, failure: Failure) -> Dict[str, Json]:
        """`{"error": {"code", "message", "status", "details"}}`."""
        status = GOOGLE_STATUS.get(
            failure.status, "INVALID_ARGUMENT" if failure.status < 500 else "INTERNAL"
        )
        details: List[Json] = []
        if failure.param:
            details.append(
                {
                    "@type": GOOGLE_RPC + "BadRequest",
                    "fieldViolations": [{"field": failure.param, "description": failure.message}],
                }
            )
        if failure.code:
            details.append(
                {
                    "@type": GOOGLE_RPC + "ErrorInfo",
                    "reason": failure.code,
                    "domain": "googleapis.com",
                    "metadata": {"service": self.service},
                }
            )
        if failure.code == "API_KEY_INVALID":
            details.append(
                {
                    "@type": GOOGLE_RPC + "LocalizedMessage",
                    "locale": "en-US",
                    "message": failure.message,
                }
            )
        if failure.status == 429:
            details += self.exceeded(call.model, failure.wait)
        return {
            "error": {
                "code": failure.status,
                "message": failure.message,
                "status": failure.type or status,
                **({"details": details} if details else self.error_details),
            }
        }

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """The error; in an array where the stream is one."""
        value: Json = self.google_error(call, failure)
        if (
            call.path.endswith("streamGenerateContent")
            and google_framing(call.query) is GOOGLE_ARRAY
        ):
            value = [value]
        return ErrorBody(value, self.layout, self.ending, self.json_type)

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """One event or element that holds the error (3.3)."""
        yield "", self.google_error(call, failure)

    def complaint(self, wrong: BadField) -> Failure:
        """Google's way to name a field."""
        if wrong.sentence:
            text = wrong.sentence
        elif wrong.found is MISSING:
            text = f"* {wrong.path}: {wrong.path} is not specified"
        else:
            text = f"Invalid value at '{wrong.path or 'body'}': expected {wrong.expected}, got {shown(wrong.found)}"
        return Failure(400, text, param=wrong.path or "body")


def picked(node: Field, name: str) -> Field:
    """The same of a field of the request; its place is the camelCase name either way."""
    value = pick(node.value, name) if isinstance(node.value, dict) else None
    return Field(value, parent=node, key=name)


def one_or_more(node: Field) -> List[Field]:
    """The items of an array, or the one object that stands where an array belongs."""
    if isinstance(node.value, dict):
        return [Field(node.value, parent=node, key=0)]
    return node.items()


def google_parts(content: Field) -> Iterator[Dict[str, Json]]:
    """The parts of a content."""
    content.check({"role": "a string", "parts": "an array or an object"})
    for part in one_or_more(content.get("parts")):
        yield cast(Dict[str, Json], part.check({"text": "a string"}).value)


def google_text(content: Field) -> str:
    """The text of a content's parts, without thoughts; a bare string is its own text."""
    if content.is_absent:
        return ""
    if isinstance(content.value, str):
        return content.value
    parts = list(google_parts(content))
    spoken = [part for part in parts if part.get("text") is not None and not part.get("thought")]
    return "\n".join(part["text"] for part in spoken)


def google_result(part: Mapping[str, Json]) -> Optional[str]:
    """The text of a functionResponse: of its `result` or `output` if that is all, else as JSON."""
    response = pick(part, "functionResponse")
    if not isinstance(response, dict):
        return None
    value = response.get("response")
    if isinstance(value, dict) and set(value) in (
        {"result"},
        {"output"},
    ):  # what the SDKs wrap a result in
        value = next(iter(value.values()))
    return value if isinstance(value, str) else compact(value)


def google_cached(usage: Usage) -> Dict[str, Json]:
    """Counts of cached tokens, where there are any."""
    return (
        {
            "cachedContentTokenCount": usage.cached,
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": usage.cached}],
        }
        if usage.cached
        else {}
    )


def google_turns(body: Field) -> Iterator[Turn]:
    """System instruction and contents; a turn of only function responses is no user message."""
    system = picked(body, "systemInstruction")
    if not system.is_absent:
        if not system.is_a("a string or an object"):
            system.expected("an object")
        yield Turn("system", google_text(system))
    for content in one_or_more(body.get("contents")):
        content.a("an object")
        role = content.value.get("role") or "user"
        if role not in ("user", "model", "function"):
            wanted = "one from user, model"
            content.get("role").expected(wanted, "Please use a valid role: user, model.")
        results = [google_result(part) for part in google_parts(content)]
        found = [result for result in results if result is not None]
        if role == "model":
            yield Turn("assistant", google_text(content))
        elif not found or len(found) < len(results):
            yield Turn("user", google_text(content))
        for result in found:
            yield Turn("tool", result)


class GeminiRequest(Gemini):
    """How a generateContent request reads (wire formats, section 7)."""

    api = "generateContent"
    fields = {
        "contents": "an array or an object!",
        "tools": "an array",
        "generationConfig": "an object",
        "generation_config": "an object",
        "toolConfig": "an object",
        "safetySettings": "an array",
    }

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """The verb says it."""
        return params["verb"] == "streamGenerateContent"

    def framing(self, call: Call) -> Framing:
        """An event stream, unless `alt` (also spelled `$alt`) asks for JSON."""
        return google_framing(call.query)

    def turns(self, body: Field) -> Iterator[Turn]:
        """System instruction and contents."""
        contents = body.get("contents")
        if not contents.value:
            contents.expected("an array with at least one content")
        return google_turns(body)

    def tools(self, body: Field) -> Iterator[str]:
        """Names of the declared functions."""
        for tool in body.get("tools").objects():
            for declared in picked(tool, "functionDeclarations").objects():
                yield declared.check({"name": "a string!"}).value["name"]

    def schema(self, body: Field) -> Json:
        """`generationConfig.responseJsonSchema`, or `responseSchema`, whose type names are in capitals."""
        config = pick(body.value, "generationConfig") or {}
        return pick(config, "responseJsonSchema") or pick(config, "responseSchema") or None

    def choices(self, body: Field) -> int:
        """`candidateCount`."""
        return choices_of(picked(picked(body, "generationConfig"), "candidateCount"), 8)


class GeminiGenerate(GeminiRequest):
    """generateContent and streamGenerateContent (wire formats, section 7)."""

    routes: Tuple[str, ...] = (
        GEMINI_MODEL + "{verb=generateContent}",
        GEMINI_MODEL + "{verb=streamGenerateContent}",
    )

    def part(self, call: Call, delta: Delta, text: str) -> Dict[str, Json]:
        """A part of the answer; only models since Gemini 3 give a function call an id, and sign the first (2.4, 7)."""
        if not isinstance(delta.part, ToolCall):
            return {
                "text": text,
                **({"thought": True} if isinstance(delta.part, Reasoning) else {}),
            }
        signs = re.match(r".*gemini-[3-9]", call.model)
        own = delta.part.id or (call.token(f"tool {delta.index}", 8) if signs else "")
        found = {
            "name": delta.part.name,
            "args": dict(delta.part.arguments),
            **({"id": own} if own else {}),
        }
        signature = base64.b64encode(call.token("signature", 48).encode()).decode()
        return {
            "functionCall": found,
            **({"thoughtSignature": signature} if signs and delta.first else {}),
        }

    def parts(self, call: Call, reply: Reply, joined: bool) -> List[Dict[str, Json]]:
        """The parts of the answer, whole or piece by piece; a function call is always whole."""
        found = [
            delta
            for delta in walk(reply)
            if delta.head or not (joined or isinstance(delta.part, ToolCall))
        ]
        return [
            self.part(call, delta, getattr(delta.part, "text", "") if joined else delta.piece)
            for delta in found
        ] or [{"text": ""}]

    def stop(self, reply: Reply) -> str:
        """The finish reason; a refusal is text that ends with SAFETY, for Google has no field for it."""
        refused = reply.stop == "stop" and reply.text(Refusal) is not None
        return GOOGLE_STOPS["content_filter" if refused else reply.stop]

    def content(self, parts: List[Json]) -> Dict[str, Json]:
        """The content of a candidate."""
        return {"parts": parts, "role": "model"}

    def ratings(self, call: Call, stop: Optional[str]) -> Dict[str, Json]:
        """Safety ratings, from models that give them or when they stopped the answer."""
        if stop != "SAFETY" and not RATED_MODEL.match(call.model):
            return {}
        return {
            "safetyRatings": [
                self.rating(name, stop == "SAFETY" and name == SAFETY[1]) for name in SAFETY
            ]
        }

    def rating(self, category: str, blocked: bool) -> Dict[str, Json]:
        """One safety rating."""
        return {
            "category": category,
            "probability": "HIGH" if blocked else "NEGLIGIBLE",
            **({"blocked": True} if blocked else {}),
        }

    def candidate(
        self, call: Call, index: int, parts: List[Json], stop: Optional[str], whole: bool
    ) -> Dict[str, Json]:
        """One candidate; only the last of a stream has a finish reason."""
        return {
            "content": self.content(parts),
            **({"finishReason": stop} if stop else {}),
            "index": index,
            **self.ratings(call, stop),
        }

    def usage(self, usage: Usage, last: bool) -> Dict[str, Json]:
        """Token counts; on every chunk, cumulative."""
        return {
            "promptTokenCount": usage.input,
            "candidatesTokenCount": usage.output - usage.reasoning,
            "totalTokenCount": usage.total,
            **google_cached(usage),
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input}],
            **({"thoughtsTokenCount": usage.reasoning} if usage.reasoning else {}),
        }

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

    def whole(self, call: Call, reply: Reply) -> Json:
        """The GenerateContentResponse; an answer of nothing that a filter stopped is a blocked prompt."""
        if not reply.parts and reply.stop == "content_filter":
            return self.blocked(call, reply)
        parts, stop = self.parts(call, reply, joined=True), self.stop(reply)
        candidates = [
            self.candidate(call, index, parts, stop, True) for index in range(call.choices)
        ]
        return self.envelope(call, reply, candidates, self.usage(reply.usage, True))

    def blocked(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """What a blocked prompt gets: no candidate, but why (section 7)."""
        value = self.envelope(
            call, reply, [], self.usage(replace(reply.usage, output=0, reasoning=0), True)
        )
        return {
            "promptFeedback": {"blockReason": "SAFETY"},
            **{key: value[key] for key in value if key != "candidates"},
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """A GenerateContentResponse a piece, with the tokens spent so far."""
        if not reply.parts and reply.stop == "content_filter":
            yield "", self.blocked(call, reply)
            return
        parts, stop = self.parts(call, reply, joined=False), self.stop(reply)
        thoughts = [bool(part.get("thought")) for part in parts]
        usage = reply.usage
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            thought, said = sum(thoughts[:number]), number - sum(thoughts[:number])
            reasoning = (
                usage.reasoning * thought // (sum(thoughts) or 1) if not last else usage.reasoning
            )
            spoken = (
                max(1, (usage.output - usage.reasoning) * said // (len(parts) - sum(thoughts) or 1))
                if said
                else 0
            )
            spent = (
                usage
                if last
                else replace(
                    usage, output=min(reasoning + spoken, usage.output), reasoning=reasoning
                )
            )
            for index in range(call.choices):
                candidate = self.candidate(call, index, [part], stop if last else None, False)
                yield "", self.envelope(call, reply, [candidate], self.usage(spent, last))
