"""Nothing normal is refused: what anthropic's clients send for all that Claude can do, and what a
coding agent sends, passes a strict server."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterator, List
from urllib.request import Request, urlopen

import pytest
from conftest import serving

anthropic = pytest.importorskip("anthropic")

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mMwTpsJAAICATNoejH4AAAAAElFTkSuQmCC"
USER = {"role": "user", "content": "Hi"}
MARK = {"cache_control": {"type": "ephemeral"}}
CITY = {"type": "object", "properties": {"city": {"oneOf": [{"type": "string"}]}}}
TOOL = {"name": "f", "description": "Tells.", "input_schema": CITY}
TOOLS: List[Any] = [
    {**TOOL, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    {**TOOL, "type": None, "name": "g", "defer_loading": False, "input_examples": [{"city": "a"}]},
    {**TOOL, "type": "custom", "name": "h", "strict": True},
    {"type": "bash_20250124", "name": "bash"},
    {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 9},
]
IMAGE = {"type": "base64", "media_type": "image/png", "data": PNG}
SHOWN = {"type": "image", "source": IMAGE}
SHOWING = [
    {"type": "text", "text": "What is it?", **MARK},
    SHOWN,
    {"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}},
    {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="},
        "title": "a",
        "context": "b",
        "citations": {"enabled": True},
    },
    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}},
    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
    {
        "type": "search_result",
        "source": "https://e.com",
        "title": "a",
        "content": [{"type": "text", "text": "b"}],
    },
]
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
CALLING = [
    THOUGHT,
    {"type": "redacted_thinking", "data": "x"},
    {"type": "text", "text": "I look.", "citations": None},
    {"type": "tool_use", "id": "toolu_a", "name": "f", "input": {"city": "Oslo"}},
    {"type": "tool_use", "id": "toolu_b", "name": "bash", "input": {}},
]
RESULTS = [
    {"type": "tool_result", "tool_use_id": "toolu_b", "content": [SHOWN]},
    {"type": "tool_result", "tool_use_id": "toolu_a", "content": "none", "is_error": True},
    {"type": "text", "text": "So?"},
]
TALK: List[Any] = [
    {"role": "user", "content": SHOWING},
    {"role": "assistant", "content": CALLING},
    {"role": "user", "content": RESULTS},
]
SYSTEM: List[Any] = [{"type": "text", "text": "Be brief.", **MARK}]
FORMAT = {"type": "json_schema", "schema": {"type": "object", "properties": {}}}
MEMORY: List[Any] = [{"type": "memory_20250818", "name": "memory"}]
Requests = Iterator[Callable[[], Any]]


def on_any_host(client: Any, model: str) -> Requests:
    """What is sent to Claude wherever it is."""
    limit: Dict[str, Any] = {"model": model, "max_tokens": 4000}
    create, beta = client.messages.create, client.beta.messages.create
    adaptive = {"type": "adaptive"}
    yield lambda: create(
        messages=TALK,
        system=SYSTEM,
        tools=TOOLS,
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        thinking=adaptive,
        metadata={"user_id": "u"},
        stop_sequences=["\n\nX"],
        output_config={"effort": "high", "format": FORMAT},
        **limit,
    )
    for choice in ({"type": "any"}, {"type": "tool", "name": "bash"}, {"type": "none"}):
        yield lambda choice=choice: create(
            messages=[USER], tools=TOOLS, tool_choice=choice, **limit
        )
    answer = create(messages=[USER], **limit)
    talk = [USER, {"role": "assistant", "content": answer.content}, USER]
    yield lambda: list(create(messages=talk, stream=True, **limit))
    managed = {"edits": [{"type": "clear_tool_uses_20250919"}]}
    betas = ["context-management-2025-06-27"]
    yield lambda: beta(
        messages=[USER], betas=betas, context_management=managed, tools=MEMORY, **limit
    )


def to_older_models(client: Any, model: str) -> Requests:
    """What only the models before the fifth take."""
    limit: Dict[str, Any] = {"model": model, "max_tokens": 4000}
    enabled = {"type": "enabled", "budget_tokens": 1024}
    create = client.messages.create
    yield lambda: create(
        messages=TALK, tools=TOOLS, thinking=enabled, extra_body={"temperature": 1}, **limit
    )
    begun = [USER, {"role": "assistant", "content": "{"}]
    yield lambda: create(messages=begun, extra_body={"temperature": 0.5, "top_k": 5}, **limit)
    yield lambda: create(
        messages=[USER],
        thinking={**enabled, "budget_tokens": 9000},
        extra_headers={"anthropic-beta": "interleaved-thinking-2025-05-14"},
        **limit,
    )


SEARCHED = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "a"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
]
ASKED = [
    {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "a", "server_name": "m", "input": {}},
    {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "content": [], "is_error": False},
]
SERVER_TOOLS: List[Any] = [
    {"type": "web_search_20250305", "name": "web_search", "max_uses": 1},
    {"type": "web_fetch_20260318", "name": "web_fetch"},
    {"type": "code_execution_20260521", "name": "code_execution"},
    {"type": "tool_search_tool_bm25", "name": "tool_search_tool_bm25"},
]


def to_anthropic(client: Any) -> Requests:
    """What only Anthropic itself has: tools of its servers, betas, messages in between."""
    limit: Dict[str, Any] = {"model": "claude-opus-5", "max_tokens": 64}
    create, beta = client.messages.create, client.beta.messages.create
    paused = [USER, {"role": "assistant", "content": SEARCHED[:1]}]
    note = {"role": "system", "content": "It is late."}
    yield lambda: create(messages=paused, tools=SERVER_TOOLS, **limit)
    searched = [USER, {"role": "assistant", "content": SEARCHED}, note, USER]
    yield lambda: create(messages=searched, tools=SERVER_TOOLS, **MARK, **limit)
    asked = [USER, {"role": "assistant", "content": ASKED}, USER]
    yield lambda: beta(
        betas=["mcp-client-2025-11-20"],
        mcp_servers=[{"type": "url", "name": "m", "url": "https://e.com"}],
        tools=[{"type": "mcp_toolset", "mcp_server_name": "m"}],
        messages=asked,
        **limit,
    )
    uploaded = [{"type": "container_upload", "file_id": "file_1"}]
    yield lambda: beta(
        betas=["skills-2025-10-02", "code-execution-2025-08-25"],
        container={"skills": [{"type": "anthropic", "skill_id": "pdf", "version": "latest"}]},
        messages=[{"role": "user", "content": uploaded}],
        tools=[{"type": "code_execution_20250825", "name": "code_execution"}],
        **limit,
    )
    fallback = "server-side-fallback-2026-07-01"
    yield lambda: beta(betas=[fallback], fallbacks="default", messages=[USER], **limit)
    summary = {"type": "summarize"}
    yield lambda: beta(betas=["compact-2026-09-04"], compaction=summary, messages=[USER], **limit)
    counted: Dict[str, Any] = {"model": "claude-opus-5", "messages": TALK, "tools": TOOLS}
    yield lambda: client.messages.count_tokens(system=SYSTEM, **counted)


def test_what_clients_send_to_claude_is_not_refused() -> None:
    older = "claude-sonnet-4-5"
    with serving("--strict", "--fallback", "echo") as url:
        own = anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)
        vertex = anthropic.AnthropicVertex(
            base_url=url + "/v1", region="us-east5", project_id="p", access_token="t"
        )
        bedrock = anthropic.AnthropicBedrock(
            base_url=url, aws_access_key="AKIAMOCK", aws_secret_key="s", aws_region="us-east-1"
        )
        asked = [*on_any_host(own, "claude-opus-5"), *to_anthropic(own)]
        hosts = (
            (own, older),
            (own, "a-model-of-ones-own"),
            (vertex, older + "@20250929"),
            (bedrock, f"us.anthropic.{older}-20250929-v1:0"),
        )
        for client, model in hosts:
            asked += [*on_any_host(client, model), *to_older_models(client, model)]
        asked.append(lambda: vertex.messages.count_tokens(model=older, messages=TALK, tools=TOOLS))
        for ask in asked:
            ask()  # which raises what is refused


def test_what_a_coding_agent_sends_is_not_refused() -> None:
    hour = {"type": "ephemeral", "ttl": "1h"}
    body = {
        "model": "claude-sonnet-4-5-20250929",
        "max_tokens": 32000,
        "stream": True,
        "temperature": 1,
        "metadata": {"user_id": "user_a_account__session_b"},
        "thinking": {"type": "enabled", "budget_tokens": 31999},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "system": [
            {"type": "text", "text": "You are an agent.", "cache_control": hour},
            {"type": "text", "text": "Rules.", "cache_control": {**hour, "scope": "global"}},
        ],
        "tools": [{**TOOL, "eager_input_streaming": True}],
        "tool_choice": {"type": "auto"},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", **MARK}]}],
    }
    betas = ("context-management-2025-06-27", "prompt-caching-scope-2026-01-05")
    headers = {
        "Content-Type": "application/json",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": ",".join(("claude-code-20250219", "oauth-2025-04-20", *betas)),
    }
    with serving("--strict", "--fallback", "echo") as url:
        for path in ("/v1/messages?beta=true", "/v1/messages/count_tokens?beta=true"):
            request = Request(url + path, json.dumps(body).encode(), headers)
            with urlopen(request, timeout=10) as answer:
                assert answer.status == 200


def test_what_is_refused_is_a_bad_request_of_the_sdk_on_each_host() -> None:
    lonely: Any = [USER, {"role": "assistant", "content": CALLING}, USER]
    said = "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after"
    with serving("--strict", "--fallback", "echo") as url:
        own = anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)
        vertex = anthropic.AnthropicVertex(
            base_url=url + "/v1", region="us-east5", project_id="p", access_token="t"
        )
        bedrock = anthropic.AnthropicBedrock(
            base_url=url, aws_access_key="AKIAMOCK", aws_secret_key="s", aws_region="us-east-1"
        )
        for client, prefix in ((own, "req_011"), (vertex, "req_vrtx_"), (bedrock, "")):
            for stream in (False, True):
                with pytest.raises(anthropic.BadRequestError, match=said) as wrong:
                    client.messages.create(
                        model="claude-sonnet-4-5", max_tokens=9, messages=lonely, stream=stream
                    )
                assert (wrong.value.request_id or "").startswith(prefix)
