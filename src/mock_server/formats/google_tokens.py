"""Google's token endpoints: service accounts, refresh tokens, federation, impersonation.

Of `POST /token` the order of the checks and their sentences were recorded by others against the
real one; what is called unverified is from documentation.  Pure."""

from __future__ import annotations

import re
from typing import Iterable, Mapping, Optional

from ..ids import rfc3339
from ..issuing import Issuer
from ..jsons import compact
from ..limits import Headers, Json
from ..node import Field
from ..values import Call, ErrorBody, Failure, Reply, Text, Turn
from .issuance import (
    Assertion,
    Issuing,
    TokenEndpoint,
    field_text,
    issuer_of,
    read_assertion,
    short,
)
from .vertex import VERTEX_ERRORS, Vertex

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"
SUBJECT_TYPES = (
    *(TOKEN_TYPE + kind for kind in ("jwt", "id_token", "access_token", "saml2")),
    "urn:ietf:params:aws:token-type:aws4_request",
)
HOUR = 3600
DAY_HALF = 43200  # seconds, the longest life of a token that is asked for (documented)
SKEW = 300  # seconds by which clocks may differ
TIMEFRAME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)
# Texts: most servers never need them compiled.
POOL = (
    r"//iam\.googleapis\.com/"
    r"(?:projects/[^/]+/)?locations/[^/]+/(?:workloadIdentityPools|workforcePools)/.+"
)
DURATION = r"([0-9]{1,6})(?:\.[0-9]{1,9})?s"

# What OAuth calls errors that have no name of their own, by status.
OAUTH_ERRORS = {
    401: "invalid_client",
    403: "access_denied",
    429: "rate_limit_exceeded",
    500: "internal_failure",
    503: "temporarily_unavailable",
}
GOOGLE_TOKEN_ERRORS = {
    "authentication": Failure(401, "The OAuth client was not found.", code="invalid_client"),
    "permission": Failure(403, "Account restricted", code="access_denied"),
    "rate_limit": Failure(429, "Rate Limit Exceeded", code="rate_limit_exceeded"),
    "server_error": Failure(500, "Backend Error", code="internal_failure"),
}


def denied(error: str, message: str, status: int = 400) -> Failure:
    """An error with the name that OAuth has for it."""
    return Failure(status, message, code=error)


def oauth_error(failure: Failure) -> str:
    """The name of an error."""
    usual = "invalid_request" if failure.status < 500 else "server_error"
    return failure.code or failure.type or OAUTH_ERRORS.get(failure.status, usual)


class GoogleOAuth(TokenEndpoint):
    """What Google's endpoints share that are asked by forms."""

    provider = "vertex_ai"
    json_type = "application/json; charset=utf-8"
    errors: Mapping[str, Failure] = GOOGLE_TOKEN_ERRORS

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """No one keeps what it says."""
        return (("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate"),)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error", "error_description"}`."""
        error = {"error": oauth_error(failure), "error_description": failure.message}
        return ErrorBody(error)


class GoogleToken(GoogleOAuth):
    """token: what a service account has signed, or a refresh token, for an access token.  The
    signature is not looked at: nobody told the server its key."""

    api = "oauth2"
    routes = ("POST /token", "POST /o/oauth2/token", "POST /oauth2/{v4|v3}/token")
    usual_life = 3599  # recorded

    def refusal(self, call: Call) -> Optional[Failure]:
        """What is wrong with the request."""
        kind = field_text(call, "grant_type")
        if kind == JWT_BEARER:
            assertion = read_assertion(field_text(call, "assertion"))
            # Recorded: whatever is missing or no JWT gets no more words than these.
            if assertion is None:
                return denied("invalid_request", "Bad Request")
            return wrong_assertion(assertion, issuer_of(call).now())
        if kind == "refresh_token":
            return wrong_refresh(call)
        if not kind:
            return denied("invalid_request", "Required parameter is missing: grant_type")
        return denied("unsupported_grant_type", f"Invalid grant_type: {short(kind)}")

    def whole(self, call: Call, reply: Reply) -> Json:
        """An access token, or an identity token for who asks for an audience."""
        assertion = read_assertion(field_text(call, "assertion"))
        if assertion is None:
            grant = self.grant(call, reply, sub=short(field_text(call, "client_id")))
            scope = "https://www.googleapis.com/auth/cloud-platform"
            more = {"scope": field_text(call, "scope") or scope}
        else:
            subject, audience = short(assertion.text("iss")), assertion.text("target_audience")
            grant, more = self.grant(call, reply, sub=subject), {}
            if audience:
                identity = identity_token(issuer_of(call), subject, audience, grant.expires)
                return {"id_token": reply.text(Text) or identity}
        answer = {"access_token": grant.token, "expires_in": grant.life}
        return {**answer, **more, "token_type": "Bearer"}


def wrong_assertion(assertion: Assertion, now: int) -> Optional[Failure]:
    """What is wrong with what a service account signed, in the order that was recorded."""
    problem = ""
    begun, ends = assertion.second("iat"), assertion.second("exp")
    if assertion.header.get("alg") != "RS256":
        problem = "Invalid JWT Signature."
    elif not assertion.text("iss"):
        problem = "Invalid grant: account not found"
    elif begun is None:
        problem = "Invalid JWT: iat (issued at) is not set."
    elif ends is None:
        problem = "Invalid JWT: exp (expiration time) is not set."
    elif begun > now + SKEW or ends < now - SKEW or not 0 < ends - begun <= HOUR:
        problem = TIMEFRAME
    elif not (assertion.text("scope") or assertion.text("target_audience")):
        return denied("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    # The endpoint's own address, wherever that is for the client, or one that Google has had.
    elif not assertion.text("aud").endswith("/token"):
        problem = "Invalid JWT: Failed audience check."
    return denied("invalid_grant", problem) if problem else None


def wrong_refresh(call: Call) -> Optional[Failure]:
    """What a request lacks that brings a refresh token."""
    # Google's own sentences, quoted.
    if not field_text(call, "client_id"):
        return denied("invalid_request", "Could not determine client ID from request.")
    if not field_text(call, "client_secret"):
        return denied("invalid_request", "client_secret is missing.")
    if not field_text(call, "refresh_token"):
        return denied("invalid_request", "Missing required parameter: refresh_token")
    return None


def identity_token(issuer: Issuer, email: str, audience: str, expires: int) -> str:
    """Who somebody is, for an audience."""
    claims = {"iss": "https://accounts.google.com", "aud": short(audience), "azp": email}
    more = {"email": email, "email_verified": True, "sub": "100000000000000000001"}
    return issuer.token("identity", expires, **claims, **more, iat=issuer.now())


class GoogleExchange(GoogleOAuth):
    """The exchange of workload identity federation: somebody else's token for one of Google's."""

    api = "sts"
    routes = ("POST /v1/token",)

    def refusal(self, call: Call) -> Optional[Failure]:
        """What is wrong with the request (names as documented; sentences quoted or unverified)."""
        kind = exchange_field(call, "grant_type")
        subject, subject_type = exchange_field(call, "subject_token"), subject_type_of(call)
        if kind != TOKEN_EXCHANGE:
            message = (
                f'Invalid value for "grant_type". The only supported value is {TOKEN_EXCHANGE}.'
            )
            return denied("unsupported_grant_type", message)
        if not re.fullmatch(POOL, exchange_field(call, "audience")):
            return denied(
                "invalid_request",
                'Invalid value for "audience". This value should be the full resource name of the '
                "Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/"
                "TopLevel/token for the list of possible formats.",
            )
        if subject_type not in SUBJECT_TYPES:
            return denied("invalid_request", 'Invalid value for "subject_token_type".')
        if not subject:
            return denied("invalid_request", 'Missing required field "subject_token".')
        return wrong_subject(subject, subject_type, issuer_of(call).now())

    def whole(self, call: Call, reply: Reply) -> Json:
        """An access token."""
        grant = self.grant(call, reply, sub=short(exchange_field(call, "audience")))
        return {
            "access_token": grant.token,
            "issued_token_type": TOKEN_TYPE + "access_token",
            "token_type": "Bearer",
            "expires_in": grant.life,
        }


def exchange_field(call: Call, name: str) -> str:
    """A field of an exchange, which may come in JSON, under its name there."""
    first, *rest = name.split("_")
    return field_text(call, name) or field_text(call, first + "".join(map(str.title, rest)))


def subject_type_of(call: Call) -> str:
    """What kind of token is exchanged."""
    return exchange_field(call, "subject_token_type")


def wrong_subject(subject: str, kind: str, now: int) -> Optional[Failure]:
    """What is wrong with a token of somebody else, where it is a JWT."""
    if kind not in (TOKEN_TYPE + "jwt", TOKEN_TYPE + "id_token"):
        return None
    assertion = read_assertion(subject)
    if assertion is None:
        return denied("invalid_grant", "Unable to parse the ID Token.")
    ends = assertion.second("exp")
    if ends is not None and ends < now:
        begun = int(assertion.second("iat") or 0)
        return denied("invalid_grant", f"ID Token issued at {begun} is stale to sign-in.")
    return None


class GenerateAccessToken(Issuing, Vertex):
    """generateAccessToken: who has a token gets one of a service account."""

    api = "generateAccessToken"
    routes = ("POST /v1/projects/{project}/serviceAccounts/{account}:generateAccessToken",)
    credentials = ("authorization",)
    service = "iamcredentials.googleapis.com"
    refusals = ("no_key", "authentication")
    fields = {"scope": "an array!", "lifetime": "a string", "delegates": "an array"}
    errors: Mapping[str, Failure] = {
        **VERTEX_ERRORS,
        "no_key": Failure(
            401,
            "Request is missing required authentication credential. Expected OAuth 2 access token, "
            "login cookie or other valid authentication credential. "
            "See https://developers.google.com/identity/sign-in/web/devconsole-project.",
            code="CREDENTIALS_MISSING",
        ),
        "not_found": Failure(404, "Requested entity was not found."),
        "rate_limit": Failure(
            429,
            "Quota exceeded for quota metric 'Generate credential requests' and limit 'Generate "
            "credential requests per minute per user' of service 'iamcredentials.googleapis.com'.",
        ),
    }

    def turns(self, body: Field) -> Iterable[Turn]:
        """Nothing is said."""
        return ()

    def read_life(self, lifetime: Json) -> Optional[int]:
        """How long a token is to hold; None for what is no duration, or too long."""
        if not lifetime:
            return HOUR
        match = re.fullmatch(DURATION, lifetime)
        seconds = int(match.group(1)) if match else 0
        return seconds if 0 < seconds <= DAY_HALF else None

    def refusal(self, call: Call) -> Optional[Failure]:
        """What is wrong with the request, or with the token that came with it."""
        key = self.credential(call.request)
        issuer = issuer_of(call)
        if not key:
            return Failure(0, "", kind="no_key")
        if issuer.verdict(self.provider, key, issuer.now()) == "expired":
            return Failure(0, "", kind="authentication")
        if not call.body["scope"]:
            return Failure(400, "Request contains an invalid argument.", param="scope")
        if self.read_life(call.body.get("lifetime")) is None:
            lifetime = compact(short(call.body["lifetime"]))
            kind = "type.googleapis.com/google.protobuf.Duration"
            message = f"Invalid value at 'lifetime' ({kind}), {lifetime}"
            return Failure(400, message, param="lifetime")
        return None

    def asked_life(self, call: Call) -> int:
        """`lifetime`."""
        return self.read_life(call.body.get("lifetime")) or HOUR

    def whole(self, call: Call, reply: Reply) -> Json:
        """The token, and when it expires."""
        grant = self.grant(call, reply, sub=short(call.params.get("account")))
        return {"accessToken": grant.token, "expireTime": rfc3339(grant.expires) + "Z"}
