"""Rules of Mistral: chat, fill in the middle, embeddings, and its models on Vertex AI."""

from __future__ import annotations

import json
from typing import Any, Dict, List

from cases import cases
from rulebook import Broken, check_broken, judged_by, rules_of, strict_answer

CHAT = "/mistral/v1/chat/completions"
FIM = "/mistral/v1/fim/completions"
EMBEDDINGS = "/mistral/v1/embeddings"
VERTEX = "/v1/projects/p/locations/us/publishers/mistralai/models/"
USER = {"role": "user", "content": "Hi"}
ORDER = "3230"


def calling(*ids: str) -> Dict[str, Any]:
    """An answer with calls."""
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": id, "type": "function", "function": function} for id in ids]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def result(id: str) -> Dict[str, Any]:
    """The result of one."""
    return {"role": "tool", "tool_call_id": id, "name": "f", "content": "x"}


def chat(*messages: Any, **more: Any) -> Dict[str, Any]:
    """A body."""
    return {"model": "mistral-small-latest", "messages": list(messages), **more}


ONE, TWO = "abcDEF123", "abcDEF124"
EXTRA = "Extra inputs are not permitted"
LAST = (
    "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"
)
BROKEN: List[Broken] = [
    Broken("mistral/extra", CHAT, chat(USER, seed=1), "seed", EXTRA, "extra_forbidden"),
    Broken(
        "mistral/extra",
        CHAT,
        chat(USER, {**calling(ONE), "reasoning_content": "x"}, result(ONE)),
        "messages.1.assistant.reasoning_content",
        EXTRA,
        "extra_forbidden",
    ),
    Broken("mistral/missing", CHAT, {"messages": [USER]}, "model", "Field required", "missing"),
    Broken(
        "mistral/missing",
        CHAT,
        chat({"content": "x"}),
        "messages.0.role",
        "Field required",
        "missing",
    ),
    Broken(
        "mistral/types",
        CHAT,
        chat(USER, max_tokens="8"),
        "max_tokens",
        "Input should be a valid integer",
        "int_type",
    ),
    Broken(
        "mistral/types",
        CHAT,
        chat({**USER, "role": "developer"}),
        "messages.0",
        "Input tag 'developer' found using 'role' does not match any of the expected tags: "
        "'system', 'user', 'assistant', 'tool'",
        "union_tag_invalid",
    ),
    Broken(
        "mistral/types",
        CHAT,
        chat(USER, tool_choice="some"),
        "tool_choice",
        "Input should be 'auto', 'none', 'any' or 'required'",
        "enum",
    ),
    Broken(
        "mistral/limits",
        CHAT,
        chat(USER, temperature=1.7),
        "temperature",
        "Input should be less than or equal to 1.5",
        "less_than_equal",
    ),
    Broken(
        "mistral/limits",
        CHAT,
        chat(),
        "messages",
        "List should have at least 1 item after validation, not 0",
        "too_short",
    ),
    Broken(
        "mistral/last-role",
        CHAT,
        chat(USER, {"role": "assistant", "content": "x"}),
        "messages.1",
        LAST,
        ORDER,
    ),
    Broken(
        "mistral/tool-after",
        CHAT,
        chat(USER, result(ONE)),
        "messages.1",
        "Unexpected role 'tool' after role 'user'",
        ORDER,
    ),
    Broken(
        "mistral/user-after-tool",
        CHAT,
        chat(USER, calling(ONE), result(ONE), USER),
        "messages.3",
        "Unexpected role 'user' after role 'tool'",
        ORDER,
    ),
    *[
        Broken(
            "mistral/count",
            CHAT,
            chat(USER, *messages),
            f"messages.{at}",
            "Not the same number of function calls and responses",
            ORDER,
        )
        for at, messages in (
            (1, (calling(ONE), USER)),
            (1, (calling(ONE, TWO), result(ONE))),
            (1, (calling(ONE), result(ONE), result(TWO))),
            (1, (calling(ONE), calling(TWO), result(TWO))),
            (1, ({"role": "assistant", "content": "x"}, result(ONE))),
        )
    ],
    Broken(
        "mistral/call-id",
        CHAT,
        chat(USER, calling("call_1"), result("call_1")),
        "messages.1.assistant.tool_calls.0.id",
        "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.",
        "3280",
    ),
    Broken(
        "mistral/call-id",
        CHAT,
        chat(USER, calling(ONE), result("call_1")),
        "messages.2.tool.tool_call_id",
        "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.",
        "3280",
    ),
    Broken(
        "mistral/name",
        CHAT,
        chat(USER, tools=[{"type": "function", "function": {"name": "a.b", "parameters": {}}}]),
        "tools.0.function.name",
        "Function name was a.b but must be a-z, A-Z, 0-9, or contain underscores and dashes, "
        "with a maximum length of 64.",
        "3280",
    ),
    Broken(
        "mistral/assistant-empty",
        CHAT,
        chat(USER, {"role": "assistant", "content": ""}, USER),
        "messages.1",
        "Assistant message must have either content or tool_calls, but not none.",
        "3240",
    ),
    Broken(
        "mistral/extra",
        FIM,
        {"model": "codestral-latest", "prompt": "x", "tools": []},
        "tools",
        EXTRA,
        "extra_forbidden",
    ),
    Broken(
        "mistral/extra",
        EMBEDDINGS,
        {"model": "mistral-embed", "input": "x", "dimensions": 3},
        "dimensions",
        EXTRA,
        "extra_forbidden",
    ),
    Broken(
        "mistral/last-role",
        VERTEX + "mistral-large-2411:rawPredict",
        {"messages": [USER, {"role": "assistant", "content": "x"}]},
        "messages.1",
        LAST,
        ORDER,
    ),
    Broken(
        "mistral/extra",
        VERTEX + "codestral-2501:rawPredict",
        {"prompt": "x", "n": 2},
        "n",
        EXTRA,
        "extra_forbidden",
    ),
]
SYSTEM = {"role": "system", "content": "Be brief."}
SAID = {"role": "assistant", "content": "Ho"}
# Request rules, 5.
VALID = [
    chat(USER, document_image_limit=8, document_page_limit=64),
    chat(SYSTEM, SYSTEM, USER),
    chat(USER, SAID, SAID, USER),
    chat(USER, {**SAID, "prefix": True}),
    chat(USER, calling(ONE, TWO), result(TWO), result(ONE)),
    chat(USER, {**calling(ONE), "content": None}, result(ONE)),
    chat(USER, USER),
    chat(USER, calling("null"), {"role": "tool", "content": "x"}),
    chat(
        {
            "role": "user",
            "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": "u"}],
        }
    ),
    chat(
        USER,
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        temperature=None,
        stop=None,
        tools=None,
        random_seed=1,
        safe_prompt=False,
        parallel_tool_calls=True,
        tool_choice={"type": "function", "function": {"name": "f"}},
    ),
]


@cases("row", BROKEN)
def test_mistral_refuses(row: Broken) -> None:
    check_broken(row)


def test_what_is_valid_at_mistral_breaks_no_rule() -> None:
    for body in VALID:
        assert judged_by(CHAT, body) == ()
        assert judged_by(VERTEX + "mistral-large-2411:streamRawPredict", body) == ()
    assert rules_of(FIM, {"model": "codestral-latest", "prompt": "x", "suffix": None}) == []
    for given in ("x", ["x", "y"], [1, 2], [[1], [2]]):
        body = {"model": "mistral-embed", "input": given, "encoding_format": "base64"}
        assert rules_of(EMBEDDINGS, body) == []


def test_all_wrong_fields_are_told_in_one_list_and_of_messages_one() -> None:
    body = chat({**USER, "name": "x"}, seed=1, max_tokens=-1, n="1")
    detail = [
        ("extra_forbidden", ["seed"], EXTRA, 1),
        ("extra_forbidden", ["messages", 0, "user", "name"], EXTRA, "x"),
        (
            "greater_than_equal",
            ["max_tokens"],
            "Input should be greater than or equal to 0",
            -1,
        ),
        ("int_type", ["n"], "Input should be a valid integer", "1"),
    ]
    expected = [
        {"type": kind, "loc": ["body", *where], "msg": text, "input": value}
        for kind, where, text, value in detail
    ]
    for stream in (False, True):
        for path in (CHAT, VERTEX + "mistral-large-2411:rawPredict"):
            response = strict_answer(path, {**body, "stream": stream}).response
            assert response.status == 422
            assert json.loads(response.body) == {"detail": expected}
    for name in ("²", "9" * 6000, "a[1].b"):  # of which pydantic's places are no indexes
        response = strict_answer(CHAT, {**chat(USER), name: 1}).response
        assert response.status == 422 and EXTRA in response.body.decode()
    order = strict_answer(CHAT, chat(USER, SAID)).response
    assert order.status == 400
    assert json.loads(order.body) == {
        "object": "error",
        "message": LAST,
        "type": "invalid_request_message_order",
        "param": None,
        "code": ORDER,
        "raw_status_code": 400,
    }


def test_what_is_missing_is_told_with_what_it_is_missing_in_as_far_as_that_is_short() -> None:
    for model, shown in (("m", {"model": "m"}), ("m" * 600, '{"model": "' + "m" * 489)):
        response = strict_answer(CHAT, {"model": model}).response
        assert json.loads(response.body)["detail"] == [
            {
                "type": "missing",
                "loc": ["body", "messages"],
                "msg": "Field required",
                "input": shown,
            }
        ]
