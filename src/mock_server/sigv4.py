"""AWS's signature of a request, version 4, worked out anew; and what AWS says where it differs.

Pure: secrets and the time are its caller's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Callable, Dict, List, Optional, Sequence, Tuple
from urllib.parse import quote, unquote_to_bytes

from .http import ABSOLUTE, header_lines
from .ids import rfc3339
from .records import record
from .values import NONE_SENT, Failure, Request

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
CLOCK_SKEW = 300  # seconds by which the clocks of client and server may differ
MOST_EXPIRES = 604_800  # seconds for which a signed URL may hold
MOMENT = re.compile(r"[0-9]{8}T[0-9]{6}Z")
PARAMETERS = ("Credential", "Signature", "SignedHeaders")
QUERY_PARAMETERS = ("Algorithm", "Credential", "Signature", "SignedHeaders", "Date")

# The sentences are AWS's own, as clients report them; of Bedrock's some.  Its order of checks is
# DynamoDB's, of which it is known.
SIGNATURE_DIFFERS = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)
HOST_UNSIGNED = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
BOTH_SIGNED = (
    "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
)
SecretsOf = Callable[[str, str], Sequence[str]]  # of an access key and a session token
Pairs = Tuple[Tuple[str, str], ...]


class BadSignature(Exception):
    """A signature that is not right: what AWS says of it, and why in few words."""

    def __init__(self, failure: Failure, why: str) -> None:
        super().__init__(why)
        self.failure, self.why = failure, why


@record
class Signed:
    """What a request says of its signature.  `query` is what of the query is signed, `expires` for
    how many seconds a signed URL holds, None where a header has the signature."""

    algorithm: str
    credential: str  # access key and scope
    moment: str
    names: Tuple[str, ...]  # of the headers that are signed
    signature: str
    token: str  # of a session
    query: Pairs
    expires: Optional[str] = None

    @property
    def access(self) -> str:
        """The access key."""
        return self.credential.partition("/")[0]

    @property
    def scope(self) -> str:
        """Date, region, service, and what ends them."""
        return self.credential.partition("/")[2]


def invalid(message: str, why: str) -> BadSignature:
    """That a signature is wrong."""
    return BadSignature(Failure(403, message, "InvalidSignatureException"), why)


def incomplete(message: str) -> BadSignature:
    """That there is no whole signature."""
    failure = Failure(403, message, "IncompleteSignatureException")
    return BadSignature(failure, "signature is incomplete")


def is_signed(request: Request) -> bool:
    """Whether a request is signed, or means to be."""
    given = request.headers.get("authorization", "")
    return given.upper().startswith(ALGORITHM) or "X-Amz-Signature" in request.query


def check_signature(request: Request, service: str, now: int, secrets_of: SecretsOf) -> Signed:
    """What a request says of its signature, if that is right for a service at this second.

    BadSignature if it is not."""
    if "X-Amz-Signature" not in request.query:
        said = signed_by_header(request)
    elif "authorization" in request.headers:
        raise invalid(BOTH_SIGNED, "signed twice")
    else:
        said = signed_by_query(request)
    check_moment(said, now)
    if "host" not in said.names:
        raise invalid(HOST_UNSIGNED, "host is not signed")
    check_scope(said, service)
    secrets = secrets_of(said.access, said.token)
    canonical = canonical_request(request, said)
    to_sign = string_to_sign(said, canonical)
    is_right = False
    for secret in secrets:  # all of them, whichever is right
        made = signature_of(secret, said.scope, to_sign)
        is_right |= hmac.compare_digest(made.encode(), said.signature.encode())
    if not is_right:
        raise invalid(
            f"{SIGNATURE_DIFFERS}\n\nThe Canonical String for this request should have been\n"
            f"'{canonical}'\n\nThe String-to-Sign should have been\n'{to_sign}'\n",
            "signature differs, as the answer shows",
        )
    return said


# --- what a request says ---


def signed_by_header(request: Request) -> Signed:
    """What the Authorization header says."""
    given = request.headers.get("authorization", "").strip()
    algorithm, _, rest = given.partition(" ")
    pairs = [piece.partition("=") for piece in re.split("[, ]+", rest)]
    found = {name: value for name, _, value in pairs}
    lacking = [
        f"Authorization header requires '{n}' parameter." for n in PARAMETERS if not found.get(n)
    ]
    moment = request.headers.get("x-amz-date") or basic_date(request.headers.get("date", ""))
    if not moment:
        lacking.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if lacking:
        digest = base64.b64encode(hashlib.sha256(given.encode()).digest()).decode()
        lacking.append(f"(Hashed with SHA-256 and encoded with Base64) Authorization={digest}")
        raise incomplete(" ".join(lacking))
    return Signed(
        algorithm,
        found["Credential"],
        moment,
        signed_names(found["SignedHeaders"]),
        found["Signature"],
        request.headers.get("x-amz-security-token", ""),
        query_pairs(request),
    )


def signed_by_query(request: Request) -> Signed:
    """What the query of a signed URL says."""
    query = request.query
    names = ["X-Amz-" + name for name in (*QUERY_PARAMETERS, "Expires")]
    lacking = [
        f"AWS query-string parameters must include '{name}'."
        for name in names
        if not query.get(name)
    ]
    if lacking:
        raise incomplete(" ".join([*lacking, "Re-examine the query-string parameters."]))
    return Signed(
        query["X-Amz-Algorithm"],
        query["X-Amz-Credential"],
        query["X-Amz-Date"],
        signed_names(query["X-Amz-SignedHeaders"]),
        query["X-Amz-Signature"],
        query.get("X-Amz-Security-Token", ""),
        tuple(pair for pair in query_pairs(request) if pair[0] != "X-Amz-Signature"),
        query["X-Amz-Expires"],
    )


def signed_names(text: str) -> Tuple[str, ...]:
    """The headers that are signed.  One that is named again and again is still signed once, or few
    bytes would stand for hundreds of millions."""
    return tuple(sorted(set(text.lower().split(";"))))


def basic_date(text: str) -> str:
    """A Date header in ISO 8601's basic format; as it is, if it is none."""
    try:
        return parsedate_to_datetime(text).strftime("%Y%m%dT%H%M%SZ")
    # The first before Python 3.10, the last of what no date has.
    except (TypeError, ValueError, OverflowError):
        return text


def moment_second(moment: str) -> Optional[int]:
    """The Unix second of a moment in ISO 8601's basic format."""
    if not MOMENT.fullmatch(moment):  # strptime takes spaces, too
        return None
    try:
        return int(datetime.strptime(moment + "+0000", "%Y%m%dT%H%M%SZ%z").timestamp())
    except ValueError:
        return None


def basic_format(second: int) -> str:
    """A Unix second in ISO 8601's basic format."""
    return re.sub("[-:]", "", rfc3339(second)) + "Z"


# --- what is checked before the signature ---


def check_moment(said: Signed, now: int) -> None:
    """BadSignature for one that was made too long ago, or will be made only."""
    second = moment_second(said.moment)
    if second is None:
        raise incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{said.moment}'. "
            "See http://en.wikipedia.org/wiki/ISO_8601"
        )
    lifetime = 0
    if said.expires is not None:
        if not re.fullmatch("[0-9]{1,6}", said.expires) or int(said.expires) > MOST_EXPIRES:
            raise incomplete(f"X-Amz-Expires must be a number of seconds up to {MOST_EXPIRES}")
        lifetime = int(said.expires)
    here = basic_format(now)
    if second > now + CLOCK_SKEW:
        raise invalid(
            f"Signature not yet current: {said.moment} is still later than "
            f"{basic_format(now + CLOCK_SKEW)} ({here} + 5 min.)",
            f"signed for later, at {rfc3339(second)}Z",
        )
    last = second + max(lifetime, CLOCK_SKEW)
    if last < now:
        raise invalid(
            f"Signature expired: {said.moment} is now earlier than "
            f"{basic_format(now - CLOCK_SKEW)} ({here} - 5 min.)",
            f"expired at {rfc3339(max(0, last))}Z",
        )


def check_scope(said: Signed, service: str) -> None:
    """BadSignature for one that is for something else."""
    if said.algorithm != ALGORITHM:
        raise incomplete(
            f"Unsupported AWS 'algorithm': '{said.algorithm}' (only {ALGORITHM} for now). "
        )
    scope = said.scope.split("/")
    if len(scope) != 4:
        raise incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            "keyid/date/region/service/term."
        )
    date, region, scoped, terminator = scope
    wrong = []
    if not region:
        wrong.append("Credential should be scoped to a valid region.")
    if scoped != service:
        wrong.append(f"Credential should be scoped to correct service: '{service}'.")
    if terminator != TERMINATOR:
        wrong.append(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not "
            f"'{terminator}'."
        )
    if date != said.moment[:8]:
        wrong.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{date}' != '{said.moment[:8]}', from '{said.moment}'."
        )
    if wrong:
        raise invalid(" ".join(wrong), "scope is not that of this request")


# --- the signature ---


def split_target(request: Request) -> Tuple[str, str]:
    """The path and the query as they were sent."""
    target = (request.raw or NONE_SENT).target.partition("#")[0]
    absolute = ABSOLUTE.match(target)
    if absolute:
        target = target[absolute.end() :]
    path, _, query = target.partition("?")
    return path, query


def query_pairs(request: Request) -> Pairs:
    """The query, its names and values encoded anew; of names that come again all."""
    found = []
    for pair in split_target(request)[1].split("&"):
        if pair:
            name, _, value = pair.partition("=")
            found.append((encoded(name), encoded(value)))
    return tuple(sorted(found))


def encoded(text: str) -> str:
    """What a piece of the query stands for, encoded as AWS does."""
    return quote(unquote_to_bytes(text), safe="")


def canonical_path(path: str) -> str:
    """A path without dots and empty segments, each segment encoded once more than it was sent."""
    kept: List[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(quote(segment, safe=""))
    ending = "/" if kept and path.endswith("/") else ""
    return "/" + "/".join(kept) + ending


def header_values(request: Request) -> Dict[str, str]:
    """The headers by lower-case name, their spaces folded; repeated ones joined with a comma."""
    found: Dict[str, List[str]] = {}
    for line in header_lines((request.raw or NONE_SENT).lines):
        name, _, value = line.partition(":")
        found.setdefault(name.lower(), []).append(re.sub("[ \t]+", " ", value.strip(" \t")))
    return {name: ",".join(values) for name, values in found.items()}


def canonical_request(request: Request, said: Signed) -> str:
    """What is hashed for the signature, whatever hash of the body the client names."""
    values = header_values(request)
    lines = [
        request.method,
        canonical_path(split_target(request)[0]),
        "&".join(f"{name}={value}" for name, value in said.query),
        *(f"{name}:{values.get(name, '')}" for name in said.names),
        "",
        ";".join(said.names),
        hashlib.sha256((request.raw or NONE_SENT).body).hexdigest(),
    ]
    return "\n".join(lines)


def as_sent(text: str) -> bytes:
    """The bytes of a text, of which those from the head were read as Latin-1."""
    return text.encode("latin-1", "replace")


def string_to_sign(said: Signed, canonical: str) -> str:
    """What is signed."""
    digest = hashlib.sha256(as_sent(canonical)).hexdigest()
    return "\n".join([ALGORITHM, said.moment, said.scope, digest])


def signature_of(secret: str, scope: str, to_sign: str) -> str:
    """The signature."""
    key = ("AWS4" + secret).encode()
    for piece in scope.split("/"):
        key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
    return hmac.new(key, as_sent(to_sign), hashlib.sha256).hexdigest()
