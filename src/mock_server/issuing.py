"""What token endpoints issue: credentials that carry all that is known of them, and a signature.

Nothing is kept of them, and nobody without the key of the process can make one.  Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, Callable, Mapping, NamedTuple, Optional

from .jsons import compact, utf8
from .limits import Json

# Whose word a provider takes: Google's tokens hold for all of its APIs.
ISSUERS = {"gemini": "google", "vertex_ai": "google", "azure": "azure", "bedrock": "aws"}
# How what they issue begins.  Azure's tokens are JWTs, as Google's identity tokens are.
PREFIXES = {"google": "ya29.c.", "aws": "IQoJb3JpZ2luX2VjE", "imds": "AQAEA"}
JWT_HEADER = {"typ": "JWT", "alg": "RS256", "kid": "mock-server"}
SIGNATURE = 256  # bytes, of RSA with 2048 bits
DIGEST = 32


class AwsKeys(NamedTuple):
    """Credentials of AWS that hold for a while."""

    access: str
    secret: str
    session: str


def base64url(data: bytes) -> str:
    """Base64 for URLs, without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """What such a text stands for; nothing, if it is none."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:  # binascii.Error is one, as is what no ASCII has
        return b""


class Issuer:
    """Who signs what one process issues.  `clock` tells what time it is, in Unix seconds.

    A token is asked for by the name of the provider that it is for, whose word ISSUERS knows,
    or by the name of an issuer itself."""

    def __init__(self, key: bytes, clock: Callable[[], float]) -> None:
        self.key, self.clock = key, clock

    def __repr__(self) -> str:
        return "Issuer(***)"  # and not the key

    def now(self) -> int:
        """The Unix second."""
        return int(self.clock())

    def token(self, provider: str, expires: int, **claims: Json) -> str:
        """A token that a provider takes until then, with claims that can be read from it again;
        they are to be few and short, for it stands in a header."""
        issuer = ISSUERS.get(provider, provider)
        payload = utf8(compact({**claims, "exp": expires}))
        if issuer in PREFIXES:
            return self.opaque(issuer, payload)
        return self.jwt(issuer, f"{base64url(utf8(compact(JWT_HEADER)))}.{base64url(payload)}")

    def opaque(self, issuer: str, payload: bytes) -> str:
        """A token that only its issuer reads."""
        return PREFIXES[issuer] + base64url(payload + self.signature(issuer, payload))

    def jwt(self, issuer: str, signed: str) -> str:
        """A token that everybody reads, of what of it is signed (RFC 7519)."""
        return f"{signed}.{base64url(self.signature(issuer, utf8(signed), SIGNATURE))}"

    def claims(self, provider: str, token: str) -> Optional[Mapping[str, Any]]:
        """What such a token says, `exp` among it; None for one that this process did not issue for
        this provider."""
        issuer = ISSUERS.get(provider, provider)
        if issuer in PREFIXES:
            payload = from_base64url(token[len(PREFIXES[issuer]) :])[:-DIGEST]
            made = self.opaque(issuer, payload)
        else:
            signed = token.rpartition(".")[0]
            payload = from_base64url(signed.partition(".")[2])
            made = self.jwt(issuer, signed)
        # All of it, for base64 can say the same bytes in several ways.
        if not hmac.compare_digest(utf8(made), utf8(token)):
            return None
        claims: Mapping[str, Any] = json.loads(payload)
        return claims

    def verdict(self, provider: str, token: str, now: float) -> str:
        """`right`, `expired`, or nothing for what this process did not issue for this provider."""
        claims = self.claims(provider, token)
        if claims is None:
            return ""
        return "right" if now < claims["exp"] else "expired"

    def aws_keys(self, expires: int, **claims: Json) -> AwsKeys:
        """Credentials that AWS takes until then: those of one session token always are the same."""
        session = self.token("aws", expires, **claims)
        # What is temporary begins with ASIA (IAM's reference of unique identifiers).
        access = "ASIA" + base64.b32encode(self.signature("access", session.encode())).decode()[:16]
        return AwsKeys(access, self.aws_secret(access, session), session)

    def aws_secret(self, access: str, session: str) -> str:
        """The secret that belongs to an access key and its session token; nothing, if this process
        did not issue the two together.  Whether they have expired `verdict` says."""
        digest = self.signature("access", utf8(session))
        fits = hmac.compare_digest(utf8(access), b"ASIA" + base64.b32encode(digest)[:16])
        if not fits or self.claims("aws", session) is None:
            return ""
        return base64.b64encode(self.signature("secret", utf8(session))).decode()[:40]

    def signature(self, purpose: str, data: bytes, size: int = DIGEST) -> bytes:
        """A signature for one purpose alone."""
        signed, number = b"", 0
        while len(signed) < size:
            begin = f"{purpose}/{number}/".encode()
            signed += hmac.new(self.key, begin + data, hashlib.sha256).digest()
            number += 1
        return signed[:size]
