"""Ollama (wire formats, section 13).  Pure."""

from __future__ import annotations

import itertools
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

from ..errors import MISSING, BadField, kind_of
from ..framings import GO_LINES, Framing
from ..ids import HEX, LOWER_ALNUM, this_second
from ..jsons import by_rows, go_json, within
from ..limits import Json
from ..node import Field
from ..values import (
    Call,
    Embedding,
    ErrorBody,
    Failure,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
    Turn,
    Usage,
)
from .base import WireFormat, call_id_of
from .likely import bounded_pieces, likely_token, text_pieces, wants_likely
from .openai_chat_reading import CHAT_ROLES, ChatRequest
from .places import OLLAMA_PLACES
from .runs import ONCE, Stencil, Texts, hole, walk
from .shapes import has_words, said_stop, texts_of

# Read from the server's source; the 404 was recorded (section 13).
OLLAMA_ERRORS = {
    "authentication": Failure(401, "unauthorized"),
    "not_found": Failure(404, "model '{model}' not found"),
    "rate_limit": Failure(429, "too many requests"),
    "server_error": Failure(500, "llama runner process has terminated"),
    "overloaded": Failure(503, "server busy, please try again.  maximum pending requests exceeded"),
    "context_length": Failure(400, "the input length exceeds the context length"),
}

# That of tool calls has no word of its own here.
OLLAMA_STOPS = {"stop": "stop", "length": "length", "tool_calls": "stop", "content_filter": "stop"}
# Of a request without a prompt, which only moves the model: there is nothing to count.
IDLE_STOPS = ("load", "unload")

# What embed tells of all counts and durations.
EMBED_COUNTS = ("total_duration", "load_duration", "prompt_eval_count")


def ollama_duration(call: Call, label: str) -> int:
    """Nanoseconds, from 10 to 26 ms."""
    return 10_000_000 + int(call.token(label, 6, HEX), 16)


def ollama_counts(call: Call, usage: Usage) -> Dict[str, int]:
    """Durations in nanoseconds and token counts."""
    load = ollama_duration(call, "load")
    prompt = ollama_duration(call, "prompt")
    answer = ollama_duration(call, "eval")
    counts = {
        "total_duration": load + prompt + answer,
        "load_duration": load,
        "prompt_eval_count": usage.input,
        "prompt_eval_duration": prompt,
        "eval_count": usage.output,
        "eval_duration": answer,
    }
    # Go leaves out what is 0 (omitempty).
    return {name: count for name, count in counts.items() if count}


def ollama_time(call: Call, number: int) -> str:
    """When a line was made, to the nanosecond; each line is later than the one before."""
    nanoseconds = int(call.digest[:7], 16) + number * 21_345_678
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    # Go's RFC3339Nano cuts trailing zeros, and the point if nothing is left behind it.
    digits = f"{this_second(call.second + seconds)}.{fraction:09d}".rstrip("0")
    return digits.rstrip(".") + "Z"


def ollama_tool_call(call: Call, part: ToolCall, number: int) -> Dict[str, Json]:
    """A tool call; its arguments are an object."""
    return {
        "id": part.id or "call_" + call.token(f"tool {number}", 8, LOWER_ALNUM),
        "function": {"index": number, "name": part.name, "arguments": dict(part.arguments)},
    }


NOTHING_LIKELY: Mapping[str, Json] = {}


def ollama_likely(call: Call, texts: Iterable[str]) -> Mapping[str, Json]:
    """How likely these pieces were, if the request asks for it; what is empty is left out."""
    if not wants_likely(call):
        return NOTHING_LIKELY
    tokens = [likely_token(text) for text in bounded_pieces(texts)]
    if not tokens:
        return NOTHING_LIKELY
    if not call.body.get("top_logprobs"):
        return {"logprobs": tokens}
    return {"logprobs": [{**token, "top_logprobs": [token]} for token in tokens]}


class Ollama(WireFormat):
    """What all APIs of Ollama share: no credential, errors of one key, lines of JSON."""

    provider = "ollama"
    credentials = ()  # a Bearer may come, and is ignored (2.3)
    layout: Callable[..., str] = staticmethod(go_json)  # and no line end behind a whole answer
    no_body = "missing request body"
    json_type = "application/json; charset=utf-8"
    stream_type = "application/x-ndjson"
    ping = b""  # there are none, and its client breaks on an empty line (section 13, verified)
    errors = OLLAMA_ERRORS
    fields: Mapping[str, str] = {
        "model": "a string!",
        "stream": "a boolean",
        "options": "an object",
        "logprobs": "a boolean",
        "top_logprobs": "an integer",
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
        kind = kind_of(wrong.found).split()[-1]  # without the article
        return Failure(
            400,
            f"json: cannot unmarshal {kind} into field {wrong.path or 'body'}: "
            f"expected {wrong.expected}",
        )

    def interruption(self, call: Call, failure: Failure, sent: int) -> Iterator[Tuple[str, Json]]:
        """One line that holds an error."""
        # ollama-python raises on it; the status was 200 (section 13, verified).
        yield "", {"error": failure.message}

    def schema(self, body: Field) -> Json:
        """`format`, where it is a schema: it may also be the word json."""
        schema = body.get("format")
        if not schema.is_a("an object"):
            return None
        return schema.value


class OllamaAnswer(Ollama):
    """What chat and generate share: a stream of objects, unless the request wants one."""

    places = OLLAMA_PLACES

    def streams(self, params: Mapping[str, str], body: Field) -> bool:
        """Yes, unless `stream` is false."""
        # Absent means yes, unlike everywhere else (2.2).
        return body.value.get("stream") is not False

    def is_content(self, name: str, value: Json) -> bool:
        """What `spoken` gives, and not only counts."""
        said = ("message", "response", "thinking")
        return any(has_words(within(value, key)) for key in said)

    def spoken(
        self, content: str = "", thinking: str = "", calls: Sequence[Json] = ()
    ) -> Dict[str, Json]:
        """The members of an object that hold what the model says in it."""
        raise NotImplementedError

    def finished(
        self, call: Call, reply: Reply, likely: Mapping[str, Json] = NOTHING_LIKELY
    ) -> Dict[str, Json]:
        """The members that only the last object has."""
        ended = {"done": True, "done_reason": said_stop(OLLAMA_STOPS, reply.stop)}
        if reply.stop in IDLE_STOPS and not reply.parts:
            return ended
        return {**ended, **self.counted_up(call, ollama_counts(call, reply.usage), likely)}

    def counted_up(
        self, call: Call, counts: Mapping[str, Json], likely: Mapping[str, Json]
    ) -> Dict[str, Json]:
        """The counts and what stands around them, in the order of the server's types (read)."""
        return {**likely, **counts}

    def whole(self, call: Call, reply: Reply) -> Json:
        """The one object."""
        texts = [part.text for part in reply.parts if isinstance(part, (Text, Refusal))]
        calls = [
            ollama_tool_call(call, part, number) for number, part in enumerate(reply.tool_calls)
        ]
        return {
            "model": reply.model,
            "created_at": ollama_time(call, 0),
            **self.spoken("".join(texts), reply.text(Reasoning) or "", calls),
            **self.finished(call, reply, ollama_likely(call, text_pieces(reply))),
        }

    def spoken_pieces(self, call: Call, reply: Reply) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """What the lines but the last say: a piece of text, or a whole tool call."""
        numbers = itertools.count()
        for run in walk(reply):
            if isinstance(run.part, ToolCall):
                # Arguments are an object, which can't be cut.
                tool_call = ollama_tool_call(call, run.part, next(numbers))
                yield {**self.spoken(calls=[tool_call]), "done": False}, ONCE
            elif isinstance(run.part, Reasoning):
                yield {**self.spoken(thinking=hole(0)), "done": False}, run.texts
            elif isinstance(run.part, Text) and wants_likely(call):
                for text in run.texts:
                    likely = ollama_likely(call, [text])
                    yield {**self.spoken(text), "done": False, **likely}, ONCE
            else:
                yield {**self.spoken(hole(0)), "done": False}, run.texts

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """A line a piece, a tool call in one; the last has the counts."""
        numbers = itertools.count()
        head = {"model": reply.model, "created_at": hole(1)}
        for spoken, texts in self.spoken_pieces(call, reply):
            stencil = Stencil({**head, **spoken}, go_json)
            for text, number in zip(texts, numbers):
                yield "", stencil.filled(text, ollama_time(call, number))
        last = {"model": reply.model, "created_at": ollama_time(call, next(numbers))}
        yield "", {**last, **self.spoken(), **self.finished(call, reply)}


class OllamaChat(OllamaAnswer):
    """chat: messages, and tools."""

    api = "chat"
    routes: Tuple[str, ...] = ("POST /api/chat", "POST {prefix*}/api/chat")
    # Without messages it loads the model, as with none of them (its documentation).
    fields = {**Ollama.fields, "messages": "an array", "tools": "an array"}
    tools = ChatRequest.tools  # they have OpenAI's form (2.2)

    def turns(self, body: Field) -> Iterator[Turn]:
        """The messages; images lie apart from their text."""
        for message in body.get("messages").objects():
            message.check({"role": "a string!", "content": "a string", "images": "an array"})
            role = message.get("role")
            # More are read than are named: some clients send OpenAI's.
            if role.value not in CHAT_ROLES:
                role.expected("one from system, user, assistant, tool")
            # Its own clients know a tool's result by the name of the tool.
            call_id = call_id_of(message.value, "tool_call_id", "tool_name", "name")
            yield Turn(CHAT_ROLES[role.value], message.value.get("content") or "", call_id)

    def spoken(
        self, content: str = "", thinking: str = "", calls: Sequence[Json] = ()
    ) -> Dict[str, Json]:
        """A message; its text is there even if it is empty."""
        message: Dict[str, Json] = {"role": "assistant", "content": content}
        if thinking:
            message["thinking"] = thinking
        if calls:
            message["tool_calls"] = calls
        return {"message": message}


class OllamaGenerate(OllamaChat):
    """generate: a prompt instead of messages, no tools."""

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

    def tools(self, body: Field) -> Iterator[str]:
        """None: there is no such field."""
        return iter(())

    def turns(self, body: Field) -> Iterator[Turn]:
        """System text and prompt."""
        system = body.get("system")
        if not system.is_absent:
            yield Turn("system", system.value)
        yield Turn("user", body.get("prompt").text(""))

    def spoken(
        self, content: str = "", thinking: str = "", calls: Sequence[Json] = ()
    ) -> Dict[str, Json]:
        """The texts, at the top level."""
        if not thinking:
            return {"response": content}
        return {"response": content, "thinking": thinking}

    def counted_up(
        self, call: Call, counts: Mapping[str, Json], likely: Mapping[str, Json]
    ) -> Dict[str, Json]:
        """With the tokens of the context."""
        numbers = [int(call.token(f"context {number}", 3, HEX), 16) for number in range(3)]
        return {"context": numbers, **counts, **likely}


class OllamaEmbed(Ollama):
    """embed: a vector an input."""

    operation, api = "embed", "embed"
    routes: Tuple[str, ...] = ("POST /api/embed", "POST {prefix*}/api/embed")
    fields: Mapping[str, str] = {**Ollama.fields, "input": "a string or an array!"}
    layout = staticmethod(by_rows(go_json))
    speaks = frozenset((Embedding,))

    def inputs(self, body: Field) -> List[str]:
        """One text, or several."""
        texts = body.get("input")
        if texts.is_a("a string"):
            return [texts.value]
        return texts_of(self.counted(texts))

    def whole(self, call: Call, reply: Reply) -> Json:
        """The embeddings with their times."""
        counts = ollama_counts(call, reply.usage)
        return {
            "model": reply.model,
            "embeddings": reply.vectors(len(call.inputs)),
            **{name: counts[name] for name in EMBED_COUNTS if name in counts},
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
        return {"embedding": reply.vectors(1)[0]}
