"""Rules of Cohere's and of Ollama's own APIs."""

from __future__ import annotations

import json
from typing import Any, Dict, List

from cases import cases
from rulebook import Broken, check_broken, rules_of, strict_answer

COHERE, EMBED = "/v2/chat", "/v2/embed"
CHAT, GENERATE = "/api/chat", "/api/generate"
USER = {"role": "user", "content": "Hi"}
CALL = {"id": "f_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def cohere(*messages: Any, **more: Any) -> Dict[str, Any]:
    """A body for Cohere's chat."""
    return {"model": "command-a-03-2025", "messages": list(messages or [USER]), **more}


def ollama(*messages: Any, **more: Any) -> Dict[str, Any]:
    """A body for Ollama's chat."""
    return {"model": "llama3.2", "messages": list(messages), **more}


def embed(**more: Any) -> Dict[str, Any]:
    """A body for Cohere's embeddings."""
    return {"model": "embed-v4.0", "texts": ["x"], "input_type": "search_query", **more}


GO = "json: cannot unmarshal "
BROKEN: List[Broken] = [
    Broken(
        "cohere/unknown-field",
        COHERE,
        cohere(top_p=1),
        "top_p",
        "unknown field: parameter 'top_p' is not a valid field",
    ),
    Broken(
        "cohere/types",
        COHERE,
        cohere(max_tokens="8"),
        "max_tokens",
        "invalid type: parameter max_tokens is of type string but should be of type integer.",
    ),
    Broken(
        "cohere/missing",
        COHERE,
        cohere(USER, {"role": "tool", "content": "x"}),
        "messages[1].tool_call_id",
        "invalid request: messages[1].tool_call_id: a value is required",
    ),
    Broken(
        "cohere/limits",
        COHERE,
        cohere(k=501),
        "k",
        "invalid request: parameter k is out of its bounds",
    ),
    Broken(
        "embed/cohere-input-type",
        EMBED,
        embed(input_type=None),
        "input_type",
        "invalid request: valid input_type must be provided with the provided model",
    ),
    Broken("ollama/body", CHAT, {"messages": [USER]}, "model", "model is required"),
    Broken("ollama/body", "/api/embed", {"model": "", "input": "x"}, "model", "model is required"),
    Broken(
        "ollama/content",
        CHAT,
        ollama({"role": "user", "content": [{"type": "text", "text": "x"}]}),
        "messages[0].content",
        GO + "array into Go struct field ChatRequest.messages of type string",
    ),
    Broken(
        "ollama/types",
        CHAT,
        ollama(USER, {"role": "assistant", "content": "", "tool_calls": [CALL]}),
        "messages[1].tool_calls[0].function.arguments",
        GO + "string into Go struct field ChatRequest.messages of type "
        "api.ToolCallFunctionArguments",
    ),
    Broken(
        "ollama/types",
        GENERATE,
        {"model": "llama3.2", "prompt": "x", "raw": "yes"},
        "raw",
        GO + "string into Go struct field GenerateRequest.raw of type bool",
    ),
    Broken(
        "ollama/types",
        CHAT,
        ollama(USER, options=[]),
        "options",
        GO + "array into Go struct field ChatRequest.options of type map[string]interface {}",
    ),
    Broken(
        "ollama/types",
        "/api/embeddings",
        {"model": "all-minilm", "prompt": ["x"]},
        "prompt",
        GO + "array into Go struct field EmbeddingRequest.prompt of type string",
    ),
    Broken("ollama/types", CHAT, [], "", GO + "array into Go value of type api.ChatRequest"),
    Broken(
        "ollama/input", "/api/embed", {"model": "m", "input": [1]}, "input", "invalid input type"
    ),
    Broken(
        "ollama/think",
        CHAT,
        ollama(USER, think="xhigh"),
        "think",
        'invalid think value: "xhigh" (must be "high", "medium", "low", "max", true, or false)',
    ),
]
ONLY_IF_ASKED = [
    Broken(
        "ollama/tools",
        CHAT,
        {"model": "gemma3:4b", "messages": [USER], "tools": [TOOL]},
        "tools",
        "registry.ollama.ai/library/gemma3:4b does not support tools",
    ),
    Broken(
        "ollama/tools",
        CHAT,
        {"model": "phi4", "messages": [USER], "tools": [TOOL]},
        "tools",
        "registry.ollama.ai/library/phi4:latest does not support tools",
    ),
    Broken(
        "ollama/thinking",
        GENERATE,
        {"model": "llama3.2", "prompt": "x", "think": "high"},
        "think",
        '"llama3.2" does not support thinking',
    ),
    Broken(
        "ollama/chat",
        CHAT,
        {"model": "nomic-embed-text:latest", "messages": [USER]},
        "model",
        '"nomic-embed-text:latest" does not support chat',
    ),
]
PLAN = {"role": "assistant", "tool_plan": "I look.", "tool_calls": [CALL, {**CALL, "id": "f_2"}]}
DOCUMENT = {"type": "document", "document": {"data": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "f_1", "content": [DOCUMENT]}
# Request rules, 5.
VALID = [
    (COHERE, cohere(USER, PLAN, RESULT, {**RESULT, "tool_call_id": "f_2"})),
    (COHERE, cohere(p=0.5, k=40, tools=[TOOL], strict_tools=None, stop_sequences=["a"])),
    (COHERE, cohere(response_format={"type": "json_object", "json_schema": {"type": "object"}})),
    (COHERE, cohere(USER, {"role": "system", "content": "x"}, USER)),
    (EMBED, embed(embedding_types=["float", "int8"], output_dimension=256, truncate="END")),
    (EMBED, {"model": "embed-v4.0", "images": ["data:"], "input_type": "image"}),
    (CHAT, ollama()),
    (CHAT, {"model": "llama3.2"}),
    (
        CHAT,
        ollama(
            USER,
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]},
            {"role": "tool", "tool_name": "f", "content": "x"},
        ),
    ),
    (CHAT, ollama(USER, format={"type": "object"}, options={"none": 1}, think=True, nonsense=1)),
    (CHAT, {"model": "qwen3", "messages": None, "tools": [TOOL], "think": "low"}),
    (GENERATE, {"model": "llama3.2", "prompt": "x", "format": "", "keep_alive": "5m"}),
    ("/api/embed", {"model": "m", "input": ["x"], "truncate": True}),
]


@cases("row", BROKEN)
def test_cohere_and_ollama_refuse(row: Broken) -> None:
    check_broken(row)


def test_what_models_of_ollama_cannot_do_is_told_only_if_asked() -> None:
    for row in ONLY_IF_ASKED:
        check_broken(row, every=True)
        assert rules_of(row.path, row.body) == []
        answer = strict_answer(row.path, row.body, strict="all").response
        assert (answer.status, json.loads(answer.body)) == (400, {"error": row.message})


def test_what_is_valid_at_cohere_and_ollama_breaks_no_rule() -> None:
    for path, body in VALID:
        assert rules_of(path, body) == []
        assert strict_answer(path, body).response.status == 200


def test_cohere_and_ollama_refuse_in_their_own_shapes_streams_too() -> None:
    for stream in (False, True):
        answer = strict_answer(COHERE, cohere(max_tokens="8", stream=stream)).response
        told = json.loads(answer.body)
        assert (answer.status, list(told)) == (400, ["id", "message"])
        listed = ollama({"role": "user", "content": []}, stream=stream)
        answer = strict_answer(CHAT, listed).response
        assert answer.status == 400
        assert answer.body == (
            b'{"error":"json: cannot unmarshal array into Go struct field ChatRequest.messages of '
            b'type string"}'
        )
    assert strict_answer(COHERE, cohere(top_p=1)).response.status == 200  # it is only noted
    empty = strict_answer(COHERE, {"model": "c", "messages": []}).response
    assert json.loads(empty.body)["message"] == "invalid request: messages: a value is required"
