"""What users rely on, seen from outside: the program, HTTP, MockServer, the data and the README.

They need pytest and nothing else, use loopback and free ports only, and never sleep for a fixed
time.  They run on the one file, and on the package if that is what `import mock_server` gives; the
rooms' own tests are in tests/.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
import http.client
import importlib.util
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import types
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

sys.dont_write_bytecode = True

import pytest  # noqa: E402
from mocked import BASE  # noqa: E402
from samples import (  # noqa: E402
    BEDROCK,
    CHAT,
    CHATS,
    COUNTS,
    EMBEDS,
    GEMINI,
    GENERATE,
    MISTRAL,
    OWNER_HEADERS,
    SAMPLES,
    VERTEX_CLAUDE,
    answerer,
    ask,
    bytes_of,
    call_of,
    complaint_of,
    request_of,
    said,
    wire_of,
)

import mock_server as m  # noqa: E402
from mock_server import MockServer  # noqa: E402

HERE = Path(__file__).resolve().parent
POEM = "Compose a poem that explains the concept of recursion in programming."
SYSTEM = "You are a poetic assistant, skilled in explaining complex programming concepts with creative flair."

# === Routing =================================================================


def test_every_wire_format_has_a_sample() -> None:
    assert set(SAMPLES) == {type(wire) for wire in m.WIRE_FORMATS}


PATH_OWNERS = [(sample[0], path, kind) for kind, sample in SAMPLES.items() for path in (sample[1], sample[2]) if path] + [
    ("POST", "/chat/completions", m.OpenAIChat),
    ("POST", "/api/v1/chat/completions", m.OpenAIChat),
    ("POST", "/groq/openai/v1/chat/completions", m.OpenAIChat),
    ("POST", "/openai/v1/chat/completions", m.AzureChat),
    ("POST", "/openai/v1/completions", m.AzureCompletions),
    ("POST", "/openai/v1/embeddings", m.AzureEmbeddings),
    ("POST", "/compat/v1/embeddings", m.OpenAIEmbeddings),
    ("POST", "/together/v1/completions", m.OpenAICompletions),
    ("POST", "/openai/v1/moderations", m.AzureModerations),
    ("GET", "/openai/v1/models/gpt-4o", m.AzureModels),
    ("GET", "/v1/models/meta-llama/Llama-3", m.OpenAIModels),
    ("GET", "/models", m.OpenAIModels),
    ("GET", "/v1beta/models/gemini-2.5-flash", m.GeminiModels),
    ("POST", "/v1/models/g:generateContent", m.GeminiGenerate),
    ("POST", "/v1beta/tunedModels/mine:generateContent", m.GeminiGenerate),
    ("POST", GEMINI + "%3AgenerateContent", m.GeminiGenerate),
    ("POST", "/v1alpha/models/g:streamGenerateContent", m.GeminiGenerate),
    ("POST", "/v1beta1/publishers/google/models/g:generateContent", m.VertexGenerate),
    ("POST", "/v1/projects/p/locations/l/endpoints/123:streamGenerateContent", m.VertexGenerate),
    ("POST", "/v1/projects/p/locations/l/publishers/meta/models/llama:generateContent", m.VertexGenerate),
    ("GET", "/v1/projects/p/locations/l/publishers/google/models/g", m.VertexModels),
    ("POST", "/openai/responses", m.AzureResponses),
    ("POST", "/openrouter/api/v1/responses", m.OpenAIResponses),
    ("POST", "/v1alpha/openai/chat/completions", m.GeminiChat),
    ("POST", "/v1beta1/projects/p/locations/l/endpoints/openapi/chat/completions", m.VertexChat),
    ("POST", "/anthropic/v1/messages", m.AnthropicMessages),
    ("POST", "/anthropic/v1/messages/count_tokens", m.AnthropicCountTokens),
    ("POST", "/v1/projects/p/locations/l/publishers/anthropic/models/claude%3ArawPredict", m.VertexMessages),
    ("POST", "/model/anthropic.claude-3-haiku-20240307-v1:0/converse", m.BedrockConverse),
    ("POST", "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke", m.BedrockClaude),
    ("POST", "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fabc/invoke", m.BedrockClaude),
    ("POST", "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Famazon.nova-pro-v1%3A0/invoke", m.BedrockNova),
    ("POST", "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fmeta.llama3/invoke", m.BedrockOther),
    ("POST", "/model/mistral.mistral-large-2402-v1:0/invoke-with-response-stream", m.BedrockOther),
    ("POST", "/model/amazon.titan-embed-image-v1/invoke", m.BedrockTitanEmbed),
    ("POST", "/model/amazon.titan-text-express-v1/invoke", m.BedrockOther),
    ("POST", "/cohere/v2/chat", m.CohereChat),
    ("POST", "/cohere/v2/embed", m.CohereEmbed),
    ("POST", "/compatibility/v1/chat/completions", m.OpenAIChat),
    ("POST", "/ollama/api/chat", m.OllamaChat),
    ("POST", "/codestral/v1/fim/completions", m.MistralFIM),
    ("GET", "/v1/openai/models", m.OpenAIModels),
    ("GET", "/api/paas/v4/models", m.OpenAIModels),
    ("GET", "/api/v3/models/x", m.OpenAIModels),
    ("GET", "/v1/models/ft:open-mistral-7b:abc", m.MistralModels),
    ("POST", "/model/amazon.nova-canvas-v1:0/invoke", m.BedrockOther),
    ("POST", "/model/amazon.nova-2-multimodal-embeddings-v1:0/invoke", m.BedrockOther),
]


@pytest.mark.parametrize("method, path, owner", PATH_OWNERS)
def test_every_path_has_one_owner(method: str, path: str, owner: type) -> None:
    request = m.Request(method, path, headers=OWNER_HEADERS.get(owner, {}))
    assert [type(wire) for wire, _ in m.owners(method, path) if wire.owns(request)] == [owner]


@pytest.mark.parametrize(
    "headers, query, owner",
    [
        ({}, {}, m.OpenAIModels),
        ({"authorization": "Bearer k"}, {}, m.OpenAIModels),
        ({"x-goog-api-key": "k"}, {}, m.GeminiModels),
        ({}, {"key": "k"}, m.GeminiModels),
        ({"anthropic-version": "2023-06-01"}, {}, m.AnthropicModels),
        (MISTRAL, {}, m.MistralModels),
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/some-model"])
def test_the_shared_models_path_is_told_apart_by_what_its_clients_send(path: str, headers: Any, query: Any, owner: type) -> None:
    assert type(m.route(m.Request("GET", path, query, headers))[0]) is owner


@pytest.mark.parametrize(
    "target, path, query",
    [
        ("/v1//chat///completions", "/v1/chat/completions", {}),
        ("/a?x=1&y=a+b%21&x=2&z", "/a", {"x": "2", "y": "a b!", "z": ""}),
        ("/a?%24alt=json%3Benum-encoding%3Dint", "/a", {"$alt": "json;enum-encoding=int"}),
        ("http://host:80/v1/models?key=k", "/v1/models", {"key": "k"}),
        ("/a%2Fb", "/a%2Fb", {}),
    ],
)
def test_a_target_is_a_path_as_sent_and_a_decoded_query(target: str, path: str, query: Any) -> None:
    assert m.parse_target(target) == (path, query)


@pytest.mark.parametrize(
    "path, model",
    [
        (GEMINI + ":generateContent", "gemini-2.5-flash"),
        ("/v1beta/models/a%2Fb%3Av1%3AgenerateContent", "a/b:v1"),
        ("/openai/deployments/my%20model/chat/completions", "my model"),
        ("/v1beta/tunedModels/x%25y:generateContent", "x%y"),
    ],
)
def test_a_segment_is_decoded_after_the_path_was_matched(path: str, model: str) -> None:
    assert m.route(m.Request("POST", path))[1]["model"] == model


@pytest.mark.parametrize(
    "path, shape, near",
    [
        ("/v1/chat/completons", m.OpenAIChat, "POST /v1/chat/completions"),
        ("/v1beta/models/g:generateContents", m.GeminiGenerate, "POST /v1beta/models/{model}:generateContent"),
        ("/openai/deployments/d/chat/completion", m.AzureChat, "POST /openai/deployments/{model}/chat/completions"),
    ],
)
def test_an_unknown_path_is_told_the_nearest_known_one_in_its_providers_shape(path: str, shape: type, near: str) -> None:
    answered = answerer().answer(m.Request("POST", path, body=b"{}"))
    assert answered.response.status == 404 and answered.wire is not None and answered.wire.provider == shape.provider
    assert near in complaint_of(answered.response.body)


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("GET", "/v1/chat/completions", "POST, OPTIONS"),
        ("POST", "/v1/models", "GET, HEAD, OPTIONS"),
        ("DELETE", "/", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_gets_405_with_allow(method: str, path: str, allowed: str) -> None:
    response = answerer().answer(m.Request(method, path)).response
    assert response.status == 405 and ("Allow", allowed) in response.headers


def test_a_very_long_segment_is_a_name_like_any_other() -> None:
    assert answerer().answer(m.Request("GET", "/v1/models/" + "x" * 5000)).response.status == 200


def test_health_is_answered_at_the_root() -> None:
    assert json.loads(answerer().answer(m.Request("GET", "/")).response.body) == {"status": "healthy", "service": "mock-provider"}


# === Reading requests ========================================================

TURNS = [("user", "first"), ("assistant", "one"), ("user", "second"), ("tool", "22 °C")]


@pytest.mark.parametrize(
    "kind, body",
    [
        (
            m.OpenAIChat,
            {
                "model": "x",
                "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "g"}}],
                "messages": [
                    {"role": "developer", "content": "A"},
                    {"role": "system", "content": [{"type": "text", "text": "B"}]},
                    {"role": "user", "content": "first"},
                    {"role": "tool", "content": "old", "tool_call_id": "c"},
                    {"role": "assistant", "content": "one"},
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "sec"},
                            {"type": "image_url", "image_url": {}},
                            {"type": "text", "text": "ond"},
                        ],
                    },
                    {"role": "assistant", "content": None, "tool_calls": [{}]},
                    {"role": "tool", "content": [{"type": "text", "text": "22 °C"}], "tool_call_id": "c"},
                ],
            },
        ),
        (
            m.GeminiGenerate,
            {
                "tools": [{"function_declarations": [{"name": "f"}]}, {"functionDeclarations": [{"name": "g"}]}],
                "system_instruction": {"parts": [{"text": "A"}, {"text": "B"}]},
                "contents": [
                    {"parts": {"text": "first"}},
                    {"role": "function", "parts": [{"functionResponse": {"response": {"r": "old"}}}]},
                    {"role": "model", "parts": [{"text": "one"}]},
                    {"role": "user", "parts": [{"text": "sec"}, {"inlineData": {}}, {"text": "ond"}]},
                    {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
                    {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "22 °C"}}}]},
                ],
            },
        ),
        (
            m.OpenAIResponses,
            {
                "model": "x",
                "instructions": "A",
                "tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "custom", "name": "g"}],
                "input": [
                    {"role": "developer", "content": [{"type": "input_text", "text": "B"}]},
                    {"role": "user", "content": "first"},
                    {"type": "function_call_output", "call_id": "c", "output": "old"},
                    {"type": "reasoning", "id": "rs_1", "summary": []},
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "one"}]},
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_text", "text": "sec"},
                            {"type": "input_image", "image_url": "data:"},
                            {"type": "input_file", "file_id": "f"},
                            {"type": "input_text", "text": "ond"},
                        ],
                    },
                    {"type": "reasoning", "id": "rs_2", "summary": []},
                    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                    {"type": "function_call", "call_id": "d", "name": "g", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "22 °C"}]},
                ],
            },
        ),
        (
            m.AnthropicMessages,
            {
                "model": "x",
                "max_tokens": 1,
                "system": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
                "tools": [{"name": "f", "input_schema": {}}, {"type": "web_search_20250305", "name": "g"}],
                "messages": [
                    {"role": "user", "content": "first"},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "old"}]},
                    {
                        "role": "assistant",
                        "content": [{"type": "thinking", "thinking": "h", "signature": "s"}, {"type": "text", "text": "one"}],
                    },
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "sec"},
                            {"type": "image", "source": {}},
                            {"type": "document", "source": {}},
                            {"type": "text", "text": "ond"},
                        ],
                    },
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "22 °C"}]}],
                    },
                ],
            },
        ),
        (
            m.BedrockConverse,
            {
                "system": [{"text": "A"}, {"text": "B"}, {"cachePoint": {"type": "default"}}],
                "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}, {"toolSpec": {"name": "g"}}, {"cachePoint": {}}]},
                "messages": [
                    {"role": "user", "content": [{"text": "first"}]},
                    {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "old"}]}}]},
                    {"role": "assistant", "content": [{"reasoningContent": {}}, {"text": "one"}]},
                    {"role": "user", "content": [{"text": "sec"}, {"image": {}}, {"document": {}}, {"text": "ond"}]},
                    {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}]},
                    {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "22 °C"}]}}]},
                ],
            },
        ),
        (
            m.CohereChat,
            {
                "model": "x",
                "tools": [{"type": "function", "function": {"name": name}} for name in "fg"],
                "messages": [
                    {"role": "system", "content": "A"},
                    {"role": "system", "content": [{"type": "text", "text": "B"}]},
                    {"role": "user", "content": "first"},
                    {"role": "tool", "tool_call_id": "t", "content": "old"},
                    {"role": "assistant", "content": "one"},
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "sec"},
                            {"type": "image_url", "image_url": {}},
                            {"type": "text", "text": "ond"},
                        ],
                    },
                    {"role": "assistant", "tool_plan": "p", "tool_calls": [{}]},
                    {"role": "tool", "tool_call_id": "t", "content": [{"type": "text", "text": "22 °C"}]},
                ],
            },
        ),
        (
            m.OllamaChat,
            {
                "model": "x",
                "tools": [{"type": "function", "function": {"name": name}} for name in "fg"],
                "messages": [
                    {"role": "system", "content": "A"},
                    {"role": "system", "content": "B"},
                    {"role": "user", "content": "first"},
                    {"role": "tool", "tool_name": "f", "content": "old"},
                    {"role": "assistant", "content": "one"},
                    {"role": "user", "content": "sec\nond", "images": ["aGk="]},
                    {"role": "assistant", "content": "", "tool_calls": [{}]},
                    {"role": "tool", "tool_name": "f", "content": "22 °C"},
                ],
            },
        ),
    ],
)
def test_a_conversation_reads_the_same_whoever_the_provider_is(kind: type, body: Any) -> None:
    call = call_of(kind, body=body)
    assert (call.user, call.system, call.tool_result, call.turn, call.tools) == ("sec\nond", "A\nB", "22 °C", 2, ("f", "g"))


@pytest.mark.parametrize(
    "kind, body",
    [
        (
            m.OpenAIChat,
            {
                "model": "x",
                "messages": [
                    {"role": "user", "content": "old"},
                    {"role": "tool", "content": "t"},
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
                ],
            },
        ),
        (
            m.GeminiGenerate,
            {
                "contents": [
                    {"parts": [{"text": "old"}]},
                    {"parts": [{"functionResponse": {"response": {"a": "t"}}}]},
                    {"parts": [{"inlineData": {}}]},
                ]
            },
        ),
        (
            m.OpenAIResponses,
            {
                "model": "x",
                "input": [
                    {"role": "user", "content": "old"},
                    {"type": "function_call_output", "call_id": "c", "output": "t"},
                    {"role": "user", "content": [{"type": "input_image", "image_url": "x"}]},
                ],
            },
        ),
        (
            m.AnthropicMessages,
            {
                "model": "x",
                "max_tokens": 1,
                "messages": [
                    {"role": "user", "content": "old"},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "t"}]},
                    {"role": "user", "content": [{"type": "image", "source": {}}]},
                ],
            },
        ),
        (
            m.BedrockConverse,
            {
                "messages": [
                    {"role": "user", "content": [{"text": "old"}]},
                    {"role": "user", "content": [{"toolResult": {"content": [{"text": "t"}]}}]},
                    {"role": "user", "content": [{"image": {}}]},
                ]
            },
        ),
        (
            m.CohereChat,
            {
                "model": "x",
                "messages": [
                    {"role": "user", "content": "old"},
                    {"role": "tool", "content": "t"},
                    {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
                ],
            },
        ),
        (
            m.OllamaChat,
            {
                "model": "x",
                "messages": [
                    {"role": "user", "content": "old"},
                    {"role": "tool", "content": "t"},
                    {"role": "user", "content": "", "images": ["aGk="]},
                ],
            },
        ),
    ],
)
def test_a_last_user_message_without_text_is_empty_and_never_an_earlier_one(kind: type, body: Any) -> None:
    call = call_of(kind, body=body)
    assert (call.user, call.tool_result) == ("", None)


@pytest.mark.parametrize(
    "kind, body, inputs, choices",
    [
        (m.OpenAICompletions, {"model": "x", "prompt": ["a", "b"], "n": 2}, ("a", "b"), 4),
        (m.OpenAICompletions, {"model": "x", "prompt": [1, 2, 3]}, ("",), 1),
        (m.OpenAIEmbeddings, {"model": "x", "input": ["a", "b"]}, ("a", "b"), 1),
        (m.OpenAIEmbeddings, {"model": "x", "input": [[1], [2]]}, ("", ""), 1),
        (m.GeminiBatchEmbed, SAMPLES[m.GeminiBatchEmbed][3], ("Hi", "Ho"), 1),
        (m.VertexPredict, {"instances": [{"content": "a"}, {"content": "b"}]}, ("a", "b"), 1),
        (m.BedrockCohereEmbed, {"texts": ["a", "b"]}, ("a", "b"), 1),
        (m.CohereEmbed, {"model": "x", "texts": ["a", "b"]}, ("a", "b"), 1),
        (m.CohereEmbed, {"model": "x", "images": ["data:"]}, ("",), 1),
        (
            m.CohereEmbed,
            {"model": "x", "inputs": [{"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}]}]},
            ("a",),
            1,
        ),
        (m.OllamaEmbed, {"model": "x", "input": ["a", "b"]}, ("a", "b"), 1),
        (m.OllamaEmbeddings, {"model": "x", "prompt": "a"}, ("a",), 1),
    ],
)
def test_several_inputs_are_counted_and_are_the_users_text(kind: type, body: Any, inputs: Any, choices: int) -> None:
    call = call_of(kind, body=body)
    assert (call.inputs, call.choices, call.user) == (inputs, choices, "\n".join(inputs))


@pytest.mark.parametrize(
    "items, turns",
    [
        ([], 0),
        ([{"role": "assistant", "content": "a"}], 1),
        ([{"type": "reasoning"}, {"role": "assistant", "content": "a"}, {"type": "function_call"}], 1),
        (
            [
                {"type": "function_call"},
                {"type": "function_call"},
                {"type": "function_call_output", "output": "o"},
                {"type": "function_call"},
            ],
            2,
        ),
        ([{"type": "item_reference", "id": "x"}], 0),
    ],
)
def test_what_a_model_said_in_one_go_is_one_turn_at_responses(items: Any, turns: int) -> None:
    assert call_of(m.OpenAIResponses, body={"model": "x", "input": [{"role": "user", "content": "q"}, *items]}).turn == turns


@pytest.mark.parametrize("data, text", [("22 °C", "22 °C"), ({"degrees": 22}, '{"degrees":22}')])
def test_a_tool_result_may_be_a_document_at_cohere(data: Any, text: str) -> None:
    content = [{"type": "document", "document": {"data": data}}]
    messages = [*CHAT["messages"], {"role": "tool", "tool_call_id": "t", "content": content}]
    assert call_of(m.CohereChat, more={"messages": messages}).tool_result == text


def test_a_responses_request_may_go_on_from_an_earlier_one() -> None:
    output = [{"type": "function_call_output", "call_id": "c", "output": {"degrees": 7}}]
    call = call_of(m.OpenAIResponses, body={"model": "x", "previous_response_id": "resp_1", "input": output})
    assert (call.user, call.tool_result) == ("", '{"degrees":7}')
    assert call_of(m.OpenAIResponses, body={"model": "x", "prompt": {"id": "pmpt_1"}}).user == ""


@pytest.mark.parametrize(
    "body, user",
    [
        ({"prompt": "Hi"}, "Hi"),
        ({"inputText": "Hi"}, "Hi"),
        ({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}, "Hi"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "Hi"),
        ({"messages": [3]}, ""),
        ({"other": 1}, ""),
    ],
)
def test_a_prompt_is_found_in_whatever_body_a_maker_has(body: Any, user: str) -> None:
    assert call_of(m.BedrockOther, body=body).user == user


WRONG_BODIES = [
    (m.OpenAIChat, {"messages": "hi"}, "messages"),
    (m.OpenAIChat, {"messages": []}, "messages"),
    (m.OpenAIChat, {"messages": [3]}, "messages[0]"),
    (m.OpenAIChat, {"messages": [{"content": "x"}]}, "messages[0].role"),
    (m.OpenAIChat, {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    (m.OpenAIChat, {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "messages[0].content[0].text"),
    (m.OpenAIChat, {"messages": [{"role": "robot", "content": ""}]}, "messages[0].role"),
    (m.OpenAIChat, {"stream": "yes"}, "stream"),
    (m.OpenAIChat, {"n": 0}, "n"),
    (m.OpenAIChat, {"n": 1.5}, "n"),
    (m.OpenAIChat, {"model": None}, "model"),
    (m.OpenAIChat, {"model": 4}, "model"),
    (m.OpenAIChat, {"tools": {}}, "tools"),
    (m.OpenAIChat, {"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    (m.OpenAIChat, {"temperature": "hot"}, "temperature"),
    (m.OpenAIChat, {"stream_options": 1}, "stream_options"),
    (m.AzureChat, {"messages": None}, "messages"),
    (m.AzureResponses, {"model": None}, "model"),
    (m.OpenAICompletions, {"prompt": {}}, "prompt"),
    (m.OpenAICompletions, {"prompt": [None]}, "prompt[0]"),
    (m.OpenAIEmbeddings, {"input": []}, "input"),
    (m.OpenAIEmbeddings, {"encoding_format": "hex"}, "encoding_format"),
    (m.OpenAIModerations, {"input": 1}, "input"),
    (m.OpenAIEmbeddings, {"input": ["a"] * 3000}, "input"),
    (m.OpenAICompletions, {"prompt": ["a"] * 100, "n": 100}, "prompt"),
    (m.GeminiGenerate, {"contents": "hi"}, "contents"),
    (m.GeminiGenerate, {"contents": []}, "contents"),
    (m.GeminiGenerate, {"contents": [{"role": "assistant"}]}, "contents[0].role"),
    (m.GeminiGenerate, {"contents": [{"parts": [{"text": 3}]}]}, "contents[0].parts[0].text"),
    (m.GeminiGenerate, {"generationConfig": {"candidateCount": 99}}, "generationConfig.candidateCount"),
    (m.GeminiGenerate, {"systemInstruction": 7}, "systemInstruction"),
    (m.VertexGenerate, {"tools": "f"}, "tools"),
    (m.GeminiCountTokens, {"contents": []}, "contents"),
    (m.GeminiEmbed, {"content": 1}, "content"),
    (m.GeminiBatchEmbed, {"requests": [1]}, "requests[0]"),
    (m.VertexPredict, {"instances": [{"content": 3}]}, "instances[0].content"),
    (m.OpenAICompletions, {"prompt": []}, "prompt"),
    (m.GeminiBatchEmbed, {"requests": []}, "requests"),
    (m.GeminiCountTokens, {"contents": None, "generate_content_request": True}, "generate_content_request"),
    (m.OpenAIResponses, {"input": None}, "input"),
    (m.OpenAIResponses, {"input": [{"role": "robot"}]}, "input[0].role"),
    (m.OpenAIResponses, {"input": [{"type": 3}]}, "input[0].type"),
    (m.OpenAIResponses, {"tools": [{"type": "function"}]}, "tools[0].name"),
    (m.AnthropicMessages, {"max_tokens": None}, "max_tokens"),
    (m.AnthropicMessages, {"max_tokens": "many"}, "max_tokens"),
    (m.AnthropicMessages, {"messages": [{"role": "robot", "content": ""}]}, "messages.0.role"),
    (m.AnthropicMessages, {"messages": [{"role": "user"}]}, "messages.0.content"),
    (m.AnthropicMessages, {"messages": []}, "messages"),
    (m.AnthropicCountTokens, {"system": 3}, "system"),
    (m.VertexMessages, {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "messages.0.content.0.text"),
    (m.BedrockClaude, {"max_tokens": None}, "max_tokens"),
    (m.BedrockConverse, {"messages": None}, "messages"),
    (m.BedrockConverse, {"messages": [{"role": "user", "content": [{"text": 1}]}]}, "messages[0].content[0].text"),
    (m.BedrockConverse, {"toolConfig": {"tools": [{"toolSpec": {}}]}}, "toolConfig.tools[0].toolSpec.name"),
    (m.BedrockCountTokens, {"input": {"converse": {}}}, "input.converse.messages"),
    (m.BedrockCountTokens, {"input": {"invokeModel": {"body": "e30!"}}}, "input.invokeModel.body"),
    (m.CohereChat, {"messages": None}, "messages"),
    (m.CohereChat, {"temperature": "hot"}, "temperature"),
    (m.CohereEmbed, {"texts": None}, "texts"),
    (m.CohereEmbed, {"embedding_types": ["hex"]}, "embedding_types[0]"),
    (m.MistralChat, {"model": None}, "body.model"),
    (m.MistralChat, {"messages": [{"content": "x"}]}, "body.messages.0.role"),
    (m.OllamaChat, {"model": None}, "model"),
    (m.OllamaChat, {"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
    (m.OllamaEmbed, {"input": [1]}, "input[0]"),
    (m.GeminiChat, {"model": 4}, "model"),
]


@pytest.mark.parametrize("kind, more, field", WRONG_BODIES)
def test_a_wrong_field_is_named_in_the_providers_shape(kind: type, more: Any, field: str) -> None:
    response = ask(answerer({"response": {"text": "x"}}), kind, more=more)
    assert response.status == (422 if issubclass(kind, m.Mistral) else 400)
    value = json.loads(response.body)
    if issubclass(kind, m.Gemini):
        error = (value[0] if isinstance(value, list) else value)["error"]
        assert error["status"] == "INVALID_ARGUMENT" and error["details"][0]["fieldViolations"][0]["field"] == field
    elif issubclass(kind, m.OpenAI) and not issubclass(kind, m.Mistral):
        error = value["error"]
        assert error["type"] == "invalid_request_error" and error["param"] == field and field in error["message"]
    else:
        assert re.search(rf"(?<![\w.]){re.escape(field)}(?![\w.])", complaint_of(response.body)), response.body


def test_a_missing_model_is_asked_for_at_openai_and_comes_from_the_path_at_azure() -> None:
    answers = answerer({"response": {"text": "x"}})
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    assert json.loads(ask(answers, m.OpenAIChat, body=body).body)["error"] == {
        "message": "Missing required parameter: 'model'.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "missing_required_parameter",
    }
    assert json.loads(ask(answers, m.AzureChat, body=body).body)["model"] == "d"


@pytest.mark.parametrize("kind", [kind for kind, sample in SAMPLES.items() if sample[0] == "POST"])
@pytest.mark.parametrize(
    "body, said_so",
    [
        (b"", "it is empty"),
        (b"{", "line 1, column 2"),
        (b'{"a":\n}', "line 2, column 1"),
        (b"\xff\xfe", "invalid UTF-8 at byte 0"),
        (b'{"a": "\xc3"}', "invalid UTF-8"),
        (b"[" * 100_000, "nested deeper than 200 levels"),
        (b"[" * 300 + b"]" * 300, "nested deeper"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "an integer of 10000 digits"),
        (b'{"n": NaN}', "NaN is not JSON"),
        (b'{"n": 1e400}', "too large a number"),
    ],
)
def test_a_body_that_is_no_json_object_gets_400_that_says_where(kind: type, body: bytes, said_so: str) -> None:
    response = answerer({"response": {"text": "x"}}).answer(replace(request_of(kind), body=body)).response
    said_so = {b"": wire_of(kind).no_body}.get(body, said_so)
    assert response.status in (400, 422) and said_so in complaint_of(response.body)


@pytest.mark.parametrize("kind", [kind for kind, sample in SAMPLES.items() if sample[0] == "POST"])
@pytest.mark.parametrize("body", [b"[1, 2]", b'"text"', b"null", b"7"])
def test_a_body_that_is_json_but_no_object_is_refused_as_such(kind: type, body: bytes) -> None:
    response = answerer({"response": {"text": "x"}}).answer(replace(request_of(kind), body=body)).response
    said_so = complaint_of(response.body)
    assert response.status in (400, 422) and re.search("an object|valid dictionary|null", said_so), said_so


SCHEMA = {"type": "object", "properties": {"a": {"enum": [1], "anyOf": [{"$ref": "#/a"}]}}, "required": ["a"]}
TOOLS = [{"type": "function", "name": "f", "function": {"name": "f"}, "functionDeclarations": [{"name": "f"}]}]
RICH: Dict[type, Any] = {  # what more a body may hold that is read
    m.ChatRequest: {"tools": TOOLS, "n": 1, "response_format": {"json_schema": {"schema": SCHEMA}}},
    m.OpenAICompletions: {"n": 1, "stream_options": {"include_usage": True}},
    m.ResponsesRequest: {"tools": TOOLS, "text": {"format": {"schema": SCHEMA}}, "reasoning": {"effort": "low"}},
    m.GeminiRequest: {"tools": TOOLS, "generationConfig": {"candidateCount": 1, "responseSchema": SCHEMA}},
    m.AnthropicRequest: {"tools": TOOLS, "output_config": {"format": {"schema": SCHEMA}}, "thread": {"type": "create"}},
    m.ConverseRequest: {
        "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}]},
        "outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": json.dumps(SCHEMA)}}}},
    },
    m.CohereChat: {"tools": TOOLS, "response_format": {"json_schema": SCHEMA}},
    m.CohereEmbed: {"embedding_types": ["float"], "inputs": [{"content": [{"type": "text", "text": "Hi"}]}]},
    m.OllamaChat: {"tools": TOOLS, "format": SCHEMA},
    m.OllamaGenerate: {"format": SCHEMA},
}


def test_no_value_anywhere_in_a_body_brings_the_server_down() -> None:
    any_ = {"operation": sorted(m.OPERATIONS - {"embed"})}
    answers = answerer({"match": any_, "response": {"text": "{}"}}, {"response": {"embedding": [1]}})
    values = [None, [], {}, "", 0, True, 1.5, [None], {"a": {}}, "\ud800", 10**30]

    def variants(value: Any) -> Iterator[Any]:
        yield from values
        if isinstance(value, dict):
            for key in value:
                yield from ({**value, key: inner} for inner in variants(value[key]))
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from (value[:index] + [inner] + value[index + 1 :] for inner in variants(item))

    for kind, (method, _, _, sample) in SAMPLES.items():
        rich = {key: value for base, more in RICH.items() if issubclass(kind, base) for key, value in more.items()}
        for body in variants({**sample, **rich}) if method == "POST" else ():
            response = answers.answer(replace(request_of(kind), body=json.dumps(body).encode())).response
            assert bytes_of(response) and response.status in (200, 400, 404, 422), (kind, body)


# === Writing answers: exact bytes ============================================

USAGE = {"input_tokens": 9, "output_tokens": 2}
NEUTRAL = {"text": "Hello world", "usage": USAGE}
OPENAI_DETAILS = (
    '"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":0,'
    '"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,'
    '"rejected_prediction_tokens":0}}'
)
SAFE = '{"filtered":false,"severity":"safe"}'
UNDETECTED = '{"detected":false,"filtered":false}'
PROMPT_RESULTS = (
    '"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":%s,"jailbreak":%s,"self_harm":%s,'
    '"sexual":%s,"violence":%s}}]' % (SAFE, UNDETECTED, SAFE, SAFE, SAFE)
)
WHOLE = {  # compact; @NAME stands for what is derived from the request
    m.OpenAIChat: '{"id":"@id","object":"chat.completion","created":@created,"model":"gpt-4o-mini",'
    '"choices":[{"index":0,"message":'
    '{"role":"assistant","content":"Hello world","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],'
    + OPENAI_DETAILS
    + ',"service_tier":"default","system_fingerprint":"@fingerprint"}',
    m.OpenAICompletions: '{"id":"@id","object":"text_completion","created":@created,"model":"gpt-3.5-turbo-instruct",'
    '"choices":[{"text":'
    '"Hello world","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,'
    '"completion_tokens":2,"total_tokens":11}}',
    m.AzureChat: '{"choices":[{"content_filter_results":{"hate":%s,"protected_material_code":%s,'
    '"protected_material_text":%s,"self_harm":%s,'
    '"sexual":%s,"violence":%s},"finish_reason":"stop","index":0,"logprobs":null,"message":{"annotations":[],"content":'
    '"Hello world","refusal":null,"role":"assistant"}}],"created":@created,"id":"@id","model":"d","object":"chat.completion",%s,'
    '"system_fingerprint":"@fingerprint","usage":{"completion_tokens":2,"completion_tokens_details":'
    '{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"prompt_tokens":9,'
    '"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"total_tokens":11}}'
    % (SAFE, UNDETECTED, UNDETECTED, SAFE, SAFE, SAFE, PROMPT_RESULTS),
    m.GeminiGenerate: '{"candidates":[{"content":{"parts":[{"text":"Hello world"}],"role":"model"},'
    '"finishReason":"STOP","index":0}],'
    '"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"totalTokenCount":11,"promptTokensDetails":'
    '[{"modality":"TEXT","tokenCount":9}]},"modelVersion":"gemini-2.5-flash","responseId":"@id"}',
    m.VertexGenerate: '{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello world"}]},'
    '"finishReason":"STOP","avgLogprobs":'
    '-0.25}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"totalTokenCount":11,"trafficType":'
    '"ON_DEMAND","promptTokensDetails":[{"modality":"TEXT","tokenCount":9}],"candidatesTokensDetails":[{"modality":"TEXT",'
    '"tokenCount":2}]},"modelVersion":"gemini-2.5-flash","createTime":"@time","responseId":"@id"}',
    m.OpenAIEmbeddings: '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25,-0.5,1.0]}],"model":'
    '"text-embedding-3-small","usage":{"prompt_tokens":9,"total_tokens":9}}',
    m.GeminiEmbed: '{"embedding":{"values":[0.25,-0.5,1.0]}}',
    m.GeminiBatchEmbed: '{"embeddings":[{"values":[0.25,-0.5,1.0]},{"values":[0.25,-0.5,1.0]}]}',
    m.VertexPredict: '{"predictions":[{"embeddings":{"values":[0.25,-0.5,1.0],"statistics":{"truncated":false,'
    '"token_count":1}}}]}',
    m.GeminiCountTokens: '{"totalTokens":9,"promptTokensDetails":[{"modality":"TEXT","tokenCount":9}]}',
    m.VertexCountTokens: '{"totalTokens":9,"promptTokensDetails":[{"modality":"TEXT","tokenCount":9}]}',
}
RESPONSE = (
    '{"id":"@resp","object":"response","created_at":@created_at,"status":"%s","background":false,"billing":{"payer":"developer"},'
    '"completed_at":%s,"error":null,"frequency_penalty":0.0,"incomplete_details":null,"instructions":"Be brief.",'
    '"max_output_tokens":null,"max_tool_calls":null,"model":"gpt-4o-mini","moderation":null,"output":[%s],'
    '"parallel_tool_calls":true,"presence_penalty":0.0,"previous_response_id":null,"prompt_cache_key":null,'
    '"prompt_cache_retention":"in_memory","reasoning":{"context":null,"effort":null,"summary":null},"safety_identifier":null,'
    '"service_tier":"%s","store":true,"temperature":1.0,"text":{"format":{"type":"text"},"verbosity":"medium"},'
    '"tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":1.0,"truncation":"disabled","usage":%s,"user":null,"metadata":{}}'
)
RESPONSE_USAGE = (
    '{"input_tokens":9,"input_tokens_details":{"cache_write_tokens":0,"cached_tokens":0},"output_tokens":2,'
    '"output_tokens_details":{"reasoning_tokens":0},"total_tokens":11}'
)
RESPONSE_ITEM = '{"id":"@msg","type":"message","status":"%s","content":[%s],"role":"assistant"}'
OUTPUT_TEXT = '{"type":"output_text","annotations":[],"logprobs":[],"text":"%s"}'
RESPONSE_DONE = RESPONSE % (
    "completed",
    "@completed_at",
    RESPONSE_ITEM % ("completed", OUTPUT_TEXT % "Hello world"),
    "default",
    RESPONSE_USAGE,
)
CLAUDE_MESSAGE = (
    '{"model":"claude-sonnet-4-5","id":"@claude","type":"message","role":"assistant","content":[%s],"stop_reason":%s,'
    '"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":9,"cache_creation_input_tokens":0,'
    '"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},'
    '"output_tokens":%d,"service_tier":"standard","inference_geo":"not_available"}}'
)
COHERE_TOKENS = '{"input_tokens":9,"output_tokens":2}'
COHERE_USAGE = f'"usage":{{"billed_units":{COHERE_TOKENS},"tokens":{COHERE_TOKENS},"cached_tokens":0}}'
OLLAMA_TIMES = (
    '"total_duration":@total,"load_duration":@load,"prompt_eval_count":9,"prompt_eval_duration":@prompt,"eval_count":2,'
    '"eval_duration":@eval}'
)
EXACT = {  # byte for byte as it is sent; @NAME stands for what is derived from the request
    m.AnthropicMessages: CLAUDE_MESSAGE % ('{"type":"text","text":"Hello world"}', '"end_turn"', 2),
    m.BedrockClaude: CLAUDE_MESSAGE.replace("claude-sonnet-4-5", "anthropic.claude-sonnet-4-5-20250929-v1:0")
    % ('{"type":"text","text":"Hello world"}', '"end_turn"', 2),
    m.AnthropicCountTokens: '{"input_tokens":9}',
    m.BedrockConverse: '{"metrics":{"latencyMs":408},"output":{"message":{"content":[{"text":"Hello world"}],'
    '"role":"assistant"}},'
    '"stopReason":"end_turn","usage":{"inputTokens":9,"outputTokens":2,"totalTokens":11}}',
    m.BedrockCountTokens: '{"inputTokens":9}',
    m.BedrockTitanEmbed: '{"embedding":[0.25,-0.5,1.0],"embeddingsByType":{"float":[0.25,-0.5,1.0]},"inputTextTokenCount":9}',
    m.CohereChat: '{"id":"@uuid","message":{"role":"assistant","content":[{"type":"text","text":"Hello world"}]},'
    '"finish_reason":"COMPLETE",%s}' % COHERE_USAGE,
    m.CohereEmbed: '{"id":"@uuid","embeddings":{"float":[[0.25,-0.5,1.0]]},"texts":["Hi"],"meta":{"api_version":{"version":"2"},'
    '"billed_units":{"input_tokens":9}},"response_type":"embeddings_by_type"}',
    m.MistralChat: '{"id":"@hex","object":"chat.completion","created":@created,"model":"mistral-small-latest",'
    '"choices":[{"index":0,'
    '"message":{"role":"assistant","tool_calls":null,"content":"Hello world"},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":9,"total_tokens":11,"completion_tokens":2}}',
    m.OllamaChat: '{"model":"llama3.2","created_at":"@when","message":{"role":"assistant","content":"Hello world"},"done":true,'
    '"done_reason":"stop",' + OLLAMA_TIMES,
    m.OllamaGenerate: '{"model":"llama3.2","created_at":"@when","response":"Hello world","done":true,"done_reason":"stop",'
    '"context":[@context],' + OLLAMA_TIMES,
    m.OllamaEmbeddings: '{"embedding":[0.25,-0.5,1.0]}',
    m.OllamaEmbed: '{"model":"nomic-embed-text","embeddings":[[0.25,-0.5,1.0]],"total_duration":@total,"load_duration":@load,'
    '"prompt_eval_count":9}',
    m.OpenAIInputTokens: '{\n  "object": "response.input_tokens",\n  "input_tokens": 9\n}\n',
    m.OpenAIResponses: json.dumps(json.loads(re.sub(r":(@\w+)", r':"\1"', RESPONSE_DONE)), indent=2)
    .replace('"@created_at"', "@created_at")
    .replace('"@completed_at"', "@completed_at"),
}


def derived(text: str, sent: str) -> str:
    """Expected text with @NAME taken from what was sent, after a look at its shape."""
    shapes = {
        "@id": r'"(?:id|responseId)": ?"((?:chatcmpl-|cmpl-)[A-Za-z0-9]{29}|[A-Za-z0-9_-]{22})"',
        "@created": r'"created": ?(1[67]\d{8})\b',
        "@fingerprint": r'"(fp_[0-9a-f]{10})"',
        "@time": r'"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"',
        "@resp": r'"id": ?"(resp_[0-9a-f]{16}00[0-9a-f]{12}819[0-9a-f]{17})"',
        "@msg": r'"id": ?"(msg_[0-9a-f]{16}00[0-9a-f]{12}819[0-9a-f]{17})"',
        "@created_at": r'"created_at": ?(1[67]\d{8})\b',
        "@completed_at": r'"completed_at": ?(1[67]\d{8})\b',
        "@claude": r'"id":"(msg_(?:bdrk_|vrtx_)?01[1-9A-HJ-NP-Za-km-z]{22})"',
        "@uuid": r'"id":"([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12})"',
        "@hex": r'"id":"([0-9a-f]{32})"',
        "@when": r'"created_at":"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,8}[1-9])?Z)"',
        "@context": r'"context":\[(\d+,\d+,\d+)\]',
        **{"@" + name.partition("_")[0]: rf'"{name}_duration":(\d+)' for name in ("total", "load", "prompt_eval", "eval")},
    }
    for name, shape in shapes.items():
        if re.search(name + r"\b", text):
            match = re.search(shape, sent)
            assert match, (name, sent)
            text = re.sub(name + r"\b", match.group(1), text)
    return text


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_answer_is_the_providers_byte_for_byte(kind: type) -> None:
    response = {"embedding": [0.25, -0.5, 1.0], "usage": USAGE} if m.Embedding in wire_of(kind).speaks else NEUTRAL
    sent = said(kind, response).decode()
    expected = derived(WHOLE[kind], sent)
    compact = kind in (m.AzureChat, m.AzureCompletions)
    assert (
        sent
        == (json.dumps(json.loads(expected), separators=(",", ":")) if compact else json.dumps(json.loads(expected), indent=2))
        + "\n"
    )


@pytest.mark.parametrize("kind", EXACT)
def test_a_whole_answer_is_sent_byte_for_byte(kind: type) -> None:
    response = {"embedding": [0.25, -0.5, 1.0], "usage": USAGE} if m.Embedding in wire_of(kind).speaks else NEUTRAL
    sent = said(kind, response).decode()
    assert sent == derived(EXACT[kind], sent)


def openai_chunk(choice: str, tail: str = "") -> str:
    return (
        '{"id":"@id","object":"chat.completion.chunk","created":@created,"model":"gpt-4o-mini","service_tier":"default",'
        '"system_fingerprint":"@fingerprint","choices":[%s]%s}' % (choice, tail)
    )


def openai_choice(delta: str, finish: str = "null") -> str:
    return '{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}' % (delta, finish)


def azure_chunk(filters: str, delta: str, finish: str = "null") -> str:
    return (
        '{"choices":[{"content_filter_results":%s,"delta":%s,"finish_reason":%s,"index":0,"logprobs":null}],'
        '"created":@created,"id":"@id",'
        '"model":"d","object":"chat.completion.chunk","system_fingerprint":"@fingerprint"}' % (filters, delta, finish)
    )


AZURE_SAFE = '{"hate":%s,"self_harm":%s,"sexual":%s,"violence":%s}' % (SAFE, SAFE, SAFE, SAFE)
GEMINI_EVENT = (
    '{"candidates": [{"content": {"parts": [{"text": "%s"}],"role": "model"},%s"index": 0}],'
    '"usageMetadata": {"promptTokenCount": 9,'
    '"candidatesTokenCount": %d,"totalTokenCount": %d,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 9}]},'
    '"modelVersion": "gemini-2.5-flash","responseId": "@id"}'
)
STREAMS: Dict[type, Tuple[str, List[str]]] = {
    m.OpenAIChat: (
        "\n",
        [
            openai_chunk(openai_choice('{"role":"assistant","content":"","refusal":null}')),
            openai_chunk(openai_choice('{"content":"Hello"}')),
            openai_chunk(openai_choice('{"content":" world"}')),
            openai_chunk(openai_choice("{}", '"stop"')),
            "[DONE]",
        ],
    ),
    m.AzureChat: (
        "\n",
        [
            '{"choices":[],"created":0,"id":"","model":"","object":"",' + PROMPT_RESULTS + "}",
            azure_chunk("{}", '{"content":"","refusal":null,"role":"assistant"}'),
            azure_chunk(AZURE_SAFE, '{"content":"Hello"}'),
            azure_chunk(AZURE_SAFE, '{"content":" world"}'),
            azure_chunk("{}", "{}", '"stop"'),
            "[DONE]",
        ],
    ),
    m.OpenAICompletions: (
        "\n",
        [
            '{"id":"@id","object":"text_completion","created":@created,"choices":[{"text":"%s","index":0,"logprobs":null,'
            '"finish_reason":%s}],"model":"gpt-3.5-turbo-instruct"}' % part
            for part in (("Hello", "null"), (" world", '"stop"'))
        ]
        + ["[DONE]"],
    ),
    m.GeminiGenerate: (
        "\r\n",
        [GEMINI_EVENT % ("Hello", "", 1, 10), GEMINI_EVENT % (" world", '"finishReason": "STOP",', 2, 11)],
    ),
    m.VertexGenerate: (
        "\r\n",
        [
            '{"candidates": [{"content": {"role": "model","parts": [{"text": "Hello"}]}}],'
            '"usageMetadata": {"trafficType": "ON_DEMAND"},'
            '"modelVersion": "gemini-2.5-flash","createTime": "@time","responseId": "@id"}',
            '{"candidates": [{"content": {"role": "model","parts": [{"text": " world"}]},"finishReason": "STOP"}],'
            '"usageMetadata": '
            '{"promptTokenCount": 9,"candidatesTokenCount": 2,"totalTokenCount": 11,"trafficType": "ON_DEMAND",'
            '"promptTokensDetails": '
            '[{"modality": "TEXT","tokenCount": 9}],"candidatesTokensDetails": [{"modality": "TEXT","tokenCount": 2}]},'
            '"modelVersion": '
            '"gemini-2.5-flash","createTime": "@time","responseId": "@id"}',
        ],
    ),
}


def response_event(name: str, rest: str) -> str:
    return 'event: response.%s\ndata: {"type":"response.%s",%s}\n\n' % (name, name, rest)


def anthropic_event(name: str, rest: str = "") -> str:
    return 'event: %s\ndata: {"type":"%s"%s}\n\n' % (name, name, rest)


def cohere_event(name: str, rest: str, first: str = "") -> str:
    return 'event: %s\ndata: {%s"type":"%s",%s}\n\n' % (name, first, name, rest)


def mistral_chunk(delta: str, finish: str = "null", rest: str = "") -> str:
    return (
        'data: {"id":"@hex","object":"chat.completion.chunk","created":@created,"model":"mistral-small-latest",'
        '"choices":[{"index":0,'
        '"delta":%s,"finish_reason":%s}]%s}\n\n' % (delta, finish, rest)
    )


BEGUN = RESPONSE % ("in_progress", "null", "", "auto", "null")
EXACT_STREAMS = {  # byte for byte, but for padding and, at Ollama, times
    m.OpenAIResponses: "".join(
        [
            response_event("created", f'"response":{BEGUN},"sequence_number":0'),
            response_event("in_progress", f'"response":{BEGUN},"sequence_number":1'),
            response_event(
                "output_item.added", '"item":%s,"output_index":0,"sequence_number":2' % (RESPONSE_ITEM % ("in_progress", ""))
            ),
            response_event(
                "content_part.added",
                '"content_index":0,"item_id":"@msg","output_index":0,"part":%s,"sequence_number":3' % (OUTPUT_TEXT % ""),
            ),
            response_event(
                "output_text.delta",
                '"content_index":0,"delta":"Hello","item_id":"@msg","logprobs":[],"output_index":0,"sequence_number":4',
            ),
            response_event(
                "output_text.delta",
                '"content_index":0,"delta":" world","item_id":"@msg","logprobs":[],"output_index":0,"sequence_number":5',
            ),
            response_event(
                "output_text.done",
                '"content_index":0,"item_id":"@msg","logprobs":[],"output_index":0,"sequence_number":6,"text":"Hello world"',
            ),
            response_event(
                "content_part.done",
                '"content_index":0,"item_id":"@msg","output_index":0,"part":%s,"sequence_number":7'
                % (OUTPUT_TEXT % "Hello world"),
            ),
            response_event(
                "output_item.done",
                '"item":%s,"output_index":0,"sequence_number":8' % (RESPONSE_ITEM % ("completed", OUTPUT_TEXT % "Hello world")),
            ),
            response_event("completed", f'"response":{RESPONSE_DONE},"sequence_number":9'),
        ]
    ),
    m.AnthropicMessages: "".join(
        [
            anthropic_event("message_start", ',"message":' + CLAUDE_MESSAGE % ("", "null", 1)),
            anthropic_event("content_block_start", ',"index":0,"content_block":{"type":"text","text":""}'),
            'event: ping\ndata: {"type": "ping"}\n\n',
            anthropic_event("content_block_delta", ',"index":0,"delta":{"type":"text_delta","text":"Hello"}'),
            anthropic_event("content_block_delta", ',"index":0,"delta":{"type":"text_delta","text":" world"}'),
            anthropic_event("content_block_stop", ',"index":0'),
            anthropic_event(
                "message_delta",
                ',"delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":9,'
                '"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2}',
            ),
            anthropic_event("message_stop"),
        ]
    ),
    m.CohereChat: "".join(
        [
            cohere_event(
                "message-start",
                '"delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}',
                '"id":"@uuid",',
            ),
            cohere_event("content-start", '"index":0,"delta":{"message":{"content":{"type":"text","text":""}}}'),
            cohere_event("content-delta", '"index":0,"delta":{"message":{"content":{"text":"Hello"}}}'),
            cohere_event("content-delta", '"index":0,"delta":{"message":{"content":{"text":" world"}}}'),
            cohere_event("content-end", '"index":0'),
            cohere_event("message-end", '"delta":{"finish_reason":"COMPLETE",%s}' % COHERE_USAGE),
            "data: [DONE]\n\n",
        ]
    ),
    m.MistralChat: "".join(
        [
            mistral_chunk('{"role":"assistant","content":""}'),
            mistral_chunk('{"content":"Hello"}'),
            mistral_chunk('{"content":" world"}'),
            mistral_chunk('{"content":""}', '"stop"', ',"usage":{"prompt_tokens":9,"total_tokens":11,"completion_tokens":2}'),
            "data: [DONE]\n\n",
        ]
    ),
    m.OllamaChat: '{"model":"llama3.2","created_at":"","message":{"role":"assistant","content":"Hello"},"done":false}\n'
    '{"model":"llama3.2","created_at":"","message":{"role":"assistant","content":" world"},"done":false}\n'
    '{"model":"llama3.2","created_at":"","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",'
    + OLLAMA_TIMES
    + "\n",
}
PADDING = {  # what pads each API's events
    m.OpenAIResponses: (r'"obfuscation":"[A-Za-z0-9]{0,15}",', ""),
    m.AnthropicMessages: (r" {1,15}}\n", "}\n"),
    m.MistralChat: (r',"p":"[a-z0-9]{1,36}"', ""),
    m.OllamaChat: (r'"created_at":"[^"]+"', '"created_at":""'),
    m.CohereChat: ("^$", ""),
}


@pytest.mark.parametrize("kind", EXACT_STREAMS)
def test_a_stream_is_sent_byte_for_byte(kind: type) -> None:
    sent = said(kind, NEUTRAL, True).decode()
    padding, bare = PADDING[kind]
    assert re.sub(padding, bare, sent) == derived(EXACT_STREAMS[kind], sent)
    assert kind is m.CohereChat or re.search(padding, sent)


CONVERSE_EVENTS: List[Tuple[str, Any]] = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Hm."}}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "@"}}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Hello"}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": " world"}}),
    ("contentBlockStop", {"contentBlockIndex": 1}),
    ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"name": "now", "toolUseId": "@"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{}"}}}),
    ("contentBlockStop", {"contentBlockIndex": 2}),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {"metrics": {"latencyMs": 625}, "usage": {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11}}),
]


def test_a_converse_stream_has_its_events_in_order() -> None:
    response = {"reasoning": "Hm.", "text": "Hello world", "tool_calls": [{"name": "now"}], "usage": USAGE}
    events = events_of(m.BedrockConverse, said(m.BedrockConverse, response, True))
    hidden = json.loads(re.sub(r'("signature"|"toolUseId"): "[^"]+"', r'\1: "@"', json.dumps(events)))
    assert [tuple(event) for event in hidden] == CONVERSE_EVENTS
    nova = events_of(m.BedrockNova, said(m.BedrockNova, response, True))
    assert [next(iter(value)) for _, value in nova] == [name for name, _ in CONVERSE_EVENTS]


def test_claude_on_bedrock_streams_without_ping_and_with_metrics_at_the_end() -> None:
    values = [value for _, value in events_of(m.BedrockClaude, said(m.BedrockClaude, NEUTRAL, True))]
    assert "ping" not in {value["type"] for value in values} and values[-1] == {
        "type": "message_stop",
        "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": 9,
            "outputTokenCount": 2,
            "invocationLatency": 300,
            "firstByteLatency": 100,
        },
    }


def test_a_tool_without_arguments_is_one_empty_delta_at_anthropic() -> None:
    events = events_of(m.AnthropicMessages, said(m.AnthropicMessages, {"tool_calls": [{"name": "now"}]}, True))
    assert [value["delta"] for name, value in events if name == "content_block_delta"] == [
        {"type": "input_json_delta", "partial_json": ""}
    ]


IDS = {  # of answers and tool calls: prefix, length, alphabet (wire formats, 2.4)
    m.OpenAIChat: ("chatcmpl-[A-Za-z0-9]{29}", "call_[A-Za-z0-9]{24}"),
    m.AzureChat: ("chatcmpl-[A-Za-z0-9]{29}", "call_[A-Za-z0-9]{24}"),
    m.GeminiChat: ("[A-Za-z0-9_-]{22}", "call_[A-Za-z0-9]{24}"),
    m.OpenAIResponses: ("resp_[0-9a-f]{50}", "call_[A-Za-z0-9]{24}"),
    m.AnthropicMessages: ("msg_01[1-9A-HJ-NP-Za-km-z]{22}", "toolu_01[1-9A-HJ-NP-Za-km-z]{22}"),
    m.VertexMessages: ("msg_vrtx_01[1-9A-HJ-NP-Za-km-z]{22}", "toolu_01[1-9A-HJ-NP-Za-km-z]{22}"),
    m.BedrockClaude: ("msg_bdrk_01[1-9A-HJ-NP-Za-km-z]{22}", "toolu_01[1-9A-HJ-NP-Za-km-z]{22}"),
    m.BedrockConverse: (None, "tooluse_[A-Za-z0-9_-]{22}"),
    m.CohereChat: ("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", "now_[a-z0-9]{12}"),
    m.MistralChat: ("[0-9a-f]{32}", "[A-Za-z0-9]{9}"),
    m.OllamaChat: (None, "call_[a-z0-9]{8}"),
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_have_the_providers_form_and_are_the_same_in_every_event(kind: type) -> None:
    whole = said(kind, {"tool_calls": [{"name": "now"}]}).decode()
    events = json.dumps([value for _, value in events_of(kind, said(kind, {"tool_calls": [{"name": "now"}]}, True))])
    answer, tool = IDS[kind]
    if answer:
        own = json.loads(whole)["id"]
        ids = set(re.findall(r'(?<!item_)"(?:id|responseId)": "(%s)"' % answer, events))
        assert re.fullmatch(answer, own) and ids == {own}
    assert len(set(re.findall(rf'"(?:id|call_id|toolUseId)": ?"({tool})"', whole + events))) == 1


UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
HEADERS = {  # what clients read of the headers of a whole answer (and, after it, of a stream), with a pattern for each value
    m.OpenAIChat: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {
            "x-request-id": "req_[0-9a-f]{32}",
            "openai-processing-ms": "[0-9]+",
            "openai-version": "2020-10-01",
            "x-ratelimit-limit-requests": "[0-9]+",
            "x-ratelimit-reset-requests": "8.64s",
        },
    ),
    m.OpenAIResponses: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {"x-request-id": "req_[0-9a-f]{32}", "openai-processing-ms": "[0-9]+", "openai-version": "2020-10-01"},
    ),
    m.OpenAICompletions: ("application/json", "text/event-stream", {"x-request-id": "req_[0-9a-f]{32}"}),
    m.AzureChat: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {"apim-request-id": UUID, "x-request-id": UUID, "x-ms-region": ".+", "x-ratelimit-remaining-requests": "[0-9]+"},
    ),
    m.GeminiGenerate: ("application/json; charset=UTF-8", "text/event-stream", {"Server-Timing": "gfet4t7; dur=[0-9]+"}),
    m.GeminiChat: ("application/json", "text/event-stream; charset=utf-8", {"Server-Timing": "gfet4t7; dur=[0-9]+"}),
    m.VertexMessages: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {"request-id": "req_vrtx_011[1-9A-HJ-NP-Za-km-z]{21}"},
    ),
    m.AnthropicMessages: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {
            "request-id": "req_011[1-9A-HJ-NP-Za-km-z]{21}",
            "anthropic-organization-id": UUID,
            "anthropic-ratelimit-requests-limit": "[0-9]+",
            "anthropic-ratelimit-input-tokens-remaining": "[0-9]+",
            "anthropic-ratelimit-output-tokens-reset": r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ",
        },
    ),
    m.BedrockConverse: ("application/json", "application/vnd.amazon.eventstream", {"x-amzn-RequestId": UUID}),
    m.BedrockClaude: ("application/json", "application/vnd.amazon.eventstream", {"x-amzn-RequestId": UUID}),
    m.CohereChat: (
        "application/json",
        "text/event-stream",
        {
            "x-debug-trace-id": "[0-9a-f]{32}",
            "x-trial-endpoint-call-remaining": "[0-9]+",
            "x-endpoint-monthly-call-limit": "[0-9]+",
        },
    ),
    m.MistralChat: (
        "application/json",
        "text/event-stream; charset=utf-8",
        {"mistral-correlation-id": UUID, "x-kong-request-id": UUID, "x-ratelimit-remaining-req-10-second": "[0-9]+"},
    ),
    m.OllamaChat: ("application/json; charset=utf-8", "application/x-ndjson", {}),
}


@pytest.mark.parametrize("kind", HEADERS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_headers_that_clients_read_are_there_and_the_same_each_time(kind: type, stream: bool) -> None:
    answers = answerer({"response": NEUTRAL})
    headers = ask(answers, kind, stream).headers
    found = dict(headers)
    assert found["Content-Type"] == HEADERS[kind][stream]
    assert all(re.fullmatch(pattern, found[name]) for name, pattern in HEADERS[kind][2].items()), headers
    assert headers == ask(answerer({"response": NEUTRAL}), kind, stream).headers


def test_token_counts_stand_in_headers_where_the_provider_puts_them() -> None:
    found = dict(ask(answerer({"response": NEUTRAL}), m.BedrockClaude).headers)
    assert (found["X-Amzn-Bedrock-Input-Token-Count"], found["X-Amzn-Bedrock-Output-Token-Count"]) == ("9", "2")
    assert dict(ask(answerer({"response": NEUTRAL}), m.CohereChat).headers)["num_tokens"] == "11"
    inside = dict(ask(answerer({"response": NEUTRAL}), m.BedrockClaude, True).headers)
    assert inside["X-Amzn-Bedrock-Content-Type"] == "application/json"


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_is_the_providers_byte_for_byte(kind: type) -> None:
    eol, events = STREAMS[kind]
    more = {"stream_options": {"include_obfuscation": False}} if issubclass(kind, m.OpenAIChat) else {}
    sent = said(kind, NEUTRAL, True, more=more).decode()
    assert sent == "".join(f"data: {derived(event, sent)}{eol}{eol}" for event in events)


@pytest.mark.parametrize("kind", [m.OpenAIChat, m.AzureChat])
def test_obfuscation_makes_every_chunk_one_byte_longer_than_a_multiple_of_16(kind: type) -> None:
    chunks = [frame[6:-2] for frame in m.SSE.split(said(kind, {"text": "Ein paar Wörter, 🚀 mehr"}, True))][
        kind is m.AzureChat : -1
    ]
    assert len(chunks) > 5 and all(len(chunk) % 16 == 1 and b'"obfuscation":"' in chunk for chunk in chunks)


def test_a_google_stream_as_json_array_has_the_recorded_line_ends() -> None:
    sent = said(m.GeminiGenerate, NEUTRAL, True, query={"alt": "json"}).decode()
    one, two = (json.dumps(json.loads(derived(event, sent)), indent=2) for event in STREAMS[m.GeminiGenerate][1])
    assert sent == f"[{one}\n,\r\n{two}\n]"


@pytest.mark.parametrize(
    "query, array",
    [
        ({}, False),
        ({"alt": "sse"}, False),
        ({"$alt": "sse"}, False),
        ({"alt": "json"}, True),
        ({"$alt": "json;enum-encoding=int"}, True),
    ],
)
def test_alt_picks_the_framing_of_a_google_stream(query: Any, array: bool) -> None:
    response = ask(answerer({"response": NEUTRAL}), m.VertexGenerate, True, query=query)
    assert dict(response.headers)["Content-Type"] == ("application/json; charset=UTF-8" if array else "text/event-stream")
    assert bytes_of(response).startswith(b"[{" if array else b"data: {")


# === Whole and streamed answers are equal ====================================


def merge_chat(data: List[str]) -> Any:
    """The chunks of a chat stream as one answer: choices, finish reasons, usage and id."""
    chunks = [json.loads(text) for text in data if text != "[DONE]"]
    chunks = [chunk for chunk in chunks if chunk["id"]]
    choices: Dict[int, Dict[str, Any]] = {}
    for choice in itertools.chain.from_iterable(chunk["choices"] for chunk in chunks):
        found = choices.setdefault(choice["index"], {"finish": None, "message": {}, "tools": {}})
        found["finish"] = choice["finish_reason"] or found["finish"]
        for key in ("content", "reasoning_content", "refusal"):
            if choice["delta"].get(key) is not None:
                found["message"][key] = found["message"].get(key, "") + choice["delta"][key]
        for call in choice["delta"].get("tool_calls", ()):
            tool = found["tools"].setdefault(
                call["index"], {"id": call.get("id"), "name": call["function"].get("name"), "arguments": ""}
            )
            tool["arguments"] += call["function"]["arguments"]
    usage = next((chunk["usage"] for chunk in chunks if chunk.get("usage")), None)
    return choices, usage, {chunk["id"] for chunk in chunks}, {chunk["created"] for chunk in chunks}


def whole_chat(value: Any) -> Any:
    """A whole chat answer in the same form."""
    choices = {}
    for choice in value["choices"]:
        message = choice["message"]
        tools = {index: {"id": call["id"], **call["function"]} for index, call in enumerate(message.get("tool_calls", ()))}
        texts = {key: message[key] for key in ("content", "reasoning_content", "refusal") if message.get(key) is not None}
        choices[choice["index"]] = {"finish": choice["finish_reason"], "message": texts, "tools": tools}
    return choices, value["usage"], {value["id"]}, {value["created"]}


def read_google(values: List[Any]) -> Any:
    """One or many GenerateContentResponses as one answer."""
    candidates: Dict[int, Dict[str, Any]] = {}
    for candidate in itertools.chain.from_iterable(value["candidates"] for value in values):
        found = candidates.setdefault(candidate.get("index", 0), {"finish": None, "parts": []})
        found["finish"] = candidate.get("finishReason") or found["finish"]
        for part in candidate["content"]["parts"]:
            last = found["parts"][-1] if found["parts"] else {}
            if "text" in part and "text" in last and last.get("thought") == part.get("thought"):
                found["parts"][-1] = {**last, "text": last["text"] + part["text"]}
            else:
                found["parts"].append(part)
    return candidates, values[-1]["usageMetadata"], {value["responseId"] for value in values}


def read_completion(values: List[Any]) -> Any:
    """One or many text_completion objects as one answer."""
    choices: Dict[int, List[Any]] = {}
    for choice in itertools.chain.from_iterable(value["choices"] for value in values):
        found = choices.setdefault(choice["index"], ["", None])
        found[0] += choice["text"]
        found[1] = choice["finish_reason"] or found[1]
    return choices, next((value["usage"] for value in values if value.get("usage")), None), {value["id"] for value in values}


def read_mistral(values: List[Any]) -> Any:
    """One or many of Mistral's objects as one answer."""
    choices: Dict[int, Dict[str, Any]] = {}
    for choice in itertools.chain.from_iterable(value["choices"] for value in values):
        found = choices.setdefault(choice["index"], {"content": [], "tools": [], "finish": None})
        said = choice.get("message") or choice["delta"]
        parts = said["content"] if isinstance(said["content"], list) else [{"type": "text", "text": said["content"]}]
        for part in parts:
            text = part["text"] if part["type"] == "text" else part["thinking"][0]["text"]
            if found["content"] and found["content"][-1][0] == part["type"]:
                found["content"][-1][1] += text
            elif text:
                found["content"].append([part["type"], text])
        found["tools"] += said.get("tool_calls") or []
        found["finish"] = choice["finish_reason"] or found["finish"]
    return choices, next(value["usage"] for value in reversed(values) if "usage" in value), {value["id"] for value in values}


def join_responses(events: List[Any]) -> Any:
    """The response that a Responses stream ends with, after a look at all that led to it."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    items: Dict[int, Any] = {}
    texts: Dict[Any, str] = {}
    for event in events[2:-1]:
        kind, place = event["type"], event["output_index"]
        inner = event.get("content_index", event.get("summary_index"))
        if kind.endswith(".delta"):
            texts[place, inner] = texts.get((place, inner), "") + event["delta"]
            assert (len(event["delta"]) + len(event["obfuscation"])) % 16 == 0
        elif kind.endswith(("text.done", "refusal.done", "arguments.done")):
            assert texts.pop((place, inner), "") == next(event[key] for key in ("text", "refusal", "arguments") if key in event)
        elif kind == "response.output_item.done":
            assert event["item"]["id"] == items[place]["id"] and event["item"]["type"] == items[place]["type"]
            items[place] = event["item"]
        elif kind == "response.output_item.added":
            assert place == len(items)
            items[place] = event["item"]
        assert event.get("item_id", items[place]["id"]) == items[place]["id"]
    assert events[-1]["response"]["output"] == list(items.values()) and not texts
    return events[-1]["response"]


def join_anthropic(events: List[Any]) -> Any:
    """The message that a stream of Anthropic's events adds up to."""
    order = [event["type"] for event in events]
    assert order[0] == "message_start" and order[-2:] == ["message_delta", "message_stop"]
    message = events[0]["message"]
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            assert event["index"] == len(message["content"])
            message["content"].append({**event["content_block"], "partial": ""})
        elif event["type"] == "content_block_delta":
            delta, block = event["delta"], message["content"][event["index"]]
            kind = delta.pop("type")
            assert (
                len(delta) == 1
                and kind
                == {
                    "text": "text_delta",
                    "thinking": "thinking_delta",
                    "signature": "signature_delta",
                    "partial_json": "input_json_delta",
                }[next(iter(delta))]
            )
            for key, piece in delta.items():
                block["partial" if key == "partial_json" else key] += piece
        elif event["type"] == "content_block_stop":
            block = message["content"][event["index"]]
            partial = block.pop("partial")
            if block["type"] == "tool_use":
                block["input"] = json.loads(partial or "{}")
    message.update(events[-2]["delta"])
    message["usage"].update(events[-2]["usage"])
    return message


def join_converse(events: List[Tuple[str, Any]]) -> Any:
    """The answer that a stream of Converse's events adds up to, without metrics."""
    assert [name for name, _ in events[-2:]] == ["messageStop", "metadata"]
    blocks: Dict[int, Any] = {}
    for name, value in events[1:-2]:
        index = value["contentBlockIndex"]
        if name == "contentBlockStart":
            blocks[index] = {"toolUse": {**value["start"]["toolUse"], "input": ""}}
        elif name == "contentBlockDelta":
            ((kind, piece),) = value["delta"].items()
            if kind == "text":
                blocks.setdefault(index, {"text": ""})["text"] += piece
            elif kind == "toolUse":
                blocks[index]["toolUse"]["input"] += piece["input"]
            else:
                found = blocks.setdefault(index, {"reasoningContent": {"reasoningText": {"text": ""}}})["reasoningContent"]
                ((key, text),) = piece.items()
                found["reasoningText"][key] = found["reasoningText"].get(key, "") + text
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
    message = {"content": [blocks[index] for index in sorted(blocks)], "role": events[0][1]["role"]}
    return {"output": {"message": message}, "stopReason": events[-2][1]["stopReason"], "usage": events[-1][1]["usage"]}


def join_cohere(events: List[Any]) -> Any:
    """The answer that a stream of Cohere's events adds up to."""
    assert events[0]["type"] == "message-start" and events[-1]["type"] == "message-end"
    content: List[Any] = []
    calls: List[Any] = []
    plan = ""
    for event in events[1:-1]:
        inner = event.get("delta", {}).get("message", {})
        if event["type"] == "content-start":
            assert event["index"] == len(content)
            content.append(inner["content"])
        elif event["type"] == "content-delta":
            ((key, piece),) = inner["content"].items()
            content[event["index"]][key] += piece
        elif event["type"] == "tool-plan-delta":
            plan += inner["tool_plan"]
        elif event["type"] == "tool-call-start":
            assert event["index"] == len(calls)
            calls.append(inner["tool_calls"])
        elif event["type"] == "tool-call-delta":
            calls[event["index"]]["function"]["arguments"] += inner["tool_calls"]["function"]["arguments"]
    message = {
        "role": "assistant",
        **({"content": content} if content or not calls else {}),
        **({"tool_plan": plan} if plan else {}),
        **({"tool_calls": calls} if calls else {}),
    }
    end = events[-1]["delta"]
    return {"id": events[0]["id"], "message": message, "finish_reason": end["finish_reason"], "usage": end["usage"]}


def join_ollama(lines: List[Any]) -> Any:
    """The object that Ollama's lines add up to."""
    found = dict(lines[-1])
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert all("eval_count" not in line for line in lines[:-1])
    if "response" in found:
        texts = {key: "".join(line.get(key, "") for line in lines) for key in ("response", "thinking")}
        return {**found, **{key: text for key, text in texts.items() if text or key == "response"}}
    message: Dict[str, Any] = {"role": "assistant", "content": ""}
    for line in lines:
        said = line["message"]
        message["content"] += said["content"]
        if "thinking" in said:
            message["thinking"] = message.get("thinking", "") + said["thinking"]
        message.setdefault("tool_calls", []).extend(said.get("tool_calls", ()))
    return {**found, "message": {key: value for key, value in message.items() if value != []}}


def without(value: Any, *names: str) -> Any:
    return {key: inner for key, inner in value.items() if key not in names}


def events_of(kind: type, data: bytes) -> List[Tuple[str, Any]]:
    """The events of a stream, each with its name, as a client of that API reads them."""
    framing = wire_of(kind).framing(call_of(kind, True))
    if isinstance(framing, m.NDJSON):
        return [("", value) for value in framing.split(data)]
    if isinstance(framing, m.EventStream):
        found = []
        for headers, payload in framing.split(data):
            name, value = headers.get(":event-type") or headers[":exception-type"], json.loads(payload)
            assert value.pop("p", "") in m.BEDROCK_PADS
            found.append((name, json.loads(m.base64.b64decode(value["bytes"])) if name == "chunk" else value))
        return found
    frames = [frame.decode() for frame in m.SSE.split(data)]
    named = [(re.match("event: (.+)", frame), m.SSE.data(frame.encode())) for frame in frames]
    return [(name.group(1).rstrip("\r") if name else "", json.loads(text)) for name, text in named if text != "[DONE]"]


def both(kind: type, response: Any, more: Any) -> Tuple[Any, Any]:
    """What a client reads from the whole and from the streamed answer."""
    whole = json.loads(said(kind, response, more=more))
    events = events_of(kind, said(kind, response, True, more={**more, "stream_options": {"include_usage": True}}))
    values = [value for _, value in events]
    if issubclass(kind, m.MistralChat):
        return read_mistral([whole]), read_mistral(values)
    if issubclass(kind, m.OpenAIChat):
        return whole_chat(whole), merge_chat([json.dumps(value) for value in values])
    if issubclass(kind, m.AnthropicMessages):
        last = values[-1].pop("amazon-bedrock-invocationMetrics", None)
        assert (last is not None) == (kind is m.BedrockClaude)
        return whole, join_anthropic([value for value in values if value["type"] != "ping"])
    if issubclass(kind, m.BedrockConverse):
        flat = [next(iter(value.items())) for value in values] if kind is m.BedrockNova else events
        return without(whole, "metrics"), join_converse(flat)
    if issubclass(kind, m.OllamaChat):
        return without(whole, "created_at"), without(join_ollama(values), "created_at")
    joins = {m.OpenAIResponses: join_responses, m.AzureResponses: join_responses, m.CohereChat: join_cohere}
    if kind in joins:
        assert all(name == value["type"] for name, value in events)
        return whole, joins[kind](values)
    read: Callable[[List[Any]], Any] = read_google if issubclass(kind, m.Gemini) else read_completion
    return read([whole]), read(values)


CALLS = [
    {"name": "get_weather", "arguments": {"city": "Osló", "days": [1, 2], "deep": {"a": None}}},
    {"name": "now", "arguments": {}},
]
FORMS: Dict[str, Any] = {
    "text": {"text": "Grüße aus 東京 🚀\n  mit  Leerraum \n"},
    "empty": {"text": ""},
    "space": {"text": " \n "},
    "reasoning": {"reasoning": "Let me think.", "text": "Done."},
    "refusal": {"refusal": "I can't help with that."},
    "tool": {"tool_calls": CALLS[:1]},
    "tools": {"tool_calls": CALLS},
    "ids": {"tool_calls": [{**CALLS[0], "id": "call_mine"}]},
    "all": {"reasoning": "Hm.", "text": "Let me look.", "tool_calls": CALLS},
    "parts": {"parts": [{"text": "a b"}, {"tool_calls": CALLS[:1]}, {"reasoning": "c d"}, {"text": "e f"}]},
    "length": {"text": "cut", "finish_reason": "length"},
    "filter": {"text": "cut", "finish_reason": "content_filter"},
    "chunks": {"text": "0123456789", "chunk_size": 3},
    "nothing": {"finish_reason": "stop"},
    "empty parts": {"reasoning": "", "text": "", "tool_calls": CALLS[1:]},
    "object": {"text": {"city": "Osló", "days": [1, {"a": None}]}},
    "id": {"text": "x", "id": "my-id", "model": "my-model"},
    "usage": {"text": "x y", "usage": {"input_tokens": 100, "output_tokens": 20, "reasoning_tokens": 5, "cached_tokens": 60}},
}


def expressible(kind: type, form: str) -> bool:
    """Whether an API can say what a form holds; legacy completions have no tool calls."""
    return m.ToolCall in wire_of(kind).speaks or {"tool_calls", "parts"}.isdisjoint(FORMS[form])


@pytest.mark.parametrize("kind, form", [(kind, form) for kind in GENERATE for form in FORMS if expressible(kind, form)])
@pytest.mark.parametrize("choices", [1, 2])
def test_a_stream_adds_up_to_the_whole_answer(kind: type, form: str, choices: int) -> None:
    several = issubclass(kind, (m.ChatRequest, m.OpenAICompletions, m.GeminiGenerate))
    more = {"generationConfig": {"candidateCount": choices}} if issubclass(kind, m.GeminiRequest) else {"n": choices}
    whole, streamed = both(kind, FORMS[form], more)
    assert streamed == whole and (not several or len(whole[0]) == choices)


USAGE_PLACES = {  # where each API says how many tokens went in and came out
    m.OpenAIChat: ("usage.prompt_tokens", "usage.completion_tokens"),
    m.OpenAICompletions: ("usage.prompt_tokens", "usage.completion_tokens"),
    m.GeminiGenerate: ("usageMetadata.promptTokenCount", "usageMetadata.candidatesTokenCount"),
    m.OpenAIResponses: ("usage.input_tokens", "usage.output_tokens"),
    m.AnthropicMessages: ("usage.input_tokens", "usage.output_tokens"),
    m.BedrockConverse: ("usage.inputTokens", "usage.outputTokens"),
    m.CohereChat: ("usage.billed_units.input_tokens", "usage.billed_units.output_tokens"),
    m.OllamaChat: ("prompt_eval_count", "eval_count"),
}


def usage_of(kind: type, value: Any) -> List[int]:
    places = next(places for base, places in USAGE_PLACES.items() if issubclass(kind, base))
    return [m.within(value, *place.split(".")) for place in places]


@pytest.mark.parametrize("kind", GENERATE)
def test_usage_is_what_the_mock_says_or_estimated_above_zero(kind: type) -> None:
    assert usage_of(kind, json.loads(said(kind, NEUTRAL))) == [9, 2]
    assert all(count > 0 for count in usage_of(kind, json.loads(said(kind, {"text": "Hello"}))))


@pytest.mark.parametrize(
    "kind, reasons",
    [
        (m.OpenAIChat, ("stop", "length", "tool_calls", "content_filter")),
        (m.AzureChat, ("stop", "length", "tool_calls", "content_filter")),
        (m.GeminiGenerate, ("STOP", "MAX_TOKENS", "STOP", "SAFETY")),
        (m.VertexGenerate, ("STOP", "MAX_TOKENS", "STOP", "SAFETY")),
    ],
)
def test_finish_reasons_are_translated(kind: type, reasons: Sequence[str]) -> None:
    for stop, expected in zip(m.STOPS, reasons):
        value = json.loads(said(kind, {"text": "x", "finish_reason": stop}))
        assert (value.get("choices") or value.get("candidates"))[0].get(
            "finish_reason" if "choices" in value else "finishReason"
        ) == expected


def test_a_refusal_without_a_field_of_its_own_is_text_with_the_providers_finish_reason() -> None:
    candidate = json.loads(said(m.GeminiGenerate, {"refusal": "No."}))["candidates"][0]
    assert (candidate["content"]["parts"], candidate["finishReason"]) == ([{"text": "No."}], "SAFETY")
    choice = json.loads(said(m.OpenAICompletions, {"refusal": "No."}))["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == ("No.", "content_filter")


@pytest.mark.parametrize("kind", [m.OpenAIChat, m.OpenAICompletions, m.AzureChat, m.AzureCompletions, m.GeminiChat, m.VertexChat])
def test_the_usage_chunk_comes_only_when_asked_for(kind: type) -> None:
    assert b'"usage"' not in said(kind, NEUTRAL, True)
    asked = [
        json.loads(m.SSE.data(frame))
        for frame in m.SSE.split(said(kind, NEUTRAL, True, more={"stream_options": {"include_usage": True}}))[:-1]
    ]
    asked = [chunk for chunk in asked if chunk["id"]]
    assert all("usage" in chunk for chunk in asked) and asked[-1]["choices"] == [] and asked[-1]["usage"]["total_tokens"] == 11
    assert [chunk["usage"] for chunk in asked[:-1]] == [None] * (len(asked) - 1)


def test_lone_and_parallel_tool_calls_open_as_recorded() -> None:
    def deltas(calls: Any) -> List[Any]:
        frames = m.SSE.split(said(m.OpenAIChat, {"tool_calls": calls}, True))[:-1]
        return [json.loads(m.SSE.data(frame))["choices"][0]["delta"] for frame in frames]

    lone, several = deltas(CALLS[:1]), deltas(CALLS)
    assert (
        list(lone[0]) == ["role", "content", "tool_calls", "refusal"] and lone[0]["tool_calls"][0]["function"]["arguments"] == ""
    )
    assert several[0] == {"role": "assistant", "content": None} and list(several[1]["tool_calls"][0]) == [
        "index",
        "id",
        "type",
        "function",
    ]
    assert lone[1]["tool_calls"] == [{"index": 0, "function": {"arguments": '{"'}}]


def test_reasoning_models_have_no_logprobs_and_no_fingerprint() -> None:
    value = json.loads(said(m.OpenAIChat, NEUTRAL, more={"model": "gpt-5-mini"}))
    assert "logprobs" not in value["choices"][0] and value["system_fingerprint"] is None


def test_an_api_without_streams_ignores_that_one_is_asked_for() -> None:
    for kind in (m.OpenAIEmbeddings, m.OpenAIModerations, m.GeminiCountTokens, m.VertexPredict):
        assert ask(answerer(fallback="echo"), kind, more={"stream": True}).status == 200


@pytest.mark.parametrize("kind", [m.GeminiGenerate, m.VertexGenerate])
def test_tokens_of_a_google_stream_only_grow(kind: type) -> None:
    response = {
        "reasoning": "think think think ",
        "text": "a b c",
        "usage": {"input_tokens": 4, "output_tokens": 3, "reasoning_tokens": 2},
    }
    usages = [json.loads(m.SSE.data(frame))["usageMetadata"] for frame in m.SSE.split(said(kind, response, True))]
    for name in ("candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount"):
        counts = [usage.get(name, 0) for usage in usages if "promptTokenCount" in usage]
        assert counts == sorted(counts), name


def test_gemini_3_signs_its_first_function_call_and_older_models_have_no_ids() -> None:
    call, reply = call_of(m.GeminiGenerate), m.Reply((m.ToolCall("f", {}), m.ToolCall("g", {})), "tool_calls", m.Usage(1, 1), "x")
    wire = wire_of(m.GeminiGenerate)
    assert [set(part) for part in wire.whole(call, reply)["candidates"][0]["content"]["parts"]] == [{"functionCall"}] * 2
    parts = wire.whole(replace(call, model="gemini-3-pro"), reply)["candidates"][0]["content"]["parts"]
    assert [set(part) for part in parts] == [{"functionCall", "thoughtSignature"}, {"functionCall"}] and len(
        parts[1]["functionCall"]["id"]
    ) == 8


def test_reasoning_deployments_of_azure_have_empty_filter_results() -> None:
    request = replace(request_of(m.AzureChat, True), path="/openai/deployments/gpt-5-mini/chat/completions")
    sent = bytes_of(answerer({"response": NEUTRAL}).answer(request).response)
    assert b'"prompt_filter_results":[{"content_filter_results":{},"prompt_index":0}]' in sent and b"severity" not in sent


def test_logprobs_are_sent_when_asked_for() -> None:
    more = {"logprobs": True, "top_logprobs": 1}
    entries = json.loads(said(m.OpenAIChat, NEUTRAL, more=more))["choices"][0]["logprobs"]["content"]
    streamed = [
        json.loads(m.SSE.data(frame))["choices"][0]["logprobs"]
        for frame in m.SSE.split(said(m.OpenAIChat, NEUTRAL, True, more=more))[:-1]
    ]
    assert [entry["token"] for entry in entries] == ["Hello", " world"] and entries[0]["bytes"] == list(b"Hello")
    assert [entry for found in streamed if found for entry in found["content"]] == entries


def test_safety_ratings_come_from_older_models_and_from_blocked_answers() -> None:
    rated = json.loads(said(m.VertexGenerate, NEUTRAL, body=None).decode())
    assert "safetyRatings" not in rated["candidates"][0]
    call = replace(call_of(m.VertexGenerate), model="gemini-1.5-flash-001")
    reply = m.Reply((m.Text("x"),), "stop", m.Usage(1, 1), "gemini-1.5-flash-001")
    assert set(wire_of(m.VertexGenerate).whole(call, reply)["candidates"][0]["safetyRatings"][0]) == {
        "category",
        "probability",
        "probabilityScore",
        "severity",
        "severityScore",
    }
    blocked = json.loads(said(m.GeminiGenerate, {"text": "", "finish_reason": "content_filter"}))["candidates"][0][
        "safetyRatings"
    ]
    assert [rating.get("blocked", False) for rating in blocked].count(True) == 1


WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
SCHEMAS: Dict[type, Any] = {  # how each API is told the schema that the answer is to fit
    m.OpenAIChat: {"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER, "strict": True}}},
    m.OpenAIResponses: {"text": {"format": {"type": "json_schema", "name": "w", "schema": WEATHER}}},
    m.GeminiGenerate: {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": WEATHER}},
    m.VertexGenerate: {
        "generation_config": {
            "response_schema": {
                "type": "OBJECT",
                "properties": {"city": {"type": "STRING"}, "degrees": {"type": "INTEGER"}},
                "required": ["city"],
                "propertyOrdering": ["city"],
            }
        }
    },
    m.AnthropicMessages: {"output_config": {"format": {"type": "json_schema", "schema": WEATHER}}},
    m.BedrockClaude: {"output_format": {"type": "json_schema", "schema": WEATHER}},
    m.BedrockConverse: {
        "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(WEATHER)}}}}
    },
    m.CohereChat: {"response_format": {"type": "json_object", "json_schema": WEATHER}},
    m.MistralChat: {"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}},
    m.OllamaChat: {"format": WEATHER},
}
SCHEMAS[m.OllamaGenerate] = SCHEMAS[m.OllamaChat]
SCHEMAS[m.AzureChat] = SCHEMAS[m.GeminiChat] = SCHEMAS[m.OpenAIChat]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_an_object_is_answered_as_json_text_and_the_log_says_when_it_does_not_fit_the_schema(kind: type) -> None:
    for stream in (False, True):
        answers = answerer({"response": {"text": {"city": "{{user}}", "degrees": 7}}})
        answered = answers.answer(request_of(kind, stream, more=SCHEMAS[kind]))
        assert answered.note == "" and answered.response.status == 200
        assert stream or r"{\"city\":\"Hi\",\"degrees\":7}" in answered.response.body.decode()
        wrong = answerer({"response": {"text": {"city": "Oslo", "degrees": "warm"}}})
        note = wrong.answer(request_of(kind, stream, more=SCHEMAS[kind])).note
        assert note == 'the answer does not fit the request\'s JSON schema: text.degrees is "warm", expected integer'
        plain = answerer({"response": {"text": "{no json"}}).answer(request_of(kind, stream, more=SCHEMAS[kind]))
        assert "text is not JSON" in plain.note and plain.response.status == 200


@pytest.mark.parametrize(
    "value, schema, said_so",
    [
        ({"city": "Oslo"}, WEATHER, ""),
        ({}, WEATHER, "v.city is missing"),
        ({"city": "Oslo", "citty": 1}, WEATHER, "v.citty is not wanted; did you mean 'city'?"),
        ([1, "a"], {"type": "array", "items": {"type": "integer"}}, 'v[1] is "a", expected integer'),
        ([1, "a"], {"prefixItems": [{"type": "string"}]}, "v[0] is 1, expected string"),
        ([1], {"minItems": 2}, "v is [1], expected at least so many items: 2"),
        (True, {"type": "integer"}, "v is true, expected integer"),
        (1.0, {"type": "integer"}, ""),
        (None, {"type": ["string", "null"]}, ""),
        (None, {"type": "STRING", "nullable": True}, ""),
        (None, {"type": "STRING"}, "v is null, expected string"),
        ("c", {"enum": ["a", "b"]}, 'v is "c", expected one of ["a", "b"]'),
        (2, {"const": 1}, "v is 2, expected 1"),
        (5, {"minimum": 6}, "v is 5, expected at least 6"),
        (5, {"exclusiveMaximum": 5}, "v is 5, expected less than 5"),
        ("abc", {"maxLength": 2}, 'v is "abc", expected a length of at most 2'),
        (1, {"anyOf": [{"type": "string"}, {"type": "null"}]}, "v fits none of anyOf: v is 1, expected string"),
        (1, {"allOf": [{"type": "integer"}, {"minimum": 2}]}, "v is 1, expected at least 2"),
        (
            {"a": {"a": 1}},
            {"$defs": {"n": {"properties": {"a": {"$ref": "#/$defs/n"}}, "type": "object"}}, "$ref": "#/$defs/n"},
            "v.a.a is 1, expected object",
        ),
        (1, {"$ref": "#"}, ""),
        (1, {"type": "unheard-of"}, ""),
        (1, "no schema", ""),
    ],
)
def test_a_value_is_held_against_a_json_schema(value: Any, schema: Any, said_so: str) -> None:
    assert m.misfit(value, schema, "v") == said_so


def test_a_schema_of_many_branches_that_refer_to_themselves_costs_bounded_time() -> None:
    endless = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}
    assert m.misfit(1, endless, "v") == ""
    leaf = {"type": "object", "properties": {"left": {"$ref": "#/$defs/e"}, "op": {"const": "x"}}, "required": ["op"]}
    tree = {
        "$defs": {"e": {"anyOf": [{**leaf, "properties": {**leaf["properties"], "op": {"const": op}}} for op in "+-*/"]}},
        "$ref": "#/$defs/e",
    }
    value: Any = {"op": "/"}
    for _ in range(12):
        value = {"left": value, "op": "/"}
    assert m.misfit(value, tree, "v") == ""
    assert m.misfit(int("9" * 400), {"type": "integer", "minimum": 0}, "v") == ""


@pytest.mark.parametrize("kind", [*EMBEDS, m.BedrockOther])
def test_a_filter_is_an_error_where_no_text_can_say_it(kind: type) -> None:
    answers = answerer({"match": {"operation": ["embed", "generate"]}, "response": {"error": {"kind": "content_filter"}}})
    assert ask(answers, kind).status == 400


@pytest.mark.parametrize(
    "kind, body, user, tool_result, turn, tools",
    [
        (
            m.BedrockConverse,
            {"messages": [{"role": "user", "content": [{"text": "q"}]}, {"role": "assistant", "content": [{"toolUse": {}}]},
                          {"role": "user", "content": [{"toolResult": {"content": [{"text": "r"}]}}, {"cachePoint": {}}]}]},
            "q", "r", 1, (),
        ),
        (
            m.BedrockConverse,
            {"messages": [{"role": "user", "content": [{"guardContent": {"text": {"text": "q"}}}]}]},
            "q", None, 0, (),
        ),
        (m.BedrockConverse, {"promptVariables": {"a": {"text": "b"}}}, "", None, 0, ()),
        (
            m.AnthropicMessages,
            {"model": "x", "max_tokens": 1, "tools": [{"type": "mcp_toolset", "mcp_server_name": "s"}, {"name": "f"}],
             "messages": [{"role": "user", "content": "q"}]},
            "q", None, 0, ("mcp_toolset", "f"),
        ),
        (
            m.OpenAIResponses,
            {"model": "x", "input": [{"id": "rs_1"}, {"role": "user", "content": "q"}, {"type": "function_call"},
                                     {"type": "function_call_output", "output": "r"}, {"type": "tool_search_call"},
                                     {"type": "tool_search_output", "tools": []}, {"type": "mcp_approval_response"}]},
            "q", "r", 2, (),
        ),
        (
            m.OpenAIResponses,
            {"model": "x", "input": [{"type": "shell_call_output", "output": [{"stdout": "a"}]}]},
            "", '[{"stdout":"a"}]', 0, (),
        ),
        (m.OpenAIResponses, {"prompt": {"id": "pmpt_1"}}, "", None, 0, ()),
    ],
)  # fmt: skip
def test_what_the_sdks_really_send_is_read(kind: type, body: Any, user: str, tool_result: Any, turn: int, tools: Any) -> None:
    call = call_of(kind, body=body)
    assert (call.user, call.tool_result, call.turn, call.tools) == (user, tool_result, turn, tools)


def test_reasoning_is_encrypted_for_who_asks_for_it() -> None:
    more = {"include": ["reasoning.encrypted_content"]}
    whole, streamed = both(m.OpenAIResponses, {"reasoning": "Hm.", "text": "x"}, more)
    assert whole == streamed and whole["output"][0]["encrypted_content"].startswith("gAAAAAB")


def test_ollama_writes_json_as_go_does() -> None:
    for stream in (False, True):
        sent = said(m.OllamaChat, {"text": "<a&b>\u2028", "usage": {"input_tokens": 0, "output_tokens": 0}}, stream)
        assert rb"\u003ca\u0026b\u003e\u2028" in sent and b"eval_count" not in sent
    assert ask(answerer(), m.OllamaChat, body=b"").body == b'{"error":"missing request body"}'


def test_azures_own_name_of_gpt_3_5_is_no_reasoning_model() -> None:
    names = ("gpt-35-turbo", "gpt-5-mini", "gpt-5.1", "o3", "gpt-4o", "gpt-10")
    assert [bool(m.REASONING_MODEL.match(name)) for name in names] == [False, True, True, True, False, True]


def test_a_typo_away_is_nearer_than_a_mock_of_which_more_holds() -> None:
    mocks = m.Mocks()
    more = {"provider": "openai", "model": "gpt-4o", "user": "something else entirely"}
    mocks.add([{"name": "more holds", "match": more, "response": {"text": "x"}}])
    mocks.add([{"name": "a typo away", "match": {"user": "Hi theer"}, "response": {"text": "x"}}])
    names = [miss.mock.name for miss in mocks.near(replace(BASE, session=""), wire_of(m.OpenAIChat))]
    assert names == ["a typo away", "more holds"]


def test_a_mock_that_only_can_not_answer_is_nearest() -> None:
    mocks = m.Mocks()
    mocks.add([{"name": name, "match": {"user": name}, "response": {"text": "x"}} for name in ("st1", "st3")])
    mocks.add([{"name": "right one", "match": {"user": "st2"}, "response": {"events": [{"a": 1}]}}])
    near = mocks.near(replace(BASE, user="st2", session=""), wire_of(m.OpenAIChat))
    assert near[0].mock.name == "right one"


def test_a_miss_is_not_remembered_where_its_explanation_may_change() -> None:
    answers = answerer({"match": {"model": "a"}, "times": 1, "response": {"text": "x"}})
    assert b"times" not in ask(answers, m.OpenAIChat, more={"model": "b"}).body
    ask(answers, m.OpenAIChat, more={"model": "a"})
    assert b"fewer than 1 uses" in ask(answers, m.OpenAIChat, more={"model": "b"}).body


def test_bad_json_from_mistrals_client_gets_mistrals_shape() -> None:
    assert json.loads(ask(answerer(), m.MistralChat, body=b"{bad").body)["object"] == "error"


def test_the_log_says_when_an_answer_does_not_fit(capfd: Any) -> None:
    with MockServer(log="text") as server:
        server.mock(response={"text": {"city": 1}})
        fetch(server.port, "POST", "/v1/chat/completions", json.dumps({**CHAT, **SCHEMAS[m.OpenAIChat]}).encode())
    assert "does not fit the request's JSON schema: text.city is 1, expected string" in capfd.readouterr().err


def test_extra_is_merged_deeply_into_the_whole_body() -> None:
    value = json.loads(said(m.OpenAIChat, {**NEUTRAL, "extra": {"usage": {"queue_time": 1}, "x_groq": {"id": 2}}}))
    assert value["usage"]["queue_time"] == 1 and value["usage"]["total_tokens"] == 11 and value["x_groq"] == {"id": 2}


def test_ids_depend_on_provider_model_and_body_but_not_on_streaming_headers_or_port() -> None:
    base = call_of(m.OpenAIChat)
    same = [
        call_of(m.OpenAIChat, True),
        call_of(m.OpenAIChat, more={"stream_options": {"include_usage": True}}),
        call_of(m.OpenAIChat, headers={"x-a": "b"}),
        replace(base, port=1),
    ]
    other = [call_of(m.OpenAIChat, more={"temperature": 1}), call_of(m.AzureChat), call_of(m.OpenAIChat, more={"model": "x"})]
    assert {call.digest for call in same} == {base.digest} and len({call.digest for call in [base, *other]}) == 4


def test_answers_are_the_same_in_every_process() -> None:
    code = (
        "import test_mock_server as t; import mock_server as m; "
        "print(t.hashlib.sha256(b''.join(t.said(k, t.FORMS['all'], s) for k in t.CHATS for s in (False, True))).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-B", "-c", code],
            cwd=str(HERE),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    here = hashlib.sha256(b"".join(said(kind, FORMS["all"], stream) for kind in CHATS for stream in (False, True))).hexdigest()
    assert [run.strip() for run in runs] == [here, here]


# --- Embeddings, moderations, models, counts ---


@pytest.mark.parametrize("kind", [m.OpenAIEmbeddings, m.AzureEmbeddings])
@pytest.mark.parametrize(
    "response",
    [
        {"embedding": [0.25, -0.5, 1.0]},
        {"body": {"object": "list", "data": [{"embedding": [0.25, -0.5, 1.0]}]}},
        {"body": {"object": "list", "data": [{"embedding": "AACAPgAAAL8AAIA/"}]}},
    ],
)
def test_an_embedding_comes_in_the_encoding_that_is_asked_for(kind: type, response: Any) -> None:
    packed = json.loads(said(kind, response, more={"encoding_format": "base64"}))["data"][0]["embedding"]
    plain = json.loads(said(kind, response))["data"][0]["embedding"]
    assert packed == "AACAPgAAAL8AAIA/" and plain == [0.25, -0.5, 1.0]


@pytest.mark.parametrize("kind", EMBEDS)
def test_every_api_that_embeds_gives_the_vector_of_the_mock(kind: type) -> None:
    value = said(kind, {"embedding": [0.25, -0.5, 1.0]})
    assert json.dumps([0.25, -0.5, 1.0], separators=(",", ":")) in re.sub(rb"\s", b"", value).decode()


@pytest.mark.parametrize(
    "name, vector, expected",
    [
        ("float", [0.25, -0.5], [0.25, -0.5]),
        ("base64", [0.25, -0.5, 1.0], "AACAPgAAAL8AAIA/"),
        ("int8", [1, -1, 0, 2], [127, -127, 0, 127]),
        ("uint8", [1, -1, 0, -2], [255, 1, 128, 0]),
        ("ubinary", [1, -1, 1, 1, 0, 0, 0, 0, 1], [176, 128]),
        ("binary", [1, -1, 1, 1, 0, 0, 0, 0, 1], [48, 0]),
    ],
)
def test_cohere_embeds_in_the_types_that_are_asked_for(name: str, vector: Any, expected: Any) -> None:
    value = json.loads(said(m.CohereEmbed, {"embedding": vector}, more={"embedding_types": [name]}))
    assert value["embeddings"] == {name: [expected]}


@pytest.mark.parametrize("kind", COUNTS)
def test_every_api_that_counts_gives_the_input_tokens_of_the_mock(kind: type) -> None:
    assert re.search(rb"\b1234\b", said(kind, {"usage": {"input_tokens": 1234}}))
    assert call_of(kind).user == "Hi"


def test_several_inputs_get_an_embedding_each_and_the_vectors_start_over() -> None:
    data = json.loads(said(m.OpenAIEmbeddings, {"embedding": [[1], [2]]}, more={"input": ["a", "b", "c"]}))["data"]
    assert [(entry["index"], entry["embedding"]) for entry in data] == [(0, [1]), (1, [2]), (2, [1])]


def test_an_echoed_embedding_has_unit_length_and_the_size_asked_for() -> None:
    vector = json.loads(ask(answerer(fallback="echo"), m.OpenAIEmbeddings, more={"dimensions": 8}).body)["data"][0]["embedding"]
    assert len(vector) == 8 and abs(sum(value * value for value in vector) - 1) < 1e-6


def test_moderation_flags_what_a_neutral_reply_refuses() -> None:
    assert json.loads(said(m.OpenAIModerations, {"text": "fine"}))["results"][0]["flagged"] is False
    assert json.loads(said(m.OpenAIModerations, {"refusal": "no"}))["results"][0]["categories"]["illicit"] is True


def test_models_are_answered_without_a_mock_and_one_by_name() -> None:
    answers = answerer()
    assert json.loads(ask(answers, m.OpenAIModels).body)["object"] == "list"
    assert json.loads(answers.answer(m.Request("GET", "/v1/models/any-name")).response.body)["id"] == "any-name"
    assert json.loads(answers.answer(m.Request("GET", "/v1beta/models/any-name")).response.body)["name"] == "models/any-name"
    assert "publisherModels" in json.loads(ask(answers, m.VertexModels).body)
    assert json.loads(ask(answers, m.AnthropicModels).body)["data"][0]["type"] == "model"


def test_pages_of_gemini_models_end_without_a_token() -> None:
    names, token = [], "0"
    for _ in range(10):
        page = json.loads(ask(answerer(), m.GeminiModels, query={"pageSize": "3", "pageToken": token}).body)
        names += [model["name"] for model in page["models"]]
        if "nextPageToken" not in page:
            break
        token = page["nextPageToken"]
    assert len(names) == len(set(names)) == len(m.GeminiModels.known) and "nextPageToken" not in page


# --- Errors and credentials ---

ERROR = {"status": 429, "error": "slow down"}


# Errors of every kind, as (status, type or the like, where the provider's sentence begins); None: an answer that says it.
OPENAI_SAYS: Dict[str, Any] = {
    "authentication": (401, "invalid_api_key", "Incorrect API key provided"),
    "permission": (403, "model_not_found", "Project `proj_mock` does not have access to model `gpt-4o-mini`"),
    "not_found": (404, "model_not_found", "The model `gpt-4o-mini` does not exist"),
    "timeout": (504, "server_error", "Gateway Timeout"),
    "rate_limit": (429, "rate_limit_exceeded", "Rate limit reached for gpt-4o-mini"),
    "server_error": (500, "server_error", "The server had an error"),
    "overloaded": (503, "server_error", "The server is currently overloaded"),
    "context_length": (400, "context_length_exceeded", "This model's maximum context length"),
    "content_filter": None,
}
GEMINI_SAYS: Dict[str, Any] = {
    "authentication": (400, "INVALID_ARGUMENT", "API key not valid"),
    "permission": (403, "PERMISSION_DENIED", "The caller does not have permission"),
    "not_found": (404, "NOT_FOUND", "models/gemini-2.5-flash is not found for API version v1beta"),
    "timeout": (504, "DEADLINE_EXCEEDED", "Deadline expired"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota"),
    "server_error": (500, "INTERNAL", "An internal error has occurred"),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded"),
    "context_length": (400, "INVALID_ARGUMENT", "The input token count"),
    "content_filter": None,
}
ANTHROPIC_SAYS: Dict[str, Any] = {
    "authentication": (401, "authentication_error", "invalid x-api-key"),
    "permission": (403, "permission_error", "Your API key does not have permission"),
    "not_found": (404, "not_found_error", "model: claude-sonnet-4-5"),
    "timeout": (504, "timeout_error", "Request timed out"),
    "rate_limit": (429, "rate_limit_error", "This request would exceed"),
    "server_error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "context_length": (400, "invalid_request_error", "prompt is too long"),
    "content_filter": None,
}
BEDROCK_SAYS: Dict[str, Any] = {
    "authentication": (403, "UnrecognizedClientException", "The security token"),
    "permission": (403, "AccessDeniedException", "You don't have access"),
    "not_found": (400, "ValidationException", "The provided model identifier is invalid."),
    "timeout": (408, "ModelTimeoutException", "Model has timed out"),
    "rate_limit": (429, "ThrottlingException", "Too many requests"),
    "server_error": (500, "InternalServerException", "The system encountered"),
    "overloaded": (503, "ServiceUnavailableException", "The service is unable"),
    "context_length": (400, "ValidationException", "Input is too long"),
    "content_filter": None,
}
AZURE_SAYS = {
    **OPENAI_SAYS,
    "authentication": (401, "401", "Access denied due to invalid subscription key"),
    "permission": (403, "403", "Access denied due to Virtual Network"),
    "not_found": (404, "DeploymentNotFound", "The API deployment for this resource does not exist"),
    "rate_limit": (429, "429", "Requests to the ChatCompletions_Create Operation"),
    "content_filter": (400, "content_filter", "The response was filtered"),
}
VERTEX_SAYS = {
    **GEMINI_SAYS,
    "authentication": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials"),
    "not_found": (
        404,
        "NOT_FOUND",
        "Publisher Model `projects/p/locations/us/publishers/google/models/gemini-2.5-flash` not found.",
    ),
    "rate_limit": (429, "RESOURCE_EXHAUSTED", "Resource exhausted"),
}
SAYS: Dict[type, Dict[str, Any]] = {
    m.OpenAIChat: OPENAI_SAYS,
    m.OpenAICompletions: {
        kind: row and (*row[:2], row[2].replace("gpt-4o-mini", "gpt-3.5-turbo-instruct")) for kind, row in OPENAI_SAYS.items()
    },
    m.OpenAIResponses: {
        **OPENAI_SAYS,
        "not_found": (400, "model_not_found", "The requested model 'gpt-4o-mini' does not exist."),
        "context_length": (400, "context_length_exceeded", "Your input exceeds the context window"),
    },
    m.AzureChat: AZURE_SAYS,
    m.AzureCompletions: AZURE_SAYS,
    m.AzureResponses: {**AZURE_SAYS, "context_length": (400, "context_length_exceeded", "Your input exceeds the context window")},
    m.GeminiGenerate: GEMINI_SAYS,
    m.GeminiChat: {**GEMINI_SAYS, "not_found": (404, "NOT_FOUND", "models/gpt-4o-mini is not found")},
    m.VertexGenerate: VERTEX_SAYS,
    m.VertexChat: {
        **VERTEX_SAYS,
        "not_found": (404, "NOT_FOUND", "Publisher Model `projects/p/locations/us/publishers/google/models/gpt-4o-mini`"),
    },
    m.AnthropicMessages: ANTHROPIC_SAYS,
    m.VertexMessages: {
        **ANTHROPIC_SAYS,
        "authentication": VERTEX_SAYS["authentication"],
        "permission": (403, "PERMISSION_DENIED", "The caller does not have permission"),
        "not_found": (
            404,
            "NOT_FOUND",
            "Publisher Model `projects/p/locations/us/publishers/anthropic/models/claude-sonnet-4-5@20250929`",
        ),
        "rate_limit": (429, "RESOURCE_EXHAUSTED", "Quota exceeded for aiplatform.googleapis.com"),
    },
    m.BedrockConverse: BEDROCK_SAYS,
    m.BedrockClaude: BEDROCK_SAYS,
    m.BedrockNova: BEDROCK_SAYS,
    m.CohereChat: {
        "authentication": (401, None, "invalid api token"),
        "permission": (403, None, "Forbidden"),
        "not_found": (404, None, "model 'command-a-03-2025' not found"),
        "timeout": (504, None, "Gateway Timeout"),
        "rate_limit": (429, None, "You are using a Trial key"),
        "server_error": (500, None, "internal server error"),
        "overloaded": (503, None, "service unavailable"),
        "context_length": (400, None, "too many tokens"),
        "content_filter": None,
    },
    m.MistralChat: {
        "authentication": (401, None, "Unauthorized"),
        "permission": (403, "invalid_request_error", "Forbidden"),
        "not_found": (400, "invalid_model", "Invalid model: mistral-small-latest"),
        "timeout": (504, "internal_server_error", "Gateway Timeout"),
        "rate_limit": (429, "rate_limited", "Rate limit exceeded"),
        "server_error": (500, "internal_server_error", "Internal server error"),
        "overloaded": (503, "internal_server_error", "Service unavailable."),
        "context_length": (400, "invalid_request_prompt", "Prompt contains"),
        "content_filter": None,
    },
    m.OllamaChat: {
        "authentication": (401, None, "unauthorized"),
        "permission": (403, None, "Forbidden"),
        "not_found": (404, None, "model 'llama3.2' not found"),
        "timeout": (504, None, "Gateway Timeout"),
        "rate_limit": (429, None, "too many requests"),
        "server_error": (500, None, "llama runner process has terminated"),
        "overloaded": (503, None, "server busy, please try again.  maximum pending requests exceeded"),
        "context_length": (400, None, "the input length exceeds"),
        "content_filter": None,
    },
}
SAYS[m.OllamaGenerate] = SAYS[m.OllamaChat]
SAYS[m.MistralFIM] = {
    kind: row and (*row[:2], row[2].replace("mistral-small", "codestral")) for kind, row in SAYS[m.MistralChat].items()
}


def type_of(response: m.Response) -> Optional[str]:
    """What names an error in the provider's way: its code, type or status, or the type in Bedrock's header."""
    header = dict(response.headers).get("x-amzn-ErrorType")
    if header:
        return header.partition(":")[0]
    value = json.loads(response.body)
    value = value[0] if isinstance(value, list) else value
    error = value.get("error", value)
    if not isinstance(error, dict):
        return None
    return (
        error.get("status")
        if isinstance(error.get("status"), str)
        else (error.get("type") if value.get("object") == "error" else error.get("code") or error.get("type"))
    )


def test_every_api_that_says_something_has_its_errors_of_every_kind() -> None:
    assert set(SAYS) == set(GENERATE) and all(list(rows) == list(m.ERROR_KINDS) for rows in SAYS.values())


@pytest.mark.parametrize("kind, error", [(kind, error) for kind in SAYS for error in m.ERROR_KINDS if SAYS[kind][error]])
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_a_kind_is_the_providers_own(kind: type, error: str, stream: bool) -> None:
    response = ask(answerer({"response": {"error": {"kind": error}}}), kind, stream)
    status, named, said_so = SAYS[kind][error]
    assert (response.status, type_of(response)) == (status, named) and complaint_of(response.body).startswith(said_so)
    bare = ask(answerer({"response": {"status": status}}), kind, stream)
    if status in m.ERROR_KINDS[error]:
        assert bare.body == response.body
    own = ask(answerer({"response": {"error": {"kind": error, "message": "mine"}}}), kind, stream)
    assert own.status == status and complaint_of(own.body) == "mine" and type_of(own) == named


@pytest.mark.parametrize("kind", GENERATE)
@pytest.mark.parametrize("stream", [False, True])
def test_a_miss_is_a_404_that_explains_in_every_providers_shape(kind: type, stream: bool) -> None:
    response = ask(answerer({"name": "the one", "match": {"user": "Ho"}, "response": {"text": "x"}}), kind, stream)
    said_so = 'no mock matches; closest is "the one" (added#1): user is "Hi", expected "Ho"'
    assert response.status == 404 and complaint_of(response.body) == said_so
    header = dict(response.headers).get("x-amzn-ErrorType", "ResourceNotFoundException:")
    assert header.startswith("ResourceNotFoundException:")


@pytest.mark.parametrize(
    "path, kind",
    [
        ("/v1/respones", m.OpenAIResponses),
        ("/v1/message", m.AnthropicMessages),
        (BEDROCK + "/convers", m.BedrockConverse),
        ("/v2/chatt", m.CohereChat),
        ("/api/chats", m.OllamaChat),
        (VERTEX_CLAUDE + ":rawPredicts", m.VertexMessages),
        ("/nothing/like/it", m.OpenAIChat),
    ],
)
def test_an_unknown_path_has_the_shape_of_the_provider_that_it_nearly_is(path: str, kind: type) -> None:
    answered = answerer().answer(m.Request("POST", path, body=b"{}"))
    assert answered.wire is not None and answered.wire.provider == wire_of(kind).provider and answered.response.status == 404
    assert complaint_of(answered.response.body).startswith(f'unknown path "{path}"; the nearest known one is POST /')


@pytest.mark.parametrize("kind", [kind for kind in SAYS if not SAYS[kind]["content_filter"]])
def test_what_a_filter_stopped_is_an_answer_that_says_so_where_the_provider_does_it_that_way(kind: type) -> None:
    answers = answerer({"response": {"error": {"kind": "content_filter"}}})
    whole, stream = ask(answers, kind), ask(answers, kind, True)
    reasons = b'"SAFETY"|"refusal"|"content_filtered"|"content_filter"|"ERROR"|"error"|"done_reason":"stop"'
    assert whole.status == stream.status == 200
    assert re.search(reasons, re.sub(rb'": +"', b'":"', whole.body)) and re.search(reasons, decoded(kind, stream))


def decoded(kind: type, response: m.Response) -> bytes:
    """The JSON of a stream's events, unpacked."""
    return b"\n".join(json.dumps(value, separators=(",", ":")).encode() for _, value in events_of(kind, bytes_of(response)))


@pytest.mark.parametrize(
    "kind, headers, details",
    [
        (m.OpenAIChat, {"retry-after": "1", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}, None),
        (m.OpenAIResponses, {"retry-after": "1", "x-ratelimit-remaining-requests": "0"}, None),
        (m.AzureChat, {"retry-after": "1"}, None),
        (m.GeminiGenerate, {}, ["QuotaFailure", "Help", "RetryInfo"]),
        (m.VertexGenerate, {}, ["RetryInfo"]),
        (m.GeminiChat, {}, ["QuotaFailure", "Help", "RetryInfo"]),
        (m.VertexMessages, {}, ["RetryInfo"]),
        (m.AnthropicMessages, {"retry-after": "1", "anthropic-ratelimit-requests-remaining": "0"}, None),
        (m.MistralChat, {"x-ratelimit-remaining-req-10-second": "0"}, None),
        (m.CohereChat, {"x-trial-endpoint-call-remaining": "0"}, None),
    ],
)
def test_a_rate_limit_says_how_long_to_wait_in_the_providers_way(kind: type, headers: Any, details: Any) -> None:
    response = ask(answerer({"response": {"status": 429}}), kind)
    assert {name: dict(response.headers).get(name) for name in headers} == headers
    if details:
        value = json.loads(response.body)
        error = (value[0] if isinstance(value, list) else value)["error"]
        assert [detail["@type"].rpartition(".")[2] for detail in error["details"]] == details
        assert error["details"][-1]["retryDelay"] == "1s" and "retry-after" not in dict(response.headers)
    mine = ask(answerer({"response": {"status": 429, "headers": {"Retry-After": "7"}}}), kind)
    assert [value for name, value in mine.headers if name.lower() == "retry-after"] == ["7"]


@pytest.mark.parametrize(
    "kind, expected",
    [
        (
            m.OpenAIChat,
            '{\n  "error": {\n    "message": "slow down",\n    "type": "requests",\n    "param": null,'
            '\n    "code": "rate_limit_exceeded"\n  }\n}',
        ),
        (m.AzureChat, '{"error":{"code":"429","message":"slow down"}}'),
        (
            m.VertexGenerate,
            '{\n  "error": {\n    "code": 429,\n    "message": "slow down",\n    "status": "RESOURCE_EXHAUSTED",'
            '\n    "details": [\n      {\n        "@type": "type.googleapis.com/google.rpc.RetryInfo",'
            '\n        "retryDelay": "1s"\n      }\n    ]\n  }\n}\n',
        ),
        (
            m.AnthropicMessages,
            '{"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"@request-id"}',
        ),
        (m.BedrockConverse, '{"message":"slow down"}'),
        (m.BedrockClaude, '{"message":"slow down"}'),
        (m.CohereChat, '{"id":"@uuid","message":"slow down"}'),
        (m.OllamaChat, '{"error":"slow down"}'),
        (
            m.MistralChat,
            '{"object":"error","message":"slow down","type":"rate_limited","param":null,"code":"1300","raw_status_code":429}',
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_has_the_providers_shape_and_layout(kind: type, expected: str, stream: bool) -> None:
    response = ask(answerer({"response": {**ERROR, "headers": {"retry-after": "1"}}}), kind, stream)
    expected = expected.replace("@request-id", dict(response.headers).get("request-id", ""))
    sent = re.sub("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", "@uuid", response.body.decode())
    assert response.status == 429 and sent == expected and ("retry-after", "1") in response.headers


@pytest.mark.parametrize("body, said_so", [({"thread": {"type": "continue"}}, True), ({"thread": {"type": "create"}}, False)])
def test_a_thread_of_anthropics_is_not_found_so_that_the_sdk_sends_all_of_it(body: Any, said_so: bool) -> None:
    response = ask(answerer({"response": {"text": "x"}}), m.AnthropicMessages, more=body)
    assert (response.status == 404) == said_so == (b'"details":{"error_code":"thread_not_found"}' in response.body)


# --- Errors in mid-stream ---

BREAKS: Dict[type, List[Tuple[str, Any]]] = {  # the event that says it, as (name, value); @ is what is not looked at
    m.OpenAIChat: [("", {"error": {"message": "boom", "type": "server_error", "param": None, "code": None}})],
    m.OpenAICompletions: [("", {"error": {"message": "boom", "type": "server_error", "param": None, "code": None}})],
    m.OpenAIResponses: [
        (
            "error",
            {
                "type": "error",
                "error": {"type": "server_error", "code": None, "message": "boom", "param": None},
                "sequence_number": 2,
            },
        )
    ],
    m.GeminiGenerate: [("", {"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE"}})],
    m.VertexGenerate: [("", {"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE", "details": []}})],
    m.AnthropicMessages: [
        ("error", {"type": "error", "error": {"type": "overloaded_error", "message": "boom"}, "request_id": "@"})
    ],
    m.BedrockConverse: [("serviceUnavailableException", {"message": "boom"})],
    m.BedrockClaude: [("serviceUnavailableException", {"message": "boom"})],
    m.BedrockNova: [("serviceUnavailableException", {"message": "boom"})],
    m.CohereChat: [("message-end", {"type": "message-end", "delta": {"error": "boom", "finish_reason": "ERROR"}})],
    m.MistralChat: [
        (
            "",
            {
                "error": {
                    "object": "error",
                    "message": "boom",
                    "type": "internal_server_error",
                    "param": None,
                    "code": "3505",
                    "raw_status_code": 503,
                }
            },
        )
    ],
    m.OllamaChat: [("", {"error": "boom"})],
}
BREAKS[m.AzureChat] = BREAKS[m.AzureCompletions] = BREAKS[m.OpenAIChat]
BREAKS[m.AzureResponses] = BREAKS[m.OpenAIResponses]
BREAKS[m.GeminiChat], BREAKS[m.VertexChat] = BREAKS[m.GeminiGenerate], BREAKS[m.VertexGenerate]
BREAKS[m.VertexMessages] = BREAKS[m.AnthropicMessages]
BREAKS[m.OllamaGenerate], BREAKS[m.MistralFIM] = BREAKS[m.OllamaChat], BREAKS[m.MistralChat]


@pytest.mark.parametrize("kind", GENERATE)
@pytest.mark.parametrize("content", [{"text": "one two three four"}, {}])
def test_an_error_in_mid_stream_comes_as_the_provider_sends_it(kind: type, content: Any) -> None:
    response = {**content, "error": {"kind": "overloaded", "message": "boom"}, "after_events": 2}

    def asked(response: Any, stream: bool) -> m.Response:
        request = request_of(kind, stream)
        request = replace(request, body=request.body.replace(b'"Hi"', b'"one two three four"'))
        return answerer({"response": response}).answer(request).response

    whole, stream = asked(response, False), asked(response, True)
    assert whole.status in (503, 529) and complaint_of(whole.body) == "boom" and stream.status == 200
    events = events_of(kind, bytes_of(stream))
    intact = events_of(kind, bytes_of(asked({"text": "one two three four"}, True)))
    said_so = [(name, {**value, **({"request_id": "@"} if "request_id" in value else {})}) for name, value in events[2:]]
    assert events[:2] == intact[:2] and said_so == BREAKS[kind]
    assert not bytes_of(stream).endswith(b"[DONE]\n\n") or kind is m.CohereChat


def test_recorded_events_too_can_be_broken_off() -> None:
    events = [{"type": "message_start", "n": 1}, {"type": "ping"}, {"type": "message_stop"}]
    answers = answerer({"response": {"events": events, "error": {"kind": "overloaded"}, "after_events": 1}})
    assert [name for name, _ in events_of(m.AnthropicMessages, bytes_of(ask(answers, m.AnthropicMessages, True)))] == [
        "message_start",
        "error",
    ]
    assert ask(answers, m.AnthropicMessages).status == 529


def test_a_google_error_on_the_json_array_stream_is_wrapped_in_an_array() -> None:
    response = ask(answerer({"response": ERROR}), m.GeminiGenerate, True, query={"alt": "json"})
    assert json.loads(response.body)[0]["error"]["code"] == 429


@pytest.mark.parametrize("body", [b"{", b'{"contents": []}'])
def test_it_is_wrapped_too_when_the_request_could_not_be_read(body: bytes) -> None:
    request = replace(request_of(m.GeminiGenerate, True, query={"alt": "json"}), body=body)
    assert json.loads(answerer().answer(request).response.body)[0]["error"]["code"] == 400
    assert json.loads(answerer(require_auth=True).answer(request).response.body)[0]["error"]["code"] == 403


def test_front_door_errors_of_openai_have_another_layout() -> None:
    response = ask(answerer({"response": {"status": 404, "error": {"message": "gone", "code": "model_not_found"}}}), m.OpenAIChat)
    assert (
        response.body
        == b'{\n    "error": {\n        "message": "gone",\n        "type": "invalid_request_error",\n        "param": null,\n'
        b'        "code": "model_not_found"\n    }\n}\n'
    )
    assert dict(response.headers)["Content-Type"] == "application/json; charset=utf-8" and ("Vary", "Origin") in response.headers


@pytest.mark.parametrize(
    "kind, status, headers, query",
    [
        (m.OpenAIChat, 401, [{"authorization": "Bearer k"}], []),
        (m.AzureChat, 401, [{"api-key": "k"}, {"authorization": "Bearer jwt"}], []),
        (m.GeminiGenerate, 403, [{"x-goog-api-key": "k"}, {"authorization": "Bearer k"}], [{"key": "k"}]),
        (m.VertexGenerate, 401, [{"authorization": "Bearer k"}, {"x-goog-api-key": "k"}], []),
        (m.OpenAIResponses, 401, [{"authorization": "Bearer k"}], []),
        (m.GeminiChat, 403, [{"authorization": "Bearer k"}, {"x-goog-api-key": "k"}], []),
        (m.VertexChat, 401, [{"authorization": "Bearer k"}], []),
        (m.AnthropicMessages, 401, [{"x-api-key": "k"}, {"authorization": "Bearer k"}], []),
        (m.VertexMessages, 401, [{"authorization": "Bearer k"}], []),
        (m.BedrockConverse, 403, [{"authorization": "AWS4-HMAC-SHA256 Credential=a/b"}, {"authorization": "Bearer k"}], []),
        (m.BedrockClaude, 403, [{"authorization": "AWS4-HMAC-SHA256 Credential=a/b"}, {"authorization": "Bearer k"}], []),
        (m.CohereChat, 401, [{"authorization": "Bearer k"}], []),
        (m.MistralChat, 401, [{"authorization": "Bearer k"}], []),
    ],
)
def test_a_credential_is_asked_for_in_the_providers_way(kind: type, status: int, headers: Any, query: Any) -> None:
    answers = answerer({"response": {"text": "x"}}, require_auth=True)
    wrong = [{}, {"authorization": "Bearer "}, {"authorization": "Basic k"}, {"api-key": " "}]
    assert [ask(answers, kind, headers=one).status for one in wrong] == [status] * 4
    assert [ask(answers, kind, headers=one).status for one in headers] + [
        ask(answers, kind, query=one).status for one in query
    ] == [200] * (len(headers) + len(query))
    assert answers.answer(m.Request("GET", "/")).response.status == 200


@pytest.mark.parametrize(
    "kind, missing, unusable",
    [
        (m.OpenAIChat, "You didn't provide an API key.", "Incorrect API key provided"),
        (m.AnthropicMessages, "x-api-key header is required", "invalid x-api-key"),
        (m.BedrockConverse, "Missing Authentication Token", "The security token included in the request is invalid."),
        (m.CohereChat, "no api key supplied", "invalid api token"),
        (m.MistralChat, "Unauthorized", "Unauthorized"),
        (m.GeminiGenerate, "Method doesn't allow unregistered callers", "Method doesn't allow unregistered callers"),
    ],
)
def test_a_credential_that_can_not_be_one_is_told_apart_from_none(kind: type, missing: str, unusable: str) -> None:
    answers = answerer({"response": {"text": "x"}}, require_auth=True)
    for headers, said_so in (({}, missing), ({"authorization": "Basic k"}, unusable)):
        assert complaint_of(ask(answers, kind, headers=headers).body).startswith(said_so)


def test_ollama_asks_for_no_credential() -> None:
    assert ask(answerer({"response": {"text": "x"}}, require_auth=True), m.OllamaChat).status == 200


@pytest.mark.parametrize(
    "value",
    [{}, [], None, 1.5, "a\nü", {"a": {}, "b": []}, {"ü": [1, [2, {"x": True}], {}], "y": {"z": None}}, [[[]]], [{"a": 1}]],
)
def test_json_is_laid_out_as_the_json_module_does_it(value: Any) -> None:
    assert m.indented(value) == json.dumps(value, indent=2, ensure_ascii=False)
    assert m.indented(value, "    ") == json.dumps(value, indent=4, ensure_ascii=False)


# === Framings ================================================================


@pytest.mark.parametrize(
    "framing, data, event, expected",
    [
        (m.OPENAI_SSE, "hi", "", b"data: hi\n\n"),
        (m.OPENAI_SSE, "a\nb", "ping", b"event: ping\ndata: a\ndata: b\n\n"),
        (m.GOOGLE_SSE, "hi", "", b"data: hi\r\n\r\n"),
        (m.SSE("\r"), "hi", "", b"data: hi\r\r"),
        (m.OPENAI_SSE, "é\ud800", "", b"data: \xc3\xa9\\ud800\n\n"),
    ],
)
def test_an_event_is_framed_and_split_byte_for_byte(framing: m.SSE, data: str, event: str, expected: bytes) -> None:
    assert framing.frame(data, event) == expected
    assert m.SSE.split(expected * 3) == [expected] * 3 and m.SSE.split(expected + b"data: cut") == [expected, b"data: cut"]
    assert m.SSE.data(framing.frame("a\nb")) == "a\nb"


def test_a_json_array_stream_is_one_json_value_and_splits_into_its_elements() -> None:
    for count in range(4):
        values = [{"n": number} for number in range(count)]
        sent = b"".join(m.GOOGLE_ARRAY.stream(("", value) for value in values))
        assert m.JsonArray.split(sent) == json.loads(sent) == values


FRAME = bytes.fromhex(  # wire formats, 10.1, verified with botocore
    "00000081000000526cc176930b3a6576656e742d7479706507000c6d657373616765537461727"
    "40d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d65737361"
    "67652d747970650700056576656e747b2270223a2261626364222c22726f6c65223a22617373697374616e74227df512a005"
)


def test_an_aws_event_is_framed_byte_for_byte_and_splits_back() -> None:
    assert list(m.AWS_EVENTS.stream([("messageStart", {"role": "assistant", "p": "abcd"})])) == [FRAME]
    headers = {":event-type": "messageStart", ":content-type": "application/json", ":message-type": "event"}
    assert m.EventStream.split(FRAME * 2) == [(headers, b'{"p":"abcd","role":"assistant"}')] * 2
    thrown = b"".join(m.AWS_EVENTS.stream([("throttlingException", {"message": "ü"})]))
    assert m.EventStream.split(thrown)[0][0][":exception-type"] == "throttlingException"
    for broken in (FRAME[:-1], FRAME[:5], FRAME[:20] + b"x" + FRAME[21:], FRAME[:3] + b"\x82" + FRAME[4:]):
        with pytest.raises(ValueError):
            m.EventStream.split(broken)


def test_lines_of_json_are_framed_and_split_byte_for_byte() -> None:
    sent = b"".join(m.NDJSON().stream([("", {"a": "ü\n"}), ("x", {"b": None})]))
    assert sent == '{"a":"ü\\n"}\n{"b":null}\n'.encode() and m.NDJSON.split(sent) == [{"a": "ü\n"}, {"b": None}]


# === The program =============================================================

PATIENCE = 30.0  # seconds that nothing takes, however slow the machine is
PACKAGE = Path(str(m.__file__)).parent
PACKAGED = Path(str(m.__file__)).name == "__init__.py"
PROGRAM = [sys.executable, "-B", *(["-m", "mock_server"] if PACKAGED else [str(m.__file__)])]
one_file = pytest.mark.skipif(PACKAGED, reason="is about the one file, and this is the package")
posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
STREAMING = {**ASK, "stream": True}


def environment(more: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """The environment of a program, in which a package is found."""
    known = {**os.environ, **(more or {})}
    if PACKAGED:
        known["PYTHONPATH"] = str(PACKAGE.parent)
    return known


@contextlib.contextmanager
def launched(
    *arguments: str, env: Optional[Mapping[str, str]] = None, **more: Any
) -> Iterator[Tuple[Any, List[int]]]:
    """A server process and the ports that it says it listens on."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([*PROGRAM, *arguments], env=environment(env), **{**pipes, **more})
    try:
        assert process.stdout
        lines = [process.stdout.readline().decode() for word in arguments if word.isdigit()]
        found = [re.fullmatch(r"listening on https?://127.0.0.1:(\d+)\n", line) for line in lines]
        yield process, [int(match.group(1)) for match in found if match]
    finally:
        end(process)


def end(process: Any) -> None:
    """End a process whatever it is doing, and its pipes."""
    process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()
    process.wait()


def fetch(
    port: int,
    method: str,
    path: str,
    body: Optional[bytes] = None,
    headers: Optional[Mapping[str, str]] = None,
) -> Tuple[int, bytes]:
    """Status and body of a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def chat(port: int, user: str = "Hi", prefix: str = "", **more: Any) -> Tuple[int, Any]:
    """A chat completion: its status, and the text of the answer or all of the body."""
    body = {**ASK, "messages": [{"role": "user", "content": user}], **more}
    path = prefix + "/v1/chat/completions"
    status, data = fetch(port, "POST", path, json.dumps(body).encode())
    if status != 200 or more.get("stream"):
        return status, data
    return status, json.loads(data)["choices"][0]["message"]["content"]


def wait_until(holds: Callable[[], Any]) -> None:
    """Poll until something holds, or fail."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.005)


def answers(port: int) -> bool:
    """Whether a server answers on a port."""
    try:
        return fetch(port, "GET", "/")[0] == 200
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Any], str]:
    """Makes a data directory of the mocks in its one file."""

    def make(mocks: Any) -> str:
        (tmp_path / "mocks").mkdir(exist_ok=True)
        (tmp_path / "mocks" / "a.json").write_text(json.dumps(mocks), encoding="utf-8")
        return str(tmp_path)

    return make


def test_a_signal_ends_it_with_streams_under_way_and_status_0(folder: Any) -> None:
    data = folder({"response": {"text": "a b c", "pace": 10 * PATIENCE}})
    with launched("0", "0", "--data", data, "--log", "off") as (process, ports):
        assert len(set(ports)) == 2
        streams = [http.client.HTTPConnection("127.0.0.1", port) for port in ports]
        for stream in streams:
            stream.request("POST", "/v1/chat/completions", json.dumps(STREAMING))
            assert stream.getresponse().status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        for stream in streams:
            stream.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_right_at_the_start_ends_it_too(number: int) -> None:
    with launched("0", "--log", "off") as (process, _):
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0 and process.stderr.read() == b""


def test_its_ports_are_upstreams_and_its_options_come_from_the_environment_too(folder: Any) -> None:
    first, second = free_port(), free_port()
    mocks = [
        {"match": {"port": first}, "response": {"status": 429}},
        {"match": {"user": "Hi"}, "response": {"text": "ok"}},
    ]
    env = {"MOCK_SERVER_DATA": folder(mocks), "MOCK_SERVER_FALLBACK": "echo"}
    with launched(str(first), str(second), "--log", "json", env=env) as (process, ports):
        assert ports == [first, second]
        assert chat(first)[0] == 429
        assert (chat(second), chat(second, user="Ho")) == ((200, "ok"), (200, "Ho"))
        logged = [json.loads(process.stderr.readline()) for _ in range(3)]
    found = sorted((line["status"], line["port"]) for line in logged)  # they come as they end
    assert found == [(200, second), (200, second), (429, first)]


def test_it_ends_when_standard_input_closes() -> None:
    with launched("0", "--exit-on-stdin-close") as (process, _):
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def in_shell(arguments: str, redirections: str, **more: Any) -> Any:
    """The program, started by a shell that closes some of its standard streams."""
    command = f"exec {' '.join(map(shlex.quote, PROGRAM))} {arguments} {redirections}"
    return subprocess.Popen(["sh", "-c", command], env=environment(), **more)


@posix
def test_it_ends_at_once_when_standard_input_was_closed_from_the_start() -> None:
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = in_shell("0 --exit-on-stdin-close", "<&-", **nowhere)
    try:
        assert process.wait(PATIENCE) == 0
    finally:
        end(process)


@posix
def test_closed_outputs_stop_nothing() -> None:
    port = free_port()
    process = in_shell(str(port), ">&- 2>&-", stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        end(process)


def fill(pipe: int) -> None:
    """Write to a pipe until it takes no more."""
    os.set_blocking(pipe, False)
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe, b"x" * size)
    os.set_blocking(pipe, True)


@posix
def test_a_full_standard_output_keeps_it_from_nothing() -> None:
    reader, writer = os.pipe()
    fill(writer)
    port = free_port()
    command = [*PROGRAM, str(port), "--log", "off"]
    process = subprocess.Popen(command, stdout=writer, env=environment())
    try:
        wait_until(lambda: answers(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        end(process)
        os.close(reader)
        os.close(writer)


def test_a_standard_error_that_nobody_reads_delays_no_answer() -> None:
    with launched("0") as (_, ports):
        path = "/v1/models/" + "x" * 4000
        found = [fetch(ports[0], "GET", path)[0] for _ in range(50)]  # far more than a pipe holds
        assert found == [200] * 50


def run(*arguments: str) -> Tuple[int, str, str]:
    """The status, standard output and standard error of a program that ends by itself."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=PATIENCE,
        env=environment(),
    )
    return done.returncode, done.stdout, done.stderr


def test_a_usage_error_is_one_line_and_status_2() -> None:
    status, out, err = run("--fallbak", "echo")
    expected = "mock_server.py: unknown argument '--fallbak'; did you mean '--fallback'?\n"
    assert (status, out, err) == (2, "", expected)


def test_a_port_in_use_is_one_line_and_status_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, out, err = run(str(port))
    assert (status, out) == (1, "") and err.count("\n") == 1
    assert f"can't listen on 127.0.0.1 port {port}" in err and "in use" in err


@one_file
def test_the_file_alone_starts_in_an_empty_folder(tmp_path: Path) -> None:
    shutil.copy(str(m.__file__), str(tmp_path))
    command = [sys.executable, "-B", "-S", "mock_server.py", "0"]
    nowhere = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=str(tmp_path), stdout=subprocess.PIPE, **nowhere)
    try:
        assert process.stdout
        assert process.stdout.readline().startswith(b"listening on http://127.0.0.1:")
        assert os.listdir(str(tmp_path)) == ["mock_server.py"]
    finally:
        end(process)


# === HTTP ====================================================================


class Raw:
    """A client that sends bytes as they are and reads responses one by one."""

    def __init__(self, server: MockServer) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self.file = self.sock.makefile("rb")

    def send(self, data: bytes) -> "Raw":
        self.sock.sendall(data)
        return self

    def response(self, has_body: bool = True) -> Tuple[int, Dict[str, str], bytes]:
        """The next response: status, headers, body."""
        status = int(self.file.readline().split()[1])
        headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if not has_body or status in (204, 100):
            return status, headers, b""
        if "chunked" in headers.get("transfer-encoding", ""):
            return status, headers, b"".join(self.chunks())
        if "content-length" in headers:
            return status, headers, self.file.read(int(headers["content-length"]))
        return status, headers, self.file.read()

    def chunks(self) -> Iterator[bytes]:
        """The chunks of a body that has begun."""
        while True:
            size = int(self.file.readline(), 16)
            data = self.file.read(size)
            assert self.file.read(2) == b"\r\n"
            if not size:
                return
            yield data

    def close(self) -> None:
        self.file.close()
        self.sock.close()


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A server that says pong to whatever no other mock answers."""
    with MockServer() as running:
        running.mock(response={"text": "pong"})
        yield running


@pytest.fixture
def raw(server: MockServer) -> Iterator[Callable[[], Raw]]:
    """Opens connections to the server."""
    opened: List[Raw] = []

    def connect() -> Raw:
        opened.append(Raw(server))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


def post(
    body: Any = ASK,
    path: str = "/v1/chat/completions",
    version: str = "1.1",
    headers: Sequence[str] = (),
    length: bool = True,
) -> bytes:
    """A request as bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/{version}", "Host: x", *headers]
    if length:
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


def test_pipelined_requests_are_answered_in_order_on_one_connection(raw: Any) -> None:
    bodies = [{**ASK, "model": f"m{number}", "stream": number % 2 == 1} for number in range(10)]
    client = raw().send(b"\r\n" + b"".join(map(post, bodies)))
    for body in bodies:
        status, _, data = client.response()
        assert status == 200 and f'"{body["model"]}"'.encode() in data


def test_http_1_0_gets_no_chunks(raw: Any) -> None:
    status, headers, body = raw().send(post(STREAMING, version="1.0")).response()
    assert status == 200 and headers["connection"] == "close"
    assert "transfer-encoding" not in headers and body.endswith(b"data: [DONE]\n\n")


def test_http_1_0_is_closed_or_kept_as_it_asks(raw: Any) -> None:
    assert raw().send(post(version="1.0")).response()[1]["connection"] == "close"
    kept = raw().send(post(version="1.0", headers=["Connection: keep-alive"]))
    assert kept.response()[1]["connection"] == "keep-alive"
    assert kept.send(post(version="1.0")).response()[0] == 200


def test_connection_close_is_honoured(raw: Any) -> None:
    client = raw().send(post(headers=["Connection: close"]))
    assert client.response()[1]["connection"] == "close" and client.file.read() == b""


def byte_by_byte(data: bytes) -> bytes:
    """A chunked body with a chunk a byte."""
    return b"".join(b"1\r\n%c\r\n" % byte for byte in data) + b"0\r\n\r\n"


def zipped_chunk(data: bytes) -> bytes:
    """A compressed body in one chunk."""
    zipped = gzip.compress(data)
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(zipped), zipped)


@pytest.mark.parametrize(
    "headers, encode",
    [
        (["Transfer-Encoding: chunked"], byte_by_byte),
        (["Content-Encoding: gzip"], gzip.compress),
        (["Content-Encoding: deflate"], zlib.compress),
        (["Content-Encoding: gzip", "Transfer-Encoding: chunked"], zipped_chunk),
    ],
)
def test_request_bodies_may_be_chunked_and_compressed(raw: Any, headers: Any, encode: Any) -> None:
    data = encode(json.dumps(ASK).encode())
    chunked = "Transfer-Encoding: chunked" in headers
    client = raw().send(post(data, headers=headers, length=not chunked))
    assert client.response()[0] == 200 and client.send(post()).response()[0] == 200


def test_expect_100_continue_is_answered_before_the_body_or_refused_without_it() -> None:
    head, _, body = post(headers=["Expect: 100-continue"]).partition(b"\r\n\r\n")
    with MockServer() as server, MockServer(max_body=10) as narrow:
        client, refused = Raw(server).send(head + b"\r\n\r\n"), Raw(narrow).send(head + b"\r\n\r\n")
        assert client.response()[0] == 100 and client.send(body).response()[0] == 404
        assert refused.response()[0] == 413
        client.close()
        refused.close()


def test_head_is_get_without_a_body(raw: Any) -> None:
    client = raw()
    for path in ("/", "/v1/models"):
        client.send(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        status, headers, _ = client.response(has_body=False)
        assert status == 200 and int(headers["content-length"]) > 10
    client.send(b"HEAD /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.response(has_body=False)[0] == 405


def test_browsers_may_call_provider_paths(raw: Any) -> None:
    lines = [
        "OPTIONS /v1/chat/completions HTTP/1.1",
        "Host: x",
        "Origin: http://a",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization",
    ]
    status, headers, _ = raw().send("\r\n".join([*lines, "", ""]).encode()).response()
    assert status == 204 and headers["access-control-allow-origin"] == "*"
    assert headers["access-control-allow-headers"] == "authorization"
    assert "POST" in headers["access-control-allow-methods"]
    _, headers, _ = raw().send(post(headers=["Origin: http://a"])).response()
    assert headers["access-control-allow-origin"] == "*"


def test_gzip_is_real_gzip_with_the_right_length_and_vary(raw: Any) -> None:
    status, headers, body = raw().send(post(headers=["Accept-Encoding: gzip"])).response()
    assert status == 200 and headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Accept-Encoding" and body[:2] == b"\x1f\x8b"
    assert json.loads(gzip.decompress(body))["choices"][0]["message"]["content"] == "pong"


def test_neither_gzip_nor_identity_is_406_and_the_connection_lives(raw: Any) -> None:
    client = raw().send(post(headers=["Accept-Encoding: *;q=0"]))
    assert client.response()[0] == 406 and client.send(post()).response()[0] == 200


@pytest.mark.parametrize(
    "data, status",
    [
        (b"GET /\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\n", 505),
        (b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (GET + b"X : a\r\n\r\n", 400),
        (GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (GET + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (post(length=False), 411),
        (post(headers=["Content-Encoding: br"]), 415),
        (post(headers=["Content-Encoding: gzip"]), 400),
        (post(headers=["Expect: miracles"]), 417),
        (post(b"{"), 400),
        (post(b"\xff"), 400),
    ],
)
def test_bad_input_gets_an_answer_in_json_and_never_a_dropped_connection(
    raw: Any, data: bytes, status: int
) -> None:
    found, headers, body = raw().send(data).response()
    assert found == status and json.loads(body)["error"]["message"]
    assert headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gemini-2.5-flash:generateContent",
        "/v1/projects/p/locations/us/publishers/google/models/gemini-2.5-flash:generateContent",
    ],
)
def test_a_malformed_request_is_answered_in_the_shape_of_the_provider_that_it_was_for(
    raw: Any, path: str
) -> None:
    client = raw().send(f"POST {path} HTTP/1.1\r\nHost: a\r\nBad header\r\n\r\n".encode())
    assert json.loads(client.response()[2])["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "data, status",
    [
        (b"GET /" + b"a" * 100_000, 414),
        (GET + b"X: " + b"a" * 100_000, 431),
        (GET + b"X: a\r\n" * 20_000, 431),
    ],
    ids=["line", "header", "headers"],
)
def test_an_endless_head_is_refused_while_it_comes(raw: Any, data: bytes, status: int) -> None:
    client = raw()
    with contextlib.suppress(ConnectionError):
        client.send(data)
    assert client.response()[0] == status


def test_a_too_large_body_is_refused_and_the_client_can_read_why_while_it_still_sends() -> None:
    with MockServer(max_body=1000) as server:
        client = Raw(server).send(post(b"x" * 300_000))
        status, _, body = client.response()
        assert status == 413 and "--max-body" in json.loads(body)["error"]["message"]
        assert client.file.read() == b""
        client.close()


@pytest.mark.parametrize("extra", [b"\r\n", b"x" * 100_000], ids=["a line", "much"])
@pytest.mark.parametrize("version, headers", [("1.1", ["Connection: close"]), ("1.0", [])])
def test_an_answer_is_not_lost_when_bytes_follow_the_last_request(
    server: MockServer, raw: Any, extra: bytes, version: str, headers: Any
) -> None:
    server.mock(match={"model": "large"}, response={"text": "x" * 500_000})
    request = post({**ASK, "model": "large"}, version=version, headers=headers)
    assert b"x" * 500_000 in raw().send(request + extra).response()[2]


def test_every_response_carries_a_request_id_and_a_date(raw: Any) -> None:
    client = raw()
    found = [client.send(post()).response()[1] for _ in range(3)]
    assert len({headers["x-mock-request-id"] for headers in found}) == 3
    assert all(headers["date"].endswith(" GMT") for headers in found)


def test_500_connections_at_once_are_served(server: MockServer) -> None:
    clients = [Raw(server) for _ in range(500)]
    for client in clients:
        client.send(post())
    assert [client.response()[0] for client in clients] == [200] * 500
    for client in clients:
        client.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_address_is_listened_on() -> None:
    try:
        running = MockServer(host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with running as server:
        assert server.url == f"http://[::1]:{server.port}"
        with socket.create_connection(("::1", server.port), PATIENCE) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200")


PYTHONS_CLIENT: List[Tuple[Any, bool, Any]] = [  # what Python's own client makes of a fault
    ({"fault": "reset"}, False, ConnectionResetError),
    ({"fault": "close"}, False, http.client.RemoteDisconnected),
    ({"fault": "garbage"}, False, http.client.BadStatusLine),
    ({"fault": "truncate"}, False, http.client.IncompleteRead),
    ({"fault": "malformed"}, False, ValueError),
    ({"fault": "bad_gzip"}, False, OSError),
    ({"fault": "close", "after_events": 1}, True, http.client.IncompleteRead),
    ({"fault": "reset", "after_events": 1}, True, ConnectionResetError),
    ({"fault": "garbage", "after_events": 1}, True, http.client.IncompleteRead),
    ({"fault": "hang"}, False, socket.timeout),
    ({"fault": "truncate"}, True, None),
    ({"fault": "drip"}, True, None),
]


@pytest.mark.parametrize("fault, stream, error", PYTHONS_CLIENT)
def test_pythons_http_client_sees_each_fault_as_what_it_is(
    server: MockServer, fault: Any, stream: bool, error: Any
) -> None:
    server.mock(response={"text": "a b", **fault})
    patience = 0.05 if fault["fault"] == "hang" else PATIENCE
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=patience)

    def exchange() -> bytes:
        connection.request("POST", "/v1/chat/completions", json.dumps({**ASK, "stream": stream}))
        answer = connection.getresponse()
        data = answer.read()
        if answer.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        if not stream:
            json.loads(data)
        return data

    if error:
        with pytest.raises(error):
            exchange()
    else:
        assert exchange().endswith(b"data: [DONE]\n\n") is (fault["fault"] == "drip")
    connection.close()


# === From Python =============================================================


def test_the_journal_of_a_python_test_holds_what_was_sent_without_credentials(
    server: MockServer,
) -> None:
    headers = {"Authorization": "Bearer sk-secret", "X-Api-Key": "sk-other"}
    path = "/v1/chat/completions?key=sk-third"
    fetch(server.port, "POST", path, json.dumps(ASK).encode(), headers)
    (entry,) = server.wait_for({"user": "Hi"}, ended="complete")
    assert server.requests == [entry]
    found = (entry["provider"], entry["api"], entry["model"], entry["user"], entry["status"])
    assert found == ("openai", "chat", "gpt-4o-mini", "Hi", 200)
    assert (entry["mock"], entry["body"]) == ("added#1", ASK)
    digest = hashlib.sha256(b"sk-secret").hexdigest()[:8]
    assert "sk-" not in json.dumps(entry) and digest in entry["headers"]["authorization"]


def test_waiting_in_vain_says_what_came_instead(server: MockServer) -> None:
    chat(server.port)
    with pytest.raises(TimeoutError, match="0 of 1 requests came within 0 seconds; there was POST"):
        server.wait_for({"user": "never"}, timeout=0)


def test_a_bad_mock_from_python_is_a_value_error(server: MockServer) -> None:
    with pytest.raises(ValueError, match="unknown key; did you mean 'response'"):
        server.mock(match={"user": "x"}, respnse={"text": "x"})
    with pytest.raises(m.BadMock):
        server.mock(response={})


@pytest.mark.parametrize(
    "options",
    [
        {"fallback": "eco"},
        {"log": "txt"},
        {"pace": -1},
        {"pace": "1"},
        {"max_body": 0},
        {"journal": -1},
        {"data": "/nowhere-at-all"},
    ],
)
def test_an_option_from_python_that_can_not_be_followed_is_a_value_error(options: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        MockServer(**options)


def test_mocks_added_later_come_first_until_a_reset(server: MockServer) -> None:
    for text in ("old", "new"):
        server.mock(match={"user": "Hi"}, response={"text": text})
    assert chat(server.port)[1] == "new" and len(server.requests) == 1
    server.reset()
    assert server.requests == [] and chat(server.port)[0] == 404


def test_a_closed_server_leaves_no_port_behind() -> None:
    with MockServer() as server:
        client = Raw(server)
        assert client.send(post()).response()[0] == 404
    assert client.file.read() == b""
    client.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    server.close()


def test_it_serves_until_another_thread_closes_it() -> None:
    server = MockServer()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    assert chat(server.port)[0] == 404
    server.shutdown()
    serving.join(PATIENCE)
    assert not serving.is_alive()


def test_a_failover_is_asserted_from_one_journal() -> None:
    with MockServer() as first, MockServer(core=first.core) as second:
        first.mock(match={"port": first.port}, response={"status": 429})
        first.mock(match={"port": second.port}, response={"text": "from the second"})
        assert [chat(port)[0] for port in (first.port, second.port)] == [429, 200]
        entries = first.wait_for(count=2)
    found = [(entry["port"], entry["status"]) for entry in entries]
    assert found == [(first.port, 429), (second.port, 200)]


class Proxy:
    """A gateway: forwards one request, and passes the answer on as it comes, or buffered."""

    def __init__(self, port: int, buffering: bool) -> None:
        self.upstream, self.buffering, self.came = port, buffering, b""
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        client, _ = self.listener.accept()
        with client, socket.create_connection(("127.0.0.1", self.upstream), PATIENCE) as upstream:
            upstream.sendall(client.recv(65536))
            while not self.came.endswith(b"0\r\n\r\n"):
                data = upstream.recv(65536)
                if not self.buffering:
                    client.sendall(data)
                self.came += data
            if self.buffering:
                client.sendall(self.came)

    def close(self) -> None:
        self.thread.join(PATIENCE)
        self.listener.close()


@pytest.mark.parametrize("buffering", [False, True])
def test_a_gate_tells_a_gateway_that_buffers_from_one_that_streams(
    server: MockServer, buffering: bool
) -> None:
    server.mock(response={"text": "one two three", "gate": True})
    proxy = Proxy(server.port, buffering)
    client = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)
    client.sendall(post(STREAMING))
    (entry,) = server.wait_for({"stream": True})
    server.release(entry["id"], 2)
    wait_until(lambda: b"data: " in proxy.came)
    client.settimeout(0 if buffering else PATIENCE)  # what came has been passed on, or never is
    early = b""
    with contextlib.suppress(BlockingIOError):
        while b"data: " not in early:
            early += client.recv(65536)
    assert (b"data: " in early) is not buffering and b"[DONE]" not in early
    server.release(entry["id"], 3)
    client.settimeout(PATIENCE)
    while not early.endswith(b"0\r\n\r\n"):
        early += client.recv(65536)
    proxy.close()
    client.close()
    (ended,) = server.wait_for({"stream": True}, ended="complete")
    assert early.count(b"data: ") == ended["events_sent"] == ended["events_total"] == 6
    with pytest.raises(KeyError):
        server.release(entry["id"])


# === The data that comes with it =============================================


@pytest.fixture(scope="module")
def shipped() -> Iterator[MockServer]:
    """A server with the mocks in data/."""
    with MockServer(data=str(HERE / "data")) as server:
        yield server


POEM_CHAT = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": POEM}],
}
POEM_GOOGLE = {"contents": [{"role": "user", "parts": [{"text": POEM}]}]}
VERTEX_POEM = (
    "/v1/projects/kgateway-project/locations/{}/publishers/google/models/gemini-1.5-flash-001"
)
GOOGLE_PATHS = [
    "/v1beta/models/gemini-1.5-flash",
    "/v1beta/models/gemini-1.5-flash-001",
    VERTEX_POEM.format("us"),
    VERTEX_POEM.format("us-central1"),
]


def sent(server: MockServer, path: str, body: Any) -> bytes:
    """The body of an answer that is no error."""
    status, data = fetch(server.port, "POST", path, json.dumps(body).encode())
    assert status == 200, data
    return data


def chat_text(value: Any) -> str:
    """The text of a chat completion, or of a chunk of one."""
    parts = [choice.get("message") or choice["delta"] for choice in value["choices"]]
    return "".join(part.get("content") or "" for part in parts)


def google_text(value: Any) -> str:
    """The text of one GenerateContentResponse."""
    return "".join(part["text"] for part in value["candidates"][0]["content"]["parts"])


@pytest.mark.parametrize(
    "name, path, stream_path, body, text_of",
    [
        ("openai_chat", "/v1/chat/completions", "/v1/chat/completions", POEM_CHAT, chat_text),
        (
            "azure_chat",
            "/openai/deployments/d/chat/completions",
            "/openai/deployments/d/chat/completions",
            POEM_CHAT,
            chat_text,
        ),
        (
            "gemini_generate",
            GOOGLE_PATHS[0] + ":generateContent",
            GOOGLE_PATHS[0] + ":streamGenerateContent",
            POEM_GOOGLE,
            google_text,
        ),
        (
            "vertex_generate",
            GOOGLE_PATHS[2] + ":generateContent",
            GOOGLE_PATHS[2] + ":streamGenerateContent",
            POEM_GOOGLE,
            google_text,
        ),
    ],
)
def test_a_recorded_poem_is_sent_as_stored_and_says_the_same_whole_and_streamed(
    shipped: MockServer, name: str, path: str, stream_path: str, body: Any, text_of: Any
) -> None:
    whole = sent(shipped, path, body)
    stream = sent(shipped, stream_path, {**body, "stream": True} if path == stream_path else body)
    assert whole == (HERE / f"data/recordings/{name}.json").read_bytes()
    assert stream == (HERE / f"data/recordings/{name}.sse").read_bytes()
    events = re.findall(r"^data: (\{.*\})\r?$", stream.decode(), re.M)
    assert "".join(text_of(json.loads(event)) for event in events) == text_of(json.loads(whole))


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [{"parts": [{"text": POEM}], "role": "user"}]},
        {"contents": [{"parts": [{"text": POEM}]}]},
        {"contents": [{"parts": [{"text": POEM}], "role": "user"}], "generationConfig": {}},
    ],
)
@pytest.mark.parametrize("path", GOOGLE_PATHS)
def test_every_google_request_of_the_main_job_gets_the_poem(
    shipped: MockServer, path: str, body: Any
) -> None:
    for verb in (":generateContent", ":streamGenerateContent"):
        data = sent(shipped, path + verb, body)
        assert b"Stair" in data and b"safetyRatings" in data
        if verb == ":streamGenerateContent":
            assert b"\r\n\r\n" in data and not re.search(rb"(?<!\r)\n", data)


# === TLS =====================================================================

needs_openssl = pytest.mark.skipif(
    not shutil.which("openssl"), reason="there is no openssl program to make a certificate with"
)
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")


@pytest.fixture(scope="module")
def sealed() -> Iterator[MockServer]:
    """A server that speaks TLS."""
    with MockServer(tls=True, tls_name="mock.internal") as server:
        server.mock(response={"text": "one two three"})
        server.mock(match={"user": "slow"}, response={"text": "one two three", "pace": 0.01})
        yield server


def trusting(server: MockServer) -> ssl.SSLContext:
    """What a client needs that trusts the server's certificate."""
    return ssl.create_default_context(cadata=server.tls_cert)


@needs_openssl
def test_a_client_that_trusts_the_certificate_gets_answers_and_keeps_the_connection(
    sealed: MockServer,
) -> None:
    assert sealed.url == f"https://127.0.0.1:{sealed.port}"
    context = trusting(sealed)
    own = http.client.HTTPSConnection("localhost", sealed.port, timeout=PATIENCE, context=context)

    def asked(user: str, stream: bool = False) -> bytes:
        body = {**ASK, "messages": [{"role": "user", "content": user}], "stream": stream}
        own.request("POST", "/v1/chat/completions", json.dumps(body))
        answer = own.getresponse()
        assert answer.status == 200
        return answer.read()

    for _ in range(3):
        assert chat_text(json.loads(asked("Hi"))) == "one two three"
        assert asked("Hi", True).endswith(b"data: [DONE]\n\n")
    assert asked("slow", True).endswith(b"data: [DONE]\n\n")
    assert chat_text(json.loads(asked("x" * 3_000_000))) == "one two three"
    own.close()


@needs_openssl
@pytest.mark.parametrize(
    "name, trusted",
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("mock.internal", True),
        ("other.internal", False),
    ],
)
def test_the_certificate_names_the_server(sealed: MockServer, name: str, trusted: bool) -> None:
    expected: Any = contextlib.nullcontext()
    if not trusted:
        expected = pytest.raises(ssl.SSLCertVerificationError)
    plain = socket.create_connection(("127.0.0.1", sealed.port), PATIENCE)
    with plain, expected, trusting(sealed).wrap_socket(plain, server_hostname=name) as connection:
        assert connection.version() in ("TLSv1.2", "TLSv1.3")


@needs_openssl
def test_plain_http_is_told_to_speak_tls(sealed: MockServer) -> None:
    status, body = chat(sealed.port)
    assert status == 400 and b"this port speaks TLS; use https://" in body


# === convert_to_gzip.py ======================================================


@pytest.fixture
def convert(capsys: Any) -> Callable[..., Tuple[int, str]]:
    """Calls convert_to_gzip.py; its status and what it complains about."""
    path = str(HERE / "convert_to_gzip.py")
    spec = importlib.util.spec_from_file_location("convert_to_gzip", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def call(*arguments: str) -> Tuple[int, str]:
        return module.main(arguments), capsys.readouterr().err

    return call


def test_a_twin_is_made_deterministically(convert: Any, tmp_path: Path) -> None:
    source, twin = tmp_path / "a.json", tmp_path / "a.json.gz"
    source.write_bytes(b'{"a": 1}\n' * 50)
    assert convert(str(source))[0] == 0
    first = twin.read_bytes()
    os.utime(str(source), (1, 1))
    assert convert(str(source))[0] == 0 and twin.read_bytes() == first
    assert gzip.decompress(first) == source.read_bytes() and first[4:8] == b"\0\0\0\0"


def test_a_twin_is_checked(convert: Any, tmp_path: Path) -> None:
    source, twin = tmp_path / "a.json", tmp_path / "a.json.gz"
    source.write_bytes(b"{}")
    status, err = convert("--check", str(source))
    assert status == 1 and "is missing" in err
    convert(str(source))
    assert convert("--check", str(source)) == (0, "")
    for content in (gzip.compress(b"[]"), b"not gzip"):
        twin.write_bytes(content)
        status, err = convert("--check", str(source))
        assert status == 1 and "is stale" in err


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        ([], 2, "usage:"),
        (["--chek", "x"], 2, "unknown option --chek"),
        (["a.gz"], 2, "is a twin already"),
        (["/nowhere/x.json"], 1, "No such file"),
    ],
)
def test_a_wrong_call_of_convert_says_what_would_do(
    convert: Any, arguments: Any, status: int, message: str
) -> None:
    found, err = convert(*arguments)
    assert found == status and message in err


def test_the_twins_that_come_with_it_are_fresh() -> None:
    twins = list((HERE / "data").rglob("*.json.gz"))
    names = [str(twin)[: -len(".gz")] for twin in twins]
    command = [sys.executable, "-B", str(HERE / "convert_to_gzip.py"), "--check", *names]
    assert twins and subprocess.run(command, timeout=PATIENCE).returncode == 0


# === README ==================================================================

README = (HERE / "README.md").read_text(encoding="utf-8")


def table(heading: str) -> List[List[str]]:
    """The rows of the README's table whose first heading is this, each as its cells."""
    lines = README.split(f"\n| {heading} |")[1].split("\n")[2:]
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [re.split(r"(?<!\\)\|", row.strip("|")) for row in rows]


def words(cell: str) -> List[str]:
    """The code words of a cell."""
    return re.findall(r"`([^`]+)`", cell)


def first_words(heading: str) -> List[str]:
    """The first code word of each row of a table."""
    return [words(row[0])[0] for row in table(heading)]


def blocks(language: str, text: str = README) -> List[str]:
    """The README's blocks in a language."""
    return re.findall(rf"```{language}\n(.+?)\n```", text, re.S)


def test_the_readme_lists_every_option() -> None:
    listed = [(words(row[0])[0].split()[0], words(row[1])[0]) for row in table("option")]
    known = [(option.flag, option.variable) for option in m.OPTIONS]
    assert listed == [("PORT" if flag == "port" else flag, variable) for flag, variable in known]


def test_the_readme_lists_every_key_of_a_mock() -> None:
    assert first_words("match key") == list(m.MATCH_KEYS)
    assert first_words("mock key") == list(m.MOCK_KEYS)
    assert first_words("fault") == list(m.FAULTS)
    assert first_words("wire key") == [one.name for one in dataclasses.fields(m.Plan)]
    names = README.split("Names for the common ones:")[1].split(".")[0]
    assert words(names) == list(m.WIRE_PLANS)
    forms = {
        "neutral": m.NEUTRAL_KEYS,
        "recorded": m.RECORDED_KEYS,
        "error": m.ERROR_KEYS,
        "fault": m.FAULT_KEYS,
        "any": m.COMMON_KEYS,
    }
    listed = [(words(row[0])[0], row[1].strip()) for row in table("response key")]
    assert listed == [(key, form) for form, keys in forms.items() for key in keys]


def test_the_readme_lists_every_provider_and_api() -> None:
    listed = [tuple(words(cell)[0] for cell in row[:3]) for row in table("provider")]
    known = [(wire.provider, wire.operation, wire.api) for wire in m.WIRE_FORMATS]
    assert sorted(listed) == sorted(known)


def test_the_readmes_paths_lead_where_it_says() -> None:
    for row in table("provider"):
        provider, operation, api = (words(cell)[0] for cell in row[:3])
        for path in words(row[3]):
            is_base = path.count("/") < 2 or path in ("/v1", "/v1alpha", "/v1beta1")
            if is_base or "…" in path or not path.startswith("/"):
                continue
            method = "GET" if operation == "models" else "POST"
            headers = {"anthropic-version": "1"} if provider == "anthropic" else {}
            request = m.Request(method, re.sub(r"\{\w+\}", "x", path), headers=headers)
            wire = m.route(request)[0]
            assert (wire.provider, wire.operation, wire.api) == (provider, operation, api), path


BREAKING = README.split("## Break it on purpose")[1].split("### Rate limits")[0]
CURL = re.compile(r"```sh\n(curl .+?)\n```\n```text\n(.+?)\n```", re.S)


def curled(port: int, command: str) -> Tuple[str, str]:
    """What a curl command of the README writes to its outputs."""
    program, *arguments = shlex.split(command.replace("127.0.0.1:5001", f"127.0.0.1:{port}"))
    command_ = [program, "--noproxy", "*", *arguments]
    done = subprocess.run(
        command_, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE
    )
    return done.stdout.decode("utf-8", "replace"), done.stderr.decode()


@needs_curl
def test_curl_sees_what_the_chapter_on_breaking_says(server: MockServer) -> None:
    found = CURL.findall(BREAKING)
    assert len(found) == 10
    with ThreadPoolExecutor(len(found)) as threads:
        outputs = list(threads.map(lambda one: curled(server.port, one[0]), found))
    for (command, expected), (out, err) in zip(found, outputs):
        assert (err if expected.startswith("curl: ") else out).startswith(expected), command
    assert {entry["fault"] for entry in server.requests} >= set(m.FAULTS)


def test_the_readmes_rate_limit_and_errors_do_what_they_say(server: MockServer) -> None:
    for heading in ("### Rate limits", "### Errors"):
        block = blocks("json", README.split(heading)[1])[0]
        assert fetch(server.port, "POST", "/__mock__/mocks", block.encode())[0] == 201
    assert [chat(server.port, user="hurry")[0] for _ in range(4)] == [200, 200, 200, 429]
    assert [chat(server.port, user="too fast")[0] for _ in range(2)] == [429, 200]
    assert chat(server.port, user="too much")[0] == 400
    assert chat(server.port, user="breaks")[0] == 503
    assert b'"error"' in chat(server.port, user="breaks", stream=True)[1]


@needs_openssl
@needs_curl
def test_the_readmes_tls_lines_work_as_printed(tmp_path: Path) -> None:
    start, ask_it = blocks("sh", README.split("### TLS")[1])[0].split("\n")
    arguments = shlex.split(start.replace("5443", "0"))[2:]
    with launched(*arguments, "--exit-on-stdin-close", cwd=str(tmp_path)) as (process, ports):
        command = [*shlex.split(ask_it.replace("5443", str(ports[0]))), "-sS", "--noproxy", "*"]
        done = subprocess.run(command, cwd=str(tmp_path), stdout=subprocess.PIPE, timeout=PATIENCE)
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    assert json.loads(done.stdout)["status"] == "healthy"


def curl_lines() -> List[Tuple[List[str], str]]:
    """The README's other curl commands with the beginnings of what comes back."""
    found = CURL.findall(README.replace(BREAKING, ""))
    return [(shlex.split(command), expected) for command, expected in found]


def run_curl(
    port: int,
    command: List[str],
    query: str = "",
    credential: Optional[Mapping[str, str]] = None,
) -> bytes:
    """What a curl command gets from a server on this port."""
    start = "http://127.0.0.1:5001"
    url = next(word for word in command if word.startswith(start + "/"))[len(start) :]
    pairs = list(zip(command, command[1:]))
    headers = dict(word.split(": ", 1) for flag, word in pairs if flag == "-H")
    body = next((word.encode() for flag, word in pairs if flag == "-d"), None)
    method = next((word for flag, word in pairs if flag == "-X"), "POST" if body else "GET")
    if query:
        url += ("&" if "?" in url else "?") + query
    return fetch(port, method, url, body, {**headers, **(credential or {})})[1]


def test_the_readmes_curl_lines_work_as_printed() -> None:
    lines = curl_lines()
    assert len(lines) == 22
    with MockServer(data=str(HERE / "data")) as server:
        for command, expected in lines:
            assert run_curl(server.port, command).decode().startswith(expected), command


def test_the_readmes_curl_lines_get_the_same_with_any_credential_or_none(
    shipped: MockServer,
) -> None:
    names = {"Authorization": "Bearer k", "api-key": "k", "x-goog-api-key": "k", "x-api-key": "k"}
    for command, expected in curl_lines():
        if "__mock__" in " ".join(command) or '"ping"' in " ".join(command):
            continue
        found = {run_curl(shipped.port, command, "key=k"), run_curl(shipped.port, command)}
        for name, value in names.items():
            found.add(run_curl(shipped.port, command, "", {name: value}))
        assert len(found) == 1 and found.pop().decode().startswith(expected), command


def test_the_readme_lists_every_control_route() -> None:
    known = []
    for method, pattern, _, _ in m.Control.ROUTES:
        known.append(f"{method} /__mock__{re.sub('[(][?]P<id>[^)]+[)]', 'ID', pattern)}")
    assert first_words("route") == known


def test_the_readme_lists_every_key_of_a_journal_entry(server: MockServer) -> None:
    chat(server.port)
    listed = README.split("A journal entry has")[1].split("Refused and unmatched")[0]
    assert set(server.wait_for()[0]) | set(m.ENDS) <= set(words(listed))


def test_the_readmes_fixture_gives_each_test_a_session_of_its_own() -> None:
    plain = types.SimpleNamespace(fixture=lambda function: function)
    found: Dict[str, Any] = {"MockServer": MockServer, "pytest": plain}
    exec(blocks("python")[1], found)  # noqa: S102
    request = types.SimpleNamespace(node=types.SimpleNamespace(name="test_one"))
    running = found["llm"](request)
    session = next(running)
    session.mock(response={"text": "pong"})
    assert chat(session.server.port, prefix="/@test_one") == (200, "pong")
    assert len(session.requests) == 1
    assert next(running, None) is None and session.requests == []
    session.server.close()


GENERATED = {  # a request of each column of the README's table of errors
    "/v1/chat/completions": ASK,
    "/openai/deployments/d/chat/completions": ASK,
    GOOGLE_PATHS[0] + ":generateContent": POEM_GOOGLE,
    GOOGLE_PATHS[2] + ":generateContent": POEM_GOOGLE,
    "/v1/messages": {**ASK, "max_tokens": 9},
    "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse": {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}]
    },
}


def test_the_readme_lists_every_kind_of_error_with_its_status(server: MockServer) -> None:
    assert first_words("kind") == list(m.ERROR_KINDS)
    for row in table("kind"):
        kind = words(row[0])[0]
        header = {"X-Mock-Response": json.dumps({"error": {"kind": kind}})}
        statuses = []
        for path, body in GENERATED.items():
            data = json.dumps(body).encode()
            statuses.append(fetch(server.port, "POST", path, data, header)[0])
        assert statuses == [int(re.findall("[0-9]+", cell)[0]) for cell in row[1:7]], kind
        assert sorted(map(int, re.findall("[0-9]+", row[7]))) == sorted(m.ERROR_KINDS[kind])


@pytest.fixture
def extended(tmp_path: Path) -> Iterator[Any]:
    """The one file with the README's new provider in it, before what lists all providers."""
    source = Path(str(m.__file__)).read_text(encoding="utf-8")
    code = blocks("python", README.split("## Add a provider")[1])[0]
    before, lists, after = source.partition("\nPROVIDERS = ")
    assert lists
    path = tmp_path / "extended.py"
    path.write_text(f"{before}\n{code}\n{lists}{after}", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("extended", str(path))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["extended"] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules["extended"]


@one_file
def test_the_readmes_new_provider_works_once_its_class_is_in_the_file(extended: Any) -> None:
    row = blocks("python", README.split("## Add a provider")[1])[1]
    sample = eval(f"{{{row}}}", {"m": extended})  # noqa: S307
    _, path, _, body = sample[extended.Parrot]
    hi = {"user": "Hi", "model": "polly", "provider": "parrot"}
    fall = {"text": "a b c", "error": "dropped", "after_events": 1}
    with extended.MockServer() as server:
        server.mock(match={"user": "fall"}, response=fall)
        server.mock(match={"user": "busy"}, response={"status": 429})
        server.mock(match=hi, response={"text": "Hi {{user}}!"})

        def squawk(**more: Any) -> bytes:
            return fetch(server.port, "POST", path, json.dumps({**body, **more}).encode())[1]

        def lines(**more: Any) -> List[Any]:
            return [json.loads(line) for line in squawk(stream=True, **more).splitlines()]

        whole = json.loads(squawk())
        assert whole["squawk"] == "Hi Hi!"
        assert "".join(line.get("squawk", "") for line in lines()) == "Hi Hi!"
        assert lines()[-1]["id"] == whole["id"]
        assert squawk(say="busy") == b'{"ruffled":"Too many crackers."}'
        assert squawk(say=3) == b'{"ruffled":"say should be a string"}'
        assert lines(say="fall") == [{"squawk": "a"}, {"ruffled": "dropped"}]
        assert b'user is \\"Ho\\", expected \\"Hi\\"' in squawk(say="Ho")
        assert [entry["status"] for entry in server.requests[-4:]] == [429, 400, 200, 404]


def test_the_readmes_mocks_are_valid(server: MockServer) -> None:
    for block in blocks("json"):
        assert fetch(server.port, "POST", "/__mock__/mocks", block.encode())[0] == 201, block


def test_the_readmes_python_runs() -> None:
    class Client:
        """Just enough of the OpenAI SDK."""

        def __init__(self, base_url: str, api_key: str) -> None:
            self.chat = self.completions = self
            self.port = int(base_url.split(":")[2].split("/")[0])

        def create(self, **body: Any) -> Any:
            data = json.dumps(body).encode()
            _, answer = fetch(self.port, "POST", "/v1/chat/completions", data)
            return json.loads(answer, object_hook=lambda found: types.SimpleNamespace(**found))

    exec(blocks("python")[0], {"OpenAI": Client})  # noqa: S102
