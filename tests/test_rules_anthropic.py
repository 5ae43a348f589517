"""Rules of Anthropic's messages and counts, and of Claude on Vertex AI and Bedrock."""

from __future__ import annotations

import base64
import json
from typing import Any, Dict, List

import pytest
from rulebook import Broken, asked, check_broken, judged_by, rules_of, strict_answer
from samples import answerer

import mock_server as m

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
VERTEX = "/v1/projects/p/locations/us/publishers/anthropic/models/"
ON_VERTEX = VERTEX + "claude-sonnet-4-5@20250929:rawPredict"
STREAM_ON_VERTEX = VERTEX + "claude-sonnet-4-5@20250929:streamRawPredict"
COUNT_ON_VERTEX = VERTEX + "count-tokens:rawPredict"
BEDROCK = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/"
ON_BEDROCK = BEDROCK + "invoke"
STREAM_ON_BEDROCK = BEDROCK + "invoke-with-response-stream"

HI = {"role": "user", "content": "Hi"}
YO = {"role": "assistant", "content": "Yo"}
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
ENABLED = {"type": "enabled", "budget_tokens": 1024}
ADAPTIVE = {"type": "adaptive"}
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
GUIDE = (
    " Please consult our documentation at "
    "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)


def asking(*messages: Any, **members: Any) -> Dict[str, Any]:
    """A request for an answer to messages; a member that is None is left out."""
    body = {"model": "claude-sonnet-4-5", "max_tokens": 4000, "messages": [*messages] or [HI]}
    body.update(members)
    return {name: value for name, value in body.items() if value is not None}


def use(id: str, name: str = "f", **more: Any) -> Dict[str, Any]:
    """A call of a tool."""
    return {"type": "tool_use", "id": id, "name": name, "input": {}, **more}


def result(id: str, content: Any = "x", **more: Any) -> Dict[str, Any]:
    """What came of one."""
    return {"type": "tool_result", "tool_use_id": id, "content": content, **more}


def text(said: str, **more: Any) -> Dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": said, **more}


def user(*blocks: Any) -> Dict[str, Any]:
    """A message of the user's."""
    return {"role": "user", "content": [*blocks]}


def claude(*blocks: Any) -> Dict[str, Any]:
    """One of the assistant's."""
    return {"role": "assistant", "content": [*blocks]}


def image(data: str = PNG, media_type: str = "image/png") -> Dict[str, Any]:
    """An image in the request."""
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "image", "source": source}


def unanswered(place: str, ids: str) -> str:
    """What is said of calls without results."""
    return (
        f"{place}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}."
        " Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def broken(rule: str, place: str, message: str, *messages: Any, **members: Any) -> Broken:
    """A row of Anthropic's own API."""
    return Broken(rule, MESSAGES, asking(*messages, **members), place, message)


def told(rule: str, place: str, said: str, *messages: Any, **members: Any) -> Broken:
    """A row whose sentence begins with its place."""
    return broken(rule, place, f"{place}: {said}", *messages, **members)


NO_TOOL = "Input tag 'function' found using 'type' does not match any of the expected tags: "
THOUGHT_FIRST = (
    "messages.{}: Expected `thinking` or `redacted_thinking`, but found `{}`. When `thinking` is "
    "enabled, a final `assistant` message must start with a thinking block (preceeding the "
    "lastmost set of `tool_use` and `tool_result` blocks). We recommend you include thinking "
    "blocks from previous turns. To avoid this requirement, disable `thinking`." + GUIDE
)
FIELDS = (
    told("anthropic/types", "max_tokens", "Field required", max_tokens=None),
    told("anthropic/types", "max_tokens", "Input should be a valid integer", max_tokens="9"),
    told(
        "anthropic/types",
        "messages.0.content.0.tool_use.input",
        "Input should be a valid dictionary",
        claude({**use("a"), "input": "{}"}),
        user(result("a")),
    ),
    told("anthropic/types", "tools.0.custom.input_schema", "Field required", tools=[{"name": "f"}]),
    told(
        "anthropic/types",
        "tools.0.custom.input_schema.type",
        "Input should be 'object'",
        tools=[{"name": "f", "input_schema": {"type": "string"}}],
    ),
    told(
        "anthropic/types",
        "messages.0.content.0.image.source.base64.media_type",
        "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
        user(image(media_type="image/bmp")),
    ),
    told("anthropic/types", "tool_choice", "Input should be a valid dictionary", tool_choice="any"),
    told(
        "anthropic/types",
        "messages.0.content",
        "Input should be a valid list",
        {"role": "user", "content": 1},
    ),
    broken(
        "anthropic/types",
        "stop_sequences.0",
        "stop_sequences: each stop sequence must contain non-whitespace",
        stop_sequences=["\n"],
    ),
    told(
        "anthropic/types",
        "metadata.user_id",
        "String should have at most 256 characters",
        metadata={"user_id": "x" * 257},
    ),
    told("anthropic/unknown-field", "seed", "Extra inputs are not permitted", seed=1),
    told(
        "anthropic/unknown-field",
        "messages.0.content.0.text.foo",
        "Extra inputs are not permitted",
        user(text("x", foo=1)),
    ),
    told(
        "anthropic/unknown-field",
        "messages.1.content.0.thinking.cache_control",
        "Extra inputs are not permitted",
        HI,
        claude({"type": "thinking", "thinking": "x", "signature": "y", "cache_control": MARK}),
        HI,
    ),
    # What is missing is told before what is unknown, as pydantic does it.
    told(
        "anthropic/types",
        "tools.0.custom.input_schema",
        "Field required",
        tools=[{"name": "f", "parameters": {}}],
    ),
    told(
        "anthropic/tool-use-id-pattern",
        "messages.0.content.0.tool_use.id",
        "String should match pattern '^[a-zA-Z0-9_-]+$'",
        claude(use("a.b")),
        user(result("a")),
    ),
    told(
        "anthropic/tool-name",
        "tools.0.custom.name",
        "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
        tools=[{**TOOL, "name": "a.b"}],
    ),
    told(
        "anthropic/tool-name",
        "tools.0.custom.name",
        "String should have at most 128 characters",
        tools=[{**TOOL, "name": "x" * 129}],
    ),
    told(
        "anthropic/tool-tag",
        "tools.0",
        NO_TOOL + ", ".join(f"'{kind}'" for kind in m.GENERAL_TOOLS),
        tools=[{"type": "function", "function": {"name": "f"}}],
    ),
    told(
        "anthropic/block-tag",
        "messages.0.content.0",
        "Input tag 'image_url' found using 'type' does not match any of the expected tags: "
        + ", ".join(f"'{kind}'" for kind in m.GENERAL_BLOCKS),
        user({"type": "image_url", "image_url": {"url": "x"}}),
    ),
    told(
        "anthropic/tool-choice-none-extra",
        "tool_choice.none.disable_parallel_tool_use",
        "Extra inputs are not permitted",
        tool_choice={"type": "none", "disable_parallel_tool_use": True},
    ),
    broken(
        "anthropic/role-unknown",
        "messages.0.role",
        'messages: Unexpected role "developer". Allowed roles are "user" or "assistant"',
        {"role": "developer", "content": "x"},
    ),
    broken(
        "anthropic/role-unknown",
        "messages.1.role",
        'messages: Unexpected role "tool". Allowed roles are "user" or "assistant"',
        HI,
        {"role": "tool", "content": "x"},
    ),
    broken(
        "anthropic/messages-empty",
        "messages",
        "messages: at least one message is required",
        messages=[],
    ),
    told(
        "anthropic/budget-min",
        "thinking.enabled.budget_tokens",
        "Input should be greater than or equal to 1024",
        thinking={"type": "enabled", "budget_tokens": 1000},
    ),
    told(
        "anthropic/thinking-signature",
        "messages.1.content.0.thinking.signature",
        "Field required",
        HI,
        claude({"type": "thinking", "thinking": "x"}),
        HI,
    ),
    told(
        "anthropic/temperature-range",
        "temperature",
        "Input should be less than or equal to 1",
        temperature=1.5,
    ),
)
CALLED = (HI, claude(use("a"), use("b")))
TOOL_ROWS = (
    broken(
        "anthropic/tool-use-answered", "messages.1", unanswered("messages.1", "a, b"), *CALLED, HI
    ),
    broken(
        "anthropic/tool-use-answered",
        "messages.1",
        unanswered("messages.1", "b"),
        *CALLED,
        user(result("a")),
    ),
    broken("anthropic/tool-use-answered", "messages.1", unanswered("messages.1", "a, b"), *CALLED),
    # Something else stands before a result, in another message of the same turn, too.
    broken(
        "anthropic/tool-use-answered",
        "messages.1",
        unanswered("messages.1", "b"),
        *CALLED,
        user(result("a"), text("x"), result("b")),
    ),
    broken(
        "anthropic/tool-use-answered",
        "messages.1",
        unanswered("messages.1", "a, b"),
        *CALLED,
        HI,
        user(result("a"), result("b")),
    ),
    broken(
        "anthropic/tool-result-after-tool-use",
        "messages.2.content.1",
        "messages.2.content.1: unexpected `tool_use_id` found in `tool_result` blocks: b. Each "
        "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
        HI,
        claude(use("a")),
        user(result("a"), result("b")),
    ),
    broken(
        "anthropic/server-result-orphan",
        "messages.1.content.0",
        "messages.1.content.0: unexpected `tool_use_id` found in `web_search_tool_result` blocks: "
        "srvtoolu_1. Each `web_search_tool_result` block must have a corresponding "
        "`server_tool_use` block before it.",
        HI,
        claude({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}),
        HI,
    ),
    told(
        "anthropic/tool-use-id-unique",
        "messages.3.content.0",
        "`tool_use` ids must be unique",
        HI,
        claude(use("a")),
        user(result("a")),
        claude(use("a")),
        user(result("a")),
    ),
    told(
        "anthropic/block-role",
        "messages.0",
        "`tool_result` blocks can only be in `user` messages",
        claude(result("a")),
    ),
    told(
        "anthropic/block-role",
        "messages.0",
        "`tool_use` blocks can only be in `assistant` messages",
        user(use("a")),
    ),
    told(
        "anthropic/error-result-empty",
        "messages.1.content.0.tool_result",
        "content cannot be empty if `is_error` is true",
        claude(use("a")),
        user(result("a", "", is_error=True)),
    ),
    broken(
        "anthropic/tool-names-unique",
        "tools",
        "tools: Tool names must be unique.",
        tools=[TOOL, TOOL],
    ),
    told(
        "anthropic/input-schema-union",
        "tools.0.custom.input_schema",
        "input_schema does not support oneOf, allOf, or anyOf at the top level",
        tools=[{"name": "f", "input_schema": {"type": "object", "anyOf": []}}],
    ),
    broken(
        "anthropic/tool-choice-without-tools",
        "tool_choice",
        "tool_choice.any may only be specified while providing tools",
        tool_choice={"type": "any"},
    ),
    broken(
        "anthropic/tool-choice-unknown",
        "tool_choice",
        "Tool 'g' not found in provided tools",
        tools=[TOOL],
        tool_choice={"type": "tool", "name": "g"},
    ),
)
EMPTY = "all messages must have non-empty content except for the optional final assistant message"
BLANK = "messages: text content blocks must contain non-whitespace text"
NO_PREFILL = (
    "This model does not support assistant message prefill. The conversation must end with a user "
    "message."
)
TURNS = (
    broken(
        "anthropic/role-system",
        "messages.0.role",
        'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
        'parameter, not "system" as an input message role.',
        {"role": "system", "content": "x"},
        HI,
    ),
    told("anthropic/content-empty", "messages.0", EMPTY, {"role": "user", "content": ""}),
    told("anthropic/content-empty", "messages.1", EMPTY, HI, claude(), HI),
    broken(
        "anthropic/text-empty",
        "messages.0.content.0",
        "messages: text content blocks must be non-empty",
        user(text("")),
    ),
    broken(
        "anthropic/text-empty",
        "system.0",
        "system: text content blocks must be non-empty",
        system=[text("")],
    ),
    broken("anthropic/text-blank", "messages.0.content.1", BLANK, user(text("x"), text(" \n"))),
    broken("anthropic/text-blank", "messages.0", BLANK, {"role": "user", "content": " "}),
    broken(
        "anthropic/trailing-space",
        "messages.1",
        "messages: final assistant content cannot end with trailing whitespace",
        HI,
        claude(text("{ ")),
    ),
    broken("anthropic/prefill", "messages.1", NO_PREFILL, HI, YO, model="claude-opus-4-6"),
    broken("anthropic/prefill", "messages.1", NO_PREFILL, HI, YO, model="claude-fable-5"),
)
THINKING = (
    broken(
        "anthropic/budget-below-max",
        "max_tokens",
        "`max_tokens` must be greater than `thinking.budget_tokens`."
        + GUIDE
        + "#max-tokens-and-context-window-size",
        thinking=ENABLED,
        max_tokens=1024,
    ),
    broken(
        "anthropic/temperature-thinking",
        "temperature",
        "`temperature` may only be set to 1 when thinking is enabled."
        + GUIDE
        + "#important-considerations-when-using-extended-thinking",
        thinking=ENABLED,
        temperature=0,
    ),
    broken(
        "anthropic/temperature-thinking",
        "temperature",
        "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode." + GUIDE,
        thinking=ADAPTIVE,
        temperature=0.5,
    ),
    broken(
        "anthropic/temp-and-topp",
        "temperature",
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        temperature=1,
        top_p=0.9,
    ),
    broken(
        "anthropic/temp-deprecated",
        "top_k",
        "`top_k` is deprecated for this model.",
        top_k=5,
        model="claude-opus-4-7",
    ),
    broken(
        "anthropic/thinking-enabled-gone",
        "thinking.type",
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
        '"output_config.effort" to control thinking behavior.',
        thinking=ENABLED,
        model="claude-sonnet-5",
    ),
    broken(
        "anthropic/thinking-forced-tool",
        "thinking",
        "Thinking may not be enabled when tool_choice forces tool use.",
        thinking=ADAPTIVE,
        tools=[TOOL],
        tool_choice={"type": "any"},
    ),
    broken(
        "anthropic/thinking-first",
        "messages.1.content.0.type",
        THOUGHT_FIRST.format("1.content.0.type", "tool_use"),
        HI,
        claude(use("a")),
        user(result("a")),
        thinking=ENABLED,
    ),
    broken(
        "anthropic/thinking-first",
        "messages.1.content.0.type",
        THOUGHT_FIRST.format("1.content.0.type", "text"),
        HI,
        YO,
        thinking=ENABLED,
    ),
    told(
        "anthropic/signature-invalid",
        "messages.1.content.0",
        "Invalid `signature` in `thinking` block",
        HI,
        claude({"type": "thinking", "thinking": "x", "signature": ""}),
        HI,
    ),
)
LATE = (
    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that "
    "blocks are processed in the following order: `tools`, `system`, `messages`."
)
CACHES_AND_IMAGES = (
    broken(
        "anthropic/cache-max",
        "",
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        claude(use("a")),
        user(result("a", [text("x", cache_control=MARK)]), *[text("x", cache_control=MARK)] * 3),
        system=[text("x", cache_control=MARK)],
    ),
    told(
        "anthropic/cache-empty-text",
        "messages.0.content.0.text",
        "cache_control cannot be set for empty text blocks",
        user(text("", cache_control=MARK)),
    ),
    told(
        "anthropic/cache-empty-text",
        "system.0",
        "cache_control cannot be set for empty text blocks",
        system=[text("", cache_control=MARK)],
    ),
    told(
        "anthropic/cache-ttl-order",
        "messages.0.content.0.cache_control.ttl",
        LATE,
        user(text("x", cache_control=HOUR)),
        tools=[{**TOOL, "cache_control": MARK}],
    ),
    told(
        "anthropic/image-type",
        "messages.1.content.0.tool_result.content.0.image.source.base64.data",
        "Image does not match the provided media type image/jpeg",
        claude(use("a")),
        user(result("a", [image(media_type="image/jpeg")])),
    ),
    told(
        "anthropic/image-size",
        "messages.0.content.0.image.source.base64",
        "image exceeds 5 MB maximum: 5242912 bytes > 5242880 bytes",
        user(image(PNG + "A" * 5242880)),
    ),
)
NO_BETA = "Extra inputs are not permitted"
HEADERS = (
    Broken(
        "anthropic/version-header",
        MESSAGES,
        asking(),
        "",
        "anthropic-version: header is required",
        headers={"anthropic-version": ""},
    ),
    told("anthropic/beta-field", "context_management", NO_BETA, context_management={"edits": []}),
    told(
        "anthropic/beta-field",
        "system.0.cache_control.ephemeral.scope",
        NO_BETA,
        system=[text("x", cache_control={**MARK, "scope": "global"})],
    ),
    Broken(
        "anthropic/beta-header",
        MESSAGES,
        asking(),
        "",
        "Unexpected value(s) `x-2026-01-01` for the `anthropic-beta` header. Please consult our "
        "documentation at platform.claude.com/docs or try again without the header.",
        headers={"anthropic-beta": "compact-2026-01-12, x-2026-01-01"},
    ),
)
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
CODE = {"type": "code_execution_20260120", "name": "code_execution"}


def hosted(**members: Any) -> Dict[str, Any]:
    """A body for Bedrock."""
    return asking(model=None, anthropic_version="bedrock-2023-05-31", **members)


def no_tag(kind: str, *known: str) -> str:
    """What is said of a tool that a host does not have."""
    tags = ", ".join(f"'{one}'" for one in known)
    return (
        f"tools.0: Input tag '{kind}' found using 'type' does not match any of the expected tags: "
        + tags
    )


ON_HOSTS = (
    Broken(
        "claude-bedrock/beta",
        ON_BEDROCK,
        hosted(anthropic_beta=["files-api-2025-04-14"]),
        "anthropic_beta",
        "invalid beta flag",
    ),
    Broken(
        "claude-bedrock/server-tools",
        ON_BEDROCK,
        hosted(tools=[SEARCH]),
        "tools.0",
        no_tag("web_search_20250305", *m.BEDROCK_TOOLS),
    ),
    Broken(
        "claude-bedrock/server-tools",
        ON_VERTEX,
        hosted(tools=[CODE]),
        "tools.0",
        no_tag("code_execution_20260120", *m.VERTEX_TOOLS),
    ),
    Broken(
        "claude-bedrock/envelope",
        ON_BEDROCK,
        {**asking(), "model": "x", "anthropic_version": "x"},
        "model",
        "model: Extra inputs are not permitted",
    ),
    Broken(
        "claude-bedrock/envelope",
        ON_VERTEX,
        asking(model=None),
        "anthropic_version",
        "anthropic_version: Field required",
    ),
    Broken(
        "anthropic/types",
        ON_BEDROCK,
        hosted(max_tokens=None),
        "max_tokens",
        "max_tokens: Field required",
    ),
    Broken(
        "anthropic/tool-use-answered",
        COUNT,
        asking(*CALLED, HI, max_tokens=None),
        "messages.1",
        unanswered("messages.1", "a, b"),
    ),
)
BROKEN: List[Broken] = [
    *FIELDS,
    *TOOL_ROWS,
    *TURNS,
    *THINKING,
    *CACHES_AND_IMAGES,
    *HEADERS,
    *ON_HOSTS,
]


def test_each_body_breaks_its_rule_and_is_told_so_in_anthropics_words() -> None:
    for row in BROKEN:
        check_broken(row)


def test_a_signature_of_somebody_else_is_refused_only_where_all_rules_are_asked_for() -> None:
    answers = answerer({"response": {"parts": [{"reasoning": "x"}, {"text": "y"}]}})
    request = asked(MESSAGES, asking())
    thought, *_ = json.loads(answers.answer(request).response.body)["content"]
    for signature, rules in ((thought["signature"], []), ("c2ln", ["anthropic/signature-invalid"])):
        body = asking(HI, claude({**thought, "signature": signature}, text("y")), HI)
        assert [one.rule for one in judged_by(MESSAGES, body, every=True)] == rules
        assert judged_by(MESSAGES, body) == ()


def test_an_effort_is_refused_only_where_all_rules_are_asked_for() -> None:
    body = asking(model="claude-opus-4-6", output_config={"effort": "xhigh"})
    assert rules_of(MESSAGES, body) == []
    [found] = judged_by(MESSAGES, body, every=True)
    assert found.rule == "anthropic/effort-unsupported"
    assert found.message == (
        "This model does not support effort level 'xhigh'. Supported levels: high, low, max, "
        "medium."
    )


SIGNED = {"type": "thinking", "thinking": "x", "signature": "y"}
SEARCHED = (
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
)
NULLS = ("system", "tools", "tool_choice", "thinking", "temperature", "stop_sequences", "metadata")
BETAS = {"anthropic-beta": "context-management-2025-06-27,interleaved-thinking-2025-05-14"}
VALID: Dict[str, Dict[str, Any]] = {
    "results, then another message of the user's": asking(
        *CALLED, user(result("b"), result("a")), HI
    ),
    "a result without content": asking(
        HI, claude(use("a")), user({"type": "tool_result", "tool_use_id": "a"})
    ),
    "text behind a result": asking(HI, claude(use("a")), user(result("a"), text("x"))),
    "a beginning of the answer": asking(HI, {"role": "assistant", "content": "{"}),
    "a thought, a call, a result": asking(
        HI, claude(SIGNED, use("a")), user(result("a")), thinking=ENABLED
    ),
    "a later round without thoughts": asking(
        *(HI, claude(SIGNED, use("a")), user(result("a")), claude(use("b")), user(result("b"))),
        thinking=ENABLED,
    ),
    "old turns without thoughts": asking(HI, YO, HI, thinking=ENABLED),
    "thoughts that are not asked for": asking(HI, claude(SIGNED, text("x")), HI),
    "adaptive thoughts and a call first": asking(
        HI, claude(use("a")), user(result("a")), thinking=ADAPTIVE
    ),
    "four marks, an hour before five minutes": asking(
        user(text("x", cache_control=MARK), text("x", cache_control=MARK)),
        tools=[{**TOOL, "cache_control": HOUR}],
        system=[text("x", cache_control=MARK)],
    ),
    "a system prompt in blocks": asking(system=[text("x"), text("y")]),
    "one of several in a property": asking(
        tools=[
            {"name": "f", "input_schema": {"type": "object", "properties": {"a": {"oneOf": []}}}}
        ]
    ),
    "auto without tools": asking(tool_choice={"type": "auto"}),
    "null for nothing": {**asking(), **dict.fromkeys(NULLS)},
    "tools of newer types": asking(
        tools=[{"type": "memory_20270101", "name": "m"}, {**TOOL, "type": None}]
    ),
    "blocks of newer types": asking(HI, claude({"type": "x_tool_use", "id": "1"}), HI),
    "the assistant first": asking(YO, HI),
    "a model of one's own": asking(
        *({"role": "system", "content": "x"}, HI, YO), model="mine", temperature=0, top_p=0.5
    ),
    "a system message in between": asking(
        *(HI, YO, {"role": "system", "content": "x"}, HI), model="claude-opus-5"
    ),
    "a turn that was paused": asking(HI, claude(text("x"), *SEARCHED), model="claude-opus-5"),
    "calls and results around a system message": asking(
        *(HI, claude(use("a")), {"role": "system", "content": "x"}, user(result("a"))),
        model="claude-opus-5",
    ),
    "an image that is none": asking(user(image("aGVsbG8="))),
    "a cache and no answer": asking(max_tokens=0),
}


def test_valid_requests_break_no_rule() -> None:
    for name, body in VALID.items():
        assert (name, rules_of(MESSAGES, body)) == (name, [])
    eased = asking(HI, {"role": "system", "output_config": {}}, HI, model="claude-opus-5")
    eased["safeguards"] = []
    asked = {"anthropic-beta": "dangerous-tool-use-2026-09-03"}
    assert rules_of(MESSAGES, eased, asked) == []
    assert strict_answer(MESSAGES, eased, asked).response.status == 200
    managed = asking(context_management={"edits": []}, thinking={**ENABLED, "budget_tokens": 9000})
    assert rules_of(MESSAGES, managed, BETAS) == []
    assert rules_of(COUNT, asking(max_tokens=None)) == []
    assert rules_of(COUNT, asking(HI, YO, model="claude-opus-5", max_tokens=None)) == []
    assert rules_of(COUNT_ON_VERTEX, {**asking(max_tokens=None), "anthropic_version": "x"}) == []
    assert rules_of(ON_VERTEX, hosted(tools=[SEARCH], stream=False)) == []
    betas = ["interleaved-thinking-2025-05-14", "context-management-2025-06-27"]
    assert rules_of(ON_BEDROCK, {**hosted(anthropic_beta=betas), "context_management": {}}) == []


def test_other_hosts_need_no_version_in_a_header() -> None:
    header = {"anthropic-version": ""}
    for path in (ON_VERTEX, ON_BEDROCK):
        assert rules_of(path, hosted(), header) == []
    assert rules_of(COUNT, asking(), header) == ["anthropic/version-header"]


def test_other_hosts_of_the_format_have_models_members_and_headers_of_their_own() -> None:
    free = asking(HI, YO, model="claude-opus-5", provider={}, max_tokens=None)
    lonely = {**free, "messages": [*CALLED, HI]}
    for path in ("/openrouter/api/v1/messages", "/deepseek/anthropic/v1/messages"):
        assert rules_of(path, free, {"anthropic-version": ""}) == []
        assert rules_of(path, lonely) == ["anthropic/tool-use-answered"]
    assert rules_of("/any/gateway/v1/messages", asking(seed=1)) == ["anthropic/unknown-field"]


LONELY = asking(*CALLED, HI)
SAID = unanswered("messages.1", "a, b")
ERROR = {"type": "error", "error": {"type": "invalid_request_error", "message": SAID}}


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_anthropics_in_the_envelope_of_each_host(stream: bool) -> None:
    plain = strict_answer(MESSAGES, {**LONELY, "stream": stream}).response
    vertex = strict_answer(STREAM_ON_VERTEX if stream else ON_VERTEX, LONELY).response
    for response, prefix in ((plain, "req_011"), (vertex, "req_vrtx_011")):
        told = json.loads(response.body)
        id = dict(response.headers)["request-id"]
        assert (response.status, told) == (400, {**ERROR, "request_id": id})
        assert id.startswith(prefix) and response.frames is None
    path = STREAM_ON_BEDROCK if stream else ON_BEDROCK
    bedrock = strict_answer(path, {**LONELY, "anthropic_version": "x"}).response
    assert (bedrock.status, json.loads(bedrock.body)) == (400, {"message": SAID})
    assert dict(bedrock.headers)["x-amzn-ErrorType"].startswith("ValidationException:")


def test_a_count_is_refused_as_messages_are() -> None:
    response = strict_answer(COUNT, asking(*CALLED, HI, max_tokens=None)).response
    assert (response.status, json.loads(response.body)["error"]) == (400, ERROR["error"])


def test_a_remembered_answer_depends_on_the_headers_that_rules_look_at() -> None:
    answers = m.Answerer(m.Mocks(), m.Settings(strict=True, fallback="echo"))
    body = asking(context_management={"edits": []})
    statuses = []
    for headers in [BETAS, BETAS, BETAS, {}, {}, BETAS, {"anthropic-version": ""}] * 2:
        statuses.append(answers.answer(asked(MESSAGES, body, headers)).response.status)
    assert statuses == [200, 200, 200, 400, 400, 200, 400] * 2
