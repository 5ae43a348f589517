"""What the pictures of the inspector show: mocks, and the requests that tell what it is for."""

from __future__ import annotations

from typing import Any

MOCKS = [
    {
        "name": "recursion in a sentence",
        "match": {"user": "Explain recursion in one sentence."},
        "response": {"text": "Recursion is a function that asks itself for a smaller answer."},
    },
    {
        "name": "a poem, streamed",
        "match": {"provider": "anthropic", "user": {"contains": "poem"}, "stream": True},
        "response": {
            "text": "A function called its own name in the dark, and its own voice answered: not "
            "yet, my dear, go one step deeper, and then come back here with the spark.",
            "pace": {"first": 0.12, "between": 0.02, "jitter": 0.03},
        },
    },
    {
        "name": "weather tool",
        "match": {"user": {"regex": "(?i)weather in (?P<city>\\w+)"}, "tools": ["get_weather"]},
        "response": {"tool_calls": [{"name": "get_weather", "arguments": {"city": "{{city}}"}}]},
    },
    {
        "name": "held until released",
        "match": {"user": "Count to twenty."},
        "response": {"text": "one two three four five six seven eight nine ten", "gate": True},
    },
    {"match": {"user": "Are you there?"}, "response": {"fault": "reset", "text": "a b c d"}},
    {
        "name": "overloaded",
        "match": {"user": "Summarise the meeting."},
        "response": {"error": {"kind": "overloaded"}},
    },
    {
        "name": "refund policy",
        "match": {
            "provider": "openai",
            "model": "gpt-4o-mini",
            "user": "What is the refund policy for orders that were placed within the last 30 "
            "days, and does it hold for orders that were shipped abroad, too?",
        },
        "response": {"text": "Orders of the last 30 days are refunded in full."},
    },
    {
        "name": "an embedding",
        "match": {"operation": "embed"},
        "response": {"embedding": [0.5, -0.5, 0.5, -0.5]},
    },
    {
        "name": "never asked for",
        "match": {"user": "Nobody asks this."},
        "response": {"text": "Nobody hears this."},
    },
]

# Inter and JetBrains Mono are fonts of Debian; without them the pictures have whatever there is.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <test name="family" compare="contains"><string>sans</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit>
  </match>
</fontconfig>
"""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def play(server: Any) -> None:
    """What a gateway's tests may ask in a minute."""
    claude = {"model": "claude-sonnet-4-5", "max_tokens": 400}
    version = {"x_api_key": "sk-ant-any", "anthropic_version": "2023-06-01"}

    def say(text: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": text}]

    def gemini(text: str) -> dict[str, Any]:
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}

    server.chat("Explain recursion in one sentence.")
    server.send(
        "/v1beta/models/gemini-2.5-flash:generateContent",
        gemini("Explain recursion in one sentence."),
    )
    server.send(
        "/v1/embeddings",
        {"model": "text-embedding-3-small", "input": "A ticket about a late parcel"},
    )
    server.chat("What's the weather in Lisbon today?", tools=[WEATHER], prefix="/@checkout")
    server.send(
        "/model/anthropic.claude-3-haiku-20240307-v1:0/converse",
        {
            "messages": [
                {"role": "user", "content": [{"text": "Explain recursion in one sentence."}]}
            ]
        },
    )
    server.send("/v1/messages", {**claude, "messages": say("Summarise the meeting.")}, **version)
    server.send(
        "/v1/messages",
        {
            **claude,
            "messages": [
                *say("What's the weather in Lisbon today?"),
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "tool_use",
                            "id": "toolu_01",
                            "name": "get_weather",
                            "input": {"city": "Lisbon"},
                        }
                    ],
                },
                *say("Explain recursion in one sentence."),
            ],
            "tools": [{"name": "get_weather", "input_schema": {"type": "object"}}],
        },
        **version,
    )
    server.send("/v2/chat", {"model": "command-a-03-2025", "messages": say("Are you still there?")})
    server.send(
        "/v1/messages",
        {**claude, "stream": True, "messages": say("Write a poem about recursion.")},
        **version,
    )
    server.chat(
        "What is the refund policy for orders that were placed within the last 30 days, and does "
        "it hold for orders that were paid for by invoice, too?",
        prefix="/@checkout",
    )
    server.begin("Count to twenty.")
