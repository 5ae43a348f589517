"""Credentials: which is right, what is said of one that is not, and that none is ever shown."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import os
import re
import traceback
from http.client import HTTPConnection
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import quote

import pytest
from cases import cases
from pages import blocks, page
from samples import SAMPLES, answerer, ask, complaint_of, request_of, wire_of

import mock_server as m
from mock_server import MockServer

ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = ("Host", "example.amazonaws.com")
NOW = 1_440_938_160  # 20150830T123600Z
DATE = "20150830T123600Z"
MOCK = {"response": {"text": "x"}}
HEAD = m.Head("POST", "/", 1, {})


def bearer(key: str) -> Dict[str, str]:
    return {"authorization": f"Bearer {key}"}


# --- keys ---

OPENAI_KEY = "Incorrect API key provided"
GOOGLE_KEY = "API key not valid. Please pass a valid API key."
GOOGLE_TOKEN = "Request had invalid authentication credentials."
AZURE_KEY = "Access denied due to invalid subscription key"
AZURE_TOKEN = "Unauthorized. Access token is missing, invalid, audience is incorrect"
BEDROCK_KEY = "Authentication failed: Please make sure your API Key is valid."

# Whose credential, an API, where it stands; what is said of a wrong one, and of none.
KEYS: List[Tuple[str, type, str, int, str, int]] = [
    ("openai", m.OpenAIChat, "authorization", 401, OPENAI_KEY, 401),
    ("openai", m.OpenAIEmbeddings, "authorization", 401, OPENAI_KEY, 401),
    ("azure", m.AzureChat, "api-key", 401, AZURE_KEY, 401),
    ("azure", m.AzureChat, "authorization", 401, AZURE_TOKEN, 401),
    ("azure", m.SafetyAnalyze, "ocp-apim-subscription-key", 401, AZURE_KEY, 401),
    ("gemini", m.GeminiGenerate, "x-goog-api-key", 400, GOOGLE_KEY, 403),
    ("gemini", m.GeminiGenerate, "?key", 400, GOOGLE_KEY, 403),
    ("gemini", m.GeminiChat, "authorization", 400, GOOGLE_KEY, 403),
    ("vertex_ai", m.VertexGenerate, "authorization", 401, GOOGLE_TOKEN, 401),
    ("vertex_ai", m.VertexGenerate, "x-goog-api-key", 400, GOOGLE_KEY, 401),
    ("vertex_ai", m.VertexMessages, "authorization", 401, GOOGLE_TOKEN, 401),
    ("anthropic", m.AnthropicMessages, "x-api-key", 401, "invalid x-api-key", 401),
    ("anthropic", m.AnthropicMessages, "authorization", 401, "Invalid bearer token", 401),
    ("bedrock", m.BedrockConverse, "authorization", 403, BEDROCK_KEY, 403),
    ("bedrock", m.BedrockClaude, "authorization", 403, BEDROCK_KEY, 403),
    ("cohere", m.CohereChat, "authorization", 401, "invalid api token", 401),
    ("mistral", m.MistralChat, "authorization", 401, "Unauthorized", 401),
    ("voyage", m.VoyageRerank, "authorization", 401, "Provided API key is invalid.", 401),
]


def asked_with(kind: type, place: str, key: str, **more: Any) -> m.Request:
    """The sample request of an API with a credential in a place."""
    if place[0] == "?":
        return request_of(kind, query={place[1:]: key}, **more)
    return request_of(
        kind, headers=bearer(key) if place == "authorization" else {place: key}, **more
    )


def auth_of(answered: m.Answered, request: m.Request) -> Any:
    """What the journal says of a credential."""
    head = m.Head(request.method, request.path, 1, request.headers)
    return m.asked_of(request, head, answered).authentication()


@cases("holder, kind, place, status, sentence, missing", KEYS)
def test_a_key_is_right_or_refused_in_its_providers_words(
    holder: str, kind: type, place: str, status: int, sentence: str, missing: int
) -> None:
    answers = answerer(MOCK, credential=[f"{holder}=right-1", f"{holder}=right-2"])
    operation = {"operation": wire_of(kind).operation}
    answers.mocks.session("").add([{"match": operation, "response": {"status": 204}}])
    for stream in (False, True):
        if stream and not SAMPLES[kind][2]:
            continue
        for key in ("right-1", "right-2"):
            request = asked_with(kind, place, key, stream=stream)
            answered = answers.answer(request)
            assert answered.response.status not in (400, 401, 403)
            assert auth_of(answered, request) == "right"
        # A brought-along answer goes behind it, as mocks do.
        for key in ("right-", "right-12", "RIGHT-1", "right-1, right-2", "ключ"):
            request = asked_with(kind, place, key, stream=stream)
            brought = {**request.headers, "x-mock-response": '{"text": "y"}'}
            for one in (request, request.with_headers(brought)):
                answered = answers.answer(one)
                assert answered.response.status == status and not answered.mock
                assert complaint_of(answered.response.body).startswith(sentence)
                assert re.match("wrong: .*", auth_of(answered, one))
        none = request_of(kind, stream=stream)
        answered = answers.answer(none)
        assert (answered.response.status, auth_of(answered, none)) == (missing, "none")


def test_every_name_of_a_credential_is_somebodys_and_everybody_has_one() -> None:
    wires = [
        m.spoken(wire, m.Request("POST", "/", port=1), {1: name})
        for wire in m.WIRE_FORMATS
        for name in m.DIALECTS
    ] + m.WIRE_FORMATS
    assert {m.holder_of(wire) for wire in wires if wire.credentials} == set(m.CREDENTIAL_NAMES)


def test_hosts_of_dialects_have_credentials_of_their_own() -> None:
    answers = answerer(MOCK, credential=["groq=gsk-1", "openai=sk-1"], dialect=["5001=groq"])
    wrong = "wrong: authorization has none that --credential names for groq"
    told = {"gsk-1": "right", "gsk-2": wrong, "sk-1": f"{wrong}, but that of openai", "": "none"}
    for key, auth in told.items():
        request = request_of(m.OpenAIChat, headers=bearer(key))
        answered = answers.answer(request)
        assert answered.response.status == (200 if auth == "right" else 401)
        assert auth_of(answered, request) == auth
        assert auth == "right" or answered.note == auth.replace("none", "no credential", not key)
    # Nothing is checked for who is not named, and a format without credentials wants none.
    for kind in (m.AnthropicMessages, m.OllamaChat, m.ServerHealth):
        assert ask(answers, kind).status == 200


def test_a_key_of_google_is_no_bearer_token_at_its_own_api() -> None:
    answers = answerer(MOCK, credential=["gemini=key", "gemini=ya29.token"])
    found = [ask(answers, m.GeminiGenerate, headers=bearer(key)) for key in ("key", "ya29.token")]
    assert [one.status for one in found] == [401, 200]
    assert complaint_of(found[0].body).startswith(GOOGLE_TOKEN)


def test_a_wrong_key_does_not_count_as_a_request_that_could_not_be_read() -> None:
    answers = answerer(MOCK, credential=["gemini=key"])
    request = asked_with(m.GeminiGenerate, "x-goog-api-key", "other")
    asked = m.asked_of(request, HEAD, answers.answer(request))
    assert asked.status == 400 and not asked.is_invalid


def test_an_empty_or_foreign_scheme_is_told_from_a_wrong_key() -> None:
    answers = answerer(MOCK, credential=["openai=sk-1"])
    for given, told in (("", "none"), ("Bearer ", "none"), ("Basic c2stMQ==", "wrong: ")):
        request = request_of(m.OpenAIChat, headers={"authorization": given})
        answered = answers.answer(request)
        assert answered.response.status == 401 and auth_of(answered, request).startswith(told)


def test_the_journal_says_whether_a_credential_was_there_where_none_is_checked() -> None:
    answers = answerer(MOCK)
    for kind, headers, told in (
        (m.OpenAIChat, {}, "none"),
        (m.OpenAIChat, bearer("k"), "present"),
        (m.AnthropicMessages, {"x-api-key": "k"}, "present"),
        (m.AnthropicMessages, {"api-key": "k"}, "none"),
        (m.OllamaChat, bearer("k"), "none"),
        (m.BedrockConverse, {"authorization": "AWS4-HMAC-SHA256 Credential=a"}, "present"),
    ):
        request = request_of(kind, headers=headers)
        assert auth_of(answers.answer(request), request) == told
    request = request_of(m.BedrockConverse, query={"X-Amz-Signature": "a"})
    head = m.Head("POST", f"{request.path}?X-Amz-Signature=a", 1, {})
    assert m.asked_of(request, head, answers.answer(request)).authentication() == "present"
    unknown = m.Request("GET", "/nothing", headers=bearer("k"))
    assert auth_of(answers.answer(unknown), unknown) is None


# --- what the server issues ---


@pytest.mark.parametrize(
    "holder, kind",
    [("vertex_ai", m.VertexGenerate), ("gemini", m.GeminiGenerate), ("azure", m.AzureChat)],
)
def test_a_token_that_was_issued_is_right_until_it_expires_however_often_it_came(
    holder: str, kind: type
) -> None:
    answers = answerer(MOCK, credential=[f"{holder}=static"])
    issuer = answers.mocks.issuer
    issuer.clock = lambda: float(NOW)
    token = issuer.token(holder, NOW + 60)
    other = m.Issuer(b"another process", issuer.clock).token(holder, NOW + 60)
    request = request_of(kind, headers=bearer(token))
    for _ in range(3):
        answered = answers.answer(request)
        assert answered.response.status == 200 and not answered.is_repeatable
        assert auth_of(answered, request) == "right: issued until 2015-08-30T12:37:00Z"
    assert ask(answers, kind, headers=bearer(other)).status == 401
    assert ask(answers, kind, headers={"x-goog-api-key": token, "api-key": token}).status in (
        400,
        401,
    )
    issuer.clock = lambda: NOW + 60.5
    answered = answers.answer(request)
    assert answered.response.status == 401
    assert auth_of(answered, request) == "wrong: expired at 2015-08-30T12:37:00Z"
    if holder != "azure":
        assert b"ACCESS_TOKEN_EXPIRED" in answered.response.body


# --- SigV4 ---


def raw(method: str, target: str, lines: Sequence[Tuple[str, str]], body: bytes = b"") -> m.Request:
    """A request as the server has it of these bytes."""
    data = "".join(f"{name}: {value}\r\n" for name, value in lines)
    head = m.parse_head(f"{method} {target} HTTP/1.1\r\n{data}\r\n".encode())
    _, path, query = head.parsed_target
    where = 0, "", "", False, m.AsSent(head.target, head.lines, body)
    return m.Request(method, path, query, head.headers, body, *where)


PLAIN = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
TRIMMED = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"
REPEATED = "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
# AWS's own: the test suite of Signature Version 4, and the example of its documentation.
VECTORS: List[Tuple[str, str, Any, str, str]] = [
    ("GET", "/", [], "", PLAIN),
    ("GET", "/example/..", [], "", PLAIN),
    ("GET", "//", [], "", PLAIN),
    ("GET", "http://example.amazonaws.com/", [], "", PLAIN),
    (
        "GET",
        "/?Param2=value2&Param1=value1",
        [],
        "",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "GET",
        f"/?{UNRESERVED}={UNRESERVED}",
        [],
        "",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    ("GET", "/", [("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')], "", TRIMMED),
    ("GET", "/", [("My-Header1", f"value{n}") for n in (2, 2, 1)], "", REPEATED),
    ("POST", "/", [], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "POST",
        "/",
        [FORM],
        "Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
]


def test_signatures_are_those_of_awss_own_examples() -> None:
    for method, target, more, body, signature in VECTORS:
        names = ";".join(sorted({"host", "x-amz-date", *(name.lower() for name, _ in more)}))
        said = f"AWS4-HMAC-SHA256 Credential={ACCESS}/20150830/us-east-1/service/aws4_request, "
        said += f"SignedHeaders={names}, Signature={signature}"
        lines = [HOST, *more, ("X-Amz-Date", DATE), ("Authorization", said)]
        request = raw(method, target, lines, body.encode())
        for secret in ([SECRET], ["other", SECRET]):
            m.check_signature(request, "service", NOW, lambda access, token, s=secret: s)
        with pytest.raises(m.BadSignature, match="signature differs"):
            m.check_signature(request, "service", NOW, lambda access, token: ["other"])


def signed(
    target: str = "/model/a%3Ab/converse?b=2&a=1",
    body: bytes = b'{"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}',
    changed: Optional[Mapping[str, str]] = None,
    more: Sequence[Tuple[str, str]] = (),
    path: str = "/model/a%253Ab/converse",
    **said: str,
) -> m.Request:
    """A signed request to Bedrock, worked out as AWS's documentation says; `changed` is sent in
    place of what was signed."""
    secret = said.get("secret", SECRET)
    moment, names = said.get("moment", DATE), said.get("names", "host;x-amz-date")
    scope = said.get("scope", f"{moment[:8]}/eu-west-3/bedrock/aws4_request")
    values = {"host": HOST[1], "x-amz-date": moment, **dict(more)}
    lines = [f"{name}:{values.get(name, '')}" for name in names.split(";")]
    digest = said.get("digest", hashlib.sha256(body).hexdigest())
    canonical = "\n".join(["POST", path, said.get("query", "a=1&b=2"), *lines, "", names, digest])
    to_sign = ["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    key = f"AWS4{secret}".encode()
    for piece in [*scope.split("/"), "\n".join(to_sign)]:
        key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
    credential = f"{said.get('access', ACCESS)}/{scope}"
    auth = f"Credential={credential}, SignedHeaders={names}, Signature={key.hex()}"
    sent = {**values, "authorization": f"{said.get('algorithm', 'AWS4-HMAC-SHA256')} {auth}"}
    sent.update(changed or {})
    return raw("POST", target, [(n, v) for n, v in sent.items() if v], body)


def signing_answerer(*given: str) -> m.Answerer:
    """An answerer that checks AWS's credentials, at the moment of the examples."""
    answers = answerer(MOCK, credential=[*(given or [f"bedrock={ACCESS}:{SECRET}"])])
    answers.mocks.issuer.clock = lambda: float(NOW)
    return answers


UNSIGNED = "The request signature we calculated does not match the signature you provided."
UNKNOWN = "The security token included in the request is invalid."
TOKEN = ("x-amz-security-token", "made-up")

# What is sent, the type of the refusal, the beginning of its sentence, and what the journal says.
SIGNATURES: List[Tuple[Any, str, str, str]] = [
    ({"secret": "other"}, "InvalidSignature", UNSIGNED, "signature differs"),
    ({"access": "AKIDOTHER"}, "UnrecognizedClient", UNKNOWN, "no access key"),
    ({"digest": "UNSIGNED-PAYLOAD"}, "InvalidSignature", UNSIGNED, "signature differs"),
    ({"path": "/model/a%3Ab/converse"}, "InvalidSignature", UNSIGNED, "signature differs"),
    ({"changed": {"host": "127.0.0.1"}}, "InvalidSignature", UNSIGNED, "signature differs"),
    ({"more": [TOKEN]}, "UnrecognizedClient", UNKNOWN, "a session token that was not issued"),
    (
        {"names": "x-amz-date"},
        "InvalidSignature",
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        "host is not signed",
    ),
    (
        {"scope": "20150830/us-east-1/s3/aws4_request"},
        "InvalidSignature",
        "Credential should be scoped to correct service: 'bedrock'.",
        "scope",
    ),
    (
        {"scope": "20150831//bedrock/aws5_request"},
        "InvalidSignature",
        "Credential should be scoped to a valid region. Credential should be scoped with a valid "
        "terminator: 'aws4_request', not 'aws5_request'. Date in Credential scope does not match "
        "YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != '20150830', "
        f"from '{DATE}'.",
        "scope",
    ),
    (
        {"scope": "20150830/bedrock/aws4_request"},
        "IncompleteSignature",
        "Credential must have exactly 5 slash-delimited elements",
        "signature is incomplete",
    ),
    (
        {"moment": "20150830T123059Z"},
        "InvalidSignature",
        "Signature expired: 20150830T123059Z is now earlier than 20150830T123100Z "
        "(20150830T123600Z - 5 min.)",
        "expired at 2015-08-30T12:35:59Z",
    ),
    (
        {"moment": "20150830T124101Z"},
        "InvalidSignature",
        "Signature not yet current: 20150830T124101Z is still later than 20150830T124100Z "
        "(20150830T123600Z + 5 min.)",
        "signed for later",
    ),
    (
        {"moment": "2015-08-30T12:36:00Z"},
        "IncompleteSignature",
        "Date must be in ISO-8601 'basic format'. Got '2015-08-30T12:36:00Z'.",
        "signature is incomplete",
    ),
    ({"moment": "20151330T123600Z"}, "IncompleteSignature", "Date must be", "signature"),
    # No date has a year or a zone like these.
    *[
        (
            {"changed": {"x-amz-date": "", "date": date}},
            "IncompleteSignature",
            f"Date must be in ISO-8601 'basic format'. Got '{date}'.",
            "signature is incomplete",
        )
        for date in (
            f"Sun, 30 Aug {'9' * 20} 12:36:00 GMT",
            f"Sun, 30 Aug 2015 12:36:00 +{'9' * 20}",
        )
    ],
    (
        {"changed": {"x-amz-date": "", "authorization": "AWS4-HMAC-SHA256 Credential=a"}},
        "IncompleteSignature",
        "Authorization header requires 'Signature' parameter. Authorization header requires "
        "'SignedHeaders' parameter. Authorization header requires existence of either a "
        "'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and encoded with Base64) "
        "Authorization=",
        "signature is incomplete",
    ),
    (
        {"target": "/model/a%3Ab/converse?X-Amz-Signature=1"},
        "InvalidSignature",
        "Found both 'X-Amz-Algorithm' as a query-string param",
        "signed twice",
    ),
    (
        {"algorithm": "AWS4-HMAC-SHA256-PAYLOAD"},
        "IncompleteSignature",
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA256-PAYLOAD'",
        "signature is incomplete",
    ),
]


@cases("given, kind, sentence, why", SIGNATURES)
def test_a_wrong_signature_is_refused_in_awss_words(
    given: Any, kind: str, sentence: str, why: str
) -> None:
    answers = signing_answerer()
    request = signed(**given)
    answered = answers.answer(request)
    response = answered.response
    assert response.status == 403 and not answered.is_repeatable
    assert dict(response.headers)["x-amzn-ErrorType"].startswith(kind + "Exception:")
    assert complaint_of(response.body).startswith(sentence)
    assert auth_of(answered, request).startswith("wrong: " + why) and answered.note[:6] == "wrong:"
    told = response.body.decode() + answered.note
    assert SECRET not in told and request.headers["authorization"] not in told


# What is right all the same.
RIGHT: List[Any] = [
    {},
    {"moment": "20150830T123100Z"},
    {"moment": "20150830T124100Z"},
    {"names": "host;x-amz-date;x-one", "more": [("x-one", "a b")], "changed": {"x-one": " a \t b"}},
    {"target": "/@me/model/a%3Ab/converse?b=2&a=1", "path": "/%40me/model/a%253Ab/converse"},
    {"target": "//model//a%3Ab/converse?b=2&a=1"},
    {
        "target": "/model/arn%3Aaws%3Abedrock%2Fx/converse?a=%c3%a9&a=1",
        "path": "/model/arn%253Aaws%253Abedrock%252Fx/converse",
        "query": "a=%C3%A9&a=1",
    },
    {
        "names": "date;host",
        "more": [("date", "Sun, 30 Aug 2015 12:36:00 GMT")],
        "changed": {"x-amz-date": ""},
    },
]


def test_a_header_is_signed_once_however_often_it_is_named() -> None:
    names = ";".join(["host", "x-amz-date", *["x-one"] * 5000])
    request = signed(names=names, more=[("x-one", "y" * 5000)])
    response = signing_answerer().answer(request).response
    assert response.status == 403 and len(response.body) < 50_000


def test_a_right_signature_is_right_however_it_comes() -> None:
    answers = signing_answerer()
    for given in RIGHT:
        request = signed(**given)
        for _ in range(3):
            answered = answers.answer(request)
            assert answered.response.status == 200, answered.response.body.decode()
            assert auth_of(answered, request) == "right" and not answered.is_repeatable


def test_what_was_sent_is_kept_by_nobody_once_it_was_checked() -> None:
    answers = signing_answerer()
    elsewhere = raw("POST", "/nobodys/path", [HOST], b"{}")
    for request in (signed(), signed(secret="other"), elsewhere):
        call = answers.answer(request).call
        assert request.raw and call and call.request.raw is None


def test_the_refusal_shows_what_should_have_been_signed_as_aws_does() -> None:
    body = b"{}"
    response = signing_answerer().answer(signed(secret="other", body=body)).response
    canonical = "\n".join(
        [
            "POST",
            "/model/a%253Ab/converse",
            "a=1&b=2",
            "host:example.amazonaws.com",
            "x-amz-date:20150830T123600Z",
            "",
            "host;x-amz-date",
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{DATE}\n20150830/eu-west-3/bedrock/aws4_request\n{digest}"
    assert json.loads(response.body)["message"] == (
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details."
        f"\n\nThe Canonical String for this request should have been\n'{canonical}'"
        f"\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
    )
    kind = dict(response.headers)["x-amzn-ErrorType"].partition(":")[0]
    told = f"{response.status} {kind}\n{json.loads(response.body)['message']}"
    assert blocks("text", page("credentials")) == [told.rstrip()]


def test_keys_of_aws_may_be_several_and_need_no_static_ones() -> None:
    pairs = [f"bedrock={ACCESS}:old", f"bedrock={ACCESS}:{SECRET}", "bedrock=OTHER:two"]
    answers = signing_answerer(*pairs, "bedrock=apikey")
    for given, status in (
        ({}, 200),
        ({"secret": "old"}, 200),
        ({"access": "OTHER", "secret": "two"}, 200),
        ({"access": "OTHER"}, 403),
    ):
        assert answers.answer(signed(**given)).response.status == status
    for key, status in (("apikey", 200), (SECRET, 403), (f"{ACCESS}:{SECRET}", 403)):
        assert ask(answers, m.BedrockConverse, headers=bearer(key)).status == status
    for kind in (m.BedrockConverse, m.BedrockClaude):
        assert ask(answers, kind, headers={"x-api-key": "apikey"}).status == 403
    session = answers.mocks.issuer.aws_keys(NOW + 60).session
    assert ask(answers, m.BedrockConverse, headers=bearer(session)).status == 403
    copied = answerer(MOCK, credential=["bedrock=bedrock-api-key-YQ=="])
    found = ask(copied, m.BedrockConverse, headers=bearer("bedrock-api-key-YQ=="))
    assert found.status == 200


def test_keys_that_were_issued_are_right_with_their_token_until_it_expires() -> None:
    answers = signing_answerer("bedrock=apikey")
    issuer = answers.mocks.issuer
    keys, others = issuer.aws_keys(NOW + 60), issuer.aws_keys(NOW + 90)
    names = "host;x-amz-date;x-amz-security-token"
    token = ("x-amz-security-token", keys.session)
    said = {"access": keys.access, "secret": keys.secret, "names": names}
    cases_of_keys: List[Tuple[Any, str]] = [
        ({"more": [token]}, "right"),
        ({"more": [token], "names": "host;x-amz-date"}, "right"),
        ({"more": [token], "secret": others.secret}, "wrong: signature differs"),
        ({"more": [token], "access": others.access}, "wrong: a session token that was not issued"),
        ({"more": [(token[0], others.session)]}, "wrong: a session token that was not issued"),
        ({}, "wrong: no access key"),
    ]
    for given, told in cases_of_keys:
        request = signed(**{**said, **given})
        answered = answers.answer(request)
        assert auth_of(answered, request).startswith(told)
        assert keys.session not in answered.note and keys.secret not in str(answered.response.body)
    issuer.clock = lambda: NOW + 60.0
    response = answers.answer(signed(**said, more=[token])).response
    assert dict(response.headers)["x-amzn-ErrorType"].startswith("ExpiredTokenException:")
    assert complaint_of(response.body) == "The security token included in the request is expired"


def signed_query(expires: str = "600", secret: str = SECRET, **changed: str) -> Tuple[str, str]:
    """A query with its signature, as of a URL for an empty POST of `/`, and what was signed."""
    scope = "20150830/us-west-2/bedrock/aws4_request"
    query = {
        "Action": "CallWithBearerToken",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{ACCESS}/{scope}",
        "X-Amz-Date": DATE,
        "X-Amz-Expires": expires,
        "X-Amz-SignedHeaders": "host",
        **changed,
    }
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    empty = hashlib.sha256(b"").hexdigest()
    canonical = f"POST\n/\n{text}\nhost:bedrock.amazonaws.com\n\nhost\n{empty}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for piece in [*scope.split("/"), f"AWS4-HMAC-SHA256\n{DATE}\n{scope}\n{digest}"]:
        key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
    return f"{text}&X-Amz-Signature={key.hex()}", canonical


# Of a signed URL: how it is changed, when it comes, and what is found.
SIGNED_URLS: List[Tuple[Any, int, str]] = [
    ({}, 0, "right"),
    ({}, 600, "right"),
    ({}, 601, "expired at 2015-08-30T12:46:00Z"),
    ({"expires": "604800"}, 604800, "right"),
    ({"expires": "604801"}, 0, "signature is incomplete"),
    ({"expires": "soon"}, 0, "signature is incomplete"),
    ({"secret": "other"}, 0, "signature differs"),
    ({"X-Amz-Credential": ACCESS}, 0, "signature is incomplete"),
    ({"X-Amz-SignedHeaders": "x"}, 0, "host is not signed"),
    ({"X-Amz-Security-Token": "made-up"}, 0, "a session token that was not issued"),
]


def test_a_signed_url_is_held_against_its_signature_as_is_the_key_that_is_one() -> None:
    for changed, later, told in SIGNED_URLS:
        answers = signing_answerer()
        answers.mocks.issuer.clock = lambda later=later: NOW + later + 0.5
        query, _ = signed_query(**changed)
        guard = answers.guard
        finding = guard.finding(
            wire_of(m.BedrockConverse),
            raw("POST", f"/?{query}", [("Host", "bedrock.amazonaws.com")]),
        )
        assert finding and finding.auth.replace("wrong: ", "").startswith(told)
        url = f"bedrock.amazonaws.com/?{query}&Version=1"
        key = "bedrock-api-key-" + base64.b64encode(url.encode()).decode()
        request = request_of(m.BedrockConverse, headers=bearer(key))
        answered = answers.answer(request)
        assert answered.response.status == (200 if told == "right" else 403)
        assert told in auth_of(answered, request)
    for key in ("bedrock-api-key-", "bedrock-api-key-%", "bedrock-api-key-6Q=="):
        assert ask(signing_answerer(), m.BedrockConverse, headers=bearer(key)).status == 403


def test_bedrocks_own_format_and_openais_take_the_same_credentials() -> None:
    answers = answerer(MOCK, credential=[f"bedrock={ACCESS}:{SECRET}"], dialect=["0=bedrock"])
    answers.settings = m.Settings(credential=answers.settings.credential)
    answers.mocks.issuer.clock = lambda: float(NOW)
    target = "/bedrock/v1/chat/completions"
    body = json.dumps(SAMPLES[m.OpenAIChat][3]).encode()
    for secret, status in ((SECRET, 200), ("other", 403)):
        request = signed(target, body, path=target, query="", secret=secret)
        assert answers.answer(request).response.status == status


def test_who_asks_sts_for_keys_is_held_against_the_same_credentials() -> None:
    answers = signing_answerer()
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    form = ("content-type", "application/x-www-form-urlencoded")
    said: Any = {
        "target": "/",
        "body": body,
        "path": "/",
        "query": "",
        "names": "content-type;host;x-amz-date",
        "more": [form],
        "scope": "20150830/us-east-1/sts/aws4_request",
    }
    bedrock = "20150830/us-east-1/bedrock/aws4_request"
    for changed, status, told in (
        ({}, 200, "<GetCallerIdentityResult>"),
        ({"secret": "other"}, 403, "<Code>SignatureDoesNotMatch</Code>"),
        ({"access": "other"}, 403, "<Code>InvalidClientTokenId</Code>"),
        ({"scope": bedrock}, 403, "scoped to correct service: 'sts'."),
        ({"changed": {"authorization": ""}}, 403, "<Code>MissingAuthenticationToken</Code>"),
    ):
        response = answers.answer(signed(**{**said, **changed})).response
        assert response.status == status and told in response.body.decode(), response.body


# --- what is remembered ---


def test_no_remembered_answer_lets_a_wrong_credential_through() -> None:
    answers = answerer(MOCK, credential=["openai=sk-1", "anthropic=sk-2"])
    for _ in range(3):
        for kind, place, key in (
            (m.OpenAIChat, "authorization", "sk-1"),
            (m.AnthropicMessages, "x-api-key", "sk-2"),
        ):
            for one, status in ((key, 200), ("other", 401), ("", 401)):
                answered = answers.answer(asked_with(kind, place, one))
                assert answered.response.status == status and answered.is_lasting
    assert len(answers.memory.answers) >= 4


# --- the option ---

SECRETS = "hunter2"
# What is wrong with a pair, and the sentence.
EXPECTED = "expected NAME=VALUE, such as openai=sk-test"
BAD_PAIRS: List[Tuple[Any, str]] = [
    (SECRETS, EXPECTED),
    ("", EXPECTED),
    ("openai=", EXPECTED),
    (f"=x{SECRETS}", "the NAME of NAME=VALUE is unknown"),
    (f"openai={SECRETS} x", EXPECTED),
    (f"openai=\n{SECRETS}", EXPECTED),
    (f"openai=é{SECRETS}", EXPECTED),
    (f"opanai={SECRETS}", 'the NAME of NAME=VALUE is unknown; did you mean "openai"?'),
    (f"OpenAI={SECRETS}", 'the NAME of NAME=VALUE is unknown; did you mean "openai"?'),
    (f"google={SECRETS}", 'the NAME of NAME=VALUE is unknown; did you mean "gemini"?'),
    (f"vertex={SECRETS}", 'the NAME of NAME=VALUE is unknown; did you mean "vertex_ai"?'),
    (f"{SECRETS}=x", "the NAME of NAME=VALUE is unknown; known: anthropic, azure,"),
    (f"ollama={SECRETS}", "Ollama asks for no credential"),
    (f"bedrock=:{SECRETS}", "expected bedrock=ACCESSKEY:SECRET, or bedrock=KEY without a colon"),
    (f"bedrock=a:b:{SECRETS}", "expected bedrock=ACCESSKEY:SECRET"),
    (f"bedrock={SECRETS}:", "expected bedrock=ACCESSKEY:SECRET"),
]


def test_a_bad_pair_is_told_without_what_was_found() -> None:
    for text, sentence in BAD_PAIRS:
        errors: List[Tuple[str, BaseException]] = []
        for source, given in (
            ("--credential", lambda text=text: m.parse_arguments(["--credential", text], {})),
            (
                "MOCK_SERVER_CREDENTIAL",
                lambda text=text: m.parse_arguments([], {"MOCK_SERVER_CREDENTIAL": text}),
            ),
            ("credential", lambda text=text: MockServer(credential=text)),
        ):
            if not text and source != "--credential":
                continue
            with pytest.raises(m.BadOption) as caught:
                given()
            errors.append((source, caught.value))
        for source, error in errors:
            assert str(error).startswith(f"{source}: {sentence}"), error
            assert SECRETS not in str(error) + repr(vars(error))
            assert SECRETS not in "".join(traceback.format_exception_only(type(error), error))
    for value in (3, {"openai": SECRETS}, [3], b"openai=x", True):
        with pytest.raises(ValueError, match="credential: expected NAME=VALUE"):
            MockServer(credential=value)  # type: ignore[arg-type]


def test_no_word_that_may_be_a_credential_is_shown(capsys: Any) -> None:
    for arguments in (
        ["--credentials", f"openai={SECRETS}"],
        [f"--credentials=openai={SECRETS}"],
        [f"--credentials={SECRETS}"],
        ["5001", f"openai={SECRETS}"],
        ["--credential", "openai", SECRETS],
        ["5001", "--credential", "openai", SECRETS],
        ["5001", "--credential", "openai=", SECRETS],
        ["5001", "--credential", "openai=x", SECRETS],
        [f"--credential={SECRETS}"],
    ):
        assert m.main(arguments) == 2
        told = capsys.readouterr().err
        assert told.startswith("mock_server.py: ") and SECRETS not in told, told


def test_pairs_in_the_environment_are_split_where_one_begins() -> None:
    for pieces, found in (
        (["openai=a", "gemini=b"], ["openai=a", "gemini=b"]),
        (["bedrock=A", "b/c=", "openai=d"], [f"bedrock=A{os.pathsep}b/c=", "openai=d"]),
        (["", "openai=a", ""], ["openai=a"]),
        (["bedrock=A", ""], [f"bedrock=A{os.pathsep}"]),
    ):
        text = os.pathsep.join(pieces)
        assert m.separated_credentials(text, os.pathsep) == found
    if os.pathsep == ":":
        text = f"bedrock={ACCESS}:{SECRET}:openai=sk-1"
        values = m.parse_arguments([], {"MOCK_SERVER_CREDENTIAL": text})["credential"]
        assert values == [f"bedrock={ACCESS}:{SECRET}", "openai=sk-1"]


def test_settings_show_no_credential() -> None:
    with MockServer(credential=[f"openai={SECRETS}", f"bedrock=A:{SECRETS}"]) as server:
        told = repr(server.core.settings) + repr(server.core.settings.credential)
    assert SECRETS not in told and "'openai=***'" in told
    assert repr(m.GivenCredential("openai=x")) == "'openai=***'"


def test_over_a_connection_a_coded_body_is_right_as_it_was_sent_and_no_secret_is_kept() -> None:
    given = f"bedrock={ACCESS}:{SECRET}"
    plain = b'{"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}'
    target = "/model/a%3Ab/converse?b=2&a=1"
    with MockServer(credential=given, fallback="echo") as server:
        server.core.mocks.issuer.clock = lambda: float(NOW)
        for body, more, status in (
            (gzip.compress(plain), {"content-encoding": "gzip"}, 200),
            (plain, {}, 200),
            (gzip.compress(plain), {"content-encoding": "gzip", "host": "other"}, 403),
        ):
            request = signed(target, body, changed=more)
            connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
            try:
                connection.request("POST", target, body, dict(request.headers))
                response = connection.getresponse()
                told = response.read().decode()
            finally:
                connection.close()
            assert response.status == status, told
        entries = server.wait_for(count=3, ended="complete")
    found = [entry["auth"] for entry in entries]
    assert found == ["right", "right", "wrong: signature differs, as the answer shows"]
    assert entries[2]["note"] == found[2] and not entries[2]["unmatched"]
    assert SECRET not in json.dumps(entries)
