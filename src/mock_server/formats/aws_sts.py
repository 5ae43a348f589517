"""AWS's Security Token Service: its Query protocol, with answers and errors in XML.

Members, constraints and sentences as its API reference has them, or quoted.  Pure."""

from __future__ import annotations

import re
from html import escape
from typing import Callable, Dict, Mapping, NamedTuple, Optional, Tuple

from ..ids import LOWER_ALNUM, rfc3339, token
from ..issuing import AwsKeys
from ..limits import Headers, Json
from ..records import replace
from ..values import Call, ErrorBody, Failure, Reply, Request, Text
from .base import uuid
from .issuance import (
    Issuing,
    TokenEndpoint,
    field_text,
    form_fields,
    given_life,
    issuer_of,
    read_assertion,
)

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
ACCOUNT_ID = "123456789012"
USER_ARN = f"arn:aws:iam::{ACCOUNT_ID}:user/mock"
# Texts, as compiling them takes longer than most requests do.
NOT_IN_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
NOT_IN_A_NAME = "[^a-zA-Z0-9_.-]|^[^a-zA-Z]"
ROLE_ARN = "arn:[a-z0-9-]+:iam::([0-9]{12}):role/(?:[^/]+/)*([a-zA-Z0-9_+=,.@-]+)"
WEB_IDENTITY = "AssumeRoleWithWebIdentity"
SIGNED_ACTIONS = ("AssumeRole", "GetCallerIdentity")

STS_TYPES = {403: "AccessDenied", 429: "Throttling", 503: "ServiceUnavailable"}
# Of the same errors, by what they are called in JSON protocols.
SIGNATURE_CODES = {
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "IncompleteSignatureException": "IncompleteSignature",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "ExpiredTokenException": "ExpiredToken",
}
STS_ERRORS = {
    "no_key": Failure(403, "Request is missing Authentication Token", "MissingAuthenticationToken"),
    "authentication": Failure(
        403, "The security token included in the request is invalid.", "InvalidClientTokenId"
    ),
    "permission": Failure(403, "User is not authorized to perform this action", "AccessDenied"),
    "rate_limit": Failure(400, "Rate exceeded", "Throttling"),
    "server_error": Failure(
        500, "We encountered an internal error. Please try again.", "InternalFailure"
    ),
}


class FieldRule(NamedTuple):
    """What a field of a request is to be."""

    name: str
    is_needed: bool
    least: int
    most: int
    pattern: str = ""
    is_number: bool = False


ROLE_RULE = FieldRule("RoleArn", True, 20, 2048)
NAME_RULE = FieldRule("RoleSessionName", True, 2, 64, r"[\w+=,.@-]*")
DURATION_RULE = FieldRule("DurationSeconds", False, 900, 43200, is_number=True)
IDENTITY_RULE = FieldRule("WebIdentityToken", True, 4, 20000)
RULES: Mapping[str, Tuple[FieldRule, ...]] = {
    "AssumeRole": (ROLE_RULE, NAME_RULE, DURATION_RULE),
    WEB_IDENTITY: (ROLE_RULE, NAME_RULE, IDENTITY_RULE, DURATION_RULE),
}


def xml_of(value: Mapping[str, Json]) -> str:
    """An answer as XML: its only member is the root."""
    return "".join(element(name, inner, 0) for name, inner in value.items())


def element(name: str, value: Json, depth: int) -> str:
    """A member as an element; none for null."""
    space = "  " * depth
    if value is None:
        return ""
    name = re.sub(NOT_IN_A_NAME, "_", name)
    opening = f'{name} xmlns="{NAMESPACE}"' if not depth else name
    if isinstance(value, Mapping):
        inner = "".join(element(key, one, depth + 1) for key, one in value.items())
        return f"{space}<{opening}>\n{inner}{space}</{name}>\n"
    text = escape(re.sub(NOT_IN_XML, "?", str(value)), quote=False)
    return f"{space}<{opening}>{text}</{name}>\n"


class Sts(TokenEndpoint):
    """What all actions share."""

    provider = "bedrock"
    api = "sts"
    takes_query = True  # the Query protocol
    json_type = "text/xml"
    layout: Callable[..., str] = staticmethod(xml_of)
    errors: Mapping[str, Failure] = STS_ERRORS

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """The request id."""
        return (("x-amzn-RequestId", uuid(call, "request")),)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`<ErrorResponse>`, which says whose fault it is."""
        kind, fault = STS_TYPES.get(failure.status, "ValidationError"), "Sender"
        if failure.status >= 500:
            kind, fault = STS_TYPES.get(failure.status, "InternalFailure"), "Receiver"
        error = {
            "Type": fault,
            "Code": failure.type or failure.code or kind,
            "Message": failure.message,
        }
        answer = {"Error": error, "RequestId": uuid(call, "request")}
        return ErrorBody({"ErrorResponse": answer}, xml_of, content_type="text/xml")

    def asked_life(self, call: Call) -> int:
        """`DurationSeconds`, which may be anything where a mock answers."""
        text = field_text(call, DURATION_RULE.name)
        return self.usual_life if wrong_number(DURATION_RULE, text) else int(text)

    def answer(self, call: Call, action: str, result: Json) -> Json:
        """The result of an action, with what is around it."""
        inner = {
            f"{action}Result": result,
            "ResponseMetadata": {"RequestId": uuid(call, "request")},
        }
        return {f"{action}Response": inner}

    def extended(self, call: Call, value: Json, extra: Mapping[str, Json]) -> Json:
        """What a mock lays over the answer goes into its root, of which there is one."""
        return {
            root: super(Sts, self).extended(call, inner, extra) for root, inner in value.items()
        }

    def assumed(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """The credentials of a role, and who has them."""
        role, session = field_text(call, "RoleArn"), field_text(call, "RoleSessionName")
        match = re.fullmatch(ROLE_ARN, role)
        account, name = match.groups() if match else (ACCOUNT_ID, "mock")
        arn = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
        user = f"AROA{token(role, 16, LOWER_ALNUM).upper()}:{session}"
        keys, expires = granted_keys(self, call, reply, arn=arn, id=user)
        return {
            "Credentials": {
                "AccessKeyId": keys.access,
                "SecretAccessKey": keys.secret,
                "SessionToken": keys.session,
                "Expiration": rfc3339(expires) + "Z",
            },
            "AssumedRoleUser": {"AssumedRoleId": user, "Arn": arn},
        }


def granted_keys(wire: Issuing, call: Call, reply: Reply, **claims: Json) -> Tuple[AwsKeys, int]:
    """Credentials that hold for a while, and until when; a mock's text is the session token."""
    issuer, life = issuer_of(call), given_life(reply.extra)
    expires = issuer.now() + (wire.asked_life(call) if life is None else life)
    keys = issuer.aws_keys(expires, **claims)
    return keys._replace(session=reply.text(Text) or keys.session), expires


def action_of(request: Request) -> str:
    """The action that a request asks for; empty if it asks for none."""
    kind = request.headers.get("content-type", "")
    if request.method == "POST" and not kind.startswith("application/x-www-form-urlencoded"):
        return ""
    fields = form_fields(request) if request.method == "POST" else request.query
    action = fields.get("Action")
    return action if isinstance(action, str) else ""


def broken_rule(call: Call) -> Optional[Failure]:
    """What is wrong with the fields of a request, the first first."""
    for rule in RULES.get(field_text(call, "Action"), ()):
        problem = ""
        text = field_text(call, rule.name)
        told = f"Value '{text[:200]}'"
        if rule.name == IDENTITY_RULE.name:
            told = "Value"  # a credential is told to nobody
        if not text:
            told, problem = "Value null", "not be null" if rule.is_needed else ""
        elif rule.is_number:
            problem = wrong_number(rule, text)
        elif len(text) < rule.least:
            problem = f"have length greater than or equal to {rule.least}"
        elif len(text) > rule.most:
            problem = f"have length less than or equal to {rule.most}"
        elif rule.pattern and not re.fullmatch(rule.pattern, text, re.ASCII):
            problem = f"satisfy regular expression pattern: {rule.pattern}"
        if problem:
            name = rule.name[0].lower() + rule.name[1:]
            return Failure(
                400,
                f"1 validation error detected: {told} at '{name}' failed to satisfy constraint: "
                f"Member must {problem}",
                "ValidationError",
            )
    return None


def wrong_number(rule: FieldRule, text: str) -> str:
    """What a number is to be, if it is not."""
    number = int(text) if re.fullmatch("[0-9]{1,9}", text) else -1
    if number < rule.least:
        return f"have value greater than or equal to {rule.least}"
    if number > rule.most:
        return f"have value less than or equal to {rule.most}"
    return ""


class StsSigned(Sts):
    """AssumeRole and GetCallerIdentity, for who has credentials of AWS."""

    routes = ("POST /", "GET /")
    schemes = ("aws4-hmac-sha256",)
    signed_for = "sts"

    def badly_signed(self, failure: Failure) -> Failure:
        """The same sentence, with the code that the Query protocol has for it."""
        return replace(failure, type=SIGNATURE_CODES[failure.type or ""])

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """Any action but the one that is not signed, also one that there is not."""
        return action_of(request) not in ("", WEB_IDENTITY)

    def refusal(self, call: Call) -> Optional[Failure]:
        """What is wrong with the request."""
        action, headers, query = field_text(call, "Action"), call.headers, call.query
        if action not in SIGNED_ACTIONS:
            version = field_text(call, "Version") or "2011-06-15"
            message = f"Could not find operation {action[:200]} for version {version[:20]}"
            return Failure(400, message, "InvalidAction")
        scheme = headers.get("authorization", "").partition(" ")[0].lower()
        if scheme not in self.schemes and not query.get("X-Amz-Signature"):
            return Failure(0, "", kind="no_key")
        issuer, session = issuer_of(call), session_token(call)
        if session and issuer.verdict(self.provider, session, issuer.now()) == "expired":
            message = "The security token included in the request is expired"
            return Failure(403, message, "ExpiredToken")
        role = field_text(call, "RoleArn")
        wrong = broken_rule(call)
        if not wrong and action == "AssumeRole" and not re.fullmatch(ROLE_ARN, role):
            return Failure(400, f"{role[:200]} is invalid", "ValidationError")
        return wrong

    def whole(self, call: Call, reply: Reply) -> Json:
        """Credentials, or who it is that asks."""
        if field_text(call, "Action") == "AssumeRole":
            return self.answer(call, "AssumeRole", self.assumed(call, reply))
        claims = issuer_of(call).claims(self.provider, session_token(call)) or {}
        arn = claims.get("arn", USER_ARN)
        result = {
            "Arn": arn,
            "UserId": claims.get("id", "AIDAMOCKMOCKMOCKMOCK"),
            "Account": arn.split(":")[4],
        }
        return self.answer(call, "GetCallerIdentity", result)


def session_token(call: Call) -> str:
    """The session token that came with a request, in its head or its query."""
    return call.headers.get("x-amz-security-token") or call.query.get("X-Amz-Security-Token", "")


class StsWebIdentity(Sts):
    """AssumeRoleWithWebIdentity, for who has a token of somebody else; its signature is taken as it
    comes."""

    routes = ("POST /", "GET /")

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """That action."""
        return action_of(request) == WEB_IDENTITY

    def refusal(self, call: Call) -> Optional[Failure]:
        """What is wrong with the request, or with the token in it."""
        wrong = broken_rule(call)
        if wrong:
            return wrong
        if not re.fullmatch(ROLE_ARN, field_text(call, "RoleArn")):
            return Failure(400, "Request ARN is invalid", "ValidationError")
        assertion = read_assertion(field_text(call, "WebIdentityToken"))
        if assertion is None:
            message = (
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an "
                "Access Token)"
            )
            return Failure(400, message, "InvalidIdentityToken")
        now, ends = issuer_of(call).now(), assertion.second("exp")
        if ends is not None and ends <= now:
            # Quoted, with the space that is missing in it.
            message = (
                f"Token expired: current date/time {now} must be before the expiration "
                f"date/time{int(ends)}"
            )
            return Failure(400, message, "ExpiredTokenException")
        if not assertion.text("iss"):
            return Failure(400, "Missing a required claim: iss", "InvalidIdentityToken")
        return None

    def whole(self, call: Call, reply: Reply) -> Json:
        """Credentials, and what the token says of its subject."""
        result = self.assumed(call, reply)
        assertion = read_assertion(field_text(call, "WebIdentityToken"))
        if assertion:
            issuer = assertion.text("iss")
            audience = assertion.claims.get("aud")
            if isinstance(audience, list):
                audience = audience[0] if audience else None
            result["SubjectFromWebIdentityToken"] = assertion.text("sub")
            result["Provider"] = issuer.partition("://")[2] or issuer
            result["Audience"] = audience
        return self.answer(call, WEB_IDENTITY, result)
