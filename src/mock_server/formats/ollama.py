"""Ollama (wire formats, section 13).  Pure."""

from __future__ import annotations

import itertools
from typing import Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple, cast

from ..errors import MISSING, BadField, kind_of
from ..framings import GO_LINES, Framing
from ..jsons import HEX, LOWER, go_json, rfc3339, token
from ..limits import Json
from ..node import Field
from ..values import (
    Call,
    Embedding,
    ErrorBody,
    Failure,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
    Turn,
    walk,
)
from .base import WireFormat
from .bedrock_invoke import texts_of
from .openai import CHAT_ROLES, ChatRequest


class Ollama(WireFormat):
    """What all APIs of Ollama share: no credential, errors of one key, lines of JSON."""

    provider = "ollama"
    credentials = ()
    layout = staticmethod(go_json)
    no_body = "missing request body"
    json_type = "application/json; charset=utf-8"
    stream_type = "application/x-ndjson"
    errors = {
        "authentication": Failure(401, "unauthorized"),
        "not_found": Failure(404, "model '{model}' not found"),
        "rate_limit": Failure(429, "too many requests"),
        "server_error": Failure(500, "llama runner process has terminated"),
        "overloaded": Failure(
            503, "server busy, please try again.  maximum pending requests exceeded"
        ),
        "context_length": Failure(400, "the input length exceeds the context length"),
    }
    bad_json = "{}"
    fields: Mapping[str, str] = {
        "model": "a string!",
        "stream": "a boolean",
        "options": "an object",
    }

    def framing(self, call: Call) -> Framing:
        """Lines of JSON."""
        return GO_LINES

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """`{"error"}`."""
        return ErrorBody({"error": failure.message})

    def complaint(self, wrong: BadField) -> Failure:
        """What is required, or what Go's decoder says."""
        if wrong.found is MISSING:
            return Failure(400, f"{wrong.path} is required")
        return Failure(
            400,
            f"json: cannot unmarshal {kind_of(wrong.found).split()[-1]} into field {wrong.path or 'body'}: "
            f"expected {wrong.expected}",
        )

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """One line that holds an error."""
        yield "", {"error": failure.message}

    def schema(self, body: Field) -> Json:
        """`format`, where it is a schema."""
        schema = body.value.get("format")
        return schema if isinstance(schema, dict) else None

    @staticmethod
    def times(call: Call, reply: Reply) -> Dict[str, int]:
        """Durations in nanoseconds and token counts; those of 0 are left out."""
        load, prompt, spoken = (
            10_000_000 + int(call.token(name, 6, HEX), 16) for name in ("load", "prompt", "eval")
        )
        times = {
            "total_duration": load + prompt + spoken,
            "load_duration": load,
            "prompt_eval_count": reply.usage.input,
            "prompt_eval_duration": prompt,
            "eval_count": reply.usage.output,
            "eval_duration": spoken,
        }
        return {name: count for name, count in times.items() if count}

    @staticmethod
    def created(call: Call, number: int) -> str:
        """A time to the nanosecond, trailing zeros cut, that moves on with each line."""
        nanoseconds = int(call.digest[:7], 16) + number * 21_345_678
        whole, part = divmod(nanoseconds, 1_000_000_000)
        return f"{rfc3339(call.second + whole)}.{part:09d}".rstrip("0").rstrip(".") + "Z"


class OllamaChat(Ollama):
    """chat: streamed unless the request says otherwise."""

    api = "chat"
    routes: Tuple[str, ...] = ("POST /api/chat", "POST {prefix*}/api/chat")
    fields = {**Ollama.fields, "messages": "an array!", "tools": "an array"}

    def tools(self, body: Field) -> Iterable[str]:
        """Names of functions."""
        return ChatRequest.tools(cast(ChatRequest, self), body)

    def turns(self, body: Field) -> Iterator[Turn]:
        """The messages; images lie apart from their text."""
        for message in body.get("messages").objects():
            message.check({"role": "a string!", "content": "a string", "images": "an array"})
            role = message.get("role")
            if role.value not in CHAT_ROLES:
                role.expected("one from system, user, assistant, tool")
            yield Turn(CHAT_ROLES[role.value], message.value.get("content") or "")

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """Yes, unless `stream` is false."""
        return body.value.get("stream") is not False

    def said(self, call: Call, parts: Sequence[Tuple[int, Part, str]]) -> Dict[str, Json]:
        """What an object of the answer says: the texts of these parts, and their tool calls."""
        message: Dict[str, Json] = {
            "role": "assistant",
            "content": "".join(
                text for _, part, text in parts if isinstance(part, (Text, Refusal))
            ),
        }
        thought = "".join(text for _, part, text in parts if isinstance(part, Reasoning))
        calls = [
            {
                "id": part.id or "call_" + call.token(f"tool {index}", 8, LOWER + "0123456789"),
                "function": {"index": index, "name": part.name, "arguments": dict(part.arguments)},
            }
            for index, part, _ in parts
            if isinstance(part, ToolCall)
        ]
        return {
            "message": {
                **message,
                **({"thinking": thought} if thought else {}),
                **({"tool_calls": calls} if calls else {}),
            }
        }

    def finished(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """What only the end tells."""
        return {
            "done": True,
            "done_reason": "length" if reply.stop == "length" else "stop",
            **self.times(call, reply),
        }

    def whole(self, call: Call, reply: Reply) -> Json:
        """The one object."""
        tools = itertools.count()
        parts = [
            (next(tools) if isinstance(part, ToolCall) else 0, part, getattr(part, "text", ""))
            for part in reply.parts
        ]
        return {
            "model": reply.model,
            "created_at": self.created(call, 0),
            **self.said(call, parts),
            **self.finished(call, reply),
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """A line a piece, a tool call in one; the last has the counts."""
        number, tools = 0, itertools.count()
        for delta in walk(reply):
            if not delta.head and isinstance(delta.part, ToolCall) or not delta.piece:
                continue
            said = self.said(
                call,
                [(next(tools) if isinstance(delta.part, ToolCall) else 0, delta.part, delta.piece)],
            )
            yield (
                "",
                {
                    "model": reply.model,
                    "created_at": self.created(call, number),
                    **said,
                    "done": False,
                },
            )
            number += 1
        yield (
            "",
            {
                "model": reply.model,
                "created_at": self.created(call, number),
                **self.said(call, ()),
                **self.finished(call, reply),
            },
        )


class OllamaGenerate(OllamaChat):
    """generate: a prompt instead of messages."""

    api = "generate"
    routes = ("POST /api/generate", "POST {prefix*}/api/generate")
    fields = {
        **Ollama.fields,
        "prompt": "a string",
        "system": "a string",
        "suffix": "a string",
        "images": "an array",
    }
    speaks = frozenset((Text, Reasoning, Refusal))

    def tools(self, body: Field) -> Iterable[str]:
        """None."""
        return ()

    def turns(self, body: Field) -> Iterator[Turn]:
        """System text and prompt."""
        if not body.get("system").is_absent:
            yield Turn("system", body.value["system"])
        yield Turn("user", body.value.get("prompt") or "")

    def said(self, call: Call, parts: Sequence[Tuple[int, Part, str]]) -> Dict[str, Json]:
        """The texts, at the top level."""
        message = super().said(call, parts)["message"]
        return {
            "response": message["content"],
            **({"thinking": message["thinking"]} if "thinking" in message else {}),
        }

    def finished(self, call: Call, reply: Reply) -> Dict[str, Json]:
        """With the tokens of the context."""
        value = super().finished(call, reply)
        context = [int(call.token(f"context {number}", 3, HEX), 16) for number in range(3)]
        return {
            "done": value.pop("done"),
            "done_reason": value.pop("done_reason"),
            "context": context,
            **value,
        }


class OllamaEmbed(Ollama):
    """embed: a vector an input."""

    operation, api = "embed", "embed"
    routes: Tuple[str, ...] = ("POST /api/embed", "POST {prefix*}/api/embed")
    fields: Mapping[str, str] = {**Ollama.fields, "input": "a string or an array!"}
    speaks = frozenset((Embedding,))

    def inputs(self, body: Field) -> List[str]:
        """One text, or several."""
        given = body.get("input")
        return [given.value] if isinstance(given.value, str) else texts_of(given)

    def vectors(self, call: Call, reply: Reply) -> List[List[float]]:
        """One an input."""
        embedding = next(part for part in reply.parts if isinstance(part, Embedding))
        return [list(embedding.of(index)) for index in range(len(call.inputs))]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings with their times."""
        times = self.times(call, reply)
        return {
            "model": reply.model,
            "embeddings": self.vectors(call, reply),
            **{
                key: times[key]
                for key in ("total_duration", "load_duration", "prompt_eval_count")
                if key in times
            },
        }


class OllamaEmbeddings(OllamaEmbed):
    """The older embeddings: one prompt, one vector."""

    api = "embeddings"
    routes = ("POST /api/embeddings",)
    fields = {**Ollama.fields, "prompt": "a string!"}

    def inputs(self, body: Field) -> List[str]:
        """The prompt."""
        return [body.value["prompt"]]

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embedding."""
        return {"embedding": self.vectors(call, reply)[0]}


class OllamaTags(Ollama):
    """tags: the models that are there."""

    operation, api = "models", "tags"
    routes: Tuple[str, ...] = ("GET /api/tags",)
    speaks = frozenset()
    known = ("llama3.2:latest", "qwen3:latest", "nomic-embed-text:latest")

    def whole(self, call: Call, reply: Reply) -> Json:
        """The list."""
        details = {
            "parent_model": "",
            "format": "gguf",
            "family": "llama",
            "families": ["llama"],
            "parameter_size": "3.2B",
            "quantization_level": "Q4_K_M",
        }
        return {
            "models": [
                {
                    "name": name,
                    "model": name,
                    "modified_at": "2026-08-26T20:15:12.123456789Z",
                    "size": 2019393189,
                    "digest": token(name, 64, HEX),
                    "details": details,
                }
                for name in self.known
            ]
        }


class OllamaVersion(OllamaTags):
    """version."""

    api = "version"
    routes = ("GET /api/version",)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The version whose answers these are like."""
        return {"version": "0.12.0"}
