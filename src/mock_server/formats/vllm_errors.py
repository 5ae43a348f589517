"""What vLLM calls errors, and its own sentences.  Pure."""

from __future__ import annotations

from typing import Mapping

from ..values import Failure

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
