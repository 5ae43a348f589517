"""AWS Bedrock: what all of its APIs share (wire formats, section 10).  Pure."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, Mapping, Tuple

from ..errors import MISSING, BadField, shown
from ..framings import AWS_EVENTS, Framing
from ..ids import HEX, LOWER
from ..jsons import sorted_compact
from ..limits import Headers, Json
from ..values import Call, ErrorBody, Failure
from .base import WireFormat, uuid

# Types of errors by status, all but 401 and 409 from the table in 10.2.
BEDROCK_TYPES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    409: "ConflictException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}

# Statuses and types were verified with boto3; of the sentences only that of not_found was recorded
# (10.2).  There is no Retry-After (2.5).
BEDROCK_ERRORS = {
    "no_key": Failure(403, "Missing Authentication Token", "MissingAuthenticationTokenException"),
    "authentication": Failure(
        403, "The security token included in the request is invalid.", "UnrecognizedClientException"
    ),
    "permission": Failure(
        403,
        "You don't have access to the model with the specified model ID.",
        "AccessDeniedException",
    ),
    "not_found": Failure(400, "The provided model identifier is invalid."),
    "timeout": Failure(
        408, "Model has timed out in processing the request. Try your request again."
    ),
    "rate_limit": Failure(429, "Too many requests, please wait before trying again."),
    "server_error": Failure(
        500, "The system encountered an unexpected error during processing. Try your request again."
    ),
    "overloaded": Failure(
        503, "The service is unable to process your request right now. Try your request again."
    ),
    "context_length": Failure(400, "Input is too long for requested model."),
}

# Of an API key; quoted, as clients report it.
BEDROCK_KEY = Failure(
    403, "Authentication failed: Please make sure your API Key is valid.", "AccessDeniedException"
)

# What follows the type in x-amzn-ErrorType; clients drop it (10.2, recorded).
BEDROCK_ERROR_SPACE = ":http://internal.amazon.com/coral/com.amazon.bedrock/"

# What the padding of an event begins with (10.1, recorded).
BEDROCK_PADS = LOWER + LOWER.upper() + "0123456789"


# Types of errors that only whole answers have, or some streams (botocore's service model).
ANSWERED_TYPES = frozenset(
    (
        *BEDROCK_TYPES.values(),
        *(failure.type for failure in BEDROCK_ERRORS.values() if failure.type),
    )
)
# Those of streams, of any operation and of InvokeModel's alone.
STREAM_EXCEPTIONS = frozenset(
    (
        *("InternalServerException", "ModelStreamErrorException", "ValidationException"),
        *("ThrottlingException", "ServiceUnavailableException"),
    )
)
INVOKE_EXCEPTIONS = STREAM_EXCEPTIONS | {"ModelTimeoutException"}
# What a model did wrong; other errors are the request's.
MODEL_STATUSES = (408, 424)


def bedrock_padding(call: Call, number: int) -> str:
    """The member `p` of an event: up to 61 letters and digits."""
    return BEDROCK_PADS[: int(call.token(f"pad {number}", 2, HEX), 16) % 62]


def bedrock_type(failure: Failure) -> str:
    """The type of an error, such as ThrottlingException."""
    if failure.type:
        return failure.type
    if failure.status in BEDROCK_TYPES:
        return BEDROCK_TYPES[failure.status]
    return "ValidationException" if failure.status < 500 else "InternalServerException"


class Bedrock(WireFormat):
    """What all APIs of Bedrock share: the request id, errors whose type is a header, SigV4 or an
    API key, and the binary event stream."""

    provider = "bedrock"
    # botocore signs (SigV4); an API key comes as Bearer (2.3).
    signed_for = "bedrock"
    credentials: Tuple[str, ...] = ("authorization",)
    schemes: Tuple[str, ...] = ("bearer", "aws4-hmac-sha256")
    wrong_keys: Mapping[str, Failure] = {"authorization": BEDROCK_KEY}
    errors: Mapping[str, Failure] = BEDROCK_ERRORS
    # Compact, keys sorted, no line end (section 10).
    layout: Callable[..., str] = staticmethod(sorted_compact)
    stream_type = "application/vnd.amazon.eventstream"
    ping = b""  # Claude's are left out there (10.1), and there are no others
    limit_headers = WireFormat.limit_headers  # none, not even Claude's
    stream_types = STREAM_EXCEPTIONS
    bad_json = "Unable to parse the request body as JSON: {}"

    def framing(self, call: Call) -> Framing:
        """The binary event stream (10.1)."""
        return AWS_EVENTS

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The request id."""
        return (("x-amzn-RequestId", uuid(call, "request")),)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"message"}`, with the type in x-amzn-ErrorType (10.2, recorded)."""
        kind = bedrock_type(failure) + BEDROCK_ERROR_SPACE
        return ErrorBody({"message": failure.message}, headers=(("x-amzn-ErrorType", kind),))

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """An exception message, its type in lower camel case (10.1)."""
        value: Dict[str, Json] = {"message": failure.message}
        kind = bedrock_type(failure)
        # The framing knows an exception by this ending of its name.
        if not kind.endswith("Exception"):
            kind = "InternalServerException"
        if kind in ANSWERED_TYPES and kind not in self.stream_types:
            kind = "ValidationException"
            if failure.status in MODEL_STATUSES:
                kind = "ModelStreamErrorException"
                value["originalStatusCode"] = failure.status
        yield kind[0].lower() + kind[1:], value

    def complaint(self, wrong: BadField) -> Failure:
        """AWS's way to name a field."""
        if wrong.sentence:
            return Failure(400, wrong.sentence)
        constraint = f"be {wrong.expected}, found {shown(wrong.found)}"
        if wrong.found is MISSING:
            constraint = "not be null"
        return Failure(
            400,
            f"1 validation error detected: Value at '{wrong.path or 'body'}' "
            f"failed to satisfy constraint: Member must {constraint}",
        )
