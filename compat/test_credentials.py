"""Official SDKs with right and wrong credentials against a server with --credential: each raises
its own error for a wrong one, and botocore's signatures are what the server works out."""

from __future__ import annotations

import base64
import json
from contextlib import closing
from typing import Any, Callable, Dict, Iterator, List, Tuple
from urllib.request import urlopen

import anthropic
import boto3
import cohere
import openai
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import serving
from google import genai
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOLDERS = ("openai", "azure", "gemini", "anthropic", "cohere", "mistral", "bedrock")
GIVEN = [word for name in HOLDERS for word in ("--credential", f"{name}=right")]
ASK = [{"role": "user", "content": "Hi"}]
MODELS = (
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
    "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "amazon.nova-lite-v1:0",
)
MOCKS = [{"response": {"text": "Hello."}}]


@pytest.fixture(scope="module")
def checking(data: Any) -> Iterator[str]:
    """A server that checks every provider's credential."""
    pair = f"bedrock={ACCESS}:{SECRET}"
    with serving("--data", str(data), *GIVEN, "--credential", pair) as url:
        yield url


def auths(url: str) -> List[str]:
    """What the journal says of the credentials that came."""
    with urlopen(url + "/__mock__/requests") as answer:
        return [entry["auth"] for entry in json.load(answer)["requests"]]


def gemini(url: str, key: str) -> Any:
    """Ask by Google's client, which closes itself with the last reference to it."""
    client = genai.Client(api_key=key, http_options={"base_url": url})
    return client.models.generate_content(model="gemini-2.5-flash", contents="Hi")


# How each SDK asks, and what it raises for a wrong key.
ASKING: Dict[str, Tuple[Callable[[str, str], Any], Any]] = {
    "openai": (
        lambda url, key: openai.OpenAI(
            base_url=url + "/v1", api_key=key, max_retries=0
        ).chat.completions.create(model="gpt-4o", messages=ASK),  # type: ignore[arg-type]
        openai.AuthenticationError,
    ),
    "azure": (
        lambda url, key: openai.AzureOpenAI(
            azure_endpoint=url, api_key=key, api_version="2024-10-21", max_retries=0
        ).chat.completions.create(model="gpt-4o", messages=ASK),  # type: ignore[arg-type]
        openai.AuthenticationError,
    ),
    "azure token": (
        lambda url, key: openai.AzureOpenAI(
            azure_endpoint=url, azure_ad_token=key, api_version="2024-10-21", max_retries=0
        ).chat.completions.create(model="gpt-4o", messages=ASK),  # type: ignore[arg-type]
        openai.AuthenticationError,
    ),
    "gemini": (
        gemini,
        genai.errors.ClientError,
    ),
    "gemini, OpenAI's format": (
        lambda url, key: openai.OpenAI(
            base_url=url + "/v1beta/openai/", api_key=key, max_retries=0
        ).chat.completions.create(model="gemini-2.5-flash", messages=ASK),  # type: ignore[arg-type]
        openai.BadRequestError,
    ),
    "anthropic": (
        lambda url, key: anthropic.Anthropic(
            base_url=url, api_key=key, max_retries=0
        ).messages.create(model="claude-sonnet-4-5", max_tokens=9, messages=ASK),  # type: ignore[arg-type]
        anthropic.AuthenticationError,
    ),
    "anthropic token": (
        lambda url, key: anthropic.Anthropic(
            base_url=url, auth_token=key, max_retries=0
        ).messages.create(model="claude-sonnet-4-5", max_tokens=9, messages=ASK),  # type: ignore[arg-type]
        anthropic.AuthenticationError,
    ),
    "cohere": (
        lambda url, key: cohere.ClientV2(base_url=url, api_key=key).chat(
            model="command-a-03-2025",
            messages=ASK,  # type: ignore[arg-type]
        ),
        cohere.UnauthorizedError,
    ),
    "mistral": (
        lambda url, key: Mistral(server_url=url, api_key=key).chat.complete(
            model="mistral-large-latest",
            messages=ASK,  # type: ignore[arg-type]
        ),
        SDKError,
    ),
    "bedrock, anthropic's client": (
        lambda url, key: anthropic.AnthropicBedrock(
            base_url=url,
            aws_access_key=ACCESS,
            aws_secret_key=SECRET if key == "right" else key,
            aws_region="eu-central-1",
            max_retries=0,
        ).messages.create(model=MODELS[0], max_tokens=9, messages=ASK),  # type: ignore[arg-type]
        anthropic.PermissionDeniedError,
    ),
}


@pytest.mark.parametrize("name", ASKING)
def test_a_right_key_is_answered_and_a_wrong_one_raises_the_sdks_own_error(
    checking: str, name: str
) -> None:
    asked, error = ASKING[name]
    assert asked(checking, "right")
    with pytest.raises(error) as caught:
        asked(checking, "wrong")
    if error is SDKError:
        assert caught.value.status_code == 401
    found = auths(checking)[-2:]
    assert found[0] == "right" and found[1].startswith("wrong: ")


def runtime(url: str, secret: str = SECRET, access: str = ACCESS, **more: Any) -> Any:
    """A client of Bedrock's runtime that signs, and does not try again."""
    return boto3.client(
        "bedrock-runtime",
        region_name=more.pop("region", "us-east-1"),
        endpoint_url=url,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
        **more,
    )


CONVERSATION = [{"role": "user", "content": [{"text": "Hi"}]}]
INVOKED = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": ASK})
CALLS: List[Tuple[str, Callable[[Any, str], Any]]] = [
    ("converse", lambda client, model: client.converse(modelId=model, messages=CONVERSATION)),
    (
        "converse_stream",
        lambda client, model: list(
            client.converse_stream(modelId=model, messages=CONVERSATION)["stream"]
        ),
    ),
    (
        "invoke_model",
        lambda client, model: client.invoke_model(modelId=model, body=INVOKED)["body"].read(),
    ),
    (
        "invoke_model_with_response_stream",
        lambda client, model: list(
            client.invoke_model_with_response_stream(modelId=model, body=INVOKED)["body"]
        ),
    ),
]


@pytest.mark.parametrize("prefix", ["", "/@me"])
def test_what_botocore_signs_is_what_the_server_works_out(checking: str, prefix: str) -> None:
    for region in ("us-east-1", "ap-southeast-2"):
        with closing(runtime(checking + prefix, region=region)) as client:
            for model in MODELS[:2]:
                for name, call in CALLS:
                    assert call(client, model), (name, model)
            assert CALLS[0][1](client, MODELS[2])


@pytest.mark.parametrize(
    "changed, code",
    [
        ({"secret": "other"}, "InvalidSignatureException"),
        ({"access": "AKIAOTHER"}, "UnrecognizedClientException"),
        ({"aws_session_token": "made-up"}, "UnrecognizedClientException"),
    ],
)
def test_a_wrong_signature_raises_awss_own_error(checking: str, changed: Any, code: str) -> None:
    with closing(runtime(checking, **changed)) as client:
        for _, call in CALLS:
            with pytest.raises(ClientError) as caught:
                call(client, MODELS[1])
            error = caught.value.response["Error"]
            assert error["Code"] == code
    if code == "InvalidSignatureException":
        # In a stream's error, too, it is the path as botocore signs it.
        assert "/model/arn%253Aaws%253Abedrock%253Aus-east-1%253A" in error["Message"]
        assert "The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n" in error["Message"]


def test_a_short_term_key_is_right_as_long_as_its_signature_is(checking: str) -> None:
    """Made as AWS's token generator makes it, of botocore's signed URL."""
    for secret, status in ((SECRET, 200), ("other", 401)):
        request = AWSRequest(
            method="POST",
            url="https://bedrock.amazonaws.com/",
            headers={"host": "bedrock.amazonaws.com"},
            params={"Action": "CallWithBearerToken"},
        )
        SigV4QueryAuth(Credentials(ACCESS, secret), "bedrock", "us-east-1", expires=43200).add_auth(
            request
        )
        url = str(request.url).replace("https://", "") + "&Version=1"
        key = "bedrock-api-key-" + base64.b64encode(url.encode()).decode()
        client = openai.OpenAI(base_url=checking + "/bedrock/v1", api_key=key, max_retries=0)
        found = client.chat.completions.with_raw_response
        try:
            answer = found.create(model="openai.gpt-oss-20b-1:0", messages=ASK)  # type: ignore[arg-type]
            assert answer.status_code == status
        except openai.APIStatusError as error:
            assert error.status_code == status
