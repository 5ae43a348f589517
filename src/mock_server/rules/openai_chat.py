"""What OpenAI's chat completions refuse, row by row (request rules, 2.1, 2.2 and 3).  Pure."""

from __future__ import annotations

from typing import Iterator

from .base import Book, Case, Finding, Rule, Sweep
from .fields import UNKNOWN_FIELD, FieldFault
from .openai_chat_fields import CHAT_BODY
from .openai_chat_options import (
    REASONING,
    both_limits,
    choice_alone,
    effort_of_none,
    effort_with_tools,
    format_schemas,
    function_schemas,
    likely_alone,
    old_function_schemas,
    old_limit,
    options_of_no_stream,
    parallel_alone,
    set_sampling,
    set_temperature,
)
from .openai_chat_view import (
    ChatView,
    calls_without_result,
    json_unsaid,
    null_contents,
    results_without_call,
    sounds_of_tools,
    systems,
)
from .openai_schemas import OPENAI_SCHEMA_RULES
from .openai_voice import OpenAIVoice


class ChatVoice(OpenAIVoice):
    """OpenAI's words; keys inside messages are not reliably refused (4.2), so these are noted."""

    def rule_of(self, fault: FieldFault) -> str:
        """The id of the rule that a fault breaks."""
        if fault.kind == UNKNOWN_FIELD and fault.path[0] == "messages":
            return "openai/message-field"
        return super().rule_of(fault)


CHAT_VOICE = ChatVoice("openai", own=["openai/model-missing"])


def not_json(case: Case) -> Iterator[Finding]:
    """A body that is said to be something else."""
    told = case.headers.get("content-type")
    if told is not None and told.partition(";")[0].strip().lower() != "application/json":
        yield Finding("", {"t": told})


# Section 3.
CONTENT_TYPE_RULE = Rule(
    "openai/content-type",
    "Unsupported content type: '{t}'. This API method only accepts 'application/json' requests, "
    "but you specified the header 'Content-Type: {t}'. Please try again with a supported content "
    "type.",
    "documentation",
    not_json,
    default="jrn",
    code="unsupported_content_type",
    early=True,
)

# Told by the fields: 1.1 in the words of 1.8.
OPENAI_FIELD_RULES = (
    Rule(
        "openai/unknown-field",
        "Unknown parameter: '{path}'.",
        "teabranch/open-responses-server#41, songquanpeng/one-api#1319",
    ),
    Rule(
        "openai/message-field",
        "Unknown parameter: '{path}'.",
        "songquanpeng/one-api#1319",
        default="jrn",
    ),
    Rule("openai/model-missing", "you must provide a model parameter", "documentation"),
    Rule("openai/missing", "Missing required parameter: '{path}'.", "pattern"),
    Rule(
        "openai/types",
        "Invalid type for '{path}': expected {wanted}, but got {got} instead.",
        "pattern",
    ),
    Rule(
        "openai/role-unknown",
        "Invalid value: '{value}'. Supported values are: 'system', 'assistant', 'user', "
        "'function', 'tool', and 'developer'.",
        "pattern",
    ),
    Rule(
        "openai/part-type",
        "Invalid value: '{value}'. Supported values are: 'text', 'image_url', 'input_audio', "
        "'refusal', 'audio', and 'file'.",
        "pattern",
    ),
    Rule(
        "openai/messages-empty",
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
        "empty array instead.",
        "recorded",
    ),
    Rule(
        "openai/tool-call-id-length",
        "Invalid '{path}': string too long. Expected a string with maximum length 40, but got a "
        "string with length {size} instead.",
        "Portkey-AI/gateway#1062, vercel/ai#8132, BerriAI/litellm#17343",
    ),
    Rule(
        "openai/tool-args-string",
        "Invalid type for '{path}': expected a string, but got {got} instead.",
        "pattern",
    ),
    Rule(
        "openai/tool-name-pattern",
        "Invalid '{path}': string does not match pattern. Expected a string that matches the "
        "pattern '^[a-zA-Z0-9_-]+$'.",
        "mcp-use/mcp-use#90",
    ),
    Rule(
        "openai/tools-empty",
        "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty "
        "array instead.",
        "pattern",
    ),
    Rule(
        "openai/temperature-range",
        "Invalid 'temperature': decimal {side} value. Expected a value {sign} {bound}, but got "
        "{value} instead.",
        "recorded, OpenAI's OpenAPI 2.3.0",
    ),
    Rule(
        "openai/limits",
        "Invalid '{path}': array too long. Expected an array with maximum length {most}, but got "
        "an array with length {size} instead.",
        "OpenAI's OpenAPI 2.3.0, pattern",
    ),
)

MESSAGE_RULES = (
    Rule(
        "openai/tool-calls-answered",
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: {ids}",
        "BerriAI/litellm#10083, BerriAI/litellm#28995, aliasrobotics/cai#111",
        calls_without_result,
        needs=("messages",),
        param="{param}",
    ),
    Rule(
        "openai/tool-after-tool-calls",
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
        "with 'tool_calls'.",
        "smarter-sh/smarter#264, miurla/morphic#136, run-llama/llama_index#10493",
        results_without_call,
        needs=("messages",),
        param="messages.[{i}].role",
    ),
    Rule(
        "openai/content-null",
        "Invalid value for 'content': expected a string, got null.",
        "langchain-ai/langchainjs#4153, docker/docker-agent#63, vercel/ai#13744",
        null_contents,
        needs=("messages",),
        param="messages.[{i}].content",
    ),
    Rule(
        "openai/tool-content-type",
        "Invalid 'messages[{i}]'. Content blocks are expected to be either text or image_url type.",
        "recorded",
        sounds_of_tools,
        needs=("messages",),
        code="invalid_value",
        param="{place}",
    ),
    Rule(
        "openai/json-word",
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
        "'json_object'.",
        "mem0ai/mem0#3559, meta-llama/PurpleLlama#94",
        json_unsaid,
        needs=("messages", "response_format"),
        param="messages",
    ),
)

SCHEMA_ROWS = (
    Sweep(function_schemas, ("tools",)),
    Sweep(old_function_schemas, ("functions",)),
    Sweep(format_schemas, ("response_format",)),
    *OPENAI_SCHEMA_RULES,
)

OPTION_RULES = (
    Rule(
        "openai/tool-choice-without-tools",
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
        "specified.",
        "writer/writer-framework#1013",
        choice_alone,
        needs=("tool_choice",),
        param="tool_choice",
    ),
    Rule(
        "openai/parallel-without-tools",
        "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when "
        "'tools' are specified.",
        "openai/swarm#30, Upsonic/Upsonic#323",
        parallel_alone,
        needs=("parallel_tool_calls",),
        param="parallel_tool_calls",
    ),
    Rule(
        "openai/stream-options",
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        "several public sources, of Azure and OpenAI",
        options_of_no_stream,
        needs=("stream_options",),
        param="stream_options",
    ),
    Rule(
        "openai/top-logprobs",
        "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
        "by analogy with stream_options",
        likely_alone,
        needs=("top_logprobs",),
        param="top_logprobs",
    ),
    Rule(
        "openai/max-tokens-both",
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        "documentation",
        both_limits,
        needs=("max_tokens", "max_completion_tokens"),
        code="invalid_parameter_combination",
        param="max_tokens",
    ),
)

# Of some models alone: 4.1.
MODEL_RULES = (
    Rule(
        "openai/max-tokens-reasoning",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "recorded",
        old_limit,
        default="mod",
        needs=("max_tokens",),
        models=REASONING,
        code="unsupported_parameter",
        param="max_tokens",
    ),
    Rule(
        "openai/temperature-reasoning",
        "Unsupported value: 'temperature' does not support {v} with this model. Only the default "
        "(1) value is supported.",
        "vercel/ai#6034, tmc/langchaingo#1355, cline/cline#341",
        set_temperature,
        default="mod",
        needs=("temperature",),
        models=REASONING,
        code="unsupported_value",
        param="temperature",
    ),
    Rule(
        "openai/sampling-reasoning",
        "Unsupported parameter: '{x}' is not supported with this model.",
        "documentation",
        set_sampling,
        default="mod",
        models=REASONING,
        code="unsupported_parameter",
        param="{x}",
    ),
    Rule(
        "openai/effort-unknown",
        "Unrecognized request argument supplied: reasoning_effort",
        "several public sources",
        effort_of_none,
        default="mod",
        needs=("reasoning_effort",),
        models=r"^(?:gpt-4|gpt-3\.5|chatgpt)",
    ),
    Rule(
        "openai/effort-with-tools",
        "Function tools with reasoning_effort are not supported for {m} in /v1/chat/completions. "
        "Please use /v1/responses instead.",
        "pipecat-ai/pipecat#4043, BerriAI/litellm#34569, danny-avila/LibreChat#14355",
        effort_with_tools,
        default="mod",
        needs=("tools",),
        models=r"^gpt-5\.[4-9](?!.*-chat)",
        param="reasoning_effort",
    ),
    Rule(
        "openai/system-o1-mini",
        "Unsupported value: 'messages[{i}].role' does not support '{role}' with this model.",
        "recorded twice",
        systems,
        default="mod",
        needs=("messages",),
        models=r"^o1-(?:mini|preview)",
        code="unsupported_value",
        param="{place}",
    ),
)

OPENAI_CHAT_ROWS = (
    CONTENT_TYPE_RULE,
    *OPENAI_FIELD_RULES,
    *SCHEMA_ROWS,
    *MESSAGE_RULES,
    *OPTION_RULES,
    *MODEL_RULES,
)
OPENAI_CHAT = Book("openai", "chat", OPENAI_CHAT_ROWS, CHAT_BODY, CHAT_VOICE, ChatView)
