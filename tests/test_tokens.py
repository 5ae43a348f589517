"""Token endpoints: what they issue, to whom not, what mocks make of them, what is kept of it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from samples import ISSUER, OWNER_HEADERS, OWNER_QUERY, SAMPLES, answerer, ask, request_of, wire_of

import mock_server as m

NOW = ISSUER.now()
FORM = {"content-type": "application/x-www-form-urlencoded"}
ISSUING = [kind for kind in SAMPLES if wire_of(kind).operation == "token"]
KINDS = [kind for kind in SAMPLES if wire_of(kind).operation in ("token", "metadata")]
ROLE = "arn:aws:iam::123456789012:role/team/reader"
NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"


def jwt(head: Optional[Mapping[str, Any]] = None, **claims: Any) -> str:
    """A signed token of somebody else; what is None is not in it."""
    given = {name: value for name, value in claims.items() if value is not None}
    parts = [{"alg": "RS256"} if head is None else head, given]
    texts = [m.base64url(json.dumps(part).encode()) for part in parts]
    return ".".join([*texts, "c2lnbmVk"])


def signed(**changed: Any) -> str:
    """What a service account signs."""
    usual = {
        "iss": "a@p.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": NOW,
        "exp": NOW + 3600,
    }
    return jwt(**{**usual, **changed})


GRANT = {"grant_type": m.JWT_BEARER, "assertion": signed()}
REFRESH = {
    "grant_type": "refresh_token",
    "client_id": "app",
    "client_secret": "s",
    "refresh_token": "r",
}
EXCHANGE: Dict[str, Any] = {
    **SAMPLES[m.GoogleExchange][3],
    "subject_token": jwt(exp=NOW + 60),
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
}
APP: Dict[str, Any] = SAMPLES[m.EntraToken][3]
ASSERTING = {
    **APP,
    "client_secret": None,
    "client_assertion_type": m.BEARER_ASSERTION,
    "client_assertion": jwt(aud="api://AzureADTokenExchange", exp=NOW + 60),
}
V1 = "/t/oauth2/token"
ASSUME = {"Action": "AssumeRole", "RoleArn": ROLE, "RoleSessionName": "test"}
WEB = {
    **ASSUME,
    "Action": "AssumeRoleWithWebIdentity",
    "WebIdentityToken": jwt(iss="https://idp.example", sub="me", aud=["a"], exp=NOW + 60),
}
FLAVORED = {"metadata-flavor": "Google"}
IDENTITY = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}


def asked(kind: type, fields: Any = None, path: str = "", **more: Any) -> m.Request:
    """The sample request of an endpoint, with the fields of a form in place of its own."""
    request = request_of(kind, **more)
    if fields is not None:
        given = {name: value for name, value in fields.items() if value is not None}
        headers = {**request.headers, **FORM}
        request = m.replace(request, body=urlencode(given).encode(), headers=headers)
    return m.replace(request, path=path or request.path)


def text_of(response: m.HttpResponse) -> str:
    """The body of an answer."""
    assert isinstance(response.body, bytes)
    return response.body.decode()


def found_in(response: m.HttpResponse) -> Dict[str, str]:
    """All texts of a JSON or XML answer by the names that they have."""
    text = text_of(response)
    if text.startswith("<"):
        root = ElementTree.fromstring(text)
        return {one.tag.replace(NAMESPACE, ""): one.text or "" for one in root.iter()}
    value = json.loads(text)
    return value if isinstance(value, dict) else {}


# === What is issued ==========================================================

# (kind, fields, path, member with the token, whose word it is, seconds)
ISSUED: List[Tuple[type, Any, str, str, str, int]] = [
    (m.GoogleToken, GRANT, "", "access_token", "vertex_ai", 3599),
    (m.GoogleToken, GRANT, "/oauth2/v4/token", "access_token", "gemini", 3599),
    (m.GoogleToken, REFRESH, "", "access_token", "vertex_ai", 3599),
    (
        m.GoogleToken,
        {**GRANT, "assertion": signed(scope=None, target_audience="a", aud="http://here/token")},
        "",
        "id_token",
        "identity",
        3599,
    ),
    (m.GoogleExchange, EXCHANGE, "", "access_token", "vertex_ai", 3600),
    (m.GenerateAccessToken, None, "", "accessToken", "vertex_ai", 3600),
    (m.MachineToken, None, "", "access_token", "vertex_ai", 3599),
    (m.EntraToken, APP, "", "access_token", "azure", 3599),
    (m.EntraToken, ASSERTING, "", "access_token", "azure", 3599),
    (m.EntraToken, {**APP, "resource": "https://a"}, V1, "access_token", "azure", 3599),
    (m.ManagedIdentity, None, "", "access_token", "azure", 86399),
    (m.StsSigned, ASSUME, "", "SessionToken", "bedrock", 3600),
    (m.StsSigned, {**ASSUME, "DurationSeconds": "900"}, "", "SessionToken", "bedrock", 900),
    (m.StsWebIdentity, WEB, "", "SessionToken", "bedrock", 3600),
    (m.InstanceCredentials, None, "", "Token", "bedrock", 21600),
    (m.ContainerCredentials, None, "", "Token", "bedrock", 21600),
]
LIVES = ("expires_in", "ext_expires_in")
MOMENTS = ("Expiration", "expireTime")


def test_what_is_issued_is_right_for_its_provider_for_as_long_as_it_says() -> None:
    short = {"match": {"operation": "token"}, "response": {"extra": {"expires_in": 7}}}
    for mocks, seven in ((), 0), ((short,), 7):
        answers = answerer(*mocks)
        for kind, fields, path, member, provider, life in ISSUED:
            response = answers.answer(asked(kind, fields, path)).response
            found, life = found_in(response), seven or life
            token = found[member]
            assert ISSUER.verdict(provider, token, NOW + life - 1) == "right", (kind, found)
            assert ISSUER.verdict(provider, token, NOW + life) == "expired"
            for name in LIVES:
                assert int(found.get(name, life)) == life
            assert int(found.get("expires_on", NOW + life)) == NOW + life
            for name in MOMENTS:
                assert found.get(name, "Z") in (m.rfc3339(NOW + life) + "Z", "Z")
            if provider == "bedrock":
                assert ISSUER.aws_secret(found["AccessKeyId"], token) == found["SecretAccessKey"]


def test_a_mock_says_a_token_of_its_own_and_what_stands_beside_it() -> None:
    spec = {
        "match": {"operation": "token"},
        "response": {"text": "mine", "extra": {"expires_in": 7, "scope": "a"}},
    }
    for kind, fields, path, member, _, _ in ISSUED:
        found = found_in(answerer(spec).answer(asked(kind, fields, path)).response)
        assert (found[member], found["scope"]) == ("mine", "a"), kind
    far = {**spec, "response": {"extra": {"expires_in": 10**30}}}
    for kind, fields, path, member, provider, life in ISSUED:  # which is no life, and only told
        found = found_in(answerer(far).answer(asked(kind, fields, path)).response)
        assert found["expires_in"] in (10**30, str(10**30)), kind
        assert ISSUER.verdict(provider, found[member], NOW + life) == "expired"
    assert text_of(ask(answerer(far), m.MachineIdentity)).startswith("eyJ")  # with no members
    with pytest.raises(m.BadMock, match="expected nothing, in what is text/plain"):
        answerer({"match": {"operation": "metadata"}, "response": {"extra": {"a": 1}}})
    identity = ask(answerer({**spec, "response": {"text": "mine"}}), m.MachineIdentity)
    assert text_of(identity) == "mine"
    project = {"match": {"operation": "metadata"}, "response": {"text": "my-project"}}
    assert text_of(ask(answerer(project), m.MachineFacts)) == "my-project"


def test_a_client_may_be_named_in_the_head() -> None:
    basic = base64.b64encode(b"an%20app:SECRET").decode()
    fields = {**APP, "client_id": None, "client_secret": None}
    request = asked(m.EntraToken, fields, headers={"authorization": "Basic " + basic})
    found = found_in(answerer().answer(request).response)
    claims = ISSUER.claims("azure", found["access_token"])
    assert claims and claims["appid"] == "an app"
    for head in ("Basic", "Basic ", "Basic bm9uZQ==", "Basic ü", "Bearer " + basic):
        request = asked(m.EntraToken, fields, headers={"authorization": head})
        assert b"AADSTS900144" in answerer().answer(request).response.body, head


def test_the_first_version_of_azures_endpoint_says_numbers_as_text() -> None:
    found = found_in(answerer().answer(asked(m.EntraToken, {**APP, "resource": "r"}, V1)).response)
    assert (found["expires_in"], found["not_before"], found["resource"]) == ("3599", str(NOW), "r")
    claims = ISSUER.claims("azure", found["access_token"])
    assert claims and (claims["aud"], claims["tid"], claims["appid"]) == ("r", "t", "app")


def test_who_asks_is_told_who_he_is() -> None:
    answers = answerer()
    who = found_in(answers.answer(asked(m.StsSigned, IDENTITY)).response)
    assert who["Arn"] == "arn:aws:iam::123456789012:user/mock"
    session = found_in(answers.answer(asked(m.StsWebIdentity, WEB)).response)
    assert (session["Provider"], session["Audience"]) == ("idp.example", "a")
    head = {"x-amz-security-token": session["SessionToken"]}
    who = found_in(answers.answer(asked(m.StsSigned, IDENTITY, headers=head)).response)
    assert who["Arn"] == "arn:aws:sts::123456789012:assumed-role/reader/test"
    assert who["UserId"] == session["AssumedRoleId"]
    query = {**IDENTITY, "X-Amz-Signature": "s"}
    presigned = answers.answer(m.Request("GET", "/", query)).response
    assert found_in(presigned)["Account"] == "123456789012"


FACTS = [
    ("/", "computeMetadata/\n"),
    ("/computeMetadata/v1/", "instance/\nproject/\nuniverse/\n"),
    ("/computeMetadata/v1/project/project-id", "mock-project"),
    ("/computeMetadata/v1/universe/universe-domain", "googleapis.com"),
    ("/computeMetadata/v1/instance/service-accounts/default/email", m.EMAIL),
    ("/computeMetadata/v1/instance/service-accounts/a@b/email", "a@b"),
    ("/computeMetadata/v1/instance/service-accounts/a@b/scopes", m.SCOPES[0]),
    ("/latest/meta-data/iam/security-credentials/", "mock-role"),
    ("/latest/meta-data/iam/security-credentials", "mock-role"),
    ("/latest/meta-data/placement/region", "us-east-1"),
    ("/latest/dynamic/instance-identity/document", m.INSTANCE["instance-identity/document"]),
]


def test_a_machine_tells_what_it_is() -> None:
    answers = answerer()
    for path, said in FACTS:
        kind = m.InstanceFacts if path.startswith("/latest") else m.MachineFacts
        response = answers.answer(asked(kind, path=path)).response
        assert (response.status, text_of(response)) == (200, said)
    account = "/computeMetadata/v1/instance/service-accounts/default/"
    all_of_it = asked(m.MachineFacts, path=account, query={"recursive": "True"})
    found = found_in(answers.answer(all_of_it).response)
    assert found == {"aliases": ["default"], "email": m.EMAIL, "scopes": list(m.SCOPES)}


def test_a_tenants_endpoints_are_where_it_was_asked() -> None:
    answers = answerer()
    head = {"host": "login.mine.example:8443", "x-forwarded-proto": "https"}
    found = found_in(ask(answers, m.EntraDirectory, headers=head))
    base = "https://login.mine.example:8443/mine.onmicrosoft.com"
    assert found["token_endpoint"] == base + "/oauth2/v2.0/token"
    assert found["issuer"] == base + "/v2.0"
    query = {"authorization_endpoint": "https://a/t/oauth2/v2.0/authorize"}
    found = found_in(ask(answers, m.EntraInstance, query=query))
    assert found["tenant_discovery_endpoint"].startswith("https://a/t/v2.0/.well-known/")


# === What is refused =========================================================

LONG_LIFE = "1 validation error detected: Value '90000' at 'durationSeconds' failed"
# (kind, what is changed of a good request, status, what is said)
REFUSED: List[Tuple[type, Any, Dict[str, Any], int, str]] = [
    (m.GoogleToken, {}, {}, 400, "Required parameter is missing: grant_type"),
    (m.GoogleToken, {"grant_type": "x"}, {}, 400, "unsupported_grant_type.*Invalid grant_type: x"),
    (m.GoogleToken, {**GRANT, "assertion": "a.b.c"}, {}, 400, "invalid_request.*Bad Request"),
    (m.GoogleToken, {**GRANT, "assertion": signed(head={"alg": "none"})}, {}, 400, "Signature"),
    (m.GoogleToken, {**GRANT, "assertion": signed(iss=None)}, {}, 400, "account not found"),
    (m.GoogleToken, {**GRANT, "assertion": signed(iat=None)}, {}, 400, "iat .* is not set"),
    (m.GoogleToken, {**GRANT, "assertion": signed(exp=None)}, {}, 400, "exp .* is not set"),
    (m.GoogleToken, {**GRANT, "assertion": signed(exp=NOW + 3601)}, {}, 400, "60 minutes"),
    (m.GoogleToken, {**GRANT, "assertion": signed(iat=NOW - 9000)}, {}, 400, "60 minutes"),
    (m.GoogleToken, {**GRANT, "assertion": signed(scope="")}, {}, 400, "invalid_scope"),
    (m.GoogleToken, {**GRANT, "assertion": signed(aud="https://a/")}, {}, 400, "audience check"),
    (m.GoogleToken, {**GRANT, "assertion": signed(aud=None)}, {}, 400, "Failed audience check"),
    (m.GoogleToken, {**GRANT, "assertion": signed(exp=10**400)}, {}, 400, "60 minutes"),
    (m.GoogleToken, {**GRANT, "assertion": signed(iat=-1.5, exp=10**400)}, {}, 400, "60 minutes"),
    (m.GoogleToken, {**REFRESH, "client_id": None}, {}, 400, "Could not determine client ID"),
    (m.GoogleToken, {**REFRESH, "client_secret": None}, {}, 400, "client_secret is missing."),
    (m.GoogleToken, {**REFRESH, "refresh_token": None}, {}, 400, "Missing required parameter"),
    (m.GoogleExchange, {**EXCHANGE, "grant_type": "x"}, {}, 400, "unsupported_grant_type"),
    (m.GoogleExchange, {**EXCHANGE, "audience": "x"}, {}, 400, "full resource name"),
    (m.GoogleExchange, {**EXCHANGE, "subject_token": None}, {}, 400, "subject_token"),
    (m.GoogleExchange, {**EXCHANGE, "subject_token_type": "x"}, {}, 400, "subject_token_type"),
    (m.GoogleExchange, {**EXCHANGE, "subject_token": "x"}, {}, 400, "invalid_grant"),
    (
        m.GoogleExchange,
        {**EXCHANGE, "subject_token": jwt(iat=5, exp=6)},
        {},
        400,
        "ID Token issued at 5 is stale",
    ),
    (m.GenerateAccessToken, None, {"headers": {"authorization": ""}}, 401, "missing required"),
    (
        m.GenerateAccessToken,
        None,
        {"headers": {"authorization": "Bearer " + ISSUER.token("vertex_ai", NOW)}},
        401,
        "had invalid authentication",
    ),
    (m.GenerateAccessToken, None, {"body": b'{"scope": []}'}, 400, '"field": "scope"'),
    (m.GenerateAccessToken, None, {"body": b"{}"}, 400, '"field": "scope"'),
    (m.GenerateAccessToken, None, {"more": {"lifetime": "9"}}, 400, "at 'lifetime'"),
    (m.GenerateAccessToken, None, {"more": {"lifetime": "90000s"}}, 400, "at 'lifetime'"),
    (m.MachineToken, None, {"headers": {"metadata-flavor": ""}}, 403, "Missing Metadata-Flavor"),
    (m.MachineIdentity, None, {"query": {"format": "full"}}, 400, "non-empty audience"),
    (m.EntraToken, {}, {}, 400, "AADSTS900144.*'grant_type'"),
    (m.EntraToken, {**APP, "client_id": None}, {}, 400, "AADSTS900144.*'client_id'"),
    (m.EntraToken, {**APP, "scope": None}, {}, 400, "AADSTS900144.*'scope'"),
    (m.EntraToken, {**APP, "grant_type": "password"}, {}, 400, "AADSTS70003"),
    (m.EntraToken, {**APP, "scope": "https://a/read"}, {}, 400, "AADSTS1002012"),
    (m.EntraToken, {**APP, "scope": "a/.default b/.default"}, {}, 400, "AADSTS1002012"),
    (m.EntraToken, {**APP, "client_secret": None}, {}, 401, "AADSTS7000218"),
    (m.EntraToken, {**ASSERTING, "client_assertion_type": "x"}, {}, 400, "AADSTS900144"),
    (m.EntraToken, {**ASSERTING, "client_assertion": "x"}, {}, 401, "AADSTS50027"),
    (
        m.EntraToken,
        {**ASSERTING, "client_assertion": jwt(aud="a", exp=NOW - 900)},
        {},
        401,
        "AADSTS700024",
    ),
    (
        m.EntraToken,
        {**ASSERTING, "client_assertion": jwt(aud="a", exp=10**300)},
        {},
        200,
        "access_token",
    ),
    (m.EntraToken, {**ASSERTING, "client_assertion": jwt(exp=NOW)}, {}, 401, "AADSTS700023"),
    (m.ManagedIdentity, None, {"headers": {"metadata": "no"}}, 400, "bad_request_102"),
    (m.ManagedIdentity, None, {"query": {"resource": "a"}}, 400, "'api-version' is missing"),
    (m.ManagedIdentity, None, {"query": {"api-version": "a"}}, 400, "audience parameter"),
    (m.ManagedIdentity, None, {"path": "/msi/token"}, 401, "X-IDENTITY-HEADER"),
    (
        m.StsSigned,
        {"Action": "Dance"},
        {},
        400,
        "InvalidAction.*\n.*Could not find operation Dance",
    ),
    (m.StsSigned, IDENTITY, {"headers": {"authorization": ""}}, 403, "MissingAuthenticationToken"),
    (
        m.StsSigned,
        IDENTITY,
        {"headers": {"x-amz-security-token": ISSUER.aws_keys(NOW).session}},
        403,
        "<Code>ExpiredToken</Code>",
    ),
    (m.StsSigned, {**ASSUME, "RoleArn": None}, {}, 400, "Value null at 'roleArn'.*not be null"),
    (m.StsSigned, {**ASSUME, "RoleArn": "a"}, {}, 400, "greater than or equal to 20"),
    (m.StsSigned, {**ASSUME, "RoleArn": "a" * 20}, {}, 400, "<Message>a{20} is invalid"),
    (m.StsSigned, {**ASSUME, "RoleArn": "a" * 3000}, {}, 400, "less than or equal to 2048"),
    (m.StsSigned, {**ASSUME, "RoleSessionName": "a b"}, {}, 400, "regular expression pattern"),
    (m.StsSigned, {**ASSUME, "DurationSeconds": "x"}, {}, 400, "greater than or equal to 900"),
    (m.StsSigned, {**ASSUME, "DurationSeconds": "90000"}, {}, 400, LONG_LIFE),
    (m.StsWebIdentity, {**WEB, "WebIdentityToken": "aaaa"}, {}, 400, "InvalidIdentityToken"),
    (
        m.StsWebIdentity,
        {**WEB, "WebIdentityToken": jwt(iss="a", exp=5)},
        {},
        400,
        f"Token expired: current date/time {NOW} must be before the expiration date/time5",
    ),
    (m.StsWebIdentity, {**WEB, "WebIdentityToken": jwt(sub="a")}, {}, 400, "required claim: iss"),
    (m.StsWebIdentity, {**WEB, "RoleArn": "a" * 20}, {}, 400, "Request ARN is invalid"),
    (
        m.InstanceCredentials,
        None,
        {"headers": {"x-aws-ec2-metadata-token": ISSUER.token("imds", NOW)}},
        401,
        "401 - Unauthorized",
    ),
    (m.InstanceFacts, None, {"path": "/latest/meta-data/x"}, 404, "404 - Not Found"),
    (m.InstanceFacts, None, {"headers": {"x-aws-ec2-metadata-token": ""}}, 401, "Unauthorized"),
    (m.InstanceSession, None, {"headers": {m.TTL: "0"}}, 400, "400 - Bad Request"),
    (m.InstanceSession, None, {"headers": {m.TTL: "²"}}, 400, "400 - Bad Request"),
    (m.InstanceSession, None, {"headers": {"x-forwarded-for": "a"}}, 403, "403 - Forbidden"),
    (m.ContainerCredentials, None, {"path": "/v1/credentials"}, 400, "token cannot be empty"),
]


def test_a_bad_request_is_refused_in_its_providers_words() -> None:
    answers = answerer()
    for kind, fields, changed, status, said in REFUSED:
        response = answers.answer(asked(kind, fields, **changed)).response
        assert response.status == status, (kind, fields, text_of(response))
        assert re.search(said, text_of(response)), (kind, fields, text_of(response))


def test_the_root_is_health_for_who_asks_for_nothing_else() -> None:
    answers = answerer()
    assert b"healthy" in answers.answer(m.Request("GET", "/")).response.body
    for body in (b"", b"a=b", b'{"Action": "AssumeRole"}'):
        refused = answers.answer(m.Request("POST", "/", {}, FORM, body)).response
        assert (refused.status, dict(refused.headers)["Allow"]) == (405, "GET, HEAD, OPTIONS")


# === Mocks ===================================================================

MATCHING: List[Tuple[type, Any, Any]] = [
    (m.EntraToken, APP, {"operation": "token"}),
    (m.EntraToken, APP, {"provider": "azure", "api": "oauth2", "fields": {"client_id": "app"}}),
    (m.EntraToken, APP, {"body": {"grant_type": "client_credentials"}, "operation": "token"}),
    (m.GoogleToken, GRANT, {"path": "/token"}),
    (m.StsSigned, ASSUME, {"api": "sts", "fields": {"Action": "AssumeRole"}}),
    (m.InstanceCredentials, None, {"api": "imds"}),
    (m.MachineFacts, None, {"operation": "metadata"}),
    (m.InstanceSession, None, {"api": "imds_session", "method": "PUT"}),
]


def test_a_mock_goes_first_and_its_errors_are_the_providers() -> None:
    for kind, fields, match in MATCHING:
        answers = answerer({"match": match, "response": {"status": 503, "error": "not now"}})
        response = answers.answer(asked(kind, fields)).response
        assert response.status == 503 and "not now" in text_of(response), kind
    responses = [{"error": {"kind": "rate_limit"}}, {"extra": {"expires_in": 60}}]
    answers = answerer({"match": {"operation": "token"}, "responses": responses})
    assert [ask(answers, m.EntraToken).status for _ in range(2)] == [429, 200]
    own = {"status": 400, "type": "invalid_client", "code": "7000222", "message": "It expired."}
    spec = {key: own[key] for key in ("type", "code", "message")}
    answers = answerer(
        {"match": {"operation": "token"}, "response": {"status": own["status"], "error": spec}}
    )
    found = json.loads(ask(answers, m.EntraToken).body)
    assert (found["error"], found["error_codes"]) == ("invalid_client", [7000222])
    assert found["error_description"].startswith("AADSTS7000222: It expired. Trace ID: ")


def test_a_mock_answers_whatever_life_is_asked_for() -> None:
    kinds = ("token", "metadata")
    mine = {"text": "IQo-mine"}
    answers = answerer(*[{"match": {"operation": kind}, "response": mine} for kind in kinds])
    for life in ("abc", "-1", "9" * 6000, "99999999999", "²", ""):
        fields = urlencode({"Action": "AssumeRoleWithWebIdentity", "DurationSeconds": life})
        headers = {"x-aws-ec2-metadata-token-ttl-seconds": life}
        for request in (
            m.Request("POST", "/", {}, FORM, fields.encode()),
            m.Request("PUT", "/latest/api/token", {}, headers),
        ):
            response = answers.answer(request).response
            assert response.status == 200 and "IQo-mine" in text_of(response), request


def test_no_page_has_elements_of_a_clients_own() -> None:
    for path in ("/latest/meta-data/<i>", "/computeMetadata/v1/<i>"):
        for method in ("GET", "DELETE"):
            request = m.Request(method, path, {}, {"metadata-flavor": "Google"})
            response = answerer().answer(request).response
            kind = dict(response.headers)["Content-Type"]
            assert response.status >= 400 and (b"<i>" not in response.body or "html" not in kind)


def test_a_scope_has_an_end() -> None:
    assert m.audience_of("openid https://a/.default profile") == "https://a"
    assert m.audience_of("openid " * 10_000 + "https://a/.default") == ""


def test_an_assertion_of_too_many_values_is_none() -> None:
    claims = b"[" + b"[]," * m.MOST_NESTED + b"1]"
    text = ".".join([m.base64url(b"{}"), m.base64url(b'{"a":' + claims + b"}"), "e30"])
    assert m.read_assertion(text) is None and m.read_assertion("e30.e30.e30")


def test_a_mock_of_chats_answers_no_token_endpoint() -> None:
    answers = answerer({"response": {"text": "Hi"}}, fallback="echo")
    for kind in KINDS:
        response = ask(answers, kind)
        assert response.status == 200 and "Hi" not in text_of(response)[:9], kind


def test_no_token_is_remembered() -> None:
    answers = answerer()
    moments = [NOW]
    answers.mocks.session("").state.issuer = m.Issuer(b"a key", lambda: moments[-1])
    for kind in ISSUING:
        if kind is m.InstanceCredentials or kind is m.StsSigned:
            continue  # these have an earlier one with them, or issue none
        first, again = ask(answers, kind), ask(answers, kind)
        moments.append(moments[-1] + 1)
        assert text_of(first) == text_of(again) != text_of(ask(answers, kind)), kind


# === What is kept ============================================================


def kept(answers: m.Answerer, request: m.Request) -> str:
    """What the journal shows of a request, as text."""
    answered = answers.answer(request)
    target = request.path + "?" + urlencode(request.query)
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    head = m.Head(request.method, target, 1, request.headers, lines=lines.encode())
    asked_for = m.asked_of(request, head, answered)
    return json.dumps(m.Entry("1", 0.0, asked_for, m.Sent()).json())


SECRETS = {
    "assertion": "e30.SECRET.c2ln",
    "client_secret": "SECRET",
    "refresh_token": "SECRET&=%",
    "subject_token": '{"url": "SECRET"}',
    "client_assertion": "SECRET",
    "WebIdentityToken": "SECRET",
    "SAMLAssertion": "SECRET",
    "code": "SECRET",
    "TokenCode": "SECRET",
    "password": "SECRET",
    "client_id": "visible",
}
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="client_secret"\r\n\r\nSECRET\r\n--b--\r\n'
)


def test_the_journal_keeps_no_credential_that_is_exchanged() -> None:
    form, in_json = urlencode(SECRETS).encode(), json.dumps(SECRETS).encode()
    long_form = form + b"&client_secret=" + b"SECRET" * 20_000
    kind = "application/json"
    for path in ("/token", "/v1/token", V1, "/t/oauth2/v2.0/token"):
        bodies = [
            (FORM["content-type"], form),
            (FORM["content-type"], in_json),  # as curl sends it
            (FORM["content-type"], b"{" + b"x" * 70_000 + in_json),
            (FORM["content-type"], b"a=1;client_secret=SECRET&b[password]=SECRET"),
            (kind, b'{"a": {"{SECRET": {"b": "Bearer SECRET"}}}'),
            (kind, b'{"a": {"{SECRET": "x"}, "b": "Bearer SECRET"}'),
            (FORM["content-type"] + "; charset=utf-8", long_form),
            (FORM["content-type"].upper(), form),
            (kind, in_json),
            (kind, in_json[:-1]),
            ("", form),
            ("multipart/form-data; boundary=b", MULTIPART),
        ]
        for content_type, body in bodies:
            request = m.Request("POST", path, {}, {"content-type": content_type}, body)
            told = kept(answerer(), request)
            assert "SECRET" not in told, (path, content_type, told)
    told = kept(answerer(), m.Request("POST", "/token", {}, FORM, form))
    assert '"note": "Required parameter is missing: grant_type"' in told
    assert "visible" in told and told.count("*** (sha256 ") == len(SECRETS) - 1
    # Where a typing error leads, and where nobody looked.
    for path in ("/tokens", "/login/oauth/access_token"):
        told = kept(answerer(), m.Request("POST", path, {}, FORM, form))
        assert "SECRET" not in told and "visible" in told
    spec = {"match": {"path": "/tokens", "body": {"a": "b"}}, "response": {"raw": "x"}}
    assert "SECRET" not in kept(answerer(spec), m.Request("POST", "/tokens", {}, FORM, form))


def test_the_journal_keeps_no_credential_of_a_machine_or_of_aws() -> None:
    headers = {"x-identity-header": "SECRET", "secret": "SECRET", "authorization": "SECRET"}
    query = {**IDENTITY, "X-Amz-Signature": "SECRET", "X-Amz-Security-Token": "SECRET"}
    for request in (
        m.Request("GET", "/msi/token", OWNER_QUERY[m.ManagedIdentity], headers),
        m.Request("GET", "/", query),
        m.Request("GET", "/v1/credentials", {}, headers),
        m.Request("GET", "/latest/meta-data/", {}, {"x-aws-ec2-metadata-token": "SECRET"}),
        m.Request("POST", "/", {}, OWNER_HEADERS[m.StsSigned], urlencode(query).encode()),
        m.Request(
            "POST",
            "/v1/projects/-/serviceAccounts/a@b:generateAccessToken",
            {},
            {"authorization": "Bearer SECRET"},
            b'{"assertion": "SECRET"',
        ),
    ):
        assert "SECRET" not in kept(answerer(require_auth=True), request), request


def test_who_asks_the_root_for_an_identity_is_no_probe() -> None:
    for query, headers, is_probe in (({}, {}, True), (IDENTITY, {}, False), ({}, FLAVORED, False)):
        request = m.Request("GET", "/", query, headers)
        answered = answerer().answer(request)
        assert m.asked_of(request, m.Head("GET", "/", 1, headers), answered).is_probe == is_probe


def test_what_a_test_looks_for_in_the_journal_is_masked_too() -> None:
    request = asked(m.EntraToken, APP)
    answered = answerer().answer(request)
    head = m.Head("POST", request.path, 1, request.headers)
    seen = m.asked_of(request, head, answered).seen()
    assert seen.body["client_id"] == "app" and seen.body["client_secret"] != "s"
