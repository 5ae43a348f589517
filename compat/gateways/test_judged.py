"""What gateways make of conversations in OpenAI's format, held against the rules of the provider
that they translate them for: LiteLLM and Portkey, in front of a strict server.

What they get wrong is WRONG: a row that is no longer needed fails, as does what is wrong and has
none.  Each is skipped where it is not installed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Set

import pytest
from conftest import free_port, serving

pytest.importorskip("openai")
# LiteLLM would ask its repository for what models cost.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import openai  # noqa: E402
from by_openai import service_account, told  # noqa: E402
from harness import running  # noqa: E402
from judged import CONVERSATIONS  # noqa: E402

AWS = {"aws_access_key_id": "AKIAMOCK", "aws_secret_access_key": "secret"}
PUBLISHERS = "/v1/projects/p/locations/us-central1/publishers"


class Backend(NamedTuple):
    """A provider as a gateway knows it: model, path, and whatever else it needs."""

    model: str
    path: str = ""
    more: Dict[str, Any] = {}


# Backends of LiteLLM.
LITELLM = {
    "openai": Backend("openai/gpt-4o", "/v1"),
    "openai, a model that reasons": Backend("openai/gpt-5", "/v1"),
    "azure": Backend("azure/gpt-4o", "", {"api_version": "2025-04-01-preview"}),
    "anthropic": Backend("anthropic/claude-sonnet-4-5"),
    "gemini": Backend("gemini/gemini-2.5-flash", "/v1beta"),
    "gemini 3": Backend("gemini/gemini-3-pro-preview", "/v1beta"),
    "vertex_ai": Backend(
        "vertex_ai/gemini-2.5-flash", PUBLISHERS + "/google/models/gemini-2.5-flash"
    ),
    "bedrock": Backend("bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    "bedrock, Nova": Backend("bedrock/converse/us.amazon.nova-pro-v1:0"),
    "bedrock, by invoke": Backend("bedrock/invoke/us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    "cohere": Backend("cohere_chat/command-a-03-2025", "/v2/chat"),
    "mistral": Backend("mistral/mistral-large-latest", "/mistral/v1"),
    "ollama": Backend("ollama_chat/llama3.2"),
    "groq": Backend("groq/llama-3.3-70b-versatile", "/groq/openai/v1"),
    "deepseek": Backend("deepseek/deepseek-chat", "/deepseek"),
    "openrouter": Backend("openrouter/openai/gpt-4o", "/openrouter/api/v1"),
    "hosted_vllm": Backend("hosted_vllm/qwen", "/vllm/v1"),
}

# Providers of Portkey.
AZURE = {"azure-resource-name": "r", "azure-deployment-id": "gpt-4o"}
AZURE["azure-api-version"] = "2025-04-01-preview"
PORTKEY = {
    "openai": Backend("gpt-4o", "/v1"),
    "openai, a model that reasons": Backend("gpt-5", "/v1"),
    "azure-openai": Backend("gpt-4o", "/openai", AZURE),
    "anthropic": Backend("claude-sonnet-4-5", "/v1"),
    "google": Backend("gemini-2.5-flash"),
    "vertex-ai": Backend(
        "gemini-2.5-flash", "", {"vertex-project-id": "p", "vertex-region": "us-central1"}
    ),
    "bedrock": Backend(
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "",
        {
            "aws-access-key-id": "AKIAMOCK",
            "aws-secret-access-key": "secret",
            "aws-region": "us-east-1",
        },
    ),
    "cohere": Backend("command-a-03-2025", "/v2"),
    "mistral-ai": Backend("mistral-large-latest", "/mistral/v1"),
    "ollama": Backend("llama3.2"),
    "groq": Backend("llama-3.3-70b-versatile", "/groq/openai/v1"),
    "deepseek": Backend("deepseek-chat", "/deepseek"),
    "openrouter": Backend("openai/gpt-4o", "/openrouter/api"),
}

ALL_WITH_CALLS = (
    "tools, image and system prompt",
    "results in another order",
    "an empty result",
    "empty text beside calls",
    "history of tools without tools",
)
# What they get wrong, by gateway and backend: conversation, and the rules that are broken.
Wrong = Dict[str, Set[str]]
WRONG: Dict[str, Dict[str, Wrong]] = {
    "litellm": {
        # A property that is a `const` becomes an object without properties.
        "gemini": {
            "a rich schema": {"gemini/schema-object-empty"},
            "a stop and penalties": {"gemini/feature-off"},
        },
        "gemini 3": {"a rich schema": {"gemini/schema-object-empty"}},
        "bedrock": {"the assistant first": {"bedrock/first-user"}},
        "bedrock, Nova": {"the assistant first": {"bedrock/first-user"}},
        # Ids of calls go through as OpenAI makes them, and a tool's empty result not at all.
        "mistral": {
            **{name: {"mistral/call-id"} for name in ALL_WITH_CALLS},
            "an empty result": {"mistral/call-id", "mistral/count"},
        },
    },
    "portkey": {
        # `max_tokens` and what models that reason do not take go through.
        "openai, a model that reasons": {
            **{name: {"openai/max-tokens-reasoning"} for name in CONVERSATIONS},
            "tools, image and system prompt": {
                "openai/max-tokens-reasoning",
                "openai/temperature-reasoning",
            },
            "a stop and penalties": {
                "openai/max-tokens-reasoning",
                "openai/sampling-reasoning",
            },
        },
        "google": {"a rich schema": {"gemini/unknown-field", "gemini/schema-type-list"}},
        "vertex-ai": {"a rich schema": {"gemini/unknown-field", "gemini/schema-type-list"}},
        "bedrock": {
            "the assistant first": {"bedrock/first-user"},
            "history of tools without tools": {"bedrock/tool-config"},
        },
        # Results lose the id of their call.
        "cohere": {name: {"cohere/missing"} for name in ALL_WITH_CALLS},
        "mistral-ai": {name: {"mistral/call-id"} for name in ALL_WITH_CALLS},
    },
}

# What clients make of answers is no matter here, and shows where nothing was sent.
told_errors: List[Exception] = []


@pytest.fixture(scope="module")
def strict() -> Iterator[str]:
    """A server that refuses what the real provider would refuse."""
    with serving("--strict", "--fallback", "echo") as url:
        yield url


def broken_by(server: str, ask: Callable[[], None]) -> Dict[str, str]:
    """The rules that the requests break which something sends, refused or not, and what is said of
    each; it sends some."""
    assert told(server, "DELETE", "/__mock__/requests")[0] == 200
    ask()
    entries = told(server, "GET", "/__mock__/requests")[1]["requests"]
    entries = [one for one in entries if one["operation"] != "token"]
    assert entries, f"nothing was asked of the server: {told_errors[-1:]}"
    return {
        one["rule"]: one["message"]
        for entry in entries
        for one in entry["violations"]
        if "default" not in one
    }


def checked(gateway: str, backend: str, found: Dict[str, Dict[str, str]]) -> None:
    """That what is wrong with conversations is what the table says, and no less."""
    wanted = WRONG[gateway].get(backend, {})
    assert {name: set(rules) for name, rules in found.items() if rules} == wanted, found


@pytest.mark.parametrize("backend", LITELLM)
def test_what_litellm_makes_of_it_is_what_the_provider_takes(strict: str, backend: str) -> None:
    litellm = pytest.importorskip("litellm")
    litellm.telemetry, litellm.suppress_debug_info = False, True
    litellm.drop_params, litellm.num_retries = True, 0
    model, path, more = LITELLM[backend]
    more = {"api_key": "k", **more}
    if backend.startswith("bedrock"):
        more = {**AWS, "aws_region_name": "us-east-1", "aws_bedrock_runtime_endpoint": strict}
    else:
        more["api_base"] = strict + path
    if backend == "vertex_ai":
        more.update(vertex_project="p", vertex_location="us-central1")
        more["vertex_credentials"] = service_account(strict)

    def asking(conversation: Dict[str, Any]) -> Callable[[], None]:
        def ask() -> None:
            options = json.loads(json.dumps(conversation))  # some are changed on the way
            try:
                answer = litellm.completion(model=model, timeout=30, **more, **options)
                if options.get("stream"):
                    list(answer)
            except Exception as error:  # noqa: BLE001  what was sent is in the journal
                told_errors.append(error)

        return ask

    found = {name: broken_by(strict, asking(one)) for name, one in CONVERSATIONS.items()}
    checked("litellm", backend, found)


@pytest.fixture(scope="module")
def portkey(strict: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Portkey's gateway."""
    if "PORTKEY" not in os.environ:
        pytest.skip("no PORTKEY names where it is installed")
    program = Path(os.environ["PORTKEY"], "node_modules/@portkey-ai/gateway/build/start-server.js")
    port, folder = free_port(), tmp_path_factory.mktemp("portkey")
    command = ["node", str(program), "--headless", f"--port={port}"]
    url = f"http://127.0.0.1:{port}"
    with running(command, url, "/", folder, NODE_ENV="production"):
        yield url


@pytest.mark.parametrize("backend", PORTKEY)
def test_what_portkey_makes_of_it_is_what_the_provider_takes(
    strict: str, portkey: str, backend: str
) -> None:
    model, path, more = PORTKEY[backend]
    headers = {"provider": backend.partition(",")[0], "custom-host": strict + path, **more}
    client = openai.OpenAI(
        base_url=portkey + "/v1",
        api_key="k",
        max_retries=0,
        timeout=30,
        default_headers={f"x-portkey-{name}": value for name, value in headers.items()},
    )

    def asking(conversation: Dict[str, Any]) -> Callable[[], None]:
        def ask() -> None:
            try:
                answer: Any = client.chat.completions.create(model=model, **conversation)
                if conversation.get("stream"):
                    list(answer)
            except Exception as error:  # noqa: BLE001  what was sent is in the journal
                told_errors.append(error)

        return ask

    found = {name: broken_by(strict, asking(one)) for name, one in CONVERSATIONS.items()}
    checked("portkey", backend, found)


def test_the_readmes_example_is_refused_as_it_says(strict: str) -> None:
    litellm = pytest.importorskip("litellm")
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    text = readme.split("## What does your gateway get wrong?")[1]
    program = text.split("```python\n")[1].split("```")[0]
    message = text.split("```text\n")[1].split("```")[0].strip()
    with pytest.raises(litellm.BadRequestError) as caught:
        exec(program.replace("http://127.0.0.1:5001", strict), {})  # noqa: S102
    assert str(caught.value).strip() == message
