"""Errors as Google's APIs write them: a canonical name, and details (wire formats, section 7).

Pure."""

from __future__ import annotations

from typing import Dict, List

from ..limits import Json
from ..records import replace
from ..values import Failure

# HTTP statuses as google.rpc.Code has them.
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
# All names in google.rpc.Code that an error may have.
GOOGLE_CODES = frozenset(
    (*GOOGLE_STATUS.values(), "UNKNOWN", "ALREADY_EXISTS", "OUT_OF_RANGE", "DATA_LOSS")
)

# Of a token that is missing, wrong or of another kind; quoted (8.1).
GOOGLE_TOKEN_ERROR = Failure(
    401,
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    code="ACCESS_TOKEN_TYPE_UNSUPPORTED",
)
# And of one that has expired.
GOOGLE_TOKEN_EXPIRED = replace(GOOGLE_TOKEN_ERROR, code="ACCESS_TOKEN_EXPIRED")


def canonical_status(failure: Failure) -> str:
    """The name of an error: its type, if that is one, else what its HTTP status stands for."""
    if failure.type and failure.type in GOOGLE_CODES:
        return failure.type
    if failure.status < 500:
        return GOOGLE_STATUS.get(failure.status, "INVALID_ARGUMENT")
    return GOOGLE_STATUS.get(failure.status, "INTERNAL")


def google_detail(name: str, **members: Json) -> Dict[str, Json]:
    """One detail of an error: a message of google.rpc."""
    return {"@type": "type.googleapis.com/google.rpc." + name, **members}


def google_reasons(failure: Failure, service: str) -> List[Json]:
    """Why an error came, as clients read it: its code, or a type that is no canonical name."""
    reason = failure.code
    metadata = {"service": service}
    if failure.type and failure.type not in GOOGLE_CODES:
        # There is one ErrorInfo at most (google.aip.dev/193): beside a code it has room for both.
        if reason:
            metadata["type"] = failure.type
        else:
            reason = failure.type
    if not reason:
        return []
    return [google_detail("ErrorInfo", reason=reason, domain="googleapis.com", metadata=metadata)]


def google_field(path: str, description: str) -> Dict[str, Json]:
    """One field that is wrong; what lies at the top has no path (request rules, 1.8)."""
    if not path:
        return {"description": description}
    return {"field": path, "description": description}


def google_error_details(failure: Failure, service: str) -> List[Json]:
    """What an error of any status says to machines: which field is wrong, and why."""
    details: List[Json] = []
    violations = [google_field(one.place, one.message) for one in failure.told]
    if failure.param:
        violations.append(google_field(failure.param, failure.message))
    if violations:
        details.append(google_detail("BadRequest", fieldViolations=violations))
    details += google_reasons(failure, service)
    if failure.code == "API_KEY_INVALID":
        details.append(google_detail("LocalizedMessage", locale="en-US", message=failure.message))
    return details


def google_retry_info(seconds: int) -> Dict[str, Json]:
    """How long to wait: Google sends no Retry-After."""
    return google_detail("RetryInfo", retryDelay=f"{seconds}s")
