"""The control API as tests of a gateway use it: openai in sessions of one server, and Prometheus'
own parser."""

from __future__ import annotations

import hashlib
import json
from http.client import HTTPConnection
from typing import Any

import openai
import pytest
from openai import OpenAI
from prometheus_client.parser import text_string_to_metric_families

MOCKS = [{"match": {"user": "from a file"}, "response": {"text": "from a file"}}]


def control(server: str, method: str, path: str, body: Any = None) -> Any:
    """The JSON, or the text, that a control request gets."""
    connection = HTTPConnection(server.partition("://")[2], timeout=10)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        data = response.read()
        return (
            json.loads(data)
            if response.headers["Content-Type"].startswith("application/json")
            else data.decode()
        )
    finally:
        connection.close()


def ask(client: OpenAI, user: str) -> Any:
    """What a chat completion says."""
    found = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": user}]
    )
    return found.choices[0].message.content


def test_each_session_has_its_own_mocks_and_journal_and_all_have_those_from_files(
    server: str,
) -> None:
    for name in ("one", "two"):
        control(
            server,
            "POST",
            f"/@{name}/__mock__/mocks",
            {"match": {"user": "who"}, "response": {"text": name}},
        )
        with OpenAI(base_url=f"{server}/@{name}/v1", api_key=f"sk-{name}", max_retries=0) as client:
            assert [ask(client, "who"), ask(client, "from a file")] == [name, "from a file"]
        entries = control(
            server, "POST", f"/@{name}/__mock__/requests/wait", {"count": 2, "ended": "complete"}
        )["requests"]
        assert [entry["user"] for entry in entries] == ["who", "from a file"]
        assert (
            hashlib.sha256(f"sk-{name}".encode()).hexdigest()[:8]
            in entries[0]["headers"]["authorization"]
        )
        assert f"sk-{name}" not in json.dumps(entries)


def test_a_client_says_what_it_gets_by_a_header_and_a_miss_explains_itself(server: str) -> None:
    response = {"error": {"kind": "rate_limit", "message": "slow down"}}
    headers = {"X-Mock-Response": json.dumps(response), "X-Mock-Session": "three"}
    with OpenAI(
        base_url=server + "/v1", api_key="k", max_retries=0, default_headers=headers
    ) as client, pytest.raises(openai.RateLimitError, match="slow down"):
        ask(client, "anything")
    with OpenAI(
        base_url=server + "/@three/v1", api_key="k", max_retries=0
    ) as client, pytest.raises(openai.NotFoundError, match="no mock matches"):
        ask(client, "from a fil")
    (missed,) = control(server, "GET", "/@three/__mock__/requests?unmatched=1")["requests"]
    assert missed["near_misses"][0]["differences"] == [
        {"key": "user", "got": "from a fil", "expected": "from a file"}
    ]


def test_the_metrics_are_read_by_the_official_parser(server: str) -> None:
    with OpenAI(base_url=server + "/@metrics/v1", api_key="k", max_retries=0) as client:
        ask(client, "from a file")
    control(server, "POST", "/@metrics/__mock__/requests/wait", {"ended": "complete"})
    families = {
        family.name: family
        for family in text_string_to_metric_families(control(server, "GET", "/__mock__/metrics"))
    }
    samples = families["mock_server_requests"].samples
    found = [
        sample.value
        for sample in samples
        if sample.labels
        == {"provider": "openai", "api": "chat", "status": "200", "matched": "true"}
    ]
    assert len(found) == 1 and found[0] >= 1 and families["mock_server_requests"].type == "counter"
    assert families["mock_server_uptime_seconds"].samples[0].value > 0
    assert families["mock_server_info"].samples[0].labels["version"]


def test_prometheus_reads_the_metrics_of_a_model_server_as_a_test_sets_them(server: str) -> None:
    scraped = {}
    for session, value in (("pod-a", 7), ("pod-b", 0.5)):
        path = f"/@{session}/__mock__/metrics/vllm:num_requests_waiting"
        control(server, "PUT", path, {"value": value, "labels": {"model_name": 'a "b"'}})
        families = text_string_to_metric_families(control(server, "GET", f"/@{session}/metrics"))
        scraped[session] = {family.name: family for family in families}
        (sample,) = scraped[session]["vllm:num_requests_waiting"].samples
        assert (sample.value, sample.labels["model_name"]) == (value, 'a "b"')
    kinds = {name: family.type for name, family in scraped["pod-a"].items()}
    assert kinds["vllm:prompt_tokens"] == "counter"
    assert kinds["vllm:time_to_first_token_seconds"] == "histogram"
    buckets = scraped["pod-a"]["vllm:time_to_first_token_seconds"].samples
    assert buckets[-3].labels["le"] == "+Inf" and buckets[-1].name.endswith("_count")
