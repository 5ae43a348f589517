"""boto3: guardrails of Bedrock, applied and checked, against the server; and Azure AI Content
Safety's client, where it is installed."""

from __future__ import annotations

from typing import Any, Iterator

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

MASK = {
    "sensitiveInformationPolicy": {
        "piiEntities": [
            {"match": "a@b.c", "type": "EMAIL", "action": "ANONYMIZED", "detected": True}
        ],
        "regexes": [],
    }
}
MODERATED = [
    ("hello", {"text": "fine"}),
    ("bad", {"refusal": "Not this."}),
    ("filtered", {"finish_reason": "content_filter"}),
    ("mine is a@b.c", {"parts": [{"block": MASK}, {"text": "mine is {EMAIL}"}]}),
    ("no such guardrail", {"error": {"kind": "not_found"}}),
    ("busy", {"error": {"kind": "rate_limit"}}),
]
MOCKS = [
    {"match": {"operation": "moderate", "user": user}, "response": response}
    for user, response in MODERATED
]


def connect(server: str, **settings: Any) -> Any:
    """A client that does not retry."""
    config = Config(retries={"max_attempts": 1, "mode": "standard"}, **settings)
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=server,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=config,
    )


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[Any]:
    """One for all tests."""
    found = connect(server)
    yield found
    found.close()


def apply(client: Any, text: str, **more: Any) -> Any:
    """What a guardrail says of a text."""
    return client.apply_guardrail(
        guardrailIdentifier="arn:aws:bedrock:us-east-1:1:guardrail/gr1",
        guardrailVersion="DRAFT",
        source="INPUT",
        content=[{"text": {"text": text, "qualifiers": ["guard_content"]}}],
        **more,
    )


def test_a_guardrail_lets_through_blocks_and_masks(client: Any) -> None:
    found = apply(client, "hello")
    assert (found["action"], found["outputs"]) == ("NONE", [])
    assert found["usage"]["contentPolicyUnits"] == 1
    assert found["guardrailCoverage"]["textCharacters"] == {"guarded": 5, "total": 5}
    for text, said in (("bad", "Not this."), ("filtered", "Sorry, the model cannot answer")):
        found = apply(client, text)
        assert found["action"] == "GUARDRAIL_INTERVENED"
        assert found["outputs"][0]["text"].startswith(said)
        (filtered,) = found["assessments"][0]["contentPolicy"]["filters"]
        assert filtered["action"] == "BLOCKED"
    found = apply(client, "mine is a@b.c")
    assert found["outputs"] == [{"text": "mine is {EMAIL}"}]
    assert found["assessments"] == [MASK]


def test_a_full_answer_tells_of_all_filters(client: Any) -> None:
    for text in ("hello", "bad"):
        filters = apply(client, text, outputScope="FULL")["assessments"][0]["contentPolicy"]
        blocked = [one for one in filters["filters"] if one["action"] == "BLOCKED"]
        assert len(filters["filters"]) == 6 and len(blocked) == (text == "bad")


def test_errors_are_those_of_the_guardrail(client: Any, guarded: str) -> None:
    errors = client.exceptions
    with pytest.raises(errors.ResourceNotFoundException):
        apply(client, "no such guardrail")
    with pytest.raises(errors.ThrottlingException):
        apply(client, "busy")
    with pytest.raises(errors.ValidationException, match="enum value set: .INTERVENTIONS, FULL"):
        apply(client, "hello", outputScope="ALL")
    assert apply(connect(guarded), "hello")["action"] == "NONE"
    with pytest.raises(ClientError) as caught:
        apply(connect(guarded, signature_version=UNSIGNED), "hello")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_checks_are_scores_of_what_is_asked_for(client: Any) -> None:
    if not hasattr(client, "invoke_guardrail_checks"):
        pytest.skip("this boto3 is older")
    for text, score in (("hello", 0.0), ("bad", 1.0)):
        found = client.invoke_guardrail_checks(
            messages=[{"role": "user", "content": [{"text": text}]}],
            checks={
                "contentFilter": {"categories": [{"category": "HATE"}]},
                "sensitiveInformation": {"entities": [{"type": "EMAIL"}]},
            },
        )
        (hate,) = found["results"]["contentFilter"]["results"]
        assert hate == {"category": "HATE", "severityScore": score}
        assert found["results"]["sensitiveInformation"]["results"] == []
        assert found["usage"]["contentFilter"]["textUnits"] == 1


def test_azures_client_reads_severities_and_errors(guarded: str) -> None:
    safety = pytest.importorskip("azure.ai.contentsafety")
    core = pytest.importorskip("azure.core")
    key = core.credentials.AzureKeyCredential("k")
    with safety.ContentSafetyClient(guarded, key, retry_total=0) as client:
        for text, worst in (("hello", 0), ("bad", 6)):
            options = safety.models.AnalyzeTextOptions(text=text)
            found = client.analyze_text(options).categories_analysis
            assert [one.category for one in found] == ["Hate", "SelfHarm", "Sexual", "Violence"]
            assert max(one.severity for one in found) == worst
        with pytest.raises(core.exceptions.HttpResponseError) as caught:
            client.analyze_text({"text": "hello", "categories": ["Rage"]})
        assert caught.value.status_code == 400
        assert caught.value.error.code == "InvalidRequestBody"
        with pytest.raises(core.exceptions.HttpResponseError) as caught:
            client.analyze_text({"text": "busy"})
        assert caught.value.status_code == 429
