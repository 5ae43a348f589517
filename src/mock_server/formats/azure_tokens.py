"""Azure's token endpoints: an application's secret or assertion, and managed identities.

Codes and sentences are Microsoft Entra's, as documented and quoted; those of managed identities
are of Azure's instance metadata service.  Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Optional

from ..ids import rfc3339
from ..limits import RETRY_SECONDS, Headers, Json
from ..values import Call, ErrorBody, Failure, Reply
from .base import uuid
from .issuance import (
    TokenEndpoint,
    field_text,
    issuer_of,
    read_assertion,
    short,
)

BEARER_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SKEW_ALLOWED = 300  # seconds
NO_STORE = (
    ("Cache-Control", "no-store, no-cache"),
    ("Pragma", "no-cache"),
    ("Expires", "-1"),
    ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
    ("X-Content-Type-Options", "nosniff"),
)
EVERYTHING = "/.default"
LONGEST_SCOPE = 10_000  # characters
OF_AN_IDENTITY = ("openid", "offline_access", "profile", "email")
CODE = re.compile(r"AADSTS([0-9]+)")
# What Entra calls an error that says it in no other way, by status.
ENTRA_ERRORS = {
    401: "invalid_client",
    403: "unauthorized_client",
    429: "temporarily_unavailable",
    503: "temporarily_unavailable",
}
ENTRA_FAILURES = {
    "authentication": Failure(
        401,
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the "
        "request is the client secret value, not the client secret ID, for a secret added to app.",
    ),
    "permission": Failure(
        400,
        "AADSTS53003: Access has been blocked by Conditional Access policies. The access policy "
        "does not allow token issuance.",
        "interaction_required",
    ),
    "not_found": Failure(
        400,
        "AADSTS700016: Application was not found in the directory. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by "
        "any user in the tenant. You may have sent your authentication request to the wrong "
        "tenant.",
        "unauthorized_client",
    ),
    "overloaded": Failure(503, "AADSTS90033: A transient error has occurred. Please try again."),
    "rate_limit": Failure(
        429,
        "AADSTS90055: There are too many incoming requests. This exception is thrown for blocked "
        "tenants.",
    ),
}


def entra(status: int, error: str, code: int, message: str) -> Failure:
    """One of Entra's errors."""
    return Failure(status, f"AADSTS{code}: {message}", error)


class Entra(TokenEndpoint):
    """What the paths of a tenant share."""

    provider = "azure"
    json_type = "application/json; charset=utf-8"
    errors: Mapping[str, Failure] = ENTRA_FAILURES

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Nobody keeps what it says; when to ask again, where it is too much."""
        own: Headers = (*NO_STORE, ("x-ms-request-id", uuid(call, "request")))
        if status in (429, 503):
            own += (("Retry-After", str(RETRY_SECONDS)),)
        return own

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error", "error_description", …}`; a code of digits is one of Entra's."""
        message, code, error = failure.message, failure.code or "", failure.type
        if code.isdecimal() and not message.startswith("AADSTS"):
            message = f"AADSTS{code}: {message}"
        elif not error:
            error = code
        usual = "invalid_request" if failure.status < 500 else "server_error"
        codes = [int(digits[:18]) for digits in CODE.findall(message[:100])[:1]]
        trace, correlation = uuid(call, "request"), uuid(call, "correlation")
        moment = rfc3339(issuer_of(call).now()).replace("T", " ") + "Z"
        error_body: Dict[str, Json] = {
            "error": error or ENTRA_ERRORS.get(failure.status, usual),
            "error_description": f"{message} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {moment}",
            "error_codes": codes,
            "timestamp": moment,
            "trace_id": trace,
            "correlation_id": correlation,
        }
        if codes:
            error_body["error_uri"] = f"https://login.microsoftonline.com/error?code={codes[0]}"
        return ErrorBody(error_body)


class EntraToken(Entra):
    """token: an application's secret, or what it has signed, for an access token.  Secrets and
    signatures are taken as they come."""

    api = "oauth2"
    routes = ("POST /{tenant}/oauth2[/v2.0]/token",)
    usual_life = 3599

    def refusal(self, call: Call) -> Optional[Failure]:
        """What is wrong with the request."""
        is_second = "/v2.0/" in call.path
        for name in ("grant_type", "client_id", "scope" if is_second else "resource"):
            if not field_text(call, name):
                message = f"The request body must contain the following parameter: '{name}'."
                return entra(400, "invalid_request", 900144, message)
        kind, scope = field_text(call, "grant_type"), field_text(call, "scope")
        if kind != "client_credentials":
            message = f"The app requested an unsupported grant type '{short(kind)}'."
            return entra(400, "unsupported_grant_type", 70003, message)
        if is_second and not audience_of(scope):
            message = (
                f"The provided value for scope {short(scope)} is not valid. Client credential "
                "flows must have a scope value with /.default suffixed to the resource identifier "
                "(application ID URI)."
            )
            return entra(400, "invalid_scope", 1002012, message)
        return wrong_client(call, issuer_of(call).now())

    def whole(self, call: Call, reply: Reply) -> Json:
        """The token; the first version of the endpoint writes numbers as text, and says more."""
        tenant, client = short(call.params.get("tenant")), short(field_text(call, "client_id"))
        resource = field_text(call, "resource") or audience_of(field_text(call, "scope"))
        grant = self.grant(call, reply, **token_claims(call, tenant, client, resource))
        life, token = grant.life, {"access_token": grant.token}
        if "/v2.0/" in call.path:
            return {"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, **token}
        return {
            "token_type": "Bearer",
            "expires_in": str(life),
            "ext_expires_in": str(life),
            "expires_on": str(grant.expires),
            "not_before": str(grant.now),
            "resource": resource,
            **token,
        }


def wrong_client(call: Call, now: int) -> Optional[Failure]:
    """What is wrong with how an application says who it is."""
    assertion_text = field_text(call, "client_assertion")
    if not assertion_text:
        if field_text(call, "client_secret"):
            return None
        message = (
            "The request body must contain the following parameter: 'client_assertion' or "
            "'client_secret'."
        )
        return entra(401, "invalid_client", 7000218, message)
    if field_text(call, "client_assertion_type") != BEARER_ASSERTION:
        message = "The request body must contain the following parameter: 'client_assertion_type'."
        return entra(400, "invalid_request", 900144, message)
    assertion = read_assertion(assertion_text)
    if assertion is None:
        return entra(401, "invalid_client", 50027, "JWT token is invalid or malformed.")
    begins, ends = assertion.second("nbf") or 0, assertion.second("exp")
    if ends is None or not begins - SKEW_ALLOWED <= now <= ends + SKEW_ALLOWED:
        message = (
            "Client assertion is not within its valid time range. "
            f"Current time: {rfc3339(now)}Z, expiry time of assertion {told_second(ends)}."
        )
        return entra(401, "invalid_client", 700024, message)
    if not assertion.claims.get("aud"):
        message = "Client assertion audience claim does not match Realm issuer."
        return entra(401, "invalid_client", 700023, message)
    return None


def told_second(second: Optional[float]) -> str:
    """A Unix second in words, as far as a calendar has it."""
    if second is None or not 0 <= second < 32503680000:  # the year 3000
        return "unknown"
    return rfc3339(second) + "Z"


def audience_of(scope: str) -> str:
    """Whose token a scope asks for; empty if it asks for more than all that one has."""
    if len(scope) > LONGEST_SCOPE:  # of millions of words each would be a text of its own
        return ""
    # MSAL for Go asks for an identity, too (verified).
    asked = [one for one in scope.split() if one not in OF_AN_IDENTITY]
    if len(asked) != 1 or not asked[0].endswith(EVERYTHING):
        return ""
    return asked[0][: -len(EVERYTHING)]


def token_claims(call: Call, tenant: str, client: str, resource: str) -> Dict[str, Json]:
    """What one of Azure's tokens says of itself."""
    now = issuer_of(call).now()
    return {
        "aud": short(resource),
        "iss": f"https://sts.windows.net/{tenant}/",
        "iat": now,
        "nbf": now,
        "appid": client,
        "oid": client,
        "sub": client,
        "tid": tenant,
        "ver": "1.0",
    }


class EntraDirectory(Entra):
    """openid-configuration of a tenant: where its endpoints are, which is here."""

    operation = "metadata"
    api = "openid_configuration"
    routes = ("GET /{tenant}[/v2.0]/.well-known/openid-configuration",)
    speaks = frozenset()

    def whole(self, call: Call, reply: Reply) -> Json:
        """Those that clients look for."""
        request, tenant = call.request, short(call.params.get("tenant"))
        here = request.headers.get("host") or f"127.0.0.1:{request.port}"
        scheme = "https" if request.is_tls else "http"
        if request.headers.get("x-forwarded-proto") == "https":  # behind what ends TLS
            scheme = "https"
        base = f"{scheme}://{here}/{tenant}"
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "private_key_jwt",
                "client_secret_basic",
            ],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "tenant_region_scope": None,
            "cloud_instance_name": "microsoftonline.com",
        }


class EntraInstance(Entra):
    """Instance discovery: which hosts are one cloud, for clients that ask before they trust one."""

    operation = "metadata"
    api = "instance_discovery"
    routes = ("GET /common/discovery/instance",)
    speaks = frozenset()

    def whole(self, call: Call, reply: Reply) -> Json:
        """The tenant that is asked for, and the hosts of the public cloud."""
        asked = call.query.get("authorization_endpoint", "")
        tenant = asked.replace("/oauth2/v2.0/authorize", "").replace("/oauth2/authorize", "")
        hosts: List[str] = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com"]
        one = {
            "preferred_network": hosts[0],
            "preferred_cache": hosts[1],
            "aliases": [*hosts, "sts.windows.net"],
        }
        return {
            "tenant_discovery_endpoint": short(tenant) + "/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [one],
        }


class ManagedIdentity(TokenEndpoint):
    """A managed identity's token, from a machine's metadata service or from App Service."""

    provider = "azure"
    api = "managed_identity"
    routes = ("GET /metadata/identity/oauth2/token", "GET /{msi|MSI}/token")
    usual_life = 86399  # a day

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """As a machine's says."""
        return (("Server", "IMDS/150.870.65.1854"),)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error", "error_description"}`."""
        error = failure.code or failure.type or ENTRA_ERRORS.get(failure.status, "invalid_request")
        return ErrorBody({"error": error, "error_description": failure.message})

    def refusal(self, call: Call) -> Optional[Failure]:
        """A request without the header that nobody is made to send by a link, or without a name
        for what the token is for."""
        headers = call.headers
        if call.path.startswith("/metadata/"):
            if headers.get("metadata", "").lower() != "true":
                message = "Required metadata header not specified"
                return Failure(400, message, "bad_request_102")
        elif not (headers.get("x-identity-header") or headers.get("secret")):
            return Failure(401, "Missing or invalid X-IDENTITY-HEADER", "unauthorized")
        if not call.query.get("api-version"):
            message = "Required query variable 'api-version' is missing"
            return Failure(400, message, "invalid_request")
        if not call.query.get("resource"):
            return Failure(400, "Required audience parameter not specified", "invalid_request")
        return None

    def whole(self, call: Call, reply: Reply) -> Json:
        """The token; numbers are text."""
        query = call.query
        asked = [query.get(name) for name in ("client_id", "clientid", "object_id", "mi_res_id")]
        client = short(next(filter(None, asked), uuid(call, "client")))
        resource = query.get("resource", "")
        tenant = "00000000-0000-4000-a000-000000000000"
        grant = self.grant(call, reply, **token_claims(call, tenant, client, resource.rstrip("/")))
        answer = {"access_token": grant.token, "client_id": client}
        if call.path.startswith("/metadata/"):
            life = str(grant.life)
            answer = {**answer, "expires_in": life, "ext_expires_in": life}
            answer["not_before"] = str(grant.now)
        answer["expires_on"] = str(grant.expires)
        return {**answer, "resource": resource, "token_type": "Bearer"}
