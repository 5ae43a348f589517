"""Where the streams of all wire formats say what stands in their whole answers: data.  Pure."""

from __future__ import annotations

from .extras import ADVICE, Places

BY_PARTS = 'say it with "parts"'
BY_BLOCK = 'say it with a "block" in "parts"'
BY_TEXT = 'say it with "text"'
BY_THOUGHT = 'say it with "reasoning"'
BY_CALLS = 'say it with "tool_calls"'
NUMBERED = "it is numbered as it was asked for"

# --- OpenAI's chat completions, and those who borrow them ---

CHOICE = "choices.0.index={choice}"
CHAT_SAID = {
    # The first chunk at Azure, which has no id, is there for one thing alone (section 6).
    "": "id -> ",
    "prompt_filter_results": "prompt_filter_results -> prompt_filter_results",
    "usage": "usage -> usage",  # where a request asks for it
    "choices.{choice}": f"{CHOICE} choices.0.finish_reason -> choices.0",
    "choices.{choice}.message": f"{CHOICE} choices.0.delta.role -> choices.0.delta",
}
CHAT_INSTEAD = {
    "choices.{choice}.index": NUMBERED,
    "choices.{choice}.logprobs": 'ask for it with "logprobs"',
    "choices.{choice}.message.content": BY_TEXT,
    "choices.{choice}.message.reasoning_content": BY_THOUGHT,
    "choices.{choice}.message.refusal": 'say it with "refusal"',
    "choices.{choice}.message.function_call": BY_CALLS,
}
CHAT_CALL = "choices.{choice}.message.tool_calls.{call}"
CALL_SAID = (
    f"{CHOICE} choices.0.delta.tool_calls.0.index={{call}} choices.0.delta.tool_calls.0.id"
    " -> choices.0.delta.tool_calls.0"
)
CALL_INSTEAD = {
    CHAT_CALL + ".index": NUMBERED,
    CHAT_CALL + ".function.arguments": BY_CALLS,
    CHAT_CALL + ".custom.input": BY_CALLS,
}
CHAT_PLACES = Places({**CHAT_SAID, CHAT_CALL: CALL_SAID}, {**CHAT_INSTEAD, **CALL_INSTEAD})
# Tool calls come whole, in the last chunk of a choice (section 12).
MISTRAL_PLACES = Places(
    {
        **CHAT_SAID,
        "choices.{choice}.message.tool_calls": (
            f"{CHOICE} choices.0.finish_reason -> choices.0.delta.tool_calls"
        ),
    },
    CHAT_INSTEAD,
)
# The hosts of dialects: thoughts are apart, and the role may be in every delta, so that what else a
# message has is in the last one.  Tool calls are several in one delta, or have no index.
HOST_SAID = {
    **CHAT_SAID,
    "choices.{choice}.message": f"{CHOICE} choices.0.finish_reason -> choices.0.delta",
}
HOST_INSTEAD = {
    **CHAT_INSTEAD,
    "choices.{choice}.message.reasoning": BY_THOUGHT,
    "choices.{choice}.message.reasoning_details": BY_THOUGHT,
}
HOST_PLACES = Places({**HOST_SAID, CHAT_CALL: CALL_SAID}, {**HOST_INSTEAD, **CALL_INSTEAD})
# Its last chunk has a delta, too.
OPENROUTER_PLACES = Places(
    {
        **HOST_PLACES.said,
        "choices.{choice}.message": (
            f"{CHOICE} choices.0.finish_reason -> choices.0.delta; "
            f"{CHOICE} usage -> choices.0.delta"
        ),
    },
    HOST_PLACES.instead,
)
TOGETHER_PLACES = Places(
    {
        **HOST_SAID,
        CHAT_CALL: f"{CHOICE} choices.0.delta.tool_calls -> choices.0.delta.tool_calls.{{call}}",
    },
    HOST_INSTEAD,
)
COMPLETION_PLACES = Places(
    {name: CHAT_SAID[name] for name in ("", "usage", "choices.{choice}")},
    {"choices.{choice}.index": NUMBERED, "choices.{choice}.text": BY_TEXT},
)

# --- OpenAI's Responses (wire formats, 5.5) ---

ITEM_ADDED = "type=response.output_item.added output_index={part} -> item"
ITEM_DONE = "type=response.output_item.done output_index={part} -> item"
PART_DONE = "type=response.{}.done output_index={{part}} {}={{at}} -> part"
ENDED = "last -> response"
OUTPUT = ENDED + ".output.{part}"
# What the response says of itself only in the end.
ENDED_MEMBERS = (
    *("status", "error", "incomplete_details", "completed_at", "usage", "output"),
    *("service_tier", "content_filters"),
)
RESPONSES_PLACES = Places(
    {
        "": "response -> response",
        **{name: f"{ENDED}.{name}" for name in ENDED_MEMBERS},
        "output.{part}": f"{ITEM_ADDED}; {ITEM_DONE}; {OUTPUT}",
        "output.{part}.status": f"{ITEM_DONE}.status; {OUTPUT}.status",
        "output.{part}.content": f"{ITEM_DONE}.content; {OUTPUT}.content",
        "output.{part}.content.{at}": (
            f"{ITEM_DONE}.content.{{at}}; {OUTPUT}.content.{{at}}; "
            + PART_DONE.format("content_part", "content_index")
        ),
        "output.{part}.summary": f"{ITEM_DONE}.summary; {OUTPUT}.summary",
        "output.{part}.summary.{at}": (
            f"{ITEM_DONE}.summary.{{at}}; {OUTPUT}.summary.{{at}}; "
            + PART_DONE.format("reasoning_summary_part", "summary_index")
        ),
    },
    {
        "output.{part}.id": BY_BLOCK,
        "output.{part}.type": BY_BLOCK,
        "output.{part}.arguments": BY_CALLS,
        "output.{part}.input": BY_CALLS,
        "output.{part}.content.{at}.type": BY_PARTS,
        "output.{part}.content.{at}.text": BY_TEXT,
        "output.{part}.content.{at}.refusal": 'say it with "refusal"',
        "output.{part}.summary.{at}.type": BY_PARTS,
        "output.{part}.summary.{at}.text": BY_THOUGHT,
    },
)

# --- OpenAI's images ---

IMAGE_PLACES = Places(
    {"": "->", "created": "-> created_at", "usage": "usage -> usage"},
    {"data": 'give "body" and "events" instead'},
)

# --- OpenAI's transcriptions, of which the last event is the whole in JSON ---

TRANSCRIPTION_PLACES = Places(
    {"": "last ->"},
    {"text": BY_TEXT, "segments": ADVICE, "logprobs": 'ask for it with "include"'},
)

# --- Gemini (wire formats, sections 7 and 8.1) ---

CANDIDATE = "candidates.0.index~{candidate}"
# Counts that grow from event to event: the last says the whole.
GROWING = (
    *("candidatesTokenCount", "totalTokenCount", "thoughtsTokenCount"),
    *("candidatesTokensDetails", "toolUsePromptTokenCount"),
)
GROWN = (
    "candidates.0.finishReason -> usageMetadata.{0}; "
    "promptFeedback.blockReason -> usageMetadata.{0}"
)
GEMINI_PLACES = Places(
    {
        "": "->",
        "promptFeedback": "first -> promptFeedback",
        # At Vertex AI only the last event has counts (8.1).
        "usageMetadata": "usageMetadata.promptTokenCount -> usageMetadata",
        "usageMetadata.trafficType": "usageMetadata -> usageMetadata.trafficType",
        **{f"usageMetadata.{name}": GROWN.format(name) for name in GROWING},
        "candidates.{candidate}": f"{CANDIDATE} candidates.0.finishReason -> candidates.0",
        "candidates.{candidate}.content": f"{CANDIDATE} -> candidates.0.content",
    },
    {
        "candidates.{candidate}.index": NUMBERED,
        "candidates.{candidate}.content.parts": BY_BLOCK,
    },
)

# --- Anthropic (wire formats, section 9) ---

MESSAGE_START = "type=message_start -> message"
MESSAGE_DELTA = "type=message_delta -> "
ANTHROPIC_SAID = {
    "": MESSAGE_START,
    **{
        name: f"{MESSAGE_DELTA}delta.{name}"
        for name in ("stop_reason", "stop_sequence", "stop_details", "container")
    },
    "context_management": MESSAGE_DELTA + "context_management",
    "usage": MESSAGE_DELTA + "usage",
    # What the whole costs is known in the end; of the prompt it is said at the start, too.
    **{
        f"usage.{name}": f"{MESSAGE_START}.usage.{name}; {MESSAGE_DELTA}usage.{name}"
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    },
    **{
        f"usage.{name}": f"{MESSAGE_START}.usage.{name}"
        for name in ("cache_creation", "service_tier", "inference_geo")
    },
    "content.{part}": "type=content_block_start index={part} -> content_block",
}
ANTHROPIC_INSTEAD = {
    "content.{part}.text": BY_TEXT,
    "content.{part}.thinking": BY_THOUGHT,
    "content.{part}.signature": BY_BLOCK,
    "content.{part}.input": BY_CALLS,
    "content.{part}.citations": BY_BLOCK,
    "content.{part}.content": BY_BLOCK,
}
ANTHROPIC_PLACES = Places(ANTHROPIC_SAID, ANTHROPIC_INSTEAD)

# --- AWS Bedrock (wire formats, sections 10 and 10.1) ---

# What Bedrock itself adds to what a model says stands beside the model's last event, as the
# metrics do (10.1); of a guardrail's this is unverified.
BEDROCK_MEMBERS = (
    *("amazon-bedrock-guardrailAction", "amazon-bedrock-trace"),
    "amazon-bedrock-invocationMetrics",
)
BEDROCK_CLAUDE_PLACES = Places(
    {**ANTHROPIC_SAID, **{name: f"type=message_stop -> {name}" for name in BEDROCK_MEMBERS}},
    ANTHROPIC_INSTEAD,
)
CONVERSE_SAID = {
    "": "metadata -> metadata",
    "stopReason": "messageStop -> messageStop.stopReason",
    "additionalModelResponseFields": "messageStop -> messageStop.additionalModelResponseFields",
    "output.message": "messageStart -> messageStart",
    "output.message.content.{tool}.toolUse": (
        "contentBlockStart.contentBlockIndex={tool} -> contentBlockStart.start.toolUse"
    ),
}
CONVERSE_INSTEAD = {
    "output": BY_BLOCK,
    "output.message.content.{tool}": BY_BLOCK,
    "output.message.content.{tool}.toolUse.input": BY_CALLS,
}
CONVERSE_PLACES = Places(CONVERSE_SAID, CONVERSE_INSTEAD)
NOVA_PLACES = Places(
    {**CONVERSE_SAID, **{name: f"metadata -> {name}" for name in BEDROCK_MEMBERS}},
    CONVERSE_INSTEAD,
)

# --- Cohere (wire formats, section 11) ---

COHERE_PLACES = Places(
    {
        "": "type=message-end -> delta",
        "id": "type=message-start -> id",
        "message": "type=message-start -> delta.message",
        "message.content.{block}": "type=content-start index={block} -> delta.message.content",
        "message.tool_calls.{call}": (
            "type=tool-call-start index={call} -> delta.message.tool_calls"
        ),
    },
    {
        "message.content.{block}.text": BY_TEXT,
        "message.content.{block}.thinking": BY_THOUGHT,
        "message.tool_plan": 'say it with "text" beside "tool_calls"',
        "message.tool_calls.{call}.function.arguments": BY_CALLS,
        "message.citations": BY_BLOCK,
    },
)

# --- Ollama (wire formats, section 13) ---

OLLAMA_PLACES = Places(
    {
        "": "done ->",
        "model": "model -> model",
        "created_at": "created_at -> created_at",
        "message": "done -> message",
        "message.role": "message -> message.role",
        "message.tool_calls.{call}": (
            "message.tool_calls.0.function.index={call} -> message.tool_calls.0"
        ),
    },
    {
        "response": BY_TEXT,
        "thinking": BY_THOUGHT,
        "message.content": BY_TEXT,
        "message.thinking": BY_THOUGHT,
    },
)
