"""Requests of every format: what is read of them in no provider's terms."""

from __future__ import annotations

from typing import Any, List, Tuple

import pytest
from cases import cases
from samples import (
    SAMPLES,
    call_of,
)

import mock_server as m

# One conversation as each API has it: tools, two system texts, two questions, a tool's result.
CONVERSATIONS: List[Tuple[type, Any]] = [
    (
        m.OpenAIChat,
        {
            "model": "x",
            "tools": [
                {"type": "function", "function": {"name": "f"}},
                {"type": "custom", "custom": {"name": "g"}},
            ],
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
                {
                    "role": "tool",
                    "content": [{"type": "text", "text": "22 °C"}],
                    "tool_call_id": "c",
                },
            ],
        },
    ),
    (
        m.GeminiGenerate,
        {
            "tools": [
                {"function_declarations": [{"name": "f"}]},
                {"functionDeclarations": [{"name": "g"}]},
            ],
            "system_instruction": {"parts": [{"text": "A"}, {"text": "B"}]},
            "contents": [
                {"parts": {"text": "first"}},
                {
                    "role": "function",
                    "parts": [{"functionResponse": {"response": {"r": "old"}}}],
                },
                {"role": "model", "parts": [{"text": "one"}]},
                {
                    "role": "user",
                    "parts": [{"text": "sec"}, {"inlineData": {}}, {"text": "ond"}],
                },
                {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "f", "response": {"result": "22 °C"}}}],
                },
            ],
        },
    ),
    (
        m.OpenAIResponses,
        {
            "model": "x",
            "instructions": "A",
            "tools": [
                {"type": "function", "name": "f", "parameters": {}},
                {"type": "custom", "name": "g"},
            ],
            "input": [
                {"role": "developer", "content": [{"type": "input_text", "text": "B"}]},
                {"role": "user", "content": "first"},
                {"type": "function_call_output", "call_id": "c", "output": "old"},
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "one"}],
                },
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
                {
                    "type": "function_call_output",
                    "call_id": "c",
                    "output": [{"type": "input_text", "text": "22 °C"}],
                },
            ],
        },
    ),
    (
        m.AnthropicMessages,
        {
            "model": "x",
            "max_tokens": 1,
            "system": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
            "tools": [
                {"name": "f", "input_schema": {}},
                {"type": "web_search_20250305", "name": "g"},
            ],
            "messages": [
                {"role": "user", "content": "first"},
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "t", "content": "old"}],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "h", "signature": "s"},
                        {"type": "text", "text": "one"},
                    ],
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
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": [{"type": "text", "text": "22 °C"}],
                        }
                    ],
                },
            ],
        },
    ),
    (
        m.BedrockConverse,
        {
            "system": [{"text": "A"}, {"text": "B"}, {"cachePoint": {"type": "default"}}],
            "toolConfig": {
                "tools": [
                    {"toolSpec": {"name": "f"}},
                    {"toolSpec": {"name": "g"}},
                    {"cachePoint": {}},
                ]
            },
            "messages": [
                {"role": "user", "content": [{"text": "first"}]},
                {
                    "role": "user",
                    "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "old"}]}}],
                },
                {"role": "assistant", "content": [{"reasoningContent": {}}, {"text": "one"}]},
                {
                    "role": "user",
                    "content": [
                        {"text": "sec"},
                        {"image": {}},
                        {"document": {}},
                        {"text": "ond"},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}],
                },
                {
                    "role": "user",
                    "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "22 °C"}]}}],
                },
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
                {
                    "role": "tool",
                    "tool_call_id": "t",
                    "content": [{"type": "text", "text": "22 °C"}],
                },
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
]


@pytest.mark.parametrize("kind, body", CONVERSATIONS)
def test_a_conversation_reads_the_same_whoever_the_provider_is(kind: type, body: Any) -> None:
    call = call_of(kind, body=body)
    assert (call.user, call.system, call.tool_result, call.turn, call.tools) == (
        "sec\nond",
        "A\nB",
        "22 °C",
        2,
        ("f", "g"),
    )
    # Ids of calls, or where the sample has none the name of the tool.
    assert call.tool_call_id == TOOL_CALL_IDS[kind] and call.blank == ()


TOOL_CALL_IDS = {
    **dict.fromkeys((m.OpenAIChat, m.OpenAIResponses), "c"),
    **dict.fromkeys((m.AnthropicMessages, m.BedrockConverse, m.CohereChat), "t"),
    **dict.fromkeys((m.GeminiGenerate, m.OllamaChat), "f"),
}


# A last user message that holds no text, after an earlier one that does and a tool's result.
TEXTLESS: List[Tuple[type, Any]] = [
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
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "t", "content": "t"}],
                },
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
]


@pytest.mark.parametrize("kind, body", TEXTLESS)
def test_a_last_user_message_without_text_is_empty_and_never_an_earlier_one(
    kind: type, body: Any
) -> None:
    call = call_of(kind, body=body)
    assert (call.user, call.tool_result, call.tool_call_id) == ("", None, None)
    assert call.blank == ("user",)


CHATTED = {"model": "x", "messages": []}
# Results of tools in other forms than those above, and what they are known by.
RESULTS_OF_TOOLS: List[Tuple[type, Any, Any]] = [
    (m.OpenAIChat, {"role": "function", "name": "f", "content": "r"}, "f"),
    (m.OpenAIChat, {"role": "tool", "tool_call_id": "c", "name": "f", "content": "r"}, "c"),
    (m.OpenAIChat, {"role": "tool", "tool_call_id": 7, "content": "r"}, None),
    (m.MistralChat, {"role": "tool", "tool_call_id": "c", "name": "f", "content": "r"}, "c"),
    (m.OllamaChat, {"role": "tool", "tool_call_id": "c", "content": "r"}, "c"),
    (m.AzureChat, {"role": "tool", "tool_call_id": "c", "content": "r"}, "c"),
    (
        m.GeminiGenerate,
        {"functionResponse": {"id": "c", "name": "f", "response": {"output": "r"}}},
        "c",
    ),
    (m.OpenAIResponses, {"type": "local_shell_call_output", "id": "c", "output": "r"}, "c"),
    (m.OpenAIResponses, {"type": "custom_tool_call_output", "call_id": "c", "output": "r"}, "c"),
    (m.BedrockOther, {"role": "tool", "tool_call_id": "c", "content": "r"}, "c"),
]


def test_a_result_is_known_by_its_call_or_else_by_its_tool() -> None:
    for kind, result, call_id in RESULTS_OF_TOOLS:
        body = {"model": "x", "messages": [result], "input": [result]}
        if kind is m.GeminiGenerate:
            body = {"contents": [{"parts": [result]}]}
        call = call_of(kind, body=body)
        assert (call.tool_result, call.tool_call_id) == ("r", call_id), result
        assert (call.user, call.blank) == ("", ()), result


@cases(
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
            {
                "model": "x",
                "inputs": [
                    {
                        "content": [
                            {"type": "text", "text": "a"},
                            {"type": "image_url", "image_url": {}},
                        ]
                    }
                ],
            },
            ("a",),
            1,
        ),
        (m.OllamaEmbed, {"model": "x", "input": ["a", "b"]}, ("a", "b"), 1),
        (m.OllamaEmbeddings, {"model": "x", "prompt": "a"}, ("a",), 1),
    ],
)
def test_several_inputs_are_counted_and_are_the_users_text(
    kind: type, body: Any, inputs: Any, choices: int
) -> None:
    call = call_of(kind, body=body)
    assert (call.inputs, call.choices, call.user) == (inputs, choices, "\n".join(inputs))


@pytest.mark.parametrize(
    "kind, body, user, tool_result, turn, tools",
    [
        (
            m.BedrockConverse,
            {
                "messages": [
                    {"role": "user", "content": [{"text": "q"}]},
                    {"role": "assistant", "content": [{"toolUse": {}}]},
                    {
                        "role": "user",
                        "content": [
                            {"toolResult": {"content": [{"text": "r"}]}},
                            {"cachePoint": {}},
                        ],
                    },
                ]
            },
            "q",
            "r",
            1,
            (),
        ),
        (
            m.BedrockConverse,
            {
                "messages": [
                    {"role": "user", "content": [{"guardContent": {"text": {"text": "q"}}}]}
                ]
            },
            "q",
            None,
            0,
            (),
        ),
        (m.BedrockConverse, {"promptVariables": {"a": {"text": "b"}}}, "", None, 0, ()),
        (
            m.AnthropicMessages,
            {
                "model": "x",
                "max_tokens": 1,
                "tools": [{"type": "mcp_toolset", "mcp_server_name": "s"}, {"name": "f"}],
                "messages": [{"role": "user", "content": "q"}],
            },
            "q",
            None,
            0,
            ("mcp_toolset", "f"),
        ),
        (
            m.OpenAIResponses,
            {
                "model": "x",
                "input": [
                    {"id": "rs_1"},
                    {"role": "user", "content": "q"},
                    {"type": "function_call"},
                    {"type": "function_call_output", "output": "r"},
                    {"type": "tool_search_call"},
                    {"type": "tool_search_output", "tools": []},
                    {"type": "mcp_approval_response"},
                ],
            },
            "q",
            "r",
            2,
            (),
        ),
        (
            m.OpenAIResponses,
            {"model": "x", "input": [{"type": "shell_call_output", "output": [{"stdout": "a"}]}]},
            "",
            '[{"stdout":"a"}]',
            0,
            (),
        ),
        (m.OpenAIResponses, {"prompt": {"id": "pmpt_1"}}, "", None, 0, ()),
    ],
)
def test_what_the_sdks_really_send_is_read(
    kind: type, body: Any, user: str, tool_result: Any, turn: int, tools: Any
) -> None:
    call = call_of(kind, body=body)
    assert (call.user, call.tool_result, call.turn, call.tools) == (user, tool_result, turn, tools)
