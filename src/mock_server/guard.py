"""Guard: whether a credential is one of those that the server was given, or has issued."""

from __future__ import annotations

import base64
import hmac
from typing import Dict, List, Optional, Sequence

from .credential_pairs import GivenCredential
from .formats.base import WireFormat
from .http import parse_target
from .ids import rfc3339
from .issuing import ISSUERS, Issuer
from .jsons import utf8
from .limits import DIALECTS
from .records import record
from .sigv4 import BadSignature, check_signature, is_signed
from .values import AsSent, Failure, Request

HOLDER = "bedrock"  # of AWS's credentials
# Recorded of other services of AWS.
UNKNOWN_KEY = Failure(
    403, "The security token included in the request is invalid.", "UnrecognizedClientException"
)
EXPIRED_KEY = Failure(
    403, "The security token included in the request is expired", "ExpiredTokenException"
)
SHORT_TERM = "bedrock-api-key-"  # how a key of Bedrock begins that holds for hours
NONE = "none"  # what the journal says of a request without a credential
GOOGLE_TOKEN = "ya29."  # how Google's tokens begin, and no key of its


@record
class Checked:
    """What is found of a credential: what the journal says, and what the provider, if it is not
    right; `is_lasting` tells whether an equal request will always have the same."""

    auth: str
    failure: Optional[Failure] = None
    is_lasting: bool = True

    @property
    def note(self) -> str:
        """The same for the log."""
        return "no credential" if self.auth == NONE else self.auth


def holder_of(wire: WireFormat) -> str:
    """Whose credential an API wants."""
    if wire.key_holder or wire.provider != DIALECTS[0]:
        return wire.key_holder or wire.provider
    return wire.dialect or wire.provider


class Guard:
    """What is right, for those whose credentials are checked."""

    def __init__(self, given: Sequence[str], issuer: Issuer) -> None:
        self.issuer = issuer
        self.keys: Dict[str, List[str]] = {}  # by whose they are
        self.pairs: List[Sequence[str]] = []  # access keys of AWS, and their secrets
        for one in map(GivenCredential, given):
            keys = self.keys.setdefault(one.holder, [])
            if one.holder == HOLDER and ":" in one.key:
                self.pairs.append(one.key.split(":"))
            else:
                keys.append(one.key)

    def finding(self, wire: WireFormat, request: Request) -> Optional[Checked]:
        """What is found of a request's credential; None where nothing is checked."""
        holder = holder_of(wire)
        if holder not in self.keys:
            return None
        if wire.signed_for and is_signed(request):
            return self.of_signature(wire, request)
        if not wire.credentials:
            return None
        place, key = wire.presented(request)
        if not key:
            return missing(wire, request)
        is_right = False
        for known in self.keys[holder]:  # all of them, whichever is right
            is_right |= hmac.compare_digest(utf8(known), utf8(key))
        if is_right:
            return of_right_key(wire, place, key)
        if holder == HOLDER:  # a session's token is no bearer token
            if key.startswith(SHORT_TERM):
                return self.of_signed_url(wire, place, key)
        elif place == "authorization" and holder in ISSUERS:
            claims = self.issuer.claims(holder, key)
            if claims:
                return self.of_token(wire, place, int(claims["exp"]))
        why = f"wrong: {place} has none that --credential names for {holder}"
        others = [other for other, keys in self.keys.items() if key in keys]
        if others:  # a gateway that mixes up its upstreams
            why += f", but that of {others[0]}"
        return Checked(why, wire.wrong_key(place))

    def of_token(self, wire: WireFormat, place: str, expires: int) -> Checked:
        """What is found of a token that the server has issued."""
        if self.issuer.now() < expires:
            return Checked(f"right: issued until {rfc3339(expires)}Z", is_lasting=False)
        why = f"wrong: expired at {rfc3339(expires)}Z"
        return Checked(why, wire.wrong_key(place, has_expired=True), is_lasting=False)

    def of_signature(self, wire: WireFormat, request: Request) -> Checked:
        """What is found of a signature."""
        try:
            check_signature(request, wire.signed_for, self.issuer.now(), self.secrets_of)
        except BadSignature as bad:
            said = wire.badly_signed(bad.failure)
            return Checked(f"wrong: {bad.why}", said, is_lasting=False)
        return Checked("right", is_lasting=False)

    def of_signed_url(self, wire: WireFormat, place: str, key: str) -> Checked:
        """What is found of a short-term key of Bedrock."""
        try:
            check_signature(behind_key(key), HOLDER, self.issuer.now(), self.secrets_of)
        except BadSignature as bad:
            why = f"wrong: of the URL in the key, {bad.why}"
            return Checked(why, wire.wrong_key(place), is_lasting=False)
        return Checked("right", is_lasting=False)

    def secrets_of(self, access: str, token: str) -> Sequence[str]:
        """The secrets of an access key, if there is a session with its token.

        BadSignature if they belong to nobody, or have expired."""
        if not token:
            found = [
                secret
                for known, secret in self.pairs
                if hmac.compare_digest(utf8(known), utf8(access))
            ]
            if not found:
                raise BadSignature(
                    UNKNOWN_KEY, f"no access key that --credential names for {HOLDER}"
                )
            return found
        secret = self.issuer.aws_secret(access, token)
        claims = self.issuer.claims("aws", token)
        if not secret or not claims:
            raise BadSignature(
                UNKNOWN_KEY, "a session token that was not issued with its access key"
            )
        if self.issuer.now() >= claims["exp"]:
            raise BadSignature(EXPIRED_KEY, f"expired at {rfc3339(claims['exp'])}Z")
        return [secret]


def behind_key(key: str) -> Request:
    """The request that a short-term key of Bedrock stands for, which was signed as a URL."""
    url = from_base64(key[len(SHORT_TERM) :])
    host, _, rest = url.partition("/")
    # What is signed has no version, which is put behind it (AWS's token generator).
    target = "/" + rest.replace("&Version=1", "")
    query = parse_target(target)[1]
    # Without it there is nothing that could be signed.
    query.setdefault("X-Amz-Signature", "")
    lines = f"host:{host}\r\n".encode("utf-8", "replace")
    return Request("POST", "/", query, raw=AsSent(target, lines))


def from_base64(text: str) -> str:
    """The text that Base64 stands for; nothing, if it is none."""
    try:
        return base64.b64decode(text).decode("ascii")
    except ValueError:  # binascii.Error is one, as is what no ASCII has
        return ""


def of_right_key(wire: WireFormat, place: str, key: str) -> Checked:
    """What is found of a key that is right, if it stands where it may."""
    if place != "authorization" or wire.has_bearer_keys or key.startswith(GOOGLE_TOKEN):
        return Checked("right")
    why = "wrong: a key as a bearer token, which its API takes in x-goog-api-key alone"
    return Checked(why, wire.wrong_key(place))


def missing(wire: WireFormat, request: Request) -> Checked:
    """What is found where there is no credential, or none that can be one."""
    failure = wire.unauthorized(request)
    given = request.headers.get("authorization", "").strip().lower()
    if "authorization" not in wire.credentials or given in ("", *wire.schemes):
        return Checked(NONE, failure)
    return Checked(f"wrong: Authorization has not the scheme {' or '.join(wire.schemes)}", failure)
