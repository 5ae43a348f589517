"""Requests of these tests that the real provider would refuse, each with the reason why it is sent:
a test that wants to be refused, or a bug of an SDK or a gateway.  A row that is no longer needed
fails (test_strict_requests.py)."""

from __future__ import annotations

from typing import NamedTuple, Tuple


class Refused(NamedTuple):
    """A test, by its file and name, the rules that its requests break, and why they do."""

    test: Tuple[str, str]
    rules: Tuple[str, ...]
    why: str


BAD_REQUEST = "a request that is wrong on purpose is to raise what the SDK has for it"


def refused(file: str, name: str, *rules: str, why: str = BAD_REQUEST) -> Refused:
    """A row."""
    return Refused((file, name), rules, why)


REFUSED: Tuple[Refused, ...] = (
    refused(
        "test_openai",
        "test_a_request_that_the_api_refuses_is_a_bad_request",
        "openai/messages-empty",
    ),
    refused(
        "test_responses", "test_a_request_that_the_api_refuses_is_a_bad_request", "responses/types"
    ),
    refused(
        "test_anthropic",
        "test_a_request_that_the_api_refuses_is_a_bad_request",
        "anthropic/messages-empty",
    ),
    refused(
        "test_google", "test_a_request_that_the_api_refuses_is_an_invalid_argument", "gemini/role"
    ),
    refused(
        "test_bedrock",
        "test_a_request_that_the_api_refuses_is_a_validation_exception",
        "bedrock/first-user",
        "anthropic/types",
    ),
    refused(
        "test_mistral",
        "test_a_request_that_the_api_refuses_is_a_validation_error",
        "mistral/limits",
    ),
    refused(
        "test_routers",
        "test_a_router_leaves_a_worker_alone_that_says_it_is_not_healthy",
        "openai/unknown-field",
        why="routers of model servers send fields that only those have, and here OpenAI is asked",
    ),
    refused("test_ollama", "test_a_request_without_a_model_is_a_bad_request", "ollama/body"),
    refused(
        "test_recording_bytes",
        "test_every_wire_format_is_forwarded_and_replayed_byte_for_byte",
        *("azure/api-version-missing", "anthropic/version-header", "bedrock/on-demand"),
        why="of each wire format the shortest request is sent that it can read",
    ),
    refused(
        "test_recording",
        "test_a_conversation_that_goes_on_by_its_id_is_replayed",
        "responses/previous-not-found",
        why="what is recorded was issued by another server",
    ),
)
