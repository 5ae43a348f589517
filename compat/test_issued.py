"""What the token endpoints issue is used by the provider's own client at a server that checks
credentials: it is right until it expires, and nothing else is."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any, Iterator
from urllib.request import urlopen

import boto3
import httpx
import openai
import pytest
from azure.identity import ClientSecretCredential, get_bearer_token_provider
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import serving
from google import genai
from google.auth.transport.requests import Request
from google.genai.errors import ClientError as GoogleError
from google.oauth2 import credentials, service_account
from test_tokens import AZURE_SCOPE, ROLE, SCOPE, TENANT, account, federated, jwt, on_aws, user

ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
GIVEN = ("vertex_ai=static", "azure=static", f"bedrock={ACCESS}:{SECRET}")
WORDS = [word for pair in GIVEN for word in ("--credential", pair)]
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
LATER = 4_000_000_000  # a Unix second
OVER = {"response": {"extra": {"expires_in": 0}}}  # what is issued has expired
MOCKS = [
    {"match": {"operation": "token", "fields": {"client_id": "over"}}, **OVER},
    {"match": {"operation": "token", "fields": {"RoleSessionName": "over"}}, **OVER},
    {"match": {"operation": "generate"}, "response": {"text": "Hello."}},
]


@pytest.fixture(scope="module")
def checking(data: Path) -> Iterator[str]:
    """A server that checks credentials, with token endpoints of its own."""
    with serving("--data", str(data), *WORDS) as url:
        yield url


def last_auth(url: str) -> str:
    """What the journal says of the last credential that came."""
    with urlopen(url + "/__mock__/requests") as answer:
        return str(json.load(answer)["requests"][-1]["auth"])


def vertex(url: str, found: Any) -> str:
    """What Gemini on Vertex AI says to Google's client."""
    client = genai.Client(
        vertexai=True,
        project="project",
        location="us-central1",
        credentials=found,
        http_options={"base_url": url},
    )
    return str(client.models.generate_content(model="gemini-2.5-flash", contents="Hi").text)


def test_googles_tokens_are_right_at_vertex_ai_until_they_expire(
    checking: str, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(jwt(sub="me", exp=LATER))
    for found in (
        service_account.Credentials.from_service_account_info(account(checking), scopes=[SCOPE]),
        user(checking, "any"),
        federated(checking, token),
    ):
        assert vertex(checking, found) == "Hello."
        assert last_auth(checking).startswith("right: issued until ")
    over = user(checking, "over")
    over.refresh(Request())
    for text, told in ((over.token, "wrong: expired at "), ("ya29.made-up", "wrong: ")):
        with pytest.raises(GoogleError) as caught:
            vertex(checking, credentials.Credentials(text))
        assert caught.value.code == 401 and last_auth(checking).startswith(told)


def test_azures_tokens_are_right_at_azure_until_they_expire(data: Path, tmp_path: Path) -> None:
    trusted = str(tmp_path / "ca.pem")
    words = [*WORDS, "--tls", "--tls-cert-out", trusted]
    with serving("--data", str(data), *words) as url, httpx.Client(verify=trusted) as http:
        for application, error in (("any", None), ("over", openai.AuthenticationError)):
            identity = ClientSecretCredential(
                TENANT,
                application,
                "secret",
                authority=url,
                disable_instance_discovery=True,
                connection_verify=trusted,
            )
            client = openai.AzureOpenAI(
                azure_endpoint=url,
                api_version="2024-10-21",
                azure_ad_token_provider=get_bearer_token_provider(identity, AZURE_SCOPE),
                http_client=http,
                max_retries=0,
            )
            ask = client.chat.completions.create
            messages: Any = [{"role": "user", "content": "Hi"}]
            if error:
                with pytest.raises(error):
                    ask(model="gpt-4o", messages=messages)
            else:
                answer = ask(model="gpt-4o", messages=messages)
                assert answer.choices[0].message.content == "Hello."


def claude(url: str, keys: Any) -> str:
    """What Claude on Bedrock says to boto3 with these keys."""
    access, secret, token = keys
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )
    with closing(client):
        messages = [{"role": "user", "content": [{"text": "Hi"}]}]
        answer = client.converse(modelId=CLAUDE, messages=messages)
    return str(answer["output"]["message"]["content"][0]["text"])


def test_awss_keys_are_right_at_bedrock_until_they_expire(
    checking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text(jwt(sub="a", exp=LATER))
    web = {
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ENDPOINT_URL_STS": checking,
    }
    for variables in (
        web,
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": checking + "/v2/credentials/id"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT": checking},
    ):
        with on_aws(monkeypatch, tmp_path, variables) as session:
            keys = session.get_credentials().get_frozen_credentials()
        found = keys.access_key, keys.secret_key, keys.token
        assert claude(checking, found) == "Hello." and last_auth(checking) == "right"
        for wrong in ((*found[:2], None), (ACCESS, *found[1:]), (ACCESS, SECRET, keys.token)):
            with pytest.raises(ClientError, match="UnrecognizedClientException"):
                claude(checking, wrong)


def test_a_role_is_assumed_with_the_right_keys_alone(checking: str) -> None:
    for secret in (SECRET, "other"):
        sts = boto3.client(
            "sts",
            region_name="us-east-1",
            endpoint_url=checking,
            aws_access_key_id=ACCESS,
            aws_secret_access_key=secret,
        )
        if secret != SECRET:
            with pytest.raises(
                ClientError, match="(?s)SignatureDoesNotMatch.*The Canonical String"
            ):
                sts.assume_role(RoleArn=ROLE, RoleSessionName="any")
            continue
        for session in ("any", "over"):
            keys = sts.assume_role(RoleArn=ROLE, RoleSessionName=session)["Credentials"]
            found = keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
            if session == "any":
                assert claude(checking, found) == "Hello."
                continue
            with pytest.raises(ClientError, match="ExpiredTokenException"):
                claude(checking, found)
            assert last_auth(checking).startswith("wrong: expired at ")
