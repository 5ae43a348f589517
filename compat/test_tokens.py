"""google-auth, azure-identity and botocore get their credentials from the server's token endpoints,
with their own code, and nothing that they send or get stays in the journal."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timezone
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping
from urllib.request import urlopen

import boto3
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)
from botocore.exceptions import ClientError
from botocore.session import Session
from conftest import serving
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth import identity_pool
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"
ACCOUNT = "mine@project.iam.gserviceaccount.com"
ROLE = "arn:aws:iam::123456789012:role/team/reader"
TENANT = "11111111-2222-4333-8444-555555555555"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/oidc"
MOCKS = [
    {
        "match": {"operation": "token", "fields": {"client_id": "short"}},
        "response": {"extra": {"expires_in": 7}},
    },
    {
        "match": {"operation": "token", "fields": {"client_id": "own"}},
        "response": {"text": "a-token-of-my-own"},
    },
    {
        "match": {"operation": "token", "fields": {"client_id": "gone"}},
        "response": {"error": {"kind": "authentication"}},
    },
    {
        "match": {"operation": "token", "fields": {"RoleSessionName": "short"}},
        "response": {"extra": {"expires_in": 7}},
    },
]


def key() -> str:
    """A private key, as a service account has one."""
    made = rsa.generate_private_key(65537, 2048)
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


KEY = key()


def jwt(**claims: Any) -> str:
    """A token of somebody else; its signature is no secret's."""
    parts: list[Dict[str, Any]] = [{"alg": "RS256"}, {"iss": "https://idp.example", **claims}]
    texts = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in parts]
    return ".".join(text.rstrip("=") for text in (*texts, "c2lnbmVk"))


def seconds_left(expiry: Any) -> float:
    """The seconds from now on to a moment in UTC, which google-auth leaves out."""
    return float(expiry.replace(tzinfo=timezone.utc).timestamp()) - time.time()


def journal(url: str, context: Any = None) -> str:
    """All that the journal shows, as text."""
    with urlopen(url + "/__mock__/requests", context=context) as answer:
        return str(answer.read().decode())


# === Google ==================================================================


def account(url: str) -> Dict[str, str]:
    """The file of a service account."""
    return {
        "type": "service_account",
        "project_id": "project",
        "client_email": ACCOUNT,
        "private_key": KEY,
        "token_uri": url + "/token",
    }


def test_a_service_account_gets_a_token(server: str) -> None:
    found = service_account.Credentials.from_service_account_info(account(server), scopes=[SCOPE])
    found.refresh(Request())
    assert found.token.startswith("ya29.") and 3500 < seconds_left(found.expiry) < 3600
    identity = service_account.IDTokenCredentials.from_service_account_info(
        account(server), target_audience="https://mine.example"
    )
    identity.refresh(Request())
    assert identity.valid and identity.token.count(".") == 2
    assert found.token not in journal(server) and "eyJ" not in journal(server)


def test_a_service_account_without_a_scope_gets_googles_error(server: str) -> None:
    found = service_account.Credentials.from_service_account_info(account(server), scopes=[])
    with pytest.raises(RefreshError, match="invalid_scope"):
        found.refresh(Request())


def user(url: str, client: str) -> Any:
    """Somebody who has logged in once."""
    return credentials.Credentials(
        None,
        refresh_token="1//refresh-SECRET",
        token_uri=url + "/token",
        client_id=client,
        client_secret="GOCSPX-SECRET",
    )


def test_a_refresh_token_gets_a_token_as_a_mock_has_it(server: str) -> None:
    found = user(server, "any")
    found.refresh(Request())
    assert found.token.startswith("ya29.")
    short = user(server, "short")
    short.refresh(Request())
    assert short.token.startswith("ya29.") and 0 < seconds_left(short.expiry) <= 7
    own = user(server, "own")
    own.refresh(Request())
    assert own.token == "a-token-of-my-own"
    with pytest.raises(RefreshError, match="The OAuth client was not found"):
        user(server, "gone").refresh(Request())
    assert "SECRET" not in journal(server)


ASK_MACHINE = """
import google.auth, google.auth.transport.requests as r
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/x"])
credentials.refresh(r.Request())
print(type(credentials).__module__, project, credentials.service_account_email,
      credentials.token[:5], credentials.universe_domain)
from google.auth import compute_engine
identity = compute_engine.IDTokenCredentials(
    r.Request(), "https://mine.example", use_metadata_identity_endpoint=True)
identity.refresh(r.Request())
print(identity.valid)
"""


def test_a_machine_of_googles_gets_a_token(server: str, tmp_path: Path) -> None:
    host = server.partition("://")[2]
    # google-auth reads them when it is imported.
    machine = {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ASK_MACHINE],
        env={**os.environ, **machine},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first == (
        "google.auth.compute_engine.credentials mock-project "
        "mock@mock-project.iam.gserviceaccount.com ya29. googleapis.com"
    )
    assert second == "True"


def federated(url: str, token: Path, **more: Any) -> Any:
    """Somebody who has a token of somebody else, and is a service account for it."""
    impersonated = f"{url}/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
    return identity_pool.Credentials.from_info(
        {
            "type": "external_account",
            "audience": POOL,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": url + "/v1/token",
            "credential_source": {"file": str(token)},
            "service_account_impersonation_url": impersonated,
            "service_account_impersonation": {"token_lifetime_seconds": 600},
            **more,
        },
        scopes=[SCOPE],
    )


def test_a_federated_workload_gets_the_token_of_a_service_account(
    server: str, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(jwt(sub="me", exp=time.time() + 60))
    found = federated(server, token)
    found.refresh(Request())
    assert found.token.startswith("ya29.") and 500 < seconds_left(found.expiry) <= 600
    token.write_text(jwt(sub="me", iat=1700000000, exp=1700000001))
    with pytest.raises(Exception, match="ID Token issued at 1700000000 is stale to sign-in"):
        federated(server, token).refresh(Request())
    with pytest.raises(Exception, match="full resource name of the Identity Provider"):
        federated(server, token, audience="mine").refresh(Request())
    assert "eyJ" not in journal(server) and found.token not in journal(server)


# === Azure ===================================================================


@pytest.fixture(scope="module")
def secure(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server with HTTPS, which azure-identity wants of an authority; its address, and the file of
    the certificate to trust."""
    trusted = tmp_path_factory.mktemp("tls") / "ca.pem"
    with serving("--data", str(data), "--tls", "--tls-cert-out", str(trusted)) as url:
        yield url, str(trusted)


def test_an_application_gets_a_token_for_its_secret(secure: Any) -> None:
    url, trusted = secure

    def application(client: str) -> Any:
        return ClientSecretCredential(
            TENANT,
            client,
            "s3cr3t-SECRET",
            authority=url,
            disable_instance_discovery=True,
            connection_verify=trusted,
        )

    token = application("any").get_token(AZURE_SCOPE)
    claims = json.loads(base64.urlsafe_b64decode(token.token.split(".")[1] + "=="))
    assert (claims["aud"], claims["tid"]) == ("https://cognitiveservices.azure.com", TENANT)
    assert claims["exp"] == token.expires_on and 3500 < token.expires_on - time.time() < 3600
    assert application("short").get_token(AZURE_SCOPE).expires_on <= time.time() + 7
    assert application("own").get_token(AZURE_SCOPE).token == "a-token-of-my-own"
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        application("gone").get_token(AZURE_SCOPE)
    with pytest.raises(ClientAuthenticationError, match="AADSTS1002012"):
        application("any").get_token("https://cognitiveservices.azure.com/read")
    kept = journal(url, ssl.create_default_context(cafile=trusted))
    assert "SECRET" not in kept and "eyJ" not in kept and "s3cr3t" not in kept


def test_a_federated_application_gets_a_token_for_its_assertion(secure: Any) -> None:
    url, trusted = secure

    def application(assertion: str) -> Any:
        return ClientAssertionCredential(
            TENANT,
            "app",
            lambda: assertion,
            authority=url,
            disable_instance_discovery=True,
            connection_verify=trusted,
        )

    good = jwt(sub="me", aud="api://AzureADTokenExchange", exp=time.time() + 600)
    assert application(good).get_token(AZURE_SCOPE).token.startswith("eyJ")
    with pytest.raises(ClientAuthenticationError, match="AADSTS700024"):
        application(jwt(sub="me", aud="a", exp=1700000000)).get_token(AZURE_SCOPE)
    with pytest.raises(ClientAuthenticationError, match="AADSTS50027"):
        application("no.jwt").get_token(AZURE_SCOPE)


def test_a_machine_of_azures_gets_a_token(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server)
    token = ManagedIdentityCredential().get_token(AZURE_SCOPE)
    assert 86000 < token.expires_on - time.time() < 86401
    assert ManagedIdentityCredential(client_id="own").get_token(AZURE_SCOPE).token


def test_an_app_of_azures_gets_a_token(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", server + "/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header-SECRET")
    token = ManagedIdentityCredential().get_token(AZURE_SCOPE)
    assert 86000 < token.expires_on - time.time() < 86401
    assert "SECRET" not in journal(server)


# === AWS =====================================================================


@contextmanager
def on_aws(
    patch: pytest.MonkeyPatch, tmp_path: Path, names: Mapping[str, str]
) -> Iterator[Session]:
    """A session that knows nothing but these variables."""
    elsewhere = str(tmp_path / "none")
    always = {
        "AWS_CONFIG_FILE": elsewhere,
        "AWS_SHARED_CREDENTIALS_FILE": elsewhere,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with patch.context() as context:
        for name, value in {**always, **names}.items():
            context.setenv(name, value)
        yield Session()


def who(url: str, found: Any) -> str:
    """Who somebody is with these credentials."""
    keys = found.get_frozen_credentials()
    sts = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
    )
    return str(sts.get_caller_identity()["Arn"])


def test_a_web_identity_gets_credentials(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text(jwt(sub="system:serviceaccount:a:b", aud="sts.amazonaws.com"))
    variables = {
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ROLE_SESSION_NAME": "gateway",
        "AWS_ENDPOINT_URL_STS": server,
    }
    with on_aws(monkeypatch, tmp_path, variables) as session:
        found = session.get_credentials()
        assert who(server, found) == ("arn:aws:sts::123456789012:assumed-role/reader/gateway")
        token.write_text(jwt(sub="a", exp=1700000000))
        with pytest.raises(ClientError, match="ExpiredTokenException.*Token expired"):
            Session().get_credentials().get_frozen_credentials()
        token.write_text("no.jwt")
        with pytest.raises(ClientError, match="InvalidIdentityToken"):
            Session().get_credentials().get_frozen_credentials()
    keys = found.get_frozen_credentials()
    kept = journal(server)
    assert "eyJ" not in kept and keys.secret_key not in kept and keys.token not in kept


def test_a_container_gets_credentials(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, more in (
        ("/v2/credentials/id", {}),
        ("/v1/credentials", {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "pod-SECRET"}),
    ):
        variables = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": server + path, **more}
        with on_aws(monkeypatch, tmp_path, variables) as session:
            assert "assumed-role/mock-role/container" in who(server, session.get_credentials())
    assert "SECRET" not in journal(server)


def test_a_machine_of_awss_gets_credentials(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server}
    with on_aws(monkeypatch, tmp_path, variables) as session:
        assert "assumed-role/mock-role/i-" in who(server, session.get_credentials())


def test_a_role_is_assumed(server: str) -> None:
    sts = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=server,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI-SECRET",
    )
    assert sts.get_caller_identity()["Account"] == "123456789012"
    found = sts.assume_role(RoleArn=ROLE, RoleSessionName="test", DurationSeconds=900)
    left = found["Credentials"]["Expiration"].timestamp() - time.time()
    assert 890 < left <= 900 and found["AssumedRoleUser"]["Arn"].endswith("/reader/test")
    short = sts.assume_role(RoleArn=ROLE, RoleSessionName="short")["Credentials"]
    assert short["Expiration"].timestamp() <= time.time() + 7
    with pytest.raises(ClientError, match="ValidationError.*:user/nobody is invalid"):
        sts.assume_role(RoleArn="arn:aws:iam::123456789012:user/nobody", RoleSessionName="test")
