"""What all of Google's APIs share: two spellings of a name, headers, errors, credentials.

Wire formats, section 7.  Pure."""

from __future__ import annotations

import functools
import re
from typing import Callable, Dict, Iterator, List, Mapping, Tuple

from ..errors import MISSING, BadField, shown
from ..framings import GOOGLE_ARRAY, GOOGLE_SSE, Framing
from ..ids import HEX
from ..jsons import indented
from ..limits import Headers, Json
from ..values import Call, ErrorBody, Failure
from .base import WireFormat
from .google_errors import (
    GOOGLE_TOKEN_ERROR,
    GOOGLE_TOKEN_EXPIRED,
    canonical_status,
    google_detail,
    google_error_details,
    google_retry_info,
)

GEMINI_MODEL = "POST /{v1beta|v1alpha|v1}/{models|tunedModels}/{model}:"
# What a path has around the name of a Google resource.
RESOURCE = re.compile(r"^/v\w+/|(?::|%3[Aa])\w+$")
# What the error of a model that is not there calls the method, where that is not the API's name.
VERBS = {"batchEmbedContents": "embedContent", "chat": "generateContent"}

# As recorded, but for Alt-Svc, which would send clients to HTTP/3.
FRONT_END_HEADERS = (
    ("Vary", "Origin"),
    ("Vary", "X-Origin"),
    ("Vary", "Referer"),
    ("Server", "scaffolding on HTTPServer2"),
    ("X-XSS-Protection", "0"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Content-Type-Options", "nosniff"),
)

# Recorded, or quoted from logs: section 7 says which.
GEMINI_ERRORS = {
    "no_key": Failure(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). Please "
        "use API Key or other form of API consumer identity to call this API.",
    ),
    "authentication": Failure(
        400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID"
    ),
    "permission": Failure(403, "The caller does not have permission"),
    "not_found": Failure(
        404,
        "models/{model} is not found for API version {version}, or is not supported for {verb}. "
        "Call ModelService.ListModels to see the list of available models and their supported "
        "methods.",
    ),
    "timeout": Failure(504, "Deadline expired before operation could complete."),
    "rate_limit": Failure(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n"
        "* Quota exceeded for metric: "
        "generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: {most}\n"
        "Please retry in {wait}s.",
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


@functools.lru_cache(maxsize=None)
def snake(name: str) -> str:
    """systemInstruction → system_instruction."""
    return re.sub(r"(?=[A-Z])", "_", name).lower()


def pick(value: Mapping[str, Json], name: str) -> Json:
    """A field by its camelCase name or, as Google's JSON parser takes it too, in snake_case."""
    member = value.get(name)
    return value.get(snake(name)) if member is None else member


def google_framing(query: Mapping[str, str]) -> Framing:
    """An event stream, unless `alt`, also spelled `$alt` and with parameters, asks for JSON."""
    # A parameter is what follows a semicolon: `json;enum-encoding=int`.
    alt = query.get("alt") or query.get("$alt") or ""
    if alt.partition(";")[0] == "json":
        return GOOGLE_ARRAY
    return GOOGLE_SSE


GEMINI_AREA = (
    *("/v1beta/models", "/v1alpha/models"),
    *("/v1beta/openai/", "/v1alpha/openai/"),
)


class Gemini(WireFormat):
    """What all APIs of Gemini share: headers, errors, three kinds of credential."""

    provider = "gemini"
    area: Tuple[str, ...] = GEMINI_AREA
    credentials: Tuple[str, ...] = ("x-goog-api-key", "?key", "authorization")
    wrong_keys: Mapping[str, Failure] = {"authorization": GOOGLE_TOKEN_ERROR}
    expired_token = GOOGLE_TOKEN_EXPIRED
    has_bearer_keys = False
    errors: Mapping[str, Failure] = GEMINI_ERRORS
    # What can be no key counts as none.
    refusals = ("no_key", "no_key")
    layout: Callable[..., str] = staticmethod(indented)
    ending = "\n"
    json_type = "application/json; charset=UTF-8"
    usual_limit = 10
    ping = b""  # none was seen, and genai-py breaks on a comment (3.2, 3.3)
    always_details = False  # whether an error without details has an empty array of them
    service = "generativelanguage.googleapis.com"
    bad_json = "Invalid JSON payload received. {}."

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The front end's headers."""
        milliseconds = 200 + int(call.token("ms", 2, HEX), 16)
        timing = ("Server-Timing", f"gfet4t7; dur={milliseconds}")
        if stream:
            return (("Content-Disposition", "attachment"), *FRONT_END_HEADERS, timing)
        return (*FRONT_END_HEADERS, timing)

    def sentence(self, call: Call, failure: Failure, usual: str) -> str:
        """With the resource, the API version and the method that its errors name."""
        text = super().sentence(call, failure, usual)
        names = {
            "{path}": RESOURCE.sub("", call.path),
            "{version}": "".join(call.path.split("/")[1:2]),
            "{verb}": VERBS.get(self.api, self.api),
        }
        for placeholder, name in names.items():
            text = text.replace(placeholder, name)
        return text

    def quota_details(self, model: str, failure: Failure) -> List[Json]:
        """Of a rate limit: which it was, where to read of it, and how long to wait."""
        # Quoted from a log of the free tier.
        violation = {
            "quotaMetric": self.service + "/generate_content_free_tier_requests",
            "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
            "quotaDimensions": {"location": "global", "model": model},
            "quotaValue": str(failure.most or self.usual_limit),
        }
        link = {
            "description": "Learn more about Gemini API quotas",
            "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
        }
        return [
            google_detail("QuotaFailure", violations=[violation]),
            google_detail("Help", links=[link]),
            google_retry_info(failure.wait),
        ]

    def google_error(self, call: Call, failure: Failure) -> Dict[str, Json]:
        """`{"error": {"code", "message", "status", "details"}}`."""
        error: Dict[str, Json] = {
            "code": failure.status,
            "message": failure.message,
            "status": canonical_status(failure),
        }
        details = google_error_details(failure, self.service)
        if failure.status == 429:
            details += self.quota_details(call.model, failure)
        if details or self.always_details:
            error["details"] = details
        return {"error": error}

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """The error; in an array where the stream is one."""
        value: Json = self.google_error(call, failure)
        streams = call.path.endswith("streamGenerateContent")
        if streams and google_framing(call.query) is GOOGLE_ARRAY:
            value = [value]
        return ErrorBody(value, self.layout, self.ending, self.json_type)

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """One event or element that holds the error."""
        # The status was 200: genai-py and @google/genai raise when they see `error` (3.3).
        yield "", self.google_error(call, failure)

    def complaint(self, wrong: BadField) -> Failure:
        """Google's way to name a field."""
        place = wrong.path or "body"
        text = f"Invalid value at '{place}': expected {wrong.expected}, got {shown(wrong.found)}"
        if wrong.sentence:
            text = wrong.sentence
        elif wrong.found is MISSING:
            text = f"* {wrong.path}: {wrong.path} is not specified"
        return Failure(400, text, param=place)
