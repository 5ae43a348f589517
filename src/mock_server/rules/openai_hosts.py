"""What the hosts of OpenAI's dialects refuse of a conversation in chat completions, each in its own
words where they are known.

Their fields and models are others than OpenAI's: none of its other rules holds there.  Pure."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ..records import replace
from .base import Book
from .fields import TOO_SHORT, WRONG_TAG, AnArray, AnObject, AUnion
from .openai_chat import CHAT_VOICE, OPENAI_CHAT, ChatVoice
from .openai_chat_fields import MESSAGES
from .openai_chat_view import ChatView

NO_MESSAGES, NO_SUCH_ROLE = "openai/messages-empty", "openai/role-unknown"
UNANSWERED, UNASKED = "openai/tool-calls-answered", "openai/tool-after-tool-calls"

ANY_MESSAGE = AUnion(
    "role",
    {role: AnObject({}, closed=False) for role in MESSAGES.members},
    rule={WRONG_TAG: NO_SUCH_ROLE},
)
HOST_BODY = AnObject(
    {"messages": AnArray(ANY_MESSAGE, 1, rule={TOO_SHORT: NO_MESSAGES})}, closed=False
)

Words = Mapping[str, Any]  # members of a row that are a host's own


def told_otherwise(sentence: str, source: str, code: Any = None) -> Words:
    """A row with another sentence, and nothing said of a parameter."""
    return {"sentence": sentence, "source": source, "code": code, "param": None}


# By dialect, what of these is said otherwise; what is not named is not refused there, as far as is
# known.  An empty one is in OpenAI's words.
AS_OPENAI: Words = {}
GOOGLE: Mapping[str, Words] = {
    NO_MESSAGES: told_otherwise(
        "* GenerateContentRequest.contents: contents is not specified\n",
        "vercel/ai#3775, langchain-ai/langchain-google#1393",
    ),
    NO_SUCH_ROLE: AS_OPENAI,
    UNANSWERED: told_otherwise(
        "Please ensure that the number of function response parts is equal to the number of "
        "function call parts of the function call turn.",
        "microsoft/vscode#299295",
    ),
    UNASKED: told_otherwise(
        "Please ensure that function response turn comes immediately after a function call turn.",
        "langchain-ai/langchain#27799",
    ),
}
TOOLS_ALONE: Mapping[str, Words] = {
    NO_SUCH_ROLE: AS_OPENAI,
    UNANSWERED: AS_OPENAI,
    UNASKED: AS_OPENAI,
}
HOST_RULES: Mapping[str, Mapping[str, Words]] = {
    "deepseek": {
        NO_MESSAGES: AS_OPENAI,
        NO_SUCH_ROLE: AS_OPENAI,
        UNANSWERED: told_otherwise(
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. (insufficient tool messages following tool_calls message)",
            "TurixAI/TuriX-CUA#15, gptme/gptme#3421",
            "invalid_request_error",
        ),
        UNASKED: told_otherwise(
            "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'",
            "FoundationAgents/OpenManus#23, qwersyk/Newelle#425",
            "invalid_request_error",
        ),
    },
    "groq": {
        **TOOLS_ALONE,
        NO_MESSAGES: told_otherwise(
            "'messages' : minimum number of items is 1", "several public sources"
        ),
    },
    # Its errors name no parameter.
    "openrouter": {
        **dict.fromkeys(TOOLS_ALONE, {"param": None}),
        NO_MESSAGES: told_otherwise(
            'Input required: specify "prompt" or "messages"', "several public sources"
        ),
    },
    "ollama": {
        **TOOLS_ALONE,
        NO_MESSAGES: told_otherwise("[] is too short - 'messages'", "its server's source"),
    },
    "gemini": GOOGLE,
    # Of roles and of an empty conversation the template of the model decides there.
    "vllm": {UNANSWERED: AS_OPENAI, UNASKED: AS_OPENAI},
    "bedrock": TOOLS_ALONE,
}


def host_book(words: Mapping[str, Words]) -> Book:
    """The book of a host."""
    rows = [replace(OPENAI_CHAT.by_id[id], **told) for id, told in words.items()]
    own = [id for id, told in words.items() if told]
    voice = ChatVoice("openai", own=[*CHAT_VOICE.own, *own])
    return Book("openai", "chat", rows, HOST_BODY, voice, ChatView)


HOST_CHATS: Dict[str, Book] = {host: host_book(words) for host, words in HOST_RULES.items()}
ANY_HOST_CHAT = host_book(TOOLS_ALONE)  # of which nothing more is known
