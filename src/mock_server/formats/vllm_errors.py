"""What vLLM calls errors, its own sentences and its front's.  Pure."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ..errors import MISSING, BadField
from ..limits import Headers, Json
from ..values import Failure
from .pydantic import location, pydantic_error

MODEL_LENGTH = 131_072  # tokens of a model's context

# Types of errors by status: 400, 404 and 500 recorded (vLLM 0.26), 422 and 501 read in its source,
# the others by analogy.
VLLM_TYPES: Mapping[int, str] = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    501: "NotImplementedError",
    503: "ServiceUnavailableError",
}
BAD_FIELD = "Bad Request"  # the type of what pydantic says

VLLM_KEY = Failure(401, "Unauthorized")
# It has no others of its own; of those a phrase of HTTP is said.
VLLM_ERRORS: Mapping[str, Failure] = {
    "no_key": VLLM_KEY,
    "authentication": VLLM_KEY,
    "not_found": Failure(404, "The model `{model}` does not exist."),
    "server_error": Failure(500, "EngineCore encountered an issue. See stack trace for details."),
    "context_length": Failure(
        400,
        f"This model's maximum context length is {MODEL_LENGTH} tokens. However, you requested 0 "
        f"output tokens and your prompt contains at least {MODEL_LENGTH + 1} input tokens, for a "
        f"total of at least {MODEL_LENGTH + 1} tokens. Please reduce the length of the input "
        "prompt or the number of requested output tokens.",
        param="input_tokens",
    ),
}

UVICORN: Headers = (("server", "uvicorn"),)
ERROR_INPUT = 200  # characters of a wrong value that are told
# With the reason in place of {} (recorded, vLLM 0.26).
VLLM_BAD_JSON = (
    "1 validation error:\n  {{'type': 'json_invalid', 'loc': ('body',), 'msg': 'JSON decode "
    "error', 'input': {{}}, 'ctx': {{'error': '{}'}}}}"
)


def vllm_complaint(wrong: BadField) -> Failure:
    """What pydantic says of a wrong field, as vLLM writes it (read in its source)."""
    kind, message = pydantic_error(wrong)
    if wrong.sentence:
        kind, message = "value_error", f"Value error, {wrong.sentence}"
    place = ("body", *location(wrong.path))
    told: Dict[str, Any] = {"type": kind, "loc": place, "msg": message}
    if wrong.found is not MISSING:
        told["input"] = vllm_input(wrong.found)
    param = ".".join(map(str, place))
    return Failure(400, f"1 validation error:\n  {told}", BAD_FIELD, param=param)


def vllm_input(value: Json) -> Json:
    """A wrong value as an error tells it: a container is named, a long text is cut."""
    if isinstance(value, (list, dict)):
        return f"<{type(value).__name__} of {len(value)} items>"
    if isinstance(value, str) and len(value) > ERROR_INPUT:
        return value[:ERROR_INPUT] + "...[truncated]"
    return value
