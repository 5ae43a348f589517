"""Mistral's chat completions, and fill in the middle (wire formats, section 12).  Pure."""

from __future__ import annotations

import itertools
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from ..ids import HEX, LOWER_ALNUM
from ..jsons import compact
from ..limits import Json
from ..node import Field
from ..values import Block, Call, Part, Reasoning, Reply, Text, ToolCall, Turn, Usage
from .likely import held_text, token_number
from .mistral import Mistral
from .openai_chat import OpenAIChat, logprobs, written_tokens
from .places import MISTRAL_PLACES
from .runs import ONCE, Stencil, Texts, hole, walk
from .shapes import present, said_stop, stop_of

# Finish reasons (section 12) by those of a reply; text that was stopped has none but `error`.
MISTRAL_STOPS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "error",
}


def mistral_content(pieces: Sequence[Tuple[Part, str]]) -> Json:
    """What is said: a string, or a list of parts where one is no text."""
    # Thoughts are what magistral models have, and a mock may have parts of its own (references);
    # all others answer with strings (section 12).
    if not any(isinstance(part, (Reasoning, Block)) for part, _ in pieces):
        return "".join(text for _, text in pieces)
    content = []
    for part, text in pieces:
        entry: Dict[str, Json] = {"type": "text", "text": text}
        if isinstance(part, Reasoning):
            entry = {"type": "thinking", "thinking": [entry]}
        elif isinstance(part, Block):
            entry = dict(part.value)
        content.append(entry)
    return content


def mistral_cached(usage: Usage) -> Optional[Dict[str, Json]]:
    """Tokens from a cache and for one, which nothing tells of unless there are some (quoted from
    its documentation, and from live answers in symfony/ai, 2343)."""
    details = written_tokens(usage)
    if usage.cached:
        details = {"cached_tokens": usage.cached, **details}
    return details or None


def mistral_logprobs(pieces: Iterable[Optional[str]], body: Json) -> Optional[Dict[str, Json]]:
    """Log probabilities as OpenAI has them, with the number of each token (in the SDK's types)."""
    found = logprobs(pieces, body)
    if found is None:
        return None
    content: List[Json] = []
    for entry in found["content"]:
        tops = [numbered_token(top) for top in entry["top_logprobs"]]
        content.append({**numbered_token(entry), "top_logprobs": tops})
    return {"content": content}


def numbered_token(entry: Dict[str, Json]) -> Dict[str, Json]:
    """A token with its number in the vocabulary, made from its text."""
    return {**entry, "token_id": token_number(entry["token"])}


def mistral_padding(call: Call, number: int) -> str:
    """A beginning of the alphabet and digits, as long as the request says."""
    length = 1 + int(call.token(f"pad {number}", 2, HEX), 16) % len(LOWER_ALNUM)
    return LOWER_ALNUM[:length]


# Its own beside those that OpenAI has, too (in the SDK's types).
MISTRAL_CHAT_FIELDS = {
    **OpenAIChat.fields,
    "random_seed": "an integer",
    "safe_prompt": "a boolean",
    "prompt_mode": "a string",
    "reasoning_effort": "a string",
    "guardrails": "an array",
    "prediction": "an object",
    "metadata": "an object",
    "min_tokens": "an integer",
    "prompt_cache_key": "a string",
    "top_logprobs": "an integer",
}


class MistralChat(Mistral, OpenAIChat):
    """Chat completions: bare ids, tool calls in one piece, the last chunk with finish reason and
    usage."""

    routes: Tuple[str, ...] = OpenAIChat.routes
    places = MISTRAL_PLACES
    fields = MISTRAL_CHAT_FIELDS
    has_logprobs = False  # not even null, where none are asked for
    has_custom_tools = False
    has_functions = False
    speaks = frozenset((*OpenAIChat.speaks, Block))

    def head(self, call: Call, reply: Reply, kind: str) -> Dict[str, Json]:
        """With an id of 32 hex digits."""
        return {**super().head(call, reply, kind), "id": reply.id or call.token("id", 32, HEX)}

    def tail(self, call: Call) -> Dict[str, Json]:
        """Nothing."""
        # No fingerprint and no tier (section 12, recorded).
        return {}

    def usage(self, reply: Reply) -> Dict[str, Json]:
        """Token counts, without details."""
        return {
            "prompt_tokens": reply.usage.input,
            "total_tokens": reply.usage.total,
            "completion_tokens": reply.usage.output,
            **present(prompt_tokens_details=mistral_cached(reply.usage)),
        }

    def finish_reason(self, call: Call, reply: Reply) -> str:
        """A refusal is text that ends with `error`, as what a filter stopped does."""
        return said_stop(MISTRAL_STOPS, stop_of(reply))

    def choice(
        self,
        call: Call,
        index: int,
        body: Dict[str, Json],
        finish: Optional[str],
        pieces: Iterable[Optional[str]] = (),
    ) -> Dict[str, Json]:
        """One choice, with log probabilities if the request asks for them."""
        choice = super().choice(call, index, body, finish)
        return {**choice, **present(logprobs=mistral_logprobs(pieces, call.body))}

    def tool_call(self, call: Call, part: ToolCall, number: int, choice: int) -> Dict[str, Json]:
        """A tool call; its id has 9 characters, as Mistral demands of clients too."""
        # Without `type`, and with an index even in a whole answer (section 12, recorded).
        return {
            "id": part.id or call.token(f"tool {choice} {number}", 9),
            "function": {"name": part.name, "arguments": compact(part.arguments)},
            "index": number,
        }

    def message(self, call: Call, reply: Reply, choice: int) -> Dict[str, Json]:
        """The assistant's message."""
        pieces = [
            (part, getattr(part, "text", ""))
            for part in reply.parts
            if not isinstance(part, ToolCall)
        ]
        return {
            "role": "assistant",
            "tool_calls": self.tool_calls(call, reply, choice) or None,
            "content": mistral_content(pieces),
        }

    def events(self, call: Call, reply: Reply) -> Iterator[Tuple[str, Json]]:
        """Chunks; tool calls and usage are on the last one of each choice, unasked."""
        head = self.head(call, reply, "chat.completion.chunk")
        finish = self.finish_reason(call, reply)
        for index in range(call.choices):
            numbers = itertools.count()
            for delta, texts in self.deltas(call, reply, index):
                choice = self.choice(call, index, {"delta": delta}, None, held_text(delta))
                chunk = {**head, "choices": [choice]}
                if texts is not ONCE:  # the first has no padding (recorded)
                    chunk["p"] = hole(1)
                stencil = Stencil(chunk)
                for text, number in zip(texts, numbers):
                    yield "", stencil.filled(text, mistral_padding(call, number))
            # Whole, in the chunk that ends the choice (section 12, recorded).
            calls = self.tool_calls(call, reply, index)
            delta = {"content": "", **present(tool_calls=calls or None)}
            last = self.choice(call, index, {"delta": delta}, finish)
            ended = {"choices": [last], "usage": self.usage(reply)}
            yield "", {**head, **ended, "p": mistral_padding(call, next(numbers))}
        yield "", "[DONE]"

    def deltas(
        self, call: Call, reply: Reply, choice: int
    ) -> Iterator[Tuple[Dict[str, Json], Texts]]:
        """The message in pieces, without its tool calls."""
        yield {"role": "assistant", "content": ""}, ONCE
        for run in walk(reply):
            if isinstance(run.part, Block):
                yield {"content": [run.part.value]}, iter([""])  # whole
            elif isinstance(run.part, Text) and call.body.get("logprobs") is True:
                for text in run.texts:  # each has probabilities of its own
                    yield {"content": text}, iter([""])
            elif not isinstance(run.part, ToolCall):
                yield {"content": mistral_content([(run.part, hole(0))])}, run.texts


class MistralFIM(MistralChat):
    """Fill in the middle: a prompt, and a suffix that the answer leads to."""

    api = "fim"
    speaks = OpenAIChat.speaks
    routes: Tuple[str, ...] = ("POST /v1/fim/completions", "POST {prefix*}/fim/completions")
    fields = {
        "model": "a string!",
        "prompt": "a string!",
        "suffix": "a string",
        "stream": "a boolean",
        "stop": "a string or an array",
        "temperature": "a number",
        "top_p": "a number",
        "max_tokens": "an integer",
        "min_tokens": "an integer",
        "random_seed": "an integer",
        "metadata": "an object",
        "prompt_cache_key": "a string",
    }

    def turns(self, body: Field) -> Iterator[Turn]:
        """The prompt counts as the user's text."""
        yield Turn("user", body.value["prompt"])
