"""A small assistant, a program to test: it asks a model, which may ask for the weather."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any, Callable, Dict, Iterator, List

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


class Assistant:
    """Asks a model at `base_url`, which ends in /v1, as OpenAI's does."""

    def __init__(self, base_url: str, weather: Callable[[str], str], key: str = "any") -> None:
        self.base_url, self.weather, self.key = base_url, weather, key
        self.messages: List[Dict[str, Any]] = [{"role": "system", "content": "Be brief."}]

    def ask(self, question: str) -> str:
        """What the model says, once it has asked for all that it wants to know."""
        self.messages.append({"role": "user", "content": question})
        while True:
            message = json.load(self.post())["choices"][0]["message"]
            self.messages.append(message)
            if not message.get("tool_calls"):
                return message["content"]
            for call in message["tool_calls"]:
                city = json.loads(call["function"]["arguments"])["city"]
                told = {"role": "tool", "tool_call_id": call["id"], "content": self.weather(city)}
                self.messages.append(told)

    def stream(self, question: str) -> Iterator[str]:
        """The words of an answer, as they come."""
        self.messages.append({"role": "user", "content": question})
        for line in self.post(stream=True):
            data = line.decode().strip().partition("data: ")[2]
            if data and data != "[DONE]":
                yield json.loads(data)["choices"][0]["delta"].get("content") or ""

    def post(self, tries: int = 3, **more: Any) -> Any:
        """An answer of the model, which is asked again if it has no time."""
        body = {"model": "gpt-4o-mini", "messages": self.messages, "tools": [WEATHER], **more}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        url = self.base_url + "/chat/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        try:
            return urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            if error.code != 429 or tries <= 1:
                raise
            time.sleep(float(error.headers.get("Retry-After", 1)))
        return self.post(tries - 1, **more)
